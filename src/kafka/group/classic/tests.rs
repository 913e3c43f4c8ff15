use super::State;
use crate::kafka::coordinate::lab::Writes;
use crate::kafka::group::Group;
use crate::kafka::group::testing::*;
use crate::kernel::{NodeId, Span};
use crate::talk::kafka::{Answer, Code, Join, KafkaNote, Left};
use crate::talk::{KafkaTimer, Name};

fn state(lab: &Lab) -> (State, i32) {
    match lab.coordinator.group(G) {
        Some(Group::Classic(it)) => (it.state(), it.generation()),
        other => panic!("no classic group: {other:?}"),
    }
}

fn static_join(instance: &str) -> Join {
    Join { instance: Some(instance.into()), ..join(&Name::default()) }
}

fn gone(lab: &Lab) -> Vec<(u32, Left)> {
    let of = |note: &KafkaNote| match note {
        KafkaNote::MemberGone { peer: NodeId(peer), why, .. } => Some((*peer, *why)),
        _ => None,
    };
    lab.notes.iter().filter_map(of).collect()
}

/// Two static members in generation 1; the first leads.
fn static_pair(lab: &mut Lab) -> [Name; 2] {
    let requests = [lab.join(1, static_join("x")), lab.join(2, static_join("y"))];
    lab.pass(secs(6));
    let [a, b] = requests.map(|request| lab.joined(request).member);
    let (sync_a, sync_b) = (lab.sync(1, 1, &a, &[(&a, &[0]), (&b, &[1])]), lab.sync(2, 1, &b, &[]));
    assert_eq!((lab.synced(sync_a), lab.synced(sync_b)), (Ok(vec![0]), Ok(vec![1])));
    [a, b]
}

#[test]
fn a_dynamic_member_is_given_an_id_and_must_come_again_with_it() {
    let mut lab = lab();
    let request = lab.join(1, join(&Name::default()));
    let told = lab.joined(request);
    assert_eq!(told.error, Some(Code::MemberIdRequired));
    assert!(told.member.as_str().starts_with("c-"), "{}", told.member);
    assert_eq!(state(&lab).0, State::Empty);
    lab.join(1, join(&told.member));
    assert_eq!(state(&lab).0, State::PreparingRebalance);
}

#[test]
fn a_member_whose_requests_are_old_is_taken_at_once() {
    let mut lab = lab();
    lab.join(1, Join { member_id_required: false, ..join(&Name::default()) });
    assert_eq!(state(&lab).0, State::PreparingRebalance);
}

#[test]
fn the_first_rebalance_waits_three_seconds() {
    let mut lab = lab();
    let (_, request) = lab.join_dynamic(1);
    lab.pass(Span::from_millis(2_999));
    assert_eq!(lab.answer(request), None);
    lab.pass(Span::from_millis(1));
    let joined = lab.joined(request);
    assert_eq!((joined.error, joined.generation, joined.members.len()), (None, 1, 1));
}

#[test]
fn the_first_rebalance_waits_longer_while_members_come() {
    let mut lab = lab();
    let (_, first) = lab.join_dynamic(1);
    lab.pass(secs(2));
    let (_, second) = lab.join_dynamic(2);
    lab.pass(Span::from_millis(3_999));
    assert_eq!(lab.answer(first), None);
    lab.pass(Span::from_millis(1));
    assert_eq!(lab.joined(first).members.len(), 2);
    assert_eq!(lab.joined(second).members.len(), 0, "only the leader learns of all");
}

#[test]
fn the_first_rebalance_waits_no_longer_than_the_rebalance_timeout() {
    let mut lab = lab();
    let quick = |lab: &mut Lab, node| {
        let rebalance_timeout = secs(7);
        lab.join(
            node,
            Join { member_id_required: false, rebalance_timeout, ..join(&Name::default()) },
        )
    };
    let first = quick(&mut lab, 1);
    for node in 2..8 {
        lab.pass(secs(1));
        assert_eq!(lab.answer(first), None);
        quick(&mut lab, node);
    }
    lab.pass(secs(1));
    assert_eq!(lab.joined(first).members.len(), 7);
}

