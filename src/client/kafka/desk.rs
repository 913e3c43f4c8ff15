//! A test bench for one Kafka client: the test is its cluster and its clock.

use std::sync::Arc;

use crate::kernel::{Choose, Collected, Ctx, Dist, Effect, Input, Loss, Node, NodeId};
use crate::kernel::{Site, Span, Time, Untimed};
use crate::talk::kafka::{
    Answer, Api, BrokerInfo, Image, PartitionInfo, ProducerIdentity, Request, Response, TopicInfo,
};
use crate::talk::{KafkaClientTimer, Mq, Msg, Note, Timer};

pub(super) const BROKERS: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];
pub(super) const ME: NodeId = NodeId(9);

/// Draws that always fall the same way.
struct Fixed(u32);

impl Choose for Fixed {
    fn choose(&mut self, _: Site, n: u32) -> u32 {
        self.0.min(n.saturating_sub(1))
    }
    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        Untimed::default().span(site, dist)
    }
}

/// One client on the bench.
pub(super) struct Desk<N: Node<Talk = Mq>> {
    pub(super) node: N,
    pub(super) now: Time,
    /// What it did about the last input.
    pub(super) effects: Vec<Effect<Mq>>,
    /// Which way draws fall.
    pub(super) draw: u32,
    /// What its brokers say about the cluster.
    pub(super) image: Image,
}

impl<N: Node<Talk = Mq>> Desk<N> {
    /// A client of a cluster with one topic of `partitions` partitions, led by the brokers in turn.
    pub(super) fn new(node: N, partitions: u16) -> Desk<N> {
        let broker = |node| BrokerInfo { node, epoch: 1, fenced: false, shutting_down: false };
        let partition = |number: u16| PartitionInfo {
            leader: Some(BROKERS[usize::from(number) % 3]),
            replicas: BROKERS.to_vec(),
            isr: BROKERS.to_vec(),
            ..PartitionInfo::default()
        };
        let image = Image {
            version: 1,
            controller: Some((BROKERS[0], 1)),
            brokers: BROKERS.map(broker).to_vec(),
            topics: vec![TopicInfo { partitions: (0..partitions).map(partition).collect() }],
        };
        Desk { node, now: Time::ZERO, effects: Vec::new(), draw: 0, image }
    }

    pub(super) fn input(&mut self, input: Input<Mq>) {
        self.effects.clear();
        let mut choose = Fixed(self.draw);
        let mut out = Collected { effects: &mut self.effects, choose: &mut choose };
        let mut ctx = Ctx::new(ME, self.now, &mut out);
        self.node.on(input, &mut ctx);
    }

    pub(super) fn lose(&mut self) {
        self.effects.clear();
        let mut choose = Fixed(self.draw);
        let mut out = Collected { effects: &mut self.effects, choose: &mut choose };
        let mut ctx = Ctx::new(ME, self.now, &mut out);
        self.node.lose(Loss::Process, &mut ctx);
    }

    pub(super) fn fire(&mut self, timer: KafkaClientTimer) {
        self.input(Input::Timer(Timer::KafkaClient(timer)));
    }

    /// Lets time pass and a timer go off.
    pub(super) fn later(&mut self, after: Span, timer: KafkaClientTimer) {
        self.now += after;
        self.fire(timer);
    }

    /// The requests that it sent.
    pub(super) fn sent(&self) -> Vec<(NodeId, Request)> {
        let request = |effect: &Effect<Mq>| match effect {
            Effect::Send { to, msg: Msg::KafkaRequest(request) } => {
                Some((*to, (**request).clone()))
            }
            _ => None,
        };
        self.effects.iter().filter_map(request).collect()
    }

    pub(super) fn answer(&mut self, from: NodeId, to: &Request, answer: Answer) {
        let (lane, correlation) = (to.lane, to.correlation);
        let msg = Msg::KafkaResponse(Box::new(Response { lane, correlation, answer }));
        self.input(Input::Message { from, msg });
    }

    /// Answers handshakes and questions about the cluster, and returns everything else that it
    /// sent meanwhile. What it did about all that is kept as its effects.
    pub(super) fn let_in(&mut self) -> Vec<(NodeId, Request)> {
        let (mut open, mut others) = (self.sent(), Vec::new());
        let mut effects = std::mem::take(&mut self.effects);
        while !open.is_empty() {
            let (to, request) = open.remove(0);
            let answer = match &request.api {
                Api::ApiVersions => Answer::ApiVersions,
                Api::Metadata => Answer::Metadata(Arc::new(self.image.clone())),
                Api::FindGroupCoordinator(_) | Api::FindTxnCoordinator(_) => {
                    Answer::FindCoordinator(Ok(BROKERS[1]))
                }
                Api::InitProducerId(init) => {
                    let epoch = init.current.map_or(0, |current| current.epoch + 1);
                    Answer::InitProducerId(Ok(ProducerIdentity { id: 7, epoch }))
                }
                _ => {
                    others.push((to, request));
                    continue;
                }
            };
            self.answer(to, &request, answer);
            open.extend(self.sent());
            effects.append(&mut self.effects);
        }
        self.effects = effects;
        others
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        let note = |effect: &Effect<Mq>| match effect {
            Effect::Note(note) => Some(note.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(note).collect()
    }

    /// The kinds of notes that it made.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.notes().iter().map(Note::kind).collect()
    }

    pub(super) fn arms(&self, wanted: KafkaClientTimer) -> Option<Span> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Arm { timer: Timer::KafkaClient(timer), after } if *timer == wanted => {
                Some(*after)
            }
            _ => None,
        })
    }

    pub(super) fn closes(&self, peer: NodeId) -> bool {
        self.effects.contains(&Effect::Close(peer))
    }
}
