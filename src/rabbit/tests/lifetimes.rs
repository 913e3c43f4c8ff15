//! Leases, exclusive and auto-delete queues, deletion, redeclaration.

use super::*;
use crate::talk::{Death, Gone};

/// When a queue with a lease is gone although something happens to it every 500 ms.
fn gone_after(kind: &str, expires: u64, act: impl Fn(&mut Lab)) -> u64 {
    let mut lab = Lab::new(V4, &[]);
    lab.declare(P, &format!("q {kind} expires={expires}"));
    lab.connect(A);
    let mut waited = 0;
    while lab.view("q").is_some() && waited < 20_000 {
        lab.wait(millis(100));
        waited += 100;
        if waited % 500 == 0 && waited <= 6_000 && lab.view("q").is_some() {
            act(&mut lab);
        }
    }
    waited
}

fn redeclare(text: &'static str) -> impl Fn(&mut Lab) {
    move |lab| lab.declare(P, text)
}

/// Experiment 33.
#[test]
fn the_lease_of_a_classic_queue_is_renewed_by_get_and_by_a_declaration_that_is_answered() {
    let gone = |act: &dyn Fn(&mut Lab)| gone_after("classic", 1_500, act);
    let passive = |nowait: bool| {
        move |lab: &mut Lab| {
            let declare =
                QueueDeclare { passive: !nowait, nowait, ..queue("q classic expires=1500") };
            lab.say(P, 1, Method::QueueDeclare(Box::new(declare)));
        }
    };
    assert_eq!(gone(&|_| {}), 1_500);
    assert_eq!(gone(&|lab| lab.publish("q", 1)), 1_500);
    assert_eq!(gone(&|lab| lab.say(P, 1, Method::QueuePurge { queue: "q".into() })), 1_500);
    assert_eq!(gone(&|lab| lab.say(A, 1, Method::Get { queue: "q".into(), no_ack: true })), 7_500);
    assert_eq!(gone(&redeclare("q classic expires=1500")), 7_500);
    assert_eq!(gone(&passive(false)), 7_500);
    assert_eq!(gone(&passive(true)), 1_500, "nobody waits for the answer");
}

#[test]
fn the_lease_of_a_quorum_queue_is_not_renewed_by_declarations_and_ends_at_a_tick() {
    let gone = |act: &dyn Fn(&mut Lab)| gone_after("quorum", 3_000, act);
    // a tick comes a little late, and the bench looks every 100 ms
    assert_eq!(gone(&|_| {}), 5_100);
    assert_eq!(gone(&redeclare("q quorum expires=3000")), 5_100);
    assert_eq!(gone(&|lab| lab.publish("q", 1)), 5_100);
    assert_eq!(gone(&|lab| lab.say(A, 1, Method::Get { queue: "q".into(), no_ack: true })), 10_100);
}

#[test]
fn a_queue_with_consumers_does_not_expire_and_its_lease_starts_when_the_last_goes() {
    for (kind, gone) in [("classic", 4_000 + 1_500), ("quorum", 10_000)] {
        let mut lab = Lab::new(V4, &[]);
        lab.declare(P, &format!("q {kind} expires=1500"));
        lab.consume(A, "q", 1);
        lab.wait(millis(4_000 - 10));
        lab.drop_client(A);
        let mut waited = 4_010;
        while lab.view("q").is_some() {
            lab.wait(millis(10));
            waited += 10;
        }
        assert!((gone..gone + 30).contains(&waited), "{kind}: {waited}");
    }
}

/// Experiment 34.
#[test]
fn an_expired_queue_takes_its_messages_with_it_and_later_publishes_are_confirmed_and_dropped() {
    for kind in ["classic", "quorum"] {
        let q = format!("q {kind} expires=500 dead-letter-exchange= dead-letter-routing-key=dlq");
        let mut lab = Lab::new(V4, &[&q, "dlq"]);
        lab.confirm_select();
        lab.fill("q", 1..=1);
        lab.wait(millis(5_000));
        assert_eq!((lab.ready("q"), lab.ready("dlq")), ("gone".to_owned(), String::new()));
        let lost = |note: &Note| matches!(note, Note::Discarded { why: Death::QueueExpired, .. });
        assert!(lab.notes.iter().any(lost), "{kind}");
        lab.publish("q", 2);
        assert_eq!(lab.confirmed(), "+1 +2", "{kind}");
    }
}

