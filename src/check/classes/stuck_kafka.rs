//! `stuck` for records: what the end of a run shows about a message of Kafka's that has not come to
//! its end. See `stuck` for what the class means.

use super::super::book::Play;
use super::super::breaches::Breaches;
use super::super::cell::{Cell, fact};
use super::super::ledger::{Ledger, known};
use super::super::verdict::{End, How, Unavailable, Where};
use super::stuck::Open;
use crate::talk::MessageId;
use crate::talk::kafka::TopicPartition;

impl Ledger {
    /// Judges a message that was sent to a log and has not done what it is for.
    pub(super) fn judge_open_record(
        &self,
        end: &End,
        msg: MessageId,
        (cell, play): (Cell, u32),
        over: bool,
        (found, open): (&mut Breaches, &mut Open),
    ) {
        let mark = self.streams.marked(msg);
        let answered = cell.has(fact::REFUSED | fact::RETURNED | fact::GAVE_UP);
        let there = mark.copies() > 0;
        let ended = if there {
            // the class that names what happened to it says so
            mark.has(known::PASSED)
        } else {
            mark.has(known::EXPIRED | known::ABORTED) || answered && !cell.has(fact::CONFIRMED)
        };
        let said = !there
            && cell.has(fact::CONFIRMED)
            && (cell.has(fact::LOST) || !cell.has(fact::STORED));
        if ended || said {
            return;
        }
        if !over {
            return open.still_on_its_way(msg, self.book.play(play));
        }
        if let Some(why) = self.no_progress(cell, there, mark.place()) {
            return open.so_by_design(why);
        }
        let place = match (there, cell.has(fact::STORED)) {
            (true, _) => Where::Log,
            (false, true) => Where::Nowhere,
            (false, false) => Where::Producer,
        };
        if end.healed || end.quiet {
            self.stuck_in(found, How::Idle(place), msg, play, mark.place());
        }
    }

    /// What stands in the way of a record without being a fault.
    fn no_progress(
        &self,
        cell: Cell,
        there: bool,
        place: Option<TopicPartition>,
    ) -> Option<Unavailable> {
        if let Some(at) = place.filter(|_| there) {
            if self.streams.get(at).is_some_and(|part| part.too_few()) {
                return Some(Unavailable::InSync(at));
            }
            let mut groups = self.streams.groups();
            let read = groups.any(|(_, group)| group.reads(at));
            return (!read).then_some(Unavailable::NoGroup(at));
        }
        let producer = cell.producer();
        let its =
            |node: &super::super::ledger::NodeBook| producer > 0 && node.is_producer(producer);
        if let Some(at) = self.nodes.iter().position(its).filter(|&at| self.nodes[at].down) {
            return Some(Unavailable::Down(crate::kernel::NodeId(at as u32)));
        }
        let mut parts = self.streams.parts();
        parts.find(|(_, part)| part.too_few()).map(|(at, _)| Unavailable::InSync(at))
    }
}

impl Open {
    fn still_on_its_way(&mut self, msg: MessageId, play: &Play) {
        self.in_flight += 1;
        self.first = self.first.or(Some(msg));
        if play.deliveries > 1 {
            self.comes_back = self.comes_back.max(Some((play.deliveries, msg)));
        }
    }

    fn so_by_design(&mut self, why: Unavailable) {
        self.by_design = self.by_design.or(Some(why));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, assert_breaks, assert_keeps};
    use crate::check::{Class, How, Reason, Rules, TopicRule, Unavailable, Verdict, Where};
    use crate::talk::kafka::{TopicId, TopicPartition};

    const CLASS: Class = Class::Stuck;
    const STORED: &str = "b1 created p0 / producer submit m1 / b1 append m1 p0 0 / b1 high p0 1 / \
                          producer confirmed m1";

    fn by_design(history: &str) -> Option<Unavailable> {
        let topic = TopicRule::new(TopicId(0), 2, 2);
        let rules = Rules { topics: vec![topic], ..Rules::default() };
        match Script::play(history, rules).verdict(CLASS) {
            Verdict::Undecided(Reason::ByDesign(why)) => Some(why),
            _ => None,
        }
    }

    #[test]
    fn a_record_that_its_group_does_not_handle_is_stuck() {
        let history = format!("{STORED} / c1 assigned g p0 gen=1 / wait 60s");
        assert_breaks(&history, CLASS, How::Idle(Where::Log));
        assert_keeps(&format!("{history} / service effect m1"), CLASS);
    }

    #[test]
    fn a_partition_without_a_leader_or_enough_replicas_is_unavailable_by_design() {
        let at = TopicPartition::default();
        let group = format!("{STORED} / c1 assigned g p0 gen=1");
        let why = Some(Unavailable::InSync(at));
        assert_eq!(by_design(&format!("{group} / ctl isr p0 b2 1 / wait 60s")), why);
        assert_eq!(by_design(&format!("{group} / ctl elected p0 none epoch=2 / wait 60s")), why);
        let waits = "b1 created p0 / producer submit m1 / ctl isr p0 b2 1 / wait 60s";
        assert_eq!(by_design(waits), why);
        assert_eq!(by_design(&format!("{STORED} / wait 60s")), Some(Unavailable::NoGroup(at)));
    }

    #[test]
    fn what_is_named_by_another_class_is_not_stuck() {
        let passed = "c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / b1 committed g p0 1 c1";
        assert_keeps(&format!("{STORED} / {passed} / wait 60s"), CLASS);
        let lost = "b1 replicated p0 1 / b1 truncated p0 0 / wait 60s";
        assert_keeps(&format!("{STORED} / {lost}"), CLASS);
        assert_keeps(&format!("{STORED} / b1 log-start p0 1 / wait 60s"), CLASS);
    }
}
