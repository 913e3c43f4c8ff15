//! A connection with one channel on it: how a client gets it, keeps it, and finds it gone.

use crate::kernel::{Ctx, Dist, NodeId, Site, Span};
use crate::talk::{ClientTimer, Constant, Frame, Method, Mq, Msg, Note, Request, Timer};

/// The channel that clients of the model work on.
pub const CHANNEL: u16 = 1;

/// How an application connects.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionConfig {
    /// To which broker.
    pub broker: NodeId,
    /// Other nodes of its cluster: whenever a connection ends, the next one is tried, in turn.
    pub others: Vec<NodeId>,
    /// The heartbeat that is negotiated; zero switches it off, and a silent peer is then never
    /// noticed.
    pub heartbeat: Span,
    /// How long an attempt to connect waits for an answer.
    pub connect_timeout: Span,
    /// How long the application waits before it connects again.
    pub reconnect: Dist,
    /// What the application declares whenever it has connected: `ExchangeDeclare`, `QueueDeclare`,
    /// `QueueBind` and so on, in this order.
    pub topology: Vec<Method>,
    /// It connects when it starts; otherwise it waits for `Order::Join`.
    pub joined: bool,
}

impl ConnectionConfig {
    /// A connection to `broker` without heartbeats, tried again after one second.
    pub fn to(broker: NodeId) -> ConnectionConfig {
        ConnectionConfig {
            broker,
            others: Vec::new(),
            heartbeat: Span::ZERO,
            connect_timeout: Span::from_secs(10),
            reconnect: Dist::Fixed(Span::from_secs(1)),
            topology: Vec::new(),
            joined: true,
        }
    }
}

/// Where a client stands with its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    /// Not connected.
    Down,
    /// `connection.open` is on its way.
    Opening,
    /// The method of the set-up with this number is on its way.
    Setup(u16),
    /// Ready for work.
    Up,
}

/// The state of a connection, as its client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// What is done on every new connection before work begins.
    setup: Constant<[Method]>,
    phase: Phase,
    /// Which of the brokers it uses: 0 is the first.
    turn: u8,
    /// How many connections there were before this one.
    number: u32,
    /// How many attempts to connect were made.
    attempts: u32,
    /// The broker blocks this publisher.
    blocked: bool,
    /// Something was received since the last look.
    heard: bool,
    /// Half intervals since the last look; intervals without a word.
    half: bool,
    silent: u8,
}

impl Session {
    /// A client that is not connected and will do `setup` once it is.
    pub(super) fn new(setup: Vec<Method>) -> Session {
        Session {
            setup: setup.into(),
            phase: Phase::Down,
            turn: 0,
            number: 0,
            attempts: 0,
            blocked: false,
            heard: false,
            half: false,
            silent: 0,
        }
    }

    /// The broker that it is connected to, or will be.
    pub fn broker(&self, config: &ConnectionConfig) -> NodeId {
        let other = usize::from(self.turn).checked_sub(1).and_then(|at| config.others.get(at));
        other.copied().unwrap_or(config.broker)
    }

    /// Whether work can be done.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Whether there is no connection, not even an attempt.
    pub fn is_down(&self) -> bool {
        self.phase == Phase::Down
    }

    /// Whether the broker said `connection.blocked`.
    pub fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// How many connections there were before this one.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Begins to connect.
    pub(super) fn connect(&mut self, config: &ConnectionConfig, ctx: &mut Ctx<'_, Mq>) {
        if self.phase != Phase::Down {
            return;
        }
        self.phase = Phase::Opening;
        self.attempts = self.attempts.saturating_add(1);
        (self.heard, self.half, self.silent) = (false, false, 0);
        ctx.disarm(Timer::Client(ClientTimer::Reconnect));
        ctx.arm(Timer::Client(ClientTimer::ConnectTimeout), config.connect_timeout);
        let open = Method::Open { heartbeat: config.heartbeat, cancel_notify: true };
        ctx.send(self.broker(config), request(0, open));
    }

