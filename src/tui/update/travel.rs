//! Moving through the run.

use super::say;
use crate::kernel::{StepNo, Time};
use crate::report::cause::behind;
use crate::talk::MessageId;
use crate::tui::index::{Detail, MarkKind, Row};
use crate::tui::model::{Asking, Model, Overlay, View};
use crate::tui::story;
use crate::tui::view::{self, Target};

/// Moves the cursor by so many of the shown rows.
pub(super) fn step(model: &mut Model, by: isize) {
    let rows = model.rows();
    let Some(last) = rows.len().checked_sub(1) else { return };
    // between two shown rows (a filter is on) back leads to the one that is shown before
    let between = rows.get(model.place()).is_some_and(|row| *row < model.cursor.at);
    let from = model.place().saturating_add(usize::from(between && by < 0));
    let before_all = rows[0] > model.cursor.at;
    let to = if before_all && by > 0 {
        (by as usize - 1).min(last)
    } else {
        from.saturating_add_signed(by).min(last)
    };
    model.cursor.at = rows[to];
}

pub(super) fn page(model: &Model) -> i32 {
    i32::from(model.ui.size.1.saturating_sub(12).max(4))
}

/// Up and down mean the list that the view shows.
pub(super) fn scroll(model: &mut Model, lines: i32) {
    match model.ui.view {
        View::Verdicts => {
            let last = model.recording.findings.len().saturating_sub(1);
            model.ui.verdict = model.ui.verdict.saturating_add_signed(lines as isize).min(last);
        }
        View::Journey => along_message(model, lines as isize),
        _ => step(model, lines as isize),
    }
}

/// Goes to the end of a step.
pub(in crate::tui) fn go_to_step(model: &mut Model, no: StepNo) {
    let no = no.min(model.recording.len());
    // a row that is shown, if the step has one
    let details = [model.ui.detail, Detail::Steps];
    let last = details.into_iter().find_map(|detail| {
        let rows = model.recording.index.rows(detail);
        let after = rows.partition_point(|row| *row <= Row::end_of_step(no));
        after.checked_sub(1).map(|place| rows[place]).filter(|row| row.step() == no)
    });
    model.cursor.at = last.unwrap_or(Row::of_step(no));
}

/// Goes to the last step that was taken by a time.
pub(in crate::tui) fn go_to_time(model: &mut Model, time: Time) {
    let steps = model.recording.history().steps();
    go_to_step(model, steps.partition_point(|taken| taken.at <= time) as StepNo);
}

pub(super) fn to_mark(model: &mut Model, forward: bool, wanted: impl Fn(MarkKind) -> bool) {
    let now = model.cursor.at.step();
    let marks = &model.recording.marks;
    let mut wanted = marks.iter().filter(|mark| wanted(mark.kind));
    let found = if forward {
        wanted.find(|mark| mark.step > now)
    } else {
        wanted.rev().find(|mark| mark.step < now)
    };
    match found.map(|mark| mark.step) {
        Some(no) => go_to_first_row(model, no),
        None if forward => say(model, "no marker after this"),
        None => say(model, "no marker before this"),
    }
}

/// Goes to the first row of a step: a fault stands there before what it costs.
pub(super) fn go_to_first_row(model: &mut Model, no: StepNo) {
    model.cursor.at = story::row_of_step(&model.recording, no, None);
}

pub(super) fn next_violation(model: &mut Model) {
    let now = model.cursor.at.step();
    let mut broken: Vec<_> = model
        .recording
        .findings
        .iter()
        .enumerate()
        .filter_map(|(place, finding)| Some((finding.violated_at()?, place)))
        .collect();
    broken.sort_unstable();
    let next = broken.iter().find(|(no, _)| *no > now).or(broken.first());
    match next.copied() {
        Some((no, place)) => {
            model.ui.verdict = place;
            let msg = model.recording.findings[place].msg();
            model.cursor.at = story::row_of_step(&model.recording, no, msg);
            // what a log loses names no message, and the journey is to show which
            if model.recording.stage.has_kafka() && model.message() != msg {
                model.cursor.msg = msg;
            }
        }
        None => say(model, "no guarantee is violated in this run"),
    }
}

/// The rows of a message: those that the level of detail shows, and all of them in its journey.
pub(in crate::tui) fn rows_of_message(model: &Model, msg: MessageId) -> Vec<Row> {
    let rows = model.recording.index.message(msg);
    if model.ui.view == View::Journey {
        return story::journey(&model.recording, msg);
    }
    let shown = model.recording.index.rows(model.ui.detail);
    let index = &model.recording.index;
    let seen = |row: &Row| shown.binary_search(row).is_ok() || index.is_folded(*row);
    rows.iter().copied().filter(seen).collect()
}

