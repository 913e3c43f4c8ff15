//! `zombie-commit`: a coordinator accepts the commit of a member that does not own the partition,
//! or owns it in a generation that has ended, while another member owns it. The group then goes on
//! from a place where the owner is not. Offsets that are committed in a transaction without the
//! member's generation (clients before KIP-447, KafkaJS) are not fenced.
//!
//! The smallest history that breaks it:
//! ```text
//! c1 assigned g p0 gen=1
//! c2 assigned g p0 gen=2
//! b1 committed g p0 0 c1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::kernel::NodeId;
use crate::talk::kafka::{GroupId, TopicPartition};

impl Ledger {
    /// A commit was accepted.
    pub(in super::super) fn judge_committer(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        by: NodeId,
    ) {
        let part = self.group(id).part(at);
        let Some(other) = part.other_owner(by) else { return };
        let how = match part.owned_by(by) {
            Some(its) if its < other => How::StaleGeneration,
            Some(_) => return,
            None => How::NotOwner,
        };
        // operators commit too, from outside of the group
        if self.node(by).group == Some(id) {
            let what = (Class::ZombieCommit, Point::Delivery, how);
            self.breach(case, what, None, None, Some(by));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};

    const CLASS: Class = Class::ZombieCommit;

    #[test]
    fn a_commit_of_an_earlier_generation_must_be_refused() {
        assert_breaks(include_str!("zombie_commit.rs"), CLASS, How::StaleGeneration);
    }

    #[test]
    fn only_the_owner_commits_unless_nobody_owns_it() {
        let taken = "c1 assigned g p0 gen=1 / c1 revoked g p0 / c2 assigned g p0 gen=2";
        assert_breaks(&format!("{taken} / b1 committed g p0 0 c1"), CLASS, How::NotOwner);
        assert_keeps(&format!("{taken} / b1 committed g p0 0 c2"), CLASS);
        let left = "c1 assigned g p0 gen=1 / c1 revoked g p0 / b1 committed g p0 0 c1";
        assert_keeps(left, CLASS);
        let operator = "c1 assigned g p0 gen=1 / b1 committed g p0 0 producer";
        assert_keeps(operator, CLASS);
    }
}
