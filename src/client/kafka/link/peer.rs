//! The connections with one broker.

use std::collections::VecDeque;

use super::Coordinated;
use crate::kernel::{NodeId, Time};
use crate::talk::kafka::Api;

/// Which of a client's connections with a broker a request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Everything but what has a connection of its own.
    Main = 0,
    /// Of a consumer: Java and librdkafka speak with the coordinator of their group on it, KafkaJS
    /// fetches on it.
    Second = 1,
}

impl Lane {
    /// Both.
    pub const ALL: [Lane; 2] = [Lane::Main, Lane::Second];

    pub(super) const fn of(number: u8) -> Option<Lane> {
        match number {
            0 => Some(Lane::Main),
            1 => Some(Lane::Second),
            _ => None,
        }
    }
}

/// A broker, as its client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer<T> {
    pub(super) node: NodeId,
    pub(super) lanes: [Connection<T>; 2],
    /// How often in a row a connection could not be made, or ended.
    pub(super) failures: u32,
    /// It is left alone until then.
    pub(super) alone_until: Option<Time>,
}

impl<T> Peer<T> {
    pub(super) fn new(node: NodeId) -> Peer<T> {
        let lanes = [Connection::default(), Connection::default()];
        Peer { node, lanes, failures: 0, alone_until: None }
    }

    /// Whether work can be done on any connection with it.
    pub(super) fn is_up(&self) -> bool {
        self.lanes.iter().any(|lane| lane.phase == Phase::Up)
    }

    /// Whether there is no connection with it, not even an attempt.
    pub(super) fn is_down(&self) -> bool {
        self.lanes.iter().all(|lane| lane.phase == Phase::Down)
    }
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Connection<T> {
    pub(super) phase: Phase,
    /// Somebody waits for it to be up.
    pub(super) wanted: bool,
    /// Written, and without an answer.
    pub(super) in_flight: VecDeque<Flight<T>>,
    /// Not written yet: the connection is not up, or too much is in flight.
    pub(super) waiting: VecDeque<Waiting<T>>,
}

impl<T> Default for Connection<T> {
    fn default() -> Connection<T> {
        Connection {
            phase: Phase::Down,
            wanted: false,
            in_flight: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Phase {
    Down,
    /// The handshake is under way. It is the first request in flight.
    Opening,
    Up,
}

/// A request without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Flight<T> {
    pub(super) correlation: u32,
    pub(super) deadline: Time,
    pub(super) purpose: Purpose<T>,
}

/// A request that is not written yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Waiting<T> {
    pub(super) api: Api,
    pub(super) timeout: crate::kernel::Span,
    pub(super) purpose: Purpose<T>,
}

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Purpose<T> {
    Handshake,
    Metadata,
    Coordinator(Coordinated),
    /// The client's own.
    Client(T),
}
