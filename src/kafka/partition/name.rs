//! The names of partitioners, as users write them.

use super::Partitioner;
use crate::kafka::Version;

/// A name that no partitioner has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownPartitioner {
    /// The client knows nothing of this name.
    #[error("{setting} has no {name:?}; it has {known}")]
    Unknown {
        /// The setting, as the client calls it.
        setting: &'static str,
        /// What was written.
        name: String,
        /// What could have been written.
        known: String,
    },
    /// The class was removed from Java's client in 4.0.
    #[error("partitioner.class={class} was removed in 4.0; leave partitioner.class out")]
    Removed {
        /// The class.
        class: &'static str,
    },
    /// The class is not in this version of Java's client yet.
    #[error("partitioner.class={class} is not there before {since}")]
    TooEarly {
        /// The class.
        class: &'static str,
        /// The first version that has it.
        since: Version,
    },
}

const DEFAULT: &str = "org.apache.kafka.clients.producer.internals.DefaultPartitioner";
const UNIFORM_STICKY: &str = "org.apache.kafka.clients.producer.UniformStickyPartitioner";
const ROUND_ROBIN: &str = "org.apache.kafka.clients.producer.RoundRobinPartitioner";

const V2_4: Version = Version::new(2, 4);
const V3_3: Version = Version::new(3, 3);
const V4_0: Version = Version::new(4, 0);

const KAFKAJS: [(&str, Partitioner); 3] = [
    ("Partitioners.DefaultPartitioner", Partitioner::KafkaJs),
    ("Partitioners.JavaCompatiblePartitioner", Partitioner::KafkaJs),
    ("Partitioners.LegacyPartitioner", Partitioner::KafkaJsLegacy),
];

const LIBRDKAFKA: [(&str, Partitioner); 7] = [
    ("random", Partitioner::Random),
    ("consistent", Partitioner::Consistent),
    ("consistent_random", Partitioner::ConsistentRandom),
    ("murmur2", Partitioner::Murmur2),
    ("murmur2_random", Partitioner::Murmur2Random),
    ("fnv1a", Partitioner::Fnv1a),
    ("fnv1a_random", Partitioner::Fnv1aRandom),
];

impl Partitioner {
    /// `partitioner.class` of Java's producer of this version: the full name of a class,
    /// or `null`. Source: `ProducerConfig.PARTITIONER_CLASS_DOC` of each version; KIP-480 (2.4),
    /// KIP-794 (3.3).
    ///
    /// # Errors
    /// The name of no class, or of one that this version does not have.
    pub fn java(class: Option<&str>, version: Version) -> Result<Partitioner, UnknownPartitioner> {
        let default = if version < V2_4 { Partitioner::InTurn } else { Partitioner::Sticky };
        match class {
            None | Some("null") if version >= V3_3 => Ok(Partitioner::BuiltIn),
            None | Some("null") => Ok(default),
            Some(DEFAULT) if version >= V4_0 => Err(UnknownPartitioner::Removed { class: DEFAULT }),
            Some(DEFAULT) => Ok(default),
            Some(UNIFORM_STICKY) if version >= V4_0 => {
                Err(UnknownPartitioner::Removed { class: UNIFORM_STICKY })
            }
            Some(UNIFORM_STICKY | ROUND_ROBIN) if version < V2_4 => {
                let class = if class == Some(ROUND_ROBIN) { ROUND_ROBIN } else { UNIFORM_STICKY };
                Err(UnknownPartitioner::TooEarly { class, since: V2_4 })
            }
            Some(UNIFORM_STICKY) => Ok(Partitioner::UniformSticky),
            Some(ROUND_ROBIN) => Ok(Partitioner::RoundRobin),
            Some(name) => Err(UnknownPartitioner::Unknown {
                setting: "partitioner.class",
                name: name.to_owned(),
                known: [ROUND_ROBIN, DEFAULT, UNIFORM_STICKY].join(", "),
            }),
        }
    }

    /// `createPartitioner` of KafkaJS 2, such as `Partitioners.LegacyPartitioner`; the prefix may be
    /// left out.
    ///
    /// # Errors
    /// The name of no partitioner.
    pub fn kafkajs(name: Option<&str>) -> Result<Partitioner, UnknownPartitioner> {
        let Some(name) = name else { return Ok(Partitioner::KafkaJs) };
        let bare = name.strip_prefix("Partitioners.").unwrap_or(name);
        let is_it = |full: &str| full.strip_prefix("Partitioners.") == Some(bare);
        find(&KAFKAJS, is_it).ok_or_else(|| unknown("createPartitioner", name, &KAFKAJS))
    }

    /// `partitioner` of librdkafka, such as `murmur2_random`.
    ///
    /// # Errors
    /// The name of no partitioner.
    pub fn librdkafka(name: Option<&str>) -> Result<Partitioner, UnknownPartitioner> {
        let Some(name) = name else { return Ok(Partitioner::ConsistentRandom) };
        find(&LIBRDKAFKA, |known| known == name)
            .ok_or_else(|| unknown("partitioner", name, &LIBRDKAFKA))
    }
}

fn find(table: &[(&str, Partitioner)], is_it: impl Fn(&str) -> bool) -> Option<Partitioner> {
    table.iter().find(|(name, _)| is_it(name)).map(|(_, partitioner)| *partitioner)
}

fn unknown(setting: &'static str, name: &str, table: &[(&str, Partitioner)]) -> UnknownPartitioner {
    let known: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
    UnknownPartitioner::Unknown { setting, name: name.to_owned(), known: known.join(", ") }
}
