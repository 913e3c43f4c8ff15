//! What survives a stop, a kill and a loss of power.

use super::*;

/// Experiments 08 and 09: T1 P2 T3 P4 (T transient), the first two delivered and not acknowledged.
fn after(version: &str, loss: Loss, kind: &str) -> String {
    let mut lab = Lab::new(version, &[&format!("q {kind}")]);
    for id in 1..=4 {
        lab.publish_with("q", id, |it| it.properties.persistent = id % 2 == 0);
    }
    lab.wait(Span::from_secs(1));
    lab.consume(A, "q", 2);
    lab.restart(loss);
    lab.ready("q")
}

#[test]
fn an_orderly_stop_keeps_persistent_messages_and_which_were_delivered() {
    for version in [V3, V4] {
        assert_eq!(after(version, Loss::Graceful, "classic"), "m2* m4");
        assert_eq!(after(version, Loss::Graceful, "quorum"), "m1* m2* m3 m4");
        assert_eq!(after(version, Loss::Graceful, "classic transient"), "gone");
    }
}

#[test]
fn an_orderly_stop_tells_every_client_and_a_kill_tells_nobody() {
    let forced = "320 CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'";
    for (loss, told) in [(Loss::Graceful, forced), (Loss::Process, "")] {
        let mut lab = Lab::new(V4, &["q"]);
        lab.connect(A);
        lab.restart(loss);
        assert_eq!([lab.error(A), lab.error(P)], [told, told]);
    }
}

#[test]
fn after_a_kill_a_classic_queue_flags_every_message_as_redelivered() {
    for version in [V3, V4] {
        assert_eq!(after(version, Loss::Process, "classic"), "m2* m4*");
        assert_eq!(after(version, Loss::Process, "quorum"), "m1* m2* m3 m4");
        assert_eq!(after(version, Loss::Process, "classic transient"), "gone");
    }
}

#[test]
fn a_kill_loses_unwritten_publishes_as_a_suffix() {
    for kind in ["classic", "quorum"] {
        for kept in 0..=3 {
            let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
            lab.choices = Untimed::deciding(vec![kept]);
            for id in 1..=3 {
                lab.publish("q", id);
            }
            lab.restart(Loss::Process);
            let expected: Vec<MessageId> = (1..=kept).map(MessageId).collect();
            let there: Vec<MessageId> = lab
                .view("q")
                .map(|view| view.messages.iter().map(|it| it.msg).collect())
                .unwrap_or_default();
            assert_eq!(there, expected, "{kind}");
        }
    }
}

#[test]
fn a_confirmed_persistent_message_survives_a_kill() {
    for kind in ["classic", "quorum"] {
        let mut lab = Lab::new(V4, &[&format!("q {kind}")]);
        lab.confirm_select();
        lab.publish("q", 1);
        lab.wait(millis(1));
        assert_eq!(lab.confirmed(), "+1");
        lab.restart(Loss::Process);
        assert!(lab.ready("q").starts_with("m1"), "{kind}");
    }
}

/// Experiment 13.
#[test]
fn a_confirmed_transient_message_is_lost_by_any_restart() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.publish_with("q", 1, |it| it.properties.persistent = false);
    assert_eq!(lab.confirmed(), "+1");
    lab.restart(Loss::Graceful);
    assert_eq!(lab.ready("q"), "");
    assert!(lab.notes.iter().any(|note| matches!(note, Note::Lost { .. })));
}

#[test]
fn a_loss_of_power_undoes_what_storage_version_2_had_not_synced() {
    let after = |version: &str, pause: Span| {
        let mut lab = Lab::new(version, &["q"]);
        lab.confirm_select();
        lab.publish("q", 1);
        lab.wait(Span::from_secs(1) + pause);
        lab.restart(Loss::Power);
        lab.ready("q")
    };
    assert_eq!(after(V3, Span::ZERO), "m1*", "version 1 syncs before it confirms");
    assert_eq!(after(V4, Span::ZERO), "", "version 2 does not");
    assert_eq!(after(V4, Span::from_secs(60)), "m1*", "later the operating system does");
}

