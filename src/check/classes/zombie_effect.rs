//! `zombie-effect`: a member that has lost a partition (another one owns it by now) causes an
//! effect for one of its records. Kafka fences commits and heartbeats of such members; nothing can
//! fence what they do in the world outside, except the service itself.
//!
//! The smallest history that breaks it:
//! ```text
//! b1       created p0
//! producer submit m1
//! b1       append m1 p0 0
//! b1       high p0 1
//! c1       assigned g p0 gen=1
//! c1       polled m1 g p0 0
//! c2       assigned g p0 gen=2
//! c1       called m1
//! service  effect m1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger, known};
use super::super::verdict::How;
use crate::talk::MessageId;

impl Ledger {
    /// Something takes effect.
    pub(in super::super) fn judge_zombie(&mut self, case: Case, msg: MessageId) {
        let mark = self.streams.marked(msg);
        if !mark.has(known::ZOMBIE) {
            return;
        }
        self.streams.mark(msg).clear(known::ZOMBIE);
        let case = Case { place: mark.place(), ..case };
        let what = (Class::ZombieEffect, Point::Effect, How::Zombie);
        self.breach(case, what, Some(msg), None, Some(case.node));
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{assert_breaks, assert_keeps, smallest};
    use crate::check::{Class, How};

    const CLASS: Class = Class::ZombieEffect;

    #[test]
    fn whoever_lost_a_partition_may_still_act() {
        assert_breaks(include_str!("zombie_effect.rs"), CLASS, How::Zombie);
    }

    #[test]
    fn owners_act_and_services_may_know_repetitions() {
        let history = smallest(include_str!("zombie_effect.rs"));
        assert_keeps(&history.replace("c2 assigned g p0", "c2 assigned g p1"), CLASS);
        assert_keeps(&history.replace("c1 called", "c2 called"), CLASS);
        let known = history.replace("service effect", "service deduplicated");
        assert_keeps(&format!("{known} / service effect m1"), CLASS);
    }
}
