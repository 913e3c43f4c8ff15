//! Consumers of a quorum queue: how they come, go and succeed each other.

use std::cmp::Reverse;

use super::super::Session;
use super::super::consumers::{Consumer, State, Subscription};
use super::super::out::{Effect, Out};
use super::super::slab::{Handle, Marks};
use super::Quorum;
use crate::kernel::Time;
use crate::talk::Returned;

/// "Unlimited" prefetch (`rabbit_fifo_client.erl`, `UNLIMITED_PREFETCH_COUNT`).
const UNLIMITED_PREFETCH: u32 = 2_000;

impl Quorum {
    /// `basic.consume`. Quorum queues have no exclusive consumers; the wish is ignored.
    pub(crate) fn consume(&mut self, wanted: &Subscription, now: Time, out: &mut Out) {
        let prefetch = if wanted.prefetch == 0 { UNLIMITED_PREFETCH } else { wanted.prefetch };
        let wanted = Subscription { prefetch, exclusive: false, ..wanted.clone() };
        let state = if self.settings.single_active { State::Waiting } else { State::Up };
        let slot = self.consumers.insert(&wanted, state);
        self.replace_active();
        self.queue_up(slot);
        let (session, cookie) = (wanted.session, wanted.cookie);
        out.push(self.id, Effect::Consuming { session, cookie });
        self.serve(now, out);
    }

    /// `basic.cancel`
    pub(crate) fn cancel(&mut self, session: Session, cookie: u32, now: Time, out: &mut Out) {
        if let Some(slot) = self.consumers.find(session, cookie) {
            self.unsubscribe(slot, now);
            self.replace_active();
        }
        out.push(self.id, Effect::Cancelled { session, cookie });
        self.serve(now, out);
    }

    /// The delivery acknowledgement timeout of 4.3: the consumer is cancelled, and what it held
    /// comes back.
    pub(crate) fn time_out(&mut self, session: Session, cookie: u32, now: Time, out: &mut Out) {
        let Some(slot) = self.consumers.find(session, cookie) else { return };
        self.unsubscribe(slot, now);
        let held = self.slab.held(|it| it.session == session && it.consumer == slot);
        self.take_back(held, Returned::Timeout, now, out);
        self.replace_active();
        self.serve(now, out);
    }

    pub(super) fn unsubscribe(&mut self, slot: u32, now: Time) {
        self.last_active = now;
        let Some(consumer) = self.consumers.get_mut(slot) else { return };
        if consumer.queued {
            self.service.remove(slot);
        }
        consumer.queued = false;
        consumer.state = State::Cancelled;
        if consumer.unacked == 0 {
            self.consumers.remove(slot);
        }
    }

    /// A session is gone: so are its consumers, and what it held comes back, to the front.
    pub(crate) fn down(
        &mut self,
        session: Session,
        why: Returned,
        held: &[Handle],
        now: Time,
        out: &mut Out,
    ) {
        self.forget(session, why, held, now, out);
        self.replace_active();
        self.serve(now, out);
    }

    fn forget(
        &mut self,
        session: Session,
        why: Returned,
        held: &[Handle],
        now: Time,
        out: &mut Out,
    ) {
        self.publishers.retain(|(publisher, _)| *publisher != session);
        for slot in self.consumers.of(session) {
            self.unsubscribe(slot, now);
        }
        let is_held = |handle: &Handle| {
            let entry = self.slab.find(*handle);
            entry.is_some_and(|it| it.marks.has(Marks::HELD) && it.session == session)
        };
        let known: Vec<Handle> = held.iter().copied().filter(is_held).collect();
        // and what was on its way to the channel
        let rest = self.slab.held_by(session).into_iter().filter(|it| !known.contains(it));
        self.take_back(known.iter().copied().chain(rest), why, now, out);
    }

    /// As [`Quorum::down`], for all sessions that are `gone`: none of them is given what another gives
    /// back. Source: `rabbit_fifo:apply/3`, `{down, _, noconnection}`.
    pub(crate) fn down_all(&mut self, gone: impl Fn(Session) -> bool, now: Time, out: &mut Out) {
        let consuming = self.consumers.iter().map(|(_, consumer)| consumer.session);
        let holding = self.held().into_iter().map(|entry| entry.session);
        let mut sessions: Vec<Session> = consuming.chain(holding).filter(|it| gone(*it)).collect();
        sessions.sort_unstable();
        sessions.dedup();
        for session in sessions {
            self.forget(session, Returned::Connection, &[], now, out);
        }
        self.replace_active();
        self.serve(now, out);
    }

    pub(super) fn active(&self) -> Option<(u32, &Consumer)> {
        self.consumers.iter().find(|(_, it)| matches!(it.state, State::Up | State::Quiescing))
    }

    /// With a single active consumer: finds a successor when there is none, or when a consumer of
    /// higher priority waits (`Profile::single_active_preempts`). Of those who wait that is whoever
    /// subscribed first; since priorities count, the one of highest priority, and of those the one
    /// with most credit. Source: `rabbit_fifo:activate_next_consumer/2`, `sort_waiting/1`; observed.
    pub(super) fn replace_active(&mut self) {
        if !self.settings.single_active {
            return;
        }
        let preempts = self.profile.single_active_preempts;
        let rank = |it: &Consumer| {
            let (priority, credit) = match preempts {
                true => (it.priority, it.prefetch.saturating_sub(it.unacked)),
                false => (0, 0),
            };
            (Reverse(priority), Reverse(credit), it.since)
        };
        let waiting = self.consumers.iter().filter(|(_, it)| it.state == State::Waiting);
        let next = waiting.min_by_key(|(_, it)| rank(it)).map(|(slot, it)| (slot, it.priority));
        let Some((next, priority)) = next else { return };
        if let Some((slot, active)) = self.active() {
            if !preempts || priority <= active.priority {
                return;
            }
            let holds = active.unacked > 0;
            self.service.remove(slot);
            if let Some(active) = self.consumers.get_mut(slot) {
                active.queued = false;
                active.state = if holds { State::Quiescing } else { State::Waiting };
            }
            if holds {
                return;
            }
        }
        if let Some(consumer) = self.consumers.get_mut(next) {
            consumer.state = State::Up;
        }
        self.queue_up(next);
    }
}
