//! Kafka's notes as a diagram shows them.

use crate::kernel::NodeId;
use crate::talk::kafka::{KafkaNote, Moved, TopicPartition, TxnPhase, Verdict};
use crate::talk::{KafkaOrder, Note};
use crate::tui::glyph::State;
use crate::tui::packets::Packet;
use crate::tui::stage::{Entity, Stage};

/// What a note is, in a few words, and what may be said besides.
pub(super) fn words(stage: &Stage, note: &KafkaNote) -> (State, String, String) {
    let node = |id: NodeId| stage.name(Entity::Node(id)).to_owned();
    let on = |at: TopicPartition| stage.names().cast().partition(at);
    let place = |at: TopicPartition, offset: u64| format!("{} @{offset}", on(at));
    let say = |state, label: String| (state, label, String::new());
    match *note {
        KafkaNote::PartitionCreated { at } => say(State::Step, format!("new {}", on(at))),
        KafkaNote::Appended { msg, at, offset, .. } => {
            (State::Ready, format!("Produce {msg}"), place(at, offset))
        }
        KafkaNote::SequenceKnown { msg, at } => {
            (State::Step, format!("{msg} known"), format!("by its sequence, {}", on(at)))
        }
        KafkaNote::ProduceRefused { msg, code, .. } => {
            (State::Notice, format!("refuse {msg}"), code.name().to_owned())
        }
        KafkaNote::Replicated { at, end } => (State::Ready, format!("copy to {end}"), on(at)),
        KafkaNote::HighWatermark { at, offset } => {
            (State::Confirmed, format!("HW {offset}"), on(at))
        }
        KafkaNote::Truncated { at, to } => (State::Lost, format!("truncate to {to}"), on(at)),
        KafkaNote::LogStart { at, offset } => {
            (State::Discarded, format!("log starts at {offset}"), on(at))
        }
        KafkaNote::CompactedAway { msg, at, offset, .. } => {
            (State::Discarded, format!("compact {msg}"), place(at, offset))
        }
        KafkaNote::LeaderElected { at, leader: Some(leader), epoch, unclean } => {
            let how = if unclean { ", UNCLEAN" } else { "" };
            let state = if unclean { State::Notice } else { State::Step };
            (state, format!("{} leads", node(leader)), format!("{} epoch {epoch}{how}", on(at)))
        }
        KafkaNote::LeaderElected { at, leader: None, .. } => {
            (State::Notice, "no leader".to_owned(), on(at))
        }
        KafkaNote::IsrChanged { at, replica, joined, size } => {
            let (state, how) = if joined { (State::Step, "in") } else { (State::Notice, "out of") };
            (state, format!("{} {how} ISR", node(replica)), format!("{}: {size}", on(at)))
        }
        KafkaNote::Fenced { broker, fenced: true } => {
            say(State::Notice, format!("fence {}", node(broker)))
        }
        KafkaNote::Fenced { broker, fenced: false } => {
            say(State::Step, format!("unfence {}", node(broker)))
        }
        KafkaNote::ControllerElected { epoch } => {
            say(State::Step, format!("controller, epoch {epoch}"))
        }
        KafkaNote::Rebalanced { generation, members, .. } => {
            (State::Step, format!("generation {generation}"), format!("{members} members"))
        }
        KafkaNote::RebalanceBegan { .. } => say(State::Notice, "rebalance".to_owned()),
        KafkaNote::MemberGone { peer, .. } => say(State::Notice, format!("{} out", node(peer))),
        KafkaNote::Assigned { at, generation, .. } => {
            (State::Step, format!("gets {}", on(at)), format!("generation {generation}"))
        }
        KafkaNote::Revoked { at, lost: false, .. } => {
            say(State::Step, format!("gives up {}", on(at)))
        }
        KafkaNote::Revoked { at, lost: true, .. } => say(State::Notice, format!("lost {}", on(at))),
        KafkaNote::OffsetCommitted { at, offset, .. } => {
            (State::Acked, format!("committed {offset}"), on(at))
        }
        KafkaNote::MemberRefused { code, .. } => say(State::Notice, code.name().to_owned()),
        KafkaNote::PositionMoved { at, offset, why, .. } => {
            let (state, why) = match why {
                Moved::Committed => (State::Step, "committed"),
                Moved::Nothing => (State::Step, "nothing committed"),
                Moved::OutOfRange => (State::Notice, "OUT OF RANGE"),
                Moved::Truncation => (State::Notice, "truncated"),
                Moved::Seek => (State::Step, "seek"),
            };
            (state, format!("to {offset}"), format!("{}, {why}", on(at)))
        }
        KafkaNote::Polled { msg, at, offset, .. } => {
            (State::Unacked, format!("Fetch {msg}"), place(at, offset))
        }
        KafkaNote::Skipped { msg } => say(State::Notice, format!("skips {msg}")),
        KafkaNote::Txn { txn, phase, .. } => {
            let state = match phase {
                TxnPhase::CompleteCommit => State::Acked,
                TxnPhase::PrepareAbort | TxnPhase::CompleteAbort | TxnPhase::Dead => State::Notice,
                _ => State::Step,
            };
            (state, format!("{phase:?}"), stage.names().cast().txn(txn))
        }
        KafkaNote::TxnBegun { producer } => {
            (State::Step, "begin".to_owned(), format!("producer {producer}"))
        }
        KafkaNote::TxnRecords { at, first, end, .. } => {
            (State::Ready, "in transaction".to_owned(), format!("{} @{first}..{end}", on(at)))
        }
        KafkaNote::TxnMarker { at, offset, commit, .. } => {
            let (state, word) =
                if commit { (State::Acked, "commit") } else { (State::Discarded, "abort") };
            (state, format!("{word} marker"), place(at, offset))
        }
        KafkaNote::Acquired { msg, peer, delivery, .. } => {
            (State::Unacked, format!("acquire {msg} #{delivery}"), node(peer))
        }
        KafkaNote::Released { msg, then, .. } => match then {
            Verdict::Accept => say(State::Acked, format!("accept {msg}")),
            Verdict::Release => say(State::Ready, format!("release {msg}")),
            Verdict::Reject => say(State::Discarded, format!("archive {msg}")),
        },
    }
}

