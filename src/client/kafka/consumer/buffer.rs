//! What was fetched of one partition, and which of it the application gets.

use std::collections::VecDeque;

use crate::talk::kafka::{Aborted, Batch, Body, Isolation, Offset, Record, TopicPartition};

/// What one fetch brought of one partition. Records are shared with the log they came from; only
/// the place in it moves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chunk {
    /// Of which partition.
    pub at: TopicPartition,
    /// How often the position of the partition had been moved when it was asked for: what comes of
    /// an older time is not looked at.
    pub(super) moves: u32,
    /// The offset that was asked for; then the next one to look at.
    next: Offset,
    batches: VecDeque<Batch>,
    /// How many records of the first batch are behind.
    inside: usize,
    /// Aborted transactions that begin further on, in the order of their offsets.
    aborted: VecDeque<Aborted>,
    /// The producers whose aborted transactions are under way here.
    aborting: Vec<u32>,
    /// The application reads committed records only.
    committed: bool,
}

impl Chunk {
    pub(super) fn new(
        at: TopicPartition,
        moves: u32,
        from: Offset,
        batches: Vec<Batch>,
        mut aborted: Vec<Aborted>,
        isolation: Isolation,
    ) -> Chunk {
        aborted.sort_unstable_by_key(|aborted| aborted.first);
        Chunk {
            at,
            moves,
            next: from,
            batches: batches.into(),
            inside: 0,
            aborted: aborted.into(),
            aborting: Vec::new(),
            committed: isolation == Isolation::ReadCommitted,
        }
    }

    /// The first offset after all of it: of markers and aborted records, too.
    pub fn end(&self) -> Offset {
        self.batches.back().map_or(self.next, |batch| batch.end().max(self.next))
    }

    /// The next offset to look at.
    pub fn position(&self) -> Offset {
        self.next
    }

    /// The epoch of the leader that appended the last batch.
    pub(super) fn last_epoch(&self) -> Option<u32> {
        self.batches.back().map(|batch| batch.leader_epoch)
    }

    /// Whether there are no batches left, and at the beginning: whether there were any.
    pub(super) fn is_spent(&self) -> bool {
        self.batches.is_empty()
    }

    /// About how many records are left.
    pub(super) fn left(&self) -> u64 {
        self.end() - self.next
    }

    /// The next record for the application. Markers are not shown to anybody, and records of aborted
    /// transactions not to those who read committed records: from the first offset of such a
    /// transaction up to the marker of its producer.
    ///
    /// Source: `CompletedFetch.nextFetchedRecord` of Apache Kafka 4.1.1; KafkaJS 2.2.4
    /// `src/consumer/filterAbortedMessages.js`.
    pub(super) fn next_record(&mut self) -> Option<(Offset, Record)> {
        loop {
            let batch = self.batches.front()?;
            let producer = batch.producer;
            if self.inside == 0 && self.committed && producer.is_some() {
                let last = batch.end() - 1;
                while self.aborted.front().is_some_and(|aborted| aborted.first <= last) {
                    self.aborting.extend(self.aborted.pop_front().map(|aborted| aborted.producer));
                }
                if let (Body::Marker { .. }, Some(producer)) = (&batch.body, producer) {
                    self.aborting.retain(|id| *id != producer.id);
                }
            }
            let hidden = self.committed
                && producer.is_some_and(|it| it.transactional && self.aborting.contains(&it.id));
            let found = if hidden { None } else { nth(batch, self.inside) };
            match found {
                Some((offset, record)) => {
                    self.inside += 1;
                    if offset >= self.next {
                        self.next = offset + 1;
                        return Some((offset, record));
                    }
                }
                None => {
                    self.next = self.next.max(batch.end());
                    self.batches.pop_front();
                    self.inside = 0;
                }
            }
        }
    }
}

/// The record at this place of a batch.
fn nth(batch: &Batch, place: usize) -> Option<(Offset, Record)> {
    match &batch.body {
        Body::Records(records) => Some((batch.base_offset + place as Offset, *records.get(place)?)),
        Body::Compacted { left, .. } => {
            let (delta, record) = left.get(place)?;
            Some((batch.base_offset + Offset::from(*delta), *record))
        }
        Body::Marker { .. } | Body::Internal(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::MessageId;
    use crate::talk::kafka::ProducerStamp;

    fn batch(base_offset: Offset, ids: &[u32], producer: Option<u32>) -> Batch {
        let record = |id: &u32| Record { id: MessageId(*id), ..Record::default() };
        let stamp = |id| ProducerStamp { id, epoch: 0, base_sequence: 0, transactional: true };
        let records: Vec<Record> = ids.iter().map(record).collect();
        let (producer, body) = (producer.map(stamp), Body::Records(records.into()));
        Batch { base_offset, leader_epoch: 0, producer, body }
    }

    fn marker(base_offset: Offset, producer: u32, commit: bool) -> Batch {
        let body = Body::Marker { commit, coordinator_epoch: 0 };
        Batch { body, ..batch(base_offset, &[], Some(producer)) }
    }

    fn read(from: Offset, isolation: Isolation) -> (Vec<u32>, Offset) {
        let batches = vec![
            batch(0, &[1, 2], None),
            batch(2, &[3], Some(7)),
            batch(3, &[4], Some(8)),
            marker(4, 7, false),
            batch(5, &[5], Some(7)),
            marker(6, 8, true),
            marker(7, 7, true),
        ];
        let aborted = vec![Aborted { producer: 7, first: 2 }];
        let at = TopicPartition::default();
        let mut chunk = Chunk::new(at, 0, from, batches, aborted, isolation);
        let mut ids = Vec::new();
        while let Some((_, record)) = chunk.next_record() {
            ids.push(record.id.0);
        }
        (ids, chunk.position())
    }

    #[test]
    fn who_reads_committed_records_does_not_see_those_of_an_aborted_transaction() {
        assert_eq!(read(0, Isolation::ReadCommitted), (vec![1, 2, 4, 5], 8));
    }

    #[test]
    fn who_reads_uncommitted_records_sees_all_but_markers() {
        assert_eq!(read(0, Isolation::ReadUncommitted), (vec![1, 2, 3, 4, 5], 8));
    }

    #[test]
    fn records_before_the_offset_that_was_asked_for_are_left_out() {
        assert_eq!(read(1, Isolation::ReadCommitted), (vec![2, 4, 5], 8));
    }
}
