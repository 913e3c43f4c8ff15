//! Sending batches, and what their answers mean.
//!
//! Sources: Apache Kafka 4.1.1 `Sender`, `RecordAccumulator.ready` and `drain`; librdkafka 2
//! `rdkafka_broker.c` (`rd_kafka_toppar_producer_serve`) and `rdkafka_request.c`
//! (`rd_kafka_handle_Produce_error`), which sends one partition in each request and puts what failed
//! back in the order of messages.

use super::accumulator::{Batching, Pack};
use super::outcome::{Ask, Done, How, Tools};
use crate::client::kafka::link::{Lane, Lost, backoff};
use crate::kafka::clients::Family;
use crate::kernel::{NodeId, Site, Time};
use crate::talk::kafka::{
    Acks, Api, Batch, Body, Code, Each, Produce, ProducerStamp, TopicPartition, Written,
};
use crate::talk::{KafkaClientTimer, Note, Timer};

/// Why a batch was not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Code(Code),
    Lost(Lost),
}

impl Batching {
    /// Sends whatever can be sent, and arms the timers for the rest.
    pub(super) fn run(&mut self, tools: &mut Tools<'_, '_>) {
        if tools.link.image().is_none() {
            tools.link.refresh(tools.ctx);
            return;
        }
        if tools.config.is_idempotent() && !self.identify(tools) {
            return;
        }
        self.adapt(tools.config);
        while self.send_round(tools) {}
        self.arm(tools);
    }

    /// One request to each broker that can take one. Returns whether there was any.
    fn send_round(&mut self, tools: &mut Tools<'_, '_>) -> bool {
        let mut brokers: Vec<NodeId> = Vec::new();
        for at in 0..self.queues.len() {
            if self.due(at, tools).is_none_or(|due| due > tools.ctx.now) {
                continue;
            }
            match tools.link.leader(TopicPartition::new(tools.config.topic, at as u16)) {
                Some((leader, _)) if !brokers.contains(&leader) => brokers.push(leader),
                Some(_) => {}
                // `RecordAccumulator.ready`: unknownLeaderTopics
                None => tools.link.refresh(tools.ctx),
            }
        }
        let mut sent = false;
        for broker in brokers {
            if tools.link.ready(broker, Lane::Main, tools.ctx) {
                sent |= self.drain(broker, tools);
            }
        }
        sent
    }

    /// When the first batch of a partition may be sent; `None` when there is none, or something else
    /// must happen first.
    fn due(&self, at: usize, tools: &Tools<'_, '_>) -> Option<Time> {
        let queue = &self.queues[at];
        if queue.muted || !self.may_number(at, tools.config) {
            return None;
        }
        match queue.closed.front() {
            Some(pack) if pack.attempts > 0 => {
                let leader = tools.link.leader(TopicPartition::new(tools.config.topic, at as u16));
                // A new leader is tried at once (KIP-951, 3.7).
                let new = leader.is_some_and(|(_, epoch)| pack.tried_epoch < Some(epoch));
                let java = tools.config.link.family == Family::Java;
                Some(if new && java { Time::ZERO } else { pack.retry_at })
            }
            Some(_) => Some(Time::ZERO),
            None if queue.open.is_empty() => None,
            None if self.flushing || self.exhausted => Some(Time::ZERO),
            None => Some(queue.open_since + tools.config.linger),
        }
    }

