//! The values of a document with the places where they stand, before anybody asks what they mean.

use std::ops::Range;
use std::sync::Arc;

use toml_edit::{Document, Item, TableLike, Value};

use super::problem::{Problem, Problems, Source, Spot};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Raw {
    /// What.
    pub value: RawValue,
    /// Where: the value itself, or the header of a table.
    pub spot: Spot,
}

/// A value as TOML knows them.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the names are TOML's")]
pub enum RawValue {
    Text(String),
    Whole(i64),
    Float(f64),
    Bool(bool),
    Datetime(String),
    List(Vec<Raw>),
    /// `[[name]]`
    Tables(Vec<Raw>),
    Table(Vec<Field>),
}

/// A key, where it stands, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub spot: Spot,
    /// Its value.
    pub value: Raw,
}

impl Raw {
    /// What kind of value it is, with its article.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            RawValue::Text(_) => "a text",
            RawValue::Whole(_) => "a whole number",
            RawValue::Float(_) => "a number with a fraction",
            RawValue::Bool(_) => "true or false",
            RawValue::Datetime(_) => "a date",
            RawValue::List(_) => "a list",
            RawValue::Tables(_) => "a list of tables",
            RawValue::Table(_) => "a table",
        }
    }

    /// The fields, if it is a table.
    pub fn fields(&self) -> &[Field] {
        match &self.value {
            RawValue::Table(fields) => fields,
            _ => &[],
        }
    }

    /// The value of a key, if it is a table that has it.
    pub fn get(&self, key: &str) -> Option<&Raw> {
        self.fields().iter().find(|field| field.key == key).map(|field| &field.value)
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            RawValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// At most so many mistakes in the writing of TOML are reported.
const MISTAKES: usize = 20;

/// Reads a TOML text. A line that is not TOML is reported and then left out, so that the others are
/// read all the same. The second result says whether nothing had to be left out.
pub fn parse(source: &Arc<Source>, problems: &mut Problems) -> (Raw, bool) {
    let mut text = source.text.clone();
    for mistake in 0..=MISTAKES {
        match Document::parse(text.as_str()) {
            Ok(document) => {
                let reader = Reader { source };
                let spot = Spot::new(source, 0..0);
                let raw = reader.table(document.as_table(), spot);
                return (raw, mistake == 0);
            }
            Err(error) => {
                let range = error.span().unwrap_or(0..0);
                let title = error.message().lines().next().unwrap_or_default().to_owned();
                let spot = Spot::new(source, range.clone());
                problems
                    .push(mend(Problem::error(&spot, format!("this is not TOML: {title}")), &spot));
                if !blank_line(&mut text, range.start) {
                    break;
                }
            }
        }
    }
    (Raw { value: RawValue::Table(Vec::new()), spot: Spot::new(source, 0..0) }, false)
}

/// Says what the author may have meant, where the parser's words alone do not.
fn mend(problem: Problem, spot: &Spot) -> Problem {
    let (line, _) = spot.line_column();
    let line = spot.source.text.lines().nth(line - 1).unwrap_or_default();
    let value = line.split_once('=').map(|(_, value)| value.trim()).unwrap_or_default();
    let bare = value.starts_with(|c: char| c.is_ascii_alphanumeric()) && !value.contains('"');
    if problem.title.contains("duplicate key") {
        problem.help("a key may stand in a table only once")
    } else if bare && value != "true" && value != "false" {
        let value = value.split('#').next().unwrap_or_default().trim();
        problem.help(format!("texts and durations stand in quotes: \"{value}\""))
    } else {
        problem
    }
}

/// Replaces the line at `at` by blanks, so that all other places stay what they are. False when
/// it was blank already.
fn blank_line(text: &mut String, at: usize) -> bool {
    let mut at = at.min(text.len());
    // an error at the very end of a line belongs to that line, and one at the end of the file to
    // the last line that says something
    if at == text.len() {
        at = text.trim_end().len().saturating_sub(1);
    }
    let bytes = text.as_bytes();
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| at + n);
    if text[start..end].trim().is_empty() {
        return false;
    }
    let blanks = " ".repeat(end - start);
    text.replace_range(start..end, &blanks);
    true
}

/// Reads the value of a `--set` option: a TOML value, or else a text without its quotes.
pub fn parse_value(source: &Arc<Source>, range: Range<usize>) -> Raw {
    let text = &source.text[range.clone()];
    let reader = Reader { source };
    let spot = Spot::new(source, range);
    match text.trim().parse::<Value>() {
        Ok(value) => reader.value(&value, spot, true),
        Err(_) => Raw { value: RawValue::Text(text.to_owned()), spot },
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
}

impl Reader<'_> {
    fn spot(&self, range: Option<Range<usize>>, or: &Spot) -> Spot {
        range.map_or_else(|| or.clone(), |range| Spot::new(self.source, range))
    }

    fn table(&self, table: &dyn TableLike, spot: Spot) -> Raw {
        let fields = table.iter().map(|(name, item)| {
            let key = table.key(name).and_then(|key| key.span());
            let key = self.spot(key, &spot);
            Field { key: name.to_owned(), value: self.item(item, &key), spot: key }
        });
        Raw { value: RawValue::Table(fields.collect()), spot }
    }

    fn item(&self, item: &Item, key: &Spot) -> Raw {
        let spot = self.spot(item.span(), key);
        match item {
            Item::None => Raw { value: RawValue::Table(Vec::new()), spot },
            Item::Value(value) => self.value(value, spot, false),
            Item::Table(table) => {
                // a table that only dotted keys speak of has no header of its own
                let spot = self.spot(table.span(), key);
                self.table(table, spot)
            }
            Item::ArrayOfTables(tables) => {
                let tables = tables.iter().map(|table| {
                    let spot = self.spot(table.span(), key);
                    self.table(table, spot)
                });
                Raw { value: RawValue::Tables(tables.collect()), spot: key.clone() }
            }
        }
    }

    /// `whole` says that places inside the value are not to be trusted.
    fn value(&self, value: &Value, spot: Spot, whole: bool) -> Raw {
        let inner = |value: &Value| {
            let at = if whole { spot.clone() } else { self.spot(value.span(), &spot) };
            self.value(value, at, whole)
        };
        let value = match value {
            Value::String(text) => RawValue::Text(text.value().clone()),
            Value::Integer(n) => RawValue::Whole(*n.value()),
            Value::Float(x) => RawValue::Float(*x.value()),
            Value::Boolean(yes) => RawValue::Bool(*yes.value()),
            Value::Datetime(when) => RawValue::Datetime(when.value().to_string()),
            Value::Array(list) => RawValue::List(list.iter().map(inner).collect()),
            Value::InlineTable(table) if whole => {
                let fields = table.iter().map(|(key, value)| Field {
                    key: key.to_owned(),
                    spot: spot.clone(),
                    value: self.value(value, spot.clone(), true),
                });
                RawValue::Table(fields.collect())
            }
            Value::InlineTable(table) => self.table(table, spot.clone()).value,
        };
        Raw { value, spot }
    }
}
