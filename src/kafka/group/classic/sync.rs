//! `SyncGroup` and `Heartbeat`.

use super::{ClassicGroup, State};
use crate::kafka::coordinate::{Client, Desk};
use crate::kafka::group::pen::{After, Pen};
use crate::talk::Name;
use crate::talk::kafka::{Answer, Code, Left, Sync, TopicPartition};

impl ClassicGroup {
    /// A member wants its partitions. It waits for the leader, whose sync brings them all.
    ///
    /// Source: `classicGroupSyncToClassicGroup`.
    pub(in crate::kafka::group) fn on_sync(
        &mut self,
        client: Client,
        sync: Sync,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if let Err(code) = self.check_sync(&sync) {
            let answer = Answer::SyncGroup(Err(code));
            return pen.refuse(self.id, client, answer, code, desk);
        }
        let is_leader = self.is_leader(&sync.member);
        let Some(member) = self.members.get_mut(&sync.member) else { return };
        match self.state {
            State::CompletingRebalance => {
                member.syncing = Some(client);
                member.must_sync = false;
                if is_leader {
                    let (generation, assignments) = (self.generation, sync.assignments);
                    let record = self.record_with(&assignments);
                    pen.write(record, After::Synced(self.id, generation, assignments), desk);
                }
            }
            State::Stable => {
                member.must_sync = false;
                let partitions = member.assignment.clone();
                desk.respond(client, Answer::SyncGroup(Ok(partitions)));
            }
            State::PreparingRebalance | State::Empty => {
                desk.respond(client, Answer::SyncGroup(Err(Code::RebalanceInProgress)));
            }
        }
    }

    fn check_sync(&self, sync: &Sync) -> Result<(), Code> {
        self.check_member(&sync.member, sync.instance.as_ref())?;
        if sync.generation == self.generation { Ok(()) } else { Err(Code::IllegalGeneration) }
    }

    /// What the leader assigned is written, or could not be, and then there is another rebalance.
    pub(in crate::kafka::group) fn on_synced(
        &mut self,
        generation: i32,
        assignments: Vec<(Name, Vec<TopicPartition>)>,
        result: Result<(), Code>,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if self.state != State::CompletingRebalance || self.generation != generation {
            return;
        }
        if result.is_err() {
            self.propagate(result, desk);
            return self.prepare_rebalance(pen, desk);
        }
        self.members.iter_mut().for_each(|(_, member)| member.assignment.clear());
        for (id, partitions) in assignments {
            if let Some(member) = self.members.get_mut(&id) {
                member.assignment = partitions;
            }
        }
        self.propagate(Ok(()), desk);
        self.enter(State::Stable, desk.now());
    }

    /// Members that have not synced within the rebalance timeout are out.
    ///
    /// Source: `expirePendingSync`.
    pub(in crate::kafka::group) fn on_sync_timer(
        &mut self,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        if !matches!(self.state, State::CompletingRebalance | State::Stable) {
            return;
        }
        let missing = self.members.iter().filter(|(_, it)| it.must_sync);
        let missing: Vec<Name> = missing.map(|(_, it)| it.id.clone()).collect();
        if missing.is_empty() {
            return;
        }
        for id in &missing {
            self.expel(id, Left::Rebalance, desk);
        }
        self.prepare_rebalance(pen, desk);
    }

    /// A member lives. It learns here that it has to join again.
    ///
    /// Source: `classicGroupHeartbeatToClassicGroup`. While an assignment is computed the answer is
    /// no error, though the comment of `ClassicGroupState` says otherwise.
    pub(in crate::kafka::group) fn on_heartbeat(
        &mut self,
        id: &Name,
        instance: Option<&Name>,
        generation: i32,
        desk: &mut Desk<'_, '_>,
    ) -> Result<(), Code> {
        self.check_member(id, instance)?;
        if generation != self.generation {
            return Err(Code::IllegalGeneration);
        }
        self.renew(id, desk);
        match self.state {
            State::Empty => Err(Code::UnknownMemberId),
            State::PreparingRebalance => Err(Code::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }
}
