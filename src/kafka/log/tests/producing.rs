//! What a leader appends, and what it refuses.

use super::*;

const ORDER: Result<Appended, Code> = Err(Code::OutOfOrderSequenceNumber);
const EPOCH: Result<Appended, Code> = Err(Code::InvalidProducerEpoch);

fn new(base: Offset, end: Offset) -> Result<Appended, Code> {
    Ok(Appended { base, end, known: false })
}

fn again(base: Offset, end: Offset) -> Result<Appended, Code> {
    Ok(Appended { base, end, known: true })
}

#[test]
fn the_leader_gives_offsets_and_its_epoch() {
    let mut log = log();
    log.begin_epoch(7);
    assert_eq!(log.put(plain(3, 0)), new(0, 3));
    assert_eq!(log.put(plain(2, 0)), new(3, 5));
    let batches: Vec<_> = log.batches().map(|it| (it.base_offset, it.leader_epoch)).collect();
    assert_eq!(batches, [(0, 7), (3, 7)]);
}

#[test]
fn a_batch_that_is_sent_again_succeeds_with_its_first_offset_and_is_not_appended() {
    let mut log = log();
    log.put(plain(1, 0)).expect("appended");
    assert_eq!(log.put(sent(0, 0, 3)), new(1, 4));
    assert_eq!(log.put(sent(0, 0, 3)), again(1, 4));
    assert_eq!(log.end(), 4);
}

#[test]
fn five_batches_are_remembered_and_an_older_one_is_out_of_order() {
    let mut log = log();
    for sequence in 0..6 {
        log.put(sent(0, sequence, 1)).expect("in order");
    }
    for sequence in 1..6 {
        assert_eq!(log.put(sent(0, sequence, 1)), again(sequence.into(), sequence as u64 + 1));
    }
    assert_eq!(log.put(sent(0, 0, 1)), ORDER);
}

#[test]
fn the_same_numbers_in_another_batch_are_out_of_order() {
    let mut log = log();
    log.put(sent(0, 0, 3)).expect("in order");
    assert_eq!(log.put(sent(0, 0, 2)), ORDER);
}

#[test]
fn a_gap_is_out_of_order() {
    let mut log = log();
    log.put(sent(0, 0, 3)).expect("in order");
    assert_eq!(log.put(sent(0, 4, 1)), ORDER);
    assert_eq!(log.put(sent(0, 3, 1)), new(3, 4));
}

#[test]
fn sequence_numbers_wrap_around_after_the_largest_int() {
    let mut log = log();
    let last = i32::MAX as u32;
    log.put(sent(0, last - 1, 2)).expect("anywhere at first");
    assert_eq!(log.put(sent(0, 0, 2)), new(2, 4));
    let mut log = super::log();
    log.put(sent(0, last, 3)).expect("anywhere at first");
    assert_eq!(log.put(sent(0, last, 3)), again(0, 3));
    assert_eq!(log.put(sent(0, 2, 1)), new(3, 4));
}

#[test]
fn a_lower_epoch_is_fenced() {
    let mut log = log();
    log.put(sent(1, 0, 1)).expect("in order");
    assert_eq!(log.put(sent(0, 1, 1)), EPOCH);
}

#[test]
fn a_higher_epoch_begins_at_zero_and_forgets_the_one_before() {
    let mut log = log();
    log.put(sent(0, 0, 1)).expect("in order");
    assert_eq!(log.put(sent(1, 1, 1)), ORDER);
    assert_eq!(log.put(sent(1, 0, 1)), new(1, 2), "not the batch of epoch 0");
}

#[test]
fn a_producer_that_is_not_known_may_begin_anywhere() {
    let mut log = log();
    assert_eq!(log.put(sent(3, 17, 1)), new(0, 1));
}

#[test]
fn a_producer_that_is_silent_for_too_long_is_forgotten_unless_its_transaction_is_open() {
    let mut log = log();
    log.put(sent(0, 0, 1)).expect("in order");
    log.put(by(2, 0, 0, 1, true)).expect("in order");
    log.expire_producers(at(86_399));
    assert_eq!(log.producers(), 2);
    log.expire_producers(at(86_400));
    assert_eq!(log.producers(), 1);
    assert!(log.has_ongoing_transaction(2, 0));
    assert_eq!(log.put(sent(0, 0, 1)), new(2, 3), "written a second time");
}

#[test]
fn a_compacted_topic_takes_no_record_without_a_key() {
    let mut log = Log::new(config(|it| it.topic.compact = true), Time::ZERO);
    assert_eq!(log.put(plain(1, 0)), Err(Code::InvalidRecord));
}

#[test]
fn records_outside_of_the_transaction_that_is_open_are_refused() {
    let mut log = log();
    log.put(in_txn(0, 0, 1)).expect("in order");
    assert_eq!(log.put(sent(0, 1, 1)), Err(Code::InvalidTxnState));
}

#[test]
fn a_marker_of_an_older_coordinator_is_refused() {
    let mut log = log();
    log.put(marker(1, 0, true, 5)).expect("the first marker");
    assert_eq!(log.put(marker(1, 0, true, 4)), Err(Code::TransactionCoordinatorFenced));
}

#[test]
fn a_marker_with_a_higher_epoch_fences_what_comes_late() {
    let mut log = log();
    log.put(in_txn(0, 0, 1)).expect("in order");
    log.put(marker(1, 1, true, 0)).expect("the marker of version 2");
    assert_eq!(log.put(in_txn(0, 1, 1)), EPOCH);
    assert_eq!(log.put(in_txn(1, 0, 1)), new(2, 3));
}