/// Experiments 71 and 76.
#[test]
fn an_acknowledgement_is_undone_by_a_kill_that_comes_before_it_is_written() {
    let after = |version: &str, acked: u64, pause: Span| {
        let mut lab = Lab::new(version, &["q"]);
        lab.fill("q", 1..=4);
        lab.wait(Span::from_secs(1));
        lab.consume(A, "q", 4);
        lab.say(A, 1, Method::Ack { tag: acked, multiple: true });
        lab.wait(pause);
        lab.restart(Loss::Process);
        lab.ready("q")
    };
    assert_eq!(after(V3, 4, Span::ZERO), "m1* m2* m3* m4*");
    assert_eq!(after(V4, 2, Span::ZERO), "m1* m2* m3* m4*");
    assert_eq!(after(V4, 4, Span::ZERO), "", "a segment without messages is deleted at once");
    assert_eq!(after(V3, 4, Span::from_secs(1)), "");
    assert_eq!(after(V4, 2, Span::from_secs(1)), "m3* m4*");
}

#[test]
fn what_is_resurrected_is_said() {
    let mut lab = Lab::new(V3, &["q"]);
    lab.fill("q", 1..=2);
    lab.wait(Span::from_secs(1));
    lab.consume(A, "q", 1);
    lab.say(A, 1, Method::Ack { tag: 1, multiple: false });
    lab.restart(Loss::Process);
    let recovered: Vec<(MessageId, bool)> = lab
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::Recovered { msg, resurrected, .. } => Some((*msg, *resurrected)),
            _ => None,
        })
        .collect();
    assert_eq!(recovered, [(MessageId(1), true), (MessageId(2), false)]);
}

/// Experiment 72: the source had deleted its segment, the target had not written.
#[test]
fn at_most_once_dead_lettering_loses_messages_when_the_broker_is_killed_meanwhile() {
    let after = |version: &str| {
        let mut lab =
            Lab::new(version, &["src dead-letter-exchange= dead-letter-routing-key=dlq", "dlq"]);
        lab.fill("src", 1..=3);
        lab.wait(Span::from_secs(1));
        lab.consume(A, "src", 3);
        lab.say(A, 1, Method::Nack { tag: 3, multiple: true, requeue: false });
        assert_eq!(lab.ready("dlq"), "m1 m2 m3");
        lab.restart(Loss::Process);
        (lab.ready("src"), lab.ready("dlq"))
    };
    assert_eq!(after(V3), ("m1* m2* m3*".to_owned(), String::new()));
    assert_eq!(after(V4), (String::new(), String::new()));
}

/// Experiment 14.
#[test]
fn a_quorum_queue_declared_just_before_a_kill_has_no_leader_afterwards() {
    let mut lab = Lab::new(V4, &[]);
    lab.confirm_select();
    lab.declare(P, "q quorum");
    lab.publish("q", 1);
    lab.wait(millis(50));
    lab.restart(Loss::Process);
    lab.heard(P);
    lab.get(P, "q");
    assert_eq!(lab.heard(P), [], "it does not answer");
    assert_eq!(lab.ready("q"), "m1", "though the message is there");
}

#[test]
fn definitions_survive_a_restart_and_transient_exchanges_do_not() {
    let mut lab = Lab::new(V4, &["q"]);
    for (exchange, durable) in [("kept", true), ("lost", false)] {
        let declare = crate::talk::ExchangeDeclare {
            exchange: exchange.into(),
            kind: "fanout".into(),
            durable,
            ..Default::default()
        };
        lab.say(P, 1, Method::ExchangeDeclare(Box::new(declare)));
        let bind = crate::talk::Bind {
            source: exchange.into(),
            destination: "q".into(),
            ..Default::default()
        };
        lab.say(P, 1, Method::QueueBind(Box::new(bind)));
    }
    lab.restart(Loss::Process);
    lab.publish_with("", 1, |it| it.exchange = "kept".into());
    assert_eq!(lab.ready("q"), "m1");
    lab.publish_with("", 2, |it| it.exchange = "lost".into());
    assert_eq!(lab.error(P), "404 NOT_FOUND - no exchange 'lost' in vhost '/'");
}
