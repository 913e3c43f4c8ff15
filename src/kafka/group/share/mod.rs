//! Share groups: who gets which partitions, and what becomes of each record (KIP-932).
//!
//! The membership is that of a [`ConsumerGroup`](super::ConsumerGroup) whose members share
//! partitions. The records are kept by a [`SharePartition`] in the leader of each partition.

mod partition;
mod simple;
#[cfg(test)]
mod tests;

pub use partition::{LockState, ShareLimits, SharePartition, ShareState};
pub(super) use simple::simple;
