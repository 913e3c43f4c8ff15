//! The full history of a run in few bytes: what a run keeps when it keeps everything.
//!
//! Each step and each note is a *shape* (deliver on this link, fire this timer, "node 2 pushed a
//! message from queue 0") and one number that counts up (the message, the delivery). Shapes are
//! kept once. A record is then the shape, whether the number went up by one, and for a step the
//! time that passed and how far back its cause lies: about 40 bytes for a message that is sent,
//! confirmed, delivered, handled and acknowledged.

use std::collections::BTreeMap;

use crate::kernel::{Fault, Link, NodeId, Seen, Span, Step, StepNo, Taken, Time, Watch};

use super::{MessageId, Mq, Note, Timer};

/// A step or note without its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Deliver(Link),
    Fire(NodeId, Timer),
    /// By its place among the faults of this run.
    Fault,
    Note(NodeId, Note),
}

/// What the next record of a shape is predicted from.
#[derive(Clone, Debug)]
struct Known {
    shape: Shape,
    number: u64,
    /// The shape that came next the last time.
    next: u32,
}

/// Where writer and reader stand; both move it in the same way.
#[derive(Clone, Debug, Default)]
struct State {
    shapes: Vec<Known>,
    last: u32,
    at: Time,
    step: StepNo,
}

/// A history in compact form. It watches a run, and shows it again.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    bytes: Vec<u8>,
    /// Shapes in the order of their first use.
    first: Vec<Shape>,
    faults: Vec<Fault<Mq>>,
    ids: BTreeMap<Shape, u32>,
    state: State,
}

impl Trace {
    /// An empty history with room for `bytes`, so that a long run does not move it again and again.
    pub fn with_capacity(bytes: usize) -> Trace {
        Trace { bytes: Vec::with_capacity(bytes), ..Trace::default() }
    }

    /// How many bytes the records take.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// `None` for a shape without a number.
    fn write(&mut self, shape: Shape, number: Option<u64>) {
        let predicted = self.state.shapes.get(self.state.last as usize).map(|known| known.next);
        let id = match predicted.and_then(|id| self.state.shapes.get(id as usize)) {
            Some(known) if known.shape == shape => self.state.shapes[self.state.last as usize].next,
            _ => match self.ids.get(&shape) {
                Some(&id) => id,
                None => {
                    let id = self.first.len() as u32;
                    self.ids.insert(shape.clone(), id);
                    self.first.push(shape.clone());
                    self.state.shapes.push(Known { shape, number: 0, next: id });
                    id
                }
            },
        };
        let before = self.state.shapes[id as usize].number;
        let number = number.unwrap_or(before.wrapping_add(1));
        let step = number.wrapping_sub(before);
        put(&mut self.bytes, u64::from(id) << 1 | u64::from(step != 1));
        if step != 1 {
            put(&mut self.bytes, zigzag(step as i64));
        }
        self.state.follow(id, number);
    }

    /// Shows the whole history to an observer, as if it happened now.
    pub fn show(&self, watch: &mut impl Watch<Mq>) {
        let mut state = State::default();
        let mut faults = self.faults.iter();
        let mut rest = &self.bytes[..];
        while let Some(head) = take(&mut rest) {
            let id = (head >> 1) as u32;
            if id as usize == state.shapes.len() {
                let Some(shape) = self.first.get(id as usize).cloned() else { return };
                state.shapes.push(Known { shape, number: 0, next: id });
            }
            let step =
                if head & 1 == 0 { 1 } else { unzigzag(take(&mut rest).unwrap_or(0)) as u64 };
            let number = state.shapes[id as usize].number.wrapping_add(step);
            state.follow(id, number);
            let step = match &state.shapes[id as usize].shape {
                Shape::Note(node, note) => {
                    let note = note.clone().about(MessageId(number as u32));
                    watch.note(Seen { step: state.step, at: state.at, node: *node, note: &note });
                    continue;
                }
                Shape::Deliver(link) => Step::Deliver(*link),
                Shape::Fire(node, timer) => Step::Fire(*node, timer.numbered(number)),
                Shape::Fault => match faults.next() {
                    Some(fault) => Step::Fault(fault.clone()),
                    None => return,
                },
            };
            state.step += 1;
            state.at += Span::from_nanos(take(&mut rest).unwrap_or(0));
            let cause = state.step - take(&mut rest).unwrap_or(0);
            watch.step(&Taken { no: state.step, at: state.at, step, cause });
        }
    }
}

