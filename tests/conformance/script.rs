//! From the steps of a recording to what the clients of the laboratory do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use redeliver::kernel::{Fault, Span, Time};
use redeliver::rabbit::Config;
use redeliver::talk::{
    Bind, ChannelNo, Consume, ExchangeDeclare, Message, MessageId, Method, Mq, Name, Order, Policy,
    Publication, QueueDeclare,
};
use serde_json::Value;

use crate::client::{Act, What};
use crate::lab::BROKER;
use crate::recording::{Observed, Recording, Step};
use crate::values::{properties, table_in};

/// A client.
#[derive(Debug)]
pub struct Actor {
    pub name: String,
}

/// A message that the script publishes.
#[derive(Clone, Debug)]
pub struct Sent {
    /// By which actor: its place in the list.
    pub actor: usize,
    pub channel: ChannelNo,
    /// How many times the channel had been opened.
    pub epoch: u32,
    /// The how-manyeth publish of that channel since: its tag, if there are confirms.
    pub tag: u64,
    pub at: Time,
    pub body: String,
    pub publication: Arc<Publication>,
}

/// All that is to happen.
#[derive(Debug)]
pub struct Script {
    pub config: Config,
    pub actors: Vec<Actor>,
    /// What they do, in the order in which it was added.
    pub acts: Vec<(usize, Act)>,
    /// The frames that the harness saw before it went on: when, and whose.
    pub awaited: Vec<(f64, usize)>,
    pub faults: Vec<(Time, Fault<Mq>)>,
    /// By message number, from 1.
    pub sent: Vec<Sent>,
    /// When to look at the broker, in order.
    pub looks: Vec<Time>,
    pub end: Time,
    /// Channels on which not everything was recorded one by one: whose, and which.
    pub unscripted: Vec<(usize, ChannelNo)>,
    /// Contents of queues that the harness lists, and how it came to know them.
    pub listings: Vec<Listing>,
    opened: BTreeSet<(usize, ChannelNo)>,
    connected: BTreeSet<usize>,
}

/// The content of a queue as the harness lists it.
#[derive(Clone, Debug)]
pub struct Listing {
    /// When it tells of it.
    pub told_ms: f64,
    /// What it calls it.
    pub what: String,
    /// Bodies, with a star where a message was delivered before.
    pub bodies: Vec<String>,
    /// Who took them out of the queue, and when.
    pub drained: (usize, Time),
}

/// A channel in the course of the script.
#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    /// How many times it was opened.
    epoch: u32,
    confirms: bool,
    /// Publishes since it was opened, or since confirms were selected.
    published: u64,
}

/// A recorded time.
pub fn time(at_ms: f64) -> Time {
    Time::from_nanos((at_ms.max(0.0) * 1e6) as u64)
}

/// A span of recorded time.
pub fn span(ms: f64) -> Span {
    Span::from_nanos((ms.max(0.0) * 1e6) as u64)
}

impl Script {
    /// Reads the steps. `Err` names what is not understood.
    pub fn of(recording: &Recording) -> Result<Script, String> {
        let mut script = Script {
            config: Config::new(*recording.profile()),
            actors: Vec::new(),
            acts: Vec::new(),
            awaited: Vec::new(),
            faults: Vec::new(),
            sent: Vec::new(),
            looks: Vec::new(),
            end: time(recording.end_ms()),
            unscripted: Vec::new(),
            listings: Vec::new(),
            opened: BTreeSet::new(),
            connected: BTreeSet::new(),
        };
        for policy in &recording.setup.policies {
            if recording.steps.iter().all(|step| step.op != "set_policy") {
                script.config.policies.push(policy_of(policy));
            }
        }
        for (at, step) in recording.steps.iter().enumerate() {
            script
                .step(recording, at, step)
                .map_err(|what| format!("{what} (step at {} ms)", step.at_ms))?;
        }
        Ok(script)
    }

