//! Kafka: brokers and controllers, producers, the log of every partition as a bar, groups with their
//! members, transactions and services, line by line.
//!
//! A partition is drawn with its replicas and its offsets in figures where there is room for all, or
//! when it is selected. What does not fit is scrolled, so that the selected line, or the partition
//! that the present event is about, is seen.

mod cells;
mod lines;
mod partition;

use ratatui::layout::{Position, Rect};

use super::super::paint::{Paint, window};
use super::flight::flying;
use crate::tui::cluster::Cluster;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;
use lines::{Line, lines};

/// The cluster at the cursor.
fn cluster(model: &Model) -> Cluster<'_> {
    Cluster { world: model.world(), stage: &model.recording.stage }
}

/// The lines of the cluster, and those below it: what is under way, what the letters mean, and the
/// events where there is room for some.
fn split(area: Rect, wanted: usize) -> (Rect, Rect) {
    let fits = wanted + 2 <= usize::from(area.height);
    let least = if area.height < 8 { 0 } else { 1 + u16::from(fits) };
    let spare = usize::from(area.height).saturating_sub(wanted);
    let foot = if spare >= 7 && area.height >= 20 { spare as u16 } else { least };
    let list = Rect { height: area.height - foot, ..area };
    (list, Rect { y: list.bottom(), height: foot, ..area })
}

/// What is selected, or what the present event is about.
fn anchor(model: &Model) -> Option<Entity> {
    let followed = || {
        let noted = model.recording.history().notes().get(model.cursor.at.note()?)?;
        match &noted.note {
            crate::talk::Note::Kafka(note) => note.at().map(Entity::Partition),
            _ => None,
        }
    };
    model.cursor.entity.or_else(followed)
}

/// The lines that are seen, each with its row on the screen.
fn seen(model: &Model, area: Rect) -> (Vec<(u16, Line)>, Rect, usize) {
    let lines = lines(model, cluster(model), area);
    let (list, foot) = split(area, lines.len());
    let at = anchor(model)
        .and_then(|entity| lines.iter().position(|line| line.is_about(entity)))
        .unwrap_or(0);
    let shown = window(lines.len(), at, usize::from(list.height));
    let hidden = lines.len() - shown.len();
    let seen = (list.y..).zip(lines.into_iter().take(shown.end).skip(shown.start)).collect();
    (seen, foot, hidden)
}

/// The entity at a cell.
pub(super) fn at(model: &Model, area: Rect, at: Position) -> Option<Entity> {
    let (seen, ..) = seen(model, area);
    let (_, line) = seen.into_iter().find(|(y, _)| *y == at.y)?;
    line.entity_at(area, at.x)
}

/// What can be selected, in the order in which it is drawn.
pub(super) fn entities(model: &Model) -> Vec<Entity> {
    let wide = Rect { x: 0, y: 0, width: 80, height: u16::MAX };
    let mut entities: Vec<Entity> = Vec::new();
    for line in lines(model, cluster(model), wide) {
        for entity in line.entities() {
            if !entities.contains(&entity) {
                entities.push(entity);
            }
        }
    }
    entities
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let cluster = cluster(model);
    let (seen, foot, hidden) = seen(model, area);
    let scale = partition::scale(cluster);
    for (y, line) in &seen {
        line.draw(model, cluster, paint, Rect { y: *y, height: 1, ..area }, scale);
    }
    draw_foot(model, paint, foot, hidden);
}

fn draw_foot(model: &Model, paint: &mut Paint<'_>, area: Rect, hidden: usize) {
    if area.height == 0 {
        return;
    }
    let mut y = area.y;
    if area.height == 1 {
        let more = match hidden {
            0 => String::new(),
            1 => "1 more line: h l".to_owned(),
            _ => format!("{hidden} more lines: h l"),
        };
        let right = paint.text_right(area.right(), y, area.width, &more, Role::Title);
        in_flight(model, paint, Rect { width: right.saturating_sub(area.x + 1), ..area });
        return;
    }
    if area.height > 2 {
        y += 1;
        let signs = [
            (paint.glyphs.done, "committed", Role::Acked),
            (paint.glyphs.in_hand, "in hand", Role::Unacked),
            (paint.glyphs.unread, "unread", Role::Ready),
            (paint.glyphs.unstable, "transaction open", Role::Flight),
            (paint.glyphs.dot, "not on all in sync", Role::Dim),
            (paint.glyphs.gone, "gone", Role::Violated),
        ];
        let mut x = area.x + 1;
        for (sign, word, role) in signs {
            let text = format!("{sign} {word}");
            x = paint.text(x, y, area.right().saturating_sub(x), &text, role) + 2;
        }
        y += 1;
    }
    let width = area.width.saturating_sub(2);
    let letters = "[ start  C committed  P position  S last stable  H high watermark  ] end";
    paint.text(area.x + 1, y, width, letters, Role::Dim);
    y += 1;
    in_flight(model, paint, Rect { y, height: 1, ..area });
    if area.bottom() > y + 2 {
        let list = Rect { y: y + 2, height: area.bottom() - y - 2, ..area };
        super::super::events::draw(model, paint, list);
    }
}

/// What is under way, the next to arrive first. What only keeps a connection busy is left out.
fn in_flight(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let stage = &model.recording.stage;
    let name = |node| stage.name(Entity::Node(node));
    let cluster = cluster(model);
    let kafka = |id| cluster.stage.is_kafka(id);
    // what brokers and controllers tell each other comes and goes all the time
    let mut flying = flying(model.world());
    flying.retain(|it| (kafka(it.from) || kafka(it.to)) && it.word != "cluster");
    let mut x = paint.text(area.x + 1, area.y, 10, "In flight", Role::Dim) + 2;
    if flying.is_empty() {
        paint.text(x, area.y, area.right().saturating_sub(x), "nothing of interest", Role::Dim);
    }
    for packet in flying {
        let arrow = paint.glyphs.arrow;
        let text = format!("{} {}{arrow}{}", packet.word, name(packet.from), name(packet.to));
        if x + text.chars().count() as u16 > area.right() {
            paint.sign(area.right() - 1, area.y, paint.glyphs.ellipsis, Role::Dim);
            break;
        }
        x = paint.text(x, area.y, area.right().saturating_sub(x), &text, Role::Flight) + 2;
    }
}
