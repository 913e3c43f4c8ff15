//! `closed-channel`: a queue hands a message to a consumer whose channel or connection the broker
//! has closed. Nobody will ever settle that delivery.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   closed c1
//! broker   push m1 q c1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::kernel::NodeId;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_closed(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        to: NodeId,
    ) {
        // what another node of its cluster had under way meanwhile is nobody's mistake
        if self.node(to).closed == Some(case.node) {
            let what = (Class::ClosedChannel, Point::Delivery, How::Closed);
            self.breach(case, what, Some(msg), Some(queue), Some(to));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::ClosedChannel;

    #[test]
    fn nothing_is_pushed_to_a_closed_channel() {
        assert_breaks(include_str!("closed_channel.rs"), CLASS, How::Closed);
    }

    #[test]
    fn a_consumer_that_has_come_back_gets_messages() {
        let history = smallest(include_str!("closed_channel.rs"));
        for back in ["broker subscribed c1 q", "c1 connected"] {
            assert_keeps(&history.replace("broker push", &format!("{back} / broker push")), CLASS);
        }
    }
}