    /// Puts the finishing touches to it, when everything there is to do was added: which publish of
    /// its channel each one is, and which frames the harness waited for.
    pub fn finish(&mut self, recording: &Recording) {
        // clients answer when the frame reaches them, and what they sent before had crossed it
        for seen in recording.observed.iter().filter(|seen| seen.event == "channel-closed") {
            if let Some(actor) = self.find(&seen.actor) {
                let close_ok = What::Send(seen.channel(), Box::new(Method::ChannelCloseOk));
                self.act(actor, time(seen.at_ms), close_ok);
            }
        }
        let mut channels: BTreeMap<(usize, ChannelNo), Channel> = BTreeMap::new();
        let mut numbers = Vec::new();
        for (actor, act) in self.in_order() {
            let What::Send(channel, method) = &act.what else { continue };
            let state = channels.entry((actor, *channel)).or_default();
            match &**method {
                Method::ChannelOpen => {
                    *state = Channel { epoch: state.epoch + 1, ..Channel::default() };
                }
                Method::ConfirmSelect if !state.confirms => {
                    state.confirms = true;
                    state.published = 0;
                }
                Method::Publish { message, .. } => {
                    state.published += 1;
                    numbers.push((message.id, state.epoch, state.published));
                }
                _ => {}
            }
        }
        for (id, epoch, tag) in numbers {
            let sent = &mut self.sent[id.0 as usize - 1]; // numbered from 1 as they were added
            (sent.epoch, sent.tag) = (epoch, tag);
        }
        self.awaited = recording
            .observed
            .iter()
            .filter(|seen| is_awaited(seen))
            .filter_map(|seen| {
                let actor = self.find(&seen.actor)?;
                let scripted = !self.unscripted.contains(&(actor, seen.channel()));
                scripted.then_some((seen.at_ms, actor))
            })
            .collect();
        self.awaited.sort_by(|a, b| a.0.total_cmp(&b.0));
    }

    /// The place of an actor in the list; it is added when it is new.
    pub fn actor(&mut self, name: &str) -> usize {
        if let Some(at) = self.actors.iter().position(|actor| actor.name == name) {
            return at;
        }
        self.actors.push(Actor { name: name.to_owned() });
        self.actors.len() - 1
    }

