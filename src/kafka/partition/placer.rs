//! A partitioner at work.

use super::built_in::{BuiltIn, any};
use super::hash::to_positive;
use super::{Partitioner, Partitions};
use crate::kernel::{Span, Time};

/// What else a producer's configuration says about where records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Settings {
    /// `batch.size`, in bytes: how much goes to a partition before the built-in partitioner switches.
    pub batch_size: u32,
    /// `partitioner.adaptive.partitioning.enable`: the built-in partitioner prefers short queues.
    pub adaptive: bool,
    /// `partitioner.ignore.keys`: the built-in partitioner treats every record as one without a key.
    pub ignore_keys: bool,
    /// `sticky.partitioning.linger.ms` of librdkafka: how long it stays with a partition; zero to
    /// choose for every record.
    pub sticky_linger: Span,
}

impl Default for Settings {
    /// The defaults of Apache Kafka 4.1.1 and librdkafka 2.
    fn default() -> Settings {
        Settings {
            batch_size: 16_384,
            adaptive: true,
            ignore_keys: false,
            sticky_linger: Span::from_millis(10),
        }
    }
}

/// Where one producer sends the records of one topic: a [`Partitioner`], and what it remembers.
///
/// Chance is drawn by whoever calls: `pick(n)` is one of `0..n`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placer {
    partitioner: Partitioner,
    settings: Settings,
    memory: Memory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Memory {
    /// Every choice is made anew.
    Nothing,
    /// How often it chose; `None` before it drew where to begin.
    Turn(Option<u32>),
    /// Where it stays until a new batch.
    Sticky(Option<u32>),
    BuiltIn(BuiltIn),
    /// Where it stays, and since when.
    Lingering(Option<(u32, Time)>),
}

impl Placer {
    /// A producer that has sent nothing to this topic yet.
    pub fn new(partitioner: Partitioner, settings: Settings) -> Placer {
        let memory = match partitioner {
            Partitioner::BuiltIn => Memory::BuiltIn(BuiltIn::default()),
            Partitioner::Sticky | Partitioner::UniformSticky => Memory::Sticky(None),
            Partitioner::InTurn | Partitioner::KafkaJs | Partitioner::KafkaJsLegacy => {
                Memory::Turn(None)
            }
            Partitioner::RoundRobin => Memory::Turn(Some(0)),
            Partitioner::Random
            | Partitioner::ConsistentRandom
            | Partitioner::Murmur2Random
            | Partitioner::Fnv1aRandom
                if !settings.sticky_linger.is_zero() =>
            {
                Memory::Lingering(None)
            }
            Partitioner::Random
            | Partitioner::ConsistentRandom
            | Partitioner::Murmur2Random
            | Partitioner::Fnv1aRandom
            | Partitioner::Consistent
            | Partitioner::Murmur2
            | Partitioner::Fnv1a => Memory::Nothing,
        };
        Placer { partitioner, settings, memory }
    }

    /// The rule it follows.
    pub fn partitioner(&self) -> Partitioner {
        self.partitioner
    }

    /// The partition for a record with this key, if any, that is sent `now`.
    ///
    /// KafkaJS and Java up to 2.3 begin with a random number and count on; here the beginning is
    /// drawn among the partitions there are to choose from, which comes to the same while those do
    /// not change.
    pub fn place(
        &mut self,
        key: Option<&[u8]>,
        topic: &Partitions<'_>,
        now: Time,
        pick: &mut impl FnMut(u32) -> u32,
    ) -> u32 {
        let ignored = self.partitioner == Partitioner::BuiltIn && self.settings.ignore_keys;
        let key = key.filter(|_| !ignored);
        if let Some(partition) = self.partitioner.by_key(key, topic.count) {
            return partition;
        }
        match &mut self.memory {
            Memory::Nothing => any_or_another(topic, pick),
            Memory::Turn(turn) => {
                let choices = match topic.available.len() as u32 {
                    0 => topic.count.get(),
                    available => available,
                };
                let now = turn.unwrap_or_else(|| pick(choices));
                *turn = Some(now.wrapping_add(1));
                let at = to_positive(now as i32) % choices;
                topic.available.get(at as usize).copied().unwrap_or(at)
            }
            Memory::Sticky(stuck) => *stuck.get_or_insert_with(|| any(topic, pick)),
            Memory::BuiltIn(built_in) => built_in.current(topic, pick),
            // a key means nothing to `random`, but only records without one stay together
            Memory::Lingering(_) if key.is_some() && self.partitioner == Partitioner::Random => {
                any_or_another(topic, pick)
            }
            Memory::Lingering(stuck) => {
                let linger = self.settings.sticky_linger;
                let stays = |&(partition, since): &(u32, Time)| {
                    has_leader(topic, partition) && now.since(since) <= linger
                };
                match *stuck {
                    Some(it) if stays(&it) => it.0,
                    _ => {
                        let partition = any_or_another(topic, pick);
                        *stuck = Some((partition, now));
                        partition
                    }
                }
            }
        }
    }

