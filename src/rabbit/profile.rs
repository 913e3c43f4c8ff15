//! What changed between versions of RabbitMQ: one table of rules and defaults, one row per rule.
//!
//! Where a rule was observed on a real server the row says so (3.10.8 and 4.0.5 were); other rows
//! name the document or source file that settles them.

use crate::kernel::Span;

/// A version by its first two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl Version {
    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Version {
        Version { major, minor }
    }
}

/// One version of RabbitMQ: its rules, its defaults, and what things cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile {
    /// How scenarios call it, such as `rabbitmq-4.2`.
    pub name: &'static str,
    /// Which version it is.
    pub version: Version,

    // ── quorum queues ──
    /// The delivery limit of a quorum queue that sets none: none up to 3.13, 20 from 4.0.
    /// Source: release notes 4.0.1; observed.
    pub delivery_limit: Option<u32>,
    /// What `x-delivery-limit: -1` means: no limit from 4.0. Before, a negative limit is a limit,
    /// and the first return exceeds it. Source: observed.
    pub negative_limit_is_none: bool,
    /// Without a delivery limit a nacked message goes behind all others (up to 4.2) and not into
    /// the returns that are served first. Source: observed; `rabbit_fifo.erl` of 4.3 has one path.
    pub unlimited_requeues_to_tail: bool,
    /// `basic.nack` with requeue counts as a failed delivery, as `basic.reject` does. From 4.3
    /// only failures count. Source: docs quorum-queues, "Poison Message Handling"; release notes
    /// 4.3.0.
    pub nack_counts: bool,
    /// How a quorum queue orders messages of different priorities. Source: docs quorum-queues.
    pub quorum_priorities: QuorumPriorities,
    /// With a single active consumer, one of higher priority takes over once the active one has
    /// settled what it holds (4.0). Before, whoever came first stays. Source: observed.
    pub single_active_preempts: bool,
    /// A quorum queue knows its consumers by their tags, and not by when they subscribed (4.0).
    /// Source: `rabbit_fifo.erl`, `consumer_key`.
    pub consumers_by_tag: bool,
    /// `basic.get` from a quorum queue shows a delivery count of 0 on the first delivery; pushed
    /// deliveries never do. Source: observed on 3.10.8, not on 4.0.5.
    pub get_shows_zero_count: bool,
    /// A message that a quorum queue dead-letters keeps its delivery count, so that a quorum queue
    /// delivers it as redelivered for the first time. Source: observed on 4.0.5.
    pub dead_letter_keeps_delivery_count: bool,

    // ── dead letters ──
    /// Dead-lettered messages carry `x-last-death-*` (4.0). Source: docs dlx; observed.
    pub last_death_headers: bool,
    /// An `x-death` header that a client publishes counts. From 4.0 it is ignored. Source: release
    /// notes 4.0.1; observed.
    pub client_deaths_count: bool,
    /// With `x-dead-letter-routing-key` the `CC` header is removed. Since message containers
    /// (3.13) it stays. Source: observed on 3.10.8 and 4.0.5.
    pub dead_letter_key_removes_cc: bool,

    // ── classic queues ──
    /// How a classic queue stores messages: version 1 of its index by default up to 3.13, version 2
    /// alone from 4.0. Source: release notes 3.13.0 and 4.0.1.
    pub classic_storage: ClassicStorage,
    /// When the single active consumer of a classic queue is cancelled, its successor is served at
    /// once (4.0). Before, it is served with the next thing that happens to the queue. Source:
    /// observed.
    pub cancel_serves_successor: bool,

    /// Classic queues can have mirrors on other nodes, and take the arguments that are about them
    /// (up to 3.13). Source: release notes 4.0.1; observed on 3.10.8 and 4.0.5.
    pub mirrors_classic_queues: bool,

    // ── publishes ──
    /// The `user_id` of a message is checked after its other properties (3.13), and not before.
    /// Source: observed on 3.10.8 and 4.0.5.
    pub checks_user_last: bool,

    // ── declarations ──
    /// The broker keeps `x-queue-type` among a queue's arguments also when the client gave none
    /// (4.0). Source: `rabbit_amqqueue:augment_declare_args/5`; observed.
    pub declares_queue_type: bool,
    /// Declaring an exchange of an unknown type closes the connection (503) and not only the
    /// channel (406, since 3.13). Source: `rabbit_exchange:check_type/1`.
    pub unknown_exchange_closes_connection: bool,

    // ── streams ──
    /// A stream sends whole chunks, also beyond the credit of a reader (3.10); later it counts
    /// messages. Source: observed on 3.10.8 and 4.0.5.
    pub streams_send_whole_chunks: bool,
    /// A reader of a stream may ask for a filter (3.13). Source: release notes 3.13.0; observed on
    /// 4.0.5.
    pub streams_filter: bool,
    /// A stream refuses `basic.nack` and `basic.reject`; later they are credit, as `basic.ack` is.
    /// Source: observed on 3.10.8 and 4.0.5.
    pub streams_refuse_nack: bool,

    // ── limits and what is denied ──
    /// Where the delivery acknowledgement timeout applies: every queue, or quorum queues alone
    /// (4.3). Source: release notes 4.3.0.
    pub consumer_timeout: TimeoutScope,
    /// Queues that are neither durable nor exclusive are refused (4.3). Source: release notes
    /// 4.3.0, `deprecated_features.permit.transient_nonexcl_queues`.
    pub transient_queues_denied: bool,
    /// `basic.qos` with `global` is refused (4.3). Source: release notes 4.3.0,
    /// `deprecated_features.permit.global_qos`.
    pub global_qos_denied: bool,
    /// The largest body, in bytes: 128 MiB up to 3.13, 16 MiB from 4.0. Source: release notes
    /// 4.0.1; observed on 3.10.8.
    pub max_message_size: u32,
    /// `vm_memory_high_watermark` in percent of the machine's memory. Source: docs memory.
    pub memory_watermark: u8,

    /// What things cost.
    pub costs: Costs,
}

