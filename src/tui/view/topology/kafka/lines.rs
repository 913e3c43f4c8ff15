//! The lines that a cluster is drawn in.

use ratatui::layout::Rect;

use super::super::super::paint::Paint;
use super::cells::{self, Cell};
use super::partition;
use crate::check::Role as Part;
use crate::kernel::NodeId;
use crate::talk::kafka::{GroupId, Offset, TopicPartition};
use crate::tui::cluster::Cluster;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;

/// One line.
pub(super) enum Line {
    /// Several small things side by side, each so far from the left.
    Cells(Vec<(u16, Cell)>),
    /// The heads of the columns of partitions.
    Head,
    /// A topic of which not all partitions fit: how many there are.
    Topic(String),
    /// A partition as a group sees it. Only the first line of a partition names it.
    Partition { at: TopicPartition, group: Option<GroupId>, first: bool },
    /// Its offsets in figures.
    Offsets { at: TopicPartition, group: Option<GroupId> },
    /// One replica of a partition.
    Replica { at: TopicPartition, broker: NodeId },
    /// A group.
    Group(GroupId),
    /// Nothing.
    Blank,
}

impl Line {
    /// What can be selected in it.
    pub(super) fn entities(&self) -> Vec<Entity> {
        match self {
            Line::Cells(cells) => cells.iter().filter_map(|(_, cell)| cell.entity).collect(),
            Line::Partition { at, .. } => vec![Entity::Partition(*at)],
            Line::Group(group) => vec![Entity::Group(*group)],
            Line::Replica { .. }
            | Line::Offsets { .. }
            | Line::Head
            | Line::Topic(_)
            | Line::Blank => Vec::new(),
        }
    }

    /// Whether an entity is drawn in it.
    pub(super) fn is_about(&self, entity: Entity) -> bool {
        self.entities().contains(&entity)
    }

    /// The entity at a column.
    pub(super) fn entity_at(&self, area: Rect, x: u16) -> Option<Entity> {
        match self {
            Line::Cells(cells) => {
                let x = x.checked_sub(area.x + 1)?;
                cells.iter().rev().find(|(from, _)| *from <= x)?.1.entity
            }
            Line::Replica { at, .. } | Line::Offsets { at, .. } => Some(Entity::Partition(*at)),
            _ => self.entities().first().copied(),
        }
    }

    pub(super) fn draw(
        &self,
        model: &Model,
        cluster: Cluster<'_>,
        paint: &mut Paint<'_>,
        area: Rect,
        scale: Offset,
    ) {
        match self {
            Line::Cells(cells) => cells::draw(model, paint, area, cells),
            Line::Head => partition::head(cluster, paint, area),
            Line::Topic(text) => {
                paint.text(area.x + 1, area.y, area.width.saturating_sub(2), text, Role::Title);
            }
            Line::Partition { at, group, first } => {
                partition::draw(model, cluster, paint, area, (*at, *group, *first), scale);
            }
            Line::Offsets { at, group } => partition::offsets(cluster, paint, area, *at, *group),
            Line::Replica { at, broker } => {
                partition::replica(cluster, paint, area, (*at, *broker), scale);
            }
            Line::Group(group) => cells::group(model, cluster, paint, area, *group),
            Line::Blank => {}
        }
    }
}

/// Puts cells side by side, each at least `wanted` wide, as many as fit in a line.
fn side_by_side(cells: Vec<Cell>, wanted: u16, area: Rect, lines: &mut Vec<Line>) {
    let room = area.width.saturating_sub(2);
    // columns of half a line keep what is alike below each other
    let half = room / 2;
    let mut line: Vec<(u16, Cell)> = Vec::new();
    let mut end = 0;
    for cell in cells {
        let needed = cell.width();
        if !line.is_empty() && end + needed > room {
            lines.push(Line::Cells(std::mem::take(&mut line)));
            end = 0;
        }
        line.push((end, cell));
        end += (needed + 2).max(wanted);
        if wanted > 20 && end < half {
            end = half;
        }
    }
    if !line.is_empty() {
        lines.push(Line::Cells(line));
    }
}

