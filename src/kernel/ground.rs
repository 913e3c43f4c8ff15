//! All of a world but its nodes: what is under way, what is armed, what is due, and how the nodes
//! are. It carries out what a node asks for, while the node asks for it.

use std::hash::{Hash, Hasher};

use super::agenda::{Agenda, Due};
use super::alarms::Alarms;
use super::chance::{Dist, Site};
use super::monitor::{Seen, StepNo, Watch};
use super::node::{Choose, Effect, Fact, Outlet, Talk};
use super::step::{Health, Link, NodeId};
use super::time::{Span, Time};
use super::wires::{Load, Wires};
use super::world::Pace;

/// How a node is.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) health: Health,
    pub(super) slow: u32,
    pub(super) busy_until: Time,
}

#[derive(Clone, Debug)]
pub(super) struct Ground<T: Talk> {
    pub(super) slots: Vec<Slot>,
    pub(super) wires: Wires<T::Msg>,
    pub(super) alarms: Alarms<T::Timer>,
    pub(super) agenda: Agenda,
    pub(super) now: Time,
    pub(super) order: u64,
    pub(super) step: StepNo,
    /// For each replicated log, the last fact that the observer was told.
    told: Vec<Fact>,
}

impl<T: Talk> Ground<T> {
    pub(super) fn new(nodes: usize) -> Ground<T> {
        let slot = Slot { health: Health::Up, slow: 100, busy_until: Time::ZERO };
        Ground {
            slots: vec![slot; nodes],
            wires: Wires::new(nodes),
            alarms: Alarms::new(nodes),
            agenda: Agenda::default(),
            now: Time::ZERO,
            order: 0,
            step: 0,
            told: Vec::new(),
        }
    }

    pub(super) fn is_cut(&self, link: Link) -> bool {
        self.wires.find(link).is_some_and(|wire| self.wires.get(wire).cut)
    }

    /// A node stands still, or goes on.
    pub(super) fn hold(&mut self, id: NodeId, still: bool) {
        self.slots[id.index()].health = if still { Health::Paused } else { Health::Up };
        self.alarms.schedule(id, !still, &mut self.agenda);
        for wire in self.wires.out_of(id) {
            self.wires.get_mut(wire ^ 1).held = still;
            self.wires.schedule(wire ^ 1, &mut self.agenda);
        }
    }

    /// The wire of `link`. One that is laid while its receiver stands still is held from the start.
    pub(super) fn lay(&mut self, link: Link) -> u32 {
        if let Some(wire) = self.wires.find(link) {
            return wire;
        }
        let wire = self.wires.lay(link);
        for (wire, receiver) in [(wire, link.to), (wire ^ 1, link.from)] {
            let still = self.slots[receiver.index()].health == Health::Paused;
            self.wires.get_mut(wire).held = still;
        }
        wire
    }

    pub(super) fn cut(&mut self, link: Link, cut: bool) {
        let wire = self.lay(link);
        self.wires.get_mut(wire).cut = cut;
        self.wires.schedule(wire, &mut self.agenda);
    }

