//! What a Kafka cluster is told: `server.properties`, its topics, and who takes part.
//!
//! One [`ClusterConfig`] is shared by all brokers and controllers of a cluster. Settings have the
//! names and defaults of their version (see [`settings`](super::settings)); those that the model acts
//! on are fields here, and the others can be set without effect.

mod setting;
mod topic;

pub use setting::{BrokerSettings, ConfigError, TopicSettings};
pub use topic::{TopicKind, TopicSpec, java_string_hash};

use super::profile::{Metadata, Profile};
use crate::kernel::{Dist, NodeId, Span};
use crate::talk::Name;
use crate::talk::kafka::{GroupId, TopicId, TopicPartition, TxnId};

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClusterConfig {
    /// The version.
    pub profile: Profile,
    /// Its brokers; broker `n` of an assignment is the one at place `n - 1`.
    pub brokers: Vec<NodeId>,
    /// Its controllers.
    pub controllers: Vec<NodeId>,
    /// `server.properties`, the same on all.
    pub settings: BrokerSettings,
    /// The topics, by their ids: first those of users, which exist from the beginning, then, once
    /// [`ClusterConfig::complete`] has been called, the internal ones.
    pub topics: Vec<TopicSpec>,
    /// The groups, by their ids.
    pub groups: Vec<Name>,
    /// The transactional ids, by their ids.
    pub txns: Vec<Name>,
    /// What work costs.
    pub costs: Costs,
}

/// How long the parts of a broker's work take.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Costs {
    /// Handling a request of a client, but for its batches.
    pub request: Span,
    /// Writing a batch until it is in the page cache.
    pub append: Dist,
    /// Syncing what a controller wrote to its log.
    pub sync: Span,
}

impl Default for Costs {
    /// Small: on loopback a sequential `acks=1` takes 1.3 ms and `acks=all` with three replicas
    /// 4.6 ms, most of which is scheduling that is not a broker's (recorded on 4.1.1).
    fn default() -> Costs {
        Costs {
            request: Span::from_micros(10),
            append: Dist::Fixed(Span::from_micros(50)),
            sync: Span::from_millis(1),
        }
    }
}

impl ClusterConfig {
    /// A cluster of this version with default settings and nothing in it.
    pub fn new(profile: Profile) -> ClusterConfig {
        ClusterConfig {
            profile,
            brokers: Vec::new(),
            controllers: Vec::new(),
            settings: BrokerSettings::new(profile.version),
            topics: Vec::new(),
            groups: Vec::new(),
            txns: Vec::new(),
            costs: Costs::default(),
        }
    }

