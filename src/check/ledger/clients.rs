//! What producers and consumers are seen to do.

use super::super::book::{NONE, mark, trail};
use super::super::cell::{SERVICES, fact};
use super::super::class::Point;
use super::{Case, Ledger, Line};
use crate::kernel::NodeId;
use crate::talk::{MessageId, QueueId, Settle};

impl Ledger {
    pub(super) fn submitted(&mut self, case: Case, msg: MessageId, key: u32) {
        let producer = self.producer_slot(case.node);
        let line = if key == 0 { NONE } else { self.line(producer, key) };
        self.streams.submitted(producer, msg, case.at);
        let cell = self.book.cell(msg);
        cell.set(fact::SUBMITTED);
        cell.set_producer(producer);
        let play = self.book.open(msg);
        let play = self.book.play_mut(play);
        (play.line, play.last, play.last_at) = (line, case.step, case.at);
    }

    /// The slot of a node among the producers. All beyond the 255th share slot 0: nothing is judged
    /// of what they are told.
    pub(super) fn producer_slot(&mut self, node: NodeId) -> u8 {
        let known = self.node(node).producer;
        if known != 0 || self.producers.len() >= 255 {
            return known;
        }
        self.producers.push(Line::default());
        let slot = self.producers.len() as u8; // at most 255
        self.node(node).producer = slot;
        slot
    }

    pub(super) fn line(&mut self, producer: u8, key: u32) -> u32 {
        let next = self.lines.len() as u32;
        let line = *self.line_of.entry((producer, key)).or_insert(next);
        if line == next {
            self.lines.push(Line { key, ..Line::default() });
        }
        line
    }

    pub(super) fn is_producer_of(&mut self, node: NodeId, msg: MessageId) -> bool {
        let slot = self.node(node).producer;
        slot != 0 && self.book.get(msg).producer() == slot
    }

    pub(super) fn published(&mut self, case: Case, msg: MessageId, copy: u16) {
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
            self.bridged(case, play, copy);
        }
    }

    pub(super) fn told(&mut self, case: Case, msg: MessageId, what: u64) {
        if self.is_producer_of(case.node, msg) {
            self.book.cell(msg).set(what);
            self.touch(case, msg);
        }
    }

    pub(super) fn received(&mut self, case: Case, msg: MessageId, redelivered: bool, deaths: u16) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Delivery, None);
        let Some(play) = cell.play() else {
            if self.was_under_way(case.node, msg).is_none() {
                self.judge_received_nothing(case, msg, cell, None);
            }
            return;
        };
        self.stamp(case, play);
        let me = case.node.0;
        let found = self.book.find(play, |token| token.holder == me && !token.has(mark::ARRIVED));
        let Some(at) = found else {
            match self.was_under_way(case.node, msg) {
                Some(queue) => self.received_late(case, msg, play, queue),
                None => self.judge_received_nothing(case, msg, cell, Some(play)),
            }
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

    /// Whether a delivery was under way to this consumer when its queue took the message back, and
    /// from which queue. It comes once.
    fn was_under_way(&mut self, node: NodeId, msg: MessageId) -> Option<QueueId> {
        let under_way = &mut self.node(node).under_way;
        let at = under_way.iter().position(|(its, _)| *its == msg)?;
        Some(under_way.remove(at).1)
    }

    /// A consumer receives what its queue has taken back meanwhile. It will come again.
    fn received_late(&mut self, case: Case, msg: MessageId, play: u32, queue: QueueId) {
        let again = self.book.find(play, |token| token.queue == queue.0 && token.ready());
        if let Some(at) = again {
            self.book.token_mut(at).marks |= mark::RECEIVED;
        }
        if !self.book.get(msg).has(fact::DELIVERED) {
            self.book.cell(msg).set(fact::DELIVERED);
            self.judge_order(case, msg, play, Point::Delivery);
        }
    }

    pub(super) fn effect(&mut self, case: Case, msg: MessageId, service: u16) {
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
    pub(super) fn replies(&self, at: u32, copy: u16, queue: QueueId) -> bool {
        let play = self.book.play(at);
        play.trail & trail::REPLIED != 0
            && play.retries & bit(copy) == 0
            && play.queue != Some(queue.0)
            && self
                .book
                .find(at, |token| token.queue == queue.0 && !token.has(mark::REPLY))
                .is_none()
    }

    pub(super) fn answered(&mut self, case: Case, msg: MessageId) {
        let Some(play) = self.book.get(msg).play() else { return };
        let reply = self.book.find(play, |token| token.has(mark::REPLY) && token.has(mark::NO_ACK));
        if let Some(at) = reply {
            self.book.remove(play, at);
        }
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    pub(super) fn settled(&mut self, case: Case, msg: MessageId, how: Settle) {
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
}

/// The bit of a publish in [`Play::retries`]; those beyond the 32nd share the last one.
pub(in crate::check) fn bit(copy: u16) -> u32 {
    1 << copy.min(31)
}
