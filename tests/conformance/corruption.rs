//! A test of the judge: it must be able to say no.
//!
//! From each recording one observed fact is taken and turned into its opposite, or into something
//! else: a flag, an order, a count, an outcome, an event that is missing or that is there twice. A
//! judge that still calls the recording reproduced does not look at that fact.

use serde_json::{Value, json};

use crate::judge::END_MS;
use crate::recording::{Observed, Recording};

/// A recording with one fact changed.
pub struct Corrupted {
    pub recording: Recording,
    /// What kind of change it is.
    pub kind: &'static str,
    /// What was changed, in words.
    pub what: String,
}

/// Changes one fact of an observation. `None` where it has no such fact.
type Change = fn(&mut Observed) -> Option<()>;

/// The kinds of changes to one observation.
const CHANGES: [(&str, Change); 13] = [
    ("redelivered flag flipped", |seen| flip(seen, "redelivered")),
    ("delivery tag raised", |seen| {
        if !matches!(seen.event.as_str(), "deliver" | "get-ok") {
            return None;
        }
        raise(seen.fields.get_mut("tag")?)
    }),
    ("count of deaths raised", |seen| {
        raise(headers(seen)?.get_mut("x-death")?.get_mut(0)?.get_mut("count")?)
    }),
    ("reason of death changed", |seen| {
        let reason = headers(seen)?.get_mut("x-death")?.get_mut(0)?.get_mut("reason")?;
        replace(reason, if reason == "expired" { "rejected" } else { "expired" })
    }),
    ("delivery count raised", |seen| raise(headers(seen)?.get_mut("x-delivery-count")?)),
    ("delivery count added", |seen| {
        let is_delivery = matches!(seen.event.as_str(), "deliver" | "get-ok");
        if !is_delivery || headers(seen).is_some_and(|it| it.get("x-delivery-count").is_some()) {
            return None;
        }
        let props = seen.fields.entry("props").or_insert_with(|| json!({}));
        let headers = props.as_object_mut()?.entry("headers").or_insert_with(|| json!({}));
        headers.as_object_mut()?.insert("x-delivery-count".to_owned(), json!(7));
        Some(())
    }),
    ("confirm turned round", |seen| {
        seen.event = match seen.event.as_str() {
            "confirm-ack" => "confirm-nack",
            "confirm-nack" => "confirm-ack",
            _ => return None,
        }
        .to_owned();
        Some(())
    }),
    ("number of ready messages raised", |seen| {
        if seen.event != "declare-ok" {
            return None;
        }
        raise(seen.fields.get_mut("ready")?)
    }),
    ("number of consumers raised", |seen| raise(seen.fields.get_mut("consumers")?)),
    ("number of messages left raised", |seen| raise(seen.fields.get_mut("message_count")?)),
    ("last message of a list left out", |seen| {
        seen.fields.get_mut("head_to_tail")?.as_array_mut()?.pop().map(drop)
    }),
    ("queue of a route left out", |seen| {
        seen.fields.get_mut("to")?.as_array_mut()?.pop().map(drop)
    }),
    ("reply code changed", |seen| raise(seen.fields.get_mut("code")?)),
];

/// The kinds of changes to the sequence of observations.
const STRUCTURAL: [&str; 4] = ["two bodies swapped", "left out", "seen twice", "return left out"];

/// What may be changed without anybody noticing: in recordings of which versions (those that begin
/// so) and of which names (likewise), how, and why that is right.
const UNNOTICED: [(&str, &str, &str, &str); 3] = [
    ("", "73-poison-classic", "delivery tag raised", SAMPLE),
    ("", "73-poison-classic", "left out", SAMPLE),
    (
        "4.0.5",
        "52-publisher-confirm-misc",
        "number of ready messages raised",
        "of the 50 publishes of a client that reset its connection 2 arrived; more could have",
    ),
];

const SAMPLE: &str = "one of thousands of deliveries, of which the recording shows but this one; \
                      how many there were varies";

/// Whether a change goes unnoticed for a good reason.
pub fn goes_unnoticed(recording: &Recording, kind: &str) -> bool {
    UNNOTICED.iter().any(|(version, name, how, _)| {
        recording.version().starts_with(version) && recording.name.starts_with(name) && *how == kind
    })
}

/// All kinds of changes.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    CHANGES.iter().map(|(kind, _)| *kind).chain(STRUCTURAL)
}

/// Changes one fact of a recording in this way. `None` where it has no such fact.
pub fn corrupt(recording: &Recording, kind: &'static str) -> Option<Corrupted> {
    let fitting: Vec<usize> =
        (0..recording.observed.len()).filter(|at| apply(recording, kind, *at).is_some()).collect();
    let at = pick(&fitting, &recording.name, kind)?;
    let seen = &recording.observed[at];
    let what = format!("{kind}: {} {} at {} ms", seen.actor, seen.event, seen.at_ms);
    Some(Corrupted { recording: apply(recording, kind, at)?, kind, what })
}

/// One of the places; which one is a matter of names only.
fn pick(places: &[usize], name: &str, kind: &str) -> Option<usize> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes().chain(kind.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    let at = (hash >> 20).checked_rem(places.len() as u64)?;
    places.get(usize::try_from(at).ok()?).copied()
}

fn apply(recording: &Recording, kind: &str, at: usize) -> Option<Recording> {
    let mut changed = recording.clone();
    match CHANGES.iter().find(|(name, _)| *name == kind) {
        Some((_, change)) => change(changed.observed.get_mut(at)?)?,
        None => structural(&mut changed.observed, kind, at)?,
    }
    // what came at the very end may have been missed by a client that had stopped looking
    let leaves_out =
        kind.ends_with("left out") && changed.observed.len() < recording.observed.len();
    let missed = recording.observed[at].at_ms >= changed.end_ms() - END_MS;
    (!leaves_out || !missed).then_some(changed)
}

fn structural(seen: &mut Vec<Observed>, what: &str, at: usize) -> Option<()> {
    let one = seen.get(at)?.clone();
    let is_delivery = |it: &Observed| matches!(it.event.as_str(), "deliver" | "get-ok");
    match what {
        "two bodies swapped" if is_delivery(&one) => {
            let same = |it: &Observed| {
                it.actor == one.actor && it.event == one.event && it.channel() == one.channel()
            };
            let next = (at + 1..seen.len()).find(|next| same(&seen[*next]))?;
            let (first, second) = (one.fields.get("body")?, seen[next].fields.get("body")?.clone());
            if *first == second {
                return None;
            }
            seen[next].fields.insert("body".to_owned(), first.clone());
            seen[at].fields.insert("body".to_owned(), second);
            Some(())
        }
        "left out" if is_delivery(&one) || one.event == "cancelled-by-broker" => {
            seen.remove(at);
            Some(())
        }
        "return left out" if one.event == "return" => {
            seen.remove(at);
            Some(())
        }
        "seen twice" if is_delivery(&one) || one.event == "return" => {
            seen.insert(at + 1, one);
            Some(())
        }
        _ => None,
    }
}

fn headers(seen: &mut Observed) -> Option<&mut Value> {
    seen.fields.get_mut("props")?.get_mut("headers")
}

fn raise(number: &mut Value) -> Option<()> {
    *number = json!(number.as_u64()? + 1);
    Some(())
}

fn replace(text: &mut Value, by: &str) -> Option<()> {
    *text = json!(by);
    Some(())
}

fn flip(seen: &mut Observed, name: &str) -> Option<()> {
    let flag = seen.fields.get_mut(name)?;
    *flag = json!(!flag.as_bool()?);
    Some(())
}
