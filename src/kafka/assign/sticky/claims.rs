//! What members say they own, and whom to believe.

use std::cmp::Ordering;

use super::super::Member;
use super::super::layout::Layout;

/// Who owned what before.
#[derive(Debug)]
pub(super) struct Claims {
    /// Whose each partition is. Of several members that claim it, the one with the highest generation
    /// is believed; nobody is, if two claim it in that generation.
    pub(super) owners: Vec<Option<usize>>,
    /// The partitions that two members claim in one generation, even if a later one has them now.
    pub(super) disputed: Vec<bool>,
    /// Who claims a partition in the highest generation below the highest of the group. Of several,
    /// the first.
    pub(super) earlier: Vec<Option<usize>>,
    /// The partitions that each member claims, believed or not.
    pub(super) claimed: Vec<Vec<usize>>,
}

impl Claims {
    /// Sorts out the claims of these members, in the order in which Java walks them. Partitions that
    /// do not exist are nobody's.
    pub(super) fn of(layout: &Layout<'_>, members: &[&Member], walk: &[usize]) -> Claims {
        let generation = |at: usize| members[at].subscription.generation;
        let highest = walk.iter().map(|at| generation(*at)).max().unwrap_or_default();
        let claimed = |member: &&Member| -> Vec<usize> {
            member
                .subscription
                .owned
                .iter()
                .filter_map(|partition| layout.find(*partition))
                .collect()
        };
        let mut claims = Claims {
            owners: vec![None; layout.partitions()],
            disputed: vec![false; layout.partitions()],
            earlier: vec![None; layout.partitions()],
            claimed: members.iter().map(claimed).collect(),
        };
        // the last one who claimed it in a generation that was not older
        let mut claimant: Vec<Option<usize>> = vec![None; layout.partitions()];
        for &member in walk {
            let own = generation(member);
            for &partition in &claims.claimed[member] {
                let earlier = &mut claims.earlier[partition];
                if own < highest && earlier.is_none_or(|earlier| own > generation(earlier)) {
                    *earlier = Some(member);
                }
                let before = claimant[partition];
                if before == Some(member) {
                    continue; // it says so twice
                }
                match before.map_or(Ordering::Greater, |before| own.cmp(&generation(before))) {
                    Ordering::Less => continue,
                    Ordering::Equal => {
                        claims.owners[partition] = None;
                        claims.disputed[partition] = true;
                    }
                    Ordering::Greater => claims.owners[partition] = Some(member),
                }
                claimant[partition] = Some(member);
            }
        }
        claims
    }
}
