//! Dead letters.

use super::*;
use crate::talk::{Death, Fate, Headers};

const TO_DLQ: &str = "dead-letter-exchange= dead-letter-routing-key=dlq";

fn fates(lab: &Lab) -> Vec<(Death, Fate)> {
    let fate = |note: &Note| match note {
        Note::Discarded { why, then, .. } => Some((*why, *then)),
        _ => None,
    };
    lab.notes.iter().filter_map(fate).collect()
}

#[test]
fn a_rejected_message_carries_where_it_died_and_why() {
    for (version, last) in [(V3, false), (V4, true)] {
        let mut lab = Lab::new(version, &[&format!("src {TO_DLQ}"), "dlq"]);
        lab.publish_with("src", 1, |it| {
            it.properties.expiration = Some("60000".into());
            it.properties.priority = Some(3);
        });
        lab.get(P, "src");
        lab.nack(P, 1, false, false);
        lab.heard(P);
        lab.get(P, "dlq");
        let headers = lab.headers(P);
        assert_eq!(deaths(&headers), "src rejected 1");
        let Some(Value::List(list)) = headers.get("x-death") else { panic!("no x-death") };
        let Value::Table(death) = &list[0] else { panic!("no table") };
        assert_eq!(death.get("original-expiration"), Some(&"60000".into()));
        assert_eq!(death.get("exchange"), Some(&"".into()));
        assert_eq!(death.get("routing-keys"), Some(&Value::List(vec!["src".into()])));
        assert_eq!(headers.get("x-first-death-queue"), Some(&"src".into()));
        assert_eq!(headers.contains_key("x-last-death-reason"), last, "{version}");
        let dlq = lab.view("dlq").expect("dlq");
        assert_eq!(dlq.held[0].expires, None, "the expiration is gone");
    }
}

/// Experiment 40: work –reject→ retry –expire→ work.
fn retries(version: &str, kind: &str) -> Lab {
    Lab::new(
        version,
        &[
            &format!("work {kind} dead-letter-exchange= dead-letter-routing-key=retry"),
            &format!(
                "retry {kind} message-ttl=100 dead-letter-exchange= dead-letter-routing-key=work"
            ),
        ],
    )
}

#[test]
fn deaths_are_counted_by_queue_and_reason_the_most_recent_first() {
    for kind in ["classic", "quorum"] {
        let mut lab = retries(V4, kind);
        lab.consume(A, "work", 1);
        lab.publish("work", 1);
        lab.settle();
        for n in 1..=3 {
            lab.nack(A, n, false, false);
            lab.wait(millis(120));
            let headers = lab.headers(A);
            assert_eq!(deaths(&headers), format!("retry expired {n}, work rejected {n}"));
            assert_eq!(headers.get("x-first-death-reason"), Some(&"rejected".into()));
            assert_eq!(headers.get("x-last-death-reason"), Some(&"expired".into()));
        }
    }
}

#[test]
fn what_a_client_publishes_as_x_death_counts_up_to_3_13_and_not_from_4_0() {
    for (version, count) in [(V3, 4), ("rabbitmq-3.13", 4), (V4, 1)] {
        let mut lab = Lab::new(version, &[&format!("src {TO_DLQ}"), "dlq"]);
        let death: Headers = [
            ("queue".into(), "src".into()),
            ("reason".into(), "rejected".into()),
            ("count".into(), Value::Int(3)),
        ]
        .into();
        lab.publish_with("src", 1, |it| {
            let deaths = Value::List(vec![Value::Table(death)]);
            it.properties.headers.insert("x-death".into(), deaths);
        });
        lab.get(P, "src");
        lab.nack(P, 1, false, false);
        lab.heard(P);
        lab.get(P, "dlq");
        assert_eq!(deaths(&lab.headers(P)), format!("src rejected {count}"), "{version}");
    }
}

/// Experiment 41b.
#[test]
fn a_cc_header_that_is_no_list_closes_the_channel() {
    for header in ["CC", "BCC"] {
        let mut lab = Lab::new(V4, &["q"]);
        lab.publish_with("q", 1, |publication| {
            publication.properties.headers.insert(header.into(), "other".into());
        });
        let text = format!(
            "406 PRECONDITION_FAILED - invalid message: \
             {{unacceptable_type_in_header,\"{header}\",longstr}}"
        );
        assert_eq!(lab.error(P), text);
        assert_eq!(lab.ready("q"), "");
    }
}

