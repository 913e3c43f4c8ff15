//! Quorum queues on three nodes: what a majority has is not lost, and a minority decides nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;
use redeliver::client::{ConnectionConfig, ConsumerConfig, Pacing, ProducerConfig, Script, Target};
use redeliver::kernel::{Dist, Fault, Link, NodeId, Span, Time};
use redeliver::rabbit::{self, Profile};
use redeliver::scenario::{Met, Scenario};
use redeliver::system::{Run, SystemBuilder};
use redeliver::talk::{Note, QueueDeclare, Value};

const MS: fn(u64) -> Span = Span::from_millis;
const MESSAGES: u32 = 200;

/// A cluster with the quorum queue `work`, a producer with confirms that is connected to the node
/// `producer`, and a consumer at the node `consumer`.
fn cluster(nodes: u32, producer: u32, consumer: u32) -> SystemBuilder {
    let mut builder = SystemBuilder::new();
    let profile = *Profile::by_name("rabbitmq-4.2").expect("the version is known");
    let mut queue = QueueDeclare { queue: "work".into(), durable: true, ..QueueDeclare::default() };
    queue.arguments.insert("x-queue-type".into(), Value::from("quorum"));
    queue.arguments.insert("x-delivery-limit".into(), Value::Int(-1));
    let members: Vec<NodeId> = (0..nodes).map(NodeId).collect();
    let config = rabbit::Config {
        queues: vec![queue],
        members: members.clone(),
        ..rabbit::Config::new(profile)
    };
    for node in 1..=nodes {
        builder.broker(&format!("rabbit-{node}"), config.clone()).expect("sound definitions");
    }
    builder.latency(Dist::Uniform(Span::from_micros(200), Span::from_micros(900)));
    let connection = |first: u32| {
        let mut brokers = members.clone();
        brokers.rotate_left(first as usize);
        let connection = ConnectionConfig::to(brokers[0]);
        ConnectionConfig { others: brokers.split_off(1), heartbeat: MS(4_000), ..connection }
    };
    let sends = ProducerConfig {
        messages: MESSAGES,
        pacing: Pacing::Every(Dist::Fixed(MS(10))),
        connection: connection(producer),
        ..ProducerConfig::to_queue("checkout", NodeId(0), "work")
    };
    builder.producer(sends).expect("the name is free");
    let script = Script::takes(Dist::Fixed(MS(2))).effect(Target { service: 0, at: None });
    let worker = ConsumerConfig {
        connection: connection(consumer),
        ..ConsumerConfig::handling("worker", NodeId(0), "work", script)
    };
    builder.consumer(worker).expect("the name is free");
    builder.horizon(MS(60_000));
    builder
}

fn count(run: &Run, kind: &str) -> usize {
    run.history().notes().iter().filter(|noted| noted.note.kind() == kind).count()
}

/// How many messages were confirmed. One whose confirm took too long is sent again, and both copies
/// are confirmed then.
fn confirmed(run: &Run) -> usize {
    let notes = run.history().notes().iter();
    let of = |note: &Note| match note {
        Note::Confirmed { msg } => Some(*msg),
        _ => None,
    };
    notes.filter_map(|noted| of(&noted.note)).collect::<BTreeSet<_>>().len()
}

/// Messages without an effect, of those that were confirmed.
fn missing(run: &Run) -> Vec<u32> {
    let notes = run.history().notes();
    let has = |wanted: &Note| notes.iter().any(|noted| noted.note == *wanted);
    (1..=MESSAGES)
        .filter(|&msg| {
            let msg = redeliver::talk::MessageId(msg);
            has(&Note::Confirmed { msg }) && !has(&Note::Effect { msg, service: 0 })
        })
        .collect()
}

/// Cuts a node off from the other brokers.
fn cut_off(builder: &mut SystemBuilder, node: u32, nodes: u32, from: Span, until: Span) {
    for other in (0..nodes).filter(|other| *other != node) {
        let (a, b) = (NodeId(node), NodeId(other));
        for link in [Link { from: a, to: b }, Link { from: b, to: a }] {
            builder.at(from, Fault::Cut(link)).at(until, Fault::Heal(link));
        }
    }
}

#[test]
fn on_a_good_day_every_message_has_its_effect_once_wherever_the_clients_are_connected() {
    for (producer, consumer) in [(0, 0), (0, 1), (1, 2), (2, 0)] {
        let run = cluster(3, producer, consumer).build().run(1, 1_000_000);
        let all = MESSAGES as usize;
        assert_eq!(count(&run, "confirmed"), all, "{producer} {consumer}");
        assert_eq!(count(&run, "enqueued"), all);
        assert_eq!(count(&run, "acked"), all);
        assert_eq!(count(&run, "effect"), all);
    }
}

