//! What the members of a cluster say to each other beside the log: who is there, alarms, and
//! classic queues that live elsewhere.

use super::{Broker, Queue};
use crate::kernel::{Ctx, NodeId};
use crate::rabbit::channel::Channel;
use crate::rabbit::cluster::{Change, Early, Source, Stamped, TICK, Word};
use crate::rabbit::connection::Asking;
use crate::rabbit::error::ChannelError;
use crate::rabbit::queue::{Command, Effect, Machine, Session, Subscription};
use crate::raft::Message;
use crate::talk::{Frame, Method, Mq, Note, Parcel, QueueId, RabbitTimer, Returned, Timer};

impl Broker {
    /// The connection with a client, or with a member, is gone.
    pub(super) fn closed(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        if self.cluster.as_ref().is_some_and(|member| member.place_of(peer).is_some()) {
            self.member_lost(peer, ctx);
        } else {
            self.lost(peer, ctx);
        }
    }

    /// Another member is gone, or not heard of any more.
    fn member_lost(&mut self, node: NodeId, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &mut self.cluster else { return };
        if member.gives_up(node) {
            let place = member.place_of(node).unwrap_or_default();
            let life = member.streams[place].life();
            self.decree(Change::Lost { member: place as u8, life }, ctx);
            self.sever(node, ctx);
            self.hear_alarms(ctx);
        }
        self.with_log(ctx, |member, outputs| member.raft.peer_down(node, outputs));
    }

    pub(super) fn cluster_tick(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let lost = self.cluster.as_mut().map(|member| member.tick()).unwrap_or_default();
        for node in lost {
            self.member_lost(node, ctx);
        }
        let Some(member) = &self.cluster else { return };
        let alarm = member.alarms[usize::from(member.place)];
        let severed: Vec<_> = (0..self.config.members.len())
            .filter_map(|place| Some((self.config.members[place], member.severs(place)?)))
            .collect();
        for (node, word) in severed {
            self.tell(node, word, ctx);
        }
        self.tell_all(&Word::Ping { alarm }, ctx);
        ctx.arm(Timer::Rabbit(RabbitTimer::ClusterTick), TICK);
    }

    /// Another member says something.
    pub(super) fn hear(&mut self, from: NodeId, parcel: &Parcel, ctx: &mut Ctx<'_, Mq>) {
        let Some(word) = parcel.open::<Word>() else { return };
        if matches!(word, Word::Hello { .. }) {
            self.member_lost(from, ctx);
        }
        let Some(member) = &mut self.cluster else { return };
        let Some(place) = member.place_of(from) else { return };
        let leads = match word {
            Word::Raft(Message::Append { term, .. } | Message::Snapshot { term, .. }) => {
                Some(*term).filter(|term| *term >= member.raft.term())
            }
            _ => None,
        };
        let reborn = matches!(word, Word::Hello { .. });
        if member.may_be_given_up(place, leads, ctx.now) && !reborn {
            self.forsake_clients(ctx);
        }
        let Some(member) = &mut self.cluster else { return };
        if reborn {
            member.mends(place, None);
        } else if let Some(severed) = member.severs(place) {
            // what was said before it knows that is void
            if matches!(word, Word::Command { .. } | Word::Effect { .. }) {
                return self.tell(from, severed, ctx);
            }
        }
        let Some(member) = &mut self.cluster else { return };
        if member.hears(place, ctx.now) {
            self.with_log(ctx, |member, outputs| member.raft.peer_up(from, outputs));
        }
        match word {
            Word::Hello { .. } => {}
            Word::Ping { alarm } => {
                if let Some(member) = &mut self.cluster
                    && std::mem::replace(&mut member.alarms[place], *alarm) != *alarm
                {
                    self.hear_alarms(ctx);
                }
            }
            Word::Raft(message) => {
                let message = message.clone();
                self.with_log(ctx, |member, outputs| member.raft.receive(from, message, outputs));
            }
            Word::Submit { life, seq, change } => {
                let source = Source { member: place as u8, life: *life, seq: *seq };
                let (source, change) = (Some(source), change.clone());
                self.submitted(Stamped { at: ctx.now, source, change }, ctx);
            }
            Word::Severed { nth } => {
                if self.cluster.as_mut().is_some_and(|it| it.is_severed_by(place, *nth)) {
                    self.sever(from, ctx);
                }
                self.tell(from, Word::Mended { nth: *nth }, ctx);
            }
            Word::Mended { nth } => {
                if let Some(member) = &mut self.cluster {
                    member.mends(place, Some(*nth));
                }
            }
            Word::Command { peer, queue, epoch, command } => {
                let (peer, queue, epoch, command) = (*peer, *queue, *epoch, command.clone());
                self.command(Early { from, peer, queue, epoch, command }, ctx);
            }
            Word::Effect { queue, epoch, effect } => {
                if let Effect::Confirm(origin) | Effect::Refuse(origin) = effect
                    && let Some(member) = &mut self.cluster
                {
                    member.has_answered(*origin);
                } else if self.queue_of(*queue, *epoch).is_none() {
                    return;
                }
                self.carry(*queue, effect.clone(), ctx);
            }
        }
    }

