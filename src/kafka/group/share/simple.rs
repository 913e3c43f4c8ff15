//! `simple`, the assignor of share groups.

use std::collections::BTreeMap;

use crate::kafka::assign::{Assignment, Group};
use crate::talk::kafka::TopicId;

/// Every partition of a topic goes to at least one of the members that read it, and every member gets
/// at least one: partitions and members are laid side by side, and the shorter row is repeated.
///
/// Kafka keeps what members had and takes the hash of their ids for where they begin; here they
/// begin at their place. Source: `SimpleAssignor` of Apache Kafka 4.1.1.
pub(in crate::kafka::group) fn simple(group: Group<'_>) -> Assignment {
    let mut readers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
    for (place, member) in group.members.iter().enumerate() {
        for topic in &member.subscription.topics {
            readers.entry(*topic).or_default().push(place);
        }
    }
    let mut assignment = vec![Vec::new(); group.members.len()];
    for (topic, readers) in readers {
        let partitions: Vec<_> = group.partitions_of(topic).collect();
        if partitions.is_empty() {
            continue;
        }
        for n in 0..partitions.len().max(readers.len()) {
            let part: &mut Vec<_> = &mut assignment[readers[n % readers.len()]];
            let at = partitions[n % partitions.len()];
            if !part.contains(&at) {
                part.push(at);
            }
        }
    }
    assignment
}
