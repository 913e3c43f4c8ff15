//! What a Kafka consumer is told. Names follow the clients; where they differ, all are named.

use super::txn::InTransaction;
use crate::client::kafka::link::LinkConfig;
use crate::client::script::Script;
use crate::kafka::assign::Assignor;
use crate::kafka::clients::{Backoff, Client, Commits, OnError};
use crate::kernel::{Dist, NodeId, Span};
use crate::talk::Name;
use crate::talk::kafka::{GroupId, Isolation, TopicId};

/// How a Kafka consumer works. [`KafkaConsumerConfig::of`] has the defaults of each client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KafkaConsumerConfig<H = Script> {
    /// Its name, for people; also its `client.id`.
    pub name: Name,
    /// Which client it uses.
    pub client: &'static Client,
    /// How it speaks to the cluster.
    pub link: LinkConfig,
    /// `group.id`, `groupId`.
    pub group: GroupId,
    /// The topics that it subscribes to, in this order.
    pub topics: Vec<TopicId>,
    /// The names of all topics of the system, by which assignors sort them.
    pub topic_names: Vec<Name>,
    /// `group.instance.id`. KafkaJS ignores it.
    pub instance: Option<Name>,
    /// `group.protocol`. KafkaJS knows only the classic one.
    pub protocol: GroupProtocol,
    /// `partition.assignment.strategy`, `partitionAssigners`, best first.
    pub assignors: Vec<Assignor>,
    /// `session.timeout.ms`, `sessionTimeout`.
    pub session_timeout: Span,
    /// `heartbeat.interval.ms`, `heartbeatInterval`.
    pub heartbeat_interval: Span,
    /// `max.poll.interval.ms`, which is also how long the group waits for it to join again; of
    /// KafkaJS only that, `rebalanceTimeout`.
    pub max_poll_interval: Span,
    /// `max.poll.records`. librdkafka hands over one record at a time.
    pub max_poll_records: u32,
    /// `fetch.min.bytes`, `minBytes`.
    pub min_bytes: u32,
    /// `fetch.max.wait.ms`, `fetch.wait.max.ms`, `maxWaitTimeInMs`.
    pub max_wait: Span,
    /// `fetch.max.bytes`, `maxBytes`.
    pub max_bytes: u32,
    /// `max.partition.fetch.bytes`, `maxBytesPerPartition`.
    pub max_partition_bytes: u32,
    /// `isolation.level`, `readUncommitted`.
    pub isolation: Isolation,
    /// `auto.offset.reset`; of KafkaJS `fromBeginning`, false for the latest.
    pub reset: Reset,
    /// `auto.commit.interval.ms`, `autoCommitInterval` (which is `None` by default).
    pub auto_commit_interval: Option<Span>,
    /// `enable.auto.offset.store` of librdkafka: the offset of a record is stored, for the next
    /// commit, when it is handed over. Otherwise the application stores it when it has handled it.
    pub auto_store: bool,
    /// `autoCommitThreshold` of KafkaJS.
    pub auto_commit_threshold: Option<u64>,
    /// When it commits: `enable.auto.commit`, `autoCommit`, and what the application does.
    pub commit: CommitWhen,
    /// With which transactions it commits; needed for [`CommitWhen::Transaction`].
    pub transaction: Option<InTransaction>,
    /// How records are handed to the application.
    pub each: Each,
    /// `partitionsConsumedConcurrently` of KafkaJS; others have one thread.
    pub concurrency: u16,
    /// The handler is awaited; otherwise it is started and left to itself.
    pub awaited: bool,
    /// What it does with a record.
    pub handler: H,
    /// How long it waits for the answer of a service before the handler fails.
    pub call_timeout: Option<Span>,
    /// What it does when the handler fails.
    pub on_failure: OnFailure,
    /// What a handler throws that fails. It matters to KafkaJS.
    pub error: Thrown,
    /// `retry` of KafkaJS: how often, and how long it waits before.
    pub retries: u32,
    /// See `retries`.
    pub backoff: Backoff,
    /// `restartOnFailure` of KafkaJS: it starts again after what it would start again after.
    pub restarts: bool,
    /// How long a supervisor takes to start it again after it has killed itself; without one it
    /// stays down.
    pub respawn: Option<Dist>,
    /// It works when it starts; otherwise it waits for `Order::Join`.
    pub joined: bool,
    /// Stages that take no time happen in one step, so that no crash can fall between them. Faster;
    /// for workloads in which nothing crashes.
    pub atomic: bool,
    /// Its process has a client of another system too, which publishes what handlers want published;
    /// without one such a stage fails.
    pub hands_over: bool,
}

