//! The fold over notes that all verdicts come from.
//!
//! This file keeps the books: which copy of which message is where. Whether a move is an anomaly
//! is said by the file of its class.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::book::{Book, NONE, Play, Token, mark, trail};
use super::breaches::Breaches;
use super::cell::{Cell, SERVICES, fact};
use super::class::{Class, Point};
use super::rules::Rules;
use super::verdict::{Breach, By, How, Move};
use crate::kernel::{Fault, NodeId, Seen, Step, StepNo, Taken, Time, Watch};
use crate::talk::{
    Death, Failure, Fate, Gone, MessageId, Mq, Name, Note, QueueId, Returned, Settle,
};

/// Everything about a run that verdicts depend on, and nothing else: two runs with equal ledgers
/// are judged alike whatever comes. Message numbers are expected to be dense, and those of one
/// producer to ascend in the order in which it submits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    pub(super) rules: Arc<Rules>,
    pub(super) book: Book,
    pub(super) nodes: Vec<NodeBook>,
    pub(super) queues: Vec<QueueBook>,
    pub(super) producers: Vec<Line>,
    pub(super) lines: Vec<Line>,
    line_of: BTreeMap<(u8, u32), u32>,
    /// Effects at services that have no bit in a cell.
    far: BTreeSet<(MessageId, u16)>,
    pub(super) calls: Vec<Calls>,
    pub(super) breaches: Breaches,
}

/// What is known of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NodeBook {
    /// Its slot among the producers, from 1; 0 when it never submitted anything.
    producer: u8,
    /// How often it subscribed.
    pub(super) session: u16,
    /// What it holds unacknowledged in this session.
    pub(super) unacked: u32,
    /// The broker closed its connection or channel, and it has not come back since.
    pub(super) closed: bool,
    /// An alarm blocks it.
    pub(super) blocked: bool,
    pub(super) down: bool,
    pub(super) prefetch: Option<u32>,
    pub(super) bound: Option<u32>,
}

/// What is known of one queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct QueueBook {
    pub(super) name: Option<Name>,
    pub(super) ready: u32,
    pub(super) unacked: u32,
    /// How many copies it ever stored.
    stored: u32,
    /// The latest place from which it pushed a copy for the first time.
    pub(super) pushed: u32,
    pub(super) consumers: u32,
    /// A producer's publish was stored here.
    pub(super) live: bool,
    /// A dead letter or a parked message was stored here.
    pub(super) dead: bool,
    pub(super) priority: bool,
    pub(super) bound: Option<u32>,
    gone: Option<Gone>,
    /// The node that stores it.
    pub(super) broker: Option<NodeId>,
}

impl NodeBook {
    /// Whether it is the producer with this slot.
    pub(super) fn is_producer(&self, slot: u8) -> bool {
        self.producer == slot
    }
}

/// The latest message of an order that was seen at the log, at delivery and at the effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Line {
    pub(super) key: u32,
    /// Message numbers plus one; 0 before the first.
    pub(super) latest: [u32; 3],
    /// At which node it was seen.
    pub(super) node: [u32; 3],
}

/// Calls of a service in one second of the run; kept only where a bound is declared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Calls {
    pub(super) second: u64,
    pub(super) calls: u32,
}

/// Where and when something was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) step: StepNo,
    pub(super) at: Time,
    pub(super) node: NodeId,
}

impl Ledger {
    /// A ledger that judges by `rules`.
    pub fn new(rules: Rules) -> Ledger {
        let mut nodes: Vec<NodeBook> = Vec::new();
        for rule in &rules.consumers {
            let node = grown(&mut nodes, rule.node.index());
            (node.prefetch, node.bound) = (rule.prefetch, rule.unacked);
        }
        Ledger {
            rules: Arc::new(rules),
            book: Book::default(),
            nodes,
            queues: Vec::new(),
            producers: Vec::new(),
            lines: Vec::new(),
            line_of: BTreeMap::new(),
            far: BTreeSet::new(),
            calls: Vec::new(),
            breaches: Breaches::default(),
        }
    }

    /// What it judges by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What was broken so far, first ones first. What only the end of a run can show is not in it.
    pub fn breaches(&self) -> Vec<&Breach> {
        self.breaches.in_order()
    }

