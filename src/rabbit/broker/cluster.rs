//! The broker as a member of a cluster: its log, and what the members agree on.

use super::{Broker, Queue, QueueSlot};
use crate::kernel::{Ctx, Dist, Fact, NodeId, Site};
use crate::rabbit::cluster::{Change, ELECTION, KEPT, Member, Stamped, Stream, TICK, Turn, Word};
use crate::rabbit::exchange::Exchanges;
use crate::rabbit::queue::{Command, Effect, Machine, Out, Remote};
use crate::raft::{Index, Output};
use crate::talk::{Mq, Msg, Name, Note, Parcel, Policy, QueueId, RabbitTimer, Timer};

type Outputs = Vec<Output<Stamped, Box<Image>>>;

/// Everything that the log decides, as one member has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Image {
    /// Whose it is: classic queues without a home elsewhere live there.
    of: NodeId,
    streams: Vec<Stream>,
    policies: Vec<Policy>,
    exchanges: Exchanges,
    queues: Vec<QueueSlot>,
    numbers: std::collections::BTreeMap<Name, QueueId>,
}

/// Counts the effects of an entry, which are the same on every member.
struct Telling {
    fact: Fact,
    /// Dead letters are moved by the leader alone.
    leads: bool,
}

impl Telling {
    /// The next effect. What is noted for it has numbers of its own.
    fn next(&mut self) -> Fact {
        self.fact.part = (self.fact.part | 0xFF) + 1;
        self.fact
    }
}

impl Broker {
    /// Whether it has other nodes beside it.
    pub(super) fn is_clustered(&self) -> bool {
        self.config.members.len() > 1
    }

    /// Whether it leads its cluster.
    pub(in crate::rabbit) fn leads(&self) -> bool {
        self.cluster.as_ref().is_some_and(|member| member.raft.is_leader())
    }

    /// How many entries of the log are here.
    pub(in crate::rabbit) fn logged(&self) -> u64 {
        self.cluster.as_ref().map_or(0, |member| member.raft.log().len())
    }

    /// The first of the session slots that are this node's, and how far they are apart.
    pub(super) fn slots_of_sessions(&self) -> (usize, usize) {
        match &self.cluster {
            Some(member) => (usize::from(member.place), member.streams.len()),
            None => (0, 1),
        }
    }

    /// The classic queues of the definitions that live on other members.
    pub(super) fn find_homes(&mut self, ctx: &Ctx<'_, Mq>) {
        let Some(first) = self.config.members.first() else { return };
        for (index, slot) in self.queues.iter_mut().enumerate() {
            let named = self.config.homes.iter().find(|(name, _)| *name == slot.name);
            let home = named.map_or(*first, |(_, home)| *home);
            if let Some(queue) = &mut slot.queue
                && matches!(queue.machine, Machine::Classic(_))
                && home != ctx.me
            {
                queue.machine = Machine::Remote(Remote::new(QueueId(index as u16), home));
            }
        }
    }

    /// Starts as a member, for the first time or again.
    pub(super) fn join_cluster(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.is_clustered() {
            return;
        }
        let members = self.config.members.clone();
        let first_start = self.cluster.is_none();
        // the queues were declared through the first member, which therefore leads at first
        let founds = first_start && members.first() == Some(&ctx.me);
        let member = self.cluster.get_or_insert_with(|| Box::new(Member::new(ctx.me, members)));
        member.starts(ctx.now);
        let life = member.life;
        let mut outputs = Outputs::new();
        member.raft.start(&mut outputs);
        if founds {
            member.raft.elect(&mut outputs);
        }
        if member.raft.log().synced() < member.raft.log().last().1 {
            outputs.push(Output::Sync);
        }
        self.tell_all(&Word::Hello { life }, ctx);
        ctx.arm(Timer::Rabbit(RabbitTimer::ClusterTick), TICK);
        self.drive(outputs, ctx);
        if !first_start {
            self.end_former_life(ctx);
        }
    }

