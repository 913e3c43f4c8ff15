//! The classic queue.
//!
//! Ready messages are ordered by the sequence in which they were published, within each priority;
//! a message that comes back takes its old place. Consumers are found unable to take more only
//! when it is their turn. Source: `rabbit_amqqueue_process.erl`, `rabbit_queue_consumers.erl`,
//! `rabbit_variable_queue.erl`, `rabbit_priority_queue.erl`.

mod limits;
mod storage;
mod subscribers;

use super::consumers::{Consumers, Rings, State, Windows};
use super::disk::{Disk, Unwritten};
use super::leveled::Leveled;
use super::out::{Effect, Handed, Out};
use super::settings::Settings;
use super::slab::{Entry, FETCHED, Handle, Marks, Slab};
use super::{Incoming, Session};
use crate::kernel::Time;
use crate::rabbit::arguments::Overflow;
use crate::rabbit::profile::{ClassicStorage, Profile};
use crate::talk::{Constant, Death, MessageId, Note, QueueId, Returned};

/// One classic queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Classic {
    id: QueueId,
    durable: bool,
    pub(crate) settings: Settings,
    profile: Constant<Profile>,
    slab: Slab,
    ready: Leveled,
    ready_bytes: u64,
    unacked: usize,
    next_seq: u64,
    consumers: Consumers,
    rings: Rings,
    /// The single active consumer.
    active: Option<u32>,
    /// It took over without being served (`Profile::cancel_serves_successor`).
    successor_waits: bool,
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
        profile: &Constant<Profile>,
        storage: ClassicStorage,
    ) -> Classic {
        Classic {
            id,
            durable,
            settings,
            profile: profile.clone(),
            slab: Slab::default(),
            ready: Leveled::new(highest),
            ready_bytes: 0,
            unacked: 0,
            next_seq: 0,
            consumers: Consumers::default(),
            rings: Rings::default(),
            active: None,
            successor_waits: false,
            disk: Disk::new(storage),
            expiry: Time::MAX,
        }
    }

    // ── in ──

    /// A publish arrives. Source: `maybe_deliver_or_enqueue/3`, `deliver_or_enqueue/3`.
    pub(crate) fn id(&self) -> QueueId {
        self.id
    }

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
                    failed: 0,
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
            failed: 0,
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
        // In a queue with priorities the message may be the new head of many; nobody looks whether
        // that one expires (observed).
        if dropped || (self.ready.len() == 1 && deadline != Time::MAX) {
            self.drop_expired(at);
        }
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
        self.successor_waits = false;
        while !self.ready.is_empty()
            && let Some(slot) = self.next_consumer(at)
        {
            let Some(handle) = self.pop() else { break };
            self.hand_over(handle, slot, at);
            self.drop_expired(at);
        }
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
        self.serve_unblocked(at);
    }

    /// Deliveries were rejected and do not come back.
    pub(crate) fn reject(&mut self, handles: &[Handle], at: &mut Moment<'_>) {
        for &handle in handles {
            if self.release(handle, at).is_some() {
                self.discard(handle, Death::Rejected, at);
            }
        }
        self.serve_unblocked(at);
    }

    /// After an answer the queue runs only if that made room for a consumer. It makes none for a
    /// successor that holds nothing and was not served yet. Source:
    /// `rabbit_amqqueue_process:subtract_acks/4`; observed on 3.10.8.
    fn serve_unblocked(&mut self, at: &mut Moment<'_>) {
        if !self.successor_waits {
            self.serve(at);
        }
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
        let discard = Effect::Discard { message, why, failed: 0, lettered, stored: true };
        at.out.push(self.id, discard);
    }

    fn note(&self, note: Note, at: &mut Moment<'_>) {
        at.out.push(self.id, Effect::Note(note));
    }
}
