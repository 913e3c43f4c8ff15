//! Which arguments each type of queue knows, and what their values may be.

use super::text::{kind_of, unacceptable};
use crate::rabbit::QueueKind;
use crate::rabbit::error::ChannelError;
use crate::rabbit::profile::Profile;
use crate::talk::{Headers, Name, QueueDeclare, Value};

const CLASSIC: [&str; 13] = [
    "x-expires",
    "x-message-ttl",
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-priority",
    "x-overflow",
    "x-queue-mode",
    "x-queue-version",
    "x-single-active-consumer",
    "x-queue-type",
    "x-queue-master-locator",
];

const QUORUM: [&str; 15] = [
    "x-dead-letter-exchange",
    "x-dead-letter-routing-key",
    "x-dead-letter-strategy",
    "x-expires",
    "x-max-length",
    "x-max-length-bytes",
    "x-max-in-memory-length",
    "x-max-in-memory-bytes",
    "x-overflow",
    "x-single-active-consumer",
    "x-queue-type",
    "x-quorum-initial-group-size",
    "x-delivery-limit",
    "x-message-ttl",
    "x-queue-leader-locator",
];

const STREAM: [&str; 6] = [
    "x-max-length-bytes",
    "x-queue-type",
    "x-max-age",
    "x-stream-max-segment-size-bytes",
    "x-initial-cluster-size",
    "x-queue-leader-locator",
];

const LEADER_LOCATOR: &str = "x-queue-leader-locator";

/// Where the leader of a new queue may be.
const LEADER_LOCATORS: [&str; 4] = ["client-local", "balanced", "random", "least-leaders"];

/// Where a classic queue may be while there are mirrors of it (`x-queue-master-locator`).
const MASTER_LOCATORS: [&str; 3] = ["client-local", "random", "min-masters"];

/// The arguments of a type, in the order in which they are compared.
pub(super) fn known(kind: QueueKind) -> &'static [&'static str] {
    match kind {
        QueueKind::Classic => &CLASSIC,
        QueueKind::Quorum => &QUORUM,
        QueueKind::Stream => &STREAM,
    }
}

/// What is wrong with the value of an argument, as an Erlang term.
type Wrong = String;

/// How the value of an argument is checked.
type Check = fn(&Value, &Headers) -> Result<(), Wrong>;

/// In this order; each only for the types that know the argument.
const CHECKS: [(&str, Check); 17] = [
    ("x-expires", |value, _| match whole(value)? {
        0 => Err("{value_zero,0}".into()),
        n => expiry(n),
    }),
    ("x-message-ttl", |value, _| expiry(whole(value)?)),
    ("x-dead-letter-routing-key", |value, arguments| {
        word(value)?;
        match arguments.contains_key("x-dead-letter-exchange") {
            true => Ok(()),
            false => Err("routing_key_but_no_dlx_defined".into()),
        }
    }),
    ("x-dead-letter-strategy", |value, _| {
        one_of(value, &["at-most-once", "at-least-once"], || "invalid_dlx_strategy".into())
    }),
    ("x-max-length", |value, _| natural(value).map(drop)),
    ("x-max-length-bytes", |value, _| natural(value).map(drop)),
    ("x-max-in-memory-length", |value, _| natural(value).map(drop)),
    ("x-max-in-memory-bytes", |value, _| natural(value).map(drop)),
    ("x-max-priority", |value, _| match natural(value)? {
        0..=255 => Ok(()),
        n => Err(format!("{{max_value_exceeded,{n}}}")),
    }),
    ("x-overflow", |value, _| {
        let modes = ["drop-head", "reject-publish", "reject-publish-dlx"];
        one_of(value, &modes, || "invalid_overflow".into())
    }),
    ("x-queue-mode", |value, _| {
        one_of(value, &["default", "lazy"], || {
            format!("\"unsupported queue mode '{}'\"", value.as_text().map_or("", Name::as_str))
        })
    }),
    ("x-queue-version", |value, _| match natural(value)? {
        1 | 2 => Ok(()),
        n => Err(format!("\"unsupported queue version '{n}'\"")),
    }),
    ("x-single-active-consumer", |value, _| match value {
        Value::Bool(_) => Ok(()),
        other => Err(unacceptable(other)),
    }),
    ("x-quorum-initial-group-size", |value, _| positive(value)),
    ("x-max-age", |value, _| {
        if is_age(word(value)?) { Ok(()) } else { Err("{error,invalid_max_age}".into()) }
    }),
    ("x-stream-max-segment-size-bytes", |value, _| natural(value).map(drop)),
    ("x-initial-cluster-size", |value, _| positive(value)),
];

