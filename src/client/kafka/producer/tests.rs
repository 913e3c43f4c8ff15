use super::submit::TICK;
use super::toy::{Toy, produces, records, serve};
use super::*;
use crate::client::Keys;
use crate::client::kafka::desk::{BROKERS, Desk};
use crate::kafka::clients::{Client, Full};
use crate::kernel::{Dist, NodeId};
use crate::talk::kafka::{Acks, Api, Code, ProducerIdentity, Request, TopicId, TxnId};
use crate::talk::{MessageId, Rate};

fn config(client: &str) -> KafkaProducerConfig {
    let client = Client::by_name(client).expect(client);
    KafkaProducerConfig {
        messages: 3,
        pacing: Pacing::Window,
        ..KafkaProducerConfig::of("orders", client, BROKERS.to_vec(), TopicId(0))
    }
}

/// A producer that knows its cluster, before it submits anything.
fn ready(config: KafkaProducerConfig, partitions: u16) -> Desk<KafkaProducer> {
    let mut desk = Desk::new(KafkaProducer::new(config), partitions);
    desk.input(Input::Start);
    desk.let_in();
    desk
}

/// A producer that has begun, and what it asked for.
fn begun(
    config: KafkaProducerConfig,
    partitions: u16,
) -> (Desk<KafkaProducer>, Vec<(NodeId, Request)>) {
    let mut desk = ready(config, partitions);
    desk.fire(KafkaClientTimer::Send);
    let asked = desk.let_in();
    (desk, asked)
}

fn ids(request: &Request) -> Vec<u32> {
    records(request).iter().flat_map(|(_, it)| it.iter().map(|it| it.id.0)).collect()
}

/// Lets the batches linger and gives what is sent then.
fn linger(desk: &mut Desk<KafkaProducer>) -> Vec<(NodeId, Request)> {
    desk.later(Span::from_millis(5), KafkaClientTimer::Ready);
    produces(desk.let_in())
}

// ── Java ──

/// `linger.ms` is 5 since 4.0 (KIP-1030).
#[test]
fn a_batch_waits_for_linger_and_goes_as_one() {
    let (mut desk, asked) = begun(config("java-4.1"), 1);
    assert!(produces(asked).is_empty());
    assert_eq!(desk.kinds(), ["submitted", "submitted", "submitted", "connected"][..3]);
    assert_eq!(desk.arms(KafkaClientTimer::Ready), Some(Span::from_millis(5)));
    let sent = linger(&mut desk);
    assert_eq!(sent.iter().map(|(_, it)| ids(it)).collect::<Vec<_>>(), [[1, 2, 3]]);
    let mut toy = Toy::default();
    let answer = toy.take(&sent[0].1);
    desk.answer(sent[0].0, &sent[0].1, answer);
    assert_eq!(desk.kinds(), ["confirmed"; 3]);
}

#[test]
fn a_full_batch_does_not_linger() {
    let mut config = config("java-4.1");
    (config.batch_size, config.messages) = (250, 3); // 61 + 107 for each record
    let (_, asked) = begun(config, 1);
    assert_eq!(ids(&produces(asked)[0].1), [1]);
}

#[test]
fn at_most_five_requests_are_in_flight_and_numbers_follow_each_other() {
    let mut config = config("java-4.1");
    (config.batch_size, config.linger, config.messages) = (0, Span::ZERO, 8);
    let (mut desk, asked) = begun(config, 1);
    let sent = produces(asked);
    let sequence = |it: &Request| match &it.api {
        Api::Produce(produce) => produce.batches[0].1.producer.map(|it| it.base_sequence),
        _ => None,
    };
    let sequences: Vec<_> = sent.iter().map(|(_, it)| sequence(it)).collect();
    assert_eq!(sequences, (0..5).map(Some).collect::<Vec<_>>());
    let mut toy = Toy::default();
    let answers: Vec<Answer> = sent.iter().map(|(_, it)| toy.take(it)).collect();
    for ((broker, request), answer) in sent.into_iter().zip(answers) {
        desk.answer(broker, &request, answer);
        let mut effects = std::mem::take(&mut desk.effects);
        serve_more(&mut desk, &mut toy, &mut effects);
    }
    assert_eq!(toy.messages(0), (1..=8).collect::<Vec<_>>());
}

fn serve_more(
    desk: &mut Desk<KafkaProducer>,
    toy: &mut Toy,
    effects: &mut Vec<crate::kernel::Effect<Mq>>,
) {
    desk.effects = std::mem::take(effects);
    serve(desk, toy);
}

