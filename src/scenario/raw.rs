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

    /// Whether a text stands in quotes: one of a `--set` option may not.
    pub fn is_quoted(&self) -> bool {
        self.spot.source.text[self.spot.range.clone()].starts_with(['"', '\''])
    }

    /// All texts and numbers in it, for instance names.
    pub fn texts(&self) -> Vec<String> {
        match &self.value {
            RawValue::Text(text) => vec![text.clone()],
            RawValue::Whole(n) => vec![n.to_string()],
            RawValue::List(items) | RawValue::Tables(items) => {
                items.iter().flat_map(Raw::texts).collect()
            }
            RawValue::Table(fields) => {
                fields.iter().flat_map(|field| field.value.texts()).collect()
            }
            RawValue::Float(_) | RawValue::Bool(_) | RawValue::Datetime(_) => Vec::new(),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            RawValue::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The fields of a table whose keys have dots in their names, which TOML reads as tables in tables
/// unless they are quoted.
pub fn flattened(table: &Raw) -> Vec<Field> {
    fn visit(prefix: &str, table: &Raw, into: &mut Vec<Field>) {
        for field in table.fields() {
            let key = if prefix.is_empty() {
                field.key.clone()
            } else {
                format!("{prefix}.{}", field.key)
            };
            match &field.value.value {
                RawValue::Table(_) => visit(&key, &field.value, into),
                _ => into.push(Field { key, ..field.clone() }),
            }
        }
    }
    let mut fields = Vec::new();
    visit("", table, &mut fields);
    fields
}

/// At most so many mistakes in the writing of TOML are reported.
const MISTAKES: usize = 20;

/// Reads a TOML text. A line that is not TOML is reported and then left out, so that the others are
/// read all the same. `None` when that does not help.
pub fn parse(source: &Arc<Source>, problems: &mut Problems) -> Option<Raw> {
    let mut text = source.text.clone();
    for _ in 0..=MISTAKES {
        let error = match Document::parse(text.as_str()) {
            Ok(document) => {
                let reader = Reader { source };
                return Some(reader.table(document.as_table(), Spot::new(source, 0..0)));
            }
            Err(error) => error,
        };
        let range = error.span().unwrap_or(0..0);
        let spot = Spot::new(source, at_a_word(&text, range));
        let says = error.message().lines().next().unwrap_or_default();
        let line = line_at(&text, spot.range.start);
        let alone = text[line.clone()].trim();
        // a line that is good by itself is not where the mistake began: more lines would only be
        // blamed for it as well
        let blameless = Document::parse(alone).is_ok() && !says.contains("duplicate");
        let left_out = if alone.starts_with('[') { to_next_header(&text, line) } else { line };
        let value = text[spot.range.clone()].trim();
        problems.push(
            Problem::error(&spot, format!("this is not TOML: {says}"))
                .help(mend(says, alone, value, blameless))
                .hides(words(&text[left_out.clone()])),
        );
        if blameless || alone.is_empty() || foreign(alone) {
            return None;
        }
        // as many bytes as before, so that all other places stay what they are
        let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
        let blanks: String = text[left_out.clone()].bytes().map(blank).collect();
        text.replace_range(left_out, &blanks);
    }
    None
}

/// What the author may have meant, where the parser's words alone do not say it. `value` is what
/// it points at.
fn mend(says: &str, line: &str, value: &str, blameless: bool) -> String {
    if foreign(line) {
        "a scenario is TOML: `redeliver new NAME` writes one to start from".into()
    } else if says.contains("duplicate key") {
        "a key may stand in a table only once".into()
    } else if says.contains("recurs") {
        "no scenario needs tables so deep in one another".into()
    } else if says.contains("overflow") {
        format!("the largest whole number is {}", i64::MAX)
    } else if says.contains("must be quoted") && value.starts_with(char::is_alphanumeric) {
        format!("texts and durations stand in quotes: \"{value}\"")
    } else if says.contains("must be quoted") {
        "write a value here; texts and durations stand in quotes".into()
    } else if blameless {
        "a bracket, brace or quote before this line is not closed".into()
    } else if line.starts_with('[') {
        "a table begins with [name], or with [[name]] when there can be several".into()
    } else if says.contains("invalid") && says.contains("string") {
        "a text ends with the quote that it begins with; a backslash is written \\\\".into()
    } else {
        "a line is key = value, [table] or [[table]]; texts stand in quotes".into()
    }
}

/// Whether a line belongs to a JSON file or a web page.
fn foreign(line: &str) -> bool {
    line.starts_with(['{', '<'])
}

/// The names and keys that a stretch of text says.
fn words(text: &str) -> Vec<String> {
    // a name may have blanks
    let stretches = text.split(['"', '\'', '=', '{', '}', '[', ']', ',', '\n']).map(str::trim);
    let words = stretches.flat_map(|it| std::iter::once(it).chain(it.split_whitespace()));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// An error at the very end of a line belongs to that line, and one at the end of the text to the
/// last line that says something.
fn at_a_word(text: &str, range: Range<usize>) -> Range<usize> {
    if range.start < text.len() {
        return range;
    }
    let end = text.trim_end().len();
    let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
    end - last..end
}

/// The line at `at`, without its end.
fn line_at(text: &str, at: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let at = at.min(bytes.len());
    let start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let end = bytes[at..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| at + n);
    start..end
}

/// From the header of a table that cannot be read to the next one: what follows it belongs to it.
fn to_next_header(text: &str, line: Range<usize>) -> Range<usize> {
    let rest = &text[line.end..];
    let header = rest.match_indices('\n').find(|(at, _)| rest[*at..].trim_start().starts_with('['));
    line.start..header.map_or(text.len(), |(at, _)| line.end + at)
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
