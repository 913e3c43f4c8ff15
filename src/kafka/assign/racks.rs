//! Reading from a replica in one's own rack (KIP-881): who stands where, and whether an assignor
//! cares.

use std::collections::BTreeMap;

use super::Group;
use super::layout::Layout;

/// A rack, by a number instead of its name.
pub(super) type Rack = usize;

/// The racks of members and of the replicas of partitions, if any member names one.
#[derive(Clone, Debug, Default)]
pub(super) struct Racks {
    /// By the place of the member in the group.
    members: Vec<Option<Rack>>,
    /// By the place of the partition.
    partitions: Vec<Vec<Rack>>,
}

impl Racks {
    pub(super) fn of(group: Group<'_>, layout: &Layout<'_>) -> Racks {
        let mut numbers: BTreeMap<&str, Rack> = BTreeMap::new();
        let mut members = Vec::with_capacity(group.members.len());
        for member in group.members {
            // an empty `client.rack` is none
            let rack = member.subscription.rack.as_ref().filter(|rack| !rack.is_empty());
            members.push(rack.map(|rack| number(&mut numbers, rack.as_str())));
        }
        if numbers.is_empty() {
            return Racks::default();
        }
        let partitions = (0..layout.partitions()).map(|partition| {
            let names = layout.racks(partition);
            names.iter().map(|rack| number(&mut numbers, rack.as_str())).collect()
        });
        Racks { partitions: partitions.collect(), members }
    }

    /// Where a member stands, if it says so.
    pub(super) fn of_member(&self, member: usize) -> Option<Rack> {
        self.members.get(member).copied().flatten()
    }

    /// Where the replicas of a partition are. Nowhere, when no member stands anywhere.
    pub(super) fn of_partition(&self, partition: usize) -> &[Rack] {
        self.partitions.get(partition).map_or(&[], Vec::as_slice)
    }

    /// Whether racks make a difference for these: a member stands where a replica is, and some
    /// partition has no replica in a rack where another partition has one.
    ///
    /// Source: Kafka 4.1.1, `AbstractPartitionAssignor.useRackAwareAssignment`.
    pub(super) fn matter(
        &self,
        members: impl Iterator<Item = usize>,
        partitions: impl Iterator<Item = usize> + Clone,
    ) -> bool {
        let mut standing = members.filter_map(|member| self.of_member(member)).peekable();
        if standing.peek().is_none() {
            return false;
        }
        let replicas = partitions.clone().flat_map(|partition| self.of_partition(partition));
        let mut all: Vec<Rack> = replicas.copied().collect();
        all.sort_unstable();
        all.dedup();
        let lacks_one = |partition| {
            let racks = self.of_partition(partition);
            all.iter().any(|rack| !racks.contains(rack))
        };
        standing.any(|rack| all.binary_search(&rack).is_ok())
            && partitions.into_iter().any(lacks_one)
    }
}

fn number<'a>(numbers: &mut BTreeMap<&'a str, Rack>, name: &'a str) -> Rack {
    let next = numbers.len();
    *numbers.entry(name).or_insert(next)
}
