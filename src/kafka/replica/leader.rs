//! A replica that leads: it appends, knows how far its followers are, and moves the high watermark.
//!
//! Source: `Partition.scala` and `ReplicaState.java` of Apache Kafka 4.1.1, at the methods that are
//! named.

use super::{Replica, Role};
use crate::kafka::log::{Appended, Origin};
use crate::kernel::{NodeId, Span, Time};
use crate::talk::kafka::{
    Acks, Batch, Code, FetchFrom, Fetched, Image, Isolation, Offset, PartitionInfo,
};

/// What a leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Leading {
    /// Where its epoch begins.
    pub(in crate::kafka) epoch_start: Offset,
    /// The other replicas, in the order of the assignment.
    pub(in crate::kafka) peers: Vec<Peer>,
    /// The replicas in sync that the controller knows of, itself included.
    pub(in crate::kafka) isr: Vec<NodeId>,
    /// What it has asked the controller for and not heard of.
    pub(in crate::kafka) asked: Option<Vec<NodeId>>,
    /// The `min.insync.replicas` that counts.
    pub(in crate::kafka) min_insync: usize,
}

/// What a leader knows of another replica (`ReplicaState`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka) struct Peer {
    pub(in crate::kafka) node: NodeId,
    /// The end of its log: where it fetches from. `None` before it has fetched.
    pub(in crate::kafka) end: Option<Offset>,
    /// The end of the leader's log when it fetched last.
    leader_end: Offset,
    fetched_at: Time,
    /// When it had all that the leader had; `None` is long ago.
    caught_up_at: Option<Time>,
    /// The epoch of its broker when it fetched last.
    pub(in crate::kafka) broker_epoch: Option<u64>,
    /// The high watermark that it was told last.
    pub(in crate::kafka) told: Option<Offset>,
}

impl Peer {
    /// `ReplicaState.isCaughtUp`. One that has the whole log is never behind, however long ago.
    fn is_caught_up(&self, end: Offset, now: Time, lag_max: Span) -> bool {
        self.end == Some(end) || self.caught_up_at.is_some_and(|at| now.since(at) <= lag_max)
    }

    /// `Replica.updateFetchState`.
    fn fetched(&mut self, from: Offset, leader_end: Offset, epoch: u64, now: Time) {
        if from >= leader_end {
            self.caught_up_at = Some(now);
        } else if from >= self.leader_end && self.end.is_some() {
            self.caught_up_at = self.caught_up_at.max(Some(self.fetched_at));
        }
        self.end = Some(from);
        self.leader_end = self.leader_end.max(leader_end);
        self.fetched_at = now;
        self.broker_epoch = Some(epoch);
    }
}

/// What a leader must know of brokers to judge its peers.
#[derive(Clone, Copy, Debug)]
pub(in crate::kafka) struct Peers<'a> {
    pub(in crate::kafka) image: &'a Image,
    pub(in crate::kafka) now: Time,
    /// `replica.lag.time.max.ms`.
    pub(in crate::kafka) lag_max: Span,
    /// The high watermark stands still while too few are in sync (3.7).
    pub(in crate::kafka) waits_for_min_isr: bool,
}

impl Peers<'_> {
    /// `isReplicaIsrEligible`: not fenced, not about to stop, and in the same life as when it fetched
    /// (KIP-903).
    fn is_eligible(&self, peer: &Peer) -> bool {
        let broker = self.image.broker(peer.node);
        broker.is_some_and(|it| {
            !it.fenced && !it.shutting_down && peer.broker_epoch == Some(it.epoch)
        })
    }
}

/// What a follower or a consumer reads.
#[derive(Debug)]
pub(in crate::kafka) struct Read {
    pub(in crate::kafka) fetched: Fetched,
    pub(in crate::kafka) bytes: u64,
}

impl Leading {
    /// The replicas in sync if what was asked for is granted: whom the high watermark waits for
    /// (KIP-497).
    pub(in crate::kafka) fn maximal_isr(&self) -> impl Iterator<Item = NodeId> {
        let asked = self.asked.iter().flatten().filter(|it| !self.isr.contains(it));
        self.isr.iter().chain(asked).copied()
    }

    fn is_in_maximal_isr(&self, node: NodeId) -> bool {
        self.isr.contains(&node) || self.asked.as_ref().is_some_and(|it| it.contains(&node))
    }
}

