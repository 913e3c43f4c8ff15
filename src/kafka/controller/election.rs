//! What becomes of a partition when its replicas change: who leads it, and which replicas may.
//!
//! Source: `PartitionChangeBuilder` of Apache Kafka 4.1.1, method by method. Left out: reassignments,
//! the recovery state of leaders, and directories.

use crate::kernel::NodeId;
use crate::talk::kafka::PartitionInfo;

/// How a leader is elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::kafka) enum Election {
    /// The first replica leads if it may.
    Preferred,
    /// The leader stays if it may; else the first one that may leads.
    Online,
    /// The same; and if there is none, any replica that lives.
    Unclean,
}

/// A change of a partition that is about to be made.
#[derive(Clone, Debug)]
pub(super) struct Change<'a> {
    /// What it is now.
    pub(super) partition: &'a PartitionInfo,
    /// Who is to be in sync.
    pub(super) isr: Vec<NodeId>,
    /// Who is to be eligible.
    pub(super) elr: Vec<NodeId>,
    /// A replica whose machine may have lost the end of its log.
    pub(super) unclean_shutdown: Option<NodeId>,
    /// How a leader is elected.
    pub(super) election: Election,
    /// The `min.insync.replicas` that counts.
    pub(super) min_insync: usize,
    /// There are eligible leader replicas (KIP-966).
    pub(super) has_elr: bool,
    /// The leader's epoch grows also when a replica leaves those in sync: before 3.6 (KAFKA-15021).
    pub(super) bumps_on_shrink: bool,
}

/// Who is elected, if anybody is; and whether it may lack records.
type Elected = (Option<NodeId>, bool);

