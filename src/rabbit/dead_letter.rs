//! Dead letters: what a message becomes when its queue discards it.
//!
//! Source: `rabbit_dead_letter.erl`, `mc.erl`; docs dlx.

use std::sync::Arc;

use super::profile::Profile;
use super::queue::Settings;
use crate::kernel::Time;
use crate::talk::{Death, Headers, Message, Name, Publication, Value};

/// What happened to a message.
pub(crate) struct Demise<'a> {
    /// The queue that discards it.
    pub(crate) queue: &'a Name,
    pub(crate) why: Death,
    pub(crate) now: Time,
    /// Its `x-death` header is the broker's own, and not what a client published.
    pub(crate) lettered: bool,
}

/// All keys that a message is routed by: its routing key, `CC` and `BCC`.
/// <https://www.rabbitmq.com/docs/sender-selected>
pub(crate) fn keys(publication: &Publication, into: &mut Vec<Name>) {
    into.clear();
    into.push(publication.routing_key.clone());
    for header in ["CC", "BCC"] {
        into.extend(listed(&publication.properties.headers, header).cloned());
    }
}

/// The message as a consumer sees it: without the `BCC` header, which its queue keeps so that a
/// dead letter is routed by those keys, too.
pub(crate) fn without_blind_keys(mut message: Message) -> Message {
    let headers = &message.publication.properties.headers;
    if !headers.is_empty() && headers.contains_key("BCC") {
        Arc::make_mut(&mut message.publication).properties.headers.remove("BCC");
    }
    message
}

/// The publication that goes to the dead-letter exchange.
pub(crate) fn letter(
    publication: &Publication,
    demise: &Demise<'_>,
    settings: &Settings,
    profile: &Profile,
) -> Arc<Publication> {
    let mut letter = publication.clone();
    let headers = &mut letter.properties.headers;
    if !demise.lettered && !profile.client_deaths_count {
        headers.remove("x-death");
        headers.retain(|name, _| !is_death_header(name.as_str()));
    }
    record(headers, publication, demise, profile);
    letter.properties.expiration = None;
    if let Some(key) = &settings.dead_letter_routing_key {
        letter.routing_key = key.clone();
        headers.remove("BCC");
        if profile.dead_letter_key_removes_cc {
            headers.remove("CC");
        }
    }
    letter.exchange = settings.dead_letter_exchange.clone().unwrap_or_default();
    Arc::new(letter)
}

fn is_death_header(name: &str) -> bool {
    name.starts_with("x-first-death-") || name.starts_with("x-last-death-")
}

/// Enters a death into the headers: most recent first, one entry for each queue and reason, whose
/// time and keys are those of the first such death.
fn record(headers: &mut Headers, before: &Publication, demise: &Demise<'_>, profile: &Profile) {
    let reason = Value::from(demise.why.reason().unwrap_or_default());
    let queue = Value::Text(demise.queue.clone());
    let exchange = Value::Text(before.exchange.clone());
    let before_this = headers.remove("x-death");
    let is_first = before_this.is_none();
    let mut deaths = match before_this {
        Some(Value::List(deaths)) => deaths,
        _ => Vec::new(),
    };
    let same = |death: &Value| {
        field(death, "queue") == Some(&queue) && field(death, "reason") == Some(&reason)
    };
    let entry = match deaths.iter().position(same) {
        Some(at) => {
            let mut entry = deaths.remove(at);
            if let Value::Table(fields) = &mut entry {
                let count = fields.get("count").and_then(Value::as_int).unwrap_or(0);
                fields.insert("count".into(), Value::Int(count + 1));
            }
            entry
        }
        None => Value::Table(first(before, demise, &reason, &queue, &exchange)),
    };
    deaths.insert(0, entry);
    headers.insert("x-death".into(), Value::List(deaths));
    let facts = [("reason", reason), ("queue", queue), ("exchange", exchange)];
    if is_first {
        for (what, value) in &facts {
            headers.insert(format!("x-first-death-{what}").into(), value.clone());
        }
    }
    if profile.last_death_headers {
        for (what, value) in facts {
            headers.insert(format!("x-last-death-{what}").into(), value);
        }
    }
}

fn first(
    before: &Publication,
    demise: &Demise<'_>,
    reason: &Value,
    queue: &Value,
    exchange: &Value,
) -> Headers {
    // without the BCC keys, which nobody is to see
    let keys = std::iter::once(&before.routing_key)
        .chain(listed(&before.properties.headers, "CC"))
        .map(|key| Value::Text(key.clone()))
        .collect();
    let mut fields = Headers::from([
        ("count".into(), Value::Int(1)),
        ("reason".into(), reason.clone()),
        ("queue".into(), queue.clone()),
        ("time".into(), Value::Timestamp(demise.now.as_millis() / 1_000)),
        ("exchange".into(), exchange.clone()),
        ("routing-keys".into(), Value::List(keys)),
    ]);
    if let Some(expiration) = &before.properties.expiration {
        fields.insert("original-expiration".into(), Value::Text(expiration.clone()));
    }
    fields
}

/// Whether a message that died for `why` would go round in an automatic cycle if it came to
/// `queue`: it was there before, and no death since was a rejection. A rejection is never part of
/// a cycle. Source: `rabbit_dead_letter:detect_cycles/3`.
pub(crate) fn is_cycle(letter: &Publication, why: Death, queue: &Name) -> bool {
    let Some(Value::List(deaths)) = letter.properties.headers.get("x-death") else { return false };
    if why == Death::Rejected {
        return false;
    }
    let there = Value::Text(queue.clone());
    let Some(last) = deaths.iter().position(|death| field(death, "queue") == Some(&there)) else {
        return false;
    };
    let rejected = Value::from("rejected");
    deaths[..=last].iter().all(|death| field(death, "reason") != Some(&rejected))
}

fn field<'a>(death: &'a Value, name: &str) -> Option<&'a Value> {
    match death {
        Value::Table(fields) => fields.get(name),
        _ => None,
    }
}

/// The texts of a list in the headers.
fn listed<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a Name> {
    let list = match headers.get(name) {
        Some(Value::List(list)) => &list[..],
        _ => &[],
    };
    list.iter().filter_map(Value::as_text)
}
