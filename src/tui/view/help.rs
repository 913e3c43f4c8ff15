//! The help page, made from the table of keys.

use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::tui::keys::{BINDINGS, Binding};
use crate::tui::theme::Role;

/// The rows that contain what was typed.
pub(in crate::tui) fn rows(filter: &str) -> Vec<&'static Binding> {
    let fits = |row: &&Binding| row.help.contains(filter) || row.name.contains(filter);
    BINDINGS.iter().filter(fits).collect()
}

pub(super) fn draw(paint: &mut Paint<'_>, filter: &str, selected: usize, kafka: bool) {
    let screen = paint.buf.area;
    let rows = rows(filter);
    let width = screen.width.min(76);
    let height = (rows.len() as u16 + 5).clamp(7, screen.height - 2);
    let area = Rect { x: (screen.width - width) / 2, y: 1, width, height };
    paint.clear(area);
    let below = "type to search   enter does it   esc closes";
    let inside = paint.frame(area, "Help", below);
    let words = if filter.is_empty() { "all keys" } else { filter };
    paint.text(inside.x + 1, inside.y, inside.width - 2, words, Role::Title);
    let list = usize::from(inside.height.saturating_sub(3));
    let seen = window(rows.len(), selected.min(rows.len().saturating_sub(1)), list);
    for (y, place) in (inside.y + 1..).zip(seen) {
        let row = rows[place];
        let keys: Vec<String> = row.keys.iter().map(|key| key.label()).collect();
        paint.text(inside.x + 1, y, 13, &keys.join(" "), Role::Title);
        paint.text(inside.x + 15, y, inside.width.saturating_sub(16), row.help, Role::Text);
        let name_room = inside.width.saturating_sub(16 + row.help.chars().count() as u16 + 2);
        paint.text_right(inside.right() - 1, y, name_room, row.name, Role::Dim);
        if place == selected {
            paint.select(inside.x, y, inside.width);
        }
    }
    let mut notes = vec![
        "mouse: click selects, wheel scrolls, drag on the timeline scrubs",
        "shift or option with the mouse selects text in most terminals",
    ];
    if kafka {
        notes[1] = "log: [ start  C committed  P position  S stable  H high watermark  ] end";
    }
    for (up, note) in notes.into_iter().rev().enumerate() {
        let y = inside.bottom().saturating_sub(up as u16 + 1);
        paint.text(inside.x + 1, y, inside.width.saturating_sub(2), note, Role::Dim);
    }
}
