//! A scripted client: does what it is told when the harness gives the word, and logs what it
//! receives.

use std::collections::VecDeque;
use std::sync::Arc;

use redeliver::kernel::{Ctx, Input, NodeId, Span, Time};
use redeliver::talk::{
    ChannelNo, ClientTimer, Done, Frame, MessageId, Method, Mq, Msg, Name, Reply, Request, Timer,
};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Act {
    /// When the recorded client did it.
    pub at: Time,
    /// How many deliveries it waits for before.
    pub deliveries: usize,
    /// What it did.
    pub what: What,
}

/// What there is to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Open a connection.
    Connect { heartbeat: Span, cancel_notify: bool },
    /// Let the connection die without a word.
    Drop,
    /// Send a method.
    Send(ChannelNo, Box<Method>),
    /// Take everything out of a queue, one after the other.
    Drain { channel: ChannelNo, queue: Name },
    /// Acknowledge all that was delivered on a channel.
    AckAll(ChannelNo),
    /// From now on, handle deliveries (or no more).
    Work(Option<Worker>),
}

/// A handler that works through deliveries, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Worker {
    /// How long it takes for each.
    pub takes: Span,
    /// Messages that it always gives back to the queue; it acknowledges the others.
    pub poison: Vec<MessageId>,
}

/// What a client received.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// When.
    pub at: Time,
    /// On which channel.
    pub channel: ChannelNo,
    /// How many times that channel had been opened by then.
    pub epoch: u32,
    /// What; `None` when the connection was gone.
    pub frame: Option<Frame>,
}

/// What a client took out of a queue for the harness.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drained {
    /// The queue.
    pub queue: Name,
    /// The messages, head to tail, and whether they were flagged as redelivered.
    pub messages: Vec<(MessageId, bool)>,
}

/// What a client tells the harness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// It received a delivery.
    Delivery,
    /// It received another frame that the harness may wait for.
    Frame,
    /// A queue is empty now.
    Drained,
}

/// The client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    broker: NodeId,
    harness: NodeId,
    acts: Arc<[What]>,
    next: usize,
    log: Vec<Entry>,
    drained: Vec<Drained>,
    draining: Option<ChannelNo>,
    /// Declarations without an answer so far: on which channel, and whether only to look.
    declaring: VecDeque<(ChannelNo, bool)>,
    opened: Vec<(ChannelNo, u32)>,
    unsettled: Vec<(ChannelNo, u64)>,
    worker: Option<Worker>,
    backlog: VecDeque<(ChannelNo, u64, MessageId)>,
    /// Messages handled: when, which, and whether they were given back.
    handled: Vec<(Time, MessageId, bool)>,
}

impl Report {
    /// The report in a message to the harness.
    pub fn read(msg: &Msg) -> Option<Report> {
        match msg {
            Msg::CallDone { call: 0, .. } => Some(Report::Delivery),
            Msg::CallDone { call: 1, .. } => Some(Report::Frame),
            Msg::CallDone { call: 2, .. } => Some(Report::Drained),
            _ => None,
        }
    }
}

impl Client {
    /// A client that does these things, one at each word of the harness.
    pub fn new(broker: NodeId, harness: NodeId, acts: Vec<What>) -> Client {
        Client {
            broker,
            harness,
            acts: acts.into(),
            next: 0,
            log: Vec::new(),
            drained: Vec::new(),
            draining: None,
            declaring: VecDeque::new(),
            opened: Vec::new(),
            unsettled: Vec::new(),
            worker: None,
            backlog: VecDeque::new(),
            handled: Vec::new(),
        }
    }

    /// What it received, in order.
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// What it took out of queues for the harness, in order.
    pub fn drained(&self) -> &[Drained] {
        &self.drained
    }

    /// What its handler did.
    pub fn handled(&self) -> &[(Time, MessageId, bool)] {
        &self.handled
    }

