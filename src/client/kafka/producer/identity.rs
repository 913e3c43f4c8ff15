//! Producer ids and sequence numbers.
//!
//! Source: Apache Kafka 4.1.1 `TransactionManager`, `TxnPartitionEntry` (KIP-98, KIP-360). librdkafka
//! (`rdkafka_idempotence.c`) drains what is in flight before it takes a new epoch; here it does as
//! Java.

use super::KafkaProducerConfig;
use super::accumulator::{Batching, Pack};
use super::outcome::{Ask, Tools};
use super::sender::Why;
use crate::client::kafka::link::{Coordinated, Lane};
use crate::kernel::Span;
use crate::talk::kafka::{
    Api, Code, InitProducer, ProducerIdentity, TopicPartition, TxnPartitions,
};
use crate::talk::{KafkaClientTimer, Timer};

impl Batching {
    /// Whether there is a producer id. Asks for one otherwise: the coordinator of the transactional
    /// id, or any broker.
    pub(super) fn identify(&mut self, tools: &mut Tools<'_, '_>) -> bool {
        if self.identity_asked || self.identity.is_some() && !self.bump {
            return !self.identity_asked;
        }
        if self.ask_after > tools.ctx.now {
            return false;
        }
        let txn = tools.config.transaction.as_ref();
        let broker = match txn {
            Some(txn) => {
                let of = Coordinated::Txn(txn.id);
                tools.link.look_for(of, tools.ctx);
                tools.link.coordinator(of)
            }
            None => tools.link.connected().next(),
        };
        let Some(broker) = broker else { return false };
        self.identity_asked = true;
        let ask = InitProducer {
            txn: txn.map(|txn| txn.id),
            timeout: txn.map_or(Span::ZERO, |txn| txn.timeout),
            current: self.identity.filter(|_| self.bump),
        };
        let api = Api::InitProducerId(ask);
        tools.link.send(broker, Lane::Main, Ask::Identity, api, None, tools.ctx);
        false
    }