    /// The place of an actor that is there.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.actors.iter().position(|actor| actor.name == name)
    }

    /// Adds something to do.
    pub fn act(&mut self, actor: usize, at: Time, what: What) {
        self.acts.push((actor, Act { at, deliveries: 0, what }));
    }

    /// Everything there is to do, in the order of time.
    pub fn in_order(&self) -> Vec<(usize, &Act)> {
        let mut acts: Vec<(usize, &Act)> = self.acts.iter().map(|(at, act)| (*at, act)).collect();
        acts.sort_by_key(|(_, act)| act.at);
        acts
    }

    /// How many of the awaited frames had been seen before this time: by the actor itself also
    /// those of the same tenth of a millisecond, the grain of the recordings.
    pub fn awaited_by(&self, actor: usize, at: Time) -> usize {
        let earlier = self
            .awaited
            .iter()
            .take_while(|(when, whose)| time(*when) < at || (*whose == actor && time(*when) == at));
        earlier.count()
    }

    /// Adds a method to send.
    pub fn send(&mut self, actor: usize, at: Time, channel: ChannelNo, method: Method) {
        if channel > 0 && method != Method::ChannelOpen && !self.opened.contains(&(actor, channel))
        {
            // the harness did not write down every channel that it opened
            if !self.connected.contains(&actor) {
                self.connect(actor, at);
            }
            self.send(actor, at, channel, Method::ChannelOpen);
        }
        match method {
            Method::ChannelOpen => {
                self.opened.insert((actor, channel));
            }
            Method::Close => {
                self.connected.remove(&actor);
            }
            _ => {}
        }
        self.act(actor, at, What::Send(channel, Box::new(method)));
    }

    /// Adds opening a connection with the usual settings.
    pub fn connect(&mut self, actor: usize, at: Time) {
        self.connected.insert(actor);
        self.act(actor, at, What::Connect { heartbeat: Span::ZERO, cancel_notify: true });
    }

    /// Adds a publish; returns the message's number.
    pub fn publish(
        &mut self,
        actor: usize,
        at: Time,
        channel: ChannelNo,
        mandatory: bool,
        body: &str,
        publication: Arc<Publication>,
    ) -> MessageId {
        let id = MessageId(self.sent.len() as u32 + 1);
        let message = Message { id, copy: 0, publication: Arc::clone(&publication) };
        self.send(actor, at, channel, Method::Publish { mandatory, message });
        let (epoch, tag) = (0, 0); // settled in the end
        self.sent.push(Sent { actor, channel, epoch, tag, at, body: body.to_owned(), publication });
        id
    }

    /// Adds taking everything out of a queue for the harness.
    pub fn drain(&mut self, actor: usize, at: Time, channel: ChannelNo, queue: &str) {
        self.act(actor, at, What::Drain { channel, queue: queue.into() });
    }

    /// Which of a client's drains, in the order of time, begins at this moment.
    pub fn drain_at(&self, actor: usize, at: Time) -> usize {
        let drains = self.acts.iter().filter(|(whose, act)| {
            *whose == actor && act.at < at && matches!(act.what, What::Drain { .. })
        });
        drains.count()
    }

    /// The queue that an actor declared last by a time.
    pub fn declared(&self, actor: usize, by: Time) -> Option<Name> {
        self.in_order().into_iter().rev().find_map(|(whose, act)| match &act.what {
            What::Send(_, method) if act.at <= by && whose == actor => match &**method {
                Method::QueueDeclare(declare) => Some(declare.queue.clone()),
                _ => None,
            },
            _ => None,
        })
    }

    /// What was published under this number.
    pub fn message(&self, id: MessageId) -> Option<&Sent> {
        self.sent.get((id.0 as usize).checked_sub(1)?)
    }

    fn step(&mut self, recording: &Recording, at: usize, step: &Step) -> Result<(), String> {
        let when = time(step.at_ms);
        match (step.actor.as_str(), step.op.as_str()) {
            (_, "graceful restart" | "graceful stop" | "stop") => {
                self.outage(recording, at, Fault::Stop(BROKER));
            }
            (_, "start" | "graceful start") => {}
            (_, op) if op.starts_with("kill -9") => {
                self.outage(recording, at, Fault::Kill(BROKER));
            }
            (_, "power loss") => self.outage(recording, at, Fault::PowerLoss(BROKER)),
            (_, "set_env") => self.set_env(step)?,
            (_, "set_policy") => {
                let policy = Box::new(policy_of(&Value::Object(step.args.clone())));
                self.faults.push((when, Fault::Order(BROKER, Order::Policy(policy))));
            }
            (_, "set_vm_memory_high_watermark") => self.watermark(recording, step),
            // what the harness wrote down for its readers
            (_, "all activity stops" | "tune" | "script" | "sleep" | "wait" | "note") => {}
            // told with the activity they belong to
            (_, "publish" | "published" | "ack all") => {}
            (_, "connect") => {
                let actor = self.actor(&step.actor);
                self.connected.insert(actor);
                let what = What::Connect {
                    heartbeat: span(step.number("heartbeat").unwrap_or(0) as f64 * 1e3),
                    cancel_notify: step.args.get("caps") != Some(&Value::Bool(false)),
                };
                self.act(actor, when, what);
            }
            (_, "tcp.drop") => {
                let actor = self.actor(&step.actor);
                self.connected.remove(&actor);
                self.act(actor, when, What::Drop);
            }
            (_, "basic.consume") if step.text("queue").is_empty() => {} // part of an activity
            (_, "basic.publish") => {
                let actor = self.actor(&step.actor);
                let publication = publication(step)?;
                let (mandatory, body) = (step.flag("mandatory"), step.text("body"));
                self.publish(actor, when, step.channel(), mandatory, body, publication);
            }
            (_, op) => {
                let Some(method) = method(recording, step)? else {
                    return Err(format!("the operation {op}"));
                };
                let actor = self.actor(&step.actor);
                let channel = if op.starts_with("connection") { 0 } else { step.channel() };
                if unopened(recording, step) {
                    self.opened.insert((actor, channel));
                }
                self.send(actor, when, channel, method);
            }
        }
        Ok(())
    }

    /// The broker goes down, and comes back when the recording says so: in words, or by a client
    /// that connects again.
    fn outage(&mut self, recording: &Recording, at: usize, fault: Fault<Mq>) {
        let step = &recording.steps[at];
        self.faults.push((time(step.at_ms), fault));
        let up = recording
            .observed
            .iter()
            .find(|seen| seen.event == "up" && seen.at_ms > step.at_ms)
            .map(|seen| seen.at_ms);
        let connect = recording.steps[at..].iter().find(|next| next.op == "connect");
        let connect = connect.map(|next| (next.at_ms - 1.0).max(step.at_ms));
        if let Some(up) = up.into_iter().chain(connect).reduce(f64::min) {
            self.faults.push((time(up), Fault::Restart(BROKER)));
        }
    }

    fn set_env(&mut self, step: &Step) -> Result<(), String> {
        for (name, value) in &step.args {
            let millis = value.as_u64().map(Span::from_millis);
            match (name.as_str(), millis) {
                ("consumer_timeout", millis) => self.config.consumer_timeout = millis,
                ("channel_tick_interval", Some(millis)) => self.config.channel_tick = millis,
                ("dead_letter_worker_publisher_confirm_timeout", Some(millis)) => {
                    self.config.dead_letter_confirm_timeout = millis;
                }
                _ => return Err(format!("the setting {name}")),
            }
        }
        Ok(())
    }

    /// The broker looks at its memory every 2.5 s. When it looked is in the recording: a blocked
    /// connection is let go at that moment.
    fn watermark(&mut self, recording: &Recording, step: &Step) {
        let fraction = step.args.get("value").and_then(Value::as_f64).unwrap_or(0.4);
        let blocks = fraction < 0.01;
        let unblocked = recording
            .observed
            .iter()
            .find(|seen| seen.event == "connection-unblocked" && seen.at_ms > step.at_ms)
            .map(|seen| seen.at_ms)
            .filter(|at| !blocks && *at < step.at_ms + 3_000.0);
        let at = unblocked.map_or(step.at_ms + 1.0, |at| at - 0.2);
        self.faults.push((time(at), Fault::Order(BROKER, Order::Alarm(blocks))));
    }
}

