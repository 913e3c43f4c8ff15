//! Which partitions were moved from whom to whom while an assignment is being balanced.

use std::collections::BTreeSet;

use super::super::java;
use super::super::layout::Layout;

/// From one member to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Move {
    from: usize,
    to: usize,
}

/// The moves so far, each partition's several moves taken as one.
///
/// Source: Kafka 4.1.1, `AbstractStickyAssignor.PartitionMovements`.
#[derive(Debug)]
pub(super) struct Movements {
    by_partition: Vec<Option<Move>>,
    /// Topic, move, partition.
    by_topic: BTreeSet<(usize, Move, usize)>,
}

impl Movements {
    /// None of so many partitions has moved.
    pub(super) fn new(partitions: usize) -> Movements {
        Movements { by_partition: vec![None; partitions], by_topic: BTreeSet::new() }
    }

    /// The partition to move instead of this one. If another one of its topic went the opposite way,
    /// that one goes back: two members never swap partitions of a topic. Of several, it is the first
    /// in Java's hash set.
    pub(super) fn instead_of(
        &self,
        layout: &Layout<'_>,
        partition: usize,
        owner: usize,
        to: usize,
    ) -> usize {
        let origin = self.by_partition[partition].map_or(owner, |moved| moved.from);
        let opposite = Move { from: to, to: origin };
        let topic = layout.topic_of(partition);
        let found = || self.by_topic.range((topic, opposite, 0)..=(topic, opposite, usize::MAX));
        let keys = found().count();
        let first = found()
            .map(|(_, _, partition)| *partition)
            .min_by_key(|partition| java::bucket(layout.hash_code(*partition), keys));
        first.unwrap_or(partition)
    }

    /// A partition was moved.
    pub(super) fn record(&mut self, layout: &Layout<'_>, partition: usize, from: usize, to: usize) {
        let topic = layout.topic_of(partition);
        let mut moved = Move { from, to };
        if let Some(before) = self.by_partition[partition].take() {
            self.by_topic.remove(&(topic, before, partition));
            if before.from == to {
                return; // it is back where it came from
            }
            moved.from = before.from;
        }
        self.by_partition[partition] = Some(moved);
        self.by_topic.insert((topic, moved, partition));
    }
}
