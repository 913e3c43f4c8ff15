use std::sync::Arc;

use super::*;
use crate::client::desk::{BROKER, Desk, SERVICE, message};
use crate::client::retry::{AckOrder, Backoff, CountBy, Declare, Retry, Via};
use crate::client::script::{PoisonKind, Script, Target};
use crate::kernel::{Dist, Span};
use crate::talk::{Done, Message, Value};

type Bench = Desk<Consumer>;

const HANDLER: ClientTimer = ClientTimer::Handler(0);

fn script() -> Script {
    Script::takes(Dist::Fixed(Span::from_millis(20))).effect(Target { service: 7, at: None })
}

fn poison(kind: PoisonKind) -> Script {
    script().poison(vec![MessageId(1)], kind)
}

fn config() -> ConsumerConfig {
    ConsumerConfig::handling("worker", BROKER, "work", script())
}

fn failing(on_failure: OnFailure) -> ConsumerConfig {
    ConsumerConfig { handler: poison(PoisonKind::Always), on_failure, ..config() }
}

fn bench(config: ConsumerConfig) -> Bench {
    Desk::connected(Consumer::new(config))
}

/// Delivers message 1 and lets its work end.
fn worked(config: ConsumerConfig) -> Bench {
    let mut bench = bench(config);
    bench.deliver(1, 1);
    bench.fire(HANDLER);
    bench
}

fn header(method: &Method, name: &str) -> Option<i64> {
    match method {
        Method::Publish { message, .. } => {
            message.publication.properties.headers.get(name).and_then(Value::as_int)
        }
        _ => None,
    }
}

#[test]
fn a_consumer_sets_its_prefetch_before_it_consumes() {
    let mut bench = Desk::new(Consumer::new(config()));
    bench.input(Input::Start);
    let mut asked = Vec::new();
    for done in [Done::ConnectionOpen, Done::ChannelOpen, Done::Qos] {
        bench.frame(Frame::Ok(done));
        asked.extend(bench.sent());
    }
    let [Method::ChannelOpen, Method::Qos { prefetch_count: 10, .. }, Method::Consume(_)] =
        &asked[..]
    else {
        panic!("{asked:?}")
    };
}

#[test]
fn a_crash_can_fall_between_the_effect_and_the_acknowledgement() {
    let mut bench = bench(config());
    bench.deliver(1, 1);
    assert_eq!(bench.kinds(), ["received", "started"]);
    assert_eq!(bench.arms(HANDLER), Some(Span::from_millis(20)));
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["effect"]);
    assert_eq!(bench.sent(), []);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["settled"]);
    assert_eq!(bench.sent(), [Method::Ack { tag: 1, multiple: false }]);
    assert_eq!(bench.node.holds(), 0);
}

#[test]
fn an_atomic_consumer_has_its_effect_and_acknowledges_in_one_step() {
    let bench = worked(ConsumerConfig { atomic: true, ..config() });
    assert_eq!(bench.kinds(), ["effect", "settled"]);
}

#[test]
fn acknowledging_first_leaves_a_moment_in_which_a_message_is_nowhere() {
    let mut bench = worked(ConsumerConfig { ack: AckWhen::BeforeEffect, ..config() });
    assert_eq!(bench.kinds(), ["settled"]);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["effect"]);
    assert_eq!(bench.node.running(), 0);

    let mut bench = self::bench(ConsumerConfig { ack: AckWhen::OnReceipt, ..config() });
    bench.deliver(1, 1);
    assert_eq!(bench.kinds(), ["received", "settled", "started"]);
}

#[test]
fn without_acknowledgements_nothing_is_settled() {
    let bench = worked(ConsumerConfig { no_ack: true, ..config() });
    assert_eq!(bench.kinds(), ["effect"]);
    assert_eq!(bench.node.running(), 0);
}

/// amqplib does not wait for the handler of one delivery before it calls the next.
#[test]
fn handlers_run_at_once_unless_the_application_limits_them() {
    for (concurrency, running) in [(0, 3), (2, 2), (1, 1)] {
        let mut bench = bench(ConsumerConfig { concurrency, ..config() });
        for n in 1..=3 {
            bench.deliver(n.into(), n);
        }
        assert_eq!((bench.node.running(), bench.node.holds()), (running, 3));
    }
    let mut bench = bench(ConsumerConfig { concurrency: 1, ..config() });
    bench.deliver(1, 1);
    bench.deliver(2, 2);
    bench.fire(HANDLER);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["settled", "started"], "the next one begins");
}

