//! The Java client.

use super::*;
use crate::client::handler::{Produce, Role};
use crate::client::kafka::consumer::{CommitWhen, GroupProtocol, InTransaction, OnFailure};
use crate::client::script::PoisonKind;
use crate::kafka::assign::Assignor;
use crate::talk::Order;
use crate::talk::kafka::TxnId;

fn java(name: &str, handler: Script) -> KafkaConsumerConfig {
    let auto_commit_interval = Some(ms(1_000));
    let config = consumer("java-4.1", name, handler);
    KafkaConsumerConfig { auto_commit_interval, max_poll_records: 5, ..config }
}

/// java_autocommit_maxpoll_reset, first part.
#[test]
fn a_poll_commits_what_earlier_polls_returned() {
    let story = Lab::new(&[20])
        .with(java("c", takes(ms(400))))
        .fault(ms(3_000 + 6_100), Fault::Kill(ME))
        .run(Span::from_secs(12));
    assert_eq!(story.effects(), (0..15).collect::<Vec<_>>());
    let offsets: Vec<u64> = story.commits().iter().map(|it| it.1.1).collect();
    assert_eq!(offsets.first(), Some(&5));
    assert!(offsets.contains(&10), "{offsets:?}");
}

/// java_autocommit_maxpoll_reset, second part.
#[test]
fn what_is_handed_to_another_thread_is_committed_before_it_is_done() {
    let config = KafkaConsumerConfig { awaited: false, ..java("c", takes(Span::from_secs(60))) };
    let story = Lab::new(&[20]).with(config).run(Span::from_secs(10));
    assert!(story.effects().is_empty());
    assert_eq!(story.commits().last().map(|it| it.1), Some((0, 20)));
}

/// java_autocommit_maxpoll_reset, third part.
#[test]
fn a_handler_longer_than_max_poll_interval_loses_its_partitions_and_gets_the_records_again() {
    let config = KafkaConsumerConfig {
        max_poll_interval: Span::from_secs(6),
        max_poll_records: 2,
        commit: CommitWhen::EachBatch,
        ..java("c", takes(ms(4_500)))
    };
    let story = Lab::new(&[2]).with(config).run(Span::from_secs(17));
    assert_eq!(story.effects()[..2], [0, 1]);
    assert_eq!(story.commits(), [], "commitSync failed");
    let lost = story.revoked(ME);
    assert!(lost.iter().any(|it| it.1.1), "{lost:?}");
    assert!(story.assigned(ME).len() >= 2);
    assert!(story.started(0).len() >= 2, "redelivered");
}

fn committed_3_of_10_to_20(reset: Reset) -> Story {
    let config = KafkaConsumerConfig { reset, ..java("c", takes(Span::ZERO)) };
    let mut lab = Lab::new(&[0]).with(config);
    lab.brokers[0].logs.insert(p(0), (10, vec![batch(10, 10..20)]));
    lab.brokers[0].committed = vec![(p(0), Some(3))];
    lab.run(Span::from_secs(8))
}

/// java_autocommit_maxpoll_reset, last part.
#[test]
fn an_offset_out_of_range_goes_by_auto_offset_reset() {
    let all: Vec<u32> = (10..20).collect();
    assert_eq!(committed_3_of_10_to_20(Reset::Earliest).effects(), all);
    assert!(committed_3_of_10_to_20(Reset::Latest).effects().is_empty());
    let none = committed_3_of_10_to_20(Reset::None);
    assert_eq!((none.effects(), none.consumer(ME).is_dead()), (vec![], true));
}

#[test]
fn closing_commits_the_position_and_leaves() {
    let story = Lab::new(&[3])
        .with(KafkaConsumerConfig {
            auto_commit_interval: Some(Span::from_secs(100)),
            ..java("c", takes(Span::ZERO))
        })
        .fault(Span::from_secs(5), Fault::Order(ME, Order::Leave))
        .run(Span::from_secs(8));
    assert_eq!(story.commits().iter().map(|it| it.1).collect::<Vec<_>>(), [(0, 3)]);
    assert_eq!(story.revoked(ME).iter().map(|it| it.1).collect::<Vec<_>>(), [(0, false)]);
}

#[test]
fn an_uncaught_error_ends_the_process_and_the_next_one_begins_at_what_is_committed() {
    let script = takes(Span::ZERO).poison(vec![crate::talk::MessageId(2)], PoisonKind::Times(1));
    let config = KafkaConsumerConfig { session_timeout: Span::from_secs(6), ..java("c", script) };
    let story = Lab::new(&[4]).with(config).run(Span::from_secs(30));
    assert_eq!(story.effects(), [0, 1, 0, 1, 2, 3]);
}

