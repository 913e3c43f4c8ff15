use super::*;

fn declare(arguments: &[(&str, Value)]) -> QueueDeclare {
    QueueDeclare {
        queue: "t".into(),
        durable: true,
        arguments: arguments.iter().map(|(name, it)| ((*name).into(), it.clone())).collect(),
        ..QueueDeclare::default()
    }
}

fn profile(name: &str) -> &'static Profile {
    Profile::by_name(name).unwrap()
}

fn parse(arguments: &[(&str, Value)]) -> Result<QueueSpec, String> {
    QueueSpec::parse(&declare(arguments), profile("rabbitmq-4.0")).map_err(|it| it.to_string())
}

/// Which types of queue accept an argument.
fn accepting(argument: &str, value: Value) -> String {
    let accepts = |kind: &&str| {
        let typed = [("x-queue-type", (*kind).into()), (argument, value.clone())];
        match parse(&typed) {
            Ok(_) => true,
            Err(error) => {
                let expected = format!(
                    "406 PRECONDITION_FAILED - invalid arg '{argument}' for queue 't' in vhost '/' \
                     of queue type rabbit_{kind}_queue"
                );
                assert_eq!(error, expected);
                false
            }
        }
    };
    ["classic", "quorum", "stream"].into_iter().filter(accepts).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_type_of_queue_accepts_its_own_arguments() {
    let text = |text: &str| Value::from(text);
    let table = [
        ("x-message-ttl", Value::Int(1000), "classic quorum"),
        ("x-expires", Value::Int(60_000), "classic quorum"),
        ("x-max-length", Value::Int(10), "classic quorum"),
        ("x-max-length-bytes", Value::Int(1000), "classic quorum stream"),
        ("x-overflow", text("reject-publish"), "classic quorum"),
        ("x-overflow", text("reject-publish-dlx"), "classic quorum"),
        ("x-dead-letter-exchange", text("dlx"), "classic quorum"),
        ("x-max-priority", Value::Int(5), "classic"),
        ("x-single-active-consumer", Value::Bool(true), "classic quorum"),
        ("x-delivery-limit", Value::Int(3), "quorum"),
        ("x-queue-mode", text("lazy"), "classic"),
        ("x-max-age", text("1h"), "stream"),
        ("x-dead-letter-strategy", text("at-least-once"), "quorum"),
        ("x-queue-version", Value::Int(2), "classic"),
        ("foo", Value::Int(1), "classic quorum stream"),
    ];
    for (argument, value, types) in table {
        assert_eq!(accepting(argument, value), types, "{argument}");
    }
}

#[test]
fn quorum_queues_and_streams_are_durable_shared_and_lasting() {
    for kind in ["quorum", "stream"] {
        let plain = declare(&[("x-queue-type", kind.into())]);
        let refused = |changed: QueueDeclare| {
            QueueSpec::parse(&changed, profile("rabbitmq-3.10")).unwrap_err().text.to_string()
        };
        let text = |property| {
            format!(
                "PRECONDITION_FAILED - invalid property '{property}' for queue 't' in vhost '/'"
            )
        };
        assert_eq!(refused(QueueDeclare { durable: false, ..plain.clone() }), text("non-durable"));
        assert_eq!(
            refused(QueueDeclare { exclusive: true, ..plain.clone() }),
            text("exclusive-owner")
        );
        assert_eq!(refused(QueueDeclare { auto_delete: true, ..plain }), text("auto-delete"));
    }
}

#[test]
fn values_are_checked_and_the_text_names_what_is_wrong() {
    let wrong = |argument: &str, value: Value| {
        let error = parse(&[(argument, value)]).unwrap_err();
        let start = format!(
            "406 PRECONDITION_FAILED - invalid arg '{argument}' for queue 't' in vhost '/': "
        );
        error.strip_prefix(&start).unwrap_or(&error).to_owned()
    };
    let table = [
        ("x-expires", Value::Int(0), "{value_zero,0}"),
        ("x-message-ttl", Value::Int(-1), "{value_negative,-1}"),
        ("x-message-ttl", Value::Int(315_360_000_001), "{value_too_large,315360000001}"),
        ("x-message-ttl", "1000".into(), "\"expected integer, got longstr\""),
        ("x-dead-letter-routing-key", "q".into(), "routing_key_but_no_dlx_defined"),
        (
            "x-dead-letter-exchange",
            Value::Int(1),
            "406 PRECONDITION_FAILED - invalid type 'signedint' for arg 'x-dead-letter-exchange' \
             in queue 't' in vhost '/'",
        ),
        ("x-max-priority", Value::Int(256), "{max_value_exceeded,256}"),
        ("x-overflow", "drop".into(), "invalid_overflow"),
        ("x-single-active-consumer", "true".into(), "{unacceptable_type,longstr}"),
        ("x-queue-type", "fast".into(), "\"unsupported queue type 'fast'\""),
    ];
    for (argument, value, text) in table {
        assert_eq!(wrong(argument, value), text, "{argument}");
    }
}

#[test]
fn while_there_are_mirrors_a_locator_that_is_none_crashes_the_channel() {
    let declared = |version, kind: &str, argument, value: Value| {
        let declare = declare(&[("x-queue-type", kind.into()), (argument, value)]);
        match QueueSpec::parse(&declare, profile(version)) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        }
    };
    let master = "x-queue-master-locator";
    assert_eq!(declared("rabbitmq-3.10", "classic", master, "client-local".into()), "ok");
    assert_eq!(
        declared("rabbitmq-3.10", "classic", master, "nonsense".into()),
        "541 INTERNAL_ERROR"
    );
    assert_eq!(declared("rabbitmq-3.10", "classic", master, Value::Int(5)), "541 INTERNAL_ERROR");
    assert_eq!(declared("rabbitmq-4.0", "classic", master, Value::Int(5)), "ok");
    let leader = "x-queue-leader-locator";
    let invalid = "406 PRECONDITION_FAILED - invalid arg 'x-queue-leader-locator' for queue 't' in \
                   vhost '/': invalid_queue_locator_arg";
    assert_eq!(declared("rabbitmq-3.10", "quorum", leader, "balanced".into()), "ok");
    assert_eq!(declared("rabbitmq-3.10", "quorum", leader, "min-masters".into()), invalid);
    for kind in ["classic", "quorum", "stream"] {
        assert_eq!(declared("rabbitmq-4.0", kind, leader, "min-masters".into()), "ok");
        assert_eq!(declared("rabbitmq-4.0", kind, leader, "nonsense".into()), invalid);
    }
}

