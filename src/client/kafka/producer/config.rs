//! What a producer is told: the names are those of the clients.

use crate::client::kafka::link::LinkConfig;
use crate::client::{Again, Keys, Pacing};
use crate::kafka::clients::{Backoff, Client, Family, Full};
use crate::kafka::partition::{Partitioner, Settings};
use crate::kernel::{Dist, NodeId, Span};
use crate::talk::kafka::{Acks, TopicId, TxnId};
use crate::talk::{MessageId, Name, Rate};

/// How an application sends, and how its client does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KafkaProducerConfig {
    // ── the application ──
    /// Its name, for people.
    pub name: Name,
    /// It begins when it starts; otherwise it waits for `Order::Join`.
    pub joined: bool,
    /// To which topic.
    pub topic: TopicId,
    /// The keys of its records: a text in which `{key}` is the number of the entity, `{message}` that
    /// of the message, `{second}` and `{ms}` the time. `None` sends records without a key.
    pub key: Option<Name>,
    /// The number of that text in the list of the system, from 1; 0 without a key.
    pub pattern: u16,
    /// The entities that its messages are about.
    pub keys: Keys,
    /// It names the partition itself.
    pub partition: Option<u16>,
    /// How many bytes key, value and headers take.
    pub size: u32,
    /// How many of its records have no value.
    pub tombstones: Rate,
    /// How many messages it has to send.
    pub messages: u32,
    /// The identity of its first message; the following ones count up.
    pub first_id: MessageId,
    /// When it begins, counted from its start.
    pub begins: Span,
    /// When it submits the next message.
    pub pacing: Pacing,
    /// With [`Pacing::Window`]: at most this many sends without an outcome; 0 is unlimited, and 1
    /// awaits each of them.
    pub window: u32,
    /// KafkaJS: how many messages one call of `send` holds; at least 1.
    pub send_of: u32,
    /// What it does with a message that its client gave up.
    pub on_failure: Again,
    /// How long it waits before it sends it again.
    pub again_after: Span,
    /// It keeps what is not acknowledged in a database (an outbox) and sends it after a crash of its
    /// own; otherwise the crash forgets it.
    pub outbox: bool,
    /// It sends in transactions. Java and librdkafka only.
    pub transaction: Option<Transactional>,

    // ── the client ──
    /// How it speaks to the cluster; `max.in.flight.requests.per.connection` is in there.
    pub link: LinkConfig,
    /// `acks`.
    pub acks: Acks,
    /// `batch.size`, in bytes.
    pub batch_size: u32,
    /// `linger.ms`.
    pub linger: Span,
    /// `max.request.size`, in bytes.
    pub max_request_size: u32,
    /// `buffer.memory` with `max.block.ms`, or `queue.buffering.max.messages`.
    pub room: Full,
    /// `retries`, `message.send.max.retries`, `retry.retries`.
    pub retries: u32,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`, `retry`.
    pub backoff: Backoff,
    /// `request.timeout.ms`, `requestTimeout`: how long a produce request waits for its answer.
    pub request_timeout: Span,
    /// `delivery.timeout.ms`, `message.timeout.ms`; `None` where only retries are counted.
    pub delivery_timeout: Option<Span>,
    /// `enable.idempotence`, `idempotent`.
    pub idempotence: bool,
    /// `partitioner.class`, `createPartitioner`, `partitioner`.
    pub partitioner: Partitioner,
    /// What else is said about where records go.
    pub placing: Settings,
    /// Java 2.4 to 3.9 ask the partitioner again for a record that needs a new batch.
    pub asks_partitioner_again: bool,
}

/// How a producer uses transactions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transactional {
    /// `transactional.id`.
    pub id: TxnId,
    /// `transaction.timeout.ms`.
    pub timeout: Span,
    /// How many records a transaction has; at least 1.
    pub records: u32,
    /// How long the application waits before it ends one.
    pub takes: Dist,
    /// How often it aborts one that could be committed.
    pub aborts: Rate,
    /// Client and cluster use `transaction.version` 2 (KIP-890): partitions need not be added, and
    /// the epoch grows with every transaction.
    pub version_2: bool,
    /// What it does when another producer has its transactional id.
    pub on_fenced: OnFenced,
}

/// What an application does whose producer was fenced, or got another fatal error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnFenced {
    /// It stops, as the documentation of `KafkaProducer` demands: `close()` and no other.
    Die,
    /// It makes a new producer and goes on, which fences the other one.
    Recreate,
}

impl KafkaProducerConfig {
    /// The defaults of a client, for an application that sends 1000 messages of 100 bytes without a
    /// key, one every millisecond, and leaves what its client gave up.
    pub fn of(
        name: &str,
        client: &Client,
        bootstrap: Vec<NodeId>,
        topic: TopicId,
    ) -> KafkaProducerConfig {
        let its = client.producer;
        let batch_size = its.batch_size.unwrap_or(0);
        let mut link = LinkConfig::of(client, bootstrap);
        link.max_in_flight = its.max_in_flight;
        KafkaProducerConfig {
            name: name.into(),
            joined: true,
            topic,
            key: None,
            pattern: 0,
            keys: Keys::None,
            partition: None,
            size: 100,
            tombstones: Rate::NEVER,
            messages: 1_000,
            first_id: MessageId(1),
            begins: Span::ZERO,
            pacing: Pacing::Every(Dist::Fixed(Span::from_millis(1))),
            window: 0,
            send_of: 1,
            on_failure: Again::GiveUp,
            again_after: Span::from_secs(1),
            outbox: false,
            transaction: None,
            acks: its.acks,
            batch_size,
            linger: its.linger,
            max_request_size: if client.family == Family::Java { 1_048_576 } else { 1_000_000 },
            room: its.full,
            retries: its.retries,
            backoff: its.backoff,
            request_timeout: its.request_timeout,
            delivery_timeout: its.delivery_timeout,
            idempotence: its.idempotent,
            partitioner: its.partitioner,
            placing: Settings { batch_size, ..Settings::default() },
            asks_partitioner_again: its.asks_partitioner_again,
            link,
        }
    }

    /// Whether its records carry sequence numbers.
    pub fn is_idempotent(&self) -> bool {
        self.idempotence || self.transaction.is_some()
    }

    /// How many records one call of `send` holds.
    pub(super) fn per_send(&self) -> u32 {
        if self.link.family == Family::KafkaJs { self.send_of.max(1) } else { 1 }
    }
}
