//! Exchanges, queues, bindings and policies: made, changed and removed.

use super::letters::Worker;
use super::{Broker, Queue, QueueSlot};
use crate::kernel::{Ctx, NodeId, Time};
use crate::rabbit::QueueKind;
use crate::rabbit::arguments::QueueSpec;
use crate::rabbit::cluster::Change;
use crate::rabbit::config::{Config, DefinitionError, Destination};
use crate::rabbit::error::ChannelError;
use crate::rabbit::exchange::Exchanges;
use crate::rabbit::policy;
use crate::rabbit::profile::ClassicStorage;
use crate::rabbit::queue::{Classic, Command, Logged, Machine, Out, Remote, Stream};
use crate::talk::{
    Bind, Constant, Death, Done, ExchangeDeclare, Frame, Gone, Method, Mq, Name, Note, Policy,
    QueueDeclare, QueueId, RabbitTimer, Timer,
};

impl Broker {
    /// A node with these settings and definitions.
    ///
    /// # Errors
    /// When a definition is one that the broker would refuse.
    pub fn new(config: Config) -> Result<Broker, DefinitionError> {
        let mut broker = Broker {
            policies: config.policies.clone(),
            exchanges: Exchanges::default(),
            queues: Vec::new(),
            numbers: Default::default(),
            connections: Vec::new(),
            channels: Vec::new(),
            generations: Vec::new(),
            windows: Default::default(),
            topology: 0,
            alarm: false,
            channel_tick_armed: false,
            generated: 0,
            workers: Vec::<Worker>::new(),
            cluster: None,
            stopped: false,
            out: Default::default(),
            listed: Vec::new(),
            taken: Vec::new(),
            handles: Vec::new(),
            keys: Vec::new(),
            profile: Constant::new(config.profile),
            config: Constant::new(config),
        };
        broker.load()?;
        Ok(broker)
    }

    /// Loads the definitions.
    fn load(&mut self) -> Result<(), DefinitionError> {
        let config = self.config.clone();
        let wrong = |what: String| {
            move |error: ChannelError| DefinitionError { what, why: error.text.as_str().to_owned() }
        };
        for declare in &config.exchanges {
            self.exchanges
                .declare(declare, &config.profile)
                .map_err(wrong(format!("exchange \"{}\"", declare.exchange)))?;
        }
        for declare in &config.queues {
            let what = format!("queue \"{}\"", declare.queue);
            let spec = QueueSpec::parse(declare, &config.profile).map_err(wrong(what.clone()))?;
            self.check_allowed(&spec).map_err(wrong(what.clone()))?;
            self.check_replicated(&spec).map_err(wrong(what.clone()))?;
            if self.existing(&spec.name).is_some() {
                return Err(DefinitionError { what, why: "it is there twice".to_owned() });
            }
            self.create(spec, None, Time::ZERO, true, None);
        }
        for binding in &config.bindings {
            let what = match &binding.destination {
                Destination::Queue(name) => {
                    format!("binding of queue \"{name}\" to \"{}\"", binding.source)
                }
                Destination::Exchange(name) => {
                    format!("binding of exchange \"{name}\" to \"{}\"", binding.source)
                }
            };
            let bound = match &binding.destination {
                Destination::Queue(name) => self
                    .existing(name)
                    .ok_or_else(|| ChannelError::no_queue(name))
                    .and_then(|queue| {
                        let (source, key) = (&binding.source, &binding.key);
                        self.exchanges.bind_queue(source, queue, key, &binding.arguments)
                    }),
                Destination::Exchange(name) => self.exchanges.bind_exchange(&Bind {
                    source: binding.source.clone(),
                    destination: name.clone(),
                    key: binding.key.clone(),
                    arguments: binding.arguments.clone(),
                }),
            };
            bound.map_err(wrong(what))?;
        }
        Ok(())
    }

