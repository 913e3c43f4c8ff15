//! When members subscribe to different topics.
//!
//! Source: Kafka, trunk of October 2024 (`1eb7644349c`), `UniformHeterogeneousAssignmentBuilder`.

use std::cmp::Ordering;

use super::Scene;
use super::ranges::Ranges;

/// How often all topics are balanced at most.
const ROUNDS: usize = 16;

/// Lets each member keep what it has. What nobody has goes, topic by topic, to the subscribers that
/// have the fewest. Then each topic is balanced among its subscribers, over and over, until a whole
/// round of topics changed nothing, but not more than 16 times: it may end less even than it could be.
///
/// Topics with the most partitions for each subscriber come first, then those with the fewest
/// subscribers.
pub(super) fn divide(scene: &Scene<'_>) -> Vec<Option<usize>> {
    let mut subscribers = vec![Vec::new(); scene.layout.topics()];
    for (member, topics) in scene.topics.iter().enumerate() {
        topics.iter().for_each(|topic| subscribers[*topic].push(member));
    }
    let mut topics: Vec<usize> = (0..subscribers.len()).collect();
    topics.sort_by(|a, b| by_partitions_each(scene, &subscribers, *a, *b));

    let mut owners = scene.owners.clone();
    let mut loads = vec![0; scene.topics.len()];
    owners.iter().flatten().for_each(|owner| loads[*owner] += 1);

    for &topic in &topics {
        let mut ranges = Ranges::new(&subscribers[topic], &loads);
        for owner in &mut owners[scene.layout.partitions_of(topic)] {
            if owner.is_none() {
                let member = ranges.least_loaded(&loads);
                *owner = Some(member);
                loads[member] += 1;
            }
        }
    }

    topics.retain(|topic| subscribers[*topic].len() > 1);
    let mut last_changed = None;
    for _ in 0..ROUNDS {
        for &topic in &topics {
            if last_changed == Some(topic) {
                return owners;
            }
            let owners = &mut owners[scene.layout.partitions_of(topic)];
            let changed = balance(owners, &subscribers[topic], &mut loads);
            if changed || last_changed.is_none() {
                last_changed = Some(topic);
            }
        }
    }
    owners
}

fn by_partitions_each(
    scene: &Scene<'_>,
    subscribers: &[Vec<usize>],
    a: usize,
    b: usize,
) -> Ordering {
    let partitions = |topic| scene.layout.partitions_of(topic).len();
    let members = |topic: usize| subscribers[topic].len();
    // the quotients, compared without dividing
    let each = (partitions(b) * members(a)).cmp(&(partitions(a) * members(b)));
    each.then(members(a).cmp(&members(b))).then(a.cmp(&b))
}

/// Moves partitions of one topic from its most to its least loaded subscribers; whether any moved.
fn balance(owners: &mut [Option<usize>], subscribers: &[usize], loads: &mut [usize]) -> bool {
    let of_subscribers = || subscribers.iter().map(|member| loads[*member]);
    if of_subscribers().max() <= of_subscribers().min().map(|least| least + 1) {
        return false;
    }
    let mut owned = vec![Vec::new(); loads.len()];
    for (partition, owner) in owners.iter().enumerate() {
        owner.iter().for_each(|owner| owned[*owner].push(partition));
    }
    let mut ranges = Ranges::new(subscribers, loads);
    let mut changed = false;
    loop {
        let Some(from) = ranges.most_loaded(loads) else { return changed };
        // the highest numbers go first; what a member is given here, it does not give away again
        let Some(partition) = owned[from].pop() else {
            ranges.exclude_most_loaded();
            continue;
        };
        let to = ranges.least_loaded(loads);
        if ranges.is_balanced() {
            return changed;
        }
        owners[partition] = Some(to);
        loads[from] -= 1;
        loads[to] += 1;
        changed = true;
    }
}