    // ── alarms ──

    /// A memory or disk alarm of this node goes on or off. It stops publishers everywhere.
    pub(super) fn set_alarm(&mut self, on: bool, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &mut self.cluster else { return self.sound_alarm(on, ctx) };
        member.alarms[usize::from(member.place)] = on;
        self.tell_all(&Word::Ping { alarm: on }, ctx);
        self.hear_alarms(ctx);
    }

    fn hear_alarms(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &self.cluster else { return };
        let on = member.alarms.iter().any(|alarm| *alarm);
        if on != self.alarm {
            self.sound_alarm(on, ctx);
        }
    }

    // ── classic queues elsewhere ──

    fn home_of(&self, id: QueueId) -> Option<NodeId> {
        match &self.queues.get(id.index())?.queue.as_ref()?.machine {
            Machine::Remote(remote) => Some(remote.home),
            _ => None,
        }
    }

    /// A classic queue can be used while its node is there. Source: `rabbit_amqqueue:with/4`, text
    /// as in rabbitmq-server issue 2454.
    pub(super) fn check_home(&self, id: QueueId) -> Result<(), ChannelError> {
        match (self.home_of(id), &self.cluster) {
            (Some(home), Some(member)) if !member.reaches(home) => Err(self.home_down(id, home)),
            _ => Ok(()),
        }
    }

    fn home_down(&self, id: QueueId, home: NodeId) -> ChannelError {
        let place = self.config.members.iter().position(|member| *member == home);
        let node = place.and_then(|place| self.config.member_names.get(place));
        let node = node.map_or("node", |name| name.as_str());
        let name = &self.queues[id.index()].name;
        ChannelError::not_found(format_args!(
            "home node 'rabbit@{node}' of durable queue '{name}' in vhost '/' is down or \
             inaccessible"
        ))
    }

    /// The shared window of a channel does not reach to other nodes in this model.
    pub(super) fn check_shared_window(&self, id: QueueId) -> Result<(), ChannelError> {
        if self.home_of(id).is_none() {
            return Ok(());
        }
        Err(ChannelError::not_implemented(format_args!(
            "global qos over the classic queue '{}' of another node is not part of this model",
            self.queues[id.index()].name
        )))
    }

