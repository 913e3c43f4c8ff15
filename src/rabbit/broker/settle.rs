//! From a queue to a consumer, and the answer back.

use super::Broker;
use crate::kernel::{Ctx, NodeId, Site, Time};
use crate::rabbit::QueueKind;
use crate::rabbit::arguments;
use crate::rabbit::channel::{FETCHED, Mode, Unacked};
use crate::rabbit::dead_letter;
use crate::rabbit::error::ChannelError;
use crate::rabbit::profile::{TimeoutScope, Version};
use crate::rabbit::queue::{Command, Handed, Machine, Offset, Session, Subscription};
use crate::talk::{
    Consume, Delivery, Done, Frame, Mq, Name, Note, QueueId, RabbitTimer, Returned, Settle, Timer,
    Value,
};

impl Broker {
    /// A queue pushes a message to a consumer.
    pub(super) fn deliver(
        &mut self,
        queue: QueueId,
        session: Session,
        cookie: u32,
        handed: Handed,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(delivery) = self.hand_out(queue, session, cookie, handed, ctx) else { return };
        let Some(channel) = self.channel(session) else { return };
        let (peer, number) = (channel.peer, channel.number);
        let Some(consumer) = channel.consumer(cookie) else { return };
        let consumer_tag = consumer.tag.clone();
        self.send(peer, number, Frame::Deliver { consumer_tag, delivery }, ctx);
    }

    /// A queue answers `basic.get`.
    pub(super) fn fetched(
        &mut self,
        queue: QueueId,
        session: Session,
        handed: Option<Handed>,
        left: u32,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(handed) = handed else { return self.reply(session, Frame::GetEmpty, ctx) };
        if let Some(delivery) = self.hand_out(queue, session, FETCHED, handed, ctx) {
            self.reply(session, Frame::GetOk { delivery, message_count: left }, ctx);
        }
    }