pub(super) fn along_message(model: &mut Model, by: isize) {
    let Some(msg) = model.message() else {
        say(model, "no message here: move to an event of one, or type :m 7");
        return;
    };
    model.cursor.msg = Some(msg);
    let rows = rows_of_message(model, msg);
    let at = model.cursor.at;
    let found = if by > 0 {
        let after = rows.partition_point(|row| *row <= at);
        rows.get((after + by as usize - 1).min(rows.len().saturating_sub(1)))
            .filter(|row| **row > at)
    } else {
        let before = rows.partition_point(|row| *row < at);
        rows.get(before.saturating_sub(by.unsigned_abs())).filter(|row| **row < at)
    };
    match found {
        Some(row) => model.cursor.at = *row,
        None if by > 0 => say(model, format!("nothing more happens to {msg}")),
        None => say(model, format!("nothing happened to {msg} before this")),
    }
}

pub(super) fn to_cause(model: &mut Model) {
    let mut no = model.cursor.at.step();
    let msg = model.message();
    // steps without notes are only the way from one to the next
    while let Some(taken) = model.recording.history().step(no) {
        no = behind(model.recording.history(), no, msg).unwrap_or(taken.cause);
        let told = !model.recording.history().notes_of(no).is_empty();
        if no > 0 && (told || model.ui.detail == Detail::Steps) {
            go_to_step(model, no);
            return;
        }
    }
    say(model, "this was there from the beginning");
}

pub(super) fn select_message(model: &mut Model) {
    match model.recording.message_of(model.cursor.at) {
        Some(msg) if model.cursor.msg != Some(msg) => {
            model.cursor.msg = Some(msg);
            say(model, format!("{msg} selected: ) and ( follow it, 3 shows its journey"));
        }
        Some(_) => model.cursor.msg = None,
        None => model.ui.overlay = Overlay::Prompt { asking: Asking::Command, line: "m ".into() },
    }
}

pub(super) fn along_lanes(model: &mut Model, by: isize) {
    let lanes = match model.ui.view {
        View::Topology => view::entities(model),
        _ => model.recording.stage.lanes().to_vec(),
    };
    let at = model.cursor.entity.and_then(|entity| lanes.iter().position(|lane| *lane == entity));
    let to = match at {
        Some(at) => at.saturating_add_signed(by).min(lanes.len().saturating_sub(1)),
        None if by > 0 => 0,
        None => lanes.len().saturating_sub(1),
    };
    model.cursor.entity = lanes.get(to).copied();
}

pub(super) fn open(model: &mut Model) {
    match model.ui.view {
        View::Verdicts => {
            let finding = model.recording.findings.get(model.ui.verdict);
            let decided = finding.and_then(|it| Some((it.violated_at()?, it.msg())));
            match decided {
                Some((no, msg)) => {
                    model.cursor.at = story::row_of_step(&model.recording, no, msg);
                    model.cursor.msg = msg;
                    model.ui.view = View::SpaceTime;
                }
                None => say(model, "no event decides this one"),
            }
        }
        View::Journey => model.ui.view = View::SpaceTime,
        View::Topology | View::SpaceTime | View::Events => {
            if let Some(msg) = model.message() {
                model.cursor.msg = Some(msg);
                model.ui.view = View::Journey;
            } else {
                say(model, "this event is about no message");
            }
        }
    }
}

pub(super) fn other_run(model: &mut Model) {
    match model.parent.take() {
        Some(parent) => {
            let no = model.cursor.at.step();
            let letter = parent.letter;
            model.parent = Some(model.set_recording(parent));
            go_to_step(model, no);
            say(model, format!("run {letter}"));
        }
        None => say(model, "there is only this run: F forks it"),
    }
}

pub(super) fn play_or_pause(model: &mut Model) {
    let at_end = model.rows().last().is_none_or(|last| model.cursor.at >= *last);
    if !model.ui.playing && at_end {
        step(model, isize::MIN);
    }
    model.ui.playing = !model.ui.playing;
    model.ui.owed = 0;
}

pub(super) fn tick(model: &mut Model, millis: u64) {
    if !model.ui.playing {
        return;
    }
    // a machine that slept must not make up for it
    model.ui.owed += millis.min(1_000) * u64::from(model.ui.speed);
    let events = model.ui.owed / 1_000;
    model.ui.owed %= 1_000;
    if events > 0 {
        let before = model.cursor.at;
        step(model, events as isize);
        if model.cursor.at == before {
            model.ui.playing = false;
        }
    }
}

pub(super) fn on_press(model: &mut Model, x: u16, y: u16, drag: bool) {
    if model.ui.overlay != Overlay::None {
        return;
    }
    match view::target(model, x, y) {
        Some(Target::Time(time)) => {
            model.ui.playing = false;
            go_to_time(model, time);
        }
        _ if drag => {}
        Some(Target::View(view)) => model.ui.view = view,
        Some(Target::Row(row)) => model.cursor.at = row,
        Some(Target::Entity(entity)) => model.cursor.entity = Some(entity),
        Some(Target::Verdict(place)) => model.ui.verdict = place,
        None => {}
    }
}
