//! What holds for every embedded scenario, whatever its seed.
//!
//! A scenario may well lose, repeat and reorder messages: that is what its settings are about. But
//! what it says that it expects has to come true with every seed that a learner may try, and no
//! setting and no fault excuses what only a broken model does (see [`super::healthy`]). All of it is
//! judged in one walk, since playing is what takes the time.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use redeliver::kernel::mix;
use redeliver::report::judged::quick;
use redeliver::scenario::{Met, Scenario, embedded};
use redeliver::system::Timeline;

use super::healthy::{inexcusable_in, seeds};

/// With so many seeds the expectations of a scenario are met. Where chance decides whether a message
/// was on the disk, a run that loses nothing is rare but possible.
const EXPECTED: u64 = 200;
/// The histories of so many seeds are the same on every machine.
const PINNED: u64 = 50;
/// Beyond [`EXPECTED`] seeds, a scenario is played until its runs have taken about so many steps: a
/// long walk spends its time where a seed is cheap, and minutes on no scenario.
const WALKED: u64 = 1_000_000;
/// A run takes at most so many steps; none of the embedded ones comes near it.
const MOST: u64 = 50_000_000;

/// What one seed of one scenario showed.
struct Played {
    hash: u64,
    /// What should not have been.
    wrong: Vec<String>,
}

fn scenarios() -> Vec<Scenario> {
    embedded::ALL
        .iter()
        .map(|it| it.load().unwrap_or_else(|problems| panic!("{}: {problems}", it.name)))
        .collect()
}

fn play(scenario: &Scenario, seed: u64) -> Played {
    let played = quick(scenario, seed, MOST);
    let mut wrong = inexcusable_in(scenario, seed, MOST, &played.outcome);
    if seed <= EXPECTED {
        for it in scenario.expectations() {
            if it.met(&played.outcome) != Met::Yes {
                let (name, found) = (scenario.name(), it.found(&played.outcome));
                wrong.push(format!(
                    "{name} seed {seed}: expected {} {}, found {found}",
                    it.name, it.want
                ));
            }
        }
    }
    Played { hash: played.hash, wrong }
}

/// How many seeds of a scenario are played when a walk asks for `seeds` of each.
fn affordable(scenario: &Scenario, seeds: u64) -> u64 {
    if seeds <= EXPECTED {
        return seeds;
    }
    let system = scenario.system();
    let steps = Timeline::new(&system.seeded(1), &mut ()).run(system.horizon, MOST, &mut ()).max(1);
    seeds.min(EXPECTED.max(WALKED / steps))
}

/// Plays seeds `1..=seeds`, as far as they are affordable, of every scenario on so many threads. What comes out does not depend on
/// their number: every run stands at its own place.
fn walk(scenarios: &[Scenario], seeds: u64, threads: usize) -> Vec<Vec<Played>> {
    let jobs: Vec<(usize, u64)> = (scenarios.iter().enumerate())
        .flat_map(|(nth, it)| (1..=affordable(it, seeds)).map(move |seed| (nth, seed)))
        .collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let scenarios: Vec<Scenario> = scenarios.iter().map(Scenario::apart).collect();
                while let Some((nth, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let played = play(&scenarios[*nth], *seed);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((*nth, *seed, played));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(nth, seed, _)| (*nth, *seed));
    let mut all: Vec<Vec<Played>> = scenarios.iter().map(|_| Vec::new()).collect();
    for (nth, _, played) in done {
        all[nth].push(played);
    }
    all
}

/// One hash over the hashes of the first runs of each scenario, a scenario a line.
fn pinned(scenarios: &[Scenario], all: &[Vec<Played>], seeds: u64) -> String {
    let mut text = String::new();
    for (scenario, runs) in scenarios.iter().zip(all) {
        let hash = runs
            .iter()
            .take(seeds as usize)
            .fold(0_u64, |hash, run| mix(hash.rotate_left(5) ^ run.hash));
        let _ = writeln!(text, "{hash:016x}  {}", scenario.name());
    }
    text
}

/// Every scenario with every seed, played once for all tests.
fn everything() -> &'static (Vec<Scenario>, Vec<Vec<Played>>) {
    static ALL: OnceLock<(Vec<Scenario>, Vec<Vec<Played>>)> = OnceLock::new();
    ALL.get_or_init(|| {
        let scenarios = scenarios();
        let all = walk(&scenarios, seeds(PINNED, EXPECTED).max(PINNED), 2);
        (scenarios, all)
    })
}

#[test]
fn every_scenario_keeps_its_word_and_no_model_is_broken() {
    let (_, all) = everything();
    let wrong: Vec<&str> =
        all.iter().flatten().flat_map(|run| &run.wrong).map(String::as_str).collect();
    let some = wrong[..wrong.len().min(12)].join("\n");
    assert!(wrong.is_empty(), "{} in all, such as\n{some}", wrong.len());
}

#[test]
fn histories_are_the_same_on_every_machine_and_in_every_build() {
    let (scenarios, all) = everything();
    insta::assert_snapshot!(pinned(scenarios, all, PINNED));
}

#[test]
fn histories_are_the_same_twice_in_a_row_and_on_any_number_of_threads() {
    let (scenarios, all) = everything();
    let alone = walk(scenarios, PINNED, 1);
    assert_eq!(pinned(scenarios, all, PINNED), pinned(scenarios, &alone, PINNED));
}

#[test]
fn another_seed_is_another_run() {
    let (scenarios, all) = everything();
    let same = all.iter().filter(|runs| runs[0].hash == runs[1].hash).count();
    assert!(same < scenarios.len() / 2, "chance makes no difference to {same} scenarios");
}
