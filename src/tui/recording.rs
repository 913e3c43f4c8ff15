//! A recorded run with all that the player looks up in it.

use super::index::{Index, Mark, MarkKind, Row, time_of};
use super::stage::Stage;
use super::verdicts::{self, Finding};
use crate::check::{Audit, Cast, End, Rules};
use crate::kernel::{Health, StepNo, Time};
use crate::report::Names;
use crate::system::{History, Run, Step, System, Timeline};
use crate::talk::MessageId;

/// A run that takes more steps than this is cut off.
pub const MOST_STEPS: u64 = 20_000_000;

/// What the header says about where a run comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The name of its scenario.
    pub name: String,
    /// The broker version that it simulates.
    pub profile: String,
    /// The seed.
    pub seed: u64,
}

/// A recorded run with all that the player looks up in it.
pub struct Recording {
    /// Where it comes from.
    pub origin: Origin,
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
    cast: Cast,
    rules: Rules,
}

impl Recording {
    /// Runs `system` with the seed of `origin`, and reads what happened.
    pub fn new(origin: Origin, system: &System, cast: Cast, rules: Rules) -> Recording {
        let run = system.run(origin.seed, MOST_STEPS);
        Recording::of_run(origin, 'A', run, cast, rules)
    }

    fn of_run(origin: Origin, letter: char, run: Run, cast: Cast, rules: Rules) -> Recording {
        let names = Names::new(cast.clone(), run.history());
        let stage = Stage::new(names, run.history());
        let index = Index::new(run.history(), &stage);
        let mut audit = Audit::new(rules.clone());
        run.history().show(&mut audit);
        let findings = verdicts::findings(&audit.finish(end(&run), &cast).verdicts);
        let mut marks = index.marks().to_vec();
        marks.extend(findings.iter().filter_map(|finding| {
            let step = finding.violated_at()?;
            let at = run.history().step(step).map_or(Time::ZERO, |taken| taken.at);
            Some(Mark { step, at, kind: MarkKind::Violation })
        }));
        marks.sort_unstable();
        marks.dedup();
        Recording { origin, letter, stage, index, findings, marks, run, cast, rules }
    }

    /// A second run: this one up to step `no`, and then `step`. `None` when it is not possible.
    pub fn fork(&self, no: StepNo, step: &Step) -> Option<Recording> {
        let run = self.run.fork(no, step, MOST_STEPS)?;
        let letter = if self.letter == 'A' { 'B' } else { 'A' };
        Some(Recording::of_run(
            self.origin.clone(),
            letter,
            run,
            self.cast.clone(),
            self.rules.clone(),
        ))
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
}

/// How a run ended, for those who judge it.
fn end(run: &Run) -> End {
    let world = run.last().world();
    let up = |id| world.health(id) == Health::Up;
    End {
        at: run.until(),
        step: run.len(),
        healed: !run.cut_off() && world.nodes().all(|(id, _)| up(id)),
        quiet: !run.cut_off() && run.last().next_due().is_none(),
    }
}