/// The later request arrives, the earlier one is lost with its connection: numbers tell the broker,
/// and the client puts its batches back in order.
#[test]
fn an_idempotent_producer_keeps_order_and_repeats_nothing_when_a_connection_is_lost() {
    let mut config = config("java-4.1");
    (config.batch_size, config.linger) = (0, Span::ZERO);
    let (mut desk, asked) = begun(config, 1);
    let sent = produces(asked);
    assert_eq!(sent.len(), 3);
    let mut toy = Toy::default();
    let _ = toy.take(&sent[0].1); // written, and its answer is lost
    desk.input(Input::Closed(BROKERS[0]));
    assert_eq!(desk.kinds(), ["disconnected"], "no outcome yet");
    desk.later(Span::from_millis(200), KafkaClientTimer::Reconnect(BROKERS[0]));
    serve(&mut desk, &mut toy);
    desk.fire(KafkaClientTimer::Ready);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [1, 2, 3]);
    assert_eq!(desk.node.unacknowledged(), 0);
}

/// `RecordAccumulator.reenqueue`: `addFirst` without sequence numbers.
#[test]
fn without_sequence_numbers_batches_that_failed_together_change_their_order() {
    let mut config = config("java-4.1");
    (config.batch_size, config.linger, config.messages) = (0, Span::ZERO, 2);
    config.idempotence = false;
    let (mut desk, asked) = begun(config, 1);
    assert_eq!(produces(asked).len(), 2);
    desk.input(Input::Closed(BROKERS[0]));
    let mut toy = Toy::default();
    desk.later(Span::from_millis(200), KafkaClientTimer::Reconnect(BROKERS[0]));
    serve(&mut desk, &mut toy);
    desk.fire(KafkaClientTimer::Ready);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [2, 1]);
}

#[test]
fn one_request_in_flight_mutes_the_partition() {
    let mut config = config("java-4.1");
    (config.batch_size, config.linger) = (0, Span::ZERO);
    config.link.max_in_flight = Some(1);
    let (_, asked) = begun(config, 1);
    assert_eq!(produces(asked).len(), 1);
}

/// `delivery.timeout.ms` gives a batch up whose broker does not answer: it may have been written.
#[test]
fn a_batch_that_is_too_old_is_given_up_and_nobody_knows_whether_it_was_written() {
    let (mut desk, _) = begun(config("java-4.1"), 1);
    assert_eq!(linger(&mut desk).len(), 1);
    desk.later(Span::from_secs(120), KafkaClientTimer::Delivery);
    assert_eq!(desk.kinds()[..2], ["unknown", "gave-up"]);
    assert_eq!(desk.node.unacknowledged(), 0);
}

/// KIP-360: the number of the batch that was given up is unresolved, and a higher epoch begins anew.
#[test]
fn an_unresolved_number_ends_in_a_higher_epoch() {
    let mut config = config("java-4.1");
    config.messages = 1;
    config.on_failure = Again::Resend;
    let (mut desk, _) = begun(config, 1);
    assert_eq!(linger(&mut desk).len(), 1);
    desk.later(Span::from_secs(120), KafkaClientTimer::Delivery);
    assert_eq!(desk.kinds(), ["unknown"]);
    desk.now += Span::from_secs(1);
    desk.input(Input::Timer(Timer::Client(ClientTimer::Resend)));
    let again = linger(&mut desk);
    let Api::Produce(produce) = &again[0].1.api else { panic!("{again:?}") };
    let stamp = produce.batches[0].1.producer.expect("an identity");
    assert_eq!((stamp.epoch, stamp.base_sequence), (1, 0));
    assert_eq!(records(&again[0].1)[0].1[0].copy, 1, "the application sent it again");
}

#[test]
fn a_refused_batch_was_certainly_not_written() {
    let mut config = config("java-4.1");
    config.retries = 0;
    config.idempotence = false;
    let (mut desk, _) = begun(config, 1);
    let sent = linger(&mut desk);
    let at = crate::talk::kafka::TopicPartition::new(TopicId(0), 0);
    let refused = Answer::Produce(vec![(at, Err(Code::NotEnoughReplicas))]);
    desk.answer(sent[0].0, &sent[0].1, refused);
    assert_eq!(desk.kinds()[..2], ["refused", "gave-up"]);
}

