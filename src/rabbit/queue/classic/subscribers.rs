//! Consumers of a classic queue: how they come, go and succeed each other.

use super::super::out::Effect;
use super::super::{Session, Subscription};
use super::{Classic, Moment};
use crate::rabbit::queue::consumers::State;
use crate::talk::{RabbitTimer, Returned};

impl Classic {
    /// `basic.consume`. Source: `handle_call({basic_consume, …})`, `check_exclusive_access/3`.
    pub(crate) fn consume(&mut self, wanted: &Subscription, at: &mut Moment<'_>) {
        let session = wanted.session;
        let taken = self.consumers.iter().any(|(_, consumer)| consumer.exclusive);
        let shared = self.consumers.count() > 0 || self.settings.single_active;
        if taken || (wanted.exclusive && shared) {
            at.out.push(self.id, Effect::InUse { session });
            return;
        }
        if self.settings.single_active {
            let state = if self.active.is_none() { State::Up } else { State::Waiting };
            let slot = self.consumers.insert(wanted, state);
            self.active.get_or_insert(slot);
        } else {
            let slot = self.consumers.insert(wanted, State::Up);
            if let Some(consumer) = self.consumers.get_mut(slot) {
                consumer.queued = true;
            }
            self.rings.push_back(wanted.priority, slot);
        }
        at.out.push(self.id, Effect::Disarm(RabbitTimer::Lease(self.id)));
        at.out.push(self.id, Effect::Consuming { session, cookie: wanted.cookie });
        self.serve(at);
    }

    /// `basic.cancel`: no more deliveries; what the consumer holds stays with its channel.
    pub(crate) fn cancel(&mut self, session: Session, cookie: u32, at: &mut Moment<'_>) {
        at.out.push(self.id, Effect::Cancelled { session, cookie });
        let Some(slot) = self.consumers.find(session, cookie) else { return };
        self.unsubscribe(slot);
        let handed_over = self.replace_active();
        if !handed_over || self.profile.cancel_serves_successor {
            self.serve(at);
        } else {
            self.successor_waits = true;
        }
        self.renew_lease(at);
    }

    pub(super) fn unsubscribe(&mut self, slot: u32) {
        let Some(consumer) = self.consumers.get_mut(slot) else { return };
        if consumer.queued {
            self.rings.remove(slot);
        }
        consumer.queued = false;
        consumer.blocked = 0;
        consumer.exclusive = false;
        consumer.state = State::Cancelled;
        if consumer.unacked == 0 {
            self.consumers.remove(slot);
        }
    }

    /// Finds a successor when the single active consumer is gone: of the highest priority, and of
    /// those whoever subscribed first. Returns whether the role changed hands.
    pub(super) fn replace_active(&mut self) -> bool {
        let gone = |slot: u32| {
            self.consumers.get(slot).is_none_or(|consumer| consumer.state == State::Cancelled)
        };
        if !self.active.is_some_and(gone) {
            return false;
        }
        let waiting = self.consumers.iter().filter(|(_, it)| it.state == State::Waiting);
        let next = waiting.min_by_key(|(_, it)| (-i64::from(it.priority), it.since));
        self.active = next.map(|(slot, _)| slot);
        if let Some(consumer) = self.active.and_then(|slot| self.consumers.get_mut(slot)) {
            consumer.state = State::Up;
        }
        true
    }

    /// A channel is gone: so are its consumers, and what it held comes back.
    pub(crate) fn down(&mut self, session: Session, why: Returned, at: &mut Moment<'_>) {
        let mine = self.consumers.of(session);
        let detached = !mine.is_empty();
        for slot in mine {
            self.unsubscribe(slot);
        }
        let held = self.slab.held_by(session);
        for &handle in &held {
            if self.release(handle, at).is_some() {
                self.take_back(handle, why, at);
            }
        }
        self.replace_active();
        if !held.is_empty() {
            self.drop_head(at);
            self.drop_expired(at);
        }
        self.serve(at);
        if detached {
            self.renew_lease(at);
        }
    }
}
