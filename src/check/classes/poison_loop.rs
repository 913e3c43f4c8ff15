//! `poison-loop`: one message is delivered more often than the rules allow without settling
//! (`poison_after`, counted for each queue that its publish was stored in).
//!
//! In Kafka each group that reads the partition may be given it as often.
//!
//! The smallest history that breaks it, with `poison_after = 1`:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   push m1 q c1
//! broker   requeue m1 q nack
//! broker   push m1 q c1 redelivered
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::kafka::TopicPartition;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_loop(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        queue: QueueId,
    ) {
        let book = self.book.play(play);
        let deliveries = book.deliveries;
        let limit = self.rules.poison_after.saturating_mul(u16::from(book.roots.max(1)));
        if deliveries > limit {
            let what = (Class::PoisonLoop, Point::Delivery, How::Deliveries(deliveries));
            self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        }
    }
}

impl Ledger {
    /// A member of a group is given a record.
    pub(in super::super) fn judge_polls(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        at: TopicPartition,
    ) {
        let deliveries = self.book.play(play).deliveries;
        if deliveries <= self.rules.poison_after {
            return;
        }
        let groups = self.streams.groups().filter(|(_, group)| group.reads(at)).count();
        let limit = usize::from(self.rules.poison_after) * groups.max(1);
        if usize::from(deliveries) > limit {
            let what = (Class::PoisonLoop, Point::Delivery, How::Deliveries(deliveries));
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, smallest};
    use crate::check::{Class, How, Rules, Verdict};

    #[test]
    fn a_message_that_comes_back_too_often_is_in_a_loop() {
        let history = smallest(include_str!("poison_loop.rs"));
        let rules = |poison_after| Rules { poison_after, ..Rules::default() };
        let verdict = |rules| Script::play(&history, rules).verdict(Class::PoisonLoop);
        let broken = verdict(rules(1));
        assert_eq!(broken.breach().map(|it| it.how), Some(How::Deliveries(2)));
        assert_eq!(broken.breach().map(|it| it.step), Some(5));
        assert_eq!(verdict(rules(2)), Verdict::Holds);
    }

    #[test]
    fn a_record_that_its_group_reads_again_and_again_is_in_a_loop() {
        let sent = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 high p0 1";
        let again = "c1 moved g p0 0 committed / c1 polled m1 g p0 0";
        let rules = |poison_after| Rules { poison_after, ..Rules::default() };
        let verdict = |history: &str| Script::play(history, rules(2)).verdict(Class::PoisonLoop);
        let broken = verdict(&format!("{sent} / {again} / {again} / {again}"));
        assert_eq!(broken.breach().map(|it| it.how), Some(How::Deliveries(3)));
        let other = "c2 moved h p0 0 nothing / c2 polled m1 h p0 0";
        assert_eq!(verdict(&format!("{sent} / {again} / {again} / {other}")), Verdict::Holds);
    }
}
