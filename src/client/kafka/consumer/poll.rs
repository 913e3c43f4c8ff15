//! The loop of an application with Java's client or librdkafka: poll, handle what that brought,
//! poll again.
//!
//! Sources: Apache Kafka 4.1.1 `ClassicKafkaConsumer.poll`, `ConsumerCoordinator.poll`,
//! `AbstractCoordinator.HeartbeatThread`; librdkafka 2 `rd_kafka_consumer_poll`,
//! `rd_kafka_cgrp_serve`, `INTRODUCTION.md`.

use std::collections::VecDeque;

use super::commit::{By, CommitError};
use super::member::Phase;
use super::run::End;
use super::{CommitWhen, GroupProtocol, KafkaConsumer, OnFailure};
use crate::client::handler::Handler;
use crate::kafka::clients::Family;
use crate::kernel::{Ctx, Span, Time};
use crate::talk::kafka::{Moved, Offset, Record, TopicPartition};
use crate::talk::{KafkaClientTimer, KafkaNote, Mq, Note, Timer};

/// The one thread of an application.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct App {
    does: Does,
    /// What `poll` returned and is not handled so far.
    polled: VecDeque<(TopicPartition, Offset, Record)>,
    /// The timer for `max.poll.interval.ms` runs. It is not moved with every poll: when it goes off
    /// it looks at the last one.
    watched: bool,
    last_poll: Time,
    /// It does not ask again before.
    pub(super) not_before: Time,
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
enum Does {
    /// It polls.
    #[default]
    Polls,
    /// It is in the handler of the first record of what was polled.
    Handles,
    /// It is through with the first record and about to commit it.
    Commits,
    /// It is through with all records and about to commit them.
    CommitsAll,
    /// It waits for its commit.
    Waits,
    /// It closes the consumer.
    Closes,
}

const MAX_POLL: Timer = Timer::KafkaClient(KafkaClientTimer::MaxPoll);
const POLL: Timer = Timer::KafkaClient(KafkaClientTimer::Poll);

impl<H: Handler> KafkaConsumer<H> {
    /// Goes on as far as it can.
    pub(super) fn loop_on(&mut self, ctx: &mut Ctx<'_, Mq>) {
        loop {
            let on = match self.app.does {
                _ if self.dead || !(self.joined || self.leaving) => false,
                Does::Polls => self.poll(ctx),
                Does::Handles => self.handle_on(ctx),
                Does::Commits => self.commit_first(ctx),
                Does::CommitsAll => self.commit_all(ctx),
                Does::Closes => self.close(ctx),
                Does::Waits => false,
            };
            if !on {
                break;
            }
        }
        let polls = matches!(self.app.does, Does::Polls | Does::Closes);
        if !polls && !self.app.watched && !self.dead {
            ctx.arm(MAX_POLL, self.config.max_poll_interval);
            self.app.watched = true;
        }
    }

    /// One poll. Returns whether it brought anything.
    fn poll(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        self.app.last_poll = ctx.now;
        if self.leaving {
            self.app.does = Does::Closes;
            return true;
        }
        if self.app.not_before > ctx.now {
            ctx.arm(POLL, self.app.not_before.since(ctx.now));
            return false;
        }
        if !self.may_poll_in_txn(ctx) {
            return false;
        }
        let may_read = self.rebalance(ctx);
        if self.dead {
            return false;
        }
        self.commit_if_due(ctx);
        if !may_read {
            return false;
        }
        if self.fetching.look {
            self.locate(ctx);
        }
        self.collect(ctx);
        if std::mem::take(&mut self.fetching.look) {
            self.send_fetches(ctx);
        }
        if self.app.polled.is_empty() {
            return self.member.halfway; // the other callback comes in the same poll
        }
        self.app.does = Does::Handles;
        true
    }

    /// Takes records out of what was fetched, at most `max.poll.records`. The position moves past
    /// them, and with it what Java commits by itself at the next occasion; librdkafka stores the
    /// offset of a record when it is handed over, unless `enable.auto.offset.store` is false.
    fn collect(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let most = match self.config.client.family {
            Family::Librdkafka => 1,
            Family::Java | Family::KafkaJs => self.config.max_poll_records.max(1) as usize,
        };
        let group = self.config.group;
        let mut passed = 0;
        while self.app.polled.len() < most {
            let Some(chunk) = self.fetched.get_mut(passed) else { break };
            let Some(place) = self.places.iter_mut().find(|place| place.at == chunk.at) else {
                self.fetched.remove(passed);
                continue;
            };
            if place.is_paused() {
                passed += 1;
                continue;
            }
            let epoch = chunk.last_epoch();
            let at = chunk.at;
            while self.app.polled.len() < most
                && let Some((offset, record)) = chunk.next_record()
            {
                ctx.note(Note::Kafka(KafkaNote::Polled { msg: record.id, group, at, offset }));
                self.app.polled.push_back((at, offset, record));
            }
            place.read(chunk.position(), epoch);
            if self.config.auto_store {
                place.stored = Some(place.position);
            }
            if chunk.is_spent() {
                self.fetched.remove(passed);
                self.fetching.look = true;
            }
        }
    }

