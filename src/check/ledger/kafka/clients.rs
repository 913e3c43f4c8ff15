//! What the members of groups are seen to do.

use super::super::super::book::trail;
use super::super::super::cell::fact;
use super::super::super::class::Point;
use super::super::super::rules::Done;
use super::super::super::verdict::How;
use super::{Case, Ledger, Passed, known, span, state};
use crate::kernel::NodeId;
use crate::talk::MessageId;
use crate::talk::kafka::{GroupId, Moved, Offset, TopicPartition};

impl Ledger {
    pub(super) fn assigned(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        generation: i32,
    ) {
        self.node(case.node).group = Some(id);
        self.judge_owners(case, id, at, generation);
        self.group(id).part(at).give(case.node, generation);
        self.streams.part(at);
    }

    pub(super) fn position_moved(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        offset: Offset,
        why: Moved,
    ) {
        let log_start = self.streams.part(at).start();
        let everything = self.group(id).rule.everything;
        let part = self.group(id).part(at);
        let known = part.committed.or(part.reader(case.node).position).or(part.begin);
        let from = if everything { known.or(Some(log_start)) } else { known };
        part.begin = part.begin.or(Some(if everything { log_start } else { offset }));
        let reader = part.reader(case.node);
        reader.before = reader.position.replace(offset).or(reader.before);
        reader.moved = Some(why);
        // what is committed may not be in the log any more, which is as good as nothing
        let is_heir = reader.is_heir && part.committed.is_some_and(|it| it >= log_start);
        self.judge_forgotten_offset(case, is_heir, why);
        if let Some(from) = from.filter(|&from| from < offset)
            && matches!(why, Moved::Nothing | Moved::OutOfRange | Moved::Truncation | Moved::Seek)
        {
            self.judge_moved_past(case, at, from, offset, why);
            self.pass(case, id, at, offset, How::MovedPast(why));
        }
        self.count_lag(case, id, at);
    }

