//! The topology: who is connected with whom, and where everything is now.

use ratatui::layout::{Position, Rect};

use super::paint::Paint;
use crate::kernel::Health;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::theme::Role;

/// The boxes, from left to right and from top to bottom.
fn boxes(model: &Model, area: Rect) -> Vec<(Entity, Rect)> {
    let lanes = model.recording.stage.lanes();
    let per_row = usize::from(area.width / 24).max(1);
    lanes
        .iter()
        .enumerate()
        .map(|(place, entity)| {
            let (row, column) = (place / per_row, place % per_row);
            let rect = Rect {
                x: area.x + 1 + column as u16 * 24,
                y: area.y + row as u16 * 4,
                width: 22,
                height: 3,
            };
            (*entity, rect)
        })
        .filter(|(_, rect)| rect.bottom() <= area.bottom() && rect.right() <= area.right())
        .collect()
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let recording = &model.recording;
    for (entity, rect) in boxes(model, area) {
        let inside = paint.frame(rect, recording.stage.name(entity), "");
        let health = recording
            .stage
            .host(entity)
            .map_or(Health::Up, |node| recording.index.health(node, model.cursor.at.step()));
        let (sign, word, role) = match health {
            Health::Up => (paint.glyphs.step, "up", Role::Text),
            Health::Paused => (paint.glyphs.paused, "paused", Role::Down),
            Health::Dead => (paint.glyphs.crash, "down", Role::Fault),
            Health::Off => (paint.glyphs.crash, "off", Role::Fault),
        };
        paint.text(inside.x + 1, inside.y, inside.width, &format!("{sign} {word}"), role);
    }
}

pub(super) fn at(model: &Model, area: Rect, at: Position) -> Option<Entity> {
    boxes(model, area).into_iter().find(|(_, rect)| rect.contains(at)).map(|(entity, _)| entity)
}
