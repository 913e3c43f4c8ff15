//! What the value of a key may be, and how a raw value becomes one.

use crate::kernel::{Dist, Span};
use crate::talk::{Rate, Value};

use super::keys::Table;
use super::problem::{Problem, Problems, either};
use super::raw::{Raw, RawValue};
use super::tree::{self, Tree};
use super::value::{
    Wrong, amqp, choice, dist, in_range, in_span, percent, rate_dist, read_items, read_list, span,
};

/// What a value may be. The doc sentence of a [`super::keys::Key`] says what it is for.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// The name of a thing that is declared here. It may not be empty.
    Name,
    /// The name of a thing that is declared elsewhere.
    Ref(Space),
    /// True or false.
    Bool,
    /// A whole number in a range, both ends included.
    Whole(i64, i64),
    /// A duration with its unit, in a range, both ends included.
    Span(Span, Span),
    /// A duration that the real system writes as a bare number of this unit. Here it may also
    /// carry a unit, when `quoted` is set.
    Bare {
        /// What a bare number counts.
        unit: Unit,
        /// The smallest number.
        least: i64,
        /// The largest number.
        most: i64,
        /// Whether a text such as "60s" is accepted as well.
        quoted: bool,
    },
    /// A duration or a distribution of durations.
    Dist,
    /// How many per unit of time, such as "50/s": the gap between two.
    Rate,
    /// A probability, such as "5%".
    Chance,
    /// A part of the usual, such as "300%"; kept in whole percent.
    Percent,
    /// One of some words.
    Choice(&'static [Word]),
    /// A list.
    List(&'static Kind),
    /// One value, or a list of them.
    Some(&'static Kind),
    /// A table.
    Table(&'static Table),
    /// Several tables: `[[name]]`.
    Tables(&'static Table),
    /// One of several kinds: the first that fits.
    Either(&'static [Kind]),
    /// Any value of an AMQP table.
    Amqp,
}

/// A word of a [`Kind::Choice`], and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    /// The word.
    pub word: &'static str,
    /// What it means.
    pub doc: &'static str,
}

/// What a name is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// `[[rabbitmq.queue]]`
    Queue,
    /// `[[rabbitmq.exchange]]`; the empty name is the default exchange.
    Exchange,
    /// Either of the two.
    QueueOrExchange,
    /// `[[service]]`
    Service,
    /// A participant: a broker, a producer, a consumer (with its instances) or a service.
    Node,
    /// A broker.
    Broker,
    /// A producer or a consumer.
    Client,
    /// `[[consumer]]` or `[[kafka.consumer]]`, by the name of the entry.
    Consumer,
    /// `[[kafka.topic]]`
    Topic,
    /// A controller of the Kafka cluster.
    Controller,
}

impl Space {
    /// As messages call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Space::Queue => "queue",
            Space::Exchange => "exchange",
            Space::QueueOrExchange => "queue or exchange",
            Space::Service => "service",
            Space::Node => "participant",
            Space::Broker => "broker",
            Space::Client => "producer or consumer",
            Space::Consumer => "consumer",
            Space::Topic => "topic",
            Space::Controller => "controller",
        }
    }
}

impl Space {
    /// As messages call it, with its article.
    pub fn one(self) -> String {
        let noun = self.noun();
        let article = if noun.starts_with('e') { "an" } else { "a" };
        format!("{article} {noun}")
    }

    /// A name that examples use.
    const fn example(self) -> &'static str {
        match self {
            Space::Queue | Space::QueueOrExchange => "orders",
            Space::Exchange => "events",
            Space::Service => "charge",
            Space::Node | Space::Client | Space::Consumer => "worker",
            Space::Broker => "rabbit",
            Space::Topic => "orders",
            Space::Controller => "controller",
        }
    }
}

/// The unit of a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the units")]
pub enum Unit {
    Milliseconds,
    Seconds,
}

