use crate::kafka::coordinate::lab::Writes;
use crate::kafka::group::testing::*;
use crate::kafka::group::{Group, Phase};
use crate::talk::KafkaTimer;
use crate::talk::kafka::{Code, ConsumerBeat, ConsumerBeaten, KafkaNote, Left, TopicId};

/// A member joins.
fn first(member: &str) -> ConsumerBeat {
    ConsumerBeat {
        group: G,
        member: member.into(),
        epoch: 0,
        instance: None,
        rack: None,
        rebalance_timeout: Some(secs(60)),
        topics: Some(vec![TopicId(0)]),
        assignor: None,
        owned: Some(Vec::new()),
    }
}

/// A member has nothing to say.
fn quiet(member: &str, epoch: i32) -> ConsumerBeat {
    let (rebalance_timeout, topics, owned) = (None, None, None);
    ConsumerBeat { epoch, rebalance_timeout, topics, owned, ..first(member) }
}

/// A member says what it owns.
fn owning(member: &str, epoch: i32, owned: &[u16]) -> ConsumerBeat {
    ConsumerBeat { owned: Some(parts(owned.iter().copied())), ..quiet(member, epoch) }
}

fn told(beaten: &ConsumerBeaten) -> (i32, Option<Vec<u16>>) {
    assert_eq!(beaten.error, None);
    let numbers =
        |it: &Vec<crate::talk::kafka::TopicPartition>| it.iter().map(|at| at.partition).collect();
    (beaten.epoch, beaten.assignment.as_ref().map(numbers))
}

fn phase(lab: &Lab, member: &str) -> Phase {
    match lab.coordinator.group(G) {
        Some(Group::Consumer(it)) => it.members().find(|it| *it.0 == *member).expect("a member").3,
        other => panic!("no group of the consumer protocol: {other:?}"),
    }
}

/// `a` has 0 to 5 and `b` has joined: `a` is to give up some.
fn one_and_a_newcomer() -> Lab {
    let mut lab = lab();
    assert_eq!(told(&lab.beat(1, first("a"))), (1, Some(vec![0, 1, 2, 3, 4, 5])));
    assert_eq!(told(&lab.beat(2, first("b"))), (2, Some(vec![])));
    lab
}

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut lab = lab();
    let beaten = lab.beat(1, first("a"));
    assert_eq!(told(&beaten), (1, Some(vec![0, 1, 2, 3, 4, 5])));
    assert_eq!(beaten.interval, secs(5), "the broker says how often");
    assert_eq!(told(&lab.beat(1, quiet("a", 1))), (1, None), "nothing is news");
}

#[test]
fn a_partition_goes_to_another_member_when_the_first_says_that_it_gave_it_up() {
    let mut lab = one_and_a_newcomer();
    let all = [0, 1, 2, 3, 4, 5];
    let (epoch, kept) = told(&lab.beat(1, owning("a", 1, &all)));
    let kept = kept.expect("news");
    assert_eq!((epoch, kept.len(), phase(&lab, "a")), (1, 3, Phase::Unrevoked));
    assert_eq!(told(&lab.beat(2, quiet("b", 2))), (2, None), "they are not free yet");
    assert_eq!(told(&lab.beat(1, owning("a", 1, &kept))), (2, None));
    let (_, got) = told(&lab.beat(2, quiet("b", 2)));
    let mut both = [got.expect("news"), kept].concat();
    both.sort_unstable();
    assert_eq!(both, all);
    assert_eq!((phase(&lab, "a"), phase(&lab, "b")), (Phase::Stable, Phase::Stable));
}

#[test]
fn a_member_that_does_not_give_up_within_its_rebalance_timeout_is_out() {
    let mut lab = one_and_a_newcomer();
    lab.beat(1, owning("a", 1, &[0, 1, 2, 3, 4, 5]));
    for _ in 0..12 {
        lab.pass(secs(5));
        lab.beat(1, quiet("a", 1));
        lab.beat(2, quiet("b", 2));
    }
    let out =
        KafkaNote::MemberGone { group: G, peer: crate::kernel::NodeId(1), why: Left::Rebalance };
    assert!(lab.notes.contains(&out));
    assert_eq!(lab.beat(1, quiet("a", 1)).error, Some(Code::UnknownMemberId));
}

#[test]
fn a_member_that_is_silent_for_the_session_timeout_is_out_and_the_next_gets_its_partitions() {
    let mut lab = one_and_a_newcomer();
    lab.pass(secs(40));
    lab.beat(2, quiet("b", 2));
    lab.pass(secs(5));
    let (epoch, got) = told(&lab.beat(2, quiet("b", 2)));
    assert_eq!((epoch, got), (3, Some(vec![0, 1, 2, 3, 4, 5])));
}

