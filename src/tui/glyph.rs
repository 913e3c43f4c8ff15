//! The signs that states are drawn with. All of them are one cell wide; the ASCII set is for
//! terminals that draw ambiguous characters twice as wide, or not at all.

use std::borrow::Cow;

use ratatui::symbols::border;

use super::theme::Role;

/// What a row of a diagram, or a message, is in. Each has a sign, a word and a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Something happened, no more than that.
    Step,
    /// It waits in a queue.
    Ready,
    /// The broker told the producer that it has it.
    Confirmed,
    /// It was handed to a consumer and not acknowledged yet.
    Unacked,
    /// The consumer acknowledged it.
    Acked,
    /// It had an effect in the outside world.
    Effect,
    /// It left its queue unacknowledged.
    Discarded,
    /// A connection, a timer or an operator.
    Notice,
    /// A process ended.
    Crash,
    /// It is gone, or a guarantee is broken.
    Lost,
    /// It is on its way.
    Flight,
    /// Nobody can say, or the one concerned cannot.
    Unknown,
}

impl State {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            State::Step => "step",
            State::Ready => "ready",
            State::Confirmed => "confirmed",
            State::Unacked => "unacked",
            State::Acked => "acked",
            State::Effect => "effect",
            State::Discarded => "discarded",
            State::Notice => "notice",
            State::Crash => "crash",
            State::Lost => "lost",
            State::Flight => "in flight",
            State::Unknown => "unknown",
        }
    }

    /// The word for it where it is about a record of Kafka.
    pub const fn kafka_word(self) -> &'static str {
        match self {
            State::Ready => "in the log",
            State::Confirmed => "ack, HW",
            State::Unacked => "in hand",
            State::Acked => "committed",
            State::Discarded => "deleted",
            other => other.word(),
        }
    }

    /// The role whose colour it takes.
    pub const fn role(self) -> Role {
        match self {
            State::Step | State::Unknown => Role::Text,
            State::Ready => Role::Ready,
            State::Confirmed => Role::Confirmed,
            State::Unacked => Role::Unacked,
            State::Acked => Role::Acked,
            State::Effect => Role::Effect,
            State::Discarded | State::Notice | State::Crash => Role::Fault,
            State::Lost => Role::Violated,
            State::Flight => Role::Flight,
        }
    }
}

/// Which set of signs is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Charset {
    /// Box drawing and geometric shapes.
    #[default]
    Unicode,
    /// Letters and punctuation.
    Ascii,
}

impl Charset {
    /// The signs of this set.
    pub const fn glyphs(self) -> &'static Glyphs {
        match self {
            Charset::Unicode => &UNICODE,
            Charset::Ascii => &ASCII,
        }
    }

    /// The other one.
    pub const fn other(self) -> Charset {
        match self {
            Charset::Unicode => Charset::Ascii,
            Charset::Ascii => Charset::Unicode,
        }
    }
}

/// One sign for each thing that is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    pub step: char,
    pub ready: char,
    pub confirmed: char,
    pub unacked: char,
    pub acked: char,
    pub effect: char,
    pub discarded: char,
    pub notice: char,
    pub crash: char,
    pub down: char,
    pub paused: char,
    pub lost: char,
    pub holds: char,
    pub violated: char,
    pub undecided: char,
    pub crumb: char,
    pub cursor: char,
    pub play: char,
    pub pause: char,
    pub right: char,
    pub left: char,
    pub up: char,
    pub below: char,
    pub across: char,
    pub lane: char,
    pub crossing: char,
    pub ellipsis: char,
    pub arrow: &'static str,
    pub because: &'static str,
    pub separator: &'static str,
    pub dot: char,
    pub done: char,
    pub in_hand: char,
    pub unread: char,
    pub unstable: char,
    pub gone: char,
    pub bars: [char; 8],
    pub border: border::Set<'static>,
}

const UNICODE: Glyphs = Glyphs {
    step: '●',
    ready: '□',
    confirmed: '■',
    unacked: '◆',
    acked: '✓',
    effect: '▲',
    discarded: '▼',
    notice: '!',
    crash: '╳',
    down: '┊',
    paused: '╎',
    lost: '✗',
    holds: '✓',
    violated: '✗',
    undecided: '?',
    crumb: '▸',
    cursor: '▶',
    play: '▶',
    pause: '▷',
    right: '▶',
    left: '◀',
    up: '▲',
    below: '▼',
    across: '─',
    lane: '│',
    crossing: '┼',
    ellipsis: '…',
    arrow: "→",
    because: "◀",
    separator: "│",
    dot: '·',
    done: '█',
    in_hand: '▓',
    unread: '░',
    unstable: '~',
    gone: 'x',
    bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    border: border::PLAIN,
};

