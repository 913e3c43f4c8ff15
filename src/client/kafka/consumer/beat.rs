//! Membership under the consumer protocol of KIP-848: one kind of request says and brings everything.
//!
//! Sources: Apache Kafka 4.1.1 `ConsumerHeartbeatRequestManager`, `ConsumerMembershipManager`;
//! librdkafka 2 `rd_kafka_cgrp_consumer_group_heartbeat`.

use super::KafkaConsumer;
use super::member::{Ask, Phase};
use crate::client::handler::Handler;
use crate::kernel::Ctx;
use crate::talk::kafka::{Api, Code, ConsumerBeat, ConsumerBeaten, TopicPartition};
use crate::talk::{KafkaClientTimer, Mq, Timer};

impl<H: Handler> KafkaConsumer<H> {
    /// A heartbeat that says nothing new.
    pub(super) fn unchanged(&self) -> ConsumerBeat {
        ConsumerBeat {
            group: self.config.group,
            member: self.member.id.clone(),
            epoch: self.member.generation,
            instance: self.instance(),
            rack: None,
            rebalance_timeout: None,
            topics: None,
            assignor: None,
            owned: None,
        }
    }

    /// Sends the heartbeat that is everything in this protocol: joining with epoch 0, living, and
    /// saying what it owns when that has changed.
    pub(super) fn beat_848(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if self.member.beating {
            return;
        }
        self.member.rejoin = false;
        let joins = self.member.generation <= 0;
        if joins {
            self.member.turn = self.member.turn.wrapping_add(1);
            self.member.generation = 0;
            self.member.told = None;
            if self.member.id.is_empty() {
                self.member.ids += 1;
                let (lives, ids) = (self.lives, self.member.ids);
                self.member.id = format!("{}-{lives}.{ids}", self.config.name).into();
            }
            self.member.phase = Phase::Seeking;
            if !self.knows_topics(ctx) {
                return;
            }
        }
        let owned: Vec<TopicPartition> = match &self.member.told {
            Some(told) if self.member.halfway => told.clone(),
            _ => self.places.iter().map(|place| place.at).collect(),
        };
        let mut beat = self.unchanged();
        if joins {
            beat.rebalance_timeout = Some(self.config.max_poll_interval);
            beat.topics = Some(self.config.topics.clone());
        }
        if self.member.told.as_ref() != Some(&owned) {
            beat.owned = Some(owned.clone());
        }
        let ask = Ask::Beat(self.member.turn);
        if self.ask_coordinator(ask, Api::ConsumerGroupHeartbeat(Box::new(beat)), ctx) {
            self.member.told = Some(owned);
            self.member.beating = true;
            self.member.last_beat = ctx.now;
            if joins {
                self.member.phase = Phase::Joining;
            }
        }
    }

    pub(super) fn on_beat_848(&mut self, turn: u32, answer: ConsumerBeaten, ctx: &mut Ctx<'_, Mq>) {
        self.member.beating = false;
        if turn != self.member.turn {
            return;
        }
        match answer.error {
            None => {
                self.member.generation = answer.epoch;
                self.member.phase = Phase::Stable;
                self.member.interval = answer.interval;
                if let Some(mut assignment) = answer.assignment {
                    assignment.sort_unstable();
                    self.member.target = Some(assignment);
                }
                ctx.arm(Timer::KafkaClient(KafkaClientTimer::Heartbeat), answer.interval);
                let told = self.member.told.iter().flatten().copied();
                let owned = self.places.iter().map(|place| place.at);
                if !self.member.halfway && !told.eq(owned) {
                    self.beat_848(ctx); // it has changed while the heartbeat was on its way
                }
            }
            Some(Code::FencedMemberEpoch) => self.member.is_fenced(),
            Some(Code::UnknownMemberId) => self.member.is_fenced(),
            Some(code) if code.is_retriable() => {
                self.link.forget_coordinator(self.group());
                self.member.told = None;
                self.link.look_for(self.group(), ctx);
            }
            Some(_) => self.give_up(ctx),
        }
    }
}
