//! What is due next: an indexed 4-ary heap over *channels*.
//!
//! A channel is anything whose next occurrence is known: a link with its first packet, an armed
//! timer, the script of faults. Each channel is in the heap at most once, so a message sent on a
//! busy link costs nothing here, and a timer that is moved or disarmed leaves no tombstone.
//! Ties are broken by the order of scheduling, which is part of the key.

/// When something is due, and its place among what is due at the same time.
///
/// 64 bits of nanoseconds, 40 bits of order (a run schedules fewer than 10^12 things), and 24 bits
/// left free for the channel, so that an entry of the heap is one comparable word of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Due(u128);

const CHANNEL_BITS: u32 = 24;
const CHANNELS: u32 = 1 << CHANNEL_BITS;

impl Due {
    pub(crate) const fn new(nanos: u64, order: u64) -> Due {
        Due(((nanos as u128) << 64) | ((order << CHANNEL_BITS) as u128))
    }

    pub(crate) const fn nanos(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

/// A due time and a channel in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    const fn new(due: Due, channel: u32) -> Entry {
        Entry(due.0 | channel as u128)
    }
    const fn channel(self) -> u32 {
        self.0 as u32 & (CHANNELS - 1)
    }
    const fn due(self) -> Due {
        Due(self.0 & !(CHANNELS as u128 - 1))
    }
}

const ABSENT: u32 = u32::MAX;

/// Later than everything.
const NEVER: Entry = Entry(u128::MAX);

/// The heap. `place[channel]` is the position of a channel in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    /// `len` entries, and some of [`NEVER`], so that whoever has a child has four.
    heap: Vec<Entry>,
    len: usize,
    place: Vec<u32>,
}

impl Agenda {
    /// The earliest channel.
    pub(crate) fn first(&self) -> Option<(Due, u32)> {
        self.heap.first().filter(|entry| **entry != NEVER).map(|it| (it.due(), it.channel()))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Sets when `channel` is due, whether or not it was there before.
    ///
    /// # Panics
    /// With more than 16 million channels, that is 8 million links or timers at once.
    pub(crate) fn set(&mut self, channel: u32, due: Due) {
        let index = channel as usize;
        if index >= self.place.len() {
            assert!(channel < CHANNELS, "a world has at most 8 million links and 8 million timers");
            self.place.resize(index + 1, ABSENT);
        }
        let entry = Entry::new(due, channel);
        let at = self.place[index];
        if at == ABSENT {
            self.len += 1;
            // the last one may be an only child
            self.heap.resize(self.heap.len().max(self.len + 3), NEVER);
            self.rise(self.len - 1, entry);
        } else if entry < self.heap[at as usize] {
            self.rise(at as usize, entry);
        } else {
            self.sink(at as usize, entry);
        }
    }

    /// Takes `channel` out, if it is there.
    pub(crate) fn remove(&mut self, channel: u32) {
        let Some(&at) = self.place.get(channel as usize) else { return };
        if at == ABSENT {
            return;
        }
        self.place[channel as usize] = ABSENT;
        let at = at as usize;
        self.len -= 1;
        let last = std::mem::replace(&mut self.heap[self.len], NEVER);
        if at == self.len {
            return;
        }
        if last < self.heap[at] {
            self.rise(at, last);
        } else {
            self.sink(at, last);
        }
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.place[entry.channel() as usize] = at as u32;
    }

    fn rise(&mut self, mut at: usize, entry: Entry) {
        while at > 0 {
            let parent = (at - 1) / 4;
            if self.heap[parent] <= entry {
                break;
            }
            self.put(at, self.heap[parent]);
            at = parent;
        }
        self.put(at, entry);
    }

    fn sink(&mut self, mut at: usize, entry: Entry) {
        loop {
            let child = 4 * at + 1;
            let Some(&[a, b, c, d]) = self.heap.get(child..).and_then(|rest| rest.first_chunk())
            else {
                break;
            };
            // a knockout of two rounds, which compiles to conditional moves
            let (left, l) = if b < a { (1, b) } else { (0, a) };
            let (right, r) = if d < c { (3, d) } else { (2, c) };
            let (least, its) = if r < l { (right, r) } else { (left, l) };
            if entry <= its {
                break;
            }
            self.put(at, its);
            at = child + least;
        }
        self.put(at, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Whatever is set and removed, the first is what a sorted map says it is.
        #[test]
        fn it_agrees_with_a_sorted_map(ops in prop::collection::vec((0u32..40, prop::option::of(0u64..100)), 1..400)) {
            let (mut agenda, mut model) = (Agenda::default(), BTreeMap::new());
            for (order, (channel, nanos)) in ops.into_iter().enumerate() {
                match nanos {
                    Some(nanos) => {
                        let due = Due::new(nanos, order as u64);
                        agenda.set(channel, due);
                        model.insert(channel, due);
                    }
                    None => {
                        agenda.remove(channel);
                        model.remove(&channel);
                    }
                }
                let first = model.iter().map(|(&channel, &due)| (due, channel)).min();
                prop_assert_eq!(agenda.first(), first);
                prop_assert_eq!(agenda.len(), model.len());
            }
        }
    }
}
