//! What a classic group is: its state, its members, and what can be asked of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kafka::coordinate::Client;
use crate::kafka::group::roster::Roster;
use crate::kafka::view::MemberView;
use crate::kernel::{NodeId, Span, Time};
use crate::talk::Name;
use crate::talk::kafka::{Code, GroupId, Protocol, Subscription, TopicId, TopicPartition};

/// `ClassicGroupState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It has no members; offsets may be there.
    #[default]
    Empty,
    /// Its members have to join again.
    PreparingRebalance,
    /// A generation has begun, and the leader computes who gets what.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
}

impl State {
    /// Its name, as Kafka's tools write it.
    pub const fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka::group) struct Member {
    pub(super) id: Name,
    pub(super) instance: Option<Name>,
    pub(super) client: NodeId,
    pub(super) session_timeout: Span,
    pub(super) rebalance_timeout: Span,
    pub(super) protocols: Vec<Protocol>,
    pub(super) assignment: Vec<TopicPartition>,
    /// Its `JoinGroup` that waits for the generation to begin.
    pub(super) joining: Option<Client>,
    /// Its `SyncGroup` that waits for the leader's.
    pub(super) syncing: Option<Client>,
    /// It has not been in a generation.
    pub(super) is_new: bool,
    /// It has not synced in this generation.
    pub(super) must_sync: bool,
}

/// A group of the classic protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClassicGroup {
    pub(super) id: GroupId,
    pub(super) state: State,
    /// The state before.
    pub(super) previous: State,
    /// When the state was entered.
    pub(super) since: Time,
    pub(super) generation: i32,
    pub(super) protocol: Option<Name>,
    pub(super) leader: Option<Name>,
    pub(super) members: Roster<Member>,
    /// Static members: who has which `group.instance.id`.
    pub(super) instances: BTreeMap<Name, Name>,
    /// Who was told an id and has not come back with it (KIP-394).
    pub(super) expected: Roster<Name>,
    /// Somebody joined since the initial delay began.
    pub(super) new_member_added: bool,
    /// The delay under way, and how much longer it may become; while the first rebalance waits.
    pub(super) initial_delay: Option<(Span, Span)>,
    /// Somebody has joined it at some time: otherwise it only holds offsets of a simple consumer.
    pub(super) is_joined: bool,
}

