//! Settings of Kafka's brokers, topics and clients under their real names: what a `config` table
//! says, whether that is possible, and what holds where it says nothing.

use std::collections::BTreeMap;

use super::kind::Datum;
use super::problem::{Problem, Problems, nearest};
use super::tree::{Entry, Tree};
use crate::kafka::Version;
use crate::kafka::settings::{self, DefaultValue, Owner, Unknown};
use crate::kernel::Span;
use crate::talk::Value;

/// Whose settings a `config` table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Book {
    /// Settings that Kafka itself defines, of this version.
    Kafka(Owner, Version),
    /// Options of KafkaJS.
    KafkaJs(Side),
    /// Properties of librdkafka.
    Librdkafka(Side),
}

/// Whether a client sends or reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Producer,
    Consumer,
}

/// What an option of KafkaJS or librdkafka must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    /// A whole number, at least this.
    Number(i64),
    Flag,
    Text,
    /// One of these, with bars between them.
    OneOf(&'static str),
}

/// KafkaJS: `kafka.producer({…})`, with `acks` and `timeout` of `send`, and what both sides take.
/// Source: kafkajs 2.2.4 `types/index.d.ts`.
const JS_PRODUCER: &[(&str, Is)] = &[
    ("acks", Is::OneOf("-1|0|1|all")),
    ("allowAutoTopicCreation", Is::Flag),
    (
        "createPartitioner",
        Is::OneOf("DefaultPartitioner|LegacyPartitioner|JavaCompatiblePartitioner"),
    ),
    ("idempotent", Is::Flag),
    ("maxInFlightRequests", Is::Number(1)),
    ("timeout", Is::Number(1)),
    ("transactionTimeout", Is::Number(1)),
    ("transactionalId", Is::Text),
];

/// KafkaJS: `kafka.consumer({…})`, `subscribe({…})` and `run({…})`.
const JS_CONSUMER: &[(&str, Is)] = &[
    ("allowAutoTopicCreation", Is::Flag),
    ("autoCommit", Is::Flag),
    ("autoCommitInterval", Is::Number(1)),
    ("autoCommitThreshold", Is::Number(1)),
    ("eachBatchAutoResolve", Is::Flag),
    ("fromBeginning", Is::Flag),
    ("groupId", Is::Text),
    ("heartbeatInterval", Is::Number(1)),
    ("maxBytes", Is::Number(1)),
    ("maxBytesPerPartition", Is::Number(1)),
    ("maxInFlightRequests", Is::Number(1)),
    ("maxWaitTimeInMs", Is::Number(0)),
    ("minBytes", Is::Number(1)),
    ("partitionAssigners", Is::OneOf("RoundRobinAssigner")),
    ("partitionsConsumedConcurrently", Is::Number(1)),
    ("rackId", Is::Text),
    ("readUncommitted", Is::Flag),
    ("rebalanceTimeout", Is::Number(1)),
    ("sessionTimeout", Is::Number(1)),
];

/// KafkaJS: `new Kafka({…})`, and `retry` of both sides.
const JS_BOTH: &[(&str, Is)] = &[
    ("clientId", Is::Text),
    ("connectionTimeout", Is::Number(1)),
    ("metadataMaxAge", Is::Number(1)),
    ("requestTimeout", Is::Number(1)),
    ("retry.initialRetryTime", Is::Number(0)),
    ("retry.maxRetryTime", Is::Number(0)),
    ("retry.multiplier", Is::Number(1)),
    ("retry.restartOnFailure", Is::Flag),
    ("retry.retries", Is::Number(0)),
];

/// What people pass to KafkaJS although it takes no such option. Source: kafkajs 2.2.4
/// `src/index.js`; observed.
const JS_IGNORED: &[(&str, &str)] = &[
    ("memberId", "the broker gives each member a random id, and a new one after a restart"),
    ("groupInstanceId", "KafkaJS has no static membership, and disconnect() leaves the group"),
    ("linger", "KafkaJS gathers nothing: each call of send() is a request"),
    ("batchSize", "KafkaJS gathers nothing: each call of send() is a request"),
];

/// librdkafka: `CONFIGURATION.md` of 2.x, as far as the model acts on them.
const RD_PRODUCER: &[(&str, Is)] = &[
    ("acks", Is::OneOf("-1|0|1|all")),
    ("batch.num.messages", Is::Number(1)),
    ("batch.size", Is::Number(1)),
    ("enable.idempotence", Is::Flag),
    ("linger.ms", Is::Number(0)),
    ("message.timeout.ms", Is::Number(0)),
    (
        "partitioner",
        Is::OneOf("random|consistent|consistent_random|murmur2|murmur2_random|fnv1a|fnv1a_random"),
    ),
    ("queue.buffering.max.kbytes", Is::Number(1)),
    ("queue.buffering.max.messages", Is::Number(0)),
    ("request.timeout.ms", Is::Number(1)),
    ("retries", Is::Number(0)),
    ("retry.backoff.max.ms", Is::Number(1)),
    ("retry.backoff.ms", Is::Number(1)),
    ("sticky.partitioning.linger.ms", Is::Number(0)),
    ("transaction.timeout.ms", Is::Number(1000)),
    ("transactional.id", Is::Text),
];

