//! Replication: what is acknowledged when, what a consumer sees, and what a fault takes.

use super::*;
use crate::kernel::Link;
use crate::talk::kafka::PartitionInfo;

fn partition(run: &Run) -> PartitionInfo {
    run.image().partition(T0).cloned().expect("it exists")
}

fn leaders(run: &Run) -> Vec<(Option<NodeId>, u32)> {
    let elected = |note: &KafkaNote| match *note {
        KafkaNote::LeaderElected { at, leader, epoch, .. } if at == T0 => Some((leader, epoch)),
        _ => None,
    };
    run.seer.notes.iter().filter_map(|(_, _, note)| elected(note)).collect()
}

#[test]
fn acks_all_is_answered_when_all_replicas_in_sync_have_it() {
    let mut lab = Lab::new("kafka-4.1");
    lab.produce(100, 1, Acks::All, 7).produce(100, 1, Acks::Leader, 8);
    let run = lab.run(1_000);
    let (all, first) = (run.written(0).expect("an answer"), run.written(1).expect("an answer"));
    assert_eq!((all.1, first.1), (Ok(0), Ok(1)));
    assert!(first.0 < all.0, "the leader alone is quicker");
    for broker in 1..=3 {
        assert_eq!(run.log(broker), [(0, 7), (1, 8)]);
    }
    assert_eq!(run.visible(1), [(0, 7), (1, 8)]);
}

#[test]
fn a_consumer_that_waits_gets_a_record_when_the_high_watermark_passes_it() {
    let mut lab = Lab::new("kafka-4.1");
    lab.ask(100, 1, fetch(0, Span::from_secs(5))).produce(1_000, 1, Acks::All, 7);
    let run = lab.run(3_000);
    let (_, at, answer) = run.answers().iter().find(|(n, ..)| *n == 0).expect("an answer");
    let Answer::Fetch(found) = answer else { panic!("{answer:?}") };
    assert_eq!(found[0].1.batches.len(), 1);
    assert!((1_000..1_100).contains(&at.as_millis()), "{at:?}");
}

#[test]
fn a_consumer_that_waits_gets_nothing_when_its_time_is_over() {
    let mut lab = Lab::new("kafka-4.1");
    lab.ask(100, 1, fetch(0, Span::from_millis(500)));
    let run = lab.run(3_000);
    let (_, at, answer) = &run.answers()[0];
    assert_eq!(*answer, Answer::Fetch(Vec::new()));
    assert_eq!(at.as_millis(), 600);
}

#[test]
fn only_the_leader_takes_records() {
    let mut lab = Lab::new("kafka-4.1");
    lab.produce(100, 2, Acks::Leader, 7);
    assert_eq!(lab.run(1_000).written(0).expect("an answer").1, Err(Code::NotLeaderOrFollower));
}

/// As recorded on 4.1.1 (`replication_acks1_leader_crash`).
#[test]
fn what_only_a_leader_has_acknowledged_is_lost_with_it_and_its_log_is_cut_when_it_returns() {
    let mut lab = Lab::new("kafka-4.1");
    for id in 0..3 {
        lab.produce(1_000 + u64::from(id), 1, Acks::All, id);
    }
    lab.fault(2_000, Fault::Pause(kafka(2))).fault(2_000, Fault::Pause(kafka(3)));
    // the fetches under way take the first records with them
    lab.produce(2_100, 1, Acks::Leader, 10);
    for id in 11..14 {
        lab.produce(3_000 + u64::from(id), 1, Acks::Leader, id);
    }
    lab.fault(3_100, Fault::Kill(kafka(1)));
    lab.fault(3_400, Fault::Resume(kafka(2))).fault(3_400, Fault::Resume(kafka(3)));
    lab.produce(16_000, 2, Acks::All, 20);
    lab.fault(17_000, Fault::Restart(kafka(1)));
    let mut run = lab.run(3_090);
    assert_eq!(run.written(6), Some((run.written(6).expect("an answer").0, Ok(6))));
    assert_eq!(run.log(1).len(), 7);
    run.until(11_000);
    assert_eq!(partition(&run).leader, Some(kafka(1)), "its session has not ended");
    run.until(15_000);
    assert_eq!(
        (partition(&run).leader, partition(&run).isr),
        (Some(kafka(2)), vec![kafka(2), kafka(3)])
    );
    run.until(30_000);
    assert_eq!(partition(&run).isr, [kafka(2), kafka(3), kafka(1)]);
    let survivors = [(0, 0), (1, 1), (2, 2), (3, 20)];
    for broker in 1..=3 {
        assert_eq!(run.log(broker), survivors);
    }
    assert_eq!(leaders(&run), [(Some(kafka(1)), 0), (Some(kafka(2)), 1)]);
    let truncated = run.seer.notes.iter().any(|(_, node, note)| {
        *node == kafka(1) && *note == KafkaNote::Truncated { at: T0, to: 3 }
    });
    assert!(truncated);
}