impl Change<'_> {
    /// What the partition is then, and whether its leader was elected uncleanly; `None` when nothing
    /// changes.
    pub(super) fn build(mut self, lives: impl Fn(NodeId) -> bool) -> Option<(PartitionInfo, bool)> {
        let old = self.partition;
        let mut last_known = old.last_known_elr.clone();
        self.populate_elr(&mut last_known);
        let (leader, unclean) = self.elect(&lives);
        let mut new = old.clone();
        let mut isr_is_forced = false;
        if leader != old.leader {
            if let Some(leader) = leader
                && let Some(at) = self.elr.iter().position(|it| *it == leader)
            {
                self.elr.remove(at);
                self.isr = vec![leader];
            }
            new.leader = leader;
            if let (true, Some(leader)) = (unclean, leader) {
                new.isr = vec![leader]; // what only the others have is lost
                isr_is_forced = true;
            }
        }
        // without eligible replicas the last one in sync stays so, dead or not
        if !isr_is_forced && (!self.isr.is_empty() || self.has_elr) {
            new.isr = self.isr;
        }
        if isr_is_forced || !self.has_elr {
            (self.elr, last_known) = (Vec::new(), Vec::new());
        } else if old.last_known_elr.len() == 1 && new.leader.is_none() {
            last_known = old.last_known_elr.clone();
        }
        // the last leader is kept when the partition loses it
        if self.has_elr && new.isr.is_empty() && !old.isr.is_empty() {
            last_known = old.leader.into_iter().collect();
        }
        (new.elr, new.last_known_elr) = (self.elr, last_known);
        if new == *old {
            return None;
        }
        let shrinks = old.isr.iter().any(|it| !new.isr.contains(it));
        if new.leader != old.leader || (self.bumps_on_shrink && shrinks) {
            new.leader_epoch += 1;
        }
        new.partition_epoch += 1;
        Some((new, unclean))
    }

    /// `maybePopulateTargetElr`: who leaves the replicas in sync while those are too few stays
    /// eligible.
    fn populate_elr(&mut self, last_known: &mut Vec<NodeId>) {
        if !self.has_elr {
            return;
        }
        if self.isr.len() >= self.min_insync {
            self.elr.clear();
            last_known.clear();
            return;
        }
        let mut candidates = self.elr.clone();
        candidates.extend(&self.partition.isr);
        candidates.sort();
        candidates.dedup();
        candidates.retain(|it| !self.isr.contains(it));
        self.elr = candidates.clone();
        self.elr.retain(|it| self.unclean_shutdown != Some(*it));
        candidates.extend(last_known.iter());
        candidates.sort();
        candidates.dedup();
        candidates.retain(|it| !self.isr.contains(it) && !self.elr.contains(it));
        *last_known = candidates;
    }

    fn elect(&self, lives: &impl Fn(NodeId) -> bool) -> Elected {
        let replicas = &self.partition.replicas;
        let valid = |it: NodeId| {
            (self.isr.contains(&it) || (self.isr.is_empty() && self.elr.contains(&it))) && lives(it)
        };
        let preferred = replicas.first().copied().filter(|_| self.election == Election::Preferred);
        let any = replicas.iter().copied().find(|&it| valid(it));
        let clean = preferred
            .filter(|&it| valid(it))
            .or(self.partition.leader.filter(|&it| valid(it)))
            .or(any);
        if let Some(leader) = clean {
            return (Some(leader), false);
        }
        if let Some(leader) = self.last_known_leader().filter(|&it| lives(it)) {
            return (Some(leader), true);
        }
        if self.election == Election::Unclean
            && let Some(leader) = replicas.iter().copied().find(|&it| lives(it))
        {
            return (Some(leader), true);
        }
        (None, false)
    }

    /// `canElectLastKnownLeader`.
    fn last_known_leader(&self) -> Option<NodeId> {
        match self.partition.last_known_elr[..] {
            [leader] if self.has_elr && self.elr.is_empty() && self.isr.is_empty() => Some(leader),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(1);
    const B: NodeId = NodeId(2);
    const C: NodeId = NodeId(3);

    fn partition(leader: Option<NodeId>, isr: &[NodeId]) -> PartitionInfo {
        PartitionInfo { leader, replicas: vec![A, B, C], isr: isr.to_vec(), ..Default::default() }
    }

    fn without(partition: &PartitionInfo, gone: NodeId) -> Change<'_> {
        Change {
            partition,
            isr: partition.isr.iter().copied().filter(|it| *it != gone).collect(),
            elr: partition.elr.clone(),
            unclean_shutdown: None,
            election: Election::Online,
            min_insync: 2,
            has_elr: true,
            bumps_on_shrink: false,
        }
    }

    fn all_but(dead: &[NodeId]) -> impl Fn(NodeId) -> bool {
        move |it| !dead.contains(&it)
    }

    #[test]
    fn the_first_replica_in_sync_by_assignment_leads() {
        let old = partition(Some(A), &[A, C, B]);
        let (new, unclean) = without(&old, A).build(all_but(&[A])).expect("a change");
        assert_eq!((new.leader, new.isr, unclean), (Some(B), vec![C, B], false));
        assert_eq!((new.leader_epoch, new.partition_epoch), (1, 1));
    }

    #[test]
    fn the_leader_stays_when_a_follower_leaves_and_so_does_its_epoch() {
        let old = partition(Some(B), &[A, B, C]);
        let (new, _) = without(&old, A).build(all_but(&[A])).expect("a change");
        assert_eq!((new.leader, new.leader_epoch, new.partition_epoch), (Some(B), 0, 1));
    }

    #[test]
    fn before_3_6_the_epoch_grows_with_every_replica_that_leaves() {
        let old = partition(Some(B), &[A, B, C]);
        let change = Change { bumps_on_shrink: true, ..without(&old, A) };
        assert_eq!(change.build(all_but(&[A])).expect("a change").0.leader_epoch, 1);
    }

    #[test]
    fn who_leaves_while_enough_are_in_sync_is_not_eligible_and_who_leaves_later_is() {
        // recorded on 4.1.1: 3 left while two remained, then 2: isr [1], elr [2]
        let old = partition(Some(A), &[A, B, C]);
        let (new, _) = without(&old, C).build(all_but(&[C])).expect("a change");
        assert_eq!((&new.isr, &new.elr), (&vec![A, B], &vec![]));
        let (newer, _) = without(&new, B).build(all_but(&[B, C])).expect("a change");
        assert_eq!((newer.isr, newer.elr), (vec![A], vec![B]));
    }

    #[test]
    fn an_eligible_replica_leads_without_loss_only_when_none_is_in_sync() {
        let old = PartitionInfo { elr: vec![B], ..partition(Some(A), &[A]) };
        let (gone, _) = without(&old, A).build(all_but(&[A, B, C])).expect("a change");
        assert_eq!((gone.leader, &gone.isr, &gone.elr), (None, &vec![], &vec![A, B]));
        let back = Change { elr: gone.elr.clone(), ..without(&gone, C) };
        let (back, unclean) = back.build(all_but(&[A, C])).expect("a change");
        assert_eq!((back.leader, back.isr, back.elr), (Some(B), vec![B], vec![A]));
        assert!(!unclean);
    }

    #[test]
    fn the_last_known_leader_leads_when_nobody_is_in_sync_or_eligible() {
        let old = PartitionInfo { last_known_elr: vec![C], ..partition(None, &[]) };
        let (new, unclean) = without(&old, A).build(all_but(&[A])).expect("a change");
        assert_eq!((new.leader, new.isr, unclean), (Some(C), vec![C], true));
    }

    #[test]
    fn an_unclean_election_takes_the_first_replica_that_lives_as_the_only_one_in_sync() {
        let old = partition(Some(A), &[A]);
        let change = Change { election: Election::Unclean, has_elr: false, ..without(&old, A) };
        let (new, unclean) = change.build(all_but(&[A])).expect("a change");
        assert_eq!((new.leader, new.isr, unclean), (Some(B), vec![B], true));
    }

    #[test]
    fn without_eligible_replicas_the_last_one_in_sync_stays_so_although_it_is_dead() {
        let old = partition(Some(A), &[A]);
        let change = Change { has_elr: false, ..without(&old, A) };
        let (new, _) = change.build(all_but(&[A])).expect("a change");
        assert_eq!((new.leader, new.isr, new.leader_epoch), (None, vec![A], 1));
    }

    #[test]
    fn a_replica_that_may_have_lost_its_tail_is_not_eligible() {
        let old = PartitionInfo { elr: vec![B], ..partition(Some(A), &[A]) };
        let change = Change { unclean_shutdown: Some(B), ..without(&old, B) };
        let (new, _) = change.build(all_but(&[])).expect("a change");
        assert_eq!((new.isr, new.elr, new.last_known_elr), (vec![A], vec![], vec![B]));
    }

    #[test]
    fn the_preferred_leader_gets_its_partition_back_when_it_is_in_sync() {
        let old = partition(Some(B), &[A, B]);
        let change = Change { election: Election::Preferred, ..without(&old, C) };
        assert_eq!(change.build(all_but(&[])).expect("a change").0.leader, Some(A));
    }

    #[test]
    fn nothing_to_change_is_no_change() {
        let old = partition(Some(A), &[A, B]);
        assert!(without(&old, C).build(all_but(&[])).is_none());
    }
}
