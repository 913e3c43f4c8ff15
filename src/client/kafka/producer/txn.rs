//! An application that sends in transactions: begin, send so many records, commit or abort.
//!
//! Source: Apache Kafka 4.1.1 `KafkaProducer`, `TransactionManager` (KIP-98, KIP-360, KIP-890).
//! librdkafka does the same as `transaction.version` 1.

use super::outcome::{Ask, Done, How, Tools};
use super::sender::is_fatal;
use super::{KafkaProducer, OnFenced, Sending, tools};
use crate::client::kafka::link::{Coordinated, Lane};
use crate::kernel::{Ctx, Site, Span, Time};
use crate::talk::kafka::{Answer, Api, Code, EndTxn, KafkaNote, ProducerIdentity, Record};
use crate::talk::{KafkaClientTimer, Mq, Note, Rate, Timer};

/// The present transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Txn {
    stage: Stage,
    /// Its records.
    records: Vec<Record>,
    /// It was told where it begins.
    told: bool,
    /// A record was not acknowledged: it cannot be committed.
    failed: bool,
    /// It is to be committed.
    commit: bool,
    /// `EndTxn` was sent, and whether it was done is not known.
    doubt: bool,
    /// How many there were before.
    number: u64,
    /// `EndTxn` is not sent again before.
    not_before: Time,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    /// Records are sent. The first one begins it.
    #[default]
    Open,
    /// The application works before it ends it.
    Working,
    /// `flush`: everything that was sent must have an outcome.
    Flushing,
    /// `EndTxn` is to be sent, as soon as the coordinator is known.
    Ending,
    /// `EndTxn` is under way.
    Ended,
}

impl Txn {
    /// How many records belong to it, if it was begun.
    pub(super) fn open(&self) -> Option<usize> {
        (!self.records.is_empty()).then_some(self.records.len())
    }
}

impl KafkaProducer {
    /// Whether a transaction, if it sends in such, takes another record.
    pub(super) fn may_in_txn(&self) -> bool {
        let Some(txn) = &self.config.transaction else { return true };
        self.txn.stage == Stage::Open && (self.txn.records.len() as u32) < txn.records.max(1)
    }

