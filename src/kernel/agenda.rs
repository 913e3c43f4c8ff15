//! What is due next: an indexed 4-ary heap over *channels*.
//!
//! A channel is anything whose next occurrence is known: a link with its first packet, an armed
//! timer, the script of faults. Each channel is in the heap at most once, so a message sent on a
//! busy link costs nothing here, and a timer that is moved or disarmed leaves no tombstone.
//! Ties are broken by the order of scheduling, which is part of the key.

/// When something is due, and its place among what is due at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Due(u128);

impl Due {
    pub(crate) const fn new(nanos: u64, order: u64) -> Due {
        Due(((nanos as u128) << 64) | order as u128)
    }

    pub(crate) const fn nanos(self) -> u64 {
        (self.0 >> 64) as u64
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    due: Due,
    channel: u32,
}

const ABSENT: u32 = u32::MAX;

/// The heap. `place[channel]` is the position of a channel in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    heap: Vec<Entry>,
    place: Vec<u32>,
}

impl Agenda {
    /// The earliest channel.
    pub(crate) fn first(&self) -> Option<(Due, u32)> {
        self.heap.first().map(|entry| (entry.due, entry.channel))
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// Sets when `channel` is due, whether or not it was there before.
    pub(crate) fn set(&mut self, channel: u32, due: Due) {
        let index = channel as usize;
        if index >= self.place.len() {
            self.place.resize(index + 1, ABSENT);
        }
        let entry = Entry { due, channel };
        let at = self.place[index];
        if at == ABSENT {
            self.heap.push(entry);
            self.rise(self.heap.len() - 1, entry);
        } else if due < self.heap[at as usize].due {
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
        let Some(last) = self.heap.pop() else { return };
        let at = at as usize;
        if at == self.heap.len() {
            return;
        }
        if last.due < self.heap[at].due {
            self.rise(at, last);
        } else {
            self.sink(at, last);
        }
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.place[entry.channel as usize] = at as u32;
    }

    fn rise(&mut self, mut at: usize, entry: Entry) {
        while at > 0 {
            let parent = (at - 1) / 4;
            if self.heap[parent].due <= entry.due {
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
            let least = if let Some(four) = self.heap.get(child..child + 4) {
                // two rounds of a knockout, which compile to conditional moves
                let left = usize::from(four[1].due < four[0].due);
                let right = 2 + usize::from(four[3].due < four[2].due);
                child + if four[right].due < four[left].due { right } else { left }
            } else {
                let end = self.heap.len();
                match (child..end).min_by_key(|&i| self.heap[i].due) {
                    Some(least) => least,
                    None => break,
                }
            };
            if entry.due <= self.heap[least].due {
                break;
            }
            self.put(at, self.heap[least]);
            at = least;
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
