//! `skipped`: there is a hole in what a group saw of a partition. Either a member was not given a
//! record between two that it was given, or its position was moved beyond records that the group
//! had not read (`auto.offset.reset` of a group that has read before). Markers, records of aborted
//! transactions, and what retention or compaction deleted are no holes.
//!
//! The smallest history that breaks it:
//! ```text
//! b1       created p0
//! producer submit m1
//! producer submit m2
//! b1       append m1 p0 0
//! b1       append m2 p0 1
//! b1       high p0 2
//! c1       assigned g p0 gen=1
//! c1       moved g p0 0 nothing
//! c1       polled m2 g p0 1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, span};
use super::super::verdict::How;
use crate::talk::MessageId;
use crate::talk::kafka::{Moved, Offset, TopicPartition};

impl Ledger {
    /// A member is given a record that is not the next one.
    pub(in super::super) fn judge_hole(
        &mut self,
        case: Case,
        at: TopicPartition,
        from: Offset,
        to: Offset,
    ) {
        if let Some((offset, msg)) = self.readable(at, from, to) {
            let what = (Class::Skipped, Point::Delivery, How::Hole(offset));
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }

    /// The position of a member is moved forward.
    pub(in super::super) fn judge_moved_past(
        &mut self,
        case: Case,
        at: TopicPartition,
        from: Offset,
        to: Offset,
        why: Moved,
    ) {
        // whoever seeks knows what is passed over
        if why == Moved::Seek {
            return;
        }
        let seen = case.group.map_or(0, |id| self.group(id).part(at).seen);
        if let Some((_, msg)) = self.readable(at, from.max(seen), to) {
            let what = (Class::Skipped, Point::Delivery, How::MovedPast(why));
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }

    /// The first record in a part of a log that a reader ought to be given.
    fn readable(
        &mut self,
        at: TopicPartition,
        from: Offset,
        to: Offset,
    ) -> Option<(Offset, MessageId)> {
        let part = self.streams.part(at);
        let held = span(from.max(part.start()), to.min(part.end()));
        let mut slots = held.filter_map(|offset| Some((offset, part.slot(offset)?)));
        let (offset, slot) = slots.find(|(_, slot)| slot.visible())?;
        Some((offset, slot.msg))
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};
    use crate::talk::kafka::Moved;

    const CLASS: Class = Class::Skipped;
    const THREE: &str = "b1 created p0 / producer submit m1 / producer submit m2 / \
                         producer submit m3 / b1 append m1 p0 0 / b1 append m2 p0 1 / \
                         b1 append m3 p0 2 / b1 high p0 3 / c1 assigned g p0 gen=1 / \
                         c1 moved g p0 0 nothing / c1 polled m1 g p0 0";

    #[test]
    fn a_record_that_is_left_out_is_a_hole() {
        assert_breaks(include_str!("skipped.rs"), CLASS, How::Hole(0));
        assert_breaks(&format!("{THREE} / c1 polled m3 g p0 2"), CLASS, How::Hole(1));
        assert_keeps(&format!("{THREE} / c1 polled m2 g p0 1 / c1 polled m3 g p0 2"), CLASS);
    }

    #[test]
    fn what_is_not_there_any_more_is_no_hole() {
        for gone in ["b1 compacted m2 p0 1", "b1 log-start p0 2"] {
            assert_keeps(&format!("{THREE} / {gone} / c1 polled m3 g p0 2"), CLASS);
        }
    }

    #[test]
    fn a_batch_may_go_on_after_the_position_was_moved() {
        let moved = "c1 polled m2 g p0 1 / c1 moved g p0 0 committed";
        assert_keeps(&format!("{THREE} / {moved} / c1 polled m3 g p0 2"), CLASS);
        let left_out = "c1 moved g p0 0 committed / c1 polled m3 g p0 2";
        assert_breaks(&format!("{THREE} / {left_out}"), CLASS, How::Hole(0));
    }

    #[test]
    fn markers_and_aborted_records_are_no_holes() {
        let history = "b1 created p0 / producer submit m1 / producer submit m2 / \
                       producer begin by=7 / b1 append m1 p0 0 / b1 txn p0 0 1 by=7 / \
                       b1 marker p0 1 by=7 abort / b1 append m2 p0 2 / b1 high p0 3 / \
                       c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / c1 polled m2 g p0 2";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn a_reset_skips_and_a_seek_is_meant() {
        let how = How::MovedPast(Moved::OutOfRange);
        assert_breaks(&format!("{THREE} / c1 moved g p0 3 out-of-range"), CLASS, how);
        assert_keeps(&format!("{THREE} / c1 moved g p0 3 seek"), CLASS);
    }
}
