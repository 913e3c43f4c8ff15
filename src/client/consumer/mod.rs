//! An application that receives.
//!
//! A delivery becomes a [`Run`]: the stages that the handler planned, taken one after the other.
//! Each stage that does something visible is a step of its own, so that a crash can fall between
//! any two. Runs outlive the connection that brought their delivery, as the promises of a Node.js
//! process do: they go on, have their effects, and find that they cannot acknowledge.
//!
//! Simplified: amqplib holds back a synchronous method until the one before it on the channel is
//! answered; here they follow each other at once, and the broker answers in order.

mod attempts;
mod config;
mod copies;
mod failure;
mod life;
mod run;
mod stages;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::copies::Copied;
use self::run::Runs;
use super::connection::{CHANNEL, Session, answers, request};
use super::handler::{Delivered, Handler, HandlerCtx, Load};
use super::outstanding::Outstanding;
use super::run_ref::RunRef;
use super::script::Script;
use crate::kernel::{Ctx, Input, Loss, Node, NodeId};
use crate::talk::{
    ClientTimer, Constant, Consume, Delivery, Failure, Frame, MessageId, Method, Mq, Msg, Name,
    Note, Order, Reply, Settle, Timer,
};

pub use config::{AckWhen, ChannelMode, ConsumerConfig, OnCancel, OnFailure};
pub use run::{Awaits, Held, Run};

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer<H = Script> {
    config: Constant<ConsumerConfig<H>>,
    session: Session,
    /// It works, or has been told to.
    joined: bool,
    /// It was told to leave, and finishes what it has begun.
    leaving: bool,
    /// Its process has killed itself.
    dead: bool,
    /// How often its process was started. Nobody in the process knows; it names draws.
    lives: u32,

    // ── the memory of the process ──
    handler: H,
    /// Deliveries beyond the concurrency.
    waiting: VecDeque<Held>,
    runs: Runs,
    /// How many runs there were, over and over.
    serial: u16,
    /// How many of them were for redelivered messages.
    redeliveries: u32,
    /// Copies that wait for their confirm.
    copies: Outstanding<Copied>,
    /// Who asked a synchronous method of the broker; nobody, when the consumer did.
    asked: VecDeque<Option<RunRef>>,
    /// How often handlers failed over each message that was not handled since.
    failures: BTreeMap<MessageId, u16>,
    /// Delay queues that were declared once.
    declared: BTreeSet<Name>,
}

impl<H: Handler> Consumer<H> {
    /// A consumer that does as told.
    pub fn new(config: ConsumerConfig<H>) -> Consumer<H> {
        Consumer {
            session: Session::new(setup(&config)),
            joined: config.connection.joined,
            leaving: false,
            dead: false,
            lives: 0,
            handler: config.handler.clone(),
            waiting: VecDeque::new(),
            runs: Runs::default(),
            serial: 0,
            redeliveries: 0,
            copies: Outstanding::default(),
            asked: VecDeque::new(),
            failures: BTreeMap::new(),
            declared: BTreeSet::new(),
            config: Constant::new(config),
        }
    }
}

impl<H> Consumer<H> {
    /// What it was told.
    pub fn config(&self) -> &ConsumerConfig<H> {
        &self.config
    }

    /// Its connection.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Its handler, with what it remembers.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// Whether its process has killed itself.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether it has been told to leave.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// The handlers that are under way, by the number of their timer.
    pub fn runs(&self) -> impl Iterator<Item = (u16, &Run)> {
        self.runs.iter()
    }

    /// How many handlers are under way.
    pub fn running(&self) -> usize {
        self.runs.len()
    }

    /// The deliveries that wait in its memory for a handler.
    pub fn waiting(&self) -> impl Iterator<Item = &Held> {
        self.waiting.iter()
    }

    /// How many deliveries it holds in memory.
    pub fn holds(&self) -> usize {
        self.runs.len() + self.waiting.len()
    }

    /// Whom it speaks to.
    pub fn broker(&self) -> NodeId {
        self.session.broker(&self.config.connection)
    }
}

impl<H: Handler> Consumer<H> {
    // ── deliveries ──

    fn received(&mut self, delivery: Delivery, ctx: &mut Ctx<'_, Mq>) {
        let Delivery { redelivered, ref message, .. } = delivery;
        let deaths = attempts::deaths(message);
        ctx.note(Note::Received { msg: message.id, redelivered, deaths });
        let settled = self.config.no_ack;
        let mut held = Held { delivery, connection: self.session.number(), settled };
        if self.config.ack == AckWhen::OnReceipt && !settled {
            self.answer(&held, Settle::Ack, ctx);
            held.settled = true;
        }
        if self.waiting.is_empty() && self.has_room() {
            self.begin(held, ctx);
        } else {
            self.waiting.push_back(held);
        }
    }