#[test]
fn a_rebalance_is_over_as_soon_as_all_have_joined_again() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    let (_, request_c) = lab.join_dynamic(3);
    assert_eq!(lab.heartbeat(1, 1, &a), Err(Code::RebalanceInProgress));
    let request_a = lab.join(1, join(&a));
    assert_eq!(lab.answer(request_c), None);
    let request_b = lab.join(2, join(&b));
    for request in [request_a, request_b, request_c] {
        let joined = lab.joined(request);
        assert_eq!((joined.generation, joined.leader), (2, a.clone()));
    }
}

#[test]
fn a_pending_member_holds_the_join_phase_open_until_its_session_ends() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    let request = lab.join(1, join(&a)); // it leads: a rebalance begins
    lab.join(3, join(&Name::default()));
    lab.join(2, join(&b));
    assert_eq!(state(&lab), (State::PreparingRebalance, 1));
    lab.pass(secs(10));
    assert_eq!(lab.joined(request).members.len(), 2);
}

#[test]
fn a_follower_that_joins_again_unchanged_gets_the_current_generation() {
    let mut lab = lab();
    let [_, b] = lab.pair();
    let request = lab.join(2, join(&b));
    let joined = lab.joined(request);
    assert_eq!((joined.error, joined.generation), (None, 1));
    assert_eq!(state(&lab), (State::Stable, 1));
}

#[test]
fn a_follower_whose_subscription_changed_begins_a_rebalance() {
    let mut lab = lab();
    let [_, b] = lab.pair();
    lab.join(2, Join { protocols: protocols(&["range", "roundrobin"]), ..join(&b) });
    assert_eq!(state(&lab), (State::PreparingRebalance, 1));
}

#[test]
fn who_has_not_joined_again_within_the_rebalance_timeout_is_out() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    let request = lab.join(1, join(&a));
    for _ in 0..12 {
        lab.pass(secs(5));
        let _ = lab.heartbeat(2, 1, &b);
    }
    assert_eq!(lab.joined(request).members.len(), 1);
    assert_eq!(gone(&lab), [(2, Left::Rebalance)]);
    assert_eq!(lab.heartbeat(2, 1, &b), Err(Code::UnknownMemberId));
}

#[test]
fn another_member_leads_when_the_leader_has_not_joined_again() {
    let mut lab = lab();
    let [_, b] = lab.pair();
    let (_, request_c) = lab.join_dynamic(3);
    let request_b = lab.join(2, join(&b));
    lab.pass(secs(60));
    assert_eq!(lab.joined(request_c).leader, b);
    assert_eq!(lab.joined(request_b).members.len(), 2);
}

#[test]
fn a_parked_join_keeps_a_member_alive() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    let request = lab.join(1, join(&a));
    for _ in 0..5 {
        lab.pass(secs(5));
        assert_eq!(lab.heartbeat(2, 1, &b), Err(Code::RebalanceInProgress));
    }
    assert_eq!(gone(&lab), [], "25 s, and its session timeout is 10 s");
    lab.join(2, join(&b));
    assert_eq!(lab.joined(request).generation, 2);
}

#[test]
fn a_member_that_is_silent_for_its_session_timeout_is_out_and_the_others_rebalance() {
    let mut lab = lab();
    let [a, _] = lab.pair();
    lab.pass(secs(9));
    assert_eq!(lab.heartbeat(1, 1, &a), Ok(()));
    lab.pass(secs(1));
    assert_eq!(gone(&lab), [(2, Left::Session)]);
    assert_eq!(lab.heartbeat(1, 1, &a), Err(Code::RebalanceInProgress));
}

#[test]
fn a_member_that_leaves_makes_the_others_rebalance() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    assert_eq!(lab.leave(2, b.as_str(), None), Answer::LeaveGroup(Ok(())));
    let request = lab.join(1, join(&a));
    assert_eq!(lab.joined(request).generation, 2);
    lab.leave(1, a.as_str(), None);
    assert_eq!(state(&lab), (State::Empty, 3));
    assert_eq!(lab.heartbeat(1, 3, &a), Err(Code::UnknownMemberId));
}

