//! Retention: the start of the log moves, and whole segments are deleted.

use super::Log;
use crate::kernel::{Span, Time};
use crate::talk::kafka::Offset;

impl Log {
    /// The log starts here now: `DeleteRecords`, or the leader's start for a follower. It never moves
    /// back. The caller sees to it that it is not beyond the high watermark. Gives whether it moved.
    /// What is before it cannot be read any more, and goes with its segment.
    ///
    /// Source: `UnifiedLog.maybeIncrementLogStartOffset` of 4.1.1.
    pub fn advance_start(&mut self, to: Offset) -> bool {
        let to = to.min(self.end);
        if to <= self.start {
            return false;
        }
        self.start = to;
        self.epochs.truncate_start(to);
        self.producers.settle(to);
        self.cleaned = self.cleaned.max(to);
        true
    }

    /// Deletes the oldest segments that are before the start of the log, and under
    /// `cleanup.policy=delete` those that breach `retention.bytes` or `retention.ms`. Nothing at or
    /// beyond the high watermark goes. Gives whether the start of the log moved. A broker does so
    /// every `log.retention.check.interval.ms`.
    ///
    /// Source: `UnifiedLog.deleteOldSegments` of 4.1.1.
    pub fn delete_old_segments(&mut self, high_watermark: Offset, now: Time) -> bool {
        let start = self.start;
        self.delete_while(high_watermark, now, |log, next, _| {
            next.is_some_and(|it| it <= log.start)
        });
        if self.config.topic.delete {
            self.delete_by_size(high_watermark, now);
            self.delete_by_age(high_watermark, now);
        }
        self.start != start
    }

    /// A segment goes only when what is left is still at least `retention.bytes`.
    fn delete_by_size(&mut self, high_watermark: Offset, now: Time) {
        let mut excess = self.bytes().checked_sub(self.config.topic.retention_bytes);
        self.delete_while(high_watermark, now, |log, _, at| {
            let Some(left) = excess.and_then(|it| it.checked_sub(log.segments[at].bytes)) else {
                return false;
            };
            excess = Some(left);
            true
        });
    }

    /// A segment is as old as its largest timestamp: a single record from the future keeps all of it.
    fn delete_by_age(&mut self, high_watermark: Offset, now: Time) {
        let retention = self.config.topic.retention;
        if retention < Span::MAX {
            self.delete_while(high_watermark, now, |log, _, at| {
                now.since(log.segments[at].largest()) > retention
            });
        }
    }

    /// Deletes segments from the oldest on, as long as they are wholly below the high watermark and
    /// `breaches` says so of the log, the base of the next segment, and the place of this one. When
    /// all go, the active one is closed first: a log has one at all times
    /// (`deletableSegments`, `deleteSegments`).
    fn delete_while(
        &mut self,
        high_watermark: Offset,
        now: Time,
        mut breaches: impl FnMut(&Log, Option<Offset>, usize) -> bool,
    ) {
        let mut gone = 0;
        while gone < self.segments.len() {
            let next = self.segments.get(gone + 1).map(|segment| segment.base);
            let last_and_empty = next.is_none() && self.segments[gone].is_empty();
            let below = high_watermark >= next.unwrap_or(self.end);
            if last_and_empty || !below || !breaches(self, next, gone) {
                break;
            }
            gone += 1;
        }
        if gone == 0 {
            return;
        }
        if gone == self.segments.len() {
            self.roll(now);
        }
        self.segments.drain(..gone);
        let base = self.segments[0].base; // one is left: there were more, or one was just added
        self.advance_start(base);
        self.snapshots.retain(|snapshot| snapshot.at >= base);
    }
}
