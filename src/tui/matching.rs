//! What a search or a filter asks for.
//!
//! Words are separated by spaces and all must fit: `msg=m7`, `kind=pushed`, `at=worker-1` (a node
//! or a queue), `t>1.2s`, `t<300ms`; a bare word fits a message, a kind or a place that contains
//! it. `!` in front of a word means that it must not fit.

use super::index::Row;
use super::model::Model;
use super::recording::Recording;
use super::stage::Entity;
use super::update::{Place, parse_place};
use crate::kernel::{Step, Time};
use crate::talk::Note;

enum Term {
    Message(String),
    Kind(String),
    At(String),
    After(Time),
    Before(Time),
    Any(String),
}

struct Query {
    /// A term, and whether it must not fit.
    terms: Vec<(Term, bool)>,
}

impl Query {
    fn new(text: &str) -> Query {
        let terms = text.split_whitespace().map(|word| match word.strip_prefix('!') {
            Some(word) if !word.is_empty() => (Query::term(word), true),
            _ => (Query::term(word), false),
        });
        Query { terms: terms.collect() }
    }

    fn term(word: &str) -> Term {
        let lower = word.to_lowercase();
        let time = |text: &str| match parse_place(&format!("@{text}")) {
            Some(Place::Time(time)) => Some(time),
            _ => None,
        };
        if let Some(msg) = lower.strip_prefix("msg=") {
            return Term::Message(format!("m{}", msg.trim_start_matches('m')));
        }
        if let Some(kind) = lower.strip_prefix("kind=") {
            return Term::Kind(kind.to_owned());
        }
        for prefix in ["at=", "node=", "queue="] {
            if let Some(place) = lower.strip_prefix(prefix) {
                return Term::At(place.to_owned());
            }
        }
        if let Some(after) = lower.strip_prefix("t>").and_then(time) {
            return Term::After(after);
        }
        if let Some(before) = lower.strip_prefix("t<").and_then(time) {
            return Term::Before(before);
        }
        Term::Any(lower)
    }

    fn fits(&self, recording: &Recording, row: Row) -> bool {
        let told = row.note().and_then(|place| recording.history().notes().get(place));
        let note = told.map(|noted| &noted.note);
        let step = recording.history().step(row.step());
        let msg = note.and_then(Note::msg).map(|msg| msg.to_string());
        let kind = note.map(Note::kind).or(step.map(|taken| match taken.step {
            Step::Deliver(_) => "deliver",
            Step::Fire(..) => "timer",
            Step::Fault(_) => "fault",
        }));
        let at = |wanted: &str| {
            let named = |entity| recording.stage.name(entity).to_lowercase().contains(wanted);
            match told {
                Some(noted) => {
                    named(recording.stage.place(noted.node, &noted.note))
                        || named(Entity::Node(noted.node))
                }
                None => step.is_some_and(|taken| match &taken.step {
                    Step::Deliver(link) => named(Entity::Node(link.to)),
                    Step::Fire(id, _) => named(Entity::Node(*id)),
                    Step::Fault(fault) => {
                        super::sketch::struck(fault).into_iter().any(|id| named(Entity::Node(id)))
                    }
                }),
            }
        };
        self.terms.iter().all(|(term, not)| {
            let fits = match term {
                Term::Message(wanted) => msg.as_deref() == Some(wanted),
                Term::Kind(wanted) => kind.is_some_and(|kind| kind.contains(wanted.as_str())),
                Term::At(wanted) => at(wanted),
                Term::After(time) => recording.time(row) > *time,
                Term::Before(time) => recording.time(row) < *time,
                Term::Any(word) => {
                    msg.as_deref() == Some(word)
                        || kind.is_some_and(|kind| kind.contains(word.as_str()))
                        || at(word)
                }
            };
            fits != *not
        })
    }
}

/// The rows at the present level of detail that fit.
pub(super) fn rows(model: &Model, text: &str) -> Vec<Row> {
    let query = Query::new(text);
    if query.terms.is_empty() {
        return Vec::new();
    }
    let rows = model.recording.index.rows(model.ui.detail);
    rows.iter().copied().filter(|row| query.fits(&model.recording, *row)).collect()
}
