//! `torn-transaction`: what an application wrote as one transaction is committed in one partition
//! and aborted in another, or partly committed in one. A delayed `EndTxn` that hits the next
//! transaction of its producer does that where epochs do not grow with every transaction
//! (KAFKA-17754, before KIP-890). Records of a transaction that are appended after it was committed are
//! torn off as well: nobody will ever commit them.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! producer submit m2
//! producer begin by=7
//! b1       append m1 p0 0
//! b1       txn p0 0 1 by=7
//! b1       append m2 p1 0
//! b1       txn p1 0 1 by=7
//! b1       marker p0 1 by=7 commit
//! b1       marker p1 1 by=7 abort
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::MessageId;
use crate::talk::kafka::{Offset, TopicPartition};

impl Ledger {
    /// Records of a transaction of a producer are committed or aborted.
    pub(in super::super) fn judge_fate(
        &mut self,
        case: Case,
        producer: u32,
        serial: u32,
        commit: bool,
        msg: MessageId,
    ) {
        // a client that does not tell where its transactions begin cannot be judged
        if serial == 0 {
            return;
        }
        let fates = &mut self.streams.txn(producer).fates;
        match fates.iter().find(|(its, _)| *its == serial) {
            Some((_, fate)) if *fate != commit => {
                let what = (Class::TornTransaction, Point::Log, How::TwoFates);
                self.breach(case, what, Some(msg), None, Some(case.node));
            }
            Some(_) => {}
            None => *fates = [fates[1], (serial, commit)],
        }
    }

    /// Records from `first` on became part of a transaction of a producer.
    pub(in super::super) fn judge_after_its_end(
        &mut self,
        case: Case,
        at: TopicPartition,
        first: Offset,
        producer: u32,
        serial: u32,
    ) {
        if serial == 0 || !self.streams.txn(producer).fates.contains(&(serial, true)) {
            return;
        }
        let msg = self.streams.part(at).slot(first).map(|slot| slot.msg);
        let what = (Class::TornTransaction, Point::Log, How::TwoFates);
        self.breach(case, what, msg, None, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::TornTransaction;

    #[test]
    fn a_transaction_has_one_fate_everywhere() {
        assert_breaks(include_str!("torn_transaction.rs"), CLASS, How::TwoFates);
        let history = smallest(include_str!("torn_transaction.rs"));
        assert_keeps(&history.replace("abort", "commit"), CLASS);
    }

    #[test]
    fn what_is_appended_after_its_commit_is_torn_off() {
        let late = "producer submit m1 / producer submit m2 / producer begin by=7
            b1 append m1 p0 0 / b1 txn p0 0 1 by=7 / b1 marker p0 1 by=7 commit
            b1 append m2 p0 2 / b1 txn p0 2 3 by=7";
        assert_breaks(late, CLASS, How::TwoFates);
        assert_keeps(&late.replace("commit", "abort"), CLASS);
    }

    #[test]
    fn the_next_transaction_may_have_another_fate() {
        let history = smallest(include_str!("torn_transaction.rs"));
        let next = history.replace("b1 append m2", "producer begin by=7 / b1 append m2");
        assert_keeps(&next, CLASS);
    }
}
