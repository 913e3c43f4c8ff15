//! What clients receive, frame by frame, confirms apart.

use redeliver::talk::{Delivery, Frame};
use serde_json::{Map, Value, json};

use super::{Tally, Trouble};
use crate::client::Entry;
use crate::lab::Run;
use crate::recording::{Observed, Recording};
use crate::script::Script;
use crate::values::{comparable, props_of};

/// How much later the model may be.
const TOLERANCE_MS: f64 = 75.0;

/// How much earlier it may be: the recorded machine was busy now and then.
const HEAD_START_MS: f64 = 150.0;

/// How far apart in time the same event may be where the recording says that times vary.
const WIDE_TOLERANCE_MS: f64 = 250.0;

/// So long before the end of a recording the client may already have stopped looking.
pub const END_MS: f64 = 10.0;

/// An event of the model in the words of a recording.
struct Event {
    at_ms: f64,
    channel: u16,
    kind: &'static str,
    fields: Map<String, Value>,
}

impl Event {
    /// As [`Observed::is_forced`].
    fn is_forced(&self) -> bool {
        self.kind == "connection-closed" && self.fields.get("code") == Some(&json!(320))
    }
}

/// Compares, actor by actor and channel by channel.
pub(super) fn compare(
    recording: &Recording,
    script: &Script,
    run: &Run,
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    let mut names: Vec<&str> = script.actors.iter().map(|actor| actor.name.as_str()).collect();
    for seen in recording.observed.iter().filter(|seen| seen.is_of_client()) {
        if !names.contains(&seen.actor.as_str()) {
            names.push(&seen.actor);
        }
    }
    for name in names {
        let entries = script.find(name).map_or(&[][..], |at| run.clients[at].log());
        let of_actor: Vec<&Observed> =
            recording.observed.iter().filter(|seen| seen.actor == name).collect();
        let mut modelled = Vec::new();
        for entry in entries {
            modelled.extend(event(entry, script));
        }
        // some of the harness's own questions are not in the recordings
        modelled.retain(|event| {
            let asked = |seen: &Observed| {
                seen.event == event.kind && seen.fields.get("queue") == event.fields.get("queue")
            };
            event.kind != "declare-ok" || of_actor.iter().any(|seen| asked(seen))
        });
        // a client that did not read at that moment is not told why the broker stopped
        modelled.retain(|event| !event.is_forced() || of_actor.iter().any(|seen| seen.is_forced()));
        let actor = script.find(name);
        let scripted =
            |channel: u16| actor.is_none_or(|actor| !script.unscripted.contains(&(actor, channel)));
        for seen in of_actor.iter().filter(|seen| rank(&seen.event).is_none()) {
            if !matches!(
                seen.event.as_str(),
                "confirm-ack" | "confirm-nack" | "tcp-closed" | "amqplib-probe"
            ) {
                troubles.push(Trouble::Unknown(format!("the event {}", seen.event)));
            }
        }
        let mut channels: Vec<u16> = of_actor.iter().map(|seen| lane(seen)).collect();
        channels.extend(modelled.iter().map(|event| event.channel));
        channels.sort_unstable();
        channels.dedup();
        for channel in channels {
            let wanted: Vec<&Observed> = of_actor
                .iter()
                .copied()
                .filter(|seen| lane(seen) == channel && rank(&seen.event).is_some())
                .collect();
            let got: Vec<&Event> =
                modelled.iter().filter(|event| event.channel == channel).collect();
            if scripted(channel) {
                pair(recording, name, &wanted, &got, tally, troubles);
            } else {
                sample(name, &wanted, &got, tally, troubles);
            }
        }
        ends(recording, name, &of_actor, entries, tally, troubles);
    }
}

/// Events that are compared in sequence have a rank; the connection's own are on channel 0.
fn rank(event: &str) -> Option<bool> {
    match event {
        "deliver"
        | "get-ok"
        | "get-empty"
        | "declare-ok"
        | "return"
        | "channel-closed"
        | "cancelled-by-broker" => Some(false),
        "connection-closed" | "connection-blocked" | "connection-unblocked" | "heartbeat" => {
            Some(true)
        }
        _ => None,
    }
}

fn lane(seen: &Observed) -> u16 {
    if rank(&seen.event) == Some(true) { 0 } else { seen.channel() }
}

