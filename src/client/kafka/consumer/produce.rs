//! The small producer inside of a consumer: copies for retry topics, dead letters and the next
//! station of a pipeline.
//!
//! One record in a batch, `acks=all`. *Simplified*: it is not idempotent, and tries again at once and
//! at most as often as KafkaJS does.

use super::KafkaConsumer;
use super::member::Ask;
use super::run::Awaits;
use super::stages::Took;
use crate::client::handler::{Handler, Produce, Role};
use crate::client::kafka::link::Lane;
use crate::client::run_ref::RunRef;
use crate::kafka::partition::hash;
use crate::kernel::{Ctx, Site};
use crate::talk::kafka::{Acks, Api, Batch, Body, Produce as Request, TopicPartition};
use crate::talk::{MessageId, Mq, Note};

/// How often a copy is sent.
const ATTEMPTS: u8 = 6;

/// Copies on their way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Copies {
    number: u32,
    under_way: Vec<Copy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Copy {
    number: u32,
    msg: MessageId,
    /// The run that waits for it.
    by: Option<u32>,
    at: TopicPartition,
    batch: Batch,
    attempts: u8,
}

impl<H: Handler> KafkaConsumer<H> {
    /// Produces a copy of the record of a run.
    pub(super) fn produce(&mut self, slot: u16, what: Produce, ctx: &mut Ctx<'_, Mq>) -> Took {
        let Some(run) = self.runs.get(slot) else { return Took::Failed };
        let (msg, mut record, from) = (run.msg(), run.record, run.at);
        let by = RunRef { slot, serial: run.serial }.call();
        record.copy = record.copy.saturating_add(1);
        let count = self.link.partitions(what.topic);
        if count == 0 {
            return Took::Failed;
        }
        // Equal keys go to one partition: the same as here where there are as many, since both
        // producers then go by one hash. The bytes of the key are not known here.
        let partition = match record.key_identity() {
            Some(_) if count == self.link.partitions(from.topic) => from.partition,
            Some((pattern, key)) => {
                let bytes = [&pattern.to_be_bytes()[..], &key.to_be_bytes()[..]].concat();
                (hash::to_positive(hash::murmur2(&bytes)) % u32::from(count)) as u16
            }
            None => {
                let site = Site::new("partition of a copy", u64::from(ctx.me.0));
                let nth = u64::from(self.copies.number);
                ctx.choose(site.nth(nth), count.into()) as u16
            }
        };
        match what.role {
            Role::Forward => record.attempt = 0,
            Role::Retry(attempt) => {
                record.attempt = record.attempt.saturating_add(1);
                ctx.note(Note::Retried { msg, attempt });
            }
            Role::Park => ctx.note(Note::Parked { msg }),
        }
        ctx.note(Note::Published { msg, copy: record.copy });
        record.timestamp = ctx.now;
        let at = TopicPartition::new(what.topic, partition);
        let batch = Batch {
            base_offset: 0,
            leader_epoch: 0,
            producer: self.stamp(at),
            body: Body::Records([record].into()),
        };
        self.copies.number = self.copies.number.wrapping_add(1);
        self.copies.under_way.push(Copy {
            number: self.copies.number,
            msg,
            by: what.awaited.then_some(by),
            at,
            batch,
            attempts: 0,
        });
        let adds = self.adds(at, self.copies.number, ctx);
        if !adds && !self.send_copy(self.copies.under_way.len() - 1, ctx) {
            self.txn_fails();
            self.copies.under_way.pop();
            ctx.note(Note::Refused { msg });
            return Took::Failed;
        }
        if what.awaited { Took::Waits(Awaits::Copy) } else { Took::On }
    }

    fn send_copy(&mut self, place: usize, ctx: &mut Ctx<'_, Mq>) -> bool {
        let Some(copy) = self.copies.under_way.get_mut(place) else { return false };
        copy.attempts += 1;
        let (number, at, batch) = (copy.number, copy.at, copy.batch.clone());
        let Some((leader, _)) = self.link.leader(at) else {
            self.link.refresh(ctx);
            return false;
        };
        let timeout = self.config.client.producer.request_timeout;
        let txn = self.config.transaction.map(|txn| txn.id);
        let request = Request { acks: Acks::All, timeout, txn, batches: vec![(at, batch)] };
        self.link.send(leader, Lane::Main, Ask::Produce(number), Api::Produce(request), None, ctx);
        true
    }

    /// Whether copies are on their way.
    pub(super) fn has_copies(&self) -> bool {
        !self.copies.under_way.is_empty()
    }

    /// Whether another copy waits until this partition belongs to the transaction.
    pub(super) fn waits_for_partition(&self, at: TopicPartition, number: u32) -> bool {
        let waits = |copy: &&Copy| copy.at == at && copy.attempts == 0 && copy.number != number;
        self.copies.under_way.iter().any(|copy| waits(&copy))
    }

    /// The partition of a copy belongs to the transaction, or could not be added: with it go all that
    /// waited for that, in their order, which is that of their sequence numbers.
    pub(super) fn copy_added(&mut self, number: u32, ok: bool, ctx: &mut Ctx<'_, Mq>) {
        let copies = &self.copies.under_way;
        let Some(at) = copies.iter().find(|copy| copy.number == number).map(|copy| copy.at) else {
            return;
        };
        if ok {
            self.added(at);
        }
        let waits = |copy: &&Copy| copy.at == at && copy.attempts == 0;
        let numbers: Vec<u32> =
            self.copies.under_way.iter().filter(waits).map(|copy| copy.number).collect();
        for number in numbers {
            let place = self.copies.under_way.iter().position(|copy| copy.number == number);
            if !ok || !place.is_some_and(|place| self.send_copy(place, ctx)) {
                self.copy_answered(number, Some(false), ctx);
            }
        }
    }

    /// A copy was acknowledged, refused, or will not be answered.
    pub(super) fn copy_answered(&mut self, number: u32, ok: Option<bool>, ctx: &mut Ctx<'_, Mq>) {
        let copies = &self.copies.under_way;
        let Some(place) = copies.iter().position(|copy| copy.number == number) else { return };
        if ok != Some(true) {
            let again = self.config.transaction.is_none() && copies[place].attempts < ATTEMPTS;
            self.txn_fails();
            self.link.refresh(ctx);
            if again && self.send_copy(place, ctx) {
                return;
            }
        }
        let Copy { msg, by, .. } = self.copies.under_way.remove(place);
        ctx.note(match ok {
            Some(true) => Note::Confirmed { msg },
            Some(false) => Note::Refused { msg },
            None => Note::Unknown { msg },
        });
        if let Some(by) = by {
            self.copied(by, ok == Some(true), ctx);
        }
    }
}
