//! Offsets, epochs, coordinators and producer ids: what clients look up.

use super::{Broker, Client, Word};
use crate::kafka::replica::Upto;
use crate::kernel::{Ctx, NodeId};
use crate::talk::kafka::{
    Answer, Code, EpochEnd, Isolation, ListOffset, Offset, ProducerIdentity, TopicPartition,
};
use crate::talk::{KafkaNote, Mq, Note};

impl Broker {
    /// `Partition.fetchOffsetForTimestamp`. A new leader does not say where the log ends before its
    /// high watermark has reached the beginning of its epoch (KIP-207).
    pub(super) fn list_offset(
        &self,
        at: TopicPartition,
        wanted: ListOffset,
        isolation: Isolation,
    ) -> Result<(Offset, u32), Code> {
        let replica = self.replicas.get(at).ok_or(self.absent(at))?;
        let leading = replica.leading().ok_or(Code::NotLeaderOrFollower)?;
        let log = &replica.log;
        let last = replica.upper(Upto::from(isolation));
        let lags = leading.epoch_start > replica.high_watermark;
        let found = match wanted {
            ListOffset::Earliest => log.start(),
            ListOffset::Latest if lags => return Err(Code::OffsetNotAvailable),
            ListOffset::Latest => last,
            ListOffset::At(time) => match log.offset_for(time, last) {
                Some((offset, _)) => offset,
                None if lags => return Err(Code::OffsetNotAvailable),
                None => last,
            },
        };
        Ok((found, replica.leader_epoch))
    }

    /// Why there is no replica of this partition here.
    pub(super) fn absent(&self, at: TopicPartition) -> Code {
        match self.image.partition(at) {
            Some(_) => Code::NotLeaderOrFollower,
            None => Code::UnknownTopicOrPartition,
        }
    }

    pub(super) fn end_of_epoch(&self, at: TopicPartition, epoch: u32) -> Result<EpochEnd, Code> {
        let replica = self.replicas.get(at).ok_or(self.absent(at))?;
        replica.leading().ok_or(Code::NotLeaderOrFollower)?;
        let start = EpochEnd { epoch: 0, end: replica.log.start() };
        Ok(replica.log.end_of_epoch(epoch).unwrap_or(start))
    }

    /// Who leads the partition of the internal topic that belongs to a name. The topic is created
    /// when it is needed first, and whoever asks must ask again. Source:
    /// `KafkaApis.handleFindCoordinatorRequest`, `DefaultAutoTopicCreationManager` of 4.1.1.
    pub(super) fn find_coordinator(
        &mut self,
        at: Option<TopicPartition>,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<NodeId, Code> {
        let at = at.ok_or(Code::CoordinatorNotAvailable)?;
        if self.image.partitions(at.topic) == 0 {
            self.tell_controller(Word::Create(at.topic), ctx);
        }
        let info = self.image.partition(at).ok_or(Code::CoordinatorNotAvailable)?;
        info.leader.ok_or(Code::CoordinatorNotAvailable)
    }

    /// Gives a producer that is only idempotent an id: from the broker's block, for which it asks the
    /// controller. Source: `RPCProducerIdManager` of 4.1.1.
    pub(super) fn give_id(&mut self, client: Client, ctx: &mut Ctx<'_, Mq>) {
        let (next, left) = self.ids;
        if left == 0 {
            if self.wanting_ids.is_empty() {
                self.tell_controller(Word::WantIds, ctx);
            }
            self.wanting_ids.push(client);
            return;
        }
        self.ids = (next + 1, left - 1);
        let identity = ProducerIdentity { id: next, epoch: 0 };
        self.respond(client, Answer::InitProducerId(Ok(identity)), ctx);
    }

    pub(super) fn got_ids(&mut self, first: u32, count: u32, ctx: &mut Ctx<'_, Mq>) {
        self.ids = (first, count);
        for client in std::mem::take(&mut self.wanting_ids) {
            self.give_id(client, ctx);
        }
    }

    /// `kafka-delete-records`: followers hear of it with their next fetch. Source:
    /// `Partition.deleteRecordsOnLeader`.
    pub(super) fn delete_records(
        &mut self,
        at: TopicPartition,
        before: Option<Offset>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(replica) = self.replicas.get_mut(at).filter(|it| it.leading().is_some()) else {
            return;
        };
        let offset = before.unwrap_or(u64::MAX).min(replica.high_watermark);
        if replica.log.advance_start(offset) {
            ctx.note(Note::Kafka(KafkaNote::LogStart { at, offset }));
            self.touch(at);
        }
    }
}
