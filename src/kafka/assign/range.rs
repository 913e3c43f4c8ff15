//! Java's `range`, the assignor that is used unless a client says otherwise.
//!
//! Source: Kafka 4.1.1, `RangeAssignor` of the clients.

use std::collections::BTreeMap;

use super::layout::{Layout, static_first};
use super::racks::Racks;
use super::{Assignment, Group};

/// Gives each member that subscribes to a topic a range of its partitions, static members first. The
/// first members get one more when it does not come out even; since every topic begins with the same
/// member, these add up.
///
/// Where racks matter, partitions are first given to members that stand where a replica is, in the
/// same quotas; topics that have the same subscribers and the same number of partitions are kept
/// together, so that one member gets the same partitions of each.
pub(super) fn assign(group: Group<'_>) -> Assignment {
    let layout = Layout::of(group);
    let racks = Racks::of(group, &layout);
    divide(group, &layout, &racks)
}

/// The broker's `range` of KIP-848: the same, but racks never matter.
///
/// Source: Kafka, trunk of October 2024 (`1eb7644349c`), `RangeAssignor` of the group coordinator.
pub(super) fn assign_on_broker(group: Group<'_>) -> Assignment {
    divide(group, &Layout::of(group), &Racks::default())
}

fn divide(group: Group<'_>, layout: &Layout<'_>, racks: &Racks) -> Assignment {
    let mut subscribers = vec![Vec::new(); layout.topics()];
    for at in static_first(group.members) {
        for topic in layout.subscribed(&group.members[at]) {
            subscribers[topic].push(at);
        }
    }
    let shares = subscribers.into_iter().enumerate();
    let mut shares: Vec<Share> =
        shares.map(|(topic, subscribers)| Share::new(layout, racks, topic, subscribers)).collect();

    let mut assignment = vec![Vec::new(); group.members.len()];
    if shares.iter().any(|share| share.racks_matter) {
        assign_near(&mut shares, &mut assignment);
        for share in &mut shares {
            share.assign_ranges(false, &mut assignment);
        }
        for partitions in &mut assignment {
            partitions.sort_unstable();
        }
    } else {
        for share in &mut shares {
            share.assign_ranges(false, &mut assignment);
        }
    }
    let named = |partitions: Vec<usize>| partitions.into_iter().map(|at| layout.named(at));
    assignment.into_iter().map(|partitions| named(partitions).collect()).collect()
}

/// One topic: what is left of it, and how much each member may still have.
struct Share<'a> {
    racks: &'a Racks,
    /// In the order in which they are served.
    subscribers: Vec<usize>,
    /// The place of the first partition, and how many there are.
    first: usize,
    len: usize,
    /// What nobody has yet, in its order.
    left: Vec<usize>,
    /// How many each subscriber has.
    taken: Vec<usize>,
    /// How many each subscriber gets at least.
    quota: usize,
    /// How many subscribers may still get one more than that.
    extra: usize,
    racks_matter: bool,
}

impl<'a> Share<'a> {
    fn new(
        layout: &Layout<'_>,
        racks: &'a Racks,
        topic: usize,
        subscribers: Vec<usize>,
    ) -> Share<'a> {
        let left = layout.partitions_of(topic);
        let (first, len) = (left.start, left.len());
        let racks_matter = racks.matter(subscribers.iter().copied(), left.clone());
        Share {
            racks,
            first,
            len,
            left: left.collect(),
            taken: vec![0; subscribers.len()],
            // a topic of the layout has a subscriber
            quota: len / subscribers.len(),
            extra: len % subscribers.len(),
            subscribers,
            racks_matter,
        }
    }

    /// Whether a replica is where this subscriber stands. One that stands nowhere is near to all.
    fn is_near(&self, subscriber: usize, partition: usize) -> bool {
        let rack = self.racks.of_member(self.subscribers[subscriber]);
        rack.is_none_or(|rack| self.racks.of_partition(partition).contains(&rack))
    }

    /// How many more this subscriber may have.
    fn room(&self, subscriber: usize) -> usize {
        (self.quota + usize::from(self.extra > 0)).saturating_sub(self.taken[subscriber])
    }

    fn take(&mut self, subscriber: usize, partitions: &[usize], assignment: &mut [Vec<usize>]) {
        self.taken[subscriber] += partitions.len();
        if self.taken[subscriber] > self.quota {
            self.extra -= 1; // there was room, so it was not 0
        }
        assignment[self.subscribers[subscriber]].extend_from_slice(partitions);
    }

    /// Gives each subscriber as much as it may have of what is left, or of what is left near to it.
    fn assign_ranges(&mut self, near: bool, assignment: &mut [Vec<usize>]) {
        for subscriber in 0..self.subscribers.len() {
            if self.left.is_empty() {
                break;
            }
            let room = self.room(subscriber);
            let mut partitions = Vec::with_capacity(room);
            let mut left = std::mem::take(&mut self.left);
            left.retain(|partition| {
                let fits =
                    partitions.len() < room && (!near || self.is_near(subscriber, *partition));
                if fits {
                    partitions.push(*partition);
                }
                !fits
            });
            self.left = left;
            if !partitions.is_empty() {
                self.take(subscriber, &partitions, assignment);
            }
        }
    }
}

