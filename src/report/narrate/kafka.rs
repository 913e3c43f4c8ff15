//! What happens in Kafka, as sentences.

use crate::check::Cast;
use crate::kernel::NodeId;
use crate::kernel::run::Noted;
use crate::talk::kafka::{KafkaNote, Left, Moved, TxnPhase, Verdict};
use crate::talk::{KafkaClientTimer, KafkaOrder, KafkaTimer, Note, SeekTo};

/// What a note says of the node that made it.
pub(super) fn predicate(cast: &Cast, note: KafkaNote) -> String {
    let node = |id: NodeId| cast.name(id);
    match note {
        KafkaNote::PartitionCreated { at } => format!("created {}", cast.partition(at)),
        KafkaNote::Appended { msg, at, offset, .. } => {
            format!("appended {msg} to {} at offset {offset}", cast.partition(at))
        }
        KafkaNote::SequenceKnown { msg, at } => {
            format!(
                "knew {msg} of {} by its sequence number, and appended nothing",
                cast.partition(at)
            )
        }
        KafkaNote::ProduceRefused { msg, at, code } => {
            format!("refused {msg} for {}: {code}", cast.partition(at))
        }
        KafkaNote::Replicated { at, end } => {
            format!("has {} up to offset {end}", cast.partition(at))
        }
        KafkaNote::HighWatermark { at, offset } => {
            format!("moved the high watermark of {} to {offset}", cast.partition(at))
        }
        KafkaNote::Truncated { at, to } => {
            format!("truncated {} to offset {to}", cast.partition(at))
        }
        KafkaNote::LogStart { at, offset } => {
            format!("deleted {} up to offset {offset}", cast.partition(at))
        }
        KafkaNote::CompactedAway { msg, at, offset, .. } => {
            format!("compacted {msg} away, offset {offset} of {}", cast.partition(at))
        }
        KafkaNote::LeaderElected { at, leader, epoch, unclean } => {
            let how = if unclean { ", which may lack committed records" } else { "" };
            match leader {
                Some(leader) => format!(
                    "made {} the leader of {} in epoch {epoch}{how}",
                    node(leader),
                    cast.partition(at)
                ),
                None => format!("found no leader for {} (epoch {epoch})", cast.partition(at)),
            }
        }
        KafkaNote::IsrChanged { at, replica, joined: true, size } => format!(
            "added {} to the in-sync replicas of {}: {size} now",
            node(replica),
            cast.partition(at)
        ),
        KafkaNote::IsrChanged { at, replica, joined: false, size } => format!(
            "removed {} from the in-sync replicas of {}: {size} left",
            node(replica),
            cast.partition(at)
        ),
        KafkaNote::Fenced { broker, fenced: true } => {
            format!("fenced {}: no heartbeat came", node(broker))
        }
        KafkaNote::Fenced { broker, fenced: false } => format!("let {} take part", node(broker)),
        KafkaNote::ControllerElected { epoch } => {
            format!("is the active controller of epoch {epoch}")
        }
        KafkaNote::Rebalanced { group, generation, members } => format!(
            "began generation {generation} of {} with {members} member{}",
            cast.consumer_group(group),
            if members == 1 { "" } else { "s" }
        ),
        KafkaNote::RebalanceBegan { group } => {
            format!("wants all members of {} to join again", cast.consumer_group(group))
        }
        KafkaNote::MemberGone { group, peer, why } => {
            format!("removed {} from {}: {}", node(peer), cast.consumer_group(group), left(why))
        }
        KafkaNote::Assigned { at, generation, .. } => {
            format!("was given {} (generation {generation})", cast.partition(at))
        }
        KafkaNote::Revoked { at, lost: false, .. } => format!("gave {} up", cast.partition(at)),
        KafkaNote::Revoked { at, lost: true, .. } => format!("lost {}", cast.partition(at)),
        KafkaNote::OffsetCommitted { group, at, offset, by } => format!(
            "has offset {offset} of {} committed for {} by {}",
            cast.partition(at),
            cast.consumer_group(group),
            node(by)
        ),
        KafkaNote::MemberRefused { group, peer, code } => {
            format!("refused {} in {}: {code}", node(peer), cast.consumer_group(group))
        }
        KafkaNote::PositionMoved { at, offset, why, .. } => {
            format!("reads {} from offset {offset}: {}", cast.partition(at), moved(why))
        }
        KafkaNote::Polled { msg, at, offset, .. } => {
            format!("got {msg} from {} at offset {offset}", cast.partition(at))
        }
        KafkaNote::Skipped { msg } => format!("went past {msg} without handling it"),
        KafkaNote::Txn { txn, producer, epoch, phase } => format!(
            "has {} at {} (producer {producer}, epoch {epoch})",
            cast.txn(txn),
            phase_name(phase)
        ),
        KafkaNote::TxnBegun { producer } => format!("began a transaction as producer {producer}"),
        KafkaNote::TxnRecords { at, first, end, .. } => format!(
            "took offsets {first} to {} of {} into a transaction",
            end.saturating_sub(1),
            cast.partition(at)
        ),
        KafkaNote::TxnMarker { at, offset, commit, .. } => format!(
            "wrote that a transaction {} to {} at offset {offset}",
            if commit { "commits" } else { "aborts" },
            cast.partition(at)
        ),
        KafkaNote::Acquired { msg, peer, delivery, .. } => {
            format!("gave {msg} to {}, delivery {delivery}", node(peer))
        }
        KafkaNote::Released { msg, then, .. } => match then {
            Verdict::Accept => format!("is done with {msg}: acknowledged"),
            Verdict::Release => format!("has {msg} to give again"),
            Verdict::Reject => format!("archived {msg}: nobody gets it any more"),
        },
    }
}

