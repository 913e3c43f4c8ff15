//! A consumer that is killed in the middle of a batch, and what it gets again.

use redeliver::client::PoisonKind;
use redeliver::kernel::Dist;
use redeliver::talk::{KafkaNote, MessageId, Note};

use super::super::compare::{Fact, Tolerance};
use super::super::lab::{self, secs, text};
use super::super::trace::{Trace, before, behind};
use super::super::{Family, Replay};
use super::experiment::{SHORT_SESSION, committed};
use super::facts;

/// Experiments of two runs, of which only what they handled was written down.
pub struct Crashes;

/// How long a handler takes; nothing depends on it.
const HANDLER: f64 = 0.05;

/// How long a fresh process takes until its consumer connects.
const STARTS: f64 = 1.0;

impl Family for Crashes {
    fn fits(&self, trace: &Trace) -> bool {
        trace.events.iter().any(|it| it.kind == "first-run" && it.list("handled").is_some())
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let kills = behind(&trace.what, "offset ").ok_or("at which offset?")? as u32;
        let count = before(&trace.what, "-message batch").ok_or("how many messages?")? as u32;
        let run = |name: &str| trace.events.iter().find(|it| it.kind == name);
        let first_run = run("first-run").ok_or("no first run")?;
        let second_run = run("second-run").ok_or("no second run")?;
        let delay = second_run.number("join_delay_ms").map(|ms| ms as f64 / 1e3);

        let mut lab = lab::cluster(trace.brokers(), trace.begin(), |cluster| {
            cluster.topics.push(cluster.topic("topic", 1));
            cluster.groups.push("group".into());
            Ok(())
        })?;
        let first = lab.loaded(0, count)?;
        let handler = lab.handler(HANDLER).map_err(text)?;
        let killer = vec![MessageId(first.0 + kills)];
        let handler = handler.poison(killer, PoisonKind::KillsTimes(1));
        let mut config = lab.reader("kafkajs-2.2", "c", handler);
        config.respawn = Some(Dist::Fixed(secs(STARTS)));
        // its successor waits until the session of the one that was killed is over
        if delay.is_some_and(|it| it < 25.0) {
            config.session_timeout = secs(SHORT_SESSION);
        }
        let node = lab.consume(config)?;
        // 3 s until it has joined, and then the messages before the one that kills it
        lab.join(first_run.at - 3.1 - HANDLER * f64::from(kills + 1), node);
        let (notes, _) = lab.build().play(seed, trace.end(), &[], |_, _| ());

        let died = notes.iter().find(|it| matches!(it.note, Note::Died { .. }));
        let died = died.map_or(f64::MAX, |it| it.at);
        let effects = |first_run: bool| -> Vec<u32> {
            let mine = notes.iter().filter(|it| (it.at <= died) == first_run);
            let effects = mine.filter_map(|it| match it.note {
                Note::Effect { msg, .. } => Some(msg.0 - first.0),
                _ => None,
            });
            effects.collect()
        };
        let commits = notes.iter().filter(|it| {
            it.at <= died && matches!(it.note, Note::Kafka(KafkaNote::OffsetCommitted { .. }))
        });
        let joined = notes
            .iter()
            .find(|it| it.at > died && matches!(it.note, Note::Kafka(KafkaNote::Assigned { .. })));
        let mut recorded = Vec::new();
        let mut played = Vec::new();
        let mut pair = |at, wanted: String, got: String| {
            recorded.push(Fact::new(at, "experiment", wanted));
            played.push(Fact::new(at, "experiment", got));
        };
        for event in &trace.events {
            let handled = format!("{:?}", event.numbers("handled").unwrap_or_default());
            if event.list("handled").is_some() {
                let got = effects(event.kind == "first-run");
                pair(event.at, format!("handles {handled}"), format!("handles {got:?}"));
            }
            if let Some(said) = event.number("commits") {
                let got = commits.clone().count();
                pair(event.at, format!("{said} commits"), format!("{got} commits"));
            }
            if event.fields.contains_key("exit") {
                let said = event.number("exit") != Some(0);
                let got = died < f64::MAX;
                pair(event.at, format!("is killed: {said}"), format!("is killed: {got}"));
            }
            if let Some(com) = committed(event) {
                let got = facts::committed_at(&notes, event.at, 1);
                pair(event.at, facts::in_the_end(com), facts::in_the_end(got));
            }
        }
        if let (Some(delay), Some(joined)) = (delay, joined) {
            recorded.push(Fact::new(delay, "join", "second run"));
            played.push(Fact::new(joined.at - died - STARTS, "join", "second run"));
        }
        let end = trace.end() + 60.0;
        Ok(Replay {
            recorded,
            played,
            within: Tolerance { time: 5.0, share: 0.0, race: 99.0, end },
        })
    }
}
