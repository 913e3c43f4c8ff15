//! Where a queue keeps its messages: one slot each, found by number.

use crate::kernel::Time;
use crate::talk::Message;

use super::Session;

/// The number of a slot.
pub(crate) type Handle = u32;

/// No consumer: the message was fetched with `basic.get`.
pub(crate) const FETCHED: u32 = u32::MAX;

/// A message in a queue, in 48 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    /// When it expires; [`Time::MAX`] for never. Fixed when it is enqueued and never renewed.
    pub(crate) deadline: Time,
    /// Its place in the order of publishing.
    pub(crate) seq: u64,
    /// While a consumer holds it: which one, or [`FETCHED`].
    pub(crate) consumer: u32,
    /// While a consumer holds it: on which channel.
    pub(crate) session: Session,
    /// How often it was returned to this queue (`acquired_count`).
    pub(crate) returns: u16,
    /// How often its delivery failed, here and in the queues that dead-lettered it
    /// (`delivery_count`).
    pub(crate) failed: u16,
    pub(crate) level: u8,
    pub(crate) marks: Marks,
}

impl Entry {
    /// What consumers are shown: how often it was returned; until it is returned to this queue, how
    /// often its delivery failed elsewhere.
    pub(crate) fn delivery_count(&self) -> u16 {
        if self.returns == 0 { self.failed } else { self.returns }
    }

    /// A delivery failed: it was rejected, or its channel was lost. Giving a message back is none.
    /// Source: `rabbit_fifo:incr_msg/3` and its callers; observed on 4.0.5.
    pub(crate) fn count_failure(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }

    /// It was delivered before, or that cannot be ruled out.
    pub(crate) fn is_redelivered(&self) -> bool {
        self.marks.has(Marks::REDELIVERED)
    }
}

/// What else is known about an entry, in one byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Marks(u8);

impl Marks {
    /// It was delivered before, or that cannot be ruled out.
    pub(crate) const REDELIVERED: Marks = Marks(1);
    /// A consumer holds it.
    pub(crate) const HELD: Marks = Marks(2);
    /// It is to survive a restart.
    pub(crate) const PERSISTENT: Marks = Marks(4);
    /// And it is written.
    pub(crate) const WRITTEN: Marks = Marks(8);
    /// It left the queue, but the disk does not know that yet.
    pub(crate) const GHOST: Marks = Marks(16);
    /// It was dead-lettered into this queue: its `x-death` header is the broker's own.
    pub(crate) const LETTERED: Marks = Marks(32);

    pub(crate) const fn has(self, mark: Marks) -> bool {
        self.0 & mark.0 != 0
    }
    pub(crate) fn set(&mut self, mark: Marks) {
        self.0 |= mark.0;
    }
    pub(crate) fn unset(&mut self, mark: Marks) {
        self.0 &= !mark.0;
    }
}

/// Slots for entries, used again when free.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Slab {
    slots: Vec<Option<Entry>>,
    free: Vec<Handle>,
}

impl Slab {
    pub(crate) fn insert(&mut self, entry: Entry) -> Handle {
        match self.free.pop() {
            Some(handle) => {
                self.slots[handle as usize] = Some(entry);
                handle
            }
            None => {
                self.slots.push(Some(entry));
                (self.slots.len() - 1) as Handle
            }
        }
    }

    pub(crate) fn find(&self, handle: Handle) -> Option<&Entry> {
        self.slots.get(handle as usize)?.as_ref()
    }

    /// The entry of a handle that a queue keeps in one of its own lists.
    pub(crate) fn get(&self, handle: Handle) -> &Entry {
        self.find(handle).expect("a queue drops a handle from its lists before it frees the slot")
    }

    /// As [`Slab::get`].
    pub(crate) fn get_mut(&mut self, handle: Handle) -> &mut Entry {
        self.slots[handle as usize]
            .as_mut()
            .expect("a queue drops a handle from its lists before it frees the slot")
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<Entry> {
        let entry = self.slots.get_mut(handle as usize)?.take()?;
        self.free.push(handle);
        Some(entry)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Handle, &Entry)> {
        self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at as Handle, slot.as_ref()?)))
    }

    /// The handles of the messages that `session` holds, in the order of publishing.
    pub(crate) fn held_by(&self, session: Session) -> Vec<Handle> {
        self.held(|entry| entry.session == session)
    }

    /// The handles of the held messages that are wanted, in the order of publishing.
    pub(crate) fn held(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<Handle> {
        let mut held: Vec<(u64, Handle)> = self
            .iter()
            .filter(|(_, entry)| entry.marks.has(Marks::HELD) && wanted(entry))
            .map(|(handle, entry)| (entry.seq, handle))
            .collect();
        held.sort_unstable();
        held.into_iter().map(|(_, handle)| handle).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory of a long backlog is this, 4 bytes of order, and what vectors grow ahead.
    #[test]
    fn a_queued_message_takes_48_bytes() {
        assert_eq!(size_of::<Option<Entry>>(), 48);
    }
}