/// A timer of a broker or controller in words.
pub(super) fn timer(cast: &Cast, timer: KafkaTimer) -> String {
    let group = |group| cast.consumer_group(group);
    match timer {
        KafkaTimer::Delayed(_) => "a request has waited long enough".into(),
        KafkaTimer::Fetch(leader) => format!("fetches from {} again", cast.name(leader)),
        KafkaTimer::IsrScan => "looks for replicas that fell behind".into(),
        KafkaTimer::Retention => "looks for what it need not keep".into(),
        KafkaTimer::Clean => "looks for what it can compact".into(),
        KafkaTimer::Flush(at) => format!("flushes {}", cast.partition(at)),
        KafkaTimer::BrokerHeartbeat => "tells the controller that it lives".into(),
        KafkaTimer::BrokerSession(broker) => format!("the session of {} ends", cast.name(broker)),
        KafkaTimer::Imbalance => "looks for leaders that are not the preferred ones".into(),
        KafkaTimer::Election => "calls an election".into(),
        KafkaTimer::ControllerTick => "tells the controllers that it is there".into(),
        KafkaTimer::ControllerSync => "its log is synced".into(),
        KafkaTimer::Join(id) => format!("the join phase of {} ends", group(id)),
        KafkaTimer::Sync(id) => format!("the sync phase of {} ends", group(id)),
        KafkaTimer::Session(id, _) => format!("the session of a member of {} ends", group(id)),
        KafkaTimer::Member(id, _) => format!("a member of {} takes too long", group(id)),
        KafkaTimer::OffsetRetention => "looks for offsets that expire".into(),
        KafkaTimer::TxnScan => "looks for transactions that take too long".into(),
        KafkaTimer::TxnMarkers(txn) => format!("sends the markers of {} again", cast.txn(txn)),
        KafkaTimer::Lock(id, at) => {
            format!("locks of {} on {} end", group(id), cast.partition(at))
        }
    }
}

/// A timer of a client in words.
pub(super) fn client_timer(cast: &Cast, timer: KafkaClientTimer) -> String {
    match timer {
        KafkaClientTimer::Send => "the next message is due".into(),
        KafkaClientTimer::Ready => "a batch has waited long enough".into(),
        KafkaClientTimer::Request(_) => "no answer to a request".into(),
        KafkaClientTimer::Handler(_) => "its handler goes on".into(),
        KafkaClientTimer::Heartbeat => "heartbeat of its membership".into(),
        KafkaClientTimer::Poll => "polls".into(),
        KafkaClientTimer::AutoCommit => "auto.commit.interval.ms has passed".into(),
        KafkaClientTimer::MaxPoll => "max.poll.interval.ms has passed".into(),
        KafkaClientTimer::Fetch(broker) => format!("fetches from {} again", cast.name(broker)),
        KafkaClientTimer::Metadata => "asks for metadata".into(),
        KafkaClientTimer::Reconnect(broker) => format!("connects to {}", cast.name(broker)),
        KafkaClientTimer::Delivery => "delivery.timeout.ms has passed".into(),
        KafkaClientTimer::Respawn => "starts again".into(),
        KafkaClientTimer::Commit => "ends its transaction".into(),
    }
}

