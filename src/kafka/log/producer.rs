//! What a log remembers of one producer.
//!
//! Source: `ProducerStateEntry` and `ProducerAppendInfo` of 4.1.1.

use crate::kernel::Time;
use crate::talk::kafka::{Code, Offset, ProducerStamp};

/// Sequence numbers wrap around after `i32::MAX`.
const SEQUENCES: u32 = 0x7FFF_FFFF;

/// How many batches of a producer are remembered (`NUM_BATCHES_TO_RETAIN`). It is why an idempotent
/// producer may have at most five requests in flight (KAFKA-5494).
pub const BATCHES_REMEMBERED: usize = 5;

/// A batch that was appended (`BatchMetadata`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    pub(super) last_sequence: u32,
    /// How far its last record is from its first.
    pub(super) delta: u32,
    pub(super) last_offset: Offset,
}

impl Seen {
    fn first_sequence(self) -> u32 {
        self.last_sequence.wrapping_sub(self.delta) & SEQUENCES
    }

    pub(super) fn first_offset(self) -> Offset {
        self.last_offset - Offset::from(self.delta)
    }
}

/// What a log remembers of one producer. Equal memories are equal values: places that hold nothing
/// are zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Producer {
    pub(super) epoch: u16,
    /// The epoch of the transaction coordinator whose marker came last.
    pub(super) coordinator_epoch: Option<u32>,
    /// The timestamp of what it wrote last.
    pub(super) last_timestamp: Time,
    /// Where its open transaction begins.
    pub(super) txn_first: Option<Offset>,
    seen: [Seen; BATCHES_REMEMBERED],
    known: u8,
}

impl Producer {
    pub(super) fn new(epoch: u16) -> Producer {
        Producer {
            epoch,
            coordinator_epoch: None,
            last_timestamp: Time::ZERO,
            txn_first: None,
            seen: Default::default(),
            known: 0,
        }
    }

    fn seen(&self) -> &[Seen] {
        &self.seen[..usize::from(self.known)] // `known` is at most the length
    }

    /// Its last batch in this epoch.
    pub(super) fn last(&self) -> Option<Seen> {
        self.seen().last().copied()
    }

    /// The batch with exactly these sequence numbers, if it is remembered (`findDuplicateBatch`).
    pub(super) fn duplicate(&self, epoch: u16, first: u32, last: u32) -> Option<Seen> {
        let same = |it: &&Seen| it.first_sequence() == first && it.last_sequence == last;
        if epoch == self.epoch { self.seen().iter().find(same).copied() } else { None }
    }

    /// A higher epoch begins: the numbers of the one before do not count any more
    /// (`maybeUpdateProducerEpoch`).
    pub(super) fn enter(&mut self, epoch: u16) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.seen = Default::default();
            self.known = 0;
        }
    }

    /// It wrote a batch.
    pub(super) fn add(&mut self, batch: Seen) {
        if usize::from(self.known) == BATCHES_REMEMBERED {
            self.seen.rotate_left(1);
        } else {
            self.known += 1;
        }
        self.seen[usize::from(self.known) - 1] = batch; // at least 1 and at most the length
    }

    /// What a snapshot keeps: of its batches only the last (`ProducerStateManager.writeSnapshot`).
    pub(super) fn condensed(&self) -> Producer {
        let last = self.last();
        let mut condensed = Producer { seen: Default::default(), known: 0, ..self.clone() };
        if let Some(last) = last {
            condensed.add(last);
        }
        condensed
    }
}

/// Whether a producer's batch may follow what it wrote before (`checkSequence`).
///
/// # Errors
/// `OUT_OF_ORDER_SEQUENCE_NUMBER`. Numbers that were appended longer ago than [`BATCHES_REMEMBERED`]
/// batches are refused with it as well: no broker of these versions sends
/// `DUPLICATE_SEQUENCE_NUMBER`.
pub(super) fn check_sequence(known: Option<&Producer>, stamp: ProducerStamp) -> Result<(), Code> {
    let in_order = match known {
        // Nothing is known of it, perhaps since retention took all that it wrote, or it was silent
        // for too long: it may begin anywhere.
        None => true,
        Some(known) if known.epoch != stamp.epoch => stamp.base_sequence == 0,
        Some(known) => {
            let next = known.last().map_or(0, |it| it.last_sequence.wrapping_add(1) & SEQUENCES);
            stamp.base_sequence == next
        }
    };
    if in_order { Ok(()) } else { Err(Code::OutOfOrderSequenceNumber) }
}

/// Whether its epoch is fenced (`checkProducerEpoch`).
///
/// # Errors
/// `INVALID_PRODUCER_EPOCH`: a higher epoch wrote already.
pub(super) fn check_epoch(known: Option<&Producer>, epoch: u16) -> Result<(), Code> {
    match known {
        Some(known) if epoch < known.epoch => Err(Code::InvalidProducerEpoch),
        _ => Ok(()),
    }
}