/// Whether the server complained that this client had not opened the channel of a step.
fn unopened(recording: &Recording, step: &Step) -> bool {
    recording.observed.iter().any(|seen| {
        seen.actor == step.actor
            && seen.event == "connection-closed"
            && seen.at_ms >= step.at_ms
            && seen.text("text").ends_with("expected 'channel.open'")
    })
}

/// Whether a client has to have seen this before it goes on.
fn is_awaited(seen: &Observed) -> bool {
    let frame = matches!(
        seen.event.as_str(),
        "deliver"
            | "get-ok"
            | "get-empty"
            | "return"
            | "channel-closed"
            | "connection-closed"
            | "cancelled-by-broker"
    );
    frame && !seen.is_forced()
}

fn publication(step: &Step) -> Result<Arc<Publication>, String> {
    let none = serde_json::Map::new();
    let props = step.args.get("props").and_then(Value::as_object).unwrap_or(&none);
    let size = step.number("bytes").unwrap_or(step.text("body").len() as u64);
    Ok(Arc::new(Publication {
        exchange: step.text("exchange").into(),
        routing_key: step.text("routing_key").into(),
        properties: properties(props)?,
        size: u32::try_from(size).unwrap_or(u32::MAX),
        key: 0,
    }))
}

fn policy_of(value: &Value) -> Policy {
    let none = serde_json::Map::new();
    let fields = value.as_object().unwrap_or(&none);
    let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or("");
    Policy {
        name: text("name").into(),
        pattern: text("pattern").into(),
        definition: table_in(fields, "definition"),
    }
}

