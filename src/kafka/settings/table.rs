//! The rows of the tables.

use std::fmt;
use std::sync::LazyLock;

use super::Owner;
use crate::kafka::version::Versions;

const CLIENTS: &str = include_str!("tables/clients.txt");
const PRODUCER: &str = include_str!("tables/producer.txt");
const CONSUMER: &str = include_str!("tables/consumer.txt");
const BROKER: &str = include_str!("tables/broker.txt");
const TOPIC: &str = include_str!("tables/topic.txt");
const GROUP: &str = include_str!("tables/group.txt");

/// One setting, as it is in a span of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting {
    /// The name that users write.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Not documented, and not for users.
    pub internal: bool,
    /// What it is where it is not set.
    pub default: DefaultValue,
    /// What is valid, in Kafka's words; empty where everything of its type is.
    pub valid: &'static str,
    /// The versions it is so in.
    pub versions: Versions,
}

/// The type of a setting, as `ConfigDef.Type` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// 16 bits.
    Short,
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// A number with a fraction.
    Double,
    /// Text.
    String,
    /// Texts with commas between them.
    List,
    /// The name of a Java class.
    Class,
    /// A text that is never shown.
    Password,
}

impl Kind {
    const NAMES: [(&'static str, Kind); 9] = [
        ("BOOLEAN", Kind::Boolean),
        ("SHORT", Kind::Short),
        ("INT", Kind::Int),
        ("LONG", Kind::Long),
        ("DOUBLE", Kind::Double),
        ("STRING", Kind::String),
        ("LIST", Kind::List),
        ("CLASS", Kind::Class),
        ("PASSWORD", Kind::Password),
    ];

    /// What Kafka calls it, such as `INT`.
    pub fn name(self) -> &'static str {
        Kind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| *name)
    }
}

/// What a setting is where it is not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DefaultValue {
    /// It must be set.
    Required,
    /// Nothing.
    Null,
    /// This.
    Value(&'static str),
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DefaultValue::Required => "<required>",
            DefaultValue::Null => "null",
            DefaultValue::Value(value) => value,
        })
    }
}

/// The rows of all tables. They are read once: a scenario asks some ten times for each of its nodes.
static ROWS: LazyLock<[(Owner, Vec<Setting>); Owner::ALL.len()]> =
    LazyLock::new(|| Owner::ALL.map(|owner| (owner, lines(owner).filter_map(read).collect())));

/// The rows of a table, of all versions.
pub(super) fn rows(owner: Owner) -> impl Iterator<Item = Setting> {
    let its = ROWS.iter().filter(move |(of, _)| *of == owner);
    its.flat_map(|(_, rows)| rows).copied()
}

/// The lines of a table that hold a row.
pub(super) fn lines(owner: Owner) -> impl Iterator<Item = &'static str> {
    let (own, common) = match owner {
        Owner::Producer => (PRODUCER, CLIENTS),
        Owner::Consumer => (CONSUMER, CLIENTS),
        Owner::Broker => (BROKER, ""),
        Owner::Topic => (TOPIC, ""),
        Owner::Group => (GROUP, ""),
    };
    own.lines().chain(common.lines()).filter(|line| !line.starts_with('#'))
}

/// A row: `name | type | default | valid | versions | source`, of which the last ones may be missing.
pub(super) fn read(line: &'static str) -> Option<Setting> {
    let mut cells = line.split('|').map(str::trim);
    let name = cells.next()?;
    let kind = cells.next()?;
    let (kind, internal) = match kind.strip_suffix(" internal") {
        Some(kind) => (kind, true),
        None => (kind, false),
    };
    let (_, kind) = Kind::NAMES.into_iter().find(|(name, _)| *name == kind)?;
    let default = match cells.next().unwrap_or_default() {
        "<required>" => DefaultValue::Required,
        "null" => DefaultValue::Null,
        value => DefaultValue::Value(value),
    };
    let valid = cells.next().unwrap_or_default();
    let versions = cells.next().unwrap_or_default().parse().ok()?;
    Some(Setting { name, kind, internal, default, valid, versions })
}
