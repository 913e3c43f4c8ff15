//! What the metadata log decides, and how a change of it is worked out.

use std::sync::Arc;

use super::election::{Change as Election, Election as How};
use super::word::{Proposal, Refusal};
use crate::kafka::config::ClusterConfig;
use crate::kafka::profile::Offer;
use crate::kafka::version::Version;
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{
    BrokerInfo, Image, KafkaNote, PartitionInfo, TopicId, TopicInfo, TopicPartition,
};
use crate::talk::{Mq, Note};

/// How many producer ids a broker gets at once (`ProducerIdsBlock.PRODUCER_ID_BLOCK_SIZE`).
pub(super) const IDS: u32 = 1_000;

/// Everything that the metadata log has decided.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct State {
    pub(in crate::kafka) image: Arc<Image>,
    /// The next producer id that nobody has.
    pub(in crate::kafka) next_id: u32,
}

/// An entry of the metadata log. What belongs together is one entry, as a batch there is.
pub(in crate::kafka) type Change = Vec<Record>;

/// A record of the metadata log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) enum Record {
    /// A broker registered, or was fenced, or may take part.
    Broker(BrokerInfo),
    /// A partition is new or has changed.
    Partition {
        at: TopicPartition,
        info: PartitionInfo,
        /// Its leader was elected uncleanly.
        unclean: bool,
    },
    /// Producer ids below this one are given away.
    Ids(u32),
    /// A controller became the active one.
    Active(NodeId, u32),
}

impl State {
    /// A cluster that has been up for a while: all brokers take part, the topics of users exist.
    pub(in crate::kafka) fn begin(config: &ClusterConfig) -> State {
        let brokers = config.brokers.iter().map(|&node| BrokerInfo {
            node,
            epoch: 0,
            fenced: false,
            shutting_down: false,
        });
        let topics = (0..config.topics.len()).map(|place| {
            let topic = TopicId(place as u16);
            let exists = config.topics[place].kind == crate::kafka::config::TopicKind::User;
            let count = if exists { config.topics[place].partitions } else { 0 };
            TopicInfo { partitions: (0..count).map(|n| new_partition(config, topic, n)).collect() }
        });
        let image = Image {
            version: 0,
            controller: config.controllers.first().map(|&node| (node, 0)),
            brokers: brokers.collect(),
            topics: topics.collect(),
        };
        State { image: Arc::new(image), next_id: 0 }
    }

    /// Applies an entry of the log.
    pub(in crate::kafka) fn apply(&mut self, version: u64, change: &[Record]) {
        let image = Arc::make_mut(&mut self.image);
        image.version = version;
        for record in change {
            match record {
                Record::Broker(info) => {
                    match image.brokers.binary_search_by_key(&info.node, |it| it.node) {
                        Ok(at) => image.brokers[at] = *info,
                        Err(at) => image.brokers.insert(at, *info),
                    }
                }
                Record::Partition { at, info, .. } => {
                    let partitions = &mut image.topics[usize::from(at.topic.0)].partitions;
                    let place = usize::from(at.partition);
                    if partitions.len() <= place {
                        partitions.resize(place + 1, PartitionInfo::default());
                    }
                    partitions[place] = info.clone();
                }
                Record::Ids(next) => self.next_id = *next,
                Record::Active(node, epoch) => image.controller = Some((*node, *epoch)),
            }
        }
    }

    /// Tells the observer what an entry changes, before it is applied.
    pub(in crate::kafka) fn tell(&self, change: &[Record], ctx: &mut Ctx<'_, Mq>) {
        for record in change {
            match record {
                Record::Broker(info) => {
                    let was = self.image.broker(info.node).is_none_or(|old| old.fenced);
                    if was != info.fenced {
                        let (broker, fenced) = (info.node, info.fenced);
                        ctx.note(Note::Kafka(KafkaNote::Fenced { broker, fenced }));
                    }
                }
                Record::Partition { at, info, unclean } => {
                    tell_partition(*at, self.image.partition(*at), info, *unclean, ctx);
                }
                Record::Ids(_) => {}
                Record::Active(_, epoch) => {
                    ctx.note(Note::Kafka(KafkaNote::ControllerElected { epoch: *epoch }));
                }
            }
        }
    }

    /// Tells the observer what is there from the beginning.
    pub(in crate::kafka) fn tell_all(&self, ctx: &mut Ctx<'_, Mq>) {
        for (at, info) in self.partitions() {
            tell_partition(at, None, info, false, ctx);
        }
    }

    pub(in crate::kafka) fn partitions(
        &self,
    ) -> impl Iterator<Item = (TopicPartition, &PartitionInfo)> {
        self.image.topics.iter().enumerate().flat_map(|(topic, info)| {
            let topic = TopicId(topic as u16);
            (0..).zip(&info.partitions).map(move |(n, it)| (TopicPartition::new(topic, n), it))
        })
    }

