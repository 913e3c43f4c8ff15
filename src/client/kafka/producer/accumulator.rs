//! Records on their way to a batch: what Java calls the accumulator, and librdkafka the queue of a
//! partition.
//!
//! Sources: Apache Kafka 4.1.1 `RecordAccumulator`, `ProducerBatch`, `BufferPool`.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::KafkaProducerConfig;
use super::keys::{KeyText, Keyed};
use super::outcome::{Done, Tools};
use crate::kafka::clients::Full;
use crate::kafka::partition::{Partitioner, Partitions, Placer};
use crate::kernel::{Ctx, Site, Time};
use crate::talk::Mq;
use crate::talk::kafka::{ProducerIdentity, Record, TopicPartition};

/// The bytes of the header of a batch, and of a record beyond key, value and headers.
const HEADER: u32 = 61;
const PER_RECORD: u32 = 7;

/// A batch that takes no more records.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pack {
    /// Numbers count up, so that later batches of a partition have larger ones.
    pub(super) number: u32,
    pub(super) records: Arc<[Record]>,
    pub(super) bytes: u32,
    pub(super) created: Time,
    /// How often it was sent in vain.
    pub(super) attempts: u32,
    /// It is not sent again before.
    pub(super) retry_at: Time,
    /// The leader epoch in which it was tried last.
    pub(super) tried_epoch: Option<u32>,
    /// Its sequence number, and who numbered it.
    pub(super) sequence: Option<(ProducerIdentity, u32)>,
    /// A broker may have written it.
    pub(super) maybe_written: bool,
    /// It was written to a connection.
    pub(super) published: bool,
}

/// The records of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    /// The batch that still takes records.
    pub(super) open: Vec<Record>,
    pub(super) open_bytes: u32,
    pub(super) open_since: Time,
    /// Batches that wait to be sent, or to be sent again; the first one goes first.
    pub(super) closed: VecDeque<Pack>,
    /// Batches that are sent and have no answer.
    pub(super) in_flight: VecDeque<Pack>,
    /// Nothing is sent until what is in flight is answered.
    pub(super) muted: bool,
    /// Under which identity its numbers count.
    pub(super) identity: Option<ProducerIdentity>,
    /// The next sequence number.
    pub(super) next_sequence: u32,
    /// The sequence number after the last one that was acknowledged.
    pub(super) acked: u32,
    /// A numbered batch was given up, and nobody knows whether it was written.
    pub(super) unresolved: bool,
    /// The partition is part of the present transaction.
    pub(super) added: bool,
}

impl Queue {
    /// How many batches wait.
    pub(super) fn waiting(&self) -> u32 {
        self.closed.len() as u32 + u32::from(!self.open.is_empty())
    }

    /// The batch that takes records takes no more.
    pub(super) fn seal(&mut self, number: &mut u32) {
        if self.open.is_empty() {
            return;
        }
        *number = number.wrapping_add(1);
        let records: Arc<[Record]> = self.open.as_slice().into();
        self.open.clear();
        self.closed.push_back(Pack {
            number: *number,
            records,
            bytes: self.open_bytes,
            created: self.open_since,
            attempts: 0,
            retry_at: Time::ZERO,
            tried_epoch: None,
            sequence: None,
            maybe_written: false,
            published: false,
        });
    }

    fn fits(&self, bytes: u32, batch_size: u32) -> bool {
        !self.open.is_empty() && self.open_bytes + bytes <= batch_size
    }
}

/// A client that gathers records into batches: Java's and librdkafka.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Batching {
    pub(super) queues: Vec<Queue>,
    /// The partitions that have a leader, ascending.
    available: Vec<u32>,
    placer: Placer,
    key: Option<KeyText>,
    keyed: Keyed,
    /// How often a partition was drawn.
    picks: u64,
    /// Bytes, or messages, that are held.
    pub(super) held: u64,
    /// The number of the last batch.
    pub(super) last_number: u32,
    pub(super) identity: Option<ProducerIdentity>,
    /// The identity was asked for.
    pub(super) identity_asked: bool,
    /// It is not asked for again before.
    pub(super) ask_after: Time,
    /// Partitions are not added to the transaction again before.
    pub(super) add_after: Time,
    /// `send` waits for room: nothing lingers.
    pub(super) exhausted: bool,
    /// The epoch must grow before anything else is sent.
    pub(super) bump: bool,
    /// Everything is to be sent without lingering.
    pub(super) flushing: bool,
    /// For when the timers are armed.
    pub(super) ready_at: Option<Time>,
    pub(super) expiry_at: Option<Time>,
    /// With which partition the next request begins.
    pub(super) turn: usize,
    pub(super) done: VecDeque<Done>,
}

/// What appending a record came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Appended {
    /// It is in a batch that was there.
    Joined,
    /// A batch began with it, or became full before it: the sender should look.
    Began,
    /// There is no room.
    NoRoom,
    /// The partitions of the topic are not known.
    NoMetadata,
}

impl Batching {
    pub(super) fn new(config: &KafkaProducerConfig) -> Batching {
        Batching {
            queues: Vec::new(),
            available: Vec::new(),
            placer: Placer::new(config.partitioner, config.placing),
            key: config.key.as_ref().map(KeyText::new),
            keyed: Keyed::default(),
            picks: 0,
            held: 0,
            last_number: 0,
            identity: None,
            identity_asked: false,
            ask_after: Time::ZERO,
            add_after: Time::ZERO,
            exhausted: false,
            bump: false,
            flushing: false,
            ready_at: None,
            expiry_at: None,
            turn: 0,
            done: VecDeque::new(),
        }
    }

