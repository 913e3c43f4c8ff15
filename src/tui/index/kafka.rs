//! What is looked up of Kafka: packets, what is told of partitions, notes that go together, the lag
//! of groups.

use std::collections::BTreeMap;

use super::{Index, Row};
use crate::kernel::{History, StepNo};
use crate::report::narrate::alike;
use crate::talk::kafka::{GroupId, Moved, Offset, TopicPartition};
use crate::talk::{KafkaNote, Mq, Note};
use crate::tui::packets::Packets;
use crate::tui::stage::Stage;

impl Index {
    /// What is told of a partition after a row.
    pub(in crate::tui) fn of_partition(&self, at: TopicPartition, after: Row) -> &[Row] {
        let rows = self.of_partitions.get(&at).map_or(&[][..], Vec::as_slice);
        &rows[rows.partition_point(|row| *row <= after)..]
    }

    /// Whether a partition ever loses records in this run.
    pub(in crate::tui) fn loses(&self, at: TopicPartition) -> bool {
        self.losing.contains(&at)
    }

    /// What Kafka's packets said.
    pub(in crate::tui) fn packets(&self) -> &Packets {
        &self.packets
    }

    /// How many notes after this one are told together with it.
    pub(in crate::tui) fn folded_after(&self, place: usize) -> usize {
        let after = self.folded.get(place + 1..).unwrap_or(&[]);
        after.iter().take_while(|folded| **folded).count()
    }

    /// Whether the story tells this row together with one before it.
    pub(in crate::tui) fn is_folded(&self, row: Row) -> bool {
        row.note().and_then(|place| self.folded.get(place)) == Some(&true)
    }

    /// Whether a note is the first that the story tells of its step.
    pub(in crate::tui) fn begins_step(&self, step: StepNo, place: usize) -> bool {
        let before = self.story.partition_point(|it| *it < Row::of_note(step, place));
        before.checked_sub(1).is_none_or(|before| self.story[before].step() != step)
    }

    /// How many heartbeats and empty fetches passed between a row and the one shown before it.
    pub(in crate::tui) fn idle_before(&self, before: Option<Row>, row: Row) -> u32 {
        self.packets.idle_between(before.map_or(0, Row::step), row.step())
    }

    pub(super) fn gather_partitions(&mut self, history: &History<Mq>, stage: &Stage) {
        for (place, noted) in history.notes().iter().enumerate() {
            let Note::Kafka(note) = &noted.note else { continue };
            let Some(at) = note.at().filter(|at| !stage.is_internal(*at)) else { continue };
            match note {
                KafkaNote::LogStart { .. }
                | KafkaNote::Truncated { .. }
                | KafkaNote::LeaderElected { .. } => {
                    self.losing.insert(at);
                }
                KafkaNote::Replicated { .. }
                | KafkaNote::HighWatermark { .. }
                | KafkaNote::OffsetCommitted { .. }
                | KafkaNote::TxnRecords { .. }
                | KafkaNote::TxnMarker { .. } => {}
                _ => continue,
            }
            self.of_partitions.entry(at).or_default().push(Row::of_note(noted.step, place));
        }
    }

    pub(super) fn gather_folds(&mut self, history: &History<Mq>, stage: &Stage) {
        let notes = history.notes();
        self.folded = vec![false; if stage.has_kafka() { notes.len() } else { 0 }];
        for (place, pair) in notes.windows(2).enumerate() {
            if let Some(folded) = self.folded.get_mut(place + 1) {
                *folded = (pair[0].step, pair[0].node) == (pair[1].step, pair[1].node)
                    && stage.is_kafka(pair[0].node)
                    && alike(&pair[0].note, &pair[1].note);
            }
        }
    }
}

/// How many records groups have not committed.
#[derive(Default)]
pub(super) struct Lag {
    ends: BTreeMap<TopicPartition, Offset>,
    /// How far each group is.
    groups: BTreeMap<(TopicPartition, GroupId), Offset>,
}

impl Lag {
    /// By how much the lag of all groups grows.
    pub(super) fn change(&mut self, note: &KafkaNote) -> i64 {
        match *note {
            KafkaNote::Appended { at, offset, .. } => {
                let end = self.ends.entry(at).or_default();
                let grows = (offset + 1).saturating_sub(*end);
                *end = (*end).max(offset + 1);
                let of_partition = (at, GroupId(0))..=(at, GroupId(u16::MAX));
                grows as i64 * self.groups.range(of_partition).count() as i64
            }
            KafkaNote::OffsetCommitted { group, at, offset, .. }
            | KafkaNote::PositionMoved { group, at, offset, why: Moved::Nothing } => {
                let end = self.ends.get(&at).copied().unwrap_or(0);
                let lag = |offset: Offset| end.saturating_sub(offset) as i64;
                let before = self.groups.insert((at, group), offset);
                lag(offset) - before.map_or(0, lag)
            }
            _ => 0,
        }
    }
}