    /// Whether anything was broken so far.
    pub fn broken(&self) -> bool {
        !self.breaches.is_empty()
    }

    /// How many messages of a queue are ready and unacknowledged.
    pub fn depth(&self, queue: QueueId) -> (u32, u32) {
        self.queues.get(queue.index()).map_or((0, 0), |queue| (queue.ready, queue.unacked))
    }

    /// How many unacknowledged messages a consumer process holds.
    pub fn held(&self, node: NodeId) -> u32 {
        self.nodes.get(node.index()).map_or(0, |node| node.unacked)
    }

    /// How often a message was delivered.
    pub fn deliveries(&self, msg: MessageId) -> u16 {
        let cell = self.book.get(msg);
        match cell.play() {
            Some(play) => self.book.play(play).deliveries,
            None => cell.rest().deliveries,
        }
    }

    /// How many messages have not come to their end.
    pub fn in_play(&self) -> usize {
        self.book.in_play()
    }

    /// How many messages have done what they are for, and how many rest among the dead.
    pub fn ends(&self) -> (u64, u64) {
        let (mut done, mut dead) = (0, 0);
        for (msg, cell) in self.book.messages() {
            if self.complete(msg, cell) {
                done += 1;
            } else if cell.play().is_some_and(|play| self.rests(cell, play)) {
                dead += 1;
            }
        }
        (done, dead)
    }

    /// How much memory it takes for messages, in bytes.
    pub fn bytes(&self) -> usize {
        self.book.bytes()
    }

    /// Learns one note.
    pub fn observe(&mut self, seen: Seen<'_, Note>) {
        let case = Case { step: seen.step, at: seen.at, node: seen.node };
        match *seen.note {
            Note::Submitted { msg, key } => self.submitted(case, msg, key),
            Note::Published { msg, copy } => self.published(case, msg, copy),
            Note::Confirmed { msg } => {
                if self.is_producer_of(case.node, msg) {
                    self.confirmed(case, msg);
                }
            }
            Note::Refused { msg } => self.told(case, msg, fact::REFUSED),
            Note::Returned { msg } => self.told(case, msg, fact::RETURNED),
            Note::GaveUp { msg } => self.told(case, msg, fact::GAVE_UP),
            Note::Unroutable { msg, .. } => self.book.cell(msg).set(fact::UNROUTABLE),
            Note::QueueDeclared { queue, ref name } => self.declared(case, queue, name),
            Note::QueueGone { queue, why } => self.queue(queue).gone = Some(why),
            Note::Enqueued { msg, copy, queue, from } => {
                self.enqueued(case, msg, copy, queue, from);
            }
            Note::Pushed { msg, queue, to, no_ack, .. } => {
                self.pushed(case, msg, queue, to, no_ack);
            }
            Note::Acked { msg, queue } => self.acked(case, msg, queue),
            Note::Requeued { msg, queue, why } => self.requeued(case, msg, queue, why),
            Note::Dying { msg, queue, why } => self.dying(case, msg, queue, why),
            Note::Discarded { msg, queue, why, then } => {
                self.discarded(case, msg, queue, why, then);
            }
            Note::Lost { msg, queue } => self.lost(case, msg, queue),
            Note::Recovered { msg, queue, resurrected } => {
                self.recovered(case, msg, queue, resurrected);
            }
            Note::Subscribed { peer, queue } => {
                self.queue(queue).consumers += 1;
                // before the first push on a new connection, and before the client knows
                let node = self.node(peer);
                node.session = node.session.wrapping_add(1);
                node.unacked = 0;
                node.closed = false;
            }
            Note::Unsubscribed { queue, .. } => {
                let queue = self.queue(queue);
                queue.consumers = queue.consumers.saturating_sub(1);
            }
            Note::ChannelClosed { peer, .. } | Note::ConnectionClosed { peer, .. } => {
                self.node(peer).closed = true;
            }
            Note::Blocked { peer } => self.node(peer).blocked = true,
            Note::Unblocked { peer } => self.node(peer).blocked = false,
            Note::Received { msg, redelivered, deaths } => {
                self.received(case, msg, redelivered, deaths);
            }
            Note::Failed { msg, why: Failure::Poison | Failure::Flaky, .. }
            | Note::Died { msg } => self.book.cell(msg).set(fact::UNHEALTHY),
            Note::Called { service, .. } => self.called(case, service),
            Note::Effect { msg, service } => self.effect(case, msg, service),
            Note::Settled { msg, how } => self.settled(case, msg, how),
            Note::Retried { msg, .. } => self.leave_trail(case, msg, trail::RETRIED),
            Note::Parked { msg } => self.book.cell(msg).set(fact::PARKED),
            Note::Connected { .. } => self.node(case.node).closed = false,
            Note::Replied { msg } => self.leave_trail(case, msg, trail::REPLIED),
            Note::Answered { msg, .. } => self.answered(case, msg),
            Note::Unknown { .. }
            | Note::Overflowed { .. }
            | Note::Elected { .. }
            | Note::Started { .. }
            | Note::Failed { why: Failure::Downstream, .. }
            | Note::Deduplicated { .. }
            | Note::CallFailed { .. }
            | Note::Disconnected { .. } => {}
        }
    }

