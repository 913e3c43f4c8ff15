//! `[network]` and `[[fault]]`: what happens to all of them.

use super::{ANY, MESSAGES, SOME, Table, may, must, or};
use crate::scenario::kind::{Kind, Space, Word};

pub(super) static NETWORK: Table = Table::new(
    "network",
    "[network]",
    "How long packets are under way.",
    &[
        or("latency", Kind::Dist, "\"250us\"", "One way, between any two participants."),
        may("link", Kind::Tables(&LINK), "Links with a latency of their own."),
    ],
)
.aliases(&[("links", "write [[network.link]]")]);

static LINK: Table = Table::new(
    "network.link",
    "[[network.link]]",
    "A link with a latency of its own.",
    &[
        must("from", Kind::Ref(Space::Node), "Who sends."),
        must("to", Kind::Ref(Space::Node), "Who receives."),
        must("latency", Kind::Dist, "One way."),
        or("both", Kind::Bool, "true", "The way back as well."),
    ],
);

/// The systems that a file can describe.
const SYSTEMS: &[Word] =
    &[super::word("rabbitmq", "RabbitMQ."), super::word("kafka", "Kafka.")];

pub(super) static FAULT: Table = Table::new(
    "fault",
    "[[fault]]",
    "Something that goes wrong, is put right, or is done by an operator.",
    &[
        may("at", ANY, "When, counted from the beginning. Either `at` or `when`."),
        may("when", Kind::Either(&[Kind::Text, Kind::Table(&WHEN)]), "After what: \"m7 is delivered\", \"the 3rd confirmed\", or a table."),
        must("do", Kind::Table(&DO), "What."),
        may("for", SOME, "How long; then it is put right by itself (pause, slow, cut, partition, outage, alarm)."),
        may("only", Kind::Choice(SYSTEMS), "The system that it is about, in a file that describes one workload for both: without the other's profile it happens, without its own it does not."),
        may("restart_after", ANY, "How long after it a process that went down starts again (crash, power-loss, stop)."),
    ],
)
.aliases(&[
    ("restart-after", "write `restart_after`"),
    ("after", "a fault has `at` (a time) or `when` (an event); `when` may be a table with `after`"),
]);

pub(super) static WHEN: Table = Table::new(
    "fault.when",
    "`when`",
    "An event that a fault waits for.",
    &[
        must("event", Kind::Text, "What must have been noted, such as \"delivered\" or \"confirmed\"."),
        may("message", Kind::Whole(1, MESSAGES), "About this message only: its number."),
        may("by", Kind::Ref(Space::Node), "By this participant only."),
        or("nth", Kind::Whole(1, MESSAGES), "1", "The how-manyeth of them."),
        or("after", ANY, "\"0s\"", "How long after it."),
    ],
);