impl Replica {
    /// `makeLeader`.
    pub(in crate::kafka) fn lead(
        &mut self,
        info: &PartitionInfo,
        me: NodeId,
        min_insync: usize,
        now: Time,
    ) {
        let new_epoch = info.leader_epoch > self.leader_epoch || self.leading().is_none();
        let end = self.log.end();
        if new_epoch {
            self.log.begin_epoch(info.leader_epoch);
        }
        let mut known = match std::mem::replace(&mut self.role, Role::Offline) {
            Role::Leader(leading) => Some(*leading),
            _ => None,
        };
        let was_leader = known.is_some();
        let peers = info.replicas.iter().filter(|it| **it != me).map(|&node| {
            let in_sync = info.isr.contains(&node);
            let old = known.as_mut().and_then(|it| it.peers.iter().find(|it| it.node == node));
            match old {
                Some(old) if !new_epoch => old.clone(),
                // Replica.resetReplicaState
                Some(old) if was_leader => Peer {
                    leader_end: end,
                    fetched_at: if in_sync { now } else { Time::ZERO },
                    caught_up_at: in_sync.then_some(now),
                    ..old.clone()
                },
                _ => Peer {
                    node,
                    end: None,
                    leader_end: 0,
                    fetched_at: Time::ZERO,
                    caught_up_at: in_sync.then_some(now),
                    broker_epoch: None,
                    told: None,
                },
            }
        });
        let peers = peers.collect();
        let epoch_start = match &known {
            Some(known) if !new_epoch => known.epoch_start,
            _ => end,
        };
        let isr = info.isr.clone();
        let leading = Leading { epoch_start, peers, isr, asked: None, min_insync };
        self.role = Role::Leader(Box::new(leading));
        self.leader_epoch = info.leader_epoch;
        self.partition_epoch = Some(info.partition_epoch);
    }

    /// `appendRecordsToLeader`: refused before anything is written while too few are in sync, if the
    /// producer wants all of them. Who wants less is served. The high watermark is another matter.
    pub(in crate::kafka) fn append(
        &mut self,
        batch: Batch,
        acks: Acks,
        origin: Origin,
        now: Time,
    ) -> Result<Appended, Code> {
        let Role::Leader(leading) = &self.role else { return Err(Code::NotLeaderOrFollower) };
        if acks == Acks::All && leading.isr.len() < leading.min_insync {
            return Err(Code::NotEnoughReplicas);
        }
        self.log.append(batch, self.leader_epoch, origin, now)
    }

