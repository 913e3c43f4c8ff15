//! AMQP 0-9-1 as clients and brokers of the model speak it: one variant per method, with the
//! protocol's own names. <https://www.rabbitmq.com/amqp-0-9-1-reference>

use super::message::{Headers, Message};
use super::name::Name;
use crate::kernel::Span;

/// A channel number on a connection. 0 is the connection itself.
pub type ChannelNo = u16;

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// On which channel.
    pub channel: ChannelNo,
    /// What.
    pub method: Method,
}

/// The methods of a client.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `connection.open`, with what was negotiated before it.
    Open {
        /// The negotiated heartbeat; zero switches it off.
        heartbeat: Span,
        /// The client announced `consumer_cancel_notify`.
        cancel_notify: bool,
    },
    /// `connection.close`
    Close,
    /// A heartbeat frame.
    Heartbeat,
    /// `channel.open`
    ChannelOpen,
    /// `channel.close`
    ChannelClose,
    /// `channel.close-ok`: the client has learnt that the broker closed the channel.
    ChannelCloseOk,
    /// `exchange.declare`
    ExchangeDeclare(Box<ExchangeDeclare>),
    /// `exchange.delete`
    ExchangeDelete {
        /// Its name.
        exchange: Name,
        /// Only when nothing is bound to it.
        if_unused: bool,
    },
    /// `exchange.bind`: `destination` receives what `source` routes.
    ExchangeBind(Box<Bind>),
    /// `exchange.unbind`
    ExchangeUnbind(Box<Bind>),
    /// `queue.declare`
    QueueDeclare(Box<QueueDeclare>),
    /// `queue.bind`
    QueueBind(Box<Bind>),
    /// `queue.unbind`
    QueueUnbind(Box<Bind>),
    /// `queue.delete`
    QueueDelete {
        /// Its name.
        queue: Name,
        /// Only when it has no consumers.
        if_unused: bool,
        /// Only when it has no ready messages.
        if_empty: bool,
    },
    /// `queue.purge`
    QueuePurge {
        /// Its name.
        queue: Name,
    },
    /// `confirm.select`
    ConfirmSelect,
    /// `tx.select`
    TxSelect,
    /// `tx.commit`
    TxCommit,
    /// `tx.rollback`
    TxRollback,
    /// `basic.qos`
    Qos {
        /// 0 is unlimited.
        prefetch_count: u16,
        /// Shared by the channel instead of per consumer.
        global: bool,
    },
    /// `basic.consume`
    Consume(Box<Consume>),
    /// `basic.cancel`
    Cancel {
        /// Which consumer.
        consumer_tag: Name,
    },
    /// `basic.publish`
    Publish {
        /// Return it when it cannot be routed.
        mandatory: bool,
        /// The message.
        message: Message,
    },
    /// `basic.get`
    Get {
        /// From which queue.
        queue: Name,
        /// Without acknowledgement.
        no_ack: bool,
    },
    /// `basic.ack`
    Ack {
        /// The delivery tag.
        tag: u64,
        /// And all before it on this channel.
        multiple: bool,
    },
    /// `basic.nack`
    Nack {
        /// The delivery tag.
        tag: u64,
        /// And all before it on this channel.
        multiple: bool,
        /// Back into the queue, instead of away.
        requeue: bool,
    },
    /// `basic.reject`
    Reject {
        /// The delivery tag.
        tag: u64,
        /// Back into the queue, instead of away.
        requeue: bool,
    },
    /// `basic.recover`
    Recover {
        /// Back into the queue, instead of to the same consumer.
        requeue: bool,
    },
}

/// `exchange.declare`
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeDeclare {
    /// Its name.
    pub exchange: Name,
    /// `direct`, `fanout`, `topic`, `headers`, `x-consistent-hash`.
    pub kind: Name,
    /// It survives a restart.
    pub durable: bool,
    /// It goes with its last binding.
    pub auto_delete: bool,
    /// Clients may not publish to it.
    pub internal: bool,
    /// Only ask whether it exists.
    pub passive: bool,
    /// `alternate-exchange` and others.
    pub arguments: Headers,
}

