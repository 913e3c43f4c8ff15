//! Streams.

use super::*;

/// A stream of ten messages in two chunks, of five each.
fn lab(version: &str) -> Lab {
    let mut lab = Lab::new(version, &["q stream"]);
    lab.fill("q", 1..=5);
    lab.fill("q", 6..=10);
    lab
}

fn read(lab: &mut Lab, peer: NodeId, prefetch: u16, offset: impl Into<Value>) -> String {
    let offset = offset.into();
    lab.consume_with(peer, "q", prefetch, |it| {
        it.arguments.insert("x-stream-offset".into(), offset);
    });
    lab.delivered(peer)
}

/// Experiment 65.
#[test]
fn each_reader_starts_where_it_wants_and_removes_nothing() {
    let mut lab = lab(V4);
    let all = "m1 m2 m3 m4 m5 m6 m7 m8 m9 m10";
    assert_eq!(read(&mut lab, A, 100, "first"), all);
    assert_eq!(read(&mut lab, B, 100, "last"), "m6 m7 m8 m9 m10", "the last chunk");
    assert_eq!(read(&mut lab, C, 100, 7), "m8 m9 m10");
    lab.say(A, 1, Method::Ack { tag: 10, multiple: true });
    lab.drop_client(B);
    assert_eq!(lab.ready("q"), all);
    lab.fill("q", 11..=11);
    assert_eq!((lab.delivered(A), lab.delivered(C)), ("m11".to_owned(), "m11".to_owned()));
    assert_eq!(read(&mut lab, B, 100, "next"), "");
}

#[test]
fn an_answer_is_credit_by_message_from_4_0_and_by_chunk_before() {
    let mut new = lab(V4);
    assert_eq!(read(&mut new, A, 2, "first"), "m1 m2");
    new.ack(A, 1);
    assert_eq!(new.delivered(A), "m3");
    new.nack(A, 2, false, true);
    assert_eq!(new.delivered(A), "m4");
    let mut old = lab(V3);
    assert_eq!(read(&mut old, A, 2, "first"), "m1 m2 m3 m4 m5");
    old.ack(A, 1);
    assert_eq!(old.delivered(A), "");
    old.nack(A, 2, false, true);
    assert_eq!(
        old.error(A),
        "540 NOT_IMPLEMENTED - basic.nack and basic.reject not supported by stream queues queue \
         'q' in vhost '/'"
    );
}

#[test]
fn a_reader_needs_a_window_and_must_acknowledge_and_nobody_can_get() {
    let mut lab = lab(V4);
    read(&mut lab, A, 0, "first");
    lab.consume(B, "q", 0);
    assert_eq!(
        lab.error(B),
        "406 PRECONDITION_FAILED - consumer prefetch count is not set for stream queue 'q' in \
         vhost '/'"
    );
    lab.consume_with(C, "q", 5, |it| it.no_ack = true);
    assert!(lab.error(C).starts_with("540 NOT_IMPLEMENTED - automatic acknowledgement"));
    lab.get(P, "q");
    assert!(lab.error(P).starts_with("540 NOT_IMPLEMENTED - basic.get"));
}

#[test]
fn a_stream_keeps_transient_messages_over_any_restart_and_flags_nothing() {
    for loss in [Loss::Graceful, Loss::Process] {
        let mut lab = Lab::new(V4, &["q stream"]);
        for id in 1..=3 {
            lab.publish_with("q", id, |it| it.properties.persistent = false);
        }
        lab.settle();
        read(&mut lab, A, 2, "first");
        lab.restart(loss);
        assert_eq!(read(&mut lab, A, 10, "first"), "m1 m2 m3", "{loss:?}");
    }
}

#[test]
fn a_stream_confirms_before_it_is_synced() {
    let mut lab = Lab::new(V4, &["q stream"]);
    lab.confirm_select();
    lab.fill("q", 1..=2);
    assert_eq!(lab.confirmed(), "+2m");
    lab.restart(Loss::Power);
    assert_eq!(lab.ready("q"), "");
}
