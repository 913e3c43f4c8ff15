//! What is true now, and the moves out of it.
//!
//! [`World::enabled`] lists the ordinary moves and [`World::apply`] performs one; everything else
//! (a simulation, a replay, an exhaustive search, a player that steps back) is a short loop over
//! the two. How long things take is not the world's business but the [`Pace`]'s.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::agenda::{Agenda, Due};
use super::alarms::{self, Alarms};
use super::monitor::{Seen, StepNo, Taken, Watch};
use super::node::{Choose, Ctx, Effect, Fact, Input, Node, Talk};
use super::step::{Fault, Health, Link, Loss, NodeId, Step};
use super::time::{Span, Time};
use super::wires::{self, Load, Wires};

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

#[derive(Clone, Debug)]
struct Slot<N> {
    node: Arc<N>,
    health: Health,
    slow: u32,
    busy_until: Time,
}

/// The state of a whole system.
#[derive(Clone, Debug)]
pub struct World<N: Node> {
    slots: Vec<Slot<N>>,
    wires: Wires<MsgOf<N>>,
    alarms: Alarms<TimerOf<N>>,
    agenda: Agenda,
    now: Time,
    order: u64,
    step: StepNo,
    /// For each replicated log, the last fact that the observer was told.
    told: Vec<Fact>,
    effects: Vec<Effect<Words<N>>>,
}

impl<N: Node> World<N> {
    /// A world of these nodes, each of which has had its [`Input::Start`].
    pub fn new(nodes: Vec<N>, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) -> World<N> {
        let count = nodes.len();
        let slots = nodes
            .into_iter()
            .map(|node| Slot {
                node: Arc::new(node),
                health: Health::Up,
                slow: 100,
                busy_until: Time::ZERO,
            })
            .collect();
        let mut world = World {
            slots,
            wires: Wires::new(count),
            alarms: Alarms::new(count),
            agenda: Agenda::default(),
            now: Time::ZERO,
            order: 0,
            step: 0,
            told: Vec::new(),
            effects: Vec::new(),
        };
        for index in 0..count {
            world.feed(NodeId(index as u32), Input::Start, pace, watch);
        }
        world
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// How many steps were taken.
    pub fn steps(&self) -> StepNo {
        self.step
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are no nodes at all.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A node's state.
    pub fn node(&self, id: NodeId) -> &N {
        &self.slots[id.index()].node
    }

    /// All nodes with their names.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &N)> {
        self.slots.iter().enumerate().map(|(index, slot)| (NodeId(index as u32), &*slot.node))
    }

    /// Whether a node works.
    pub fn health(&self, id: NodeId) -> Health {
        self.slots[id.index()].health
    }

    /// Whether a link carries nothing at present.
    pub fn is_cut(&self, link: Link) -> bool {
        self.wires.find(link).is_some_and(|wire| self.wires.get(wire).cut)
    }

    /// What is under way, link by link, in order. `None` stands for the end of a connection.
    pub fn in_flight(&self) -> impl Iterator<Item = (Link, Time, Option<&MsgOf<N>>)> {
        self.wires.sorted().flat_map(|wire| {
            wire.queue.iter().map(|packet| {
                let msg = match &packet.load {
                    Load::Msg(msg) => Some(msg),
                    Load::End => None,
                };
                (wire.link, Time::from_nanos(packet.due.nanos()), msg)
            })
        })
    }

    /// The armed timers of a node and when they go off, sorted by timer.
    pub fn timers(&self, id: NodeId) -> impl Iterator<Item = (TimerOf<N>, Time)> {
        self.alarms.of(id).map(|alarm| (alarm.timer, Time::from_nanos(alarm.due.nanos())))
    }

    /// How many packets and timers are pending.
    pub fn pending(&self) -> usize {
        self.agenda.len()
    }

    /// The ordinary moves that are possible now, in a fixed order. A fault is always possible.
    ///
    /// Without a clock a timer may go off unless one of the same node that was armed no later, and
    /// for no longer, must go off first (the rule of DSLabs). It removes impossible orders only.
    pub fn enabled(&self) -> Vec<Step<Words<N>>> {
        let mut steps = Vec::new();
        let up = |id: NodeId| self.slots[id.index()].health == Health::Up;
        for wire in self.wires.sorted() {
            if !wire.cut && !wire.queue.is_empty() && up(wire.link.to) {
                steps.push(Step::Deliver(wire.link));
            }
        }
        for index in 0..self.slots.len() {
            let id = NodeId(index as u32);
            if !up(id) {
                continue;
            }
            for alarm in self.alarms.of(id) {
                let blocked = |other: &alarms::Alarm<TimerOf<N>>| {
                    other.order < alarm.order && other.span <= alarm.span
                };
                if !self.alarms.of(id).any(blocked) {
                    steps.push(Step::Fire(id, alarm.timer));
                }
            }
        }
        steps
    }

    /// When the next ordinary step is due, if its node is not busy then.
    pub fn next_due(&self) -> Option<Time> {
        self.agenda.first().map(|(due, _)| Time::from_nanos(due.nanos()))
    }

    /// Takes the next ordinary step if it is due by `until`. Returns whether there was one.
    pub fn take(
        &mut self,
        until: Time,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        while let Some((due, channel)) = self.agenda.first() {
            if due.nanos() > until.as_nanos() {
                return false;
            }
            let index = channel / 2;
            let is_wire = channel.is_multiple_of(2);
            let node =
                if is_wire { self.wires.get(index).link.to } else { self.alarms.get(index).node };
            let busy_until = self.slots[node.index()].busy_until;
            if busy_until.as_nanos() > due.nanos() {
                self.order += 1;
                self.agenda.set(channel, Due::new(busy_until.as_nanos(), self.order));
                continue;
            }
            self.now = self.now.max(Time::from_nanos(due.nanos()));
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
                let Some(wire) = self.wires.find(*link) else { return false };
                let it = self.wires.get(wire);
                let up = self.slots[link.to.index()].health == Health::Up;
                let Some(packet) = it.queue.front().filter(|_| !it.cut && up) else { return false };
                if pace.timed() {
                    self.now = self.now.max(Time::from_nanos(packet.due.nanos()));
                }
                self.deliver(wire, pace, watch);
                true
            }
            Step::Fire(node, timer) => {
                let Some(slot) = self.alarms.find(*node, *timer) else { return false };
                if self.slots[node.index()].health != Health::Up {
                    return false;
                }
                self.now = self.now.max(Time::from_nanos(self.alarms.get(slot).due.nanos()));
                self.fire(slot, pace, watch);
                true
            }
            Step::Fault(fault) => self.fault(fault, cause, pace, watch),
        }
    }

