//! `replication_*`: brokers freeze, die and come back while producers write; who leads, who is in
//! sync, what producers are told, and what a consumer can read.

use redeliver::kernel::{Fault, NodeId, Span};
use redeliver::system::World;
use redeliver::talk::kafka::{Acks, PartitionInfo};
use redeliver::talk::{KafkaNote, KafkaOrder, MessageId, Note, Order};
use serde_json::Value;

use super::compare::{Fact, Tolerance};
use super::lab::{self, Lab, Noted, Stage, partition, secs};
use super::trace::{Event, Trace, behind};
use super::{Family, Replay};

/// What happens to replicas.
pub struct Replication;

/// What librdkafka says when the time of a delivery or of a request is over, and what a broker does.
const TIMEOUTS: [&str; 3] = ["_MSG_TIMED_OUT", "_TIMED_OUT", "REQUEST_TIMED_OUT"];

/// When brokers have been up for a moment.
const STARTED: Span = Span::from_secs(1);

/// A send of one record, as it was recorded.
struct Send {
    /// Which call it was part of.
    call: usize,
    name: String,
    at: f64,
    acks: Acks,
    error: Option<String>,
    offset: Option<String>,
    after: f64,
    msg: MessageId,
}

impl Family for Replication {
    fn fits(&self, trace: &Trace) -> bool {
        trace.events.iter().any(|it| it.kind == "describe" && it.fields.contains_key("isr"))
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let mut sends = sends(trace);
        let stage = stage(trace, &mut sends, seed)?;
        let looks: Vec<f64> =
            trace.events.iter().filter(|it| is_look(it)).map(|it| it.at).collect();
        let mut events = trace.events.iter().filter(|it| is_look(it));
        // what is looked at right after an event of the recording is judged with time to settle
        let names = |msg| sends.iter().find(|it| it.msg == msg).map(|it| it.name.as_str());
        let (notes, views) = stage.play(seed, trace.end() + 5.0, &looks, |at, world| {
            let event = events.next();
            event.map(|event| look(event, at, world, &stage, &names))
        });
        let mut recorded: Vec<Fact> =
            trace.events.iter().filter(|it| is_look(it)).map(seen).collect();
        let topic = trace.events.iter().find_map(|it| it.text("topic")).unwrap_or("topic");
        let mut played: Vec<Fact> = views.into_iter().flatten().collect();
        played.iter_mut().for_each(|it| topic.clone_into(&mut it.lane));
        for send in &sends {
            recorded.push(send.recorded());
            played.extend(send.played(&notes));
        }
        // a session of 9 s, and what is noticed after it
        let (time, end) = (9.0, trace.end() + 60.0);
        Ok(Replay { recorded, played, within: Tolerance { time, share: 0.0, race: 9.0, end } })
    }
}

/// The broker that is meant: 2 in "SIGSTOP broker 2".
fn broker_of(event: &Event) -> Option<u16> {
    behind(&event.kind, "broker ").map(|n| n as u16)
}

fn is_look(event: &Event) -> bool {
    event.fields.contains_key("isr") || event.fields.contains_key("records")
}

/// All sends. One that was reported late had begun when it says so.
fn sends(trace: &Trace) -> Vec<Send> {
    let mut sends = Vec::new();
    for (call, event) in trace.events.iter().enumerate() {
        let Some(results) = event.fields.get("results").and_then(Value::as_object) else {
            continue;
        };
        let said = event.text("acks").map(str::to_owned);
        let said = said.or_else(|| event.kind.split("acks=").nth(1).map(str::to_owned));
        let said = said.unwrap_or_else(|| "all".to_owned());
        let acks = match said.split(|c: char| !c.is_alphanumeric()).next() {
            Some("0") => Acks::None,
            Some("1") => Acks::Leader,
            _ => Acks::All,
        };
        let longest = results.values().filter_map(|it| it.get("after_s")?.as_f64());
        let longest = longest.fold(0.0, f64::max);
        for (name, result) in results {
            sends.push(Send {
                call,
                name: name.clone(),
                at: event.at - longest,
                acks,
                error: result.get("err").and_then(Value::as_str).map(str::to_owned),
                offset: result.get("offset").filter(|it| !it.is_null()).map(Value::to_string),
                after: result.get("after_s").and_then(Value::as_f64).unwrap_or_default(),
                msg: MessageId(0),
            });
        }
    }
    // the records of a call are listed by name
    sends.sort_by_key(|it| (it.call, it.offset.as_ref().and_then(|it| it.parse::<u64>().ok())));
    sends
}

