//! What a leader has to do with transactions: it asks whether one is open before it takes the first
//! records of it, and writes the markers that end it.
//!
//! Source: KIP-890; `AddPartitionsToTxnManager`, `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`,
//! `KafkaApis.handleWriteTxnMarkersRequest` of Apache Kafka 4.1.1.

use super::purgatory::Kind;
use super::{Broker, Client};
use crate::kafka::log::{Guard, Origin};
use crate::kernel::{Ctx, NodeId, Span};
use crate::talk::kafka::{
    Acks, Answer, Api, Batch, Body, Code, Each, Marker, Produce, ProducerIdentity, ProducerStamp,
    Request, Response, TopicPartition, TxnPartitions, Written,
};
use crate::talk::{KafkaNote, Mq, Note};

/// The connection on which leaders ask coordinators.
pub(super) const LANE: u8 = 202;

/// What is known about a batch before it is appended: the right to append it, or why not.
pub(super) type Verified = Vec<(TopicPartition, Result<Guard, Code>)>;

/// A produce request that waits for the answer of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Verifying {
    correlation: u32,
    to: NodeId,
    client: Client,
    produce: Produce,
    guards: Vec<(TopicPartition, Guard)>,
}

impl Broker {
    /// Takes a produce request: at once, or after the coordinator of its transaction was asked.
    pub(super) fn take_produce(&mut self, client: Client, produce: Produce, ctx: &mut Ctx<'_, Mq>) {
        let Some(txn) = produce.txn else { return self.produce(client, produce, &[], ctx) };
        let version_2 = self.config.profile.transaction_version >= 2;
        let mut guards = Vec::new();
        let mut producer = None;
        for (at, batch) in &produce.batches {
            let stamp = batch.producer.filter(|stamp| stamp.transactional);
            let Some((stamp, replica)) = stamp.zip(self.replicas.get_mut(*at)) else { continue };
            if replica.leading().is_some()
                && replica.log.config().verify_transactions
                && let Ok(Some(guard)) = replica.log.begin_verification(stamp, version_2, ctx.now)
            {
                producer = Some(ProducerIdentity { id: stamp.id, epoch: stamp.epoch });
                guards.push((*at, guard));
            }
        }
        let Some(producer) = producer else { return self.produce(client, produce, &[], ctx) };
        let partitions = guards.iter().map(|(at, _)| *at).collect();
        let coordinator = self.config.txn_partition(txn);
        let leader = coordinator.and_then(|at| self.image.partition(at)?.leader);
        let Some(to) = leader else {
            let verified = failed(&guards, Code::NotEnoughReplicas);
            return self.produce(client, produce, &verified, ctx);
        };
        self.questions_asked += 1;
        let correlation = self.questions_asked;
        // under transaction.version 2 the leader's question adds the partition to the transaction
        let ask = TxnPartitions { txn, producer, partitions, verify_only: !version_2 };
        let api = Api::AddPartitionsToTxn(Box::new(ask));
        self.verifying.push(Verifying { correlation, to, client, produce, guards });
        let request = Request { lane: LANE, correlation, api };
        self.ask_broker(to, request, ctx);
    }

    /// The coordinator says whether the transaction is open.
    pub(super) fn verified(&mut self, from: NodeId, response: Response, ctx: &mut Ctx<'_, Mq>) {
        let asked = |it: &Verifying| it.to == from && it.correlation == response.correlation;
        let Some(place) = self.verifying.iter().position(asked) else { return };
        let it = self.verifying.remove(place);
        let Answer::AddPartitionsToTxn(results) = response.answer else { return };
        let verified: Verified = it
            .guards
            .iter()
            .map(|(at, guard)| {
                let result = results.iter().find(|(its, _)| its == at);
                let result = result.map_or(Err(Code::NotEnoughReplicas), |(_, result)| *result);
                (*at, result.map(|()| *guard).map_err(as_producers_see_it))
            })
            .collect();
        self.produce(it.client, it.produce, &verified, ctx);
    }

    /// The connection with a coordinator is gone.
    pub(super) fn verification_lost(&mut self, peer: NodeId, ctx: &mut Ctx<'_, Mq>) {
        self.verifying.retain(|it| it.client.node != peer);
        let lost: Vec<_> = self.verifying.extract_if(.., |it| it.to == peer).collect();
        for it in lost {
            let verified = failed(&it.guards, Code::NotEnoughReplicas);
            self.produce(it.client, it.produce, &verified, ctx);
        }
    }

    /// Writes the markers that end transactions, and answers when they are on all replicas in sync.
    pub(super) fn write_markers(
        &mut self,
        client: Client,
        markers: Vec<Marker>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let mut results: Each<Written> = Vec::new();
        let mut required = Vec::new();
        let mut ends = Vec::new();
        for Marker { producer, commit, coordinator_epoch, partitions } in markers {
            for at in partitions {
                let stamp = ProducerStamp {
                    id: producer.id,
                    epoch: producer.epoch,
                    base_sequence: 0,
                    transactional: true,
                };
                let body = Body::Marker { commit, coordinator_epoch };
                let batch = Batch { base_offset: 0, leader_epoch: 0, producer: Some(stamp), body };
                // the decision stands: markers are written whether or not enough are in sync
                let result = self.append(at, batch, Acks::Leader, Origin::COORDINATOR, ctx);
                if let Ok((written, end)) = result {
                    let (offset, producer) = (written.base_offset, producer.id);
                    ctx.note(Note::Kafka(KafkaNote::TxnMarker { at, offset, producer, commit }));
                    required.push((at, end, results.len() as u32));
                }
                ends.push((at, producer, commit));
                results.push((at, result.map(|(written, _)| written)));
            }
        }
        let timeout = Span::from_secs(30); // request.timeout.ms between brokers
        self.await_replicas(client, results, required, Kind::Markers(ends), timeout, ctx);
    }
}

fn failed(guards: &[(TopicPartition, Guard)], code: Code) -> Verified {
    guards.iter().map(|(at, _)| (*at, Err(code))).collect()
}

/// What a producer makes nothing of becomes an error after which it tries again
/// (`ReplicaManager.handleProduceAppend`).
fn as_producers_see_it(code: Code) -> Code {
    match code {
        Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::ConcurrentTransactions => Code::NotEnoughReplicas,
        code => code,
    }
}
