//! What happens in Kafka, in histories as text: partitions are `p0`, `p1`, groups `g` and `h`.

use super::{message, node};
use crate::talk::kafka::{GroupId, KafkaNote, Left, Moved, TopicId, TopicPartition};

fn partition(word: &str) -> TopicPartition {
    let number = word.strip_prefix('p').expect("a partition begins with p");
    TopicPartition::new(TopicId(0), number.parse().expect("a number"))
}

fn group(word: &str) -> GroupId {
    match word {
        "g" => GroupId(0),
        "h" => GroupId(1),
        _ => panic!("no such group: {word}"),
    }
}

fn moved(word: &str) -> Moved {
    match word {
        "committed" => Moved::Committed,
        "nothing" => Moved::Nothing,
        "out-of-range" => Moved::OutOfRange,
        "truncation" => Moved::Truncation,
        _ => Moved::Seek,
    }
}

/// The note that a verb with its words stands for, if it is one of Kafka's.
pub(super) fn note(verb: &str, rest: &[&str]) -> Option<KafkaNote> {
    let flag = |name: &str| rest.contains(&name);
    let number = |at: usize| rest[at].parse::<u64>().expect("a number");
    let named = |name: &str| {
        let value = rest.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map_or(0, |value| value.parse::<u32>().expect("a number"))
    };
    let at = |place: usize| partition(rest[place]);
    Some(match verb {
        "created" => KafkaNote::PartitionCreated { at: at(0) },
        "append" => {
            let (msg, copy) = message(rest[0]);
            KafkaNote::Appended { msg, copy, at: at(1), offset: number(2) }
        }
        "known" => KafkaNote::SequenceKnown { msg: message(rest[0]).0, at: at(1) },
        "replicated" => KafkaNote::Replicated { at: at(0), end: number(1) },
        "high" => KafkaNote::HighWatermark { at: at(0), offset: number(1) },
        "truncated" => KafkaNote::Truncated { at: at(0), to: number(1) },
        "log-start" => KafkaNote::LogStart { at: at(0), offset: number(1) },
        "compacted" => KafkaNote::CompactedAway {
            msg: message(rest[0]).0,
            at: at(1),
            offset: number(2),
            tombstone: flag("tombstone"),
        },
        "elected" => KafkaNote::LeaderElected {
            at: at(0),
            leader: (rest[1] != "none").then(|| node(rest[1])),
            epoch: named("epoch"),
            unclean: flag("unclean"),
        },
        "isr" => KafkaNote::IsrChanged {
            at: at(0),
            replica: node(rest[1]),
            joined: false,
            size: number(2) as u8,
        },
        "assigned" => KafkaNote::Assigned {
            group: group(rest[0]),
            at: at(1),
            generation: named("gen") as i32,
        },
        "revoked" => KafkaNote::Revoked { group: group(rest[0]), at: at(1), lost: flag("lost") },
        "rebalanced" => KafkaNote::Rebalanced {
            group: group(rest[0]),
            generation: named("gen") as i32,
            members: 1,
        },
        "member-gone" => {
            KafkaNote::MemberGone { group: group(rest[0]), peer: node(rest[1]), why: Left::Session }
        }
        "committed" => KafkaNote::OffsetCommitted {
            group: group(rest[0]),
            at: at(1),
            offset: number(2),
            by: node(rest[3]),
        },
        "moved" => KafkaNote::PositionMoved {
            group: group(rest[0]),
            at: at(1),
            offset: number(2),
            why: moved(rest[3]),
        },
        "polled" => KafkaNote::Polled {
            msg: message(rest[0]).0,
            group: group(rest[1]),
            at: at(2),
            offset: number(3),
        },
        "skipped" => KafkaNote::Skipped { msg: message(rest[0]).0 },
        "begin" => KafkaNote::TxnBegun { producer: named("by") },
        "txn" => KafkaNote::TxnRecords {
            at: at(0),
            first: number(1),
            end: number(2),
            producer: named("by"),
        },
        "marker" => KafkaNote::TxnMarker {
            at: at(0),
            offset: number(1),
            producer: named("by"),
            commit: flag("commit"),
        },
        _ => return None,
    })
}
