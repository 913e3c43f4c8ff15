//! Colours by role. A state is never told by hue alone: each has a glyph ([`super::glyph`]) and a
//! word too, so that the monochrome theme loses nothing.

use ratatui::style::{Color, Modifier, Style};

/// What a cell is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// What matters less: times, rules, the past that is not selected.
    Dim,
    /// Headings and names of keys.
    Title,
    /// The view that is open.
    Tab,
    /// Borders.
    Frame,
    /// The line under the cursor.
    Selected,
    /// What concerns the selected message.
    Message,
    /// Waiting in a queue.
    Ready,
    /// Handed out and not yet acknowledged.
    Unacked,
    /// Acknowledged by its consumer.
    Acked,
    /// Acknowledged to its producer.
    Confirmed,
    /// Under way between two nodes.
    Flight,
    /// An effect in the outside world.
    Effect,
    /// A guarantee that is broken; a message that is lost.
    Violated,
    /// A guarantee that holds.
    Holds,
    /// A guarantee that the run has not decided.
    Undecided,
    /// A fault.
    Fault,
    /// A node that does not work.
    Down,
}

/// How many roles there are.
const ROLES: usize = 18;

/// The palettes to choose from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Palette {
    /// The sixteen colours of the terminal, for a dark background.
    #[default]
    Dark,
    /// The sixteen colours of the terminal, for a light background.
    Light,
    /// Bold, reverse and underline only; also what `NO_COLOR` asks for.
    Mono,
    /// White on black, few colours, no dim text.
    HighContrast,
    /// The Okabe–Ito colours, which people with a colour vision deficiency can tell apart.
    Deuteranopia,
}

impl Palette {
    /// All of them, in the order in which the key cycles.
    pub const ALL: [Palette; 5] = [
        Palette::Dark,
        Palette::Light,
        Palette::Mono,
        Palette::HighContrast,
        Palette::Deuteranopia,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Palette::Dark => "dark",
            Palette::Light => "light",
            Palette::Mono => "mono",
            Palette::HighContrast => "high-contrast",
            Palette::Deuteranopia => "deuteranopia",
        }
    }

    /// The one with this name.
    pub fn named(name: &str) -> Option<Palette> {
        Palette::ALL.into_iter().find(|palette| palette.name() == name)
    }

    /// The one after it.
    pub fn next(self) -> Palette {
        let at = Palette::ALL.iter().position(|&palette| palette == self).unwrap_or(0);
        Palette::ALL[(at + 1) % Palette::ALL.len()]
    }
}

/// A style for every role.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Which palette it was made from.
    pub palette: Palette,
    styles: [Style; ROLES],
}

impl Theme {
    /// The styles of a palette. `true_color` says whether the terminal shows 24-bit colours.
    pub fn new(palette: Palette, true_color: bool) -> Theme {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let reversed = plain.add_modifier(Modifier::REVERSED);
        let underlined = bold.add_modifier(Modifier::UNDERLINED);
        let styles = match palette {
            Palette::Mono => [
                plain,                                 // Text
                dim,                                   // Dim
                bold,                                  // Title
                reversed,                              // Tab
                dim,                                   // Frame
                reversed,                              // Selected
                underlined,                            // Message
                plain,                                 // Ready
                bold,                                  // Unacked
                plain,                                 // Acked
                plain,                                 // Confirmed
                plain,                                 // Flight
                bold,                                  // Effect
                bold.add_modifier(Modifier::REVERSED), // Violated
                plain,                                 // Holds
                dim,                                   // Undecided
                bold,                                  // Fault
                dim,                                   // Down
            ],
            Palette::Dark => coloured(Hues {
                text: Color::Reset,
                dim: Color::DarkGray,
                title: Color::White,
                ready: Color::Blue,
                unacked: Color::Yellow,
                ok: Color::Green,
                flight: Color::Cyan,
                effect: Color::Magenta,
                bad: Color::Red,
                message: Color::Cyan,
            }),
            Palette::Light => coloured(Hues {
                text: Color::Black,
                dim: Color::DarkGray,
                title: Color::Black,
                ready: Color::Blue,
                unacked: Color::Magenta,
                ok: Color::Green,
                flight: Color::Blue,
                effect: Color::Magenta,
                bad: Color::Red,
                message: Color::Blue,
            }),
            Palette::HighContrast => coloured(Hues {
                text: Color::White,
                dim: Color::Gray,
                title: Color::White,
                ready: Color::White,
                unacked: Color::LightYellow,
                ok: Color::LightGreen,
                flight: Color::LightCyan,
                effect: Color::White,
                bad: Color::LightRed,
                message: Color::LightYellow,
            }),
            Palette::Deuteranopia => {
                let hue = |r, g, b, indexed| {
                    if true_color { Color::Rgb(r, g, b) } else { Color::Indexed(indexed) }
                };
                coloured(Hues {
                    text: Color::Reset,
                    dim: Color::DarkGray,
                    title: Color::White,
                    ready: hue(0x00, 0x72, 0xb2, 25),
                    unacked: hue(0xe6, 0x9f, 0x00, 172),
                    ok: hue(0x00, 0x9e, 0x73, 36),
                    flight: hue(0x56, 0xb4, 0xe9, 74),
                    effect: hue(0xf0, 0xe4, 0x42, 221),
                    bad: hue(0xd5, 0x5e, 0x00, 166),
                    message: hue(0x56, 0xb4, 0xe9, 74),
                })
            }
        };
        Theme { palette, styles }
    }

    /// The style of a role.
    pub fn of(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}

/// The colours in which the coloured palettes differ.
struct Hues {
    text: Color,
    dim: Color,
    title: Color,
    ready: Color,
    unacked: Color,
    ok: Color,
    flight: Color,
    effect: Color,
    bad: Color,
    message: Color,
}

fn coloured(hues: Hues) -> [Style; ROLES] {
    let of = |colour| Style::new().fg(colour);
    let bold = |colour| of(colour).add_modifier(Modifier::BOLD);
    [
        of(hues.text),                                     // Text
        of(hues.dim),                                      // Dim
        bold(hues.title),                                  // Title
        bold(hues.title).add_modifier(Modifier::REVERSED), // Tab
        of(hues.dim),                                      // Frame
        Style::new().add_modifier(Modifier::REVERSED),     // Selected
        bold(hues.message),                                // Message
        of(hues.ready),                                    // Ready
        of(hues.unacked),                                  // Unacked
        of(hues.ok),                                       // Acked
        of(hues.ok),                                       // Confirmed
        of(hues.flight),                                   // Flight
        of(hues.effect),                                   // Effect
        bold(hues.bad),                                    // Violated
        of(hues.ok),                                       // Holds
        of(hues.dim),                                      // Undecided
        bold(hues.bad),                                    // Fault
        of(hues.dim),                                      // Down
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_palette_is_found_by_its_name_and_the_key_visits_all() {
        let mut palette = Palette::Dark;
        for _ in 0..Palette::ALL.len() {
            assert_eq!(Palette::named(palette.name()), Some(palette));
            palette = palette.next();
        }
        assert_eq!(palette, Palette::Dark);
    }

    #[test]
    fn the_monochrome_palette_has_no_colours() {
        let theme = Theme::new(Palette::Mono, true);
        for style in theme.styles {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
