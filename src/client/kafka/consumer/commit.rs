//! Committing offsets.
//!
//! Sources: Apache Kafka 4.1.1 `ConsumerCoordinator` (`maybeAutoCommitOffsetsAsync`,
//! `OffsetCommitResponseHandler`); KafkaJS 2.2.4 `src/consumer/offsetManager/index.js`; librdkafka 2
//! `rd_kafka_cgrp_assigned_offsets_commit`.

use super::member::{Ask, Phase};
use super::{GroupProtocol, KafkaConsumer};
use crate::client::handler::Handler;
use crate::kafka::clients::{Commits as When, Family};
use crate::kernel::{Ctx, Time};
use crate::talk::kafka::{Api, Code, CommitOffsets, Each, Offset, TopicPartition};
use crate::talk::{KafkaClientTimer, Mq, Timer};

/// What is to be committed of a partition; `None` is the -1 or -2 of KafkaJS.
pub(super) type Offsets = Vec<(TopicPartition, Option<Offset>)>;

/// The commits of a consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Commits {
    /// Those without an answer.
    under_way: Vec<Commit>,
    number: u32,
    /// When there was a commit last, or an occasion with nothing to commit.
    pub(super) last: Time,
    /// A commit that has to come before a rebalance or the end: under way, or answered.
    pub(super) before: Option<Before>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Before {
    /// The one with this number is under way.
    UnderWay(u32),
    Answered,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Commit {
    number: u32,
    offsets: Offsets,
    by: By,
}

/// Who waits for a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    /// Nobody.
    Nobody,
    /// A thread of the application: Java's, or a worker of KafkaJS.
    Thread(u16),
    /// A fetcher of KafkaJS.
    Fetcher(crate::kernel::NodeId),
    /// What comes next: a rebalance, or the end.
    Next,
}

/// Why a commit did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum CommitError {
    /// The coordinator refused it, or the client knows that it would.
    Refused(Code),
    /// There was no answer.
    Unanswered,
}

impl<H: Handler> KafkaConsumer<H> {
    /// What is not committed so far, of all partitions.
    pub(super) fn uncommitted(&self) -> Offsets {
        self.places.iter().filter_map(|place| place.uncommitted()).collect()
    }

    /// Commits these offsets.
    ///
    /// # Errors
    /// It is not sent: Java knows that it is no member any more, or that it is about to join again
    /// (`ConsumerCoordinator.sendOffsetCommitRequest`, `generationIfStable`).
    pub(super) fn commit(
        &mut self,
        offsets: Offsets,
        by: By,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), CommitError> {
        if self.member.generation < 0 {
            return Err(CommitError::Refused(Code::UnknownMemberId)); // CommitFailedException
        }
        if self.config.client.family == Family::Java
            && matches!(self.member.phase, Phase::Joining | Phase::Syncing)
            && self.config.protocol == GroupProtocol::Classic
        {
            return Err(CommitError::Refused(Code::RebalanceInProgress)); // it is not sent
        }
        self.commits.number = self.commits.number.wrapping_add(1);
        let number = self.commits.number;
        let commit = CommitOffsets {
            group: self.config.group,
            generation: self.member.generation,
            member: self.member.id.clone(),
            instance: self.instance(),
            offsets: offsets.clone(),
        };
        if !self.ask_coordinator(Ask::Commit(number), Api::OffsetCommit(Box::new(commit)), ctx) {
            return Err(CommitError::Unanswered);
        }
        self.visible = true;
        self.commits.last = ctx.now;
        self.commits.under_way.push(Commit { number, offsets, by });
        Ok(())
    }

    /// Commits before a rebalance or the end what would be committed by itself. Returns whether that
    /// has to be waited for.
    pub(super) fn auto_commits_first(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        match self.commits.before {
            Some(Before::UnderWay(_)) => return true,
            Some(Before::Answered) => {
                self.commits.before = None;
                return false;
            }
            None => {}
        }
        let offsets = self.uncommitted();
        if !self.config.auto_commits() || offsets.is_empty() || self.is_kafkajs() {
            return false;
        }
        let sent = self.commit(offsets, By::Next, ctx).is_ok();
        self.commits.before = sent.then_some(Before::UnderWay(self.commits.number));
        sent
    }

    /// Inside a poll: commits the positions if the interval has passed, without waiting.
    pub(super) fn commit_if_due(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let in_poll = matches!(self.config.client.consumer.commits, When::InPoll(_));
        let Some(interval) = self.config.auto_commit_interval else { return };
        if !in_poll || !self.config.auto_commits() || self.member.phase != Phase::Stable {
            return;
        }
        if ctx.now.since(self.commits.last) >= interval {
            self.commits.last = ctx.now;
            let offsets = self.uncommitted();
            if !offsets.is_empty() {
                let _ = self.commit(offsets, By::Nobody, ctx); // tried again after the interval
            }
        }
    }

    /// The background thread of librdkafka commits what was handed to the application.
    pub(super) fn commit_in_background(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let Some(interval) = self.config.auto_commit_interval else { return };
        ctx.arm(Timer::KafkaClient(KafkaClientTimer::AutoCommit), interval);
        let offsets = self.uncommitted();
        if !offsets.is_empty() && self.member.phase == Phase::Stable {
            let _ = self.commit(offsets, By::Nobody, ctx); // tried again after the interval
        }
    }

    /// Whether a thread commits in the background, and the timer for it.
    pub(super) fn arm_background_commit(&self, ctx: &mut Ctx<'_, Mq>) {
        let librdkafka = self.config.client.family == Family::Librdkafka;
        if let Some(interval) = self.config.auto_commit_interval
            && librdkafka
            && self.config.auto_commits()
        {
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::AutoCommit), interval);
        }
    }

    /// A commit was answered, or will not be.
    pub(super) fn on_commit(
        &mut self,
        number: u32,
        answer: Option<Each<()>>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let its = self.commits.under_way.iter().position(|commit| commit.number == number);
        let Some(at) = its else { return };
        let Commit { offsets, by, .. } = self.commits.under_way.remove(at);
        let result = match &answer {
            None => Err(CommitError::Unanswered),
            Some(each) => match each.iter().find_map(|(_, one)| one.err()) {
                Some(code) => Err(CommitError::Refused(code)),
                None => Ok(()),
            },
        };
        if result.is_ok() {
            for (at, offset) in offsets {
                if let Some(place) = self.place_mut(at) {
                    place.committed = offset;
                }
            }
        } else if let Err(CommitError::Refused(code)) = result {
            self.commit_refused(code);
        }
        match by {
            By::Nobody => {}
            By::Next if self.commits.before == Some(Before::UnderWay(number)) => {
                self.commits.before = Some(Before::Answered);
            }
            By::Next => {} // the partitions were lost in the meantime
            By::Thread(thread) => self.commit_over(thread, result, ctx),
            By::Fetcher(broker) => self.fetcher_committed(broker, result, ctx),
        }
    }

    /// What a refusal tells the client about its membership. KafkaJS throws it instead.
    ///
    /// Source: `OffsetCommitResponseHandler` of Apache Kafka 4.1.1.
    fn commit_refused(&mut self, code: Code) {
        match code {
            Code::NotCoordinator | Code::CoordinatorNotAvailable => {
                self.link.forget_coordinator(self.group());
            }
            _ if self.is_kafkajs() || self.config.protocol == GroupProtocol::Consumer => {}
            Code::RebalanceInProgress => self.member.rejoin = true,
            Code::UnknownMemberId => self.member.is_thrown_out(),
            Code::IllegalGeneration => self.member.is_fenced(),
            _ => {}
        }
    }
}
