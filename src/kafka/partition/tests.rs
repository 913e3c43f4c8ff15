use std::num::NonZeroU32;

use super::{Partitioner, Partitions, Placer, Settings, UnknownPartitioner};
use crate::kafka::Version;
use crate::kernel::{Span, Time};

const ALL: [u32; 6] = [0, 1, 2, 3, 4, 5];

fn topic(available: &[u32]) -> Partitions<'_> {
    Partitions { count: NonZeroU32::new(6).expect("six is not zero"), available }
}

fn placer(partitioner: Partitioner) -> Placer {
    Placer::new(partitioner, Settings::default())
}

/// Takes what it is told to, and insists that it is among the choices.
fn picks<const N: usize>(script: [u32; N]) -> impl FnMut(u32) -> u32 {
    let mut script = script.into_iter();
    move |n| {
        let picked = script.next().expect("another choice");
        assert!(picked < n, "{picked} of {n}");
        picked
    }
}

fn never(_: u32) -> u32 {
    panic!("nothing is left to chance")
}

#[test]
fn a_key_goes_to_its_partition_also_when_that_has_no_leader() {
    let mut java = placer(Partitioner::BuiltIn);
    assert_eq!(java.place(Some(b"default"), &topic(&[0, 2]), Time::ZERO, &mut never), 1);
}

/// The guide's "constant keys go to partition 0" holds by accident only.
#[test]
fn a_constant_key_goes_to_one_partition_which_need_not_be_the_first() {
    let six = topic(&ALL).count;
    let of = |key: &str| Partitioner::BuiltIn.by_key(Some(key.as_bytes()), six);
    let keys = ["constant", "default", "same", "key", "fixed", "global", "all"];
    let partitions = [0, 1, 5, 1, 2, 5, 0];
    assert_eq!(keys.map(of), partitions.map(Some));
}

#[test]
fn clients_disagree_about_where_a_key_belongs() {
    let six = topic(&ALL).count;
    let of = |it: Partitioner| it.by_key(Some(b"order-1002"), six);
    assert_eq!(of(Partitioner::BuiltIn), of(Partitioner::KafkaJs));
    assert_eq!(of(Partitioner::BuiltIn), of(Partitioner::Murmur2Random));
    assert_ne!(of(Partitioner::BuiltIn), of(Partitioner::KafkaJsLegacy));
    assert_ne!(of(Partitioner::BuiltIn), of(Partitioner::ConsistentRandom));
}

#[test]
fn an_empty_key_is_a_key_but_for_the_default_of_librdkafka() {
    let six = topic(&ALL).count;
    let of = |it: Partitioner, key: Option<&[u8]>| it.by_key(key, six);
    assert_eq!(of(Partitioner::ConsistentRandom, Some(b"")), None);
    for by_key in [Partitioner::Murmur2Random, Partitioner::Fnv1aRandom, Partitioner::BuiltIn] {
        assert!(of(by_key, Some(b"")).is_some(), "{by_key:?}");
        assert_eq!(of(by_key, None), None, "{by_key:?}");
    }
    for constant in [Partitioner::Murmur2, Partitioner::Fnv1a, Partitioner::Consistent] {
        assert_eq!(of(constant, None), of(constant, Some(b"")), "{constant:?}");
    }
}

#[test]
fn without_a_key_kafkajs_takes_the_available_partitions_in_turn_from_a_random_one() {
    let mut kafkajs = placer(Partitioner::KafkaJs);
    let mut pick = picks([2]);
    let some = topic(&[1, 3, 4, 5]);
    let placed: Vec<u32> =
        (0..6).map(|_| kafkajs.place(None, &some, Time::ZERO, &mut pick)).collect();
    assert_eq!(placed, [4, 5, 1, 3, 4, 5]);
}

#[test]
fn without_any_leader_turns_are_taken_among_all_partitions() {
    let mut kafkajs = placer(Partitioner::KafkaJs);
    let mut pick = picks([5]);
    let placed: Vec<u32> =
        (0..3).map(|_| kafkajs.place(None, &topic(&[]), Time::ZERO, &mut pick)).collect();
    assert_eq!(placed, [5, 0, 1]);
}

#[test]
fn the_round_robin_partitioner_begins_with_the_first_partition_and_ignores_keys() {
    let mut java = placer(Partitioner::RoundRobin);
    let placed: Vec<u32> =
        (0..7).map(|_| java.place(Some(b"same"), &topic(&ALL), Time::ZERO, &mut never)).collect();
    assert_eq!(placed, [0, 1, 2, 3, 4, 5, 0]);
}

#[test]
fn the_built_in_partitioner_switches_once_batch_size_bytes_went_to_a_partition_and_it_is_full() {
    let mut java = placer(Partitioner::BuiltIn);
    let mut pick = picks([3, 1, 4]);
    let all = topic(&ALL);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 3);
    java.appended(16_383, true, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 3, "one byte is missing");
    java.appended(1, false, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 3, "a batch is not full");
    java.appended(0, true, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 1);
    java.appended(32_768, false, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 4, "twice as much is enough");
}

