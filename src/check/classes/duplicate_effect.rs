//! `duplicate-effect`: one send takes effect at one service twice. A repetition that the service
//! recognises as one is none.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! service  effect m1
//! service  effect m1
//! ```

use super::super::book::trail;
use super::super::cell::Cell;
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId, Returned};

impl Ledger {
    pub(in super::super) fn judge_effect_again(&mut self, case: Case, msg: MessageId, cell: Cell) {
        let (mut how, mut queue) = (How::AfterAck, None);
        if let Some(play) = cell.play() {
            let book = self.book.play(play);
            let trail = book.trail;
            let copy = self.book.tokens(play).map(|(_, token)| token.queue).next();
            queue = copy.or(book.queue).map(QueueId);
            how = match book.twice {
                Some(how) => how,
                None if trail & (trail::REQUEUED | trail::RETRIED | trail::DEAD) != 0 => {
                    How::Retried
                }
                None if trail & trail::RESENT != 0 => How::Resent,
                None if trail & trail::CRASHED != 0 => How::Redelivered(Returned::Connection),
                None => How::WhileUnacked,
            };
        }
        let what = (Class::DuplicateEffect, Point::Effect, how);
        self.breach(case, what, Some(msg), queue, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};
    use crate::talk::Returned;

    const CLASS: Class = Class::DuplicateEffect;

    #[test]
    fn one_send_takes_effect_once() {
        assert_breaks(include_str!("duplicate_effect.rs"), CLASS, How::WhileUnacked);
        assert_keeps("producer submit m1 / service effect m1 0 / service effect m1 1", CLASS);
        assert_keeps("producer submit m1 / service effect m1 / service deduplicated m1", CLASS);
    }

    #[test]
    fn services_with_large_numbers_are_told_apart_too() {
        let twice = "producer submit m1 / service effect m1 90 / service effect m1 90";
        assert_breaks(twice, CLASS, How::WhileUnacked);
        assert_keeps("producer submit m1 / service effect m1 90 / service effect m1 91", CLASS);
    }

    #[test]
    fn it_says_what_made_the_message_come_twice() {
        let held = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                    c1 received m1 / service effect m1";
        let crash = "broker requeue m1 q connection / broker push m1 q c2 / \
                     c2 received m1 redelivered / service effect m1";
        let how = How::Redelivered(Returned::Connection);
        assert_breaks(&format!("{held} / {crash}"), CLASS, how);
        let retry = "c1 failed m1 downstream / broker requeue m1 q nack / broker push m1 q c1 / \
                     c1 received m1 redelivered / service effect m1";
        assert_breaks(&format!("{held} / {retry}"), CLASS, How::Retried);
    }
}
