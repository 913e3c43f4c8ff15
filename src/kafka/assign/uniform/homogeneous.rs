//! When all members subscribe to the same topics.
//!
//! Source: Kafka, trunk of October 2024 (`1eb7644349c`), `UniformHomogeneousAssignmentBuilder`.

use super::Scene;

/// Lets each member keep what it has up to its quota, and gives the rest to those below theirs: first
/// what nobody had, then what others had too much of.
///
/// The quota is what everybody gets, and one more for the first members if it does not come out even,
/// whether or not they are the ones that have one more already.
pub(super) fn divide(scene: &Scene<'_>) -> Vec<Option<usize>> {
    let members = scene.topics.len();
    let partitions = scene.layout.partitions();
    let (quota, extra) = (partitions / members, partitions % members);
    let mut room: Vec<usize> =
        (0..members).map(|member| quota + usize::from(member < extra)).collect();

    let mut owners = scene.owners.clone();
    let mut free: Vec<usize> = Vec::new();
    let mut surplus: Vec<(usize, usize)> = Vec::new();
    for (partition, owner) in owners.iter_mut().enumerate() {
        match *owner {
            None => free.push(partition),
            Some(member) if room[member] > 0 => room[member] -= 1,
            Some(member) => {
                surplus.push((member, partition));
                *owner = None;
            }
        }
    }
    // a member gives up what it has too much of when its turn comes
    surplus.sort_unstable();
    free.extend(surplus.into_iter().map(|(_, partition)| partition));
    let places =
        room.iter().enumerate().flat_map(|(member, room)| std::iter::repeat_n(member, *room));
    for (partition, member) in free.into_iter().zip(places) {
        owners[partition] = Some(member);
    }
    owners
}
