//! The fold over notes that all verdicts come from.
//!
//! This file keeps the books: which copy of which message is where. Whether a move is an anomaly
//! is said by the file of its class.

mod books;
mod clients;
mod custody;
mod kafka;
mod queues;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::book::{Book, trail};
use super::breaches::Breaches;
use super::cell::fact;
use super::grown;
use super::rules::Rules;
use super::verdict::Breach;
use crate::kernel::{Fault, NodeId, Seen, Step, Taken, Watch};
use crate::talk::{Failure, KafkaOrder, MessageId, Mq, Note, Order, QueueId};
pub(super) use books::{Calls, Case, Line, NodeBook, QueueBook};
pub(super) use clients::bit;
pub(super) use kafka::{Slot, known, span, state};

/// Everything about a run that verdicts depend on, and nothing else: two runs with equal ledgers
/// are judged alike whatever comes. Message numbers are expected to be dense, and those of one
/// producer to ascend in the order in which it submits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    pub(super) rules: Arc<Rules>,
    pub(super) book: Book,
    pub(super) nodes: Vec<NodeBook>,
    pub(super) queues: Vec<QueueBook>,
    pub(super) producers: Vec<Line>,
    pub(super) lines: Vec<Line>,
    line_of: BTreeMap<(u8, u32), u32>,
    /// Effects at services that have no bit in a cell.
    far: BTreeSet<(MessageId, u16)>,
    pub(super) calls: Vec<Calls>,
    pub(super) streams: kafka::Streams,
    pub(super) breaches: Breaches,
}

impl Ledger {
    /// A ledger that judges by `rules`.
    pub fn new(rules: Rules) -> Ledger {
        let mut nodes: Vec<NodeBook> = Vec::new();
        for rule in &rules.consumers {
            let node = grown(&mut nodes, rule.node.index());
            (node.prefetch, node.bound) = (rule.prefetch, rule.unacked);
        }
        Ledger {
            streams: kafka::Streams::new(&rules.topics),
            rules: Arc::new(rules),
            book: Book::default(),
            nodes,
            queues: Vec::new(),
            producers: Vec::new(),
            lines: Vec::new(),
            line_of: BTreeMap::new(),
            far: BTreeSet::new(),
            calls: Vec::new(),
            breaches: Breaches::default(),
        }
    }

    /// What it judges by.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What was broken so far, first ones first. What only the end of a run can show is not in it.
    pub fn breaches(&self) -> Vec<&Breach> {
        self.breaches.in_order()
    }

    /// Whether anything was broken so far.
    pub fn broken(&self) -> bool {
        !self.breaches.is_empty()
    }

    /// How many messages of a queue are ready and unacknowledged.
    pub fn depth(&self, queue: QueueId) -> (u32, u32) {
        self.queues.get(queue.index()).map_or((0, 0), |queue| (queue.ready, queue.unacked))
    }

    /// How many unacknowledged messages a consumer process holds.
    pub fn held(&self, node: NodeId) -> u32 {
        self.nodes.get(node.index()).map_or(0, |node| node.unacked)
    }

    /// How often a message was delivered.
    pub fn deliveries(&self, msg: MessageId) -> u16 {
        let cell = self.book.get(msg);
        match cell.play() {
            Some(play) => self.book.play(play).deliveries,
            None => cell.rest().deliveries,
        }
    }

    /// How many messages have done what they are for, how many rest among the dead, and how many
    /// were submitted and have done neither.
    pub fn ends(&self) -> (u64, u64, u64) {
        let (mut done, mut dead, mut open) = (0, 0, 0);
        for (msg, cell) in self.book.messages() {
            if self.complete(msg, cell) {
                done += 1;
            } else if cell.play().is_some_and(|play| self.rests(cell, play)) {
                dead += 1;
            } else if cell.has(fact::SUBMITTED) {
                open += 1;
            }
        }
        (done, dead, open)
    }

    /// How much memory it takes for messages, in bytes.
    pub fn bytes(&self) -> usize {
        self.book.bytes() + self.streams.bytes()
    }