    /// The sessions of the life before this one are over, if nobody has noticed yet.
    fn end_former_life(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &self.cluster else { return };
        let over = Change::Lost { member: member.place, life: member.life - 1 };
        self.submit(over, ctx);
    }

    pub(super) fn tell(&self, to: NodeId, word: Word, ctx: &mut Ctx<'_, Mq>) {
        ctx.send(to, Msg::Cluster(Parcel::new(word)));
    }

    pub(super) fn tell_all(&self, word: &Word, ctx: &mut Ctx<'_, Mq>) {
        let me = ctx.me;
        for &member in self.config.members.iter().filter(|member| **member != me) {
            self.tell(member, word.clone(), ctx);
        }
    }

    // ── into the log ──

    /// This node wants something in the log, and asks every leader for it until it is applied.
    pub(super) fn submit(&mut self, change: Change, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &mut self.cluster else { return };
        let seq = member.wants(change.clone());
        self.ask_leader(seq, change, ctx);
    }

    fn ask_leader(&mut self, seq: u64, change: Change, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &self.cluster else { return };
        let source = member.source(seq);
        if member.raft.is_leader() {
            let entry = Stamped { at: ctx.now, source: Some(source), change };
            self.propose(entry, ctx);
        } else if let Some(leader) = member.raft.leader() {
            self.tell(leader, Word::Submit { life: source.life, seq, change }, ctx);
        }
    }

    /// Another member wants something in the log. It asks again whoever leads next.
    pub(super) fn submitted(&mut self, entry: Stamped, ctx: &mut Ctx<'_, Mq>) {
        self.propose(entry, ctx);
    }

    fn propose(&mut self, entry: Stamped, ctx: &mut Ctx<'_, Mq>) {
        self.with_log(ctx, |member, outputs| {
            member.raft.propose(entry, outputs);
        });
    }

    /// The leader itself wants something in the log; a member that does not lead wants nothing.
    pub(super) fn decree(&mut self, change: Change, ctx: &mut Ctx<'_, Mq>) {
        self.propose(Stamped { at: ctx.now, source: None, change }, ctx);
    }

    /// Whether this queue is the log's.
    pub(super) fn is_shared(&self, id: QueueId) -> bool {
        let queue = self.queues.get(id.index()).and_then(|slot| slot.queue.as_ref());
        self.cluster.is_some()
            && queue.is_some_and(|queue| matches!(queue.machine, Machine::Quorum(_)))
    }

    /// The head of a quorum queue expires. The leader says so to all.
    pub(super) fn expire_shared(&mut self, queue: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let epoch = self.queues[queue.index()].epoch;
        self.decree(Change::Queue { queue, epoch, command: Command::Expire }, ctx);
    }

    /// Has the log do something, and carries out what it asks for.
    pub(super) fn with_log(
        &mut self,
        ctx: &mut Ctx<'_, Mq>,
        act: impl FnOnce(&mut Member, &mut Outputs),
    ) {
        let mut outputs = Outputs::new();
        if let Some(member) = &mut self.cluster {
            act(member, &mut outputs);
        }
        self.drive(outputs, ctx);
    }

    fn drive(&mut self, mut outputs: Outputs, ctx: &mut Ctx<'_, Mq>) {
        while !outputs.is_empty() {
            for output in std::mem::take(&mut outputs) {
                match output {
                    Output::Send(to, message) => self.tell(to, Word::Raft(message), ctx),
                    Output::Sync => self.sync_log(ctx),
                    Output::Apply(index, Some(entry)) => self.apply(index, entry, ctx),
                    Output::Apply(_, None) => {}
                    Output::Restore(image) => self.restore(*image, ctx),
                    Output::WantSnapshot(to) => {
                        let image = Box::new(self.image(ctx.me));
                        if let Some(member) = &mut self.cluster {
                            member.raft.send_snapshot(to, image, &mut outputs);
                        }
                    }
                    Output::Lead(term) => self.lead(term, &mut outputs, ctx),
                    Output::Follow(leader) => self.follow(leader, ctx),
                    Output::ArmElection => self.arm_election(ctx),
                    Output::DisarmElection => {
                        ctx.disarm(Timer::Rabbit(RabbitTimer::ClusterElection));
                    }
                }
            }
        }
        if let Some(member) = &mut self.cluster
            && member.raft.log().len() > 2 * KEPT
        {
            member.raft.compact(KEPT);
        }
    }

