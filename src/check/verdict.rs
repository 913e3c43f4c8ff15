//! What is said of a run, and what of it is known.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::class::{Class, Point};
use crate::kernel::{NodeId, StepNo, Time};
use crate::talk::kafka::{GroupId, Moved, Offset, TopicPartition};
use crate::talk::{Death, Fate, Gone, MessageId, QueueId, Returned};

/// What can be said of one class. `Undecided` is not a polite `Holds`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Nothing of this class happened, and nothing of it can happen any more.
    Holds,
    /// It happened: this is the first time.
    Violated(Breach),
    /// The run does not say.
    Undecided(Reason),
}

impl Verdict {
    /// The mark of the verdict as scenario files write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated(_) => "violated",
            Verdict::Undecided(_) => "undecided",
        }
    }

    /// Where it was broken, if it was.
    pub const fn breach(&self) -> Option<&Breach> {
        match self {
            Verdict::Violated(breach) => Some(breach),
            _ => None,
        }
    }

    /// The worse of two: broken before undecided before kept.
    #[must_use]
    pub fn and(self, other: Verdict) -> Verdict {
        match (&self, &other) {
            (Verdict::Violated(a), Verdict::Violated(b)) if b.step < a.step => other,
            (Verdict::Violated(_), _) => self,
            (_, Verdict::Violated(_)) => other,
            (Verdict::Undecided(_), _) => self,
            _ => other,
        }
    }
}

/// Why a run does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Messages were still on their way when it ended.
    InFlight {
        /// How many.
        messages: u32,
        /// One of them.
        msg: MessageId,
    },
    /// A message is still on its way because it comes back again and again.
    KeepsComingBack {
        /// Which.
        msg: MessageId,
        /// How often it was delivered.
        deliveries: u16,
    },
    /// The system is not available, and its configuration or an operator says so.
    ByDesign(Unavailable),
    /// It depends on a bound, and none was declared.
    NoBound,
}

/// What stands in the way of progress without being a fault of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unavailable {
    /// A memory or disk alarm blocks this publisher.
    Alarm(NodeId),
    /// No consumer is subscribed to a queue that has messages.
    NoConsumer(QueueId),
    /// A node is down, and nothing was planned to start it again.
    Down(NodeId),
    /// A partition has no leader, or fewer in-sync replicas than `min.insync.replicas`.
    InSync(TopicPartition),
    /// No group reads a partition that has records.
    NoGroup(TopicPartition),
}

/// The first time that a guarantee was broken. Two breaches are equal when they are of the same
/// kind; where they stand in a run, and how many followed, is only evidence.
#[derive(Clone, Copy, Debug)]
pub struct Breach {
    /// The class.
    pub class: Class,
    /// The point at which it is seen.
    pub point: Point,
    /// The step that broke it.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// The message, when it is about one.
    pub msg: Option<MessageId>,
    /// The queue, when it is about one.
    pub queue: Option<QueueId>,
    /// The partition, when it is about one.
    pub partition: Option<TopicPartition>,
    /// The consumer group, when it is about one.
    pub group: Option<GroupId>,
    /// The node that was seen to break it or that it happened to.
    pub node: Option<NodeId>,
    /// In which way.
    pub how: How,
    /// How often this class was broken at this point in the whole run (1 and up).
    pub times: u32,
}

impl Breach {
    fn essence(&self) -> impl PartialEq + Hash {
        (
            (self.class, self.point, self.msg, self.how),
            (self.queue, self.partition, self.group, self.node),
        )
    }
}

impl PartialEq for Breach {
    fn eq(&self, other: &Breach) -> bool {
        self.essence() == other.essence()
    }
}

impl Eq for Breach {}

impl Hash for Breach {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.essence().hash(state);
    }
}

