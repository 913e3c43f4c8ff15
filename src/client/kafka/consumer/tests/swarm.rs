//! Whatever happens to connections and processes: once it is over, every record was handled.

use super::*;
use crate::client::kafka::consumer::{CommitWhen, GroupProtocol, assignor};
use crate::kernel::Chance;

/// Two members of a group, and eight things that go wrong in the first 40 s.
fn swarm(seed: u64, change: impl Fn(KafkaConsumerConfig) -> KafkaConsumerConfig, client: &str) {
    let member = |name| change(consumer(client, name, takes(ms(20))));
    let mut lab = Lab::new(&[30, 30, 30, 30]).with(member("c1")).with(member("c2"));
    let mut draws = Chance::new(seed).stream("swarm", 0);
    for _ in 0..8 {
        let mut below = |n: u64| draws.bits() % n;
        let (at, how, who, whom) = (ms(below(40_000)), below(5), below(2), below(3));
        let (node, broker) = (NodeId(3 + who as u32), NodeId(whom as u32));
        let after = at + ms(below(15_000));
        lab = match how {
            0 | 1 => lab.fault(at, Fault::Break(node, broker)),
            2 => lab.fault(at, Fault::Kill(node)).fault(after, Fault::Restart(node)),
            3 => lab.fault(at, Fault::Stop(node)).fault(after, Fault::Restart(node)),
            _ => lab.fault(at, Fault::Pause(node)).fault(after, Fault::Resume(node)),
        };
    }
    let story = lab.run(Span::from_secs(400));
    let mut handled = story.effects();
    handled.sort_unstable();
    handled.dedup();
    assert_eq!(handled.len(), 120, "seed {seed} of {client}: {handled:?}");
    let owned: usize = [ME, NodeId(4)].map(|it| story.consumer(it).places().len()).iter().sum();
    assert_eq!(owned, 4, "seed {seed} of {client}: every partition has one owner");
}

#[test]
fn every_record_is_handled_at_least_once_by_kafkajs() {
    (0..12).for_each(|seed| swarm(seed, |it| it, "kafkajs-2.2"));
}

#[test]
fn every_record_is_handled_at_least_once_by_java() {
    (0..12).for_each(|seed| swarm(seed, |it| it, "java-4.1"));
}

#[test]
fn every_record_is_handled_at_least_once_by_cooperative_members() {
    let cooperative = |it| KafkaConsumerConfig {
        assignors: vec![assignor("cooperative-sticky").expect("it is there")],
        ..it
    };
    (0..12).for_each(|seed| swarm(seed, cooperative, "java-4.1"));
}

#[test]
fn every_record_is_handled_at_least_once_under_the_consumer_protocol() {
    let consumer = |it| KafkaConsumerConfig { protocol: GroupProtocol::Consumer, ..it };
    (0..12).for_each(|seed| swarm(seed, consumer, "java-4.1"));
}

/// librdkafka commits what is in the handler, so that a crash loses it; but not when the application
/// commits by itself.
#[test]
fn every_record_is_handled_at_least_once_by_librdkafka_that_commits_each_message() {
    let manual = |it| KafkaConsumerConfig { commit: CommitWhen::EachMessage, ..it };
    (0..12).for_each(|seed| swarm(seed, manual, "librdkafka-2"));
}
