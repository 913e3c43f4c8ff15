//! Fetching: one request at a time to each broker.
//!
//! Sources: Apache Kafka 4.1.1 `AbstractFetch`, `FetchCollector`; KafkaJS 2.2.4
//! `src/consumer/consumerGroup.js` `fetch`; librdkafka 2 `rdkafka_fetcher.c`.

use super::KafkaConsumer;
use super::buffer::Chunk;
use super::member::Ask;
use super::place::Known;
use crate::client::handler::Handler;
use crate::client::kafka::link::Lane;
use crate::kafka::clients::Family;
use crate::kernel::{Ctx, NodeId};
use crate::talk::Mq;
use crate::talk::kafka::{Api, Code, Fetch, FetchFrom, Fetched, Moved, Offset, TopicPartition};

/// `queued.min.messages` of librdkafka: it fetches on while a partition has fewer in its queue.
const QUEUED_MIN_MESSAGES: u64 = 100_000;

/// The fetches of a consumer that have no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Fetching {
    under_way: Vec<Asked>,
    /// Something has changed about what can be fetched, or about which positions are known.
    pub(super) look: bool,
    /// For the next request.
    spare: Vec<(TopicPartition, Offset, u32)>,
}

/// What one broker was asked for: each partition, from where, and in which time of its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    broker: NodeId,
    partitions: Vec<(TopicPartition, Offset, u32)>,
}

impl Fetching {
    fn is_asked(&self, broker: NodeId) -> bool {
        self.under_way.iter().any(|asked| asked.broker == broker)
    }

    fn fetches(&self, at: TopicPartition) -> bool {
        self.under_way.iter().any(|asked| asked.partitions.iter().any(|it| it.0 == at))
    }

    fn take(&mut self, broker: NodeId) -> Option<Asked> {
        let at = self.under_way.iter().position(|asked| asked.broker == broker)?;
        Some(self.under_way.swap_remove(at))
    }

    /// Nothing will be answered.
    pub(super) fn clear(&mut self) {
        self.under_way.clear();
    }
}

impl<H: Handler> KafkaConsumer<H> {
    /// How many partitions its topics have, as far as is known.
    pub(super) fn partitions_of_topics(&self) -> u32 {
        self.config.topics.iter().map(|topic| u32::from(self.link.partitions(*topic))).sum()
    }

    /// Sends a fetch to every broker that leads a partition of which more is wanted. Java wants more
    /// of a partition of which nothing is buffered, librdkafka of one whose queue is not full.
    pub(super) fn send_fetches(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let mut after = None;
        loop {
            // brokers in their order, without a list of them
            let next = self.places.iter().filter_map(|it| Some(self.link.leader(it.at)?.0));
            let Some(broker) = next.filter(|node| after < Some(*node)).min() else { break };
            after = Some(broker);
            if !self.fetching.is_asked(broker) {
                self.fetch_from(broker, ctx);
            }
        }
        if self.places.iter().any(|place| self.link.leader(place.at).is_none()) {
            self.link.refresh(ctx);
        }
    }

    fn wants_more(&self, at: TopicPartition) -> bool {
        let buffered = self.fetched.iter().filter(|chunk| chunk.at == at);
        match self.config.client.family {
            Family::Librdkafka => buffered.map(Chunk::left).sum::<u64>() < QUEUED_MIN_MESSAGES,
            Family::Java | Family::KafkaJs => buffered.count() == 0,
        }
    }

