//! What tests, the player and reports see of a broker.

use super::broker::Broker;
use super::queue::{Consumers, Entry, Machine};
use crate::kernel::{NodeId, Time};
use crate::talk::{ChannelNo, Message, MessageId, Name, QueueId};

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
    /// Messages that wait for a consumer; all messages of a stream.
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

impl MessageView {
    fn stored(message: &Message) -> MessageView {
        MessageView {
            msg: message.id,
            copy: message.copy,
            redelivered: false,
            delivery_count: 0,
            expires: None,
        }
    }

    fn of(entry: &Entry) -> MessageView {
        MessageView {
            msg: entry.message.id,
            copy: entry.message.copy,
            redelivered: entry.is_redelivered(),
            delivery_count: u32::from(entry.delivery_count()),
            expires: (entry.deadline != Time::MAX).then_some(entry.deadline),
        }
    }
}

impl Broker {
    /// The queues that exist, in the order in which their names were first declared.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        (0..self.slots().len()).filter_map(|index| self.queue(QueueId(index as u16)))
    }

    /// One queue, if it exists. In a cluster each member shows its own replica of a quorum queue,
    /// with those of its consumers that are connected to it; a classic queue is shown by its node.
    pub fn queue(&self, id: QueueId) -> Option<QueueView> {
        let slot = self.slots().get(id.index())?;
        let queue = slot.queue.as_ref()?;
        let (ready, unacked, dead_lettering, consumers, messages, held) = match &queue.machine {
            Machine::Classic(queue) => (
                queue.ready(),
                queue.unacked(),
                0,
                queue.consumers(),
                queue.messages().map(MessageView::of).collect(),
                queue.held(),
            ),
            Machine::Quorum(queue) => (
                queue.machine.ready(),
                queue.machine.unacked(),
                queue.machine.dead_lettering(),
                queue.machine.consumers(),
                queue.machine.messages().map(MessageView::of).collect(),
                queue.machine.held(),
            ),
            Machine::Stream(queue) => (
                queue.len(),
                0,
                0,
                queue.consumers(),
                queue.messages().map(MessageView::stored).collect(),
                Vec::new(),
            ),
            Machine::Remote(_) => return None,
        };
        Some(QueueView {
            id,
            name: slot.name.clone(),
            kind: queue.spec.kind,
            ready,
            unacked,
            dead_lettering,
            consumers: self.consumer_views(consumers),
            messages,
            held: held.into_iter().map(MessageView::of).collect(),
        })
    }

    fn consumer_views(&self, consumers: &Consumers) -> Vec<ConsumerView> {
        let view = |(_, consumer): (u32, &super::queue::Consumer)| {
            let channel = self.channel(consumer.session)?;
            Some(ConsumerView {
                peer: channel.peer,
                channel: channel.number,
                tag: channel.consumer(consumer.cookie)?.tag.clone(),
                prefetch: u16::try_from(consumer.prefetch).unwrap_or(u16::MAX),
                unacked: consumer.unacked,
                active: consumer.is_served(),
            })
        };
        consumers.subscribed().into_iter().filter_map(view).collect()
    }

    /// Whether this node leads the quorum queues of its cluster.
    pub fn is_leader(&self) -> bool {
        self.leads()
    }

    /// How many entries of its cluster's log it keeps; none when it stands alone.
    pub fn log_entries(&self) -> u64 {
        self.logged()
    }

    /// The connections that are open.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionView> {
        (0..self.peers() as u32).filter_map(|index| self.connection(NodeId(index)))
    }

    /// The connection of a client, if it is open.
    pub fn connection(&self, peer: NodeId) -> Option<ConnectionView> {
        let connection = self.connection_of(peer)?;
        let channels = connection
            .open()
            .filter_map(|slot| self.channel_at(slot))
            .map(|channel| ChannelView {
                channel: channel.number,
                unacked: channel.unacked.len(),
                unconfirmed: channel.confirms.unconfirmed(),
                consumers: channel.subscribed().count(),
            })
            .collect();
        Some(ConnectionView {
            peer,
            blocked: connection.blocked.is_some(),
            held: connection.blocked.as_ref().map_or(0, |held| held.len()),
            channels,
        })
    }
}
