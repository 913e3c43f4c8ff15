//! The quorum queue, as the state machine behind its log.
//!
//! `next = returns.pop_front() or messages.pop_front()`: what comes back is served first, in the
//! order in which it came back. A consumer leaves the service queue as soon as its credit is used
//! up, and queues up again at the tail when it gets some. Source: `rabbit_fifo.erl`,
//! `rabbit_fifo_q.erl`, `rabbit_fifo_dlx.erl`.
//!
//! It knows nothing of channels, disks or nodes: commands come in an order that all replicas agree
//! on, with the time at which the leader took them.

mod letters;
mod limits;
mod subscribers;

use std::collections::VecDeque;

use super::consumers::{Consumers, Rings, State};
use super::leveled::Leveled;
use super::out::{Effect, Handed, Out};
use super::settings::Settings;
use super::slab::{Entry, FETCHED, Handle, Marks, Slab};
use super::{Incoming, Session};
use crate::kernel::{Span, Time};
use crate::rabbit::arguments::Overflow;
use crate::rabbit::profile::{Profile, QuorumPriorities};
use crate::talk::{Constant, Death, Message, MessageId, Note, QueueId, Returned};

/// The state of a quorum queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Quorum {
    id: QueueId,
    pub(crate) settings: Settings,
    profile: Constant<Profile>,
    slab: Slab,
    returns: VecDeque<Handle>,
    messages: Leveled,
    /// How many were taken, modulo 3, for [`QuorumPriorities::TwoToOne`].
    taken: u8,
    ready_bytes: u64,
    unacked: usize,
    next_seq: u64,
    consumers: Consumers,
    service: Rings,
    /// Publishers, and whether each was told to stop.
    publishers: Vec<(Session, bool)>,
    /// Dead letters that stay until their target has confirmed them, oldest first.
    dead: VecDeque<Dead>,
    next_ticket: u64,
    /// When the queue was last used.
    last_active: Time,
    expiry: Time,
}

/// A message that at-least-once dead lettering is about to move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Dead {
    ticket: u64,
    message: Message,
    why: Death,
    failed: u16,
    lettered: bool,
    /// The worker has it.
    under_way: bool,
}

impl Quorum {
    pub(crate) fn new(
        id: QueueId,
        settings: Settings,
        profile: &Constant<Profile>,
        now: Time,
    ) -> Quorum {
        let highest = match profile.quorum_priorities {
            QuorumPriorities::Ignored => 0,
            QuorumPriorities::TwoToOne => 1,
            QuorumPriorities::Strict => 31,
        };
        Quorum {
            id,
            settings,
            profile: profile.clone(),
            slab: Slab::default(),
            returns: VecDeque::new(),
            messages: Leveled::new(highest),
            taken: 0,
            ready_bytes: 0,
            unacked: 0,
            next_seq: 0,
            consumers: Consumers::default(),
            service: Rings::default(),
            publishers: Vec::new(),
            dead: VecDeque::new(),
            next_ticket: 0,
            last_active: now,
            expiry: Time::MAX,
        }
    }

    // ── in ──

    /// Whether publishers can be told to stop.
    pub(crate) fn watches_publishers(&self) -> bool {
        self.settings.overflow == Overflow::RejectPublish && self.settings.is_limited()
    }

    /// Whether a publish of this session is to be sent at all: a publisher that was told to stop
    /// refuses it. A new publisher is told when it registers. Source: `register_enqueuer`.
    pub(crate) fn admits(&mut self, session: Session) -> bool {
        match self.publishers.iter().find(|(publisher, _)| *publisher == session) {
            Some((_, told)) => !told,
            None => {
                let over = self.is_over_limit();
                self.publishers.push((session, over));
                !over
            }
        }
    }

    /// A message is appended.
    pub(crate) fn enqueue(&mut self, incoming: Incoming, now: Time, out: &mut Out) {
        let origin = incoming.origin;
        self.append(incoming, now, out);
        if origin.waits() {
            out.push(self.id, Effect::Confirm(origin));
        }
        self.serve(now, out);
    }

