//! `prefetch-exceeded`: a broker has more unacknowledged messages at a consumer process than its
//! prefetch limits allow together. What an earlier connection of the same process still holds, as
//! the broker sees it, does not count.
//!
//! The smallest history that breaks it, with a prefetch of 1:
//! ```text
//! producer submit m1
//! producer submit m2
//! broker   store m1 q
//! broker   store m2 q
//! broker   push m1 q c1
//! broker   push m2 q c1
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Case, Ledger};
use super::super::verdict::How;
use crate::kernel::NodeId;
use crate::talk::{MessageId, QueueId};

impl Ledger {
    /// A message was pushed to a consumer.
    pub(in super::super) fn judge_held(
        &mut self,
        case: Case,
        msg: MessageId,
        queue: QueueId,
        to: NodeId,
    ) {
        let node = self.node(to);
        let (held, prefetch, bound) = (node.unacked, node.prefetch, node.bound);
        let over = |limit: Option<u32>| limit.filter(|&limit| held > limit);
        if let Some(limit) = over(prefetch) {
            let what = (Class::PrefetchExceeded, Point::Delivery, How::Held { held, limit });
            self.breach(case, what, Some(msg), Some(queue), Some(to));
        }
        if let Some(limit) = over(bound) {
            let what = (Class::Unbounded, Point::Delivery, How::Held { held, limit });
            self.breach(case, what, Some(msg), Some(queue), Some(to));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{C1, Script, smallest};
    use crate::check::{Class, ConsumerRule, How, Rules, Verdict};

    fn verdict(history: &str) -> Verdict {
        let rule = ConsumerRule { node: C1, prefetch: Some(1), unacked: None };
        let rules = Rules { consumers: vec![rule], ..Rules::default() };
        Script::play(history, rules).verdict(Class::PrefetchExceeded)
    }

    #[test]
    fn a_consumer_gets_no_more_than_its_prefetch() {
        let history = smallest(include_str!("prefetch_exceeded.rs"));
        let broken = verdict(&history);
        let how = How::Held { held: 2, limit: 1 };
        assert_eq!(broken.breach().map(|it| it.how), Some(how));
        assert_eq!(broken.breach().and_then(|it| it.node), Some(C1));
        assert_eq!(
            verdict(&history.replace("broker push m2", "broker acked m1 q / broker push m2")),
            Verdict::Holds
        );
    }

    #[test]
    fn what_an_earlier_connection_held_does_not_count() {
        let history = smallest(include_str!("prefetch_exceeded.rs"));
        let history = history.replace("broker push m2", "broker subscribed c1 q / broker push m2");
        assert_eq!(verdict(&history), Verdict::Holds);
    }
}
