//! What a client of the model says about records, and what it says it with.

use std::sync::Arc;

use super::KafkaProducerConfig;
use crate::client::kafka::link::Link;
use crate::kernel::Ctx;
use crate::talk::Mq;
use crate::talk::kafka::Record;

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    /// These batches: the partition and the number of each.
    Produce(Vec<(u16, u32)>),
    /// A producer id, or a new epoch.
    Identity,
    /// These partitions are part of the transaction.
    AddPartitions(Vec<u16>),
    /// The transaction ends.
    EndTxn,
    /// One broker's share of a call of `send`: KafkaJS.
    Call {
        /// Which call.
        call: u32,
        /// Which attempt of it.
        attempt: u32,
        /// The partitions and the records of the call that each gets.
        shares: Vec<(u16, Arc<[Record]>)>,
    },
}

/// What became of records, as far as the client can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum How {
    /// They are acknowledged.
    Confirmed,
    /// They were not written.
    Refused,
    /// They may have been.
    Unknown,
}

/// Records that have an outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Done {
    pub(super) records: Arc<[Record]>,
    pub(super) how: How,
    /// The producer cannot go on with its transactional id.
    pub(super) fatal: bool,
}

/// What a client works with.
pub(super) struct Tools<'a, 'b> {
    pub(super) config: &'a KafkaProducerConfig,
    pub(super) link: &'a mut Link<Ask>,
    pub(super) ctx: &'a mut Ctx<'b, Mq>,
}