    /// Sends one request to a broker. Java takes the first batch of every partition that the broker
    /// leads, also of those that would linger on, up to `max.request.size`.
    fn drain(&mut self, broker: NodeId, tools: &mut Tools<'_, '_>) -> bool {
        let (config, now) = (tools.config, tools.ctx.now);
        let java = config.link.family == Family::Java;
        let count = self.queues.len();
        let first = self.turn;
        let (mut size, mut tags, mut batches) = (0_u32, Vec::new(), Vec::new());
        for at in (first..count).chain(0..first.min(count)) {
            let place = TopicPartition::new(config.topic, at as u16);
            let Some((leader, epoch)) = tools.link.leader(place) else { continue };
            let Some(due) = self.due(at, tools).filter(|_| leader == broker) else { continue };
            let lingers = self.queues[at].closed.is_empty();
            if due > now && !(java && lingers) || !self.is_added(at, tools) {
                continue;
            }
            let Batching { queues, last_number, .. } = &mut *self;
            if lingers {
                queues[at].seal(last_number);
            }
            let Some(pack) = queues[at].closed.front() else { continue };
            if size.saturating_add(pack.bytes) > config.max_request_size && !tags.is_empty() {
                self.turn = at;
                break;
            }
            let Some(mut pack) = self.queues[at].closed.pop_front() else { continue };
            size += pack.bytes;
            self.number(at, &mut pack, config);
            pack.tried_epoch = Some(epoch);
            if !pack.published {
                pack.published = true;
                for record in &*pack.records {
                    tools.ctx.note(Note::Published { msg: record.id, copy: record.copy });
                }
            }
            let producer = pack.sequence.map(|(identity, base_sequence)| ProducerStamp {
                id: identity.id,
                epoch: identity.epoch,
                base_sequence,
                transactional: config.transaction.is_some(),
            });
            let body = Body::Records(pack.records.clone());
            batches.push((place, Batch { base_offset: 0, leader_epoch: 0, producer, body }));
            tags.push((at as u16, pack.number));
            let queue = &mut self.queues[at];
            queue.in_flight.push_back(pack);
            // `guaranteeMessageOrder`
            queue.muted = java && config.link.max_in_flight == Some(1);
            self.turn = (at + 1) % count;
            if !java {
                break;
            }
        }
        if tags.is_empty() {
            return false;
        }
        let produce = Produce {
            acks: config.acks,
            timeout: config.request_timeout,
            txn: config.transaction.as_ref().map(|txn| txn.id),
            batches,
        };
        let timeout = Some(config.request_timeout);
        let ask = Ask::Produce(tags);
        tools.link.send(broker, Lane::Main, ask, Api::Produce(produce), timeout, tools.ctx);
        config.acks != Acks::None || tools.link.ready(broker, Lane::Main, tools.ctx)
    }

