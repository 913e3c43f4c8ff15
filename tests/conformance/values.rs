//! AMQP tables and properties, to and from the JSON of recordings.

use redeliver::talk::{Delivery, Headers, Properties, Value as Amqp};
use serde_json::{Map, Value, json};

/// A value of a table.
pub fn amqp(value: &Value) -> Amqp {
    match value {
        Value::Null => Amqp::Void,
        Value::Bool(yes) => Amqp::Bool(*yes),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Amqp::Int(whole),
            None => Amqp::Double(number.as_f64().unwrap_or(0.0).to_bits()),
        },
        Value::String(text) => Amqp::Text(text.as_str().into()),
        Value::Array(values) => Amqp::List(values.iter().map(amqp).collect()),
        Value::Object(fields) => Amqp::Table(table(fields)),
    }
}

/// A table.
pub fn table(fields: &Map<String, Value>) -> Headers {
    fields.iter().map(|(name, value)| (name.as_str().into(), amqp(value))).collect()
}

/// The table in a field, if there is one.
pub fn table_in(fields: &Map<String, Value>, name: &str) -> Headers {
    fields.get(name).and_then(Value::as_object).map(table).unwrap_or_default()
}

/// The properties of a publish. `Err` names one that is not understood.
pub fn properties(fields: &Map<String, Value>) -> Result<Properties, String> {
    let mut properties = Properties::default();
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.as_str().into()),
        Value::Null => None,
        other => Some(other.to_string().into()),
    };
    for (name, value) in fields {
        match name.as_str() {
            "delivery_mode" => properties.persistent = value.as_u64() == Some(2),
            "priority" => {
                properties.priority = value.as_u64().and_then(|it| u8::try_from(it).ok());
            }
            "expiration" => properties.expiration = text(value),
            "message_id" => properties.message_id = text(value),
            "correlation_id" => properties.correlation_id = text(value),
            "reply_to" => properties.reply_to = text(value),
            "user_id" => properties.user_id = text(value),
            "headers" => properties.headers = value.as_object().map(table).unwrap_or_default(),
            "content_type" | "timestamp" | "type" | "app_id" => {}
            other => return Err(format!("the property {other}")),
        }
    }
    Ok(properties)
}

/// A value as a recording writes it.
pub fn json_of(value: &Amqp) -> Value {
    match value {
        Amqp::Void => Value::Null,
        Amqp::Bool(yes) => json!(yes),
        Amqp::Int(number) => json!(number),
        Amqp::Double(bits) => json!(f64::from_bits(*bits)),
        Amqp::Text(text) => json!(text.as_str()),
        Amqp::Timestamp(seconds) => json!(seconds),
        Amqp::List(values) => Value::Array(values.iter().map(json_of).collect()),
        Amqp::Table(table) => Value::Object(json_of_table(table)),
    }
}

fn json_of_table(table: &Headers) -> Map<String, Value> {
    table.iter().map(|(name, value)| (name.to_string(), json_of(value))).collect()
}

/// The properties of a delivery as a recording writes them.
pub fn props_of(delivery: &Delivery) -> Map<String, Value> {
    let Properties {
        persistent,
        priority,
        expiration,
        message_id,
        correlation_id,
        reply_to,
        user_id,
        headers,
    } = &delivery.message.publication.properties;
    let mut headers = json_of_table(headers);
    if let Some(count) = delivery.delivery_count {
        headers.insert("x-delivery-count".to_owned(), json!(count));
    }
    let mut props = Map::new();
    if *persistent {
        props.insert("delivery_mode".to_owned(), json!(2));
    }
    if let Some(priority) = priority {
        props.insert("priority".to_owned(), json!(priority));
    }
    let texts = [
        ("user_id", user_id),
        ("expiration", expiration),
        ("message_id", message_id),
        ("correlation_id", correlation_id),
        ("reply_to", reply_to),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            props.insert(name.to_owned(), json!(text.as_str()));
        }
    }
    if !headers.is_empty() {
        props.insert("headers".to_owned(), Value::Object(headers));
    }
    props
}

/// Properties as they are compared: without what says nothing and without points in time.
pub fn comparable(props: &Map<String, Value>) -> Map<String, Value> {
    let mut props = props.clone();
    for silent in ["content_type", "timestamp", "type", "app_id"] {
        props.remove(silent);
    }
    if props.get("delivery_mode") == Some(&json!(1)) {
        props.remove("delivery_mode");
    }
    if let Some(Value::Object(headers)) = props.get_mut("headers") {
        if let Some(Value::Array(deaths)) = headers.get_mut("x-death") {
            for death in deaths.iter_mut().filter_map(Value::as_object_mut) {
                death.remove("time");
            }
        }
        if headers.is_empty() {
            props.remove("headers");
        }
    }
    props
}
