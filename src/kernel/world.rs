//! What is true now, and the moves out of it.
//!
//! [`World::enabled`] lists the ordinary moves and [`World::apply`] performs one; everything else
//! (a simulation, a replay, an exhaustive search, a player that steps back) is a short loop over
//! the two. How long things take is not the world's business but the [`Pace`]'s.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::agenda::Due;
use super::alarms;
use super::ground::{Acting, Ground};
use super::monitor::{StepNo, Taken, Watch};
use super::node::{Choose, Ctx, Input, Node, Talk};
use super::step::{Fault, Health, Link, Loss, NodeId, Step};
use super::time::{Span, Time};
use super::wires::{self, Load};

/// The words of a node type.
pub type Words<N> = <N as Node>::Talk;
/// The timers of a node type.
pub type TimerOf<N> = <Words<N> as Talk>::Timer;
/// The messages of a node type.
pub type MsgOf<N> = <Words<N> as Talk>::Msg;
/// The notes of a node type.
pub type NoteOf<N> = <Words<N> as Talk>::Note;

/// How long things take, and how what is open is decided.
pub trait Pace: Choose {
    /// How long the next packet of `link` is under way. `wire` numbers the links of this world.
    fn latency(&mut self, wire: usize, link: Link) -> Span;
    /// How long `span` of processor time really takes.
    fn work(&mut self, span: Span) -> Span;
    /// Whether time passes. Without it a due time says nothing about order.
    fn timed(&self) -> bool {
        true
    }
}

/// The state of a whole system. Two worlds are equal when no node could tell them apart.
#[derive(Clone, Debug)]
pub struct World<N: Node> {
    nodes: Vec<Arc<N>>,
    ground: Ground<Words<N>>,
}

impl<N: Node> World<N> {
    /// A world of these nodes, each of which has had its [`Input::Start`].
    pub fn new(nodes: Vec<N>, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) -> World<N> {
        let count = nodes.len();
        let nodes = nodes.into_iter().map(Arc::new).collect();
        let mut world = World { nodes, ground: Ground::new(count) };
        for index in 0..count {
            world.feed(NodeId(index as u32), Input::Start, pace, watch);
        }
        world
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.ground.now
    }

    /// How many steps were taken.
    pub fn steps(&self) -> StepNo {
        self.ground.step
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes at all.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A node's state.
    pub fn node(&self, id: NodeId) -> &N {
        &self.nodes[id.index()]
    }

    /// All nodes with their names.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &N)> {
        self.nodes.iter().enumerate().map(|(index, node)| (NodeId(index as u32), &**node))
    }

    /// Whether a node works.
    pub fn health(&self, id: NodeId) -> Health {
        self.ground.slots[id.index()].health
    }

    /// Whether a link carries nothing at present.
    pub fn is_cut(&self, link: Link) -> bool {
        self.ground.is_cut(link)
    }

    /// What is under way, link by link, in order. `None` stands for the end of a connection.
    pub fn in_flight(&self) -> impl Iterator<Item = (Link, Time, Option<&MsgOf<N>>)> {
        self.ground.wires.sorted().flat_map(|wire| {
            wire.queue.iter().map(|packet| {
                let msg = match &packet.load {
                    Load::Msg(msg) => Some(msg),
                    Load::End => None,
                };
                (wire.link, Time::from_nanos(packet.due.nanos()), msg)
            })
        })
    }

    /// What a delivery on this link would bring next. `None` for the end of the connection, and
    /// where nothing is under way.
    pub fn next_on(&self, link: Link) -> Option<&MsgOf<N>> {
        let wire = self.ground.wires.get(self.ground.wires.find(link)?);
        match &wire.queue.front()?.load {
            Load::Msg(msg) => Some(msg),
            Load::End => None,
        }
    }

    /// The armed timers of a node and when they go off, sorted by timer.
    pub fn timers(&self, id: NodeId) -> impl Iterator<Item = (TimerOf<N>, Time)> {
        self.ground.alarms.of(id).map(|alarm| (alarm.timer, Time::from_nanos(alarm.due.nanos())))
    }

    /// How many packets and timers are pending.
    pub fn pending(&self) -> usize {
        self.ground.agenda.len()
    }

    /// The ordinary moves that are possible now, in a fixed order. A fault is always possible.
    ///
    /// Without a clock a timer may go off unless one of the same node that was armed no later, and
    /// for no longer, must go off first (the rule of DSLabs). It removes impossible orders only.
    pub fn enabled(&self) -> Vec<Step<Words<N>>> {
        let mut steps = Vec::new();
        let up = |id: NodeId| self.ground.slots[id.index()].health == Health::Up;
        for wire in self.ground.wires.sorted() {
            if !wire.cut && !wire.queue.is_empty() && up(wire.link.to) {
                steps.push(Step::Deliver(wire.link));
            }
        }
        for index in 0..self.nodes.len() {
            let id = NodeId(index as u32);
            if !up(id) {
                continue;
            }
            for alarm in self.ground.alarms.of(id) {
                let blocked = |other: &alarms::Alarm<TimerOf<N>>| {
                    other.order < alarm.order && other.span <= alarm.span
                };
                if !self.ground.alarms.of(id).any(blocked) {
                    steps.push(Step::Fire(id, alarm.timer));
                }
            }
        }
        steps
    }

