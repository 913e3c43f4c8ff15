//! Contents of queues. The harness listed them by taking everything out, and did not write that down
//! as steps: the list is all there is.

use redeliver::kernel::{Span, Time};
use serde_json::Value;

use super::before;
use crate::recording::{Observed, Recording, Step};
use crate::script::{Listing, Script, time};

pub(super) fn prepare(recording: &Recording, script: &mut Script) {
    for seen in &recording.observed {
        match seen.event.as_str() {
            "queue-content" => content(recording, script, seen),
            "routed" => routed(recording, script, seen),
            "summary" => {
                for (what, value) in &seen.fields {
                    if let Some(bodies) = texts(value) {
                        summary(recording, script, seen, what, bodies);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A list of at least two texts, and nothing else.
fn texts(value: &Value) -> Option<Vec<String>> {
    let list = value.as_array().filter(|list| list.len() > 1)?;
    list.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// A `queue-content`: the queue was emptied right before, on the connection of the first client.
fn content(recording: &Recording, script: &mut Script, seen: &Observed) {
    let listed = seen.fields.get("head_to_tail").and_then(Value::as_array);
    let bodies: Vec<String> = listed.map_or(Vec::new(), |list| {
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    });
    let steps = recording.steps.iter().filter(|step| step.at_ms < seen.at_ms - 0.05);
    let earliest = steps.map(|step| step.at_ms).fold(0.0, f64::max);
    let begin = before(time(seen.at_ms), Span::from_millis(2 * bodies.len() as u64 + 4));
    let begin = begin.max(time(earliest) + Span::from_millis(2));
    let what = format!("content of {}", seen.text("queue"));
    list(script, seen.at_ms, what, bodies, begin, seen.text("queue"));
}

/// A `routed`: the client that had published took its message out of all queues right before. Only
/// the delivery tags that this used up matter: where the message went, the broker's notes tell.
fn routed(recording: &Recording, script: &mut Script, seen: &Observed) {
    let earlier = recording.steps.iter().filter(|step| step.at_ms < seen.at_ms).rev();
    let Some(publish) = earlier.into_iter().find(|step| step.op == "basic.publish") else { return };
    let Some(actor) = script.find(&publish.actor) else { return };
    let to = seen.fields.get("to").and_then(Value::as_array);
    let begin = before(time(seen.at_ms), Span::from_micros(200));
    for queue in to.into_iter().flatten().filter_map(Value::as_str) {
        script.drain(actor, begin, publish.channel(), queue);
    }
}

/// A list in a summary, of messages of which hardly any was received as far as the recording shows:
/// the queue was emptied after the last thing that happened to one of them.
fn summary(
    recording: &Recording,
    script: &mut Script,
    seen: &Observed,
    what: &str,
    bodies: Vec<String>,
) {
    if script.listings.iter().any(|listing| listing.bodies == bodies) {
        return; // it repeats what was listed
    }
    let plain = |body: &str| body.trim_end_matches('*').to_owned();
    let names: Vec<String> = bodies.iter().map(|body| plain(body)).collect();
    let is_one = |body: &str| !body.is_empty() && names.iter().any(|name| name == body);
    let published: Vec<&Step> = recording
        .steps
        .iter()
        .filter(|step| step.op == "basic.publish" && is_one(step.text("body")))
        .collect();
    let received: Vec<&Observed> = recording
        .observed
        .iter()
        .filter(|seen| matches!(seen.event.as_str(), "deliver" | "get-ok"))
        .filter(|seen| is_one(seen.text("body")))
        .collect();
    let all = names.iter().all(|name| published.iter().any(|step| step.text("body") == name));
    let Some(first) = published.first() else { return };
    if !all || 2 * received.len() >= names.len() || !first.text("exchange").is_empty() {
        return;
    }
    let settled = recording.steps.iter().filter(|step| {
        let tag = step.number("tag");
        tag.is_some() && received.iter().any(|it| it.actor == step.actor && it.number("tag") == tag)
    });
    let last = published
        .iter()
        .map(|step| step.at_ms)
        .chain(received.iter().map(|it| it.at_ms))
        .chain(settled.map(|step| step.at_ms))
        .fold(0.0, f64::max);
    let next = recording
        .steps
        .iter()
        .map(|step| step.at_ms)
        .filter(|at| *at > last + 5.0)
        .fold(seen.at_ms, f64::min);
    let begin = time(last + ((next - last) / 2.0).min(100.0));
    list(script, seen.at_ms, what.to_owned(), bodies, begin, first.text("routing_key"));
}

fn list(
    script: &mut Script,
    told_ms: f64,
    what: String,
    bodies: Vec<String>,
    begin: Time,
    queue: &str,
) {
    if script.actors.is_empty() {
        return;
    }
    script.drain(0, begin, 1, queue);
    script.listings.push(Listing { told_ms, what, bodies, drained: (0, begin) });
}
