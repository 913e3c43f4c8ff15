//! `JoinGroup`.

use super::group::Member;
use super::{ClassicGroup, NEW_MEMBER_JOIN_TIMEOUT, State};
use crate::kafka::coordinate::{Client, Desk};
use crate::kafka::group::pen::{After, Pen};
use crate::kernel::Span;
use crate::talk::kafka::{Answer, Code, Join, Joined, Protocol};
use crate::talk::{KafkaTimer, Name};

/// A static member that was replaced while what says so is being written: what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::kafka::group) struct Replaced {
    instance: Name,
    old: Name,
    new: Name,
    protocols: Vec<Protocol>,
    session_timeout: Span,
    rebalance_timeout: Span,
}

/// An answer that says what is wrong.
pub(in crate::kafka::group) fn refusal(member: Name, code: Code) -> Answer {
    Answer::JoinGroup(Box::new(Joined {
        error: Some(code),
        generation: -1,
        protocol: Name::default(),
        leader: Name::default(),
        member,
        skip_assignment: false,
        members: Vec::new(),
    }))
}

impl ClassicGroup {
    /// A member joins, for the first time or again.
    pub(in crate::kafka::group) fn on_join(
        &mut self,
        client: Client,
        join: Join,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if !self.accepts(&join.member, pen) {
            self.remove(&join.member);
            return desk.respond(client, refusal(Name::default(), Code::GroupMaxSizeReached));
        }
        if !self.supports(&join.protocols) {
            let code = Code::InconsistentGroupProtocol;
            return pen.refuse(self.id, client, refusal(join.member, code), code, desk);
        }
        if join.member.is_empty() {
            self.join_new(client, join, pen, desk);
        } else if let Some((place, _)) = self.expected.remove(&join.member) {
            desk.disarm(KafkaTimer::Member(self.id, place));
            let id = join.member.clone();
            self.add_member(client, id, join, pen, desk);
        } else if let Err(code) = self.check_member(&join.member, join.instance.as_ref()) {
            pen.refuse(self.id, client, refusal(join.member, code), code, desk);
        } else {
            self.join_again(client, join, pen, desk);
        }
    }

