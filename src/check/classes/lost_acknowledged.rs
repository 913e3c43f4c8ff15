//! `lost-acknowledged`: a message was acknowledged to its producer, and no copy of it survives.
//!
//! A copy that goes is a loss unless another one survives, the message has taken effect, or
//! somebody decided that it goes: a queue by its rules (see `dead-letter-loss`), an operator by a
//! purge, a consumer by parking it. An acknowledgement of something that was never stored is a lie
//! at the moment it is given, whatever happens later. A message that was never acknowledged may be
//! lost without breaking this promise; that it comes to no end is the business of `stuck`.
//!
//! In Kafka a record is lost when no replica has it any more, or when a leader without it has given
//! its offset to another one (`acks=1`, an unclean election, a loss of power before the flush). What
//! retention or compaction delete goes by the rules. An acknowledgement of what an idempotent
//! producer only took for a repetition is a lie as well.
//!
//! A copy that a bridge put into a queue may go as long as the group of the bridge has not committed
//! beyond its record: it will be read and published again.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! producer confirmed m1
//! broker   lost m1 q
//! ```

use super::super::book::{Token, mark};
use super::super::breaches::Breaches;
use super::super::cell::fact;
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, known, span};
use super::super::verdict::{Breach, End, How};
use crate::talk::kafka::TopicPartition;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// The producer is told that the message is safe.
    pub(in super::super) fn confirmed(&mut self, case: Case, msg: MessageId) {
        let cell = self.book.cell(msg);
        cell.set(fact::CONFIRMED);
        let cell = *cell;
        let what = |point, how| (Class::LostAcknowledged, point, how);
        let me = Some(case.node);
        if !cell.has(fact::STORED) {
            if cell.has(fact::RETURNED) {
                return;
            }
            let how = if cell.has(fact::UNROUTABLE) {
                How::Unroutable
            } else if self.streams.mistaken.contains(&msg) {
                How::SequenceKnown
            } else {
                How::NeverStored
            };
            self.breach(case, what(Point::Ack, how), Some(msg), None, me);
        }
        let mark = self.streams.marked(msg);
        if mark.has(known::ABORTED) && mark.copies() == 0 && !self.complete(msg, cell) {
            let case = Case { place: mark.place(), ..case };
            self.breach(case, what(Point::Ack, How::AbortedTransaction), Some(msg), None, me);
        }
        let Some(play) = cell.play() else { return };
        let book = self.book.play_mut(play);
        (book.last, book.last_at) = (case.step, case.at);
        let (lost, queue) = (book.lost, book.queue.map(QueueId));
        if let Some(how) = lost {
            let over = cell.has(fact::DROPPED | fact::PARKED_SAFELY);
            if self.book.bare(play) && !over && !self.complete(msg, cell) {
                self.breach(case, what(Point::Log, how), Some(msg), queue, me);
            }
        }
    }

    /// A copy was lost.
    pub(in super::super) fn judge_lost(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        token: &Token,
        how: How,
    ) {
        if token.has(mark::REPLY) || self.survives(msg, play, token) || self.log_stands_in(msg) {
            return;
        }
        let book = self.book.play_mut(play);
        book.lost = Some(how);
        book.queue = Some(token.queue);
        let cell = self.book.cell(msg);
        cell.set(fact::LOST);
        if cell.has(fact::CONFIRMED) {
            let what = (Class::LostAcknowledged, Point::Log, how);
            let queue = Some(QueueId(token.queue));
            self.breach(case, what, Some(msg), queue, Some(case.node));
        }
    }

    /// No log of Kafka's has it any more.
    pub(in super::super) fn judge_gone(
        &mut self,
        case: Case,
        msg: MessageId,
        at: TopicPartition,
        how: How,
    ) {
        let cell = *self.book.cell(msg);
        if self.complete(msg, cell) || cell.has(fact::PARKED_SAFELY) {
            return;
        }
        let play = self.book.open(msg);
        self.book.play_mut(play).lost = Some(how);
        self.stamp(case, play);
        self.book.cell(msg).set(fact::LOST);
        if cell.has(fact::CONFIRMED) {
            let case = Case { place: Some(at), ..case };
            let what = (Class::LostAcknowledged, Point::Log, how);
            self.breach(case, what, Some(msg), None, Some(case.node));
        }
    }

    /// At the end of a run: records that the present leader lacks, and that nobody will bring back.
    pub(in super::super) fn judge_lacking(&self, end: &End, found: &mut Breaches) {
        if !self.rules.judges(Class::LostAcknowledged) || !(end.healed || end.quiet) {
            return;
        }
        for (at, part) in self.streams.parts() {
            let Some(from) = part.lacking() else { continue };
            let slots = span(from.max(part.start()), part.end()).filter_map(|it| part.slot(it));
            let how = if part.unclean { How::UncleanElection } else { How::Truncated };
            for slot in slots.filter(|slot| slot.visible()) {
                let cell = self.book.get(slot.msg);
                let one = self.streams.marked(slot.msg).copies() == 1;
                if one && cell.has(fact::CONFIRMED) && !self.complete(slot.msg, cell) {
                    found.add(Breach {
                        class: Class::LostAcknowledged,
                        point: Point::Log,
                        step: end.step,
                        at: end.at,
                        msg: Some(slot.msg),
                        queue: None,
                        partition: Some(at),
                        group: None,
                        node: part.leader,
                        how,
                        times: 1,
                    });
                }
            }
        }
    }

    /// Whether what a copy is for is done, or can still be done by another copy. Copies in several
    /// queues are for different subscribers, so only one that was delivered can have done it.
    pub(in super::super) fn survives(&self, msg: MessageId, play: u32, token: &Token) -> bool {
        let alone = self.book.play(play).roots <= 1;
        let real = |it: &Token| !it.has(mark::GHOST | mark::REPLY);
        let mut others = self.book.tokens(play).filter(|(_, it)| real(it));
        others.any(|(_, other)| alone || other.queue == token.queue)
            || self.complete(msg, self.book.get(msg)) && (alone || token.has(mark::RECEIVED))
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, assert_breaks, assert_keeps};
    use crate::check::{Class, Done, GroupRule, How, Rules};
    use crate::talk::kafka::GroupId;

    const CLASS: Class = Class::LostAcknowledged;

    #[test]
    fn a_confirmed_message_that_does_not_survive_the_broker_is_lost() {
        assert_breaks(include_str!("lost_acknowledged.rs"), CLASS, How::BrokerStopped);
    }

    #[test]
    fn a_confirm_that_arrives_after_the_loss_counts_as_well() {
        let history = "producer submit m1 / broker store m1 q / broker lost m1 q / \
                       producer confirmed m1";
        assert_breaks(history, CLASS, How::BrokerStopped);
    }

    #[test]
    fn a_transaction_that_was_aborted_is_not_confirmed() {
        let history = "b1 created p0 / producer submit m1 / producer begin by=7 / \
                       b1 append m1 p0 0 / b1 txn p0 0 1 by=7 / b1 marker p0 1 by=7 abort / \
                       producer confirmed m1";
        assert_breaks(history, CLASS, How::AbortedTransaction);
        assert_keeps(&history.replace("abort", "commit"), CLASS);
    }

    #[test]
    fn a_confirm_of_what_was_never_stored_is_a_lie() {
        let history = "producer submit m1 / producer confirmed m1 / broker store m1 q";
        assert_breaks(history, CLASS, How::NeverStored);
        let history = "producer submit m1 / broker overflowed m1 q / producer confirmed m1";
        assert_breaks(history, CLASS, How::NeverStored);
    }

    /// KafkaJS's idempotent producer takes back the sequence numbers of a send that failed, although
    /// others were sent after it: the next record gets a number that the leader has seen.
    #[test]
    fn what_was_taken_for_a_repetition_is_not_in_the_log() {
        let history = "b1 created p0 / producer submit m1 / producer submit m2 / b1 append m1 p0 0 / \
                       b1 known m2 p0 / producer confirmed m1 / producer confirmed m2";
        assert_breaks(history, CLASS, How::SequenceKnown);
        assert_keeps(&history.replace("known m2 p0", "append m2 p0 1"), CLASS);
    }

    #[test]
    fn an_unroutable_message_is_confirmed_and_gone_unless_it_is_mandatory() {
        let history = "producer submit m1 / broker unroutable m1 / producer confirmed m1";
        assert_breaks(history, CLASS, How::Unroutable);
        let history = "producer submit m1 / broker unroutable m1 / producer returned m1 / \
                       producer confirmed m1";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn a_handler_that_acknowledges_first_loses_what_it_then_fails() {
        let history = "producer submit m1 / broker store m1 q / producer confirmed m1 / \
                       broker push m1 q c1 / c1 received m1 / c1 ack m1 / broker acked m1 q / \
                       c1 failed m1";
        assert_breaks(history, CLASS, How::LetGoBeforeEffect);
        assert_keeps(&format!("{history} / service effect m1"), CLASS);
    }

    #[test]
    fn without_a_confirm_nothing_was_promised() {
        assert_keeps("producer submit m1 / broker store m1 q / broker lost m1 q", CLASS);
    }

    #[test]
    fn a_second_copy_or_an_effect_makes_up_for_the_loss_of_one() {
        let sent = "producer submit m1 / broker store m1 q / producer confirmed m1";
        assert_keeps(&format!("{sent} / broker store m1+1 q / broker lost m1 q"), CLASS);
        let done = "broker push m1 q c1 / c1 received m1 / service effect m1 / broker lost m1 q";
        assert_keeps(&format!("{sent} / {done}"), CLASS);
    }

    #[test]
    fn copies_in_two_queues_are_for_different_subscribers() {
        let history = "producer submit m1 / broker store m1 q / broker store m1 r / \
                       producer confirmed m1 / broker push m1 q c1 / c1 received m1 / \
                       service effect m1 / broker acked m1 q / broker lost m1 r";
        assert_breaks(history, CLASS, How::BrokerStopped);
    }

    const LED: &str = "b1 created p0 / producer submit m1 / producer submit m2 / \
                       ctl elected p0 b1 epoch=1 / b1 append m1 p0 0 / b1 replicated p0 1 / \
                       producer confirmed m1";

    #[test]
    fn a_leader_that_lacks_a_record_takes_its_offset() {
        let next = "ctl elected p0 b2 epoch=2 / b2 append m2 p0 0";
        assert_breaks(&format!("{LED} / {next}"), CLASS, How::Truncated);
        let unclean = next.replace("epoch=2", "epoch=2 unclean");
        assert_breaks(&format!("{LED} / {unclean}"), CLASS, How::UncleanElection);
        assert_keeps(&format!("{LED} / b2 replicated p0 1 / ctl elected p0 b2 epoch=2"), CLASS);
        let silent = "b2 replicated p0 0 / ctl elected p0 b2 epoch=2";
        assert_breaks(&format!("{LED} / {silent}"), CLASS, How::Truncated);
    }

    #[test]
    fn a_record_is_lost_when_the_last_replica_drops_it() {
        let drop = "b1 truncated p0 0";
        assert_breaks(&format!("{LED} / {drop}"), CLASS, How::Truncated);
        let other = format!("{LED} / b2 replicated p0 1 / {drop} / ctl elected p0 b2 epoch=2");
        assert_keeps(&other, CLASS);
        assert_breaks(
            &format!("{LED} / b2 replicated p0 1 / {drop} / b2 truncated p0 0"),
            CLASS,
            How::Truncated,
        );
    }

    #[test]
    fn what_a_deposed_leader_acknowledges_is_lost() {
        let next = "ctl elected p0 b2 epoch=2 / b2 append m2 p0 1 / producer submit m3 / \
                    b1 append m3 p0 1 / producer confirmed m3";
        assert_breaks(&format!("{LED} / b2 replicated p0 1 / {next}"), CLASS, How::Truncated);
    }

    #[test]
    fn retention_and_an_effect_are_no_losses() {
        assert_keeps(&format!("{LED} / b1 log-start p0 1 / b1 truncated p0 0"), CLASS);
        assert_keeps(&format!("{LED} / service effect m1 / b1 truncated p0 0"), CLASS);
    }

    #[test]
    fn a_queue_that_goes_takes_its_messages_along() {
        let history = "producer submit m1 / broker store m1 q / producer confirmed m1 / \
                       broker gone q expired / broker discard m1 q queue-expired none";
        assert_breaks(history, CLASS, How::QueueGone(crate::talk::Gone::Expired));
    }

    #[test]
    fn a_record_that_its_bridge_will_read_again_stands_for_the_copy_in_the_queue() {
        let group = GroupRule { done: Done::HandedOver, ..GroupRule::new(GroupId(0)) };
        let rules = || Rules { groups: vec![group], ..Rules::default() };
        let across = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 replicated p0 1 / \
                      b1 high p0 1 / producer confirmed m1 / c1 assigned g p0 gen=1 / \
                      c1 moved g p0 0 nothing / c1 polled m1 g p0 0 / c1 published m1+1 / \
                      broker store m1+1 q";
        let (lost, commit) = ("broker lost m1 q", "b1 committed g p0 1 c1");
        let verdict = |history: String, class| Script::play(&history, rules()).verdict(class);
        let before = verdict(format!("{across} / {lost}"), CLASS);
        assert!(before.breach().is_none(), "{before:?}");
        let after = verdict(format!("{across} / {commit} / {lost}"), CLASS);
        assert_eq!(after.breach().map(|breach| breach.how), Some(How::BrokerStopped));
        let passed =
            verdict(format!("{across} / {lost} / {commit} / wait 60s"), Class::LostToGroup);
        assert_eq!(passed.breach().map(|breach| breach.how), Some(How::CommittedPast));
    }
}