    fn arm_election(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &mut self.cluster else { return };
        member.elections += 1;
        let site = Site::new("election", u64::from(ctx.me.0)).nth(member.elections);
        let after = ctx.span(site, &Dist::Uniform(ELECTION.0, ELECTION.1));
        ctx.arm(Timer::Rabbit(RabbitTimer::ClusterElection), after);
    }

    /// Nothing was heard of a leader.
    pub(super) fn call_election(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.with_log(ctx, |member, outputs| member.raft.elect(outputs));
    }

    /// Syncs what is written; what comes meanwhile is for the next sync.
    fn sync_log(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(member) = &mut self.cluster else { return };
        if member.syncing.is_none() {
            member.syncing = Some(member.raft.log().last());
            let flush = ctx.slowed(self.profile.costs.quorum_flush);
            ctx.arm(Timer::Rabbit(RabbitTimer::ClusterSync), flush);
        }
    }

    pub(super) fn log_synced(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.with_log(ctx, |member, outputs| {
            let Some((term, index)) = member.syncing.take() else { return };
            // what another leader has overwritten meanwhile is not what was synced
            if member.raft.log().term_at(index) == Some(term) {
                member.raft.synced(index, outputs);
            }
            if member.raft.log().synced() < member.raft.log().last().1 {
                outputs.push(Output::Sync);
            }
        });
    }

    // ── out of the log ──

    fn apply(&mut self, index: Index, entry: Stamped, ctx: &mut Ctx<'_, Mq>) {
        let log = self.config.members.first().map_or(0, |first| first.0);
        let Some(member) = &mut self.cluster else { return };
        if let Change::Takeover { term } = entry.change {
            member.leads = member.raft.is_leader() && term == member.raft.term();
        }
        let leads = member.raft.is_leader();
        let mut telling = Telling { fact: Fact { log, index, part: 0 }, leads };
        let mut out = Out::default();
        if let Some(source) = entry.source {
            let turn = member.streams[usize::from(source.member)].take(source);
            member.has_got(source);
            match turn {
                Turn::Ignored => return,
                Turn::Next => {}
                Turn::Reborn => self.end_sessions(source.member, &entry, &mut telling, ctx),
            }
        }
        let mine = ctx.me;
        let from = entry.source.and_then(|it| self.config.members.get(usize::from(it.member)));
        let from = from.copied().unwrap_or(mine);
        match entry.change {
            Change::Queue { queue, epoch, command } => match self.queue_of(queue, epoch) {
                Some(Queue { machine: Machine::Quorum(machine), .. }) => {
                    machine.apply(command, entry.at, &mut out);
                }
                // it is gone, and the message with it
                _ => {
                    if let Command::Enqueue(incoming) = command
                        && from == mine
                    {
                        self.out.push(queue, Effect::Refuse(incoming.origin));
                    }
                }
            },
            Change::Ask { peer, session, method } => {
                self.asked(peer, session, *method, from, telling.next(), ctx);
            }
            Change::Remove { queue, epoch, why } => {
                if self.queue_of(queue, epoch).is_some() {
                    ctx.telling(Some(telling.next()));
                    self.remove_queue(queue, why, ctx);
                    ctx.telling(None);
                }
            }
            Change::Policy(policy) => self.adopt(*policy, entry.at, &mut out, ctx),
            Change::Takeover { .. } => {
                for slot in &mut self.queues {
                    if let Some(Machine::Quorum(queue)) =
                        slot.queue.as_mut().map(|queue| &mut queue.machine)
                    {
                        queue.machine.resend_dead_letters(&mut out);
                    }
                }
            }
            Change::Lost { member, life } => {
                self.lost_life(member, life, &entry, &mut telling, ctx)
            }
        }
        self.carry_all(&mut out, &mut telling, ctx);
    }

