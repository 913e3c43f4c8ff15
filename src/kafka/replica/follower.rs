//! A replica that follows: it copies what its leader has.

use super::Replica;
use crate::kernel::{NodeId, Time};
use crate::talk::kafka::{EpochEnd, Fetched, Offset};

/// What a follower knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Following {
    pub(in crate::kafka) leader: NodeId,
    /// After an error it does not fetch before this.
    pub(in crate::kafka) not_before: Time,
}

impl Replica {
    /// Drops what the leader does not have. Returns where the log ends then, if it is shorter.
    pub(in crate::kafka) fn truncate(&mut self, leader: EpochEnd, now: Time) -> Option<Offset> {
        let truncation = self.log.truncation(leader);
        let shorter = self.log.truncate(truncation.to, now);
        self.high_watermark = self.high_watermark.min(self.log.end());
        shorter.then_some(self.log.end())
    }

    /// Takes what the leader has. Returns where the log ends then, if it is longer.
    ///
    /// Source: `ReplicaFetcherThread.processPartitionData` of Apache Kafka 4.1.1.
    pub(in crate::kafka) fn copy(&mut self, fetched: &Fetched, now: Time) -> Option<Offset> {
        let before = self.log.end();
        let end = self.log.replicate(&fetched.batches, self.leader_epoch, now);
        self.high_watermark = fetched.high_watermark.min(end).max(self.log.start());
        self.log.high_watermark_moved(self.high_watermark);
        if fetched.log_start > self.log.start() {
            self.log.advance_start(fetched.log_start);
            self.high_watermark = self.high_watermark.max(fetched.log_start);
        }
        (end > before).then_some(end)
    }
}