const RD_CONSUMER: &[(&str, Is)] = &[
    ("auto.commit.interval.ms", Is::Number(0)),
    ("auto.offset.reset", Is::OneOf("smallest|earliest|beginning|largest|latest|end|error")),
    ("enable.auto.commit", Is::Flag),
    ("enable.auto.offset.store", Is::Flag),
    ("fetch.max.bytes", Is::Number(0)),
    ("fetch.min.bytes", Is::Number(1)),
    ("fetch.wait.max.ms", Is::Number(0)),
    ("group.id", Is::Text),
    ("group.instance.id", Is::Text),
    ("group.protocol", Is::OneOf("classic|consumer")),
    ("group.remote.assignor", Is::Text),
    ("heartbeat.interval.ms", Is::Number(1)),
    ("isolation.level", Is::OneOf("read_uncommitted|read_committed")),
    ("max.partition.fetch.bytes", Is::Number(1)),
    ("max.poll.interval.ms", Is::Number(1)),
    ("partition.assignment.strategy", Is::Text),
    ("queued.min.messages", Is::Number(1)),
    ("session.timeout.ms", Is::Number(1)),
];

const RD_BOTH: &[(&str, Is)] = &[
    ("client.id", Is::Text),
    ("client.rack", Is::Text),
    ("max.in.flight.requests.per.connection", Is::Number(1)),
    ("metadata.max.age.ms", Is::Number(1)),
    ("reconnect.backoff.max.ms", Is::Number(0)),
    ("reconnect.backoff.ms", Is::Number(0)),
    ("socket.timeout.ms", Is::Number(10)),
];

/// Other names of librdkafka's properties. Source: `CONFIGURATION.md`.
const RD_ALIASES: &[(&str, &str)] = &[
    ("request.required.acks", "acks"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("message.send.max.retries", "retries"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("fetch.message.max.bytes", "max.partition.fetch.bytes"),
];

impl Book {
    fn options(self) -> [&'static [(&'static str, Is)]; 2] {
        match self {
            Book::KafkaJs(Side::Producer) => [JS_PRODUCER, JS_BOTH],
            Book::KafkaJs(Side::Consumer) => [JS_CONSUMER, JS_BOTH],
            Book::Librdkafka(Side::Producer) => [RD_PRODUCER, RD_BOTH],
            Book::Librdkafka(Side::Consumer) => [RD_CONSUMER, RD_BOTH],
            Book::Kafka(..) => [&[], &[]],
        }
    }

    fn option(self, name: &str) -> Option<Is> {
        let mut all = self.options().into_iter().flatten();
        all.find(|(known, _)| *known == name).map(|(_, is)| *is)
    }

    /// The name that counts where there are several.
    fn canonical(self, name: &str) -> &str {
        let aliases: &'static [(&str, &str)] =
            if matches!(self, Book::Librdkafka(_)) { RD_ALIASES } else { &[] };
        aliases.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name)
    }

    fn noun(self) -> String {
        match self {
            Book::Kafka(owner, version) => format!("a {} of Kafka {version}", owner.name()),
            Book::KafkaJs(Side::Producer) => "a producer of KafkaJS".into(),
            Book::KafkaJs(Side::Consumer) => "a consumer of KafkaJS".into(),
            Book::Librdkafka(Side::Producer) => "a producer of librdkafka".into(),
            Book::Librdkafka(Side::Consumer) => "a consumer of librdkafka".into(),
        }
    }
}

/// Settings that were written down, by name.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    book: Book,
    given: BTreeMap<String, String>,
}

impl Settings {
    /// What a `config` table says; nothing without one.
    pub(super) fn of(book: Book, table: Option<&Tree>) -> Settings {
        let entries = table.into_iter().flat_map(|table| &table.entries);
        let given = entries.filter_map(|(name, entry)| {
            Some((book.canonical(name).to_owned(), text(name, entry)?))
        });
        Settings { book, given: given.collect() }
    }

    /// All that was written down.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.given.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What was written down.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// What holds: what was written down, or Kafka's default; `None` when that is nothing.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        if let Some(given) = self.given(name) {
            return Some(given);
        }
        let Book::Kafka(owner, version) = self.book else { return None };
        match settings::find(owner, name, version).ok()?.default {
            DefaultValue::Value(value) => Some(value),
            DefaultValue::Null | DefaultValue::Required => None,
        }
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.trim().parse().ok()
    }

    /// A whole number in the range of `T`, or else `otherwise`.
    pub(super) fn whole<T: TryFrom<i64>>(&self, name: &str, otherwise: T) -> T {
        self.number(name).and_then(|n| T::try_from(n).ok()).unwrap_or(otherwise)
    }

    /// A number of milliseconds; `None` when it says nothing, is negative (which Kafka takes for
    /// without a limit), or longer than any run.
    pub(super) fn span(&self, name: &str) -> Option<Span> {
        let millis = u64::try_from(self.number(name)?).ok()?;
        (millis <= super::keys::LONGEST.as_millis()).then(|| Span::from_millis(millis))
    }

    /// True or false.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)?.trim() {
            text if text.eq_ignore_ascii_case("true") => Some(true),
            text if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// The items of a list.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let text = self.get(name).unwrap_or_default().trim_matches(['[', ']']);
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }
}

