//! The keys of a scenario file: one table that parsing, messages, `redeliver schema` and `--set`
//! all read.
//!
//! To add a key: add its line here, and use it where the scenario becomes a system.

// tables with one row per key, which a formatter would tear apart
#[rustfmt::skip]
mod client;
#[rustfmt::skip]
mod fault;
#[rustfmt::skip]
mod judge;
#[rustfmt::skip]
mod kafka;
#[rustfmt::skip]
mod rabbit;
#[rustfmt::skip]
mod retry;
#[rustfmt::skip]
mod words;

pub use kafka::KAFKA_CLIENTS;
pub use words::*;

use crate::kernel::Span;

use super::kind::{Kind, Word};

/// A table of a scenario file.
#[derive(Debug)]
pub struct Table {
    /// Its name, as in `[name]` or `[[name]]`.
    pub name: &'static str,
    /// As messages call one of them, with its article.
    pub noun: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// What other keys hold, if there may be others.
    pub rest: Option<Rest>,
    /// How many of its keys there may be.
    pub shape: Shape,
    /// Its keys have dots in their names, and TOML reads them as tables in tables: they are put
    /// together again.
    pub flat: bool,
    /// Words that people write in place of a key, and what to tell them.
    pub aliases: &'static [(&'static str, &'static str)],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub kind: Kind,
    /// Whether it must be there.
    pub need: Need,
    /// What it is for, in a sentence, with what it maps to in the real system.
    pub doc: &'static str,
}

/// What the keys of an open table hold.
#[derive(Debug)]
pub struct Rest {
    /// Their values.
    pub kind: Kind,
    /// What they are.
    pub doc: &'static str,
}

/// Whether a key must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Must,
    /// It may.
    May,
    /// It may; this TOML value is what it is otherwise.
    Else(&'static str),
}

/// How many of its keys a table may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Any number of them.
    Any,
    /// Exactly one: it says what kind of thing the table is.
    One,
}

impl Table {
    const fn new(
        name: &'static str,
        noun: &'static str,
        doc: &'static str,
        keys: &'static [Key],
    ) -> Table {
        Table { name, noun, doc, keys, rest: None, shape: Shape::Any, flat: false, aliases: &[] }
    }

    /// One of these tables as a file would say it: the keys that it must have.
    pub fn example(&self) -> String {
        let must = self.keys.iter().filter(|key| key.need == Need::Must);
        let keys: Vec<_> =
            must.map(|key| format!("{} = {}", key.name, key.kind.example(key.name))).collect();
        match (keys.is_empty(), self.keys.first()) {
            (false, _) => format!("{{ {} }}", keys.join(", ")),
            (true, Some(key)) => format!("{{ {} = {} }}", key.name, key.kind.example(key.name)),
            (true, None) => "{}".to_owned(),
        }
    }

    const fn rest(mut self, kind: Kind, doc: &'static str) -> Table {
        self.rest = Some(Rest { kind, doc });
        self
    }

    const fn one(mut self) -> Table {
        self.shape = Shape::One;
        self
    }

    const fn flat(mut self) -> Table {
        self.flat = true;
        self
    }

    const fn aliases(mut self, aliases: &'static [(&'static str, &'static str)]) -> Table {
        self.aliases = aliases;
        self
    }

    /// The key with this name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn must(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Must, doc }
}

const fn may(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, need: Need::May, doc }
}

const fn or(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, need: Need::Else(default), doc }
}

const fn word(word: &'static str, doc: &'static str) -> Word {
    Word { word, doc }
}

/// Any duration.
const ANY: Kind = Kind::Span(Span::ZERO, LONGEST);
/// Any duration but none.
const SOME: Kind = Kind::Span(Span::from_nanos(1), LONGEST);
/// Nothing in a scenario lasts longer: a year.
pub const LONGEST: Span = Span::from_secs(365 * 24 * 3_600);
/// At most so many messages can be told apart in one run: their numbers have 32 bits.
pub const MESSAGES: i64 = 4_000_000_000;

