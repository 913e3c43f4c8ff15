//! What the player looks up in a recorded run, gathered once when it is opened, so that no frame
//! ever walks through the whole history.

mod kafka;

use std::collections::{BTreeMap, BTreeSet};

use crate::kernel::{Fault, Health, History, NodeId, Step, StepNo, Time};
use crate::talk::kafka::TopicPartition;
use crate::talk::{KafkaNote, MessageId, Mq, Note, Timer};
use crate::tui::packets::{Packets, Weight};
use crate::tui::sketch::{call_of, kafka as sketch};
use crate::tui::stage::Stage;
use kafka::Lag;

/// One line of the story: a note, or a step as such. Rows are in the order in which things
/// happened; the step itself comes before its notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    step: u32,
    /// The note's place in the history plus 1; 0 is the step itself.
    note: u32,
}

impl Row {
    /// The beginning of every run, before the first step.
    pub const BEGINNING: Row = Row { step: 0, note: 0 };

    /// The step as such.
    pub fn of_step(no: StepNo) -> Row {
        Row { step: u32::try_from(no).unwrap_or(u32::MAX), note: 0 }
    }

    /// The last row of a step: what is true after it.
    pub fn end_of_step(no: StepNo) -> Row {
        Row { note: u32::MAX, ..Row::of_step(no) }
    }

    fn of_note(step: StepNo, note: usize) -> Row {
        Row { note: u32::try_from(note + 1).unwrap_or(u32::MAX), ..Row::of_step(step) }
    }

    /// The number of the step.
    pub fn step(self) -> StepNo {
        StepNo::from(self.step)
    }

    /// The note's place in the history, if it is about a note.
    pub fn note(self) -> Option<usize> {
        (self.note != 0 && self.note != u32::MAX).then(|| self.note as usize - 1)
    }
}

/// How much of the history is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What a reader needs: an arrival stands for its sending, a fault for its steps.
    #[default]
    Story,
    /// Every note and every fault.
    Notes,
    /// Every step, even those in which nothing of interest happened.
    Steps,
}

impl Detail {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Detail::Story => "story",
            Detail::Notes => "notes",
            Detail::Steps => "steps",
        }
    }

    /// More detail; after the most, the least.
    pub const fn next(self) -> Detail {
        match self {
            Detail::Story => Detail::Notes,
            Detail::Notes => Detail::Steps,
            Detail::Steps => Detail::Story,
        }
    }
}

/// Why a step is worth jumping to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkKind {
    /// Something is put right: a restart, a healed link.
    Repair,
    /// Something goes wrong.
    Fault,
    /// A guarantee is broken here.
    Violation,
}

/// A step worth jumping to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Which.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// Why.
    pub kind: MarkKind,
}

/// Into how many pieces the time of a run is cut for the timeline.
const BUCKETS: usize = 1_024;

/// The look-up tables of a run.
#[derive(Clone, Debug, Default)]
pub struct Index {
    story: Vec<Row>,
    notes: Vec<Row>,
    steps: Vec<Row>,
    /// Rows of all messages, message by message; `starts[m]..starts[m + 1]` are those of `m`.
    of_messages: Vec<Row>,
    starts: Vec<u32>,
    /// Faults and repairs, in order.
    marks: Vec<Mark>,
    /// For every node, its health from a step on.
    health: Vec<Vec<(StepNo, Health)>>,
    /// The largest number of messages in all queues during each piece of the run.
    depth: Vec<u32>,
    /// For every service, the rows of the effects that took place there.
    effects: Vec<Vec<Row>>,
    /// For every note of Kafka's nodes, whether the one before it stands for it as well.
    folded: Vec<bool>,
    /// What is told of each partition of a user's topic without naming a message.
    of_partitions: BTreeMap<TopicPartition, Vec<Row>>,
    /// Partitions that lost records: deleted, truncated, or with another leader.
    losing: BTreeSet<TopicPartition>,
    packets: Packets,
    end: Time,
}

