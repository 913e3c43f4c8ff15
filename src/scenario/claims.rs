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
    claim("M2", "Kafka is a commit log: a message lives until retention ends, whether it was read or not."),
    claim("M3", "RabbitMQ tracks delivery state in the broker."),
    claim("M4", "There is no replay: a message that was consumed does not come back for a consumer that comes later."),
    claim("M5", "Routing is rich: exchanges, bindings, patterns."),
    claim("M6", "The consumers of one queue compete for its messages."),
    claim("M7", "RabbitMQ's throughput ceiling is about 50,000 messages per second."),
    claim("M8", "RabbitMQ is for task queues, RPC and workflows."),
    claim("R1", "Without a dead-letter queue a poison message loops for ever and blocks the queue."),
    claim("R2", "With a dead-letter exchange a message moves to the DLQ when it is rejected, when its TTL expires, or when the queue is too long, so that the DLQ holds what went wrong."),
    claim("R3", "A separate consumer drains the DLQ and sends to human review what survives three attempts."),
    claim("R4", "An immediate nack with requeue hammers the downstream service during its outage; back off instead."),
    claim("R5", "Retry with back-off: republish to a queue per delay; each order takes effect once, or is in the dead queue after five retries."),
    claim("R6", "Without prefetch the broker pushes everything: one process holds 10,000 messages before its first ack."),
    claim("R7", "A prefetch of 1 to 10 improves throughput, bounds memory and gives fair dispatch."),
    claim("R8", "RabbitMQ also offers expiry by TTL, priorities, queues per worker, and at most one consumer that processes a task."),
    claim("K1", "The same key goes to the same partition, so the order of a key is kept."),
    claim("K2", "A constant key sends everything to one partition: one effective worker."),
    claim("K3", "A random key: no order of an entity is kept, which is fine for pure fan-out."),
    claim("K4", "A timestamp as the key makes hot recent partitions and cold old ones."),
    claim("K5", "The right key is the entity whose stream must be ordered."),
    claim("K6", "Every join or leave rebalances the group, and consumption pauses."),
    claim("K7", "A stable member id (the guide passes KafkaJS `memberId`) with sessionTimeout 30 s avoids needless rebalances."),
    claim("K8", "SET NX with a key of order and offset before handling makes a consumer idempotent."),
    claim("K9", "KafkaJS's default auto-commit commits before processing has finished, so a crash loses a message."),
    claim("K10", "autoCommit false, commit offset + 1 after success, throw on error so that it is redelivered: at-least-once."),
    claim("K11", "At-least-once with idempotent consumers is the practical substitute for exactly-once."),
    claim("D1", "RabbitMQ when routing is complex, messages should disappear, a task has one consumer, and the load is under 50,000 messages per second. (Also for a small team, of which no run can tell.)"),
    claim("D3", "Use both: Kafka as the event backbone, and RabbitMQ to dispatch the tasks behind it: priorities, TTL, worker queues."),
    claim("D4", "What runs in the end: Kafka for user actions, system events and audit, RabbitMQ for e-mail, PDF, webhooks and scheduled jobs."),
    claim("F1", "Backpressure: a producer that is faster than its consumers is held back before anything overflows or is lost."),
];

/// The claim with this short name.
pub fn find(id: &str) -> Option<&'static Claim> {
    ALL.iter().find(|claim| claim.id == id)
}
