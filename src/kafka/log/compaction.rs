//! Compaction: of the records with the same key the last one stays.
//!
//! Source: `LogCleanerManager`, `Cleaner` and `CleanedTransactionMetadata` of 4.1.1.

use std::collections::{BTreeMap, BTreeSet};

use super::Log;
use super::segment::{Segment, Stored};
use crate::kernel::Time;
use crate::talk::kafka::{Batch, Body, Offset, Record};

/// The last offset of each key in the part of the log that was not compacted before.
type Latest = BTreeMap<(u16, u32), Offset>;

impl Log {
    /// Whether the cleaner would compact this log now: what was not compacted before takes a larger
    /// part of it than `min.cleanable.dirty.ratio`, or is older than `max.compaction.lag.ms`.
    ///
    /// Source: `LogCleanerManager.grabFilthiestCompactedLog` of 4.1.1.
    pub fn must_compact(&self, high_watermark: Offset, now: Time) -> bool {
        let end = self.compactable_end(high_watermark, now);
        if !self.config.topic.compact || end <= self.cleaned {
            return false;
        }
        let below = |offset: Offset| {
            let segments = self.segments.iter().take_while(move |segment| segment.base < offset);
            segments.map(|segment| segment.bytes).sum::<u64>()
        };
        let (clean, all) = (below(self.cleaned), below(end));
        let dirty = all.saturating_sub(clean);
        let oldest = self.segments.iter().find(|it| it.base >= self.cleaned && !it.is_empty());
        let lag = self.config.topic.max_compaction_lag;
        let overdue =
            oldest.and_then(|segment| segment.first).is_some_and(|first| now.since(first) > lag);
        let ratio = u64::from(self.config.topic.min_cleanable_ratio);
        dirty > 0 && (overdue || dirty.saturating_mul(1_000) > all.saturating_mul(ratio))
    }

    /// Up to where the cleaner goes: not into the active segment, not beyond the last stable offset,
    /// not into a segment with a record younger than `min.compaction.lag.ms` (`cleanableOffsets`).
    fn compactable_end(&self, high_watermark: Offset, now: Time) -> Offset {
        let lag = self.config.topic.min_compaction_lag;
        let stable = self.last_stable_offset(high_watermark);
        let closed = self.segments.len() - 1; // a log has at least one segment
        let mut end = self.segments[closed].base.min(stable);
        if !lag.is_zero() {
            let young = self.segments.iter().take(closed).find(|it| now.since(it.largest()) < lag);
            end = end.min(young.map_or(end, |segment| segment.base));
        }
        end
    }

    /// Compacts the log, and gives the records that went, each with its offset. The records that are
    /// left keep their offsets and their order. A tombstone goes `delete.retention.ms` after the
    /// first pass that saw it, and so does the marker of a transaction that has no records left;
    /// records of aborted transactions go at once. The last batch of a producer stays, if need be
    /// without records, so that its sequence numbers are not forgotten.
    pub fn compact(&mut self, high_watermark: Offset, now: Time) -> Vec<(Offset, Record)> {
        let end = self.compactable_end(high_watermark, now);
        if end <= self.cleaned {
            return Vec::new();
        }
        let mut pass = Pass::new(self, end, now);
        let count = self.segments.iter().take_while(|segment| segment.base < end).count();
        let old: Vec<Segment> = self.segments.drain(..count).collect();
        let mut cleaned: Vec<Segment> = Vec::new();
        let mut room = 0;
        for segment in old {
            // Small segments become one, as long as they fit before they are cleaned
            // (`groupSegmentsBySize`).
            if cleaned.is_empty() || segment.bytes > room {
                cleaned.push(Segment::new(segment.base, segment.created));
                room = self.config.topic.segment_bytes;
            }
            room = room.saturating_sub(segment.bytes);
            let into = cleaned.last_mut().expect("one was just added");
            into.aborted.extend(&segment.aborted);
            for stored in segment.iter() {
                match stored.batch.base_offset < end {
                    true => into.extend(pass.clean(stored, &self.producers)),
                    false => into.push(stored.clone()),
                }
            }
        }
        for segment in cleaned.into_iter().rev() {
            self.segments.push_front(segment);
        }
        self.cleaned = end;
        pass.dropped
    }
}

impl Segment {
    fn extend(&mut self, stored: Option<Stored>) {
        if let Some(stored) = stored {
            self.push(stored);
        }
    }
}

