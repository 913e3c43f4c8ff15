//! What holds for all logs.

use proptest::prelude::*;

use super::*;

/// What happens to a log.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A producer writes so many records, the first with this key.
    Write { producer: u32, count: u64, key: u32, transactional: bool },
    /// Its transaction ends.
    End { producer: u32, commit: bool },
    /// The leader changes.
    Elect,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (1..4_u32, 1..4_u64, 1..6_u32, any::<bool>()).prop_map(
            |(producer, count, key, transactional)| Op::Write { producer, count, key, transactional }
        ),
        2 => (1..4_u32, any::<bool>()).prop_map(|(producer, commit)| Op::End { producer, commit }),
        1 => Just(Op::Elect),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..60)
}

/// A log with small segments, and those who write to it.
struct Bench {
    log: Log,
    epoch: u32,
    next: [u32; 4],
    time: u64,
}

impl Bench {
    fn new() -> Bench {
        let small = |it: &mut LogConfig| {
            it.topic.segment_bytes = 1_000;
            it.topic.compact = true;
        };
        Bench { log: Log::new(config(small), Time::ZERO), epoch: 0, next: [0; 4], time: 0 }
    }

    fn run(&mut self, op: Op) {
        self.time += 1;
        let batch = match op {
            Op::Elect => {
                self.epoch += 1;
                return self.log.begin_epoch(self.epoch);
            }
            Op::End { producer, commit } => marker(producer, 0, commit, 0),
            Op::Write { producer, count, key, transactional } => {
                let records: Vec<_> = (0..count)
                    .map(|it| record(self.time * 10 + it, key + it as u32, self.time))
                    .collect();
                let next = &mut self.next[producer as usize];
                let batch = by(producer, 0, *next, 0, transactional);
                let batch = Batch { body: Body::Records(records.into()), ..batch };
                if self.log.producers.check(&batch, Origin::CLIENT, false).is_ok() {
                    *next += count as u32;
                }
                batch
            }
        };
        let origin = match batch.body {
            Body::Marker { .. } => Origin::COORDINATOR,
            _ => Origin::CLIENT,
        };
        // A record outside of an open transaction is refused, as it must be. Markers have the time at
        // which a replica gets them: the same for all here.
        let _ = self.log.append(batch, self.epoch, origin, Time::ZERO);
    }
}

fn batches(log: &Log) -> Vec<Batch> {
    log.batches().cloned().collect()
}

