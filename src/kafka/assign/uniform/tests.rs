//! The rules of `uniform`. With different subscriptions: the cases of Kafka's own tests
//! (`UniformHeterogeneousAssignmentBuilderTest`).

use super::super::testing::{Fixture, group, partitions_of};
use super::super::{Assignor, Member};

/// What each member is to read, in the order of the members.
fn uniform(fixture: &Fixture) -> Vec<String> {
    let assignment = Assignor::Uniform.assign(fixture.group());
    let share = |member: &Member| partitions_of(fixture, &assignment, member.id.as_str()).join(" ");
    fixture.members.iter().map(share).collect()
}

#[test]
fn with_the_same_subscriptions_the_first_members_get_one_more() {
    let fixture = group(&[("t", 3)]).member("B", &["t"]).member("A", &["t"]);
    assert_eq!(uniform(&fixture), ["t-2", "t-0 t-1"]);
}

#[test]
fn a_member_keeps_what_it_has_up_to_its_quota() {
    let fixture = group(&[("t", 3), ("u", 3)])
        .member("A", &["t", "u"])
        .owns(&["t-0", "t-1", "u-0", "u-1"], 1)
        .member("B", &["u", "t"])
        .owns(&["t-2", "u-2"], 1);
    assert_eq!(uniform(&fixture), ["t-0 t-1 u-0", "t-2 u-1 u-2"]);
}

#[test]
fn one_more_goes_to_the_first_even_if_another_has_it() {
    let fixture = group(&[("t", 3)])
        .member("A", &["t"])
        .owns(&["t-0"], 1)
        .member("B", &["t"])
        .owns(&["t-1", "t-2"], 1);
    assert_eq!(uniform(&fixture), ["t-0 t-2", "t-1"]);
}

#[test]
fn what_is_new_goes_to_subscribers_with_the_fewest() {
    let fixture = group(&[("t1", 3), ("t3", 6)]).member("A", &["t1", "t3"]).member("B", &["t3"]);
    assert_eq!(uniform(&fixture), ["t1-0 t1-1 t1-2 t3-4", "t3-0 t3-1 t3-2 t3-3 t3-5"]);
}

#[test]
fn a_member_may_get_nothing_when_there_are_too_few() {
    let fixture = group(&[("t1", 2), ("t3", 1)])
        .member("A", &["t3"])
        .member("B", &["t3"])
        .member("C", &["t1"]);
    assert_eq!(uniform(&fixture), ["t3-0", "", "t1-0 t1-1"]);
}

#[test]
fn an_uneven_assignment_is_evened_out_topic_by_topic() {
    let fixture = group(&[("t1", 6), ("t2", 4), ("t3", 4)])
        .member("A", &["t1"])
        .owns(&["t1-0", "t1-1", "t1-2"], 1)
        .member("B", &["t1", "t2"])
        .owns(&["t1-3", "t2-0"], 1)
        .member("C", &["t1", "t2", "t3"])
        .owns(&["t1-4", "t1-5", "t2-1", "t2-2", "t2-3", "t3-0", "t3-1", "t3-2", "t3-3"], 1);
    let expected = ["t1-0 t1-1 t1-2 t1-5", "t1-3 t2-0 t2-1 t2-2 t2-3", "t1-4 t3-0 t3-1 t3-2 t3-3"];
    assert_eq!(uniform(&fixture), expected);
}

#[test]
fn a_new_member_and_new_partitions_come_together() {
    let fixture = group(&[("t1", 6), ("t2", 7)])
        .member("A", &["t1"])
        .owns(&["t1-0", "t1-2", "t2-0"], 1)
        .member("B", &["t1", "t2"])
        .owns(&["t1-1", "t2-1", "t2-2"], 1)
        .member("C", &["t1", "t2"]);
    let expected = ["t1-0 t1-2 t1-3 t1-4 t1-5", "t1-1 t2-1 t2-2 t2-6", "t2-0 t2-3 t2-4 t2-5"];
    assert_eq!(uniform(&fixture), expected);
}

#[test]
fn what_a_member_no_longer_subscribes_to_it_gives_up() {
    let fixture = group(&[("t1", 3), ("t2", 5)])
        .member("A", &["t1"])
        .owns(&["t1-0", "t1-2", "t2-1", "t2-3"], 1)
        .member("B", &["t1", "t2"])
        .owns(&["t1-1", "t2-0", "t2-2", "t2-4"], 1);
    assert_eq!(uniform(&fixture), ["t1-0 t1-1 t1-2", "t2-0 t2-1 t2-2 t2-3 t2-4"]);
}

#[test]
fn a_topic_may_run_out_before_its_subscribers_are_even() {
    // Kafka's test has all subscribe to the same and forces this algorithm; here one more topic
    // that nobody but A could read does
    let fixture = group(&[("t1", 2), ("t2", 2), ("t3", 2), ("none", 0)])
        .member("A", &["t1", "t2", "t3", "none"])
        .owns(&["t1-0", "t1-1", "t2-0", "t2-1", "t3-0", "t3-1"], 1)
        .member("B", &["t1", "t2", "t3"]);
    assert_eq!(uniform(&fixture), ["t2-0 t3-0 t3-1", "t1-0 t1-1 t2-1"]);
}

#[test]
fn a_member_that_subscribes_to_nothing_gets_nothing() {
    let fixture = group(&[("t1", 3)]).member("A", &["t1"]).member("B", &[]);
    assert_eq!(uniform(&fixture), ["t1-0 t1-1 t1-2", ""]);
}