/// In which way a guarantee was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    // ── loss ──
    /// It did not survive a stop, a crash or a loss of power of the broker.
    BrokerStopped,
    /// Its queue went, and it with it.
    QueueGone(Gone),
    /// It was routed to no queue, and acknowledged all the same.
    Unroutable,
    /// It was acknowledged and is in no queue.
    NeverStored,
    /// A leader knew its sequence number, which the producer had given to another record before, and
    /// appended nothing.
    SequenceKnown,
    /// It was let go of at the consumer before it took effect, and then the consumer failed it.
    LetGoBeforeEffect,
    /// A queue discarded it.
    Discarded(Death, Fate),
    /// A queue says that it was dead-lettered, but it arrived nowhere.
    DeadLetterVanished,
    /// A dead letter reached a consumer without `x-death`.
    NoDeathHeader,
    /// It never failed by itself, and died of this.
    HealthyDied(Death),
    /// It never failed by itself, and a consumer parked it.
    HealthyParked,

    /// No replica has it any more.
    Truncated,
    /// A leader was elected that did not have it (`unclean.leader.election.enable`).
    UncleanElection,
    /// Its transaction was aborted.
    AbortedTransaction,
    /// A group committed an offset beyond it, and it never took effect there.
    CommittedPast,
    /// A group's position was moved beyond it.
    MovedPast(Moved),
    /// Retention deleted it before a group had handled it.
    Expired,

    // ── duplicates ──
    /// The producer sent it again although the first was stored.
    Resent,
    /// A bridge read its record again, and published it again.
    BridgedTwice,
    /// A queue holds one copy twice.
    StoredTwice,
    /// It came back without its consumer wanting it, and was delivered again.
    Redelivered(Returned),
    /// It was delivered again after the broker came back.
    AfterRestart,
    /// It was acknowledged, and was there again after the broker came back.
    Resurrected,
    /// It was acknowledged, and delivered again.
    AfterAck,
    /// It was delivered again while a consumer still held it.
    WhileUnacked,
    /// Its consumer gave it back or published it again, after it had taken effect.
    Retried,

    /// A group went back to before it.
    ReadAgain(Moved),
    /// A group went back to before it without any reason.
    ReadAgainUnasked,

    // ── phantoms ──
    /// Nobody submitted it.
    NeverSubmitted,
    /// It is visible although not all in-sync replicas have it.
    NotReplicated,
    /// It is of a transaction that was aborted, and was read as committed.
    Aborted,
    /// It lies behind the beginning of an open transaction, and was read as committed.
    OpenTransaction,

    // ── order ──
    /// It came after a later one.
    Overtaken(Scope, By),

    // ── progress ──
    /// It was delivered more often than allowed, as often as this.
    Deliveries(u16),
    /// Nothing happens to it any more.
    Idle(Where),

    // ── books ──
    /// A move of a copy that is not where this move starts.
    NoSuchCopy(Move),
    /// Its consumer has settled it, and the queue has done nothing about it.
    Forgotten,

    // ── logs and groups ──
    /// A member was not given a record between two that it was given.
    Hole(Offset),
    /// A member was given an earlier record, and nothing had moved its position.
    Back(Offset),
    /// A group had committed an offset, and was told that it had not.
    OffsetsForgotten,
    /// Two members own it in one generation.
    SameGeneration,
    /// A member of an earlier generation does not know that it lost it.
    Zombie,
    /// Whoever committed it does not own the partition.
    NotOwner,
    /// It was committed in a generation that had ended.
    StaleGeneration,
    /// Not everything before the committed offset was done.
    NotDone,
    /// Its records were committed in one partition and aborted in another.
    TwoFates,
    /// An offset below the high watermark holds another record than before.
    Replaced,
    /// A reader was given another record than the log holds at this offset.
    OtherRecord,
    /// A replica went on without dropping what its leader does not have.
    NotDropped,
    /// A leader was elected in an epoch that is not a new one.
    EpochWentBack,
    /// A leader was elected that lacks committed records, and that was not said.
    LeaderLacks,
    /// A replica dropped a committed record, and no unclean election or loss of power explains it.
    CommittedDropped(Offset),
    /// A leader told a lower high watermark than before.
    WatermarkWentBack,
    /// It was deleted before its time.
    TooYoung,
    /// It was the last record of its key, and compaction dropped it.
    LastOfKey,

    // ── flags and bounds ──
    /// It was delivered before, and now without the flag.
    Unflagged,
    /// The channel or connection that it was pushed to had been closed.
    Closed,
    /// A consumer holds more than it may.
    Held {
        /// How many.
        held: u32,
        /// How many it may.
        limit: u32,
    },
    /// A queue is deeper than declared.
    Depth {
        /// The bound.
        limit: u32,
    },
    /// A group is further behind than declared.
    Lag {
        /// The bound.
        limit: u64,
    },
    /// A service got more calls in one second than declared.
    Calls {
        /// Which service.
        service: u16,
        /// The bound.
        limit: u32,
    },
}

/// Whose order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The messages of one producer about one key.
    Key(u32),
    /// The messages of one producer.
    Producer,
    /// What one queue stored.
    Queue,
}

/// What made a message late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// Its producer had to send it again.
    Resend,
    /// Its consumer published it again for a later attempt.
    Retry,
    /// Its consumer gave it back.
    Requeue,
    /// It went through a dead-letter exchange.
    DeadLetter,
    /// A consumer, a channel or a connection that held it was lost.
    Crash,
    /// The broker came back.
    Restart,
    /// Several consumers worked at the same time.
    Competition,
    /// Nothing that is allowed to.
    Broker,
    /// Its key went to another partition than before.
    Partitions,
    /// Its partition went to another member of the group.
    Rebalance,
}

/// Where a message that nothing happens to any more is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Where {
    /// Its producer never got an answer.
    Producer,
    /// Ready in a queue.
    Ready,
    /// Unacknowledged at a consumer.
    Unacked,
    /// In a log, and some group has not handled it.
    Log,
    /// Nowhere: it was let go of without an effect.
    Nowhere,
}

/// A move of a copy, as queues report it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names are those of the notes")]
pub enum Move {
    Pushed,
    Acked,
    Requeued,
    Discarded,
    /// Discarded as expired or too much while a consumer held it.
    DiscardedUnacked,
    Lost,
}

