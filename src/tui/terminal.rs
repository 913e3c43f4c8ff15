//! The only place that knows a terminal: taking it over, reading from it, and giving it back in
//! the state in which it was, whatever happens.

use std::io::{self, IsTerminal, Write};
use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
#[expect(clippy::disallowed_types, reason = "playing back is paced by the wall clock")]
use std::time::Instant;

use crossterm::event::{
    self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::glyph::Charset;
use super::keys::Key;
use super::model::Ui;
use super::theme::{Palette, Theme};
use super::update::{Command, Message};

/// Why the player cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// Standard input or output is a pipe or a file.
    #[error("the player needs a terminal; for plain text use `redeliver run`")]
    NoTerminal,
    /// `TERM=dumb`: it cannot place a cursor.
    #[error("this terminal (TERM=dumb) cannot show the player; for plain text use `redeliver run`")]
    Dumb,
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    Io(#[from] io::Error),
}

/// Whether there is a terminal that can show the player.
///
/// # Errors
/// Says in one sentence why there is none.
pub(super) fn check() -> Result<(), TerminalError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(TerminalError::NoTerminal);
    }
    if std::env::var("TERM").is_ok_and(|term| term == "dumb") {
        return Err(TerminalError::Dumb);
    }
    Ok(())
}

/// What the environment says about colours and signs.
pub(super) fn ui_of_environment() -> Ui {
    let set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    let no_color = set("NO_COLOR");
    let true_color = std::env::var("COLORTERM").is_ok_and(|it| it == "truecolor" || it == "24bit");
    let palette = if no_color { Palette::Mono } else { Palette::default() };
    // the first of these that is set decides, as for the C library
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let ascii = locale.is_some_and(|it| {
        let it = it.to_uppercase();
        it == "C" || it == "POSIX" || (it.contains('.') && !it.contains("UTF"))
    });
    Ui {
        theme: Theme::new(palette, true_color),
        true_color,
        no_color,
        charset: if ascii { Charset::Ascii } else { Charset::Unicode },
        ..Ui::default()
    }
}

/// The terminal while the player has it. It is given back when this is dropped.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<io::Stdout>>,
    mouse: bool,
    /// Set by the signals that end a program.
    ended: Arc<AtomicBool>,
    #[expect(clippy::disallowed_types, reason = "playing back is paced by the wall clock")]
    last_tick: Instant,
}

