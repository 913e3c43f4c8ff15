//! `InitProducerId`, and what a transaction writes to.

use super::*;
use crate::talk::kafka::GroupId;

#[test]
fn a_producer_gets_an_id_and_with_each_start_a_higher_epoch() {
    let mut bench = Bench::new("kafka-4.1");
    assert_eq!(bench.init(), Ok(identity(1, 0)));
    assert_eq!(bench.init(), Ok(identity(1, 1)));
}

#[test]
fn a_start_fences_the_producer_before() {
    let mut bench = Bench::new("kafka-3.9");
    let first = bench.init().expect("an identity");
    bench.init().expect("an identity");
    assert_eq!(bench.add(first, &[P0]), Err(Code::ProducerFenced));
    assert_eq!(bench.end(first, true, false), Err(Code::ProducerFenced));
}

#[test]
fn a_start_aborts_the_open_transaction_and_must_come_again() {
    let mut bench = Bench::new("kafka-3.9");
    let first = bench.init().expect("an identity");
    assert_eq!(bench.add(first, &[P0]), Ok(()));
    assert_eq!(bench.init(), Err(Code::ConcurrentTransactions));
    assert_eq!(bench.init(), Err(Code::ConcurrentTransactions), "the markers are under way");
    let (_, marker) = bench.markers().remove(0);
    assert_eq!((marker.producer, marker.commit), (identity(1, 1), false), "a fenced epoch");
    bench.mark(Ok(()));
    assert_eq!(bench.phase(), TxnPhase::CompleteAbort);
    assert_eq!(bench.init(), Ok(identity(1, 2)));
}

#[test]
fn a_producer_may_ask_for_a_new_epoch_of_its_own_and_ask_again() {
    let mut bench = Bench::new("kafka-3.9");
    let first = bench.init().expect("an identity");
    assert_eq!(bench.init_with(Some(first)), Ok(identity(1, 1)));
    assert_eq!(bench.init_with(Some(first)), Ok(identity(1, 1)), "the answer was lost");
    bench.init().expect("another one starts");
    assert_eq!(bench.init_with(Some(first)), Err(Code::ProducerFenced));
}

#[test]
fn a_producer_id_whose_epochs_are_used_up_is_replaced() {
    let mut bench = Bench::new("kafka-3.9");
    for epoch in 0..=state::EXHAUSTED {
        assert_eq!(bench.init(), Ok(identity(1, epoch)));
    }
    assert_eq!(bench.init(), Ok(identity(2, 0)));
}

#[test]
fn a_timeout_beyond_what_the_broker_allows_is_refused() {
    let mut bench = Bench::new("kafka-4.1");
    let init = InitProducer { txn: Some(T), timeout: Span::from_secs(901), current: None };
    let answer = bench.ask_from(CLIENT, Api::InitProducerId(init));
    assert_eq!(answer, Answer::InitProducerId(Err(Code::InvalidTransactionTimeout)));
}

#[test]
fn who_is_not_known_is_told_so() {
    let mut bench = Bench::new("kafka-4.1");
    let stranger = identity(9, 0);
    assert_eq!(bench.add(stranger, &[P0]), Err(Code::InvalidProducerIdMapping));
    assert_eq!(bench.end(stranger, true, true), Err(Code::InvalidProducerIdMapping));
    bench.init().expect("an identity");
    assert_eq!(bench.add(stranger, &[P0]), Err(Code::InvalidProducerIdMapping));
}

#[test]
fn what_is_part_of_the_transaction_already_is_not_written_again() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    assert_eq!(bench.add(producer, &[P0, P1]), Ok(()));
    let written = bench.lab.written();
    assert_eq!(bench.add(producer, &[P1]), Ok(()));
    assert_eq!(bench.lab.written(), written);
}

#[test]
fn a_leader_learns_whether_a_partition_is_part_of_the_open_transaction() {
    for (profile, missing) in
        [("kafka-4.1", Code::TransactionAbortable), ("kafka-3.6", Code::InvalidTxnState)]
    {
        let mut bench = Bench::new(profile);
        let producer = bench.init().expect("an identity");
        bench.add(producer, &[P0]).expect("it is added");
        assert_eq!(bench.add_from(BROKER, producer, &[P0, P1], true), [Ok(()), Err(missing)]);
        bench.end(producer, false, false).expect("it ends");
        assert_eq!(
            bench.add_from(BROKER, producer, &[P0], true),
            [Err(Code::ConcurrentTransactions)]
        );
        bench.mark(Ok(()));
        assert_eq!(bench.add_from(BROKER, producer, &[P0], true), [Err(missing)]);
    }
}

#[test]
fn offsets_add_the_partition_of_their_group() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    let api = Api::AddOffsetsToTxn { txn: T, producer, group: GroupId(0) };
    assert_eq!(bench.ask_from(CLIENT, api), Answer::AddOffsetsToTxn(Ok(())));
    let partition = bench.lab.coordinator.config.group_partition(GroupId(0)).expect("one");
    bench.end(producer, true, false).expect("it ends");
    assert_eq!(bench.markers()[0].1.partitions, [partition]);
}

#[test]
fn what_cannot_be_written_changes_nothing() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
    assert_eq!(bench.add(producer, &[P0]), Err(Code::CoordinatorNotAvailable));
    assert_eq!(bench.phase(), TxnPhase::Empty);
    bench.lab.writes = Writes::Commit;
    assert_eq!(bench.add(producer, &[P0]), Ok(()));
}

#[test]
fn while_a_change_is_being_written_others_come_again() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.lab.writes = Writes::Wait;
    let add = TxnPartitions { txn: T, producer, partitions: vec![P0], verify_only: false };
    let waits = bench.lab.send(CLIENT, Api::AddPartitionsToTxn(Box::new(add)));
    assert_eq!(bench.add(producer, &[P1]), Err(Code::ConcurrentTransactions));
    assert_eq!(bench.init(), Err(Code::ConcurrentTransactions));
    bench.lab.commit();
    assert_eq!(bench.lab.answer(waits), Some(Answer::AddPartitionsToTxn(vec![(P0, Ok(()))])));
}

#[test]
fn who_waits_when_the_partition_moves_is_sent_to_the_new_coordinator() {
    let mut bench = Bench::new("kafka-3.9");
    let producer = bench.init().expect("an identity");
    bench.lab.writes = Writes::Wait;
    let end = EndTxn { txn: T, producer, commit: true, version_2: false };
    let add = TxnPartitions { txn: T, producer, partitions: vec![P0], verify_only: false };
    let waits = bench.lab.send(CLIENT, Api::AddPartitionsToTxn(Box::new(add)));
    bench.lab.unload();
    let gone = Answer::AddPartitionsToTxn(vec![(P0, Err(Code::NotCoordinator))]);
    assert_eq!(bench.lab.answer(waits), Some(gone));
    assert_eq!(
        bench.ask_from(CLIENT, Api::EndTxn(end)),
        Answer::EndTxn(Err(Code::InvalidProducerIdMapping)),
        "it knows nothing any more"
    );
}

#[test]
fn a_state_is_entered_from_the_states_that_kafka_allows() {
    use TxnPhase::*;
    let all = [
        Empty,
        Ongoing,
        PrepareCommit,
        PrepareAbort,
        CompleteCommit,
        CompleteAbort,
        Dead,
        PrepareEpochFence,
    ];
    let edges: usize = all.iter().map(|phase| state::comes_from(*phase).len()).sum();
    assert_eq!(edges, 19);
    assert!(all.iter().all(|phase| !state::comes_from(*phase).contains(&Dead)), "it is the end");
}
