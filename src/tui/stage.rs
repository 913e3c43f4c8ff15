//! Who takes part in a run, and in which lane each of them is drawn.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::Role as Part;
use crate::kernel::{History, NodeId, Step, StepNo};
use crate::report::Names;
use crate::talk::kafka::{GroupId, TopicPartition};
use crate::talk::{Mq, Name, Note, QueueId};

/// Something that is drawn with a lane or a box of its own: a node, or a queue of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entity {
    /// A node.
    Node(NodeId),
    /// A queue.
    Queue(QueueId),
    /// A partition of a Kafka topic. It has no lane: its replicas are on brokers, which have.
    Partition(TopicPartition),
    /// A Kafka group.
    Group(GroupId),
    /// A place where effects land that is no node of its own.
    Service(u16),
}

/// All who take part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// What sentences call them.
    names: Names,
    /// By [`QueueId`]: its name and the node that declared it last.
    queues: Vec<(Name, NodeId)>,
    /// In the order in which they are drawn, from left to right.
    lanes: Vec<Entity>,
    /// The same, those with the most notes first.
    busiest: Vec<Entity>,
    /// For every service of the scenario, whether it is a node.
    remote: Vec<bool>,
    /// Elections of a cluster: after which step a queue was led by which node.
    leaders: Vec<(StepNo, QueueId, NodeId)>,
    /// For every node, whether it belongs to Kafka.
    kafka: Vec<bool>,
    /// How many nodes ever told that they have a partition.
    replicas: usize,
    /// The partitions of users' topics that anything ever happened in, with their names.
    partitions: BTreeMap<TopicPartition, String>,
}

impl Stage {
    /// The stage of a run: its nodes, of which some belong to Kafka, and the queues and partitions
    /// that ever were in it.
    pub fn new(names: Names, kafka: Vec<bool>, history: &History<Mq>) -> Stage {
        let mut stage = Stage { names, kafka, ..Stage::default() };
        let cast = stage.names.cast();
        let is_node = |name: &Name| {
            cast.parts.iter().any(|part| part.role == Part::Service && part.name == *name)
        };
        stage.remote = cast.services.iter().map(is_node).collect();
        // the members of a cluster talk to each other, and all of them have a lane
        let mut broker_speaks = vec![stage.is_cluster(); stage.len()];
        for noted in history.notes() {
            if let Note::Kafka(note) = &noted.note
                && let Some(at) = note.at()
                && !stage.partitions.contains_key(&at)
                && !stage.is_internal(at)
            {
                let name = stage.names.cast().partition(at);
                stage.partitions.insert(at, name);
            }
            if let Note::Elected { queue, .. } = noted.note {
                stage.leaders.push((noted.step, queue, noted.node));
            }
            if let Note::QueueDeclared { queue, name } = &noted.note {
                if stage.queues.len() <= queue.index() {
                    stage.queues.resize(queue.index() + 1, (Name::default(), noted.node));
                }
                stage.queues[queue.index()] = (name.clone(), noted.node);
            } else if queue_of(&noted.note).is_none()
                && let Some(speaks) = broker_speaks.get_mut(noted.node.index())
            {
                *speaks = true;
            }
        }
        for taken in history.steps() {
            if let Step::Fault(fault) = &taken.step {
                for node in super::sketch::struck(fault) {
                    if let Some(speaks) = broker_speaks.get_mut(node.index()) {
                        *speaks = true;
                    }
                }
            }
        }
        stage.arrange(&broker_speaks);
        let copies = |noted: &crate::kernel::run::Noted<Note>| match noted.note {
            Note::Kafka(crate::talk::KafkaNote::Replicated { .. }) => Some(noted.node),
            _ => None,
        };
        let replicas: BTreeSet<NodeId> = history.notes().iter().filter_map(copies).collect();
        stage.replicas = replicas.len();
        let mut notes: BTreeMap<Entity, usize> = BTreeMap::new();
        for noted in history.notes() {
            *notes.entry(stage.place(noted.node, &noted.note)).or_default() += 1;
        }
        stage.busiest = stage.lanes.clone();
        stage.busiest.sort_by_key(|entity| std::cmp::Reverse(notes.get(entity).copied()));
        stage
    }