impl Index {
    /// Reads the whole history, once. `packets` are what it does not tell of Kafka.
    pub fn new(history: &History<Mq>, stage: &Stage, packets: Packets) -> Index {
        let health = vec![vec![(0, Health::Up)]; stage.len()];
        let mut index = Index { health, packets, ..Index::default() };
        index.gather_partitions(history, stage);
        index.gather_folds(history, stage);
        index.gather_rows(history, stage);
        index.gather_messages(history);
        index.gather_faults(history);
        index.gather_counts(history, stage);
        index
    }

    /// The rows at a level of detail.
    pub fn rows(&self, detail: Detail) -> &[Row] {
        match detail {
            Detail::Story => &self.story,
            Detail::Notes => &self.notes,
            Detail::Steps => &self.steps,
        }
    }

    /// All notes about a message, in order.
    pub fn message(&self, msg: MessageId) -> &[Row] {
        let from = self.starts.get(msg.0 as usize);
        let to = self.starts.get(msg.0 as usize + 1);
        match (from, to) {
            (Some(&from), Some(&to)) => &self.of_messages[from as usize..to as usize],
            _ => &[],
        }
    }

    /// The highest message number plus 1.
    pub fn messages(&self) -> u32 {
        self.starts.len().saturating_sub(1) as u32
    }

    /// Faults and repairs.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Whether a node worked after step `no`.
    pub fn health(&self, node: NodeId, no: StepNo) -> Health {
        let Some(changes) = self.health.get(node.index()) else { return Health::Up };
        let after = changes.partition_point(|(since, _)| *since <= no);
        changes[..after].last().map_or(Health::Up, |(_, health)| *health)
    }

    /// When the last thing of interest happened.
    pub fn end(&self) -> Time {
        self.end
    }

    /// The number of messages in all queues, sampled at `width` points in time: the largest number
    /// in each piece.
    pub fn depth(&self, width: usize) -> Vec<u32> {
        (0..width)
            .map(|column| {
                let from = column * BUCKETS / width.max(1);
                let to = ((column + 1) * BUCKETS / width.max(1)).max(from + 1);
                self.depth
                    .get(from..to.min(BUCKETS))
                    .unwrap_or(&[])
                    .iter()
                    .copied()
                    .max()
                    .unwrap_or(0)
            })
            .collect()
    }

    /// How many effects took place at a service up to a row.
    pub fn effects(&self, service: u16, upto: Row) -> usize {
        let rows = self.effects.get(usize::from(service));
        rows.map_or(0, |rows| rows.partition_point(|row| *row <= upto))
    }

