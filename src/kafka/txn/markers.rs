//! Markers: each partition of a transaction gets one, however often that must be tried.
//!
//! Source: `TransactionMarkerChannelManager`, `TransactionMarkerRequestCompletionHandler` of 4.1.1.

use std::collections::BTreeMap;

use super::{Desk, Reply, TxnCoordinator};
use crate::kernel::{NodeId, Span};
use crate::talk::KafkaTimer;
use crate::talk::kafka::{Answer, Api, Code, Marker, TopicPartition, TxnId, TxnPhase};

/// How long it waits before it tries again. There the next turn of the sender thread does, at once or
/// after a reconnection back-off of 100 ms.
const AGAIN: Span = Span::from_millis(100);

/// Markers on their way to one broker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sending {
    id: TxnId,
    partitions: Vec<TopicPartition>,
}

impl TxnCoordinator {
    /// The transaction is about to be complete: its markers go out.
    pub(super) fn begin_markers(&mut self, id: TxnId, desk: &mut Desk<'_, '_>) {
        let Some(entry) = self.txns.get_mut(&id) else { return };
        let commits = entry.txn.phase == TxnPhase::PrepareCommit;
        entry.pending =
            Some(if commits { TxnPhase::CompleteCommit } else { TxnPhase::CompleteAbort });
        entry.unmarked = entry.txn.partitions.iter().copied().collect();
        self.go_on(id, desk);
    }

    /// Sends the markers that are missing and not on their way, or writes down that all are there.
    pub(super) fn go_on(&mut self, id: TxnId, desk: &mut Desk<'_, '_>) {
        let Some(entry) = self.txns.get_mut(&id).filter(|entry| !entry.fenced) else { return };
        let commit = match entry.txn.phase {
            TxnPhase::PrepareCommit => true,
            TxnPhase::PrepareAbort => false,
            _ => return,
        };
        // A partition that does not exist any more needs no marker.
        entry.unmarked.retain(|at| desk.image.partition(*at).is_some());
        if entry.unmarked.is_empty() {
            let is_written = self.writing.values().any(|write| write.id == id);
            if !is_written {
                let next = entry.txn.completed();
                self.write(id, next, Reply::Nobody, desk);
            }
            return;
        }
        let producer = entry.txn.producer();
        let under_way = |at: &&TopicPartition| {
            self.sending.values().any(|it| it.id == id && it.partitions.contains(at))
        };
        let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
        let mut leaderless = false;
        for at in entry.unmarked.iter().filter(|at| !under_way(at)) {
            match desk.image.partition(*at).and_then(|it| it.leader) {
                Some(leader) => by_leader.entry(leader).or_default().push(*at),
                None => leaderless = true,
            }
        }
        for (leader, partitions) in by_leader {
            let marker = Marker {
                producer,
                commit,
                coordinator_epoch: self.epoch,
                partitions: partitions.clone(),
            };
            let ticket = self.ticket();
            desk.ask(leader, Api::WriteTxnMarkers(vec![marker]), ticket);
            self.sending.insert(ticket, Sending { id, partitions });
        }
        if leaderless {
            self.go_on_later(id, desk);
        }
    }

    pub(super) fn go_on_later(&mut self, id: TxnId, desk: &mut Desk<'_, '_>) {
        desk.arm(KafkaTimer::TxnMarkers(id), AGAIN);
    }

    /// A broker wrote markers, or did not.
    pub(super) fn on_marked(
        &mut self,
        sending: Sending,
        answer: Option<Answer>,
        desk: &mut Desk<'_, '_>,
    ) {
        let Some(entry) = self.txns.get_mut(&sending.id) else { return };
        let each = match answer {
            Some(Answer::WriteTxnMarkers(each)) => each,
            _ => Vec::new(),
        };
        // A newer coordinator or a newer epoch wrote already: this one has nothing to say any more.
        let fenced = each.iter().any(|(_, result)| {
            matches!(result, Err(Code::InvalidProducerEpoch | Code::TransactionCoordinatorFenced))
        });
        if fenced {
            entry.fenced = true;
            return;
        }
        let written = |at: &TopicPartition| each.iter().any(|it| it.0 == *at && it.1.is_ok());
        entry.unmarked.retain(|at| !written(at));
        match sending.partitions.iter().all(written) {
            true => self.go_on(sending.id, desk),
            false => self.go_on_later(sending.id, desk),
        }
    }
}
