//! The journey of one message: every copy, delivery, answer and effect, and how long each took.

use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::talk::MessageId;
use crate::tui::facts::Facts;
use crate::tui::index::Row;
use crate::tui::model::Model;
use crate::tui::story;
use crate::tui::theme::Role;
use crate::tui::update::rows_of_message;

/// Lines above the list.
const HEAD: u16 = 2;

pub(super) fn title(model: &Model) -> String {
    match model.message() {
        Some(msg) => format!("Journey of {msg}"),
        None => "Journey".to_owned(),
    }
}

/// The rows of the message, and the place of the cursor among them.
fn rows(model: &Model, msg: MessageId) -> (Vec<Row>, Option<usize>) {
    let rows = rows_of_message(model, msg);
    let place = rows.partition_point(|row| *row <= model.cursor.at).checked_sub(1);
    (rows, place)
}

fn seen(len: usize, place: Option<usize>, area: Rect) -> std::ops::Range<usize> {
    window(len, place.unwrap_or(0), usize::from(area.height.saturating_sub(HEAD)))
}

pub(super) fn at(model: &Model, area: Rect, y: u16) -> Option<Row> {
    let (rows, place) = rows(model, model.message()?);
    let line = usize::from(y.checked_sub(area.y + HEAD)?);
    rows.get(seen(rows.len(), place, area).nth(line)?).copied()
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(msg) = model.message() else {
        let lines = [
            "No message is selected.",
            "Move to an event of a message and press m, or type :m 7 for message 7.",
        ];
        for (y, line) in (area.y + 1..).zip(lines) {
            paint.text(area.x + 2, y, area.width.saturating_sub(4), line, Role::Text);
        }
        return;
    };
    let recording = &model.recording;
    let facts = Facts::as_of(recording, msg, model.cursor.at);
    let state = facts.state();
    let x = paint.text(area.x + 1, area.y, 12, &format!("{msg}"), Role::Message);
    let sign = format!("{} {}", paint.glyphs.of(state), state.word());
    let x = paint.text(x + 2, area.y, 14, &sign, state.role());
    let more = format!(
        "published {}   delivered {}   returned {}   failed {}   effects {}",
        facts.published.0, facts.pushed, facts.requeued, facts.failed, facts.effects
    );
    paint.text(x + 3, area.y, area.right().saturating_sub(x + 4), &more, Role::Text);
    paint.text(area.x + 1, area.y + 1, area.width, "     ev      t(s)    after  where", Role::Dim);
    let (rows, place) = rows(model, msg);
    for (y, at) in (area.y + HEAD..).zip(seen(rows.len(), place, area)) {
        let row = rows[at];
        let time = recording.time(row);
        let after = match at.checked_sub(1) {
            Some(before) => span(time.since(recording.time(rows[before])).as_nanos()),
            None => String::new(),
        };
        let seconds = time.to_string();
        let number =
            format!("{:>7} {:>9} {:>8}", row.step(), seconds.trim_end_matches(" s"), after);
        let future = row > model.cursor.at;
        paint.text(area.x + 1, y, 27, &number, Role::Dim);
        if let Some(sketch) = story::drawn(recording, row) {
            let x = area.x + 28;
            let name = recording.stage.name(sketch.at);
            paint.name(x, y, 13, name, if future { Role::Dim } else { Role::Title });
            paint.sign(x + 14, y, paint.glyphs.of(sketch.state), sketch.state.role());
            let text = story::sentence(recording, row);
            let role = if future { Role::Dim } else { Role::Text };
            paint.text(x + 16, y, area.right().saturating_sub(x + 17), &text, role);
        }
        if Some(at) == place {
            paint.sign(area.x, y, paint.glyphs.cursor, Role::Title);
            paint.select(area.x + 1, y, area.width.saturating_sub(1));
        }
    }
}

/// A duration with three digits at most: `1.2ms`, `20ms`, `3.5s`.
pub(super) fn span(nanos: u64) -> String {
    let (unit, size) = match nanos {
        0 => return "0".to_owned(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("us", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let tenths = nanos / (size / 10).max(1);
    if tenths >= 100 || tenths.is_multiple_of(10) || size == 1 {
        format!("{}{unit}", nanos / size)
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn durations_are_short() {
        assert_eq!(span(0), "0");
        assert_eq!(span(999), "999ns");
        assert_eq!(span(1_000), "1us");
        assert_eq!(span(1_250_000), "1.2ms");
        assert_eq!(span(20_400_000), "20ms");
        assert_eq!(span(3_500_000_000), "3.5s");
    }
}