    /// Moves the clock forward to `time`; used when nothing happens until then.
    pub fn wait_until(&mut self, time: Time) {
        self.now = self.now.max(time);
    }

    fn begin(&mut self, step: Step<Words<N>>, cause: StepNo, watch: &mut impl Watch<Words<N>>) {
        self.step += 1;
        watch.step(&Taken { no: self.step, at: self.now, step, cause });
    }

    fn deliver(&mut self, wire: u32, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) {
        let Some(packet) = self.wires.pop(wire, &mut self.agenda) else { return };
        let link = self.wires.get(wire).link;
        let back = wire ^ 1;
        self.begin(Step::Deliver(link), packet.cause, watch);
        let (mine, told) = (self.wires.get(back).epoch, self.wires.get(back).told);
        if packet.epoch < mine {
            // Of a connection that is over. A machine that lost power could not say so before.
            if !told && packet.load != Load::End {
                self.wires.get_mut(back).told = true;
                self.push_end(back, packet.epoch, pace);
            }
            return;
        }
        match packet.load {
            Load::End => {
                self.wires.get_mut(back).epoch = packet.epoch + 1;
                self.feed(link.to, Input::Closed(link.from), pace, watch);
            }
            Load::Msg(msg) => {
                if packet.epoch > mine {
                    self.wires.get_mut(back).epoch = packet.epoch;
                    self.feed(link.to, Input::Closed(link.from), pace, watch);
                }
                self.feed(link.to, Input::Message { from: link.from, msg }, pace, watch);
            }
        }
    }

    fn fire(&mut self, slot: u32, pace: &mut impl Pace, watch: &mut impl Watch<Words<N>>) {
        let alarm = self.alarms.get(slot);
        let (node, timer, cause) = (alarm.node, alarm.timer, alarm.cause);
        self.alarms.fire(slot);
        self.begin(Step::Fire(node, timer), cause, watch);
        self.feed(node, Input::Timer(timer), pace, watch);
        self.alarms.let_go(slot, &mut self.agenda);
    }

