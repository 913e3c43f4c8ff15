//! Limits of a quorum queue: length, time, and its lease.

use super::super::out::{Effect, Out};
use super::super::settings::Settings;
use super::super::slab::Handle;
use super::{Dead, Quorum};
use crate::kernel::{Span, Time};
use crate::rabbit::arguments::Overflow;
use crate::rabbit::profile::QuorumPriorities;
use crate::talk::{Death, RabbitTimer};

/// After `reject-publish` publishers may go on when the queue is down to 80 % of its limit
/// (`rabbit_fifo.hrl`, `LOW_LIMIT`).
const LOW_LIMIT_PERCENT: u64 = 80;

impl Quorum {
    pub(super) fn is_over_limit(&self) -> bool {
        // dead letters that wait for their target count
        let messages = (self.ready() + self.dead.len()) as u64;
        let bytes = self.dead.iter().map(|it| u64::from(it.message.publication.size)).sum::<u64>();
        self.settings.exceeded(messages, self.ready_bytes + bytes)
    }

    pub(super) fn is_below_low_limit(&self) -> bool {
        let low = |limit: Option<u64>| limit.map(|limit| limit * LOW_LIMIT_PERCENT / 100);
        let messages = (self.ready() + self.dead.len()) as u64;
        low(self.settings.max_length).is_none_or(|low| messages <= low)
            && low(self.settings.max_length_bytes).is_none_or(|low| self.ready_bytes <= low)
    }

    /// Source: `rabbit_fifo:evaluate_limit/5`. `reject-publish-dlx` is accepted and means
    /// drop-head.
    pub(super) fn evaluate_limit(&mut self, out: &mut Out) {
        if !self.settings.is_limited() {
            self.publishers.clear();
            return;
        }
        if self.settings.overflow != Overflow::RejectPublish {
            while self.is_over_limit()
                && let Some(handle) = self.pop()
            {
                self.bury(handle, Death::Maxlen, out);
            }
        } else if self.is_over_limit() {
            for (_, told) in &mut self.publishers {
                *told = true;
            }
        } else if self.is_below_low_limit() {
            for (_, told) in &mut self.publishers {
                *told = false;
            }
        }
    }

    pub(super) fn drop_expired(&mut self, now: Time, out: &mut Out) {
        if self.profile.quorum_priorities == QuorumPriorities::Strict {
            return self.drop_expired_by_level(now, out);
        }
        while let Some(handle) = self.front()
            && self.slab.get(handle).deadline <= now
        {
            self.pop();
            self.bury(handle, Death::Expired, out);
        }
    }

    /// From 4.3 each level of priority is looked at, up to its first message that has not expired.
    pub(super) fn drop_expired_by_level(&mut self, now: Time, out: &mut Out) {
        while let Some(&handle) = self.returns.front()
            && self.slab.get(handle).deadline <= now
        {
            self.pop();
            self.bury(handle, Death::Expired, out);
        }
        if self.messages.is_empty() {
            return;
        }
        for level in (0..=self.messages.highest()).rev() {
            while let Some(handle) = self.messages.front_of(level)
                && self.slab.get(handle).deadline <= now
            {
                self.messages.pop_level(level);
                self.forget_bytes(handle);
                self.bury(handle, Death::Expired, out);
            }
        }
    }

    /// The expiry timer went off.
    pub(crate) fn expire(&mut self, now: Time, out: &mut Out) {
        self.expiry = Time::MAX;
        self.serve(now, out);
    }

    pub(super) fn next_deadline(&self) -> Time {
        let of = |handle: Handle| self.slab.get(handle).deadline;
        if self.profile.quorum_priorities != QuorumPriorities::Strict {
            return self.front().map_or(Time::MAX, of);
        }
        let returned = self.returns.front().copied();
        let levels =
            (0..=self.messages.highest()).filter_map(|level| self.messages.front_of(level));
        returned.into_iter().chain(levels).map(of).min().unwrap_or(Time::MAX)
    }

    pub(super) fn arm_expiry(&mut self, now: Time, out: &mut Out) {
        let head = if self.ready() == 0 { Time::MAX } else { self.next_deadline() };
        if head == self.expiry {
            return;
        }
        self.expiry = head;
        let timer = RabbitTimer::Expire(self.id);
        let effect = match head {
            Time::MAX => Effect::Disarm(timer),
            _ => Effect::Arm(timer, head.since(now) + self.profile.costs.quorum_expiry_lateness),
        };
        out.push(self.id, effect);
    }

    /// The periodic tick. Returns whether the lease of the queue is over. A declaration does not
    /// renew it, a consumer or `basic.get` does. Source: `rabbit_fifo:is_expired/2`.
    pub(crate) fn lease_ended(&self, now: Time) -> bool {
        let over = |expires: Span| self.last_active + expires < now;
        self.settings.expires.is_some_and(over) && self.consumers.iter().next().is_none()
    }

    /// After a restart the lease starts anew.
    pub(crate) fn renew_lease(&mut self, now: Time) {
        self.last_active = now;
    }

    /// A policy changed.
    pub(crate) fn configure(&mut self, settings: Settings, now: Time, out: &mut Out) {
        self.settings = settings;
        self.serve(now, out);
    }

    /// Removes the ready messages. Returns how many there were.
    pub(crate) fn purge(&mut self, why: Death, now: Time, out: &mut Out) -> u32 {
        let mut purged = 0;
        while let Some(handle) = self.pop() {
            self.remove(handle, why, out);
            purged += 1;
        }
        self.taken = 0;
        self.evaluate_limit(out);
        self.arm_expiry(now, out);
        purged
    }

    /// The queue is deleted, with everything in it. Returns how many messages were ready.
    pub(crate) fn delete(&mut self, why: Death, now: Time, out: &mut Out) -> u32 {
        let ready = self.purge(why, now, out);
        for handle in self.slab.held(|_| true) {
            self.remove(handle, why, out);
        }
        for Dead { message, failed, lettered, .. } in std::mem::take(&mut self.dead) {
            let stored = true;
            let discard = Effect::Discard { message, why, failed, lettered, stored };
            out.push(self.id, discard);
        }
        ready
    }
}
