//! A cluster that does just what consumers need: partitions that never fail, and the real coordinator
//! of groups at the first broker.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::client::kafka::consumer::KafkaConsumer;
use crate::kafka::config::ClusterConfig;
use crate::kafka::coordinate::{self, Act, Coordinator, Desk};
use crate::kafka::group::GroupCoordinator;
use crate::kernel::{Ctx, Input, Loss, Node, NodeId, Span};
use crate::talk::kafka::*;
use crate::talk::{Constant, KafkaNote, KafkaTimer, MessageId, Mq, Msg, Name, Note, Timer};
use crate::talk::{StoreCall, StoreCommand, StoreKey, Stored};

pub(super) const GROUP: GroupId = GroupId(0);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Toy {
    Broker(Box<Broker>),
    Consumer(Box<KafkaConsumer>),
    /// The keys that it remembers.
    Store(BTreeSet<StoreKey>),
}

impl Node for Toy {
    type Talk = Mq;
    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Toy::Broker(node) => node.on(input, ctx),
            Toy::Consumer(node) => node.on(input, ctx),
            Toy::Store(known) => {
                let Input::Message { from, msg: Msg::Store(asked) } = input else { return };
                let StoreCall { call, command, key, .. } = asked;
                let is_new = match command {
                    StoreCommand::Exists => !known.contains(&key),
                    _ => known.insert(key),
                };
                let answer = if is_new { Stored::New } else { Stored::Known };
                ctx.send(from, Msg::StoreDone { call, answer });
            }
        }
    }
    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        if let Toy::Consumer(node) = self {
            node.lose(loss, ctx);
        }
    }
}

type Client = (NodeId, u8, u32);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Broker {
    pub(super) image: Arc<Image>,
    /// Where each log starts, and its batches.
    pub(super) logs: BTreeMap<TopicPartition, (Offset, Vec<Batch>)>,
    /// What is appended later.
    pub(super) later: Vec<(Span, TopicPartition, Batch)>,
    fetches: BTreeMap<u64, (Client, Fetch)>,
    number: u64,
    /// Requests behind one that waits, by connection.
    muted: BTreeMap<(NodeId, u8), VecDeque<Request>>,
    /// What is committed from the beginning.
    pub(super) committed: Vec<(TopicPartition, Option<Offset>)>,
    group: GroupCoordinator,
    /// How much the coordinator has written.
    written: Offset,
}

/// A batch of records with these ids.
pub(super) fn batch(base_offset: Offset, ids: impl Iterator<Item = u32>) -> Batch {
    let record = |id| Record { id: MessageId(id), size: 100, ..Record::default() };
    let body = Body::Records(ids.map(record).collect());
    Batch { base_offset, leader_epoch: 0, producer: None, body }
}