/// Gives away what can be read nearby.
fn assign_near(shares: &mut [Share<'_>], assignment: &mut [Vec<usize>]) {
    let mut together: BTreeMap<(Vec<usize>, usize), Vec<usize>> = BTreeMap::new();
    for (at, share) in shares.iter().enumerate() {
        // among members that stand nowhere there is nothing near
        if share.subscribers.iter().any(|member| share.racks.of_member(*member).is_some()) {
            together.entry((share.subscribers.clone(), share.len)).or_default().push(at);
        }
    }
    for ((_, len), topics) in together {
        match &topics[..] {
            &[alone] => {
                if shares[alone].racks_matter {
                    shares[alone].assign_ranges(true, assignment);
                }
            }
            several => assign_near_together(shares, several, len, assignment),
        }
    }
}

/// Gives the partition of one number of several topics to the first member that is near to all of
/// them and may have another of each.
fn assign_near_together(
    shares: &mut [Share<'_>],
    topics: &[usize],
    len: usize,
    assignment: &mut [Vec<usize>],
) {
    let subscribers = shares[topics[0]].subscribers.len(); // there are several
    let mut remaining: Vec<usize> = (0..subscribers).collect();
    for number in 0..len {
        let fits = |subscriber: usize| {
            topics.iter().map(|at| &shares[*at]).all(|share| {
                share.room(subscriber) > 0 && share.is_near(subscriber, share.first + number)
            })
        };
        let Some(at) = remaining.iter().position(|subscriber| fits(*subscriber)) else { continue };
        let subscriber = remaining[at];
        for share in topics {
            let share = &mut shares[*share];
            let partition = share.first + number;
            share.left.retain(|left| *left != partition);
            share.take(subscriber, &[partition], assignment);
        }
        if topics.iter().all(|share| shares[*share].room(subscriber) == 0) {
            remaining.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Assignor;
    use super::super::testing::{group, partitions_of};

    #[test]
    fn the_first_members_get_one_more_of_each_topic() {
        let fixture =
            group(&[("t", 3), ("u", 3)]).member("b", &["t", "u"]).member("a", &["t", "u"]);
        let assignment = Assignor::Range.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "a"), ["t-0", "t-1", "u-0", "u-1"]);
        assert_eq!(partitions_of(&fixture, &assignment, "b"), ["t-2", "u-2"]);
    }

    #[test]
    fn partitions_go_where_a_replica_is_within_the_quotas() {
        let fixture = group(&[("t", 4)])
            .racks("t", &["b", "b", "b", "a"])
            .member("1", &["t"])
            .rack('a')
            .member("2", &["t"])
            .rack('b');
        let assignment = Assignor::Range.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "1"), ["t-2", "t-3"]);
        assert_eq!(partitions_of(&fixture, &assignment, "2"), ["t-0", "t-1"]);
    }

    #[test]
    fn on_the_broker_racks_never_matter() {
        let fixture = group(&[("t", 2)])
            .racks("t", &["b", "a"])
            .member("1", &["t"])
            .rack('a')
            .member("2", &["t"])
            .rack('b');
        let assignment = Assignor::BrokerRange.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "1"), ["t-0"]);
        assert_eq!(partitions_of(&fixture, &assignment, "2"), ["t-1"]);
    }

    #[test]
    fn racks_do_not_matter_when_every_partition_is_in_every_rack() {
        let fixture = group(&[("t", 2)])
            .racks("t", &["ab", "ba"])
            .member("1", &["t"])
            .rack('b')
            .member("2", &["t"])
            .rack('a');
        let assignment = Assignor::Range.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "1"), ["t-0"]);
    }

    #[test]
    fn topics_with_the_same_subscribers_and_numbers_stay_together_where_racks_matter() {
        // alone, "t" would give partition 0 to "1", and "u" would give it to "2"
        let fixture = group(&[("t", 2), ("u", 2)])
            .racks("t", &["a", "b"])
            .racks("u", &["b", "a"])
            .member("1", &["t", "u"])
            .rack('a')
            .member("2", &["t", "u"])
            .rack('b');
        let assignment = Assignor::Range.assign(fixture.group());
        assert_eq!(partitions_of(&fixture, &assignment, "1"), ["t-0", "u-0"]);
        assert_eq!(partitions_of(&fixture, &assignment, "2"), ["t-1", "u-1"]);
    }
}
