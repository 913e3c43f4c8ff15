//! AMQP values as text, both ways: for policies inside steps.

use std::fmt::Write;

use crate::talk::{Headers, Name, Value};

/// Writes `text` in quotes.
pub(super) fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Writes `{"name" = value, …}`.
pub(super) fn write_table(out: &mut String, table: &Headers) {
    out.push('{');
    for (at, (name, value)) in table.iter().enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        quote(out, name.as_str());
        out.push_str(" = ");
        write_value(out, value);
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value) {
    // writing to a string cannot fail
    let _ = match value {
        Value::Void => write!(out, "void"),
        Value::Bool(bool) => write!(out, "{bool}"),
        Value::Int(n) => write!(out, "{n}"),
        Value::Double(bits) => write!(out, "double:{bits}"),
        Value::Timestamp(seconds) => write!(out, "time:{seconds}"),
        Value::Text(text) => {
            quote(out, text.as_str());
            Ok(())
        }
        Value::Table(table) => {
            write_table(out, table);
            Ok(())
        }
        Value::List(values) => {
            out.push('[');
            for (at, value) in values.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_value(out, value);
            }
            out.push(']');
            Ok(())
        }
    };
}

/// What is left to read.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { rest: text.trim() }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// Everything up to the next blank; empty at the end.
    pub(super) fn word(&mut self) -> &'a str {
        self.up_to(char::is_whitespace)
    }

    fn up_to(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let (word, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest.trim_start();
        word
    }

    fn eat(&mut self, mark: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(mark)?.trim_start();
        Some(())
    }

    /// A text in quotes. Nothing is read when there is none.
    pub(super) fn text(&mut self) -> Option<String> {
        let mut chars = self.rest.strip_prefix('"')?.chars();
        let mut text = String::new();
        loop {
            match chars.next()? {
                '"' => break,
                '\\' => match chars.next()? {
                    'n' => text.push('\n'),
                    c => text.push(c),
                },
                c => text.push(c),
            }
        }
        self.rest = chars.as_str().trim_start();
        Some(text)
    }

    /// `{"name" = value, …}`.
    pub(super) fn table(&mut self) -> Option<Headers> {
        self.eat('{')?;
        let mut table = Headers::new();
        while self.eat('}').is_none() {
            if !table.is_empty() {
                self.eat(',')?;
            }
            let name = Name::from(self.text()?);
            self.eat('=')?;
            table.insert(name, self.value()?);
        }
        Some(table)
    }

    fn value(&mut self) -> Option<Value> {
        match self.rest.chars().next()? {
            '"' => self.text().map(|text| Value::Text(text.into())),
            '{' => self.table().map(Value::Table),
            '[' => self.list().map(Value::List),
            _ => scalar(self.up_to(|c| c.is_whitespace() || ",}]".contains(c))),
        }
    }

    fn list(&mut self) -> Option<Vec<Value>> {
        self.eat('[')?;
        let mut list = Vec::new();
        while self.eat(']').is_none() {
            if !list.is_empty() {
                self.eat(',')?;
            }
            list.push(self.value()?);
        }
        Some(list)
    }
}

fn scalar(word: &str) -> Option<Value> {
    Some(match word.split_once(':') {
        Some(("double", bits)) => Value::Double(bits.parse().ok()?),
        Some(("time", seconds)) => Value::Timestamp(seconds.parse().ok()?),
        Some(_) => return None,
        None => match word {
            "void" => Value::Void,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => Value::Int(word.parse().ok()?),
        },
    })
}
