//! Facts about thousands of messages.

use redeliver::talk::{Frame, MessageId};
use serde_json::Value;

use super::Bench;
use crate::client::Entry;
use crate::recording::Observed;
use crate::script::time;

impl Bench<'_> {
    /// What a queue held when the harness asked, in order.
    fn held(&self, queue: &str, at_ms: f64) -> Vec<MessageId> {
        let look = self.script.looks.iter().position(|look| *look == time(at_ms - 1.0));
        let views = look.and_then(|at| self.run.views.get(at));
        let view = views.and_then(|views| views.iter().find(|view| view.name == *queue));
        view.map_or(Vec::new(), |view| view.messages.iter().map(|it| it.msg).collect())
    }

    /// What came back after a kill, of numbered messages.
    pub(super) fn recovered(&mut self, seen: &Observed) {
        let at_ms = seen.at_ms;
        let queue = seen.text("queue");
        let numbers = |ids: &[MessageId]| -> Vec<u64> {
            let bodies = ids.iter().filter_map(|id| self.script.message(*id));
            bodies.filter_map(|sent| sent.body.parse().ok()).collect()
        };
        let recovered = numbers(&self.held(queue, at_ms));
        let sent = self.script.sent.iter().filter(|sent| sent.publication.routing_key == *queue);
        let sent: Vec<_> = sent.collect();
        let Some(actor) = sent.first().map(|sent| sent.actor) else {
            return self.check(at_ms, "published", &seen.number("published"), &Some(0));
        };
        let kill = self
            .recording
            .steps
            .iter()
            .filter(|step| step.op.starts_with("kill") && step.at_ms < at_ms)
            .map(|step| time(step.at_ms))
            .next_back();
        let mut confirmed = 0;
        for entry in self.run.clients[actor].log() {
            let before = kill.is_none_or(|kill| entry.at <= kill);
            let lane = (sent[0].channel, sent[0].epoch);
            if let Some(Frame::ConfirmAck { tag, .. }) = &entry.frame
                && before
                && (entry.channel, entry.epoch) == lane
            {
                confirmed = confirmed.max(*tag);
            }
        }
        let count = recovered.len() as u64;
        let prefix = recovered.iter().copied().eq(1..=count);
        let lost = (1..=confirmed).filter(|n| !recovered.contains(n)).count() as u64;
        let unconfirmed = recovered.iter().filter(|n| **n > confirmed).count() as u64;
        self.check(at_ms, "recovered", &seen.number("recovered"), &Some(count));
        let real = seen.fields.get("recovered_is_prefix").and_then(Value::as_bool);
        self.check(at_ms, "what was recovered is a prefix", &real.unwrap_or(true), &prefix);
        self.ends_of(seen, &recovered);
        let facts = [
            ("published", sent.len() as u64),
            ("confirmed", confirmed),
            ("confirmed_but_lost", lost),
            ("unconfirmed_but_recovered", unconfirmed),
        ];
        for (field, model) in facts {
            if let Some(real) = seen.number(field) {
                self.check(at_ms, field, &real, &model);
            }
        }
    }

    /// A queue that was declared right before a kill: what a consumer got from it afterwards.
    pub(super) fn fresh(&mut self, seen: &Observed) {
        let queue = seen.text("queue");
        let kill = self.recording.steps.iter().filter(|step| step.op.starts_with("kill"));
        let kill = kill.map(|step| step.at_ms).filter(|at| *at < seen.at_ms).fold(0.0, f64::max);
        let bodies: Vec<String> = self
            .run
            .clients
            .iter()
            .flat_map(|client| client.log())
            .filter(|entry| entry.at > time(kill) && entry.at <= time(seen.at_ms))
            .filter_map(|entry| match &entry.frame {
                Some(Frame::Deliver { delivery, .. })
                    if delivery.message.publication.routing_key == *queue =>
                {
                    self.script.message(delivery.message.id).map(|sent| sent.body.clone())
                }
                _ => None,
            })
            .collect();
        match seen.fields.get("after") {
            Some(Value::Array(real)) => {
                let real: Vec<String> =
                    real.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                self.check(seen.at_ms, &format!("what is left in {queue}"), &real, &bodies);
            }
            other => {
                let what = other.and_then(Value::as_str).unwrap_or("nothing").to_owned();
                self.judge(seen.at_ms, bodies.is_empty(), || {
                    format!("{what}; in the model {bodies:?} is delivered")
                });
            }
        }
    }

    /// Acknowledged messages that came back after a kill: the passive declaration before this event
    /// counted them.
    pub(super) fn reappeared(&mut self, seen: &Observed) {
        let asked = self.recording.steps.iter().rev().find(|step| {
            step.op == "queue.declare" && step.flag("passive") && step.at_ms <= seen.at_ms
        });
        let Some(asked) = asked else {
            self.tally.unjudged += 1;
            return;
        };
        let queue = asked.text("queue");
        let ready =
            self.run.clients.iter().flat_map(|client| client.log()).find_map(|entry| match &entry
                .frame
            {
                Some(Frame::DeclareOk { queue: of, ready, .. })
                    if *of == *queue && entry.at >= time(asked.at_ms) =>
                {
                    Some(u64::from(*ready))
                }
                _ => None,
            });
        let real = seen.number("reappeared");
        self.check(seen.at_ms, "acknowledged messages that reappeared", &real, &ready);
    }

    /// The log of a client by name.
    fn log_of(&self, name: &str) -> &[Entry] {
        self.script.find(name).map_or(&[], |at| self.run.clients[at].log())
    }

    /// What a client was pushed by a time: the number in the body, and the flag.
    fn pushed(&self, name: &str, by_ms: f64) -> Vec<(u64, bool)> {
        let entries = self.log_of(name).iter().filter(|entry| entry.at <= time(by_ms));
        let deliveries = entries.filter_map(|entry| match &entry.frame {
            Some(Frame::Deliver { delivery, .. }) => {
                let sent = self.script.message(delivery.message.id)?;
                Some((sent.body.parse().ok()?, delivery.redelivered))
            }
            _ => None,
        });
        deliveries.collect()
    }

    /// Who holds how much of a backlog.
    pub(super) fn state(&mut self, seen: &Observed) {
        let at_ms = seen.at_ms;
        let look = self.script.looks.iter().position(|look| *look == time(at_ms));
        let ready = look
            .and_then(|at| self.run.views.get(at))
            .and_then(|views| views.first())
            .map(|view| view.ready as u64);
        if let (Some(first), Some(second)) = (seen.number("C1_unacked"), seen.number("C2_unacked"))
        {
            let counts = ["C1", "C2"].map(|name| self.pushed(name, at_ms).len() as u64);
            if self.recording.varies("land on C1 before C2") && seen.number("ready") == Some(0) {
                let total = counts[0] + counts[1];
                self.check(at_ms, "pushed to both", &(first + second), &total);
            } else {
                self.check(at_ms, "pushed to each", &[first, second], &counts);
            }
            let pushed = self.pushed("C1", at_ms);
            let fifo = pushed.windows(2).all(|pair| pair[0].0 < pair[1].0);
            let real = seen.fields.get("C1_is_fifo").and_then(Value::as_bool).unwrap_or(true);
            self.check(at_ms, "C1 is first in, first out", &real, &fifo);
        }
        if let Some(real) = seen.number("ready") {
            self.check(at_ms, "ready", &Some(real), &ready);
        }
        if let Some(real) = seen.number("pushed") {
            let model = self.pushed("C1", at_ms).len() as u64;
            self.check(at_ms, "pushed to a client that does not read", &real, &model);
        }
        if let Some(real) = seen.number("C2_received") {
            let model = self.pushed("C2", at_ms).len() as u64;
            self.check(at_ms, "received by the second client", &real, &model);
        }
        if let Some(real) = seen.number("C2_received_after_crash") {
            self.after_crash(seen, real);
        }
    }

    /// C2 inherits what C1 held: all of it, flagged and in order. How much that is was settled when
    /// both registered.
    fn after_crash(&mut self, seen: &Observed, real: u64) {
        let at_ms = seen.at_ms;
        let crash = self.script.find("C1").and_then(|actor| {
            let acts = self.script.in_order().into_iter();
            let mut drops = acts
                .filter(|(whose, act)| *whose == actor && act.what == crate::client::What::Drop);
            drops.next_back().map(|(_, act)| act.at)
        });
        let by = crash.map_or(at_ms, super::millis);
        let before = self.pushed("C2", by).len();
        let after = self.pushed("C2", at_ms).split_off(before);
        let held = self.pushed("C1", by).len() as u64;
        let was = self.recording.observed.iter().find_map(|seen| seen.number("C1_unacked"));
        if Some(real) == was {
            self.check(at_ms, "inherited of what C1 held", &held, &(after.len() as u64));
        } else {
            self.check(at_ms, "inherited from C1", &real, &(after.len() as u64));
        }
        let flagged = after.iter().filter(|(_, redelivered)| *redelivered).count();
        let unflagged = seen.number("C2_redelivered").map_or(0, |flagged| real.abs_diff(flagged));
        let model = (after.len() - flagged) as u64;
        self.check(at_ms, "of which not redelivered", &unflagged, &model);
        if real == after.len() as u64 {
            let bodies: Vec<u64> = after.iter().map(|(body, _)| *body).collect();
            self.ends_of(seen, &bodies);
        }
        let in_order = after.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let real = seen.fields.get("in_order").and_then(Value::as_bool).unwrap_or(true);
        self.check(at_ms, "in order", &real, &in_order);
    }

    /// The first and last of a long list of numbered bodies, as many as the harness shows.
    fn ends_of(&mut self, seen: &Observed, bodies: &[u64]) {
        let shown = |name: &str| -> Vec<u64> {
            let list = seen.fields.get(name).and_then(Value::as_array);
            list.map_or(Vec::new(), |list| list.iter().filter_map(Value::as_u64).collect())
        };
        let (first, last) = (shown("first"), shown("last"));
        let beginning = &bodies[..first.len().min(bodies.len())];
        let end = &bodies[bodies.len() - last.len().min(bodies.len())..];
        self.check(seen.at_ms, "first", &&first[..], &beginning);
        self.check(seen.at_ms, "last", &&last[..], &end);
    }

    /// Without acknowledgements nothing comes back.
    pub(super) fn automatic(&mut self, seen: &Observed) {
        let left = self.run.broker.queues().next().map(|view| (view.ready + view.unacked) as u64);
        self.check(seen.at_ms, "left after the crash", &seen.number("left_after_crash"), &left);
    }

    /// A poison loop: how far the others got. The number of rounds varies, except where a limit
    /// ends it.
    pub(super) fn poison(&mut self, seen: &Observed) {
        const MANY: u64 = 100;
        let (mut rounds, mut good) = (0, 0);
        for client in &self.run.clients {
            for (_, _, back) in client.handled() {
                if *back { rounds += 1 } else { good += 1 }
            }
        }
        self.check(
            seen.at_ms,
            "good messages processed",
            &seen.number("ok_processed"),
            &Some(good),
        );
        let real = seen.number("poison_deliveries").unwrap_or(0);
        let same = if real > MANY { rounds > MANY } else { rounds == real };
        self.judge(seen.at_ms, same, || {
            format!("the poison message was delivered {real} times, in the model {rounds} times")
        });
        let ready = self.recording.steps.iter().rev().find(|step| step.op == "queue.declare");
        if ready.is_some_and(|step| step.flag("passive")) {
            self.tally.unjudged += 1; // the answer to that declaration is compared as a frame
        }
    }

    /// Work shared between a fast and a slow consumer.
    pub(super) fn workers(&mut self, seen: &Observed) {
        let names = ["FAST", "SLOW"];
        let logs: Vec<_> = names
            .iter()
            .filter_map(|name| self.script.find(name))
            .map(|at| self.run.clients[at].handled())
            .collect();
        let done = seen.fields.get("done").cloned().unwrap_or_default();
        let first = self.script.sent.first().map_or(0.0, |sent| super::millis(sent.at));
        let last = logs.iter().filter_map(|log| log.last()).map(|(at, _, _)| super::millis(*at));
        let makespan = last.fold(0.0, f64::max) - first;
        for (name, log) in names.iter().zip(&logs) {
            let real = done.get(*name).and_then(Value::as_u64).unwrap_or(0);
            let model = log.len() as u64;
            self.judge(seen.at_ms, real.abs_diff(model) <= 6, || {
                format!("{name} did {real}, in the model {model}")
            });
        }
        let real = seen.fields.get("makespan_ms").and_then(Value::as_f64).unwrap_or(0.0);
        self.judge(seen.at_ms, (makespan - real).abs() <= real * 0.1, || {
            format!("all was done after {real} ms, in the model after {makespan:.0} ms")
        });
    }
}
