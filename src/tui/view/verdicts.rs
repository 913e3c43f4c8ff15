//! The guarantees: what each promises, what is known of it now, and where it was decided.

use ratatui::layout::Rect;

use super::dock::mark;
use super::paint::Paint;
use super::space_time::wrap;
use crate::tui::model::Model;
use crate::tui::story;
use crate::tui::theme::Role;
use crate::tui::verdicts::Known;

/// The list, and the lines about the selected one below it.
fn split(area: Rect) -> (Rect, Rect) {
    let foot = if area.height >= 16 { 7 } else { 3 };
    let list = Rect { height: area.height.saturating_sub(foot), ..area };
    (list, Rect { y: list.bottom(), height: area.height - list.height, ..area })
}

fn seen(model: &Model, list: Rect) -> std::ops::Range<usize> {
    let len = model.recording.findings.len();
    super::paint::window(len, model.ui.verdict, usize::from(list.height))
}

pub(super) fn at(model: &Model, area: Rect, y: u16) -> Option<usize> {
    let (list, _) = split(area);
    seen(model, list).nth(usize::from(y.checked_sub(list.y)?)).filter(|_| y < list.bottom())
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (list, foot) = split(area);
    let (no, len) = (model.cursor.at.step(), model.recording.len());
    if model.recording.findings.is_empty() {
        let text = "This scenario judges no guarantee.";
        paint.text(list.x + 2, list.y + 1, list.width.saturating_sub(4), text, Role::Text);
        return;
    }
    for (y, place) in (list.y..).zip(seen(model, list)) {
        let finding = &model.recording.findings[place];
        let known = finding.as_of(no, len);
        let (sign, role) = mark(known, paint.glyphs);
        paint.sign(list.x + 2, y, sign, role);
        paint.text(list.x + 4, y, 22, finding.name, Role::Title);
        let says = match (known, finding.violated_at()) {
            (Known::Violated(at), _) => format!("violated ev {at}"),
            (Known::Holds, Some(at)) => format!("holds until ev {at}"),
            (Known::Holds, None) if no < len => "holds so far".to_owned(),
            (Known::Holds, None) => "holds".to_owned(),
            (Known::Undecided, _) => "undecided".to_owned(),
        };
        let end = paint.text_right(list.right() - 1, y, 22, &says, role);
        let room = end.saturating_sub(list.x + 28);
        paint.text(list.x + 27, y, room, finding.promise, Role::Text);
        if place == model.ui.verdict {
            paint.sign(list.x, y, paint.glyphs.cursor, Role::Title);
            paint.select(list.x + 1, y, list.width.saturating_sub(1));
        }
    }
    details(model, paint, foot);
}

/// The selected guarantee in sentences.
fn details(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(finding) = model.recording.findings.get(model.ui.verdict) else { return };
    paint.rule(area, area.y);
    let width = area.width.saturating_sub(12);
    let mut lines = Vec::new();
    match finding.violated_at() {
        Some(at) => {
            lines.push(("Broken", story::verdict_sentence(&model.recording, finding)));
            let chain = story::chain_of(&model.recording, at, finding.msg(), paint.glyphs);
            lines.push(("Cause", chain));
        }
        None => lines.push(("Verdict", story::verdict_sentence(&model.recording, finding))),
    }
    let mut y = area.y + 1;
    for (word, text) in lines {
        if y >= area.bottom() {
            return;
        }
        paint.text(area.x + 1, y, 9, word, Role::Dim);
        for line in wrap(&text, usize::from(width)).into_iter().take(2) {
            if y < area.bottom() {
                paint.text(area.x + 11, y, width, &line, Role::Text);
            }
            y += 1;
        }
    }
}
