//! The table of keys as a JSON Schema, so that editors complete and check scenario files.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::keys::{Need, SCENARIO, Shape, Table};
use super::kind::Kind;

/// The JSON Schema (draft 2020-12) of a scenario file.
pub fn json_schema() -> Value {
    let mut schema = table(&SCENARIO);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("redeliver scenario");
    schema
}

fn table(table: &Table) -> Value {
    let properties: BTreeMap<&str, Value> = table
        .keys
        .iter()
        .map(|key| {
            let mut schema = kind(&key.kind);
            schema["description"] = json!(key.doc);
            if let Some(default) = default_of(key.need) {
                schema["default"] = default;
            }
            (key.name, schema)
        })
        .collect();
    let required: Vec<_> =
        table.keys.iter().filter(|key| key.need == Need::Must).map(|key| key.name).collect();
    let rest = match &table.rest {
        Some(rest) => {
            let mut schema = kind(&rest.kind);
            schema["description"] = json!(rest.doc);
            schema
        }
        None => json!(false),
    };
    let mut schema = json!({
        "type": "object",
        "description": table.doc,
        "properties": properties,
        "additionalProperties": rest,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if table.shape == Shape::One {
        schema["minProperties"] = json!(1);
        schema["maxProperties"] = json!(1);
    }
    schema
}

/// A default as JSON; tables need none, since their keys have their own.
fn default_of(need: Need) -> Option<Value> {
    let Need::Else(default) = need else { return None };
    serde_json::from_str(default).ok().filter(|value: &Value| !value.is_object())
}

const SPAN: &str = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h)\s*$";
const RATE: &str = r"^\s*[0-9][0-9_]*(\.[0-9]+)?\s*/\s*(ns|us|µs|ms|s|m|h)\s*$";
const PERCENT: &str = r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$";

fn kind(of: &Kind) -> Value {
    let span = || json!({ "type": "string", "pattern": SPAN });
    let only = |key: &str, value: Value| {
        json!({
            "type": "object",
            "properties": { key: value },
            "required": [key],
            "additionalProperties": false,
        })
    };
    match of {
        Kind::Text | Kind::Ref(_) => json!({ "type": "string" }),
        Kind::Name => json!({ "type": "string", "minLength": 1 }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Whole(least, most) => bounded(*least, *most),
        Kind::Span(..) => span(),
        Kind::Bare { least, most, quoted: false, .. } => bounded(*least, *most),
        Kind::Bare { least, most, .. } => json!({ "anyOf": [bounded(*least, *most), span()] }),
        Kind::Dist => {
            let pair = json!({ "type": "array", "items": span(), "minItems": 2, "maxItems": 2 });
            json!({ "anyOf": [
                span(), only("fixed", span()), only("exponential", span()), only("uniform", pair)
            ] })
        }
        Kind::Rate => {
            let rate = || json!({ "type": "string", "pattern": RATE });
            json!({ "anyOf": [rate(), only("fixed", rate()), only("poisson", rate())] })
        }
        Kind::Chance | Kind::Percent => json!({ "type": "string", "pattern": PERCENT }),
        Kind::Choice(words) => {
            let words: Vec<_> =
                words.iter().map(|w| json!({ "const": w.word, "description": w.doc })).collect();
            json!({ "oneOf": words })
        }
        Kind::List(item) => json!({ "type": "array", "items": kind(item) }),
        Kind::Some(item) => json!({ "anyOf": [
            kind(item), { "type": "array", "items": kind(item) }
        ] }),
        Kind::Table(inner) => table(inner),
        Kind::Tables(inner) => json!({ "type": "array", "items": table(inner) }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
        Kind::Amqp => json!({}),
    }
}

fn bounded(least: i64, most: i64) -> Value {
    let mut schema = json!({ "type": "integer" });
    if least > i64::MIN {
        schema["minimum"] = json!(least);
    }
    if most < i64::MAX {
        schema["maximum"] = json!(most);
    }
    schema
}
