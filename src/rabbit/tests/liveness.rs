//! Heartbeats, alarms, and the delivery acknowledgement timeout.

use super::*;
use crate::talk::Order;

#[test]
fn a_silent_client_is_dropped_without_a_word_and_gives_back_what_it_held() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.say(A, 0, Method::Open { heartbeat: Span::from_secs(2), cancel_notify: true });
    lab.say(A, 1, Method::ChannelOpen);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    lab.heard(A);
    lab.wait(millis(5_900));
    assert_eq!(lab.heard(A), vec![Frame::Heartbeat; 5]);
    assert!(!lab.was_closed(A));
    lab.wait(millis(200));
    assert_eq!(lab.heard(A), []);
    assert!(lab.was_closed(A));
    assert_eq!(lab.ready("q"), "m1*");
}

#[test]
fn a_client_that_sends_heartbeats_stays() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.say(A, 0, Method::Open { heartbeat: Span::from_secs(2), cancel_notify: true });
    for _ in 0..20 {
        lab.wait(Span::from_secs(1));
        lab.say(A, 0, Method::Heartbeat);
    }
    assert!(!lab.was_closed(A));
}

/// Experiment 61.
#[test]
fn an_alarm_blocks_a_connection_that_publishes_and_loses_nothing() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 10);
    lab.confirm_select();
    lab.fill("q", 1..=1);
    assert_eq!(lab.confirmed(), "+1");
    lab.input(Input::Order(Order::Alarm(true)));
    lab.get(P, "q");
    assert_eq!(lab.delivered(P), "-", "a connection that does not publish goes on");
    lab.publish("q", 2);
    lab.say(P, 1, Method::Get { queue: "q".into(), no_ack: true });
    assert_eq!(lab.heard(P), [Frame::Blocked { reason: "low on memory".into() }]);
    lab.wait(Span::from_secs(60));
    assert_eq!(lab.heard(P), [], "not even the get is answered");
    lab.ack(A, 1);
    assert_eq!(lab.view("q").map(|view| view.unacked), Some(0), "consumers go on");
    assert_eq!(lab.broker.connection(P).map(|it| (it.blocked, it.held)), Some((true, 2)));
    lab.input(Input::Order(Order::Alarm(false)));
    lab.settle();
    let frames = lab.heard(P);
    assert_eq!(frames[0], Frame::Unblocked);
    assert!(frames.contains(&Frame::GetEmpty));
    assert!(frames.contains(&Frame::ConfirmAck { tag: 2, multiple: false }));
    assert_eq!(lab.delivered(A), "m1 m2");
}

/// Experiment 60.
#[test]
fn a_delivery_that_is_not_acknowledged_in_time_closes_the_channel() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::with(V4, &[&format!("q {kind}")], |config| {
            config.consumer_timeout = Some(Span::from_secs(3));
            config.channel_tick = Span::from_secs(1);
        });
        lab.consume(A, "q", 2);
        lab.fill("q", 1..=3);
        lab.wait(Span::from_secs(2));
        assert_eq!(lab.error(A), "");
        lab.wait(millis(1_100));
        assert_eq!(
            lab.error(A),
            "406 PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout \
             value used: 3000 ms. This timeout value can be configured, see consumers doc guide to \
             learn more"
        );
        lab.settle();
        assert_eq!(lab.ready("q"), "m1* m2* m3", "{kind}");
    }
}

#[test]
fn from_4_3_the_timeout_cancels_the_consumer_and_only_of_a_quorum_queue() {
    let after = |kind: &str| {
        let mut lab = Lab::with(V43, &[&format!("q {kind}")], |config| {
            config.consumer_timeout = Some(Span::from_secs(3));
            config.channel_tick = Span::from_secs(1);
        });
        lab.consume(A, "q", 2);
        lab.fill("q", 1..=3);
        lab.wait(Span::from_secs(4));
        let error = lab.error(A);
        (error, lab.view("q").map(|view| view.consumers.len()), lab.ready("q"))
    };
    assert_eq!(after("classic"), (String::new(), Some(1), "m3".to_owned()));
    assert_eq!(after("quorum"), (String::new(), Some(0), "m1* m2* m3".to_owned()));
}

#[test]
fn nothing_ticks_while_nothing_is_open() {
    let mut lab = Lab::new(V4, &["q", "r quorum"]);
    lab.fill("q", 1..=2);
    lab.fill("r", 1..=2);
    lab.consume(A, "q", 2);
    lab.ack(A, 1);
    lab.ack(A, 2);
    lab.wait(Span::from_secs(120));
    assert!(lab.timers.is_empty(), "{:?}", lab.timers);
}

#[test]
fn a_method_on_a_channel_that_was_never_opened_closes_the_connection() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.connect(A);
    lab.say(A, 7, Method::ConfirmSelect);
    assert!(lab.error(A).starts_with("504 CHANNEL_ERROR"));
    assert!(lab.was_closed(A));
}
