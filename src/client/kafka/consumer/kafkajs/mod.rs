//! The runner of KafkaJS: it joins, lets a fetcher for every broker and its workers go, stops all of
//! them when anything fails, and tries again, crashes, or joins again.
//!
//! KafkaJS has one thread. What it awaits is a state here: [`Runner::does`], [`fetcher`] and
//! [`worker`] follow its functions statement by statement.
//!
//! Sources: KafkaJS 2.2.4 `src/consumer/runner.js`, `fetchManager.js`, `index.js`,
//! `src/retry/index.js`. Observed: traces kafkajs_poison_Error, kafkajs_poison_SyntaxError,
//! kafkajs_handler_longer_than_session_timeout.

mod fetcher;
mod worker;

use std::collections::VecDeque;

use self::fetcher::Fetcher;
use self::worker::Worker;
use super::KafkaConsumer;
use super::buffer::Chunk;
use super::member::Outcome;
use crate::client::handler::Handler;
use crate::client::kafka::link::backoff::{kafkajs_first, kafkajs_next};
use crate::kernel::{Ctx, NodeId, Site, Span};
use crate::talk::kafka::Code;
use crate::talk::{KafkaClientTimer, Mq, Note, Timer};

const WAIT: Timer = Timer::KafkaClient(KafkaClientTimer::Poll);

/// The runner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Runner {
    does: Does,
    /// `running`: false from the moment it is told to stop.
    running: bool,
    /// How often the fetch manager was started again after an error. Success does not set it back:
    /// a retrier lives until a rebalance or a crash.
    retries: u32,
    /// `retryTime`: how long it waits after the next error.
    wait: Span,
    /// How often in a row a join failed, and how long it waits after the next time.
    join_retries: u32,
    join_wait: Span,
    /// Whose join it is.
    joins_for: JoinsFor,
    fetchers: Vec<Fetcher>,
    workers: Vec<Worker>,
    /// `workerQueue`: batches with the fetcher that waits for them.
    queue: VecDeque<(NodeId, Chunk)>,
    /// The error with which the fetchers are stopped.
    failed: Option<Failed>,
    /// How many partitions its topics had when it joined.
    partitions: u32,
    draws: u64,
}

/// What a runner is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Does {
    /// Nothing: it has not begun, or is over.
    #[default]
    Nothing,
    /// It joins.
    Joins,
    /// It waits before it joins again.
    JoinsLater,
    /// It has joined and waits for metadata.
    WaitsForMetadata,
    /// Its fetchers are at work.
    Fetches,
    /// It waits until all fetchers have stopped.
    Stops,
    /// It waits before the next attempt.
    Waits,
    /// It has crashed, and starts again later.
    Restarts,
}

/// Who waits for a join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum JoinsFor {
    /// `start()`.
    #[default]
    Start,
    /// The retrier, after a rebalance.
    Retrier,
    /// `recoverFromFetch` of a fetcher.
    Fetcher(NodeId),
}

/// What is thrown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Failed {
    /// `isRebalancing(e)`.
    Rebalancing,
    /// `UNKNOWN_MEMBER_ID`.
    UnknownMember,
    /// The brokers are others: the fetchers are made anew.
    OtherBrokers,
    /// It is retried.
    Retriable,
    /// It is not.
    Fatal,
}

impl Failed {
    /// Source: `isRebalancing` of `src/errors.js`, `retriable` of `src/protocol/error.js`.
    pub(super) fn of(code: Code) -> Failed {
        match code {
            Code::RebalanceInProgress | Code::NotCoordinator | Code::IllegalGeneration => {
                Failed::Rebalancing
            }
            Code::UnknownMemberId => Failed::UnknownMember,
            code if code.is_retriable() => Failed::Retriable,
            _ => Failed::Fatal,
        }
    }
}

impl<H: Handler> KafkaConsumer<H> {
    fn draw(&mut self, what: &'static str, ctx: &Ctx<'_, Mq>) -> Site {
        self.runner.draws += 1;
        Site::new(what, u64::from(ctx.me.0)).nth(self.runner.draws)
    }

