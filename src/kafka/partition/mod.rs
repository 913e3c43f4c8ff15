//! Which partition a record goes to: the partitioners of the Java client, KafkaJS and librdkafka.
//!
//! *With a key* the partition is a pure function of its bytes and of the number of partitions (see
//! [`hash`]), the same in every run and for every producer that uses the same partitioner. All
//! partitions count, also those without a leader: a record whose partition has none waits, it is not
//! sent elsewhere. Change the number of partitions, and keys move.
//!
//! *Without a key* a producer takes turns, or stays with one partition for a while. What it
//! remembers for that, of one topic, is a [`Placer`]; what it leaves to chance, its caller draws.
//!
//! Sources: Apache Kafka 4.1.1 `BuiltInPartitioner` and `RoundRobinPartitioner`, 3.2.3
//! `StickyPartitionCache`, 2.3.1 `DefaultPartitioner`; KafkaJS 2.2.4 `src/producer/partitioners`;
//! librdkafka 2 `src/rdkafka_msg.c`.

mod built_in;
pub mod hash;
mod name;
mod placer;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

pub use built_in::BuiltIn;
pub use name::UnknownPartitioner;
pub use placer::{Placer, Settings};

/// The partitions of a topic, as a producer's metadata shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Partitions<'a> {
    /// How many there are, also without a leader.
    pub count: NonZeroU32,
    /// Those that have a leader, in ascending order.
    pub available: &'a [u32],
}

/// A rule for choosing partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partitioner {
    /// Java from 3.3 with `partitioner.class=null`: [`hash::murmur2`] of the key; without one, it
    /// stays with a partition until `batch.size` bytes went to it (KIP-794).
    BuiltIn,
    /// `DefaultPartitioner` of Java 2.4 to 3.9: [`hash::murmur2`] of the key; without one, it stays
    /// with a partition until a new batch is needed there (KIP-480).
    Sticky,
    /// `UniformStickyPartitioner` of Java 2.4 to 3.9: as [`Sticky`](Partitioner::Sticky), whatever
    /// the key.
    UniformSticky,
    /// `DefaultPartitioner` of Java up to 2.3: [`hash::murmur2`] of the key; without one, the
    /// available partitions in turn, from a random one.
    InTurn,
    /// `RoundRobinPartitioner` of Java: the available partitions in turn from the first one,
    /// whatever the key.
    RoundRobin,
    /// KafkaJS from 2.0: [`hash::murmur2`] of the key; without one, as
    /// [`InTurn`](Partitioner::InTurn).
    KafkaJs,
    /// KafkaJS before 2.0: [`hash::kafkajs_legacy`] of the key; without one, the same.
    KafkaJsLegacy,
    /// librdkafka: any partition, whatever the key.
    Random,
    /// librdkafka: [`hash::crc32`] of the key; no key is an empty key.
    Consistent,
    /// librdkafka, its default: [`hash::crc32`] of the key; without one, or with an empty one, any
    /// partition.
    ConsistentRandom,
    /// librdkafka: [`hash::murmur2`] of the key; no key is an empty key.
    Murmur2,
    /// librdkafka: [`hash::murmur2`] of the key; without one, any partition.
    Murmur2Random,
    /// librdkafka: [`hash::fnv1a`] of the key; no key is an empty key.
    Fnv1a,
    /// librdkafka: [`hash::fnv1a`] of the key; without one, any partition.
    Fnv1aRandom,
}

impl Partitioner {
    /// The partition of a key among `count`; `None` where this partitioner does not go by it.
    ///
    /// `key` is `None` for a record without one, which is not the same as an empty key.
    pub fn by_key(self, key: Option<&[u8]>, count: NonZeroU32) -> Option<u32> {
        let hash = match self {
            Partitioner::BuiltIn
            | Partitioner::Sticky
            | Partitioner::InTurn
            | Partitioner::KafkaJs
            | Partitioner::Murmur2Random => hash::to_positive(hash::murmur2(key?)),
            Partitioner::KafkaJsLegacy => hash::to_positive(hash::kafkajs_legacy(key?)),
            Partitioner::Murmur2 => hash::to_positive(hash::murmur2(key.unwrap_or_default())),
            Partitioner::Consistent => hash::crc32(key.unwrap_or_default()),
            Partitioner::ConsistentRandom => hash::crc32(key.filter(|key| !key.is_empty())?),
            Partitioner::Fnv1a => hash::fnv1a(key.unwrap_or_default()),
            Partitioner::Fnv1aRandom => hash::fnv1a(key?),
            Partitioner::UniformSticky | Partitioner::RoundRobin | Partitioner::Random => {
                return None;
            }
        };
        Some(hash % count)
    }
}
