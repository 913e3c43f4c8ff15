//! A document that was read against the tables of keys: every value is of the kind that its key
//! asks for.

use std::collections::BTreeMap;

use crate::kernel::{Dist, Span};
use crate::talk::{Headers, Rate, Value};

use super::keys::{Need, Shape, Table};
use super::kind::Datum;
use super::problem::{Problem, Problems, Spot, either, nearest};
use super::raw::{self, Field, Raw, RawValue};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The value.
    pub value: Datum,
    /// Where it stands; where its table stands, when the file does not say it.
    pub spot: Spot,
    /// Whether the file (or an option) says it. Otherwise it is the default.
    pub given: bool,
}

/// A table that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// What its keys mean.
    pub table: &'static str,
    /// Its values by key.
    pub entries: BTreeMap<String, Entry>,
    /// Where its keys stand, in the order of the file.
    pub keys: Vec<(String, Spot)>,
    /// Where it stands.
    pub spot: Spot,
}

/// Reads `raw`, a table, against `table`.
pub fn read(table: &'static Table, raw: &Raw, problems: &mut Problems) -> Tree {
    let mut tree = Tree {
        table: table.name,
        entries: BTreeMap::new(),
        keys: Vec::new(),
        spot: raw.spot.clone(),
    };
    for field in raw.fields() {
        let kind = match table.key(&field.key) {
            Some(key) => &key.kind,
            None => match &table.rest {
                Some(rest) => {
                    if let Some(near) = nearest(&field.key, table.keys.iter().map(|key| key.name)) {
                        let title = format!("`{}` is no known key of {}", field.key, table.noun);
                        let help = format!("did you mean `{near}`?");
                        problems.push(Problem::warning(&field.spot, title).help(help));
                    }
                    &rest.kind
                }
                None => {
                    problems.push(unknown(table, field));
                    continue;
                }
            },
        };
        tree.keys.push((field.key.clone(), field.spot.clone()));
        if let Some(value) = kind.read(&field.value, &field.key, problems) {
            let entry = Entry { value, spot: field.value.spot.clone(), given: true };
            tree.entries.insert(field.key.clone(), entry);
        }
    }
    missing(table, &mut tree, problems);
    tree
}

/// Reports what must be there and is not, and fills in the defaults.
fn missing(table: &'static Table, tree: &mut Tree, problems: &mut Problems) {
    if table.shape == Shape::One && tree.keys.len() != 1 {
        let known = either(table.keys.iter().map(|key| key.name));
        let title = format!("a `{}` table has exactly one key: {known}", table.name);
        problems.push(Problem::error(&tree.spot, title).consequence());
    }
    for key in table.keys {
        if tree.keys.iter().any(|(name, _)| name == key.name) {
            continue;
        }
        match key.need {
            Need::Must => {
                let title = format!("{} has no `{}`", table.noun, key.name);
                let help = format!("`{}` is {}: {}", key.name, key.kind.noun(), key.doc);
                problems.push(Problem::error(&tree.spot, title).help(help).consequence());
            }
            Need::May => {}
            Need::Else(default) => {
                let source = std::sync::Arc::new(super::problem::Source {
                    name: "default".to_owned(),
                    text: default.to_owned(),
                });
                let raw = raw::parse_value(&source, 0..default.len());
                if let Some(value) = key.kind.read(&raw, key.name, problems) {
                    let entry = Entry { value, spot: tree.spot.clone(), given: false };
                    tree.entries.insert(key.name.to_owned(), entry);
                }
            }
        }
    }
}

fn unknown(table: &'static Table, field: &Field) -> Problem {
    let title = format!("unknown key `{}` in {}", field.key, table.noun);
    let problem = Problem::error(&field.spot, title).label("not a key of this table");
    let known = || table.keys.iter().map(|key| key.name);
    let alias = table.aliases.iter().find(|(word, _)| *word == field.key);
    if let Some((_, mend)) = alias {
        return problem.help(*mend);
    }
    match nearest(&field.key, known()) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help(format!("its keys are {}", known().collect::<Vec<_>>().join(", "))),
    }
}

