//! Ending a transaction: `EndTxn`, its retries, timeouts, and fencing.
//!
//! Source: `TransactionCoordinator.endTransaction`, `endTransactionWithTV1`,
//! `abortTimedOutTransactions` of 4.1.1; KIP-890.

use super::state::{EXHAUSTED, Txn};
use super::{Client, Desk, Entry, Reply, TxnCoordinator};
use crate::talk::kafka::{Answer, Api, Code, EndTxn, TxnId, TxnPhase};

/// What becomes of an `EndTxn`.
enum Ending {
    /// The transaction ends now.
    Now,
    /// It is a retry, and what it asks for is done.
    Done,
}

impl TxnCoordinator {
    pub(super) fn on_end(&mut self, client: Client, end: EndTxn, desk: &mut Desk<'_, '_>) {
        let version_2 = end.version_2 && self.config.profile.transaction_version >= 2;
        let result = match self.txns.get(&end.txn) {
            None => Err(Code::InvalidProducerIdMapping),
            Some(entry) if version_2 => decide_2(entry, &end),
            Some(entry) => decide_1(entry, &end),
        };
        match result {
            Err(code) => desk.respond(client, Answer::EndTxn(Err(code))),
            Ok(Ending::Done) => {
                let txn = &self.txns[&end.txn].txn; // it was found above
                let identity = version_2.then(|| txn.producer());
                desk.respond(client, Answer::EndTxn(Ok(identity)));
            }
            Ok(Ending::Now) => {
                let txn = self.txns[&end.txn].txn.clone(); // it was found above
                let mut next = None;
                if version_2 && txn.is_exhausted() {
                    let api = Api::EndTxn(end.clone());
                    next = self.take_id(client, &api, desk);
                    if next.is_none() {
                        return;
                    }
                }
                let mut ending = txn.ending(end.commit, version_2, next);
                ending.started = ending.started.or(Some(desk.now()));
                self.write(end.txn, ending, Reply::Ended(client), desk);
            }
        }
    }

    /// The open transaction is aborted, and its producer fenced: another one starts, or it took too
    /// long. Under version 2 the abort raises the epoch as every end does; before, this does
    /// (`prepareFenceProducerEpoch`; KAFKA-19367: not both).
    pub(super) fn fence(&mut self, id: TxnId, reply: Reply, desk: &mut Desk<'_, '_>) {
        let Some(entry) = self.txns.get(&id) else { return };
        let version_2 = entry.txn.version_2;
        let mut fenced = entry.txn.clone();
        if !version_2 && !entry.failed_fence {
            fenced.epoch = fenced.epoch.map(|epoch| epoch + 1);
            fenced.last_epoch = None;
        }
        Self::note(id, &fenced, TxnPhase::PrepareEpochFence, desk);
        self.write(id, fenced.ending(false, version_2, None), reply, desk);
    }

    /// Aborts every transaction that has been open for longer than its producer's
    /// `transaction.timeout.ms`.
    pub(super) fn abort_timed_out(&mut self, desk: &mut Desk<'_, '_>) {
        let now = desk.now();
        let too_long = |entry: &Entry| {
            let txn = &entry.txn;
            txn.phase == TxnPhase::Ongoing
                && entry.pending.is_none()
                && txn.started.is_some_and(|started| now > started + txn.timeout)
        };
        let late: Vec<TxnId> =
            self.txns.iter().filter(|(_, entry)| too_long(entry)).map(|(id, _)| *id).collect();
        for id in late {
            self.fence(id, Reply::Nobody, desk);
        }
    }

    /// What was to be written is not, as far as the coordinator knows: the state stays as it was.
    /// The end of the markers is written again, and a producer that was to be fenced stays so.
    pub(super) fn on_write_failed(
        &mut self,
        id: TxnId,
        next: &Txn,
        reply: Reply,
        code: Code,
        desk: &mut Desk<'_, '_>,
    ) {
        let Some(entry) = self.txns.get_mut(&id) else { return };
        if matches!(next.phase, TxnPhase::CompleteCommit | TxnPhase::CompleteAbort) {
            return self.go_on_later(id, desk);
        }
        entry.pending = None;
        if matches!(reply, Reply::Again(_) | Reply::Nobody) {
            entry.failed_fence = true;
            if !next.version_2 {
                (entry.txn.epoch, entry.txn.last_epoch) = (next.epoch, None);
            }
        }
        self.reply(reply, Err(code), desk);
    }
}

/// Under `transaction.version` 1 the epoch is the same for all transactions of a producer. So an
/// `EndTxn` that was under way for too long, and whose retry did its work, ends the transaction after
/// it: KAFKA-17754.
fn decide_1(entry: &Entry, end: &EndTxn) -> Result<Ending, Code> {
    let txn = &entry.txn;
    if txn.id != end.producer.id {
        return Err(Code::InvalidProducerIdMapping);
    }
    if txn.epoch != Some(end.producer.epoch) {
        return Err(Code::ProducerFenced);
    }
    if entry.pending.is_some() {
        return Err(Code::ConcurrentTransactions);
    }
    match (txn.phase, end.commit) {
        (TxnPhase::Ongoing, _) => Ok(Ending::Now),
        (TxnPhase::CompleteCommit, true) | (TxnPhase::CompleteAbort, false) => Ok(Ending::Done),
        (TxnPhase::PrepareCommit, true) | (TxnPhase::PrepareAbort, false) => {
            Err(Code::ConcurrentTransactions)
        }
        _ => Err(Code::InvalidTxnState),
    }
}

/// Under version 2 each transaction has its own epoch, so an `EndTxn` belongs to one transaction: the
/// one of its epoch, or as a retry the one before. A transaction without partitions can be aborted.
fn decide_2(entry: &Entry, end: &EndTxn) -> Result<Ending, Code> {
    let (txn, producer) = (&entry.txn, end.producer);
    let retry_after_bump = entry.txn.id == producer.id && txn.epoch == Some(producer.epoch + 1);
    let retry_after_rotation =
        txn.previous == Some(producer.id) && producer.epoch == EXHAUSTED && txn.epoch == Some(0);
    if txn.id != producer.id && !retry_after_rotation {
        return Err(Code::InvalidProducerIdMapping);
    }
    let is_current = txn.epoch == Some(producer.epoch);
    let is_retry = retry_after_bump || retry_after_rotation;
    let is_valid = match txn.phase {
        TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => retry_after_bump,
        TxnPhase::CompleteCommit | TxnPhase::CompleteAbort => is_current || is_retry,
        _ => is_current,
    };
    if !is_valid {
        return Err(Code::ProducerFenced);
    }
    if entry.pending.is_some() {
        return Err(Code::ConcurrentTransactions);
    }
    match (txn.phase, end.commit) {
        (TxnPhase::Ongoing, _) => Ok(Ending::Now),
        (TxnPhase::CompleteCommit, true) | (TxnPhase::CompleteAbort, false) if is_retry => {
            Ok(Ending::Done)
        }
        (TxnPhase::CompleteCommit | TxnPhase::CompleteAbort, false) if !is_retry => Ok(Ending::Now),
        (TxnPhase::PrepareCommit, true) | (TxnPhase::PrepareAbort, false) => {
            Err(Code::ConcurrentTransactions)
        }
        (TxnPhase::Empty, false) => Ok(Ending::Now),
        _ => Err(Code::InvalidTxnState),
    }
}