impl Broker {
    pub(super) fn new(image: Arc<Image>) -> Broker {
        Broker {
            image,
            logs: BTreeMap::new(),
            later: Vec::new(),
            fetches: BTreeMap::new(),
            number: 0,
            muted: BTreeMap::new(),
            committed: Vec::new(),
            group: coordinator(),
            written: 0,
        }
    }

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Start => {
                if !self.committed.is_empty() {
                    self.commit_at_once(ctx);
                }
                for (at, (after, ..)) in self.later.iter().enumerate() {
                    ctx.arm(Timer::Kafka(KafkaTimer::Delayed(1_000_000 + at as u64)), *after);
                }
            }
            Input::Message { from, msg: Msg::KafkaRequest(request) } => {
                let key = (from, request.lane);
                match self.muted.get_mut(&key) {
                    Some(waiting) => waiting.push_back(*request),
                    None => self.serve(from, *request, ctx),
                }
            }
            Input::Timer(Timer::Kafka(KafkaTimer::Delayed(number))) => {
                if let Some(at) = number.checked_sub(1_000_000) {
                    let (_, at, batch) = self.later[at as usize].clone();
                    self.logs.entry(at).or_default().1.push(batch);
                    let open: Vec<u64> = self.fetches.keys().copied().collect();
                    open.into_iter().for_each(|number| self.fetch(number, false, ctx));
                } else {
                    self.fetch(number, true, ctx);
                }
            }
            Input::Timer(Timer::Kafka(timer)) => {
                self.coordinate(ctx, |group, desk| group.on_timer(timer, desk));
            }
            _ => {}
        }
    }

    fn answer(&mut self, (to, lane, correlation): Client, answer: Answer, ctx: &mut Ctx<'_, Mq>) {
        let response = Response { lane, correlation, answer };
        ctx.send(to, Msg::KafkaResponse(Box::new(response)));
        let mut waiting = self.muted.remove(&(to, lane)).unwrap_or_default();
        while let Some(request) = waiting.pop_front() {
            self.serve(to, request, ctx);
            if let Some(muted) = self.muted.get_mut(&(to, lane)) {
                muted.extend(waiting);
                return;
            }
        }
    }

    fn serve(&mut self, from: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        let client = (from, request.lane, request.correlation);
        self.muted.insert((from, request.lane), VecDeque::new());
        let answer = match request.api {
            Api::ApiVersions => Answer::ApiVersions,
            Api::Metadata => Answer::Metadata(self.image.clone()),
            Api::FindGroupCoordinator(_) | Api::FindTxnCoordinator(_) => {
                Answer::FindCoordinator(Ok(NodeId(0)))
            }
            Api::ListOffsets { partitions, .. } => {
                let find = |(at, to): (TopicPartition, ListOffset)| {
                    let (start, end) = self.ends(at);
                    (at, Ok((if to == ListOffset::Earliest { start } else { end }, 0)))
                };
                Answer::ListOffsets(partitions.into_iter().map(find).collect())
            }
            Api::InitProducerId(_) => {
                Answer::InitProducerId(Ok(ProducerIdentity { id: 7, epoch: 0 }))
            }
            Api::AddPartitionsToTxn(add) => {
                Answer::AddPartitionsToTxn(add.partitions.iter().map(|at| (*at, Ok(()))).collect())
            }
            Api::AddOffsetsToTxn { .. } => Answer::AddOffsetsToTxn(Ok(())),
            Api::EndTxn(EndTxn { producer, commit, .. }) => {
                let (at, offset) = (TopicPartition::default(), 0);
                let marker = KafkaNote::TxnMarker { at, offset, producer: producer.id, commit };
                ctx.note(Note::Kafka(marker));
                self.coordinate(ctx, |group, desk| group.on_marker(producer, commit, desk));
                Answer::EndTxn(Ok(None))
            }
            Api::Produce(produce) => {
                let append = |(at, mut batch): (TopicPartition, Batch)| {
                    batch.base_offset = self.ends(at).1;
                    let base_offset = batch.base_offset;
                    self.logs.entry(at).or_default().1.push(batch);
                    (at, Ok(Written { base_offset, log_start: 0 }))
                };
                Answer::Produce(produce.batches.into_iter().map(append).collect())
            }
            Api::Fetch(fetch) => {
                self.number += 1;
                let wait = fetch.max_wait;
                ctx.arm(Timer::Kafka(KafkaTimer::Delayed(self.number)), wait);
                self.fetches.insert(self.number, (client, fetch));
                return self.fetch(self.number, false, ctx);
            }
            api => {
                let (node, lane, correlation) = client;
                let client = coordinate::Client { node, lane, correlation };
                return self.coordinate(ctx, |group, desk| group.on_request(client, api, desk));
            }
        };
        self.answer(client, answer, ctx);
    }

    fn ends(&self, at: TopicPartition) -> (Offset, Offset) {
        let log = self.logs.get(&at);
        let start = log.map_or(0, |log| log.0);
        (start, log.and_then(|log| log.1.last()).map_or(start, Batch::end))
    }

    fn fetch(&mut self, number: u64, overdue: bool, ctx: &mut Ctx<'_, Mq>) {
        let Some((client, fetch)) = self.fetches.get(&number).cloned() else { return };
        let mut some = overdue;
        let one = |from: &FetchFrom| {
            let (start, end) = self.ends(from.at);
            let error =
                (from.offset < start || from.offset > end).then_some(Code::OffsetOutOfRange);
            let log = self.logs.get(&from.at).map_or(&[][..], |log| &log.1);
            let batches: Vec<Batch> =
                log.iter().filter(|batch| batch.end() > from.offset).cloned().collect();
            some |= error.is_some() || !batches.is_empty();
            let fetched = Fetched {
                error,
                high_watermark: end,
                last_stable_offset: end,
                log_start: start,
                diverging: None,
                aborted: Vec::new(),
                batches,
            };
            (from.at, fetched)
        };
        let all = fetch.partitions.iter().map(one).collect();
        if some {
            self.fetches.remove(&number);
            ctx.disarm(Timer::Kafka(KafkaTimer::Delayed(number)));
            self.answer(client, Answer::Fetch(all), ctx);
        }
    }

    // ── the group ──

    /// Lets the coordinator do something, and does what it wants of its broker: what it writes is
    /// committed at once.
    fn coordinate(
        &mut self,
        ctx: &mut Ctx<'_, Mq>,
        what: impl FnOnce(&mut GroupCoordinator, &mut Desk<'_, '_>),
    ) {
        let mut acts = Vec::new();
        let image = self.image.clone();
        what(&mut self.group, &mut Desk::new(ctx, &image, &mut acts));
        let mut left = VecDeque::from(acts);
        while let Some(act) = left.pop_front() {
            match act {
                Act::Respond { client, .. } if client.node == NOBODY => {}
                Act::Respond { client, answer } => {
                    self.answer((client.node, client.lane, client.correlation), answer, ctx);
                }
                Act::Write { ticket, .. } => {
                    let (mut acts, offset) = (Vec::new(), self.written);
                    self.written += 1;
                    let desk = &mut Desk::new(ctx, &image, &mut acts);
                    self.group.on_written(ticket, Ok(offset), desk);
                    left.extend(acts);
                }
                Act::Ask { api, .. } => panic!("the coordinator asks {api:?}"),
            }
        }
    }

    fn commit_at_once(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let commit = CommitOffsets {
            group: GROUP,
            generation: -1,
            member: Name::default(),
            instance: None,
            offsets: self.committed.clone(),
        };
        let client = coordinate::Client { node: NOBODY, lane: 0, correlation: 0 };
        let api = Api::OffsetCommit(Box::new(commit));
        self.coordinate(ctx, |group, desk| group.on_request(client, api, desk));
    }
}

const NOBODY: NodeId = NodeId(u32::MAX);

fn coordinator() -> GroupCoordinator {
    let mut config = ClusterConfig::default();
    config.topics = ["topic", "retry"].map(|name| config.topic(name, 1)).to_vec();
    config.groups = vec!["group".into()];
    config.complete();
    let partition = config.group_partition(GROUP).expect("offsets have a topic");
    GroupCoordinator::new(Constant::new(config), partition)
}
