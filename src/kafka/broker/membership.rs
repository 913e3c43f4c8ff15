//! A broker and its controllers: registration, heartbeats, and what leaders ask for.
//!
//! Source: `BrokerLifecycleManager`, `BrokerRegistrationTracker`, `AlterPartitionManager` of Apache
//! Kafka 4.1.1.

use super::{Broker, Proposal, Word};
use crate::kafka::controller::Refusal;
use crate::kafka::replica::Role;
use crate::kernel::{Ctx, Loss, NodeId, Span};
use crate::talk::kafka::{PartitionInfo, TopicPartition};
use crate::talk::{KafkaNote, KafkaTimer, Mq, Msg, Note, Parcel, Timer};

/// A broker's life in its cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Life {
    /// It has started before.
    pub(super) has_lived: bool,
    /// The epoch of its registration, once it has one.
    pub(super) epoch: Option<u64>,
    /// The epoch of the life before, if that ended in an orderly way.
    clean: Option<u64>,
    /// The controller that it takes for the active one, by its place.
    controller: usize,
    /// How often it has tried to register.
    tries: u32,
}

impl Broker {
    /// Starts: at the beginning as a member of a cluster that is up, later by registering.
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let interval = self.config.settings.broker_heartbeat_interval;
        if std::mem::replace(&mut self.life.has_lived, true) {
            let now = ctx.now;
            self.replicas.iter_mut().for_each(|(_, replica)| replica.log.open(now));
            self.register(ctx);
        } else {
            self.life.epoch = Some(0);
            self.adopt(ctx);
            ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), interval);
        }
        // half of the time that is allowed, so that one and a half of it may pass
        // (ReplicaManager.startup)
        let scan = Span::from_nanos(self.config.settings.replica_lag_time_max.as_nanos() / 2);
        ctx.arm(Timer::Kafka(KafkaTimer::IsrScan), scan);
        self.start_cleaning(ctx);
        self.arm_scan(KafkaTimer::TxnScan, ctx);
        self.arm_scan(KafkaTimer::OffsetRetention, ctx);
    }

    /// It will stop: its leaders move when the controller hears of it.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.life.clean = self.life.epoch;
        if self.config.settings.controlled_shutdown
            && let Some(epoch) = self.life.epoch
        {
            let version = self.image.version;
            self.tell_controller(Word::Heartbeat { epoch, version, stopping: true }, ctx);
        }
    }

    pub(super) fn go_down(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        if loss != Loss::Graceful {
            self.life.clean = None;
        }
        self.life.epoch = None;
        self.connections = Default::default();
        self.purgatory = Default::default();
        self.fetchers.clear();
        self.ids = (0, 0);
        self.wanting_ids.clear();
        self.seats.clear();
        self.questions.clear();
        self.verifying.clear();
        let now = ctx.now;
        for (at, replica) in self.replicas.iter_mut() {
            let end = replica.log.end();
            replica.go_down(loss, now);
            let to = replica.log.end();
            if to < end {
                ctx.note(Note::Kafka(KafkaNote::Truncated { at, to }));
            }
        }
    }

    // ── to the controller ──

    pub(super) fn tell_controller(&self, word: Word, ctx: &mut Ctx<'_, Mq>) {
        let controllers = &self.config.controllers;
        if let Some(&to) = controllers.get(self.life.controller % controllers.len().max(1)) {
            ctx.send(to, Msg::Cluster(Parcel::new(word)));
        }
    }

    fn register(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.tell_controller(Word::Register { clean: self.life.clean }, ctx);
        // once more if no answer comes
        let wait = self.config.settings.broker_heartbeat_interval;
        ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), wait);
    }

    /// `broker.heartbeat.interval.ms`.
    pub(super) fn beat(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(epoch) = self.life.epoch else { return self.register(ctx) };
        let version = self.image.version;
        self.tell_controller(Word::Heartbeat { epoch, version, stopping: false }, ctx);
        let interval = self.config.settings.broker_heartbeat_interval;
        ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), interval);
    }

    /// The connection with the controller is gone: it tries the next one.
    pub(super) fn controller_lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let controllers = &self.config.controllers;
        if controllers.get(self.life.controller) != Some(&peer) {
            return;
        }
        self.life.controller = (self.life.controller + 1) % controllers.len();
        let soon = Span::from_millis(100);
        ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), soon);
    }

    pub(super) fn hear(&mut self, from: NodeId, word: &Word, ctx: &mut Ctx<'_, Mq>) {
        match word {
            Word::Registered { epoch } => {
                self.life.epoch = Some(*epoch);
                (self.life.tries, self.life.clean) = (0, None);
                self.adopt(ctx);
                self.beat(ctx);
            }
            Word::Duplicate => {
                // ExponentialBackoff(100 ms, 2, broker.session.timeout.ms)
                let wait = Span::from_millis(100 << self.life.tries.min(16));
                self.life.tries += 1;
                let wait = wait.min(self.config.broker_session());
                ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), wait);
            }
            Word::Unknown => {
                self.life.epoch = None;
                self.register(ctx);
            }
            Word::Image(image) if image.version > self.image.version => {
                self.image = image.clone();
                self.news(from, ctx);
            }
            Word::Altered(results) => {
                for (at, result) in results {
                    self.altered(*at, result, ctx);
                }
            }
            Word::Ids { first, count } => self.got_ids(*first, *count, ctx),
            Word::NotActive(active) => self.not_active(from, *active, ctx),
            _ => {}
        }
    }

    fn news(&mut self, from: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let place = self.config.controllers.iter().position(|it| *it == from);
        if let Some(place) = place
            && place != self.life.controller
        {
            self.life.controller = place;
            self.ask_again();
        }
        let Some(epoch) = self.life.epoch else { return };
        self.adopt(ctx);
        self.tell_coordinators(ctx);
        let me = self.image.broker(ctx.me);
        if me.is_some_and(|me| me.fenced && me.epoch == epoch) {
            self.beat(ctx);
        }
    }

    fn not_active(&mut self, from: NodeId, active: Option<NodeId>, ctx: &mut Ctx<'_, Mq>) {
        let controllers = &self.config.controllers;
        if controllers.get(self.life.controller) != Some(&from) {
            return;
        }
        let known = active.and_then(|it| controllers.iter().position(|node| *node == it));
        self.life.controller = known.unwrap_or((self.life.controller + 1) % controllers.len());
        self.ask_again();
        let soon = if known.is_some() { Span::ZERO } else { Span::from_millis(100) };
        ctx.arm(Timer::Kafka(KafkaTimer::BrokerHeartbeat), soon);
    }

    // ── what leaders ask for ──

    /// `maybeExpandIsr`.
    pub(super) fn ask_in(&mut self, at: TopicPartition, follower: NodeId) {
        self.ask(at, |isr| {
            if !isr.contains(&follower) {
                isr.push(follower);
            }
        });
    }

    fn ask(&mut self, at: TopicPartition, change: impl FnOnce(&mut Vec<NodeId>)) {
        let Some(replica) = self.replicas.get_mut(at) else { return };
        let Role::Leader(leading) = &mut replica.role else { return };
        let mut wanted = leading.isr.clone();
        change(&mut wanted);
        leading.asked = Some(wanted);
        self.propose(at);
    }

    fn propose(&mut self, at: TopicPartition) {
        let Some(replica) = self.replicas.get(at) else { return };
        let Some((leading, wanted)) =
            replica.leading().and_then(|it| Some((it, it.asked.as_ref()?)))
        else {
            return;
        };
        let epoch_of = |node: NodeId| leading.peers.iter().find(|it| it.node == node)?.broker_epoch;
        self.proposals.push(Proposal {
            at,
            leader_epoch: replica.leader_epoch,
            partition_epoch: replica.partition_epoch.unwrap_or(0),
            isr: wanted.iter().map(|&node| (node, epoch_of(node))).collect(),
        });
    }

    /// What was asked of another controller may not have been heard.
    fn ask_again(&mut self) {
        let asked: Vec<_> = self
            .replicas
            .iter()
            .filter(|(_, it)| it.leading().is_some_and(|it| it.asked.is_some()))
            .map(|(at, _)| at)
            .collect();
        for at in asked {
            self.propose(at);
        }
    }

    pub(super) fn send_proposals(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.proposals.is_empty()
            && let Some(epoch) = self.life.epoch
        {
            let proposals = std::mem::take(&mut self.proposals);
            self.tell_controller(Word::Alter { epoch, proposals }, ctx);
        }
    }

    /// Source: `Partition.handleAlterPartitionError`, `handleAlterPartitionUpdate`.
    fn altered(
        &mut self,
        at: TopicPartition,
        result: &Result<PartitionInfo, Refusal>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        match result {
            Ok(info) => self.adopt_partition(at, info, ctx),
            Err(Refusal::Ineligible | Refusal::Invalid | Refusal::StaleBroker) => {
                if let Some(replica) = self.replicas.get_mut(at)
                    && let Role::Leader(leading) = &mut replica.role
                {
                    leading.asked = None;
                }
            }
            // what it knows is old, and newer metadata is on its way
            Err(_) => {}
        }
    }

    /// Looks for followers that have fallen behind.
    pub(super) fn scan_isr(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let ats: Vec<_> =
            self.replicas.iter().filter(|(_, it)| it.leading().is_some()).map(|it| it.0).collect();
        for at in ats {
            let Some((replica, peers)) = self.replica(at, ctx.now) else { continue };
            let laggards = replica.laggards(peers);
            if !laggards.is_empty() {
                self.ask(at, |isr| isr.retain(|it| !laggards.contains(it)));
            }
        }
        let scan = Span::from_nanos(self.config.settings.replica_lag_time_max.as_nanos() / 2);
        ctx.arm(Timer::Kafka(KafkaTimer::IsrScan), scan);
    }
}
