//! What a log remembers of its producers: sequence numbers, transactions, verifications.
//!
//! Source: `ProducerStateManager`, `ProducerAppendInfo`, `VerificationStateEntry` and
//! `UnifiedLog.analyzeAndValidateProducerState` of 4.1.1.

use std::collections::BTreeMap;

use super::producer::{Producer, Seen, check_epoch, check_sequence};
use super::segment::AbortedTxn;
use crate::kernel::{Span, Time};
use crate::talk::kafka::{Batch, Body, Code, Offset, ProducerStamp};

/// The right to append the first records of a transaction: given before the coordinator is asked
/// whether the transaction is open, taken away when a marker comes in between (KIP-890).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guard(u64);

/// Who appends to a leader, which says what is checked (`AppendOrigin`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A producer: epoch, sequence numbers and transaction.
    Client {
        /// What [`Log::begin_verification`](super::Log::begin_verification) gave.
        guard: Option<Guard>,
    },
    /// A coordinator, for the offsets of a transaction or for a marker: epoch and transaction.
    Coordinator {
        /// The same.
        guard: Option<Guard>,
    },
}

impl Origin {
    /// A client whose batch needs no verification.
    pub const CLIENT: Origin = Origin::Client { guard: None };
    /// A coordinator whose batch needs no verification.
    pub const COORDINATOR: Origin = Origin::Coordinator { guard: None };

    const fn guard(self) -> Option<Guard> {
        match self {
            Origin::Client { guard } | Origin::Coordinator { guard } => guard,
        }
    }
}

/// A verification that is under way, or done and not used yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Verification {
    guard: Guard,
    since: Time,
    epoch: u16,
    lowest_sequence: u32,
    /// The client speaks `transaction.version` 2.
    epoch_bump: bool,
}

/// A transaction that has its marker, perhaps above the high watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Completed {
    first: Offset,
    marker: Offset,
}

/// The producers of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Producers {
    known: BTreeMap<u32, Producer>,
    /// Open transactions, by their first offset.
    ongoing: BTreeMap<Offset, u32>,
    /// Transactions whose marker may not be replicated yet, in the order of their markers.
    unreplicated: Vec<Completed>,
    verifying: BTreeMap<u32, Verification>,
    guards: u64,
}

impl Producers {
    pub(super) fn get(&self, id: u32) -> Option<&Producer> {
        self.known.get(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether this producer has an open transaction here (`hasOngoingTransaction`).
    pub(super) fn has_ongoing(&self, id: u32, epoch: u16) -> bool {
        self.get(id).is_some_and(|it| it.txn_first.is_some() && it.epoch == epoch)
    }

    /// Where open and unreplicated transactions begin; what is before that is decided
    /// (`firstUnstableOffset`). A marker below the high watermark is replicated.
    pub(super) fn first_unstable(&self, high_watermark: Offset) -> Option<Offset> {
        let open = self.ongoing.keys().next().copied();
        let pending = self.unreplicated.iter().filter(|txn| txn.marker >= high_watermark);
        pending.map(|txn| txn.first).chain(open).min()
    }

    /// Markers below this offset are replicated, or gone.
    pub(super) fn settle(&mut self, below: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|txn| txn.marker >= below);
        }
    }

    /// The batch with the same sequence numbers, if it is remembered.
    pub(super) fn duplicate(&self, batch: &Batch) -> Option<Seen> {
        let stamp = batch.producer?;
        self.get(stamp.id)?.duplicate(stamp.epoch, stamp.base_sequence, batch.last_sequence()?)
    }

    /// Whether a leader takes the batch.
    pub(super) fn check(&self, batch: &Batch, origin: Origin, verify: bool) -> Result<(), Code> {
        let Some(stamp) = batch.producer else { return Ok(()) };
        let known = self.get(stamp.id);
        check_epoch(known, stamp.epoch)?;
        if let Body::Marker { coordinator_epoch, .. } = batch.body {
            let newest = known.and_then(|it| it.coordinator_epoch);
            return match newest > Some(coordinator_epoch) {
                true => Err(Code::TransactionCoordinatorFenced),
                false => Ok(()),
            };
        }
        let verification = self.verifying.get(&stamp.id);
        let ongoing = self.has_ongoing(stamp.id, stamp.epoch);
        if verify && stamp.transactional && !ongoing {
            let guard = verification.map(|it| it.guard);
            if guard.is_none() || guard != origin.guard() {
                return Err(Code::InvalidTxnState);
            }
        }
        if matches!(origin, Origin::Client { .. }) {
            if let Some(verification) = verification {
                check_verified_sequence(known, stamp, verification)?;
            }
            check_sequence(known, stamp)?;
        }
        match known.and_then(|it| it.txn_first) {
            Some(_) if !stamp.transactional => Err(Code::InvalidTxnState),
            _ => Ok(()),
        }
    }

