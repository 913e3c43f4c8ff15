//! A Kafka cluster as it stands at the cursor, put together from what its brokers, controllers and
//! clients hold in the world there.

use crate::check::Role as Part;
use crate::client::kafka::KafkaProducer;
use crate::client::kafka::consumer::KafkaConsumer;
use crate::kafka::{Broker, GroupView, ReplicaRole, ReplicaView, TxnView};
use crate::kernel::{Health, NodeId};
use crate::system::{Member, World};
use crate::talk::kafka::{GroupId, Image, Offset, PartitionInfo, TopicPartition, TxnId};
use crate::tui::stage::Stage;

/// The cluster.
#[derive(Clone, Copy)]
pub(super) struct Cluster<'a> {
    pub(super) world: &'a World,
    pub(super) stage: &'a Stage,
}

/// Where a partition's log stands, and how far a group has come in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// The first offset of the log.
    pub(super) start: Offset,
    /// The next offset that the group reads after a restart.
    pub(super) committed: Option<Offset>,
    /// The next offset that its member hands to the application.
    pub(super) position: Option<Offset>,
    /// Up to where no transaction is open.
    pub(super) stable: Offset,
    /// Up to where all replicas in sync are.
    pub(super) high_watermark: Offset,
    /// The offset after the last record of the leader.
    pub(super) end: Offset,
}

impl Marks {
    /// How many records the group has not committed, as Kafka's tools count it.
    pub(super) fn lag(&self) -> Option<Offset> {
        Some(self.high_watermark.saturating_sub(self.committed?))
    }
}

impl<'a> Cluster<'a> {
    /// Its brokers.
    pub(super) fn brokers(self) -> impl Iterator<Item = (NodeId, &'a Broker)> {
        let stage = self.stage;
        let nodes = stage.nodes(Part::Broker);
        nodes.filter_map(move |id| Some((id, self.world.node(id).as_kafka_broker()?)))
    }

    /// Its controllers.
    pub(super) fn controllers(self) -> impl Iterator<Item = (NodeId, bool)> {
        let nodes = self.stage.nodes(Part::Broker);
        nodes.filter_map(move |id| {
            let controller = self.world.node(id).as_kafka_controller()?;
            Some((id, controller.is_active() && self.is_up(id)))
        })
    }

    /// The applications that send to it.
    pub(super) fn producers(self) -> impl Iterator<Item = (NodeId, &'a KafkaProducer)> {
        self.world.nodes().filter_map(|(id, node)| Some((id, node.as_kafka_producer()?)))
    }

    /// The applications that read from it.
    pub(super) fn consumers(self) -> impl Iterator<Item = (NodeId, &'a KafkaConsumer)> {
        self.world.nodes().filter_map(|(id, node)| Some((id, node.as_kafka_consumer()?)))
    }

    /// Whether a node works.
    pub(super) fn is_up(self, id: NodeId) -> bool {
        self.world.health(id) == Health::Up
    }

    /// The newest metadata that anybody has who works: what is decided, as far as it has got about.
    pub(super) fn image(self) -> Option<&'a Image> {
        let known = |(id, node): (NodeId, &'a Member)| match node {
            Member::KafkaController(it) => Some((self.is_up(id), it.image())),
            Member::KafkaBroker(it) => Some((self.is_up(id), it.image())),
            _ => None,
        };
        let images = self.world.nodes().filter_map(known);
        images.max_by_key(|(up, image)| (*up, image.version)).map(|(_, image)| image)
    }

    /// What the controller decided about a partition.
    pub(super) fn info(self, at: TopicPartition) -> Option<&'a PartitionInfo> {
        self.image()?.partition(at)
    }

    /// The replica of a partition on a broker.
    pub(super) fn replica(self, broker: NodeId, at: TopicPartition) -> Option<ReplicaView> {
        self.world.node(broker).as_kafka_broker()?.replica_view(at)
    }

    /// The replica that speaks for a partition: its leader's, or the longest there is when nobody
    /// leads.
    pub(super) fn spokesman(self, at: TopicPartition) -> Option<(NodeId, ReplicaView)> {
        let leader = self.info(at).and_then(|it| it.leader);
        if let Some(leader) = leader
            && let Some(view) = self.replica(leader, at)
        {
            return Some((leader, view));
        }
        let replicas = self.brokers().filter_map(|(id, it)| Some((id, it.replica_view(at)?)));
        replicas
            .max_by_key(|(id, view)| (view.role == ReplicaRole::Leader, self.is_up(*id), view.end))
    }

    /// The groups that the scenario names.
    pub(super) fn groups(self) -> impl Iterator<Item = GroupId> {
        (0..self.stage.names().cast().groups.len()).map(|place| GroupId(place as u16))
    }

    /// The broker that coordinates a group.
    pub(super) fn coordinator(self, group: GroupId) -> Option<(NodeId, &'a Broker)> {
        self.brokers().find(|(id, it)| self.is_up(*id) && it.coordinates(group))
    }

    /// A group as its coordinator has it.
    pub(super) fn group(self, group: GroupId) -> Option<GroupView> {
        self.coordinator(group)?.1.group_view(group)
    }

    /// The transactional ids that were used, as their coordinators have them.
    pub(super) fn txns(self) -> Vec<(TxnId, TxnView)> {
        let ids = (0..self.stage.names().cast().txns.len()).map(|place| TxnId(place as u16));
        let view = |id| {
            let mut up = self.brokers().filter(|(broker, _)| self.is_up(*broker));
            up.find_map(|(_, broker)| broker.txn_view(id))
        };
        ids.filter_map(|id| Some((id, view(id)?))).collect()
    }

    /// The groups that read a partition: whose members have it, or that have committed in it.
    pub(super) fn readers(self, at: TopicPartition) -> Vec<GroupId> {
        let reads = |group: &GroupId| {
            self.owner(*group, at).is_some()
                || self.coordinator(*group).is_some_and(|it| it.1.committed(*group, at).is_some())
        };
        self.groups().filter(reads).collect()
    }

    /// The member of a group that takes a partition for its own; the one that works if there are
    /// several.
    pub(super) fn owner(self, group: GroupId, at: TopicPartition) -> Option<NodeId> {
        let mine = |(_, it): &(NodeId, &KafkaConsumer)| {
            it.config().group == group && it.places().iter().any(|place| place.at == at)
        };
        let owners = self.consumers().filter(mine);
        owners.map(|(id, _)| id).max_by_key(|id| self.is_up(*id))
    }

    /// Where a partition stands, and how far a group has come in it.
    pub(super) fn marks(self, at: TopicPartition, group: Option<GroupId>) -> Option<Marks> {
        let (_, view) = self.spokesman(at)?;
        let owner = group.and_then(|group| self.owner(group, at));
        let reader = owner.and_then(|id| self.world.node(id).as_kafka_consumer());
        let place = reader.and_then(|it| it.places().iter().find(|place| place.at == at));
        Some(Marks {
            start: view.start,
            committed: match group.and_then(|id| Some((id, self.coordinator(id)?.1))) {
                Some((id, broker)) => broker.committed(id, at),
                // while nobody coordinates it, a member knows what it committed last
                None => place.and_then(|place| place.committed()),
            },
            position: place.and_then(|place| place.position()),
            stable: view.stable,
            high_watermark: view.high_watermark,
            end: view.end,
        })
    }
}
