//! The settings of Kafka that allow a guarantee to be broken.

use super::producer_of;
use crate::check::{Breach, How, Role};
use crate::kernel::run::Noted;
use crate::kernel::{History, NodeId};
use crate::report::narrate::Names;
use crate::scenario::Scenario;
use crate::talk::kafka::{Moved, TopicPartition};
use crate::talk::{KafkaNote, Mq, Note};

/// The path of the setting, if one of Kafka's allowed the breach.
pub(super) fn path(
    scenario: &Scenario,
    names: &Names,
    history: &History<Mq>,
    breach: &Breach,
) -> Option<String> {
    let cast = names.cast();
    let group = |node: NodeId, role: Role| {
        cast.part(node).filter(|part| part.role == role).map(|part| part.group.to_string())
    };
    let topic = |key: &str| {
        let at = partition(history, breach)?;
        let name = cast.topics.get(usize::from(at.topic.0))?;
        Some(format!("kafka.topic.{name}.config.{key}"))
    };
    let consumer = |key: &str| {
        let who = breach.node.and_then(|node| group(node, Role::Consumer));
        let who = who.or_else(|| reader(names, history, breach))?;
        Some(format!("kafka.consumer.{who}.{key}"))
    };
    match breach.how {
        // a producer that waits for all has the replicas that are in sync to blame
        How::Truncated => {
            let who = group(producer_of(history, breach.msg)?, Role::Producer)?;
            let acks = format!("kafka.producer.{who}.config.acks");
            let line = scenario
                .place(&acks)
                .and_then(|(line, _)| scenario.source().text.lines().nth(line.saturating_sub(1)));
            match line {
                Some(line) if !line.contains("all") && !line.contains("-1") => Some(acks),
                _ => topic("min.insync.replicas"),
            }
        }
        How::UncleanElection => topic("unclean.leader.election.enable"),
        How::Expired => topic("retention.ms"),
        How::MovedPast(Moved::OutOfRange | Moved::Nothing) => consumer("config.auto.offset.reset"),
        How::CommittedPast | How::NotDone => consumer("commit"),
        _ => None,
    }
}

/// Where the message of a breach was appended last.
fn partition(history: &History<Mq>, breach: &Breach) -> Option<TopicPartition> {
    let appended = |noted: &Noted<Note>| match noted.note {
        Note::Kafka(KafkaNote::Appended { msg, at, .. }) if breach.msg == Some(msg) => Some(at),
        _ => None,
    };
    let upto = history.notes().partition_point(|noted| noted.step <= breach.step);
    history.notes()[..upto].iter().rev().find_map(appended)
}

/// The consumers that a breach is about where it names none: whose group committed in its step.
fn reader(names: &Names, history: &History<Mq>, breach: &Breach) -> Option<String> {
    history.notes_of(breach.step).iter().find_map(|noted| match noted.note {
        Note::Kafka(KafkaNote::OffsetCommitted { by, .. }) => {
            names.cast().part(by).map(|part| part.group.to_string())
        }
        Note::Kafka(KafkaNote::PositionMoved { .. }) => {
            names.cast().part(noted.node).map(|part| part.group.to_string())
        }
        _ => None,
    })
}
