//! Where the boxes of the topology stand: producers, brokers, consumers and services, in three
//! columns, in the largest form that fits.

use ratatui::layout::Rect;

use crate::check::Role as Part;
use crate::kernel::{Health, NodeId};
use crate::tui::model::Model;
use crate::tui::stage::Entity;

/// A box beside the brokers.
pub(super) struct Client {
    pub(super) entity: Entity,
    pub(super) area: Rect,
    /// It stands on the left.
    pub(super) left: bool,
}

/// A broker and the lines of each of its queues.
pub(super) struct Host {
    pub(super) node: NodeId,
    pub(super) area: Rect,
    pub(super) queues: Vec<(Entity, Rect)>,
    /// Queues for which there is no room.
    pub(super) hidden: usize,
}

/// All boxes.
pub(super) struct Plan {
    pub(super) clients: Vec<Client>,
    pub(super) hosts: Vec<Host>,
    /// Clients for which there is no room, left and right.
    pub(super) hidden: (usize, usize),
}

struct Columns {
    left: (u16, u16),
    middle: (u16, u16),
    right: (u16, u16),
}

/// Begin and width of the three columns.
fn columns(area: Rect) -> Columns {
    let width = area.width;
    let [left, gap, middle, right] = if width >= 76 { [17, 9, 22, 17] } else { [14, 7, 18, 14] };
    let spare = width.saturating_sub(left + 2 * gap + middle + right);
    let middle = middle + (spare * 2 / 3).min(14);
    let right = right + (spare / 4).min(10);
    let gap = (width.saturating_sub(left + middle + right) / 2).min(16);
    let x = area.x + width.saturating_sub(left + 2 * gap + middle + right) / 2;
    Columns {
        left: (x, left),
        middle: (x + left + gap, middle),
        right: (x + left + gap + middle + gap, right),
    }
}

/// How tall each of `count` boxes can be: a frame with two lines or one, or a line without a frame.
fn form(count: usize, height: u16) -> u16 {
    [4, 3].into_iter().find(|form| count * usize::from(*form) <= usize::from(height)).unwrap_or(1)
}

/// Stacks boxes. Returns them and how many there is no room for.
fn stack(entities: &[Entity], x: u16, width: u16, area: Rect, left: bool) -> (Vec<Client>, usize) {
    let form = form(entities.len(), area.height);
    let fit = usize::from(area.height / form);
    // the last line says how many are missing
    let shown = if entities.len() > fit { fit.saturating_sub(1) } else { entities.len() };
    let boxes = entities.iter().take(shown).zip(0u16..).map(|(entity, place)| Client {
        entity: *entity,
        area: Rect { x, y: area.y + place * form, width, height: form },
        left,
    });
    (boxes.collect(), entities.len() - shown)
}

impl Plan {
    pub(super) fn new(model: &Model, area: Rect) -> Plan {
        let stage = &model.recording.stage;
        let columns = columns(area);
        let wanted = |wanted: &[Part]| -> Vec<Entity> {
            let ours = |entity: Entity| !matches!(entity, Entity::Node(id) if stage.is_kafka(id));
            let fits = |entity: &Entity| {
                ours(*entity) && stage.part_of(*entity).is_some_and(|part| wanted.contains(&part))
            };
            stage.lanes().iter().copied().filter(fits).collect()
        };
        let producers = wanted(&[Part::Producer]);
        let others = wanted(&[Part::Consumer, Part::Service]);
        let (x, width) = columns.left;
        let (mut clients, hidden_left) = stack(&producers, x, width, area, true);
        let (x, width) = columns.right;
        let (right, hidden_right) = stack(&others, x, width, area, false);
        clients.extend(right);
        let lowest = clients.iter().map(|client| client.area.bottom()).max().unwrap_or(area.y);
        let hosts = hosts(model, area, columns.middle, lowest);
        Plan { clients, hosts, hidden: (hidden_left, hidden_right) }
    }
}

/// Whether a queue is there; all are where the broker cannot say.
fn exists(model: &Model, node: NodeId, entity: Entity) -> bool {
    let Entity::Queue(id) = entity else { return false };
    let world = model.world();
    let broker = world.node(node).as_broker();
    world.health(node) != Health::Up || broker.is_some_and(|broker| broker.queue(id).is_some())
}

/// Brokers share the middle; each queue has three lines, two or one.
fn hosts(model: &Model, area: Rect, (x, width): (u16, u16), lowest: u16) -> Vec<Host> {
    let stage = &model.recording.stage;
    let brokers: Vec<NodeId> =
        stage.nodes(Part::Broker).filter(|id| !stage.is_kafka(*id)).collect();
    let Some(count) = u16::try_from(brokers.len()).ok().filter(|count| *count > 0) else {
        return Vec::new();
    };
    let share = area.height / count;
    let now = model.cursor.at.step();
    let mut y = area.y;
    let mut hosts = Vec::new();
    for node in brokers {
        if share < 3 {
            break;
        }
        let queues: Vec<Entity> = stage
            .lanes()
            .iter()
            .copied()
            .filter(|entity| stage.host(*entity, now) == Some(node) && exists(model, node, *entity))
            .collect();
        let room = share - 2;
        let lines = [3, 2].into_iter().find(|lines| queues.len() * lines <= usize::from(room));
        let lines = lines.unwrap_or(1) as u16;
        let fit = usize::from(room / lines);
        let shown = if queues.len() > fit { fit.saturating_sub(1) } else { queues.len() };
        let hidden = queues.len() - shown;
        let needed = 2 + shown as u16 * lines + u16::from(hidden > 0);
        // one broker reaches as far down as its clients, so that their lines meet it
        let height = if count == 1 { needed.max(lowest - y).min(share) } else { needed.max(3) };
        let area = Rect { x, y, width, height };
        let boxes = queues.iter().take(shown).zip(0u16..).map(|(queue, place)| {
            let area = Rect { x: x + 1, y: y + 1 + place * lines, width: width - 2, height: lines };
            (*queue, area)
        });
        hosts.push(Host { node, area, queues: boxes.collect(), hidden });
        y += height;
    }
    hosts
}
