//! What real servers did, replayed in the model.
//!
//! `rabbitmq/<version>/` holds recordings of RabbitMQ servers: what clients did, step by step, and
//! what they saw. Each is played again by the model's broker, with the profile of that version, the
//! same steps at the same times, and compared message by message. `outcomes/<version>/` holds the
//! same for experiments of which only the outcome was kept: their steps were written anew.
//!
//! `REDELIVER_RECORDINGS=DIR cargo test --release --test conformance -- --nocapture` plays the
//! recordings of another folder. The last line of the output is then `reproduced N of M`.

#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "a test that reports")]

mod client;
mod harness;
mod judge;
mod lab;
mod recording;
mod script;
mod stage;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use judge::Outcome;
use lab::{Run, machines};
use recording::Recording;
use script::Script;

/// Where the model is meant to differ: recording, version, and why.
const ON_PURPOSE: [(&str, &str, &str); 2] = [
    ("22-prefetch-unlimited-slow-reader", "3.10.8", SOCKETS),
    ("22-prefetch-unlimited-slow-reader", "4.0.5", SOCKETS),
];

/// Where the model is known to differ and should not: to be mended, and taken off this list.
const OPEN: [(&str, &str); 12] = [
    ("06-exchange-to-exchange", "3.10.8"),
    ("06-exchange-to-exchange", "4.0.5"),
    ("08-restart-graceful", "3.10.8"),
    ("08-restart-graceful", "4.0.5"),
    ("35b-guide-retry-queue-steady-traffic-quorum", "3.10.8"),
    ("35b-guide-retry-queue-steady-traffic-quorum", "4.0.5"),
    ("52-publisher-confirm-misc", "4.0.5"),
    ("64b-argument-values", "3.10.8"),
    ("91b-multiple-is-grouped-quorum", "4.0.5"),
    ("95c-sac-cancel-then-publish-classic", "3.10.8"),
    ("98-errors-of-protocol", "3.10.8"),
    ("98-errors-of-protocol", "4.0.5"),
];

const SOCKETS: &str = "sockets have no size in the model: a client that does not read is sent all";

/// The least part of the recordings that must be reproduced, in percent.
const LEAST: usize = 95;

fn main() -> ExitCode {
    match std::env::var_os("REDELIVER_RECORDINGS") {
        Some(folder) => {
            let results = play_all(Path::new(&folder));
            for (path, _, outcome) in &results {
                println!("{}: {outcome}", path.display());
            }
            let reproduced = results.iter().filter(|(_, _, it)| it.is_reproduced()).count();
            println!("reproduced {reproduced} of {}", results.len());
            ExitCode::SUCCESS
        }
        None => embedded(),
    }
}

/// Plays what belongs to the project, and insists.
fn embedded() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let results = play_all(&folder);
    let mut table: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (path, recording, outcome) in &results {
        let version = recording.as_ref().map_or("?", |it| it.version()).to_owned();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let on_purpose = ON_PURPOSE.iter().find(|it| it.0 == name && it.1 == version);
        match (outcome.is_reproduced(), on_purpose) {
            (false, None) if OPEN.iter().any(|it| it.0 == name && it.1 == version) => {
                println!("{version} {name}: still differs");
            }
            (false, None) => wrong.push(format!("{version} {name}: {outcome}")),
            (true, Some(_)) => {
                wrong.push(format!("{version} {name}: listed as a difference, but reproduced"));
            }
            _ => {}
        }
        let kept = path.parent().unwrap_or(path).display().to_string();
        let (reproduced, all) = table.entry(kept).or_default();
        *reproduced += usize::from(outcome.is_reproduced());
        *all += 1;
    }
    for (name, version, why) in ON_PURPOSE {
        println!("{version} {name}: differs on purpose: {why}");
    }
    for line in &wrong {
        println!("{line}");
    }
    println!("\nfolder           recordings  reproduced");
    for (folder, (reproduced, all)) in &table {
        println!("{folder:<16} {all:>10}  {reproduced:>10}");
    }
    let reproduced = results.iter().filter(|(_, _, it)| it.is_reproduced()).count();
    println!("reproduced {reproduced} of {}", results.len());
    let enough = reproduced * 100 >= results.len() * LEAST && !results.is_empty();
    if enough && wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Plays every recording below a folder.
fn play_all(folder: &Path) -> Vec<(PathBuf, Option<Recording>, Outcome)> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let mut results = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        let name = path.strip_prefix(folder).unwrap_or(&path).to_owned();
        match text.and_then(|text| Recording::parse(&text)) {
            Ok(recording) => {
                let outcome = play(&recording);
                results.push((name, Some(recording), outcome));
            }
            Err(error) => results.push((name, None, Outcome::NotUnderstood(error))),
        }
    }
    results
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|it| it == "json") {
            files.push(path);
        }
    }
}

fn play(recording: &Recording) -> Outcome {
    let script = Script::of(recording).and_then(|mut script| {
        stage::prepare(recording, &mut script)?;
        Ok(script)
    });
    let script = match script {
        Ok(script) => script,
        Err(what) => return Outcome::NotUnderstood(what),
    };
    // What a real server leaves open, the model leaves to chance: the recorded outcome must be among
    // the possible ones.
    let mut first = None;
    for machine in machines() {
        let outcome = match Run::play(&script, machine) {
            Ok(run) => judge::judge(recording, &script, &run),
            Err(what) => Outcome::Differs(what),
        };
        if outcome.is_reproduced() {
            return outcome;
        }
        first.get_or_insert(outcome);
    }
    first.unwrap_or_else(|| Outcome::NotUnderstood("no machine to play it on".to_owned()))
}