    /// The queue that had this number at that time, if it is still there.
    pub(super) fn queue_of(&mut self, id: QueueId, epoch: u32) -> Option<&mut Queue> {
        self.queues.get_mut(id.index()).filter(|slot| slot.epoch == epoch)?.queue.as_mut()
    }

    /// Carries out what an entry led to: what concerns this node's clients, and what all tell.
    fn carry_all(&mut self, out: &mut Out, telling: &mut Telling, ctx: &mut Ctx<'_, Mq>) {
        let leads = self.cluster.as_ref().is_some_and(|member| member.leads);
        while let Some((queue, effect)) = out.pop() {
            let fact = telling.next();
            match effect {
                Effect::Discard { .. } if !telling.leads => {}
                Effect::DeadLetter { .. } if !leads => {}
                Effect::Note(_) | Effect::Discard { .. } => {
                    ctx.telling(Some(fact));
                    self.carry(queue, effect, ctx);
                    ctx.telling(None);
                }
                _ => self.carry(queue, effect, ctx),
            }
        }
    }

    /// Whether an effect of a queue is for this node to carry out. The member that a channel is on
    /// sees to the channel.
    pub(super) fn keeps(&self, queue: QueueId, effect: &Effect, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(member) = &self.cluster else { return true };
        // an answer may come before the declaration of the queue that gives it
        let here = self
            .queues
            .get(queue.index())
            .filter(|slot| matches!(slot.queue, Some(Queue { machine: Machine::Classic(_), .. })));
        let word = |slot: &QueueSlot| {
            let (epoch, effect) = (slot.epoch, effect.clone());
            Word::Effect { queue, epoch, effect }
        };
        match effect.session().map(|session| member.node_of(session)) {
            Some(node) if node != ctx.me => {
                if let Some(slot) = here {
                    if let Effect::Deliver { session, handed, .. }
                    | Effect::Fetched { session, handed: Some(handed), .. } = effect
                        && let Some(to) = member.guest(*session)
                    {
                        let (msg, redelivered) = (handed.message.id, handed.redelivered);
                        let no_ack = handed.no_ack;
                        ctx.note(Note::Pushed { msg, queue, to, redelivered, no_ack });
                    }
                    if let Effect::Consuming { session, .. } = effect
                        && let Some(peer) = member.guest(*session)
                    {
                        ctx.note(Note::Subscribed { peer, queue });
                    }
                    self.tell(node, word(slot), ctx);
                }
                false
            }
            Some(_) => true,
            None => {
                // whoever leads has the worker that waits for it
                if let Some(slot) = here
                    && matches!(effect, Effect::Confirm(_) | Effect::Refuse(_))
                {
                    self.tell_all(&word(slot), ctx);
                }
                true
            }
        }
    }

    /// A life of a member is over.
    fn lost_life(
        &mut self,
        lost: u8,
        life: u32,
        entry: &Stamped,
        telling: &mut Telling,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(member) = &mut self.cluster else { return };
        let news = member.streams[usize::from(lost)].end(life);
        let me = lost == member.place && life == member.life;
        if news {
            self.end_sessions(lost, entry, telling, ctx);
        }
        if me {
            self.forsake_clients(ctx);
        }
    }

