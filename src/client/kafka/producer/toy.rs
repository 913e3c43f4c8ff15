//! A broker for tests that appends what it is given, and knows sequence numbers.

use std::sync::Arc;

use crate::client::kafka::desk::Desk;
use crate::kernel::{Node, NodeId};
use crate::talk::Mq;
use crate::talk::kafka::{
    Answer, Api, Batch, Body, Code, Produce, ProducerIdentity, Record, Request, TopicPartition,
    Written,
};

/// The logs of all partitions.
#[derive(Debug, Default)]
pub(super) struct Toy {
    /// Records in the order in which they were appended.
    pub(super) log: Vec<(u16, Record)>,
    /// Batches with sequence numbers: partition, identity, first number, records, offset.
    known: Vec<(u16, u32, u16, u32, u32, u64)>,
}

impl Toy {
    /// Appends what a request holds, and says what a broker would.
    pub(super) fn take(&mut self, request: &Request) -> Answer {
        let Api::Produce(Produce { batches, .. }) = &request.api else {
            panic!("no produce request: {request:?}")
        };
        Answer::Produce(batches.iter().map(|(at, batch)| (*at, self.append(*at, batch))).collect())
    }

    fn append(&mut self, at: TopicPartition, batch: &Batch) -> Result<Written, Code> {
        let Body::Records(records) = &batch.body else { panic!("no records") };
        let here = self.log.iter().filter(|(partition, _)| *partition == at.partition);
        let mut base_offset = here.count() as u64;
        if let Some(stamp) = batch.producer {
            let of =
                |it: &&(u16, u32, u16, u32, u32, u64)| it.0 == at.partition && it.1 == stamp.id;
            let (count, first) = (records.len() as u32, stamp.base_sequence);
            let mut recent = self.known.iter().rev().filter(of).take(5);
            let last = self.known.iter().rev().find(of);
            let same = recent.find(|it| (it.2, it.3, it.4) == (stamp.epoch, first, count));
            if let Some(same) = same {
                return Ok(Written { base_offset: same.5, log_start: 0 });
            }
            let expected = last.map_or(0, |it| if it.2 == stamp.epoch { it.3 + it.4 } else { 0 });
            if last.is_some_and(|it| it.2 > stamp.epoch) {
                return Err(Code::InvalidProducerEpoch);
            }
            if first != expected {
                return Err(Code::OutOfOrderSequenceNumber);
            }
            self.known.push((at.partition, stamp.id, stamp.epoch, first, count, base_offset));
        }
        for record in &**records {
            self.log.push((at.partition, *record));
            base_offset += 1;
        }
        Ok(Written { base_offset: base_offset - records.len() as u64, log_start: 0 })
    }

    /// The messages of a partition in order.
    pub(super) fn messages(&self, partition: u16) -> Vec<u32> {
        let here = self.log.iter().filter(|(its, _)| *its == partition);
        here.map(|(_, record)| record.id.0).collect()
    }
}

/// Answers everything with what the broker says, until the client has nothing more to ask.
pub(super) fn serve<N: Node<Talk = Mq>>(desk: &mut Desk<N>, toy: &mut Toy) {
    let mut effects = Vec::new();
    loop {
        let asked = desk.let_in();
        effects.append(&mut desk.effects);
        if asked.is_empty() {
            break;
        }
        let mut round = Vec::new();
        for (broker, request) in asked {
            let answer = match &request.api {
                Api::Produce(_) => toy.take(&request),
                api => other(api),
            };
            desk.answer(broker, &request, answer);
            round.append(&mut desk.effects);
        }
        desk.effects = round;
    }
    desk.effects = effects;
}

/// What a coordinator says that agrees to all.
pub(super) fn other(api: &Api) -> Answer {
    match api {
        Api::EndTxn(end) => {
            let next = ProducerIdentity { epoch: end.producer.epoch + 1, ..end.producer };
            Answer::EndTxn(Ok(end.version_2.then_some(next)))
        }
        Api::AddPartitionsToTxn(add) => {
            Answer::AddPartitionsToTxn(add.partitions.iter().map(|at| (*at, Ok(()))).collect())
        }
        api => panic!("unexpected {api:?}"),
    }
}

/// The records of a produce request, by partition.
pub(super) fn records(request: &Request) -> Vec<(u16, Arc<[Record]>)> {
    let Api::Produce(Produce { batches, .. }) = &request.api else { return Vec::new() };
    let of = |(at, batch): &(TopicPartition, Batch)| match &batch.body {
        Body::Records(records) => (at.partition, records.clone()),
        _ => (at.partition, [].into()),
    };
    batches.iter().map(of).collect()
}

/// The produce requests among what was sent.
pub(super) fn produces(sent: Vec<(NodeId, Request)>) -> Vec<(NodeId, Request)> {
    sent.into_iter().filter(|(_, it)| matches!(it.api, Api::Produce(_))).collect()
}
