//! Brokers, controllers, clients, groups, transactions and services: a few words about each.

use ratatui::layout::Rect;

use super::super::super::paint::Paint;
use super::super::rabbit::trouble;
use crate::check::Role as Part;
use crate::client::kafka::consumer::{Awaits, KafkaConsumer};
use crate::kafka::GroupKind;
use crate::kernel::NodeId;
use crate::system::Member;
use crate::talk::kafka::{GroupId, TopicPartition, TxnPhase};
use crate::tui::cluster::Cluster;
use crate::tui::glyph::State;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;

/// A few words about something that can be selected.
pub(super) struct Cell {
    pub(super) entity: Option<Entity>,
    words: Vec<(String, Role)>,
}

impl Cell {
    fn new(cluster: Cluster<'_>, entity: Entity) -> Cell {
        let name = cluster.stage.name(entity).to_owned();
        Cell { entity: Some(entity), words: vec![(name, Role::Title)] }
    }

    fn say(&mut self, text: impl Into<String>, role: Role) {
        self.words.push((text.into(), role));
    }

    /// How wide it would like to be.
    pub(super) fn width(&self) -> u16 {
        let words = self.words.iter().map(|(text, _)| text.chars().count() + 1);
        words.sum::<usize>().saturating_sub(1) as u16
    }
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect, cells: &[(u16, Cell)]) {
    for (place, (from, cell)) in cells.iter().enumerate() {
        let x0 = area.x + 1 + from;
        let next = cells.get(place + 1).map(|(from, _)| area.x + from);
        let right = next.unwrap_or(area.right()).min(area.right());
        let mut x = x0;
        for (text, role) in &cell.words {
            x = paint.text(x, area.y, right.saturating_sub(x), text, *role) + 1;
        }
        if cell.entity.is_some() && cell.entity == model.cursor.entity {
            let name = cell.words.first().map_or(0, |(name, _)| name.chars().count() as u16);
            paint.select(x0, area.y, name.min(right.saturating_sub(x0)));
        }
    }
}

/// Brokers with how much they lead, and controllers.
pub(super) fn brokers(model: &Model, cluster: Cluster<'_>) -> Vec<Cell> {
    let glyphs = model.ui.charset.glyphs();
    let image = cluster.image();
    let mut cells = Vec::new();
    for (id, _) in cluster.brokers() {
        let mut cell = Cell::new(cluster, Entity::Node(id));
        let leads = cluster.stage.partitions().filter(|at| {
            image.and_then(|it| it.partition(*at)).is_some_and(|it| it.leader == Some(id))
        });
        match trouble(cluster.world.health(id), glyphs) {
            Some((text, role)) => cell.say(text, role),
            None => {
                let fenced = image.and_then(|it| it.broker(id)).is_none_or(|it| it.fenced);
                match fenced {
                    true => cell.say(format!("{} fenced", glyphs.notice), Role::Fault),
                    false => cell.say(format!("leads {}", leads.count()), Role::Text),
                }
            }
        }
        cells.push(cell);
    }
    for (id, active) in cluster.controllers() {
        let mut cell = Cell::new(cluster, Entity::Node(id));
        match trouble(cluster.world.health(id), glyphs) {
            Some((text, role)) => cell.say(text, role),
            None if active => cell.say("active", Role::Text),
            None => cell.say("standby", Role::Dim),
        }
        cells.push(cell);
    }
    cells
}

