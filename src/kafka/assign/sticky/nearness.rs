//! Which members stand where a replica is.

use std::collections::{BTreeMap, BTreeSet};

use super::super::layout::Layout;
use super::super::{Member, Rack, racks};

/// The racks of members and of partitions, where they matter.
#[derive(Debug)]
pub(super) struct Nearness<'a> {
    /// `None` for all when racks do not matter.
    members: Vec<Option<Rack>>,
    /// The racks of the replicas of each partition; none when racks do not matter.
    partitions: Vec<&'a [Rack]>,
}

impl<'a> Nearness<'a> {
    pub(super) fn of(layout: &Layout<'a>, members: &[&Member]) -> Nearness<'a> {
        let consumers: BTreeSet<Rack> = members.iter().filter_map(|member| member.rack).collect();
        let partitions = (0..layout.partitions()).map(|partition| layout.racks(partition));
        if racks::matter(&consumers, partitions.clone()) {
            let members = members.iter().map(|member| member.rack).collect();
            Nearness { members, partitions: partitions.collect() }
        } else {
            Nearness { members: vec![None; members.len()], partitions: Vec::new() }
        }
    }

    /// Whether racks matter.
    pub(super) fn matters(&self) -> bool {
        !self.partitions.is_empty()
    }

    /// Whether a member stands in a rack, and there is a replica.
    pub(super) fn is_near(&self, member: usize, partition: usize) -> bool {
        self.members[member].is_some_and(|rack| self.partitions[partition].contains(&rack))
    }

    /// Whether a member stands in a rack, and no replica is there.
    pub(super) fn is_far(&self, member: usize, partition: usize) -> bool {
        self.members[member].is_some_and(|rack| !self.partitions[partition].contains(&rack))
    }

    /// Sorts partitions: first those that the fewest members are near to.
    pub(super) fn sort_by_members_near(&self, partitions: &mut [usize]) {
        if !self.matters() {
            return;
        }
        let mut standing: BTreeMap<Rack, usize> = BTreeMap::new();
        for rack in self.members.iter().flatten() {
            *standing.entry(*rack).or_default() += 1;
        }
        partitions.sort_by_cached_key(|partition| {
            let racks: BTreeSet<&Rack> = self.partitions[*partition].iter().collect();
            racks.into_iter().filter_map(|rack| standing.get(rack)).sum::<usize>()
        });
    }
}
