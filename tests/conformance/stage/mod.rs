//! What the harness did without writing down every step.
//!
//! A recording lists the steps of a client one by one, except where there were thousands of them
//! or where the harness asked a question of its own. What it did then is told in prose (`publish
//! {n: 10000}`), or shows in what follows: a queue whose content is listed was emptied, a consumer
//! that receives had subscribed, a publish that is confirmed had been sent.

mod crashes;
mod listings;
mod loads;
mod probes;

pub use probes::ROUNDS;

use redeliver::kernel::{Span, Time};
use redeliver::talk::{Consume, Method, Properties, Publication, QueueDeclare};
use std::sync::Arc;

use crate::recording::{Observed, Recording};
use crate::script::{Script, time};
use crate::values::table;

/// Adds to the script what the recording only tells of. `Err` names what is not understood.
pub fn prepare(recording: &Recording, script: &mut Script) -> Result<(), String> {
    declarations(recording, script);
    consumers(recording, script);
    bursts(recording, script);
    crashes::prepare(recording, script)?;
    loads::prepare(recording, script)?;
    probes::prepare(recording, script)?;
    listings::prepare(recording, script);
    script.finish(recording);
    script.looks.sort_unstable();
    script.looks.dedup();
    Ok(())
}

/// `span` before `at`.
pub fn before(at: Time, span: Span) -> Time {
    Time::from_nanos(at.as_nanos().saturating_sub(span.as_nanos()))
}

/// Whether the harness, at this event, tells of something that has all of these fields.
pub fn has(seen: &Observed, event: &str, fields: &[&str]) -> bool {
    seen.event == event && fields.iter().all(|field| seen.fields.contains_key(*field))
}

/// A publication with nothing special about it.
pub fn plain(queue: &str, persistent: bool, size: u32) -> Arc<Publication> {
    Arc::new(Publication {
        routing_key: queue.into(),
        properties: Properties { persistent, ..Properties::default() },
        size,
        ..Publication::default()
    })
}

/// A subscription with acknowledgements.
pub fn subscription(queue: &str, tag: &str, no_ack: bool) -> Method {
    Method::Consume(Box::new(Consume {
        queue: queue.into(),
        consumer_tag: tag.into(),
        no_ack,
        ..Consume::default()
    }))
}

/// A queue that the set-up has and no step declares was declared by its publisher, before every
/// publish to it.
fn declarations(recording: &Recording, script: &mut Script) {
    for (queue, settings) in &recording.setup.queues {
        let declared = recording
            .steps
            .iter()
            .any(|step| step.op == "queue.declare" && step.text("queue") == queue);
        if declared {
            continue;
        }
        let flag = |name: &str| settings.get(name).and_then(serde_json::Value::as_bool);
        let arguments = settings.get("arguments").and_then(serde_json::Value::as_object);
        let publishes = recording.steps.iter().filter(|step| {
            step.op == "basic.publish"
                && step.text("exchange").is_empty()
                && step.text("routing_key") == queue
        });
        for step in publishes {
            let actor = script.actor(&step.actor);
            let at = before(time(step.at_ms), Span::from_micros(20));
            let declare = QueueDeclare {
                queue: queue.as_str().into(),
                durable: flag("durable").unwrap_or(true),
                exclusive: flag("exclusive").unwrap_or(false),
                auto_delete: flag("auto_delete").unwrap_or(false),
                arguments: arguments.map(table).unwrap_or_default(),
                ..QueueDeclare::default()
            };
            script.send(actor, at, step.channel(), Method::QueueDeclare(Box::new(declare)));
        }
    }
}

/// A client that receives from a consumer which no step declares had subscribed after the last
/// step before it, to the queue that the message was routed to.
fn consumers(recording: &Recording, script: &mut Script) {
    let mut known: Vec<(&str, &str)> = recording
        .steps
        .iter()
        .filter(|step| step.op == "basic.consume")
        .map(|step| (step.actor.as_str(), step.text("consumer_tag")))
        .collect();
    for seen in recording.observed.iter().filter(|seen| seen.event == "deliver") {
        let who = (seen.actor.as_str(), seen.text("consumer"));
        if known.contains(&who) || !seen.text("exchange").is_empty() {
            continue;
        }
        known.push(who);
        let last = recording
            .steps
            .iter()
            .rev()
            .find(|step| step.actor == seen.actor && step.at_ms <= seen.at_ms);
        if let Some(last) = last {
            let actor = script.actor(&seen.actor);
            let at = time(last.at_ms) + Span::from_micros(200);
            let method = subscription(seen.text("routing_key"), who.1, false);
            script.send(actor, at, seen.channel(), method);
        }
    }
}

/// Where a channel has confirms and no publishes, as many were sent right after `confirm.select`,
/// to the queue of the publish before. Their bodies are a letter and a number.
fn bursts(recording: &Recording, script: &mut Script) {
    for (at, select) in recording.steps.iter().enumerate() {
        if select.op != "confirm.select" {
            continue;
        }
        let same = |actor: &str, channel| actor == select.actor && channel == select.channel();
        let end = recording.steps[at + 1..]
            .iter()
            .find(|step| {
                same(&step.actor, step.channel())
                    && matches!(step.op.as_str(), "confirm.select" | "channel.close" | "connect")
            })
            .map_or(f64::MAX, |step| step.at_ms);
        let inside = |at_ms: f64| at_ms >= select.at_ms && at_ms < end;
        let published = recording.steps.iter().any(|step| {
            matches!(step.op.as_str(), "basic.publish" | "publish" | "published")
                && same(&step.actor, step.channel())
                && inside(step.at_ms)
        });
        let confirmed = recording
            .observed
            .iter()
            .filter(|seen| same(&seen.actor, seen.channel()) && inside(seen.at_ms))
            .filter(|seen| matches!(seen.event.as_str(), "confirm-ack" | "confirm-nack"))
            .filter_map(|seen| seen.number("tag"))
            .max();
        let before = recording.steps[..at].iter().rev();
        let last = before
            .filter(|step| same(&step.actor, step.channel()))
            .find(|step| step.op == "basic.publish");
        let (Some(count), Some(last), false) = (confirmed, last, published) else { continue };
        let fresh = recording
            .observed
            .iter()
            .filter(|seen| seen.at_ms > select.at_ms && seen.event == "get-ok")
            .map(|seen| seen.text("body"))
            .find(|body| recording.steps.iter().all(|step| step.text("body") != *body));
        let letter = fresh.unwrap_or("b").trim_end_matches(|c: char| c.is_ascii_digit());
        let actor = script.actor(&select.actor);
        for n in 1..=count {
            let at = time(select.at_ms) + Span::from_micros(500 + 10 * n);
            let publication = plain(last.text("routing_key"), false, 2);
            let body = format!("{letter}{n}");
            script.publish(actor, at, select.channel(), false, &body, publication);
        }
    }
}
