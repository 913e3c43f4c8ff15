//! The same nodes, timed, untimed and replayed.

use proptest::prelude::*;

use super::*;
use crate::kernel::toy::{NothingLost, SERVER, Toy, nodes};
use crate::kernel::{Dist, Fault, Planned, Run, Setup, Span, Time, Untimed, World, below};

fn limits(faults: usize) -> Limits<Toy> {
    Limits { worlds: 100_000, depth: 100, faults, menu: vec![Fault::Kill(SERVER)] }
}

#[test]
fn the_shortest_way_to_lose_an_acknowledged_number_is_found() {
    let Outcome::Broken(found) = explore(&nodes(true, 2), &NothingLost::default(), &limits(1))
    else {
        panic!("a hasty server must be caught")
    };
    let steps: Vec<String> = found.schedule.iter().map(|it| format!("{:?}", it.step)).collect();
    insta::assert_debug_snapshot!(steps);
}

#[test]
fn a_patient_server_holds_and_the_worlds_are_counted() {
    let count = |sends, faults| match explore(
        &nodes(false, sends),
        &NothingLost::default(),
        &limits(faults),
    ) {
        Outcome::Holds { worlds } => worlds,
        other => panic!("a patient server loses nothing: {other:?}"),
    };
    insta::assert_debug_snapshot!([
        count(1, 0),
        count(1, 1),
        count(2, 0),
        count(2, 1),
        count(3, 1)
    ]);
}

#[test]
fn what_cannot_be_finished_says_so() {
    let few = Limits { worlds: 10, ..limits(1) };
    let outcome = explore(&nodes(false, 3), &NothingLost::default(), &few);
    assert!(matches!(outcome, Outcome::Unfinished { worlds: 10 }), "{outcome:?}");
}

/// Plays `nodes` without a clock, taking whichever step the draws say.
fn wander(nodes: &[Toy], draws: &[(u64, u32)]) -> Schedule<Toy> {
    let mut world = World::new(nodes.to_vec(), &mut Untimed::default(), &mut ());
    let mut schedule = Schedule::new();
    for &(draw, way) in draws {
        let mut steps = world.enabled();
        steps.push(Step::Fault(Fault::Kill(SERVER)));
        let step = steps.swap_remove(below(draw, steps.len() as u64) as usize);
        let mut pace = Untimed::deciding(vec![way]);
        if world.apply(&step, &mut pace, &mut ()) {
            let decisions = pace.made().iter().map(|(way, _)| *way).collect();
            schedule.push(Move { step, decisions });
        }
    }
    schedule
}

/// The steps that were taken, if something acknowledged was lost in the end.
fn loses(nodes: &[Toy], schedule: &Schedule<Toy>) -> Option<Vec<usize>> {
    let mut watching = Watching::new(NothingLost::default());
    let replayed = replay(nodes, schedule, &mut watching);
    watching.broken.map(|_| replayed.taken)
}

proptest! {
    /// A shrunk run still fails in the same way, and no step of it can be spared.
    #[test]
    fn failures_shrink_to_one_minimal_ones(draws in prop::collection::vec((any::<u64>(), 0u32..2), 20..60)) {
        let nodes = nodes(true, 6);
        let schedule = wander(&nodes, &draws);
        let shrunk = shrink(schedule.clone(), |candidate| loses(&nodes, candidate));
        if loses(&nodes, &schedule).is_none() {
            prop_assert_eq!(shrunk, schedule);
        } else {
            prop_assert!(loses(&nodes, &shrunk).is_some());
            for spared in 0..shrunk.len() {
                let mut rest = shrunk.clone();
                rest.remove(spared);
                prop_assert!(loses(&nodes, &rest).is_none(), "step {spared} can be spared");
            }
            prop_assert!(replay_strictly(&nodes, &shrunk, &mut ()).is_ok());
        }
    }

    /// Every step of a timed run is a step that the world without a clock allows as well.
    #[test]
    fn timed_runs_are_untimed_runs(seed: u64, kill_at in 0u64..12, sends in 1u8..8) {
        let nodes = nodes(true, sends);
        let setup = Setup {
            latency: Dist::Uniform(Span::from_micros(100), Span::from_millis(4)),
            plan: vec![Planned { at: Time::ZERO + Span::from_millis(kill_at), fault: Fault::Kill(SERVER) }],
            seed,
            ..Setup::of(nodes.clone())
        };
        let run = Run::record(setup, Time::MAX, 10_000);
        let mut world = World::new(nodes, &mut Untimed::default(), &mut ());
        for taken in run.history().steps() {
            let allowed = world.enabled();
            prop_assert!(
                matches!(taken.step, Step::Fault(_)) || allowed.contains(&taken.step),
                "{:?} is not among {:?}", taken.step, allowed
            );
            // the patience that was drawn is not in the steps; both ways must be legal
            prop_assert!(world.apply(&taken.step, &mut Untimed::deciding(vec![1]), &mut ()));
        }
    }
}
