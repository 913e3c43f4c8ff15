//! The part of a bridge that speaks AMQP.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::client::connection::{CHANNEL, ConnectionConfig, Session, answers, request};
use crate::client::handler::Outgoing;
use crate::client::outstanding::Outstanding;
use crate::kernel::{Ctx, Input, Span};
use crate::talk::kafka::Record;
use crate::talk::{
    ClientTimer, Constant, Frame, Message, MessageId, Method, Mq, Msg, Note, Publication, Reply,
    Timer,
};

/// How the AMQP client of a bridge works.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublisherConfig {
    /// How it connects.
    pub connection: ConnectionConfig,
    /// It uses a confirm channel.
    pub confirm: bool,
    /// How long a handler waits for a confirm before it fails.
    pub confirm_timeout: Option<Span>,
    /// What becomes of a publish without a connection.
    pub closed: Closed,
}

/// What becomes of a publish without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Closed {
    /// It throws, and so does its handler; what was on the wire and awaited fails as well. This is
    /// amqplib (`IllegalOperationError`: channel closed).
    Throws,
    /// It waits in memory, and what was on the wire without a confirm is sent again
    /// (amqp-connection-manager).
    Buffers,
}

/// What a handler wants published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::client) struct Handed {
    /// Whose it is: the number of a call of this process.
    pub(in crate::client) call: u32,
    /// The record that it is made of.
    pub(in crate::client) record: Record,
    /// Where it goes, and how.
    pub(in crate::client) outgoing: Arc<Outgoing>,
}

/// A publish on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sent {
    handed: Handed,
    /// It came back unroutable.
    returned: bool,
}

/// The AMQP client of a bridge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Publisher {
    config: Constant<PublisherConfig>,
    session: Session,
    /// Handed over without a connection.
    waiting: VecDeque<Handed>,
    on_the_wire: Outstanding<Sent>,
    /// What became of calls and was not told so far.
    outcomes: VecDeque<(u32, bool)>,
}

impl Handed {
    fn msg(&self) -> MessageId {
        self.record.id
    }

    /// The copy has the number after that of its record: whoever reads the record again publishes
    /// the same copy again.
    fn copy(&self) -> u16 {
        self.record.copy.saturating_add(1)
    }

    /// What is said of the message: it is about the entity of its record, and as large.
    pub(super) fn publication(&self) -> Arc<Publication> {
        let (template, entity) = (&self.outgoing.publication, self.record.entity);
        let routing_key = template.routing_key.as_str();
        let mut its = (**template).clone();
        (its.key, its.size) = (entity, self.record.size);
        if routing_key.contains("{key}") {
            its.routing_key = routing_key.replace("{key}", &entity.to_string()).into();
        }
        Arc::new(its)
    }
}

impl Publisher {
    pub(super) fn new(config: PublisherConfig) -> Publisher {
        let mut setup = vec![Method::ChannelOpen];
        setup.extend(config.connection.topology.iter().cloned());
        if config.confirm {
            setup.push(Method::ConfirmSelect);
        }
        Publisher {
            session: Session::new(setup),
            waiting: VecDeque::new(),
            on_the_wire: Outstanding::default(),
            outcomes: VecDeque::new(),
            config: Constant::new(config),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &PublisherConfig {
        &self.config
    }

    /// Its connection.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// How many publishes wait for a confirm.
    pub fn unconfirmed(&self) -> u32 {
        self.on_the_wire.open()
    }

    /// How many publishes wait for a connection.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn is_up(&self) -> bool {
        self.session.is_up()
    }

    // ── publishing ──

    /// Publishes what a handler hands over.
    pub(super) fn publish(&mut self, handed: Handed, ctx: &mut Ctx<'_, Mq>) {
        if !self.is_up() {
            return self.put_off(handed);
        }
        self.go_on_without_a_confirm(&handed);
        self.write(handed, ctx);
    }

    /// There is no connection.
    pub(super) fn put_off(&mut self, handed: Handed) {
        match self.config.closed {
            Closed::Throws => self.outcomes.push_back((handed.call, false)),
            Closed::Buffers => {
                self.go_on_without_a_confirm(&handed);
                self.waiting.push_back(handed);
            }
        }
    }

    /// A handler that does not wait for a confirm is through with its publish.
    fn go_on_without_a_confirm(&mut self, handed: &Handed) {
        if !(self.config.confirm && handed.outgoing.wait_for_confirm) {
            self.outcomes.push_back((handed.call, true));
        }
    }

    fn write(&mut self, handed: Handed, ctx: &mut Ctx<'_, Mq>) {
        let (msg, copy) = (handed.msg(), handed.copy());
        ctx.note(Note::Published { msg, copy });
        let message = Message { id: msg, copy, publication: handed.publication() };
        let method = Method::Publish { mandatory: handed.outgoing.mandatory, message };
        ctx.send(self.session.broker(&self.config.connection), request(CHANNEL, method));
        if self.config.confirm {
            let tag = self.on_the_wire.push(Sent { handed, returned: false });
            if let Some(patience) = self.config.confirm_timeout {
                ctx.arm(Timer::Client(ClientTimer::ConfirmTimeout(tag)), patience);
            }
        }
    }

    /// What became of a call that was not told, oldest first.
    pub(super) fn next_outcome(&mut self) -> Option<(u32, bool)> {
        self.outcomes.pop_front()
    }

    fn answered(&mut self, tag: u64, sent: &Sent, acked: bool, ctx: &mut Ctx<'_, Mq>) {
        if self.config.confirm_timeout.is_some() {
            ctx.disarm(Timer::Client(ClientTimer::ConfirmTimeout(tag)));
        }
        let msg = sent.handed.msg();
        ctx.note(if acked { Note::Confirmed { msg } } else { Note::Refused { msg } });
        self.tell(&sent.handed, acked && !sent.returned);
    }

    fn tell(&mut self, handed: &Handed, ok: bool) {
        if handed.outgoing.wait_for_confirm {
            self.outcomes.push_back((handed.call, ok));
        }
    }

    fn returned(&mut self, message: &Message, ctx: &mut Ctx<'_, Mq>) {
        ctx.note(Note::Returned { msg: message.id });
        let its =
            |sent: &Sent| (sent.handed.msg(), sent.handed.copy()) == (message.id, message.copy);
        if let Some((_, sent)) = self.on_the_wire.iter_mut().find(|(_, sent)| its(sent)) {
            sent.returned = true;
        }
    }

    // ── the connection ──

    pub(super) fn connect(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.session.connect(&self.config.connection, ctx);
    }

    /// Whether an input is for this client.
    pub(super) fn is_for(&self, input: &Input<Mq>) -> bool {
        let broker = self.session.broker(&self.config.connection);
        match input {
            Input::Message { msg: Msg::Reply(_), .. } | Input::Timer(Timer::Client(_)) => true,
            Input::Closed(peer) => *peer == broker,
            _ => false,
        }
    }

    pub(super) fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        let broker = self.session.broker(&self.config.connection);
        match input {
            Input::Message { from, msg: Msg::Reply(Reply { frame, .. }) }
                if from == broker && !self.session.is_down() =>
            {
                self.session.hear();
                self.frame(frame, ctx);
            }
            Input::Closed(_) if !self.session.is_down() => self.disconnected(ctx),
            Input::Timer(Timer::Client(timer)) => self.timer(timer, ctx),
            _ => {}
        }
    }

