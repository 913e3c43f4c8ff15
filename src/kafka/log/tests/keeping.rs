//! What a log keeps: segments, retention, compaction, the disk.

use super::*;

fn with(change: impl FnOnce(&mut crate::kafka::config::TopicSettings)) -> Log {
    Log::new(config(|it| change(&mut it.topic)), Time::ZERO)
}

/// A batch of one record of 100 bytes with this key (0: a tombstone of key 1) takes 161 bytes.
const ONE: u64 = 161;

// ── segments and retention ──

#[test]
fn a_segment_that_would_become_too_large_is_closed_and_flushed() {
    let mut log = with(|it| it.segment_bytes = 2 * ONE);
    for _ in 0..2 {
        log.put(plain(1, 0)).expect("appended");
    }
    assert_eq!((log.segments(), log.flushed()), (1, 0));
    log.put(plain(1, 0)).expect("appended");
    assert_eq!((log.segments(), log.flushed()), (2, 2));
}

#[test]
fn a_segment_is_closed_by_the_timestamps_of_its_records_and_not_by_the_clock() {
    let mut log = with(|it| it.segment_age = Span::from_secs(60));
    log.put_at(plain(1, 0), at(0)).expect("appended");
    log.put_at(plain(1, 60), at(1_000)).expect("appended");
    assert_eq!(log.segments(), 1);
    log.put_at(plain(1, 61), at(1_000)).expect("appended");
    assert_eq!(log.segments(), 2);
}

#[test]
fn retention_by_time_deletes_whole_segments_by_their_largest_timestamp() {
    let mut log = with(|it| {
        it.segment_bytes = 2 * ONE;
        it.retention = Span::from_secs(100);
    });
    for seconds in [0, 50, 60, 70, 80] {
        log.put(plain(1, seconds)).expect("appended");
    }
    assert!(!log.delete_old_segments(5, at(150)), "the record of 50 s keeps that of 0 s");
    assert!(log.delete_old_segments(5, at(151)));
    assert_eq!((log.start(), log.segments()), (2, 2));
}

#[test]
fn a_record_from_the_future_keeps_its_whole_segment() {
    let mut log = with(|it| it.retention = Span::from_secs(100));
    log.put(plain(1, 0)).expect("appended");
    log.put(plain(1, 10_000)).expect("appended");
    assert!(!log.delete_old_segments(2, at(5_000)));
}

#[test]
fn the_active_segment_is_deleted_too_when_all_are_too_old() {
    let mut log = with(|it| it.retention = Span::from_secs(100));
    log.put(plain(3, 0)).expect("appended");
    assert!(log.delete_old_segments(3, at(101)));
    assert_eq!((log.start(), log.end(), log.segments(), log.bytes()), (3, 3, 1, 0));
}

#[test]
fn nothing_beyond_the_high_watermark_is_deleted() {
    let mut log = with(|it| it.retention = Span::from_secs(100));
    log.put(plain(3, 0)).expect("appended");
    assert!(!log.delete_old_segments(2, at(1_000)));
}

#[test]
fn retention_by_size_leaves_at_least_that_size() {
    let mut log = with(|it| {
        it.segment_bytes = ONE;
        it.retention_bytes = 2 * ONE;
    });
    for _ in 0..4 {
        log.put(plain(1, 0)).expect("appended");
    }
    assert!(log.delete_old_segments(4, at(0)));
    assert_eq!((log.start(), log.bytes()), (2, 2 * ONE));
    let mut log = with(|it| {
        it.segment_bytes = 2 * ONE;
        it.retention_bytes = 3 * ONE;
    });
    for _ in 0..4 {
        log.put(plain(1, 0)).expect("appended");
    }
    assert!(!log.delete_old_segments(4, at(0)), "a segment of two would leave less than three");
}

#[test]
fn deleted_records_cannot_be_read_and_go_with_their_segment() {
    let mut log = with(|it| {
        it.segment_bytes = ONE;
        it.delete = false;
    });
    for _ in 0..3 {
        log.put(plain(1, 0)).expect("appended");
    }
    assert!(log.advance_start(2));
    assert!(!log.advance_start(1), "it never moves back");
    assert_eq!((log.offsets(), log.segments()), (vec![2], 3));
    log.delete_old_segments(3, at(0));
    assert_eq!(log.segments(), 1);
}

#[test]
fn what_retention_deleted_does_not_make_a_producer_unknown() {
    let mut log = with(|it| it.retention = Span::from_secs(100));
    log.put(sent(0, 0, 1)).expect("in order");
    log.delete_old_segments(1, at(101));
    assert_eq!(log.put(sent(0, 5, 1)), Err(Code::OutOfOrderSequenceNumber));
}

// ── compaction ──

fn keyed(key: u32, tombstone: bool) -> Batch {
    let record = Record { tombstone, ..record(0, key, 0) };
    Batch { body: Body::Records([record].into()), ..plain(0, 0) }
}

/// A compacted log with these keys, 0 for a tombstone of key 2, and a record of key 9 in the active
/// segment.
fn compacted(keys: &[u32]) -> Log {
    let mut log = with(|it| {
        it.compact = true;
        it.segment_bytes = keys.len() as u64 * ONE;
    });
    for &key in keys {
        log.put(if key == 0 { keyed(2, true) } else { keyed(key, false) }).expect("appended");
    }
    log.put(keyed(9, false)).expect("appended");
    log
}

