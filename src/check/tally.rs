//! Counts, peaks, rates and delays of a run, taken note by note.

use super::cast::{Cast, Role};
use super::class::Class;
use super::facts::Facts;
use super::grown;
use super::histogram::Histogram;
use super::ledger::Ledger;
use super::tally_kafka::KafkaTally;
use super::verdict::Verdicts;
use crate::kernel::{Fault, NodeId, Seen, Step, Taken, Time};
use crate::talk::kafka::KafkaNote;
use crate::talk::{Death, Fate, MessageId, Mq, Name, Note, Order, QueueId, Returned};

const SECOND: u64 = 1_000_000_000;
const MICROSECOND: u64 = 1_000;

/// Declares the numbers that are plain counts, with their names.
macro_rules! numbers {
    ($($number:ident = $name:literal,)*) => {
        /// A plain count.
        #[derive(Clone, Copy, Debug)]
        enum Number {
            $($number,)*
        }

        /// The names of plain counts, by [`Number`].
        const NAMES: [&str; [$($name),*].len()] = [$($name),*];
    };
}

numbers! {
    Acked = "acked",
    Answered = "answered",
    AnsweredLate = "answered.late",
    Blocked = "blocked",
    Calls = "calls",
    CallsFailed = "calls.failed",
    Confirmed = "confirmed",
    Connected = "connected",
    DeadLettered = "dead-lettered",
    DeadLetteredDeliveryLimit = "dead-lettered.delivery-limit",
    DeadLetteredExpired = "dead-lettered.expired",
    DeadLetteredMaxlen = "dead-lettered.maxlen",
    DeadLetteredRejected = "dead-lettered.rejected",
    Deduplicated = "deduplicated",
    Delivered = "delivered",
    Died = "died",
    Disconnected = "disconnected",
    Dropped = "dropped",
    DroppedDeliveryLimit = "dropped.delivery-limit",
    DroppedExpired = "dropped.expired",
    DroppedMaxlen = "dropped.maxlen",
    DroppedPurged = "dropped.purged",
    DroppedQueueDeleted = "dropped.queue-deleted",
    DroppedQueueExpired = "dropped.queue-expired",
    DroppedRejected = "dropped.rejected",
    Effects = "effects",
    Elections = "elections",
    Enqueued = "enqueued",
    Failed = "failed",
    GaveUp = "gave-up",
    Lost = "lost",
    Overflowed = "overflowed",
    Parked = "parked",
    Published = "published",
    PublishedAgain = "published.again",
    Pushed = "pushed",
    Recovered = "recovered",
    Redelivered = "redelivered",
    Refused = "refused",
    Replied = "replied",
    Requeued = "requeued",
    RequeuedChannel = "requeued.channel",
    RequeuedConnection = "requeued.connection",
    RequeuedNack = "requeued.nack",
    RequeuedReject = "requeued.reject",
    RequeuedTimeout = "requeued.timeout",
    Resurrected = "resurrected",
    Retried = "retried",
    Returned = "returned",
    Submitted = "submitted",
    Unknown = "unknown",
    Unroutable = "unroutable",
}

/// Everything that numbers of a run are made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tally {
    /// By [`Number`].
    counts: [u64; NAMES.len()],
    /// When each message was submitted, by its number; [`Time::MAX`] when it was not.
    submitted: Vec<Time>,
    first: Option<Time>,
    last: Time,
    effects: Histogram,
    answers: Histogram,
    nodes: Vec<NodeTally>,
    queues: Vec<QueueTally>,
    services: Vec<ServiceTally>,
    outages: Vec<Outage>,
    kafka: KafkaTally,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct NodeTally {
    received: u64,
    redelivered: u64,
    peak: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct QueueTally {
    name: Option<Name>,
    enqueued: u64,
    dead_letters: u64,
    pushed: u64,
    peak: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ServiceTally {
    calls: u64,
    failed: u64,
    effects: u64,
    deduplicated: u64,
    /// Calls in the whole second that `second` is the number of.
    second: u64,
    in_second: u64,
    peak: u64,
}

/// A time in which a service was out, with the calls that it and others had got before.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outage {
    node: NodeId,
    before: Vec<u64>,
    /// The calls at its end; none while it lasts.
    after: Option<Vec<u64>>,
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            counts: [0; NAMES.len()],
            submitted: Vec::new(),
            first: None,
            last: Time::ZERO,
            effects: Histogram::default(),
            answers: Histogram::default(),
            nodes: Vec::new(),
            queues: Vec::new(),
            services: Vec::new(),
            outages: Vec::new(),
            kafka: KafkaTally::default(),
        }
    }
}