/// As recorded on 4.1.1 (`replication_min_isr`).
#[test]
fn below_min_insync_replicas_acks_all_is_refused_and_acks_1_is_taken_but_not_seen() {
    let mut lab = Lab::new("kafka-4.1").topic("min.insync.replicas", "2");
    lab.produce(1_000, 1, Acks::All, 0);
    lab.fault(2_000, Fault::Pause(kafka(2))).fault(2_000, Fault::Pause(kafka(3)));
    lab.produce(2_600, 1, Acks::All, 1);
    lab.produce(20_000, 1, Acks::All, 2).produce(21_000, 1, Acks::Leader, 3);
    lab.fault(25_000, Fault::Resume(kafka(2))).fault(25_000, Fault::Resume(kafka(3)));
    let mut run = lab.run(24_000);
    let state = partition(&run);
    assert_eq!((state.leader, &state.isr), (Some(kafka(1)), &vec![kafka(1)]));
    assert_eq!(state.elr.len(), 1, "the one that left last");
    let (at, pending) = run.written(1).expect("an answer");
    assert_eq!((at.as_millis() / 100, pending), (176, Err(Code::RequestTimedOut)));
    assert_eq!(run.written(2).expect("an answer").1, Err(Code::NotEnoughReplicas));
    assert_eq!(run.written(3).expect("an answer").1, Ok(2));
    assert_eq!(run.visible(1), [(0, 0)]);
    run.until(40_000);
    assert_eq!(partition(&run).isr.len(), 3);
    assert_eq!(run.visible(1), [(0, 0), (1, 1), (2, 3)], "what was refused as too late is there");
}

/// KAFKA-15583.
#[test]
fn up_to_3_6_the_last_replica_in_sync_moves_the_high_watermark_alone() {
    let mut lab = Lab::new("kafka-3.6").topic("min.insync.replicas", "2");
    lab.produce(1_000, 1, Acks::All, 0);
    lab.fault(2_000, Fault::Pause(kafka(2))).fault(2_000, Fault::Pause(kafka(3)));
    lab.produce(2_600, 1, Acks::All, 1).produce(21_000, 1, Acks::Leader, 3);
    let run = lab.run(24_000);
    let (at, pending) = run.written(1).expect("an answer");
    assert_eq!(pending, Err(Code::NotEnoughReplicasAfterAppend));
    assert!(at.as_millis() < 14_000, "when the others were fenced: {at:?}");
    assert_eq!(run.visible(1), [(0, 0), (1, 1), (2, 3)]);
}

#[test]
fn a_follower_that_is_slow_leaves_after_replica_lag_time_max_and_not_before() {
    let mut lab = Lab::new("kafka-4.1");
    lab.fault(1_000, Fault::Cut(Link { from: kafka(3), to: kafka(1) }));
    for n in 0..60 {
        lab.produce(1_600 + n * 1_000, 1, Acks::Leader, n as u32);
    }
    let mut run = lab.run(29_000);
    assert_eq!(partition(&run).isr.len(), 3);
    run.until(47_000);
    assert_eq!(partition(&run).isr, [kafka(1), kafka(2)]);
    assert_eq!(leaders(&run).len(), 1);
}