    /// Gives a message its delivery tag and remembers that an answer is due.
    fn hand_out(
        &mut self,
        queue: QueueId,
        session: Session,
        cookie: u32,
        handed: Handed,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Option<Delivery> {
        let epoch = self.queues[queue.index()].epoch;
        // a queue that lives elsewhere has told the observer
        let noted = self.cluster.is_some() && self.is_elsewhere(queue);
        let channel = self.channel_mut(session)?;
        let tag = channel.tag();
        let Handed { message, handle, count, redelivered, no_ack } = handed;
        if !no_ack {
            channel.unacked.push_back(Unacked { tag, at: ctx.now, handle, epoch, cookie, queue });
        }
        let (msg, to) = (message.id, channel.peer);
        ctx.work(self.profile.costs.deliver);
        if !noted {
            ctx.note(Note::Pushed { msg, queue, to, redelivered, no_ack });
        }
        if !no_ack && !self.channel_tick_armed {
            self.arm_channel_tick(ctx);
        }
        let message = dead_letter::without_blind_keys(message);
        Some(Delivery { tag, redelivered, delivery_count: count, message })
    }

    /// `basic.ack`, `basic.nack`, `basic.reject`.
    pub(super) fn answer(
        &mut self,
        slot: u16,
        tag: u64,
        multiple: bool,
        how: Settle,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        ctx.work(self.profile.costs.acknowledge);
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        channel.take(tag, multiple, &mut self.taken)?;
        if how != Settle::Ack && self.profile.streams_refuse_nack {
            self.refuse_stream_nack()?;
        }
        if multiple {
            self.sort_taken(slot, ctx);
        }
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        if let Mode::Tx(tx) = &mut channel.mode {
            tx.settled.extend(self.taken.drain(..).map(|unacked| (unacked, how)));
            return Ok(());
        }
        let session = channel.session;
        self.settle_taken(how, ctx.now);
        if self.windows.get(session).limit > 0 {
            self.resume_consumers(session, ctx.now);
        }
        Ok(())
    }

    fn refuse_stream_nack(&mut self) -> Result<(), ChannelError> {
        let Some(of_stream) = self.taken.iter().find(|it| self.is_stream(it.queue)) else {
            return Ok(());
        };
        let name = self.queues[of_stream.queue.index()].name.clone();
        self.taken.clear();
        Err(ChannelError::not_implemented(format_args!(
            "basic.nack and basic.reject not supported by stream queues queue '{name}' in vhost '/'"
        )))
    }

    /// An answer with `multiple` reaches the queues in the order of their names, and each queue in
    /// the order of its consumers' tags, one consumer after the other. What was fetched with
    /// `basic.get` comes before. Source: `rabbit_channel:foreach_per_queue/3`, which collects in a
    /// tree; observed.
    ///
    /// Quorum queues have it in their logs then, and apply it when their logs are written: which of
    /// them first is up to chance (observed both ways).
    fn sort_taken(&mut self, slot: u16, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = &self.channels[usize::from(slot)] else { return };
        let Some(first) = self.taken.first() else { return };
        let (queue, cookie) = (first.queue, first.cookie);
        if self.taken.iter().all(|it| it.queue == queue && it.cookie == cookie) {
            return;
        }
        let queues = &self.queues;
        let place =
            |it: &Unacked| (&queues[it.queue.index()].name, channel.consumer_tag(it.cookie));
        self.taken.sort_by(|one, other| place(one).cmp(&place(other)));
        let quorum = |it: &&Unacked| {
            let queue = queues[it.queue.index()].queue.as_ref();
            queue.is_some_and(|queue| queue.spec.kind == QueueKind::Quorum)
        };
        let mut logs = self.taken.iter().filter(quorum).map(|it| it.queue);
        let first = logs.next();
        if logs.any(|queue| Some(queue) != first) {
            let site = Site::new("log written first", u64::from(slot)).nth(ctx.now.as_nanos());
            if ctx.choose(site, 2) == 1 {
                let name = |it: &Unacked| &queues[it.queue.index()].name;
                self.taken.sort_by(|one, other| name(other).cmp(name(one)));
            }
        }
    }

    /// Tells queues about answers, each about a consumer's deliveries at once.
    pub(super) fn settle_taken(&mut self, how: Settle, now: Time) {
        let mut taken = std::mem::take(&mut self.taken);
        let mut handles = std::mem::take(&mut self.handles);
        let together = |one: &Unacked, other: &Unacked| {
            one.queue == other.queue
                && one.epoch == other.epoch
                && one.cookie == other.cookie
                && one.cookie != FETCHED
        };
        for group in taken.chunk_by(together) {
            let Unacked { queue, epoch, .. } = group[0]; // `chunk_by` yields no empty group
            handles.clear();
            handles.extend(group.iter().map(|unacked| unacked.handle));
            // a delivery of a queue that is gone may be answered; nothing follows from it
            if self.queues[queue.index()].epoch == epoch {
                self.settle(queue, &handles, how, now);
            }
        }
        taken.clear();
        self.taken = taken;
        self.handles = handles;
    }

    fn settle(&mut self, queue: QueueId, handles: &[u32], how: Settle, now: Time) {
        let why = match how {
            Settle::RejectRequeue | Settle::RejectDiscard => Returned::Reject,
            Settle::Ack | Settle::NackRequeue | Settle::NackDiscard => Returned::Nack,
        };
        self.with_queue(queue, now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => match how {
                Settle::Ack => queue.acknowledge(handles, at),
                Settle::NackRequeue | Settle::RejectRequeue => queue.requeue(handles, why, at),
                Settle::NackDiscard | Settle::RejectDiscard => queue.reject(handles, at),
            },
            Machine::Quorum(_) | Machine::Remote(_) => {
                let command = match (how, handles) {
                    (Settle::Ack, &[handle]) => Command::Settle(handle),
                    (Settle::Ack, _) => Command::SettleAll(handles.to_vec()),
                    (Settle::NackRequeue | Settle::RejectRequeue, &[handle]) => {
                        Command::Return(handle, why)
                    }
                    (Settle::NackRequeue | Settle::RejectRequeue, _) => {
                        Command::ReturnAll(handles.to_vec(), why)
                    }
                    (Settle::NackDiscard | Settle::RejectDiscard, &[handle]) => {
                        Command::Discard(handle)
                    }
                    (Settle::NackDiscard | Settle::RejectDiscard, _) => {
                        Command::DiscardAll(handles.to_vec())
                    }
                };
                match &mut queue.machine {
                    Machine::Quorum(queue) => queue.append(command, at.out),
                    Machine::Remote(queue) => queue.append(command, at.out),
                    Machine::Classic(_) | Machine::Stream(_) => {}
                }
            }
            Machine::Stream(queue) => queue.credit(handles, at.out),
        });
    }

    /// A channel's shared window has room: its consumers on all queues may go on.
    fn resume_consumers(&mut self, session: Session, now: Time) {
        let Some(channel) = self.channel(session) else { return };
        for queue in channel.queues() {
            self.with_queue(queue, now, |queue, at| {
                if let Machine::Classic(queue) = &mut queue.machine {
                    queue.resume(session, at);
                }
            });
        }
    }

