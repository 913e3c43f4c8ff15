//! `stuck`: after all faults have healed and the settle time is over, a message has neither taken
//! effect, nor does it rest among the dead, nor has anybody said that it is over (the producer was
//! told that it was refused or gave up, a queue discarded it by its rules, a consumer parked it).
//!
//! Where a configuration or an operator stands in the way (a queue without consumers, an alarm that
//! blocks the producer, a broker that stays down), that is `unavailable by design` and no violation.
//! A message that moves on and on is not stuck either: see `poison-loop`.
//!
//! A record of Kafka's waits by design while its partition has no leader or fewer in-sync replicas
//! than `min.insync.replicas`, and where no group reads it.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   push m1 q c1
//! c1       received m1
//! wait     60s
//! ```

use super::super::book::mark;
use super::super::breaches::Breaches;
use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::Ledger;
use super::super::verdict::{Breach, End, How, Reason, Unavailable, Where};
use crate::kernel::NodeId;
use crate::talk::kafka::TopicPartition;
use crate::talk::{MessageId, QueueId};

/// What the end of a run shows about messages that have not come to their end.
#[derive(Debug, Default)]
pub(in super::super) struct Open {
    /// How many may still come to their end.
    pub(super) in_flight: u32,
    pub(super) first: Option<MessageId>,
    /// The one that came back most often.
    pub(super) comes_back: Option<(u16, MessageId)>,
    pub(super) by_design: Option<Unavailable>,
    /// A message was acknowledged and let go of, and may still take effect.
    pub(in super::super) unsafe_one: Option<MessageId>,
}

impl Open {
    /// Why the run does not say whether everything comes to its end, if it does not.
    pub(in super::super) fn reason(&self) -> Option<Reason> {
        if let Some((deliveries, msg)) = self.comes_back {
            return Some(Reason::KeepsComingBack { msg, deliveries });
        }
        match self.first {
            Some(msg) => Some(Reason::InFlight { messages: self.in_flight, msg }),
            None => self.by_design.map(Reason::ByDesign),
        }
    }
}

impl Ledger {
    /// Judges all messages that have not come to their end when the run has come to its own.
    pub(in super::super) fn judge_end(&self, end: &End, found: &mut Breaches) -> Open {
        let mut open = Open::default();
        self.judge_passed(end, found);
        self.judge_lacking(end, found);
        for (msg, cell) in self.book.messages() {
            let Some(play) = cell.play() else { continue };
            self.judge_open(end, msg, cell, play, found, &mut open);
        }
        open
    }

    fn judge_open(
        &self,
        end: &End,
        msg: MessageId,
        cell: Cell,
        play: u32,
        found: &mut Breaches,
        open: &mut Open,
    ) {
        let book = self.book.play(play);
        let idle = end.quiet || end.at.since(book.last_at) >= self.rules.settle;
        let over = end.quiet || end.healed && idle;
        if book.owed > 0 && over {
            let how = How::DeadLetterVanished;
            self.at_end(found, Class::DeadLetterLoss, Point::Log, how, msg, play, None);
            return;
        }
        if over && self.judge_forgotten(msg, play, found) {
            return;
        }
        if self.complete(msg, cell) || cell.has(fact::DROPPED) && self.book.bare(play) {
            return;
        }
        if self.rests(cell, play) {
            self.judge_health(msg, cell, play, found);
            return;
        }
        let crossed = self.streams.crossed.has(msg);
        let record = self.streams.marked(msg).in_kafka() && !crossed
            || self.streams.any() && self.queues.is_empty();
        if record && self.book.bare(play) {
            self.judge_open_record(end, msg, (cell, play), over, (found, open));
            return;
        }
        let answered = cell.has(fact::REFUSED | fact::RETURNED | fact::GAVE_UP);
        if self.book.bare(play) && answered && !cell.has(fact::CONFIRMED) {
            return;
        }
        let confirmed = cell.has(fact::CONFIRMED);
        let let_go = confirmed && self.gone(play) && cell.has(fact::STORED);
        if let_go && (cell.has(fact::LOST) || book.lost.is_some()) {
            return; // said when it happened
        }
        if confirmed && !cell.has(fact::STORED) {
            return; // likewise
        }
        if !over {
            open.in_flight += 1;
            open.first = open.first.or(Some(msg));
            if book.deliveries > 1 {
                open.comes_back = open.comes_back.max(Some((book.deliveries, msg)));
            }
            if let_go {
                open.unsafe_one = open.unsafe_one.or(Some(msg));
            }
        } else if let_go {
            let how = How::LetGoBeforeEffect;
            self.at_end(found, Class::LostAcknowledged, Point::Delivery, how, msg, play, None);
        } else if let Some(why) = self.by_design(cell, play) {
            open.by_design = open.by_design.or(Some(why));
        } else {
            let (place, node) = self.place(cell, play);
            self.at_end(found, Class::Stuck, Point::Effect, How::Idle(place), msg, play, node);
        }
    }

    /// Whether no queue has a copy of it any more.
    fn gone(&self, play: u32) -> bool {
        self.book.tokens(play).all(|(_, token)| token.has(mark::NO_ACK | mark::REPLY))
    }

    fn place(&self, cell: Cell, play: u32) -> (Where, Option<NodeId>) {
        match self.book.tokens(play).find(|(_, token)| !token.has(mark::NO_ACK | mark::REPLY)) {
            Some((_, token)) if token.held() => (Where::Unacked, Some(NodeId(token.holder))),
            Some(_) => (Where::Ready, None),
            None if cell.has(fact::STORED) => (Where::Nowhere, None),
            None => (Where::Producer, None),
        }
    }

