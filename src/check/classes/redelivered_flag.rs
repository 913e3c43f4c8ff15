//! `redelivered-flag`: a message that was delivered before comes again without the flag that says
//! so. The opposite is allowed: a broker may set it when it cannot rule out a delivery.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   push m1 q c1
//! c1       received m1
//! broker   requeue m1 q nack
//! broker   push m1 q c1
//! c1       received m1
//! ```

use super::super::book::mark;
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_flag(
        &mut self,
        case: Case,
        msg: MessageId,
        at: u32,
        redelivered: bool,
    ) {
        let token = self.book.token(at);
        let known = token.deliveries > 1 && !token.has(mark::RECOVERED) && !token.has(mark::GHOST);
        if known && !redelivered {
            let queue = Some(QueueId(token.queue));
            let what = (Class::RedeliveredFlag, Point::Delivery, How::Unflagged);
            self.breach(case, what, Some(msg), queue, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::RedeliveredFlag;

    #[test]
    fn a_redelivery_without_the_flag_is_noticed() {
        assert_breaks(include_str!("redelivered_flag.rs"), CLASS, How::Unflagged);
    }

    #[test]
    fn a_redelivery_with_the_flag_is_in_order() {
        let history = smallest(include_str!("redelivered_flag.rs"));
        assert_keeps(&history.replacen("c1 received m1", "c1 received m1 redelivered", 2), CLASS);
    }
}
