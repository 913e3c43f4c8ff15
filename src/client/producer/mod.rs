//! An application that sends.
//!
//! Messages go through three places: the *backlog* of what is submitted but not on the wire, the
//! publishes *on the wire* that wait for their confirm, and what is put off to be sent again. Each
//! message is a number that counts up from the first; everything else about it follows from that
//! number and is shared by all messages that are alike.

mod answers;
mod config;

use std::collections::VecDeque;
use std::sync::Arc;

use super::connection::{CHANNEL, Session, answers, request};
use super::outstanding::Outstanding;
use crate::kernel::{Ctx, Dist, Input, Loss, Node, NodeId, Site, Span};
use crate::talk::{
    ClientTimer, Constant, Consume, Frame, Message, MessageId, Method, Mq, Msg, Name, Note, Order,
    Publication, QueueDeclare, Reply, Timer,
};

pub use config::{Again, Keys, Mix, OnBlocked, Pacing, ProducerConfig, Rpc, Share};

/// A producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Producer {
    config: Constant<ProducerConfig>,
    /// For each share the publication of each key, or one when there are no keys.
    publications: Constant<[Arc<Publication>]>,
    session: Session,
    /// It works, or has been told to.
    joined: bool,
    /// It has begun to submit.
    begun: bool,
    /// How many messages were submitted.
    submitted: u32,
    /// Submitted and not on the wire.
    backlog: VecDeque<Pending>,
    /// On the wire, waiting for a confirm.
    on_the_wire: Outstanding<Pending>,
    /// Refused or returned, to be sent again later.
    put_off: Vec<Pending>,
    /// Requests on the wire, waiting for an answer.
    unanswered: VecDeque<Pending>,
}

/// A message that a producer has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pending {
    /// The how-manyeth message of this producer, from 0.
    pub number: u32,
    /// Which of its publications it is.
    publication: u32,
    /// Which publish of this message is next, or on the wire.
    pub copy: u16,
    /// It came back unroutable.
    returned: bool,
}