impl ClassicGroup {
    pub(in crate::kafka::group) fn new(id: GroupId, now: Time) -> ClassicGroup {
        ClassicGroup {
            id,
            state: State::Empty,
            previous: State::Empty,
            since: now,
            generation: 0,
            protocol: None,
            leader: None,
            members: Roster::default(),
            instances: BTreeMap::new(),
            expected: Roster::default(),
            new_member_added: false,
            initial_delay: None,
            is_joined: false,
        }
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Its generation.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// The assignor that its members agreed on.
    pub fn assignor(&self) -> Option<&Name> {
        self.protocol.as_ref()
    }

    /// Its members as they can be seen from outside.
    pub fn views(&self) -> impl Iterator<Item = MemberView> {
        self.members.iter().map(|(_, it)| MemberView {
            client: it.client,
            state: match self.state {
                State::PreparingRebalance if it.joining.is_some() => "joined",
                State::PreparingRebalance => "must join",
                State::CompletingRebalance if it.syncing.is_some() => "waits",
                State::CompletingRebalance => "must sync",
                State::Empty | State::Stable => "stable",
            },
            epoch: self.generation,
            leads: self.is_leader(&it.id),
            partitions: it.assignment.clone(),
        })
    }

    /// Its members: id, client and partitions.
    pub fn members(&self) -> impl Iterator<Item = (&Name, NodeId, &[TopicPartition])> {
        self.members.iter().map(|(_, it)| (&it.id, it.client, it.assignment.as_slice()))
    }

    pub(super) fn enter(&mut self, state: State, now: Time) {
        (self.previous, self.state, self.since) = (self.state, state, now);
    }

    pub(super) fn is_leader(&self, id: &Name) -> bool {
        self.leader.as_ref() == Some(id)
    }

    /// Source: `ClassicGroup.validateMember` of 4.1.1.
    pub(super) fn check_member(&self, id: &Name, instance: Option<&Name>) -> Result<(), Code> {
        if let Some(instance) = instance {
            match self.instances.get(instance) {
                None => return Err(Code::UnknownMemberId),
                Some(holder) if holder != id => return Err(Code::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members.place(id).map(drop).ok_or(Code::UnknownMemberId)
    }

    /// Whether a commit is allowed, in the order of the checks of `ClassicGroup.validateOffsetCommit`
    /// of 4.1.1. Outside of a transaction nothing is accepted while an assignment is computed, and a
    /// client that is no member commits only when the group has none.
    pub(in crate::kafka::group) fn check_commit(
        &self,
        id: &Name,
        instance: Option<&Name>,
        generation: i32,
        transactional: bool,
    ) -> Result<(), Code> {
        if generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        if generation >= 0 || !id.is_empty() || instance.is_some() {
            self.check_member(id, instance)?;
            if generation != self.generation {
                return Err(Code::IllegalGeneration);
            }
        } else if !transactional {
            return Err(Code::UnknownMemberId);
        }
        if !transactional && self.state == State::CompletingRebalance {
            return Err(Code::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether offsets of a topic can expire, and by what time they age: all of them from when the
    /// group became empty, those of a simple consumer (and of topics that nobody subscribes to)
    /// from their commit. Source: `ClassicGroup.offsetExpirationCondition` of 4.1.1.
    pub(in crate::kafka::group) fn ages_since(
        &self,
        topic: TopicId,
        committed: Time,
    ) -> Option<Time> {
        match self.state {
            State::Empty if self.is_joined => Some(self.since),
            State::Empty => Some(committed),
            State::Stable if !self.subscribes(topic) => Some(committed),
            _ => None,
        }
    }

    /// Nobody is in it, and nobody is expected.
    pub(in crate::kafka::group) fn is_deserted(&self) -> bool {
        self.state == State::Empty && self.expected.is_empty()
    }

    fn subscribes(&self, topic: TopicId) -> bool {
        let names = |member: &Member| {
            self.subscription(member).is_some_and(|it| it.topics.contains(&topic))
        };
        self.members.iter().any(|(_, member)| names(member))
    }

    pub(super) fn subscription<'a>(&self, member: &'a Member) -> Option<&'a Arc<Subscription>> {
        let chosen = self.protocol.as_ref()?;
        let found = member.protocols.iter().find(|protocol| protocol.name == *chosen)?;
        Some(&found.subscription)
    }

    /// Source: `ClassicGroup.supportsProtocols` of 4.1.1: one that every member supports.
    pub(super) fn supports(&self, protocols: &[Protocol]) -> bool {
        if self.state == State::Empty {
            return !protocols.is_empty();
        }
        protocols.iter().any(|it| self.is_common(&it.name))
    }

    fn is_common(&self, name: &Name) -> bool {
        let has = |member: &Member| member.protocols.iter().any(|it| it.name == *name);
        self.members.iter().all(|(_, member)| has(member))
    }

    /// Every member votes for the first in its list that all support; the most votes win. Between
    /// equal ones Java's hash map decides, here the order of their names. Source:
    /// `ClassicGroup.selectProtocol` of 4.1.1.
    pub(super) fn elect_protocol(&self) -> Option<Name> {
        let mut votes: BTreeMap<&Name, usize> = BTreeMap::new();
        let mut common: BTreeMap<&Name, bool> = BTreeMap::new();
        for (_, member) in self.members.iter() {
            let mut is_common = |name| *common.entry(name).or_insert_with(|| self.is_common(name));
            let vote = member.protocols.iter().map(|it| &it.name).find(|name| is_common(name));
            if let Some(name) = vote {
                *votes.entry(name).or_default() += 1;
            }
        }
        let most = votes.values().max().copied()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    /// A rebalance waits for the member that takes longest.
    pub(super) fn rebalance_timeout(&self) -> Span {
        let timeouts = self.members.iter().map(|(_, member)| member.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    pub(super) fn has_all_joined(&self) -> bool {
        self.expected.is_empty() && self.members.iter().all(|(_, it)| it.joining.is_some())
    }

    /// The leader stays when it has joined again; otherwise another one that has takes over. False
    /// when nobody has. Source: `ClassicGroup.maybeElectNewJoinedLeader` of 4.1.1.
    pub(super) fn elect_leader(&mut self) -> bool {
        let has_joined = |it: &Member| it.joining.is_some();
        if self.leader.as_ref().and_then(|id| self.members.get(id)).is_some_and(has_joined) {
            return true;
        }
        let found = self.members.iter().find(|(_, it)| has_joined(it));
        let Some(id) = found.map(|(_, it)| it.id.clone()) else { return false };
        self.leader = Some(id);
        true
    }

    /// Adds a member. The first one leads.
    pub(super) fn add(&mut self, member: Member) -> u16 {
        let id = member.id.clone();
        self.leader.get_or_insert_with(|| id.clone());
        if let Some(instance) = &member.instance {
            self.instances.insert(instance.clone(), id.clone());
        }
        self.is_joined = true;
        self.members.insert(id, member)
    }

    /// Removes a member. When it led, another one leads. Source: `ClassicGroup.remove` of 4.1.1.
    pub(super) fn remove(&mut self, id: &Name) -> Option<(u16, Member)> {
        let (place, member) = self.members.remove(id)?;
        if let Some(instance) = &member.instance {
            self.instances.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.iter().next().map(|(_, it)| it.id.clone());
        }
        Some((place, member))
    }
}
