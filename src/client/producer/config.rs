//! What a producer is told: names follow amqplib and AMQP.

use crate::client::connection::ConnectionConfig;
use crate::kernel::{Ctx, Dist, NodeId, Site, Span};
use crate::talk::{MessageId, Method, Mq, Name, Publication, Rate};

/// How a producer works.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerConfig {
    /// Its name, for people.
    pub name: Name,
    /// How it connects.
    pub connection: ConnectionConfig,
    /// What it publishes: one publication, or several that alternate. A `{key}` in a routing key
    /// is replaced by the number of the message's key; `key` itself is filled in.
    pub publish: Vec<Share>,
    /// How several publications alternate.
    pub mix: Mix,
    /// The entities that its messages are about.
    pub keys: Keys,
    /// How many messages it has to send.
    pub messages: u32,
    /// The identity of its first message; the following ones count up.
    pub first_id: MessageId,
    /// When it begins, counted from its start.
    pub begins: Span,
    /// When it submits the next message.
    pub pacing: Pacing,
    /// At most this many publishes without an answer (`confirm` or [`Rpc`] must be on); 0 is
    /// unlimited.
    pub window: u32,
    /// It uses a confirm channel.
    pub confirm: bool,
    /// It wants back what cannot be routed.
    pub mandatory: bool,
    /// Methods sent before every publish without waiting for their answers: a queue that is
    /// declared each time.
    pub declare_before_publish: Vec<Method>,
    /// What it does with a publish that had no answer when the connection went, or for which
    /// `confirm_timeout` passed.
    pub on_unknown: Again,
    /// What it does with a publish that the broker refused (`basic.nack`).
    pub on_nack: Again,
    /// What it does with a message that came back unroutable.
    pub on_return: Again,
    /// How long it waits before it sends again what was refused or returned.
    pub again_after: Span,
    /// How long it waits for a confirm before it takes the publish for unknown.
    pub confirm_timeout: Option<Span>,
    /// What it does while the broker blocks it.
    pub on_blocked: OnBlocked,
    /// It keeps what is not confirmed in a database (an outbox) and sends it after a crash of its
    /// own; otherwise the crash forgets it.
    pub outbox: bool,
    /// Its messages are requests and it waits for answers.
    pub rpc: Option<Rpc>,
}

impl ProducerConfig {
    /// A producer that publishes 1000 persistent messages to the queue `queue`, one every
    /// millisecond, on a confirm channel, and sends again what it cannot know about.
    pub fn to_queue(name: &str, broker: NodeId, queue: &str) -> ProducerConfig {
        let mut publication = Publication { routing_key: queue.into(), ..Publication::default() };
        publication.properties.persistent = true;
        ProducerConfig {
            name: name.into(),
            connection: ConnectionConfig::to(broker),
            publish: vec![Share { weight: 1, publication }],
            mix: Mix::InTurn,
            keys: Keys::None,
            messages: 1_000,
            first_id: MessageId(1),
            begins: Span::ZERO,
            pacing: Pacing::Every(Dist::Fixed(Span::from_millis(1))),
            window: 0,
            confirm: true,
            mandatory: false,
            declare_before_publish: Vec::new(),
            on_unknown: Again::Resend,
            on_nack: Again::Resend,
            on_return: Again::GiveUp,
            again_after: Span::from_secs(1),
            confirm_timeout: None,
            on_blocked: OnBlocked::KeepWriting,
            outbox: false,
            rpc: None,
        }
    }
}

/// One of the publications of a producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    /// How many of its messages are like this, relative to the other shares; 0 is none.
    pub weight: u32,
    /// What it says.
    pub publication: Publication,
}

/// How several publications alternate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mix {
    /// In turn, each as often as its weight says, over and over.
    InTurn,
    /// Drawn for each message.
    Drawn,
}

/// Which entity each message is about. Entities are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// None.
    None,
    /// This many, in turn.
    InTurn(u32),
    /// This many, drawn evenly for each message.
    Drawn(u32),
    /// This many; the first has this share of all messages, the others share the rest evenly.
    Skewed {
        /// How many.
        keys: u32,
        /// The share of the first.
        hot: Rate,
    },
}

impl Keys {
    /// The entity of the message with this number, from 0; 0 when there are none. The draws belong to
    /// the node that asks.
    pub(in crate::client) fn entity(self, number: u32, ctx: &mut Ctx<'_, Mq>) -> u32 {
        let me = u64::from(ctx.me.0);
        let mut draw = |what, n| ctx.choose(Site::new(what, me).nth(number.into()), n);
        match self {
            Keys::None | Keys::InTurn(0) | Keys::Drawn(0) | Keys::Skewed { keys: 0, .. } => 0,
            Keys::InTurn(keys) => number % keys + 1,
            Keys::Drawn(keys) => draw("key", keys) + 1,
            Keys::Skewed { keys: 1, .. } => 1,
            Keys::Skewed { keys, hot } => {
                if hot.covers(draw("hot key", Rate::OF)) {
                    1
                } else {
                    draw("key", keys - 1) + 2
                }
            }
        }
    }

    /// How many entities there are.
    pub fn count(self) -> u32 {
        match self {
            Keys::None => 0,
            Keys::InTurn(keys) | Keys::Drawn(keys) | Keys::Skewed { keys, .. } => keys,
        }
    }
}

/// When a producer submits the next message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pacing {
    /// After a gap, whatever became of those before (an open loop). `Dist::Exponential` makes a
    /// Poisson process.
    Every(Dist),
    /// As soon as the window has room (a closed loop); at once when there is no window.
    Window,
}

/// What a producer does with a message whose publish failed, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Again {
    /// Publish it again, as another copy.
    Resend,
    /// Leave it.
    GiveUp,
}

/// What a producer does while the broker blocks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnBlocked {
    /// It does not listen to `blocked` events: what it writes waits in its own memory and in the
    /// socket. This is what amqplib does by itself.
    KeepWriting,
    /// It holds back what it has until the broker unblocks it.
    Wait,
}

/// Requests that wait for answers. The answer carries the identity of its request, which is its
/// correlation id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rpc {
    /// The exclusive queue for the answers, declared on every connection.
    pub reply_queue: Name,
    /// How long it waits for an answer.
    pub timeout: Span,
    /// What it does then.
    pub on_timeout: Again,
}
