//! Recordings with one fact changed, which the judge must not accept.

use serde_json::{Value, json};

use super::super::{Corrupted, Vector};

/// What is not a fact about the outcome: names by chance, numbers of requests, and what is measured
/// too finely.
const NO_FACTS: [&str; 9] =
    ["t", "ev", "type", "memberId", "correlation", "seconds", "after_s", "metadata", "what"];

/// Every way to change one fact of a recording.
pub fn of(file: &Value) -> Vec<Corrupted> {
    let mut corrupted = Vec::new();
    let events = file.get("events").and_then(Value::as_array).map_or(0, Vec::len);
    for at in 0..events {
        let event = &file["events"][at];
        let name = event.get("ev").or(event.get("type")).and_then(Value::as_str);
        let place = format!("event {at}, {}", name.unwrap_or_default());
        let mut left_out = file.clone();
        left_out["events"].as_array_mut().map(|events| events.remove(at));
        corrupted.push(change(left_out, format!("{place}: left out")));
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
                others(value).into_iter().map(changed).collect()
            };
            object.iter().flat_map(of).collect()
        }
    }
}