    fn has_room(&self) -> bool {
        let limit = self.config.concurrency;
        !self.runs.is_full() && (limit == 0 || self.runs.len() < limit as usize)
    }

    fn begin(&mut self, held: Held, ctx: &mut Ctx<'_, Mq>) {
        let delivery = &held.delivery;
        let msg = delivery.message.id;
        let failures = self.failures.get(&msg).copied().unwrap_or(0);
        let attempt = attempts::attempt(&self.config, delivery, failures);
        ctx.note(Note::Started { msg, attempt });
        self.redeliveries = self.redeliveries.wrapping_add(delivery.redelivered.into());
        let nth = self.nth(delivery);
        let delivered = Delivered {
            load: Load::Message(&delivery.message),
            redelivered: delivery.redelivered,
            delivery_count: delivery.delivery_count,
            attempt,
        };
        let whom = whom(ctx.me, msg);
        let plan = self.handler.handle(&delivered, &mut HandlerCtx::new(ctx, whom, nth));
        self.serial = self.serial.wrapping_add(1);
        let slot = self.runs.insert(Run {
            held,
            attempt,
            serial: self.serial,
            stages: plan.stages,
            at: 0,
            outcome: plan.outcome,
            closing: false,
            awaits: Awaits::Turn,
            nth,
        });
        self.proceed(slot, ctx);
    }

    /// Names the draws of a run among those for the same message at the same consumer: by the life
    /// of the process, the redelivery within it, and the copy. The lowest 8 bits number the stages.
    fn nth(&self, delivery: &Delivery) -> u64 {
        let redelivery = if delivery.redelivered { self.redeliveries } else { 0 };
        (u64::from(self.lives & 0xFFF) << 52)
            | (u64::from(redelivery & 0xFFF_FFFF) << 24)
            | (u64::from(delivery.message.copy) << 8)
    }

    /// Begins what waits, as far as there is room, and leaves when that was wanted and nothing is
    /// left to do. Done after every input, so that runs which end at once do not nest.
    fn settle_down(&mut self, ctx: &mut Ctx<'_, Mq>) {
        while !self.waiting.is_empty() && self.has_room() {
            let Some(held) = self.waiting.pop_front() else { break };
            self.begin(held, ctx);
        }
        if self.leaving && self.runs.is_empty() && self.asked.is_empty() {
            self.leave_now(ctx);
        }
    }

    /// Answers the broker, on the channel that the delivery came on.
    fn answer(&self, held: &Held, how: Settle, ctx: &mut Ctx<'_, Mq>) {
        if !self.has_channel(held) {
            return; // amqplib throws: the channel is closed
        }
        let tag = held.delivery.tag;
        let method = match how {
            Settle::Ack => Method::Ack { tag, multiple: false },
            Settle::NackRequeue => Method::Nack { tag, multiple: false, requeue: true },
            Settle::NackDiscard => Method::Nack { tag, multiple: false, requeue: false },
            Settle::RejectRequeue => Method::Reject { tag, requeue: true },
            Settle::RejectDiscard => Method::Reject { tag, requeue: false },
        };
        ctx.note(Note::Settled { msg: held.delivery.message.id, how });
        ctx.send(self.session.broker(&self.config.connection), request(CHANNEL, method));
    }

    /// Whether whoever handles this delivery still has a channel to speak on.
    fn has_channel(&self, held: &Held) -> bool {
        let same = held.connection == self.session.number();
        self.session.is_up() && (same || self.config.stale_acks)
    }

    // ── the connection ──

    fn frame(&mut self, frame: Frame, ctx: &mut Ctx<'_, Mq>) {
        match frame {
            Frame::Deliver { delivery, .. } if !self.leaving => self.received(delivery, ctx),
            Frame::ConfirmAck { tag, multiple } => self.confirmed(tag, multiple, true, ctx),
            Frame::ConfirmNack { tag, multiple } => self.confirmed(tag, multiple, false, ctx),
            Frame::Return { message, .. } => self.returned(&message, ctx),
            Frame::Blocked { .. } => self.session.set_blocked(true),
            Frame::Unblocked => self.session.set_blocked(false),
            Frame::ChannelClosed { .. } | Frame::ConnectionClosed { .. } => self.hang_up(ctx),
            Frame::CancelledByBroker { .. } => match self.config.on_cancel {
                OnCancel::Ignore => {}
                OnCancel::Reconnect => self.hang_up(ctx),
                OnCancel::Crash => self.die(ctx),
            },
            frame if answers(&frame) => {
                if self.session.is_up() {
                    if let Some(Some(asker)) = self.asked.pop_front() {
                        self.resume(asker, Awaits::Answer, ctx);
                    }
                } else {
                    self.session.advance(&self.config.connection, ctx);
                }
            }
            _ => {}
        }
    }

