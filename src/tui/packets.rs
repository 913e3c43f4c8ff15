//! What Kafka's packets say. The history keeps which link a step served and not what came on it, so
//! a run with Kafka in it is played once more when it is opened, looking at every packet.

use crate::kernel::{History, Step, StepNo};
use crate::system::{Run, Timeline};
use crate::talk::kafka::{Answer, Api, Batch, Body, Code, TopicPartition};
use crate::talk::{Mq, Msg};
use crate::tui::stage::Stage;

/// Packets of a run with more steps than this keep their secret: the second look costs as much time
/// as the first.
const MOST_STEPS: usize = 2_000_000;

/// How much a packet has to say to somebody who reads the story of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// A heartbeat, a fetch that asks, an answer that brings nothing.
    Idle,
    /// It sets something up, or says that all went well.
    Quiet,
    /// It is a part of the story.
    Telling,
}

/// A request or an answer in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// The name of its API.
    pub(super) name: &'static str,
    pub(super) is_answer: bool,
    /// The first partition that it is about, and how many more.
    pub(super) at: Option<(TopicPartition, usize)>,
    /// How many records it carries.
    pub(super) records: usize,
    /// What went wrong.
    pub(super) code: Option<Code>,
    pub(super) weight: Weight,
}

impl Packet {
    fn ask(name: &'static str, weight: Weight) -> Packet {
        Packet { name, is_answer: false, at: None, records: 0, code: None, weight }
    }

    fn answer(name: &'static str, code: Option<Code>, weight: Weight) -> Packet {
        // what failed is always a part of the story
        let weight = if code.is_some() { Weight::Telling } else { weight };
        Packet { name, is_answer: true, at: None, records: 0, code, weight }
    }

    fn about(self, mut partitions: impl Iterator<Item = TopicPartition>) -> Packet {
        let first = partitions.next();
        Packet { at: first.map(|it| (it, partitions.count())), ..self }
    }

    /// Its name and outcome: `JoinGroup`, `Heartbeat REBALANCE_IN_PROGRESS`, `SyncGroup ok`.
    pub(super) fn label(&self) -> String {
        match (self.code, self.is_answer) {
            (Some(code), _) => format!("{} {}", self.name, code.name()),
            (None, true) if self.records > 0 => format!("{} {} rec.", self.name, self.records),
            (None, true) => format!("{} ok", self.name),
            (None, false) => self.name.to_owned(),
        }
    }
}

/// What a message is; `None` for one that is not Kafka's.
pub(super) fn packet(msg: &Msg, is_replica: bool) -> Option<Packet> {
    match msg {
        Msg::KafkaRequest(request) => Some(of_request(&request.api)),
        Msg::KafkaResponse(response) => Some(of_answer(&response.answer, is_replica)),
        _ => None,
    }
}

