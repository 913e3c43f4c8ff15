//! The engine on the toy system.

use proptest::prelude::*;

use super::toy::{Alarm, CLIENT, SERVER, Told, Toy, nodes};
use super::*;

fn millis(n: u64) -> Time {
    Time::ZERO + Span::from_millis(n)
}

fn setup(plan: Vec<Planned<Words<Toy>>>, seed: u64) -> Setup<Toy> {
    Setup {
        latency: Dist::Uniform(Span::from_micros(100), Span::from_millis(3)),
        plan,
        seed,
        ..Setup::of(nodes(false, 20))
    }
}

fn faults() -> Vec<Planned<Words<Toy>>> {
    let link = Link { from: CLIENT, to: SERVER };
    [
        (3, Fault::Pause(SERVER)),
        (6, Fault::Resume(SERVER)),
        (7, Fault::Cut(link)),
        (9, Fault::Heal(link)),
        (10, Fault::Kill(SERVER)),
        (12, Fault::Restart(SERVER)),
        (14, Fault::Break(CLIENT, SERVER)),
        (15, Fault::PowerLoss(SERVER)),
        (17, Fault::Restart(SERVER)),
        (19, Fault::Stop(SERVER)),
    ]
    .map(|(at, fault)| Planned { at: millis(at), fault })
    .to_vec()
}

#[test]
fn the_same_setup_gives_the_same_history() {
    let first = Run::record(setup(faults(), 7), Time::MAX, 10_000);
    let again = Run::record(setup(faults(), 7), Time::MAX, 10_000);
    assert_eq!(first.history(), again.history());
    let other = Run::record(setup(faults(), 8), Time::MAX, 10_000);
    assert_ne!(first.history(), other.history());
}

#[test]
fn a_run_in_another_thread_is_the_same_run() {
    let here = Run::record(setup(faults(), 7), Time::MAX, 10_000);
    let there = std::thread::spawn(|| Run::record(setup(faults(), 7), Time::MAX, 10_000)).join();
    assert_eq!(here.history(), there.expect("the thread does not panic").history());
}

#[test]
fn seeking_gives_the_world_as_it_was() {
    let run = Run::record(setup(faults(), 3), Time::MAX, 10_000);
    let mut timeline = Timeline::new(run.setup(), &mut ());
    for no in 0..=run.len() {
        assert_eq!(run.seek(no).world(), timeline.world(), "after step {no}");
        assert_eq!(run.seek(no).world().now(), timeline.world().now());
        timeline.step(Time::MAX, &mut ());
    }
}

#[test]
fn every_step_has_a_cause_before_it() {
    let run = Run::record(setup(faults(), 3), Time::MAX, 10_000);
    for taken in run.history().steps() {
        assert!(taken.cause < taken.no, "{taken:?}");
    }
    let acknowledged = run
        .history()
        .notes()
        .iter()
        .find(|noted| matches!(noted.note, Told::Acknowledged(_)))
        .expect("something is acknowledged");
    let chain: Vec<String> = run
        .history()
        .causes(acknowledged.step)
        .iter()
        .filter_map(|&no| run.history().step(no))
        .map(|taken| format!("{:?}", taken.step))
        .collect();
    // acknowledged ← flushed ← stored ← sent
    insta::assert_debug_snapshot!(chain);
}

#[test]
fn a_fork_shares_the_past_and_takes_another_step() {
    let run = Run::record(setup(Vec::new(), 3), Time::MAX, 10_000);
    let fork = run.fork(10, &Step::Fault(Fault::Kill(SERVER)), 10_000).expect("it is possible");
    assert_eq!(fork.history().steps()[..10], run.history().steps()[..10]);
    assert_eq!(
        fork.history().step(11).map(|taken| &taken.step),
        Some(&Step::Fault(Fault::Kill(SERVER)))
    );
    assert!(run.fork(10, &Step::Fault(Fault::Restart(SERVER)), 10_000).is_none());
}

