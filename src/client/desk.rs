//! A test bench for one client: the test is its broker, its clock and its services.

use std::sync::Arc;

use super::connection::CHANNEL;
use crate::kernel::{Choose, Collected, Site};
use crate::kernel::{Ctx, Dist, Effect, Input, Loss, Node, NodeId, Span, Time, Untimed};
use crate::talk::{
    ClientTimer, Delivery, Done, Frame, Message, MessageId, Method, Mq, Msg, Note, Order,
    Publication, Reply, Request, Timer,
};

pub(super) const BROKER: NodeId = NodeId(0);
pub(super) const ME: NodeId = NodeId(1);
pub(super) const SERVICE: NodeId = NodeId(2);

/// Draws that always fall the same way.
struct Fixed(u32);

impl Choose for Fixed {
    fn choose(&mut self, _: Site, n: u32) -> u32 {
        self.0.min(n.saturating_sub(1))
    }
    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        Untimed::default().span(site, dist)
    }
}

/// One client on the bench.
pub(super) struct Desk<N: Node<Talk = Mq>> {
    pub(super) node: N,
    /// What it did about the last input.
    pub(super) effects: Vec<Effect<Mq>>,
    /// Which way draws fall.
    pub(super) draw: u32,
}

impl<N: Node<Talk = Mq>> Desk<N> {
    pub(super) fn new(node: N) -> Desk<N> {
        Desk { node, effects: Vec::new(), draw: 0 }
    }

    /// A client that has started and is ready for work.
    pub(super) fn connected(node: N) -> Desk<N> {
        let mut desk = Desk::new(node);
        desk.input(Input::Start);
        desk.let_in();
        desk
    }

    /// Answers whatever the client asks until it is ready.
    pub(super) fn let_in(&mut self) {
        while let Some(done) = self.sent().iter().find_map(answer_to) {
            self.frame(done);
        }
    }

    pub(super) fn input(&mut self, input: Input<Mq>) {
        self.effects.clear();
        let mut choose = Fixed(self.draw);
        let mut out = Collected { effects: &mut self.effects, choose: &mut choose };
        let mut ctx = Ctx::new(ME, Time::ZERO, &mut out);
        self.node.on(input, &mut ctx);
    }

    pub(super) fn frame(&mut self, frame: Frame) {
        let msg = Msg::Reply(Reply { channel: CHANNEL, frame });
        self.input(Input::Message { from: BROKER, msg });
    }

    pub(super) fn ack(&mut self, tag: u64, multiple: bool) {
        self.frame(Frame::ConfirmAck { tag, multiple });
    }

    pub(super) fn deliver(&mut self, tag: u64, msg: u32) {
        self.delivery(tag, message(msg), false);
    }

    pub(super) fn delivery(&mut self, tag: u64, message: Message, redelivered: bool) {
        let delivery = Delivery { tag, redelivered, delivery_count: None, message };
        self.frame(Frame::Deliver { consumer_tag: "worker".into(), delivery });
    }

    pub(super) fn fire(&mut self, timer: ClientTimer) {
        self.input(Input::Timer(Timer::Client(timer)));
    }

    pub(super) fn order(&mut self, order: Order) {
        self.input(Input::Order(order));
    }

    pub(super) fn lose(&mut self) {
        self.effects.clear();
        let mut choose = Fixed(self.draw);
        let mut out = Collected { effects: &mut self.effects, choose: &mut choose };
        let mut ctx = Ctx::new(ME, Time::ZERO, &mut out);
        self.node.lose(Loss::Process, &mut ctx);
    }

    /// The methods that it sent.
    pub(super) fn sent(&self) -> Vec<Method> {
        let method = |effect: &Effect<Mq>| match effect {
            Effect::Send { msg: Msg::Request(Request { method, .. }), .. } => Some(method.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(method).collect()
    }

    /// The messages that it published: identity, copy and routing key.
    pub(super) fn published(&self) -> Vec<(u32, u16, String)> {
        let publish = |method: &Method| match method {
            Method::Publish { message, .. } => {
                let key = message.publication.routing_key.to_string();
                Some((message.id.0, message.copy, key))
            }
            _ => None,
        };
        self.sent().iter().filter_map(publish).collect()
    }

    pub(super) fn notes(&self) -> Vec<Note> {
        let note = |effect: &Effect<Mq>| match effect {
            Effect::Note(note) => Some(note.clone()),
            _ => None,
        };
        self.effects.iter().filter_map(note).collect()
    }

    /// The kinds of notes that it made.
    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.notes().iter().map(Note::kind).collect()
    }

    pub(super) fn arms(&self, wanted: ClientTimer) -> Option<Span> {
        self.effects.iter().find_map(|effect| match effect {
            Effect::Arm { timer: Timer::Client(timer), after } if *timer == wanted => Some(*after),
            _ => None,
        })
    }

    pub(super) fn closes(&self, peer: NodeId) -> bool {
        self.effects.contains(&Effect::Close(peer))
    }
}

pub(super) fn message(id: u32) -> Message {
    let publication = Publication { routing_key: "work".into(), ..Publication::default() };
    Message { id: MessageId(id), copy: 0, publication: Arc::new(publication) }
}

/// What a broker says to a synchronous method.
fn answer_to(method: &Method) -> Option<Frame> {
    Some(match method {
        Method::Open { .. } => Frame::Ok(Done::ConnectionOpen),
        Method::ChannelOpen => Frame::Ok(Done::ChannelOpen),
        Method::ConfirmSelect => Frame::Ok(Done::ConfirmSelect),
        Method::TxSelect => Frame::Ok(Done::TxSelect),
        Method::Qos { .. } => Frame::Ok(Done::Qos),
        Method::ExchangeDeclare(_) => Frame::Ok(Done::ExchangeDeclare),
        Method::QueueBind(_) => Frame::Ok(Done::QueueBind),
        Method::QueueDeclare(declare) if !declare.nowait => {
            Frame::DeclareOk { queue: declare.queue.clone(), ready: 0, consumers: 0 }
        }
        Method::Consume(consume) => Frame::ConsumeOk { consumer_tag: consume.consumer_tag.clone() },
        Method::TxCommit => Frame::Ok(Done::TxCommit),
        _ => return None,
    })
}
