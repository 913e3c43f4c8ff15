//! `phantom`: something is stored, delivered or takes effect that no application submitted.
//!
//! In Kafka, a reader may also see what is not there for it: a record that not all in-sync replicas
//! have (behind the high watermark, or below one that was moved too early), and under
//! `read_committed` a record of a transaction that was aborted or is still open, or that lies behind
//! the beginning of an open one.
//!
//! The smallest history that breaks it:
//! ```text
//! broker  store m1 q
//! ```

use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, Slot, state};
use super::super::verdict::How;
use crate::talk::kafka::{Offset, TopicPartition};
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

    /// A member of a group is given a record.
    pub(in super::super) fn judge_read(
        &mut self,
        case: Case,
        msg: MessageId,
        at: TopicPartition,
        offset: Offset,
        slot: Option<Slot>,
        read_committed: bool,
    ) {
        let part = self.streams.part(at);
        let (high, held_back) = (part.high, part.held_back());
        let mut how = (offset >= high).then_some(How::NotReplicated);
        if let Some(slot) = slot {
            if self.judge_other_record(case, msg, slot) {
                return;
            }
            if read_committed && slot.has(state::ABORTED) {
                how = Some(How::Aborted);
            } else if read_committed && offset >= held_back {
                how = Some(How::OpenTransaction);
            }
        }
        if let Some(how) = how {
            let what = (Class::Phantom, Point::Delivery, how);
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }

    /// A leader moves the high watermark beyond what the in-sync replicas have.
    pub(in super::super) fn judge_not_replicated(
        &mut self,
        case: Case,
        at: TopicPartition,
        offset: Offset,
    ) {
        let slot = offset.checked_sub(1).and_then(|last| self.streams.part(at).slot(last));
        let msg = slot.filter(|slot| slot.visible()).map(|slot| slot.msg);
        let what = (Class::Phantom, Point::Log, How::NotReplicated);
        self.breach(case, what, msg, None, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, assert_breaks, assert_keeps};
    use crate::check::{Class, GroupRule, How, Rules, TopicRule};
    use crate::talk::kafka::{GroupId, TopicId};

    #[test]
    fn what_nobody_submitted_is_a_phantom() {
        assert_breaks(include_str!("phantom.rs"), Class::Phantom, How::NeverSubmitted);
    }

    const TXN: &str = "b1 created p0 / producer submit m1 / producer submit m2 / \
                       producer begin by=7 / b1 append m1 p0 0 / b1 txn p0 0 1 by=7";

    fn how(history: &str, read_committed: bool) -> Option<How> {
        let group = GroupRule { read_committed, ..GroupRule::new(GroupId(0)) };
        let topic = TopicRule::new(TopicId(0), 2, 1);
        let rules = Rules { groups: vec![group], topics: vec![topic], ..Rules::default() };
        let verdict = Script::play(history, rules).verdict(Class::Phantom);
        verdict.breach().map(|breach| breach.how)
    }

    #[test]
    fn an_aborted_record_is_a_phantom_to_whoever_reads_committed_ones() {
        let both = "b1 replicated p0 1 / b2 replicated p0 1 / b1 high p0 1";
        let read = "b1 marker p0 1 by=7 abort / c1 polled m1 g p0 0";
        let aborted = format!("{TXN} / {both} / {read}");
        assert_eq!(how(&aborted, true), Some(How::Aborted));
        assert_eq!(how(&aborted, false), None);
        assert_eq!(how(&aborted.replace("abort", "commit"), true), None);
        let early = format!("{TXN} / {both} / c1 polled m1 g p0 0");
        assert_eq!(how(&early, true), Some(How::OpenTransaction));
        let behind = format!(
            "{TXN} / b1 append m2 p0 1 / b1 replicated p0 2 / b2 replicated p0 2 / b1 high p0 2 / \
             c1 polled m2 g p0 1"
        );
        assert_eq!(how(&behind, true), Some(How::OpenTransaction));
        assert_eq!(how(&behind, false), None);
    }

    #[test]
    fn what_not_all_replicas_in_sync_have_may_not_be_seen() {
        let appended = "b1 created p0 / producer submit m1 / b1 append m1 p0 0";
        let read = format!("{appended} / c1 polled m1 g p0 0");
        assert_eq!(how(&read, false), Some(How::NotReplicated));
        let early = format!("{appended} / b1 replicated p0 1 / b1 high p0 1");
        assert_eq!(how(&early, false), Some(How::NotReplicated));
        let alone = format!("{appended} / ctl isr p0 b2 1 / b1 replicated p0 1 / b1 high p0 1");
        assert_eq!(how(&alone, false), None);
    }

    #[test]
    fn what_somebody_submitted_is_none() {
        assert_keeps("producer submit m1 / broker store m1 q", Class::Phantom);
    }
}
