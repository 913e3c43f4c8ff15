//! A member of a group whose partitions the coordinator assigns.

use std::sync::Arc;

use crate::kernel::{NodeId, Span};
use crate::talk::Name;
use crate::talk::kafka::{ConsumerBeat, TopicId, TopicPartition};

/// `MemberState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// It has what it is to have.
    #[default]
    Stable,
    /// It must give partitions up and has not said that it has.
    Unrevoked,
    /// It waits for partitions that others have not given up.
    Unreleased,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::kafka::group) struct Member {
    pub(super) id: Name,
    pub(super) instance: Option<Name>,
    pub(super) rack: Option<Name>,
    pub(super) client: NodeId,
    pub(super) rebalance_timeout: Span,
    pub(super) topics: Vec<TopicId>,
    pub(super) assignor: Option<Name>,
    pub(super) epoch: i32,
    pub(super) previous_epoch: i32,
    pub(super) phase: Phase,
    /// What it may read, in order.
    pub(super) assigned: Vec<TopicPartition>,
    /// What it must give up, in order.
    pub(super) revoking: Vec<TopicPartition>,
    /// What it is to have in the end, in order.
    pub(super) target: Arc<[TopicPartition]>,
}

impl Member {
    /// The member as it describes itself now.
    pub(super) fn described(&self, client: NodeId, beat: &ConsumerBeat) -> Member {
        let mut next = self.clone();
        next.client = client;
        if let Some(timeout) = beat.rebalance_timeout {
            next.rebalance_timeout = timeout;
        }
        if let Some(topics) = &beat.topics {
            next.topics.clone_from(topics);
            next.topics.sort_unstable();
        }
        for (field, news) in [
            (&mut next.instance, &beat.instance),
            (&mut next.rack, &beat.rack),
            (&mut next.assignor, &beat.assignor),
        ] {
            if news.is_some() {
                field.clone_from(news);
            }
        }
        next
    }

    /// It wants something else than before: the group moves to the next epoch.
    ///
    /// Source: `hasMemberSubscriptionChanged` of 4.1.1.
    pub(super) fn wants_something_else(&self, next: &Member) -> bool {
        (&self.topics, &self.assignor, &self.rack) != (&next.topics, &next.assignor, &next.rack)
    }
}
