//! Space and time: one row for each event, one lane for each place, an arrow from where something
//! was sent to where it arrived. Time flows down, and is not to scale.

use ratatui::layout::{Position, Rect};

use super::Target;
use super::paint::{Paint, window};
use crate::kernel::Health;
use crate::tui::glyph::State;
use crate::tui::index::Row;
use crate::tui::model::Model;
use crate::tui::sketch::Sketch;
use crate::tui::stage::Entity;
use crate::tui::story;
use crate::tui::theme::Role;

/// Cells in front of the first lane: the cursor, the number of the event, its time.
const MARGIN: u16 = 17;
/// A lane narrower than this cannot be labelled.
const NARROWEST: u16 = 10;
/// A lane wider than this only tears the picture apart.
const WIDEST: u16 = 20;

/// The lanes that are drawn.
struct Lanes {
    /// The entities, from left to right. The others share the last lane.
    shown: Vec<Entity>,
    others: bool,
    left: u16,
    pitch: u16,
    right: u16,
}

impl Lanes {
    fn new(model: &Model, area: Rect) -> Lanes {
        let all = model.recording.stage.lanes();
        let room = area.width.saturating_sub(MARGIN);
        let fit = usize::from(room / NARROWEST).max(2);
        let others = all.len() > fit;
        let shown = if others { choose(model, fit - 1) } else { all.to_vec() };
        let count = (shown.len() + usize::from(others)).max(1) as u16;
        let pitch = (room / count).min(WIDEST);
        Lanes { shown, others, left: area.x + MARGIN, pitch, right: area.right() }
    }

    fn len(&self) -> usize {
        self.shown.len() + usize::from(self.others)
    }

    /// The lane of an entity: its own, or the one of the others.
    fn of(&self, entity: Entity) -> usize {
        self.shown.iter().position(|it| *it == entity).unwrap_or(self.shown.len())
    }

    fn x(&self, lane: usize) -> u16 {
        (self.left + self.pitch * lane as u16).min(self.right.saturating_sub(1))
    }
}

/// The lanes that matter most when not all fit: the selected one, those of the selected message,
/// and then the busiest.
fn choose(model: &Model, most: usize) -> Vec<Entity> {
    let recording = &model.recording;
    let notes = recording.history().notes();
    let mut wanted: Vec<Entity> = model.cursor.entity.into_iter().collect();
    if let Some(msg) = model.message() {
        let rows = recording.index.message(msg).iter().filter_map(|row| row.note());
        // a message that comes back thousands of times visits the same few places
        wanted.extend(
            rows.take(200)
                .map(|place| recording.stage.place(notes[place].node, &notes[place].note)),
        );
    }
    wanted.extend(recording.stage.busiest());
    let mut chosen = Vec::new();
    for entity in wanted {
        if chosen.len() < most && !chosen.contains(&entity) {
            chosen.push(entity);
        }
    }
    recording.stage.lanes().iter().copied().filter(|entity| chosen.contains(entity)).collect()
}

/// The rows of the list, and the lines below it that explain the cursor.
fn split(area: Rect) -> (Rect, Option<Rect>) {
    if area.height >= 22 && area.width >= 70 {
        let foot = 7;
        let list = Rect { height: area.height - foot, ..area };
        (list, Some(Rect { y: list.bottom(), height: foot, ..area }))
    } else {
        (area, None)
    }
}

pub(super) fn title(model: &Model, area: Rect) -> String {
    let lanes = Lanes::new(model, area);
    let all = model.recording.stage.lanes().len();
    format!("Space-time  rows={}  lanes={}/{all}", model.ui.detail.word(), lanes.shown.len())
}

fn seen(model: &Model, list: Rect) -> std::ops::Range<usize> {
    window(model.rows().len(), model.place(), usize::from(list.height.saturating_sub(1)))
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (list, foot) = split(area);
    let lanes = Lanes::new(model, list);
    heads(model, paint, &lanes, list);
    let place = model.place();
    for (y, at) in (list.y + 1..).zip(seen(model, list)) {
        let rows = model.rows();
        let follows = at > 0 && rows[at - 1].step() == rows[at].step();
        let before = at.checked_sub(1).map(|at| rows[at]);
        if before.is_some() && model.recording.index.idle_before(before, rows[at]) > 0 {
            paint.sign(list.x + MARGIN - 1, y, paint.glyphs.dot, Role::Dim);
        }
        row(model, paint, &lanes, list, y, rows[at], (at == place, follows));
    }
    if let Some(foot) = foot {
        explain(model, paint, foot);
    }
}

