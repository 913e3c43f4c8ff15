//! `[[producer]]`, `[[consumer]]` and `[[service]]`: the applications.

use super::{ACKS, ANY, FAILURES, MESSAGES, SOME, Table, may, must, or};
use crate::scenario::kind::{Kind, Space};

pub(super) static PRODUCER: Table = Table::new(
    "producer",
    "[[producer]]",
    "An application that sends.",
    &[
        must("name", Kind::Name, "Its name."),
        must("publish", Kind::Table(&PUBLISH), "Where to, and with which properties."),
        must("messages", Kind::Whole(0, MESSAGES), "How many messages it submits."),
        or("rate", Kind::Rate, "\"50/s\"", "How fast it submits them."),
        or("confirm", Kind::Bool, "false", "confirm.select: the broker confirms every publish."),
    ],
);

static PUBLISH: Table = Table::new(
    "producer.publish",
    "`publish`",
    "basic.publish: where to, and with which properties.",
    &[
        or(
            "exchange",
            Kind::Ref(Space::Exchange),
            "\"\"",
            "The exchange; \"\" is the default exchange.",
        ),
        or("routing_key", Kind::Text, "\"\"", "The routing key."),
        or("persistent", Kind::Bool, "true", "delivery_mode 2."),
        or("mandatory", Kind::Bool, "false", "Return what cannot be routed."),
    ],
);

pub(super) static CONSUMER: Table = Table::new(
    "consumer",
    "[[consumer]]",
    "An application that receives.",
    &[
        must(
            "name",
            Kind::Name,
            "Its name; with several instances they are called name-1, name-2, …",
        ),
        or("instances", Kind::Whole(1, 1_000), "1", "How many processes."),
        must("queue", Kind::Ref(Space::Queue), "From which queue."),
        or("prefetch", Kind::Whole(0, 65_535), "0", "basic.qos prefetch_count; 0 is unlimited."),
        or("ack", Kind::Choice(ACKS), "\"after\"", "When it acknowledges."),
        or("handler", Kind::Table(&HANDLER), "{}", "What it does with a message."),
        or(
            "on_failure",
            Kind::Choice(FAILURES),
            "\"nack-requeue\"",
            "What it does when the handler fails.",
        ),
    ],
);

static HANDLER: Table = Table::new(
    "consumer.handler",
    "`handler`",
    "What a consumer does with a message.",
    &[
        or("takes", Kind::Dist, "\"1ms\"", "How long the handler works."),
        may("effect", Kind::Ref(Space::Service), "The service on which it has its effect."),
    ],
);

pub(super) static SERVICE: Table = Table::new(
    "service",
    "[[service]]",
    "What handlers call: where effects land.",
    &[
        must("name", Kind::Name, "Its name."),
        or("takes", Kind::Dist, "\"0s\"", "How long a call takes."),
        may("timeout", SOME, "How long a caller waits."),
        may("pause", ANY, "Unused."),
    ],
);