    /// Takes note of a batch that is in the log now. Gives the transaction that it aborts, for the
    /// index of its segment.
    pub(super) fn note(&mut self, batch: &Batch, timestamp: Time) -> Option<AbortedTxn> {
        let stamp = batch.producer?;
        let known = self.known.entry(stamp.id).or_insert_with(|| Producer::new(stamp.epoch));
        known.enter(stamp.epoch);
        known.last_timestamp = timestamp;
        if let Body::Marker { commit, coordinator_epoch } = batch.body {
            known.coordinator_epoch = Some(coordinator_epoch);
            self.verifying.remove(&stamp.id);
            let first = known.txn_first.take()?;
            self.ongoing.remove(&first);
            let last = batch.base_offset;
            self.unreplicated.push(Completed { first, marker: last });
            return (!commit).then_some(AbortedTxn { producer: stamp.id, first, last });
        }
        if let Some(last_sequence) = batch.last_sequence() {
            let last_offset = batch.end() - 1;
            known.add(Seen { last_sequence, delta: batch.span() - 1, last_offset });
        }
        if stamp.transactional {
            self.verifying.remove(&stamp.id);
            if known.txn_first.is_none() {
                known.txn_first = Some(batch.base_offset);
                self.ongoing.insert(batch.base_offset, stamp.id);
            }
        }
        None
    }

    /// Begins to verify a transaction, unless it is open here already
    /// (`maybeStartTransactionVerification`).
    pub(super) fn begin_verification(
        &mut self,
        stamp: ProducerStamp,
        epoch_bump: bool,
        now: Time,
    ) -> Result<Option<Guard>, Code> {
        check_epoch(self.get(stamp.id), stamp.epoch)?;
        if self.has_ongoing(stamp.id, stamp.epoch) {
            return Ok(None);
        }
        let guards = &mut self.guards;
        let entry = self.verifying.entry(stamp.id).or_insert_with(|| {
            *guards += 1;
            Verification {
                guard: Guard(*guards),
                since: now,
                epoch: stamp.epoch,
                lowest_sequence: stamp.base_sequence,
                epoch_bump,
            }
        });
        // `maybeUpdateLowestSequenceAndEpoch`
        if stamp.epoch > entry.epoch {
            (entry.epoch, entry.lowest_sequence) = (stamp.epoch, stamp.base_sequence);
        } else if stamp.epoch == entry.epoch {
            entry.lowest_sequence = entry.lowest_sequence.min(stamp.base_sequence);
        }
        Ok(Some(entry.guard))
    }

    /// Forgets who has been silent for so long (`removeExpiredProducers`); nobody whose transaction
    /// is open.
    pub(super) fn expire(&mut self, now: Time, after: Span) {
        self.known.retain(|_, it| it.txn_first.is_some() || now.since(it.last_timestamp) < after);
        self.verifying.retain(|_, it| now.since(it.since) < after);
    }

    /// What a snapshot holds of it.
    pub(super) fn snapshot(&self) -> BTreeMap<u32, Producer> {
        self.known.iter().map(|(id, producer)| (*id, producer.condensed())).collect()
    }

    /// What a snapshot held (`loadFromSnapshot`).
    pub(super) fn load(snapshot: &BTreeMap<u32, Producer>, guards: u64) -> Producers {
        let ongoing = snapshot.iter().filter_map(|(id, it)| Some((it.txn_first?, *id))).collect();
        Producers { known: snapshot.clone(), ongoing, guards, ..Producers::default() }
    }

    /// How many guards were given: they are never given twice.
    pub(super) fn guards(&self) -> u64 {
        self.guards
    }
}

/// While a transaction is being verified, its first batch must not overtake an earlier one that is
/// being verified as well; and under `transaction.version` 2 an unknown producer begins at 0.
fn check_verified_sequence(
    known: Option<&Producer>,
    stamp: ProducerStamp,
    verification: &Verification,
) -> Result<(), Code> {
    let unknown = known.is_none_or(|it| it.last().is_none());
    let must_be_first = verification.epoch_bump && unknown && stamp.base_sequence != 0;
    match must_be_first || stamp.base_sequence > verification.lowest_sequence {
        true => Err(Code::OutOfOrderSequenceNumber),
        false => Ok(()),
    }
}
