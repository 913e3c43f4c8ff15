//! `lost-to-group`: a record was stored, and a group passed it without having handled it: its
//! committed offset went beyond it, its position was moved beyond it (`auto.offset.reset`, a seek),
//! or retention deleted it first; and nothing came of it afterwards either. Shows at the end of a
//! run, since a handler may be on it still.
//!
//! A record is handled when it took effect at the service of the group (see `GroupRule`), was
//! published again for a later attempt, was parked, or failed by itself and was skipped on purpose.
//!
//! The smallest history that breaks it:
//! ```text
//! b1       created p0
//! producer submit m1
//! b1       append m1 p0 0
//! b1       replicated p0 1
//! b1       high p0 1
//! c1       assigned g p0 gen=1
//! c1       moved g p0 0 nothing
//! c1       polled m1 g p0 0
//! b1       committed g p0 1 c1
//! ```

use super::super::breaches::Breaches;
use super::super::class::{Class, Point};
use super::super::ledger::Ledger;
use super::super::verdict::{Breach, End};

impl Ledger {
    /// At the end of a run: what was passed and never handled.
    pub(in super::super) fn judge_passed(&self, end: &End, found: &mut Breaches) {
        if !self.rules.judges(Class::LostToGroup) {
            return;
        }
        for passed in &self.streams.passed {
            let settled = end.at.since(passed.time) >= self.rules.settle;
            let over = end.quiet || end.healed && settled;
            if over && !self.done(passed.group, passed.msg) {
                found.add(Breach {
                    class: Class::LostToGroup,
                    point: Point::Delivery,
                    step: passed.step,
                    at: passed.time,
                    msg: Some(passed.msg),
                    queue: None,
                    partition: Some(passed.at),
                    group: Some(passed.group),
                    node: Some(passed.node),
                    how: passed.how,
                    times: 1,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};
    use crate::talk::kafka::Moved;

    const CLASS: Class = Class::LostToGroup;

    fn history() -> String {
        smallest(include_str!("lost_to_group.rs"))
    }

    #[test]
    fn what_was_committed_and_never_took_effect_is_lost_to_the_group() {
        assert_breaks(include_str!("lost_to_group.rs"), CLASS, How::CommittedPast);
    }

    #[test]
    fn a_late_effect_makes_up_for_an_early_commit() {
        assert_keeps(&format!("{} / service effect m1", history()), CLASS);
    }

    #[test]
    fn what_was_parked_or_failed_by_itself_is_not_lost() {
        assert_keeps(&format!("{} / c1 parked m1", history()), CLASS);
        assert_keeps(&format!("{} / c1 failed m1 poison / c1 skipped m1", history()), CLASS);
        assert_breaks(&format!("{} / c1 skipped m1", history()), CLASS, How::CommittedPast);
    }

    const TWO: &str = "b1 created p0 / producer submit m1 / producer submit m2 / \
                       b1 append m1 p0 0 / b1 append m2 p0 1 / b1 high p0 2 / \
                       c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / c1 polled m1 g p0 0 / \
                       service effect m1 / b1 committed g p0 1 c1";

    #[test]
    fn a_reset_to_the_end_passes_over_records() {
        let reset = "c1 moved g p0 2 out-of-range";
        assert_breaks(&format!("{TWO} / {reset}"), CLASS, How::MovedPast(Moved::OutOfRange));
    }

    #[test]
    fn retention_may_be_faster_than_a_group() {
        assert_breaks(&format!("{TWO} / b1 log-start p0 2"), CLASS, How::Expired);
        assert_keeps(&format!("{TWO} / b1 log-start p0 1 / cut"), CLASS);
    }

    #[test]
    fn a_group_that_begins_at_the_end_has_nothing_to_do_with_what_was_before() {
        let history = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 high p0 1 / \
                       c1 assigned g p0 gen=1 / c1 moved g p0 1 nothing / b1 committed g p0 1 c1";
        assert_keeps(history, CLASS);
    }
}
