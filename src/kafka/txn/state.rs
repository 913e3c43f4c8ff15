//! A transactional id: its state, and how it may change.
//!
//! Source: `TransactionMetadata` and `TransactionState` of 4.1.1.

use std::collections::BTreeSet;

use crate::kernel::{Span, Time};
use crate::talk::kafka::{Code, ProducerIdentity, TopicPartition, TxnPhase};

/// An epoch from which on the id is used up: the largest one is kept for fencing
/// (`isEpochExhausted`).
pub(super) const EXHAUSTED: u16 = i16::MAX as u16 - 1;

/// From which states a state can be entered (`TransactionState.validPreviousStates`).
pub(super) fn comes_from(phase: TxnPhase) -> &'static [TxnPhase] {
    use TxnPhase::{
        CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit,
        PrepareEpochFence,
    };
    match phase {
        Empty => &[Empty, CompleteCommit, CompleteAbort],
        Ongoing => &[Ongoing, Empty, CompleteCommit, CompleteAbort],
        PrepareCommit => &[Ongoing],
        PrepareAbort => &[Ongoing, PrepareEpochFence, Empty, CompleteCommit, CompleteAbort],
        CompleteCommit => &[PrepareCommit],
        CompleteAbort => &[PrepareAbort],
        TxnPhase::Dead => &[Empty, CompleteAbort, CompleteCommit],
        PrepareEpochFence => &[Ongoing],
    }
}

/// What is known of a transactional id: also what is written to `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Txn {
    /// Its producer id.
    pub id: u32,
    /// Its epoch; none before the first `InitProducerId` was written.
    pub epoch: Option<u16>,
    /// The producer id before this one.
    pub previous: Option<u32>,
    /// The producer id that takes over once the transaction is complete.
    pub next: Option<u32>,
    /// The epoch before this one, by which a retry is recognised.
    pub last_epoch: Option<u16>,
    /// `transaction.timeout.ms` of its producer.
    pub timeout: Span,
    /// Its state.
    pub phase: TxnPhase,
    /// What the transaction that is open, or being ended, has written to.
    pub partitions: BTreeSet<TopicPartition>,
    /// When the open transaction began.
    pub started: Option<Time>,
    /// Its producer speaks `transaction.version` 2.
    pub version_2: bool,
}

impl Txn {
    /// A transactional id that nobody used before.
    pub(super) fn new(id: u32, timeout: Span) -> Txn {
        Txn {
            id,
            epoch: None,
            previous: None,
            next: None,
            last_epoch: None,
            timeout,
            phase: TxnPhase::Empty,
            partitions: BTreeSet::new(),
            started: None,
            version_2: false,
        }
    }

    /// The identity of its producer.
    pub fn producer(&self) -> ProducerIdentity {
        ProducerIdentity { id: self.id, epoch: self.epoch.unwrap_or(0) }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.epoch.is_some_and(|epoch| epoch >= EXHAUSTED)
    }

    /// Whether a producer may ask for a new epoch of what it says it has (`isValidProducerId`).
    pub(super) fn knows(&self, current: ProducerIdentity) -> bool {
        self.epoch.is_none()
            || current.id == self.id
            || (self.previous == Some(current.id) && current.epoch >= EXHAUSTED)
    }

    /// A producer starts: the epoch grows, which fences the one before. With `current` it asks for
    /// a new epoch of its own; a retry of that gets the same one again
    /// (`prepareIncrementProducerEpoch`).
    pub(super) fn with_next_epoch(
        &self,
        timeout: Span,
        current: Option<ProducerIdentity>,
    ) -> Result<Txn, Code> {
        let bumped = self.epoch.map_or(0, |epoch| epoch + 1);
        let (epoch, last_epoch) = match current.map(|it| it.epoch) {
            None => (bumped, None),
            Some(_) if self.epoch.is_none() => (bumped, None),
            Some(expected) if self.epoch == Some(expected) => (bumped, self.epoch),
            Some(expected) if self.last_epoch == Some(expected) => {
                (self.epoch.unwrap_or(bumped), self.last_epoch)
            }
            Some(_) => return Err(Code::ProducerFenced),
        };
        Ok(Txn { epoch: Some(epoch), last_epoch, timeout, ..self.emptied() })
    }

    /// The epochs of its producer id are used up: it gets another one
    /// (`prepareProducerIdRotation`).
    pub(super) fn with_id(&self, id: u32, timeout: Span, keep_last: bool) -> Txn {
        let last_epoch = self.epoch.filter(|_| keep_last);
        let previous = Some(self.id);
        Txn { id, epoch: Some(0), previous, last_epoch, timeout, ..self.emptied() }
    }

    fn emptied(&self) -> Txn {
        Txn {
            phase: TxnPhase::Empty,
            partitions: BTreeSet::new(),
            started: None,
            next: None,
            ..self.clone()
        }
    }

    /// The transaction writes to these partitions as well; it begins with the first of them
    /// (`prepareAddPartitions`).
    pub(super) fn with_partitions(
        &self,
        partitions: &[TopicPartition],
        version_2: bool,
        now: Time,
    ) -> Txn {
        let mut next = Txn { phase: TxnPhase::Ongoing, version_2, ..self.clone() };
        next.partitions.extend(partitions);
        if self.phase != TxnPhase::Ongoing {
            next.started = Some(now);
        }
        next
    }

    /// The transaction ends. Under version 2 the epoch grows now, so the markers have the new one,
    /// and nothing that comes late counts any more (`prepareAbortOrCommit`).
    pub(super) fn ending(&self, commit: bool, version_2: bool, next: Option<u32>) -> Txn {
        let phase = if commit { TxnPhase::PrepareCommit } else { TxnPhase::PrepareAbort };
        let mut ending = Txn { phase, next, version_2, ..self.clone() };
        if version_2 {
            ending.last_epoch = self.epoch;
            ending.epoch = self.epoch.map(|epoch| epoch + 1);
        }
        ending
    }

    /// All markers are written (`prepareComplete`).
    pub(super) fn completed(&self) -> Txn {
        let phase = match self.phase {
            TxnPhase::PrepareCommit => TxnPhase::CompleteCommit,
            _ => TxnPhase::CompleteAbort,
        };
        let mut completed = Txn { phase, started: None, next: None, ..self.clone() };
        completed.partitions.clear();
        if let Some(next) = self.next.filter(|_| self.version_2) {
            completed.previous = Some(self.id);
            (completed.id, completed.epoch) = (next, Some(0));
        }
        completed
    }

    /// The identity with which the producer goes on after `EndTxn`.
    pub(super) fn successor(&self) -> ProducerIdentity {
        match self.next {
            Some(id) => ProducerIdentity { id, epoch: 0 },
            None => self.producer(),
        }
    }
}
