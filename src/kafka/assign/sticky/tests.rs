//! The rules that `sticky` and `cooperative-sticky` keep, each as a group that shows it.

use super::super::testing::{Fixture, group, partitions_of};
use super::super::{Assignment, Assignor};

fn sticky(fixture: &Fixture) -> Assignment {
    Assignor::Sticky.assign(fixture.group())
}

fn cooperative(fixture: &Fixture) -> Assignment {
    Assignor::CooperativeSticky.assign(fixture.group())
}

#[test]
fn what_is_free_is_dealt_by_topic_and_number_to_members_by_id() {
    let fixture = group(&[("u", 1), ("t", 2)]).member("b", &["t", "u"]).member("a", &["t", "u"]);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0", "u-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-1"]);
}

#[test]
fn a_member_keeps_the_lowest_numbers_of_each_topic_up_to_its_quota() {
    let fixture = group(&[("t", 2), ("u", 2)])
        .member("a", &["t", "u"])
        .owns(&["t-0", "t-1", "u-0", "u-1"], 1)
        .member("b", &["t", "u"]);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0", "u-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-1", "u-1"]);
}

#[test]
fn cooperatively_what_changes_its_owner_is_withheld_until_it_was_given_back() {
    let topics = [("t", 4)];
    let first = group(&topics)
        .member("a", &["t"])
        .owns(&["t-0", "t-1", "t-2", "t-3"], 1)
        .member("b", &["t"]);
    let assignment = cooperative(&first);
    assert_eq!(partitions_of(&first, &assignment, "a"), ["t-0", "t-1"]);
    assert!(partitions_of(&first, &assignment, "b").is_empty());

    let second = group(&topics)
        .member("a", &["t"])
        .owns(&["t-0", "t-1"], 2)
        .member("b", &["t"])
        .owns(&[], 2);
    let assignment = cooperative(&second);
    assert_eq!(partitions_of(&second, &assignment, "a"), ["t-0", "t-1"]);
    assert_eq!(partitions_of(&second, &assignment, "b"), ["t-2", "t-3"]);
}

#[test]
fn cooperatively_with_different_subscriptions_it_is_withheld_too() {
    let fixture = group(&[("t", 2), ("u", 1)])
        .member("a", &["t", "u"])
        .owns(&["t-0", "t-1", "u-0"], 1)
        .member("b", &["t"]);
    let eager = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &eager, "b").len(), 1);
    let assignment = cooperative(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a").len(), 2);
    assert!(partitions_of(&fixture, &assignment, "b").is_empty());
}

#[test]
fn what_two_members_claim_in_one_generation_neither_keeps() {
    let fixture = group(&[("t", 2)])
        .member("a", &["t"])
        .owns(&["t-1"], 3)
        .member("b", &["t"])
        .owns(&["t-1"], 3);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-1"]);
    // nobody may have it before both have given it back
    let assignment = cooperative(&fixture);
    assert!(partitions_of(&fixture, &assignment, "b").is_empty());
}

#[test]
fn of_two_claims_in_different_generations_the_higher_one_is_believed() {
    let fixture = group(&[("t", 2)])
        .member("a", &["t"])
        .owns(&["t-0"], 4)
        .member("b", &["t"])
        .owns(&["t-0"], 3);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-1"]);
}

#[test]
fn who_keeps_one_more_is_the_first_in_javas_hash_map() {
    // c3 lies in bucket 0, c1 and c2 in 14 and 15
    let fixture = group(&[("t", 4)])
        .member("c1", &["t"])
        .member("c2", &["t"])
        .owns(&["t-0", "t-1"], 1)
        .member("c3", &["t"])
        .owns(&["t-2", "t-3"], 1);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "c1"), ["t-1"]);
    assert_eq!(partitions_of(&fixture, &assignment, "c2"), ["t-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "c3"), ["t-2", "t-3"]);
}

#[test]
fn with_different_subscriptions_partitions_move_until_it_is_as_even_as_it_can_be() {
    let fixture = group(&[("t", 2), ("u", 4)])
        .member("a", &["t"])
        .member("b", &["t", "u"])
        .owns(&["t-0", "t-1", "u-0", "u-1", "u-2", "u-3"], 1);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0", "t-1"]);
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["u-0", "u-1", "u-2", "u-3"]);
}

#[test]
fn where_racks_matter_a_member_gives_up_what_is_far_from_it() {
    let fixture = group(&[("t", 2)])
        .racks("t", &["a", "b"])
        .member("1", &["t"])
        .rack('a')
        .owns(&["t-1"], 1)
        .member("2", &["t"])
        .rack('b')
        .owns(&["t-0"], 1);
    let assignment = sticky(&fixture);
    assert_eq!(partitions_of(&fixture, &assignment, "1"), ["t-0"]);
    assert_eq!(partitions_of(&fixture, &assignment, "2"), ["t-1"]);
}

#[test]
fn a_partition_that_no_longer_exists_is_nobodys() {
    let fixture = group(&[("t", 1), ("gone", 0)])
        .member("a", &["t", "gone"])
        .owns(&["t-0", "t-7", "gone-0"], 1);
    assert_eq!(partitions_of(&fixture, &sticky(&fixture), "a"), ["t-0"]);
}

#[test]
fn a_member_that_subscribes_to_nothing_gets_nothing() {
    let fixture = group(&[("t", 2)]).member("a", &[]).member("b", &["t"]);
    let assignment = sticky(&fixture);
    assert!(partitions_of(&fixture, &assignment, "a").is_empty());
    assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-0", "t-1"]);
    assert!(sticky(&group(&[("t", 2)])).is_empty());
}

/// group_coop, recorded with librdkafka 2: a second member comes, a third one, and the second leaves.
#[test]
fn librdkafka_moves_the_first_partitions_of_whoever_has_most_and_deals_from_the_last() {
    let assign = |fixture: &Fixture| Assignor::LibrdkafkaSticky.assign(fixture.group());
    let all = ["t-0", "t-1", "t-2", "t-3", "t-4", "t-5"];
    let two = group(&[("t", 6)]).member("c1", &["t"]).owns(&all, 1).member("c2", &["t"]);
    assert_eq!(partitions_of(&two, &assign(&two), "c1"), ["t-3", "t-4", "t-5"]);

    let three = group(&[("t", 6)])
        .member("c1", &["t"])
        .owns(&["t-3", "t-4", "t-5"], 3)
        .member("c2", &["t"])
        .owns(&["t-0", "t-1", "t-2"], 3)
        .member("c3", &["t"]);
    let assignment = assign(&three);
    assert_eq!(partitions_of(&three, &assignment, "c1"), ["t-4", "t-5"]);
    assert_eq!(partitions_of(&three, &assignment, "c2"), ["t-1", "t-2"]);

    let left = group(&[("t", 6)])
        .member("c1", &["t"])
        .owns(&["t-4", "t-5"], 5)
        .member("c3", &["t"])
        .owns(&["t-0", "t-3"], 5);
    let assignment = assign(&left);
    assert_eq!(partitions_of(&left, &assignment, "c1"), ["t-2", "t-4", "t-5"]);
    assert_eq!(partitions_of(&left, &assignment, "c3"), ["t-0", "t-1", "t-3"]);
}
