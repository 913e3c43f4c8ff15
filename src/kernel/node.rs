//! The face of a node: what a model's author must know, and all of it.
//!
//! A node is plain data. An [`Input`] comes in, [`Effect`]s go out. It has no clock, no dice and no
//! I/O of its own: the time is in [`Ctx::now`], and every decision that could fall either way goes
//! through [`Ctx::choose`] or [`Ctx::span`], by name, so that it can be seeded, replayed and
//! enumerated.

use std::fmt::Debug;
use std::hash::Hash;

use super::chance::{Dist, Site};
use super::step::{Loss, NodeId};
use super::time::{Span, Time};

/// The words that the nodes of one system share.
pub trait Talk: Clone + Debug + Eq + Hash + 'static {
    /// What they send each other.
    type Msg: Clone + Debug + Eq + Hash;
    /// Names of timers. Arming a name again moves the timer.
    type Timer: Copy + Debug + Ord + Hash;
    /// What an omniscient observer learns.
    type Note: Clone + Debug + Eq + Hash;
    /// What an operator can tell a node.
    type Order: Clone + Debug + Eq + Hash;
    /// What a planned fault can wait for.
    type Cue: Clone + Debug + Eq + Hash;

    /// Whether this note of this node is what the cue waits for. A cue may count.
    fn matches(cue: &mut Self::Cue, node: NodeId, note: &Self::Note) -> bool;
}

/// A state machine.
pub trait Node: Clone + Debug + Eq + Hash {
    /// The words it shares with the others.
    type Talk: Talk;

    /// Takes one input and says what follows.
    fn on(&mut self, input: Input<Self::Talk>, ctx: &mut Ctx<'_, Self::Talk>);

    /// Goes down: forgets what does not survive this loss. Notes say what was lost.
    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Self::Talk>);
}

/// What can reach a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input<T: Talk> {
    /// It starts: at the beginning, and again after every restart.
    Start,
    /// A message from another node.
    Message {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        msg: T::Msg,
    },
    /// A timer that it armed.
    Timer(T::Timer),
    /// The connection with this peer is gone.
    Closed(NodeId),
    /// An operator, or the world outside, speaks.
    Order(T::Order),
    /// It will be stopped in an orderly way right after this.
    Stop,
}

/// What a node asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect<T: Talk> {
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        msg: T::Msg,
    },
    /// Arm a timer, or move it.
    Arm {
        /// Which.
        timer: T::Timer,
        /// How long from now.
        after: Span,
    },
    /// Disarm a timer.
    Disarm(T::Timer),
    /// Close the connection with a peer, which will be told.
    Close(NodeId),
    /// Let the observer know.
    Note(T::Note),
    /// Let the observer know, unless it does already: see [`Ctx::telling`].
    Fact(Fact, T::Note),
    /// Be busy: what follows leaves that much later, and inputs wait until then.
    Work(Span),
}

/// The name of something that several nodes come to know, each by itself: an entry of a replicated
/// log that takes effect on every member. It is one fact, and the observer is told of it once, by
/// whoever knows it first. Only the observer's side looks at it; no node learns anything by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    /// In which log.
    pub log: u32,
    /// Which entry. Every node comes to know the entries of a log in their order.
    pub index: u64,
    /// Which of the notes about this entry.
    pub part: u32,
}

/// Decides what could fall either way.
pub trait Choose {
    /// One of `0..n`, for the decision named `site`; 0 when `n` is 0.
    fn choose(&mut self, site: Site, n: u32) -> u32;
    /// A span from a distribution, for the decision named `site`.
    fn span(&mut self, site: Site, dist: &Dist) -> Span;
}

/// Where what a node asks for goes: a world does it at once, and whoever runs a single node collects
/// it (see [`Collected`]).
pub trait Outlet<T: Talk>: Choose {
    /// Takes one effect.
    fn carry_out(&mut self, effect: Effect<T>);

    /// Takes a note, which is what most effects are.
    fn note(&mut self, note: T::Note) {
        self.carry_out(Effect::Note(note));
    }

    /// Takes a message to send.
    fn send(&mut self, to: NodeId, msg: T::Msg) {
        self.carry_out(Effect::Send { to, msg });
    }
}

/// Collects effects, for whoever runs a single node.
pub struct Collected<'a, T: Talk> {
    /// The effects so far.
    pub effects: &'a mut Vec<Effect<T>>,
    /// Who decides.
    pub choose: &'a mut dyn Choose,
}

impl<T: Talk> Choose for Collected<'_, T> {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        self.choose.choose(site, n)
    }

    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        self.choose.span(site, dist)
    }
}

impl<T: Talk> Outlet<T> for Collected<'_, T> {
    fn carry_out(&mut self, effect: Effect<T>) {
        self.effects.push(effect);
    }
}

/// What a node may use while it handles one input.
pub struct Ctx<'a, T: Talk> {
    /// Who it is.
    pub me: NodeId,
    /// The time, to stamp and to measure with.
    pub now: Time,
    /// In percent, how long this node takes for what it does (100 is normal).
    pub slow: u32,
    fact: Option<Fact>,
    out: &'a mut dyn Outlet<T>,
}

impl<'a, T: Talk> Ctx<'a, T> {
    /// A context that hands on to `out`.
    pub fn new(me: NodeId, now: Time, out: &'a mut dyn Outlet<T>) -> Ctx<'a, T> {
        Ctx { me, now, slow: 100, fact: None, out }
    }

    /// Sends `msg` to `to`.
    pub fn send(&mut self, to: NodeId, msg: T::Msg) {
        self.out.send(to, msg);
    }

    /// Arms `timer`, or moves it when it is armed already.
    pub fn arm(&mut self, timer: T::Timer, after: Span) {
        self.out.carry_out(Effect::Arm { timer, after });
    }

    /// Disarms `timer`; nothing happens when it is not armed.
    pub fn disarm(&mut self, timer: T::Timer) {
        self.out.carry_out(Effect::Disarm(timer));
    }

    /// Closes the connection with `peer`. What was sent before still arrives.
    pub fn close(&mut self, peer: NodeId) {
        self.out.carry_out(Effect::Close(peer));
    }

    /// Tells the observer.
    pub fn note(&mut self, note: T::Note) {
        match &mut self.fact {
            None => self.out.note(note),
            Some(fact) => {
                self.out.carry_out(Effect::Fact(*fact, note));
                fact.part += 1;
            }
        }
    }

    /// What follows is told about this fact, and is told once however many nodes tell it; with
    /// `None` what follows is told for itself again.
    ///
    /// Returns what was being told about before.
    pub fn telling(&mut self, fact: Option<Fact>) -> Option<Fact> {
        std::mem::replace(&mut self.fact, fact)
    }

    /// Spends `span` of this node's processor: later sends and inputs wait for it.
    pub fn work(&mut self, span: Span) {
        if !span.is_zero() {
            self.out.carry_out(Effect::Work(span));
        }
    }

    /// How long `span` of this node's doing takes while it is slowed down.
    pub fn slowed(&self, span: Span) -> Span {
        super::world::slowed(span, self.slow)
    }

    /// One of `0..n`, by name.
    pub fn choose(&mut self, site: Site, n: u32) -> u32 {
        self.out.choose(site, n)
    }

    /// A span from `dist`, by name.
    pub fn span(&mut self, site: Site, dist: &Dist) -> Span {
        match dist {
            Dist::Fixed(span) => *span,
            _ => self.out.span(site, dist),
        }
    }
}
