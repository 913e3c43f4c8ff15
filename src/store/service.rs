//! One downstream service.

use std::collections::{BTreeMap, VecDeque};

use crate::kernel::{Ctx, Dist, Input, Loss, Node, NodeId, Site, Span, Time};
use crate::talk::{
    Constant, MessageId, Mq, Msg, Name, Note, Order, Rate, StoreCall, StoreCommand, StoreKey,
    Stored, Timer,
};

/// How a service works.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceConfig {
    /// Its name, for people.
    pub name: Name,
    /// Its place in the list of the system, which notes carry.
    pub index: u16,
    /// How long a call takes.
    pub takes: Dist,
    /// How many calls it serves at once; others wait in order. 0 is unlimited.
    pub servers: u32,
    /// How often a call fails without an effect.
    pub fails: Rate,
    /// How often a call has its effect and fails all the same: the caller cannot tell.
    pub fails_after_effect: Rate,
    /// What an outage is like.
    pub outage: Outage,
    /// Whether it recognises a message that it has seen before; for a store, how long it remembers a
    /// key (for ever, when nothing is said).
    pub dedup: Dedup,
    /// What it wrote so long before a crash is lost with it: a Redis whose replica takes over without
    /// the last writes, or that saves its memory now and then. `None` loses nothing.
    pub forgets: Option<Span>,
}

impl ServiceConfig {
    /// A service that never fails and serves every call at once, in no time.
    pub fn new(name: &str) -> ServiceConfig {
        ServiceConfig {
            name: name.into(),
            index: 0,
            takes: Dist::default(),
            servers: 0,
            fails: Rate::NEVER,
            fails_after_effect: Rate::NEVER,
            outage: Outage::Refuses,
            dedup: Dedup::Never,
            forgets: None,
        }
    }
}

/// What a caller meets during an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outage {
    /// Calls fail at once, those that are being served included.
    Refuses,
    /// Calls hang until the outage is over, and are served then, whether or not anybody still
    /// waits for the answer.
    Hangs,
}

/// Whether a service recognises repetitions: by message id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dedup {
    /// It does not.
    Never,
    /// It does, for ever.
    Always,
    /// It does for this long after an effect.
    For(Span),
}

/// A call that a service has in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Call {
    /// Who called; nobody when the connection of the caller is gone.
    from: Option<NodeId>,
    call: u32,
    msg: MessageId,
    what: What,
}

/// What is asked in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum What {
    /// The effect of the message.
    Effect,
    /// Something about a key.
    Store(StoreCommand, StoreKey),
}

/// A service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    config: Constant<ServiceConfig>,
    out: bool,
    /// What is being served: the index is the number of its timer.
    serving: Vec<Option<Call>>,
    /// How many of them are not empty.
    busy: u32,
    /// What waits.
    waiting: VecDeque<Call>,
    /// How many calls were taken up, which numbers the draws.
    taken_up: u64,
    /// When each message had its effect, if repetitions are recognised. On disk.
    seen: BTreeMap<MessageId, Time>,
    /// When each key was set. On disk, but for what [`ServiceConfig::forgets`] says.
    keys: BTreeMap<StoreKey, Time>,
}

