//! What changed between versions of Kafka's brokers and controllers: one table, one row per rule.
//! Defaults and names of settings are in [`settings`](super::settings).
//!
//! What all these versions have in common is no row: followers truncate to the end of the leader's
//! epoch and not to the high watermark (KIP-101, 0.11; KIP-279, 2.0), and ask for it with their fetch
//! (KIP-595, 2.7); consumers notice truncation by the epoch of what they read (KIP-320, 2.1); members
//! may be static (KIP-345, 2.3), and rebalance cooperatively (KIP-429, 2.4); `sendOffsetsToTransaction`
//! fences zombies by their group metadata (KIP-447, 2.5); followers that lag are dropped after 30 s
//! (KIP-537, 2.5).

use super::version::Version;
use crate::kernel::Span;

/// One version of Kafka: its rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Profile {
    /// How scenarios call it, such as `kafka-4.1`.
    pub name: &'static str,
    /// Which version it is. It finds the settings of its brokers, topics and groups.
    pub version: Version,

    // ── the cluster ──
    /// Where a new cluster keeps its metadata: in `ZooKeeper` up to 3.2, in a quorum of controllers
    /// since 3.3 calls that production-ready (KIP-833). 4.0 has nothing else (KIP-500).
    pub metadata: Metadata,

    // ── replication ──
    /// The high watermark stands still while fewer than `min.insync.replicas` are in sync, whatever
    /// the producers' `acks` (3.7). Before, the last replica in sync advances it alone: the "last
    /// replica standing". Source: KAFKA-15583, `Partition.maybeIncrementLeaderHW` of 3.6.2 and 3.7.0;
    /// observed on 4.1.1.
    pub watermark_waits_for_min_isr: bool,
    /// Eligible leader replicas: who left the replicas in sync when those became too few may still
    /// lead without loss, and the last one in sync leaves them as any other does. Where it is off,
    /// the last one stays in sync also when it is dead. Source: KIP-966; upgrade notes 4.0.0, 4.1.0;
    /// observed on 4.1.1.
    pub eligible_leader_replicas: Offer,

    // ── producers and transactions ──
    /// How long a partition remembers the sequence numbers of a producer that is silent: as long as
    /// `transactional.id.expiration.ms` up to 3.3, `producer.id.expiration.ms` since. Source: KIP-854,
    /// `LogManager.apply` of 2.8.2.
    pub forgets_producers_after: Span,
    /// A leader asks the coordinator whether a transaction is open before it takes the first records
    /// of it (3.6), so that what comes late cannot leave a transaction hanging. Source: KIP-890 part
    /// 1, KAFKA-14402; `transaction.partition.verification.enable`.
    pub verifies_transactions: bool,
    /// `transaction.version` of a new cluster. With 2 the coordinator raises the producer's epoch
    /// after every transaction (4.0), so that no late `EndTxn` ends a later one. Source: KIP-890 part
    /// 2, KAFKA-17754; upgrade notes 4.0.0.
    pub transaction_version: u8,

    // ── groups ──
    /// The consumer rebalance protocol, `group.protocol=consumer`: 3.7 early access, 3.8 preview, 4.0
    /// generally available and on. Source: KIP-848; upgrade notes 4.0.0.
    pub consumer_protocol: Offer,
    /// Share groups: 4.0 early access, 4.1 preview, 4.2 production-ready. Source: KIP-932; upgrade
    /// notes 4.1.0, 4.2.0.
    pub share_groups: Offer,
    /// A share group may have its own `share.delivery.count.limit` and
    /// `share.partition.max.record.locks` (4.3). Source: upgrade notes of trunk.
    pub share_group_limits: bool,
    /// A share group may have a dead-letter topic, `errors.deadletterqueue.topic.name` (4.4). Source:
    /// KIP-1191, `share.version=2`.
    pub share_group_dead_letters: bool,
}

/// Where a cluster keeps its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metadata {
    /// In `ZooKeeper`, with one broker as its controller.
    ZooKeeper,
    /// In a log that a quorum of controllers replicates (KRaft).
    KRaft,
}

impl Metadata {
    /// After what silence a broker counts as dead, loses what it leads and leaves the replicas in
    /// sync: `zookeeper.session.timeout.ms`, or `broker.session.timeout.ms`, by default. Source:
    /// `KafkaConfig` of 2.8.2 (18 s since 2.5, KIP-537); observed on 4.1.1.
    pub const fn dead_after(self) -> Span {
        match self {
            Metadata::ZooKeeper => Span::from_secs(18),
            Metadata::KRaft => Span::from_secs(9),
        }
    }

    /// In percent, how many partitions of a broker may be led by others before the periodic check
    /// gives it back what it should lead: `leader.imbalance.per.broker.percentage` counts with
    /// `ZooKeeper` alone. Source: `ReplicationControlManager.maybeBalancePartitionLeaders` of 4.1.1.
    pub const fn tolerated_imbalance(self) -> u8 {
        match self {
            Metadata::ZooKeeper => 10,
            Metadata::KRaft => 0,
        }
    }
}

/// How far something has come in a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Offer {
    /// It is not there.
    Absent,
    /// It is there to be tried, on clusters that are thrown away.
    EarlyAccess,
    /// It is there to be tried.
    Preview,
    /// It is ready, and off until it is switched on.
    Off,
    /// It is ready, and on in a new cluster.
    On,
}

impl Offer {
    /// Whether it is ready.
    pub fn is_ready(self) -> bool {
        self >= Offer::Off
    }
}

