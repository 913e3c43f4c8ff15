//! The coordinators that live in a broker: one for each partition of an internal topic that it leads.
//!
//! Source: `CoordinatorRuntime` of Apache Kafka 4.1.1; `GroupCoordinatorService.onElection`,
//! `onResignation`.

use std::sync::Arc;

use super::{Broker, Client, Delayed};
use crate::kafka::config::TopicKind;
use crate::kafka::coordinate::{Act, Coordinator, Desk, Stored, Ticket};
use crate::kafka::group::GroupCoordinator;
use crate::kafka::log::Origin;
use crate::kafka::replica::Producing;
use crate::kafka::txn::TxnCoordinator;
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{
    Acks, Answer, Api, Batch, Body, Code, GroupId, Offset, ProducerIdentity, ProducerStamp,
    Request, Response, TopicPartition, TxnId,
};
use crate::talk::{KafkaTimer, Mq, Msg, Parcel, Timer};

/// The connection on which coordinators ask other brokers.
pub(super) const LANE: u8 = 201;

/// A coordinator in its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seat {
    at: TopicPartition,
    /// The leader epoch for which it was loaded.
    epoch: u32,
    holder: Holder,
}

/// The coordinators that there are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Groups(Box<GroupCoordinator>),
    Txns(Box<TxnCoordinator>),
}

/// Has whichever coordinator it is do something.
macro_rules! with {
    ($holder:expr, $it:ident => $act:expr) => {
        match $holder {
            Holder::Groups($it) => $act,
            Holder::Txns($it) => $act,
        }
    };
}

/// What a coordinator is to do.
enum Task<'a> {
    Request(Client, Api),
    Written(Ticket, Result<Offset, Code>),
    Timer(KafkaTimer),
    Answer(Ticket, Option<Answer>),
    Marker(ProducerIdentity, bool),
    Image,
    Load(&'a [Batch]),
    Unload,
}

impl Holder {
    fn take(&mut self, task: Task<'_>, desk: &mut Desk<'_, '_>) {
        with!(self, it => match task {
            Task::Request(client, api) => it.on_request(client, api, desk),
            Task::Written(ticket, result) => it.on_written(ticket, result, desk),
            Task::Timer(timer) => it.on_timer(timer, desk),
            Task::Answer(ticket, answer) => it.on_answer(ticket, answer, desk),
            Task::Marker(producer, commit) => it.on_marker(producer, commit, desk),
            Task::Image => it.on_image(desk),
            Task::Load(batches) => it.load(
                batches.iter().filter_map(|batch| Some((batch.base_offset, stored(batch)?))),
                desk,
            ),
            Task::Unload => it.unload(desk),
        })
    }
}

/// What became of something that a coordinator wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outcome {
    pub(super) at: TopicPartition,
    pub(super) ticket: Ticket,
    pub(super) result: Result<Offset, Code>,
}

/// A question that a coordinator asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    correlation: u32,
    to: NodeId,
    at: TopicPartition,
    ticket: Ticket,
}

impl Broker {
    /// The coordinator of the groups of a partition, if it lives here.
    pub fn group_coordinator(&self, at: TopicPartition) -> Option<&GroupCoordinator> {
        let seat = self.seats.iter().find(|seat| seat.at == at)?;
        match &seat.holder {
            Holder::Groups(it) => Some(it),
            Holder::Txns(_) => None,
        }
    }

    /// The coordinator of the transactional ids of a partition, if it lives here.
    pub fn txn_coordinator(&self, at: TopicPartition) -> Option<&TxnCoordinator> {
        let seat = self.seats.iter().find(|seat| seat.at == at)?;
        match &seat.holder {
            Holder::Txns(it) => Some(it),
            Holder::Groups(_) => None,
        }
    }