    /// `basic.recover`. Without requeue it was never implemented.
    pub(super) fn recover_unacked(
        &mut self,
        slot: u16,
        requeue: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        if !requeue {
            return Err(ChannelError::not_implemented(format_args!("requeue=false")));
        }
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        let session = channel.session;
        channel.take(0, true, &mut self.taken)?;
        self.sort_taken(slot, ctx);
        self.settle_taken(Settle::NackRequeue, ctx.now);
        self.reply(session, Frame::Ok(Done::Recover), ctx);
        Ok(())
    }

    /// `basic.qos`: without `global` the window of each consumer to come, with it one that all
    /// consumers of the channel share.
    pub(super) fn qos(
        &mut self,
        slot: u16,
        prefetch: u16,
        global: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        let session = channel.session;
        if !global {
            channel.prefetch = prefetch;
        } else if self.profile.global_qos_denied {
            return Err(ChannelError::not_implemented(format_args!(
                "Feature `global_qos` is deprecated."
            )));
        } else {
            for queue in channel.queues() {
                self.check_shared_window(queue)?;
            }
            self.windows.get_mut(session).limit = u32::from(prefetch);
            self.resume_consumers(session, ctx.now);
        }
        self.reply(session, Frame::Ok(Done::Qos), ctx);
        Ok(())
    }

