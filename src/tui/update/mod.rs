//! What a key, the mouse or the clock does to the player. Nothing here knows a terminal.

mod pages;
mod prompt;
mod travel;

use super::keys::{self, Action, Key};
use super::model::{Asking, Model, Overlay, View};
use super::theme::{Palette, Theme};
pub(super) use pages::choices;
use pages::{on_fork, on_help};
pub use prompt::{Place, parse_place};
use prompt::{on_prompt, set_filter, to_match};
use travel::{
    along_lanes, along_message, next_violation, on_press, open, other_run, page, play_or_pause,
    scroll, select_message, step, tick, to_cause, to_mark,
};
pub(super) use travel::{go_to_step, go_to_time, rows_of_message};

/// What reaches the player.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The left button went down, or moved while it was down, on this cell.
    Press {
        /// Column, from 0.
        x: u16,
        /// Row, from 0.
        y: u16,
        /// It was down before.
        drag: bool,
    },
    /// The wheel turned: so many lines down.
    Scroll(i32),
    /// The terminal has this size now.
    Resize(u16, u16),
    /// So many milliseconds went by.
    Tick(u64),
}

/// What the player asks of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the program.
    Quit,
    /// Put this into the clipboard.
    Copy(String),
    /// Take or release the mouse.
    Mouse(bool),
}

/// Takes one message.
pub fn update(model: &mut Model, message: Message) -> Option<Command> {
    let command = take(model, message);
    if model.ui.view == View::Topology || matches!(model.ui.overlay, Overlay::Fork { .. }) {
        model.look();
    }
    command
}

fn take(model: &mut Model, message: Message) -> Option<Command> {
    match message {
        Message::Key(key) => on_key(model, key),
        Message::Paste(text) => {
            if let Overlay::Prompt { line, .. } = &mut model.ui.overlay {
                line.extend(text.chars().filter(|char| !char.is_control()));
            }
            None
        }
        Message::Press { x, y, drag } => {
            on_press(model, x, y, drag);
            None
        }
        Message::Scroll(lines) => {
            match &mut model.ui.overlay {
                Overlay::None => scroll(model, lines),
                Overlay::Help { selected, .. } | Overlay::Fork { selected } => {
                    *selected = selected.saturating_add_signed(lines as isize);
                }
                Overlay::Prompt { .. } => {}
            }
            None
        }
        Message::Resize(width, height) => {
            model.ui.size = (width, height);
            None
        }
        Message::Tick(millis) => {
            tick(model, millis);
            None
        }
    }
}

fn on_key(model: &mut Model, key: Key) -> Option<Command> {
    if key == Key::Ctrl('c') {
        return Some(Command::Quit);
    }
    model.ui.says = None;
    match std::mem::take(&mut model.ui.overlay) {
        Overlay::None => {
            let action = keys::action(key)?;
            act(model, action)
        }
        Overlay::Prompt { asking, line } => on_prompt(model, key, asking, line),
        Overlay::Help { filter, selected } => on_help(model, key, filter, selected),
        Overlay::Fork { selected } => {
            on_fork(model, key, selected);
            None
        }
    }
}

