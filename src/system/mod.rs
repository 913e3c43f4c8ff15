//! The closed list of nodes, and what a run is made of.
//!
//! [`SystemBuilder`] names nodes, connects them and plans what goes wrong; the [`System`] it builds
//! is a [`Setup`] together with the names. [`text`] writes steps with these names and reads them
//! back.

mod builder;
pub mod text;
mod value;

use crate::client::kafka::KafkaProducer;
use crate::client::kafka::consumer::KafkaConsumer;
use crate::client::{Bridge, Consumer, Handler, Producer, Script};
use crate::kafka;
use crate::kernel::{self, Ctx, Input, Loss, Node, NodeId, Time};
use crate::rabbit::Broker;
use crate::store::Service;
use crate::talk::{Mq, Name};

pub use builder::{BuildError, SystemBuilder};
pub use text::StepError;

/// The state of a system.
pub type World<H = Script> = kernel::World<Member<H>>;
/// A system with a clock.
pub type Timeline<H = Script> = kernel::Timeline<Member<H>>;
/// A recorded run of a system.
pub type Run<H = Script> = kernel::Run<Member<H>>;
/// What a run of a system starts from.
pub type Setup<H = Script> = kernel::Setup<Member<H>>;
/// What happened in a run.
pub type History = kernel::History<Mq>;
/// One move of a system.
pub type Step = kernel::Step<Mq>;
/// One thing that goes wrong, is put right, or is done by an operator.
pub type Fault = kernel::Fault<Mq>;

/// A participant of a system.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Member<H = Script> {
    /// A RabbitMQ node.
    Broker(Box<Broker>),
    /// A Kafka broker.
    KafkaBroker(Box<kafka::Broker>),
    /// A controller of a Kafka cluster.
    KafkaController(Box<kafka::Controller>),
    /// An application that sends.
    Producer(Box<Producer>),
    /// An application that receives.
    Consumer(Box<Consumer<H>>),
    /// An application that sends to Kafka.
    KafkaProducer(Box<KafkaProducer>),
    /// An application that reads from Kafka.
    KafkaConsumer(Box<KafkaConsumer<H>>),
    /// An application that reads from Kafka and publishes to RabbitMQ.
    Bridge(Box<Bridge<H>>),
    /// A downstream service.
    Service(Box<Service>),
}

impl<H: Handler> Node for Member<H> {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Member::Broker(node) => node.on(input, ctx),
            Member::KafkaBroker(node) => node.on(input, ctx),
            Member::KafkaController(node) => node.on(input, ctx),
            Member::Producer(node) => node.on(input, ctx),
            Member::Consumer(node) => node.on(input, ctx),
            Member::KafkaProducer(node) => node.on(input, ctx),
            Member::KafkaConsumer(node) => node.on(input, ctx),
            Member::Bridge(node) => node.on(input, ctx),
            Member::Service(node) => node.on(input, ctx),
        }
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Member::Broker(node) => node.lose(loss, ctx),
            Member::KafkaBroker(node) => node.lose(loss, ctx),
            Member::KafkaController(node) => node.lose(loss, ctx),
            Member::Producer(node) => node.lose(loss, ctx),
            Member::Consumer(node) => node.lose(loss, ctx),
            Member::KafkaProducer(node) => node.lose(loss, ctx),
            Member::KafkaConsumer(node) => node.lose(loss, ctx),
            Member::Bridge(node) => node.lose(loss, ctx),
            Member::Service(node) => node.lose(loss, ctx),
        }
    }
}

impl<H> Member<H> {
    /// Whether it belongs to Kafka: a broker, a controller or a client of it.
    pub fn is_kafka(&self) -> bool {
        match self {
            Member::KafkaBroker(_)
            | Member::KafkaController(_)
            | Member::KafkaProducer(_)
            | Member::KafkaConsumer(_)
            | Member::Bridge(_) => true,
            Member::Broker(_) | Member::Producer(_) | Member::Consumer(_) | Member::Service(_) => {
                false
            }
        }
    }

    /// The broker, if it is one.
    pub fn as_broker(&self) -> Option<&Broker> {
        match self {
            Member::Broker(node) => Some(node),
            _ => None,
        }
    }

