//! When members subscribe to different topics: as even as it can be. For librdkafka always.
//!
//! Source: Kafka 4.1.1, `AbstractStickyAssignor.GeneralAssignmentBuilder`.
//!
//! In Java the reassignment also looks for members that are near to a partition, but gives the
//! partition to the same member whether it found one or not; so it is not here.

use super::movements::Movements;
use super::{Outcome, Scene};

/// Divides the partitions.
///
/// A member keeps what it owns and still subscribes to (and, where racks matter, what has a replica
/// where it stands). The rest goes, topic by topic, to the subscriber that has the fewest; topics
/// with few subscribers come first. Then partitions move from members that have more to subscribers
/// that have at least two fewer, until nothing can be gained. If that did not make an existing
/// assignment more even, it is undone. `order` may take the partitions in another order.
pub(super) fn divide(scene: &Scene<'_>, order: impl FnOnce(Vec<usize>) -> Vec<usize>) -> Outcome {
    let mut balance = Balance::new(scene);
    balance.order = order(balance.order);
    let mut left: Vec<usize> = (balance.order.iter().copied())
        .filter(|partition| balance.owners[*partition].is_none())
        .collect();
    let initial = balance.counts.iter().all(|count| *count == 0);

    balance.assign(&left);
    let settled = |partition: &usize| balance.is_settled(scene.layout.topic_of(*partition));
    let movable: Vec<usize> =
        balance.order.iter().copied().filter(|partition| !settled(partition)).collect();
    left.retain(|partition| !settled(partition));
    balance.fix_members();

    let before = (balance.owners.clone(), balance.counts.clone());
    if !balance.revoked {
        balance.reassign(&left);
    }
    let moved = balance.reassign(&movable);
    if !initial && moved && balance.unevenness(&balance.counts) >= balance.unevenness(&before.1) {
        balance.owners = before.0;
    }

    // everything was assigned: each topic has a subscriber
    let owners: Vec<usize> = balance.owners.into_iter().flatten().collect();
    let moving = moving(scene, &owners);
    Outcome { owners, moving }
}

/// The partitions that their new owner did not claim and another member did.
fn moving(scene: &Scene<'_>, owners: &[usize]) -> Vec<bool> {
    let mut claimed = vec![false; owners.len()];
    let mut kept = vec![false; owners.len()];
    for (member, partitions) in scene.claims.claimed.iter().enumerate() {
        for &partition in partitions {
            let keeps = owners[partition] == member;
            kept[partition] |= keeps;
            claimed[partition] |= !keeps;
        }
    }
    claimed.iter().zip(&kept).map(|(claimed, kept)| *claimed && !kept).collect()
}

struct Balance<'a> {
    scene: &'a Scene<'a>,
    /// The subscribers of each topic, in their order.
    subscribers: Vec<Vec<usize>>,
    /// The topics of each member.
    topics: Vec<Vec<usize>>,
    /// The partitions by the number of subscribers of their topic, then by name and number.
    order: Vec<usize>,
    owners: Vec<Option<usize>>,
    /// How many each member has.
    counts: Vec<usize>,
    /// Members that take no part in reassignments: they have all they can have, and nobody else
    /// could have any of it.
    fixed: Vec<bool>,
    /// Whether somebody had to give up something that it owned.
    revoked: bool,
    movements: Movements,
    /// Whether nothing can be gained by another move. `None` when it has to be found out again.
    even: Option<bool>,
}

impl<'a> Balance<'a> {
    fn new(scene: &'a Scene<'a>) -> Balance<'a> {
        let Scene { layout, members, claims, nearness, .. } = scene;
        let mut subscribers = vec![Vec::new(); layout.topics()];
        let topics: Vec<Vec<usize>> =
            members.iter().map(|member| layout.subscribed(member).collect()).collect();
        for (member, topics) in topics.iter().enumerate() {
            topics.iter().for_each(|topic| subscribers[*topic].push(member));
        }
        let mut by_subscribers: Vec<usize> = (0..layout.topics()).collect();
        by_subscribers.sort_by_key(|topic| subscribers[*topic].len());