    /// Whether there is room (`group.max.size`). Source: `acceptJoiningMember`.
    fn accepts(&self, id: &Name, pen: &Pen) -> bool {
        let max = usize::try_from(pen.settings().group_max_size).unwrap_or(usize::MAX);
        let member = self.members.get(id);
        let waiting = || self.members.iter().filter(|(_, it)| it.joining.is_some()).count();
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                member.is_some_and(|it| it.joining.is_some()) || waiting() < max
            }
            State::CompletingRebalance | State::Stable => {
                member.is_some() || self.members.len() < max
            }
        }
    }

    fn join_new(&mut self, client: Client, join: Join, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let prefix = join.instance.as_ref().unwrap_or(&join.client_id);
        let is_known =
            |id: &Name| self.members.place(id).is_some() || self.expected.place(id).is_some();
        let id = pen.member_id(prefix, client, is_known, desk);
        let holder = join.instance.as_ref().and_then(|instance| self.instances.get(instance));
        if let Some(old) = holder.cloned() {
            self.replace(client, &old, id, join, pen, desk);
        } else if join.instance.is_none() && join.member_id_required {
            // KIP-394: a client whose first join timed out would leave a member behind
            let place = self.expected.insert(id.clone(), id.clone());
            desk.arm(KafkaTimer::Member(self.id, place), join.session_timeout);
            desk.respond(client, refusal(id, Code::MemberIdRequired));
        } else {
            self.add_member(client, id, join, pen, desk);
        }
    }

    fn add_member(
        &mut self,
        client: Client,
        id: Name,
        join: Join,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if self.state == State::PreparingRebalance && self.previous == State::Empty {
            self.new_member_added = true;
        }
        let place = self.add(Member {
            id,
            instance: join.instance,
            client: client.node,
            session_timeout: join.session_timeout,
            rebalance_timeout: join.rebalance_timeout,
            protocols: join.protocols,
            assignment: Vec::new(),
            joining: Some(client),
            syncing: None,
            is_new: true,
            must_sync: false,
        });
        desk.arm(KafkaTimer::Session(self.id, place), NEW_MEMBER_JOIN_TIMEOUT);
        self.rebalance_or_complete(pen, desk);
    }

    /// A member that is in the group joins: that begins a rebalance when it leads or has changed.
    fn join_again(&mut self, client: Client, join: Join, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let Some(member) = self.members.get_mut(&join.member) else { return };
        let is_unchanged = member.protocols == join.protocols;
        let waits_anyway = match self.state {
            State::PreparingRebalance => true,
            State::CompletingRebalance => !is_unchanged,
            State::Stable => !is_unchanged || self.leader.as_ref() == Some(&join.member),
            State::Empty => {
                let code = Code::UnknownMemberId;
                return pen.refuse(self.id, client, refusal(join.member, code), code, desk);
            }
        };
        if waits_anyway {
            member.update(client, join);
            self.rebalance_or_complete(pen, desk);
        } else {
            // its answer was lost, or it has not noticed that nothing changed
            let answer = self.joined(&join.member, false);
            desk.respond(client, answer);
        }
    }

    /// A static member comes back, or another client takes its instance id: it has a new id from now
    /// on, and the old one is fenced. Nothing else changes unless the vote for the protocol would.
    ///
    /// Source: `updateStaticMemberThenRebalanceOrCompleteJoin` (KIP-345, KIP-814).
    fn replace(
        &mut self,
        client: Client,
        old: &Name,
        new: Name,
        join: Join,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        let Some(instance) = join.instance.clone() else { return };
        self.rename(&instance, old, new.clone());
        let Some(member) = self.members.get_mut(&new) else { return };
        if let Some(fenced) = member.joining.take() {
            desk.respond(fenced, refusal(old.clone(), Code::FencedInstanceId));
        }
        if let Some(fenced) = member.syncing.take() {
            desk.respond(fenced, Answer::SyncGroup(Err(Code::FencedInstanceId)));
        }
        let before = Replaced {
            instance,
            old: old.clone(),
            new: new.clone(),
            protocols: member.protocols.clone(),
            session_timeout: member.session_timeout,
            rebalance_timeout: member.rebalance_timeout,
        };
        member.update(client, join);
        self.renew(&new, desk);
        match self.state {
            State::Stable if self.elect_protocol() == self.protocol => {
                let record = self.record();
                pen.write(record, After::Replaced(self.id, Box::new(before)), desk);
            }
            State::Stable => self.rebalance_or_complete(pen, desk),
            State::CompletingRebalance => self.prepare_rebalance(pen, desk),
            State::PreparingRebalance | State::Empty => self.maybe_complete_join(pen, desk),
        }
    }

    fn rename(&mut self, instance: &Name, old: &Name, new: Name) {
        self.members.rename(old, new.clone());
        if let Some(member) = self.members.get_mut(&new) {
            member.id = new.clone();
        }
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        self.instances.insert(instance.clone(), new);
    }

    /// What says that a static member was replaced is written, or could not be.
    pub(in crate::kafka::group) fn on_replaced(
        &mut self,
        before: Replaced,
        result: Result<(), Code>,
        desk: &mut Desk<'_, '_>,
    ) {
        let Some(member) = self.members.get_mut(&before.new) else { return };
        let client = member.joining.take();
        let answer = match result {
            Ok(()) => self.joined(&before.new, self.is_leader(&before.new)),
            Err(code) => {
                member.protocols = before.protocols;
                member.session_timeout = before.session_timeout;
                member.rebalance_timeout = before.rebalance_timeout;
                self.rename(&before.instance, &before.new, before.old.clone());
                refusal(Name::default(), code)
            }
        };
        if let Some(client) = client {
            desk.respond(client, answer);
        }
    }

    /// What a member is told of the generation. The leader learns of all members.
    pub(super) fn joined(&self, id: &Name, skip_assignment: bool) -> Answer {
        let entry = |(_, it): (u16, &Member)| {
            let subscription = self.subscription(it).cloned().unwrap_or_default();
            (it.id.clone(), it.instance.clone(), subscription)
        };
        let members =
            if self.is_leader(id) { self.members.iter().map(entry).collect() } else { Vec::new() };
        Answer::JoinGroup(Box::new(Joined {
            error: None,
            generation: self.generation,
            protocol: self.protocol.clone().unwrap_or_default(),
            leader: self.leader.clone().unwrap_or_default(),
            member: id.clone(),
            skip_assignment,
            members,
        }))
    }
}

impl Member {
    fn update(&mut self, client: Client, join: Join) {
        self.client = client.node;
        self.session_timeout = join.session_timeout;
        self.rebalance_timeout = join.rebalance_timeout;
        self.protocols = join.protocols;
        self.joining = Some(client);
    }
}