fn of_request(api: &Api) -> Packet {
    use Weight::{Idle, Quiet, Telling};
    match api {
        Api::Produce(it) => {
            let records = it.batches.iter().map(|(_, batch)| records(batch)).sum();
            let at = it.batches.iter().map(|(at, _)| *at);
            Packet { records, ..Packet::ask("Produce", Telling) }.about(at)
        }
        Api::Fetch(it) if it.replica.is_some() => Packet::ask("replica fetch", Idle),
        Api::Fetch(_) => Packet::ask("Fetch", Idle),
        Api::Heartbeat { .. } => Packet::ask("Heartbeat", Idle),
        Api::ConsumerGroupHeartbeat(it) => {
            let changes = it.epoch <= 0 || it.owned.is_some();
            Packet::ask("GroupHeartbeat", if changes { Telling } else { Idle })
        }
        Api::ShareGroupHeartbeat(it) => {
            Packet::ask("ShareHeartbeat", if it.epoch <= 0 { Telling } else { Idle })
        }
        Api::ShareFetch(it) if it.acknowledgements.is_empty() => Packet::ask("ShareFetch", Idle),
        Api::ShareFetch(_) => Packet::ask("ShareFetch", Telling),
        Api::ShareAcknowledge(_) => Packet::ask("ShareAcknowledge", Telling),
        Api::ApiVersions => Packet::ask("ApiVersions", Quiet),
        Api::Metadata => Packet::ask("Metadata", Quiet),
        Api::FindGroupCoordinator(_) | Api::FindTxnCoordinator(_) => {
            Packet::ask("FindCoordinator", Quiet)
        }
        Api::ListOffsets { partitions, .. } => {
            Packet::ask("ListOffsets", Quiet).about(partitions.iter().map(|it| it.0))
        }
        Api::OffsetForLeaderEpoch(it) => {
            Packet::ask("OffsetForLeaderEpoch", Quiet).about(it.iter().map(|it| it.0))
        }
        Api::OffsetFetch { partitions, .. } => {
            Packet::ask("OffsetFetch", Quiet).about(partitions.iter().copied())
        }
        Api::JoinGroup(_) => Packet::ask("JoinGroup", Telling),
        Api::SyncGroup(_) => Packet::ask("SyncGroup", Telling),
        Api::LeaveGroup(_) => Packet::ask("LeaveGroup", Telling),
        Api::OffsetCommit(it) => {
            Packet::ask("OffsetCommit", Telling).about(it.offsets.iter().map(|it| it.0))
        }
        Api::InitProducerId(_) => Packet::ask("InitProducerId", Telling),
        Api::AddPartitionsToTxn(it) if it.verify_only => Packet::ask("verify txn", Quiet),
        Api::AddPartitionsToTxn(it) => {
            Packet::ask("AddPartitionsToTxn", Telling).about(it.partitions.iter().copied())
        }
        Api::AddOffsetsToTxn { .. } => Packet::ask("AddOffsetsToTxn", Telling),
        Api::TxnOffsetCommit(it) => {
            Packet::ask("TxnOffsetCommit", Telling).about(it.offsets.iter().map(|it| it.0))
        }
        Api::EndTxn(it) if it.commit => Packet::ask("EndTxn commit", Telling),
        Api::EndTxn(_) => Packet::ask("EndTxn abort", Telling),
        Api::WriteTxnMarkers(markers) => Packet::ask("WriteTxnMarkers", Telling)
            .about(markers.iter().flat_map(|it| it.partitions.iter().copied())),
    }
}

fn of_answer(answer: &Answer, is_replica: bool) -> Packet {
    use Weight::{Idle, Quiet, Telling};
    match answer {
        Answer::ApiVersions => Packet::answer("ApiVersions", None, Quiet),
        Answer::Metadata(_) => Packet::answer("Metadata", None, Quiet),
        Answer::Produce(each) => Packet::answer("Produce", failed(each), Quiet).about(at(each)),
        Answer::Fetch(each) => {
            let name = if is_replica { "replica fetch" } else { "Fetch" };
            let records = each.iter().flat_map(|(_, it)| &it.batches).map(records).sum();
            let weight = if records > 0 { Telling } else { Idle };
            let code = each.iter().find_map(|(_, it)| it.error);
            let filled = each.iter().filter(|(_, it)| !it.batches.is_empty() || it.error.is_some());
            Packet { records, ..Packet::answer(name, code, weight) }.about(filled.map(|it| it.0))
        }
        Answer::ListOffsets(each) => {
            Packet::answer("ListOffsets", failed(each), Quiet).about(at(each))
        }
        Answer::OffsetForLeaderEpoch(each) => {
            Packet::answer("OffsetForLeaderEpoch", failed(each), Quiet).about(at(each))
        }
        Answer::FindCoordinator(it) => Packet::answer("FindCoordinator", it.err(), Quiet),
        Answer::JoinGroup(it) => Packet::answer("JoinGroup", it.error, Telling),
        Answer::SyncGroup(Ok(it)) => {
            Packet::answer("SyncGroup", None, Telling).about(it.iter().copied())
        }
        Answer::SyncGroup(Err(code)) => Packet::answer("SyncGroup", Some(*code), Telling),
        Answer::Heartbeat(it) => Packet::answer("Heartbeat", it.err(), Idle),
        Answer::LeaveGroup(it) => Packet::answer("LeaveGroup", it.err(), Quiet),
        Answer::OffsetCommit(each) => {
            Packet::answer("OffsetCommit", failed(each), Quiet).about(at(each))
        }
        Answer::OffsetFetch(Ok(each)) => {
            Packet::answer("OffsetFetch", failed(each), Quiet).about(at(each))
        }
        Answer::OffsetFetch(Err(code)) => Packet::answer("OffsetFetch", Some(*code), Quiet),
        Answer::ConsumerGroupHeartbeat(it) => {
            let weight = if it.assignment.is_some() { Telling } else { Idle };
            Packet::answer("GroupHeartbeat", it.error, weight)
                .about(it.assignment.iter().flatten().copied())
        }
        Answer::ShareFetch(each) => {
            let acquired = |it: &Result<crate::talk::kafka::Acquired, Code>| {
                it.as_ref().map_or(0, |it| it.records.len())
            };
            let records = each.iter().map(|(_, it)| acquired(it)).sum();
            let weight = if records > 0 { Telling } else { Idle };
            Packet { records, ..Packet::answer("ShareFetch", failed(each), weight) }
        }
        Answer::ShareAcknowledge(each) => Packet::answer("ShareAcknowledge", failed(each), Quiet),
        Answer::InitProducerId(it) => Packet::answer("InitProducerId", it.err(), Quiet),
        Answer::AddPartitionsToTxn(each) => {
            Packet::answer("AddPartitionsToTxn", failed(each), Quiet)
        }
        Answer::AddOffsetsToTxn(it) => Packet::answer("AddOffsetsToTxn", it.err(), Quiet),
        Answer::TxnOffsetCommit(each) => Packet::answer("TxnOffsetCommit", failed(each), Quiet),
        Answer::EndTxn(it) => Packet::answer("EndTxn", it.err(), Telling),
        Answer::WriteTxnMarkers(each) => Packet::answer("WriteTxnMarkers", failed(each), Quiet),
    }
}