impl Producer {
    /// A producer that does as told.
    pub fn new(config: ProducerConfig) -> Producer {
        let keys = config.keys.count();
        let publications = config
            .publish
            .iter()
            .flat_map(|share| {
                let all = if keys == 0 { 0..=0 } else { 1..=keys };
                all.map(|key| Arc::new(with_key(&share.publication, key, config.rpc.as_ref())))
            })
            .collect();
        Producer {
            session: Session::new(setup(&config)),
            joined: config.connection.joined,
            begun: false,
            submitted: 0,
            backlog: VecDeque::new(),
            on_the_wire: Outstanding::default(),
            put_off: Vec::new(),
            unanswered: VecDeque::new(),
            publications,
            config: Constant::new(config),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &ProducerConfig {
        &self.config
    }

    /// Its connection.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Whom it speaks to.
    pub fn broker(&self) -> NodeId {
        self.session.broker(&self.config.connection)
    }

    /// How many messages its application has submitted.
    pub fn submitted(&self) -> u32 {
        self.submitted
    }

    /// How many messages wait in its memory to be written.
    pub fn backlog(&self) -> usize {
        self.backlog.len() + self.put_off.len()
    }

    /// How many publishes wait for a confirm.
    pub fn unconfirmed(&self) -> u32 {
        self.on_the_wire.open()
    }

    /// How many requests wait for an answer.
    pub fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    fn id(&self, pending: Pending) -> MessageId {
        MessageId(self.config.first_id.0.wrapping_add(pending.number))
    }

    // ── submitting ──

    /// The application hands over its next message.
    fn submit(&mut self, ctx: &mut Ctx<'_, Mq>) -> Pending {
        let number = self.submitted;
        self.submitted += 1;
        let key = self.config.keys.entity(number, ctx);
        let share = self.share_of(number, ctx);
        let keys = self.config.keys.count();
        let publication = share * keys.max(1) + key.saturating_sub(1);
        let pending = Pending { number, publication, copy: 0, returned: false };
        ctx.note(Note::Submitted { msg: self.id(pending), key });
        pending
    }

    fn share_of(&self, number: u32, ctx: &mut Ctx<'_, Mq>) -> u32 {
        let shares = &self.config.publish;
        if shares.len() < 2 {
            return 0;
        }
        let total = shares.iter().map(|share| share.weight).fold(0, u32::saturating_add);
        let mut at = match self.config.mix {
            Mix::InTurn => number % total.max(1),
            Mix::Drawn => {
                ctx.choose(Site::new("publication", u64::from(ctx.me.0)).nth(number.into()), total)
            }
        };
        for (share, index) in shares.iter().zip(0..) {
            if at < share.weight {
                return index;
            }
            at -= share.weight;
        }
        0
    }

    /// The next message is due: the open loop.
    fn send_due(&mut self, gap: &Dist, ctx: &mut Ctx<'_, Mq>) {
        if self.submitted >= self.config.messages {
            return;
        }
        let pending = self.submit(ctx);
        if self.submitted < self.config.messages {
            let site = Site::new("gap", u64::from(ctx.me.0)).nth(self.submitted.into());
            let gap = ctx.span(site, gap);
            ctx.arm(Timer::Client(ClientTimer::Send), gap);
        }
        if self.backlog.is_empty() && self.may_write() {
            self.publish(pending, ctx);
        } else {
            self.backlog.push_back(pending);
        }
    }

    /// Writes what there is to write, and submits more when the loop is closed.
    fn fill(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let closed = self.begun && self.joined && self.config.pacing == Pacing::Window;
        while self.may_write() {
            let next = match self.backlog.pop_front() {
                Some(pending) => pending,
                None if closed && self.submitted < self.config.messages => self.submit(ctx),
                None => return,
            };
            self.publish(next, ctx);
        }
    }

    fn may_write(&self) -> bool {
        let window = self.config.window;
        let waiting = self.on_the_wire.open().max(self.unanswered.len() as u32);
        self.session.is_up()
            && (window == 0 || waiting < window)
            && !(self.session.is_blocked() && self.config.on_blocked == OnBlocked::Wait)
    }

    // ── publishing ──

    fn publish(&mut self, pending: Pending, ctx: &mut Ctx<'_, Mq>) {
        let broker = self.session.broker(&self.config.connection);
        for method in &self.config.declare_before_publish {
            ctx.send(broker, request(CHANNEL, method.clone()));
        }
        let msg = self.id(pending);
        // The index was made from the same shares and keys as the table.
        let publication = self.publications[pending.publication as usize].clone();
        ctx.note(Note::Published { msg, copy: pending.copy });
        let message = Message { id: msg, copy: pending.copy, publication };
        let method = Method::Publish { mandatory: self.config.mandatory, message };
        ctx.send(broker, request(CHANNEL, method));
        if self.config.confirm {
            let tag = self.on_the_wire.push(pending);
            if let Some(patience) = self.config.confirm_timeout {
                ctx.arm(Timer::Client(ClientTimer::ConfirmTimeout(tag)), patience);
            }
        }
        if let Some(rpc) = &self.config.rpc {
            self.unanswered.push_back(pending);
            let timer = ClientTimer::ReplyTimeout(pending.number.into());
            ctx.arm(Timer::Client(timer), rpc.timeout);
        }
    }

    /// A publish failed, or may have.
    fn again(&mut self, pending: Pending, again: Again, at_once: bool, ctx: &mut Ctx<'_, Mq>) {
        if again == Again::GiveUp {
            ctx.note(Note::GaveUp { msg: self.id(pending) });
            return;
        }
        let next = Pending { copy: pending.copy.saturating_add(1), returned: false, ..pending };
        if at_once {
            self.backlog.push_back(next);
        } else {
            if self.put_off.is_empty() {
                ctx.arm(Timer::Client(ClientTimer::Resend), self.config.again_after);
            }
            self.put_off.push(next);
        }
    }

    // ── the connection ──

    fn frame(&mut self, frame: Frame, ctx: &mut Ctx<'_, Mq>) {
        match frame {
            Frame::ConfirmAck { tag, multiple } => self.confirmed(tag, multiple, true, ctx),
            Frame::ConfirmNack { tag, multiple } => self.confirmed(tag, multiple, false, ctx),
            Frame::Return { message, .. } => self.returned(&message, ctx),
            Frame::Deliver { delivery, .. } => self.answered(delivery.message.id, ctx),
            Frame::Blocked { .. } => self.session.set_blocked(true),
            Frame::Unblocked => {
                self.session.set_blocked(false);
                self.fill(ctx);
            }
            Frame::ChannelClosed { .. } | Frame::ConnectionClosed { .. } => self.hang_up(ctx),
            frame => {
                if answers(&frame) && self.session.advance(&self.config.connection, ctx) {
                    self.connected(ctx);
                }
            }
        }
    }

    fn connected(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.begun {
            self.fill(ctx);
        } else {
            self.begun = true;
            ctx.arm(Timer::Client(ClientTimer::Send), self.config.begins);
        }
    }

    /// Gives the connection up and tries another one.
    fn hang_up(&mut self, ctx: &mut Ctx<'_, Mq>) {
        ctx.close(self.session.broker(&self.config.connection));
        self.disconnected(ctx);
    }

    fn disconnected(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.session.drop_and_retry(&self.config.connection, ctx);
        self.forget_the_wire(self.config.on_unknown, ctx);
    }

    /// Whatever is on the wire will not be confirmed any more.
    fn forget_the_wire(&mut self, on_unknown: Again, ctx: &mut Ctx<'_, Mq>) {
        let lost = std::mem::take(&mut self.on_the_wire);
        let mut newer = std::mem::take(&mut self.backlog);
        for (tag, pending) in lost.iter() {
            if self.config.confirm_timeout.is_some() {
                ctx.disarm(Timer::Client(ClientTimer::ConfirmTimeout(tag)));
            }
            ctx.note(Note::Unknown { msg: self.id(*pending) });
            self.again(*pending, on_unknown, true, ctx);
        }
        self.backlog.append(&mut newer);
    }

    fn timer(&mut self, timer: ClientTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            ClientTimer::Send if !self.joined => {}
            ClientTimer::Send => match self.config.pacing {
                Pacing::Every(gap) => self.send_due(&gap, ctx),
                Pacing::Window => self.fill(ctx),
            },
            ClientTimer::ConfirmTimeout(tag) => {
                if let Some(pending) = self.on_the_wire.take(tag) {
                    ctx.note(Note::Unknown { msg: self.id(pending) });
                    self.again(pending, self.config.on_unknown, true, ctx);
                    self.fill(ctx);
                }
            }
            ClientTimer::ReplyTimeout(number) => self.no_answer(number, ctx),
            ClientTimer::Resend => {
                self.backlog.extend(self.put_off.drain(..));
                self.fill(ctx);
            }
            ClientTimer::Reconnect => self.session.connect(&self.config.connection, ctx),
            ClientTimer::ConnectTimeout => self.hang_up(ctx),
            ClientTimer::Heartbeat => {
                if self.session.beat(&self.config.connection, ctx) {
                    self.hang_up(ctx);
                }
            }
            ClientTimer::Handler(_) | ClientTimer::Respawn => {}
        }
    }

    /// It begins, or goes on.
    fn join(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.joined = true;
        self.session.connect(&self.config.connection, ctx);
        if self.begun {
            ctx.arm(Timer::Client(ClientTimer::Send), Span::ZERO);
        }
    }

    /// It submits nothing more; what is on its way goes on.
    fn leave(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.joined = false;
        ctx.disarm(Timer::Client(ClientTimer::Send));
    }

    fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.joined {
            self.session.connect(&self.config.connection, ctx);
        }
    }
}