impl Unit {
    /// As messages call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Unit::Milliseconds => "milliseconds",
            Unit::Seconds => "seconds",
        }
    }

    /// So many of them. Negative ones do not exist.
    pub const fn span(self, n: i64) -> Span {
        match self {
            Unit::Milliseconds => Span::from_millis(n.unsigned_abs()),
            Unit::Seconds => Span::from_secs(n.unsigned_abs()),
        }
    }

    const fn of(self, span: Span) -> u64 {
        match self {
            Unit::Milliseconds => span.as_millis(),
            Unit::Seconds => span.as_millis() / 1_000,
        }
    }
}

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// [`Kind::Text`], [`Kind::Name`], [`Kind::Ref`].
    Text(String),
    /// [`Kind::Bool`].
    Bool(bool),
    /// [`Kind::Whole`], and [`Kind::Percent`] in percent.
    Whole(i64),
    /// [`Kind::Chance`].
    Chance(Rate),
    /// [`Kind::Span`] and [`Kind::Bare`].
    Span(Span),
    /// [`Kind::Dist`], and the gaps of a [`Kind::Rate`].
    Dist(Dist),
    /// [`Kind::Choice`].
    Word(&'static str),
    /// [`Kind::List`] and [`Kind::Tables`].
    List(Vec<tree::Entry>),
    /// [`Kind::Table`].
    Table(Tree),
    /// [`Kind::Amqp`].
    Amqp(Value),
}