#[test]
fn a_lease_starts_anew_after_a_restart() {
    let mut lab = Lab::new(V4, &["q expires=2000"]);
    lab.wait(millis(1_500));
    lab.restart(Loss::Process);
    lab.wait(millis(1_500));
    assert_eq!(lab.ready("q"), "");
    lab.wait(millis(600));
    assert_eq!(lab.ready("q"), "gone");
}

#[test]
fn an_auto_delete_queue_goes_with_its_last_consumer_if_it_ever_had_one() {
    let mut lab = Lab::new(V4, &["q auto-delete"]);
    lab.fill("q", 1..=1);
    assert_eq!(lab.ready("q"), "m1");
    lab.consume(A, "q", 1);
    lab.consume(B, "q", 1);
    lab.cancel(A, "q");
    assert!(lab.view("q").is_some());
    lab.drop_client(B);
    assert_eq!(lab.ready("q"), "gone");
}

#[test]
fn an_exclusive_queue_belongs_to_its_connection_and_goes_with_it() {
    let mut lab = Lab::new(V4, &[]);
    lab.connect(A);
    lab.declare(A, "q exclusive");
    lab.get(P, "q");
    assert_eq!(
        lab.error(P),
        "405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost '/'. \
         It could be originally declared on another connection or the exclusive property value \
         does not match that of the original declaration."
    );
    lab.drop_client(A);
    assert_eq!(lab.ready("q"), "gone");
}

#[test]
fn an_exclusive_consumer_tolerates_no_other_but_get() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.fill("q", 1..=2);
    lab.consume_with(A, "q", 1, |it| it.exclusive = true);
    lab.consume(B, "q", 1);
    let refused = "403 ACCESS_REFUSED - queue 'q' in vhost '/' in exclusive use";
    assert_eq!(lab.error(B), refused);
    lab.get(P, "q");
    assert_eq!(lab.delivered(P), "m2");
    lab.drop_client(A);
    lab.consume(C, "q", 1);
    lab.consume_with(A, "q", 1, |it| it.exclusive = true);
    assert_eq!(lab.error(A), refused, "nor does it come to another");
}

