//! Broken brokers, controllers, clients and stores of Kafka, each caught by the guarantee that names
//! what it does. As in [`super::mutants`], a mutant is a healthy node in a shell, and the healthy
//! system keeps the guarantee in the same scenario with the same seeds.

mod cases;
mod lab;

use cases::{CASES, Case};
use lab::{Lab, Mutant};
use redeliver::check::{Audit, Class, End, Outcome};
use redeliver::kernel::{Setup, Timeline};
use redeliver::scenario::Scenario;

/// What a mutant does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    // ── the log and its replicas ──
    /// Answers acks=all when it has written by itself.
    AcksBeforeReplication,
    /// Counts followers as if they had what it has just written.
    CountsWhoLags,
    /// Does not look at sequence numbers.
    SkipsTheSequenceCheck,
    /// Writes the records of a batch backwards.
    Reorders,
    /// Stores what nobody sent.
    Invents,
    /// Follows a new leader by dropping all above the high watermark that it knows (before KIP-101).
    TruncatesToHighWatermark,
    /// Does not tell followers where their logs leave its own.
    KeepsItsTail,
    /// Copies other records than its leader has.
    CopiesWrongly,
    /// Says a lower high watermark than before.
    LowersHighWatermark,
    /// Leaves a batch out of a fetch.
    SkipsRecords,
    /// Takes all keys for the same one when it compacts.
    CompactsByNothing,
    /// Its clock is an hour fast when it looks at retention.
    DeletesEarly,
    // ── the controller ──
    /// Elects whoever lives, and says that all is well.
    ElectsUncleanSilently,
    /// Elects in an epoch that was used.
    ReusesEpoch,
    // ── transactions ──
    /// Lets readers of committed records read to the high watermark.
    IgnoresLastStable,
    /// Does not say which transactions were aborted.
    ShowsAborted,
    /// Says that it has written a marker.
    LosesMarkers,
    /// Writes a marker that says the opposite.
    TurnsMarkers,
    /// Ends a transaction for a producer that was fenced.
    AcceptsFencedProducer,
    // ── groups ──
    /// Accepts the commit of a generation that has ended.
    AcceptsStaleGeneration,
    /// Takes an earlier owner of a `group.instance.id` for the present one.
    FencesNoStaticMember,
    /// Gives every member all partitions.
    TwoOwners,
    /// Tells no member that it must join again, or is none any more.
    ForgetsFencing,
    /// Says that nothing is committed.
    ForgetsCommittedOffsets,
    /// Confirms offsets and forgets them.
    ForgetsCommits,
    // ── clients and stores ──
    /// Commits one more than it has handled.
    CommitsBeforeEffect,
    /// Hands a record to its application twice.
    ReadsTwice,
    /// Says of every key that it is new.
    StoreForgets,
}

fn scenario(case: &Case, topic: &str) -> Scenario {
    let Case { profile, partitions, producer, consumer, more, .. } = case;
    let lists = ["[1, 2, 3]", "[2, 3, 1]", "[3, 1, 2]"];
    let assignment = lists[..*partitions].join(", ");
    let text = format!(
        r#"
title   = "Where a mutant is found out"
profile = "{profile}"
horizon = "60s"

[[kafka.topic]]
name = "orders"
partitions = {partitions}
assignment = [{assignment}]
config = {{ {topic} }}

[[service]]
name = "charge"

[[kafka.producer]]
name = "checkout"
client = "java-4.1"
topic = "orders"
begins = "5s"
{producer}

[[kafka.consumer]]
name = "worker"
client = "java-4.1"
topics = "orders"
{consumer}

{more}
"#
    );
    let loaded = Scenario::load("mutant", &text, &[]);
    loaded.unwrap_or_else(|problems| panic!("{:?}: {problems}", case.wrong)).0
}

/// Plays the scenario of a case, with its mutant or without.
fn play(case: &Case, mutant: bool, seed: u64) -> Outcome {
    const MOST: u64 = 2_000_000;
    let told = scenario(case, case.topic);
    let built = scenario(case, case.instead.filter(|_| mutant).unwrap_or(case.topic));
    let system = built.system();
    let setup = system.seeded(seed);
    let nodes = setup.nodes.into_iter().zip(&system.names).map(|(inner, name)| {
        match mutant && name.as_str().starts_with(case.at) {
            true => Lab::Mutant(Box::new(Mutant::new(inner, case.wrong))),
            false => Lab::Healthy(Box::new(inner)),
        }
    });
    let setup = Setup {
        nodes: nodes.collect(),
        latency: setup.latency,
        latencies: setup.latencies,
        plan: setup.plan,
        triggers: setup.triggers,
        seed: setup.seed,
    };
    let mut audit = Audit::new(told.rules().clone());
    let mut timeline = Timeline::new(&setup, &mut audit);
    let taken = timeline.run(system.horizon, MOST, &mut audit);
    assert!(taken < MOST, "{:?}: the scenario is too long", case.wrong);
    let end = End {
        at: system.horizon,
        step: timeline.world().steps(),
        healed: true,
        quiet: timeline.next_due().is_none(),
        waiting: timeline.waiting().collect(),
    };
    audit.finish(end, told.cast())
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=5;

#[test]
fn every_mutant_of_kafka_is_killed_by_the_class_that_names_it() {
    let mut survivors = Vec::new();
    for case in CASES {
        let of_class = |outcome: &Outcome| {
            outcome.verdicts.breaches().iter().any(|breach| breach.class == case.class)
        };
        if SEEDS.into_iter().any(|seed| of_class(&play(case, true, seed))) {
            continue;
        }
        let outcome = play(case, true, 1);
        let others: Vec<&str> =
            outcome.verdicts.breaches().iter().map(|breach| breach.class.name()).collect();
        let Case { wrong, class, .. } = case;
        survivors.push(format!("{wrong:?} is not killed by {class}, only by {others:?}"));
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

#[test]
fn where_a_mutant_of_kafka_is_killed_the_healthy_system_keeps_the_guarantee() {
    let mut wrong = Vec::new();
    for case in CASES {
        for seed in SEEDS {
            let outcome = play(case, false, seed);
            let breaches = outcome.verdicts.breaches();
            let its = breaches.iter().filter(|breach| breach.class == case.class);
            wrong.extend(its.map(|it| format!("{:?}, seed {seed}: {it:?}", case.wrong)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A class that kills no mutant may never say anything.
#[test]
fn every_class_of_logs_kills_a_mutant() {
    let killed = |class: &Class| CASES.iter().any(|case| case.class == *class);
    let idle: Vec<Class> =
        Class::ALL.into_iter().filter(|class| class.of_logs() && !killed(class)).collect();
    assert!(idle.is_empty(), "{idle:?}");
}