/// Experiment 41.
#[test]
fn without_a_key_of_its_own_a_letter_keeps_all_its_keys_and_with_one_it_loses_them() {
    let cc: Headers = [
        ("CC".into(), Value::List(vec!["other".into()])),
        ("BCC".into(), Value::List(vec!["secret".into()])),
    ]
    .into();
    for (version, kept) in [(V3, false), (V4, true)] {
        let mut lab = Lab::new(
            version,
            &[
                "keep dead-letter-exchange=amq.direct",
                "over dead-letter-exchange=amq.direct dead-letter-routing-key=fixed",
                "k",
                "o",
                "s",
                "f",
            ],
        );
        for (key, q) in [("keep", "k"), ("other", "o"), ("secret", "s"), ("fixed", "f")] {
            let bind = crate::talk::Bind {
                source: "amq.direct".into(),
                destination: q.into(),
                key: key.into(),
                ..Default::default()
            };
            lab.say(P, 1, Method::QueueBind(Box::new(bind)));
        }
        for (id, q) in [(1, "keep"), (2, "over")] {
            lab.publish_with(q, id, |it| it.properties.headers = cc.clone());
            lab.get(P, q);
            let headers = lab.headers(P);
            assert!(headers.contains_key("CC") && !headers.contains_key("BCC"), "{version}");
            lab.nack(P, u64::from(id), false, false);
        }
        for q in ["k", "o", "s"] {
            assert_eq!(lab.ready(q), "m1", "{version} {q}");
        }
        assert_eq!(lab.ready("f"), "m2");
        lab.get(P, "f");
        let headers = lab.headers(P);
        assert_eq!(headers.contains_key("CC"), kept, "{version}");
        assert_eq!(deaths(&headers), "over rejected 1");
    }
}

/// Experiment 43.
#[test]
fn an_automatic_cycle_ends_unless_a_rejection_is_part_of_it() {
    for kind in ["classic", "quorum"] {
        let me = |q: &str, to: &str| {
            format!("{q} {kind} message-ttl=50 dead-letter-exchange= dead-letter-routing-key={to}")
        };
        let mut lab = Lab::new(V4, &[&me("self", "self"), &me("c1", "c2"), &me("c2", "c1")]);
        lab.publish("self", 1);
        lab.publish("c1", 2);
        lab.wait(millis(70));
        assert_eq!((lab.ready("self"), lab.ready("c2")), (String::new(), "m2".to_owned()));
        lab.wait(millis(200));
        assert_eq!((lab.ready("c1"), lab.ready("c2")), Default::default(), "{kind}");
        assert_eq!(fates(&lab).last(), Some(&(Death::Expired, Fate::Cycle)));

        let mut lab = retries(V4, kind);
        lab.consume(A, "work", 1);
        lab.publish("work", 1);
        lab.settle();
        for n in 1..=6 {
            assert!(!lab.delivered(A).is_empty(), "{kind}: round {n}");
            lab.nack(A, n, false, false);
            lab.wait(millis(120));
        }
    }
}

/// Experiment 75: with 3.x a message that expired, was redriven with its headers and went through a
/// retry queue is taken for a cycle.
#[test]
fn redriving_with_headers_and_then_retrying_loses_the_message_up_to_3_13() {
    for (version, there) in [(V3, ""), (V4, "m1")] {
        let mut lab = Lab::new(
            version,
            &[
                &format!("order message-ttl=60000 {TO_DLQ}"),
                "dlq",
                "retry message-ttl=50 dead-letter-exchange= dead-letter-routing-key=order",
            ],
        );
        lab.publish_with("order", 1, |it| it.properties.expiration = Some("10".into()));
        lab.wait(millis(20));
        lab.get(P, "dlq");
        let headers = lab.headers(P);
        assert_eq!(deaths(&headers), "order expired 1");
        lab.publish_with("retry", 1, |it| it.properties.headers = headers);
        lab.wait(millis(70));
        assert_eq!(lab.ready("order"), there, "{version}");
    }
}