    fn frame(&mut self, frame: Frame, ctx: &mut Ctx<'_, Mq>) {
        match frame {
            Frame::ConfirmAck { tag, multiple } => self.confirmed(tag, multiple, true, ctx),
            Frame::ConfirmNack { tag, multiple } => self.confirmed(tag, multiple, false, ctx),
            Frame::Return { message, .. } => self.returned(&message, ctx),
            Frame::Blocked { .. } => self.session.set_blocked(true),
            Frame::Unblocked => self.session.set_blocked(false),
            Frame::ChannelClosed { .. } | Frame::ConnectionClosed { .. } => self.hang_up(ctx),
            frame => {
                if answers(&frame) && self.session.advance(&self.config.connection, ctx) {
                    for handed in std::mem::take(&mut self.waiting) {
                        self.write(handed, ctx);
                    }
                }
            }
        }
    }

    fn confirmed(&mut self, tag: u64, multiple: bool, acked: bool, ctx: &mut Ctx<'_, Mq>) {
        while let Some((tag, sent)) = self.on_the_wire.next_answered(tag, multiple) {
            self.answered(tag, &sent, acked, ctx);
        }
    }

    fn timer(&mut self, timer: ClientTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            ClientTimer::ConfirmTimeout(tag) => {
                if let Some(sent) = self.on_the_wire.take(tag) {
                    ctx.note(Note::Unknown { msg: sent.handed.msg() });
                    self.tell(&sent.handed, false);
                }
            }
            ClientTimer::Reconnect => self.connect(ctx),
            ClientTimer::ConnectTimeout => self.hang_up(ctx),
            ClientTimer::Heartbeat => {
                if self.session.beat(&self.config.connection, ctx) {
                    self.hang_up(ctx);
                }
            }
            ClientTimer::Send
            | ClientTimer::Handler(_)
            | ClientTimer::Resend
            | ClientTimer::ReplyTimeout(_)
            | ClientTimer::Respawn => {}
        }
    }

    fn hang_up(&mut self, ctx: &mut Ctx<'_, Mq>) {
        ctx.close(self.session.broker(&self.config.connection));
        self.disconnected(ctx);
    }

    /// The connection is gone, and the application tries another one.
    fn disconnected(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.session.drop_and_retry(&self.config.connection, ctx);
        self.forget_the_wire(ctx);
    }

    /// Whatever is on the wire will not be confirmed any more.
    fn forget_the_wire(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let lost = std::mem::take(&mut self.on_the_wire);
        let mut again = VecDeque::new();
        for (tag, sent) in lost.iter() {
            if self.config.confirm_timeout.is_some() {
                ctx.disarm(Timer::Client(ClientTimer::ConfirmTimeout(tag)));
            }
            ctx.note(Note::Unknown { msg: sent.handed.msg() });
            match self.config.closed {
                Closed::Throws => self.tell(&sent.handed, false),
                Closed::Buffers => again.push_back(sent.handed.clone()),
            }
        }
        again.append(&mut self.waiting);
        self.waiting = again;
    }

    /// The application closes its connection, since it has no more work.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.session.is_down() {
            self.say_good_bye(ctx);
            ctx.close(self.session.broker(&self.config.connection));
        }
        self.session.leave(&self.config.connection, ctx);
    }

    pub(super) fn say_good_bye(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.session.is_up() {
            ctx.send(self.session.broker(&self.config.connection), request(0, Method::Close));
        }
    }

    /// The process killed itself. The operating system closes its connection.
    pub(super) fn vanish(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.session.is_down() {
            ctx.close(self.session.broker(&self.config.connection));
        }
        self.session.vanish(ctx);
        for (tag, _) in self.on_the_wire.iter() {
            ctx.disarm(Timer::Client(ClientTimer::ConfirmTimeout(tag)));
        }
        self.forget();
    }

    /// The memory of the process is gone.
    pub(super) fn forget(&mut self) {
        self.session.reset();
        self.waiting.clear();
        self.on_the_wire = Outstanding::default();
        self.outcomes.clear();
    }
}