    // ── the producer ──

    fn submitted(&mut self, case: Case, msg: MessageId, key: u32) {
        let producer = self.producer_slot(case.node);
        let line = if key == 0 { NONE } else { self.line(producer, key) };
        let cell = self.book.cell(msg);
        cell.set(fact::SUBMITTED);
        cell.set_producer(producer);
        let play = self.book.open(msg);
        let play = self.book.play_mut(play);
        (play.line, play.last, play.last_at) = (line, case.step, case.at);
    }

    /// The slot of a node among the producers. All beyond the 255th share slot 0: nothing is judged
    /// of what they are told.
    fn producer_slot(&mut self, node: NodeId) -> u8 {
        let known = self.node(node).producer;
        if known != 0 || self.producers.len() >= 255 {
            return known;
        }
        self.producers.push(Line::default());
        let slot = self.producers.len() as u8; // at most 255
        self.node(node).producer = slot;
        slot
    }

    fn line(&mut self, producer: u8, key: u32) -> u32 {
        let next = self.lines.len() as u32;
        let line = *self.line_of.entry((producer, key)).or_insert(next);
        if line == next {
            self.lines.push(Line { key, ..Line::default() });
        }
        line
    }

    fn is_producer_of(&mut self, node: NodeId, msg: MessageId) -> bool {
        let slot = self.node(node).producer;
        slot != 0 && self.book.get(msg).producer() == slot
    }

    fn published(&mut self, case: Case, msg: MessageId, copy: u16) {
        if copy == 0 {
            return;
        }
        let play = self.book.open(msg);
        // producers and consumers count copies alike: the last one to use a number has it
        if self.is_producer_of(case.node, msg) {
            self.book.play_mut(play).retries &= !bit(copy);
            self.leave_trail(case, msg, trail::RESENT);
        } else {
            self.book.play_mut(play).retries |= bit(copy);
        }
    }

    fn told(&mut self, case: Case, msg: MessageId, what: u64) {
        if self.is_producer_of(case.node, msg) {
            self.book.cell(msg).set(what);
            self.touch(case, msg);
        }
    }

    // ── queues ──

    fn declared(&mut self, case: Case, id: QueueId, name: &Name) {
        let rule = self.rules.queues.iter().find(|rule| rule.name == *name);
        let (priority, bound) = rule.map_or((false, None), |rule| (rule.priority, rule.depth));
        let queue = self.queue(id);
        queue.name = Some(name.clone());
        queue.gone = None;
        queue.broker = Some(case.node);
        (queue.priority, queue.bound) = (priority, bound);
    }

