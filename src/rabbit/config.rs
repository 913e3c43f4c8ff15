//! What a broker starts with: its settings and a definitions file.

use super::profile::Profile;
use crate::kernel::{NodeId, Span};
use crate::talk::{ExchangeDeclare, Headers, Name, Policy, QueueDeclare};

/// The settings of one node, and the exchanges, queues, bindings and policies that are there from
/// the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// What reports call the node.
    pub name: Name,
    /// The version.
    pub profile: Profile,
    /// Exchanges in addition to the standard ones.
    pub exchanges: Vec<ExchangeDeclare>,
    /// Queues.
    pub queues: Vec<QueueDeclare>,
    /// Bindings between them.
    pub bindings: Vec<Binding>,
    /// Policies; of those that match a queue, the last one applies.
    pub policies: Vec<Policy>,
    /// `consumer_timeout`: how long a delivery may stay unacknowledged; `None` for ever.
    pub consumer_timeout: Option<Span>,
    /// `channel_tick_interval`: how often channels look for such deliveries.
    pub channel_tick: Span,
    /// `heartbeat`: what the node suggests to clients. A client says in `connection.open` what was
    /// agreed upon.
    pub heartbeat: Span,
    /// `dead_letter_worker_publisher_confirm_timeout`: after what time at-least-once dead lettering
    /// tries again.
    pub dead_letter_confirm_timeout: Span,
    /// The nodes of its cluster, itself included, in the same order on each; empty for a node that
    /// stands alone. At the beginning the first one leads.
    pub members: Vec<NodeId>,
    /// The names of `members`, as error texts show them.
    pub member_names: Vec<Name>,
    /// On which member a classic queue of these definitions lives; on the first one where this says
    /// nothing.
    pub homes: Vec<(Name, NodeId)>,
}

/// A binding of a definitions file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The exchange that routes.
    pub source: Name,
    /// What receives.
    pub destination: Destination,
    /// The binding key.
    pub key: Name,
    /// What a headers exchange compares.
    pub arguments: Headers,
}

/// What a binding leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue.
    Queue(Name),
    /// Another exchange.
    Exchange(Name),
}

/// Why definitions cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct DefinitionError {
    /// Which definition.
    pub what: String,
    /// What the broker says.
    pub why: String,
}

impl Config {
    /// A node of this version with default settings and no queues.
    pub fn new(profile: Profile) -> Config {
        Config {
            name: Name::from("rabbit"),
            profile,
            exchanges: Vec::new(),
            queues: Vec::new(),
            bindings: Vec::new(),
            policies: Vec::new(),
            // 30 minutes since 3.8.17 (release notes 3.8.17)
            consumer_timeout: Some(Span::from_secs(1_800)),
            channel_tick: Span::from_secs(60),
            heartbeat: Span::from_secs(60),
            dead_letter_confirm_timeout: Span::from_secs(180),
            members: Vec::new(),
            member_names: Vec::new(),
            homes: Vec::new(),
        }
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::new(Profile::default())
    }
}
