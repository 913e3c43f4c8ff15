//! A large Kafka group rebalances: 200 members, 1,000 partitions, all of it simulated: requests and
//! answers on the wire, the coordinator, the assignor, heartbeats and commits. It is to take less than
//! 50 ms.

use redeliver::kernel::{Span, Time};
use redeliver::scenario::Scenario;
use redeliver::system::Timeline;

/// How the members get their partitions.
const WAYS: [&str; 3] = ["range", "cooperative-sticky", "consumer"];

/// One member leaves at 20 s. Fetches wait for long, so that there is little else to do.
fn scenario(way: &str) -> Scenario {
    let setting = match way {
        "consumer" => "\"group.protocol\" = \"consumer\"".to_owned(),
        assignor => format!("\"partition.assignment.strategy\" = \"{assignor}\""),
    };
    let text = format!(
        r#"
title = "A large group rebalances"
profile = "kafka-4.1"
horizon = "40s"

[[kafka.topic]]
name = "orders"
partitions = 1000
replication_factor = 1

[[kafka.producer]]
name = "checkout"
topic = "orders"
messages = 1
begins = "30s"

[[kafka.consumer]]
name = "worker"
instances = 200
client = "java-4.1"
topics = "orders"
handler = {{ effect = "charge" }}
config = {{ "auto.offset.reset" = "earliest", "fetch.max.wait.ms" = 600000, {setting} }}

[[fault]]
at = "20s"
do = {{ stop = "worker-1" }}
"#
    );
    match Scenario::load("groups", &text, &[]) {
        Ok((scenario, _)) => scenario,
        Err(problems) => panic!("{problems}"),
    }
}

fn played(scenario: &Scenario, until: Span) -> Timeline {
    let mut timeline = Timeline::new(&scenario.system().seeded(1), &mut ());
    timeline.run(Time::ZERO + until, u64::MAX, &mut ());
    timeline
}

/// From an empty group to one in which all read. Under the consumer protocol each member that comes is
/// a rebalance.
#[divan::bench(args = WAYS, sample_count = 20)]
fn all_join(bencher: divan::Bencher<'_, '_>, way: &str) {
    let scenario = scenario(way);
    bencher.bench(|| played(&scenario, Span::from_secs(12)));
}

/// One leaves, the others learn of it, and its partitions have new owners.
#[divan::bench(args = WAYS, sample_count = 20)]
fn one_leaves(bencher: divan::Bencher<'_, '_>, way: &str) {
    let before = played(&scenario(way), Span::from_millis(19_900));
    bencher.with_inputs(|| before.clone()).bench_values(|mut timeline| {
        timeline.run(Time::ZERO + Span::from_secs(26), u64::MAX, &mut ());
        timeline
    });
}

fn main() {
    divan::main();
}