/// `BuiltInPartitionerTest#adaptivePartitionsTest` of Apache Kafka 4.1.1.
#[test]
fn the_built_in_partitioner_prefers_short_queues() {
    let mut java = placer(Partitioner::BuiltIn);
    let mut pick = picks([0, 1, 6, 7, 20]);
    let five = Partitions { count: NonZeroU32::new(5).expect("five"), available: &ALL[..5] };
    java.loaded(5, (0..).zip([5, 0, 3, 0, 1]));
    let mut placed = Vec::new();
    for _ in 0..5 {
        placed.push(java.place(None, &five, Time::ZERO, &mut pick));
        if placed.len() < 5 {
            java.appended(32_768, true, &five, &mut pick);
        }
    }
    assert_eq!(placed, [0, 1, 1, 2, 4], "weights 1, 6, 3, 6, 5");
}

#[test]
fn queues_of_the_same_length_weigh_nothing_unless_one_is_left_out() {
    let mut java = super::BuiltIn::default();
    java.loaded(3, (0..).zip([2, 2, 2]));
    assert_eq!(java.load(), []);
    java.loaded(3, [(0, 2), (2, 2)].into_iter());
    assert_eq!(java.load(), [(1, 0), (2, 2)]);
}

#[test]
fn keys_can_be_ignored_by_the_built_in_partitioner() {
    let settings = Settings { ignore_keys: true, ..Settings::default() };
    let mut java = Placer::new(Partitioner::BuiltIn, settings);
    assert_eq!(java.place(Some(b"default"), &topic(&ALL), Time::ZERO, &mut picks([4])), 4);
}

#[test]
fn the_sticky_partitioner_switches_to_another_partition_with_a_new_batch_there() {
    let mut java = placer(Partitioner::Sticky);
    let mut pick = picks([2, 2, 0]);
    let all = topic(&ALL);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 2);
    java.new_batch(5, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 2, "a new batch elsewhere");
    java.new_batch(2, &all, &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 3, "any but 2");
    java.new_batch(3, &topic(&[3]), &mut pick);
    assert_eq!(java.place(None, &all, Time::ZERO, &mut pick), 3, "there is no other");
}

#[test]
fn librdkafka_stays_with_a_random_partition_for_ten_milliseconds() {
    let mut librdkafka = placer(Partitioner::ConsistentRandom);
    let mut pick = picks([4, 1, 5, 0, 2]);
    let at = |millis: u64| Time::ZERO + Span::from_millis(millis);
    let all = topic(&ALL);
    assert_eq!(librdkafka.place(None, &all, at(0), &mut pick), 4);
    assert_eq!(librdkafka.place(Some(b""), &all, at(10), &mut pick), 4);
    assert_eq!(librdkafka.place(None, &all, at(11), &mut pick), 1);
    let without = topic(&[0, 2, 3, 4]);
    assert_eq!(librdkafka.place(None, &without, at(12), &mut pick), 0, "1 and 5 have no leader");
    assert_eq!(librdkafka.place(None, &without, at(23), &mut pick), 2);
}

#[test]
fn without_lingering_librdkafka_chooses_for_every_record() {
    let settings = Settings { sticky_linger: Span::ZERO, ..Settings::default() };
    let mut librdkafka = Placer::new(Partitioner::Murmur2Random, settings);
    let mut pick = picks([4, 1]);
    let mut place = || librdkafka.place(None, &topic(&ALL), Time::ZERO, &mut pick);
    assert_eq!([place(), place()], [4, 1]);
}

#[test]
fn partitioner_class_means_something_else_in_each_era() {
    const DEFAULT: &str = "org.apache.kafka.clients.producer.internals.DefaultPartitioner";
    assert_eq!(Partitioner::java(None, Version::new(2, 3)), Ok(Partitioner::InTurn));
    assert_eq!(Partitioner::java(None, Version::new(3, 2)), Ok(Partitioner::Sticky));
    assert_eq!(Partitioner::java(None, Version::new(4, 1)), Ok(Partitioner::BuiltIn));
    assert_eq!(Partitioner::java(Some(DEFAULT), Version::new(3, 9)), Ok(Partitioner::Sticky));
    let removed = UnknownPartitioner::Removed { class: DEFAULT };
    assert_eq!(Partitioner::java(Some(DEFAULT), Version::new(4, 0)), Err(removed));
}

#[test]
fn a_wrong_name_is_told_the_right_ones() {
    assert_eq!(
        Partitioner::kafkajs(Some("Partitioners.LegacyPartitioner")),
        Ok(Partitioner::KafkaJsLegacy)
    );
    assert_eq!(Partitioner::kafkajs(Some("JavaCompatiblePartitioner")), Ok(Partitioner::KafkaJs));
    let wrong = Partitioner::librdkafka(Some("murmur3")).expect_err("there is none");
    let text = wrong.to_string();
    assert!(
        text.starts_with("partitioner has no \"murmur3\"; it has random, consistent"),
        "{text}"
    );
}
