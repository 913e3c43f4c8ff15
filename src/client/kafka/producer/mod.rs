//! An application that sends to Kafka, and its client.
//!
//! The application hands over messages at its pace; the client gives each an outcome: acknowledged,
//! refused, or unknown. Java and librdkafka gather records into batches (`accumulator`, `sender`,
//! `identity`); KafkaJS sends what each call of `send` was given (`kafkajs`). A message keeps its
//! identity through all retries of its client, and when the application sends it again after that, it
//! is another copy of it.
//!
//! *Modelled*: where records go, batches and lingering, what may be in flight and in which order it is
//! tried again, time-outs and what nobody can know after them, idempotence with its epochs,
//! transactions of both versions, `send` that blocks. *Simplified*: compression has no effect on
//! sizes; a record that is larger than `max.request.size` is sent alone; outcomes of records in a
//! transaction are those of the transaction. *Left out*: `interceptor.classes`, splitting of batches,
//! `partitioner.availability.timeout.ms`, a `close()` that waits.

mod accumulator;
mod config;
mod identity;
mod kafkajs;
mod keys;
mod outcome;
mod sender;
mod submit;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;
mod txn;

use std::collections::VecDeque;

use super::link::{Event, Link};
use crate::client::{Again, Pacing};
use crate::kafka::clients::Family;
use crate::kernel::{Ctx, Input, Loss, Node, Span, Time};
use crate::talk::kafka::{Answer, ProducerIdentity, Record};
use crate::talk::{ClientTimer, Constant, KafkaClientTimer, Mq, Note, Order, Timer};

pub use config::{KafkaProducerConfig, OnFenced, Transactional};

use accumulator::Batching;
use kafkajs::Calls;
use outcome::{Ask, Done, How, Tools};
use sender::Why;
use txn::Txn;

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KafkaProducer {
    config: Constant<KafkaProducerConfig>,
    link: Link<Ask>,
    client: Sending,
    txn: Txn,
    joined: bool,
    /// It has begun to submit.
    begun: bool,
    /// Its application stopped for good.
    dead: bool,
    /// How many messages were submitted.
    submitted: u32,
    /// When the next one is due.
    next_at: Time,
    /// `send` blocks on this record until then.
    blocked: Option<(Record, Time)>,
    /// Messages to be sent again.
    again: VecDeque<Record>,
    /// Messages to be sent again later.
    put_off: Vec<Record>,
    /// Calls of `send` without an outcome.
    open: u32,
}

/// The client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Sending {
    Batching(Box<Batching>),
    Calls(Box<Calls>),
}

impl Sending {
    fn new(config: &KafkaProducerConfig) -> Sending {
        match config.link.family {
            Family::KafkaJs => Sending::Calls(Box::new(Calls::new(config))),
            Family::Java | Family::Librdkafka => Sending::Batching(Box::new(Batching::new(config))),
        }
    }

    fn run(&mut self, tools: &mut Tools<'_, '_>) {
        match self {
            Sending::Batching(client) => client.run(tools),
            Sending::Calls(client) => client.run(tools),
        }
    }

    fn next_done(&mut self) -> Option<Done> {
        match self {
            Sending::Batching(client) => client.done.pop_front(),
            Sending::Calls(client) => client.done.pop_front(),
        }
    }
}

/// The parts of a producer that its client works with.
macro_rules! tools {
    ($self:ident, $ctx:ident) => {
        &mut Tools { config: &$self.config, link: &mut $self.link, ctx: $ctx }
    };
}
use tools;