fn heads(model: &Model, paint: &mut Paint<'_>, lanes: &Lanes, list: Rect) {
    paint.text(list.x, list.y, MARGIN, "     ev     t(s)", Role::Dim);
    for lane in 0..lanes.len() {
        let x = lanes.x(lane);
        let room = if lane + 1 == lanes.len() { list.right() - x } else { lanes.pitch - 1 };
        match lanes.shown.get(lane) {
            Some(entity) => {
                let name = model.recording.stage.name(*entity);
                let selected = model.cursor.entity == Some(*entity);
                let end = paint.name(x, list.y, room, name, Role::Title);
                if selected {
                    paint.select(x, list.y, end - x);
                }
            }
            None => {
                let count = model.recording.stage.lanes().len() - lanes.shown.len();
                paint.text(x, list.y, room, &format!("{count} others"), Role::Dim);
            }
        }
    }
}

fn row(
    model: &Model,
    paint: &mut Paint<'_>,
    lanes: &Lanes,
    list: Rect,
    y: u16,
    row: Row,
    (here, follows): (bool, bool),
) {
    let recording = &model.recording;
    let glyphs = paint.glyphs;
    // rows of one step share its number
    if here || y == list.y + 1 || !follows {
        let seconds = recording.time(row).to_string();
        let text = format!("{:>6} {:>8}", row.step(), seconds.trim_end_matches(" s"));
        paint.text(list.x + 1, y, MARGIN, &text, if here { Role::Title } else { Role::Dim });
    }
    if here {
        paint.sign(list.x, y, glyphs.cursor, Role::Title);
        paint.select(list.x + 1, y, 15);
    }
    for lane in 0..lanes.len() {
        let health = lanes
            .shown
            .get(lane)
            .and_then(|entity| recording.stage.host(*entity, row.step()))
            .map_or(Health::Up, |node| recording.index.health(node, row.step()));
        let (sign, role) = match health {
            Health::Up => (glyphs.lane, Role::Frame),
            Health::Paused => (glyphs.paused, Role::Down),
            Health::Dead | Health::Off => (glyphs.down, Role::Down),
        };
        paint.sign(lanes.x(lane), y, sign, role);
    }
    let Some(sketch) = story::drawn(recording, row) else {
        paint.text(list.x + MARGIN + 2, y, list.width - MARGIN - 2, "the beginning", Role::Dim);
        return;
    };
    draw_sketch(model, paint, lanes, y, &sketch);
    let broken = |finding: &crate::tui::verdicts::Finding| {
        finding.violated_at() == Some(row.step())
            && (finding.msg().is_none() || finding.msg() == sketch.msg)
    };
    if recording.findings.iter().any(broken) {
        paint.sign(list.x + MARGIN - 1, y, glyphs.violated, Role::Violated);
    }
    if model.cursor.msg.is_some() && sketch.msg != model.cursor.msg && sketch.msg.is_some() {
        paint.faint(list.x + MARGIN, y, list.width.saturating_sub(MARGIN));
    }
}

fn draw_sketch(model: &Model, paint: &mut Paint<'_>, lanes: &Lanes, y: u16, sketch: &Sketch) {
    let to = lanes.of(sketch.at);
    let from = sketch.from.map(|(from, state)| (lanes.of(from), state)).filter(|it| it.0 != to);
    let role = if sketch.msg.is_some() && sketch.msg == model.cursor.msg {
        Role::Message
    } else {
        match sketch.state {
            State::Notice | State::Crash | State::Lost | State::Discarded => sketch.state.role(),
            _ => Role::Text,
        }
    };
    let after = lanes.x(to) + 2;
    let Some((from, sent)) = from else {
        paint.sign(lanes.x(to), y, paint.glyphs.of(sketch.state), sketch.state.role());
        let text = [sketch.label.as_str(), sketch.tail.as_str()].join(" ");
        paint.text(after, y, lanes.right.saturating_sub(after), text.trim_end(), role);
        return;
    };
    let (left, right) = (from.min(to), from.max(to));
    let (x0, x1) = (lanes.x(left), lanes.x(right));
    for x in x0 + 1..x1 {
        paint.sign(x, y, paint.glyphs.across, Role::Flight);
    }
    for lane in left + 1..right {
        paint.sign(lanes.x(lane), y, paint.glyphs.crossing, Role::Flight);
    }
    if to > from {
        paint.sign(x1 - 1, y, paint.glyphs.right, Role::Flight);
    } else {
        paint.sign(x0 + 1, y, paint.glyphs.left, Role::Flight);
    }
    // a confirm says something about where it comes from
    let landed = if sent == State::Confirmed { State::Step } else { sketch.state };
    paint.sign(lanes.x(from), y, paint.glyphs.of(sent), sent.role());
    paint.sign(lanes.x(to), y, paint.glyphs.of(landed), landed.role());
    // the words stand in the gap next to the sender, where the eye begins
    let gap = if to > from {
        (lanes.x(from) + 1, lanes.x(from + 1) - u16::from(from + 1 == to))
    } else {
        (lanes.x(from - 1) + 1 + u16::from(from - 1 == to), lanes.x(from))
    };
    let room = gap.1.saturating_sub(gap.0);
    // or over the lanes in between, if there are any; or only which message it is, or the first word
    let whole = (x1 - x0).saturating_sub(3);
    let word = || sketch.label.split(' ').next().unwrap_or_default().to_owned();
    let short = sketch.msg.map_or_else(word, |msg| msg.to_string());
    let fits = |text: &str, room: u16| text.chars().count() as u16 <= room;
    let label = if fits(&sketch.label, room.max(whole)) { &sketch.label } else { &short };
    let len = label.chars().count() as u16;
    if len + 4 <= room {
        paint.text(gap.0 + (room - len - 2) / 2, y, len + 2, &format!(" {label} "), role);
    } else if len <= room {
        paint.text(gap.0 + (room - len) / 2, y, len, label, role);
    } else {
        paint.text(x0 + 2 + whole.saturating_sub(len) / 2, y, whole.min(len), label, role);
    }
    if !sketch.tail.is_empty() {
        let next = if to + 1 < lanes.len() { lanes.x(to + 1) } else { lanes.right };
        let room = next.saturating_sub(after + 1);
        if sketch.tail.chars().count() as u16 <= room {
            paint.text(after, y, room, &sketch.tail, Role::Dim);
        }
    }
}