/// The method of a step that is one; `None` for an operation that is not known.
fn method(recording: &Recording, step: &Step) -> Result<Option<Method>, String> {
    let name = |it: &str| Name::from(step.text(it));
    let either = |one: &str, other: &str| match step.text(one) {
        "" => name(other),
        text => Name::from(text),
    };
    let tag = step.number("tag").unwrap_or(0);
    let multiple = step.flag("multiple");
    let queue_bind = || {
        Box::new(Bind {
            source: either("exchange", "source"),
            destination: either("queue", "destination"),
            key: either("key", "routing_key"),
            arguments: table_in(&step.args, "arguments"),
        })
    };
    let exchange_bind = || {
        Box::new(Bind {
            source: either("source", "exchange"),
            destination: either("destination", "dest"),
            key: either("key", "routing_key"),
            arguments: table_in(&step.args, "arguments"),
        })
    };
    Ok(Some(match step.op.as_str() {
        "connection.close" => Method::Close,
        "channel.open" => Method::ChannelOpen,
        "channel.close" => Method::ChannelClose,
        "exchange.declare" => Method::ExchangeDeclare(Box::new(ExchangeDeclare {
            exchange: name("exchange"),
            kind: name("type"),
            durable: durable(recording, step),
            auto_delete: step.flag("auto_delete"),
            internal: step.flag("internal"),
            passive: step.flag("passive"),
            arguments: table_in(&step.args, "arguments"),
        })),
        "exchange.delete" => {
            Method::ExchangeDelete { exchange: name("exchange"), if_unused: step.flag("if_unused") }
        }
        "exchange.bind" => Method::ExchangeBind(exchange_bind()),
        "exchange.unbind" => Method::ExchangeUnbind(exchange_bind()),
        "queue.declare" => Method::QueueDeclare(Box::new(QueueDeclare {
            queue: name("queue"),
            durable: step.flag("durable"),
            exclusive: step.flag("exclusive"),
            auto_delete: step.flag("auto_delete"),
            passive: step.flag("passive"),
            nowait: step.flag("nowait"),
            arguments: table_in(&step.args, "arguments"),
        })),
        "queue.bind" => Method::QueueBind(queue_bind()),
        "queue.unbind" => Method::QueueUnbind(queue_bind()),
        "queue.delete" => Method::QueueDelete {
            queue: name("queue"),
            if_unused: step.flag("if_unused"),
            if_empty: step.flag("if_empty"),
        },
        "queue.purge" => Method::QueuePurge { queue: name("queue") },
        "confirm.select" => Method::ConfirmSelect,
        "tx.select" => Method::TxSelect,
        "tx.commit" => Method::TxCommit,
        "tx.rollback" => Method::TxRollback,
        "basic.qos" => Method::Qos {
            prefetch_count: u16::try_from(step.number("prefetch_count").unwrap_or(0))
                .map_err(|_| "a prefetch above 65535".to_owned())?,
            global: step.flag("global"),
        },
        "basic.consume" => Method::Consume(Box::new(Consume {
            queue: name("queue"),
            consumer_tag: name("consumer_tag"),
            no_ack: step.flag("no_ack"),
            exclusive: step.flag("exclusive"),
            arguments: table_in(&step.args, "arguments"),
        })),
        "basic.cancel" => Method::Cancel { consumer_tag: name("consumer_tag") },
        "basic.get" => Method::Get { queue: name("queue"), no_ack: step.flag("no_ack") },
        "basic.ack" => Method::Ack { tag, multiple },
        "basic.nack" => Method::Nack { tag, multiple, requeue: step.flag("requeue") },
        "basic.reject" => Method::Reject { tag, requeue: step.flag("requeue") },
        "basic.recover" => Method::Recover { requeue: step.flag("requeue") },
        _ => return Ok(None),
    }))
}

/// The steps do not say whether an exchange is durable; the set-up does.
fn durable(recording: &Recording, step: &Step) -> bool {
    let declared = recording.setup.exchanges.get(step.text("exchange"));
    let said = step.args.get("durable").or_else(|| declared.and_then(|it| it.get("durable")));
    said.and_then(Value::as_bool).unwrap_or(true)
}