    /// Has a coordinator do something, and carries out what it wants.
    fn task(&mut self, at: TopicPartition, task: Task<'_>, ctx: &mut Ctx<'_, Mq>) {
        let Some(seat) = self.seats.iter_mut().find(|seat| seat.at == at) else { return };
        let image = Arc::clone(&self.image);
        let mut acts = Vec::new();
        seat.holder.take(task, &mut Desk::new(ctx, &image, &mut acts));
        for act in acts {
            match act {
                Act::Respond { client, answer } => self.respond(client, answer, ctx),
                Act::Write { partition, record, producer, ticket } => {
                    self.write(partition, record, producer, ticket, ctx);
                }
                Act::Ask { to, api, ticket } => {
                    self.questions_asked += 1;
                    let correlation = self.questions_asked;
                    self.questions.push(Question { correlation, to, at, ticket });
                    self.ask_broker(to, Request { lane: LANE, correlation, api }, ctx);
                }
            }
        }
    }

    /// Asks a broker, perhaps itself.
    pub(super) fn ask_broker(&mut self, to: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        if to == ctx.me {
            self.own_requests.push(request);
        } else {
            ctx.send(to, Msg::KafkaRequest(Box::new(request)));
        }
    }

    /// Appends a coordinator's record with `acks=all`.
    fn write(
        &mut self,
        at: TopicPartition,
        record: Parcel,
        producer: Option<ProducerIdentity>,
        ticket: Ticket,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let stamp = producer.map(|it| ProducerStamp {
            id: it.id,
            epoch: it.epoch,
            base_sequence: 0,
            transactional: true,
        });
        let guard = stamp.and_then(|stamp| self.guard(at, stamp, ctx));
        let body = Body::Internal(record);
        let batch = Batch { base_offset: 0, leader_epoch: 0, producer: stamp, body };
        let origin = Origin::Coordinator { guard };
        let (base, required) = match self.append(at, batch, Acks::All, origin, ctx) {
            Ok((written, end)) => (written.base_offset, end),
            Err(code) => {
                return self.outcomes.push(Outcome { at, ticket, result: Err(code) });
            }
        };
        let timeout = self.config.settings.offsets_commit_timeout;
        let Some(replica) = self.replicas.get_mut(at) else { return };
        if let Some(result) = replica.reached(required) {
            let result = result.map(|()| base);
            return self.outcomes.push(Outcome { at, ticket, result });
        }
        let slot = self.purgatory.put(Delayed::Internal { at, ticket, base });
        replica.producing.push_back(Producing { required, slot, place: 0 });
        ctx.arm(Timer::Kafka(KafkaTimer::Delayed(slot.into())), timeout);
    }

