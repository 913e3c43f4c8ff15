//! Applications, their clients, services and a broker together: the claims of the guide that hang
//! on who crashes between what.

use std::sync::Arc;

use redeliver::client::{
    AckOrder, AckWhen, Again, ChannelMode, ConnectionConfig, ConsumerConfig, CountBy, Declare,
    OnFailure, Pacing, PoisonKind, ProducerConfig, Retry, Rpc, Script, Target, Via,
};
use redeliver::kernel::{Dist, Fault, Link, NodeId, Span, Time};
use redeliver::rabbit::{self, Profile};
use redeliver::store::{Outage, ServiceConfig};
use redeliver::system::{Run, System, SystemBuilder};
use redeliver::talk::{Cue, MessageId, Note, Order, QueueDeclare, Settle};

const RABBIT: NodeId = NodeId(0);
const HERE: Target = Target { service: 0, at: None };
const MS: fn(u64) -> Span = Span::from_millis;

fn script() -> Script {
    Script::takes(Dist::Fixed(MS(5))).effect(HERE)
}

fn poison(kind: PoisonKind) -> Script {
    script().poison(vec![MessageId(1)], kind)
}

/// A builder with a broker that has these durable classic queues.
fn with_queues(queues: &[&str]) -> SystemBuilder {
    let declare = |name: &&str| QueueDeclare {
        queue: (*name).into(),
        durable: true,
        ..QueueDeclare::default()
    };
    let queues = queues.iter().map(declare).collect();
    let mut builder = SystemBuilder::new();
    let profile = *Profile::by_name("rabbitmq-4.2").expect("the version is known");
    let config = rabbit::Config { queues, ..rabbit::Config::new(profile) };
    builder.broker("rabbit", config).expect("the definitions are sound");
    builder.latency(Dist::Fixed(Span::from_micros(500)));
    builder
}

fn sends(messages: u32) -> ProducerConfig {
    ProducerConfig { messages, ..ProducerConfig::to_queue("checkout", RABBIT, "work") }
}

fn worker(handler: Script) -> ConsumerConfig {
    ConsumerConfig::handling("worker", RABBIT, "work", handler)
}

fn system(
    mut builder: SystemBuilder,
    producer: ProducerConfig,
    consumer: ConsumerConfig,
) -> (System, NodeId) {
    builder.producer(producer).expect("the name is free");
    let worker = builder.consumer(consumer).expect("the name is free");
    (builder.build(), worker)
}

fn run(system: &System) -> Run {
    system.run(1, 1_000_000)
}

fn times(run: &Run, fits: impl Fn(&Note) -> bool) -> Vec<Time> {
    run.history().notes().iter().filter(|noted| fits(&noted.note)).map(|noted| noted.at).collect()
}

fn count(run: &Run, kind: &str) -> usize {
    times(run, |note| note.kind() == kind).len()
}

/// How often each message had its effect.
fn effects(run: &Run, messages: u32) -> Vec<usize> {
    let of = |msg| {
        times(run, |note| matches!(note, Note::Effect { msg: its, .. } if its.0 == msg)).len()
    };
    (1..=messages).map(of).collect()
}

fn dies_at(builder: &mut SystemBuilder, who: NodeId, kind: &'static str, then: Span) {
    let cue = Cue { node: None, msg: None, kind, skip: 0 };
    builder.when(
        cue,
        Span::ZERO,
        vec![(Span::ZERO, Fault::Kill(who)), (then, Fault::Restart(who))],
    );
}

#[test]
fn on_a_good_day_every_message_has_its_effect_once() {
    let (system, _) = system(with_queues(&["work"]), sends(200), worker(script()));
    let run = run(&system);
    assert_eq!(effects(&run, 200), [1; 200]);
    assert_eq!(count(&run, "confirmed"), 200);
    assert_eq!(count(&run, "acked"), 200);
}

#[test]
fn a_consumer_killed_between_effect_and_acknowledgement_repeats_the_effect() {
    let mut builder = with_queues(&["work"]);
    builder.producer(sends(3)).expect("the name is free");
    let worker = builder.consumer(worker(script())).expect("the name is free");
    dies_at(&mut builder, worker, "effect", MS(100));
    let run = run(&builder.build());
    let effects = effects(&run, 3);
    assert_eq!(effects[0], 2, "{effects:?}");
    assert!(effects.iter().all(|times| *times > 0), "{effects:?}");
}

