//! The page cache and the disk: what a flush, a crash, a loss of power and a shutdown leave.
//!
//! A write is in the page cache of the operating system, and so outlives the process. By default
//! nobody flushes it (`log.flush.interval.messages`, `log.flush.interval.ms`), apart from closed
//! segments: replication is what makes records durable. Source: "Application vs. OS Flush
//! Management", <https://kafka.apache.org/documentation/#appvsosflush>.

use super::Log;
use super::producers::Producers;
use crate::kernel::Time;
use crate::talk::kafka::Offset;

impl Log {
    /// Writes everything to the disk.
    pub fn flush(&mut self, now: Time) {
        self.flushed = self.end;
        self.last_flush = now;
    }

    /// Whether `flush.ms` have passed since the last flush, and there is something to flush
    /// (`LogManager.flushDirtyLogs`).
    pub fn must_flush(&self, now: Time) -> bool {
        self.flushed < self.end && now.since(self.last_flush) >= self.config.topic.flush_after
    }

    /// The machine lost its power: what was not flushed is gone. Gives the end of the log when it
    /// moved.
    pub fn lose_power(&mut self, now: Time) -> Option<Offset> {
        let lost = self.flushed < self.end;
        if self.flushed < self.start {
            // `LogLoader.load`: a log that ends before its start begins again there.
            self.restart_at(self.start, now);
        } else {
            self.truncate(self.flushed, now);
        }
        lost.then_some(self.end)
    }

    /// The broker shuts down in an orderly way: it flushes, and writes down what it knows of
    /// producers (`UnifiedLog.close`).
    pub fn shut_down(&mut self, now: Time) {
        self.flush(now);
        self.take_snapshot();
    }

    /// The broker starts again and opens the log. Of each producer it knows the last batch only,
    /// since a snapshot has no more: an older one that is sent again is out of order. This is so
    /// after a crash as well, since recovery ends with a snapshot. Verifications that were under way
    /// are forgotten.
    ///
    /// Source: `LogLoader.recoverSegment`, `ProducerStateManager.loadFromSnapshot` of 4.1.1.
    pub fn open(&mut self, now: Time) {
        let snapshot = self.producers.snapshot();
        self.producers = Producers::load(&snapshot, self.producers.guards());
        self.producers.expire(now, self.config.producer_expiration);
        self.take_snapshot();
        self.last_flush = now;
    }
}
