//! The claims of the guide that scenarios examine.

/// A claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its short name.
    pub id: &'static str,
    /// What it says.
    pub text: &'static str,
}

const fn claim(id: &'static str, text: &'static str) -> Claim {
    Claim { id, text }
}

/// All of them, in the order of the guide.
#[rustfmt::skip]
pub const ALL: &[Claim] = &[
    claim("M1", "RabbitMQ moves a message from producer to consumer and forgets it once acknowledged."),
    claim("M3", "RabbitMQ tracks delivery state in the broker."),
    claim("M4", "A message that was consumed cannot be replayed."),
    claim("M5", "Routing is rich: exchanges, bindings, patterns."),
    claim("M6", "The consumers of one queue compete for its messages."),
    claim("M7", "RabbitMQ's throughput ceiling is about 50,000 messages per second."),
    claim("M8", "RabbitMQ is for task queues, RPC and workflows."),
    claim("R1", "Without a dead-letter queue a poison message loops for ever and blocks the queue."),
    claim("R2", "With a dead-letter exchange a message moves to the DLQ when it is rejected, when its TTL expires, or when the queue is too long."),
    claim("R3", "A separate consumer drains the DLQ and sends to human review what survives three attempts."),
    claim("R4", "An immediate nack with requeue hammers the downstream service during its outage; back off instead."),
    claim("R5", "Retry with back-off: republish to a queue per delay, at most five attempts, then the dead queue."),
    claim("R6", "Without prefetch the broker pushes everything: one process holds 10,000 messages before its first ack."),
    claim("R7", "A prefetch of 1 to 10 improves throughput, bounds memory and gives fair dispatch."),
    claim("R8", "TTL-based expiry, priorities, queues per worker, and at most one consumer for a task."),
    claim("D1", "RabbitMQ when routing is complex, messages should disappear, tasks have one consumer, the team is small, and the load is under 50,000 messages per second."),
    claim("D3", "RabbitMQ dispatches the tasks behind an event backbone: priorities, TTL, worker queues."),
    claim("D4", "RabbitMQ for e-mail, PDF, webhooks and scheduled jobs."),
    claim("F1", "Backpressure, and the failure modes that keep you up at night."),
];

/// The claim with this short name.
pub fn find(id: &str) -> Option<&'static Claim> {
    ALL.iter().find(|claim| claim.id == id)
}
