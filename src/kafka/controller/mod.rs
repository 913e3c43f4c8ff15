//! A controller.

use super::config::ClusterConfig;
use crate::kernel::{Ctx, Input, Loss, Node};
use crate::talk::{Constant, Mq};

/// A controller.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Controller {
    config: Constant<ClusterConfig>,
}

impl Controller {
    /// A controller of this cluster.
    pub fn new(config: Constant<ClusterConfig>) -> Controller {
        Controller { config }
    }

    /// What its cluster is told.
    pub fn config(&self) -> &ClusterConfig {
        &self.config
    }
}

impl Node for Controller {
    type Talk = Mq;

    fn on(&mut self, _: Input<Mq>, _: &mut Ctx<'_, Mq>) {}

    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {}
}
