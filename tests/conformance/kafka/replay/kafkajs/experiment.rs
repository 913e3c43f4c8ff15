//! What a recording of a KafkaJS consumer says about its set-up, in its words and in its events.

use redeliver::client::kafka::consumer::Thrown;
use serde_json::Value;

use super::super::trace::{Event, Trace, before, behind, number, span_behind, word_behind};

/// The shortest session that a broker allows (`group.min.session.timeout.ms`), in seconds.
pub const SHORT_SESSION: f64 = 6.0;

/// An experiment with a consumer group of one member at a time.
pub struct Experiment {
    /// How many records each partition holds when it begins.
    pub loaded: Vec<u32>,
    /// Records that come later: when, and in which partition.
    pub late: Vec<(f64, u16)>,
    /// The broker that leads each partition, where that is said.
    pub leaders: Option<Vec<u16>>,
    /// How long the handler takes.
    pub handler: f64,
    /// The record whose handler fails, and what it throws; how often, if not always.
    pub poison: Option<(u16, u32, Thrown, Option<u16>)>,
    /// `sessionTimeout`, in seconds.
    pub session: Option<f64>,
    /// How long the first record took to come, once the member had joined.
    pub first_fetch: f64,
    pub mode: Mode,
    /// It remembers what it has begun before it handles it, and commits every offset itself.
    pub remembers: bool,
    /// What was committed before, and the first offset that was still there.
    pub committed: Option<(u64, u64)>,
}

/// How offsets are committed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Default,
    Threshold(u64),
    /// In seconds.
    Interval(f64),
    NotAwaited,
    /// `eachBatch`, which returns after so many records.
    EarlyReturn(u32),
}

/// What an event tells about a record.
pub enum Told {
    Begun,
    Done,
    Thrown,
    Skipped,
}

/// The partition and offset of the record that an event is about, and what it tells.
pub fn told(event: &Event) -> Option<(u16, u32, Told)> {
    let offset = u32::try_from(event.number("o").or_else(|| event.number("offset"))?).ok()?;
    let partition = event.number("p").or_else(|| event.number("partition")).unwrap_or(0);
    let told = match event.kind.as_str() {
        "end" | "done" | "effect done" => Told::Done,
        kind if kind.contains("throw") => Told::Thrown,
        kind if kind.contains("skip") => Told::Skipped,
        kind if kind.contains("commit") || kind.contains("produce") => return None,
        _ => Told::Begun,
    };
    Some((u16::try_from(partition).ok()?, offset, told))
}

/// The offsets that an event says were committed.
pub fn commits(event: &Event) -> Vec<(u16, i64)> {
    let topics = event.list("topics").into_iter().flatten();
    let partitions = topics.filter_map(|topic| topic.get("partitions")?.as_array()).flatten();
    let commit = |it: &Value| {
        let (partition, offset) = (number(it.get("partition")?)?, number(it.get("offset")?)?);
        Some((u16::try_from(partition).ok()?, offset))
    };
    partitions.filter_map(commit).collect()
}

/// What is committed in the end: of `com` or `committed`.
pub fn committed(event: &Event) -> Option<Vec<(u16, i64)>> {
    let list = event.list("com").or_else(|| event.list("committed"))?;
    let one = |it: &Value| {
        let partition = number(it.get(0)?)?;
        Some((u16::try_from(partition).ok()?, number(it.get(1)?)?))
    };
    list.iter().map(one).collect()
}

/// The partitions that a member was given.
pub fn assignment(event: &Event) -> Option<Vec<u16>> {
    let topics = event.fields.get("assignment")?.as_object()?;
    let all = topics.values().filter_map(Value::as_array).flatten();
    let mut partitions: Vec<u16> = all.filter_map(|it| u16::try_from(it.as_i64()?).ok()).collect();
    partitions.sort_unstable();
    Some(partitions)
}

