//! A bridge: an application that reads from Kafka and publishes to RabbitMQ.
//!
//! It is one process with two clients. Its consumer takes the stages of a handler as every Kafka
//! consumer does; what a handler publishes is handed over to the publisher, and the handler goes on
//! when the publisher says how that went. So everything that decides about loss and repetition stays
//! where it is: when the offset is committed in the consumer, what a confirm means in the publisher.
//!
//! As such applications are written, it connects to RabbitMQ first and then begins to read.

mod publisher;
#[cfg(test)]
mod tests;

use super::handler::Handler;
use super::kafka::consumer::{KafkaConsumer, KafkaConsumerConfig};
use super::script::Script;
use crate::kernel::{Ctx, Input, Loss, Node};
use crate::talk::{KafkaClientTimer, Mq, Order, Timer};

pub(in crate::client) use publisher::Handed;
pub use publisher::{Closed, Publisher, PublisherConfig};

/// A bridge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bridge<H = Script> {
    consumer: KafkaConsumer<H>,
    publisher: Publisher,
    /// Its consumer has begun to read in this life of the process.
    reads: bool,
    /// Its process runs and is to work.
    works: bool,
}

impl<H: Handler> Bridge<H> {
    /// A bridge that does as told.
    pub fn new(consumer: KafkaConsumerConfig<H>, publisher: PublisherConfig) -> Bridge<H> {
        let works = consumer.joined;
        let consumer = KafkaConsumer::new(KafkaConsumerConfig { hands_over: true, ..consumer });
        Bridge { consumer, publisher: Publisher::new(publisher), reads: false, works }
    }

    /// Moves what handlers hand over to the publisher, and what became of it back.
    fn pass(&mut self, ctx: &mut Ctx<'_, Mq>) {
        loop {
            if let Some(handed) = self.consumer.next_handed() {
                self.publisher.publish(handed, ctx);
            } else if let Some((call, ok)) = self.publisher.next_outcome() {
                self.consumer.handed_over(call, ok, ctx);
            } else {
                return;
            }
        }
    }

    /// Reads as soon as there is somebody to publish to; ends the connection when the process is
    /// gone or has left.
    fn follow(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.reads && self.consumer.is_dead() {
            self.reads = false;
            self.publisher.vanish(ctx);
        } else if self.works && !self.reads && self.publisher.is_up() {
            self.reads = true;
            self.consumer.on(Input::Start, ctx);
        } else if !self.works && !self.consumer.is_leaving() {
            self.publisher.leave(ctx);
        }
    }
}

impl<H> Bridge<H> {
    /// The part that reads.
    pub fn consumer(&self) -> &KafkaConsumer<H> {
        &self.consumer
    }

    /// The part that publishes.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }
}

impl<H: Handler> Node for Bridge<H> {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Start | Input::Timer(Timer::KafkaClient(KafkaClientTimer::Respawn)) => {
                self.reads = false;
                if self.works {
                    self.publisher.connect(ctx);
                }
            }
            input if self.publisher.is_for(&input) => {
                self.publisher.on(input, ctx);
            }
            input => {
                match &input {
                    Input::Order(Order::Join) => {
                        self.works = true;
                        self.publisher.connect(ctx);
                    }
                    Input::Order(Order::Leave) => self.works = false,
                    Input::Stop => self.publisher.say_good_bye(ctx),
                    _ => {}
                }
                self.consumer.on(input, ctx);
            }
        }
        self.pass(ctx);
        self.follow(ctx);
        self.pass(ctx);
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        self.reads = false;
        self.publisher.forget();
        self.consumer.lose(loss, ctx);
    }
}
