//! `compaction`: what is left of a log, and at which offsets.

use redeliver::talk::{MessageId, Rate};
use serde_json::Value;

use super::compare::{Fact, Tolerance};
use super::lab::{self, partition};
use super::trace::Trace;
use super::{Family, Replay};

/// Compacted logs.
pub struct Compaction;

/// A record: its offset, key and value.
type Row = (u64, String, Option<String>);

/// When the first record is written, and what is read before and after, in seconds.
const WRITTEN: f64 = 0.0;
const BEFORE: f64 = 8.0;
const AFTER: f64 = 20.0;

/// How old a segment is when the next record begins another one, in milliseconds.
const SEGMENT_MS: u64 = 4_000;

impl Family for Compaction {
    fn fits(&self, trace: &Trace) -> bool {
        trace.file.get("after_compaction").is_some()
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let rows = rows(trace.file.get("produced")).ok_or("what was produced?")?;
        let (before, after) = (read(trace, "before")?, read(trace, "after_compaction")?);
        // what is in the log when it is read for the first time; the rest comes after the second time
        let there = before.2;
        // compaction leaves the active segment alone: it begins where nothing is missing any more
        let rolled = active_segment(&before.0, &after.0);
        let mut lab = lab::cluster(3, 0.0, |cluster| {
            cluster.set("log.cleaner.backoff.ms", "1000").map_err(lab::text)?;
            let mut topic = cluster.topic("topic", 1);
            let version = cluster.profile.version;
            let segment = SEGMENT_MS.to_string();
            let settings = [
                ("cleanup.policy", "compact"),
                ("segment.ms", segment.as_str()),
                ("min.cleanable.dirty.ratio", "0.01"),
            ];
            for (name, value) in settings {
                topic.set(name, value, version).map_err(lab::text)?;
            }
            cluster.topics.push(topic);
            Ok(())
        })?;
        let mut keys: Vec<&str> = Vec::new();
        let mut messages: Vec<MessageId> = Vec::new();
        for (number, (offset, key, value)) in rows.iter().enumerate() {
            let pattern = keys.iter().position(|it| it == key).unwrap_or_else(|| {
                keys.push(key);
                keys.len() - 1
            });
            let mut config = lab.sender("java-4.1", 0, 1);
            messages.push(config.first_id);
            config.key = Some(key.as_str().into());
            config.pattern = pattern as u16 + 1;
            if value.is_none() {
                config.tombstones = Rate::ALWAYS;
            }
            let number = number as f64 / 10.0;
            let at = match *offset {
                offset if offset < rolled => WRITTEN + number,
                offset if offset < there => WRITTEN + SEGMENT_MS as f64 / 1e3 + 1.0 + number,
                _ => AFTER + number,
            };
            lab.produce(at, config)?;
        }
        let broker = *lab.brokers.first().ok_or("no broker")?;
        // compaction begins within seconds of the roll, so that the log is read before it
        let first_look = WRITTEN + SEGMENT_MS as f64 / 1e3 + 1.0 + rows.len() as f64 / 10.0;
        let looks = [first_look.min(BEFORE), AFTER - 1.0];
        let (_, views) = lab.build().play(seed, AFTER + 2.0, &looks, |_, world| {
            let broker = world.node(broker).as_kafka_broker()?;
            let (start, high_watermark, _) = broker.offsets(partition(0))?;
            let records = broker.batches(partition(0)).flat_map(|it| it.records());
            let rows = records.filter_map(|(offset, record)| {
                let at = messages.iter().position(|it| *it == record.id)?;
                Some((offset, rows[at].1.clone(), rows[at].2.clone()))
            });
            Some((rows.collect::<Vec<Row>>(), start, high_watermark))
        });
        let within = Tolerance { time: 5.0, share: 0.0, race: 5.0, end: 99.0 };
        let fact = |at: f64, what: &str, seen: &(Vec<Row>, u64, u64)| {
            Fact::new(at, what, format!("{seen:?}"))
        };
        let recorded = vec![fact(0.0, "before", &before), fact(0.0, "after compaction", &after)];
        let names = ["before", "after compaction"];
        let views = names.into_iter().zip(views.into_iter().flatten());
        let played = views.map(|(name, view)| fact(0.0, name, &view)).collect();
        Ok(Replay { recorded, played, within })
    }
}

fn rows(list: Option<&Value>) -> Option<Vec<Row>> {
    let row = |it: &Value| {
        let value = it.get(2)?;
        let text = value.as_str().map(str::to_owned);
        (value.is_null() || text.is_some()).then_some((
            it.get(0)?.as_u64()?,
            it.get(1)?.as_str()?.to_owned(),
            text,
        ))
    };
    list?.as_array()?.iter().map(row).collect()
}

/// The records that were read, where the log began, and where it ended.
fn read(trace: &Trace, name: &str) -> Result<(Vec<Row>, u64, u64), String> {
    let value = trace.file.get(name).ok_or_else(|| format!("no {name}"))?;
    let number = |at: usize| value.get(at).and_then(Value::as_u64);
    let read = rows(value.get(0)).zip(number(1).zip(number(2)));
    let (rows, (start, end)) = read.ok_or_else(|| format!("{name}?"))?;
    Ok((rows, start, end))
}

/// The first offset of the active segment, as far as the recording shows it: that of the last record
/// that was there before.
fn active_segment(before: &[Row], after: &[Row]) -> u64 {
    let last = before.last().map_or(0, |it| it.0);
    let left = |offset: u64| after.iter().any(|it| it.0 == offset);
    let named = before.iter().find(|it| it.2.as_deref() == Some("roll") && left(it.0));
    named.map_or(last, |it| it.0)
}
