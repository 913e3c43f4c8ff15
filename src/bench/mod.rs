//! `redeliver bench`: the figures of the README, on this machine.
//!
//! Only ratios from one interleaved run mean something on a shared machine, so each figure is the
//! median of rounds in which all cases of a workload run in turn.

pub mod figures;
pub mod kernel;
pub mod memory;
pub mod pipeline;
pub mod stream;

pub use figures::{Figure, Size, run};
