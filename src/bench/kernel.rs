//! W1: the kernel alone. A thousand actors, each with one timer, against a hand-written loop over
//! a 4-ary heap that does the same and nothing else. Both print the same checksum.

use crate::kernel::{Ctx, Dist, Input, Loss, Node, NodeId, Setup, Span, Talk, Time, Timeline, mix};

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64: the workload's own generator, since both sides must draw the same delays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Draws(u64);

impl Draws {
    fn of_actor(index: u64) -> Draws {
        Draws(mix(42 ^ (index + 1)))
    }
    fn delay(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        1 + (mix(self.0) >> 44)
    }
}

/// What both sides must agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checksum(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Nothing;

impl Talk for Nothing {
    type Msg = ();
    type Timer = ();
    type Note = ();
    type Order = ();
    type Cue = ();
    fn matches(_: &mut (), _: NodeId, (): &()) -> bool {
        false
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Actor {
    draws: Draws,
    sum: u64,
}

impl Node for Actor {
    type Talk = Nothing;
    fn on(&mut self, input: Input<Nothing>, ctx: &mut Ctx<'_, Nothing>) {
        if let Input::Timer(()) = input {
            self.sum = self.sum.wrapping_add(ctx.now.as_nanos());
        }
        ctx.arm((), Span::from_nanos(self.draws.delay()));
    }
    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Nothing>) {}
}

/// `events` timers of `actors` actors, on the kernel.
pub fn on_the_kernel(actors: u64, events: u64) -> Checksum {
    let nodes = (0..actors).map(|i| Actor { draws: Draws::of_actor(i), sum: 0 }).collect();
    let setup = Setup { latency: Dist::default(), ..Setup::of(nodes) };
    let mut timeline = Timeline::new(&setup, &mut ());
    timeline.run(Time::MAX, events, &mut ());
    let sum = timeline.world().nodes().fold(0_u64, |sum, (_, actor)| sum.wrapping_add(actor.sum));
    Checksum(sum ^ timeline.world().now().as_nanos())
}

/// The same on a bare 4-ary heap: what no engine can beat by much.
pub fn on_a_bare_heap(actors: u64, events: u64) -> Checksum {
    let mut draws: Vec<Draws> = (0..actors).map(Draws::of_actor).collect();
    let mut heap = BareHeap { entries: Vec::with_capacity(draws.len()) };
    let mut order = 0_u64;
    for (actor, draws) in draws.iter_mut().enumerate() {
        heap.push((u128::from(draws.delay()) << 64 | u128::from(order), actor as u32));
        order += 1;
    }
    let (mut sum, mut now) = (0_u64, 0);
    for _ in 0..events {
        let (key, actor) = heap.entries[0];
        now = (key >> 64) as u64;
        sum = sum.wrapping_add(now);
        let next = now + draws[actor as usize].delay();
        heap.replace_first((u128::from(next) << 64 | u128::from(order), actor));
        order += 1;
    }
    Checksum(sum ^ now)
}

struct BareHeap {
    entries: Vec<(u128, u32)>,
}

impl BareHeap {
    fn push(&mut self, entry: (u128, u32)) {
        self.entries.push(entry);
        let mut at = self.entries.len() - 1;
        while at > 0 && self.entries[(at - 1) / 4].0 > entry.0 {
            self.entries[at] = self.entries[(at - 1) / 4];
            at = (at - 1) / 4;
        }
        self.entries[at] = entry;
    }

    fn replace_first(&mut self, entry: (u128, u32)) {
        let mut at = 0;
        loop {
            let child = 4 * at + 1;
            let least = if let Some(four) = self.entries.get(child..child + 4) {
                let left = usize::from(four[1].0 < four[0].0);
                let right = 2 + usize::from(four[3].0 < four[2].0);
                child + if four[right].0 < four[left].0 { right } else { left }
            } else {
                let end = self.entries.len();
                match (child..end).min_by_key(|&i| self.entries[i].0) {
                    Some(least) => least,
                    None => break,
                }
            };
            if entry.0 <= self.entries[least].0 {
                break;
            }
            self.entries[at] = self.entries[least];
            at = least;
        }
        self.entries[at] = entry;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_and_bare_heap_agree_with_the_published_checksum() {
        assert_eq!(on_a_bare_heap(1_000, 1_000_000), Checksum(0x0000_EE9F_193F_9E4D));
        assert_eq!(on_the_kernel(1_000, 1_000_000), Checksum(0x0000_EE9F_193F_9E4D));
    }
}
