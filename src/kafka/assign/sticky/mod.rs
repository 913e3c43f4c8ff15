//! Java's `sticky` and `cooperative-sticky`: balance first, then as few moves as possible.
//!
//! Source: Kafka 4.1.1, `AbstractStickyAssignor`, `StickyAssignor` and `CooperativeStickyAssignor`.
//!
//! Members say what they own ([`claims`]). In Java, when all subscribe to the same topics, quotas decide how
//! many they keep ([`constrained`]); otherwise partitions are moved about until no move makes it more
//! even ([`general`]). librdkafka knows the second way only ([`librdkafka`]).

mod claims;
mod constrained;
mod general;
mod librdkafka;
mod movements;
mod nearness;
#[cfg(test)]
mod tests;

use super::layout::{Layout, by_hash, by_id, subscribe_to_the_same};
use super::racks::Racks;
use super::{Assignment, Group, Member};
use claims::Claims;
use nearness::Nearness;

/// What both algorithms work on. Members are known by their places in the order of their ids.
struct Scene<'a> {
    layout: Layout<'a>,
    /// In the order of their ids.
    members: Vec<&'a Member>,
    /// The members in the order in which Java's hash map is walked.
    walk: Vec<usize>,
    claims: Claims,
    nearness: Nearness,
}

/// What an algorithm made of it.
struct Outcome {
    /// Whose each partition is. All are given, unless there are no members.
    owners: Vec<usize>,
    /// The partitions that must be given back by another member before their new owner may have them.
    moving: Vec<bool>,
}

/// Divides the partitions, at once: the eager protocol.
pub(super) fn assign(group: Group<'_>) -> Assignment {
    divide(group, false, java)
}

/// Divides the partitions by the cooperative protocol: what changes its owner is withheld. Those who
/// lost something give it back and join again, and in that second round it is free.
pub(super) fn assign_cooperatively(group: Group<'_>) -> Assignment {
    divide(group, true, java)
}

/// The same as librdkafka does it.
pub(super) fn assign_as_librdkafka(group: Group<'_>) -> Assignment {
    divide(group, true, |scene, same| {
        general::divide(scene, |usual| librdkafka::order(scene, same, usual))
    })
}

/// How Java divides, when all `subscribe_to_the_same` topics, and when not.
fn java(scene: &Scene<'_>, subscribe_to_the_same: bool) -> Outcome {
    if subscribe_to_the_same {
        constrained::divide(scene)
    } else {
        general::divide(scene, |usual| usual)
    }
}

fn divide(
    group: Group<'_>,
    cooperative: bool,
    by: impl Fn(&Scene<'_>, bool) -> Outcome,
) -> Assignment {
    let mut assignment = vec![Vec::new(); group.members.len()];
    if group.members.is_empty() {
        return assignment;
    }
    let order = by_id(group.members);
    let members: Vec<&Member> = order.iter().map(|at| &group.members[*at]).collect();
    let layout = Layout::of(group);
    let mut place_of = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, at)| place_of[*at] = place);
    let walk: Vec<usize> = by_hash(group.members).iter().map(|at| place_of[*at]).collect();
    let claims = Claims::of(&layout, &members, &walk);
    let nearness = Nearness::of(&layout, &order, Racks::of(group, &layout));
    let scene = Scene { layout, members, walk, claims, nearness };
    let outcome = by(&scene, subscribe_to_the_same(group.members));
    for (partition, owner) in outcome.owners.into_iter().enumerate() {
        if !(cooperative && outcome.moving[partition]) {
            assignment[order[owner]].push(scene.layout.named(partition));
        }
    }
    assignment
}
