//! The settings that the model acts on, each under its real name.

use crate::kafka::settings::{self, DefaultValue, Owner, Refused, Unknown};
use crate::kafka::version::Version;
use crate::kernel::Span;

/// Why a setting cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is none of this name.
    #[error("{name}: {why}")]
    Unknown {
        /// The name.
        name: String,
        /// Why not.
        why: Unknown,
    },
    /// Kafka refuses the value.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// How the text of a setting becomes a value.
trait Value: Sized {
    /// `unit` is the stretch that 1 stands for, where the setting is a time.
    fn read(text: &str, unit: Span) -> Option<Self>;
}

impl Value for Span {
    /// A negative number means without end.
    fn read(text: &str, unit: Span) -> Option<Span> {
        if text == "null" {
            return Some(Span::MAX);
        }
        let number: i64 = text.parse().ok()?;
        Some(u64::try_from(number).map_or(Span::MAX, |number| unit.times(number)))
    }
}

impl Value for u64 {
    fn read(text: &str, _: Span) -> Option<u64> {
        let number: i64 = text.parse().ok()?;
        Some(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl Value for bool {
    fn read(text: &str, _: Span) -> Option<bool> {
        Some(text.eq_ignore_ascii_case("true"))
    }
}

/// In thousandths.
impl Value for u16 {
    fn read(text: &str, _: Span) -> Option<u16> {
        let ratio: f64 = text.parse().ok()?;
        Some((ratio.clamp(0.0, 1.0) * 1_000.0).round() as u16)
    }
}

/// What 1 stands for in a setting of this name.
fn unit(name: &str) -> Span {
    match name.rsplit('.').next() {
        Some("hours") => Span::from_secs(3_600),
        Some("minutes") => Span::from_secs(60),
        Some("seconds") => Span::from_secs(1),
        _ => Span::from_millis(1),
    }
}

fn read<T: Value>(name: &str, text: &str) -> Option<T> {
    T::read(text.trim(), unit(name))
}

/// The default of a setting; that of 4.1 where this version does not have it.
fn default(owner: Owner, name: &str, version: Version) -> &'static str {
    let row = settings::find(owner, name, version)
        .or_else(|_| settings::find(owner, name, Version::new(4, 1)))
        .or_else(|_| settings::find(owner, name, Version::new(3, 9)));
    match row.map(|row| row.default) {
        Ok(DefaultValue::Value(text)) => text,
        _ => "null",
    }
}

/// Looks a setting up and checks its value.
fn check(owner: Owner, name: &str, value: &str, version: Version) -> Result<(), ConfigError> {
    let row = settings::find(owner, name, version)
        .map_err(|why| ConfigError::Unknown { name: name.to_owned(), why })?;
    Ok(row.check(value)?)
}

/// Makes a struct of settings from one table of fields and names.
macro_rules! settings {
    (
        $(#[doc = $about:literal])* $Name:ident of $owner:expr;
        $($(#[doc = $doc:literal])* $field:ident: $Type:ty = $name:literal;)*
        $(+ $(#[doc = $more:literal])* $extra:ident: $Extra:ty = $initial:expr;)*
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $Name {
            $($(#[doc = $doc])* #[doc = concat!("`", $name, "`.")] pub $field: $Type,)*
            $($(#[doc = $more])* pub $extra: $Extra,)*
        }

        impl $Name {
            /// The defaults of a version.
            pub fn new(version: Version) -> $Name {
                $Name {
                    $($field: read($name, default($owner, $name, version)).unwrap_or_default(),)*
                    $($extra: $initial(version),)*
                }
            }

            /// Sets the field of this name, if there is one.
            fn put(&mut self, name: &str, value: &str) {
                match name {
                    $($name => if let Some(value) = read($name, value) { self.$field = value },)*
                    _ => {}
                }
            }
        }
    };
}

settings! {
    /// `server.properties`, as far as the model acts on it.
    BrokerSettings of Owner::Broker;
    /// After what time a follower that has not caught up leaves the in-sync replicas.
    replica_lag_time_max: Span = "replica.lag.time.max.ms";
    /// How long a leader keeps a follower's fetch that has nothing to get.
    replica_fetch_wait_max: Span = "replica.fetch.wait.max.ms";
    /// For how many bytes a follower waits.
    replica_fetch_min_bytes: u64 = "replica.fetch.min.bytes";
    /// How much of a partition a follower fetches at once.
    replica_fetch_max_bytes: u64 = "replica.fetch.max.bytes";
    /// How much a follower fetches at once.
    replica_fetch_response_max_bytes: u64 = "replica.fetch.response.max.bytes";
    /// How long a follower waits after an error.
    replica_fetch_backoff: Span = "replica.fetch.backoff.ms";
    /// How long a follower waits for an answer.
    replica_socket_timeout: Span = "replica.socket.timeout.ms";
    /// How often the high watermark is written down.
    high_watermark_checkpoint: Span = "replica.high.watermark.checkpoint.interval.ms";
    /// How often a broker lets the controller know that it lives.
    broker_heartbeat_interval: Span = "broker.heartbeat.interval.ms";
    /// After what silence the controller fences it.
    broker_session_timeout: Span = "broker.session.timeout.ms";
    /// The same, where there is `ZooKeeper`.
    zookeeper_session_timeout: Span = "zookeeper.session.timeout.ms";
    /// A broker that stops hands its partitions over first.
    controlled_shutdown: bool = "controlled.shutdown.enable";
    /// Preferred leaders get their partitions back.
    auto_leader_rebalance: bool = "auto.leader.rebalance.enable";
    /// How often.
    leader_imbalance_check: Span = "leader.imbalance.check.interval.seconds";
    /// How long a controller waits for a sign of the active one.
    quorum_fetch_timeout: Span = "controller.quorum.fetch.timeout.ms";
    /// How long a candidate waits for votes.
    quorum_election_timeout: Span = "controller.quorum.election.timeout.ms";
    /// Topics that are asked for are created.
    auto_create_topics: bool = "auto.create.topics.enable";
    /// How often retention is looked at.
    retention_check_interval: Span = "log.retention.check.interval.ms";
    /// How long the cleaner sleeps.
    cleaner_backoff: Span = "log.cleaner.backoff.ms";
    /// There is a cleaner.
    cleaner_enable: bool = "log.cleaner.enable";
    /// How long the sequence numbers of a silent producer are remembered.
    producer_id_expiration: Span = "producer.id.expiration.ms";
    /// How often it is looked for silent producers.
    producer_id_expiration_check: Span = "producer.id.expiration.check.interval.ms";
    /// Partitions of `__consumer_offsets`.
    offsets_topic_partitions: u64 = "offsets.topic.num.partitions";
    /// Its replicas.
    offsets_topic_replication: u64 = "offsets.topic.replication.factor";
    /// How long a commit waits for the in-sync replicas.
    offsets_commit_timeout: Span = "offsets.commit.timeout.ms";
    /// How long offsets of an empty group are kept.
    offsets_retention: Span = "offsets.retention.minutes";
    /// How often it is looked for old ones.
    offsets_retention_check_interval: Span = "offsets.retention.check.interval.ms";
    /// How long the first rebalance of a group waits for more members.
    group_initial_rebalance_delay: Span = "group.initial.rebalance.delay.ms";
    /// The shortest session timeout that is allowed.
    group_min_session_timeout: Span = "group.min.session.timeout.ms";
    /// The longest one.
    group_max_session_timeout: Span = "group.max.session.timeout.ms";
    /// The most members of a group.
    group_max_size: u64 = "group.max.size";
    /// How often members of the consumer protocol send a heartbeat.
    group_consumer_heartbeat_interval: Span = "group.consumer.heartbeat.interval.ms";
    /// After what silence they are removed.
    group_consumer_session_timeout: Span = "group.consumer.session.timeout.ms";
    /// The most members of such a group.
    group_consumer_max_size: u64 = "group.consumer.max.size";
    /// The least time between two assignments (4.3).
    group_consumer_assignment_interval: Span = "group.consumer.assignment.interval.ms";
    /// How often members of a share group send a heartbeat.
    group_share_heartbeat_interval: Span = "group.share.heartbeat.interval.ms";
    /// After what silence they are removed.
    group_share_session_timeout: Span = "group.share.session.timeout.ms";
    /// How often a record of a share group is delivered at most.
    group_share_delivery_count_limit: u64 = "group.share.delivery.count.limit";
    /// How long a record stays acquired.
    group_share_record_lock_duration: Span = "group.share.record.lock.duration.ms";
    /// How many records of a partition can be acquired.
    group_share_partition_max_record_locks: u64 = "group.share.partition.max.record.locks";
    /// Partitions of `__transaction_state`.
    transaction_topic_partitions: u64 = "transaction.state.log.num.partitions";
    /// Its replicas.
    transaction_topic_replication: u64 = "transaction.state.log.replication.factor";
    /// Its `min.insync.replicas`.
    transaction_topic_min_isr: u64 = "transaction.state.log.min.isr";
    /// The longest `transaction.timeout.ms` that is allowed.
    transaction_max_timeout: Span = "transaction.max.timeout.ms";
    /// How often it is looked for transactions that took too long.
    transaction_abort_interval: Span = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    /// A leader asks whether a transaction is open (3.6).
    transaction_partition_verification: bool = "transaction.partition.verification.enable";
    /// How long an unused transactional id is remembered.
    transactional_id_expiration: Span = "transactional.id.expiration.ms";
    + /// What topics inherit.
    topic: TopicSettings = TopicSettings::new;
}

settings! {
    /// The settings of a topic, as far as the model acts on them.
    TopicSettings of Owner::Topic;
    /// How many replicas must be in sync for `acks=all`.
    min_insync_replicas: u64 = "min.insync.replicas";
    /// A replica that lacks records may lead when there is no other.
    unclean_leader_election: bool = "unclean.leader.election.enable";
    /// How old records become.
    retention: Span = "retention.ms";
    /// How many bytes a partition keeps; without end when it is the largest number.
    retention_bytes: u64 = "retention.bytes";
    /// How large a segment becomes.
    segment_bytes: u64 = "segment.bytes";
    /// How old the first record of a segment becomes before the next one is begun.
    segment_age: Span = "segment.ms";
    /// How long tombstones are kept.
    delete_retention: Span = "delete.retention.ms";
    /// How young records are not compacted.
    min_compaction_lag: Span = "min.compaction.lag.ms";
    /// How old records are compacted in any case.
    max_compaction_lag: Span = "max.compaction.lag.ms";
    /// In thousandths, how much of a log must be new before it is compacted.
    min_cleanable_ratio: u16 = "min.cleanable.dirty.ratio";
    /// After how many records a log is synced.
    flush_messages: u64 = "flush.messages";
    /// After what time a log is synced.
    flush_after: Span = "flush.ms";
    /// After what time a deleted segment is gone from the disk.
    file_delete_delay: Span = "file.delete.delay.ms";
    + /// `cleanup.policy` has `delete`.
    delete: bool = |_| true;
    + /// `cleanup.policy` has `compact`.
    compact: bool = |_| false;
}

/// The names under which brokers have what topics inherit.
///
/// Source: `ServerTopicConfigSynonyms` of 4.1.1.
const INHERITED: &[(&str, &str)] = &[
    ("log.cleanup.policy", "cleanup.policy"),
    ("log.segment.bytes", "segment.bytes"),
    ("log.roll.ms", "segment.ms"),
    ("log.roll.hours", "segment.ms"),
    ("log.retention.ms", "retention.ms"),
    ("log.retention.minutes", "retention.ms"),
    ("log.retention.hours", "retention.ms"),
    ("log.retention.bytes", "retention.bytes"),
    ("log.cleaner.delete.retention.ms", "delete.retention.ms"),
    ("log.cleaner.min.compaction.lag.ms", "min.compaction.lag.ms"),
    ("log.cleaner.max.compaction.lag.ms", "max.compaction.lag.ms"),
    ("log.cleaner.min.cleanable.ratio", "min.cleanable.dirty.ratio"),
    ("log.flush.interval.messages", "flush.messages"),
    ("log.flush.interval.ms", "flush.ms"),
    ("log.segment.delete.delay.ms", "file.delete.delay.ms"),
    ("min.insync.replicas", "min.insync.replicas"),
    ("unclean.leader.election.enable", "unclean.leader.election.enable"),
];

impl BrokerSettings {
    /// Sets a line of `server.properties`.
    ///
    /// # Errors
    /// There is no such setting in this version, or the value is not valid.
    pub fn set(&mut self, name: &str, value: &str, version: Version) -> Result<(), ConfigError> {
        check(Owner::Broker, name, value, version)?;
        self.put(name, value);
        if let Some((_, topics)) = INHERITED.iter().find(|(brokers, _)| *brokers == name) {
            let by_millis = match (unit(name), value.trim().parse::<u64>()) {
                (unit, Ok(number)) if unit != Span::from_millis(1) => {
                    unit.times(number).as_millis().to_string()
                }
                _ => value.to_owned(),
            };
            self.topic.assign(topics, &by_millis);
        }
        Ok(())
    }
}

impl TopicSettings {
    /// Changes a setting of a topic.
    ///
    /// # Errors
    /// There is no such setting in this version, or the value is not valid.
    pub fn set(&mut self, name: &str, value: &str, version: Version) -> Result<(), ConfigError> {
        check(Owner::Topic, name, value, version)?;
        self.assign(name, value);
        Ok(())
    }

    fn assign(&mut self, name: &str, value: &str) {
        if name == "cleanup.policy" {
            let has = |word| value.trim_matches(['[', ']']).split(',').any(|it| it.trim() == word);
            (self.delete, self.compact) = (has("delete"), has("compact"));
        }
        self.put(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V: Version = Version::new(4, 1);

    #[test]
    fn defaults_are_those_of_the_version() {
        let settings = BrokerSettings::new(V);
        assert_eq!(settings.replica_lag_time_max, Span::from_secs(30));
        assert_eq!(settings.broker_session_timeout, Span::from_secs(9));
        assert_eq!(settings.leader_imbalance_check, Span::from_secs(300));
        assert_eq!(settings.topic.retention, Span::from_secs(7 * 86_400));
        assert_eq!(settings.topic.retention_bytes, u64::MAX);
        assert_eq!(settings.topic.min_cleanable_ratio, 500);
        assert_eq!(settings.group_initial_rebalance_delay, Span::from_secs(3));
        assert_eq!(settings.zookeeper_session_timeout, Span::from_secs(18));
        assert_eq!(settings.topic.flush_messages, i64::MAX as u64);
    }

    #[test]
    fn topics_inherit_what_brokers_have_under_another_name() {
        let mut settings = BrokerSettings::new(V);
        settings.set("log.retention.minutes", "2", V).expect("a setting");
        settings.set("log.cleanup.policy", "compact,delete", V).expect("a setting");
        settings.set("min.insync.replicas", "2", V).expect("a setting");
        assert_eq!(settings.topic.retention, Span::from_secs(120));
        assert!(settings.topic.compact && settings.topic.delete);
        assert_eq!(settings.topic.min_insync_replicas, 2);
    }

    #[test]
    fn what_kafka_refuses_is_refused() {
        let mut settings = BrokerSettings::new(V);
        assert!(settings.set("min.insync.replicas", "0", V).is_err());
        assert!(settings.set("min.insync.replica", "1", V).is_err());
        assert!(settings.topic.set("retention.ms", "soon", V).is_err());
    }
}
