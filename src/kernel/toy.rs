//! A system of sixty lines for the tests of engine and search: a client that counts, a server that
//! remembers, and a loss that can be had.

use super::{Ctx, Input, Loss, Monitor, Node, NodeId, Seen, Site, Span, Talk, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Words;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    Store(u8),
    Stored(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Alarm {
    Send,
    Flush,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Told {
    Acknowledged(u8),
    Kept(u8),
    Lost(u8),
}

impl Talk for Words {
    type Msg = Word;
    type Timer = Alarm;
    type Note = Told;
    type Order = ();
    type Cue = Told;
    fn matches(cue: &mut Told, _node: NodeId, note: &Told) -> bool {
        cue == note
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Toy {
    Client {
        next: u8,
        last: u8,
    },
    /// Acknowledges at once when `hasty`, and after the flush otherwise.
    Server {
        hasty: bool,
        memory: Vec<u8>,
        disk: Vec<u8>,
    },
}

pub(crate) const CLIENT: NodeId = NodeId(0);
pub(crate) const SERVER: NodeId = NodeId(1);

impl Node for Toy {
    type Talk = Words;

    fn on(&mut self, input: Input<Words>, ctx: &mut Ctx<'_, Words>) {
        match (self, input) {
            (Toy::Client { next, last }, Input::Start) if *next < *last => {
                ctx.arm(Alarm::Send, Span::from_millis(1));
            }
            (Toy::Client { next, last }, Input::Timer(Alarm::Send)) => {
                *next += 1;
                ctx.send(SERVER, Word::Store(*next));
                if *next < *last {
                    ctx.arm(Alarm::Send, Span::from_millis(1));
                }
            }
            (Toy::Client { .. }, Input::Message { msg: Word::Stored(n), .. }) => {
                ctx.note(Told::Acknowledged(n));
            }
            (Toy::Server { hasty, memory, .. }, Input::Message { msg: Word::Store(n), .. }) => {
                memory.push(n);
                if *hasty {
                    ctx.send(CLIENT, Word::Stored(n));
                }
                if memory.len() == 1 {
                    let patience = ctx.choose(Site::new("patience", u64::from(n)), 2);
                    ctx.arm(Alarm::Flush, Span::from_millis(2 + u64::from(patience)));
                }
            }
            (Toy::Server { hasty, memory, disk }, Input::Timer(Alarm::Flush)) => {
                for n in memory.drain(..) {
                    disk.push(n);
                    ctx.note(Told::Kept(n));
                    if !*hasty {
                        ctx.send(CLIENT, Word::Stored(n));
                    }
                }
            }
            _ => {}
        }
    }

    fn lose(&mut self, _loss: Loss, ctx: &mut Ctx<'_, Words>) {
        if let Toy::Server { memory, .. } = self {
            for n in memory.drain(..) {
                ctx.note(Told::Lost(n));
            }
        }
    }
}

/// "What was acknowledged was not lost", as an automaton over sets of numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct NothingLost {
    acknowledged: u64,
    lost: u64,
    broken_at: Option<u64>,
}

impl Monitor<Told> for NothingLost {
    fn observe(&mut self, seen: Seen<'_, Told>) {
        match *seen.note {
            Told::Acknowledged(n) => self.acknowledged |= 1 << n,
            Told::Lost(n) => self.lost |= 1 << n,
            Told::Kept(_) => {}
        }
        if self.broken_at.is_none() && self.acknowledged & self.lost != 0 {
            self.broken_at = Some(0); // the number of the step would tell equal worlds apart
        }
    }
    fn verdict(&self, settled: bool) -> Verdict {
        match self.broken_at {
            Some(step) => Verdict::Violated(step),
            None if settled => Verdict::Holds,
            None => Verdict::Undecided,
        }
    }
}

pub(crate) fn nodes(hasty: bool, sends: u8) -> Vec<Toy> {
    vec![
        Toy::Client { next: 0, last: sends },
        Toy::Server { hasty, memory: Vec::new(), disk: Vec::new() },
    ]
}
