//! `early-commit`: an offset is committed although something before it has not been done yet. Where
//! nothing crashes it is made up for; where something does, the record is lost to the group. So it
//! is a hazard even in a run in which nothing happened.
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
//! b1       committed g p0 1 c1
//! service  effect m1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::MessageId;

impl Ledger {
    /// An offset was committed beyond a record that is not done.
    pub(in super::super) fn judge_early(&mut self, case: Case, msg: MessageId) {
        let what = (Class::EarlyCommit, Point::Effect, How::NotDone);
        self.breach(case, what, Some(msg), None, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, Done, GroupRule, How, Rules, Verdict};
    use crate::talk::kafka::GroupId;

    const CLASS: Class = Class::EarlyCommit;

    #[test]
    fn a_commit_before_the_effect_is_a_hazard_even_if_nothing_crashes() {
        assert_breaks(include_str!("early_commit.rs"), CLASS, How::NotDone);
    }

    #[test]
    fn a_commit_after_the_effect_is_none() {
        let history = smallest(include_str!("early_commit.rs"));
        let commit = "b1 committed g p0 1 c1";
        let late = history.replace(commit, "wait 1ms");
        assert_keeps(&format!("{late} / {commit}"), CLASS);
    }

    #[test]
    fn a_group_without_effects_has_done_what_it_was_given() {
        let group = GroupRule { done: Done::Delivery, ..GroupRule::new(GroupId(0)) };
        let rules = Rules { groups: vec![group], ..Rules::default() };
        let history = smallest(include_str!("early_commit.rs"));
        assert_eq!(Script::play(&history, rules).verdict(CLASS), Verdict::Holds);
    }
}
