//! The arguments of a consumer: which type of queue knows which, and what their values may be.
//!
//! Source: `rabbit_amqqueue:check_consume_arguments/3` and the `capabilities/0` of each queue type;
//! observed on 3.10.8 and 4.0.5.

use super::check::invalid;
use super::text::{kind_of, unacceptable};
use crate::rabbit::QueueKind;
use crate::rabbit::error::ChannelError;
use crate::rabbit::profile::Profile;
use crate::talk::{Headers, Name, Value};

const PRIORITY: &str = "x-priority";
const OFFSET: &str = "x-stream-offset";
/// Of mirrored queues, so up to 3.13.
const CANCEL_ON_FAILOVER: &str = "x-cancel-on-ha-failover";
/// Since 3.13.
const FILTERS: [&str; 2] = ["x-stream-filter", "x-stream-match-unfiltered"];

/// Checks the arguments of a consumer of a queue of this type. Those that no type knows are
/// accepted.
///
/// # Errors
/// 406 for a value of the wrong type, then for an argument that only other types know.
pub(in crate::rabbit) fn check_consumer(
    kind: QueueKind,
    queue: &Name,
    given: &Headers,
    profile: &Profile,
) -> Result<(), ChannelError> {
    let knows = |kind, argument: &str| match kind {
        QueueKind::Classic if argument == CANCEL_ON_FAILOVER => profile.mirrors_classic_queues,
        QueueKind::Classic | QueueKind::Quorum => argument == PRIORITY,
        QueueKind::Stream => {
            argument == OFFSET || (profile.streams_filter && FILTERS.contains(&argument))
        }
    };
    let value = |argument| given.get(argument).filter(|_| knows(kind, argument));
    if let Some(value) = value(PRIORITY)
        && value.as_int().is_none()
    {
        let wrong = format!("\"expected integer, got {}\"", kind_of(value));
        return Err(invalid(PRIORITY, queue, &wrong));
    }
    if let Some(value) = value(CANCEL_ON_FAILOVER)
        && !matches!(value, Value::Bool(_))
    {
        return Err(invalid(CANCEL_ON_FAILOVER, queue, &unacceptable(value)));
    }
    let of_another_type = |argument: &&Name| {
        let knows = |kind| knows(kind, argument.as_str());
        !knows(kind)
            && [QueueKind::Classic, QueueKind::Quorum, QueueKind::Stream].map(knows).contains(&true)
    };
    match given.keys().find(of_another_type) {
        Some(argument) => Err(super::check::of_another_type(argument, queue, kind)),
        None => Ok(()),
    }
}

/// Checks from where a reader of a stream begins. The server does not expect anything else and
/// crashes (observed).
///
/// # Errors
/// 541
pub(in crate::rabbit) fn check_offset(given: &Headers) -> Result<(), ChannelError> {
    let known = match given.get(OFFSET) {
        None | Some(Value::Int(_) | Value::Timestamp(_)) => true,
        Some(Value::Text(text)) => {
            matches!(text.as_str(), "first" | "last" | "next") || super::check::is_age(text)
        }
        Some(_) => false,
    };
    if known { Ok(()) } else { Err(ChannelError::crashed()) }
}
