//! A segment: consecutive batches that are kept and deleted together.

use std::sync::Arc;

use crate::kernel::Time;
use crate::talk::kafka::{Batch, Offset};

/// How many batches a chunk holds.
const CHUNK: usize = 64;

/// A batch in a log, with what would cost a walk over its records to find out again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) batch: Batch,
    /// The largest timestamp of its records; of what has none, when it was appended.
    pub(super) largest: Time,
    /// From when on compaction may drop its tombstones, or the marker that it is; `Time::MAX` before
    /// the first pass that saw it (`deleteHorizonMs`).
    pub(super) horizon: Time,
    /// How many bytes it takes.
    pub(super) bytes: u32,
}

impl Stored {
    pub(super) fn new(batch: Batch, now: Time) -> Stored {
        let largest = batch.max_timestamp().unwrap_or(now);
        let bytes = u32::try_from(batch.bytes()).unwrap_or(u32::MAX);
        Stored { batch, largest, horizon: Time::MAX, bytes }
    }
}

/// An aborted transaction, in the index of the segment that has its marker
/// (`TransactionIndex`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct AbortedTxn {
    pub(super) producer: u32,
    /// Its first record.
    pub(super) first: Offset,
    /// Its marker.
    pub(super) last: Offset,
}

/// Consecutive batches. They lie in chunks that clones of the log share, so a snapshot of a world
/// costs one pointer for 64 batches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Segment {
    /// All its offsets are at or after this one.
    pub(super) base: Offset,
    /// When it was made.
    pub(super) created: Time,
    /// How many bytes its batches take.
    pub(super) bytes: u64,
    /// The largest timestamp of its first batch: its age is counted from there
    /// (`rollingBasedTimestamp`).
    pub(super) first: Option<Time>,
    largest: Option<Time>,
    pub(super) aborted: Vec<AbortedTxn>,
    chunks: Vec<Arc<Vec<Stored>>>,
}

impl Segment {
    pub(super) fn new(base: Offset, created: Time) -> Segment {
        Segment {
            base,
            created,
            bytes: 0,
            first: None,
            largest: None,
            aborted: Vec::new(),
            chunks: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// The largest timestamp of its records, by which it is kept; of an empty one, when it was made
    /// (`LogSegment.largestTimestamp`).
    pub(super) fn largest(&self) -> Time {
        self.largest.unwrap_or(self.created)
    }

    /// Adds a batch after all others.
    pub(super) fn push(&mut self, stored: Stored) {
        self.bytes += u64::from(stored.bytes);
        self.first.get_or_insert(stored.largest);
        self.largest = self.largest.max(Some(stored.largest));
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => Arc::make_mut(chunk).push(stored),
            _ => {
                let mut chunk = Vec::with_capacity(if self.chunks.is_empty() { 4 } else { CHUNK });
                chunk.push(stored);
                self.chunks.push(Arc::new(chunk));
            }
        }
    }

    /// Its batches, from the one that has this offset, or the next one after it.
    pub(super) fn from(&self, offset: Offset) -> impl Iterator<Item = &Stored> {
        let ends_by = |stored: &Stored| stored.batch.end() <= offset;
        let full = self.chunks.partition_point(|chunk| chunk.last().is_some_and(ends_by));
        let mut chunks = self.chunks[full..].iter(); // a partition point is at most the length
        let first = chunks.next().map_or(&[][..], |chunk| &chunk[chunk.partition_point(ends_by)..]);
        first.iter().chain(chunks.flat_map(|chunk| chunk.iter()))
    }

    /// All its batches.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stored> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Drops every batch that has this offset or a later one (`LogSegment.truncateTo`).
    pub(super) fn truncate(&mut self, to: Offset) {
        let stays = |stored: &Stored| stored.batch.end() <= to;
        let full = self.chunks.partition_point(|chunk| chunk.last().is_some_and(stays));
        if let Some(chunk) = self.chunks.get_mut(full) {
            let left = chunk.partition_point(stays);
            Arc::make_mut(chunk).truncate(left);
            self.chunks.truncate(full + usize::from(left > 0));
        }
        self.aborted.retain(|txn| txn.last < to);
        let bytes = self.iter().map(|stored| u64::from(stored.bytes)).sum();
        self.bytes = bytes;
        let largest = self.iter().map(|stored| stored.largest).max();
        self.largest = largest;
        let first = self.iter().next().map(|stored| stored.largest);
        self.first = first;
    }
}