fn pair(
    recording: &Recording,
    actor: &str,
    wanted: &[&Observed],
    got: &[&Event],
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    for (at, seen) in wanted.iter().enumerate() {
        tally.judged += 1;
        let Some(event) = got.get(at) else {
            let what = format!("{actor} saw {}, in the model nothing more", told(seen));
            troubles.push(Trouble::at(seen.at_ms, what));
            return;
        };
        if let Some(how) = difference(recording, seen, event) {
            let model = format!("{} {}", event.kind, Value::Object(event.fields.clone()));
            let what = format!("{actor} saw {}, in the model {model} ({how})", told(seen));
            troubles.push(Trouble::at(seen.at_ms, what));
            return;
        }
    }
    let extra = got.get(wanted.len());
    if let Some(event) = extra.filter(|event| !may_be_missed(recording, actor, event)) {
        let what = format!(
            "{actor} saw nothing more, in the model {} {}",
            event.kind,
            Value::Object(event.fields.clone())
        );
        troubles.push(Trouble::at(event.at_ms, what));
    }
}

/// Whether a client of the recording need not have seen this: it came when nobody looked any more.
/// An answer is always waited for, and a return is there before the confirm of its message.
fn may_be_missed(recording: &Recording, actor: &str, event: &Event) -> bool {
    let at_the_end = event.at_ms >= recording.end_ms() - END_MS;
    at_the_end
        && match event.kind {
            "get-ok" | "get-empty" | "declare-ok" => false,
            "return" => !recording.observed.iter().any(|seen| {
                seen.actor == actor
                    && seen.event.starts_with("confirm-")
                    && seen.at_ms >= event.at_ms
            }),
            _ => true,
        }
}

/// Compares what was written down, here and there, of a channel with much traffic. It must be what
/// the model says at the same delivery tag, or at its last one if it did less in that time; when, is
/// not compared.
fn sample(
    actor: &str,
    wanted: &[&Observed],
    got: &[&Event],
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    let tag = |fields: &Map<String, Value>| fields.get("tag").and_then(Value::as_u64).unwrap_or(0);
    let mut last = 0;
    for seen in wanted.iter().filter(|seen| seen.event == "deliver") {
        tally.judged += 1;
        let is_next = tag(&seen.fields) > last;
        last = tag(&seen.fields);
        let deliveries = got.iter().filter(|event| event.kind == "deliver");
        let event = deliveries.take_while(|event| tag(&event.fields) <= last).last();
        let same = |name: &str| event.map(|it| it.fields.get(name)) == Some(seen.fields.get(name));
        let facts = ["consumer", "redelivered", "body", "exchange", "routing_key"];
        let alike =
            event.is_some_and(|event| properties_of(&event.fields) == properties_of(&seen.fields));
        if !is_next || !alike || !facts.iter().all(|name| same(name)) {
            let model = event.map(|event| Value::Object(event.fields.clone()));
            let what = format!("{actor} saw {}, in the model {model:?}", told(seen));
            return troubles.push(Trouble::at(seen.at_ms, what));
        }
    }
}

/// The properties among the fields of an event, as they are compared.
fn properties_of(fields: &Map<String, Value>) -> Map<String, Value> {
    let none = Map::new();
    comparable(fields.get("props").and_then(Value::as_object).unwrap_or(&none))
}

fn difference(recording: &Recording, seen: &Observed, event: &Event) -> Option<String> {
    if seen.event != event.kind {
        return Some("another event".to_owned());
    }
    for (name, wanted) in seen.fields.iter().filter(|(name, _)| *name != "ch") {
        let got = event.fields.get(name).unwrap_or(&Value::Null);
        if name == "props" {
            continue;
        }
        if wanted != got {
            return Some(format!("{name}: {wanted} and {got}"));
        }
    }
    let (wanted, got) = (properties_of(&seen.fields), properties_of(&event.fields));
    if wanted != got {
        let (wanted, got) = (Value::Object(wanted), Value::Object(got));
        return Some(format!("properties: {wanted} and {got}"));
    }
    let apart = event.at_ms - seen.at_ms;
    let vary = ["times", "lateness", "latencies"].iter().any(|what| recording.varies(what));
    let fits = match vary {
        true => apart.abs() <= WIDE_TOLERANCE_MS,
        false => (-HEAD_START_MS..=TOLERANCE_MS).contains(&apart),
    };
    (!fits).then(|| format!("{apart:+.1} ms apart"))
}