/// `max.block.ms`, the only back-pressure of the producer.
#[test]
fn send_blocks_while_the_buffer_is_full_and_throws_in_the_end() {
    let mut config = config("java-4.1");
    config.room = Full::Blocks { bytes: 16_384, most: Span::from_secs(60) };
    config.batch_size = 16_384;
    config.size = 10_000;
    let (mut desk, _) = begun(config, 1);
    assert!(desk.node.is_blocked());
    assert_eq!(desk.node.submitted(), 2);
    desk.later(Span::from_secs(60), KafkaClientTimer::Send);
    assert_eq!(desk.kinds()[..2], ["refused", "gave-up"]);
    assert_eq!(desk.node.submitted(), 3);
}

#[test]
fn send_blocks_until_the_topic_is_known() {
    let mut desk = Desk::new(KafkaProducer::new(config("java-4.1")), 1);
    desk.input(Input::Start);
    let first = desk.sent();
    desk.fire(KafkaClientTimer::Send);
    assert!(desk.node.is_blocked());
    desk.answer(first[0].0, &first[0].1, Answer::ApiVersions);
    desk.let_in();
    assert!(!desk.node.is_blocked());
    assert_eq!(desk.node.submitted(), 3);
}

#[test]
fn acks_of_none_are_confirmed_when_written() {
    let mut config = config("java-4.1");
    (config.acks, config.idempotence) = (Acks::None, false);
    let (mut desk, _) = begun(config, 1);
    assert_eq!(linger(&mut desk).len(), 1);
    assert_eq!(desk.kinds()[3..], ["confirmed"; 3]);
}

#[test]
fn many_messages_that_are_due_within_a_tick_cost_one_step() {
    let mut config = config("java-4.1");
    config.pacing = Pacing::Every(Dist::Fixed(Span::from_nanos(500)));
    config.messages = 1_000;
    let (mut desk, _) = begun(config, 1);
    assert_eq!(desk.arms(KafkaClientTimer::Send), Some(TICK));
    desk.later(TICK, KafkaClientTimer::Send);
    assert_eq!(desk.node.submitted(), 21);
}

#[test]
fn a_crash_forgets_what_has_no_outcome_unless_there_is_an_outbox() {
    for outbox in [false, true] {
        let (mut desk, _) = begun(KafkaProducerConfig { outbox, ..config("java-4.1") }, 1);
        desk.lose();
        assert_eq!(desk.kinds().contains(&"gave-up"), !outbox);
        desk.input(Input::Start);
        desk.let_in();
        desk.fire(KafkaClientTimer::Send);
        desk.let_in();
        let sent = linger(&mut desk);
        assert_eq!(sent.len(), usize::from(outbox));
    }
}

// ── KafkaJS ──

fn kafkajs() -> KafkaProducerConfig {
    KafkaProducerConfig { window: 1, ..config("kafkajs-2.2") }
}

#[test]
fn kafkajs_sends_one_request_for_each_call_and_gathers_nothing() {
    let (mut desk, asked) = begun(kafkajs(), 1);
    assert_eq!(produces(asked.clone()).len(), 1);
    let mut toy = Toy::default();
    let answer = toy.take(&asked[0].1);
    desk.answer(asked[0].0, &asked[0].1, answer);
    assert_eq!(desk.kinds(), ["confirmed", "submitted", "published"]);
}

#[test]
fn one_call_of_kafkajs_is_one_request_to_each_broker() {
    let mut config = kafkajs();
    (config.send_of, config.messages) = (6, 6);
    let (_, asked) = begun(config, 6);
    let sent = produces(asked);
    assert_eq!(sent.len(), 3);
    assert_eq!(sent.iter().map(|(_, it)| records(it).len()).sum::<usize>(), 6);
}

/// The trace `kafkajs_produce_response_lost_duplicates`: m2 at offsets 2 and 3.
#[test]
fn a_lost_answer_makes_kafkajs_write_a_record_twice() {
    let mut config = kafkajs();
    (config.messages, config.first_id) = (5, MessageId(0));
    for idempotence in [false, true] {
        let mut desk = ready(KafkaProducerConfig { idempotence, ..config.clone() }, 1);
        let mut toy = Toy::default();
        desk.fire(KafkaClientTimer::Send);
        loop {
            let asked = produces(desk.let_in());
            let Some((broker, request)) = asked.first() else { break };
            let answer = toy.take(request);
            if ids(request) == [2]
                && toy.messages(0).iter().filter(|id| **id == 2).count() == 1
                && desk.node.connected().count() > 0
                && toy.log.len() == 3
                && !desk.kinds().contains(&"disconnected")
                && desk.now == Time::ZERO
            {
                desk.now += Span::from_millis(1);
                desk.input(Input::Closed(BROKERS[0]));
                desk.let_in();
                desk.later(Span::from_millis(360), KafkaClientTimer::Ready);
            } else {
                desk.answer(*broker, request, answer);
            }
        }
        let written: &[u32] = if idempotence { &[0, 1, 2, 3, 4] } else { &[0, 1, 2, 2, 3, 4] };
        assert_eq!(toy.messages(0), written, "idempotent: {idempotence}");
    }
}