impl<H> KafkaConsumerConfig<H> {
    /// A consumer with the defaults of its client.
    pub fn of(
        client: &'static Client,
        name: &str,
        bootstrap: Vec<NodeId>,
        group: GroupId,
        topics: Vec<TopicId>,
        handler: H,
    ) -> KafkaConsumerConfig<H> {
        let its = &client.consumer;
        let interval = match its.commits {
            Commits::InPoll(interval) | Commits::HandedOver(interval) => Some(interval),
            Commits::AfterBatch => None,
        };
        let (retries, backoff) = match its.on_error {
            OnError::Nothing => (0, client.producer.backoff),
            OnError::Retries { retries, backoff } => (retries, backoff),
        };
        KafkaConsumerConfig {
            name: name.into(),
            client,
            link: LinkConfig::of(client, bootstrap),
            group,
            topics,
            topic_names: Vec::new(),
            instance: None,
            protocol: GroupProtocol::Classic,
            assignors: its.assignors.iter().filter_map(|name| assignor(name)).collect(),
            session_timeout: its.session_timeout,
            heartbeat_interval: its.heartbeat_interval,
            max_poll_interval: its.max_poll_interval.unwrap_or(its.rebalance_timeout),
            max_poll_records: its.max_poll_records.unwrap_or(1),
            min_bytes: its.min_bytes,
            max_wait: its.max_wait,
            max_bytes: its.max_bytes,
            max_partition_bytes: its.max_partition_bytes,
            isolation: its.isolation,
            reset: Reset::Latest,
            auto_commit_interval: interval,
            auto_store: true,
            auto_commit_threshold: None,
            commit: CommitWhen::Auto,
            transaction: None,
            each: Each::Message,
            concurrency: 1,
            awaited: true,
            handler,
            call_timeout: None,
            on_failure: OnFailure::Throw,
            error: Thrown::Error,
            retries,
            backoff,
            restarts: true,
            respawn: Some(Dist::Fixed(Span::from_secs(1))),
            joined: true,
            atomic: false,
            hands_over: false,
        }
    }

    pub(super) fn auto_commits(&self) -> bool {
        self.commit == CommitWhen::Auto
    }
}

/// The assignor that a client calls by this name.
pub fn assignor(name: &str) -> Option<Assignor> {
    use Assignor::{CooperativeSticky, KafkaJs, Range, RoundRobin, Sticky};
    [Range, RoundRobin, Sticky, CooperativeSticky, KafkaJs].into_iter().find(|it| it.name() == name)
}

/// `group.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupProtocol {
    /// `classic`: the members synchronise, and their leader computes the assignment.
    #[default]
    Classic,
    /// `consumer`: the broker computes it, and each member follows by itself (KIP-848).
    Consumer,
}

/// Where a consumer begins that finds no committed offset, or one outside of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reset {
    /// `earliest`, `fromBeginning: true`.
    Earliest,
    /// `latest`.
    Latest,
    /// `none`: it throws, and dies of it.
    None,
}

/// When a consumer commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CommitWhen {
    /// When its client does so by itself.
    Auto,
    /// The application commits the next offset after every record, and waits for that.
    EachMessage,
    /// The same without waiting (`commitAsync`, an un-awaited `commitOffsets`).
    EachMessageAsync,
    /// The application commits after all that one poll, or one fetched batch, brought.
    EachBatch,
    /// The application commits what one poll brought in a transaction, with what its handlers
    /// produced (`sendOffsetsToTransaction`). Java and librdkafka.
    Transaction,
    /// Never.
    Never,
}

/// How records are handed to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Each {
    /// One by one: `eachMessage`, or a loop over what `poll` returned.
    Message,
    /// A fetched batch at a time: `eachBatch` of KafkaJS.
    Batch {
        /// `eachBatchAutoResolve`: the last offset of the batch counts as resolved when the handler
        /// returns; otherwise each offset does when its record was handled.
        auto_resolve: bool,
        /// The handler returns after so many records of a batch.
        returns_after: Option<u32>,
    },
}

/// What the error is that a handler throws, as far as KafkaJS tells errors apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thrown {
    /// Any error that is retried.
    Error,
    /// `SyntaxError`, as `JSON.parse` throws it, `TypeError`, `RangeError` or `ReferenceError`.
    SyntaxError,
}

/// What a consumer does when a handler fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The error leaves the handler. KafkaJS stops and tries again; with the others it ends the
    /// application's loop and with it the process, without a last commit.
    Throw,
    /// It is logged, and the record counts as handled.
    Skip,
    /// It is caught and logged, the offset of the record is not committed, and the loop goes on with
    /// the next record, whose commit covers this one.
    GoOn,
    /// A copy is produced to the next of these topics, or the dead-letter topic after the last, and
    /// the record counts as handled when that is acknowledged. If it is not, the error leaves the
    /// handler.
    Produce {
        /// The topics for another attempt, in their order.
        retry: Vec<TopicId>,
        /// Where a record goes when there are no more; it is skipped without one.
        dead_letter: Option<TopicId>,
    },
    /// The partition is paused for a while, and then read again from this record on.
    SeekBack {
        /// For how long.
        pause: Span,
    },
}