impl KafkaProducer {
    /// A producer that does as told.
    pub fn new(config: KafkaProducerConfig) -> KafkaProducer {
        KafkaProducer {
            link: Link::new(config.link.clone()),
            client: Sending::new(&config),
            txn: Txn::default(),
            joined: config.joined,
            begun: false,
            dead: false,
            submitted: 0,
            next_at: Time::ZERO,
            blocked: None,
            again: VecDeque::new(),
            put_off: Vec::new(),
            open: 0,
            config: Constant::new(config),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &KafkaProducerConfig {
        &self.config
    }

    /// How many messages its application has submitted.
    pub fn submitted(&self) -> u32 {
        self.submitted
    }

    /// Whether a call of `send` blocks its application.
    pub fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// How many records its client holds without an outcome.
    pub fn unacknowledged(&self) -> usize {
        match &self.client {
            Sending::Batching(client) => client.records().count(),
            Sending::Calls(client) => client.records().count(),
        }
    }

    /// How many batches, or calls of `send`, have no outcome.
    pub fn batches(&self) -> usize {
        match &self.client {
            Sending::Batching(client) => {
                let of = |it: &accumulator::Queue| it.waiting() as usize + it.in_flight.len();
                client.queues.iter().map(of).sum()
            }
            Sending::Calls(client) => client.len(),
        }
    }

    /// How many requests are under way to brokers.
    pub fn in_flight(&self) -> usize {
        let sends = |ask: &&Ask| matches!(ask, Ask::Produce(_) | Ask::Call { .. });
        self.link.unanswered().filter(sends).count()
    }

    /// Its producer id and epoch, once it has one.
    pub fn identity(&self) -> Option<ProducerIdentity> {
        match &self.client {
            Sending::Batching(client) => client.identity,
            Sending::Calls(client) => client.identity,
        }
    }

    /// How many records belong to the transaction that it has open; `None` when it has none.
    pub fn in_transaction(&self) -> Option<usize> {
        self.config.transaction.as_ref().and(self.txn.open())
    }

    /// The brokers that it is connected with.
    pub fn connected(&self) -> impl Iterator<Item = crate::kernel::NodeId> {
        self.link.connected()
    }

    // ── outcomes ──

    fn outcome(&mut self, done: &Done, ctx: &mut Ctx<'_, Mq>) {
        let calls = match self.client {
            Sending::Calls(_) => 1,
            Sending::Batching(_) => done.records.len() as u32,
        };
        self.open = self.open.saturating_sub(calls);
        if self.config.transaction.is_some() {
            return self.txn_outcome(done, ctx);
        }
        for record in &*done.records {
            self.settle(*record, done.how, ctx);
        }
    }

    /// The application learns what became of a message.
    fn settle(&mut self, record: Record, how: How, ctx: &mut Ctx<'_, Mq>) {
        let msg = record.id;
        ctx.note(match how {
            How::Confirmed => return ctx.note(Note::Confirmed { msg }),
            How::Refused => Note::Refused { msg },
            How::Unknown => Note::Unknown { msg },
        });
        if self.config.on_failure == Again::GiveUp || self.dead {
            ctx.note(Note::GaveUp { msg });
            return;
        }
        if self.put_off.is_empty() {
            ctx.arm(Timer::Client(ClientTimer::Resend), self.config.again_after);
        }
        self.put_off.push(again(record));
    }

    // ── the cluster ──

    fn event(&mut self, event: Event<Ask>, ctx: &mut Ctx<'_, Mq>) {
        let tools = tools!(self, ctx);
        match (event, &mut self.client) {
            (Event::Metadata, Sending::Batching(client)) => {
                client.learn(tools);
                client.run(tools);
            }
            (Event::Metadata, Sending::Calls(client)) => client.learn(tools),
            (Event::MetadataFailed, Sending::Calls(client)) => client.refreshed(tools),
            (Event::Answer { tag: Ask::Produce(tags), answer, .. }, Sending::Batching(client)) => {
                if let Answer::Produce(each) = answer {
                    client.produced(tags, &each, tools);
                }
                client.run(tools);
            }
            (Event::Written { tag: Ask::Produce(tags), .. }, Sending::Batching(client)) => {
                for (at, number) in tags {
                    client.acknowledged(at, number, tools);
                }
            }
            (Event::Failed { tag: Ask::Produce(tags), why, .. }, Sending::Batching(client)) => {
                for (at, number) in tags {
                    client.failed(at, number, Why::Lost(why), tools);
                }
                client.run(tools);
            }
            (Event::Answer { broker, tag, answer }, Sending::Calls(client)) => {
                match (tag, answer) {
                    (Ask::Call { call, attempt, shares }, Answer::Produce(each)) => {
                        let error = each.iter().find_map(|(_, said)| said.err());
                        client.answered(broker, call, attempt, shares, error, tools);
                    }
                    (Ask::Identity, Answer::InitProducerId(said)) => {
                        client.identified(Some(said), tools);
                    }
                    _ => {}
                }
            }
            (Event::Failed { broker, tag, why }, Sending::Calls(client)) => match tag {
                Ask::Call { call, attempt, shares } => {
                    client.failed(broker, call, attempt, shares, Why::Lost(why), tools);
                }
                _ => client.identified(None, tools),
            },
            (Event::Started { tag: Ask::Call { call, shares, .. } }, Sending::Calls(client)) => {
                client.started(call, &shares, tools);
            }
            (
                Event::Written { broker, tag: Ask::Call { call, attempt, shares } },
                Sending::Calls(client),
            ) => client.answered(broker, call, attempt, shares, None, tools),
            (Event::Answer { tag, answer, .. }, Sending::Batching(_)) => {
                self.coordinator_said(tag, Some(answer), ctx);
            }
            (Event::Failed { tag, .. }, Sending::Batching(_)) => {
                self.coordinator_said(tag, None, ctx);
            }
            (Event::Up { .. } | Event::Rested { .. } | Event::Coordinator { .. }, client) => {
                client.run(tools);
                self.txn_goes_on(ctx);
            }
            (Event::MetadataFailed | Event::Written { .. } | Event::Started { .. }, _) => {}
        }
    }

    fn timer(&mut self, timer: Timer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            Timer::KafkaClient(KafkaClientTimer::Send) => {
                if self.blocked.is_some() {
                    self.unblock(ctx);
                } else if !self.begun && self.joined {
                    self.begun = true;
                    self.next_at = ctx.now;
                }
                self.fill(ctx);
            }
            Timer::KafkaClient(KafkaClientTimer::Ready) => {
                if let Sending::Batching(client) = &mut self.client {
                    client.ready_at = None;
                }
                self.client.run(tools!(self, ctx));
            }
            Timer::KafkaClient(KafkaClientTimer::Delivery) => {
                if let Sending::Batching(client) = &mut self.client {
                    client.expire(tools!(self, ctx));
                    client.run(tools!(self, ctx));
                }
            }
            Timer::KafkaClient(KafkaClientTimer::Commit) => self.commit_due(ctx),
            Timer::Client(ClientTimer::Resend) => {
                self.again.extend(self.put_off.drain(..));
                self.fill(ctx);
            }
            _ => {}
        }
    }

    /// Deals with what came of an input.
    fn digest(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let mut moved = false;
        loop {
            if let Some(event) = self.link.next_event() {
                moved = true;
                self.event(event, ctx);
            } else if let Some(done) = self.client.next_done() {
                moved = true;
                self.outcome(&done, ctx);
            } else {
                break;
            }
        }
        if moved {
            self.txn_goes_on(ctx);
            let was_blocked = self.blocked.is_some();
            if was_blocked {
                self.unblock(ctx);
            }
            let due = was_blocked || self.next_at <= ctx.now;
            if due || self.config.pacing == Pacing::Window || !self.again.is_empty() {
                self.fill(ctx);
            }
        }
    }

    fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.dead = false;
        if self.joined {
            self.link.refresh(ctx);
            let wait = if self.submitted == 0 { self.config.begins } else { Span::ZERO };
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Send), wait);
        }
    }

    /// Everything that has no outcome, oldest first, and whether a broker may have it.
    fn take_all(&mut self) -> Vec<(Record, bool)> {
        let mut client = Sending::new(&self.config);
        match (&mut client, &self.client) {
            (Sending::Batching(new), Sending::Batching(old)) => new.go_on_from(old),
            (Sending::Calls(new), Sending::Calls(old)) => new.go_on_from(old),
            _ => {}
        }
        let client = std::mem::replace(&mut self.client, client);
        let mut all: Vec<(Record, bool)> = match &client {
            Sending::Batching(client) => client.records().collect(),
            Sending::Calls(client) => client.records().collect(),
        };
        if self.config.transaction.is_some() {
            all = self.take_txn();
        }
        all.extend(self.blocked.take().map(|(record, _)| (record, false)));
        all.sort_by_key(|(record, _)| record.id);
        self.open = 0;
        all
    }
}

