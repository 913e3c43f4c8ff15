//! `group_*`: members come and go, and partitions change hands, under each protocol; with a member
//! whose handler is slow, or with static ones.

use redeliver::client::Pacing;
use redeliver::client::kafka::consumer::{GroupProtocol, Phase, assignor};
use redeliver::kernel::{Dist, NodeId, Span};
use redeliver::system::World;
use redeliver::talk::kafka::Left;
use redeliver::talk::{KafkaNote, Note};
use serde_json::Value;

use super::compare::{Fact, Tolerance};
use super::lab::{self, Noted, Stage, secs, text};
use super::trace::{self, Trace, before, behind, span_behind, word_behind};
use super::{Family, Replay};

/// Group timelines.
pub struct Groups;

/// How long partitions may stand still without being mentioned.
const GAP: f64 = 1.0;

/// A process that is a member for a while.
struct Life {
    client: String,
    from: f64,
    /// When it was told to close.
    until: Option<f64>,
    /// The first of its client.
    first: bool,
}

impl Family for Groups {
    fn fits(&self, trace: &Trace) -> bool {
        trace.events.iter().any(|it| it.kind == "subscribe" && it.text("c").is_some())
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let lives = lives(trace);
        let (stage, members) = stage(trace, &lives, seed)?;
        // right before the next thing that is done
        let looks: Vec<f64> = states(trace).map(|it| it.at - 0.02).collect();
        let (notes, views) =
            stage.play(seed, trace.end() + 1.0, &looks, |at, world| state(at, world, &members));
        let client = |node: NodeId| {
            let mine = members.iter().find(|it| it.0 == node)?;
            Some(mine.1.as_str())
        };
        let mut recorded = recorded(trace);
        let mut played = handed_over(&notes, &client);
        played.extend(views);
        gaps(trace, &notes, &client, &mut recorded, &mut played);
        // heartbeats of 3 s bring the news; under KIP-848 those of 5 s
        let heartbeat = if mode(trace) == "consumer848" { 5.0 } else { 3.0 };
        let end = trace.end();
        Ok(Replay {
            recorded,
            played,
            within: Tolerance { time: heartbeat, share: 0.0, race: 1.0, end },
        })
    }
}

fn mode(trace: &Trace) -> &str {
    word_behind(&trace.what, "mode ").unwrap_or("range")
}

fn is_slow(client: &str) -> bool {
    client.contains("slow")
}

fn lives(trace: &Trace) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut told: Option<(f64, &str)> = None;
    for event in &trace.events {
        if let Some(what) = event.kind.strip_prefix("--- ") {
            told = Some((event.at, what));
        }
        let Some(client) = event.text("c") else { continue };
        if event.kind == "subscribe" {
            let first = lives.iter().all(|it| it.client != client);
            lives.push(Life { client: client.to_owned(), from: event.at, until: None, first });
        } else if event.kind.starts_with("closed") {
            let Some(life) = lives.iter_mut().rfind(|it| it.client == client) else { continue };
            let begun = told.filter(|(at, what)| what.contains(client) && *at > life.from);
            life.until = Some(begun.map_or(event.at, |it| it.0));
        }
    }
    lives
}

/// How long a static member may be away, where the recording does not say so: the usual value that
/// fits how long others waited for it.
fn session(trace: &Trace, lives: &[Life]) -> Option<f64> {
    let said = ["session.timeout.ms=", "session.timeout.ms "];
    let said = said.into_iter().find_map(|words| behind(&trace.what, words)).map(|ms| ms / 1e3);
    said.or_else(|| before(&trace.what, " s session")).or_else(|| {
        let longest = lives.iter().filter_map(|life| {
            let until = life.until?;
            let others = |it: &&trace::Event| {
                it.at > until
                    && matches!(it.kind.as_str(), "revoked" | "assigned" | "subscribe")
                    && it.list("parts").is_none_or(|parts| !parts.is_empty())
            };
            Some(trace.events.iter().find(others)?.at - until)
        });
        let longest = longest.fold(0.0, f64::max);
        [45.0, 30.0, 10.0, 6.0].into_iter().find(|usual| *usual <= longest)
    })
}

