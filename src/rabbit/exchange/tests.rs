use std::sync::Arc;

use super::*;
use crate::talk::{Properties, Publication};

const PROFILE: &str = "rabbitmq-4.0";

fn profile() -> &'static Profile {
    Profile::by_name(PROFILE).unwrap()
}

fn exchange(name: &str, kind: &str) -> ExchangeDeclare {
    ExchangeDeclare {
        exchange: name.into(),
        kind: kind.into(),
        durable: true,
        ..ExchangeDeclare::default()
    }
}

/// Exchanges written as `name: kind`.
fn exchanges(list: &[(&str, &str)]) -> Exchanges {
    let mut exchanges = Exchanges::default();
    for (name, kind) in list {
        exchanges.declare(&exchange(name, kind), profile()).unwrap();
    }
    exchanges
}

fn bind(exchanges: &mut Exchanges, source: &str, queue: u16, key: &str) {
    exchanges.bind_queue(&source.into(), QueueId(queue), &key.into(), &Headers::new()).unwrap();
}

fn link(exchanges: &mut Exchanges, source: &str, destination: &str, key: &str) {
    let bind = Bind {
        source: source.into(),
        destination: destination.into(),
        key: key.into(),
        arguments: Headers::new(),
    };
    exchanges.bind_exchange(&bind).unwrap();
}

fn publish(exchanges: &Exchanges, to: &str, key: &str) -> Result<Vec<u16>, String> {
    let publication = Publication {
        exchange: to.into(),
        routing_key: key.into(),
        properties: Properties::default(),
        ..Publication::default()
    };
    let mut into = vec![QueueId(99)];
    exchanges
        .route(&to.into(), &Arc::new(publication), &[key.into()], &mut into)
        .map_err(|error| error.to_string())?;
    Ok(into.into_iter().map(|queue| queue.0).collect())
}

fn routed(exchanges: &Exchanges, to: &str, key: &str) -> Vec<u16> {
    publish(exchanges, to, key).unwrap()
}

#[test]
fn direct_compares_keys_exactly_and_the_empty_key_is_a_key() {
    let mut it = exchanges(&[("d", "direct")]);
    for (queue, key) in [(1, "k1"), (2, "k1"), (2, "k2"), (3, "")] {
        bind(&mut it, "d", queue, key);
    }
    assert_eq!(routed(&it, "d", "k1"), [1, 2]);
    assert_eq!(routed(&it, "d", "k2"), [2]);
    assert_eq!(routed(&it, "d", ""), [3]);
    assert_eq!(routed(&it, "d", "K1"), [0; 0]);
}

#[test]
fn fanout_ignores_keys_and_a_queue_gets_one_copy() {
    let mut it = exchanges(&[("f", "fanout")]);
    for (queue, key) in [(2, "again"), (1, "ignored"), (2, "")] {
        bind(&mut it, "f", queue, key);
    }
    assert_eq!(routed(&it, "f", "whatever"), [1, 2]);
}

#[test]
fn a_message_with_several_keys_goes_wherever_one_of_them_leads_once() {
    let mut it = exchanges(&[("d", "direct"), ("t", "topic")]);
    for source in ["d", "t"] {
        bind(&mut it, source, 1, "orders.eu");
        bind(&mut it, source, 2, "cc.key");
    }
    let keys = ["orders.eu".into(), "cc.key".into(), "orders.eu".into()];
    for source in ["d", "t"] {
        let mut into = Vec::new();
        it.route(&source.into(), &Publication::default(), &keys, &mut into).unwrap();
        assert_eq!(into, [QueueId(1), QueueId(2)]);
    }
}

#[test]
fn exchange_bindings_are_followed_and_cycles_end() {
    let mut it = exchanges(&[("a", "fanout"), ("b", "topic"), ("c", "direct")]);
    link(&mut it, "a", "b", "");
    link(&mut it, "b", "c", "x.#");
    link(&mut it, "c", "a", "x.y");
    bind(&mut it, "a", 1, "");
    bind(&mut it, "b", 1, "#");
    bind(&mut it, "c", 2, "x.y");
    for from in ["a", "b", "c"] {
        assert_eq!(routed(&it, from, "x.y"), [1, 2], "from {from}");
    }
    assert_eq!(routed(&it, "a", "y"), [1]);
}

#[test]
fn the_alternate_exchange_takes_what_goes_nowhere_else() {
    let alternate = |to: &str| Headers::from([("alternate-exchange".into(), to.into())]);
    let mut it = exchanges(&[("last", "fanout")]);
    for (name, to) in [("main", "second"), ("second", "third"), ("third", "main"), ("lost", "no")] {
        let declare = ExchangeDeclare { arguments: alternate(to), ..exchange(name, "direct") };
        it.declare(&declare, profile()).unwrap();
    }
    bind(&mut it, "main", 1, "k");
    bind(&mut it, "third", 3, "other");
    assert_eq!(routed(&it, "main", "k"), [1]);
    assert_eq!(routed(&it, "main", "other"), [3]);
    // round and round, but each exchange once
    assert_eq!(routed(&it, "main", "unknown"), [0; 0]);
    assert_eq!(routed(&it, "lost", "k"), [0; 0]);
}

