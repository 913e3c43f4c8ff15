//! Membership in a group: the classic protocol, and that of KIP-848.
//!
//! Sources: Apache Kafka 4.1.1 `AbstractCoordinator`, `ConsumerCoordinator`,
//! `AbstractHeartbeatRequestManager`, `ConsumerMembershipManager`; KafkaJS 2.2.4
//! `src/consumer/consumerGroup.js`, `src/broker/index.js`; librdkafka 2 `rdkafka_cgrp.c`.

use super::{GroupProtocol, KafkaConsumer};
use crate::client::handler::Handler;
use crate::client::kafka::link::{Coordinated, Lane};
use crate::kafka::assign::{self, Assignor};
use crate::kafka::clients::{Family, Heartbeats};
use crate::kernel::{Ctx, NodeId, Span, Time};
use crate::talk::kafka::{
    Api, Code, ConsumerBeat, Join, Joined, Leave, Protocol, Subscription, Sync, TopicPartition,
};
use crate::talk::{KafkaClientTimer, Mq, Name, Timer};

/// What a request of a consumer was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ask {
    /// To join, at this attempt.
    Join(u32),
    /// To synchronise, at this attempt.
    Sync(u32),
    /// A heartbeat, in this attempt's membership.
    Beat(u32),
    /// To leave.
    Leave,
    /// What is committed.
    Committed,
    /// Where a log begins or ends.
    Ends,
    /// Where a log ends for an epoch.
    Epochs,
    /// Records.
    Fetch,
    /// To commit, with this number.
    Commit(u32),
    /// To produce a copy, with this number.
    Produce(u32),
    /// To add the partition of this copy to the transaction.
    AddPartition(u32),
    /// Something else about the transaction.
    Txn,
}

/// A membership, as its client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    pub(super) phase: Phase,
    /// The id that the coordinator gave it; under KIP-848 it made it itself.
    pub(super) id: Name,
    /// The generation; under KIP-848 the member epoch. -1 is none.
    pub(super) generation: i32,
    /// The assignor that the members agreed on.
    pub(super) assignor: Option<Assignor>,
    /// It computes the assignment.
    pub(super) leads: bool,
    /// How many partitions its topics had when it joined.
    partitions: u32,
    /// What it was given last, and in which generation: the sticky assignor asks.
    given: (Vec<TopicPartition>, i32),
    /// It is to join again.
    pub(super) rejoin: bool,
    /// It was thrown out, or fenced: what it owns belongs to others.
    pub(super) lost: bool,
    /// What it is to own, when that is not what it owns.
    pub(super) target: Option<Vec<TopicPartition>>,
    /// How often it tried to join: answers to earlier attempts are not looked at.
    pub(super) turn: u32,
    /// When it last told the coordinator that it is there.
    pub(super) last_beat: Time,
    /// A heartbeat is on its way.
    pub(super) beating: bool,
    /// KIP-848: how long it waits between heartbeats; what it told the coordinator that it owns.
    pub(super) interval: Span,
    pub(super) told: Option<Vec<TopicPartition>>,
    /// KIP-848, librdkafka: the application was told what it gives up, and not yet what it gets.
    pub(super) halfway: bool,
    /// How many ids it made for itself.
    pub(super) ids: u32,
}

impl Default for Member {
    fn default() -> Member {
        Member {
            phase: Phase::Out,
            id: Name::default(),
            generation: -1,
            assignor: None,
            leads: false,
            partitions: 0,
            given: (Vec::new(), -1),
            rejoin: false,
            lost: false,
            target: None,
            turn: 0,
            last_beat: Time::ZERO,
            beating: false,
            interval: Span::ZERO,
            told: None,
            halfway: false,
            ids: 0,
        }
    }
}

impl Member {
    /// Where it stands with its group.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The id that it has in its group; empty when it has none.
    pub fn id(&self) -> &Name {
        &self.id
    }

    /// The generation, or the member epoch under KIP-848; -1 is none.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether it computes the assignment of its group.
    pub fn leads(&self) -> bool {
        self.leads
    }

