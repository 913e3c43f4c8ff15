//! Publisher confirms: the outcome of each publish. Their order and how they are bundled is up to
//! the server; only a return must come before the confirm of its message.

use std::collections::BTreeMap;

use redeliver::talk::Frame;
use serde_json::Value;

use super::events::millis;
use super::{Tally, Trouble};
use crate::client::{Entry, What};
use crate::lab::Run;
use crate::recording::{Observed, Recording};
use crate::script::{Script, Sent};

/// A channel between two openings.
type Lane = (u16, u32);

/// By publish tag: whether it was accepted, and where in the sequence that was said.
type Outcomes = BTreeMap<u64, (bool, usize)>;

#[derive(Default)]
struct Side {
    outcomes: BTreeMap<Lane, Outcomes>,
    /// Returned messages: which lane, what came back, and where in the sequence.
    returns: Vec<(Lane, String, usize)>,
}

impl Side {
    fn confirm(&mut self, lane: Lane, place: usize, tag: u64, multiple: bool, accepted: bool) {
        let outcomes = self.outcomes.entry(lane).or_default();
        let first = if multiple { 1 } else { tag };
        for tag in first..=tag {
            outcomes.entry(tag).or_insert((accepted, place));
        }
    }
}

pub(super) fn compare(
    recording: &Recording,
    script: &Script,
    run: &Run,
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    for (at, actor) in script.actors.iter().enumerate() {
        let (recorded, when) = recorded(recording, script, at);
        let modelled = modelled(run.clients[at].log(), script);
        for (lane, outcomes) in &recorded.outcomes {
            let none = Outcomes::new();
            let got = modelled.outcomes.get(lane).unwrap_or(&none);
            for (tag, (accepted, _)) in outcomes {
                tally.judged += 1;
                let word = |accepted: bool| if accepted { "acked" } else { "nacked" };
                let what = match got.get(tag) {
                    Some((same, _)) if same == accepted => continue,
                    Some((other, _)) => format!("in the model {}", word(*other)),
                    None => "in the model it never was".to_owned(),
                };
                let what = format!(
                    "{}'s publish {tag} on channel {} was {}, {what}",
                    actor.name,
                    lane.0,
                    word(*accepted)
                );
                let at_ms = when.get(&(*lane, *tag)).copied().unwrap_or(0.0);
                troubles.push(Trouble::at(at_ms, what));
                break;
            }
        }
        for (lane, got) in &modelled.outcomes {
            let seen = recorded.outcomes.get(lane);
            let extra = got.keys().find(|tag| seen.is_none_or(|it| !it.contains_key(tag)));
            if let Some(tag) = extra
                && let Some(sent) = sent(script, at, *lane, *tag)
                && was_read(recording, script, at, sent)
            {
                let what = format!(
                    "{}'s publish {tag} on channel {} was never confirmed, in the model it was",
                    actor.name, lane.0
                );
                troubles.push(Trouble::at(millis(sent.at), what));
            }
        }
        returned_first(&actor.name, script, at, &recorded, &modelled, troubles);
    }
}

fn sent(script: &Script, actor: usize, lane: Lane, tag: u64) -> Option<&Sent> {
    script
        .sent
        .iter()
        .find(|sent| sent.actor == actor && (sent.channel, sent.epoch) == lane && sent.tag == tag)
}

/// Whether the recorded client would have seen a confirm of this publish: the recording shows some
/// for this channel at all, or the client stayed for a while.
fn was_read(recording: &Recording, script: &Script, actor: usize, sent: &Sent) -> bool {
    let at_ms = millis(sent.at);
    let name = &script.actors[actor].name;
    let left = script.acts.iter().any(|(whose, act)| {
        let after = *whose == actor && act.at >= sent.at && millis(act.at) < at_ms + 300.0;
        let ends = match &act.what {
            What::Drop => true,
            What::Send(channel, method) => {
                use redeliver::talk::Method::{ChannelClose, Close};
                matches!(**method, Close)
                    || (*channel == sent.channel && matches!(**method, ChannelClose))
            }
            _ => false,
        };
        after && ends
    });
    let closed = recording.observed.iter().any(|seen| {
        seen.actor == *name
            && seen.event.ends_with("closed")
            && seen.at_ms >= at_ms
            && seen.at_ms < at_ms + 300.0
    });
    let reads = recording
        .observed
        .iter()
        .any(|seen| seen.actor == *name && is_confirm(seen) && seen.channel() == sent.channel);
    reads && !left && !closed && at_ms + 30.0 < recording.end_ms()
}