fn stage(trace: &Trace, sends: &mut [Send], seed: u64) -> Result<Stage, String> {
    let first = trace.events.iter().find_map(|it| it.numbers("isr")).unwrap_or_default();
    let assigned: Vec<u16> = first.iter().filter_map(|n| u16::try_from(*n).ok()).collect();
    let brokers = assigned.iter().copied().max().unwrap_or(3).max(trace.brokers());
    let min_isr = behind(&trace.what, "min.insync.replicas=").unwrap_or(1.0) as u16;
    let mut lab = lab::cluster(brokers, trace.begin(), |cluster| {
        let mut topic = cluster.topic("topic", 1);
        topic.assignment = vec![assigned.clone()];
        let version = cluster.profile.version;
        topic.set("min.insync.replicas", &min_isr.to_string(), version).map_err(lab::text)?;
        cluster.topics.push(topic);
        Ok(())
    })?;
    // when brokers send their heartbeats depends on when they were started
    for (broker, node) in (1..).zip(lab.brokers.clone()) {
        let late = secs((seed * broker * 7 % 19) as f64 / 10.0);
        lab.builder.at(STARTED, Fault::Pause(node)).at(STARTED + late, Fault::Resume(node));
    }
    for sent in sends.chunk_by_mut(|a, b| a.call == b.call) {
        send(sent, &mut lab)?;
    }
    for event in &trace.events {
        act(event, &mut lab)?;
    }
    Ok(lab.build())
}

/// What was done to a broker, or by an operator.
fn act(event: &Event, lab: &mut Lab) -> Result<(), String> {
    let kind = event.kind.as_str();
    let node = broker_of(event)
        .and_then(|number| lab.brokers.get(usize::from(number).checked_sub(1)?).copied());
    let fault = match (node, kind) {
        _ if is_look(event) || event.fields.contains_key("results") => return Ok(()),
        _ if kind.to_ascii_lowercase().contains("unclean") => {
            let controller = lab.builder.node("controller").ok_or("no controller")?;
            Fault::Order(controller, Order::Kafka(KafkaOrder::ElectUnclean(partition(0))))
        }
        (Some(node), _) if kind.contains("SIGSTOP") => Fault::Pause(node),
        (Some(node), _) if kind.contains("SIGCONT") => Fault::Resume(node),
        (Some(node), _) if kind.contains("SIGKILL") || kind.contains("kill") => Fault::Kill(node),
        (Some(node), _) if kind.contains("SIGTERM") || kind.contains("stop") => Fault::Stop(node),
        (Some(node), _) if kind.contains("start") => Fault::Restart(node),
        _ => return Err(format!("\"{kind}\"?")),
    };
    lab.at(event.at, fault);
    Ok(())
}

/// A producer of the records of one call. How long it waits is what its failure shows: the time for
/// the delivery, or for the request.
fn send(sent: &mut [Send], lab: &mut Lab) -> Result<(), String> {
    let mut config = lab.sender("librdkafka-2", 0, sent.len() as u32);
    (config.acks, config.window) = (sent[0].acks, 0);
    for (number, send) in (0..).zip(sent.iter_mut()) {
        send.msg = MessageId(config.first_id.0 + number);
    }
    if let Some(failed) = sent.iter().find(|it| it.error.is_some()) {
        config.retries = 0;
        let whole = secs(failed.after.floor().max(1.0));
        match failed.error.as_deref() {
            Some("_MSG_TIMED_OUT") => config.delivery_timeout = Some(whole),
            Some(error) if TIMEOUTS.contains(&error) => config.request_timeout = whole,
            _ => {}
        }
    }
    lab.produce(sent[0].at, config)?;
    Ok(())
}

impl Send {
    fn lane(&self) -> String {
        format!("send of {}", self.name)
    }

