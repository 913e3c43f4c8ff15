//! One node: connections, channels, queues, and what passes between them.

use super::config::{Config, DefinitionError};
use super::view::{ConnectionView, QueueView};
use crate::kernel::{Ctx, Input, Loss, Node, NodeId};
use crate::talk::{Mq, Name, QueueId};

/// A RabbitMQ node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    config: Config,
}

impl Broker {
    /// A node with these settings and definitions.
    ///
    /// # Errors
    /// When a definition is one that the broker would refuse.
    pub fn new(config: Config) -> Result<Broker, DefinitionError> {
        Ok(Broker { config })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name of a queue, also of one that is gone.
    pub fn queue_name(&self, _queue: QueueId) -> Option<&Name> {
        None
    }

    /// The number of the queue of this name, also of one that is gone.
    pub fn queue_id(&self, _name: &str) -> Option<QueueId> {
        None
    }

    /// The queues that exist, in the order in which their names were first declared.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        std::iter::empty()
    }

    /// One queue, if it exists.
    pub fn queue(&self, _queue: QueueId) -> Option<QueueView> {
        None
    }

    /// The connections that are open.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionView> {
        std::iter::empty()
    }

    /// The connection of a client, if it is open.
    pub fn connection(&self, _peer: NodeId) -> Option<ConnectionView> {
        None
    }
}

impl Node for Broker {
    type Talk = Mq;

    fn on(&mut self, _input: Input<Mq>, _ctx: &mut Ctx<'_, Mq>) {}

    fn lose(&mut self, _loss: Loss, _ctx: &mut Ctx<'_, Mq>) {}
}
