//! `[expect]`: what a run must show.

use std::fmt;

use super::problem::{Problem, Problems, Spot, either, nearest};
use super::tree::{Entry, Tree};
use crate::check::{Audit, Cast, End, Outcome, Rules, Verdict, Verdicts};

/// One line of `[expect]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The guarantee, or the number of the run.
    pub name: String,
    /// What it must be.
    pub want: Want,
    /// Where it stands.
    pub spot: Spot,
}

/// What a guarantee or a number must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The guarantee holds.
    Holds,
    /// The guarantee is violated.
    Violated,
    /// The run does not say.
    Undecided,
    /// The number compares like this.
    Number(Comparison, u64),
}

/// How a number compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    More,
    AtLeast,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    ("!=", Comparison::NotEqual),
    ("=", Comparison::Equal),
    (">", Comparison::More),
    ("<", Comparison::Less),
];

/// Whether an expectation was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Met {
    /// It was.
    Yes,
    /// The run does not say.
    Undecided,
    /// It was not.
    No,
}

impl Expectation {
    /// Compares with what a run showed.
    pub fn met(&self, outcome: &Outcome) -> Met {
        if let Want::Number(comparison, bound) = self.want {
            return match outcome.facts.get(&self.name) {
                Some(value) if comparison.holds(value, bound) => Met::Yes,
                Some(_) => Met::No,
                None => Met::Undecided,
            };
        }
        match (self.want, outcome.verdicts.named(&self.name)) {
            (Want::Holds, Some(Verdict::Holds))
            | (Want::Violated, Some(Verdict::Violated(_)))
            | (Want::Undecided, Some(Verdict::Undecided(_)) | None) => Met::Yes,
            (Want::Holds | Want::Violated, Some(Verdict::Undecided(_)) | None) => Met::Undecided,
            _ => Met::No,
        }
    }

    /// What the run showed, in words.
    pub fn found(&self, outcome: &Outcome) -> String {
        match self.want {
            Want::Number(..) => match outcome.facts.get(&self.name) {
                Some(value) => value.to_string(),
                None => "not known".to_owned(),
            },
            _ => match outcome.verdicts.named(&self.name) {
                Some(verdict) => verdict.name().to_owned(),
                None => "not judged".to_owned(),
            },
        }
    }
}

impl Comparison {
    /// Whether `value` compares like this with `bound`.
    pub const fn holds(self, value: u64, bound: u64) -> bool {
        match self {
            Comparison::Equal => value == bound,
            Comparison::NotEqual => value != bound,
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::More => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Want::Holds => f.pad("holds"),
            Want::Violated => f.pad("violated"),
            Want::Undecided => f.pad("undecided"),
            Want::Number(comparison, bound) => {
                let sign = COMPARISONS.iter().find(|(_, known)| known == comparison);
                f.pad(&format!("{} {bound}", sign.map_or("=", |(sign, _)| sign)))
            }
        }
    }
}

/// Reads `[expect]`, or another table of the same kind. `facts` are the names of the numbers that
/// a run of this scenario has, if that is known.
pub(super) fn read(
    tree: &Tree,
    table: &str,
    facts: Option<&[String]>,
    problems: &mut Problems,
) -> Vec<Expectation> {
    let Some(table) = tree.table(table) else { return Vec::new() };
    let mut expectations = Vec::new();
    for (name, key_spot) in &table.keys {
        let Some(entry) = table.entry(name) else { continue };
        match want(entry) {
            Ok(want) => match check(name, key_spot, want, facts) {
                None => expectations.push(Expectation {
                    name: name.clone(),
                    want,
                    spot: entry.spot.clone(),
                }),
                Some(problem) => problems.push(problem),
            },
            Err(problem) => problems.push(*problem),
        }
    }
    expectations
}

