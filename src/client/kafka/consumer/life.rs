//! How a process comes and goes, and what reaches it.

use super::commit::Commits;
use super::kafkajs::Runner;
use super::member::{Ask, Member, Outcome, Phase};
use super::place::Known;
use super::produce::Copies;
use super::run::Awaits;
use super::stages::timer;
use super::txn::Txn;
use super::{GroupProtocol, KafkaConsumer};
use crate::client::handler::{Handler, Stage};
use crate::kernel::{Ctx, NodeId, Site, Span};
use crate::talk::kafka::{Answer, Code};
use crate::talk::{KafkaClientTimer, Mq, Note, Timer};

impl<H: Handler> KafkaConsumer<H> {
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.dead = false;
        self.lives = self.lives.saturating_add(1);
        if self.joined {
            self.work(ctx);
        }
    }

    pub(super) fn join(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.joined && !self.leaving {
            self.joined = true;
            if !self.dead && self.lives > 0 {
                self.work(ctx);
            }
        }
    }

    fn work(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.commits.last = ctx.now;
        self.link.refresh(ctx);
        self.link.look_for(self.group(), ctx);
        if self.is_kafkajs() {
            self.run_again(ctx);
        } else {
            self.arm_background_commit(ctx);
        }
    }

    /// Finishes what it has begun, and then closes the consumer.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.joined {
            self.joined = false;
            self.leaving = !self.dead;
            if self.is_kafkajs() {
                self.disconnect(ctx);
            }
        }
    }

    /// It has left.
    pub(super) fn gone(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.leaving = false;
        let connected: Vec<NodeId> = self.link.connected().collect();
        self.link.close(ctx);
        for from in connected {
            ctx.note(Note::Disconnected { from });
        }
        self.disarm(ctx);
        self.forget();
        if self.joined {
            self.work(ctx);
        }
    }

    /// An orderly stop that waits for nothing: a last commit and good-bye, and nobody hears the
    /// answers. A member that is about to join leaves as well.
    ///
    /// Sources: `AbstractCoordinator.maybeLeaveGroup` of Apache Kafka 4.1.1; `leave` in
    /// `src/consumer/consumerGroup.js` of KafkaJS 2.2.4.
    pub(super) fn stop_now(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.dead {
            return;
        }
        if self.member.phase != Phase::Out {
            self.auto_commits_first(ctx);
            self.leave_group(ctx);
        }
        self.dead = true; // it does not poll again: that would have it join again
    }

    /// The process kills itself. The operating system closes its connections.
    pub(super) fn die(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for (slot, run) in self.runs.iter() {
            ctx.disarm(timer(slot));
            if run.awaits == Awaits::Call
                && let Some(at) = run.stage().and_then(Stage::calls)
            {
                ctx.close(at);
            }
        }
        self.link.close(ctx);
        self.disarm(ctx);
        self.forget();
        self.dead = true;
        if let Some(respawn) = self.config.respawn {
            let site = Site::new("respawn", u64::from(ctx.me.0)).nth(u64::from(self.lives));
            let after = ctx.span(site, &respawn);
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Respawn), after);
        }
    }

    /// A fatal error: the application does not go on, and nobody starts it again, since it would
    /// meet with the same.
    pub(super) fn give_up(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.link.close(ctx);
        self.disarm(ctx);
        self.forget();
        self.dead = true;
    }

    pub(super) fn disarm(&self, ctx: &mut Ctx<'_, Mq>) {
        use KafkaClientTimer::{AutoCommit, Heartbeat, MaxPoll, Poll};
        for timer in [AutoCommit, Heartbeat, MaxPoll, Poll] {
            ctx.disarm(Timer::KafkaClient(timer));
        }
    }

    /// The memory of the process is gone.
    pub(super) fn forget(&mut self) {
        self.handler.forget();
        self.link.reset();
        self.member = Member::default();
        self.places.clear();
        self.fetching.clear();
        self.fetched.clear();
        self.commits = Commits::default();
        self.forget_app();
        self.runner = Runner::default();
        self.runs.clear();
        self.failures.clear();
        self.copies = Copies::default();
        self.handed.clear();
        self.txn = Txn::default();
        self.leaving = false;
    }

    // ── answers ──

    pub(super) fn answered(
        &mut self,
        broker: NodeId,
        ask: Ask,
        answer: Answer,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        match (ask, answer) {
            (Ask::Join(turn), Answer::JoinGroup(joined)) => {
                let outcome = self.on_joined(turn, *joined, ctx);
                self.membership(outcome, ctx);
            }
            (Ask::Sync(turn), Answer::SyncGroup(synced)) => {
                let outcome = self.on_synced(turn, synced, ctx);
                self.membership(outcome, ctx);
            }
            (Ask::Beat(turn), Answer::Heartbeat(result)) => {
                let error = self.on_beat(turn, result, ctx);
                if self.is_kafkajs() {
                    self.beaten(error, ctx);
                }
            }
            (Ask::Beat(turn), Answer::ConsumerGroupHeartbeat(beaten)) => {
                self.on_beat_848(turn, *beaten, ctx);
            }
            (Ask::Committed, Answer::OffsetFetch(answer)) => {
                let error = self.on_committed(answer, ctx);
                self.located(error, ctx);
            }
            (Ask::Ends, Answer::ListOffsets(answer)) => {
                let error = self.on_ends(answer, ctx);
                self.located(error, ctx);
            }
            (Ask::Epochs, Answer::OffsetForLeaderEpoch(answer)) => self.on_epochs(answer, ctx),
            (Ask::Fetch, Answer::Fetch(answer)) if self.is_kafkajs() => {
                self.fetcher_answered(broker, answer, ctx);
            }
            (Ask::Fetch, Answer::Fetch(answer)) => self.fetch_answered(broker, answer, ctx),
            (Ask::Commit(number), Answer::OffsetCommit(each)) => {
                self.on_commit(number, Some(each), ctx);
            }
            (Ask::Produce(number), Answer::Produce(each)) => {
                let ok = each.iter().all(|(_, one)| one.is_ok());
                self.copy_answered(number, Some(ok), ctx);
            }
            (Ask::AddPartition(number), Answer::AddPartitionsToTxn(each)) => {
                self.copy_added(number, each.iter().all(|(_, one)| one.is_ok()), ctx);
            }
            (Ask::Txn, answer) => self.txn_answered(Some(answer), ctx),
            _ => {}
        }
    }

    /// What came of a join or a sync.
    fn membership(&mut self, outcome: Outcome, ctx: &mut Ctx<'_, Mq>) {
        match outcome {
            Outcome::Pending => {}
            Outcome::Failed(Code::FencedInstanceId | Code::InconsistentGroupProtocol) => {
                self.give_up(ctx);
            }
            outcome if self.is_kafkajs() => self.js_membership(outcome, ctx),
            Outcome::Joined => {}
            Outcome::Failed(
                Code::UnknownMemberId | Code::IllegalGeneration | Code::RebalanceInProgress,
            ) => {}
            Outcome::Failed(_) => self.poll_later(self.config.link.retry.first, ctx),
        }
    }

    /// A question about positions was answered.
    fn located(&mut self, error: Option<Code>, ctx: &mut Ctx<'_, Mq>) {
        if self.is_kafkajs() {
            self.fetchers_located(error, ctx);
        } else if error.is_some() {
            self.poll_later(self.config.link.retry.first, ctx);
        }
    }

    /// There will be no answer.
    pub(super) fn unanswered(&mut self, broker: NodeId, ask: Ask, ctx: &mut Ctx<'_, Mq>) {
        match ask {
            Ask::Join(_) | Ask::Sync(_) => {
                self.coordinator_gone(broker, ctx);
                let outcome = self.join_failed(Code::NotCoordinator);
                self.membership(outcome, ctx);
            }
            Ask::Beat(_) => {
                self.coordinator_gone(broker, ctx);
                if self.config.protocol == GroupProtocol::Consumer {
                    let again = self.config.link.retry.first;
                    ctx.arm(Timer::KafkaClient(KafkaClientTimer::Heartbeat), again);
                } else if self.is_kafkajs() {
                    self.beat_lost(ctx);
                }
            }
            Ask::Leave => {}
            Ask::AddPartition(number) => self.copy_added(number, false, ctx),
            Ask::Txn => self.txn_answered(None, ctx),
            Ask::Committed => {
                self.coordinator_gone(broker, ctx);
                self.forget_question(Known::AskedCommitted, Known::Nothing);
                self.located(Some(Code::CoordinatorNotAvailable), ctx);
            }
            Ask::Ends | Ask::Epochs => {
                self.leader_silent(ctx);
                self.located(Some(Code::NotLeaderOrFollower), ctx);
            }
            Ask::Fetch => {
                self.fetch_failed(broker, ctx);
                if self.is_kafkajs() {
                    self.fetcher_lost(broker, ctx);
                } else {
                    self.poll_later(Span::from_millis(1), ctx);
                }
            }
            Ask::Commit(number) => {
                self.coordinator_gone(broker, ctx);
                self.on_commit(number, None, ctx);
            }
            Ask::Produce(number) => {
                self.link.refresh(ctx);
                self.copy_answered(number, None, ctx);
            }
        }
    }

    /// Metadata came.
    pub(super) fn learnt(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.topics_changed(ctx);
        if self.is_kafkajs() {
            self.js_learnt(ctx);
        }
    }

    /// `KafkaClientTimer::Poll`: a pause of the application, or a back-off, is over.
    pub(super) fn waited(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.resume_places(ctx);
        if self.is_kafkajs() {
            self.retry_now(ctx);
        }
    }
}
