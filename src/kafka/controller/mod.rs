//! A controller: one of those that decide who leads what.
//!
//! Controllers keep the metadata log by majority. The active one works out changes on what it has
//! logged, committed or not, and answers when they are committed; then it tells all brokers.
//!
//! *Modelled:* registration and fencing of brokers, controlled shutdown, changes of the in-sync
//! replicas, elections of every kind, the check for imbalance, new partitions, and the failover of
//! the controllers themselves.
//! *Simplified:* the quorum is the Raft that the other broker's clusters use, with a sign of life
//! between controllers, where KRaft's followers pull; brokers are pushed whole metadata, where they
//! fetch the log; clusters of the age of `ZooKeeper` have controllers as well.
//!
//! Sources: `QuorumController`, `ReplicationControlManager`, `ClusterControlManager`,
//! `BrokerHeartbeatManager` of Apache Kafka 4.1.1.

mod election;
mod quorum;
mod state;
mod word;

use std::collections::VecDeque;

use super::config::ClusterConfig;
use crate::kernel::{Ctx, Input, Loss, Node, NodeId};
use crate::raft::{Index, Raft, Term};
use crate::talk::kafka::{BrokerInfo, Image, TopicPartition};
use crate::talk::{Constant, KafkaOrder, KafkaTimer, Mq, Msg, Order, Parcel, Timer};
use election::Election;
pub(in crate::kafka) use state::State;
use state::{Change, IDS, Record};
pub(in crate::kafka) use word::{Proposal, Refusal, Word};

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    config: Constant<ClusterConfig>,
    /// There from its first start on.
    raft: Option<Raft<Change>>,
    /// What is committed. It is on disk, since the log is.
    committed: State,
    /// What the active controller has logged, in a term.
    active: Option<Active>,
    /// What is being synced.
    syncing: Option<(Term, Index)>,
    elections: u64,
}

/// What only the active controller has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Active {
    state: State,
    /// Answers that leave when the log is committed up to a place.
    answers: VecDeque<(Index, NodeId, Word)>,
}

impl Controller {
    /// A controller of this cluster.
    pub fn new(config: Constant<ClusterConfig>) -> Controller {
        let committed = State::begin(&config);
        let (raft, active, syncing) = (None, None, None);
        Controller { config, raft, committed, active, syncing, elections: 0 }
    }

    /// What its cluster is told.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// What it knows to be decided.
    pub fn image(&self) -> &Image {
        &self.committed.image
    }

    /// Whether it is the active controller, as far as it knows.
    pub fn is_active(&self) -> bool {
        self.active.is_some()
    }

    fn tell(&self, to: NodeId, word: Word, ctx: &mut Ctx<'_, Mq>) {
        ctx.send(to, Msg::Cluster(Parcel::new(word)));
    }

    fn hear(&mut self, from: NodeId, word: &Word, ctx: &mut Ctx<'_, Mq>) {
        match word {
            Word::Raft(message) => return self.hear_quorum(from, message.clone(), ctx),
            Word::Hello => return self.hear_hello(from, ctx),
            _ => {}
        }
        if self.active.is_none() {
            let active = self.raft.as_ref().and_then(Raft::leader).filter(|it| *it != ctx.me);
            return self.tell(from, Word::NotActive(active), ctx);
        }
        match word {
            Word::Register { clean } => self.register(from, *clean, ctx),
            Word::Heartbeat { epoch, version, stopping } => {
                self.heartbeat(from, *epoch, *version, *stopping, ctx);
            }
            Word::Alter { epoch, proposals } => self.alter(from, *epoch, proposals, ctx),
            Word::Create(topic) => {
                let count = self.config.spec(*topic).map_or(0, |spec| spec.partitions);
                self.decide(|state, config| state.grow(config, *topic, count), None, ctx);
            }
            Word::WantIds => {
                let first = self.active.as_ref().map_or(0, |active| active.state.next_id);
                let ids = Word::Ids { first, count: IDS };
                self.decide(|_, _| vec![Record::Ids(first + IDS)], Some((from, ids)), ctx);
            }
            _ => {}
        }
    }

    /// Logs what this state of things leads to, and answers when it is committed.
    fn decide(
        &mut self,
        change: impl FnOnce(&State, &ClusterConfig) -> Change,
        answer: Option<(NodeId, Word)>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(active) = &mut self.active else { return };
        let records = change(&active.state, &self.config);
        let mut at = self.raft.as_ref().map_or(0, |raft| raft.log().last().1);
        if !records.is_empty() {
            at += 1;
            active.state.apply(at, &records);
        }
        if let Some((to, word)) = answer {
            if at <= self.raft.as_ref().map_or(0, Raft::applied) {
                self.tell(to, word, ctx);
            } else {
                active.answers.push_back((at, to, word));
            }
        }
        if !records.is_empty() {
            self.with_raft(ctx, |raft, out| {
                raft.propose(records, out);
            });
        }
    }

    /// Source: `ClusterControlManager.registerBroker`: a broker whose session has not ended is told
    /// to wait until it has.
    fn register(&mut self, broker: NodeId, clean: Option<u64>, ctx: &mut Ctx<'_, Mq>) {
        let Some(active) = &self.active else { return };
        let old = active.state.image.broker(broker).copied();
        if old.is_some_and(|old| !old.fenced) {
            return self.tell(broker, Word::Duplicate, ctx);
        }
        let is_clean = clean.is_some() && clean == old.map(|old| old.epoch);
        // the epoch of a broker is the place of its registration in the log
        let epoch = self.raft.as_ref().map_or(0, |raft| raft.log().last().1) + 1;
        self.decide(
            |state, config| state.register(config, broker, epoch, is_clean),
            Some((broker, Word::Registered { epoch })),
            ctx,
        );
        self.watch(broker, ctx);
    }

