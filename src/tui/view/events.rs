//! Events: one line each, as far as one wants to see them.

use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::tui::glyph::State;
use crate::tui::index::Row;
use crate::tui::model::Model;
use crate::tui::story;
use crate::tui::theme::Role;

pub(super) fn title(model: &Model) -> String {
    let rows = model.rows().len();
    let place = if rows == 0 { 0 } else { model.place() + 1 };
    format!("Events  {}  {place}/{rows}", model.ui.detail.word())
}

fn seen(model: &Model, area: Rect) -> std::ops::Range<usize> {
    window(model.rows().len(), model.place(), usize::from(area.height))
}

pub(super) fn at(model: &Model, area: Rect, y: u16) -> Option<Row> {
    let place = seen(model, area).nth(usize::from(y.checked_sub(area.y)?))?;
    model.rows().get(place).copied()
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let place = model.place();
    for (y, at) in (area.y..).zip(seen(model, area)) {
        line(model, paint, area, y, model.rows()[at], at == place);
    }
    if model.rows().is_empty() {
        paint.text(
            area.x + 2,
            area.y + 1,
            area.width - 4,
            "nothing happens in this run",
            Role::Dim,
        );
    }
}

/// One event: number, time, place, sign, sentence.
pub(super) fn line(model: &Model, paint: &mut Paint<'_>, area: Rect, y: u16, row: Row, here: bool) {
    let recording = &model.recording;
    let seconds = recording.time(row).to_string();
    let number = format!("{:>7} {:>9}", row.step(), seconds.trim_end_matches(" s"));
    paint.text(area.x + 1, y, 17, &number, Role::Dim);
    let sketch = story::drawn(recording, row);
    let (place, state, msg) = match &sketch {
        Some(sketch) => (recording.stage.name(sketch.at), sketch.state, sketch.msg),
        None => ("", State::Step, None),
    };
    let x = area.x + 19;
    paint.name(x, y, 13, place, Role::Title);
    paint.sign(x + 14, y, paint.glyphs.of(state), state.role());
    let text = story::sentence(recording, row);
    let role = if msg.is_some() && msg == model.cursor.msg { Role::Message } else { Role::Text };
    paint.text(x + 16, y, area.right().saturating_sub(x + 17), &text, role);
    if here {
        paint.sign(area.x, y, paint.glyphs.cursor, Role::Title);
        paint.select(area.x + 1, y, area.width.saturating_sub(1));
    }
}
