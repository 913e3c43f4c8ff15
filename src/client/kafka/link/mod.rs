//! What every Kafka client does to speak to a cluster: connections, metadata, coordinators.
//!
//! A [`Link`] is plain data inside a client. The client hands every input to [`Link::on`], and then
//! takes what came of it with [`Link::next_event`] until there is nothing more. What the client asks
//! of a broker carries a tag `T` that says what it is for; the tag comes back with the answer, or
//! with the news that there will be none.
//!
//! *Modelled*: a connection per broker and [`Lane`], each begun by a handshake; answers in the order
//! of requests; time-outs, upon which Java and librdkafka close the connection and KafkaJS does not;
//! back-off before reconnecting; metadata from any broker, asked for when something is wrong and when
//! it is old; looking for coordinators. *Simplified*: the handshake is `ApiVersions` on every
//! connection, also where a client knows the versions already, and takes the one round trip that a
//! TCP connection takes; who closes one connection with a broker closes both. *Left out*: SASL, TLS,
//! throttling, `connections.max.idle.ms`.
//!
//! Sources: Apache Kafka 4.1.1 `NetworkClient`, `ClusterConnectionStates`, `Metadata`; KafkaJS 2.2.4
//! `src/network`, `src/cluster`; librdkafka 2 `rdkafka_broker.c`.

pub mod backoff;
mod config;
mod metadata;
mod peer;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::kafka::clients::Family;
use crate::kernel::{Ctx, Input, NodeId, Span, Time};
use crate::talk::kafka::{Answer, Api, Code, GroupId, Image, TopicId, TopicPartition, TxnId};
use crate::talk::{Constant, KafkaClientTimer, Mq, Msg, Timer};

pub use config::LinkConfig;
pub use peer::Lane;

use metadata::{Lookup, Metadata};
use peer::{Peer, Phase, Purpose};

/// What has a coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Coordinated {
    /// A consumer group or share group.
    Group(GroupId),
    /// A transactional id.
    Txn(TxnId),
}

/// What became of something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<T> {
    /// Work can be done on a connection.
    Up {
        /// With whom.
        broker: NodeId,
        /// Which.
        lane: Lane,
    },
    /// A broker answered a request.
    Answer {
        /// Which broker.
        broker: NodeId,
        /// What the request was for.
        tag: T,
        /// What it said.
        answer: Answer,
    },
    /// A request that had to wait was written.
    Started {
        /// What it is for.
        tag: T,
    },
    /// A request was written to which there is no answer (`acks=0`).
    Written {
        /// To whom.
        broker: NodeId,
        /// What the request was for.
        tag: T,
    },
    /// There will be no answer to a request.
    Failed {
        /// Whom it was for.
        broker: NodeId,
        /// What it was for.
        tag: T,
        /// Why.
        why: Lost,
    },
    /// A broker can be tried again after a back-off.
    Rested {
        /// Which.
        broker: NodeId,
    },
    /// Metadata arrived: the same as before, or newer.
    Metadata,
    /// Nobody could be asked for metadata, or did not answer. It will be asked for again.
    MetadataFailed,
    /// An answer to the question for a coordinator arrived. After an error it is asked again by
    /// itself, unless the error is fatal.
    Coordinator {
        /// Of what.
        of: Coordinated,
        /// Who it is.
        found: Result<NodeId, Code>,
    },
}

/// Why there will be no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// No connection: the request was never written.
    Unreachable,
    /// The connection ended.
    Disconnected,
    /// The answer did not come in time.
    TimedOut,
}

impl Lost {
    /// Whether the broker may have done what it was asked.
    pub const fn maybe_done(self) -> bool {
        !matches!(self, Lost::Unreachable)
    }
}

/// A client's side of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link<T> {
    config: Constant<LinkConfig>,
    peers: Vec<Peer<T>>,
    metadata: Metadata,
    lookups: Vec<Lookup>,
    /// The number of the last request.
    correlation: u32,
    /// The number of the last thing that was left to chance.
    draws: u64,
    /// For when [`KafkaClientTimer::Request`] is armed.
    alarm: Option<Time>,
    events: VecDeque<Event<T>>,
}

impl<T: Clone> Link<T> {
    /// A client that has spoken to nobody yet.
    pub fn new(config: LinkConfig) -> Link<T> {
        Link {
            config: Constant::new(config),
            peers: Vec::new(),
            metadata: Metadata::default(),
            lookups: Vec::new(),
            correlation: 0,
            draws: 0,
            alarm: None,
            events: VecDeque::new(),
        }
    }

