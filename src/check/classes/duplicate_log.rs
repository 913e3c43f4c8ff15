//! `duplicate-log`: one send is stored twice. Either its producer sent it again although an earlier
//! publish of it was stored, or a queue holds one copy of one publish twice.
//!
//! Copies in several queues are no duplicates, nor is a dead letter, nor what a consumer publishes
//! for a later attempt.
//!
//! In Kafka, one send stands at two offsets: a client that is not idempotent sent a batch again of
//! which it had no answer, or the application sent the message again. A record of an aborted
//! transaction does not count, nor one that was truncated.
//!
//! A bridge that reads a record again publishes it again: two copies of one send in one queue.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   store m1+1 q
//! ```

use super::super::book::{Token, mark, trail};
use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, bit};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// A publish of a producer is about to be stored. Says whether it repeats what was delivered
    /// from this queue before.
    pub(in super::super) fn judge_resent(
        &mut self,
        case: Case,
        msg: MessageId,
        cell: Cell,
        at: u32,
        copy: u16,
        queue: QueueId,
    ) -> bool {
        let play = self.book.play_mut(at);
        if !cell.has(fact::STORED) {
            play.first_copy = copy;
            play.roots = 1;
            self.judge_order(case, msg, at, Point::Log);
            return false;
        }
        if play.first_copy.min(15) == copy.min(15) {
            play.roots = play.roots.saturating_add(1);
            return false;
        }
        play.trail |= trail::RESENT;
        let let_go = play.queue == Some(queue.0) && cell.has(fact::DELIVERED);
        let what = (Class::DuplicateLog, Point::Log, How::Resent);
        self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        let_go || self.book.find(at, |it| it.queue == queue.0).is_some()
    }

    /// A record is about to be appended. Says whether its send is in a log already.
    pub(in super::super) fn judge_appended_again(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        copy: u16,
    ) -> bool {
        let retry = copy > 0 && self.book.play(play).retries & bit(copy) != 0;
        if self.streams.marked(msg).copies() == 0 || retry {
            return false;
        }
        self.book.play_mut(play).trail |= trail::RESENT;
        let what = (Class::DuplicateLog, Point::Log, How::Resent);
        self.breach(case, what, Some(msg), None, Some(case.node));
        true
    }

    /// The publish of a bridge is about to be stored. Says whether it repeats what was stored in this
    /// queue before.
    pub(in super::super) fn judge_crossed_again(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        copy: u16,
        queue: QueueId,
    ) -> bool {
        let let_go = self.book.play(play).queue == Some(queue.0);
        let there = |it: &Token| it.queue == queue.0 && !it.has(mark::GHOST | mark::REPLY);
        if !let_go && self.book.find(play, there).is_none() {
            return false;
        }
        let what = (Class::DuplicateLog, Point::Log, self.crossed_how(msg, play, copy));
        self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        true
    }

    /// Whose doing it is that a message was stored in a queue twice.
    pub(in super::super) fn crossed_how(&self, msg: MessageId, play: u32, copy: u16) -> How {
        if self.is_bridged(play, copy) && self.streams.marked(msg).copies() < 2 {
            How::BridgedTwice
        } else {
            How::Resent
        }
    }

    /// A copy is about to be stored: is it there already?
    pub(in super::super) fn judge_stored_twice(
        &mut self,
        case: Case,
        msg: MessageId,
        at: u32,
        copy: u16,
        queue: QueueId,
        from: Option<QueueId>,
    ) {
        if from == Some(queue) {
            return; // a queue may dead-letter to itself, and store before it discards
        }
        let same = self.book.find(at, |token| {
            token.queue == queue.0 && token.copy == copy && !token.has(mark::GHOST)
        });
        if same.is_some() {
            let what = (Class::DuplicateLog, Point::Log, How::StoredTwice);
            self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};

    const CLASS: Class = Class::DuplicateLog;

    #[test]
    fn a_resend_of_what_was_stored_is_a_duplicate() {
        assert_breaks(include_str!("duplicate_log.rs"), CLASS, How::Resent);
    }

    #[test]
    fn a_resend_is_a_duplicate_even_after_the_first_has_been_settled() {
        let history = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                       c1 received m1 / service effect m1 / broker acked m1 q / \
                       broker store m1+1 q";
        assert_breaks(history, CLASS, How::Resent);
    }

    #[test]
    fn a_dead_letter_that_is_stored_twice_is_a_duplicate() {
        let history = "producer submit m1 / broker store m1 q / \
                       broker discard m1 q expired dead / broker store m1 d from q";
        assert_keeps(history, CLASS);
        assert_breaks(&format!("{history} / broker store m1 d from q"), CLASS, How::StoredTwice);
    }

    #[test]
    fn a_resend_of_what_was_not_stored_is_none() {
        assert_keeps("producer submit m1 / producer published m1+1 / broker store m1+1 q", CLASS);
    }

    #[test]
    fn a_batch_that_is_sent_again_stands_at_two_offsets() {
        let twice = "b1 created p0 / producer submit m1 / producer published m1 / \
                     b1 append m1 p0 0 / producer published m1 / b1 append m1 p0 1";
        assert_breaks(twice, CLASS, How::Resent);
    }

    #[test]
    fn what_was_truncated_or_aborted_may_be_sent_again() {
        let first = "b1 created p0 / producer submit m1 / producer begin by=7 / b1 append m1 p0 0";
        assert_keeps(&format!("{first} / b1 truncated p0 0 / b1 append m1 p0 0"), CLASS);
        let abort = "b1 txn p0 0 1 by=7 / b1 marker p0 1 by=7 abort / b1 append m1+1 p0 2";
        assert_keeps(&format!("{first} / {abort}"), CLASS);
        assert_keeps(&format!("{first} / c1 published m1+1 / b1 append m1+1 p1 0"), CLASS);
    }

    #[test]
    fn copies_in_several_queues_and_retries_are_none() {
        assert_keeps("producer submit m1 / broker store m1 q / broker store m1 r", CLASS);
        let history = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                       c1 received m1 / c1 published m1+1 / broker store m1+1 q";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn a_bridge_that_reads_a_record_again_stores_it_twice() {
        let read = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 high p0 1 / \
                    c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / c1 polled m1 g p0 0";
        let publish = "c1 published m1+1 / broker store m1+1 q";
        assert_keeps(&format!("{read} / {publish} / broker store m1+1 r"), CLASS);
        assert_breaks(&format!("{read} / {publish} / {publish}"), CLASS, How::BridgedTwice);
        let handled =
            "broker push m1 q c2 / c2 received m1 / service effect m1 / broker acked m1 q";
        let again = format!("{read} / {publish} / {handled} / {publish}");
        assert_breaks(&again, CLASS, How::BridgedTwice);
    }
}