    fn gather_rows(&mut self, history: &History<Mq>, stage: &Stage) {
        let notes = history.notes();
        let told = arrivals(history);
        let mut lost_connection = vec![false; self.health.len()];
        let mut unsubscribed = false;
        let mut next = 0;
        let mut gather = |no: StepNo, fault: bool, index: &mut Index| {
            if fault {
                for rows in [&mut index.story, &mut index.notes, &mut index.steps] {
                    rows.push(Row::of_step(no));
                }
            }
            let first = next;
            while let Some(noted) = notes.get(next).filter(|noted| noted.step <= no) {
                let row = Row::of_note(no, next);
                index.notes.push(row);
                index.steps.push(row);
                let before = lost_connection.get(noted.node.index()).copied().unwrap_or(false);
                if let (Note::Disconnected { .. }, Some(lost)) =
                    (&noted.note, lost_connection.get_mut(noted.node.index()))
                {
                    *lost = true;
                }
                unsubscribed |= matches!(noted.note, Note::Unsubscribed { .. });
                let follows = notes.get(next + 1).filter(|after| after.step == noted.step);
                let skip = match noted.note {
                    Note::Submitted { msg, .. } => follows.is_some_and(
                        |after| matches!(after.note, Note::Published { msg: same, .. } if same == msg),
                    ),
                    Note::Received { msg, .. } => follows.is_some_and(
                        |after| matches!(after.note, Note::Started { msg: same, .. } if same == msg),
                    ),
                    Note::QueueDeclared { .. } => true,
                    Note::Connected { .. } => !before,
                    // who went and came again; the first time is part of the set-up
                    Note::Subscribed { .. } => !unsubscribed,
                    // the connection that is gone says so too
                    Note::Unsubscribed { .. } => follows.is_some(),
                    _ if index.folded.get(next) == Some(&true) => true,
                    // a record that is handled as soon as it is there has one line
                    Note::Started { msg, attempt: 1 } => next.checked_sub(1).is_some_and(|before| {
                        let was = &notes[before];
                        was.step == noted.step
                            && matches!(was.note, Note::Kafka(KafkaNote::Polled { msg: its, .. }) if its == msg)
                    }),
                    Note::Kafka(ref note) => {
                        let was = next.checked_sub(1).and_then(|before| notes.get(before));
                        let was = was.filter(|was| was.step == noted.step).map(|was| &was.note);
                        sketch::is_quiet(stage, note, was)
                    }
                    _ => told[next],
                };
                if !skip {
                    index.story.push(row);
                }
                next += 1;
            }
            if first == next && !fault && no > 0 {
                index.steps.push(Row::of_step(no));
            }
            let told = index.story.last().is_some_and(|row| row.step() == no);
            if !told && index.packets.get(no).is_some_and(|it| it.weight == Weight::Telling) {
                index.story.push(Row::of_step(no));
            }
        };
        gather(0, false, self);
        for taken in history.steps() {
            gather(taken.no, matches!(taken.step, Step::Fault(_)), self);
        }
        self.end = self.notes.last().map_or(Time::ZERO, |row| time_of(history, *row));
    }

    fn gather_messages(&mut self, history: &History<Mq>) {
        let notes = history.notes();
        let ids = || notes.iter().filter_map(|noted| noted.note.msg()).map(|msg| msg.0 as usize);
        let Some(highest) = ids().max() else { return };
        let mut starts = vec![0u32; highest + 2];
        ids().for_each(|id| starts[id + 1] += 1);
        for id in 0..=highest {
            starts[id + 1] += starts[id];
        }
        let mut free = starts.clone();
        self.of_messages = vec![Row::BEGINNING; starts[highest + 1] as usize];
        for (place, noted) in notes.iter().enumerate() {
            if let Some(msg) = noted.note.msg() {
                let slot = &mut free[msg.0 as usize];
                self.of_messages[*slot as usize] = Row::of_note(noted.step, place);
                *slot += 1;
            }
        }
        self.starts = starts;
    }

    fn gather_faults(&mut self, history: &History<Mq>) {
        for taken in history.steps() {
            let Step::Fault(fault) = &taken.step else { continue };
            let (kind, health) = match fault {
                Fault::Kill(id) | Fault::Stop(id) => (MarkKind::Fault, Some((*id, Health::Dead))),
                Fault::PowerLoss(id) => (MarkKind::Fault, Some((*id, Health::Off))),
                Fault::Pause(id) => (MarkKind::Fault, Some((*id, Health::Paused))),
                Fault::Restart(id) | Fault::Resume(id) => {
                    (MarkKind::Repair, Some((*id, Health::Up)))
                }
                Fault::Slow(_, percent) if *percent <= 100 => (MarkKind::Repair, None),
                Fault::Heal(_) => (MarkKind::Repair, None),
                Fault::Slow(..) | Fault::Cut(_) | Fault::Break(..) | Fault::Order(..) => {
                    (MarkKind::Fault, None)
                }
            };
            self.marks.push(Mark { step: taken.no, at: taken.at, kind });
            if let Some((id, health)) = health
                && let Some(changes) = self.health.get_mut(id.index())
            {
                changes.push((taken.no, health));
            }
        }
    }

