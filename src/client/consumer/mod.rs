//! An application that receives.

mod config;

use std::sync::Arc;

use super::connection::Session;
use super::handler::Handler;
use super::script::Script;
use crate::kernel::{Ctx, Input, Loss, Node};
use crate::talk::Mq;

pub use config::{AckWhen, ChannelMode, ConsumerConfig, OnCancel, OnFailure};

/// A consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consumer<H = Script> {
    config: Arc<ConsumerConfig<H>>,
    session: Session,
}

impl<H: Handler> Consumer<H> {
    /// A consumer that does as told.
    pub fn new(config: ConsumerConfig<H>) -> Consumer<H> {
        Consumer { config: Arc::new(config), session: Session::new(Vec::new()) }
    }
}

impl<H> Consumer<H> {
    /// What it was told.
    pub fn config(&self) -> &ConsumerConfig<H> {
        &self.config
    }

    /// Its connection.
    pub fn session(&self) -> &Session {
        &self.session
    }
}

impl<H: Handler> Node for Consumer<H> {
    type Talk = Mq;
    fn on(&mut self, _: Input<Mq>, _: &mut Ctx<'_, Mq>) {}
    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {}
}
