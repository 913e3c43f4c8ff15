//! Messages and what they carry.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::name::{MessageId, Name};

/// A value of an AMQP table. Types matter: the number 1, the text "1" and `true` are all different.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// No value ("void").
    Void,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A floating-point number, by its bits: the model never calculates with it.
    Double(u64),
    /// Text.
    Text(Name),
    /// A point in time, in whole seconds.
    Timestamp(u64),
    /// An array.
    List(Vec<Value>),
    /// A table.
    Table(Headers),
}

impl Value {
    /// The number, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&Name> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::Int(n)
    }
}

/// An AMQP table: headers of a message, arguments of a queue, an exchange, a binding or a consumer.
pub type Headers = BTreeMap<Name, Value>;

/// The properties of a message that the model acts on.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Properties {
    /// `delivery_mode` 2.
    pub persistent: bool,
    /// `priority`.
    pub priority: Option<u8>,
    /// `expiration`, as the client wrote it: a broker refuses what is not a whole number.
    pub expiration: Option<Name>,
    /// `message_id`.
    pub message_id: Option<Name>,
    /// `correlation_id`: which request a reply belongs to.
    pub correlation_id: Option<Name>,
    /// `reply_to`: the queue for the reply.
    pub reply_to: Option<Name>,
    /// `user_id`: a broker refuses any but the publisher's own.
    pub user_id: Option<Name>,
    /// `headers`.
    pub headers: Headers,
}

/// All that a publisher says about a message apart from its identity. Messages of one producer
/// mostly share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Publication {
    /// The exchange it was published to.
    pub exchange: Name,
    /// The routing key.
    pub routing_key: Name,
    /// The properties.
    pub properties: Properties,
    /// The size of the body in bytes.
    pub size: u32,
    /// The entity that the message is about, by number, for claims about order; 0 when none.
    pub key: u32,
}

/// One copy of a message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Which message it is.
    pub id: MessageId,
    /// Which publish of this message by a client it stems from: 0 the first, 1 the first resend or
    /// retry, and so on. Copies that a broker makes keep it.
    pub copy: u16,
    /// What the publisher said.
    pub publication: Arc<Publication>,
}
