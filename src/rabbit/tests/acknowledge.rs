//! Acknowledgement, and where what comes back is put.

use super::*;
use crate::talk::{Death, Returned};

const KINDS: [&str; 2] = ["classic", "quorum"];

/// Experiment 15b: a consumer holds m1 m2 m3 of five and nacks m2, m3, m1.
fn nacked_in_another_order(version: &str, kind: &str) -> String {
    let mut lab = Lab::new(version, &[&format!("q {kind}")]);
    lab.fill("q", 1..=5);
    lab.consume(A, "q", 3);
    lab.cancel(A, "q");
    for tag in [2, 3, 1] {
        lab.nack(A, tag, false, true);
    }
    lab.ready("q")
}

#[test]
fn a_classic_queue_puts_a_message_back_to_its_original_place() {
    assert_eq!(nacked_in_another_order(V3, "classic"), "m1* m2* m3* m4 m5");
    assert_eq!(nacked_in_another_order(V4, "classic"), "m1* m2* m3* m4 m5");
}

#[test]
fn a_quorum_queue_serves_returns_first_in_the_order_in_which_they_came_back() {
    let limited = "quorum delivery-limit=20";
    assert_eq!(nacked_in_another_order(V4, "quorum"), "m2* m3* m1* m4 m5");
    assert_eq!(nacked_in_another_order(V3, limited), "m2* m3* m1* m4 m5");
    assert_eq!(nacked_in_another_order(V43, limited), "m2* m3* m1* m4 m5");
}

#[test]
fn without_a_delivery_limit_a_quorum_queue_puts_a_nacked_message_behind_all_others() {
    let unlimited = "quorum delivery-limit=-1";
    assert_eq!(nacked_in_another_order(V3, "quorum"), "m4 m5 m2* m3* m1*");
    assert_eq!(nacked_in_another_order(V4, unlimited), "m4 m5 m2* m3* m1*");
    assert_eq!(nacked_in_another_order(V43, unlimited), "m2* m3* m1* m4 m5");
}

/// Experiment 16.
#[test]
fn after_the_loss_of_a_connection_everything_comes_back_in_order_before_the_rest() {
    for (version, kind) in [(V3, "classic"), (V3, "quorum"), (V4, "classic"), (V4, "quorum")] {
        let mut lab = Lab::new(version, &[&format!("q {kind}")]);
        lab.consume(A, "q", 3);
        lab.fill("q", 1..=5);
        lab.ack(A, 2);
        lab.drop_client(A);
        assert_eq!(lab.ready("q"), "m1* m3* m4* m5", "{version} {kind}");
        let returned =
            |note: &&Note| matches!(note, Note::Requeued { why: Returned::Connection, .. });
        assert_eq!(lab.notes.iter().filter(returned).count(), 3);
    }
}

/// Experiment 73: what a poison message does to a queue depends on where it comes back to.
/// Observed on 3.10.8 and 4.0.5.
#[test]
fn a_lost_channel_gives_back_consumer_by_consumer_in_the_order_of_delivery() {
    for version in [V3, V4] {
        let mut lab = Lab::new(version, &["q quorum"]);
        lab.connect(A);
        lab.connect(B);
        lab.fill("q", 1..=3);
        lab.get(A, "q");
        lab.get(B, "q");
        lab.drop_client(A);
        lab.get(B, "q");
        lab.get(B, "q");
        assert_eq!(lab.delivered(B), "m2 m1* m3");
        lab.drop_client(B);
        assert_eq!(lab.ready("q"), "m2* m1* m3*");
    }
}

#[test]
fn a_nacked_message_blocks_a_classic_queue_whose_only_window_is_one() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=3);
    for tag in 1..=50 {
        lab.nack(A, tag, false, true);
    }
    let delivered = lab.delivered(A);
    assert!(!delivered.contains("m2"), "{delivered}");
    assert_eq!(lab.view("q").map(|it| it.held[0].delivery_count), Some(0), "no counter at all");
}