    /// `start()`: it begins, or begins again after a crash.
    pub(super) fn run_again(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let draws = self.runner.draws;
        let workers = vec![Worker::default(); self.config.concurrency.max(1).into()];
        self.runner = Runner { draws, workers, running: true, ..Runner::default() };
        self.member.last_beat = ctx.now;
        self.link.refresh(ctx);
        self.begin_join(JoinsFor::Start, ctx);
    }

    /// `joinAndSync()`. What it owned is not its any more.
    fn begin_join(&mut self, joins_for: JoinsFor, ctx: &mut Ctx<'_, Mq>) {
        let lost = std::mem::take(&mut self.member.lost);
        self.revoke_all(lost, ctx);
        let site = self.draw("join retry", ctx);
        self.runner.join_retries = 0;
        self.runner.join_wait = kafkajs_first(&self.config.backoff, site, ctx);
        self.runner.joins_for = joins_for;
        if !matches!(joins_for, JoinsFor::Fetcher(_)) {
            self.runner.does = Does::Joins;
        }
        self.join_group(ctx);
    }

    /// What came of a join.
    pub(super) fn js_membership(&mut self, outcome: Outcome, ctx: &mut Ctx<'_, Mq>) {
        match outcome {
            Outcome::Pending => {}
            Outcome::Joined => {
                self.member.lost = false;
                let target = self.member.target.take().unwrap_or_default();
                self.take_on(&target, ctx);
                self.commits.last = ctx.now;
                self.runner.partitions = self.partitions_of_topics();
                match self.runner.joins_for {
                    JoinsFor::Fetcher(broker) => self.fetcher_rejoined(broker, ctx),
                    JoinsFor::Start | JoinsFor::Retrier => self.schedule(ctx),
                }
            }
            Outcome::Failed(code) => {
                let failed = Failed::of(code);
                let again = matches!(failed, Failed::Rebalancing | Failed::UnknownMember);
                if again && self.runner.join_retries < self.config.retries {
                    self.runner.join_retries += 1;
                    let wait = self.runner.join_wait;
                    let site = self.draw("join retry", ctx);
                    self.runner.join_wait = kafkajs_next(&self.config.backoff, wait, site, ctx);
                    ctx.arm(WAIT, wait);
                    if !matches!(self.runner.joins_for, JoinsFor::Fetcher(_)) {
                        self.runner.does = Does::JoinsLater;
                    }
                    return;
                }
                let thrown = if again { Failed::Retriable } else { failed };
                match self.runner.joins_for {
                    JoinsFor::Fetcher(broker) => self.fetcher_failed(broker, thrown),
                    JoinsFor::Start => self.crash(thrown == Failed::Retriable, None, ctx),
                    JoinsFor::Retrier => {
                        self.runner.failed = Some(thrown);
                        self.runner.does = Does::Stops;
                    }
                }
            }
        }
    }

    /// `scheduleFetchManager()`: a new retrier, and its first attempt.
    fn schedule(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let site = self.draw("retry", ctx);
        self.runner.retries = 0;
        self.runner.wait = kafkajs_first(&self.config.backoff, site, ctx);
        self.let_fetch();
    }

    /// `fetchManager.start()`.
    fn let_fetch(&mut self) {
        self.runner.failed = None;
        self.runner.fetchers = self.brokers().map(Fetcher::new).collect();
        self.runner.does =
            if self.runner.fetchers.is_empty() { Does::WaitsForMetadata } else { Does::Fetches };
    }

