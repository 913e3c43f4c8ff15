//! How a coordinator works inside its broker.
//!
//! A coordinator is plain data that lives in the broker that leads its partition of an internal
//! topic (`__consumer_offsets`, `__transaction_state`). It never sees a connection or a log: it
//! works at a [`Desk`], where it finds the time, the cluster's metadata and its timers, and where it
//! lays down [`Act`]s for its broker. The broker carries the acts out in their order after each
//! call. So the state of a coordinator survives a failover exactly as far as the log of its partition
//! does.
//!
//! Source: `CoordinatorRuntime` of Apache Kafka 4.1.1. There as here a handler changes the state at
//! once and answers when what it wrote is committed.

#[cfg(test)]
pub(in crate::kafka) mod lab;

use std::fmt::Debug;
use std::hash::Hash;

use crate::kernel::{Ctx, NodeId, Span, Time};
use crate::talk::kafka::{
    Answer, Api, Code, Image, KafkaNote, Offset, ProducerIdentity, TopicPartition,
};
use crate::talk::{KafkaTimer, Mq, Note, Parcel, Timer};

/// Who asks, and on which connection: whom to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Client {
    /// The client.
    pub node: NodeId,
    /// Which of its connections.
    pub lane: u8,
    /// The number of its request.
    pub correlation: u32,
}

/// What a coordinator recognises a write or a question by. Each coordinator counts its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a coordinator wants of its broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Act {
    /// Answer a request. Each request is answered once, at once or later, until which its
    /// connection is muted.
    Respond {
        /// Which request.
        client: Client,
        /// What.
        answer: Answer,
    },
    /// Append a record to the coordinator's partition with `acks=all`. The broker calls
    /// [`Coordinator::on_written`] when the high watermark has passed it, or why it will not.
    Write {
        /// The coordinator's partition.
        partition: TopicPartition,
        /// The record.
        record: Parcel,
        /// Whose transaction it is part of: a marker ends it.
        producer: Option<ProducerIdentity>,
        /// For `on_written`.
        ticket: Ticket,
    },
    /// Send a request to a broker, perhaps this one. The broker calls [`Coordinator::on_answer`].
    Ask {
        /// Whom.
        to: NodeId,
        /// What.
        api: Api,
        /// For `on_answer`.
        ticket: Ticket,
    },
}

/// What a broker finds in the log of a coordinator's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// A record, and whose transaction it is part of.
    Record(&'a Parcel, Option<ProducerIdentity>),
    /// A marker.
    Marker {
        /// Whose transaction ends.
        producer: ProducerIdentity,
        /// It commits; otherwise it aborts.
        commit: bool,
    },
}

/// A coordinator.
pub trait Coordinator: Clone + Debug + Eq + Hash {
    /// Takes a request. What it does not know is answered by the broker, which should not ask.
    fn on_request(&mut self, client: Client, api: Api, desk: &mut Desk<'_, '_>);

    /// What it wrote is committed at this offset, or was not appended, or is not known to be
    /// committed ([`Code::RequestTimedOut`]). Writes are reported in the order in which they were made.
    fn on_written(&mut self, ticket: Ticket, result: Result<Offset, Code>, desk: &mut Desk<'_, '_>);

    /// One of its timers.
    fn on_timer(&mut self, timer: KafkaTimer, desk: &mut Desk<'_, '_>);

    /// The answer to a question; `None` when the connection ended first.
    fn on_answer(&mut self, ticket: Ticket, answer: Option<Answer>, desk: &mut Desk<'_, '_>) {
        let _ = (ticket, answer, desk);
    }

    /// A marker in its partition is committed.
    fn on_marker(&mut self, producer: ProducerIdentity, commit: bool, desk: &mut Desk<'_, '_>) {
        let _ = (producer, commit, desk);
    }

    /// The metadata at the desk is new.
    fn on_image(&mut self, desk: &mut Desk<'_, '_>) {
        let _ = desk;
    }

    /// Its broker leads the partition now: what the log has.
    fn load<'a>(
        &mut self,
        records: impl Iterator<Item = (Offset, Stored<'a>)>,
        desk: &mut Desk<'_, '_>,
    );

    /// Its broker does not lead the partition any more: answers whoever waits with
    /// [`Code::NotCoordinator`], disarms its timers and forgets everything.
    fn unload(&mut self, desk: &mut Desk<'_, '_>);
}

/// What a coordinator has before it while it handles one thing.
pub struct Desk<'d, 'c> {
    /// What its broker may do: the time, chance by name, notes.
    pub ctx: &'d mut Ctx<'c, Mq>,
    /// What its broker knows of the cluster.
    pub image: &'d Image,
    acts: &'d mut Vec<Act>,
}

impl<'d, 'c> Desk<'d, 'c> {
    /// A desk whose acts are collected in `acts`.
    pub fn new(ctx: &'d mut Ctx<'c, Mq>, image: &'d Image, acts: &'d mut Vec<Act>) -> Desk<'d, 'c> {
        Desk { ctx, image, acts }
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.ctx.now
    }

    /// Arms a timer, or moves it.
    pub fn arm(&mut self, timer: KafkaTimer, after: Span) {
        self.ctx.arm(Timer::Kafka(timer), after);
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: KafkaTimer) {
        self.ctx.disarm(Timer::Kafka(timer));
    }

    /// Tells the observer.
    pub fn note(&mut self, note: KafkaNote) {
        self.ctx.note(Note::Kafka(note));
    }

    /// Answers a request.
    pub fn respond(&mut self, client: Client, answer: Answer) {
        self.acts.push(Act::Respond { client, answer });
    }

    /// Appends a record to the coordinator's partition, outside of every transaction.
    pub fn write(&mut self, partition: TopicPartition, record: Parcel, ticket: Ticket) {
        self.acts.push(Act::Write { partition, record, producer: None, ticket });
    }

    /// Appends a record to the coordinator's partition, as part of a transaction.
    pub fn write_in_transaction(
        &mut self,
        partition: TopicPartition,
        record: Parcel,
        producer: ProducerIdentity,
        ticket: Ticket,
    ) {
        self.acts.push(Act::Write { partition, record, producer: Some(producer), ticket });
    }

    /// Sends a request to a broker.
    pub fn ask(&mut self, to: NodeId, api: Api, ticket: Ticket) {
        self.acts.push(Act::Ask { to, api, ticket });
    }
}