#[test]
fn the_arguments_of_a_consumer_are_checked_as_those_of_a_queue_are() {
    let consumed = |version, kind, given: &[(&str, Value)]| {
        let given = given.iter().map(|(name, it)| ((*name).into(), it.clone())).collect();
        match check_consumer(kind, &"q".into(), &given, profile(version)) {
            Ok(()) => "ok".to_owned(),
            Err(error) => error
                .text
                .as_str()
                .strip_prefix("PRECONDITION_FAILED - invalid arg ")
                .unwrap()
                .replace(" for queue 'q' in vhost '/'", ""),
        }
    };
    use QueueKind::{Classic, Quorum, Stream};
    let high = ("x-priority", Value::from("high"));
    for version in ["rabbitmq-3.10", "rabbitmq-4.0"] {
        for kind in [Classic, Quorum] {
            assert_eq!(consumed(version, kind, &[("x-priority", Value::Int(1 << 40))]), "ok");
            assert_eq!(consumed(version, kind, &[("foo", Value::Int(1))]), "ok");
            assert_eq!(
                consumed(version, kind, std::slice::from_ref(&high)),
                "'x-priority': \"expected integer, got longstr\""
            );
            // values first, then what belongs to another type
            assert_eq!(
                consumed(version, kind, &[high.clone(), ("x-stream-offset", "first".into())]),
                "'x-priority': \"expected integer, got longstr\""
            );
        }
        assert_eq!(
            consumed(version, Classic, &[("x-stream-offset", "first".into())]),
            "'x-stream-offset' of queue type rabbit_classic_queue"
        );
        assert_eq!(
            consumed(version, Stream, std::slice::from_ref(&high)),
            "'x-priority' of queue type rabbit_stream_queue"
        );
        assert_eq!(consumed(version, Stream, &[("x-stream-offset", Value::Int(7))]), "ok");
    }
    let failover = ("x-cancel-on-ha-failover", Value::Int(1));
    assert_eq!(
        consumed("rabbitmq-3.10", Classic, std::slice::from_ref(&failover)),
        "'x-cancel-on-ha-failover': {unacceptable_type,signedint}"
    );
    assert_eq!(
        consumed("rabbitmq-3.10", Quorum, std::slice::from_ref(&failover)),
        "'x-cancel-on-ha-failover' of queue type rabbit_quorum_queue"
    );
    assert_eq!(consumed("rabbitmq-4.0", Classic, &[failover]), "ok", "there are no mirrors");
    let filter = ("x-stream-filter", Value::from("a"));
    assert_eq!(consumed("rabbitmq-3.10", Classic, std::slice::from_ref(&filter)), "ok");
    assert_eq!(
        consumed("rabbitmq-4.0", Classic, std::slice::from_ref(&filter)),
        "'x-stream-filter' of queue type rabbit_classic_queue"
    );
    assert_eq!(consumed("rabbitmq-4.0", Stream, &[filter]), "ok");
}

