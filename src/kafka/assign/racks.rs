//! Reading from a replica in one's own rack (KIP-881): whether an assignor cares about racks.

use std::collections::BTreeSet;

use super::Rack;

/// Whether racks make a difference: a consumer stands where a replica is, and some partition has no
/// replica in a rack where another partition has one.
///
/// Source: Kafka 4.1.1, `AbstractPartitionAssignor.useRackAwareAssignment`.
pub(super) fn matter<'a>(
    consumers: &BTreeSet<Rack>,
    partitions: impl Iterator<Item = &'a [Rack]> + Clone,
) -> bool {
    if consumers.is_empty() {
        return false;
    }
    let all: BTreeSet<Rack> = partitions.clone().flatten().copied().collect();
    let lacks = |racks: &[Rack]| all.iter().any(|rack| !racks.contains(rack));
    !all.is_disjoint(consumers) && partitions.into_iter().any(lacks)
}
