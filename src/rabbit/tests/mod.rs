//! The rules of the broker, family by family, each with a test named after it.

mod acknowledge;
mod confirms;
mod crash;
mod dead_letters;
mod delivery;
mod lifetimes;
mod limits;
mod liveness;
mod priorities;
mod streams;
mod time_to_live;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Broker, Config, Profile};
use crate::kernel::{Collected, Ctx, Effect, Input, Loss, Node, NodeId, Span, Time, Untimed};
use crate::talk::{
    Consume, Frame, Message, MessageId, Method, Mq, Msg, Name, Note, Properties, Publication,
    QueueDeclare, QueueId, Reply, Request, Timer, Value,
};

/// A broker alone on the bench: inputs by hand, replies and notes to look at, and a clock that
/// moves when it is told to. After every input it checks that no message came from or went to
/// nowhere.
pub(super) struct Lab {
    pub(super) broker: Broker,
    pub(super) now: Time,
    timers: BTreeMap<Timer, (Time, u64)>,
    armed: u64,
    pub(super) choices: Untimed,
    replies: Vec<(NodeId, Reply)>,
    pub(super) notes: Vec<Note>,
    closed: Vec<NodeId>,
    /// By queue: what its notes say it should hold.
    holds: BTreeMap<QueueId, i64>,
}

/// The version most tests are about.
pub(super) const V4: &str = "rabbitmq-4.0";
pub(super) const V3: &str = "rabbitmq-3.10";
pub(super) const V43: &str = "rabbitmq-4.3";

/// Clients.
pub(super) const A: NodeId = NodeId(1);
pub(super) const B: NodeId = NodeId(2);
pub(super) const C: NodeId = NodeId(3);
/// The client that publishes.
pub(super) const P: NodeId = NodeId(9);

/// A queue to declare, in the notation `name type key=value …`; numbers are numbers.
pub(super) fn queue(text: &str) -> QueueDeclare {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let mut declare = QueueDeclare { queue: name.into(), durable: true, ..Default::default() };
    for word in words {
        match word {
            "classic" | "quorum" | "stream" => {
                declare.arguments.insert("x-queue-type".into(), word.into());
            }
            "transient" => declare.durable = false,
            "exclusive" => declare.exclusive = true,
            "auto-delete" => declare.auto_delete = true,
            "sac" => {
                declare.arguments.insert("x-single-active-consumer".into(), Value::Bool(true));
            }
            _ => {
                let (key, value) = word.split_once('=').expect("key=value");
                declare.arguments.insert(format!("x-{key}").into(), of(value));
            }
        }
    }
    declare
}

fn of(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::Int)
}

pub(super) fn millis(n: u64) -> Span {
    Span::from_millis(n)
}

impl Lab {
    /// A broker of this version with these queues, and a client `P` that publishes.
    pub(super) fn new(version: &str, queues: &[&str]) -> Lab {
        Lab::with(version, queues, |_| {})
    }

    pub(super) fn with(version: &str, queues: &[&str], change: impl FnOnce(&mut Config)) -> Lab {
        let profile = *Profile::by_name(version).expect("a profile");
        let mut config = Config::new(profile);
        config.queues = queues.iter().map(|text| queue(text)).collect();
        change(&mut config);
        let broker = Broker::new(config).expect("definitions");
        let mut lab = Lab {
            broker,
            now: Time::ZERO,
            timers: BTreeMap::new(),
            armed: 0,
            choices: Untimed::default(),
            replies: Vec::new(),
            notes: Vec::new(),
            closed: Vec::new(),
            holds: BTreeMap::new(),
        };
        lab.input(Input::Start);
        lab.connect(P);
        lab
    }

    /// Gives the broker one input and looks at what follows.
    pub(super) fn input(&mut self, input: Input<Mq>) {
        let mut effects = Vec::new();
        let mut out = Collected { effects: &mut effects, choose: &mut self.choices };
        let mut ctx = Ctx::new(NodeId(0), self.now, &mut out);
        self.broker.on(input, &mut ctx);
        self.collect(effects);
        self.check();
    }