/// One pass of the cleaner.
struct Pass {
    now: Time,
    horizon: Time,
    latest: Latest,
    /// Aborted transactions: producer, first offset, marker.
    aborted: Vec<(u32, Offset, Offset)>,
    /// Producers whose open transaction had a batch in this pass.
    traversed: BTreeSet<u32>,
    dropped: Vec<(Offset, Record)>,
}

impl Pass {
    fn new(log: &Log, end: Offset, now: Time) -> Pass {
        let indexes = log.segments.iter().flat_map(|segment| &segment.aborted);
        let mut pass = Pass {
            now,
            horizon: now + log.config.topic.delete_retention,
            latest: Latest::new(),
            aborted: indexes.map(|txn| (txn.producer, txn.first, txn.last)).collect(),
            traversed: BTreeSet::new(),
            dropped: Vec::new(),
        };
        let dirty = log.stored_from(log.cleaned).map(|stored| &stored.batch);
        for batch in dirty.take_while(|batch| batch.base_offset < end) {
            if pass.is_aborted(batch) {
                continue;
            }
            for (offset, record) in batch.records() {
                if let Some(key) = record.key_identity() {
                    pass.latest.insert(key, offset);
                }
            }
        }
        pass
    }

    fn is_aborted(&self, batch: &Batch) -> bool {
        batch.producer.filter(|stamp| stamp.transactional).is_some_and(|stamp| {
            let covers = |&(producer, first, last): &(u32, Offset, Offset)| {
                producer == stamp.id && (first..last).contains(&batch.base_offset)
            };
            self.aborted.iter().any(covers)
        })
    }

    /// What is left of a batch, if anything (`checkBatchRetention`, `shouldRetainRecord`).
    fn clean(&mut self, stored: &Stored, producers: &super::Producers) -> Option<Stored> {
        let batch = &stored.batch;
        let is_last = batch.producer.and_then(|stamp| producers.get(stamp.id)?.last());
        let is_last = is_last.is_some_and(|seen| seen.last_offset + 1 == batch.end());
        match &batch.body {
            Body::Internal(_) => {
                let stamp = batch.producer.filter(|stamp| stamp.transactional);
                self.traversed.extend(stamp.map(|stamp| stamp.id));
                Some(stored.clone())
            }
            Body::Marker { .. } => self.clean_marker(stored),
            Body::Records(_) | Body::Compacted { .. } => self.clean_records(stored, is_last),
        }
    }

    fn clean_marker(&mut self, stored: &Stored) -> Option<Stored> {
        let producer = stored.batch.producer.map(|stamp| stamp.id);
        if producer.is_some_and(|id| self.traversed.remove(&id)) {
            return Some(stored.clone());
        }
        let horizon = stored.horizon.min(self.horizon);
        (horizon > self.now || stored.horizon == Time::MAX)
            .then(|| Stored { horizon, ..stored.clone() })
    }

    fn clean_records(&mut self, stored: &Stored, is_last: bool) -> Option<Stored> {
        let batch = &stored.batch;
        let aborted = self.is_aborted(batch);
        if let Some(stamp) = batch.producer.filter(|stamp| stamp.transactional)
            && batch.records().next().is_some()
            && (!aborted || is_last)
        {
            self.traversed.insert(stamp.id);
        }
        let tombstones_go = stored.horizon <= self.now;
        let mut left: Vec<(u32, Record)> = Vec::new();
        let (mut dropped, mut tombstones) = (false, false);
        for (offset, record) in batch.records() {
            let stays = !aborted
                && record.key_identity().is_some_and(|key| {
                    self.latest.get(&key).is_none_or(|latest| offset >= *latest)
                })
                && !(record.tombstone && tombstones_go);
            if stays {
                tombstones |= record.tombstone;
                left.push(((offset - batch.base_offset) as u32, *record));
            } else {
                dropped = true;
                self.dropped.push((offset, *record));
            }
        }
        if left.is_empty() && !is_last {
            return None;
        }
        let horizon = if tombstones { stored.horizon.min(self.horizon) } else { Time::MAX };
        if !dropped {
            return Some(Stored { horizon, ..stored.clone() });
        }
        let body = Body::Compacted { left: left.into(), span: batch.span() };
        let cleaned = Batch { body, ..batch.clone() };
        let largest = cleaned.max_timestamp().unwrap_or(stored.largest);
        let bytes = u32::try_from(cleaned.bytes()).unwrap_or(u32::MAX);
        Some(Stored { batch: cleaned, largest, horizon, bytes })
    }
}