    /// Numbers and draws go on from those of the client before.
    pub(super) fn go_on_from(&mut self, old: &Batching) {
        (self.last_number, self.picks) = (old.last_number, old.picks);
    }

    /// Metadata arrived.
    pub(super) fn learn(&mut self, tools: &Tools<'_, '_>) {
        let topic = tools.config.topic;
        let count = usize::from(tools.link.partitions(topic));
        if self.queues.len() < count {
            self.queues.resize_with(count, Queue::default);
        }
        self.available.clear();
        let with_leader = (0..count as u16)
            .filter(|it| tools.link.leader(TopicPartition::new(topic, *it)).is_some());
        self.available.extend(with_leader.map(u32::from));
    }

    /// How many batches wait for each partition that has a leader: the partitioner adapts to it.
    pub(super) fn adapt(&mut self, config: &KafkaProducerConfig) {
        if config.partitioner == Partitioner::BuiltIn && self.key.is_none() {
            let queues = &self.queues;
            let waiting = self.available.iter().map(|at| (*at, queues[*at as usize].waiting()));
            self.placer.loaded(queues.len() as u32, waiting);
        }
    }

    /// Takes a record, or says why not.
    pub(super) fn append(
        &mut self,
        mut record: Record,
        config: &KafkaProducerConfig,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Appended {
        let Some(count) = NonZeroU32::new(self.queues.len() as u32) else {
            return Appended::NoMetadata;
        };
        let bytes = record.size.saturating_add(PER_RECORD);
        let mut by_key = None;
        if let Some(text) = &self.key {
            record.key = text.number(&record, ctx.now);
            by_key = self.keyed.partition(text, record.key, config.partitioner, count);
        }
        let fixed = config.partition.map(u32::from).filter(|it| *it < count.get()).or(by_key);
        let (picks, me) = (&mut self.picks, u64::from(ctx.me.0));
        let now = ctx.now;
        let mut pick = |n: u32| {
            if n < 2 {
                return 0;
            }
            *picks += 1;
            ctx.choose(Site::new("partition", me).nth(*picks), n)
        };
        let topic = Partitions { count, available: &self.available };
        let mut place = match fixed {
            Some(fixed) => fixed,
            None => self.placer.place(None, &topic, now, &mut pick),
        };
        // It switches to another partition at most once for a record.
        for _ in 0..2 {
            let queue = &mut self.queues[place as usize];
            if queue.fits(bytes, config.batch_size) {
                break;
            }
            queue.seal(&mut self.last_number);
            if fixed.is_some() {
                break;
            }
            self.placer.appended(0, true, &topic, &mut pick);
            if config.asks_partitioner_again {
                self.placer.new_batch(place, &topic, &mut pick);
            }
            let again = self.placer.place(None, &topic, now, &mut pick);
            if again == place {
                break;
            }
            place = again;
        }
        let queue = &mut self.queues[place as usize];
        let begins = !queue.fits(bytes, config.batch_size);
        if begins {
            queue.seal(&mut self.last_number);
        }
        let (cost, most) = match config.room {
            Full::Blocks { bytes: most, .. } if begins => {
                (u64::from(config.batch_size.max(HEADER + bytes)), most)
            }
            Full::Fails { messages } => (1, u64::from(messages)),
            Full::Blocks { .. } | Full::Never => (0, u64::MAX),
        };
        self.exhausted = cost > 0 && self.held + cost > most;
        if self.exhausted {
            return Appended::NoRoom;
        }
        self.held += cost;
        if begins {
            queue.open_since = now;
            queue.open_bytes = HEADER;
        }
        queue.open.push(record);
        queue.open_bytes += bytes;
        if fixed.is_none() {
            let full = queue.open_bytes >= config.batch_size;
            self.placer.appended(bytes, full, &topic, &mut pick);
        }
        if begins { Appended::Began } else { Appended::Joined }
    }

    /// Frees the room of a batch that has an outcome.
    pub(super) fn free(&mut self, pack: &Pack, config: &KafkaProducerConfig) {
        let cost = match config.room {
            Full::Blocks { .. } => {
                let first = pack.records.first().map_or(0, |it| it.size.saturating_add(PER_RECORD));
                u64::from(config.batch_size.max(HEADER + first))
            }
            Full::Fails { .. } => pack.records.len() as u64,
            Full::Never => 0,
        };
        self.held = self.held.saturating_sub(cost);
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(|it| it.waiting() == 0 && it.in_flight.is_empty())
    }

    /// All records on their way, and whether a broker may have each.
    pub(super) fn records(&self) -> impl Iterator<Item = (Record, bool)> {
        self.queues.iter().flat_map(|queue| {
            let flying = queue.in_flight.iter().map(|pack| (pack, true));
            let closed = queue.closed.iter().map(|pack| (pack, pack.maybe_written));
            let packs = flying.chain(closed);
            packs
                .flat_map(|(pack, maybe)| pack.records.iter().map(move |it| (*it, maybe)))
                .chain(queue.open.iter().map(|it| (*it, false)))
        })
    }
}
