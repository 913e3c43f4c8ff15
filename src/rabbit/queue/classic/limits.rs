//! Limits of a classic queue: length, time, and its lease.

use super::super::out::Effect;
use super::super::settings::Settings;
use super::{Classic, Moment};
use crate::kernel::Time;
use crate::rabbit::arguments::Overflow;
use crate::talk::{Death, RabbitTimer};

impl Classic {
    /// Drops from the head what is too much. Returns whether anything was.
    pub(super) fn drop_head(&mut self, at: &mut Moment<'_>) -> bool {
        if self.settings.overflow != Overflow::DropHead || !self.settings.is_limited() {
            return false;
        }
        let mut dropped = false;
        while self.settings.exceeded(self.ready.len() as u64, self.ready_bytes)
            && let Some(handle) = self.pop()
        {
            self.discard(handle, Death::Maxlen, at);
            dropped = true;
        }
        dropped
    }

    /// Discards expired messages at the head, and stops at the first that is not: the timer goes
    /// off when that one expires. Source: `drop_expired_msgs/2`, `ensure_ttl_timer/2`.
    pub(super) fn drop_expired(&mut self, at: &mut Moment<'_>) {
        while let Some(handle) = self.ready.front()
            && self.slab.get(handle).deadline <= at.now
        {
            self.pop();
            self.discard(handle, Death::Expired, at);
        }
        let head = self.ready.front().map_or(Time::MAX, |handle| self.slab.get(handle).deadline);
        // a timer that goes off too early does no harm
        if head < self.expiry {
            self.expiry = head;
            let late = self.profile.costs.classic_expiry_lateness;
            let timer = RabbitTimer::Expire(self.id);
            at.out.push(self.id, Effect::Arm(timer, head.since(at.now) + late));
        }
    }

    /// The expiry timer went off.
    pub(crate) fn expire(&mut self, at: &mut Moment<'_>) {
        self.expiry = Time::MAX;
        self.drop_expired(at);
    }

    /// The queue was used: its lease starts anew, unless it has consumers.
    pub(crate) fn renew_lease(&mut self, at: &mut Moment<'_>) {
        if let Some(expires) = self.settings.expires
            && self.consumers.count() == 0
        {
            at.out.push(self.id, Effect::Arm(RabbitTimer::Lease(self.id), expires));
        }
    }

    /// The lease ended. Returns whether the queue is unused, and so at its end.
    pub(crate) fn lease_ended(&self) -> bool {
        self.settings.expires.is_some() && self.consumers.count() == 0
    }

    /// A policy changed. Messages keep the deadline they got when they arrived.
    pub(crate) fn configure(&mut self, settings: Settings, at: &mut Moment<'_>) {
        let lease = settings.expires != self.settings.expires;
        self.settings = settings;
        self.drop_head(at);
        self.drop_expired(at);
        if lease {
            at.out.push(self.id, Effect::Disarm(RabbitTimer::Lease(self.id)));
            self.renew_lease(at);
        }
    }

    /// Removes the ready messages. Returns how many there were.
    pub(crate) fn purge(&mut self, why: Death, at: &mut Moment<'_>) -> u32 {
        let mut purged = 0;
        while let Some(handle) = self.pop() {
            self.discard(handle, why, at);
            purged += 1;
        }
        purged
    }

    /// The queue is deleted, with everything in it. Returns how many messages were ready.
    pub(crate) fn delete(&mut self, why: Death, at: &mut Moment<'_>) -> u32 {
        let ready = self.purge(why, at);
        for handle in self.slab.held(|_| true) {
            self.release(handle, at);
            self.discard(handle, why, at);
        }
        // confirms that are still owed come now
        for unwritten in std::mem::take(&mut self.disk.unwritten) {
            at.out.push(self.id, Effect::Confirm(unwritten.origin));
        }
        ready
    }
}
