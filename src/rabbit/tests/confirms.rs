//! Publisher confirms, returns and transactions.

use super::*;
use crate::talk::Done;

fn transient(publication: &mut Publication) {
    publication.properties.persistent = false;
}

#[test]
fn a_transient_publish_is_confirmed_at_once_and_a_persistent_one_when_it_is_written() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.publish("q", 1);
    lab.publish_with("q", 2, transient);
    lab.publish("q", 3);
    assert_eq!(lab.confirmed(), "+2", "out of order");
    lab.wait(millis(1));
    assert_eq!(lab.confirmed(), "+3m", "and what was written together in one frame");
}

#[test]
fn a_quorum_queue_confirms_what_is_in_its_log() {
    let mut lab = Lab::new(V4, &["q quorum"]);
    lab.confirm_select();
    lab.publish_with("q", 1, transient);
    assert_eq!(lab.confirmed(), "");
    lab.wait(millis(1));
    assert_eq!(lab.confirmed(), "+1");
}

#[test]
fn an_unroutable_publish_is_acked_never_nacked_and_returned_before_that() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.publish("nowhere", 1);
    assert_eq!(lab.confirmed(), "+1");
    let publication = Publication { routing_key: "nowhere".into(), ..Default::default() };
    let message = Message { id: MessageId(2), copy: 0, publication: Arc::new(publication) };
    lab.say(P, 1, Method::Publish { mandatory: true, message });
    assert_eq!(lab.confirmed(), "return m2 +2");
}

#[test]
fn a_publish_to_several_queues_is_confirmed_after_the_last() {
    let mut lab = Lab::with(V4, &["c", "d quorum"], |config| {
        config.bindings = ["c", "d"]
            .map(|queue| crate::rabbit::Binding {
                source: "amq.fanout".into(),
                destination: crate::rabbit::Destination::Queue(queue.into()),
                key: Name::default(),
                arguments: Default::default(),
            })
            .to_vec();
    });
    lab.confirm_select();
    lab.publish_with("", 1, |it| {
        it.exchange = "amq.fanout".into();
        transient(it);
    });
    assert_eq!(lab.confirmed(), "", "the classic queue has it, the quorum queue not yet");
    lab.settle();
    assert_eq!(lab.confirmed(), "+1");
}

/// Experiment 82.
#[test]
fn a_nack_does_not_mean_that_no_queue_has_the_message() {
    let mut lab = Lab::with(V4, &["full max-length=1 overflow=reject-publish", "free"], |config| {
        config.bindings = ["full", "free"]
            .map(|queue| crate::rabbit::Binding {
                source: "amq.fanout".into(),
                destination: crate::rabbit::Destination::Queue(queue.into()),
                key: Name::default(),
                arguments: Default::default(),
            })
            .to_vec();
    });
    lab.confirm_select();
    for id in [1, 2] {
        lab.publish_with("", id, |it| it.exchange = "amq.fanout".into());
    }
    lab.settle();
    assert_eq!(lab.confirmed(), "-2 +1");
    assert_eq!((lab.ready("full"), lab.ready("free")), ("m1".to_owned(), "m1 m2".to_owned()));
}

#[test]
fn a_publish_to_an_exchange_that_is_not_there_closes_the_channel() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.publish_with("q", 1, |it| it.exchange = "nope".into());
    lab.publish("q", 2);
    assert_eq!(lab.error(P), "404 NOT_FOUND - no exchange 'nope' in vhost '/'");
    assert_eq!(lab.ready("q"), "", "what was pipelined behind it is ignored");
}

#[test]
fn a_second_confirm_select_does_not_start_the_count_again() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.publish_with("q", 1, transient);
    lab.confirm_select();
    lab.publish_with("q", 2, transient);
    assert_eq!(lab.confirmed(), "+2");
}

