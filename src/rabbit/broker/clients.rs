//! Connections and channels come and go.

use super::Broker;
use crate::kernel::{Ctx, NodeId, Span};
use crate::rabbit::channel::Channel;
use crate::rabbit::connection::{CHANNEL_MAX, Connection, Slot};
use crate::rabbit::error::ChannelError;
use crate::rabbit::queue::{Command, Machine, Session};
use crate::talk::{ChannelNo, Done, Frame, Mq, Note, QueueId, RabbitTimer, Returned, Timer};

impl Broker {
    // ── connections ──

    pub(super) fn open(
        &mut self,
        peer: NodeId,
        heartbeat: Span,
        cancel_notify: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        // whoever opens anew has forgotten the connection it had
        self.drop_connection(peer, ctx);
        if self.connections.len() <= peer.index() {
            self.connections.resize(peer.index() + 1, None);
        }
        let connection = Connection::new(heartbeat, cancel_notify);
        self.connections[peer.index()] = Some(Box::new(connection));
        self.arm_heartbeat(peer, ctx);
        self.send(peer, 0, Frame::Ok(Done::ConnectionOpen), ctx);
    }

    /// The client closes the connection.
    pub(super) fn close(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        self.drop_connection(peer, ctx);
        self.send(peer, 0, Frame::Ok(Done::ConnectionClose), ctx);
    }