    /// Learns one note.
    pub fn observe(&mut self, seen: Seen<'_, Note>) {
        let (step, at, node) = (seen.step, seen.at, seen.node);
        let case = Case { step, at, node, place: None, group: None };
        match *seen.note {
            Note::Submitted { msg, key } => self.submitted(case, msg, key),
            Note::Published { msg, copy } => {
                if self.streams.any() && copy == 0 {
                    self.sent(case, msg);
                }
                self.published(case, msg, copy);
            }
            Note::Confirmed { msg } => {
                if self.is_producer_of(case.node, msg) {
                    self.confirmed(case, msg);
                }
            }
            Note::Refused { msg } => self.told(case, msg, fact::REFUSED),
            Note::Returned { msg } => self.told(case, msg, fact::RETURNED),
            Note::GaveUp { msg } => self.told(case, msg, fact::GAVE_UP),
            Note::Unroutable { msg, .. } => self.book.cell(msg).set(fact::UNROUTABLE),
            Note::QueueDeclared { queue, ref name } => self.declared(case, queue, name),
            Note::QueueGone { queue, why } => self.queue(queue).gone = Some(why),
            Note::Enqueued { msg, copy, queue, from } => {
                self.enqueued(case, msg, copy, queue, from);
            }
            Note::Pushed { msg, queue, to, no_ack, .. } => {
                self.pushed(case, msg, queue, to, no_ack);
            }
            Note::Acked { msg, queue } => self.acked(case, msg, queue),
            Note::Requeued { msg, queue, why } => self.requeued(case, msg, queue, why),
            Note::Dying { msg, queue, why } => self.dying(case, msg, queue, why),
            Note::Discarded { msg, queue, why, then } => {
                self.discarded(case, msg, queue, why, then);
            }
            Note::Lost { msg, queue } => self.lost(case, msg, queue),
            Note::Recovered { msg, queue, resurrected } => {
                self.recovered(case, msg, queue, resurrected);
            }
            Note::Subscribed { peer, queue } => {
                self.queue(queue).consumers += 1;
                // before the first push on a new connection, and before the client knows
                let node = self.node(peer);
                node.session = node.session.wrapping_add(1);
                node.unacked = 0;
                node.closed = None;
            }
            Note::Unsubscribed { queue, .. } => {
                let queue = self.queue(queue);
                queue.consumers = queue.consumers.saturating_sub(1);
            }
            Note::ChannelClosed { peer, .. } | Note::ConnectionClosed { peer, .. } => {
                self.node(peer).closed = Some(case.node);
            }
            Note::Blocked { peer } => self.node(peer).blocked = true,
            Note::Unblocked { peer } => self.node(peer).blocked = false,
            Note::Received { msg, redelivered, deaths } => {
                self.received(case, msg, redelivered, deaths);
            }
            Note::Failed { msg, why: Failure::Poison | Failure::Flaky, .. }
            | Note::Died { msg } => self.book.cell(msg).set(fact::UNHEALTHY),
            Note::Called { msg, service } => {
                self.called(case, service);
                if self.streams.any() {
                    self.called_by(case.node, msg);
                }
            }
            Note::Effect { msg, service } => {
                if self.streams.any() {
                    self.judge_zombie(case, msg);
                }
                self.effect(case, msg, service);
            }
            Note::Settled { msg, how } => self.settled(case, msg, how),
            Note::Retried { msg, .. } => self.leave_trail(case, msg, trail::RETRIED),
            Note::Parked { msg } => self.book.cell(msg).set(fact::PARKED),
            Note::Connected { .. } => {
                let node = self.node(case.node);
                node.closed = None;
                node.under_way.clear();
            }
            Note::Disconnected { .. } => self.node(case.node).under_way.clear(),
            Note::Replied { msg } => self.leave_trail(case, msg, trail::REPLIED),
            Note::Answered { msg, .. } => self.answered(case, msg),
            Note::Unknown { .. }
            | Note::Overflowed { .. }
            | Note::Elected { .. }
            | Note::Started { .. }
            | Note::Failed { why: Failure::Downstream, .. }
            | Note::CallFailed { .. } => {}
            Note::Deduplicated { msg, .. } => {
                if self.streams.any() {
                    self.streams.mark(msg).clear(known::ZOMBIE);
                }
            }
            Note::Kafka(note) => self.observe_kafka(case, note),
        }
    }
}

impl Watch<Mq> for Ledger {
    fn step(&mut self, taken: &Taken<Mq>) {
        if let Step::Fault(fault) = &taken.step {
            match *fault {
                Fault::Kill(node) | Fault::PowerLoss(node) | Fault::Stop(node) => {
                    self.node(node).down = true;
                    self.streams.down(node);
                    for queue in self.queues.iter_mut().filter(|it| it.broker == Some(node)) {
                        queue.consumers = 0;
                    }
                }
                Fault::Restart(node) => self.node(node).down = false,
                Fault::Order(_, Order::Kafka(KafkaOrder::DeleteRecords { at, .. })) => {
                    self.streams.trim(at);
                }
                _ => {}
            }
        }
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        self.observe(seen);
    }
}
