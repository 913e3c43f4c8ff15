//! How transactions end.

use super::*;

#[test]
fn a_commit_is_written_then_marked_everywhere_then_complete() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0, P1]).expect("it is added");
    assert_eq!(bench.end(producer, true, false), Ok(None), "before the markers are written");
    assert_eq!(bench.phase(), TxnPhase::PrepareCommit);
    let to: Vec<_> = bench.markers().iter().map(|(to, it)| (*to, it.partitions.clone())).collect();
    assert_eq!(to, [(BROKER, vec![P0]), (BROKER + 1, vec![P1])], "each to its leader");
    assert_eq!(bench.end(producer, true, false), Err(Code::ConcurrentTransactions));
    assert_eq!(
        bench.end(producer, false, false),
        Err(Code::ConcurrentTransactions),
        "and no way back"
    );
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::CompleteCommit);
    assert_eq!(bench.end(producer, true, false), Ok(None), "a retry");
    assert_eq!(bench.end(producer, false, false), Err(Code::InvalidTxnState));
}

#[test]
fn a_marker_is_sent_until_it_is_written() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0, P1]).expect("it is added");
    bench.end(producer, true, false).expect("it ends");
    bench.mark(Err(Code::NotLeaderOrFollower));
    assert_eq!(bench.markers().len(), 0);
    bench.lab.image.topics[0].partitions[0].leader = None;
    bench.lab.pass(Span::from_millis(100));
    assert_eq!(bench.markers().len(), 1, "nobody leads the other one");
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::PrepareCommit);
    bench.lab.image.topics[0].partitions[0].leader = Some(NodeId(BROKER + 1));
    bench.lab.pass(Span::from_millis(100));
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::CompleteCommit);
}

#[test]
fn a_coordinator_that_takes_over_sends_the_markers_that_the_log_asks_for() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0]).expect("it is added");
    bench.end(producer, true, false).expect("it ends");
    bench.lab.questions.clear();
    let at = bench.lab.coordinator.partition;
    let place = (usize::from(at.topic.0), usize::from(at.partition));
    bench.lab.image.topics[place.0].partitions[place.1].leader_epoch = 5;
    bench.lab.fail_over(coordinator("kafka-3.9"));
    let marker = bench.markers().remove(0).1;
    assert_eq!((marker.coordinator_epoch, marker.commit), (5, true));
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::CompleteCommit);
    bench.lab.fail_over(coordinator("kafka-3.9"));
    assert_eq!(bench.phase(), TxnPhase::CompleteCommit, "the end of it is in the log too");
}

#[test]
fn an_old_coordinator_that_is_fenced_stops_sending_markers() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0]).expect("it is added");
    bench.end(producer, true, false).expect("it ends");
    bench.mark(Err(Code::TransactionCoordinatorFenced));
    bench.lab.pass(Span::from_secs(1));
    assert_eq!(bench.markers().len(), 0);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_by_the_next_scan() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0]).expect("it is added");
    bench.lab.pass(Span::from_secs(60));
    bench.scan();
    assert_eq!(bench.phase(), TxnPhase::Ongoing);
    bench.lab.pass(Span::from_millis(1));
    bench.scan();
    assert_eq!(bench.phase(), TxnPhase::PrepareAbort);
    bench.mark(Ok(()));
    assert_eq!(bench.end(producer, true, false), Err(Code::ProducerFenced));
}

#[test]
fn a_commit_after_the_timeout_is_an_invalid_state_under_version_2() {
    // As recorded on 4.1.1.
    let mut bench = Bench::new("kafka-4.1");
    let producer = bench.init().expect("an identity");
    bench.produce(producer, &[P0]).expect("it is added");
    bench.lab.pass(Span::from_secs(61));
    bench.scan();
    assert_eq!(bench.markers()[0].1.producer, identity(1, 1));
    bench.mark(Ok(()));
    assert_eq!(bench.end(producer, true, true), Err(Code::InvalidTxnState));
}

#[test]
fn under_version_2_each_transaction_has_its_own_epoch() {
    let mut bench = Bench::new("kafka-4.1");
    let first = bench.init().expect("an identity");
    bench.produce(first, &[P0]).expect("it is added");
    let second = bench.end(first, true, true).expect("it ends").expect("the next identity");
    assert_eq!(second, identity(1, 1));
    assert_eq!(bench.markers()[0].1.producer, second, "the markers have the new epoch");
    assert_eq!(bench.end(first, true, true), Err(Code::ConcurrentTransactions), "a retry");
    bench.mark(Ok(()));
    assert_eq!(bench.end(first, true, true), Ok(Some(second)), "a retry");
    assert_eq!(bench.end(first, false, true), Err(Code::InvalidTxnState));
    assert_eq!(bench.produce(first, &[P0]), Err(Code::ProducerFenced));
    assert_eq!(bench.produce(second, &[P0]), Ok(()));
}