impl Profile {
    /// What a producer with `acks=all` is told whose records were written when the replicas in sync
    /// became too few: `NOT_ENOUGH_REPLICAS_AFTER_APPEND`, or nothing until its request times out,
    /// since a high watermark that stands still never comes to what it waits for. Either way the
    /// records stay in the log.
    ///
    /// Source: `Partition.checkEnoughReplicasReachOffset`, which first looks at the high watermark;
    /// observed on 4.1.1.
    pub const fn answers_not_enough_replicas_after_append(&self) -> bool {
        !self.watermark_waits_for_min_isr
    }

    /// The profile of this name, such as `kafka-4.1`.
    pub fn by_name(name: &str) -> Option<&'static Profile> {
        ALL.iter().find(|profile| profile.name == name)
    }

    /// All profiles, oldest first.
    pub fn all() -> &'static [Profile] {
        &ALL
    }
}

impl Default for Profile {
    /// The version that was observed.
    fn default() -> Profile {
        V4_1
    }
}

const DAY: u64 = 86_400;

const V2_8: Profile = Profile {
    name: "kafka-2.8",
    version: Version::new(2, 8),
    metadata: Metadata::ZooKeeper,
    watermark_waits_for_min_isr: false,
    eligible_leader_replicas: Offer::Absent,
    forgets_producers_after: Span::from_secs(7 * DAY),
    verifies_transactions: false,
    transaction_version: 0,
    consumer_protocol: Offer::Absent,
    share_groups: Offer::Absent,
    share_group_limits: false,
    share_group_dead_letters: false,
};

const V3_0: Profile = Profile { name: "kafka-3.0", version: Version::new(3, 0), ..V2_8 };

const V3_1: Profile = Profile { name: "kafka-3.1", version: Version::new(3, 1), ..V3_0 };

const V3_2: Profile = Profile { name: "kafka-3.2", version: Version::new(3, 2), ..V3_1 };

const V3_3: Profile =
    Profile { name: "kafka-3.3", version: Version::new(3, 3), metadata: Metadata::KRaft, ..V3_2 };

const V3_4: Profile = Profile {
    name: "kafka-3.4",
    version: Version::new(3, 4),
    forgets_producers_after: Span::from_secs(DAY),
    ..V3_3
};

const V3_5: Profile = Profile { name: "kafka-3.5", version: Version::new(3, 5), ..V3_4 };

const V3_6: Profile =
    Profile { name: "kafka-3.6", version: Version::new(3, 6), verifies_transactions: true, ..V3_5 };

const V3_7: Profile = Profile {
    name: "kafka-3.7",
    version: Version::new(3, 7),
    watermark_waits_for_min_isr: true,
    consumer_protocol: Offer::EarlyAccess,
    ..V3_6
};

const V3_8: Profile = Profile {
    name: "kafka-3.8",
    version: Version::new(3, 8),
    consumer_protocol: Offer::Preview,
    ..V3_7
};

const V3_9: Profile = Profile { name: "kafka-3.9", version: Version::new(3, 9), ..V3_8 };

const V4_0: Profile = Profile {
    name: "kafka-4.0",
    version: Version::new(4, 0),
    eligible_leader_replicas: Offer::Off,
    transaction_version: 2,
    consumer_protocol: Offer::On,
    share_groups: Offer::EarlyAccess,
    ..V3_9
};

const V4_1: Profile = Profile {
    name: "kafka-4.1",
    version: Version::new(4, 1),
    eligible_leader_replicas: Offer::On,
    share_groups: Offer::Preview,
    ..V4_0
};

const V4_2: Profile =
    Profile { name: "kafka-4.2", version: Version::new(4, 2), share_groups: Offer::On, ..V4_1 };

const V4_3: Profile =
    Profile { name: "kafka-4.3", version: Version::new(4, 3), share_group_limits: true, ..V4_2 };

const V4_4: Profile = Profile {
    name: "kafka-4.4",
    version: Version::new(4, 4),
    share_group_dead_letters: true,
    ..V4_3
};

const ALL: [Profile; 16] = [
    V2_8, V3_0, V3_1, V3_2, V3_3, V3_4, V3_5, V3_6, V3_7, V3_8, V3_9, V4_0, V4_1, V4_2, V4_3, V4_4,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_found_by_its_name_which_is_its_version() {
        for profile in Profile::all() {
            assert_eq!(Profile::by_name(profile.name), Some(profile));
            assert_eq!(profile.name, format!("kafka-{}", profile.version));
        }
        assert_eq!(Profile::by_name("kafka-2.7"), None);
    }

    #[test]
    fn profiles_are_in_the_order_of_their_versions() {
        assert!(Profile::all().is_sorted_by_key(|profile| profile.version));
    }

    #[test]
    fn the_last_replica_standing_advances_the_watermark_up_to_3_6() {
        let advances = |name| !Profile::by_name(name).expect(name).watermark_waits_for_min_isr;
        assert_eq!([advances("kafka-3.6"), advances("kafka-3.7")], [true, false]);
    }

    #[test]
    fn what_is_early_or_a_preview_is_not_ready() {
        let ready = |name| {
            let profile = Profile::by_name(name).expect(name);
            (profile.consumer_protocol.is_ready(), profile.share_groups.is_ready())
        };
        assert_eq!(ready("kafka-3.9"), (false, false));
        assert_eq!(ready("kafka-4.1"), (true, false));
        assert_eq!(ready("kafka-4.2"), (true, true));
    }
}
