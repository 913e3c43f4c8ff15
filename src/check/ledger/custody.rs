//! Where copies are, and how they leave the books.

use super::super::book::{NONE, Play, Token, mark, trail};
use super::super::cell::{Cell, SERVICES, fact};
use super::super::class::{Class, Point};
use super::super::grown;
use super::super::verdict::{Breach, By, How};
use super::{Case, Ledger, NodeBook, QueueBook};
use crate::kernel::NodeId;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// Whether the message has done what it is for.
    pub(in crate::check) fn complete(&self, msg: MessageId, cell: Cell) -> bool {
        if self.rules.effects {
            cell.any_effect()
                || (!self.far.is_empty()
                    && self.far.range((msg, 0)..=(msg, u16::MAX)).next().is_some())
        } else {
            cell.has(fact::ACKED)
        }
    }

    /// Whether it took effect at this service.
    pub(in crate::check) fn took_effect(&self, msg: MessageId, cell: Cell, service: u16) -> bool {
        if service < SERVICES {
            cell.had_effect(service)
        } else {
            self.far.contains(&(msg, service))
        }
    }

    /// Why a message is late, from what happened to it.
    pub(in crate::check) fn late_by(&self, play: &Play, otherwise: By) -> By {
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
    pub(in crate::check) fn breach(
        &mut self,
        case: Case,
        (class, point, how): (Class, Point, How),
        msg: Option<MessageId>,
        queue: Option<QueueId>,
        node: Option<NodeId>,
    ) {
        if self.rules.judges(class) {
            let Case { step, at, place: partition, group, .. } = case;
            self.breaches.add(Breach {
                class,
                point,
                step,
                at,
                msg,
                queue,
                partition,
                group,
                node,
                how,
                times: 1,
            });
        }
    }

    pub(in crate::check) fn queue(&mut self, id: QueueId) -> &mut QueueBook {
        grown(&mut self.queues, id.index())
    }

    pub(in crate::check) fn node(&mut self, id: NodeId) -> &mut NodeBook {
        grown(&mut self.nodes, id.index())
    }

    /// A copy that some consumer holds; one that was answered, if there is one.
    pub(super) fn held_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let held =
            |token: &Token| token.queue == queue.0 && token.held() && !token.has(mark::NO_ACK);
        let answered = |token: &Token| held(token) && token.has(mark::ANSWERED);
        let at = self.book.find(play, answered).or_else(|| self.book.find(play, held))?;
        Some((play, at))
    }

    pub(super) fn ready_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let at = self.book.find(play, |token| token.queue == queue.0 && token.ready())?;
        Some((play, at))
    }

    pub(super) fn dying_copy(&self, msg: MessageId, queue: QueueId) -> Option<(u32, u32)> {
        let play = self.book.get(msg).play()?;
        let dying = |token: &Token| token.queue == queue.0 && token.has(mark::DYING);
        Some((play, self.book.find(play, dying)?))
    }

    /// A copy is taken from whoever holds it, because a connection, a queue or a broker is gone. If
    /// it has not come there, it may still come.
    pub(super) fn may_still_come(&mut self, msg: MessageId, at: u32) {
        let token = self.book.token(at);
        let (holder, queue) = (token.holder, QueueId(token.queue));
        if token.held() && !token.has(mark::ARRIVED) {
            self.node(NodeId(holder)).under_way.push((msg, queue));
        }
    }

    /// A copy that a consumer held is in its queue again.
    pub(super) fn free(&mut self, at: u32) {
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
    pub(super) fn take_from_holder(&mut self, at: u32) {
        let token = self.book.token(at);
        let (holder, session) = (token.holder, token.session);
        let node = self.node(NodeId(holder));
        if node.session == session {
            node.unacked = node.unacked.saturating_sub(1);
        }
    }

    /// A copy leaves its queue for good.
    pub(super) fn let_go(&mut self, play: u32, at: u32) -> Token {
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

    pub(super) fn touch(&mut self, case: Case, msg: MessageId) {
        if let Some(play) = self.book.get(msg).play() {
            self.stamp(case, play);
        }
    }

    pub(in crate::check) fn stamp(&mut self, case: Case, play: u32) {
        let play = self.book.play_mut(play);
        (play.last, play.last_at) = (case.step, case.at);
    }

    pub(super) fn leave_trail(&mut self, case: Case, msg: MessageId, bit: u8) {
        if let Some(play) = self.book.get(msg).play() {
            self.book.play_mut(play).trail |= bit;
            self.stamp(case, play);
        }
    }

    /// Forgets all but eight bytes of a message about which nothing more is to be said.
    pub(super) fn maybe_close(&mut self, msg: MessageId, at: u32) {
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
