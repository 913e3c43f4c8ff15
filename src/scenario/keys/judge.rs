//! `[judge]` and `[expect]`: what verdicts depend on, and what they must be.

use super::{Table, may, or};
use crate::scenario::kind::{Kind, Space, Word};

const COUNT: Kind = Kind::Whole(0, u32::MAX as i64);

const ORDERS: &[Word] = &[
    super::word("key@queue", "Messages of one producer about one entity, in queues."),
    super::word("key@delivery", "Messages of one producer about one entity, at consumers."),
    super::word("key@effect", "Messages of one producer about one entity, in the outside world."),
    super::word("producer@queue", "All messages of one producer, in queues."),
    super::word("producer@delivery", "All messages of one producer, at consumers."),
    super::word("producer@effect", "All messages of one producer, in the outside world."),
    super::word("queue@delivery", "What a queue pushes, against the order in which it was stored."),
];

pub(super) static JUDGE: Table = Table::new(
    "judge",
    "[judge]",
    "Bounds, and other numbers that verdicts depend on.",
    &[
        or("poison_after", Kind::Whole(1, 65_535), "30", "A message that was delivered more often than this without settling is in a loop."),
        may("order", Kind::List(&Kind::Choice(ORDERS)), "Which orders are judged, and where; per key everywhere, per producer and per queue in queues and at delivery if nothing is said."),
        may("dead", Kind::List(&Kind::Ref(Space::Queue)), "Queues in which messages come to rest: dead-letter and parking queues. Others are found by what came in."),
        may("bound", Kind::Tables(&BOUND), "Bounds on load; going beyond one is `unbounded`."),
    ],
);

static BOUND: Table = Table::new(
    "judge.bound",
    "[[judge.bound]]",
    "A bound on load. Exactly one of `unacked`, `depth` and `calls_per_second`.",
    &[
        may("unacked", COUNT, "How many unacknowledged messages each instance of `consumer` may hold."),
        may("consumer", Kind::Ref(Space::Consumer), "Whose."),
        may("depth", COUNT, "How many messages `queue` may hold, ready and unacknowledged."),
        may("queue", Kind::Ref(Space::Queue), "Of which queue."),
        may("calls_per_second", COUNT, "How many calls `service` may get in any whole second."),
        may("service", Kind::Ref(Space::Service), "Which service."),
    ],
);

pub(super) static EXPECT: Table = Table::new(
    "expect",
    "[expect]",
    "What the run must show: for each guarantee \"holds\", \"violated\" or \"undecided\"; for each number of the run a comparison such as \">= 10000\".",
    &[],
)
.rest(
    Kind::Either(&[Kind::Text, Kind::Whole(0, i64::MAX)]),
    "A guarantee with its verdict, or a number of the run with a comparison.",
);