    // ── working out changes: what may be asked of the active controller ──

    fn change<'a>(
        &self,
        config: &ClusterConfig,
        at: TopicPartition,
        partition: &'a PartitionInfo,
    ) -> Election<'a> {
        let spec = &config.topics[usize::from(at.topic.0)];
        let unclean = spec.settings.unclean_leader_election;
        Election {
            partition,
            isr: partition.isr.clone(),
            elr: partition.elr.clone(),
            unclean_shutdown: None,
            election: if unclean { How::Unclean } else { How::Online },
            min_insync: spec.min_insync(partition.replicas.len()),
            has_elr: config.profile.eligible_leader_replicas == Offer::On,
            bumps_on_shrink: config.profile.version < Version::new(3, 6),
        }
    }

    /// `generateLeaderAndIsrUpdates`: for every partition that this broker is part of.
    fn update(
        &self,
        config: &ClusterConfig,
        broker: NodeId,
        shape: impl Fn(&mut Election<'_>),
        lives: impl Fn(NodeId) -> bool,
        into: &mut Change,
    ) {
        for (at, info) in self.partitions().filter(|(_, info)| info.replicas.contains(&broker)) {
            let mut change = self.change(config, at, info);
            shape(&mut change);
            if let Some((info, unclean)) = change.build(&lives) {
                into.push(Record::Partition { at, info, unclean });
            }
        }
    }

    /// Takes a broker out of the replicas in sync, and away from what it leads: it is silent, or is
    /// about to stop. Source: `handleBrokerFenced`, `handleBrokerInControlledShutdown`.
    pub(in crate::kafka) fn fence(
        &self,
        config: &ClusterConfig,
        broker: NodeId,
        stopping: bool,
    ) -> Change {
        let mut records = Change::new();
        let Some(info) = self.image.broker(broker) else { return records };
        self.update(
            config,
            broker,
            |change| change.isr.retain(|it| *it != broker),
            |it| it != broker && self.is_available(it),
            &mut records,
        );
        records.push(Record::Broker(BrokerInfo { fenced: true, shutting_down: stopping, ..*info }));
        records
    }

    /// Lets a broker take part: what has no leader may have one. Source: `handleBrokerUnfenced`.
    pub(in crate::kafka) fn unfence(&self, config: &ClusterConfig, broker: NodeId) -> Change {
        let mut records = Change::new();
        let Some(info) = self.image.broker(broker) else { return records };
        records.push(Record::Broker(BrokerInfo { fenced: false, shutting_down: false, ..*info }));
        for (at, info) in self.partitions().filter(|(_, info)| info.leader.is_none()) {
            let change = self.change(config, at, info);
            if let Some((info, unclean)) = change.build(|it| it == broker || self.is_available(it))
            {
                records.push(Record::Partition { at, info, unclean });
            }
        }
        records
    }

    /// A broker has a new life. If the last one did not end in an orderly way, it may have lost the
    /// end of its logs. Source: `ClusterControlManager.registerBroker`,
    /// `handleUncleanBrokerShutdown` (KIP-966).
    pub(in crate::kafka) fn register(
        &self,
        config: &ClusterConfig,
        broker: NodeId,
        epoch: u64,
        clean: bool,
    ) -> Change {
        let mut records = Change::new();
        if !clean && config.profile.eligible_leader_replicas == Offer::On {
            self.update(
                config,
                broker,
                |change| {
                    change.unclean_shutdown = Some(broker);
                    change.isr.retain(|it| *it != broker);
                    change.elr.retain(|it| *it != broker);
                },
                |it| it != broker && self.is_available(it),
                &mut records,
            );
        }
        let info = BrokerInfo { node: broker, epoch, fenced: true, shutting_down: false };
        records.push(Record::Broker(info));
        records
    }

    /// What a leader wants. Source: `validateAlterPartitionData`, `alterPartition`.
    pub(in crate::kafka) fn alter(
        &self,
        config: &ClusterConfig,
        leader: NodeId,
        proposal: &Proposal,
    ) -> Result<Option<Record>, Refusal> {
        let at = proposal.at;
        let info = self.image.partition(at).ok_or(Refusal::Unknown)?;
        if proposal.leader_epoch > info.leader_epoch
            || proposal.partition_epoch > info.partition_epoch
        {
            return Err(Refusal::NotController);
        }
        if proposal.leader_epoch < info.leader_epoch {
            return Err(Refusal::Fenced);
        }
        if info.leader != Some(leader) {
            return Err(Refusal::Invalid);
        }
        if proposal.partition_epoch < info.partition_epoch {
            return Err(Refusal::OldVersion);
        }
        let isr: Vec<NodeId> = proposal.isr.iter().map(|(node, _)| *node).collect();
        if !isr.contains(&leader) || isr.iter().any(|it| !info.replicas.contains(it)) {
            return Err(Refusal::Invalid);
        }
        let eligible = |(node, epoch): &(NodeId, Option<u64>)| {
            let broker = self.image.broker(*node).filter(|it| !it.fenced && !it.shutting_down);
            broker.is_some_and(|it| epoch.is_none_or(|epoch| epoch == it.epoch))
        };
        if !proposal.isr.iter().all(eligible) {
            return Err(Refusal::Ineligible);
        }
        let change = Election { isr, ..self.change(config, at, info) };
        let built = change.build(|it| self.is_available(it));
        Ok(built.map(|(info, unclean)| Record::Partition { at, info, unclean }))
    }

    /// Elects a leader for one partition.
    pub(in crate::kafka) fn elect(
        &self,
        config: &ClusterConfig,
        at: TopicPartition,
        how: How,
    ) -> Option<Record> {
        let info = self.image.partition(at)?;
        let change = Election { election: how, ..self.change(config, at, info) };
        let (info, unclean) = change.build(|it| self.is_available(it))?;
        Some(Record::Partition { at, info, unclean })
    }

    /// Gives preferred leaders back what they should lead. Where there is `ZooKeeper`, a broker is
    /// left alone until so many percent of its partitions are led by others. Source:
    /// `maybeBalancePartitionLeaders`; `KafkaController.checkAndTriggerAutoLeaderRebalance` of 2.8.
    pub(in crate::kafka) fn rebalance(&self, config: &ClusterConfig) -> Change {
        let tolerated = usize::from(config.profile.metadata.tolerated_imbalance());
        let prefers = |info: &PartitionInfo, broker| info.replicas.first() == Some(&broker);
        let mut records = Change::new();
        for &broker in &config.brokers {
            let mine: Vec<_> =
                self.partitions().filter(|(_, info)| prefers(info, broker)).collect();
            let away = mine.iter().filter(|(_, it)| it.leader != Some(broker));
            if away.clone().count() * 100 > tolerated * mine.len() {
                records.extend(away.filter_map(|(at, _)| self.elect(config, *at, How::Preferred)));
            }
        }
        records
    }

    /// Creates partitions up to this number; those that exist stay.
    pub(in crate::kafka) fn grow(
        &self,
        config: &ClusterConfig,
        topic: TopicId,
        count: u16,
    ) -> Change {
        let from = self.image.partitions(topic);
        (from..count)
            .map(|partition| Record::Partition {
                at: TopicPartition::new(topic, partition),
                info: self.placed(config, topic, partition),
                unclean: false,
            })
            .collect()
    }

    /// A new partition. Replicas on brokers that are fenced are not in sync (`createTopic`).
    fn placed(&self, config: &ClusterConfig, topic: TopicId, partition: u16) -> PartitionInfo {
        let mut info = new_partition(config, topic, partition);
        info.isr.retain(|it| self.is_available(*it));
        info.leader = info.isr.first().copied();
        info
    }

    /// `ClusterControlManager.isActive`: neither fenced nor about to stop.
    fn is_available(&self, node: NodeId) -> bool {
        self.image.broker(node).is_some_and(|it| !it.fenced && !it.shutting_down)
    }
}

