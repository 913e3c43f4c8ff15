//! `[[producer]]`, `[[consumer]]` and `[[service]]`: the applications.

use super::{
    ACKS, AGAIN, ANY, BLOCKED, CANCELS, CHANNELS, CLIENTS, FAILURES, Key, MESSAGES, MIXES, OUTAGES,
    PACES, PICKS, SOME, Table, may, must, or, retry,
};
use crate::scenario::kind::{Kind, Space};

/// How many processes one entry may stand for.
pub(super) const INSTANCES: Kind = Kind::Whole(1, 1_000);

const CLIENT: Key =
    or("client", Kind::Choice(CLIENTS), "\"amqplib\"", "Which client library it uses.");
pub(super) const BROKER: Key = may(
    "broker",
    Kind::Ref(Space::Broker),
    "Which node it connects to; the first one if nothing is said.",
);
pub(super) const HEARTBEAT: Key = may(
    "heartbeat",
    ANY,
    "The heartbeat it asks for; the shorter of its own and the broker's counts, and zero leaves it to the other.",
);
pub(super) const CONNECT_TIMEOUT: Key =
    or("connect_timeout", SOME, "\"10s\"", "How long an attempt to connect waits for an answer.");
pub(super) const RECONNECT: Key =
    or("reconnect", Kind::Dist, "\"1s\"", "How long it waits before it connects again.");
const JOINED: Key = or(
    "joined",
    Kind::Bool,
    "true",
    "It is there from the beginning; otherwise it waits for a fault that says `join`.",
);
pub(super) const DECLARES: Key = may(
    "declares",
    Kind::List(&Kind::Ref(Space::Queue)),
    "Queues that it declares, with their bindings, whenever it has connected.",
);

pub(super) static PRODUCER: Table = Table::new(
    "producer",
    "[[producer]]",
    "An application that sends.",
    &[
        must("name", Kind::Name, "Its name; with several instances they are called name-1, name-2 and so on."),
        or("instances", INSTANCES, "1", "How many processes, each with so many `messages`."),
        must("publish", Kind::Some(&Kind::Table(&PUBLISH)), "Where to, and with which properties; several tables share the messages by `weight`."),
        or("mix", Kind::Choice(MIXES), "\"in-turn\"", "How several `publish` tables alternate."),
        must("messages", Kind::Whole(0, MESSAGES), "How many messages it submits."),
        or("begins", ANY, "\"0s\"", "When it submits the first one."),
        or("pace", Kind::Choice(PACES), "\"rate\"", "What it waits for before it submits the next one."),
        or("rate", Kind::Rate, "\"50/s\"", "How fast it submits them: \"50/s\", or { poisson = \"50/s\" }."),
        may("keys", Kind::Either(&[Kind::Whole(1, MESSAGES), Kind::Table(&KEYS)]), "How many entities the messages are about; a \"{key}\" in a routing key is replaced by the number of the entity."),
        or("confirm", Kind::Bool, "false", "confirm.select: the broker confirms every publish."),
        or("window", Kind::Whole(0, MESSAGES), "0", "At most so many publishes without a confirm (or requests without an answer); 0 is unlimited."),
        or("mandatory", Kind::Bool, "false", "basic.publish mandatory: what cannot be routed comes back."),
        may("confirm_timeout", SOME, "How long it waits for a confirm before it takes the publish for unknown."),
        or("on_unknown", Kind::Choice(AGAIN), "\"resend\"", "What it does with a publish that was not confirmed when the connection went."),
        or("on_nack", Kind::Choice(AGAIN), "\"resend\"", "What it does with a publish that the broker refused (basic.nack)."),
        or("on_return", Kind::Choice(AGAIN), "\"give-up\"", "What it does with a message that came back (basic.return)."),
        or("again_after", ANY, "\"1s\"", "How long it waits before it sends again what was refused or returned."),
        or("on_blocked", Kind::Choice(BLOCKED), "\"keep-writing\"", "What it does while an alarm of the broker blocks it."),
        or("outbox", Kind::Bool, "false", "It keeps what is not confirmed in a database and sends it after a crash of its own."),
        may("rpc", Kind::Table(&RPC), "Its messages are requests, and it waits for answers."),
        may("poison", Kind::Some(&Kind::Table(&POISON)), "Messages with which something is wrong."),
        may("declare_before_publish", Kind::List(&Kind::Ref(Space::Queue)), "Queues that it declares again before every publish, without waiting for the answer."),
        CLIENT,
        BROKER,
        HEARTBEAT,
        CONNECT_TIMEOUT,
        RECONNECT,
        JOINED,
        DECLARES,
    ],
)
.aliases(&[
    ("exchange", "write publish = { exchange = \"…\", routing_key = \"…\" }"),
    ("routing_key", "write publish = { exchange = \"…\", routing_key = \"…\" }"),
    ("queue", "a producer publishes to an exchange: publish = { exchange = \"\", routing_key = \"the queue\" }"),
    ("count", "the number of messages is called `messages`"),
    ("max_in_flight", "the limit of unconfirmed publishes is called `window`"),
    ("start_after", "write `begins`"),
]);

