//! A recorded run that one can walk about in.
//!
//! Steps and notes are kept; worlds are not, except for a bounded number of checkpoints. Any other
//! moment is the nearest checkpoint before it, played on.

use super::monitor::{Seen, StepNo, Taken, Watch};
use super::node::{Node, Talk};
use super::step::NodeId;
use super::time::Time;
use super::timeline::{Setup, Timeline};
use super::world::Words;

/// A note as the history keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted<N> {
    /// The step in which it was made: its cause.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// By which node.
    pub node: NodeId,
    /// What.
    pub note: N,
}

/// Everything that happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<T: Talk> {
    /// Step `n` stands at `n - 1`.
    steps: Vec<Taken<T>>,
    notes: Vec<Noted<T::Note>>,
}

impl<T: Talk> Default for History<T> {
    fn default() -> History<T> {
        History { steps: Vec::new(), notes: Vec::new() }
    }
}

impl<T: Talk> History<T> {
    /// All steps in order.
    pub fn steps(&self) -> &[Taken<T>] {
        &self.steps
    }

    /// The step with this number; `None` for 0, the beginning.
    pub fn step(&self, no: StepNo) -> Option<&Taken<T>> {
        self.steps.get(usize::try_from(no).ok()?.checked_sub(1)?)
    }

    /// All notes in order.
    pub fn notes(&self) -> &[Noted<T::Note>] {
        &self.notes
    }

    /// The notes that were made in a step.
    pub fn notes_of(&self, no: StepNo) -> &[Noted<T::Note>] {
        let from = self.notes.partition_point(|noted| noted.step < no);
        let to = self.notes.partition_point(|noted| noted.step <= no);
        &self.notes[from..to]
    }

    /// The step `no`, its cause, the cause of that, and so on to the beginning.
    pub fn causes(&self, no: StepNo) -> Vec<StepNo> {
        let mut chain = Vec::new();
        let mut at = no;
        while let Some(taken) = self.step(at) {
            chain.push(at);
            at = taken.cause;
        }
        chain
    }

    /// Shows the whole history to an observer, as if it happened now.
    pub fn show(&self, watch: &mut impl Watch<T>) {
        let mut notes = self.notes.iter().peekable();
        let mut show_notes = |upto: StepNo, watch: &mut dyn FnMut(Seen<'_, T::Note>)| {
            while let Some(noted) = notes.next_if(|noted| noted.step <= upto) {
                let Noted { step, at, node, ref note } = *noted;
                watch(Seen { step, at, node, note });
            }
        };
        show_notes(0, &mut |seen| watch.note(seen));
        for taken in &self.steps {
            watch.step(taken);
            show_notes(taken.no, &mut |seen| watch.note(seen));
        }
    }
}

impl<T: Talk> Watch<T> for History<T> {
    fn step(&mut self, taken: &Taken<T>) {
        self.steps.push(taken.clone());
    }
    fn note(&mut self, seen: Seen<'_, T::Note>) {
        let Seen { step, at, node, note } = seen;
        self.notes.push(Noted { step, at, node, note: note.clone() });
    }
}

/// At most this many checkpoints are kept; when there are more, every other one is dropped.
const CHECKPOINTS: usize = 64;

/// A run, recorded from its setup.
#[derive(Clone, Debug)]
pub struct Run<N: Node> {
    setup: Setup<N>,
    until: Time,
    history: History<Words<N>>,
    /// Worlds after some steps, in order; the first is the beginning.
    checkpoints: Vec<Timeline<N>>,
    last: Timeline<N>,
    cut_off: bool,
}

impl<N: Node> Run<N> {
    /// Plays `setup` until nothing more is due by `until`, or `most` steps were taken.
    pub fn record(setup: Setup<N>, until: Time, most: u64) -> Run<N> {
        Run::record_with(setup, until, most, &mut ())
    }

    /// As [`Run::record`], with an observer.
    pub fn record_with(
        setup: Setup<N>,
        until: Time,
        most: u64,
        watch: &mut impl Watch<Words<N>>,
    ) -> Run<N> {
        let mut history = History::default();
        let first = Timeline::new(&setup, &mut (&mut history, &mut *watch));
        let mut run = Run {
            setup,
            until,
            history,
            checkpoints: vec![first.clone()],
            last: first,
            cut_off: false,
        };
        run.play_on(most, watch);
        run
    }

    fn play_on(&mut self, most: u64, watch: &mut impl Watch<Words<N>>) {
        let mut every = 1_000;
        let mut taken = 0;
        while taken < most && self.last.step(self.until, &mut (&mut self.history, &mut *watch)) {
            taken += 1;
            if taken % every == 0 {
                self.checkpoints.push(self.last.clone());
                if self.checkpoints.len() > CHECKPOINTS {
                    let mut odd = false;
                    self.checkpoints.retain(|_| {
                        odd = !odd;
                        odd
                    });
                    every *= 2;
                }
            }
        }
        self.cut_off = taken == most && self.last.next_due().is_some_and(|at| at <= self.until);
    }

    /// What it started from.
    pub fn setup(&self) -> &Setup<N> {
        &self.setup
    }

    /// What happened.
    pub fn history(&self) -> &History<Words<N>> {
        &self.history
    }

    /// How many steps it has.
    pub fn len(&self) -> u64 {
        self.history.steps.len() as u64
    }

    /// Whether nothing happened at all.
    pub fn is_empty(&self) -> bool {
        self.history.steps.is_empty()
    }

    /// Whether it ended because of the limit on steps, with something still due.
    pub fn cut_off(&self) -> bool {
        self.cut_off
    }

    /// The time at its end.
    pub fn until(&self) -> Time {
        self.until
    }

    /// The end of the run.
    pub fn last(&self) -> &Timeline<N> {
        &self.last
    }

    /// The world as it was after step `no` (0 is the beginning), and all that was still to come.
    pub fn seek(&self, no: StepNo) -> Timeline<N> {
        let no = no.min(self.len());
        let after = self.checkpoints.partition_point(|point| point.world().steps() <= no);
        // the first checkpoint is the beginning, so there is always one
        let mut timeline = self.checkpoints[after.saturating_sub(1)].clone();
        let missing = no - timeline.world().steps();
        timeline.run(self.until, missing, &mut ());
        timeline
    }

    /// The number of the last step that was taken by `time`.
    pub fn step_at(&self, time: Time) -> StepNo {
        self.history.steps.partition_point(|taken| taken.at <= time) as StepNo
    }

    /// A new run that is this one up to step `no` and then takes `step` instead of what came next.
    /// `None` when that step is not possible there.
    pub fn fork(
        &self,
        no: StepNo,
        step: &super::step::Step<Words<N>>,
        most: u64,
    ) -> Option<Run<N>> {
        let mut timeline = self.seek(no);
        let no = timeline.world().steps();
        let mut history = History {
            steps: self.history.steps[..no as usize].to_vec(),
            notes: self.history.notes
                [..self.history.notes.partition_point(|noted| noted.step <= no)]
                .to_vec(),
        };
        if !timeline.choose(step, &mut history) {
            return None;
        }
        let mut checkpoints: Vec<_> =
            self.checkpoints.iter().filter(|point| point.world().steps() <= no).cloned().collect();
        checkpoints.push(timeline.clone());
        let mut run = Run {
            setup: self.setup.clone(),
            until: self.until,
            history,
            checkpoints,
            last: timeline,
            cut_off: false,
        };
        run.play_on(most, &mut ());
        Some(run)
    }
}