#[test]
fn a_sync_waits_for_the_leaders() {
    let mut lab = lab();
    let (a, join_a) = lab.join_dynamic(1);
    let (b, _) = lab.join_dynamic(2);
    lab.pass(secs(6));
    lab.joined(join_a);
    let parked = lab.sync(2, 1, &b, &[]);
    assert_eq!(lab.answer(parked), None);
    assert_eq!(lab.heartbeat(2, 1, &b), Ok(()), "an assignment is computed, and that is no error");
    lab.writes = Writes::Wait;
    let leading = lab.sync(1, 1, &a, &[(&b, &[4])]);
    assert_eq!((lab.answer(leading), lab.answer(parked)), (None, None), "until it is written");
    lab.commit();
    assert_eq!(lab.synced(parked), Ok(vec![4]));
    assert_eq!(lab.synced(leading), Ok(vec![]), "who is left out has nothing");
}

#[test]
fn who_does_not_sync_within_the_rebalance_timeout_is_out() {
    let mut lab = lab();
    let (a, _) = lab.join_dynamic(1);
    let (b, _) = lab.join_dynamic(2);
    lab.pass(secs(6));
    let leading = lab.sync(1, 1, &a, &[(&a, &[0]), (&b, &[1])]);
    assert_eq!(lab.synced(leading), Ok(vec![0]));
    for _ in 0..11 {
        lab.pass(secs(5));
        assert_eq!(lab.heartbeat(1, 1, &a), Ok(()));
        assert_eq!(lab.heartbeat(2, 1, &b), Ok(()));
    }
    lab.pass(secs(5));
    assert_eq!(gone(&lab), [(2, Left::Rebalance)]);
    assert_eq!(lab.heartbeat(1, 1, &a), Err(Code::RebalanceInProgress));
}

#[test]
fn an_assignment_that_cannot_be_written_makes_all_join_again() {
    let mut lab = lab();
    let (a, _) = lab.join_dynamic(1);
    lab.pass(secs(3));
    lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    let request = lab.sync(1, 1, &a, &[(&a, &[0])]);
    assert_eq!(lab.synced(request), Err(Code::CoordinatorNotAvailable));
    assert_eq!(state(&lab), (State::PreparingRebalance, 1));
}

#[test]
fn members_that_have_no_assignor_in_common_cannot_be_in_one_group() {
    let mut lab = lab();
    lab.pair();
    let request = lab.join(3, Join { protocols: protocols(&["sticky"]), ..join(&Name::default()) });
    assert_eq!(lab.joined(request).error, Some(Code::InconsistentGroupProtocol));
}

#[test]
fn the_assignor_that_most_members_like_best_is_taken() {
    let mut lab = lab();
    let join_with = |lab: &mut Lab, node, names: &[&str]| {
        let protocols = protocols(names);
        lab.join(node, Join { member_id_required: false, protocols, ..join(&Name::default()) })
    };
    let request = join_with(&mut lab, 1, &["range", "cooperative-sticky"]);
    join_with(&mut lab, 2, &["cooperative-sticky", "range"]);
    join_with(&mut lab, 3, &["sticky", "cooperative-sticky", "range"]);
    lab.pass(secs(6));
    assert_eq!(lab.joined(request).protocol, "cooperative-sticky");
}

#[test]
fn a_session_timeout_must_be_between_the_brokers_bounds() {
    let mut lab = lab();
    for timeout in [Span::from_millis(5_999), Span::from_millis(1_800_001)] {
        let request = lab.join(1, Join { session_timeout: timeout, ..join(&Name::default()) });
        assert_eq!(lab.joined(request).error, Some(Code::InvalidSessionTimeout));
    }
}

