//! One replica's log of one partition.
//!
//! **Modelled**: segments and when they are closed; offsets and leader epochs; what a leader checks
//! of a batch (idempotence, fencing, transactions and their verification); leader epochs and where
//! a follower's log leaves its leader's; transactions and the last stable offset; retention by time
//! and by size; compaction; the page cache, which a crash of the process leaves and a loss of power
//! takes.
//!
//! **Simplified**: a truncation, a flush and a pass of the cleaner take no time. The operating system
//! writes nothing back on its own. Records of internal topics are never compacted away, since only
//! their coordinators can read them.
//!
//! **Left out**: indexes and their limits, compression, tiered storage, several log directories.
//!
//! The log knows no high watermark: its replica does, and says it where it matters.
//!
//! A replica keeps one [`Batch`] for each batch, whose records all replicas share; what else it
//! keeps (see `Stored`) is a few bytes for each batch, whatever its size.
//!
//! Sources: `UnifiedLog`, `LocalLog`, `LogSegment`, `ProducerStateManager`, `LeaderEpochFileCache` and
//! `LogCleaner` of 4.1.1; the documents <https://kafka.apache.org/documentation/#log> and
//! <https://kafka.apache.org/documentation/#compaction>.

mod append;
mod compaction;
mod config;
mod disk;
mod epochs;
mod producer;
mod producers;
mod read;
mod retention;
mod segment;
mod truncate;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use append::Appended;
pub use config::LogConfig;
pub use producer::BATCHES_REMEMBERED;
pub use producers::{Guard, Origin};
pub use truncate::Truncation;

use epochs::Epochs;
use producer::Producer;
use producers::Producers;
use segment::{Segment, Stored};

use crate::kernel::Time;
use crate::talk::Constant;
use crate::talk::kafka::{Batch, Offset};

/// One replica's log of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    config: Constant<LogConfig>,
    /// Never empty; the last one is the active segment.
    segments: VecDeque<Segment>,
    start: Offset,
    end: Offset,
    epochs: Epochs,
    producers: Producers,
    /// Oldest first.
    snapshots: Vec<Snapshot>,
    /// What is before it is on the disk (`recoveryPoint`).
    flushed: Offset,
    last_flush: Time,
    /// What is before it was compacted (`cleaner-offset-checkpoint`).
    cleaned: Offset,
}

/// What was remembered of the producers when the log ended there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Snapshot {
    at: Offset,
    producers: Arc<BTreeMap<u32, Producer>>,
}

impl Log {
    /// An empty log that begins at offset 0.
    pub fn new(config: Constant<LogConfig>, now: Time) -> Log {
        Log {
            config,
            segments: VecDeque::from([Segment::new(0, now)]),
            start: 0,
            end: 0,
            epochs: Epochs::default(),
            producers: Producers::default(),
            snapshots: Vec::new(),
            flushed: 0,
            last_flush: now,
            cleaned: 0,
        }
    }

    /// What it goes by.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// The first offset that can be read (`logStartOffset`).
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset that the next record gets (`logEndOffset`).
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Nothing can be read from it.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What is before this offset survives a loss of power.
    pub fn flushed(&self) -> Offset {
        self.flushed
    }

    /// How many bytes its segments take.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// How many segments it has; the last one is the active segment.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// How many producers it remembers.
    pub fn producers(&self) -> usize {
        self.producers.len()
    }

    /// All its batches, from the first that reaches beyond its start.
    pub fn batches(&self) -> impl Iterator<Item = &Batch> {
        self.stored_from(self.start).map(|stored| &stored.batch)
    }

    /// The batches from the one that has this offset, or the next one after it.
    fn stored_from(&self, offset: Offset) -> impl Iterator<Item = &Stored> {
        let after = self.segments.partition_point(|segment| segment.base <= offset);
        let segments = self.segments.range(after.saturating_sub(1)..);
        segments.flat_map(move |segment| segment.from(offset))
    }

    fn active(&mut self) -> &mut Segment {
        self.segments.back_mut().expect("a log has at least one segment")
    }

    /// Closes the active segment: the next one begins at the end of the log. What is before it is
    /// flushed, and what is known of the producers is written down (`UnifiedLog.roll`).
    fn roll(&mut self, now: Time) {
        if self.active().is_empty() && self.active().base == self.end {
            return;
        }
        self.take_snapshot();
        self.segments.push_back(Segment::new(self.end, now));
        self.flush(now);
    }

    fn take_snapshot(&mut self) {
        if self.snapshots.last().is_none_or(|last| last.at < self.end) {
            let producers = Arc::new(self.producers.snapshot());
            self.snapshots.push(Snapshot { at: self.end, producers });
        }
    }
}
