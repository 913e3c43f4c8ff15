use super::*;
use crate::client::desk::{BROKER, Desk};
use crate::kernel::Dist;
use crate::talk::Rate;

fn config() -> ProducerConfig {
    ProducerConfig {
        messages: 3,
        pacing: Pacing::Window,
        ..ProducerConfig::to_queue("checkout", BROKER, "work")
    }
}

/// A producer that has connected and begun.
fn begun(config: ProducerConfig) -> Desk<Producer> {
    let mut desk = Desk::connected(Producer::new(config));
    assert_eq!(desk.arms(ClientTimer::Send), Some(Span::ZERO));
    desk.fire(ClientTimer::Send);
    desk
}

fn copies(desk: &Desk<Producer>) -> Vec<(u32, u16)> {
    desk.published().into_iter().map(|(msg, copy, _)| (msg, copy)).collect()
}

#[test]
fn a_producer_opens_a_channel_and_selects_confirms_before_it_publishes() {
    let mut desk = Desk::new(Producer::new(config()));
    desk.input(Input::Start);
    assert!(matches!(desk.sent()[..], [Method::Open { .. }]));
    desk.let_in();
    assert_eq!(desk.kinds(), ["connected"]);
    assert!(desk.node.session().is_up());
}

#[test]
fn a_closed_loop_keeps_its_window_full() {
    let mut desk = begun(ProducerConfig { window: 2, ..config() });
    assert_eq!(copies(&desk), [(1, 0), (2, 0)]);
    desk.ack(1, false);
    assert_eq!(desk.kinds(), ["confirmed", "submitted", "published"]);
    desk.ack(3, true);
    assert_eq!(desk.kinds(), ["confirmed", "confirmed"], "three messages are all there are");
}

#[test]
fn an_open_loop_submits_on_time_and_holds_back_what_the_window_does_not_allow() {
    let gap = Dist::Fixed(Span::from_millis(5));
    let mut desk = begun(ProducerConfig { window: 1, pacing: Pacing::Every(gap), ..config() });
    assert_eq!(desk.arms(ClientTimer::Send), Some(Span::from_millis(5)));
    desk.fire(ClientTimer::Send);
    assert_eq!(desk.kinds(), ["submitted"]);
    assert_eq!(desk.node.backlog(), 1);
    desk.ack(1, false);
    assert_eq!(copies(&desk), [(2, 0)]);
}

#[test]
fn what_had_no_confirm_when_the_connection_went_is_unknown_and_sent_again_as_another_copy() {
    let mut desk = begun(config());
    desk.ack(2, false);
    desk.input(Input::Closed(BROKER));
    assert_eq!(desk.kinds(), ["disconnected", "unknown", "unknown"]);
    assert_eq!(desk.arms(ClientTimer::Reconnect), Some(Span::from_secs(1)));
    desk.fire(ClientTimer::Reconnect);
    desk.let_in();
    assert_eq!(copies(&desk), [(1, 1), (3, 1)]);
}

#[test]
fn a_producer_that_does_not_resend_gives_up_what_it_cannot_know() {
    let mut desk = begun(ProducerConfig { on_unknown: Again::GiveUp, messages: 1, ..config() });
    desk.input(Input::Closed(BROKER));
    assert_eq!(desk.kinds(), ["disconnected", "unknown", "gave-up"]);
    assert_eq!(desk.node.backlog(), 0);
}

#[test]
fn without_confirms_a_producer_never_learns_that_it_lost_something() {
    let mut desk = begun(ProducerConfig { confirm: false, ..config() });
    assert_eq!(desk.published().len(), 3);
    desk.input(Input::Closed(BROKER));
    assert_eq!(desk.kinds(), ["disconnected"]);
}

#[test]
fn a_refused_publish_is_sent_again_after_a_while() {
    let mut desk = begun(ProducerConfig { messages: 1, ..config() });
    desk.frame(Frame::ConfirmNack { tag: 1, multiple: false });
    assert_eq!(desk.kinds(), ["refused"]);
    assert_eq!(desk.arms(ClientTimer::Resend), Some(Span::from_secs(1)));
    desk.fire(ClientTimer::Resend);
    assert_eq!(copies(&desk), [(1, 1)]);
}

/// "mandatory" messages come back before their confirm, and are confirmed all the same:
/// <https://www.rabbitmq.com/docs/confirms#when-publishes-are-confirmed>
#[test]
fn an_unroutable_message_comes_back_and_is_confirmed() {
    let mut desk = begun(ProducerConfig { messages: 1, mandatory: true, ..config() });
    let Some(Method::Publish { message, mandatory: true }) = desk.sent().pop() else {
        panic!("it published")
    };
    desk.frame(Frame::Return { code: 312, text: "NO_ROUTE".into(), message });
    assert_eq!(desk.kinds(), ["returned"]);
    desk.ack(1, false);
    assert_eq!(desk.kinds(), ["confirmed", "gave-up"]);
}

#[test]
fn a_confirm_that_does_not_come_in_time_makes_a_publish_unknown() {
    let patience = Some(Span::from_secs(5));
    let mut desk = begun(ProducerConfig { messages: 1, confirm_timeout: patience, ..config() });
    assert_eq!(desk.arms(ClientTimer::ConfirmTimeout(1)), patience);
    desk.fire(ClientTimer::ConfirmTimeout(1));
    assert_eq!(desk.kinds(), ["unknown", "published"]);
    desk.ack(1, false);
    assert_eq!(desk.kinds(), [""; 0], "too late for the first copy");
    desk.ack(2, false);
    assert_eq!(desk.kinds(), ["confirmed"]);
}