/// Experiment 42.
#[test]
fn a_letter_without_a_destination_is_dropped_in_silence() {
    for kind in ["classic", "quorum"] {
        for (settings, fate) in [
            ("", Fate::NoDeadLetterExchange),
            ("dead-letter-exchange=missing", Fate::Unroutable),
            ("dead-letter-exchange=amq.direct", Fate::Unroutable),
            ("dead-letter-exchange= dead-letter-routing-key=nowhere", Fate::Unroutable),
        ] {
            let mut lab = Lab::new(V4, &[&format!("q {kind} {settings}")]);
            lab.fill("q", 1..=1);
            lab.get(P, "q");
            lab.nack(P, 1, false, false);
            assert_eq!(fates(&lab), [(Death::Rejected, fate)], "{kind} {settings}");
            assert_eq!(lab.error(P), "");
        }
    }
}

/// Experiment 44.
#[test]
fn letters_keep_the_order_of_rejections_and_within_multiple_that_of_deliveries() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind} {TO_DLQ}"), "dlq"]);
        lab.consume(A, "q", 8);
        lab.fill("q", 1..=6);
        lab.nack(A, 3, false, false);
        lab.nack(A, 1, false, false);
        lab.nack(A, 6, true, false);
        assert_eq!(lab.ready("dlq"), "m3 m1 m2 m4 m5 m6", "{kind}");
    }
}

#[test]
fn at_most_once_a_letter_to_a_full_queue_is_lost() {
    let mut lab =
        Lab::new(V4, &[&format!("q quorum {TO_DLQ}"), "dlq max-length=1 overflow=reject-publish"]);
    lab.fill("dlq", 9..=9);
    lab.fill("q", 1..=1);
    lab.get(P, "q");
    lab.nack(P, 1, false, false);
    assert_eq!(fates(&lab), [(Death::Rejected, Fate::TargetFull)]);
    assert_eq!(lab.ready("dlq"), "m9");
}

/// A quorum queue with at-least-once dead lettering and a retry after 3 s.
fn at_least_once(dlq: &str) -> Lab {
    let q = format!("q quorum overflow=reject-publish dead-letter-strategy=at-least-once {TO_DLQ}");
    let mut queues = vec![q.as_str()];
    queues.extend((!dlq.is_empty()).then_some(dlq));
    Lab::with(V4, &queues, |config| {
        config.dead_letter_confirm_timeout = Span::from_secs(3);
    })
}

/// Experiment 45.
#[test]
fn at_least_once_a_letter_stays_until_there_is_a_route() {
    let mut lab = at_least_once("");
    lab.fill("q", 1..=1);
    lab.get(P, "q");
    lab.nack(P, 1, false, false);
    assert_eq!(lab.view("q").map(|view| view.dead_lettering), Some(1));
    assert_eq!(fates(&lab), []);
    lab.declare(P, "dlq");
    lab.wait(Span::from_secs(3));
    assert_eq!(lab.ready("dlq"), "m1");
    lab.settle();
    assert_eq!(fates(&lab), [(Death::Rejected, Fate::DeadLettered)]);
    assert_eq!(lab.view("q").map(|view| view.dead_lettering), Some(0));
}

#[test]
fn at_least_once_a_full_target_gets_its_letters_as_it_drains() {
    let mut lab = at_least_once("dlq max-length=1 overflow=reject-publish");
    lab.fill("q", 1..=2);
    lab.consume(A, "q", 2);
    lab.nack(A, 2, true, false);
    assert_eq!(lab.ready("dlq"), "m1");
    lab.wait(Span::from_secs(4));
    assert_eq!(lab.ready("dlq"), "m1");
    lab.say(P, 1, Method::Get { queue: "dlq".into(), no_ack: true });
    lab.wait(Span::from_secs(3));
    assert_eq!(lab.ready("dlq"), "m2");
}

