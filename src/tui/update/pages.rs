//! Pages that lie on top: the help and the fork.

use super::travel::go_to_step;
use super::{Command, act, say};
use crate::kernel::Health;
use crate::system::{Fault, Step};
use crate::tui::keys::Key;
use crate::tui::model::{Model, Overlay};
use crate::tui::view;

pub(super) fn on_help(
    model: &mut Model,
    key: Key,
    mut filter: String,
    mut selected: usize,
) -> Option<Command> {
    match key {
        Key::Esc => return None,
        Key::Char('q' | '?') if filter.is_empty() => return None,
        Key::Enter => {
            let rows = view::help::rows(&filter);
            let row = rows.get(selected.min(rows.len().saturating_sub(1)))?;
            return act(model, row.action);
        }
        Key::Up => selected = selected.saturating_sub(1),
        Key::Down => selected += 1,
        Key::PageUp => selected = selected.saturating_sub(10),
        Key::PageDown => selected += 10,
        Key::Backspace => {
            filter.pop();
            selected = 0;
        }
        Key::Char(char) if filter.len() < 40 => {
            filter.push(char);
            selected = 0;
        }
        _ => {}
    }
    selected = selected.min(view::help::rows(&filter).len().saturating_sub(1));
    model.ui.overlay = Overlay::Help { filter, selected };
    None
}

/// The steps that could be taken at the cursor, with the one that was taken first.
pub(in crate::tui) fn choices(model: &Model) -> Vec<Step> {
    let taken = model.recording.history().step(model.cursor.at.step() + 1);
    let mut choices: Vec<Step> = taken.map(|taken| taken.step.clone()).into_iter().collect();
    choices.extend(model.world().enabled());
    let nodes = model.world().nodes().map(|(id, _)| id);
    choices.extend(nodes.map(|id| match model.world().health(id) {
        Health::Up => Step::Fault(Fault::Kill(id)),
        Health::Paused => Step::Fault(Fault::Resume(id)),
        Health::Dead | Health::Off => Step::Fault(Fault::Restart(id)),
    }));
    let mut seen: Vec<Step> = Vec::new();
    for choice in choices {
        if !seen.contains(&choice) {
            seen.push(choice);
        }
    }
    seen
}

pub(super) fn on_fork(model: &mut Model, key: Key, mut selected: usize) {
    match key {
        Key::Esc | Key::Char('q' | 'F') => return,
        Key::Up | Key::Char('k') => selected = selected.saturating_sub(1),
        Key::Down | Key::Char('j') => selected += 1,
        Key::Enter => {
            fork(model, selected);
            return;
        }
        _ => {}
    }
    let last = choices(model).len().saturating_sub(1);
    model.ui.overlay = Overlay::Fork { selected: selected.min(last) };
}

pub(super) fn fork(model: &mut Model, selected: usize) {
    let no = model.cursor.at.step();
    let choices = choices(model);
    let Some(step) = choices.get(selected) else { return };
    let taken = model.recording.history().step(no + 1);
    if taken.is_some_and(|taken| taken.step == *step) {
        say(model, "that is what happened: choose another step");
        return;
    }
    match model.recording.fork(no, step) {
        Some(recording) => {
            let letter = recording.letter;
            model.parent = Some(model.set_recording(recording));
            go_to_step(model, no + 1);
            say(model, format!("run {letter} goes its own way from ev {}: r leads back", no + 1));
        }
        None => say(model, "that step is not possible here"),
    }
}
