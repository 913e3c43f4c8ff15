//! `redeliver run`: one seed with a full report, or many with a table.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::{Format, RunArgs};
use super::{Outcome, out, source};
use crate::report::{Judged, Style, Summary, data, judged, text};
use crate::scenario::{MOST_STEPS, Met, Scenario};

pub(super) fn run(args: &RunArgs) -> anyhow::Result<Outcome> {
    let seeds = args.seed.as_deref().map(seeds).transpose()?;
    let several = seeds.as_ref().map_or(0, |seeds| seeds.end() - seeds.start());
    if several > 0 && args.format == Format::Jsonl {
        bail!("--format jsonl exports the history of one run: give one seed");
    }
    let copies = several.saturating_add(1).min(args.jobs.into());
    let Some(scenario) = source::load(&args.scenario, copies)? else { return Ok(Outcome::Wrong) };
    let style = Style { ascii: args.ascii, verbose: args.verbose };
    let seeds = seeds.unwrap_or_else(|| scenario.seed()..=scenario.seed());
    if seeds.start() == seeds.end() {
        one(&scenario, *seeds.start(), args.format, style)
    } else {
        many(&scenario, seeds, args, style)
    }
}

/// `7`, or `1..1000` with both ends included.
fn seeds(text: &str) -> anyhow::Result<RangeInclusive<u64>> {
    let number = |part: &str| {
        part.trim().parse::<u64>().map_err(|_| {
            anyhow!("--seed takes a whole number or a range such as 1..1000, not `{text}`")
        })
    };
    let (from, to) = match text.split_once("..") {
        None => (number(text)?, number(text)?),
        Some((from, to)) => (number(from)?, number(to.trim_start_matches('='))?),
    };
    if from > to {
        bail!("--seed {text} is empty: write the smaller seed first, {to}..{from}");
    }
    Ok(from..=to)
}

impl From<Met> for Outcome {
    fn from(met: Met) -> Outcome {
        match met {
            Met::Yes => Outcome::Held,
            Met::No => Outcome::Failed,
            Met::Undecided => Outcome::Undecided,
        }
    }
}

fn one(scenario: &Scenario, seed: u64, format: Format, style: Style) -> anyhow::Result<Outcome> {
    if format == Format::Jsonl {
        let mut lines = out::Lines::new();
        let outcome = data::jsonl(scenario, seed, MOST_STEPS, |line| lines.print(line))?;
        lines.finish()?;
        return Ok(judged::met(scenario, &outcome).into());
    }
    let judged = Judged::new(scenario, seed, MOST_STEPS);
    match format {
        Format::Text => out::print(&text::report(&judged, style))?,
        Format::Json => out::print(&format!("{:#}\n", data::json(&judged)))?,
        Format::Markdown => out::print(&data::markdown(&judged))?,
        Format::Jsonl => {}
    }
    Ok(judged.met().into())
}

fn many(
    scenario: &Scenario,
    seeds: RangeInclusive<u64>,
    args: &RunArgs,
    style: Style,
) -> anyhow::Result<Outcome> {
    let bar = progress((seeds.end() - seeds.start()).saturating_add(1));
    let summary = all(scenario, seeds, args.jobs.into(), &bar);
    bar.finish_and_clear();
    match args.format {
        Format::Json => out::print(&format!("{:#}\n", summary.json(scenario.name())))?,
        Format::Markdown => out::print(&summary.markdown(scenario))?,
        _ => out::print(&summary.text(scenario, style))?,
    }
    Ok(summary.met().into())
}

/// Runs every seed once. Threads take the next seed from a counter and share nothing else, and
/// what they found adds up to the same whatever their number is.
fn all(scenario: &Scenario, seeds: RangeInclusive<u64>, jobs: usize, bar: &ProgressBar) -> Summary {
    let last = seeds.end() - seeds.start();
    let next = AtomicU64::new(0);
    let work = || {
        let own = (jobs > 1).then(|| scenario.apart());
        let scenario = own.as_ref().unwrap_or(scenario);
        let mut summary = Summary::default();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            if nth > last {
                return summary;
            }
            let seed = seeds.start() + nth;
            summary.add(scenario, seed, &judged::quick(scenario, seed, MOST_STEPS));
            bar.inc(1);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut total = Summary::default();
        for thread in threads {
            match thread.join() {
                Ok(summary) => total.merge(&summary),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        total
    })
}

fn progress(runs: u64) -> ProgressBar {
    // indicatif draws nothing when standard error is no terminal
    let bar = ProgressBar::new(runs);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} runs, {eta} left") {
        bar.set_style(style);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::seeds;

    #[test]
    fn seeds_are_one_or_a_range_with_both_ends() {
        assert_eq!(seeds("7").ok(), Some(7..=7));
        assert_eq!(seeds("1..1000").ok(), Some(1..=1000));
        assert_eq!(seeds("1..=3").ok(), Some(1..=3));
        assert!(seeds("9..1").unwrap_err().to_string().contains("1..9"));
        assert!(seeds("many").unwrap_err().to_string().contains("whole number"));
    }
}