#[test]
fn deletion_looks_at_consumers_and_at_ready_messages_only() {
    let delete =
        |if_unused, if_empty| Method::QueueDelete { queue: "q".into(), if_unused, if_empty };
    let mut lab = Lab::new(V4, &["q"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    lab.say(P, 1, delete(true, false));
    assert_eq!(lab.error(P), "406 PRECONDITION_FAILED - queue 'q' in vhost '/' in use");
    lab.say(P, 1, Method::ChannelOpen);
    lab.say(P, 1, delete(false, true));
    assert_eq!(lab.error(P), "", "an unacknowledged message does not count");
    assert_eq!(lab.ready("q"), "gone");
    let cancelled = |frame: &Frame| matches!(frame, Frame::CancelledByBroker { .. });
    assert!(lab.heard(A).iter().any(cancelled));
    let gone = |note: &Note| matches!(note, Note::QueueGone { why: Gone::Deleted, .. });
    assert!(lab.notes.iter().any(gone));
}

#[test]
fn what_crosses_the_closing_of_a_channel_is_ignored_and_what_comes_later_is_out_of_place() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.connect(A);
    lab.ack(A, 7);
    assert_eq!(lab.error(A), "406 PRECONDITION_FAILED - unknown delivery tag 7");
    lab.ack(A, 8);
    assert_eq!(lab.error(A), "", "the client could not know yet");
    lab.say(A, 1, Method::ChannelCloseOk);
    lab.ack(A, 9);
    assert_eq!(lab.error(A), "504 CHANNEL_ERROR - expected 'channel.open'");
    assert!(lab.was_closed(A));
}

#[test]
fn a_quorum_queue_refuses_conditional_deletion() {
    let mut lab = Lab::new(V4, &["q quorum"]);
    lab.say(P, 1, Method::QueueDelete { queue: "q".into(), if_unused: true, if_empty: false });
    assert_eq!(
        lab.error(P),
        "540 NOT_IMPLEMENTED - cannot delete queue 'q' in vhost '/'. queue.delete operations with \
         if-unused flag set are not supported by quorum queues"
    );
    assert_eq!(lab.ready("q"), "");
}

/// The ready messages and consumers that a passive declaration is told of.
fn told(lab: &mut Lab) -> (u32, u32) {
    let declare = QueueDeclare { passive: true, ..queue("q") };
    lab.say(P, 1, Method::QueueDeclare(Box::new(declare)));
    let counts = |frame: &Frame| match frame {
        Frame::DeclareOk { ready, consumers, .. } => Some((*ready, *consumers)),
        _ => None,
    };
    lab.heard(P).iter().find_map(counts).expect("an answer")
}

#[test]
fn a_quorum_queue_counts_whoever_holds_a_message_as_a_consumer() {
    for (kind, while_held) in [("classic", 0), ("quorum", 1)] {
        let mut lab = Lab::new(V3, &[&format!("q {kind}")]);
        lab.consume(A, "q", 1);
        lab.fill("q", 1..=2);
        assert_eq!(told(&mut lab), (1, 1), "{kind}");
        lab.cancel(A, "q");
        assert_eq!(told(&mut lab), (1, while_held), "{kind}: cancelled");
        lab.ack(A, 1);
        assert_eq!(told(&mut lab), (1, 0), "{kind}: and settled");
        lab.get(A, "q");
        assert_eq!(told(&mut lab), (0, while_held), "{kind}: fetched");
    }
}

#[test]
fn a_quorum_queue_does_not_count_who_waits_behind_a_single_active_consumer() {
    for (kind, consumers) in [("classic", 2), ("quorum", 1)] {
        let mut lab = Lab::new(V4, &[&format!("q {kind} sac")]);
        lab.consume(A, "q", 1);
        lab.consume(B, "q", 1);
        assert_eq!(told(&mut lab), (0, consumers), "{kind}");
    }
}

#[test]
fn a_client_that_did_not_ask_is_not_told_that_its_queue_is_gone() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.say(A, 0, Method::Open { heartbeat: Span::ZERO, cancel_notify: false });
    lab.say(A, 1, Method::ChannelOpen);
    lab.consume(A, "q", 1);
    lab.heard(A);
    lab.say(P, 1, Method::QueueDelete { queue: "q".into(), if_unused: false, if_empty: false });
    assert_eq!(lab.heard(A), []);
}

#[test]
fn another_declaration_closes_the_channel_and_so_gives_back_what_it_held() {
    let mut lab = Lab::new(V4, &["q message-ttl=60000"]);
    lab.consume(A, "q", 1);
    lab.fill("q", 1..=1);
    lab.declare(A, "q message-ttl=30000");
    assert!(lab.error(A).contains("inequivalent arg 'x-message-ttl' for queue 'q'"));
    assert_eq!(lab.ready("q"), "m1*");
}

#[test]
fn from_4_3_a_queue_that_is_neither_durable_nor_exclusive_is_refused() {
    let mut lab = Lab::new(V43, &[]);
    lab.declare(P, "q transient");
    assert!(lab.error(P).starts_with("541 INTERNAL_ERROR"));
    let mut lab = Lab::new(V4, &[]);
    lab.declare(P, "q transient");
    assert_eq!(lab.error(P), "");
}

#[test]
fn a_queue_keeps_its_number_when_it_is_declared_again() {
    let mut lab = Lab::new(V4, &["p", "q"]);
    let id = lab.broker.queue_id("q");
    lab.say(P, 1, Method::QueueDelete { queue: "q".into(), if_unused: false, if_empty: false });
    lab.declare(P, "q");
    assert_eq!(lab.broker.queue_id("q"), id);
    assert_eq!(id.and_then(|id| lab.broker.queue_name(id)), Some(&"q".into()));
}

#[test]
fn a_definition_that_the_broker_would_refuse_is_reported() {
    let mut config = Config::new(Profile::default());
    config.queues = vec![queue("q quorum max-priority=5")];
    let error = Broker::new(config).expect_err("quorum queues have no x-max-priority");
    assert_eq!(error.what, "queue \"q\"");
    assert!(error.why.contains("x-max-priority"), "{error}");
}
