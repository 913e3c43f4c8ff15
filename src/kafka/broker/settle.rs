//! Who waits, and for what has changed.

use super::coordinators::Outcome;
use super::{Broker, Delayed};
use crate::kernel::Ctx;
use crate::talk::kafka::{Code, TopicPartition};
use crate::talk::{KafkaTimer, Mq, Timer};

impl Broker {
    /// Answers those who waited for what has changed, takes the requests behind theirs, and asks the
    /// controller for what leaders want; until nothing follows from it.
    pub(super) fn settle(&mut self, ctx: &mut Ctx<'_, Mq>) {
        loop {
            if let Some(at) = self.changed.pop() {
                self.settle_produce(at, ctx);
                self.settle_fetch(at, ctx);
            } else if !self.outcomes.is_empty() {
                for outcome in std::mem::take(&mut self.outcomes) {
                    self.tell_outcome(outcome, ctx);
                }
            } else if !self.own_requests.is_empty() {
                let request = self.own_requests.remove(0);
                self.receive(ctx.me, request, ctx);
            } else if !self.own_answers.is_empty() {
                let response = self.own_answers.remove(0);
                self.answered(ctx.me, response, ctx);
            } else if !self.ready.is_empty() {
                for (from, request) in std::mem::take(&mut self.ready) {
                    self.serve(from, request, ctx);
                }
            } else {
                break;
            }
        }
        self.send_proposals(ctx);
    }

    fn settle_produce(&mut self, at: TopicPartition, ctx: &mut Ctx<'_, Mq>) {
        while let Some(replica) = self.replicas.get_mut(at)
            && let Some(&first) = replica.producing.front()
            && let Some(result) = replica.reached(first.required)
        {
            replica.producing.pop_front();
            self.reached(first.slot, first.place, result, ctx);
        }
    }

    /// A part of a produce request waits no longer.
    fn reached(&mut self, slot: u32, place: u32, result: Result<(), Code>, ctx: &mut Ctx<'_, Mq>) {
        match self.purgatory.get_mut(slot) {
            Some(Delayed::Produce { results, left, .. }) => {
                if let Err(code) = result {
                    results[place as usize].1 = Err(code);
                }
                *left -= 1;
                if *left > 0 {
                    return;
                }
            }
            Some(&mut Delayed::Internal { at, ticket, base }) => {
                let result = result.map(|()| base);
                self.outcomes.push(Outcome { at, ticket, result });
            }
            _ => return,
        }
        ctx.disarm(Timer::Kafka(KafkaTimer::Delayed(slot.into())));
        if let Some(Delayed::Produce { client, results, kind, .. }) = self.purgatory.take(slot) {
            self.finish_produce(client, results, &kind, ctx);
        }
    }

    fn settle_fetch(&mut self, at: TopicPartition, ctx: &mut Ctx<'_, Mq>) {
        let mut place = 0;
        while let Some(slot) = self.replicas.get(at).and_then(|it| it.fetching.get(place).copied())
        {
            if !self.is_due(slot, at) {
                place += 1;
                continue;
            }
            if let Some(Delayed::Fetch { client, fetch }) = self.forget(slot, ctx) {
                self.finish_fetch(client, &fetch, ctx);
            }
        }
    }

    /// `Timer::Delayed`: a produce request has timed out, or a fetch gets what there is.
    pub(super) fn waited_enough(&mut self, slot: u32, ctx: &mut Ctx<'_, Mq>) {
        let late = match self.purgatory.get(slot) {
            Some(Delayed::Produce { .. }) => self.late_places(slot),
            _ => Vec::new(),
        };
        match self.forget(slot, ctx) {
            Some(Delayed::Fetch { client, fetch }) => self.finish_fetch(client, &fetch, ctx),
            Some(Delayed::Produce { client, mut results, kind, .. }) => {
                // the records stay in the log (DelayedProduce.onExpiration)
                for place in late {
                    results[place as usize].1 = Err(Code::RequestTimedOut);
                }
                self.finish_produce(client, results, &kind, ctx);
            }
            Some(Delayed::Internal { at, ticket, .. }) => {
                let result = Err(Code::RequestTimedOut);
                self.outcomes.push(Outcome { at, ticket, result });
            }
            None => {}
        }
    }

    fn late_places(&self, slot: u32) -> Vec<u32> {
        let Some(Delayed::Produce { results, .. }) = self.purgatory.get(slot) else {
            return Vec::new();
        };
        let replicas = results.iter().filter_map(|(at, _)| self.replicas.get(*at));
        let waiting = replicas.flat_map(|it| &it.producing).filter(|it| it.slot == slot);
        waiting.map(|it| it.place).collect()
    }

    /// Takes a request out of the purgatory, and out of every partition that it waits in.
    pub(super) fn forget(&mut self, slot: u32, ctx: &mut Ctx<'_, Mq>) -> Option<Delayed> {
        let delayed = self.purgatory.take(slot)?;
        ctx.disarm(Timer::Kafka(KafkaTimer::Delayed(slot.into())));
        match &delayed {
            Delayed::Fetch { fetch, .. } => {
                for from in &fetch.partitions {
                    if let Some(replica) = self.replicas.get_mut(from.at) {
                        replica.fetching.retain(|it| *it != slot);
                    }
                }
            }
            Delayed::Produce { results, .. } => {
                for (at, _) in results {
                    if let Some(replica) = self.replicas.get_mut(*at) {
                        replica.producing.retain(|it| it.slot != slot);
                    }
                }
            }
            Delayed::Internal { at, .. } => {
                if let Some(replica) = self.replicas.get_mut(*at) {
                    replica.producing.retain(|it| it.slot != slot);
                }
            }
        }
        Some(delayed)
    }
}