    /// Arms the timers for what is due later.
    fn arm(&mut self, tools: &mut Tools<'_, '_>) {
        let now = tools.ctx.now;
        let dues = (0..self.queues.len()).filter_map(|at| self.due(at, tools));
        if let Some(next) = dues.filter(|due| *due > now).min()
            && self.ready_at.is_none_or(|armed| next < armed || armed <= now)
        {
            self.ready_at = Some(next);
            tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), next.since(now));
        }
        if let Some(most) = tools.config.delivery_timeout
            && self.expiry_at.is_none()
            && let Some(oldest) = self.oldest()
        {
            let at = oldest + most;
            self.expiry_at = Some(at);
            tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Delivery), at.since(now));
        }
    }

    fn oldest(&self) -> Option<Time> {
        let of = |queue: &super::accumulator::Queue| {
            let packs = queue.in_flight.iter().chain(&queue.closed).map(|pack| pack.created);
            packs.chain((!queue.open.is_empty()).then_some(queue.open_since)).min()
        };
        self.queues.iter().filter_map(of).min()
    }

    // ── answers ──

    /// A produce request was answered.
    pub(super) fn produced(
        &mut self,
        tags: Vec<(u16, u32)>,
        answer: &Each<Written>,
        tools: &mut Tools<'_, '_>,
    ) {
        for (at, number) in tags {
            let said = answer.iter().find(|(place, _)| place.partition == at);
            match said {
                Some((_, Ok(_))) => self.acknowledged(at, number, tools),
                Some((_, Err(code))) => self.failed(at, number, Why::Code(*code), tools),
                None => self.failed(at, number, Why::Lost(Lost::Disconnected), tools),
            }
        }
    }

    /// A batch is acknowledged; nothing happens when it had an outcome before.
    pub(super) fn acknowledged(&mut self, at: u16, number: u32, tools: &mut Tools<'_, '_>) {
        let Some(pack) = self.land(at, number) else { return };
        self.number_acked(at, &pack);
        self.finish(at, pack, How::Confirmed, tools);
    }

    /// Takes a batch out of what is in flight.
    fn land(&mut self, at: u16, number: u32) -> Option<Pack> {
        let queue = self.queues.get_mut(usize::from(at))?;
        let place = queue.in_flight.iter().position(|pack| pack.number == number)?;
        queue.muted = false;
        queue.in_flight.remove(place)
    }

    /// A batch was not acknowledged: it is tried again, or given up.
    pub(super) fn failed(&mut self, at: u16, number: u32, why: Why, tools: &mut Tools<'_, '_>) {
        let Some(mut pack) = self.land(at, number) else { return };
        let config = tools.config;
        if why == Why::Code(Code::DuplicateSequenceNumber) {
            // it was written before: `Sender.completeBatch`
            self.number_acked(at, &pack);
            return self.finish(at, pack, How::Confirmed, tools);
        }
        pack.maybe_written |= match why {
            Why::Lost(lost) => lost.maybe_done(),
            Why::Code(code) => {
                matches!(code, Code::RequestTimedOut | Code::NotEnoughReplicasAfterAppend)
            }
        };
        if matches!(
            why,
            Why::Lost(_)
                | Why::Code(
                    Code::NotLeaderOrFollower
                        | Code::UnknownTopicOrPartition
                        | Code::LeaderNotAvailable
                        | Code::FencedLeaderEpoch
                )
        ) {
            tools.link.refresh(tools.ctx);
        }
        let in_time =
            config.delivery_timeout.is_none_or(|most| pack.created + most > tools.ctx.now);
        let retriable = match why {
            Why::Lost(_) => true,
            Why::Code(code) => code.is_retriable() || self.may_renumber(at, &pack, code),
        };
        if in_time && retriable && pack.attempts < config.retries {
            let site = Site::new("retry back-off", u64::from(tools.ctx.me.0))
                .nth(u64::from(pack.number) << 16 | u64::from(pack.attempts & 0xFFFF));
            let wait = backoff::exponential(&config.backoff, pack.attempts, site, tools.ctx);
            pack.attempts += 1;
            pack.retry_at = tools.ctx.now + wait;
            self.put_back(at, pack, tools);
            return;
        }
        let how = if pack.maybe_written { How::Unknown } else { How::Refused };
        let counted_out = pack.attempts >= config.retries;
        self.number_given_up(at, &pack, why, !in_time || counted_out, config);
        self.finish(at, pack, how, tools);
        if let (Why::Code(code), Some(done)) = (why, self.done.back_mut()) {
            done.fatal = is_fatal(code) && config.transaction.is_some();
        }
    }

    /// A batch goes back into its queue. Without sequence numbers Java puts it first, whatever its
    /// place was: of two batches that fail one after the other the later one then goes first
    /// (`RecordAccumulator.reenqueue`). With them, and in librdkafka, the order is kept.
    fn put_back(&mut self, at: u16, pack: Pack, tools: &Tools<'_, '_>) {
        let ordered =
            tools.config.is_idempotent() || tools.config.link.family == Family::Librdkafka;
        // it was in flight for this partition
        let closed = &mut self.queues[usize::from(at)].closed;
        let place = if ordered { closed.partition_point(|it| it.number < pack.number) } else { 0 };
        closed.insert(place, pack);
    }

    fn finish(&mut self, at: u16, pack: Pack, how: How, tools: &Tools<'_, '_>) {
        self.free(&pack, tools.config);
        self.done.push_back(Done { records: pack.records, how, fatal: false });
        self.resolve(at, tools.config);
    }

    /// `delivery.timeout.ms`: what is too old is given up, in flight or not.
    pub(super) fn expire(&mut self, tools: &mut Tools<'_, '_>) {
        self.expiry_at = None;
        let Some(most) = tools.config.delivery_timeout else { return };
        let now = tools.ctx.now;
        for at in 0..self.queues.len() {
            let Batching { queues, last_number, .. } = &mut *self;
            let queue = &mut queues[at];
            if !queue.open.is_empty() && queue.open_since + most <= now {
                queue.seal(last_number);
            }
            let late = |pack: &Pack| pack.created + most <= now;
            let mut over = Vec::new();
            while queue.in_flight.front().is_some_and(late)
                && let Some(mut pack) = queue.in_flight.pop_front()
            {
                pack.maybe_written = true;
                queue.muted = false;
                over.push(pack);
            }
            while queue.closed.front().is_some_and(late) {
                over.extend(queue.closed.pop_front());
            }
            for pack in over {
                let how = if pack.maybe_written { How::Unknown } else { How::Refused };
                self.number_given_up(
                    at as u16,
                    &pack,
                    Why::Lost(Lost::TimedOut),
                    true,
                    tools.config,
                );
                self.finish(at as u16, pack, how, tools);
            }
        }
    }
}

/// Whether a producer with this error must not be used any more.
pub(super) const fn is_fatal(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::InvalidProducerIdMapping
            | Code::InvalidTxnState
            | Code::TransactionCoordinatorFenced
            | Code::InvalidTransactionTimeout
    )
}