#[test]
fn multiple_answers_all_up_to_the_tag() {
    for kind in KINDS {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.consume(A, "q", 4);
        lab.fill("q", 1..=4);
        lab.nack(A, 4, false, true);
        lab.cancel(A, "q");
        lab.say(A, 1, Method::Ack { tag: 2, multiple: true });
        lab.settle();
        lab.drop_client(A);
        assert_eq!(lab.ready("q"), "m3* m4*", "{kind}");
    }
}

/// Experiment 91b: consumers z and y of `qb` and x of `qa`, on one channel, and one get of each.
fn holding_of_two_queues(version: &str) -> Lab {
    let mut lab = Lab::new(version, &["dlq", "qb quorum", "qa quorum"]);
    lab.fill("qb", 1..=5);
    lab.fill("qa", 11..=13);
    for (tag, queue) in [("z", "qb"), ("y", "qb"), ("x", "qa")] {
        lab.consume_with(A, queue, 2, |it| it.consumer_tag = tag.into());
    }
    lab.get(A, "qb");
    lab.get(A, "qa");
    for tag in ["z", "y", "x"] {
        lab.say(A, 1, Method::Cancel { consumer_tag: tag.into() });
    }
    lab.settle();
    lab
}

#[test]
fn multiple_goes_from_consumer_to_consumer_by_tag_and_fetched_messages_are_first() {
    let mut lab = holding_of_two_queues(V4);
    lab.nack(A, 0, true, true);
    assert_eq!(lab.ready("qb"), "m5* m3* m4* m1* m2*");
    assert_eq!(lab.ready("qa"), "m13* m11* m12*");
    let returned: Vec<_> = lab.notes.iter().filter_map(requeued_from).collect();
    let (qa, qb) = (lab.broker.queue_id("qa"), lab.broker.queue_id("qb"));
    assert_eq!(returned.first().copied(), qa, "queues by name");
    assert_eq!(returned.last().copied(), qb);
}

/// Observed both ways.
#[test]
fn which_of_several_quorum_queues_has_written_one_answer_first_is_up_to_chance() {
    let order = |way| {
        let mut lab = Lab::new(V4, &["a quorum", "b quorum"]);
        lab.connect(A);
        for (name, id) in [("a", 1), ("b", 2)] {
            lab.fill(name, id..=id);
            lab.get(A, name);
        }
        lab.choices = Untimed::deciding(vec![way]);
        lab.notes.clear();
        lab.nack(A, 2, true, true);
        lab.notes.iter().filter_map(requeued_from).map(|queue| queue.0).collect::<Vec<_>>()
    };
    assert_eq!(order(0), [0, 1]);
    assert_eq!(order(1), [1, 0]);
}

fn requeued_from(note: &Note) -> Option<QueueId> {
    match note {
        Note::Requeued { queue, .. } => Some(*queue),
        _ => None,
    }
}

#[test]
fn recover_goes_from_consumer_to_consumer_too() {
    let mut lab = holding_of_two_queues(V3);
    lab.say(A, 1, Method::Recover { requeue: true });
    lab.settle();
    assert_eq!(lab.ready("qb"), "m5* m3* m4* m1* m2*");
}

#[test]
fn an_unknown_tag_closes_the_channel_which_gives_everything_back() {
    for kind in KINDS {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.consume(A, "q", 2);
        lab.fill("q", 1..=3);
        lab.ack(A, 1);
        lab.ack(A, 1);
        assert_eq!(lab.error(A), "406 PRECONDITION_FAILED - unknown delivery tag 1", "{kind}");
        assert_eq!(lab.ready("q"), "m2* m3*", "{kind}");
        // what the client sent before it knew is ignored
        lab.ack(A, 2);
        assert_eq!(lab.error(A), "", "{kind}");
        assert_eq!(lab.ready("q"), "m2* m3*", "{kind}");
    }
}

#[test]
fn a_tag_of_another_channel_is_unknown() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    lab.say(A, 2, Method::ChannelOpen);
    lab.say(A, 2, Method::Ack { tag: 1, multiple: false });
    assert_eq!(lab.error(A), "406 PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(lab.view("q").map(|view| view.unacked), Some(1), "channel 1 still holds it");
}