impl Kind {
    /// What a value of this kind is, with its article and an example where one helps.
    pub fn noun(&self) -> String {
        match self {
            Kind::Text => "a text".into(),
            Kind::Name => "a name".into(),
            Kind::Ref(space) => format!("the name of {}", space.one()),
            Kind::Bool => "true or false".into(),
            Kind::Whole(..) => "a whole number".into(),
            Kind::Span(..) => "a duration such as \"20ms\"".into(),
            Kind::Bare { unit, .. } => format!("a whole number of {}", unit.noun()),
            Kind::Dist => {
                "a duration such as \"20ms\", or { exponential = \"20ms\" }, or { uniform = [\"1ms\", \"5ms\"] }".into()
            }
            Kind::Rate => "a rate such as \"50/s\", or { poisson = \"50/s\" }".into(),
            Kind::Chance => "a percentage such as \"5%\"".into(),
            Kind::Percent => "a percentage such as \"300%\"".into(),
            Kind::Choice(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("\"{}\"", word.word)).collect();
                either(words.iter().map(String::as_str))
            }
            Kind::List(kind) => format!("a list, each item {}", kind.noun()),
            Kind::Some(kind) => format!("{}, or a list of them", kind.noun()),
            Kind::Table(_) => "a table".into(),
            Kind::Tables(table) => format!("tables: [[{}]]", table.name),
            Kind::Either(kinds) => {
                let nouns: Vec<_> = kinds.iter().map(Kind::noun).collect();
                either(nouns.iter().map(String::as_str))
            }
            Kind::Amqp => "a text, a number, true or false, a list or a table".into(),
        }
    }

    /// A value of this kind as a file would say it, for the key `key`.
    pub fn example(&self, key: &str) -> String {
        match self {
            Kind::Text | Kind::Amqp => "\"…\"".into(),
            Kind::Name if key == "title" => "\"What it shows\"".into(),
            Kind::Name => "\"orders\"".into(),
            Kind::Ref(space) => format!("\"{}\"", space.example()),
            Kind::Bool => "true".into(),
            Kind::Whole(least, most) | Kind::Bare { least, most, .. } => {
                (*least).max(100).min(*most).to_string()
            }
            Kind::Span(least, most) => {
                format!("\"{}\"", Span::from_secs(10).clamp(*least, *most))
            }
            Kind::Dist => "\"20ms\"".into(),
            Kind::Rate => "\"50/s\"".into(),
            Kind::Chance => "\"5%\"".into(),
            Kind::Percent => "\"300%\"".into(),
            Kind::Choice(words) => {
                words.first().map_or_else(String::new, |word| format!("\"{}\"", word.word))
            }
            Kind::List(kind) => format!("[{}]", kind.example(key)),
            Kind::Some(kind) => kind.example(key),
            Kind::Table(table) => table.example(),
            Kind::Tables(table) => format!("[{}]", table.example()),
            Kind::Either(kinds) => kinds.first().map_or_else(String::new, |kind| kind.example(key)),
        }
    }

    /// Whether a raw value has the right shape, whatever it says.
    fn fits(&self, raw: &RawValue) -> bool {
        use RawValue as R;
        match self {
            Kind::Text
            | Kind::Name
            | Kind::Ref(_)
            | Kind::Choice(_)
            | Kind::Span(..)
            | Kind::Chance
            | Kind::Percent => matches!(raw, R::Text(_)),
            Kind::Bool => matches!(raw, R::Bool(_)),
            Kind::Whole(..) => matches!(raw, R::Whole(_)),
            Kind::Bare { quoted, .. } => {
                matches!(raw, R::Whole(_)) || (*quoted && matches!(raw, R::Text(_)))
            }
            Kind::Dist | Kind::Rate => matches!(raw, R::Text(_) | R::Table(_)),
            Kind::List(_) => matches!(raw, R::List(_)),
            Kind::Some(kind) => matches!(raw, R::List(_)) || kind.fits(raw),
            Kind::Table(_) => matches!(raw, R::Table(_)),
            Kind::Tables(_) => matches!(raw, R::Tables(_) | R::List(_)),
            Kind::Either(kinds) => kinds.iter().any(|kind| kind.fits(raw)),
            Kind::Amqp => true,
        }
    }

    /// Reads a raw value. `None` when it is wrong, and then `problems` says why.
    pub fn read(&self, raw: &Raw, key: &str, problems: &mut Problems) -> Option<Datum> {
        if !self.fits(&raw.value) {
            problems.push(self.wrong_type(raw, key));
            return None;
        }
        match self {
            Kind::Either(kinds) => {
                let kind = kinds.iter().find(|kind| kind.fits(&raw.value));
                kind.and_then(|kind| kind.read(raw, key, problems))
            }
            Kind::List(kind) => read_list(kind, raw, key, problems),
            Kind::Some(kind) if matches!(raw.value, RawValue::List(_)) => {
                read_list(kind, raw, key, problems)
            }
            Kind::Some(kind) => {
                let value = kind.read(raw, key, problems)?;
                Some(Datum::List(vec![tree::Entry { value, spot: raw.spot.clone(), given: true }]))
            }
            Kind::Table(table) => Some(Datum::Table(tree::read(table, raw, problems))),
            Kind::Tables(table) => match &raw.value {
                RawValue::Tables(items) | RawValue::List(items) => {
                    read_items(&Kind::Table(table), items, key, problems)
                }
                _ => None,
            },
            Kind::Amqp => amqp(raw, problems).map(Datum::Amqp),
            _ => self.read_single(raw, key, problems),
        }
    }

    fn read_single(&self, raw: &Raw, key: &str, problems: &mut Problems) -> Option<Datum> {
        let read = match (self, &raw.value) {
            // reports print names and texts, and a terminal obeys what it is sent
            (Kind::Name, RawValue::Text(text)) if text.chars().any(char::is_control) => {
                Err(Wrong::new("a name may not have control characters or line ends"))
            }
            (Kind::Text | Kind::Ref(_), RawValue::Text(text))
                if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) =>
            {
                Err(Wrong::new("a text may not have control characters"))
            }
            (Kind::Text | Kind::Ref(_), RawValue::Text(text)) => Ok(Datum::Text(text.clone())),
            (Kind::Name, RawValue::Text(text)) if text.trim().is_empty() => {
                Err(Wrong::new("a name may not be empty"))
            }
            (Kind::Name, RawValue::Text(text)) => Ok(Datum::Text(text.clone())),
            (Kind::Bool, RawValue::Bool(yes)) => Ok(Datum::Bool(*yes)),
            (Kind::Whole(least, most), RawValue::Whole(n)) => {
                in_range(*n, *least, *most, key).map(Datum::Whole)
            }
            (Kind::Span(least, most), RawValue::Text(text)) => {
                span(text).and_then(|span| in_span(span, *least, *most, key)).map(Datum::Span)
            }
            (Kind::Bare { unit, least, most, .. }, RawValue::Whole(n)) => {
                in_range(*n, *least, *most, key).map(|n| Datum::Span(unit.span(n)))
            }
            (Kind::Bare { unit, least, most, .. }, RawValue::Text(text)) => span(text)
                .and_then(|span| in_span(span, unit.span((*least).max(0)), unit.span(*most), key))
                .map(Datum::Span),
            (Kind::Dist, _) => dist(raw, key).map(Datum::Dist),
            (Kind::Rate, _) => rate_dist(raw).map(Datum::Dist),
            (Kind::Chance, RawValue::Text(text)) => text.parse().map(Datum::Chance).map_err(|_| {
                Wrong::new(format!("`{key}` is a percentage from 0% to 100%, such as \"5%\""))
            }),
            (Kind::Percent, RawValue::Text(text)) => percent(text, key).map(Datum::Whole),
            (Kind::Choice(words), RawValue::Text(text)) => choice(words, text, key),
            _ => return None, // `fits` has ruled it out
        };
        match read {
            Ok(datum) => Some(datum),
            Err(wrong) => {
                let usual = || format!("write for example {}", self.example(key));
                problems.push(wrong.at(raw, usual).hides(self.hidden_by(raw)));
                None
            }
        }
    }

    /// The names that nobody knows of when this value cannot be read.
    fn hidden_by(&self, raw: &Raw) -> Vec<String> {
        let mut names = raw.texts();
        if matches!(self, Kind::Name | Kind::Tables(_)) {
            names.push(Problem::ANY_NAME.to_owned());
        }
        names
    }

    fn wrong_type(&self, raw: &Raw, key: &str) -> Problem {
        let title = format!("`{key}` is {}, but must be {}", raw.kind(), self.noun());
        let problem = Problem::error(&raw.spot, title).hides(self.hidden_by(raw));
        let usual = || format!("write for example {}", self.example(key));
        match (self, &raw.value) {
            (_, RawValue::Text(text)) if text.is_empty() && !raw.is_quoted() => {
                problem.label("nothing stands here").help(usual())
            }
            (Kind::Span(..) | Kind::Dist, RawValue::Whole(n)) => problem
                .label("a number without a unit")
                .help(format!("durations carry their unit: write \"{n}ms\" or \"{n}s\"")),
            (Kind::Rate, RawValue::Whole(n)) => {
                problem.label("a number without a unit").help(format!("write \"{n}/s\""))
            }
            (Kind::Bare { unit, .. }, RawValue::Text(text)) => {
                let problem = problem.label("RabbitMQ takes only a bare number here");
                match text.parse::<Span>() {
                    Ok(span) => problem.help(format!("write {}", unit.of(span))),
                    Err(_) => problem.help(usual()),
                }
            }
            (Kind::Tables(table), RawValue::Table(_)) => problem
                .help(format!("there can be several: write [[{0}]] in place of [{0}]", table.name)),
            (Kind::Table(table), RawValue::Tables(_)) => problem
                .help(format!("there is only one: write [{0}] in place of [[{0}]]", table.name)),
            (Kind::Chance, RawValue::Float(x)) if (0.0..=1.0).contains(x) => {
                problem.help(format!("write \"{}%\"", x * 100.0))
            }
            (Kind::Chance | Kind::Percent, RawValue::Whole(n)) => {
                problem.help(format!("write \"{n}%\""))
            }
            (Kind::Bool, RawValue::Text(text)) if text == "true" || text == "false" => {
                problem.help(format!("write {text} without quotes"))
            }
            (Kind::Whole(..), RawValue::Text(text)) if text.parse::<i64>().is_ok() => {
                problem.help(format!("write {text} without quotes"))
            }
            (Kind::Text | Kind::Name | Kind::Ref(_), RawValue::Whole(n)) => {
                problem.help(format!("texts stand in quotes: \"{n}\""))
            }
            _ => problem.help(usual()),
        }
    }
}
