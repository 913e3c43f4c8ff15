//! `redeliver check`: everything that is wrong with scenario files.

use super::args::CheckArgs;
use super::{Outcome, out, source};
use crate::scenario::Scenario;

pub(super) fn check(args: &CheckArgs) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Held;
    let mut report = String::new();
    for file in &args.files {
        let found = match source::find(file) {
            Ok(found) => found,
            Err(error) => {
                out::complain(&format!("error: {}", out::words(&error)));
                outcome = Outcome::Wrong;
                continue;
            }
        };
        let problems = match Scenario::load_bytes(&found.name, &found.bytes, &[]) {
            Ok((scenario, warnings)) => warnings.with(source::too_heavy(&scenario, 1)),
            Err(problems) => problems,
        };
        if !problems.may_run() {
            outcome = Outcome::Wrong;
        }
        if !problems.is_empty() {
            out::complain(&problems.render(out::colour()));
        }
        let count = |n: usize, noun: &str| match n {
            0 => None,
            1 => Some(format!("1 {noun}")),
            n => Some(format!("{n} {noun}s")),
        };
        let counts = [count(problems.errors(), "error"), count(problems.warnings(), "warning")];
        let counts: Vec<_> = counts.into_iter().flatten().collect();
        let verdict = if counts.is_empty() { "ok".to_owned() } else { counts.join(", ") };
        report += &format!("{}: {verdict}\n", found.name);
    }
    out::print(&report)?;
    Ok(outcome)
}
