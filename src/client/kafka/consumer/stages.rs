//! Taking the stages of a handler, one after the other.

use super::run::{Awaits, End, Run};
use super::{KafkaConsumer, OnFailure};
use crate::client::bridge::Handed;
use crate::client::handler::{Delivered, Handler, HandlerCtx, Load, Outcome, Produce, Role, Stage};
use crate::client::run_ref::RunRef;
use crate::kafka::clients::Family;
use crate::kernel::{Ctx, NodeId, Site, Span};
use crate::talk::kafka::{Offset, Record, TopicId, TopicPartition};
use crate::talk::{
    Failure, KafkaClientTimer, KafkaNote, MessageId, Mq, Msg, Note, StoreCall, StoreCommand, Timer,
};

/// How a stage went.
pub(super) enum Took {
    /// It is over.
    On,
    /// It goes on, or has not begun.
    Waits(Awaits),
    /// It failed.
    Failed,
}

pub(super) fn timer(slot: u16) -> Timer {
    Timer::KafkaClient(KafkaClientTimer::Handler(slot.into()))
}

fn whom(me: NodeId, msg: MessageId) -> u64 {
    (u64::from(me.0) << 32) | u64::from(msg.0)
}

fn site(run: &Run, what: &'static str, me: NodeId) -> Site {
    Site::new(what, whom(me, run.msg())).nth(run.nth | u64::from(run.stage & 0xFF))
}

impl<H: Handler> KafkaConsumer<H> {
    /// Starts the handler of a record in the place of a thread, or in another one if nobody waits.
    pub(super) fn begin(
        &mut self,
        thread: u16,
        at: TopicPartition,
        offset: Offset,
        record: Record,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let msg = record.id;
        let failed = self.failures.get(&msg).copied().unwrap_or(0);
        let attempt = failed.saturating_add(record.attempt.into()).saturating_add(1);
        ctx.note(Note::Started { msg, attempt });
        let nth = (u64::from(self.lives & 0xFFF) << 52)
            | (u64::from(self.moves & 0xFFF_FFFF) << 24)
            | (u64::from(record.copy) << 8);
        let load = Load::Record { at, offset, record: &record };
        let delivered = Delivered { load, redelivered: false, delivery_count: None, attempt };
        let whom = whom(ctx.me, msg);
        let plan = self.handler.handle(&delivered, &mut HandlerCtx::new(ctx, whom, nth));
        self.runs.serial = self.runs.serial.wrapping_add(1);
        let detached = !self.config.awaited;
        let slot = if detached { self.runs.free(self.config.concurrency.max(1)) } else { thread };
        let run = Run {
            record,
            at,
            offset,
            attempt,
            serial: self.runs.serial,
            stages: plan.stages,
            stage: 0,
            outcome: plan.outcome,
            closing: false,
            awaits: Awaits::Turn,
            detached,
            nth,
        };
        self.runs.put(slot, run);
        self.proceed(slot, ctx);
    }

    /// Takes stages until one has to be waited for, or until the run is over.
    pub(super) fn proceed(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        loop {
            let Some(run) = self.runs.get(slot) else { return };
            let took = match run.stage() {
                None => return self.finish(slot, ctx),
                Some(stage) => {
                    let stage = stage.clone();
                    self.take(slot, &stage, ctx)
                }
            };
            let Some(run) = self.runs.get_mut(slot) else { return };
            match took {
                Took::On => run.stage += 1,
                Took::Waits(awaits) => {
                    run.awaits = awaits;
                    return;
                }
                Took::Failed => return self.run_failed(slot, Failure::Downstream, ctx),
            }
        }
    }

    /// Whether something visible may be done within this step. If not, `slot` gets another one.
    pub(super) fn may_show(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.visible && !self.config.atomic {
            ctx.arm(timer(slot), Span::ZERO);
            return false;
        }
        self.visible = true;
        true
    }

