//! What the harness made of it: facts that are checked against the model's run.

mod loads;
mod measured;

use redeliver::kernel::Time;
use redeliver::talk::{MessageId, Note};
use serde_json::Value;

use super::events::millis;
use super::{Tally, Trouble};
use crate::lab::Run;
use crate::recording::{Observed, Recording};
use crate::script::{Listing, Script, Sent, time};

/// What is compared and where the verdicts go.
struct Bench<'a> {
    recording: &'a Recording,
    script: &'a Script,
    run: &'a Run,
    tally: &'a mut Tally,
    troubles: &'a mut Vec<Trouble>,
}

impl Bench<'_> {
    /// Compares a fact.
    fn check<T: PartialEq + std::fmt::Debug>(
        &mut self,
        at_ms: f64,
        what: &str,
        real: &T,
        model: &T,
    ) {
        self.judge(at_ms, real == model, || format!("{what}: {real:?}, in the model {model:?}"));
    }

    /// Takes note of a verdict.
    fn judge(&mut self, at_ms: f64, holds: bool, what: impl FnOnce() -> String) {
        self.tally.judged += 1;
        if !holds {
            self.troubles.push(Trouble::at(at_ms, what()));
        }
    }
}

pub(super) fn compare(
    recording: &Recording,
    script: &Script,
    run: &Run,
    tally: &mut Tally,
    troubles: &mut Vec<Trouble>,
) {
    let mut bench = Bench { recording, script, run, tally, troubles };
    for listing in &script.listings {
        bench.listing(listing);
    }
    for seen in &recording.observed {
        if seen.is_of_client() && seen.event != "amqplib-probe" {
            continue;
        }
        match seen.event.as_str() {
            "routed" => bench.routed(seen),
            "queue-gone" => bench.gone(seen),
            "note" => bench.note(seen),
            "recovered" => bench.recovered(seen),
            "result" if seen.fields.contains_key("after") => bench.fresh(seen),
            "result" if seen.fields.contains_key("reappeared") => bench.reappeared(seen),
            "state" => bench.state(seen),
            "summary" => bench.summary(seen),
            "amqplib-probe" => bench.amqplib(seen),
            "up" | "down" => {}   // the script follows them
            "queue-content" => {} // a listing
            "result" | "lateness_ms" | "model-check" => bench.tally.unjudged += 1,
            other => {
                let what = format!("what the harness calls {other}");
                bench.troubles.push(Trouble::Unknown(what));
            }
        }
    }
}