/// An order of an operator, in a few words.
pub(super) const fn order(order: KafkaOrder) -> &'static str {
    match order {
        KafkaOrder::CreatePartitions { .. } => "more partitions",
        KafkaOrder::ElectUnclean(_) => "unclean election",
        KafkaOrder::DeleteRecords { .. } => "delete records",
        KafkaOrder::Seek(_) => "seek",
        KafkaOrder::PauseFetching(true) => "pause fetching",
        KafkaOrder::PauseFetching(false) => "resume fetching",
    }
}

/// Whether the name of the packet says more than that of the note that it led to.
pub(super) const fn wants_packet(note: &KafkaNote) -> bool {
    matches!(
        note,
        KafkaNote::Rebalanced { .. }
            | KafkaNote::RebalanceBegan { .. }
            | KafkaNote::MemberGone { .. }
            | KafkaNote::MemberRefused { .. }
            | KafkaNote::Assigned { .. }
            | KafkaNote::Revoked { .. }
            | KafkaNote::Txn { .. }
            | KafkaNote::TxnMarker { .. }
            | KafkaNote::PositionMoved { .. }
    )
}

/// Whether a note tells what a packet brought, and not what it gave an occasion to: a record that
/// was fetched before is handed over when the next answer comes.
pub(super) fn is_told(note: &Note, packet: Option<&Packet>) -> bool {
    match note {
        Note::Kafka(KafkaNote::Polled { .. }) | Note::Started { .. } => {
            packet.is_none_or(|it| it.name.ends_with("Fetch") && it.records > 0)
        }
        Note::Kafka(KafkaNote::Appended { .. }) | Note::Confirmed { .. } => {
            packet.is_none_or(|it| it.name == "Produce")
        }
        _ => true,
    }
}

/// Whether the story can do without a note: what brokers do for their own topics, what a leader says
/// of itself, and what is part of the set-up.
pub(in crate::tui) fn is_quiet(stage: &Stage, note: &KafkaNote, was: Option<&Note>) -> bool {
    let internal = note.at().is_some_and(|at| stage.is_internal(at));
    match note {
        KafkaNote::OffsetCommitted { .. } => false,
        KafkaNote::PartitionCreated { .. } | KafkaNote::TxnRecords { .. } => true,
        // a leader tells its own end right after what it appended
        KafkaNote::Replicated { at, .. } => {
            let appended = matches!(
                was,
                Some(Note::Kafka(
                    KafkaNote::Appended { at: its, .. }
                    | KafkaNote::TxnRecords { at: its, .. }
                    | KafkaNote::TxnMarker { at: its, .. }
                )) if its == at
            );
            internal || appended
        }
        _ => internal,
    }
}
