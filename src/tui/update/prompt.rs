//! What is typed into a line: places, words, filters, commands.

use super::travel::{go_to_step, go_to_time, rows_of_message, step};
use super::{Command, act, say, set_palette};
use crate::kernel::{Span, StepNo, Time};
use crate::talk::MessageId;
use crate::tui::keys::{self, Key};
use crate::tui::matching;
use crate::tui::model::{Asking, Matches, Model, Overlay, View};
use crate::tui::theme::Palette;
use crate::tui::view;

pub(super) fn on_prompt(
    model: &mut Model,
    key: Key,
    asking: Asking,
    mut line: String,
) -> Option<Command> {
    match key {
        Key::Esc => return None,
        Key::Enter => return answer(model, asking, line.trim()),
        Key::Backspace if line.is_empty() => return None,
        Key::Backspace => {
            line.pop();
        }
        Key::Ctrl('u') => line.clear(),
        Key::Tab if asking == Asking::Command => {
            if let Some(binding) = view::prompt::completions(&line).first() {
                binding.name.clone_into(&mut line);
            }
        }
        Key::Char(char) if line.len() < 200 => line.push(char),
        _ => {}
    }
    model.ui.overlay = Overlay::Prompt { asking, line };
    None
}

pub(super) fn answer(model: &mut Model, asking: Asking, line: &str) -> Option<Command> {
    match asking {
        Asking::Command => return command(model, line),
        Asking::GoTo => go(model, line),
        Asking::Search => {
            let rows = matching::rows(model, line);
            let none = rows.is_empty();
            model.ui.search = (!line.is_empty()).then(|| Matches { text: line.to_owned(), rows });
            if !line.is_empty() && none {
                say(model, format!("nothing matches {line}"));
            } else if !line.is_empty() {
                to_match(model, true);
            }
        }
        Asking::Filter => set_filter(model, line),
    }
    None
}

pub(super) fn set_filter(model: &mut Model, line: &str) {
    model.ui.filter = None;
    if line.is_empty() {
        return;
    }
    let rows = matching::rows(model, line);
    if rows.is_empty() {
        say(model, format!("nothing matches {line}: the filter is off"));
    } else {
        model.ui.filter = Some(Matches { text: line.to_owned(), rows });
        step(model, 0);
    }
}

pub(super) fn to_match(model: &mut Model, forward: bool) {
    let at = model.cursor.at;
    let Some(search) = &model.ui.search else {
        say(model, "search first: /");
        return;
    };
    let found = if forward {
        search.rows.get(search.rows.partition_point(|row| *row <= at)).or(search.rows.first())
    } else {
        let before = search.rows.partition_point(|row| *row < at);
        before.checked_sub(1).map_or(search.rows.last(), |place| search.rows.get(place))
    };
    if let Some(row) = found {
        model.cursor.at = *row;
    }
}

/// A place in the run as people write it: `78` is an event; `1.2s`, `@1.2` and `t 1.2` are times.
pub fn parse_place(text: &str) -> Option<Place> {
    let text = text.trim();
    if let Some(event) = text.strip_prefix("e ").or(text.strip_prefix("ev ")) {
        return event.trim().parse().ok().map(Place::Step);
    }
    if let Ok(no) = text.parse() {
        return Some(Place::Step(no));
    }
    let time = text.strip_prefix('@').or(text.strip_prefix("t ")).unwrap_or(text).trim();
    let bare = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && time != text;
    let span: Span = if bare { format!("{time}s").parse().ok()? } else { time.parse().ok()? };
    Some(Place::Time(Time::ZERO + span))
}

/// A place in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After this step.
    Step(StepNo),
    /// At this time.
    Time(Time),
}

pub(super) fn go(model: &mut Model, line: &str) {
    match parse_place(line) {
        Some(Place::Step(no)) => go_to_step(model, no),
        Some(Place::Time(time)) => go_to_time(model, time),
        None if line.is_empty() => {}
        None => say(model, format!("{line:?} is neither an event (78) nor a time (1.2s, 300ms)")),
    }
}

pub(super) fn command(model: &mut Model, line: &str) -> Option<Command> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match word {
        "" => None,
        "q" => Some(Command::Quit),
        "e" | "ev" | "t" => {
            go(model, line);
            None
        }
        "m" | "msg" => {
            select_by_number(model, rest);
            None
        }
        "theme" if !rest.is_empty() => {
            match Palette::named(rest) {
                Some(palette) => set_palette(model, palette),
                None => {
                    let names = Palette::ALL.map(Palette::name).join(", ");
                    say(model, format!("no theme {rest:?}: there are {names}"));
                }
            }
            None
        }
        "view" => {
            match View::named(rest) {
                Some(view) => model.ui.view = view,
                None => say(model, format!("no view {rest:?}")),
            }
            None
        }
        "filter" | "f" if word == "f" || !rest.is_empty() => {
            set_filter(model, rest);
            None
        }
        _ => {
            if let Some(action) = keys::named(line) {
                return act(model, action);
            }
            if parse_place(line).is_some() {
                go(model, line);
            } else {
                say(model, format!("no command {word:?}: ? lists them all"));
            }
            None
        }
    }
}

pub(super) fn select_by_number(model: &mut Model, text: &str) {
    let number = text.trim_start_matches('m').parse().ok().map(MessageId);
    match number.filter(|msg| !model.recording.index.message(*msg).is_empty()) {
        Some(msg) => {
            model.cursor.msg = Some(msg);
            if model.recording.message_of(model.cursor.at) != Some(msg)
                && let Some(row) = rows_of_message(model, msg).first()
            {
                model.cursor.at = *row;
            }
        }
        None => say(model, format!("no message {text:?} in this run")),
    }
}
