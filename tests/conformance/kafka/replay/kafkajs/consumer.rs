//! Consumers: when they commit, what an error does to them, how they stay members.

use redeliver::client::kafka::consumer::{CommitWhen, Each, Phase, Reset};
use redeliver::client::{DedupKey, Lookup, LookupWhen, PoisonKind};
use redeliver::kernel::{Dist, NodeId, Span};
use redeliver::store::{Dedup, ServiceConfig};
use redeliver::talk::MessageId;

use super::super::compare::{Fact, Tolerance};
use super::super::lab::{self, Lab, Stage, secs, text};
use super::super::trace::{Event, Trace};
use super::super::{Family, Replay};
use super::experiment::{Experiment, Mode, committed, log_of};
use super::facts;

/// Experiments with a consumer.
pub struct Consumers;

/// How long a packet is under way on a loaded machine, in seconds.
const QUICKEST: f64 = 0.000_15;
const SLOWEST: f64 = 0.04;

/// A consumer, from when to when.
struct Life {
    who: String,
    from: f64,
    until: Option<f64>,
}

impl Family for Consumers {
    fn fits(&self, trace: &Trace) -> bool {
        trace.client() == "kafkajs-2.2" && trace.events.iter().any(|it| it.kind == "GROUP_JOIN")
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let experiment = Experiment::of(trace)?;
        let (stage, consumers) = stage(trace, &experiment)?;
        let looks: Vec<&Event> = trace.events.iter().filter(|it| it.kind == "describe").collect();
        let times: Vec<f64> = looks.iter().map(|it| it.at).collect();
        let mut ids = Vec::new();
        let (notes, mut views) = stage.play(seed, trace.end(), &times, |at, world| {
            let mut members = Vec::new();
            for (node, _) in &consumers {
                let member = world.node(*node).as_kafka_consumer().map(|it| it.member());
                let stable =
                    |it: &&redeliver::client::kafka::consumer::Member| it.phase() == Phase::Stable;
                if let Some(member) = member.filter(stable) {
                    members.push(facts::place_of(member.id().as_str(), &mut ids));
                }
            }
            Fact::new(at, "group", format!("Stable {members:?}"))
        });
        let mut recorded = facts::recorded(trace);
        let throws = trace.events.iter().any(|it| it.kind.contains("throw"));
        let mut played = facts::played(&notes, &consumers, throws);
        played.append(&mut views);
        let partitions = experiment.loaded.len() as u16;
        for event in &trace.events {
            if let Some(com) = committed(event) {
                let partitions = partitions.max(com.len() as u16);
                let com = facts::committed_at(&notes, event.at, partitions);
                played.push(Fact::new(event.at, "committed", facts::in_the_end(com)));
            }
            if event.list("effects").is_some() {
                let effects = played.iter().filter(|it| it.what.starts_with("ends ")).count();
                played.push(Fact::new(event.at, "effects", format!("{effects}")));
            }
        }
        crashes(trace, &stage, seed, &consumers, &mut played);
        counted(trace, &experiment, &mut recorded, &mut played);
        if experiment.poison.is_none() && partitions > 1 {
            facts::by_order(&mut recorded);
            facts::by_order(&mut played);
        }
        // polls of 5 s; times between attempts are drawn, by a fifth to either side each time
        let share = if experiment.poison.is_some() { 0.4 } else { 0.05 };
        let within = Tolerance { time: 5.0, share, race: 5.0, end: trace.end() };
        Ok(Replay { recorded, played, within })
    }
}

/// Who was there: each from its last `CONNECT` or `run` before it joined, to a `STOP` that no crash
/// explains.
fn lives(trace: &Trace) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for event in &trace.events {
        let Some(who) = event.text("c") else { continue };
        let is = |kind: &str| event.kind == kind;
        let mine = lives.iter_mut().rfind(|it| it.who == who);
        let crashed = trace.events.iter().any(|it| {
            it.kind == "CRASH" && it.text("c") == Some(who) && (it.at - event.at).abs() < 1.0
        });
        match mine {
            None if is("CONNECT") => {
                lives.push(Life { who: who.to_owned(), from: event.at, until: None });
            }
            Some(life) if is("CONNECT") && !joined(trace, who, event.at) => life.from = event.at,
            Some(life) if is("STOP") && !crashed => life.until = Some(event.at),
            _ => {}
        }
    }
    lives
}

fn joined(trace: &Trace, who: &str, by: f64) -> bool {
    let mut joins = trace.events.iter().filter(|it| it.kind == "GROUP_JOIN");
    joins.any(|it| it.text("c") == Some(who) && it.at < by)
}

