//! librdkafka.

use super::*;
use crate::client::kafka::consumer::{GroupProtocol, assignor};
use crate::talk::Order;

fn librdkafka(name: &str, handler: Script) -> KafkaConsumerConfig {
    consumer("librdkafka-2", name, handler)
}

/// librdkafka_autocommit_before_processing.
#[test]
fn what_was_handed_over_is_committed_while_it_is_handled() {
    let config = KafkaConsumerConfig {
        auto_commit_interval: Some(ms(500)),
        ..librdkafka("c", takes(Span::from_secs(4)))
    };
    let story = Lab::new(&[3]).with(config).run(ms(3_000 + 3_500));
    assert!(story.effects().is_empty());
    assert_eq!(story.commits().iter().map(|it| it.1).collect::<Vec<_>>(), [(0, 1)]);
}

/// group_range, its beginning: c2 joins, c1 learns of it with its next heartbeat.
#[test]
fn an_eager_member_gives_up_all_it_has_when_another_one_joins() {
    let range = |name| KafkaConsumerConfig {
        assignors: vec![assignor("range").expect("range")],
        ..librdkafka(name, takes(Span::ZERO))
    };
    let second = KafkaConsumerConfig { joined: false, ..range("c2") };
    let story = Lab::new(&[0, 0, 0, 0, 0, 0])
        .with(range("c1"))
        .with(second)
        .fault(ms(9_600), Fault::Order(NodeId(4), Order::Join))
        .fault(ms(20_000), Fault::Order(NodeId(4), Order::Leave))
        .run(Span::from_secs(30));
    let assigned = story.assigned(ME);
    let partitions: Vec<u16> = assigned.iter().map(|it| it.1).collect();
    assert_eq!(partitions, [0, 1, 2, 3, 4, 5, 0, 1, 2, 0, 1, 2, 3, 4, 5]);
    let theirs: Vec<u16> = story.assigned(NodeId(4)).iter().map(|it| it.1).collect();
    assert_eq!(theirs, [3, 4, 5]);
    assert_eq!(story.revoked(ME).len(), 9);
    let revoked = story.revoked(ME)[0].0;
    assert!((9_600..9_600 + 3_100).contains(&revoked), "{revoked}");
}

/// group_slow_member_range: the fast member waits for the slow one's handler.
#[test]
fn an_eager_group_waits_for_the_handler_of_its_slowest_member() {
    let range = |name, span| KafkaConsumerConfig {
        assignors: vec![assignor("range").expect("range")],
        ..librdkafka(name, takes(span))
    };
    let third = KafkaConsumerConfig { joined: false, ..range("c3", Span::ZERO) };
    let story = Lab::new(&[10, 0, 0, 0, 0, 0])
        .with(range("c1", Span::from_secs(8)))
        .with(range("c2", Span::ZERO))
        .with(third)
        .fault(ms(8_000), Fault::Order(NodeId(5), Order::Join))
        .run(Span::from_secs(40));
    let fast = story.revoked(NodeId(4))[0].0;
    let slow = story.revoked(ME)[0].0;
    let third = story.assigned(NodeId(5))[0].0;
    // two members came one after the other: the group waited 6 s
    assert!(fast < 11_100, "{fast}");
    assert!(about(slow, 6_000 + 8_000), "{slow}");
    assert!(third >= slow && third < slow + 1_000, "{third}");
}

/// group_consumer848: partitions move one by one, without a barrier and without the 3 s of a new
/// group; the heartbeats of the broker's 5 s set the pace.
#[test]
fn with_the_consumer_protocol_only_what_moves_stops() {
    let consumer = |name| KafkaConsumerConfig {
        protocol: GroupProtocol::Consumer,
        ..librdkafka(name, takes(Span::ZERO))
    };
    let second = KafkaConsumerConfig { joined: false, ..consumer("c2") };
    let story = Lab::new(&[1, 1, 1, 1, 1, 1])
        .with(consumer("c1"))
        .with(second)
        .fault(ms(9_000), Fault::Order(NodeId(4), Order::Join))
        .fault(ms(25_000), Fault::Order(NodeId(4), Order::Leave))
        .run(Span::from_secs(40));
    let assigned = story.assigned(ME);
    assert_eq!(assigned.len(), 6 + 3, "{assigned:?}");
    assert!(assigned[0].0 < 500, "{assigned:?}");
    let revoked: Vec<u16> = story.revoked(ME).iter().map(|it| it.1.0).collect();
    let theirs: Vec<u16> = story.assigned(NodeId(4)).iter().map(|it| it.1).collect();
    assert_eq!((revoked.len(), &revoked), (3, &theirs));
    assert!(story.assigned(NodeId(4))[0].0 < 9_000 + 10_500);
    assert_eq!(story.effects().len(), 6, "nothing is read twice");
    assert_eq!(story.consumer(ME).places().len(), 6);
}

/// `enable.auto.offset.store=false`, with `rd_kafka_offsets_store` after the handler.
#[test]
fn what_the_application_stores_itself_is_committed_only_after_it_was_handled() {
    let config = KafkaConsumerConfig {
        auto_commit_interval: Some(ms(500)),
        auto_store: false,
        ..librdkafka("c", takes(Span::from_secs(2)))
    };
    let story = Lab::new(&[3]).with(config).run(ms(3_000 + 5_000));
    assert_eq!(story.effects(), [0, 1]);
    assert_eq!(story.commits().iter().map(|it| it.1).collect::<Vec<_>>(), [(0, 1), (0, 2)]);
}