impl Node for Producer {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::Reply(Reply { frame, .. }) }
                if from == self.session.broker(&self.config.connection) =>
            {
                self.session.hear();
                self.frame(frame, ctx);
            }
            Input::Timer(Timer::Client(timer)) => self.timer(timer, ctx),
            Input::Start => self.start(ctx),
            Input::Closed(peer) if peer == self.session.broker(&self.config.connection) => {
                if !self.session.is_down() {
                    self.disconnected(ctx);
                }
            }
            Input::Order(Order::Join) => self.join(ctx),
            Input::Order(Order::Leave) => self.leave(ctx),
            Input::Stop => {
                if self.session.is_up() {
                    ctx.send(
                        self.session.broker(&self.config.connection),
                        request(0, Method::Close),
                    );
                }
            }
            Input::Message { .. } | Input::Timer(_) | Input::Closed(_) | Input::Order(_) => {}
        }
    }

    /// The process is gone. An outbox brings back what had no answer; without one the application
    /// goes on with the next message as if all were well.
    fn lose(&mut self, _: Loss, ctx: &mut Ctx<'_, Mq>) {
        self.session.reset();
        let kept = if self.config.outbox { Again::Resend } else { Again::GiveUp };
        self.forget_the_wire(kept, ctx);
        self.backlog.extend(self.put_off.drain(..));
        self.unanswered.clear();
        self.begun = false;
        if !self.config.outbox {
            for pending in std::mem::take(&mut self.backlog) {
                ctx.note(Note::GaveUp { msg: self.id(pending) });
            }
        }
    }
}

/// What a producer does on every new connection.
fn setup(config: &ProducerConfig) -> Vec<Method> {
    let mut setup = vec![Method::ChannelOpen];
    setup.extend(config.connection.topology.iter().cloned());
    if let Some(rpc) = &config.rpc {
        let queue = rpc.reply_queue.clone();
        setup.push(Method::QueueDeclare(Box::new(QueueDeclare {
            queue: queue.clone(),
            exclusive: true,
            ..QueueDeclare::default()
        })));
        setup.push(Method::Consume(Box::new(Consume {
            queue,
            consumer_tag: Name::from("replies"),
            no_ack: true,
            ..Consume::default()
        })));
    }
    if config.confirm {
        setup.push(Method::ConfirmSelect);
    }
    setup
}

fn with_key(publication: &Publication, key: u32, rpc: Option<&Rpc>) -> Publication {
    let mut its = publication.clone();
    its.key = key;
    if its.routing_key.as_str().contains("{key}") {
        its.routing_key = its.routing_key.as_str().replace("{key}", &key.to_string()).into();
    }
    if let Some(rpc) = rpc {
        its.properties.reply_to = Some(rpc.reply_queue.clone());
    }
    its
}

#[cfg(test)]
mod tests;