proptest! {
    #[test]
    fn a_follower_has_the_log_of_its_leader_whatever_it_fetches_at_once(
        ops in ops(),
        max in 1..2_000_u64,
    ) {
        let mut leader = Bench::new();
        let mut follower = Bench::new().log;
        for op in ops {
            leader.run(op);
        }
        while follower.end() < leader.log.end() {
            let end = leader.log.end();
            let fetched: Vec<_> =
                leader.log.read(follower.end(), end, max, true).expect("in range").cloned().collect();
            follower.replicate(&fetched, leader.epoch, at(0));
        }
        prop_assert_eq!(batches(&follower), batches(&leader.log));
        let end = leader.log.end();
        prop_assert_eq!(follower.last_stable_offset(end), leader.log.last_stable_offset(end));
        prop_assert_eq!(follower.aborted(0, end), leader.log.aborted(0, end));
        prop_assert_eq!(follower.segments(), leader.log.segments());
        prop_assert_eq!(follower.producers.snapshot(), leader.log.producers.snapshot());
    }

    #[test]
    fn a_log_that_was_truncated_and_fetched_again_is_the_one_of_the_leader(
        ops in ops(),
        cuts in prop::collection::vec(0..100_u64, 1..4),
    ) {
        let mut leader = Bench::new();
        for op in ops {
            leader.run(op);
        }
        let whole = batches(&leader.log);
        let mut follower = Bench::new().log;
        follower.replicate(&whole, leader.epoch, at(0));
        for cut in cuts {
            // Batches are never torn: a leader's epochs end between them.
            let cut = whole.get(cut as usize).map_or(follower.end(), |batch| batch.base_offset);
            follower.truncate(cut, at(0));
            prop_assert!(follower.end() <= leader.log.end());
            follower.replicate(&whole, leader.epoch, at(0));
        }
        let end = leader.log.end();
        for batch in &whole {
            prop_assert_eq!(follower.epoch_at(batch.base_offset), Some(batch.leader_epoch));
        }
        prop_assert_eq!(batches(&follower), whole);
        prop_assert_eq!(follower.last_stable_offset(end), leader.log.last_stable_offset(end));
        prop_assert_eq!(follower.aborted(0, end), leader.log.aborted(0, end));
        prop_assert_eq!(follower.producers.snapshot(), leader.log.producers.snapshot());
    }

    #[test]
    fn two_logs_that_parted_agree_once_the_follower_truncated(
        common in ops(), old in ops(), new in ops(),
    ) {
        let (mut leader, mut follower) = (Bench::new(), Bench::new());
        for op in common {
            leader.run(op);
            follower.run(op);
        }
        // Two leaders in turn, of which the later one did not get what the first one wrote alone.
        follower.epoch += 1;
        follower.log.begin_epoch(follower.epoch);
        leader.epoch = follower.epoch + 100;
        leader.log.begin_epoch(leader.epoch);
        for op in old {
            if !matches!(op, Op::Elect) {
                follower.run(op);
            }
        }
        for op in new {
            leader.run(op);
        }
        let mut follower = follower.log;
        for _ in 0..200 {
            let Some(epoch) = follower.latest_epoch() else { break };
            let Some(end) = leader.log.diverging(follower.end(), epoch).expect("in range") else {
                break;
            };
            let to = follower.truncation(end).to;
            if !follower.truncate(to, at(0)) {
                break;
            }
        }
        follower.replicate(&batches(&leader.log), leader.epoch, at(0));
        prop_assert_eq!(batches(&follower), batches(&leader.log));
    }

    #[test]
    fn the_last_stable_offset_never_goes_back_as_the_log_and_its_high_watermark_grow(
        ops in ops(),
        lag in 0..5_u64,
    ) {
        let mut bench = Bench::new();
        let (mut high_watermark, mut stable) = (0, 0);
        for op in ops {
            bench.run(op);
            // Somewhere between batches, and never back.
            let bases = bench.log.batches().map(|batch| batch.end());
            let below = bases.filter(|end| end + lag <= bench.log.end()).max().unwrap_or(0);
            high_watermark = high_watermark.max(below);
            bench.log.high_watermark_moved(high_watermark);
            let now = bench.log.last_stable_offset(high_watermark);
            prop_assert!(now >= stable && now <= high_watermark);
            stable = now;
        }
    }

    #[test]
    fn compaction_keeps_the_last_value_of_each_key_and_every_offset_that_it_keeps(ops in ops()) {
        let mut bench = Bench::new();
        for op in ops {
            let plain = match op {
                Op::Write { producer, count, key, .. } => {
                    Op::Write { producer, count, key, transactional: false }
                }
                other => other,
            };
            bench.run(plain);
        }
        let log = &mut bench.log;
        let records = |log: &Log| -> Vec<(Offset, Record)> {
            log.batches().flat_map(|it| it.records().map(|(o, r)| (o, *r)).collect::<Vec<_>>()).collect()
        };
        let last = |of: &[(Offset, Record)]| -> BTreeMap<_, _> {
            of.iter().map(|(offset, it)| (it.key_identity(), (*offset, *it))).collect()
        };
        log.roll(at(0));
        let (before, end) = (records(log), log.end());
        let gone = log.compact(end, at(0));
        let after = records(log);
        prop_assert_eq!(last(&before), last(&after));
        prop_assert_eq!(after.len(), last(&after).len(), "one record for each key");
        let mut all = [gone, after].concat();
        all.sort_by_key(|it| it.0);
        prop_assert_eq!(all, before);
        prop_assert_eq!(log.end(), end);
    }

    #[test]
    fn any_interleaving_of_retries_writes_each_sequence_number_once_and_in_order(
        deliveries in prop::collection::vec(0..5_usize, 1..200),
    ) {
        // A producer with at most five batches in flight, which sends any of them again at any
        // time, and takes the next one once the oldest is acknowledged.
        let mut log = log();
        // The first one comes first: until then the producer is not known, and may begin anywhere.
        log.put(sent(0, 0, 1)).expect("the first batch");
        let mut oldest = 0_u32;
        let mut acknowledged = std::collections::BTreeSet::new();
        for pick in deliveries {
            let sequence = oldest + pick as u32;
            if let Ok(appended) = log.put(sent(0, sequence, 1)) {
                prop_assert_eq!(appended.base, u64::from(sequence), "the offset that it got first");
                acknowledged.insert(sequence);
            }
            while acknowledged.remove(&oldest) {
                oldest += 1;
            }
        }
        let written: Vec<u32> =
            log.batches().filter_map(|it| Some(it.producer?.base_sequence)).collect();
        prop_assert_eq!(&written, &(0..written.len() as u32).collect::<Vec<_>>());
        prop_assert!(written.len() as u32 >= oldest);
    }
}
