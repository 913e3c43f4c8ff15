//! `rewound`: a group goes back in a partition without a reason, or is told that it has committed
//! nothing although it has. A new owner that begins at the committed offset, a seek and a reset are
//! reasons; what is read again because of them is judged as `duplicate-delivery`.
//!
//! The smallest history that breaks it:
//! ```text
//! b1       created p0
//! producer submit m1
//! b1       append m1 p0 0
//! b1       high p0 1
//! c1       assigned g p0 gen=1
//! c1       moved g p0 0 nothing
//! c1       polled m1 g p0 0
//! c1       polled m1 g p0 0
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::MessageId;
use crate::talk::kafka::{Moved, Offset};

impl Ledger {
    /// A member is given an earlier record than the next one.
    pub(in super::super) fn judge_back(&mut self, case: Case, msg: MessageId, offset: Offset) {
        let what = (Class::Rewound, Point::Delivery, How::Back(offset));
        self.breach(case, what, Some(msg), None, Some(case.node));
    }

    /// A member begins where nothing is said to be committed. What was committed after it got the
    /// partition may have come too late for it to hear of.
    pub(in super::super) fn judge_forgotten_offset(
        &mut self,
        case: Case,
        is_heir: bool,
        why: Moved,
    ) {
        if why == Moved::Nothing && is_heir {
            let what = (Class::Rewound, Point::Delivery, How::OffsetsForgotten);
            self.breach(case, what, None, None, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::Rewound;

    #[test]
    fn nobody_is_given_a_record_twice_for_no_reason() {
        assert_breaks(include_str!("rewound.rs"), CLASS, How::Back(0));
    }

    #[test]
    fn a_new_owner_begins_at_the_committed_offset() {
        let history = smallest(include_str!("rewound.rs"));
        let read = history.rsplit_once('\n').map(|(before, _)| before.to_owned());
        let read = read.expect("it has lines");
        let other = "c1 revoked g p0 / c2 assigned g p0 gen=2 / c2 moved g p0 0 committed / \
                     c2 polled m1 g p0 0";
        assert_keeps(&format!("{read} / {other}"), CLASS);
        assert_keeps(&format!("{read} / c1 moved g p0 0 seek / c1 polled m1 g p0 0"), CLASS);
        let forgot = "b1 committed g p0 1 c1 / c2 assigned g p0 gen=2 / c2 moved g p0 0 nothing";
        assert_breaks(&format!("{read} / {forgot}"), CLASS, How::OffsetsForgotten);
        let too_late = "c2 assigned g p0 gen=2 / b1 committed g p0 1 c1 / c2 moved g p0 0 nothing";
        assert_keeps(&format!("{read} / {too_late}"), CLASS);
    }
}
