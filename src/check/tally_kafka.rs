//! Numbers about Kafka's groups and logs.

use std::collections::BTreeMap;

use super::cast::Cast;
use super::facts::Facts;
use super::grown;
use super::ledger::Ledger;
use crate::kernel::{NodeId, Seen, Time};
use crate::talk::Note;
use crate::talk::kafka::{GroupId, KafkaNote, Moved, Offset, TopicPartition};

/// Declares the counts, with their names.
macro_rules! counts {
    ($($count:ident = $name:literal,)*) => {
        #[derive(Clone, Copy, Debug)]
        enum Count {
            $($count,)*
        }

        /// The names of the counts, by [`Count`].
        const NAMES: [&str; [$($name),*].len()] = [$($name),*];
    };
}

counts! {
    Appended = "kafka.appended",
    Polled = "kafka.polled",
    Committed = "kafka.offsets-committed",
    Reset = "kafka.offsets-reset",
    Expired = "kafka.expired",
    Compacted = "kafka.compacted",
    Truncations = "kafka.truncations",
    Elections = "kafka.elections",
    Unclean = "kafka.elections.unclean",
    Leaderless = "kafka.elections.nobody",
    Shrunk = "kafka.isr-shrunk",
    Grown = "kafka.isr-grown",
    Rebalances = "kafka.rebalances",
    Gone = "kafka.members-gone",
    Refused = "kafka.members-refused",
    SequenceKnown = "kafka.sequence-known",
    ProduceRefused = "kafka.produce-refused",
    TxnCommitted = "kafka.markers.commit",
    TxnAborted = "kafka.markers.abort",
    Skipped = "kafka.skipped",
    Acquired = "kafka.acquired",
}

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct GroupTally {
    peak_lag: u64,
    rebalances: u64,
    polled: u64,
    /// The longest time in which one of its partitions had no owner after it had had one.
    pause: u64,
}

/// Who owns a partition in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Owners {
    nodes: Vec<NodeId>,
    /// Since when nobody does.
    free: Option<Time>,
}

impl Owners {
    /// Whether `node` was the last one.
    fn leave(&mut self, node: NodeId, at: Time) {
        let before = self.nodes.len();
        self.nodes.retain(|it| *it != node);
        if before > 0 && self.nodes.is_empty() {
            self.free = Some(at);
        }
    }
}

/// All numbers about Kafka.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KafkaTally {
    counts: [u64; NAMES.len()],
    groups: Vec<GroupTally>,
    owners: BTreeMap<(GroupId, TopicPartition), Owners>,
    starts: BTreeMap<TopicPartition, Offset>,
}

impl KafkaTally {
    /// A node is down: it owns nothing.
    pub(super) fn down(&mut self, node: NodeId, at: Time) {
        self.owners.values_mut().for_each(|owners| owners.leave(node, at));
    }

    /// Counts a note that `ledger` has learnt.
    pub(super) fn observe(&mut self, seen: Seen<'_, Note>, note: KafkaNote, ledger: &Ledger) {
        let count = match note {
            KafkaNote::Appended { .. } => Count::Appended,
            KafkaNote::Polled { group, .. } => {
                self.group(group).polled += 1;
                Count::Polled
            }
            KafkaNote::HighWatermark { .. } => {
                for (group, id) in self.groups.iter_mut().zip(0..) {
                    group.peak_lag = group.peak_lag.max(ledger.lag(GroupId(id)));
                }
                return;
            }
            KafkaNote::OffsetCommitted { .. } => Count::Committed,
            KafkaNote::PositionMoved { group, why, .. } => {
                let lag = ledger.lag(group);
                let group = self.group(group);
                group.peak_lag = group.peak_lag.max(lag);
                if !matches!(why, Moved::Nothing | Moved::OutOfRange) {
                    return;
                }
                Count::Reset
            }
            KafkaNote::LogStart { at, offset } => {
                let before = self.starts.insert(at, offset).unwrap_or(0);
                self.counts[Count::Expired as usize] += offset.saturating_sub(before);
                return;
            }
            KafkaNote::CompactedAway { .. } => Count::Compacted,
            KafkaNote::Truncated { .. } => Count::Truncations,
            KafkaNote::LeaderElected { leader: None, .. } => Count::Leaderless,
            KafkaNote::LeaderElected { unclean, .. } => {
                self.counts[Count::Unclean as usize] += u64::from(unclean);
                Count::Elections
            }
            KafkaNote::IsrChanged { joined: true, .. } => Count::Grown,
            KafkaNote::IsrChanged { .. } => Count::Shrunk,
            KafkaNote::Rebalanced { group, .. } => {
                self.group(group).rebalances += 1;
                Count::Rebalances
            }
            KafkaNote::MemberGone { .. } => Count::Gone,
            KafkaNote::MemberRefused { .. } => Count::Refused,
            KafkaNote::Assigned { group, at, .. } => {
                let owners = self.owners.entry((group, at)).or_default();
                if !owners.nodes.contains(&seen.node) {
                    owners.nodes.push(seen.node);
                }
                if let Some(free) = owners.free.take() {
                    let pause = seen.at.since(free).as_nanos() / 1_000;
                    let group = self.group(group);
                    group.pause = group.pause.max(pause);
                }
                return;
            }
            KafkaNote::Revoked { group, at, .. } => {
                let owners = self.owners.entry((group, at)).or_default();
                return owners.leave(seen.node, seen.at);
            }
            KafkaNote::SequenceKnown { .. } => Count::SequenceKnown,
            KafkaNote::ProduceRefused { .. } => Count::ProduceRefused,
            KafkaNote::TxnMarker { commit: true, .. } => Count::TxnCommitted,
            KafkaNote::TxnMarker { .. } => Count::TxnAborted,
            KafkaNote::Skipped { .. } => Count::Skipped,
            KafkaNote::Acquired { .. } => Count::Acquired,
            _ => return,
        };
        self.counts[count as usize] += 1;
    }

    fn group(&mut self, id: GroupId) -> &mut GroupTally {
        grown(&mut self.groups, id.0.into())
    }

    /// The numbers, with the names of the cast; none without a Kafka.
    pub(super) fn facts(&self, ledger: &Ledger, cast: &Cast, facts: &mut Facts) {
        if cast.topics.is_empty() && self.counts.iter().all(|count| *count == 0) {
            return;
        }
        for (name, count) in NAMES.into_iter().zip(self.counts) {
            facts.set(name, count);
        }
        let none = GroupTally::default();
        for id in 0..cast.groups.len().max(self.groups.len()) {
            let group = self.groups.get(id).unwrap_or(&none);
            let id = GroupId(id as u16);
            let name = cast.consumer_group(id);
            facts.set(format!("group.{name}.lag"), ledger.lag(id));
            facts.set(format!("group.{name}.peak-lag"), group.peak_lag);
            facts.set(format!("group.{name}.polled"), group.polled);
            facts.set(format!("group.{name}.rebalances"), group.rebalances);
            facts.set(format!("group.{name}.longest-pause-us"), group.pause);
        }
    }
}
