//! What is different in librdkafka: it has one algorithm for all groups, that of Java's early
//! `StickyAssignor`, and takes partitions in another order.
//!
//! Source: librdkafka 2, `rdkafka_sticky_assignor.c` (`sortPartitions`), `rdmap.c`; observed.

use super::Scene;

/// The order in which partitions are given and moved.
///
/// A group that owns nothing yet, or whose members do not all subscribe to the same topics, takes them
/// as Java does: `usual`. Otherwise the member that has the most (of several, the last by id) puts up
/// its first partition, preferably one that another member once had, again and again; what nobody owns
/// comes last, in the order in which a map of librdkafka is walked: the last first.
pub(super) fn order(
    scene: &Scene<'_>,
    subscribe_to_the_same: bool,
    usual: Vec<usize>,
) -> Vec<usize> {
    let owners = &scene.claims.owners;
    if !subscribe_to_the_same || owners.iter().all(Option::is_none) {
        return usual;
    }
    let mut left: Vec<Vec<usize>> = vec![Vec::new(); scene.members.len()];
    for (partition, owner) in owners.iter().enumerate() {
        if let Some(owner) = owner {
            left[*owner].push(partition);
        }
    }
    let mut order = Vec::with_capacity(owners.len());
    while let Some(most) =
        left.iter_mut().filter(|owned| !owned.is_empty()).max_by_key(|owned| owned.len())
    {
        let had_another = |partition: &usize| scene.claims.earlier[*partition].is_some();
        let at = most.iter().position(had_another).unwrap_or(0);
        order.push(most.remove(at));
    }
    order.extend((0..owners.len()).rev().filter(|partition| owners[*partition].is_none()));
    order
}
