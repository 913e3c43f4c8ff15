//! What a group coordinator writes to its partition of `__consumer_offsets`.

use super::classic::ClassicRecord;
use super::consumer::Change;
use crate::kernel::Time;
use crate::talk::kafka::{GroupId, Offset, TopicPartition};

/// A record. Kafka splits what is one record here into several, with keys by which the topic is
/// compacted; together they say the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Record {
    /// A classic group as a whole; `None` deletes the group.
    Classic(GroupId, Option<Box<ClassicRecord>>),
    /// What changed in a group whose partitions the broker assigns.
    Consumer(GroupId, Vec<Change>),
    /// Offsets that were committed together.
    Offsets {
        /// By which group.
        group: GroupId,
        /// When.
        at: Time,
        /// The next offset to read, for each partition.
        offsets: Vec<(TopicPartition, Option<Offset>)>,
    },
    /// Offsets that expired.
    Expired(GroupId, Vec<TopicPartition>),
}
