//! Fetch requests, of consumers and of followers.
//!
//! Source: `ReplicaManager.fetchMessages`, `readFromLog`, `DelayedFetch` of Apache Kafka 4.1.1.

use super::{Broker, Client, Delayed};
use crate::kafka::replica::{Follows, Upto};
use crate::kernel::Ctx;
use crate::talk::kafka::{Answer, Code, Fetch, Fetched, TopicPartition};
use crate::talk::{KafkaTimer, Mq, Timer};

/// What a fetch finds.
struct Found {
    answer: Vec<(TopicPartition, Fetched)>,
    bytes: u64,
    /// Something is to be said at once.
    urgent: bool,
}

impl Broker {
    pub(super) fn fetch(&mut self, client: Client, fetch: Fetch, ctx: &mut Ctx<'_, Mq>) {
        ctx.work(ctx.slowed(self.config.costs.request));
        let found = self.read(&fetch, true, ctx);
        let enough = found.bytes >= u64::from(fetch.min_bytes);
        if fetch.max_wait.is_zero() || fetch.partitions.is_empty() || found.urgent || enough {
            return self.respond(client, Answer::Fetch(found.answer), ctx);
        }
        let wait = fetch.max_wait;
        let at: Vec<_> = fetch.partitions.iter().map(|from| from.at).collect();
        let slot = self.purgatory.put(Delayed::Fetch { client, fetch });
        for at in at {
            if let Some(replica) = self.replicas.get_mut(at) {
                replica.fetching.push(slot);
            }
        }
        ctx.arm(Timer::Kafka(KafkaTimer::Delayed(slot.into())), wait);
    }

    /// Reads what is there. The first time a follower's offsets say how far it is.
    fn read(&mut self, fetch: &Fetch, first_time: bool, ctx: &mut Ctx<'_, Mq>) -> Found {
        let mut found = Found { answer: Vec::new(), bytes: 0, urgent: false };
        let upto = match fetch.replica {
            Some(_) => Upto::End,
            None => fetch.isolation.into(),
        };
        for from in &fetch.partitions {
            let left = u64::from(fetch.max_bytes).saturating_sub(found.bytes);
            let limit = left.min(u64::from(from.max_bytes));
            // the first batch of an answer is never too large
            let limit = if found.bytes > 0 && left == 0 { None } else { Some(limit) };
            let at = from.at;
            let exists = self.image.partition(at).is_some();
            let Some((replica, peers)) = self.replica(at, ctx.now) else {
                let code = match exists {
                    true => Code::NotLeaderOrFollower,
                    false => Code::UnknownTopicOrPartition,
                };
                found.urgent = true;
                found.answer.push((at, failed(code)));
                continue;
            };
            let end = replica.log.end();
            let read = match limit {
                Some(limit) => replica.read(from, upto, limit),
                None => continue,
            };
            let (fetched, bytes) = match read {
                Ok(read) => (read.fetched, read.bytes),
                Err(code) => {
                    found.urgent = true;
                    let mut failed = failed(code);
                    failed.log_start = replica.log.start();
                    found.answer.push((at, failed));
                    continue;
                }
            };
            found.bytes += bytes;
            found.urgent |= fetched.diverging.is_some();
            let mut follows = Follows::default();
            let mut news = !fetched.batches.is_empty() || fetched.diverging.is_some();
            if let Some((follower, epoch)) = fetch.replica {
                if first_time && fetched.diverging.is_none() {
                    follows = replica.follower_at(follower, from.offset, end, epoch, peers);
                }
                news |= replica.tell(follower, fetched.high_watermark)
                    || from.log_start < fetched.log_start;
            }
            if news {
                found.answer.push((at, fetched));
            }
            if follows.expand
                && let Some((follower, _)) = fetch.replica
            {
                self.ask_in(at, follower);
            }
            if follows.raised {
                self.tell_high_watermark(at, ctx);
                self.touch(at);
            }
        }
        found
    }

    /// Whether a fetch that waits has something to get in this partition.
    pub(super) fn is_due(&self, slot: u32, at: TopicPartition) -> bool {
        let Some(Delayed::Fetch { fetch, .. }) = self.purgatory.get(slot) else { return false };
        let Some(from) = fetch.partitions.iter().find(|from| from.at == at) else { return false };
        let Some(replica) = self.replicas.get(at) else { return true };
        if replica.leading().is_none() || replica.check_epoch(from.leader_epoch).is_err() {
            return true;
        }
        let upto = match fetch.replica {
            Some(_) => Upto::End,
            None => fetch.isolation.into(),
        };
        if replica.upper(upto) <= from.offset {
            return replica.log.end() < from.offset; // it was truncated
        }
        fetch.min_bytes <= 1 || self.available(fetch) >= u64::from(fetch.min_bytes)
    }

    fn available(&self, fetch: &Fetch) -> u64 {
        let upto = match fetch.replica {
            Some(_) => Upto::End,
            None => fetch.isolation.into(),
        };
        let mut bytes = 0;
        for from in &fetch.partitions {
            if let Some(replica) = self.replicas.get(from.at)
                && let Ok(read) = replica.read(from, upto, from.max_bytes.into())
            {
                bytes += read.bytes;
            }
        }
        bytes
    }

    /// A fetch has waited long enough, or there is something to get.
    pub(super) fn finish_fetch(&mut self, client: Client, fetch: &Fetch, ctx: &mut Ctx<'_, Mq>) {
        let found = self.read(fetch, false, ctx);
        self.respond(client, Answer::Fetch(found.answer), ctx);
    }
}

fn failed(code: Code) -> Fetched {
    Fetched {
        error: Some(code),
        high_watermark: 0,
        last_stable_offset: 0,
        log_start: 0,
        diverging: None,
        aborted: Vec::new(),
        batches: Vec::new(),
    }
}