/// Two members of a cooperative group: what stays is never given up.
#[test]
fn a_cooperative_member_gives_up_only_what_moves() {
    let cooperative = |name| KafkaConsumerConfig {
        assignors: vec![Assignor::CooperativeSticky],
        ..java(name, takes(Span::ZERO))
    };
    let second = KafkaConsumerConfig { joined: false, ..cooperative("c2") };
    let story = Lab::new(&[0, 0, 0, 0, 0, 0])
        .with(cooperative("c1"))
        .with(second)
        .fault(Span::from_secs(9), Fault::Order(NodeId(4), Order::Join))
        .run(Span::from_secs(30));
    assert_eq!(story.revoked(ME).len(), 3);
    assert_eq!(story.assigned(ME).len(), 6);
    assert_eq!(story.assigned(NodeId(4)).len(), 3);
    assert_eq!(story.consumer(ME).places().len(), 3);
}

/// Two members, of which the second is stopped in an orderly way and does not come back: when the
/// first one has all partitions.
fn stopped(change: impl Fn(KafkaConsumerConfig) -> KafkaConsumerConfig) -> Story {
    let member = |name| change(java(name, takes(Span::ZERO)));
    Lab::new(&[0, 0, 0, 0])
        .with(member("c1"))
        .with(member("c2"))
        .fault(Span::from_secs(20), Fault::Stop(NodeId(4)))
        .run(Span::from_secs(40))
}

#[test]
fn a_member_that_is_stopped_says_good_bye_and_does_not_join_again() {
    let with = |strategy, protocol| {
        move |it| KafkaConsumerConfig { assignors: vec![strategy], protocol, ..it }
    };
    let ways = [
        (Assignor::Range, GroupProtocol::Classic),
        (Assignor::CooperativeSticky, GroupProtocol::Classic),
        (Assignor::Range, GroupProtocol::Consumer),
    ];
    for (strategy, protocol) in ways {
        let story = stopped(with(strategy, protocol));
        let owned = story.consumer(ME).places().len();
        let last = story.assigned(ME).last().map(|it| it.0);
        assert_eq!(owned, 4, "{strategy:?}, {protocol:?}");
        // the next heartbeat tells of the rebalance, or brings the partitions
        assert!(last.is_some_and(|it| it < 26_000), "{strategy:?}, {protocol:?}: {last:?}");
    }
}

fn copies_in_transactions(script: Script) -> Story {
    let script = script.produce(Produce { role: Role::Forward, topic: TopicId(1), awaited: false });
    let (id, timeout) = (TxnId(0), Span::from_secs(60));
    let config = KafkaConsumerConfig {
        commit: CommitWhen::Transaction,
        transaction: Some(InTransaction { id, timeout, version_2: false }),
        ..java("c", script)
    };
    Lab::new(&[12]).with(config).run(Span::from_secs(20))
}

fn ends(story: &Story) -> Vec<bool> {
    let ends = story.pick(|_, note| match note {
        Note::Kafka(KafkaNote::TxnMarker { commit, .. }) => Some(*commit),
        _ => None,
    });
    ends.into_iter().map(|it| it.1).collect()
}

#[test]
fn what_a_poll_brought_and_what_came_of_it_is_committed_in_one_transaction() {
    let story = copies_in_transactions(takes(Span::ZERO));
    assert_eq!(story.effects(), (0..12).collect::<Vec<_>>());
    assert_eq!(ends(&story), [true; 3], "5, 5 and 2 records");
    assert_eq!(story.commits().last().map(|it| it.1), Some((0, 12)));
}

#[test]
fn a_transaction_in_which_a_handler_failed_is_aborted_and_its_records_come_again() {
    let flaky = PoisonKind::Times(1);
    let script = takes(Span::ZERO).poison(vec![crate::talk::MessageId(6)], flaky);
    let story = copies_in_transactions(script);
    assert_eq!(ends(&story), [true, false, true, true]);
    let mut wanted: Vec<u32> = (0..6).collect();
    wanted.extend(5..12);
    assert_eq!(story.effects(), wanted, "an effect outside of Kafka is not undone");
    assert_eq!(story.commits().last().map(|it| it.1), Some((0, 12)));
}

#[test]
fn an_error_that_is_only_caught_redelivers_nothing_and_the_next_commit_covers_it() {
    let flaky = PoisonKind::Times(1);
    let script = takes(Span::ZERO).poison(vec![crate::talk::MessageId(2)], flaky);
    let config = KafkaConsumerConfig {
        commit: CommitWhen::EachMessage,
        on_failure: OnFailure::GoOn,
        ..java("c", script)
    };
    let story = Lab::new(&[5]).with(config).run(Span::from_secs(10));
    assert_eq!(story.effects(), [0, 1, 3, 4]);
    assert_eq!(story.started(2).len(), 1);
    let commits: Vec<u64> = story.commits().iter().map(|it| it.1.1).collect();
    assert_eq!(commits, [1, 2, 4, 5], "2 is covered by the commit of 3");
}