    /// `getNodeIds()`: the brokers of the metadata.
    fn brokers(&self) -> impl Iterator<Item = NodeId> + '_ {
        let all = self.link.image().into_iter().flat_map(|image| &image.brokers);
        all.filter(|broker| !broker.fenced).map(|broker| broker.node)
    }

    /// Metadata came.
    pub(super) fn js_learnt(&mut self, _: &mut Ctx<'_, Mq>) {
        if self.runner.does == Does::WaitsForMetadata {
            self.let_fetch();
        }
        self.look_again();
    }

    /// A wait is over: before a join, an attempt, or a restart.
    pub(super) fn retry_now(&mut self, ctx: &mut Ctx<'_, Mq>) {
        match self.runner.does {
            Does::JoinsLater => {
                self.runner.does = Does::Joins;
                self.join_group(ctx);
            }
            Does::Fetches | Does::Stops if self.member.rejoin => self.join_group(ctx),
            Does::Waits => self.let_fetch(),
            Does::Restarts => self.run_again(ctx),
            _ => {}
        }
    }

    /// Goes on with whatever can go on.
    pub(super) fn drive(&mut self, ctx: &mut Ctx<'_, Mq>) {
        loop {
            let mut on = false;
            if matches!(self.runner.does, Does::Fetches | Does::Stops) {
                for at in 0..self.runner.fetchers.len() {
                    on |= self.fetcher_on(at, ctx);
                }
            }
            for thread in 0..self.runner.workers.len() {
                on |= self.worker_on(thread as u16, ctx);
                if self.dead {
                    return;
                }
            }
            if self.runner.does == Does::Fetches && self.runner.failed.is_some() {
                // Promise.all rejects: stop()
                self.runner.fetchers.iter_mut().for_each(Fetcher::stop);
                self.runner.does = Does::Stops;
                on = true;
            }
            let stopped = self.runner.fetchers.iter().all(Fetcher::has_ended);
            if self.runner.does == Does::Stops && stopped {
                self.stopped(ctx);
                on = true;
            }
            if !on || self.dead {
                return;
            }
        }
    }

    /// All fetchers have stopped.
    fn stopped(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.runner.running {
            self.revoke_all(false, ctx);
            self.leave_group(ctx);
            return self.gone(ctx);
        }
        match self.runner.failed.take() {
            None | Some(Failed::OtherBrokers) => self.let_fetch(),
            Some(Failed::Rebalancing) => self.begin_join(JoinsFor::Retrier, ctx),
            Some(Failed::UnknownMember) => {
                self.member.id = "".into();
                self.member.lost = true;
                self.begin_join(JoinsFor::Retrier, ctx);
            }
            Some(Failed::Retriable) if self.runner.retries < self.config.retries => {
                self.runner.retries += 1;
                let wait = self.runner.wait;
                let site = self.draw("retry", ctx);
                self.runner.wait = kafkajs_next(&self.config.backoff, wait, site, ctx);
                ctx.arm(WAIT, wait);
                self.runner.does = Does::Waits;
            }
            Some(Failed::Retriable) => self.crash(true, Some(self.runner.wait), ctx),
            Some(Failed::Fatal) => self.crash(false, None, ctx),
        }
    }

    /// `onCrash()`: it leaves, and starts again if the error can be retried.
    fn crash(&mut self, restart: bool, wait: Option<Span>, ctx: &mut Ctx<'_, Mq>) {
        self.revoke_all(false, ctx);
        self.leave_group(ctx);
        let connected: Vec<NodeId> = self.link.connected().collect();
        self.link.close(ctx);
        for from in connected {
            ctx.note(Note::Disconnected { from });
        }
        self.fetching.clear();
        self.member = super::Member::default();
        let draws = self.runner.draws;
        self.runner = Runner { draws, ..Runner::default() };
        if restart && self.config.restarts {
            self.runner.does = Does::Restarts;
            ctx.arm(WAIT, wait.unwrap_or(self.config.backoff.first));
        } else {
            self.dead = true;
        }
    }

    /// `disconnect()`: it stops fetching, finishes the message under way, commits and leaves.
    pub(super) fn disconnect(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.runner.running = false;
        self.runner.fetchers.iter_mut().for_each(Fetcher::stop);
        if !matches!(self.runner.does, Does::Fetches | Does::Stops) {
            self.runner.fetchers.clear();
        }
        ctx.disarm(WAIT);
        self.runner.does = Does::Stops;
    }
}