    /// Source: `ReplicationControlManager.processBrokerHeartbeat`,
    /// `BrokerHeartbeatManager.calculateNextBrokerState`.
    fn heartbeat(
        &mut self,
        broker: NodeId,
        epoch: u64,
        version: u64,
        stopping: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(active) = &self.active else { return };
        let known = active.state.image.broker(broker).copied();
        let Some(known) = known.filter(|known| known.epoch == epoch) else {
            return self.tell(broker, Word::Unknown, ctx);
        };
        if stopping {
            ctx.disarm(Timer::Kafka(KafkaTimer::BrokerSession(broker)));
            return self.decide(|state, config| state.fence(config, broker, true), None, ctx);
        }
        self.watch(broker, ctx);
        if version < self.committed.image.version {
            self.tell(broker, Word::Image(self.committed.image.clone()), ctx);
        }
        if known.fenced && version >= epoch {
            self.decide(|state, config| state.unfence(config, broker), None, ctx);
        }
    }

    fn watch(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let timer = Timer::Kafka(KafkaTimer::BrokerSession(broker));
        ctx.arm(timer, self.config.broker_session());
    }

    /// A broker has been silent for too long.
    fn session_ended(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(active) = &self.active else { return };
        if active.state.image.broker(broker).is_some_and(|it| !it.fenced) {
            self.decide(|state, config| state.fence(config, broker, false), None, ctx);
        }
    }

    fn alter(&mut self, leader: NodeId, epoch: u64, proposals: &[Proposal], ctx: &mut Ctx<'_, Mq>) {
        let Some(active) = &self.active else { return };
        let known = |it: &BrokerInfo| it.epoch == epoch;
        if !active.state.image.broker(leader).is_some_and(known) {
            let refused = |it: &Proposal| (it.at, Err(Refusal::StaleBroker));
            let answer = proposals.iter().map(refused).collect();
            return self.tell(leader, Word::Altered(answer), ctx);
        }
        let mut records = Change::new();
        let mut answer = Vec::new();
        for proposal in proposals {
            let at = proposal.at;
            let result = active.state.alter(&self.config, leader, proposal).map(|record| {
                let now = active.state.image.partition(at).cloned().unwrap_or_default();
                let Some(record) = record else { return now };
                let info = match &record {
                    Record::Partition { info, .. } => info.clone(),
                    _ => now,
                };
                records.push(record);
                info
            });
            answer.push((at, result));
        }
        self.decide(|_, _| records, Some((leader, Word::Altered(answer))), ctx);
    }

    fn order(&mut self, order: KafkaOrder, ctx: &mut Ctx<'_, Mq>) {
        match order {
            KafkaOrder::CreatePartitions { topic, count } => {
                self.decide(|state, config| state.grow(config, topic, count), None, ctx);
            }
            KafkaOrder::ElectUnclean(at) => self.elect_unclean(at, ctx),
            KafkaOrder::DeleteRecords { .. }
            | KafkaOrder::Seek(_)
            | KafkaOrder::PauseFetching(_) => {}
        }
    }

    /// `kafka-leader-election --election-type UNCLEAN`. It is refused (`ELECTION_NOT_NEEDED`) while
    /// the partition has a leader. Source: `ReplicationControlManager.electLeader`.
    fn elect_unclean(&mut self, at: TopicPartition, ctx: &mut Ctx<'_, Mq>) {
        self.decide(
            |state, config| {
                let leaderless = state.image.partition(at).is_some_and(|it| it.leader.is_none());
                let elect = || state.elect(config, at, Election::Unclean);
                leaderless.then(elect).flatten().into_iter().collect()
            },
            None,
            ctx,
        );
    }

    fn check_imbalance(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.decide(|state, config| state.rebalance(config), None, ctx);
        ctx.arm(Timer::Kafka(KafkaTimer::Imbalance), self.config.settings.leader_imbalance_check);
    }

    fn on_timer(&mut self, timer: KafkaTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            KafkaTimer::BrokerSession(broker) => self.session_ended(broker, ctx),
            KafkaTimer::Imbalance => self.check_imbalance(ctx),
            KafkaTimer::Election => self.call_election(ctx),
            KafkaTimer::ControllerTick => self.tick(ctx),
            KafkaTimer::ControllerSync => self.synced(ctx),
            _ => {}
        }
    }
}

impl Node for Controller {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::Cluster(parcel) } => {
                if let Some(word) = parcel.open::<Word>() {
                    self.hear(from, word, ctx);
                }
            }
            Input::Timer(Timer::Kafka(timer)) => self.on_timer(timer, ctx),
            Input::Start => self.start(ctx),
            Input::Closed(peer) => self.lost(peer, ctx),
            Input::Order(Order::Kafka(order)) => self.order(order, ctx),
            Input::Message { .. } | Input::Timer(_) | Input::Order(_) | Input::Stop => {}
        }
    }

    fn lose(&mut self, loss: Loss, _: &mut Ctx<'_, Mq>) {
        (self.active, self.syncing) = (None, None);
        if let Some(raft) = &mut self.raft {
            raft.lose(loss == Loss::Power);
        }
    }
}
