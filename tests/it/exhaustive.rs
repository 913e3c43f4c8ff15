//! The nodes that simulate, explored without a clock: every interleaving of a small system.

use std::fmt::Write as _;

use redeliver::client::{AckWhen, ConsumerConfig, Pacing, ProducerConfig, Script};
use redeliver::kernel::{
    Dist, Fault, Monitor, NodeId, Run, Seen, Span, Step, Time, Timeline, Untimed, Verdict, World,
};
use redeliver::rabbit::{Config, Profile};
use redeliver::search::{
    Limits, Move, Outcome, Schedule, Watching, explore_from, replay, replay_strictly, shrink,
};
use redeliver::system::{Member, System, SystemBuilder, text};
use redeliver::talk::{Mq, Note, QueueDeclare};

const BROKER: NodeId = NodeId(0);
const WORKER_1: NodeId = NodeId(2);
const WORKER_2: NodeId = NodeId(3);

/// When the producer begins: by then everybody is connected.
const BEGINS: Span = Span::from_millis(100);

/// One broker, a producer that sends `messages` with confirms, and two workers.
fn system(messages: u32, ack: AckWhen, handler: Span) -> System {
    let mut builder: SystemBuilder<Script> = SystemBuilder::new();
    let orders = QueueDeclare { queue: "orders".into(), durable: true, ..QueueDeclare::default() };
    let mut profile = Profile::default();
    profile.costs.publish = Span::ZERO;
    let config = Config { queues: vec![orders], consumer_timeout: None, ..Config::new(profile) };
    builder.broker("rabbit", config).expect("the definitions are well-formed");
    let ledger = builder.local_effect("ledger").expect("the name is free");
    builder
        .producer(ProducerConfig {
            messages,
            begins: BEGINS,
            pacing: Pacing::Every(Dist::Fixed(Span::from_millis(1))),
            ..ProducerConfig::to_queue("checkout", BROKER, "orders")
        })
        .expect("the name is free");
    for name in ["worker-1", "worker-2"] {
        let script = Script::takes(Dist::Fixed(handler)).effect(ledger);
        builder
            .consumer(ConsumerConfig {
                prefetch: 1,
                ack,
                ..ConsumerConfig::handling(name, BROKER, "orders", script)
            })
            .expect("the name is free");
    }
    builder.latency(Dist::Uniform(Span::from_micros(200), Span::from_millis(2)));
    builder.horizon(Span::from_secs(2));
    builder.build()
}

/// "What was confirmed takes effect", judged when nothing more can happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct TakesEffect {
    confirmed: u64,
    effects: u64,
}

impl Monitor<Note> for TakesEffect {
    fn observe(&mut self, seen: Seen<'_, Note>) {
        match *seen.note {
            Note::Confirmed { msg } => self.confirmed |= 1 << msg.0,
            Note::Effect { msg, .. } => self.effects |= 1 << msg.0,
            _ => {}
        }
    }
    fn verdict(&self, settled: bool) -> Verdict {
        match (settled, self.confirmed & !self.effects) {
            (true, 0) => Verdict::Holds,
            (true, _) => Verdict::Violated(0),
            (false, _) => Verdict::Undecided,
        }
    }
}

fn limits(faults: usize) -> Limits<Member> {
    Limits {
        worlds: 400_000,
        depth: 200,
        faults,
        menu: vec![Fault::Kill(WORKER_1), Fault::Kill(WORKER_2)],
    }
}

/// The world in which everybody is connected and nothing was sent.
fn connected(system: &System) -> World<Member> {
    let mut timeline: Timeline<Member> = Timeline::new(&system.setup, &mut ());
    timeline.run(Time::ZERO + Span::from_millis(99), u64::MAX, &mut ());
    timeline.world().clone()
}

fn told(system: &System, schedule: &Schedule<Member>) -> String {
    let mut lines = String::new();
    for it in schedule {
        let _ = writeln!(lines, "{}", text::write(&it.step, &system.names));
    }
    lines
}

#[test]
fn an_early_ack_loses_a_confirmed_message_and_the_shortest_way_is_found() {
    let system = system(1, AckWhen::OnReceipt, Span::from_millis(1));
    let outcome = explore_from(connected(&system), &TakesEffect::default(), &limits(1));
    let Outcome::Broken(found) = outcome else { panic!("it must be found: {outcome:?}") };
    assert!(found.settled);
    insta::assert_snapshot!(format!(
        "{}{} worlds were visited",
        told(&system, &found.schedule),
        found.worlds
    ));
}

