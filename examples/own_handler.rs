//! A handler of one's own in a system of one's own.
//!
//! A thumbnail service renders pictures. Large ones take longer, and some fail now and then. The
//! handler remembers, in the memory of its process, what it has rendered, and skips repetitions; a
//! kill between the hundredth effect and its acknowledgement shows what such a memory is worth.
//!
//! ```text
//! cargo run --example own_handler
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use redeliver::client::{
    ConsumerConfig, Delivered, Handler, HandlerCtx, Outcome, Plan, ProducerConfig, Stage,
};
use redeliver::kernel::{Dist, Fault, Span};
use redeliver::rabbit::Config;
use redeliver::system::SystemBuilder;
use redeliver::talk::{Cue, Failure, MessageId, Note, QueueDeclare, Rate};

/// The logic of the service. Its fields are the memory of its process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Thumbnails {
    /// The place where effects land.
    store: u16,
    /// What this process has rendered.
    rendered: BTreeSet<MessageId>,
}

impl Handler for Thumbnails {
    fn handle(&mut self, delivered: &Delivered<'_>, ctx: &mut HandlerCtx<'_, '_>) -> Plan {
        if self.rendered.contains(&delivered.msg()) {
            return Plan::of([]); // a repetition: acknowledge, and nothing else
        }
        let large = delivered.size() > 1_000_000;
        let render = Stage::Work(Dist::Fixed(Span::from_millis(if large { 40 } else { 5 })));
        if ctx.happens("renderer crashes", Rate::percent(5)) {
            let outcome = Outcome::Failed(Failure::Flaky);
            return Plan { stages: Arc::new([render]), outcome };
        }
        self.rendered.insert(delivered.msg());
        Plan::of([render, Stage::Effect { service: self.store }])
    }

    fn forget(&mut self) {
        self.rendered.clear();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut builder = SystemBuilder::<Thumbnails>::new();
    let queue = QueueDeclare { queue: "pictures".into(), durable: true, ..QueueDeclare::default() };
    let rabbit = builder.broker("rabbit", Config { queues: vec![queue], ..Config::default() })?;
    let store = builder.local_effect("thumbnails")?.service;
    builder.producer(ProducerConfig {
        messages: 500,
        ..ProducerConfig::to_queue("uploads", rabbit, "pictures")
    })?;
    let handler = Thumbnails { store, ..Thumbnails::default() };
    let renderer =
        builder.consumer(ConsumerConfig::handling("renderer", rabbit, "pictures", handler))?;
    builder.latency(Dist::Uniform(Span::from_micros(300), Span::from_micros(700))).when(
        Cue { node: Some(renderer), msg: None, kind: "effect", skip: 99 },
        Span::ZERO,
        vec![
            (Span::ZERO, Fault::Kill(renderer)),
            (Span::from_millis(250), Fault::Restart(renderer)),
        ],
    );
    let system = builder.build();

    let run = system.run(1, u64::MAX);
    let mut effects = vec![0_u32; 500];
    let mut failures = 0;
    for noted in run.history().notes() {
        match noted.note {
            Note::Effect { msg, .. } => effects[msg.0 as usize - 1] += 1,
            Note::Failed { .. } => failures += 1,
            _ => {}
        }
    }
    let count = |fits: fn(&u32) -> bool| effects.iter().filter(|times| fits(times)).count();
    println!("{} steps, {} failed attempts", run.len(), failures);
    println!("rendered once   {:3}", count(|times| *times == 1));
    println!("rendered twice  {:3}   (the kill emptied the memory)", count(|times| *times > 1));
    println!("never rendered  {:3}", count(|times| *times == 0));
    Ok(())
}
