//! RabbitMQ: producers, brokers with their queues, consumers and services as boxes, and what is
//! under way on the lines between them.

use ratatui::layout::{Position, Rect};

use super::super::paint::Paint;
use super::flight::{Flying, flying};
use super::place::{Client, Host, Plan};
use crate::check::Role as Part;
use crate::client::{Awaits, Consumer, Producer, Session};
use crate::kernel::{Health, Link, NodeId};
use crate::rabbit::QueueView;
use crate::system::{Member, World};
use crate::tui::glyph::{Glyphs, State};
use crate::tui::model::Model;
use crate::tui::stage::Entity;
use crate::tui::story;
use crate::tui::theme::Role;

/// The boxes, and the lines below them: what is under way, and what comes next.
fn split(area: Rect) -> (Rect, Rect) {
    let foot = if area.height >= 20 { 9 } else { 3 };
    let boxes = Rect { height: area.height.saturating_sub(foot), ..area };
    (boxes, Rect { y: boxes.bottom(), height: area.height - boxes.height, ..area })
}

/// The entity at a cell.
pub(super) fn at(model: &Model, area: Rect, at: Position) -> Option<Entity> {
    let plan = Plan::new(model, split(area).0);
    let client = plan.clients.iter().find(|client| client.area.contains(at));
    if let Some(client) = client {
        return Some(client.entity);
    }
    let host = plan.hosts.iter().find(|host| host.area.contains(at))?;
    let queue = host.queues.iter().find(|(_, area)| area.contains(at));
    Some(queue.map_or(Entity::Node(host.node), |(queue, _)| *queue))
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (boxes, foot) = split(area);
    let plan = Plan::new(model, boxes);
    let world = model.world();
    let flying = flying(world);
    for host in &plan.hosts {
        draw_host(model, world, paint, host);
    }
    for client in &plan.clients {
        draw_client(model, world, paint, client);
        wires(model, world, paint, client, &plan, &flying);
    }
    for (hidden, left) in [(plan.hidden.0, true), (plan.hidden.1, false)] {
        let last = plan.clients.iter().rev().find(|client| client.left == left);
        if let Some(last) = last.filter(|_| hidden > 0) {
            let text = format!("and {hidden} more");
            paint.text(last.area.x, last.area.bottom(), last.area.width, &text, Role::Dim);
        }
    }
    draw_foot(model, paint, foot, &flying);
}

/// The sign and the word for a node that does not work; `None` for one that does.
pub(super) fn trouble(health: Health, glyphs: &Glyphs) -> Option<(String, Role)> {
    match health {
        Health::Up => None,
        Health::Paused => Some((format!("{} paused", glyphs.paused), Role::Down)),
        Health::Dead => Some((format!("{} down", glyphs.crash), Role::Fault)),
        Health::Off => Some((format!("{} off", glyphs.crash), Role::Fault)),
    }
}

fn draw_host(model: &Model, world: &World, paint: &mut Paint<'_>, host: &Host) {
    let stage = &model.recording.stage;
    let entity = Entity::Node(host.node);
    let trouble = trouble(world.health(host.node), paint.glyphs);
    let below = trouble.as_ref().map_or("", |(text, _)| text);
    paint.frame(host.area, stage.name(entity), below);
    if model.cursor.entity == Some(entity) {
        paint.select(host.area.x + 2, host.area.y, stage.name(entity).len() as u16 + 2);
    }
    let broker = world.node(host.node).as_broker();
    for (entity, area) in &host.queues {
        let Entity::Queue(id) = *entity else { continue };
        // a quorum queue goes on while other nodes of its cluster do
        let elsewhere = || {
            let up = world.nodes().filter(|(node, _)| world.health(*node) == Health::Up);
            up.filter_map(|(_, node)| node.as_broker()).find_map(|broker| broker.queue(id))
        };
        let here = broker.filter(|_| trouble.is_none()).and_then(|broker| broker.queue(id));
        let view = here.or_else(elsewhere);
        draw_queue(model, paint, *entity, view.as_ref(), *area);
    }
    if host.hidden > 0 {
        let text = format!("and {} more", host.hidden);
        let y = host.area.bottom().saturating_sub(2);
        paint.text(host.area.x + 2, y, host.area.width.saturating_sub(3), &text, Role::Dim);
    }
}