/// Gives the terminal back. Every part is tried, even when another fails.
fn give_back() {
    let mut out = io::stdout();
    let _ = execute!(out, DisableMouseCapture);
    let _ = execute!(out, DisableBracketedPaste);
    let _ = execute!(out, LeaveAlternateScreen);
    let _ = execute!(out, cursor::Show);
    let _ = disable_raw_mode();
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let mut out = io::stdout();
    execute!(out, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
    if mouse {
        execute!(out, EnableMouseCapture)?;
    }
    Ok(())
}

/// Ends the player in good order when it is told to, and at once when its terminal is gone: there is
/// nothing to restore then, and reading from it never ends.
#[cfg(unix)]
fn heed_signals(ended: &Arc<AtomicBool>) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGTERM};
    use signal_hook::flag::{register, register_conditional_shutdown};

    register(SIGTERM, Arc::clone(ended))?;
    let always = Arc::new(AtomicBool::new(true));
    register_conditional_shutdown(SIGHUP, 129, always)?; // 128 + SIGHUP, as a shell reports it
    Ok(())
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// There is none, or it does not do what it is told.
    pub(super) fn new(mouse: bool) -> Result<Screen, TerminalError> {
        check()?;
        // crossterm 0.29 answers NO_COLOR by a reset that also takes away bold and reverse; colours
        // are left out by `draw` instead
        crossterm::style::force_color_output(true);
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
        let ended = Arc::new(AtomicBool::new(false));
        #[cfg(unix)]
        heed_signals(&ended)?;
        if let Err(error) = take(mouse) {
            give_back();
            return Err(error.into());
        }
        let terminal = match Terminal::new(CrosstermBackend::new(io::stdout())) {
            Ok(terminal) => terminal,
            Err(error) => {
                give_back();
                return Err(error.into());
            }
        };
        #[expect(clippy::disallowed_types, reason = "playing back is paced by the wall clock")]
        let last_tick = Instant::now();
        Ok(Screen { terminal, mouse, ended, last_tick })
    }

    /// The size in cells.
    ///
    /// # Errors
    /// The terminal does not say.
    pub(super) fn size(&self) -> Result<(u16, u16), TerminalError> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }

    /// Draws one frame.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub(super) fn draw(
        &mut self,
        no_color: bool,
        view: impl FnOnce(&mut Buffer),
    ) -> Result<(), TerminalError> {
        self.terminal.draw(|frame| {
            let buf = frame.buffer_mut();
            view(buf);
            if no_color {
                without_colour(buf);
            }
        })?;
        Ok(())
    }

    /// Waits for the next message, at most for a frame while something moves.
    ///
    /// # Errors
    /// The terminal cannot be read from.
    pub(super) fn next(&mut self, moving: bool) -> Result<Option<Message>, TerminalError> {
        let patience = Duration::from_millis(if moving { 33 } else { 250 });
        if self.ended.load(Ordering::Relaxed) {
            return Ok(Some(Message::Key(Key::Ctrl('c'))));
        }
        if event::poll(patience)? {
            return Ok(self.translate(event::read()?)?);
        }
        Ok(None)
    }

    /// Milliseconds since this was asked last.
    pub(super) fn elapsed(&mut self) -> u64 {
        #[expect(clippy::disallowed_types, reason = "playing back is paced by the wall clock")]
        let now = Instant::now();
        let elapsed = now.duration_since(self.last_tick).as_millis() as u64;
        if elapsed > 0 {
            self.last_tick = now;
        }
        elapsed
    }

    /// Does what the player asks for.
    ///
    /// # Errors
    /// The terminal cannot be written to.
    pub(super) fn obey(&mut self, command: &Command) -> Result<(), TerminalError> {
        match command {
            Command::Quit => {}
            Command::Copy(text) => {
                let mut out = io::stdout();
                write!(out, "{}", clipboard(text))?;
                out.flush()?;
            }
            Command::Mouse(true) => {
                self.mouse = true;
                execute!(io::stdout(), EnableMouseCapture)?;
            }
            Command::Mouse(false) => {
                self.mouse = false;
                execute!(io::stdout(), DisableMouseCapture)?;
            }
        }
        Ok(())
    }

    fn translate(&mut self, event: Event) -> io::Result<Option<Message>> {
        Ok(match event {
            // Windows and some terminals also tell when a key is let go of
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if key.code == KeyCode::Char('z') && key.modifiers.contains(KeyModifiers::CONTROL) {
                    self.suspend()?;
                    return Ok(None);
                }
                key_of(key).map(Message::Key)
            }
            Event::Paste(text) => Some(Message::Paste(text)),
            Event::Mouse(mouse) => self.mouse(mouse)?,
            Event::Resize(width, height) => Some(Message::Resize(width, height)),
            _ => None,
        })
    }

    fn mouse(&self, mouse: MouseEvent) -> io::Result<Option<Message>> {
        let size = self.terminal.size()?;
        // crossterm 0.29 can underflow at the origin: nothing beyond the edge is believed
        let x = mouse.column.min(size.width.saturating_sub(1));
        let y = mouse.row.min(size.height.saturating_sub(1));
        Ok(match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Message::Press { x, y, drag: false }),
            MouseEventKind::Drag(MouseButton::Left) => Some(Message::Press { x, y, drag: true }),
            MouseEventKind::ScrollDown => Some(Message::Scroll(1)),
            MouseEventKind::ScrollUp => Some(Message::Scroll(-1)),
            _ => None,
        })
    }

    /// Goes to the background, and takes the terminal again when it comes back.
    fn suspend(&mut self) -> io::Result<()> {
        #[cfg(unix)]
        {
            give_back();
            signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
            take(self.mouse)?;
            self.terminal.clear()?;
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char(char) if control => Key::Ctrl(char.to_ascii_lowercase()),
        KeyCode::Char(char) => Key::Char(char),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

/// Takes the colours out of every cell and leaves bold, reverse and underline.
fn without_colour(buf: &mut Buffer) {
    for cell in &mut buf.content {
        cell.fg = Color::Reset;
        cell.bg = Color::Reset;
    }
}

/// The escape sequence (OSC 52) that puts `text` into the clipboard, over SSH too.
fn clipboard(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", base64(text.as_bytes()))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .enumerate()
            .fold(0u32, |bits, (place, &byte)| bits | u32::from(byte) << (16 - 8 * place));
        for place in 0..4 {
            if place <= chunk.len() {
                let digit = bits >> (18 - 6 * place) & 0x3f;
                text.push(char::from(DIGITS[digit as usize]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn no_color_leaves_bold_and_reverse() {
        use ratatui::layout::Rect;
        use ratatui::style::{Modifier, Style};
        let mut buf = Buffer::empty(Rect::new(0, 0, 3, 1));
        let style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD | Modifier::REVERSED);
        buf.set_string(0, 0, "abc", style);
        without_colour(&mut buf);
        for cell in &buf.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset));
            assert_eq!(cell.modifier, Modifier::BOLD | Modifier::REVERSED);
        }
    }
}