    /// A command for a queue that is not, or not only, on this node.
    pub(super) fn pass_on(&mut self, queue: QueueId, command: Command, ctx: &mut Ctx<'_, Mq>) {
        let epoch = self.queues[queue.index()].epoch;
        let Some(home) = self.home_of(queue) else {
            return self.submit(Change::Queue { queue, epoch, command }, ctx);
        };
        let Some(member) = &mut self.cluster else { return };
        let reached = member.reaches(home);
        if let Command::Enqueue(incoming) = &command {
            if !reached {
                // the queue counts as stopped: rabbitmq-server pull request 4888
                let (msg, copy) = (incoming.message.id, incoming.message.copy);
                ctx.note(Note::Unroutable { msg, copy });
                self.out.push(queue, Effect::Refuse(incoming.origin));
            } else if incoming.origin.waits() {
                member.owes(home, incoming.origin);
            }
        }
        if reached {
            let session = match &command {
                Command::Consume(wanted) => Some(wanted.session),
                Command::Fetch { session, .. } => Some(*session),
                _ => None,
            };
            let channel = session.and_then(|session| self.channel(session));
            let peer = channel.map(|channel| channel.peer);
            self.tell(home, Word::Command { peer, queue, epoch, command }, ctx);
        }
    }

    /// A channel of another member wants something of a classic queue here.
    fn command(&mut self, early: Early, ctx: &mut Ctx<'_, Mq>) {
        let (from, queue, epoch) = (early.from, early.queue, early.epoch);
        let known = self.queues.get(queue.index());
        let declared = known.is_some_and(|it| it.epoch > epoch || it.queue.is_some());
        match self.queue_of(queue, epoch) {
            Some(Queue { machine: Machine::Classic(_), .. }) => {}
            None if !declared => {
                if let Some(member) = &mut self.cluster {
                    member.early.push(early);
                }
                return;
            }
            _ => {
                if let Command::Enqueue(incoming) = early.command {
                    let effect = Effect::Refuse(incoming.origin);
                    self.tell(from, Word::Effect { queue, epoch, effect }, ctx);
                }
                return;
            }
        }
        let Early { peer, command, .. } = early;
        let detaches = matches!(command, Command::Cancel { .. } | Command::Down { .. });
        if let Some(member) = &mut self.cluster {
            match (&command, peer) {
                (Command::Consume(Subscription { session, .. }), Some(peer))
                | (Command::Fetch { session, .. }, Some(peer)) => member.welcomes(*session, peer),
                (Command::Down { session, .. }, _) => member.sees_off(*session),
                _ => {}
            }
        }
        self.with_queue(queue, ctx.now, |queue, at| {
            queue.consumed |= matches!(command, Command::Consume(_));
            if let Machine::Classic(queue) = &mut queue.machine {
                queue.apply(command, at);
            }
        });
        if detaches {
            self.carry_out(ctx);
            self.after_detach(queue, ctx);
        }
    }

    /// Channels here and classic queues there forget each other, and the other way round.
    fn sever(&mut self, node: NodeId, ctx: &mut Ctx<'_, Mq>) {
        self.end_remote_sessions(node, ctx);
        if let Some(member) = &mut self.cluster {
            member.see_off_all(node);
        }
        self.miss_home(node, ctx);
    }