    /// Gives the connection up and tries another one.
    fn hang_up(&mut self, ctx: &mut Ctx<'_, Mq>) {
        ctx.close(self.session.broker(&self.config.connection));
        self.disconnected(ctx);
    }

    fn disconnected(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.joined && !self.leaving {
            self.session.drop_and_retry(&self.config.connection, ctx);
        } else {
            self.session.leave(&self.config.connection, ctx);
        }
        let copies = std::mem::take(&mut self.copies);
        let mut left: Vec<RunRef> = self.asked.drain(..).flatten().collect();
        for (_, copied) in copies.iter() {
            ctx.note(Note::Unknown { msg: copied.msg });
            left.extend(copied.by);
        }
        for asker in left {
            if self.is_waiting(asker) {
                self.stage_failed(asker.slot, Failure::Downstream, ctx);
            }
        }
    }

    /// The run, if it is still the one that was meant and waits for the broker.
    fn is_waiting(&self, asker: RunRef) -> bool {
        self.runs.get(asker.slot).is_some_and(|run| {
            run.serial == asker.serial && matches!(run.awaits, Awaits::Answer | Awaits::Confirm)
        })
    }

    /// A service is gone, or its connection: no answers will come from it.
    fn service_gone(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let calls: Vec<u16> = self
            .runs
            .iter()
            .filter(|(_, run)| run.awaits == Awaits::Call && run.calls() == Some(peer))
            .map(|(slot, _)| slot)
            .collect();
        for slot in calls {
            self.call_failed(slot, ctx);
        }
    }

    fn timer(&mut self, timer: ClientTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            ClientTimer::Handler(slot) => {
                if let Ok(slot) = u16::try_from(slot) {
                    self.handler_timer(slot, ctx);
                }
            }
            ClientTimer::Reconnect => self.session.connect(&self.config.connection, ctx),
            ClientTimer::ConnectTimeout => self.hang_up(ctx),
            ClientTimer::Heartbeat => {
                if self.session.beat(&self.config.connection, ctx) {
                    self.hang_up(ctx);
                }
            }
            ClientTimer::Respawn => self.start(ctx),
            ClientTimer::Send
            | ClientTimer::ConfirmTimeout(_)
            | ClientTimer::ReplyTimeout(_)
            | ClientTimer::Resend => {}
        }
    }
}

impl<H: Handler> Node for Consumer<H> {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Timer(Timer::Client(timer)) => self.timer(timer, ctx),
            Input::Message { from, msg: Msg::Reply(Reply { frame, .. }) }
                if from == self.session.broker(&self.config.connection) =>
            {
                if !self.session.is_down() {
                    self.session.hear();
                    self.frame(frame, ctx);
                }
            }
            Input::Message { msg: Msg::CallDone { call, ok }, .. } => {
                self.call_done(RunRef::of_call(call), ok, ctx);
            }
            Input::Start => self.start(ctx),
            Input::Closed(peer) if peer == self.session.broker(&self.config.connection) => {
                if !self.session.is_down() {
                    self.disconnected(ctx);
                }
            }
            Input::Closed(peer) => self.service_gone(peer, ctx),
            Input::Order(Order::Join) => self.join(ctx),
            Input::Order(Order::Leave) => self.leave(ctx),
            Input::Stop => {
                if self.session.is_up() {
                    ctx.send(
                        self.session.broker(&self.config.connection),
                        request(0, Method::Close),
                    );
                }
            }
            Input::Message { .. } | Input::Timer(_) | Input::Order(_) => {}
        }
        self.settle_down(ctx);
    }

    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {
        self.forget();
        self.dead = false;
    }
}

/// What a consumer does on every new connection.
fn setup<H>(config: &ConsumerConfig<H>) -> Vec<Method> {
    let mut setup = vec![Method::ChannelOpen];
    setup.extend(config.connection.topology.iter().cloned());
    match config.channel {
        ChannelMode::Plain => {}
        ChannelMode::Confirm => setup.push(Method::ConfirmSelect),
        ChannelMode::Tx => setup.push(Method::TxSelect),
    }
    if config.prefetch > 0 {
        setup.push(Method::Qos { prefetch_count: config.prefetch, global: config.global });
    }
    setup.push(Method::Consume(Box::new(Consume {
        queue: config.queue.clone(),
        consumer_tag: config.consumer_tag.clone(),
        no_ack: config.no_ack,
        exclusive: config.exclusive,
        arguments: config.arguments.clone(),
    })));
    setup
}

/// For whom a draw about a message at a consumer is made.
fn whom(me: NodeId, msg: MessageId) -> u64 {
    (u64::from(me.0) << 32) | u64::from(msg.0)
}

#[cfg(test)]
mod tests;
