//! Applications and their clients: what a team writes against a broker.
//!
//! A [`Producer`] hands messages to an AMQP client and follows what becomes of them as far as the
//! client can know. A [`Consumer`] receives deliveries and gives each to a [`Handler`], which says
//! what to do as a [`Plan`] of stages; [`Script`] is the handler that scenario files configure.
//!
//! A [`Bridge`] is both: it reads from Kafka and publishes to RabbitMQ.
//!
//! *Modelled* is amqplib, the client of Node.js: nothing reconnects by itself (the application
//! does, after a delay), handlers are not serialised (the prefetch count bounds how many run at
//! once), publishing never blocks (what is written waits in the socket), a handler that outlives
//! its channel goes on and finds that it cannot acknowledge. *Simplified*: one connection and one
//! channel per application; a negotiation is one request and one answer. *Left out*: TLS, SASL,
//! frames and their sizes.
//!
//! Documentation: <https://amqp-node.github.io/amqplib/channel_api.html>

pub mod bridge;
pub mod connection;
pub mod consumer;
#[cfg(test)]
mod desk;
pub mod handler;
pub mod kafka;
mod outstanding;
pub mod producer;
pub mod retry;
mod run_ref;
pub mod script;

pub use bridge::{Bridge, Closed, Publisher, PublisherConfig};
pub use connection::{ConnectionConfig, Session};
pub use consumer::{
    AckWhen, Awaits, ChannelMode, Consumer, ConsumerConfig, Held, OnCancel, OnFailure, Run,
};
pub use handler::{
    Dedup, DedupKey, Delivered, Handler, HandlerCtx, Load, Outcome, Outgoing, Plan, Produce, Role,
    Stage,
};
pub use producer::{
    Again, Keys, Mix, OnBlocked, Pacing, Pending, Producer, ProducerConfig, Rpc, Share,
};
pub use retry::{AckOrder, Backoff, CountBy, Declare, Destination, Exhausted, Retry, Via};
pub use script::{Forward, Lookup, LookupWhen, Poison, PoisonKind, Script, Target};
