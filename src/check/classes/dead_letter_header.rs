//! `dead-letter-header`: a message that came by dead lettering reaches a consumer without an
//! `x-death` header, so that nobody downstream can know why it is there or count its attempts.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   discard m1 q expired dead
//! broker   store m1 d from q
//! broker   push m1 d c1
//! c1       received m1
//! ```

use super::super::book::mark;
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_death_header(
        &mut self,
        case: Case,
        msg: MessageId,
        at: u32,
        deaths: u16,
    ) {
        let token = self.book.token(at);
        if token.has(mark::DEAD) && deaths == 0 {
            let queue = Some(QueueId(token.queue));
            let what = (Class::DeadLetterHeader, Point::Delivery, How::NoDeathHeader);
            self.breach(case, what, Some(msg), queue, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::DeadLetterHeader;

    #[test]
    fn a_dead_letter_without_x_death_is_noticed() {
        assert_breaks(include_str!("dead_letter_header.rs"), CLASS, How::NoDeathHeader);
    }

    #[test]
    fn a_dead_letter_with_x_death_is_in_order() {
        let history = smallest(include_str!("dead_letter_header.rs"));
        let history = history.replace("received m1", "received m1 deaths=1");
        assert_keeps(&history, CLASS);
    }
}