static PUBLISH: Table = Table::new(
    "producer.publish",
    "`publish`",
    "basic.publish: where to, and with which properties.",
    &[
        or("exchange", Kind::Ref(Space::Exchange), "\"\"", "The exchange; \"\" is the default exchange."),
        or("routing_key", Kind::Text, "\"\"", "The routing key; with the default exchange the name of the queue."),
        or("persistent", Kind::Bool, "true", "delivery_mode 2."),
        may("priority", Kind::Whole(0, 255), "The priority of the message."),
        may("expiration", Kind::Text, "The time to live of the message: a text of milliseconds, such as \"60000\"."),
        may("headers", Kind::Table(&HEADERS), "Headers, for a headers exchange."),
        or("size", Kind::Whole(0, u32::MAX as i64), "1000", "The size of the body in bytes."),
        or("weight", Kind::Whole(1, 1_000_000), "1", "How many of the messages are like this, relative to the other `publish` tables."),
    ],
)
.aliases(&[
    ("mandatory", "`mandatory` belongs to the producer: it stands next to `publish`"),
    ("queue", "with the default exchange, the queue is the `routing_key`"),
    ("delivery_mode", "write persistent = true for 2, persistent = false for 1"),
    ("ttl", "the time to live of a message is its `expiration`: a text of milliseconds"),
    ("key", "the entity of a message comes from the producer's `keys`"),
]);

pub(super) static HEADERS: Table =
    Table::new("producer.publish.headers", "`headers`", "Headers of a message.", &[])
        .rest(Kind::Amqp, "A header and its value.");

pub(super) static KEYS: Table = Table::new(
    "producer.keys",
    "`keys`",
    "The entities that messages are about.",
    &[
        must("count", Kind::Whole(1, MESSAGES), "How many there are."),
        or("pick", Kind::Choice(PICKS), "\"in-turn\"", "How each message gets one."),
        may("hot", Kind::Chance, "With pick = \"skewed\": the share of the first one."),
    ],
);

static RPC: Table = Table::new(
    "producer.rpc",
    "`rpc`",
    "Requests that wait for answers.",
    &[
        must("reply_queue", Kind::Name, "The exclusive queue for the answers; it is declared on every connection."),
        or("timeout", SOME, "\"10s\"", "How long it waits for an answer."),
        or("on_timeout", Kind::Choice(AGAIN), "\"give-up\"", "What it does then."),
    ],
);

pub(super) static POISON: Table = Table::new(
    "producer.poison",
    "`poison`",
    "Messages with which something is wrong: by default they fail every time.",
    &[
        may("messages", Kind::List(&Kind::Whole(1, MESSAGES)), "Which: 1 is the first message of this producer."),
        may("every", Kind::Whole(1, MESSAGES), "Which: every so manyeth message of this producer."),
        may("fails", Kind::Whole(1, 65_535), "It fails this many times at each consumer and then succeeds."),
        may("until_attempt", Kind::Whole(2, 65_535), "It fails while the process takes it for an attempt before this one."),
        may("takes", Kind::Dist, "It does not fail, but takes this long."),
        may("kills", Kind::Either(&[Kind::Bool, Kind::Whole(1, 65_535)]), "It kills the process: true for every time, or so many times."),
        may("consumers", Kind::Some(&Kind::Ref(Space::Consumer)), "For these consumers only; otherwise for all."),
    ],
)
.aliases(&[("message", "write messages = [7]")]);

