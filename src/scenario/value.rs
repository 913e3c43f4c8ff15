//! Values as people write them: numbers in their ranges, spans, rates, distributions, choices.

use crate::kernel::{Dist, Span, SpanError};
use crate::talk::{Headers, Value};

use super::kind::{Datum, Kind, Word};
use super::problem::{Problem, Problems, either, nearest};
use super::raw::{Raw, RawValue};
use super::tree;

/// Why a value of the right type is wrong all the same.
pub(super) struct Wrong {
    title: String,
    help: Option<String>,
}

impl Wrong {
    pub(super) fn new(title: impl Into<String>) -> Wrong {
        Wrong { title: title.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help = Some(help.into());
        self
    }

    /// The problem at this place, with `usual` as its mend when nothing better is known.
    pub(super) fn at(self, raw: &Raw, usual: impl FnOnce() -> String) -> Problem {
        Problem::error(&raw.spot, self.title).help(self.help.unwrap_or_else(usual))
    }
}

pub(super) fn read_list(
    kind: &Kind,
    raw: &Raw,
    key: &str,
    problems: &mut Problems,
) -> Option<Datum> {
    match &raw.value {
        RawValue::List(items) => read_items(kind, items, key, problems),
        _ => None,
    }
}

pub(super) fn read_items(
    kind: &Kind,
    items: &[Raw],
    key: &str,
    problems: &mut Problems,
) -> Option<Datum> {
    let read = items.iter().filter_map(|item| {
        let value = kind.read(item, key, problems)?;
        Some(tree::Entry { value, spot: item.spot.clone(), given: true })
    });
    Some(Datum::List(read.collect()))
}

pub(super) fn in_range(n: i64, least: i64, most: i64, key: &str) -> Result<i64, Wrong> {
    if (least..=most).contains(&n) {
        return Ok(n);
    }
    let title = match (least, most) {
        (_, i64::MAX) if least == 0 => format!("`{key}` may not be negative"),
        (_, i64::MAX) => format!("`{key}` must be at least {least}"),
        _ => format!("`{key}` must be from {least} to {most}"),
    };
    let bound = if n < least { format!("least is {least}") } else { format!("most is {most}") };
    Err(Wrong::new(title).help(format!("the {bound}")))
}

pub(super) fn in_span(span: Span, least: Span, most: Span, key: &str) -> Result<Span, Wrong> {
    if (least..=most).contains(&span) {
        return Ok(span);
    }
    let title = if span.is_zero() {
        format!("`{key}` may not be zero")
    } else if span < least {
        format!("`{key}` must be at least {least}")
    } else {
        format!("`{key}` may be at most {most}")
    };
    let wrong = Wrong::new(title);
    Err(if span.is_zero() {
        wrong
    } else if span < least {
        wrong.help(format!("the shortest is \"{least}\""))
    } else {
        wrong.help(format!("the longest is \"{most}\""))
    })
}

pub(super) fn span(text: &str) -> Result<Span, Wrong> {
    text.parse::<Span>().map_err(|error| {
        let wrong = Wrong::new(error.to_string());
        match &error {
            SpanError::UnknownUnit(unit) => {
                let words = [
                    ("msec", "ms"),
                    ("msecs", "ms"),
                    ("millis", "ms"),
                    ("milliseconds", "ms"),
                    ("millisecond", "ms"),
                    ("sec", "s"),
                    ("secs", "s"),
                    ("second", "s"),
                    ("seconds", "s"),
                    ("min", "m"),
                    ("mins", "m"),
                    ("minute", "m"),
                    ("minutes", "m"),
                    ("hour", "h"),
                    ("hours", "h"),
                    ("hr", "h"),
                    ("MS", "ms"),
                    ("S", "s"),
                    ("usec", "us"),
                    ("micros", "us"),
                ];
                let known = words.iter().find(|(word, _)| *word == unit);
                match known {
                    Some((_, short)) => {
                        let number = text.trim().trim_end_matches(unit.as_str()).trim();
                        wrong.help(format!("write \"{number}{short}\""))
                    }
                    None => wrong,
                }
            }
            _ => wrong,
        }
    })
}

/// Reads a table of exactly one key, such as `{ exponential = "20ms" }`.
pub(super) fn only_field<'a>(
    raw: &'a Raw,
    known: &[&str],
    what: &str,
) -> Result<(&'a str, &'a Raw), Wrong> {
    let [field] = raw.fields() else {
        let title = format!("a {what} is a table with exactly one key");
        return Err(Wrong::new(title).help(format!("it is {}", either(known.iter().copied()))));
    };
    if known.contains(&field.key.as_str()) {
        return Ok((&field.key, &field.value));
    }
    let wrong = Wrong::new(format!("unknown {what} `{}`", field.key));
    Err(match nearest(&field.key, known.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean `{near}`?")),
        None => wrong.help(format!("there are {}", known.join(", "))),
    })
}

