//! Small clusters with a client that says what it is told to say.

mod replication;
mod safety;

use super::Broker;
use crate::kafka::{ClusterConfig, Controller, Profile};
use crate::kernel::{
    Ctx, Dist, Fault, Input, Loss, Node, NodeId, Planned, Seen, Setup, Span, Taken, Time, Timeline,
    Watch,
};
use crate::talk::kafka::{
    Acks, Answer, Api, Batch, Body, Code, Fetch, FetchFrom, Isolation, Offset, Produce, Record,
    Request, TopicId, TopicPartition, Written,
};
use crate::talk::{Constant, KafkaClientTimer, KafkaNote, MessageId, Mq, Msg, Note, Timer};

pub(super) const T0: TopicPartition = TopicPartition::new(TopicId(0), 0);
const CLIENT: NodeId = NodeId(0);

/// The broker with this number, from 1.
pub(super) const fn kafka(number: u32) -> NodeId {
    NodeId(number)
}

/// A node of these worlds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Toy {
    Client(Box<Client>),
    Broker(Box<Broker>),
    Controller(Box<Controller>),
}

/// Asks at fixed times, each time on a connection of its own, and keeps the answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Client {
    plan: Vec<(Span, NodeId, Api)>,
    answers: Vec<(u32, Time, Answer)>,
}

impl Node for Toy {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Toy::Broker(node) => node.on(input, ctx),
            Toy::Controller(node) => node.on(input, ctx),
            Toy::Client(client) => match input {
                Input::Start => {
                    for (n, (at, ..)) in (0..).zip(&client.plan) {
                        ctx.arm(Timer::KafkaClient(KafkaClientTimer::Request(n)), *at);
                    }
                }
                Input::Timer(Timer::KafkaClient(KafkaClientTimer::Request(n))) => {
                    let (_, to, api) = client.plan[n as usize].clone();
                    let request = Request { lane: (n % 251) as u8, correlation: n as u32, api };
                    ctx.send(to, Msg::KafkaRequest(Box::new(request)));
                }
                Input::Message { msg: Msg::KafkaResponse(it), .. } => {
                    client.answers.push((it.correlation, ctx.now, it.answer));
                }
                _ => {}
            },
        }
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Toy::Broker(node) => node.lose(loss, ctx),
            Toy::Controller(node) => node.lose(loss, ctx),
            Toy::Client(_) => {}
        }
    }
}

/// What was noted.
#[derive(Default)]
pub(super) struct Seer {
    pub(super) notes: Vec<(Time, NodeId, KafkaNote)>,
}

impl Watch<Mq> for Seer {
    fn step(&mut self, _: &Taken<Mq>) {}
    fn note(&mut self, seen: Seen<'_, Note>) {
        if let Note::Kafka(note) = seen.note {
            self.notes.push((seen.at, seen.node, *note));
        }
    }
}

/// A world to come.
pub(super) struct Lab {
    pub(super) config: ClusterConfig,
    client: Client,
    plan: Vec<Planned<Mq>>,
    controllers: u32,
    latency: Dist,
    pub(super) seed: u64,
}

impl Lab {
    /// Three brokers and a topic of one partition on all of them.
    pub(super) fn new(profile: &str) -> Lab {
        let profile = Profile::by_name(profile).expect("a profile");
        let mut config = ClusterConfig::new(*profile);
        let mut topic = config.topic("orders", 1);
        topic.assignment = vec![vec![1, 2, 3]];
        config.topics.push(topic);
        let latency = Dist::Fixed(Span::from_micros(200));
        let (client, plan) = (Client::default(), Vec::new());
        Lab { config, client, plan, controllers: 1, latency, seed: 0 }
    }

    pub(super) fn controllers(mut self, count: u32) -> Lab {
        self.controllers = count;
        self
    }

    pub(super) fn topic(mut self, name: &str, value: &str) -> Lab {
        let version = self.config.profile.version;
        self.config.topics[0].set(name, value, version).expect("a setting");
        self
    }

    pub(super) fn ask(&mut self, millis: u64, broker: u32, api: Api) -> &mut Lab {
        self.client.plan.push((Span::from_millis(millis), kafka(broker), api));
        self
    }

    pub(super) fn produce(&mut self, millis: u64, broker: u32, acks: Acks, id: u32) -> &mut Lab {
        self.ask(millis, broker, produce(acks, id))
    }

    pub(super) fn fault(&mut self, millis: u64, fault: Fault<Mq>) -> &mut Lab {
        self.plan.push(Planned { at: Time::ZERO + Span::from_millis(millis), fault });
        self
    }

