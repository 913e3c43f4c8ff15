use super::*;
use crate::client::kafka::desk::{BROKERS, Desk};
use crate::kafka::clients::Client;
use crate::kernel::{Loss, Node};
use crate::talk::kafka::Request;

/// A client that only asks for the end of a log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asker {
    link: Link<u8>,
    heard: Vec<Event<u8>>,
}

impl Node for Asker {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self.link.on(input, ctx) {
            Err(Input::Start) => self.link.refresh(ctx),
            Err(Input::Timer(_)) => {
                self.link.send(BROKERS[0], Lane::Main, 5, Api::Metadata, None, ctx);
            }
            _ => {}
        }
        while let Some(event) = self.link.next_event() {
            self.heard.push(event);
        }
    }

    fn lose(&mut self, _: Loss, _: &mut Ctx<'_, Mq>) {
        self.link.reset();
    }
}

fn asker(name: &str) -> Desk<Asker> {
    let client = Client::by_name(name).expect(name);
    let link = Link::new(LinkConfig::of(client, vec![BROKERS[0]]));
    let mut desk = Desk::new(Asker { link, heard: Vec::new() }, 3);
    desk.input(Input::Start);
    desk
}

fn ask(desk: &mut Desk<Asker>) -> Request {
    desk.fire(KafkaClientTimer::Send);
    desk.sent().remove(0).1
}

#[test]
fn a_client_shakes_hands_and_then_asks_for_metadata() {
    let mut desk = asker("java-4.1");
    assert!(matches!(desk.sent()[..], [(_, Request { api: Api::ApiVersions, lane: 0, .. })]));
    assert_eq!(desk.arms(KafkaClientTimer::Request(0)), Some(Span::from_secs(10)));
    desk.let_in();
    assert_eq!(desk.kinds(), ["connected"]);
    assert_eq!(desk.node.link.partitions(TopicId(0)), 3);
    let up = Event::Up { broker: BROKERS[0], lane: Lane::Main };
    assert_eq!(desk.node.heard, [up, Event::Metadata]);
    assert_eq!(desk.arms(KafkaClientTimer::Metadata), Some(Span::from_secs(300)));
}

/// `NetworkClient.handleTimedOutRequests` of Apache Kafka 4.1.1.
#[test]
fn java_disconnects_from_a_broker_that_lets_a_request_time_out() {
    let mut desk = asker("java-4.1");
    desk.let_in();
    ask(&mut desk);
    desk.node.heard.clear();
    desk.later(Span::from_secs(30), KafkaClientTimer::Request(0));
    assert!(desk.closes(BROKERS[0]));
    let failed = Event::Failed { broker: BROKERS[0], tag: 5, why: Lost::TimedOut };
    assert_eq!(desk.node.heard, [failed]);
    assert_eq!(desk.kinds(), ["disconnected"]);
    assert!(desk.arms(KafkaClientTimer::Reconnect(BROKERS[0])).is_some());
}

/// `src/network/requestQueue/index.js` of KafkaJS 2.2.4.
#[test]
fn kafkajs_stays_connected_after_a_time_out_and_drops_the_late_answer() {
    let mut desk = asker("kafkajs-2.2");
    desk.let_in();
    let late = ask(&mut desk);
    desk.node.heard.clear();
    desk.later(Span::from_secs(30), KafkaClientTimer::Request(0));
    assert!(!desk.closes(BROKERS[0]));
    let failed = Event::Failed { broker: BROKERS[0], tag: 5, why: Lost::TimedOut };
    assert_eq!(desk.node.heard, [failed]);
    desk.answer(BROKERS[0], &late, Answer::ApiVersions);
    assert_eq!(desk.node.heard.len(), 1);
}

#[test]
fn what_was_never_written_is_told_from_what_may_have_been() {
    let mut desk = asker("java-4.1");
    desk.let_in();
    ask(&mut desk);
    desk.input(Input::Closed(BROKERS[0]));
    let heard = desk.node.heard.last();
    assert!(matches!(heard, Some(Event::Failed { why: Lost::Disconnected, .. })), "{heard:?}");
    desk.fire(KafkaClientTimer::Send);
    assert_eq!(desk.sent(), [], "the broker is left alone for a while");
    desk.later(Span::from_millis(50), KafkaClientTimer::Reconnect(BROKERS[0]));
    assert_eq!(desk.sent().len(), 1);
    desk.input(Input::Closed(BROKERS[0]));
    assert!(
        desk.node
            .heard
            .iter()
            .any(|it| { matches!(it, Event::Failed { why: Lost::Unreachable, .. }) })
    );
}

#[test]
fn an_image_that_is_older_than_what_is_known_is_not_believed() {
    let mut desk = asker("kafkajs-2.2");
    desk.image.version = 8;
    desk.let_in();
    let asked = ask(&mut desk);
    desk.answer(BROKERS[0], &asked, Answer::Metadata(Arc::new(desk.image.clone())));
    desk.image.version = 7;
    desk.later(Span::from_secs(300), KafkaClientTimer::Metadata);
    desk.let_in();
    assert_eq!(desk.node.link.image().map(|image| image.version), Some(8));
}