    /// The coordinator of a transaction has seen to it that it is open.
    pub(super) fn guard(
        &mut self,
        at: TopicPartition,
        stamp: ProducerStamp,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Option<crate::kafka::log::Guard> {
        let version_2 = self.config.profile.transaction_version >= 2;
        let replica = self.replicas.get_mut(at)?;
        let log = &mut replica.log;
        if !log.config().verify_transactions {
            return None;
        }
        log.begin_verification(stamp, version_2, ctx.now).ok().flatten()
    }

    /// Tells a coordinator what became of its record.
    pub(super) fn tell_outcome(&mut self, outcome: Outcome, ctx: &mut Ctx<'_, Mq>) {
        let Outcome { at, ticket, result } = outcome;
        self.task(at, Task::Written(ticket, result), ctx);
    }

    /// A marker in a partition is committed.
    pub(super) fn tell_marker(
        &mut self,
        at: TopicPartition,
        producer: ProducerIdentity,
        commit: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.task(at, Task::Marker(producer, commit), ctx);
    }

    /// Takes a request for a coordinator.
    pub(super) fn coordinate(&mut self, client: Client, api: Api, ctx: &mut Ctx<'_, Mq>) {
        let at = match (group_of(&api), txn_of(&api)) {
            (Some(group), _) => self.config.group_partition(group),
            (None, Some(txn)) => self.config.txn_partition(txn),
            (None, None) => None,
        };
        match at.filter(|at| self.seats.iter().any(|seat| seat.at == *at)) {
            Some(at) => self.task(at, Task::Request(client, api), ctx),
            None => {
                let answer = refusal(&api, Code::NotCoordinator);
                self.respond(client, answer, ctx);
            }
        }
    }

    pub(super) fn coordinators_timer(&mut self, timer: KafkaTimer, ctx: &mut Ctx<'_, Mq>) {
        if matches!(timer, KafkaTimer::TxnScan | KafkaTimer::OffsetRetention) {
            self.arm_scan(timer, ctx);
        }
        let at = match timer {
            KafkaTimer::Join(group)
            | KafkaTimer::Sync(group)
            | KafkaTimer::Session(group, _)
            | KafkaTimer::Member(group, _)
            | KafkaTimer::Lock(group, _) => self.config.group_partition(group),
            KafkaTimer::TxnMarkers(txn) => self.config.txn_partition(txn),
            _ => None,
        };
        match at {
            Some(at) => self.task(at, Task::Timer(timer), ctx),
            None => {
                for at in self.seats.iter().map(|seat| seat.at).collect::<Vec<_>>() {
                    self.task(at, Task::Timer(timer), ctx);
                }
            }
        }
    }

    /// Another broker answers a coordinator's question.
    pub(super) fn question_answered(
        &mut self,
        from: NodeId,
        response: Response,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let asked = |it: &Question| it.to == from && it.correlation == response.correlation;
        if let Some(place) = self.questions.iter().position(asked) {
            let Question { at, ticket, .. } = self.questions.remove(place);
            let answer = Some(response.answer);
            self.task(at, Task::Answer(ticket, answer), ctx);
        }
    }

    pub(super) fn questions_lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let lost = self.questions.extract_if(.., |it| it.to == peer).collect::<Vec<_>>();
        for Question { at, ticket, .. } in lost {
            self.task(at, Task::Answer(ticket, None), ctx);
        }
    }

    /// A partition of an internal topic has a leader, perhaps another one than before.
    pub(super) fn seat(&mut self, at: TopicPartition, ctx: &mut Ctx<'_, Mq>) {
        let Some(kind) = self.config.spec(at.topic).map(|spec| spec.kind) else { return };
        if kind == TopicKind::User {
            return;
        }
        let place = self.seats.iter().position(|seat| seat.at == at);
        let replica = self.replicas.get(at).filter(|it| it.leading().is_some());
        let epoch = replica.map(|it| it.leader_epoch);
        if place.map(|place| self.seats[place].epoch) == epoch {
            return;
        }
        if place.is_some() {
            self.task(at, Task::Unload, ctx);
            self.seats.retain(|seat| seat.at != at);
        }
        let Some(epoch) = epoch else { return };
        let config = self.config.clone();
        let holder = match kind {
            TopicKind::Transactions => Holder::Txns(Box::new(TxnCoordinator::new(config, at))),
            _ => Holder::Groups(Box::new(GroupCoordinator::new(config, at))),
        };
        self.seats.push(Seat { at, epoch, holder });
        let batches: Vec<Batch> = self.batches(at).cloned().collect();
        self.task(at, Task::Load(&batches), ctx);
    }

    /// What coordinators look for now and then: offsets that are too old, and transactions that took
    /// too long. `which` is one of the two.
    pub(super) fn arm_scan(&self, which: KafkaTimer, ctx: &mut Ctx<'_, Mq>) {
        let settings = &self.config.settings;
        let (needed, every) = match which {
            KafkaTimer::TxnScan => {
                (!self.config.txns.is_empty(), settings.transaction_abort_interval)
            }
            _ => (!self.config.groups.is_empty(), settings.offsets_retention_check_interval),
        };
        if needed {
            ctx.arm(Timer::Kafka(which), every);
        }
    }

    /// The metadata is new.
    pub(super) fn tell_coordinators(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for at in self.seats.iter().map(|seat| seat.at).collect::<Vec<_>>() {
            self.task(at, Task::Image, ctx);
        }
    }
}

