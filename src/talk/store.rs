//! What handlers ask of a store that remembers what was handled.

use super::kafka::{Offset, TopicPartition};
use super::name::MessageId;

/// A call to a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreCall {
    /// Which call of this client, so that the answer finds its handler.
    pub call: u32,
    /// About which message.
    pub msg: MessageId,
    /// What is asked.
    pub command: StoreCommand,
    /// Under which key the message is remembered.
    pub key: StoreKey,
}

/// What can be asked of a store. How long it remembers a key is its own affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoreCommand {
    /// `SET key 1 NX EX n`: remember it, unless it is known.
    SetNx,
    /// `EXISTS key`: is it known?
    Exists,
    /// `SET key 1 EX n`: remember it.
    Set,
    /// In one transaction of a database: if the key is not known, remember it and have the effect
    /// that the handler is for.
    EffectOnce,
}

/// A key of a store: the parts of which its text is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreKey {
    /// The identity of the message in the business.
    pub msg: Option<MessageId>,
    /// The entity that the message is about, by number.
    pub entity: Option<u32>,
    /// The partition.
    pub at: Option<TopicPartition>,
    /// The offset.
    pub offset: Option<Offset>,
}

/// What a store answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stored {
    /// The key was not known (and is now, if that was asked for).
    New,
    /// The key was known.
    Known,
    /// The store cannot be used.
    Failed,
}