impl Tally {
    pub(super) fn step(&mut self, taken: &Taken<Mq>) {
        if let Step::Fault(Fault::Kill(node) | Fault::PowerLoss(node) | Fault::Stop(node)) =
            taken.step
        {
            self.kafka.down(node, taken.at);
        }
        let Step::Fault(Fault::Order(node, Order::Outage(out))) = taken.step else { return };
        let calls: Vec<u64> = self.services.iter().map(|service| service.calls).collect();
        let open = self.outages.iter_mut().find(|it| it.node == node && it.after.is_none());
        match (open, out) {
            (None, true) => self.outages.push(Outage { node, before: calls, after: None }),
            (Some(outage), false) => outage.after = Some(calls),
            _ => {}
        }
    }

    /// Counts a note that `ledger` has learnt.
    pub(super) fn observe(&mut self, seen: Seen<'_, Note>, ledger: &Ledger) {
        match *seen.note {
            Note::Submitted { msg, .. } => {
                let at = msg.0 as usize;
                if at >= self.submitted.len() {
                    self.submitted.resize(at + 1, Time::MAX);
                }
                self.submitted[at] = seen.at;
                self.first = self.first.or(Some(seen.at));
                self.count(Number::Submitted);
            }
            Note::Published { copy, .. } => {
                self.count(Number::Published);
                if copy > 0 {
                    self.count(Number::PublishedAgain);
                }
            }
            Note::Enqueued { queue, from, .. } => {
                self.count(Number::Enqueued);
                let (ready, unacked) = ledger.depth(queue);
                let queue = self.queue(queue);
                queue.enqueued += 1;
                queue.dead_letters += u64::from(from.is_some());
                queue.peak = queue.peak.max(ready.saturating_add(unacked));
            }
            Note::QueueDeclared { queue, ref name } => self.queue(queue).name = Some(name.clone()),
            Note::Pushed { queue, to, .. } => {
                self.count(Number::Pushed);
                self.queue(queue).pushed += 1;
                let held = ledger.held(to);
                let node = self.node(to);
                node.peak = node.peak.max(held);
            }
            Note::Received { redelivered, .. } => {
                self.count(Number::Delivered);
                let node = self.node(seen.node);
                node.received += 1;
                node.redelivered += u64::from(redelivered);
                if redelivered {
                    self.count(Number::Redelivered);
                }
            }
            Note::Requeued { why, .. } => {
                self.count(Number::Requeued);
                self.count(match why {
                    Returned::Nack => Number::RequeuedNack,
                    Returned::Reject => Number::RequeuedReject,
                    Returned::Channel => Number::RequeuedChannel,
                    Returned::Connection => Number::RequeuedConnection,
                    Returned::Timeout => Number::RequeuedTimeout,
                });
            }
            Note::Discarded { why, then: Fate::DeadLettered, .. } => {
                self.count(Number::DeadLettered);
                self.count(match why {
                    Death::Rejected => Number::DeadLetteredRejected,
                    Death::Expired => Number::DeadLetteredExpired,
                    Death::Maxlen => Number::DeadLetteredMaxlen,
                    _ => Number::DeadLetteredDeliveryLimit,
                });
            }
            Note::Discarded { why, .. } => {
                self.count(Number::Dropped);
                self.count(match why {
                    Death::Rejected => Number::DroppedRejected,
                    Death::Expired => Number::DroppedExpired,
                    Death::Maxlen => Number::DroppedMaxlen,
                    Death::DeliveryLimit => Number::DroppedDeliveryLimit,
                    Death::QueueDeleted => Number::DroppedQueueDeleted,
                    Death::QueueExpired => Number::DroppedQueueExpired,
                    Death::Purged => Number::DroppedPurged,
                });
            }
            Note::Recovered { resurrected: true, .. } => self.count(Number::Resurrected),
            Note::Recovered { .. } => self.count(Number::Recovered),
            Note::Called { service, .. } => {
                self.count(Number::Calls);
                let service = self.service(service);
                let second = seen.at.as_nanos() / SECOND;
                if service.second != second {
                    (service.second, service.in_second) = (second, 0);
                }
                service.calls += 1;
                service.in_second += 1;
                service.peak = service.peak.max(service.in_second);
            }
            Note::CallFailed { service, .. } => {
                self.count(Number::CallsFailed);
                self.service(service).failed += 1;
            }
            Note::Effect { msg, service } => {
                self.count(Number::Effects);
                self.service(service).effects += 1;
                if let Some(delay) = self.since(msg, seen.at) {
                    self.effects.add(delay);
                }
                self.last = self.last.max(seen.at);
            }
            Note::Deduplicated { service, .. } => {
                self.count(Number::Deduplicated);
                self.service(service).deduplicated += 1;
            }
            Note::Answered { msg, late } => {
                self.count(if late { Number::AnsweredLate } else { Number::Answered });
                if let Some(delay) = self.since(msg, seen.at) {
                    self.answers.add(delay);
                }
            }
            Note::Acked { .. } => {
                self.count(Number::Acked);
                if !ledger.rules().effects {
                    self.last = self.last.max(seen.at);
                }
            }
            Note::Confirmed { .. } => self.count(Number::Confirmed),
            Note::Refused { .. } => self.count(Number::Refused),
            Note::Returned { .. } => self.count(Number::Returned),
            Note::Unknown { .. } => self.count(Number::Unknown),
            Note::GaveUp { .. } => self.count(Number::GaveUp),
            Note::Unroutable { .. } => self.count(Number::Unroutable),
            Note::Overflowed { .. } => self.count(Number::Overflowed),
            Note::Lost { .. } => self.count(Number::Lost),
            Note::Failed { .. } => self.count(Number::Failed),
            Note::Died { .. } => self.count(Number::Died),
            Note::Retried { .. } => self.count(Number::Retried),
            Note::Parked { .. } => self.count(Number::Parked),
            Note::Replied { .. } => self.count(Number::Replied),
            Note::Blocked { .. } => self.count(Number::Blocked),
            Note::Connected { .. } => self.count(Number::Connected),
            Note::Disconnected { .. } => self.count(Number::Disconnected),
            Note::Elected { .. } => self.count(Number::Elections),
            Note::QueueGone { .. }
            | Note::Subscribed { .. }
            | Note::Unsubscribed { .. }
            | Note::ChannelClosed { .. }
            | Note::ConnectionClosed { .. }
            | Note::Unblocked { .. }
            | Note::Dying { .. }
            | Note::Started { .. }
            | Note::Settled { .. } => {}
            Note::Kafka(note) => {
                if let KafkaNote::Polled { .. } = note {
                    self.count(Number::Delivered);
                    self.node(seen.node).received += 1;
                }
                self.kafka.observe(seen, note, ledger);
            }
        }
    }

