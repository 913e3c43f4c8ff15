//! A broker: connections, replicas, and requests that wait.
//!
//! Each input is taken by one method. What it changes in a partition (its end, its high watermark,
//! its leader) is noted down, and before the input is done those who wait for it are answered.
//!
//! *Modelled:* requests one at a time on each connection, produce with every `acks`, fetch by
//! consumers and followers with long polls, replication with one fetch under way for each leader,
//! the in-sync replicas, truncation by epoch, registration, heartbeats and controlled shutdown,
//! retention, and what survives a stop, a kill and a loss of power.
//! *Simplified:* an orderly stop is one moment here, so that a broker says that it stops with its
//! last breath and leaders move right after it. *Left out:* quotas, authorisation, fetching from
//! followers (KIP-392), moving replicas, and the bytes of the protocol.

mod connections;
mod coordinators;
mod fetch;
mod membership;
mod metadata;
mod offsets;
mod produce;
mod purgatory;
mod replicate;
mod retention;
mod settle;
#[cfg(test)]
mod tests;
mod transactions;
mod view;

use std::sync::Arc;

use super::config::{ClusterConfig, TopicSpec};
use super::controller::{Proposal, State, Word};
use super::coordinate::Client;
use super::log::LogConfig;
use super::replica::{Peers, Replica};
use crate::kernel::{Ctx, Input, Loss, Node, NodeId, Time};
use crate::talk::kafka::{Answer, Api, Image, Offset, Request, Response, TopicPartition};
use crate::talk::{Constant, KafkaNote, KafkaOrder, KafkaTimer, Mq, Msg, Note, Order, Timer};
use connections::Connections;
use coordinators::{Outcome, Question, Seat};
use membership::Life;
use purgatory::{Delayed, Purgatory};
use replicate::Fetcher;
use transactions::Verifying;

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    config: Constant<ClusterConfig>,
    /// What the logs of each topic go by.
    log_configs: Constant<[Constant<LogConfig>]>,
    /// The metadata that it has.
    image: Arc<Image>,
    /// By topic and partition.
    replicas: Replicas,
    connections: Connections,
    purgatory: Purgatory,
    /// One for each broker that leads something that this one follows.
    fetchers: Vec<Fetcher>,
    life: Life,
    /// Producer ids that it may give: the next one, and how many. And who waits for some.
    ids: (u32, u32),
    wanting_ids: Vec<Client>,
    /// The coordinators that live here.
    seats: Vec<Seat>,
    questions: Vec<Question>,
    verifying: Vec<Verifying>,
    questions_asked: u32,
    /// Partitions in which something has changed. Empty between inputs, like all below.
    changed: Vec<TopicPartition>,
    proposals: Vec<Proposal>,
    ready: Vec<(NodeId, Request)>,
    outcomes: Vec<Outcome>,
    /// What it asks itself, and answers itself.
    own_requests: Vec<Request>,
    own_answers: Vec<Response>,
}

/// The replicas of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Replicas(Vec<Vec<Option<Box<Replica>>>>);

impl Replicas {
    fn get(&self, at: TopicPartition) -> Option<&Replica> {
        self.0.get(usize::from(at.topic.0))?.get(usize::from(at.partition))?.as_deref()
    }

    fn get_mut(&mut self, at: TopicPartition) -> Option<&mut Replica> {
        self.0.get_mut(usize::from(at.topic.0))?.get_mut(usize::from(at.partition))?.as_deref_mut()
    }

