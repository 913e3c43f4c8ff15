//! One node: connections, channels, queues, and what passes between them.
//!
//! Each input is taken by one method; queues answer with effects, which are carried out, in order,
//! before the input is done; confirms that have come together leave last.

mod clients;
mod cluster;
mod effects;
mod letters;
mod members;
mod publish;
mod restart;
mod settle;
mod topology;

use std::collections::{BTreeMap, VecDeque};

use super::arguments::QueueSpec;
use super::channel::{Channel, Unacked};
use super::cluster::Member;
use super::config::Config;
use super::connection::{Connection, Slot};
use super::error::ChannelError;
use super::exchange::Exchanges;
use super::profile::Profile;
use super::queue::{Handle, Machine, Moment, Out, Session, Settings, Windows};
use crate::kernel::{Ctx, Input, Loss, Node, NodeId, Site, Time};
use crate::talk::{
    ChannelNo, Constant, Frame, Method, Mq, Msg, Name, Order, Policy, QueueId, RabbitTimer, Reply,
    Request, Timer,
};
pub(crate) use cluster::Image;
use letters::Worker;

/// A RabbitMQ node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Broker {
    config: Constant<Config>,
    profile: Constant<Profile>,
    policies: Vec<Policy>,
    exchanges: Exchanges,
    /// By number. Numbers belong to names, and are never given again.
    queues: Vec<QueueSlot>,
    numbers: BTreeMap<Name, QueueId>,
    /// By node.
    connections: Vec<Option<Box<Connection>>>,
    /// By the slot of their session.
    channels: Vec<Option<Box<Channel>>>,
    /// For each session slot, the generation of its user.
    generations: Vec<u16>,
    windows: Windows,
    /// Grows with everything that may change where a message goes.
    topology: u32,
    /// A memory or disk alarm is on.
    alarm: bool,
    channel_tick_armed: bool,
    /// Names that were made up so far.
    generated: u64,
    /// At-least-once dead lettering, by source queue.
    workers: Vec<Worker>,
    /// Its part in its cluster, once it has started in one.
    cluster: Option<Box<Member>>,
    /// It went down and has not started again.
    stopped: bool,
    /// What queues asked for and is not carried out yet. Empty between inputs, like all below.
    out: Out,
    /// Channels that have confirms to send.
    listed: Vec<u16>,
    taken: Vec<Unacked>,
    handles: Vec<Handle>,
    keys: Vec<Name>,
}

/// A queue name, and the queue that has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct QueueSlot {
    pub(super) name: Name,
    /// How many queues had this name before.
    epoch: u32,
    pub(super) queue: Option<Queue>,
}

/// A queue that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Queue {
    pub(super) spec: QueueSpec,
    /// The connection that may use it, when it is exclusive.
    owner: Option<NodeId>,
    /// It had a consumer, so that losing the last one may delete it.
    consumed: bool,
    pub(super) machine: Machine,
}

impl Broker {
    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name of a queue, also of one that is gone.
    pub fn queue_name(&self, queue: QueueId) -> Option<&Name> {
        self.queues.get(queue.index()).map(|slot| &slot.name)
    }

    /// The number of the queue of this name, also of one that is gone.
    pub fn queue_id(&self, name: &str) -> Option<QueueId> {
        self.numbers.get(name).copied()
    }

    /// Whether a memory or disk alarm is on.
    pub fn alarm(&self) -> bool {
        self.alarm
    }

    /// Exchanges and bindings.
    pub fn exchanges(&self) -> &Exchanges {
        &self.exchanges
    }