/// A number and a unit of time, such as `7D`.
pub(super) fn is_age(text: &Name) -> bool {
    let digits = text.as_str().trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = &text.as_str()[digits.len()..];
    digits.parse().is_ok_and(|n: u64| n > 0) && matches!(unit, "Y" | "M" | "D" | "h" | "m" | "s")
}

fn whole(value: &Value) -> Result<i64, Wrong> {
    value.as_int().ok_or_else(|| format!("\"expected integer, got {}\"", kind_of(value)))
}

fn natural(value: &Value) -> Result<i64, Wrong> {
    match whole(value)? {
        n if n < 0 => Err(format!("{{value_negative,{n}}}")),
        n => Ok(n),
    }
}

fn positive(value: &Value) -> Result<(), Wrong> {
    match natural(value)? {
        0 => Err("{value_zero,0}".into()),
        _ => Ok(()),
    }
}

/// At most ten years (`rabbit_misc:check_expiry/1`).
fn expiry(millis: i64) -> Result<(), Wrong> {
    match millis {
        n if n < 0 => Err(format!("{{value_negative,{n}}}")),
        n if n > 315_360_000_000 => Err(format!("{{value_too_large,{n}}}")),
        _ => Ok(()),
    }
}

fn word(value: &Value) -> Result<&Name, Wrong> {
    value.as_text().ok_or_else(|| unacceptable(value))
}

fn one_of(value: &Value, words: &[&str], wrong: impl Fn() -> Wrong) -> Result<(), Wrong> {
    if words.contains(&word(value)?.as_str()) { Ok(()) } else { Err(wrong()) }
}

/// The type that a declaration asks for.
pub(super) fn kind(declare: &QueueDeclare) -> Result<QueueKind, ChannelError> {
    let wrong = match declare.arguments.get("x-queue-type") {
        None => return Ok(QueueKind::Classic),
        Some(Value::Text(kind)) => match kind.as_str() {
            "classic" => return Ok(QueueKind::Classic),
            "quorum" => return Ok(QueueKind::Quorum),
            "stream" => return Ok(QueueKind::Stream),
            other => format!("\"unsupported queue type '{other}'\""),
        },
        Some(other) => unacceptable(other),
    };
    Err(invalid("x-queue-type", &declare.queue, &wrong))
}

/// Checks the arguments of a declaration.
pub(super) fn check(
    kind: QueueKind,
    declare: &QueueDeclare,
    profile: &Profile,
) -> Result<(), ChannelError> {
    let (name, given) = (&declare.queue, &declare.arguments);
    check_dead_letter_exchange(name, given)?;
    for (argument, check) in CHECKS.iter().filter(|(it, _)| known(kind).contains(it)) {
        if let Some(value) = given.get(*argument) {
            check(value, given).map_err(|wrong| invalid(argument, name, &wrong))?;
        }
    }
    check_leader_locator(kind, declare, profile)?;
    let of_another_type = |argument: &&Name| {
        let knows = |kind| known(kind).contains(&argument.as_str());
        let mine = knows(kind) || takes_leader_locator(kind, argument.as_str(), profile);
        !mine && [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream].into_iter().any(knows)
    };
    if let Some(argument) = given.keys().find(of_another_type) {
        return Err(self::of_another_type(argument, name, kind));
    }
    match kind {
        QueueKind::Classic => check_master_locator(given, profile),
        QueueKind::Quorum | QueueKind::Stream => check_properties(declare),
    }
}

