//! Runs as data: JSON for programs, JSON Lines for histories, Markdown for issues and slides.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::judged::Judged;
use super::narrate::{self, Names};
use super::text::paragraphs;
use crate::check::{Audit, Guarantee, Outcome, Point, Verdict};
use crate::kernel::run::Noted;
use crate::kernel::{Seen, Step, Taken, Watch};
use crate::scenario::{Met, Scenario};
use crate::system::{History, Timeline, text as step_text};
use crate::talk::{Mq, Name, Note};

/// One run as a JSON object.
pub fn json(judged: &Judged<'_>) -> Value {
    let (scenario, outcome) = (judged.scenario, &judged.outcome);
    let breaches = outcome.verdicts.breaches();
    let classes: Vec<Value> = outcome
        .verdicts
        .classes
        .iter()
        .map(|it| {
            let why = breaches.iter().position(|breach| breach.class == it.class);
            let mut object = Map::new();
            object.insert("class".into(), json!(it.class.name()));
            object.insert("verdict".into(), json!(it.verdict.name()));
            if let Verdict::Undecided(reason) = &it.verdict {
                object.insert("reason".into(), json!(reason.to_string()));
            }
            if let Some((breach, why)) =
                why.and_then(|at| Some((breaches[at], judged.explanations.get(at)?)))
            {
                let chain: Vec<Value> = why
                    .chain
                    .iter()
                    .map(|link| {
                        json!({
                            "step": link.step,
                            "at_ns": link.at.as_nanos(),
                            "what": link.what,
                            "left_out_before": link.skipped,
                        })
                    })
                    .collect();
                let knows: Map<String, Value> =
                    why.knows.iter().map(|(who, what)| (who.clone(), json!(what))).collect();
                object.insert("step".into(), json!(breach.step));
                object.insert("at_ns".into(), json!(breach.at.as_nanos()));
                object.insert("message".into(), json!(breach.msg.map(|msg| msg.to_string())));
                object.insert("times".into(), json!(breach.times));
                object.insert("cause".into(), json!(chain));
                object.insert("knows".into(), Value::Object(knows));
                object.insert("fingerprint".into(), json!(why.fingerprint));
                if let Some(setting) = &why.setting {
                    object.insert(
                        "setting".into(),
                        json!({
                            "path": setting.path,
                            "line": setting.place.map(|(line, _)| line),
                            "column": setting.place.map(|(_, column)| column),
                        }),
                    );
                }
            }
            Value::Object(object)
        })
        .collect();
    let points = [
        ("ack", Point::Ack),
        ("queue", Point::Log),
        ("delivery", Point::Delivery),
        ("effect", Point::Effect),
    ];
    let table: Map<String, Value> = Guarantee::ALL
        .into_iter()
        .map(|guarantee| {
            let row: Map<String, Value> = points
                .into_iter()
                .filter_map(|(name, point)| {
                    let verdict = outcome.verdicts.at(guarantee, point)?;
                    Some((name.to_owned(), json!(verdict.name())))
                })
                .collect();
            (guarantee.name().to_owned(), Value::Object(row))
        })
        .collect();
    let expected: Vec<Value> = scenario
        .expectations()
        .iter()
        .map(|it| {
            json!({
                "name": it.name,
                "expected": it.want.to_string(),
                "found": it.found(outcome),
                "met": met_word(it.met(outcome)),
            })
        })
        .collect();
    let facts: Map<String, Value> =
        outcome.facts.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let teach = scenario.teach();
    json!({
        "scenario": scenario.name(),
        "profile": scenario.profile(),
        "seed": judged.seed,
        "steps": outcome.end.step,
        "end_ns": outcome.end.at.as_nanos(),
        "history": format!("{:016x}", judged.hash),
        "met": met_word(judged.met()),
        "faults_that_never_came": outcome.end.waiting.iter().filter_map(|&place| {
            let (line, column) = scenario.trigger(place)?.line_column();
            Some(json!({ "line": line, "column": column }))
        }).collect::<Vec<_>>(),
        "classes": classes,
        "guarantees": table,
        "expected": expected,
        "facts": facts,
        "teach": {
            "question": teach.question,
            "text": teach.text,
            "look_at": teach.look_at,
        },
    })
}

/// `yes`, `no` or `undecided`.
pub fn met_word(met: Met) -> &'static str {
    match met {
        Met::Yes => "yes",
        Met::No => "no",
        Met::Undecided => "undecided",
    }
}