    /// When the next ordinary step is due, if its node is not busy then.
    pub fn next_due(&self) -> Option<Time> {
        self.ground.agenda.first().map(|(due, _)| Time::from_nanos(due.nanos()))
    }

    /// Takes the next ordinary step if it is due by `until`. Returns whether there was one.
    pub fn take(
        &mut self,
        until: Time,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        while let Some((due, channel)) = self.ground.agenda.first() {
            if due.nanos() > until.as_nanos() {
                return false;
            }
            let index = channel / 2;
            let is_wire = channel.is_multiple_of(2);
            let node = if is_wire {
                self.ground.wires.get(index).link.to
            } else {
                self.ground.alarms.get(index).node
            };
            let busy_until = self.ground.slots[node.index()].busy_until;
            if busy_until.as_nanos() > due.nanos() {
                self.ground.order += 1;
                self.ground.agenda.set(channel, Due::new(busy_until.as_nanos(), self.ground.order));
                continue;
            }
            self.ground.now = self.ground.now.max(Time::from_nanos(due.nanos()));
            if is_wire {
                self.deliver(index, pace, watch);
            } else {
                self.fire(index, pace, watch);
            }
            return true;
        }
        false
    }

    /// Takes any step, if it is possible. Returns whether it was.
    #[must_use]
    pub fn apply(
        &mut self,
        step: &Step<Words<N>>,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        self.apply_caused(step, 0, pace, watch)
    }

    /// As [`World::apply`], for a fault that the step `cause` triggered.
    #[must_use]
    pub fn apply_caused(
        &mut self,
        step: &Step<Words<N>>,
        cause: StepNo,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        match step {
            Step::Deliver(link) => {
                let Some(wire) = self.ground.wires.find(*link) else { return false };
                let it = self.ground.wires.get(wire);
                let up = self.ground.slots[link.to.index()].health == Health::Up;
                let Some(packet) = it.queue.front().filter(|_| !it.cut && up) else { return false };
                if pace.timed() {
                    self.ground.now = self.ground.now.max(Time::from_nanos(packet.due.nanos()));
                }
                self.deliver(wire, pace, watch);
                true
            }
            Step::Fire(node, timer) => {
                let Some(slot) = self.ground.alarms.find(*node, *timer) else { return false };
                if self.ground.slots[node.index()].health != Health::Up {
                    return false;
                }
                self.ground.now =
                    self.ground.now.max(Time::from_nanos(self.ground.alarms.get(slot).due.nanos()));
                self.fire(slot, pace, watch);
                true
            }
            Step::Fault(fault) => self.fault(fault, cause, pace, watch),
        }
    }

    /// Moves the clock forward to `time`; used when nothing happens until then.
    pub fn wait_until(&mut self, time: Time) {
        self.ground.now = self.ground.now.max(time);
    }

    fn begin(&mut self, step: Step<Words<N>>, cause: StepNo, watch: &mut impl Watch<Words<N>>) {
        self.ground.step += 1;
        watch.step(&Taken { no: self.ground.step, at: self.ground.now, step, cause });
    }

    fn deliver(&mut self, wire: u32, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) {
        let Some(packet) = self.ground.wires.pop(wire, &mut self.ground.agenda) else { return };
        let link = self.ground.wires.get(wire).link;
        let back = wire ^ 1;
        self.begin(Step::Deliver(link), packet.cause, watch);
        let (mine, told) = (self.ground.wires.get(back).epoch, self.ground.wires.get(back).told);
        if packet.epoch < mine {
            // Of a connection that is over. A machine that lost power could not say so before.
            if !told && packet.load != Load::End {
                self.ground.wires.get_mut(back).told = true;
                self.ground.push_end(back, packet.epoch, pace);
            }
            return;
        }
        match packet.load {
            Load::End => {
                self.ground.wires.get_mut(back).epoch = packet.epoch + 1;
                self.feed(link.to, Input::Closed(link.from), pace, watch);
            }
            Load::Msg(msg) => {
                if packet.epoch > mine {
                    self.ground.wires.get_mut(back).epoch = packet.epoch;
                    self.feed(link.to, Input::Closed(link.from), pace, watch);
                }
                self.feed(link.to, Input::Message { from: link.from, msg }, pace, watch);
            }
        }
    }

    fn fire(&mut self, slot: u32, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) {
        let alarm = self.ground.alarms.get(slot);
        let (node, timer, cause) = (alarm.node, alarm.timer, alarm.cause);
        self.ground.alarms.fire(slot);
        self.begin(Step::Fire(node, timer), cause, watch);
        self.feed(node, Input::Timer(timer), pace, watch);
        self.ground.alarms.let_go(slot, &mut self.ground.agenda);
    }