#[test]
fn a_consumer_killed_between_acknowledgement_and_effect_loses_the_message() {
    let mut builder = with_queues(&["work"]);
    builder.producer(sends(3)).expect("the name is free");
    let consumer = ConsumerConfig { ack: AckWhen::BeforeEffect, ..worker(script()) };
    let worker = builder.consumer(consumer).expect("the name is free");
    dies_at(&mut builder, worker, "settled", MS(100));
    assert_eq!(effects(&run(&builder.build()), 3)[0], 0);
}

#[test]
fn a_broker_that_is_killed_gets_what_was_not_confirmed_again() {
    let mut builder = with_queues(&["work"]);
    builder.at(MS(50), Fault::Kill(RABBIT)).at(MS(80), Fault::Restart(RABBIT));
    let (system, _) = system(builder, sends(200), worker(script()));
    let run = run(&system);
    assert!(count(&run, "unknown") > 0);
    let effects = effects(&run, 200);
    assert!(effects.iter().all(|times| *times > 0), "{effects:?}");
}

// ── the guide's retry, R5 ──

fn retrying(change: impl FnOnce(&mut Retry)) -> ConsumerConfig {
    let mut retry = Retry::guide("work");
    change(&mut retry);
    let on_failure = OnFailure::Retry(Arc::new(retry));
    ConsumerConfig { on_failure, ..worker(poison(PoisonKind::Always)) }
}

/// Experiment 67, unscaled: the gaps are 1, 2, 4, 8 and 16 seconds, and the cap is never reached.
#[test]
fn the_guide_backs_off_from_one_to_sixteen_seconds_and_then_gives_up() {
    let queues = ["work", "work.dead"];
    let (mut system, _) = system(with_queues(&queues), sends(1), retrying(|_| {}));
    system.horizon = Time::ZERO + Span::from_secs(60);
    let run = run(&system);
    let started = times(&run, |note| note.kind() == "started");
    let gaps: Vec<u64> =
        started.windows(2).map(|pair| pair[1].since(pair[0]).as_millis() / 100 * 100).collect();
    assert_eq!(gaps, [1_000, 2_000, 4_000, 8_000, 16_000]);
    assert_eq!(count(&run, "parked"), 1);
    let broker = run.last().world().node(RABBIT).as_broker().expect("it is the broker");
    let dead = broker.queue_id("work.dead").and_then(|id| broker.queue(id));
    assert_eq!(dead.map(|queue| queue.ready), Some(1));
}

/// Experiment 68.
#[test]
fn a_crash_between_copy_and_acknowledgement_leaves_both_or_neither() {
    for (order, cue, stored) in
        [(AckOrder::PublishThenAck, "published", 2), (AckOrder::AckThenPublish, "settled", 0)]
    {
        let mut builder = with_queues(&["work", "work.dead"]);
        builder.producer(sends(1)).expect("the name is free");
        let consumer = retrying(|retry| retry.order = order);
        let worker = builder.consumer(consumer).expect("the name is free");
        let cue = Cue { node: Some(worker), msg: None, kind: cue, skip: 0 };
        builder.when(cue, Span::ZERO, vec![(Span::ZERO, Fault::Kill(worker))]);
        builder.horizon(MS(500));
        let run = run(&builder.build());
        let broker = run.last().world().node(RABBIT).as_broker().expect("it is the broker");
        let left: usize = broker.queues().map(|queue| queue.ready).sum();
        assert_eq!(left, stored, "{order:?}");
    }
}