#[test]
fn recover_gives_back_everything_that_the_channel_holds() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 2);
    lab.fill("q", 1..=3);
    lab.delivered(A);
    lab.say(A, 1, Method::Recover { requeue: true });
    assert_eq!(lab.delivered(A), "m1* m2*");
    lab.say(A, 1, Method::Recover { requeue: false });
    assert!(lab.error(A).starts_with("540 NOT_IMPLEMENTED"));
}

#[test]
fn an_answer_for_a_queue_that_is_gone_is_accepted_in_silence() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 2);
    lab.fill("q", 1..=2);
    let delete = Method::QueueDelete { queue: "q".into(), if_unused: false, if_empty: false };
    lab.say(P, 1, delete);
    lab.declare(P, "q");
    lab.fill("q", 3..=3);
    lab.ack(A, 1);
    assert_eq!(lab.error(A), "");
    assert_eq!(lab.ready("q"), "m3", "the new queue has nothing to do with it");
}

// ── delivery limit ──

/// How often a message that always comes back is delivered, at most 60 times.
fn deliveries(version: &str, kind: &str, give_back: impl Fn(&mut Lab, u64)) -> usize {
    let mut lab = Lab::new(version, &[&format!("q {kind}")]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    let mut count = 0;
    while count < 60 && !lab.delivered(A).is_empty() {
        count += 1;
        give_back(&mut lab, count as u64);
    }
    count
}

/// Experiments 49 and 50.
#[test]
fn a_delivery_limit_of_n_means_n_plus_one_deliveries() {
    let nack = |lab: &mut Lab, tag: u64| lab.nack(A, tag, false, true);
    let crash = |lab: &mut Lab, _: u64| {
        lab.drop_client(A);
        lab.consume(A, "q", 1);
    };
    assert_eq!(deliveries(V3, "quorum", nack), 60, "no limit by default up to 3.13");
    assert_eq!(deliveries(V4, "quorum", nack), 21, "20 by default from 4.0");
    assert_eq!(deliveries(V4, "quorum delivery-limit=3", nack), 4);
    assert_eq!(deliveries(V3, "quorum delivery-limit=3", crash), 4);
    assert_eq!(deliveries(V3, "quorum delivery-limit=-1", nack), 1, "exceeded at once");
    assert_eq!(deliveries(V4, "quorum delivery-limit=-1", nack), 60, "no limit");
    assert_eq!(deliveries(V4, "classic", nack), 60, "classic queues do not count");
}

#[test]
fn from_4_3_a_nack_is_not_a_failure_but_a_reject_is() {
    let nack = |lab: &mut Lab, tag: u64| lab.nack(A, tag, false, true);
    let reject = |lab: &mut Lab, tag: u64| {
        lab.say(A, 1, Method::Reject { tag, requeue: true });
        lab.settle();
    };
    assert_eq!(deliveries(V43, "quorum", nack), 60);
    assert_eq!(deliveries(V43, "quorum", reject), 21);
}

#[test]
fn the_delivery_count_is_absent_at_first_and_counts_from_one() {
    let mut lab = Lab::new(V4, &["q quorum"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    let count = |lab: &mut Lab| {
        lab.heard(A).iter().find_map(|frame| match frame {
            Frame::Deliver { delivery, .. } => Some(delivery.delivery_count),
            _ => None,
        })
    };
    assert_eq!(count(&mut lab), Some(None));
    for returned in 1..=3 {
        lab.nack(A, u64::from(returned), false, true);
        assert_eq!(count(&mut lab), Some(Some(returned)));
    }
}

#[test]
fn beyond_the_limit_a_message_without_a_dead_letter_exchange_is_dropped() {
    let mut lab = Lab::new(V4, &["q quorum delivery-limit=1"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    lab.nack(A, 1, false, true);
    lab.nack(A, 2, false, true);
    assert_eq!(lab.ready("q"), "");
    let dropped = |note: &Note| matches!(note, Note::Discarded { why: Death::DeliveryLimit, .. });
    assert!(lab.notes.iter().any(dropped));
}
