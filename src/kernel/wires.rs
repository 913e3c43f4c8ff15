//! Links and what is under way on them.
//!
//! A link keeps order, as TCP does: nothing overtakes and nothing is repeated. What breaks is the
//! connection. Each packet carries the *epoch* of the connection it was sent on; a packet of an
//! earlier epoch than the receiver's is refused, which is how a restarted client never sees the
//! deliveries of its former life.

use std::collections::VecDeque;

use super::agenda::{Agenda, Due};
use super::monitor::StepNo;
use super::step::{Link, NodeId};
use super::time::Time;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Load<M> {
    Msg(M),
    /// The connection ends here.
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Packet<M> {
    pub(crate) due: Due,
    pub(crate) cause: StepNo,
    pub(crate) epoch: u32,
    pub(crate) load: Load<M>,
}

#[derive(Clone, Debug)]
pub(crate) struct Wire<M> {
    pub(crate) link: Link,
    pub(crate) queue: VecDeque<Packet<M>>,
    /// Nothing passes at present.
    pub(crate) cut: bool,
    /// The receiver stands still, so nothing is taken off.
    pub(crate) held: bool,
    /// The epoch that the sender stamps, and the lowest that it accepts in the other direction.
    pub(crate) epoch: u32,
    /// Whether the peer has been told that the epoch before this one is over.
    pub(crate) told: bool,
    /// The arrival of the latest packet: the next one cannot come earlier.
    arrival: Time,
}

/// All links of a world, in pairs: `n` and `n ^ 1` are the two directions of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Wires<M> {
    wires: Vec<Wire<M>>,
    /// For each node, its peers and the wire to each, sorted.
    out: Vec<Vec<(NodeId, u32)>>,
}

impl<M> Wires<M> {
    pub(crate) fn new(nodes: usize) -> Wires<M> {
        Wires { wires: Vec::new(), out: vec![Vec::new(); nodes] }
    }

    pub(crate) fn get(&self, wire: u32) -> &Wire<M> {
        &self.wires[wire as usize]
    }

    pub(crate) fn get_mut(&mut self, wire: u32) -> &mut Wire<M> {
        &mut self.wires[wire as usize]
    }

    /// Wires in the order of their links, which does not depend on which was used first.
    pub(crate) fn sorted(&self) -> impl Iterator<Item = &Wire<M>> {
        self.out.iter().flatten().map(|&(_, wire)| self.get(wire))
    }

    /// The wires out of `node`.
    pub(crate) fn out_of(&self, node: NodeId) -> Vec<u32> {
        self.out[node.index()].iter().map(|&(_, wire)| wire).collect()
    }

    pub(crate) fn find(&self, link: Link) -> Option<u32> {
        let out = self.out.get(link.from.index())?;
        let at = if out.len() <= 8 {
            out.iter().position(|&(peer, _)| peer == link.to)
        } else {
            out.binary_search_by_key(&link.to, |&(peer, _)| peer).ok()
        };
        at.map(|at| out[at].1)
    }

    /// Lays the wire of `link`, since it is the first time that the two talk.
    pub(crate) fn lay(&mut self, link: Link) -> u32 {
        let wire = self.wires.len() as u32;
        let back = Link { from: link.to, to: link.from };
        for (link, wire) in [(link, wire), (back, wire + 1)] {
            let out = &mut self.out[link.from.index()];
            let at = out.partition_point(|&(peer, _)| peer < link.to);
            out.insert(at, (link.to, wire));
            self.wires.push(Wire {
                link,
                queue: VecDeque::new(),
                cut: false,
                held: false,
                epoch: 0,
                told: true,
                arrival: Time::ZERO,
            });
        }
        wire
    }

    pub(crate) fn push(
        &mut self,
        wire: u32,
        earliest: Time,
        order: u64,
        cause: StepNo,
        load: Load<M>,
        agenda: &mut Agenda,
    ) {
        let epoch = self.get(wire).epoch;
        self.push_as(wire, epoch, earliest, order, cause, load, agenda);
    }

    #[expect(clippy::too_many_arguments, reason = "a packet has this many parts")]
    pub(crate) fn push_as(
        &mut self,
        wire: u32,
        epoch: u32,
        earliest: Time,
        order: u64,
        cause: StepNo,
        load: Load<M>,
        agenda: &mut Agenda,
    ) {
        let it = &mut self.wires[wire as usize];
        it.arrival = it.arrival.max(earliest);
        let due = Due::new(it.arrival.as_nanos(), order);
        it.queue.push_back(Packet { due, cause, epoch, load });
        if it.queue.len() == 1 && !it.cut && !it.held {
            agenda.set(channel(wire), due);
        }
    }

    pub(crate) fn pop(&mut self, wire: u32, agenda: &mut Agenda) -> Option<Packet<M>> {
        let packet = self.wires[wire as usize].queue.pop_front()?;
        self.schedule(wire, agenda);
        Some(packet)
    }

    pub(crate) fn clear(&mut self, wire: u32, agenda: &mut Agenda) {
        self.wires[wire as usize].queue.clear();
        agenda.remove(channel(wire));
    }

    /// Puts the first packet on the agenda, or takes the wire off it.
    pub(crate) fn schedule(&mut self, wire: u32, agenda: &mut Agenda) {
        let it = &self.wires[wire as usize];
        match it.queue.front() {
            Some(packet) if !it.cut && !it.held => agenda.set(channel(wire), packet.due),
            _ => agenda.remove(channel(wire)),
        }
    }
}

/// Wires have the even channels of the agenda, alarms the odd ones.
pub(crate) const fn channel(wire: u32) -> u32 {
    wire * 2
}
