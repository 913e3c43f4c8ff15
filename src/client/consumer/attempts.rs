//! Which attempt is this? What a process can tell, by each of the ways in which it can.

use super::config::{ConsumerConfig, OnFailure};
use crate::client::retry::CountBy;
use crate::talk::{Delivery, Message, Name, Value};

/// The header that counts where no retry names another.
const HEADER: &str = "x-attempt";

/// Which attempt a delivery is: 1 is the first. `failures` counts those that this process remembers.
pub(super) fn attempt<H>(config: &ConsumerConfig<H>, delivery: &Delivery, failures: u16) -> u16 {
    let (count, header) = match &config.on_failure {
        OnFailure::Retry(retry) => (retry.count, retry.header.as_str()),
        _ => (config.count, HEADER),
    };
    let earlier = match count {
        CountBy::Header => header_count(&delivery.message, header),
        CountBy::DeliveryCount => clamp(delivery.delivery_count.unwrap_or(0).into()),
        CountBy::Redelivered => u16::from(delivery.redelivered),
        CountBy::Memory => failures,
        CountBy::Deaths => deaths(&delivery.message),
    };
    earlier.saturating_add(1)
}

fn header_count(message: &Message, header: &str) -> u16 {
    let value = message.publication.properties.headers.get(header);
    clamp(value.and_then(Value::as_int).unwrap_or(0))
}

/// How often a message died, as its `x-death` header says: the sum of all `count`s.
pub(super) fn deaths(message: &Message) -> u16 {
    let headers = &message.publication.properties.headers;
    if headers.is_empty() {
        return 0;
    }
    let Some(Value::List(deaths)) = headers.get("x-death") else { return 0 };
    let count = |death: &Value| match death {
        Value::Table(table) => table.get(&Name::from("count")).and_then(Value::as_int).unwrap_or(0),
        _ => 0,
    };
    clamp(deaths.iter().map(count).fold(0, i64::saturating_add))
}

fn clamp(n: i64) -> u16 {
    u16::try_from(n.max(0)).unwrap_or(u16::MAX)
}