#[test]
fn an_orderly_stop_moves_leaders_at_once() {
    let mut lab = Lab::new("kafka-4.1");
    lab.produce(1_000, 1, Acks::All, 0);
    lab.fault(2_000, Fault::Stop(kafka(1)));
    lab.produce(2_100, 2, Acks::All, 1);
    lab.fault(3_000, Fault::Restart(kafka(1)));
    let run = lab.run(10_000);
    assert_eq!(run.written(1).expect("an answer").1, Ok(1));
    assert_eq!(partition(&run).isr, [kafka(2), kafka(3), kafka(1)]);
}

#[test]
fn the_preferred_leader_gets_its_partition_back_at_the_next_check() {
    let mut lab = Lab::new("kafka-4.1");
    lab.fault(2_000, Fault::Stop(kafka(1))).fault(3_000, Fault::Restart(kafka(1)));
    let mut run = lab.run(299_000);
    assert_eq!(partition(&run).leader, Some(kafka(2)));
    run.until(301_000);
    assert_eq!(partition(&run).leader, Some(kafka(1)));
}

/// As recorded on 4.1.1 (`replication_last_replica_standing`).
#[test]
fn an_unclean_election_loses_what_the_last_replica_standing_acknowledged() {
    let mut lab = Lab::new("kafka-4.1");
    lab.produce(1_000, 1, Acks::All, 0);
    lab.fault(2_000, Fault::Kill(kafka(2))).fault(2_000, Fault::Kill(kafka(3)));
    lab.produce(15_000, 1, Acks::All, 1);
    lab.fault(16_000, Fault::Kill(kafka(1)));
    lab.fault(17_000, Fault::Restart(kafka(2)));
    let order = crate::talk::KafkaOrder::ElectUnclean(T0);
    let controller = lab.controller(0);
    lab.fault(40_000, Fault::Order(controller, crate::talk::Order::Kafka(order)));
    lab.produce(41_000, 2, Acks::All, 2);
    let mut run = lab.run(39_000);
    assert_eq!(run.written(1).expect("an answer").1, Ok(1));
    let state = partition(&run);
    assert_eq!((state.leader, state.isr, state.elr), (None, vec![], vec![kafka(1)]));
    run.until(45_000);
    assert_eq!(partition(&run).leader, Some(kafka(2)));
    assert_eq!(run.log(2), [(0, 0), (1, 2)]);
}

#[test]
fn a_broker_that_died_registers_when_its_old_session_has_ended() {
    let mut lab = Lab::new("kafka-4.1");
    lab.fault(2_000, Fault::Kill(kafka(3))).fault(3_000, Fault::Restart(kafka(3)));
    let mut run = lab.run(9_000);
    assert_eq!(partition(&run).isr.len(), 3, "nobody has noticed");
    run.until(25_000);
    assert_eq!(partition(&run).isr, [kafka(1), kafka(2), kafka(3)]);
    let fenced =
        |note: &KafkaNote| matches!(note, KafkaNote::Fenced { broker, .. } if *broker == kafka(3));
    assert_eq!(run.seer.notes.iter().filter(|(_, _, note)| fenced(note)).count(), 2);
}

#[test]
fn another_controller_takes_over_when_the_active_one_is_gone() {
    let mut lab = Lab::new("kafka-4.1").controllers(3);
    let controller = lab.controller(0);
    lab.fault(2_000, Fault::Kill(controller)).fault(10_000, Fault::Kill(kafka(1)));
    lab.produce(25_000, 2, Acks::All, 0);
    let run = lab.run(30_000);
    assert_eq!(partition(&run).leader, Some(kafka(2)));
    assert_eq!(run.written(0).expect("an answer").1, Ok(0));
    assert!(
        run.image().controller.is_some_and(|(node, epoch)| node != lab.controller(0) && epoch > 1)
    );
}