#[test]
fn a_member_that_comes_with_a_wrong_epoch_is_fenced() {
    let mut lab = one_and_a_newcomer();
    assert_eq!(lab.beat(1, quiet("a", 7)).error, Some(Code::FencedMemberEpoch));
    assert_eq!(lab.beat(3, quiet("c", 1)).error, Some(Code::UnknownMemberId));
}

#[test]
fn a_member_whose_answer_was_lost_may_come_with_the_epoch_before() {
    let mut lab = lab();
    lab.beat(1, first("a"));
    assert_eq!(told(&lab.beat(1, first("a"))), (1, Some(vec![0, 1, 2, 3, 4, 5])));
    assert_eq!(lab.beat(1, quiet("a", 0)).error, Some(Code::FencedMemberEpoch), "it owns what?");
}

#[test]
fn a_member_that_leaves_gives_everything_up() {
    let mut lab = one_and_a_newcomer();
    assert_eq!(told(&lab.beat(1, quiet("a", -1))), (-1, None));
    assert_eq!(told(&lab.beat(2, quiet("b", 2))), (3, Some(vec![0, 1, 2, 3, 4, 5])));
}

#[test]
fn a_static_member_that_leaves_for_a_while_gets_its_partitions_back() {
    let mut lab = lab();
    let fixed = |beat: ConsumerBeat| ConsumerBeat { instance: Some("x".into()), ..beat };
    lab.beat(1, fixed(first("a")));
    assert_eq!(lab.beat(9, fixed(first("z"))).error, Some(Code::UnreleasedInstanceId));
    assert_eq!(told(&lab.beat(1, fixed(quiet("a", -2)))), (-2, None));
    assert_eq!(told(&lab.beat(2, fixed(first("b")))), (1, Some(vec![0, 1, 2, 3, 4, 5])));
    assert_eq!(lab.beat(1, fixed(quiet("a", 1))).error, Some(Code::FencedInstanceId));
}

#[test]
fn a_commit_must_carry_the_epoch_that_the_member_has_reached() {
    let mut lab = one_and_a_newcomer();
    assert_eq!(lab.commit_offset(2, 2, &"b".into(), 5), Ok(()));
    assert_eq!(lab.commit_offset(2, 1, &"b".into(), 5), Err(Code::StaleMemberEpoch));
    assert_eq!(lab.commit_offset(3, 2, &"c".into(), 5), Err(Code::UnknownMemberId));
}

#[test]
fn more_partitions_move_the_group_to_its_next_epoch() {
    let mut lab = lab();
    lab.beat(1, first("a"));
    lab.grow(0, 8);
    let (epoch, got) = told(&lab.beat(1, quiet("a", 1)));
    assert_eq!((epoch, got.map(|it| it.len())), (2, Some(8)));
}

#[test]
fn a_coordinator_that_takes_over_goes_on_where_the_other_was() {
    let mut lab = one_and_a_newcomer();
    let (_, kept) = told(&lab.beat(1, owning("a", 1, &[0, 1, 2, 3, 4, 5])));
    let before = lab.coordinator.group(G).cloned();
    lab.fail_over(fresh());
    assert_eq!(lab.coordinator.group(G), before.as_ref());
    assert_eq!(lab.remaining(KafkaTimer::Member(G, 0)), Some(secs(60)));
    assert_eq!(told(&lab.beat(1, owning("a", 1, &kept.expect("news")))), (2, None));
}

#[test]
fn what_cannot_be_written_has_not_happened() {
    let mut lab = lab();
    lab.beat(1, first("a"));
    let before = lab.coordinator.group(G).cloned();
    lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    assert_eq!(lab.beat(2, first("b")).error, Some(Code::CoordinatorNotAvailable));
    assert_eq!(lab.coordinator.group(G), before.as_ref());
    lab.writes = Writes::Commit;
    assert_eq!(told(&lab.beat(1, quiet("a", 1))), (1, None));
}

#[test]
fn since_4_3_members_that_come_together_are_assigned_together() {
    let mut lab = Lab::new(of_version("kafka-4.3"), &[6]);
    lab.beat(1, first("a"));
    assert_eq!(told(&lab.beat(2, first("b"))), (1, Some(vec![])), "no new target within a second");
    lab.pass(secs(1));
    assert_eq!(told(&lab.beat(2, quiet("b", 1))).0, 2);
}

#[test]
fn members_of_a_share_group_share_partitions() {
    let mut lab = lab();
    let mut beat = |node: u32, beat| match lab
        .ask(node, crate::talk::kafka::Api::ShareGroupHeartbeat(Box::new(beat)))
    {
        crate::talk::kafka::Answer::ConsumerGroupHeartbeat(it) => told(&it),
        other => panic!("no answer to a heartbeat: {other:?}"),
    };
    for (node, id) in (1..).zip(["a", "b", "c", "d", "e", "f", "g"]) {
        beat(node, first(id));
    }
    assert_eq!(beat(1, quiet("a", 1)), (7, Some(vec![0])));
    assert_eq!(beat(7, quiet("g", 7)), (7, None));
}
