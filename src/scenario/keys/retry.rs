//! `retry`: how a consumer has a failed message tried again.

use super::{Table, may, must, or, word};
use crate::kernel::Span;
use crate::scenario::kind::{Kind, Space, Word};

pub(super) const COUNTS: &[Word] = &[
    word("header", "By a header that it writes itself."),
    word("delivery-count", "By x-delivery-count, which only quorum queues add."),
    word("redelivered", "By the redelivered flag, which cannot count further than \"again\"."),
    word("memory", "By its own memory, which a crash empties and other instances do not share."),
    word("x-death", "By the counts in its x-death header."),
];

const WAYS: &[Word] = &[
    word(
        "delay-queue",
        "A copy is published to a queue per delay, of which it is dead-lettered back.",
    ),
    word(
        "message-ttl",
        "A copy with an expiration of its own is published to one queue for all delays.",
    ),
    word("republish", "A copy is published at once, to `to`."),
    word("nack-requeue", "basic.nack with requeue=true."),
    word("reject-requeue", "basic.reject with requeue=true."),
];

const DECLARES: &[Word] = &[
    word("before-each-publish", "Before each publish, waiting for the answer."),
    word("once", "Once for each name in the life of a process."),
    word("never", "Never: it exists already, or does not."),
];

const SETTLES: &[Word] = &[
    word("nack-discard", "basic.nack with requeue=false: dead-lettered or dropped."),
    word("reject-discard", "basic.reject with requeue=false: dead-lettered or dropped."),
    word("nack-requeue", "basic.nack with requeue=true: it begins again."),
    word("ack", "basic.ack: it is forgotten."),
];

const ORDERS: &[Word] = &[
    word("publish-then-ack", "A crash in between leaves both: a duplicate."),
    word("ack-then-publish", "A crash in between leaves neither: a loss."),
];

/// The shortest delay is what a broker can count.
const DELAY: Kind = Kind::Span(Span::from_millis(1), super::LONGEST);

pub(super) static RETRY: Table = Table::new(
    "consumer.retry",
    "`retry`",
    "How a failed message is tried again, and what happens when that has been enough.",
    &[
        or("count_by", Kind::Choice(COUNTS), "\"header\"", "How it tells which attempt it is looking at."),
        or("max_retries", Kind::Whole(0, 65_535), "5", "After so many retries it is enough: a message is handled this often plus once."),
        or("via", Kind::Choice(WAYS), "\"delay-queue\"", "The way back into the queue."),
        may("queue", Kind::Ref(Space::Queue), "delay-queue: where it comes back to; the consumer's own queue if nothing is said."),
        may("prefix", Kind::Text, "delay-queue: the name of a delay queue is this and the delay in milliseconds; \"<queue>.retry.\" if nothing is said."),
        may("delay_queue", Kind::Ref(Space::Queue), "message-ttl: the queue for all delays."),
        or("base", DELAY, "\"1s\"", "The first delay, in whole milliseconds."),
        or("multiplier", Kind::Percent, "\"200%\"", "Each delay in percent of the one before."),
        or("cap", DELAY, "\"30s\"", "The longest delay."),
        or("jitter", Kind::Chance, "\"0%\"", "Each delay is drawn up to this much shorter or longer."),
        or("declare", Kind::Choice(DECLARES), "\"before-each-publish\"", "delay-queue: when a delay queue is declared."),
        or("expires", Kind::Either(&[Kind::Bool, Kind::Percent]), "\"200%\"", "delay-queue: x-expires in percent of the delay; false keeps the queue for ever."),
        or("arguments", Kind::Table(&ARGUMENTS), "{}", "delay-queue: further arguments of a delay queue, such as x-queue-type."),
        may("to", Kind::Table(&TO), "republish: where to; the consumer's own queue if nothing is said."),
        must("exhausted", Kind::Either(&[Kind::Choice(SETTLES), Kind::Table(&TO)]), "What happens when it was tried often enough: an answer such as \"nack-discard\", or where a copy is published."),
        or("header", Kind::Name, "\"x-attempt\"", "The header that counts the retries so far."),
        or("persistent", Kind::Bool, "true", "Copies are persistent."),
        or("mandatory", Kind::Bool, "false", "Copies that cannot be routed come back, and the retry fails."),
        or("wait_for_confirm", Kind::Bool, "false", "Wait for the confirm of a copy before what comes next; needs channel = \"confirm\"."),
        or("order", Kind::Choice(ORDERS), "\"publish-then-ack\"", "Publish the copy and acknowledge the original: in which order."),
    ],
)
.aliases(&[
    ("max_attempts", "write `max_retries`: attempts without the first one"),
    ("delay", "the first delay is called `base`"),
    ("factor", "write multiplier = \"200%\""),
    ("max_delay", "the longest delay is called `cap`"),
    ("x-expires", "write expires = \"200%\": in percent of the delay"),
]);

static ARGUMENTS: Table = Table::new(
    "consumer.retry.arguments",
    "the arguments of a delay queue",
    "Arguments of queue.declare.",
    &[],
)
.rest(Kind::Amqp, "An argument and its value.");

static TO: Table = Table::new(
    "consumer.retry.to",
    "where a copy is published",
    "Where a copy is published.",
    &[
        or("exchange", Kind::Ref(Space::Exchange), "\"\"", "The exchange; \"\" is the default exchange."),
        must("routing_key", Kind::Text, "The routing key; with the default exchange the name of the queue."),
        may("header", Kind::Name, "A header that gets the number of the attempt."),
    ],
);
