//! Handlers that are under way.

use std::sync::Arc;

use crate::client::handler::{Outcome, Stage};
use crate::talk::{Delivery, MessageId};

/// A delivery that the process has, with the connection it came on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The delivery.
    pub delivery: Delivery,
    /// How many connections there were before the one it came on. On another one its tag means
    /// nothing.
    pub connection: u32,
    /// It is settled, or needs no settling.
    pub settled: bool,
}

/// A handler that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its delivery.
    pub held: Held,
    /// Which attempt it is, as far as the process can tell.
    pub attempt: u16,
    /// Tells this run from others that had its place before.
    pub(super) serial: u16,
    pub(super) stages: Arc<[Stage]>,
    /// The stage that is under way, or next.
    pub(super) at: u16,
    pub(super) outcome: Outcome,
    /// The handler is through, and its stages are what the consumer does about a failure.
    pub(super) closing: bool,
    pub(super) awaits: Awaits,
    /// Names its draws among those for the same message.
    pub(super) nth: u64,
}

impl Run {
    /// The message.
    pub fn msg(&self) -> MessageId {
        self.held.delivery.message.id
    }

    /// The stage that is under way, or next; `None` when only settling is left.
    pub fn stage(&self) -> Option<&Stage> {
        self.stages.get(usize::from(self.at))
    }

    /// What it waits for.
    pub fn awaits(&self) -> Awaits {
        self.awaits
    }
}

/// What a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaits {
    /// Its turn: nothing is between it and its next stage but a moment in which to crash.
    Turn,
    /// The end of its work.
    Work,
    /// The answer of a service.
    Call,
    /// The answer of the broker to a synchronous method.
    Answer,
    /// The confirm of a copy.
    Confirm,
}

/// The runs of one process, each at the place that names its timer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Runs {
    slots: Vec<Option<Run>>,
    free: Vec<u16>,
}

impl Runs {
    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether another one fits: places are numbered in 16 bits.
    pub(super) fn is_full(&self) -> bool {
        self.free.is_empty() && self.slots.len() > usize::from(u16::MAX)
    }

    /// Adds a run; there must be room for it.
    pub(super) fn insert(&mut self, run: Run) -> u16 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u16
        });
        self.slots[usize::from(slot)] = Some(run);
        slot
    }

    pub(super) fn get(&self, slot: u16) -> Option<&Run> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> Option<&mut Run> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u16) -> Option<Run> {
        let run = self.slots.get_mut(usize::from(slot))?.take();
        if run.is_some() {
            self.free.push(slot);
        }
        run
    }

    /// All of them with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Run)> {
        (0..).zip(&self.slots).filter_map(|(slot, run)| Some((slot, run.as_ref()?)))
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
    }
}