/// The top level of a scenario file.
#[rustfmt::skip]
pub static SCENARIO: Table = Table::new(
    "scenario",
    "the scenario",
    "A system, what goes wrong in it, and what is expected of it.",
    &[
        must("title", Kind::Name, "One line that says what the scenario shows."),
        may("claim", Kind::Some(&Kind::Text), "The claim of the guide that it examines, such as \"R1\", or several."),
        may("case", Kind::Name, "What sets it apart from the other scenarios of its claim, in a few words: \"a classic queue\"."),
        may("profile", Kind::Some(&Kind::Choice(PROFILES)), "Whose rules and defaults the brokers follow: one for each system; \"rabbitmq-4.2\" and \"kafka-4.1\" if nothing is said."),
        must("horizon", SOME, "How much time is simulated."),
        or("seed", Kind::Whole(0, i64::MAX), "1", "The seed of a run when the command line gives none."),
        or("settle", ANY, "\"10s\"", "How long after the last fault is put right messages may take before they count as stuck."),
        or("rabbitmq", Kind::Table(&rabbit::RABBITMQ), "{}", "The RabbitMQ cluster."),
        may("kafka", Kind::Table(&kafka::KAFKA), "The Kafka cluster and its clients."),
        may("producer", Kind::Tables(&client::PRODUCER), "Applications that send."),
        may("consumer", Kind::Tables(&client::CONSUMER), "Applications that receive."),
        may("service", Kind::Tables(&client::SERVICE), "What handlers call: where effects land."),
        or("network", Kind::Table(&fault::NETWORK), "{}", "How long packets are under way."),
        may("fault", Kind::Tables(&fault::FAULT), "What goes wrong, and when."),
        or("judge", Kind::Table(&judge::JUDGE), "{}", "Bounds, and other numbers that verdicts depend on."),
        may("true_if", Kind::Table(&TRUE_IF), "Under which facts its claim is true in this run. Without it the scenario shows a remedy, a price, or something to compare with."),
        may("expect", Kind::Table(&judge::EXPECT), "What the run must show. Its keys are guarantees and facts."),
        may("shows", Kind::Either(&[Kind::Text, Kind::Table(&fault::WHEN)]), "The event to look at, written like a fault's `when`; otherwise the first violation of a guarantee that `true_if` names."),
        may("teach", Kind::Table(&TEACH), "Words for whoever learns from it."),
    ],
)
.aliases(&[
    ("until", "the simulated time is called `horizon`"),
    ("duration", "the simulated time is called `horizon`"),
    ("name", "a scenario has the name of its file; its `title` is a sentence"),
    ("queue", "queues belong to the broker: write [[rabbitmq.queue]]"),
    ("exchange", "exchanges belong to the broker: write [[rabbitmq.exchange]]"),
    ("binding", "bindings belong to the broker: write [[rabbitmq.binding]]"),
    ("policy", "policies belong to the broker: write [[rabbitmq.policy]]"),
    ("topic", "topics belong to the cluster: write [[kafka.topic]]"),
]);

static TRUE_IF: Table = Table::new(
    "true_if",
    "[true_if]",
    "What makes the claim true in this run, written like [expect]; all of it must be met.",
    &[],
)
.rest(
    Kind::Either(&[Kind::Text, Kind::Whole(i64::MIN, i64::MAX)]),
    "A guarantee with its verdict, or a fact with a comparison.",
);

static TEACH: Table = Table::new(
    "teach",
    "[teach]",
    "Words for whoever learns from the scenario.",
    &[
        may("question", Kind::Text, "What to guess before the run is played."),
        may("text", Kind::Text, "What there is to learn."),
        may("look_at", Kind::Some(&Kind::Text), "Where to look: moments, messages or views."),
    ],
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::scenario::problem::{Problems, Source};
    use crate::scenario::raw;

    fn visit(
        table: &'static Table,
        seen: &mut BTreeSet<&'static str>,
        f: &mut impl FnMut(&'static Table),
    ) {
        if seen.insert(table.name) {
            f(table);
            for key in table.keys {
                visit_kind(&key.kind, seen, f);
            }
        }
    }

    fn visit_kind(
        kind: &Kind,
        seen: &mut BTreeSet<&'static str>,
        f: &mut impl FnMut(&'static Table),
    ) {
        match kind {
            Kind::Table(table) | Kind::Tables(table) => visit(table, seen, f),
            Kind::List(kind) | Kind::Some(kind) => visit_kind(kind, seen, f),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| visit_kind(kind, seen, f)),
            _ => {}
        }
    }

    #[test]
    fn every_key_has_one_name_a_sentence_and_a_default_of_its_kind() {
        visit(&SCENARIO, &mut BTreeSet::new(), &mut |table| {
            let names: BTreeSet<_> = table.keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), table.keys.len(), "a key of {} is there twice", table.name);
            assert!(table.doc.ends_with('.'), "{}", table.name);
            for key in table.keys {
                assert!(key.doc.ends_with('.'), "{}.{}", table.name, key.name);
                if let Need::Else(default) = key.need {
                    let source = Arc::new(Source::of_file("default", default));
                    let raw = raw::parse_value(&source, 0..default.len());
                    let mut problems = Problems::default();
                    if !matches!(key.kind, Kind::Table(_)) {
                        key.kind.read(&raw, key.name, &mut problems);
                    }
                    assert!(problems.is_empty(), "{}.{}: {problems}", table.name, key.name);
                }
            }
            for (wrong, _) in table.aliases {
                assert!(table.key(wrong).is_none(), "{}.{wrong} is a key after all", table.name);
            }
        });
    }
}