#[test]
fn compaction_keeps_the_last_record_of_each_key_at_its_offset() {
    // As recorded on 4.1.1: a=1, b=1, a=2, c=1, b=null, a=3, (roll) d.
    let mut log = compacted(&[1, 2, 1, 3, 0, 1]);
    assert!(log.must_compact(7, at(0)));
    let gone: Vec<_> = log.compact(7, at(0)).iter().map(|it| it.0).collect();
    assert_eq!((gone, log.offsets()), (vec![0, 1, 2], vec![3, 4, 5, 6]));
    assert!(!log.must_compact(7, at(0)));
}

#[test]
fn compaction_never_touches_the_active_segment() {
    let mut log = compacted(&[9, 1]);
    log.put(keyed(9, false)).expect("appended");
    log.compact(log.end(), at(0));
    assert_eq!(log.offsets(), [0, 1, 2, 3]);
    log.roll(at(0));
    log.compact(log.end(), at(0));
    assert_eq!(log.offsets(), [1, 3]);
}

#[test]
fn a_tombstone_goes_in_a_later_pass_when_it_was_kept_for_long_enough() {
    let mut log = compacted(&[2, 0]);
    log.compact(3, at(0));
    assert_eq!(log.offsets(), [1, 2]);
    for (seconds, left) in [(86_399, 3), (86_400, 2)] {
        log.put(keyed(9, false)).expect("appended");
        log.roll(at(seconds));
        log.compact(log.end(), at(seconds));
        assert_eq!(log.offsets().len(), left - 1, "after {seconds} s");
    }
}

#[test]
fn compaction_waits_until_enough_of_the_log_is_new() {
    let mut log = compacted(&[1, 2, 3, 4]);
    log.compact(5, at(0));
    log.roll(at(0));
    assert!(!log.must_compact(5, at(0)), "one of five records is new");
    for _ in 0..4 {
        log.put(keyed(1, false)).expect("appended");
    }
    log.roll(at(0));
    assert!(log.must_compact(9, at(0)), "five of nine are");
}

#[test]
fn compaction_leaves_young_records_and_what_is_not_stable() {
    let mut log = Log::new(
        config(|it| {
            it.topic.compact = true;
            it.topic.min_compaction_lag = Span::from_secs(60);
        }),
        Time::ZERO,
    );
    log.put(keyed(1, false)).expect("appended");
    log.put(keyed(1, false)).expect("appended");
    log.roll(at(0));
    assert!(!log.must_compact(2, at(59)));
    assert!(log.must_compact(2, at(60)));
    assert!(!log.must_compact(0, at(60)), "not below the high watermark");
}

#[test]
fn records_of_aborted_transactions_go_at_once_and_hide_nothing() {
    let mut log = with(|it| it.compact = true);
    let aborted = Batch { body: keyed(1, false).body, ..in_txn(0, 0, 1) };
    log.put(keyed(1, false)).expect("appended");
    log.put(aborted).expect("in order");
    log.put(marker(1, 0, false, 0)).expect("aborted");
    log.put(Batch { body: keyed(2, false).body, ..in_txn(0, 1, 1) }).expect("in order");
    log.put(marker(1, 0, true, 0)).expect("committed");
    log.roll(at(0));
    log.compact(5, at(0));
    assert_eq!(log.offsets(), [0, 2, 3, 4], "the markers stay for a while");
}

#[test]
fn the_last_batch_of_a_producer_stays_without_records() {
    let mut log = with(|it| it.compact = true);
    log.put(Batch { body: keyed(1, false).body, ..sent(0, 0, 1) }).expect("in order");
    log.put(keyed(1, false)).expect("appended");
    log.roll(at(0));
    log.compact(2, at(0));
    assert_eq!(log.offsets(), [1]);
    assert_eq!(log.batches().count(), 2, "an empty batch keeps its sequence numbers");
}

// ── the disk ──

#[test]
fn a_loss_of_power_takes_what_was_not_flushed() {
    let mut log = log();
    log.put(sent(0, 0, 2)).expect("in order");
    log.flush(at(1));
    log.put(sent(0, 2, 2)).expect("in order");
    assert_eq!(log.lose_power(at(2)), Some(2));
    assert_eq!((log.end(), log.lose_power(at(2))), (2, None));
    assert_eq!(log.put(sent(0, 2, 2)).map(|it| it.base), Ok(2), "the producer goes on from there");
}

#[test]
fn a_crash_of_the_process_takes_nothing() {
    let mut log = log();
    log.put(plain(2, 0)).expect("appended");
    log.open(at(1));
    assert_eq!((log.end(), log.flushed()), (2, 0));
}

#[test]
fn a_shutdown_flushes() {
    let mut log = log();
    log.put(plain(2, 0)).expect("appended");
    log.shut_down(at(1));
    assert_eq!(log.lose_power(at(1)), None);
}

#[test]
fn a_log_is_flushed_after_so_many_records_or_so_much_time() {
    let mut log = with(|it| it.flush_messages = 3);
    log.put(plain(2, 0)).expect("appended");
    assert_eq!(log.flushed(), 0);
    log.put(plain(1, 0)).expect("appended");
    assert_eq!(log.flushed(), 3);
    let mut log = with(|it| it.flush_after = Span::from_secs(1));
    log.put(plain(2, 0)).expect("appended");
    assert!(!log.must_flush(at(0)) && log.must_flush(at(1)));
    log.flush(at(1));
    assert!(!log.must_flush(at(9)));
}

#[test]
fn a_log_whose_start_was_never_flushed_begins_again_at_its_start() {
    let mut log = log();
    log.put(plain(5, 0)).expect("appended");
    log.advance_start(3);
    log.lose_power(at(0));
    assert_eq!((log.start(), log.end()), (3, 3));
}

#[test]
fn a_stored_batch_is_small_whatever_its_size() {
    assert!(size_of::<Stored>() <= 72);
}