    /// It is not a member any more, and what it owned may belong to others by now.
    pub(super) fn is_thrown_out(&mut self) {
        self.id = Name::default();
        self.is_fenced();
    }

    /// The same, but it may keep its id.
    pub(super) fn is_fenced(&mut self) {
        self.generation = -1;
        self.phase = Phase::Out;
        self.told = None;
        self.target = None;
        (self.lost, self.rejoin, self.beating, self.halfway) = (true, true, false, false);
    }
}

/// Where a consumer stands with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It is no member, and does not try to be.
    Out,
    /// It commits before it joins again.
    Preparing,
    /// It looks for the coordinator.
    Seeking,
    /// It has asked to join, and waits until all have.
    Joining,
    /// It waits for its assignment.
    Syncing,
    /// It is a member.
    Stable,
}

/// What came of an answer about a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outcome {
    /// The next request is on its way.
    Pending,
    /// There is an assignment in [`Member::target`].
    Joined,
    /// It failed.
    Failed(Code),
}

impl<H: Handler> KafkaConsumer<H> {
    pub(super) fn group(&self) -> Coordinated {
        Coordinated::Group(self.config.group)
    }

    /// Asks the coordinator. Returns false, and looks for it, when it is not known.
    pub(super) fn ask_coordinator(&mut self, ask: Ask, api: Api, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(broker) = self.link.coordinator(self.group()) else {
            self.link.look_for(self.group(), ctx);
            return false;
        };
        // a join waits for the slowest member (AbstractCoordinator.sendJoinGroupRequest)
        let patient = Some(self.config.max_poll_interval + Span::from_secs(5));
        let timeout = if matches!(ask, Ask::Join(_) | Ask::Sync(_)) { patient } else { None };
        let lane = if self.is_kafkajs() { Lane::Main } else { Lane::Second };
        self.link.send(broker, lane, ask, api, timeout, ctx);
        true
    }

    // ── the classic protocol ──

    /// Asks to join, as soon as the coordinator is known.
    pub(super) fn join_group(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.config.protocol == GroupProtocol::Consumer {
            return self.beat_848(ctx);
        }
        let config = self.config.clone();
        self.member.rejoin = false;
        self.member.turn = self.member.turn.wrapping_add(1);
        self.member.phase = Phase::Seeking;
        if !self.knows_topics(ctx) {
            return;
        }
        let protocols = config.assignors.iter().map(|assignor| {
            let (owned, generation) = match assignor {
                Assignor::CooperativeSticky => {
                    (self.places.iter().map(|place| place.at).collect(), self.member.given.1)
                }
                Assignor::Sticky => self.member.given.clone(),
                _ => (Vec::new(), -1),
            };
            let topics = config.topics.clone();
            let subscription = Subscription { topics, owned, generation, rack: None }.into();
            Protocol { name: assignor.name().into(), subscription }
        });
        let join = Join {
            group: config.group,
            member: self.member.id.clone(),
            instance: self.instance(),
            client_id: config.name.clone(),
            session_timeout: config.session_timeout,
            rebalance_timeout: config.max_poll_interval,
            member_id_required: true,
            protocols: protocols.collect(),
        };
        let ask = Ask::Join(self.member.turn);
        if self.ask_coordinator(ask, Api::JoinGroup(Box::new(join)), ctx) {
            self.member.phase = Phase::Joining;
        }
    }

    /// Whether there is metadata: whoever leads needs them for the assignment.
    pub(super) fn knows_topics(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        let knows = self.link.image().is_some();
        if !knows {
            self.link.refresh(ctx);
        }
        knows
    }

    /// Metadata came. The leader of a group has it join again when a topic has more partitions.
    ///
    /// Source: `ConsumerCoordinator.rejoinNeededOrPending` of Apache Kafka 4.1.1.
    pub(super) fn topics_changed(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.member.phase == Phase::Seeking {
            self.join_group(ctx);
        }
        let stable = self.member.phase == Phase::Stable && self.member.leads;
        if stable && !self.is_kafkajs() && self.member.partitions != self.partitions_of_topics() {
            self.member.rejoin = true;
        }
    }

