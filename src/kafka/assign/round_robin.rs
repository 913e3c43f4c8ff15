//! Java's `roundrobin`.
//!
//! Source: Kafka 4.1.1, `RoundRobinAssignor`.

use super::layout::{Layout, static_first};
use super::{Assignment, Group};

/// Deals the partitions, by topic name and number, to the members in a circle, static ones first. A
/// member that does not subscribe to the topic is passed over and loses its turn.
pub(super) fn assign(group: Group<'_>) -> Assignment {
    let layout = Layout::of(group);
    let mut assignment = vec![Vec::new(); group.members.len()];
    let order = static_first(group.members);
    let subscriptions = layout.subscriptions(group.members);
    let mut circle = order.iter().cycle();
    for partition in 0..layout.partitions() {
        let topic = layout.topic_of(partition);
        // somebody subscribes to every topic of the layout
        let next = circle.find(|member| subscriptions[**member][topic]).expect("a subscriber");
        assignment[*next].push(layout.named(partition));
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::testing::{group, partitions_of};

    #[test]
    fn a_member_that_does_not_subscribe_is_passed_over_and_loses_its_turn() {
        let fixture = group(&[("topic1", 3), ("topic2", 2)])
            .member("consumer1", &["topic1"])
            .member("consumer2", &["topic1", "topic2"])
            .member("consumer3", &["topic1"]);
        let assignment = Assignor::RoundRobin.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "consumer1"), ["topic1-0"]);
        let second = partitions_of(&fixture, &assignment, "consumer2");
        assert_eq!(second, ["topic1-1", "topic2-0", "topic2-1"]);
        assert_eq!(partitions_of(&fixture, &assignment, "consumer3"), ["topic1-2"]);
    }

    #[test]
    fn static_members_come_first_by_their_instance_ids() {
        let fixture = group(&[("t", 3)])
            .member("a", &["t"])
            .member("c", &["t"])
            .instance("1")
            .member("b", &["t"])
            .instance("2");
        let assignment = Assignor::RoundRobin.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "c"), ["t-0"]);
        assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-1"]);
        assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-2"]);
    }

    #[test]
    fn a_topic_that_does_not_exist_has_no_partitions() {
        let fixture = group(&[("t", 0)]).member("a", &["t"]);
        let assignment = Assignor::RoundRobin.assign(fixture.group());
        assert!(partitions_of(&fixture, &assignment, "a").is_empty());
    }
}
