//! `[rabbitmq]`: the broker, with the names that definitions files and `rabbitmq.conf` use.

use super::{EXCHANGES, Key, LONGEST, QUEUES, Table, may, must, or};
use crate::scenario::kind::{Kind, Space, Unit};

const LONGEST_MS: i64 = LONGEST.as_millis() as i64;

const fn setting(name: &'static str, unit: Unit, default: &'static str, doc: &'static str) -> Key {
    let most = match unit {
        Unit::Milliseconds => LONGEST_MS,
        Unit::Seconds => LONGEST_MS / 1_000,
    };
    or(name, Kind::Bare { unit, least: 0, most, quoted: true }, default, doc)
}

pub(super) static RABBITMQ: Table = Table::new(
    "rabbitmq",
    "[rabbitmq]",
    "The RabbitMQ cluster: its nodes, settings and topology.",
    &[
        or("nodes", Kind::Whole(1, 5), "1", "How many nodes the cluster has: 1, 3 or 5. With several they are called rabbit-1, rabbit-2 and so on; quorum queues have a member on each."),
        setting("consumer_timeout", Unit::Milliseconds, "1800000", "rabbitmq.conf `consumer_timeout`: how long a delivery may stay unacknowledged."),
        setting("heartbeat", Unit::Seconds, "60", "rabbitmq.conf `heartbeat`: the interval that the broker suggests; 0 switches it off."),
        setting("channel_tick_interval", Unit::Milliseconds, "60000", "rabbitmq.conf `channel_tick_interval`: how often channels look for deliveries that are too old."),
        setting("dead_letter_worker_publisher_confirm_timeout", Unit::Milliseconds, "180000", "rabbitmq.conf: after what time at-least-once dead lettering tries again."),
        may("exchange", Kind::Tables(&EXCHANGE), "Exchanges that exist from the beginning."),
        may("queue", Kind::Tables(&QUEUE), "Queues that exist from the beginning."),
        may("binding", Kind::Tables(&BINDING), "Bindings that exist from the beginning."),
        may("policy", Kind::Tables(&POLICY), "Policies that are set from the beginning."),
    ],
)
.aliases(&[
    ("queues", "write [[rabbitmq.queue]]"),
    ("exchanges", "write [[rabbitmq.exchange]]"),
    ("bindings", "write [[rabbitmq.binding]]"),
    ("policies", "write [[rabbitmq.policy]]"),
    ("version", "the version is in `profile`, at the top level"),
]);

static EXCHANGE: Table = Table::new(
    "rabbitmq.exchange",
    "[[rabbitmq.exchange]]",
    "An exchange.",
    &[
        must("name", Kind::Name, "Its name."),
        or("type", Kind::Choice(EXCHANGES), "\"direct\"", "How it routes."),
        or("durable", Kind::Bool, "true", "It survives a restart of the broker."),
        or("auto_delete", Kind::Bool, "false", "It goes with its last binding."),
        or("internal", Kind::Bool, "false", "Clients may not publish to it."),
        or("arguments", Kind::Table(&EXCHANGE_ARGUMENTS), "{}", "Its `x-arguments`."),
    ],
);

static EXCHANGE_ARGUMENTS: Table = Table::new(
    "rabbitmq.exchange.arguments",
    "the arguments of an exchange",
    "Arguments of exchange.declare.",
    &[may(
        "alternate-exchange",
        Kind::Amqp,
        "Where messages go that this exchange routes to no queue.",
    )],
)
.rest(Kind::Amqp, "Any other argument.");

static QUEUE: Table = Table::new(
    "rabbitmq.queue",
    "[[rabbitmq.queue]]",
    "A queue.",
    &[
        must("name", Kind::Name, "Its name."),
        or("type", Kind::Choice(QUEUES), "\"classic\"", "What kind of queue it is (`x-queue-type`)."),
        or("durable", Kind::Bool, "true", "It survives a restart of the broker."),
        or("exclusive", Kind::Bool, "false", "Only the connection that declares it may use it."),
        or("auto_delete", Kind::Bool, "false", "It goes with its last consumer."),
        or("exists", Kind::Bool, "true", "It is there from the beginning, with its bindings; otherwise once a client has declared it (`declares`)."),
        may("node", Kind::Ref(Space::Broker), "Classic queues of a cluster: the node that it lives on; otherwise the first, or the one whose client declares it."),
        or("arguments", Kind::Table(&QUEUE_ARGUMENTS), "{}", "Its `x-arguments`, with the numbers that RabbitMQ takes: milliseconds, counts, bytes."),
    ],
)
.aliases(&[
    ("ttl", "the time to live is an argument: arguments = { x-message-ttl = 60000 }"),
    ("x-message-ttl", "it is an argument: arguments = { x-message-ttl = 60000 }"),
    ("x-dead-letter-exchange", "it is an argument: arguments = { x-dead-letter-exchange = \"…\" }"),
    ("dead_letter_exchange", "it is an argument: arguments = { x-dead-letter-exchange = \"…\" }"),
    ("x-queue-type", "write type = \"quorum\""),
    ("kind", "write type = \"classic\" or type = \"quorum\""),
]);

