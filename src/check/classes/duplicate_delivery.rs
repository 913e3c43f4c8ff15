//! `duplicate-delivery`: one send is delivered to consumers of one queue again, although none of
//! them asked for it.
//!
//! A message that its consumer gave back (nack or reject with requeue) or published again for a
//! later attempt comes again because it should. A message that came back because a channel, a
//! connection or the broker went, that was stored twice, or that was acknowledged, does not.
//!
//! A broker that closes a connection cannot call back what it has sent on it. A consumer therefore
//! receives, once and before it learns that the connection is gone, what its queue has taken back
//! already. That is a delivery like any other; the one that follows it is the second.
//!
//! In Kafka, a group is given an offset again that it was given before: a member began at the
//! committed offset, which lay behind (a crash, a rebalance), or its position was reset. A seek is
//! asked for, and what comes again by it is not judged.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   push m1 q c1
//! c1       received m1
//! broker   requeue m1 q connection
//! broker   push m1 q c2 redelivered
//! c2       received m1 redelivered
//! ```

use super::super::book::mark;
use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::{How, Move};
use crate::kernel::NodeId;
use crate::talk::kafka::Moved;
use crate::talk::{MessageId, QueueId, Returned};

/// The reasons by their numbers, as copies keep them.
const REASONS: [Returned; 5] =
    [Returned::Nack, Returned::Reject, Returned::Channel, Returned::Connection, Returned::Timeout];

impl Ledger {
    /// A copy is about to reach a consumer.
    pub(in super::super) fn judge_delivered_again(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        at: u32,
    ) {
        let token = self.book.token(at);
        let seen = token.has(mark::RECEIVED) && !token.has(mark::WILLED);
        if !seen && !token.has(mark::REPEATS) || token.has(mark::GHOST | mark::REPLY) {
            return;
        }
        let how = if token.has(mark::REPEATS) {
            self.crossed_how(msg, play, token.copy)
        } else if token.has(mark::RESURRECTED) {
            How::Resurrected
        } else if token.has(mark::RECOVERED) {
            How::AfterRestart
        } else {
            let reason = usize::from(token.marks >> mark::RETURNED & 7);
            How::Redelivered(REASONS.get(reason).copied().unwrap_or(Returned::Connection))
        };
        let queue = QueueId(token.queue);
        self.delivered_twice(case, msg, Some(play), Some(queue), case.node, how);
    }

    /// A queue pushes a copy that is not ready in it.
    pub(in super::super) fn judge_pushed_nothing(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        queue: QueueId,
        to: NodeId,
    ) {
        let held = self.book.find(play, |token| token.queue == queue.0 && token.held());
        if held.is_some() {
            self.delivered_twice(case, msg, Some(play), Some(queue), to, How::WhileUnacked);
        } else if self.book.get(msg).has(fact::ACKED) {
            self.delivered_twice(case, msg, Some(play), Some(queue), to, How::AfterAck);
        } else {
            self.judge_missing(case, msg, queue, Move::Pushed);
        }
    }

    /// A consumer receives what nobody pushed to it.
    pub(in super::super) fn judge_received_nothing(
        &mut self,
        case: Case,
        msg: MessageId,
        cell: Cell,
        play: Option<u32>,
    ) {
        let held = play.is_some_and(|play| self.book.find(play, |it| it.held()).is_some());
        if held {
            self.delivered_twice(case, msg, play, None, case.node, How::WhileUnacked);
        } else if cell.has(fact::ACKED) {
            self.delivered_twice(case, msg, play, None, case.node, How::AfterAck);
        }
    }

    /// A member is given a record that its group was given before, since its position was moved.
    pub(in super::super) fn judge_read_again(
        &mut self,
        case: Case,
        msg: MessageId,
        moved: Option<Moved>,
    ) {
        let how = moved.map_or(How::ReadAgainUnasked, How::ReadAgain);
        if moved == Some(Moved::Seek) {
            let play = self.book.open(msg);
            self.book.play_mut(play).twice = Some(how);
            return;
        }
        let play = self.book.open(msg);
        self.delivered_twice(case, msg, Some(play), None, case.node, how);
    }

    /// A member is given a record of a send that is in the log twice.
    pub(in super::super) fn judge_resent_delivery(&mut self, case: Case, msg: MessageId) {
        let play = self.book.open(msg);
        self.delivered_twice(case, msg, Some(play), None, case.node, How::Resent);
    }

    fn delivered_twice(
        &mut self,
        case: Case,
        msg: MessageId,
        play: Option<u32>,
        queue: Option<QueueId>,
        to: NodeId,
        how: How,
    ) {
        if let Some(play) = play {
            self.book.play_mut(play).twice = Some(how);
        }
        let what = (Class::DuplicateDelivery, Point::Delivery, how);
        self.breach(case, what, Some(msg), queue, Some(to));
    }
}

