//! The quorum of controllers: the metadata log by majority.

use super::state::{Change, Record, State};
use super::{Active, Controller, Word};
use crate::kernel::{Ctx, Dist, Fact, NodeId, Site, Span};
use crate::raft::{Index, Message, Output, Raft, Term};
use crate::talk::{KafkaTimer, Mq, Timer};

type Outputs = Vec<Output<Change, Box<State>>>;

/// How many entries are kept for controllers that fell behind; who needs older ones gets the state.
const KEPT: u64 = 1_000;

impl Controller {
    /// Starts, for the first time or again. At the beginning the first controller is the active one.
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let first_start = self.raft.is_none();
        let members = &self.config.controllers;
        let founds = members.first() == Some(&ctx.me);
        let alone = members.len() == 1;
        if first_start && founds {
            let log = Fact { log: ctx.me.0, index: 0, part: 0 };
            ctx.telling(Some(log));
            self.committed.tell_all(ctx);
            ctx.telling(None);
        }
        self.raft.get_or_insert_with(|| Raft::new(ctx.me, members.clone()));
        self.greet(ctx);
        self.with_raft(ctx, |raft, out| {
            raft.start(out);
            if alone || (first_start && founds) {
                raft.elect(out);
            }
            if raft.log().synced() < raft.log().last().1 {
                out.push(Output::Sync);
            }
        });
        if !alone {
            self.arm_tick(ctx);
        }
    }

    /// Controllers that do not hear from each other for `controller.quorum.fetch.timeout.ms` elect
    /// another one; so often do they let each other know that they are there.
    fn arm_tick(&self, ctx: &mut Ctx<'_, Mq>) {
        let often = Span::from_nanos(self.config.settings.quorum_fetch_timeout.as_nanos() / 4);
        ctx.arm(Timer::Kafka(KafkaTimer::ControllerTick), often);
    }

    pub(super) fn tick(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.raft.as_ref().is_some_and(Raft::is_leader) {
            self.greet(ctx);
        }
        self.arm_tick(ctx);
    }

    fn greet(&self, ctx: &mut Ctx<'_, Mq>) {
        let me = ctx.me;
        for &peer in self.config.controllers.iter().filter(|peer| **peer != me) {
            self.tell(peer, Word::Hello, ctx);
        }
    }

    pub(super) fn hear_hello(&mut self, from: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if self.raft.as_ref().and_then(Raft::leader) == Some(from) {
            return self.heard_of_the_active_one(ctx);
        }
        self.with_raft(ctx, |raft, out| raft.peer_up(from, out));
    }

    fn heard_of_the_active_one(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let silence = self.config.settings.quorum_fetch_timeout;
        ctx.arm(Timer::Kafka(KafkaTimer::Election), silence);
    }

    pub(super) fn hear_quorum(
        &mut self,
        from: NodeId,
        message: Message<Change, Box<State>>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.with_raft(ctx, |raft, out| raft.receive(from, message, out));
    }

    pub(super) fn lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if self.config.controllers.contains(&peer) {
            self.with_raft(ctx, |raft, out| raft.peer_down(peer, out));
        }
    }

    /// Nothing was heard of the active controller, or nobody was elected.
    pub(super) fn call_election(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.with_raft(ctx, |raft, out| {
            if let Some(leader) = raft.leader() {
                raft.peer_down(leader, out);
            }
            raft.elect(out);
        });
    }

    fn arm_election(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.elections += 1;
        let least = self.config.settings.quorum_election_timeout;
        let site = Site::new("controller election", u64::from(ctx.me.0)).nth(self.elections);
        let after = ctx.span(site, &Dist::Uniform(least, least.times(2)));
        ctx.arm(Timer::Kafka(KafkaTimer::Election), after);
    }

    pub(super) fn with_raft(
        &mut self,
        ctx: &mut Ctx<'_, Mq>,
        act: impl FnOnce(&mut Raft<Change>, &mut Outputs),
    ) {
        let mut outputs = Outputs::new();
        if let Some(raft) = &mut self.raft {
            act(raft, &mut outputs);
        }
        while !outputs.is_empty() {
            for output in std::mem::take(&mut outputs) {
                self.carry_out(output, &mut outputs, ctx);
            }
        }
        if let Some(raft) = &mut self.raft
            && raft.log().len() > 2 * KEPT
        {
            raft.compact(KEPT);
        }
    }

    fn carry_out(
        &mut self,
        output: Output<Change, Box<State>>,
        outputs: &mut Outputs,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        match output {
            Output::Send(to, message) => self.tell(to, Word::Raft(message), ctx),
            Output::Sync => self.sync(ctx),
            Output::Apply(index, change) => self.apply(index, change.unwrap_or_default(), ctx),
            Output::Restore(state) => self.committed = *state,
            Output::WantSnapshot(to) => {
                let state = Box::new(self.committed.clone());
                if let Some(raft) = &mut self.raft {
                    raft.send_snapshot(to, state, outputs);
                }
            }
            Output::Lead(term) => self.lead(term, outputs, ctx),
            Output::Follow(leader) => {
                self.step_down(ctx);
                if leader.is_some() {
                    self.heard_of_the_active_one(ctx);
                }
            }
            Output::ArmElection => self.arm_election(ctx),
            Output::DisarmElection => match self.raft.as_ref().is_some_and(Raft::is_leader) {
                true => ctx.disarm(Timer::Kafka(KafkaTimer::Election)),
                false => self.heard_of_the_active_one(ctx),
            },
        }
    }

    fn sync(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(raft) = &self.raft else { return };
        if self.syncing.is_none() {
            self.syncing = Some(raft.log().last());
            let takes = ctx.slowed(self.config.costs.sync);
            ctx.arm(Timer::Kafka(KafkaTimer::ControllerSync), takes);
        }
    }

    pub(super) fn synced(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some((term, index)) = self.syncing.take() else { return };
        self.with_raft(ctx, |raft, out| {
            // what another one has overwritten meanwhile is not what was synced
            if raft.log().term_at(index) == Some(term) {
                raft.synced(index, out);
            }
            if raft.log().synced() < raft.log().last().1 {
                out.push(Output::Sync);
            }
        });
    }

    /// It is the active controller from now on. What was logged before it comes first.
    fn lead(&mut self, term: Term, outputs: &mut Outputs, ctx: &mut Ctx<'_, Mq>) {
        let Some(raft) = &mut self.raft else { return };
        let mut state = self.committed.clone();
        for index in raft.applied() + 1..=raft.log().last().1 {
            let change = raft.log().get(index).and_then(|entry| entry.command.clone());
            state.apply(index, &change.unwrap_or_default());
        }
        let claim = vec![Record::Active(ctx.me, term)];
        state.apply(raft.log().last().1 + 1, &claim);
        raft.propose(claim, outputs);
        let brokers: Vec<NodeId> = state.image.brokers.iter().map(|it| it.node).collect();
        self.active = Some(Active { state, answers: Default::default() });
        for broker in brokers {
            self.watch(broker, ctx);
        }
        if self.config.settings.auto_leader_rebalance {
            let every = self.config.settings.leader_imbalance_check;
            ctx.arm(Timer::Kafka(KafkaTimer::Imbalance), every);
        }
    }

    fn step_down(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.active.take().is_none() {
            return;
        }
        ctx.disarm(Timer::Kafka(KafkaTimer::Imbalance));
        for &broker in &self.config.brokers {
            ctx.disarm(Timer::Kafka(KafkaTimer::BrokerSession(broker)));
        }
    }

    /// An entry is committed: it takes effect, answers leave, and brokers learn of it.
    fn apply(&mut self, index: Index, change: Change, ctx: &mut Ctx<'_, Mq>) {
        let log = self.config.controllers.first().map_or(0, |first| first.0);
        ctx.telling(Some(Fact { log, index, part: 0 }));
        self.committed.tell(&change, ctx);
        ctx.telling(None);
        self.committed.apply(index, &change);
        let Some(active) = &mut self.active else { return };
        let mut due = Vec::new();
        while active.answers.front().is_some_and(|(at, ..)| *at <= index) {
            due.extend(active.answers.pop_front());
        }
        if !change.is_empty() {
            for &broker in &self.config.brokers {
                self.tell(broker, Word::Image(self.committed.image.clone()), ctx);
            }
        }
        for (_, to, word) in due {
            self.tell(to, word, ctx);
        }
    }
}