/// The next copy of a message.
fn again(record: Record) -> Record {
    Record { copy: record.copy.saturating_add(1), ..record }
}

impl Node for KafkaProducer {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self.link.on(input, ctx) {
            Ok(()) => {}
            Err(Input::Timer(timer)) => self.timer(timer, ctx),
            Err(Input::Start) => self.start(ctx),
            Err(Input::Order(Order::Join)) => {
                self.joined = true;
                self.link.refresh(ctx);
                let wait = if self.begun { Span::ZERO } else { self.config.begins };
                ctx.arm(Timer::KafkaClient(KafkaClientTimer::Send), wait);
            }
            // It submits nothing more; what is on its way goes on.
            Err(Input::Order(Order::Leave)) => {
                self.joined = false;
                if self.blocked.is_none() {
                    ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Send));
                }
            }
            Err(_) => {}
        }
        self.digest(ctx);
    }

    /// The process is gone. An outbox brings back what had no outcome; without one the application
    /// goes on with the next message as if all were well.
    fn lose(&mut self, _: Loss, ctx: &mut Ctx<'_, Mq>) {
        self.link.reset();
        let waiting: Vec<Record> = self.again.drain(..).chain(self.put_off.drain(..)).collect();
        for (record, maybe) in self.take_all() {
            let msg = record.id;
            ctx.note(if maybe { Note::Unknown { msg } } else { Note::Refused { msg } });
            self.again.push_back(again(record));
        }
        self.again.extend(waiting);
        self.begun = false;
        if !self.config.outbox {
            for record in std::mem::take(&mut self.again) {
                ctx.note(Note::GaveUp { msg: record.id });
            }
        }
    }
}
