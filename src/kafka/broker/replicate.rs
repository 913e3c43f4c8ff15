//! Following: one fetch is under way for each broker that leads something.
//!
//! Source: `AbstractFetcherThread`, `ReplicaFetcherThread` of Apache Kafka 4.1.1, with
//! `num.replica.fetchers=1`.

use super::Broker;
use crate::kafka::replica::Role;
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{
    Answer, Api, Code, Fetch, FetchFrom, Fetched, Isolation, Request, Response, TopicPartition,
};
use crate::talk::{KafkaNote, KafkaTimer, Mq, Msg, Note, Timer};

/// The connection that fetches go on.
const LANE: u8 = 200;

/// Fetches from one leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fetcher {
    leader: NodeId,
    /// What it follows there.
    partitions: Vec<TopicPartition>,
    /// The fetch under way.
    asked: Option<Vec<FetchFrom>>,
    /// Fetches so far, on all connections.
    correlation: u32,
}

impl Broker {
    /// Finds out whom it follows in what, and begins to fetch where it did not.
    pub(super) fn follow(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for fetcher in &mut self.fetchers {
            fetcher.partitions.clear();
        }
        for (at, replica) in self.replicas.iter() {
            let Some(leader) = replica.following() else { continue };
            match self.fetchers.iter_mut().find(|it| it.leader == leader) {
                Some(fetcher) => fetcher.partitions.push(at),
                None => self.fetchers.push(Fetcher {
                    leader,
                    partitions: vec![at],
                    asked: None,
                    correlation: 0,
                }),
            }
        }
        let leaders: Vec<_> = self.fetchers.iter().map(|it| it.leader).collect();
        for leader in leaders {
            self.fetch_from(leader, ctx);
        }
    }

    /// Fetches from this leader, unless a fetch is under way.
    pub(super) fn fetch_from(&mut self, leader: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(epoch) = self.life.epoch else { return };
        let settings = &self.config.settings;
        let Some(fetcher) = self.fetchers.iter_mut().find(|it| it.leader == leader) else { return };
        if fetcher.asked.is_some() || fetcher.partitions.is_empty() {
            return;
        }
        let mut partitions = Vec::with_capacity(fetcher.partitions.len());
        for &at in &fetcher.partitions {
            let Some(replica) = self.replicas.get(at) else { continue };
            let Role::Follower(following) = &replica.role else { continue };
            if following.not_before <= ctx.now {
                partitions.push(FetchFrom {
                    at,
                    offset: replica.log.end(),
                    leader_epoch: Some(replica.leader_epoch),
                    last_fetched_epoch: replica.log.latest_epoch(),
                    log_start: replica.log.start(),
                    max_bytes: settings.replica_fetch_max_bytes as u32,
                });
            }
        }
        if partitions.is_empty() {
            let backoff = settings.replica_fetch_backoff;
            return ctx.arm(Timer::Kafka(KafkaTimer::Fetch(leader)), backoff);
        }
        fetcher.asked = Some(partitions.clone());
        fetcher.correlation += 1;
        let fetch = Fetch {
            replica: Some((ctx.me, epoch)),
            max_wait: settings.replica_fetch_wait_max,
            min_bytes: settings.replica_fetch_min_bytes as u32,
            max_bytes: settings.replica_fetch_response_max_bytes as u32,
            isolation: Isolation::ReadUncommitted,
            partitions,
        };
        let api = Api::Fetch(fetch);
        let request = Request { lane: LANE, correlation: fetcher.correlation, api };
        ctx.send(leader, Msg::KafkaRequest(Box::new(request)));
        // what is not answered is asked again on another connection
        ctx.arm(Timer::Kafka(KafkaTimer::Fetch(leader)), settings.replica_socket_timeout);
    }

    /// A follower has waited long enough: after an error, or for an answer.
    pub(super) fn fetch_again(&mut self, leader: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if let Some(fetcher) = self.fetchers.iter_mut().find(|it| it.leader == leader) {
            fetcher.asked = None;
        }
        self.fetch_from(leader, ctx);
    }

    /// The connection with a leader is gone.
    pub(super) fn leader_lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if let Some(fetcher) = self.fetchers.iter_mut().find(|it| it.leader == peer) {
            fetcher.asked = None;
            let backoff = self.config.settings.replica_fetch_backoff;
            ctx.arm(Timer::Kafka(KafkaTimer::Fetch(peer)), backoff);
        }
    }

    /// A broker answers.
    pub(super) fn answered(&mut self, from: NodeId, response: Response, ctx: &mut Ctx<'_, Mq>) {
        match response.lane {
            super::coordinators::LANE => return self.question_answered(from, response, ctx),
            super::transactions::LANE => return self.verified(from, response, ctx),
            _ => {}
        }
        if let Answer::Fetch(found) = response.answer
            && let Some(fetcher) = self.fetchers.iter_mut().find(|it| it.leader == from)
            && fetcher.correlation == response.correlation
            && let Some(asked) = fetcher.asked.take()
        {
            let batches = found.iter().map(|(_, it)| it.batches.len()).sum();
            if batches > 0 {
                self.take_time(batches, ctx);
            }
            // the answer is in the order of the question
            let mut asked = asked.into_iter();
            for (at, fetched) in found {
                if let Some(asked) = asked.by_ref().find(|it| it.at == at) {
                    self.fetched(from, asked, fetched, ctx);
                }
            }
            self.fetch_from(from, ctx);
        }
    }

    /// What a leader has in one partition. It counts only if nothing has changed meanwhile.
    fn fetched(
        &mut self,
        leader: NodeId,
        asked: FetchFrom,
        fetched: Fetched,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let at = asked.at;
        let Some(replica) = self.replicas.get_mut(at) else { return };
        let Role::Follower(following) = &mut replica.role else { return };
        let log = &mut replica.log;
        if following.leader != leader
            || asked.leader_epoch != Some(replica.leader_epoch)
            || asked.offset != log.end()
        {
            return;
        }
        match fetched.error {
            None => {}
            // it was away for longer than the leader keeps records (handleOutOfRangeError)
            Some(Code::OffsetOutOfRange) if asked.offset < fetched.log_start => {
                log.restart_at(fetched.log_start, ctx.now);
                replica.high_watermark = fetched.log_start;
                return;
            }
            Some(_) => {
                following.not_before = ctx.now + self.config.settings.replica_fetch_backoff;
                return;
            }
        }
        if let Some(diverging) = fetched.diverging {
            if let Some(to) = replica.truncate(diverging, ctx.now) {
                ctx.note(Note::Kafka(KafkaNote::Truncated { at, to }));
            }
        } else if let Some(end) = replica.copy(&fetched, ctx.now) {
            ctx.note(Note::Kafka(KafkaNote::Replicated { at, end }));
        }
    }
}
