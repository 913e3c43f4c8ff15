//! Consume, process and produce in a transaction: what handlers produce and the offsets of what they
//! read count together, or not at all.
//!
//! A transaction covers what one poll returned. If a handler or the transaction fails, it is aborted,
//! and since a consumer does not rewind by itself the application begins again at what is committed.
//!
//! *Simplified*: partitions and offsets are added by requests of their own also under
//! `transaction.version` 2; a copy that is not acknowledged at once aborts. *Left out*: KafkaJS.
//!
//! Sources: Apache Kafka 4.1.1 `TransactionManager`, `KafkaProducer.sendOffsetsToTransaction`
//! (KIP-98, KIP-447); the example `transactional-message-copier` of its system tests.

use super::KafkaConsumer;
use super::member::Ask;
use super::place::Place;
use crate::client::handler::Handler;
use crate::client::kafka::link::{Coordinated, Lane};
use crate::kernel::{Ctx, Span, Time};
use crate::talk::kafka::{
    Answer, Api, Code, EndTxn, InitProducer, ProducerIdentity, ProducerStamp, TopicPartition,
    TxnId, TxnOffsets, TxnPartitions,
};
use crate::talk::{KafkaClientTimer, Mq, Timer};

/// How a consumer uses transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InTransaction {
    /// `transactional.id`.
    pub id: TxnId,
    /// `transaction.timeout.ms`.
    pub timeout: Span,
    /// Client and cluster use `transaction.version` 2 (KIP-890): the epoch grows with every
    /// transaction.
    pub version_2: bool,
}

/// How long it waits before a coordinator is asked again (`ADD_PARTITIONS_RETRY_BACKOFF_MS`).
const AGAIN: Span = Span::from_millis(20);

/// The present transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Txn {
    does: Does,
    /// What was asked, while an answer is to come.
    asked: Option<Does>,
    identity: Option<ProducerIdentity>,
    /// The partitions that belong to it.
    added: Vec<TopicPartition>,
    /// The next sequence number of each partition that was written to.
    sequences: Vec<(TopicPartition, u32)>,
    /// It cannot be committed.
    failed: bool,
    /// Something belongs to it: it must be ended.
    begun: bool,
    not_before: Time,
}

/// What is to be done next about the transaction, or is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Does {
    /// `initTransactions`.
    #[default]
    Identify,
    /// It is open to whatever handlers produce.
    Open,
    /// The group is to be added.
    AddOffsets,
    /// The offsets are to be sent.
    SendOffsets,
    /// It is to be ended.
    End,
    /// An answer is to come.
    Waits,
    /// It is over.
    Over,
}

impl<H: Handler> KafkaConsumer<H> {
    /// Whether the application may poll: without transactions, or once it has its producer id.
    pub(super) fn may_poll_in_txn(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.config.transaction.is_some() && self.txn.identity.is_none() {
            self.txn_goes_on(ctx);
        }
        self.config.transaction.is_none() || self.txn.identity.is_some()
    }

    /// The stamp of the next record for a partition, which becomes a part of the transaction.
    pub(super) fn stamp(&mut self, at: TopicPartition) -> Option<ProducerStamp> {
        self.config.transaction?;
        let ProducerIdentity { id, epoch } = self.txn.identity?;
        let known = self.txn.sequences.iter().position(|it| it.0 == at);
        let place = known.unwrap_or_else(|| {
            self.txn.sequences.push((at, 0));
            self.txn.sequences.len() - 1
        });
        let sequence = &mut self.txn.sequences[place].1; // found, or just added
        let base_sequence = *sequence;
        *sequence = (base_sequence + 1) & 0x7FFF_FFFF;
        Some(ProducerStamp { id, epoch, base_sequence, transactional: true })
    }

    /// Adds a partition to the transaction, for the copy with this number. Returns false when it
    /// belongs to it already, or there are no transactions.
    pub(super) fn adds(&mut self, at: TopicPartition, copy: u32, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(txn) = self.config.transaction else { return false };
        if self.txn.added.contains(&at) {
            return false;
        }
        let Some(producer) = self.txn.identity else { return false };
        if self.waits_for_partition(at, copy) {
            return true;
        }
        let partitions = vec![at];
        let add = TxnPartitions { txn: txn.id, producer, partitions, verify_only: false };
        self.txn.begun = true;
        self.ask_txn(Ask::AddPartition(copy), Api::AddPartitionsToTxn(Box::new(add)), ctx)
    }

    pub(super) fn added(&mut self, at: TopicPartition) {
        self.txn.added.push(at);
    }

    /// A copy was not acknowledged, or a handler failed: what it would have been part of is aborted.
    pub(super) fn txn_fails(&mut self) {
        self.txn.failed = self.config.transaction.is_some();
    }

    /// Goes on with the end of the transaction. Returns whether it is over.
    pub(super) fn end_txn(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.txn.does == Does::Open {
            if self.has_copies() {
                return false; // commitTransaction flushes first
            }
            self.txn.does = match self.txn.failed {
                true => Does::End,
                false => Does::AddOffsets,
            };
        }
        self.txn_goes_on(ctx);
        if self.txn.does != Does::Over {
            return false;
        }
        self.txn.does = Does::Open;
        true
    }

