//! `poison-loop`: one message is delivered more often than the rules allow without settling
//! (`poison_after`, counted for each queue that its publish was stored in).
//!
//! The smallest history that breaks it, with `poison_after = 1`:
//! ```text
//! producer submit m1
//! broker   store m1 q
//! broker   push m1 q c1
//! broker   requeue m1 q nack
//! broker   push m1 q c1 redelivered
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    pub(in super::super) fn judge_loop(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        queue: QueueId,
    ) {
        let book = self.book.play(play);
        let deliveries = book.deliveries;
        let limit = self.rules.poison_after.saturating_mul(u16::from(book.roots.max(1)));
        if deliveries > limit {
            let what = (Class::PoisonLoop, Point::Delivery, How::Deliveries(deliveries));
            self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{Script, smallest};
    use crate::check::{Class, How, Rules, Verdict};

    #[test]
    fn a_message_that_comes_back_too_often_is_in_a_loop() {
        let history = smallest(include_str!("poison_loop.rs"));
        let rules = |poison_after| Rules { poison_after, ..Rules::default() };
        let verdict = |rules| Script::play(&history, rules).verdict(Class::PoisonLoop);
        let broken = verdict(rules(1));
        assert_eq!(broken.breach().map(|it| it.how), Some(How::Deliveries(2)));
        assert_eq!(broken.breach().map(|it| it.step), Some(5));
        assert_eq!(verdict(rules(2)), Verdict::Holds);
    }
}