    fn recorded(&self) -> Fact {
        let outcome = match (&self.error, &self.offset) {
            (Some(error), None) => error.clone(),
            (Some(error), Some(offset)) => format!("{error} at {offset}"),
            (None, Some(offset)) => format!("acknowledged at {offset}"),
            (None, None) => "acknowledged".to_owned(),
        };
        Fact::new(self.at + self.after, self.lane(), outcome)
    }

    fn played(&self, notes: &[Noted]) -> Option<Fact> {
        let mine = || notes.iter().filter(|it| it.note.msg() == Some(self.msg));
        let end = mine().find_map(|it| match it.note {
            Note::Confirmed { .. } => Some((it.at, true)),
            Note::GaveUp { .. } => Some((it.at, false)),
            _ => None,
        });
        let (at, acknowledged) = end?;
        let offset = mine().find_map(|it| match it.note {
            Note::Kafka(KafkaNote::Appended { offset, .. }) => Some(offset),
            _ => None,
        });
        let refused = mine().find_map(|it| match it.note {
            Note::Kafka(KafkaNote::ProduceRefused { code, .. }) => Some(code),
            _ => None,
        });
        let outcome = match (acknowledged, refused) {
            (true, _) if self.offset.is_none() => "acknowledged".to_owned(),
            (true, _) => format!("acknowledged at {}", offset.map_or(-1, |it| it as i64)),
            (false, Some(code)) => code.name().to_owned(),
            // nobody answered: which clock ran out is a matter of the client's settings
            (false, None) => match self.error.as_deref() {
                Some(error) if TIMEOUTS.contains(&error) => error.to_owned(),
                _ => "no answer".to_owned(),
            },
        };
        Some(Fact::new(at, self.lane(), outcome))
    }
}

// ── what somebody looked at ──

fn seen(event: &Event) -> Fact {
    let topic = event.text("topic").unwrap_or("topic");
    let numbers = |name: &str| {
        let mut numbers = event.numbers(name).unwrap_or_default();
        numbers.sort_unstable();
        numbers
    };
    match event.list("records") {
        Some(records) => {
            let records: Vec<&str> = records.iter().filter_map(Value::as_str).collect();
            Fact::new(event.at, topic, format!("readable: {records:?}"))
        }
        None => {
            let leader = event.number("leader").unwrap_or(-1);
            let [isr, elr, last] = ["isr", "elr", "lastKnownElr"].map(numbers);
            Fact::new(event.at, topic, described(leader, &isr, &elr, &last))
        }
    }
}

fn described(leader: i64, isr: &[i64], elr: &[i64], last_known: &[i64]) -> String {
    format!("led by {leader}, in sync {isr:?}, eligible {elr:?}, last {last_known:?}")
}

fn look<'a>(
    event: &Event,
    at: f64,
    world: &World,
    stage: &Stage,
    name: &impl Fn(MessageId) -> Option<&'a str>,
) -> Fact {
    let system = &stage.system;
    let image = system.controllers.iter().find_map(|node| {
        let controller = world.node(*node).as_kafka_controller()?;
        controller.is_active().then(|| controller.image())
    });
    let none = PartitionInfo::default();
    let info = image.and_then(|image| image.partition(partition(0))).unwrap_or(&none);
    if event.fields.contains_key("isr") {
        let number = |node: &NodeId| -> i64 {
            system.brokers.iter().position(|it| it == node).map_or(-1, |at| at as i64 + 1)
        };
        let numbers = |nodes: &[NodeId]| {
            let mut numbers: Vec<i64> = nodes.iter().map(number).collect();
            numbers.sort_unstable();
            numbers
        };
        let leader = info.leader.as_ref().map_or(-1, number);
        let [isr, elr, last] =
            [&info.isr, &info.elr, &info.last_known_elr].map(|nodes| numbers(nodes));
        return Fact::new(at, "topic", described(leader, &isr, &elr, &last));
    }
    let mut records = Vec::new();
    if let Some(leader) = info.leader.and_then(|node| world.node(node).as_kafka_broker()) {
        let (_, high_watermark, _) = leader.offsets(partition(0)).unwrap_or_default();
        let batches = leader.batches(partition(0));
        for (offset, record) in batches.flat_map(|batch| batch.records()) {
            if offset < high_watermark {
                records.push(format!("{offset}:{}", name(record.id).unwrap_or("?")));
            }
        }
    }
    Fact::new(at, "topic", format!("readable: {records:?}"))
}
