//! `double-owner`: two members of a group that are alive own one partition at the same time, each
//! as far as it knows. In one generation that is a fault of the assignment; across generations the
//! earlier owner is a zombie: it was paused or cut off, has lost its partitions, and does not know.
//!
//! The smallest history that breaks it:
//! ```text
//! c1 assigned g p0 gen=1
//! c2 assigned g p0 gen=1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::kafka::{GroupId, TopicPartition};

impl Ledger {
    /// A member is given a partition.
    pub(in super::super) fn judge_owners(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        generation: i32,
    ) {
        if let Some((other, _)) = self.group(id).part(at).other_owner(case.node) {
            let how = if other == generation { How::SameGeneration } else { How::Zombie };
            let what = (Class::DoubleOwner, Point::Delivery, how);
            self.breach(case, what, None, None, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};

    const CLASS: Class = Class::DoubleOwner;

    #[test]
    fn one_generation_gives_a_partition_to_one_member() {
        assert_breaks(include_str!("double_owner.rs"), CLASS, How::SameGeneration);
        assert_keeps("c1 assigned g p0 gen=1 / c2 assigned g p1 gen=1", CLASS);
        assert_keeps("c1 assigned g p0 gen=1 / c2 assigned h p0 gen=1", CLASS);
    }

    #[test]
    fn an_owner_that_does_not_know_that_it_is_none_is_a_zombie() {
        let history = "c1 assigned g p0 gen=1 / c2 assigned g p0 gen=2";
        assert_breaks(history, CLASS, How::Zombie);
        let history = "c1 assigned g p0 gen=1 / c1 revoked g p0 / c2 assigned g p0 gen=2";
        assert_keeps(history, CLASS);
    }
}