fn records(batch: &Batch) -> usize {
    match &batch.body {
        Body::Internal(_) => 1,
        _ => batch.records().count(),
    }
}

fn failed<T>(each: &[(TopicPartition, Result<T, Code>)]) -> Option<Code> {
    each.iter().find_map(|(_, it)| it.as_ref().err().copied())
}

fn at<T>(each: &[(TopicPartition, T)]) -> impl Iterator<Item = TopicPartition> {
    each.iter().map(|it| it.0)
}

/// The packets of a run, by the steps in which they arrived.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    of_steps: Vec<Option<Packet>>,
    /// How many idle ones arrived up to a step.
    idle: Vec<u32>,
}

impl Packets {
    /// Looks at every packet of a run with Kafka in it. `forks` are the steps after which somebody
    /// chose another one than was due.
    pub(super) fn new(
        run: &Run,
        history: &History<Mq>,
        stage: &Stage,
        forks: &[StepNo],
    ) -> Packets {
        let steps = history.steps();
        if !stage.has_kafka() || steps.len() > MOST_STEPS {
            return Packets::default();
        }
        let mut packets = Packets {
            of_steps: Vec::with_capacity(steps.len() + 1),
            idle: Vec::with_capacity(steps.len() + 1),
        };
        packets.push(None);
        let mut timeline: Timeline = run.seek(0);
        for taken in steps {
            let arrived = match taken.step {
                Step::Deliver(link) => {
                    let is_replica = stage.part(link.to) == Some(crate::check::Role::Broker);
                    timeline.world().next_on(link).and_then(|it| packet(it, is_replica))
                }
                _ => None,
            };
            packets.push(arrived.map(|it| it.on(stage)));
            if forks.contains(&(taken.no - 1)) {
                timeline = run.seek(taken.no);
            } else {
                timeline.run(run.until(), 1, &mut ());
            }
        }
        packets
    }

    fn push(&mut self, packet: Option<Packet>) {
        let before = self.idle.last().copied().unwrap_or(0);
        let is_idle = packet.is_some_and(|it| it.weight == Weight::Idle);
        self.idle.push(before + u32::from(is_idle));
        self.of_steps.push(packet);
    }

    /// What arrived in a step.
    pub(super) fn get(&self, no: StepNo) -> Option<&Packet> {
        self.of_steps.get(usize::try_from(no).ok()?)?.as_ref()
    }

    /// How many heartbeats, fetches and empty answers arrived after one step and before another.
    pub(super) fn idle_between(&self, after: StepNo, before: StepNo) -> u32 {
        let upto = |no: StepNo| usize::try_from(no).ok().and_then(|it| self.idle.get(it)).copied();
        match (upto(after), before.checked_sub(1).and_then(upto)) {
            (Some(from), Some(to)) => to.saturating_sub(from),
            _ => 0,
        }
    }
}

impl Packet {
    /// What brokers tell each other about their own topics is no part of the story.
    fn on(self, stage: &Stage) -> Packet {
        let internal = self.at.is_some_and(|(at, _)| stage.is_internal(at));
        let between_brokers = self.name == "replica fetch";
        match internal && between_brokers && self.code.is_none() {
            true => Packet { weight: self.weight.min(Weight::Quiet), ..self },
            false => self,
        }
    }
}