    pub(super) fn polled(
        &mut self,
        case: Case,
        msg: MessageId,
        id: GroupId,
        at: TopicPartition,
        offset: Offset,
    ) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Delivery, None);
        self.node(case.node).group = Some(id);
        let read_committed = self.group(id).rule.read_committed;
        let slot = self.streams.part(at).slot(offset);
        self.judge_read(case, msg, at, offset, slot, read_committed);
        let streams = self.streams.part(at);
        streams.read = streams.read.max(offset + 1);

        let part = self.group(id).part(at);
        part.begin = part.begin.or(Some(offset));
        let again = offset < part.seen;
        part.seen = part.seen.max(offset + 1);
        let reader = part.reader(case.node);
        let (position, moved) = (reader.position, reader.moved);
        // a batch that it was in when its position was moved may go on (KafkaJS, after a rebalance)
        let goes_on = position != Some(offset) && reader.before == Some(offset);
        *(if goes_on { &mut reader.before } else { &mut reader.position }) = Some(offset + 1);
        match position.filter(|_| !goes_on) {
            Some(position) if offset > position => self.judge_hole(case, at, position, offset),
            Some(position) if offset < position => self.judge_back(case, msg, offset),
            _ => {}
        }
        let unasked = !goes_on && position.is_some_and(|position| offset < position);
        self.book.delivered(msg);
        if again {
            let how = if unasked { None } else { moved };
            self.judge_read_again(case, msg, how);
        } else if slot.is_some_and(|slot| slot.has(state::REPEATS)) {
            self.judge_resent_delivery(case, msg);
        }
        if let Some(play) = self.book.get(msg).play() {
            self.stamp(case, play);
            if !cell.has(fact::DELIVERED) {
                self.judge_order(case, msg, play, Point::Delivery);
            }
            self.judge_polls(case, msg, play, at);
        }
        self.book.cell(msg).set(fact::DELIVERED);
    }

    /// A member of a share group acquired a record.
    pub(super) fn acquired(&mut self, case: Case, msg: MessageId, id: GroupId) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Delivery, None);
        self.book.delivered(msg);
        self.book.cell(msg).set(fact::DELIVERED);
        let Some(at) = self.streams.marked(msg).place() else { return };
        let part = self.group(id).part(at);
        part.begin = part.begin.or(Some(0));
        if let Some(play) = self.book.get(msg).play() {
            self.stamp(case, play);
            self.judge_polls(Case { group: Some(id), ..case }, msg, play, at);
        }
    }

    pub(super) fn offset_committed(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        offset: Offset,
        by: NodeId,
    ) {
        self.judge_committer(case, id, at, by);
        let part = self.group(id).part(at);
        part.committed = Some(offset);
        part.begin = part.begin.or(Some(offset));
        let case = Case { node: by, ..case };
        if let Some(early) = self.pass(case, id, at, offset, How::CommittedPast) {
            self.judge_early(case, early);
        }
        self.count_lag(case, id, at);
    }

    /// The offset of a group passes what is before `to`. Says what was not done by then.
    fn pass(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        to: Offset,
        how: How,
    ) -> Option<MessageId> {
        let part = self.group(id).part(at);
        let from = part.passed.max(part.begin.unwrap_or(to));
        part.passed = part.passed.max(to);
        let (seen, by_delivery) = (part.seen, self.group(id).by_delivery());
        let mut early = None;
        let from = from.max(self.streams.part(at).start());
        for offset in span(from, to.min(self.streams.part(at).end())) {
            let Some(slot) = self.streams.part(at).slot(offset) else { continue };
            if !slot.visible() || self.streams.marked(slot.msg).has(known::ABORTED) {
                continue;
            }
            let done = if by_delivery { offset < seen } else { self.done(id, slot.msg) };
            if !done {
                early = early.or(Some(slot.msg));
                self.remember(case, id, at, slot.msg, how);
            }
        }
        early
    }

    /// Retention deletes a record. If a group still had to handle it, that is over.
    pub(super) fn deleted_before_read(
        &mut self,
        case: Case,
        id: GroupId,
        at: TopicPartition,
        offset: Offset,
        msg: MessageId,
    ) {
        let Some(group) = self.streams.group(id) else { return };
        let by_delivery = group.by_delivery();
        let Some(part) = group.get(at) else { return };
        let begun = part.begin.is_some_and(|begin| begin <= offset);
        let waits = begun && part.passed <= offset;
        if waits && !(by_delivery && offset < part.seen) && !self.done(id, msg) {
            self.remember(Case { group: Some(id), ..case }, id, at, msg, How::Expired);
        }
    }

    fn remember(
        &mut self,
        case: Case,
        group: GroupId,
        at: TopicPartition,
        msg: MessageId,
        how: How,
    ) {
        let Case { step, at: time, node, .. } = case;
        self.streams.mark(msg).set(known::PASSED);
        let passed = std::mem::take(&mut self.streams.passed);
        let mut passed = if passed.len() >= self.streams.prune.max(1024) {
            let open = passed.into_iter().filter(|it| !self.done(it.group, it.msg));
            let open: Vec<Passed> = open.collect();
            self.streams.prune = open.len() * 2;
            open
        } else {
            passed
        };
        passed.push(Passed { msg, group, at, how, node, step, time });
        self.streams.passed = passed;
    }

    /// Whether a group has done with a message: it took effect, or went on to another topic, or
    /// rests where people look at it, or was given up on purpose.
    pub(in crate::check) fn done(&self, group: GroupId, msg: MessageId) -> bool {
        let cell = self.book.get(msg);
        let rule = self.streams.group(group).map_or(Done::Effect(None), |it| it.rule.done);
        let took_effect = match rule {
            Done::Effect(Some(service)) => self.took_effect(msg, cell, service),
            Done::Effect(None) => self.complete(msg, cell),
            Done::Delivery => cell.has(fact::DELIVERED),
            Done::HandedOver => self.streams.crossed.has(msg),
        };
        if took_effect || cell.has(fact::PARKED) {
            return true;
        }
        let mark = self.streams.marked(msg);
        if mark.has(known::SKIPPED) && cell.has(fact::UNHEALTHY) {
            return true;
        }
        cell.play().is_some_and(|play| {
            let book = self.book.play(play);
            book.trail & trail::RETRIED != 0 && mark.copies() > 1
        })
    }

    /// A handler of a member calls a service.
    pub(in crate::check::ledger) fn called_by(&mut self, node: NodeId, msg: MessageId) {
        let Some(id) = self.node(node).group else { return };
        if self.has_lost(node, id, msg) {
            self.streams.mark(msg).set(known::ZOMBIE);
        }
    }

    /// Whether another member owns the partition of a message, and this one does not or in an
    /// earlier generation.
    fn has_lost(&self, node: NodeId, id: GroupId, msg: MessageId) -> bool {
        let part = || self.streams.group(id)?.get(self.streams.marked(msg).place()?);
        let Some(part) = part() else { return false };
        let Some(other) = part.other_owner(node) else { return false };
        part.owned_by(node).is_none_or(|its| its < other)
    }
}
