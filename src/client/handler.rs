//! The face of a handler: what the author of an application's logic must know, and all of it.
//!
//! A handler sees a delivery and says what follows as a [`Plan`]: stages that the consumer takes
//! one after the other, with a crash possible between any two, and how it ends. What is answered to
//! the broker, and when, is not the handler's business but the consumer's
//! (`ConsumerConfig::ack`, `ConsumerConfig::on_failure`), unless the plan settles itself.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use crate::kernel::{Ctx, Dist, NodeId, Site, Span, Time};
use crate::talk::kafka::{Offset, Record, TopicId, TopicPartition};
use crate::talk::{
    Failure, Message, MessageId, Method, Mq, Name, Publication, Rate, Settle, StoreCommand,
    StoreKey,
};

/// The logic of an application that receives. Its fields are the memory of the process.
pub trait Handler: Clone + Debug + Eq + Hash {
    /// What to do about a delivery.
    fn handle(&mut self, delivered: &Delivered<'_>, ctx: &mut HandlerCtx<'_, '_>) -> Plan;

    /// The process is gone: forget what it had in memory.
    fn forget(&mut self) {}
}

/// A delivery, as far as the process can see it.
#[derive(Clone, Copy, Debug)]
pub struct Delivered<'a> {
    /// What it brings.
    pub load: Load<'a>,
    /// It was delivered before, or the broker cannot rule that out. Kafka's consumers are not told.
    pub redelivered: bool,
    /// How often it was delivered before: `x-delivery-count`, which only quorum queues add, and the
    /// delivery count of a share group.
    pub delivery_count: Option<u32>,
    /// Which attempt it is, as far as the process can tell: 1 is the first.
    pub attempt: u16,
}

/// What a delivery brings.
#[derive(Clone, Copy, Debug)]
pub enum Load<'a> {
    /// An AMQP message.
    Message(&'a Message),
    /// A record of a Kafka topic.
    Record {
        /// In which partition it is.
        at: TopicPartition,
        /// At which offset.
        offset: Offset,
        /// The record.
        record: &'a Record,
    },
}

impl<'a> Delivered<'a> {
    /// Which message it is.
    pub fn msg(&self) -> MessageId {
        match self.load {
            Load::Message(message) => message.id,
            Load::Record { record, .. } => record.id,
        }
    }

    /// The entity that the message is about, by number; 0 when none.
    pub fn entity(&self) -> u32 {
        match self.load {
            Load::Message(message) => message.publication.key,
            Load::Record { record, .. } => record.entity,
        }
    }

    /// How many bytes it has.
    pub fn size(&self) -> u32 {
        match self.load {
            Load::Message(message) => message.publication.size,
            Load::Record { record, .. } => record.size,
        }
    }

    /// The AMQP message, if it is one.
    pub fn message(&self) -> Option<&'a Message> {
        match self.load {
            Load::Message(message) => Some(message),
            Load::Record { .. } => None,
        }
    }
}

/// What a handler may use: the time, and chance by name.
pub struct HandlerCtx<'a, 'k> {
    ctx: &'a mut Ctx<'k, Mq>,
    whom: u64,
    nth: u64,
}

impl<'a, 'k> HandlerCtx<'a, 'k> {
    pub(super) fn new(ctx: &'a mut Ctx<'k, Mq>, whom: u64, nth: u64) -> HandlerCtx<'a, 'k> {
        HandlerCtx { ctx, whom, nth }
    }

    /// The consumer that runs this handler.
    pub fn me(&self) -> NodeId {
        self.ctx.me
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.ctx.now
    }

    /// Whether something that happens at `rate` happens now. `what` names the decision; each is
    /// drawn once for each run of a handler.
    pub fn happens(&mut self, what: &'static str, rate: Rate) -> bool {
        !rate.is_never() && rate.covers(self.choose(what, Rate::OF))
    }

    /// One of `0..n`, for the decision named `what`.
    pub fn choose(&mut self, what: &'static str, n: u32) -> u32 {
        self.ctx.choose(Site::new(what, self.whom).nth(self.nth), n)
    }

    /// A span from `dist`, for the decision named `what`.
    pub fn span(&mut self, what: &'static str, dist: &Dist) -> Span {
        self.ctx.span(Site::new(what, self.whom).nth(self.nth), dist)
    }
}

/// What a handler does about a delivery: stages in order, and how it ends. A stage that fails (a
/// service refuses, a confirm does not come) ends it early as failed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    /// What it does, in order. Plans that are alike share them.
    pub stages: Arc<[Stage]>,
    /// How it ends after the last stage.
    pub outcome: Outcome,
}

