//! RabbitMQ: one node of the broker.
//!
//! *Modelled:* exchanges and bindings, classic and quorum queues and streams with their limits, time to live,
//! leases, priorities, dead letters and single active consumers; channels with prefetch, confirms,
//! returns, transactions; memory alarms, heartbeats and the delivery acknowledgement timeout; what
//! survives an orderly stop, a kill and a loss of power. Each rule stands next to its source, and
//! what changed between versions is a row of [`Profile`].
//!
//! *Left out:* permissions and virtual hosts, plugins, and the bytes of the protocol. A consumer
//! without prefetch is pushed everything at once, since sockets have no size here.
//!
//! Documentation of the original: <https://www.rabbitmq.com/docs>.

pub mod arguments;
mod broker;
mod channel;
mod cluster;
mod config;
mod confirms;
mod connection;
mod dead_letter;
pub mod error;
pub mod exchange;
mod policy;
mod profile;
mod queue;
mod routes;
#[cfg(test)]
mod tests;
mod view;

pub use arguments::{Overflow, QueueSpec};
pub use broker::Broker;
pub use config::{Binding, Config, DefinitionError, Destination};
pub use error::ChannelError;
pub use exchange::Exchanges;
pub use profile::{ClassicStorage, Costs, Profile, QuorumPriorities, TimeoutScope, Version};
pub use view::{ChannelView, ConnectionView, ConsumerView, MessageView, QueueKind, QueueView};