#[test]
fn confirms_and_transactions_exclude_each_other() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.confirm_select();
    lab.say(P, 1, Method::TxSelect);
    assert_eq!(lab.error(P), "406 PRECONDITION_FAILED - cannot switch from confirm to tx mode");
    lab.connect(A);
    lab.say(A, 1, Method::TxSelect);
    lab.say(A, 1, Method::ConfirmSelect);
    assert_eq!(lab.error(A), "406 PRECONDITION_FAILED - cannot switch from tx to confirm mode");
}

#[test]
fn a_transaction_shows_nothing_before_its_commit_and_is_answered_when_all_is_written() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.fill("q", 1..=1);
    lab.say(P, 1, Method::TxSelect);
    lab.get(P, "q");
    lab.publish("q", 2);
    lab.say(P, 1, Method::Ack { tag: 1, multiple: false });
    assert_eq!(lab.ready("q"), "");
    assert_eq!(lab.view("q").map(|view| view.unacked), Some(1));
    lab.heard(P);
    lab.say(P, 1, Method::TxCommit);
    assert_eq!(lab.heard(P), [], "not yet written");
    lab.wait(millis(1));
    assert_eq!(lab.heard(P), [Frame::Ok(Done::TxCommit)]);
    assert_eq!(lab.ready("q"), "m2");
    assert_eq!(lab.view("q").map(|view| view.unacked), Some(0));
}

#[test]
fn a_rollback_forgets_publishes_and_acknowledgements() {
    let mut lab = Lab::new(V4, &["q"]);
    lab.fill("q", 1..=2);
    lab.say(P, 1, Method::TxSelect);
    lab.get(P, "q");
    lab.publish("q", 3);
    lab.say(P, 1, Method::Ack { tag: 1, multiple: false });
    lab.say(P, 1, Method::TxRollback);
    assert_eq!(lab.ready("q"), "m2");
    lab.nack(P, 1, false, true);
    assert_eq!(lab.error(P), "", "the delivery is open again");
    // that was in the transaction, too
    lab.say(P, 1, Method::TxCommit);
    lab.settle();
    assert_eq!(lab.ready("q"), "m1* m2");
}

#[test]
fn a_message_names_no_other_user_than_its_publisher() {
    let refused = "406 PRECONDITION_FAILED - user_id property set to 'bob' but authenticated user \
                   was 'guest'";
    let no_number = "406 PRECONDITION_FAILED - invalid expiration 'x': no_integer";
    for (version, both) in [(V3, refused), (V4, no_number)] {
        let mut lab = Lab::new(version, &["q"]);
        let mut published = |user: &str, expiration: Option<&str>| {
            lab.connect(P);
            lab.heard(P);
            lab.publish_with("q", 1, |publication| {
                publication.properties.user_id = Some(user.into());
                publication.properties.expiration = expiration.map(Name::from);
            });
            lab.error(P)
        };
        assert_eq!(published("guest", None), "");
        assert_eq!(published("bob", None), refused);
        assert_eq!(published("bob", Some("x")), both, "{version}");
    }
}

#[test]
fn a_message_that_is_too_large_is_refused_before_anybody_asks_where_it_goes() {
    let mut lab = Lab::new(V4, &[]);
    lab.publish_with("q", 1, |publication| {
        publication.exchange = "nowhere".into();
        publication.size = 16_777_217;
    });
    assert!(lab.error(P).starts_with("406 PRECONDITION_FAILED - message size 16777217"));
}

#[test]
fn an_expiration_that_is_no_number_and_a_message_that_is_too_large_close_the_channel() {
    let error = |change: fn(&mut Publication)| {
        let mut lab = Lab::new(V4, &["q"]);
        lab.publish_with("q", 1, change);
        lab.error(P)
    };
    assert_eq!(
        error(|it| it.properties.expiration = Some("abc".into())),
        "406 PRECONDITION_FAILED - invalid expiration 'abc': no_integer"
    );
    assert!(error(|it| it.properties.expiration = Some("-1".into())).starts_with("406"));
    assert_eq!(
        error(|it| it.size = 17 << 20),
        "406 PRECONDITION_FAILED - message size 17825792 is larger than configured max size \
         16777216"
    );
}