/// Whether words are Kafka's: where there is RabbitMQ too, they are the general ones.
fn is_kafka_only(model: &Model) -> bool {
    model.recording.stage.has_kafka() && !model.recording.stage.has_rabbit()
}

/// The signs, and the cursor in words.
fn explain(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let glyphs = paint.glyphs;
    let x = area.x + 1;
    let width = area.width.saturating_sub(2);
    let kafka = is_kafka_only(model);
    let states =
        [State::Step, State::Ready, State::Confirmed, State::Unacked, State::Acked, State::Effect];
    let mut at = paint.text(x, area.y + 1, 8, "Signs", Role::Dim) + 5;
    for state in states {
        let word = if kafka { state.kafka_word() } else { state.word() };
        let text = format!("{} {word}", glyphs.of(state));
        at = paint.text(at, area.y + 1, area.right().saturating_sub(at), &text, state.role()) + 2;
    }
    let second = [
        (glyphs.crash, "crash", Role::Fault),
        (glyphs.down, "down", Role::Down),
        (glyphs.discarded, if kafka { "deleted" } else { "discarded" }, Role::Fault),
        (glyphs.lost, "lost, or broken here", Role::Violated),
        (glyphs.notice, "notice", Role::Fault),
    ];
    let mut at = x + 10;
    for (sign, word, role) in second {
        let text = format!("{sign} {word}");
        at = paint.text(at, area.y + 2, area.right().saturating_sub(at), &text, role) + 2;
    }
    let at = model.cursor.at;
    let place = model.place();
    let before = place.checked_sub(1).map(|place| model.rows()[place]);
    let idle = match before {
        Some(_) => model.recording.index.idle_before(before, at),
        None => 0,
    };
    if idle > 0 {
        let text = format!(
            "{} before this event {idle} heartbeats and empty fetches are left out",
            glyphs.dot
        );
        paint.text(x + 10, area.y + 3, width.saturating_sub(10), &text, Role::Dim);
    }
    let told = story::whole_sentence(&model.recording, at);
    let lines = [
        ("Selected", format!("ev {}  {told}", at.step())),
        ("Cause", story::cause_chain(model, glyphs)),
    ];
    let mut y = area.y + 4;
    for (word, text) in lines {
        paint.text(x, y, 9, word, Role::Dim);
        let text_x = x + 10;
        for line in wrap(&text, usize::from(width.saturating_sub(10))).into_iter().take(2) {
            if y < area.bottom() {
                paint.text(text_x, y, width.saturating_sub(10), &line, Role::Text);
            }
            y += 1;
        }
    }
}

/// Breaks a text into lines of at most `width` cells, between words.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= width
        });
        match line {
            Some(line) => {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What is at a cell: a lane in the first line, an event below it.
pub(super) fn at(model: &Model, area: Rect, at: Position) -> Option<Target> {
    let (list, _) = split(area);
    if at.y == list.y {
        let lanes = Lanes::new(model, list);
        let lane = usize::from(at.x.checked_sub(lanes.left)? / lanes.pitch.max(1));
        return lanes.shown.get(lane).copied().map(Target::Entity);
    }
    let line = usize::from(at.y.checked_sub(list.y + 1)?);
    let place = seen(model, list).nth(line).filter(|_| at.y < list.bottom())?;
    model.rows().get(place).copied().map(Target::Row)
}