impl Tree {
    /// The entry of a key, if the file says it or there is a default.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Whether the file says this key.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|entry| entry.given)
    }

    /// Where a value stands; where the table stands, when the file does not say it.
    pub fn spot_of(&self, key: &str) -> &Spot {
        self.entry(key).map_or(&self.spot, |entry| &entry.spot)
    }

    /// Where a key stands; where the table stands, when the file does not say it.
    pub fn key_spot(&self, key: &str) -> &Spot {
        self.keys.iter().find(|(name, _)| name == key).map_or(&self.spot, |(_, spot)| spot)
    }

    /// A text or a word.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.entry(key)?.as_text()
    }

    /// Its `name`; empty when it has none.
    pub fn name(&self) -> &str {
        self.text("name").unwrap_or_default()
    }

    /// True only when the value is true.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.entry(key), Some(Entry { value: Datum::Bool(true), .. }))
    }

    /// A whole number.
    pub fn whole(&self, key: &str) -> Option<i64> {
        self.entry(key)?.as_whole()
    }

    /// A whole number that the key's range keeps inside of `T`; the default of `T` when there is
    /// none.
    pub fn number<T: TryFrom<i64> + Default>(&self, key: &str) -> T {
        self.whole(key).and_then(|n| T::try_from(n).ok()).unwrap_or_default()
    }

    /// A probability.
    pub fn chance(&self, key: &str) -> Option<Rate> {
        match self.entry(key)?.value {
            Datum::Chance(rate) => Some(rate),
            _ => None,
        }
    }

    /// A duration.
    pub fn span(&self, key: &str) -> Option<Span> {
        match self.entry(key)?.value {
            Datum::Span(span) => Some(span),
            _ => None,
        }
    }

    /// A distribution of durations.
    pub fn dist(&self, key: &str) -> Option<Dist> {
        match self.entry(key)?.value {
            Datum::Dist(dist) => Some(dist),
            _ => None,
        }
    }

    /// The items of a list; none when there is no list.
    pub fn list(&self, key: &str) -> &[Entry] {
        match self.entry(key).map(|entry| &entry.value) {
            Some(Datum::List(items)) => items,
            _ => &[],
        }
    }

    /// The tables `[[key]]`.
    pub fn tables(&self, key: &str) -> impl Iterator<Item = &Tree> + Clone {
        self.list(key).iter().filter_map(Entry::as_table)
    }

    /// A table.
    pub fn table(&self, key: &str) -> Option<&Tree> {
        self.entry(key)?.as_table()
    }

    /// All values as an AMQP table.
    pub fn headers(&self) -> Headers {
        let pairs = self.entries.iter().filter_map(|(key, entry)| {
            let value = match &entry.value {
                Datum::Amqp(value) => value.clone(),
                Datum::Text(text) => Value::from(text.as_str()),
                Datum::Word(word) => Value::from(*word),
                Datum::Whole(n) => Value::Int(*n),
                Datum::Bool(yes) => Value::Bool(*yes),
                // the only durations among arguments are bare numbers of milliseconds
                Datum::Span(span) => Value::Int(i64::try_from(span.as_millis()).ok()?),
                Datum::Chance(_) | Datum::Dist(_) | Datum::List(_) | Datum::Table(_) => {
                    return None;
                }
            };
            Some((key.as_str().into(), value))
        });
        pairs.collect()
    }
}

impl Entry {
    /// The text or the word, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Datum::Text(text) => Some(text),
            Datum::Word(word) => Some(word),
            Datum::Amqp(Value::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The items, if it is a list; otherwise itself.
    pub fn items(&self) -> std::slice::Iter<'_, Entry> {
        match &self.value {
            Datum::List(items) => items.iter(),
            _ => std::slice::from_ref(self).iter(),
        }
    }

    /// The whole number, if it is one.
    pub fn as_whole(&self) -> Option<i64> {
        match self.value {
            Datum::Whole(n) => Some(n),
            _ => None,
        }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Tree> {
        match &self.value {
            Datum::Table(tree) => Some(tree),
            _ => None,
        }
    }
}

/// The raw table with nothing in it.
pub fn nothing(spot: Spot) -> Raw {
    Raw { value: RawValue::Table(Vec::new()), spot }
}
