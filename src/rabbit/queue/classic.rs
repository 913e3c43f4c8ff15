//! The classic queue.
//!
//! Ready messages are ordered by the sequence in which they were published, within each priority;
//! a message that comes back takes its old place. Consumers are found unable to take more only
//! when it is their turn. Source: `rabbit_amqqueue_process.erl`, `rabbit_queue_consumers.erl`,
//! `rabbit_variable_queue.erl`, `rabbit_priority_queue.erl`.

use super::consumers::{Consumers, Rings, State, Subscription, Windows};
use super::disk::{Disk, Unwritten};
use super::leveled::Leveled;
use super::out::{Effect, Handed, Out};
use super::settings::Settings;
use super::slab::{Entry, FETCHED, Handle, Marks, Slab};
use super::{Incoming, Session};
use crate::kernel::{Loss, Span, Time};
use crate::rabbit::arguments::Overflow;
use crate::rabbit::profile::Profile;
use crate::talk::{Death, MessageId, Note, QueueId, RabbitTimer, Returned};

/// One classic queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Classic {
    id: QueueId,
    durable: bool,
    pub(crate) settings: Settings,
    profile: Profile,
    slab: Slab,
    ready: Leveled,
    ready_bytes: u64,
    unacked: usize,
    next_seq: u64,
    consumers: Consumers,
    rings: Rings,
    /// The single active consumer.
    active: Option<u32>,
    disk: Disk,
    /// When the expiry timer looks at the head; [`Time::MAX`] when it is not armed.
    expiry: Time,
}

/// What is true at the moment, apart from the queue itself.
pub(crate) struct Moment<'a> {
    pub(crate) now: Time,
    pub(crate) windows: &'a mut Windows,
    pub(crate) out: &'a mut Out,
}

impl Classic {
    pub(crate) fn new(
        id: QueueId,
        durable: bool,
        highest: u8,
        settings: Settings,
        profile: &Profile,
    ) -> Classic {
        Classic {
            id,
            durable,
            settings,
            profile: *profile,
            slab: Slab::default(),
            ready: Leveled::new(highest),
            ready_bytes: 0,
            unacked: 0,
            next_seq: 0,
            consumers: Consumers::default(),
            rings: Rings::default(),
            active: None,
            disk: Disk::new(profile.classic_storage),
            expiry: Time::MAX,
        }
    }

    // ── in ──

    /// A publish arrives. Source: `maybe_deliver_or_enqueue/3`, `deliver_or_enqueue/3`.
    pub(crate) fn publish(&mut self, incoming: Incoming, at: &mut Moment<'_>) {
        let Incoming { message, ttl, origin, from, .. } = incoming;
        let size = u64::from(message.publication.size);
        if self.refuses(size) {
            self.note(Note::Overflowed { msg: message.id, queue: self.id }, at);
            if self.settings.overflow == Overflow::RejectPublishDlx {
                let lettered = from.is_some();
                let discard = Effect::Discard {
                    message,
                    why: Death::Maxlen,
                    returns: 0,
                    lettered,
                    stored: false,
                };
                at.out.push(self.id, discard);
            }
            at.out.push(self.id, Effect::Refuse(origin));
            return;
        }
        self.note(Note::Enqueued { msg: message.id, copy: message.copy, queue: self.id, from }, at);
        let properties = &message.publication.properties;
        let persistent = self.durable && properties.persistent;
        let level = properties.priority.unwrap_or(0).min(self.ready.highest());
        let seq = self.next_seq;
        self.next_seq += 1;
        let mut marks = Marks::default();
        if persistent {
            marks.set(Marks::PERSISTENT);
        }
        if from.is_some() {
            marks.set(Marks::LETTERED);
        }
        let deadline = self.settings.ttl(ttl).map_or(Time::MAX, |ttl| at.now + ttl);
        let handle = self.slab.insert(Entry {
            message,
            deadline,
            seq,
            consumer: FETCHED,
            session: Session::default(),
            returns: 0,
            inherited: 0,
            level,
            marks,
        });
        if persistent {
            let flush = self.disk.publish(Unwritten { handle, seq, origin }, &self.profile.costs);
            self.arm_flush(flush, at);
        } else if origin.waits() {
            // confirmed as soon as the queue has it (docs confirms, "When Will Published Messages
            // Be Confirmed")
            at.out.push(self.id, Effect::Confirm(origin));
        }
        if self.ready.is_empty()
            && let Some(slot) = self.next_consumer(at)
        {
            self.hand_over(handle, slot, at);
            return;
        }
        self.ready.push_back(level, handle);
        self.ready_bytes += size;
        let dropped = self.drop_head(at);
        if dropped || (self.ready.len() == 1 && deadline != Time::MAX) {
            self.drop_expired(at);
        }
        self.arm_expiry(at);
    }

