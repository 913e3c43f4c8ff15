//! A recording: what a real server was asked to do, and what it did.

use serde::Deserialize;
use serde_json::{Map, Value};

use redeliver::rabbit::{Profile, Version};

/// One experiment on one server.
#[derive(Clone, Debug, Deserialize)]
pub struct Recording {
    pub name: String,
    pub broker_version: String,
    #[serde(default)]
    pub setup: Setup,
    #[serde(default)]
    pub steps: Vec<Step>,
    #[serde(default)]
    pub observed: Vec<Observed>,
    #[serde(default)]
    pub varies_run_to_run: Vec<String>,
    #[serde(default)]
    pub conclusion: Value,
}

/// What was there; clients declare it in their own steps, policies apart.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Setup {
    #[serde(default)]
    pub queues: Map<String, Value>,
    #[serde(default)]
    pub exchanges: Map<String, Value>,
    #[serde(default)]
    pub policies: Vec<Value>,
}

/// What an actor did.
#[derive(Clone, Debug, Deserialize)]
pub struct Step {
    pub at_ms: f64,
    pub actor: String,
    pub op: String,
    #[serde(default)]
    pub args: Map<String, Value>,
}

/// What an actor saw, or what the harness made of it.
#[derive(Clone, Debug, Deserialize)]
pub struct Observed {
    pub at_ms: f64,
    pub actor: String,
    pub event: String,
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl Recording {
    /// Reads one file.
    pub fn parse(text: &str) -> Result<Recording, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The version number alone, such as `3.10.8`.
    pub fn version(&self) -> &str {
        let end = self.broker_version.find(|c: char| !c.is_ascii_digit() && c != '.');
        &self.broker_version[..end.unwrap_or(self.broker_version.len())]
    }

    /// The profile of that version, or the nearest one: the latest that is not newer.
    pub fn profile(&self) -> &'static Profile {
        let mut numbers = self.version().split('.').map(|part| part.parse().unwrap_or(0));
        let version = Version::new(numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        let all = Profile::all();
        let older = all.iter().rev().find(|profile| profile.version <= version);
        older.unwrap_or(&all[0]) // there is at least one profile
    }

    /// When the last thing happened.
    pub fn end_ms(&self) -> f64 {
        let steps = self.steps.iter().map(|step| step.at_ms);
        let observed = self.observed.iter().map(|seen| seen.at_ms);
        steps.chain(observed).fold(0.0, f64::max)
    }

    /// Whether it says that something whose description contains `what` varies.
    pub fn varies(&self, what: &str) -> bool {
        self.varies_run_to_run.iter().any(|line| line.contains(what))
    }

    /// The conclusion as text.
    pub fn conclusion(&self) -> String {
        match &self.conclusion {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Step {
    /// An argument that is text.
    pub fn text(&self, name: &str) -> &str {
        self.args.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// An argument that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.args.get(name).and_then(Value::as_u64)
    }

    /// An argument that is true.
    pub fn flag(&self, name: &str) -> bool {
        self.args.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The channel: 1 unless it says otherwise.
    pub fn channel(&self) -> u16 {
        channel(&self.args)
    }
}

impl Observed {
    /// A broker that is stopped tells its clients (320 CONNECTION_FORCED) before it closes their
    /// connections. A client that does not read at that moment never learns of it.
    pub fn is_forced(&self) -> bool {
        self.event == "connection-closed" && self.number("code") == Some(320)
    }

    /// A field that is text.
    pub fn text(&self, name: &str) -> &str {
        self.fields.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(Value::as_u64)
    }

    /// The channel: 1 unless it says otherwise.
    pub fn channel(&self) -> u16 {
        channel(&self.fields)
    }

    /// Whether it is a client's own observation, and not the harness's or an operator's.
    pub fn is_of_client(&self) -> bool {
        !matches!(self.actor.as_str(), "harness" | "broker" | "operator" | "admin")
    }
}

fn channel(fields: &Map<String, Value>) -> u16 {
    fields.get("ch").and_then(Value::as_u64).and_then(|ch| u16::try_from(ch).ok()).unwrap_or(1)
}
