//! A document that was read against the tables of keys: every value is of the kind that its key
//! asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::{Dist, Span};
use crate::talk::{Headers, Rate, Value};

use super::keys::{Need, Shape, Table};
use super::kind::Datum;
use super::problem::{Problem, Problems, Source, Spot, nearest};
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
    /// Keys that it has and nobody knows.
    pub unknown: Vec<String>,
}

/// Reads `raw`, a table, against `table`.
pub fn read(table: &'static Table, raw: &Raw, problems: &mut Problems) -> Tree {
    let mut tree = Tree {
        table: table.name,
        entries: BTreeMap::new(),
        keys: Vec::new(),
        spot: raw.spot.clone(),
        unknown: Vec::new(),
    };
    let flat = table.flat.then(|| raw::flattened(raw));
    for field in flat.as_deref().unwrap_or(raw.fields()) {
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
                    tree.unknown.push(field.key.clone());
                    continue;
                }
            },
        };
        tree.keys.push((field.key.clone(), field.spot.clone()));
        if let Some(value) = kind.read(&field.value, &field.key, problems) {
            let must = table.key(&field.key).is_some_and(|key| key.need == Need::Must);
            if must && matches!(&value, Datum::List(items) if items.is_empty()) {
                let title = format!("`{}` is an empty list", field.key);
                let help = format!("write for example [{}]", kind.example(&field.key));
                problems.push(Problem::error(&field.value.spot, title).help(help));
                continue;
            }
            let entry = Entry { value, spot: field.value.spot.clone(), given: true };
            tree.entries.insert(field.key.clone(), entry);
        }
    }
    if table.shape == Shape::One && raw.fields().len() != 1 {
        let known = table.keys.iter().map(|key| key.name);
        let title = format!("a `{}` table has exactly one key", last(table.name));
        problems.push(
            Problem::error(&tree.spot, title)
                .help(format!("choose one of {}", known.collect::<Vec<_>>().join(", "))),
        );
    }
    missing(table, &mut tree, problems);
    tree
}

/// The last part of the name of a table.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// Reports what must be there and is not, and fills in the defaults. What is there and could not be
/// read counts as the default too, so that nothing else seems wrong because of it.
fn missing(table: &'static Table, tree: &mut Tree, problems: &mut Problems) {
    for key in table.keys {
        if tree.entries.contains_key(key.name) {
            continue;
        }
        match key.need {
            Need::Must if tree.says(key.name) || tree.means(table, key.name) => {}
            Need::Must => {
                let title = format!("{} has no `{}`", table.noun, key.name);
                let help =
                    format!("write {} = {}   # {}", key.name, key.kind.example(key.name), key.doc);
                problems.push(Problem::error(&tree.spot, title).help(help).unless_hidden(key.name));
            }
            Need::May => {}
            Need::Else(default) => {
                let source = Arc::new(Source::of_file("default", default));
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
    let problem = Problem::error(&field.spot, title)
        .label("not a key of this table")
        .hides(field.value.texts());
    problem.help(match meant(table, &field.key) {
        Some(Meant::Alias(mend)) => mend.to_owned(),
        Some(Meant::Key(near)) => format!("did you mean `{near}`?"),
        None => {
            let known: Vec<_> = table.keys.iter().map(|key| key.name).collect();
            format!("its keys are {}", known.join(", "))
        }
    })
}

/// What somebody probably meant by an unknown key.
pub(super) enum Meant {
    /// What to tell whoever writes this word.
    Alias(&'static str),
    /// A key with nearly the same name.
    Key(&'static str),
}

/// What somebody probably meant by the unknown key `word`.
pub(super) fn meant(table: &'static Table, word: &str) -> Option<Meant> {
    let alias = table.aliases.iter().find(|(wrong, _)| *wrong == word);
    let alias = alias.map(|(_, mend)| Meant::Alias(mend));
    alias.or_else(|| nearest(word, table.keys.iter().map(|key| key.name)).map(Meant::Key))
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

    /// Whether the file has this key, even if its value could not be read.
    pub fn says(&self, key: &str) -> bool {
        self.keys.iter().any(|(name, _)| name == key)
    }

    /// Whether one of its unknown keys was probably meant to be this one.
    fn means(&self, table: &'static Table, key: &str) -> bool {
        self.unknown.iter().any(|word| match meant(table, word) {
            Some(Meant::Alias(mend)) => mend.contains(key),
            Some(Meant::Key(near)) => near == key,
            None => false,
        })
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
