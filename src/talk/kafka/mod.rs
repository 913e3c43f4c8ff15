//! What Kafka's clients, brokers and controllers say to each other.
//!
//! The words follow the protocol (<https://kafka.apache.org/protocol>): requests have the names and
//! fields of its APIs, errors have its names and numbers. What the model does not act on (client
//! software names, cluster ids, quotas) is left out, and names that never change in a run are
//! numbers: [`TopicId`], [`GroupId`] and [`TxnId`] are places in the lists of the system.

pub mod api;
mod code;
mod group;
mod image;
mod note;
mod record;
mod share;
mod txn;

use std::fmt;

pub use api::{
    Acks, Answer, Api, Each, EpochEnd, Fetch, FetchFrom, Fetched, Isolation, ListOffset, Produce,
    Request, Response, Written,
};
pub use code::Code;
pub use group::{
    CommitOffsets, ConsumerBeat, ConsumerBeaten, Join, Joined, Leave, MemberEpoch, Protocol,
    Subscription, Sync,
};
pub use image::{BrokerInfo, Image, PartitionInfo, TopicInfo};
pub use note::{KafkaNote, Left, Moved, TxnPhase};
pub use record::{Aborted, Batch, Body, Offset, ProducerStamp, Record};
pub use share::{Acknowledge, Acquired, ShareFetch, Verdict};
pub use txn::{EndTxn, InitProducer, Marker, ProducerIdentity, TxnOffsets, TxnPartitions};

/// A topic, by its place in the list of the system. Internal topics come last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u16);

/// A partition of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Of which topic.
    pub topic: TopicId,
    /// Which partition, from 0.
    pub partition: u16,
}

impl TopicPartition {
    /// The partition with this number of this topic.
    pub const fn new(topic: TopicId, partition: u16) -> TopicPartition {
        TopicPartition { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}-{}", self.topic.0, self.partition)
    }
}

/// A consumer group or share group, by its place in the list of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u16);

/// A `transactional.id`, by its place in the list of the system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(pub u16);
