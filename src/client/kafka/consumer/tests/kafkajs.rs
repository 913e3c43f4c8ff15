//! KafkaJS.

use super::*;
use crate::client::handler::DedupKey;
use crate::client::kafka::consumer::{CommitWhen, Each, OnFailure, Thrown};
use crate::client::script::{Lookup, LookupWhen, PoisonKind};
use crate::talk::{KafkaOrder, MessageId, Order, SeekTo};

fn kafkajs(handler: Script) -> KafkaConsumerConfig {
    consumer("kafkajs-2.2", "c", handler)
}

fn poisoned() -> Script {
    takes(Span::ZERO).poison(vec![MessageId(102)], PoisonKind::Always)
}

/// kafkajs_autocommit_default.
#[test]
fn by_default_the_offset_is_committed_once_a_fetched_batch_was_handled() {
    let story = Lab::new(&[8]).with(kafkajs(takes(ms(500)))).run(ms(20_000));
    assert_eq!(story.effects(), (0..8).collect::<Vec<_>>());
    let commits = story.commits();
    assert_eq!(commits.len(), 1, "{commits:?}");
    assert_eq!(commits[0].1, (0, 8));
    assert!(about(commits[0].0, 3_000 + 8 * 500), "{commits:?}");
}

/// kafkajs_autocommit_interval1000.
#[test]
fn with_an_interval_it_commits_after_the_message_with_which_that_has_passed() {
    let config = KafkaConsumerConfig {
        auto_commit_interval: Some(Span::from_secs(1)),
        ..kafkajs(takes(ms(500)))
    };
    let story = Lab::new(&[8]).with(config).run(ms(20_000));
    let offsets: Vec<u64> = story.commits().iter().map(|it| it.1.1).collect();
    assert_eq!(offsets, [2, 4, 6, 8]);
}

/// kafkajs_autocommit_notawaited.
#[test]
fn a_handler_that_is_not_awaited_is_committed_before_its_work_is_done() {
    let config = KafkaConsumerConfig { awaited: false, ..kafkajs(takes(ms(500))) };
    let story = Lab::new(&[8]).with(config).run(ms(10_000));
    let first = story.pick(|_, note| matches!(note, Note::Effect { .. }).then_some(()))[0].0;
    let commits = story.commits();
    assert_eq!((commits.len(), commits[0].1), (1, (0, 8)));
    assert!(commits[0].0 < first, "{commits:?} {first}");
    assert_eq!(story.effects().len(), 8);
}

/// kafkajs_crash_mid_batch.
#[test]
fn a_crash_brings_back_the_whole_batch_since_the_last_commit() {
    let story = Lab::new(&[10])
        .with(kafkajs(takes(ms(100))))
        .fault(ms(3_000 + 550), Fault::Kill(ME))
        .fault(ms(4_000), Fault::Restart(ME))
        .run(ms(60_000));
    let mut wanted: Vec<u32> = (0..5).collect();
    wanted.extend(0..10);
    assert_eq!(story.effects(), wanted);
    assert_eq!(story.commits().len(), 1);
}

/// kafkajs_handler_longer_than_session_timeout, where the session of 6 s is saved by some hundredths
/// of a second; here it has nearly 9 s.
#[test]
fn an_idle_fetcher_of_a_broker_that_leads_nothing_keeps_the_membership_alive() {
    let config = KafkaConsumerConfig {
        session_timeout: Span::from_millis(8_900),
        ..kafkajs(takes(Span::from_secs(9)))
    };
    let story = Lab::new(&[3]).with(config).run(Span::from_secs(60));
    assert_eq!(story.effects(), [0, 1, 2]);
    assert_eq!(story.assigned(ME).len(), 1, "it is never thrown out");
    assert_eq!(story.commits().iter().map(|it| it.1).collect::<Vec<_>>(), [(0, 3)]);
}

