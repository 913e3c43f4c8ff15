//! The coordinator of transactions: which transactional id has which producer, what its transaction
//! writes to, and how it ends.
//!
//! A [`TxnCoordinator`] belongs to one partition of `__transaction_state`. A transaction ends in two
//! steps: `PrepareCommit` or `PrepareAbort` is written to that partition, from where on there is no
//! way back; then a marker is written to each partition of the transaction, again and again until
//! all have it, and the end of that is written as well. A coordinator that takes over goes on from
//! what the log says.
//!
//! **Left out**: transactional ids never expire (`transactional.id.expiration.ms`, 7 days).
//!
//! The broker fires [`KafkaTimer::TxnScan`] every
//! `transaction.abort.timed.out.transaction.cleanup.interval.ms`, for all coordinators that it hosts.
//!
//! Source: `TransactionCoordinator`, `TransactionStateManager`, `TransactionMarkerChannelManager` of
//! 4.1.1; KIP-98, KIP-360, KIP-447, KIP-890.

mod end;
mod init;
mod markers;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use state::Txn;

use super::Version;
use super::config::ClusterConfig;
use super::coordinate::{Client, Coordinator, Desk, Stored, Ticket};
use crate::talk::kafka::{
    Answer, Api, Code, KafkaNote, Offset, ProducerIdentity, TopicPartition, TxnId, TxnPartitions,
    TxnPhase,
};
use crate::talk::{Constant, KafkaTimer, Parcel};
use markers::Sending;

/// The coordinator of the transactional ids of one partition of `__transaction_state`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TxnCoordinator {
    config: Constant<ClusterConfig>,
    partition: TopicPartition,
    /// The leader epoch of its partition: markers of an older coordinator are refused.
    epoch: u32,
    txns: BTreeMap<TxnId, Entry>,
    tickets: u64,
    writing: BTreeMap<Ticket, Write>,
    sending: BTreeMap<Ticket, Sending>,
    /// A producer id that nobody has yet, and the question for one.
    spare: Option<u32>,
    asking: Option<Ticket>,
    /// Requests that wait for a producer id.
    parked: Vec<(Client, Api)>,
}

/// A transactional id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Entry {
    txn: Txn,
    /// The state that is being entered. Until that is over, others must come again.
    pending: Option<TxnPhase>,
    /// Its producer was fenced and the write failed: the epoch does not grow a second time.
    failed_fence: bool,
    /// Which partitions still need their marker.
    unmarked: Vec<TopicPartition>,
    /// A partition refused a marker, since a newer coordinator or a newer epoch wrote there: no more
    /// are sent.
    fenced: bool,
}

impl Entry {
    fn new(txn: Txn) -> Entry {
        Entry { txn, pending: None, failed_fence: false, unmarked: Vec::new(), fenced: false }
    }
}

/// A record of a transactional id, in its partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Record {
    id: TxnId,
    txn: Txn,
}

/// A write whose outcome is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Write {
    id: TxnId,
    next: Txn,
    reply: Reply,
}

/// Who waits for a write, and for which answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Reply {
    /// `InitProducerId`.
    Init(Client),
    /// `InitProducerId` that found an open transaction: it must come again once that is aborted.
    Again(Client),
    /// `AddPartitionsToTxn`.
    Added(Client, Vec<TopicPartition>),
    /// `AddOffsetsToTxn`.
    Offsets(Client),
    /// `EndTxn`.
    Ended(Client),
    /// Nobody.
    Nobody,
}

/// What a failed write is answered with (`TransactionStateManager.appendTransactionToLog`).
fn write_error(code: Code) -> Code {
    match code {
        Code::NotLeaderOrFollower => Code::NotCoordinator,
        _ => Code::CoordinatorNotAvailable,
    }
}