#[test]
fn a_trigger_comes_after_what_it_waits_for_and_names_it_as_cause() {
    let mut setup = setup(Vec::new(), 3);
    setup.triggers = vec![Triggered {
        cue: Told::Kept(5),
        after: Span::ZERO,
        faults: vec![
            (Span::ZERO, Fault::Kill(SERVER)),
            (Span::from_millis(2), Fault::Restart(SERVER)),
        ],
    }];
    let run = Run::record(setup, Time::MAX, 10_000);
    let kept = run.history().notes().iter().find(|noted| noted.note == Told::Kept(5)).unwrap();
    let kill = run.history().step(kept.step + 1).unwrap();
    assert_eq!((&kill.step, kill.cause), (&Step::Fault(Fault::Kill(SERVER)), kept.step));
    let restart = run
        .history()
        .steps()
        .iter()
        .find(|taken| taken.step == Step::Fault(Fault::Restart(SERVER)))
        .unwrap();
    assert_eq!((restart.cause, restart.at), (kept.step, kept.at + Span::from_millis(2)));
}

#[test]
fn a_dead_machine_refuses_and_one_without_power_says_nothing() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Poll;
    impl Talk for Poll {
        type Msg = ();
        type Timer = ();
        type Note = &'static str;
        type Order = ();
        type Cue = ();
        fn matches(_: &mut (), _: NodeId, _: &&'static str) -> bool {
            false
        }
    }
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    struct Peer(bool);
    impl Node for Peer {
        type Talk = Poll;
        fn on(&mut self, input: Input<Poll>, ctx: &mut Ctx<'_, Poll>) {
            match input {
                Input::Start if self.0 => ctx.arm((), Span::from_millis(1)),
                Input::Timer(()) => {
                    ctx.send(NodeId(1), ());
                    ctx.arm((), Span::from_millis(1));
                }
                Input::Message { .. } => ctx.note("received"),
                Input::Closed(_) => ctx.note("closed"),
                _ => {}
            }
        }
        fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Poll>) {}
    }
    let notes = |fault: Fault<Poll>| {
        let plan = vec![
            Planned { at: Time::ZERO + Span::from_micros(1_500), fault },
            Planned { at: Time::ZERO + Span::from_micros(3_500), fault: Fault::Restart(NodeId(1)) },
        ];
        let setup = Setup { plan, ..Setup::of(vec![Peer(true), Peer(false)]) };
        let run = Run::record(setup, millis(5), 1_000);
        run.history().notes().iter().map(|n| (n.at.as_millis(), n.note)).collect::<Vec<_>>()
    };
    // killed: the end arrives at once, each further send is refused, and a new life begins
    assert_eq!(
        notes(Fault::Kill(NodeId(1))),
        [
            (1, "received"),
            (1, "closed"),
            (2, "closed"),
            (3, "closed"),
            (4, "received"),
            (5, "received")
        ]
    );
    // powerless: silence; the first packet to its next life is of a connection it never had
    assert_eq!(
        notes(Fault::PowerLoss(NodeId(1))),
        [(1, "received"), (4, "closed"), (5, "received")]
    );
}

