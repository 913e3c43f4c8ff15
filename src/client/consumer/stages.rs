//! Taking the stages of a run, one after the other.

use std::sync::Arc;

use super::copies::Copied;
use super::{AckWhen, Awaits, ChannelMode, Consumer, Run, whom};
use crate::client::connection::{CHANNEL, request};
use crate::client::handler::{Handler, Outcome, Outgoing, Role, Stage};
use crate::client::run_ref::RunRef;
use crate::kernel::{Ctx, NodeId, Site, Span};
use crate::talk::{
    ClientTimer, Failure, Message, Method, Mq, Msg, Name, Note, Publication, Settle, Timer,
};

/// How a stage went.
enum Took {
    /// It is over, and something was done.
    Effect,
    /// It is over, and nothing came of it.
    Nothing,
    /// It goes on.
    Waits(Awaits),
    /// It failed.
    Failed,
}

impl Run {
    /// The service that is called.
    pub(super) fn calls(&self) -> Option<NodeId> {
        self.stage().and_then(Stage::calls)
    }
}

fn timer(slot: u16) -> Timer {
    Timer::Client(ClientTimer::Handler(slot.into()))
}

impl<H: Handler> Consumer<H> {
    /// Takes stages until one has to be waited for, or until the run is over.
    pub(super) fn proceed(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        loop {
            let Some(run) = self.runs.get(slot) else { return };
            let Some(stage) = run.stage() else { return self.finish(slot, ctx) };
            let stage = stage.clone();
            let took = if self.acks_first(slot, &stage, ctx) {
                Took::Effect
            } else {
                let took = self.take(slot, &stage, ctx);
                if matches!(took, Took::Effect | Took::Nothing) {
                    self.step_on(slot);
                }
                took
            };
            match took {
                Took::Nothing => {}
                Took::Effect if self.config.atomic || self.has_nothing_left(slot) => {}
                Took::Effect => {
                    self.await_on(slot, Awaits::Turn);
                    ctx.arm(timer(slot), Span::ZERO);
                    return;
                }
                Took::Waits(awaits) => return self.await_on(slot, awaits),
                Took::Failed => return self.stage_failed(slot, Failure::Downstream, ctx),
            }
        }
    }

    /// Whether all that is left of a run is to forget it, which nothing can come before.
    fn has_nothing_left(&self, slot: u16) -> bool {
        self.runs.get(slot).is_some_and(|run| {
            let done = run.held.settled && run.outcome == Outcome::Done;
            run.stage().is_none() && (run.closing || done)
        })
    }

    fn step_on(&mut self, slot: u16) {
        if let Some(run) = self.runs.get_mut(slot) {
            run.at += 1;
        }
    }

    fn await_on(&mut self, slot: u16, awaits: Awaits) {
        if let Some(run) = self.runs.get_mut(slot) {
            run.awaits = awaits;
        }
    }

    /// A consumer that acknowledges before the effect does so before the first one.
    fn acks_first(&mut self, slot: u16, stage: &Stage, ctx: &mut Ctx<'_, Mq>) -> bool {
        let effect = matches!(stage, Stage::Effect { .. } | Stage::Call { .. });
        if self.config.ack != AckWhen::BeforeEffect || !effect {
            return false;
        }
        self.settle_run(slot, Settle::Ack, ctx)
    }

    /// Settles the delivery of a run. Returns false when it was settled before.
    pub(super) fn settle_run(&mut self, slot: u16, how: Settle, ctx: &mut Ctx<'_, Mq>) -> bool {
        match self.runs.get(slot) {
            Some(run) if !run.held.settled => self.answer(&run.held, how, ctx),
            _ => return false,
        }
        if let Some(run) = self.runs.get_mut(slot) {
            run.held.settled = true;
        }
        true
    }