    /// The identity arrived, or did not. Returns an error that cannot be retried.
    pub(super) fn identified(
        &mut self,
        answer: Option<Result<ProducerIdentity, Code>>,
        tools: &mut Tools<'_, '_>,
    ) -> Option<Code> {
        self.identity_asked = false;
        match answer {
            Some(Ok(identity)) => {
                self.identity = Some(identity);
                self.bump = false;
                self.run(tools);
                None
            }
            Some(Err(code)) if !code.is_retriable() => Some(code),
            failed => {
                let code = failed.and_then(Result::err).unwrap_or(Code::NotCoordinator);
                self.doubt_coordinator(code, tools);
                // `Ready` runs the sender, which asks again.
                let wait = tools.config.backoff.first;
                self.ask_after = tools.ctx.now + wait;
                self.ready_at = Some(self.ask_after);
                tools.ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), wait);
                None
            }
        }
    }

    /// An answer that makes the coordinator another one.
    pub(super) fn doubt_coordinator(&self, code: Code, tools: &mut Tools<'_, '_>) {
        if let Some(txn) = &tools.config.transaction
            && matches!(code, Code::NotCoordinator | Code::CoordinatorNotAvailable)
        {
            tools.link.forget_coordinator(Coordinated::Txn(txn.id));
            tools.link.look_for(Coordinated::Txn(txn.id), tools.ctx);
        }
    }

    // ── transactions ──

    /// Whether a partition may be written to. Before `transaction.version` 2 the coordinator must
    /// know first that the transaction has it.
    pub(super) fn is_added(&mut self, at: usize, tools: &mut Tools<'_, '_>) -> bool {
        let Some(txn) = &tools.config.transaction else { return true };
        if self.queues[at].added || txn.version_2 {
            self.queues[at].added = true;
            return true;
        }
        if self.add_after > tools.ctx.now {
            return false;
        }
        let asked = tools.link.unanswered().any(|ask| matches!(ask, Ask::AddPartitions(_)));
        let (Some(broker), Some(producer), false) =
            (tools.link.coordinator(Coordinated::Txn(txn.id)), self.identity, asked)
        else {
            tools.link.look_for(Coordinated::Txn(txn.id), tools.ctx);
            return false;
        };
        let new: Vec<u16> = (0..self.queues.len() as u16)
            .filter(|it| {
                let queue = &self.queues[usize::from(*it)];
                !queue.added && queue.waiting() > 0
            })
            .collect();
        let topic = tools.config.topic;
        let ask = TxnPartitions {
            txn: txn.id,
            producer,
            partitions: new.iter().map(|it| TopicPartition::new(topic, *it)).collect(),
            verify_only: false,
        };
        let api = Api::AddPartitionsToTxn(Box::new(ask));
        tools.link.send(broker, Lane::Main, Ask::AddPartitions(new), api, None, tools.ctx);
        false
    }

    // ── sequence numbers ──

    /// Whether the first batch of a partition may be sent as far as its number goes.
    ///
    /// Source: `RecordAccumulator.shouldStopDrainBatchesForPartition`: nothing new while a number is
    /// unresolved; and a batch that was numbered before is only sent again when all numbers before it
    /// have an outcome, which in effect leaves one request in flight.
    pub(super) fn may_number(&self, at: usize, config: &KafkaProducerConfig) -> bool {
        if !config.is_idempotent() {
            return true;
        }
        let queue = &self.queues[at];
        match queue.closed.front() {
            Some(pack) if pack.sequence.is_some() => {
                queue.in_flight.iter().all(|it| it.number > pack.number)
            }
            _ => !queue.unresolved && queue.in_flight.len() < 5,
        }
    }

    /// Numbers a batch that has no number. A partition takes a new identity over once nothing that
    /// was numbered under the old one is left.
    pub(super) fn number(&mut self, at: usize, pack: &mut Pack, config: &KafkaProducerConfig) {
        let Some(identity) = self.identity.filter(|_| config.is_idempotent()) else { return };
        if pack.sequence.is_some() {
            return;
        }
        let queue = &mut self.queues[at];
        let numbered = |pack: &Pack| pack.sequence.is_some();
        let idle = !queue.in_flight.iter().chain(&queue.closed).any(numbered);
        if queue.identity != Some(identity) && (idle || queue.identity.is_none()) {
            queue.identity = Some(identity);
            (queue.next_sequence, queue.acked) = (0, 0);
        }
        pack.sequence = queue.identity.map(|its| (its, queue.next_sequence));
        queue.next_sequence = after(queue.next_sequence, pack);
    }

    pub(super) fn number_acked(&mut self, at: u16, pack: &Pack) {
        if let Some((identity, base)) = pack.sequence {
            // it was in flight for this partition
            let queue = &mut self.queues[usize::from(at)];
            if queue.identity == Some(identity) {
                queue.acked = after(base, pack);
            }
        }
    }

    /// Whether a number that is out of order may be right later: the one before it has no outcome
    /// yet. Source: `TransactionManager.canRetry`.
    pub(super) fn may_renumber(&self, at: u16, pack: &Pack, code: Code) -> bool {
        let queue = &self.queues[usize::from(at)];
        let Some((_, base)) = pack.sequence else { return false };
        matches!(code, Code::OutOfOrderSequenceNumber | Code::UnknownProducerId)
            && !queue.unresolved
            && base != queue.acked
    }

    /// A numbered batch was given up. Whether it was written may not be known: its number is
    /// unresolved then, and nothing new is sent until all before it have an outcome. If it was
    /// refused, numbers begin anew under a new epoch; in a transaction, which cannot be committed any
    /// more, the later ones move up.
    ///
    /// Source: `TransactionManager.handleFailedBatch`, `Sender.sendProducerData`.
    pub(super) fn number_given_up(
        &mut self,
        at: u16,
        pack: &Pack,
        why: Why,
        ran_out: bool,
        config: &KafkaProducerConfig,
    ) {
        if pack.sequence.is_none() {
            return;
        }
        let unknown = ran_out || matches!(why, Why::Lost(_));
        if unknown && (pack.maybe_written || pack.attempts > 0) {
            self.queues[usize::from(at)].unresolved = true;
        } else if config.transaction.is_none() {
            self.renumber(at);
        }
    }

    /// An unresolved number is resolved once nothing numbered is on its way: all were written, or the
    /// epoch grows.
    ///
    /// Source: `TransactionManager.maybeResolveSequences`.
    pub(super) fn resolve(&mut self, at: u16, config: &KafkaProducerConfig) {
        let queue = &mut self.queues[usize::from(at)];
        let numbered = |pack: &Pack| pack.sequence.is_some();
        if queue.unresolved && !queue.in_flight.iter().chain(&queue.closed).any(numbered) {
            queue.unresolved = false;
            if queue.acked != queue.next_sequence && config.transaction.is_none() {
                self.renumber(at);
            }
        }
    }

    /// A higher epoch, which an idempotent producer takes by itself, and under it numbers from 0 for
    /// one partition; the others follow when they are idle.
    ///
    /// Source: `bumpIdempotentProducerEpoch`, `TxnPartitionMap.startSequencesAtBeginning`.
    fn renumber(&mut self, at: u16) {
        let Some(identity) = &mut self.identity else { return };
        match identity.epoch.checked_add(1) {
            Some(epoch) => identity.epoch = epoch,
            None => {
                self.identity = None;
                return;
            }
        }
        let (identity, queue) = (*identity, &mut self.queues[usize::from(at)]);
        queue.identity = Some(identity);
        let mut next = 0;
        for pack in queue.in_flight.iter_mut().chain(&mut queue.closed) {
            if pack.sequence.is_some() {
                pack.sequence = Some((identity, next));
                next = after(next, pack);
            }
        }
        (queue.next_sequence, queue.acked) = (next, 0);
    }
}

/// The sequence number after a batch; numbers wrap around after `i32::MAX`.
fn after(base: u32, pack: &Pack) -> u32 {
    base.wrapping_add(pack.records.len() as u32) & 0x7FFF_FFFF
}
