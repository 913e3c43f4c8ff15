//! What a document says as a whole: impossible combinations, and what is legal but surprising.

mod clients;
mod flow;
pub(super) mod kafka;
mod queues;
mod rest;

use super::names::Names;
use super::problem::Problems;
use super::tree::Tree;

/// Checks the whole document for what cannot be, and for settings without an effect.
pub(super) fn check(tree: &Tree, names: &Names, problems: &mut Problems) {
    queues::check(tree, problems);
    clients::check(tree, names, problems);
    kafka::check(tree, problems);
    rest::check(tree, problems);
}

/// Follows the messages of a document in which every name leads somewhere.
pub(super) fn follow(tree: &Tree, names: &Names, problems: &mut Problems) {
    flow::check(tree, names, problems);
}
