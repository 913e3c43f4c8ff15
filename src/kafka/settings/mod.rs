//! The settings of Kafka and of its Java clients, by the names that users write: of which type they
//! are, what they default to, and what is valid, version by version from 2.8 to 4.4.
//!
//! The tables are text, one row for each setting and span of versions that it did not change in. That
//! of 4.1 was taken from the running `ConfigDef`s of 4.1.1; other versions from the sources at their
//! tags (2.8.2, 3.0.2, 3.1.2, 3.2.3, 3.3.2, 3.4.1, 3.5.2, 3.6.2, 3.7.1, 3.8.0, 3.9.0), from the
//! upgrade notes of 4.0 to 4.3, and from what brokers of 4.0.0 and 4.3 print when they start. The last
//! column names what made the change.

mod check;
mod table;
#[cfg(test)]
mod tests;

pub use check::Refused;
pub use table::{DefaultValue, Kind, Setting};

use super::version::Version;

/// Whom a setting belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A producer of the Java client: `ProducerConfig`.
    Producer,
    /// A consumer of the Java client: `ConsumerConfig`.
    Consumer,
    /// A broker: `KafkaConfig`.
    Broker,
    /// A topic: `LogConfig`.
    Topic,
    /// A group: `GroupConfig`, since 4.0.
    Group,
}

impl Owner {
    /// All of them.
    pub const ALL: [Owner; 5] =
        [Owner::Producer, Owner::Consumer, Owner::Broker, Owner::Topic, Owner::Group];

    /// What reports call it.
    pub const fn name(self) -> &'static str {
        match self {
            Owner::Producer => "producer",
            Owner::Consumer => "consumer",
            Owner::Broker => "broker",
            Owner::Topic => "topic",
            Owner::Group => "group",
        }
    }
}

/// Why there is no setting of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// It came later.
    #[error("{name} is there since {since}")]
    TooEarly {
        /// The setting.
        name: &'static str,
        /// The first version that has it.
        since: Version,
    },
    /// It was removed.
    #[error("{name} was removed in {until}")]
    Removed {
        /// The setting.
        name: &'static str,
        /// The first version that does not have it.
        until: Version,
    },
    /// It belongs to someone else.
    #[error("{name} is a setting of a {}", .owner.name())]
    Elsewhere {
        /// The setting.
        name: &'static str,
        /// Whose it is.
        owner: Owner,
    },
    /// Nobody has it.
    #[error("no such setting")]
    Nowhere,
}

/// The settings of `owner` in this version.
pub fn all(owner: Owner, version: Version) -> impl Iterator<Item = Setting> {
    table::rows(owner).filter(move |row| row.versions.contains(version))
}

/// The setting of this name in this version.
///
/// # Errors
/// There is none: why not.
pub fn find(owner: Owner, name: &str, version: Version) -> Result<Setting, Unknown> {
    let mut before_or_after = None;
    for row in table::rows(owner).filter(|row| row.name == name) {
        if row.versions.contains(version) {
            return Ok(row);
        }
        before_or_after = Some(row);
    }
    if let Some(row) = before_or_after {
        return Err(match row.versions.since {
            Some(since) if version < since => Unknown::TooEarly { name: row.name, since },
            _ => Unknown::Removed { name: row.name, until: row.versions.until.unwrap_or(version) },
        });
    }
    let elsewhere = Owner::ALL.into_iter().find_map(|other| {
        let row = all(other, version).find(|row| row.name == name)?;
        Some(Unknown::Elsewhere { name: row.name, owner: other })
    });
    Err(elsewhere.unwrap_or(Unknown::Nowhere))
}
