//! What new metadata makes of a broker's replicas.
//!
//! Source: `ReplicaManager.applyDelta`, `Partition.makeLeader`, `makeFollower` of Apache Kafka 4.1.1.

use std::sync::Arc;

use super::Broker;
use crate::kafka::replica::{Following, Role};
use crate::kernel::{Ctx, Time};
use crate::talk::kafka::{PartitionInfo, TopicId, TopicPartition};
use crate::talk::{KafkaNote, Mq, Note};

impl Broker {
    /// Does what the metadata says.
    pub(super) fn adopt(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let image = Arc::clone(&self.image);
        for (topic, info) in image.topics.iter().enumerate() {
            let topic = TopicId(topic as u16);
            for (partition, info) in (0..).zip(&info.partitions) {
                if info.replicas.contains(&ctx.me) {
                    self.adopt_partition(TopicPartition::new(topic, partition), info, ctx);
                }
            }
        }
        self.follow(ctx);
    }

    /// Does what is new about one partition.
    pub(super) fn adopt_partition(
        &mut self,
        at: TopicPartition,
        info: &PartitionInfo,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let min_insync =
            self.config.spec(at.topic).map_or(1, |it| it.min_insync(info.replicas.len()));
        let (me, now) = (ctx.me, ctx.now);
        let Some(config) = self.log_configs.get(usize::from(at.topic.0)) else { return };
        let replica = self.replicas.open(at, config, now);
        if !replica.is_news(info) {
            return;
        }
        match info.leader {
            Some(leader) if leader == me => {
                let (new, offset) = (replica.leading().is_none(), replica.log.start());
                replica.lead(info, me, min_insync, now);
                if new && offset > 0 {
                    // each replica looks at retention by itself: this one may have been the first
                    ctx.note(Note::Kafka(KafkaNote::LogStart { at, offset }));
                }
                let raised =
                    self.replica(at, now).is_some_and(|(it, at)| it.raise_high_watermark(at));
                if raised {
                    self.tell_high_watermark(at, ctx);
                }
            }
            leader => {
                let same = leader.is_some() && replica.following() == leader;
                let same = same && replica.leader_epoch == info.leader_epoch;
                if !same {
                    replica.role = match leader {
                        Some(leader) => {
                            Role::Follower(Following { leader, not_before: Time::ZERO })
                        }
                        None => Role::Offline,
                    };
                }
                replica.leader_epoch = info.leader_epoch;
                replica.partition_epoch = Some(info.partition_epoch);
            }
        }
        self.touch(at);
        self.seat(at, ctx);
    }
}
