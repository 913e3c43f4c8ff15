//! Limits of length.

use super::*;

/// Publishes one after the other to a queue with a limit of 3: confirms, queue and dead letters.
fn overflow(kind: &str, policy: &str, burst: bool) -> (String, String, String) {
    let dead = "dead-letter-exchange= dead-letter-routing-key=dlq";
    let mut lab = Lab::new(V4, &[&format!("q {kind} max-length=3 {policy} {dead}"), "dlq"]);
    lab.confirm_select();
    for id in 1..=6 {
        lab.publish("q", id);
        if !burst {
            lab.settle();
        }
    }
    lab.settle();
    (lab.confirmed(), lab.ready("q"), lab.ready("dlq"))
}

fn is(confirms: &str, queue: &str, dead: &str) -> (String, String, String) {
    (confirms.to_owned(), queue.to_owned(), dead.to_owned())
}

/// Experiment 47.
#[test]
fn a_classic_queue_overflows_as_its_policy_says() {
    let serial = |policy| overflow("classic", policy, false);
    let all = "+1 +2 +3 +4 +5 +6";
    assert_eq!(serial(""), is(all, "m4 m5 m6", "m1 m2 m3"));
    assert_eq!(serial("overflow=drop-head"), is(all, "m4 m5 m6", "m1 m2 m3"));
    let some = "+1 +2 +3 -4m -5m -6m";
    assert_eq!(serial("overflow=reject-publish"), is(some, "m1 m2 m3", ""));
    assert_eq!(serial("overflow=reject-publish-dlx"), is(some, "m1 m2 m3", "m4 m5 m6"));
}

#[test]
fn a_quorum_queue_refuses_softly_and_knows_no_reject_publish_dlx() {
    let serial = |policy| overflow("quorum", policy, false);
    let all = "+1 +2 +3 +4 +5 +6";
    assert_eq!(serial(""), is(all, "m4 m5 m6", "m1 m2 m3"));
    assert_eq!(serial("overflow=reject-publish-dlx"), is(all, "m4 m5 m6", "m1 m2 m3"));
    assert_eq!(serial("overflow=reject-publish"), is("+1 +2 +3 +4 -5m -6m", "m1 m2 m3 m4", ""));
    let burst = overflow("quorum", "overflow=reject-publish", true);
    assert_eq!(burst, is("+6m", "m1 m2 m3 m4 m5 m6", ""), "a burst is accepted whole");
}

#[test]
fn a_publisher_that_was_told_to_stop_goes_on_when_the_queue_is_down_to_80_percent() {
    let mut lab = Lab::new(V4, &["q quorum max-length=5 overflow=reject-publish"]);
    lab.confirm_select();
    lab.fill("q", 1..=6);
    lab.publish("q", 7);
    lab.settle();
    assert_eq!(lab.confirmed(), "+6m -7m");
    lab.consume_with(A, "q", 1, |_| {});
    lab.publish("q", 8);
    lab.settle();
    assert_eq!(lab.confirmed(), "-8m", "5 are ready");
    lab.ack(A, 1);
    lab.publish("q", 9);
    lab.settle();
    assert_eq!(lab.confirmed(), "+9", "4 were ready");
}

/// Experiment 48.
#[test]
fn the_limit_counts_ready_messages_and_what_comes_back_first_is_dropped_first() {
    for (version, kind, left) in [
        (V3, "classic", "m4 m5 m6"),
        (V4, "classic", "m4 m5 m6"),
        (V4, "quorum", "m4 m5 m6"),
        (V3, "quorum", "m1* m2* m3*"),
    ] {
        let mut lab = Lab::new(version, &[&format!("q {kind} max-length=3")]);
        lab.consume(A, "q", 3);
        lab.fill("q", 1..=6);
        assert_eq!(lab.ready("q"), "m4 m5 m6", "held ones are extra");
        lab.cancel(A, "q");
        lab.nack(A, 3, true, true);
        assert_eq!(lab.ready("q"), left, "{version} {kind}");
    }
}

#[test]
fn what_comes_back_may_exceed_the_limit_of_reject_publish() {
    let mut lab = Lab::new(V4, &["q max-length=3 overflow=reject-publish"]);
    lab.consume(A, "q", 5);
    lab.fill("q", 1..=9);
    lab.drop_client(A);
    assert_eq!(lab.view("q").map(|view| view.ready), Some(8));
}

#[test]
fn bytes_are_limited_as_messages_are() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind} max-length-bytes=25")]);
        lab.fill("q", 1..=4);
        assert_eq!(lab.ready("q"), "m3 m4", "{kind}: 10 bytes each");
    }
}

/// Experiment 84.
#[test]
fn of_policy_and_argument_the_smaller_number_counts_but_the_dead_letter_exchange_of_the_argument() {
    use crate::talk::{Order, Policy};
    let mut lab = Lab::new(
        V4,
        &[
            "q message-ttl=1000 dead-letter-exchange= dead-letter-routing-key=mine",
            "mine",
            "theirs",
        ],
    );
    let definition = [
        ("message-ttl".into(), Value::Int(300)),
        ("dead-letter-exchange".into(), "".into()),
        ("dead-letter-routing-key".into(), "theirs".into()),
    ];
    let policy = Policy { name: "p".into(), pattern: "^q$".into(), definition: definition.into() };
    lab.input(Input::Order(Order::Policy(Box::new(policy))));
    lab.publish("q", 1);
    lab.wait(millis(310));
    assert_eq!((lab.ready("mine"), lab.ready("theirs")), ("m1".to_owned(), String::new()));
    let none = Policy { name: "p".into(), pattern: "".into(), definition: Default::default() };
    lab.input(Input::Order(Order::Policy(Box::new(none))));
    lab.publish("q", 2);
    lab.wait(millis(310));
    assert_eq!(lab.ready("q"), "m2", "without the policy the argument counts");
}