    /// `basic.get`
    pub(super) fn get(
        &mut self,
        peer: NodeId,
        slot: u16,
        name: &Name,
        no_ack: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let id = self.usable(peer, name)?;
        self.check_home(id)?;
        if self.is_stream(id) {
            return Err(ChannelError::not_implemented(format_args!(
                "basic.get not supported by stream queues queue '{name}' in vhost '/'"
            )));
        }
        let Some(session) = self.session(slot) else { return Ok(()) };
        self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => queue.fetch(session, no_ack, at),
            Machine::Quorum(queue) => queue.append(Command::Fetch { session, no_ack }, at.out),
            Machine::Remote(queue) => queue.append(Command::Fetch { session, no_ack }, at.out),
            Machine::Stream(_) => {}
        });
        Ok(())
    }

    /// `basic.consume`
    pub(super) fn consume(
        &mut self,
        peer: NodeId,
        slot: u16,
        wanted: Consume,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let tag = match wanted.consumer_tag.is_empty() {
            true => self.generate("amq.ctag"),
            false => wanted.consumer_tag,
        };
        let Some(channel) = &self.channels[usize::from(slot)] else { return Ok(()) };
        let (session, prefetch) = (channel.session, u32::from(channel.prefetch));
        if channel.cookie(&tag).is_some() {
            return Err(ChannelError::not_allowed(format_args!(
                "attempt to reuse consumer tag '{tag}'"
            )));
        }
        let id = self.usable(peer, &wanted.queue)?;
        self.check_home(id)?;
        if self.windows.get(session).limit > 0 {
            self.check_shared_window(id)?;
        }
        let kind = self.queue_mut(id).map_or(QueueKind::Classic, |queue| queue.spec.kind);
        if kind == QueueKind::Quorum && self.windows.get(session).limit > 0 {
            return Err(ChannelError::not_implemented(format_args!(
                "queue '{}' in vhost '/' does not support global qos",
                wanted.queue
            )));
        }
        arguments::check_consumer(kind, &wanted.queue, &wanted.arguments, &self.profile)?;
        if kind == QueueKind::Stream {
            arguments::check_offset(&wanted.arguments)?;
            self.check_reader(&wanted.queue, wanted.no_ack, prefetch)?;
        }
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        let subscription = Subscription {
            session,
            cookie: channel.add_consumer(tag, id),
            offset: Offset::parse(wanted.arguments.get("x-stream-offset")),
            no_ack: wanted.no_ack,
            exclusive: wanted.exclusive,
            prefetch,
            priority: wanted
                .arguments
                .get("x-priority")
                .and_then(Value::as_int)
                .map_or(0, |n| n.clamp(i32::MIN.into(), i32::MAX.into()) as i32),
        };
        self.with_queue(id, ctx.now, |queue, at| {
            queue.consumed = !matches!(queue.machine, Machine::Remote(_));
            match &mut queue.machine {
                Machine::Classic(queue) => queue.consume(&subscription, at),
                Machine::Quorum(queue) => queue.append(Command::Consume(subscription), at.out),
                Machine::Remote(queue) => queue.append(Command::Consume(subscription), at.out),
                Machine::Stream(queue) => queue.consume(&subscription, at.out),
            }
        });
        Ok(())
    }

    /// A reader of a stream needs a window, and acknowledges. Texts observed.
    fn check_reader(&self, name: &Name, no_ack: bool, prefetch: u32) -> Result<(), ChannelError> {
        let v4 = self.profile.version >= Version::new(4, 0);
        if no_ack {
            let what = if v4 { "stream" } else { "stream queues" };
            return Err(ChannelError::not_implemented(format_args!(
                "automatic acknowledgement not supported by {what} queue '{name}' in vhost '/'"
            )));
        }
        if prefetch > 0 {
            return Ok(());
        }
        Err(if v4 {
            ChannelError::precondition_failed(format_args!(
                "consumer prefetch count is not set for stream queue '{name}' in vhost '/'"
            ))
        } else {
            ChannelError::precondition_failed(format_args!(
                "consumer prefetch count is not set for 'queue '{name}' in vhost '/''"
            ))
        })
    }

    /// `basic.cancel`. Cancelling what is not there is fine.
    pub(super) fn cancel(&mut self, slot: u16, consumer_tag: Name, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = &self.channels[usize::from(slot)] else { return };
        let session = channel.session;
        let Some(cookie) = channel.cookie(&consumer_tag) else {
            return self.reply(session, Frame::CancelOk { consumer_tag }, ctx);
        };
        let Some(id) = channel.consumer(cookie).map(|consumer| consumer.queue) else { return };
        self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => queue.cancel(session, cookie, at),
            Machine::Quorum(queue) => queue.append(Command::Cancel { session, cookie }, at.out),
            Machine::Remote(queue) => queue.append(Command::Cancel { session, cookie }, at.out),
            Machine::Stream(queue) => queue.cancel(session, cookie, at.out),
        });
        self.carry_out(ctx);
        self.after_detach(id, ctx);
    }

    // ── delivery acknowledgement timeout ──

    fn arm_channel_tick(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.config.consumer_timeout.is_some() {
            self.channel_tick_armed = true;
            ctx.arm(Timer::Rabbit(RabbitTimer::ChannelTick), self.config.channel_tick);
        }
    }

    /// Looks for deliveries that were not answered in time.
    pub(super) fn channel_tick(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.channel_tick_armed = false;
        for slot in 0..self.channels.len() {
            while let Some((unacked, timeout)) = self.overdue(slot, ctx.now) {
                self.time_out(slot as u16, unacked, timeout.as_millis(), ctx);
            }
        }
        let waits = |channel: &crate::rabbit::channel::Channel| !channel.unacked.is_empty();
        if self.channels.iter().flatten().any(|channel| waits(channel)) {
            self.arm_channel_tick(ctx);
        }
    }

    fn overdue(&self, slot: usize, now: Time) -> Option<(Unacked, crate::kernel::Span)> {
        let channel = self.channels[slot].as_ref()?;
        channel.unacked.iter().find_map(|unacked| {
            let queue = self.queues[unacked.queue.index()].queue.as_ref();
            let own = queue.and_then(|queue| queue.spec.consumer_timeout);
            let timeout = own.or(self.config.consumer_timeout)?;
            let applies = match self.profile.consumer_timeout {
                TimeoutScope::AllQueues => true,
                TimeoutScope::QuorumQueues => {
                    let quorum = |it: &super::Queue| matches!(it.machine, Machine::Quorum(_));
                    unacked.cookie != FETCHED && queue.is_some_and(quorum)
                }
            };
            (applies && now.since(unacked.at) >= timeout).then_some((*unacked, timeout))
        })
    }

    fn time_out(&mut self, slot: u16, late: Unacked, millis: u64, ctx: &mut Ctx<'_, Mq>) {
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return };
        let (session, peer, number) = (channel.session, channel.peer, channel.number);
        if self.profile.consumer_timeout == TimeoutScope::AllQueues {
            let error = ChannelError::precondition_failed(format_args!(
                "delivery acknowledgement on channel {number} timed out. Timeout value used: \
                 {millis} ms. This timeout value can be configured, see consumers doc guide to \
                 learn more"
            ));
            return self.close_channel_with(peer, number, &error, Returned::Timeout, ctx);
        }
        channel
            .unacked
            .retain(|unacked| unacked.cookie != late.cookie || unacked.queue != late.queue);
        let consumer = channel.remove_consumer(late.cookie);
        let cookie = late.cookie;
        self.with_queue(late.queue, ctx.now, |queue, at| {
            if let Machine::Quorum(queue) = &mut queue.machine {
                queue.append(Command::TimeOut { session, cookie }, at.out);
            }
        });
        let notify = self.connection_of(peer).is_some_and(|connection| connection.cancel_notify);
        if let Some(consumer_tag) = consumer.filter(|_| notify) {
            let frame = Frame::CancelledByBroker { consumer_tag };
            self.send(peer, number, frame, ctx);
        }
    }
}