/// The trace `kafkajs_idempotent_concurrent_send_loss`: m1 is acknowledged with the offset of m2 and
/// is never in the log, m2 is there twice. That m2 comes first is the swap of the last two calls.
#[test]
fn an_idempotent_kafkajs_loses_a_record_that_takes_the_number_of_one_that_was_written() {
    let mut config = config("kafkajs-2.2");
    (config.idempotence, config.messages, config.window) = (true, 2, 2);
    config.link.max_in_flight = Some(1);
    let (mut desk, asked) = begun(config, 1);
    let asked = produces(asked);
    assert_eq!(ids(&asked[0].1), [2]);
    assert_eq!(asked.len(), 1, "the other one waits for the lock");
    let mut toy = Toy::default();
    let _ = toy.take(&asked[0].1);
    desk.input(Input::Closed(BROKERS[0]));
    let mut effects = std::mem::take(&mut desk.effects);
    serve_more(&mut desk, &mut toy, &mut effects);
    assert!(desk.kinds().contains(&"confirmed"), "m1");
    desk.later(Span::from_millis(360), KafkaClientTimer::Ready);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [2, 2]);
    assert_eq!(desk.node.unacknowledged(), 0);
}

/// The run behind `kafkajs_reordering_in_flight`: m0, m2, m1.
#[test]
fn a_retry_of_kafkajs_is_overtaken() {
    let mut config = config("kafkajs-2.2");
    config.pacing = Pacing::Every(Dist::Fixed(Span::from_millis(1)));
    config.messages = 2;
    let mut desk = ready(config, 1);
    desk.fire(KafkaClientTimer::Send);
    let first = produces(desk.let_in());
    desk.later(Span::from_millis(1), KafkaClientTimer::Send);
    let second = produces(desk.let_in());
    let mut toy = Toy::default();
    let at = crate::talk::kafka::TopicPartition::new(TopicId(0), 0);
    let refused = Answer::Produce(vec![(at, Err(Code::NotLeaderOrFollower))]);
    desk.answer(first[0].0, &first[0].1, refused);
    desk.let_in();
    let answer = toy.take(&second[0].1);
    desk.answer(second[0].0, &second[0].1, answer);
    desk.later(Span::from_millis(360), KafkaClientTimer::Ready);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [2, 1]);
}

#[test]
fn kafkajs_gives_up_after_five_retries() {
    let mut config = kafkajs();
    config.messages = 1;
    let (mut desk, mut asked) = begun(config, 1);
    let at = crate::talk::kafka::TopicPartition::new(TopicId(0), 0);
    for attempt in 0..6 {
        let (broker, request) = produces(asked).remove(0);
        let refused = Answer::Produce(vec![(at, Err(Code::NotEnoughReplicas))]);
        desk.answer(broker, &request, refused);
        if attempt < 5 {
            desk.let_in();
            desk.later(Span::from_secs(30), KafkaClientTimer::Ready);
        }
        asked = desk.let_in();
    }
    assert_eq!(desk.kinds(), ["refused", "gave-up"]);
}

// ── librdkafka ──

/// The defaults of librdkafka: many requests in flight, no sequence numbers.
#[test]
fn librdkafka_reorders_when_only_the_first_request_fails() {
    let mut config = config("librdkafka-2");
    (config.linger, config.batch_size, config.messages) = (Span::ZERO, 0, 2);
    let (mut desk, asked) = begun(config, 1);
    let sent = produces(asked);
    assert_eq!(sent.len(), 2);
    let at = crate::talk::kafka::TopicPartition::new(TopicId(0), 0);
    let refused = Answer::Produce(vec![(at, Err(Code::NotEnoughReplicas))]);
    let mut toy = Toy::default();
    desk.answer(sent[0].0, &sent[0].1, refused);
    let answer = toy.take(&sent[1].1);
    desk.answer(sent[1].0, &sent[1].1, answer);
    desk.later(Span::from_millis(120), KafkaClientTimer::Ready);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [2, 1]);
}

#[test]
fn librdkafka_sends_one_partition_in_a_request() {
    let mut config = config("librdkafka-2");
    config.key = Some("order-{key}".into());
    (config.pattern, config.keys, config.messages) = (1, Keys::InTurn(50), 50);
    let (mut desk, _) = begun(config, 6);
    let sent = linger(&mut desk);
    assert!(sent.len() >= 4, "{}", sent.len());
    assert!(sent.iter().all(|(_, it)| records(it).len() == 1));
}