fn draw_queue(
    model: &Model,
    paint: &mut Paint<'_>,
    entity: Entity,
    view: Option<&QueueView>,
    area: Rect,
) {
    let name = model.recording.stage.name(entity);
    let (x, width) = (area.x + 1, area.width.saturating_sub(2));
    let selected = model.cursor.entity == Some(entity);
    let Some(view) = view else {
        let right = paint.text_right(x + width, area.y, width, "?", Role::Down);
        paint.name(x, area.y, right.saturating_sub(x + 1), name, Role::Dim);
        return;
    };
    let glyphs = paint.glyphs;
    let counts = format!("{}{} {}{}", glyphs.ready, view.ready, glyphs.unacked, view.unacked);
    if area.height == 1 {
        let right = paint.text_right(x + width, area.y, width, &counts, Role::Ready);
        paint.name(x, area.y, right.saturating_sub(x + 1), name, Role::Title);
    } else {
        let kind = format!("{:?}", view.kind).to_lowercase();
        let right = paint.text_right(x + width, area.y, width, &kind, Role::Dim);
        paint.name(x, area.y, right.saturating_sub(x + 1), name, Role::Title);
        let ready = [(State::Ready, view.ready, &view.messages)];
        let both = [ready[0], (State::Unacked, view.unacked, &view.held)];
        if area.height == 2 {
            let end = paint.text(x + 1, area.y + 1, width, &counts, Role::Ready);
            paint.text(end + 2, area.y + 1, (x + width).saturating_sub(end + 2), "", Role::Text);
        } else {
            for (y, (state, count, messages)) in (area.y + 1..).zip(both) {
                let text = format!("{:<7} {count:>3} ", state.word());
                let end = paint.text(x + 1, y, width, &text, state.role());
                for (x, message) in (end..x + width).zip(messages) {
                    let followed = model.message() == Some(message.msg);
                    let role = if followed { Role::Message } else { state.role() };
                    paint.sign(x, y, glyphs.of(state), role);
                }
            }
        }
    }
    if selected {
        paint.select(x, area.y, width);
    }
}

/// Two lines about a client, the more important one first.
fn about(model: &Model, world: &World, entity: Entity, glyphs: &Glyphs) -> [(String, Role); 2] {
    let index = &model.recording.index;
    let effects = |service: u16| {
        let count = index.effects(service, model.cursor.at);
        (format!("effects {count}"), Role::Effect)
    };
    let node = match entity {
        Entity::Node(node) => node,
        Entity::Service(service) => return [effects(service), (String::new(), Role::Text)],
        Entity::Queue(_) | Entity::Partition(_) | Entity::Group(_) => {
            return [(String::new(), Role::Text), (String::new(), Role::Text)];
        }
    };
    if let Some(trouble) = trouble(world.health(node), glyphs) {
        return [trouble, (String::new(), Role::Text)];
    }
    match world.node(node) {
        Member::Producer(producer) => about_producer(producer, glyphs),
        Member::Consumer(consumer) => about_consumer(consumer, glyphs),
        Member::Service(service) => {
            let busy = match service.waiting() {
                0 => format!("busy {}", service.busy()),
                waiting => format!("busy {} +{waiting}", service.busy()),
            };
            let state = if service.is_out() {
                (format!("{} outage", glyphs.notice), Role::Fault)
            } else {
                (busy, Role::Text)
            };
            [effects(service.config().index), state]
        }
        Member::Broker(_)
        | Member::KafkaBroker(_)
        | Member::KafkaController(_)
        | Member::KafkaProducer(_)
        | Member::KafkaConsumer(_)
        | Member::Bridge(_) => [(String::new(), Role::Text), (String::new(), Role::Text)],
    }
}

/// What stands in the way of a client's work; `None` when nothing does.
fn unconnected(session: &Session, glyphs: &Glyphs) -> Option<(String, Role)> {
    if session.is_blocked() {
        Some((format!("{} blocked", glyphs.notice), Role::Fault))
    } else if session.is_up() {
        None
    } else {
        Some((format!("{} no connection", glyphs.notice), Role::Fault))
    }
}

