//! Questions that the harness asked again and again, and measurements.

use std::sync::Arc;

use redeliver::kernel::{Span, Time};
use redeliver::talk::{Method, Name, Properties, Publication, QueueDeclare, Value as Amqp};

use super::{before, has, plain, subscription};
use crate::recording::{Observed, Recording};
use crate::script::{Script, span, time};

pub(super) fn prepare(recording: &Recording, script: &mut Script) -> Result<(), String> {
    if let Some(seen) = find(recording, "summary", &["tries", "delivered", "latest_ms"]) {
        race(recording, script, seen)?;
    }
    if let Some(seen) = find(recording, "summary", &["classic transient", "unroutable"]) {
        latencies(recording, script, seen)?;
    }
    if recording.steps.iter().any(|step| step.args.contains_key("sizes_MiB")) {
        sizes(recording, script);
    }
    at_least_once(recording, script);
    if let Some(seen) = recording.observed.iter().find(|seen| seen.event == "amqplib-probe") {
        amqplib(script, seen);
    }
    Ok(())
}

fn find<'a>(recording: &'a Recording, event: &str, fields: &[&str]) -> Option<&'a Observed> {
    recording.observed.iter().find(|seen| has(seen, event, fields))
}

/// `TTL 20 ms, basic.get at 19.5-21.7 ms`: one message at a time, and one attempt to get it around
/// the time when it expires.
fn race(recording: &Recording, script: &mut Script, seen: &Observed) -> Result<(), String> {
    let tries = seen.number("tries").unwrap_or(0);
    let publisher = script.find("P").ok_or("a race, but who publishes?")?;
    let consumer = script.find("C").ok_or("a race, but who gets?")?;
    let queue = script.declared(publisher, Time::MAX).ok_or("a race, but where?")?;
    let begin = recording.steps.last().map_or(0.0, |step| step.at_ms) + 10.0;
    let period = (seen.at_ms - begin - 50.0) / tries.max(1) as f64;
    for n in 0..tries {
        let at = begin + period * n as f64;
        let publication = plain(queue.as_str(), false, 1);
        script.publish(publisher, time(at), 1, false, &n.to_string(), publication);
        let get = at + 19.5 + 2.2 * n as f64 / tries as f64;
        script.send(consumer, time(get), 1, Method::Get { queue: queue.clone(), no_ack: true });
    }
    script.unscripted.push((consumer, 1));
    Ok(())
}

/// The rounds of the latency measurement: where each message goes and whether it is persistent.
pub const ROUNDS: [&str; 8] = [
    "classic transient",
    "classic persistent",
    "quorum",
    "fanout classic+quorum persistent",
    "unroutable",
    "burst 300 alternating persistent/transient to classic",
    "burst 300 to quorum",
    "60 alternating quorum/classic-transient on one channel",
];

/// Publishes one after the other with 20 confirms each, then three bursts: one round for each
/// `confirm.select`.
fn latencies(recording: &Recording, script: &mut Script, seen: &Observed) -> Result<(), String> {
    let selects: Vec<_> =
        recording.steps.iter().filter(|step| step.op == "confirm.select").collect();
    for (round, name) in ROUNDS.iter().enumerate() {
        let step = selects.get(round).ok_or("a measurement with fewer rounds than expected")?;
        if !seen.fields.contains_key(*name) {
            return Err(format!("a measurement without {name}"));
        }
        let actor = script.actor(&step.actor);
        let to = |exchange: &str, key: &str, persistent| {
            let properties = Properties { persistent, ..Properties::default() };
            Arc::new(Publication {
                exchange: exchange.into(),
                routing_key: key.into(),
                properties,
                size: 12,
                ..Publication::default()
            })
        };
        let end = recording
            .steps
            .iter()
            .find(|next| next.at_ms > step.at_ms && next.op == "channel.close")
            .map_or(seen.at_ms, |next| next.at_ms);
        // one after the other in the time that it took, or as fast as the client could
        let (count, gap) = match round {
            0..=4 => (20, ((end - step.at_ms) * 1e3 / 22.0) as u64),
            5 | 6 => (300, 15),
            _ => (60, 15),
        };
        for n in 1..=count {
            let publication = match round {
                0 => to("", "cq", false),
                1 => to("", "cq", true),
                2 => to("", "qq", true),
                3 => to("fan", "", true),
                4 => to("none", "", true),
                5 => to("", "cq", n % 2 == 1),
                6 => to("", "qq", true),
                _ if n % 2 == 1 => to("", "qq", true),
                _ => to("", "cq2", false),
            };
            let at = time(step.at_ms) + Span::from_micros(300 + gap * (n - 1));
            let body = format!("{name} {n}");
            script.publish(actor, at, step.channel(), false, &body, publication);
        }
    }
    Ok(())
}

