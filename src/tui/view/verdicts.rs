//! The guarantees: what each promises, what is known of it now, and where it was decided.

use ratatui::layout::Rect;

use super::dock::mark;
use super::paint::Paint;
use crate::tui::model::Model;
use crate::tui::story;
use crate::tui::theme::Role;
use crate::tui::verdicts::Known;

/// The list, and the lines about the selected one below it.
fn split(model: &Model, area: Rect) -> (Rect, Rect) {
    let list = model.recording.findings.len() as u16;
    let list = Rect { height: list.min(area.height / 2), ..area };
    (list, Rect { y: list.bottom(), height: area.height - list.height, ..area })
}

fn seen(model: &Model, list: Rect) -> std::ops::Range<usize> {
    let len = model.recording.findings.len();
    super::paint::window(len, model.ui.verdict, usize::from(list.height))
}

pub(super) fn at(model: &Model, area: Rect, y: u16) -> Option<usize> {
    let (list, _) = split(model, area);
    seen(model, list).nth(usize::from(y.checked_sub(list.y)?)).filter(|_| y < list.bottom())
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let (list, foot) = split(model, area);
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

/// The selected guarantee in sentences: what broke it, what led there, which setting allowed it,
/// and what each party knew.
fn details(model: &Model, paint: &mut Paint<'_>, area: Rect) {
    let Some(finding) = model.recording.findings.get(model.ui.verdict) else { return };
    paint.rule(area, area.y);
    let mut lines: Vec<(&str, String)> = Vec::new();
    let Some(why) = &finding.why else {
        lines.push(("Verdict", story::verdict_sentence(finding)));
        return write(paint, area, &lines);
    };
    lines.push(("Broken", story::verdict_sentence(finding)));
    for (place, link) in why.chain.iter().skip(1).enumerate() {
        let word = if place == 0 { "Cause" } else { "" };
        lines.push((word, format!("{} ev {}  {}", paint.glyphs.left, link.step, link.what)));
    }
    let mut more = Vec::new();
    if let Some(setting) = &why.setting {
        let place = match (setting.place, &setting.line) {
            (Some((line, column)), Some(text)) => format!("line {line}:{column}  {text}"),
            (None, Some(option)) => option.clone(),
            _ => "by default".to_owned(),
        };
        more.push(("Setting", format!("{}  {place}", setting.path)));
    }
    for (place, (who, what)) in why.knows.iter().enumerate() {
        more.push((if place == 0 { "Knows" } else { "" }, format!("{who}: {what}")));
    }
    // where there is not enough room, the far end of the causes is left out first
    let room = usize::from(area.height.saturating_sub(1));
    let causes = room.saturating_sub(more.len()).max(2);
    lines.truncate(causes);
    lines.extend(more);
    write(paint, area, &lines);
}

fn write(paint: &mut Paint<'_>, area: Rect, lines: &[(&str, String)]) {
    let width = area.width.saturating_sub(12);
    for (y, (word, text)) in (area.y + 1..area.bottom()).zip(lines) {
        paint.text(area.x + 1, y, 9, word, Role::Dim);
        paint.text(area.x + 11, y, width, text, Role::Text);
    }
}
