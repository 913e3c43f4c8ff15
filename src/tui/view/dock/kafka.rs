//! What there is to say about a message in Kafka, and about Kafka's nodes, partitions and groups.

use super::{Fact, when};
use crate::client::kafka::KafkaProducer;
use crate::client::kafka::consumer::KafkaConsumer;
use crate::kafka::ReplicaRole;
use crate::kernel::{NodeId, StepNo, Time};
use crate::system::Member;
use crate::talk::kafka::{GroupId, Isolation, TopicPartition};
use crate::tui::cluster::Cluster;
use crate::tui::facts::Facts;
use crate::tui::index::Row;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;

/// A message.
pub(super) fn rows(model: &Model, facts: &Facts) -> Vec<Fact> {
    let recording = &model.recording;
    let name = |node: NodeId| recording.stage.name(Entity::Node(node)).to_owned();
    let seen = |row: Row| -> Option<(StepNo, Time)> { Some((row.step(), recording.time(row))) };
    let Some(record) = facts.records.last() else { return Vec::new() };
    let acked = if facts.unknown {
        ("producer cannot know".to_owned(), Role::Undecided)
    } else if facts.refused {
        ("refused".to_owned(), Role::Fault)
    } else {
        (when(facts.confirmed), if facts.confirmed.is_some() { Role::Confirmed } else { Role::Dim })
    };
    let state = facts.state();
    let place = format!(
        "{} @{}{}",
        recording.stage.name(Entity::Partition(record.at)),
        record.offset,
        match facts.records.len() {
            1 => String::new(),
            n => format!(" (appended {n} times)"),
        }
    );
    let leader = record.appended.note().and_then(|it| recording.history().notes().get(it));
    let mut copies: Vec<String> = leader.map(|noted| name(noted.node)).into_iter().collect();
    copies.extend(record.copies().map(name));
    let committed: Vec<String> = record
        .committed()
        .map(|(group, row)| {
            format!("{} ev {}", recording.stage.name(Entity::Group(group)), row.step())
        })
        .collect();
    let effects = if facts.effects > 1 { Role::Violated } else { Role::Effect };
    let glyphs = model.ui.charset.glyphs();
    let nobody = |parts: Vec<String>| match parts.is_empty() {
        true => ("no group is past it".to_owned(), Role::Dim),
        false => (parts.join(", "), Role::Acked),
    };
    let committed = nobody(committed);
    let mut rows = vec![
        ("published", when(facts.published.1), Role::Text),
        ("log", place, if facts.records.len() > 1 { Role::Fault } else { Role::Text }),
        ("on", copies.join(" "), Role::Text),
        ("HW past", when(record.passed().and_then(seen)), Role::Text),
        ("acked", acked.0, acked.1),
        ("polled", format!("{}x", facts.pushed), Role::Text),
        ("effects", facts.effects.to_string(), effects),
        ("committed", committed.0, committed.1),
        ("state now", format!("{} {}", glyphs.of(state), facts.word()), state.role()),
    ];
    if facts.failed > 0 {
        rows.push(("failures", facts.failed.to_string(), Role::Fault));
    }
    if facts.key != 0 {
        rows.push(("about", format!("key {}", facts.key), Role::Dim));
    }
    rows
}

/// A node, a partition or a group; `None` for what is not Kafka's.
pub(super) fn about(model: &Model, entity: Entity) -> Option<Vec<Fact>> {
    let cluster = Cluster { world: model.world(), stage: &model.recording.stage };
    match entity {
        Entity::Partition(at) => Some(partition(cluster, at)),
        Entity::Group(group) => Some(group_facts(cluster, group)),
        Entity::Node(id) => match cluster.world.node(id) {
            Member::KafkaBroker(_) => Some(broker(cluster, id)),
            Member::KafkaController(it) => {
                let image = it.image();
                let known = image.brokers.len();
                let fenced = image.brokers.iter().filter(|it| it.fenced).count();
                let role = if it.is_active() { "active" } else { "standby" };
                Some(vec![
                    ("controller", role.to_owned(), Role::Text),
                    ("epoch", image.controller.map_or(0, |it| it.1).to_string(), Role::Text),
                    ("metadata", format!("up to offset {}", image.version), Role::Text),
                    ("brokers", format!("{known}, {fenced} fenced"), Role::Text),
                ])
            }
            Member::KafkaProducer(it) => Some(producer(it)),
            Member::KafkaConsumer(it) => Some(consumer(cluster, it)),
            _ => None,
        },
        Entity::Queue(_) | Entity::Service(_) => None,
    }
}