/// Does what an action asks for.
pub(super) fn act(model: &mut Model, action: Action) -> Option<Command> {
    let ask = |asking| Overlay::Prompt { asking, line: String::new() };
    match action {
        Action::Quit => return Some(Command::Quit),
        Action::PlayPause => play_or_pause(model),
        Action::Forward => step(model, 1),
        Action::Back => step(model, -1),
        Action::ForwardTen => step(model, 10),
        Action::BackTen => step(model, -10),
        Action::PageDown => scroll(model, page(model)),
        Action::PageUp => scroll(model, -page(model)),
        Action::Down => scroll(model, 1),
        Action::Up => scroll(model, -1),
        Action::Start => step(model, isize::MIN),
        Action::End => step(model, isize::MAX),
        Action::NextMark => to_mark(model, true, |_| true),
        Action::PreviousMark => to_mark(model, false, |_| true),
        Action::NextViolation => next_violation(model),
        Action::NextOfMessage => along_message(model, 1),
        Action::PreviousOfMessage => along_message(model, -1),
        Action::Cause => to_cause(model),
        Action::Faster => model.ui.speed = (model.ui.speed * 2).min(256),
        Action::Slower => model.ui.speed = (model.ui.speed / 2).max(1),
        Action::GoTo => model.ui.overlay = ask(Asking::GoTo),
        Action::Search => model.ui.overlay = ask(Asking::Search),
        Action::Filter => model.ui.overlay = ask(Asking::Filter),
        Action::Command => model.ui.overlay = ask(Asking::Command),
        Action::NextMatch => to_match(model, true),
        Action::PreviousMatch => to_match(model, false),
        Action::Detail => {
            model.ui.detail = model.ui.detail.next();
            let text = model.ui.filter.take().map(|filter| filter.text);
            if let Some(text) = text {
                set_filter(model, &text);
            }
        }
        Action::SelectMessage => select_message(model),
        Action::Open => open(model),
        Action::Left => along_lanes(model, -1),
        Action::Right => along_lanes(model, 1),
        Action::NextView => turn_view(model, 1),
        Action::PreviousView => turn_view(model, View::ALL.len() - 1),
        Action::View(view) => model.ui.view = view,
        Action::Fork => model.ui.overlay = Overlay::Fork { selected: 0 },
        Action::OtherRun => other_run(model),
        Action::Palette => set_palette(model, model.ui.theme.palette.next()),
        Action::Charset => model.ui.charset = model.ui.charset.other(),
        Action::Mouse => {
            model.ui.mouse = !model.ui.mouse;
            let says = if model.ui.mouse {
                "the mouse selects and scrubs again"
            } else {
                "the mouse is released: select text as usual, M takes it back"
            };
            model.ui.says = Some(says.to_owned());
            return Some(Command::Mouse(model.ui.mouse));
        }
        Action::Copy => {
            let command = replay(model);
            model.ui.says = Some(command.clone());
            return Some(Command::Copy(command));
        }
        Action::Help => model.ui.overlay = Overlay::Help { filter: String::new(), selected: 0 },
        Action::Clear => clear(model),
    }
    None
}

/// The command that opens this moment again.
pub(super) fn replay(model: &Model) -> String {
    let Model { recording, cursor, ui, .. } = model;
    let quoted = |word: &str| match word.contains([' ', '"', '\'', '$', '*', '(', '{', '[']) {
        true => format!("'{}'", word.replace('\'', "'\\''")),
        false => word.to_owned(),
    };
    let settings: String =
        recording.settings.iter().map(|setting| format!(" --set {}", quoted(setting))).collect();
    format!(
        "redeliver play {} --seed {}{settings} --at {} --view {}",
        quoted(recording.address()),
        recording.seed,
        cursor.at.step(),
        ui.view as u8
    )
}

fn say(model: &mut Model, text: impl Into<String>) {
    model.ui.says = Some(text.into());
}

fn clear(model: &mut Model) {
    if model.ui.playing {
        model.ui.playing = false;
    } else if model.ui.search.take().is_none()
        && model.ui.filter.take().is_none()
        && model.cursor.msg.take().is_none()
    {
        model.cursor.entity = None;
    }
}

fn turn_view(model: &mut Model, by: usize) {
    let at = View::ALL.iter().position(|view| *view == model.ui.view).unwrap_or(0);
    model.ui.view = View::ALL[(at + by) % View::ALL.len()];
}

fn set_palette(model: &mut Model, palette: Palette) {
    if model.ui.no_color {
        say(model, "NO_COLOR is set: the player stays monochrome");
        return;
    }
    model.ui.theme = Theme::new(palette, model.ui.true_color);
    say(model, format!("theme {}", palette.name()));
}