#[cfg(test)]
mod tests {
    use super::REASONS;
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};
    use crate::talk::Returned;
    use crate::talk::kafka::Moved;

    const CLASS: Class = Class::DuplicateDelivery;
    const HELD: &str =
        "producer submit m1 / broker store m1 q / broker push m1 q c1 / c1 received m1";

    #[test]
    fn reasons_are_kept_by_their_numbers() {
        for (number, reason) in REASONS.into_iter().enumerate() {
            assert_eq!(reason as usize, number);
        }
    }

    #[test]
    fn a_lost_connection_makes_a_message_come_again() {
        let how = How::Redelivered(Returned::Connection);
        assert_breaks(include_str!("duplicate_delivery.rs"), CLASS, how);
    }

    #[test]
    fn what_a_consumer_gave_back_comes_again_because_it_should() {
        let again = "broker requeue m1 q nack / broker push m1 q c1 / c1 received m1 redelivered";
        assert_keeps(&format!("{HELD} / {again}"), CLASS);
    }

    #[test]
    fn what_never_reached_a_consumer_is_not_delivered_again() {
        let history = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                       broker requeue m1 q connection / broker push m1 q c2 / \
                       c2 received m1 redelivered";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn an_acknowledged_message_that_a_restart_brings_back_is_resurrected() {
        let again = "c1 ack m1 / service effect m1 / broker acked m1 q / \
                     broker recovered m1 q resurrected / broker push m1 q c1 / c1 received m1";
        assert_breaks(&format!("{HELD} / {again}"), CLASS, How::Resurrected);
    }

    #[test]
    fn an_unacknowledged_message_comes_again_after_a_restart() {
        let again = "broker recovered m1 q / broker push m1 q c1 / c1 received m1 redelivered";
        assert_breaks(&format!("{HELD} / {again}"), CLASS, How::AfterRestart);
    }

    #[test]
    fn a_broker_may_not_push_what_was_acknowledged_or_is_held() {
        let acked = "service effect m1 / broker acked m1 q / broker push m1 q c2";
        assert_breaks(&format!("{HELD} / {acked}"), CLASS, How::AfterAck);
        let unnoted = "service effect m1 / broker acked m1 q / c2 received m1";
        assert_breaks(&format!("{HELD} / {unnoted}"), CLASS, How::AfterAck);
        assert_breaks(&format!("{HELD} / broker push m1 q c2"), CLASS, How::WhileUnacked);
    }

    #[test]
    fn a_new_owner_reads_again_what_was_not_committed() {
        let read = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 high p0 1 / \
                    c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / c1 polled m1 g p0 0";
        let other = "c1 revoked g p0 / c2 assigned g p0 gen=2 / c2 moved g p0 0 committed / \
                     c2 polled m1 g p0 0";
        let how = How::ReadAgain(Moved::Committed);
        assert_breaks(&format!("{read} / {other}"), CLASS, how);
        let seek = "c1 moved g p0 0 seek / c1 polled m1 g p0 0";
        assert_keeps(&format!("{read} / {seek}"), CLASS);
        let group = "c2 assigned h p0 gen=1 / c2 moved h p0 0 nothing / c2 polled m1 h p0 0";
        assert_keeps(&format!("{read} / {group}"), CLASS);
        let effects = "service effect m1 / OTHER / service effect m1".replace("OTHER", other);
        assert_breaks(&format!("{read} / {effects}"), Class::DuplicateEffect, how);
    }

    #[test]
    fn what_was_under_way_when_its_connection_was_closed_comes_once() {
        // acknowledged in a life before, as after a retry by way of another queue
        let before = format!("{HELD} / c1 ack m1 / broker acked m1 q / broker store m1 r");
        let back = "broker push m1 r c1 / broker requeue m1 r connection";
        let late = "c1 received m1";
        assert_keeps(&format!("{before} / {back} / {late}"), CLASS);
        let gone = "broker discard m1 r queue-deleted none";
        assert_keeps(&format!("{before} / broker push m1 r c1 / {gone} / {late}"), CLASS);
        for broken in [
            format!("{back} / {late} / {late}"),
            format!("{back} / c1 disconnected / {late}"),
            format!("{back} / c1 connected / {late}"),
            format!("{back} / c2 received m1"),
            format!("broker push m1 r c1 / {late} / broker requeue m1 r connection / {late}"),
            "broker push m1 r c1 / broker requeue m1 r nack / c1 received m1".to_owned(),
        ] {
            assert_breaks(&format!("{before} / {broken}"), CLASS, How::AfterAck);
        }
        let again = "broker push m1 r c2 / c2 received m1 redelivered";
        let how = How::Redelivered(Returned::Connection);
        assert_breaks(&format!("{before} / {back} / {late} / {again}"), CLASS, how);
    }

    #[test]
    fn a_message_that_was_stored_twice_is_delivered_twice() {
        let again = "service effect m1 / broker acked m1 q / broker store m1+1 q / \
                     broker push m1 q c1 / c1 received m1";
        assert_breaks(&format!("{HELD} / {again}"), CLASS, How::Resent);
    }

    #[test]
    fn deliveries_from_several_queues_are_no_duplicates() {
        let other = "broker store m1 r / broker push m1 r c2 / c2 received m1";
        assert_keeps(&format!("{HELD} / {other}"), CLASS);
    }
}
