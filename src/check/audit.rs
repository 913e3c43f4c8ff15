//! Verdicts and numbers of one run, together.

use super::cast::Cast;
use super::facts::Facts;
use super::ledger::Ledger;
use super::rules::Rules;
use super::verdict::{End, Verdicts};
use crate::kernel::{Seen, Taken, Watch};
use crate::talk::{Mq, Note};

/// Watches a run: a [`Ledger`] for verdicts, and the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    ledger: Ledger,
}

/// What is to be said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// The numbers.
    pub facts: Facts,
}

impl Audit {
    /// An audit by `rules`.
    pub fn new(rules: Rules) -> Audit {
        Audit { ledger: Ledger::new(rules) }
    }

    /// The verdicts' part.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Judges a run that ended like this.
    pub fn finish(&self, end: End, _cast: &Cast) -> Outcome {
        Outcome { end, verdicts: self.ledger.verdicts(end), facts: Facts::default() }
    }
}

impl Watch<Mq> for Audit {
    fn step(&mut self, taken: &Taken<Mq>) {
        self.ledger.step(taken);
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        self.ledger.observe(seen);
    }
}
