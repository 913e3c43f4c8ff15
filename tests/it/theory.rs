//! Queueing theory as the judge: systems of which the mean waiting time is known, built from the
//! same producers, brokers and consumers as everything else.
//!
//! Messages arrive as a Poisson process, the network and the broker cost nothing, and consumers
//! with prefetch 1 are the servers. The wait of a message is the time from being submitted to its
//! handler beginning. Independent replications, one per seed, give a confidence interval.

use redeliver::client::{Consumer, ConsumerConfig, Pacing, ProducerConfig, Script};
use redeliver::kernel::{Dist, Seen, Span, Time, Timeline, Watch};
use redeliver::rabbit::{self, Costs, Profile};
use redeliver::system::{Member, System, SystemBuilder};
use redeliver::talk::{Mq, Note, QueueDeclare};

/// Messages of one replication; those of the warm-up, in an empty system, are not counted.
const MESSAGES: u32 = 6_000;
const WARM_UP: usize = 1_000;

const REPLICATIONS: u64 = 100;
/// The 99.5 % quantile of Student's t with 99 degrees of freedom.
const T: f64 = 2.626;

/// The mean time that one server takes for a message.
const SERVICE: Span = Span::from_millis(1);

fn free() -> Profile {
    let nothing = Span::ZERO;
    let costs = Costs { publish: nothing, deliver: nothing, acknowledge: nothing, ..Costs::USUAL };
    Profile { costs, ..Profile::default() }
}

fn queueing_system(gap: Span, takes: Dist, servers: u32) -> System {
    let mut builder: SystemBuilder<Script> = SystemBuilder::new();
    let queue = QueueDeclare { queue: "line".into(), ..QueueDeclare::default() };
    let config = rabbit::Config { queues: vec![queue], ..rabbit::Config::new(free()) };
    let broker = builder.broker("rabbit", config).expect("the definitions are sound");
    for server in 1..=servers {
        let name = format!("server-{server}");
        let consumer = ConsumerConfig {
            prefetch: 1,
            atomic: true,
            ..ConsumerConfig::handling(&name, broker, "line", Script::takes(takes))
        };
        builder.consumer(consumer).expect("the name is free");
    }
    let producer = ProducerConfig {
        messages: MESSAGES,
        confirm: false,
        pacing: Pacing::Every(Dist::Exponential(gap)),
        ..ProducerConfig::to_queue("arrivals", broker, "line")
    };
    builder.producer(producer).expect("the name is free");
    builder.horizon(Span::from_secs(3_600));
    builder.build()
}

/// From being submitted to the beginning of the handler, in milliseconds.
#[derive(Default)]
struct Waits {
    submitted: Vec<Time>,
    waits: Vec<f64>,
}

impl Watch<Mq> for Waits {
    fn note(&mut self, seen: Seen<'_, Note>) {
        match *seen.note {
            Note::Submitted { .. } => self.submitted.push(seen.at),
            Note::Started { msg, .. } => {
                let since = self.submitted[msg.0 as usize - 1];
                self.waits.push(seen.at.since(since).as_nanos() as f64 / 1e6);
            }
            _ => {}
        }
    }
}

/// The mean wait in milliseconds and the half-width of its 99 % confidence interval.
fn mean_wait(system: &System) -> (f64, f64) {
    let means: Vec<f64> = (1..=REPLICATIONS)
        .map(|seed| {
            let mut waits = Waits::default();
            let mut timeline = Timeline::new(&system.seeded(seed), &mut waits);
            timeline.run(system.horizon, u64::MAX, &mut waits);
            assert_eq!(waits.waits.len(), MESSAGES as usize, "every message is handled once");
            let counted = &waits.waits[WARM_UP..];
            counted.iter().sum::<f64>() / counted.len() as f64
        })
        .collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let variance = means.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, T * (variance / n).sqrt())
}

fn assert_agrees((mean, half): (f64, f64), theory: f64) {
    assert!((mean - theory).abs() <= half, "measured {mean:.4} ± {half:.4} ms, theory {theory:.4}");
    assert!(half < 0.1 * theory, "± {half:.4} ms is too wide to say anything about {theory:.4}");
}

/// The mean wait in an M/M/c queue: Erlang C. Times in units of the mean service time.
fn erlang_c(servers: u32, load: f64) -> f64 {
    let c = f64::from(servers);
    let mut term = 1.0; // load^k / k!
    let mut sum = 0.0;
    for k in 0..servers {
        sum += term;
        term *= load / f64::from(k + 1);
    }
    let queueing = term * c / (c - load);
    queueing / (sum + queueing) / (c - load)
}

/// The mean wait in an M/G/1 queue: Pollaczek–Khinchine. `variation` is the squared coefficient of
/// variation of the service time, in units of whose mean the wait is.
fn pollaczek_khinchine(load: f64, variation: f64) -> f64 {
    load * (1.0 + variation) / 2.0 / (1.0 - load)
}

#[test]
fn one_consumer_with_exponential_work_waits_as_m_m_1() {
    let system = queueing_system(Span::from_nanos(1_428_571), Dist::Exponential(SERVICE), 1);
    let theory = pollaczek_khinchine(0.7, 1.0);
    assert!((theory - erlang_c(1, 0.7)).abs() < 1e-12, "two formulas for one queue");
    assert_agrees(mean_wait(&system), theory);
}

#[test]
fn four_consumers_wait_as_m_m_4() {
    let system = queueing_system(Span::from_nanos(312_500), Dist::Exponential(SERVICE), 4);
    assert_agrees(mean_wait(&system), erlang_c(4, 3.2));
}

#[test]
fn one_consumer_with_constant_work_waits_as_m_d_1_half_as_long() {
    let system = queueing_system(Span::from_nanos(1_428_571), Dist::Fixed(SERVICE), 1);
    let (mean, half) = mean_wait(&system);
    assert_agrees((mean, half), pollaczek_khinchine(0.7, 0.0));
    assert!(mean + half < pollaczek_khinchine(0.7, 1.0), "it is told apart from M/M/1");
}

/// The control: a prefetch that lets one of four servers hold a message while another is idle must
/// not pass for M/M/4.
#[test]
fn prefetching_breaks_the_formula() {
    let mut system = queueing_system(Span::from_nanos(312_500), Dist::Exponential(SERVICE), 4);
    for node in &mut system.setup.nodes {
        if let Member::Consumer(consumer) = node {
            let config = consumer.config().clone();
            **consumer = Consumer::new(ConsumerConfig { prefetch: 10, concurrency: 1, ..config });
        }
    }
    let (mean, half) = mean_wait(&system);
    assert!(mean - half > erlang_c(4, 3.2), "measured {mean:.4} ± {half:.4} ms");
}
