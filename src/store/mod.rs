//! Downstream services: where the effects of messages land.
//!
//! *Modelled:* a service with so many servers and a queue in front of them, which can fail, be out
//! for a while (refusing, or letting callers hang), fail after its effect, and recognise a message
//! it has seen before. *Left out:* what the effect is.

mod service;

pub use service::{Dedup, Outage, Service, ServiceConfig};

#[cfg(test)]
mod tests;
