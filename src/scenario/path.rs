//! Paths to settings, as `--set` and verdicts write them: `consumer.worker.prefetch`,
//! `rabbitmq.queue.orders.arguments.x-message-ttl`, `fault.1.at`.
//!
//! A table of which there can be several is followed by the name of one of them, or by its number
//! counted from 1. Names may contain dots; the longest name that fits is meant.

use std::sync::Arc;

use super::keys::{Key, SCENARIO, Table};
use super::kind::Kind;
use super::problem::{Problem, Problems, Source, Spot, nearest};
use super::raw::{self, Field, Raw, RawValue};
use super::tree::{self, Meant, Tree, last};

/// Applies one `--set` option to a document.
pub(super) fn set(raw: &mut Raw, option: &str, nth: usize, problems: &mut Problems) {
    let source =
        Arc::new(Source { name: "--set".to_owned(), text: option.to_owned(), option: nth + 1 });
    let Some(equals) = find_equals(option) else {
        let spot = Spot::new(&source, 0..option.len());
        problems.push(
            Problem::error(&spot, "a setting is KEY=VALUE")
                .help("for example --set consumer.worker.prefetch=1"),
        );
        return;
    };
    let key = option[..equals].trim_end();
    let start = equals + 1 + option[equals + 1..].len() - option[equals + 1..].trim_start().len();
    let value = raw::parse_value(&source, start..option.trim_end().len().max(start));
    let walk = Walk { source: &source, whole: key };
    if let Err(problem) = walk.table(&SCENARIO, raw, 0, value) {
        problems.push(*problem);
    }
}

/// The `=` between key and value: the first one outside of quotes.
fn find_equals(option: &str) -> Option<usize> {
    let mut quoted = false;
    option.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b'=' && !quoted
    })
}

struct Walk<'a> {
    source: &'a Arc<Source>,
    whole: &'a str,
}

type Met = Result<(), Box<Problem>>;