#[test]
fn when_the_leader_is_killed_another_node_takes_over_with_everything_confirmed() {
    for nodes in [3, 5] {
        let mut builder = cluster(nodes, 0, 1);
        builder.at(MS(1_000), Fault::Kill(NodeId(0)));
        let run = builder.build().run(1, 1_000_000);
        assert_eq!(count(&run, "elected"), 2);
        assert_eq!(count(&run, "confirmed"), MESSAGES as usize);
        assert_eq!(missing(&run), Vec::<u32>::new());
    }
}

#[test]
fn without_a_majority_nothing_is_confirmed() {
    let mut builder = cluster(3, 0, 0);
    builder.at(MS(1_000), Fault::Kill(NodeId(1))).at(MS(1_000), Fault::Kill(NodeId(2)));
    let run = builder.build().run(1, 1_000_000);
    let late = run.history().notes().iter().filter(|noted| {
        noted.at > Time::ZERO + MS(1_010) && matches!(noted.note, Note::Confirmed { .. })
    });
    assert_eq!(late.count(), 0);
    assert!(count(&run, "confirmed") > 50, "{}", count(&run, "confirmed"));
}

#[test]
fn a_leader_that_is_cut_off_confirms_nothing_and_after_healing_nothing_is_lost() {
    let (from, until) = (MS(1_000), MS(12_000));
    let mut builder = cluster(3, 0, 1);
    cut_off(&mut builder, 0, 3, from, until);
    let run = builder.build().run(1, 1_000_000);
    let between = run.history().notes().iter().filter(|noted| {
        noted.at > Time::ZERO + from + MS(10)
            && noted.at < Time::ZERO + until
            && matches!(noted.note, Note::Confirmed { .. })
    });
    assert_eq!(between.count(), 0);
    assert_eq!(count(&run, "elected"), 2, "the majority goes on without it");
    assert_eq!(count(&run, "confirmed"), MESSAGES as usize);
    assert_eq!(missing(&run), Vec::<u32>::new());
}

#[test]
fn what_a_consumer_at_a_lost_node_held_comes_back() {
    let mut builder = cluster(3, 0, 1);
    builder.at(MS(1_000), Fault::Kill(NodeId(1)));
    let run = builder.build().run(1, 1_000_000);
    assert_eq!(count(&run, "elected"), 1, "the leader stays");
    assert_eq!(count(&run, "confirmed"), MESSAGES as usize);
    assert_eq!(missing(&run), Vec::<u32>::new());
}

/// A cluster of three nodes, with `rest`.
#[test]
fn consumers_at_a_lost_node_are_not_given_what_another_one_there_gives_back() {
    let scenario = shop(
        r#"
[[rabbitmq.queue]]
name = "orders"
type = "quorum"

[[producer]]
name = "checkout"
broker = "rabbit-2"
publish = { routing_key = "orders" }
messages = 200
rate = "50/s"
confirm = true

[[consumer]]
name = "worker"
instances = 3
queue = "orders"
prefetch = 10
handler = { takes = "30ms" }

[[fault]]
at = "2s"
do = { crash = "rabbit-1" }
restart_after = "5s"
"#,
    );
    let run = scenario.system().run(1, 1_000_000);
    let mut back = BTreeSet::new();
    for noted in run.history().notes() {
        if let Note::Requeued { msg, .. } = noted.note {
            assert!(back.insert((noted.step, msg)), "{msg} came back twice in one step");
        }
    }
    assert!(!back.is_empty(), "something was held at the lost node");
}

fn shop(rest: &str) -> Scenario {
    let text = format!(
        "title = \"a cluster\"\nprofile = \"rabbitmq-4.2\"\nhorizon = \"30s\"\n\
         [rabbitmq]\nnodes = 3\n{rest}"
    );
    let loaded = Scenario::load("cluster", &text, &[]);
    loaded.unwrap_or_else(|problems| panic!("{problems}")).0
}

#[track_caller]
fn keeps_its_word(scenario: &Scenario) {
    for seed in 1..=20 {
        let outcome = scenario.judge_with(seed, 1_000_000, &mut ());
        for it in scenario.expectations() {
            let found = it.found(&outcome);
            assert_eq!(it.met(&outcome), Met::Yes, "seed {seed}: {} is {found}", it.name);
        }
    }
}

