//! What is known of one partition: the log as all replicas together have it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::kernel::NodeId;
use crate::talk::MessageId;
use crate::talk::kafka::Offset;

/// What stands at one offset. Twelve bytes, since there is one for each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::check) struct Slot {
    /// Which message; without a meaning for markers.
    pub(in crate::check) msg: MessageId,
    /// The producer id of the transaction that it is part of, plus one; 0 when of none.
    txn: u32,
    /// Which send of it.
    pub(in crate::check) copy: u16,
    /// Bits of [`state`].
    pub(in crate::check) state: u16,
}

/// What is known of a slot, one bit each.
pub(in crate::check) mod state {
    /// No record: a marker, or something that nobody said anything about.
    pub(in crate::check) const CONTROL: u16 = 1;
    /// Compaction dropped it.
    pub(in crate::check) const COMPACTED: u16 = 1 << 1;
    /// Its transaction was committed.
    pub(in crate::check) const COMMITTED: u16 = 1 << 2;
    /// Its transaction was aborted.
    pub(in crate::check) const ABORTED: u16 = 1 << 3;
    /// The same send was in a log already.
    pub(in crate::check) const REPEATS: u16 = 1 << 4;
}

impl Slot {
    pub(in crate::check) const fn record(msg: MessageId, copy: u16, state: u16) -> Slot {
        Slot { msg, txn: 0, copy, state }
    }

    pub(super) const fn control() -> Slot {
        Slot { msg: MessageId(0), txn: 0, copy: 0, state: state::CONTROL }
    }

    pub(in crate::check) const fn has(self, state: u16) -> bool {
        self.state & state != 0
    }

    /// Whether a reader ought to be given it.
    pub(in crate::check) const fn visible(self) -> bool {
        !self.has(state::CONTROL | state::COMPACTED | state::ABORTED)
    }
}

/// A transaction that is open in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::check) struct OpenTxn {
    pub(in crate::check) producer: u32,
    pub(in crate::check) first: Offset,
    /// Which transaction of this producer, by its client.
    pub(in crate::check) serial: u32,
}

/// What is known of one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Replica {
    node: NodeId,
    /// The end of its log.
    end: Offset,
    /// From here on it has records that the log has not any more.
    fork: Option<Offset>,
}

/// One partition. The log is that of the leader of the latest epoch that has appended something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct PartBook {
    /// The offset of the first slot.
    start: Offset,
    log: VecDeque<Slot>,
    /// The largest high watermark that was ever told.
    pub(in crate::check) high: Offset,
    /// Nothing excuses the loss of what is before this: it was below the high watermark, and neither
    /// an unclean election nor a loss of power has touched it.
    pub(in crate::check) safe: Offset,
    /// The high watermark that the present leader told last.
    pub(in crate::check) told: Option<Offset>,
    /// An operator deletes records here.
    pub(in crate::check) trimmed: bool,
    /// The last record of each key.
    pub(super) lasts: Lasts,
    /// The offset after the last one that any group read.
    pub(in crate::check) read: Offset,
    replicas: Vec<Replica>,
    pub(in crate::check) leader: Option<NodeId>,
    /// The leader that appended last.
    office: Option<NodeId>,
    pub(in crate::check) epoch: Option<u32>,
    /// The last election may have chosen a leader without committed records.
    pub(in crate::check) unclean: bool,
    /// A deposed leader has gone on appending.
    deposed: bool,
    /// How many replicas are in sync; none when that was never told.
    pub(in crate::check) in_sync: Option<u8>,
    pub(in crate::check) min_isr: u8,
    pub(in crate::check) open: Vec<OpenTxn>,
    /// For each producer, by its slot, the latest message of it that was appended, plus one.
    latest: Vec<(u8, u32)>,
}

/// The last record of each key, in a topic that is compacted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Lasts {
    of: BTreeMap<u32, Offset>,
    offsets: BTreeSet<Offset>,
}