fn named(cluster: Cluster<'_>, nodes: &[NodeId]) -> String {
    let names: Vec<&str> = nodes.iter().map(|id| cluster.stage.name(Entity::Node(*id))).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(" ") }
}

fn partition(cluster: Cluster<'_>, at: TopicPartition) -> Vec<Fact> {
    let mut rows = Vec::new();
    if let Some(info) = cluster.info(at) {
        let leader: Vec<NodeId> = info.leader.into_iter().collect();
        rows.push(("leader", named(cluster, &leader), Role::Text));
        rows.push(("epoch", info.leader_epoch.to_string(), Role::Text));
        rows.push(("replicas", named(cluster, &info.replicas), Role::Text));
        let whole = info.isr.len() == info.replicas.len();
        let role = if whole { Role::Text } else { Role::Fault };
        rows.push(("in sync", named(cluster, &info.isr), role));
        if !info.elr.is_empty() {
            rows.push(("eligible", named(cluster, &info.elr), Role::Text));
        }
    }
    if let Some(marks) = cluster.marks(at, None) {
        rows.push(("log", format!("{} to {}", marks.start, marks.end), Role::Text));
        rows.push(("high wm", marks.high_watermark.to_string(), Role::Text));
        rows.push(("stable", marks.stable.to_string(), Role::Text));
    }
    for group in cluster.readers(at) {
        let Some(marks) = cluster.marks(at, Some(group)) else { continue };
        let known = |it: Option<u64>| it.map_or_else(|| "?".to_owned(), |it| it.to_string());
        let text = format!(
            "{}: C {} P {}",
            cluster.stage.name(Entity::Group(group)),
            known(marks.committed),
            known(marks.position)
        );
        rows.push(("group", text, Role::Text));
    }
    rows
}

fn group_facts(cluster: Cluster<'_>, group: GroupId) -> Vec<Fact> {
    let Some(view) = cluster.group(group) else {
        return vec![("state", "no coordinator has it".to_owned(), Role::Dim)];
    };
    let turn = match view.kind {
        crate::kafka::GroupKind::Classic => "generation",
        _ => "epoch",
    };
    let mut rows = vec![
        ("state", view.state.to_owned(), Role::Text),
        (turn, view.generation.to_string(), Role::Text),
    ];
    if let Some((broker, _)) = cluster.coordinator(group) {
        rows.push(("coordinator", named(cluster, &[broker]), Role::Text));
    }
    for member in view.members {
        let leads = if member.leads { ", leads" } else { "" };
        let text = format!(
            "{} {}{leads}: {}",
            cluster.stage.name(Entity::Node(member.client)),
            member.state,
            match member.partitions.len() {
                1 => "1 partition".to_owned(),
                n => format!("{n} partitions"),
            }
        );
        rows.push(("member", text, Role::Text));
    }
    let lag = |at| cluster.marks(at, Some(group)).and_then(|it| it.lag());
    let lag: u64 = cluster.stage.partitions().filter_map(lag).sum();
    rows.push(("lag", lag.to_string(), Role::Text));
    rows
}