#[test]
fn a_binding_to_an_exchange_that_leads_nowhere_keeps_the_alternate_out() {
    let mut it = exchanges(&[("empty", "direct"), ("ae", "fanout")]);
    let declare = ExchangeDeclare {
        arguments: Headers::from([("alternate-exchange".into(), "ae".into())]),
        ..exchange("main", "fanout")
    };
    it.declare(&declare, profile()).unwrap();
    bind(&mut it, "ae", 1, "");
    assert_eq!(routed(&it, "main", "k"), [1]);
    link(&mut it, "main", "empty", "");
    assert_eq!(routed(&it, "main", "k"), [0; 0]);
}

#[test]
fn a_missing_exchange_is_404_and_an_internal_one_403() {
    let mut it = Exchanges::default();
    let internal = ExchangeDeclare { internal: true, ..exchange("i", "fanout") };
    it.declare(&internal, profile()).unwrap();
    bind(&mut it, "i", 1, "");
    assert_eq!(
        publish(&it, "missing", "k").unwrap_err(),
        "404 NOT_FOUND - no exchange 'missing' in vhost '/'"
    );
    assert_eq!(
        publish(&it, "i", "k").unwrap_err(),
        "403 ACCESS_REFUSED - cannot publish to internal exchange 'i' in vhost '/'"
    );
    let mut into = Vec::new();
    it.route_dead_letter(&"i".into(), &Publication::default(), &["k".into()], &mut into);
    assert_eq!(into, [QueueId(1)]);
    it.route_dead_letter(&"missing".into(), &Publication::default(), &["k".into()], &mut into);
    assert_eq!(into, []);
}