/// All lines, for an area of this size.
pub(super) fn lines(model: &Model, cluster: Cluster<'_>, area: Rect) -> Vec<Line> {
    let mut lines = Vec::new();
    side_by_side(cells::brokers(model, cluster), 18, area, &mut lines);
    let mut clients = cells::producers(model, cluster);
    clients.extend(cells::services(model, cluster));
    side_by_side(clients, 30, area, &mut lines);
    side_by_side(cells::txns(model, cluster), 30, area, &mut lines);
    let mut rest = Vec::new();
    for group in cluster.groups() {
        rest.push(Line::Group(group));
        side_by_side(cells::members(model, cluster, group), 30, area, &mut rest);
    }
    let partitions: Vec<TopicPartition> = cluster.stage.partitions().collect();
    let folded = partition_lines(model, cluster, &partitions, false);
    let open = partition_lines(model, cluster, &partitions, true);
    let height = usize::from(area.height).saturating_sub(1 + usize::from(area.height >= 20));
    let heads = 1 + usize::from(area.height >= 20) * 3;
    let all = |middle: usize| lines.len() + heads + middle + rest.len();
    let fits = all(folded.len()) <= height;
    let middle = if all(open.len()) <= height { open } else { folded };
    let blank = |lines: &mut Vec<Line>| {
        if area.height >= 20 {
            lines.push(Line::Blank);
        }
    };
    blank(&mut lines);
    if !fits {
        // how groups and topics are stands above what has to be scrolled
        let (groups, members) = rest.into_iter().partition(|it| matches!(it, Line::Group(_)));
        lines.extend::<Vec<Line>>(groups);
        rest = members;
        summaries(cluster, &partitions, &mut lines);
    }
    if !partitions.is_empty() {
        lines.push(Line::Head);
    }
    lines.extend(middle);
    blank(&mut lines);
    lines.extend(rest);
    lines
}

/// Of each topic with many partitions: how many, and whether all is well.
fn summaries(cluster: Cluster<'_>, partitions: &[TopicPartition], lines: &mut Vec<Line>) {
    /// Fewer than this are seen at a glance.
    const MANY: usize = 8;
    for of_topic in partitions.chunk_by(|a, b| a.topic == b.topic) {
        if of_topic.len() < MANY {
            continue;
        }
        let cast = cluster.stage.names().cast();
        let topic = cast.topics.get(usize::from(of_topic[0].topic.0)).map_or("?", |it| it.as_str());
        let infos = || of_topic.iter().filter_map(|at| cluster.info(*at));
        let leaderless = infos().filter(|it| it.leader.is_none()).count();
        let behind = infos().filter(|it| it.isr.len() < it.replicas.len()).count();
        let lag = |at: &TopicPartition| {
            let groups = cluster.readers(*at).into_iter();
            groups.filter_map(|it| cluster.marks(*at, Some(it))?.lag()).sum::<Offset>()
        };
        let lag: Offset = of_topic.iter().map(lag).sum();
        lines.push(Line::Topic(format!(
            "{topic}: {} partitions, lag {lag}, {behind} under-replicated, {leaderless} without leader",
            of_topic.len()
        )));
    }
}

/// The lines of partitions: all of them with their replicas, or only the selected one.
fn partition_lines(
    model: &Model,
    cluster: Cluster<'_>,
    partitions: &[TopicPartition],
    open: bool,
) -> Vec<Line> {
    let mut lines = Vec::new();
    for &at in partitions {
        let groups = cluster.readers(at);
        let first = groups.first().copied();
        lines.push(Line::Partition { at, group: first, first: true });
        let others = groups.into_iter().skip(1);
        lines.extend(others.map(|it| Line::Partition { at, group: Some(it), first: false }));
        if open || model.cursor.entity == Some(Entity::Partition(at)) {
            lines.push(Line::Offsets { at, group: first });
            let replicas = cluster.info(at).map_or(&[][..], |it| &it.replicas);
            let known = |id: &&NodeId| cluster.stage.part(**id) == Some(Part::Broker);
            lines.extend(replicas.iter().filter(known).map(|&broker| Line::Replica { at, broker }));
        }
    }
    lines
}
