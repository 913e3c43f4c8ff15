//! `reordered`: a message is seen for the first time after a later one of the same order.
//!
//! In Kafka only a partition has an order. A key that goes to another partition than before (more
//! partitions, another partitioner) has none across them, which is named when it shows.
//!
//! Orders: the messages of one producer about one key; all messages of one producer; what one queue
//! stored. They are looked at where the rules say: in queues, at consumers, in the world outside.
//! Only first occurrences count, since a message that comes again is a duplicate. What made the late
//! message late is told by what happened to it before.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1 key=9
//! producer submit m2 key=9
//! service  effect m2
//! service  effect m1
//! ```

use super::super::book::{NONE, mark};
use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, Line};
use super::super::verdict::{By, How, Scope};
use crate::talk::kafka::TopicPartition;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// A message is seen at a point for the first time.
    pub(in super::super) fn judge_order(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        point: Point,
    ) {
        let (key, producer, nth) = match point {
            Point::Ack => return,
            Point::Log => (self.rules.order.key_at_log, self.rules.order.producer_at_log, 0),
            Point::Delivery => {
                (self.rules.order.key_at_delivery, self.rules.order.producer_at_delivery, 1)
            }
            Point::Effect => {
                (self.rules.order.key_at_effect, self.rules.order.producer_at_effect, 2)
            }
        };
        let line = self.book.play(play).line;
        if key && line != NONE {
            let line = &mut self.lines[line as usize];
            let key = line.key;
            if let Some(by) = overtaken(line, nth, msg, case, point) {
                self.late(case, msg, play, point, Scope::Key(key), by);
            }
        }
        let slot = usize::from(self.book.get(msg).producer());
        if producer && slot > 0 {
            let line = &mut self.producers[slot - 1];
            if let Some(by) = overtaken(line, nth, msg, case, point) {
                self.late(case, msg, play, point, Scope::Producer, by);
            }
        }
    }

    /// A record is in a log for the first time.
    pub(in super::super) fn judge_log_order(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        at: TopicPartition,
    ) {
        let line = self.book.play(play).line;
        if let Some(line) = self.lines.get_mut(line as usize).filter(|line| !line.moved) {
            let key = line.key;
            let late = overtaken(line, 0, msg, case, Point::Log);
            if let Some(by) = late.filter(|_| self.rules.order.key_at_log) {
                self.late(case, msg, play, Point::Log, Scope::Key(key), by);
            }
        }
        let producer = self.book.get(msg).producer();
        if producer > 0
            && self.streams.part(at).is_late(producer, msg)
            && self.rules.order.producer_at_log
        {
            self.late(case, msg, play, Point::Log, Scope::Producer, By::Broker);
        }
    }

    /// What is to blame in Kafka when nothing that happened to the message is.
    fn late_in_kafka(&self, line: u32, point: Point, otherwise: By) -> By {
        let moved = self.lines.get(line as usize).is_some_and(|line| line.moved);
        match (moved, point, otherwise) {
            (true, ..) => By::Partitions,
            (_, Point::Delivery, By::Competition) => By::Rebalance,
            _ => otherwise,
        }
    }

    /// A queue is about to push a ready copy.
    pub(in super::super) fn judge_queue_order(
        &mut self,
        case: Case,
        msg: MessageId,
        at: u32,
        queue: QueueId,
    ) {
        let token = self.book.token(at);
        let place = token.place;
        // what comes back goes behind what came back before, in the order in which consumers go
        if token.has(mark::CAME_BACK | mark::RECOVERED) {
            return;
        }
        let book = self.queue(queue);
        if place > book.pushed {
            (book.pushed, book.pushed_by) = (place, case.node);
        } else if !book.priority
            && book.pushed_by == case.node
            && self.rules.order.queue_at_delivery
        {
            let how = How::Overtaken(Scope::Queue, By::Broker);
            let what = (Class::Reordered, Point::Delivery, how);
            self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        }
    }

    #[cold]
    fn late(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        point: Point,
        scope: Scope,
        otherwise: By,
    ) {
        let book = self.book.play(play);
        let kafka = self.streams.marked(msg).in_kafka();
        let otherwise =
            if kafka { self.late_in_kafka(book.line, point, otherwise) } else { otherwise };
        let by = self.late_by(book, otherwise);
        let copy = self.book.tokens(play).map(|(_, token)| token.queue).next();
        let queue = copy.or(book.queue).map(QueueId);
        let what = (Class::Reordered, point, How::Overtaken(scope, by));
        self.breach(case, what, Some(msg), queue, Some(case.node));
    }
}

