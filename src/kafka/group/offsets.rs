//! Committed offsets.
//!
//! Source: `OffsetMetadataManager` of 4.1.1. An offset counts when its record is committed, and one
//! of a transaction when the marker is. Commits may go backwards: nothing compares them.

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::Time;
use crate::talk::kafka::{GroupId, Offset, TopicPartition};

/// What is committed for a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Committed {
    /// The next offset to read; `None` where KafkaJS committed that it does not know.
    pub(super) offset: Option<Offset>,
    /// When.
    pub(super) at: Time,
}

/// The offsets that a coordinator keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Offsets {
    committed: BTreeMap<(GroupId, TopicPartition), Committed>,
    /// By producer id: offsets in a transaction that is open.
    open: BTreeMap<u32, BTreeMap<(GroupId, TopicPartition), Committed>>,
}

impl Offsets {
    pub(super) fn commit(&mut self, group: GroupId, at: TopicPartition, it: Committed) {
        self.committed.insert((group, at), it);
    }

    pub(super) fn commit_in_transaction(
        &mut self,
        producer: u32,
        group: GroupId,
        at: TopicPartition,
        it: Committed,
    ) {
        self.open.entry(producer).or_default().insert((group, at), it);
    }

    /// A transaction ends. Returns what counts from now on.
    pub(super) fn end_transaction(
        &mut self,
        producer: u32,
        commit: bool,
    ) -> Vec<(GroupId, TopicPartition, Committed)> {
        let offsets = self.open.remove(&producer).unwrap_or_default();
        if !commit {
            return Vec::new();
        }
        self.committed.extend(offsets.iter().map(|(at, it)| (*at, *it)));
        offsets.into_iter().map(|((group, at), it)| (group, at, it)).collect()
    }

    /// What is committed.
    pub(super) fn get(&self, group: GroupId, at: TopicPartition) -> Option<Committed> {
        self.committed.get(&(group, at)).copied()
    }

    /// Whether a transaction is open that has an offset of this partition.
    pub(super) fn is_pending(&self, group: GroupId, at: TopicPartition) -> bool {
        self.open.values().any(|offsets| offsets.contains_key(&(group, at)))
    }

    pub(super) fn forget(&mut self, group: GroupId, at: TopicPartition) {
        self.committed.remove(&(group, at));
    }

    /// The offsets of a group.
    pub(super) fn of(
        &self,
        group: GroupId,
    ) -> impl Iterator<Item = (TopicPartition, Committed)> + '_ {
        let bounds = (group, TopicPartition::default())..;
        let of_group = self.committed.range(bounds).take_while(move |((it, _), _)| *it == group);
        of_group.map(|((_, at), it)| (*at, *it))
    }

    /// Whether a group has offsets, committed or in a transaction.
    pub(super) fn has(&self, group: GroupId) -> bool {
        let has_open = || self.open.values().flat_map(|it| it.keys()).any(|(it, _)| *it == group);
        self.of(group).next().is_some() || has_open()
    }

    /// The groups that have offsets.
    pub(super) fn groups(&self) -> BTreeSet<GroupId> {
        self.committed.keys().map(|(group, _)| *group).collect()
    }
}
