//! The last line: what can be done here. `? help` and `q quit` are placed first and cut last.

use super::paint::Paint;
use crate::tui::keys::Action;
use crate::tui::keys::binding;
use crate::tui::model::{Model, View};
use crate::tui::theme::Role;

/// Actions and the words for them, in the order of their importance.
fn wanted(view: View) -> Vec<(&'static [Action], &'static str)> {
    let mut hints: Vec<(&'static [Action], &'static str)> = vec![
        (&[Action::PlayPause], "play"),
        (&[Action::Back, Action::Forward], "step"),
        (&[Action::PreviousMark, Action::NextMark], "marker"),
        (&[Action::NextViolation], "violation"),
    ];
    match view {
        View::Topology => hints.push((&[Action::Left, Action::Right], "select")),
        View::SpaceTime => hints.push((&[Action::Cause], "cause")),
        View::Journey => hints.push((&[Action::Open], "in space-time")),
        View::Verdicts => hints.push((&[Action::Open], "jump")),
        View::Events => hints.push((&[Action::Filter], "filter")),
    }
    hints.extend([
        (&[Action::PreviousOfMessage, Action::NextOfMessage] as &[Action], "of message"),
        (&[Action::Search], "find"),
        (&[Action::GoTo], "go"),
        (&[Action::Fork], "fork"),
        (&[Action::Command], "command"),
    ]);
    hints
}

fn label(actions: &[Action], words: &str) -> String {
    let keys: Vec<String> = actions
        .iter()
        .filter_map(|action| binding(*action)?.keys.first())
        .map(|key| key.label())
        .collect();
    format!("{} {words}", keys.join(" "))
}

pub(super) fn draw(model: &Model, paint: &mut Paint<'_>, y: u16) {
    let width = paint.buf.area.width;
    let last = format!("{}  {} ", label(&[Action::Help], "help"), label(&[Action::Quit], "quit"));
    let from = width.saturating_sub(last.chars().count() as u16);
    paint.text(from, y, width - from, &last, Role::Title);
    let room = from.saturating_sub(2);
    if let Some(says) = &model.ui.says {
        paint.text(1, y, room, says, Role::Text);
        return;
    }
    let mut x = 1;
    for (actions, words) in wanted(model.ui.view) {
        let text = label(actions, words);
        if x + text.chars().count() as u16 > room {
            continue;
        }
        x = paint.text(x, y, room, &text, Role::Dim) + 2;
    }
}