    fn enqueued(
        &mut self,
        case: Case,
        msg: MessageId,
        copy: u16,
        queue: QueueId,
        from: Option<QueueId>,
    ) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Log, Some(queue));
        let at = self.book.open(msg);
        let retry = self.book.play(at).retries & bit(copy) != 0;
        let reply = from.is_none() && cell.has(fact::STORED) && self.replies(at, copy, queue);
        let mut marks = if reply { mark::REPLY } else { 0 };
        if !reply {
            self.judge_stored_twice(case, msg, at, copy, queue, from);
        }
        match from {
            Some(from) => {
                marks |= mark::DEAD;
                self.book.cell(msg).set(fact::DEAD_LETTERED);
                self.dead_letter_arrived(at, from);
                self.queue(queue).dead = true;
            }
            None if reply => {}
            None if retry => {
                if cell.has(fact::PARKED) {
                    self.book.cell(msg).set(fact::PARKED_SAFELY);
                    self.queue(queue).dead = true;
                }
            }
            None => {
                self.queue(queue).live = true;
                if self.judge_resent(case, msg, cell, at, copy, queue) {
                    marks |= mark::REPEATS;
                }
            }
        }
        self.book.cell(msg).set(fact::STORED);
        let book = self.queue(queue);
        book.stored = book.stored.wrapping_add(1);
        book.ready += 1;
        let place = book.stored;
        let token =
            Token { holder: NONE, place, queue: queue.0, copy, deliveries: 0, session: 0, marks };
        self.book.add(at, token);
        self.stamp(case, at);
        self.judge_depth(case, msg, queue);
    }

    fn pushed(&mut self, case: Case, msg: MessageId, queue: QueueId, to: NodeId, no_ack: bool) {
        let play = self.book.open(msg);
        let found = self.book.find(play, |token| token.ready() && token.queue == queue.0);
        self.judge_closed(case, msg, queue, to);
        let at = match found {
            Some(at) => {
                self.judge_queue_order(case, msg, at, queue);
                let book = self.queue(queue);
                book.ready = book.ready.saturating_sub(1);
                book.unacked += u32::from(!no_ack);
                at
            }
            None => {
                self.judge_pushed_nothing(case, msg, play, queue, to);
                self.book.add(play, ghost(queue))
            }
        };
        let node = self.node(to);
        let session = node.session;
        node.unacked += u32::from(!no_ack);
        let token = self.book.token_mut(at);
        token.holder = to.0;
        token.session = session;
        token.deliveries = token.deliveries.saturating_add(1);
        token.marks &= !(mark::ARRIVED | mark::ANSWERED);
        if no_ack {
            token.marks |= mark::NO_ACK;
        }
        let book = self.book.play_mut(play);
        book.deliveries = book.deliveries.saturating_add(1);
        self.stamp(case, play);
        self.judge_loop(case, msg, play, queue);
        self.judge_held(case, msg, queue, to);
    }

    fn acked(&mut self, case: Case, msg: MessageId, queue: QueueId) {
        let Some((play, at)) = self.held_copy(msg, queue) else {
            self.judge_missing(case, msg, queue, Move::Acked);
            return;
        };
        self.let_go(play, at);
        self.book.cell(msg).set(fact::ACKED);
        self.book.play_mut(play).queue = Some(queue.0);
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    fn requeued(&mut self, case: Case, msg: MessageId, queue: QueueId, why: Returned) {
        let willed = matches!(why, Returned::Nack | Returned::Reject);
        let (play, at) = match self.held_copy(msg, queue) {
            Some((play, at)) => {
                self.free(at);
                (play, at)
            }
            // a quorum queue hands out by its log: the channel may be gone before the push is made
            None => match self.ready_copy(msg, queue).filter(|_| !willed) {
                Some(found) => found,
                None => {
                    self.judge_missing(case, msg, queue, Move::Requeued);
                    return;
                }
            },
        };
        let token = self.book.token_mut(at);
        token.marks &= !(mark::ARRIVED | mark::ANSWERED | mark::WILLED | 7 << mark::RETURNED);
        token.marks |= (why as u16) << mark::RETURNED;
        if willed {
            token.marks |= mark::WILLED;
        }
        let came = if willed { trail::REQUEUED } else { trail::CRASHED };
        self.book.play_mut(play).trail |= came;
        self.stamp(case, play);
    }

    fn dying(&mut self, case: Case, msg: MessageId, queue: QueueId, why: Death) {
        let Some(play) = self.book.get(msg).play() else {
            return self.judge_missing(case, msg, queue, Move::Discarded);
        };
        // said again after a restart
        let known = |token: &Token| token.queue == queue.0 && token.has(mark::DYING);
        if self.book.find(play, known).is_some() {
            return;
        }
        let held = matches!(why, Death::Rejected | Death::DeliveryLimit);
        let found = if held { self.held_copy(msg, queue) } else { None };
        let Some((_, at)) = found.or_else(|| self.ready_copy(msg, queue)) else {
            return self.judge_missing(case, msg, queue, Move::Discarded);
        };
        if self.book.token(at).held() {
            self.free(at);
        }
        self.book.token_mut(at).marks |= mark::DYING;
        self.stamp(case, play);
    }

    fn discarded(&mut self, case: Case, msg: MessageId, queue: QueueId, why: Death, then: Fate) {
        let held = matches!(why, Death::Rejected | Death::DeliveryLimit);
        let any = matches!(why, Death::QueueDeleted | Death::QueueExpired);
        let found = self.dying_copy(msg, queue);
        let found = found.or_else(|| self.held_copy(msg, queue).filter(|_| held));
        let found = found.or_else(|| self.ready_copy(msg, queue));
        let found = if any { found.or_else(|| self.held_copy(msg, queue)) } else { found };
        let Some((play, at)) = found else {
            let unacked = self.held_copy(msg, queue).is_some();
            let what = if unacked { Move::DiscardedUnacked } else { Move::Discarded };
            self.judge_missing(case, msg, queue, what);
            return;
        };
        let token = self.let_go(play, at);
        let book = self.book.play_mut(play);
        book.died = Some(why);
        book.queue = Some(queue.0);
        match (why, then) {
            (_, Fate::DeadLettered) => {
                book.trail |= trail::DEAD;
                self.dead_letter_left(play);
            }
            (Death::QueueDeleted | Death::QueueExpired, _) => {
                let gone = if why == Death::QueueDeleted { Gone::Deleted } else { Gone::Expired };
                self.judge_lost(case, msg, play, &token, How::QueueGone(gone));
            }
            (Death::Purged, _) => self.book.cell(msg).set(fact::DROPPED),
            _ => {
                self.judge_discarded(case, msg, play, &token, why, then);
                self.book.cell(msg).set(fact::DROPPED);
            }
        }
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    fn lost(&mut self, case: Case, msg: MessageId, queue: QueueId) {
        let found = self.ready_copy(msg, queue).or_else(|| self.held_copy(msg, queue));
        let Some((play, at)) = found.or_else(|| self.dying_copy(msg, queue)) else {
            self.judge_missing(case, msg, queue, Move::Lost);
            return;
        };
        let token = self.let_go(play, at);
        let how = match self.queue(queue).gone {
            Some(why) => How::QueueGone(why),
            None => How::BrokerStopped,
        };
        self.judge_lost(case, msg, play, &token, how);
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    fn recovered(&mut self, case: Case, msg: MessageId, queue: QueueId, resurrected: bool) {
        let play = self.book.open(msg);
        let held = self.held_copy(msg, queue);
        let known = held.or_else(|| self.ready_copy(msg, queue));
        let known = known.or_else(|| self.dying_copy(msg, queue));
        let at = match known {
            Some((_, at)) => at,
            None => {
                let book = self.queue(queue);
                book.stored = book.stored.wrapping_add(1);
                book.ready += 1;
                let place = book.stored;
                self.book.add(play, Token { place, ..ghost(queue) })
            }
        };
        if held.is_some() {
            self.free(at);
        }
        let token = self.book.token_mut(at);
        token.marks &= !(mark::ARRIVED | mark::ANSWERED | mark::WILLED | mark::GHOST);
        token.marks |= mark::RECOVERED;
        if resurrected {
            token.marks |= mark::RESURRECTED | mark::RECEIVED;
        }
        self.book.play_mut(play).trail |= trail::RESTARTED;
        self.stamp(case, play);
    }

    // ── consumers and the world outside ──

    fn received(&mut self, case: Case, msg: MessageId, redelivered: bool, deaths: u16) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Delivery, None);
        let Some(play) = cell.play() else {
            self.judge_received_nothing(case, msg, cell, None);
            return;
        };
        self.stamp(case, play);
        let me = case.node.0;
        let found = self.book.find(play, |token| token.holder == me && !token.has(mark::ARRIVED));
        let Some(at) = found else {
            self.judge_received_nothing(case, msg, cell, Some(play));
            return;
        };
        self.judge_delivered_again(case, msg, play, at);
        self.judge_flag(case, msg, at, redelivered);
        self.judge_death_header(case, msg, at, deaths);
        let token = self.book.token_mut(at);
        token.marks |= mark::RECEIVED | mark::ARRIVED;
        let (queue, gone) = (token.queue, token.has(mark::NO_ACK));
        if gone {
            self.book.remove(play, at);
            self.book.play_mut(play).queue = Some(queue);
        }
        if !cell.has(fact::DELIVERED) {
            self.book.cell(msg).set(fact::DELIVERED);
            self.judge_order(case, msg, play, Point::Delivery);
        }
    }

    fn effect(&mut self, case: Case, msg: MessageId, service: u16) {
        let cell = self.book.cell(msg);
        let before = *cell;
        let first =
            if service < SERVICES { cell.effect(service) } else { self.far.insert((msg, service)) };
        self.judge_phantom(case, msg, before, Point::Effect, None);
        if !first {
            self.judge_effect_again(case, msg, before);
        }
        let Some(play) = before.play() else { return };
        self.stamp(case, play);
        if !before.any_effect() && first {
            self.judge_order(case, msg, play, Point::Effect);
        }
        self.maybe_close(msg, play);
    }

    /// Whether a publish that is about to be stored is the answer to a request: one was sent, and
    /// it is not a copy for another subscriber, since those were stored before.
    fn replies(&self, at: u32, copy: u16, queue: QueueId) -> bool {
        let play = self.book.play(at);
        play.trail & trail::REPLIED != 0
            && play.retries & bit(copy) == 0
            && play.queue != Some(queue.0)
            && self
                .book
                .find(at, |token| token.queue == queue.0 && !token.has(mark::REPLY))
                .is_none()
    }

    fn answered(&mut self, case: Case, msg: MessageId) {
        let Some(play) = self.book.get(msg).play() else { return };
        let reply = self.book.find(play, |token| token.has(mark::REPLY) && token.has(mark::NO_ACK));
        if let Some(at) = reply {
            self.book.remove(play, at);
        }
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    fn settled(&mut self, case: Case, msg: MessageId, how: Settle) {
        let Some(play) = self.book.get(msg).play() else { return };
        let me = case.node.0;
        let at = self.book.find(play, |token| {
            token.holder == me && token.has(mark::ARRIVED) && !token.has(mark::ANSWERED)
        });
        if let Some(at) = at {
            self.book.token_mut(at).marks |= mark::ANSWERED;
        }
        if matches!(how, Settle::NackRequeue | Settle::RejectRequeue) {
            self.book.play_mut(play).trail |= trail::REQUEUED;
        }
        self.stamp(case, play);
    }

    // ── what the books offer to the classes ──

    /// Whether the message has done what it is for.
    pub(super) fn complete(&self, msg: MessageId, cell: Cell) -> bool {
        if self.rules.effects {
            cell.any_effect()
                || (!self.far.is_empty()
                    && self.far.range((msg, 0)..=(msg, u16::MAX)).next().is_some())
        } else {
            cell.has(fact::ACKED)
        }
    }

    /// Why a message is late, from what happened to it.
    pub(super) fn late_by(&self, play: &Play, otherwise: By) -> By {
        let causes = [
            (trail::RESENT, By::Resend),
            (trail::RETRIED, By::Retry),
            (trail::REQUEUED, By::Requeue),
            (trail::CRASHED, By::Crash),
            (trail::RESTARTED, By::Restart),
            (trail::DEAD, By::DeadLetter),
        ];
        let cause = causes.into_iter().find(|(bit, _)| play.trail & bit != 0);
        cause.map_or(otherwise, |(_, by)| by)
    }

    /// Notes a breach, when its class is judged.
    #[cold]
    pub(super) fn breach(
        &mut self,
        case: Case,
        (class, point, how): (Class, Point, How),
        msg: Option<MessageId>,
        queue: Option<QueueId>,
        node: Option<NodeId>,
    ) {
        if self.rules.judges(class) {
            let Case { step, at, .. } = case;
            self.breaches.add(Breach { class, point, step, at, msg, queue, node, how, times: 1 });
        }
    }

    pub(super) fn queue(&mut self, id: QueueId) -> &mut QueueBook {
        grown(&mut self.queues, id.index())
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut NodeBook {
        grown(&mut self.nodes, id.index())
    }

    /// A copy that some consumer holds; one that was answered, if there is one.
    fn held_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let held =
            |token: &Token| token.queue == queue.0 && token.held() && !token.has(mark::NO_ACK);
        let answered = |token: &Token| held(token) && token.has(mark::ANSWERED);
        let at = self.book.find(play, answered).or_else(|| self.book.find(play, held))?;
        Some((play, at))
    }

    fn ready_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let at = self.book.find(play, |token| token.queue == queue.0 && token.ready())?;
        Some((play, at))
    }

    fn dying_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let dying = |token: &Token| token.queue == queue.0 && token.has(mark::DYING);
        Some((play, self.book.find(play, dying)?))
    }

    /// A copy that a consumer held is in its queue again.
    fn free(&mut self, at: u32) {
        self.take_from_holder(at);
        let token = self.book.token_mut(at);
        token.holder = NONE;
        let queue = QueueId(token.queue);
        if !token.has(mark::GHOST) {
            let book = self.queue(queue);
            book.unacked = book.unacked.saturating_sub(1);
            book.ready += 1;
        }
    }

    /// The consumer that held a copy holds it no longer.
    fn take_from_holder(&mut self, at: u32) {
        let token = self.book.token(at);
        let (holder, session) = (token.holder, token.session);
        let node = self.node(NodeId(holder));
        if node.session == session {
            node.unacked = node.unacked.saturating_sub(1);
        }
    }

    /// A copy leaves its queue for good.
    fn let_go(&mut self, play: u32, at: u32) -> Token {
        if self.book.token(at).held() {
            self.take_from_holder(at);
        }
        let token = self.book.remove(play, at);
        if !token.has(mark::GHOST) {
            let book = self.queue(QueueId(token.queue));
            let count = if token.held() { &mut book.unacked } else { &mut book.ready };
            *count = count.saturating_sub(1);
        }
        token
    }

    fn touch(&mut self, case: Case, msg: MessageId) {
        if let Some(play) = self.book.get(msg).play() {
            self.stamp(case, play);
        }
    }

    fn stamp(&mut self, case: Case, play: u32) {
        let play = self.book.play_mut(play);
        (play.last, play.last_at) = (case.step, case.at);
    }

    fn leave_trail(&mut self, case: Case, msg: MessageId, bit: u8) {
        if let Some(play) = self.book.get(msg).play() {
            self.book.play_mut(play).trail |= bit;
            self.stamp(case, play);
        }
    }

    /// Forgets all but eight bytes of a message about which nothing more is to be said.
    fn maybe_close(&mut self, msg: MessageId, at: u32) {
        let play = self.book.play(at);
        let odd = trail::CRASHED | trail::RETRIED | trail::RESTARTED;
        let cell = self.book.get(msg);
        if self.book.bare(at)
            && play.owed == 0
            && play.twice.is_none()
            && play.trail & odd == 0
            && cell.has(fact::STORED)
            && self.complete(msg, cell)
        {
            self.book.close(msg, at);
        }
    }
}

impl Watch<Mq> for Ledger {
    fn step(&mut self, taken: &Taken<Mq>) {
        if let Step::Fault(fault) = &taken.step {
            match *fault {
                Fault::Kill(node) | Fault::PowerLoss(node) | Fault::Stop(node) => {
                    self.node(node).down = true;
                    for queue in self.queues.iter_mut().filter(|it| it.broker == Some(node)) {
                        queue.consumers = 0;
                    }
                }
                Fault::Restart(node) => self.node(node).down = false,
                _ => {}
            }
        }
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        self.observe(seen);
    }
}

/// A copy that the books do not know.
fn ghost(queue: QueueId) -> Token {
    Token {
        holder: NONE,
        place: 0,
        queue: queue.0,
        copy: 0,
        deliveries: 0,
        session: 0,
        marks: mark::GHOST,
    }
}

/// The bit of a publish in [`Play::retries`]; those beyond the 32nd share the last one.
fn bit(copy: u16) -> u32 {
    1 << copy.min(31)
}

fn grown<T: Clone + Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if at >= list.len() {
        list.resize(at + 1, T::default());
    }
    &mut list[at]
}
