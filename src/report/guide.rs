//! The claims of the guide, each with a verdict that is computed from the runs of its scenarios.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judged::FirstSeen;
use super::text::Style;
use crate::check::Outcome;
use crate::kernel::StepNo;
use crate::scenario::claims::{self, Claim};
use crate::scenario::{Met, Scenario};

/// A run takes at most so many steps.
const MOST_STEPS: u64 = 50_000_000;

/// What the runs say of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is true in every scenario that examines it.
    Holds,
    /// It is true in some and false in others.
    HoldsOnlyIf,
    /// It is false in every one.
    DoesNotHold,
    /// A run was cut off, or nothing examines it.
    Undecided,
}

impl Ruling {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Ruling::Holds => "holds",
            Ruling::HoldsOnlyIf => "holds only if",
            Ruling::DoesNotHold => "does not hold",
            Ruling::Undecided => "undecided",
        }
    }
}

/// One scenario as evidence.
pub struct Evidence {
    /// Its name.
    pub name: String,
    /// What sets it apart.
    pub case: String,
    /// Whether the claim is true in its run; `None` when it shows a remedy, a price, or something to
    /// compare with.
    pub truth: Option<Met>,
    /// The deciding facts: name, what would make the claim true, what was found.
    pub facts: Vec<(String, String, String)>,
    /// Whether its own expectations were met.
    pub met: Met,
    /// The seed.
    pub seed: u64,
    /// The deciding event.
    pub at: StepNo,
}

/// A claim with its verdict.
pub struct Examined {
    /// The claim.
    pub claim: &'static Claim,
    /// The verdict.
    pub ruling: Ruling,
    /// The runs.
    pub evidence: Vec<Evidence>,
}

/// Examines one claim with the scenarios that name it.
pub fn examine(claim: &'static Claim, scenarios: &[Scenario]) -> Examined {
    let evidence: Vec<Evidence> = scenarios
        .iter()
        .filter(|scenario| scenario.claims().any(|id| id == claim.id))
        .map(evidence)
        .collect();
    let truths: Vec<Met> = evidence.iter().filter_map(|it| it.truth).collect();
    let ruling = match (truths.contains(&Met::Yes), truths.contains(&Met::No)) {
        _ if truths.is_empty() || truths.contains(&Met::Undecided) => Ruling::Undecided,
        (true, false) => Ruling::Holds,
        (true, true) => Ruling::HoldsOnlyIf,
        (false, _) => Ruling::DoesNotHold,
    };
    Examined { claim, ruling, evidence }
}

fn evidence(scenario: &Scenario) -> Evidence {
    let seed = scenario.seed();
    let mut seen = FirstSeen::new(scenario.shows());
    let outcome = scenario.judge_with(seed, MOST_STEPS, &mut seen);
    let truths = scenario.truths();
    let truth = truths.iter().map(|it| it.met(&outcome)).max();
    let facts = truths
        .iter()
        .map(|it| (it.name.clone(), it.want.to_string(), it.found(&outcome)))
        .collect();
    Evidence {
        name: scenario.name().to_owned(),
        case: scenario.case().to_owned(),
        truth,
        facts,
        met: super::judged::met(scenario, &outcome),
        seed,
        at: seen.step().unwrap_or_else(|| deciding(scenario, &outcome)),
    }
}

/// The event to look at where the scenario names none: the first violation of a guarantee that its
/// claim is about, or the first violation of all, or the end.
fn deciding(scenario: &Scenario, outcome: &Outcome) -> StepNo {
    let named = scenario.truths().iter().chain(scenario.expectations());
    let broken =
        named.filter_map(|it| outcome.verdicts.named(&it.name)?.breach().map(|breach| breach.step));
    broken
        .min()
        .or_else(|| outcome.verdicts.breaches().first().map(|breach| breach.step))
        .unwrap_or(outcome.end.step)
}

/// All claims of the guide that are about RabbitMQ and that a scenario examines.
pub fn claims(scenarios: &[Scenario]) -> Vec<&'static Claim> {
    let examined = |claim: &&Claim| {
        scenarios.iter().any(|scenario| scenario.claims().any(|id| id == claim.id))
    };
    claims::ALL.iter().filter(examined).collect()
}

/// A claim as plain text.
pub fn text(examined: &Examined, style: Style) -> String {
    let claim = examined.claim;
    let mut text = format!("{:3} {}\n", claim.id, claim.text);
    let _ = writeln!(text, "    {}", verdict(examined));
    for it in &examined.evidence {
        let mark = match (it.truth, style.ascii) {
            (Some(Met::Yes), false) => "✓ true ",
            (Some(Met::No), false) => "✗ false",
            (Some(Met::Yes), true) => "+ true ",
            (Some(Met::No), true) => "x false",
            (Some(Met::Undecided), _) => "? open ",
            (None, false) => "→ see  ",
            (None, true) => "> see  ",
        };
        let _ = writeln!(text, "    {mark}  {}", it.case);
        for (name, want, found) in &it.facts {
            let _ = writeln!(text, "             {name}: {found}   (true if {want})");
        }
        if it.met != Met::Yes {
            let _ = writeln!(text, "             its expectations were not met");
        }
        let _ = writeln!(
            text,
            "             redeliver play {} --seed {} --at {}",
            it.name, it.seed, it.at
        );
    }
    text
}

fn verdict(examined: &Examined) -> String {
    match examined.ruling {
        Ruling::HoldsOnlyIf => {
            let cases: Vec<&str> = examined
                .evidence
                .iter()
                .filter(|it| it.truth == Some(Met::Yes))
                .map(|it| it.case.as_str())
                .collect();
            format!("HOLDS ONLY IF {}", cases.join("; or "))
        }
        ruling => ruling.words().to_uppercase(),
    }
}

/// A claim as a JSON object.
pub fn json(examined: &Examined) -> Value {
    let evidence: Vec<Value> = examined
        .evidence
        .iter()
        .map(|it| {
            let facts: Vec<Value> = it
                .facts
                .iter()
                .map(|(name, want, found)| json!({"name": name, "true_if": want, "found": found}))
                .collect();
            json!({
                "scenario": it.name,
                "case": it.case,
                "claim_is_true": it.truth.map(super::data::met_word),
                "facts": facts,
                "expectations_met": super::data::met_word(it.met),
                "seed": it.seed,
                "at": it.at,
            })
        })
        .collect();
    json!({
        "claim": examined.claim.id,
        "text": examined.claim.text,
        "verdict": examined.ruling.words(),
        "evidence": evidence,
    })
}

/// A claim as Markdown.
pub fn markdown(examined: &Examined) -> String {
    let mut text = format!(
        "### {} {}\n\n**{}**\n\n| | case | facts | run |\n|---|---|---|---|\n",
        examined.claim.id,
        examined.claim.text,
        verdict(examined)
    );
    for it in &examined.evidence {
        let mark = match it.truth {
            Some(Met::Yes) => "✓",
            Some(Met::No) => "✗",
            Some(Met::Undecided) => "?",
            None => "→",
        };
        let facts: Vec<String> = it
            .facts
            .iter()
            .map(|(name, want, found)| format!("{name}: {found} (true if {want})"))
            .collect();
        let run = format!("`redeliver play {} --seed {} --at {}`", it.name, it.seed, it.at);
        let _ = writeln!(text, "| {mark} | {} | {} | {run} |", it.case, facts.join("; "));
    }
    text
}
