//! Priorities of messages, and single active consumers.

use super::*;

fn with_priority(lab: &mut Lab, id: u32, priority: Option<u8>) {
    lab.publish_with("q", id, |it| it.properties.priority = priority);
}

/// Experiment 54: ten messages with these priorities.
fn backlog(version: &str, kind: &str) -> String {
    let mut lab = Lab::new(version, &[&format!("q {kind}")]);
    let priorities =
        [Some(0), Some(5), Some(1), None, Some(9), Some(5), Some(10), Some(200), Some(4), Some(1)];
    for (id, priority) in (1..).zip(priorities) {
        with_priority(&mut lab, id, priority);
    }
    lab.settle();
    lab.ready("q")
}

#[test]
fn a_classic_queue_is_strict_up_to_its_highest_priority() {
    assert_eq!(backlog(V4, "classic max-priority=10"), "m7 m8 m5 m2 m6 m9 m3 m10 m1 m4");
}

#[test]
fn quorum_queues_learnt_priorities_in_two_steps() {
    assert_eq!(backlog(V3, "quorum"), "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10");
    assert_eq!(backlog(V4, "quorum"), "m2 m5 m1 m6 m7 m3 m8 m4 m9 m10", "two high, one low");
    assert_eq!(backlog(V43, "quorum"), "m8 m7 m5 m2 m6 m4 m9 m3 m10 m1", "strict, 4 by default");
}

/// Observed on 4.0.5.
#[test]
fn every_third_time_the_older_of_both_is_served_and_every_message_counts() {
    let mut lab = Lab::new(V4, &["q quorum"]);
    let publish = |lab: &mut Lab, priorities: [u8; 6]| {
        for (id, priority) in (1..).zip(priorities) {
            with_priority(lab, id, Some(priority));
        }
        lab.settle();
    };
    publish(&mut lab, [0, 9, 0, 9, 9, 0]);
    assert_eq!(lab.ready("q"), "m2 m4 m1 m5 m3 m6");
    lab.get(P, "q");
    lab.get(P, "q");
    assert_eq!(lab.ready("q"), "m1 m5 m3 m6");
    lab.say(P, 1, Method::QueuePurge { queue: "q".into() });
    lab.settle();
    publish(&mut lab, [0, 9, 0, 9, 9, 0]);
    assert_eq!(lab.ready("q"), "m2 m4 m1 m5 m3 m6", "a purge begins anew");
    lab.say(P, 1, Method::QueuePurge { queue: "q".into() });
    lab.settle();
    publish(&mut lab, [9, 9, 9, 0, 9, 0]);
    assert_eq!(lab.ready("q"), "m1 m2 m3 m5 m4 m6", "the third is of high priority, and older");
}

/// Observed on 3.10.8 and 4.0.5: only what arrives in an empty queue, or makes others leave, is
/// looked at.
#[test]
fn a_new_head_of_higher_priority_does_not_expire_by_itself() {
    for version in [V3, V4] {
        let mut lab = Lab::new(version, &["q max-priority=5"]);
        with_priority(&mut lab, 1, None);
        lab.publish_with("q", 2, |it| {
            it.properties.priority = Some(3);
            it.properties.expiration = Some("120".into());
        });
        lab.wait(millis(500));
        assert_eq!(lab.ready("q"), "m2 m1");
        lab.get(P, "q");
        assert_eq!(lab.delivered(P), "m2");
    }
}

#[test]
fn a_nacked_message_goes_back_to_its_place_within_its_level() {
    let mut lab = Lab::new(V4, &["q max-priority=10"]);
    lab.fill("q", 1..=3);
    lab.get(P, "q");
    with_priority(&mut lab, 4, Some(9));
    lab.nack(P, 1, false, true);
    assert_eq!(lab.ready("q"), "m4 m1* m2 m3");
}

/// Experiment 55.
#[test]
fn a_full_priority_queue_drops_the_highest_priority_first() {
    let mut lab = Lab::new(V4, &["q max-priority=10 max-length=3"]);
    for (id, priority) in [(1, 1), (2, 1), (3, 9), (4, 9), (5, 9)] {
        with_priority(&mut lab, id, Some(priority));
    }
    lab.settle();
    assert_eq!(lab.ready("q"), "m5 m1 m2");
}

/// Experiment 56.
#[test]
fn behind_a_head_of_higher_priority_nothing_expires() {
    let mut lab = Lab::new(V4, &["q max-priority=10"]);
    with_priority(&mut lab, 1, Some(9));
    lab.publish_with("q", 2, |it| it.properties.expiration = Some("300".into()));
    lab.wait(millis(900));
    assert_eq!(lab.ready("q"), "m1 m2");
    lab.get(P, "q");
    assert_eq!(lab.ready("q"), "");
}

// ── single active consumer ──

