//! The application: which messages it makes, when it calls `send`, and when `send` makes it wait.

use super::accumulator::Appended;
use super::outcome::{How, Tools};
use super::{KafkaProducer, Sending, tools};
use crate::client::Pacing;
use crate::kafka::clients::Full;
use crate::kernel::{Ctx, Dist, Site, Span};
use crate::talk::kafka::Record;
use crate::talk::{KafkaClientTimer, MessageId, Mq, Note, Rate, Timer};

/// Messages that are due within this time of each other are submitted together, so that a high rate
/// does not cost a step for each of them.
pub(super) const TICK: Span = Span::from_micros(10);

impl KafkaProducer {
    /// Makes the next message.
    pub(super) fn submit(&mut self, ctx: &mut Ctx<'_, Mq>) -> Record {
        let number = self.submitted;
        self.submitted += 1;
        let config = &*self.config;
        let me = u64::from(ctx.me.0);
        let entity = config.keys.entity(number, ctx);
        let draw = |what| Site::new(what, me).nth(number.into());
        let tombstone = !config.tombstones.is_never()
            && config.tombstones.covers(ctx.choose(draw("tombstone"), Rate::OF));
        let id = MessageId(config.first_id.0.wrapping_add(number));
        ctx.note(Note::Submitted { msg: id, key: entity });
        Record {
            id,
            entity,
            key: 0,
            pattern: config.pattern,
            copy: 0,
            size: config.size,
            timestamp: ctx.now,
            tombstone,
            attempt: 0,
        }
    }

    /// Whether the application may call `send` now.
    fn may_send(&self) -> bool {
        self.begun && self.joined && !self.dead && self.blocked.is_none() && self.may_in_txn()
    }

    /// Calls `send` for whatever is due.
    pub(super) fn fill(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let mut began = false;
        while self.may_send()
            && let Some(record) = self.again.pop_front()
        {
            began |= self.give(record, ctx);
        }
        match self.config.pacing {
            Pacing::Every(gap) => began |= self.fill_on_time(&gap, ctx),
            Pacing::Window => began |= self.fill_window(ctx),
        }
        if began {
            self.client.run(tools!(self, ctx));
        }
    }

    fn fill_on_time(&mut self, gap: &Dist, ctx: &mut Ctx<'_, Mq>) -> bool {
        let mut began = false;
        while self.may_send() && self.submitted < self.config.messages && self.next_at <= ctx.now {
            began |= self.send_next(ctx);
            for _ in 0..self.config.per_send() {
                let site = Site::new("gap", u64::from(ctx.me.0)).nth(self.submitted.into());
                self.next_at += ctx.span(site, gap);
            }
        }
        if self.may_send() && self.submitted < self.config.messages {
            let wait = self.next_at.since(ctx.now);
            let fast = gap.mean() < TICK;
            let wait = if fast { wait.max(TICK) } else { wait };
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Send), wait);
        }
        began
    }

    fn fill_window(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        let window = self.config.window;
        let room = |open: u32| window == 0 || open < window;
        let mut began = false;
        if let Sending::Calls(_) = self.client {
            return self.fill_window_of_calls(ctx);
        }
        while self.may_send() && self.submitted < self.config.messages && room(self.open) {
            began |= self.send_next(ctx);
        }
        began
    }

    /// Calls that are made one after the other without awaiting them. All wait for the lock of the
    /// target topics, which one after the other takes; but who releases it awaits whom it wakes, and
    /// so the last but one goes on after the last: the last two of several change places.
    ///
    /// Source: KafkaJS 2.2.4 `src/utils/lock.js`, `Cluster.addMultipleTargetTopics`; observed, and
    /// found again by running these two functions alone.
    fn fill_window_of_calls(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        let window = self.config.window;
        let mut calls: Vec<Vec<Record>> = Vec::new();
        while self.may_send()
            && self.submitted < self.config.messages
            && (window == 0 || self.open + (calls.len() as u32) < window)
        {
            let left = self.config.messages - self.submitted;
            let of = self.config.per_send().min(left);
            calls.push((0..of).map(|_| self.submit(ctx)).collect());
        }
        if let [.., last_but_one, last] = &mut calls[..] {
            std::mem::swap(last_but_one, last);
        }
        for records in calls {
            self.call(records, ctx);
        }
        false
    }

    /// Calls `send` for the next message, or messages. Returns whether the client should look.
    fn send_next(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if let Sending::Calls(_) = self.client {
            let left = self.config.messages - self.submitted;
            let of = self.config.per_send().min(left);
            let records: Vec<Record> = (0..of).map(|_| self.submit(ctx)).collect();
            self.call(records, ctx);
            return false;
        }
        let record = self.submit(ctx);
        self.give(record, ctx)
    }

    /// Calls `send` of KafkaJS.
    pub(super) fn call(&mut self, records: Vec<Record>, ctx: &mut Ctx<'_, Mq>) {
        self.open += 1;
        if let Sending::Calls(client) = &mut self.client {
            client.call(records.into(), tools!(self, ctx));
        }
    }

    /// Calls `send` for one record. Returns whether the client should look.
    pub(super) fn give(&mut self, record: Record, ctx: &mut Ctx<'_, Mq>) -> bool {
        let client = match &mut self.client {
            Sending::Batching(client) => client,
            Sending::Calls(_) => {
                self.call(vec![record], ctx);
                return false;
            }
        };
        let said = client.append(record, &self.config, ctx);
        match said {
            Appended::Joined | Appended::Began => {
                self.open += 1;
                self.txn_took(record, ctx);
                said == Appended::Began
            }
            Appended::NoRoom | Appended::NoMetadata => {
                let most = match (self.config.room, said) {
                    (Full::Fails { .. }, Appended::NoRoom) => Span::ZERO, // _QUEUE_FULL
                    (Full::Blocks { most, .. }, _) => most,
                    // librdkafka keeps it until it knows the topic
                    (_, _) => self.config.delivery_timeout.unwrap_or(Span::from_secs(300)),
                };
                if said == Appended::NoMetadata {
                    self.link.refresh(ctx);
                }
                if most.is_zero() {
                    self.settle(record, How::Refused, ctx);
                } else {
                    self.blocked = Some((record, ctx.now + most));
                    ctx.arm(Timer::KafkaClient(KafkaClientTimer::Send), most);
                }
                true
            }
        }
    }

    /// A blocked call of `send` tries again, or throws.
    pub(super) fn unblock(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some((record, until)) = self.blocked.take() else { return };
        if until <= ctx.now {
            // TimeoutException: metadata, or BufferExhaustedException
            self.settle(record, How::Refused, ctx);
            self.txn_failed(ctx);
        } else if self.give(record, ctx) {
            if let Some((_, again)) = &mut self.blocked {
                *again = until;
                let left = until.since(ctx.now).max(Span::from_millis(1));
                ctx.arm(Timer::KafkaClient(KafkaClientTimer::Send), left);
            }
            self.client.run(tools!(self, ctx));
        }
    }
}