impl Walk<'_> {
    fn wrong(&self, from: usize, to: usize, title: String) -> Problem {
        Problem::error(&Spot::new(self.source, from..to), title)
    }

    /// The word from `from` to `to` is none of `known`; `what` says what it should be.
    fn unknown(&self, from: usize, to: usize, title: String, known: &[&str]) -> Problem {
        let word = &self.whole[from..to];
        let problem = self.wrong(from, to, title);
        let path = &self.whole[..from];
        match nearest(word, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{path}{near}`?")),
            None => match known {
                [only] => problem.help(format!("there is only `{path}{only}`")),
                _ => problem.help(format!("there are {}", known.join(", "))),
            },
        }
    }

    /// Sets what the path says from `at` on, in a table.
    fn table(&self, table: &'static Table, raw: &mut Raw, at: usize, value: Raw) -> Met {
        let (end, next) = segment(self.whole, at);
        let word = unquote(&self.whole[at..end]);
        let kind = match (table.key(word), &table.rest) {
            (Some(Key { kind, .. }), _) => kind,
            // names of arguments and facts contain dots: all of the rest is the name
            (None, Some(rest)) => {
                let name = unquote(&self.whole[at..]);
                let spot = Spot::new(self.source, at..self.whole.len());
                return put(raw, name, &rest.kind, spot, value);
            }
            (None, None) if word.is_empty() => {
                let help = "for example --set consumer.worker.prefetch=1";
                return Err(Box::new(self.wrong(at, end, "no key stands here".into()).help(help)));
            }
            (None, None) => {
                let title = format!("unknown key `{word}` in {}", table.noun);
                let known: Vec<_> = table.keys.iter().map(|key| key.name).collect();
                return Err(Box::new(match tree::meant(table, word) {
                    Some(Meant::Alias(mend)) => self.wrong(at, end, title).help(mend),
                    _ => self.unknown(at, end, title, &known),
                }));
            }
        };
        let spot = Spot::new(self.source, at..end);
        let Some(next) = next else {
            return put(raw, word, kind, spot, value);
        };
        let several = raw
            .get(word)
            .is_some_and(|old| matches!(old.value, RawValue::List(_) | RawValue::Tables(_)));
        match inner(kind, several) {
            Some(Inner::Table(table)) => {
                let child = enter(raw, word, spot, RawValue::Table(Vec::new()));
                self.table(table, child, next, value)
            }
            Some(Inner::Tables(table)) => {
                let child = enter(raw, word, spot, RawValue::Tables(Vec::new()));
                self.tables(table, child, next, value)
            }
            None => {
                let title = format!("`{word}` is {} and has no parts", kind.noun());
                let path = &self.whole[..end];
                Err(Box::new(
                    self.wrong(next, self.whole.len(), title)
                        .help(format!("write {path}={}", kind.example(word).trim_matches('"'))),
                ))
            }
        }
    }

    /// Sets what the path says from `at` on, in one of several tables.
    fn tables(&self, table: &'static Table, raw: &mut Raw, at: usize, value: Raw) -> Met {
        let rest = &self.whole[at..];
        let names: Vec<String> = match &raw.value {
            RawValue::Tables(items) | RawValue::List(items) => items
                .iter()
                .enumerate()
                .map(|(n, item)| {
                    let name = item.get("name").and_then(Raw::as_text);
                    name.map_or_else(|| (n + 1).to_string(), str::to_owned)
                })
                .collect(),
            _ => Vec::new(),
        };
        let Some((n, length)) = longest(&names, rest) else {
            let (end, _) = segment(self.whole, at);
            let noun = last(table.name);
            let title = format!("there is no {noun} `{}`", unquote(&self.whole[at..end]));
            if names.is_empty() {
                let title = format!("this scenario has no [[{}]]", table.name);
                let help = "a setting changes what is there; add it to the file";
                return Err(Box::new(self.wrong(at, end, title).help(help)));
            }
            let known: Vec<_> = names.iter().map(String::as_str).collect();
            return Err(Box::new(self.unknown(at, end, title, &known)));
        };
        let after = at + length;
        if after >= self.whole.len() {
            let title = format!("`{}` is a whole table: say which key of it", self.whole);
            let known: Vec<_> = table.keys.iter().map(|key| key.name).collect();
            let problem = self.wrong(0, self.whole.len(), title);
            return Err(Box::new(problem.help(format!("its keys are {}", known.join(", ")))));
        }
        match &mut raw.value {
            RawValue::Tables(items) | RawValue::List(items) => {
                self.table(table, &mut items[n], after + 1, value) // `n` is one of their indexes
            }
            _ => Ok(()), // there was no name then
        }
    }
}

enum Inner {
    Table(&'static Table),
    Tables(&'static Table),
}

/// What there is inside of a value of this kind, which is a list so far or is not.
fn inner(kind: &Kind, several: bool) -> Option<Inner> {
    match kind {
        Kind::Some(Kind::Table(table)) if several => Some(Inner::Tables(table)),
        Kind::Some(kind) => inner(kind, several),
        Kind::Table(table) => Some(Inner::Table(table)),
        Kind::Tables(table) => Some(Inner::Tables(table)),
        Kind::Either(kinds) => kinds.iter().find_map(|kind| inner(kind, several)),
        _ => None,
    }
}

/// The end of the segment that begins at `at`, and the beginning of the next one.
fn segment(path: &str, at: usize) -> (usize, Option<usize>) {
    let rest = &path[at..];
    let end = if let Some(quoted) = rest.strip_prefix('"') {
        quoted.find('"').map_or(rest.len(), |close| close + 2)
    } else {
        rest.find('.').unwrap_or(rest.len())
    };
    let end = at + end;
    (end, path[end..].starts_with('.').then_some(end + 1))
}

fn unquote(word: &str) -> &str {
    word.strip_prefix('"').and_then(|word| word.strip_suffix('"')).unwrap_or(word)
}

/// Which of `names` (or which number, counted from 1) `rest` begins with, and how long that is.
fn longest(names: &[String], rest: &str) -> Option<(usize, usize)> {
    let whole_segment =
        |length: &usize| rest[*length..].is_empty() || rest[*length..].starts_with('.');
    let by_name = names.iter().enumerate().filter_map(|(n, name)| {
        let quoted = format!("\"{name}\"");
        let length =
            [name.as_str(), &quoted].into_iter().find(|name| rest.starts_with(name))?.len();
        Some((n, length)).filter(|(_, length)| whole_segment(length))
    });
    by_name.max_by_key(|(_, length)| *length).or_else(|| {
        let (end, _) = segment(rest, 0);
        let n: usize = rest[..end].parse().ok()?;
        (1..=names.len()).contains(&n).then(|| (n - 1, end))
    })
}

fn put(raw: &mut Raw, key: &str, kind: &Kind, spot: Spot, mut value: Raw) -> Met {
    // a text needs no quotes on the command line, even when it looks like a number
    if let (Kind::Text | Kind::Name | Kind::Ref(_), RawValue::Whole(_) | RawValue::Bool(_)) =
        (kind, &value.value)
    {
        let text = value.spot.source.text[value.spot.range.clone()].to_owned();
        value.value = RawValue::Text(text);
    }
    if let RawValue::Table(fields) = &mut raw.value {
        let field = Field { key: key.to_owned(), spot, value };
        match fields.iter_mut().find(|field| field.key == key) {
            Some(old) => *old = field,
            None => fields.push(field),
        }
    }
    Ok(())
}

/// The value of `key` in a table, made if it is not there yet.
fn enter<'a>(raw: &'a mut Raw, key: &str, spot: Spot, empty: RawValue) -> &'a mut Raw {
    if !matches!(raw.value, RawValue::Table(_)) {
        raw.value = RawValue::Table(Vec::new());
    }
    let RawValue::Table(fields) = &mut raw.value else { unreachable!("it was just made a table") };
    let at = fields.iter().position(|field| field.key == key).unwrap_or_else(|| {
        let value = Raw { value: empty, spot: spot.clone() };
        fields.push(Field { key: key.to_owned(), spot, value });
        fields.len() - 1
    });
    &mut fields[at].value // `at` was found or pushed above
}

/// Where a setting stands: the value, or the table that a path without a key means.
pub(super) fn find<'a>(tree: &'a Tree, path: &str) -> Option<&'a Spot> {
    let (end, next) = segment(path, 0);
    let word = unquote(&path[..end]);
    let Some(entry) = tree.entry(word).filter(|entry| entry.given) else {
        return tree.entry(path).filter(|entry| entry.given).map(|entry| &entry.spot);
    };
    let Some(next) = next else { return Some(&entry.spot) };
    let rest = &path[next..];
    if let Some(table) = entry.as_table() {
        return find(table, rest);
    }
    let tables: Vec<&Tree> = tree.tables(word).collect();
    let names: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(n, table)| table.text("name").map_or_else(|| (n + 1).to_string(), str::to_owned))
        .collect();
    let Some((n, length)) = longest(&names, rest) else {
        // one table where there could be several
        return match tables.as_slice() {
            [only] => find(only, rest),
            _ => None,
        };
    };
    let table = tables.get(n)?;
    match rest.get(length + 1..) {
        Some(rest) if !rest.is_empty() => find(table, rest),
        _ => Some(&table.spot),
    }
}