/// Experiment 35: a queue that was declared once is gone after twice its delay, and what is
/// published to it then is confirmed and dropped.
#[test]
fn a_delay_queue_that_is_declared_once_swallows_later_retries() {
    let build = |declare: Declare, repaired: bool| {
        let mut consumer = retrying(|retry| {
            retry.wait_for_confirm = repaired;
            retry.mandatory = repaired;
            if let Via::DelayQueue { declare: its, .. } = &mut retry.via {
                *its = declare;
            }
        });
        consumer.handler = script().poison((1..=8).map(MessageId).collect(), PoisonKind::Times(1));
        if repaired {
            consumer.channel = ChannelMode::Confirm;
        }
        let gap = Pacing::Every(Dist::Fixed(MS(700)));
        let producer = ProducerConfig { pacing: gap, ..sends(8) };
        let (system, _) = system(with_queues(&["work", "work.dead"]), producer, consumer);
        run(&system)
    };
    let lost = |run: &Run| effects(run, 8).iter().filter(|times| **times == 0).count();
    let once = build(Declare::Once, false);
    assert!(lost(&once) > 0, "lost {}", lost(&once));
    assert_eq!(lost(&build(Declare::BeforeEachPublish, false)), 0);
    assert_eq!(count(&build(Declare::Once, false), "returned"), 0, "nobody is told");
    let told = build(Declare::Once, true);
    assert!(count(&told, "returned") > 0, "mandatory tells");
}

// ── poison and dead letters, R1 and R3 ──

#[test]
fn poison_that_is_requeued_comes_back_for_ever() {
    let consumer = ConsumerConfig { prefetch: 1, ..worker(poison(PoisonKind::Always)) };
    let (mut system, _) = system(with_queues(&["work"]), sends(5), consumer);
    system.horizon = Time::ZERO + Span::from_secs(2);
    let run = run(&system);
    assert!(count(&run, "failed") > 200, "{}", count(&run, "failed"));
    assert_eq!(effects(&run, 5)[1..], [0; 4], "one slot, and poison is in it");
}

#[test]
fn a_message_that_kills_its_process_kills_every_one_that_takes_its_place() {
    let consumer = worker(poison(PoisonKind::KillsTimes(3)));
    let (system, _) = system(with_queues(&["work"]), sends(3), consumer);
    let run = run(&system);
    assert_eq!(count(&run, "died"), 3);
    assert!(effects(&run, 3).iter().all(|times| *times > 0));
}

/// Experiment 74: a classic queue does not count deliveries, so a consumer that returns what failed
/// can only count in a header of its own or in memory.
#[test]
fn three_attempts_need_somebody_who_counts() {
    let parked = |count_by: CountBy, via: Option<Via>| {
        let mut retry = Retry::three_attempts("work", "parking");
        retry.count = count_by;
        if let Some(via) = via {
            retry.via = via;
        }
        let on_failure = OnFailure::Retry(Arc::new(retry));
        let consumer = ConsumerConfig { on_failure, ..worker(poison(PoisonKind::Always)) };
        let (mut system, _) = system(with_queues(&["work", "parking"]), sends(2), consumer);
        system.horizon = Time::ZERO + Span::from_secs(2);
        let run = run(&system);
        (count(&run, "parked"), count(&run, "failed"))
    };
    let requeue = || Some(Via::Requeue(Settle::NackRequeue));
    assert_eq!(parked(CountBy::Header, None), (1, 3));
    assert_eq!(parked(CountBy::Memory, requeue()), (1, 3));
    let (never, attempts) = parked(CountBy::Redelivered, requeue());
    assert_eq!(never, 0, "a flag cannot count to three");
    assert!(attempts > 50);
    assert_eq!(parked(CountBy::DeliveryCount, requeue()).0, 0, "a classic queue has no count");
}

// ── services, R4 ──

#[test]
fn requeueing_at_once_hammers_a_service_that_is_out() {
    let calls = |retry: Option<Retry>| {
        let mut builder = with_queues(&["work", "work.dead"]);
        let charge = builder.service(ServiceConfig::new("charge")).expect("the name is free");
        let at = charge.at.expect("it is a node");
        let out = |out| Fault::Order(at, Order::Outage(out));
        builder.at(Span::ZERO, out(true)).at(Span::from_secs(5), out(false));
        let handler = Script::takes(Dist::Fixed(MS(1))).effect(charge);
        let mut consumer = worker(handler);
        if let Some(retry) = retry {
            consumer.on_failure = OnFailure::Retry(Arc::new(retry));
        }
        let (system, _) = system(builder, sends(10), consumer);
        let run = run(&system);
        assert_eq!(effects(&run, 10), [1; 10], "all is well in the end");
        count(&run, "called")
    };
    let (at_once, backing_off) = (calls(None), calls(Some(Retry::guide("work"))));
    assert!(at_once > 20 * backing_off, "{at_once} calls against {backing_off}");
}