/// `publish {sizes_MiB}`: the client P15 publishes 15 MiB, and so on. It takes as long as the
/// network needs; here it arrives when the answer was seen.
fn sizes(recording: &Recording, script: &mut Script) {
    for actor in 0..script.actors.len() {
        let name = script.actors[actor].name.clone();
        let Some(mib) = name.strip_prefix('P').and_then(|it| it.parse::<u32>().ok()) else {
            continue;
        };
        let Some(queue) = script.declared(actor, Time::MAX) else { continue };
        let declared = recording
            .steps
            .iter()
            .find(|step| step.actor == name && step.op == "queue.declare")
            .map_or(0.0, |step| step.at_ms);
        let closed = recording
            .observed
            .iter()
            .find(|seen| seen.actor == name && seen.event == "channel-closed")
            .map(|seen| seen.at_ms - 1.0);
        let at = time(closed.unwrap_or(declared + 20.0));
        let publication = plain(queue.as_str(), false, mib << 20);
        script.publish(actor, at, 1, false, &name, publication);
    }
}

/// Arrivals in a dead-letter queue, which the harness emptied again and again: `"…, arrived (ms
/// after binding)": ["m1", 1624]` and `"…, then drained repeatedly (body, ms)": [["filler", 3], …]`.
/// Since the times of arrival vary, each is looked for a second later than it was found.
fn at_least_once(recording: &Recording, script: &mut Script) {
    let summaries = recording.observed.iter().filter(|seen| seen.event == "summary");
    for (key, value) in summaries.flat_map(|seen| &seen.fields) {
        let Some((strategy, what)) = key.split_once(": ") else { continue };
        let arrived = what.ends_with("arrived (ms after binding)");
        if !arrived && !what.ends_with("then drained repeatedly (body, ms)") {
            continue;
        }
        if recording.conclusion().starts_with("worker confirm timeout set to 3 s") {
            script.config.dead_letter_confirm_timeout = Span::from_secs(3);
        }
        let queue = format!("{}_{strategy}", if arrived { "dlq" } else { "full" });
        let begin = recording.steps.iter().rev().find(|step| match arrived {
            true => step.op == "queue.bind" && step.text("queue") == queue,
            false => {
                step.op == "basic.nack"
                    && recording.steps.iter().any(|get| {
                        get.op == "basic.get"
                            && get.at_ms < step.at_ms
                            && get.at_ms > step.at_ms - 100.0
                            && get.text("queue") == format!("src_{strategy}f")
                    })
            }
        });
        let Some(begin) = begin else { continue };
        let actor = script.actor(&begin.actor);
        let one = value.as_array().cloned().unwrap_or_default();
        let many: Vec<serde_json::Value> =
            if arrived && !one.is_empty() { vec![one.into()] } else { one };
        for (nth, arrival) in many.iter().enumerate() {
            let after = arrival.get(1).and_then(serde_json::Value::as_f64).unwrap_or(0.0);
            let late = if arrived { 0.0 } else { 1_500.0 * nth as f64 };
            let at = time(begin.at_ms) + span(after + late);
            script.drain(actor, at.max(time(begin.at_ms) + Span::from_millis(3)), 1, &queue);
        }
    }
}

/// What the probe of the Node client did, as far as it depends on the broker: a redeclaration that
/// does not fit, a consumer whose queue is deleted, unroutable publishes, and a full queue.
fn amqplib(script: &mut Script, seen: &Observed) {
    let actor = script.actor(&seen.actor);
    let at = |ms: u64| before(time(seen.at_ms), Span::from_millis(2_000)) + Span::from_millis(ms);
    let declare = |queue: &str, arguments: &[(&str, Amqp)]| {
        Method::QueueDeclare(Box::new(QueueDeclare {
            queue: queue.into(),
            durable: true,
            arguments: arguments
                .iter()
                .map(|(name, value)| (Name::from(*name), value.clone()))
                .collect(),
            ..QueueDeclare::default()
        }))
    };
    script.send(actor, at(0), 1, declare("aq", &[("x-message-ttl", Amqp::Int(1000))]));
    script.send(actor, at(10), 1, declare("aq", &[("x-message-ttl", Amqp::Int(2000))]));
    script.send(actor, at(100), 2, declare("gone", &[]));
    script.send(actor, at(110), 2, subscription("gone", "g", false));
    let delete = Method::QueueDelete { queue: "gone".into(), if_unused: false, if_empty: false };
    script.send(actor, at(120), 2, delete);
    script.send(actor, at(200), 3, Method::ConfirmSelect);
    script.publish(actor, at(210), 3, false, "unroutable", plain("nowhere", false, 1));
    script.publish(actor, at(220), 3, true, "mandatory", plain("nowhere", false, 1));
    let full = [("x-max-length", Amqp::Int(1)), ("x-overflow", "reject-publish".into())];
    script.send(actor, at(300), 3, declare("full", &full));
    script.publish(actor, at(310), 3, false, "first", plain("full", false, 1));
    script.publish(actor, at(330), 3, false, "second", plain("full", false, 1));
    script.unscripted.extend([1, 2, 3].map(|channel| (actor, channel)));
}
