//! Visits every world that can be reached, each once, breadth first: the first violation that it
//! finds is one of the shortest.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use crate::kernel::{Fault, Mixer, Node, Step, Untimed, Verdict, Words, World};

use super::{MonitorOf, Move, Schedule, Watching};

/// The bounds of an exploration. They belong to its verdict: "holds up to …".
#[derive(Clone, Debug)]
pub struct Limits<N: Node> {
    /// Worlds to visit at most.
    pub worlds: usize,
    /// Steps in a row at most.
    pub depth: usize,
    /// Faults in one schedule at most.
    pub faults: usize,
    /// The faults to choose from.
    pub menu: Vec<Fault<Words<N>>>,
}

/// What an exploration found.
#[derive(Clone, Debug)]
pub enum Outcome<N: Node> {
    /// Every world within the limits was visited, and none broke the property.
    Holds {
        /// How many worlds there are.
        worlds: usize,
    },
    /// The property can be broken.
    Broken(Found<N>),
    /// The limit on worlds came first.
    Unfinished {
        /// How many worlds were visited.
        worlds: usize,
    },
}

/// A counterexample.
#[derive(Clone, Debug)]
pub struct Found<N: Node> {
    /// The steps, from the beginning.
    pub schedule: Schedule<N>,
    /// How many worlds were visited before it was found.
    pub worlds: usize,
    /// Whether nothing more could happen in its last world.
    pub settled: bool,
}

/// A world with what the monitor made of the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State<N: Node, M> {
    world: World<N>,
    watching: Watching<M>,
    faults: usize,
}

/// How a world was reached.
struct Reached<N: Node> {
    from: usize,
    by: Option<Move<N>>,
}

/// Explores from the beginning of `nodes`.
///
/// Worlds are told apart by 128 bits of hash, so with a million worlds the chance that one was
/// missed is below 10^-26.
pub fn explore<N: Node, M: MonitorOf<N>>(
    nodes: &[N],
    monitor: &M,
    limits: &Limits<N>,
) -> Outcome<N> {
    let mut watching = Watching::new(monitor.clone());
    let world = World::new(nodes.to_vec(), &mut Untimed::default(), &mut watching);
    search(world, watching, limits)
}

/// Explores from a world that was reached before, such as one in which everybody is connected.
pub fn explore_from<N: Node, M: MonitorOf<N>>(
    world: World<N>,
    monitor: &M,
    limits: &Limits<N>,
) -> Outcome<N> {
    search(world, Watching::new(monitor.clone()), limits)
}

fn search<N: Node, M: MonitorOf<N>>(
    world: World<N>,
    watching: Watching<M>,
    limits: &Limits<N>,
) -> Outcome<N> {
    let mut seen = BTreeSet::new();
    let mut reached: Vec<Reached<N>> = vec![Reached { from: 0, by: None }];
    let mut level = vec![(0, State { world, watching, faults: 0 })];
    seen.insert(fingerprint(&level[0].1));
    for depth in 0.. {
        let mut next = Vec::new();
        for (index, state) in &level {
            let ordinary = state.world.enabled();
            let settled = ordinary.is_empty();
            let verdict = state.watching.monitor.verdict(settled);
            if state.watching.broken.is_some() || matches!(verdict, Verdict::Violated(_)) {
                let schedule = path(&reached, *index);
                return Outcome::Broken(Found { schedule, worlds: reached.len(), settled });
            }
            if depth == limits.depth {
                continue;
            }
            let faults = limits.menu.iter().filter(|_| state.faults < limits.faults);
            let steps = ordinary.into_iter().chain(faults.map(|fault| Step::Fault(fault.clone())));
            for step in steps {
                for (decisions, successor) in successors(state, &step) {
                    if !seen.insert(fingerprint(&successor)) {
                        continue;
                    }
                    let by = Some(Move { step: step.clone(), decisions });
                    reached.push(Reached { from: *index, by });
                    if reached.len() > limits.worlds {
                        return Outcome::Unfinished { worlds: reached.len() - 1 };
                    }
                    next.push((reached.len() - 1, successor));
                }
            }
        }
        if next.is_empty() {
            break;
        }
        level = next;
    }
    Outcome::Holds { worlds: reached.len() }
}

/// Every world that `step` can lead to, one for each way its decisions can fall.
fn successors<N: Node, M: MonitorOf<N>>(
    state: &State<N, M>,
    step: &Step<Words<N>>,
) -> Vec<(Vec<u32>, State<N, M>)> {
    let mut found = Vec::new();
    let mut script = Some(Vec::new());
    while let Some(decisions) = script {
        let mut successor = state.clone();
        let mut pace = Untimed::deciding(decisions.clone());
        if !successor.world.apply(step, &mut pace, &mut successor.watching) {
            break;
        }
        successor.faults += usize::from(matches!(step, Step::Fault(_)));
        script = pace.following();
        found.push((decisions, successor));
    }
    found
}

fn path<N: Node>(reached: &[Reached<N>], mut at: usize) -> Schedule<N> {
    let mut schedule = Vec::new();
    while let Some(by) = &reached[at].by {
        schedule.push(by.clone());
        at = reached[at].from;
    }
    schedule.reverse();
    schedule
}

/// 128 bits of hash, the same in every process.
fn fingerprint(state: &impl Hash) -> (u64, u64) {
    let mut mixers = (Mixer::keyed(1), Mixer::keyed(2));
    state.hash(&mut mixers.0);
    state.hash(&mut mixers.1);
    (mixers.0.finish(), mixers.1.finish())
}
