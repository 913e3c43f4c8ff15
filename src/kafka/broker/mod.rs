//! A broker.

use super::config::ClusterConfig;
use crate::kernel::{Ctx, Input, Loss, Node};
use crate::talk::{Constant, Mq};

/// A broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    config: Constant<ClusterConfig>,
}

impl Broker {
    /// A broker of this cluster.
    pub fn new(config: Constant<ClusterConfig>) -> Broker {
        Broker { config }
    }

    /// What its cluster is told.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }
}

impl Node for Broker {
    type Talk = Mq;

    fn on(&mut self, _: Input<Mq>, _: &mut Ctx<'_, Mq>) {}

    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {}
}