    fn fault(
        &mut self,
        fault: &Fault<Words<N>>,
        cause: StepNo,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        let health = |id: NodeId| self.ground.slots.get(id.index()).map(|slot| slot.health);
        let alive = |id| matches!(health(id), Some(Health::Up | Health::Paused));
        let possible = match *fault {
            Fault::Kill(id) | Fault::PowerLoss(id) => alive(id),
            Fault::Stop(id) | Fault::Pause(id) | Fault::Order(id, _) => {
                health(id) == Some(Health::Up)
            }
            Fault::Restart(id) => matches!(health(id), Some(Health::Dead | Health::Off)),
            Fault::Resume(id) => health(id) == Some(Health::Paused),
            Fault::Slow(id, percent) => alive(id) && percent > 0,
            Fault::Cut(link) => alive(link.from) && alive(link.to) && !self.is_cut(link),
            Fault::Heal(link) => self.is_cut(link),
            Fault::Break(a, b) => a != b && health(a).is_some() && health(b).is_some(),
        };
        if !possible {
            return false;
        }
        self.begin(Step::Fault(fault.clone()), cause, watch);
        match fault {
            Fault::Kill(id) => self.go_down(*id, Loss::Process, pace, watch),
            Fault::PowerLoss(id) => self.go_down(*id, Loss::Power, pace, watch),
            Fault::Stop(id) => {
                self.feed(*id, Input::Stop, pace, watch);
                self.go_down(*id, Loss::Graceful, pace, watch);
            }
            Fault::Restart(id) => {
                self.ground.slots[id.index()].health = Health::Up;
                self.ground.slots[id.index()].busy_until = self.ground.now;
                // it has no connections, so it takes whichever a peer opens
                for wire in self.ground.wires.out_of(*id) {
                    let theirs = self.ground.wires.get(wire ^ 1).epoch;
                    let mine = &mut self.ground.wires.get_mut(wire).epoch;
                    *mine = theirs.max(*mine);
                }
                self.feed(*id, Input::Start, pace, watch);
            }
            Fault::Pause(id) => self.ground.hold(*id, true),
            Fault::Resume(id) => self.ground.hold(*id, false),
            Fault::Slow(id, percent) => self.ground.slots[id.index()].slow = *percent,
            Fault::Cut(link) => self.ground.cut(*link, true),
            Fault::Heal(link) => self.ground.cut(*link, false),
            Fault::Break(a, b) => {
                for link in [Link { from: *a, to: *b }, Link { from: *b, to: *a }] {
                    let wire = self.ground.lay(link);
                    self.ground.wires.clear(wire, &mut self.ground.agenda);
                    let epoch = self.ground.wires.get(wire).epoch;
                    self.ground.push_end(wire, epoch, pace);
                }
            }
            Fault::Order(id, order) => self.feed(*id, Input::Order(order.clone()), pace, watch),
        }
        true
    }

    fn go_down(
        &mut self,
        id: NodeId,
        loss: Loss,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) {
        self.ground.hold(id, false);
        self.ground.slots[id.index()].health =
            if loss == Loss::Power { Health::Off } else { Health::Dead };
        self.ground.alarms.clear(id, &mut self.ground.agenda);
        for wire in self.ground.wires.out_of(id) {
            self.ground.wires.clear(wire ^ 1, &mut self.ground.agenda);
            let epoch = self.ground.wires.get(wire).epoch;
            if loss != Loss::Power {
                self.ground.push_end(wire, epoch, pace);
            }
            let it = self.ground.wires.get_mut(wire);
            it.epoch = epoch + 1;
            it.told = loss != Loss::Power;
        }
        let now = self.ground.now;
        let ground = &mut self.ground;
        let mut acting = Acting { ground, id, dying: true, leaves: now, pace, watch };
        let mut ctx = Ctx::new(id, now, &mut acting);
        Arc::make_mut(&mut self.nodes[id.index()]).lose(loss, &mut ctx);
    }

    /// Gives a node one input and does what it asks for.
    fn feed(
        &mut self,
        id: NodeId,
        input: Input<Words<N>>,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) {
        let (slow, now) = (self.ground.slots[id.index()].slow, self.ground.now);
        let ground = &mut self.ground;
        let mut acting = Acting { ground, id, dying: false, leaves: now, pace, watch };
        let mut ctx = Ctx::new(id, now, &mut acting);
        ctx.slow = slow;
        Arc::make_mut(&mut self.nodes[id.index()]).on(input, &mut ctx);
    }
}

/// `span` on a node that takes `percent` of the usual time.
pub(super) fn slowed(span: Span, percent: u32) -> Span {
    if percent == 100 {
        return span;
    }
    Span::from_nanos((u128::from(span.as_nanos()) * u128::from(percent) / 100) as u64)
}

impl<N: Node> PartialEq for World<N> {
    fn eq(&self, other: &World<N>) -> bool {
        let same = |(a, b): (&Arc<N>, &Arc<N>)| Arc::ptr_eq(a, b) || a == b;
        self.ground == other.ground && self.nodes.iter().zip(&other.nodes).all(same)
    }
}

impl<N: Node> Eq for World<N> {}

impl<N: Node> Hash for World<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.nodes.hash(state);
        self.ground.hash(state);
    }
}

const _: () = assert!(wires::channel(1) != alarms::channel(0), "channels must not mix");
