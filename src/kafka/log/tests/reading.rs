//! What readers see, and where logs part.

use super::*;
use crate::talk::kafka::{Aborted, EpochEnd};

fn read(log: &Log, from: Offset, upper: Offset, max: u64, one: bool) -> Vec<Offset> {
    let batches = log.read(from, upper, max, one).expect("in range");
    batches.map(|batch| batch.base_offset).collect()
}

/// Three batches of two records, 261 bytes each.
fn three() -> Log {
    let mut log = log();
    for _ in 0..3 {
        log.put(plain(2, 0)).expect("appended");
    }
    log
}

#[test]
fn a_reader_gets_whole_batches_below_its_bound() {
    let log = three();
    assert_eq!(read(&log, 0, 6, 10_000, true), [0, 2, 4]);
    assert_eq!(read(&log, 1, 4, 10_000, true), [0, 2], "the first may begin before");
    assert_eq!(read(&log, 4, 4, 10_000, true), [0; 0]);
    assert_eq!(read(&log, 6, 6, 10_000, true), [0; 0]);
    assert_eq!(read(&log, 5, 4, 10_000, true), [0; 0], "beyond the high watermark");
}

#[test]
fn a_reader_gets_one_batch_even_if_it_is_too_large() {
    let log = three();
    assert_eq!(read(&log, 0, 6, 10, true), [0]);
    assert_eq!(read(&log, 0, 6, 10, false), [0; 0]);
    assert_eq!(read(&log, 0, 6, 522, true), [0, 2]);
    assert_eq!(read(&log, 0, 6, 521, true), [0]);
}

#[test]
fn an_offset_outside_of_the_log_is_out_of_range() {
    let mut log = three();
    log.advance_start(3);
    let error = |from| log.read(from, 6, 10_000, true).map(|_| ()).err();
    assert_eq!(error(2), Some(Code::OffsetOutOfRange));
    assert_eq!(error(3), None);
    assert_eq!(error(6), None);
    assert_eq!(error(7), Some(Code::OffsetOutOfRange));
}

#[test]
fn the_offset_of_a_timestamp_is_that_of_the_first_record_that_is_not_older() {
    let mut log = log();
    for seconds in [10, 30, 20, 40] {
        log.put(plain(1, seconds)).expect("appended");
    }
    let offset = |seconds| log.offset_for(at(seconds), 4).map(|it| it.0);
    assert_eq!(offset(0), Some(0));
    assert_eq!(offset(15), Some(1), "although a later record is older");
    assert_eq!(offset(31), Some(3));
    assert_eq!(offset(41), None);
    assert_eq!(log.offset_for(at(31), 3), None, "it is beyond the high watermark");
}

#[test]
fn the_last_stable_offset_stops_at_the_first_open_transaction_for_all_records() {
    let mut log = log();
    log.put(in_txn(0, 0, 2)).expect("in order");
    log.put(plain(1, 0)).expect("appended");
    assert_eq!(log.last_stable_offset(3), 0);
    log.put(marker(1, 0, true, 0)).expect("committed");
    assert_eq!(log.last_stable_offset(4), 4);
}

#[test]
fn a_transaction_is_decided_once_its_marker_is_replicated() {
    let mut log = log();
    log.put(in_txn(0, 0, 2)).expect("in order");
    log.put(marker(1, 0, true, 0)).expect("committed");
    log.high_watermark_moved(2);
    assert_eq!(log.last_stable_offset(2), 0);
    log.high_watermark_moved(3);
    assert_eq!(log.last_stable_offset(3), 3);
}

#[test]
fn the_last_stable_offset_is_never_before_the_start() {
    let mut log = log();
    log.put(in_txn(0, 0, 2)).expect("in order");
    log.put(plain(2, 0)).expect("appended");
    log.advance_start(3);
    assert_eq!(log.last_stable_offset(4), 3);
}

#[test]
fn aborted_transactions_are_listed_for_what_was_read() {
    let mut log = log();
    log.put(in_txn(0, 0, 1)).expect("in order"); // 0
    log.put(by(2, 0, 0, 1, true)).expect("in order"); // 1
    log.put(marker(1, 0, false, 0)).expect("aborted"); // 2
    log.put(marker(2, 0, true, 0)).expect("committed"); // 3
    log.put(in_txn(0, 1, 1)).expect("in order"); // 4
    log.put(marker(1, 0, false, 0)).expect("aborted"); // 5
    let aborted = |from, to| log.aborted(from, to).iter().map(|it| it.first).collect::<Vec<_>>();
    assert_eq!(log.aborted(0, 1), [Aborted { producer: 1, first: 0 }]);
    assert_eq!(aborted(0, 6), [0, 4]);
    assert_eq!(aborted(3, 6), [4]);
    assert_eq!(aborted(3, 4), [0; 0]);
}

// ── epochs ──

/// A log with these batches of one record, by the epochs of their leaders.
fn of_epochs(epochs: &[u32]) -> Log {
    let mut log = log();
    for &epoch in epochs {
        log.begin_epoch(epoch);
        log.put(plain(1, 0)).expect("appended");
    }
    log
}

#[test]
fn a_follower_truncates_to_where_its_leader_leaves_its_last_epoch_and_not_to_its_high_watermark() {
    // KIP-101: both have the record at 1, whose high watermark the follower never heard of.
    let (leader, follower) = (of_epochs(&[0, 0, 1]), of_epochs(&[0, 0]));
    assert_eq!(leader.diverging(2, 0), Ok(None));
    // The leader of epoch 1 never had the record at 1.
    let leader = of_epochs(&[0, 1, 1]);
    let end = leader.diverging(2, 0).expect("in range").expect("it diverges");
    assert_eq!(end, EpochEnd { epoch: 0, end: 1 });
    assert_eq!(follower.truncation(end), Truncation { to: 1, complete: true });
}

#[test]
fn after_a_fast_failover_a_follower_goes_back_epoch_by_epoch() {
    // KIP-279: the follower has records of epoch 1, the leader none, but those of epoch 2.
    let (leader, follower) = (of_epochs(&[0, 0, 2, 2]), of_epochs(&[0, 0, 0, 1]));
    let end = leader.diverging(4, 1).expect("in range").expect("it diverges");
    assert_eq!(end, EpochEnd { epoch: 0, end: 2 });
    assert_eq!(follower.truncation(end), Truncation { to: 2, complete: true });
}

#[test]
fn a_follower_that_does_not_know_the_leaders_epoch_asks_again() {
    let (leader, mut follower) = (of_epochs(&[0, 1, 1, 3]), of_epochs(&[0, 0, 2]));
    let end = leader.diverging(3, 2).expect("in range").expect("it diverges");
    assert_eq!(end, EpochEnd { epoch: 1, end: 3 });
    let first = follower.truncation(end);
    assert_eq!(first, Truncation { to: 2, complete: false });
    follower.truncate(first.to, at(0));
    let end = leader.diverging(2, 0).expect("in range").expect("it diverges");
    assert_eq!(follower.truncation(end), Truncation { to: 1, complete: true });
}

#[test]
fn an_epoch_that_the_leader_does_not_know_is_out_of_range() {
    assert_eq!(of_epochs(&[0, 1]).diverging(1, 2), Err(Code::OffsetOutOfRange));
}
