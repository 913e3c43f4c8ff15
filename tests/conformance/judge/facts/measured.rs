//! Facts about times, and answers to probes.

use redeliver::talk::Frame;
use serde_json::Value;

use super::Bench;
use crate::client::Entry;
use crate::recording::Observed;
use crate::script::Sent;
use crate::stage::ROUNDS;

impl Bench<'_> {
    /// Whether an expired message can still be delivered. How often varies.
    pub(super) fn race(&mut self, seen: &Observed) {
        let ttl = 20.0;
        let mut ages = Vec::new();
        for client in &self.run.clients {
            for entry in client.log() {
                if let Some(Frame::GetOk { delivery, .. }) = &entry.frame
                    && let Some(sent) = self.script.message(delivery.message.id)
                {
                    ages.push(super::millis(entry.at) - super::millis(sent.at));
                }
            }
        }
        let real = seen.number("delivered").unwrap_or(0);
        self.check(seen.at_ms, "some were delivered", &(real > 0), &!ages.is_empty());
        let latest = seen.fields.get("latest_ms").and_then(Value::as_array);
        let real = latest.is_some_and(|it| it.iter().any(|age| age.as_f64() > Some(ttl)));
        let model = ages.iter().any(|age| *age > ttl);
        self.check(seen.at_ms, "one was delivered after its time", &real, &model);
    }

    /// How long confirms took: the order of the medians, and their size within a factor of three.
    pub(super) fn latencies(&mut self, seen: &Observed) {
        let mut medians = Vec::new();
        for round in &ROUNDS[..5] {
            let mut times: Vec<f64> = self.confirms(round).into_iter().map(|it| it.1).collect();
            times.sort_by(f64::total_cmp);
            let model = times.get(times.len() / 2).copied().unwrap_or(f64::MAX);
            let fields = seen.fields.get(*round);
            let real = fields.and_then(|it| it.get("p50_ms")).and_then(Value::as_f64);
            let real = real.unwrap_or(0.0);
            self.judge(seen.at_ms, (real / 3.0..=real * 3.0).contains(&model), || {
                format!("{round}: confirmed after {real} ms, in the model after {model:.2} ms")
            });
            medians.push((real, model));
        }
        for (a, b) in [(4, 0), (0, 1)] {
            let real = medians[a].0 > medians[b].0;
            let model = medians[a].1 > medians[b].1;
            let what = format!("{} takes longer than {}", ROUNDS[a], ROUNDS[b]);
            self.check(seen.at_ms, &what, &real, &model);
        }
        for (round, count) in [(5, 300), (6, 300), (7, 60)] {
            let confirms = self.confirms(ROUNDS[round]);
            self.check(seen.at_ms, ROUNDS[round], &count, &confirms.len());
            let fields = seen.fields.get(ROUNDS[round]);
            let Some(real) = fields.and_then(|it| it.get("in_order")).and_then(Value::as_bool)
            else {
                continue;
            };
            let model = confirms.windows(2).all(|pair| pair[0].2 <= pair[1].2);
            self.check(seen.at_ms, &format!("{} in order", ROUNDS[round]), &real, &model);
        }
    }

    /// By publish of a round, in order: its tag, how long its confirm took, and the place of that
    /// confirm among all.
    fn confirms(&self, round: &str) -> Vec<(u64, f64, usize)> {
        let of_round = |sent: &&Sent| sent.body.starts_with(&format!("{round} "));
        let sent = self.script.sent.iter().filter(of_round);
        sent.filter_map(|sent| {
            let log = self.run.clients[sent.actor].log();
            let place = log.iter().position(|entry| confirms(entry, sent))?;
            let took = super::millis(log[place].at) - super::millis(sent.at);
            Some((sent.tag, took, place))
        })
        .collect()
    }

    /// When queues expired after a restart, in seconds after the server was found up again. It was
    /// up a little earlier.
    pub(super) fn leases(&mut self, seen: &Observed) {
        let up = self.recording.observed.iter().find(|seen| seen.event == "up");
        let up = up.map_or(0.0, |up| up.at_ms);
        let none = serde_json::Map::new();
        let gone = seen.fields.get("queue_gone_s_after_up").and_then(Value::as_object);
        for (queue, real) in gone.unwrap_or(&none) {
            let real = real.as_f64().unwrap_or(0.0) * 1e3;
            let model = self.gone_at(queue).last().map_or(f64::MAX, |at| super::millis(*at) - up);
            self.judge(seen.at_ms, (real - 500.0..=real + 2_000.0).contains(&model), || {
                format!("{queue} was gone {real} ms after the restart, in the model {model:.0} ms")
            });
        }
        for (name, real) in &seen.fields {
            if name == "already_in_main" || name == "later" || name == "down_s" {
                self.tally.unjudged += usize::from(!real.is_null());
            }
        }
    }

    /// What arrived in dead-letter queues that were emptied again and again.
    pub(super) fn arrivals(&mut self, seen: &Observed) {
        for (key, value) in &seen.fields {
            let Some((strategy, what)) = key.split_once(": ") else {
                self.tally.unjudged += 1;
                continue;
            };
            let arrived = what.ends_with("arrived (ms after binding)");
            let queue = format!("{}_{strategy}", if arrived { "dlq" } else { "full" });
            let listed = value.as_array().cloned().unwrap_or_default();
            let real: Vec<String> = match listed.first() {
                Some(Value::String(body)) => vec![body.clone()],
                _ => {
                    let bodies = listed.iter().filter_map(|pair| pair.get(0)?.as_str());
                    bodies.map(str::to_owned).collect()
                }
            };
            let mut model = Vec::new();
            for client in &self.run.clients {
                for drained in client.drained().iter().filter(|it| it.queue == *queue) {
                    model.extend(drained.messages.iter().map(|(id, _)| self.listed(*id, false)));
                }
            }
            self.check(seen.at_ms, &format!("arrivals in {queue}"), &real, &model);
        }
    }

    /// The answers that the probe of the Node client got, as far as they are the broker's.
    pub(super) fn amqplib(&mut self, seen: &Observed) {
        let Some(actor) = self.script.find(&seen.actor) else { return };
        let log = self.run.clients[actor].log();
        let closed = log.iter().find_map(|entry| match &entry.frame {
            Some(Frame::ChannelClosed { text, .. }) => Some(text.to_string()),
            _ => None,
        });
        let mismatch = seen.fields.get("assert_mismatch").and_then(|it| it.get("rejected"));
        let mismatch = mismatch.and_then(Value::as_str).unwrap_or("");
        let same = closed.as_ref().is_some_and(|text| mismatch.contains(text.as_str()));
        let cancelled =
            log.iter().any(|entry| matches!(&entry.frame, Some(Frame::CancelledByBroker { .. })));
        let outcome = |body: &str| {
            let sent = self.script.sent.iter().find(|sent| sent.body == body)?;
            let entry = log.iter().find(|entry| confirms(entry, sent))?;
            Some(matches!(&entry.frame, Some(Frame::ConfirmAck { .. })))
        };
        let returned = log.iter().any(|entry| matches!(&entry.frame, Some(Frame::Return { .. })));
        let outcomes = ["unroutable", "mandatory", "first", "second"].map(outcome);
        let at_ms = seen.at_ms;
        self.judge(at_ms, same, || format!("{mismatch}; in the model {closed:?}"));
        let real = seen.text("queue_deleted_consumer_gets") == "null message";
        self.check(at_ms, "the consumer of a deleted queue is told", &real, &cancelled);
        let text = |name: &str| seen.text(name).to_owned();
        let real = [
            text("unroutable_confirm").starts_with("confirmed"),
            text("unroutable_mandatory").starts_with("confirmed"),
        ];
        self.check(at_ms, "unroutable is confirmed", &real.map(Some), &[outcomes[0], outcomes[1]]);
        let real = text("unroutable_mandatory").contains("NO_ROUTE");
        self.check(at_ms, "mandatory comes back", &real, &returned);
        let full = seen.fields.get("reject_publish").and_then(Value::as_array);
        let words: Vec<bool> = full.map_or(Vec::new(), |it| {
            it.iter().filter_map(Value::as_str).map(|word| word.starts_with("ack")).collect()
        });
        let model: Vec<bool> = outcomes[2..].iter().filter_map(|it| *it).collect();
        self.check(at_ms, "a full queue", &words, &model);
        self.tally.unjudged += 3; // concurrency of handlers, rates and memory of the client
    }
}

/// Whether this entry says what became of this publish.
fn confirms(entry: &Entry, sent: &Sent) -> bool {
    let (tag, multiple) = match &entry.frame {
        Some(Frame::ConfirmAck { tag, multiple } | Frame::ConfirmNack { tag, multiple }) => {
            (*tag, *multiple)
        }
        _ => return false,
    };
    let lane = (entry.channel, entry.epoch) == (sent.channel, sent.epoch);
    lane && (tag == sent.tag || (multiple && tag >= sent.tag))
}