    fn ask_txn(&mut self, ask: Ask, api: Api, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(txn) = self.config.transaction else { return false };
        let of = Coordinated::Txn(txn.id);
        let Some(broker) = self.link.coordinator(of) else {
            self.link.look_for(of, ctx);
            return false;
        };
        self.link.send(broker, Lane::Main, ask, api, None, ctx);
        true
    }

    fn txn_goes_on(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(InTransaction { id: txn, timeout, version_2 }) = self.config.transaction else {
            return;
        };
        if self.txn.not_before > ctx.now {
            return;
        }
        let group = self.config.group;
        let sent = match (self.txn.does, self.txn.identity) {
            (Does::Identify, current) => {
                let init = InitProducer { txn: Some(txn), timeout, current };
                self.ask_txn(Ask::Txn, Api::InitProducerId(init), ctx)
            }
            (Does::AddOffsets, Some(producer)) => {
                self.txn.begun = true;
                self.ask_txn(Ask::Txn, Api::AddOffsetsToTxn { txn, producer, group }, ctx)
            }
            (Does::SendOffsets, Some(producer)) => {
                let offsets = self.uncommitted();
                let fenced = self.config.client.consumer.fenced_offsets;
                let member = (self.member.generation, self.member.id.clone());
                let offsets = TxnOffsets {
                    txn,
                    producer,
                    group,
                    member: Some(member).filter(|_| fenced),
                    instance: self.instance(),
                    offsets: offsets.into_iter().filter_map(|(at, it)| Some((at, it?))).collect(),
                };
                self.ask_coordinator(Ask::Txn, Api::TxnOffsetCommit(Box::new(offsets)), ctx)
            }
            (Does::End, Some(_)) if !self.txn.begun => {
                self.txn_over(None, ctx);
                false
            }
            (Does::End, Some(producer)) => {
                let commit = !self.txn.failed;
                let end = EndTxn { txn, producer, commit, version_2 };
                self.ask_txn(Ask::Txn, Api::EndTxn(end), ctx)
            }
            _ => false,
        };
        if sent {
            self.txn.waits_for(self.txn.does);
        }
    }

    /// A coordinator answered about the transaction, or will not.
    pub(super) fn txn_answered(&mut self, answer: Option<Answer>, ctx: &mut Ctx<'_, Mq>) {
        let Some(asked) = self.txn.asked.take() else { return };
        let error = match answer {
            Some(Answer::InitProducerId(Ok(identity))) => {
                (self.txn.identity, self.txn.does) = (Some(identity), Does::Open);
                self.txn.sequences.clear();
                return;
            }
            Some(Answer::AddOffsetsToTxn(Ok(()))) => {
                self.txn.does = Does::SendOffsets;
                return;
            }
            Some(Answer::TxnOffsetCommit(each)) => match each.iter().find_map(|it| it.1.err()) {
                None => {
                    self.txn.does = Does::End;
                    return;
                }
                Some(code) => code,
            },
            Some(Answer::EndTxn(Ok(identity))) => return self.txn_over(identity, ctx),
            Some(
                Answer::InitProducerId(Err(code))
                | Answer::AddOffsetsToTxn(Err(code))
                | Answer::EndTxn(Err(code)),
            ) => code,
            _ => Code::NotCoordinator,
        };
        match error {
            code if code.is_retriable() => {
                if matches!(code, Code::NotCoordinator | Code::CoordinatorNotAvailable) {
                    self.link.forget_coordinator(match asked {
                        Does::SendOffsets => self.group(),
                        _ => Coordinated::Txn(self.config.transaction.map_or(TxnId(0), |it| it.id)),
                    });
                }
                self.txn.does = asked;
                self.txn.not_before = ctx.now + AGAIN;
                ctx.arm(Timer::KafkaClient(KafkaClientTimer::Commit), AGAIN);
            }
            // CommitFailedException: the group has moved on
            Code::UnknownMemberId
            | Code::IllegalGeneration
            | Code::RebalanceInProgress
            | Code::StaleMemberEpoch
            | Code::FencedMemberEpoch
            | Code::TransactionAbortable => {
                self.txn.failed = true;
                self.txn.does = Does::End;
            }
            // another producer has its transactional id: the documentation demands close()
            _ => self.die(ctx),
        }
    }

    /// The transaction has ended. After an abort the application goes back to what is committed.
    fn txn_over(&mut self, identity: Option<ProducerIdentity>, _: &mut Ctx<'_, Mq>) {
        if let Some(identity) = identity {
            self.txn.identity = Some(identity);
            self.txn.sequences.clear();
        }
        if std::mem::take(&mut self.txn.failed) {
            self.moves = self.moves.wrapping_add(1);
            let moves = self.moves;
            self.fetched.clear();
            self.fetching.look = true;
            for place in &mut self.places {
                *place = Place { paused: place.paused, ..Place::new(place.at, moves) };
            }
        } else {
            for place in &mut self.places {
                place.committed = place.stored;
            }
        }
        self.txn.added.clear();
        self.txn.begun = false;
        self.txn.does = Does::Over;
    }
}

impl Txn {
    fn waits_for(&mut self, asked: Does) {
        self.asked = Some(asked);
        self.does = Does::Waits;
    }
}