/// The system, and the members with the clients that they are.
fn stage(
    trace: &Trace,
    lives: &[Life],
    seed: u64,
) -> Result<(Stage, Vec<(NodeId, String)>), String> {
    let partitions = before(&trace.what, " partitions").ok_or("how many partitions?")? as u16;
    let mut lab = lab::cluster(trace.brokers(), trace.begin(), |cluster| {
        cluster.topics.push(cluster.topic("topic", partitions));
        cluster.groups.push("group".into());
        Ok(())
    })?;
    let rate = before(&trace.what, " msg/s").unwrap_or(10.0);
    for partition in 0..partitions {
        let seconds = trace.end() - trace.begin() + 10.0;
        let mut config = lab.sender("librdkafka-2", partition, (rate * seconds) as u32);
        config.pacing = Pacing::Every(Dist::Fixed(secs(1.0 / rate)));
        config.begins = Span::from_millis(u64::from(partition));
        lab.produce(trace.begin() - 1.0, config)?;
    }
    let mut members = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let busy = span_behind(&trace.what, "handler ")
            .or_else(|| before(&trace.what, " s handler"))
            .filter(|_| is_slow(&life.client));
        let handler = lab.handler(busy.unwrap_or(0.0)).map_err(text)?;
        let name =
            if life.first { life.client.clone() } else { format!("{}-{number}", life.client) };
        let mut config = lab.reader(trace.client(), &name, handler);
        match mode(trace) {
            "consumer848" => {
                // a member makes its id by chance, and not of its name
                let order = (seed * 7 + 5 * number as u64 * seed) % 11;
                config.name = format!("{order:02}-{name}").into();
                config.protocol = GroupProtocol::Consumer;
            }
            "coop" => config.assignors = assignor("cooperative-sticky").into_iter().collect(),
            "static" => {
                config.assignors = assignor("range").into_iter().collect();
                config.instance = Some(life.client.as_str().into());
                if let Some(session) = session(trace, lives) {
                    config.session_timeout = secs(session);
                }
            }
            named => {
                config.assignors = vec![assignor(named).ok_or_else(|| format!("mode {named}?"))?];
            }
        }
        let node = lab.consume(config)?;
        lab.join(life.from, node);
        if let Some(until) = life.until {
            lab.leave(until, node);
        }
        members.push((node, life.client.clone()));
    }
    Ok((lab.build(), members))
}

// ── facts ──

fn recorded(trace: &Trace) -> Vec<Fact> {
    let mut facts = Vec::new();
    for event in &trace.events {
        let Some(client) = event.text("c") else { continue };
        let parts = event.numbers("parts").unwrap_or_default();
        match event.kind.as_str() {
            // a callback with nothing in it hands nothing over
            "assigned" | "revoked" | "lost" if parts.is_empty() => {}
            kind @ ("assigned" | "revoked" | "lost") => {
                facts.push(Fact::new(event.at, client, format!("{kind} {parts:?}")));
            }
            kind if kind.starts_with("closed") => {
                let leaves = kind.contains("leave") && !kind.contains("no leave");
                if leaves {
                    facts.push(Fact::new(event.at, client, "left"));
                }
            }
            _ => {}
        }
    }
    facts.extend(states(trace).map(|event| {
        let mut members: Vec<(String, Vec<i64>)> = Vec::new();
        for member in event.list("members").into_iter().flatten() {
            let name = member.get(0).and_then(Value::as_str).unwrap_or_default();
            let parts = member.get(1).and_then(Value::as_array).into_iter().flatten();
            members.push((name.to_owned(), parts.filter_map(Value::as_i64).collect()));
        }
        members.sort();
        Fact::new(event.at, "group", format!("{} {members:?}", event.text("state").unwrap_or("?")))
    }));
    facts
}

fn states(trace: &Trace) -> impl Iterator<Item = &trace::Event> {
    trace.events.iter().filter(|it| it.fields.contains_key("members"))
}

/// What the group looks like: its members with what they own.
fn state(at: f64, world: &World, members: &[(NodeId, String)]) -> Fact {
    let mut named: Vec<(String, Vec<i64>)> = Vec::new();
    let mut stable = true;
    for (node, client) in members {
        let Some(consumer) = world.node(*node).as_kafka_consumer() else { continue };
        if consumer.member().generation() < 0 {
            continue;
        }
        stable &= consumer.member().phase() == Phase::Stable;
        let mut parts: Vec<i64> =
            consumer.places().iter().map(|place| place.at.partition.into()).collect();
        parts.sort_unstable();
        named.push((client.clone(), parts));
    }
    named.sort();
    let state = if stable { "STABLE" } else { "REBALANCING" };
    Fact::new(at, "group", format!("{state} {named:?}"))
}

