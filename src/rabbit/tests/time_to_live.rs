//! Time to live of messages.

use super::*;
use crate::talk::Policy;

const KINDS: [&str; 2] = ["classic", "quorum"];

/// A queue `q` of this kind whose dead letters go to `dlq`.
fn lab(kind: &str) -> Lab {
    let q = format!("q {kind} dead-letter-exchange= dead-letter-routing-key=dlq");
    Lab::new(V4, &[&q, "dlq"])
}

fn expiring(lab: &mut Lab, id: u32, millis: u32) {
    lab.publish_with("q", id, |it| {
        it.properties.expiration = Some(millis.to_string().into());
    });
}

#[test]
fn each_message_expires_its_own_time_after_it_arrived() {
    for kind in KINDS {
        let mut lab = lab(&format!("{kind} message-ttl=200"));
        lab.publish("q", 1);
        lab.wait(millis(100));
        lab.publish("q", 2);
        lab.wait(millis(99));
        assert_eq!(lab.ready("dlq"), "", "{kind}");
        lab.wait(millis(11));
        assert_eq!(lab.ready("dlq"), "m1", "{kind}");
        lab.wait(millis(100));
        assert_eq!(lab.ready("dlq"), "m1 m2", "{kind}");
    }
}

/// Experiment 26.
#[test]
fn only_the_head_of_a_queue_expires() {
    for kind in KINDS {
        let mut lab = lab(kind);
        expiring(&mut lab, 1, 2_000);
        expiring(&mut lab, 2, 200);
        lab.publish("q", 3);
        expiring(&mut lab, 4, 100);
        lab.wait(millis(1_500));
        assert_eq!(lab.ready("q"), "m1 m2 m3 m4", "{kind}");
        lab.wait(millis(520));
        assert_eq!(lab.ready("dlq"), "m1 m2", "{kind}");
        lab.wait(millis(1_000));
        assert_eq!(lab.ready("q"), "m3 m4", "{kind}");
        lab.get(P, "q");
        assert_eq!(lab.ready("dlq"), "m1 m2 m4", "{kind}");
    }
}

#[test]
fn the_shorter_of_both_times_counts() {
    for kind in KINDS {
        let mut lab = lab(&format!("{kind} message-ttl=800"));
        expiring(&mut lab, 1, 300);
        expiring(&mut lab, 2, 5_000);
        lab.wait(millis(310));
        assert_eq!(lab.ready("dlq"), "m1", "{kind}");
        lab.wait(millis(500));
        assert_eq!(lab.ready("dlq"), "m1 m2", "{kind}");
    }
}

/// Experiment 28.
#[test]
fn a_time_of_zero_means_deliver_at_once_or_expire() {
    for kind in KINDS {
        let mut lab = lab(kind);
        expiring(&mut lab, 1, 0);
        lab.settle();
        assert_eq!(lab.ready("dlq"), "m1", "{kind}: no consumer");
        lab.consume(A, "q", 1);
        expiring(&mut lab, 2, 0);
        expiring(&mut lab, 3, 0);
        lab.settle();
        assert_eq!(lab.delivered(A), "m2", "{kind}");
        assert_eq!(lab.ready("dlq"), "m1 m3", "{kind}: the consumer is busy");
        lab.nack(A, 1, false, true);
        assert_eq!(lab.ready("dlq"), "m1 m3 m2", "{kind}: it expires when it comes back");
    }
}

/// Experiments 29 and 30.
#[test]
fn a_message_that_a_consumer_holds_does_not_expire_and_gets_no_new_time_when_it_comes_back() {
    for kind in KINDS {
        let mut lab = lab(&format!("{kind} message-ttl=600"));
        lab.consume(A, "q", 2);
        lab.publish("q", 1);
        lab.publish("q", 2);
        lab.wait(millis(400));
        lab.cancel(A, "q");
        lab.nack(A, 1, false, true);
        assert_eq!(lab.ready("q"), "m1*", "{kind}");
        lab.wait(millis(200));
        assert_eq!(lab.ready("dlq"), "m1", "{kind}: 600 ms after it was published");
        lab.wait(millis(1_000));
        assert_eq!(lab.ready("dlq"), "m1", "{kind}: m2 is held");
        lab.nack(A, 2, false, true);
        assert_eq!(lab.ready("dlq"), "m1 m2", "{kind}");
    }
}

/// Experiment 38.
#[test]
fn time_goes_on_while_the_broker_is_down() {
    for kind in KINDS {
        let mut lab = lab(&format!("{kind} message-ttl=900"));
        lab.fill("q", 1..=1);
        lab.wait(millis(250));
        lab.restart(Loss::Graceful);
        assert_eq!(lab.ready("dlq"), "m1", "{kind}: it was down for a second");
    }
}

/// Experiment 31.
#[test]
fn a_policy_gives_no_time_to_messages_that_are_there_and_they_block_those_behind() {
    let mut lab = lab("classic");
    lab.fill("q", 1..=1);
    let definition = [("message-ttl".into(), Value::Int(300))].into();
    let policy = Policy { name: "ttl".into(), pattern: "^q$".into(), definition };
    lab.input(Input::Order(crate::talk::Order::Policy(Box::new(policy))));
    lab.fill("q", 2..=3);
    lab.wait(millis(900));
    assert_eq!(lab.ready("q"), "m1 m2 m3");
    lab.get(P, "q");
    assert_eq!(lab.ready("q"), "");
}

#[test]
fn a_delivery_may_win_the_race_against_the_timer() {
    let mut lab = lab("classic message-ttl=20");
    lab.publish("q", 1);
    lab.wait(millis(21));
    lab.say(P, 1, Method::Get { queue: "q".into(), no_ack: true });
    assert_eq!(lab.delivered(P), "m1", "the deadline is over, the timer a little late");
}

#[test]
fn from_4_3_each_level_of_a_quorum_queue_is_looked_at() {
    let mut lab = Lab::new(V43, &["q quorum"]);
    lab.publish_with("q", 1, |it| it.properties.priority = Some(9));
    lab.publish_with("q", 2, |it| it.properties.expiration = Some("100".into()));
    lab.wait(millis(120));
    assert_eq!(lab.ready("q"), "m1");
    let mut lab = Lab::new(V4, &["q quorum"]);
    lab.publish_with("q", 1, |it| it.properties.priority = Some(9));
    lab.publish_with("q", 2, |it| it.properties.expiration = Some("100".into()));
    lab.wait(millis(120));
    assert_eq!(lab.ready("q"), "m1 m2");
}
