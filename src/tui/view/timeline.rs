//! The timeline: how many messages the queues hold, where something went wrong, and the cursor.

use ratatui::layout::Rect;

use super::paint::Paint;
use crate::kernel::Time;
use crate::tui::index::{MarkKind, scale};
use crate::tui::model::Model;
use crate::tui::theme::Role;

/// The cells of the curve.
fn track(area: Rect, framed: bool) -> Rect {
    let (left, right, top) = if framed { (21, 2, 1) } else { (6, 1, 0) };
    Rect {
        x: area.x + left,
        y: area.y + top,
        width: area.width.saturating_sub(left + right),
        height: 2,
    }
}

/// The time at a column. Left of the curve is the beginning, right of it the end.
pub(super) fn time_at(model: &Model, area: Rect, framed: bool, x: u16) -> Option<Time> {
    let track = track(area, framed);
    if track.width == 0 {
        return None;
    }
    let end = model.recording.index.end().as_nanos();
    let column = x.saturating_sub(track.x).min(track.width - 1);
    if column == track.width - 1 {
        return Some(Time::from_nanos(end));
    }
    let nanos = u128::from(end) * u128::from(column) / u128::from(track.width);
    // the end of what the column stands for, so that what it shows has happened
    let piece = end / u64::from(track.width);
    Some(Time::from_nanos(nanos as u64 + if column == 0 { 0 } else { piece }))
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect, framed: bool) {
    let glyphs = paint.glyphs;
    let recording = &model.recording;
    let end = recording.index.end();
    let track = track(area, framed);
    let speed = format!("{}/s", model.ui.speed);
    let sign = if model.ui.playing { glyphs.play } else { glyphs.pause };
    let kafka_only = recording.stage.has_kafka() && !recording.stage.has_rabbit();
    let what = if kafka_only { "lag  " } else { "depth" };
    if framed {
        let title = format!("Timeline  0.000 {} {end}", glyphs.across);
        let inside = paint.frame(area, &title, "");
        let x = paint.text(inside.x + 1, inside.y, 16, "[|< <", Role::Dim);
        paint.sign(x + 1, inside.y, sign, Role::Title);
        let x = paint.text(x + 3, inside.y, 8, "> >|]", Role::Dim);
        paint.text(x + 1, inside.y, 6, &speed, Role::Text);
        let legend = format!("{} {}{}  marks", what, glyphs.bars[0], glyphs.bars[5]);

        paint.text(inside.x + 1, inside.y + 1, 17, &legend, Role::Dim);
    } else {
        paint.rule(area, area.y.saturating_sub(1));
        paint.sign(area.x, area.y, sign, Role::Title);
        paint.text(area.x + 1, area.y, 5, &speed, Role::Text);
        paint.text(area.x + 1, area.y + 1, 5, "mark", Role::Dim);
    }
    let depth = recording.index.depth(usize::from(track.width));
    let most = depth.iter().copied().max().unwrap_or(0).max(1);
    let here = track.x + scale(model.now(), end, usize::from(track.width)) as u16;
    for (x, value) in (track.x..).zip(depth) {
        let level =
            if value == 0 { 0 } else { 1 + (u64::from(value - 1) * 7 / u64::from(most)) as usize };
        let role = if x > here { Role::Dim } else { Role::Ready };
        paint.sign(x, track.y, glyphs.bars[level.min(7)], role);
    }
    let mut marks = recording.marks.clone();
    // where several share a column, the worst is seen
    marks.sort_by_key(|mark| mark.kind);
    paint.sign(here, track.y + 1, glyphs.lane, Role::Title);
    let mut now_room = true;
    for mark in marks {
        let x = track.x + scale(mark.at, end, usize::from(track.width)) as u16;
        let (sign, role) = match mark.kind {
            MarkKind::Repair => (glyphs.step, Role::Holds),
            MarkKind::Fault => (glyphs.crash, Role::Fault),
            MarkKind::Violation => (glyphs.violated, Role::Violated),
        };
        paint.sign(x, track.y + 1, sign, role);
        now_room &= !(here + 1..=here + 5).contains(&x);
    }
    if now_room && here + 5 < track.right() {
        paint.text(here + 2, track.y + 1, 3, "now", Role::Dim);
    }
    paint.select(here, track.y, 1);
}
