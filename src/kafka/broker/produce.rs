//! Produce requests.
//!
//! Source: `ReplicaManager.appendRecords`, `DelayedProduce` of Apache Kafka 4.1.1.

use super::purgatory::Kind;
use super::{Broker, Client, Delayed};
use crate::kafka::log::{Guard, Origin};
use crate::kafka::replica::Producing;
use crate::kernel::{Ctx, Site, Span};
use crate::talk::kafka::{
    Acks, Answer, Batch, Body, Code, Each, Offset, Produce, Record, TopicPartition, Written,
};
use crate::talk::{KafkaNote, KafkaTimer, Mq, Note, Timer};

impl Broker {
    /// Appends what a producer sent, and answers when that is where its `acks` want it.
    pub(super) fn produce(
        &mut self,
        client: Client,
        produce: Produce,
        verified: &[(TopicPartition, Result<Guard, Code>)],
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.take_time(produce.batches.len(), ctx);
        let Produce { acks, timeout, batches, .. } = produce;
        let mut results = Vec::with_capacity(batches.len());
        let mut required = Vec::new();
        for (place, (at, batch)) in (0..).zip(batches) {
            let result = match verified.iter().find(|(its, _)| *its == at) {
                Some((_, Err(code))) => Err(refuse(at, &batch.body, *code, ctx)),
                Some((_, Ok(guard))) => {
                    let origin = Origin::Client { guard: Some(*guard) };
                    self.append(at, batch, acks, origin, ctx)
                }
                None => self.append(at, batch, acks, Origin::CLIENT, ctx),
            };
            results.push((at, result.map(|(written, _)| written)));
            if let Ok((_, end)) = result
                && acks == Acks::All
            {
                required.push((at, end, place));
            }
        }
        if acks == Acks::None {
            // nobody is answered; an error is shown by closing the connection
            if results.iter().any(|(_, result)| result.is_err()) {
                ctx.close(client.node);
                return self.closed(client.node, ctx);
            }
            self.done(client);
            return;
        }
        self.await_replicas(client, results, required, Kind::Records, timeout, ctx);
    }

    /// Answers when the high watermarks have passed what is required, each with the place of its
    /// partition among the results.
    pub(super) fn await_replicas(
        &mut self,
        client: Client,
        mut results: Each<Written>,
        mut required: Vec<(TopicPartition, Offset, u32)>,
        kind: Kind,
        timeout: Span,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        required.retain(|&(at, end, place)| {
            match self.replicas.get(at).and_then(|it| it.reached(end)) {
                Some(Err(code)) => results[place as usize].1 = Err(code),
                Some(Ok(())) => {}
                None => return true,
            }
            false
        });
        if required.is_empty() {
            return self.finish_produce(client, results, &kind, ctx);
        }
        let left = required.len() as u32;
        let slot = self.purgatory.put(Delayed::Produce { client, results, left, kind });
        for (at, required, place) in required {
            if let Some(replica) = self.replicas.get_mut(at) {
                let before = replica.producing.partition_point(|it| it.required <= required);
                replica.producing.insert(before, Producing { required, slot, place });
            }
        }
        ctx.arm(Timer::Kafka(KafkaTimer::Delayed(slot.into())), timeout);
    }

    /// Answers whoever wrote.
    pub(super) fn finish_produce(
        &mut self,
        client: Client,
        results: Each<Written>,
        kind: &Kind,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Kind::Markers(ends) = kind else {
            return self.respond(client, Answer::Produce(results), ctx);
        };
        for (&(at, producer, commit), (_, result)) in ends.iter().zip(&results) {
            if result.is_ok() {
                self.tell_marker(at, producer, commit, ctx);
            }
        }
        let results = results.into_iter().map(|(at, result)| (at, result.map(drop))).collect();
        self.respond(client, Answer::WriteTxnMarkers(results), ctx);
    }

    /// How long a request with so many batches keeps the broker busy.
    pub(super) fn take_time(&self, batches: usize, ctx: &mut Ctx<'_, Mq>) {
        let mut takes = self.config.costs.request;
        for nth in 0..batches {
            let site =
                Site::new("append", u64::from(ctx.me.0)).nth(ctx.now.as_nanos() + nth as u64);
            takes += ctx.span(site, &self.config.costs.append);
        }
        let takes = ctx.slowed(takes);
        ctx.work(takes);
    }

    /// Appends a batch as the leader. Returns also where the log then ends for it.
    pub(super) fn append(
        &mut self,
        at: TopicPartition,
        batch: Batch,
        acks: Acks,
        origin: Origin,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(Written, Offset), Code> {
        let body = batch.body.clone();
        if self.replicas.get(at).is_none() {
            return Err(refuse(at, &body, self.absent(at), ctx));
        }
        let Some((replica, peers)) = self.replica(at, ctx.now) else {
            return Err(Code::NotLeaderOrFollower); // it was found just before
        };
        let transactional = batch.producer.filter(|stamp| stamp.transactional);
        let appended = replica.append(batch, acks, origin, ctx.now);
        let appended = appended.map_err(|code| refuse(at, &body, code, ctx))?;
        let written = Written { base_offset: appended.base, log_start: replica.log.start() };
        if appended.known {
            for record in records(&body) {
                ctx.note(Note::Kafka(KafkaNote::SequenceKnown { msg: record.id, at }));
            }
            return Ok((written, appended.end));
        }
        let raised = replica.raise_high_watermark(peers);
        for (offset, record) in (appended.base..).zip(records(&body)) {
            let (msg, copy) = (record.id, record.copy);
            ctx.note(Note::Kafka(KafkaNote::Appended { msg, copy, at, offset }));
        }
        if let Some(stamp) = transactional.filter(|_| !records(&body).is_empty()) {
            let (first, end, producer) = (appended.base, appended.end, stamp.id);
            ctx.note(Note::Kafka(KafkaNote::TxnRecords { at, first, end, producer }));
        }
        ctx.note(Note::Kafka(KafkaNote::Replicated { at, end: appended.end }));
        if raised {
            self.tell_high_watermark(at, ctx);
        }
        self.touch(at);
        Ok((written, appended.end))
    }
}

/// The records of a batch that a producer made.
fn records(body: &Body) -> &[Record] {
    match body {
        Body::Records(records) => records,
        _ => &[],
    }
}

fn refuse(at: TopicPartition, body: &Body, code: Code, ctx: &mut Ctx<'_, Mq>) -> Code {
    for record in records(body) {
        ctx.note(Note::Kafka(KafkaNote::ProduceRefused { msg: record.id, at, code }));
    }
    code
}
