//! The broker's `uniform`, which KIP-848 uses unless a client says otherwise: balance first, then as
//! few moves as possible.
//!
//! Source: Kafka, trunk of October 2024 (`1eb7644349c`), `UniformAssignor` of the group coordinator.
//!
//! What members own is here what they were to have until now, so no two own the same. Racks do not
//! matter. The broker walks topics by their random ids in most places; here it is by their names.

mod heterogeneous;
mod homogeneous;
mod ranges;
#[cfg(test)]
mod tests;

use super::layout::{Layout, by_id, subscribe_to_the_same};
use super::{Assignment, Group};

/// What both algorithms work on. Members are known by their places in the order of their ids.
struct Scene<'a> {
    layout: Layout<'a>,
    /// The topics of each member.
    topics: Vec<Vec<usize>>,
    /// Whose each partition was until now, if that member still subscribes to it.
    owners: Vec<Option<usize>>,
}

/// Divides the partitions.
pub(super) fn assign(group: Group<'_>) -> Assignment {
    let mut assignment = vec![Vec::new(); group.members.len()];
    if group.members.is_empty() {
        return assignment;
    }
    let order = by_id(group.members);
    let layout = Layout::of(group);
    let topics = order.iter().map(|at| layout.subscribed(&group.members[*at]).collect());
    let mut scene =
        Scene { topics: topics.collect(), owners: vec![None; layout.partitions()], layout };
    for (member, at) in order.iter().enumerate() {
        let owned = group.members[*at].subscription.owned.iter();
        for partition in owned.filter_map(|partition| scene.layout.find(*partition)) {
            if scene.topics[member].contains(&scene.layout.topic_of(partition)) {
                scene.owners[partition] = Some(member);
            }
        }
    }
    let owners = if subscribe_to_the_same(group.members) {
        homogeneous::divide(&scene)
    } else {
        heterogeneous::divide(&scene)
    };
    for (partition, owner) in owners.into_iter().enumerate() {
        // every topic of the layout has a subscriber, so everything is given
        if let Some(owner) = owner {
            assignment[order[owner]].push(scene.layout.named(partition));
        }
    }
    assignment
}
