//! A worker of KafkaJS: it takes one batch after the other and gives its messages to the
//! application.
//!
//! Sources: KafkaJS 2.2.4 `src/consumer/worker.js`, `runner.js` (`handleBatch`,
//! `processEachMessage`, `processEachBatch`, `heartbeat`), `offsetManager/index.js`. Observed:
//! traces kafkajs_autocommit_default, kafkajs_autocommit_interval1000, kafkajs_autocommit_notawaited.

use super::Failed;
use crate::client::handler::Handler;
use crate::client::kafka::consumer::buffer::Chunk;
use crate::client::kafka::consumer::commit::{By, CommitError};
use crate::client::kafka::consumer::run::End;
use crate::client::kafka::consumer::{CommitWhen, Each, KafkaConsumer, Thrown};
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{Code, Moved, Offset, Record, TopicPartition};
use crate::talk::{Failure, KafkaNote, Mq, Note};

/// A worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    does: Does,
    /// The batch in hand, and the fetcher that waits for it.
    batch: Option<(NodeId, Chunk)>,
    /// The first message of the batch, which was looked at already.
    first: Option<(Offset, Record)>,
    /// The message in hand.
    message: Offset,
    /// How many messages of the batch were handled.
    handled: u32,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Does {
    /// It has no batch.
    #[default]
    Idle,
    /// It takes the next message.
    Next,
    /// It awaits the handler.
    Handles,
    /// The application commits the message.
    Commits,
    /// It waits for that.
    CommitsWaits,
    /// The message was handled.
    Resolves,
    /// The handler threw: what is resolved is committed.
    Catches(Failed),
    /// It waits for a commit before it throws.
    Throws(Failed),
    /// It sends a heartbeat, if one is due.
    Beats(Then),
    /// It waits for it.
    BeatsWaits(Then),
    /// It commits, if `autoCommitInterval` or `autoCommitThreshold` want it.
    CommitsIfNecessary(Then),
    /// It waits for that.
    CommitsIfNecessaryWaits(Then),
    /// It is through with the batch and commits.
    Ends,
    /// It waits for that.
    EndsWaits,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Then {
    /// The next message.
    Message,
    /// The end of the batch.
    End,
}

/// What a commit that failed throws. Of what the application awaited itself, nothing but the error's
/// `retriable` is left: a commit that meets with a rebalance kills the consumer for good.
///
/// Source: `KafkaJSNonRetriableError` in `runner.commitOffsets`, `src/retry/index.js`.
pub(super) fn thrown(why: CommitError) -> Failed {
    match why {
        CommitError::Refused(code) => Failed::of(code),
        CommitError::Unanswered => Failed::Retriable,
    }
}

impl<H: Handler> KafkaConsumer<H> {
    fn set_worker(&mut self, thread: u16, does: Does) -> bool {
        if let Some(worker) = self.runner.workers.get_mut(usize::from(thread)) {
            worker.does = does;
        }
        true
    }

    fn worker(&self, thread: u16) -> Option<&Worker> {
        self.runner.workers.get(usize::from(thread))
    }

    fn partition_of(&self, thread: u16) -> Option<TopicPartition> {
        Some(self.worker(thread)?.batch.as_ref()?.1.at)
    }

    /// Goes on, if it can. Returns whether it did.
    pub(super) fn worker_on(&mut self, thread: u16, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(does) = self.worker(thread).map(|worker| worker.does) else { return false };
        match does {
            Does::Idle => self.take_batch(thread),
            Does::Next => self.next_message(thread, ctx),
            Does::Handles => self.handled(thread, ctx),
            Does::Commits => self.commit_message(thread, ctx),
            Does::Resolves => self.resolve(thread),
            Does::Catches(failed) => {
                if !self.may_show(thread, ctx) {
                    return false;
                }
                if self.commits_now(By::Thread(thread), ctx) {
                    self.set_worker(thread, Does::Throws(failed))
                } else {
                    self.batch_over(thread, Err(failed))
                }
            }
            Does::Beats(then) if self.owes_beat(ctx) => {
                self.beat(ctx) && self.set_worker(thread, Does::BeatsWaits(then))
            }
            Does::Beats(Then::Message) => {
                self.set_worker(thread, Does::CommitsIfNecessary(Then::Message))
            }
            Does::Beats(Then::End) => self.batch_over(thread, Ok(())),
            Does::CommitsIfNecessary(then) => self.commit_if_necessary(thread, then, ctx),
            Does::Ends => {
                if !self.uncommitted().is_empty() && !self.may_show(thread, ctx) {
                    return false;
                }
                let waits = self.commits_now(By::Thread(thread), ctx);
                self.set_worker(
                    thread,
                    if waits { Does::EndsWaits } else { Does::Beats(Then::End) },
                )
            }
            Does::CommitsWaits
            | Does::Throws(_)
            | Does::BeatsWaits(_)
            | Does::CommitsIfNecessaryWaits(_)
            | Does::EndsWaits => false,
        }
    }

    /// `handleBatch()`.
    fn take_batch(&mut self, thread: u16) -> bool {
        let Some((broker, mut chunk)) = self.runner.queue.pop_front() else { return false };
        let raw = !chunk.is_spent();
        let first = chunk.next_record();
        let (at, end) = (chunk.at, chunk.end());
        let running = self.runner.running;
        let Some(worker) = self.runner.workers.get_mut(usize::from(thread)) else { return false };
        (worker.batch, worker.first, worker.handled) = (Some((broker, chunk)), first, 0);
        if !running {
            return self.batch_over(thread, Ok(()));
        }
        if first.is_some() {
            return self.set_worker(thread, Does::Next);
        }
        if raw {
            // isEmptyDueToFiltering(): markers and aborted messages only
            self.resolve_to(at, end);
            return self.set_worker(thread, Does::CommitsIfNecessary(Then::End));
        }
        self.set_worker(thread, Does::Beats(Then::End))
    }

    fn resolve_to(&mut self, at: TopicPartition, offset: Offset) {
        if let Some(place) = self.place_mut(at) {
            place.position = offset;
            place.fetches = offset;
            place.stored = Some(offset);
        }
    }

    fn next_message(&mut self, thread: u16, ctx: &mut Ctx<'_, Mq>) -> bool {
        let (running, each, group) = (self.runner.running, self.config.each, self.config.group);
        let Some(worker) = self.runner.workers.get_mut(usize::from(thread)) else { return false };
        let Some((_, chunk)) = &mut worker.batch else { return false };
        let (at, moves, handled) = (chunk.at, chunk.moves, worker.handled);
        let place = self.places.iter().find(|place| place.at == at);
        let sought = place.is_some_and(|place| place.moves != moves);
        let paused = place.is_some_and(super::super::Place::is_paused) && handled > 0;
        let returns = matches!(each, Each::Batch { returns_after: Some(n), .. } if handled >= n);
        let message = if !running || sought || paused || returns {
            None
        } else {
            worker.first.take().or_else(|| chunk.next_record())
        };
        let Some((offset, record)) = message else {
            // where eachBatch returns early, eachBatchAutoResolve resolves the rest all the same
            let end = chunk.end();
            if matches!(each, Each::Batch { auto_resolve: true, .. }) && !sought {
                self.resolve_to(at, end);
            }
            return self.set_worker(thread, Does::Ends);
        };
        worker.message = offset;
        worker.handled += 1;
        worker.does = Does::Handles;
        ctx.note(Note::Kafka(KafkaNote::Polled { msg: record.id, group, at, offset }));
        self.begin(thread, at, offset, record, ctx);
        true
    }

    /// The handler is through, or not.
    fn handled(&mut self, thread: u16, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(end) = self.ended(thread) else { return false };
        match end {
            End::Handled => self.set_worker(
                thread,
                match self.config.commit {
                    CommitWhen::EachMessage | CommitWhen::EachMessageAsync => Does::Commits,
                    _ => Does::Resolves,
                },
            ),
            End::LeftBehind => self.set_worker(thread, Does::Resolves),
            End::Threw(why) => {
                let fatal = self.config.error == Thrown::SyntaxError && why != Failure::Downstream;
                let failed = if fatal { Failed::Fatal } else { Failed::Retriable };
                self.set_worker(thread, Does::Catches(failed))
            }
            End::SoughtBack => {
                let message = self.worker(thread).map_or(0, |worker| worker.message);
                if let Some(at) = self.partition_of(thread) {
                    self.move_to(at, message, Moved::Seek, ctx);
                    self.rest(at, message, ctx);
                }
                self.set_worker(thread, Does::Ends)
            }
            End::Died => false,
        }
    }

    /// `consumer.commitOffsets()` inside the handler.
    fn commit_message(&mut self, thread: u16, ctx: &mut Ctx<'_, Mq>) -> bool {
        if !self.may_show(thread, ctx) {
            return false;
        }
        let (Some(at), Some(worker)) = (self.partition_of(thread), self.worker(thread)) else {
            return false;
        };
        let offsets = vec![(at, Some(worker.message + 1))];
        if self.config.commit == CommitWhen::EachMessageAsync {
            let _ = self.commit(offsets, By::Nobody, ctx); // nobody looks at the promise
            return self.set_worker(thread, Does::Resolves);
        }
        match self.commit(offsets, By::Thread(thread), ctx) {
            Ok(()) => self.set_worker(thread, Does::CommitsWaits),
            Err(_) => self.set_worker(thread, Does::Catches(Failed::Retriable)),
        }
    }

    fn resolve(&mut self, thread: u16) -> bool {
        let (Some(at), Some(worker)) = (self.partition_of(thread), self.worker(thread)) else {
            return false;
        };
        let message = worker.message;
        if matches!(self.config.each, Each::Batch { auto_resolve: true, .. }) {
            return self.set_worker(thread, Does::Next);
        }
        self.resolve_to(at, message + 1);
        self.set_worker(thread, Does::Beats(Then::Message))
    }

    /// A heartbeat is due: not before `heartbeatInterval` has passed since the last one.
    pub(super) fn owes_beat(&self, ctx: &Ctx<'_, Mq>) -> bool {
        let since = ctx.now.since(self.member.last_beat);
        !self.member.id.is_empty() && since >= self.config.heartbeat_interval
    }

    /// `autoCommitOffsets()`. Returns whether there is an answer to wait for.
    pub(super) fn commits_now(&mut self, by: By, ctx: &mut Ctx<'_, Mq>) -> bool {
        let at_end = matches!(self.config.commit, CommitWhen::Auto | CommitWhen::EachBatch);
        if !at_end {
            return false;
        }
        let offsets = self.uncommitted();
        if offsets.is_empty() {
            self.commits.last = ctx.now;
            return false;
        }
        self.commit(offsets, by, ctx).is_ok()
    }

    /// `commitOffsetsIfNecessary()`: the interval has passed, or as many offsets as the threshold
    /// says are resolved. Both are off by default.
    fn commit_if_necessary(&mut self, thread: u16, then: Then, ctx: &mut Ctx<'_, Mq>) -> bool {
        let since = ctx.now.since(self.commits.last);
        let interval = self.config.auto_commit_interval.is_some_and(|it| since >= it);
        let open = |place: &super::super::Place| {
            place.stored.map_or(0, |stored| stored - stored.min(place.committed.unwrap_or(0)))
        };
        let threshold = self.config.auto_commit_threshold;
        let threshold = threshold.is_some_and(|it| self.places.iter().map(open).sum::<u64>() >= it);
        if self.config.auto_commits() && (interval || threshold) {
            if !self.uncommitted().is_empty() && !self.may_show(thread, ctx) {
                return false;
            }
            if self.commits_now(By::Thread(thread), ctx) {
                return self.set_worker(thread, Does::CommitsIfNecessaryWaits(then));
            }
        }
        self.set_worker(
            thread,
            match then {
                Then::Message => Does::Next,
                Then::End => Does::Beats(Then::End),
            },
        )
    }

    /// The worker is through with its batch.
    fn batch_over(&mut self, thread: u16, result: Result<(), Failed>) -> bool {
        let Some(worker) = self.runner.workers.get_mut(usize::from(thread)) else { return false };
        worker.does = Does::Idle;
        if let Some((broker, _)) = worker.batch.take() {
            self.batch_done(broker, result);
        }
        true
    }

    /// A commit that a worker waited for is over.
    pub(in super::super) fn worker_committed(
        &mut self,
        thread: u16,
        result: Result<(), CommitError>,
        _: &mut Ctx<'_, Mq>,
    ) {
        let Some(does) = self.worker(thread).map(|worker| worker.does) else { return };
        match (does, result) {
            (Does::CommitsWaits, Ok(())) => self.set_worker(thread, Does::Resolves),
            (Does::CommitsWaits, Err(why)) => {
                let failed = match thrown(why) {
                    Failed::Retriable => Failed::Retriable,
                    _ => Failed::Fatal,
                };
                self.set_worker(thread, Does::Catches(failed))
            }
            (Does::Throws(failed), result) => {
                // a commit that fails throws its own error instead
                self.batch_over(thread, Err(result.err().map_or(failed, thrown)))
            }
            (Does::CommitsIfNecessaryWaits(Then::Message), Ok(())) => {
                self.set_worker(thread, Does::Next)
            }
            (Does::CommitsIfNecessaryWaits(Then::End) | Does::EndsWaits, Ok(())) => {
                self.set_worker(thread, Does::Beats(Then::End))
            }
            (Does::CommitsIfNecessaryWaits(_) | Does::EndsWaits, Err(why)) => {
                self.batch_over(thread, Err(thrown(why)))
            }
            _ => false,
        };
    }

    /// The heartbeat that workers and fetchers share was answered.
    pub(in super::super) fn beaten(&mut self, error: Option<Code>, ctx: &mut Ctx<'_, Mq>) {
        self.all_beaten(error.map(Failed::of), ctx);
    }

    /// There will be no answer to it.
    pub(in super::super) fn beat_lost(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.all_beaten(Some(Failed::Retriable), ctx);
    }

    fn all_beaten(&mut self, error: Option<Failed>, ctx: &mut Ctx<'_, Mq>) {
        for thread in 0..self.runner.workers.len() as u16 {
            let Some(Does::BeatsWaits(then)) = self.worker(thread).map(|it| it.does) else {
                continue;
            };
            match (error, then) {
                (None, Then::Message) => {
                    self.set_worker(thread, Does::CommitsIfNecessary(Then::Message))
                }
                (None, Then::End) => self.batch_over(thread, Ok(())),
                (Some(Failed::Rebalancing), _) if self.commits_now(By::Thread(thread), ctx) => {
                    self.set_worker(thread, Does::Throws(Failed::Rebalancing))
                }
                (Some(failed), _) => self.batch_over(thread, Err(failed)),
            };
        }
        self.fetchers_beaten(error, ctx);
    }
}
