//! Many seeds of one scenario.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::data::met_word;
use super::judged::{Quick, met, no_bound};
use super::text::Style;
use crate::check::Class;
use crate::kernel::mix;
use crate::scenario::{Met, Scenario};

/// What many runs have in common. The order in which they are added makes no difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    runs: u64,
    met: [u64; 3],
    first_unmet: Option<u64>,
    classes: BTreeMap<Class, Count>,
    hash: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    holds: u64,
    violated: u64,
    undecided: u64,
    first: Option<u64>,
}

fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Summary {
    /// Adds the run of one seed.
    pub fn add(&mut self, scenario: &Scenario, seed: u64, quick: &Quick) {
        self.runs += 1;
        let met = met(scenario, &quick.outcome);
        self.met[met as usize] += 1;
        if met == Met::No {
            self.first_unmet = earlier(self.first_unmet, Some(seed));
        }
        self.hash = self.hash.wrapping_add(mix(seed ^ mix(quick.hash)));
        // what has no bound is not judged at all
        for it in quick.outcome.verdicts.classes.iter().filter(|it| !no_bound(it)) {
            let count = self.classes.entry(it.class).or_default();
            match it.verdict.name() {
                "holds" => count.holds += 1,
                "violated" => {
                    count.violated += 1;
                    count.first = earlier(count.first, Some(seed));
                }
                _ => count.undecided += 1,
            }
        }
    }

    /// Adds what another thread found.
    pub fn merge(&mut self, other: &Summary) {
        self.runs += other.runs;
        for (mine, theirs) in self.met.iter_mut().zip(other.met) {
            *mine += theirs;
        }
        self.first_unmet = earlier(self.first_unmet, other.first_unmet);
        self.hash = self.hash.wrapping_add(other.hash);
        for (class, theirs) in &other.classes {
            let mine = self.classes.entry(*class).or_default();
            mine.holds += theirs.holds;
            mine.violated += theirs.violated;
            mine.undecided += theirs.undecided;
            mine.first = earlier(mine.first, theirs.first);
        }
    }

    /// Whether everything expected was met in all runs.
    pub fn met(&self) -> Met {
        match self.met {
            [_, _, no] if no > 0 => Met::No,
            [_, undecided, _] if undecided > 0 => Met::Undecided,
            _ => Met::Yes,
        }
    }

    /// As plain text.
    pub fn text(&self, scenario: &Scenario, style: Style) -> String {
        let (name, command) = (scenario.name(), scenario.command());
        let mut text = format!("{name}   {} seeds\n\n", self.runs);
        let _ = writeln!(text, "  {:24}{:>8}{:>10}{:>11}", "", "holds", "violated", "undecided");
        for (class, count) in &self.classes {
            if !style.verbose && count.violated == 0 && count.undecided == 0 {
                continue;
            }
            let first = count
                .first
                .map_or(String::new(), |seed| format!("   redeliver play {command} --seed {seed}"));
            let _ = writeln!(
                text,
                "  {:24}{:>8}{:>10}{:>11}{first}",
                class.name(),
                count.holds,
                count.violated,
                count.undecided
            );
        }
        let always = self.classes.values().filter(|count| count.holds == self.runs).count();
        let _ = writeln!(text, "  {always} guarantees hold in every run\n");
        let [yes, undecided, no] = self.met;
        let _ = write!(text, "expected: met in {yes}, not in {no}, undecided in {undecided}");
        if let Some(seed) = self.first_unmet {
            let _ = write!(text, "   redeliver run {command} --seed {seed}");
        }
        let _ = writeln!(text, "\nhistories {:016x}", self.hash);
        text
    }

    /// As Markdown.
    pub fn markdown(&self, scenario: &Scenario) -> String {
        let mut text = format!(
            "## {}\n\n`{}` · {} · {} seeds\n\n\
             | guarantee | holds | violated | undecided | first violated |\n|---|--:|--:|--:|---|\n",
            scenario.title(),
            scenario.name(),
            scenario.profile(),
            self.runs,
        );
        for (class, count) in &self.classes {
            let first = count.first.map_or(String::new(), |seed| format!("seed {seed}"));
            let Count { holds, violated, undecided, .. } = count;
            let name = class.name();
            let _ = writeln!(text, "| {name} | {holds} | {violated} | {undecided} | {first} |");
        }
        let [yes, undecided, no] = self.met;
        let _ = writeln!(text, "\nExpected: met in {yes}, not in {no}, undecided in {undecided}.");
        text
    }

    /// As a JSON object.
    pub fn json(&self, name: &str) -> Value {
        let classes: Vec<Value> = self
            .classes
            .iter()
            .map(|(class, count)| {
                json!({
                    "class": class.name(),
                    "holds": count.holds,
                    "violated": count.violated,
                    "undecided": count.undecided,
                    "first_violated_seed": count.first,
                })
            })
            .collect();
        json!({
            "scenario": name,
            "runs": self.runs,
            "met": met_word(self.met()),
            "met_in": self.met[0],
            "undecided_in": self.met[1],
            "not_met_in": self.met[2],
            "first_seed_not_met": self.first_unmet,
            "histories": format!("{:016x}", self.hash),
            "classes": classes,
        })
    }
}