    /// `send` took a record.
    pub(super) fn txn_took(&mut self, record: Record, ctx: &mut Ctx<'_, Mq>) {
        if self.config.transaction.is_none() {
            return;
        }
        self.txn.records.push(record);
        self.tell_begun(ctx);
        let Some(txn) = &self.config.transaction else { return };
        let full = self.txn.records.len() as u32 >= txn.records.max(1);
        let last = self.submitted >= self.config.messages && self.again.is_empty();
        if full || last {
            self.txn.stage = Stage::Working;
            let site = Site::new("transaction", u64::from(ctx.me.0)).nth(self.txn.number);
            let wait = ctx.span(site, &txn.takes);
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Commit), wait);
        }
    }

    /// Tells where a transaction begins, as soon as it is known whose it is: the first one of a
    /// producer has records before `initTransactions` is answered.
    fn tell_begun(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if let Sending::Batching(client) = &self.client
            && let Some(identity) = client.identity
            && !self.txn.told
            && !self.txn.records.is_empty()
        {
            self.txn.told = true;
            ctx.note(Note::Kafka(KafkaNote::TxnBegun { producer: identity.id }));
        }
    }

    /// The application is done with its work, or tries once more to end the transaction.
    pub(super) fn commit_due(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.txn.stage == Stage::Working {
            self.flush_txn(ctx);
        }
        self.txn_goes_on(ctx);
    }

    fn flush_txn(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.txn.stage = Stage::Flushing;
        if let Sending::Batching(client) = &mut self.client {
            client.flushing = true;
            client.run(tools!(self, ctx));
        }
    }

    /// Records of it have an outcome.
    pub(super) fn txn_outcome(&mut self, done: &Done, ctx: &mut Ctx<'_, Mq>) {
        if done.how != How::Confirmed {
            if done.fatal {
                return self.fenced(ctx);
            }
            self.txn_failed(ctx);
        }
    }

    /// A record of it failed: the application gives it up and aborts it.
    pub(super) fn txn_failed(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.config.transaction.is_none() {
            return;
        }
        self.txn.failed = true;
        if matches!(self.txn.stage, Stage::Open | Stage::Working) {
            self.flush_txn(ctx);
        }
    }

    /// Takes the next step towards the end of the transaction, if it is time.
    pub(super) fn txn_goes_on(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(txn) = &self.config.transaction else { return };
        let Sending::Batching(client) = &mut self.client else { return };
        if self.txn.stage == Stage::Flushing && client.is_empty() {
            client.flushing = false;
            let site = Site::new("abort", u64::from(ctx.me.0)).nth(self.txn.number);
            let aborts = !txn.aborts.is_never() && txn.aborts.covers(ctx.choose(site, Rate::OF));
            self.txn.commit = !self.txn.failed && !aborts;
            self.txn.stage = Stage::Ending;
            if !client.queues.iter().any(|queue| queue.added) {
                // nothing was written: `EndTxn` is not sent
                return self.end_txn(None, ctx);
            }
        }
        if self.txn.stage != Stage::Ending || self.txn.not_before > ctx.now {
            return;
        }
        let (of, Some(producer)) = (Coordinated::Txn(txn.id), client.identity) else { return };
        self.link.look_for(of, ctx);
        if let Some(broker) = self.link.coordinator(of) {
            self.txn.stage = Stage::Ended;
            let (commit, version_2) = (self.txn.commit, txn.version_2);
            let api = Api::EndTxn(EndTxn { txn: txn.id, producer, commit, version_2 });
            self.link.send(broker, Lane::Main, Ask::EndTxn, api, None, ctx);
        }
    }

    /// The coordinator answered, or there will be no answer.
    pub(super) fn coordinator_said(
        &mut self,
        tag: Ask,
        answer: Option<Answer>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        match (tag, answer) {
            (Ask::Identity, Some(Answer::InitProducerId(said))) => {
                self.identified(Some(said), ctx);
            }
            (Ask::Identity, _) => self.identified(None, ctx),
            (Ask::AddPartitions(places), Some(Answer::AddPartitionsToTxn(each))) => {
                let error = each.iter().find_map(|(_, said)| said.err());
                if error.is_some_and(is_fatal) {
                    return self.fenced(ctx);
                }
                let Sending::Batching(client) = &mut self.client else { return };
                if let Some(code) = error {
                    client.doubt_coordinator(code, tools!(self, ctx));
                    // `ADD_PARTITIONS_RETRY_BACKOFF_MS`
                    let wait = Span::from_millis(20);
                    client.ready_at = Some(ctx.now + wait);
                    client.add_after = ctx.now + wait;
                    ctx.arm(Timer::KafkaClient(KafkaClientTimer::Ready), wait);
                    return;
                }
                for at in places {
                    if let Some(queue) = client.queues.get_mut(usize::from(at)) {
                        queue.added = true;
                    }
                }
                client.run(tools!(self, ctx));
            }
            (Ask::EndTxn, Some(Answer::EndTxn(Ok(identity)))) => self.end_txn(identity, ctx),
            (Ask::EndTxn, Some(Answer::EndTxn(Err(code)))) if is_fatal(code) => {
                self.fenced(ctx);
            }
            (Ask::EndTxn, answer) => {
                self.txn.stage = Stage::Ending;
                self.txn.doubt |= answer.is_none();
                let code = match answer {
                    Some(Answer::EndTxn(Err(code))) => code,
                    _ => Code::NotCoordinator,
                };
                let Sending::Batching(client) = &mut self.client else { return };
                client.doubt_coordinator(code, tools!(self, ctx));
                ctx.arm(Timer::KafkaClient(KafkaClientTimer::Commit), self.config.backoff.first);
            }
            (Ask::AddPartitions(_) | Ask::Produce(_) | Ask::Call { .. }, _) => {
                let Sending::Batching(client) = &mut self.client else { return };
                client.doubt_coordinator(Code::NotCoordinator, tools!(self, ctx));
                client.run(tools!(self, ctx));
            }
        }
    }

    fn identified(&mut self, said: Option<Result<ProducerIdentity, Code>>, ctx: &mut Ctx<'_, Mq>) {
        let Sending::Batching(client) = &mut self.client else { return };
        let fatal = client.identified(said, tools!(self, ctx));
        self.tell_begun(ctx);
        if fatal.is_some() && self.config.transaction.is_some() {
            self.fenced(ctx);
        }
    }

    /// The transaction is over, and its records have their outcome.
    fn end_txn(&mut self, identity: Option<ProducerIdentity>, ctx: &mut Ctx<'_, Mq>) {
        let over = std::mem::take(&mut self.txn);
        self.txn.number = over.number + 1;
        if let Sending::Batching(client) = &mut self.client {
            for queue in &mut client.queues {
                queue.added = false;
            }
            if identity.is_some() {
                client.identity = identity;
            }
            // A failed batch leaves a gap in the numbers: a new epoch begins them anew (KIP-360).
            client.bump = over.failed && identity.is_none();
            for queue in client.queues.iter_mut().filter(|_| over.failed) {
                queue.unresolved = false;
            }
        }
        let how = if over.commit { How::Confirmed } else { How::Refused };
        for record in over.records {
            self.settle(record, how, ctx);
        }
        self.fill(ctx);
        self.client.run(tools!(self, ctx));
    }

    /// The records of the present transaction, and whether it may be committed.
    pub(super) fn take_txn(&mut self) -> Vec<(Record, bool)> {
        let over = std::mem::take(&mut self.txn);
        self.txn.number = over.number + 1;
        let maybe = over.commit && (over.doubt || over.stage == Stage::Ended);
        over.records.into_iter().map(|record| (record, maybe)).collect()
    }

    /// Another producer has its transactional id, or the coordinator gave it up.
    fn fenced(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let doubt = self.txn.doubt;
        let Some(txn) = &self.config.transaction else { return };
        self.dead = txn.on_fenced == OnFenced::Die;
        for (record, _) in self.take_all() {
            let how = if doubt { How::Unknown } else { How::Refused };
            self.settle(record, how, ctx);
        }
        ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Commit));
        if self.dead {
            ctx.disarm(Timer::KafkaClient(KafkaClientTimer::Send));
            self.link.close(ctx);
        } else if let Sending::Batching(client) = &mut self.client {
            let tools = tools!(self, ctx);
            client.learn(tools);
            client.run(tools);
        }
    }
}
