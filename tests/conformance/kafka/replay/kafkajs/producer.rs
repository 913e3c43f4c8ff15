//! Producers whose requests or answers are lost on the way: what is written twice, in another order,
//! or never.

use redeliver::client::Pacing;
use redeliver::kernel::{Dist, Fault, NodeId, Span};
use redeliver::talk::{Cue, KafkaNote, MessageId, Note};
use serde_json::Value;

use super::super::compare::{Fact, Tolerance};
use super::super::lab::{self, Noted, Stage};
use super::super::trace::{Event, Trace, behind, number};
use super::super::{Family, Replay};

/// Experiments with a producer.
pub struct Producers;

/// How long after a send that is not awaited the next one comes: sooner than KafkaJS tries again
/// (`initialRetryTime` of 300 ms, a fifth less at least).
const NEXT: Span = Span::from_millis(190);

/// One run: a producer and its log.
struct Run<'a> {
    idempotent: bool,
    awaited: bool,
    max_in_flight: Option<u32>,
    /// How many messages it sends.
    messages: u32,
    /// What is lost.
    loss: Loss,
    begins: f64,
    /// When its log was read, and what was in it.
    log: &'a Event,
    acknowledged: Vec<&'a Event>,
}

/// What got lost, of the first attempt to send this message.
enum Loss {
    /// The answer, after the record was written.
    Answer(u32),
    /// The request.
    Request(u32),
}

impl Family for Producers {
    fn fits(&self, trace: &Trace) -> bool {
        trace.client() == "kafkajs-2.2" && trace.events.iter().any(|it| it.list("got").is_some())
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let (mut recorded, mut played) = (Vec::new(), Vec::new());
        for (number, run) in runs(trace)?.iter().enumerate() {
            let (stage, first) = stage(trace, run)?;
            let (notes, _) = stage.play(seed, run.log.at, &[], |_, _| ());
            // of two calls that are not awaited the second may come first
            let (Loss::Answer(lost) | Loss::Request(lost)) = run.loss;
            let changes_places = !run.awaited && seed.is_multiple_of(2);
            let name = |msg: MessageId| match msg.0 - first.0 {
                it if changes_places && it == lost => it + 1,
                it if changes_places && it == lost + 1 => lost,
                it => it,
            };
            let lane = format!("producer {number}");
            recorded.extend(run.recorded(&lane));
            played.extend(run.played(&notes, &lane, &name));
        }
        let end = trace.end() + 60.0;
        Ok(Replay { recorded, played, within: Tolerance { time: 5.0, share: 0.0, race: 5.0, end } })
    }
}

/// The runs of a recording: each ends with what was found in its log.
fn runs(trace: &Trace) -> Result<Vec<Run<'_>>, String> {
    let mut runs = Vec::new();
    let mut events = Vec::new();
    for event in &trace.events {
        if event.list("got").is_none() {
            events.push(event);
            continue;
        }
        runs.push(run(trace, &std::mem::take(&mut events), event)?);
    }
    Ok(runs)
}

fn run<'a>(trace: &'a Trace, events: &[&'a Event], log: &'a Event) -> Result<Run<'a>, String> {
    let what = trace.what.as_str();
    let named: Vec<u32> = log.list("got").into_iter().flatten().filter_map(message).collect();
    let acknowledged: Vec<&Event> =
        events.iter().copied().filter(|it| it.kind == "send-ok").collect();
    let sent = acknowledged.iter().filter_map(|it| it.number("i")).map(|i| i as u32);
    let messages = named.iter().copied().chain(sent).max().ok_or("nothing was sent")? + 1;
    // a message that comes behind a later one
    let overtaken = named.windows(2).find(|two| two[1] < two[0]).map(|two| two[1]);
    let loses = |it: &Event| ["drop", "lost", "kill"].iter().any(|word| it.kind.contains(word));
    let place = events.iter().position(|it| loses(it));
    let lost = place.map(|place| {
        // "response#1-dropped", or the one that would have been acknowledged next
        let before = events[..place].iter().filter(|it| it.kind == "send-ok").count() as f64;
        behind(&events[place].kind, "#").unwrap_or(before) as u32
    });
    let lost = overtaken.or(lost).ok_or("nothing was lost")?;
    let says_request = place.is_some_and(|place| {
        let kind = &events[place].kind;
        kind.contains("request") && !kind.contains("response")
    });
    let loss = match overtaken {
        Some(_) => Loss::Request(lost),
        None if says_request => Loss::Request(lost),
        None => Loss::Answer(lost),
    };
    let said = log.fields.get("idem").and_then(Value::as_bool);
    let begins = events.first().map_or(log.at, |it| it.at);
    Ok(Run {
        idempotent: said.unwrap_or_else(|| {
            what.contains("idempotent:true") || what.contains("idempotent: true")
        }),
        awaited: overtaken.is_none() && !what.contains("un-awaited"),
        max_in_flight: behind(what, "maxInFlightRequests:").map(|n| n as u32),
        messages,
        loss,
        begins,
        log,
        acknowledged,
    })
}

