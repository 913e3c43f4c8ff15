//! Kafka's part of the books: partitions, groups and transactions.
//!
//! Brokers, controllers and clients each know a part of the truth; the books have all of it. What
//! is in a log is what the leader of the latest epoch that appended anything has; a record is lost
//! when no replica has it any more, or when another one took its offset.

mod clients;
mod crossed;
mod group;
mod logs;
mod partition;

use std::collections::BTreeSet;

use super::super::cell::fact;
use super::super::grown;
use super::super::rules::{GroupRule, TopicRule};
use super::{Case, Ledger};
use crate::kernel::{NodeId, Span, StepNo, Time};
use crate::talk::MessageId;
use crate::talk::kafka::{GroupId, KafkaNote, Offset, TopicId, TopicPartition};
pub(in crate::check) use group::GroupBook;
pub(in crate::check) use partition::{PartBook, Slot, state};

/// What is known of a message beside its cell, in four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct Mark {
    partition: u16,
    /// Its topic plus one, 0 when it was in no log, 255 for all from 254 on.
    topic: u8,
    bits: u8,
}

/// Bits of a [`Mark`]; the lowest two count in how many places logs have it, 3 for many.
pub(in crate::check) mod known {
    pub(in crate::check) const COPIES: u8 = 3;
    /// Its client has sent it.
    pub(in crate::check) const SENT: u8 = 1 << 2;
    /// It was deleted in the ordinary way: by retention or by compaction.
    pub(in crate::check) const EXPIRED: u8 = 1 << 3;
    /// An application went past it on purpose.
    pub(in crate::check) const SKIPPED: u8 = 1 << 4;
    /// A member that has lost its partition called a service for it.
    pub(in crate::check) const ZOMBIE: u8 = 1 << 5;
    /// A transaction that it was part of was aborted.
    pub(in crate::check) const ABORTED: u8 = 1 << 6;
    /// The offset of some group passed it before it was done.
    pub(in crate::check) const PASSED: u8 = 1 << 7;
}

impl Mark {
    pub(in crate::check) const fn has(self, bits: u8) -> bool {
        self.bits & bits != 0
    }

    /// Whether it was ever in a log.
    pub(in crate::check) const fn in_kafka(self) -> bool {
        self.topic != 0 || self.bits & known::SENT != 0
    }

    pub(in crate::check) const fn copies(self) -> u8 {
        self.bits & known::COPIES
    }

    pub(in crate::check) fn place(self) -> Option<TopicPartition> {
        let known = !matches!(self.topic, 0 | 255);
        let topic = TopicId(u16::from(self.topic).wrapping_sub(1));
        known.then_some(TopicPartition::new(topic, self.partition))
    }

    pub(in crate::check) fn set(&mut self, bits: u8) {
        self.bits |= bits;
    }

    pub(in crate::check) fn clear(&mut self, bits: u8) {
        self.bits &= !bits;
    }

    fn put(&mut self, at: TopicPartition) {
        self.topic = u8::try_from(at.topic.0 + 1).unwrap_or(255);
        self.partition = at.partition;
        if self.copies() < known::COPIES {
            self.bits += 1;
        }
    }

    /// One place less. Many stay many.
    fn take(&mut self) {
        if matches!(self.copies(), 1 | 2) {
            self.bits -= 1;
        }
    }
}

/// What the transactions of one producer id came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct TxnBook {
    /// How many transactions its application has begun.
    pub(in crate::check) serial: u32,
    /// The last transactions of which records were decided, and how.
    pub(in crate::check) fates: [(u32, bool); 2],
}

/// A record that the offset of a group passed before it was done there.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) struct Passed {
    pub(in crate::check) msg: MessageId,
    pub(in crate::check) group: GroupId,
    pub(in crate::check) at: TopicPartition,
    pub(in crate::check) how: super::super::verdict::How,
    pub(in crate::check) node: NodeId,
    pub(in crate::check) step: StepNo,
    pub(in crate::check) time: Time,
}

impl Passed {
    fn essence(&self) -> impl PartialEq + std::hash::Hash {
        (self.msg, self.group, self.at, self.how, self.node)
    }
}

/// When it happened is only evidence.
impl PartialEq for Passed {
    fn eq(&self, other: &Passed) -> bool {
        self.essence() == other.essence()
    }
}

impl Eq for Passed {}

impl std::hash::Hash for Passed {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.essence().hash(state);
    }
}

/// All that is known of Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct Streams {
    /// By topic and partition.
    parts: Vec<Vec<PartBook>>,
    groups: Vec<Option<GroupBook>>,
    marks: Vec<Mark>,
    /// By producer id, sorted.
    txns: Vec<(u32, TxnBook)>,
    /// Messages of which a bridge has stored a copy in a queue that nobody is known to have lost.
    pub(in crate::check) crossed: crossed::Crossed,
    /// Messages that were in no log when a leader took them for a repetition.
    pub(in crate::check) mistaken: BTreeSet<MessageId>,
    pub(in crate::check) passed: Vec<Passed>,
    /// When `passed` is as long as this, it is looked through for what is done by now.
    prune: usize,
    /// Some topic is compacted.
    compacting: bool,
    clock: Clock,
}