    /// The Kafka broker, if it is one.
    pub fn as_kafka_broker(&self) -> Option<&kafka::Broker> {
        match self {
            Member::KafkaBroker(node) => Some(node),
            _ => None,
        }
    }

    /// The controller of a Kafka cluster, if it is one.
    pub fn as_kafka_controller(&self) -> Option<&kafka::Controller> {
        match self {
            Member::KafkaController(node) => Some(node),
            _ => None,
        }
    }

    /// The producer, if it is one.
    pub fn as_producer(&self) -> Option<&Producer> {
        match self {
            Member::Producer(node) => Some(node),
            _ => None,
        }
    }

    /// The consumer, if it is one.
    pub fn as_consumer(&self) -> Option<&Consumer<H>> {
        match self {
            Member::Consumer(node) => Some(node),
            _ => None,
        }
    }

    /// The application that sends to Kafka, if it is one.
    pub fn as_kafka_producer(&self) -> Option<&KafkaProducer> {
        match self {
            Member::KafkaProducer(node) => Some(node),
            _ => None,
        }
    }

    /// The application that reads from Kafka, if it is one or if that is a part of it.
    pub fn as_kafka_consumer(&self) -> Option<&KafkaConsumer<H>> {
        match self {
            Member::KafkaConsumer(node) => Some(node),
            Member::Bridge(node) => Some(node.consumer()),
            _ => None,
        }
    }

    /// The application that reads from Kafka and publishes to RabbitMQ, if it is one.
    pub fn as_bridge(&self) -> Option<&Bridge<H>> {
        match self {
            Member::Bridge(node) => Some(node),
            _ => None,
        }
    }

    /// The service, if it is one.
    pub fn as_service(&self) -> Option<&Service> {
        match self {
            Member::Service(node) => Some(node),
            _ => None,
        }
    }
}

/// A system and its names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct System<H: Handler = Script> {
    /// What a run starts from.
    pub setup: Setup<H>,
    /// The name of each node.
    pub names: Vec<Name>,
    /// When a run ends.
    pub horizon: Time,
    /// The names of the places where effects land. The first ones are the services that are nodes;
    /// others take effect inside the handlers.
    pub services: Vec<Name>,
    /// The names of Kafka's topics: [`TopicId`] is the place in this list.
    ///
    /// [`TopicId`]: crate::talk::kafka::TopicId
    pub topics: Vec<Name>,
    /// The names of Kafka's groups.
    pub groups: Vec<Name>,
    /// The transactional ids.
    pub txns: Vec<Name>,
    /// The brokers.
    pub brokers: Vec<NodeId>,
    /// Kafka's controllers.
    pub controllers: Vec<NodeId>,
    /// The producers.
    pub producers: Vec<NodeId>,
    /// The consumers.
    pub consumers: Vec<NodeId>,
}

impl<H: Handler> System<H> {
    /// The name of a node; `?` for one that does not exist.
    pub fn name(&self, id: NodeId) -> &str {
        self.names.get(id.index()).map_or("?", Name::as_str)
    }

    /// The node with this name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        let at = self.names.iter().position(|its| *its == name)?;
        u32::try_from(at).ok().map(NodeId)
    }

    /// The name of a place where effects land; `?` for one that does not exist.
    pub fn service(&self, index: u16) -> &str {
        self.services.get(usize::from(index)).map_or("?", Name::as_str)
    }

    /// The text of a step.
    pub fn write(&self, step: &Step) -> String {
        text::write(step, &self.names)
    }

    /// Reads a step from its text.
    ///
    /// # Errors
    /// The text is not the whole of one step, or names what the system does not have.
    pub fn read(&self, text: &str) -> Result<Step, StepError> {
        text::read(text, &self.names)
    }

    /// Records the run with this seed, up to the horizon or `most` steps.
    pub fn run(&self, seed: u64, most: u64) -> Run<H> {
        Run::record(self.seeded(seed), self.horizon, most)
    }

    /// The setup with another seed.
    pub fn seeded(&self, seed: u64) -> Setup<H> {
        let mut setup = self.setup.clone();
        setup.seed = seed;
        setup
    }
}