    /// A queue that is about to be created must be one that this version allows.
    fn check_allowed(&self, spec: &QueueSpec) -> Result<(), ChannelError> {
        let transient = !spec.durable && !spec.exclusive;
        if transient && self.profile.transient_queues_denied {
            return Err(ChannelError::internal_error(format_args!(
                "Feature `transient_nonexcl_queues` is deprecated."
            )));
        }
        Ok(())
    }

    fn create(
        &mut self,
        spec: QueueSpec,
        owner: Option<NodeId>,
        now: Time,
        loaded: bool,
        elsewhere: Option<NodeId>,
    ) -> QueueId {
        let id = match self.numbers.get(spec.name.as_str()) {
            Some(id) => *id,
            None => {
                let id = QueueId(self.queues.len() as u16);
                self.numbers.insert(spec.name.clone(), id);
                let name = spec.name.clone();
                self.queues.push(QueueSlot { name, epoch: 0, queue: None });
                id
            }
        };
        let machine = self.machine(id, &spec, elsewhere, now, loaded);
        self.queues[id.index()].queue = Some(Queue { spec, owner, consumed: false, machine });
        self.topology = self.topology.wrapping_add(1);
        id
    }

    /// A new queue. In a cluster a classic one lives on one node only, and may live `elsewhere`.
    pub(super) fn machine(
        &self,
        id: QueueId,
        spec: &QueueSpec,
        elsewhere: Option<NodeId>,
        now: Time,
        loaded: bool,
    ) -> Machine {
        let settings = policy::settings(spec, &self.policies, &self.profile);
        let profile = self.profile.clone();
        let storage = if spec.version_2 { ClassicStorage::V2 } else { profile.classic_storage };
        match spec.kind {
            QueueKind::Quorum => {
                let mut logged = Logged::new(id, settings, &profile, now, loaded);
                logged.shared = self.is_clustered();
                Machine::Quorum(Box::new(logged))
            }
            QueueKind::Stream => Machine::Stream(Box::new(Stream::new(id, &profile))),
            QueueKind::Classic => {
                if let Some(home) = elsewhere {
                    return Machine::Remote(Remote::new(id, home));
                }
                let highest = spec.max_priority.unwrap_or(0);
                Machine::Classic(Box::new(Classic::new(
                    id,
                    spec.durable,
                    highest,
                    settings,
                    &profile,
                    storage,
                )))
            }
        }
    }

    /// Streams are not replicated in this model.
    fn check_replicated(&self, spec: &QueueSpec) -> Result<(), ChannelError> {
        if self.is_clustered() && spec.kind == QueueKind::Stream {
            return Err(ChannelError::not_implemented(format_args!(
                "streams in a cluster are not part of this model: queue '{}' in vhost '/'",
                spec.name
            )));
        }
        Ok(())
    }