    fn gather_counts(&mut self, history: &History<Mq>, stage: &Stage) {
        self.depth = vec![0; BUCKETS];
        let mut depth = 0u32;
        let mut lag = Lag::default();
        let mut bucket = 0;
        for (place, noted) in history.notes().iter().enumerate() {
            let now = self.bucket(noted.at);
            while bucket < now {
                bucket += 1;
                self.depth[bucket] = depth;
            }
            match noted.note {
                Note::Enqueued { .. } | Note::Recovered { resurrected: true, .. } => depth += 1,
                Note::Acked { .. }
                | Note::Discarded { .. }
                | Note::Lost { .. }
                | Note::Pushed { no_ack: true, .. } => depth = depth.saturating_sub(1),
                Note::Kafka(note) if !note.at().is_some_and(|at| stage.is_internal(at)) => {
                    depth = (i64::from(depth) + lag.change(&note)).max(0) as u32;
                }
                Note::Effect { service, .. } => {
                    let service = usize::from(service);
                    if self.effects.len() <= service {
                        self.effects.resize(service + 1, Vec::new());
                    }
                    self.effects[service].push(Row::of_note(noted.step, place));
                }
                _ => {}
            }
            self.depth[bucket] = self.depth[bucket].max(depth);
        }
        self.depth[bucket..].iter_mut().skip(1).for_each(|rest| *rest = depth);
    }

    fn bucket(&self, at: Time) -> usize {
        scale(at, self.end, BUCKETS)
    }
}

/// In which of `pieces` equal pieces of the time up to `end` a point lies.
pub(super) fn scale(at: Time, end: Time, pieces: usize) -> usize {
    let place = u128::from(at.as_nanos()) * pieces as u128 / u128::from(end.as_nanos().max(1));
    (place as usize).min(pieces.saturating_sub(1))
}

/// When a row happened.
pub(super) fn time_of(history: &History<Mq>, row: Row) -> Time {
    history.step(row.step()).map_or(Time::ZERO, |taken| taken.at)
}

/// For every note, whether it says that something was sent whose arrival is noted too.
fn arrivals(history: &History<Mq>) -> Vec<bool> {
    let notes = history.notes();
    let mut told = vec![false; notes.len()];
    // where the notes of each step begin
    let mut firsts = vec![0u32; history.steps().len() + 2];
    for noted in notes {
        firsts[noted.step as usize + 1] += 1;
    }
    for step in 0..=history.steps().len() {
        firsts[step + 1] += firsts[step];
    }
    for noted in notes {
        let Some(taken) = history.step(noted.step) else { continue };
        let sent = match taken.step {
            Step::Deliver(_) => Some(taken.cause),
            Step::Fire(_, Timer::Service(_)) => call_of(history, taken.no).map(|(_, sent)| sent),
            _ => None,
        };
        let Some(sent) = sent.and_then(|sent| usize::try_from(sent).ok()) else { continue };
        for place in firsts[sent] as usize..firsts[sent + 1] as usize {
            told[place] |= announces(&notes[place].note, &noted.note);
        }
    }
    told
}

/// Whether `sent` says that something was sent, the arrival of which is `arrived`.
fn announces(sent: &Note, arrived: &Note) -> bool {
    let fits = match sent {
        Note::Published { .. } | Note::Retried { .. } | Note::Parked { .. } => matches!(
            arrived,
            Note::Enqueued { .. }
                | Note::Unroutable { .. }
                | Note::Overflowed { .. }
                | Note::Kafka(
                    KafkaNote::Appended { .. }
                        | KafkaNote::SequenceKnown { .. }
                        | KafkaNote::ProduceRefused { .. }
                )
        ),
        Note::Pushed { .. } => matches!(arrived, Note::Received { .. } | Note::Started { .. }),
        Note::Settled { .. } => {
            matches!(arrived, Note::Acked { .. } | Note::Requeued { .. } | Note::Discarded { .. })
        }
        Note::Called { .. } => matches!(
            arrived,
            Note::Effect { .. } | Note::Deduplicated { .. } | Note::CallFailed { .. }
        ),
        _ => false,
    };
    fits && sent.msg() == arrived.msg()
}
