//! A recorded run of real brokers and clients: what it was about, and what happened when.

use serde_json::{Map, Value};

/// A recording.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What the experiment was, in the words of whoever made it; much of the set-up is only here.
    pub what: String,
    /// The whole file.
    pub file: Value,
    pub events: Vec<Event>,
}

/// Something that was done or seen.
#[derive(Clone, Debug)]
pub struct Event {
    /// When, in seconds.
    pub at: f64,
    /// What: `ev` or `type`.
    pub kind: String,
    pub fields: Map<String, Value>,
}

impl Trace {
    /// Reads a file. Times with `type`, and those of Java's harness, are in milliseconds.
    pub fn parse(file: &Value) -> Result<Trace, String> {
        let what = file.get("what").and_then(Value::as_str).ok_or("no `what`")?.to_owned();
        let listed = file.get("events").and_then(Value::as_array);
        let mut events = Vec::new();
        for event in listed.into_iter().flatten() {
            let fields = event.as_object().ok_or("an event that is no object")?.clone();
            let kind = fields.get("ev").or(fields.get("type")).and_then(Value::as_str);
            let at = fields.get("t").and_then(Value::as_f64).ok_or("an event without a time")?;
            events.push(Event { at, kind: kind.ok_or("an event without a name")?.into(), fields });
        }
        // seconds are written with decimals, milliseconds are not
        let millis =
            events.iter().all(|it| it.at.fract() == 0.0) && events.iter().any(|it| it.at >= 600.0);
        if millis {
            events.iter_mut().for_each(|it| it.at /= 1_000.0);
        }
        Ok(Trace { what, file: file.clone(), events })
    }

    /// When the first thing happened; 0 where nothing did.
    pub fn begin(&self) -> f64 {
        self.events.first().map_or(0.0, |it| it.at)
    }

    /// When the last thing happened.
    pub fn end(&self) -> f64 {
        self.events.iter().map(|it| it.at).fold(0.0, f64::max)
    }

    /// The client that was used, by the name that the model has for it.
    pub fn client(&self) -> &'static str {
        let named = |text: &str| {
            let text = text.to_ascii_lowercase();
            if text.contains("kafkajs") {
                Some("kafkajs-2.2")
            } else if text.contains("librdkafka") || text.contains("confluent-kafka") {
                Some("librdkafka-2")
            } else if text.contains("java") {
                Some("java-4.1")
            } else {
                None
            }
        };
        let said = self.file.get("client").and_then(Value::as_str);
        said.and_then(named).or_else(|| named(&self.what)).unwrap_or("librdkafka-2")
    }

    /// How many brokers there were: "3 brokers"; that is also what is meant when nothing is said.
    pub fn brokers(&self) -> u16 {
        let said = self.file.get("broker").and_then(Value::as_str).unwrap_or_default();
        before(said, " brokers").map_or(3, |n| n as u16)
    }
}

impl Event {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A number, which may be written as a text.
    pub fn number(&self, name: &str) -> Option<i64> {
        number(self.fields.get(name)?)
    }

    pub fn list(&self, name: &str) -> Option<&Vec<Value>> {
        self.fields.get(name)?.as_array()
    }

    /// A list of numbers.
    pub fn numbers(&self, name: &str) -> Option<Vec<i64>> {
        self.list(name)?.iter().map(number).collect()
    }
}

/// A number, which may be written as a text.
pub fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The number that stands right before these words: 8 in "after 8 messages" for " messages".
pub fn before(text: &str, words: &str) -> Option<f64> {
    text.match_indices(words).find_map(|(at, _)| {
        let head = &text[..at];
        let digits = head.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        head[digits..].trim_matches('.').parse().ok()
    })
}

/// The number that stands right behind these words: 6 in "sessionTimeout 6 s" for "sessionTimeout ".
pub fn behind(text: &str, words: &str) -> Option<f64> {
    text.match_indices(words).find_map(|(at, _)| {
        let tail = &text[at + words.len()..];
        let end = tail.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(tail.len());
        tail[..end].trim_matches('.').parse().ok()
    })
}

/// The span that stands right behind these words, in seconds: 0.5 in "handler 500 ms".
pub fn span_behind(text: &str, words: &str) -> Option<f64> {
    let number = behind(text, words)?;
    let tail = &text[text.find(words)? + words.len()..];
    let unit = tail.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ' ');
    Some(if unit.starts_with("ms") { number / 1_000.0 } else { number })
}

/// The word that stands right behind these words: "range" in "mode range, 6 partitions".
pub fn word_behind<'a>(text: &'a str, words: &str) -> Option<&'a str> {
    let tail = &text[text.find(words)? + words.len()..];
    let end = tail.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    Some(&tail[..end.unwrap_or(tail.len())])
}
