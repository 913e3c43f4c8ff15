//! A world with a clock: discrete-event simulation.

use super::chance::{Chance, Dist, Site, Stream, below};
use super::monitor::{Seen, StepNo, Taken, Watch};
use super::node::{Choose, Node, Talk};
use super::step::{Fault, Link, NodeId, Planned, Step, Triggered};
use super::time::{Span, Time};
use super::world::{NoteOf, Pace, Words, World};

/// Everything that a run starts from. Two runs of equal setups are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Setup<N: Node> {
    /// The nodes; [`NodeId`] counts them from 0.
    pub nodes: Vec<N>,
    /// How long packets are under way where `latencies` says nothing else.
    pub latency: Dist,
    /// Links with a latency of their own.
    pub latencies: Vec<(Link, Dist)>,
    /// Faults at fixed times.
    pub plan: Vec<Planned<Words<N>>>,
    /// Faults that wait for something.
    pub triggers: Vec<Triggered<Words<N>>>,
    /// The seed of all chance.
    pub seed: u64,
}

/// The timed [`Pace`]: latencies and choices drawn from named chance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Clock {
    chance: Chance,
    latency: Dist,
    latencies: Vec<(Link, Dist)>,
    /// By wire: the distribution of its link and the stream of its draws.
    wires: Vec<Option<(Dist, Stream)>>,
}

impl Clock {
    fn new<N: Node>(setup: &Setup<N>) -> Clock {
        let mut latencies = setup.latencies.clone();
        latencies.sort();
        Clock {
            chance: Chance::new(setup.seed),
            latency: setup.latency,
            latencies,
            wires: Vec::new(),
        }
    }

    #[cold]
    fn lay(&mut self, wire: usize, link: Link) {
        let own = self.latencies.binary_search_by_key(&link, |(link, _)| *link);
        let dist = own.map_or(self.latency, |at| self.latencies[at].1);
        let whom = (u64::from(link.from.0) << 32) | u64::from(link.to.0);
        if self.wires.len() <= wire {
            self.wires.resize(wire + 1, None);
        }
        self.wires[wire] = Some((dist, self.chance.stream("latency", whom)));
    }
}

impl Choose for Clock {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        if n < 2 {
            return 0;
        }
        below(self.chance.draw(site), u64::from(n)) as u32
    }

    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        dist.at(self.chance.draw(site))
    }
}

impl Pace for Clock {
    fn latency(&mut self, wire: usize, link: Link) -> Span {
        if !matches!(self.wires.get(wire), Some(Some(_))) {
            self.lay(wire, link);
        }
        match &mut self.wires[wire] {
            Some((dist, stream)) => stream.span(dist),
            None => self.latency.least(),
        }
    }

    fn work(&mut self, span: Span) -> Span {
        span
    }
}

/// A planned fault with the step that triggered it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Due<T: Talk> {
    at: Time,
    fault: Fault<T>,
    cause: StepNo,
}

/// A world, its clock, and the faults still to come.
#[derive(Clone, Debug)]
pub struct Timeline<N: Node> {
    world: World<N>,
    clock: Clock,
    /// Latest first, so that the next one is popped off the end.
    plan: Vec<Due<Words<N>>>,
    /// Triggers that have not gone off, by their place in the setup.
    waiting: Vec<(u32, Triggered<Words<N>>)>,
}

/// Looks for the cues of triggers in the notes of one step.
struct Cues<'a, N: Node, W> {
    waiting: &'a mut Vec<(u32, Triggered<Words<N>>)>,
    seen: Vec<(StepNo, Triggered<Words<N>>)>,
    watch: &'a mut W,
}

impl<N: Node, W: Watch<Words<N>>> Watch<Words<N>> for Cues<'_, N, W> {
    fn step(&mut self, taken: &Taken<Words<N>>) {
        self.watch.step(taken);
    }
    fn note(&mut self, seen: Seen<'_, NoteOf<N>>) {
        let mut at = 0;
        while at < self.waiting.len() {
            if <Words<N> as Talk>::matches(&mut self.waiting[at].1.cue, seen.node, seen.note) {
                self.seen.push((seen.step, self.waiting.remove(at).1));
            } else {
                at += 1;
            }
        }
        self.watch.note(seen);
    }
}

