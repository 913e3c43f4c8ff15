//! Points and stretches of simulated time, in whole nanoseconds.
//!
//! A run never reads a clock: [`Time`] starts at zero and moves only when the world does.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// A point of simulated time: nanoseconds since the run began (range: about 584 years).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// A stretch of simulated time in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Time {
    /// The beginning of every run.
    pub const ZERO: Time = Time(0);
    /// Later than anything that can happen.
    pub const MAX: Time = Time(u64::MAX);

    /// The point `nanos` nanoseconds after the beginning.
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the beginning.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the beginning, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The last point before this one; zero has none before it.
    pub fn just_before(self) -> Option<Time> {
        self.0.checked_sub(1).map(Time)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// Longer than any run.
    pub const MAX: Span = Span(u64::MAX);

    /// `n` nanoseconds.
    pub const fn from_nanos(n: u64) -> Span {
        Span(n)
    }
    /// `n` microseconds.
    pub const fn from_micros(n: u64) -> Span {
        Span(n.saturating_mul(1_000))
    }
    /// `n` milliseconds.
    pub const fn from_millis(n: u64) -> Span {
        Span(n.saturating_mul(1_000_000))
    }
    /// `n` seconds.
    pub const fn from_secs(n: u64) -> Span {
        Span(n.saturating_mul(1_000_000_000))
    }
    /// The length in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
    /// The length in whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
    /// `n` times this span; the longest span there is when that would overflow.
    pub const fn times(self, n: u64) -> Span {
        Span(self.0.saturating_mul(n))
    }
    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl Add<Span> for Time {
    type Output = Time;
    fn add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub for Time {
    type Output = Span;
    fn sub(self, earlier: Time) -> Span {
        self.since(earlier)
    }
}

impl Add for Span {
    type Output = Span;
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

/// Seconds with three decimals: `1.285 s`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03} s", self.0 / 1_000_000_000, self.0 / 1_000_000 % 1_000);
        f.pad(&text)
    }
}

/// The units that a duration may carry, longest first, in nanoseconds.
const UNITS: [(&str, u64); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The largest unit that gives a whole number: `20ms`, `90s`, `1500us`. Reads back with [`FromStr`].
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let fits = UNITS.iter().find(|(_, size)| self.0.is_multiple_of(*size));
        let (unit, size) = fits.copied().unwrap_or(("ns", 1));
        f.pad(&format!("{}{unit}", self.0 / size))
    }
}

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// The number has no unit.
    #[error("a duration needs a unit: write \"{0}ms\" or \"{0}s\"")]
    NoUnit(String),
    /// The unit is none that we know.
    #[error("unknown unit \"{0}\": use ns, us, ms, s, m or h")]
    UnknownUnit(String),
    /// There is no number in front of the unit.
    #[error("a duration is a number and a unit, such as \"20ms\" or \"1.5s\"")]
    NoNumber,
    /// It is longer than a run can be.
    #[error("longer than a run can be (about 584 years)")]
    TooLong,
}

/// Reads `20ms`, `1.5s`, `2m`, `1h`, `250us`; a bare number is refused, since its unit would be a guess.
impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Span, SpanError> {
        let text = text.trim();
        let split =
            text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(text.len());
        let (number, unit) = (text[..split].replace('_', ""), text[split..].trim());
        let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(fraction) {
            return Err(SpanError::NoNumber);
        }
        if unit.is_empty() {
            return Err(SpanError::NoUnit(number));
        }
        let size = UNITS
            .iter()
            .find(|(name, _)| *name == unit || (*name == "us" && unit == "µs"))
            .map(|(_, size)| *size)
            .ok_or_else(|| SpanError::UnknownUnit(unit.to_owned()))?;
        let whole: u64 = whole.parse().map_err(|_| SpanError::TooLong)?;
        let nanos = whole.checked_mul(size).ok_or(SpanError::TooLong)?;
        let mut part = size;
        let mut rest = 0;
        for digit in fraction.bytes() {
            part /= 10;
            rest += u64::from(digit - b'0') * part;
        }
        nanos.checked_add(rest).map(Span).ok_or(SpanError::TooLong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_print_with_their_unit() {
        let read = |text: &str| text.parse::<Span>();
        assert_eq!(read("20ms"), Ok(Span::from_millis(20)));
        assert_eq!(read("1.5s"), Ok(Span::from_millis(1_500)));
        assert_eq!(read("2m"), Ok(Span::from_secs(120)));
        assert_eq!(read("250us"), Ok(Span::from_micros(250)));
        assert_eq!(read("20"), Err(SpanError::NoUnit("20".into())));
        assert_eq!(read("20 parsecs"), Err(SpanError::UnknownUnit("parsecs".into())));
        assert_eq!(read("ms"), Err(SpanError::NoNumber));
        assert_eq!(read("99999999999999h"), Err(SpanError::TooLong));
        for span in
            [Span::ZERO, Span::from_millis(20), Span::from_secs(90), Span::from_nanos(1_001)]
        {
            assert_eq!(read(&span.to_string()), Ok(span), "{span}");
        }
    }

    #[test]
    fn times_print_as_seconds() {
        assert_eq!((Time::ZERO + Span::from_millis(1_285)).to_string(), "1.285 s");
        assert_eq!(Time::MAX + Span::from_secs(1), Time::MAX);
        assert_eq!(Time::ZERO.since(Time::MAX), Span::ZERO);
    }
}
