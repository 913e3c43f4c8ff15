//! Recorded runs of real brokers and clients, played again in the model.
//!
//! A family of recordings has the same kind of experiment: what was there and what was done is read
//! from the recording itself, a system of the same set-up is built and played, and what happened in it
//! is told in the same words as what was recorded. [`compare`] judges the two.
//!
//! What the recorded run left to chance (ids of members, jitter, which fetch comes back first) the
//! model leaves to chance as well: the recorded outcome must be among the possible ones.

mod changes;
mod compaction;
mod compare;
mod costs;
mod group;
mod kafkajs;
mod lab;
mod librdkafka;
mod replication;
mod trace;

use serde_json::Value;

use self::compare::{Fact, Tolerance};
use self::trace::Trace;
use super::{Corrupted, Form, Vector, outcome};
use crate::judge::Outcome;

/// How often a recording is played: as often as it takes, and at most so many times.
const TRIES: u64 = 96;

/// Recordings.
#[derive(Debug)]
pub struct Traces;

/// A family of recordings.
trait Family: Sync {
    /// Whether a recording belongs to it.
    fn fits(&self, trace: &Trace) -> bool;

    /// Plays it once.
    ///
    /// # Errors
    /// Something in the recording is not understood.
    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String>;
}

/// What was recorded, and what the model did.
struct Replay {
    recorded: Vec<Fact>,
    played: Vec<Fact>,
    within: Tolerance,
}

/// All families. The first that fits is taken.
const FAMILIES: [&dyn Family; 8] = [
    &group::Groups,
    &replication::Replication,
    &kafkajs::Consumers,
    &kafkajs::Crashes,
    &kafkajs::Producers,
    &librdkafka::Background,
    &compaction::Compaction,
    &costs::Costs,
];

fn family_of(trace: &Trace) -> Option<&'static dyn Family> {
    FAMILIES.into_iter().find(|family| family.fits(trace))
}

impl Form for Traces {
    fn fits(&self, file: &Value) -> bool {
        Trace::parse(file).is_ok_and(|trace| family_of(&trace).is_some())
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        Ok(vec![Vector { name: "recorded".to_owned(), fact: file.clone() }])
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        Trace::parse(&vector.fact).map_or_else(Outcome::NotUnderstood, |trace| judge(&trace))
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        self.corruptions(vector).into_iter().next()
    }

    fn corruptions(&self, vector: &Vector) -> Vec<Corrupted> {
        let Ok(trace) = Trace::parse(&vector.fact) else { return Vec::new() };
        // the run that is like the recording must not be like any other one
        let mut file = vector.fact.clone();
        if let Ok((seed, _)) = reproduce(&trace) {
            file["seed"] = seed.into();
        }
        changes::of(&file)
    }
}

fn judge(trace: &Trace) -> Outcome {
    match reproduce(trace) {
        Ok((_, judged)) => outcome(judged, None),
        Err(outcome) => outcome,
    }
}

/// The first seed with which the model does what was recorded, and how many facts were compared. A
/// recording may name the seed to play it with; then no other one is tried.
///
/// # Errors
/// There is none: how the first one differed.
fn reproduce(trace: &Trace) -> Result<(u64, usize), Outcome> {
    let family = family_of(trace)
        .ok_or_else(|| Outcome::NotUnderstood("no family of recordings is like it".to_owned()))?;
    let named = trace.file.get("seed").and_then(Value::as_u64);
    let seeds = named.map_or(1..=TRIES, |seed| seed..=seed);
    let mut first = None;
    for seed in seeds {
        let replay = family.replay(trace, seed).map_err(Outcome::NotUnderstood)?;
        match compare::compare(&replay.recorded, &replay.played, replay.within) {
            Ok(judged) => return Ok((seed, judged)),
            Err(difference) => {
                first.get_or_insert(difference);
            }
        }
    }
    Err(outcome(0, first))
}
