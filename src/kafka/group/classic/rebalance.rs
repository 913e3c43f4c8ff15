//! How a rebalance begins and ends.

use super::group::Member;
use super::{ClassicGroup, State};
use crate::kafka::coordinate::Desk;
use crate::kafka::group::pen::{After, Pen};
use crate::kernel::Span;
use crate::talk::kafka::{Answer, Code, KafkaNote, Left};
use crate::talk::{KafkaTimer, Name};

impl ClassicGroup {
    /// Begins a rebalance, or lets the one under way end if nobody is missing.
    pub(super) fn rebalance_or_complete(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        if self.state == State::PreparingRebalance {
            self.maybe_complete_join(pen, desk);
        } else {
            self.prepare_rebalance(pen, desk);
        }
    }

    /// The first rebalance of an empty group waits `group.initial.rebalance.delay.ms`, and longer
    /// while members come, but no longer than their rebalance timeout. Every other one waits until
    /// all have joined again, or for the largest rebalance timeout.
    ///
    /// Source: `prepareRebalance`, `maybeCompleteJoinElseSchedule`.
    pub(super) fn prepare_rebalance(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        if self.state == State::CompletingRebalance {
            self.propagate(Err(Code::RebalanceInProgress), desk);
        }
        desk.disarm(KafkaTimer::Sync(self.id));
        self.members.iter_mut().for_each(|(_, it)| it.must_sync = false);
        let is_initial = self.state == State::Empty;
        desk.note(KafkaNote::RebalanceBegan { group: self.id });
        self.enter(State::PreparingRebalance, desk.now());
        if is_initial {
            let delay = pen.settings().group_initial_rebalance_delay;
            self.initial_delay = Some((delay, minus(self.rebalance_timeout(), delay)));
            desk.arm(KafkaTimer::Join(self.id), delay);
        } else if self.has_all_joined() {
            self.complete_join(pen, desk);
        } else {
            desk.arm(KafkaTimer::Join(self.id), self.rebalance_timeout());
        }
    }

    /// Source: `maybeCompleteJoinPhase`.
    pub(super) fn maybe_complete_join(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let is_due = self.state == State::PreparingRebalance && self.previous != State::Empty;
        if is_due && self.has_all_joined() {
            self.complete_join(pen, desk);
        }
    }

    /// The join phase has lasted long enough.
    ///
    /// Source: `tryCompleteInitialRebalanceElseSchedule`.
    pub(in crate::kafka::group) fn on_join_timer(
        &mut self,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if self.state != State::PreparingRebalance {
            return;
        }
        match self.initial_delay {
            Some((delay, remaining)) if self.new_member_added && !remaining.is_zero() => {
                self.new_member_added = false;
                let longer = pen.settings().group_initial_rebalance_delay.min(remaining);
                self.initial_delay = Some((longer, minus(remaining, delay)));
                desk.arm(KafkaTimer::Join(self.id), longer);
            }
            _ => self.complete_join(pen, desk),
        }
    }

    /// Ends the join phase: dynamic members that have not joined again are out, static ones stay; a
    /// generation begins.
    ///
    /// Source: `completeClassicGroupJoin`.
    pub(super) fn complete_join(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        desk.disarm(KafkaTimer::Join(self.id));
        let is_late = |it: &Member| it.joining.is_none() && it.instance.is_none();
        let late: Vec<Name> = self
            .members
            .iter()
            .filter(|(_, it)| is_late(it))
            .map(|(_, it)| it.id.clone())
            .collect();
        for id in &late {
            self.expel(id, Left::Rebalance, desk);
        }
        if !self.elect_leader() && !self.members.is_empty() {
            // only static members are left, and none is there to lead
            desk.arm(KafkaTimer::Join(self.id), self.rebalance_timeout());
            return;
        }
        (self.initial_delay, self.new_member_added) = (None, false);
        self.generation += 1;
        let members = self.members.len() as u16;
        desk.note(KafkaNote::Rebalanced { group: self.id, generation: self.generation, members });
        if self.members.is_empty() {
            self.protocol = None;
            self.enter(State::Empty, desk.now());
            let record = self.record();
            return pen.write(record, After::Nothing, desk);
        }
        self.protocol = self.elect_protocol();
        self.enter(State::CompletingRebalance, desk.now());
        let joined: Vec<_> =
            self.members.iter().map(|(_, it)| (it.id.clone(), it.joining)).collect();
        for (id, client) in joined {
            if let Some(client) = client {
                let answer = self.joined(&id, false);
                desk.respond(client, answer);
            }
            if let Some(member) = self.members.get_mut(&id) {
                (member.joining, member.is_new, member.must_sync) = (None, false, true);
            }
            self.renew(&id, desk);
        }
        desk.arm(KafkaTimer::Sync(self.id), self.rebalance_timeout());
    }

    /// Answers all parked syncs; what an error leaves behind is no assignment.
    pub(super) fn propagate(&mut self, result: Result<(), Code>, desk: &mut Desk<'_, '_>) {
        let group = self.id;
        for (place, member) in self.members.iter_mut() {
            if result.is_err() {
                member.assignment.clear();
            }
            if let Some(client) = member.syncing.take() {
                let answer = result.map(|()| member.assignment.clone());
                desk.respond(client, Answer::SyncGroup(answer));
                desk.arm(KafkaTimer::Session(group, place), member.session_timeout);
            }
        }
    }
}

fn minus(longer: Span, shorter: Span) -> Span {
    Span::from_nanos(longer.as_nanos().saturating_sub(shorter.as_nanos()))
}
