//! A coordinator without a broker, for tests: requests by hand, a clock that moves when it is told
//! to, a log that commits at once, later or never.

use std::collections::{BTreeMap, VecDeque};

use super::{Act, Client, Coordinator, Desk, Stored, Ticket};
use crate::kernel::{Chance, Choose, Collected, Ctx, Dist, Effect, NodeId, Site, Span, Time};
use crate::talk::kafka::{
    Answer, Api, Code, Image, KafkaNote, Offset, PartitionInfo, ProducerIdentity, TopicInfo,
    TopicPartition,
};
use crate::talk::{KafkaTimer, Mq, Note, Parcel, Timer};

/// How the log takes what the coordinator writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka) enum Writes {
    /// It is committed at once.
    #[default]
    Commit,
    /// It waits until [`Lab::commit`].
    Wait,
    /// It is refused, and not appended.
    Refuse(Code),
}

/// Draws from a seed.
#[derive(Clone, Copy, Debug)]
struct Seeded(Chance);

impl Choose for Seeded {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        crate::kernel::below(self.0.draw(site), n.into()) as u32
    }

    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        dist.at(self.0.draw(site))
    }
}

/// A record in the log.
#[derive(Clone, Debug)]
enum Logged {
    Record(Parcel, Option<ProducerIdentity>),
    Marker(ProducerIdentity, bool),
}

/// A coordinator on the bench.
#[derive(Clone, Debug)]
pub(in crate::kafka) struct Lab<C> {
    pub(in crate::kafka) coordinator: C,
    pub(in crate::kafka) now: Time,
    pub(in crate::kafka) image: Image,
    pub(in crate::kafka) writes: Writes,
    pub(in crate::kafka) notes: Vec<KafkaNote>,
    timers: BTreeMap<KafkaTimer, (Time, u64)>,
    armed: u64,
    asked: u32,
    choices: Seeded,
    log: Vec<Logged>,
    waiting: VecDeque<(Ticket, Offset)>,
    answers: BTreeMap<u32, Answer>,
    /// Requests to other brokers.
    pub(in crate::kafka) questions: Vec<(NodeId, Api, Ticket)>,
}

impl<C: Coordinator> Lab<C> {
    /// Topics have these numbers of partitions.
    pub(in crate::kafka) fn new(coordinator: C, topics: &[u16]) -> Lab<C> {
        let topic = |&count: &u16| TopicInfo {
            partitions: vec![PartitionInfo::default(); usize::from(count)],
        };
        let image = Image { topics: topics.iter().map(topic).collect(), ..Image::default() };
        Lab {
            coordinator,
            now: Time::ZERO,
            image,
            writes: Writes::Commit,
            notes: Vec::new(),
            timers: BTreeMap::new(),
            armed: 0,
            asked: 0,
            choices: Seeded(Chance::new(1)),
            log: Vec::new(),
            waiting: VecDeque::new(),
            answers: BTreeMap::new(),
            questions: Vec::new(),
        }
    }

    /// Sends a request and returns its number.
    pub(in crate::kafka) fn send(&mut self, node: u32, api: Api) -> u32 {
        let correlation = self.asked;
        self.asked += 1;
        let client = Client { node: NodeId(node), lane: 0, correlation };
        self.call(|coordinator, desk| coordinator.on_request(client, api, desk));
        correlation
    }

    /// Sends a request that is answered at once.
    pub(in crate::kafka) fn ask(&mut self, node: u32, api: Api) -> Answer {
        let correlation = self.send(node, api);
        self.answer(correlation).expect("an answer at once")
    }

    /// The answer to a request, if it is there.
    pub(in crate::kafka) fn answer(&mut self, correlation: u32) -> Option<Answer> {
        self.answers.remove(&correlation)
    }

    /// Lets time pass, and timers go off.
    pub(in crate::kafka) fn pass(&mut self, span: Span) {
        let until = self.now + span;
        while let Some((timer, (due, _))) =
            self.timers.iter().min_by_key(|(_, due)| **due).map(|(timer, due)| (*timer, *due))
            && due <= until
        {
            self.now = self.now.max(due);
            self.timers.remove(&timer);
            self.call(|coordinator, desk| coordinator.on_timer(timer, desk));
        }
        self.now = until;
    }

