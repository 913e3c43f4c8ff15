//! The scenarios that the program carries with it.

use super::{Problems, Scenario};

/// An embedded scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The folder under `scenarios/`.
    pub group: &'static str,
    /// Its name: that of its file without the ending.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

impl Embedded {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it: a defect of this program, since a test reads them all.
    pub fn load(&self) -> Result<Scenario, Problems> {
        Scenario::load(self.name, self.text, &[]).map(|(scenario, _)| scenario)
    }
}

/// Names the files of one folder once; a test compares the list with the folder.
macro_rules! embed {
    ($($group:literal: [$($name:literal),* $(,)?]),* $(,)?) => {
        &[$($(Embedded {
            group: $group,
            name: $name,
            text: include_str!(concat!("../../scenarios/", $group, "/", $name, ".toml")),
        }),*),*]
    };
}

/// All of them, by folder and name.
pub const ALL: &[Embedded] = embed! {
    "basics": [
        "classic-home-node-down",
        "crash-before-ack",
        "guide-orders",
        "hello-queue",
        "quorum-leader-crash",
        "quorum-minority",
    ],
    "guide": [
        "d1-above-50000-per-second",
        "d1-below-50000-per-second",
        "d1-routing",
        "d1-task-queue",
        "d3-bridge-autocommit",
        "d3-bridge-confirm-then-commit",
        "d3-bridge-crash-without-idempotence",
        "d3-dual-write",
        "d3-order-across-bridge",
        "d3-order-across-bridge-hashed",
        "d3-outbox",
        "d4-repaired",
        "d4-whole-system-on-a-bad-day",
        "f1-drop-head",
        "f1-memory-alarm",
        "f1-producer-faster-than-consumer",
        "f1-reject-publish",
        "f1-window",
        "k1-same-key",
        "k10-commit-accepted",
        "k10-commit-after",
        "k10-commit-refused",
        "k10-dead-letter",
        "k10-java-error-alone",
        "k10-java-seek-back",
        "k10-later-commit",
        "k10-later-commit-dead-letter",
        "k10-poison-error",
        "k10-poison-syntax-error",
        "k11-call-in-doubt",
        "k11-call-with-idempotency-key",
        "k11-effectively-once",
        "k11-transactions",
        "k11-transactions-and-email",
        "k11-without-transactions",
        "k6-rolling-restart-848",
        "k6-rolling-restart-cooperative",
        "k6-rolling-restart-eager",
        "k6-rolling-restart-kafkajs",
        "k6-rolling-restart-static",
        "k7-kafkajs-member-id",
        "k7-static-dead-pod",
        "k7-static-restart",
        "k7-static-restart-late",
        "k8-key-with-topic",
        "k8-key-without-topic",
        "k8-overlap",
        "k8-overlap-same-transaction",
        "k8-producer-duplicate",
        "k8-producer-duplicate-business-id",
        "k8-redis-failover",
        "k8-replay-after-expiry",
        "k8-same-transaction",
        "k8-set-after",
        "k8-set-before-crash",
        "k8-set-before-error",
        "k9-java",
        "k9-java-handed-off",
        "k9-kafkajs-awaited",
        "k9-kafkajs-batch-early-return",
        "k9-kafkajs-batch-resolve",
        "k9-kafkajs-not-awaited",
        "k9-kafkajs-threshold",
        "k9-librdkafka",
        "k9-librdkafka-store-after",
        "m1-ack-undone-by-a-crash",
        "m1-acknowledged-and-gone",
        "m1-expired-before-ack",
        "m1-persistent-restart",
        "m1-power-loss",
        "m1-power-loss-quorum",
        "m1-too-long-queue",
        "m1-transient-restart",
        "m4-late-consumer",
        "m4-late-queue",
        "m5-alternate-exchange",
        "m5-every-kind-of-exchange",
        "m5-typing-error",
        "m6-competing-consumers",
        "m6-fan-out",
        "m8-rpc",
        "m8-rpc-server-crash",
        "m8-workflow",
        "r1-poison-discarded-without-dlq",
        "r1-poison-quorum-3.13",
        "r1-poison-quorum-4.2",
        "r1-poison-quorum-4.3",
        "r1-poison-with-dlq",
        "r1-poison-without-dlq",
        "r1-poison-without-dlq-more-slots",
        "r2-alternate-exchange",
        "r2-backlog-without-ttl",
        "r2-broker-crash",
        "r2-broker-crash-at-least-once",
        "r2-expired",
        "r2-healthy-in-backlog",
        "r2-maxlen",
        "r2-maxlen-reject-publish",
        "r2-missing-binding",
        "r2-rejected",
        "r3-attempts-by-delivery-count",
        "r3-attempts-by-delivery-count-4.3",
        "r3-attempts-by-delivery-limit",
        "r3-attempts-by-header",
        "r3-attempts-by-redelivered-flag",
        "r3-attempts-in-memory-crash",
        "r3-killer-by-delivery-limit",
        "r3-killer-by-header",
        "r4-back-off",
        "r4-requeue-immediately",
        "r4-requeue-quorum-limit",
        "r5-ack-then-publish-crash",
        "r5-as-written",
        "r5-broker-crash",
        "r5-broker-crash-with-confirms",
        "r5-declared-each-time",
        "r5-declared-each-time-quorum",
        "r5-declared-once",
        "r5-order-of-a-key",
        "r5-permanent-delay-queues",
        "r5-publish-then-ack-crash",
        "r5-publish-then-ack-idempotent",
        "r6-crash-redelivers-all",
        "r6-no-prefetch",
        "r6-no-prefetch-keeping-up",
        "r6-no-prefetch-quorum",
        "r6-second-worker-starves",
        "r6-with-prefetch",
        "r7-fairness-no-prefetch",
        "r7-fairness-prefetch-1",
        "r7-fairness-prefetch-10",
        "r7-fairness-prefetch-2",
        "r7-fast-handler-no-prefetch",
        "r7-fast-handler-prefetch-1",
        "r7-fast-handler-prefetch-10",
        "r7-fast-handler-prefetch-100",
        "r7-idle-workers-no-prefetch",
        "r7-idle-workers-prefetch-10",
        "r7-slow-handler-prefetch-1",
        "r7-slow-handler-prefetch-10",
        "r8-message-ttl-behind-others",
        "r8-one-worker-per-task",
        "r8-one-worker-per-task-crash",
        "r8-priorities",
        "r8-priorities-large-prefetch",
        "r8-priorities-quorum-3.13",
        "r8-priorities-quorum-4.2",
        "r8-queue-ttl",
        "r8-worker-specific-queues",
    ],
    "kafka": [
        "acks-all-leader-crash",
        "acks1-leader-crash",
        "compacted-late-consumer",
        "hanging-transaction-3.5",
        "hanging-transaction-3.6",
        "hanging-transaction-4.1",
        "java-slow-handler",
        "java-slow-handler-small-batch",
        "kafkajs-idempotent-awaited",
        "kafkajs-idempotent-unawaited",
        "kafkajs-slow-handler",
        "kafkajs-slow-handler-longer-session",
        "last-replica-standing-3.9",
        "last-replica-standing-4.1",
        "late-end-txn-3.5",
        "late-end-txn-3.9",
        "late-end-txn-4.1",
        "min-insync-replicas-1",
        "min-insync-replicas-2",
        "offsets-expired-earliest",
        "offsets-expired-latest",
        "offsets-kept",
        "power-loss-of-all",
        "power-loss-of-all-flushed",
        "read-below-min-insync-3.6",
        "read-below-min-insync-3.7",
        "rebalance-storm",
        "rebalance-storm-cooperative",
        "rebalance-storm-static",
        "retention-overtakes",
        "tombstone-expired",
        "tombstone-kept",
        "unclean-election",
        "unclean-election-disabled",
        "zombie-consumer",
        "zombie-consumer-longer-session",
        "zombie-producer",
    ],
};

/// The embedded scenario with this name.
pub fn find(name: &str) -> Option<&'static Embedded> {
    ALL.iter().find(|embedded| embedded.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_scenario_of_the_folder_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let mut files = BTreeSet::new();
        for group in fs::read_dir(root).expect("scenarios/ is there") {
            let group = group.expect("it can be read").path();
            for file in fs::read_dir(&group).into_iter().flatten() {
                let file = file.expect("it can be read").path();
                if file.extension().is_some_and(|ending| ending == "toml") {
                    let part =
                        |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
                    files.insert((part(&group), part(&file)));
                }
            }
        }
        let embedded: BTreeSet<_> =
            ALL.iter().map(|one| (one.group.to_owned(), one.name.to_owned())).collect();
        assert_eq!(embedded, files, "the list in embedded.rs and scenarios/ differ");
        let names: BTreeSet<_> = ALL.iter().map(|one| one.name).collect();
        assert_eq!(names.len(), ALL.len(), "two scenarios have the same name");
    }
}
