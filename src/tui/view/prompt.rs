//! The line of input at the bottom, with the commands that begin as what was typed.

use super::paint::Paint;
use crate::tui::keys::{BINDINGS, Binding};
use crate::tui::model::Asking;
use crate::tui::theme::Role;

/// The actions whose names begin with what was typed, and then those that contain it.
pub(in crate::tui) fn completions(line: &str) -> Vec<&'static Binding> {
    if line.is_empty() {
        return Vec::new();
    }
    let mut found: Vec<_> = BINDINGS.iter().filter(|row| row.name.contains(line)).collect();
    found.sort_by_key(|row| !row.name.starts_with(line));
    found
}

pub(super) fn draw(paint: &mut Paint<'_>, y: u16, asking: Asking, line: &str) {
    let area = paint.buf.area;
    let width = area.width;
    for x in 0..width {
        paint.sign(x, y, ' ', Role::Text);
    }
    let x = paint.text(1, y, width - 1, asking.sign(), Role::Title);
    // the end of a long line is what one is typing
    let room = usize::from(width.saturating_sub(x + 2));
    let skip = line.chars().count().saturating_sub(room);
    let seen: String = line.chars().skip(skip).collect();
    let x = paint.text(x, y, width.saturating_sub(x), &seen, Role::Text);
    paint.select(x, y, 1);
    let example = match asking {
        Asking::Command => "e 78   t 1.2s   m 7   theme mono   view 5   or the name of an action",
        Asking::GoTo => "an event (78) or a time (1.2s, 300ms)",
        Asking::Search | Asking::Filter => "m7   kind=pushed   at=worker-1   t>1.2s   !heartbeat",
    };
    if line.is_empty() {
        paint.text(x + 2, y, width.saturating_sub(x + 3), example, Role::Dim);
    }
    if asking == Asking::Command {
        for (up, row) in completions(line).into_iter().take(5).enumerate() {
            let y = y.saturating_sub(up as u16 + 1);
            let text = format!(" {:<20} {:<48} ", row.name, row.help);
            let end = paint.text(0, y, width.min(72), &text, Role::Text);
            paint.select(0, y, end);
        }
    }
}
