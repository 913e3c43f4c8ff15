//! `dead-letter-loss`: a queue discarded a message by one of its rules (a rejection, an expiry, a
//! length or a delivery limit), and no dead-letter copy of it exists.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   discard m1 q expired none
//! ```
//!
//! A queue may also say that it dead-lettered a message which then arrives nowhere; that shows at
//! the end of a run.

use super::super::book::{Token, mark};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{Death, Fate, MessageId, QueueId};

impl Ledger {
    /// A queue discarded a copy without dead-lettering it.
    pub(in super::super) fn judge_discarded(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        token: &Token,
        why: Death,
        then: Fate,
    ) {
        if !token.has(mark::REPLY) && !self.survives(msg, play, token) {
            let what = (Class::DeadLetterLoss, Point::Log, How::Discarded(why, then));
            self.breach(case, what, Some(msg), Some(QueueId(token.queue)), Some(case.node));
        }
    }

    /// A dead letter left its queue: it must arrive somewhere.
    pub(in super::super) fn dead_letter_left(&mut self, play: u32) {
        let play = self.book.play_mut(play);
        if play.prepaid > 0 {
            play.prepaid -= 1;
        } else {
            play.owed = play.owed.saturating_add(1);
        }
    }

    /// A dead letter arrived in a queue. At-least-once dead lettering stores it there before it
    /// leaves the queue that it comes from.
    pub(in super::super) fn dead_letter_arrived(&mut self, at: u32, from: QueueId) {
        let source = self.book.find(at, |token| token.queue == from.0);
        let play = self.book.play_mut(at);
        if play.owed > 0 {
            play.owed -= 1;
        } else if source.is_some() {
            play.prepaid = play.prepaid.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};
    use crate::talk::{Death, Fate};

    const CLASS: Class = Class::DeadLetterLoss;

    #[test]
    fn what_expires_without_a_dead_letter_exchange_is_lost() {
        let how = How::Discarded(Death::Expired, Fate::NoDeadLetterExchange);
        assert_breaks(include_str!("dead_letter_loss.rs"), CLASS, how);
    }

    #[test]
    fn a_dead_letter_that_arrives_is_not_lost() {
        let history = "producer submit m1 / broker store m1 q / \
                       broker discard m1 q expired dead / broker store m1 d from q";
        assert_keeps(history, CLASS);
        let history = "producer submit m1 / broker store m1 q / broker store m1 d from q / \
                       broker discard m1 q expired dead";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn a_dead_letter_that_arrives_nowhere_is_lost() {
        let history = "producer submit m1 / broker store m1 q / broker discard m1 q maxlen dead";
        assert_breaks(history, CLASS, How::DeadLetterVanished);
    }

    #[test]
    fn what_has_taken_effect_may_be_discarded() {
        let history = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                       c1 received m1 / service effect m1 / broker requeue m1 q connection / \
                       broker discard m1 q expired none";
        assert_keeps(history, CLASS);
    }
}
