//! What brokers and controllers are seen to do with logs.

use super::super::super::book::trail;
use super::super::super::cell::fact;
use super::super::super::class::Point;
use super::super::super::rules::TopicRule;
use super::super::super::verdict::How;
use super::super::clients::bit;
use super::partition::Append;
use super::{Case, Ledger, Slot, known, state};
use crate::kernel::NodeId;
use crate::talk::MessageId;
use crate::talk::kafka::{GroupId, Offset, TopicPartition};

impl Ledger {
    pub(super) fn partition_created(&mut self, at: TopicPartition) {
        let rule = self.topic_rule(at);
        let part = self.streams.part(at);
        if let Some(rule) = rule {
            part.in_sync = part.in_sync.or(Some(rule.replicas));
            part.min_isr = rule.min_isr;
        }
    }

    pub(super) fn appended(
        &mut self,
        case: Case,
        msg: MessageId,
        copy: u16,
        at: TopicPartition,
        offset: Offset,
    ) {
        let cell = *self.book.cell(msg);
        self.judge_phantom(case, msg, cell, Point::Log, None);
        let play = self.book.open(msg);
        self.stamp(case, play);
        if self.streams.part(at).admits(case.node) == Append::Deposed {
            self.book.cell(msg).set(fact::STORED);
            self.let_fall(case, msg, at, How::Truncated);
            return;
        }
        self.make_room(case, at, offset, Some(msg));
        let repeats = self.judge_appended_again(case, msg, play, copy);
        let state = if repeats { state::REPEATS } else { 0 };
        self.streams.part(at).push(case.node, offset, Slot::record(msg, copy, state));
        if self.streams.compacting {
            self.last_of_key(at, offset, play);
        }
        self.streams.mark(msg).put(at);
        let retry = copy > 0 && self.book.play(play).retries & bit(copy) != 0;
        self.book.cell(msg).set(fact::STORED);
        if retry {
            if cell.has(fact::PARKED) {
                self.book.cell(msg).set(fact::PARKED_SAFELY);
            }
        } else if !cell.has(fact::STORED) {
            self.book.play_mut(play).first_copy = copy;
            self.book.play_mut(play).roots = 1;
            let line = self.book.play(play).line;
            if let Some(line) = self.lines.get_mut(line as usize) {
                line.moved |= line.partition.is_some_and(|before| before != at);
                line.partition = Some(at);
            }
            self.judge_log_order(case, msg, play, at);
        }
    }

    fn topic_rule(&self, at: TopicPartition) -> Option<TopicRule> {
        self.rules.topics.iter().find(|rule| rule.topic == at.topic).copied()
    }

    /// A record is the last one of its key, where keys are known.
    fn last_of_key(&mut self, at: TopicPartition, offset: Offset, play: u32) {
        let keyed = self.topic_rule(at).is_some_and(|rule| rule.compacts && rule.keyed);
        let line = self.book.play(play).line;
        if let Some(key) = self.lines.get(line as usize).map(|line| line.key).filter(|_| keyed) {
            self.streams.part(at).lasts.put(key, offset);
        }
    }

    /// What is at `offset` and behind it makes room for something else.
    fn make_room(
        &mut self,
        case: Case,
        at: TopicPartition,
        offset: Offset,
        msg: Option<MessageId>,
    ) {
        let part = self.streams.part(at);
        if offset < part.end() {
            let how = if part.unclean { How::UncleanElection } else { How::Truncated };
            self.cut(case, at, offset, how);
            let node = case.node;
            self.streams.part(at).forked(node, offset);
        }
        self.judge_replaced(case, at, offset, msg);
    }

    /// Everything from `to` on is lost.
    fn cut(&mut self, case: Case, at: TopicPartition, to: Offset, how: How) {
        while let Some(slot) = self.streams.part(at).cut(to) {
            if !slot.has(state::CONTROL | state::COMPACTED | state::ABORTED) {
                self.streams.mark(slot.msg).take();
                self.let_fall(case, slot.msg, at, how);
            }
        }
    }

    /// A record is in a log no longer, through nobody's will.
    fn let_fall(&mut self, case: Case, msg: MessageId, at: TopicPartition, how: How) {
        if self.streams.marked(msg).copies() == 0 {
            self.judge_gone(case, msg, at, how);
        }
    }

    pub(super) fn replicated(&mut self, case: Case, at: TopicPartition, end: Offset) {
        if self.streams.part(at).replicated(case.node, end) {
            self.judge_not_dropped(case);
        }
    }

    pub(super) fn high_watermark(&mut self, case: Case, at: TopicPartition, offset: Offset) {
        let part = self.streams.part(at);
        let (before, leads) = (part.high, part.leader.is_none_or(|it| it == case.node));
        part.high = before.max(offset);
        if leads {
            part.safe = part.safe.max(offset);
            let back = part.told.replace(offset).is_some_and(|told| offset < told);
            if back {
                self.judge_watermark(case);
            }
        }
        if offset <= before {
            return;
        }
        let part = self.streams.part(at);
        if leads {
            let too_early = part.in_sync.is_some_and(|size| part.holders(offset) < size);
            if too_early {
                self.judge_not_replicated(case, at, offset);
            }
        }
        for id in 0..self.streams.groups.len() {
            self.count_lag(case, GroupId(id as u16), at);
        }
    }