    /// The replica of a partition, which begins empty.
    fn open(
        &mut self,
        at: TopicPartition,
        config: &Constant<LogConfig>,
        now: Time,
    ) -> &mut Replica {
        let (topic, partition) = (usize::from(at.topic.0), usize::from(at.partition));
        if self.0.len() <= topic {
            self.0.resize(topic + 1, Vec::new());
        }
        let partitions = &mut self.0[topic];
        if partitions.len() <= partition {
            partitions.resize(partition + 1, None);
        }
        partitions[partition].get_or_insert_with(|| Box::new(Replica::new(config.clone(), now)))
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = (TopicPartition, &mut Replica)> {
        self.0.iter_mut().enumerate().flat_map(|(topic, partitions)| {
            let topic = crate::talk::kafka::TopicId(topic as u16);
            (0..).zip(partitions).filter_map(move |(n, it)| {
                Some((TopicPartition::new(topic, n), &mut **it.as_mut()?))
            })
        })
    }

    fn iter(&self) -> impl Iterator<Item = (TopicPartition, &Replica)> {
        self.0.iter().enumerate().flat_map(|(topic, partitions)| {
            let topic = crate::talk::kafka::TopicId(topic as u16);
            (0..)
                .zip(partitions)
                .filter_map(move |(n, it)| Some((TopicPartition::new(topic, n), &**it.as_ref()?)))
        })
    }
}

impl Broker {
    /// A broker of this cluster.
    pub fn new(config: Constant<ClusterConfig>) -> Broker {
        let log_config = |topic: &TopicSpec| {
            Constant::new(LogConfig::new(&topic.settings, &config.settings, &config.profile))
        };
        Broker {
            log_configs: config.topics.iter().map(log_config).collect(),
            image: State::begin(&config).image,
            config,
            replicas: Replicas::default(),
            connections: Connections::default(),
            purgatory: Purgatory::default(),
            fetchers: Vec::new(),
            life: Life::default(),
            ids: (0, 0),
            wanting_ids: Vec::new(),
            seats: Vec::new(),
            questions: Vec::new(),
            verifying: Vec::new(),
            questions_asked: 0,
            changed: Vec::new(),
            proposals: Vec::new(),
            ready: Vec::new(),
            outcomes: Vec::new(),
            own_requests: Vec::new(),
            own_answers: Vec::new(),
        }
    }

    /// What its cluster is told.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }

    /// The metadata that it has.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// Whether it leads this partition, as far as it knows.
    pub fn leads(&self, at: TopicPartition) -> bool {
        self.replicas.get(at).is_some_and(|it| it.leading().is_some())
    }

    /// Where its replica of a partition starts, its high watermark, and where it ends.
    pub fn offsets(&self, at: TopicPartition) -> Option<(Offset, Offset, Offset)> {
        let replica = self.replicas.get(at)?;
        Some((replica.log.start(), replica.high_watermark, replica.log.end()))
    }

    /// Its replica's batches.
    pub fn batches(&self, at: TopicPartition) -> impl Iterator<Item = &crate::talk::kafka::Batch> {
        self.replicas.get(at).into_iter().flat_map(|it| it.log.batches())
    }

    /// How many requests wait in its purgatory.
    pub fn waiting(&self) -> usize {
        self.purgatory.len()
    }

    /// A replica together with what it must know to judge the others.
    fn replica(&mut self, at: TopicPartition, now: Time) -> Option<(&mut Replica, Peers<'_>)> {
        let peers = Peers {
            image: &self.image,
            now,
            lag_max: self.config.settings.replica_lag_time_max,
            waits_for_min_isr: self.config.profile.watermark_waits_for_min_isr,
        };
        Some((self.replicas.get_mut(at)?, peers))
    }

    /// Something in this partition has changed.
    fn touch(&mut self, at: TopicPartition) {
        if !self.changed.contains(&at) {
            self.changed.push(at);
        }
    }

    /// The leader has moved the high watermark.
    fn tell_high_watermark(&self, at: TopicPartition, ctx: &mut Ctx<'_, Mq>) {
        if let Some(replica) = self.replicas.get(at) {
            let offset = replica.high_watermark;
            ctx.note(Note::Kafka(KafkaNote::HighWatermark { at, offset }));
        }
    }

    fn receive(&mut self, from: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        if let Some(request) = self.connections.take(from, request) {
            self.serve(from, request, ctx);
        }
    }