/// How a quorum queue orders messages of different priorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuorumPriorities {
    /// First in, first out.
    Ignored,
    /// Two classes: from priority 5 up two messages for each one below. Source:
    /// `rabbit_fifo_q.erl`; observed on 4.0.5.
    TwoToOne,
    /// 32 levels, higher first, 4 when the message has none. Source: release notes 4.3.0.
    Strict,
}

/// How a classic queue stores what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClassicStorage {
    /// A journal, synced to the disk before a confirm.
    V1,
    /// Segments, handed to the operating system before a confirm but not synced: it "no longer
    /// calls fsync" (`rabbit_classic_queue_index_v2.erl`). A segment of which every message was
    /// acknowledged is deleted at once.
    V2,
}

/// Where the delivery acknowledgement timeout applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimeoutScope {
    /// Deliveries of any queue; the channel is closed.
    AllQueues,
    /// Deliveries of quorum queues; the consumer is cancelled.
    QuorumQueues,
}

/// What things cost: delays of the disk and of timers, and processor time.
///
/// The figures were measured with a client on the same machine, so they are right to about 40 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Costs {
    /// From a persistent publish to the write that confirms it, in a classic queue.
    pub classic_flush: Span,
    /// How long a classic queue keeps in memory what nobody waits for: unconfirmed publishes and
    /// acknowledgements.
    pub classic_idle_flush: Span,
    /// From a command of a quorum queue to its entry being on the disk, hence applied.
    pub quorum_flush: Span,
    /// From a publish to a stream to the write that confirms it.
    pub stream_flush: Span,
    /// How long the operating system keeps written pages before it syncs them
    /// (`vm.dirty_expire_centisecs`).
    pub writeback: Span,
    /// `quorum_tick_interval`: how often a quorum queue looks at its lease.
    pub quorum_tick: Span,
    /// How late that tick comes, each time: 4 to 17 ms were seen.
    pub quorum_tick_lateness: Span,
    /// How late the timer of a time to live goes off, in a classic queue.
    pub classic_expiry_lateness: Span,
    /// How late the timer of a time to live goes off, in a quorum queue; appending the message and
    /// its expiry to the log comes on top.
    pub quorum_expiry_lateness: Span,
    /// Processor time to route and enqueue one message.
    pub publish: Span,
    /// Processor time to deliver one message.
    pub deliver: Span,
    /// Processor time to handle one acknowledgement.
    pub acknowledge: Span,
}

