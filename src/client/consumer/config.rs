//! What a consumer is told: names follow amqplib and AMQP.

use std::sync::Arc;

use crate::client::connection::ConnectionConfig;
use crate::client::retry::{CountBy, Retry};
use crate::client::script::Script;
use crate::kernel::{Dist, NodeId, Span};
use crate::talk::{Headers, Name};

/// How a consumer works.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerConfig<H = Script> {
    /// Its name, for people.
    pub name: Name,
    /// How it connects.
    pub connection: ConnectionConfig,
    /// Which queue it consumes.
    pub queue: Name,
    /// Its consumer tag.
    pub consumer_tag: Name,
    /// `basic.qos`: at most this many unacknowledged deliveries; 0 is unlimited.
    pub prefetch: u16,
    /// `basic.qos` with `global`: the count is shared by the channel.
    pub global: bool,
    /// Deliveries need no acknowledgement.
    pub no_ack: bool,
    /// No other consumer may be on the queue.
    pub exclusive: bool,
    /// `x-priority`, `x-stream-offset` and so on.
    pub arguments: Headers,
    /// How many handlers run at once; 0 is as many as there are deliveries, which is what amqplib
    /// does. Deliveries beyond it wait in the process.
    pub concurrency: u32,
    /// What it does with a delivery.
    pub handler: H,
    /// How long it waits for the answer of a service before the handler fails.
    pub call_timeout: Option<Span>,
    /// How it tells which attempt it is looking at; [`Retry::count`] decides about retries.
    pub count: CountBy,
    /// When it acknowledges.
    pub ack: AckWhen,
    /// What it does when the handler fails.
    pub on_failure: OnFailure,
    /// The mode of its channel, which matters to what it publishes.
    pub channel: ChannelMode,
    /// It acknowledges on whichever channel it has now. Tags start again on a new channel, so a
    /// handler that outlived its channel then acknowledges somebody else's delivery. Otherwise it
    /// finds its channel closed and cannot acknowledge at all.
    pub stale_acks: bool,
    /// What it does when the broker cancels it, because its queue is gone.
    pub on_cancel: OnCancel,
    /// How long a supervisor takes to start it again after it has killed itself; without one it
    /// stays down.
    pub respawn: Option<Dist>,
    /// Stages that take no time happen in one step, so that no crash can fall between them. Faster;
    /// for workloads in which nothing crashes.
    pub atomic: bool,
}

impl ConsumerConfig {
    /// A consumer of `queue` with prefetch 10, whose handler takes no time and has its effect at
    /// service 0, and which acknowledges after it.
    pub fn of_queue(name: &str, broker: NodeId, queue: &str) -> ConsumerConfig {
        use crate::client::script::Target;
        let script = Script::takes(Dist::default()).effect(Target { service: 0, at: None });
        ConsumerConfig::handling(name, broker, queue, script)
    }
}

impl<H> ConsumerConfig<H> {
    /// A consumer of `queue` with prefetch 10 and a handler of its own, which acknowledges after
    /// it and returns to the queue what fails.
    pub fn handling(name: &str, broker: NodeId, queue: &str, handler: H) -> ConsumerConfig<H> {
        ConsumerConfig {
            name: name.into(),
            connection: ConnectionConfig::to(broker),
            queue: queue.into(),
            consumer_tag: name.into(),
            prefetch: 10,
            global: false,
            no_ack: false,
            exclusive: false,
            arguments: Headers::new(),
            concurrency: 0,
            handler,
            call_timeout: None,
            count: CountBy::Memory,
            ack: AckWhen::AfterEffect,
            on_failure: OnFailure::NackRequeue,
            channel: ChannelMode::Plain,
            stale_acks: false,
            on_cancel: OnCancel::Reconnect,
            respawn: Some(Dist::Fixed(Span::from_secs(1))),
            atomic: false,
        }
    }
}

/// When a consumer acknowledges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AckWhen {
    /// After the last stage of the handler.
    AfterEffect,
    /// Right before the first effect of the handler.
    BeforeEffect,
    /// As soon as it has the delivery.
    OnReceipt,
}

/// What a consumer does when a handler fails. Nothing of it happens to a delivery that is already
/// settled, except a crash and the publishing of a retry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// `basic.nack` with requeue.
    NackRequeue,
    /// `basic.nack` without requeue.
    NackDiscard,
    /// `basic.reject` with requeue.
    RejectRequeue,
    /// `basic.reject` without requeue.
    RejectDiscard,
    /// Acknowledge it all the same: log and forget.
    Ack,
    /// Settle nothing: the delivery stays with the process.
    Nothing,
    /// An uncaught exception: the process dies.
    Crash,
    /// Try again, as told.
    Retry(Arc<Retry>),
}

/// The mode of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelMode {
    /// What is published may get lost.
    #[default]
    Plain,
    /// `confirm.select`
    Confirm,
    /// `tx.select`: publishes and acknowledgements count together, at `tx.commit`.
    Tx,
}

/// What a consumer does when the broker cancels it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnCancel {
    /// It ignores the `null` that amqplib hands it, and receives nothing more.
    Ignore,
    /// It connects again, which declares its topology again.
    Reconnect,
    /// It does not expect `null` and dies of it.
    Crash,
}