/// Runs, and writes the history as it happens, one step or note a line. `write` gets each line with
/// its end; it stops the run by returning an error, which is passed on. Nothing is stored, so a run
/// may be as long as it likes.
///
/// # Errors
/// What `write` returns.
pub fn jsonl<E>(
    scenario: &Scenario,
    seed: u64,
    most: u64,
    write: impl FnMut(&str) -> Result<(), E>,
) -> Result<Outcome, E> {
    let system = scenario.system();
    let mut lines = Lines {
        nodes: scenario.cast().parts.iter().map(|part| part.name.clone()).collect(),
        names: Names::new(scenario.cast().clone(), &History::default()),
        line: String::new(),
        write,
        failed: None,
    };
    let mut audit = Audit::new(scenario.rules().clone());
    let mut timeline: Timeline = Timeline::new(&system.seeded(seed), &mut (&mut audit, &mut lines));
    let mut taken = 0;
    while lines.failed.is_none()
        && taken < most
        && timeline.step(system.horizon, &mut (&mut audit, &mut lines))
    {
        taken += 1;
    }
    match lines.failed {
        Some(error) => Err(error),
        None => Ok(audit.finish(scenario.end(&timeline, taken == most), scenario.cast())),
    }
}

/// Writes what it sees.
struct Lines<W, E> {
    nodes: Vec<Name>,
    names: Names,
    line: String,
    write: W,
    failed: Option<E>,
}

impl<E, W: FnMut(&str) -> Result<(), E>> Lines<W, E> {
    fn put(&mut self, object: &Value) {
        if self.failed.is_none() {
            self.line.clear();
            let _ = writeln!(self.line, "{object}");
            self.failed = (self.write)(&self.line).err();
        }
    }
}

impl<E, W: FnMut(&str) -> Result<(), E>> Watch<Mq> for Lines<W, E> {
    fn step(&mut self, taken: &Taken<Mq>) {
        let kind = match taken.step {
            Step::Deliver(_) => "deliver",
            Step::Fire(..) => "fire",
            Step::Fault(_) => "fault",
        };
        self.put(&json!({
            "step": taken.no,
            "at_ns": taken.at.as_nanos(),
            "cause": taken.cause,
            "kind": kind,
            "what": step_text::write(&taken.step, &self.nodes),
        }));
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        let Seen { step, at, node, note } = seen;
        self.names.learn(note);
        let noted = Noted { step, at, node, note: note.clone() };
        self.put(&json!({
            "step": step,
            "at_ns": at.as_nanos(),
            "node": self.names.node(node),
            "note": note.kind(),
            "message": note.msg().map(|msg| msg.to_string()),
            "what": narrate::note(&self.names, &noted),
        }));
    }
}

/// One run as Markdown.
pub fn markdown(judged: &Judged<'_>) -> String {
    let (scenario, outcome) = (judged.scenario, &judged.outcome);
    let teach = scenario.teach();
    let mut text = format!("## {}\n\n", scenario.title());
    for paragraph in paragraphs(teach.question.unwrap_or_default()) {
        let _ = writeln!(text, "{paragraph}\n");
    }
    let _ = writeln!(
        text,
        "`{}` · {} · seed {} · {} simulated\n\n| | guarantee | |\n|---|---|---|",
        scenario.name(),
        scenario.profile(),
        judged.seed,
        outcome.end.at,
    );
    let breaches = outcome.verdicts.breaches();
    for it in &outcome.verdicts.classes {
        let why = breaches.iter().position(|breach| breach.class == it.class);
        let (mark, what) = match &it.verdict {
            Verdict::Holds => ("✓", it.class.promise().to_owned()),
            Verdict::Undecided(reason) => ("?", reason.to_string()),
            Verdict::Violated(_) => (
                "✗",
                why.and_then(|at| judged.explanations.get(at))
                    .map_or(String::new(), |why| why.event.clone()),
            ),
        };
        let _ = writeln!(text, "| {mark} | {} | {} |", it.class.name(), what.replace('|', "\\|"));
    }
    for (breach, why) in breaches.iter().zip(&judged.explanations) {
        let _ = writeln!(text, "\n**{}**, event {} at {}\n", breach.class, breach.step, breach.at);
        for link in &why.chain {
            if link.skipped > 0 {
                let _ = writeln!(text, "- ({} more)", link.skipped);
            }
            let _ = writeln!(text, "- {} {} (event {})", link.at, link.what, link.step);
        }
        if let Some(setting) = &why.setting {
            let _ = writeln!(text, "- allowed by `{}`", setting.path);
        }
    }
    let expectations = scenario.expectations();
    if !expectations.is_empty() {
        text += "\n| | expected | found |\n|---|---|---|\n";
    }
    for expected in expectations {
        let mark = match expected.met(outcome) {
            Met::Yes => "✓",
            Met::No => "✗",
            Met::Undecided => "?",
        };
        let found = expected.found(outcome);
        let _ = writeln!(text, "| {mark} | {} {} | {found} |", expected.name, expected.want);
    }
    let _ = writeln!(text, "\n`redeliver play {} --seed {}`", scenario.command(), judged.seed);
    if !teach.look_at.is_empty() {
        let _ = writeln!(text, "\n**Look at:** {}", teach.look_at.join("; "));
    }
    // not wrapped: an issue shows every line break
    for paragraph in paragraphs(teach.text.unwrap_or_default()) {
        let _ = writeln!(text, "\n{paragraph}");
    }
    text
}
