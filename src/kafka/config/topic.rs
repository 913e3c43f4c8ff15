//! Topics.

use super::setting::{ConfigError, TopicSettings};
use crate::kafka::version::Version;
use crate::talk::Name;

/// A topic that exists from the beginning, or, if it is internal, once somebody needs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TopicSpec {
    /// Its name.
    pub name: Name,
    /// Whose it is.
    pub kind: TopicKind,
    /// How many partitions.
    pub partitions: u16,
    /// How many replicas each partition has; `None` for as many as there are brokers, at most 3.
    pub replication_factor: Option<u16>,
    /// For each partition the numbers of the brokers that have a replica, counted from 1, the
    /// preferred leader first. Partitions beyond the end of the list are placed by the cluster.
    pub assignment: Vec<Vec<u16>>,
    /// Its settings.
    pub settings: TopicSettings,
}

/// Whose a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// The users'.
    User,
    /// `__consumer_offsets`.
    Offsets,
    /// `__transaction_state`.
    Transactions,
}

impl TopicSpec {
    /// Changes a setting of the topic.
    ///
    /// # Errors
    /// There is no such setting in this version, or the value is not valid.
    pub fn set(&mut self, name: &str, value: &str, version: Version) -> Result<(), ConfigError> {
        self.settings.set(name, value, version)
    }

    /// The `min.insync.replicas` that counts: never more than there are replicas.
    ///
    /// Source: `Partition.effectiveMinIsr` of 4.1.1.
    pub fn min_insync(&self, replicas: usize) -> usize {
        (self.settings.min_insync_replicas as usize).min(replicas)
    }
}

/// `String.hashCode` of Java.
pub fn java_string_hash(text: &str) -> i32 {
    text.encode_utf16()
        .fold(0, |hash: i32, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