    /// A record that [`place`](Placer::place) put into `partition` needs a new batch there: the
    /// sticky partitioners of Java 2.4 to 3.9 switch now, if they are there, and the producer asks
    /// them again.
    ///
    /// This also happens with the first record of all, and with keyed records that meet the sticky
    /// partition. Source: `KafkaProducer.doSend` and `StickyPartitionCache.nextPartition` of 3.2.3.
    pub fn new_batch(
        &mut self,
        partition: u32,
        topic: &Partitions<'_>,
        pick: &mut impl FnMut(u32) -> u32,
    ) {
        let Memory::Sticky(stuck) = &mut self.memory else { return };
        match *stuck {
            None => *stuck = Some(any(topic, pick)),
            Some(old) if old == partition => *stuck = Some(another(old, topic, pick)),
            Some(_) => {}
        }
    }

    /// `bytes` of a record without a key were appended to the batches of its partition, which are
    /// all full by now or not: the built-in partitioner may switch. See [`BuiltIn::appended`].
    pub fn appended(
        &mut self,
        bytes: u32,
        batches_full: bool,
        topic: &Partitions<'_>,
        pick: &mut impl FnMut(u32) -> u32,
    ) {
        if let Memory::BuiltIn(built_in) = &mut self.memory {
            built_in.appended(bytes, self.settings.batch_size, batches_full, topic, pick);
        }
    }

    /// How many batches wait for each partition that has a leader, `(partition, batches)`, of
    /// `count` in all: the built-in partitioner adapts to it. See [`BuiltIn::loaded`].
    ///
    /// Java's producer tells it whenever it looks for batches to send, once it has sent to every
    /// partition. Source: `RecordAccumulator.partitionReady` of 4.1.1.
    pub fn loaded(&mut self, count: u32, queues: impl Iterator<Item = (u32, u32)> + Clone) {
        if let Memory::BuiltIn(built_in) = &mut self.memory
            && self.settings.adaptive
        {
            built_in.loaded(count, queues);
        }
    }
}

fn has_leader(topic: &Partitions<'_>, partition: u32) -> bool {
    topic.available.binary_search(&partition).is_ok()
}

/// Any available partition but `old`, unless it is the only one. Java draws until it is another one.
fn another(old: u32, topic: &Partitions<'_>, pick: &mut impl FnMut(u32) -> u32) -> u32 {
    let old_at = topic.available.binary_search(&old);
    match (topic.available, old_at) {
        ([] | [_], _) | (_, Err(_)) => any(topic, pick),
        (available, Ok(old_at)) => {
            let at = pick(available.len() as u32 - 1) as usize;
            // there are at least two, and `at` is below their number less one
            available[if at < old_at { at } else { at + 1 }]
        }
    }
}

/// Any partition; if it has no leader, any once more, and that one stands. Source:
/// `rd_kafka_msg_partitioner_random` of librdkafka 2.
fn any_or_another(topic: &Partitions<'_>, pick: &mut impl FnMut(u32) -> u32) -> u32 {
    let partition = pick(topic.count.get());
    if has_leader(topic, partition) { partition } else { pick(topic.count.get()) }
}