    fn take(&mut self, slot: u16, stage: &Stage, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Failed };
        let (msg, call) = (run.msg(), RunRef { slot, serial: run.serial }.call());
        match stage {
            Stage::Work(dist) | Stage::Compute(dist) => {
                let span = ctx.span(site(run, "work", ctx.me), dist);
                if span.is_zero() {
                    return Took::On;
                }
                let busy = matches!(stage, Stage::Compute(_));
                if busy && self.config.client.family == Family::KafkaJs {
                    ctx.work(span); // one thread for everything, heartbeats included
                    ctx.arm(timer(slot), Span::ZERO);
                } else {
                    ctx.arm(timer(slot), ctx.slowed(span));
                }
                Took::Waits(Awaits::Work)
            }
            _ if !self.may_show(slot, ctx) => Took::Waits(Awaits::Turn),
            Stage::Effect { service } => {
                ctx.note(Note::Effect { msg, service: *service });
                Took::On
            }
            Stage::Call { service, at } => {
                ctx.note(Note::Called { msg, service: *service });
                ctx.send(*at, Msg::Call { msg, call });
                self.be_patient(slot, ctx)
            }
            Stage::Dedup(dedup) => {
                let Some(run) = self.runs.get(slot) else { return Took::Failed };
                let key = dedup.key.of(&run.record, run.at, run.offset);
                if dedup.command == StoreCommand::EffectOnce {
                    ctx.note(Note::Called { msg, service: dedup.service });
                }
                let command = dedup.command;
                ctx.send(dedup.at, Msg::Store(StoreCall { call, msg, command, key }));
                self.be_patient(slot, ctx)
            }
            Stage::Produce(produce) => self.produce(slot, *produce, ctx),
            Stage::Publish(outgoing) if self.config.hands_over => {
                let Some(run) = self.runs.get(slot) else { return Took::Failed };
                let (record, outgoing) = (run.record, outgoing.clone());
                self.handed.push_back(Handed { call, record, outgoing });
                Took::Waits(Awaits::Copy)
            }
            // a Kafka application alone has no AMQP client
            Stage::Declare(_)
            | Stage::Publish(_)
            | Stage::Reply
            | Stage::Settle(_)
            | Stage::Commit => Took::Failed,
        }
    }

    fn be_patient(&self, slot: u16, ctx: &mut Ctx<'_, Mq>) -> Took {
        if let Some(patience) = self.config.call_timeout {
            ctx.arm(timer(slot), patience);
        }
        Took::Waits(Awaits::Call)
    }

    // ── what a run waited for ──

    pub(super) fn handler_timer(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        match self.runs.get(slot).map(|run| run.awaits) {
            Some(Awaits::Turn) => self.proceed(slot, ctx),
            Some(Awaits::Work) => self.step_on(slot, ctx),
            Some(Awaits::Call) => self.call_failed(slot, ctx), // it waited long enough
            Some(Awaits::Copy | Awaits::Over(_)) | None => {}
        }
    }

    fn step_on(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        if let Some(run) = self.runs.get_mut(slot) {
            run.stage += 1;
            self.proceed(slot, ctx);
        }
    }

    /// The place of the run that made this call, if it still waits.
    pub(super) fn waits(&self, call: u32, what: Awaits) -> Option<u16> {
        let RunRef { slot, serial } = RunRef::of_call(call);
        let run = self.runs.get(slot)?;
        (run.serial == serial && run.awaits == what).then_some(slot)
    }

    pub(super) fn call_done(&mut self, call: u32, ok: bool, ctx: &mut Ctx<'_, Mq>) {
        let Some(slot) = self.waits(call, Awaits::Call) else { return };
        if self.config.call_timeout.is_some() {
            ctx.disarm(timer(slot));
        }
        if ok { self.step_on(slot, ctx) } else { self.run_failed(slot, Failure::Downstream, ctx) }
    }

    /// The store knows the message.
    pub(super) fn known(&mut self, call: u32, ctx: &mut Ctx<'_, Mq>) {
        let Some(slot) = self.waits(call, Awaits::Call) else { return };
        let Some(run) = self.runs.get(slot) else { return };
        ctx.note(Note::Kafka(KafkaNote::Skipped { msg: run.msg() }));
        ctx.disarm(timer(slot));
        self.end(slot, End::Handled, ctx);
    }

    /// The next of what handlers want published by the other client of this process.
    pub(in crate::client) fn next_handed(&mut self) -> Option<Handed> {
        self.handed.pop_front()
    }

    /// What a handler wanted published is published, or could not be.
    pub(in crate::client) fn handed_over(&mut self, call: u32, ok: bool, ctx: &mut Ctx<'_, Mq>) {
        self.copied(call, ok, ctx);
        self.go_on(ctx);
    }

    pub(super) fn copied(&mut self, call: u32, ok: bool, ctx: &mut Ctx<'_, Mq>) {
        let Some(slot) = self.waits(call, Awaits::Copy) else { return };
        if ok { self.step_on(slot, ctx) } else { self.run_failed(slot, Failure::Downstream, ctx) }
    }

    fn call_failed(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        if let Some(Stage::Call { service, .. }) = run.stage() {
            ctx.note(Note::CallFailed { msg: run.msg(), service: *service });
        }
        ctx.disarm(timer(slot));
        self.run_failed(slot, Failure::Downstream, ctx);
    }

    /// A service is gone, or its connection: no answers will come from it.
    pub(super) fn service_gone(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let calls = |run: &Run| {
            run.awaits == Awaits::Call && run.stage().and_then(Stage::calls) == Some(peer)
        };
        let left: Vec<u16> =
            self.runs.iter().filter(|(_, run)| calls(run)).map(|(slot, _)| slot).collect();
        for slot in left {
            self.call_failed(slot, ctx);
        }
    }

    // ── how a run ends ──

    /// All stages are taken.
    fn finish(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        match run.outcome {
            _ if run.closing => self.end(slot, End::Handled, ctx),
            Outcome::Done => {
                if !self.failures.is_empty() {
                    self.failures.remove(&run.msg());
                }
                self.end(slot, End::Handled, ctx);
            }
            Outcome::Died => self.end(slot, End::Died, ctx),
            Outcome::Failed(why) => self.run_failed(slot, why, ctx),
        }
    }

    /// The handler failed, or what was done about that.
    fn run_failed(&mut self, slot: u16, why: Failure, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        let (msg, attempt, tried) = (run.msg(), run.attempt, run.record.attempt);
        if run.closing {
            return self.end(slot, End::Threw(why), ctx);
        }
        ctx.note(Note::Failed { msg, attempt, why });
        self.moves = self.moves.wrapping_add(1);
        let failures = self.failures.entry(msg).or_insert(0);
        *failures = failures.saturating_add(1);
        match &self.config.on_failure {
            OnFailure::Throw => self.end(slot, End::Threw(why), ctx),
            OnFailure::SeekBack { .. } => self.end(slot, End::SoughtBack, ctx),
            OnFailure::GoOn => self.end(slot, End::LeftBehind, ctx),
            OnFailure::Skip => {
                ctx.note(Note::Kafka(KafkaNote::Skipped { msg }));
                self.failures.remove(&msg);
                self.end(slot, End::Handled, ctx);
            }
            OnFailure::Produce { retry, dead_letter } => {
                let next = retry.get(usize::from(tried)).copied();
                let copy = next.map(|topic| (Role::Retry(u16::from(tried) + 2), topic));
                match copy.or(dead_letter.map(|topic| (Role::Park, topic))) {
                    Some((role, topic)) => self.pass_on(slot, role, topic, ctx),
                    None => {
                        ctx.note(Note::Kafka(KafkaNote::Skipped { msg }));
                        self.end(slot, End::Handled, ctx);
                    }
                }
                self.failures.remove(&msg);
            }
        }
    }

    /// Produces a copy of what failed, and is through with it.
    fn pass_on(&mut self, slot: u16, role: Role, topic: TopicId, ctx: &mut Ctx<'_, Mq>) {
        if let Some(run) = self.runs.get_mut(slot) {
            run.stages = [Stage::Produce(Produce { role, topic, awaited: true })].into();
            run.stage = 0;
            run.closing = true;
        }
        self.proceed(slot, ctx);
    }

    fn end(&mut self, slot: u16, end: End, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get_mut(slot) else { return };
        run.awaits = Awaits::Over(end);
        let msg = run.msg();
        if run.detached {
            // a rejected promise that nobody waits for, or an error in another thread: it is logged
            self.runs.remove(slot);
        }
        if end == End::Died {
            ctx.note(Note::Died { msg });
            self.die(ctx);
        }
    }

    /// Takes what the run of a thread ended with, if it has ended. Runs that nobody waits for have
    /// ended for their thread as soon as they began.
    pub(super) fn ended(&mut self, slot: u16) -> Option<End> {
        if !self.config.awaited {
            return Some(End::Handled);
        }
        let Awaits::Over(end) = self.runs.get(slot)?.awaits else { return None };
        self.runs.remove(slot);
        Some(end)
    }
}
