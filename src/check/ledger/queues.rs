//! What queues are seen to do with their copies.

use super::super::book::{NONE, Token, mark, trail};
use super::super::cell::fact;
use super::super::class::Point;
use super::super::verdict::{How, Move};
use super::clients::bit;
use super::{Case, Ledger};
use crate::kernel::NodeId;
use crate::talk::{Death, Fate, Gone, MessageId, Name, QueueId, Returned};

impl Ledger {
    pub(super) fn declared(&mut self, case: Case, id: QueueId, name: &Name) {
        let rule = self.rules.queues.iter().find(|rule| rule.name == *name);
        let (priority, bound) = rule.map_or((false, None), |rule| (rule.priority, rule.depth));
        let queue = self.queue(id);
        queue.name = Some(name.clone());
        queue.gone = None;
        queue.broker = Some(case.node);
        (queue.priority, queue.bound) = (priority, bound);
    }

    pub(super) fn enqueued(
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
        let bridged = from.is_none() && self.is_bridged(at, copy);
        let mut marks = if reply { mark::REPLY } else { 0 };
        if !reply && !bridged {
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
            None if bridged => {
                self.queue(queue).live = true;
                if self.crosses(case, msg, at, copy, queue) {
                    marks |= mark::REPEATS;
                }
            }
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

    pub(super) fn pushed(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        to: NodeId,
        no_ack: bool,
    ) {
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

    pub(super) fn acked(&mut self, case: Case, msg: MessageId, queue: QueueId) {
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

    pub(super) fn requeued(&mut self, case: Case, msg: MessageId, queue: QueueId, why: Returned) {
        let willed = matches!(why, Returned::Nack | Returned::Reject);
        let (play, at) = match self.held_copy(msg, queue) {
            Some((play, at)) => {
                if !willed {
                    self.may_still_come(msg, at);
                }
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
        token.marks |= mark::CAME_BACK | (why as u16) << mark::RETURNED;
        if willed {
            token.marks |= mark::WILLED;
        }
        let came = if willed { trail::REQUEUED } else { trail::CRASHED };
        self.book.play_mut(play).trail |= came;
        self.stamp(case, play);
    }

    pub(super) fn dying(&mut self, case: Case, msg: MessageId, queue: QueueId, why: Death) {
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
            if why != Death::Rejected {
                self.may_still_come(msg, at);
            }
            self.free(at);
        }
        self.book.token_mut(at).marks |= mark::DYING;
        self.stamp(case, play);
    }

    pub(super) fn discarded(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        why: Death,
        then: Fate,
    ) {
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
        if why != Death::Rejected {
            self.may_still_come(msg, at);
        }
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

    pub(super) fn lost(&mut self, case: Case, msg: MessageId, queue: QueueId) {
        let found = self.ready_copy(msg, queue).or_else(|| self.held_copy(msg, queue));
        let Some((play, at)) = found.or_else(|| self.dying_copy(msg, queue)) else {
            self.judge_missing(case, msg, queue, Move::Lost);
            return;
        };
        self.may_still_come(msg, at);
        let token = self.let_go(play, at);
        let how = match self.queue(queue).gone {
            Some(why) => How::QueueGone(why),
            None => How::BrokerStopped,
        };
        self.judge_lost(case, msg, play, &token, how);
        self.stamp(case, play);
        self.maybe_close(msg, play);
    }

    pub(super) fn recovered(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        resurrected: bool,
    ) {
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
            self.may_still_come(msg, at);
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
}

/// A copy that the books do not know.
pub(super) fn ghost(queue: QueueId) -> Token {
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