/// When messages were submitted, roughly: some of each producer, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Clock {
    /// How far apart they are; nothing is kept when nobody asks.
    tick: Option<Span>,
    /// By producer.
    known: Vec<Vec<(MessageId, Time)>>,
}

impl Clock {
    fn submitted(&mut self, producer: u8, msg: MessageId, at: Time) {
        let Some(tick) = self.tick else { return };
        let known = grown(&mut self.known, producer.into());
        if known.last().is_none_or(|(_, before)| at.since(*before) >= tick) {
            known.push((msg, at));
        }
    }

    /// A time before which a message was not submitted.
    fn not_before(&self, producer: u8, msg: MessageId) -> Time {
        let Some(known) = self.known.get(usize::from(producer)) else { return Time::ZERO };
        let after = known.partition_point(|(its, _)| *its <= msg);
        after.checked_sub(1).map_or(Time::ZERO, |at| known[at].1)
    }
}

impl Streams {
    /// Nothing so far, where these are the topics.
    pub(super) fn new(topics: &[TopicRule]) -> Streams {
        let finite = |span: Span| Some(span).filter(|span| *span < Span::MAX);
        let ages = topics.iter().flat_map(|rule| {
            let tombstones = finite(rule.tombstones).filter(|_| rule.compacts && rule.keyed);
            [rule.retention.and_then(finite), tombstones]
        });
        let shortest = ages.flatten().min();
        let endless = topics.iter().any(|rule| rule.retention == Some(Span::MAX));
        let tick = shortest.map(|it| Span::from_nanos(it.as_nanos() / 16));
        Streams {
            compacting: topics.iter().any(|rule| rule.compacts && rule.keyed),
            clock: Clock { tick: tick.or(endless.then_some(Span::MAX)), known: Vec::new() },
            ..Streams::default()
        }
    }

    /// A time before which a message was not submitted.
    pub(in crate::check) fn born(&self, producer: u8, msg: MessageId) -> Time {
        self.clock.not_before(producer, msg)
    }

    /// A message was submitted.
    pub(super) fn submitted(&mut self, producer: u8, msg: MessageId, at: Time) {
        self.clock.submitted(producer, msg, at);
    }

    /// An operator deletes records of a partition.
    pub(super) fn trim(&mut self, at: TopicPartition) {
        self.part(at).trimmed = true;
    }

    /// Whether there is a Kafka in this run.
    pub(in crate::check) fn any(&self) -> bool {
        !self.parts.is_empty()
    }

    pub(in crate::check) fn part(&mut self, at: TopicPartition) -> &mut PartBook {
        grown(grown(&mut self.parts, at.topic.0.into()), at.partition.into())
    }

    pub(in crate::check) fn get(&self, at: TopicPartition) -> Option<&PartBook> {
        self.parts.get(usize::from(at.topic.0))?.get(usize::from(at.partition))
    }

    pub(in crate::check) fn parts(&self) -> impl Iterator<Item = (TopicPartition, &PartBook)> {
        self.parts.iter().zip(0..).flat_map(|(parts, topic)| {
            let at = move |partition| TopicPartition::new(TopicId(topic), partition);
            parts.iter().zip(0..).map(move |(part, partition)| (at(partition), part))
        })
    }

    pub(in crate::check) fn groups(&self) -> impl Iterator<Item = (GroupId, &GroupBook)> {
        let all = self.groups.iter().zip(0..);
        all.filter_map(|(group, id)| Some((GroupId(id), group.as_ref()?)))
    }

    pub(in crate::check) fn group(&self, id: GroupId) -> Option<&GroupBook> {
        self.groups.get(group::index(id))?.as_ref()
    }

    pub(in crate::check) fn mark(&mut self, msg: MessageId) -> &mut Mark {
        let at = msg.0 as usize;
        if at >= self.marks.capacity() {
            let len = self.marks.len();
            self.marks.reserve_exact((at + 1 - len).max(len / 8).max(16));
        }
        grown(&mut self.marks, at)
    }

    pub(in crate::check) fn marked(&self, msg: MessageId) -> Mark {
        self.marks.get(msg.0 as usize).copied().unwrap_or_default()
    }

    pub(in crate::check) fn txn(&mut self, producer: u32) -> &mut TxnBook {
        let at = match self.txns.binary_search_by_key(&producer, |(id, _)| *id) {
            Ok(at) => at,
            Err(at) => {
                self.txns.insert(at, (producer, TxnBook::default()));
                at
            }
        };
        &mut self.txns[at].1
    }

