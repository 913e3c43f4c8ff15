//! The journey of one message: every copy, delivery, answer and effect, and how long each took.

use ratatui::layout::Rect;

use super::paint::{Paint, window};
use crate::talk::{MessageId, Note};
use crate::tui::facts::Facts;
use crate::tui::facts::kafka::{self as facts, Station};
use crate::tui::glyph::State;
use crate::tui::index::Row;
use crate::tui::model::Model;
use crate::tui::stage::Entity;
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
    let sign = format!("{} {}", paint.glyphs.of(state), facts.word());
    let x = paint.text(x + 2, area.y, 22, &sign, state.role());
    let more = if facts.records.is_empty() {
        format!(
            "published {}   delivered {}   returned {}   failed {}   effects {}",
            facts.published.0, facts.pushed, facts.requeued, facts.failed, facts.effects
        )
    } else {
        format!(
            "published {}   in logs {}   polled {}   failed {}   effects {}",
            facts.published.0,
            facts.records.len(),
            facts.pushed,
            facts.failed,
            facts.effects
        )
    };
    paint.text(x + 3, area.y, area.right().saturating_sub(x + 4), &more, Role::Text);
    paint.text(area.x + 1, area.y + 1, area.width, "     ev      t(s)    after  where", Role::Dim);
    let stations = story::stations(recording, msg);
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
        let station = stations.iter().find(|(its, _)| *its == row).map(|(_, station)| *station);
        if let Some(station) = station {
            let line = Rect { x: area.x + 28, y, width: area.width.saturating_sub(28), height: 1 };
            kafka_line(model, paint, line, (row, station), handled_before(model, msg, row));
        } else if let Some(sketch) = story::drawn(recording, row) {
            let x = area.x + 28;
            let name = recording.stage.name(sketch.at);
            paint.name(x, y, 13, name, if future { Role::Dim } else { Role::Title });
            paint.sign(x + 14, y, paint.glyphs.of(sketch.state), sketch.state.role());
            let mut text = story::sentence_of_one(recording, row);
            let room = area.right().saturating_sub(x + 17);
            if text.chars().count() > usize::from(room) {
                // an offset must not be what is cut off
                text = text.replace(" at offset ", " @");
            }
            let role = if future { Role::Dim } else { Role::Text };
            paint.text(x + 16, y, room, &text, role);
        }
        if Some(at) == place {
            paint.sign(area.x, y, paint.glyphs.cursor, Role::Title);
            paint.select(area.x + 1, y, area.width.saturating_sub(1));
        }
    }
}

/// Whether somebody had handled a message before a row.
fn handled_before(model: &Model, msg: MessageId, row: Row) -> bool {
    let notes = model.recording.history().notes();
    let before = model.recording.index.message(msg).iter().take_while(|its| **its < row);
    before.filter_map(|its| notes.get(its.note()?)).any(|noted| {
        matches!(
            noted.note,
            Note::Started { .. }
                | Note::Effect { .. }
                | Note::Deduplicated { .. }
                | Note::Parked { .. }
                | Note::Retried { .. }
        )
    })
}

/// What happens to a record because of where it lies.
fn kafka_line(
    model: &Model,
    paint: &mut Paint<'_>,
    line: Rect,
    (row, station): (Row, Station),
    handled: bool,
) {
    let recording = &model.recording;
    let future = row > model.cursor.at;
    let node = row.note().and_then(|place| recording.history().notes().get(place));
    let name = node.map_or("?", |noted| recording.stage.name(Entity::Node(noted.node)));
    let state = match station {
        Station::Copied(_) => State::Ready,
        Station::Passed(_) => State::Confirmed,
        Station::Ended { commit: true } | Station::Committed { .. } => State::Acked,
        Station::Ended { commit: false } | Station::Deleted(_) => State::Discarded,
        Station::LeftBehind(_) | Station::Cut { .. } => State::Lost,
    };
    paint.name(line.x, line.y, 13, name, if future { Role::Dim } else { Role::Title });
    paint.sign(line.x + 14, line.y, paint.glyphs.of(state), state.role());
    let text = facts::words(recording, station, handled);
    let role = match station {
        _ if future => Role::Dim,
        Station::LeftBehind(_) | Station::Cut { .. } => Role::Violated,
        Station::Committed { .. } if !handled => Role::Violated,
        _ => Role::Text,
    };
    paint.text(line.x + 16, line.y, line.width.saturating_sub(17), &text, role);
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
