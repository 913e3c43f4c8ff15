//! Every action of the player, with its keys, its name and what it does: one table, from which
//! keys are read, the help page and the hint bar are drawn, and the command line is completed.

use super::model::View;

/// A key as the player understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those on the keys")]
pub enum Key {
    Char(char),
    Ctrl(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

impl Key {
    /// How the key is written in help and hints.
    pub fn label(self) -> String {
        match self {
            Key::Char(' ') => "space".to_owned(),
            Key::Char(char) => char.to_string(),
            Key::Ctrl(char) => format!("ctrl-{char}"),
            Key::Enter => "enter".to_owned(),
            Key::Esc => "esc".to_owned(),
            Key::Tab => "tab".to_owned(),
            Key::BackTab => "shift-tab".to_owned(),
            Key::Backspace => "backspace".to_owned(),
            Key::Up => "up".to_owned(),
            Key::Down => "down".to_owned(),
            Key::Left => "left".to_owned(),
            Key::Right => "right".to_owned(),
            Key::PageUp => "pgup".to_owned(),
            Key::PageDown => "pgdn".to_owned(),
            Key::Home => "home".to_owned(),
            Key::End => "end".to_owned(),
        }
    }
}

/// What can be asked of the player.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in the table below")]
pub enum Action {
    PlayPause,
    Forward,
    Back,
    ForwardTen,
    BackTen,
    NextMark,
    PreviousMark,
    NextViolation,
    NextOfMessage,
    PreviousOfMessage,
    Cause,
    Start,
    End,
    Faster,
    Slower,
    GoTo,
    Search,
    NextMatch,
    PreviousMatch,
    Filter,
    Detail,
    Command,
    SelectMessage,
    Open,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    NextView,
    PreviousView,
    View(View),
    Fork,
    OtherRun,
    Palette,
    Charset,
    Mouse,
    Copy,
    Help,
    Clear,
    Quit,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys that ask for it; the first is the one that hints show.
    pub keys: &'static [Key],
    /// What they ask for.
    pub action: Action,
    /// Its name on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

const fn bind(
    keys: &'static [Key],
    action: Action,
    name: &'static str,
    help: &'static str,
) -> Binding {
    Binding { keys, action, name, help }
}

/// The table.
pub const BINDINGS: &[Binding] = {
    use Key::{Char, Ctrl};
    &[
        bind(&[Char(' ')], Action::PlayPause, "play", "play or pause"),
        bind(&[Char('.')], Action::Forward, "forward", "one event forward"),
        bind(&[Char(',')], Action::Back, "back", "one event back"),
        bind(&[Char('>')], Action::ForwardTen, "forward-10", "ten events forward"),
        bind(&[Char('<')], Action::BackTen, "back-10", "ten events back"),
        bind(&[Char(']')], Action::NextMark, "next-marker", "next fault, repair or violation"),
        bind(&[Char('[')], Action::PreviousMark, "previous-marker", "the one before"),
        bind(
            &[Char('!')],
            Action::NextViolation,
            "violation",
            "next violation, then from the first",
        ),
        bind(&[Char(')')], Action::NextOfMessage, "next-of-message", "next event of this message"),
        bind(
            &[Char('(')],
            Action::PreviousOfMessage,
            "previous-of-message",
            "previous event of it",
        ),
        bind(&[Char('c')], Action::Cause, "cause", "what caused this event; again: its cause"),
        bind(&[Key::Home], Action::Start, "start", "the beginning"),
        bind(&[Key::End, Char('G')], Action::End, "end", "the end"),
        bind(&[Char('}')], Action::Faster, "faster", "play twice as fast"),
        bind(&[Char('{')], Action::Slower, "slower", "play half as fast"),
        bind(&[Char('g')], Action::GoTo, "go", "go to an event (78) or a time (1.2s)"),
        bind(&[Char('/')], Action::Search, "search", "find a word: message, node, kind of event"),
        bind(&[Char('n')], Action::NextMatch, "next-match", "next event that was searched for"),
        bind(&[Char('N')], Action::PreviousMatch, "previous-match", "previous one"),
        bind(&[Char('f')], Action::Filter, "filter", "show only events that match; empty: all"),
        bind(&[Char('a')], Action::Detail, "detail", "story, all notes, all steps"),
        bind(&[Char(':')], Action::Command, "command", "command line: :e 78  :t 1.2s  :m 7  :q"),
        bind(&[Char('m')], Action::SelectMessage, "message", "select the message of this event"),
        bind(&[Key::Enter], Action::Open, "open", "open what is selected"),
        bind(&[Char('k'), Key::Up], Action::Up, "up", "up"),
        bind(&[Char('j'), Key::Down], Action::Down, "down", "down"),
        bind(&[Char('h'), Key::Left], Action::Left, "left", "previous lane or box"),
        bind(&[Char('l'), Key::Right], Action::Right, "right", "next lane or box"),
        bind(&[Key::PageUp, Ctrl('u')], Action::PageUp, "page-up", "a page up"),
        bind(&[Key::PageDown, Ctrl('d')], Action::PageDown, "page-down", "a page down"),
        bind(&[Key::Tab], Action::NextView, "next-view", "next view"),
        bind(&[Key::BackTab], Action::PreviousView, "previous-view", "previous view"),
        bind(&[Char('1')], Action::View(View::Topology), "topology", "where everything is now"),
        bind(&[Char('2')], Action::View(View::SpaceTime), "space-time", "why it happened"),
        bind(
            &[Char('3'), Char('J')],
            Action::View(View::Journey),
            "journey",
            "what happened to one message",
        ),
        bind(&[Char('5')], Action::View(View::Verdicts), "verdicts", "whether it is correct"),
        bind(&[Char('7')], Action::View(View::Events), "events", "everything, one line each"),
        bind(&[Char('F')], Action::Fork, "fork", "take another step here: a second run"),
        bind(&[Char('r')], Action::OtherRun, "other-run", "back to the run it was forked from"),
        bind(&[Char('T')], Action::Palette, "theme", "next theme; :theme NAME picks one"),
        bind(&[Char('A')], Action::Charset, "charset", "ASCII signs instead of shapes, and back"),
        bind(
            &[Char('M')],
            Action::Mouse,
            "mouse",
            "release the mouse, so that text can be selected",
        ),
        bind(&[Char('y')], Action::Copy, "copy", "copy the command that replays this moment"),
        bind(&[Char('?')], Action::Help, "help", "this page"),
        bind(&[Key::Esc], Action::Clear, "clear", "close, or let go of search, filter, message"),
        bind(&[Char('q'), Ctrl('c')], Action::Quit, "quit", "leave"),
    ]
};

/// What a key asks for.
pub(super) fn action(key: Key) -> Option<Action> {
    BINDINGS.iter().find(|binding| binding.keys.contains(&key)).map(|binding| binding.action)
}

/// The row of an action.
pub(super) fn binding(action: Action) -> Option<&'static Binding> {
    BINDINGS.iter().find(|binding| binding.action == action)
}

/// What an action is called on the command line.
pub(super) fn named(name: &str) -> Option<Action> {
    BINDINGS.iter().find(|binding| binding.name == name).map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_asks_for_two_things_and_no_name_stands_for_two() {
        let mut keys: Vec<_> = BINDINGS.iter().flat_map(|binding| binding.keys).collect();
        let mut names: Vec<_> = BINDINGS.iter().map(|binding| binding.name).collect();
        keys.sort_unstable();
        names.sort_unstable();
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{keys:?}");
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }

    #[test]
    fn every_row_reads_on_one_line_of_help() {
        for binding in BINDINGS {
            let keys: Vec<_> = binding.keys.iter().map(|key| key.label()).collect();
            assert!(keys.join(" ").len() <= 12, "{keys:?}");
            assert!(binding.help.chars().count() <= 48, "{}", binding.help);
        }
    }
}