    /// Nothing is owned by a node that is down.
    pub(super) fn down(&mut self, node: NodeId) {
        for group in self.groups.iter_mut().flatten() {
            group.all().for_each(|part| part.leave(node));
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let logs: usize = self.parts.iter().flatten().map(PartBook::bytes).sum();
        logs + self.marks.capacity() * size_of::<Mark>()
            + self.passed.capacity() * size_of::<Passed>()
    }
}

impl Ledger {
    pub(in crate::check) fn group(&mut self, id: GroupId) -> &mut GroupBook {
        let rule = self.rules.groups.iter().find(|rule| rule.group == id);
        let groups = &mut self.streams.groups;
        grown(groups, group::index(id))
            .get_or_insert_with(|| GroupBook::new(rule.copied().unwrap_or(GroupRule::new(id))))
    }

    /// How far behind a group is: records below the high watermark that it has not committed.
    pub fn lag(&self, group: GroupId) -> u64 {
        self.streams.group(group).map_or(0, |group| group.lag)
    }

    /// The end of a partition's log, as all replicas together have it.
    pub fn log_end(&self, at: TopicPartition) -> Offset {
        self.streams.get(at).map_or(0, PartBook::end)
    }

    /// The leader of a partition, if it has one.
    pub fn leader(&self, at: TopicPartition) -> Option<NodeId> {
        self.streams.get(at)?.leader
    }

    /// Learns one note of Kafka's.
    pub(super) fn observe_kafka(&mut self, case: Case, note: KafkaNote) {
        match note {
            KafkaNote::PartitionCreated { at } => self.partition_created(at),
            KafkaNote::Appended { msg, copy, at, offset } => {
                self.appended(placed(case, at), msg, copy, at, offset);
            }
            KafkaNote::Replicated { at, end } => self.replicated(placed(case, at), at, end),
            KafkaNote::HighWatermark { at, offset } => {
                self.high_watermark(placed(case, at), at, offset);
            }
            KafkaNote::Truncated { at, to } => self.truncated(placed(case, at), at, to),
            KafkaNote::LogStart { at, offset } => self.log_start(placed(case, at), at, offset),
            KafkaNote::CompactedAway { msg, at, offset, tombstone } => {
                self.compacted(placed(case, at), msg, at, offset, tombstone);
            }
            KafkaNote::LeaderElected { at, leader, epoch, unclean } => {
                self.leader_elected(placed(case, at), at, leader, epoch, unclean);
            }
            KafkaNote::IsrChanged { at, size, .. } => {
                self.streams.part(at).in_sync = Some(size);
            }
            KafkaNote::Assigned { group, at, generation } => {
                self.assigned(of(case, group, at), group, at, generation);
            }
            KafkaNote::Revoked { group, at, .. } => {
                self.group(group).part(at).give_up(case.node);
            }
            KafkaNote::OffsetCommitted { group, at, offset, by } => {
                self.offset_committed(of(case, group, at), group, at, offset, by);
            }
            KafkaNote::PositionMoved { group, at, offset, why } => {
                self.position_moved(of(case, group, at), group, at, offset, why);
            }
            KafkaNote::Polled { msg, group, at, offset } => {
                self.polled(of(case, group, at), msg, group, at, offset);
            }
            KafkaNote::Skipped { msg } => {
                self.streams.mark(msg).set(known::SKIPPED);
                self.touch(case, msg);
            }
            KafkaNote::TxnBegun { producer } => self.streams.txn(producer).serial += 1,
            KafkaNote::TxnRecords { at, first, end, producer } => {
                let serial = self.streams.txn(producer).serial;
                self.streams.part(at).enlist(first, end, producer, serial);
                self.judge_after_its_end(placed(case, at), at, first, producer, serial);
            }
            KafkaNote::TxnMarker { at, offset, producer, commit } => {
                self.txn_marker(placed(case, at), at, offset, producer, commit);
            }
            KafkaNote::Acquired { msg, group, .. } => self.acquired(case, msg, group),
            KafkaNote::SequenceKnown { msg, .. } => {
                if !self.book.cell(msg).has(fact::STORED) {
                    self.streams.mistaken.insert(msg);
                }
            }
            KafkaNote::ProduceRefused { .. }
            | KafkaNote::Fenced { .. }
            | KafkaNote::ControllerElected { .. }
            | KafkaNote::Rebalanced { .. }
            | KafkaNote::RebalanceBegan { .. }
            | KafkaNote::MemberGone { .. }
            | KafkaNote::MemberRefused { .. }
            | KafkaNote::Txn { .. }
            | KafkaNote::Released { .. } => {}
        }
    }
}

fn placed(case: Case, at: TopicPartition) -> Case {
    Case { place: Some(at), ..case }
}

fn of(case: Case, group: GroupId, at: TopicPartition) -> Case {
    Case { place: Some(at), group: Some(group), ..case }
}

/// The offsets from `from` up to `to`.
pub(in crate::check) fn span(from: Offset, to: Offset) -> std::ops::Range<Offset> {
    from..to.max(from)
}
