//! Appending: as the leader, which gives offsets and checks producers, and as a follower, which
//! takes what it gets.

use super::Log;
use super::producers::{Guard, Origin};
use super::segment::Stored;
use crate::kernel::Time;
use crate::talk::kafka::{Batch, Code, Offset, ProducerStamp};

/// A leader has the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Appended {
    /// The offset of its first record.
    pub base: Offset,
    /// The first offset after it.
    pub end: Offset,
    /// It was in the log already: the producer sent it again (idempotence), and nothing was
    /// appended. It is answered as the first time, once that is replicated.
    pub known: bool,
}

impl Log {
    /// Appends a batch as the leader of this epoch: gives it its offsets.
    ///
    /// # Errors
    /// Nothing was appended: `INVALID_RECORD` (no key in a compacted topic), `INVALID_PRODUCER_EPOCH`, `OUT_OF_ORDER_SEQUENCE_NUMBER`,
    /// `INVALID_TXN_STATE` (a transaction that was not verified, or a record outside of the
    /// transaction that is open), `TRANSACTION_COORDINATOR_FENCED`.
    ///
    /// Source: `UnifiedLog.append` and `analyzeAndValidateProducerState` of 4.1.1.
    pub fn append(
        &mut self,
        mut batch: Batch,
        leader_epoch: u32,
        origin: Origin,
        now: Time,
    ) -> Result<Appended, Code> {
        if matches!(origin, Origin::Client { .. })
            && let Some(seen) = self.producers.duplicate(&batch)
        {
            let (base, end) = (seen.first_offset(), seen.last_offset + 1);
            return Ok(Appended { base, end, known: true });
        }
        if self.config.topic.compact && batch.records().any(|(_, it)| it.key_identity().is_none()) {
            return Err(Code::InvalidRecord);
        }
        self.producers.check(&batch, origin, self.config.verify_transactions)?;
        batch.base_offset = self.end;
        batch.leader_epoch = leader_epoch;
        let (base, end) = (batch.base_offset, batch.end());
        self.write(Stored::new(batch, now), now);
        Ok(Appended { base, end, known: false })
    }

    /// Appends what the leader sent, as a follower that knows this leader epoch. Nothing is checked
    /// again. What the log has already, and what is of a later epoch than the follower knows
    /// (KAFKA-18723), is passed over. Gives the end of the log.
    ///
    /// Source: `UnifiedLog.appendAsFollower` of 4.1.1.
    pub fn replicate(&mut self, batches: &[Batch], leader_epoch: u32, now: Time) -> Offset {
        let known = batches.iter().take_while(|batch| batch.leader_epoch <= leader_epoch);
        for batch in known {
            if batch.base_offset < self.end {
                continue;
            }
            self.write(Stored::new(batch.clone(), now), now);
        }
        self.end
    }

    /// A replica becomes the leader: its epoch begins at the end of its log
    /// (`Partition.makeLeader`).
    pub fn begin_epoch(&mut self, epoch: u32) {
        self.epochs.assign(epoch, self.end);
    }

    /// The first batch of a transaction comes: gives the guard with which to append it once the
    /// coordinator says that the transaction is open, or none when the log knows that it is. Needed
    /// only where [`LogConfig::verify_transactions`](super::LogConfig::verify_transactions) is.
    /// `epoch_bump`: the client speaks `transaction.version` 2.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH`.
    ///
    /// Source: KIP-890; `UnifiedLog.maybeStartTransactionVerification` of 4.1.1.
    pub fn begin_verification(
        &mut self,
        stamp: ProducerStamp,
        epoch_bump: bool,
        now: Time,
    ) -> Result<Option<Guard>, Code> {
        self.producers.begin_verification(stamp, epoch_bump, now)
    }

    /// Whether the producer has an open transaction here.
    pub fn has_ongoing_transaction(&self, producer: u32, epoch: u16) -> bool {
        self.producers.has_ongoing(producer, epoch)
    }

    /// Forgets producers that have been silent for too long. A broker does so every
    /// `producer.id.expiration.check.interval.ms`.
    pub fn expire_producers(&mut self, now: Time) {
        self.producers.expire(now, self.config.producer_expiration);
    }

    fn write(&mut self, stored: Stored, now: Time) {
        self.epochs.assign(stored.batch.leader_epoch, stored.batch.base_offset);
        if self.must_roll(&stored, now) {
            self.end = stored.batch.base_offset.max(self.end);
            self.roll(now);
        }
        self.end = stored.batch.end();
        if let Some(aborted) = self.producers.note(&stored.batch, stored.largest) {
            self.active().aborted.push(aborted);
        }
        self.active().push(stored);
        if self.end - self.flushed >= self.config.topic.flush_messages {
            self.flush(now);
        }
    }

    /// Whether the batch goes into a new segment: the active one would become larger than
    /// `segment.bytes`, or is older than `segment.ms`, counted between the timestamps of its first
    /// batch and this one (`LogSegment.shouldRoll`).
    fn must_roll(&self, stored: &Stored, now: Time) -> bool {
        let Some(active) = self.segments.back() else { return false };
        let age = match active.first {
            Some(first) => stored.largest.since(first),
            None => now.since(active.created),
        };
        !active.is_empty()
            && (active.bytes + u64::from(stored.bytes) > self.config.topic.segment_bytes
                || age > self.config.segment_age())
    }
}
