//! First in, first out, within levels of priority.

use std::collections::VecDeque;

/// Queues by level; the highest non-empty one is first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leveled {
    levels: Vec<VecDeque<u32>>,
    len: usize,
}

impl Leveled {
    /// With levels from 0 to `highest`.
    pub(crate) fn new(highest: u8) -> Leveled {
        Leveled { levels: vec![VecDeque::new(); usize::from(highest) + 1], len: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The highest level there is.
    pub(crate) fn highest(&self) -> u8 {
        (self.levels.len() - 1) as u8
    }

    pub(crate) fn push_back(&mut self, level: u8, item: u32) {
        self.levels[usize::from(level)].push_back(item);
        self.len += 1;
    }

    /// Puts `item` where `key` says it belongs within its level. Levels are sorted by that key, and
    /// what comes back mostly belongs to the front.
    pub(crate) fn insert(&mut self, level: u8, item: u32, key: impl Fn(u32) -> u64) {
        let queue = &mut self.levels[usize::from(level)];
        let own = key(item);
        if queue.front().is_none_or(|&first| own < key(first)) {
            queue.push_front(item);
        } else {
            let at = queue.partition_point(|&other| key(other) < own);
            queue.insert(at, item);
        }
        self.len += 1;
    }

    fn first(&self) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        self.levels.iter().rposition(|level| !level.is_empty())
    }

    pub(crate) fn front(&self) -> Option<u32> {
        self.levels[self.first()?].front().copied()
    }

    pub(crate) fn pop_front(&mut self) -> Option<u32> {
        let level = self.first()?;
        self.pop_level(level as u8)
    }

    pub(crate) fn front_of(&self, level: u8) -> Option<u32> {
        self.levels[usize::from(level)].front().copied()
    }

    pub(crate) fn pop_level(&mut self, level: u8) -> Option<u32> {
        let item = self.levels[usize::from(level)].pop_front()?;
        self.len -= 1;
        Some(item)
    }

    /// Head to tail.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.levels.iter().rev().flatten().copied()
    }

    pub(crate) fn clear(&mut self) {
        for level in &mut self.levels {
            level.clear();
        }
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn higher_levels_come_first_and_each_keeps_its_order() {
        let mut queue = Leveled::new(2);
        for (level, item) in [(0, 1), (2, 2), (1, 3), (2, 4)] {
            queue.push_back(level, item);
        }
        assert_eq!(queue.iter().collect::<Vec<_>>(), [2, 4, 3, 1]);
        queue.pop_front();
        queue.insert(2, 2, u64::from);
        assert_eq!(queue.iter().collect::<Vec<_>>(), [2, 4, 3, 1]);
        assert_eq!(queue.len(), 4);
    }
}