#[test]
fn a_busy_node_lets_its_inputs_wait() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    struct Jobs;
    impl Talk for Jobs {
        type Msg = u8;
        type Timer = ();
        type Note = u8;
        type Order = ();
        type Cue = ();
        fn matches(_: &mut (), _: NodeId, _: &u8) -> bool {
            false
        }
    }
    #[derive(Clone, Debug, PartialEq, Eq, Hash)]
    enum Shop {
        Street,
        Counter,
    }
    impl Node for Shop {
        type Talk = Jobs;
        fn on(&mut self, input: Input<Jobs>, ctx: &mut Ctx<'_, Jobs>) {
            match (self, input) {
                (Shop::Street, Input::Start) => (0..3).for_each(|n| ctx.send(NodeId(1), n)),
                (Shop::Counter, Input::Message { from, msg }) => {
                    ctx.work(Span::from_millis(10));
                    ctx.send(from, msg);
                }
                (Shop::Street, Input::Message { msg, .. }) => ctx.note(msg),
                _ => {}
            }
        }
        fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Jobs>) {}
    }
    let served = |slow: Option<u32>| {
        let plan = slow
            .map(|percent| Planned { at: Time::ZERO, fault: Fault::Slow(NodeId(1), percent) })
            .into_iter()
            .collect();
        let setup = Setup { plan, ..Setup::of(vec![Shop::Street, Shop::Counter]) };
        let run = Run::record(setup, Time::MAX, 1_000);
        run.history().notes().iter().map(|n| (n.note, n.at.as_millis())).collect::<Vec<_>>()
    };
    assert_eq!(served(None), [(0, 10), (1, 20), (2, 30)]);
    assert_eq!(served(Some(300)), [(0, 30), (1, 60), (2, 90)]);
}

#[test]
fn a_paused_node_goes_on_where_it_stood() {
    let run = Run::record(setup(faults()[..2].to_vec(), 3), Time::MAX, 10_000);
    let during = run.history().steps().iter().filter(|taken| {
        let at_server = match taken.step {
            Step::Deliver(link) => link.to == SERVER,
            Step::Fire(node, _) => node == SERVER,
            Step::Fault(_) => false,
        };
        at_server && taken.at > millis(3) && taken.at < millis(6)
    });
    assert_eq!(during.count(), 0);
    let acknowledged =
        run.history().notes().iter().filter(|n| matches!(n.note, Told::Acknowledged(_)));
    assert_eq!(acknowledged.count(), 20, "nothing is lost by a pause");
}

#[test]
fn a_paused_node_does_not_hear_whoever_talks_to_it_for_the_first_time() {
    // the client sends first after 1 ms
    let fault = |at, fault| Planned { at: Time::ZERO + Span::from_micros(at), fault };
    let plan = vec![fault(500, Fault::Pause(SERVER)), fault(9_500, Fault::Resume(SERVER))];
    let run = Run::record(setup(plan, 3), Time::MAX, 10_000);
    let mut heard = run
        .history()
        .steps()
        .iter()
        .filter(|taken| matches!(taken.step, Step::Deliver(link) if link.to == SERVER));
    assert!(heard.all(|taken| taken.at >= Time::ZERO + Span::from_micros(9_500)));
    assert!(run.history().notes().iter().any(|n| n.note == Told::Acknowledged(1)));
}

#[test]
fn a_timer_that_is_armed_again_moves() {
    let mut world = World::new(nodes(true, 3), &mut Untimed::default(), &mut ());
    assert_eq!(world.enabled(), [Step::Fire(CLIENT, Alarm::Send)]);
    for step in [Step::Fire(CLIENT, Alarm::Send), Step::Deliver(Link { from: CLIENT, to: SERVER })]
    {
        assert!(world.apply(&step, &mut Untimed::default(), &mut ()));
    }
    assert_eq!(world.timers(SERVER).count(), 1);
    assert!(!world.apply(&Step::Fire(SERVER, Alarm::Send), &mut Untimed::default(), &mut ()));
}

proptest! {
    /// Any mixture of faults: no panic, time never runs backwards, and what a run says of itself
    /// can be replayed to the same history.
    #[test]
    fn any_faults_at_any_time(plan in prop::collection::vec((0u64..30, 0usize..10), 0..30), seed: u64) {
        let menu = faults();
        let plan = plan
            .into_iter()
            .map(|(at, which)| Planned { at: millis(at), fault: menu[which].fault.clone() })
            .collect();
        let run = Run::record(setup(plan, seed), Time::MAX, 10_000);
        prop_assert!(run.history().steps().is_sorted_by_key(|taken| taken.at));
        let again = Run::record(run.setup().clone(), Time::MAX, 10_000);
        prop_assert_eq!(run.history(), again.history());
    }
}
