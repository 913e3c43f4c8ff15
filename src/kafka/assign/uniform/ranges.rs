//! The members of one topic by how much they have: the least and the most loaded of them.

/// Hands out members to give to and members to take from, so that the loads come closer.
///
/// Members are sorted by load. From the low end grows a range of members with the least load: each is
/// given one in turn, then the level rises and those that already were at it join. From the high end
/// grows a range of members with the most load, likewise downwards.
///
/// Source: Kafka, trunk of October 2024 (`1eb7644349c`), `UniformHeterogeneousAssignmentBuilder.MemberAssignmentBalancer`.
#[derive(Debug)]
pub(super) struct Ranges {
    members: Vec<usize>,
    /// The end of the low range, the load of its members, and whose turn it is.
    low_end: usize,
    low_level: Option<usize>,
    low_next: usize,
    /// The high range, the load of its members, and where the next one ends.
    high_start: usize,
    high_end: usize,
    high_level: usize,
    high_next: usize,
}

impl Ranges {
    /// For these members, of which there is at least one, with these loads.
    pub(super) fn new(members: &[usize], loads: &[usize]) -> Ranges {
        let mut members = members.to_vec();
        members.sort_by_key(|member| (loads[*member], *member));
        let len = members.len();
        let load = |at: Option<&usize>| at.map_or(0, |member| loads[*member]);
        Ranges {
            low_end: 0,
            low_level: load(members.first()).checked_sub(1),
            low_next: 0,
            high_start: len,
            high_end: len,
            high_level: load(members.last()) + 1,
            high_next: len,
            members,
        }
    }

    /// Whether taking from the most loaded for the least loaded gains nothing.
    pub(super) fn is_balanced(&self) -> bool {
        // a low range below the level 0 has not begun
        let low = self.low_level.map_or(0, |level| level + 1);
        self.high_level <= low
    }

    /// The next member to give one to.
    pub(super) fn least_loaded(&mut self, loads: &[usize]) -> usize {
        if self.low_next >= self.low_end {
            let level = self.low_level.map_or(0, |level| level + 1);
            self.low_level = Some(level);
            let joins = |member: &&usize| loads[**member] == level;
            self.low_end += self.members[self.low_end..].iter().take_while(joins).count();
            self.low_next = 0;
        }
        self.low_next += 1;
        self.members[self.low_next - 1]
    }

    /// The next member to take one from, if any is left.
    pub(super) fn most_loaded(&mut self, loads: &[usize]) -> Option<usize> {
        if self.high_next <= self.high_start {
            if self.high_end <= self.high_start && self.high_start > 0 {
                // all of the range were excluded: the next one begins anew
                self.high_level = loads[self.members[self.high_start - 1]];
            } else {
                self.high_level = self.high_level.saturating_sub(1);
            }
            let joins = |member: &&usize| loads[**member] == self.high_level;
            let below = self.members[..self.high_start].iter().rev();
            self.high_start -= below.take_while(joins).count();
            self.high_next = self.high_end;
        }
        self.high_next = self.high_next.checked_sub(1)?;
        Some(self.members[self.high_next])
    }

    /// The member that was handed out last has nothing to give up.
    pub(super) fn exclude_most_loaded(&mut self) {
        self.high_end -= 1;
        self.members.swap(self.high_next, self.high_end);
    }
}
