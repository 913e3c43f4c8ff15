//! The steps that could be taken at the cursor instead of the one that was.

use ratatui::layout::Rect;

use super::paint::Paint;
use crate::tui::model::Model;
use crate::tui::theme::Role;

pub(super) fn draw(_model: &Model, paint: &mut Paint<'_>, _selected: usize) {
    let screen = paint.buf.area;
    let area = Rect { x: 2, y: 2, width: screen.width - 4, height: 6 };
    paint.clear(area);
    let inside = paint.frame(area, "Fork", "esc closes");
    paint.text(inside.x + 1, inside.y, inside.width - 2, "", Role::Text);
}
