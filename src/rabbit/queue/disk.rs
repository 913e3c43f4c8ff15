//! What a classic queue has on the disk, and what it still only remembers.
//!
//! A persistent message is remembered, then written, then (by storage version 1) synced. A message
//! that leaves the queue after it was written is a *ghost* until that, too, is written: after a
//! crash it is there again. Acknowledgements are never confirmed, so nobody waits for that.
//!
//! *Simplified:* a loss of power undoes publishes that the operating system had not synced, but
//! acknowledgements only as far as a kill does.

use std::collections::VecDeque;

use super::Origin;
use super::slab::Handle;
use crate::kernel::{Span, Time};
use crate::rabbit::profile::{ClassicStorage, Costs};

/// How many messages share a segment file (`rabbit_classic_queue_index_v2`, `SEGMENT_ENTRY_COUNT`).
const SEGMENT: u64 = 4_096;

/// How far apart marks of written positions are.
const MARK_EVERY: Span = Span::from_secs(1);

/// The disk of one classic queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Disk {
    storage: ClassicStorage,
    /// Published, not yet written, in order.
    pub(crate) unwritten: Vec<Unwritten>,
    /// Gone, but still written.
    pub(crate) ghosts: Vec<Handle>,
    armed: Armed,
    segments: Segments,
    /// When messages up to which sequence number were written, for storage version 2.
    marks: VecDeque<(Time, u64)>,
}

/// A message that is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unwritten {
    pub(crate) handle: Handle,
    /// The slot may have another message by the time it is written.
    pub(crate) seq: u64,
    pub(crate) origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Armed {
    No,
    /// Some time: nobody waits.
    Idle,
    /// A confirm waits.
    Soon,
}

impl Disk {
    pub(crate) fn new(storage: ClassicStorage) -> Disk {
        Disk {
            storage,
            unwritten: Vec::new(),
            ghosts: Vec::new(),
            armed: Armed::No,
            segments: Segments::default(),
            marks: VecDeque::new(),
        }
    }

    /// A persistent message arrived. Returns when to flush, if that is news.
    pub(crate) fn publish(&mut self, unwritten: Unwritten, costs: &Costs) -> Option<Span> {
        if self.storage == ClassicStorage::V2 {
            self.segments.add(unwritten.seq);
        }
        let waits = unwritten.origin.waits();
        self.unwritten.push(unwritten);
        self.arm(if waits { Armed::Soon } else { Armed::Idle }, costs)
    }

    /// A written message left the queue and is a ghost now. Returns when to flush, if that is news.
    pub(crate) fn bury(&mut self, handle: Handle, seq: u64, costs: &Costs) -> Option<Span> {
        self.ghosts.push(handle);
        if let Some(segment) = self.segments.get_mut(seq) {
            segment.ghosts += 1;
        }
        self.arm(Armed::Idle, costs)
    }

    /// A persistent message left the queue; `next_seq` is that of the next publish. When its
    /// segment has no others it is deleted at once, with all its ghosts. Returns whether those were
    /// all ghosts there are, which may then be let go.
    pub(crate) fn leave(&mut self, seq: u64, next_seq: u64) -> bool {
        let Some(segment) = self.segments.get_mut(seq) else { return false };
        segment.live = segment.live.saturating_sub(1);
        if segment.live > 0 {
            return false;
        }
        segment.deleted_below = next_seq;
        let ghosts = std::mem::take(&mut segment.ghosts);
        self.segments.forget();
        ghosts as usize == self.ghosts.len()
    }

    /// Whether a ghost went with its segment, and so cannot come back.
    pub(crate) fn is_deleted(&self, seq: u64) -> bool {
        self.storage == ClassicStorage::V2 && self.segments.is_deleted(seq)
    }

    fn arm(&mut self, wanted: Armed, costs: &Costs) -> Option<Span> {
        if self.armed >= wanted {
            return None;
        }
        self.armed = wanted;
        Some(if wanted == Armed::Soon { costs.classic_flush } else { costs.classic_idle_flush })
    }

    /// Everything up to `next_seq` was written.
    pub(crate) fn flushed(&mut self, next_seq: u64, now: Time, costs: &Costs) {
        self.armed = Armed::No;
        self.segments.forget_ghosts();
        if self.storage == ClassicStorage::V1 {
            return;
        }
        // of the marks that are old enough to be synced only the latest matters
        while self.marks.get(1).is_some_and(|(at, _)| *at + costs.writeback <= now) {
            self.marks.pop_front();
        }
        if self.marks.back().is_none_or(|(at, _)| *at + MARK_EVERY <= now) {
            self.marks.push_back((now, next_seq));
        }
    }

