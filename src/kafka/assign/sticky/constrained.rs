//! When all members subscribe to the same topics: quotas.
//!
//! Source: Kafka 4.1.1, `AbstractStickyAssignor.ConstrainedAssignmentBuilder`.

use std::collections::VecDeque;

use super::{Outcome, Scene};

/// Divides the partitions so that no member has two more than another.
///
/// A member keeps what it owns up to its quota, the lowest numbers first. The quota is what everybody
/// gets, and one more for as many members as it does not come out even for; those members are the
/// first ones that own so many. The rest is dealt, by topic and number, to those below their quota in
/// the order of their ids.
///
/// Where racks matter, a member keeps only what has a replica where it stands, and what is not kept
/// is first dealt to members that stand near to it.
pub(super) fn divide(scene: &Scene<'_>) -> Outcome {
    let mut quotas = Quotas::new(scene);
    quotas.keep_owned();
    quotas.below.sort_unstable();
    quotas.at_minimum.make_contiguous().sort_unstable();
    let mut left: Vec<usize> = (0..scene.layout.partitions())
        .filter(|partition| quotas.owners[*partition].is_none())
        .collect();
    scene.nearness.sort_by_members_near(&mut left);
    if scene.nearness.matters() {
        quotas.deal_near(&mut left);
    }
    quotas.deal(&left);
    Outcome {
        // everything was dealt: the quotas add up to the number of partitions
        owners: quotas.owners.into_iter().flatten().collect(),
        moving: quotas.moving,
    }
}

/// Who has how much, and who may have more.
struct Quotas<'a> {
    scene: &'a Scene<'a>,
    owners: Vec<Option<usize>>,
    moving: Vec<bool>,
    /// Who has to give back a partition, unless it is dealt to the same member again.
    given_up: Vec<Option<usize>>,
    /// How many each member has.
    counts: Vec<usize>,
    /// How many each member gets at least, and at most.
    minimum: usize,
    maximum: usize,
    /// How many more members may have more than the minimum.
    extra: usize,
    /// Who has less than the minimum.
    below: Vec<usize>,
    /// Who has the minimum and may yet get one more.
    at_minimum: VecDeque<usize>,
}

impl<'a> Quotas<'a> {
    fn new(scene: &'a Scene<'a>) -> Quotas<'a> {
        // there is at least one member
        let (partitions, members) = (scene.layout.partitions(), scene.members.len());
        Quotas {
            scene,
            owners: vec![None; partitions],
            moving: vec![false; partitions],
            given_up: vec![None; partitions],
            counts: vec![0; members],
            minimum: partitions / members,
            maximum: partitions.div_ceil(members),
            extra: partitions % members,
            below: Vec::new(),
            at_minimum: VecDeque::new(),
        }
    }

    /// Lets members keep what they own.
    fn keep_owned(&mut self) {
        let Scene { layout, claims, nearness, walk, .. } = self.scene;
        let mut owned = vec![Vec::new(); self.counts.len()];
        for (partition, owner) in claims.owners.iter().enumerate() {
            let Some(owner) = *owner else { continue };
            if nearness.is_far(owner, partition) {
                self.given_up[partition] = Some(owner);
            } else if !claims.disputed[partition] {
                owned[owner].push(partition);
            }
        }
        for &member in walk {
            let owned = &mut owned[member];
            // what a member keeps of several topics is the lowest numbers of each
            owned.sort_by_key(|partition| layout.number(*partition));
            let keeps = if owned.len() < self.minimum {
                self.below.push(member);
                owned.len()
            } else if owned.len() >= self.maximum && self.extra > 0 {
                self.take_extra();
                self.maximum
            } else {
                if self.extra > 0 {
                    self.at_minimum.push_back(member);
                }
                self.minimum
            };
            let (kept, given_up) = owned.split_at(keeps);
            kept.iter().for_each(|partition| self.owners[*partition] = Some(member));
            given_up.iter().for_each(|partition| self.given_up[*partition] = Some(member));
            self.counts[member] = keeps;
        }
    }

    /// One more member has more than the minimum. After the last one, the others have enough.
    fn take_extra(&mut self) {
        self.extra -= 1;
        if self.extra == 0 {
            self.at_minimum.clear();
        }
    }

    /// Deals partitions in a circle to members that are near to them, and leaves those to which
    /// nobody with room is near.
    fn deal_near(&mut self, left: &mut Vec<usize>) {
        let nearness = &self.scene.nearness;
        let mut next = 0;
        left.retain(|&partition| {
            let below = (0..self.below.len())
                .map(|step| (next + step) % self.below.len())
                .find(|at| nearness.is_near(self.below[*at], partition));
            if let Some(at) = below {
                let member = self.below[at];
                let mut after = at + 1;
                if self.counts[member] + 1 >= self.minimum {
                    self.below.remove(at);
                    after = at;
                    if self.counts[member] + 1 < self.maximum && self.extra > 0 {
                        self.at_minimum.push_back(member);
                    }
                }
                next = after.checked_rem(self.below.len()).unwrap_or(0);
                self.give(partition, member);
                return false;
            }
            let at = self.at_minimum.iter().position(|it| nearness.is_near(*it, partition));
            let Some(member) = at.and_then(|at| self.at_minimum.remove(at)) else { return true };
            self.take_extra();
            self.give(partition, member);
            false
        });
    }

    /// Deals partitions in a circle to members below the minimum, and then one each to members at
    /// the minimum.
    fn deal(&mut self, left: &[usize]) {
        let mut next = 0;
        for &partition in left {
            if next == self.below.len() {
                next = 0;
            }
            if let Some(&member) = self.below.get(next) {
                self.give(partition, member);
                if self.counts[member] == self.minimum {
                    self.below.remove(next);
                    self.at_minimum.push_back(member);
                } else {
                    next += 1;
                }
            } else if let Some(member) = self.at_minimum.pop_front() {
                self.give(partition, member);
            }
        }
    }

    fn give(&mut self, partition: usize, member: usize) {
        self.owners[partition] = Some(member);
        self.counts[member] += 1;
        let other = self.given_up[partition].is_some_and(|before| before != member);
        self.moving[partition] = other || self.scene.claims.disputed[partition];
    }
}
