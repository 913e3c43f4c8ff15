//! Judges whether the model did what the server did.

mod confirms;
mod events;
mod facts;

pub use events::END_MS;

use std::fmt;

use crate::lab::Run;
use crate::recording::Recording;
use crate::script::Script;

/// What became of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model did the same.
    Reproduced {
        /// How many observations were compared.
        judged: usize,
        /// How many were not: facts that the harness derived from others, or measured.
        unjudged: usize,
    },
    /// The first difference, in words.
    Differs(String),
    /// Something in it is not understood.
    NotUnderstood(String),
}

impl Outcome {
    /// Whether it counts.
    pub fn is_reproduced(&self) -> bool {
        matches!(self, Outcome::Reproduced { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Reproduced { judged, unjudged: 0 } => {
                write!(f, "reproduced ({judged} observations)")
            }
            Outcome::Reproduced { judged, unjudged } => {
                write!(f, "reproduced ({judged} observations, {unjudged} not judged)")
            }
            Outcome::Differs(what) => write!(f, "differs: {what}"),
            Outcome::NotUnderstood(what) => write!(f, "not understood: {what}"),
        }
    }
}

/// Why a recording is not reproduced.
#[derive(Debug)]
pub enum Trouble {
    Difference { at_ms: f64, what: String },
    Unknown(String),
}

impl Trouble {
    /// A difference at a recorded time.
    pub fn at(at_ms: f64, what: String) -> Trouble {
        Trouble::Difference { at_ms, what }
    }
}

/// How many observations were compared, and how many were not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub judged: usize,
    pub unjudged: usize,
}

/// Compares a run of the model with the recording that it follows.
pub fn judge(recording: &Recording, script: &Script, run: &Run) -> Outcome {
    let mut tally = Tally::default();
    let mut troubles = Vec::new();
    events::compare(recording, script, run, &mut tally, &mut troubles);
    confirms::compare(recording, script, run, &mut tally, &mut troubles);
    facts::compare(recording, script, run, &mut tally, &mut troubles);
    let mut first: Option<(f64, String)> = None;
    for trouble in troubles {
        match trouble {
            Trouble::Unknown(what) => return Outcome::NotUnderstood(what),
            Trouble::Difference { at_ms, what } => {
                if first.as_ref().is_none_or(|(earlier, _)| at_ms < *earlier) {
                    first = Some((at_ms, what));
                }
            }
        }
    }
    match first {
        Some((at_ms, what)) => Outcome::Differs(format!("at {at_ms} ms {what}")),
        None if tally.judged == 0 => {
            Outcome::NotUnderstood("nothing in it could be judged".to_owned())
        }
        None => Outcome::Reproduced { judged: tally.judged, unjudged: tally.unjudged },
    }
}