impl Experiment {
    /// Reads a recording.
    pub fn of(trace: &Trace) -> Result<Experiment, String> {
        let what = trace.what.as_str();
        let records = || trace.events.iter().filter_map(told);
        let given = trace.events.iter().filter_map(assignment).flatten().max();
        let highest = records().map(|it| it.0).chain(given).max().unwrap_or(0);
        let said = before(what, " partitions").map_or(0, |n| n as u16);
        let partitions = (highest + 1).max(said);
        let committed_before = committed_before(trace);
        let late = late(trace);
        // what was written before anything was read; where nothing is said, three records each
        let per_partition = behind(what, " x ").or_else(|| {
            let words = [" messages in one batch", "-message batch", " messages"];
            words.into_iter().find_map(|words| before(what, words))
        });
        let seen = |partition: u16| {
            let handled = records().filter(|it| it.0 == partition).map(|it| it.1 + 1);
            let last = trace.events.iter().flat_map(commits);
            let committed = last.filter(|it| it.0 == partition && it.1 >= 0);
            handled.chain(committed.map(|it| it.1 as u32)).max()
        };
        let remembers = trace.events.iter().any(|it| it.kind.contains("SET NX"));
        let of_partition = |partition: u16| {
            let later = late.iter().filter(|it| it.1 == partition).count() as u32;
            match (per_partition, &committed_before) {
                (_, Some(_)) => 0,
                (None, _) if records().next().is_none() => 0,
                (Some(count), _) => count as u32,
                (None, _) if remembers || partitions == 1 => {
                    seen(partition).unwrap_or(3).saturating_sub(later)
                }
                (None, _) => seen(partition).unwrap_or(3).saturating_sub(later).max(3),
            }
        };
        Ok(Experiment {
            loaded: (0..partitions).map(of_partition).collect(),
            leaders: leaders(trace),
            handler: handler(trace),
            poison: poison(trace),
            session: span_behind(what, "sessionTimeout ").or_else(|| expelled(trace)),
            first_fetch: first_fetch(trace),
            mode: mode(trace),
            remembers,
            committed: committed_before,
            late,
        })
    }
}

/// Who joins again without having left or crashed was expelled during a handler, and the session was
/// shorter than that; where nothing else is said it was the shortest that is allowed.
fn expelled(trace: &Trace) -> Option<f64> {
    let lives = ["GROUP_JOIN", "STOP", "CRASH"];
    let lives = trace.events.iter().filter(|it| lives.contains(&it.kind.as_str()));
    let kinds: Vec<&str> = lives.map(|it| it.kind.as_str()).collect();
    kinds.windows(2).any(|two| two == ["GROUP_JOIN"; 2]).then_some(SHORT_SESSION)
}

fn first_fetch(trace: &Trace) -> f64 {
    let joined = trace.events.iter().find(|it| it.kind == "GROUP_JOIN");
    let began = trace.events.iter().find(|it| told(it).is_some());
    joined.zip(began).map_or(0.0, |(joined, began)| began.at - joined.at)
}

fn mode(trace: &Trace) -> Mode {
    let mode = word_behind(&trace.what, "mode ").unwrap_or("default");
    let begun = || trace.events.iter().filter_map(told).filter(|it| matches!(it.2, Told::Begun));
    if let Some(count) = behind(mode, "threshold") {
        Mode::Threshold(count as u64)
    } else if let Some(millis) = behind(mode, "interval") {
        Mode::Interval(millis / 1_000.0)
    } else if mode.contains("notawaited") {
        Mode::NotAwaited
    } else if mode.contains("EarlyReturn") {
        Mode::EarlyReturn(begun().count().max(1) as u32)
    } else {
        Mode::Default
    }
}

/// What the words say, and otherwise what the events show.
fn handler(trace: &Trace) -> f64 {
    let what = trace.what.as_str();
    let said = if matches!(mode(trace), Mode::EarlyReturn(_)) {
        span_behind(what, "eachBatch: ")
    } else {
        span_behind(what, "handler ")
    };
    said.unwrap_or_else(|| {
        let mut begun: Vec<(u16, u32, f64)> = Vec::new();
        for event in &trace.events {
            match told(event) {
                Some((partition, offset, Told::Begun)) => begun.push((partition, offset, event.at)),
                Some((partition, offset, Told::Done)) => {
                    let same = |it: &&(u16, u32, f64)| (it.0, it.1) == (partition, offset);
                    return begun.iter().rfind(same).map_or(0.0, |it| event.at - it.2);
                }
                _ => {}
            }
        }
        0.0
    })
}