/// Producers: how far they are, what they wait for, who they are to brokers.
pub(super) fn producers(model: &Model, cluster: Cluster<'_>) -> Vec<Cell> {
    let glyphs = model.ui.charset.glyphs();
    let mut cells = Vec::new();
    for (id, producer) in cluster.producers() {
        let mut cell = Cell::new(cluster, Entity::Node(id));
        if let Some((text, role)) = trouble(cluster.world.health(id), glyphs) {
            cell.say(text, role);
            cells.push(cell);
            continue;
        }
        let sent = format!("sent {}/{}", producer.submitted(), producer.config().messages);
        cell.say(sent, Role::Text);
        if producer.is_blocked() {
            cell.say(format!("{} blocked", glyphs.notice), Role::Fault);
        }
        let open = producer.unacknowledged();
        if open > 0 {
            let sign = glyphs.of(State::Flight);
            let how = match producer.in_flight() {
                0 => "unacknowledged".to_owned(),
                1 => "in 1 request".to_owned(),
                n => format!("in {n} requests"),
            };
            cell.say(format!("{sign} {open} {how}"), Role::Flight);
        }
        if let Some(identity) = producer.identity() {
            cell.say(format!("pid {} e{}", identity.id, identity.epoch), Role::Dim);
        }
        if let Some(records) = producer.in_transaction() {
            cell.say(format!("txn of {records}"), Role::Flight);
        }
        cells.push(cell);
    }
    cells
}

/// Transactional ids, as their coordinators have them.
pub(super) fn txns(model: &Model, cluster: Cluster<'_>) -> Vec<Cell> {
    let cast = model.recording.stage.names().cast();
    let of = |(id, view): (_, crate::kafka::TxnView)| {
        let name = format!("txn {}", cast.txn(id));
        let mut cell = Cell { entity: None, words: vec![(name, Role::Title)] };
        let role = match view.phase {
            TxnPhase::Empty | TxnPhase::CompleteCommit => Role::Acked,
            TxnPhase::CompleteAbort | TxnPhase::Dead => Role::Fault,
            _ => Role::Flight,
        };
        cell.say(format!("{:?}", view.phase), role);
        cell.say(format!("pid {} e{}", view.producer, view.epoch), Role::Dim);
        if !view.partitions.is_empty() {
            cell.say(listed(cluster, &view.partitions), Role::Text);
        }
        cell
    };
    cluster.txns().into_iter().map(of).collect()
}

/// Partitions in few letters: `orders 0 1 4`.
fn listed(cluster: Cluster<'_>, partitions: &[TopicPartition]) -> String {
    let cast = cluster.stage.names().cast();
    let mut sorted = partitions.to_vec();
    sorted.sort_unstable();
    let topic = |of_topic: &[TopicPartition]| {
        let name = cast.topics.get(usize::from(of_topic[0].topic.0)).map_or("?", |it| it.as_str());
        let numbers: Vec<String> = of_topic.iter().map(|it| it.partition.to_string()).collect();
        match numbers.len() {
            0..=6 => format!("{name} {}", numbers.join(" ")),
            n => format!("{name} {} and {} more", numbers[..3].join(" "), n - 3),
        }
    };
    let topics: Vec<String> = sorted.chunk_by(|a, b| a.topic == b.topic).map(topic).collect();
    topics.join(", ")
}

/// The consumers of a group: whether they are members, what they own and what they do.
pub(super) fn members(model: &Model, cluster: Cluster<'_>, group: GroupId) -> Vec<Cell> {
    let view = cluster.group(group);
    let consumers = cluster.consumers().filter(|(_, it)| it.config().group == group);
    let of = |(id, consumer): (NodeId, &KafkaConsumer)| {
        let seat = view.as_ref().and_then(|it| it.members.iter().find(|it| it.client == id));
        let settled = view.as_ref().is_none_or(|it| it.state == "Stable");
        let mut cell = Cell::new(cluster, Entity::Node(id));
        cell.words[0].0.insert_str(0, "  ");
        if let Some((text, role)) = trouble(cluster.world.health(id), model.ui.charset.glyphs()) {
            cell.say(text, role);
            return cell;
        }
        let glyphs = model.ui.charset.glyphs();
        match seat {
            _ if consumer.is_dead() => cell.say(format!("{} stopped", glyphs.crash), Role::Fault),
            None if view.is_some() => {
                cell.say(format!("{} no member", glyphs.notice), Role::Fault);
            }
            // nobody is there who could say otherwise
            None if consumer.member().generation() >= 0 => {
                cell.say(format!("g{}", consumer.member().generation()), Role::Dim);
            }
            None => cell.say("joins", Role::Flight),
            Some(_) if consumer.member().generation() < 0 => cell.say("joins", Role::Flight),
            Some(seat) => {
                cell.say(format!("g{}", consumer.member().generation()), Role::Text);
                if !settled {
                    cell.say(seat.state, Role::Flight);
                }
            }
        }
        let owned: Vec<TopicPartition> = consumer.places().iter().map(|it| it.at).collect();
        match owned.is_empty() {
            true => cell.say("owns nothing", Role::Dim),
            false => cell.say(listed(cluster, &owned), Role::Unacked),
        }
        if let Some((text, role)) = work(model, consumer) {
            cell.say(text, role);
        }
        cell
    };
    consumers.map(of).collect()
}

