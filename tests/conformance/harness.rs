//! The harness: one thread that did one thing after the other, on behalf of all clients.
//!
//! It gives the word for each act at the recorded time, with one exception: it does not act on what
//! has not been seen yet. Where some client of the recording had received a frame before the act,
//! its client in the laboratory must have received it, too.

use std::sync::Arc;

use redeliver::kernel::{Ctx, Input, NodeId, Span, Time};
use redeliver::talk::{ClientTimer, MessageId, Mq, Msg, Timer};

use crate::client::Report;

/// How long it waits for what had been seen by then.
const PATIENCE: Span = Span::from_millis(250);

/// When to give whom the word.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    pub at: Time,
    /// Which client.
    pub actor: usize,
    /// How many of the awaited frames must have been received.
    pub after: usize,
    /// How many deliveries this client must have received.
    pub deliveries: usize,
    /// It empties a queue, and the harness waits until it is done.
    pub drains: bool,
}

/// The harness.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Harness {
    /// The node of the first client; the others follow.
    clients: NodeId,
    words: Arc<[Word]>,
    next: usize,
    /// Which client received each of the frames that the recorded harness saw, in order.
    awaited: Arc<[usize]>,
    /// How many of them were received here.
    met: usize,
    /// By client: frames received, how many of those count as met, and deliveries.
    received: Vec<(usize, usize, usize)>,
    draining: bool,
}

impl Harness {
    /// A harness for this many clients.
    pub fn new(clients: NodeId, count: usize, words: Vec<Word>, awaited: Vec<usize>) -> Harness {
        Harness {
            clients,
            words: words.into(),
            next: 0,
            awaited: awaited.into(),
            met: 0,
            received: vec![(0, 0, 0); count],
            draining: false,
        }
    }

    /// Takes one input.
    pub fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        if let Input::Message { from, msg } = &input {
            let client = from.index() - self.clients.index();
            match Report::read(msg) {
                Some(Report::Delivery) => {
                    self.received[client].0 += 1;
                    self.received[client].2 += 1;
                }
                Some(Report::Frame) => self.received[client].0 += 1,
                Some(Report::Drained) => self.draining = false,
                None => {}
            }
        }
        let words = Arc::clone(&self.words);
        while let Some(word) = words.get(self.next) {
            if word.at > ctx.now {
                ctx.arm(Timer::Client(ClientTimer::Send), word.at.since(ctx.now));
                return;
            }
            let late = ctx.now.since(word.at) >= PATIENCE;
            if !self.ready(word, late) {
                let rest = (word.at + PATIENCE).since(ctx.now);
                ctx.arm(Timer::Client(ClientTimer::Send), rest);
                return;
            }
            self.next += 1;
            self.draining = word.drains;
            let to = NodeId(self.clients.0 + word.actor as u32);
            ctx.send(to, Msg::Call { msg: MessageId(0), call: 0 });
        }
    }

    fn ready(&mut self, word: &Word, late: bool) -> bool {
        while self.met < word.after {
            let client = self.awaited[self.met];
            if self.received[client].0 <= self.received[client].1 && !late {
                return false;
            }
            self.received[client].1 += 1;
            self.met += 1;
        }
        late || (!self.draining && self.received[word.actor].2 >= word.deliveries)
    }
}