    /// Whether the queue refuses a message of this size now. Source: `will_overflow/2`.
    pub(crate) fn refuses(&self, size: u64) -> bool {
        self.settings.overflow != Overflow::DropHead
            && self.settings.exceeded(self.ready.len() as u64 + 1, self.ready_bytes + size)
    }

    // ── out ──

    /// Serves consumers while there is something to serve. Only messages behind the head are
    /// looked at for expiry: "we will send expired messages at times"
    /// (`rabbit_amqqueue_process:fetch/2`).
    fn serve(&mut self, at: &mut Moment<'_>) {
        while !self.ready.is_empty()
            && let Some(slot) = self.next_consumer(at)
        {
            let Some(handle) = self.pop() else { break };
            self.hand_over(handle, slot, at);
            self.drop_expired(at);
        }
        self.arm_expiry(at);
    }

    /// Who takes the next message. A consumer that cannot is set aside, now that it is its turn.
    /// Source: `rabbit_queue_consumers:deliver/5`.
    fn next_consumer(&mut self, at: &mut Moment<'_>) -> Option<u32> {
        if self.settings.single_active {
            let slot = self.active?;
            let consumer = self.consumers.get(slot)?;
            let takes = consumer.has_credit() && at.windows.has_room(consumer.session);
            return takes.then_some(slot);
        }
        while let Some(slot) = self.rings.pop_front() {
            let Some(consumer) = self.consumers.get_mut(slot) else { continue };
            consumer.queued = false;
            let room = consumer.no_ack || at.windows.has_room(consumer.session);
            if consumer.has_credit() && room {
                consumer.queued = true;
                self.rings.push_back(consumer.priority, slot);
                return Some(slot);
            }
            self.consumers.block(slot);
        }
        None
    }

    fn hand_over(&mut self, handle: Handle, slot: u32, at: &mut Moment<'_>) {
        let Some(consumer) = self.consumers.get_mut(slot) else { return };
        let (session, cookie, no_ack) = (consumer.session, consumer.cookie, consumer.no_ack);
        if !no_ack {
            consumer.unacked += 1;
            at.windows.get_mut(session).used += 1;
        }
        let handed = self.hand(handle, slot, session, no_ack, at);
        at.out.push(self.id, Effect::Deliver { session, cookie, handed });
    }

    /// Marks a message as held, or lets go of it when no acknowledgement will come.
    fn hand(
        &mut self,
        handle: Handle,
        slot: u32,
        session: Session,
        no_ack: bool,
        at: &mut Moment<'_>,
    ) -> Handed {
        let entry = self.slab.get_mut(handle);
        let redelivered = entry.marks.has(Marks::REDELIVERED);
        let message = entry.message.clone();
        if no_ack {
            self.leave(handle, at);
        } else {
            entry.marks.set(Marks::HELD);
            entry.session = session;
            entry.consumer = slot;
            self.unacked += 1;
        }
        Handed { message, handle, count: None, redelivered, no_ack }
    }

    /// `basic.get`.
    pub(crate) fn fetch(&mut self, session: Session, no_ack: bool, at: &mut Moment<'_>) {
        let handed = self.pop().map(|handle| self.hand(handle, FETCHED, session, no_ack, at));
        self.drop_expired(at);
        self.arm_expiry(at);
        let left = self.ready.len() as u32;
        at.out.push(self.id, Effect::Fetched { session, handed, left });
        self.renew_lease(at);
    }