    /// Fetches from this broker what it leads. Returns false when there is nothing to ask for.
    pub(super) fn fetch_from(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) -> bool {
        let mut partitions = std::mem::take(&mut self.fetching.spare);
        partitions.clear();
        for place in &self.places {
            let leads = self.link.leader(place.at).is_some_and(|(node, _)| node == broker);
            let free = !place.is_paused() && !self.fetching.fetches(place.at);
            if leads && place.known == Known::Here && free && self.wants_more(place.at) {
                partitions.push((place.at, place.fetches, place.moves));
            }
        }
        if partitions.is_empty() {
            self.fetching.spare = partitions;
            return false;
        }
        let kafkajs = self.is_kafkajs();
        let from = |(at, offset, _): &(TopicPartition, Offset, u32)| FetchFrom {
            at: *at,
            offset: *offset,
            // KafkaJS speaks of no epochs (version 11 with -1)
            leader_epoch: self.link.leader(*at).map(|it| it.1).filter(|_| !kafkajs),
            last_fetched_epoch: None,
            log_start: 0,
            max_bytes: self.config.max_partition_bytes,
        };
        let fetch = Fetch {
            replica: None,
            max_wait: self.config.max_wait,
            min_bytes: self.config.min_bytes,
            max_bytes: self.config.max_bytes,
            isolation: self.config.isolation,
            partitions: partitions.iter().map(from).collect(),
        };
        let lane = if kafkajs { Lane::Second } else { Lane::Main };
        self.link.send(broker, lane, Ask::Fetch, Api::Fetch(fetch), None, ctx);
        self.fetching.under_way.push(Asked { broker, partitions });
        true
    }

    /// What a broker sent. KafkaJS gets a batch for every partition that it asked for, even without
    /// records. Returns the first error, with its partition.
    pub(super) fn on_fetched(
        &mut self,
        broker: NodeId,
        mut answer: Vec<(TopicPartition, Fetched)>,
        chunks: &mut Vec<Chunk>,
    ) -> Option<(TopicPartition, Code)> {
        let empty = self.is_kafkajs();
        let asked = self.fetching.take(broker)?;
        let isolation = self.config.isolation;
        let mut error = None;
        for &(at, offset, moves) in &asked.partitions {
            if self.place(at).is_none_or(|place| place.moves != moves) {
                continue; // it was moved, or belongs to another one by now
            }
            let its = answer.iter().position(|(its, _)| *its == at);
            let fetched = its.map(|its| answer.swap_remove(its).1);
            if let Some(code) = fetched.as_ref().and_then(|fetched| fetched.error) {
                error = error.or(Some((at, code)));
                continue;
            }
            let brought = fetched.map(|fetched| (fetched.batches, fetched.aborted));
            if let Some((batches, aborted)) = brought.or(empty.then(Default::default)) {
                chunks.push(Chunk::new(at, moves, offset, batches, aborted, isolation));
            }
        }
        self.fetching.spare = asked.partitions;
        error
    }

    /// A fetch of Java or librdkafka was answered.
    pub(super) fn fetch_answered(
        &mut self,
        broker: NodeId,
        answer: Vec<(TopicPartition, Fetched)>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let mut chunks = Vec::new();
        let errors: Vec<(TopicPartition, Code)> =
            answer.iter().filter_map(|(at, it)| Some((*at, it.error?))).collect();
        self.on_fetched(broker, answer, &mut chunks);
        for chunk in chunks.into_iter().filter(|chunk| !chunk.is_spent()) {
            if let Some(place) = self.place_mut(chunk.at) {
                place.fetches = chunk.end();
            }
            self.fetched.push_back(chunk);
        }
        for (at, code) in errors {
            self.fetch_error(at, code, ctx);
        }
    }

    /// Source: `FetchCollector.handleInitializeErrors` of Apache Kafka 4.1.1.
    fn fetch_error(&mut self, at: TopicPartition, code: Code, ctx: &mut Ctx<'_, Mq>) {
        match code {
            Code::OffsetOutOfRange => {
                self.reset_by_policy(at, Moved::OutOfRange, ctx);
            }
            code if code.is_retriable() => self.link.refresh(ctx),
            _ => {}
        }
    }

    /// There will be no answer to a fetch.
    pub(super) fn fetch_failed(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if let Some(asked) = self.fetching.take(broker) {
            self.fetching.spare = asked.partitions;
        }
        self.link.refresh(ctx);
    }
}
