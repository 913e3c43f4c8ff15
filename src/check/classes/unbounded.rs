//! `unbounded`: load above a bound that the scenario declares: unacknowledged messages at a
//! consumer process (judged with `prefetch-exceeded`), the depth of a queue, calls of a downstream
//! service in one second, the lag of a Kafka group. Where no bound is declared there is nothing to say.
//!
//! The smallest history that breaks it, with a depth of 1:
//! ```text
//! producer submit m1
//! producer submit m2
//! broker   store m1 q
//! broker   store m2 q
//! ```

use super::super::class::{Class, Point};
use super::super::ledger::{Calls, Case, Ledger};
use super::super::verdict::How;
use crate::talk::{MessageId, QueueId};

const SECOND: u64 = 1_000_000_000;

impl Ledger {
    /// Whether any bound is declared.
    pub(in super::super) fn bounded(&self) -> bool {
        self.rules.consumers.iter().any(|it| it.unacked.is_some())
            || self.rules.queues.iter().any(|it| it.depth.is_some())
            || self.rules.groups.iter().any(|it| it.lag.is_some())
            || self.rules.services.iter().any(|it| it.calls_per_second.is_some())
    }

    /// A copy was stored.
    pub(in super::super) fn judge_depth(&mut self, case: Case, msg: MessageId, queue: QueueId) {
        let book = self.queue(queue);
        let depth = book.ready.saturating_add(book.unacked);
        if let Some(limit) = book.bound.filter(|&limit| depth > limit) {
            let what = (Class::Unbounded, Point::Log, How::Depth { limit });
            self.breach(case, what, Some(msg), Some(queue), Some(case.node));
        }
    }

    /// A group is further behind than it may.
    pub(in super::super) fn judge_lag(&mut self, case: Case, limit: u64) {
        let what = (Class::Unbounded, Point::Delivery, How::Lag { limit });
        self.breach(case, what, None, None, Some(case.node));
    }

    /// A service is called.
    pub(in super::super) fn called(&mut self, case: Case, service: u16) {
        let at = usize::from(service);
        let Some(limit) = self.rules.services.get(at).and_then(|it| it.calls_per_second) else {
            return;
        };
        if self.calls.len() <= at {
            self.calls.resize(at + 1, Calls::default());
        }
        let calls = &mut self.calls[at];
        let second = case.at.as_nanos() / SECOND;
        if calls.second != second {
            *calls = Calls { second, calls: 0 };
        }
        calls.calls += 1;
        if calls.calls > limit {
            let what = (Class::Unbounded, Point::Effect, How::Calls { service, limit });
            self.breach(case, what, None, None, Some(case.node));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::script::{C1, Script, smallest};
    use crate::check::{
        Class, ConsumerRule, GroupRule, How, QueueRule, Reason, Rules, ServiceRule, Verdict,
    };
    use crate::talk::kafka::GroupId;

    fn verdict(history: &str, rules: Rules) -> Verdict {
        Script::play(history, rules).verdict(Class::Unbounded)
    }

    fn how(history: &str, rules: Rules) -> Option<How> {
        verdict(history, rules).breach().map(|breach| breach.how)
    }

    #[test]
    fn a_queue_may_have_a_bound() {
        let history = smallest(include_str!("unbounded.rs"));
        let rules = |depth| {
            let name = "q".into();
            let rule = QueueRule { name, priority: false, dead: None, depth: Some(depth) };
            Rules { queues: vec![rule], ..Rules::default() }
        };
        assert_eq!(how(&history, rules(1)), Some(How::Depth { limit: 1 }));
        assert_eq!(verdict(&history, rules(2)), Verdict::Holds);
        let nothing = verdict(&history, Rules::default());
        assert_eq!(nothing, Verdict::Undecided(Reason::NoBound));
    }

    #[test]
    fn a_consumer_may_have_a_bound() {
        let rule = ConsumerRule { node: C1, prefetch: None, unacked: Some(1) };
        let rules = Rules { consumers: vec![rule], ..Rules::default() };
        let history = smallest(include_str!("unbounded.rs"));
        let pushed = "broker push m1 q c1 / broker push m2 q c1";
        let held = Some(How::Held { held: 2, limit: 1 });
        assert_eq!(how(&format!("{history} / {pushed}"), rules), held);
    }

    #[test]
    fn a_group_may_have_a_bound_on_its_lag() {
        let rules = |lag| {
            let rule = GroupRule { lag: Some(lag), ..GroupRule::new(GroupId(0)) };
            Rules { groups: vec![rule], ..Rules::default() }
        };
        let history = "b1 created p0 / c1 assigned g p0 gen=1 / c1 moved g p0 0 nothing / \
                       b1 high p0 2 / b1 high p1 9 / b1 committed g p0 1 c1 / b1 high p0 3";
        assert_eq!(how(history, rules(1)), Some(How::Lag { limit: 1 }));
        assert_eq!(verdict(history, rules(2)), Verdict::Holds);
    }

    #[test]
    fn a_service_may_have_a_bound_on_calls_in_a_second() {
        let rule = ServiceRule { calls_per_second: Some(2) };
        let rules = Rules { services: vec![rule], ..Rules::default() };
        let three = "c1 called m1 / c1 called m1 / c1 called m1";
        let calls = Some(How::Calls { service: 0, limit: 2 });
        assert_eq!(how(three, rules.clone()), calls);
        let calm = "c1 called m1 / c1 called m1 / wait 1s / c1 called m1";
        assert_eq!(verdict(calm, rules), Verdict::Holds);
    }
}