    /// What stands in the way of a message without being a fault.
    fn by_design(&self, cell: Cell, play: u32) -> Option<Unavailable> {
        let producer = cell.producer();
        let blocked = |node: &super::super::ledger::NodeBook| node.blocked;
        match self.book.tokens(play).find(|(_, token)| token.ready()) {
            None if self.book.bare(play) && producer > 0 => {
                let at = self.nodes.iter().position(|it| it.is_producer(producer))?;
                let node = NodeId(at as u32);
                if self.nodes[at].down {
                    return Some(Unavailable::Down(node));
                }
                blocked(&self.nodes[at]).then_some(Unavailable::Alarm(node))
            }
            None => None,
            Some((_, token)) => {
                let queue = QueueId(token.queue);
                let book = self.queues.get(queue.index())?;
                if let Some(broker) = book.broker.filter(|it| self.is_down(*it)) {
                    return Some(Unavailable::Down(broker));
                }
                (book.consumers == 0).then_some(Unavailable::NoConsumer(queue))
            }
        }
    }

    fn is_down(&self, node: NodeId) -> bool {
        self.nodes.get(node.index()).is_some_and(|node| node.down)
    }

    /// A record is stuck.
    pub(super) fn stuck_in(
        &self,
        found: &mut Breaches,
        how: How,
        msg: MessageId,
        play: u32,
        partition: Option<TopicPartition>,
    ) {
        if self.rules.judges(Class::Stuck) {
            let book = self.book.play(play);
            found.add(Breach {
                class: Class::Stuck,
                point: Point::Effect,
                step: book.last,
                at: book.last_at,
                msg: Some(msg),
                queue: None,
                partition,
                group: None,
                node: None,
                how,
                times: 1,
            });
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a breach has this many parts")]
    fn at_end(
        &self,
        found: &mut Breaches,
        class: Class,
        point: Point,
        how: How,
        msg: MessageId,
        play: u32,
        node: Option<NodeId>,
    ) {
        if self.rules.judges(class) {
            let book = self.book.play(play);
            let (step, at) = (book.last, book.last_at);
            let copy = self.book.tokens(play).map(|(_, token)| token.queue).next();
            let queue = copy.or(book.queue).map(QueueId);
            let msg = Some(msg);
            let (partition, group) = (None, None);
            found.add(Breach {
                class,
                point,
                step,
                at,
                msg,
                queue,
                partition,
                group,
                node,
                how,
                times: 1,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{C1, Script, assert_breaks, assert_keeps};
    use crate::check::{Class, How, Reason, Rules, Unavailable, Verdict, Where};
    use crate::talk::{MessageId, QueueId};

    const CLASS: Class = Class::Stuck;
    const STORED: &str = "producer submit m1 / broker store m1 q";

    fn undecided(history: &str) -> Option<Reason> {
        match Script::play(history, Rules::default()).verdict(CLASS) {
            Verdict::Undecided(reason) => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn a_message_that_a_consumer_holds_for_ever_is_stuck() {
        assert_breaks(include_str!("stuck.rs"), CLASS, How::Idle(Where::Unacked));
    }

    #[test]
    fn a_message_that_moved_just_now_is_still_on_its_way() {
        let in_flight = Reason::InFlight { messages: 1, msg: MessageId(1) };
        let history = format!("{STORED} / broker subscribed c1 q / cut");
        assert_eq!(undecided(&history), Some(in_flight));
        let history = format!("{STORED} / broker subscribed c1 q / wait 60s");
        assert_breaks(&history, CLASS, How::Idle(Where::Ready));
    }

    #[test]
    fn a_queue_without_consumers_is_so_by_design() {
        let none = Reason::ByDesign(Unavailable::NoConsumer(QueueId(0)));
        assert_eq!(undecided(&format!("{STORED} / wait 60s")), Some(none));
    }

    #[test]
    fn a_blocked_producer_is_so_by_design() {
        let alarm = Reason::ByDesign(Unavailable::Alarm(crate::check::script::PRODUCER));
        let history = "producer submit m1 / broker blocked producer / wait 60s";
        assert_eq!(undecided(history), Some(alarm));
        assert_breaks("producer submit m1 / wait 60s", CLASS, How::Idle(Where::Producer));
    }

    #[test]
    fn what_is_gone_without_an_answer_is_stuck_nowhere() {
        let history = format!("{STORED} / broker lost m1 q / wait 60s");
        assert_breaks(&history, CLASS, How::Idle(Where::Nowhere));
        assert_keeps(
            &format!("{STORED} / broker lost m1 q / producer gave-up m1 / wait 60s"),
            CLASS,
        );
    }

    #[test]
    fn effects_dead_letters_parking_and_refusals_are_ends() {
        for end in [
            "broker push m1 q c1 / c1 received m1 / service effect m1",
            "broker discard m1 q expired dead / broker store m1 d from q",
            "broker push m1 q c1 / c1 received m1 / c1 parked m1 / c1 published m1+1 / \
             broker store m1+1 d / broker acked m1 q",
            "broker discard m1 q maxlen none",
            "broker discard m1 q purged none",
        ] {
            assert_keeps(&format!("{STORED} / {end} / wait 60s"), CLASS);
        }
        assert_keeps("producer submit m1 / producer refused m1 / wait 60s", CLASS);
    }

    #[test]
    fn a_message_in_a_loop_is_not_stuck_but_undecided() {
        let round = "broker push m1 q c1 / c1 received m1 / broker requeue m1 q nack";
        let history = format!("{STORED} / {round} / {round} / cut");
        let comes_back = Reason::KeepsComingBack { msg: MessageId(1), deliveries: 2 };
        assert_eq!(undecided(&history), Some(comes_back));
        assert_eq!(C1.0, 2);
    }
}
