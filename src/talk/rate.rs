//! Probabilities without floating point.

use std::fmt;
use std::str::FromStr;

/// How often something happens, in parts per million: `Rate::NEVER` to `Rate::ALWAYS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// It never happens.
    pub const NEVER: Rate = Rate(0);
    /// It always happens.
    pub const ALWAYS: Rate = Rate(Rate::OF);
    /// What a rate counts in: draw one of this many, and it happens when [`Rate::covers`] it.
    pub const OF: u32 = 1_000_000;

    /// `n` in a million; more than a million is always.
    pub const fn per_million(n: u32) -> Rate {
        if n > Rate::OF { Rate::ALWAYS } else { Rate(n) }
    }

    /// `n` in a hundred; more than a hundred is always.
    pub const fn percent(n: u32) -> Rate {
        Rate::per_million(n.saturating_mul(Rate::OF / 100))
    }

    /// In parts per million.
    pub const fn as_per_million(self) -> u32 {
        self.0
    }

    /// Whether it is never, so that nothing needs to be drawn.
    pub const fn is_never(self) -> bool {
        self.0 == 0
    }

    /// Whether the number `draw` out of `0..Rate::OF` means that it happens.
    pub const fn covers(self, draw: u32) -> bool {
        // Counted from the top, so that the first way of a choice is the quiet one.
        draw >= Rate::OF - self.0
    }
}

/// In percent, with as many decimals as it needs: `2%`, `0.05%`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:04}", self.0 % 10_000);
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        f.pad(&format!("{}{point}{decimals}%", self.0 / 10_000))
    }
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a percentage from 0% to 100% with at most four decimals, such as \"2.5%\"")]
pub struct RateError;

/// Reads `2%`, `0.05%`, `100%`. A bare number is refused: 1 could mean 1 % or always.
impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Rate, RateError> {
        let number = text.trim().strip_suffix('%').ok_or(RateError)?.trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
            return Err(RateError);
        }
        let whole: u32 = whole.parse().map_err(|_| RateError)?;
        let decimals: u32 = format!("{decimals:0<4}").parse().map_err(|_| RateError)?;
        let parts = whole.checked_mul(10_000).and_then(|parts| parts.checked_add(decimals));
        parts.filter(|parts| *parts <= Rate::OF).map(Rate).ok_or(RateError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_and_print_as_percentages() {
        for (text, parts) in [("0%", 0), ("2%", 20_000), ("0.05%", 500), ("100%", 1_000_000)] {
            assert_eq!(text.parse(), Ok(Rate::per_million(parts)), "{text}");
            assert_eq!(Rate::per_million(parts).to_string(), text);
        }
        for bad in ["1", "101%", "-1%", "%", "0.00001%", "a%", "5000000%"] {
            assert_eq!(bad.parse::<Rate>(), Err(RateError), "{bad}");
        }
    }

    #[test]
    fn the_first_way_of_a_choice_is_the_quiet_one() {
        assert!(!Rate::percent(99).covers(0));
        assert!(Rate::percent(1).covers(Rate::OF - 1));
        assert!(Rate::ALWAYS.covers(0));
        assert!(!Rate::NEVER.covers(Rate::OF - 1));
    }
}