fn about_producer(producer: &Producer, glyphs: &Glyphs) -> [(String, Role); 2] {
    let sent = (producer.submitted() as usize).saturating_sub(producer.backlog());
    let sent = (format!("sent {sent}/{}", producer.config().messages), Role::Text);
    let confirms = if producer.config().confirm {
        (format!("unconfirmed {}", producer.unconfirmed()), Role::Confirmed)
    } else {
        ("no confirms".to_owned(), Role::Dim)
    };
    [sent, unconnected(producer.session(), glyphs).unwrap_or(confirms)]
}

fn about_consumer(consumer: &Consumer, glyphs: &Glyphs) -> [(String, Role); 2] {
    let work = match consumer.runs().next() {
        Some((_, run)) => {
            let (state, word) = match run.awaits() {
                Awaits::Turn => (State::Step, "next"),
                Awaits::Work => (State::Step, "work"),
                Awaits::Call => (State::Effect, "call"),
                Awaits::Answer => (State::Flight, "answer"),
                Awaits::Confirm => (State::Confirmed, "confirm"),
            };
            let more = match consumer.running() {
                0 | 1 => String::new(),
                n => format!(" +{}", n - 1),
            };
            (format!("{} {} {word}{more}", glyphs.of(state), run.msg()), state.role())
        }
        None => ("idle".to_owned(), Role::Dim),
    };
    let limit = match consumer.config().prefetch {
        0 => String::new(),
        limit => format!("/{limit}"),
    };
    let holds = (format!("{} holds {}{limit}", glyphs.unacked, consumer.holds()), Role::Unacked);
    [work, unconnected(consumer.session(), glyphs).unwrap_or(holds)]
}

fn draw_client(model: &Model, world: &World, paint: &mut Paint<'_>, client: &Client) {
    let Client { entity, area, .. } = *client;
    let name = model.recording.stage.name(entity);
    let lines = about(model, world, entity, paint.glyphs);
    let selected = model.cursor.entity == Some(entity);
    if area.height == 1 {
        // one word: which message, how many, or what is wrong
        let (text, role) = &lines[0];
        let word = text.strip_prefix("sent ").or(text.strip_prefix("effects ")).unwrap_or(text);
        let word = word.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let word = match model.recording.stage.part_of(entity) {
            Some(Part::Service) => format!("{} {word}", paint.glyphs.effect),
            _ => word,
        };
        let room = area.width / 2;
        let right = paint.text_right(area.right(), area.y, room, &word, *role);
        let end = paint.text(area.x, area.y, right.saturating_sub(area.x + 1), name, Role::Title);
        if selected {
            paint.select(area.x, area.y, end - area.x);
        }
        return;
    }
    let inside = paint.frame(area, name, "");
    let room = inside.width.saturating_sub(2);
    for (y, (text, role)) in (inside.y..inside.bottom()).zip(&lines) {
        let long = text.chars().count() > usize::from(room);
        let text = if long { text.replace("unconfirmed", "unconf.") } else { text.clone() };
        paint.text(inside.x + 1, y, room, &text, *role);
    }
    if selected {
        paint.select(area.x + 2, area.y, (name.len() as u16 + 2).min(area.width.saturating_sub(4)));
    }
}

/// The lines between a client and its broker, with what is under way on them.
fn wires(
    model: &Model,
    world: &World,
    paint: &mut Paint<'_>,
    client: &Client,
    plan: &Plan,
    flying: &[Flying],
) {
    let Entity::Node(me) = client.entity else { return };
    let (broker, session) = match world.node(me) {
        Member::Producer(producer) => (producer.config().connection.broker, producer.session()),
        Member::Consumer(consumer) => (consumer.config().connection.broker, consumer.session()),
        Member::Broker(_)
        | Member::KafkaBroker(_)
        | Member::KafkaController(_)
        | Member::KafkaProducer(_)
        | Member::KafkaConsumer(_)
        | Member::Bridge(_)
        | Member::Service(_) => return,
    };
    let Some(host) = plan.hosts.iter().find(|host| host.node == broker) else { return };
    let (from, to) = if client.left {
        (client.area.right(), host.area.left())
    } else {
        (host.area.right(), client.area.left())
    };
    let out = Link { from: me, to: broker };
    let back = Link { from: broker, to: me };
    // messages go to the right on the upper line, answers to the left on the lower one
    let (right, left) = if client.left { (out, back) } else { (back, out) };
    let first = if client.area.height == 1 { client.area.y } else { client.area.y + 1 };
    let busy = |link: Link| flying.iter().any(|it| (it.from, it.to) == (link.from, link.to));
    let lines = match client.area.height {
        4 => vec![(first, right, true), (first + 1, left, false)],
        _ if busy(right) || !busy(left) => vec![(first, right, true)],
        _ => vec![(first, left, false)],
    };
    for (y, link, rightwards) in lines {
        let up = session.is_up() && world.health(me) == Health::Up;
        wire(model, world, paint, (from, to, y), link, rightwards, up, flying);
    }
}