impl Bench<'_> {
    /// The last publish, before the event, of what it is about.
    fn published(&self, seen: &Observed) -> Option<(MessageId, &Sent)> {
        let wanted = (seen.text("exchange"), seen.text("routing_key"));
        let sent = self.script.sent.iter().enumerate().rev();
        let mut earlier = sent.filter(|(_, sent)| {
            let to = &sent.publication;
            sent.at <= time(seen.at_ms) && (to.exchange.as_str(), to.routing_key.as_str()) == wanted
        });
        let (at, sent) = earlier.next()?;
        Some((MessageId(at as u32 + 1), sent))
    }

    /// Which queues a message went to, and whether it came back.
    fn routed(&mut self, seen: &Observed) {
        let Some((id, sent)) = self.published(seen) else {
            let what = "routed, but what?".to_owned();
            return self.troubles.push(Trouble::Unknown(what));
        };
        let key = sent.publication.routing_key.clone();
        let empty = Vec::new();
        let to = seen.fields.get("to").and_then(Value::as_array).unwrap_or(&empty);
        let mut real: Vec<&str> = to.iter().filter_map(Value::as_str).collect();
        real.sort_unstable();
        let stored = self.run.stored(id);
        let model: Vec<&str> = stored.iter().map(redeliver::talk::Name::as_str).collect();
        self.check(seen.at_ms, &format!("queues that {key:?} is routed to"), &real, &model);
        if let Some(real) = seen.fields.get("returned").and_then(Value::as_bool) {
            let model = self.run.clients.iter().flat_map(|client| client.log()).any(|entry| {
                matches!(&entry.frame, Some(redeliver::talk::Frame::Return { message, .. })
                    if message.id == id)
            });
            self.check(seen.at_ms, &format!("{key:?} comes back"), &real, &model);
        }
    }

    /// A message as listings of queues write it: its body, and a star when it was delivered before.
    fn listed(&self, id: MessageId, redelivered: bool) -> String {
        let body = self.script.message(id).map_or("?", |sent| &sent.body);
        format!("{body}{}", if redelivered { "*" } else { "" })
    }

    /// What was in a queue. Where a client published on several channels, the server is free to mix
    /// them: only the order within each is compared.
    fn listing(&mut self, listing: &Listing) {
        let (actor, at) = listing.drained;
        let nth = self.script.drain_at(actor, at);
        let drained = self.run.clients[actor].drained().get(nth);
        let messages = drained.map_or(&[][..], |drained| &drained.messages);
        let model: Vec<String> =
            messages.iter().map(|(id, redelivered)| self.listed(*id, *redelivered)).collect();
        let channel_of = |body: &String| {
            let body = body.trim_end_matches('*');
            let sent = self.script.sent.iter().find(|sent| sent.body == body);
            sent.map(|sent| (sent.actor, sent.channel))
        };
        let by_channel = |bodies: &[String]| {
            let mut bodies = bodies.to_vec();
            bodies.sort_by_key(channel_of); // stable: the order within a channel stays
            bodies
        };
        let (real, mut model) = (by_channel(&listing.bodies), by_channel(&model));
        if !real.iter().any(|body| body.ends_with('*')) {
            // a list of bodies alone
            for body in &mut model {
                body.truncate(body.trim_end_matches('*').len());
            }
        }
        self.check(listing.told_ms, &listing.what, &real, &model);
    }

    /// The harness looked every 200 ms or so. A quorum queue looks at its lease every 5 s.
    fn gone(&mut self, seen: &Observed) {
        const POLL_MS: f64 = 250.0;
        let queue = seen.text("queue");
        let tick = if self.is_quorum(queue) { 5_000.0 } else { 0.0 };
        let ends = self.gone_at(queue);
        let fits = ends.iter().any(|end| {
            (seen.at_ms - POLL_MS - tick..=seen.at_ms + POLL_MS + tick).contains(&millis(*end))
        });
        let ends: Vec<f64> = ends.into_iter().map(millis).collect();
        self.judge(seen.at_ms, fits, || {
            format!("queue {queue} was gone, in the model at {ends:?}")
        });
    }

    fn gone_at(&self, queue: &str) -> Vec<Time> {
        let id = self.run.broker.queue_id(queue);
        let notes = self.run.notes.iter();
        let gone = notes.filter_map(|(at, note)| match note {
            Note::QueueGone { queue, .. } if Some(*queue) == id => Some(*at),
            _ => None,
        });
        gone.collect()
    }

    fn is_quorum(&self, queue: &str) -> bool {
        self.recording.steps.iter().any(|step| {
            step.op == "queue.declare"
                && step.text("queue") == queue
                && step.args.get("arguments").and_then(|it| it.get("x-queue-type"))
                    == Some(&Value::from("quorum"))
        })
    }

    /// An error that some client was told.
    fn note(&mut self, seen: &Observed) {
        let error = seen.text("error");
        if error.is_empty() {
            self.tally.unjudged += 1;
            return;
        }
        let told = self.run.clients.iter().flat_map(|client| client.log()).any(|entry| {
            use redeliver::talk::Frame::{ChannelClosed, ConnectionClosed};
            matches!(&entry.frame, Some(ChannelClosed { text, .. } | ConnectionClosed { text, .. })
                if *text == *error)
        });
        self.judge(seen.at_ms, told, || format!("{error}: in the model nobody is told"));
    }

    fn summary(&mut self, seen: &Observed) {
        let has = |fields: &[&str]| fields.iter().all(|field| seen.fields.contains_key(*field));
        if has(&["poison_deliveries", "ok_processed"]) {
            self.poison(seen);
        } else if has(&["makespan_ms", "done"]) {
            self.workers(seen);
        } else if has(&["left_before_crash", "left_after_crash"]) {
            self.automatic(seen);
        } else if has(&["tries", "delivered", "latest_ms"]) {
            self.race(seen);
        } else if has(&["classic transient", "unroutable"]) {
            self.latencies(seen);
        } else if has(&["queue_gone_s_after_up"]) {
            self.leases(seen);
        } else if seen.fields.keys().any(|key| key.contains("then drained repeatedly")) {
            self.arrivals(seen);
        } else {
            // what it says was observed frame by frame
            self.tally.unjudged += seen.fields.len();
        }
    }
}
