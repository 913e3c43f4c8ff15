//! `diverged`: replicas or readers do not agree on what stands at an offset. An offset below the
//! high watermark, or one that was read, holds another record later; a reader is given another
//! record than the log holds; a replica goes on without dropping what its leader does not have
//! (KIP-101), or drops what is committed; a leader is elected in an epoch that is not a new one, or
//! lacks committed records although the election was clean, or lowers its high watermark.
//!
//! The smallest history that breaks it:
//! ```text
//! b1       created p0
//! producer submit m1
//! producer submit m2
//! ctl      elected p0 b1 epoch=1
//! b1       append m1 p0 0
//! b1       high p0 1
//! ctl      elected p0 b2 epoch=2 unclean
//! b2       append m2 p0 0
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, Slot};
use super::super::verdict::How;
use crate::kernel::NodeId;
use crate::talk::MessageId;
use crate::talk::kafka::{Offset, TopicPartition};

impl Ledger {
    /// Something is about to be appended.
    pub(in super::super) fn judge_replaced(
        &mut self,
        case: Case,
        at: TopicPartition,
        offset: Offset,
        msg: Option<MessageId>,
    ) {
        let part = self.streams.part(at);
        if offset < part.high.max(part.read) {
            self.diverged(case, Point::Log, msg, How::Replaced);
        }
    }

    /// A reader is given what the log does not hold there. Says whether that is so.
    pub(in super::super) fn judge_other_record(
        &mut self,
        case: Case,
        msg: MessageId,
        slot: Slot,
    ) -> bool {
        let other = slot.visible() && slot.msg != msg;
        if other {
            self.diverged(case, Point::Delivery, Some(msg), How::OtherRecord);
        }
        other
    }

    /// A replica has records that its leader does not have, and goes on.
    pub(in super::super) fn judge_not_dropped(&mut self, case: Case) {
        self.diverged(case, Point::Log, None, How::NotDropped);
    }

    /// A leader was elected.
    pub(in super::super) fn judge_epoch(
        &mut self,
        case: Case,
        leader: Option<NodeId>,
        before: Option<u32>,
        epoch: u32,
    ) {
        if leader.is_some() && before.is_some_and(|before| epoch <= before) {
            self.diverged(case, Point::Log, None, How::EpochWentBack);
        }
    }

    /// A leader was elected, by the rules, that lacks committed records (leader completeness).
    pub(in super::super) fn judge_candidate(&mut self, case: Case, leader: NodeId) {
        self.diverged(Case { node: leader, ..case }, Point::Log, None, How::LeaderLacks);
    }

    /// A replica dropped what is committed, from `to` on.
    pub(in super::super) fn judge_dropped(&mut self, case: Case, to: Offset) {
        self.diverged(case, Point::Log, None, How::CommittedDropped(to));
    }

    /// A leader tells a lower high watermark than before.
    pub(in super::super) fn judge_watermark(&mut self, case: Case) {
        self.diverged(case, Point::Log, None, How::WatermarkWentBack);
    }

    #[cold]
    fn diverged(&mut self, case: Case, point: Point, msg: Option<MessageId>, how: How) {
        self.breach(case, (Class::Diverged, point, how), msg, None, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};

    const CLASS: Class = Class::Diverged;
    const ONE: &str = "b1 created p0 / producer submit m1 / producer submit m2 / \
                       ctl elected p0 b1 epoch=1 / b1 append m1 p0 0";

    #[test]
    fn an_offset_below_the_high_watermark_keeps_its_record() {
        assert_breaks(include_str!("diverged.rs"), CLASS, How::Replaced);
        // what nobody could read may be replaced
        assert_keeps(&format!("{ONE} / ctl elected p0 b2 epoch=2 / b2 append m2 p0 0"), CLASS);
    }

    #[test]
    fn a_reader_is_given_what_the_log_holds() {
        let read = "b1 high p0 1 / c1 assigned g p0 gen=1 / c1 polled m2 g p0 0";
        assert_breaks(&format!("{ONE} / {read}"), CLASS, How::OtherRecord);
    }

    #[test]
    fn a_replica_drops_what_its_leader_does_not_have() {
        let fork = format!("{ONE} / ctl elected p0 b2 epoch=2 / b2 append m2 p0 0");
        assert_breaks(&format!("{fork} / b1 replicated p0 2"), CLASS, How::NotDropped);
        assert_keeps(&format!("{fork} / b1 truncated p0 0 / b1 replicated p0 1"), CLASS);
    }

    /// Both replicas have what is committed.
    const BOTH: &str = "b1 created p0 / producer submit m1 / ctl elected p0 b1 epoch=1 / \
                        b1 append m1 p0 0 / b1 replicated p0 1 / b2 replicated p0 1 / b1 high p0 1";

    #[test]
    fn a_leader_has_what_is_committed_unless_the_election_is_unclean() {
        assert_keeps(&format!("{BOTH} / ctl elected p0 b2 epoch=2"), CLASS);
        assert_breaks(&format!("{BOTH} / ctl elected p0 b3 epoch=2"), CLASS, How::LeaderLacks);
        assert_keeps(&format!("{BOTH} / ctl elected p0 b3 epoch=2 unclean"), CLASS);
    }

    #[test]
    fn what_is_committed_is_not_dropped() {
        let follows = format!("{BOTH} / ctl elected p0 b2 epoch=2");
        let dropped = format!("{follows} / b1 truncated p0 0");
        assert_breaks(&dropped, CLASS, How::CommittedDropped(0));
        assert_keeps(&format!("{follows} / b1 truncated p0 1"), CLASS);
        let unclean = format!("{BOTH} / ctl elected p0 b3 epoch=2 unclean / b1 truncated p0 0");
        assert_keeps(&unclean, CLASS);
    }

    #[test]
    fn the_high_watermark_of_a_leader_does_not_go_back() {
        assert_breaks(&format!("{BOTH} / b1 high p0 0"), CLASS, How::WatermarkWentBack);
        assert_keeps(&format!("{BOTH} / ctl elected p0 b2 epoch=2 / b2 high p0 0"), CLASS);
    }

    #[test]
    fn leader_epochs_grow() {
        assert_breaks(&format!("{ONE} / ctl elected p0 b2 epoch=1"), CLASS, How::EpochWentBack);
    }
}
