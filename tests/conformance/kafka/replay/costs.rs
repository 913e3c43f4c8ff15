//! `loopback_relative_costs`: how much slower it is to wait for more.
//!
//! Of such a measurement only ratios mean anything, and those within a factor: which is faster, and
//! that batching makes the difference small.

use redeliver::client::Pacing;
use redeliver::kernel::Span;
use redeliver::talk::Note;
use redeliver::talk::kafka::Acks;
use serde_json::Value;

use super::compare::{Fact, Tolerance};
use super::lab;
use super::trace::Trace;
use super::{Family, Replay};

/// Relative costs.
pub struct Costs;

const ACKS: [(&str, Acks); 3] =
    [("acks_0", Acks::None), ("acks_1", Acks::Leader), ("acks_all", Acks::All)];

/// How many records are sent one after the other, and in batches.
const SEQUENTIAL: u32 = 50;
const BATCHED: u32 = 20_000;

/// By which factor a ratio may be off.
const FACTOR: f64 = 3.0;

impl Family for Costs {
    fn fits(&self, trace: &Trace) -> bool {
        let result = trace.file.get("result");
        result.is_some_and(|it| it.get("sequential_ms_acks_1").is_some())
    }

    fn replay(&self, trace: &Trace, seed: u64) -> Result<Replay, String> {
        let result = trace.file.get("result").ok_or("no result")?;
        let (mut recorded, mut played) = (Vec::new(), Vec::new());
        let (mut wanted, mut got) = (Vec::new(), Vec::new());
        for (name, acks) in ACKS {
            let sequential = result.get(format!("sequential_ms_{name}"));
            let sequential = sequential.and_then(|it| it.get("p50")).and_then(Value::as_f64);
            let batched = result.get(format!("batched_rec_per_s_{name}")).and_then(Value::as_f64);
            wanted.push(sequential.zip(batched).ok_or_else(|| format!("no {name}"))?);
            got.push((took(acks, seed)?, rate(acks, seed)?));
        }
        let order = |all: &[(f64, f64)]| {
            let mut names: Vec<usize> = (0..ACKS.len()).collect();
            names.sort_by(|a, b| all[*a].0.total_cmp(&all[*b].0));
            names.into_iter().map(|at| ACKS[at].0).collect::<Vec<_>>().join(" < ")
        };
        let mut pair = |what: &str, wanted: String, got: String| {
            recorded.push(Fact::new(0.0, what, wanted));
            played.push(Fact::new(0.0, what, got));
        };
        pair("one after the other", order(&wanted), order(&got));
        let mut ratio = |what: &str, wanted: f64, got: f64| {
            let near = wanted / got < FACTOR && got / wanted < FACTOR;
            let same = if near { wanted } else { got };
            pair(what, format!("{wanted:.2}"), format!("{same:.2}"));
        };
        ratio("acks=all to acks=1", wanted[2].0 / wanted[1].0, got[2].0 / got[1].0);
        for at in [0, 2] {
            let what = format!("{} to acks_1 in batches", ACKS[at].0);
            ratio(&what, wanted[at].1 / wanted[1].1, got[at].1 / got[1].1);
        }
        let within = Tolerance { time: 1.0, share: 0.0, race: 1.0, end: 99.0 };
        Ok(Replay { recorded, played, within })
    }
}

/// When each message was submitted and when the client was done with it, in seconds.
fn play(acks: Acks, seed: u64, count: u32, linger: Span) -> Result<Vec<(f64, f64)>, String> {
    let mut lab = lab::cluster(3, 0.0, |cluster| {
        cluster.topics.push(cluster.topic("topic", 1));
        Ok(())
    })?;
    let mut config = lab.sender("librdkafka-2", 0, count);
    let first = config.first_id.0;
    config.acks = acks;
    config.linger = linger;
    config.pacing = Pacing::Window;
    config.window = u32::from(linger.is_zero());
    lab.produce(0.0, config)?;
    let (notes, _) = lab.build().play(seed, 30.0, &[], |_, _| ());
    let mut times = vec![(0.0, 0.0); count as usize];
    for noted in &notes {
        let (msg, is_end) = match noted.note {
            Note::Submitted { msg, .. } => (msg, false),
            Note::Confirmed { msg } => (msg, true),
            // nobody answers
            Note::Published { msg, .. } if acks == Acks::None => (msg, true),
            _ => continue,
        };
        let Some(times) = times.get_mut((msg.0 - first) as usize) else { continue };
        *(if is_end { &mut times.1 } else { &mut times.0 }) = noted.at;
    }
    Ok(times)
}

/// The median of how long a send takes that is awaited.
fn took(acks: Acks, seed: u64) -> Result<f64, String> {
    let times = play(acks, seed, SEQUENTIAL, Span::ZERO)?;
    let mut took: Vec<f64> = times.iter().map(|it| it.1 - it.0).collect();
    took.sort_by(f64::total_cmp);
    Ok(took[took.len() / 2])
}

/// Records per second, in batches.
fn rate(acks: Acks, seed: u64) -> Result<f64, String> {
    let times = play(acks, seed, BATCHED, Span::from_millis(5))?;
    let begin = times.iter().map(|it| it.0).fold(f64::MAX, f64::min);
    let end = times.iter().map(|it| it.1).fold(0.0, f64::max);
    Ok(f64::from(BATCHED) / (end - begin).max(1e-6))
}