/// "partition 1 offset 2 makes the handler throw Error", or whatever threw.
fn poison(trace: &Trace) -> Option<(u16, u32, Thrown, Option<u16>)> {
    let what = trace.what.as_str();
    let partition = behind(what, "partition ").map_or(0, |n| n as u16);
    if let (Some(offset), Some(error)) = (behind(what, " offset "), word_behind(what, "throw ")) {
        let fatal = ["SyntaxError", "TypeError", "RangeError", "ReferenceError"].contains(&error);
        let thrown = if fatal { Thrown::SyntaxError } else { Thrown::Error };
        return Some((partition, offset as u32, thrown, None));
    }
    let thrown = trace.events.iter().filter_map(told);
    let (partition, offset, _) = thrown.into_iter().find(|it| matches!(it.2, Told::Thrown))?;
    Some((partition, offset, Thrown::Error, Some(1)))
}

/// `[[partition, broker], …]`.
fn leaders(trace: &Trace) -> Option<Vec<u16>> {
    let event = trace.events.iter().find(|it| it.kind == "leaders")?;
    let mut leaders: Vec<(i64, u16)> = Vec::new();
    for pair in event.list("l")? {
        leaders.push((number(pair.get(0)?)?, u16::try_from(number(pair.get(1)?)?).ok()?));
    }
    leaders.sort_unstable();
    Some(leaders.into_iter().map(|it| it.1).collect())
}

/// "produced-late-p0", or a record that nothing else explains, a second before it was handled.
fn late(trace: &Trace) -> Vec<(f64, u16)> {
    let said = trace.events.iter().filter(|it| it.kind.starts_with("produced"));
    let said = said.map(|it| (it.at, behind(&it.kind, "-p").map_or(0, |n| n as u16)));
    let said: Vec<(f64, u16)> = said.collect();
    if !said.is_empty() || committed_before(trace).is_none() {
        return said;
    }
    let (_, end) = log_of(trace).unwrap_or_default();
    let after = trace.events.iter().filter_map(|event| {
        let (partition, offset, told) = told(event)?;
        let is_new = matches!(told, Told::Begun) && u64::from(offset) >= end;
        is_new.then_some((event.at - 1.0, partition))
    });
    after.collect()
}

/// The first offset that was there, and the end of the log: "log 6..9", or `low` and `high`.
pub fn log_of(trace: &Trace) -> Option<(u64, u64)> {
    let what = trace.what.as_str();
    let range = |words: &str| {
        let tail = &what[what.find(words)? + words.len()..];
        let (first, rest) = tail.split_once("..")?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some((first.trim().parse().ok()?, rest[..digits].parse::<u64>().ok()? + 1))
    };
    let said = ["log ", "log has ", "log holds ", "offsets "].into_iter().find_map(range);
    said.or_else(|| {
        let start = behind(what, "log start ")? as u64;
        Some((start, behind(what, "log end ").map_or(start, |n| n as u64)))
    })
    .or_else(|| {
        Some((
            deep(&trace.file, &["low", "logStart", "start"])?,
            deep(&trace.file, &["high", "logEnd"])?,
        ))
    })
}

/// What was committed before, where that is out of the log.
fn committed_before(trace: &Trace) -> Option<(u64, u64)> {
    let committed = ["committed offset ", "committed "].into_iter();
    let committed = committed.filter_map(|words| behind(&trace.what, words)).next();
    let first = || {
        let com = trace.events.iter().find_map(committed_in_events)?;
        u64::try_from(com).ok()
    };
    let committed = committed.map(|n| n as u64).or_else(first)?;
    let (start, _) = log_of(trace)?;
    (committed < start).then_some((committed, start))
}

fn committed_in_events(event: &Event) -> Option<i64> {
    committed(event)?.first().map(|it| it.1)
}

/// The first number under one of these names, however deep.
fn deep(value: &Value, names: &[&str]) -> Option<u64> {
    match value {
        Value::Object(object) => object.iter().find_map(|(name, value)| {
            let here = names.contains(&name.as_str()).then(|| number(value)).flatten();
            here.and_then(|n| u64::try_from(n).ok()).or_else(|| deep(value, names))
        }),
        Value::Array(list) => list.iter().find_map(|value| deep(value, names)),
        _ => None,
    }
}