#[test]
fn under_version_2_a_transaction_without_partitions_can_be_aborted() {
    let mut bench = Bench::new("kafka-4.1");
    let first = bench.init().expect("an identity");
    let second = bench.end(first, false, true).expect("it ends").expect("the next identity");
    assert_eq!(second, identity(1, 1));
    assert_eq!(bench.phase(), TxnPhase::CompleteAbort, "there is nothing to mark");
    assert_eq!(bench.end(second, true, true), Err(Code::InvalidTxnState));
    let mut bench = Bench::new("kafka-3.9");
    let first = bench.init().expect("an identity");
    assert_eq!(bench.end(first, false, false), Err(Code::InvalidTxnState));
}

#[test]
fn under_version_2_a_used_up_id_is_replaced_with_the_end_of_a_transaction() {
    let mut bench = Bench::new("kafka-4.1");
    let mut producer = bench.init().expect("an identity");
    while producer.id == 1 {
        assert_eq!(bench.produce(producer, &[P0]), Ok(()));
        let before = producer;
        producer = bench.end(before, true, true).expect("it ends").expect("the next one");
        bench.mark(Ok(()));
        if producer.id == 2 {
            assert_eq!(before.epoch, state::EXHAUSTED);
            assert_eq!(bench.end(before, true, true), Ok(Some(producer)), "a retry");
        }
    }
    assert_eq!(producer, identity(2, 0));
    assert_eq!(bench.produce(producer, &[P0]), Ok(()));
}

/// A producer sends `EndTxn`, which is held up on its way; it sends it again, that one gets
/// through, and it begins its next transaction. Then the first one comes.
fn late_end(profile: &str, version_2: bool) -> (Result<Option<ProducerIdentity>, Code>, TxnPhase) {
    let mut bench = Bench::new(profile);
    let first = bench.init().expect("an identity");
    let add = |bench: &mut Bench, producer| match version_2 {
        true => bench.produce(producer, &[P0]),
        false => bench.add(producer, &[P0]),
    };
    add(&mut bench, first).expect("it is added");
    let second = bench.end(first, true, version_2).expect("it ends").unwrap_or(first);
    bench.mark(Ok(()));
    assert_eq!(add(&mut bench, second), Ok(()), "the next transaction");
    (bench.end(first, true, version_2), bench.phase())
}

#[test]
fn under_version_1_a_late_end_ends_the_next_transaction() {
    // KAFKA-17754: half of what the application writes is committed, and it does not know.
    assert_eq!(late_end("kafka-3.9", false), (Ok(None), TxnPhase::PrepareCommit));
    assert_eq!(late_end("kafka-4.1", false), (Ok(None), TxnPhase::PrepareCommit), "an old client");
}

#[test]
fn under_version_2_a_late_end_is_fenced() {
    assert_eq!(late_end("kafka-4.1", true), (Err(Code::ProducerFenced), TxnPhase::Ongoing));
}

#[test]
fn a_zombie_is_fenced_by_the_start_of_another_producer_under_version_2() {
    // As recorded on 4.1.1: the open transaction is aborted, and the zombie's epoch too low.
    let mut bench = Bench::new("kafka-4.1");
    let zombie = bench.init().expect("an identity");
    bench.produce(zombie, &[P0]).expect("it is added");
    assert_eq!(bench.init(), Err(Code::ConcurrentTransactions));
    assert_eq!(bench.markers()[0].1.producer, identity(1, 1));
    bench.mark(Ok(()));
    assert_eq!(bench.init(), Ok(identity(1, 2)));
    assert_eq!(bench.produce(zombie, &[P0]), Err(Code::ProducerFenced));
    assert_eq!(bench.end(zombie, true, true), Err(Code::ProducerFenced));
}

#[test]
fn the_end_of_the_markers_is_written_again_when_that_fails() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.add(producer, &[P0]).expect("it is added");
    bench.end(producer, true, false).expect("it ends");
    bench.lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::PrepareCommit);
    bench.lab.writes = Writes::Commit;
    bench.lab.pass(Span::from_millis(100));
    assert_eq!(bench.phase(), TxnPhase::CompleteCommit);
}

#[test]
fn every_change_is_told_in_order() {
    let mut bench = Bench::new("kafka-4.1");
    let producer = bench.init().expect("an identity");
    bench.produce(producer, &[P0]).expect("it is added");
    bench.end(producer, false, true).expect("it ends");
    bench.mark(Ok(()));
    let told: Vec<_> = bench
        .lab
        .notes
        .iter()
        .filter_map(|note| match note {
            KafkaNote::Txn { phase, epoch, .. } => Some((*phase, *epoch)),
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            (TxnPhase::Empty, 0),
            (TxnPhase::Ongoing, 0),
            (TxnPhase::PrepareAbort, 1),
            (TxnPhase::CompleteAbort, 1),
        ]
    );
}
