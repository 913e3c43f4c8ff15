//! One binary for the tests at the crate's boundaries.

mod architecture;
mod bad_input;
mod cli;
mod clients;
mod cluster;
mod embedded;
mod exhaustive;
mod healthy;
mod kafka_clients;
mod kafka_mutants;
mod kafka_producers;
mod mutants;
mod reports;
mod theory;
#[cfg(feature = "tui")]
mod tui;
#[cfg(feature = "tui")]
mod tui_kafka;