    /// As [`Quorum::enqueue`], without serving anybody.
    pub(crate) fn append(&mut self, incoming: Incoming, now: Time, out: &mut Out) {
        let Incoming { message, ttl, from, inherited, .. } = incoming;
        let (msg, copy) = (message.id, message.copy);
        out.push(self.id, Effect::Note(Note::Enqueued { msg, copy, queue: self.id, from }));
        let level = self.level_of(message.publication.properties.priority);
        // a time to live of 0 leaves a millisecond, for a consumer that waits
        // (`rabbit_fifo:update_expiry_header/3`)
        let deadline =
            self.settings.ttl(ttl).map_or(Time::MAX, |ttl| now + ttl.max(Span::from_millis(1)));
        let mut marks = Marks::default();
        if from.is_some() {
            marks.set(Marks::LETTERED);
        }
        self.ready_bytes += u64::from(message.publication.size);
        let seq = self.next_seq;
        self.next_seq += 1;
        let entry = Entry {
            message,
            deadline,
            seq,
            consumer: FETCHED,
            session: Session::default(),
            returns: 0,
            failed: inherited,
            level,
            marks,
        };
        let handle = self.slab.insert(entry);
        self.messages.push_back(level, handle);
    }

    fn level_of(&self, priority: Option<u8>) -> u8 {
        match self.profile.quorum_priorities {
            QuorumPriorities::Ignored => 0,
            QuorumPriorities::TwoToOne => u8::from(priority.unwrap_or(4) > 4),
            QuorumPriorities::Strict => priority.unwrap_or(4).min(31),
        }
    }

    // ── out ──

    /// After every command: serve, then enforce limits. Source: `rabbit_fifo:checkout/4`.
    fn serve(&mut self, now: Time, out: &mut Out) {
        loop {
            self.drop_expired(now, out);
            if self.ready() == 0 {
                break;
            }
            let Some(slot) = self.service.pop_front() else { break };
            let Some(consumer) = self.consumers.get_mut(slot) else { continue };
            consumer.queued = false;
            if consumer.state != State::Up || !consumer.has_credit() {
                continue;
            }
            let Some(handle) = self.pop() else { break };
            self.hand_over(handle, slot, out);
            self.queue_up(slot);
        }
        self.evaluate_limit(out);
        self.send_dead_letters(out);
        self.arm_expiry(now, out);
    }

    fn hand_over(&mut self, handle: Handle, slot: u32, out: &mut Out) {
        let Some(consumer) = self.consumers.get_mut(slot) else { return };
        let (session, cookie, no_ack) = (consumer.session, consumer.cookie, consumer.no_ack);
        if !no_ack {
            consumer.unacked += 1;
        }
        let handed = self.hand(handle, slot, session, no_ack, false);
        out.push(self.id, Effect::Deliver { session, cookie, handed });
    }

    fn hand(
        &mut self,
        handle: Handle,
        slot: u32,
        session: Session,
        no_ack: bool,
        fetched: bool,
    ) -> Handed {
        let entry = self.slab.get_mut(handle);
        let count = u32::from(entry.delivery_count());
        let shown = count > 0 || (fetched && self.profile.get_shows_zero_count);
        let redelivered = entry.marks.has(Marks::REDELIVERED) || count > 0;
        let message = entry.message.clone();
        if no_ack {
            self.slab.remove(handle);
        } else {
            entry.marks.set(Marks::HELD);
            entry.session = session;
            entry.consumer = slot;
            self.unacked += 1;
        }
        Handed { message, handle, count: shown.then_some(count), redelivered, no_ack }
    }

    /// A consumer with credit that is served queues up, unless it stands in the queue already.
    fn queue_up(&mut self, slot: u32) {
        if let Some(consumer) = self.consumers.get_mut(slot)
            && consumer.state == State::Up
            && !consumer.queued
            && consumer.has_credit()
        {
            consumer.queued = true;
            self.service.push_back(consumer.priority, slot);
        }
    }

    /// `basic.get`.
    pub(crate) fn fetch(&mut self, session: Session, no_ack: bool, now: Time, out: &mut Out) {
        if self.settings.single_active {
            out.push(self.id, Effect::NoFetch { session });
            return;
        }
        self.last_active = now;
        self.drop_expired(now, out);
        let handed = self.pop().map(|handle| self.hand(handle, FETCHED, session, no_ack, true));
        if no_ack {
            // it is settled at once, which looks at the head again
            self.drop_expired(now, out);
        }
        let left = self.ready() as u32;
        out.push(self.id, Effect::Fetched { session, handed, left });
        self.evaluate_limit(out);
        self.send_dead_letters(out);
        self.arm_expiry(now, out);
    }