    /// Producers, brokers that have something to say of their own, queues, consumers, services.
    fn arrange(&mut self, broker_speaks: &[bool]) {
        let of = |part: Part| self.nodes(part);
        let mut lanes: Vec<_> = of(Part::Producer).map(Entity::Node).collect();
        let alone = |id: NodeId| self.lane(id) == Entity::Node(id);
        lanes.extend(
            of(Part::Broker).filter(|&id| broker_speaks[id.index()] && alone(id)).map(Entity::Node),
        );
        lanes.extend(
            (0..self.queues.len())
                .filter(|&index| !self.queues[index].0.is_empty())
                .map(|index| Entity::Queue(QueueId(index as u16))),
        );
        lanes.extend(of(Part::Consumer).chain(of(Part::Service)).map(Entity::Node));
        let local = self.remote.iter().enumerate().filter(|(_, remote)| !**remote);
        lanes.extend(local.map(|(service, _)| Entity::Service(service as u16)));
        self.lanes = lanes;
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.names.cast().parts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What sentences call them.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// All lanes, from left to right.
    pub fn lanes(&self) -> &[Entity] {
        &self.lanes
    }

    /// All lanes, those where most happens first.
    pub fn busiest(&self) -> &[Entity] {
        &self.busiest
    }

    /// The lane that has this name.
    pub fn named(&self, name: &str) -> Option<Entity> {
        self.lanes.iter().copied().find(|&entity| self.name(entity) == name)
    }

    /// The name of an entity.
    pub fn name(&self, entity: Entity) -> &str {
        match entity {
            Entity::Node(id) => self.names.cast().part(id).map_or("?", |it| it.name.as_str()),
            Entity::Queue(id) => self.queues.get(id.index()).map_or("?", |it| it.0.as_str()),
            Entity::Partition(at) => self.partitions.get(&at).map_or("?", String::as_str),
            Entity::Group(id) => {
                self.names.cast().groups.get(usize::from(id.0)).map_or("?", Name::as_str)
            }
            Entity::Service(at) => {
                self.names.cast().services.get(usize::from(at)).map_or("?", Name::as_str)
            }
        }
    }

    /// What a node is there for.
    pub fn part(&self, id: NodeId) -> Option<Part> {
        self.names.cast().role(id)
    }

    /// The node that an entity lives on after a step: a queue goes down with its broker, and in a
    /// cluster a quorum queue moves to whoever leads it.
    pub fn host(&self, entity: Entity, after: StepNo) -> Option<NodeId> {
        match entity {
            Entity::Node(id) => Some(id),
            Entity::Queue(id) => {
                let mut terms = self.leaders.iter().rev();
                let led = terms.find(|(since, queue, _)| *queue == id && *since <= after);
                led.map(|it| it.2).or_else(|| self.queues.get(id.index()).map(|it| it.1))
            }
            Entity::Partition(_) | Entity::Group(_) | Entity::Service(_) => None,
        }
    }

    /// What an entity is there for.
    pub fn part_of(&self, entity: Entity) -> Option<Part> {
        match entity {
            Entity::Node(id) => self.part(id),
            Entity::Queue(_) | Entity::Partition(_) | Entity::Group(_) => None,
            Entity::Service(_) => Some(Part::Service),
        }
    }

    /// The nodes that are there for something, by number.
    pub fn nodes(&self, part: Part) -> impl Iterator<Item = NodeId> {
        let all = self.names.cast().parts.iter().enumerate();
        let wanted = all.filter(move |(_, it)| it.role == part);
        wanted.map(|(index, _)| NodeId(index as u32))
    }

    /// Whether a node is a broker, a controller or a client of Kafka.
    pub fn is_kafka(&self, id: NodeId) -> bool {
        self.kafka.get(id.index()) == Some(&true)
    }

    /// Whether there are nodes of Kafka.
    pub fn has_kafka(&self) -> bool {
        self.kafka.contains(&true)
    }

    /// How many of Kafka's brokers ever had a copy of anything.
    pub fn brokers_of_kafka(&self) -> usize {
        self.replicas
    }

    /// Whether there are RabbitMQ's nodes.
    pub fn has_rabbit(&self) -> bool {
        self.nodes(Part::Broker).any(|id| !self.is_kafka(id))
    }

    /// The partitions of users' topics.
    pub fn partitions(&self) -> impl Iterator<Item = TopicPartition> {
        self.partitions.keys().copied()
    }

    /// Whether a partition belongs to a topic in which brokers keep their own records.
    pub fn is_internal(&self, at: TopicPartition) -> bool {
        self.names.cast().is_internal(at.topic)
    }

    /// Whether there are several brokers.
    fn is_cluster(&self) -> bool {
        self.nodes(Part::Broker).nth(1).is_some()
    }

    /// In which lane a note of `node` is drawn.
    pub fn place(&self, node: NodeId, note: &Note) -> Entity {
        match (self.part(node), queue_of(note), service_of(note)) {
            (Some(Part::Broker), Some(queue), _) => Entity::Queue(queue),
            (Some(Part::Consumer), _, Some(service)) if self.is_local(service) => {
                Entity::Service(service)
            }
            _ => self.lane(node),
        }
    }

    /// The lane of a node: its own, or that of its queue for a single broker that has only one.
    pub fn lane(&self, node: NodeId) -> Entity {
        let mine = |(_, (name, host)): &(usize, &(Name, NodeId))| *host == node && !name.is_empty();
        let mut queues = self.queues.iter().enumerate().filter(mine);
        match (self.part(node), queues.next(), queues.next()) {
            (Some(Part::Broker), Some((only, _)), None) if !self.is_cluster() => {
                Entity::Queue(QueueId(only as u16))
            }
            _ => Entity::Node(node),
        }
    }

    /// Whether effects land there without a node that could fail.
    fn is_local(&self, service: u16) -> bool {
        self.remote.get(usize::from(service)) == Some(&false)
    }
}

/// The service that a note of an effect is about.
const fn service_of(note: &Note) -> Option<u16> {
    match *note {
        Note::Effect { service, .. }
        | Note::Deduplicated { service, .. }
        | Note::CallFailed { service, .. } => Some(service),
        _ => None,
    }
}

/// The queue that a note is about. An election is about the node that wins it.
pub(super) const fn queue_of(note: &Note) -> Option<QueueId> {
    match *note {
        Note::QueueDeclared { queue, .. }
        | Note::QueueGone { queue, .. }
        | Note::Enqueued { queue, .. }
        | Note::Overflowed { queue, .. }
        | Note::Pushed { queue, .. }
        | Note::Acked { queue, .. }
        | Note::Requeued { queue, .. }
        | Note::Discarded { queue, .. }
        | Note::Lost { queue, .. }
        | Note::Recovered { queue, .. }
        | Note::Subscribed { queue, .. }
        | Note::Unsubscribed { queue, .. } => Some(queue),
        _ => None,
    }
}
