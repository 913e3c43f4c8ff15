//! Guarantees: what is promised, and whether a run kept it.
//!
//! Verdicts are computed from [notes](crate::talk::Note) alone, by a [`Ledger`] that folds them
//! one by one. It is fast enough to watch every run of a hunt, and plain data, so that exhaustive
//! exploration can carry it along. An [`Audit`] adds the numbers of the run.

mod audit;
mod book;
mod breaches;
mod cast;
mod cell;
mod class;
mod classes;
mod facts;
mod histogram;
mod ledger;
mod rules;
#[cfg(test)]
pub(crate) mod script;
mod tally;
mod tally_kafka;
mod verdict;
mod verdicts;

pub use audit::{Audit, Outcome};
pub use cast::{Cast, Part, Role};
pub use class::{Class, Classes, Point};
pub use facts::Facts;
pub use histogram::Histogram;
pub use ledger::Ledger;
pub use rules::{ConsumerRule, Done, GroupRule, Order, QueueRule, Rules, ServiceRule, TopicRule};
pub use verdict::{
    Breach, By, End, Guarantee, How, Judged, Move, Reason, Scope, Unavailable, Verdict, Verdicts,
    Where,
};

/// The entry at `at`; the list grows to have it.
fn grown<T: Clone + Default>(list: &mut Vec<T>, at: usize) -> &mut T {
    if at >= list.len() {
        list.resize(at + 1, T::default());
    }
    &mut list[at]
}
