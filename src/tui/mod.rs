//! The player: a recorded run that one can walk about in.
//!
//! The Elm architecture: a [`Model`] holds a run, a cursor and what is open;
//! [`update()`] says what a key does to it; [`view()`] draws it, as a
//! function of the model and nothing else. Only `terminal` knows that there is a terminal.

mod cluster;
mod facts;
mod glyph;
mod index;
mod keys;
mod matching;
mod model;
mod packets;
mod picker;
mod recording;
mod sketch;
mod stage;
mod story;
mod terminal;
mod theme;
mod update;
mod verdicts;
mod view;

pub use glyph::Charset;
pub use index::{Detail, Row};
pub use keys::{Action, BINDINGS, Binding, Key};
pub use model::{Asking, Cursor, Matches, Model, Overlay, Ui, View};
pub use picker::{Entry, Picker};
pub use recording::{MOST_STEPS, Recording};
pub use stage::{Entity, Stage};
pub use terminal::TerminalError;
pub use theme::{Palette, Theme};
pub use update::{Command, Message, Place, parse_place, update};
pub use view::picker::draw as draw_picker;
pub use view::view;

use terminal::Screen;

/// Where a run is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// An event or a time; the beginning when there is none.
    pub at: Option<Place>,
    /// The view; Space-time when there is none.
    pub view: Option<View>,
    /// Leave the mouse to the terminal.
    pub no_mouse: bool,
    /// Which signs, instead of what the locale allows.
    pub charset: Option<Charset>,
}

/// How the player ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The command that opens the last moment again.
    pub replay: String,
}

/// Whether the player can be shown here, before anybody works for it.
///
/// # Errors
/// Says in one sentence why not.
pub fn require_terminal() -> Result<(), TerminalError> {
    terminal::check()
}

/// Plays a recorded run until the user leaves.
///
/// # Errors
/// There is no terminal, or it fails. [`TerminalError`] says so in one sentence.
pub fn play(recording: Recording, opening: Opening) -> Result<Left, TerminalError> {
    let mut screen = Screen::new(!opening.no_mouse)?;
    play_on(&mut screen, recording, opening)
}

/// Lets the user choose a scenario, and plays it; leaving it leads back to the choice. `open`
/// makes the run of the scenario with a name, or says why it cannot.
///
/// # Errors
/// There is no terminal, or it fails.
pub fn pick(
    entries: Vec<Entry>,
    opening: Opening,
    mut open: impl FnMut(&str) -> Result<Recording, String>,
) -> Result<Option<Left>, TerminalError> {
    let mut screen = Screen::new(!opening.no_mouse)?;
    let mut picker = Picker::new(entries, ui(&screen, opening)?);
    let mut left = None;
    loop {
        let Some(name) = choose(&mut screen, &mut picker)? else { return Ok(left) };
        match open(&name) {
            Ok(recording) => left = Some(play_on(&mut screen, recording, opening)?),
            Err(why) => picker.ui.says = Some(why),
        }
    }
}

fn ui(screen: &Screen, opening: Opening) -> Result<Ui, TerminalError> {
    let mut ui = terminal::ui_of_environment();
    ui.size = screen.size()?;
    ui.mouse = !opening.no_mouse;
    ui.view = opening.view.unwrap_or_default();
    ui.charset = opening.charset.unwrap_or(ui.charset);
    Ok(ui)
}

/// The loop of the picker: the name that was chosen, or `None`.
fn choose(screen: &mut Screen, picker: &mut Picker) -> Result<Option<String>, TerminalError> {
    loop {
        picker.ui.size = screen.size()?;
        screen.draw(picker.ui.no_color, |buf| view::picker::draw(picker, buf))?;
        let Some(message) = screen.next(false)? else { continue };
        match picker.update(message) {
            Ok(Some(Command::Quit)) => return Ok(None),
            Ok(Some(command)) => screen.obey(&command)?,
            Ok(None) => {}
            Err(name) => return Ok(Some(name)),
        }
    }
}

/// The loop of the player: read, update, draw.
fn play_on(
    screen: &mut Screen,
    recording: Recording,
    opening: Opening,
) -> Result<Left, TerminalError> {
    let mut model = Model::new(recording, ui(screen, opening)?);
    match opening.at {
        Some(Place::Step(no)) => update::go_to_step(&mut model, no),
        Some(Place::Time(time)) => update::go_to_time(&mut model, time),
        None => {}
    }
    loop {
        model.ui.size = screen.size()?;
        screen.draw(model.ui.no_color, |buf| view(&model, buf))?;
        let message = screen.next(model.ui.playing)?;
        let mut commands = vec![update(&mut model, Message::Tick(screen.elapsed()))];
        commands.extend(message.map(|message| update(&mut model, message)));
        for command in commands.into_iter().flatten() {
            if command == Command::Quit {
                return Ok(Left { replay: update::replay(&model) });
            }
            screen.obey(&command)?;
        }
    }
}
