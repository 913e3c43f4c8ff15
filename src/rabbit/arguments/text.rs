//! The texts of errors about arguments, and Erlang terms in them.

use std::fmt;

use crate::rabbit::error::ChannelError;
use crate::talk::Value;

/// 406 for a property that differs (`rabbit_misc:assert_field_equivalence/4`).
pub(in crate::rabbit) fn inequivalent(
    field: &str,
    whose: fmt::Arguments<'_>,
    received: &dyn fmt::Display,
    current: &dyn fmt::Display,
) -> ChannelError {
    ChannelError::precondition_failed(format_args!(
        "inequivalent arg '{field}' for {whose}: received '{received}' but current is '{current}'"
    ))
}

/// 406 for an argument that differs. A value that stands against nothing is shown with its type.
/// (`rabbit_misc:assert_args_equivalence1/4`)
pub(in crate::rabbit) fn inequivalent_argument(
    argument: &str,
    whose: fmt::Arguments<'_>,
    received: Option<&Value>,
    current: Option<&Value>,
) -> Result<(), ChannelError> {
    let alone = |value: Option<&Value>| match value {
        None => "none".to_owned(),
        Some(value) => {
            format!("the value '{}' of type '{}'", plain(value), kind_of(value))
        }
    };
    let (received, current) = match (received, current) {
        (received, current) if received == current => return Ok(()),
        (Some(received), Some(current)) => {
            (format!("'{}'", plain(received)), format!("'{}'", plain(current)))
        }
        (received, current) => (alone(received), alone(current)),
    };
    Err(ChannelError::precondition_failed(format_args!(
        "inequivalent arg '{argument}' for {whose}: received {received} but current is {current}"
    )))
}

/// The AMQP type of a value, as Erlang's client library names it.
pub(in crate::rabbit) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Void => "void",
        Value::Bool(_) => "bool",
        Value::Int(n) if i32::try_from(*n).is_ok() => "signedint",
        Value::Int(_) => "long",
        Value::Double(_) => "double",
        Value::Text(_) => "longstr",
        Value::Timestamp(_) => "timestamp",
        Value::List(_) => "array",
        Value::Table(_) => "table",
    }
}

/// A value as an Erlang term: text as a binary.
pub(in crate::rabbit) fn term(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("<<\"{text}\">>"),
        other => plain(other),
    }
}

/// A value as an error text shows it: text as it is.
fn plain(value: &Value) -> String {
    match value {
        Value::Void => "undefined".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Double(bits) => f64::from_bits(*bits).to_string(),
        Value::Text(text) => text.to_string(),
        Value::Timestamp(seconds) => seconds.to_string(),
        Value::List(values) => {
            let values: Vec<String> =
                values.iter().map(|it| format!("{{{},{}}}", kind_of(it), term(it))).collect();
            format!("[{}]", values.join(","))
        }
        Value::Table(table) => {
            let pairs: Vec<String> = table
                .iter()
                .map(|(name, it)| format!("{{<<\"{name}\">>,{},{}}}", kind_of(it), term(it)))
                .collect();
            format!("[{}]", pairs.join(","))
        }
    }
}

/// What a check says of a value of the wrong type.
pub(super) fn unacceptable(value: &Value) -> String {
    format!("{{unacceptable_type,{}}}", kind_of(value))
}