#[test]
fn a_failed_handler_is_answered_as_told() {
    let nack = |requeue| Method::Nack { tag: 1, multiple: false, requeue };
    let reject = |requeue| Method::Reject { tag: 1, requeue };
    for (on_failure, sent) in [
        (OnFailure::NackRequeue, vec![nack(true)]),
        (OnFailure::NackDiscard, vec![nack(false)]),
        (OnFailure::RejectRequeue, vec![reject(true)]),
        (OnFailure::RejectDiscard, vec![reject(false)]),
        (OnFailure::Ack, vec![Method::Ack { tag: 1, multiple: false }]),
        (OnFailure::Nothing, vec![]),
    ] {
        let bench = worked(failing(on_failure));
        assert_eq!(bench.kinds()[0], "failed");
        assert_eq!(bench.sent(), sent);
        assert_eq!(bench.node.running(), 0);
    }
}

#[test]
fn a_handler_that_outlives_its_connection_has_its_effect_and_cannot_acknowledge() {
    for (stale_acks, sent) in
        [(false, vec![]), (true, vec![Method::Ack { tag: 1, multiple: false }])]
    {
        let mut bench = bench(ConsumerConfig { stale_acks, ..config() });
        bench.deliver(1, 1);
        bench.input(Input::Closed(BROKER));
        bench.fire(ClientTimer::Reconnect);
        bench.let_in();
        bench.fire(HANDLER);
        assert_eq!(bench.kinds(), ["effect"]);
        bench.fire(HANDLER);
        assert_eq!(bench.sent(), sent);
    }
}

#[test]
fn a_process_that_was_killed_begins_with_nothing() {
    let mut bench = bench(config());
    bench.deliver(1, 1);
    bench.lose();
    assert_eq!(bench.node.holds(), 0);
    bench.input(Input::Start);
    bench.let_in();
    assert!(bench.node.session().is_up());
}

#[test]
fn a_message_that_kills_its_process_takes_the_others_down_with_it() {
    let mut bench = bench(ConsumerConfig { handler: poison(PoisonKind::Kills), ..config() });
    bench.deliver(1, 1);
    bench.deliver(2, 2);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["died"]);
    assert!(bench.closes(BROKER));
    assert_eq!(bench.node.holds(), 0);
    assert!(bench.node.is_dead());
    assert_eq!(bench.arms(ClientTimer::Respawn), Some(Span::from_secs(1)));
    bench.fire(ClientTimer::Respawn);
    assert!(matches!(bench.sent()[..], [Method::Open { .. }]));
}

#[test]
fn poison_fails_as_often_as_the_world_says_whatever_the_process_forgets() {
    let handler = poison(PoisonKind::Times(2));
    let mut bench = bench(ConsumerConfig { handler, ..config() });
    for (tag, kind) in [(1, "failed"), (2, "failed"), (3, "effect")] {
        bench.delivery(tag, message(1), tag > 1);
        bench.fire(HANDLER);
        assert_eq!(bench.kinds()[0], kind, "delivery {tag}");
        bench.lose();
        bench.input(Input::Start);
        bench.let_in();
    }
}

#[test]
fn what_a_process_knows_about_attempts_depends_on_how_it_counts() {
    let attempts = |count| {
        let mut bench = bench(ConsumerConfig { count, ..failing(OnFailure::NackRequeue) });
        let mut attempts = Vec::new();
        for tag in 1..=3 {
            let delivery_count = (tag > 1).then_some(tag as u32 - 1);
            let delivery =
                Delivery { tag, redelivered: tag > 1, delivery_count, message: message(1) };
            bench.frame(Frame::Deliver { consumer_tag: "worker".into(), delivery });
            attempts.extend(bench.notes().iter().find_map(|note| match note {
                Note::Started { attempt, .. } => Some(*attempt),
                _ => None,
            }));
            bench.fire(HANDLER);
        }
        attempts
    };
    assert_eq!(attempts(CountBy::Memory), [1, 2, 3]);
    assert_eq!(attempts(CountBy::DeliveryCount), [1, 2, 3]);
    assert_eq!(attempts(CountBy::Redelivered), [1, 2, 2], "a flag cannot count");
    assert_eq!(attempts(CountBy::Header), [1, 1, 1], "requeueing writes no header");
}

