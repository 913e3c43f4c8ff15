//! A flight simulator for message queues: deterministic runs of RabbitMQ under faults, with
//! verdicts that are computed.
//!
//! A module may use only what stands above it in this list.
pub mod bench;
pub mod kernel;
pub mod raft;
pub mod search;
pub mod talk;

pub mod kafka;
pub mod rabbit;

pub mod client;
pub mod store;

pub mod system;

pub mod check;

pub mod scenario;

pub mod report;

#[cfg(feature = "cli")]
pub mod cli;

#[cfg(feature = "tui")]
pub mod tui;
