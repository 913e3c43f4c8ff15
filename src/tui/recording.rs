//! A recorded run with all that the player looks up in it.

use super::index::{Index, Mark, MarkKind, Row, time_of};
use super::packets::Packets;
use super::stage::Stage;
use super::verdicts::{self, Finding};
use crate::check::Outcome;
use crate::kernel::{StepNo, Time};
use crate::report::{Names, judged};
use crate::scenario::{Scenario, embedded};
use crate::system::{History, Member, Run, Step, Timeline};
use crate::talk::MessageId;

/// A run that takes more steps than this is cut off.
pub const MOST_STEPS: u64 = 20_000_000;

/// A recorded run with all that the player looks up in it.
pub struct Recording {
    /// What ran.
    pub scenario: Scenario,
    /// With which seed.
    pub seed: u64,
    /// What the command line set, for the command that replays a moment.
    pub settings: Vec<String>,
    /// Which of the player's runs it is: `A`, and `B` for a fork.
    pub letter: char,
    /// Who takes part.
    pub stage: Stage,
    /// Look-up tables.
    pub index: Index,
    /// What was found out about its guarantees.
    pub findings: Vec<Finding>,
    /// Faults, repairs and violations, in order.
    pub marks: Vec<Mark>,
    run: Run,
    /// After these steps somebody chose another one than was due.
    forks: Vec<StepNo>,
}

impl Recording {
    /// Runs `scenario`, and reads what happened. `settings` are those of the command line that
    /// `scenario` was read with.
    pub fn new(scenario: Scenario, seed: u64, settings: Vec<String>) -> Recording {
        let (run, outcome) = judged::record(&scenario, seed, MOST_STEPS);
        Recording::of_run(scenario, seed, settings, 'A', run, Vec::new(), &outcome)
    }

    fn of_run(
        scenario: Scenario,
        seed: u64,
        settings: Vec<String>,
        letter: char,
        run: Run,
        forks: Vec<StepNo>,
        outcome: &Outcome,
    ) -> Recording {
        let history = run.history();
        let kafka = run.setup().nodes.iter().map(Member::is_kafka).collect();
        let stage = Stage::new(Names::new(scenario.cast().clone(), history), kafka, history);
        let packets = Packets::new(&run, history, &stage, &forks);
        let index = Index::new(history, &stage, packets);
        let findings = verdicts::findings(&scenario, stage.names(), history, &outcome.verdicts);
        let mut marks = index.marks().to_vec();
        marks.extend(findings.iter().filter_map(|finding| {
            let step = finding.violated_at()?;
            let at = history.step(step).map_or(Time::ZERO, |taken| taken.at);
            Some(Mark { step, at, kind: MarkKind::Violation })
        }));
        marks.sort_unstable();
        marks.dedup();
        Recording { scenario, seed, settings, letter, stage, index, findings, marks, run, forks }
    }

    /// A second run: this one up to step `no`, and then `step`. `None` when it is not possible.
    pub fn fork(&self, no: StepNo, step: &Step) -> Option<Recording> {
        let run = self.run.fork(no, step, MOST_STEPS)?;
        let letter = if self.letter == 'A' { 'B' } else { 'A' };
        let (scenario, settings) = (self.scenario.clone(), self.settings.clone());
        let outcome = judged::of_run(&scenario, &run);
        let earlier = self.forks.iter().copied().filter(|it| *it < no);
        let forks = earlier.chain([no]).collect();
        Some(Recording::of_run(scenario, self.seed, settings, letter, run, forks, &outcome))
    }

    /// What happened.
    pub fn history(&self) -> &History {
        self.run.history()
    }

    /// The world after step `no`.
    pub fn seek(&self, no: StepNo) -> Timeline {
        self.run.seek(no)
    }

    /// When it ends at the latest.
    pub fn until(&self) -> Time {
        self.run.until()
    }

    /// When the last thing of interest happened: where the timeline ends.
    pub fn end(&self) -> Time {
        self.index.end()
    }

    /// The time of a row.
    pub fn time(&self, row: Row) -> Time {
        time_of(self.history(), row)
    }

    /// How many steps it has.
    pub fn len(&self) -> StepNo {
        self.run.len()
    }

    /// Whether nothing happened at all.
    pub fn is_empty(&self) -> bool {
        self.run.is_empty()
    }

    /// The message that a row is about.
    pub fn message_of(&self, row: Row) -> Option<MessageId> {
        self.history().notes().get(row.note()?)?.note.msg()
    }

    /// What the command line calls the scenario: an embedded one by its name, another by its file.
    pub fn address(&self) -> &str {
        let name = self.scenario.name();
        let source = self.scenario.source();
        let embedded = embedded::find(name).is_some_and(|it| it.text == source.text);
        if embedded { name } else { &source.name }
    }
}
