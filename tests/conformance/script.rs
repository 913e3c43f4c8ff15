//! From the steps of a recording to what the clients of the laboratory do.

use std::collections::BTreeMap;
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

/// A client and what it does.
#[derive(Debug)]
pub struct Actor {
    pub name: String,
    pub acts: Vec<Act>,
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
    pub faults: Vec<(Time, Fault<Mq>)>,
    /// By message number, from 1.
    pub sent: Vec<Sent>,
    /// When to look at the broker, in order.
    pub looks: Vec<Time>,
    pub end: Time,
    /// Actors whose deliveries were not recorded one by one.
    pub unscripted: Vec<usize>,
    /// What was taken out of queues for the harness, in order: by whom, and where in that client's
    /// list it is.
    pub drains: Vec<(usize, usize)>,
    channels: BTreeMap<(usize, ChannelNo), Channel>,
    connected: BTreeMap<usize, bool>,
}

/// A channel as the script has left it.
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
            faults: Vec::new(),
            sent: Vec::new(),
            looks: Vec::new(),
            end: time(recording.end_ms()),
            unscripted: Vec::new(),
            drains: Vec::new(),
            channels: BTreeMap::new(),
            connected: BTreeMap::new(),
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

    /// The place of an actor in the list; it is added when it is new.
    pub fn actor(&mut self, name: &str) -> usize {
        if let Some(at) = self.actors.iter().position(|actor| actor.name == name) {
            return at;
        }
        self.actors.push(Actor { name: name.to_owned(), acts: Vec::new() });
        self.actors.len() - 1
    }

    /// The place of an actor that is there.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.actors.iter().position(|actor| actor.name == name)
    }

    /// Adds something to do, after everything of the same actor that is not later.
    pub fn act(&mut self, actor: usize, at: Time, seen: usize, what: What) {
        let acts = &mut self.actors[actor].acts;
        let place = acts.partition_point(|act| act.at <= at);
        acts.insert(place, Act { at, seen, what });
    }

    /// Adds a method to send.
    pub fn send(
        &mut self,
        actor: usize,
        at: Time,
        seen: usize,
        channel: ChannelNo,
        method: Method,
    ) {
        match (&method, channel) {
            (Method::ChannelOpen, _) => {
                let state = self.channels.entry((actor, channel)).or_default();
                *state = Channel { epoch: state.epoch + 1, ..Channel::default() };
            }
            (Method::Close, _) => {
                self.connected.insert(actor, false);
            }
            (_, 0) => {}
            // the recording leaves it out when the harness opened a channel without a step
            _ if !self.channels.contains_key(&(actor, channel)) => {
                if !self.connected.get(&actor).copied().unwrap_or(false) {
                    self.connect(actor, at);
                }
                self.send(actor, at, seen, channel, Method::ChannelOpen);
            }
            _ => {}
        }
        if let (Method::ConfirmSelect, Some(state)) =
            (&method, self.channels.get_mut(&(actor, channel)))
            && !state.confirms
        {
            state.confirms = true;
            state.published = 0;
        }
        self.act(actor, at, seen, What::Send(channel, Box::new(method)));
    }

    /// Adds opening a connection with the usual settings.
    pub fn connect(&mut self, actor: usize, at: Time) {
        self.connected.insert(actor, true);
        self.act(actor, at, 0, What::Connect { heartbeat: Span::ZERO, cancel_notify: true });
    }

    /// Adds a publish; returns the message's number.
    #[expect(clippy::too_many_arguments, reason = "a publish is all of this")]
    pub fn publish(
        &mut self,
        actor: usize,
        at: Time,
        seen: usize,
        channel: ChannelNo,
        mandatory: bool,
        body: &str,
        publication: Arc<Publication>,
    ) -> MessageId {
        let id = MessageId(self.sent.len() as u32 + 1);
        let message = Message { id, copy: 0, publication: Arc::clone(&publication) };
        self.send(actor, at, seen, channel, Method::Publish { mandatory, message });
        // the channel is there: `send` opened it if it was not
        let state = self.channels.entry((actor, channel)).or_default();
        state.published += 1;
        let (epoch, tag) = (state.epoch, state.published);
        self.sent.push(Sent { actor, channel, epoch, tag, at, body: body.to_owned(), publication });
        id
    }

    /// Adds taking everything out of a queue for the harness.
    pub fn drain(&mut self, actor: usize, at: Time, channel: ChannelNo, queue: &str) {
        let before = self.actors[actor].acts.iter();
        let earlier = before.filter(|act| act.at <= at && matches!(act.what, What::Drain { .. }));
        let nth = earlier.count();
        self.drains.push((actor, nth));
        self.act(actor, at, 0, What::Drain { channel, queue: queue.into() });
    }

    /// The queue that an actor declared last by a time.
    pub fn declared(&self, actor: usize, by: Time) -> Option<Name> {
        self.actors[actor].acts.iter().rev().find_map(|act| match &act.what {
            What::Send(_, method) if act.at <= by => match &**method {
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
                self.connected.insert(actor, true);
                let what = What::Connect {
                    heartbeat: span(step.number("heartbeat").unwrap_or(0) as f64 * 1e3),
                    cancel_notify: step.args.get("caps") != Some(&Value::Bool(false)),
                };
                self.act(actor, when, 0, what);
            }
            (_, "tcp.drop") => {
                let actor = self.actor(&step.actor);
                self.connected.insert(actor, false);
                self.act(actor, when, seen_before(recording, step), What::Drop);
            }
            (_, "basic.consume") if step.text("queue").is_empty() => {} // part of an activity
            (_, "basic.publish") => {
                let actor = self.actor(&step.actor);
                let seen = seen_before(recording, step);
                let publication = publication(step)?;
                let (mandatory, body) = (step.flag("mandatory"), step.text("body"));
                self.publish(actor, when, seen, step.channel(), mandatory, body, publication);
            }
            (_, op) => {
                let Some(method) = method(recording, step)? else {
                    return Err(format!("the operation {op}"));
                };
                let actor = self.actor(&step.actor);
                let channel = if op.starts_with("connection") { 0 } else { step.channel() };
                self.send(actor, when, seen_before(recording, step), channel, method);
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

/// Whether a client has to have seen this before it goes on.
pub fn is_awaited(seen: &Observed) -> bool {
    matches!(
        seen.event.as_str(),
        "deliver"
            | "get-ok"
            | "get-empty"
            | "return"
            | "channel-closed"
            | "connection-closed"
            | "cancelled-by-broker"
    )
}

fn seen_before(recording: &Recording, step: &Step) -> usize {
    let before = recording.observed.iter().filter(|seen| seen.at_ms <= step.at_ms);
    before.filter(|seen| seen.actor == step.actor && is_awaited(seen)).count()
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
