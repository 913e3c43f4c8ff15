//! What a broker does now and then: retention, compaction, producers that are silent.
//!
//! Source: `LogManager.cleanupLogs`, `LogCleaner` of Apache Kafka 4.1.1. Every replica does it by
//! itself; what is noted is what leaders do. Simplified: a pass of the cleaner takes all logs that
//! need it, where the real one takes the dirtiest and sleeps only when there is none.

use super::Broker;
use crate::kernel::Ctx;
use crate::talk::kafka::{Offset, Record, TopicPartition};
use crate::talk::{KafkaNote, KafkaTimer, Mq, Note, Timer};

impl Broker {
    pub(super) fn start_cleaning(&self, ctx: &mut Ctx<'_, Mq>) {
        let settings = &self.config.settings;
        ctx.arm(Timer::Kafka(KafkaTimer::Retention), settings.retention_check_interval);
        let compacts = self.config.topics.iter().any(|topic| topic.settings.compact);
        if settings.cleaner_enable && compacts {
            ctx.arm(Timer::Kafka(KafkaTimer::Clean), settings.cleaner_backoff);
        }
    }

    /// `log.retention.check.interval.ms`. Records of compacted topics are left to the cleaner.
    pub(super) fn check_retention(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        let mut moved = Vec::new();
        for (at, replica) in self.replicas.iter_mut() {
            replica.log.expire_producers(now);
            if replica.log.must_flush(now) {
                replica.log.flush(now);
            }
            if replica.log.delete_old_segments(replica.high_watermark, now)
                && replica.leading().is_some()
            {
                moved.push((at, replica.log.start()));
            }
        }
        for (at, offset) in moved {
            ctx.note(Note::Kafka(KafkaNote::LogStart { at, offset }));
            self.touch(at);
        }
        let every = self.config.settings.retention_check_interval;
        ctx.arm(Timer::Kafka(KafkaTimer::Retention), every);
    }

    /// `log.cleaner.backoff.ms`.
    pub(super) fn clean(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        for (at, replica) in self.replicas.iter_mut() {
            let high_watermark = replica.high_watermark;
            if !replica.log.must_compact(high_watermark, now) {
                continue;
            }
            let dropped = replica.log.compact(high_watermark, now);
            if replica.leading().is_some() {
                dropped.iter().for_each(|(offset, record)| tell(at, *offset, record, ctx));
            }
        }
        ctx.arm(Timer::Kafka(KafkaTimer::Clean), self.config.settings.cleaner_backoff);
    }
}

fn tell(at: TopicPartition, offset: Offset, record: &Record, ctx: &mut Ctx<'_, Mq>) {
    let (msg, tombstone) = (record.id, record.tombstone);
    ctx.note(Note::Kafka(KafkaNote::CompactedAway { msg, at, offset, tombstone }));
}
