//! Truncating: a follower drops what its leader does not have.

use std::collections::VecDeque;

use super::Log;
use super::producers::Producers;
use super::segment::Segment;
use crate::kernel::Time;
use crate::talk::kafka::{EpochEnd, Offset};

/// How far a follower truncates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Truncation {
    /// To here.
    pub to: Offset,
    /// It agrees with its leader then. Otherwise it must ask again, for the epoch that is its last
    /// one then.
    pub complete: bool,
}

impl Log {
    /// How far a follower truncates whose leader says where it ends for an epoch.
    ///
    /// Source: KIP-279; `AbstractFetcherThread.getOffsetTruncationState` of 4.1.1.
    pub fn truncation(&self, leader: EpochEnd) -> Truncation {
        let (to, complete) = match self.end_of_epoch(leader.epoch) {
            // It does not know the leader's epoch: all its records of the largest epoch before
            // that may be the leader's as well.
            Some(own) if own.epoch != leader.epoch => (own.end, false),
            Some(own) => (own.end.min(leader.end), true),
            None => (leader.end, true),
        };
        Truncation { to: to.min(self.end), complete }
    }

    /// Drops what is at this offset or after it; of a batch that has this offset, all. Gives whether
    /// anything was dropped. What is known of producers is what the batches say that are left: it is
    /// loaded from the last snapshot that is not after `to`, and brought up to date from there.
    ///
    /// Source: `UnifiedLog.truncateTo` and `rebuildProducerState` of 4.1.1.
    pub fn truncate(&mut self, to: Offset, now: Time) -> bool {
        if to >= self.end {
            return false;
        }
        if self.segments.front().is_some_and(|first| first.base > to) {
            self.restart_at(to, now);
            return true;
        }
        while self.segments.len() > 1 && self.segments.back().is_some_and(|last| last.base > to) {
            self.segments.pop_back();
        }
        self.active().truncate(to);
        self.epochs.truncate_end(to);
        self.end = to;
        self.start = self.start.min(to);
        self.flushed = self.flushed.min(to);
        self.cleaned = self.cleaned.min(to);
        self.rebuild_producers();
        true
    }

    /// Drops everything: the log is empty and goes on at this offset, since its leader has nothing
    /// before it any more (`truncateFullyAndStartAt`).
    pub fn restart_at(&mut self, offset: Offset, now: Time) {
        self.segments = VecDeque::from([Segment::new(offset, now)]);
        (self.start, self.end) = (offset, offset);
        (self.flushed, self.cleaned) = (offset, offset);
        self.epochs.clear();
        self.producers = Producers::load(&Default::default(), self.producers.guards());
        self.snapshots.clear();
    }

    fn rebuild_producers(&mut self) {
        let (start, end) = (self.start, self.end);
        self.snapshots.retain(|snapshot| snapshot.at <= end && snapshot.at > start);
        let guards = self.producers.guards();
        let (mut producers, from) = match self.snapshots.last() {
            Some(last) => (Producers::load(&last.producers, guards), last.at),
            None => (Producers::load(&Default::default(), guards), start),
        };
        for stored in self.stored_from(from) {
            producers.note(&stored.batch, stored.largest);
        }
        self.producers = producers;
        self.take_snapshot();
    }
}
