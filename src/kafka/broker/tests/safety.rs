//! Faults of chance, one after the other, and what must hold whatever they are.

use proptest::prelude::*;

use super::*;
use crate::kernel::Link;

/// One fault, and how long it lasts in milliseconds.
#[derive(Clone, Debug)]
enum Trouble {
    Kill(u32),
    PowerLoss(u32),
    Pause(u32),
    Stop(u32),
    Cut(u32, u32),
    Break(u32, u32),
}

fn trouble() -> impl Strategy<Value = (Trouble, u64)> {
    let broker = 1..4_u32;
    let pair = || (1..4_u32, 1..4_u32).prop_filter("two", |(a, b)| a != b);
    let kind = prop_oneof![
        broker.clone().prop_map(Trouble::Kill),
        broker.clone().prop_map(Trouble::PowerLoss),
        broker.clone().prop_map(Trouble::Pause),
        broker.prop_map(Trouble::Stop),
        pair().prop_map(|(a, b)| Trouble::Cut(a, b)),
        pair().prop_map(|(a, b)| Trouble::Break(a, b)),
    ];
    (kind, 50..25_000_u64)
}

/// After each trouble the cluster has time to recover: one broker at a time is what three replicas
/// and two in sync are to bear.
fn plan(lab: &mut Lab, troubles: &[(Trouble, u64)]) -> u64 {
    let mut at = 1_000;
    for (trouble, lasts) in troubles {
        let end = at + lasts;
        match *trouble {
            Trouble::Kill(it) => {
                lab.fault(at, Fault::Kill(kafka(it))).fault(end, Fault::Restart(kafka(it)));
            }
            Trouble::PowerLoss(it) => {
                lab.fault(at, Fault::PowerLoss(kafka(it))).fault(end, Fault::Restart(kafka(it)));
            }
            Trouble::Pause(it) => {
                lab.fault(at, Fault::Pause(kafka(it))).fault(end, Fault::Resume(kafka(it)));
            }
            Trouble::Stop(it) => {
                lab.fault(at, Fault::Stop(kafka(it))).fault(end, Fault::Restart(kafka(it)));
            }
            Trouble::Cut(a, b) => {
                let link = Link { from: kafka(a), to: kafka(b) };
                lab.fault(at, Fault::Cut(link)).fault(end, Fault::Heal(link));
            }
            Trouble::Break(a, b) => {
                lab.fault(at, Fault::Break(kafka(a), kafka(b)));
            }
        }
        at = end + 40_000;
    }
    at
}

fn check(profile: &str, seed: u64, troubles: &[(Trouble, u64)]) {
    let mut lab = Lab::new(profile).topic("min.insync.replicas", "2");
    (lab.seed, lab.latency) = (seed, Dist::Uniform(Span::from_micros(50), Span::from_millis(3)));
    let end = plan(&mut lab, troubles);
    // whoever leads takes it, and the others refuse it
    for (id, millis) in (0..).zip((500..end).step_by(97)) {
        let acks = if id % 4 == 3 { Acks::Leader } else { Acks::All };
        for broker in 1..=3 {
            lab.produce(millis, broker, acks, id);
        }
    }
    let mut run = lab.run(end + 60_000);
    let image = run.image().clone();
    let info = image.partition(T0).expect("it exists").clone();
    assert_eq!(info.isr.len(), 3, "all are well again: {info:?}");
    let leader = info.leader.expect("a leader").0;

    // leader completeness: what all in sync had is there, where it was said to be
    let log = run.log(leader);
    let mut acknowledged = 0;
    for (n, _, answer) in run.answers() {
        let id = n / 3;
        if let Answer::Produce(results) = answer
            && let Ok(written) = results[0].1
            && id % 4 != 3
        {
            acknowledged += 1;
            assert!(log.contains(&(written.base_offset, id)), "{id} was lost: {troubles:?}");
        }
    }
    assert!(acknowledged > 100, "it was at work: {acknowledged}");
    // log matching
    for broker in 1..=3 {
        assert_eq!(run.visible(broker), run.visible(leader), "kafka-{broker}");
    }
    // epochs only grow, and so does the high watermark of one leader in one epoch
    let (mut epoch, mut high) = (None, [0; 4]);
    for (_, node, note) in std::mem::take(&mut run.seer.notes) {
        match note {
            KafkaNote::LeaderElected { at: T0, epoch: next, .. } => {
                assert!(epoch < Some(next), "{epoch:?} {next}");
                epoch = Some(next);
                high = [0; 4];
            }
            KafkaNote::HighWatermark { at: T0, offset } => {
                let before = std::mem::replace(&mut high[node.index()], offset);
                assert!(before <= offset, "from {before} back to {offset}");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_all_in_sync_had_is_never_lost_by_one_broker_at_a_time(
        seed in any::<u64>(),
        troubles in prop::collection::vec(trouble(), 1..5),
    ) {
        check("kafka-4.1", seed, &troubles);
    }

    #[test]
    fn the_same_holds_before_eligible_leader_replicas(
        seed in any::<u64>(),
        troubles in prop::collection::vec(trouble(), 1..5),
    ) {
        check("kafka-3.5", seed, &troubles);
    }
}