#[test]
fn what_a_client_declares_is_there_for_all_nodes_and_outlives_the_leader() {
    keeps_its_word(&shop(
        r#"
[[rabbitmq.exchange]]
name = "shop"
[[rabbitmq.queue]]
name = "orders"
type = "quorum"
exists = false
[[rabbitmq.binding]]
source = "shop"
destination = "orders"
routing_key = "order"
[[producer]]
name = "checkout"
broker = "rabbit-2"
declares = ["orders"]
publish = { exchange = "shop", routing_key = "order" }
messages = 200
rate = "50/s"
confirm = true
[[consumer]]
name = "worker"
broker = "rabbit-3"
declares = ["orders"]
queue = "orders"
handler = { effect = "charge" }
[[service]]
name = "charge"
[[fault]]
at = "2s"
do = { crash = "rabbit-1" }
[expect]
no-loss = "holds"
confirmed = 200
effects = 200
"#,
    ));
}

#[test]
fn an_alarm_of_one_node_stops_publishers_at_all_nodes() {
    let scenario = shop(
        r#"
[[rabbitmq.queue]]
name = "orders"
type = "quorum"
[[producer]]
name = "checkout"
broker = "rabbit-2"
publish = { routing_key = "orders" }
messages = 100
rate = "100/s"
confirm = true
[[fault]]
at = "300ms"
do = { alarm = "rabbit-3" }
for = "3s"
[expect]
no-loss = "holds"
confirmed = 100
"#,
    );
    keeps_its_word(&scenario);
    let run = scenario.system().run(1, 1_000_000);
    assert_eq!((count(&run, "blocked"), count(&run, "unblocked")), (1, 1));
}

#[test]
fn the_log_stays_short_and_a_node_that_missed_too_much_gets_a_snapshot() {
    let scenario = shop(
        r#"
[[rabbitmq.queue]]
name = "orders"
type = "quorum"
[[producer]]
name = "checkout"
broker = "rabbit-2"
publish = { routing_key = "orders" }
messages = 12000
rate = "2000/s"
confirm = true
[[consumer]]
name = "worker"
broker = "rabbit-3"
queue = "orders"
prefetch = 100
handler = { effect = "charge" }
[[service]]
name = "charge"
[[fault]]
at = "200ms"
do = { crash = "rabbit-1" }
restart_after = "5500ms"
[expect]
no-loss = "holds"
confirmed = 12000
"#,
    );
    let run = scenario.system().run(1, 10_000_000);
    let brokers: Vec<_> =
        run.last().world().nodes().filter_map(|(_, node)| node.as_broker()).collect();
    assert_eq!(brokers.len(), 3);
    for broker in brokers {
        let entries = broker.log_entries();
        assert!(entries <= 8_192, "{entries}");
        let queue = broker.queues().next().expect("it is there");
        assert_eq!((queue.ready, queue.unacked), (0, 0));
    }
    assert_eq!(count(&run, "confirmed"), 12_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_fault_of_a_single_node_loses_a_confirmed_message(
        seed in any::<u64>(),
        nodes in prop_oneof![Just(3_u32), Just(5)],
        (victim, producer, consumer) in (0..3_u32, 0..3_u32, 0..3_u32),
        kind in 0..4_u8,
        at in 100..1_900_u64,
        lasts in prop_oneof![50..800_u64, 5_000..12_000_u64],
    ) {
        let (from, until) = (MS(at), MS(at + lasts));
        let node = NodeId(victim);
        let mut builder = cluster(nodes, producer, consumer);
        match kind {
            0 => { builder.at(from, Fault::Kill(node)).at(until, Fault::Restart(node)); }
            1 => { builder.at(from, Fault::PowerLoss(node)).at(until, Fault::Restart(node)); }
            2 => { builder.at(from, Fault::Pause(node)).at(until, Fault::Resume(node)); }
            _ => cut_off(&mut builder, victim, nodes, from, until),
        }
        let system = builder.build();
        let run = system.run(seed, 1_000_000);
        prop_assert_eq!(confirmed(&run), MESSAGES as usize, "everything goes on");
        prop_assert_eq!(missing(&run), Vec::<u32>::new());
        // nothing is told twice: what comes in goes out
        prop_assert_eq!(count(&run, "enqueued"), count(&run, "acked"));
        // a confirm for each copy at most: whoever sends again may hear of both copies
        prop_assert!(count(&run, "confirmed") <= count(&run, "enqueued"));
        // every node that is there has the same queue, empty
        for (id, node) in run.last().world().nodes() {
            if let Some(queue) = node.as_broker().and_then(|broker| broker.queues().next()) {
                prop_assert_eq!((queue.ready, queue.unacked), (0, 0), "at {:?}", id);
            }
        }
    }
}
