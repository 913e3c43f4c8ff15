//! Defaults: what the running configuration classes say of their settings.

use serde_json::{Value, json};

use redeliver::kafka::Version;
use redeliver::kafka::settings::{Owner, find};

use super::{Corrupted, Form, Vector, outcome};
use crate::judge::Outcome;

/// `config_defaults_4.1.1.json`: type, default, valid values and more of each setting, by owner.
#[derive(Debug)]
pub struct Defaults;

const VERSION: Version = Version::new(4, 1);

impl Form for Defaults {
    fn fits(&self, file: &Value) -> bool {
        let owners = file.as_object().into_iter().flatten();
        let first = |of: &Value| of.as_object().and_then(|of| of.values().next().cloned());
        let mut settings = owners.map(|(owner, of)| (owner, first(of))).peekable();
        settings.peek().is_some()
            && settings.all(|(owner, setting)| {
                owner_of(owner).is_some()
                    && setting
                        .is_some_and(|it| it.get("default").is_some() && it.get("type").is_some())
            })
    }

    fn vectors(&self, file: &Value) -> Result<Vec<Vector>, String> {
        let mut vectors = Vec::new();
        for (owner, settings) in file.as_object().into_iter().flatten() {
            let settings = settings.as_object().ok_or_else(|| format!("no settings: {owner}"))?;
            for (name, setting) in settings {
                let fact = json!({ "owner": owner, "name": name, "setting": setting });
                vectors.push(Vector { name: format!("{owner} {name}"), fact });
            }
        }
        Ok(vectors)
    }

    fn judge(&self, vector: &Vector) -> Outcome {
        judge(&vector.fact).unwrap_or_else(Outcome::NotUnderstood)
    }

    fn corrupt(&self, vector: &Vector) -> Option<Corrupted> {
        let mut fact = vector.fact.clone();
        let setting = fact.get_mut("setting")?;
        // one of its facts, another one from setting to setting
        let key = ["type", "default", "valid", "internal"][vector.name.len() % 4];
        let other = match setting.get(key) {
            Some(Value::Bool(fact)) => json!(!fact),
            Some(Value::String(fact)) => json!(format!("{fact}0")),
            _ => json!("[0,...,0]"),
        };
        setting[key] = other;
        let what = format!("its {key}");
        Some(Corrupted { vector: Vector { name: vector.name.clone(), fact }, what })
    }
}

fn judge(fact: &Value) -> Result<Outcome, String> {
    let text = |name: &str| fact.get(name).and_then(Value::as_str).ok_or("no name or owner");
    let owner = owner_of(text("owner")?).ok_or("another owner")?;
    let expected = fact.get("setting").and_then(Value::as_object).ok_or("no facts")?;
    let setting = match find(owner, text("name")?, VERSION) {
        Ok(setting) => setting,
        Err(why) => return Ok(Outcome::Differs(why.to_string())),
    };
    let differs = |key: &str, given: Value, missing: Value| {
        let expected = expected.get(key).unwrap_or(&missing);
        (*expected != given).then(|| format!("{key} {expected} expected, {given} given"))
    };
    let difference = differs("type", json!(setting.kind.name()), Value::Null)
        .or_else(|| differs("default", json!(setting.default.to_string()), Value::Null))
        .or_else(|| differs("valid", json!(setting.valid), json!("")))
        .or_else(|| differs("internal", json!(setting.internal), json!(false)));
    let unknown = |key: &&String| !["type", "default", "valid", "internal"].contains(&key.as_str());
    match expected.keys().find(unknown) {
        Some(key) => Err(format!("what is `{key}`?")),
        None => Ok(outcome(4, difference)),
    }
}

fn owner_of(name: &str) -> Option<Owner> {
    Owner::ALL.into_iter().find(|owner| owner.name() == name)
}
