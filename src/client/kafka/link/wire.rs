//! Connections, and what is on them.

use super::peer::{Flight, Lane, Peer, Phase, Purpose, Waiting};
use super::{Event, Link, Lost, backoff};
use crate::kernel::{Ctx, NodeId, Site, Span, Time};
use crate::talk::kafka::{Acks, Answer, Api, Produce, Request, Response};
use crate::talk::{KafkaClientTimer, Mq, Msg, Note, Timer};

impl<T: Clone> Link<T> {
    pub(super) fn find(&self, broker: NodeId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.node == broker)
    }

    /// The place of a broker, which is a new one when nothing was known of it.
    pub(super) fn peer(&mut self, broker: NodeId) -> usize {
        self.find(broker).unwrap_or_else(|| {
            self.peers.push(Peer::new(broker));
            self.peers.len() - 1
        })
    }

    /// A name for the next thing that is left to chance.
    pub(super) fn site(&mut self, what: &'static str, ctx: &Ctx<'_, Mq>) -> Site {
        self.draws += 1;
        Site::new(what, u64::from(ctx.me.0)).nth(self.draws)
    }

    // ── opening ──

    /// Begins to connect, unless that is under way, or the broker is to be left alone.
    pub(super) fn open(&mut self, at: usize, lane: Lane, ctx: &mut Ctx<'_, Mq>) {
        let peer = &mut self.peers[at];
        let connection = &mut peer.lanes[lane as usize];
        if connection.phase != Phase::Down || peer.alone_until.is_some() {
            return;
        }
        connection.phase = Phase::Opening;
        let timeout = self.config.setup_timeout;
        self.write(at, lane, Purpose::Handshake, Api::ApiVersions, timeout, ctx);
    }

    fn opened(&mut self, at: usize, lane: Lane, ctx: &mut Ctx<'_, Mq>) {
        let peer = &mut self.peers[at];
        let broker = peer.node;
        let first = !peer.is_up();
        peer.failures = 0;
        peer.lanes[lane as usize].phase = Phase::Up;
        peer.lanes[lane as usize].wanted = false;
        if first {
            ctx.note(Note::Connected { to: broker });
        }
        self.events.push_back(Event::Up { broker, lane });
        self.flush(at, lane, ctx);
        self.inquire(ctx);
    }

    /// The back-off of a broker is over.
    pub(super) fn rested(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(at) = self.find(broker) else { return };
        self.peers[at].alone_until = None;
        for lane in Lane::ALL {
            let connection = &self.peers[at].lanes[lane as usize];
            if connection.wanted || !connection.waiting.is_empty() {
                self.open(at, lane, ctx);
            }
        }
        self.events.push_back(Event::Rested { broker });
        self.inquire(ctx);
    }

    // ── writing ──

    pub(super) fn submit(
        &mut self,
        broker: NodeId,
        lane: Lane,
        purpose: Purpose<T>,
        api: Api,
        timeout: Span,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let at = self.peer(broker);
        let most = self.config.max_in_flight.map_or(usize::MAX, |most| most as usize);
        let connection = &mut self.peers[at].lanes[lane as usize];
        if connection.phase == Phase::Up
            && connection.waiting.is_empty()
            && connection.in_flight.len() < most
        {
            self.write(at, lane, purpose, api, timeout, ctx);
        } else {
            connection.waiting.push_back(Waiting { api, timeout, purpose });
            self.open(at, lane, ctx);
        }
    }

    /// Writes what waited, as far as there is room.
    fn flush(&mut self, at: usize, lane: Lane, ctx: &mut Ctx<'_, Mq>) {
        let most = self.config.max_in_flight.map_or(usize::MAX, |most| most as usize);
        loop {
            let connection = &mut self.peers[at].lanes[lane as usize];
            if connection.phase != Phase::Up || connection.in_flight.len() >= most {
                return;
            }
            let Some(Waiting { api, timeout, purpose }) = connection.waiting.pop_front() else {
                return;
            };
            if let Purpose::Client(tag) = &purpose {
                self.events.push_back(Event::Started { tag: tag.clone() });
            }
            self.write(at, lane, purpose, api, timeout, ctx);
        }
    }

    fn write(
        &mut self,
        at: usize,
        lane: Lane,
        purpose: Purpose<T>,
        api: Api,
        timeout: Span,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.correlation = self.correlation.wrapping_add(1);
        let correlation = self.correlation;
        let peer = &mut self.peers[at];
        let silent = matches!(api, Api::Produce(Produce { acks: Acks::None, .. }));
        ctx.send(
            peer.node,
            Msg::KafkaRequest(Box::new(Request { lane: lane as u8, correlation, api })),
        );
        match purpose {
            Purpose::Client(tag) if silent => {
                self.events.push_back(Event::Written { broker: peer.node, tag });
            }
            purpose => {
                let deadline = ctx.now + timeout;
                let flight = Flight { correlation, deadline, purpose };
                peer.lanes[lane as usize].in_flight.push_back(flight);
                self.watch(deadline, ctx);
            }
        }
    }

    // ── answers ──

    pub(super) fn answered(&mut self, from: NodeId, response: Response, ctx: &mut Ctx<'_, Mq>) {
        let (Some(at), Some(lane)) = (self.find(from), Lane::of(response.lane)) else { return };
        let in_flight = &mut self.peers[at].lanes[lane as usize].in_flight;
        // Only KafkaJS, which goes on after a time-out, meets answers that nobody waits for.
        let Some(place) = in_flight.iter().position(|it| it.correlation == response.correlation)
        else {
            return;
        };
        let Some(flight) = in_flight.remove(place) else { return };
        self.flush(at, lane, ctx);
        match (flight.purpose, response.answer) {
            (Purpose::Handshake, _) => self.opened(at, lane, ctx),
            (Purpose::Metadata, Answer::Metadata(image)) => self.learn(image, ctx),
            (Purpose::Coordinator(of), Answer::FindCoordinator(found)) => {
                self.coordinator_answered(of, found, ctx);
            }
            (Purpose::Client(tag), answer) => {
                self.events.push_back(Event::Answer { broker: from, tag, answer });
            }
            (purpose @ (Purpose::Metadata | Purpose::Coordinator(_)), _) => {
                self.no_answer(from, purpose, Lost::Disconnected, ctx);
            }
        }
    }

    /// There will be no answer to a request.
    fn no_answer(&mut self, from: NodeId, purpose: Purpose<T>, why: Lost, ctx: &mut Ctx<'_, Mq>) {
        match purpose {
            Purpose::Handshake => {}
            Purpose::Metadata => self.metadata_failed(ctx),
            Purpose::Coordinator(of) => self.lookup_failed(of, ctx),
            Purpose::Client(tag) => {
                self.events.push_back(Event::Failed { broker: from, tag, why });
            }
        }
    }

    // ── ends ──

    /// The connections with a broker are gone, or an attempt to make one failed.
    pub(super) fn closed(&mut self, broker: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(at) = self.find(broker) else { return };
        if self.peers[at].is_down() {
            return;
        }
        self.drop_connections(at, Lost::Disconnected, ctx);
    }

    /// The connections with a broker are over: nothing on them is answered any more, and the broker
    /// is left alone for a while. Java counts every end of a connection for that, not only failed
    /// attempts (`ClusterConnectionStates.disconnected`).
    fn drop_connections(&mut self, at: usize, why: Lost, ctx: &mut Ctx<'_, Mq>) {
        let peer = &mut self.peers[at];
        let broker = peer.node;
        let was_up = peer.is_up();
        let failures = peer.failures;
        peer.failures = failures.saturating_add(1);
        let lanes = std::mem::take(&mut peer.lanes);
        let mut unreachable = false;
        for (place, old) in lanes.iter().enumerate() {
            peer.lanes[place].wanted = old.wanted;
            unreachable |= old.phase == Phase::Opening;
        }
        if was_up {
            ctx.note(Note::Disconnected { from: broker });
        }
        if let Some(reconnect) = self.config.reconnect {
            let site = self.site("reconnect", ctx);
            let wait = backoff::exponential(&reconnect, failures, site, ctx);
            self.peers[at].alone_until = Some(ctx.now + wait);
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Reconnect(broker)), wait);
        }
        for lane in lanes {
            for flight in lane.in_flight {
                self.no_answer(broker, flight.purpose, why, ctx);
            }
            for waiting in lane.waiting {
                self.no_answer(broker, waiting.purpose, Lost::Unreachable, ctx);
            }
        }
        if unreachable {
            self.nobody_there(ctx);
        }
        self.inquire(ctx);
    }

    // ── time-outs ──

    /// One timer for all requests: it goes off no later than the first of them is overdue.
    fn watch(&mut self, deadline: Time, ctx: &mut Ctx<'_, Mq>) {
        if self.alarm.is_none_or(|alarm| deadline < alarm) {
            self.alarm = Some(deadline);
            let timer = KafkaClientTimer::Request(0);
            ctx.arm(Timer::KafkaClient(timer), deadline.since(ctx.now));
        }
    }

    /// Some request may be overdue.
    pub(super) fn overdue(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.alarm = None;
        for at in 0..self.peers.len() {
            let lanes = self.peers[at].lanes.iter();
            let late = lanes.flat_map(|lane| &lane.in_flight).filter(|it| it.deadline <= ctx.now);
            let mut handshake = false;
            let mut any = false;
            for flight in late {
                any = true;
                handshake |= matches!(flight.purpose, Purpose::Handshake);
            }
            if any && (handshake || !self.is_kafkajs()) {
                // Java disconnects from a broker that lets a request time out
                // (`NetworkClient.handleTimedOutRequests`), librdkafka after as many as
                // `socket.max.fails`, which is 1.
                ctx.close(self.peers[at].node);
                self.drop_connections(at, Lost::TimedOut, ctx);
            } else if any {
                self.give_up_overdue(at, ctx);
            }
        }
        let flights = self.peers.iter().flat_map(|peer| &peer.lanes).flat_map(|it| &it.in_flight);
        if let Some(next) = flights.map(|flight| flight.deadline).min() {
            self.watch(next, ctx);
        }
    }

    /// KafkaJS stays connected and only forgets the request; an answer that still comes is dropped
    /// ("Response without match"). Source: `src/network/requestQueue/index.js` of 2.2.4, which looks
    /// every 100 ms.
    fn give_up_overdue(&mut self, at: usize, ctx: &mut Ctx<'_, Mq>) {
        let broker = self.peers[at].node;
        for lane in Lane::ALL {
            loop {
                let in_flight = &mut self.peers[at].lanes[lane as usize].in_flight;
                let late = in_flight.iter().position(|it| it.deadline <= ctx.now);
                let Some(flight) = late.and_then(|late| in_flight.remove(late)) else { break };
                self.no_answer(broker, flight.purpose, Lost::TimedOut, ctx);
            }
            self.flush(at, lane, ctx);
        }
    }
}
