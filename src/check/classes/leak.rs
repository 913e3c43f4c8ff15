//! `leak`: the copies do not add up. Every copy that was stored is ready, unacknowledged, settled
//! or dropped, in this order and one at a time; a queue that makes a move which does not start
//! where the copy is, or that never does what its consumer told it, has lost count.
//!
//! In Kafka, a log keeps a record until its retention is over, or until compaction finds a later one
//! of its key; the last one of a key only goes when it has no value, after `delete.retention.ms`.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   acked m1 q
//! ```

use super::super::book::mark;
use super::super::breaches::Breaches;
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::{Breach, How, Move};
use crate::kernel::{NodeId, Span, Time};
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// A queue moves a copy that is not where this move starts.
    pub(in super::super) fn judge_missing(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        what: Move,
    ) {
        let what = (Class::Leak, Point::Log, How::NoSuchCopy(what));
        self.breach(case, what, Some(msg), Some(queue), Some(case.node));
    }

    /// A log deletes a record, which it has to keep for so long.
    pub(in super::super) fn judge_age(&mut self, case: Case, msg: MessageId, kept: Option<Span>) {
        let Some(kept) = kept.filter(|kept| !kept.is_zero()) else { return };
        let born = self.streams.born(self.book.get(msg).producer(), msg);
        if born > Time::ZERO && case.at.since(born) < kept {
            let what = (Class::Leak, Point::Log, How::TooYoung);
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }

    /// Compaction drops the last record of a key, or in a topic that is not compacted.
    pub(in super::super) fn judge_last_of_key(&mut self, case: Case, msg: MessageId) {
        let what = (Class::Leak, Point::Log, How::LastOfKey);
        self.breach(case, what, Some(msg), None, Some(case.node));
    }

    /// At the end of a run in which nothing more can happen: whether a queue has forgotten what a
    /// consumer told it about a message. Says whether it has.
    pub(in super::super) fn judge_forgotten(
        &self,
        msg: MessageId,
        play: u32,
        found: &mut Breaches,
    ) -> bool {
        let forgotten = self.book.tokens(play).find(|(_, token)| {
            token.has(mark::ANSWERED)
                && !token.has(mark::GHOST)
                && token.held()
                && self
                    .nodes
                    .get(token.holder as usize)
                    .is_some_and(|node| node.session == token.session && !node.down)
        });
        let Some((_, token)) = forgotten.filter(|_| self.rules.judges(Class::Leak)) else {
            return false;
        };
        let book = self.book.play(play);
        found.add(Breach {
            class: Class::Leak,
            point: Point::Log,
            step: book.last,
            at: book.last_at,
            msg: Some(msg),
            queue: Some(QueueId(token.queue)),
            partition: None,
            group: None,
            node: Some(NodeId(token.holder)),
            how: How::Forgotten,
            times: 1,
        });
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, assert_breaks, assert_keeps};
    use crate::check::{Class, How, Move, Rules, TopicRule};
    use crate::kernel::Span;
    use crate::talk::kafka::TopicId;

    const CLASS: Class = Class::Leak;
    const STORED: &str = "producer submit m1 / broker store m1 q";

    #[test]
    fn a_queue_cannot_settle_what_it_does_not_have() {
        assert_breaks(include_str!("leak.rs"), CLASS, How::NoSuchCopy(Move::Acked));
        for (line, what) in [
            ("acked m1 q", Move::Acked),
            ("requeue m1 q nack", Move::Requeued),
            ("lost m1 r", Move::Lost),
            ("push m1 r c1", Move::Pushed),
            ("discard m1 r expired none", Move::Discarded),
        ] {
            assert_breaks(&format!("{STORED} / broker {line}"), CLASS, How::NoSuchCopy(what));
        }
    }

    #[test]
    fn what_a_consumer_holds_does_not_expire() {
        let history = format!("{STORED} / broker push m1 q c1 / broker discard m1 q expired none");
        assert_breaks(&history, CLASS, How::NoSuchCopy(Move::DiscardedUnacked));
    }

    /// What is broken in a compacted topic that keeps records, and tombstones, for ten seconds.
    fn in_log(compacts: bool, history: &str) -> Option<How> {
        let ten = Span::from_secs(10);
        let topic = TopicRule {
            retention: Some(ten),
            compacts,
            keyed: true,
            tombstones: ten,
            ..TopicRule::new(TopicId(0), 1, 1)
        };
        let rules = Rules { topics: vec![topic], ..Rules::default() };
        Script::play(history, rules).verdict(CLASS).breach().map(|breach| breach.how)
    }

    const TWO: &str = "b1 created p0 / wait 1s / producer submit m1 key=1 / \
                       producer submit m2 key=1 / b1 append m1 p0 0 / b1 append m2 p0 1";

    #[test]
    fn a_log_keeps_what_is_younger_than_its_retention() {
        let young = format!("{TWO} / wait 8s / b1 log-start p0 1");
        assert_eq!(in_log(false, &young), Some(How::TooYoung));
        assert_eq!(in_log(false, &format!("{TWO} / wait 11s / b1 log-start p0 1")), None);
    }

    #[test]
    fn compaction_keeps_the_last_record_of_a_key() {
        assert_eq!(in_log(true, &format!("{TWO} / b1 compacted m1 p0 0")), None);
        let last = format!("{TWO} / b1 compacted m2 p0 1");
        assert_eq!(in_log(true, &last), Some(How::LastOfKey));
        assert_eq!(in_log(false, &format!("{TWO} / b1 compacted m1 p0 0")), Some(How::LastOfKey));
    }

    #[test]
    fn a_tombstone_stays_for_a_while() {
        let early = format!("{TWO} / wait 8s / b1 compacted m2 p0 1 tombstone");
        assert_eq!(in_log(true, &early), Some(How::TooYoung));
        let late = format!("{TWO} / wait 11s / b1 compacted m2 p0 1 tombstone");
        assert_eq!(in_log(true, &late), None);
    }

    #[test]
    fn a_requeue_that_is_forgotten_is_a_leak() {
        let history = format!("{STORED} / broker push m1 q c1 / c1 received m1 / c1 nack m1");
        assert_breaks(&history, CLASS, How::Forgotten);
        assert_keeps(&format!("{history} / broker requeue m1 q nack"), CLASS);
    }
}