    fn fault(
        &mut self,
        fault: &Fault<Words<N>>,
        cause: StepNo,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        let health = |id: NodeId| self.slots.get(id.index()).map(|slot| slot.health);
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
                self.slots[id.index()].health = Health::Up;
                self.slots[id.index()].busy_until = self.now;
                // it has no connections, so it takes whichever a peer opens
                for wire in self.wires.out_of(*id) {
                    let theirs = self.wires.get(wire ^ 1).epoch;
                    let mine = &mut self.wires.get_mut(wire).epoch;
                    *mine = theirs.max(*mine);
                }
                self.feed(*id, Input::Start, pace, watch);
            }
            Fault::Pause(id) => self.hold(*id, true),
            Fault::Resume(id) => self.hold(*id, false),
            Fault::Slow(id, percent) => self.slots[id.index()].slow = *percent,
            Fault::Cut(link) => self.cut(*link, true),
            Fault::Heal(link) => self.cut(*link, false),
            Fault::Break(a, b) => {
                for link in [Link { from: *a, to: *b }, Link { from: *b, to: *a }] {
                    let wire = self.wires.lay(link);
                    self.wires.clear(wire, &mut self.agenda);
                    let epoch = self.wires.get(wire).epoch;
                    self.push_end(wire, epoch, pace);
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
        self.hold(id, false);
        self.slots[id.index()].health =
            if loss == Loss::Power { Health::Off } else { Health::Dead };
        self.alarms.clear(id, &mut self.agenda);
        for wire in self.wires.out_of(id) {
            self.wires.clear(wire ^ 1, &mut self.agenda);
            let epoch = self.wires.get(wire).epoch;
            if loss != Loss::Power {
                self.push_end(wire, epoch, pace);
            }
            let it = self.wires.get_mut(wire);
            it.epoch = epoch + 1;
            it.told = loss != Loss::Power;
        }
        let mut effects = std::mem::take(&mut self.effects);
        let slot = &mut self.slots[id.index()];
        let mut ctx = Ctx::new(id, self.now, &mut effects, pace);
        Arc::make_mut(&mut slot.node).lose(loss, &mut ctx);
        for effect in effects.drain(..) {
            // a dead node asks for nothing; it can only be said what it lost
            let told = match effect {
                Effect::Note(note) => Some(note),
                Effect::Fact(fact, note) => self.is_news(fact).then_some(note),
                _ => None,
            };
            if let Some(note) = told {
                watch.note(Seen { step: self.step, at: self.now, node: id, note: &note });
            }
        }
        self.effects = effects;
    }

    /// A node stands still, or goes on.
    fn hold(&mut self, id: NodeId, still: bool) {
        self.slots[id.index()].health = if still { Health::Paused } else { Health::Up };
        self.alarms.schedule(id, !still, &mut self.agenda);
        for wire in self.wires.out_of(id) {
            self.wires.get_mut(wire ^ 1).held = still;
            self.wires.schedule(wire ^ 1, &mut self.agenda);
        }
    }

    fn cut(&mut self, link: Link, cut: bool) {
        let wire = self.wires.lay(link);
        self.wires.get_mut(wire).cut = cut;
        self.wires.schedule(wire, &mut self.agenda);
    }

    fn push_end(&mut self, wire: u32, epoch: u32, pace: &mut impl Pace) {
        let link = self.wires.get(wire).link;
        let arrival = self.now + pace.latency(wire as usize, link);
        self.order += 1;
        self.wires.push_as(
            wire,
            epoch,
            arrival,
            self.order,
            self.step,
            Load::End,
            &mut self.agenda,
        );
    }

    /// Gives a node one input and does what it asks for.
    fn feed(
        &mut self,
        id: NodeId,
        input: Input<Words<N>>,
        pace: &mut impl Pace,
        watch: &mut impl Watch<Words<N>>,
    ) {
        let mut effects = std::mem::take(&mut self.effects);
        let slot = &mut self.slots[id.index()];
        let slow = slot.slow;
        let mut ctx = Ctx::new(id, self.now, &mut effects, pace);
        ctx.slow = slow;
        Arc::make_mut(&mut slot.node).on(input, &mut ctx);
        let mut leaves = self.now;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, msg } => self.send(id, to, leaves, msg, pace),
                Effect::Arm { timer, after } => {
                    self.order += 1;
                    let due = Due::new((leaves + after).as_nanos(), self.order);
                    let up = self.slots[id.index()].health == Health::Up;
                    self.alarms.arm(
                        id,
                        timer,
                        due,
                        after,
                        self.order,
                        self.step,
                        up,
                        &mut self.agenda,
                    );
                }
                Effect::Disarm(timer) => self.alarms.disarm(id, timer, &mut self.agenda),
                Effect::Close(peer) => {
                    let wire = self.wires.lay(Link { from: id, to: peer });
                    let epoch = self.wires.get(wire).epoch;
                    self.push_end(wire, epoch, pace);
                    self.wires.get_mut(wire).epoch = epoch + 1;
                }
                Effect::Note(note) => {
                    watch.note(Seen { step: self.step, at: self.now, node: id, note: &note });
                }
                Effect::Fact(fact, note) => {
                    if self.is_news(fact) {
                        watch.note(Seen { step: self.step, at: self.now, node: id, note: &note });
                    }
                }
                Effect::Work(span) => {
                    let span = pace.work(slowed(span, slow));
                    let slot = &mut self.slots[id.index()];
                    leaves = leaves.max(slot.busy_until) + span;
                    slot.busy_until = leaves;
                }
            }
        }
        self.effects = effects;
    }

    /// Whether the observer does not know this yet; it does from now on.
    fn is_news(&mut self, fact: Fact) -> bool {
        match self.told.iter_mut().find(|told| told.log == fact.log) {
            Some(told) if *told >= fact => false,
            Some(told) => {
                *told = fact;
                true
            }
            None => {
                self.told.push(fact);
                true
            }
        }
    }

    fn send(
        &mut self,
        from: NodeId,
        to: NodeId,
        leaves: Time,
        msg: MsgOf<N>,
        pace: &mut impl Pace,
    ) {
        let link = Link { from, to };
        let wire = self.wires.lay(link);
        match self.slots[to.index()].health {
            Health::Up | Health::Paused => {
                let arrival = leaves + pace.latency(wire as usize, link);
                self.order += 1;
                self.wires.push(
                    wire,
                    arrival,
                    self.order,
                    self.step,
                    Load::Msg(msg),
                    &mut self.agenda,
                );
            }
            // its operating system refuses, once
            Health::Dead => {
                let epoch = self.wires.get(wire).epoch;
                if self.wires.get(wire ^ 1).queue.is_empty() {
                    self.push_end(wire ^ 1, epoch, pace);
                }
            }
            Health::Off => {}
        }
    }
}