    /// `maybeIncrementLeaderHW`: the smallest end among the leader, all that are or may soon be in
    /// sync, and those that have caught up and could be. It never goes back.
    ///
    /// Since 3.7 it stands still while fewer than `min.insync.replicas` are in sync (KAFKA-15583).
    pub(in crate::kafka) fn raise_high_watermark(&mut self, at: Peers<'_>) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        if at.waits_for_min_isr && leading.isr.len() < leading.min_insync {
            return false;
        }
        let end = self.log.end();
        let mut lowest = Some(end);
        for peer in &leading.peers {
            let counts = || {
                leading.is_in_maximal_isr(peer.node)
                    || (peer.is_caught_up(end, at.now, at.lag_max) && at.is_eligible(peer))
            };
            if peer.end < lowest && counts() {
                lowest = peer.end;
            }
        }
        let Some(to) = lowest.filter(|to| *to > self.high_watermark) else { return false };
        self.high_watermark = to;
        self.log.high_watermark_moved(to);
        true
    }

    /// `checkEnoughReplicasReachOffset`: whether a producer that waits for this offset can be
    /// answered, and what.
    pub(in crate::kafka) fn reached(&self, required: Offset) -> Option<Result<(), Code>> {
        let Role::Leader(leading) = &self.role else {
            return Some(Err(Code::NotLeaderOrFollower));
        };
        (self.high_watermark >= required).then(|| {
            if leading.maximal_isr().count() < leading.min_insync {
                return Err(Code::NotEnoughReplicasAfterAppend);
            }
            Ok(())
        })
    }

    /// `checkCurrentLeaderEpoch`.
    pub(in crate::kafka) fn check_epoch(&self, theirs: Option<u32>) -> Result<(), Code> {
        match theirs {
            Some(theirs) if theirs < self.leader_epoch => Err(Code::FencedLeaderEpoch),
            Some(theirs) if theirs > self.leader_epoch => Err(Code::UnknownLeaderEpoch),
            _ => Ok(()),
        }
    }

    /// `readRecords`: up to the end for a follower, up to the high watermark or the last stable
    /// offset for a consumer. The log's end, start and high watermark are those before the read.
    pub(in crate::kafka) fn read(
        &self,
        from: &FetchFrom,
        upto: Upto,
        limit: u64,
    ) -> Result<Read, Code> {
        if self.leading().is_none() {
            return Err(Code::NotLeaderOrFollower);
        }
        self.check_epoch(from.leader_epoch)?;
        let log = &self.log;
        let mut fetched = Fetched {
            error: None,
            high_watermark: self.high_watermark,
            last_stable_offset: log.last_stable_offset(self.high_watermark),
            log_start: log.start(),
            diverging: None,
            aborted: Vec::new(),
            batches: Vec::new(),
        };
        if let Some(epoch) = from.last_fetched_epoch {
            fetched.diverging = log.diverging(from.offset, epoch)?;
            if fetched.diverging.is_some() {
                return Ok(Read { fetched, bytes: 0 });
            }
        }
        let upper = self.upper(upto);
        let batches = log.read(from.offset, upper, limit, limit > 0)?;
        fetched.batches.extend(batches.cloned());
        let bytes = fetched.batches.iter().map(Batch::bytes).sum();
        if upto == Upto::LastStable
            && let Some(last) = fetched.batches.last()
        {
            fetched.aborted = log.aborted(from.offset, last.end().min(upper));
        }
        Ok(Read { fetched, bytes })
    }

    /// Up to where this reader may read.
    pub(in crate::kafka) fn upper(&self, upto: Upto) -> Offset {
        match upto {
            Upto::End => self.log.end(),
            Upto::HighWatermark => self.high_watermark,
            Upto::LastStable => self.log.last_stable_offset(self.high_watermark),
        }
    }

    /// `updateFollowerFetchState`: a follower has the log up to `from`.
    pub(in crate::kafka) fn follower_at(
        &mut self,
        node: NodeId,
        from: Offset,
        leader_end: Offset,
        broker_epoch: u64,
        at: Peers<'_>,
    ) -> Follows {
        let Role::Leader(leading) = &mut self.role else { return Follows::default() };
        let Some(peer) = leading.peers.iter_mut().find(|it| it.node == node) else {
            return Follows::default();
        };
        let before = peer.end;
        peer.fetched(from, leader_end, broker_epoch, at.now);
        let wants_in = leading.asked.is_none() && !leading.isr.contains(&node);
        let expand = wants_in && self.may_join(node, at);
        let raised = before != Some(from) && self.raise_high_watermark(at);
        Follows { expand, raised }
    }

    /// `isFollowerInSync`: it has reached the high watermark and the beginning of this epoch.
    fn may_join(&self, node: NodeId, at: Peers<'_>) -> bool {
        let Role::Leader(leading) = &self.role else { return false };
        let Some(peer) = leading.peers.iter().find(|it| it.node == node) else { return false };
        let needed = self.high_watermark.max(leading.epoch_start);
        peer.end.is_some_and(|end| end >= needed) && at.is_eligible(peer)
    }

    /// `getOutOfSyncReplicas`: who has not caught up for `replica.lag.time.max.ms`.
    pub(in crate::kafka) fn laggards(&self, at: Peers<'_>) -> Vec<NodeId> {
        let Role::Leader(leading) = &self.role else { return Vec::new() };
        if leading.asked.is_some() {
            return Vec::new();
        }
        let end = self.log.end();
        let behind =
            leading.peers.iter().filter(|peer| !peer.is_caught_up(end, at.now, at.lag_max));
        behind.map(|peer| peer.node).filter(|node| leading.isr.contains(node)).collect()
    }
}

/// What follows from a follower's fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka) struct Follows {
    /// It should be in sync.
    pub(in crate::kafka) expand: bool,
    /// The high watermark has moved.
    pub(in crate::kafka) raised: bool,
}

/// Up to where a reader reads (`FetchIsolation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kafka) enum Upto {
    End,
    HighWatermark,
    LastStable,
}

impl From<Isolation> for Upto {
    fn from(isolation: Isolation) -> Upto {
        match isolation {
            Isolation::ReadUncommitted => Upto::HighWatermark,
            Isolation::ReadCommitted => Upto::LastStable,
        }
    }
}
