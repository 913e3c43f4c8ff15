//! What Kafka and its clients compute, held against the model.
//!
//! A file of vectors says what a piece of real code returned for given inputs. There are several
//! forms of such files, recognised by what they contain and not by where they lie: one [`Form`] for
//! each, listed in [`FORMS`].

mod assignors;
mod defaults;
mod partitioners;
mod replay;

use std::fmt;

use serde_json::Value;

use crate::judge::Outcome;

/// One thing that real code returned, in the words of its file.
#[derive(Clone, Debug)]
pub struct Vector {
    /// What tells it from the others of its file.
    pub name: String,
    /// The input and the outcome; whatever else of the file its form needs.
    pub fact: Value,
}

/// A vector with one fact changed.
pub struct Corrupted {
    pub vector: Vector,
    /// What was changed, in words.
    pub what: String,
}

/// A form of files: how it is recognised, and how the model is held against it.
pub trait Form: Sync {
    /// Whether a file has this form.
    fn fits(&self, file: &Value) -> bool;

    /// What a file of this form says. Each counts as one.
    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String>;

    /// Whether the model returns the same. `judged` of the outcome is how many facts were compared.
    fn judge(&self, vector: &Vector) -> Outcome;

    /// The same with one fact changed, so that the model must not return it. `None` where it holds
    /// no fact.
    fn corrupt(&self, vector: &Vector) -> Option<Corrupted>;

    /// All the changes that are tried; more than one where it holds many facts.
    fn corruptions(&self, vector: &Vector) -> Vec<Corrupted> {
        self.corrupt(vector).into_iter().collect()
    }
}

/// All forms. The first that fits is taken.
const FORMS: [&dyn Form; 6] = [
    &assignors::Java,
    &assignors::Chains,
    &assignors::KafkaJs,
    &partitioners::Partitioners,
    &defaults::Defaults,
    &replay::Traces,
];

/// The form of a file, if it is a file of Kafka vectors.
pub fn form_of(file: &Value) -> Option<&'static dyn Form> {
    FORMS.into_iter().find(|form| form.fits(file))
}

/// The outcome of a comparison of so many facts, of which the first difference was this.
pub fn outcome(judged: usize, difference: Option<String>) -> Outcome {
    difference.map_or(Outcome::Reproduced { judged, unjudged: 0 }, Outcome::Differs)
}

/// The list of vectors of a file.
pub fn listed<'a>(file: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    file.get(key).and_then(Value::as_array).ok_or_else(|| format!("no list `{key}`"))
}

impl fmt::Debug for dyn Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Form")
    }
}
