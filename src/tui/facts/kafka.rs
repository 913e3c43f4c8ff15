//! What becomes of a record after it was appended, though no note names it: it is copied, the high
//! watermark passes it, a group commits past it, it is deleted, or a leader is elected that does not
//! have it.

use crate::kernel::NodeId;
use crate::talk::kafka::{GroupId, KafkaNote, Offset, TopicPartition};
use crate::talk::{MessageId, Note};
use crate::tui::index::Row;
use crate::tui::recording::Recording;

/// One thing that happens to a record because of where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tui) enum Station {
    /// A replica has it now.
    Copied(NodeId),
    /// The high watermark is past it: it is on all replicas in sync, and consumers may see it.
    Passed(Offset),
    /// The transaction that it is part of ends.
    Ended { commit: bool },
    /// A group is past it.
    Committed { group: GroupId, offset: Offset },
    /// Retention or an operator deleted the log up to here.
    Deleted(Offset),
    /// The new leader does not have it.
    LeftBehind(NodeId),
    /// A replica cut it off.
    Cut { node: NodeId, to: Offset },
}

/// A record in a log, as of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tui) struct Record {
    /// Where it was appended.
    pub at: TopicPartition,
    /// At which offset.
    pub offset: Offset,
    /// In which row.
    pub appended: Row,
    /// What happened to it since.
    pub stations: Vec<(Row, Station)>,
    /// Compaction dropped it.
    pub compacted: bool,
}

impl Record {
    /// The first row that fits, and what happened there.
    fn find(&self, fits: impl Fn(Station) -> bool) -> Option<(Row, Station)> {
        self.stations.iter().copied().find(|(_, station)| fits(*station))
    }

    /// Where the high watermark passed it.
    pub(in crate::tui) fn passed(&self) -> Option<Row> {
        self.find(|it| matches!(it, Station::Passed(_))).map(|it| it.0)
    }

    /// Which groups are past it, and since when.
    pub(in crate::tui) fn committed(&self) -> impl Iterator<Item = (GroupId, Row)> {
        self.stations.iter().filter_map(|(row, station)| match station {
            Station::Committed { group, .. } => Some((*group, *row)),
            _ => None,
        })
    }

    /// The replicas that have it, the leader that appended it left out.
    pub(in crate::tui) fn copies(&self) -> impl Iterator<Item = NodeId> {
        self.stations.iter().filter_map(|(_, station)| match station {
            Station::Copied(node) => Some(*node),
            _ => None,
        })
    }

    /// How it was lost or deleted.
    pub(in crate::tui) fn gone(&self) -> Option<(Row, Station)> {
        self.find(|it| matches!(it, Station::Deleted(_) | Station::LeftBehind(_)))
    }
}

/// The records of a message: one for each time that it was appended, as of `upto`.
pub(in crate::tui) fn records(recording: &Recording, msg: MessageId, upto: Row) -> Vec<Record> {
    let notes = recording.history().notes();
    let mut records: Vec<Record> = Vec::new();
    for row in recording.index.message(msg).iter().take_while(|row| **row <= upto) {
        let Some(noted) = row.note().and_then(|place| notes.get(place)) else { continue };
        match noted.note {
            Note::Kafka(KafkaNote::Appended { at, offset, .. }) => {
                let stations = follow(recording, (at, offset), (noted.node, *row), upto);
                records.push(Record { at, offset, appended: *row, stations, compacted: false });
            }
            Note::Kafka(KafkaNote::CompactedAway { at, offset, .. }) => {
                let its = records.iter_mut().find(|it| (it.at, it.offset) == (at, offset));
                if let Some(record) = its {
                    record.compacted = true;
                }
            }
            _ => {}
        }
    }
    records
}

/// Follows a record through what is told of its partition.
fn follow(
    recording: &Recording,
    (at, offset): (TopicPartition, Offset),
    (mut leader, since): (NodeId, Row),
    upto: Row,
) -> Vec<(Row, Station)> {
    let notes = recording.history().notes();
    let brokers = recording.stage.brokers_of_kafka();
    let groups = recording.stage.names().cast().groups.len();
    let (mut copies, mut committed): (Vec<NodeId>, Vec<GroupId>) = (vec![leader], Vec::new());
    let (mut passed, mut lost) = (false, false);
    let mut producer = None;
    let mut stations = Vec::new();
    for row in recording.index.of_partition(at, since) {
        if *row > upto {
            break;
        }
        let Some(noted) = row.note().and_then(|place| notes.get(place)) else { continue };
        let Note::Kafka(note) = &noted.note else { continue };
        let station = match *note {
            KafkaNote::Truncated { to, .. } if to <= offset && copies.contains(&noted.node) => {
                copies.retain(|it| *it != noted.node);
                Station::Cut { node: noted.node, to }
            }
            KafkaNote::LogStart { offset: start, .. } if start > offset => {
                stations.push((*row, Station::Deleted(start)));
                break;
            }
            // what follows is about another record with the same offset
            _ if lost => continue,
            KafkaNote::LeaderElected { leader: Some(new), .. } if new != leader => {
                leader = new;
                lost = !copies.contains(&new);
                if !lost {
                    continue;
                }
                Station::LeftBehind(new)
            }
            KafkaNote::Replicated { end, .. } if end > offset && !copies.contains(&noted.node) => {
                copies.push(noted.node);
                Station::Copied(noted.node)
            }
            KafkaNote::HighWatermark { offset: high, .. } if high > offset && !passed => {
                passed = true;
                Station::Passed(high)
            }
            KafkaNote::TxnRecords { first, end, producer: its, .. }
                if (first..end).contains(&offset) && producer.is_none() =>
            {
                producer = Some(its);
                continue;
            }
            KafkaNote::TxnMarker { producer: its, commit, .. } if producer == Some(its) => {
                producer = None;
                Station::Ended { commit }
            }
            KafkaNote::OffsetCommitted { group, offset: next, .. }
                if next > offset && !committed.contains(&group) =>
            {
                committed.push(group);
                Station::Committed { group, offset: next }
            }
            _ => continue,
        };
        stations.push((*row, station));
        let everywhere = copies.len() == brokers && passed && committed.len() == groups;
        if everywhere && producer.is_none() && !recording.index.loses(at) {
            break;
        }
    }
    stations
}

/// A station in words, about the record it happens to.
pub(in crate::tui) fn words(recording: &Recording, station: Station, handled: bool) -> String {
    let cast = recording.stage.names().cast();
    match station {
        Station::Copied(_) => "has a copy of it".to_owned(),
        Station::Passed(high) => format!("high watermark {high} is past it"),
        Station::Ended { commit: true } => "its transaction is committed".to_owned(),
        Station::Ended { commit: false } => "its transaction is aborted".to_owned(),
        Station::Committed { group, offset } => {
            let how = if handled { "past it" } else { "NOT HANDLED" };
            format!("{} committed {offset}: {how}", cast.consumer_group(group))
        }
        Station::Deleted(start) => format!("deleted it: the log starts at {start}"),
        Station::LeftBehind(leader) => format!("{} leads now, without it", cast.name(leader)),
        Station::Cut { to, .. } => format!("cut it off: the log ends at {to}"),
    }
}
