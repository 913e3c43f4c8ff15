//! The steps that could be taken at the cursor instead of the one that was.

use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::kernel::Taken;
use crate::report::narrate;
use crate::tui::model::Model;
use crate::tui::theme::Role;
use crate::tui::update::choices;

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, selected: usize) {
    let screen = paint.buf.area;
    let choices = choices(model);
    let width = screen.width.min(72);
    let height = (choices.len() as u16 + 4).clamp(6, screen.height - 3);
    let area = Rect { x: (screen.width - width) / 2, y: 2, width, height };
    paint.clear(area);
    let no = model.cursor.at.step();
    let title = format!("Fork: what happens after ev {no}?");
    let inside = paint.frame(area, &title, "enter takes the step   esc closes");
    let taken = model.recording.history().step(no + 1);
    let (x, width) = (inside.x + 1, inside.width.saturating_sub(2));
    let list = usize::from(inside.height.saturating_sub(1));
    for (y, place) in (inside.y..).zip(window(choices.len(), selected, list)) {
        let step = &choices[place];
        let move_of = Taken { no: no + 1, at: model.now(), step: step.clone(), cause: 0 };
        let text = narrate::action(model.recording.stage.names(), &move_of);
        let end = paint.text(x, y, width, &text, Role::Text);
        if taken.is_some_and(|taken| taken.step == *step) {
            let room = (x + width).saturating_sub(end + 2);
            paint.text_right(x + width, y, room, "what happened", Role::Dim);
        }
        if place == selected {
            paint.select(inside.x, y, inside.width);
        }
    }
    let note = "the run up to here stays as it is; r switches between the two";
    paint.text(x, inside.bottom().saturating_sub(1), width, note, Role::Dim);
}