impl TxnCoordinator {
    /// A coordinator that has read nothing yet, for this partition.
    pub fn new(config: Constant<ClusterConfig>, partition: TopicPartition) -> TxnCoordinator {
        TxnCoordinator {
            config,
            partition,
            epoch: 0,
            txns: BTreeMap::new(),
            tickets: 0,
            writing: BTreeMap::new(),
            sending: BTreeMap::new(),
            spare: None,
            asking: None,
            parked: Vec::new(),
        }
    }

    /// What is known of a transactional id.
    pub fn txn(&self, id: TxnId) -> Option<&Txn> {
        Some(&self.txns.get(&id)?.txn)
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Writes what a transactional id becomes. It becomes that once the record is committed
    /// (`prepareTransitionTo`, `completeTransitionTo`).
    fn write(&mut self, id: TxnId, next: Txn, reply: Reply, desk: &mut Desk<'_, '_>) {
        let ticket = self.ticket();
        if let Some(entry) = self.txns.get_mut(&id) {
            debug_assert!(
                state::comes_from(next.phase).contains(&entry.txn.phase),
                "{:?} cannot follow {:?}",
                next.phase,
                entry.txn.phase
            );
            entry.pending = Some(next.phase);
        }
        desk.write(self.partition, Parcel::new(Record { id, txn: next.clone() }), ticket);
        self.writing.insert(ticket, Write { id, next, reply });
    }

    fn note(id: TxnId, txn: &Txn, phase: TxnPhase, desk: &mut Desk<'_, '_>) {
        let ProducerIdentity { id: producer, epoch } = txn.producer();
        desk.note(KafkaNote::Txn { txn: id, producer, epoch, phase });
    }

    /// Answers whom a write or its failure concerns.
    fn reply(&self, reply: Reply, result: Result<&Txn, Code>, desk: &mut Desk<'_, '_>) {
        let (client, answer) = match reply {
            Reply::Nobody => return,
            Reply::Init(client) => (client, Answer::InitProducerId(result.map(Txn::producer))),
            Reply::Again(client) => {
                let code = result.err().unwrap_or(Code::ConcurrentTransactions);
                (client, Answer::InitProducerId(Err(code)))
            }
            Reply::Added(client, partitions) => {
                let each = |at| (at, result.map(drop));
                (client, Answer::AddPartitionsToTxn(partitions.into_iter().map(each).collect()))
            }
            Reply::Offsets(client) => (client, Answer::AddOffsetsToTxn(result.map(drop))),
            Reply::Ended(client) => {
                let identity = |txn: &Txn| txn.version_2.then(|| txn.successor());
                (client, Answer::EndTxn(result.map(identity)))
            }
        };
        desk.respond(client, answer);
    }

    /// The transactional id of this producer (`INVALID_PRODUCER_ID_MAPPING`, `PRODUCER_FENCED`).
    fn of_producer(&self, id: TxnId, producer: ProducerIdentity) -> Result<&Entry, Code> {
        let entry = self.txns.get(&id).ok_or(Code::InvalidProducerIdMapping)?;
        match entry.txn.id == producer.id {
            false => Err(Code::InvalidProducerIdMapping),
            true if entry.txn.epoch != Some(producer.epoch) => Err(Code::ProducerFenced),
            true => Ok(entry),
        }
    }

    /// The transaction writes to these partitions as well (`handleAddPartitionsToTransaction`).
    fn add(
        &mut self,
        id: TxnId,
        producer: ProducerIdentity,
        partitions: &[TopicPartition],
        reply: Reply,
        desk: &mut Desk<'_, '_>,
    ) {
        // Under version 2 it is the leader of a partition that adds it, and no client.
        let by_broker = match &reply {
            Reply::Added(client, _) => self.config.brokers.contains(&client.node),
            _ => false,
        };
        let version_2 = by_broker && self.config.profile.transaction_version >= 2;
        let result = self.of_producer(id, producer).and_then(|entry| {
            let txn = &entry.txn;
            let ending = matches!(txn.phase, TxnPhase::PrepareCommit | TxnPhase::PrepareAbort);
            match entry.pending.is_some() || ending {
                true => Err(Code::ConcurrentTransactions),
                false => Ok(txn),
            }
        });
        match result {
            Err(code) => self.reply(reply, Err(code), desk),
            Ok(txn)
                if txn.phase == TxnPhase::Ongoing
                    && partitions.iter().all(|at| txn.partitions.contains(at)) =>
            {
                self.reply(reply, Ok(txn), desk);
            }
            Ok(txn) => {
                let next = txn.with_partitions(partitions, version_2, desk.now());
                self.write(id, next, reply, desk);
            }
        }
    }

    /// A leader asks whether partitions are part of the open transaction, before it takes the first
    /// records of it (`handleVerifyPartitionsInTransaction`).
    fn verify(&self, client: Client, ask: &TxnPartitions, desk: &mut Desk<'_, '_>) {
        // Clients could not tell that they may abort and go on before (KIP-890, 3.8).
        let missing = match self.config.profile.version >= Version::new(3, 8) {
            true => Code::TransactionAbortable,
            false => Code::InvalidTxnState,
        };
        let entry =
            self.of_producer(ask.txn, ask.producer).and_then(|entry| match entry.txn.phase {
                TxnPhase::PrepareCommit | TxnPhase::PrepareAbort => {
                    Err(Code::ConcurrentTransactions)
                }
                _ => Ok(entry),
            });
        let each = |at: &TopicPartition| {
            let result = entry.and_then(|entry| match entry.txn.partitions.contains(at) {
                true => Ok(()),
                false => Err(missing),
            });
            (*at, result)
        };
        desk.respond(client, Answer::AddPartitionsToTxn(ask.partitions.iter().map(each).collect()));
    }

    /// The next producer id, or none yet: then the request waits while the broker is asked for one
    /// (`ProducerIdManager.generateProducerId`).
    fn take_id(&mut self, client: Client, api: &Api, desk: &mut Desk<'_, '_>) -> Option<u32> {
        if let Some(id) = self.spare.take() {
            return Some(id);
        }
        self.parked.push((client, api.clone()));
        self.ask_for_id(desk);
        None
    }

    fn ask_for_id(&mut self, desk: &mut Desk<'_, '_>) {
        if self.asking.is_none() && !self.parked.is_empty() {
            let ticket = self.ticket();
            self.asking = Some(ticket);
            desk.ask(desk.ctx.me, init::for_an_id(), ticket);
        }
    }

    fn on_id(&mut self, answer: Option<Answer>, desk: &mut Desk<'_, '_>) {
        self.asking = None;
        match answer {
            Some(Answer::InitProducerId(Ok(identity))) => {
                self.spare = Some(identity.id);
                for (client, api) in std::mem::take(&mut self.parked) {
                    self.on_request(client, api, desk);
                }
            }
            _ => {
                for (client, api) in std::mem::take(&mut self.parked) {
                    refuse(client, &api, Code::CoordinatorLoadInProgress, desk);
                }
            }
        }
    }
}

/// Answers a request that was not looked at.
fn refuse(client: Client, api: &Api, code: Code, desk: &mut Desk<'_, '_>) {
    let answer = match api {
        Api::InitProducerId(_) => Answer::InitProducerId(Err(code)),
        Api::EndTxn(_) => Answer::EndTxn(Err(code)),
        Api::AddOffsetsToTxn { .. } => Answer::AddOffsetsToTxn(Err(code)),
        Api::AddPartitionsToTxn(add) => {
            let each = add.partitions.iter().map(|at| (*at, Err(code)));
            Answer::AddPartitionsToTxn(each.collect())
        }
        _ => return,
    };
    desk.respond(client, answer);
}

impl Coordinator for TxnCoordinator {
    fn on_request(&mut self, client: Client, api: Api, desk: &mut Desk<'_, '_>) {
        match api {
            Api::InitProducerId(init) => self.on_init(client, init, desk),
            Api::EndTxn(end) => self.on_end(client, end, desk),
            Api::AddPartitionsToTxn(ask) if ask.verify_only => self.verify(client, &ask, desk),
            Api::AddPartitionsToTxn(ask) => {
                let TxnPartitions { txn, producer, partitions, .. } = *ask;
                let reply = Reply::Added(client, partitions.clone());
                self.add(txn, producer, &partitions, reply, desk);
            }
            Api::AddOffsetsToTxn { txn, producer, group } => {
                match self.config.group_partition(group) {
                    Some(at) => self.add(txn, producer, &[at], Reply::Offsets(client), desk),
                    None => {
                        let answer = Answer::AddOffsetsToTxn(Err(Code::CoordinatorNotAvailable));
                        desk.respond(client, answer);
                    }
                }
            }
            _ => {}
        }
    }