/// kafkajs_handler_longer_than_session_timeout_all_fetchers_busy.
#[test]
fn without_an_idle_fetcher_a_handler_longer_than_the_session_repeats_itself_for_ever() {
    let config = KafkaConsumerConfig {
        session_timeout: Span::from_secs(6),
        ..kafkajs(takes(Span::from_secs(9)))
    };
    let story = Lab::new(&[3, 3, 3]).with(config).run(Span::from_secs(76));
    let effects = story.effects();
    assert_eq!(effects.len(), 7, "{effects:?}");
    let first_of_each = |some: &[u32]| {
        let mut some = some.to_vec();
        some.sort_unstable();
        some == [0, 100, 200]
    };
    assert!(first_of_each(&effects[..3]) && first_of_each(&effects[3..6]), "{effects:?}");
    assert_eq!(story.commits(), []);
    let joins: Vec<u64> = story.assigned(ME).iter().map(|it| it.0).step_by(3).collect();
    assert!(about(joins[1] - joins[0], 30_000), "{joins:?}");
}

/// kafkajs_poison_Error: six attempts, each about five seconds after the one before and its
/// back-off, since to stop means to wait for the long polls of the other brokers.
#[test]
fn an_error_stops_all_partitions_and_crashes_the_consumer_after_six_attempts() {
    let story = Lab::new(&[5, 5, 5])
        .with(kafkajs(poisoned()))
        .later(Span::from_secs(15), p(0), 5, 5)
        .run(Span::from_secs(150));
    let attempts = story.started(102);
    let gaps: Vec<u64> = attempts.windows(2).map(|it| it[1] - it[0]).take(6).collect();
    for (gap, wait) in gaps.iter().zip([300, 600, 1_200, 2_400, 4_800]) {
        let least = 5_000 + wait * 5 / 10;
        let most = 5_300 + wait * 2;
        assert!((least..most).contains(gap), "{gaps:?}");
    }
    // the sixth attempt is the last before the crash; the next comes with a new membership
    assert!(gaps[5] > 5_000 + 3_000 + 3_000, "{gaps:?}");
    assert!(story.assigned(ME).len() >= 6, "it joins again");
    // the late message of a healthy partition waits for the next attempt
    let late = story.started(5)[0];
    assert!(attempts.iter().any(|it| it.abs_diff(late) < 20) && late > 15_500, "{late}");
    let committed: Vec<(u16, u64)> = story.commits().iter().map(|it| it.1).collect();
    assert!(committed.contains(&(1, 2)) && !committed.contains(&(1, 3)), "{committed:?}");
}

/// kafkajs_poison_SyntaxError.
#[test]
fn a_syntax_error_stops_the_consumer_for_good() {
    let config = KafkaConsumerConfig { error: Thrown::SyntaxError, ..kafkajs(poisoned()) };
    let story = Lab::new(&[5, 5, 5])
        .with(config)
        .later(Span::from_secs(15), p(0), 5, 5)
        .run(Span::from_secs(60));
    assert_eq!(story.started(102).len(), 1);
    assert_eq!(story.effects().len(), 5 + 2 + 5, "what was in the queue is still handled");
    assert!(story.started(5).is_empty());
    let mut committed: Vec<(u16, u64)> = story.commits().iter().map(|it| it.1).collect();
    committed.sort_unstable();
    assert_eq!(committed, [(0, 5), (1, 2), (2, 5)]);
    assert!(story.consumer(ME).is_dead());
}

/// kafkajs_autocommit_eachBatchEarlyReturn.
#[test]
fn a_batch_handler_that_returns_early_loses_the_rest_to_auto_resolve() {
    let each = Each::Batch { auto_resolve: true, returns_after: Some(3) };
    let config = KafkaConsumerConfig { each, ..kafkajs(takes(ms(300))) };
    let story = Lab::new(&[8]).with(config).run(Span::from_secs(20));
    assert_eq!(story.effects(), [0, 1, 2]);
    assert_eq!(story.commits().iter().map(|it| it.1).collect::<Vec<_>>(), [(0, 8)]);
}

