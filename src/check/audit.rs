//! Verdicts and numbers of one run, together.

use super::cast::Cast;
use super::facts::Facts;
use super::ledger::Ledger;
use super::rules::Rules;
use super::tally::Tally;
use super::verdict::{End, Verdicts};
use crate::kernel::{Seen, Taken, Watch};
use crate::talk::{Mq, Note};

/// Watches a run: a [`Ledger`] for verdicts, and the numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    ledger: Ledger,
    tally: Tally,
}

/// What is to be said of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// The verdicts.
    pub verdicts: Verdicts,
    /// The numbers.
    pub facts: Facts,
}

impl Audit {
    /// An audit by `rules`.
    pub fn new(rules: Rules) -> Audit {
        Audit { ledger: Ledger::new(rules), tally: Tally::default() }
    }

    /// The verdicts' part.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Judges a run that ended like this.
    pub fn finish(&self, end: End, cast: &Cast) -> Outcome {
        let verdicts = self.ledger.verdicts(&end);
        let mut facts = self.tally.facts(&self.ledger, &verdicts, cast);
        facts.set("faults-that-never-came", end.waiting.len() as u64);
        Outcome { end, verdicts, facts }
    }
}

impl Watch<Mq> for Audit {
    fn step(&mut self, taken: &Taken<Mq>) {
        self.ledger.step(taken);
        self.tally.step(taken);
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        self.ledger.observe(seen);
        self.tally.observe(seen, &self.ledger);
    }
}

#[cfg(test)]
mod tests {
    use crate::check::Rules;
    use crate::check::script::{Script, cast};

    const CRASH: &str = "
        producer submit m1
        producer submit m2
        broker   store m1 orders
        broker   store m2 orders
        producer confirmed m1
        broker   push m1 orders c1
        broker   push m2 orders c1
        c1       received m1
        c1       received m2
        c1       called m1
        broker   requeue m1 orders connection
        broker   requeue m2 orders connection
        broker   push m1 orders c2 redelivered
        c2       received m1 redelivered
        c2       called m1
        service  effect m1
        broker   acked m1 orders
        wait     5s
        broker   discard m2 orders expired dead
        broker   store m2 dead from orders";

    #[test]
    fn numbers_are_found_by_name() {
        let script = Script::play(CRASH, Rules::default());
        let facts = script.audit.finish(script.end, &cast()).facts;
        for (name, value) in [
            ("submitted", 2),
            ("confirmed", 1),
            ("delivered", 3),
            ("redelivered", 1),
            ("requeued.connection", 2),
            ("dead-lettered.expired", 1),
            ("c1.peak-unacked", 2),
            ("c.peak-unacked", 2),
            ("c.received", 3),
            ("queue.orders.peak-depth", 2),
            ("queue.dead.dead-letters", 1),
            ("service.service.calls", 2),
            ("service.service.calls-per-second-peak", 2),
            ("m1.deliveries", 2),
            ("m2.deliveries", 1),
            ("m77.deliveries", 0),
            ("deliveries-of-one-message.peak", 2),
            ("messages.done", 1),
            ("messages.dead", 1),
            ("latency.p50-us", 15_000),
            ("violations.duplicate-delivery", 1),
        ] {
            assert_eq!(facts.get(name), Some(value), "{name}");
        }
        assert_eq!(facts.get("m.deliveries"), None);
        assert_eq!(facts.get("latency.p51-us"), None);
        assert!(facts.names().all(|name| facts.get(name).is_some()));
    }
}
