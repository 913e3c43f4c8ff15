//! What has become of one message, as of a row.

pub(super) mod kafka;

use crate::kernel::{NodeId, StepNo, Time};
use crate::talk::{Fate, KafkaNote, MessageId, Note, QueueId};
use crate::tui::glyph::State;
use crate::tui::index::Row;
use crate::tui::recording::Recording;

/// A message at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The entity it is about; 0 when none.
    pub key: u32,
    /// How often its client put it on the wire, and when first.
    pub published: (u32, Option<(StepNo, Time)>),
    /// When the broker confirmed it to its producer.
    pub confirmed: Option<(StepNo, Time)>,
    /// The producer was told that it was refused or returned.
    pub refused: bool,
    /// The producer cannot know.
    pub unknown: bool,
    /// How often a queue handed it out.
    pub pushed: u32,
    /// How often it came back.
    pub requeued: u32,
    /// How often a handler failed on it.
    pub failed: u32,
    /// How often it had an effect.
    pub effects: u32,
    /// Where it is, copy by copy: in which queue, and with which consumer when it was handed out.
    pub copies: Vec<(QueueId, Option<NodeId>)>,
    /// How it left its queues, last.
    pub end: Option<(State, StepNo)>,
    /// Its records in logs of Kafka, the last one last.
    pub records: Vec<kafka::Record>,
}

impl Facts {
    /// What is known of `msg` after `upto`.
    pub(super) fn as_of(recording: &Recording, msg: MessageId, upto: Row) -> Facts {
        let mut facts = Facts::default();
        let notes = recording.history().notes();
        for row in recording.index.message(msg) {
            if *row > upto {
                break;
            }
            if let Some(noted) = row.note().and_then(|place| notes.get(place)) {
                facts.learn(&noted.note, (noted.step, noted.at));
            }
        }
        if recording.stage.has_kafka() {
            facts.records = kafka::records(recording, msg, upto);
        }
        facts
    }

    fn learn(&mut self, note: &Note, at: (StepNo, Time)) {
        match *note {
            Note::Submitted { key, .. } => self.key = key,
            Note::Published { .. } => {
                self.published.0 += 1;
                self.published.1.get_or_insert(at);
            }
            Note::Confirmed { .. } => {
                self.confirmed.get_or_insert(at);
                self.unknown = false;
            }
            Note::Refused { .. } | Note::Returned { .. } => self.refused = true,
            Note::Unknown { .. } => self.unknown = self.confirmed.is_none(),
            Note::Enqueued { queue, .. } | Note::Recovered { queue, resurrected: true, .. } => {
                self.copies.push((queue, None));
            }
            Note::Pushed { queue, to, no_ack, .. } => {
                self.pushed += 1;
                if no_ack {
                    self.leave(queue, true, (State::Acked, at.0));
                } else if let Some(copy) = self.copy(queue, false) {
                    copy.1 = Some(to);
                }
            }
            Note::Requeued { queue, .. } => {
                self.requeued += 1;
                if let Some(copy) = self.copy(queue, true) {
                    copy.1 = None;
                }
            }
            Note::Acked { queue, .. } => self.leave(queue, true, (State::Acked, at.0)),
            Note::Discarded { queue, then, .. } => {
                let state = if then == Fate::DeadLettered { State::Discarded } else { State::Lost };
                self.leave(queue, true, (state, at.0));
            }
            Note::Lost { queue, .. } => self.leave(queue, false, (State::Lost, at.0)),
            Note::Unroutable { .. } | Note::Overflowed { .. } => {
                self.end = Some((State::Lost, at.0));
            }
            Note::Kafka(KafkaNote::Polled { .. } | KafkaNote::Acquired { .. }) => self.pushed += 1,
            Note::Failed { .. } => self.failed += 1,
            Note::Effect { .. } => self.effects += 1,
            _ => {}
        }
    }

    /// A copy in this queue; one that was handed out, or one that waits, if there is a choice.
    fn copy(&mut self, queue: QueueId, out: bool) -> Option<&mut (QueueId, Option<NodeId>)> {
        let here = |copy: &(QueueId, Option<NodeId>)| copy.0 == queue;
        let best = self.copies.iter().position(|copy| here(copy) && copy.1.is_some() == out);
        let place = best.or_else(|| self.copies.iter().position(here))?;
        self.copies.get_mut(place)
    }

    fn leave(&mut self, queue: QueueId, out: bool, end: (State, StepNo)) {
        let here = |copy: &(QueueId, Option<NodeId>)| copy.0 == queue;
        let best = self.copies.iter().position(|copy| here(copy) && copy.1.is_some() == out);
        if let Some(place) = best.or_else(|| self.copies.iter().position(here)) {
            self.copies.remove(place);
        }
        self.end = Some(end);
    }

    /// The state of the message as a whole, in one sign and one word.
    pub(super) fn state(&self) -> State {
        // where it was in a queue and in a log, the queue came last: a bridge leads that way
        if let Some(record) = self.records.last().filter(|_| self.copies.is_empty()) {
            return self.state_of(record);
        }
        match (self.copies.last(), self.end) {
            (Some((_, Some(_))), _) => State::Unacked,
            (Some((_, None)), _) => State::Ready,
            (None, Some((end, _))) => end,
            (None, None) if self.published.0 > 0 => State::Flight,
            (None, None) => State::Step,
        }
    }

    /// The word for its state.
    pub(super) fn word(&self) -> &'static str {
        match self.state() {
            state if self.records.is_empty() => state.word(),
            State::Confirmed => "below high watermark",
            state => state.kafka_word(),
        }
    }

    fn state_of(&self, record: &kafka::Record) -> State {
        use kafka::Station;
        match record.gone() {
            Some((_, Station::LeftBehind(_))) => return State::Lost,
            Some(_) => return State::Discarded,
            None => {}
        }
        if record.compacted {
            State::Discarded
        } else if record.committed().next().is_some() {
            State::Acked
        } else if self.pushed > 0 {
            State::Unacked
        } else if record.passed().is_some() {
            State::Confirmed
        } else {
            State::Ready
        }
    }
}
