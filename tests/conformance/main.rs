//! What real servers did, replayed in the model.
//!
//! `rabbitmq/<version>/` and `rabbitmq-own/<version>/` hold recordings of RabbitMQ servers: what
//! clients did, step by step, and what they saw. Each is played again by the model's broker, with the
//! profile of that version, the same steps at the same times, and compared message by message.
//! `outcomes/<version>/` holds experiments of which only the outcome was kept: their steps and times
//! were written anew, so they are derived and not recorded, and are counted apart.
//!
//! `kafka/vectors/` holds what pieces of Kafka and of its clients returned for given inputs
//! (`kafka/mod.rs`); each of those vectors counts as one recording. `kafka/traces/` holds what real
//! clusters and clients did (`kafka/replay/mod.rs`): each is played by a system of the same set-up.
//!
//! Every recording must be reproduced but those that `ON_PURPOSE` lists, and those must not be. Then
//! the judge itself is put to the test: with one fact of a recording changed, it must say no
//! (`corruption.rs`, and for vectors each form itself).
//!
//! `REDELIVER_RECORDINGS=DIR cargo test --release --test conformance -- --nocapture` plays the
//! recordings and vectors of another folder, whatever their names, and only reports. The last line
//! of the output is always `reproduced N of M`.

#![allow(clippy::print_stdout, missing_docs, unreachable_pub, reason = "a test that reports")]

mod client;
mod corruption;
mod harness;
mod judge;
mod kafka;
mod lab;
mod recording;
mod script;
mod stage;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use corruption::Corrupted;
use judge::Outcome;
use lab::{Run, machines};
use recording::Recording;
use script::Script;
use serde_json::Value;

/// Where the model is meant to differ: recording, version, and why. ARCHITECTURE.md has the same
/// table.
const ON_PURPOSE: [(&str, &str, &str); 3] = [
    ("22-prefetch-unlimited-slow-reader", "3.10.8", SOCKETS),
    ("22-prefetch-unlimited-slow-reader", "4.0.5", SOCKETS),
    ("95c-sac-cancel-then-publish-classic", "3.10.8", CRASHED),
];

const SOCKETS: &str = "sockets have no size in the model: a client that does not read is sent all";

const CRASHED: &str = "a bug of that version: the process of the queue crashed, and its consumers \
                       were cancelled";

/// The folder of what was derived from outcomes.
const DERIVED: &str = "outcomes";

/// What a file holds, and what became of it. A file of vectors makes many of these.
struct Played {
    /// Of the file, below the folder that was searched.
    path: PathBuf,
    fact: Fact,
    outcome: Outcome,
}

/// Something that was observed of a real system.
enum Fact {
    Recording(Recording),
    Vector(&'static dyn kafka::Form, kafka::Vector),
    Unreadable,
}

impl Played {
    /// What it is called in reports: version and name, or file and vector.
    fn name(&self) -> String {
        let file = self.path.file_stem().unwrap_or_default().to_string_lossy();
        match &self.fact {
            Fact::Recording(recording) => format!("{} {file}", recording.version()),
            Fact::Vector(_, vector) => format!("{file} {}", vector.name),
            Fact::Unreadable => format!("? {file}"),
        }
    }

    /// Whether it is listed in `ON_PURPOSE`.
    fn differs_on_purpose(&self) -> bool {
        let Fact::Recording(recording) = &self.fact else { return false };
        let file = self.path.file_stem().unwrap_or_default().to_string_lossy();
        ON_PURPOSE.iter().any(|it| it.0 == file && it.1 == recording.version())
    }
}

fn main() -> ExitCode {
    match std::env::var_os("REDELIVER_RECORDINGS") {
        Some(folder) => {
            let played = play_all(Path::new(&folder));
            for it in &played {
                match &it.fact {
                    Fact::Vector(..) if it.outcome.is_reproduced() => {}
                    Fact::Vector(_, vector) => {
                        println!("{}: {}: {}", it.path.display(), vector.name, it.outcome);
                    }
                    _ => println!("{}: {}", it.path.display(), it.outcome),
                }
            }
            println!("reproduced {} of {}", reproduced(&played), played.len());
            ExitCode::SUCCESS
        }
        None => embedded(),
    }
}

/// Plays what belongs to the project, and insists.
fn embedded() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (derived, recorded): (Vec<Played>, Vec<Played>) =
        play_all(&project.join("tests/conformance"))
            .into_iter()
            .partition(|played| played.path.starts_with(DERIVED));
    let mut wrong = judged(&recorded);
    wrong.extend(judged(&derived));
    let architecture = std::fs::read_to_string(project.join("ARCHITECTURE.md")).unwrap_or_default();
    wrong.extend(undocumented(&architecture));
    let corrupted = corruptions(recorded.iter().chain(&derived));
    wrong.extend(accepted(&corrupted));
    let vectors = corrupted_vectors(&recorded);
    wrong.extend(
        vectors
            .iter()
            .filter(|it| it.accepted)
            .map(|it| format!("{}: accepted although changed: {}", it.name, it.what)),
    );

