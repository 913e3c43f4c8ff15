//! One run of a scenario with all that is to be said of it.

use super::explain::{Explanation, explain};
use super::narrate::Names;
use crate::check::{Audit, Outcome};
use crate::kernel::{RunHash, Seen, StepNo, Talk, Watch};
use crate::scenario::{Met, Scenario};
use crate::system::{History, Run, Timeline};
use crate::talk::{Cue, Mq, Note};

/// A judged run. Its history was seen, but only violations are explained from it.
pub struct Judged<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// The seed.
    pub seed: u64,
    /// Verdicts and numbers.
    pub outcome: Outcome,
    /// The hash of its history.
    pub hash: u64,
    /// An explanation of each violation, in the order of [`crate::check::Verdicts::breaches`].
    pub explanations: Vec<Explanation>,
    /// Names of its nodes and queues.
    pub names: Names,
}

/// Verdicts, numbers and hash of one run, without its history.
pub struct Quick {
    /// Verdicts and numbers.
    pub outcome: Outcome,
    /// The hash of the history.
    pub hash: u64,
}

/// A violation after more steps than this is reported and not explained: the history that explains
/// it would take too much memory.
const EXPLAINED: u64 = 5_000_000;

/// Runs once and stores nothing.
pub fn quick(scenario: &Scenario, seed: u64, most: u64) -> Quick {
    let mut hash = RunHash::default();
    let outcome = scenario.judge_with(seed, most, &mut hash);
    Quick { outcome, hash: hash.value() }
}

impl<'a> Judged<'a> {
    /// Runs, and when something broke, runs again to see why.
    pub fn new(scenario: &'a Scenario, seed: u64, most: u64) -> Judged<'a> {
        let Quick { outcome, hash } = quick(scenario, seed, most);
        let breaches = outcome.verdicts.breaches();
        let last = breaches.iter().map(|breach| breach.step).max().unwrap_or(0);
        let mut history = History::default();
        let system = scenario.system();
        let mut timeline: Timeline = Timeline::new(&system.seeded(seed), &mut history);
        timeline.run(system.horizon, last.min(EXPLAINED), &mut history);
        let names = Names::new(scenario.cast().clone(), &history);
        let explanations =
            breaches.iter().map(|breach| explain(scenario, &names, &history, breach)).collect();
        Judged { scenario, seed, outcome, hash, explanations, names }
    }

    /// Whether everything expected was met. A scenario without expectations expects every guarantee
    /// to hold.
    pub fn met(&self) -> Met {
        met(self.scenario, &self.outcome)
    }
}

/// Whether everything expected was met.
pub fn met(scenario: &Scenario, outcome: &Outcome) -> Met {
    if !scenario.expectations().is_empty() {
        return scenario.met(outcome);
    }
    let verdicts = &outcome.verdicts;
    if !verdicts.breaches().is_empty() {
        return Met::No;
    }
    let holds =
        |judged: &crate::check::Judged| judged.verdict.name() == "holds" || no_bound(judged);
    if verdicts.classes.iter().all(holds) { Met::Yes } else { Met::Undecided }
}

/// Whether nothing was said that it could be judged by.
pub(super) fn no_bound(judged: &crate::check::Judged) -> bool {
    use crate::check::{Reason, Verdict};
    matches!(judged.verdict, Verdict::Undecided(Reason::NoBound))
}

/// Records a run of a scenario, with its verdicts.
pub fn record(scenario: &Scenario, seed: u64, most: u64) -> (Run, Outcome) {
    let mut audit = Audit::new(scenario.rules().clone());
    let system = scenario.system();
    let run = Run::record_with(system.seeded(seed), system.horizon, most, &mut audit);
    let outcome = finish(scenario, &run, &audit);
    (run, outcome)
}

/// The verdicts of a run that was recorded without an audit, such as a fork.
pub fn of_run(scenario: &Scenario, run: &Run) -> Outcome {
    let mut audit = Audit::new(scenario.rules().clone());
    run.history().show(&mut audit);
    finish(scenario, run, &audit)
}

fn finish(scenario: &Scenario, run: &Run, audit: &Audit) -> Outcome {
    audit.finish(scenario.end(run.last(), run.cut_off()), scenario.cast())
}

/// Watches for the first note that a cue waits for.
pub struct FirstSeen {
    cue: Option<Cue>,
    step: Option<StepNo>,
}

impl FirstSeen {
    /// Watches for this cue; for nothing when there is none.
    pub fn new(cue: Option<&Cue>) -> FirstSeen {
        FirstSeen { cue: cue.cloned(), step: None }
    }

    /// The step in which it was seen.
    pub fn step(&self) -> Option<StepNo> {
        self.step
    }
}

impl Watch<Mq> for FirstSeen {
    fn note(&mut self, seen: Seen<'_, Note>) {
        if let Some(cue) = &mut self.cue
            && self.step.is_none()
            && Mq::matches(cue, seen.node, seen.note)
        {
            self.step = Some(seen.step);
        }
    }
}