    pub(super) fn push_end(&mut self, wire: u32, epoch: u32, pace: &mut impl Pace) {
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

    fn send(&mut self, from: NodeId, to: NodeId, leaves: Time, msg: T::Msg, pace: &mut impl Pace) {
        let link = Link { from, to };
        let wire = self.lay(link);
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

    fn arm(&mut self, id: NodeId, timer: T::Timer, leaves: Time, after: Span) {
        self.order += 1;
        let due = Due::new((leaves + after).as_nanos(), self.order);
        let up = self.slots[id.index()].health == Health::Up;
        self.alarms.arm(id, timer, due, after, self.order, self.step, up, &mut self.agenda);
    }

    fn close(&mut self, id: NodeId, peer: NodeId, pace: &mut impl Pace) {
        let wire = self.lay(Link { from: id, to: peer });
        let epoch = self.wires.get(wire).epoch;
        self.push_end(wire, epoch, pace);
        self.wires.get_mut(wire).epoch = epoch + 1;
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

    fn live_wires(&self) -> impl Iterator<Item = (Link, bool, u32, Option<&Load<T::Msg>>)> {
        self.wires.sorted().flat_map(|wire| {
            let head = std::iter::once((wire.link, wire.cut, wire.epoch, None));
            let loads = wire.queue.iter();
            head.filter(|(_, cut, epoch, _)| *cut || *epoch > 0)
                .chain(loads.map(|packet| (wire.link, wire.cut, packet.epoch, Some(&packet.load))))
        })
    }

    fn ranked_alarms(&self, index: usize) -> Vec<(T::Timer, Span)> {
        let mut slots: Vec<u32> = self.alarms.slots_of(NodeId(index as u32)).collect();
        slots.sort_by_key(|&slot| self.alarms.get(slot).order);
        slots
            .into_iter()
            .map(|slot| (self.alarms.get(slot).timer, self.alarms.get(slot).span))
            .collect()
    }
}

/// Equal when no node could tell them apart: due times, step numbers and causes are left out, the
/// order of what is armed is not.
impl<T: Talk> PartialEq for Ground<T> {
    fn eq(&self, other: &Ground<T>) -> bool {
        let alike = |(a, b): (&Slot, &Slot)| (a.health, a.slow) == (b.health, b.slow);
        self.slots.len() == other.slots.len()
            && self.told == other.told
            && self.slots.iter().zip(&other.slots).all(alike)
            && self.live_wires().eq(other.live_wires())
            && (0..self.slots.len())
                .all(|index| self.ranked_alarms(index) == other.ranked_alarms(index))
    }
}

impl<T: Talk> Eq for Ground<T> {}

impl<T: Talk> Hash for Ground<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for slot in &self.slots {
            (slot.health, slot.slow).hash(state);
        }
        for (link, cut, epoch, load) in self.live_wires() {
            (link, cut, epoch).hash(state);
            load.hash(state);
        }
        for index in 0..self.slots.len() {
            self.ranked_alarms(index).hash(state);
        }
        if !self.told.is_empty() {
            self.told.hash(state);
        }
    }
}

/// A node at work: what it asks for is done at once.
pub(super) struct Acting<'a, T: Talk, P, W> {
    pub(super) ground: &'a mut Ground<T>,
    pub(super) id: NodeId,
    /// It is going down: it asks for nothing, and can only be said what it lost.
    pub(super) dying: bool,
    /// When what it sends next leaves it.
    pub(super) leaves: Time,
    pub(super) pace: &'a mut P,
    pub(super) watch: &'a mut W,
}

impl<T: Talk, P: Pace, W: Watch<T>> Choose for Acting<'_, T, P, W> {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        self.pace.choose(site, n)
    }

    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        self.pace.span(site, dist)
    }
}

impl<T: Talk, P: Pace, W: Watch<T>> Outlet<T> for Acting<'_, T, P, W> {
    fn note(&mut self, note: T::Note) {
        let Ground { step, now: at, .. } = *self.ground;
        self.watch.note(Seen { step, at, node: self.id, note: &note });
    }

    fn send(&mut self, to: NodeId, msg: T::Msg) {
        if !self.dying {
            self.ground.send(self.id, to, self.leaves, msg, self.pace);
        }
    }

    fn carry_out(&mut self, effect: Effect<T>) {
        match effect {
            Effect::Note(note) => self.note(note),
            Effect::Fact(fact, note) => {
                if self.ground.is_news(fact) {
                    self.note(note);
                }
            }
            _ if self.dying => {}
            Effect::Send { to, msg } => self.send(to, msg),
            Effect::Arm { timer, after } => self.ground.arm(self.id, timer, self.leaves, after),
            Effect::Disarm(timer) => {
                self.ground.alarms.disarm(self.id, timer, &mut self.ground.agenda);
            }
            Effect::Close(peer) => self.ground.close(self.id, peer, self.pace),
            Effect::Work(span) => {
                let slot = &mut self.ground.slots[self.id.index()];
                let span = self.pace.work(super::world::slowed(span, slot.slow));
                self.leaves = self.leaves.max(slot.busy_until) + span;
                slot.busy_until = self.leaves;
            }
        }
    }
}
