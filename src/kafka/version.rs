//! Versions of Kafka and of its clients.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// A version by its first two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
}

impl Version {
    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Version {
        Version { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = ParseIntError;

    /// Reads `major.minor`.
    fn from_str(text: &str) -> Result<Version, ParseIntError> {
        let (major, minor) = text.split_once('.').unwrap_or((text, ""));
        Ok(Version { major: major.parse()?, minor: minor.parse()? })
    }
}

/// A span of versions: from one, and up to but not including another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions {
    /// The first one.
    pub since: Option<Version>,
    /// The first one after it.
    pub until: Option<Version>,
}

impl Versions {
    /// Whether it holds this version.
    pub fn contains(&self, version: Version) -> bool {
        self.since.is_none_or(|since| since <= version)
            && self.until.is_none_or(|until| version < until)
    }
}

impl FromStr for Versions {
    type Err = ParseIntError;

    /// Reads `3.6..4.0`, `..4.0`, `3.6..`, and the empty text: every version.
    fn from_str(text: &str) -> Result<Versions, ParseIntError> {
        let (since, until) = text.split_once("..").unwrap_or((text, ""));
        let bound = |text: &str| match text {
            "" => Ok(None),
            version => version.parse().map(Some),
        };
        Ok(Versions { since: bound(since)?, until: bound(until)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_versions_holds_its_first_and_not_its_last() {
        let span: Versions = "3.6..4.0".parse().expect("a span");
        let held = [(3, 5), (3, 6), (3, 9), (4, 0)]
            .map(|(major, minor)| span.contains(Version::new(major, minor)));
        assert_eq!(held, [false, true, true, false]);
        assert!("".parse::<Versions>().expect("all").contains(Version::new(0, 8)));
        assert!("3.x..".parse::<Versions>().is_err());
    }
}