    fn count(&mut self, what: Number) {
        self.counts[what as usize] += 1;
    }

    /// Microseconds since a message was submitted.
    fn since(&self, msg: MessageId, at: Time) -> Option<u64> {
        let submitted = *self.submitted.get(msg.0 as usize)?;
        (submitted != Time::MAX).then(|| at.since(submitted).as_nanos() / MICROSECOND)
    }

    fn node(&mut self, id: NodeId) -> &mut NodeTally {
        grown(&mut self.nodes, id.index())
    }

    fn queue(&mut self, id: QueueId) -> &mut QueueTally {
        grown(&mut self.queues, id.index())
    }

    fn service(&mut self, id: u16) -> &mut ServiceTally {
        grown(&mut self.services, id.into())
    }

    // ── numbers ──

    /// The numbers, with the names of the cast.
    pub(super) fn facts(&self, ledger: &Ledger, verdicts: &Verdicts, cast: &Cast) -> Facts {
        let mut facts = Facts::default();
        for (name, count) in NAMES.into_iter().zip(self.counts) {
            facts.set(name, count);
        }
        self.times(&mut facts);
        self.messages(ledger, &mut facts);
        self.parts(cast, &mut facts);
        self.loads(ledger, cast, &mut facts);
        self.kafka.facts(ledger, cast, &mut facts);
        for class in Class::ALL {
            let breach = verdicts.of(class).and_then(|verdict| verdict.breach());
            facts.set(format!("violations.{class}"), breach.map_or(0, |it| it.times.into()));
        }
        facts
    }

