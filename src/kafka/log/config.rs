//! What a log goes by.

use crate::kafka::Profile;
use crate::kafka::config::{BrokerSettings, TopicSettings};
use crate::kafka::version::Version;
use crate::kernel::Span;

/// What a log goes by. It never changes while the log is open.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogConfig {
    /// The settings of its topic.
    pub topic: TopicSettings,
    /// How long a silent producer is remembered.
    pub producer_expiration: Span,
    /// The first records of a transaction need a guard: the coordinator was asked (3.6, KIP-890).
    pub verify_transactions: bool,
}

impl LogConfig {
    /// The configuration of a topic's logs on a broker.
    pub fn new(topic: &TopicSettings, broker: &BrokerSettings, profile: &Profile) -> LogConfig {
        // Before `producer.id.expiration.ms` a producer was remembered as long as its transactional
        // id (KIP-854, 3.4).
        let producer_expiration = if profile.version < Version::new(3, 4) {
            broker.transactional_id_expiration
        } else {
            broker.producer_id_expiration
        };
        LogConfig {
            topic: topic.clone(),
            producer_expiration,
            verify_transactions: profile.verifies_transactions
                && broker.transaction_partition_verification,
        }
    }

    /// After what time a segment is closed. Under compaction `max.compaction.lag.ms` bounds it, since
    /// the active segment is never compacted. Source: `LogConfig.maxSegmentMs` of 4.1.1.
    pub(super) fn segment_age(&self) -> Span {
        match self.topic.compact && !self.topic.max_compaction_lag.is_zero() {
            true => self.topic.segment_age.min(self.topic.max_compaction_lag),
            false => self.topic.segment_age,
        }
    }
}

impl Default for LogConfig {
    /// The defaults of 4.1.
    fn default() -> LogConfig {
        let profile = Profile::default();
        let broker = BrokerSettings::new(profile.version);
        LogConfig::new(&broker.topic, &broker, &profile)
    }
}