    for (name, version, why) in ON_PURPOSE {
        println!("{version} {name}: differs on purpose: {why}");
    }
    for line in &wrong {
        println!("{line}");
    }
    println!("\nfolder                recordings  reproduced");
    for (folder, (reproduced, all)) in by_folder(&recorded) {
        println!("{folder:<21} {all:>10}  {reproduced:>10}");
    }
    println!(
        "\nderived from outcomes, their steps written anew: {} of {}",
        reproduced(&derived),
        derived.len()
    );
    println!(
        "recordings with one fact changed that were rejected: {} of {}",
        corrupted.iter().filter(|(_, outcome)| !outcome.is_reproduced()).count(),
        corrupted.len()
    );
    println!(
        "vectors with one fact changed that were rejected: {} of {}",
        vectors.iter().filter(|it| !it.accepted).count(),
        vectors.len()
    );
    println!("reproduced {} of {}", reproduced(&recorded), recorded.len());
    if wrong.is_empty() && !recorded.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn reproduced(played: &[Played]) -> usize {
    played.iter().filter(|it| it.outcome.is_reproduced()).count()
}

/// How many recordings each folder holds, and how many of them are reproduced: those first.
fn by_folder(played: &[Played]) -> BTreeMap<String, (usize, usize)> {
    let mut table: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for Played { path, outcome, .. } in played {
        let folder = path.parent().unwrap_or(path).display().to_string();
        let (reproduced, all) = table.entry(folder).or_default();
        *reproduced += usize::from(outcome.is_reproduced());
        *all += 1;
    }
    table
}

/// What should have been reproduced and was not, or the other way round.
fn judged(played: &[Played]) -> Vec<String> {
    let mut wrong = Vec::new();
    for it in played {
        match (it.outcome.is_reproduced(), it.differs_on_purpose()) {
            (false, false) => wrong.push(format!("{}: {}", it.name(), it.outcome)),
            (true, true) => {
                wrong.push(format!("{}: listed as a difference, but reproduced", it.name()));
            }
            (true, false) | (false, true) => {}
        }
    }
    wrong
}

/// What the table of differences in ARCHITECTURE.md and `ON_PURPOSE` do not agree about.
fn undocumented(architecture: &str) -> Vec<String> {
    let section = architecture.split("\n## ").find(|it| it.starts_with("Differences on purpose"));
    let cells = section.unwrap_or_default().lines().filter_map(|line| line.split('|').nth(1));
    let rows: Vec<&str> = cells
        .map(str::trim)
        .filter(|cell| cell.starts_with(|c: char| c.is_ascii_digit()))
        .collect();
    let names = |row: &str, (name, version, _): &(&str, &str, &str)| {
        row.starts_with(name) && row.contains(version)
    };
    let missing = ON_PURPOSE.iter().filter(|it| !rows.iter().any(|row| names(row, it)));
    let missing = missing.map(|(name, version, _)| {
        format!("{version} {name}: differs on purpose, but ARCHITECTURE.md does not say so")
    });
    let stale = rows.iter().filter(|row| !ON_PURPOSE.iter().any(|it| names(row, it)));
    let stale = stale.map(|row| format!("{row}: no difference, but ARCHITECTURE.md says so"));
    missing.chain(stale).collect()
}

/// One change to each recording that is reproduced, of the kind of which there are fewest so far,
/// and every change that is known to go unnoticed; with the verdict of the judge.
fn corruptions<'a>(played: impl Iterator<Item = &'a Played>) -> Vec<(Corrupted, Outcome)> {
    let mut counts: BTreeMap<&str, usize> = corruption::kinds().map(|kind| (kind, 0)).collect();
    let mut corrupted = Vec::new();
    for Played { fact, outcome, .. } in played {
        let Fact::Recording(recording) = fact else { continue };
        if !outcome.is_reproduced() {
            continue;
        }
        let (unnoticed, mut kinds): (Vec<&'static str>, Vec<&'static str>) =
            corruption::kinds().partition(|kind| corruption::goes_unnoticed(recording, kind));
        corrupted.extend(unnoticed.iter().filter_map(|kind| corruption::corrupt(recording, kind)));
        kinds.sort_by_key(|kind| counts[kind]);
        let chosen = kinds.iter().find_map(|kind| corruption::corrupt(recording, kind));
        if let Some(chosen) = chosen {
            *counts.entry(chosen.kind).or_default() += 1;
            corrupted.push(chosen);
        }
    }
    let outcomes = in_parallel(&corrupted, |it| play(&it.recording));
    corrupted.into_iter().zip(outcomes).collect()
}