    /// The sessions of a member are over, and its transient queues with them.
    fn end_sessions(
        &mut self,
        place: u8,
        entry: &Stamped,
        telling: &mut Telling,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let members = self.config.members.clone();
        let node = members[usize::from(place)];
        let mut out = Out::default();
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            let Some(queue) = &mut self.queues[index].queue else { continue };
            let home = match &mut queue.machine {
                Machine::Quorum(machine) => {
                    let gone = |session: crate::rabbit::queue::Session| {
                        usize::from(session.slot) % members.len() == usize::from(place)
                    };
                    machine.machine.down_all(gone, entry.at, &mut out);
                    continue;
                }
                Machine::Remote(remote) => remote.home,
                Machine::Classic(_) => ctx.me,
                Machine::Stream(_) => continue,
            };
            if home == node && !queue.spec.durable {
                ctx.telling(Some(telling.next()));
                self.remove_queue(id, crate::talk::Gone::Restart, ctx);
                ctx.telling(None);
            }
        }
        self.carry_all(&mut out, telling, ctx);
    }

    /// The others had given this node up, or may have, or it lags too far behind: its clients connect
    /// anew.
    pub(super) fn forsake_clients(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for peer in (0..self.peers() as u32).map(NodeId) {
            if self.connection_of(peer).is_some() {
                self.lost(peer, ctx);
                ctx.close(peer);
            }
        }
        self.carry_out(ctx);
        if let Some(member) = &mut self.cluster {
            member.begin_life();
        }
        self.end_former_life(ctx);
    }

    // ── leading and following ──

    fn lead(&mut self, term: u32, outputs: &mut Outputs, ctx: &mut Ctx<'_, Mq>) {
        self.workers.clear();
        let mut changes = vec![Change::Takeover { term }];
        for (index, slot) in self.queues.iter().enumerate() {
            let queue = QueueId(index as u16);
            if self.is_shared(queue) {
                ctx.note(Note::Elected { queue, term });
                // the timer of the leader before is gone with it
                let (epoch, command) = (slot.epoch, Command::Expire);
                changes.push(Change::Queue { queue, epoch, command });
            }
        }
        let Some(member) = &mut self.cluster else { return };
        member.leads = false;
        for (place, node) in (0..).zip(self.config.members.iter()) {
            if *node != ctx.me && !member.reaches(*node) {
                let life = member.streams[usize::from(place)].life();
                changes.push(Change::Lost { member: place, life });
            }
        }
        let at = ctx.now;
        for change in changes {
            member.raft.propose(Stamped { at, source: None, change }, outputs);
        }
        for (seq, change) in member.outbox.clone() {
            let source = Some(member.source(seq));
            member.raft.propose(Stamped { at, source, change }, outputs);
        }
    }

    fn follow(&mut self, leader: Option<NodeId>, ctx: &mut Ctx<'_, Mq>) {
        self.workers.clear();
        let Some(member) = &mut self.cluster else { return };
        member.leads = false;
        if leader.is_some() {
            for (seq, change) in member.outbox.clone() {
                self.ask_leader(seq, change, ctx);
            }
        }
    }

    // ── snapshots ──

    fn image(&self, me: NodeId) -> Image {
        Image {
            of: me,
            streams: self.cluster.as_ref().map(|it| it.streams.clone()).unwrap_or_default(),
            policies: self.policies.clone(),
            exchanges: self.exchanges.clone(),
            queues: self.queues.clone(),
            numbers: self.numbers.clone(),
        }
    }

    /// The state of the leader takes the place of this one, apart from the classic queues here.
    fn restore(&mut self, image: Image, ctx: &mut Ctx<'_, Mq>) {
        let mut own = std::mem::replace(&mut self.queues, image.queues);
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            let epoch = self.queues[index].epoch;
            let Some(queue) = &mut self.queues[index].queue else { continue };
            let home = match &queue.machine {
                Machine::Classic(_) => image.of,
                Machine::Remote(remote) => remote.home,
                Machine::Quorum(_) | Machine::Stream(_) => continue,
            };
            if home != ctx.me {
                queue.machine = Machine::Remote(Remote::new(id, home));
                continue;
            }
            let kept = own.get_mut(index).filter(|slot| slot.epoch == epoch);
            match kept.and_then(|slot| slot.queue.take()) {
                Some(mine) => *queue = mine,
                None => {
                    let spec = queue.spec.clone();
                    let machine = self.machine(id, &spec, None, ctx.now, false);
                    if let Some(queue) = &mut self.queues[index].queue {
                        queue.machine = machine;
                    }
                }
            }
        }
        self.policies = image.policies;
        self.exchanges = image.exchanges;
        self.numbers = image.numbers;
        self.topology = self.topology.wrapping_add(1);
        if let Some(member) = &mut self.cluster {
            member.streams = image.streams;
        }
        self.forsake_clients(ctx);
    }
}
