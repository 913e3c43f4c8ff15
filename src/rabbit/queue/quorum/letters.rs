//! Dead letters of a quorum queue. Source: `rabbit_fifo_dlx.erl`.

use super::super::out::{Effect, Out};
use super::super::slab::{Handle, Marks};
use super::{Dead, Quorum};
use crate::kernel::Time;
use crate::rabbit::arguments::Overflow;
use crate::talk::{Death, MessageId, Note};

/// How many dead letters at-least-once dead lettering has under way at a time
/// (`dead_letter_worker_consumer_prefetch`).
const DEAD_LETTER_PREFETCH: usize = 32;

impl Quorum {
    /// Whether dead letters stay until confirmed. It needs `overflow: reject-publish`; otherwise it
    /// silently is at most once. Source: docs quorum-queues, "Activating at-least-once
    /// dead-lettering".
    pub(super) fn keeps_dead_letters(&self) -> bool {
        self.settings.at_least_once
            && self.settings.overflow == Overflow::RejectPublish
            && self.settings.dead_letter_exchange.is_some()
    }

    /// A message leaves the queue to be dead-lettered.
    pub(super) fn bury(&mut self, handle: Handle, why: Death, out: &mut Out) {
        if self.keeps_dead_letters() && why != Death::Maxlen {
            let Some(entry) = self.slab.remove(handle) else { return };
            let msg = entry.message.id;
            out.push(self.id, Effect::Note(Note::Dying { msg, queue: self.id, why }));
            self.next_ticket += 1;
            self.dead.push_back(Dead {
                ticket: self.next_ticket,
                why,
                failed: entry.failed,
                lettered: entry.marks.has(Marks::LETTERED),
                message: entry.message,
                under_way: false,
            });
        } else {
            self.remove(handle, why, out);
        }
    }

    pub(super) fn remove(&mut self, handle: Handle, why: Death, out: &mut Out) {
        let Some(entry) = self.slab.remove(handle) else { return };
        let lettered = entry.marks.has(Marks::LETTERED);
        let failed = entry.failed;
        let message = entry.message;
        let discard = Effect::Discard { message, why, failed, lettered, stored: true };
        out.push(self.id, discard);
    }

    pub(super) fn send_dead_letters(&mut self, out: &mut Out) {
        for dead in self.dead.iter_mut().take(DEAD_LETTER_PREFETCH).filter(|it| !it.under_way) {
            dead.under_way = true;
            out.push(
                self.id,
                Effect::DeadLetter {
                    message: dead.message.clone(),
                    why: dead.why,
                    failed: dead.failed,
                    lettered: dead.lettered,
                    ticket: dead.ticket,
                },
            );
        }
    }

    /// A new leader begins: what was under way under the one before is sent again.
    pub(crate) fn resend_dead_letters(&mut self, out: &mut Out) {
        self.dead.iter_mut().for_each(|dead| dead.under_way = false);
        self.send_dead_letters(out);
    }

    /// The target has the dead letter. Returns what it was.
    pub(crate) fn dead_letter_done(
        &mut self,
        ticket: u64,
        now: Time,
        out: &mut Out,
    ) -> Option<(MessageId, Death)> {
        let at = self.dead.iter().position(|dead| dead.ticket == ticket)?;
        let dead = self.dead.remove(at)?;
        self.serve(now, out);
        Some((dead.message.id, dead.why))
    }
}
