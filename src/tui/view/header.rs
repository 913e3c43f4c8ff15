//! The first two lines: what is looked at, where in it, and the views.

use super::paint::Paint;
use crate::tui::glyph::Glyphs;
use crate::tui::model::{Model, View};
use crate::tui::theme::Role;
use crate::tui::verdicts;

/// `✗1 ✓4 ?1`: how many guarantees are violated, hold, and are undecided at the cursor.
pub(super) fn counts(model: &Model, glyphs: &Glyphs) -> String {
    let (violated, holds, undecided) =
        verdicts::count(&model.recording.findings, model.cursor.at.step(), model.recording.len());
    let mut text = String::new();
    for (sign, count) in
        [(glyphs.violated, violated), (glyphs.holds, holds), (glyphs.undecided, undecided)]
    {
        if count > 0 {
            text.push_str(&format!("{sign}{count} "));
        }
    }
    text.trim_end().to_owned()
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, y: u16) {
    let width = paint.buf.area.width;
    let glyphs = paint.glyphs;
    let recording = &model.recording;
    let state = if model.ui.playing { "PLAYING" } else { "PAUSED" };
    let seconds = model.now().to_string();
    let (no, len) = (model.cursor.at.step(), recording.len());
    let wide = width >= 110;
    let bar = format!(" {} ", glyphs.separator);
    let right = if wide {
        format!("{state}{bar}t {seconds}{bar}ev {no}/{len}{bar}")
    } else {
        format!("{state} t{} e{no}/{len} ", seconds.trim_end_matches(" s"))
    };
    let counts = counts(model, glyphs);
    let taken = (right.chars().count() + counts.chars().count() + 1) as u16;
    let from = width.saturating_sub(taken);
    let x = paint.text(from, y, width - from, &right, Role::Title);
    let (violated, ..) = verdicts::count(&recording.findings, no, len);
    let role = if violated > 0 { Role::Violated } else { Role::Holds };
    paint.text(x, y, width.saturating_sub(x), &counts, role);

    let room = from.saturating_sub(2);
    let mut x = paint.text(1, y, room, "redeliver", Role::Title);
    let run = if model.parent.is_some() || wide {
        format!("run {}", recording.letter)
    } else {
        String::new()
    };
    let crumb = format!(" {} ", glyphs.crumb);
    x = paint.text(x, y, room.saturating_sub(x), &crumb, Role::Dim);
    x = paint.text(x, y, room.saturating_sub(x), recording.scenario.name(), Role::Title);
    // what does not fit is left out as a whole, the least important first
    let parts = [recording.scenario.profile().to_owned(), format!("seed {}", recording.seed), run];
    let gap = if wide { bar.as_str() } else { "  " };
    let size = |part: &String| (part.chars().count() + gap.chars().count()) as u16;
    let mut shown: Vec<&String> = parts.iter().filter(|part| !part.is_empty()).collect();
    while !shown.is_empty() && x + shown.iter().map(|part| size(part)).sum::<u16>() > room {
        shown.remove(0);
    }
    for part in shown {
        x = paint.text(x, y, room.saturating_sub(x), gap, Role::Dim);
        x = paint.text(x, y, room.saturating_sub(x), part, Role::Text);
    }
}

/// The tabs with the columns where they begin and end.
fn places(model: &Model) -> Vec<(View, u16, String)> {
    let long = model.ui.size.0 >= 100;
    let mut x = 1;
    let mut places = Vec::new();
    for view in View::ALL {
        let number = view as u8;
        let name = if long { view.name() } else { view.short() };
        let (open, close) = if view == model.ui.view { ("[", "]") } else { (" ", " ") };
        let space = if long { " " } else { "" };
        let text = format!("{open}{number}{space}{name}{close}");
        let width = text.chars().count() as u16 + u16::from(long);
        places.push((view, x, text));
        x += width;
    }
    places
}

pub(super) fn tabs(model: &Model, paint: &mut Paint<'_>, y: u16) {
    let width = paint.buf.area.width;
    let mut end = 0;
    for (view, x, text) in places(model) {
        let role = if view == model.ui.view { Role::Tab } else { Role::Text };
        end = paint.text(x, y, width.saturating_sub(x), &text, role);
    }
    let mut notes = vec![model.ui.detail.word().to_owned()];
    if let Some(filter) = &model.ui.filter {
        notes.push(format!("filter {} ({})", filter.text, filter.rows.len()));
    }
    if let Some(search) = &model.ui.search {
        notes.push(format!("/{} ({})", search.text, search.rows.len()));
    }
    if let Some(msg) = model.cursor.msg {
        notes.push(format!("following {msg}"));
    }
    let text = notes.join("  ");
    let room = width.saturating_sub(end + 3);
    paint.text_right(width - 1, y, room, &text, Role::Dim);
}

/// The tab at a column.
pub(super) fn tab_at(model: &Model, x: u16) -> Option<View> {
    places(model)
        .into_iter()
        .find(|(_, from, text)| (*from..from + text.chars().count() as u16).contains(&x))
        .map(|(view, ..)| view)
}
