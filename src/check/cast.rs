//! Who is who in a run: the names that reports use, and the groups that settings belong to.

use crate::kernel::NodeId;
use crate::talk::Name;
use crate::talk::kafka::{GroupId, TopicId, TopicPartition, TxnId};

/// What a node is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It submits and publishes.
    Producer,
    /// It stores and hands out.
    Broker,
    /// It receives and handles.
    Consumer,
    /// It is where effects take place.
    Service,
}

impl Role {
    /// The name of the role, which is also that of its table in a scenario file.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Producer => "producer",
            Role::Broker => "broker",
            Role::Consumer => "consumer",
            Role::Service => "service",
        }
    }
}

/// One node as people know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Its own name, such as `worker-1`.
    pub name: Name,
    /// The name in the scenario file that its settings stand under, such as `worker`.
    pub group: Name,
    /// What it is for.
    pub role: Role,
}

/// All nodes of a run, by their numbers, and the services by their place in the scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cast {
    /// The nodes; [`NodeId`] is the place in this list.
    pub parts: Vec<Part>,
    /// The names of services, as notes number them.
    pub services: Vec<Name>,
    /// The names of Kafka's topics.
    pub topics: Vec<Name>,
    /// The names of Kafka's groups.
    pub groups: Vec<Name>,
    /// The transactional ids.
    pub txns: Vec<Name>,
}

impl Cast {
    /// The node as people know it.
    pub fn part(&self, node: NodeId) -> Option<&Part> {
        self.parts.get(node.index())
    }

    /// The name of a node, or its number when it has none.
    pub fn name(&self, node: NodeId) -> String {
        match self.part(node) {
            Some(part) => part.name.to_string(),
            None => format!("node {}", node.0),
        }
    }

    /// The role of a node, if it is known.
    pub fn role(&self, node: NodeId) -> Option<Role> {
        self.part(node).map(|part| part.role)
    }

    /// The name of a service, or its number when it has none.
    pub fn service(&self, service: u16) -> String {
        match self.services.get(usize::from(service)) {
            Some(name) => name.to_string(),
            None => format!("service {service}"),
        }
    }

    /// A partition, as Kafka's tools write it: `orders-3`.
    pub fn partition(&self, at: TopicPartition) -> String {
        match self.topics.get(usize::from(at.topic.0)) {
            Some(topic) => format!("{topic}-{}", at.partition),
            None => at.to_string(),
        }
    }

    /// Whether a topic is one that brokers keep their own records in.
    pub fn is_internal(&self, topic: TopicId) -> bool {
        let name = self.topics.get(usize::from(topic.0));
        name.is_some_and(|it| it.as_str().starts_with("__"))
    }

    /// The name of a group, or its number when it has none.
    pub fn consumer_group(&self, group: GroupId) -> String {
        match self.groups.get(usize::from(group.0)) {
            Some(name) => name.to_string(),
            None => format!("group {}", group.0),
        }
    }

    /// A transactional id, or its number when it has none.
    pub fn txn(&self, txn: TxnId) -> String {
        match self.txns.get(usize::from(txn.0)) {
            Some(name) => name.to_string(),
            None => format!("transaction {}", txn.0),
        }
    }
}
