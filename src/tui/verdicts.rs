//! What is known about the guarantees at a moment of the run.

use crate::check::{Class, Verdict, Verdicts};
use crate::kernel::StepNo;
use crate::report::Names;
use crate::report::explain::{Explanation, explain};
use crate::scenario::Scenario;
use crate::system::History;
use crate::talk::MessageId;

/// A guarantee and what the whole run says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name, as scenarios write it.
    pub name: &'static str,
    /// What it promises.
    pub promise: &'static str,
    /// The verdict of the whole run.
    pub verdict: Verdict,
    /// Why it was broken, if it was.
    pub why: Option<Explanation>,
    /// It is only decided at the end.
    pub at_end: bool,
}

/// The verdict as of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Violated, at this step, which is not later.
    Violated(StepNo),
    /// Not violated so far.
    Holds,
    /// It cannot be said yet, or the run does not say at all.
    Undecided,
}

/// One for each guarantee that was judged.
pub(super) fn findings(
    scenario: &Scenario,
    names: &Names,
    history: &History,
    verdicts: &Verdicts,
) -> Vec<Finding> {
    let finding = |class: Class, verdict: &Verdict| Finding {
        name: class.name(),
        promise: class.promise(),
        verdict: verdict.clone(),
        why: verdict.breach().map(|breach| explain(scenario, names, history, breach)),
        at_end: class == Class::Stuck,
    };
    verdicts.classes.iter().map(|judged| finding(judged.class, &judged.verdict)).collect()
}

impl Finding {
    /// The verdict as of step `no` of a run with `len` steps: nothing is violated before it
    /// happens, and what only the end decides is open until then.
    pub fn as_of(&self, no: StepNo, len: StepNo) -> Known {
        match &self.verdict {
            Verdict::Violated(breach) if breach.step <= no => Known::Violated(breach.step),
            Verdict::Undecided(_) => Known::Undecided,
            _ if self.at_end && no < len => Known::Undecided,
            _ => Known::Holds,
        }
    }

    /// The step that violates it, anywhere in the run.
    pub fn violated_at(&self) -> Option<StepNo> {
        self.verdict.breach().map(|breach| breach.step)
    }

    /// The message that shows it.
    pub fn msg(&self) -> Option<MessageId> {
        self.verdict.breach()?.msg
    }
}

/// How many guarantees are violated, hold and are undecided as of a step.
pub(super) fn count(findings: &[Finding], no: StepNo, len: StepNo) -> (usize, usize, usize) {
    let mut counts = (0, 0, 0);
    for finding in findings {
        match finding.as_of(no, len) {
            Known::Violated(_) => counts.0 += 1,
            Known::Holds => counts.1 += 1,
            Known::Undecided => counts.2 += 1,
        }
    }
    counts
}
