//! What tests, the player and reports see of a broker.

use crate::kernel::{NodeId, Time};
use crate::talk::{ChannelNo, MessageId, Name, QueueId};

/// The type of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueueKind {
    /// `classic`
    Classic,
    /// `quorum`
    Quorum,
    /// `stream`
    Stream,
}

/// A queue as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its number.
    pub id: QueueId,
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: QueueKind,
    /// Messages that wait for a consumer.
    pub ready: usize,
    /// Messages that a consumer holds.
    pub unacked: usize,
    /// Messages that at-least-once dead lettering holds until the target has them.
    pub dead_lettering: usize,
    /// Its consumers, in the order in which they subscribed.
    pub consumers: Vec<ConsumerView>,
    /// The ready messages, head to tail.
    pub messages: Vec<MessageView>,
    /// The messages that consumers hold, oldest first.
    pub held: Vec<MessageView>,
}

/// A message in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageView {
    /// Which.
    pub msg: MessageId,
    /// Which publish of it.
    pub copy: u16,
    /// It was delivered before.
    pub redelivered: bool,
    /// How often it was returned; classic queues do not count.
    pub delivery_count: u32,
    /// When it expires.
    pub expires: Option<Time>,
}

/// A consumer of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerView {
    /// Whose.
    pub peer: NodeId,
    /// On which of its channels.
    pub channel: ChannelNo,
    /// Its name.
    pub tag: Name,
    /// How many unacknowledged deliveries it may hold; 0 is unlimited.
    pub prefetch: u16,
    /// How many it holds.
    pub unacked: u32,
    /// It is served: not one that waits behind a single active consumer.
    pub active: bool,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionView {
    /// The client.
    pub peer: NodeId,
    /// A memory or disk alarm holds it back.
    pub blocked: bool,
    /// Frames that are kept until the alarm is over.
    pub held: usize,
    /// Its channels.
    pub channels: Vec<ChannelView>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelView {
    /// Its number.
    pub channel: ChannelNo,
    /// Unacknowledged deliveries.
    pub unacked: usize,
    /// Publishes that wait for a confirm.
    pub unconfirmed: usize,
    /// Its consumers.
    pub consumers: usize,
}
