//! One binary for the tests at the crate's boundaries.

mod architecture;
mod clients;
mod determinism;
mod exhaustive;
mod healthy;
mod mutants;
mod theory;
#[cfg(feature = "tui")]
mod tui;
