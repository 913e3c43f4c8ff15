//! Numbers of a run, by name, so that scenarios can say what they expect of them.

use std::collections::BTreeMap;

/// Numbers of a run, by name. Times are in microseconds and their names end in `-us`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Facts {
    values: BTreeMap<String, u64>,
    /// How often each message was delivered, by its number.
    deliveries: Vec<u16>,
}

impl Facts {
    pub(super) fn set(&mut self, name: impl Into<String>, value: u64) {
        self.values.insert(name.into(), value);
    }

    /// Sets a number unless it is larger already.
    pub(super) fn raise(&mut self, name: impl Into<String>, value: u64) {
        let known = self.values.entry(name.into()).or_insert(0);
        *known = value.max(*known);
    }

    /// Adds to a number.
    pub(super) fn more(&mut self, name: impl Into<String>, value: u64) {
        *self.values.entry(name.into()).or_insert(0) += value;
    }

    pub(super) fn set_deliveries(&mut self, deliveries: Vec<u16>) {
        self.deliveries = deliveries;
    }

    /// The number with this name: one of [`Facts::names`], or `m7.deliveries` for any message
    /// (0 for one that was never delivered).
    pub fn get(&self, name: &str) -> Option<u64> {
        if let Some(&value) = self.values.get(name) {
            return Some(value);
        }
        let id = name.strip_prefix('m')?.strip_suffix(".deliveries")?;
        let id: usize = id.parse().ok()?;
        Some(self.deliveries.get(id).copied().unwrap_or(0).into())
    }

    /// The names of all numbers but those of single messages, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// All numbers but those of single messages, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.values.iter().map(|(name, &value)| (name.as_str(), value))
    }
}