/// A value as a properties file would write it. Durations of milliseconds may carry a unit.
fn text(name: &str, entry: &Entry) -> Option<String> {
    let Datum::Amqp(value) = &entry.value else { return entry.as_text().map(str::to_owned) };
    fn plain(value: &Value) -> Option<String> {
        Some(match value {
            Value::Text(text) => text.to_string(),
            Value::Int(n) => n.to_string(),
            Value::Bool(yes) => yes.to_string(),
            Value::Double(bits) => f64::from_bits(*bits).to_string(),
            Value::List(items) => items.iter().map(plain).collect::<Option<Vec<_>>>()?.join(","),
            Value::Void | Value::Timestamp(_) | Value::Table(_) => return None,
        })
    }
    let text = plain(value)?;
    let in_millis =
        name.ends_with(".ms") || name.ends_with("Timeout") || name.ends_with("Interval");
    match text.parse::<Span>() {
        Ok(span) if in_millis && text.parse::<i64>().is_err() => Some(span.as_millis().to_string()),
        _ => Some(text),
    }
}

/// Reports what a `config` table says that its owner does not know or does not take.
pub(super) fn check(book: Book, table: &Tree, problems: &mut Problems) {
    for (name, spot) in &table.keys {
        let Some(entry) = table.entry(name) else { continue };
        let Some(value) = text(name, entry) else {
            let title = format!("`{name}` is a text, a number, true, false or a list of them");
            problems
                .push(Problem::error(&entry.spot, title).help("write what a properties file says"));
            continue;
        };
        match book {
            Book::Kafka(owner, version) => match settings::find(owner, name, version) {
                Ok(setting) => {
                    if let Err(refused) = setting.check(&value) {
                        let title = format!("{} takes no `{value}` for `{name}`", book.noun());
                        problems.push(Problem::error(&entry.spot, title).help(refused.why));
                    }
                }
                Err(unknown) => problems.push(missing(book, name, spot, &unknown)),
            },
            Book::KafkaJs(_) | Book::Librdkafka(_) => {
                option(book, name, &value, spot, entry, problems);
            }
        }
    }
}

fn missing(book: Book, name: &str, spot: &super::Spot, unknown: &Unknown) -> Problem {
    let Book::Kafka(owner, version) = book else { unreachable!("only Kafka's own tables say why") };
    match unknown {
        Unknown::Nowhere => {
            let title = format!("{} has no setting `{name}`", book.noun());
            let problem = Problem::error(spot, title);
            match nearest(name, settings::all(owner, version).map(|setting| setting.name)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("leave it out"),
            }
        }
        // a file of settings is often shared by versions: it has no effect, and does no harm
        Unknown::TooEarly { .. } | Unknown::Removed { .. } => {
            let title = format!("`{name}` has no effect: {unknown}");
            Problem::warning(spot, title).help("leave it out, or choose another `profile`")
        }
        Unknown::Elsewhere { .. } => {
            let title = format!("{} has no setting `{name}`", book.noun());
            Problem::error(spot, title).help(unknown.to_string())
        }
    }
}

fn option(
    book: Book,
    name: &str,
    value: &str,
    spot: &super::Spot,
    entry: &Entry,
    problems: &mut Problems,
) {
    let known = book.canonical(name);
    let Some(is) = book.option(known) else {
        let ignored =
            JS_IGNORED.iter().find(|(it, _)| matches!(book, Book::KafkaJs(_)) && *it == name);
        problems.push(match ignored {
            Some((_, why)) => {
                let title = format!("KafkaJS ignores `{name}`: {why}");
                Problem::warning(spot, title).help("leave it out")
            }
            None => {
                let title = format!("{} has no option `{name}`", book.noun());
                let names = book.options().into_iter().flatten().map(|(known, _)| *known);
                let problem = Problem::error(spot, title);
                match nearest(name, names) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("leave it out"),
                }
            }
        });
        return;
    };
    let wrong = match is {
        Is::Number(least) => match value.parse::<i64>() {
            Ok(n) if n >= least => None,
            Ok(_) => Some(format!("the least is {least}")),
            Err(_) => Some("it is a whole number".to_owned()),
        },
        Is::Flag if value == "true" || value == "false" => None,
        Is::Flag => Some("it is true or false".to_owned()),
        Is::OneOf(words) if words.split('|').any(|word| word == value) => None,
        Is::OneOf(words) => {
            let words: Vec<&str> = words.split('|').collect();
            Some(format!("it is {}", super::problem::either(words.iter().copied())))
        }
        Is::Text => None,
    };
    if let Some(why) = wrong {
        let title = format!("{} takes no `{value}` for `{name}`", book.noun());
        problems.push(Problem::error(&entry.spot, title).help(why));
    }
}
