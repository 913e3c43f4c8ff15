//! Handlers that are under way.

use std::sync::Arc;

use crate::client::handler::{Outcome, Stage};
use crate::talk::kafka::{Offset, Record, TopicPartition};
use crate::talk::{Failure, MessageId};

/// A handler that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    /// Its record.
    pub record: Record,
    /// From which partition.
    pub at: TopicPartition,
    /// From which offset.
    pub offset: Offset,
    /// Which attempt it is, as far as the process can tell.
    pub attempt: u16,
    /// Tells this run from others that had its place before.
    pub(super) serial: u16,
    pub(super) stages: Arc<[Stage]>,
    /// The stage that is under way, or next.
    pub(super) stage: u16,
    pub(super) outcome: Outcome,
    /// The handler is through, and its stages are what the application does about a failure.
    pub(super) closing: bool,
    pub(super) awaits: Awaits,
    /// Nobody waits for it: it was started and left to itself.
    pub(super) detached: bool,
    /// Names its draws among those for the same message.
    pub(super) nth: u64,
}

impl Run {
    /// The message.
    pub fn msg(&self) -> MessageId {
        self.record.id
    }

    /// The stage that is under way, or next; `None` when there is none left.
    pub fn stage(&self) -> Option<&Stage> {
        self.stages.get(usize::from(self.stage))
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
    /// Its work.
    Work,
    /// The answer of a service.
    Call,
    /// That a copy is acknowledged.
    Copy,
    /// Whoever started it: it is over.
    Over(End),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// Well, or its failure was dealt with.
    Handled,
    /// Its failure was caught, and nothing was done about it.
    LeftBehind,
    /// The error leaves the handler.
    Threw(Failure),
    /// The application sought back to its record.
    SoughtBack,
    /// It took the process down with it.
    Died,
}

/// The runs of one process, each at the place that names its timer. The first places belong to the
/// threads of the consumer; runs that nobody waits for come after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Runs {
    slots: Vec<Option<Run>>,
    /// How many there were, over and over.
    pub(super) serial: u16,
}

impl Runs {
    /// Puts a run at the place of its thread.
    pub(super) fn put(&mut self, slot: u16, run: Run) {
        let slot = usize::from(slot);
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        self.slots[slot] = Some(run);
    }

    /// A free place from `first` on.
    pub(super) fn free(&self, first: u16) -> u16 {
        let all = self.slots.iter().skip(first.into());
        let at = all.clone().position(Option::is_none).unwrap_or(all.len());
        first.saturating_add(at as u16)
    }

    pub(super) fn get(&self, slot: u16) -> Option<&Run> {
        self.slots.get(usize::from(slot))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u16) -> Option<&mut Run> {
        self.slots.get_mut(usize::from(slot))?.as_mut()
    }

    pub(super) fn remove(&mut self, slot: u16) -> Option<Run> {
        self.slots.get_mut(usize::from(slot))?.take()
    }

    /// All of them with their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &Run)> {
        (0..).zip(&self.slots).filter_map(|(slot, run)| Some((slot, run.as_ref()?)))
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}
