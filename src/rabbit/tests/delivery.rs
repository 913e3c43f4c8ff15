//! Prefetch and the order in which consumers are served.

use super::*;

/// Who got which message, in the order of the messages.
fn who(lab: &mut Lab, clients: &[(NodeId, &str)]) -> String {
    let mut all: Vec<(u32, &str)> = Vec::new();
    for (peer, name) in clients {
        for frame in lab.heard(*peer) {
            if let Frame::Deliver { delivery, .. } = frame {
                all.push((delivery.message.id.0, name));
            }
        }
    }
    all.sort_unstable();
    all.iter().map(|(id, name)| format!("{id}{name}")).collect::<Vec<_>>().join(" ")
}

const ALL: [(NodeId, &str); 3] = [(A, "A"), (B, "B"), (C, "C")];

/// Experiment 23: three consumers with a window of 2, nine messages one by one, then everything
/// acknowledged in the order B, A, C.
fn dispatch(kind: &str) -> (String, String, String) {
    let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
    for (peer, _) in ALL {
        lab.consume(peer, "q", 2);
    }
    lab.fill("q", 1..=9);
    let first = who(&mut lab, &ALL);
    for peer in [B, A, C] {
        lab.ack(peer, 1);
    }
    let second = who(&mut lab, &ALL);
    for tag in [2, 3] {
        for peer in [A, B, C] {
            lab.ack(peer, tag);
        }
    }
    lab.fill("q", 10..=15);
    (first, second, who(&mut lab, &ALL))
}

#[test]
fn a_classic_queue_sets_a_full_consumer_aside_only_when_it_is_its_turn() {
    let (first, second, third) = dispatch("classic");
    assert_eq!(first, "1A 2B 3C 4A 5B 6C");
    assert_eq!(second, "7B 8A 9C");
    assert_eq!(third, "10C 11A 12B 13C 14A 15B");
}

#[test]
fn a_quorum_queue_takes_a_consumer_out_of_the_ring_as_soon_as_it_is_full() {
    let (first, second, third) = dispatch("quorum");
    assert_eq!(first, "1A 2B 3C 4A 5B 6C");
    assert_eq!(second, "7B 8A 9C");
    assert_eq!(third, "10A 11B 12C 13A 14B 15C");
}

#[test]
fn with_a_backlog_the_first_consumer_is_filled_before_the_second_is_there() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.fill("q", 1..=6);
        lab.consume(A, "q", 3);
        lab.consume(B, "q", 3);
        assert_eq!(who(&mut lab, &ALL), "1A 2A 3A 4B 5B 6B", "{kind}");
    }
}

#[test]
fn a_consumer_of_higher_priority_is_served_until_it_is_full() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.consume(A, "q", 2);
        lab.consume_with(B, "q", 2, |it| {
            it.arguments.insert("x-priority".into(), Value::Int(5));
        });
        lab.fill("q", 1..=4);
        assert_eq!(who(&mut lab, &ALL), "1B 2B 3A 4A", "{kind}");
        lab.nack(B, 1, false, true);
        assert_eq!(who(&mut lab, &ALL), "1B", "{kind}");
    }
}

#[test]
fn the_window_of_qos_is_that_of_consumers_to_come() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 3);
    lab.say(A, 1, Method::Qos { prefetch_count: 1, global: false });
    lab.fill("q", 1..=5);
    assert_eq!(lab.delivered(A), "m1 m2 m3");
}

#[test]
fn a_global_window_is_shared_by_the_consumers_of_a_channel() {
    let mut lab = Lab::new(V4, &["q", "r"]);
    lab.fill("q", 1..=5);
    lab.fill("r", 11..=15);
    lab.connect(A);
    lab.say(A, 1, Method::Qos { prefetch_count: 3, global: true });
    lab.consume(A, "q", 2);
    lab.consume(A, "r", 2);
    assert_eq!(lab.delivered(A), "m1 m2 m11");
    lab.ack(A, 1);
    assert_eq!(lab.delivered(A), "m3", "the consumer that has been waiting is served");
    lab.ack(A, 3);
    assert_eq!(lab.delivered(A), "m12");
}

#[test]
fn a_quorum_queue_refuses_global_qos_with_540() {
    let mut lab = Lab::new(V4, &["q quorum"]);
    lab.connect(A);
    lab.say(A, 1, Method::Qos { prefetch_count: 3, global: true });
    lab.consume(A, "q", 0);
    assert!(lab.error(A).starts_with("540 NOT_IMPLEMENTED"));
    assert!(lab.was_closed(A));
}

#[test]
fn an_unlimited_window_is_2000_in_a_quorum_queue_and_everything_in_a_classic_one() {
    for (kind, unacked) in [("classic", 2_100), ("quorum", 2_000)] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.fill("q", 1..=2_100);
        lab.consume(A, "q", 0);
        assert_eq!(lab.view("q").map(|view| view.unacked), Some(unacked), "{kind}");
    }
}

#[test]
fn get_and_no_ack_ignore_the_window() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.fill("q", 1..=6);
        lab.connect(A);
        lab.say(A, 1, Method::Qos { prefetch_count: 1, global: false });
        lab.get(A, "q");
        lab.get(A, "q");
        assert_eq!(lab.delivered(A), "m1 m2", "{kind}");
        lab.consume_with(A, "q", 1, |it| it.no_ack = true);
        assert_eq!(lab.delivered(A), "m3 m4 m5 m6", "{kind}");
        lab.drop_client(A);
        assert_eq!(lab.ready("q"), "m1* m2*", "{kind}: what needed no answer is gone");
    }
}

#[test]
fn a_cancelled_consumer_keeps_what_it_holds_and_gets_no_more() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.consume(A, "q", 2);
        lab.fill("q", 1..=3);
        lab.cancel(A, "q");
        lab.ack(A, 1);
        assert_eq!(lab.delivered(A), "m1 m2", "{kind}");
        lab.nack(A, 2, false, true);
        assert_eq!(lab.ready("q"), "m2* m3", "{kind}");
    }
}