fn subscribe(lab: &mut Lab, peer: NodeId, priority: i64) {
    lab.consume_with(peer, "q", 2, |it| {
        it.arguments.insert("x-priority".into(), Value::Int(priority));
    });
}

/// Experiment 57: A first, then B of priority 5 and C of priority 9; then the active one goes.
fn succession(version: &str, kind: &str) -> [String; 3] {
    let mut lab = Lab::new(version, &[&format!("q {kind} sac")]);
    for (peer, priority) in [(A, 0), (B, 5), (C, 9)] {
        subscribe(&mut lab, peer, priority);
    }
    lab.fill("q", 1..=3);
    let active = [A, B, C].into_iter().find(|peer| !lab.delivered(*peer).is_empty());
    lab.drop_client(active.expect("one is served"));
    [A, B, C].map(|peer| lab.delivered(peer))
}

#[test]
fn the_successor_of_a_single_active_consumer_is_the_one_of_highest_priority() {
    let successor =
        |version, kind| succession(version, kind).iter().position(|got| got == "m1* m2*");
    assert_eq!(successor(V4, "classic"), Some(2), "C after A");
    assert_eq!(successor(V3, "quorum"), Some(1), "B after A: whoever came first");
    assert_eq!(successor(V4, "quorum"), Some(1), "B after C, which had been active");
}

/// Experiment 57b.
#[test]
fn a_higher_priority_takes_over_once_the_active_consumer_has_settled_everything() {
    let mut lab = Lab::new(V4, &["q quorum sac"]);
    subscribe(&mut lab, A, 0);
    lab.fill("q", 1..=4);
    assert_eq!(lab.delivered(A), "m1 m2");
    subscribe(&mut lab, B, 5);
    lab.ack(A, 1);
    assert_eq!((lab.delivered(A), lab.delivered(B)), Default::default());
    lab.ack(A, 2);
    assert_eq!((lab.delivered(A), lab.delivered(B)), (String::new(), "m3 m4".to_owned()));
}

/// Experiment 95b: of those who wait, the one with most credit, from 4.0.
#[test]
fn since_priorities_count_the_successor_is_the_one_with_most_credit() {
    for (version, kind, next) in [(V3, "quorum", B), (V4, "quorum", C), (V4, "classic", B)] {
        let mut lab = Lab::new(version, &[&format!("q {kind} sac")]);
        for (peer, prefetch) in [(A, 1), (B, 1), (C, 2)] {
            lab.consume(peer, "q", prefetch);
        }
        lab.fill("q", 1..=1);
        lab.drop_client(A);
        assert_eq!(lab.delivered(next), "m1*", "{version} {kind}");
    }
}

/// Experiment 95: up to 3.13 the successor waits for something to happen, and an answer is nothing.
#[test]
fn an_answer_of_the_old_active_consumer_does_not_serve_its_successor() {
    for (version, served) in [(V3, ""), (V4, "m3 m4")] {
        let mut lab = Lab::new(version, &["q sac"]);
        lab.consume(A, "q", 2);
        lab.consume(B, "q", 2);
        lab.fill("q", 1..=5);
        lab.cancel(A, "q");
        lab.ack(A, 1);
        lab.nack(A, 2, false, false);
        assert_eq!(lab.delivered(B), served, "{version}");
        lab.consume(C, "q", 1);
        let then = if served.is_empty() { "m3 m4" } else { "" };
        assert_eq!(lab.delivered(B), then, "{version}: somebody subscribes");
    }
}

/// Experiment 58.
#[test]
fn after_a_cancel_both_the_old_and_the_new_active_consumer_hold_messages() {
    for (version, at_once) in [(V3, ""), (V4, "m3 m4")] {
        let mut lab = Lab::new(version, &["q sac"]);
        lab.consume(A, "q", 2);
        lab.consume(B, "q", 2);
        lab.fill("q", 1..=6);
        lab.cancel(A, "q");
        assert_eq!(lab.delivered(B), at_once, "{version}");
        lab.nack(A, 2, true, true);
        let next = if at_once.is_empty() { "m1* m2*" } else { "" };
        assert_eq!(lab.delivered(B), next, "{version}");
    }
}

#[test]
fn get_from_a_quorum_queue_with_a_single_active_consumer_is_refused() {
    let mut lab = Lab::new(V4, &["q quorum sac", "c sac"]);
    lab.fill("c", 1..=1);
    lab.get(P, "c");
    assert_eq!(lab.delivered(P), "m1");
    lab.get(P, "q");
    assert!(lab.error(P).starts_with("405 RESOURCE_LOCKED"));
    lab.consume_with(A, "c", 1, |it| it.exclusive = true);
    assert_eq!(lab.error(A), "403 ACCESS_REFUSED - queue 'c' in vhost '/' in exclusive use");
}
