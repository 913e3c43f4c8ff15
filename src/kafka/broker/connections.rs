//! Connections: which request of which comes next.
//!
//! A broker takes the next request of a connection when it has answered the one before; until then
//! the channel is muted. Source: `SocketServer.Processor` of Apache Kafka 4.1.1.

use std::collections::VecDeque;

use crate::kafka::coordinate::Client;
use crate::kernel::NodeId;
use crate::talk::kafka::{Api, Request};

/// The connections with all peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Connections {
    /// By peer: its connections that have been used.
    peers: Vec<Vec<Connection>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Connection {
    lane: u8,
    /// The request that is being served.
    serving: Option<u32>,
    held: VecDeque<Request>,
}

impl Connections {
    fn find(&mut self, node: NodeId, lane: u8) -> &mut Connection {
        if self.peers.len() <= node.index() {
            self.peers.resize(node.index() + 1, Vec::new());
        }
        let peer = &mut self.peers[node.index()];
        let at = peer.iter().position(|it| it.lane == lane).unwrap_or_else(|| {
            peer.push(Connection { lane, serving: None, held: VecDeque::new() });
            peer.len() - 1
        });
        &mut peer[at]
    }

    /// A request comes: it is given back if it can be served now.
    pub(super) fn take(&mut self, from: NodeId, request: Request) -> Option<Request> {
        let connection = self.find(from, request.lane);
        if connection.serving.is_some() {
            connection.held.push_back(request);
            return None;
        }
        connection.serving = Some(request.correlation);
        Some(request)
    }

    /// A request is answered. Returns whether its connection is still there, and the next request.
    pub(super) fn answered(&mut self, client: Client) -> (bool, Option<Request>) {
        let connection = self.find(client.node, client.lane);
        if connection.serving != Some(client.correlation) {
            return (false, None);
        }
        let next = connection.held.pop_front();
        connection.serving = next.as_ref().map(|it| it.correlation);
        (true, next)
    }

    /// The connections with a peer are gone. What had arrived on them and waited is given back: it
    /// is in the broker's memory, and is served although nobody hears the answer. A consumer that
    /// stops sends its last commit and `LeaveGroup` behind each other and goes.
    pub(super) fn closed(&mut self, peer: NodeId) -> Vec<Request> {
        let Some(connections) = self.peers.get_mut(peer.index()) else { return Vec::new() };
        let held = connections.drain(..).flat_map(|connection| connection.held);
        // a read changes nothing
        held.filter(|request| !matches!(request.api, Api::Fetch(_))).collect()
    }
}