    fn serve(&mut self, from: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        let Request { lane, correlation, api } = request;
        let client = Client { node: from, lane, correlation };
        match api {
            Api::ApiVersions => self.respond(client, Answer::ApiVersions, ctx),
            Api::Metadata => {
                let image = self.image.clone();
                self.respond(client, Answer::Metadata(image), ctx);
            }
            Api::Produce(produce) => self.take_produce(client, produce, ctx),
            Api::WriteTxnMarkers(markers) => self.write_markers(client, markers, ctx),
            Api::Fetch(fetch) => self.fetch(client, fetch, ctx),
            Api::ListOffsets { isolation, partitions } => {
                let found = partitions
                    .into_iter()
                    .map(|(at, wanted)| (at, self.list_offset(at, wanted, isolation)));
                let answer = Answer::ListOffsets(found.collect());
                self.respond(client, answer, ctx);
            }
            Api::OffsetForLeaderEpoch(partitions) => {
                let found =
                    partitions.into_iter().map(|(at, epoch)| (at, self.end_of_epoch(at, epoch)));
                let answer = Answer::OffsetForLeaderEpoch(found.collect());
                self.respond(client, answer, ctx);
            }
            Api::FindGroupCoordinator(group) => {
                let found = self.find_coordinator(self.config.group_partition(group), ctx);
                self.respond(client, Answer::FindCoordinator(found), ctx);
            }
            Api::FindTxnCoordinator(txn) => {
                let found = self.find_coordinator(self.config.txn_partition(txn), ctx);
                self.respond(client, Answer::FindCoordinator(found), ctx);
            }
            Api::InitProducerId(init) if init.txn.is_none() => self.give_id(client, ctx),
            other => self.coordinate(client, other, ctx),
        }
    }

    /// Answers, and takes the next request of that connection.
    fn respond(&mut self, client: Client, answer: Answer, ctx: &mut Ctx<'_, Mq>) {
        let Client { node, lane, correlation } = client;
        let response = Response { lane, correlation, answer };
        match self.done(client) {
            false => {}
            true if node == ctx.me => self.own_answers.push(response),
            true => ctx.send(node, Msg::KafkaResponse(Box::new(response))),
        }
    }

    /// The request needs no answer, or has got one. Returns whether its connection is still there.
    fn done(&mut self, client: Client) -> bool {
        let (there, next) = self.connections.answered(client);
        if let Some(next) = next {
            self.ready.push((client.node, next));
        }
        there
    }

    fn on_timer(&mut self, timer: KafkaTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            KafkaTimer::Delayed(slot) => self.waited_enough(slot as u32, ctx),
            KafkaTimer::Fetch(leader) => self.fetch_again(leader, ctx),
            KafkaTimer::IsrScan => self.scan_isr(ctx),
            KafkaTimer::BrokerHeartbeat => self.beat(ctx),
            KafkaTimer::Retention => self.check_retention(ctx),
            KafkaTimer::Clean => self.clean(ctx),
            other => self.coordinators_timer(other, ctx),
        }
    }

    fn closed(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let held = self.connections.closed(peer);
        for slot in self.purgatory.of_peer(peer) {
            self.forget(slot, ctx);
        }
        self.wanting_ids.retain(|client| client.node != peer);
        self.leader_lost(peer, ctx);
        self.questions_lost(peer, ctx);
        self.verification_lost(peer, ctx);
        self.controller_lost(peer, ctx);
        for request in held {
            self.serve(peer, request, ctx);
        }
    }
}

impl Node for Broker {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::KafkaRequest(request) } => {
                self.receive(from, *request, ctx);
            }
            Input::Message { from, msg: Msg::KafkaResponse(response) } => {
                self.answered(from, *response, ctx);
            }
            Input::Message { from, msg: Msg::Cluster(parcel) } => {
                if let Some(word) = parcel.open::<Word>() {
                    self.hear(from, word, ctx);
                }
            }
            Input::Timer(Timer::Kafka(timer)) => self.on_timer(timer, ctx),
            Input::Start => self.start(ctx),
            Input::Stop => self.stop(ctx),
            Input::Closed(peer) => self.closed(peer, ctx),
            Input::Order(Order::Kafka(KafkaOrder::DeleteRecords { at, before })) => {
                self.delete_records(at, before, ctx);
            }
            Input::Message { .. } | Input::Timer(_) | Input::Order(_) => {}
        }
        self.settle(ctx);
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        self.go_down(loss, ctx);
    }
}