#[test]
fn an_ack_after_the_effect_holds_in_every_interleaving_with_a_crash() {
    let system = system(1, AckWhen::AfterEffect, Span::from_millis(1));
    let outcome = explore_from(connected(&system), &TakesEffect::default(), &limits(1));
    let Outcome::Holds { worlds } = outcome else { panic!("it must hold: {outcome:?}") };
    insta::assert_snapshot!(format!("{worlds} worlds"));
}

/// Plays a system by the clock.
fn timed(system: &System, seed: u64, plan: bool) -> Run<Member> {
    let mut setup = system.seeded(seed);
    if plan {
        let at = Time::ZERO + BEGINS + Span::from_micros(seed * 97 % 17_000);
        setup.plan.push(redeliver::kernel::Planned { at, fault: Fault::Kill(WORKER_1) });
    }
    Run::record(setup, system.horizon, 100_000)
}

/// Whatever the clock does, it only picks among the steps that are possible without it.
#[test]
fn every_step_of_a_thousand_timed_runs_is_a_legal_untimed_step() {
    let system = system(6, AckWhen::AfterEffect, Span::from_millis(1));
    let runs = if cfg!(debug_assertions) { 100 } else { 1_000 };
    for seed in 0..runs {
        let run = timed(&system, seed, true);
        let mut world = World::new(system.setup.nodes.clone(), &mut Untimed::default(), &mut ());
        for taken in run.history().steps() {
            let fault = matches!(taken.step, Step::Fault(_));
            assert!(
                fault || world.enabled().contains(&taken.step),
                "seed {seed}, step {}: {}",
                taken.no,
                text::write(&taken.step, &system.names)
            );
            assert!(world.apply(&taken.step, &mut Untimed::default(), &mut ()), "seed {seed}");
        }
    }
}

#[test]
fn a_recorded_run_replays_to_the_same_history() {
    let system = system(20, AckWhen::AfterEffect, Span::from_millis(3));
    let run = timed(&system, 5, true);
    let mut shown = redeliver::kernel::History::<Mq>::default();
    run.history().show(&mut shown);
    assert_eq!(&shown, run.history());
    let again = Run::record(run.setup().clone(), run.until(), 100_000);
    assert_eq!(again.history(), run.history());
    // and any moment of it can be reached from any other
    let mut timeline: Timeline<Member> = Timeline::new(run.setup(), &mut ());
    for no in 0..run.len() {
        assert_eq!(run.seek(no).world(), timeline.world(), "after step {no}");
        timeline.step(run.until(), &mut ());
    }
}

fn schedule(run: &Run<Member>) -> Schedule<Member> {
    run.history().steps().iter().map(|taken| Move::of(taken.step.clone())).collect()
}

/// The steps that were taken, if a confirmed message never took effect and nothing more can come.
fn loses(system: &System, candidate: &Schedule<Member>) -> Option<Vec<usize>> {
    let mut watching = Watching::new(TakesEffect::default());
    let replayed = replay(&system.setup.nodes, candidate, &mut watching);
    let settled = replayed.world.enabled().is_empty();
    matches!(watching.monitor.verdict(settled), Verdict::Violated(_)).then_some(replayed.taken)
}

#[test]
fn random_failures_shrink_and_the_shrunk_runs_fail_in_the_same_way() {
    let system = system(3, AckWhen::OnReceipt, Span::from_millis(4));
    let mut failed = 0;
    for seed in 0..200 {
        let long = schedule(&timed(&system, seed, true));
        if loses(&system, &long).is_none() {
            continue;
        }
        failed += 1;
        let short = shrink(long.clone(), |candidate| loses(&system, candidate));
        assert!(loses(&system, &short).is_some() && short.len() < long.len(), "seed {seed}");
        assert!(replay_strictly(&system.setup.nodes, &short, &mut ()).is_ok(), "seed {seed}");
        for spared in 0..short.len() {
            let mut rest = short.clone();
            rest.remove(spared);
            assert!(loses(&system, &rest).is_none(), "seed {seed}: step {spared} can be spared");
        }
        if failed == 10 {
            break;
        }
    }
    assert!(failed >= 5, "only {failed} of 200 seeds lose a message");
}