    /// The policies, in the order in which they were set; the last one that matches counts.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    fn existing(&self, name: &Name) -> Option<QueueId> {
        let id = self.queue_id(name.as_str())?;
        self.queues[id.index()].queue.is_some().then_some(id)
    }

    fn queue_mut(&mut self, id: QueueId) -> Option<&mut Queue> {
        self.queues.get_mut(id.index())?.queue.as_mut()
    }

    fn settings_of(&self, id: QueueId) -> Option<&Settings> {
        Some(match &self.queues.get(id.index())?.queue.as_ref()?.machine {
            Machine::Classic(queue) => &queue.settings,
            Machine::Quorum(queue) => &queue.machine.settings,
            Machine::Remote(_) | Machine::Stream(_) => return None,
        })
    }

    /// A queue together with what it acts upon.
    fn with_queue<R>(
        &mut self,
        id: QueueId,
        now: Time,
        act: impl FnOnce(&mut Queue, &mut Moment<'_>) -> R,
    ) -> Option<R> {
        let queue = self.queues.get_mut(id.index())?.queue.as_mut()?;
        let mut moment = Moment { now, windows: &mut self.windows, out: &mut self.out };
        Some(act(queue, &mut moment))
    }

    pub(super) fn slots(&self) -> &[QueueSlot] {
        &self.queues
    }

    pub(super) fn peers(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn channel_at(&self, slot: u16) -> Option<&Channel> {
        self.channels.get(usize::from(slot))?.as_deref()
    }

    pub(super) fn channel(&self, session: Session) -> Option<&Channel> {
        let slot = usize::from(session.slot);
        (*self.generations.get(slot)? == session.generation).then_some(())?;
        self.channels.get(slot)?.as_deref()
    }

    fn channel_mut(&mut self, session: Session) -> Option<&mut Channel> {
        let slot = usize::from(session.slot);
        (*self.generations.get(slot)? == session.generation).then_some(())?;
        self.channels.get_mut(slot)?.as_deref_mut()
    }

    pub(super) fn connection_of(&self, peer: NodeId) -> Option<&Connection> {
        self.connections.get(peer.index())?.as_deref()
    }

    fn connection_mut(&mut self, peer: NodeId) -> Option<&mut Connection> {
        self.connections.get_mut(peer.index())?.as_deref_mut()
    }

    fn send(&self, peer: NodeId, channel: ChannelNo, frame: Frame, ctx: &mut Ctx<'_, Mq>) {
        ctx.send(peer, Msg::Reply(Reply { channel, frame }));
    }

    fn reply(&self, session: Session, frame: Frame, ctx: &mut Ctx<'_, Mq>) {
        if let Some(channel) = self.channel(session) {
            let (peer, number) = (channel.peer, channel.number);
            self.send(peer, number, frame, ctx);
        }
    }

    /// Carries out what queues asked for, and sends the confirms that came of it.
    fn finish(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.carry_out(ctx);
        if !self.listed.is_empty() {
            self.send_confirms(ctx);
            self.carry_out(ctx);
        }
    }

    fn receive(&mut self, peer: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        if let Method::Open { heartbeat, cancel_notify } = request.method {
            return self.open(peer, heartbeat, cancel_notify, ctx);
        }
        let alarm = self.alarm;
        let Some(connection) = self.connection_mut(peer) else { return };
        connection.heard = true;
        if let Some(held) = &mut connection.blocked {
            held.push_back(request);
            return;
        }
        if alarm && matches!(request.method, Method::Publish { .. }) {
            connection.blocked = Some(VecDeque::from([request]));
            return self.block(peer, ctx);
        }
        self.serve(peer, request, ctx);
    }

    fn serve(&mut self, peer: NodeId, request: Request, ctx: &mut Ctx<'_, Mq>) {
        let Some(connection) = self.connection_mut(peer) else { return };
        if let Some(asking) = &mut connection.asking
            && request.channel != 0
        {
            asking.held.push_back(request);
            return;
        }
        let Request { channel: number, method } = request;
        let slot = connection.slot(number);
        match method {
            Method::Heartbeat => return,
            Method::Close => return self.close(peer, ctx),
            Method::ChannelOpen => return self.open_channel(peer, number, ctx),
            Method::ChannelCloseOk => return self.forget_channel(peer, number),
            _ => {}
        }
        let slot = match slot {
            Slot::Open(slot) => slot,
            Slot::Closed => return,
            Slot::Unused => {
                let error = ChannelError::out_of_place(format_args!("expected 'channel.open'"));
                return self.fail(peer, number, &error, ctx);
            }
        };
        if let Err(error) = self.on_channel(peer, slot, method, ctx) {
            self.fail(peer, number, &error, ctx);
        }
    }

    fn on_channel(
        &mut self,
        peer: NodeId,
        slot: u16,
        method: Method,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        match method {
            Method::Publish { mandatory, message } => self.publish(slot, mandatory, message, ctx),
            Method::Ack { tag, multiple } => {
                self.answer(slot, tag, multiple, crate::talk::Settle::Ack, ctx)
            }
            Method::Nack { tag, multiple, requeue } => {
                let how = if requeue {
                    crate::talk::Settle::NackRequeue
                } else {
                    crate::talk::Settle::NackDiscard
                };
                self.answer(slot, tag, multiple, how, ctx)
            }
            Method::Reject { tag, requeue } => {
                let how = if requeue {
                    crate::talk::Settle::RejectRequeue
                } else {
                    crate::talk::Settle::RejectDiscard
                };
                self.answer(slot, tag, false, how, ctx)
            }
            Method::Get { queue, no_ack } => self.get(peer, slot, &queue, no_ack, ctx),
            Method::Consume(consume) => self.consume(peer, slot, *consume, ctx),
            Method::Cancel { consumer_tag } => {
                self.cancel(slot, consumer_tag, ctx);
                Ok(())
            }
            Method::Qos { prefetch_count, global } => self.qos(slot, prefetch_count, global, ctx),
            Method::Recover { requeue } => self.recover_unacked(slot, requeue, ctx),
            Method::ChannelClose => {
                self.client_closes(slot, ctx);
                Ok(())
            }
            Method::ConfirmSelect => self.confirm_select(slot, ctx),
            Method::TxSelect => self.tx_select(slot, ctx),
            Method::TxCommit => self.tx_commit(slot, ctx),
            Method::TxRollback => self.tx_rollback(slot, ctx),
            Method::QueueDeclare(declare) => self.declare_queue(peer, slot, *declare, ctx),
            Method::QueueDelete { queue, if_unused, if_empty } => {
                self.delete_queue(peer, slot, &queue, if_unused, if_empty, ctx)
            }
            Method::QueuePurge { queue } => self.purge_queue(peer, slot, &queue, ctx),
            method @ (Method::QueueBind(_)
            | Method::QueueUnbind(_)
            | Method::ExchangeDeclare(_)
            | Method::ExchangeDelete { .. }
            | Method::ExchangeBind(_)
            | Method::ExchangeUnbind(_)) => {
                if self.is_clustered() {
                    self.ask(slot, method, ctx);
                    return Ok(());
                }
                self.bind_or_exchange(peer, slot, method, ctx)
            }
            Method::Open { .. }
            | Method::Close
            | Method::Heartbeat
            | Method::ChannelOpen
            | Method::ChannelCloseOk => Ok(()),
        }
    }

    /// Changes exchanges and bindings: at once by itself, and in a cluster when its log says so.
    fn bind_or_exchange(
        &mut self,
        peer: NodeId,
        slot: u16,
        method: Method,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        match method {
            Method::QueueBind(bind) => self.queue_bound(peer, slot, &bind, true, ctx),
            Method::QueueUnbind(bind) => self.queue_bound(peer, slot, &bind, false, ctx),
            Method::ExchangeDeclare(declare) => self.exchange_declared(slot, &declare, ctx),
            Method::ExchangeDelete { exchange, if_unused } => {
                self.exchange_deleted(slot, &exchange, if_unused, ctx)
            }
            Method::ExchangeBind(bind) => self.exchange_bound(slot, &bind, true, ctx),
            Method::ExchangeUnbind(bind) => self.exchange_bound(slot, &bind, false, ctx),
            _ => Ok(()), // whoever calls this has taken the others
        }
    }

    /// How many of the messages that a stream is about to write are a chunk of their own; 0 when all
    /// are one. It depends on how quick its writer was.
    fn first_chunk(&self, id: QueueId, ctx: &mut Ctx<'_, Mq>) -> u32 {
        match self.queues[id.index()].queue.as_ref().map(|queue| &queue.machine) {
            Some(Machine::Stream(queue)) if queue.pending() > 1 => {
                let site = Site::new("stream chunk", u64::from(id.0)).nth(queue.len() as u64);
                ctx.choose(site, queue.pending())
            }
            _ => 0,
        }
    }

    fn on_timer(&mut self, timer: RabbitTimer, ctx: &mut Ctx<'_, Mq>) {
        match timer {
            RabbitTimer::Flush(id) => {
                let in_first = self.first_chunk(id, ctx);
                self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
                    Machine::Classic(queue) => queue.flush(at),
                    Machine::Quorum(queue) => queue.apply_all(at.now, at.out),
                    Machine::Remote(_) => {}
                    Machine::Stream(queue) => queue.flush(in_first, at.now, at.out),
                });
            }
            RabbitTimer::Expire(id) if self.is_shared(id) => self.expire_shared(id, ctx),
            RabbitTimer::Expire(id) => {
                self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
                    Machine::Classic(queue) => queue.expire(at),
                    Machine::Quorum(queue) => queue.append(super::queue::Command::Expire, at.out),
                    Machine::Remote(_) | Machine::Stream(_) => {}
                });
            }
            RabbitTimer::Lease(id) => self.lease_ended(id, ctx),
            RabbitTimer::QuorumTick(id) => self.quorum_tick(id, ctx),
            RabbitTimer::ChannelTick => self.channel_tick(ctx),
            RabbitTimer::Heartbeat(peer) => self.heartbeat(peer, ctx),
            RabbitTimer::DeadLetterRetry(id) => self.retry_dead_letters(id, ctx),
            RabbitTimer::ClusterSync => self.log_synced(ctx),
            RabbitTimer::ClusterElection => self.call_election(ctx),
            RabbitTimer::ClusterTick => self.cluster_tick(ctx),
        }
    }
}

impl Node for Broker {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match input {
            Input::Message { from, msg: Msg::Request(request) } => self.receive(from, request, ctx),
            Input::Timer(Timer::Rabbit(timer)) => self.on_timer(timer, ctx),
            Input::Start => self.start(ctx),
            Input::Message { from, msg: Msg::Cluster(parcel) } => self.hear(from, &parcel, ctx),
            Input::Closed(peer) => self.closed(peer, ctx),
            Input::Order(Order::Alarm(on)) => self.set_alarm(on, ctx),
            Input::Order(Order::Policy(policy)) => self.set_policy(*policy, ctx),
            Input::Stop => self.stop(ctx),
            // words of other nodes
            Input::Message { .. } | Input::Timer(_) | Input::Order(_) => {}
        }
        self.finish(ctx);
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        self.go_down(loss, ctx);
    }
}