#[test]
fn x_death_counts_are_added_up() {
    let death = |count| Value::Table([("count".into(), Value::Int(count))].into());
    let mut publication = (*message(1).publication).clone();
    let deaths = Value::List(vec![death(2), death(1)]);
    publication.properties.headers.insert("x-death".into(), deaths);
    let mut bench = bench(ConsumerConfig { count: CountBy::Deaths, ..config() });
    bench.delivery(1, Message { publication: Arc::new(publication), ..message(1) }, false);
    let [Note::Received { deaths: 3, .. }, Note::Started { attempt: 4, .. }] = bench.notes()[..]
    else {
        panic!("{:?}", bench.notes())
    };
}

// ── the guide's retry ──

fn guide(change: impl FnOnce(&mut Retry)) -> ConsumerConfig {
    let mut retry = Retry::guide("work");
    change(&mut retry);
    failing(OnFailure::Retry(Arc::new(retry)))
}

#[test]
fn the_guide_declares_a_queue_for_the_delay_then_publishes_then_acknowledges() {
    let mut bench = worked(guide(|_| {}));
    let [Method::QueueDeclare(declare)] = &bench.sent()[..] else { panic!("{:?}", bench.sent()) };
    assert_eq!(declare.queue, "work.retry.1000");
    let argument = |name: &str| declare.arguments.get(name).cloned();
    assert_eq!(argument("x-dead-letter-exchange"), Some("".into()));
    assert_eq!(argument("x-dead-letter-routing-key"), Some("work".into()));
    assert_eq!(argument("x-message-ttl"), Some(1_000.into()));
    assert_eq!(argument("x-expires"), Some(2_000.into()));

    bench.let_in();
    assert_eq!(bench.published(), [(1, 1, "work.retry.1000".to_owned())]);
    assert_eq!(header(&bench.sent()[0], "x-attempt"), Some(1));
    assert_eq!(bench.kinds(), ["retried", "published"]);
    bench.fire(HANDLER);
    assert_eq!(bench.sent(), [Method::Ack { tag: 1, multiple: false }]);
    assert_eq!(bench.node.running(), 0);
}

#[test]
fn after_five_retries_the_guide_gives_a_message_to_the_dead_queue() {
    let mut bench = bench(guide(|_| {}));
    let mut copy = message(1);
    let mut queues = Vec::new();
    for tag in 1..=6 {
        bench.delivery(tag, copy.clone(), false);
        bench.fire(HANDLER);
        bench.let_in();
        let Some(Method::Publish { message, .. }) = bench.sent().pop() else { panic!("no copy") };
        queues.push(message.publication.routing_key.to_string());
        copy = message;
        bench.fire(HANDLER);
    }
    let delays = [1_000, 2_000, 4_000, 8_000, 16_000].map(|ms| format!("work.retry.{ms}"));
    assert_eq!(queues[..5], delays);
    assert_eq!(queues[5], "work.dead");
    let last = Method::Publish { mandatory: false, message: copy };
    assert_eq!(header(&last, "x-final-attempt"), Some(5));
}

#[test]
fn acknowledging_before_publishing_leaves_neither_after_a_crash_in_between() {
    let mut bench = worked(guide(|retry| retry.order = AckOrder::AckThenPublish));
    bench.let_in();
    assert_eq!(bench.sent(), [Method::Ack { tag: 1, multiple: false }]);
    bench.fire(HANDLER);
    assert_eq!(bench.published().len(), 1);
}

fn confirmed() -> ConsumerConfig {
    let config = guide(|retry| {
        retry.wait_for_confirm = true;
        retry.mandatory = true;
    });
    ConsumerConfig { channel: ChannelMode::Confirm, ..config }
}

#[test]
fn waiting_for_the_confirm_of_the_copy_puts_off_the_acknowledgement() {
    let mut bench = worked(confirmed());
    bench.let_in();
    assert_eq!(bench.published().len(), 1);
    bench.ack(1, false);
    assert_eq!(bench.kinds(), ["confirmed", "settled"]);
}