#[test]
fn amqplib_keeps_writing_to_a_broker_that_blocks_it() {
    let gap = Dist::Fixed(Span::from_millis(5));
    for (on_blocked, written) in [(OnBlocked::KeepWriting, 1), (OnBlocked::Wait, 0)] {
        let mut desk = begun(ProducerConfig { on_blocked, pacing: Pacing::Every(gap), ..config() });
        desk.frame(Frame::Blocked { reason: "low on memory".into() });
        desk.fire(ClientTimer::Send);
        assert_eq!(desk.published().len(), written, "{on_blocked:?}");
        desk.frame(Frame::Unblocked);
        assert_eq!(desk.published().len(), 1 - written, "{on_blocked:?}");
    }
}

#[test]
fn two_silent_heartbeat_intervals_end_a_connection() {
    let mut config = config();
    config.connection.heartbeat = Span::from_secs(10);
    let mut desk = begun(config);
    for _ in 0..4 {
        assert!(!desk.closes(BROKER));
        desk.fire(ClientTimer::Heartbeat);
    }
    // The first interval held the answers to its set-up.
    assert!(!desk.closes(BROKER));
    desk.fire(ClientTimer::Heartbeat);
    desk.fire(ClientTimer::Heartbeat);
    assert!(desk.closes(BROKER));
    assert_eq!(desk.kinds()[0], "disconnected");
}

#[test]
fn keys_and_publications_alternate_as_told() {
    let mut urgent = config().publish[0].clone();
    urgent.publication.routing_key = "urgent.{key}".into();
    let mut usual = urgent.clone();
    usual.weight = 2;
    usual.publication.routing_key = "usual.{key}".into();
    let mut desk = begun(ProducerConfig {
        publish: vec![urgent, usual],
        keys: Keys::InTurn(2),
        messages: 4,
        ..config()
    });
    let keys: Vec<String> = desk.published().into_iter().map(|(.., key)| key).collect();
    assert_eq!(keys, ["urgent.1", "usual.2", "usual.1", "urgent.2"]);
    desk.input(Input::Closed(BROKER));
    desk.fire(ClientTimer::Reconnect);
    desk.let_in();
    let again: Vec<String> = desk.published().into_iter().map(|(.., key)| key).collect();
    assert_eq!(again, keys, "a resend says what the first publish said");
}

#[test]
fn a_skewed_key_gets_its_share() {
    let keys = Keys::Skewed { keys: 10, hot: Rate::percent(50) };
    let mut desk = Desk::new(Producer::new(ProducerConfig { keys, ..config() }));
    desk.draw = 0;
    let key = |desk: &Desk<Producer>| match desk.notes()[0] {
        Note::Submitted { key, .. } => key,
        ref note => panic!("{note:?}"),
    };
    desk.input(Input::Start);
    desk.let_in();
    desk.fire(ClientTimer::Send);
    assert_eq!(key(&desk), 2);
    let mut desk = Desk::connected(Producer::new(ProducerConfig { keys, ..config() }));
    desk.draw = Rate::OF - 1;
    desk.fire(ClientTimer::Send);
    assert_eq!(key(&desk), 1);
}

#[test]
fn a_crash_forgets_what_was_not_confirmed_unless_there_is_an_outbox() {
    for (outbox, again) in [(false, vec![]), (true, vec![(1, 1), (2, 1)])] {
        let mut desk = begun(ProducerConfig { outbox, messages: 2, ..config() });
        desk.lose();
        let kinds = desk.kinds();
        assert_eq!(kinds.contains(&"gave-up"), !outbox, "{kinds:?}");
        desk.input(Input::Start);
        desk.let_in();
        assert_eq!(copies(&desk), [], "it begins anew");
        desk.fire(ClientTimer::Send);
        assert_eq!(copies(&desk), again);
    }
}

#[test]
fn a_request_waits_for_its_answer_and_knows_a_late_one() {
    let rpc = Rpc {
        reply_queue: "replies".into(),
        timeout: Span::from_secs(2),
        on_timeout: Again::GiveUp,
    };
    let mut desk = begun(ProducerConfig {
        rpc: Some(rpc),
        window: 1,
        confirm: false,
        messages: 2,
        ..config()
    });
    let Some(Method::Publish { message, .. }) = desk.sent().pop() else { panic!("it published") };
    assert_eq!(message.publication.properties.reply_to, Some("replies".into()));
    assert_eq!(desk.arms(ClientTimer::ReplyTimeout(0)), Some(Span::from_secs(2)));
    desk.deliver(1, 1);
    assert_eq!(desk.notes()[0], Note::Answered { msg: MessageId(1), late: false });
    assert_eq!(copies(&desk), [(2, 0)]);
    desk.fire(ClientTimer::ReplyTimeout(1));
    assert_eq!(desk.kinds(), ["gave-up"]);
    desk.deliver(2, 2);
    assert_eq!(desk.notes(), [Note::Answered { msg: MessageId(2), late: true }]);
}

#[test]
fn a_producer_that_joins_later_waits_for_the_word() {
    let mut config = config();
    config.connection.joined = false;
    let mut desk = Desk::new(Producer::new(config));
    desk.input(Input::Start);
    assert_eq!(desk.sent(), []);
    desk.order(Order::Join);
    desk.let_in();
    desk.fire(ClientTimer::Send);
    assert_eq!(desk.published().len(), 3);
}
