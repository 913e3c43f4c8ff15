//! Measures and says what it measured.
#![expect(clippy::disallowed_types, reason = "the one place that measures time by the clock")]

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::stream::{self, Shape};
use super::{kernel, memory, pipeline};
use crate::kernel::{RunHash, Timeline, Watch};
use crate::system::{BuildError, Run, System};
use crate::talk::{Mq, Trace};

/// One measured figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The workload.
    pub workload: &'static str,
    /// What was measured.
    pub what: String,
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// How it compares to what stands in the same line.
    pub ratio: Option<(f64, &'static str)>,
}

/// How much to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Rounds; each figure is the median over them.
    pub rounds: usize,
    /// Events of W1.
    pub events: u64,
    /// Messages of W3.
    pub messages: u32,
    /// Runs of W4.
    pub runs: u64,
}

impl Size {
    /// Takes about half a minute.
    pub const FULL: Size = Size { rounds: 5, events: 5_000_000, messages: 300_000, runs: 1_000 };
    /// Takes a second or two: to see that it works.
    pub const QUICK: Size = Size { rounds: 1, events: 200_000, messages: 20_000, runs: 50 };
}

fn seconds(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Times several cases in turn, `rounds` times; the median of each.
fn in_turn(rounds: usize, cases: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..rounds.max(1) {
        for (case, times) in cases.iter_mut().zip(&mut times) {
            times.push(seconds(&mut **case));
        }
    }
    times.into_iter().map(median).collect()
}

/// Measures everything and tells each figure as soon as it is known.
///
/// # Errors
/// None that is known: the systems measured here are well-formed.
pub fn run(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    // first, while the process has no memory to use again
    memory_figures(size, tell)?;
    kernel_figures(size, tell);
    pipeline_figures(size, tell)?;
    fault_figures(size, tell)?;
    stream_figures(size, tell)?;
    seek_figures(size, tell)
}

fn kernel_figures(size: Size, tell: &mut dyn FnMut(Figure)) {
    for (actors, what) in [
        (1_000, "timers, 1,000 pending"),
        (100_000, "timers, 100,000 pending"),
        (1_000_000, "timers, 1,000,000 pending"),
    ] {
        let events = size.events.max(actors);
        let times = in_turn(
            size.rounds,
            &mut [
                &mut || {
                    black_box(kernel::on_the_kernel(actors, events));
                },
                &mut || {
                    black_box(kernel::on_a_bare_heap(actors, events));
                },
            ],
        );
        tell(Figure {
            workload: "W1 kernel",
            what: what.to_owned(),
            value: events as f64 / times[0],
            unit: "events/s",
            ratio: Some((times[1] / times[0], "of a bare 4-ary heap")),
        });
    }
}

fn pipeline_figures(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    let system = pipeline::pipeline(size.messages)?;
    let messages = f64::from(size.messages);
    let times = in_turn(
        size.rounds,
        &mut [
            &mut || {
                black_box(pipeline::play(&system, &mut ()));
            },
            &mut || {
                black_box(pipeline::play(&system, &mut pipeline::ledger()));
            },
            &mut || {
                let mut watch = (pipeline::ledger(), RunHash::default());
                black_box((pipeline::play(&system, &mut watch), watch.1.value()));
            },
            &mut || {
                let room = size.messages as usize * 48;
                let mut watch = (pipeline::ledger(), Trace::with_capacity(room));
                black_box((pipeline::play(&system, &mut watch), watch.1.len()));
            },
            &mut || {
                black_box(with_snapshots(&system, &mut pipeline::ledger()));
            },
        ],
    );
    let checked = times[1];
    let cases = [
        ("nothing watched", times[0]),
        ("all guarantees checked", checked),
        ("… and a running hash", times[2]),
        ("… and the full history", times[3]),
        ("… and a snapshot every 1,000 steps", times[4]),
    ];
    for (index, (what, time)) in cases.into_iter().enumerate() {
        let ratio = (index > 1).then_some((time / checked, "of the time of checks alone"));
        tell(Figure {
            workload: "W3 pipeline",
            what: what.to_owned(),
            value: messages / time,
            unit: "messages/s",
            ratio,
        });
    }
    Ok(())
}

fn stream_figures(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    let plain = stream::stream(size.messages, Shape::PLAIN)?;
    let keyed = stream::stream(size.messages, Shape::KEYED)?;
    let cases = [
        ("nothing watched", &plain, false),
        ("all guarantees checked", &plain, true),
        ("… of 1,000 keys, which go to all partitions at once", &keyed, true),
    ];
    let play = |system: &System, checked| {
        if checked {
            black_box(pipeline::play(system, &mut pipeline::ledger()));
        } else {
            black_box(pipeline::play(system, &mut ()));
        }
    };
    let times = in_turn(
        size.rounds,
        &mut [
            &mut || play(cases[0].1, cases[0].2),
            &mut || play(cases[1].1, cases[1].2),
            &mut || play(cases[2].1, cases[2].2),
        ],
    );
    for ((what, ..), time) in cases.into_iter().zip(times) {
        tell(Figure {
            workload: "W3 on Kafka",
            what: what.to_owned(),
            value: f64::from(size.messages) / time,
            unit: "messages/s",
            ratio: None,
        });
    }
    let faulty = stream::Faulty::new()?;
    let times = in_turn(
        size.rounds,
        &mut [&mut || {
            for seed in 0..size.runs {
                black_box(faulty.run(seed, &mut pipeline::ledger()));
            }
        }],
    );
    tell(Figure {
        workload: "W4 on Kafka",
        what: "whole runs of 1,000 records with a rebalance, one thread".to_owned(),
        value: size.runs as f64 / times[0],
        unit: "runs/s",
        ratio: None,
    });
    Ok(())
}

/// Plays with a snapshot every thousand steps, of which the last one is kept.
fn with_snapshots(system: &System, watch: &mut impl Watch<Mq>) -> u64 {
    let mut timeline: Timeline<_> = Timeline::new(&system.setup, watch);
    let mut snapshot = timeline.clone();
    while timeline.run(system.horizon, 1_000, watch) == 1_000 {
        snapshot = timeline.clone();
    }
    snapshot.world().steps()
}

fn memory_figures(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    let messages = size.messages;
    let mut bytes = |what: &str, bytes: Option<u64>| {
        if let Some(bytes) = bytes {
            tell(Figure {
                workload: "memory",
                what: what.to_owned(),
                value: bytes as f64 / f64::from(messages),
                unit: "bytes/message",
                ratio: None,
            });
        }
    };
    // without consumers everything that is published stays queued
    let queued = pipeline::backlog(messages)?;
    let (timeline, grown) = memory::cost_of(|| {
        let mut timeline: Timeline<_> = Timeline::new(&queued.setup, &mut ());
        timeline.run(queued.horizon, u64::MAX, &mut ());
        timeline
    });
    bytes("queued or in flight", grown);
    let system = pipeline::pipeline(messages)?;
    let (ledger, grown) = memory::cost_of(|| {
        let mut ledger = pipeline::ledger();
        pipeline::play(&system, &mut ledger);
        ledger
    });
    bytes("settled, with checks only", grown);
    let log = stream::log(messages)?;
    let (filled, grown) = memory::cost_of(|| {
        let mut timeline: Timeline<_> = Timeline::new(&log.setup, &mut ());
        timeline.run(log.horizon, u64::MAX, &mut ());
        timeline
    });
    bytes("in the logs of three replicas of Kafka", grown);
    drop((timeline, ledger, filled));
    let mut trace = Trace::default();
    pipeline::play(&system, &mut trace);
    bytes("settled, with its full history", Some(trace.len() as u64));
    Ok(())
}

fn fault_figures(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    // one for each thread: they share nothing, see `Scenario::apart`
    let faulty = [pipeline::Faulty::new()?, pipeline::Faulty::new()?];
    let one = |faulty: &[pipeline::Faulty]| {
        let next = &AtomicU64::new(0);
        seconds(|| {
            std::thread::scope(|scope| {
                for faulty in faulty {
                    scope.spawn(move || {
                        loop {
                            let seed = next.fetch_add(1, Ordering::Relaxed);
                            if seed >= size.runs {
                                return;
                            }
                            black_box(faulty.run(seed, &mut pipeline::ledger()));
                        }
                    });
                }
            });
        })
    };
    let (mut alone, mut paired) = (Vec::new(), Vec::new());
    for _ in 0..size.rounds.max(1) {
        alone.push(one(&faulty[..1]));
        paired.push(one(&faulty));
    }
    let (alone, paired) = (median(alone), median(paired));
    let runs = size.runs as f64;
    tell(Figure {
        workload: "W4 faults",
        what: "whole runs of 1,000 messages, one thread".to_owned(),
        value: runs / alone,
        unit: "runs/s",
        ratio: None,
    });
    tell(Figure {
        workload: "W4 faults",
        what: "the same on two threads".to_owned(),
        value: runs / paired,
        unit: "runs/s",
        ratio: Some((alone / paired, "of one thread")),
    });
    Ok(())
}

fn seek_figures(size: Size, tell: &mut dyn FnMut(Figure)) -> Result<(), BuildError> {
    let messages = size.messages.min(100_000);
    let system = pipeline::pipeline(messages)?;
    let mut run = None;
    let open = seconds(|| {
        run = Some(Run::record(system.setup.clone(), system.horizon, u64::MAX));
    });
    let Some(run) = run else { return Ok(()) };
    let mut worst: f64 = 0.0;
    for place in 1..=64_u64 {
        let no = run.len() * place / 64;
        worst = worst.max(seconds(|| drop(black_box(run.seek(no.saturating_sub(1))))));
    }
    for (what, value) in
        [("record a run to walk about in", open), ("worst of 64 seeks in it", worst)]
    {
        tell(Figure {
            workload: "player",
            what: format!("{what} ({messages} messages)"),
            value: value * 1_000.0,
            unit: "ms",
            ratio: None,
        });
    }
    Ok(())
}