/// Ends of connections: a client may have read of it late, but not before.
fn ends(
    recording: &Recording,
    actor: &str,
    seen: &[&Observed],
    entries: &[Entry],
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    let ends = |frame: &Option<Frame>| matches!(frame, None | Some(Frame::ConnectionClosed { .. }));
    let mut modelled = entries.iter().filter(|entry| ends(&entry.frame));
    for end in seen.iter().filter(|seen| seen.event == "tcp-closed") {
        tally.judged += 1;
        let by_outage = recording.steps.iter().any(|step| {
            step.at_ms <= end.at_ms && (step.op.contains("kill") || step.op.contains("graceful"))
        });
        let latest = end.at_ms + 4.0 * TOLERANCE_MS;
        let earliest = if by_outage { 0.0 } else { end.at_ms - 4.0 * TOLERANCE_MS };
        if !modelled.any(|entry| (earliest..=latest).contains(&millis(entry.at))) {
            let what = format!("{actor} lost its connection, in the model it did not");
            troubles.push(Trouble::at(end.at_ms, what));
            return;
        }
    }
}

fn told(seen: &Observed) -> String {
    format!("{} {}", seen.event, Value::Object(seen.fields.clone()))
}

/// A time of the model in the unit of recordings.
pub(super) fn millis(at: redeliver::kernel::Time) -> f64 {
    at.as_nanos() as f64 / 1e6
}

fn event(entry: &Entry, script: &Script) -> Option<Event> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.to_owned(), value);
    };
    let message = |delivery: &Delivery, put: &mut dyn FnMut(&str, Value)| {
        let publication = &delivery.message.publication;
        let body = script.message(delivery.message.id).map_or("?", |sent| &sent.body);
        put("tag", json!(delivery.tag));
        put("redelivered", json!(delivery.redelivered));
        put("body", json!(body));
        put("exchange", json!(publication.exchange.as_str()));
        put("routing_key", json!(publication.routing_key.as_str()));
        put("props", Value::Object(props_of(delivery)));
    };
    let mut channel = entry.channel;
    let kind = match entry.frame.as_ref()? {
        Frame::Deliver { consumer_tag, delivery } => {
            put("consumer", json!(consumer_tag.as_str()));
            message(delivery, &mut put);
            "deliver"
        }
        Frame::GetOk { delivery, message_count } => {
            message(delivery, &mut put);
            put("message_count", json!(message_count));
            "get-ok"
        }
        Frame::GetEmpty => "get-empty",
        Frame::DeclareOk { queue, ready, consumers } => {
            put("queue", json!(queue.as_str()));
            put("ready", json!(ready));
            put("consumers", json!(consumers));
            "declare-ok"
        }
        Frame::Return { code, text, message } => {
            let body = script.message(message.id).map_or("?", |sent| &sent.body);
            put("code", json!(code));
            put("text", json!(text.as_str()));
            put("exchange", json!(message.publication.exchange.as_str()));
            put("routing_key", json!(message.publication.routing_key.as_str()));
            put("body", json!(body));
            "return"
        }
        Frame::ChannelClosed { code, text } => {
            put("code", json!(code));
            put("text", json!(text.as_str()));
            "channel-closed"
        }
        Frame::ConnectionClosed { code, text } => {
            put("code", json!(code));
            put("text", json!(text.as_str()));
            channel = 0;
            "connection-closed"
        }
        Frame::CancelledByBroker { consumer_tag } => {
            put("consumer", json!(consumer_tag.as_str()));
            "cancelled-by-broker"
        }
        Frame::Blocked { reason } => {
            put("reason", json!(reason.as_str()));
            channel = 0;
            "connection-blocked"
        }
        Frame::Unblocked => {
            channel = 0;
            "connection-unblocked"
        }
        Frame::Heartbeat => {
            channel = 0;
            "heartbeat"
        }
        Frame::ConfirmAck { .. }
        | Frame::ConfirmNack { .. }
        | Frame::Ok(_)
        | Frame::Removed { .. }
        | Frame::ConsumeOk { .. }
        | Frame::CancelOk { .. } => return None,
    };
    Some(Event { at_ms: millis(entry.at), channel, kind, fields })
}