/// `span` on a node that takes `percent` of the usual time.
pub(super) fn slowed(span: Span, percent: u32) -> Span {
    if percent == 100 {
        return span;
    }
    Span::from_nanos((u128::from(span.as_nanos()) * u128::from(percent) / 100) as u64)
}

/// Two worlds are equal when no node could tell them apart: due times, step numbers and causes
/// are left out, the order of what is armed is not.
impl<N: Node> PartialEq for World<N> {
    fn eq(&self, other: &World<N>) -> bool {
        self.slots.len() == other.slots.len()
            && self.told == other.told
            && self.slots.iter().zip(&other.slots).all(|(a, b)| {
                (a.health, a.slow) == (b.health, b.slow)
                    && (Arc::ptr_eq(&a.node, &b.node) || a.node == b.node)
            })
            && self.live_wires().eq(other.live_wires())
            && (0..self.slots.len()).all(|index| {
                self.ranked_alarms(NodeId(index as u32))
                    == other.ranked_alarms(NodeId(index as u32))
            })
    }
}

impl<N: Node> Eq for World<N> {}

impl<N: Node> Hash for World<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for slot in &self.slots {
            (slot.health, slot.slow).hash(state);
            slot.node.hash(state);
        }
        for (link, cut, epoch, load) in self.live_wires() {
            (link, cut, epoch).hash(state);
            load.hash(state);
        }
        for index in 0..self.slots.len() {
            self.ranked_alarms(NodeId(index as u32)).hash(state);
        }
        if !self.told.is_empty() {
            self.told.hash(state);
        }
    }
}

impl<N: Node> World<N> {
    fn live_wires(&self) -> impl Iterator<Item = (Link, bool, u32, Option<&Load<MsgOf<N>>>)> {
        self.wires.sorted().flat_map(|wire| {
            let head = std::iter::once((wire.link, wire.cut, wire.epoch, None));
            let loads = wire.queue.iter();
            head.filter(|(_, cut, epoch, _)| *cut || *epoch > 0)
                .chain(loads.map(|packet| (wire.link, wire.cut, packet.epoch, Some(&packet.load))))
        })
    }

    fn ranked_alarms(&self, id: NodeId) -> Vec<(TimerOf<N>, Span)> {
        let mut slots: Vec<u32> = self.alarms.slots_of(id).collect();
        slots.sort_by_key(|&slot| self.alarms.get(slot).order);
        slots
            .into_iter()
            .map(|slot| (self.alarms.get(slot).timer, self.alarms.get(slot).span))
            .collect()
    }
}

const _: () = assert!(wires::channel(1) != alarms::channel(0), "channels must not mix");