fn want(entry: &Entry) -> Result<Want, Box<Problem>> {
    if let Some(n) = entry.as_whole() {
        return Ok(Want::Number(Comparison::Equal, n.unsigned_abs()));
    }
    let text = entry.as_text().unwrap_or_default().trim();
    match text {
        "holds" => return Ok(Want::Holds),
        "violated" => return Ok(Want::Violated),
        "undecided" => return Ok(Want::Undecided),
        _ => {}
    }
    let compared = COMPARISONS.iter().find_map(|(sign, comparison)| {
        let rest = text.strip_prefix(sign)?.trim().replace('_', "");
        Some((*comparison, rest.parse::<u64>().ok()?))
    });
    if let Some((comparison, bound)) = compared {
        return Ok(Want::Number(comparison, bound));
    }
    let title = format!("\"{text}\" is no expectation");
    let problem = Problem::error(&entry.spot, title);
    Err(Box::new(match nearest(text, ["holds", "violated", "undecided"]) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem.help(
            "a guarantee is \"holds\", \"violated\" or \"undecided\"; a number compares, such as \">= 100\"",
        ),
    }))
}

fn check(name: &str, spot: &Spot, want: Want, facts: Option<&[String]>) -> Option<Problem> {
    let guarantees = Verdicts::names();
    let is_guarantee = guarantees.iter().any(|known| known == name);
    let is_fact = facts.is_some_and(|facts| facts.iter().any(|known| known == name));
    let is_fact = is_fact || is_open_fact(name);
    match want {
        Want::Number(..) if is_fact => None,
        Want::Number(..) if is_guarantee => {
            let title = format!("`{name}` is a guarantee, not a number");
            Some(Problem::error(spot, title).help("it \"holds\", is \"violated\" or \"undecided\""))
        }
        Want::Holds | Want::Violated | Want::Undecided if is_guarantee => None,
        Want::Holds | Want::Violated | Want::Undecided if is_fact => {
            let title = format!("`{name}` is a number, not a guarantee");
            Some(Problem::error(spot, title).help("compare it, such as \">= 100\""))
        }
        Want::Number(..) => Some(unknown(name, spot, "number of the run", facts?)),
        _ => Some(unknown(name, spot, "guarantee", &guarantees)),
    }
}

fn unknown(name: &str, spot: &Spot, what: &str, known: &[String]) -> Problem {
    let problem = Problem::error(spot, format!("there is no {what} `{name}`"));
    match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => problem,
        None => problem.help(format!("there are {}", either(known.iter().map(String::as_str)))),
    }
}

/// Numbers that depend on what the run turns up: a message (`m7.deliveries`), a queue that a client
/// declares.
fn is_open_fact(name: &str) -> bool {
    let number = name.strip_prefix('m').and_then(|rest| rest.strip_suffix(".deliveries"));
    let queue = name.strip_prefix("queue.").and_then(|rest| rest.rsplit_once('.'));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
        || queue.is_some_and(|(_, what)| OF_QUEUES.contains(&what))
}

/// What is counted of each queue.
const OF_QUEUES: [&str; 5] = ["enqueued", "dead-letters", "pushed", "depth", "peak-depth"];
/// What is measured of latencies.
const OF_TIMES: [&str; 5] = ["p50-us", "p90-us", "p99-us", "p999-us", "max-us"];

/// The names of the numbers that a run of this system can have.
pub(super) fn facts(rules: &Rules, cast: &Cast) -> Vec<String> {
    let end = End::default();
    let outcome = Audit::new(rules.clone()).finish(end, cast);
    let mut names: Vec<String> = outcome.facts.names().map(str::to_owned).collect();
    for kind in ["latency", "answer"] {
        names.extend(OF_TIMES.map(|what| format!("{kind}.{what}")));
    }
    for queue in &rules.queues {
        names.extend(OF_QUEUES.map(|what| format!("queue.{}.{what}", queue.name)));
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::embedded;

    #[test]
    fn every_number_of_a_run_can_be_expected() {
        for one in embedded::ALL.iter().filter(|one| one.group == "basics") {
            let scenario = one.load().expect("it is valid");
            let outcome = scenario.judge(1);
            let names = facts(scenario.rules(), scenario.cast());
            for (name, _) in outcome.facts.iter() {
                assert!(names.iter().any(|known| known == name) || is_open_fact(name), "{name}");
            }
        }
    }
}
