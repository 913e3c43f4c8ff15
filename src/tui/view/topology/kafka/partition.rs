//! The lines of a partition: who leads it, who is in sync, its log as a bar, how far a group is.

use ratatui::layout::Rect;

use super::super::super::paint::Paint;
use super::super::bar::{bar, span};
use crate::kafka::ReplicaRole;
use crate::kernel::{Health, NodeId};
use crate::talk::kafka::{GroupId, Offset, PartitionInfo, TopicPartition};
use crate::tui::cluster::{Cluster, Marks};
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;

/// Begin and width of the columns.
struct Columns {
    name: (u16, u16),
    leader: (u16, u16),
    epoch: (u16, u16),
    isr: (u16, u16),
    bar: (u16, u16),
    /// Columns that these end before.
    end: u16,
    lag: u16,
    owner: (u16, u16),
}

impl Columns {
    fn new(cluster: Cluster<'_>, area: Rect) -> Columns {
        let names = cluster.stage.partitions().map(|at| cluster.stage.name(Entity::Partition(at)));
        let longest = names.map(|name| name.chars().count()).max().unwrap_or(0) as u16;
        let wide = area.width >= 76;
        let name = (area.x + 1, longest.clamp(9, if wide { 16 } else { 10 }));
        let leader = (name.0 + name.1 + 1, 9);
        let epoch = (leader.0 + leader.1, 3);
        let isr = (epoch.0 + epoch.1, 8);
        let owner_width = if wide { 9 } else { 0 };
        let owner = (area.right().saturating_sub(owner_width + 1), owner_width);
        let lag = owner.0.saturating_sub(1);
        let end = lag.saturating_sub(6);
        let bar_x = isr.0 + isr.1 + 1;
        let bar = (bar_x, end.saturating_sub(7).saturating_sub(bar_x));
        Columns { name, leader, epoch, isr, bar, end, lag, owner }
    }
}

/// The largest span of all bars.
pub(super) fn scale(cluster: Cluster<'_>) -> Offset {
    let marks = |at| {
        let groups = cluster.readers(at);
        let first = cluster.marks(at, groups.first().copied());
        let others = groups.into_iter().skip(1).map(move |it| cluster.marks(at, Some(it)));
        std::iter::once(first).chain(others).flatten()
    };
    cluster.stage.partitions().flat_map(marks).map(|it| span(&it)).max().unwrap_or(0)
}

pub(super) fn head(cluster: Cluster<'_>, paint: &mut Paint<'_>, area: Rect) {
    let columns = Columns::new(cluster, area);
    let y = area.y;
    let mut word = |(x, width): (u16, u16), text: &str| {
        paint.text(x, y, width, text, Role::Dim);
    };
    word(columns.name, "partition");
    word(columns.leader, "leader");
    word(columns.epoch, "ep");
    word(columns.isr, "in sync");
    word(columns.bar, "log");
    word(columns.owner, "owner");
    paint.text_right(columns.end, y, 6, "end", Role::Dim);
    paint.text_right(columns.lag, y, 6, "lag", Role::Dim);
}

/// What brokers of one cluster are told apart by: the number at the end of the name.
fn short(cluster: Cluster<'_>, broker: NodeId) -> String {
    let name = cluster.stage.name(Entity::Node(broker));
    let tail = name.rsplit('-').next().unwrap_or(name);
    if tail.chars().all(|char| char.is_ascii_digit()) {
        tail.to_owned()
    } else {
        name.chars().take(2).collect()
    }
}

/// The replicas in sync, and in brackets those that are not: `1 2 (3)`.
fn in_sync(cluster: Cluster<'_>, info: &PartitionInfo) -> String {
    if info.replicas.len() > 3 {
        return format!("{} of {}", info.isr.len(), info.replicas.len());
    }
    let word = |id: &NodeId| {
        let name = short(cluster, *id);
        if info.isr.contains(id) { name } else { format!("({name})") }
    };
    info.replicas.iter().map(word).collect::<Vec<_>>().join(" ")
}

pub(super) fn draw(
    model: &Model,
    cluster: Cluster<'_>,
    paint: &mut Paint<'_>,
    area: Rect,
    (at, group, first): (TopicPartition, Option<GroupId>, bool),
    scale: Offset,
) {
    let columns = Columns::new(cluster, area);
    let y = area.y;
    let stage = cluster.stage;
    if first {
        let name = stage.name(Entity::Partition(at));
        paint.name(columns.name.0, y, columns.name.1, name, Role::Title);
        if let Some(info) = cluster.info(at) {
            let (leader, role) = match info.leader {
                Some(id) if cluster.is_up(id) => (stage.name(Entity::Node(id)), Role::Text),
                Some(id) => (stage.name(Entity::Node(id)), Role::Fault),
                None => ("nobody", Role::Violated),
            };
            let down = info.leader.is_some_and(|id| !cluster.is_up(id));
            let sign = if down { paint.glyphs.crash.to_string() } else { String::new() };
            let name = format!("{sign}{leader}");
            paint.name(columns.leader.0, y, columns.leader.1 - 1, &name, role);
            let epoch = format!("e{}", info.leader_epoch);
            paint.text(columns.epoch.0, y, columns.epoch.1, &epoch, Role::Dim);
            let role = match info.isr.len() == info.replicas.len() {
                true => Role::Text,
                false => Role::Fault,
            };
            paint.text(columns.isr.0, y, columns.isr.1, &in_sync(cluster, info), role);
        }
    } else if let Some(group) = group {
        let x = columns.leader.0;
        paint.name(x, y, columns.bar.0 - x - 1, stage.name(Entity::Group(group)), Role::Dim);
    }
    if let Some(marks) = cluster.marks(at, group) {
        cells(paint, columns.bar, y, &marks, scale);
        if first {
            paint.text_right(columns.end, y, 6, &marks.end.to_string(), Role::Text);
        }
        if let Some(group) = group {
            let lag = marks.lag().map_or_else(|| "?".to_owned(), |lag| lag.to_string());
            paint.text_right(columns.lag, y, 6, &lag, Role::Text);
            owner(cluster, paint, columns.owner, y, (group, at));
        }
    }
    if first && model.cursor.entity == Some(Entity::Partition(at)) {
        paint.select(columns.name.0, y, columns.name.1);
    }
}