impl Lasts {
    pub(super) fn put(&mut self, key: u32, offset: Offset) {
        if let Some(before) = self.of.insert(key, offset) {
            self.offsets.remove(&before);
        }
        self.offsets.insert(offset);
    }

    pub(super) fn has(&self, offset: Offset) -> bool {
        self.offsets.contains(&offset)
    }

    /// Nothing is known any more of keys whose last record is at `end` or behind it.
    fn cut(&mut self, end: Offset) {
        if self.offsets.last().is_some_and(|&last| last >= end) {
            self.offsets.split_off(&end);
            self.of.retain(|_, offset| *offset < end);
        }
    }
}

/// What comes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// It is in the log, after everything from `cut` on was cut off if that is not its end.
    There,
    /// Whoever appended it is no leader any more: it is not in the log.
    Deposed,
}

impl PartBook {
    pub(in crate::check) fn start(&self) -> Offset {
        self.start
    }

    pub(in crate::check) fn end(&self) -> Offset {
        self.start + self.log.len() as Offset
    }

    pub(in crate::check) fn slot(&self, offset: Offset) -> Option<Slot> {
        self.log.get(offset.checked_sub(self.start)? as usize).copied()
    }

    fn slot_mut(&mut self, offset: Offset) -> Option<&mut Slot> {
        self.log.get_mut(offset.checked_sub(self.start)? as usize)
    }

    /// Whether nobody can be sure that a write is safe, because of a setting.
    pub(in crate::check) fn too_few(&self) -> bool {
        self.leader.is_none() && self.epoch.is_some()
            || self.in_sync.is_some_and(|size| size < self.min_isr)
    }

    /// Whether `node` may append here. One that has been deposed and does not know may go on.
    pub(super) fn admits(&mut self, node: NodeId) -> Append {
        let appointed = self.leader.is_none_or(|leader| leader == node);
        if !appointed && self.office == self.leader && self.office.is_some() {
            self.deposed = true;
            let replica = self.replica(node);
            replica.fork = replica.fork.or(Some(replica.end));
            return Append::Deposed;
        }
        if self.office != Some(node) {
            (self.office, self.deposed) = (Some(node), false);
        }
        Append::There
    }

    /// Puts a slot at the end, which is `offset`: whatever nobody told of before it is no record.
    pub(super) fn push(&mut self, node: NodeId, offset: Offset, slot: Slot) {
        if self.log.is_empty() && offset > self.start {
            self.start = offset;
        }
        while self.end() < offset {
            self.log.push_back(Slot::control());
        }
        self.log.push_back(slot);
        self.replica(node).end = offset + 1;
    }

    /// Takes the last slot off as long as it is at `offset` or behind it. Whoever has it forks off.
    pub(super) fn cut(&mut self, offset: Offset) -> Option<Slot> {
        if self.end() <= offset {
            return None;
        }
        self.lasts.cut(offset);
        self.log.pop_back()
    }

    /// The log has been cut off at `offset` for the sake of `leader`.
    pub(super) fn forked(&mut self, leader: NodeId, offset: Offset) {
        self.open.retain(|txn| txn.first < offset);
        for (_, latest) in &mut self.latest {
            *latest = 0; // what comes next may be what was cut off
        }
        for replica in self.replicas.iter_mut().filter(|it| it.node != leader) {
            if replica.end > offset {
                let fork = replica.fork.map_or(offset, |before| before.min(offset));
                replica.fork = Some(fork);
            }
        }
    }

    fn replica(&mut self, node: NodeId) -> &mut Replica {
        let at = self.replicas.iter().position(|it| it.node == node).unwrap_or_else(|| {
            self.replicas.push(Replica { node, end: 0, fork: None });
            self.replicas.len() - 1
        });
        &mut self.replicas[at]
    }

    /// A replica has the log up to `end`. Says whether it should have dropped something before.
    pub(super) fn replicated(&mut self, node: NodeId, end: Offset) -> bool {
        let (leads, deposed) = (self.office == Some(node), self.deposed);
        let replica = self.replica(node);
        let grew = end > replica.end;
        replica.end = end;
        if leads {
            replica.fork = None;
        }
        grew && replica.fork.is_some() && !deposed
    }

