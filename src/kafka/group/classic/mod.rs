//! The classic protocol: members join, one of them leads and divides the partitions, all of them
//! fetch what is theirs.
//!
//! Source: the `classicGroup…` methods of `GroupMetadataManager` and `ClassicGroup`, Apache Kafka
//! 4.1.1. A group here is never `Dead`: the state stands for one that is deleted or whose partition
//! has moved, and both are gone at once.

mod group;
mod join;
mod leave;
mod rebalance;
mod record;
mod sync;
#[cfg(test)]
mod tests;

pub use group::{ClassicGroup, State};
pub(super) use join::{Replaced, refusal};
pub(super) use record::ClassicRecord;

use super::pen::Pen;
use crate::kafka::coordinate::Desk;
use crate::kernel::Span;
use crate::talk::kafka::{Answer, Code, KafkaNote, Left};
use crate::talk::{KafkaTimer, Name};

/// How long a new member may take until it is in its first generation.
///
/// Source: `GroupCoordinatorConfig.CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS` of 4.1.1.
const NEW_MEMBER_JOIN_TIMEOUT: Span = Span::from_secs(5 * 60);

impl ClassicGroup {
    /// The session of the member at this place has ended, unless it waits for an answer of ours:
    /// a parked join or sync keeps it alive once it has been in a generation.
    ///
    /// Source: `expireClassicGroupMemberHeartbeat`, `ClassicGroupMember.hasSatisfiedHeartbeat`.
    pub(super) fn on_session(&mut self, place: u16, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let Some(member) = self.members.at(place) else { return };
        let is_waiting = member.joining.is_some() || member.syncing.is_some();
        if member.is_new || !is_waiting {
            let id = member.id.clone();
            self.expel(&id, Left::Session, desk);
            self.after_removal(pen, desk);
        }
    }

    /// Who was told an id has not come back with it.
    pub(super) fn on_expected(&mut self, place: u16, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        let Some(id) = self.expected.at(place).cloned() else { return };
        self.expected.remove(&id);
        self.after_expected(pen, desk);
    }

    fn after_expected(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        if self.state == State::PreparingRebalance && self.has_all_joined() {
            self.complete_join(pen, desk);
        }
    }

    fn after_removal(&mut self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        match self.state {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(pen, desk),
            State::PreparingRebalance if self.has_all_joined() => self.complete_join(pen, desk),
            _ => {}
        }
    }

    /// Removes a member and answers what it waits for.
    fn expel(&mut self, id: &Name, why: Left, desk: &mut Desk<'_, '_>) {
        let Some((place, member)) = self.remove(id) else { return };
        if let Some(client) = member.joining {
            desk.respond(client, join::refusal(Name::default(), Code::UnknownMemberId));
        }
        if let Some(client) = member.syncing {
            desk.respond(client, Answer::SyncGroup(Err(Code::UnknownMemberId)));
        }
        desk.disarm(KafkaTimer::Session(self.id, place));
        desk.note(KafkaNote::MemberGone { group: self.id, peer: member.client, why });
    }

    /// The session of a member begins again.
    pub(super) fn renew(&self, id: &Name, desk: &mut Desk<'_, '_>) {
        if let Some((place, member)) =
            self.members.place(id).and_then(|place| Some((place, self.members.at(place)?)))
        {
            desk.arm(KafkaTimer::Session(self.id, place), member.session_timeout);
        }
    }

    /// A commit shows that a member lives. Source: `OffsetMetadataManager.commitOffset`.
    pub(super) fn renew_by_commit(&self, id: &Name, desk: &mut Desk<'_, '_>) {
        if matches!(self.state, State::Stable | State::PreparingRebalance) {
            self.renew(id, desk);
        }
    }

    /// The group moves to another broker, or is deleted.
    pub(super) fn unload(&mut self, desk: &mut Desk<'_, '_>) {
        desk.disarm(KafkaTimer::Join(self.id));
        desk.disarm(KafkaTimer::Sync(self.id));
        for (place, _) in self.expected.iter() {
            desk.disarm(KafkaTimer::Member(self.id, place));
        }
        for (place, member) in self.members.iter_mut() {
            desk.disarm(KafkaTimer::Session(self.id, place));
            if let Some(client) = member.joining.take() {
                desk.respond(client, join::refusal(member.id.clone(), Code::NotCoordinator));
            }
            if let Some(client) = member.syncing.take() {
                desk.respond(client, Answer::SyncGroup(Err(Code::NotCoordinator)));
            }
        }
    }
}