/// The member that takes the partition for its own; how many more, if there are any.
fn owner(
    cluster: Cluster<'_>,
    paint: &mut Paint<'_>,
    (x, width): (u16, u16),
    y: u16,
    (group, at): (GroupId, TopicPartition),
) {
    let claims = cluster
        .consumers()
        .filter(|(id, it)| {
            let up = cluster.world.health(*id) != Health::Dead;
            up && it.config().group == group && it.places().iter().any(|place| place.at == at)
        })
        .count();
    let text = match (cluster.owner(group, at), claims) {
        (Some(id), 0 | 1) => cluster.stage.name(Entity::Node(id)).to_owned(),
        (Some(id), n) => format!("{}+{}", cluster.stage.name(Entity::Node(id)), n - 1),
        (None, _) => "nobody".to_owned(),
    };
    let role = match claims {
        0 => Role::Fault,
        1 => Role::Text,
        _ => Role::Violated,
    };
    paint.name(x, y, width, &text, role);
}

fn cells(paint: &mut Paint<'_>, (x, width): (u16, u16), y: u16, marks: &Marks, scale: Offset) {
    for (x, (sign, role)) in (x..).zip(bar(marks, scale, width, paint.glyphs)) {
        paint.sign(x, y, sign, role);
    }
}

pub(super) fn offsets(
    cluster: Cluster<'_>,
    paint: &mut Paint<'_>,
    area: Rect,
    at: TopicPartition,
    group: Option<GroupId>,
) {
    let Some(marks) = cluster.marks(at, group) else { return };
    let mut parts = vec![format!("start {}", marks.start)];
    if group.is_some() {
        let known = |it: Option<Offset>| it.map_or_else(|| "none".to_owned(), |it| it.to_string());
        parts.push(format!("committed {}", known(marks.committed)));
        parts.push(format!("position {}", known(marks.position)));
    }
    if marks.stable < marks.high_watermark {
        parts.push(format!("last stable {}", marks.stable));
    }
    parts.push(format!("high watermark {}", marks.high_watermark));
    parts.push(format!("end {}", marks.end));
    paint.text(area.x + 3, area.y, area.width.saturating_sub(4), &parts.join("  "), Role::Dim);
}

pub(super) fn replica(
    cluster: Cluster<'_>,
    paint: &mut Paint<'_>,
    area: Rect,
    (at, broker): (TopicPartition, NodeId),
    scale: Offset,
) {
    let columns = Columns::new(cluster, area);
    let y = area.y;
    let name = cluster.stage.name(Entity::Node(broker));
    paint.name(columns.name.0 + 2, y, columns.name.1 - 2, name, Role::Text);
    let Some(view) = cluster.replica(broker, at) else {
        paint.text(columns.leader.0, y, 20, "has nothing of it", Role::Dim);
        return;
    };
    let decided = cluster.info(at);
    let leads = decided.is_some_and(|it| it.leader == Some(broker));
    let in_sync = decided.is_some_and(|it| it.isr.contains(&broker));
    let glyphs = paint.glyphs;
    let (word, role) = match (cluster.world.health(broker), view.role) {
        (Health::Dead | Health::Off, _) => (format!("{} down", glyphs.crash), Role::Fault),
        (Health::Paused, _) => (format!("{} stands still", glyphs.paused), Role::Down),
        (Health::Up, ReplicaRole::Leader) if leads => ("leads".to_owned(), Role::Title),
        // it was deposed and does not know
        (Health::Up, ReplicaRole::Leader) => ("thinks it leads".to_owned(), Role::Violated),
        (Health::Up, ReplicaRole::Follower(_)) => ("follows".to_owned(), Role::Text),
        (Health::Up, ReplicaRole::Offline) => ("offline".to_owned(), Role::Fault),
    };
    let epoch = if view.leader_epoch > 0 || word == "leads" {
        format!(" e{}", view.leader_epoch)
    } else {
        String::new()
    };
    let room = columns.bar.0 - columns.leader.0 - 1;
    let sync = if in_sync { "" } else { ", out of sync" };
    let text = format!("{word}{sync}{epoch}");
    let text =
        if text.chars().count() > usize::from(room) { format!("{word}{sync}") } else { text };
    paint.text(columns.leader.0, y, room, &text, if in_sync { role } else { Role::Fault });
    let hw = view.high_watermark.min(view.end);
    let marks = Marks {
        start: view.start,
        stable: hw,
        high_watermark: hw,
        end: view.end,
        ..Marks::default()
    };
    cells(paint, columns.bar, y, &marks, scale);
    paint.text_right(columns.end, y, 6, &view.end.to_string(), Role::Dim);
    if view.flushed < view.end && columns.owner.1 > 0 {
        // what a loss of power would take
        let text = format!("{} unflushed", view.end - view.flushed);
        paint.text_right(area.right(), y, columns.owner.1 + 7, &text, Role::Dim);
    }
}