#[test]
fn a_call_that_is_given_up_may_have_its_effect_all_the_same() {
    let mut builder = with_queues(&["work"]);
    let config = ServiceConfig { outage: Outage::Hangs, ..ServiceConfig::new("charge") };
    let charge = builder.service(config).expect("the name is free");
    let at = charge.at.expect("it is a node");
    let out = |out| Fault::Order(at, Order::Outage(out));
    builder.at(Span::ZERO, out(true)).at(Span::from_secs(3), out(false));
    let handler = Script::takes(Dist::Fixed(MS(1))).effect(charge);
    let consumer = ConsumerConfig { call_timeout: Some(Span::from_secs(2)), ..worker(handler) };
    let (system, _) = system(builder, sends(1), consumer);
    assert_eq!(effects(&run(&system), 1), [2]);
}

// ── joining and leaving; requests and answers ──

#[test]
fn a_rolling_deploy_with_orderly_leaving_repeats_nothing() {
    let mut builder = with_queues(&["work"]);
    builder.producer(sends(300)).expect("the name is free");
    for instance in 0..3 {
        let name = format!("worker-{instance}");
        let consumer = ConsumerConfig::handling(&name, RABBIT, "work", script());
        let id = builder.consumer(consumer).expect("the name is free");
        let from = MS(50 + 60 * instance);
        builder.at(from, Fault::Order(id, Order::Leave));
        builder.at(from + MS(30), Fault::Order(id, Order::Join));
    }
    let run = run(&builder.build());
    assert_eq!(effects(&run, 300), [1; 300]);
}

#[test]
fn a_request_that_timed_out_may_be_answered_late() {
    let build = |timeout| {
        let rpc =
            Rpc { reply_queue: "checkout.replies".into(), timeout, on_timeout: Again::GiveUp };
        let producer = ProducerConfig {
            rpc: Some(rpc),
            confirm: false,
            window: 1,
            pacing: Pacing::Window,
            ..sends(5)
        };
        let (system, _) = system(with_queues(&["work"]), producer, worker(script().reply(true)));
        run(&system)
    };
    let patient = build(MS(100));
    assert_eq!((count(&patient, "answered"), count(&patient, "gave-up")), (5, 0));
    let hasty = build(MS(3));
    assert_eq!(count(&hasty, "gave-up"), 5);
    let late = times(&hasty, |note| matches!(note, Note::Answered { late: true, .. }));
    assert_eq!(late.len(), 5);
}

#[test]
fn a_silent_partition_is_noticed_by_heartbeats_only() {
    let build = |heartbeat| {
        let mut builder = with_queues(&["work"]);
        builder.producer(sends(20)).expect("the name is free");
        let connection = ConnectionConfig { heartbeat, ..ConnectionConfig::to(RABBIT) };
        let consumer = ConsumerConfig { connection, ..worker(script()) };
        let id = builder.consumer(consumer).expect("the name is free");
        for link in [(RABBIT, id), (id, RABBIT)] {
            let link = Link { from: link.0, to: link.1 };
            builder.at(MS(10), Fault::Cut(link));
        }
        builder.horizon(Span::from_secs(30));
        run(&builder.build())
    };
    assert_eq!(count(&build(Span::ZERO), "disconnected"), 0);
    assert_eq!(count(&build(Span::from_secs(2)), "disconnected"), 1);
}

#[test]
fn a_run_is_the_same_every_time() {
    let mut builder = with_queues(&["work"]);
    builder.latency(Dist::Exponential(MS(1)));
    let (system, _) = system(builder, sends(100), worker(script()));
    let (a, b) = (system.run(7, u64::MAX), system.run(7, u64::MAX));
    assert_eq!(a.history(), b.history());
    assert_ne!(a.history(), system.run(8, u64::MAX).history());
}
