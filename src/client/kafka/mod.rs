//! Applications and their Kafka clients: Java's, KafkaJS and librdkafka.
//!
//! All of them speak to the cluster through a [`Link`](link::Link).

pub mod consumer;
#[cfg(test)]
mod desk;
pub mod link;
pub mod producer;

pub use producer::{KafkaProducer, KafkaProducerConfig, OnFenced, Transactional};
