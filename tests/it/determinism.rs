//! Determinism is the product: same scenario, same seed, same history.

use redeliver::kernel::RunHash;
use redeliver::scenario::{Scenario, embedded};
use redeliver::system::Timeline;

/// How many seeds of each scenario are played. `REDELIVER_SEEDS` changes it.
fn seeds() -> u64 {
    let usual = if cfg!(debug_assertions) { 2 } else { 50 };
    std::env::var("REDELIVER_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn scenarios() -> Vec<Scenario> {
    embedded::ALL
        .iter()
        .map(|it| it.load().unwrap_or_else(|problems| panic!("{}: {problems}", it.name)))
        .collect()
}

fn hash(scenario: &Scenario, seed: u64) -> u64 {
    let mut hash = RunHash::default();
    let system = scenario.system();
    let mut timeline = Timeline::new(&system.seeded(seed), &mut hash);
    timeline.run(system.horizon, 40_000, &mut hash);
    hash.value()
}

#[test]
fn twice_in_a_row_and_on_two_threads_every_run_is_the_same() {
    let scenarios = scenarios();
    let all = || -> Vec<u64> {
        scenarios
            .iter()
            .flat_map(|scenario| (1..=seeds()).map(|seed| hash(scenario, seed)))
            .collect()
    };
    let (one, other) = std::thread::scope(|scope| {
        let (one, other) = (scope.spawn(all), scope.spawn(all));
        (one.join(), other.join())
    });
    assert_eq!(one.expect("no panic"), other.expect("no panic"));
}

#[test]
fn another_seed_is_another_run() {
    let scenarios = scenarios();
    let same: Vec<&str> = scenarios
        .iter()
        .filter(|scenario| hash(scenario, 1) == hash(scenario, 2))
        .map(Scenario::name)
        .collect();
    assert!(same.len() < scenarios.len(), "chance makes no difference anywhere: {same:?}");
}
