//! Beside the view: the message under the cursor, and the verdicts so far. Where there is less
//! room, three lines below it.

mod kafka;

use ratatui::layout::Rect;

use super::paint::Paint;
use crate::kernel::{StepNo, Time};
use crate::tui::facts::Facts;
use crate::tui::glyph::{Glyphs, State};
use crate::tui::model::{Model, View};
use crate::tui::stage::Entity;
use crate::tui::story;
use crate::tui::theme::Role;
use crate::tui::verdicts::{Finding, Known};

/// The sign and the role of a verdict.
pub(super) const fn mark(known: Known, glyphs: &Glyphs) -> (char, Role) {
    match known {
        Known::Holds => (glyphs.holds, Role::Holds),
        Known::Violated(_) => (glyphs.violated, Role::Violated),
        Known::Undecided => (glyphs.undecided, Role::Undecided),
    }
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let wanted = 12.min(area.height / 2);
    let upper = Rect { height: wanted, ..area };
    let lower = Rect { y: area.y + wanted, height: area.height - wanted, ..area };
    inspector(model, paint, upper);
    let title = format!("Verdicts (as of ev {})", model.cursor.at.step());
    let inside = paint.frame(lower, &title, "5 details  ! next violation");
    verdicts(model, paint, inside);
}

fn inspector(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    if model.ui.view == View::Topology
        && let Some(entity) = model.cursor.entity
        && let Some(about) = kafka::about(model, entity)
    {
        let title = model.recording.stage.name(entity);
        let inside = paint.frame(area, title, "esc lets go");
        list(paint, inside, &about);
        return;
    }
    let Some(msg) = model.message() else {
        let inside = paint.frame(area, "Event", "m message");
        let text = story::whole_sentence(&model.recording, model.cursor.at);
        let width = inside.width.saturating_sub(2);
        let lines = super::space_time::wrap(&text, usize::from(width));
        for (y, line) in (inside.y..inside.bottom()).zip(lines) {
            paint.text(inside.x + 1, y, width, &line, Role::Text);
        }
        return;
    };
    let pinned = if model.cursor.msg.is_some() { "following, esc lets go" } else { "m follow" };
    let inside = paint.frame(area, &format!("Message {msg}"), pinned);
    let facts = Facts::as_of(&model.recording, msg, model.cursor.at);
    let about = match facts.records.is_empty() {
        true => rows(model, &facts),
        false => kafka::rows(model, &facts),
    };
    list(paint, inside, &about);
}

