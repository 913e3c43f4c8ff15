//! `healthy-dead-lettered`: a message that never failed by itself ended among the dead: it rests
//! in a dead-letter queue, was taken from there without an effect, or was parked.
//!
//! A message is healthy as long as no handler failed because of the message itself; a downstream
//! outage, an expiry in a backlog or a lost consumer is not its fault. A queue is for the dead when
//! the rules say so, or when only dead letters and parked messages ever came in. Shows at the end
//! of a run.
//!
//! The smallest history that breaks it:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   discard m1 q expired dead
//! broker   store m1 d from q
//! ```

use super::super::book::{Token, mark};
use super::super::breaches::Breaches;
use super::super::cell::{Cell, fact};
use super::super::class::{Class, Point};
use super::super::ledger::Ledger;
use super::super::verdict::{Breach, How};
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// Whether a queue is where dead messages rest.
    pub(in super::super) fn for_the_dead(&self, queue: u16) -> bool {
        let Some(book) = self.queues.get(usize::from(queue)) else { return false };
        let rule = book.name.as_ref().and_then(|name| {
            self.rules.queues.iter().find(|rule| rule.name == *name).and_then(|rule| rule.dead)
        });
        rule.unwrap_or(book.dead && !book.live)
    }

    /// Whether a message rests among the dead: all its copies do, or the last one did.
    pub(in super::super) fn rests(&self, cell: Cell, play: u32) -> bool {
        let book = self.book.play(play);
        let real = |token: &Token| !token.has(mark::GHOST | mark::REPLY);
        let mut copies = self.book.tokens(play).filter(|(_, it)| real(it)).peekable();
        if copies.peek().is_some() {
            copies.all(|(_, token)| self.for_the_dead(token.queue))
        } else {
            cell.has(fact::PARKED_SAFELY) && book.lost.is_none()
                || cell.has(fact::DEAD_LETTERED)
                    && book.owed == 0
                    && book.queue.is_some_and(|queue| self.for_the_dead(queue))
        }
    }

    /// Judges a message that rests among the dead at the end of a run.
    pub(in super::super) fn judge_health(
        &self,
        msg: MessageId,
        cell: Cell,
        play: u32,
        found: &mut Breaches,
    ) {
        if cell.has(fact::UNHEALTHY) || !self.rules.judges(Class::HealthyDeadLettered) {
            return;
        }
        let book = self.book.play(play);
        let how = match book.died {
            Some(death) => How::HealthyDied(death),
            None => How::HealthyParked,
        };
        let resting = self.book.tokens(play).map(|(_, token)| token.queue).next();
        found.add(Breach {
            class: Class::HealthyDeadLettered,
            point: Point::Effect,
            step: book.last,
            at: book.last_at,
            msg: Some(msg),
            queue: resting.or(book.queue).map(QueueId),
            partition: None,
            group: None,
            node: None,
            how,
            times: 1,
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps};
    use crate::check::{Class, How};
    use crate::talk::Death;

    const CLASS: Class = Class::HealthyDeadLettered;

    #[test]
    fn a_message_that_expired_in_a_backlog_was_healthy() {
        let how = How::HealthyDied(Death::Expired);
        assert_breaks(include_str!("healthy_dead_lettered.rs"), CLASS, how);
    }

    const REJECTED: &str = "broker push m1 q c1 / c1 received m1 / c1 failed m1 WHY / \
                            broker discard m1 q rejected dead / broker store m1 d from q";

    #[test]
    fn an_outage_downstream_is_not_the_fault_of_the_message() {
        let sent = "producer submit m1 / broker store m1 q";
        let outage = REJECTED.replace("WHY", "downstream");
        assert_breaks(&format!("{sent} / {outage}"), CLASS, How::HealthyDied(Death::Rejected));
        let poison = REJECTED.replace("WHY", "poison");
        assert_keeps(&format!("{sent} / {poison}"), CLASS);
    }

    #[test]
    fn a_delay_queue_is_not_for_the_dead() {
        // out of the delay queue into the work queue, which is live
        let history = "producer submit m1 / broker store m1 q / broker push m1 q c1 / \
                       c1 received m1 / c1 failed m1 downstream / c1 retried m1 / \
                       c1 published m1+1 / broker store m1+1 delay / broker acked m1 q / \
                       broker discard m1 delay expired dead / broker store m1+1 q from delay";
        assert_keeps(history, CLASS);
    }
}
