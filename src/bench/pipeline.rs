//! W3 and W4: RabbitMQ pipelines in which every hop is an event.

use crate::check::{Ledger, Rules};
use crate::client::{ConnectionConfig, ConsumerConfig, OnFailure, Pacing, ProducerConfig, Script};
use crate::kernel::{Dist, Fault, NodeId, Planned, Span, Time, Timeline, Watch, mix};
use crate::rabbit::{Config, Profile};
use crate::system::{BuildError, Member, System, SystemBuilder};
use crate::talk::{Headers, Mq, QueueDeclare};

/// One message is published every 100 µs.
const GAP: Span = Span::from_micros(100);
const CONSUMERS: u32 = 3;
const BROKER: NodeId = NodeId(0);

/// One producer with confirms, one durable classic queue, three consumers with prefetch 64 that
/// take 200 µs for a message and acknowledge it; hops of 0.8 to 1.2 ms.
///
/// # Errors
/// None that is known: what is built here is well-formed.
pub fn pipeline(messages: u32) -> Result<System, BuildError> {
    build(messages, CONSUMERS, Span::from_secs(1))
}

/// The same without consumers: everything that is published stays in the queue.
///
/// # Errors
/// None that is known, as for [`pipeline`].
pub fn backlog(messages: u32) -> Result<System, BuildError> {
    build(messages, 0, Span::from_secs(1))
}

fn build(messages: u32, consumers: u32, reconnect: Span) -> Result<System, BuildError> {
    let mut builder: SystemBuilder<Script> = SystemBuilder::new();
    let connection =
        ConnectionConfig { reconnect: Dist::Fixed(reconnect), ..ConnectionConfig::to(BROKER) };
    let queue = QueueDeclare {
        queue: "orders".into(),
        durable: true,
        arguments: Headers::new(),
        ..QueueDeclare::default()
    };
    let config = Config { queues: vec![queue], ..Config::new(Profile::default()) };
    builder.broker("rabbit", config)?;
    let target = builder.local_effect("ledger")?;
    builder.producer(ProducerConfig {
        messages,
        connection: connection.clone(),
        pacing: Pacing::Every(Dist::Fixed(GAP)),
        ..ProducerConfig::to_queue("checkout", BROKER, "orders")
    })?;
    for number in 1..=consumers {
        let name = format!("worker-{number}");
        let script = Script::takes(Dist::Fixed(Span::from_micros(200))).effect(target);
        builder.consumer(ConsumerConfig {
            connection: connection.clone(),
            prefetch: 64,
            concurrency: 1,
            on_failure: OnFailure::NackRequeue,
            atomic: true,
            ..ConsumerConfig::handling(&name, BROKER, "orders", script)
        })?;
    }
    builder.latency(Dist::Uniform(Span::from_micros(800), Span::from_micros(1_200)));
    builder.horizon(GAP.times(u64::from(messages)) + Span::from_secs(1));
    Ok(builder.build())
}

/// W4: a thousand messages; one consumer dies for good, and the broker is killed and starts again
/// ten milliseconds later, at times that depend on the seed.
pub struct Faulty {
    system: System,
}

impl Faulty {
    /// The system without its faults.
    ///
    /// # Errors
    /// None that is known, as for [`pipeline`].
    pub fn new() -> Result<Faulty, BuildError> {
        let mut system = build(1_000, CONSUMERS, Span::from_millis(5))?;
        system.horizon = Time::ZERO + Span::from_millis(400);
        Ok(Faulty { system })
    }

    /// Plays the run of one seed; returns how many steps it took.
    pub fn run(&self, seed: u64, watch: &mut impl Watch<Mq>) -> u64 {
        let draw = |n: u64, below: u64| mix(seed.wrapping_mul(31).wrapping_add(n)) % below;
        let at = |n| Time::ZERO + Span::from_millis(20) + Span::from_nanos(draw(n, 60_000_000));
        let victim = NodeId(2 + draw(0, u64::from(CONSUMERS)) as u32);
        let down = at(2);
        let mut setup = self.system.seeded(seed);
        setup.plan = vec![
            Planned { at: at(1), fault: Fault::Kill(victim) },
            Planned { at: down, fault: Fault::Kill(BROKER) },
            Planned { at: down + Span::from_millis(10), fault: Fault::Restart(BROKER) },
        ];
        let mut timeline = Timeline::new(&setup, watch);
        timeline.run(self.system.horizon, u64::MAX, watch)
    }
}

/// Plays a system to its horizon; returns how many steps it took.
pub fn play(system: &System, watch: &mut impl Watch<Mq>) -> u64 {
    let mut timeline: Timeline<Member> = Timeline::new(&system.setup, watch);
    timeline.run(system.horizon, u64::MAX, watch)
}

/// A ledger that judges everything.
pub fn ledger() -> Ledger {
    Ledger::new(Rules::default())
}