    /// A replica dropped the end of its log. Says up to where some replica has the log.
    pub(super) fn truncated(&mut self, node: NodeId, to: Offset) -> Offset {
        let replica = self.replica(node);
        replica.end = replica.end.min(to);
        replica.fork = replica.fork.filter(|&fork| to > fork);
        let held = self.replicas.iter().map(|it| it.fork.map_or(it.end, |fork| it.end.min(fork)));
        held.max().unwrap_or(0)
    }

    /// Up to where a replica has the log.
    pub(in crate::check) fn held_by(&self, node: NodeId) -> Offset {
        let replica = self.replicas.iter().find(|it| it.node == node);
        let held = replica.map_or(0, |it| it.fork.map_or(it.end, |fork| it.end.min(fork)));
        held.max(self.start) // it may have begun where the log did
    }

    /// How many replicas have the log up to `offset`.
    pub(super) fn holders(&self, offset: Offset) -> u8 {
        let held = |it: &&Replica| it.fork.map_or(it.end, |fork| it.end.min(fork)) >= offset;
        self.replicas.iter().filter(held).count() as u8
    }

    /// The offset from which on the present leader has nothing, if it lacks something.
    pub(in crate::check) fn lacking(&self) -> Option<Offset> {
        let leader = self.replicas.iter().find(|it| Some(it.node) == self.leader)?;
        (leader.end < self.end()).then_some(leader.end)
    }

    /// Takes the first slot off as long as it is before `offset`.
    pub(super) fn expire(&mut self, offset: Offset) -> Option<(Offset, Slot)> {
        if self.start >= offset {
            return None;
        }
        let slot = self.log.pop_front()?;
        self.start += 1;
        Some((self.start - 1, slot))
    }

    /// Marks a slot.
    pub(super) fn mark(&mut self, offset: Offset, bits: u16) {
        if let Some(slot) = self.slot_mut(offset) {
            slot.state |= bits;
        }
    }

    /// Records became part of a transaction.
    pub(super) fn enlist(&mut self, first: Offset, end: Offset, producer: u32, serial: u32) {
        if self.open.iter().all(|txn| txn.producer != producer) {
            self.open.push(OpenTxn { producer, first, serial });
        }
        for offset in first..end.min(self.end()) {
            if let Some(slot) = self.slot_mut(offset) {
                slot.txn = producer.wrapping_add(1);
            }
        }
    }

    /// The transaction of a producer ends here. Calls `each` for each of its records.
    pub(super) fn decide(
        &mut self,
        producer: u32,
        commit: bool,
        mut each: impl FnMut(Slot),
    ) -> Option<OpenTxn> {
        let at = self.open.iter().position(|txn| txn.producer == producer)?;
        let txn = self.open.remove(at);
        let skip = txn.first.saturating_sub(self.start) as usize;
        let decided = state::COMMITTED | state::ABORTED;
        for slot in self.log.iter_mut().skip(skip) {
            if slot.txn == producer.wrapping_add(1) && !slot.has(decided) {
                slot.state |= if commit { state::COMMITTED } else { state::ABORTED };
                each(*slot);
            }
        }
        Some(txn)
    }

    /// The last stable offset, as far as open transactions hold it back.
    pub(in crate::check) fn held_back(&self) -> Offset {
        self.open.iter().map(|txn| txn.first).min().unwrap_or(Offset::MAX)
    }

    /// A producer's message was appended for the first time. Says whether a later one was before.
    pub(in crate::check) fn is_late(&mut self, producer: u8, msg: MessageId) -> bool {
        let number = msg.0.saturating_add(1);
        match self.latest.iter_mut().find(|(its, _)| *its == producer) {
            Some((_, latest)) if *latest > number => return true,
            Some((_, latest)) => *latest = number,
            None => self.latest.push((producer, number)),
        }
        false
    }

    pub(super) fn bytes(&self) -> usize {
        self.log.capacity() * size_of::<Slot>()
    }
}