fn broker(cluster: Cluster<'_>, id: NodeId) -> Vec<Fact> {
    let image = cluster.image();
    let views = || {
        let ours = |at| Some((at, cluster.replica(id, at)?));
        cluster.stage.partitions().filter_map(ours)
    };
    let leads = views().filter(|(_, it)| it.role == ReplicaRole::Leader).count();
    let follows = views().filter(|(_, it)| matches!(it.role, ReplicaRole::Follower(_))).count();
    let behind =
        views().filter(|(at, _)| cluster.info(*at).is_some_and(|it| !it.isr.contains(&id))).count();
    let unflushed: u64 = views().map(|(_, it)| it.end - it.flushed.min(it.end)).sum();
    let mut rows = Vec::new();
    if let Some(known) = image.and_then(|it| it.broker(id)) {
        let state = match (known.fenced, known.shutting_down) {
            (true, _) => ("fenced", Role::Fault),
            (_, true) => ("shutting down", Role::Down),
            _ => ("takes part", Role::Text),
        };
        rows.push(("state", state.0.to_owned(), state.1));
        rows.push(("epoch", known.epoch.to_string(), Role::Text));
    }
    rows.push(("leads", format!("{leads} partitions"), Role::Text));
    rows.push(("follows", format!("{follows} partitions"), Role::Text));
    if behind > 0 {
        rows.push(("out of sync", format!("{behind} partitions"), Role::Fault));
    }
    rows.push(("unflushed", format!("{unflushed} records in the page cache"), Role::Text));
    let groups: Vec<&str> = cluster
        .groups()
        .filter(|group| cluster.coordinator(*group).is_some_and(|it| it.0 == id))
        .map(|group| cluster.stage.name(Entity::Group(group)))
        .collect();
    if !groups.is_empty() {
        rows.push(("coordinates", groups.join(" "), Role::Text));
    }
    if let Some(broker) = cluster.world.node(id).as_kafka_broker() {
        rows.push(("purgatory", format!("{} requests wait", broker.waiting()), Role::Text));
    }
    rows
}

fn producer(producer: &KafkaProducer) -> Vec<Fact> {
    let config = producer.config();
    let acks = match config.acks {
        crate::talk::kafka::Acks::None => "0",
        crate::talk::kafka::Acks::Leader => "1",
        crate::talk::kafka::Acks::All => "all",
    };
    let mut rows = vec![
        ("client", format!("{:?}", config.link.family), Role::Text),
        ("acks", acks.to_owned(), Role::Text),
        ("idempotent", if config.idempotence { "yes" } else { "no" }.to_owned(), Role::Text),
        ("submitted", format!("{}/{}", producer.submitted(), config.messages), Role::Text),
        ("open", format!("{} records", producer.unacknowledged()), Role::Text),
        ("in flight", format!("{} requests", producer.in_flight()), Role::Text),
    ];
    if let Some(identity) = producer.identity() {
        let text = format!("id {} epoch {}", identity.id, identity.epoch);
        rows.push(("producer", text, Role::Text));
    }
    if let Some(records) = producer.in_transaction() {
        rows.push(("transaction", format!("open, {records} records"), Role::Flight));
    }
    rows
}

fn consumer(cluster: Cluster<'_>, consumer: &KafkaConsumer) -> Vec<Fact> {
    let config = consumer.config();
    let member = consumer.member();
    let mut rows = vec![
        ("client", format!("{:?}", config.client.family), Role::Text),
        ("group", cluster.stage.name(Entity::Group(config.group)).to_owned(), Role::Text),
        ("member", format!("{:?}, generation {}", member.phase(), member.generation()), Role::Text),
    ];
    if config.isolation == Isolation::ReadCommitted {
        rows.push(("isolation", "read_committed".to_owned(), Role::Text));
    }
    for place in consumer.places() {
        let known = |it: Option<u64>| it.map_or_else(|| "?".to_owned(), |it| it.to_string());
        let paused = if place.is_paused() { " paused" } else { "" };
        let text = format!(
            "{} P {} C {}{paused}",
            cluster.stage.name(Entity::Partition(place.at)),
            known(place.position()),
            known(place.committed())
        );
        rows.push(("reads", text, Role::Text));
    }
    rows.push(("handlers", format!("{} under way", consumer.runs().count()), Role::Text));
    rows
}
