//! The topology: who is connected with whom, and where everything is now.

mod bar;
mod flight;
mod kafka;
mod place;
mod rabbit;

use ratatui::layout::{Position, Rect};

use super::paint::Paint;
use crate::tui::model::Model;
use crate::tui::stage::Entity;

/// The areas of RabbitMQ and of Kafka: one of them is empty unless a run has both.
fn split(model: &Model, area: Rect) -> (Rect, Rect) {
    let stage = &model.recording.stage;
    // between the two there is a rule
    let (upper, rule) = match (stage.has_rabbit(), stage.has_kafka()) {
        (_, false) => (area.height, 0),
        (false, true) => (0, 0),
        (true, true) => (area.height / 2, 1),
    };
    let lower = upper + rule;
    let lower = Rect { y: area.y + lower, height: area.height.saturating_sub(lower), ..area };
    (Rect { height: upper, ..area }, lower)
}

/// The entity at a cell.
pub(super) fn at(model: &Model, area: Rect, at: Position) -> Option<Entity> {
    let (upper, lower) = split(model, area);
    if upper.contains(at) { rabbit::at(model, upper, at) } else { kafka::at(model, lower, at) }
}

/// What can be selected, in the order in which it is drawn.
pub(in crate::tui) fn entities(model: &Model) -> Vec<Entity> {
    let stage = &model.recording.stage;
    if !stage.has_kafka() {
        return stage.lanes().to_vec();
    }
    let ours = |it: &Entity| !matches!(it, Entity::Node(id) if stage.is_kafka(*id));
    let mut entities: Vec<Entity> = match stage.has_rabbit() {
        true => stage.lanes().iter().copied().filter(ours).collect(),
        false => Vec::new(),
    };
    for entity in kafka::entities(model) {
        if !entities.contains(&entity) {
            entities.push(entity);
        }
    }
    entities
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (upper, lower) = split(model, area);
    if upper.height > 0 {
        rabbit::draw(model, paint, upper);
    }
    if lower.height > 0 {
        if upper.height > 0 {
            paint.rule(lower, lower.y - 1);
        }
        kafka::draw(model, paint, lower);
    }
}
