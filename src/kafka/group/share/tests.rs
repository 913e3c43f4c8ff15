use proptest::prelude::*;

use super::{LockState, ShareLimits, SharePartition};
use crate::kernel::{Collected, Ctx, Effect, NodeId, Span, Time, Untimed};
use crate::talk::kafka::{
    Acquired, Batch, Body, Code, GroupId, Offset, Record, TopicPartition, Verdict,
};
use crate::talk::{MessageId, Mq, Name};

/// A share partition with a clock, and a log of `end` records in batches of five.
#[derive(Debug)]
struct Bench {
    it: SharePartition,
    now: Time,
    due: Option<Time>,
    end: Offset,
}

const LIMITS: ShareLimits = ShareLimits { lock: Span::from_secs(30), deliveries: 5, in_flight: 20 };

impl Bench {
    fn new(end: Offset) -> Bench {
        let at = TopicPartition::default();
        let it = SharePartition::new(GroupId(0), at, LIMITS, 0);
        Bench { it, now: Time::ZERO, due: None, end }
    }

    fn call<T>(&mut self, work: impl FnOnce(&mut SharePartition, &mut Ctx<'_, Mq>) -> T) -> T {
        let (mut effects, mut choose) = (Vec::new(), Untimed::default());
        let mut out = Collected { effects: &mut effects, choose: &mut choose };
        let mut ctx = Ctx::new(NodeId(0), self.now, &mut out);
        let answer = work(&mut self.it, &mut ctx);
        for effect in effects {
            match effect {
                Effect::Arm { after, .. } => self.due = Some(self.now + after),
                Effect::Disarm(_) => self.due = None,
                _ => {}
            }
        }
        answer
    }

    fn pass(&mut self, span: Span) {
        let until = self.now + span;
        while let Some(due) = self.due.filter(|due| *due <= until) {
            (self.now, self.due) = (due, None);
            self.call(|it, ctx| it.on_lock_timer(ctx));
        }
        self.now = until;
    }

    /// What a fetch of this member gets.
    fn fetch(&mut self, member: &str, max: u32) -> Vec<(Offset, u16)> {
        let Some(from) = self.it.fetch_from() else { return Vec::new() };
        let batches = (from / 5 * 5..self.end).step_by(5).map(|base| {
            let of = |n| Record { id: MessageId(n as u32 + 100), ..Record::default() };
            let records: Vec<Record> = (base..self.end.min(base + 5)).map(of).collect();
            Batch {
                base_offset: base,
                leader_epoch: 0,
                producer: None,
                body: Body::Records(records.into()),
            }
        });
        let batches = batches.collect();
        let member = Name::from(member);
        let acquired: Acquired =
            self.call(|it, ctx| it.acquire((&member, NodeId(1)), batches, max, ctx));
        acquired.records
    }

    fn say(&mut self, member: &str, offset: Offset, verdict: Verdict) -> Result<(), Code> {
        self.call(|it, ctx| it.acknowledge(&member.into(), &[(offset, verdict)], ctx))
    }
}

#[test]
fn one_member_may_take_all_there_is_and_another_gets_nothing() {
    let mut bench = Bench::new(10);
    assert_eq!(bench.fetch("a", 100).len(), 10);
    assert_eq!(bench.fetch("b", 100), []);
}

#[test]
fn records_are_acquired_by_whole_batches() {
    let mut bench = Bench::new(10);
    assert_eq!(bench.fetch("a", 3).len(), 5);
    assert_eq!(bench.fetch("b", 3).first(), Some(&(5, 1)));
}

#[test]
fn a_record_that_is_released_comes_back_and_its_deliveries_are_counted() {
    let mut bench = Bench::new(1);
    for delivery in 1..=5 {
        assert_eq!(bench.fetch("a", 1), [(0, delivery)]);
        assert_eq!(bench.say("a", 0, Verdict::Release), Ok(()));
    }
    assert_eq!(bench.fetch("a", 1), [], "after five deliveries it is archived");
    assert_eq!(bench.it.start(), 1);
}

#[test]
fn a_record_comes_back_when_its_lock_runs_out_and_a_late_answer_is_refused() {
    let mut bench = Bench::new(1);
    bench.fetch("a", 1);
    bench.pass(Span::from_millis(29_999));
    assert_eq!(bench.fetch("b", 1), []);
    bench.pass(Span::from_millis(1));
    assert_eq!(bench.fetch("b", 1), [(0, 2)]);
    assert_eq!(bench.say("a", 0, Verdict::Accept), Err(Code::InvalidRecordState));
    assert_eq!(bench.say("b", 0, Verdict::Accept), Ok(()));
    assert_eq!(bench.say("b", 0, Verdict::Accept), Err(Code::InvalidRecordState), "it is done");
}

#[test]
fn of_answers_of_which_one_is_refused_none_counts() {
    let mut bench = Bench::new(5);
    bench.fetch("a", 5);
    let verdicts = [(0, Verdict::Accept), (9, Verdict::Accept)];
    let answer = bench.call(|it, ctx| it.acknowledge(&"a".into(), &verdicts, ctx));
    assert_eq!(answer, Err(Code::InvalidRecordState));
    assert_eq!(bench.it.record(0), Some((LockState::Acquired, 1)));
}

#[test]
fn a_rejected_record_never_comes_back() {
    let mut bench = Bench::new(1);
    bench.fetch("a", 1);
    assert_eq!(bench.say("a", 0, Verdict::Reject), Ok(()));
    assert_eq!(bench.fetch("a", 1), []);
}

#[test]
fn the_start_moves_over_what_is_done_with_and_no_further() {
    let mut bench = Bench::new(5);
    bench.fetch("a", 5);
    for offset in [1, 2, 4] {
        bench.say("a", offset, Verdict::Accept).expect("its own");
    }
    assert_eq!(bench.it.start(), 0);
    bench.say("a", 0, Verdict::Accept).expect("its own");
    assert_eq!(bench.it.start(), 3);
}

#[test]
fn nothing_new_is_read_while_too_many_records_are_in_flight() {
    let mut bench = Bench::new(100);
    assert_eq!(bench.fetch("a", 1_000).len(), 20);
    assert_eq!(bench.it.fetch_from(), None);
    bench.say("a", 0, Verdict::Accept).expect("its own");
    assert_eq!(bench.it.fetch_from(), Some(20));
}

#[test]
fn what_a_member_that_is_gone_had_counts_as_not_delivered() {
    let mut bench = Bench::new(1);
    bench.fetch("a", 1);
    bench.call(|it, ctx| it.release_all(&"a".into(), ctx));
    assert_eq!(bench.fetch("b", 1), [(0, 1)]);
}

#[test]
fn another_leader_knows_what_was_done_with_and_delivers_the_rest_again() {
    let mut bench = Bench::new(5);
    bench.fetch("a", 5);
    bench.say("a", 0, Verdict::Accept).expect("its own");
    bench.say("a", 2, Verdict::Reject).expect("its own");
    let state = bench.it.take_change().expect("it changed");
    assert_eq!(bench.it.take_change(), None);
    bench.it = SharePartition::restored(LIMITS, &state);
    let offsets: Vec<_> = bench.fetch("b", 5).iter().map(|it| it.0).collect();
    assert_eq!(offsets, [1, 3, 4]);
}

#[test]
fn what_retention_deleted_is_not_delivered() {
    let mut bench = Bench::new(5);
    bench.fetch("a", 5);
    bench.say("a", 0, Verdict::Release).expect("its own");
    bench.it.on_log_start(2);
    assert_eq!(bench.it.record(0), None);
    assert_eq!(bench.say("a", 1, Verdict::Accept), Ok(()), "whoever has it may finish it");
}

proptest! {
    #[test]
    fn a_record_has_one_holder_and_is_never_delivered_more_often_than_allowed(
        acts in prop::collection::vec((0..3_usize, 0..6_u8, 0..30_u64), 1..200)
    ) {
        let mut bench = Bench::new(30);
        let mut held: Vec<Vec<Offset>> = vec![Vec::new(); 3];
        let names = ["a", "b", "c"];
        for (who, what, n) in acts {
            match what {
                0 | 1 => for (offset, delivery) in bench.fetch(names[who], 5) {
                    prop_assert!(delivery <= LIMITS.deliveries);
                    prop_assert!(held.iter().all(|it| !it.contains(&offset)), "two have {}", offset);
                    held[who].push(offset);
                },
                2..=4 => if !held[who].is_empty() {
                    let place = n as usize % held[who].len();
                    let offset = held[who].swap_remove(place);
                    let verdict = [Verdict::Accept, Verdict::Release, Verdict::Reject]
                        [usize::from(what) - 2];
                    prop_assert_eq!(bench.say(names[who], offset, verdict), Ok(()));
                },
                _ => {
                    bench.pass(Span::from_secs(n));
                    let it = &bench.it;
                    let has = |offset: &Offset| {
                        it.record(*offset).is_some_and(|it| it.0 == LockState::Acquired)
                    };
                    held.iter_mut().for_each(|held| held.retain(has));
                }
            }
        }
    }
}