    fn on_written(
        &mut self,
        ticket: Ticket,
        result: Result<Offset, Code>,
        desk: &mut Desk<'_, '_>,
    ) {
        let Some(Write { id, next, reply }) = self.writing.remove(&ticket) else { return };
        let Some(entry) = self.txns.get_mut(&id) else { return };
        match result {
            Ok(_) => {
                entry.pending = None;
                entry.failed_fence = false;
                entry.txn = next;
                let txn = entry.txn.clone();
                Self::note(id, &txn, txn.phase, desk);
                self.reply(reply, Ok(&txn), desk);
                if matches!(txn.phase, TxnPhase::PrepareCommit | TxnPhase::PrepareAbort) {
                    self.begin_markers(id, desk);
                }
            }
            Err(code) => self.on_write_failed(id, &next, reply, write_error(code), desk),
        }
    }

    fn on_timer(&mut self, timer: KafkaTimer, desk: &mut Desk<'_, '_>) {
        match timer {
            KafkaTimer::TxnScan => self.abort_timed_out(desk),
            KafkaTimer::TxnMarkers(id) => self.go_on(id, desk),
            _ => {}
        }
    }

    fn on_answer(&mut self, ticket: Ticket, answer: Option<Answer>, desk: &mut Desk<'_, '_>) {
        if self.asking == Some(ticket) {
            self.on_id(answer, desk);
        } else if let Some(sending) = self.sending.remove(&ticket) {
            self.on_marked(sending, answer, desk);
        }
    }