    // ── back ──

    /// Deliveries were acknowledged.
    pub(crate) fn acknowledge(&mut self, handles: &[Handle], at: &mut Moment<'_>) {
        for &handle in handles {
            if let Some(msg) = self.release(handle, at) {
                self.leave(handle, at);
                self.note(Note::Acked { msg, queue: self.id }, at);
            }
        }
        self.serve(at);
    }

    /// Deliveries were rejected and do not come back.
    pub(crate) fn reject(&mut self, handles: &[Handle], at: &mut Moment<'_>) {
        for &handle in handles {
            if self.release(handle, at).is_some() {
                self.discard(handle, Death::Rejected, at);
            }
        }
        self.serve(at);
    }

    /// Deliveries come back, each to its old place; what the queue then has too many of goes from
    /// the head. Source: `requeue_and_run/2`.
    pub(crate) fn requeue(&mut self, handles: &[Handle], why: Returned, at: &mut Moment<'_>) {
        for &handle in handles {
            if self.release(handle, at).is_some() {
                self.take_back(handle, why, at);
            }
        }
        self.drop_head(at);
        self.drop_expired(at);
        self.serve(at);
    }

    fn take_back(&mut self, handle: Handle, why: Returned, at: &mut Moment<'_>) {
        let entry = self.slab.get_mut(handle);
        entry.marks.set(Marks::REDELIVERED);
        let (msg, level) = (entry.message.id, entry.level);
        self.ready_bytes += u64::from(entry.message.publication.size);
        let slab = &self.slab;
        self.ready.insert(level, handle, |handle| slab.get(handle).seq);
        self.note(Note::Requeued { msg, queue: self.id, why }, at);
    }

    /// Takes a message from whoever holds it, and gives the credit back. `None` when it is not
    /// held.
    fn release(&mut self, handle: Handle, at: &mut Moment<'_>) -> Option<MessageId> {
        let held = self.slab.find(handle).is_some_and(|entry| entry.marks.has(Marks::HELD));
        if !held {
            return None;
        }
        let entry = self.slab.get_mut(handle);
        entry.marks.unset(Marks::HELD);
        let (msg, session, slot) = (entry.message.id, entry.session, entry.consumer);
        self.unacked -= 1;
        if slot == FETCHED {
            return Some(msg);
        }
        let window = at.windows.get_mut(session);
        window.used = window.used.saturating_sub(1);
        let shared = window.limit > 0;
        if let Some(consumer) = self.consumers.get_mut(slot) {
            consumer.unacked -= 1;
            if consumer.state == State::Cancelled {
                if consumer.unacked == 0 {
                    self.consumers.remove(slot);
                }
            } else if consumer.blocked > 0 && !shared && consumer.has_credit() {
                consumer.blocked = 0;
                consumer.queued = true;
                self.rings.push_back(consumer.priority, slot);
            }
        }
        if shared {
            self.unblock(session, at);
        }
        Some(msg)
    }

    /// Puts those of a channel's consumers that can take more again at the tail of their ring, in
    /// the order in which they were set aside. Source: `rabbit_queue_consumers:unblock/2`.
    fn unblock(&mut self, session: Session, at: &mut Moment<'_>) {
        if !at.windows.has_room(session) {
            return;
        }
        let mut blocked: Vec<(u64, u32)> = self
            .consumers
            .iter()
            .filter(|(_, it)| it.session == session && it.blocked > 0 && it.has_credit())
            .map(|(slot, it)| (it.blocked, slot))
            .collect();
        blocked.sort_unstable();
        for (_, slot) in blocked {
            if let Some(consumer) = self.consumers.get_mut(slot) {
                consumer.blocked = 0;
                consumer.queued = true;
                self.rings.push_back(consumer.priority, slot);
            }
        }
    }

    /// The window that a channel shares has room again, or has a new size.
    pub(crate) fn resume(&mut self, session: Session, at: &mut Moment<'_>) {
        self.unblock(session, at);
        self.serve(at);
    }

