//! A fetcher of KafkaJS: one for every broker, also for those that lead nothing. It fetches, hands
//! the batches to the workers, waits until all of them are through, and fetches again.
//!
//! A fetcher whose broker leads nothing of what the consumer reads sleeps for `maxWaitTimeInMs` and
//! then sends a heartbeat: that is why a slow handler does not always end a membership. One that got
//! empty batches puts them behind the busy worker.
//!
//! Sources: KafkaJS 2.2.4 `src/consumer/fetcher.js`, `consumerGroup.js` (`fetch`,
//! `recoverFromFetch`).

use super::Failed;
use crate::client::handler::Handler;
use crate::client::kafka::consumer::KafkaConsumer;
use crate::client::kafka::consumer::commit::{By, CommitError};
use crate::client::kafka::consumer::place::Place;
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{Code, Fetched, TopicPartition};
use crate::talk::{KafkaClientTimer, Mq, Timer};

/// A fetcher.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fetcher {
    pub(super) broker: NodeId,
    running: bool,
    does: Does,
}

/// What a fetcher is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Does {
    /// It is at the head of its loop.
    Begins,
    /// It waits until all positions are known.
    Locates,
    /// It waits for its broker.
    Fetches,
    /// There was nothing to ask for.
    Sleeps,
    /// It waits for so many batches; one of them failed.
    Works(u16, Option<Failed>),
    /// It brought nothing, and is about to send a heartbeat.
    Beats,
    /// It waits for its heartbeat.
    BeatsWaits,
    /// It waits for a commit: of nothing, where an offset was out of range.
    Resets(TopicPartition),
    /// It waits for a commit before it throws.
    Throws(Failed),
    /// It waits until the group was joined again.
    Recovers,
    /// It is over.
    Ended,
}

impl Fetcher {
    pub(super) fn new(broker: NodeId) -> Fetcher {
        Fetcher { broker, running: true, does: Does::Begins }
    }

    pub(super) fn stop(&mut self) {
        self.running = false;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.does == Does::Ended
    }
}

impl<H: Handler> KafkaConsumer<H> {
    fn fetcher(&mut self, broker: NodeId) -> Option<&mut Fetcher> {
        self.runner.fetchers.iter_mut().find(|fetcher| fetcher.broker == broker)
    }

    fn set_fetcher(&mut self, broker: NodeId, does: Does) {
        if let Some(fetcher) = self.fetcher(broker) {
            fetcher.does = does;
        }
    }

    /// It throws: it is over, and all others will be stopped.
    pub(super) fn fetcher_failed(&mut self, broker: NodeId, failed: Failed) {
        self.set_fetcher(broker, Does::Ended);
        self.runner.failed = self.runner.failed.or(Some(failed));
    }

    /// Goes on, if it can. Returns whether it did.
    pub(super) fn fetcher_on(&mut self, at: usize, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(Fetcher { broker, running, does }) = self.runner.fetchers.get(at).cloned() else {
            return false;
        };
        match does {
            Does::Begins if !running => self.set_fetcher(broker, Does::Ended),
            Does::Begins => return self.fetch_begins(broker, ctx),
            Does::Beats if self.owes_beat(ctx) => {
                if !self.beat(ctx) {
                    return false; // once the coordinator is known
                }
                self.set_fetcher(broker, Does::BeatsWaits);
            }
            Does::Beats | Does::Works(0, None) => self.set_fetcher(broker, Does::Begins),
            Does::Works(0, Some(failed)) => self.fetcher_failed(broker, failed),
            _ => return false,
        }
        true
    }

