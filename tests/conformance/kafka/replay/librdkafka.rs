//! `librdkafka_autocommit_*`: what is committed while the application is in its handler.

use redeliver::talk::{KafkaNote, Note};

use super::compare::{Fact, Tolerance};
use super::lab::{self, Noted, text};
use super::trace::{Trace, behind, span_behind};
use super::{Family, Replay};

/// Commits in the background.
pub struct Background;

/// How long before its first poll the consumer joins at least, in seconds.
const JOINED: f64 = 4.0;

impl Family for Background {
    fn fits(&self, trace: &Trace) -> bool {
        let polls = trace.events.iter().any(|it| it.kind.starts_with("poll() returned offset"));
        trace.client() == "librdkafka-2" && polls
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let polled = trace.events.iter().filter_map(|it| behind(&it.kind, "returned offset "));
        let last = polled.fold(0.0, f64::max) as u32;
        let takes = |it: &super::trace::Event| span_behind(&it.kind, "takes ");
        let takes = trace.events.iter().find_map(takes).ok_or("how long does it take?")?;
        let mut lab = lab::cluster(trace.brokers(), trace.begin() - JOINED - 5.0, |cluster| {
            cluster.topics.push(cluster.topic("topic", 1));
            cluster.groups.push("group".into());
            Ok(())
        })?;
        let handler = lab.handler(takes).map_err(text)?;
        let node = lab.consume(lab.reader("librdkafka-2", "c", handler))?;
        // where in its interval the clock of the commits stood is not recorded
        lab.join(trace.begin() - JOINED - (seed % 10) as f64 / 2.0, node);
        let records = lab.sender("librdkafka-2", 0, last + 2);
        // it takes a few milliseconds until the records are there and were fetched
        lab.produce(trace.begin() - 0.02, records)?;
        let (notes, _) = lab.build().play(seed, trace.end(), &[], |_, _| ());

        let (mut recorded, mut played) = (Vec::new(), Vec::new());
        for event in &trace.events {
            if let Some(offset) = behind(&event.kind, "returned offset ") {
                recorded.push(Fact::new(event.at, "polls", format!("offset {offset}")));
            }
            let Some(committed) = event.numbers("committed") else { continue };
            let offset = behind(&event.kind, "processing offset ").unwrap_or(-1.0);
            let what = format!("in the handler of {offset}, committed {committed:?}");
            recorded.push(Fact::new(event.at, "commits", what));
            // the last look may fall together with the end of the handler
            let handled = handled(&notes, event.at - 0.05);
            let committed = committed_at(&notes, event.at);
            let what = format!("in the handler of {handled}, committed {committed:?}");
            played.push(Fact::new(event.at, "commits", what));
        }
        let polls = notes.iter().filter_map(|it| match it.note {
            Note::Kafka(KafkaNote::Polled { offset, .. }) => {
                Some(Fact::new(it.at, "polls", format!("offset {offset}")))
            }
            _ => None,
        });
        played.extend(polls);
        let within = Tolerance { time: 1.0, share: 0.0, race: 1.0, end: trace.end() };
        Ok(Replay { recorded, played, within })
    }
}

/// The offset whose handler is under way; -1 if none is.
fn handled(notes: &[Noted], at: f64) -> i64 {
    let mut under_way = -1;
    for noted in notes.iter().filter(|it| it.at <= at) {
        match noted.note {
            Note::Kafka(KafkaNote::Polled { offset, .. }) => under_way = offset as i64,
            Note::Effect { .. } => under_way = -1,
            _ => {}
        }
    }
    under_way
}

fn committed_at(notes: &[Noted], at: f64) -> Vec<i64> {
    let mut commits = notes.iter().filter(|it| it.at <= at).filter_map(|it| match it.note {
        Note::Kafka(KafkaNote::OffsetCommitted { offset, .. }) => Some(offset as i64),
        _ => None,
    });
    commits.next_back().into_iter().collect()
}