// ── transactions ──

fn transactional(version_2: bool) -> KafkaProducerConfig {
    KafkaProducerConfig {
        messages: 4,
        transaction: Some(Transactional {
            id: TxnId(0),
            timeout: Span::from_secs(60),
            records: 2,
            takes: Dist::Fixed(Span::ZERO),
            aborts: Rate::NEVER,
            version_2,
            on_fenced: OnFenced::Die,
        }),
        ..config("java-4.1")
    }
}

#[test]
fn records_of_a_transaction_are_confirmed_when_it_commits() {
    for version_2 in [false, true] {
        let mut desk = ready(transactional(version_2), 1);
        let mut toy = Toy::default();
        desk.fire(KafkaClientTimer::Send);
        assert_eq!(desk.node.submitted(), 2, "the transaction is full");
        serve(&mut desk, &mut toy);
        assert!(!desk.kinds().contains(&"confirmed"));
        desk.fire(KafkaClientTimer::Commit);
        serve(&mut desk, &mut toy);
        let kinds = desk.kinds();
        assert_eq!(kinds.iter().filter(|it| **it == "confirmed").count(), 2, "{kinds:?}");
        desk.fire(KafkaClientTimer::Commit);
        serve(&mut desk, &mut toy);
        assert_eq!(toy.messages(0), [1, 2, 3, 4]);
        assert_eq!(desk.node.unacknowledged(), 0);
    }
}

/// KIP-890: the epoch grows with every transaction, and numbers begin anew.
#[test]
fn the_epoch_grows_with_every_transaction_of_version_2() {
    let mut desk = ready(transactional(true), 1);
    let mut toy = Toy::default();
    for _ in 0..2 {
        desk.fire(KafkaClientTimer::Send);
        serve(&mut desk, &mut toy);
        desk.fire(KafkaClientTimer::Commit);
        serve(&mut desk, &mut toy);
    }
    let Sending::Batching(client) = &desk.node.client else { panic!("Java") };
    assert_eq!(client.identity, Some(ProducerIdentity { id: 7, epoch: 2 }));
}

/// The trace `java_transactions`: the zombie's send and commit fail.
#[test]
fn a_fenced_producer_stops_and_its_records_are_refused() {
    let mut desk = ready(transactional(true), 1);
    desk.fire(KafkaClientTimer::Send);
    desk.let_in();
    desk.fire(KafkaClientTimer::Commit);
    let sent = produces(desk.let_in());
    let at = crate::talk::kafka::TopicPartition::new(TopicId(0), 0);
    let fenced = Answer::Produce(vec![(at, Err(Code::InvalidProducerEpoch))]);
    desk.answer(sent[0].0, &sent[0].1, fenced);
    assert_eq!(desk.kinds()[..4], ["refused", "gave-up", "refused", "gave-up"]);
    assert!(desk.closes(BROKERS[0]));
    desk.fire(KafkaClientTimer::Send);
    assert_eq!(desk.node.submitted(), 2);
}

#[test]
fn an_aborted_transaction_refuses_its_records() {
    let mut config = transactional(false);
    config.messages = 2;
    if let Some(txn) = &mut config.transaction {
        txn.aborts = Rate::ALWAYS;
    }
    let mut desk = ready(config, 1);
    let mut toy = Toy::default();
    desk.fire(KafkaClientTimer::Send);
    serve(&mut desk, &mut toy);
    desk.fire(KafkaClientTimer::Commit);
    serve(&mut desk, &mut toy);
    assert_eq!(toy.messages(0), [1, 2], "they stay in the log");
    let kinds = desk.kinds();
    assert_eq!(kinds[kinds.len() - 4..], ["refused", "gave-up", "refused", "gave-up"]);
}

/// The first transaction has records before `initTransactions` is answered.
#[test]
fn every_transaction_is_told_of_once_also_the_first() {
    let mut desk = ready(transactional(true), 1);
    let mut toy = Toy::default();
    let mut told = 0;
    for timer in [KafkaClientTimer::Send, KafkaClientTimer::Commit].repeat(2) {
        desk.fire(timer);
        serve(&mut desk, &mut toy);
        told += desk.kinds().iter().filter(|it| **it == "txn-begun").count();
    }
    assert_eq!(toy.messages(0), [1, 2, 3, 4]);
    assert_eq!(told, 2);
}