/// The handlers of a consumer that are under way.
fn work(model: &Model, consumer: &KafkaConsumer) -> Option<(String, Role)> {
    let (_, run) = consumer.runs().next()?;
    let (state, word) = match run.awaits() {
        Awaits::Turn => (State::Step, "next"),
        Awaits::Work => (State::Step, "work"),
        Awaits::Call => (State::Effect, "call"),
        _ => (State::Flight, "sends"),
    };
    let more = match consumer.runs().count() {
        0 | 1 => String::new(),
        n => format!(" +{}", n - 1),
    };
    let sign = model.ui.charset.glyphs().of(state);
    Some((format!("{sign} {} {word}{more}", run.msg()), state.role()))
}

/// The line of a group.
pub(super) fn group(
    model: &Model,
    cluster: Cluster<'_>,
    paint: &mut Paint<'_>,
    area: Rect,
    group: GroupId,
) {
    let entity = Entity::Group(group);
    let y = area.y;
    let room = |x: u16| area.right().saturating_sub(x + 1);
    let x = paint.text(area.x + 1, y, 6, "group", Role::Dim) + 1;
    let end = paint.name(x, y, 18, cluster.stage.name(entity), Role::Title);
    if model.cursor.entity == Some(entity) {
        paint.select(x, y, end - x);
    }
    let x = end + 2;
    let Some(view) = cluster.group(group) else {
        let text = match cluster.coordinator(group) {
            Some(_) => "unknown to its coordinator",
            None => "no coordinator",
        };
        paint.text(x, y, room(x), text, Role::Dim);
        return;
    };
    let role = if view.state == "Stable" { Role::Acked } else { Role::Flight };
    let x = paint.text(x, y, room(x), view.state, role) + 2;
    let turn = match view.kind {
        GroupKind::Classic => "generation",
        GroupKind::Consumer => "epoch",
        GroupKind::Share => "share group, epoch",
    };
    let members = view.members.len();
    let mut text = format!(
        "{turn} {}  {members} member{}",
        view.generation,
        if members == 1 { "" } else { "s" }
    );
    if let Some(assignor) = view.assignor.filter(|it| !it.is_empty()) {
        text.push_str(&format!("  {assignor}"));
    }
    if let Some((broker, _)) = cluster.coordinator(group) {
        text.push_str(&format!("  at {}", cluster.stage.name(Entity::Node(broker))));
    }
    paint.text(x, y, room(x), &text, Role::Text);
}

/// Where effects land.
pub(super) fn services(model: &Model, cluster: Cluster<'_>) -> Vec<Cell> {
    if cluster.stage.has_rabbit() {
        return Vec::new(); // RabbitMQ's part has them
    }
    let glyphs = model.ui.charset.glyphs();
    let lanes = cluster.stage.lanes().iter().copied();
    let services = lanes.filter(|it| cluster.stage.part_of(*it) == Some(Part::Service));
    let of = |entity: Entity| {
        let mut cell = Cell::new(cluster, entity);
        let index = match entity {
            Entity::Service(index) => Some(index),
            Entity::Node(id) => match cluster.world.node(id) {
                Member::Service(it) => {
                    if it.is_out() {
                        cell.say(format!("{} outage", glyphs.notice), Role::Fault);
                    }
                    Some(it.config().index)
                }
                _ => None,
            },
            _ => None,
        };
        let count = index.map_or(0, |it| model.recording.index.effects(it, model.cursor.at));
        cell.say(format!("{} {count} effects", glyphs.of(State::Effect)), Role::Effect);
        cell
    };
    services.map(of).collect()
}