        let mut owners = vec![None; layout.partitions()];
        let mut counts = vec![0; members.len()];
        let mut revoked = false;
        for (partition, owner) in claims.owners.iter().enumerate() {
            let Some(owner) = *owner else { continue };
            let subscribes = topics[owner].contains(&layout.topic_of(partition));
            if subscribes && !nearness.is_far(owner, partition) {
                owners[partition] = Some(owner);
                counts[owner] += 1;
            } else {
                revoked = true;
            }
        }
        Balance {
            scene,
            order: by_subscribers.iter().flat_map(|topic| layout.partitions_of(*topic)).collect(),
            subscribers,
            topics,
            owners,
            fixed: vec![false; counts.len()],
            counts,
            revoked,
            movements: Movements::new(layout.partitions()),
            even: None,
        }
    }

    /// Gives each of these partitions to the subscriber that has the fewest. Where racks matter, those
    /// that somebody is near to come first, and go to one of these; who stands nowhere is near to all.
    fn assign(&mut self, partitions: &[usize]) {
        let nearness = &self.scene.nearness;
        let mut left = partitions.to_vec();
        if nearness.matters() {
            left.retain(|partition| {
                self.give(*partition, |member| !nearness.is_far(member, *partition)).is_none()
            });
        }
        for partition in left {
            self.give(partition, |_| true);
        }
    }

    /// Gives a partition to the one of these subscribers that has the fewest.
    fn give(&mut self, partition: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let topic = self.scene.layout.topic_of(partition);
        let member = self.least(topic, fits)?;
        self.owners[partition] = Some(member);
        self.counts[member] += 1;
        Some(member)
    }

    /// The subscriber of a topic that has the fewest partitions; of several, the first by id.
    fn least(&self, topic: usize, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let subscribers = self.subscribers[topic].iter().copied().filter(|member| fits(*member));
        subscribers.min_by_key(|member| self.counts[*member])
    }

    /// Whether nobody but its one subscriber could have a topic.
    fn is_settled(&self, topic: usize) -> bool {
        self.subscribers[topic].len() < 2
    }

    /// How many partitions a member could have.
    fn limit(&self, member: usize) -> usize {
        let topics = self.topics[member].iter();
        topics.map(|topic| self.scene.layout.partitions_of(*topic).len()).sum()
    }

    fn fix_members(&mut self) {
        let mut shares = vec![false; self.counts.len()];
        for (partition, owner) in self.owners.iter().enumerate() {
            let Some(owner) = *owner else { continue };
            shares[owner] |= !self.is_settled(self.scene.layout.topic_of(partition));
        }
        for (member, shares) in shares.into_iter().enumerate() {
            self.fixed[member] = self.counts[member] >= self.limit(member) && !shares;
        }
    }

    /// Moves these partitions until nothing can be gained; whether one was moved.
    fn reassign(&mut self, partitions: &[usize]) -> bool {
        let mut moved = false;
        loop {
            let mut modified = false;
            for &partition in partitions {
                if self.is_even() {
                    break;
                }
                if let Some(to) = self.better_owner(partition) {
                    self.move_one(partition, to);
                    modified = true;
                }
            }
            moved |= modified;
            if !modified {
                return moved;
            }
        }
    }

    /// Who should have a partition instead: first of all who had it in an earlier generation, even if
    /// it does not subscribe to it any longer; Kafka does not ask.
    fn better_owner(&self, partition: usize) -> Option<usize> {
        let count = self.counts[self.owners[partition]?];
        let fewer = |member: &usize| count > self.counts[*member] + 1;
        let earlier = self.scene.claims.earlier[partition].filter(|member| !self.fixed[*member]);
        earlier.filter(fewer).or_else(|| {
            let topic = self.scene.layout.topic_of(partition);
            self.least(topic, |member| !self.fixed[member]).filter(fewer)
        })
    }

    /// Moves a partition, or another one of its topic that went the opposite way.
    fn move_one(&mut self, partition: usize, to: usize) {
        let Some(owner) = self.owners[partition] else { return };
        let layout = &self.scene.layout;
        let partition = self.movements.instead_of(layout, partition, owner, to);
        let Some(from) = self.owners[partition] else { return };
        self.movements.record(layout, partition, from, to);
        self.owners[partition] = Some(to);
        self.counts[from] -= 1;
        self.counts[to] += 1;
        self.even = None;
    }

    /// Whether nothing can be gained: nobody has two more than another, or none of those who have
    /// fewer could have what those have.
    fn is_even(&mut self) -> bool {
        let known = self.even.unwrap_or_else(|| self.find_out_if_even());
        self.even = Some(known);
        known
    }

    fn find_out_if_even(&self) -> bool {
        let taking_part = || (0..self.counts.len()).filter(|member| !self.fixed[*member]);
        let (least, most) = (
            taking_part().map(|member| self.counts[member]).min(),
            taking_part().map(|member| self.counts[member]).max(),
        );
        if least.zip(most).is_none_or(|(least, most)| least + 1 >= most) {
            return true;
        }
        // how many the fullest owner of each topic has
        let mut fullest = vec![0; self.topics_len()];
        for (partition, owner) in self.owners.iter().enumerate() {
            let Some(owner) = owner.filter(|owner| !self.fixed[*owner]) else { continue };
            let fullest = &mut fullest[self.scene.layout.topic_of(partition)];
            *fullest = self.counts[owner].max(*fullest);
        }
        taking_part().all(|member| {
            let count = self.counts[member];
            count == self.limit(member)
                || self.topics[member].iter().all(|topic| count + 1 >= fullest[*topic])
        })
    }

    fn topics_len(&self) -> usize {
        self.subscribers.len()
    }

    /// The sum of the differences between any two members; 0 when all have the same number.
    fn unevenness(&self, counts: &[usize]) -> usize {
        let mut counts: Vec<usize> = (counts.iter().zip(&self.fixed))
            .filter(|(_, fixed)| !**fixed)
            .map(|(count, _)| *count)
            .collect();
        counts.sort_unstable();
        let mut before = 0;
        let mut sum = 0;
        for (at, count) in counts.into_iter().enumerate() {
            sum += at * count - before;
            before += count;
        }
        sum
    }
}