/// What was given and taken, one fact for what one callback was told.
fn handed_over<'a>(notes: &[Noted], client: &impl Fn(NodeId) -> Option<&'a str>) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let mut open: Option<(NodeId, &str, f64, Vec<u16>)> = None;
    let close = |open: &mut Option<(NodeId, &str, f64, Vec<u16>)>, facts: &mut Vec<Fact>| {
        if let Some((node, kind, at, mut parts)) = open.take()
            && let Some(client) = client(node)
        {
            parts.sort_unstable();
            facts.push(Fact::new(at, client, format!("{kind} {parts:?}")));
        }
    };
    for noted in notes {
        let (kind, partition) = match noted.note {
            Note::Kafka(KafkaNote::Assigned { at, .. }) => ("assigned", at.partition),
            Note::Kafka(KafkaNote::Revoked { at, lost, .. }) => {
                (if lost { "lost" } else { "revoked" }, at.partition)
            }
            Note::Kafka(KafkaNote::MemberGone { peer, why: Left::Left, .. }) => {
                close(&mut open, &mut facts);
                if let Some(client) = client(peer) {
                    facts.push(Fact::new(noted.at, client, "left"));
                }
                continue;
            }
            _ => continue,
        };
        match &mut open {
            Some((node, its, at, parts))
                if (*node, *its) == (noted.node, kind) && noted.at - *at < 0.001 =>
            {
                parts.push(partition);
            }
            _ => {
                close(&mut open, &mut facts);
                open = Some((noted.node, kind, noted.at, vec![partition]));
            }
        }
    }
    close(&mut open, &mut facts);
    facts
}

/// Partitions from which nothing was delivered for more than a second, but by a slow handler: who
/// ended it. One of about a second may be shorter in the model, so that all partitions that change
/// hands are looked at.
fn gaps<'a>(
    trace: &Trace,
    notes: &[Noted],
    client: &impl Fn(NodeId) -> Option<&'a str>,
    recorded: &mut Vec<Fact>,
    played: &mut Vec<Fact>,
) {
    let mut gaps: Vec<Gap<'_>> = Vec::new();
    let mut last: Vec<(f64, Option<NodeId>)> = Vec::new();
    for noted in notes {
        let Note::Kafka(KafkaNote::Polled { at, .. }) = noted.note else { continue };
        let Some(name) = client(noted.node) else { continue };
        let partition = usize::from(at.partition);
        if last.len() <= partition {
            last.resize(partition + 1, (f64::MAX, None));
        }
        let (before, by) = last[partition];
        let slowly = by.and_then(client).is_some_and(is_slow);
        let took = noted.at - before;
        let changes_hands = last[partition].1 != Some(noted.node);
        if (took > GAP || changes_hands) && !is_slow(name) {
            gaps.push(Gap { at: noted.at, partition: at.partition, took, slowly, client: name });
        }
        last[partition] = (noted.at, Some(noted.node));
    }
    for event in trace.events.iter().filter(|it| it.kind == "gap") {
        let (Some(partition), Some(by)) = (event.number("partition"), event.text("c")) else {
            continue;
        };
        let seconds = event.fields.get("seconds").and_then(Value::as_f64).unwrap_or(GAP);
        let fact = |at| Fact::new(at, format!("gap in {partition}"), format!("ended by {by}"));
        recorded.push(fact(event.at));
        let same = |it: &Gap<'_>| {
            (i64::from(it.partition), it.client) == (partition, by)
                && (it.slowly || (it.took - seconds).abs() < 5.0)
                && (it.at - event.at).abs() < 5.0
        };
        if let Some(place) = gaps.iter().position(same) {
            played.push(fact(gaps.remove(place).at));
        }
    }
    let long = gaps.into_iter().filter(|it| it.took > GAP + 3.0);
    played.extend(long.map(|Gap { at, partition, took, client, .. }| {
        Fact::new(at, format!("gap in {partition}"), format!("of {took:.1} s ended by {client}"))
    }));
}

/// A time in which nothing was delivered from a partition.
struct Gap<'a> {
    at: f64,
    partition: u16,
    took: f64,
    /// Before it the partition was with a slow member, which handles one record at a time; of which
    /// of its partitions is chance.
    slowly: bool,
    /// Who ended it.
    client: &'a str,
}
