//! The page on which a scenario is chosen.

use super::keys::Key;
use super::model::Ui;
use super::theme::Theme;
use super::update::{Command, Message};

/// One scenario to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, as `redeliver play` takes it.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The claim that it shows, if it shows one.
    pub claim: Option<String>,
    /// Its file.
    pub text: String,
}

/// The state of the page.
pub struct Picker {
    /// All scenarios.
    pub entries: Vec<Entry>,
    /// What was typed: only scenarios that contain it are shown.
    pub filter: String,
    /// The selected one among those shown.
    pub selected: usize,
    /// How many lines of its file are scrolled away.
    pub scrolled: usize,
    /// Theme, signs, size.
    pub ui: Ui,
}

impl Picker {
    /// The page with all scenarios.
    pub fn new(entries: Vec<Entry>, ui: Ui) -> Picker {
        Picker { entries, filter: String::new(), selected: 0, scrolled: 0, ui }
    }

    /// The scenarios that contain what was typed, in order.
    pub fn shown(&self) -> Vec<&Entry> {
        let words: Vec<_> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        let fits = |entry: &&Entry| {
            let claim = entry.claim.as_deref().unwrap_or("");
            let text = format!("{} {} {claim}", entry.name, entry.title).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        self.entries.iter().filter(fits).collect()
    }

    /// The selected one.
    pub fn chosen(&self) -> Option<&Entry> {
        self.shown().get(self.selected).copied()
    }

    /// Takes one message. `Err` is the name of the scenario that was chosen.
    pub fn update(&mut self, message: Message) -> Result<Option<Command>, String> {
        match message {
            Message::Resize(width, height) => self.ui.size = (width, height),
            Message::Scroll(lines) => self.select(lines as isize),
            Message::Paste(text) => self.type_in(text.chars()),
            Message::Press { y, drag: false, .. } => {
                if let Some(place) = super::view::picker::row_at(self, y) {
                    self.selected = place;
                    self.scrolled = 0;
                }
            }
            Message::Press { .. } | Message::Tick(_) => {}
            Message::Key(key) => return self.on_key(key),
        }
        Ok(None)
    }

    fn on_key(&mut self, key: Key) -> Result<Option<Command>, String> {
        self.ui.says = None;
        match key {
            Key::Ctrl('c') => return Ok(Some(Command::Quit)),
            Key::Esc if self.filter.is_empty() => return Ok(Some(Command::Quit)),
            Key::Esc | Key::Ctrl('w') => {
                self.filter.clear();
                self.select(0);
            }
            Key::Enter => {
                if let Some(entry) = self.chosen() {
                    return Err(entry.name.clone());
                }
            }
            Key::Up => self.select(-1),
            Key::Down => self.select(1),
            Key::Home => self.select(isize::MIN),
            Key::End => self.select(isize::MAX),
            Key::PageUp => self.scrolled = self.scrolled.saturating_sub(10),
            Key::PageDown => self.scrolled += 10,
            Key::Ctrl('t') if !self.ui.no_color => {
                let next = self.ui.theme.palette.next();
                self.ui.theme = Theme::new(next, self.ui.true_color);
            }
            Key::Backspace => {
                self.filter.pop();
                self.selected = 0;
            }
            // the key that begins a search elsewhere; here typing alone does
            Key::Char('/') if self.filter.is_empty() => {}
            Key::Char(char) => self.type_in(std::iter::once(char)),
            _ => {}
        }
        let lines = self.chosen().map_or(0, |entry| entry.text.lines().count());
        self.scrolled = self.scrolled.min(lines.saturating_sub(1));
        Ok(None)
    }

    fn type_in(&mut self, text: impl Iterator<Item = char>) {
        let room = 60usize.saturating_sub(self.filter.chars().count());
        self.filter.extend(text.filter(|char| !char.is_control()).take(room));
        self.selected = 0;
        self.scrolled = 0;
    }

    fn select(&mut self, by: isize) {
        let last = self.shown().len().saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
        self.scrolled = 0;
    }
}