    /// What it was told.
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// Takes an input if it is one for the link. What comes of it are [events](Link::next_event).
    ///
    /// # Errors
    /// The input, when it is for somebody else.
    pub fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) -> Result<(), Input<Mq>> {
        match input {
            Input::Message { from, msg: Msg::KafkaResponse(response) } => {
                self.answered(from, *response, ctx);
            }
            Input::Closed(peer) => self.closed(peer, ctx),
            Input::Timer(Timer::KafkaClient(KafkaClientTimer::Request(_))) => self.overdue(ctx),
            Input::Timer(Timer::KafkaClient(KafkaClientTimer::Reconnect(node))) => {
                self.rested(node, ctx);
            }
            Input::Timer(Timer::KafkaClient(KafkaClientTimer::Metadata)) => self.inquire(ctx),
            other => return Err(other),
        }
        Ok(())
    }

    /// What happened next, oldest first.
    pub fn next_event(&mut self) -> Option<Event<T>> {
        self.events.pop_front()
    }

    /// The process is gone, and all that its link knew. Its numbers go on, so that nothing is left to
    /// chance twice under the same name.
    pub fn reset(&mut self) {
        self.peers.clear();
        self.metadata = Metadata::default();
        self.lookups.clear();
        self.alarm = None;
        self.events.clear();
    }

    /// Closes every connection in an orderly way.
    pub fn close(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for peer in &self.peers {
            if !peer.is_down() {
                ctx.close(peer.node);
            }
            ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Reconnect(peer.node)));
        }
        ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Request(0)));
        ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Metadata));
        self.reset();
    }

    // ── requests ──

    /// Whether a request can be written at once. If there is no connection yet, one is made as soon
    /// as the back-off allows; [`Event::Up`] or [`Event::Rested`] says when to look again.
    pub fn ready(&mut self, broker: NodeId, lane: Lane, ctx: &mut Ctx<'_, Mq>) -> bool {
        let most = self.config.max_in_flight.map_or(usize::MAX, |most| most as usize);
        let at = self.peer(broker);
        let connection = &mut self.peers[at].lanes[lane as usize];
        match connection.phase {
            Phase::Up => connection.waiting.is_empty() && connection.in_flight.len() < most,
            Phase::Opening => false,
            Phase::Down => {
                connection.wanted = true;
                self.open(at, lane, ctx);
                false
            }
        }
    }

    /// Sends a request. It waits while there is no connection, which is made as soon as the back-off
    /// allows, or too much is in flight. `timeout` counts from when it is written.
    pub fn send(
        &mut self,
        broker: NodeId,
        lane: Lane,
        tag: T,
        api: Api,
        timeout: Option<Span>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let timeout = timeout.unwrap_or(self.config.request_timeout);
        self.submit(broker, lane, Purpose::Client(tag), api, timeout, ctx);
    }

    /// How many requests of the client to a broker have no answer on this lane.
    pub fn in_flight(&self, broker: NodeId, lane: Lane) -> usize {
        self.find(broker).map_or(0, |at| self.peers[at].lanes[lane as usize].in_flight.len())
    }

    /// The tags of the client's requests without an answer, written or not.
    pub fn unanswered(&self) -> impl Iterator<Item = &T> {
        let lanes = self.peers.iter().flat_map(|peer| &peer.lanes);
        lanes
            .flat_map(|lane| {
                let written = lane.in_flight.iter().map(|flight| &flight.purpose);
                written.chain(lane.waiting.iter().map(|waiting| &waiting.purpose))
            })
            .filter_map(|purpose| match purpose {
                Purpose::Client(tag) => Some(tag),
                _ => None,
            })
    }

    /// Whether there is a connection with this broker on which work can be done.
    pub fn is_up(&self, broker: NodeId) -> bool {
        self.find(broker).is_some_and(|at| self.peers[at].is_up())
    }

    /// The brokers with which there is a connection on which work can be done.
    pub fn connected(&self) -> impl Iterator<Item = NodeId> {
        self.peers.iter().filter(|peer| peer.is_up()).map(|peer| peer.node)
    }

    // ── what is known of the cluster ──

    /// The newest metadata, if any has arrived.
    pub fn image(&self) -> Option<&Arc<Image>> {
        self.metadata.image()
    }

    /// Who leads a partition, and in which epoch, as far as is known.
    pub fn leader(&self, at: TopicPartition) -> Option<(NodeId, u32)> {
        let partition = self.image()?.partition(at)?;
        Some((partition.leader?, partition.leader_epoch))
    }

    /// How many partitions a topic has, as far as is known.
    pub fn partitions(&self, topic: TopicId) -> u16 {
        self.image().map_or(0, |image| image.partitions(topic))
    }

    /// Who coordinates something, if it is known.
    pub fn coordinator(&self, of: Coordinated) -> Option<NodeId> {
        self.lookups.iter().find(|lookup| lookup.of == of)?.found
    }

    fn is_kafkajs(&self) -> bool {
        self.config.family == Family::KafkaJs
    }
}
