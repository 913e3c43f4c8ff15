//! An application that reads from Kafka, with Java's client, KafkaJS or librdkafka.
//!
//! What a consumer is made of: its membership in a group (`member`, `beat`, `rebalance`), where
//! it stands in each of its partitions (`place`), what it fetches (`fetch`), what it commits
//! (`commit`, `txn`), the handlers that are under way (`run`, `stages`) and what they produce
//! (`produce`). What drives all this is
//! the client's own: the poll loop of Java and librdkafka (`poll`), or the runner of KafkaJS with
//! its fetchers and workers (`kafkajs`).
//!
//! Everything that others can see (an effect, a call, a commit, a copy that is produced) is a step
//! of its own, so that a crash can fall between any two; between two records of which nothing is
//! seen there is no step.
//!
//! *Simplified*: librdkafka's application has a rebalance callback, which is served when it polls;
//! partitions have no preferred read replica; the application polls again at once. *Left out*: share
//! groups (KIP-932).

mod beat;
mod buffer;
mod commit;
mod config;
mod fetch;
mod kafkajs;
mod life;
mod member;
mod place;
mod poll;
mod produce;
mod rebalance;
mod run;
mod stages;
#[cfg(test)]
mod tests;
mod txn;

use std::collections::{BTreeMap, VecDeque};

use self::commit::Commits;
use self::fetch::Fetching;
use self::kafkajs::Runner;
use self::member::Ask;
use self::place::Place;
use self::poll::App;
use self::produce::Copies;
use self::run::Runs;
use self::txn::Txn;
use super::link::{Event, Link};
use crate::client::bridge::Handed;
use crate::client::handler::Handler;
use crate::client::script::Script;
use crate::kafka::clients::Family;
use crate::kernel::{Ctx, Input, Loss, Node};
use crate::talk::kafka::TopicPartition;
use crate::talk::{
    Constant, KafkaClientTimer, KafkaOrder, MessageId, Mq, Msg, Order, Stored, Timer,
};

pub use buffer::Chunk;
pub use config::{
    CommitWhen, Each, GroupProtocol, KafkaConsumerConfig, OnFailure, Reset, Thrown, assignor,
};
pub use member::{Member, Phase};
pub use run::{Awaits, Run};
pub use txn::InTransaction;

/// A Kafka consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KafkaConsumer<H = Script> {
    config: Constant<KafkaConsumerConfig<H>>,
    /// It works, or has been told to.
    joined: bool,
    /// It was told to leave, and finishes what it has begun.
    leaving: bool,
    /// Its process has killed itself, or its client has given up for good.
    dead: bool,
    /// How often its process was started. Nobody in the process knows; it names draws.
    lives: u32,
    /// How often a place was moved or a handler failed: it tells draws about one record apart.
    moves: u32,

    // ── the memory of the process ──
    handler: H,
    link: Link<Ask>,
    member: Member,
    /// The partitions that it was given and has not given up, in their order.
    places: Vec<Place>,
    fetching: Fetching,
    /// What was fetched and not handed over, oldest first.
    fetched: VecDeque<Chunk>,
    commits: Commits,
    app: App,
    runner: Runner,
    runs: Runs,
    /// How often handlers failed over each message that was not handled since.
    failures: BTreeMap<MessageId, u16>,
    copies: Copies,
    /// What handlers publish, for the client of another system that is part of the same process.
    handed: VecDeque<Handed>,
    txn: Txn,
    /// Something that others can see was done within this step.
    visible: bool,
}

impl<H: Handler> KafkaConsumer<H> {
    /// A consumer that does as told.
    pub fn new(config: KafkaConsumerConfig<H>) -> KafkaConsumer<H> {
        KafkaConsumer {
            joined: config.joined,
            leaving: false,
            dead: false,
            lives: 0,
            moves: 0,
            handler: config.handler.clone(),
            link: Link::new(config.link.clone()),
            member: Member::default(),
            places: Vec::new(),
            fetching: Fetching::default(),
            fetched: VecDeque::new(),
            commits: Commits::default(),
            app: App::default(),
            runner: Runner::default(),
            runs: Runs::default(),
            failures: BTreeMap::new(),
            copies: Copies::default(),
            handed: VecDeque::new(),
            txn: Txn::default(),
            visible: false,
            config: Constant::new(config),
        }
    }
}

impl<H> KafkaConsumer<H> {
    /// What it was told.
    pub fn config(&self) -> &KafkaConsumerConfig<H> {
        &self.config
    }

    /// Its connections and what it knows of the cluster.
    pub fn link(&self) -> &Link<Ask> {
        &self.link
    }