    /// Up to which sequence number messages survive a loss of power for certain.
    pub(crate) fn synced(&self, now: Time, costs: &Costs) -> u64 {
        match self.storage {
            ClassicStorage::V1 => u64::MAX,
            ClassicStorage::V2 => self
                .marks
                .iter()
                .rev()
                .find(|(at, _)| *at + costs.writeback <= now)
                .map_or(0, |(_, seq)| *seq),
        }
    }

    /// A fresh start with these messages on the disk.
    pub(crate) fn restart(&mut self, seqs: impl Iterator<Item = u64>) {
        *self = Disk::new(self.storage);
        if self.storage == ClassicStorage::V2 {
            seqs.for_each(|seq| self.segments.add(seq));
        }
    }
}

/// The segment files of storage version 2, from the oldest that has messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Segments {
    first: u64,
    all: VecDeque<Segment>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Segment {
    /// Messages that are in the queue.
    live: u32,
    /// Messages that left it, but not yet on the disk.
    ghosts: u32,
    /// The file was deleted when all messages below this one had left.
    deleted_below: u64,
}

impl Segments {
    fn add(&mut self, seq: u64) {
        let segment = seq / SEGMENT;
        if self.all.is_empty() {
            self.first = segment;
        }
        // sequence numbers only grow
        let at = segment.saturating_sub(self.first) as usize;
        if self.all.len() <= at {
            self.all.resize(at + 1, Segment::default());
        }
        self.all[at].live += 1;
    }

    fn get_mut(&mut self, seq: u64) -> Option<&mut Segment> {
        let at = (seq / SEGMENT).checked_sub(self.first)?;
        self.all.get_mut(at as usize)
    }

    fn is_deleted(&self, seq: u64) -> bool {
        let at = (seq / SEGMENT).checked_sub(self.first);
        let segment = at.and_then(|at| self.all.get(at as usize));
        segment.is_none_or(|segment| seq < segment.deleted_below)
    }

    /// Lets go of old segments without messages.
    fn forget(&mut self) {
        while self.all.len() > 1 && self.all.front().is_some_and(|segment| segment.live == 0) {
            self.all.pop_front();
            self.first += 1;
        }
    }

    fn forget_ghosts(&mut self) {
        for segment in &mut self.all {
            segment.ghosts = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_deleted_with_its_last_message_and_its_ghosts_cannot_come_back() {
        let costs = Costs::USUAL;
        let mut disk = Disk::new(ClassicStorage::V2);
        let seqs = [0, 1, SEGMENT, SEGMENT + 1];
        for (handle, seq) in (0..).zip(seqs) {
            disk.publish(Unwritten { handle, seq, origin: Origin::Unconfirmed }, &costs);
        }
        let next = SEGMENT + 2;
        let mut gone = |handle: Handle, seq: u64| {
            disk.bury(handle, seq, &costs);
            disk.leave(seq, next)
        };
        assert!(!gone(0, 0));
        assert!(!gone(2, SEGMENT));
        assert!(!gone(1, 1), "the other segment has a ghost, too");
        assert_eq!(seqs.map(|seq| disk.is_deleted(seq)), [true, true, false, false]);
        // a new message in a segment that was deleted does not bring the old ones back
        disk.bury(3, SEGMENT + 1, &costs);
        disk.leave(SEGMENT + 1, next);
        disk.publish(Unwritten { handle: 4, seq: next, origin: Origin::Unconfirmed }, &costs);
        assert!(disk.is_deleted(SEGMENT) && !disk.is_deleted(next));
    }

    #[test]
    fn what_was_written_is_synced_after_the_writeback_time() {
        let costs = Costs::USUAL;
        let mut disk = Disk::new(ClassicStorage::V2);
        let at = |secs| Time::ZERO + Span::from_secs(secs);
        disk.flushed(10, at(0), &costs);
        disk.flushed(20, at(5), &costs);
        assert_eq!(disk.synced(at(29), &costs), 0);
        assert_eq!(disk.synced(at(31), &costs), 10);
        assert_eq!(disk.synced(at(36), &costs), 20);
        assert_eq!(Disk::new(ClassicStorage::V1).synced(at(0), &costs), u64::MAX);
    }
}