impl Costs {
    /// The figures that hold for all versions.
    ///
    /// Confirm latency of classic and quorum queues 1.0 to 1.2 ms, of streams 1.7 ms; expiry 2 to 4 ms late in a classic queue
    /// and 4 to 20 ms in a quorum queue; 88.5 thousand messages per second through one queue (blog
    /// 2024-08-21), which is 11 µs of processor time for each.
    pub const USUAL: Costs = Costs {
        classic_flush: Span::from_micros(1_000),
        classic_idle_flush: Span::from_millis(200),
        quorum_flush: Span::from_micros(800),
        stream_flush: Span::from_micros(1_700),
        writeback: Span::from_secs(30),
        quorum_tick: Span::from_secs(5),
        quorum_tick_lateness: Span::from_millis(5),
        classic_expiry_lateness: Span::from_millis(2),
        quorum_expiry_lateness: Span::from_millis(3),
        publish: Span::from_micros(5),
        deliver: Span::from_micros(4),
        acknowledge: Span::from_micros(2),
    };
}

const V3_10: Profile = Profile {
    name: "rabbitmq-3.10",
    version: Version::new(3, 10),
    delivery_limit: None,
    negative_limit_is_none: false,
    unlimited_requeues_to_tail: true,
    nack_counts: true,
    quorum_priorities: QuorumPriorities::Ignored,
    single_active_preempts: false,
    consumers_by_tag: true,
    get_shows_zero_count: true,
    dead_letter_keeps_delivery_count: false,
    last_death_headers: false,
    client_deaths_count: true,
    dead_letter_key_removes_cc: true,
    classic_storage: ClassicStorage::V1,
    mirrors_classic_queues: true,
    checks_user_last: false,
    declares_queue_type: false,
    unknown_exchange_closes_connection: true,
    cancel_serves_successor: false,
    streams_send_whole_chunks: true,
    streams_filter: false,
    streams_refuse_nack: true,
    consumer_timeout: TimeoutScope::AllQueues,
    transient_queues_denied: false,
    global_qos_denied: false,
    max_message_size: 134_217_728,
    memory_watermark: 40,
    costs: Costs::USUAL,
};

const V3_12: Profile = Profile { name: "rabbitmq-3.12", version: Version::new(3, 12), ..V3_10 };

/// As of 3.13.3: earlier patch releases ignored what clients publish as `x-death`.
const V3_13: Profile = Profile {
    name: "rabbitmq-3.13",
    version: Version::new(3, 13),
    dead_letter_key_removes_cc: false,
    unknown_exchange_closes_connection: false,
    checks_user_last: true,
    streams_filter: true,
    ..V3_12
};

const V4_0: Profile = Profile {
    name: "rabbitmq-4.0",
    version: Version::new(4, 0),
    delivery_limit: Some(20),
    negative_limit_is_none: true,
    quorum_priorities: QuorumPriorities::TwoToOne,
    single_active_preempts: true,
    consumers_by_tag: false,
    get_shows_zero_count: false,
    dead_letter_keeps_delivery_count: true,
    last_death_headers: true,
    client_deaths_count: false,
    classic_storage: ClassicStorage::V2,
    mirrors_classic_queues: false,
    declares_queue_type: true,
    cancel_serves_successor: true,
    streams_send_whole_chunks: false,
    streams_refuse_nack: false,
    max_message_size: 16_777_216,
    memory_watermark: 60,
    ..V3_13
};

const V4_1: Profile = Profile { name: "rabbitmq-4.1", version: Version::new(4, 1), ..V4_0 };

const V4_2: Profile = Profile { name: "rabbitmq-4.2", version: Version::new(4, 2), ..V4_1 };

const V4_3: Profile = Profile {
    name: "rabbitmq-4.3",
    version: Version::new(4, 3),
    unlimited_requeues_to_tail: false,
    nack_counts: false,
    quorum_priorities: QuorumPriorities::Strict,
    consumer_timeout: TimeoutScope::QuorumQueues,
    transient_queues_denied: true,
    global_qos_denied: true,
    ..V4_2
};

const ALL: [Profile; 7] = [V3_10, V3_12, V3_13, V4_0, V4_1, V4_2, V4_3];

impl Profile {
    /// The profile of this name, such as `rabbitmq-4.2`.
    pub fn by_name(name: &str) -> Option<&'static Profile> {
        ALL.iter().find(|profile| profile.name == name)
    }

    /// All profiles, oldest first.
    pub fn all() -> &'static [Profile] {
        &ALL
    }
}

impl Default for Profile {
    /// The version that most readers run today.
    fn default() -> Profile {
        V4_2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_its_name() {
        for profile in Profile::all() {
            assert_eq!(Profile::by_name(profile.name), Some(profile));
        }
        assert_eq!(Profile::by_name("rabbitmq-3.11"), None);
    }
}
