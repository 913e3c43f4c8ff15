//! Which systems a scenario runs: `profile` says it. A file may describe one workload for RabbitMQ
//! and for Kafka; with a profile of one of them only, the other's part of the file is left out.

use super::raw::{Raw, RawValue};
use super::tree::{Entry, Tree};

/// The profile of `system` that a scenario names, such as `kafka-4.1`; that of today when it names
/// none.
pub(super) fn profile<'a>(tree: &'a Tree, system: &str) -> &'a str {
    let mut named = tree.list("profile").iter().filter_map(Entry::as_text);
    let default = if system == "kafka" { "kafka-4.1" } else { "rabbitmq-4.2" };
    named.find(|name| name.starts_with(system)).unwrap_or(default)
}

/// The parts of a file that belong to one system.
const PARTS: [(&str, &[&str]); 2] =
    [("rabbitmq", &["rabbitmq", "producer", "consumer"]), ("kafka", &["kafka"])];

/// Leaves out what belongs to a system that no profile names.
pub(super) fn choose(raw: &mut Raw) {
    let profiles = raw.get("profile").map(Raw::texts).unwrap_or_default();
    let named = |system: &str| profiles.iter().any(|name| name.starts_with(system));
    if profiles.is_empty() || PARTS.iter().all(|(system, _)| named(system)) {
        return;
    }
    let RawValue::Table(fields) = &mut raw.value else { return };
    for (system, keys) in PARTS.iter().filter(|(system, _)| !named(system)) {
        // what belongs to nobody else either is wrong, and reported as such
        let other = PARTS.iter().any(|(other, keys)| {
            other != system && fields.iter().any(|field| keys.contains(&field.key.as_str()))
        });
        if other {
            fields.retain(|field| !keys.contains(&field.key.as_str()));
            for field in fields.iter_mut().filter(|field| field.key == "fault") {
                if let RawValue::Tables(faults) | RawValue::List(faults) = &mut field.value.value {
                    faults.retain(|fault| fault.get("only").and_then(Raw::as_text) != Some(system));
                }
            }
        }
    }
}