    /// Handles what was polled, one after the other. Returns false when it has to wait.
    fn handle_on(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        loop {
            let Some(&(at, offset, record)) = self.app.polled.front() else {
                let all =
                    matches!(self.config.commit, CommitWhen::EachBatch | CommitWhen::Transaction);
                self.app.does = if all { Does::CommitsAll } else { Does::Polls };
                return true;
            };
            if self.config.awaited && self.runs.get(0).is_some() {
                // it is under way, or over
            } else {
                self.begin(0, at, offset, record, ctx);
                if self.dead {
                    return false;
                }
            }
            match self.ended(0) {
                None => return false,
                Some(End::Died) => return false,
                Some(End::Handled) => match self.config.commit {
                    CommitWhen::EachMessage | CommitWhen::EachMessageAsync => {
                        self.app.does = Does::Commits;
                        return true;
                    }
                    _ => {
                        self.app.polled.pop_front();
                        self.store_handled(at, offset);
                    }
                },
                Some(End::LeftBehind) => {
                    self.app.polled.pop_front();
                }
                Some(End::Threw(_)) if self.config.transaction.is_some() => {
                    self.txn_fails();
                    self.app.polled.clear();
                    self.app.does = Does::CommitsAll;
                    return true;
                }
                Some(End::Threw(_)) => {
                    // nobody catches it
                    ctx.note(Note::Died { msg: record.id });
                    self.die(ctx);
                    return false;
                }
                Some(End::SoughtBack) => self.seek_back(at, offset, ctx),
            }
        }
    }

    /// `rd_kafka_offsets_store`: the application is through with a record.
    fn store_handled(&mut self, at: TopicPartition, offset: Offset) {
        let stores = !self.config.auto_store;
        if let Some(place) = self.place_mut(at).filter(|_| stores) {
            place.stored = Some(offset + 1);
        }
    }

    /// The application seeks back to a record that failed, and polls again.
    fn seek_back(&mut self, at: TopicPartition, offset: Offset, ctx: &mut Ctx<'_, Mq>) {
        self.app.polled.retain(|(its, ..)| *its != at);
        self.move_to(at, offset, Moved::Seek, ctx);
        self.rest(at, offset, ctx);
    }

    /// A partition that was sought back is paused for a while.
    pub(super) fn rest(&mut self, at: TopicPartition, offset: Offset, ctx: &mut Ctx<'_, Mq>) {
        let OnFailure::SeekBack { pause } = self.config.on_failure else { return };
        if let Some(place) = self.place_mut(at) {
            place.stored = Some(offset);
            place.rests_until = Some(ctx.now + pause).filter(|_| !pause.is_zero());
        }
        self.resume_places(ctx);
    }

    /// The application commits the offset after the first of its records.
    fn commit_first(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if !self.may_show(0, ctx) {
            return false;
        }
        let Some((at, offset, _)) = self.app.polled.pop_front() else {
            self.app.does = Does::Polls;
            return true;
        };
        let waits = self.config.commit == CommitWhen::EachMessage;
        let by = if waits { By::Thread(0) } else { By::Nobody };
        let sent = self.commit(vec![(at, Some(offset + 1))], by, ctx);
        // CommitFailedException is caught and logged: the records will come again
        self.app.does = if waits && sent.is_ok() { Does::Waits } else { Does::Handles };
        true
    }

    /// The application commits its positions.
    fn commit_all(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.config.commit == CommitWhen::Transaction {
            if self.dead || !self.end_txn(ctx) {
                return false;
            }
            self.app.does = Does::Polls;
            return true;
        }
        if !self.may_show(0, ctx) {
            return false;
        }
        let offsets = self.uncommitted();
        let sent = !offsets.is_empty() && self.commit(offsets, By::Thread(0), ctx).is_ok();
        self.app.does = if sent { Does::Waits } else { Does::Polls };
        true
    }

    /// The commit that a thread waited for is over.
    pub(super) fn commit_over(
        &mut self,
        thread: u16,
        result: Result<(), CommitError>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        if self.is_kafkajs() {
            self.worker_committed(thread, result, ctx);
        } else if self.app.does == Does::Waits {
            // an error is logged; Java has learnt from it what the membership is worth
            self.app.does = Does::Handles;
        }
    }

    /// `close()`: a last commit, and good-bye.
    fn close(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.member.lost {
            self.revoke_all(true, ctx);
        }
        if self.auto_commits_first(ctx) {
            return false;
        }
        self.revoke_all(false, ctx);
        self.leave_group(ctx);
        self.gone(ctx);
        false
    }

    /// `max.poll.interval.ms` has passed since the last poll: the background thread leaves the group.
    pub(super) fn polled_too_late(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.app.watched = false;
        if self.is_kafkajs() || matches!(self.app.does, Does::Polls | Does::Closes) {
            return;
        }
        let since = ctx.now.since(self.app.last_poll);
        if since < self.config.max_poll_interval {
            let left = self.config.max_poll_interval.as_nanos() - since.as_nanos();
            ctx.arm(MAX_POLL, Span::from_nanos(left));
            self.app.watched = true;
        } else if self.member.phase == Phase::Stable {
            self.leave_group(ctx);
            match self.config.protocol {
                GroupProtocol::Classic => self.member.is_thrown_out(),
                GroupProtocol::Consumer => self.member.is_fenced(),
            }
        }
    }

    /// Ends the pauses that are over, and waits for those that are not.
    pub(super) fn resume_places(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        self.fetching.look = true;
        for place in &mut self.places {
            place.rests_until = place.rests_until.filter(|until| *until > now);
        }
        if let Some(next) = self.places.iter().filter_map(|place| place.rests_until).min() {
            ctx.arm(POLL, next.since(now));
        }
    }

    /// Asks again a little later.
    pub(super) fn poll_later(&mut self, after: Span, ctx: &mut Ctx<'_, Mq>) {
        self.app.not_before = ctx.now + after;
        ctx.arm(POLL, after);
    }

    /// Forgets what the application had in hand.
    pub(super) fn forget_app(&mut self) {
        self.app = App::default();
    }
}
