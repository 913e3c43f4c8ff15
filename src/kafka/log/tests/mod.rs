//! The rules of a log, one sentence each, and what holds for all logs.

mod keeping;
mod producing;
mod properties;
mod reading;

use super::*;
use crate::kernel::Span;
use crate::talk::MessageId;
use crate::talk::kafka::{Body, Code, ProducerStamp, Record};

/// A second after the beginning, and so on.
fn at(seconds: u64) -> Time {
    Time::ZERO + Span::from_secs(seconds)
}

fn config(change: impl FnOnce(&mut LogConfig)) -> Constant<LogConfig> {
    let mut config = LogConfig { verify_transactions: false, ..LogConfig::default() };
    change(&mut config);
    Constant::new(config)
}

fn log() -> Log {
    Log::new(config(|_| {}), Time::ZERO)
}

fn record(id: u64, key: u32, seconds: u64) -> Record {
    Record {
        id: MessageId(id as u32),
        pattern: u16::from(key > 0),
        key,
        size: 93,
        timestamp: at(seconds),
        ..Record::default()
    }
}

/// A batch of `count` records without keys, from nobody.
fn plain(count: u64, seconds: u64) -> Batch {
    let records = (0..count).map(|id| record(id, 0, seconds)).collect();
    Batch { base_offset: 0, leader_epoch: 0, producer: None, body: Body::Records(records) }
}

/// A batch of producer 1.
fn sent(epoch: u16, base_sequence: u32, count: u64) -> Batch {
    by(1, epoch, base_sequence, count, false)
}

/// A batch of producer 1 in a transaction.
fn in_txn(epoch: u16, base_sequence: u32, count: u64) -> Batch {
    by(1, epoch, base_sequence, count, true)
}

fn by(id: u32, epoch: u16, base_sequence: u32, count: u64, transactional: bool) -> Batch {
    let stamp = ProducerStamp { id, epoch, base_sequence, transactional };
    Batch { producer: Some(stamp), ..plain(count, 0) }
}

fn marker(id: u32, epoch: u16, commit: bool, coordinator_epoch: u32) -> Batch {
    let body = Body::Marker { commit, coordinator_epoch };
    Batch { body, ..by(id, epoch, 0, 0, true) }
}

impl Log {
    /// Appends as the leader of epoch 0, from a client.
    fn put(&mut self, batch: Batch) -> Result<Appended, Code> {
        self.put_at(batch, Time::ZERO)
    }

    fn put_at(&mut self, batch: Batch, now: Time) -> Result<Appended, Code> {
        let origin = match batch.body {
            Body::Marker { .. } => Origin::COORDINATOR,
            _ => Origin::CLIENT,
        };
        let epoch = self.latest_epoch().unwrap_or(0);
        self.append(batch, epoch, origin, now)
    }

    /// The offsets of all records and markers.
    fn offsets(&self) -> Vec<Offset> {
        let of = |batch: &Batch| match batch.body {
            Body::Marker { .. } => vec![batch.base_offset],
            _ => batch.records().map(|(offset, _)| offset).collect(),
        };
        self.batches().flat_map(of).collect()
    }
}