    /// Lets a timer go off that the broker arms.
    pub(in crate::kafka) fn fire(&mut self, timer: KafkaTimer) {
        self.call(|coordinator, desk| coordinator.on_timer(timer, desk));
    }

    /// What waits in the log is committed.
    pub(in crate::kafka) fn commit(&mut self) {
        while let Some((ticket, offset)) = self.waiting.pop_front() {
            self.call(|coordinator, desk| coordinator.on_written(ticket, Ok(offset), desk));
        }
    }

    /// A question is answered, or its connection ends.
    pub(in crate::kafka) fn reply(&mut self, ticket: Ticket, answer: Option<Answer>) {
        self.call(|coordinator, desk| coordinator.on_answer(ticket, answer, desk));
    }

    /// A marker is written.
    pub(in crate::kafka) fn marker(&mut self, producer: ProducerIdentity, commit: bool) {
        self.log.push(Logged::Marker(producer, commit));
        self.call(|coordinator, desk| coordinator.on_marker(producer, commit, desk));
    }

    /// How many partitions a topic has from now on.
    pub(in crate::kafka) fn grow(&mut self, topic: usize, partitions: usize) {
        self.image.topics[topic].partitions.resize(partitions, PartitionInfo::default());
        self.call(|coordinator, desk| coordinator.on_image(desk));
    }

    /// The leader gives the partition up.
    pub(in crate::kafka) fn unload(&mut self) {
        self.call(|coordinator, desk| coordinator.unload(desk));
        self.waiting.clear();
    }

    /// A coordinator that has not seen any of this reads the log.
    pub(in crate::kafka) fn fail_over(&mut self, mut fresh: C) {
        std::mem::swap(&mut self.coordinator, &mut fresh);
        self.timers.clear();
        self.waiting.clear();
        let log = std::mem::take(&mut self.log);
        self.call(|coordinator, desk| {
            fn stored(entry: &Logged) -> Stored<'_> {
                match entry {
                    Logged::Record(record, producer) => Stored::Record(record, *producer),
                    Logged::Marker(producer, commit) => {
                        Stored::Marker { producer: *producer, commit: *commit }
                    }
                }
            }
            coordinator.load((0..).zip(log.iter().map(stored)), desk);
        });
        self.log = log;
    }

    /// Whether a timer is armed, and how long it still has to go.
    pub(in crate::kafka) fn remaining(&self, timer: KafkaTimer) -> Option<Span> {
        self.timers.get(&timer).map(|(due, _)| due.since(self.now))
    }

    /// How many records the log has.
    pub(in crate::kafka) fn written(&self) -> usize {
        self.log.len()
    }

    /// Calls the coordinator, and does what it wants.
    fn call(&mut self, work: impl FnOnce(&mut C, &mut Desk<'_, '_>)) {
        let (mut effects, mut acts) = (Vec::new(), Vec::new());
        let mut out = Collected { effects: &mut effects, choose: &mut self.choices };
        let mut ctx = Ctx::new(NodeId(0), self.now, &mut out);
        let image = &self.image;
        work(&mut self.coordinator, &mut Desk::new(&mut ctx, image, &mut acts));
        self.carry_out(effects);
        for act in acts {
            self.act(act);
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect<Mq>>) {
        for effect in effects {
            match effect {
                Effect::Arm { timer: Timer::Kafka(timer), after } => {
                    self.armed += 1;
                    self.timers.insert(timer, (self.now + after, self.armed));
                }
                Effect::Disarm(Timer::Kafka(timer)) => {
                    self.timers.remove(&timer);
                }
                Effect::Note(Note::Kafka(note)) => self.notes.push(note),
                other => panic!("no business of a coordinator: {other:?}"),
            }
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Respond { client, answer } => {
                let twice = self.answers.insert(client.correlation, answer);
                assert_eq!(twice, None, "request {} is answered twice", client.correlation);
            }
            Act::Write { record, producer, ticket, partition: TopicPartition { .. } } => {
                let offset = self.log.len() as Offset;
                match self.writes {
                    Writes::Refuse(code) => {
                        self.call(|it, desk| it.on_written(ticket, Err(code), desk));
                    }
                    Writes::Wait => {
                        self.log.push(Logged::Record(record, producer));
                        self.waiting.push_back((ticket, offset));
                    }
                    Writes::Commit => {
                        self.log.push(Logged::Record(record, producer));
                        self.call(|it, desk| it.on_written(ticket, Ok(offset), desk));
                    }
                }
            }
            Act::Ask { to, api, ticket } => self.questions.push((to, api, ticket)),
        }
    }
}