fn stored(batch: &Batch) -> Option<Stored<'_>> {
    let producer = batch.producer.map(|it| ProducerIdentity { id: it.id, epoch: it.epoch });
    match &batch.body {
        Body::Internal(parcel) => Some(Stored::Record(parcel, producer)),
        Body::Marker { commit, .. } => {
            Some(Stored::Marker { producer: producer?, commit: *commit })
        }
        Body::Records(_) | Body::Compacted { .. } => None,
    }
}

fn group_of(api: &Api) -> Option<GroupId> {
    match api {
        Api::JoinGroup(it) => Some(it.group),
        Api::SyncGroup(it) => Some(it.group),
        Api::Heartbeat { group, .. } | Api::OffsetFetch { group, .. } => Some(*group),
        Api::LeaveGroup(it) => Some(it.group),
        Api::OffsetCommit(it) => Some(it.group),
        Api::ConsumerGroupHeartbeat(it) | Api::ShareGroupHeartbeat(it) => Some(it.group),
        Api::TxnOffsetCommit(it) => Some(it.group),
        _ => None,
    }
}

fn txn_of(api: &Api) -> Option<TxnId> {
    match api {
        Api::InitProducerId(it) => it.txn,
        Api::AddPartitionsToTxn(it) => Some(it.txn),
        Api::AddOffsetsToTxn { txn, .. } => Some(*txn),
        Api::EndTxn(it) => Some(it.txn),
        _ => None,
    }
}

/// What a broker answers to a request for a coordinator that does not live here.
fn refusal(api: &Api, code: Code) -> Answer {
    let each =
        |partitions: &[TopicPartition]| partitions.iter().map(|at| (*at, Err(code))).collect();
    match api {
        Api::JoinGroup(join) => Answer::JoinGroup(Box::new(crate::talk::kafka::Joined {
            error: Some(code),
            generation: -1,
            protocol: Default::default(),
            leader: Default::default(),
            member: join.member.clone(),
            skip_assignment: false,
            members: Vec::new(),
        })),
        Api::SyncGroup(_) => Answer::SyncGroup(Err(code)),
        Api::Heartbeat { .. } => Answer::Heartbeat(Err(code)),
        Api::LeaveGroup(_) => Answer::LeaveGroup(Err(code)),
        Api::OffsetFetch { .. } => Answer::OffsetFetch(Err(code)),
        Api::OffsetCommit(it) => {
            Answer::OffsetCommit(it.offsets.iter().map(|(at, _)| (*at, Err(code))).collect())
        }
        Api::TxnOffsetCommit(it) => {
            Answer::TxnOffsetCommit(it.offsets.iter().map(|(at, _)| (*at, Err(code))).collect())
        }
        Api::ConsumerGroupHeartbeat(it) | Api::ShareGroupHeartbeat(it) => {
            Answer::ConsumerGroupHeartbeat(Box::new(crate::talk::kafka::ConsumerBeaten {
                error: Some(code),
                member: it.member.clone(),
                epoch: it.epoch,
                interval: crate::kernel::Span::ZERO,
                assignment: None,
            }))
        }
        Api::InitProducerId(_) => Answer::InitProducerId(Err(code)),
        Api::AddPartitionsToTxn(it) => Answer::AddPartitionsToTxn(each(&it.partitions)),
        Api::AddOffsetsToTxn { .. } => Answer::AddOffsetsToTxn(Err(code)),
        Api::EndTxn(_) => Answer::EndTxn(Err(code)),
        Api::ShareFetch(it) => {
            Answer::ShareFetch(it.partitions.iter().map(|at| (*at, Err(code))).collect())
        }
        Api::ShareAcknowledge(it) => Answer::ShareAcknowledge(
            it.acknowledgements.iter().map(|(at, _)| (*at, Err(code))).collect(),
        ),
        Api::WriteTxnMarkers(markers) => Answer::WriteTxnMarkers(
            markers.iter().flat_map(|it| &it.partitions).map(|at| (*at, Err(code))).collect(),
        ),
        _ => Answer::FindCoordinator(Err(code)),
    }
}