impl Plan {
    /// A plan that ends well.
    pub fn of(stages: impl Into<Arc<[Stage]>>) -> Plan {
        Plan { stages: stages.into(), outcome: Outcome::Done }
    }
}

/// How a handler ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Well.
    Done,
    /// It throws, or rejects its promise.
    Failed(Failure),
    /// It takes its process down with it.
    Died,
}

/// One thing that a handler does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It waits for something that takes this long; other handlers of the process go on.
    Work(Dist),
    /// It computes for this long: the whole process is busy, heartbeats included.
    Compute(Dist),
    /// Its effect takes place, here and now, without a service that could fail.
    Effect {
        /// Where: the place of the service in the list of the system.
        service: u16,
    },
    /// It calls a service, which has the effect, and waits for the answer.
    Call {
        /// The place of the service in the list of the system.
        service: u16,
        /// The node of the service.
        at: NodeId,
    },
    /// It declares something and waits for the answer.
    Declare(Box<Method>),
    /// It publishes a copy.
    Publish(Arc<Outgoing>),
    /// It answers the request that the message is, if the message says where to.
    Reply,
    /// It settles the delivery. The consumer then does not.
    Settle(Settle),
    /// `tx.commit`, waiting for the answer.
    Commit,
    /// It asks a store about this message, or has it remember it, and waits for the answer. When
    /// the message turns out to be known the handler ends here, and ends well.
    Dedup(Dedup),
    /// It produces a copy to a Kafka topic.
    Produce(Produce),
}

impl Stage {
    /// Whether a service outside of the process is asked.
    pub fn calls(&self) -> Option<NodeId> {
        match self {
            Stage::Call { at, .. } | Stage::Dedup(Dedup { at, .. }) => Some(*at),
            _ => None,
        }
    }
}

/// How a handler recognises repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dedup {
    /// The place of the store in the list of the system.
    pub service: u16,
    /// The node of the store.
    pub at: NodeId,
    /// What is asked of it.
    pub command: StoreCommand,
    /// What makes two messages the same.
    pub key: DedupKey,
}

/// What makes two messages the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DedupKey {
    /// Their identity in the business, such as the number of an order.
    Id,
    /// That and the offset: the guide's `kafka:processed:<orderId>:<offset>`, where an order is told
    /// of once.
    IdAndOffset,
    /// The entity that the message is about, and the offset: the same, where several messages tell
    /// of one order.
    EntityAndOffset,
    /// Where the record is.
    PartitionAndOffset,
}

impl DedupKey {
    /// The key of a record.
    pub fn of(self, record: &Record, at: TopicPartition, offset: Offset) -> StoreKey {
        let (msg, entity, at, offset) =
            (Some(record.id), Some(record.entity), Some(at), Some(offset));
        let none = StoreKey::default();
        match self {
            DedupKey::Id => StoreKey { msg, ..none },
            DedupKey::IdAndOffset => StoreKey { msg, offset, ..none },
            DedupKey::EntityAndOffset => StoreKey { entity, offset, ..none },
            DedupKey::PartitionAndOffset => StoreKey { at, offset, ..none },
        }
    }
}

/// A copy that a handler produces to a Kafka topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Produce {
    /// What for.
    pub role: Role,
    /// To which topic.
    pub topic: TopicId,
    /// It waits until the copy is acknowledged, and fails when it is refused.
    pub awaited: bool,
}

/// A copy that a handler publishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outgoing {
    /// What for.
    pub role: Role,
    /// Its exchange, routing key and properties.
    pub publication: Arc<Publication>,
    /// The broker gives it back when it cannot route it, and the stage then fails.
    pub mandatory: bool,
    /// Wait for its confirm.
    pub wait_for_confirm: bool,
}

/// What a copy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// For the next station of a pipeline.
    Forward,
    /// For another attempt: this one.
    Retry(u16),
    /// Set aside.
    Park,
}

impl Outgoing {
    /// A copy of `message` for another exchange and routing key, with the same properties.
    pub fn forward(message: &Message, exchange: Name, routing_key: Name) -> Outgoing {
        let publication = Publication { exchange, routing_key, ..(*message.publication).clone() };
        Outgoing {
            role: Role::Forward,
            publication: Arc::new(publication),
            mandatory: false,
            wait_for_confirm: false,
        }
    }
}
