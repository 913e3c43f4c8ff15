//! `kafkajs_*`: what KafkaJS does with its defaults, and with what people set.

mod consumer;
mod crash;
mod experiment;
mod facts;

pub use consumer::Consumers;
pub use crash::Crashes;