impl<N: Node> Timeline<N> {
    /// The beginning of the run of `setup`.
    pub fn new(setup: &Setup<N>, watch: &mut impl Watch<Words<N>>) -> Timeline<N> {
        let mut clock = Clock::new(setup);
        let world = World::new(setup.nodes.clone(), &mut clock, watch);
        let mut plan: Vec<_> = setup
            .plan
            .iter()
            .map(|planned| Due { at: planned.at, fault: planned.fault.clone(), cause: 0 })
            .collect();
        plan.reverse(); // a stable sort then keeps the order of the file among equals
        plan.sort_by_key(|due| std::cmp::Reverse(due.at));
        Timeline {
            world,
            clock,
            plan,
            waiting: (0..).zip(setup.triggers.iter().cloned()).collect(),
        }
    }

    /// What is true now.
    pub fn world(&self) -> &World<N> {
        &self.world
    }

    /// The triggers that still wait for their cue, by their place in [`Setup::triggers`].
    pub fn waiting(&self) -> impl Iterator<Item = u32> {
        self.waiting.iter().map(|(place, _)| *place)
    }

    /// When the next step is due; `None` when nothing more can happen.
    pub fn next_due(&self) -> Option<Time> {
        let ordinary = self.world.next_due();
        let planned = self.plan.last().map(|due| due.at);
        match (ordinary, planned) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Takes the next step if it is due by `until`. Returns false when there is none.
    pub fn step(&mut self, until: Time, watch: &mut impl Watch<Words<N>>) -> bool {
        loop {
            // at one time, faults come first
            let planned = self.plan.last().map(|due| due.at);
            let before = match planned {
                Some(at) => at.just_before().map(|before| before.min(until)),
                None => Some(until),
            };
            if before.is_some_and(|before| self.take(before, watch)) {
                return true;
            }
            let Some(due) = self.plan.pop_if(|due| due.at <= until) else { return false };
            self.world.wait_until(due.at);
            if self.apply(&Step::Fault(due.fault), due.cause, watch) {
                return true;
            }
        }
    }

    fn take(&mut self, before: Time, watch: &mut impl Watch<Words<N>>) -> bool {
        if self.waiting.is_empty() {
            self.world.take(before, &mut self.clock, watch)
        } else {
            self.with_cues(watch, |world, clock, cues| world.take(before, clock, cues))
        }
    }

    /// Takes steps until nothing more is due by `until`, or `most` steps were taken. Returns how
    /// many were.
    pub fn run(&mut self, until: Time, most: u64, watch: &mut impl Watch<Words<N>>) -> u64 {
        let mut taken = 0;
        while taken < most && self.step(until, watch) {
            taken += 1;
        }
        taken
    }

    /// Takes a step of someone's choice instead of the next one: the beginning of a fork.
    pub fn choose(&mut self, step: &Step<Words<N>>, watch: &mut impl Watch<Words<N>>) -> bool {
        self.apply(step, 0, watch)
    }

    fn apply(
        &mut self,
        step: &Step<Words<N>>,
        cause: StepNo,
        watch: &mut impl Watch<Words<N>>,
    ) -> bool {
        self.with_cues(watch, |world, clock, cues| world.apply_caused(step, cause, clock, cues))
    }

    fn with_cues<W: Watch<Words<N>>, R>(
        &mut self,
        watch: &mut W,
        act: impl FnOnce(&mut World<N>, &mut Clock, &mut Cues<'_, N, W>) -> R,
    ) -> R {
        let mut cues = Cues { waiting: &mut self.waiting, seen: Vec::new(), watch };
        let result = act(&mut self.world, &mut self.clock, &mut cues);
        for (cause, triggered) in cues.seen {
            for (delay, fault) in triggered.faults {
                let at = self.world.now() + triggered.after + delay;
                let place = self.plan.partition_point(|due| due.at > at);
                self.plan.insert(place, Due { at, fault, cause });
            }
        }
        result
    }
}

impl<N: Node> Setup<N> {
    /// Nodes without latency, faults or chance: where a test begins.
    pub fn of(nodes: Vec<N>) -> Setup<N> {
        Setup {
            nodes,
            latency: Dist::default(),
            latencies: Vec::new(),
            plan: Vec::new(),
            triggers: Vec::new(),
            seed: 0,
        }
    }

    /// The link between two nodes given by number.
    pub fn link(from: u32, to: u32) -> Link {
        Link { from: NodeId(from), to: NodeId(to) }
    }
}