// ── verification (KIP-890) ──

fn verified() -> Log {
    Log::new(config(|it| it.verify_transactions = true), Time::ZERO)
}

fn guard(log: &mut Log, batch: &Batch, bump: bool) -> Option<Guard> {
    let stamp = batch.producer.expect("a producer");
    log.begin_verification(stamp, bump, Time::ZERO).expect("a valid epoch")
}

#[test]
fn without_verification_a_late_record_leaves_a_transaction_hanging() {
    let mut log = log();
    log.put(in_txn(0, 0, 1)).expect("in order");
    log.put(marker(1, 0, false, 0)).expect("aborted");
    log.put(in_txn(0, 1, 1)).expect("it comes late, and nobody knows");
    assert_eq!(log.last_stable_offset(log.end()), 2, "for ever");
}

#[test]
fn with_verification_a_late_record_is_refused() {
    let mut log = verified();
    let first = in_txn(0, 0, 1);
    let guard = guard(&mut log, &first, false);
    log.append(first, 0, Origin::Client { guard }, Time::ZERO).expect("verified");
    log.put(marker(1, 0, false, 0)).expect("aborted");
    assert_eq!(log.put(in_txn(0, 1, 1)), Err(Code::InvalidTxnState));
}

#[test]
fn a_marker_between_verification_and_append_takes_the_guard_away() {
    let mut log = verified();
    let late = in_txn(0, 0, 1);
    let stale = guard(&mut log, &late, false);
    log.put(marker(1, 0, false, 0)).expect("aborted");
    let origin = Origin::Client { guard: stale };
    assert_eq!(log.append(late.clone(), 0, origin, at(0)), Err(Code::InvalidTxnState));
    assert_ne!(guard(&mut log, &late, false), stale, "a new verification has a new guard");
    assert_eq!(log.append(late, 0, origin, at(0)), Err(Code::InvalidTxnState));
}

#[test]
fn a_transaction_that_is_open_needs_no_further_verification() {
    let mut log = verified();
    let first = in_txn(0, 0, 1);
    let given = guard(&mut log, &first, false);
    log.append(first, 0, Origin::Client { guard: given }, at(0)).expect("verified");
    assert_eq!(guard(&mut log, &in_txn(0, 1, 1), false), None);
    assert_eq!(log.put(in_txn(0, 1, 1)), new(1, 2));
}

#[test]
fn under_version_2_a_producer_that_is_not_known_begins_at_zero() {
    let mut log = verified();
    let late = in_txn(0, 3, 1);
    let given = guard(&mut log, &late, true);
    assert_eq!(log.append(late, 0, Origin::Client { guard: given }, at(0)), ORDER);
}

#[test]
fn of_batches_that_are_verified_together_the_lowest_goes_first() {
    let mut log = verified();
    let (first, second) = (in_txn(0, 0, 1), in_txn(0, 1, 1));
    let one = guard(&mut log, &second, false);
    let other = guard(&mut log, &first, false);
    assert_eq!(one, other);
    let origin = Origin::Client { guard: one };
    assert_eq!(log.append(second, 0, origin, at(0)), ORDER);
    assert_eq!(log.append(first, 0, origin, at(0)), new(0, 1));
}

// ── followers, restarts ──

#[test]
fn a_follower_takes_no_batch_of_an_epoch_that_it_does_not_know() {
    let mut leader = log();
    leader.begin_epoch(1);
    leader.put(plain(1, 0)).expect("appended");
    leader.begin_epoch(2);
    leader.put(plain(1, 0)).expect("appended");
    let batches: Vec<Batch> = leader.batches().cloned().collect();
    let mut follower = log();
    assert_eq!(follower.replicate(&batches, 1, at(0)), 1);
    assert_eq!(follower.replicate(&batches, 2, at(0)), 2, "what it has is passed over");
}

#[test]
fn a_broker_that_was_started_again_knows_the_last_batch_of_a_producer_only() {
    let mut log = log();
    log.put(sent(0, 0, 1)).expect("in order");
    log.put(sent(0, 1, 1)).expect("in order");
    log.open(at(1));
    assert_eq!(log.put(sent(0, 1, 1)), again(1, 2));
    assert_eq!(log.put(sent(0, 0, 1)), ORDER);
    assert_eq!(log.put(sent(0, 2, 1)), new(2, 3));
}

#[test]
fn truncation_takes_back_what_was_remembered_of_producers() {
    let mut log = log();
    log.put(sent(0, 0, 1)).expect("in order");
    log.put(sent(0, 1, 1)).expect("in order");
    log.truncate(1, at(0));
    assert_eq!(log.put(sent(0, 1, 1)), new(1, 2), "appended again, since it is gone");
    assert_eq!(log.put(sent(0, 0, 1)), again(0, 1));
}

#[test]
fn truncation_opens_a_transaction_again_whose_marker_goes() {
    let mut log = log();
    log.put(in_txn(0, 0, 1)).expect("in order");
    log.put(marker(1, 0, false, 0)).expect("aborted");
    assert_eq!(log.last_stable_offset(2), 2);
    log.truncate(1, at(0));
    assert_eq!((log.last_stable_offset(1), log.aborted(0, 9).len()), (0, 0));
    assert!(log.has_ongoing_transaction(1, 0));
}