fn new_partition(config: &ClusterConfig, topic: TopicId, partition: u16) -> PartitionInfo {
    let replicas = config.replicas(topic, partition);
    PartitionInfo {
        leader: replicas.first().copied(),
        isr: replicas.clone(),
        replicas,
        ..PartitionInfo::default()
    }
}

fn tell_partition(
    at: TopicPartition,
    old: Option<&PartitionInfo>,
    new: &PartitionInfo,
    unclean: bool,
    ctx: &mut Ctx<'_, Mq>,
) {
    if old.is_none() {
        ctx.note(Note::Kafka(KafkaNote::PartitionCreated { at }));
    }
    if old.is_none_or(|old| (old.leader, old.leader_epoch) != (new.leader, new.leader_epoch)) {
        let (leader, epoch) = (new.leader, new.leader_epoch);
        ctx.note(Note::Kafka(KafkaNote::LeaderElected { at, leader, epoch, unclean }));
    }
    let Some(old) = old else { return };
    let size = new.isr.len() as u8;
    let gone = old.isr.iter().filter(|it| !new.isr.contains(it)).map(|it| (*it, false));
    let come = new.isr.iter().filter(|it| !old.isr.contains(it)).map(|it| (*it, true));
    for (replica, joined) in gone.chain(come) {
        ctx.note(Note::Kafka(KafkaNote::IsrChanged { at, replica, joined, size }));
    }
}