    fn collect(&mut self, effects: Vec<Effect<Mq>>) {
        for effect in effects {
            match effect {
                Effect::Send { to, msg: Msg::Reply(reply) } => self.replies.push((to, reply)),
                Effect::Send { .. } => unreachable!("a broker sends replies"),
                Effect::Arm { timer, after } => {
                    self.armed += 1;
                    self.timers.insert(timer, (self.now + after, self.armed));
                }
                Effect::Disarm(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Close(peer) => self.closed.push(peer),
                Effect::Note(note) | Effect::Fact(_, note) => self.note(note),
                Effect::Work(_) => {}
            }
        }
    }

    fn note(&mut self, note: Note) {
        let (queue, change) = match note {
            Note::Enqueued { queue, .. } => (queue, 1),
            Note::Recovered { queue, resurrected: true, .. } => (queue, 1),
            Note::Acked { queue, .. }
            | Note::Discarded { queue, .. }
            | Note::Lost { queue, .. }
            | Note::Pushed { queue, no_ack: true, .. } => (queue, -1),
            _ => (QueueId(0), 0),
        };
        *self.holds.entry(queue).or_default() += change;
        self.notes.push(note);
    }

    /// Conservation: what the notes say that each queue holds is what it holds.
    fn check(&self) {
        for (&id, &holds) in &self.holds {
            let there = self
                .broker
                .queue(id)
                .map_or(0, |queue| queue.ready + queue.unacked + queue.dead_lettering);
            assert_eq!(there as i64, holds, "{:?} after {:?}", id, self.notes);
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, span: Span) {
        let until = self.now + span;
        while let Some((&timer, &(at, _))) =
            self.timers.iter().filter(|(_, (at, _))| *at <= until).min_by_key(|(_, due)| **due)
        {
            self.timers.remove(&timer);
            self.now = self.now.max(at);
            self.input(Input::Timer(timer));
        }
        self.now = until;
    }

    /// Lets time pass until what was published is safe and quorum queues have caught up.
    pub(super) fn settle(&mut self) {
        self.wait(millis(10));
    }

    pub(super) fn say(&mut self, peer: NodeId, channel: u16, method: Method) {
        let msg = Msg::Request(Request { channel, method });
        self.input(Input::Message { from: peer, msg });
    }

    /// Connects a client and opens its channel 1.
    pub(super) fn connect(&mut self, peer: NodeId) {
        self.say(peer, 0, Method::Open { heartbeat: Span::ZERO, cancel_notify: true });
        self.say(peer, 1, Method::ChannelOpen);
    }

    /// Publishes `m<id>` to a queue through the default exchange, persistently.
    pub(super) fn publish(&mut self, to: &str, id: u32) {
        self.publish_with(to, id, |_| {});
    }

    pub(super) fn publish_with(
        &mut self,
        to: &str,
        id: u32,
        change: impl FnOnce(&mut Publication),
    ) {
        let mut publication = Publication {
            routing_key: to.into(),
            properties: Properties { persistent: true, ..Default::default() },
            size: 10,
            ..Default::default()
        };
        change(&mut publication);
        let message = Message { id: MessageId(id), copy: 0, publication: Arc::new(publication) };
        self.say(P, 1, Method::Publish { mandatory: false, message });
    }

    /// Publishes m<first> to m<last>, and lets that settle.
    pub(super) fn fill(&mut self, to: &str, ids: std::ops::RangeInclusive<u32>) {
        for id in ids {
            self.publish(to, id);
        }
        self.settle();
    }

    /// Connects a client if necessary and has it consume, its tag being that of the client.
    pub(super) fn consume(&mut self, peer: NodeId, queue: &str, prefetch: u16) {
        self.consume_with(peer, queue, prefetch, |_| {});
    }

    pub(super) fn consume_with(
        &mut self,
        peer: NodeId,
        queue: &str,
        prefetch: u16,
        change: impl FnOnce(&mut Consume),
    ) {
        if self.broker.connection(peer).is_none() {
            self.connect(peer);
        }
        self.say(peer, 1, Method::Qos { prefetch_count: prefetch, global: false });
        let mut consume = Consume {
            queue: queue.into(),
            consumer_tag: format!("{peer:?} {queue}").into(),
            ..Default::default()
        };
        change(&mut consume);
        self.say(peer, 1, Method::Consume(Box::new(consume)));
        self.settle();
    }

    pub(super) fn cancel(&mut self, peer: NodeId, queue: &str) {
        let consumer_tag = format!("{peer:?} {queue}").into();
        self.say(peer, 1, Method::Cancel { consumer_tag });
        self.settle();
    }

    pub(super) fn ack(&mut self, peer: NodeId, tag: u64) {
        self.say(peer, 1, Method::Ack { tag, multiple: false });
        self.settle();
    }

    pub(super) fn nack(&mut self, peer: NodeId, tag: u64, multiple: bool, requeue: bool) {
        self.say(peer, 1, Method::Nack { tag, multiple, requeue });
        self.settle();
    }

    pub(super) fn get(&mut self, peer: NodeId, queue: &str) {
        self.say(peer, 1, Method::Get { queue: queue.into(), no_ack: false });
        self.settle();
    }

    /// The connection of a client is lost.
    pub(super) fn drop_client(&mut self, peer: NodeId) {
        self.input(Input::Closed(peer));
        self.settle();
    }

    /// What the broker said to a client since it was last asked.
    pub(super) fn heard(&mut self, peer: NodeId) -> Vec<Frame> {
        let mut mine = Vec::new();
        self.replies.retain(|(to, reply)| {
            let is_mine = *to == peer;
            if is_mine {
                mine.push(reply.frame.clone());
            }
            !is_mine
        });
        mine
    }

    /// The deliveries among that, as `m1 m2*`: a star means redelivered.
    pub(super) fn delivered(&mut self, peer: NodeId) -> String {
        let text = |frame: &Frame| match frame {
            Frame::Deliver { delivery, .. } | Frame::GetOk { delivery, .. } => {
                Some(marked(delivery.message.id, delivery.redelivered))
            }
            Frame::GetEmpty => Some("-".to_owned()),
            _ => None,
        };
        self.heard(peer).iter().filter_map(text).collect::<Vec<_>>().join(" ")
    }

    /// The confirms among that, as `+1 -2 +5m`: refusals with minus, `m` for multiple.
    pub(super) fn confirmed(&mut self) -> String {
        let mark = |multiple: bool| if multiple { "m" } else { "" };
        let text = |frame: &Frame| match frame {
            Frame::ConfirmAck { tag, multiple } => Some(format!("+{tag}{}", mark(*multiple))),
            Frame::ConfirmNack { tag, multiple } => Some(format!("-{tag}{}", mark(*multiple))),
            Frame::Return { message, .. } => Some(format!("return {}", message.id)),
            _ => None,
        };
        self.heard(P).iter().filter_map(text).collect::<Vec<_>>().join(" ")
    }

    /// The error that closed a client's channel or connection.
    pub(super) fn error(&mut self, peer: NodeId) -> String {
        let text = |frame: &Frame| match frame {
            Frame::ChannelClosed { code, text } | Frame::ConnectionClosed { code, text } => {
                Some(format!("{code} {text}"))
            }
            _ => None,
        };
        self.heard(peer).iter().filter_map(text).collect::<Vec<_>>().join(" / ")
    }

    /// The ready messages of a queue, head to tail.
    pub(super) fn ready(&self, queue: &str) -> String {
        let Some(view) = self.view(queue) else { return "gone".to_owned() };
        let text = |message: &super::MessageView| marked(message.msg, message.redelivered);
        view.messages.iter().map(text).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn view(&self, queue: &str) -> Option<super::QueueView> {
        self.broker.queue(self.broker.queue_id(queue)?)
    }

    /// The headers of the message that a client was last given.
    pub(super) fn headers(&mut self, peer: NodeId) -> crate::talk::Headers {
        let headers = |frame: &Frame| match frame {
            Frame::Deliver { delivery, .. } | Frame::GetOk { delivery, .. } => {
                Some(delivery.message.publication.properties.headers.clone())
            }
            _ => None,
        };
        self.heard(peer).iter().rev().find_map(headers).unwrap_or_default()
    }

    pub(super) fn confirm_select(&mut self) {
        self.say(P, 1, Method::ConfirmSelect);
        self.heard(P);
    }

    pub(super) fn declare(&mut self, peer: NodeId, text: &str) {
        self.say(peer, 1, Method::QueueDeclare(Box::new(queue(text))));
    }

    /// Goes down in this way and starts again after a second.
    pub(super) fn restart(&mut self, loss: Loss) {
        if loss == Loss::Graceful {
            self.input(Input::Stop);
        }
        self.timers.clear();
        let mut effects = Vec::new();
        let mut out = Collected { effects: &mut effects, choose: &mut self.choices };
        let mut ctx = Ctx::new(NodeId(0), self.now, &mut out);
        self.broker.lose(loss, &mut ctx);
        effects.retain(|effect| matches!(effect, Effect::Note(_)));
        self.collect(effects);
        self.now += Span::from_secs(1);
        self.input(Input::Start);
        self.settle();
        self.connect(P);
    }

    pub(super) fn was_closed(&self, peer: NodeId) -> bool {
        self.closed.contains(&peer)
    }
}

fn marked(id: MessageId, redelivered: bool) -> String {
    format!("{id}{}", if redelivered { "*" } else { "" })
}

/// The reasons and counts of an `x-death` header, most recent first.
pub(super) fn deaths(headers: &crate::talk::Headers) -> String {
    let Some(Value::List(deaths)) = headers.get("x-death") else { return String::new() };
    let text = |death: &Value| {
        let Value::Table(fields) = death else { return String::new() };
        let word = |key: &str| fields.get(key).and_then(Value::as_text).map_or("", Name::as_str);
        let count = fields.get("count").and_then(Value::as_int).unwrap_or(0);
        format!("{} {} {count}", word("queue"), word("reason"))
    };
    deaths.iter().map(text).collect::<Vec<_>>().join(", ")
}