/// A vector with one fact changed, and whether the judge accepted it.
struct CorruptedVector {
    name: String,
    what: String,
    accepted: bool,
}

/// Changes to each vector that is reproduced, with the verdict of the judge.
fn corrupted_vectors(played: &[Played]) -> Vec<CorruptedVector> {
    let vectors: Vec<&Played> = played
        .iter()
        .filter(|it| it.outcome.is_reproduced() && matches!(it.fact, Fact::Vector(..)))
        .collect();
    let judge = |it: &&Played| {
        let Fact::Vector(form, vector) = &it.fact else { return Vec::new() };
        let corrupted = form.corruptions(vector).into_iter();
        let judge = |kafka::Corrupted { vector, what }| {
            let accepted = form.judge(&vector).is_reproduced();
            CorruptedVector { name: it.name(), what, accepted }
        };
        corrupted.map(judge).collect()
    };
    in_parallel(&vectors, judge).into_iter().flatten().collect()
}

/// The changes that the judge did not notice and should have, or the other way round.
fn accepted(corrupted: &[(Corrupted, Outcome)]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (Corrupted { recording, kind, what }, outcome) in corrupted {
        let name = format!("{} {}", recording.version(), recording.name);
        match (outcome.is_reproduced(), corruption::goes_unnoticed(recording, kind)) {
            (true, false) => wrong.push(format!("{name}: accepted although changed: {what}")),
            (false, true) => wrong.push(format!("{name}: this change is noticed: {what}")),
            (true, true) | (false, false) => {}
        }
    }
    wrong
}

/// Plays every recording and every vector below a folder.
fn play_all(folder: &Path) -> Vec<Played> {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.sort();
    let played = in_parallel(&files, |path| play_file(path));
    let relative = |path: &PathBuf| path.strip_prefix(folder).unwrap_or(path).to_owned();
    let of_file = |(path, facts): (&PathBuf, Vec<(Fact, Outcome)>)| {
        let path = relative(path);
        facts.into_iter().map(move |(fact, outcome)| Played { path: path.clone(), fact, outcome })
    };
    files.iter().zip(played).flat_map(of_file).collect()
}

/// Plays what a file holds.
fn play_file(path: &Path) -> Vec<(Fact, Outcome)> {
    let unreadable = |error: String| vec![(Fact::Unreadable, Outcome::NotUnderstood(error))];
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return unreadable(error.to_string()),
    };
    let file: Value = match serde_json::from_str(&text) {
        Ok(file) => file,
        Err(error) => return unreadable(error.to_string()),
    };
    let Some(form) = kafka::form_of(&file) else {
        return match Recording::parse(&text) {
            Ok(recording) => {
                let outcome = play(&recording);
                vec![(Fact::Recording(recording), outcome)]
            }
            Err(error) => unreadable(error),
        };
    };
    match form.vectors(&file) {
        Ok(vectors) => vectors
            .into_iter()
            .map(|vector| {
                let outcome = form.judge(&vector);
                (Fact::Vector(form, vector), outcome)
            })
            .collect(),
        Err(error) => unreadable(error),
    }
}

/// Does the same with each item, on all processors; the results come in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut results: Vec<(usize, R)> = thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..workers)
            .map(|first| {
                let mine = items.iter().enumerate().skip(first).step_by(workers);
                scope.spawn(move || mine.map(|(at, item)| (at, work(item))).collect::<Vec<_>>())
            })
            .collect();
        // a worker that panics is a failed test
        threads.into_iter().flat_map(|it| it.join().expect("a worker")).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
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
