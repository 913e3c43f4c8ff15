//! Puts a system together by names.

use super::{Fault, Member, Setup, System};
use crate::client::kafka::consumer::{KafkaConsumer, KafkaConsumerConfig};
use crate::client::kafka::{KafkaProducer, KafkaProducerConfig};
use crate::client::{
    Bridge, Consumer, ConsumerConfig, Handler, Producer, ProducerConfig, PublisherConfig, Script,
    Target,
};
use crate::kafka::config::ConfigError;
use crate::kafka::{self, ClusterConfig};
use crate::kernel::{Dist, Link, NodeId, Planned, Span, Time, Triggered};
use crate::rabbit::{self, Broker, DefinitionError};
use crate::store::{Service, ServiceConfig};
use crate::talk::kafka::TopicId;
use crate::talk::{Constant, Cue, Name};

/// Why a system cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Two nodes have the same name.
    #[error("two nodes are called \"{0}\"")]
    Twice(Name),
    /// A name that cannot stand in the text of a step.
    #[error("\"{0}\" is no name for a node: it is empty or has blanks or parentheses in it")]
    Name(Name),
    /// A broker cannot start with what it was told to define.
    #[error(transparent)]
    Definition(#[from] DefinitionError),
    /// Kafka refuses a setting.
    #[error(transparent)]
    Kafka(#[from] ConfigError),
}

/// Collects the parts of a [`System`].
///
/// Nodes are numbered in the order in which they are added; at the beginning of a run, and among
/// things that happen at the same time, that order decides. Brokers therefore come first.
#[derive(Clone, Debug)]
pub struct SystemBuilder<H: Handler = Script> {
    system: System<H>,
}

impl<H: Handler> Default for SystemBuilder<H> {
    fn default() -> SystemBuilder<H> {
        SystemBuilder::new()
    }
}

impl<H: Handler> SystemBuilder<H> {
    /// Nothing so far: no latency, seed 0, a horizon of one minute.
    pub fn new() -> SystemBuilder<H> {
        SystemBuilder {
            system: System {
                setup: Setup::of(Vec::new()),
                names: Vec::new(),
                horizon: Time::ZERO + Span::from_secs(60),
                services: Vec::new(),
                topics: Vec::new(),
                groups: Vec::new(),
                txns: Vec::new(),
                brokers: Vec::new(),
                controllers: Vec::new(),
                producers: Vec::new(),
                consumers: Vec::new(),
            },
        }
    }

    fn add(&mut self, name: Name, member: Member<H>) -> Result<NodeId, BuildError> {
        let odd = |c: char| c.is_whitespace() || c == '(' || c == ')';
        if name.is_empty() || name.as_str().contains(odd) {
            return Err(BuildError::Name(name));
        }
        if self.system.names.contains(&name) {
            return Err(BuildError::Twice(name));
        }
        let id = NodeId(self.system.names.len() as u32);
        self.system.names.push(name);
        self.system.setup.nodes.push(member);
        Ok(id)
    }

    /// Adds a broker.
    ///
    /// # Errors
    /// The name is taken or no name, or the broker cannot define what it is told to.
    pub fn broker(&mut self, name: &str, config: rabbit::Config) -> Result<NodeId, BuildError> {
        let broker = Member::Broker(Box::new(Broker::new(config)?));
        let id = self.add(name.into(), broker)?;
        self.system.brokers.push(id);
        Ok(id)
    }

    /// Adds a Kafka cluster: `controllers` controllers and `brokers` brokers, which are filled into
    /// `cluster`, and the names of its topics (the internal ones are added), groups and transactional
    /// ids. The nodes are called `kafka-1`, `kafka-2` and so on, and `controller`, or `controller-1`
    /// and so on.
    ///
    /// # Errors
    /// A name is taken.
    pub fn kafka(
        &mut self,
        mut cluster: ClusterConfig,
        brokers: u16,
        controllers: u16,
    ) -> Result<(), BuildError> {
        cluster.complete();
        // controllers first: they are up when the brokers register
        let first = self.system.names.len() as u32;
        let count = |n: u16| u32::from(n.max(1));
        let ids = |from, n| (from..from + n).map(NodeId).collect::<Vec<_>>();
        cluster.controllers = ids(first, count(controllers));
        cluster.brokers = ids(first + count(controllers), count(brokers));
        let cluster = Constant::new(cluster);
        for number in 1..=cluster.controllers.len() {
            let name = match cluster.controllers.len() {
                1 => "controller".to_owned(),
                _ => format!("controller-{number}"),
            };
            let node = kafka::Controller::new(cluster.clone());
            let id = self.add(name.into(), Member::KafkaController(Box::new(node)))?;
            self.system.controllers.push(id);
        }
        for number in 1..=cluster.brokers.len() {
            let node = Member::KafkaBroker(Box::new(kafka::Broker::new(cluster.clone())));
            let id = self.add(format!("kafka-{number}").into(), node)?;
            self.system.brokers.push(id);
        }
        self.system.topics = cluster.topics.iter().map(|topic| topic.name.clone()).collect();
        self.system.groups = cluster.groups.clone();
        self.system.txns = cluster.txns.clone();
        Ok(())
    }

    /// Adds a producer.
    ///
    /// # Errors
    /// The name is taken or no name.
    pub fn producer(&mut self, config: ProducerConfig) -> Result<NodeId, BuildError> {
        let name = config.name.clone();
        let id = self.add(name, Member::Producer(Box::new(Producer::new(config))))?;
        self.system.producers.push(id);
        Ok(id)
    }

    /// Adds a consumer.
    ///
    /// # Errors
    /// The name is taken or no name.
    pub fn consumer(&mut self, config: ConsumerConfig<H>) -> Result<NodeId, BuildError> {
        let name = config.name.clone();
        let id = self.add(name, Member::Consumer(Box::new(Consumer::new(config))))?;
        self.system.consumers.push(id);
        Ok(id)
    }

    /// Adds an application that sends to Kafka.
    ///
    /// # Errors
    /// The name is taken or no name.
    pub fn kafka_producer(&mut self, config: KafkaProducerConfig) -> Result<NodeId, BuildError> {
        let name = config.name.clone();
        let node = Member::KafkaProducer(Box::new(KafkaProducer::new(config)));
        let id = self.add(name, node)?;
        self.system.producers.push(id);
        Ok(id)
    }

    /// Adds an application that reads from Kafka. The names of all topics are given to it, so the
    /// cluster comes first.
    ///
    /// # Errors
    /// The name is taken or no name.
    pub fn kafka_consumer(&mut self, config: KafkaConsumerConfig<H>) -> Result<NodeId, BuildError> {
        let name = config.name.clone();
        let config = KafkaConsumerConfig { topic_names: self.system.topics.clone(), ..config };
        let node = Member::KafkaConsumer(Box::new(KafkaConsumer::new(config)));
        let id = self.add(name, node)?;
        self.system.consumers.push(id);
        Ok(id)
    }

    /// Adds an application that reads from Kafka and publishes to RabbitMQ. Both clusters come first.
    ///
    /// # Errors
    /// The name is taken or no name.
    pub fn bridge(
        &mut self,
        consumer: KafkaConsumerConfig<H>,
        publisher: PublisherConfig,
    ) -> Result<NodeId, BuildError> {
        let name = consumer.name.clone();
        let consumer = KafkaConsumerConfig { topic_names: self.system.topics.clone(), ..consumer };
        let id = self.add(name, Member::Bridge(Box::new(Bridge::new(consumer, publisher))))?;
        self.system.consumers.push(id);
        Ok(id)
    }

    /// Adds a service that is called over the network. Its index is given to it.
    ///
    /// # Errors
    /// The name is no name, or is taken by a node or by a place where effects land.
    pub fn service(&mut self, config: ServiceConfig) -> Result<Target, BuildError> {
        let name = config.name.clone();
        let service = self.place(name.clone())?;
        let config = ServiceConfig { index: service, ..config };
        let at = self.add(name, Member::Service(Box::new(Service::new(config))))?;
        Ok(Target { service, at: Some(at) })
    }

    /// Adds a place where effects land inside the handlers, without a service that could fail.
    ///
    /// # Errors
    /// The name is taken.
    pub fn local_effect(&mut self, name: &str) -> Result<Target, BuildError> {
        Ok(Target { service: self.place(name.into())?, at: None })
    }

    fn place(&mut self, name: Name) -> Result<u16, BuildError> {
        if self.system.services.contains(&name) {
            return Err(BuildError::Twice(name));
        }
        self.system.services.push(name);
        Ok((self.system.services.len() - 1) as u16)
    }

    /// How long packets are under way between nodes without a latency of their own.
    pub fn latency(&mut self, latency: Dist) -> &mut SystemBuilder<H> {
        self.system.setup.latency = latency;
        self
    }

    /// How long packets are under way between these two, in both directions.
    pub fn link_latency(&mut self, a: NodeId, b: NodeId, latency: Dist) -> &mut SystemBuilder<H> {
        for link in [Link { from: a, to: b }, Link { from: b, to: a }] {
            self.system.setup.latencies.retain(|(its, _)| *its != link);
            self.system.setup.latencies.push((link, latency));
        }
        self
    }

    /// Something goes wrong, or is put right, at a fixed time.
    pub fn at(&mut self, at: Span, fault: Fault) -> &mut SystemBuilder<H> {
        self.system.setup.plan.push(Planned { at: Time::ZERO + at, fault });
        self
    }

    /// When the cue is seen, and `after` has passed, these happen, each after its own delay.
    pub fn when(
        &mut self,
        cue: Cue,
        after: Span,
        faults: Vec<(Span, Fault)>,
    ) -> &mut SystemBuilder<H> {
        self.system.setup.triggers.push(Triggered { cue, after, faults });
        self
    }

    /// When a run ends.
    pub fn horizon(&mut self, horizon: Span) -> &mut SystemBuilder<H> {
        self.system.horizon = Time::ZERO + horizon;
        self
    }

    /// The seed of a run that is not given another.
    pub fn seed(&mut self, seed: u64) -> &mut SystemBuilder<H> {
        self.system.setup.seed = seed;
        self
    }

    /// The node with this name, among those added so far.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.system.node(name)
    }

    /// The Kafka topic with this name.
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        let at = self.system.topics.iter().position(|its| *its == name)?;
        u16::try_from(at).ok().map(TopicId)
    }

    /// The system.
    pub fn build(self) -> System<H> {
        self.system
    }
}
