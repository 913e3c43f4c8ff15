//! W3 and W4: RabbitMQ pipelines in which every hop is an event.

use crate::check::{Ledger, Rules};
use crate::client::{ConsumerConfig, OnFailure, Pacing, ProducerConfig, Script};
use crate::kernel::{Dist, Fault, NodeId, Planned, Span, Time, Timeline, Watch, mix};
use crate::rabbit::{Config, Profile};
use crate::system::{Member, System, SystemBuilder};
use crate::talk::{Headers, Mq, QueueDeclare};

/// One message is published every 100 µs.
const GAP: Span = Span::from_micros(100);
const CONSUMERS: u32 = 3;
const BROKER: NodeId = NodeId(0);

/// One producer with confirms, one durable classic queue, three consumers with prefetch 64 that
/// take 200 µs for a message and acknowledge it; hops of 0.8 to 1.2 ms.
pub fn pipeline(messages: u32) -> System {
    let mut builder = SystemBuilder::new();
    let built = build(&mut builder, messages);
    debug_assert!(built.is_ok(), "{built:?}");
    let span = GAP.times(u64::from(messages)) + Span::from_secs(1);
    builder.horizon(span);
    builder.build()
}

fn build(
    builder: &mut SystemBuilder<Script>,
    messages: u32,
) -> Result<(), crate::system::BuildError> {
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
        pacing: Pacing::Every(Dist::Fixed(GAP)),
        ..ProducerConfig::to_queue("checkout", BROKER, "orders")
    })?;
    for number in 1..=CONSUMERS {
        let name = format!("worker-{number}");
        let script = Script::takes(Dist::Fixed(Span::from_micros(200))).effect(target);
        builder.consumer(ConsumerConfig {
            prefetch: 64,
            concurrency: 1,
            on_failure: OnFailure::NackRequeue,
            atomic: true,
            ..ConsumerConfig::handling(&name, BROKER, "orders", script)
        })?;
    }
    builder.latency(Dist::Uniform(Span::from_micros(800), Span::from_micros(1_200)));
    Ok(())
}

/// W4: a thousand messages; one consumer dies for good, and the broker is killed and starts again
/// ten milliseconds later, at times that depend on the seed.
pub struct Faulty {
    system: System,
}

impl Default for Faulty {
    fn default() -> Faulty {
        let mut system = pipeline(1_000);
        for node in &mut system.setup.nodes {
            node.reconnect_after(Span::from_millis(5));
        }
        system.horizon = Time::ZERO + Span::from_millis(400);
        Faulty { system }
    }
}

impl Faulty {
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
