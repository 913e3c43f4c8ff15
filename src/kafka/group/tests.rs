//! Offsets, and what holds whatever happens.

use super::testing::*;
use crate::kafka::coordinate::lab::Writes;
use crate::talk::kafka::{Answer, Api, Code, KafkaNote, Offset, ProducerIdentity, TxnOffsets};
use crate::talk::{KafkaTimer, Name};

const P: ProducerIdentity = ProducerIdentity { id: 5, epoch: 0 };

fn txn_commit(lab: &mut Lab, member: Option<(i32, Name)>, offset: Offset) -> Result<(), Code> {
    let commit = TxnOffsets {
        txn: Default::default(),
        producer: P,
        group: G,
        member,
        instance: None,
        offsets: vec![(part(0), offset)],
    };
    match lab.ask(1, Api::TxnOffsetCommit(Box::new(commit))) {
        Answer::TxnOffsetCommit(each) => each[0].1,
        other => panic!("no answer to a commit: {other:?}"),
    }
}

#[test]
fn a_commit_counts_when_it_is_replicated() {
    let mut lab = lab();
    lab.writes = Writes::Wait;
    let api = Api::OffsetCommit(Box::new(crate::talk::kafka::CommitOffsets {
        group: G,
        generation: -1,
        member: Name::default(),
        instance: None,
        offsets: vec![(part(0), Some(9))],
    }));
    let request = lab.send(1, api);
    assert_eq!((lab.answer(request), lab.fetch_offset(false)), (None, Ok(None)));
    lab.commit();
    assert_eq!(lab.fetch_offset(false), Ok(Some(9)));
    assert!(matches!(lab.notes[..], [KafkaNote::OffsetCommitted { offset: 9, .. }]));
}

#[test]
fn a_commit_may_go_backwards() {
    let mut lab = lab();
    let nobody = Name::default();
    assert_eq!(lab.commit_offset(1, -1, &nobody, 9), Ok(()));
    assert_eq!(lab.commit_offset(1, -1, &nobody, 3), Ok(()));
    assert_eq!(lab.fetch_offset(false), Ok(Some(3)));
}

#[test]
fn a_commit_is_checked_in_the_order_of_the_broker() {
    let mut lab = lab();
    let nobody = Name::default();
    assert_eq!(lab.commit_offset(1, 3, &"x".into(), 1), Err(Code::IllegalGeneration), "no group");
    let [a, _] = lab.pair();
    assert_eq!(lab.commit_offset(1, -1, &nobody, 1), Err(Code::UnknownMemberId), "not empty");
    assert_eq!(lab.commit_offset(1, 9, &"x".into(), 1), Err(Code::UnknownMemberId));
    assert_eq!(lab.commit_offset(1, 0, &a, 1), Err(Code::IllegalGeneration));
    assert_eq!(lab.commit_offset(1, 1, &a, 1), Ok(()));
    let (_, _) = lab.join_dynamic(3);
    assert_eq!(lab.commit_offset(1, 1, &a, 2), Ok(()), "members that are to join again may commit");
    lab.pass(secs(60));
    let (a, request) = lab.join_dynamic(1);
    lab.pass(secs(3));
    let generation = lab.joined(request).generation;
    assert_eq!(lab.commit_offset(1, generation, &a, 3), Err(Code::RebalanceInProgress));
}

#[test]
fn a_commit_that_cannot_be_written_is_refused() {
    let mut lab = lab();
    lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    let refused = lab.commit_offset(1, -1, &Name::default(), 9);
    assert_eq!(refused, Err(Code::CoordinatorNotAvailable));
    assert_eq!(lab.fetch_offset(false), Ok(None));
}

#[test]
fn an_offset_of_a_transaction_counts_when_its_marker_is_written() {
    let mut lab = lab();
    assert_eq!(txn_commit(&mut lab, None, 4), Ok(()));
    assert_eq!(lab.fetch_offset(false), Ok(None));
    assert_eq!(lab.fetch_offset(true), Err(Code::UnstableOffsetCommit));
    lab.fail_over(fresh());
    assert_eq!(lab.fetch_offset(true), Err(Code::UnstableOffsetCommit), "the log has it");
    lab.marker(P, true);
    assert_eq!(lab.fetch_offset(true), Ok(Some(4)));
    txn_commit(&mut lab, None, 7).expect("accepted");
    lab.marker(P, false);
    assert_eq!(lab.fetch_offset(true), Ok(Some(4)), "it was aborted");
    lab.fail_over(fresh());
    assert_eq!(lab.fetch_offset(true), Ok(Some(4)));
}

#[test]
fn a_zombie_is_fenced_in_a_transaction_only_if_it_says_which_generation_it_is_of() {
    let mut lab = lab();
    let [a, _] = lab.pair();
    assert_eq!(txn_commit(&mut lab, Some((0, a.clone())), 1), Err(Code::IllegalGeneration));
    assert_eq!(txn_commit(&mut lab, Some((1, a)), 1), Ok(()));
    assert_eq!(txn_commit(&mut lab, Some((1, "x".into())), 1), Err(Code::UnknownMemberId));
    assert_eq!(txn_commit(&mut lab, None, 1), Ok(()), "KafkaJS says nothing");
}

#[test]
fn the_offsets_of_a_group_expire_seven_days_after_it_became_empty() {
    let mut lab = lab();
    let (a, _) = lab.join_dynamic(1);
    lab.pass(secs(3));
    lab.sync(1, 1, &a, &[(&a, &[0])]);
    lab.commit_offset(1, 1, &a, 5).expect("accepted");
    for _ in 0..10 {
        lab.pass(secs(9));
        lab.heartbeat(1, 1, &a).expect("a member");
    }
    lab.leave(1, a.as_str(), None);
    lab.pass(secs(7 * 24 * 3_600 - 1));
    lab.fire(KafkaTimer::OffsetRetention);
    assert_eq!(lab.fetch_offset(false), Ok(Some(5)));
    lab.pass(secs(1));
    lab.fire(KafkaTimer::OffsetRetention);
    assert_eq!(lab.fetch_offset(false), Ok(None));
    lab.fire(KafkaTimer::OffsetRetention);
    assert_eq!(lab.coordinator.group(G), None, "nothing is left of it");
}

#[test]
fn the_offsets_of_a_simple_consumer_expire_seven_days_after_each_commit() {
    let mut lab = lab();
    lab.pass(secs(60));
    lab.commit_offset(1, -1, &Name::default(), 5).expect("accepted");
    lab.pass(secs(7 * 24 * 3_600));
    lab.fire(KafkaTimer::OffsetRetention);
    assert_eq!(lab.fetch_offset(false), Ok(None));
}