/// Moves the end of an order to `msg`, or says what is to blame when it is behind it already.
fn overtaken(line: &mut Line, nth: usize, msg: MessageId, case: Case, point: Point) -> Option<By> {
    let number = msg.0.saturating_add(1);
    if number >= line.latest[nth] {
        line.latest[nth] = number;
        line.node[nth] = case.node.0;
        return None;
    }
    let elsewhere =
        point == Point::Effect || point == Point::Delivery && line.node[nth] != case.node.0;
    Some(if elsewhere { By::Competition } else { By::Broker })
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{By, Class, How, Scope};

    const CLASS: Class = Class::Reordered;
    const TWO: &str = "producer submit m1 key=9 / producer submit m2 key=9";
    const STORED: &str = "broker store m1 q / broker store m2 q";

    fn key(by: By) -> How {
        How::Overtaken(Scope::Key(9), by)
    }

    #[test]
    fn competing_consumers_break_the_order_of_a_key() {
        assert_breaks(include_str!("reordered.rs"), CLASS, key(By::Competition));
    }

    #[test]
    fn messages_about_other_keys_have_no_order() {
        let history = "producer submit m1 key=8 / producer submit m2 key=9 / \
                       service effect m2 / service effect m1";
        assert_keeps(history, CLASS);
    }

    #[test]
    fn a_repetition_is_not_a_reordering() {
        let history = format!("{TWO} / service effect m1 / service effect m2 / service effect m1");
        assert_keeps(&history, CLASS);
    }

    #[test]
    fn a_requeued_message_takes_effect_late() {
        let history = format!(
            "{TWO} / {STORED} / broker push m1 q c1 / c1 received m1 / broker push m2 q c1 / \
             c1 received m2 / c1 failed m1 downstream / broker requeue m1 q nack / \
             service effect m2 / broker push m1 q c1 / c1 received m1 redelivered / \
             service effect m1"
        );
        assert_breaks(&history, CLASS, key(By::Requeue));
    }

    #[test]
    fn a_resend_is_stored_late() {
        let history = format!(
            "{TWO} / broker store m2 q / producer published m1+1 / \
             broker store m1+1 q"
        );
        assert_breaks(&history, CLASS, key(By::Resend));
    }

    #[test]
    fn a_queue_pushes_first_in_first_out() {
        let history = format!("{TWO} / {STORED} / broker push m2 q c1 / broker push m1 q c1");
        assert_breaks(&history, CLASS, How::Overtaken(Scope::Queue, By::Broker));
        let history = format!(
            "{TWO} / {STORED} / broker push m1 q c1 / broker push m2 q c1 / \
             broker requeue m1 q nack / broker push m1 q c1"
        );
        assert_keeps(&history, CLASS);
    }

    #[test]
    fn a_retry_in_flight_reorders_a_log() {
        let history = format!(
            "b1 created p0 / {TWO} / producer published m1 / producer published m2 / \
             b1 append m2 p0 0 / producer published m1 / b1 append m1 p0 1"
        );
        assert_breaks(&history, CLASS, key(By::Resend));
        let other = format!("b1 created p0 / {TWO} / b1 append m2 p0 0 / b1 append m1 p0 1");
        assert_breaks(&other, CLASS, key(By::Broker));
        let apart = other.replace("m1 p0 1", "m1 p1 0");
        assert_keeps(&apart, CLASS);
    }

    #[test]
    fn a_key_that_moves_to_another_partition_loses_its_order() {
        let history = format!(
            "b1 created p0 / {TWO} / b1 append m1 p0 0 / b1 append m2 p1 0 / b1 high p0 1 / \
             b1 high p1 1 / c1 polled m2 g p1 0 / c2 polled m1 g p0 0"
        );
        assert_breaks(&history, CLASS, key(By::Partitions));
    }

    #[test]
    fn what_a_log_handed_out_comes_back_in_any_order_even_if_no_node_had_pushed_it() {
        let pushes = "broker push m2 q c1 / broker push m1 q c1";
        let back = "broker requeue m2 q connection / broker requeue m1 q connection";
        assert_keeps(&format!("{TWO} / {STORED} / {back} / {pushes}"), CLASS);
        let only_one = "broker requeue m2 q connection";
        let three = "producer submit m3 / broker store m3 q";
        let pushes = "broker push m3 q c1 / broker push m1 q c1";
        let history = format!("{TWO} / {STORED} / {three} / {only_one} / {pushes}");
        assert_breaks(&history, CLASS, How::Overtaken(Scope::Queue, By::Broker));
    }
}