#[test]
fn a_copy_that_comes_back_unroutable_returns_the_original_to_the_queue() {
    let mut bench = worked(confirmed());
    bench.let_in();
    let Some(Method::Publish { message, .. }) = bench.sent().pop() else { panic!("no copy") };
    bench.frame(Frame::Return { code: 312, text: "NO_ROUTE".into(), message });
    bench.ack(1, false);
    assert_eq!(bench.sent(), [Method::Nack { tag: 1, multiple: false, requeue: true }]);
}

#[test]
fn a_queue_that_is_declared_once_is_declared_again_by_the_next_process() {
    let declare = |retry: &mut Retry| {
        if let Via::DelayQueue { declare, .. } = &mut retry.via {
            *declare = Declare::Once;
        }
    };
    let mut bench = worked(guide(declare));
    bench.let_in();
    bench.fire(HANDLER);
    bench.deliver(2, 1);
    bench.fire(HANDLER);
    assert_eq!(bench.published().len(), 1, "without declaring it again");
    bench.lose();
    bench.input(Input::Start);
    bench.let_in();
    bench.deliver(1, 1);
    bench.fire(HANDLER);
    assert!(matches!(bench.sent()[..], [Method::QueueDeclare(_)]));
}

#[test]
fn jitter_gives_every_delay_a_queue_of_its_own() {
    let jitter = |retry: &mut Retry| {
        if let Via::DelayQueue { backoff, .. } = &mut retry.via {
            *backoff = Backoff { jitter: crate::talk::Rate::percent(10), ..*backoff };
        }
    };
    for (draw, queue) in [(0, "work.retry.900"), (200, "work.retry.1100")] {
        let mut bench = bench(guide(jitter));
        bench.draw = draw;
        bench.deliver(1, 1);
        bench.fire(HANDLER);
        let [Method::QueueDeclare(declare)] = &bench.sent()[..] else { panic!("no declare") };
        assert_eq!(declare.queue, queue);
    }
}

#[test]
fn in_a_transaction_the_copy_and_the_acknowledgement_are_committed_together() {
    let mut bench = worked(ConsumerConfig { channel: ChannelMode::Tx, ..guide(|_| {}) });
    bench.let_in();
    assert_eq!(bench.published().len(), 1);
    bench.fire(HANDLER);
    assert_eq!(bench.sent(), [Method::Ack { tag: 1, multiple: false }]);
    bench.fire(HANDLER);
    assert_eq!(bench.sent(), [Method::TxCommit]);
    bench.let_in();
    assert_eq!(bench.node.running(), 0);
}

#[test]
fn the_consumer_of_a_dead_letter_queue_sets_aside_what_failed_three_times() {
    let retry = Retry::three_attempts("work.dead", "work.parking");
    let mut bench = bench(failing(OnFailure::Retry(Arc::new(retry))));
    let mut copy = message(1);
    let mut queues = Vec::new();
    for tag in 1..=3 {
        bench.delivery(tag, copy.clone(), false);
        bench.fire(HANDLER);
        let Some(Method::Publish { message, .. }) = bench.sent().first().cloned() else {
            panic!("no copy")
        };
        queues.push(message.publication.routing_key.to_string());
        copy = message;
        if tag == 3 {
            assert!(bench.kinds().contains(&"parked"));
        }
        bench.fire(HANDLER);
    }
    assert_eq!(queues, ["work.dead", "work.dead", "work.parking"]);
}

// ── services ──

fn calling() -> ConsumerConfig {
    let script = Script::takes(Dist::Fixed(Span::from_millis(20)));
    let handler = script.effect(Target { service: 0, at: Some(SERVICE) });
    ConsumerConfig { handler, call_timeout: Some(Span::from_secs(3)), ..config() }
}

fn call_of(bench: &Bench) -> u32 {
    let call = bench.effects.iter().find_map(|effect| match effect {
        crate::kernel::Effect::Send { to: SERVICE, msg: Msg::Call { call, .. } } => Some(*call),
        _ => None,
    });
    call.expect("it called the service")
}

fn answer(bench: &mut Bench, call: u32, ok: bool) {
    bench.input(Input::Message { from: SERVICE, msg: Msg::CallDone { call, ok } });
}