/// `queue.declare`
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueDeclare {
    /// Its name.
    pub queue: Name,
    /// It survives a restart.
    pub durable: bool,
    /// Only this connection may use it, and it goes with the connection.
    pub exclusive: bool,
    /// It goes with its last consumer.
    pub auto_delete: bool,
    /// Only ask whether it exists.
    pub passive: bool,
    /// No answer wanted.
    pub nowait: bool,
    /// `x-queue-type`, `x-message-ttl` and so on.
    pub arguments: Headers,
}

/// `queue.bind`, `exchange.bind` and their opposites.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bind {
    /// The exchange that routes.
    pub source: Name,
    /// The queue or exchange that receives.
    pub destination: Name,
    /// The binding key.
    pub key: Name,
    /// What a headers exchange compares.
    pub arguments: Headers,
}

/// `basic.consume`
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Consume {
    /// From which queue.
    pub queue: Name,
    /// The consumer's name on its channel.
    pub consumer_tag: Name,
    /// Deliveries need no acknowledgement.
    pub no_ack: bool,
    /// No other consumer may be there.
    pub exclusive: bool,
    /// `x-priority`, `x-stream-offset` and so on.
    pub arguments: Headers,
}

/// What a broker sends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reply {
    /// On which channel.
    pub channel: ChannelNo,
    /// What.
    pub frame: Frame,
}

/// The methods of a broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Frame {
    /// The positive answer to a synchronous method that carries no more than itself
    /// (`connection.open-ok`, `channel.open-ok`, `queue.bind-ok`, …).
    Ok(Done),
    /// A heartbeat frame.
    Heartbeat,
    /// `queue.declare-ok`
    DeclareOk {
        /// Its name.
        queue: Name,
        /// Ready messages.
        ready: u32,
        /// Consumers.
        consumers: u32,
    },
    /// `queue.delete-ok`, `queue.purge-ok`: how many messages that cost.
    Removed {
        /// Which of the two.
        done: Done,
        /// Messages removed.
        messages: u32,
    },
    /// `basic.consume-ok`
    ConsumeOk {
        /// The consumer.
        consumer_tag: Name,
    },
    /// `basic.cancel-ok`
    CancelOk {
        /// The consumer.
        consumer_tag: Name,
    },
    /// `basic.deliver`
    Deliver {
        /// The consumer.
        consumer_tag: Name,
        /// The message and its tag.
        delivery: Delivery,
    },
    /// `basic.get-ok`
    GetOk {
        /// The message and its tag.
        delivery: Delivery,
        /// Ready messages that are left.
        message_count: u32,
    },
    /// `basic.get-empty`
    GetEmpty,
    /// `basic.ack` to a publisher: confirmed.
    ConfirmAck {
        /// The publish sequence number.
        tag: u64,
        /// And all before it.
        multiple: bool,
    },
    /// `basic.nack` to a publisher: not accepted.
    ConfirmNack {
        /// The publish sequence number.
        tag: u64,
        /// And all before it.
        multiple: bool,
    },
    /// `basic.return`
    Return {
        /// 312 when no queue was found.
        code: u16,
        /// `NO_ROUTE`.
        text: Name,
        /// The message.
        message: Message,
    },
    /// `channel.close`: the broker closed the channel.
    ChannelClosed {
        /// The reply code.
        code: u16,
        /// The reply text.
        text: Name,
    },
    /// `connection.close`: the broker closed the connection.
    ConnectionClosed {
        /// The reply code.
        code: u16,
        /// The reply text.
        text: Name,
    },
    /// `basic.cancel` by the broker: the queue is gone.
    CancelledByBroker {
        /// The consumer.
        consumer_tag: Name,
    },
    /// `connection.blocked`
    Blocked {
        /// Why.
        reason: Name,
    },
    /// `connection.unblocked`
    Unblocked,
}

/// A message on its way to a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Delivery {
    /// The delivery tag.
    pub tag: u64,
    /// It was delivered before, or a broker cannot rule that out.
    pub redelivered: bool,
    /// `x-delivery-count`, which quorum queues add to the headers after the first delivery.
    pub delivery_count: Option<u32>,
    /// The message.
    pub message: Message,
}

/// Which synchronous method was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are the protocol's")]
pub enum Done {
    ConnectionOpen,
    ConnectionClose,
    ChannelOpen,
    ChannelClose,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeBind,
    ExchangeUnbind,
    QueueBind,
    QueueUnbind,
    QueueDelete,
    QueuePurge,
    ConfirmSelect,
    TxSelect,
    TxCommit,
    TxRollback,
    Qos,
    Recover,
}
