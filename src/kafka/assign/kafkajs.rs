//! KafkaJS's `RoundRobinAssigner`.
//!
//! Source: KafkaJS 2.2.4, `src/consumer/assigners/roundRobinAssigner/index.js`. The only assigner
//! that KafkaJS has. Its name is not that of Java's `roundrobin`, so the two cannot be in one group.

use super::layout::by_id;
use super::{Assignment, Group};

/// Deals the partitions of the leader's topics, one by one, to the members in the order of their ids.
///
/// What the other members subscribe to does not matter: a member may be given partitions of a topic
/// that it did not ask for.
pub(super) fn assign(group: Group<'_>) -> Assignment {
    let mut assignment = vec![Vec::new(); group.members.len()];
    let order = by_id(group.members);
    let topics =
        group.members.get(group.leader).map_or(&[][..], |leader| &leader.subscription.topics);
    let partitions = topics.iter().flat_map(|topic| group.partitions_of(*topic));
    // without members there is no leader, and without a leader there are no partitions
    for (partition, member) in partitions.zip(order.iter().cycle()) {
        assignment[*member].push(partition);
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::super::testing::{group, partitions_of};
    use super::super::{Assignor, Group};

    #[test]
    fn members_are_sorted_by_the_utf16_units_of_their_ids() {
        // U+1F600 is two units that begin with 0xD83D, and U+FF21 is one unit
        let fixture = group(&[("t", 2)]).member("\u{ff21}", &["t"]).member("\u{1f600}", &["t"]);
        let assignment = Assignor::KafkaJs.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "\u{1f600}"), ["t-0"]);
        assert_eq!(partitions_of(&fixture, &assignment, "\u{ff21}"), ["t-1"]);
    }

    #[test]
    fn only_the_topics_of_the_leader_are_assigned_and_to_everybody() {
        let fixture = group(&[("t", 2), ("u", 1)]).member("b", &["u", "t"]).member("a", &["t"]);
        let leads = |leader| Assignor::KafkaJs.assign(Group { leader, ..fixture.group() });
        assert_eq!(partitions_of(&fixture, &leads(0), "a"), ["u-0", "t-1"]);
        assert_eq!(partitions_of(&fixture, &leads(0), "b"), ["t-0"]);
        assert_eq!(partitions_of(&fixture, &leads(1), "a"), ["t-0"]);
        assert_eq!(partitions_of(&fixture, &leads(1), "b"), ["t-1"]);
    }

    #[test]
    fn a_group_without_members_gets_nothing() {
        assert!(Assignor::KafkaJs.assign(group(&[("t", 2)]).group()).is_empty());
    }
}
