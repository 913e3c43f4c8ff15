//! Getting partitions, and giving them up.

use super::member::Phase;
use super::place::Place;
use super::{GroupProtocol, KafkaConsumer};
use crate::client::handler::Handler;
use crate::kafka::assign::Assignor;
use crate::kafka::clients::Family;
use crate::kernel::Ctx;
use crate::talk::kafka::TopicPartition;
use crate::talk::{KafkaNote, Mq, Note};

impl<H: Handler> KafkaConsumer<H> {
    /// Whether its partitions stay with it while it joins again: all its assignors must be
    /// cooperative, as [Range, CooperativeSticky] are not.
    ///
    /// Source: `ConsumerCoordinator` of Apache Kafka 4.1.1, which takes the highest protocol that
    /// all assignors support.
    pub(super) fn is_cooperative(&self) -> bool {
        self.config.protocol == GroupProtocol::Consumer
            || self.config.assignors.iter().all(|it| *it == Assignor::CooperativeSticky)
    }

    /// Gives up the partitions that `which` says.
    pub(super) fn revoke(
        &mut self,
        lost: bool,
        ctx: &mut Ctx<'_, Mq>,
        which: impl Fn(TopicPartition) -> bool,
    ) {
        let group = self.config.group;
        for place in self.places.iter().filter(|place| which(place.at)) {
            ctx.note(Note::Kafka(KafkaNote::Revoked { group, at: place.at, lost }));
        }
        self.places.retain(|place| !which(place.at));
        self.fetched.retain(|chunk| !which(chunk.at));
    }

    pub(super) fn revoke_all(&mut self, lost: bool, ctx: &mut Ctx<'_, Mq>) {
        self.revoke(lost, ctx, |_| true);
    }

    /// Takes the partitions of `given` that it does not own.
    pub(super) fn take_on(&mut self, given: &[TopicPartition], ctx: &mut Ctx<'_, Mq>) {
        let (group, generation) = (self.config.group, self.member.generation);
        self.moves = self.moves.wrapping_add(1);
        self.fetching.look = true;
        for at in given {
            if self.place(*at).is_none() {
                ctx.note(Note::Kafka(KafkaNote::Assigned { group, at: *at, generation }));
                self.places.push(Place::new(*at, self.moves));
            }
        }
        self.places.sort_unstable_by_key(|place| place.at);
    }

    /// What a poll does about the membership. Returns false while nothing else can be done.
    ///
    /// Sources: `ConsumerCoordinator.onJoinPrepare`, `onJoinComplete` and `poll` of Apache Kafka
    /// 4.1.1; `rd_kafka_cgrp_rebalance` of librdkafka 2.
    pub(super) fn rebalance(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        if self.member.lost {
            self.member.lost = false;
            self.commits.before = None;
            self.revoke_all(true, ctx);
        }
        if let Some(target) = self.member.target.take()
            && !self.follow(&target, ctx)
        {
            self.member.target = Some(target); // a commit comes first
            return false;
        }
        if self.member.rejoin || self.member.phase == Phase::Out {
            if self.is_cooperative() {
                // everything stays, and is read while the commit is under way
                if self.commits_before_it_joins() && self.auto_commits_first(ctx) {
                    return true;
                }
            } else if !self.places.is_empty() {
                // eager: everything goes before it joins, with a last commit
                if self.auto_commits_first(ctx) {
                    self.member.phase = Phase::Preparing;
                    return false;
                }
                self.revoke_all(false, ctx);
            }
            self.join_group(ctx);
        }
        self.member.phase == Phase::Stable || !self.places.is_empty()
    }

    /// Whether the commit of a cooperative member comes before it joins again, and not before it
    /// revokes: so it is with Java's classic protocol. What it handles between the two of a partition
    /// that moves is not committed, and handled again by the next owner.
    ///
    /// Sources: `ConsumerCoordinator.onJoinPrepare` and `maybeMarkPartitionsPendingRevocation`, which
    /// stops reading for eager members only, against `ConsumerMembershipManager` for KIP-848, of
    /// Apache Kafka 4.1.1; `rd_kafka_assignment_serve_removals` of librdkafka 2.
    fn commits_before_it_joins(&self) -> bool {
        self.config.protocol == GroupProtocol::Classic
            && self.config.client.family == Family::Java
            && self.is_cooperative()
    }

    /// Comes closer to what it is to own: revokes first, then takes on. Returns false when it has to
    /// wait for a commit.
    fn follow(&mut self, target: &[TopicPartition], ctx: &mut Ctx<'_, Mq>) -> bool {
        let goes = |at: TopicPartition| target.binary_search(&at).is_err();
        let gives_up = self.places.iter().any(|place| goes(place.at));
        if gives_up {
            if !self.commits_before_it_joins() && self.auto_commits_first(ctx) {
                return false;
            }
            self.revoke(false, ctx, goes);
        }
        let halfway = std::mem::take(&mut self.member.halfway);
        if gives_up && self.assigns_later() {
            self.member.halfway = true;
            self.member.target = Some(target.to_vec());
            return true;
        }
        let before = self.places.len();
        self.take_on(target, ctx);
        match self.config.protocol {
            // KIP-429: those who gave something up join again, so that others may have it
            GroupProtocol::Classic => self.member.rejoin |= gives_up,
            // KIP-848: what it owns now is told at once
            GroupProtocol::Consumer => {
                if gives_up || halfway || self.places.len() > before {
                    self.beat_848(ctx);
                }
            }
        }
        true
    }
    /// librdkafka calls the application back once for what it gives up and once for what it gets, even
    /// if that is nothing, and tells the coordinator after the second time. A message that is there
    /// comes in between, and with it the handler of it.
    ///
    /// Source: librdkafka 2, `rd_kafka_cgrp_incr_unassign_done`; observed.
    fn assigns_later(&self) -> bool {
        self.config.protocol == GroupProtocol::Consumer
            && self.config.client.family == Family::Librdkafka
    }
}