/// kafkajs_offset_out_of_range: committed 2, log 6 to 9, fromBeginning false.
#[test]
fn an_offset_out_of_range_skips_what_is_there() {
    let config = KafkaConsumerConfig { reset: Reset::Latest, ..kafkajs(takes(Span::ZERO)) };
    let mut lab = Lab::new(&[0]).with(config).later(Span::from_secs(10), p(0), 10, 10);
    lab.brokers[0].logs.insert(p(0), (6, vec![batch(6, 6..10)]));
    lab.brokers[0].committed = vec![(p(0), Some(2))];
    let story = lab.run(Span::from_secs(30));
    assert_eq!(story.effects(), [10]);
}

#[test]
fn whoever_commits_after_every_message_is_behind_by_one_at_most() {
    let config = KafkaConsumerConfig { commit: CommitWhen::EachMessage, ..kafkajs(takes(ms(100))) };
    let story = Lab::new(&[3]).with(config).run(Span::from_secs(10));
    let offsets: Vec<u64> = story.commits().iter().map(|it| it.1.1).collect();
    assert_eq!(offsets, [1, 2, 3]);
}

#[test]
fn what_fails_goes_to_a_retry_topic_and_the_partition_goes_on() {
    let retry = OnFailure::Produce { retry: vec![TopicId(1)], dead_letter: None };
    let config = KafkaConsumerConfig { on_failure: retry, ..kafkajs(poisoned()) };
    let story = Lab::new(&[1, 5, 1]).with(config).run(Span::from_secs(20));
    assert_eq!(story.started(102).len(), 1);
    assert_eq!(story.effects().len(), 6);
    let retried = story.pick(|_, note| matches!(note, Note::Retried { .. }).then_some(()));
    let confirmed = story.pick(|_, note| matches!(note, Note::Confirmed { .. }).then_some(()));
    assert_eq!((retried.len(), confirmed.len()), (1, 1));
    let last: Vec<_> = story.commits().into_iter().filter(|it| it.1.0 == 1).collect();
    assert_eq!(last.last().map(|it| it.1), Some((1, 5)));
}

/// kafkajs_setnx_before_handling_loses_message: the guide's pattern.
#[test]
fn a_message_that_was_remembered_before_it_was_handled_is_lost_by_one_error() {
    let dedup = |when| {
        let lookup = Lookup { service: 1, at: NodeId(4), when, key: DedupKey::Id };
        let flaky = PoisonKind::Times(1);
        let script = takes(Span::ZERO).poison(vec![MessageId(0)], flaky).dedup(lookup);
        KafkaConsumerConfig { commit: CommitWhen::EachMessage, ..kafkajs(script) }
    };
    let run = |when| {
        let mut lab = Lab::new(&[2]).with(dedup(when));
        lab.store = true;
        lab.run(Span::from_secs(30))
    };
    let story = run(LookupWhen::Before);
    assert_eq!(story.effects(), [1]);
    assert_eq!(story.commits().iter().map(|it| it.1.1).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(run(LookupWhen::After).effects(), [0, 1], "the repair");
}

#[test]
fn an_operator_can_have_everything_read_again() {
    let story = Lab::new(&[3])
        .with(kafkajs(takes(Span::ZERO)))
        .fault(
            Span::from_secs(10),
            Fault::Order(ME, Order::Kafka(KafkaOrder::Seek(SeekTo::Offset(1)))),
        )
        .run(Span::from_secs(30));
    assert_eq!(story.effects(), [0, 1, 2, 1, 2]);
}

#[test]
fn an_error_that_the_handler_swallows_is_covered_by_the_next_commit() {
    let flaky = PoisonKind::Times(1);
    let script = takes(Span::ZERO).poison(vec![crate::talk::MessageId(2)], flaky);
    let config = KafkaConsumerConfig {
        commit: CommitWhen::EachMessage,
        on_failure: OnFailure::GoOn,
        ..kafkajs(script)
    };
    let story = Lab::new(&[5]).with(config).run(Span::from_secs(10));
    assert_eq!(story.effects(), [0, 1, 3, 4]);
    let commits: Vec<u64> = story.commits().iter().map(|it| it.1.1).collect();
    assert_eq!(commits, [1, 2, 4, 5]);
}
