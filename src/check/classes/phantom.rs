//! `phantom`: something is stored, delivered or takes effect that no application submitted.
//!
//! The smallest history that breaks it:
//! ```text
//! broker  store m1 q
//! ```

use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_phantom(
        &mut self,
        case: Case,
        msg: MessageId,
        cell: Cell,
        point: Point,
        queue: Option<QueueId>,
    ) {
        if !cell.has(fact::SUBMITTED) {
            let what = (Class::Phantom, point, How::NeverSubmitted);
            self.breach(case, what, Some(msg), queue, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};

    #[test]
    fn what_nobody_submitted_is_a_phantom() {
        assert_breaks(include_str!("phantom.rs"), Class::Phantom, How::NeverSubmitted);
    }

    #[test]
    fn what_somebody_submitted_is_none() {
        assert_keeps("producer submit m1 / broker store m1 q", Class::Phantom);
    }
}
