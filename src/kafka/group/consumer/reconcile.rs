//! How a member comes from what it has to what it is to have.

use super::member::{Member, Phase};
use crate::talk::kafka::TopicPartition;

/// What a member is to have, in which epoch of the group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    pub(super) epoch: i32,
    /// In order.
    pub(super) partitions: &'a [TopicPartition],
}

/// The next state of a member, if there is one. It first gives up what it must: until it says that
/// it has, it stays in its epoch. Then it moves to the epoch of the target, and gets those of its
/// new partitions that nobody else has any more; the others follow as they become free.
///
/// `owned` is what it says it owns; when it says nothing that has not changed.
///
/// Source: `CurrentAssignmentBuilder` of Apache Kafka 4.1.1.
pub(super) fn reconcile(
    member: &Member,
    target: Target<'_>,
    is_free: impl Fn(TopicPartition) -> bool,
    owned: Option<&[TopicPartition]>,
) -> Option<Member> {
    let epoch = match member.phase {
        Phase::Stable if member.epoch == target.epoch => return None,
        Phase::Unrevoked if owns_any(owned, &member.revoking) => return None,
        Phase::Unrevoked => member.epoch + 1,
        Phase::Stable | Phase::Unreleased => member.epoch,
    };
    let next = next(member, epoch, target, is_free, owned);
    (next != *member).then_some(next)
}

/// Whether it owns any of them, as far as we know.
fn owns_any(owned: Option<&[TopicPartition]>, revoked: &[TopicPartition]) -> bool {
    owned.is_none_or(|owned| owned.iter().any(|at| revoked.binary_search(at).is_ok()))
}

fn next(
    member: &Member,
    epoch: i32,
    target: Target<'_>,
    is_free: impl Fn(TopicPartition) -> bool,
    owned: Option<&[TopicPartition]>,
) -> Member {
    let is_wanted = |at: &TopicPartition| target.partitions.binary_search(at).is_ok();
    let (mut kept, revoked): (Vec<TopicPartition>, Vec<TopicPartition>) =
        member.assigned.iter().copied().partition(is_wanted);
    if !revoked.is_empty() && owns_any(owned, &revoked) {
        let (phase, previous_epoch) = (Phase::Unrevoked, member.epoch);
        return Member {
            phase,
            epoch,
            previous_epoch,
            assigned: kept,
            revoking: revoked,
            ..member.clone()
        };
    }
    let missing = target.partitions.iter().filter(|at| kept.binary_search(at).is_err());
    let (free, taken): (Vec<TopicPartition>, Vec<TopicPartition>) =
        missing.copied().partition(|at| is_free(*at));
    kept.extend(free);
    kept.sort_unstable();
    // once it is in the epoch of the target it stays there
    let arrives = member.epoch != target.epoch || member.phase == Phase::Unrevoked;
    Member {
        phase: if taken.is_empty() { Phase::Stable } else { Phase::Unreleased },
        epoch: target.epoch,
        previous_epoch: if arrives { member.epoch } else { member.previous_epoch },
        assigned: kept,
        revoking: Vec::new(),
        ..member.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::kafka::TopicId;

    fn parts(numbers: &[u16]) -> Vec<TopicPartition> {
        numbers.iter().map(|&n| TopicPartition::new(TopicId(0), n)).collect()
    }

    fn member(epoch: i32, phase: Phase, assigned: &[u16], revoking: &[u16]) -> Member {
        let (assigned, revoking) = (parts(assigned), parts(revoking));
        Member { epoch, phase, assigned, revoking, ..Member::default() }
    }

    fn step(
        it: &Member,
        epoch: i32,
        target: &[u16],
        taken: &[u16],
        owned: Option<&[u16]>,
    ) -> Option<(Phase, i32, Vec<u16>, Vec<u16>)> {
        let (target, taken) = (parts(target), parts(taken));
        let owned = owned.map(parts);
        let target = Target { epoch, partitions: &target };
        let next = reconcile(it, target, |at| !taken.contains(&at), owned.as_deref())?;
        let numbers = |it: &[TopicPartition]| it.iter().map(|at| at.partition).collect();
        Some((next.phase, next.epoch, numbers(&next.assigned), numbers(&next.revoking)))
    }

    #[test]
    fn a_member_in_the_epoch_of_the_target_stays_as_it_is() {
        assert_eq!(step(&member(7, Phase::Stable, &[1], &[]), 7, &[1], &[], None), None);
    }

    #[test]
    fn a_member_gives_up_before_it_gets() {
        let before = member(7, Phase::Stable, &[0, 1], &[]);
        let next = step(&before, 8, &[1, 2], &[], Some(&[0, 1]));
        assert_eq!(next, Some((Phase::Unrevoked, 7, vec![1], vec![0])));
    }

    #[test]
    fn a_member_that_has_not_said_that_it_revoked_stays_in_its_epoch() {
        let before = member(7, Phase::Unrevoked, &[1], &[0]);
        assert_eq!(step(&before, 8, &[1, 2], &[], Some(&[0, 1])), None);
        assert_eq!(step(&before, 8, &[1, 2], &[], None), None);
        let next = step(&before, 8, &[1, 2], &[], Some(&[1]));
        assert_eq!(next, Some((Phase::Stable, 8, vec![1, 2], vec![])));
    }

    #[test]
    fn a_member_waits_for_what_others_have_not_released() {
        let before = member(7, Phase::Stable, &[1], &[]);
        let waiting = step(&before, 8, &[1, 2, 3], &[3], Some(&[1]));
        assert_eq!(waiting, Some((Phase::Unreleased, 8, vec![1, 2], vec![])));
        let before = member(8, Phase::Unreleased, &[1, 2], &[]);
        let next = step(&before, 8, &[1, 2, 3], &[], None);
        assert_eq!(next, Some((Phase::Stable, 8, vec![1, 2, 3], vec![])));
    }
}
