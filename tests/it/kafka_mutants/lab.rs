//! The shell around a healthy node: what goes in and what comes out is changed, so that the models
//! themselves carry no switches.

use redeliver::kernel::{
    Choose, Collected, Ctx, Dist, Effect, Input, Loss, Node, NodeId, Site, Span,
};
use redeliver::system::Member;
use redeliver::talk::kafka::{
    Acks, Answer, Api, Batch, Body, EpochEnd, Fetch, Isolation, Offset, Record, Request, Response,
    TopicPartition,
};
use redeliver::talk::{KafkaNote, KafkaTimer, MessageId, Mq, Msg, Name, Note, Stored, Timer};

use super::Wrong;

/// A node, healthy or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lab {
    Healthy(Box<Member>),
    Mutant(Box<Mutant>),
}

impl Node for Lab {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Healthy(node) => node.on(input, ctx),
            Lab::Mutant(mutant) => mutant.on(input, ctx),
        }
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Healthy(node) => node.lose(loss, ctx),
            Lab::Mutant(mutant) => mutant.inner.lose(loss, ctx),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Mutant {
    inner: Member,
    wrong: Wrong,
    /// How many chances to get something wrong it has had.
    seen: u32,
    /// What it remembers of a group: the latest generation, whom it let in last, what it gave away.
    generation: i32,
    member: Name,
    given: Vec<TopicPartition>,
    /// The latest epoch of a transactional producer.
    epoch: u16,
    /// What it knows of partitions that it follows: the leader, and its high watermark.
    leaders: Vec<(TopicPartition, NodeId, Offset)>,
    /// The last fetch of each follower.
    fetches: Vec<(NodeId, Fetch)>,
}

/// Passes the choices of the inner node on.
struct Pass<'a, 'b>(&'a mut Ctx<'b, Mq>);

impl Choose for Pass<'_, '_> {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        self.0.choose(site, n)
    }
    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        self.0.span(site, dist)
    }
}

/// On this connection the mutant asks its inner node; nobody waits for an answer.
const OWN_LANE: u8 = 255;