#[test]
fn the_default_exchange_can_be_neither_declared_nor_bound_nor_deleted() {
    let text = "403 ACCESS_REFUSED - operation not permitted on the default exchange";
    let mut it = Exchanges::default();
    let to_default = Bind { source: "amq.fanout".into(), ..Bind::default() };
    let from_default = Bind { destination: "amq.fanout".into(), ..Bind::default() };
    let none = Headers::new();
    let results = [
        it.declare(&exchange("", "direct"), profile()),
        it.delete(&"".into(), false),
        it.bind_queue(&"".into(), QueueId(1), &"x".into(), &none),
        it.unbind_queue(&"".into(), QueueId(1), &"x".into(), &none),
        it.bind_exchange(&to_default),
        it.bind_exchange(&from_default),
        it.unbind_exchange(&to_default),
    ];
    for result in results {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
}

#[test]
fn names_that_begin_with_amq_are_reserved() {
    let mut it = Exchanges::default();
    assert_eq!(
        it.declare(&exchange("amq.mine", "direct"), profile()).unwrap_err().to_string(),
        "403 ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    );
    assert_eq!(
        it.delete(&"amq.topic".into(), false).unwrap_err().to_string(),
        "403 ACCESS_REFUSED - deletion of system exchange 'amq.topic' in vhost '/' not allowed"
    );
    assert_eq!(it.declare(&exchange("amq.topic", "topic"), profile()), Ok(()));
    let passive = ExchangeDeclare { passive: true, ..exchange("amq.match", "") };
    assert_eq!(it.declare(&passive, profile()), Ok(()));
}

#[test]
fn a_redeclaration_must_agree() {
    let mut it = exchanges(&[("d", "direct")]);
    let mut redeclare = |declare: ExchangeDeclare| {
        let error = it.declare(&declare, profile()).unwrap_err().to_string();
        error.strip_prefix("406 PRECONDITION_FAILED - inequivalent arg ").unwrap().to_owned()
    };
    let whose = "for exchange 'd' in vhost '/': received";
    assert_eq!(
        redeclare(exchange("d", "topic")),
        format!("'type' {whose} 'topic' but current is 'direct'")
    );
    assert_eq!(
        redeclare(ExchangeDeclare { durable: false, ..exchange("d", "direct") }),
        format!("'durable' {whose} 'false' but current is 'true'")
    );
    assert_eq!(
        redeclare(ExchangeDeclare {
            arguments: Headers::from([("alternate-exchange".into(), "x".into())]),
            ..exchange("d", "direct")
        }),
        format!("'alternate-exchange' {whose} the value 'x' of type 'longstr' but current is none")
    );
    let other = Headers::from([("foo".into(), Value::Int(1))]);
    let declare = ExchangeDeclare { arguments: other, ..exchange("d", "direct") };
    assert_eq!(it.declare(&declare, profile()), Ok(()));
}

#[test]
fn an_unknown_type_closes_the_channel_or_in_old_versions_the_connection() {
    let declare = |version| {
        let profile = Profile::by_name(version).unwrap();
        Exchanges::default().declare(&exchange("x", "x-odd"), profile).unwrap_err()
    };
    assert_eq!(
        declare("rabbitmq-3.10").to_string(),
        "503 COMMAND_INVALID - unknown exchange type 'x-odd'"
    );
    assert_eq!(
        declare("rabbitmq-4.0").to_string(),
        "406 PRECONDITION_FAILED - unknown exchange type 'x-odd'"
    );
}

#[test]
fn the_weight_of_a_hash_binding_is_a_number_above_zero() {
    let mut it = exchanges(&[("h", "x-consistent-hash")]);
    let mut text = |key: &str| {
        it.bind_queue(&"h".into(), QueueId(1), &key.into(), &Headers::new())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(text("0"), "406 PRECONDITION_FAILED - The binding key must be greater than 0");
    assert_eq!(
        text("k"),
        "406 PRECONDITION_FAILED - The binding key must be an integer: <<\"k\">>"
    );
}

#[test]
fn a_message_takes_one_way_out_of_a_hash_exchange_and_always_the_same() {
    let mut it = exchanges(&[("h", "x-consistent-hash")]);
    for queue in 1..=3 {
        bind(&mut it, "h", queue, "1");
    }
    for key in ["a", "b", "c", "d"] {
        let first = routed(&it, "h", key);
        assert_eq!(first.len(), 1);
        assert_eq!(routed(&it, "h", key), first);
    }
}

#[test]
fn an_auto_delete_exchange_goes_with_its_last_binding_and_takes_others_along() {
    let mut it = exchanges(&[("top", "fanout")]);
    for name in ["mid", "leaf", "untouched"] {
        let declare = ExchangeDeclare { auto_delete: true, ..exchange(name, "fanout") };
        it.declare(&declare, profile()).unwrap();
    }
    link(&mut it, "top", "mid", "");
    link(&mut it, "mid", "leaf", "");
    bind(&mut it, "leaf", 1, "a");
    bind(&mut it, "leaf", 1, "b");
    it.unbind_queue(&"leaf".into(), QueueId(1), &"a".into(), &Headers::new()).unwrap();
    assert!(it.get("leaf").is_some());
    it.queue_gone(QueueId(1));
    let gone = ["top", "mid", "leaf", "untouched"].map(|name| it.get(name).is_none());
    assert_eq!(gone, [false, true, true, false]);
    assert!(it.get("top").unwrap().bindings().is_empty());
}

#[test]
fn deleting_asks_whether_something_is_bound_only_when_told_to() {
    let mut it = exchanges(&[("d", "direct")]);
    bind(&mut it, "d", 1, "k");
    assert_eq!(
        it.delete(&"d".into(), true).unwrap_err().to_string(),
        "406 PRECONDITION_FAILED - exchange 'd' in vhost '/' in use"
    );
    assert_eq!(it.delete(&"d".into(), false), Ok(()));
    assert_eq!(it.delete(&"d".into(), true), Ok(()));
    assert!(it.get("d").is_none());
}

#[test]
fn binding_twice_is_binding_once_and_unbinding_what_is_not_bound_is_fine() {
    let mut it = exchanges(&[("d", "direct")]);
    bind(&mut it, "d", 1, "k");
    let before = it.clone();
    bind(&mut it, "d", 1, "k");
    assert_eq!(it, before);
    let unbind = |it: &mut Exchanges, key: &str| {
        it.unbind_queue(&"d".into(), QueueId(1), &key.into(), &Headers::new()).unwrap();
    };
    unbind(&mut it, "other");
    assert_eq!(it, before);
    unbind(&mut it, "k");
    assert!(it.get("d").unwrap().bindings().is_empty());
}

#[test]
fn a_restart_keeps_durable_exchanges_and_their_bindings_to_what_survives() {
    let mut it = exchanges(&[("kept", "fanout"), ("other", "fanout")]);
    let transient = ExchangeDeclare { durable: false, ..exchange("gone", "fanout") };
    it.declare(&transient, profile()).unwrap();
    link(&mut it, "kept", "gone", "");
    link(&mut it, "kept", "other", "");
    bind(&mut it, "other", 3, "");
    bind(&mut it, "kept", 1, "");
    bind(&mut it, "kept", 2, "");
    it.restart(|queue| queue != QueueId(2));
    assert!(it.get("gone").is_none());
    assert_eq!(routed(&it, "kept", "k"), [1, 3]);
}
