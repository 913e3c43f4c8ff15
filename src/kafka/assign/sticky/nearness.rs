//! Which members stand where a replica is.

use std::collections::BTreeMap;

use super::super::layout::Layout;
use super::super::racks::{Rack, Racks};

/// The racks of members and of partitions, where they matter.
#[derive(Debug)]
pub(super) struct Nearness {
    /// `None` for all when racks do not matter.
    members: Vec<Option<Rack>>,
    racks: Racks,
    matters: bool,
}

impl Nearness {
    /// The members are known by their places in this order.
    pub(super) fn of(layout: &Layout<'_>, order: &[usize], racks: Racks) -> Nearness {
        let matters = racks.matter(order.iter().copied(), 0..layout.partitions());
        let rack = |member: &usize| racks.of_member(*member).filter(|_| matters);
        Nearness { members: order.iter().map(rack).collect(), racks, matters }
    }

    /// Whether racks matter.
    pub(super) fn matters(&self) -> bool {
        self.matters
    }

    /// Whether a member stands in a rack, and there is a replica.
    pub(super) fn is_near(&self, member: usize, partition: usize) -> bool {
        self.members[member].is_some_and(|rack| self.racks.of_partition(partition).contains(&rack))
    }

    /// Whether a member stands in a rack, and no replica is there.
    pub(super) fn is_far(&self, member: usize, partition: usize) -> bool {
        self.members[member].is_some_and(|rack| !self.racks.of_partition(partition).contains(&rack))
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
            let mut racks = self.racks.of_partition(*partition).to_vec();
            racks.sort_unstable();
            racks.dedup();
            racks.iter().filter_map(|rack| standing.get(rack)).sum::<usize>()
        });
    }
}
