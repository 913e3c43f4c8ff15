//! `kafkajs_*`: what KafkaJS does with its defaults, and with what people set.

mod consumer;
mod crash;
mod experiment;
mod facts;
mod producer;

pub use consumer::Consumers;
pub use crash::Crashes;
pub use producer::Producers;
