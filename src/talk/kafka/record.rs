//! Records and batches.

use std::sync::Arc;

use super::super::name::MessageId;
use super::super::parcel::Parcel;
use crate::kernel::Time;

/// A place in a partition, from 0. Offsets are not dense: transaction markers take one each, and
/// compaction leaves gaps.
pub type Offset = u64;

/// One record, as a producer made it. Replicas, fetches and consumers share it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// Which message it is.
    pub id: MessageId,
    /// The entity that the message is about, by number, for claims about order; 0 when none.
    pub entity: u32,
    /// Which key of its key pattern it has. Together with `pattern` it is the identity of the key.
    pub key: u32,
    /// Which pattern the bytes of its key follow, from 1, in the list of the system; 0 is no key.
    pub pattern: u16,
    /// Which send of this message by an application it stems from: 0 the first, 1 the first resend
    /// or retry, and so on. Retries inside a client keep it.
    pub copy: u16,
    /// How many bytes key, value and headers take.
    pub size: u32,
    /// Its timestamp: when it was created (`message.timestamp.type=CreateTime`).
    pub timestamp: Time,
    /// Its value is null: under compaction it deletes its key.
    pub tombstone: bool,
    /// What its header says about how often it was tried before, for retry topics.
    pub attempt: u8,
}

impl Record {
    /// The identity of its key: equal for equal bytes. `None` without a key.
    pub const fn key_identity(&self) -> Option<(u16, u32)> {
        if self.pattern == 0 { None } else { Some((self.pattern, self.key)) }
    }
}

/// Who produced a batch, and in which order: what makes a producer idempotent (KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerStamp {
    /// The producer id that the broker gave.
    pub id: u32,
    /// Its epoch: a higher one fences lower ones.
    pub epoch: u16,
    /// The number of the first record among all that this producer sent to this partition.
    pub base_sequence: u32,
    /// The batch is part of a transaction.
    pub transactional: bool,
}

/// Consecutive records that were written together. A producer makes it with `base_offset` and
/// `leader_epoch` 0; the leader that appends it fills them in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Batch {
    /// The offset of its first record.
    pub base_offset: Offset,
    /// The epoch of the leader that appended it (KIP-101).
    pub leader_epoch: u32,
    /// Who produced it, when that is known.
    pub producer: Option<ProducerStamp>,
    /// What is in it.
    pub body: Body,
}

/// What a batch holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Records with dense offsets.
    Records(Arc<[Record]>),
    /// What compaction left of it: how far each record is from `base_offset`, and how many offsets
    /// the batch spans as before.
    Compacted {
        /// The records that are left.
        left: Arc<[(u32, Record)]>,
        /// How many offsets it spans.
        span: u32,
    },
    /// A control record: a transaction of the producer of this batch ends here.
    Marker {
        /// It commits; otherwise it aborts.
        commit: bool,
        /// The epoch of the transaction coordinator that wrote it.
        coordinator_epoch: u32,
    },
    /// A record of an internal topic. Only the coordinators that write it can read it.
    Internal(Parcel),
}

impl Batch {
    /// How many offsets it spans; at least 1 once it is in a log.
    pub fn span(&self) -> u32 {
        match &self.body {
            Body::Records(records) => records.len() as u32,
            Body::Compacted { span, .. } => *span,
            Body::Marker { .. } | Body::Internal(_) => 1,
        }
    }

    /// The first offset after it.
    pub fn end(&self) -> Offset {
        self.base_offset + Offset::from(self.span())
    }

    /// The sequence number of its last record, if it has sequence numbers. They wrap around after
    /// `i32::MAX` (`DefaultRecordBatch.incrementSequence`).
    pub fn last_sequence(&self) -> Option<u32> {
        let stamp = self.producer?;
        matches!(self.body, Body::Records(_) | Body::Compacted { .. })
            .then(|| stamp.base_sequence.wrapping_add(self.span() - 1) & 0x7FFF_FFFF)
    }

    /// Its records with their offsets; none for markers and internal records.
    pub fn records(&self) -> impl Iterator<Item = (Offset, &Record)> {
        let (dense, sparse): (&[Record], &[(u32, Record)]) = match &self.body {
            Body::Records(records) => (records, &[]),
            Body::Compacted { left, .. } => (&[], left),
            Body::Marker { .. } | Body::Internal(_) => (&[], &[]),
        };
        let base = self.base_offset;
        let dense = (base..).zip(dense);
        dense.chain(sparse.iter().map(move |(delta, record)| (base + Offset::from(*delta), record)))
    }

    /// How many bytes it takes in a log, about: 61 for the header of a batch (KIP-98) and 7 for each
    /// record, uncompressed.
    pub fn bytes(&self) -> u64 {
        61 + match &self.body {
            Body::Records(records) => records.iter().map(size).sum(),
            Body::Compacted { left, .. } => left.iter().map(|(_, record)| size(record)).sum(),
            Body::Marker { .. } => 17, // 78 in all, as in a real log
            Body::Internal(_) => 100,
        }
    }

    /// The largest timestamp of its records, by which retention goes.
    pub fn max_timestamp(&self) -> Option<Time> {
        self.records().map(|(_, record)| record.timestamp).max()
    }
}

const fn size(record: &Record) -> u64 {
    record.size as u64 + 7
}

/// A transaction that was aborted, as a fetch response lists it: a reader of committed records
/// leaves out what this producer wrote from `first` on, up to its next marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Aborted {
    /// Whose.
    pub producer: u32,
    /// The offset of its first record.
    pub first: Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_small_since_a_partition_stores_many() {
        assert_eq!(size_of::<Record>(), 32);
    }

    #[test]
    fn a_compacted_batch_spans_the_offsets_that_it_spanned_before() {
        let left = [(1, Record { id: MessageId(7), ..Record::default() })];
        let body = Body::Compacted { left: left.into(), span: 3 };
        let batch = Batch { base_offset: 10, leader_epoch: 0, producer: None, body };
        assert_eq!(batch.end(), 13);
        let offsets: Vec<_> =
            batch.records().map(|(offset, record)| (offset, record.id.0)).collect();
        assert_eq!(offsets, [(11, 7)]);
    }
}