    fn load<'a>(
        &mut self,
        records: impl Iterator<Item = (Offset, Stored<'a>)>,
        desk: &mut Desk<'_, '_>,
    ) {
        self.epoch = desk.image.partition(self.partition).map_or(0, |it| it.leader_epoch);
        self.txns.clear();
        for (_, stored) in records {
            if let Stored::Record(parcel, _) = stored
                && let Some(Record { id, txn }) = parcel.open::<Record>()
            {
                self.txns.insert(*id, Entry::new(txn.clone()));
            }
        }
        let ending = |entry: &Entry| {
            matches!(entry.txn.phase, TxnPhase::PrepareCommit | TxnPhase::PrepareAbort)
        };
        let unfinished: Vec<TxnId> =
            self.txns.iter().filter(|(_, entry)| ending(entry)).map(|(id, _)| *id).collect();
        for id in unfinished {
            self.begin_markers(id, desk);
        }
    }

    fn unload(&mut self, desk: &mut Desk<'_, '_>) {
        for (_, write) in std::mem::take(&mut self.writing) {
            self.reply(write.reply, Err(Code::NotCoordinator), desk);
        }
        for (client, api) in std::mem::take(&mut self.parked) {
            refuse(client, &api, Code::NotCoordinator, desk);
        }
        for id in std::mem::take(&mut self.txns).into_keys() {
            desk.disarm(KafkaTimer::TxnMarkers(id));
        }
        self.sending.clear();
        self.asking = None;
    }
}
