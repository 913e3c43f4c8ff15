//! Publishes that wait for their confirm, by sequence number.

use std::collections::VecDeque;

/// What is published and not yet answered. Sequence numbers start at 1 on every channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Outstanding<T> {
    /// The sequence number of the front entry.
    first: u64,
    /// An answered publish leaves a hole until all before it are answered.
    entries: VecDeque<Option<T>>,
    /// Entries that are not holes.
    open: u32,
}

impl<T> Default for Outstanding<T> {
    fn default() -> Outstanding<T> {
        Outstanding { first: 1, entries: VecDeque::new(), open: 0 }
    }
}

impl<T> Outstanding<T> {
    /// Adds the next publish and returns its sequence number.
    pub(super) fn push(&mut self, entry: T) -> u64 {
        self.entries.push_back(Some(entry));
        self.open += 1;
        self.first + self.entries.len() as u64 - 1
    }

    /// How many have no answer.
    pub(super) fn open(&self) -> u32 {
        self.open
    }

    /// Those without an answer, oldest first, with their sequence numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        (self.first..).zip(&self.entries).filter_map(|(tag, entry)| Some((tag, entry.as_ref()?)))
    }

    /// As [`Outstanding::iter`], for changing them.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        let first = self.first;
        (first..).zip(&mut self.entries).filter_map(|(tag, entry)| Some((tag, entry.as_mut()?)))
    }

    /// Takes the one with this sequence number, if it has no answer yet.
    pub(super) fn take(&mut self, tag: u64) -> Option<T> {
        let at = usize::try_from(tag.checked_sub(self.first)?).ok()?;
        let entry = self.entries.get_mut(at)?.take()?;
        self.open -= 1;
        self.trim();
        Some(entry)
    }

    /// Takes the oldest one if its sequence number is at most `tag`.
    pub(super) fn take_up_to(&mut self, tag: u64) -> Option<(u64, T)> {
        // The front is never a hole.
        let entry = if self.first <= tag { self.entries.pop_front()?? } else { return None };
        let its = self.first;
        self.first += 1;
        self.open -= 1;
        self.trim();
        Some((its, entry))
    }

    /// Takes the next one that this answer of the broker is about: it is called until there is none.
    /// With `multiple` that is every one up to `tag`, where 0 stands for all there are.
    pub(super) fn next_answered(&mut self, tag: u64, multiple: bool) -> Option<(u64, T)> {
        if multiple {
            self.take_up_to(if tag == 0 { u64::MAX } else { tag })
        } else {
            Some((tag, self.take(tag)?))
        }
    }

    fn trim(&mut self) {
        while let Some(None) = self.entries.front() {
            self.entries.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirms_may_come_in_any_order_and_for_several_at_once() {
        let mut outstanding = Outstanding::default();
        let tags: Vec<u64> = ('a'..='e').map(|entry| outstanding.push(entry)).collect();
        assert_eq!(tags, [1, 2, 3, 4, 5]);
        assert_eq!(outstanding.take(2), Some('b'));
        assert_eq!(outstanding.take(2), None, "answered already");
        assert_eq!(outstanding.take(9), None, "never published");
        assert_eq!(outstanding.open(), 4);
        assert_eq!(outstanding.take_up_to(3), Some((1, 'a')));
        assert_eq!(outstanding.take_up_to(3), Some((3, 'c')));
        assert_eq!(outstanding.take_up_to(3), None);
        assert_eq!(outstanding.iter().collect::<Vec<_>>(), [(4, &'d'), (5, &'e')]);
        assert_eq!(outstanding.take(5), Some('e'));
        assert_eq!(outstanding.take(4), Some('d'));
        assert_eq!(outstanding.push('f'), 6);
    }
}
