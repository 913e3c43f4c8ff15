//! The page on which a scenario is chosen: the list, and the file of the selected one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::tui::picker::Picker;
use crate::tui::theme::Role;

/// The list and the preview, which is left out where there is no room for it.
fn areas(size: (u16, u16)) -> (Rect, Option<Rect>) {
    let (width, height) = size;
    let body = Rect { x: 0, y: 3, width, height: height.saturating_sub(5) };
    if width < 100 {
        let list = (body.height / 2).max(3).min(body.height);
        let below = Rect { y: body.y + list, height: body.height - list, ..body };
        return (Rect { height: list, ..body }, (below.height >= 5).then_some(below));
    }
    let list = width / 2;
    (Rect { width: list, ..body }, Some(Rect { x: list, width: width - list, ..body }))
}

fn seen(picker: &Picker, list: Rect) -> std::ops::Range<usize> {
    window(picker.shown().len(), picker.selected, usize::from(list.height.saturating_sub(2)))
}

/// The scenario at a line.
pub(in crate::tui) fn row_at(picker: &Picker, y: u16) -> Option<usize> {
    let (list, _) = areas(picker.ui.size);
    let line = y.checked_sub(list.y + 1).filter(|_| y + 1 < list.bottom())?;
    seen(picker, list).nth(usize::from(line))
}

/// Draws the page.
pub fn draw(picker: &Picker, buf: &mut Buffer) {
    let area = buf.area;
    let mut paint = Paint::new(buf, &picker.ui);
    let paint = &mut paint;
    paint.clear(area);
    let (width, height) = (area.width, area.height);
    if width < 40 || height < 10 {
        paint.text(0, 0, width, "redeliver needs 40x10 cells here", Role::Text);
        paint.text(0, 1, width, "esc quits", Role::Text);
        return;
    }
    let shown = picker.shown();
    let x = paint.text(1, 0, width - 1, "redeliver", Role::Title);
    let what = "  a flight simulator for message queues: choose a scenario";
    paint.text(x, 0, width.saturating_sub(x), what, Role::Dim);
    let x = paint.text(1, 1, 10, "find ", Role::Dim);
    let x = paint.text(x, 1, width.saturating_sub(x + 1), &picker.filter, Role::Text);
    paint.select(x, 1, 1);
    if picker.filter.is_empty() {
        paint.text(x + 2, 1, width.saturating_sub(x + 2), "type a word", Role::Dim);
    }
    let count = format!("{} of {}", shown.len(), picker.entries.len());
    paint.text_right(width - 1, 1, 20, &count, Role::Dim);
    if let Some(entry) = picker.chosen() {
        paint.text(1, 2, width - 2, &entry.title, Role::Text);
    }
    if let Some(says) = &picker.ui.says {
        paint.text(1, 2, width - 2, says, Role::Fault);
    }
    let (list, preview) = areas((width, height));
    let inside = paint.frame(list, "Scenarios", "");
    let longest = shown.iter().map(|entry| entry.name.chars().count()).max().unwrap_or(0);
    let column = (longest as u16).min(inside.width / 2);
    for (y, place) in (inside.y..).zip(seen(picker, list)) {
        let entry = shown[place];
        let claim = entry.claim.as_deref().unwrap_or("");
        let x = paint.text(inside.x + 1, y, 6, claim, Role::Dim).max(inside.x + 6);
        paint.text(x, y, column, &entry.name, Role::Title);
        let x = x + column;
        paint.text(x + 2, y, inside.right().saturating_sub(x + 3), &entry.title, Role::Text);
        if place == picker.selected {
            paint.select(inside.x, y, inside.width);
        }
    }
    if shown.is_empty() {
        let text = "no scenario contains this";
        paint.text(inside.x + 1, inside.y, inside.width.saturating_sub(2), text, Role::Dim);
    }
    if let (Some(preview), Some(entry)) = (preview, picker.chosen()) {
        let inside = paint.frame(preview, &format!("{}.toml", entry.name), "pgup pgdn scroll");
        for (y, line) in (inside.y..inside.bottom()).zip(entry.text.lines().skip(picker.scrolled)) {
            let role = if line.starts_with('#') { Role::Dim } else { Role::Text };
            let role = if line.starts_with('[') { Role::Title } else { role };
            let room = inside.width.saturating_sub(2);
            paint.text(inside.x + 1, y, room, line, role);
        }
    }
    let hints = "enter plays it   up down select   ctrl-t theme";
    paint.text(1, height - 1, width.saturating_sub(12), hints, Role::Dim);
    paint.text_right(width - 1, height - 1, 11, "esc quits", Role::Title);
}