/// The number of a message: 2 of `[5, "m2"]`.
fn message(it: &Value) -> Option<u32> {
    it.get(1)?.as_str()?.strip_prefix('m')?.parse().ok()
}

fn stage(trace: &Trace, run: &Run<'_>) -> Result<(Stage, MessageId), String> {
    let mut lab = lab::cluster(trace.brokers(), trace.begin(), |cluster| {
        cluster.topics.push(cluster.topic("topic", 1));
        Ok(())
    })?;
    let mut config = lab.sender("kafkajs-2.2", 0, run.messages);
    let first = config.first_id;
    config.idempotence = run.idempotent;
    config.link.max_in_flight = run.max_in_flight;
    if !run.awaited {
        (config.pacing, config.window) = (Pacing::Every(Dist::Fixed(NEXT)), 0);
    }
    let producer = lab.produce(run.begins, config)?;
    let leader = *lab.brokers.first().ok_or("no broker")?;
    let cue = |node: NodeId, kind, message| Cue {
        node: Some(node),
        msg: Some(MessageId(first.0 + message)),
        kind,
        skip: 0,
    };
    let cue = match run.loss {
        Loss::Answer(message) => cue(leader, "appended", message),
        Loss::Request(message) => cue(producer, "published", message),
    };
    let broken = vec![(Span::ZERO, Fault::Break(producer, leader))];
    lab.builder.when(cue, Span::ZERO, broken);
    Ok((lab.build(), first))
}

impl Run<'_> {
    fn recorded(&self, lane: &str) -> Vec<Fact> {
        let mut facts = Vec::new();
        for event in &self.acknowledged {
            let i = event.number("i").unwrap_or(-1);
            let offset = event.number("offset").unwrap_or(-1);
            let error = event.number("err").or_else(|| event.number("errorCode")).unwrap_or(0);
            let what = format!("m{i} acknowledged at {offset}, error {error}");
            facts.push(Fact::new(event.at, lane, what));
            let idempotent = event.fields.get("idem").and_then(Value::as_bool);
            if idempotent.is_some_and(|it| it != self.idempotent) {
                facts.push(Fact::new(event.at, lane, "another run"));
            }
        }
        let log = self.log.list("got").into_iter().flatten().map(|it| {
            let offset = it.get(0).and_then(number).unwrap_or(-1);
            format!("{offset}:m{}", message(it).map_or(-1, i64::from))
        });
        let log: Vec<String> = log.collect();
        facts.push(Fact::new(self.log.at, format!("log of {lane}"), log.join(" ")));
        facts
    }

    fn played(&self, notes: &[Noted], lane: &str, name: &impl Fn(MessageId) -> u32) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut log: Vec<String> = Vec::new();
        // what the broker answers for each message
        let mut answers: Vec<(MessageId, u64)> = Vec::new();
        let mut last = 0;
        for noted in notes {
            match noted.note {
                Note::Kafka(KafkaNote::Appended { msg, offset, .. }) => {
                    answers.retain(|it| it.0 != msg);
                    answers.push((msg, offset));
                    log.push(format!("{offset}:m{}", name(msg)));
                    last = offset;
                }
                // it knows the numbers, and answers with the offset of what has them
                Note::Kafka(KafkaNote::SequenceKnown { msg, .. })
                    if !answers.iter().any(|it| it.0 == msg) =>
                {
                    answers.push((msg, last));
                }
                Note::Confirmed { msg } => {
                    let i = name(msg);
                    // the recording leaves out the first ones
                    let told = self.acknowledged.iter().filter_map(|it| it.number("i")).min();
                    let offset = answers.iter().find(|it| it.0 == msg).map_or(-1, |it| it.1 as i64);
                    if told.is_some_and(|told| i64::from(i) >= told) {
                        let what = format!("m{i} acknowledged at {offset}, error 0");
                        facts.push(Fact::new(noted.at, lane, what));
                    }
                }
                _ => {}
            }
        }
        facts.push(Fact::new(self.log.at, format!("log of {lane}"), log.join(" ")));
        facts
    }
}