pub(super) static CONSUMER: Table = Table::new(
    "consumer",
    "[[consumer]]",
    "An application that receives.",
    &[
        must("name", Kind::Name, "Its name; with several instances they are called name-1, name-2 and so on."),
        or("instances", INSTANCES, "1", "How many processes."),
        must("queue", Kind::Ref(Space::Queue), "From which queue."),
        or("prefetch", Kind::Whole(0, 65_535), "0", "basic.qos prefetch_count: how many deliveries it may hold unacknowledged; 0 is unlimited."),
        or("global", Kind::Bool, "false", "basic.qos global: the prefetch count is shared by the channel."),
        or("no_ack", Kind::Bool, "false", "basic.consume no_ack: deliveries need no acknowledgement."),
        or("exclusive", Kind::Bool, "false", "basic.consume exclusive: no other consumer may be on the queue."),
        or("arguments", Kind::Table(&CONSUMER_ARGUMENTS), "{}", "Arguments of basic.consume, such as `x-priority`."),
        or("handler", Kind::Table(&HANDLER), "{}", "What it does with a message."),
        or("concurrency", Kind::Whole(0, 65_535), "0", "How many handlers run at once; 0 is as many as there are deliveries, as in amqplib."),
        or("ack", Kind::Choice(ACKS), "\"after-effect\"", "When it acknowledges."),
        or("on_failure", Kind::Choice(FAILURES), "\"nack-requeue\"", "What it does when the handler fails."),
        may("retry", Kind::Table(&retry::RETRY), "With on_failure = \"retry\": how a message is tried again."),
        or("count_by", Kind::Choice(retry::COUNTS), "\"memory\"", "How it tells which attempt it is looking at, when it has no `retry`."),
        or("channel", Kind::Choice(CHANNELS), "\"plain\"", "The mode of its channel, for what it publishes itself."),
        or("stale_acks", Kind::Bool, "false", "A handler that outlived its channel acknowledges on the new one, where its tag means another delivery."),
        or("on_cancel", Kind::Choice(CANCELS), "\"reconnect\"", "What it does when the broker cancels it because its queue is gone."),
        or("respawn", Kind::Either(&[Kind::Bool, Kind::Dist]), "\"1s\"", "How long a supervisor takes to start it again after it has killed itself; false for never."),
        or("atomic", Kind::Bool, "false", "Stages that take no time happen in one step: faster, but no crash can fall between them."),
        CLIENT,
        BROKER,
        HEARTBEAT,
        CONNECT_TIMEOUT,
        RECONNECT,
        JOINED,
        DECLARES,
    ],
)
.aliases(&[
    ("auto_ack", "AMQP calls it `no_ack`"),
    ("autoAck", "AMQP calls it `no_ack`"),
    ("noAck", "write `no_ack`"),
    ("prefetch_count", "write `prefetch`"),
    ("priority", "write arguments = { x-priority = 5 }"),
    ("takes", "it belongs to the handler: handler = { takes = \"20ms\" }"),
    ("effect", "it belongs to the handler: handler = { effect = \"…\" }"),
    ("poison", "poison is a property of messages: it belongs to the [[producer]]"),
    ("replicas", "the number of processes is called `instances`"),
]);

static CONSUMER_ARGUMENTS: Table = Table::new(
    "consumer.arguments",
    "the arguments of a consumer",
    "Arguments of basic.consume.",
    &[may(
        "x-priority",
        Kind::Amqp,
        "Its priority among the consumers of the same queue; 0 if nothing is said.",
    )],
)
.rest(Kind::Amqp, "Any other argument.");

pub(super) static HANDLER: Table = Table::new(
    "consumer.handler",
    "`handler`",
    "What a consumer does with a message.",
    &[
        or("takes", Kind::Dist, "\"0s\"", "How long the handler works before its effect."),
        or("blocking", Kind::Bool, "false", "The work keeps the whole process busy, heartbeats included."),
        may("effect", Kind::Some(&Kind::Name), "Where its effect lands: a [[service]], which is called and can fail, or any other name for an effect inside of the handler."),
        may("timeout", SOME, "How long it waits for the answer of a service before it fails."),
        or("fails", Kind::Chance, "\"0%\"", "How often it fails before its effect."),
        or("fails_after_effect", Kind::Chance, "\"0%\"", "How often it fails after its effect."),
        may("forward", Kind::Some(&Kind::Table(&FORWARD)), "A copy that it publishes after its effect: the next station of a pipeline."),
        or("reply", Kind::Bool, "false", "It answers the message as a request (see `rpc` of a producer)."),
    ],
)
.aliases(&[
    ("duration", "write `takes`"),
    ("service", "the service that a handler calls is its `effect`"),
    ("on_failure", "`on_failure` belongs to the consumer: it stands next to `handler`"),
]);

static FORWARD: Table = Table::new(
    "consumer.handler.forward",
    "`forward`",
    "A copy that a handler publishes.",
    &[
        or("exchange", Kind::Ref(Space::Exchange), "\"\"", "The exchange; \"\" is the default exchange."),
        or("routing_key", Kind::Text, "\"\"", "The routing key."),
        or("mandatory", Kind::Bool, "false", "What cannot be routed comes back, and the handler fails."),
        or("wait_for_confirm", Kind::Bool, "false", "It waits for the confirm; needs channel = \"confirm\"."),
    ],
);

pub(super) static SERVICE: Table = Table::new(
    "service",
    "[[service]]",
    "What handlers call: where effects land.",
    &[
        must("name", Kind::Name, "Its name: what a handler calls its `effect`."),
        or("takes", Kind::Dist, "\"0s\"", "How long a call takes."),
        or("servers", Kind::Whole(0, 1_000_000), "0", "How many calls it serves at once; others wait in order. 0 is unlimited."),
        or("fails", Kind::Chance, "\"0%\"", "How often a call fails without an effect."),
        or("fails_after_effect", Kind::Chance, "\"0%\"", "How often a call has its effect and fails all the same: the caller cannot tell."),
        or("outage", Kind::Choice(OUTAGES), "\"refuses\"", "What callers meet during an outage."),
        or("dedup", Kind::Bool, "false", "It recognises a message that it has seen before, and does not repeat the effect."),
        may("dedup_for", SOME, "It forgets what it has seen after this long."),
        may("forgets", SOME, "As a store of keys: what it wrote so long before a crash is lost with it, as when a replica takes over that had not received it."),
    ],
);