    fn fetch_begins(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) -> bool {
        let brokers = self.brokers().count();
        let known = |node| self.runner.fetchers.iter().any(|fetcher| fetcher.broker == node);
        if brokers != 0 && (brokers != self.runner.fetchers.len() || !self.brokers().all(known)) {
            self.fetcher_failed(broker, Failed::OtherBrokers);
            return true;
        }
        if self.partitions_of_topics() != self.runner.partitions {
            // KafkaJSStaleTopicMetadataAssignment: resync group
            self.recover(broker, ctx);
            return true;
        }
        if !self.locate(ctx) {
            self.set_fetcher(broker, Does::Locates);
            return false;
        }
        if self.fetch_from(broker, ctx) {
            self.set_fetcher(broker, Does::Fetches);
        } else {
            let sleep = self.config.max_wait;
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Fetch(broker)), sleep);
            self.set_fetcher(broker, Does::Sleeps);
        }
        true
    }

    /// `sleep(maxWaitTime)` is over, and the fetch brought nothing.
    pub(in super::super) fn slept(&mut self, broker: NodeId, _: &mut Ctx<'_, Mq>) {
        if self.fetcher(broker).is_some_and(|it| it.does == Does::Sleeps) {
            self.set_fetcher(broker, Does::Beats);
        }
    }

    /// Those who wait for positions look again.
    pub(in super::super) fn look_again(&mut self) {
        for fetcher in &mut self.runner.fetchers {
            if fetcher.does == Does::Locates {
                fetcher.does = Does::Begins;
            }
        }
    }

    /// A question about positions was answered.
    pub(in super::super) fn fetchers_located(
        &mut self,
        error: Option<Code>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(code) = error else { return self.look_again() };
        let waits = |fetcher: &&super::Fetcher| fetcher.does == Does::Locates;
        let Some(broker) = self.runner.fetchers.iter().find(waits).map(|it| it.broker) else {
            return;
        };
        self.recover_from(broker, code, ctx);
    }

    pub(in super::super) fn fetcher_answered(
        &mut self,
        broker: NodeId,
        answer: Vec<(TopicPartition, Fetched)>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let mut chunks = Vec::new();
        let error = self.on_fetched(broker, answer, &mut chunks);
        let Some(Fetcher { running, does: Does::Fetches, .. }) = self.fetcher(broker).cloned()
        else {
            return;
        };
        match error {
            Some((at, Code::OffsetOutOfRange)) => {
                // setDefaultOffset(): it commits -1 or -2
                let sent = self.commit(vec![(at, None)], By::Fetcher(broker), ctx).is_ok();
                self.set_fetcher(broker, if sent { Does::Resets(at) } else { Does::Begins });
            }
            Some((_, code)) => self.recover_from(broker, code, ctx),
            None if !running => self.set_fetcher(broker, Does::Ended),
            None => {
                chunks.retain(|chunk| self.place(chunk.at).is_some_and(|place| !place.is_paused()));
                if chunks.is_empty() {
                    return self.set_fetcher(broker, Does::Beats);
                }
                self.set_fetcher(broker, Does::Works(chunks.len() as u16, None));
                self.runner.queue.extend(chunks.into_iter().map(|chunk| (broker, chunk)));
            }
        }
    }

    /// `recoverFromFetch()`.
    fn recover_from(&mut self, broker: NodeId, code: Code, ctx: &mut Ctx<'_, Mq>) {
        match code {
            Code::LeaderNotAvailable
            | Code::NotLeaderOrFollower
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::UnknownTopicOrPartition => {
                self.link.refresh(ctx);
                self.recover(broker, ctx);
            }
            code => self.fetcher_failed(broker, Failed::of(code)),
        }
    }

    /// It joins again, while the others go on.
    fn recover(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        self.set_fetcher(broker, Does::Recovers);
        if !self.runner.fetchers.iter().any(|it| it.broker != broker && it.does == Does::Recovers) {
            self.begin_join(super::JoinsFor::Fetcher(broker), ctx);
        }
    }

    pub(super) fn fetcher_rejoined(&mut self, _: NodeId, _: &mut Ctx<'_, Mq>) {
        for fetcher in &mut self.runner.fetchers {
            if fetcher.does == Does::Recovers {
                fetcher.does = Does::Beats; // the fetch brought nothing
            }
        }
        self.look_again();
    }

    /// `KafkaJSConnectionClosedError`: the broker is removed from the pool, and found again.
    pub(in super::super) fn fetcher_lost(&mut self, broker: NodeId, _: &mut Ctx<'_, Mq>) {
        if self.fetcher(broker).is_some_and(|it| it.does == Does::Fetches) {
            self.set_fetcher(broker, Does::Beats);
        }
    }

    pub(in super::super) fn fetcher_committed(
        &mut self,
        broker: NodeId,
        result: Result<(), CommitError>,
        _: &mut Ctx<'_, Mq>,
    ) {
        let Some(does) = self.fetcher(broker).map(|fetcher| fetcher.does) else { return };
        match (does, result) {
            (Does::Throws(failed), _) => self.fetcher_failed(broker, failed),
            (Does::Resets(at), Ok(())) => {
                self.moves = self.moves.wrapping_add(1);
                let moves = self.moves;
                if let Some(place) = self.place_mut(at) {
                    let paused = place.paused;
                    *place = Place::new(at, moves);
                    place.paused = paused;
                }
                self.set_fetcher(broker, Does::Beats);
            }
            (Does::Resets(_), Err(why)) => self.fetcher_failed(broker, super::worker::thrown(why)),
            _ => {}
        }
    }

    /// The heartbeat of a fetcher was answered.
    pub(super) fn fetchers_beaten(&mut self, error: Option<Failed>, ctx: &mut Ctx<'_, Mq>) {
        for at in 0..self.runner.fetchers.len() {
            let Fetcher { broker, does, .. } = self.runner.fetchers[at]; // `at` is below the length
            match error {
                _ if does != Does::BeatsWaits => {}
                None => self.set_fetcher(broker, Does::Begins),
                Some(Failed::Rebalancing) if self.commits_now(By::Fetcher(broker), ctx) => {
                    self.set_fetcher(broker, Does::Throws(Failed::Rebalancing));
                }
                Some(failed) => self.fetcher_failed(broker, failed),
            }
        }
    }

    /// One of the batches of a fetcher is done with.
    pub(super) fn batch_done(&mut self, broker: NodeId, result: Result<(), Failed>) {
        if let Some(fetcher) = self.fetcher(broker)
            && let Does::Works(left, failed) = &mut fetcher.does
        {
            *left = left.saturating_sub(1);
            *failed = failed.or(result.err());
        }
    }
}
