//! Whether a value is valid, and what Kafka says if it is not.

use std::fmt;
use std::str::FromStr;

use super::{Kind, Setting};

/// A value that Kafka refuses, in the words of its `ConfigException`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value {value} for configuration {name}: {why}")]
pub struct Refused {
    /// The setting.
    pub name: &'static str,
    /// What was written; not so for a password.
    pub value: String,
    /// What is wrong with it.
    pub why: String,
}

/// A rule for values, read from the words of a table.
#[derive(Debug, PartialEq)]
pub(super) enum Valid<'a> {
    Anything,
    NonEmpty,
    Range { least: &'a str, most: Option<&'a str>, or: Option<&'a str> },
    OneOf { choices: Vec<&'a str>, any_case: bool, or_empty: bool },
    ThrottledReplicas,
}

impl<'a> Valid<'a> {
    /// `None` if these are not the words of a rule.
    pub(super) fn read(words: &'a str) -> Option<Valid<'a>> {
        match words {
            "" | "non-null string" => return Some(Valid::Anything),
            "non-empty string" | "non-empty list" => return Some(Valid::NonEmpty),
            _ if words.starts_with("[partitionId]:[brokerId]") => {
                return Some(Valid::ThrottledReplicas);
            }
            _ => {}
        }
        let (words, any_case) = match words.strip_prefix("(case insensitive) ") {
            Some(words) => (words, true),
            None => (words, false),
        };
        let (words, or) = match words.split_once(" or ") {
            Some((words, or)) => (words, Some(or)),
            None => (words, None),
        };
        let items: Vec<&str> =
            words.strip_prefix('[')?.strip_suffix(']')?.split(',').map(str::trim).collect();
        Some(match items[..] {
            [least, "..."] => Valid::Range { least, most: None, or },
            [least, "...", most] => Valid::Range { least, most: Some(most), or },
            _ => Valid::OneOf { choices: items, any_case, or_empty: or == Some("empty") },
        })
    }
}

impl Setting {
    /// Whether Kafka takes this value.
    ///
    /// Whether a class or a file is there cannot be told, and what settings demand of each other is
    /// not in the tables.
    ///
    /// # Errors
    /// What Kafka says. Source: `ConfigDef.parseType`, `ConfigDef.Range`, `ValidString`, `ValidList`
    /// of 4.1.1.
    pub fn check(&self, value: &str) -> Result<(), Refused> {
        let value = value.trim();
        let why = match self.kind {
            Kind::Boolean if !is_boolean(value) => {
                Some("Expected value to be either true or false".to_owned())
            }
            Kind::Short => self.number::<i16>(value),
            Kind::Int => self.number::<i32>(value),
            Kind::Long => self.number::<i64>(value),
            Kind::Double => self.number::<f64>(value),
            Kind::String => self.text(value),
            Kind::List => self.list(value),
            Kind::Boolean | Kind::Class | Kind::Password => None,
        };
        let shown = if self.kind == Kind::Password { "[hidden]" } else { value };
        match why {
            Some(why) => Err(Refused { name: self.name, value: shown.to_owned(), why }),
            None => Ok(()),
        }
    }

    fn rule(&self) -> Valid<'static> {
        Valid::read(self.valid).unwrap_or(Valid::Anything)
    }

    fn number<N: FromStr + PartialOrd + fmt::Display>(&self, value: &str) -> Option<String> {
        let Ok(number) = value.parse::<N>() else {
            return Some(format!("Not a number of type {}", self.kind.name()));
        };
        let Valid::Range { least, most, or } = self.rule() else { return None };
        let bound = |text: &str| text.parse::<N>().ok();
        if or.and_then(bound).is_some_and(|or| or == number) {
            return None;
        }
        // what is no number (NaN) is within no bounds
        if bound(least).is_some_and(|least| !(least..).contains(&number)) {
            return Some(format!("Value must be at least {least}"));
        }
        let most = most?;
        let above = bound(most).is_some_and(|most| !(..=most).contains(&number));
        above.then(|| format!("Value must be no more than {most}"))
    }

    fn text(&self, value: &str) -> Option<String> {
        match self.rule() {
            Valid::NonEmpty if value.is_empty() => Some("String must be non-empty".to_owned()),
            Valid::OneOf { choices, any_case, .. } => {
                let found = choices.iter().any(|choice| is_choice(choice, value, any_case));
                (!found).then(|| format!("String must be one of: {}", choices.join(", ")))
            }
            _ => None,
        }
    }

    fn list(&self, value: &str) -> Option<String> {
        let mut items = value.split(',').map(str::trim).filter(|item| !item.is_empty());
        match self.rule() {
            Valid::NonEmpty if items.next().is_none() => {
                Some("Configuration must not be empty".to_owned())
            }
            Valid::OneOf { choices, any_case, .. } => {
                let is_one =
                    |item: &&str| choices.iter().any(|choice| is_choice(choice, item, any_case));
                let wrong = items.find(|item| !is_one(item))?;
                Some(format!("{wrong} is not one of: {}", choices.join(", ")))
            }
            Valid::ThrottledReplicas if value != "*" => {
                let is_pair = |item: &str| {
                    item.split_once(':').is_some_and(|(partition, broker)| {
                        partition.parse::<u32>().is_ok() && broker.parse::<u32>().is_ok()
                    })
                };
                let wrong = items.find(|item| !is_pair(item))?;
                Some(format!("{wrong} is not of the form [partitionId]:[brokerId]"))
            }
            _ => None,
        }
    }
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

fn is_choice(choice: &str, value: &str, any_case: bool) -> bool {
    match choice.split_once(':') {
        // `by_duration:PnDTnHnMn.nS`
        Some((prefix, _)) => {
            value.strip_prefix(prefix).and_then(|it| it.strip_prefix(':')).is_some_and(is_duration)
        }
        None if any_case => choice.eq_ignore_ascii_case(value),
        None => choice == value,
    }
}

/// Whether it is an ISO 8601 duration of days and shorter units, such as `P1DT12H` or `PT0.5S`.
fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('P') else { return false };
    let (days, time) = match text.split_once('T') {
        Some((days, time)) if !time.is_empty() => (days, time),
        Some(_) => return false,
        None => (text, ""),
    };
    !text.is_empty() && units(days, "D") && units(time, "HMS")
}

/// Whether a text is numbers, each with one of these units behind it, and those in this order.
fn units(mut text: &str, allowed: &str) -> bool {
    let mut left = allowed;
    while !text.is_empty() {
        let Some(end) = text.find(|c: char| !c.is_ascii_digit() && c != '.') else { return false };
        let (number, rest) = text.split_at(end);
        let Some(unit) = rest.chars().next() else { return false };
        let Some(at) = left.find(unit) else { return false };
        let whole = number.parse::<u64>().is_ok();
        let fraction = unit == 'S' && number.parse::<f64>().is_ok();
        if !whole && !fraction {
            return false;
        }
        left = &left[at + unit.len_utf8()..];
        text = &rest[unit.len_utf8()..];
    }
    true
}