    // ── back ──

    /// Deliveries were acknowledged.
    pub(crate) fn settle(&mut self, handles: &[Handle], now: Time, out: &mut Out) {
        for &handle in handles {
            if let Some(msg) = self.release(handle, now) {
                self.slab.remove(handle);
                out.push(self.id, Effect::Note(Note::Acked { msg, queue: self.id }));
            }
        }
        self.replace_active();
        self.serve(now, out);
    }

    /// Deliveries were rejected and do not come back.
    pub(crate) fn discard(&mut self, handles: &[Handle], now: Time, out: &mut Out) {
        for &handle in handles {
            if self.release(handle, now).is_some() {
                self.slab.get_mut(handle).count_failure();
                self.bury(handle, Death::Rejected, out);
            }
        }
        self.replace_active();
        self.serve(now, out);
    }

    /// Deliveries come back, in this order.
    pub(crate) fn give_back(
        &mut self,
        handles: &[Handle],
        why: Returned,
        now: Time,
        out: &mut Out,
    ) {
        self.take_back(handles.iter().copied(), why, now, out);
        self.replace_active();
        self.serve(now, out);
    }

    /// Whatever of this is still held comes back, in this order; nobody is served yet.
    fn take_back(
        &mut self,
        handles: impl IntoIterator<Item = Handle>,
        why: Returned,
        now: Time,
        out: &mut Out,
    ) {
        for handle in handles {
            if self.release(handle, now).is_some() {
                self.return_one(handle, why, out);
            }
        }
    }

    fn return_one(&mut self, handle: Handle, why: Returned, out: &mut Out) {
        let counts = match why {
            Returned::Nack | Returned::Timeout => self.profile.nack_counts,
            Returned::Reject | Returned::Channel | Returned::Connection => true,
        };
        let entry = self.slab.get_mut(handle);
        entry.marks.set(Marks::REDELIVERED);
        entry.returns = entry.returns.saturating_add(u16::from(counts));
        if matches!(why, Returned::Channel | Returned::Connection) {
            entry.count_failure();
        }
        let (msg, level, returns) = (entry.message.id, entry.level, entry.returns);
        let size = u64::from(entry.message.publication.size);
        if self.settings.delivery_limit.is_some_and(|limit| i64::from(returns) > limit) {
            self.bury(handle, Death::DeliveryLimit, out);
            return;
        }
        self.ready_bytes += size;
        // without a limit a message that a client returns is appended anew (`#requeue`)
        let by_client = matches!(why, Returned::Nack | Returned::Reject);
        let unlimited = self.settings.delivery_limit.is_none();
        if by_client && unlimited && self.profile.unlimited_requeues_to_tail {
            self.messages.push_back(level, handle);
        } else {
            self.returns.push_back(handle);
        }
        out.push(self.id, Effect::Note(Note::Requeued { msg, queue: self.id, why }));
    }

    /// Takes a message from whoever holds it, and gives the credit back.
    fn release(&mut self, handle: Handle, now: Time) -> Option<MessageId> {
        if !self.slab.find(handle).is_some_and(|entry| entry.marks.has(Marks::HELD)) {
            return None;
        }
        let entry = self.slab.get_mut(handle);
        entry.marks.unset(Marks::HELD);
        let (msg, slot) = (entry.message.id, entry.consumer);
        self.unacked -= 1;
        if slot == FETCHED {
            self.last_active = now;
            return Some(msg);
        }
        if let Some(consumer) = self.consumers.get_mut(slot) {
            consumer.unacked -= 1;
            if consumer.state == State::Cancelled {
                if consumer.unacked == 0 {
                    self.last_active = now;
                    self.consumers.remove(slot);
                }
            } else {
                self.queue_up(slot);
            }
        }
        Some(msg)
    }

    // ── restart ──

    /// The node went down: all sessions are gone. What they held comes back when it starts again.
    pub(crate) fn lose_sessions(&mut self) {
        self.service.clear();
        self.publishers.clear();
        self.consumers.clear();
        self.expiry = Time::MAX;
        for dead in &mut self.dead {
            dead.under_way = false;
        }
    }