#[test]
fn a_frozen_controller_is_replaced_and_steps_down_when_it_wakes() {
    let mut lab = Lab::new("kafka-4.1").controllers(3);
    let controller = lab.controller(0);
    lab.fault(2_000, Fault::Pause(controller)).fault(20_000, Fault::Resume(controller));
    lab.fault(8_000, Fault::Kill(kafka(1)));
    let run = lab.run(40_000);
    assert_eq!(partition(&run).leader, Some(kafka(2)));
    let active = run.timeline.world().nodes().filter(|(_, node)| match node {
        Toy::Controller(controller) => controller.is_active(),
        _ => false,
    });
    assert_eq!(active.count(), 1);
}

/// As recorded on 4.1.1 (`compaction`).
#[test]
fn compaction_leaves_the_last_record_of_each_key_and_the_active_segment() {
    let mut lab = Lab::new("kafka-4.1")
        .topic("cleanup.policy", "compact")
        .topic("segment.ms", "5000")
        .topic("min.cleanable.dirty.ratio", "0.01");
    let (a, b, c, d) = (1, 2, 3, 4);
    for (id, key) in (0..).zip([a, b, a, c, b, a, d]) {
        let millis = if key == d { 9_000 } else { 1_000 + 10 * u64::from(id) };
        let record = Record {
            id: MessageId(id),
            pattern: 1,
            key,
            tombstone: id == 4,
            timestamp: Time::ZERO + Span::from_millis(millis),
            ..Record::default()
        };
        lab.ask(millis, 1, produce_record(Acks::All, record));
    }
    let run = lab.run(60_000);
    for broker in 1..=3 {
        assert_eq!(run.log(broker), [(3, 3), (4, 4), (5, 5), (6, 6)], "kafka-{broker}");
    }
    let gone = |note: &KafkaNote| matches!(note, KafkaNote::CompactedAway { .. });
    assert_eq!(run.seer.notes.iter().filter(|(_, _, note)| gone(note)).count(), 3);
}

#[test]
fn records_that_are_deleted_are_gone_on_all_replicas() {
    let mut lab = Lab::new("kafka-4.1");
    for id in 0..4 {
        lab.produce(1_000 + u64::from(id), 1, Acks::All, id);
    }
    let order = crate::talk::KafkaOrder::DeleteRecords { at: T0, before: Some(3) };
    lab.fault(2_000, Fault::Order(kafka(1), crate::talk::Order::Kafka(order)));
    lab.ask(4_000, 1, fetch(1, Span::ZERO));
    let run = lab.run(5_000);
    for broker in 1..=3 {
        assert_eq!(run.broker(broker).offsets(T0), Some((3, 4, 4)), "kafka-{broker}");
    }
    let (_, _, answer) = run.answers().last().expect("an answer");
    let Answer::Fetch(found) = answer else { panic!("{answer:?}") };
    assert_eq!(found[0].1.error, Some(Code::OffsetOutOfRange));
}

/// With `flush.ms` out of use nothing is on the disk, and replication is what keeps records.
#[test]
fn a_machine_without_power_loses_what_was_not_flushed_and_gets_it_from_the_leader() {
    let mut lab = Lab::new("kafka-4.1");
    for id in 0..4 {
        lab.produce(1_000 + u64::from(id), 1, Acks::All, id);
    }
    lab.fault(2_000, Fault::PowerLoss(kafka(3))).fault(3_000, Fault::Restart(kafka(3)));
    let mut run = lab.run(2_500);
    assert_eq!(run.log(3), []);
    run.until(30_000);
    assert_eq!(run.log(3).len(), 4);
    assert_eq!(partition(&run).isr, [kafka(1), kafka(2), kafka(3)]);
}

#[test]
fn new_partitions_have_leaders_at_once() {
    let mut lab = Lab::new("kafka-4.1");
    let controller = lab.controller(0);
    let order = crate::talk::KafkaOrder::CreatePartitions { topic: TopicId(0), count: 3 };
    lab.fault(1_000, Fault::Order(controller, crate::talk::Order::Kafka(order)));
    let run = lab.run(2_000);
    assert_eq!(run.image().partitions(TopicId(0)), 3);
    let at = TopicPartition::new(TopicId(0), 2);
    let leader = run.image().partition(at).and_then(|it| it.leader).expect("a leader");
    assert!(run.broker(leader.0).leads(at));
}