#[test]
fn arguments_become_settings() {
    let spec = parse(&[
        ("x-message-ttl", Value::Int(1000)),
        ("x-expires", Value::Int(2000)),
        ("x-max-length", Value::Int(3)),
        ("x-overflow", "reject-publish-dlx".into()),
        ("x-dead-letter-exchange", "".into()),
        ("x-dead-letter-routing-key", "q".into()),
        ("x-max-priority", Value::Int(10)),
    ])
    .unwrap();
    assert_eq!(spec.message_ttl, Some(Span::from_millis(1000)));
    assert_eq!(spec.expires, Some(Span::from_millis(2000)));
    assert_eq!(spec.max_length, Some(3));
    assert_eq!(spec.overflow, Overflow::RejectPublishDlx);
    assert_eq!(spec.dead_letter_exchange, Some("".into()));
    assert_eq!(spec.dead_letter_routing_key, Some("q".into()));
    assert_eq!(spec.max_priority, Some(10));
}

/// The retry queue that experiment 37 redeclares.
fn retry() -> QueueDeclare {
    let mut declare = declare(&[
        ("x-message-ttl", Value::Int(1000)),
        ("x-expires", Value::Int(2000)),
        ("x-dead-letter-exchange", "".into()),
        ("x-dead-letter-routing-key", "q".into()),
    ]);
    declare.queue = "q.retry.1000".into();
    declare
}

fn redeclare(version: &str, change: impl FnOnce(&mut QueueDeclare)) -> String {
    let spec = QueueSpec::parse(&retry(), profile(version)).unwrap();
    let mut again = retry();
    change(&mut again);
    match spec.equivalent(&again, profile(version)) {
        Ok(()) => "ok".to_owned(),
        Err(error) => error
            .text
            .as_str()
            .strip_prefix("PRECONDITION_FAILED - inequivalent arg ")
            .unwrap()
            .to_owned(),
    }
}

fn set(name: &'static str, value: impl Into<Value>) -> impl FnOnce(&mut QueueDeclare) {
    let value = value.into();
    move |declare| {
        declare.arguments.insert(name.into(), value);
    }
}

#[test]
fn a_redeclaration_must_agree_in_what_the_type_knows() {
    let whose = "for queue 'q.retry.1000' in vhost '/':";
    for version in ["rabbitmq-3.10", "rabbitmq-4.0"] {
        assert_eq!(redeclare(version, |_| ()), "ok");
        assert_eq!(redeclare(version, set("foo", 1)), "ok");
        assert_eq!(
            redeclare(version, set("x-expires", 3000)),
            format!("'x-expires' {whose} received '3000' but current is '2000'")
        );
        assert_eq!(
            redeclare(version, set("x-dead-letter-routing-key", "q2")),
            format!("'x-dead-letter-routing-key' {whose} received 'q2' but current is 'q'")
        );
        assert_eq!(
            redeclare(version, |declare| declare.arguments.clear()),
            format!(
                "'x-expires' {whose} received none but current is the value '2000' of type \
                 'signedint'"
            )
        );
        assert_eq!(
            redeclare(version, |declare| declare.durable = false),
            format!("'durable' {whose} received 'false' but current is 'true'")
        );
        assert_eq!(redeclare(version, set("x-queue-type", "classic")), "ok");
    }
}

#[test]
fn since_4_0_a_queue_declared_without_a_type_has_the_type_classic() {
    let whose = "for queue 'q.retry.1000' in vhost '/':";
    assert_eq!(
        redeclare("rabbitmq-3.10", set("x-queue-type", "quorum")),
        format!(
            "'x-queue-type' {whose} received the value 'quorum' of type 'longstr' but current is \
             none"
        )
    );
    assert_eq!(
        redeclare("rabbitmq-4.0", set("x-queue-type", "quorum")),
        format!("'x-queue-type' {whose} received 'quorum' but current is 'classic'")
    );
}
