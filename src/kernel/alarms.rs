//! Armed timers: one slot each, found by node and name.

use super::agenda::{Agenda, Due};
use super::monitor::StepNo;
use super::step::NodeId;
use super::time::Span;

#[derive(Clone, Debug)]
pub(crate) struct Alarm<T> {
    pub(crate) node: NodeId,
    pub(crate) timer: T,
    pub(crate) due: Due,
    /// How long it was armed for.
    pub(crate) span: Span,
    /// When it was armed, among all that was ever scheduled.
    pub(crate) order: u64,
    pub(crate) cause: StepNo,
    /// False between going off and either being armed again or let go.
    armed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Alarms<T> {
    slots: Vec<Alarm<T>>,
    free: Vec<u32>,
    /// For each node its armed timers and their slots, sorted by timer.
    of: Vec<Vec<(T, u32)>>,
    /// The slot that is going off: most timers are armed again at once, which needs no search.
    firing: Option<u32>,
}

impl<T: Copy + Ord> Alarms<T> {
    pub(crate) fn new(nodes: usize) -> Alarms<T> {
        Alarms { slots: Vec::new(), free: Vec::new(), of: vec![Vec::new(); nodes], firing: None }
    }

    pub(crate) fn get(&self, slot: u32) -> &Alarm<T> {
        &self.slots[slot as usize]
    }

    /// The alarms of a node, sorted by timer.
    pub(crate) fn of(&self, node: NodeId) -> impl Iterator<Item = &Alarm<T>> {
        self.of[node.index()].iter().map(|&(_, slot)| self.get(slot))
    }

    pub(crate) fn slots_of(&self, node: NodeId) -> impl Iterator<Item = u32> {
        self.of[node.index()].iter().map(|&(_, slot)| slot)
    }

    fn place(&self, node: NodeId, timer: T) -> Result<usize, usize> {
        let of = &self.of[node.index()];
        match of.last() {
            None => Err(0),
            // names often carry a growing number, so the end is the likely place
            Some(&(last, _)) if last < timer => Err(of.len()),
            _ => of.binary_search_by(|(name, _)| name.cmp(&timer)),
        }
    }

    pub(crate) fn find(&self, node: NodeId, timer: T) -> Option<u32> {
        self.place(node, timer).ok().map(|at| self.of[node.index()][at].1)
    }

    #[expect(clippy::too_many_arguments, reason = "an alarm has this many parts")]
    pub(crate) fn arm(
        &mut self,
        node: NodeId,
        timer: T,
        due: Due,
        span: Span,
        order: u64,
        cause: StepNo,
        on_agenda: bool,
        agenda: &mut Agenda,
    ) {
        let alarm = Alarm { node, timer, due, span, order, cause, armed: true };
        if let Some(slot) = self.firing {
            let it = &mut self.slots[slot as usize];
            if it.timer == timer && it.node == node {
                *it = alarm;
                if on_agenda {
                    agenda.set(channel(slot), due);
                }
                return;
            }
        }
        let slot = match self.place(node, timer) {
            Ok(at) => {
                let slot = self.of[node.index()][at].1;
                self.slots[slot as usize] = alarm;
                slot
            }
            Err(at) => {
                let slot = match self.free.pop() {
                    Some(slot) => {
                        self.slots[slot as usize] = alarm;
                        slot
                    }
                    None => {
                        self.slots.push(alarm);
                        (self.slots.len() - 1) as u32
                    }
                };
                self.of[node.index()].insert(at, (timer, slot));
                slot
            }
        };
        if on_agenda {
            agenda.set(channel(slot), due);
        }
    }

    /// It goes off. Its slot stays until [`Alarms::let_go`], since most timers are armed again.
    pub(crate) fn fire(&mut self, slot: u32) {
        self.slots[slot as usize].armed = false;
        self.firing = Some(slot);
    }

    /// After the node has handled it: frees the slot unless the timer was armed again.
    pub(crate) fn let_go(&mut self, slot: u32, agenda: &mut Agenda) {
        self.firing = None;
        if !self.slots[slot as usize].armed {
            let Alarm { node, timer, .. } = self.slots[slot as usize];
            self.disarm(node, timer, agenda);
        }
    }

    pub(crate) fn disarm(&mut self, node: NodeId, timer: T, agenda: &mut Agenda) {
        if let Ok(at) = self.place(node, timer) {
            let (_, slot) = self.of[node.index()].remove(at);
            agenda.remove(channel(slot));
            self.slots[slot as usize].armed = true; // so that a late `let_go` leaves it alone
            self.firing = None;
            self.free.push(slot);
        }
    }

    pub(crate) fn clear(&mut self, node: NodeId, agenda: &mut Agenda) {
        for (_, slot) in std::mem::take(&mut self.of[node.index()]) {
            agenda.remove(channel(slot));
            self.slots[slot as usize].armed = true;
            self.free.push(slot);
        }
    }

    /// Puts a node's alarms on the agenda, or takes them off while it stands still.
    pub(crate) fn schedule(&mut self, node: NodeId, on_agenda: bool, agenda: &mut Agenda) {
        for &(_, slot) in &self.of[node.index()] {
            if on_agenda {
                agenda.set(channel(slot), self.slots[slot as usize].due);
            } else {
                agenda.remove(channel(slot));
            }
        }
    }
}

/// Wires have the even channels of the agenda, alarms the odd ones.
pub(crate) const fn channel(slot: u32) -> u32 {
    slot * 2 + 1
}