    /// Its membership.
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// Its partitions, and where it stands in each.
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// Its handler, with what it remembers.
    pub fn handler(&self) -> &H {
        &self.handler
    }

    /// What was fetched and not handed to the application so far.
    pub fn fetched(&self) -> impl Iterator<Item = &Chunk> {
        self.fetched.iter()
    }

    /// The handlers that are under way, by the number of their timer.
    pub fn runs(&self) -> impl Iterator<Item = (u16, &Run)> {
        self.runs.iter()
    }

    /// Whether its process has killed itself, or its client has given up for good.
    pub fn is_dead(&self) -> bool {
        self.dead
    }

    /// Whether it has been told to leave.
    pub fn is_leaving(&self) -> bool {
        self.leaving
    }

    fn is_kafkajs(&self) -> bool {
        self.config.client.family == Family::KafkaJs
    }

    fn place(&self, at: TopicPartition) -> Option<&Place> {
        self.places.iter().find(|place| place.at == at)
    }

    fn place_mut(&mut self, at: TopicPartition) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.at == at)
    }
}

impl<H: Handler> KafkaConsumer<H> {
    fn heard(&mut self, event: Event<Ask>, ctx: &mut Ctx<'_, Mq>) {
        self.fetching.look = true;
        match event {
            Event::Answer { broker, tag, answer } => self.answered(broker, tag, answer, ctx),
            Event::Failed { broker, tag, .. } => self.unanswered(broker, tag, ctx),
            Event::Coordinator { found, .. } => match found {
                Ok(_) => self.found_coordinator(ctx),
                Err(code) if code.is_retriable() => {}
                Err(_) => self.give_up(ctx),
            },
            Event::Metadata => self.learnt(ctx),
            Event::Up { .. }
            | Event::Started { .. }
            | Event::Written { .. }
            | Event::Rested { .. } => {}
            Event::MetadataFailed => {}
        }
    }

    fn timer(&mut self, timer: KafkaClientTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            KafkaClientTimer::Handler(slot) => {
                if let Ok(slot) = u16::try_from(slot) {
                    self.handler_timer(slot, ctx);
                }
            }
            KafkaClientTimer::Heartbeat => self.beat_due(ctx),
            KafkaClientTimer::MaxPoll => self.polled_too_late(ctx),
            KafkaClientTimer::AutoCommit => self.commit_in_background(ctx),
            KafkaClientTimer::Poll => self.waited(ctx),
            KafkaClientTimer::Fetch(broker) => self.slept(broker, ctx),
            KafkaClientTimer::Respawn => self.start(ctx),
            _ => {}
        }
    }

    /// Goes on with whatever can go on. Done after every input.
    fn go_on(&mut self, ctx: &mut Ctx<'_, Mq>) {
        while let Some(event) = self.link.next_event() {
            self.heard(event, ctx);
        }
        if self.dead || self.lives == 0 {
            return;
        }
        if self.is_kafkajs() {
            self.drive(ctx);
        } else {
            self.loop_on(ctx);
        }
    }

    fn stored(&mut self, call: u32, answer: Stored, ctx: &mut Ctx<'_, Mq>) {
        match answer {
            Stored::New => self.call_done(call, true, ctx),
            Stored::Known => self.known(call, ctx),
            Stored::Failed => self.call_done(call, false, ctx),
        }
    }
}

impl<H: Handler> Node for KafkaConsumer<H> {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        self.visible = false;
        if let Input::Closed(peer) = input {
            self.service_gone(peer, ctx);
        }
        if let Err(input) = self.link.on(input, ctx) {
            match input {
                Input::Timer(Timer::KafkaClient(timer)) => self.timer(timer, ctx),
                Input::Message { msg: Msg::CallDone { call, ok }, .. } => {
                    self.call_done(call, ok, ctx);
                }
                Input::Message { msg: Msg::StoreDone { call, answer }, .. } => {
                    self.stored(call, answer, ctx);
                }
                Input::Start => self.start(ctx),
                Input::Order(Order::Join) => self.join(ctx),
                Input::Order(Order::Leave) => self.leave(ctx),
                Input::Order(Order::Kafka(KafkaOrder::Seek(to))) => self.seek_all(to, ctx),
                Input::Order(Order::Kafka(KafkaOrder::PauseFetching(paused))) => {
                    self.places.iter_mut().for_each(|place| place.paused = paused);
                    self.fetching.look = true;
                }
                Input::Stop => self.stop_now(ctx),
                _ => {}
            }
        }
        self.go_on(ctx);
    }

    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {
        self.forget();
        self.dead = false;
    }
}