    /// Starts what a queue waits for from its beginning: its lease.
    pub(super) fn begin(&mut self, id: QueueId, ctx: &mut Ctx<'_, Mq>) {
        self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => queue.renew_lease(at),
            Machine::Quorum(queue) => queue.machine.renew_lease(at.now),
            Machine::Remote(_) | Machine::Stream(_) => {}
        });
        self.arm_quorum_tick(id, ctx);
    }

    // ── queues ──

    /// The queue of this name, if it exists and this connection may use it.
    pub(super) fn usable(&self, peer: NodeId, name: &Name) -> Result<QueueId, ChannelError> {
        let id = self.existing(name).ok_or_else(|| ChannelError::no_queue(name))?;
        let owner = self.queues[id.index()].queue.as_ref().and_then(|queue| queue.owner);
        if owner.is_some_and(|owner| owner != peer) {
            return Err(ChannelError::resource_locked(format_args!(
                "cannot obtain exclusive access to locked queue '{name}' in vhost '/'. It could be \
                 originally declared on another connection or the exclusive property value does \
                 not match that of the original declaration."
            )));
        }
        Ok(id)
    }

    pub(super) fn is_stream(&self, id: QueueId) -> bool {
        let queue = self.queues[id.index()].queue.as_ref();
        queue.is_some_and(|queue| matches!(queue.machine, Machine::Stream(_)))
    }

    /// A name that nobody chose.
    pub(super) fn generate(&mut self, prefix: &str) -> Name {
        self.generated += 1;
        match &self.cluster {
            None => format!("{prefix}-{:04}", self.generated).into(),
            // no other member makes up the same
            Some(it) => format!("{prefix}-{}-{:04}", it.place + 1, self.generated).into(),
        }
    }

    pub(super) fn declare_queue(
        &mut self,
        peer: NodeId,
        slot: u16,
        mut declare: QueueDeclare,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        if declare.queue.is_empty() && !declare.passive {
            declare.queue = self.generate("amq.gen");
        }
        if self.is_clustered() && self.existing(&declare.queue).is_none() && !declare.passive {
            let spec = QueueSpec::parse(&declare, &self.profile)?;
            self.check_allowed(&spec)?;
            self.check_replicated(&spec)?;
            self.ask(slot, Method::QueueDeclare(Box::new(declare)), ctx);
            return Ok(());
        }
        self.declared(peer, slot, declare, ctx.me, ctx)
    }

    /// Declares a queue through the node `home`.
    pub(super) fn declared(
        &mut self,
        peer: NodeId,
        slot: u16,
        declare: QueueDeclare,
        home: NodeId,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let id = if declare.passive {
            self.usable(peer, &declare.queue)?
        } else if self.existing(&declare.queue).is_some() {
            let id = self.usable(peer, &declare.queue)?;
            if let Some(queue) = &self.queues[id.index()].queue {
                let exclusive = queue.owner.is_some();
                if exclusive != declare.exclusive {
                    return Err(ChannelError::resource_locked(format_args!(
                        "cannot obtain exclusive access to locked queue '{}' in vhost '/'. It \
                         could be originally declared on another connection or the exclusive \
                         property value does not match that of the original declaration.",
                        declare.queue
                    )));
                }
                queue.spec.equivalent(&declare, &self.profile)?;
            }
            id
        } else {
            let spec = QueueSpec::parse(&declare, &self.profile)?;
            self.check_allowed(&spec)?;
            let owner = spec.exclusive.then_some(peer);
            let elsewhere = Some(home).filter(|home| *home != ctx.me);
            let id = self.create(spec, owner, ctx.now, false, elsewhere);
            // a quorum queue is one queue, wherever its members are; a classic one is its node's
            let told = ctx.telling(None);
            if self.is_shared(id) {
                ctx.telling(told);
            }
            if elsewhere.is_none() || self.is_shared(id) {
                ctx.note(Note::QueueDeclared { queue: id, name: declare.queue.clone() });
            }
            self.begin(id, ctx);
            id
        };
        if declare.nowait || self.channel_at(slot).is_none() {
            return Ok(());
        }
        if self.is_elsewhere(id) {
            self.check_home(id)?;
            self.count(slot, id);
            return Ok(());
        }
        // a declaration that is answered looks at the queue, which renews the lease of a classic
        // one (`rabbit_amqqueue_process`, `handle_call(stat, …)`); observed
        self.with_queue(id, ctx.now, |queue, at| {
            if let Machine::Classic(queue) = &mut queue.machine {
                queue.renew_lease(at);
            }
        });
        let (ready, consumers) = self.counts(id);
        let frame = Frame::DeclareOk { queue: declare.queue, ready, consumers };
        if let Some(session) = self.session(slot) {
            self.reply(session, frame, ctx);
        }
        Ok(())
    }

    /// Ready messages and consumers, as a declaration is told.
    fn counts(&self, id: QueueId) -> (u32, u32) {
        match self.queues[id.index()].queue.as_ref().map(|queue| &queue.machine) {
            Some(Machine::Classic(queue)) => {
                (queue.ready() as u32, queue.consumers().count() as u32)
            }
            Some(Machine::Quorum(queue)) => {
                (queue.machine.ready() as u32, queue.machine.consumers_told() as u32)
            }
            Some(Machine::Stream(queue)) => (queue.len() as u32, queue.consumers().count() as u32),
            Some(Machine::Remote(_)) | None => (0, 0),
        }
    }

    pub(super) fn delete_queue(
        &mut self,
        peer: NodeId,
        slot: u16,
        name: &Name,
        if_unused: bool,
        if_empty: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        if self.existing(name).is_some() {
            let id = self.usable(peer, name)?;
            let quorum =
                self.queue_mut(id).is_some_and(|it| matches!(it.machine, Machine::Quorum(_)));
            let flag = [("if-unused", if_unused), ("if-empty", if_empty)];
            if let Some((flag, _)) = flag.iter().find(|(_, set)| quorum && *set) {
                return Err(ChannelError::not_implemented(format_args!(
                    "cannot delete queue '{name}' in vhost '/'. queue.delete operations with \
                     {flag} flag set are not supported by quorum queues"
                )));
            }
            if (if_unused || if_empty) && self.is_elsewhere(id) {
                return Err(ChannelError::not_implemented(format_args!(
                    "to delete the classic queue '{name}' of another node only if it is unused or \
                     empty is not part of this model"
                )));
            }
            let (ready, consumers) = self.counts(id);
            if if_unused && consumers > 0 {
                return Err(ChannelError::precondition_failed(format_args!(
                    "queue '{name}' in vhost '/' in use"
                )));
            }
            if if_empty && ready > 0 {
                return Err(ChannelError::precondition_failed(format_args!(
                    "queue '{name}' in vhost '/' is not empty"
                )));
            }
            if self.is_clustered() {
                let (queue, if_unused, if_empty) = (name.clone(), false, false);
                self.ask(slot, Method::QueueDelete { queue, if_unused, if_empty }, ctx);
                return Ok(());
            }
        }
        self.deleted(peer, slot, name, ctx)
    }

    /// Deletes a queue. Deleting what is not there is fine.
    pub(super) fn deleted(
        &mut self,
        peer: NodeId,
        slot: u16,
        name: &Name,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let mut messages = 0;
        if self.existing(name).is_some() {
            let id = self.usable(peer, name)?;
            messages = self.remove_queue(id, Gone::Deleted, ctx);
        }
        if let Some(session) = self.session(slot) {
            self.reply(session, Frame::Removed { done: Done::QueueDelete, messages }, ctx);
        }
        Ok(())
    }

    /// Removes a queue with everything in it, which is never dead-lettered. Returns how many
    /// messages were ready.
    pub(super) fn remove_queue(&mut self, id: QueueId, why: Gone, ctx: &mut Ctx<'_, Mq>) -> u32 {
        let death = if why == Gone::Expired { Death::QueueExpired } else { Death::QueueDeleted };
        // in a cluster its end is one fact, and so is that of each message of a quorum queue; the
        // rest each node has for itself
        let told = ctx.telling(None);
        if self.is_shared(id) {
            ctx.telling(told);
        }
        let ready = self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => queue.delete(death, at),
            Machine::Quorum(queue) => {
                queue.apply_all(at.now, at.out);
                queue.machine.delete(death, at.now, at.out)
            }
            Machine::Remote(_) => 0,
            Machine::Stream(queue) => queue.delete(death, at.now, at.out),
        });
        self.carry_out(ctx);
        let told = ctx.telling(None).or(told);
        self.cancel_consumers(id, ctx);
        self.forget_queue(id);
        for timer in [
            RabbitTimer::Flush(id),
            RabbitTimer::Expire(id),
            RabbitTimer::Lease(id),
            RabbitTimer::QuorumTick(id),
            RabbitTimer::DeadLetterRetry(id),
        ] {
            ctx.disarm(Timer::Rabbit(timer));
        }
        ctx.telling(told);
        ctx.note(Note::QueueGone { queue: id, why });
        ready.unwrap_or(0)
    }

    /// Removes every trace of a queue but its number.
    pub(super) fn forget_queue(&mut self, id: QueueId) {
        let slot = &mut self.queues[id.index()];
        slot.queue = None;
        slot.epoch += 1;
        self.exchanges.queue_gone(id);
        self.workers.retain(|worker| worker.source() != id);
        self.topology = self.topology.wrapping_add(1);
    }

    /// A consumer went: an auto-delete queue goes with its last one.
    pub(super) fn after_detach(&mut self, id: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let finished = self.queues[id.index()].queue.as_ref().is_some_and(|queue| {
            queue.spec.auto_delete
                && queue.consumed
                && match &queue.machine {
                    Machine::Classic(queue) => queue.consumers().count() == 0,
                    Machine::Quorum(_) | Machine::Remote(_) | Machine::Stream(_) => false,
                }
        });
        if finished {
            self.let_go(id, Gone::Automatic, ctx);
        }
    }

    /// A queue goes by itself: at once, or in a cluster when all agree.
    fn let_go(&mut self, queue: QueueId, why: Gone, ctx: &mut Ctx<'_, Mq>) {
        if self.is_clustered() {
            let epoch = self.queues[queue.index()].epoch;
            self.submit(Change::Remove { queue, epoch, why }, ctx);
        } else {
            self.remove_queue(queue, why, ctx);
        }
    }

    /// An exclusive queue goes with its connection.
    pub(super) fn delete_exclusive_queues(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        for index in 0..self.queues.len() {
            let owner = self.queues[index].queue.as_ref().and_then(|queue| queue.owner);
            if owner == Some(peer) {
                self.let_go(QueueId(index as u16), Gone::Automatic, ctx);
            }
        }
    }

    pub(super) fn purge_queue(
        &mut self,
        peer: NodeId,
        slot: u16,
        name: &Name,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let id = self.usable(peer, name)?;
        self.check_home(id)?;
        if self.is_stream(id) {
            return Err(ChannelError::not_implemented(format_args!(
                "queue.purge not supported by stream queues queue '{name}' in vhost '/'"
            )));
        }
        let Some(session) = self.session(slot) else { return Ok(()) };
        self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
            Machine::Classic(queue) => {
                let messages = queue.purge(Death::Purged, at);
                let purged = crate::rabbit::queue::Effect::Purged { session, messages };
                at.out.push(id, purged);
            }
            Machine::Quorum(queue) => queue.append(Command::Purge { session }, at.out),
            Machine::Remote(queue) => queue.append(Command::Purge { session }, at.out),
            Machine::Stream(_) => {}
        });
        Ok(())
    }

    // ── leases ──

    pub(super) fn lease_ended(&mut self, id: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let ended = |queue: &mut Queue| match &queue.machine {
            Machine::Classic(queue) => queue.lease_ended(),
            Machine::Quorum(_) | Machine::Remote(_) | Machine::Stream(_) => false,
        };
        if self.queue_mut(id).is_some_and(ended) {
            self.let_go(id, Gone::Expired, ctx);
        }
    }

    /// The tick of a quorum queue does nothing but look at its lease, so only queues that have one
    /// tick.
    pub(super) fn arm_quorum_tick(&mut self, id: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let ticks = |queue: &mut Queue| match &queue.machine {
            Machine::Quorum(queue) => queue.machine.settings.expires.is_some(),
            Machine::Classic(_) | Machine::Remote(_) | Machine::Stream(_) => false,
        };
        if self.queue_mut(id).is_some_and(ticks) {
            let costs = &self.profile.costs;
            let every = costs.quorum_tick + costs.quorum_tick_lateness;
            ctx.arm(Timer::Rabbit(RabbitTimer::QuorumTick(id)), every);
        }
    }

    pub(super) fn quorum_tick(&mut self, id: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        let ended = |queue: &mut Queue| match &queue.machine {
            Machine::Quorum(queue) => queue.machine.lease_ended(now),
            Machine::Classic(_) | Machine::Remote(_) | Machine::Stream(_) => false,
        };
        let ended = self.queue_mut(id).is_some_and(ended);
        if ended && !self.is_clustered() {
            self.remove_queue(id, Gone::Expired, ctx);
        } else {
            if ended {
                // every member sees it; the leader says so
                let epoch = self.queues[id.index()].epoch;
                self.decree(Change::Remove { queue: id, epoch, why: Gone::Expired }, ctx);
            }
            self.arm_quorum_tick(id, ctx);
        }
    }

    // ── exchanges and bindings ──

    pub(super) fn exchange_declared(
        &mut self,
        slot: u16,
        declare: &ExchangeDeclare,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        self.exchanges.declare(declare, &self.profile)?;
        self.changed(slot, Done::ExchangeDeclare, ctx);
        Ok(())
    }

    pub(super) fn exchange_deleted(
        &mut self,
        slot: u16,
        exchange: &Name,
        if_unused: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        self.exchanges.delete(exchange, if_unused)?;
        self.changed(slot, Done::ExchangeDelete, ctx);
        Ok(())
    }

    pub(super) fn exchange_bound(
        &mut self,
        slot: u16,
        bind: &Bind,
        on: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        if on {
            self.exchanges.bind_exchange(bind)?;
            self.changed(slot, Done::ExchangeBind, ctx);
        } else {
            self.exchanges.unbind_exchange(bind)?;
            self.changed(slot, Done::ExchangeUnbind, ctx);
        }
        Ok(())
    }

    pub(super) fn queue_bound(
        &mut self,
        peer: NodeId,
        slot: u16,
        bind: &Bind,
        on: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let queue = self.usable(peer, &bind.destination)?;
        if on {
            self.exchanges.bind_queue(&bind.source, queue, &bind.key, &bind.arguments)?;
            self.changed(slot, Done::QueueBind, ctx);
        } else {
            self.exchanges.unbind_queue(&bind.source, queue, &bind.key, &bind.arguments)?;
            self.changed(slot, Done::QueueUnbind, ctx);
        }
        Ok(())
    }

    fn changed(&mut self, slot: u16, done: Done, ctx: &mut Ctx<'_, Mq>) {
        self.topology = self.topology.wrapping_add(1);
        if let Some(session) = self.session(slot) {
            self.reply(session, Frame::Ok(done), ctx);
        }
    }

    // ── policies ──

    /// Sets a policy, or removes it when its definition is empty.
    pub(super) fn set_policy(&mut self, policy: Policy, ctx: &mut Ctx<'_, Mq>) {
        if self.is_clustered() {
            return self.submit(Change::Policy(Box::new(policy)), ctx);
        }
        // a node that stands alone shares no queue, so that there is nothing to be told apart
        self.adopt(policy, ctx.now, &mut Out::default(), ctx);
    }

    /// A policy is set, at this time. What it makes of shared queues goes into `shared`.
    pub(super) fn adopt(
        &mut self,
        policy: Policy,
        at: Time,
        shared: &mut Out,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.policies.retain(|other| other.name != policy.name);
        if !policy.definition.is_empty() {
            self.policies.push(policy);
        }
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            let Some(queue) = &self.queues[index].queue else { continue };
            let settings = policy::settings(&queue.spec, &self.policies, &self.profile);
            if self.settings_of(id) == Some(&settings) {
                continue;
            }
            let configure = Command::Configure(Box::new(settings.clone()));
            self.with_queue(id, ctx.now, |queue, moment| match &mut queue.machine {
                Machine::Classic(queue) => queue.configure(settings, moment),
                Machine::Quorum(queue) if queue.shared => queue.apply(configure, at, shared),
                Machine::Quorum(queue) => {
                    queue.append(configure, moment.out);
                }
                Machine::Remote(_) | Machine::Stream(_) => {}
            });
            self.carry_out(ctx);
            self.arm_quorum_tick(id, ctx);
        }
    }
}
