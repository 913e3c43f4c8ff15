//! The kill matrix: in which scenario a mutant is found out, and by which class.

use redeliver::check::Class;

use super::Wrong;

/// What differs from one scenario to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) wrong: Wrong,
    /// Whose names begin so: all of them are mutants.
    pub(super) at: &'static str,
    pub(super) class: Class,
    pub(super) profile: &'static str,
    /// At most three.
    pub(super) partitions: usize,
    pub(super) topic: &'static str,
    pub(super) producer: &'static str,
    pub(super) consumer: &'static str,
    pub(super) more: &'static str,
    /// What the topic of the mutant is built with instead of `topic`.
    pub(super) instead: Option<&'static str>,
}

const PLAIN: &str = "key = \"{key}\"\nkeys = 5\nmessages = 300\nrate = \"100/s\"";
const HANDLES: &str = r#"handler = { takes = "2ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false }"#;
const TWO: &str = r#"instances = 2
handler = { takes = "20ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false, "session.timeout.ms" = 6000, "max.poll.interval.ms" = 6000, "heartbeat.interval.ms" = 1000 }"#;
/// As `TWO`, but a handler may take its time.
const PATIENT: &str = r#"instances = 2
handler = { takes = "20ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false, "session.timeout.ms" = 6000, "heartbeat.interval.ms" = 1000 }"#;
const SLOW: &str = r#"handler = { takes = "20ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false }"#;
const COMMITTED: &str = r#"handler = { takes = "2ms", effect = "charge" }
config = { "auto.offset.reset" = "earliest", "isolation.level" = "read_committed" }"#;
const TXN: &str = r#"key = "{key}"
keys = 9
messages = 300
rate = "100/s"
transaction = { records = 5, takes = "100ms", aborts = "40%" }
config = { "transactional.id" = "payments" }"#;

/// The leader dies while its followers are half a second behind.
const LAG_AND_CRASH: &str = r#"
[[fault]]
at = "7s"
do = { pause = ["kafka-2", "kafka-3"] }
for = "600ms"

[[fault]]
at = "7500ms"
do = { crash = "kafka-1" }
restart_after = "15s"
"#;
const CRASH: &str = r#"
[[fault]]
at = "7s"
do = { crash = "kafka-1" }
restart_after = "15s"
"#;
/// One leader dies, and then the next one.
const CRASHES: &str = r#"
[[fault]]
at = "7s"
do = { crash = "kafka-1" }
restart_after = "15s"

[[fault]]
at = "30s"
do = { crash = "kafka-2" }
restart_after = "15s"
"#;
/// The leader dies, and only then somebody reads.
const CRASH_LATE: &str = r#"
[[fault]]
at = "1ms"
do = { pause = "worker" }
for = "19s"

[[fault]]
at = "9s"
do = { crash = "kafka-1" }
"#;
/// Connections break while requests are under way.
const BREAKS: &str = r#"
[[fault]]
at = "5500ms"
do = { break = ["checkout", "kafka-1"] }
[[fault]]
at = "5617ms"
do = { break = ["checkout", "kafka-1"] }
[[fault]]
at = "5733ms"
do = { break = ["checkout", "kafka-1"] }
[[fault]]
at = "5851ms"
do = { break = ["checkout", "kafka-1"] }
[[fault]]
at = "5969ms"
do = { break = ["checkout", "kafka-1"] }
[[fault]]
at = "6087ms"
do = { break = ["checkout", "kafka-1"] }
"#;
const RESTART_WORKER: &str = r#"
[[fault]]
at = "7s"
do = { stop = "worker" }
restart_after = "1s"
"#;

const fn case(wrong: Wrong, class: Class) -> Case {
    Case {
        wrong,
        at: "kafka-",
        class,
        profile: "kafka-4.1",
        partitions: 1,
        topic: "",
        producer: PLAIN,
        consumer: HANDLES,
        more: "",
        instead: None,
    }
}

pub(super) const CASES: &[Case] = &[
    // ── the log and its replicas ──
    Case {
        more: LAG_AND_CRASH,
        topic: "\"min.insync.replicas\" = 2",
        ..case(Wrong::AcksBeforeReplication, Class::LostAcknowledged)
    },
    case(Wrong::CountsWhoLags, Class::Phantom),
    Case {
        producer: "messages = 3000\nrate = \"3000/s\"",
        more: BREAKS,
        ..case(Wrong::SkipsTheSequenceCheck, Class::DuplicateLog)
    },
    Case {
        producer: "messages = 300\nrate = \"1000/s\"",
        ..case(Wrong::Reorders, Class::Reordered)
    },
    case(Wrong::Invents, Class::Phantom),
    Case {
        producer: "messages = 6000\nrate = \"2000/s\"",
        more: CRASH,
        ..case(Wrong::TruncatesToHighWatermark, Class::Diverged)
    },
    Case {
        producer: "messages = 600\nrate = \"100/s\"\nconfig = { acks = 1 }",
        more: LAG_AND_CRASH,
        ..case(Wrong::KeepsItsTail, Class::Diverged)
    },
    Case { at: "kafka-2", more: CRASH_LATE, ..case(Wrong::CopiesWrongly, Class::Diverged) },
    case(Wrong::LowersHighWatermark, Class::Diverged),
    Case {
        consumer: "handler = { takes = \"30ms\", effect = \"charge\" }\n\
                   config = { \"auto.offset.reset\" = \"earliest\", \"max.poll.records\" = 5 }",
        ..case(Wrong::SkipsRecords, Class::Skipped)
    },
    Case {
        producer: "key = \"{key}\"\nkeys = 100\nmessages = 300\nrate = \"100/s\"",
        topic: "\"cleanup.policy\" = \"compact\", \"segment.ms\" = 1000, \
                \"min.cleanable.dirty.ratio\" = 0.01",
        ..case(Wrong::CompactsByNothing, Class::Leak)
    },
    Case {
        topic: "\"retention.ms\" = 600000, \"segment.ms\" = 1000",
        more: RETENTION,
        ..case(Wrong::DeletesEarly, Class::Leak)
    },
    // ── the controller ──
    Case {
        at: "controller",
        producer: "messages = 1500\nrate = \"100/s\"\nconfig = { acks = 1 }",
        more: LAST_STANDING,
        topic: "\"unclean.leader.election.enable\" = false",
        instead: Some("\"unclean.leader.election.enable\" = true"),
        ..case(Wrong::ElectsUncleanSilently, Class::Diverged)
    },
    Case { at: "controller", more: CRASHES, ..case(Wrong::ReusesEpoch, Class::Diverged) },
    // ── transactions ──
    Case { producer: TXN, consumer: COMMITTED, ..case(Wrong::IgnoresLastStable, Class::Phantom) },
    Case { producer: TXN, consumer: COMMITTED, ..case(Wrong::ShowsAborted, Class::Phantom) },
    Case {
        partitions: 3,
        producer: TXN,
        consumer: COMMITTED,
        ..case(Wrong::LosesMarkers, Class::Stuck)
    },
    Case {
        at: "kafka-3",
        partitions: 3,
        producer: TXN,
        consumer: COMMITTED,
        ..case(Wrong::TurnsMarkers, Class::TornTransaction)
    },
    Case {
        profile: "kafka-3.5",
        partitions: 3,
        producer: TXN_OLD,
        consumer: COMMITTED,
        more: SECOND_PRODUCER,
        ..case(Wrong::AcceptsFencedProducer, Class::LostAcknowledged)
    },
    // ── groups ──
    Case {
        partitions: 2,
        consumer: PATIENT,
        more: PAUSED_WORKER,
        ..case(Wrong::AcceptsStaleGeneration, Class::ZombieCommit)
    },
    Case {
        consumer: STATIC,
        more: STATIC_TWIN,
        ..case(Wrong::FencesNoStaticMember, Class::ZombieCommit)
    },
    Case { partitions: 2, consumer: TWO, ..case(Wrong::TwoOwners, Class::DoubleOwner) },
    Case {
        partitions: 2,
        producer: "key = \"{key}\"\nkeys = 5\nmessages = 1200\nrate = \"100/s\"",
        consumer: TWO,
        more: LATE_TWIN,
        ..case(Wrong::ForgetsFencing, Class::ZombieEffect)
    },
    Case { more: RESTART_WORKER, ..case(Wrong::ForgetsCommittedOffsets, Class::Rewound) },
    Case { more: RESTART_WORKER, ..case(Wrong::ForgetsCommits, Class::DuplicateDelivery) },
    // ── clients and stores ──
    Case { at: "worker", consumer: SLOW, ..case(Wrong::CommitsBeforeEffect, Class::EarlyCommit) },
    Case {
        at: "worker",
        consumer: SLOW,
        more: CRASH_WORKER,
        ..case(Wrong::CommitsBeforeEffect, Class::LostToGroup)
    },
    Case { at: "worker", ..case(Wrong::ReadsTwice, Class::DuplicateDelivery) },
    Case {
        at: "seen",
        consumer: DEDUP,
        more: STORE,
        ..case(Wrong::StoreForgets, Class::DuplicateEffect)
    },
];

const RETENTION: &str = "[kafka]\nconfig = { \"log.retention.check.interval.ms\" = 5000 }\n";
/// Two followers are out of sync when the last one in sync dies.
const LAST_STANDING: &str = r#"
[[fault]]
at = "6s"
do = { crash = ["kafka-2", "kafka-3"] }
restart_after = "16s"

[[fault]]
at = "19s"
do = { crash = "kafka-1" }
restart_after = "25s"
"#;
const TXN_OLD: &str = r#"key = "{key}"
keys = 9
messages = 300
rate = "100/s"
transaction = { records = 20, takes = "300ms", aborts = "40%" }
config = { "transactional.id" = "payments" }"#;
/// Another process takes the transactional id over while the first one stands still.
const SECOND_PRODUCER: &str = r#"
[[kafka.producer]]
name = "successor"
client = "java-4.1"
topic = "orders"
joined = false
messages = 600
rate = "100/s"
transaction = { records = 20, takes = "300ms", aborts = "40%" }
config = { "transactional.id" = "payments" }

[[fault]]
at = "6900ms"
do = { pause = "checkout" }
for = "2s"

[[fault]]
at = "7s"
do = { join = "successor" }
"#;
const PAUSED_WORKER: &str = r#"
[[fault]]
at = "8s"
do = { pause = "worker-1" }
for = "9s"
"#;
const LATE_TWIN: &str = r#"
[[fault]]
at = "1ms"
do = { pause = "worker-2" }
for = "6s"
"#;
const STATIC: &str = r#"group = "workers"
handler = { takes = "20ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false, "group.instance.id" = "w" }"#;
/// Somebody starts a second process with the same `group.instance.id`.
const STATIC_TWIN: &str = r#"
[[kafka.consumer]]
name = "twin"
client = "java-4.1"
topics = "orders"
joined = false
group = "workers"
handler = { takes = "20ms", effect = "charge" }
commit = "each-message"
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false, "group.instance.id" = "w" }

[[fault]]
at = "7s"
do = { join = "twin" }
"#;
const CRASH_WORKER: &str = r#"
[[fault]]
when = { event = "offset-committed", nth = 40 }
do = { crash = "worker" }
restart_after = "1s"
"#;
const DEDUP: &str = r#"handler = { takes = "2ms", effect = "charge" }
commit = "each-message"
dedup = { store = "seen" }
config = { "auto.offset.reset" = "earliest", "enable.auto.commit" = false }"#;
const STORE: &str = r#"
[[service]]
name = "seen"
dedup_for = "1h"

[[fault]]
when = { event = "effect", nth = 40 }
do = { crash = "worker" }
restart_after = "1s"
"#;