    // ── consumers ──

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
        }
        self.renew_lease(at);
    }

    fn unsubscribe(&mut self, slot: u32) {
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
    fn replace_active(&mut self) -> bool {
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

    // ── limits and time ──

    /// Drops from the head what is too much. Returns whether anything was.
    fn drop_head(&mut self, at: &mut Moment<'_>) -> bool {
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

    /// Discards expired messages at the head, and stops at the first that is not.
    fn drop_expired(&mut self, at: &mut Moment<'_>) {
        while let Some(handle) = self.ready.front()
            && self.slab.get(handle).deadline <= at.now
        {
            self.pop();
            self.discard(handle, Death::Expired, at);
        }
    }

    /// The expiry timer went off.
    pub(crate) fn expire(&mut self, at: &mut Moment<'_>) {
        self.expiry = Time::MAX;
        self.drop_expired(at);
        self.arm_expiry(at);
    }

    fn arm_expiry(&mut self, at: &mut Moment<'_>) {
        let head = self.ready.front().map_or(Time::MAX, |handle| self.slab.get(handle).deadline);
        if head == self.expiry {
            return;
        }
        self.expiry = head;
        let timer = RabbitTimer::Expire(self.id);
        let effect = match head {
            Time::MAX => Effect::Disarm(timer),
            _ => {
                let late = self.profile.costs.classic_expiry_lateness;
                Effect::Arm(timer, head.since(at.now) + late)
            }
        };
        at.out.push(self.id, effect);
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
        self.arm_expiry(at);
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
        self.arm_expiry(at);
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

    // ── the disk ──

    /// What is in memory is written: publishes are safe and acknowledgements final.
    pub(crate) fn flush(&mut self, at: &mut Moment<'_>) {
        let mut unwritten = std::mem::take(&mut self.disk.unwritten);
        for Unwritten { handle, seq, origin } in unwritten.drain(..) {
            if let Some(entry) = self.slab.find(handle)
                && entry.seq == seq
            {
                self.slab.get_mut(handle).marks.set(Marks::WRITTEN);
            }
            if origin.waits() {
                at.out.push(self.id, Effect::Confirm(origin));
            }
        }
        self.disk.unwritten = unwritten;
        let mut ghosts = std::mem::take(&mut self.disk.ghosts);
        for handle in ghosts.drain(..) {
            self.slab.remove(handle);
        }
        self.disk.ghosts = ghosts;
        self.disk.flushed(self.next_seq, at.now, &self.profile.costs);
    }

    fn arm_flush(&self, after: Option<Span>, at: &mut Moment<'_>) {
        if let Some(after) = after {
            at.out.push(self.id, Effect::Arm(RabbitTimer::Flush(self.id), after));
        }
    }

    /// Lets go of a message. What is written stays as a ghost until that is written as well.
    fn leave(&mut self, handle: Handle, at: &mut Moment<'_>) {
        let entry = self.slab.get_mut(handle);
        let (seq, marks) = (entry.seq, entry.marks);
        if !marks.has(Marks::PERSISTENT) {
            self.slab.remove(handle);
            return;
        }
        if marks.has(Marks::WRITTEN) {
            entry.marks.set(Marks::GHOST);
            let flush = self.disk.bury(handle, &self.profile.costs);
            self.arm_flush(flush, at);
        } else {
            self.slab.remove(handle);
        }
        if self.disk.leave(seq) {
            let slab = &mut self.slab;
            self.disk.ghosts.retain(|&ghost| {
                let deleted = Disk::same_segment(slab.get(ghost).seq, seq);
                if deleted {
                    slab.remove(ghost);
                }
                !deleted
            });
        }
    }

    /// Goes down. `choose` decides how much of what was about to be written was.
    pub(crate) fn lose(
        &mut self,
        loss: Loss,
        now: Time,
        choose: &mut dyn FnMut(&'static str, u32) -> u32,
        note: &mut dyn FnMut(Note),
    ) {
        let unwritten = std::mem::take(&mut self.disk.unwritten);
        if loss != Loss::Graceful && !unwritten.is_empty() {
            let kept = choose("flush point", unwritten.len() as u32 + 1) as usize;
            for Unwritten { handle, seq, .. } in &unwritten[..kept.min(unwritten.len())] {
                if self.slab.find(*handle).is_some_and(|entry| entry.seq == *seq) {
                    self.slab.get_mut(*handle).marks.set(Marks::WRITTEN);
                }
            }
        }
        let mut order: Vec<(u64, Handle)> =
            self.slab.iter().map(|(handle, entry)| (entry.seq, handle)).collect();
        order.sort_unstable();
        let synced = match loss {
            Loss::Power => self.disk.synced(now, &self.profile.costs),
            Loss::Graceful | Loss::Process => u64::MAX,
        };
        let doubtful = order.iter().filter(|(seq, _)| *seq >= synced).count();
        let kept = if doubtful == 0 { 0 } else { choose("synced point", doubtful as u32 + 1) };
        let lost_from = order.len() - doubtful + kept as usize;
        for (at, &(_, handle)) in order.iter().enumerate() {
            let marks = self.slab.get(handle).marks;
            if marks.has(Marks::WRITTEN) && at < lost_from {
                let entry = self.slab.get_mut(handle);
                // after an unclean stop nobody knows what was delivered
                if loss != Loss::Graceful || marks.has(Marks::HELD) {
                    entry.marks.set(Marks::REDELIVERED);
                }
                entry.marks.unset(Marks::HELD);
            } else if let Some(entry) = self.slab.remove(handle)
                && !marks.has(Marks::GHOST)
            {
                note(Note::Lost { msg: entry.message.id, queue: self.id });
            }
        }
        self.ready.clear();
        self.consumers.clear();
        self.rings.clear();
        self.active = None;
        self.unacked = 0;
        self.ready_bytes = 0;
        self.expiry = Time::MAX;
    }

    /// Starts again from what is on the disk.
    pub(crate) fn recover(&mut self, at: &mut Moment<'_>) {
        let mut order: Vec<(u64, Handle)> =
            self.slab.iter().map(|(handle, entry)| (entry.seq, handle)).collect();
        order.sort_unstable();
        self.disk.restart(order.iter().map(|(seq, _)| *seq));
        for (_, handle) in order {
            let entry = self.slab.get_mut(handle);
            let resurrected = entry.marks.has(Marks::GHOST);
            entry.marks.unset(Marks::GHOST);
            self.ready.push_back(entry.level, handle);
            self.ready_bytes += u64::from(entry.message.publication.size);
            let msg = entry.message.id;
            self.note(Note::Recovered { msg, queue: self.id, resurrected }, at);
        }
        self.drop_head(at);
        self.drop_expired(at);
        self.arm_expiry(at);
        self.renew_lease(at);
    }

    // ── looking ──

    pub(crate) fn ready(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn unacked(&self) -> usize {
        self.unacked
    }

    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Ready messages, head to tail.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Entry> {
        self.ready.iter().map(|handle| self.slab.get(handle))
    }

    /// Held messages, oldest first.
    pub(crate) fn held(&self) -> Vec<&Entry> {
        self.slab.held(|_| true).into_iter().map(|handle| self.slab.get(handle)).collect()
    }

    // ── small ──

    fn pop(&mut self) -> Option<Handle> {
        let handle = self.ready.pop_front()?;
        self.ready_bytes -= u64::from(self.slab.get(handle).message.publication.size);
        Some(handle)
    }

    fn discard(&mut self, handle: Handle, why: Death, at: &mut Moment<'_>) {
        let entry = self.slab.get(handle);
        let message = entry.message.clone();
        let lettered = entry.marks.has(Marks::LETTERED);
        self.leave(handle, at);
        let discard = Effect::Discard { message, why, returns: 0, lettered, stored: true };
        at.out.push(self.id, discard);
    }

    fn note(&self, note: Note, at: &mut Moment<'_>) {
        at.out.push(self.id, Effect::Note(note));
    }
}