    /// Starts again from the log: what was held comes back, and counts as a failed delivery.
    pub(crate) fn recover(&mut self, now: Time, out: &mut Out) {
        let messages: Vec<MessageId> = self
            .messages()
            .chain(self.held())
            .map(|entry| entry.message.id)
            .chain(self.dead.iter().map(|dead| dead.message.id))
            .collect();
        for msg in messages {
            let note = Note::Recovered { msg, queue: self.id, resurrected: false };
            out.push(self.id, Effect::Note(note));
        }
        for handle in self.slab.held(|_| true) {
            if self.release(handle, now).is_some() {
                self.return_one(handle, Returned::Connection, out);
            }
        }
        self.last_active = now;
        self.serve(now, out);
    }

    // ── looking ──

    pub(crate) fn ready(&self) -> usize {
        self.returns.len() + self.messages.len()
    }

    pub(crate) fn unacked(&self) -> usize {
        self.unacked
    }

    pub(crate) fn dead_lettering(&self) -> usize {
        self.dead.len()
    }

    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// How many consumers a declaration is told of: those in the state machine's own map. Who waits
    /// behind a single active consumer is not in it; who was cancelled is, until nothing is held;
    /// and each `basic.get` without an answer counts as one. Source: `rabbit_fifo:query_stat/1`;
    /// observed.
    pub(crate) fn consumers_told(&self) -> usize {
        let there = self.consumers.iter().filter(|(_, it)| it.state != State::Waiting).count();
        there + self.slab.held(|entry| entry.consumer == FETCHED).len()
    }

    /// Ready messages, head to tail.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Entry> {
        let order = self.returns.iter().copied().chain(self.order());
        order.map(|handle| self.slab.get(handle))
    }

    /// The order in which the messages that were never returned would be served.
    fn order(&self) -> Vec<Handle> {
        if self.profile.quorum_priorities != QuorumPriorities::TwoToOne {
            return self.messages.iter().collect();
        }
        let (mut messages, mut taken) = (self.messages.clone(), self.taken);
        std::iter::from_fn(|| take_two_to_one(&mut messages, &self.slab, &mut taken)).collect()
    }

    /// Held messages, oldest first.
    pub(crate) fn held(&self) -> Vec<&Entry> {
        self.slab.held(|_| true).into_iter().map(|handle| self.slab.get(handle)).collect()
    }

    // ── small ──

    fn front(&self) -> Option<Handle> {
        self.returns.front().copied().or_else(|| match self.profile.quorum_priorities {
            QuorumPriorities::TwoToOne => {
                self.messages.front_of(next_of_two(&self.messages, &self.slab, self.taken))
            }
            QuorumPriorities::Ignored | QuorumPriorities::Strict => self.messages.front(),
        })
    }

    fn pop(&mut self) -> Option<Handle> {
        let handle = match self.returns.pop_front() {
            Some(handle) => handle,
            None if self.profile.quorum_priorities == QuorumPriorities::TwoToOne => {
                take_two_to_one(&mut self.messages, &self.slab, &mut self.taken)?
            }
            None => self.messages.pop_front()?,
        };
        self.forget_bytes(handle);
        Some(handle)
    }

    fn forget_bytes(&mut self, handle: Handle) {
        self.ready_bytes -= u64::from(self.slab.get(handle).message.publication.size);
    }
}

/// Which of the two levels is served next: the high one, but every third time whichever has the
/// older message. Source: `rabbit_fifo_q:next/1`, `WEIGHT`.
fn next_of_two(messages: &Leveled, slab: &Slab, taken: u8) -> u8 {
    match (messages.front_of(1), messages.front_of(0)) {
        (Some(high), Some(low)) => {
            u8::from(taken < WEIGHT || slab.get(high).seq < slab.get(low).seq)
        }
        (Some(_), None) => 1,
        (None, _) => 0,
    }
}

/// Takes the next of two levels. Every message that is taken counts, of whichever level
/// (`rabbit_fifo_q:out/1`; observed).
fn take_two_to_one(messages: &mut Leveled, slab: &Slab, taken: &mut u8) -> Option<Handle> {
    let handle = messages.pop_level(next_of_two(messages, slab, *taken))?;
    *taken = (*taken + 1) % (WEIGHT + 1);
    Some(handle)
}

/// `rabbit_fifo_q.erl`
const WEIGHT: u8 = 2;