#[test]
fn a_static_member_that_comes_back_gets_what_it_had_and_nobody_rebalances() {
    let mut lab = lab();
    let [a, b] = static_pair(&mut lab);
    lab.pass(secs(5));
    assert_eq!(lab.heartbeat(1, 1, &a), Ok(()));
    let request = lab.join(12, static_join("y"));
    let joined = lab.joined(request);
    assert_eq!((joined.error, joined.generation), (None, 1));
    assert_ne!(joined.member, b);
    let sync = lab.sync(12, 1, &joined.member, &[]);
    assert_eq!(lab.synced(sync), Ok(vec![1]));
    assert_eq!(lab.heartbeat(1, 1, &a), Ok(()));
    assert_eq!(state(&lab), (State::Stable, 1));
}

#[test]
fn a_static_leader_that_comes_back_need_not_assign() {
    let mut lab = lab();
    let [_, b] = static_pair(&mut lab);
    let request = lab.join(11, static_join("x"));
    let joined = lab.joined(request);
    assert!(joined.skip_assignment);
    assert_eq!((joined.leader, joined.members.len()), (joined.member, 2));
    assert_eq!(lab.heartbeat(2, 1, &b), Ok(()));
}

#[test]
fn of_two_clients_with_one_instance_id_the_older_is_fenced() {
    let mut lab = lab();
    let [_, b] = static_pair(&mut lab);
    lab.join(12, static_join("y"));
    let api = crate::talk::kafka::Api::Heartbeat {
        group: G,
        generation: 1,
        member: b,
        instance: Some("y".into()),
    };
    assert_eq!(lab.ask(2, api), Answer::Heartbeat(Err(Code::FencedInstanceId)));
}

#[test]
fn the_new_id_of_a_static_member_that_cannot_be_written_does_not_hold() {
    let mut lab = lab();
    let [_, b] = static_pair(&mut lab);
    lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    let request = lab.join(12, static_join("y"));
    assert_eq!(lab.joined(request).error, Some(Code::CoordinatorNotAvailable));
    assert_eq!(lab.heartbeat(2, 1, &b), Ok(()));
}

#[test]
fn a_static_member_that_has_not_joined_again_stays() {
    let mut lab = lab();
    let requests =
        ["x", "y"].map(|it| lab.join(1, Join { session_timeout: secs(100), ..static_join(it) }));
    lab.pass(secs(6));
    let [a, b] = requests.map(|request| lab.joined(request).member);
    lab.sync(1, 1, &a, &[]);
    lab.sync(2, 1, &b, &[]);
    let protocols = protocols(&["range", "sticky"]);
    let request =
        lab.join(1, Join { member: a, protocols, session_timeout: secs(100), ..static_join("x") });
    lab.pass(secs(60));
    assert_eq!(lab.joined(request).members.len(), 2);
}

#[test]
fn an_operator_removes_a_static_member_by_its_instance_id() {
    let mut lab = lab();
    static_pair(&mut lab);
    assert_eq!(lab.leave(9, "", Some("z")), Answer::LeaveGroup(Err(Code::UnknownMemberId)));
    assert_eq!(lab.leave(9, "", Some("y")), Answer::LeaveGroup(Ok(())));
    assert_eq!(gone(&lab), [(2, Left::Removed)]);
    assert_eq!(state(&lab).0, State::PreparingRebalance);
}

#[test]
fn a_coordinator_that_takes_over_knows_members_generation_and_assignment() {
    let mut lab = lab();
    let [a, b] = lab.pair();
    lab.fail_over(fresh());
    assert_eq!(state(&lab), (State::Stable, 1));
    assert_eq!(lab.heartbeat(1, 1, &a), Ok(()));
    let sync = lab.sync(2, 1, &b, &[]);
    assert_eq!(lab.synced(sync), Ok(vec![3, 4, 5]));
    lab.pass(secs(20));
    assert_eq!(gone(&lab), [(2, Left::Session), (1, Left::Session)], "2 said nothing");
}

#[test]
fn who_waits_at_a_coordinator_that_gives_up_is_told() {
    let mut lab = lab();
    let (_, request) = lab.join_dynamic(1);
    lab.unload();
    assert_eq!(lab.joined(request).error, Some(Code::NotCoordinator));
    assert_eq!(lab.remaining(KafkaTimer::Join(G)), None);
}
