//! Recordings with one fact changed, which the judge must not accept.

use serde_json::{Value, json};

use super::super::{Corrupted, Vector};

/// What is not a fact about the outcome: names by chance, numbers of requests, who led what before it
/// began, and what is measured too finely.
const NO_FACTS: [&str; 16] = [
    "t",
    "ev",
    "type",
    "memberId",
    "correlation",
    "seconds",
    "after_s",
    "join_delay_ms",
    "observed_ms",
    "exit",
    "l",
    "what",
    "k",
    "metadata",
    "mean",
    "p99",
];

/// What of a recording says how it was made, or how long somebody waited, and not what came of it.
const SET_UP: [&str; 7] =
    ["broker", "client", "what", "events", "seed", "produced", "seconds_until_compacted"];

/// What clients did on the way, of which the recording is not about.
const STEPS: [&str; 6] = ["CONNECT", "DISCONNECT", "run", "x", "produce", "---"];

/// What somebody looked at. It cannot be missed when it is left out: nobody looked.
const LOOKS: [&str; 12] = [
    "members",
    "isr",
    "records",
    "com",
    "committed",
    "committed_now",
    "got",
    "l",
    "seconds",
    "read_committed",
    "state",
    "lso",
];

/// Changes that nobody can notice: of which recordings (a part of what they are about), which, and why.
const UNNOTICED: [(&str, &str, &str); 4] = [
    ("un-awaited sends", "event 4, send-ok: left out", FIRST_SENDS),
    ("response of the 3rd produce", "event 9, send-ok: left out", FIRST_SENDS),
    (
        "acks=1 records acknowledged by the leader only",
        "SIGSTOP broker 3: left out",
        "broker 2 becomes the leader, and was frozen, too: what broker 3 has is cut off",
    ),
    (
        "relative costs",
        "sequential_ms_acks_0: p50: one more",
        "without an answer there is nothing to wait for; that it is the fastest is all that is compared",
    ),
];

const FIRST_SENDS: &str = "such a recording may leave out what the first sends were told";

/// What comes so near to the end, in seconds, might have come after it.
const NEAR_THE_END: f64 = 10.0;

/// Every way to change one fact of a recording.
pub fn of(file: &Value) -> Vec<Corrupted> {
    let mut corrupted = Vec::new();
    let none = Vec::new();
    let events = file.get("events").and_then(Value::as_array).unwrap_or(&none);
    let time = |event: &Value| event.get("t").and_then(Value::as_f64).unwrap_or_default();
    let end = events.iter().map(time).fold(0.0, f64::max);
    let unit = if end > 600.0 { 1_000.0 } else { 1.0 };
    for (at, event) in events.iter().enumerate() {
        let kind = event.get("ev").or(event.get("type")).and_then(Value::as_str);
        let kind = kind.unwrap_or_default();
        let nothing = event.get("parts").and_then(Value::as_array).is_some_and(Vec::is_empty);
        if nothing || STEPS.iter().any(|step| kind.starts_with(step)) {
            continue;
        }
        let place = format!("event {at}, {kind}");
        let is_look = LOOKS.iter().any(|key| event.get(key).is_some());
        let is_late = end - time(event) < NEAR_THE_END * unit;
        if is_late && (!is_look || kind == "gap") {
            continue;
        }
        if !is_look {
            let mut left_out = file.clone();
            left_out["events"].as_array_mut().map(|events| events.remove(at));
            corrupted.push(change(left_out, format!("{place}: left out")));
        }
        for (key, value) in event.as_object().into_iter().flatten() {
            if NO_FACTS.contains(&key.as_str()) {
                continue;
            }
            for (other, what) in others(value) {
                let mut changed = file.clone();
                changed["events"][at][key] = other;
                corrupted.push(change(changed, format!("{place}: {key}: {what}")));
            }
        }
    }
    for (key, value) in file.as_object().into_iter().flatten() {
        if SET_UP.contains(&key.as_str()) {
            continue;
        }
        for (other, what) in others(value) {
            let mut changed = file.clone();
            changed[key] = other;
            corrupted.push(change(changed, format!("{key}: {what}")));
        }
    }
    let about = file.get("what").and_then(Value::as_str).unwrap_or_default();
    corrupted.retain(|it| {
        let unnoticed =
            |(of, what, _): &(&str, &str, &str)| about.contains(of) && it.what.contains(what);
        !UNNOTICED.iter().any(unnoticed)
    });
    corrupted
}

fn change(fact: Value, what: String) -> Corrupted {
    Corrupted { vector: Vector { name: "recorded".to_owned(), fact }, what }
}

/// Other values than this one, each different in one thing.
fn others(value: &Value) -> Vec<(Value, String)> {
    match value {
        Value::Null => vec![(json!("something"), "something instead of nothing".to_owned())],
        Value::Bool(yes) => vec![(json!(!yes), format!("{} instead of {yes}", !yes))],
        Value::Number(n) => {
            let other =
                n.as_i64().map_or(json!(n.as_f64().unwrap_or(0.0) * 4.0 + 1.0), |n| json!(n + 1));
            vec![(other, "one more".to_owned())]
        }
        Value::String(text) => match text.parse::<i64>() {
            Ok(n) => vec![(json!((n + 1).to_string()), "one more".to_owned())],
            Err(_) => vec![(json!(format!("no {text}")), "another word".to_owned())],
        },
        Value::Array(list) => match list.split_last() {
            None => vec![(json!([77]), "something instead of nothing".to_owned())],
            Some((_, rest)) => vec![(json!(rest), "the last one left out".to_owned())],
        },
        Value::Object(object) => {
            let of = |(key, value): (&String, &Value)| {
                if NO_FACTS.contains(&key.as_str()) {
                    return Vec::new();
                }
                let changed = |(other, what)| {
                    let mut object = object.clone();
                    object.insert(key.clone(), other);
                    (Value::Object(object), format!("{key}: {what}"))
                };
                // a rate is compared within a factor
                let changes = match value.as_f64().filter(|_| key.contains("_per_s")) {
                    Some(rate) => vec![(json!(rate * 10.0), "ten times as much".to_owned())],
                    None => others(value),
                };
                changes.into_iter().map(changed).collect()
            };
            object.iter().flat_map(of).collect()
        }
    }
}
