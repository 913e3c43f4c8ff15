//! What a classic queue writes, loses and recovers.

use super::super::disk::Unwritten;
use super::super::out::Effect;
use super::super::slab::{Handle, Marks};
use super::{Classic, Moment};
use crate::kernel::{Loss, Span, Time};
use crate::talk::{Note, RabbitTimer};

impl Classic {
    /// What is in memory is written: publishes are safe and acknowledgements final.
    pub(crate) fn flush(&mut self, at: &mut Moment<'_>) {
        let mut unwritten = std::mem::take(&mut self.disk.unwritten);
        for Unwritten { handle, seq, origin } in unwritten.drain(..) {
            if let Some(entry) = self.slab.find(handle)
                && entry.seq == seq
            {
                self.slab.get_mut(handle).marks.set(Marks::WRITTEN);
            }
            if origin.waits() {
                at.out.push(self.id, Effect::Confirm(origin));
            }
        }
        self.disk.unwritten = unwritten;
        self.let_ghosts_go();
        self.disk.flushed(self.next_seq, at.now, &self.profile.costs);
    }

    pub(super) fn arm_flush(&self, after: Option<Span>, at: &mut Moment<'_>) {
        if let Some(after) = after {
            at.out.push(self.id, Effect::Arm(RabbitTimer::Flush(self.id), after));
        }
    }

    /// Lets go of a message. What is written stays as a ghost until that is written as well.
    pub(super) fn leave(&mut self, handle: Handle, at: &mut Moment<'_>) {
        let entry = self.slab.get_mut(handle);
        let (seq, marks) = (entry.seq, entry.marks);
        if !marks.has(Marks::PERSISTENT) {
            self.slab.remove(handle);
            return;
        }
        if marks.has(Marks::WRITTEN) {
            entry.marks.set(Marks::GHOST);
            let flush = self.disk.bury(handle, seq, &self.profile.costs);
            self.arm_flush(flush, at);
        } else {
            self.slab.remove(handle);
        }
        if self.disk.leave(seq, self.next_seq) {
            self.let_ghosts_go();
        }
    }

    fn let_ghosts_go(&mut self) {
        for handle in self.disk.ghosts.drain(..) {
            self.slab.remove(handle);
        }
    }

    /// Goes down. `choose` decides how much of what was about to be written was.
    pub(crate) fn lose(
        &mut self,
        loss: Loss,
        now: Time,
        choose: &mut dyn FnMut(&'static str, u32) -> u32,
        note: &mut dyn FnMut(Note),
    ) {
        let unwritten = std::mem::take(&mut self.disk.unwritten);
        if loss != Loss::Graceful && !unwritten.is_empty() {
            let kept = choose("flush point", unwritten.len() as u32 + 1) as usize;
            for Unwritten { handle, seq, .. } in &unwritten[..kept.min(unwritten.len())] {
                if self.slab.find(*handle).is_some_and(|entry| entry.seq == *seq) {
                    self.slab.get_mut(*handle).marks.set(Marks::WRITTEN);
                }
            }
        }
        let mut order: Vec<(u64, Handle)> =
            self.slab.iter().map(|(handle, entry)| (entry.seq, handle)).collect();
        order.sort_unstable();
        let synced = match loss {
            Loss::Power => self.disk.synced(now, &self.profile.costs),
            Loss::Graceful | Loss::Process => u64::MAX,
        };
        let doubtful = order.iter().filter(|(seq, _)| *seq >= synced).count();
        let kept = if doubtful == 0 { 0 } else { choose("synced point", doubtful as u32 + 1) };
        let lost_from = order.len() - doubtful + kept as usize;
        for (at, &(seq, handle)) in order.iter().enumerate() {
            let marks = self.slab.get(handle).marks;
            let deleted = marks.has(Marks::GHOST) && self.disk.is_deleted(seq);
            if marks.has(Marks::WRITTEN) && at < lost_from && !deleted {
                let entry = self.slab.get_mut(handle);
                // after an unclean stop nobody knows what was delivered
                if loss != Loss::Graceful || marks.has(Marks::HELD) {
                    entry.marks.set(Marks::REDELIVERED);
                }
                entry.marks.unset(Marks::HELD);
            } else if let Some(entry) = self.slab.remove(handle)
                && !marks.has(Marks::GHOST)
            {
                note(Note::Lost { msg: entry.message.id, queue: self.id });
            }
        }
        self.ready.clear();
        self.consumers.clear();
        self.rings.clear();
        self.active = None;
        self.successor_waits = false;
        self.unacked = 0;
        self.ready_bytes = 0;
        self.expiry = Time::MAX;
    }

    /// Starts again from what is on the disk.
    pub(crate) fn recover(&mut self, at: &mut Moment<'_>) {
        let mut order: Vec<(u64, Handle)> =
            self.slab.iter().map(|(handle, entry)| (entry.seq, handle)).collect();
        order.sort_unstable();
        self.disk.restart(order.iter().map(|(seq, _)| *seq));
        for (_, handle) in order {
            let entry = self.slab.get_mut(handle);
            let resurrected = entry.marks.has(Marks::GHOST);
            entry.marks.unset(Marks::GHOST);
            self.ready.push_back(entry.level, handle);
            self.ready_bytes += u64::from(entry.message.publication.size);
            let msg = entry.message.id;
            self.note(Note::Recovered { msg, queue: self.id, resurrected }, at);
        }
        self.drop_head(at);
        self.drop_expired(at);
        self.renew_lease(at);
    }
}
