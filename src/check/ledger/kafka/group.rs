//! What is known of one group: who owns and reads what, and how far it has come.

use super::super::super::grown;
use super::super::super::rules::{Done, GroupRule};
use crate::kernel::NodeId;
use crate::talk::kafka::{GroupId, Moved, Offset, TopicPartition};

/// One member as a reader of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::check) struct Reader {
    pub(in crate::check) node: NodeId,
    /// The generation in which it was given the partition, and the how-manyeth to be given it; none
    /// when it was not, or not any more.
    pub(in crate::check) owns: Option<(i32, u32)>,
    /// Something was committed before it was given the partition: it is told of it.
    pub(in crate::check) is_heir: bool,
    /// The offset that it reads next; none before it is known.
    pub(in crate::check) position: Option<Offset>,
    /// What it would have read next when its position was moved last.
    pub(in crate::check) before: Option<Offset>,
    /// Why its position is there.
    pub(in crate::check) moved: Option<Moved>,
}

/// A group in one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct GroupPart {
    pub(in crate::check) readers: Vec<Reader>,
    /// How often it was given to a member.
    turns: u32,
    pub(in crate::check) committed: Option<Offset>,
    /// Where it began; none before that.
    pub(in crate::check) begin: Option<Offset>,
    /// The offset after the last one that any member was given.
    pub(in crate::check) seen: Offset,
    /// Everything before this has been looked at when offsets were committed.
    pub(in crate::check) passed: Offset,
    /// What of it is counted in the lag of the group.
    pub(super) lag: u64,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::check) struct GroupBook {
    /// By topic and partition.
    parts: Vec<Vec<GroupPart>>,
    pub(in crate::check) rule: GroupRule,
    pub(in crate::check) lag: u64,
}

impl GroupBook {
    pub(super) fn new(rule: GroupRule) -> GroupBook {
        GroupBook { parts: Vec::new(), rule, lag: 0 }
    }

    pub(in crate::check) fn part(&mut self, at: TopicPartition) -> &mut GroupPart {
        grown(grown(&mut self.parts, at.topic.0.into()), at.partition.into())
    }

    pub(in crate::check) fn get(&self, at: TopicPartition) -> Option<&GroupPart> {
        self.parts.get(usize::from(at.topic.0))?.get(usize::from(at.partition))
    }

    pub(super) fn all(&mut self) -> impl Iterator<Item = &mut GroupPart> {
        self.parts.iter_mut().flatten()
    }

    /// Whether it reads this partition.
    pub(in crate::check) fn reads(&self, at: TopicPartition) -> bool {
        self.get(at).is_some_and(|part| part.begin.is_some() || !part.readers.is_empty())
    }

    pub(in crate::check) fn by_delivery(&self) -> bool {
        self.rule.done == Done::Delivery
    }

    /// Counts what is not committed of a partition that ends at `high` for readers.
    pub(super) fn count_lag(&mut self, at: TopicPartition, high: Offset) {
        let part = self.part(at);
        let Some(done) = part.committed.or(part.begin) else { return };
        let lag = high.saturating_sub(done);
        let before = std::mem::replace(&mut part.lag, lag);
        self.lag = self.lag - before + lag;
    }
}

impl GroupPart {
    /// The entry of a member.
    pub(in crate::check) fn reader(&mut self, node: NodeId) -> &mut Reader {
        let at = self.readers.iter().position(|it| it.node == node).unwrap_or_else(|| {
            self.readers.push(Reader {
                node,
                owns: None,
                is_heir: false,
                position: None,
                before: None,
                moved: None,
            });
            self.readers.len() - 1
        });
        &mut self.readers[at]
    }

    /// A member is given the partition. The later one of two in a generation is the owner: it has
    /// taken the place of another process with its `group.instance.id`.
    pub(super) fn give(&mut self, node: NodeId, generation: i32) {
        self.turns += 1;
        let (turn, is_heir) = (self.turns, self.committed.is_some());
        let reader = self.reader(node);
        (reader.owns, reader.is_heir) = (Some((generation, turn)), is_heir);
    }

    /// In which generation and turn whoever owns it was given it, apart from `node`.
    pub(in crate::check) fn other_owner(&self, node: NodeId) -> Option<(i32, u32)> {
        self.readers.iter().filter(|it| it.node != node).filter_map(|it| it.owns).max()
    }

    /// The generation and turn in which `node` was given it, if it owns it.
    pub(in crate::check) fn owned_by(&self, node: NodeId) -> Option<(i32, u32)> {
        self.readers.iter().find(|it| it.node == node)?.owns
    }

    /// A member gives it up. It may still be in a batch of it.
    pub(super) fn give_up(&mut self, node: NodeId) {
        if let Some(reader) = self.readers.iter_mut().find(|it| it.node == node) {
            reader.owns = None;
            reader.before = reader.position.take().or(reader.before);
        }
    }

    /// A member is gone.
    pub(super) fn leave(&mut self, node: NodeId) {
        self.readers.retain(|it| it.node != node);
    }
}

/// The number of a group as an index.
pub(super) fn index(group: GroupId) -> usize {
    group.0.into()
}
