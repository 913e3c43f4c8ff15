//! The log of one member: entries, how far they are synced, and where they begin.

use std::collections::VecDeque;

use super::{Index, Term};

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry<C> {
    /// The term of the leader that wrote it.
    pub term: Term,
    /// What it says; nothing in the first entry of a leader.
    pub command: Option<C>,
}

/// Term and place of an entry.
pub(super) type Place = (Term, Index);

/// Entries from `base + 1` on. What was before is contained in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log<C> {
    /// Term and place of the last entry that is no longer here.
    base: (Term, Index),
    entries: VecDeque<Entry<C>>,
    synced: Index,
}

impl<C> Default for Log<C> {
    fn default() -> Log<C> {
        Log { base: (0, 0), entries: VecDeque::new(), synced: 0 }
    }
}

impl<C: Clone> Log<C> {
    /// Term and place of the last entry.
    pub fn last(&self) -> (Term, Index) {
        match self.entries.back() {
            Some(entry) => (entry.term, self.base.1 + self.entries.len() as u64),
            None => self.base,
        }
    }

    /// How many entries are here.
    pub fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Whether there are none here.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The last place that is on disk.
    pub fn synced(&self) -> Index {
        self.synced
    }

    /// The entry at `index`, if it is still here.
    pub fn get(&self, index: Index) -> Option<&Entry<C>> {
        let at = index.checked_sub(self.base.1 + 1)?;
        self.entries.get(usize::try_from(at).ok()?)
    }

    /// The term of the entry at `index`; known for the last compacted entry too.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.1 {
            return Some(self.base.0);
        }
        self.get(index).map(|entry| entry.term)
    }

    /// Whether the entry at this place has this term. What a snapshot contains always agrees.
    pub(super) fn has(&self, (term, index): (Term, Index)) -> bool {
        index < self.base.1 || self.term_at(index) == Some(term)
    }

    pub(super) fn push(&mut self, entry: Entry<C>) -> Index {
        self.entries.push_back(entry);
        self.last().1
    }

    pub(super) fn mark_synced(&mut self, index: Index) {
        self.synced = self.synced.max(index.min(self.last().1));
    }

    pub(super) fn forget_unsynced(&mut self) {
        self.truncate_after(self.synced);
    }

    fn truncate_after(&mut self, index: Index) {
        self.entries.truncate(index.saturating_sub(self.base.1) as usize);
        self.synced = self.synced.min(self.last().1);
    }

    /// Puts `entries` behind `index`. An entry that is there already stays; the first one that
    /// differs, and everything after it, goes.
    pub(super) fn overwrite(&mut self, index: Index, entries: Vec<Entry<C>>) {
        for (place, entry) in (index + 1..).zip(entries) {
            if place <= self.base.1 {
                continue;
            }
            match self.term_at(place) {
                Some(term) if term == entry.term => {}
                Some(_) => {
                    self.truncate_after(place - 1);
                    self.push(entry);
                }
                None => {
                    self.push(entry);
                }
            }
        }
    }

    /// The entries from `next` on, and term and place of the one before; `None` when some of them
    /// are no longer here.
    pub(super) fn from(&self, next: Index) -> Option<(Place, Vec<Entry<C>>)> {
        let previous = next.checked_sub(1)?;
        let term = self.term_at(previous)?;
        let skip = (previous - self.base.1) as usize;
        Some(((term, previous), self.entries.range(skip..).cloned().collect()))
    }

    pub(super) fn restart_after(&mut self, last: (Term, Index)) {
        self.base = last;
        self.entries.clear();
        self.synced = last.1;
    }

    pub(super) fn drop_before(&mut self, index: Index) {
        while self.base.1 < index {
            let Some(entry) = self.entries.pop_front() else { break };
            self.base = (entry.term, self.base.1 + 1);
        }
    }
}