/// 406 for an argument that only other types know.
pub(super) fn of_another_type(argument: &Name, queue: &Name, kind: QueueKind) -> ChannelError {
    ChannelError::precondition_failed(format_args!(
        "invalid arg '{argument}' for queue '{queue}' in vhost '/' of queue type rabbit_{}_queue",
        type_name(kind)
    ))
}

/// Since there are no mirrors, a classic queue takes it, too, and so does every type what was the
/// `x-queue-master-locator` of a classic one (observed).
fn takes_leader_locator(kind: QueueKind, argument: &str, profile: &Profile) -> bool {
    argument == LEADER_LOCATOR && (kind != QueueKind::Classic || !profile.mirrors_classic_queues)
}

fn check_leader_locator(
    kind: QueueKind,
    declare: &QueueDeclare,
    profile: &Profile,
) -> Result<(), ChannelError> {
    let Some(value) = declare.arguments.get(LEADER_LOCATOR) else { return Ok(()) };
    if !takes_leader_locator(kind, LEADER_LOCATOR, profile)
        || (!profile.mirrors_classic_queues && *value == Value::from("min-masters"))
    {
        return Ok(());
    }
    one_of(value, &LEADER_LOCATORS, || "invalid_queue_locator_arg".into())
        .map_err(|wrong| invalid(LEADER_LOCATOR, &declare.queue, &wrong))
}

/// While classic queues had mirrors, the server did not expect a locator that is none and crashed;
/// later nobody reads it (observed).
fn check_master_locator(given: &Headers, profile: &Profile) -> Result<(), ChannelError> {
    let known = match given.get("x-queue-master-locator") {
        None => true,
        Some(Value::Text(locator)) => MASTER_LOCATORS.contains(&locator.as_str()),
        Some(_) => false,
    };
    if known || !profile.mirrors_classic_queues { Ok(()) } else { Err(ChannelError::crashed()) }
}

/// The channel reads this argument as the name of an exchange before the queue is asked, and has
/// words of its own for a value that is none (`rabbit_channel`, `handle_method(#'queue.declare'{})`;
/// observed).
fn check_dead_letter_exchange(queue: &Name, given: &Headers) -> Result<(), ChannelError> {
    match given.get("x-dead-letter-exchange") {
        None | Some(Value::Text(_)) => Ok(()),
        Some(other) => Err(ChannelError::precondition_failed(format_args!(
            "invalid type '{}' for arg 'x-dead-letter-exchange' in queue '{queue}' in vhost '/'",
            kind_of(other)
        ))),
    }
}

/// The type as arguments and modules of the original name it.
const fn type_name(kind: QueueKind) -> &'static str {
    match kind {
        QueueKind::Classic => "classic",
        QueueKind::Quorum => "quorum",
        QueueKind::Stream => "stream",
    }
}

/// What replicated queues and streams cannot be (`rabbit_queue_type_util`).
fn check_properties(declare: &QueueDeclare) -> Result<(), ChannelError> {
    let wrong = [
        ("auto-delete", declare.auto_delete),
        ("exclusive-owner", declare.exclusive),
        ("non-durable", !declare.durable),
    ];
    match wrong.iter().find(|(_, wrong)| *wrong) {
        None => Ok(()),
        Some((property, _)) => Err(ChannelError::precondition_failed(format_args!(
            "invalid property '{property}' for queue '{}' in vhost '/'",
            declare.queue
        ))),
    }
}

pub(super) fn invalid(argument: &str, queue: &Name, wrong: &str) -> ChannelError {
    ChannelError::precondition_failed(format_args!(
        "invalid arg '{argument}' for queue '{queue}' in vhost '/': {wrong}"
    ))
}
