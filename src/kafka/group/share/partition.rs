//! What became of each record of a partition in a share group.
//!
//! A window of records is in flight: from the start offset, below which all are done with, to the
//! end, from which none was delivered. Each record in it is available, acquired by a member under a
//! lock that runs out, acknowledged, or archived. The leader of the partition keeps this; what it
//! needs after a failover is a [`ShareState`].
//!
//! Source: `SharePartition` of Apache Kafka 4.1.1.

use std::collections::VecDeque;

use crate::kernel::{Ctx, NodeId, Span, Time};
use crate::talk::kafka::{
    Acquired, Batch, Code, GroupId, KafkaNote, Offset, TopicPartition, Verdict,
};
use crate::talk::{KafkaTimer, MessageId, Mq, Name, Note, Timer};

/// `RecordState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockState {
    /// It can be acquired.
    Available,
    /// A member has it.
    Acquired,
    /// It was accepted.
    Acknowledged,
    /// It was rejected, or delivered too often, or is no record.
    Archived,
}

/// The limits of a share group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareLimits {
    /// `group.share.record.lock.duration.ms`.
    pub lock: Span,
    /// `group.share.delivery.count.limit`.
    pub deliveries: u16,
    /// `group.share.partition.max.record.locks`.
    pub in_flight: u32,
}

/// What of a share partition is written, and read when another broker leads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShareState {
    /// Of which group.
    pub group: GroupId,
    /// Which partition.
    pub at: TopicPartition,
    /// All records below it are done with.
    pub start: Offset,
    /// From there on: the state of each record, how often it was delivered, and which one it is. An
    /// acquired one is available again, as it is in Kafka, where a delivery is not written.
    pub records: Vec<(LockState, u16, MessageId)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    state: LockState,
    deliveries: u16,
    msg: MessageId,
    /// Who has it, until when; while it is acquired.
    holder: Option<(Name, Time)>,
}

/// A partition in a share group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SharePartition {
    group: GroupId,
    at: TopicPartition,
    limits: ShareLimits,
    start: Offset,
    slots: VecDeque<Slot>,
    changed: bool,
}

impl SharePartition {
    /// Nothing from `start` on has been delivered: the end of the log, or its start, as
    /// `share.auto.offset.reset` says.
    pub fn new(
        group: GroupId,
        at: TopicPartition,
        limits: ShareLimits,
        start: Offset,
    ) -> SharePartition {
        SharePartition { group, at, limits, start, slots: VecDeque::new(), changed: false }
    }

    /// As another broker left it.
    pub fn restored(limits: ShareLimits, state: &ShareState) -> SharePartition {
        let slot = |&(state, deliveries, msg): &(LockState, u16, MessageId)| Slot {
            state,
            deliveries,
            msg,
            holder: None,
        };
        let slots = state.records.iter().map(slot).collect();
        SharePartition { slots, ..SharePartition::new(state.group, state.at, limits, state.start) }
    }

    /// All records below this offset are done with.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// No record from this offset on has been delivered.
    pub fn end(&self) -> Offset {
        self.start + self.slots.len() as Offset
    }

    /// The state of a record and how often it was delivered; `None` outside of the window.
    pub fn record(&self, offset: Offset) -> Option<(LockState, u16)> {
        let slot = self.slots.get(usize::try_from(offset.checked_sub(self.start)?).ok()?)?;
        Some((slot.state, slot.deliveries))
    }

    /// From where to read for whoever wants records next: the first available one, or the end.
    /// `None` when so many are in flight that nothing new may be read.
    ///
    /// Source: `nextFetchOffset`, `canAcquireRecords`.
    pub fn fetch_from(&self) -> Option<Offset> {
        let available = self.slots.iter().position(|slot| slot.state == LockState::Available);
        match available {
            Some(place) => Some(self.start + place as Offset),
            None => {
                ((self.slots.len() as u64) < u64::from(self.limits.in_flight)).then(|| self.end())
            }
        }
    }

    /// What is to be written, if anything has changed since it was last asked for.
    pub fn take_change(&mut self) -> Option<ShareState> {
        let record = |slot: &Slot| {
            let state =
                if slot.state == LockState::Acquired { LockState::Available } else { slot.state };
            (state, slot.deliveries, slot.msg)
        };
        std::mem::take(&mut self.changed).then(|| ShareState {
            group: self.group,
            at: self.at,
            start: self.start,
            records: self.slots.iter().map(record).collect(),
        })
    }