impl State {
    fn follow(&mut self, id: u32, number: u64) {
        if let Some(last) = self.shapes.get_mut(self.last as usize) {
            last.next = id;
        }
        self.shapes[id as usize].number = number;
        self.last = id;
    }
}

impl Watch<Mq> for Trace {
    fn step(&mut self, taken: &Taken<Mq>) {
        let (shape, number) = match &taken.step {
            Step::Deliver(link) => (Shape::Deliver(*link), None),
            Step::Fire(node, timer) => {
                let (timer, number) = timer.split();
                (Shape::Fire(*node, timer), number)
            }
            Step::Fault(fault) => {
                self.faults.push(fault.clone());
                (Shape::Fault, None)
            }
        };
        self.write(shape, number);
        put(&mut self.bytes, taken.at.since(self.state.at).as_nanos());
        put(&mut self.bytes, taken.no - taken.cause);
        self.state.at = taken.at;
        self.state.step = taken.no;
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        let number = seen.note.msg().map(|msg| u64::from(msg.0));
        self.write(Shape::Note(seen.node, seen.note.clone().about(MessageId(0))), number);
    }
}

/// Seven bits a byte, the last one with its top bit clear.
fn put(bytes: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (mut n, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(n);
        }
        shift += 7;
    }
}

const fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

const fn unzigzag(n: u64) -> i64 {
    (n >> 1) as i64 ^ -((n & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::History;
    use crate::talk::{ClientTimer, QueueId};
    use proptest::prelude::*;

    fn any_step() -> impl Strategy<Value = Step<Mq>> {
        let node = (0u32..4).prop_map(NodeId);
        (node.clone(), node, 0u64..u64::MAX, 0..5).prop_map(|(a, b, n, kind)| match kind {
            0 | 1 => Step::Deliver(Link { from: a, to: b }),
            2 => Step::Fire(a, Timer::Client(ClientTimer::Handler(n))),
            3 => Step::Fire(a, Timer::Client(ClientTimer::Send)),
            _ => Step::Fault(Fault::Kill(b)),
        })
    }

    fn any_note() -> impl Strategy<Value = (NodeId, Note)> {
        ((0u32..4).prop_map(NodeId), any::<u32>(), 0u16..3, 0..4).prop_map(|(node, n, k, kind)| {
            let msg = MessageId(n);
            let note = match kind {
                0 => Note::Confirmed { msg },
                1 => Note::Acked { msg, queue: QueueId(k) },
                2 => Note::QueueDeclared { queue: QueueId(k), name: "orders".into() },
                _ => Note::Connected { to: node },
            };
            (node, note)
        })
    }

    proptest! {
        /// Nothing is lost by being compact.
        #[test]
        fn what_is_written_can_be_shown_again(
            records in prop::collection::vec((any_step(), 0u64..1 << 40, any::<u64>(), prop::collection::vec(any_note(), 0..4)), 0..60)
        ) {
            let (mut trace, mut history) = (Trace::default(), History::default());
            let mut at = Time::ZERO;
            for (no, (step, gap, cause, notes)) in (1..).zip(records) {
                at += Span::from_nanos(gap);
                let mut both = (&mut trace, &mut history);
                both.step(&Taken { no, at, step, cause: cause % no });
                for (node, note) in &notes {
                    both.note(Seen { step: no, at, node: *node, note });
                }
            }
            let mut shown = History::default();
            trace.show(&mut shown);
            prop_assert_eq!(shown, history);
        }
    }
}