#[test]
fn a_handler_waits_for_the_answer_of_the_service_it_calls() {
    for (ok, sent) in [
        (true, Method::Ack { tag: 1, multiple: false }),
        (false, Method::Nack { tag: 1, multiple: false, requeue: true }),
    ] {
        let mut bench = worked(calling());
        assert_eq!(bench.kinds(), ["called"]);
        assert_eq!(bench.arms(HANDLER), Some(Span::from_secs(3)));
        let call = call_of(&bench);
        answer(&mut bench, call, ok);
        assert_eq!(bench.sent(), [sent]);
    }
}

#[test]
fn an_answer_that_comes_too_late_finds_nobody() {
    let mut bench = worked(calling());
    let call = call_of(&bench);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["call-failed", "failed", "settled"]);
    bench.deliver(2, 2);
    bench.fire(HANDLER);
    answer(&mut bench, call, true);
    assert_eq!(bench.sent(), [], "the same place, another run");
    assert_ne!(call_of_next(&mut bench), call);
}

fn call_of_next(bench: &mut Bench) -> u32 {
    bench.deliver(3, 3);
    bench.fire(ClientTimer::Handler(1));
    call_of(bench)
}

#[test]
fn a_service_that_is_gone_fails_the_calls_to_it() {
    let mut bench = worked(calling());
    bench.input(Input::Closed(SERVICE));
    assert_eq!(bench.kinds(), ["call-failed", "failed", "settled"]);
}

// ── coming and going ──

#[test]
fn a_consumer_that_leaves_finishes_what_it_began_and_returns_the_rest() {
    let mut bench = bench(ConsumerConfig { concurrency: 1, ..config() });
    bench.deliver(1, 1);
    bench.deliver(2, 2);
    bench.order(Order::Leave);
    assert!(matches!(bench.sent()[..], [Method::Cancel { .. }]));
    bench.frame(Frame::CancelOk { consumer_tag: "worker".into() });
    bench.fire(HANDLER);
    assert!(!bench.closes(BROKER));
    bench.fire(HANDLER);
    assert_eq!(bench.sent(), [Method::Ack { tag: 1, multiple: false }, Method::Close]);
    assert!(bench.closes(BROKER));
    bench.order(Order::Join);
    bench.let_in();
    assert!(bench.node.session().is_up());
}

#[test]
fn a_consumer_whose_queue_is_gone_does_as_told() {
    for (on_cancel, closes) in
        [(OnCancel::Ignore, false), (OnCancel::Reconnect, true), (OnCancel::Crash, true)]
    {
        let mut bench = bench(ConsumerConfig { on_cancel, ..config() });
        bench.frame(Frame::CancelledByBroker { consumer_tag: "worker".into() });
        assert_eq!(bench.closes(BROKER), closes, "{on_cancel:?}");
        assert_eq!(bench.node.is_dead(), on_cancel == OnCancel::Crash);
    }
}

#[test]
fn a_channel_error_costs_the_connection_and_everything_on_it() {
    let mut bench = worked(confirmed());
    bench.frame(Frame::ChannelClosed { code: 406, text: "PRECONDITION_FAILED".into() });
    assert!(bench.closes(BROKER));
    assert_eq!(bench.kinds(), ["disconnected"]);
    assert_eq!(bench.node.running(), 0, "the declaration had no answer, and the run failed");
    assert_eq!(bench.arms(ClientTimer::Reconnect), Some(Span::from_secs(1)));
}

#[test]
fn a_blocking_handler_keeps_the_whole_process_busy() {
    let mut bench = bench(ConsumerConfig { handler: script().blocking(true), ..config() });
    bench.deliver(1, 1);
    let work = crate::kernel::Effect::Work(Span::from_millis(20));
    assert!(bench.effects.contains(&work));
}

#[test]
fn a_server_answers_on_the_queue_that_the_request_names() {
    let mut bench = bench(ConsumerConfig { handler: script().reply(true), ..config() });
    let mut publication = (*message(1).publication).clone();
    publication.properties.reply_to = Some("replies".into());
    bench.delivery(1, Message { publication: Arc::new(publication), ..message(1) }, false);
    bench.fire(HANDLER);
    bench.fire(HANDLER);
    assert_eq!(bench.kinds(), ["replied"]);
    assert_eq!(bench.published(), [(1, 0, "replies".to_owned())]);
}