    /// Takes one input.
    pub fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::Call { .. } } if from == self.harness => {
                let acts = Arc::clone(&self.acts);
                if let Some(what) = acts.get(self.next) {
                    self.next += 1;
                    self.act(what, ctx);
                }
            }
            Input::Message { msg: Msg::Reply(reply), .. } => self.receive(reply, ctx),
            Input::Timer(Timer::Client(ClientTimer::Handler(_))) => self.finish(ctx),
            Input::Closed(peer) if peer == self.broker => {
                self.over(ctx);
                self.log.push(Entry { at: ctx.now, channel: 0, epoch: 0, frame: None });
            }
            _ => {}
        }
    }

    fn report(&self, what: Report, ctx: &mut Ctx<'_, Mq>) {
        let call = match what {
            Report::Delivery => 0,
            Report::Frame => 1,
            Report::Drained => 2,
        };
        ctx.send(self.harness, Msg::CallDone { call, ok: true });
    }

    /// The connection is gone.
    fn over(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.drained_now(ctx);
        self.declaring.clear();
        self.unsettled.clear();
        self.backlog.clear();
    }

    fn drained_now(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.draining.take().is_some() {
            self.report(Report::Drained, ctx);
        }
    }

    fn send(&mut self, channel: ChannelNo, method: Method, ctx: &mut Ctx<'_, Mq>) {
        ctx.send(self.broker, Msg::Request(Request { channel, method }));
    }

    fn act(&mut self, what: &What, ctx: &mut Ctx<'_, Mq>) {
        match what {
            What::Connect { heartbeat, cancel_notify } => {
                let open = Method::Open { heartbeat: *heartbeat, cancel_notify: *cancel_notify };
                self.send(0, open, ctx);
            }
            What::Drop => ctx.close(self.broker),
            What::Send(channel, method) => {
                match &**method {
                    Method::ChannelOpen => self.reopen(*channel),
                    Method::QueueDeclare(declare) if !declare.nowait => {
                        self.declaring.push_back((*channel, declare.passive));
                    }
                    Method::Ack { tag, .. } | Method::Nack { tag, .. } => {
                        self.unsettled.retain(|unsettled| *unsettled != (*channel, *tag));
                    }
                    _ => {}
                }
                self.send(*channel, (**method).clone(), ctx);
            }
            What::Drain { channel, queue } => {
                self.drained.push(Drained { queue: queue.clone(), messages: Vec::new() });
                self.draining = Some(*channel);
                self.send(*channel, Method::Get { queue: queue.clone(), no_ack: true }, ctx);
            }
            What::AckAll(channel) => {
                let (mine, others) = self.unsettled.drain(..).partition(|(on, _)| on == channel);
                self.unsettled = others;
                for (_, tag) in mine {
                    self.send(*channel, Method::Ack { tag, multiple: false }, ctx);
                }
            }
            What::Work(worker) => {
                self.worker.clone_from(worker);
                if worker.is_none() {
                    self.backlog.clear();
                }
            }
        }
    }

    fn reopen(&mut self, channel: ChannelNo) {
        match self.opened.iter_mut().find(|(there, _)| *there == channel) {
            Some((_, times)) => *times += 1,
            None => self.opened.push((channel, 1)),
        }
    }

    fn receive(&mut self, reply: Reply, ctx: &mut Ctx<'_, Mq>) {
        let Reply { channel, frame } = reply;
        let epoch =
            self.opened.iter().find(|(there, _)| *there == channel).map_or(0, |(_, times)| *times);
        if self.draining == Some(channel) {
            match &frame {
                Frame::GetOk { delivery, .. } => {
                    // there is one: it was pushed when draining began
                    if let Some(drained) = self.drained.last_mut() {
                        drained.messages.push((delivery.message.id, delivery.redelivered));
                        let queue = drained.queue.clone();
                        self.send(channel, Method::Get { queue, no_ack: true }, ctx);
                    }
                    return;
                }
                Frame::GetEmpty => return self.drained_now(ctx),
                Frame::ChannelClosed { .. } | Frame::ConnectionClosed { .. } => {
                    self.drained_now(ctx);
                }
                _ => {}
            }
        }
        match &frame {
            Frame::Ok(Done::ConnectionClose) => return ctx.close(self.broker),
            Frame::Ok(_)
            | Frame::Removed { .. }
            | Frame::ConsumeOk { .. }
            | Frame::CancelOk { .. } => return,
            Frame::DeclareOk { .. } => {
                let asked = self.declaring.iter().position(|(on, _)| *on == channel);
                let passive = asked.and_then(|at| self.declaring.remove(at));
                if !passive.is_some_and(|(_, passive)| passive) {
                    return;
                }
            }
            Frame::Deliver { delivery, .. } => {
                self.report(Report::Delivery, ctx);
                self.unsettled.push((channel, delivery.tag));
                if self.worker.is_some() {
                    self.backlog.push_back((channel, delivery.tag, delivery.message.id));
                    if self.backlog.len() == 1 {
                        self.begin(ctx);
                    }
                }
            }
            Frame::GetOk { .. }
            | Frame::GetEmpty
            | Frame::Return { .. }
            | Frame::CancelledByBroker { .. } => self.report(Report::Frame, ctx),
            Frame::ChannelClosed { .. } => {
                self.report(Report::Frame, ctx);
                self.declaring.retain(|(on, _)| *on != channel);
            }
            Frame::ConnectionClosed { code, .. } => {
                // nobody waits to be told that a broker is stopped
                if *code != 320 {
                    self.report(Report::Frame, ctx);
                }
                self.over(ctx);
                ctx.close(self.broker);
            }
            Frame::ConfirmAck { .. }
            | Frame::ConfirmNack { .. }
            | Frame::Heartbeat
            | Frame::Blocked { .. }
            | Frame::Unblocked => {}
        }
        self.log.push(Entry { at: ctx.now, channel, epoch, frame: Some(frame) });
    }

    fn begin(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if let Some(worker) = &self.worker {
            ctx.arm(Timer::Client(ClientTimer::Handler(0)), worker.takes);
        }
    }

    fn finish(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(worker) = &self.worker else { return };
        let Some((channel, tag, message)) = self.backlog.pop_front() else { return };
        let back = worker.poison.contains(&message);
        self.handled.push((ctx.now, message, back));
        self.unsettled.retain(|unsettled| *unsettled != (channel, tag));
        let method = match back {
            true => Method::Nack { tag, multiple: false, requeue: true },
            false => Method::Ack { tag, multiple: false },
        };
        self.send(channel, method, ctx);
        if !self.backlog.is_empty() {
            self.begin(ctx);
        }
    }
}