/// Experiment 77.
#[test]
fn at_least_once_a_kill_loses_nothing_and_may_duplicate() {
    let mut lab = at_least_once("dlq");
    lab.wait(Span::from_secs(1));
    lab.fill("q", 1..=3);
    lab.consume(A, "q", 3);
    lab.say(A, 1, Method::Nack { tag: 3, multiple: true, requeue: false });
    lab.wait(millis(1));
    assert_eq!(lab.ready("dlq"), "m1 m2 m3", "not yet confirmed");
    lab.choices = Untimed::deciding(vec![2]);
    lab.restart(Loss::Process);
    lab.wait(Span::from_secs(1));
    assert_eq!(lab.ready("dlq"), "m1* m2* m1 m2 m3");
}

#[test]
fn at_least_once_needs_reject_publish() {
    let q = format!("q quorum dead-letter-strategy=at-least-once {TO_DLQ}");
    let mut lab = Lab::new(V4, &[&q]);
    lab.fill("q", 1..=1);
    lab.get(P, "q");
    lab.nack(P, 1, false, false);
    assert_eq!(fates(&lab), [(Death::Rejected, Fate::Unroutable)]);
}

/// Experiment 74.
#[test]
fn from_4_0_a_quorum_queue_passes_its_delivery_count_on_with_a_letter() {
    for (version, expected) in [(V3, "m1"), (V4, "m1*")] {
        let mut lab = Lab::new(version, &[&format!("q quorum {TO_DLQ}"), "dlq quorum"]);
        lab.fill("q", 1..=1);
        lab.get(P, "q");
        lab.nack(P, 1, false, false);
        lab.consume(A, "dlq", 1);
        assert_eq!(lab.delivered(A), expected, "{version}");
    }
}

#[test]
fn each_rejection_on_a_round_trip_adds_one_to_the_count_that_is_passed_on() {
    let mut lab = retries(V4, "quorum");
    lab.consume(A, "work", 1);
    lab.publish("work", 1);
    lab.settle();
    for n in 1..=3 {
        lab.nack(A, u64::from(n), false, false);
        lab.wait(millis(120));
        let count = lab.heard(A).iter().rev().find_map(|frame| match frame {
            Frame::Deliver { delivery, .. } => delivery.delivery_count,
            _ => None,
        });
        assert_eq!(count, Some(n));
    }
}

#[test]
fn purged_deleted_and_acknowledged_messages_are_never_dead_lettered() {
    let mut lab = Lab::new(V4, &[&format!("q {TO_DLQ}"), "dlq"]);
    lab.fill("q", 1..=3);
    lab.get(P, "q");
    lab.ack(P, 1);
    lab.get(P, "q");
    lab.say(P, 1, Method::QueuePurge { queue: "q".into() });
    lab.say(P, 1, Method::QueueDelete { queue: "q".into(), if_unused: false, if_empty: false });
    assert_eq!(lab.ready("dlq"), "");
    let ends = [Death::Purged, Death::QueueDeleted].map(|why| (why, Fate::NoDeadLetterExchange));
    assert_eq!(fates(&lab), ends);
}

/// Observed on 4.0.5.
#[test]
fn a_dead_letter_takes_along_how_often_its_delivery_failed_but_not_how_often_it_was_given_back() {
    let carried = |give_back: &dyn Fn(&mut Lab)| {
        let queue = "q quorum dead-letter-exchange= dead-letter-routing-key=d";
        let mut lab = Lab::new(V4, &["d quorum", queue]);
        lab.fill("q", 1..=1);
        lab.get(P, "q");
        give_back(&mut lab);
        lab.get(B, "d");
        let frames = lab.heard(B);
        frames.iter().find_map(|frame| match frame {
            Frame::GetOk { delivery, .. } => Some((delivery.redelivered, delivery.delivery_count)),
            _ => None,
        })
    };
    let given = |lost: bool| {
        move |lab: &mut Lab| {
            lab.connect(B);
            if lost {
                lab.drop_client(P);
                lab.connect(P);
            } else {
                lab.nack(P, 1, false, true);
            }
            lab.get(P, "q");
            lab.nack(P, if lost { 1 } else { 2 }, false, false);
        }
    };
    assert_eq!(carried(&given(false)), Some((true, Some(1))), "rejected");
    assert_eq!(carried(&given(true)), Some((true, Some(2))), "its channel was lost, and rejected");
}