/// What is to be said about something: a word, what it says, how it is drawn.
type Fact = (&'static str, String, Role);

fn list(paint: &mut Paint<'_>, inside: Rect, about: &[Fact]) {
    let (x, width) = (inside.x + 1, inside.width.saturating_sub(2));
    for (y, (what, says, role)) in (inside.y..inside.bottom()).zip(about) {
        paint.text(x, y, 11, what, Role::Dim);
        paint.text(x + 11, y, width.saturating_sub(11), says, *role);
    }
}

fn when(at: Option<(StepNo, Time)>) -> String {
    at.map_or_else(|| "not yet".to_owned(), |(no, at)| format!("ev {no}   {at}"))
}

fn rows(model: &Model, facts: &Facts) -> Vec<Fact> {
    let name = |entity| model.recording.stage.name(entity);
    let glyphs = model.ui.charset.glyphs();
    let mut published = when(facts.published.1);
    if facts.published.0 > 1 {
        published = format!(
            "{} times, first ev {}",
            facts.published.0,
            facts.published.1.map_or(0, |at| at.0)
        );
    }
    let confirmed = if facts.unknown {
        ("no answer: producer cannot know".to_owned(), Role::Undecided)
    } else if facts.refused {
        ("refused".to_owned(), Role::Fault)
    } else {
        (when(facts.confirmed), if facts.confirmed.is_some() { Role::Confirmed } else { Role::Dim })
    };
    let state = facts.state();
    let place = match facts.copies.last() {
        Some((queue, Some(to))) => {
            format!("{}, with {}", name(Entity::Queue(*queue)), name(Entity::Node(*to)))
        }
        Some((queue, None)) => format!("in {}", name(Entity::Queue(*queue))),
        None => facts.end.map_or_else(String::new, |(_, no)| format!("ev {no}")),
    };
    let effects = if facts.effects > 1 { Role::Violated } else { Role::Effect };
    let count = |n: u32| n.to_string();
    let mut rows = vec![
        ("published", published, Role::Text),
        ("confirmed", confirmed.0, confirmed.1),
        ("deliveries", count(facts.pushed), Role::Text),
        ("returned", count(facts.requeued), Role::Text),
        ("effects", count(facts.effects), effects),
        ("state now", format!("{} {}", glyphs.of(state), state.word()), state.role()),
        ("", place, Role::Text),
    ];
    if facts.copies.len() > 1 {
        rows.push(("copies", count(facts.copies.len() as u32), State::Notice.role()));
    }
    if facts.failed > 0 {
        rows.push(("failures", count(facts.failed), Role::Fault));
    }
    if facts.key != 0 {
        rows.push(("about", format!("key {}", facts.key), Role::Dim));
    }
    rows
}

/// One line for each guarantee: sign, name, and where it was decided.
fn verdicts(model: &Model, paint: &mut Paint<'_>, inside: Rect) {
    let (no, len) = (model.cursor.at.step(), model.recording.len());
    let mut findings: Vec<&Finding> = model.recording.findings.iter().collect();
    // what is broken is never cut off below
    findings.sort_by_key(|finding| !matches!(finding.as_of(no, len), Known::Violated(_)));
    let width = inside.width.saturating_sub(2);
    for (y, finding) in (inside.y..inside.bottom()).zip(findings) {
        let known = finding.as_of(no, len);
        let (sign, role) = mark(known, paint.glyphs);
        paint.sign(inside.x + 1, y, sign, role);
        let decided = match known {
            Known::Violated(at) => format!("ev {at}"),
            Known::Holds => String::new(),
            Known::Undecided if finding.at_end && no < len => "not yet".to_owned(),
            Known::Undecided => "undecided".to_owned(),
        };
        let room = width.saturating_sub(2);
        let end = paint.text_right(inside.right() - 1, y, room, &decided, role);
        let room = end.saturating_sub(inside.x + 4);
        let role = if matches!(known, Known::Violated(_)) { role } else { Role::Text };
        paint.text(inside.x + 3, y, room, finding.name, role);
    }
}

/// Three lines: the worst verdict, the causes, the message.
pub(super) fn strip(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (no, len) = (model.cursor.at.step(), model.recording.len());
    let width = area.width.saturating_sub(2);
    let broken =
        model.recording.findings.iter().filter_map(|finding| match finding.as_of(no, len) {
            Known::Violated(at) => Some((at, finding)),
            _ => None,
        });
    if let Some((_, finding)) = broken.min_by_key(|(at, _)| *at) {
        paint.sign(area.x + 1, area.y, paint.glyphs.violated, Role::Violated);
        let x = paint.text(area.x + 3, area.y, 24, finding.name, Role::Violated);
        let text = story::verdict_sentence(finding);
        paint.text(x + 2, area.y, (area.right() - 1).saturating_sub(x + 2), &text, Role::Text);
    } else {
        let mut x = area.x + 1;
        for finding in &model.recording.findings {
            let (sign, role) = mark(finding.as_of(no, len), paint.glyphs);
            let text = format!("{sign} {}", finding.name);
            if x + text.chars().count() as u16 > area.right() {
                break;
            }
            x = paint.text(x, area.y, width, &text, role) + 2;
        }
    }
    let chain = story::cause_chain(model, paint.glyphs);
    let x = paint.text(area.x + 1, area.y + 1, 6, "cause", Role::Dim);
    paint.text(x + 1, area.y + 1, width.saturating_sub(6), &chain, Role::Text);
    if let Some(msg) = model.message() {
        let facts = Facts::as_of(&model.recording, msg, model.cursor.at);
        let x = paint.text(area.x + 1, area.y + 2, 10, &format!("{msg}:"), Role::Message);
        let state = facts.state();
        let text = format!("{} {}", paint.glyphs.of(state), facts.word());
        let x = paint.text(x + 1, area.y + 2, 22, &text, state.role());
        let mut parts = Vec::new();
        if let Some(record) = facts.records.last() {
            let at = model.recording.stage.name(Entity::Partition(record.at));
            parts.push(format!("{at} @{}", record.offset));
        }
        if let Some((at, _)) = facts.published.1.filter(|_| facts.records.is_empty()) {
            parts.push(format!("published {at}"));
        }
        match facts.confirmed {
            Some((at, _)) => parts.push(format!("confirmed {at}")),
            None if facts.unknown => parts.push("producer cannot know".to_owned()),
            None => {}
        }
        let word = if facts.records.is_empty() { "delivered" } else { "polled" };
        parts.push(format!("{word} {}x", facts.pushed));
        parts.push(format!("effects {}", facts.effects));
        let text = parts.join(", ");
        paint.text(x + 2, area.y + 2, area.right().saturating_sub(x + 3), &text, Role::Text);
    }
}
