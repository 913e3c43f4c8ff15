//! The state of the player: a recorded run, a cursor in it, and what is open. What is drawn is a
//! function of these three.

use super::glyph::Charset;
use super::index::{Detail, Row};
use super::recording::Recording;
use super::stage::Entity;
use super::theme::{Palette, Theme};
use crate::kernel::Time;
use crate::system::{Timeline, World};
use crate::talk::MessageId;

/// A view of the run. The numbers are the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum View {
    /// What is connected, and where everything is now.
    Topology = 1,
    /// Events from top to bottom, places from left to right.
    #[default]
    SpaceTime = 2,
    /// One message.
    Journey = 3,
    /// The guarantees.
    Verdicts = 5,
    /// A list of events.
    Events = 7,
}

impl View {
    /// All of them, in the order of the tabs.
    pub const ALL: [View; 5] =
        [View::Topology, View::SpaceTime, View::Journey, View::Verdicts, View::Events];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            View::Topology => "Topology",
            View::SpaceTime => "Space-time",
            View::Journey => "Journey",
            View::Verdicts => "Verdicts",
            View::Events => "Events",
        }
    }

    /// Its name where there is little room.
    pub const fn short(self) -> &'static str {
        match self {
            View::Topology => "Topo",
            View::SpaceTime => "Space-time",
            View::Journey => "Msg",
            View::Verdicts => "Verdict",
            View::Events => "Event",
        }
    }

    /// The view with this number or name.
    pub fn named(text: &str) -> Option<View> {
        View::ALL.into_iter().find(|view| {
            (*view as u8).to_string() == text || view.name().eq_ignore_ascii_case(text)
        })
    }
}

/// The one cursor of all views.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The event: what has happened up to here, inclusive.
    pub at: Row,
    /// The entity that was selected.
    pub entity: Option<Entity>,
    /// The message that was selected.
    pub msg: Option<MessageId>,
}

/// What a line of input at the bottom is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// A command.
    Command,
    /// Where to go.
    GoTo,
    /// What to find.
    Search,
    /// What to show.
    Filter,
}

impl Asking {
    /// The sign in front of the line.
    pub const fn sign(self) -> &'static str {
        match self {
            Asking::Command => ":",
            Asking::GoTo => "go to ",
            Asking::Search => "/",
            Asking::Filter => "filter ",
        }
    }
}

/// What lies over the view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// A line of input.
    Prompt {
        /// What for.
        asking: Asking,
        /// What was typed.
        line: String,
    },
    /// The keys.
    Help {
        /// Only rows with this word.
        filter: String,
        /// The selected row.
        selected: usize,
    },
    /// The steps that could be taken at the cursor.
    Fork {
        /// The selected one.
        selected: usize,
    },
}

/// Events that match what was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// What was asked for.
    pub text: String,
    /// The rows that match, in order.
    pub rows: Vec<Row>,
}

/// What is open, and how it is shown.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The view.
    pub view: View,
    /// How much of the history.
    pub detail: Detail,
    /// What lies over it.
    pub overlay: Overlay,
    /// Only these events.
    pub filter: Option<Matches>,
    /// Events that were searched for.
    pub search: Option<Matches>,
    /// Whether the cursor advances by itself.
    pub playing: bool,
    /// How many events a second.
    pub speed: u32,
    /// What has to be played, in thousandths of an event.
    pub owed: u64,
    /// The selected row of the verdicts.
    pub verdict: usize,
    /// Styles.
    pub theme: Theme,
    /// Whether the terminal has 24-bit colours.
    pub true_color: bool,
    /// Colours are unwelcome (`NO_COLOR`).
    pub no_color: bool,
    /// Signs.
    pub charset: Charset,
    /// Whether the mouse is ours.
    pub mouse: bool,
    /// Something to say on the bottom line, until the next key.
    pub says: Option<String>,
    /// The size of the terminal in cells.
    pub size: (u16, u16),
}

impl Default for Ui {
    fn default() -> Ui {
        Ui {
            view: View::default(),
            detail: Detail::default(),
            overlay: Overlay::None,
            filter: None,
            search: None,
            playing: false,
            speed: 4,
            owed: 0,
            verdict: 0,
            theme: Theme::new(Palette::default(), false),
            true_color: false,
            no_color: false,
            charset: Charset::default(),
            mouse: true,
            says: None,
            size: (80, 24),
        }
    }
}

/// The player with a run.
pub struct Model {
    /// The run.
    pub recording: Recording,
    /// The run that this one was forked from.
    pub parent: Option<Recording>,
    /// Where it is looked at.
    pub cursor: Cursor,
    /// How.
    pub ui: Ui,
    /// The world at the cursor, or where one last had to know it.
    timeline: Timeline,
}

impl Model {
    /// Opens a run at its beginning.
    pub fn new(recording: Recording, ui: Ui) -> Model {
        let at = recording.index.rows(Detail::Story).first().copied().unwrap_or_default();
        let timeline = recording.seek(at.step());
        let cursor = Cursor { at, ..Cursor::default() };
        let broken = recording.findings.iter().position(|it| it.violated_at().is_some());
        let ui = Ui { verdict: broken.unwrap_or(0), ..ui };
        Model { recording, parent: None, cursor, ui, timeline }
    }

    /// Looks at another run, at the same step if it has that.
    pub fn set_recording(&mut self, recording: Recording) -> Recording {
        self.ui.filter = None;
        self.ui.search = None;
        let no = self.cursor.at.step().min(recording.len());
        self.timeline = recording.seek(no);
        std::mem::replace(&mut self.recording, recording)
    }

    /// The world at the cursor, as [`Model::look`] found it.
    pub fn world(&self) -> &World {
        self.timeline.world()
    }

    /// Brings the world to the cursor: plays it on when the cursor is not far ahead.
    pub fn look(&mut self) {
        /// From here on a checkpoint of the run is nearer.
        const FAR: u64 = 2_000;
        let (now, wanted) = (self.timeline.world().steps(), self.cursor.at.step());
        match wanted.checked_sub(now) {
            Some(0) => {}
            Some(missing) if missing < FAR => {
                self.timeline.run(self.recording.until(), missing, &mut ());
            }
            _ => self.timeline = self.recording.seek(wanted),
        }
    }

    /// The rows that are shown: those of the filter, or all at the level of detail.
    pub fn rows(&self) -> &[Row] {
        match &self.ui.filter {
            Some(filter) => &filter.rows,
            None => self.recording.index.rows(self.ui.detail),
        }
    }

    /// The place of the cursor among the shown rows: of the last one that is not after it.
    pub fn place(&self) -> usize {
        self.rows().partition_point(|row| *row <= self.cursor.at).saturating_sub(1)
    }

    /// The selected message, or that of the event under the cursor.
    pub fn message(&self) -> Option<MessageId> {
        self.cursor.msg.or_else(|| self.recording.message_of(self.cursor.at))
    }

    /// The time at the cursor.
    pub fn now(&self) -> Time {
        self.recording.time(self.cursor.at)
    }
}
