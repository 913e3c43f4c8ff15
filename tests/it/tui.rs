//! The player without a terminal: what keys do, and what is drawn, cell by cell and style by style.

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use redeliver::check::{Cast, Part, Role, Rules};
use redeliver::client::{ConsumerConfig, Pacing, ProducerConfig, Script};
use redeliver::kernel::{Dist, Span};
use redeliver::rabbit::Config;
use redeliver::store::ServiceConfig;
use redeliver::system::{Fault, System, SystemBuilder};
use redeliver::talk::{Cue, MessageId, Method, Name, QueueDeclare};
use redeliver::tui::{
    Charset, Entry, Key, Message, Model, Opening, Origin, Palette, Recording, Theme, Ui, View,
    update, view,
};

/// A worker dies between its effect and the acknowledgement: message 4 takes effect twice.
fn system(messages: u32) -> System {
    let millis = Span::from_millis;
    let mut builder = SystemBuilder::new();
    let rabbit = builder.broker("rabbit", Config::default()).expect("it defines nothing");
    let queue = Method::QueueDeclare(Box::new(QueueDeclare {
        queue: Name::from("orders"),
        durable: true,
        ..QueueDeclare::default()
    }));
    let mut producer = ProducerConfig::to_queue("checkout", rabbit, "orders");
    producer.messages = messages;
    producer.pacing = Pacing::Every(Dist::Fixed(millis(20)));
    producer.connection.topology = vec![queue.clone()];
    let producer = builder.producer(producer).expect("a new name");
    let mut service = ServiceConfig::new("ledger");
    service.takes = Dist::Fixed(millis(3));
    let ledger = builder.service(service).expect("a new name");
    let mut workers = Vec::new();
    for name in ["worker-1", "worker-2"] {
        let script = Script::takes(Dist::Fixed(millis(25))).effect(ledger);
        let mut worker = ConsumerConfig::handling(name, rabbit, "orders", script);
        worker.prefetch = 2;
        worker.connection.topology = vec![queue.clone()];
        workers.push(builder.consumer(worker).expect("a new name"));
    }
    builder.latency(Dist::Fixed(millis(1))).horizon(Span::from_secs(10)).seed(42);
    let effect = Cue { node: None, msg: Some(MessageId(4)), kind: "effect", skip: 0 };
    let kill = (Span::ZERO, Fault::Kill(workers[0]));
    let restart = (millis(200), Fault::Restart(workers[0]));
    builder.when(effect, Span::ZERO, vec![kill, restart]);
    let _ = producer;
    builder.build()
}

fn cast(system: &System) -> Cast {
    let part = |(index, name): (usize, &Name)| {
        let role = if system.brokers.iter().any(|id| id.index() == index) {
            Role::Broker
        } else if system.producers.iter().any(|id| id.index() == index) {
            Role::Producer
        } else if system.consumers.iter().any(|id| id.index() == index) {
            Role::Consumer
        } else {
            Role::Service
        };
        Part { name: name.clone(), group: name.clone(), role }
    };
    Cast {
        parts: system.names.iter().enumerate().map(part).collect(),
        services: system.services.clone(),
    }
}

fn recording(messages: u32) -> Recording {
    let system = system(messages);
    let origin = Origin {
        name: "crash-before-ack".to_owned(),
        profile: "rabbitmq-4.2".to_owned(),
        seed: 42,
    };
    Recording::new(origin, &system, cast(&system), Rules::default())
}

#[test]
#[ignore = "plays in a terminal"]
fn play() {
    redeliver::tui::play(recording(40), Opening::default()).expect("a terminal");
}
