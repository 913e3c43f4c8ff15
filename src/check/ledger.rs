//! The fold over notes that all verdicts come from.

use super::rules::Rules;
use super::verdict::{End, Verdicts};
use crate::kernel::{Seen, Watch};
use crate::talk::{Mq, Note};

/// Everything about a run that verdicts depend on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    rules: Rules,
}

impl Ledger {
    /// A ledger that judges by `rules`.
    pub fn new(rules: Rules) -> Ledger {
        Ledger { rules }
    }

    /// What it is judged by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Learns one note.
    pub fn observe(&mut self, _seen: Seen<'_, Note>) {}

    /// Judges a run that ended like this.
    pub fn verdicts(&self, _end: End) -> Verdicts {
        Verdicts { classes: Vec::new(), table: Default::default() }
    }
}

impl Watch<Mq> for Ledger {
    fn note(&mut self, seen: Seen<'_, Note>) {
        self.observe(seen);
    }
}