impl Service {
    /// A service that works as told.
    pub fn new(config: ServiceConfig) -> Service {
        Service {
            config: Constant::new(config),
            out: false,
            serving: Vec::new(),
            busy: 0,
            waiting: VecDeque::new(),
            taken_up: 0,
            seen: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &ServiceConfig {
        &self.config
    }

    /// Whether it is out.
    pub fn is_out(&self) -> bool {
        self.out
    }

    /// How many calls it serves at present.
    pub fn busy(&self) -> u32 {
        self.busy
    }

    /// How many calls wait for a server.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn called(&mut self, call: Call, ctx: &mut Ctx<'_, Mq>) {
        if self.out && self.config.outage == Outage::Refuses {
            self.fail(call, ctx);
        } else {
            self.waiting.push_back(call);
            self.serve(ctx);
        }
    }

    /// Takes up what waits, as far as there are servers.
    fn serve(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let servers = self.config.servers;
        while !self.out && (servers == 0 || self.busy < servers) {
            let Some(call) = self.waiting.pop_front() else { return };
            self.busy += 1;
            self.taken_up += 1;
            let free = self.serving.iter().position(Option::is_none);
            let slot = free.unwrap_or_else(|| {
                self.serving.push(None);
                self.serving.len() - 1
            });
            self.serving[slot] = Some(call);
            let takes = ctx.span(self.site("service", ctx.me), &self.config.takes);
            ctx.arm(Timer::Service(slot as u64), ctx.slowed(takes));
        }
    }

    fn site(&self, what: &'static str, me: NodeId) -> Site {
        Site::new(what, u64::from(me.0)).nth(self.taken_up)
    }

    /// The call in this slot is through.
    fn done(&mut self, slot: u64, ctx: &mut Ctx<'_, Mq>) {
        let call = usize::try_from(slot).ok().and_then(|slot| self.serving.get_mut(slot)?.take());
        let Some(call) = call else { return };
        self.busy -= 1;
        let ServiceConfig { fails, fails_after_effect, .. } = *self.config;
        if self.happens("service fails", fails, call, ctx) {
            self.fail(call, ctx);
        } else {
            let answer = match call.what {
                What::Effect => {
                    self.take_effect(call.msg, ctx);
                    Msg::CallDone { call: call.call, ok: true }
                }
                What::Store(command, key) => {
                    let answer = self.store(call.msg, command, key, ctx);
                    Msg::StoreDone { call: call.call, answer }
                }
            };
            if self.happens("service fails after its effect", fails_after_effect, call, ctx) {
                self.fail(call, ctx);
            } else if let Some(from) = call.from {
                ctx.send(from, answer);
            }
        }
        self.serve(ctx);
    }

    fn happens(&self, what: &'static str, rate: Rate, call: Call, ctx: &mut Ctx<'_, Mq>) -> bool {
        if rate.is_never() {
            return false;
        }
        let whom = (u64::from(ctx.me.0) << 32) | u64::from(call.msg.0);
        rate.covers(ctx.choose(Site::new(what, whom).nth(self.taken_up), Rate::OF))
    }

    fn take_effect(&mut self, msg: MessageId, ctx: &mut Ctx<'_, Mq>) {
        let service = self.config.index;
        let fresh = |at: Time| match self.config.dedup {
            Dedup::Never => false,
            Dedup::Always => true,
            Dedup::For(span) => ctx.now.since(at) < span,
        };
        if self.seen.get(&msg).is_some_and(|at| fresh(*at)) {
            ctx.note(Note::Deduplicated { msg, service });
            return;
        }
        if self.config.dedup != Dedup::Never {
            self.seen.insert(msg, ctx.now);
        }
        ctx.note(Note::Effect { msg, service });
    }

    /// Does what a store is asked.
    fn store(
        &mut self,
        msg: MessageId,
        command: StoreCommand,
        key: StoreKey,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Stored {
        let service = self.config.index;
        let remembers = match self.config.dedup {
            Dedup::For(span) => Some(span),
            Dedup::Never | Dedup::Always => None,
        };
        let set = self.keys.get(&key);
        let known = set.is_some_and(|at| remembers.is_none_or(|span| ctx.now.since(*at) < span));
        if known {
            if command != StoreCommand::Set {
                ctx.note(Note::Deduplicated { msg, service });
                return Stored::Known;
            }
        } else if command == StoreCommand::Exists {
            return Stored::New;
        }
        self.keys.insert(key, ctx.now);
        if command == StoreCommand::EffectOnce {
            ctx.note(Note::Effect { msg, service });
        }
        if known { Stored::Known } else { Stored::New }
    }

    fn fail(&self, call: Call, ctx: &mut Ctx<'_, Mq>) {
        ctx.note(Note::CallFailed { msg: call.msg, service: self.config.index });
        let what = call.what;
        if let Some(from) = call.from {
            let call = call.call;
            ctx.send(
                from,
                match what {
                    What::Effect => Msg::CallDone { call, ok: false },
                    What::Store(..) => Msg::StoreDone { call, answer: Stored::Failed },
                },
            );
        }
    }

    fn outage(&mut self, out: bool, ctx: &mut Ctx<'_, Mq>) {
        self.out = out;
        if !out {
            self.serve(ctx);
            return;
        }
        let mut hit = Vec::new();
        for (slot, serving) in self.serving.iter_mut().enumerate() {
            if let Some(call) = serving.take() {
                ctx.disarm(Timer::Service(slot as u64));
                hit.push(call);
            }
        }
        self.busy = 0;
        match self.config.outage {
            Outage::Refuses => {
                hit.extend(self.waiting.drain(..));
                for call in hit {
                    self.fail(call, ctx);
                }
            }
            Outage::Hangs => {
                for call in hit.into_iter().rev() {
                    self.waiting.push_front(call);
                }
            }
        }
    }

    /// A caller is gone. What it asked for is done all the same.
    fn caller_gone(&mut self, peer: NodeId) {
        let serving = self.serving.iter_mut().flatten();
        for call in serving.chain(self.waiting.iter_mut()) {
            call.from = call.from.filter(|from| *from != peer);
        }
    }
}

impl Node for Service {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::Call { msg, call } } => {
                self.called(Call { from: Some(from), call, msg, what: What::Effect }, ctx);
            }
            Input::Message { from, msg: Msg::Store(StoreCall { call, msg, command, key }) } => {
                let what = What::Store(command, key);
                self.called(Call { from: Some(from), call, msg, what }, ctx);
            }
            Input::Timer(Timer::Service(slot)) => self.done(slot, ctx),
            Input::Order(Order::Outage(out)) => self.outage(out, ctx),
            Input::Closed(peer) => self.caller_gone(peer),
            _ => {}
        }
    }

    /// What it serves is gone without an effect; what it has seen is on disk.
    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        if let Some(span) = self.config.forgets.filter(|_| loss != Loss::Graceful) {
            self.keys.retain(|_, at| ctx.now.since(*at) >= span);
        }
        self.serving.clear();
        self.waiting.clear();
        self.busy = 0;
    }
}