impl By {
    /// In words, for "overtaken because of …".
    pub const fn words(self) -> &'static str {
        match self {
            By::Resend => "the producer's resend",
            By::Retry => "a retry",
            By::Requeue => "a requeue",
            By::DeadLetter => "dead lettering",
            By::Crash => "a lost consumer",
            By::Restart => "a broker restart",
            By::Competition => "competing consumers",
            By::Broker => "the broker",
            By::Partitions => "a change of the key's partition",
            By::Rebalance => "a rebalance",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::InFlight { messages: 1, msg } => write!(f, "{msg} was still on its way"),
            Reason::InFlight { messages, msg } => {
                write!(f, "{messages} messages were still on their way, {msg} among them")
            }
            Reason::KeepsComingBack { msg, deliveries } => {
                write!(f, "{msg} keeps coming back: {deliveries} deliveries so far")
            }
            Reason::ByDesign(_) => f.write_str("unavailable by design"),
            Reason::NoBound => f.write_str("no bound was declared"),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct End {
    /// When.
    pub at: Time,
    /// Its last step.
    pub step: StepNo,
    /// All faults had healed, and nothing was to be submitted any more: what nothing happens to by
    /// now (for the settle time of the rules) never comes to an end.
    pub healed: bool,
    /// Nothing more could happen at all.
    pub quiet: bool,
    /// Faults that waited for an event which never came, by their place among those that wait.
    pub waiting: Vec<u32>,
}

/// What is said of one class.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Judged {
    /// The class.
    pub class: Class,
    /// What is said.
    pub verdict: Verdict,
}

/// The kinds of guarantee that people name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guarantee {
    /// Never twice.
    AtMostOnce,
    /// Never lost.
    AtLeastOnce,
    /// Neither.
    ExactlyOnce,
    /// In order.
    Order,
}

impl Guarantee {
    /// All of them, in the order of reports.
    pub const ALL: [Guarantee; 4] =
        [Guarantee::AtMostOnce, Guarantee::AtLeastOnce, Guarantee::ExactlyOnce, Guarantee::Order];

    /// The name, as scenario files and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Guarantee::AtMostOnce => "at-most-once",
            Guarantee::AtLeastOnce => "at-least-once",
            Guarantee::ExactlyOnce => "exactly-once",
            Guarantee::Order => "order",
        }
    }
}

/// All that is said of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Verdicts {
    /// The judged classes, in the order of [`Class::ALL`].
    pub classes: Vec<Judged>,
    /// For each of [`Guarantee::ALL`] what is said at each of [`Point::ALL`]; `None` where the
    /// guarantee means nothing there.
    pub table: [[Option<Verdict>; 4]; 4],
}

impl Verdicts {
    /// What is said of a class; `None` when it is not judged.
    pub fn of(&self, class: Class) -> Option<&Verdict> {
        self.classes.iter().find(|judged| judged.class == class).map(|judged| &judged.verdict)
    }

    /// What is said of a guarantee at a point; `None` where it means nothing.
    pub fn at(&self, guarantee: Guarantee, point: Point) -> Option<&Verdict> {
        self.table[guarantee as usize][point as usize].as_ref()
    }

    /// What is said of whatever has this name: a class, `no-loss`, or a guarantee, which is taken
    /// at the effect unless a point is named: `at-most-once@delivery`, with `ack`, `queue`,
    /// `delivery` or `effect`.
    pub fn named(&self, name: &str) -> Option<Verdict> {
        if let Some(class) = Class::named(name) {
            return self.of(class).cloned();
        }
        if name == "no-loss" {
            let (acked, dead) = (Class::LostAcknowledged, Class::DeadLetterLoss);
            let lost = [acked, dead, Class::LostToGroup].map(|class| self.of(class).cloned());
            return lost.into_iter().flatten().reduce(Verdict::and);
        }
        let (guarantee, point) = name.split_once('@').unwrap_or((name, "effect"));
        let guarantee = Guarantee::ALL.into_iter().find(|it| it.name() == guarantee)?;
        let point = match point {
            "ack" => Point::Ack,
            "queue" => Point::Log,
            "delivery" => Point::Delivery,
            "effect" => Point::Effect,
            _ => return None,
        };
        self.at(guarantee, point).cloned()
    }

    /// Every name that [`Verdicts::named`] knows.
    pub fn names() -> Vec<String> {
        let mut names: Vec<String> = Class::ALL.iter().map(|class| class.name().into()).collect();
        names.push("no-loss".into());
        for guarantee in Guarantee::ALL {
            names.push(guarantee.name().into());
            for point in ["ack", "queue", "delivery", "effect"] {
                names.push(format!("{}@{point}", guarantee.name()));
            }
        }
        names
    }

    /// The violations, first ones first.
    pub fn breaches(&self) -> Vec<&Breach> {
        let mut breaches: Vec<_> =
            self.classes.iter().filter_map(|judged| judged.verdict.breach()).collect();
        breaches.sort_by_key(|breach| breach.step);
        breaches
    }
}