    /// Counts how far behind a group is, and judges it.
    pub(super) fn count_lag(&mut self, case: Case, id: GroupId, at: TopicPartition) {
        let high = self.streams.part(at).high;
        let Some(Some(group)) = self.streams.groups.get_mut(usize::from(id.0)) else { return };
        if !group.reads(at) {
            return;
        }
        group.count_lag(at, high);
        let (lag, limit) = (group.lag, group.rule.lag);
        if let Some(limit) = limit.filter(|&limit| lag > limit) {
            self.judge_lag(Case { group: Some(id), ..case }, limit);
        }
    }

    pub(super) fn truncated(&mut self, case: Case, at: TopicPartition, to: Offset) {
        let down = self.node(case.node).down;
        let part = self.streams.part(at);
        let how = if part.unclean { How::UncleanElection } else { How::Truncated };
        let had = part.held_by(case.node).min(part.safe);
        let held = part.truncated(case.node, to);
        if down {
            part.safe = part.safe.min(to); // a loss of power
        } else if to < had {
            self.judge_dropped(case, to);
        }
        self.cut(case, at, held, how);
        self.streams.part(at).open.retain(|txn| txn.first < held.max(to));
    }

    pub(super) fn log_start(&mut self, case: Case, at: TopicPartition, offset: Offset) {
        let kept = self.topic_rule(at).and_then(|rule| rule.retention);
        let kept = kept.filter(|_| !self.streams.part(at).trimmed);
        while let Some((gone, slot)) = self.streams.part(at).expire(offset) {
            if slot.visible() {
                self.judge_age(case, slot.msg, kept);
                let mark = self.streams.mark(slot.msg);
                mark.take();
                mark.set(known::EXPIRED);
                for id in 0..self.streams.groups.len() {
                    self.deleted_before_read(case, GroupId(id as u16), at, gone, slot.msg);
                }
            }
        }
    }

    pub(super) fn compacted(
        &mut self,
        case: Case,
        msg: MessageId,
        at: TopicPartition,
        offset: Offset,
        tombstone: bool,
    ) {
        let part = self.streams.part(at);
        let last = part.lasts.has(offset)
            && part.slot(offset).is_some_and(|slot| slot.visible() && slot.msg == msg);
        if let Some(rule) = self.topic_rule(at) {
            if !rule.compacts || last && !tombstone {
                self.judge_last_of_key(case, msg);
            } else if last {
                self.judge_age(case, msg, Some(rule.tombstones));
            }
        }
        self.streams.part(at).mark(offset, state::COMPACTED);
        let mark = self.streams.mark(msg);
        mark.take();
        mark.set(known::EXPIRED);
    }

    pub(super) fn leader_elected(
        &mut self,
        case: Case,
        at: TopicPartition,
        leader: Option<NodeId>,
        epoch: u32,
        unclean: bool,
    ) {
        let part = self.streams.part(at);
        let before = part.epoch.replace(epoch);
        part.told = None;
        if let Some(leader) = leader {
            part.unclean = unclean;
            let held = part.held_by(leader);
            if held < part.safe {
                part.safe = held;
                if !unclean {
                    self.judge_candidate(case, leader);
                }
            }
        }
        self.streams.part(at).leader = leader;
        self.judge_epoch(case, leader, before, epoch);
    }

    pub(super) fn txn_marker(
        &mut self,
        case: Case,
        at: TopicPartition,
        offset: Offset,
        producer: u32,
        commit: bool,
    ) {
        if self.streams.part(at).admits(case.node) == Append::Deposed {
            return;
        }
        self.make_room(case, at, offset, None);
        let part = self.streams.part(at);
        part.push(case.node, offset, Slot::control());
        let mut aborted = Vec::new();
        let mut first = None;
        let txn = part.decide(producer, commit, |slot| {
            first = first.or(Some(slot.msg));
            if !commit {
                aborted.push(slot.msg);
            }
        });
        for msg in aborted {
            let mark = self.streams.mark(msg);
            mark.take();
            mark.set(known::ABORTED);
        }
        if let (Some(txn), Some(msg)) = (txn, first) {
            self.judge_fate(case, producer, txn.serial, commit, msg);
        }
    }

    /// A client of a message puts it on the wire. If it did before, that is a retry.
    pub(in crate::check::ledger) fn sent(&mut self, case: Case, msg: MessageId) {
        let mark = self.streams.mark(msg);
        if mark.has(known::SENT) {
            self.leave_trail(case, msg, trail::RESENT);
        }
        self.streams.mark(msg).set(known::SENT);
    }
}
