//! Share groups (KIP-932).

use super::super::name::Name;
use super::{Batch, GroupId, Offset, TopicPartition};
use crate::kernel::Span;

/// `ShareFetch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShareFetch {
    /// Which group.
    pub group: GroupId,
    /// Which member.
    pub member: Name,
    /// How long the broker waits for records.
    pub max_wait: Span,
    /// At most so many records.
    pub max_records: u32,
    /// From where.
    pub partitions: Vec<TopicPartition>,
    /// What it acknowledges by the way.
    pub acknowledgements: Vec<(TopicPartition, Vec<(Offset, Verdict)>)>,
}

/// `ShareAcknowledge`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acknowledge {
    /// Which group.
    pub group: GroupId,
    /// Which member.
    pub member: Name,
    /// For each partition the records and what became of them.
    pub acknowledgements: Vec<(TopicPartition, Vec<(Offset, Verdict)>)>,
}

/// What became of a record (`AcknowledgeType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// It was processed.
    Accept,
    /// It was not, and may be tried again.
    Release,
    /// It was not, and must not be tried again.
    Reject,
}

/// Records that a member has acquired.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acquired {
    /// The batches that hold them, and perhaps others.
    pub batches: Vec<Batch>,
    /// Which offsets are acquired, and how often each was delivered, this time included.
    pub records: Vec<(Offset, u16)>,
}