const fn count(name: &'static str, least: i64, most: i64, doc: &'static str) -> Key {
    may(name, Kind::Whole(least, most), doc)
}

const fn millis(name: &'static str, least: i64, doc: &'static str) -> Key {
    may(name, Kind::Bare { unit: Unit::Milliseconds, least, most: LONGEST_MS, quoted: false }, doc)
}

static QUEUE_ARGUMENTS: Table = Table::new(
    "rabbitmq.queue.arguments",
    "the arguments of a queue",
    "Arguments of queue.declare.",
    &[
        millis("x-message-ttl", 0, "Milliseconds after which a message that waits expires."),
        millis("x-expires", 1, "Milliseconds after which an unused queue is deleted, with all that is in it."),
        count("x-max-length", 0, u32::MAX as i64, "How many ready messages it holds at most."),
        count("x-max-length-bytes", 0, i64::MAX, "How many bytes of ready messages it holds at most."),
        may("x-overflow", Kind::Text, "What happens when it is full: \"drop-head\", \"reject-publish\" or \"reject-publish-dlx\"."),
        may("x-dead-letter-exchange", Kind::Text, "Where messages go that are rejected, expire or do not fit; \"\" is the default exchange."),
        may("x-dead-letter-routing-key", Kind::Text, "With which routing key; otherwise with their own."),
        may("x-dead-letter-strategy", Kind::Text, "\"at-most-once\" or, on quorum queues, \"at-least-once\"."),
        count("x-delivery-limit", -1, u32::MAX as i64, "Quorum queues: how often a message may be returned; -1 is without limit."),
        count("x-max-priority", 1, 255, "Classic queues: the highest priority."),
        may("x-single-active-consumer", Kind::Bool, "Only one consumer at a time receives."),
        may("x-queue-mode", Kind::Text, "\"default\" or \"lazy\": without effect since 3.12."),
        count("x-queue-version", 1, 2, "Classic queues: the version of the storage."),
        count("x-quorum-initial-group-size", 1, 5, "Quorum queues: how many members it begins with."),
    ],
)
.rest(Kind::Amqp, "Any other argument: RabbitMQ accepts and ignores it.");

static BINDING: Table = Table::new(
    "rabbitmq.binding",
    "[[rabbitmq.binding]]",
    "A binding, with the names of a definitions file.",
    &[
        must("source", Kind::Ref(Space::Exchange), "The exchange that routes."),
        must("destination", Kind::Ref(Space::QueueOrExchange), "The queue or the exchange that receives."),
        or("routing_key", Kind::Text, "\"\"", "The binding key."),
        or("arguments", Kind::Table(&BINDING_ARGUMENTS), "{}", "What a headers exchange compares; `x-match` says how."),
    ],
)
.aliases(&[
    ("exchange", "the exchange is the `source` of a binding"),
    ("queue", "the queue is the `destination` of a binding"),
    ("key", "the binding key is called `routing_key`"),
    ("binding_key", "the binding key is called `routing_key`"),
]);

static BINDING_ARGUMENTS: Table = Table::new(
    "rabbitmq.binding.arguments",
    "the arguments of a binding",
    "Arguments of queue.bind.",
    &[],
)
.rest(Kind::Amqp, "A header and its value.");

static POLICY: Table = Table::new(
    "rabbitmq.policy",
    "[[rabbitmq.policy]]",
    "A policy: arguments for all queues whose name matches.",
    &[
        must("name", Kind::Name, "Its name."),
        must("pattern", Kind::Text, "Which names: a regular expression of ^, $, ., *, .* and letters."),
        must("definition", Kind::Table(&POLICY_DEFINITION), "The settings, without `x-`: message-ttl, dead-letter-exchange, max-length and so on."),
    ],
);

static POLICY_DEFINITION: Table = Table::new(
    "rabbitmq.policy.definition",
    "the definition of a policy",
    "Settings of a policy.",
    &[],
)
.rest(Kind::Amqp, "A setting and its value.");