    /// The connection with a client is gone.
    pub(super) fn lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if self.drop_connection(peer, ctx) {
            ctx.note(Note::ConnectionClosed { peer, code: 0 });
        }
    }

    /// Ends a connection with everything on it. Returns whether there was one.
    fn drop_connection(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(connection) = self.connection_of(peer) else { return false };
        for slot in connection.open().collect::<Vec<u16>>() {
            self.end_channel(slot, Returned::Connection, ctx);
        }
        self.connections[peer.index()] = None;
        ctx.disarm(Timer::Rabbit(RabbitTimer::Heartbeat(peer)));
        self.carry_out(ctx);
        self.delete_exclusive_queues(peer, ctx);
        true
    }

    /// Closes what an error closes: the channel, or for the graver ones the connection.
    pub(super) fn fail(
        &mut self,
        peer: NodeId,
        number: ChannelNo,
        error: &ChannelError,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        if !error.closes_connection() {
            return self.close_channel_with(peer, number, error, Returned::Channel, ctx);
        }
        let (code, text) = (error.code, error.text.clone());
        self.send(peer, 0, Frame::ConnectionClosed { code, text }, ctx);
        self.drop_connection(peer, ctx);
        ctx.note(Note::ConnectionClosed { peer, code });
        ctx.close(peer);
    }

    // ── channels ──

    pub(super) fn open_channel(&mut self, peer: NodeId, number: ChannelNo, ctx: &mut Ctx<'_, Mq>) {
        let open = self.connection_of(peer).map(|connection| connection.slot(number));
        if number == 0 || number > CHANNEL_MAX || matches!(open, Some(Slot::Open(_))) {
            let error = match open {
                Some(Slot::Open(_)) => {
                    ChannelError::out_of_place(format_args!("second 'channel.open' seen"))
                }
                _ => ChannelError::not_allowed(format_args!(
                    "channel id {number} is not between 1 and the negotiated max {CHANNEL_MAX}"
                )),
            };
            return self.fail(peer, number, &error, ctx);
        }
        // each member of a cluster has slots of its own, so that all know whose a session is
        let (first, members) = self.slots_of_sessions();
        let mut own = (first..self.channels.len()).step_by(members);
        let free = own.find(|slot| self.channels[*slot].is_none());
        let slot = free.unwrap_or_else(|| {
            let len = self.channels.len();
            let next = len + (first + members - len % members) % members;
            self.channels.resize(next + 1, None);
            self.generations.resize(next + 1, 0);
            next
        });
        // at most 2047 channels for each of the nodes of a run
        let session = Session { slot: slot as u16, generation: self.generations[slot] };
        *self.windows.get_mut(session) = Default::default();
        self.channels[slot] = Some(Box::new(Channel::new(session, peer, number)));
        if let Some(connection) = self.connection_mut(peer) {
            connection.set(number, Slot::Open(session.slot));
        }
        self.send(peer, number, Frame::Ok(Done::ChannelOpen), ctx);
    }

    /// The client closes a channel.
    pub(super) fn client_closes(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = self.channels[usize::from(slot)].as_ref() else { return };
        let (peer, number) = (channel.peer, channel.number);
        self.send_confirms(ctx);
        self.end_channel(slot, Returned::Channel, ctx);
        if let Some(connection) = self.connection_mut(peer) {
            connection.set(number, Slot::Unused);
        }
        self.send(peer, number, Frame::Ok(Done::ChannelClose), ctx);
    }

    /// The client knows that the broker closed this channel: what it says there from now on is out
    /// of place. Source: `rabbit_reader.erl`; observed.
    pub(super) fn forget_channel(&mut self, peer: NodeId, number: ChannelNo) {
        if let Some(connection) = self.connection_mut(peer)
            && connection.slot(number) == Slot::Closed
        {
            connection.set(number, Slot::Unused);
        }
    }

    /// The broker closes a channel: what its client has not acknowledged comes back, and what was
    /// sent before the client learns of it is ignored.
    pub(super) fn close_channel_with(
        &mut self,
        peer: NodeId,
        number: ChannelNo,
        error: &ChannelError,
        why: Returned,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(Slot::Open(slot)) = self.connection_of(peer).map(|it| it.slot(number)) else {
            return;
        };
        if let Some(connection) = self.connection_mut(peer) {
            connection.set(number, Slot::Closed);
        }
        let (code, text) = (error.code, error.text.clone());
        self.send(peer, number, Frame::ChannelClosed { code, text }, ctx);
        ctx.note(Note::ChannelClosed { peer, code });
        self.end_channel(slot, why, ctx);
    }

    /// Ends a channel, and tells the queues that know it.
    fn end_channel(&mut self, slot: u16, why: Returned, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = self.channels[usize::from(slot)].take() else { return };
        let generation = &mut self.generations[usize::from(slot)];
        *generation = generation.wrapping_add(1);
        self.listed.retain(|listed| *listed != slot);
        let session = channel.session;
        for consumer in channel.subscribed() {
            ctx.note(Note::Unsubscribed { peer: channel.peer, queue: consumer.queue });
        }
        let queues = channel.queues();
        for &queue in &queues {
            let epoch = self.queues[queue.index()].epoch;
            let held = channel.held(queue, epoch, self.profile.consumers_by_tag);
            self.with_queue(queue, ctx.now, |queue, at| match &mut queue.machine {
                Machine::Classic(queue) => queue.down(session, why, at),
                Machine::Quorum(queue) => {
                    queue.append(Command::Down { session, why, held }, at.out)
                }
                Machine::Remote(queue) => {
                    queue.append(Command::Down { session, why, held }, at.out)
                }
                Machine::Stream(queue) => queue.down(session),
            });
        }
        for queue in queues {
            self.after_detach(queue, ctx);
        }
    }

    /// The session of an open channel.
    pub(super) fn session(&self, slot: u16) -> Option<Session> {
        self.channel_at(slot).map(|channel| channel.session)
    }

    /// Tells the consumers of a queue that it is gone, those who want to know.
    pub(super) fn cancel_consumers(&mut self, queue: QueueId, ctx: &mut Ctx<'_, Mq>) {
        for slot in 0..self.channels.len() {
            let Some(channel) = self.channels[slot].as_mut() else { continue };
            let (peer, number) = (channel.peer, channel.number);
            let cookies = channel.cookies_of(queue);
            let tags: Vec<_> =
                cookies.into_iter().filter_map(|cookie| channel.remove_consumer(cookie)).collect();
            for _ in &tags {
                ctx.note(Note::Unsubscribed { peer, queue });
            }
            channel.publishes_to.retain(|it| *it != queue);
            let notify = self.connection_of(peer).is_some_and(|it| it.cancel_notify);
            for consumer_tag in tags.into_iter().filter(|_| notify) {
                self.send(peer, number, Frame::CancelledByBroker { consumer_tag }, ctx);
            }
        }
    }

    // ── heartbeats ──

    fn arm_heartbeat(&self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if let Some(connection) = self.connection_of(peer)
            && !connection.heartbeat.is_zero()
        {
            let half = Span::from_nanos(connection.heartbeat.as_nanos() / 2);
            ctx.arm(Timer::Rabbit(RabbitTimer::Heartbeat(peer)), half);
        }
    }

    pub(super) fn heartbeat(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(silent) = self.connection_mut(peer).map(Connection::is_silent) else { return };
        if silent {
            // without a word: the socket is closed
            self.lost(peer, ctx);
            ctx.close(peer);
            return;
        }
        self.send(peer, 0, Frame::Heartbeat, ctx);
        self.arm_heartbeat(peer, ctx);
    }

    // ── alarms ──

    /// A connection published during an alarm: nothing more is read from it.
    pub(super) fn block(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let reason = "low on memory".into();
        self.send(peer, 0, Frame::Blocked { reason }, ctx);
        ctx.note(Note::Blocked { peer });
    }

    /// A memory or disk alarm goes on or off. When it is over, blocked connections are read again.
    pub(super) fn sound_alarm(&mut self, on: bool, ctx: &mut Ctx<'_, Mq>) {
        self.alarm = on;
        if on {
            return;
        }
        for index in 0..self.connections.len() {
            let peer = NodeId(index as u32);
            let Some(held) = self.connection_mut(peer).and_then(|it| it.blocked.take()) else {
                continue;
            };
            if let Some(connection) = self.connection_mut(peer) {
                connection.heard = true;
            }
            self.send(peer, 0, Frame::Unblocked, ctx);
            ctx.note(Note::Unblocked { peer });
            for request in held {
                self.serve(peer, request, ctx);
                self.finish(ctx);
            }
        }
    }
}