    /// The broker answered a method of the set-up. Returns whether that was the last one.
    pub(super) fn advance(&mut self, config: &ConnectionConfig, ctx: &mut Ctx<'_, Mq>) -> bool {
        let mut next = match self.phase {
            Phase::Opening => 0,
            Phase::Setup(done) => done + 1,
            Phase::Down | Phase::Up => return false,
        };
        if next == 0 && !config.heartbeat.is_zero() {
            ctx.arm(Timer::Client(ClientTimer::Heartbeat), half(config.heartbeat));
        }
        while let Some(method) = self.setup.get(usize::from(next)) {
            ctx.send(self.broker(config), request(CHANNEL, method.clone()));
            if !matches!(method, Method::QueueDeclare(declare) if declare.nowait) {
                self.phase = Phase::Setup(next);
                return false;
            }
            next += 1;
        }
        self.phase = Phase::Up;
        ctx.disarm(Timer::Client(ClientTimer::ConnectTimeout));
        ctx.note(Note::Connected { to: self.broker(config) });
        true
    }

    /// Something arrived.
    pub(super) fn hear(&mut self) {
        self.heard = true;
    }

    /// `connection.blocked` or `connection.unblocked` arrived.
    pub(super) fn set_blocked(&mut self, blocked: bool) {
        self.blocked = blocked;
    }

    /// The connection is gone, or is given up: the application will try again later. Returns
    /// whether work could be done on it.
    pub(super) fn drop_and_retry(
        &mut self,
        config: &ConnectionConfig,
        ctx: &mut Ctx<'_, Mq>,
    ) -> bool {
        let was_up = self.leave(config, ctx);
        let site = Site::new("reconnect", u64::from(ctx.me.0)).nth(u64::from(self.attempts));
        let delay = ctx.span(site, &config.reconnect);
        ctx.arm(Timer::Client(ClientTimer::Reconnect), ctx.slowed(delay));
        was_up
    }

    /// The connection is gone, or is given up, for good. Returns whether work could be done on it.
    pub(super) fn leave(&mut self, config: &ConnectionConfig, ctx: &mut Ctx<'_, Mq>) -> bool {
        let (was_up, from) = (self.is_up(), self.broker(config));
        if !self.is_down() {
            let brokers = config.others.len().min(usize::from(u8::MAX) - 1) + 1;
            self.turn = ((usize::from(self.turn) + 1) % brokers) as u8;
        }
        self.vanish(ctx);
        if was_up {
            ctx.note(Note::Disconnected { from });
        }
        was_up
    }

    /// The process kills itself, and nobody in it notices anything.
    pub(super) fn vanish(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.reset();
        ctx.disarm(Timer::Client(ClientTimer::ConnectTimeout));
        ctx.disarm(Timer::Client(ClientTimer::Heartbeat));
        ctx.disarm(Timer::Client(ClientTimer::Reconnect));
    }

    /// The process is gone, and its connection with it.
    pub(super) fn reset(&mut self) {
        if self.phase != Phase::Down {
            self.number = self.number.saturating_add(1);
        }
        self.phase = Phase::Down;
        self.blocked = false;
    }

    /// Half a heartbeat interval has passed. Returns true when the peer has been silent for two
    /// consecutive intervals, which is when amqplib gives a connection up (`lib/heartbeat.js`).
    pub(super) fn beat(&mut self, config: &ConnectionConfig, ctx: &mut Ctx<'_, Mq>) -> bool {
        ctx.arm(Timer::Client(ClientTimer::Heartbeat), half(config.heartbeat));
        ctx.send(self.broker(config), request(0, Method::Heartbeat));
        self.half = !self.half;
        if !self.half {
            self.silent = if self.heard { 0 } else { self.silent + 1 };
            self.heard = false;
        }
        self.silent >= 2
    }
}

/// Whether a frame answers a synchronous method.
pub(super) fn answers(frame: &Frame) -> bool {
    matches!(
        frame,
        Frame::Ok(_)
            | Frame::DeclareOk { .. }
            | Frame::Removed { .. }
            | Frame::ConsumeOk { .. }
            | Frame::CancelOk { .. }
    )
}

pub(super) fn request(channel: u16, method: Method) -> Msg {
    Msg::Request(Request { channel, method })
}

fn half(span: Span) -> Span {
    Span::from_nanos((span.as_nanos() / 2).max(1))
}