/// An order in words.
pub(super) fn order(cast: &Cast, node: NodeId, order: KafkaOrder) -> String {
    let name = cast.name(node);
    match order {
        KafkaOrder::CreatePartitions { topic, count } => {
            let topic = cast.topics.get(usize::from(topic.0)).map_or("a topic", |it| it.as_str());
            format!("{name} gives {topic} {count} partitions")
        }
        KafkaOrder::ElectUnclean(at) => {
            format!("{name} elects a leader for {}, in sync or not", cast.partition(at))
        }
        KafkaOrder::DeleteRecords { at, before: None } => {
            format!("{name} deletes all records of {}", cast.partition(at))
        }
        KafkaOrder::DeleteRecords { at, before: Some(before) } => {
            format!("{name} deletes the records of {} below offset {before}", cast.partition(at))
        }
        KafkaOrder::Seek(to) => format!(
            "{name} seeks to {}",
            match to {
                SeekTo::Beginning => "the beginning".into(),
                SeekTo::End => "the end".into(),
                SeekTo::Offset(offset) => format!("offset {offset}"),
                SeekTo::Time(time) => format!("the time {time}"),
            }
        ),
        KafkaOrder::PauseFetching(true) => format!("{name} pauses its partitions"),
        KafkaOrder::PauseFetching(false) => format!("{name} resumes its partitions"),
    }
}

const fn left(why: Left) -> &'static str {
    match why {
        Left::Left => "it left",
        Left::Session => "no heartbeat came for its session timeout",
        Left::Rebalance => "it did not join again in time",
        Left::Replaced => "another client has its instance id",
        Left::Removed => "an operator removed it",
    }
}

const fn moved(why: Moved) -> &'static str {
    match why {
        Moved::Committed => "its group committed that",
        Moved::Nothing => "nothing is committed",
        Moved::OutOfRange => "what it wanted is not in the log",
        Moved::Truncation => "the log was truncated",
        Moved::Seek => "seek",
    }
}

const fn phase_name(phase: TxnPhase) -> &'static str {
    match phase {
        TxnPhase::Empty => "Empty",
        TxnPhase::Ongoing => "Ongoing",
        TxnPhase::PrepareCommit => "PrepareCommit",
        TxnPhase::PrepareAbort => "PrepareAbort",
        TxnPhase::CompleteCommit => "CompleteCommit",
        TxnPhase::CompleteAbort => "CompleteAbort",
        TxnPhase::Dead => "Dead",
        TxnPhase::PrepareEpochFence => "PrepareEpochFence",
    }
}

/// Whether a note is about a topic in which brokers keep their own records, and nothing else.
pub fn is_own(cast: &Cast, note: &Note) -> bool {
    match note {
        Note::Kafka(KafkaNote::OffsetCommitted { .. }) => false,
        Note::Kafka(note) => note.at().is_some_and(|at| cast.is_internal(at.topic)),
        _ => false,
    }
}

/// The notes of a step that are worth telling, each with the number of those that are like it and
/// follow it. Of what brokers do for their own topics nothing is told if there is anything else.
pub(super) fn telling<'a>(cast: &Cast, notes: &'a [Noted<Note>]) -> Vec<(&'a Noted<Note>, usize)> {
    let own = |noted: &Noted<Note>| is_own(cast, &noted.note);
    let is_kafka = notes.iter().any(|noted| matches!(noted.note, Note::Kafka(_)));
    let all_own = notes.iter().all(own);
    let mut kept: Vec<(&Noted<Note>, usize)> = Vec::new();
    for noted in notes.iter().filter(|noted| all_own || !own(noted)) {
        match kept.last_mut() {
            Some((last, more)) if is_kafka && alike(&last.note, &noted.note) => *more += 1,
            _ => kept.push((noted, 0)),
        }
    }
    kept
}

/// Whether two notes of one step at one node are told in one line: the same happens to several
/// messages.
pub fn alike(one: &Note, other: &Note) -> bool {
    match (one, other) {
        (Note::Submitted { .. }, Note::Submitted { .. })
        | (Note::Published { .. }, Note::Published { .. })
        | (Note::Confirmed { .. }, Note::Confirmed { .. })
        | (Note::Refused { .. }, Note::Refused { .. })
        | (Note::Unknown { .. }, Note::Unknown { .. })
        | (Note::GaveUp { .. }, Note::GaveUp { .. }) => true,
        (Note::Kafka(one), Note::Kafka(other)) => match (one, other) {
            (KafkaNote::Appended { at: a, .. }, KafkaNote::Appended { at: b, .. })
            | (KafkaNote::Polled { at: a, .. }, KafkaNote::Polled { at: b, .. })
            | (KafkaNote::SequenceKnown { at: a, .. }, KafkaNote::SequenceKnown { at: b, .. })
            | (KafkaNote::CompactedAway { at: a, .. }, KafkaNote::CompactedAway { at: b, .. }) => {
                a == b
            }
            (
                KafkaNote::ProduceRefused { at: a, code: x, .. },
                KafkaNote::ProduceRefused { at: b, code: y, .. },
            ) => a == b && x == y,
            (KafkaNote::Acquired { peer: a, .. }, KafkaNote::Acquired { peer: b, .. }) => a == b,
            (KafkaNote::Released { then: a, .. }, KafkaNote::Released { then: b, .. }) => a == b,
            _ => false,
        },
        _ => false,
    }
}