static DO: Table = Table::new(
    "fault.do",
    "`do`",
    "What a fault does.",
    &[
        may("crash", Kind::Some(&Kind::Ref(Space::Node)), "The process dies at once (kill -9); its machine closes the connections."),
        may("kill", Kind::Some(&Kind::Ref(Space::Node)), "The same as `crash`."),
        may("power-loss", Kind::Some(&Kind::Ref(Space::Node)), "The machine loses power: what was not synced is gone, and nobody is told."),
        may("stop", Kind::Some(&Kind::Ref(Space::Node)), "An orderly stop."),
        may("restart", Kind::Some(&Kind::Ref(Space::Node)), "A process that is down starts again."),
        may("pause", Kind::Some(&Kind::Ref(Space::Node)), "The process stands still."),
        may("resume", Kind::Some(&Kind::Ref(Space::Node)), "A paused process goes on."),
        may("slow", Kind::Table(&SLOW), "Everything it does takes longer."),
        may("cut", Kind::Table(&CUT), "Nothing passes between two participants, or in one direction."),
        may("partition", Kind::List(&Kind::Some(&Kind::Ref(Space::Node))), "Nothing passes between groups of participants."),
        may("heal", Kind::Either(&[Kind::Table(&CUT), Kind::Text]), "What was cut carries packets again; \"all\" heals everything."),
        may("break", Kind::List(&Kind::Ref(Space::Node)), "The connection between two participants is reset."),
        may("outage", Kind::Some(&Kind::Ref(Space::Service)), "A service refuses all calls."),
        may("recover", Kind::Some(&Kind::Ref(Space::Service)), "A service works again."),
        may("alarm", Kind::Some(&Kind::Ref(Space::Broker)), "A memory or disk alarm blocks publishers."),
        may("clear-alarm", Kind::Some(&Kind::Ref(Space::Broker)), "The alarm goes off."),
        may("join", Kind::Some(&Kind::Ref(Space::Client)), "A client begins: it does nothing before."),
        may("leave", Kind::Some(&Kind::Ref(Space::Client)), "A client leaves in an orderly way."),
        may("unclean-election", Kind::Table(&PARTITION), "Kafka: an operator elects a leader that may lack committed records."),
        may("create-partitions", Kind::Table(&GROWN), "Kafka: a topic gets more partitions."),
        may("delete-records", Kind::Table(&DELETED), "Kafka: an operator deletes the records of a partition."),
        may("seek", Kind::Table(&SEEK), "Kafka: consumers move their position on all their partitions."),
        may("pause-fetching", Kind::Some(&Kind::Ref(Space::Client)), "Kafka: consumers pause all their partitions, and stay in their group."),
        may("resume-fetching", Kind::Some(&Kind::Ref(Space::Client)), "Kafka: they go on."),
    ],
)
.one()
.aliases(&[
    ("kill-9", "write `kill`"),
    ("power_loss", "write `power-loss`"),
    (
        "start",
        "write `restart` for a process that went down, `join` for one that was not there yet",
    ),
]);

static PARTITION: Table = Table::new(
    "fault.do.unclean-election",
    "`unclean-election`",
    "A partition.",
    &[
        must("topic", Kind::Ref(Space::Topic), "Of which topic."),
        or("partition", Kind::Whole(0, 9_999), "0", "Which, from 0."),
    ],
);

static GROWN: Table = Table::new(
    "fault.do.create-partitions",
    "`create-partitions`",
    "More partitions for a topic.",
    &[
        must("topic", Kind::Ref(Space::Topic), "Which topic."),
        must("partitions", Kind::Whole(2, 10_000), "How many it has then."),
    ],
);

static DELETED: Table = Table::new(
    "fault.do.delete-records",
    "`delete-records`",
    "Records to delete.",
    &[
        must("topic", Kind::Ref(Space::Topic), "Of which topic."),
        or("partition", Kind::Whole(0, 9_999), "0", "Of which partition, from 0."),
        may("before", Kind::Whole(0, i64::MAX), "All below this offset; all below the high watermark if nothing is said."),
    ],
);

/// Where consumers can seek to.
const PLACES: &[Word] = &[
    super::word("beginning", "The start of the log."),
    super::word("end", "The end of the log."),
];

static SEEK: Table = Table::new(
    "fault.do.seek",
    "`seek`",
    "Where consumers move.",
    &[
        must("consumer", Kind::Ref(Space::Client), "Who."),
        must("to", Kind::Either(&[Kind::Choice(PLACES), Kind::Whole(0, i64::MAX)]), "Where: \"beginning\", \"end\" or an offset."),
    ],
);

static SLOW: Table = Table::new(
    "fault.do.slow",
    "`slow`",
    "A participant that becomes slow.",
    &[
        must("node", Kind::Ref(Space::Node), "Who."),
        must("to", Kind::Percent, "How long everything takes from then on: \"300%\" is three times the usual."),
    ],
);

static CUT: Table = Table::new(
    "fault.do.cut",
    "`cut`",
    "A link between two participants.",
    &[
        must("from", Kind::Ref(Space::Node), "Who sends."),
        must("to", Kind::Ref(Space::Node), "Who receives."),
        or("both", Kind::Bool, "true", "The way back as well."),
    ],
);
