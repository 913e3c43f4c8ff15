//! `InitProducerId`: a producer starts, and fences the one before.
//!
//! Source: `TransactionCoordinator.handleInitProducerId` and `prepareInitProducerIdTransit` of 4.1.1.

use super::state::Txn;
use super::{Client, Desk, Entry, Reply, TxnCoordinator};
use crate::kernel::Span;
use crate::talk::kafka::{Answer, Api, Code, InitProducer, TxnId, TxnPhase};

/// What a broker is asked when a producer id is needed.
pub(super) fn for_an_id() -> Api {
    Api::InitProducerId(InitProducer { txn: None, timeout: Span::ZERO, current: None })
}

impl TxnCoordinator {
    pub(super) fn on_init(&mut self, client: Client, init: InitProducer, desk: &mut Desk<'_, '_>) {
        let refuse = |code, desk: &mut Desk<'_, '_>| {
            desk.respond(client, Answer::InitProducerId(Err(code)));
        };
        // The broker answers a producer without a transactional id.
        let Some(id) = init.txn else { return };
        if init.timeout > self.config.settings.transaction_max_timeout {
            return refuse(Code::InvalidTransactionTimeout, desk);
        }
        if !self.txns.contains_key(&id) {
            let api = Api::InitProducerId(init.clone());
            let Some(producer) = self.take_id(client, &api, desk) else { return };
            self.txns.insert(id, Entry::new(Txn::new(producer, init.timeout)));
        }
        let entry = &self.txns[&id]; // it was there, or was just put there
        if entry.pending.is_some() {
            return refuse(Code::ConcurrentTransactions, desk);
        }
        if init.current.is_some_and(|current| !entry.txn.knows(current)) {
            return refuse(Code::ProducerFenced, desk);
        }
        match entry.txn.phase {
            TxnPhase::PrepareAbort | TxnPhase::PrepareCommit => {
                refuse(Code::ConcurrentTransactions, desk);
            }
            // It is aborted first, and whoever starts must come again.
            TxnPhase::Ongoing => self.fence(id, Reply::Again(client), desk),
            _ => self.give_epoch(client, id, init, desk),
        }
    }

    fn give_epoch(
        &mut self,
        client: Client,
        id: TxnId,
        init: InitProducer,
        desk: &mut Desk<'_, '_>,
    ) {
        let txn = self.txns[&id].txn.clone(); // the caller found it
        let is_current = init.current.is_none_or(|it| Some(it.epoch) == txn.epoch);
        let next = if txn.is_exhausted() && is_current {
            let (timeout, keep) = (init.timeout, init.current.is_some());
            let api = Api::InitProducerId(init);
            let Some(producer) = self.take_id(client, &api, desk) else { return };
            Ok(txn.with_id(producer, timeout, keep))
        } else {
            txn.with_next_epoch(init.timeout, init.current)
        };
        match next {
            Ok(next) => self.write(id, next, Reply::Init(client), desk),
            Err(code) => desk.respond(client, Answer::InitProducerId(Err(code))),
        }
    }
}