    /// Sets a line of `server.properties`. What topics inherit from it counts for those that are
    /// added later.
    ///
    /// # Errors
    /// There is no such setting in this version, or the value is not valid.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), ConfigError> {
        self.settings.set(name, value, self.profile.version)
    }

    /// A topic with the settings that it inherits from the brokers; it is still to be added to
    /// `topics`.
    pub fn topic(&self, name: &str, partitions: u16) -> TopicSpec {
        TopicSpec {
            name: name.into(),
            kind: TopicKind::User,
            partitions,
            replication_factor: None,
            assignment: Vec::new(),
            settings: self.settings.topic.clone(),
        }
    }

    /// Adds the internal topics at the end, if they are not there yet.
    pub fn complete(&mut self) {
        if self.topics.iter().any(|topic| topic.kind != TopicKind::User) {
            return;
        }
        let (s, segment) = (&self.settings, 104_857_600);
        let offsets = self.internal(
            "__consumer_offsets",
            TopicKind::Offsets,
            s.offsets_topic_partitions,
            s.offsets_topic_replication,
            // it has no setting of its own and inherits the brokers'
            s.topic.min_insync_replicas,
            segment,
        );
        let transactions = self.internal(
            "__transaction_state",
            TopicKind::Transactions,
            s.transaction_topic_partitions,
            s.transaction_topic_replication,
            s.transaction_topic_min_isr,
            segment,
        );
        self.topics.extend([offsets, transactions]);
    }

    fn internal(
        &self,
        name: &str,
        kind: TopicKind,
        partitions: u64,
        replication: u64,
        min_insync_replicas: u64,
        segment_bytes: u64,
    ) -> TopicSpec {
        // Source: GroupCoordinatorService.groupMetadataTopicConfigs, TransactionLog of 4.1.1.
        let settings = TopicSettings {
            compact: true,
            delete: false,
            min_insync_replicas,
            segment_bytes,
            unclean_leader_election: false,
            ..self.settings.topic.clone()
        };
        TopicSpec {
            kind,
            replication_factor: Some(replication as u16),
            settings,
            ..self.topic(name, partitions.clamp(1, 10_000) as u16)
        }
    }

    /// What is known of a topic.
    pub fn spec(&self, topic: TopicId) -> Option<&TopicSpec> {
        self.topics.get(usize::from(topic.0))
    }

    /// The topic of this name.
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        let place = self.topics.iter().position(|topic| topic.name == *name)?;
        u16::try_from(place).ok().map(TopicId)
    }

    /// The topic of this kind; `None` before [`ClusterConfig::complete`].
    pub fn internal_topic(&self, kind: TopicKind) -> Option<TopicId> {
        let place = self.topics.iter().position(|topic| topic.kind == kind)?;
        u16::try_from(place).ok().map(TopicId)
    }

    /// The partition of `__consumer_offsets` that belongs to a group.
    ///
    /// Source: `GroupCoordinatorService.partitionFor` of 4.1.1.
    pub fn group_partition(&self, group: GroupId) -> Option<TopicPartition> {
        let name = self.groups.get(usize::from(group.0))?;
        self.coordinator_partition(TopicKind::Offsets, name)
    }

    /// The partition of `__transaction_state` that belongs to a transactional id.
    ///
    /// Source: `TransactionStateManager.partitionFor` of 4.1.1.
    pub fn txn_partition(&self, txn: TxnId) -> Option<TopicPartition> {
        let name = self.txns.get(usize::from(txn.0))?;
        self.coordinator_partition(TopicKind::Transactions, name)
    }

    fn coordinator_partition(&self, kind: TopicKind, name: &Name) -> Option<TopicPartition> {
        let topic = self.internal_topic(kind)?;
        let count = u32::from(self.spec(topic)?.partitions.max(1));
        // Utils.abs: the smallest number has no absolute value and becomes 0
        let hash = java_string_hash(name.as_str()).checked_abs().unwrap_or(0) as u32;
        Some(TopicPartition::new(topic, (hash % count) as u16))
    }

    /// After what silence a broker counts as dead: `broker.session.timeout.ms`, or
    /// `zookeeper.session.timeout.ms` where a version has `ZooKeeper`.
    pub fn broker_session(&self) -> Span {
        match self.profile.metadata {
            Metadata::ZooKeeper => self.settings.zookeeper_session_timeout,
            Metadata::KRaft => self.settings.broker_session_timeout,
        }
    }

    /// The brokers that have a replica of a partition, the preferred leader first.
    ///
    /// Where nothing is said, leaders go round and followers come behind them. Kafka begins at a
    /// broker of chance; here it is the first one. Source: `StripedReplicaPlacer` of 4.1.1, without
    /// racks.
    pub fn replicas(&self, topic: TopicId, partition: u16) -> Vec<NodeId> {
        let Some(spec) = self.spec(topic) else { return Vec::new() };
        let count = self.brokers.len();
        if let Some(assigned) = spec.assignment.get(usize::from(partition)) {
            let place = |number: &u16| usize::from(*number).checked_sub(1);
            return assigned.iter().filter_map(|n| self.brokers.get(place(n)?).copied()).collect();
        }
        let wanted = spec.replication_factor.map_or(count.min(3), usize::from);
        let replicas = wanted.clamp(1, count.max(1)).min(count);
        let first = usize::from(partition);
        (first..first + replicas).map(|place| self.brokers[place % count]).collect()
    }
}

impl Default for ClusterConfig {
    fn default() -> ClusterConfig {
        ClusterConfig::new(Profile::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> ClusterConfig {
        let brokers = vec![NodeId(0), NodeId(1), NodeId(2)];
        let mut cluster = ClusterConfig { brokers, ..ClusterConfig::default() };
        cluster.topics.push(cluster.topic("orders", 6));
        cluster.groups.push("billing".into());
        cluster
    }

    #[test]
    fn the_internal_topics_come_last_and_once() {
        let mut cluster = cluster();
        cluster.complete();
        cluster.complete();
        let names: Vec<_> = cluster.topics.iter().map(|topic| topic.name.as_str()).collect();
        assert_eq!(names, ["orders", "__consumer_offsets", "__transaction_state"]);
        let partitions: Vec<_> = cluster.topics.iter().map(|topic| topic.partitions).collect();
        assert_eq!(partitions, [6, 50, 50]);
    }

    #[test]
    fn a_group_belongs_to_the_partition_that_javas_hash_of_its_name_says() {
        let mut cluster = cluster();
        cluster.complete();
        let at = cluster.group_partition(GroupId(0)).expect("it is in the list");
        // "billing".hashCode() is -109829509
        assert_eq!(java_string_hash("billing"), -109_829_509);
        assert_eq!(at, TopicPartition::new(TopicId(1), 9));
    }

    #[test]
    fn leaders_go_round_the_brokers() {
        let cluster = cluster();
        let of = |partition| cluster.replicas(TopicId(0), partition);
        assert_eq!(of(0), [NodeId(0), NodeId(1), NodeId(2)]);
        assert_eq!(of(4), [NodeId(1), NodeId(2), NodeId(0)]);
    }

    #[test]
    fn an_assignment_says_which_brokers_and_in_which_order() {
        let mut cluster = cluster();
        cluster.topics[0].assignment = vec![vec![3, 1]];
        assert_eq!(cluster.replicas(TopicId(0), 0), [NodeId(2), NodeId(0)]);
        assert_eq!(cluster.replicas(TopicId(0), 1)[0], NodeId(1));
    }

    #[test]
    fn up_to_3_2_a_broker_is_dead_when_its_zookeeper_session_ends() {
        let session = |name| {
            let profile = Profile::by_name(name).expect("a profile");
            ClusterConfig::new(*profile).broker_session()
        };
        assert_eq!(session("kafka-3.2"), Span::from_secs(18));
        assert_eq!(session("kafka-4.1"), Span::from_secs(9));
    }
}