pub(super) fn dist(raw: &Raw, key: &str) -> Result<Dist, Wrong> {
    if let Some(text) = raw.as_text() {
        return span(text).map(Dist::Fixed);
    }
    match only_field(raw, &["fixed", "exponential", "uniform"], "distribution")? {
        ("uniform", value) => {
            let pair = match &value.value {
                RawValue::List(items) => items.as_slice(),
                _ => &[],
            };
            let [low, high] = pair else {
                return Err(Wrong::new(
                    "`uniform` is a list of two durations, such as [\"1ms\", \"5ms\"]",
                ));
            };
            let (low, high) = (span_of(low, key)?, span_of(high, key)?);
            if low > high {
                return Err(Wrong::new(format!("{low} is longer than {high}"))
                    .help("the shorter duration stands first"));
            }
            Ok(Dist::Uniform(low, high))
        }
        ("exponential", value) => span_of(value, key).map(Dist::Exponential),
        (_, value) => span_of(value, key).map(Dist::Fixed),
    }
}

pub(super) fn span_of(raw: &Raw, key: &str) -> Result<Span, Wrong> {
    match raw.as_text() {
        Some(text) => span(text),
        None => Err(Wrong::new(format!(
            "`{key}` needs a duration such as \"20ms\" here, not {}",
            raw.kind()
        ))),
    }
}

pub(super) fn rate_dist(raw: &Raw) -> Result<Dist, Wrong> {
    if let Some(text) = raw.as_text() {
        return rate(text).map(Dist::Fixed);
    }
    let (kind, value) = only_field(raw, &["fixed", "poisson"], "rate")?;
    let text = value.as_text().unwrap_or_default();
    let gap = rate(text)?;
    Ok(if kind == "poisson" { Dist::Exponential(gap) } else { Dist::Fixed(gap) })
}

/// The gap between two when there are so many per unit.
pub(super) fn rate(text: &str) -> Result<Span, Wrong> {
    let shape =
        || Wrong::new("a rate is a number per unit of time, such as \"50/s\" or \"3000/m\"");
    let (number, unit) = text.split_once('/').ok_or_else(|| {
        let digits = text.trim();
        let wrong = shape();
        if digits.parse::<u64>().is_ok() {
            wrong.help(format!("write \"{digits}/s\""))
        } else {
            wrong
        }
    })?;
    let number = number.trim().replace('_', "");
    let number: f64 = number.parse().map_err(|_| shape())?;
    let unit = format!("1{}", unit.trim())
        .parse::<Span>()
        .map_err(|_| shape().help("the unit is one of ms, s, m, h"))?;
    if !number.is_finite() || number <= 0.0 {
        return Err(Wrong::new("a rate must be above zero"));
    }
    let gap = unit.as_nanos() as f64 / number;
    if gap < 1.0 {
        return Err(Wrong::new("a rate may be at most \"1000000000/s\""));
    }
    Ok(Span::from_nanos(gap.round() as u64))
}

pub(super) fn percent(text: &str, key: &str) -> Result<i64, Wrong> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim().parse().ok());
    match number {
        Some(percent @ 1..=1_000_000) => Ok(percent),
        _ => Err(Wrong::new(format!(
            "`{key}` is a whole percentage of at least 1%, such as \"300%\""
        ))),
    }
}

pub(super) fn choice(words: &'static [Word], text: &str, key: &str) -> Result<Datum, Wrong> {
    if let Some(word) = words.iter().find(|word| word.word == text) {
        return Ok(Datum::Word(word.word));
    }
    let known = || words.iter().map(|word| word.word);
    let wrong = Wrong::new(format!("`{key}` knows no \"{text}\""));
    Err(match nearest(text, known()) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
        None => wrong.help(format!("it is one of {}", either(known()))),
    })
}

/// A value of an AMQP table. Types matter there, so nothing is converted.
pub(super) fn amqp(raw: &Raw, problems: &mut Problems) -> Option<Value> {
    Some(match &raw.value {
        RawValue::Text(text) => Value::from(text.as_str()),
        RawValue::Whole(n) => Value::Int(*n),
        RawValue::Float(x) => Value::Double(x.to_bits()),
        RawValue::Bool(yes) => Value::Bool(*yes),
        RawValue::Datetime(_) => {
            let title = "a date is not a value that a scenario can carry";
            problems.push(Problem::error(&raw.spot, title).help("write it as a text"));
            return None;
        }
        RawValue::List(items) | RawValue::Tables(items) => {
            Value::List(items.iter().filter_map(|item| amqp(item, problems)).collect())
        }
        RawValue::Table(fields) => {
            let pairs = fields.iter().filter_map(|field| {
                Some((field.key.as_str().into(), amqp(&field.value, problems)?))
            });
            Value::Table(pairs.collect::<Headers>())
        }
    })
}