    fn take(&mut self, slot: u16, stage: &Stage, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Nothing };
        let msg = run.msg();
        match stage {
            Stage::Work(dist) => {
                let span = ctx.span(site(run, "work", ctx.me), dist);
                self.wait_for(slot, ctx.slowed(span), ctx)
            }
            Stage::Compute(dist) => {
                let span = ctx.span(site(run, "work", ctx.me), dist);
                ctx.work(span);
                self.wait_for(slot, Span::ZERO, ctx)
            }
            Stage::Effect { service } => {
                ctx.note(Note::Effect { msg, service: *service });
                Took::Effect
            }
            Stage::Call { service, at } => {
                let call = RunRef { slot, serial: run.serial }.call();
                ctx.note(Note::Called { msg, service: *service });
                ctx.send(*at, Msg::Call { msg, call });
                if let Some(patience) = self.config.call_timeout {
                    ctx.arm(timer(slot), patience);
                }
                Took::Waits(Awaits::Call)
            }
            Stage::Declare(method) => self.ask(slot, (**method).clone(), ctx),
            Stage::Commit => self.ask(slot, Method::TxCommit, ctx),
            Stage::Publish(outgoing) => self.publish(slot, outgoing, ctx),
            Stage::Reply => self.reply(slot, ctx),
            // an AMQP application has no Kafka client, and no records to look up
            Stage::Dedup(_) | Stage::Produce(_) => Took::Failed,
            Stage::Settle(how) => {
                if self.settle_run(slot, *how, ctx) {
                    Took::Effect
                } else {
                    Took::Nothing
                }
            }
        }
    }

    fn wait_for(&self, slot: u16, span: Span, ctx: &mut Ctx<'_, Mq>) -> Took {
        if span.is_zero() && self.config.atomic {
            return Took::Nothing;
        }
        ctx.arm(timer(slot), span);
        Took::Waits(Awaits::Work)
    }

    /// Sends a synchronous method.
    fn ask(&mut self, slot: u16, method: Method, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Nothing };
        if !self.has_channel(&run.held) {
            return Took::Failed;
        }
        let nowait = matches!(&method, Method::QueueDeclare(declare) if declare.nowait);
        if !nowait {
            self.asked.push_back(Some(RunRef { slot, serial: run.serial }));
        }
        ctx.send(self.session.broker(&self.config.connection), request(CHANNEL, method));
        if nowait { Took::Effect } else { Took::Waits(Awaits::Answer) }
    }

    fn publish(&mut self, slot: u16, outgoing: &Outgoing, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Nothing };
        if !self.has_channel(&run.held) {
            return Took::Failed;
        }
        let msg = run.msg();
        let copy = run.held.delivery.message.copy.saturating_add(1);
        match outgoing.role {
            Role::Forward => {}
            Role::Retry(attempt) => ctx.note(Note::Retried { msg, attempt }),
            Role::Park => ctx.note(Note::Parked { msg }),
        }
        ctx.note(Note::Published { msg, copy });
        let message = Message { id: msg, copy, publication: outgoing.publication.clone() };
        let method = Method::Publish { mandatory: outgoing.mandatory, message };
        let by = RunRef { slot, serial: run.serial };
        ctx.send(self.session.broker(&self.config.connection), request(CHANNEL, method));
        if self.config.channel != ChannelMode::Confirm {
            return Took::Effect;
        }
        let by = outgoing.wait_for_confirm.then_some(by);
        self.copies.push(Copied { msg, copy, by, returned: false });
        if by.is_some() { Took::Waits(Awaits::Confirm) } else { Took::Effect }
    }

    /// Answers a request on the queue that it names.
    fn reply(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Nothing };
        let Message { id, copy, publication } = &run.held.delivery.message;
        let Some(reply_to) = publication.properties.reply_to.clone() else { return Took::Nothing };
        if !self.has_channel(&run.held) {
            return Took::Failed;
        }
        let mut answer = Publication {
            exchange: Name::default(),
            routing_key: reply_to,
            key: publication.key,
            ..Publication::default()
        };
        answer.properties.correlation_id.clone_from(&publication.properties.correlation_id);
        let (msg, copy) = (*id, *copy);
        ctx.note(Note::Replied { msg });
        let message = Message { id: msg, copy, publication: Arc::new(answer) };
        let method = Method::Publish { mandatory: false, message };
        ctx.send(self.session.broker(&self.config.connection), request(CHANNEL, method));
        if self.config.channel == ChannelMode::Confirm {
            self.copies.push(Copied { msg, copy, by: None, returned: false });
        }
        Took::Effect
    }

    // ── what a run waited for ──

    pub(super) fn handler_timer(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        match self.runs.get(slot).map(|run| run.awaits) {
            Some(Awaits::Turn) => self.proceed(slot, ctx),
            Some(Awaits::Work) => {
                self.step_on(slot);
                self.proceed(slot, ctx);
            }
            Some(Awaits::Call) => self.call_failed(slot, ctx), // it waited long enough
            Some(Awaits::Answer | Awaits::Confirm) | None => {}
        }
    }

    /// What this run waited for has come.
    pub(super) fn resume(&mut self, of: RunRef, awaited: Awaits, ctx: &mut Ctx<'_, Mq>) {
        let fits = |run: &Run| run.serial == of.serial && run.awaits == awaited;
        if self.runs.get(of.slot).is_some_and(fits) {
            self.step_on(of.slot);
            self.proceed(of.slot, ctx);
        }
    }

    pub(super) fn call_done(&mut self, of: RunRef, ok: bool, ctx: &mut Ctx<'_, Mq>) {
        let fits = |run: &Run| run.serial == of.serial && run.awaits == Awaits::Call;
        if !self.runs.get(of.slot).is_some_and(fits) {
            return; // nobody waits for it any more
        }
        if self.config.call_timeout.is_some() {
            ctx.disarm(timer(of.slot));
        }
        if ok {
            self.resume(of, Awaits::Call, ctx);
        } else {
            self.stage_failed(of.slot, Failure::Downstream, ctx);
        }
    }

    /// A call had no answer, and will have none.
    pub(super) fn call_failed(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        if let Some(Stage::Call { service, .. }) = run.stage() {
            ctx.note(Note::CallFailed { msg: run.msg(), service: *service });
        }
        ctx.disarm(timer(slot));
        self.stage_failed(slot, Failure::Downstream, ctx);
    }

    // ── how a run ends ──

    /// All stages are taken.
    fn finish(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        let (msg, outcome) = (run.msg(), run.outcome);
        if run.closing {
            self.runs.remove(slot);
            return;
        }
        if outcome == Outcome::Done && !self.failures.is_empty() {
            self.failures.remove(&msg);
        }
        match outcome {
            Outcome::Done if self.config.channel == ChannelMode::Tx && !run.held.settled => {
                self.follow(slot, vec![Stage::Settle(Settle::Ack), Stage::Commit], ctx);
            }
            Outcome::Done => {
                self.settle_run(slot, Settle::Ack, ctx);
                self.runs.remove(slot);
            }
            Outcome::Died => {
                ctx.note(Note::Died { msg });
                self.die(ctx);
            }
            Outcome::Failed(why) => self.handler_failed(slot, why, ctx),
        }
    }

    /// A stage failed, and the rest is not taken.
    pub(super) fn stage_failed(&mut self, slot: u16, why: Failure, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        if run.closing {
            // The copy for another attempt did not get through: the original has to do.
            self.settle_run(slot, Settle::NackRequeue, ctx);
            self.runs.remove(slot);
        } else {
            self.handler_failed(slot, why, ctx);
        }
    }

    /// Takes these stages instead of what was planned.
    pub(super) fn follow(&mut self, slot: u16, stages: Vec<Stage>, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get_mut(slot) else { return };
        run.stages = stages.into();
        run.at = 0;
        run.closing = true;
        self.proceed(slot, ctx);
    }
}

/// The name of a draw for the stage that a run is at.
fn site(run: &Run, what: &'static str, me: NodeId) -> Site {
    Site::new(what, whom(me, run.msg())).nth(run.nth | u64::from(run.at & 0xFF))
}