    /// A member acquires what is available of these batches, which begin at
    /// [`SharePartition::fetch_from`] or before. `max` is soft: batches are acquired as a whole, as far
    /// as they are new.
    pub fn acquire(
        &mut self,
        (member, peer): (&Name, NodeId),
        batches: Vec<Batch>,
        max: u32,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Acquired {
        let until = ctx.now + self.limits.lock;
        let mut records = Vec::new();
        for batch in &batches {
            if records.len() as u64 >= u64::from(max) {
                break;
            }
            self.extend(batch);
            for (offset, record) in batch.records() {
                let Some(slot) = self.slot(offset) else { continue };
                if slot.state != LockState::Available {
                    continue;
                }
                slot.state = LockState::Acquired;
                slot.deliveries += 1;
                slot.holder = Some((member.clone(), until));
                let (msg, delivery) = (record.id, slot.deliveries);
                records.push((offset, delivery));
                let group = self.group;
                ctx.note(Note::Kafka(KafkaNote::Acquired { msg, group, peer, delivery }));
            }
        }
        self.advance();
        self.arm(ctx);
        Acquired { batches, records }
    }

    /// Makes room for a batch. What is no record (markers, what compaction left out) is archived. As
    /// long as a batch begins in the window it may reach beyond what may be in flight.
    fn extend(&mut self, batch: &Batch) {
        if batch.base_offset > self.end() && self.slots.is_empty() {
            self.start = batch.base_offset; // the log begins there
        }
        if self.slots.len() as u64 >= u64::from(self.limits.in_flight) {
            return;
        }
        let first = self.end();
        let empty =
            Slot { state: LockState::Archived, deliveries: 0, msg: MessageId(0), holder: None };
        let wanted = batch.end().saturating_sub(self.start);
        if wanted > self.slots.len() as u64 {
            self.slots.resize(wanted as usize, empty);
        }
        for (offset, record) in batch.records().filter(|(offset, _)| *offset >= first) {
            if let Some(slot) = self.slot(offset) {
                (slot.state, slot.msg) = (LockState::Available, record.id);
            }
        }
    }

    fn slot(&mut self, offset: Offset) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(offset.checked_sub(self.start)?).ok()?)
    }

    /// A member says what became of records: of all of them or, where one is not its own any more,
    /// of none.
    ///
    /// # Errors
    /// [`Code::InvalidRecordState`]: a lock has run out, or the record is done with.
    pub fn acknowledge(
        &mut self,
        member: &Name,
        verdicts: &[(Offset, Verdict)],
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), Code> {
        for (offset, _) in verdicts {
            let is_own = self.slot(*offset).is_some_and(|slot| {
                slot.state == LockState::Acquired
                    && slot.holder.as_ref().is_some_and(|(holder, _)| holder == member)
            });
            if !is_own {
                return Err(Code::InvalidRecordState);
            }
        }
        let limit = self.limits.deliveries;
        let group = self.group;
        for &(offset, verdict) in verdicts {
            if let Some(slot) = self.slot(offset)
                && slot.state == LockState::Acquired
            {
                slot.settle(verdict, limit, group, ctx);
            }
        }
        self.changed |= !verdicts.is_empty();
        self.advance();
        self.arm(ctx);
        Ok(())
    }

    /// Locks have run out: their records are available again, unless they were delivered too often.
    pub fn on_lock_timer(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let (limit, group, now) = (self.limits.deliveries, self.group, ctx.now);
        for slot in &mut self.slots {
            if slot.holder.as_ref().is_some_and(|(_, until)| *until <= now) {
                slot.settle(Verdict::Release, limit, group, ctx);
                self.changed = true;
            }
        }
        self.advance();
        self.arm(ctx);
    }

    /// A member is gone, or closed its session: what it had counts as not delivered.
    ///
    /// Source: `releaseAcquiredRecords`.
    pub fn release_all(&mut self, member: &Name, ctx: &mut Ctx<'_, Mq>) {
        let (limit, group) = (self.limits.deliveries, self.group);
        for slot in &mut self.slots {
            if slot.holder.as_ref().is_some_and(|(holder, _)| holder == member) {
                slot.deliveries -= 1; // it was acquired, so it is at least 1
                slot.settle(Verdict::Release, limit, group, ctx);
                self.changed = true;
            }
        }
        self.arm(ctx);
    }

    /// The log begins later now: what is below cannot be delivered any more, but a member may still
    /// finish what it has.
    ///
    /// Source: `updateCacheAndOffsets`.
    pub fn on_log_start(&mut self, log_start: Offset) {
        let below = log_start.saturating_sub(self.start).min(self.slots.len() as u64) as usize;
        for slot in self.slots.range_mut(..below) {
            if slot.state == LockState::Available {
                slot.state = LockState::Archived;
            }
        }
        if self.slots.is_empty() {
            self.start = self.start.max(log_start);
        }
        self.changed = true;
        self.advance();
    }

    /// Moves the start over what is done with.
    fn advance(&mut self) {
        let is_done =
            |slot: &Slot| matches!(slot.state, LockState::Acknowledged | LockState::Archived);
        while self.slots.front().is_some_and(is_done) {
            self.slots.pop_front();
            self.start += 1;
        }
    }

    /// Arms the timer for the lock that runs out first.
    fn arm(&self, ctx: &mut Ctx<'_, Mq>) {
        let timer = Timer::Kafka(KafkaTimer::Lock(self.group, self.at));
        let locks = self.slots.iter().filter_map(|slot| slot.holder.as_ref());
        match locks.map(|(_, until)| *until).min() {
            Some(until) => ctx.arm(timer, until.since(ctx.now)),
            None => ctx.disarm(timer),
        }
    }
}

impl Slot {
    /// A record that is to be available again and was delivered as often as it may be is archived.
    ///
    /// Source: `InFlightState.tryUpdateState`.
    fn settle(&mut self, verdict: Verdict, limit: u16, group: GroupId, ctx: &mut Ctx<'_, Mq>) {
        let then = match verdict {
            Verdict::Release if self.deliveries >= limit => Verdict::Reject,
            verdict => verdict,
        };
        self.state = match then {
            Verdict::Accept => LockState::Acknowledged,
            Verdict::Release => LockState::Available,
            Verdict::Reject => LockState::Archived,
        };
        self.holder = None;
        ctx.note(Note::Kafka(KafkaNote::Released { msg: self.msg, group, then }));
    }
}
