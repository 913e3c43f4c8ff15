//! Observers of a run: they see every step and every note, and nothing else.

use std::fmt::Debug;
use std::hash::Hash;

use super::node::Talk;
use super::step::{NodeId, Step};
use super::time::Time;

/// The number of a step in its run, counted from 1; 0 is the beginning.
pub type StepNo = u64;

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<T: Talk> {
    /// Its number.
    pub no: StepNo,
    /// When it happened.
    pub at: Time,
    /// What happened.
    pub step: Step<T>,
    /// The step that caused it: that sent the packet, armed the timer, or triggered the fault.
    /// 0 when it was there from the beginning.
    pub cause: StepNo,
}

/// A note and where it comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen<'a, N> {
    /// The step in which the note was made: its cause.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// By which node.
    pub node: NodeId,
    /// What.
    pub note: &'a N,
}

impl<N> Clone for Seen<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Seen<'_, N> {}

/// Watches a run as it happens. The empty watcher `()` costs nothing.
pub trait Watch<T: Talk> {
    /// A step is about to be taken.
    fn step(&mut self, _taken: &Taken<T>) {}
    /// A node made a note.
    fn note(&mut self, _seen: Seen<'_, T::Note>) {}
}

impl<T: Talk> Watch<T> for () {}

impl<T: Talk, A: Watch<T>, B: Watch<T>> Watch<T> for (A, B) {
    fn step(&mut self, taken: &Taken<T>) {
        self.0.step(taken);
        self.1.step(taken);
    }
    fn note(&mut self, seen: Seen<'_, T::Note>) {
        self.0.note(seen);
        self.1.note(seen);
    }
}

impl<T: Talk, W: Watch<T> + ?Sized> Watch<T> for &mut W {
    fn step(&mut self, taken: &Taken<T>) {
        (**self).step(taken);
    }
    fn note(&mut self, seen: Seen<'_, T::Note>) {
        (**self).note(seen);
    }
}

/// What can be said of a property. `Undecided` is not a polite `Holds`: a run that was cut off
/// has not shown that nothing was lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It holds in this run.
    Holds,
    /// It was broken, at this step.
    Violated(StepNo),
    /// The run does not say.
    Undecided,
}

/// A property as an automaton over notes. The same one judges a running simulation, a stored run
/// and, being plain data, the states of an exhaustive search.
pub trait Monitor<N>: Clone + Debug + Eq + Hash {
    /// Learns one note.
    fn observe(&mut self, seen: Seen<'_, N>);
    /// Judges. `settled` says that nothing more can happen.
    fn verdict(&self, settled: bool) -> Verdict;
}