impl Mutant {
    pub(super) fn new(inner: Member, wrong: Wrong) -> Mutant {
        Mutant {
            inner,
            wrong,
            seen: 0,
            generation: -1,
            member: Name::default(),
            given: Vec::new(),
            epoch: 0,
            leaders: Vec::new(),
            fetches: Vec::new(),
        }
    }

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        for input in self.inputs(input, ctx) {
            let (me, now, slow) = (ctx.me, self.now(&input, ctx), ctx.slow);
            let mut effects = Vec::new();
            {
                let mut pass = Pass(ctx);
                let mut out = Collected { effects: &mut effects, choose: &mut pass };
                let mut inner = Ctx::new(me, now, &mut out);
                inner.slow = slow;
                self.inner.on(input, &mut inner);
            }
            for effect in effects {
                self.effect(effect, ctx);
            }
        }
    }

    /// True for every `n`th time.
    fn every(&mut self, n: u32) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(n)
    }

    /// The time, as it takes it.
    fn now(&self, input: &Input<Mq>, ctx: &Ctx<'_, Mq>) -> redeliver::kernel::Time {
        let retention = matches!(input, Input::Timer(Timer::Kafka(KafkaTimer::Retention)));
        match retention && self.wrong == Wrong::DeletesEarly {
            true => ctx.now + Span::from_secs(3_600),
            false => ctx.now,
        }
    }

    // ── what it hears ──

    fn inputs(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) -> Vec<Input<Mq>> {
        match input {
            Input::Message { from, msg: Msg::KafkaRequest(request) } => {
                let heard = self.asked(from, *request, ctx);
                heard.into_iter().map(|(from, request)| ask(from, request)).collect()
            }
            Input::Message { from, msg: Msg::KafkaResponse(mut response) } => {
                self.answered(from, &mut response);
                vec![Input::Message { from, msg: Msg::KafkaResponse(response) }]
            }
            other => vec![other],
        }
    }

    /// A request comes to a broker.
    fn asked(
        &mut self,
        from: NodeId,
        mut request: Request,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Vec<(NodeId, Request)> {
        let (lane, correlation) = (request.lane, request.correlation);
        match (self.wrong, &mut request.api) {
            (Wrong::AcksBeforeReplication, Api::Produce(produce)) => produce.acks = Acks::Leader,
            (Wrong::SkipsTheSequenceCheck, Api::Produce(produce)) => {
                produce.batches.iter_mut().for_each(|(_, batch)| batch.producer = None);
            }
            (Wrong::Invents, Api::Produce(produce)) if self.every(10) => {
                produce.batches.iter_mut().for_each(|(_, batch)| {
                    change(batch, |record| record.id = MessageId(5_000 + record.id.0));
                });
            }
            (Wrong::CompactsByNothing, Api::Produce(produce)) => {
                produce.batches.iter_mut().for_each(|(_, batch)| {
                    change(batch, |record| record.key = 1);
                });
            }
            (Wrong::Reorders, Api::Produce(produce)) => {
                produce.batches.iter_mut().for_each(|(_, batch)| turn_round(batch));
            }
            (Wrong::CountsWhoLags, Api::Fetch(fetch)) if fetch.replica.is_some() => {
                self.fetches.retain(|(node, _)| *node != from);
                self.fetches.push((from, fetch.clone()));
            }
            (Wrong::IgnoresLastStable, Api::Fetch(fetch)) => {
                fetch.isolation = Isolation::ReadUncommitted;
            }
            (Wrong::KeepsItsTail, Api::Fetch(fetch)) => {
                fetch.partitions.iter_mut().for_each(|it| it.last_fetched_epoch = None);
            }
            (Wrong::LosesMarkers, Api::WriteTxnMarkers(markers)) => {
                let at = markers.iter().flat_map(|it| &it.partitions);
                let answer = Answer::WriteTxnMarkers(at.map(|at| (*at, Ok(()))).collect());
                let response = Response { lane, correlation, answer };
                ctx.send(from, Msg::KafkaResponse(Box::new(response)));
                return Vec::new();
            }
            (Wrong::TurnsMarkers, Api::WriteTxnMarkers(markers)) => {
                markers.iter_mut().for_each(|marker| marker.commit = !marker.commit);
            }
            (Wrong::AcceptsFencedProducer, Api::EndTxn(end)) => {
                end.producer.epoch = end.producer.epoch.max(self.epoch);
            }
            (Wrong::AcceptsStaleGeneration, Api::OffsetCommit(commit))
                if commit.generation < self.generation =>
            {
                (commit.generation, commit.member) = (self.generation, self.member.clone());
            }
            (Wrong::AcceptsStaleGeneration, Api::Heartbeat { generation, member, .. })
                if *generation < self.generation =>
            {
                (*generation, *member) = (self.generation, self.member.clone());
            }
            (Wrong::ForgetsCommits, Api::OffsetCommit(commit)) => {
                let at = commit.offsets.iter().map(|(at, _)| (*at, Ok(())));
                let answer = Answer::OffsetCommit(at.collect());
                let response = Response { lane, correlation, answer };
                ctx.send(from, Msg::KafkaResponse(Box::new(response)));
                return Vec::new();
            }
            (Wrong::FencesNoStaticMember, api) => self.mistake(api),
            (Wrong::TwoOwners, Api::SyncGroup(sync)) if !sync.assignments.is_empty() => {
                let all = sync.assignments.iter().flat_map(|(_, partitions)| partitions);
                self.given = all.copied().collect();
            }
            _ => {}
        }
        vec![(from, request)]
    }

    /// Takes whoever has the `group.instance.id` for the one who joined last.
    fn mistake(&self, api: &mut Api) {
        let (member, instance) = match api {
            Api::Heartbeat { member, instance, .. } => (member, instance),
            Api::OffsetCommit(commit) => (&mut commit.member, &mut commit.instance),
            _ => return,
        };
        if instance.is_some() && !self.member.is_empty() {
            *member = self.member.clone();
        }
    }

    /// An answer comes: to a follower, or to a client.
    fn answered(&mut self, from: NodeId, response: &mut Response) {
        match (self.wrong, &mut response.answer) {
            (Wrong::TruncatesToHighWatermark, Answer::Fetch(found)) => {
                for (at, fetched) in found {
                    let known = self.leaders.iter_mut().find(|it| it.0 == *at);
                    let Some((_, leader, high)) = known else {
                        self.leaders.push((*at, from, fetched.high_watermark));
                        continue;
                    };
                    if *leader != from && fetched.error.is_none() && fetched.diverging.is_none() {
                        fetched.diverging = Some(EpochEnd { epoch: 0, end: *high });
                        fetched.batches.clear();
                        *leader = from;
                    } else {
                        *high = fetched.high_watermark;
                    }
                }
            }
            (Wrong::CopiesWrongly, Answer::Fetch(found)) => {
                for (_, fetched) in found {
                    for batch in &mut fetched.batches {
                        change(batch, |record| record.id = MessageId(record.id.0 ^ 1));
                    }
                }
            }
            _ => {}
        }
    }

    // ── what it says ──

    fn effect(&mut self, effect: Effect<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match effect {
            Effect::Send { to, msg: Msg::KafkaResponse(mut response) } => {
                if self.answers(&mut response) {
                    ctx.send(to, Msg::KafkaResponse(response));
                }
            }
            Effect::Send { to, msg: Msg::KafkaRequest(mut request) } => {
                if self.wrong == Wrong::CommitsBeforeEffect
                    && let Api::OffsetCommit(commit) = &mut request.api
                {
                    let offsets = commit.offsets.iter_mut().filter_map(|(_, it)| it.as_mut());
                    offsets.for_each(|offset| *offset += 1);
                }
                ctx.send(to, Msg::KafkaRequest(request));
            }
            Effect::Send { to, msg: Msg::StoreDone { call, answer } } => {
                let forgets = self.wrong == Wrong::StoreForgets && answer == Stored::Known;
                let answer = if forgets { Stored::New } else { answer };
                ctx.send(to, Msg::StoreDone { call, answer });
            }
            Effect::Note(Note::Kafka(note)) => self.notes(note, ctx),
            Effect::Fact(fact, Note::Kafka(note)) => {
                let told = ctx.telling(Some(fact));
                self.notes(note, ctx);
                ctx.telling(told);
            }
            other => emit(other, ctx),
        }
    }

    /// A broker answers. Says whether the answer is sent.
    fn answers(&mut self, response: &mut Response) -> bool {
        if response.lane == OWN_LANE {
            return false;
        }
        match (self.wrong, &mut response.answer) {
            (Wrong::SkipsRecords, Answer::Fetch(found)) if response.lane < 200 => {
                let full = found.iter_mut().find(|(_, it)| it.batches.len() > 1);
                if let Some((_, fetched)) = full.filter(|_| self.every(3)) {
                    fetched.batches.remove(0);
                }
            }
            (Wrong::ShowsAborted, Answer::Fetch(found)) => {
                found.iter_mut().for_each(|(_, fetched)| fetched.aborted.clear());
            }
            (Wrong::ForgetsCommittedOffsets, Answer::OffsetFetch(Ok(each))) => {
                each.iter_mut().for_each(|(_, offset)| *offset = Ok(None));
            }
            (Wrong::ForgetsFencing, Answer::Heartbeat(result)) => *result = Ok(()),
            (Wrong::ForgetsFencing, Answer::OffsetCommit(each)) => {
                each.iter_mut().for_each(|(_, result)| *result = Ok(()));
            }
            (Wrong::TwoOwners, Answer::SyncGroup(Ok(partitions))) if !self.given.is_empty() => {
                partitions.clone_from(&self.given);
            }
            (
                Wrong::AcceptsStaleGeneration | Wrong::FencesNoStaticMember,
                Answer::JoinGroup(joined),
            ) if joined.error.is_none() => {
                self.generation = joined.generation;
                self.member = joined.member.clone();
            }
            (Wrong::AcceptsFencedProducer, Answer::InitProducerId(Ok(identity))) => {
                self.epoch = self.epoch.max(identity.epoch);
            }
            _ => {}
        }
        true
    }

    /// A broker or a controller tells the observer.
    fn notes(&mut self, note: KafkaNote, ctx: &mut Ctx<'_, Mq>) {
        let tell = |note, ctx: &mut Ctx<'_, Mq>| ctx.note(Note::Kafka(note));
        match (self.wrong, note) {
            (Wrong::ElectsUncleanSilently, KafkaNote::LeaderElected { at, leader, epoch, .. }) => {
                tell(KafkaNote::LeaderElected { at, leader, epoch, unclean: false }, ctx);
            }
            (Wrong::ReusesEpoch, KafkaNote::LeaderElected { at, leader, epoch, unclean }) => {
                let epoch = epoch.min(1);
                tell(KafkaNote::LeaderElected { at, leader, epoch, unclean }, ctx);
            }
            (Wrong::LowersHighWatermark, KafkaNote::HighWatermark { at, offset }) => {
                tell(note, ctx);
                if self.every(10) {
                    tell(KafkaNote::HighWatermark { at, offset: offset - 1 }, ctx);
                }
            }
            (Wrong::ReadsTwice, KafkaNote::Polled { .. }) if self.every(10) => {
                tell(note, ctx);
                tell(note, ctx);
            }
            (Wrong::CountsWhoLags, KafkaNote::Appended { at, offset, .. }) => {
                tell(note, ctx);
                self.pretend(at, offset + 1, ctx);
            }
            (_, note) => tell(note, ctx),
        }
    }

    /// Lets the inner node believe that its followers have what it has just appended.
    fn pretend(&mut self, at: TopicPartition, end: Offset, ctx: &mut Ctx<'_, Mq>) {
        for (follower, mut fetch) in self.fetches.clone() {
            fetch.partitions.retain(|it| it.at == at);
            fetch.partitions.iter_mut().for_each(|it| it.offset = end);
            fetch.max_wait = Span::ZERO;
            let api = Api::Fetch(fetch);
            let request = Request { lane: OWN_LANE, correlation: self.seen, api };
            let (me, now) = (ctx.me, ctx.now);
            let mut effects = Vec::new();
            let mut pass = Pass(ctx);
            let mut out = Collected { effects: &mut effects, choose: &mut pass };
            self.inner.on(ask(follower, request), &mut Ctx::new(me, now, &mut out));
            for effect in effects {
                self.effect(effect, ctx);
            }
        }
    }
}

fn ask(from: NodeId, request: Request) -> Input<Mq> {
    Input::Message { from, msg: Msg::KafkaRequest(Box::new(request)) }
}

/// Changes the records of a batch.
fn change(batch: &mut Batch, change: impl FnMut(&mut Record)) {
    if let Body::Records(records) = &mut batch.body {
        let mut changed = records.to_vec();
        changed.iter_mut().for_each(change);
        *records = changed.into();
    }
}

/// Writes the records of a batch backwards.
fn turn_round(batch: &mut Batch) {
    if let Body::Records(records) = &mut batch.body {
        *records = records.iter().rev().copied().collect();
    }
}

fn emit(effect: Effect<Mq>, ctx: &mut Ctx<'_, Mq>) {
    match effect {
        Effect::Send { to, msg } => ctx.send(to, msg),
        Effect::Arm { timer, after } => ctx.arm(timer, after),
        Effect::Disarm(timer) => ctx.disarm(timer),
        Effect::Close(peer) => ctx.close(peer),
        Effect::Note(note) => ctx.note(note),
        Effect::Fact(fact, note) => {
            let told = ctx.telling(Some(fact));
            ctx.note(note);
            ctx.telling(told);
        }
        Effect::Work(span) => ctx.work(span),
    }
}