fn is_confirm(seen: &Observed) -> bool {
    matches!(seen.event.as_str(), "confirm-ack" | "confirm-nack")
}

fn recorded(
    recording: &Recording,
    script: &Script,
    actor: usize,
) -> (Side, BTreeMap<(Lane, u64), f64>) {
    let name = &script.actors[actor].name;
    let mut side = Side::default();
    let mut when = BTreeMap::new();
    let mine = recording.observed.iter().filter(|seen| seen.actor == *name);
    for (place, seen) in mine.enumerate() {
        let channel = seen.channel();
        let opened = recording.steps.iter().filter(|step| {
            step.actor == *name
                && step.op == "channel.open"
                && step.channel() == channel
                && step.at_ms <= seen.at_ms
        });
        let lane = (channel, u32::try_from(opened.count().max(1)).unwrap_or(u32::MAX));
        match seen.event.as_str() {
            "confirm-ack" | "confirm-nack" => {
                let multiple = seen.fields.get("multiple") == Some(&Value::Bool(true));
                let tag = seen.number("tag").unwrap_or(0);
                side.confirm(lane, place, tag, multiple, seen.event == "confirm-ack");
                when.insert((lane, tag), seen.at_ms);
            }
            "return" => {
                let what = key(seen.text("exchange"), seen.text("routing_key"), seen.text("body"));
                side.returns.push((lane, what, place));
            }
            _ => {}
        }
    }
    (side, when)
}

fn modelled(log: &[Entry], script: &Script) -> Side {
    let mut side = Side::default();
    for (place, entry) in log.iter().enumerate() {
        let lane = (entry.channel, entry.epoch);
        match &entry.frame {
            Some(Frame::ConfirmAck { tag, multiple }) => {
                side.confirm(lane, place, *tag, *multiple, true);
            }
            Some(Frame::ConfirmNack { tag, multiple }) => {
                side.confirm(lane, place, *tag, *multiple, false);
            }
            Some(Frame::Return { message, .. }) => {
                let body = script.message(message.id).map_or("?", |sent| &sent.body);
                let to = &message.publication;
                side.returns.push((
                    lane,
                    key(to.exchange.as_str(), to.routing_key.as_str(), body),
                    place,
                ));
            }
            _ => {}
        }
    }
    side
}

fn key(exchange: &str, routing_key: &str, body: &str) -> String {
    format!("{body} to {exchange}/{routing_key}")
}

/// Where the server returned a message before it confirmed it, so must the model.
fn returned_first(
    actor: &str,
    script: &Script,
    at: usize,
    recorded: &Side,
    modelled: &Side,
    troubles: &mut Vec<Trouble>,
) {
    let first = |side: &Side, lane: &Lane, what: &str, nth: usize| {
        let mut same = script.sent.iter().filter(|sent| {
            let to = &sent.publication;
            sent.actor == at
                && (sent.channel, sent.epoch) == *lane
                && key(to.exchange.as_str(), to.routing_key.as_str(), &sent.body) == what
        });
        let mut returns = side.returns.iter().filter(|(on, it, _)| on == lane && it == what);
        let place = returns.nth(nth)?.2;
        let sent = same.nth(nth)?;
        let (_, confirm) = side.outcomes.get(lane)?.get(&sent.tag)?;
        Some((place < *confirm, sent.at))
    };
    for (position, (lane, what, _)) in recorded.returns.iter().enumerate() {
        let earlier = &recorded.returns[..position];
        let nth = earlier.iter().filter(|(on, it, _)| on == lane && it == what).count();
        let (real, model) = (first(recorded, lane, what, nth), first(modelled, lane, what, nth));
        if let (Some((real, sent)), Some((model, _))) = (real, model)
            && real != model
        {
            let what = format!("{actor}: {what} came back in another order with its confirm");
            troubles.push(Trouble::at(millis(sent), what));
        }
    }
}