fn stage(trace: &Trace, experiment: &Experiment) -> Result<(Stage, Vec<(NodeId, String)>), String> {
    let partitions = experiment.loaded.len() as u16;
    let brokers = trace.brokers();
    let mut lab = lab::cluster(brokers, trace.begin(), |cluster| {
        let mut topic = cluster.topic("topic", partitions);
        for leader in experiment.leaders.iter().flatten() {
            let others = (1..=brokers).filter(|it| it != leader);
            topic.assignment.push([*leader].into_iter().chain(others).collect());
        }
        cluster.topics.push(topic);
        cluster.groups.push("group".into());
        Ok(())
    })?;
    let mut first = Vec::new();
    for (partition, count) in (0..).zip(&experiment.loaded) {
        first.push(lab.loaded(partition, *count)?);
    }
    if let Some((offset, start)) = experiment.committed {
        let end = log_of(trace).map_or(start, |it| it.1);
        lab.committed(offset, start, end)?;
    }
    for (at, partition) in &experiment.late {
        let config = lab.sender("kafkajs-2.2", *partition, 1);
        lab.produce(*at, config)?;
    }
    let mut consumers = Vec::new();
    for life in lives(trace) {
        let node = consumer(trace, experiment, &life, &first, &mut lab)?;
        lab.join(life.from, node);
        if let Some(until) = life.until {
            lab.leave(until, node);
        }
        consumers.push((node, life.who));
    }
    Ok((lab.build(), consumers))
}

fn consumer(
    trace: &Trace,
    experiment: &Experiment,
    life: &Life,
    first: &[MessageId],
    lab: &mut Lab,
) -> Result<NodeId, String> {
    let mut handler = lab.handler(experiment.handler).map_err(text)?;
    if let Some((partition, offset, _, times)) = experiment.poison {
        let message = first.get(usize::from(partition)).ok_or("poison where nothing is")?;
        let kind = times.map_or(PoisonKind::Always, PoisonKind::Times);
        handler = handler.poison(vec![MessageId(message.0 + offset)], kind);
    }
    if experiment.remembers {
        let name = format!("store-{}", life.who);
        let store = ServiceConfig { dedup: Dedup::Always, ..ServiceConfig::new(&name) };
        let target = lab.builder.service(store).map_err(text)?;
        let at = target.at.ok_or("the store is no node")?;
        let (service, when, key) = (target.service, LookupWhen::Before, DedupKey::IdAndOffset);
        handler = handler.dedup(Lookup { service, at, when, key });
    }
    let mut config = lab.reader("kafkajs-2.2", &life.who, handler);
    if trace.what.contains("groupInstanceId") {
        config.instance = Some("order-processor-0".into());
    }
    if let Some(session) = experiment.session {
        config.session_timeout = secs(session);
    }
    if let Some((_, _, error, _)) = experiment.poison {
        config.error = error;
    }
    if experiment.remembers {
        config.commit = CommitWhen::EachMessage;
    }
    if experiment.committed.is_some() {
        config.reset = Reset::Latest; // fromBeginning is false unless it is said
    }
    match experiment.mode {
        Mode::Default => {}
        Mode::Threshold(count) => config.auto_commit_threshold = Some(count),
        Mode::Interval(span) => {
            config.auto_commit_interval = Some(Span::from_millis((span * 1e3) as u64));
        }
        Mode::NotAwaited => config.awaited = false,
        Mode::EarlyReturn(after) => {
            config.each = Each::Batch { auto_resolve: true, returns_after: Some(after) };
        }
    }
    let node = lab.consume(config)?;
    // as long as the first fetch took, packets took on a loaded machine, some of them
    let slowest = (experiment.first_fetch / 2.0).clamp(QUICKEST, SLOWEST);
    for broker in lab.brokers.clone() {
        let latency = Dist::Uniform(secs(QUICKEST), secs(slowest));
        lab.builder.link_latency(node, broker, latency);
    }
    Ok(node)
}

/// A member that left though nobody told it to has crashed; whether it starts again is what its state
/// says some time later.
fn crashes(
    trace: &Trace,
    stage: &Stage,
    seed: u64,
    consumers: &[(NodeId, String)],
    played: &mut Vec<Fact>,
) {
    if !trace.events.iter().any(|it| it.kind == "CRASH") {
        return;
    }
    let left: Vec<f64> =
        played.iter().filter(|it| it.what.ends_with("leaves")).map(|it| it.at).collect();
    let looks: Vec<f64> = left.iter().map(|at| at + 1.0).collect();
    let (_, states) = stage.play(seed, trace.end(), &looks, |_, world| {
        let consumer = consumers.first().and_then(|it| world.node(it.0).as_kafka_consumer());
        consumer.is_some_and(|it| it.is_dead())
    });
    for (at, dead) in left.into_iter().zip(states) {
        let who = consumers.first().map_or("c", |it| it.1.as_str());
        let then = if dead {
            "is over after KafkaJSNonRetriableError"
        } else {
            "starts again after KafkaJSNumberOfRetriesExceeded"
        };
        played.push(Fact::new(at, "crashes", format!("{who} {then}")));
    }
}

/// What the recording counts must be what it shows.
fn counted(
    trace: &Trace,
    experiment: &Experiment,
    recorded: &mut Vec<Fact>,
    played: &mut Vec<Fact>,
) {
    let Some((partition, offset, ..)) = experiment.poison else { return };
    let lane = format!("partition {partition}");
    let poison = format!("begins {offset}");
    let calls = recorded.iter().filter(|it| it.lane == lane && it.what == poison).count();
    let crashes = recorded.iter().filter(|it| it.lane == "crashes").count();
    for (name, count) in [("handler_calls_on_poison", calls), ("crashes", crashes)] {
        if let Some(said) = trace.file.get(name) {
            recorded.push(Fact::new(trace.end(), name, format!("{said}")));
            played.push(Fact::new(trace.end(), name, format!("{count}")));
        }
    }
}
