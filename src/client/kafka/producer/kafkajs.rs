//! What KafkaJS does with a call of `send`: one request to each broker, no batches, and a retrier
//! around it all.
//!
//! Source: KafkaJS 2.2.4 `src/producer/sendMessages.js`, `src/producer/eosManager/index.js`,
//! `src/retry/index.js`. Three of its habits lose or repeat records, and are kept:
//!
//! - an idempotent producer takes its sequence numbers when it sends and gives them back on any
//!   error, so that the next call takes the numbers of records that may have been written;
//! - every attempt groups the messages anew, but brokers that have answered are left out, so that
//!   records without a key that a retry moves to such a broker are never sent;
//! - a call that failed at one broker is tried again while its requests to others are still under
//!   way.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::KafkaProducerConfig;
use super::keys::{KeyText, Keyed};
use super::outcome::{Ask, Done, How, Tools};
use super::sender::Why;
use crate::client::kafka::link::{Lane, Lost, backoff};
use crate::kafka::partition::{Partitions, Placer};
use crate::kernel::{NodeId, Site, Span, Time};
use crate::talk::kafka::{
    Api, Batch, Body, Code, InitProducer, Produce, ProducerIdentity, ProducerStamp, Record,
    TopicPartition,
};
use crate::talk::{KafkaClientTimer, MessageId, Note, Timer};

/// The records of one request, by partition.
type Shares = Vec<(u16, Arc<[Record]>)>;

/// All calls of `send` under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Calls {
    calls: VecDeque<Call>,
    /// The number of the last call.
    last: u32,
    count: u16,
    available: Vec<u32>,
    placer: Placer,
    key: Option<KeyText>,
    keyed: Keyed,
    /// How often something was drawn.
    draws: u64,
    pub(super) identity: Option<ProducerIdentity>,
    identity_asked: bool,
    /// It is not asked for again before.
    ask_after: Time,
    /// `producerSequence`, by partition.
    sequences: Vec<u32>,
    /// `brokerMutexLocks`.
    locks: Vec<Lock>,
    pub(super) done: VecDeque<Done>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Call {
    number: u32,
    records: Arc<[Record]>,
    /// Which attempt this is, from 0.
    attempt: u32,
    /// `retryTime`: how long it waits before the next one.
    wait: Span,
    stage: Stage,
    /// Brokers that have answered.
    answered: Vec<NodeId>,
    /// Requests of this attempt without an outcome.
    open: u32,
    maybe_written: bool,
    published: Vec<MessageId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// It needs metadata, or the producer id.
    Cluster,
    /// Its requests are under way.
    Sending,
    /// It failed and awaits new metadata before its back-off begins.
    Refreshing,
    /// It is tried again then.
    Resting(Time),
}

/// A mutex for each broker, so that numbers are taken in the order of requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Lock {
    broker: NodeId,
    held: bool,
    waiting: VecDeque<(u32, u32, Shares)>,
}

impl Calls {
    pub(super) fn new(config: &KafkaProducerConfig) -> Calls {
        Calls {
            calls: VecDeque::new(),
            last: 0,
            count: 0,
            available: Vec::new(),
            placer: Placer::new(config.partitioner, config.placing),
            key: config.key.as_ref().map(KeyText::new),
            keyed: Keyed::default(),
            draws: 0,
            identity: None,
            identity_asked: false,
            ask_after: Time::ZERO,
            sequences: Vec::new(),
            locks: Vec::new(),
            done: VecDeque::new(),
        }
    }

    /// Numbers and draws go on from those of the client before.
    pub(super) fn go_on_from(&mut self, old: &Calls) {
        (self.last, self.draws) = (old.last, old.draws);
    }

    /// The application calls `send`.
    pub(super) fn call(&mut self, records: Arc<[Record]>, tools: &mut Tools<'_, '_>) {
        self.last = self.last.wrapping_add(1);
        self.draws += 1;
        let site = Site::new("retry time", u64::from(tools.ctx.me.0)).nth(self.draws);
        let wait = backoff::kafkajs_first(&tools.config.backoff, site, tools.ctx);
        self.calls.push_back(Call {
            number: self.last,
            records,
            attempt: 0,
            wait,
            stage: Stage::Cluster,
            answered: Vec::new(),
            open: 0,
            maybe_written: false,
            published: Vec::new(),
        });
        if self.is_ready(tools) {
            self.attempt(self.calls.len() - 1, tools);
        }
    }

