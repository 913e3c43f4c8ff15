//! A bridge on the bench: the test is its RabbitMQ.

use std::sync::Arc;

use super::publisher::Handed;
use super::{Bridge, Closed, PublisherConfig};
use crate::client::ConnectionConfig;
use crate::client::desk::{BROKER, Desk};
use crate::client::handler::{Outgoing, Role};
use crate::client::kafka::consumer::KafkaConsumerConfig;
use crate::client::script::Script;
use crate::kafka::clients::Client;
use crate::kernel::{Dist, Effect, Input, NodeId};
use crate::talk::kafka::{GroupId, Record, TopicId};
use crate::talk::{MessageId, Msg, Publication};

const KAFKA: NodeId = NodeId(5);

fn desk(confirm: bool, closed: Closed) -> Desk<Bridge> {
    let client = Client::by_name("java-4.1").expect("a client");
    let handler = Script::takes(Dist::default());
    let topics = vec![TopicId(0)];
    let consumer =
        KafkaConsumerConfig::of(client, "bridge", vec![KAFKA], GroupId(0), topics, handler);
    let connection = ConnectionConfig::to(BROKER);
    let publisher = PublisherConfig { connection, confirm, confirm_timeout: None, closed };
    Desk::new(Bridge::new(consumer, publisher))
}

fn speaks_to_kafka(desk: &Desk<Bridge>) -> bool {
    let mut sends = desk.effects.iter();
    sends.any(|it| matches!(it, Effect::Send { msg: Msg::KafkaRequest(_), .. }))
}

fn handed(call: u32, id: u32) -> Handed {
    let publication = Publication { routing_key: "user-{key}".into(), ..Publication::default() };
    let outgoing = Outgoing {
        role: Role::Forward,
        publication: Arc::new(publication),
        mandatory: true,
        wait_for_confirm: true,
    };
    let record = Record { id: MessageId(id), entity: 3, ..Record::default() };
    Handed { call, record, outgoing: Arc::new(outgoing) }
}

#[test]
fn it_reads_only_when_there_is_somebody_to_publish_to() {
    let mut desk = desk(true, Closed::Throws);
    desk.input(Input::Start);
    assert!(!speaks_to_kafka(&desk));
    desk.let_in();
    assert!(desk.node.publisher().session().is_up());
    assert!(speaks_to_kafka(&desk));
}

#[test]
fn without_a_connection_a_publish_throws_or_waits() {
    let mut throws = desk(true, Closed::Throws);
    throws.node.publisher.put_off(handed(7, 1));
    assert_eq!(throws.node.publisher.next_outcome(), Some((7, false)));
    let mut waits = desk(true, Closed::Buffers);
    waits.node.publisher.put_off(handed(7, 1));
    assert_eq!(waits.node.publisher.next_outcome(), None);
    waits.input(Input::Start);
    waits.let_in();
    assert_eq!(waits.node.publisher().unconfirmed(), 1);
    waits.ack(1, false);
    assert_eq!(waits.node.publisher().unconfirmed(), 0);
}

#[test]
fn a_message_is_about_the_entity_of_its_record() {
    let its = handed(1, 9).publication();
    assert_eq!((its.key, its.routing_key.as_str()), (3, "user-3"));
}
