//! Search: loops over [`World::enabled`](crate::kernel::World::enabled) and
//! [`World::apply`](crate::kernel::World::apply). It knows nodes, steps and monitors, and no queues.
//!
//! - [`replay`] takes a list of steps, strictly or leaving out what is not possible;
//! - [`shrink`] drops steps while the run still fails in the same way;
//! - [`explore`] visits every world that can be reached within [`Limits`], each once, shortest
//!   schedules first.

mod explore;
mod replay;
mod shrink;
#[cfg(test)]
mod tests;

pub use explore::{Found, Limits, Outcome, explore, explore_from};
pub use replay::{Replayed, replay, replay_strictly};
pub use shrink::shrink;

use crate::kernel::{Monitor, Node, NoteOf, Seen, Step, StepNo, Verdict, Watch, Words};

/// A run as a list of steps, and for each the way its open decisions fell. It is shorter, and
/// means more, than a seed.
pub type Schedule<N> = Vec<Move<N>>;

/// One step of a schedule.
#[derive(Debug)]
pub struct Move<N: Node> {
    /// What happens.
    pub step: Step<Words<N>>,
    /// How the decisions fall that the nodes make in it; the first way where this ends.
    pub decisions: Vec<u32>,
}

impl<N: Node> Move<N> {
    /// A step in which every decision falls the first way.
    pub fn of(step: Step<Words<N>>) -> Move<N> {
        Move { step, decisions: Vec::new() }
    }
}

impl<N: Node> Clone for Move<N> {
    fn clone(&self) -> Move<N> {
        Move { step: self.step.clone(), decisions: self.decisions.clone() }
    }
}

impl<N: Node> PartialEq for Move<N> {
    fn eq(&self, other: &Move<N>) -> bool {
        self.step == other.step && self.decisions == other.decisions
    }
}

/// Lets a monitor watch a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Watching<M> {
    /// The property.
    pub monitor: M,
    /// The first step after which it was violated.
    pub broken: Option<StepNo>,
}

impl<M> Watching<M> {
    /// Begins to watch.
    pub fn new(monitor: M) -> Watching<M> {
        Watching { monitor, broken: None }
    }
}

impl<T: crate::kernel::Talk, M: Monitor<T::Note>> Watch<T> for Watching<M> {
    fn note(&mut self, seen: Seen<'_, T::Note>) {
        self.monitor.observe(seen);
        if self.broken.is_none() && matches!(self.monitor.verdict(false), Verdict::Violated(_)) {
            self.broken = Some(seen.step);
        }
    }
}

/// A monitor for the notes of a node type.
pub trait MonitorOf<N: Node>: Monitor<NoteOf<N>> {}
impl<N: Node, M: Monitor<NoteOf<N>>> MonitorOf<N> for M {}