    /// The controller with this number, from 0.
    pub(super) fn controller(&self, number: u32) -> NodeId {
        NodeId(4 + number)
    }

    pub(super) fn begin(&self) -> Run {
        let mut config = self.config.clone();
        config.brokers = (1..=3).map(NodeId).collect();
        config.controllers = (4..4 + self.controllers).map(NodeId).collect();
        config.complete();
        let config = Constant::new(config);
        let mut nodes = vec![Toy::Client(Box::new(self.client.clone()))];
        nodes.extend((1..=3).map(|_| Toy::Broker(Box::new(Broker::new(config.clone())))));
        let controller = || Toy::Controller(Box::new(Controller::new(config.clone())));
        nodes.extend((0..self.controllers).map(|_| controller()));
        let mut setup = Setup::of(nodes);
        (setup.plan, setup.latency, setup.seed) = (self.plan.clone(), self.latency, self.seed);
        let mut seer = Seer::default();
        let timeline = Timeline::new(&setup, &mut seer);
        Run { timeline, seer }
    }

    /// Runs for so long.
    pub(super) fn run(&self, millis: u64) -> Run {
        let mut run = self.begin();
        run.until(millis);
        run
    }
}

/// A world.
pub(super) struct Run {
    pub(super) timeline: Timeline<Toy>,
    pub(super) seer: Seer,
}

impl Run {
    pub(super) fn until(&mut self, millis: u64) {
        let until = Time::ZERO + Span::from_millis(millis);
        self.timeline.run(until, 10_000_000, &mut self.seer);
    }

    pub(super) fn broker(&self, number: u32) -> &Broker {
        match self.timeline.world().node(kafka(number)) {
            Toy::Broker(broker) => broker,
            other => panic!("{other:?} is no broker"),
        }
    }

    pub(super) fn image(&self) -> &crate::talk::kafka::Image {
        let controllers = self.timeline.world().nodes().filter_map(|(_, node)| match node {
            Toy::Controller(controller) => Some(&**controller),
            _ => None,
        });
        controllers.map(Controller::image).max_by_key(|it| it.version).expect("a controller")
    }

    pub(super) fn answers(&self) -> &[(u32, Time, Answer)] {
        match self.timeline.world().node(CLIENT) {
            Toy::Client(client) => &client.answers,
            other => panic!("{other:?} is no client"),
        }
    }

    /// What became of the produce request with this number, and when.
    pub(super) fn written(&self, number: u32) -> Option<(Time, Result<Offset, Code>)> {
        self.answers().iter().find(|(n, ..)| *n == number).map(|(_, at, answer)| match answer {
            Answer::Produce(results) => {
                (*at, results[0].1.map(|written: Written| written.base_offset))
            }
            other => panic!("{other:?} answers no produce request"),
        })
    }

    /// The messages of a broker's replica, in their order.
    pub(super) fn log(&self, broker: u32) -> Vec<(Offset, u32)> {
        let batches = self.broker(broker).batches(T0);
        batches.flat_map(Batch::records).map(|(offset, it)| (offset, it.id.0)).collect()
    }

    /// The messages that a consumer can read at this broker.
    pub(super) fn visible(&self, broker: u32) -> Vec<(Offset, u32)> {
        let (_, high_watermark, _) = self.broker(broker).offsets(T0).expect("a replica");
        self.log(broker).into_iter().filter(|(offset, _)| *offset < high_watermark).collect()
    }
}

pub(super) fn produce(acks: Acks, id: u32) -> Api {
    produce_record(acks, Record { id: MessageId(id), size: 100, ..Record::default() })
}

pub(super) fn produce_record(acks: Acks, record: Record) -> Api {
    let body = Body::Records([record].into());
    let batch = Batch { base_offset: 0, leader_epoch: 0, producer: None, body };
    let timeout = Span::from_secs(15);
    Api::Produce(Produce { acks, timeout, txn: None, batches: vec![(T0, batch)] })
}

pub(super) fn fetch(offset: Offset, max_wait: Span) -> Api {
    let from = FetchFrom {
        at: T0,
        offset,
        leader_epoch: None,
        last_fetched_epoch: None,
        log_start: 0,
        max_bytes: 1 << 20,
    };
    Api::Fetch(Fetch {
        replica: None,
        max_wait,
        min_bytes: 1,
        max_bytes: 50 << 20,
        isolation: Isolation::ReadUncommitted,
        partitions: vec![from],
    })
}