    fn times(&self, facts: &mut Facts) {
        for (name, histogram) in [("latency", &self.effects), ("answer", &self.answers)] {
            for (rank, per_mille) in [("p50", 500), ("p90", 900), ("p99", 990), ("p999", 999)] {
                if let Some(value) = histogram.quantile(per_mille) {
                    facts.set(format!("{name}.{rank}-us"), value);
                }
            }
            if histogram.total() > 0 {
                facts.set(format!("{name}.max-us"), histogram.max());
            }
        }
        let makespan = self.first.map_or(0, |first| self.last.since(first).as_nanos());
        facts.set("makespan-us", makespan / MICROSECOND);
        let effects = u128::from(self.effects.total()) * u128::from(SECOND);
        facts.set("effects-per-second", (effects / u128::from(makespan.max(1))) as u64);
    }

    fn messages(&self, ledger: &Ledger, facts: &mut Facts) {
        let deliveries: Vec<u16> =
            (0..self.submitted.len()).map(|id| ledger.deliveries(MessageId(id as u32))).collect();
        facts.set(
            "deliveries-of-one-message.peak",
            deliveries.iter().copied().max().unwrap_or(0).into(),
        );
        let more = deliveries.iter().filter(|&&n| n > 1).count();
        facts.set("messages.delivered-again", more as u64);
        let (done, dead, open) = ledger.ends();
        facts.set("messages.done", done);
        facts.set("messages.dead", dead);
        facts.set("messages.open", open);
        facts.set_deliveries(deliveries);
    }

    /// For each consumer process, and for each group of them: peaks are the largest of any one
    /// process, the rest are sums.
    fn parts(&self, cast: &Cast, facts: &mut Facts) {
        for (part, node) in cast.parts.iter().zip(0..) {
            if part.role != Role::Consumer {
                continue;
            }
            let none = NodeTally::default();
            let tally = self.nodes.get(node).unwrap_or(&none);
            let mut names = vec![&part.name];
            if part.group != part.name {
                names.push(&part.group);
            }
            for name in names {
                facts.raise(format!("{name}.peak-unacked"), tally.peak.into());
                facts.more(format!("{name}.received"), tally.received);
                facts.more(format!("{name}.redelivered"), tally.redelivered);
            }
        }
    }

    fn loads(&self, ledger: &Ledger, cast: &Cast, facts: &mut Facts) {
        for (queue, id) in self.queues.iter().zip(0..) {
            let Some(name) = &queue.name else { continue };
            facts.set(format!("queue.{name}.enqueued"), queue.enqueued);
            facts.set(format!("queue.{name}.dead-letters"), queue.dead_letters);
            facts.set(format!("queue.{name}.pushed"), queue.pushed);
            let (ready, unacked) = ledger.depth(QueueId(id));
            facts.set(format!("queue.{name}.depth"), u64::from(ready) + u64::from(unacked));
            facts.set(format!("queue.{name}.peak-depth"), queue.peak.into());
        }
        for (name, id) in cast.services.iter().zip(0..) {
            let none = ServiceTally::default();
            let service = self.services.get(id).unwrap_or(&none);
            facts.set(format!("service.{name}.calls"), service.calls);
            facts.set(format!("service.{name}.calls-failed"), service.failed);
            facts.set(format!("service.{name}.calls-per-second-peak"), service.peak);
            facts.set(format!("service.{name}.effects"), service.effects);
            facts.set(format!("service.{name}.deduplicated"), service.deduplicated);
            let node = cast.parts.iter().position(|part| part.name == *name);
            let its = self.outages.iter().filter(|it| Some(it.node.index()) == node);
            let during = its.map(|outage| {
                let before = outage.before.get(id).copied().unwrap_or(0);
                let after = match &outage.after {
                    Some(calls) => calls.get(id).copied().unwrap_or(0),
                    None => service.calls,
                };
                after - before
            });
            facts.set(format!("service.{name}.calls-during-outages"), during.sum());
        }
    }
}