    /// Its `group.instance.id`, if its client knows such a thing.
    pub(super) fn instance(&self) -> Option<Name> {
        let knows = self.config.client.consumer.static_membership;
        self.config.instance.clone().filter(|_| knows)
    }

    pub(super) fn on_joined(
        &mut self,
        turn: u32,
        joined: Joined,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Outcome {
        if turn != self.member.turn || self.member.phase != Phase::Joining {
            return Outcome::Pending;
        }
        match joined.error {
            Some(Code::MemberIdRequired) => {
                self.member.id = joined.member;
                self.join_group(ctx);
                Outcome::Pending
            }
            Some(code) => self.join_failed(code),
            None => {
                self.member.id = joined.member;
                self.member.generation = joined.generation;
                let named = |it: &&Assignor| joined.protocol == it.name();
                self.member.assignor = self.config.assignors.iter().find(named).copied();
                self.member.leads = joined.leader == self.member.id;
                self.member.phase = Phase::Syncing;
                self.member.partitions = self.partitions_of_topics();
                let assignments = if self.member.leads && !joined.skip_assignment {
                    self.assign(&joined.members)
                } else {
                    Vec::new()
                };
                let sync = Sync {
                    group: self.config.group,
                    generation: joined.generation,
                    member: self.member.id.clone(),
                    instance: self.instance(),
                    assignments,
                };
                let ask = Ask::Sync(turn);
                if !self.ask_coordinator(ask, Api::SyncGroup(Box::new(sync)), ctx) {
                    return self.join_failed(Code::NotCoordinator);
                }
                Outcome::Pending
            }
        }
    }

    /// Divides the partitions of the group, since it leads it.
    fn assign(
        &self,
        members: &[(Name, Option<Name>, std::sync::Arc<Subscription>)],
    ) -> Vec<(Name, Vec<TopicPartition>)> {
        let assignor = match (self.member.assignor, self.config.client.family) {
            (None, _) => return Vec::new(),
            (Some(Assignor::CooperativeSticky), Family::Librdkafka) => Assignor::LibrdkafkaSticky,
            (Some(assignor), _) => assignor,
        };
        let topic = |(at, name): (usize, &Name)| assign::Topic {
            name: name.clone(),
            partitions: self.link.partitions(crate::talk::kafka::TopicId(at as u16)),
            racks: Vec::new(),
        };
        let topics: Vec<assign::Topic> =
            self.config.topic_names.iter().enumerate().map(topic).collect();
        let member = |(id, instance, subscription): &(Name, Option<Name>, _)| assign::Member {
            id: id.clone(),
            instance: instance.clone(),
            subscription: std::sync::Arc::clone(subscription),
        };
        let members: Vec<assign::Member> = members.iter().map(member).collect();
        let leader = members.iter().position(|it| it.id == self.member.id).unwrap_or(0);
        let group = assign::Group { topics: &topics, members: &members, leader };
        let assignment = assignor.assign(group);
        members.into_iter().map(|member| member.id).zip(assignment).collect()
    }

    pub(super) fn on_synced(
        &mut self,
        turn: u32,
        synced: Result<Vec<TopicPartition>, Code>,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Outcome {
        if turn != self.member.turn || self.member.phase != Phase::Syncing {
            return Outcome::Pending;
        }
        match synced {
            Err(code) => self.join_failed(code),
            Ok(mut assigned) => {
                assigned.sort_unstable();
                self.member.given = (assigned.clone(), self.member.generation);
                self.member.target = Some(assigned);
                self.member.phase = Phase::Stable;
                self.member.beating = false;
                if !self.is_kafkajs() {
                    // KafkaJS counts from when the consumer was made (`lastRequest`)
                    self.member.last_beat = ctx.now;
                }
                if self.config.client.consumer.heartbeats == Heartbeats::FromThread {
                    let interval = self.config.heartbeat_interval;
                    ctx.arm(Timer::KafkaClient(KafkaClientTimer::Heartbeat), interval);
                }
                Outcome::Joined
            }
        }
    }

    /// A join or a sync failed: with which id it may try again.
    ///
    /// Source: `JoinGroupResponseHandler` and `SyncGroupResponseHandler` of `AbstractCoordinator`.
    pub(super) fn join_failed(&mut self, code: Code) -> Outcome {
        self.member.phase = Phase::Out;
        self.member.rejoin = true;
        match code {
            Code::UnknownMemberId => self.member.is_thrown_out(),
            Code::IllegalGeneration => self.member.is_fenced(),
            Code::NotCoordinator | Code::CoordinatorNotAvailable => {
                self.link.forget_coordinator(self.group());
            }
            _ => {}
        }
        Outcome::Failed(code)
    }

    // ── heartbeats ──

    /// Sends a heartbeat. Returns whether there is an answer to wait for.
    pub(super) fn beat(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.member.beating {
            return true;
        }
        let api = Api::Heartbeat {
            group: self.config.group,
            generation: self.member.generation,
            member: self.member.id.clone(),
            instance: self.instance(),
        };
        self.member.beating = self.ask_coordinator(Ask::Beat(self.member.turn), api, ctx);
        self.member.beating
    }

    /// It is time for the heartbeat of a thread.
    pub(super) fn beat_due(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.config.protocol == GroupProtocol::Consumer {
            return self.beat_848(ctx);
        }
        if self.member.phase != Phase::Stable {
            return; // heartbeats are off while it joins
        }
        self.beat(ctx);
        let interval = self.config.heartbeat_interval;
        ctx.arm(Timer::KafkaClient(KafkaClientTimer::Heartbeat), interval);
    }

    /// What a heartbeat was answered. Returns the error, if it is one of this membership.
    pub(super) fn on_beat(
        &mut self,
        turn: u32,
        answer: Result<(), Code>,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Option<Code> {
        self.member.beating = false;
        if turn != self.member.turn || self.member.phase != Phase::Stable {
            return None;
        }
        let Err(code) = answer else {
            self.member.last_beat = ctx.now;
            return None;
        };
        match code {
            Code::RebalanceInProgress => self.member.rejoin = true,
            Code::NotCoordinator | Code::CoordinatorNotAvailable => {
                self.link.forget_coordinator(self.group());
                self.link.look_for(self.group(), ctx);
            }
            Code::IllegalGeneration if !self.is_kafkajs() => self.member.is_fenced(),
            Code::UnknownMemberId if !self.is_kafkajs() => self.member.is_thrown_out(),
            Code::FencedInstanceId => self.give_up(ctx),
            _ => {}
        }
        Some(code)
    }

    /// Says that it leaves. A static member does not: it may be back before its session ends.
    pub(super) fn leave_group(&mut self, ctx: &mut Ctx<'_, Mq>) {
        ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Heartbeat));
        let member = std::mem::take(&mut self.member.id);
        let is_static = self.instance().is_some();
        self.member.phase = Phase::Out;
        self.member.turn = self.member.turn.wrapping_add(1);
        if self.config.protocol == GroupProtocol::Consumer {
            let epoch = if is_static { -2 } else { -1 };
            self.member.id = member;
            let beat = ConsumerBeat { epoch, ..self.unchanged() };
            self.ask_coordinator(Ask::Leave, Api::ConsumerGroupHeartbeat(Box::new(beat)), ctx);
        } else if !is_static && !member.is_empty() {
            let leave = Leave { group: self.config.group, member, instance: None };
            self.ask_coordinator(Ask::Leave, Api::LeaveGroup(leave), ctx);
        }
        self.member.generation = -1;
        self.member.target = None;
    }

    /// The coordinator is known.
    pub(super) fn found_coordinator(&mut self, ctx: &mut Ctx<'_, Mq>) {
        match self.member.phase {
            Phase::Seeking => self.join_group(ctx),
            Phase::Stable if self.config.protocol == GroupProtocol::Consumer => self.beat_848(ctx),
            _ => {}
        }
        self.look_again();
    }

    /// No answer came to a question about the membership.
    pub(super) fn coordinator_gone(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        self.member.beating = false;
        self.member.told = None;
        if self.link.coordinator(self.group()) == Some(broker) {
            self.link.forget_coordinator(self.group());
        }
        self.link.look_for(self.group(), ctx);
    }
}