#[expect(clippy::too_many_arguments, reason = "a line has two ends, a direction and a load")]
fn wire(
    model: &Model,
    world: &World,
    paint: &mut Paint<'_>,
    (from, to, y): (u16, u16, u16),
    link: Link,
    rightwards: bool,
    up: bool,
    flying: &[Flying],
) {
    let mine: Vec<&Flying> =
        flying.iter().filter(|it| (it.from, it.to) == (link.from, link.to)).collect();
    let glyphs = paint.glyphs;
    if to <= from {
        return;
    }
    if mine.is_empty() {
        let sign = if up { glyphs.across } else { glyphs.dot };
        for x in from..to {
            paint.sign(x, y, sign, Role::Frame);
        }
    } else {
        for x in from..to {
            paint.sign(x, y, glyphs.across, Role::Flight);
        }
        let (x, head) = if rightwards { (to - 1, glyphs.right) } else { (from, glyphs.left) };
        paint.sign(x, y, head, Role::Flight);
        let followed = model.message();
        let shown = mine.iter().find(|it| it.msg.is_some() && it.msg == followed);
        let shown = shown.unwrap_or(&mine[0]);
        let more = if mine.len() > 1 { format!("+{}", mine.len() - 1) } else { String::new() };
        let text = format!(" {}{more} ", shown.word);
        let width = (to - from).saturating_sub(2);
        let len = (text.chars().count() as u16).min(width);
        let x = from + 1 + (width - len) / 2;
        let same = shown.msg.is_some() && shown.msg == followed;
        paint.text(x, y, len, &text, if same { Role::Message } else { Role::Flight });
    }
    if world.is_cut(link) {
        paint.sign(from + (to - from) / 2, y, glyphs.crash, Role::Fault);
    }
}

fn draw_foot(model: &Model, paint: &mut Paint<'_>, area: Rect, flying: &[Flying]) {
    let stage = &model.recording.stage;
    let width = area.width.saturating_sub(12);
    let name = |node: NodeId| stage.name(Entity::Node(node));
    paint.text(area.x + 1, area.y + 1, 10, "In flight", Role::Dim);
    let mut x = area.x + 12;
    if flying.is_empty() {
        paint.text(x, area.y + 1, width, "nothing", Role::Dim);
    }
    for packet in flying {
        let left = packet.due.since(model.now());
        let text = format!(
            "{} {}{}{} in {}",
            packet.word,
            name(packet.from),
            paint.glyphs.arrow,
            name(packet.to),
            super::super::journey::span(left.as_nanos())
        );
        if x + text.chars().count() as u16 > area.right() {
            break;
        }
        let role = if packet.msg.is_some() { Role::Flight } else { Role::Text };
        x = paint.text(x, area.y + 1, width, &text, role) + 3;
    }
    if area.height > 3 {
        let list = Rect { y: area.y + 3, height: area.height - 3, ..area };
        return super::super::events::draw(model, paint, list);
    }
    paint.text(area.x + 1, area.y + 2, 10, "Next", Role::Dim);
    let next = model.rows().get(model.rows().partition_point(|row| *row <= model.cursor.at));
    let text = match next {
        Some(row) => {
            let place = story::drawn(&model.recording, *row)
                .map_or_else(String::new, |sketch| stage.name(sketch.at).to_owned());
            format!("ev {}  {place}  {}", row.step(), story::sentence(&model.recording, *row))
        }
        None => "nothing more happens in this run".to_owned(),
    };
    paint.text(area.x + 12, area.y + 2, width, &text, Role::Text);
}