    /// The channels of a member that is lost are gone, for the classic queues here.
    fn end_remote_sessions(&mut self, node: NodeId, ctx: &mut Ctx<'_, Mq>) {
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            let Some(member) = &self.cluster else { return };
            let Some(Queue { machine: Machine::Classic(queue), .. }) = &self.queues[index].queue
            else {
                continue;
            };
            let gone = queue.sessions().into_iter().filter(|it| member.node_of(*it) == node);
            let gone: Vec<Session> = gone.collect();
            for session in gone {
                self.with_queue(id, ctx.now, |queue, at| {
                    if let Machine::Classic(queue) = &mut queue.machine {
                        queue.down(session, Returned::Connection, at);
                    }
                });
                self.carry_out(ctx);
                self.after_detach(id, ctx);
            }
        }
    }

    /// The classic queues of a member that is lost are down: their consumers are cancelled, and
    /// what was published to them without an answer is refused. Source:
    /// `rabbit_channel:handle_consuming_queue_down_or_eol/2`; `rabbit_classic_queue:handle_event/3`.
    fn miss_home(&mut self, node: NodeId, ctx: &mut Ctx<'_, Mq>) {
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            if self.home_of(id) != Some(node) {
                continue;
            }
            self.cancel_consumers(id, ctx);
            for channel in self.channels.iter_mut().flatten() {
                channel.unacked.retain(|unacked| unacked.queue != id);
            }
            for peer in (0..self.peers() as u32).map(NodeId) {
                let asks = self.connection_of(peer).and_then(|it| it.asking.as_ref());
                let waits = asks.filter(|it| it.queue == Some(id)).map(|it| it.session);
                if let Some(session) = waits {
                    let error = self.home_down(id, node);
                    self.answer_asking(peer, session, Err(error), ctx);
                }
            }
        }
        let owed = self.cluster.as_mut().map(|it| it.owed_by(node)).unwrap_or_default();
        for origin in owed {
            self.answered(origin, false, ctx);
        }
    }

    // ── channels that wait for the cluster ──

    /// Whether a queue is a classic one that lives on another node.
    pub(super) fn is_elsewhere(&self, id: QueueId) -> bool {
        self.home_of(id).is_some()
    }

    /// Asks the node of a classic queue how many messages and consumers it has.
    pub(super) fn count(&mut self, slot: u16, id: QueueId) {
        let Some(channel) = self.channel_at(slot) else { return };
        let (session, peer) = (channel.session, channel.peer);
        if let Some(connection) = self.connection_mut(peer) {
            connection.asking = Some(Asking::new(session, Some(id)));
        }
        self.out.push(id, Effect::Propose(Box::new(Command::Count { session })));
    }

    /// The counts are there.
    pub(super) fn counted(
        &mut self,
        queue: QueueId,
        session: Session,
        ready: u32,
        consumers: u32,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(peer) = self.channel(session).map(|channel| channel.peer) else { return };
        let queue = self.queues[queue.index()].name.clone();
        self.reply(session, Frame::DeclareOk { queue, ready, consumers }, ctx);
        self.answer_asking(peer, session, Ok(()), ctx);
    }

    /// Asks the cluster to change the topology. Until that is done the client is not served.
    pub(super) fn ask(&mut self, slot: u16, method: Method, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = self.channel_at(slot) else { return };
        let (session, peer) = (channel.session, channel.peer);
        if let Some(connection) = self.connection_mut(peer) {
            connection.asking = Some(Asking::new(session, None));
        }
        self.submit(Change::Ask { peer, session, method: Box::new(method) }, ctx);
    }

    /// The cluster changes the topology as a client of the member `from` asked.
    pub(super) fn asked(
        &mut self,
        peer: NodeId,
        session: Session,
        method: Method,
        from: NodeId,
        fact: crate::kernel::Fact,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let here = self.channel(session).map(|channel: &Channel| channel.session.slot);
        // a slot that no channel has, where the channel is elsewhere or gone
        let slot = here.unwrap_or(u16::MAX);
        ctx.telling(Some(fact));
        let result = match method {
            Method::QueueDeclare(declare) => self.declared(peer, slot, *declare, from, ctx),
            Method::QueueDelete { queue, .. } => self.deleted(peer, slot, &queue, ctx),
            method => self.bind_or_exchange(peer, slot, method, ctx),
        };
        ctx.telling(None);
        let early = self.cluster.as_mut().map(|it| std::mem::take(&mut it.early));
        for early in early.unwrap_or_default() {
            self.command(early, ctx);
        }
        if from == ctx.me {
            self.answer_asking(peer, session, result, ctx);
            // whoever asked for an exclusive queue may be gone by now
            if self.connection_of(peer).is_none() {
                self.delete_exclusive_queues(peer, ctx);
            }
        }
    }

    /// A channel need not wait any more.
    fn answer_asking(
        &mut self,
        peer: NodeId,
        session: Session,
        result: Result<(), ChannelError>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(connection) = self.connection_mut(peer) else { return };
        let Some(asking) = connection.asking.take_if(|asking| asking.session == session) else {
            return;
        };
        if let Err(error) = result
            && let Some(number) = self.channel(session).map(|channel| channel.number)
        {
            self.fail(peer, number, &error, ctx);
        }
        for request in asking.held {
            self.serve(peer, request, ctx);
            self.finish(ctx);
        }
    }
}
