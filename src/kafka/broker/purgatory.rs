//! Requests that wait.
//!
//! Source: `DelayedOperationPurgatory`, `DelayedProduce`, `DelayedFetch` of Apache Kafka 4.1.1.

use crate::kafka::coordinate::{Client, Ticket};
use crate::kernel::NodeId;
use crate::talk::kafka::{Each, Fetch, Offset, ProducerIdentity, TopicPartition, Written};

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Delayed {
    /// For the high watermark to pass what it wrote.
    Produce {
        client: Client,
        /// What is answered when all goes well.
        results: Each<Written>,
        /// For how many partitions it still waits.
        left: u32,
        kind: Kind,
    },
    /// For enough bytes.
    Fetch { client: Client, fetch: Fetch },
    /// A coordinator's record, for the high watermark.
    Internal { at: TopicPartition, ticket: Ticket, base: Offset },
}

/// Who wrote.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A producer.
    Records,
    /// A transaction coordinator: whose transaction ends where, and whether it commits.
    Markers(Vec<(TopicPartition, ProducerIdentity, bool)>),
}

/// Slots for them; a slot that is free is used again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Purgatory {
    slots: Vec<Option<Delayed>>,
    free: Vec<u32>,
}

impl Purgatory {
    pub(super) fn put(&mut self, delayed: Delayed) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(delayed);
            return slot;
        }
        self.slots.push(Some(delayed));
        (self.slots.len() - 1) as u32
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Delayed> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Delayed> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    pub(super) fn take(&mut self, slot: u32) -> Option<Delayed> {
        let taken = self.slots.get_mut(slot as usize)?.take();
        if taken.is_some() {
            self.free.push(slot);
        }
        taken
    }

    /// The fetches of this peer that wait.
    pub(super) fn of_peer(&self, peer: NodeId) -> Vec<u32> {
        let theirs = |it: &Option<Delayed>| match it {
            Some(Delayed::Fetch { client, .. } | Delayed::Produce { client, .. }) => {
                client.node == peer
            }
            _ => false,
        };
        (0..).zip(&self.slots).filter(|(_, it)| theirs(it)).map(|(slot, _)| slot).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
