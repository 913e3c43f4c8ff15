//! Reading: batches, offsets of timestamps, the last stable offset, aborted transactions.

use super::Log;
use crate::kernel::Time;
use crate::talk::kafka::{Aborted, Batch, Code, EpochEnd, Offset};

impl Log {
    /// The batches from an offset on, which begin before `upper`: the high watermark or the last
    /// stable offset for a consumer, the end of the log for a follower. At most `max_bytes` of them,
    /// but the first one in any case where `at_least_one`. The first may begin before `from`.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE`: `from` is before the start or after the end of the log.
    ///
    /// Source: `UnifiedLog.read`, `LocalLog.read` and `LogSegment.read` of 4.1.1.
    pub fn read(
        &self,
        from: Offset,
        upper: Offset,
        max_bytes: u64,
        at_least_one: bool,
    ) -> Result<impl Iterator<Item = &Batch>, Code> {
        if from < self.start || from > self.end {
            return Err(Code::OffsetOutOfRange);
        }
        let mut bytes = 0;
        let fits = move |stored: &super::Stored| {
            let first = at_least_one && bytes == 0;
            bytes += u64::from(stored.bytes);
            first || bytes <= max_bytes
        };
        let mut fits = fits;
        let visible = self.stored_from(from).take_while(move |stored| {
            from < upper && stored.batch.base_offset < upper && fits(stored)
        });
        Ok(visible.map(|stored| &stored.batch))
    }

    /// The first record at or after a point of time, if there is one before `upper`, and the leader
    /// epoch of its batch. Timestamps need not grow with offsets, so records after it may be older.
    ///
    /// Source: `UnifiedLog.searchOffsetInLocalLog`, `FileRecords.searchForTimestamp` of 4.1.1.
    pub fn offset_for(&self, time: Time, upper: Offset) -> Option<(Offset, u32)> {
        let found = self.segments.iter().find(|segment| segment.largest() >= time)?;
        let offset_in = |stored: &super::Stored| {
            let late =
                |&(offset, timestamp): &(Offset, Time)| offset >= self.start && timestamp >= time;
            let base = stored.batch.base_offset;
            let mut records = stored.batch.records().map(|(offset, it)| (offset, it.timestamp));
            match stored.batch.records().next() {
                Some(_) => records.find(late),
                None => Some((base, stored.largest)).filter(late),
            }
        };
        let late = found.from(self.start).filter(|stored| stored.largest >= time);
        late.filter_map(|stored| Some((offset_in(stored)?.0, stored.batch.leader_epoch)))
            .next()
            .filter(|(offset, _)| *offset < upper)
    }

    /// Up to where all transactions are decided, and their markers replicated: what a reader of
    /// committed records sees. Never beyond the high watermark.
    ///
    /// Source: `UnifiedLog.lastStableOffset`, `ProducerStateManager.firstUnstableOffset` of 4.1.1.
    pub fn last_stable_offset(&self, high_watermark: Offset) -> Offset {
        match self.producers.first_unstable(high_watermark) {
            Some(unstable) => unstable.max(self.start).min(high_watermark),
            None => high_watermark,
        }
    }

    /// The high watermark is here now: transactions with a marker below it need not be remembered
    /// any more. Leaving it out costs memory and nothing else.
    pub fn high_watermark_moved(&mut self, high_watermark: Offset) {
        self.producers.settle(high_watermark);
    }

    /// The transactions that were aborted and have records between these offsets.
    ///
    /// Source: `UnifiedLog.collectAbortedTransactions`, `TransactionIndex` of 4.1.1.
    pub fn aborted(&self, from: Offset, to: Offset) -> Vec<Aborted> {
        let after = self.segments.partition_point(|segment| segment.base <= from);
        let segments = self.segments.range(after.saturating_sub(1)..);
        let aborted = segments.flat_map(|segment| &segment.aborted);
        aborted
            .filter(|txn| txn.last >= from && txn.first < to)
            .map(|txn| Aborted { producer: txn.producer, first: txn.first })
            .collect()
    }

    /// The latest leader epoch that the log knows.
    pub fn latest_epoch(&self) -> Option<u32> {
        self.epochs.latest()
    }

    /// The leader epoch of what is at this offset.
    pub fn epoch_at(&self, offset: Offset) -> Option<u32> {
        self.epochs.at(offset)
    }

    /// Where the log ends for an epoch, or for the largest one before it; none when the epoch is
    /// later than all that it knows (KIP-101, KIP-279, KIP-320).
    pub fn end_of_epoch(&self, epoch: u32) -> Option<EpochEnd> {
        self.epochs.end_of(epoch, self.end)
    }

    /// A follower, or a consumer, that read up to `offset` in this epoch: where its log leaves this
    /// one, if it does.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE`: the epoch is not known, or the offset is before the start of the log.
    ///
    /// Source: KIP-595; `Partition.readRecords` of 4.1.1.
    pub fn diverging(&self, offset: Offset, epoch: u32) -> Result<Option<EpochEnd>, Code> {
        let end = self.end_of_epoch(epoch).ok_or(Code::OffsetOutOfRange)?;
        if offset < self.start {
            return Err(Code::OffsetOutOfRange);
        }
        Ok((end.epoch < epoch || end.end < offset).then_some(end))
    }
}