    fn is_ready(&mut self, tools: &mut Tools<'_, '_>) -> bool {
        if tools.link.image().is_none() {
            tools.link.refresh(tools.ctx);
            return false;
        }
        if tools.config.idempotence && self.identity.is_none() {
            let broker = tools.link.connected().next();
            let may_ask = !self.identity_asked && self.ask_after <= tools.ctx.now;
            if let Some(broker) = broker.filter(|_| may_ask) {
                self.identity_asked = true;
                let init = InitProducer { txn: None, timeout: Span::ZERO, current: None };
                let api = Api::InitProducerId(init);
                tools.link.send(broker, Lane::Main, Ask::Identity, api, None, tools.ctx);
            }
            return false;
        }
        true
    }

    /// The producer id arrived, or did not.
    pub(super) fn identified(
        &mut self,
        answer: Option<Result<ProducerIdentity, Code>>,
        tools: &mut Tools<'_, '_>,
    ) {
        self.identity_asked = false;
        if let Some(Ok(identity)) = answer {
            self.identity = Some(identity);
            self.sequences.clear();
            self.run(tools);
        } else {
            let wait = tools.config.backoff.first;
            self.ask_after = tools.ctx.now + wait;
            tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), wait);
        }
    }

    /// Metadata arrived, or could not be had.
    pub(super) fn learn(&mut self, tools: &mut Tools<'_, '_>) {
        let topic = tools.config.topic;
        self.count = tools.link.partitions(topic);
        self.available.clear();
        let with_leader = (0..self.count)
            .filter(|it| tools.link.leader(TopicPartition::new(topic, *it)).is_some());
        self.available.extend(with_leader.map(u32::from));
        self.refreshed(tools);
    }

    /// `await cluster.refreshMetadata()` is over, one way or the other: back-offs begin.
    pub(super) fn refreshed(&mut self, tools: &mut Tools<'_, '_>) {
        for call in &mut self.calls {
            if call.stage == Stage::Refreshing {
                call.stage = Stage::Resting(tools.ctx.now + call.wait);
            }
        }
        self.run(tools);
    }

    /// Attempts whatever is to be attempted now.
    pub(super) fn run(&mut self, tools: &mut Tools<'_, '_>) {
        if !self.is_ready(tools) {
            return;
        }
        let now = tools.ctx.now;
        let due = |stage: Stage| match stage {
            Stage::Cluster => true,
            Stage::Resting(until) => until <= now,
            Stage::Sending | Stage::Refreshing => false,
        };
        while let Some(at) = self.calls.iter().position(|call| due(call.stage)) {
            if let Stage::Resting(_) = self.calls[at].stage {
                self.draws += 1;
                let site = Site::new("retry time", u64::from(tools.ctx.me.0)).nth(self.draws);
                let call = &mut self.calls[at];
                call.attempt += 1;
                call.wait =
                    backoff::kafkajs_next(&tools.config.backoff, call.wait, site, tools.ctx);
            }
            self.attempt(at, tools);
        }
        let resting = self.calls.iter().filter_map(|call| match call.stage {
            Stage::Resting(until) => Some(until),
            _ => None,
        });
        if let Some(next) = resting.min() {
            tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), next.since(now));
        }
    }

    // ── an attempt ──

    fn attempt(&mut self, at: usize, tools: &mut Tools<'_, '_>) {
        let Some(count) = NonZeroU32::new(self.count.into()) else {
            // KafkaJSMetadataNotLoaded: "Producing to topic without metadata"
            let number = self.calls[at].number;
            return self.again(number, Why::Code(Code::UnknownTopicOrPartition), tools);
        };
        let records = self.calls[at].records.clone();
        let mut by_partition: Vec<(u16, Vec<Record>)> = Vec::new();
        for record in &*records {
            let (partition, record) = self.place(*record, count, tools);
            match by_partition.iter_mut().find(|(its, _)| *its == partition) {
                Some((_, records)) => records.push(record),
                None => by_partition.push((partition, vec![record])),
            }
        }
        // `keys(messagesPerPartition)`: whole numbers come in ascending order
        by_partition.sort_unstable_by_key(|(partition, _)| *partition);
        let mut by_broker: Vec<(NodeId, Shares)> = Vec::new();
        let mut homeless = false;
        for (partition, records) in by_partition {
            let place = TopicPartition::new(tools.config.topic, partition);
            let Some((leader, _)) = tools.link.leader(place) else {
                homeless = true;
                continue;
            };
            let share = (partition, records.into());
            match by_broker.iter_mut().find(|(broker, _)| *broker == leader) {
                Some((_, shares)) => shares.push(share),
                None => by_broker.push((leader, vec![share])),
            }
        }
        let call = &mut self.calls[at];
        call.stage = Stage::Sending;
        let (number, attempt) = (call.number, call.attempt);
        by_broker.retain(|(broker, _)| !call.answered.contains(broker));
        call.open = by_broker.len() as u32;
        if homeless {
            // `findBroker({ nodeId: -1 })`: KafkaJSBrokerNotFound, before anything is sent
            call.open = 0;
            return self.again(number, Why::Code(Code::LeaderNotAvailable), tools);
        }
        if by_broker.is_empty() {
            return self.resolve(number);
        }
        for (broker, shares) in by_broker {
            if self.acquire(broker, number, attempt, &shares) {
                self.write(broker, number, attempt, shares, tools);
            }
        }
    }

    fn place(
        &mut self,
        mut record: Record,
        count: NonZeroU32,
        tools: &mut Tools<'_, '_>,
    ) -> (u16, Record) {
        let (config, now) = (tools.config, tools.ctx.now);
        let mut by_key = None;
        if let Some(text) = &self.key {
            // The key is part of the message: a retry does not change it.
            record.key = text.number(&record, record.timestamp);
            by_key = self.keyed.partition(text, record.key, config.partitioner, count);
        }
        let fixed = config.partition.map(u32::from).or(by_key);
        let partition = fixed.unwrap_or_else(|| {
            let (draws, ctx) = (&mut self.draws, &mut *tools.ctx);
            let me = u64::from(ctx.me.0);
            let mut pick = |n: u32| {
                *draws += 1;
                ctx.choose(Site::new("partition", me).nth(*draws), n)
            };
            let topic = Partitions { count, available: &self.available };
            self.placer.place(None, &topic, now, &mut pick)
        });
        (partition.min(count.get() - 1) as u16, record)
    }

    /// `acquireBrokerLock`, which only an initialized producer does.
    fn acquire(&mut self, broker: NodeId, call: u32, attempt: u32, shares: &Shares) -> bool {
        if self.identity.is_none() {
            return true;
        }
        let at = self.locks.iter().position(|lock| lock.broker == broker).unwrap_or_else(|| {
            self.locks.push(Lock { broker, held: false, waiting: VecDeque::new() });
            self.locks.len() - 1
        });
        let lock = &mut self.locks[at];
        if lock.held {
            lock.waiting.push_back((call, attempt, shares.clone()));
            return false;
        }
        lock.held = true;
        true
    }

    /// `releaseBrokerLock`: whoever waits longest goes on at once.
    fn release(&mut self, broker: NodeId, tools: &mut Tools<'_, '_>) {
        let Some(lock) = self.locks.iter_mut().find(|lock| lock.broker == broker) else { return };
        match lock.waiting.pop_front() {
            Some((call, attempt, shares)) => self.write(broker, call, attempt, shares, tools),
            None => lock.held = false,
        }
    }

    /// Takes sequence numbers and sends the request.
    fn write(
        &mut self,
        broker: NodeId,
        call: u32,
        attempt: u32,
        shares: Shares,
        tools: &mut Tools<'_, '_>,
    ) {
        let config = tools.config;
        let batches = shares.iter().map(|(partition, records)| {
            let producer = self.identity.map(|identity| {
                let base_sequence = self.move_sequence(*partition, records.len() as i64);
                ProducerStamp {
                    id: identity.id,
                    epoch: identity.epoch,
                    base_sequence,
                    transactional: false,
                }
            });
            let body = Body::Records(records.clone());
            let batch = Batch { base_offset: 0, leader_epoch: 0, producer, body };
            (TopicPartition::new(config.topic, *partition), batch)
        });
        let batches = batches.collect();
        let api = Api::Produce(Produce {
            acks: config.acks,
            timeout: Span::from_secs(30), // the default of `send({ timeout })`
            txn: None,
            batches,
        });
        if tools.link.ready(broker, Lane::Main, tools.ctx) {
            self.started(call, &shares, tools);
        }
        let ask = Ask::Call { call, attempt, shares };
        let timeout = Some(config.request_timeout);
        tools.link.send(broker, Lane::Main, ask, api, timeout, tools.ctx);
    }

    /// `updateSequence`: returns the number before.
    fn move_sequence(&mut self, partition: u16, by: i64) -> u32 {
        let at = usize::from(partition);
        if self.sequences.len() <= at {
            self.sequences.resize(at + 1, 0);
        }
        // it was made long enough
        let before = self.sequences[at];
        let after = i64::from(before) + by;
        // `if (sequence >= INT_32_MAX_VALUE) sequence = 0`
        self.sequences[at] = if after >= i64::from(i32::MAX) { 0 } else { after.max(0) as u32 };
        before
    }

    /// A request of a call was written.
    pub(super) fn started(&mut self, call: u32, shares: &Shares, tools: &mut Tools<'_, '_>) {
        let Some(call) = self.calls.iter_mut().find(|it| it.number == call) else { return };
        for record in shares.iter().flat_map(|(_, records)| &**records) {
            if call.attempt == 0 || !call.published.contains(&record.id) {
                call.published.push(record.id);
                tools.ctx.note(Note::Published { msg: record.id, copy: record.copy });
            }
        }
    }

    // ── its outcome ──

    /// A broker answered; an error of any partition is one of the whole request.
    pub(super) fn answered(
        &mut self,
        broker: NodeId,
        call: u32,
        attempt: u32,
        shares: Shares,
        error: Option<Code>,
        tools: &mut Tools<'_, '_>,
    ) {
        if let Some(code) = error {
            return self.failed(broker, call, attempt, shares, Why::Code(code), tools);
        }
        self.release(broker, tools);
        let Some(its) = self.calls.iter_mut().find(|it| it.number == call) else { return };
        its.answered.push(broker);
        if its.attempt == attempt && its.stage == Stage::Sending {
            its.open = its.open.saturating_sub(1);
            if its.open == 0 {
                self.resolve(call);
            }
        }
    }

    /// A request failed: its numbers are given back, and the next call takes them.
    pub(super) fn failed(
        &mut self,
        broker: NodeId,
        call: u32,
        attempt: u32,
        shares: Shares,
        why: Why,
        tools: &mut Tools<'_, '_>,
    ) {
        if self.identity.is_some() {
            for (partition, records) in &shares {
                self.move_sequence(*partition, -(records.len() as i64));
            }
        }
        let maybe = match why {
            Why::Lost(lost) => lost.maybe_done(),
            Why::Code(code) => {
                shares.len() > 1
                    || matches!(code, Code::RequestTimedOut | Code::NotEnoughReplicasAfterAppend)
            }
        };
        if let Some(its) = self.calls.iter_mut().find(|it| it.number == call) {
            its.maybe_written |= maybe;
        }
        self.release(broker, tools);
        let current =
            |it: &Call| it.number == call && it.attempt == attempt && it.stage == Stage::Sending;
        if self.calls.iter().any(current) {
            self.again(call, why, tools);
        }
    }

    /// The retrier: a call failed.
    fn again(&mut self, number: u32, why: Why, tools: &mut Tools<'_, '_>) {
        let Some(call) = self.calls.iter_mut().find(|it| it.number == number) else { return };
        let retriable = match why {
            Why::Lost(_) => true,
            Why::Code(code) => code.is_retriable(),
        };
        if !retriable || call.attempt >= tools.config.retries {
            let how = if call.maybe_written { How::Unknown } else { How::Refused };
            return self.finish(number, how);
        }
        if why == Why::Lost(Lost::TimedOut) {
            call.stage = Stage::Resting(tools.ctx.now + call.wait);
            tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), call.wait);
            self.run(tools);
        } else {
            call.stage = Stage::Refreshing;
            tools.link.refresh(tools.ctx);
        }
    }

    fn resolve(&mut self, number: u32) {
        self.finish(number, How::Confirmed);
    }

    fn finish(&mut self, number: u32, how: How) {
        if let Some(at) = self.calls.iter().position(|it| it.number == number)
            && let Some(call) = self.calls.remove(at)
        {
            self.done.push_back(Done { records: call.records, how, fatal: false });
        }
    }

    /// All records on their way, and whether a broker may have each.
    pub(super) fn records(&self) -> impl Iterator<Item = (Record, bool)> {
        self.calls.iter().flat_map(|call| {
            let maybe = call.maybe_written || !call.published.is_empty();
            call.records.iter().map(move |record| (*record, maybe))
        })
    }

    /// How many calls are under way.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}