const ASCII: Glyphs = Glyphs {
    step: 'o',
    ready: 'r',
    confirmed: 'c',
    unacked: 'u',
    acked: 'a',
    effect: '^',
    discarded: 'd',
    notice: '!',
    crash: '#',
    down: ':',
    paused: '%',
    lost: 'X',
    holds: '+',
    violated: 'X',
    undecided: '?',
    crumb: '>',
    cursor: '>',
    play: '*',
    pause: '>',
    right: '>',
    left: '<',
    up: '^',
    below: 'v',
    across: '-',
    lane: '|',
    crossing: '+',
    ellipsis: '~',
    arrow: "->",
    because: "<-",
    separator: "|",
    dot: '.',
    done: '#',
    in_hand: '=',
    unread: '-',
    unstable: '~',
    gone: 'x',
    bars: ['_', '.', ',', '-', '=', '+', '*', '#'],
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
};

impl Glyphs {
    /// The sign of a state.
    pub const fn of(&self, state: State) -> char {
        match state {
            State::Step => self.step,
            State::Ready => self.ready,
            State::Confirmed => self.confirmed,
            State::Unacked => self.unacked,
            State::Acked => self.acked,
            State::Effect => self.effect,
            State::Discarded => self.discarded,
            State::Notice => self.notice,
            State::Crash => self.crash,
            State::Lost => self.lost,
            State::Flight => self.right,
            State::Unknown => self.undecided,
        }
    }

    /// `text` in the characters of this set; what it has no character for becomes a question mark.
    pub(super) fn spell<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.ellipsis.is_ascii() || text.is_ascii() {
            return Cow::Borrowed(text);
        }
        let ascii = |char| match char {
            '→' => '>',
            '←' => '<',
            char if char.is_ascii() => char,
            _ => '?',
        };
        Cow::Owned(text.chars().map(ascii).collect())
    }

    /// Cuts a name to `width` cells in the middle: names of queues often differ at their ends only.
    pub(super) fn fit_name(&self, name: &str, width: usize) -> String {
        let len = name.chars().count();
        if len <= width || width < 5 {
            return self.fit(name, width);
        }
        let head = (width - 1) / 3;
        let mut cut: String = name.chars().take(head).collect();
        cut.push(self.ellipsis);
        cut.extend(name.chars().skip(len - (width - 1 - head)));
        cut
    }

    /// Cuts `text` to `width` cells; an ellipsis says that something is missing.
    pub fn fit(&self, text: &str, width: usize) -> String {
        if text.chars().count() <= width {
            return text.to_owned();
        }
        let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
        if width > 0 {
            cut.push(self.ellipsis);
        }
        cut
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::text::Span;

    fn all(glyphs: &Glyphs) -> String {
        let Glyphs { step, ready, confirmed, unacked, acked, effect, discarded, .. } = *glyphs;
        let Glyphs { notice, crash, down, paused, lost, holds, violated, undecided, .. } = *glyphs;
        let Glyphs { crumb, cursor, play, pause, right, left, up, below, across, lane, .. } =
            *glyphs;
        let Glyphs { crossing, ellipsis, dot, bars, done, in_hand, unread, .. } = *glyphs;
        let Glyphs { unstable, gone, .. } = *glyphs;
        let signs = [
            step, ready, confirmed, unacked, acked, effect, discarded, notice, crash, down, paused,
            lost, holds, violated, undecided, crumb, cursor, play, pause, right, left, up, below,
            across, lane, crossing, ellipsis, dot, done, in_hand, unread, unstable, gone,
        ];
        signs.into_iter().chain(bars).collect()
    }

    #[test]
    fn every_sign_is_one_cell_wide() {
        for charset in [Charset::Unicode, Charset::Ascii] {
            for sign in all(charset.glyphs()).chars() {
                assert_eq!(Span::raw(sign.to_string()).width(), 1, "{sign}");
            }
        }
        assert!(all(Charset::Ascii.glyphs()).is_ascii());
    }

    #[test]
    fn the_states_of_a_message_have_different_signs() {
        for charset in [Charset::Unicode, Charset::Ascii] {
            let glyphs = charset.glyphs();
            let mut states = [
                glyphs.ready,
                glyphs.unacked,
                glyphs.acked,
                glyphs.confirmed,
                glyphs.effect,
                glyphs.discarded,
                glyphs.lost,
                glyphs.crash,
                glyphs.down,
                glyphs.paused,
                glyphs.step,
            ];
            states.sort_unstable();
            assert!(states.windows(2).all(|pair| pair[0] != pair[1]), "{states:?}");
        }
    }

    #[test]
    fn in_ascii_what_has_no_sign_becomes_a_question_mark() {
        assert_eq!(Charset::Ascii.glyphs().spell("rabbit → größe"), "rabbit > gr??e");
        assert_eq!(Charset::Unicode.glyphs().spell("rabbit → größe"), "rabbit → größe");
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let glyphs = Charset::Unicode.glyphs();
        assert_eq!(glyphs.fit("orders", 6), "orders");
        assert_eq!(glyphs.fit("orders", 4), "ord…");
        assert_eq!(glyphs.fit("orders", 0), "");
        assert_eq!(glyphs.fit_name("order.process.retry", 10), "ord….retry");
    }
}