mod tests {
    use super::*;
    use crate::talk::kafka::GroupId;

    /// Writes what it is asked, answers when that is committed, and gives up when its timer goes off.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
    struct Clerk {
        waiting: Vec<(Ticket, Client)>,
        loaded: usize,
    }

    const GIVE_UP: KafkaTimer = KafkaTimer::Join(GroupId(0));

    impl Clerk {
        fn answer_all(&mut self, result: Result<(), Code>, desk: &mut Desk<'_, '_>) {
            for (_, client) in self.waiting.drain(..) {
                desk.respond(client, Answer::Heartbeat(result));
            }
        }
    }

    impl Coordinator for Clerk {
        fn on_request(&mut self, client: Client, _api: Api, desk: &mut Desk<'_, '_>) {
            let ticket = Ticket(client.correlation.into());
            self.waiting.push((ticket, client));
            desk.write(TopicPartition::default(), Parcel::new(client.correlation), ticket);
            desk.arm(GIVE_UP, Span::from_secs(1));
        }

        fn on_written(
            &mut self,
            _ticket: Ticket,
            result: Result<Offset, Code>,
            desk: &mut Desk<'_, '_>,
        ) {
            desk.disarm(GIVE_UP);
            self.answer_all(result.map(drop), desk);
        }

        fn on_timer(&mut self, _timer: KafkaTimer, desk: &mut Desk<'_, '_>) {
            self.answer_all(Err(Code::RequestTimedOut), desk);
        }

        fn load<'a>(
            &mut self,
            records: impl Iterator<Item = (Offset, Stored<'a>)>,
            _desk: &mut Desk<'_, '_>,
        ) {
            self.loaded = records.count();
        }

        fn unload(&mut self, desk: &mut Desk<'_, '_>) {
            self.answer_all(Err(Code::NotCoordinator), desk);
        }
    }

    #[test]
    fn a_coordinator_answers_when_what_it_wrote_is_committed() {
        let mut lab = Lab::new(Clerk::default(), &[]);
        let fetch = || Api::Metadata;
        assert_eq!(lab.ask(1, fetch()), Answer::Heartbeat(Ok(())));
        lab.writes = Writes::Wait;
        let waits = lab.send(1, fetch());
        assert_eq!(lab.answer(waits), None);
        lab.commit();
        assert_eq!(lab.answer(waits), Some(Answer::Heartbeat(Ok(()))));
        let times_out = lab.send(1, fetch());
        lab.pass(Span::from_millis(999));
        assert_eq!(lab.answer(times_out), None);
        lab.pass(Span::from_millis(1));
        assert_eq!(lab.answer(times_out), Some(Answer::Heartbeat(Err(Code::RequestTimedOut))));
    }

    #[test]
    fn a_coordinator_that_takes_over_reads_what_the_log_has() {
        let mut lab = Lab::new(Clerk::default(), &[]);
        lab.ask(1, Api::Metadata);
        lab.writes = Writes::Refuse(Code::NotEnoughReplicas);
        assert_eq!(
            lab.ask(1, Api::Metadata),
            Answer::Heartbeat(Err(Code::NotEnoughReplicas)),
            "what was refused is not in the log"
        );
        lab.fail_over(Clerk::default());
        assert_eq!(lab.coordinator.loaded, 1);
    }
}
