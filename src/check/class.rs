//! The names of the guarantees, and the four points at which one can look.

use std::fmt;

/// A class of anomaly. A guarantee is that no anomaly of the class occurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Defined in `classes/lost_acknowledged.rs`.
    LostAcknowledged,
    /// Defined in `classes/dead_letter_loss.rs`.
    DeadLetterLoss,
    /// Defined in `classes/dead_letter_header.rs`.
    DeadLetterHeader,
    /// Defined in `classes/healthy_dead_lettered.rs`.
    HealthyDeadLettered,
    /// Defined in `classes/duplicate_log.rs`.
    DuplicateLog,
    /// Defined in `classes/duplicate_delivery.rs`.
    DuplicateDelivery,
    /// Defined in `classes/duplicate_effect.rs`.
    DuplicateEffect,
    /// Defined in `classes/phantom.rs`.
    Phantom,
    /// Defined in `classes/reordered.rs`.
    Reordered,
    /// Defined in `classes/poison_loop.rs`.
    PoisonLoop,
    /// Defined in `classes/leak.rs`.
    Leak,
    /// Defined in `classes/redelivered_flag.rs`.
    RedeliveredFlag,
    /// Defined in `classes/prefetch_exceeded.rs`.
    PrefetchExceeded,
    /// Defined in `classes/closed_channel.rs`.
    ClosedChannel,
    /// Defined in `classes/unbounded.rs`.
    Unbounded,
    /// Defined in `classes/lost_to_group.rs`.
    LostToGroup,
    /// Defined in `classes/skipped.rs`.
    Skipped,
    /// Defined in `classes/rewound.rs`.
    Rewound,
    /// Defined in `classes/double_owner.rs`.
    DoubleOwner,
    /// Defined in `classes/zombie_effect.rs`.
    ZombieEffect,
    /// Defined in `classes/zombie_commit.rs`.
    ZombieCommit,
    /// Defined in `classes/early_commit.rs`.
    EarlyCommit,
    /// Defined in `classes/torn_transaction.rs`.
    TornTransaction,
    /// Defined in `classes/diverged.rs`.
    Diverged,
    /// Defined in `classes/stuck.rs`.
    Stuck,
}

impl Class {
    /// All of them, in the order of reports.
    pub const ALL: [Class; 25] = [
        Class::LostAcknowledged,
        Class::DeadLetterLoss,
        Class::DeadLetterHeader,
        Class::HealthyDeadLettered,
        Class::DuplicateLog,
        Class::DuplicateDelivery,
        Class::DuplicateEffect,
        Class::Phantom,
        Class::Reordered,
        Class::PoisonLoop,
        Class::Leak,
        Class::RedeliveredFlag,
        Class::PrefetchExceeded,
        Class::ClosedChannel,
        Class::Unbounded,
        Class::LostToGroup,
        Class::Skipped,
        Class::Rewound,
        Class::DoubleOwner,
        Class::ZombieEffect,
        Class::ZombieCommit,
        Class::EarlyCommit,
        Class::TornTransaction,
        Class::Diverged,
        Class::Stuck,
    ];

    /// The name, as scenario files and reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Class::LostAcknowledged => "lost-acknowledged",
            Class::DeadLetterLoss => "dead-letter-loss",
            Class::DeadLetterHeader => "dead-letter-header",
            Class::HealthyDeadLettered => "healthy-dead-lettered",
            Class::DuplicateLog => "duplicate-log",
            Class::DuplicateDelivery => "duplicate-delivery",
            Class::DuplicateEffect => "duplicate-effect",
            Class::Phantom => "phantom",
            Class::Reordered => "reordered",
            Class::PoisonLoop => "poison-loop",
            Class::Leak => "leak",
            Class::RedeliveredFlag => "redelivered-flag",
            Class::PrefetchExceeded => "prefetch-exceeded",
            Class::ClosedChannel => "closed-channel",
            Class::Unbounded => "unbounded",
            Class::LostToGroup => "lost-to-group",
            Class::Skipped => "skipped",
            Class::Rewound => "rewound",
            Class::DoubleOwner => "double-owner",
            Class::ZombieEffect => "zombie-effect",
            Class::ZombieCommit => "zombie-commit",
            Class::EarlyCommit => "early-commit",
            Class::TornTransaction => "torn-transaction",
            Class::Diverged => "diverged",
            Class::Stuck => "stuck",
        }
    }

    /// The class with this name.
    pub fn named(name: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

    /// What is promised where this class is absent, in words for a reader of reports.
    pub const fn promise(self) -> &'static str {
        match self {
            Class::LostAcknowledged => "no acknowledged message is lost",
            Class::DeadLetterLoss => "what a queue discards is dead-lettered",
            Class::DeadLetterHeader => "a dead letter says so in x-death",
            Class::HealthyDeadLettered => "only unhealthy messages are dead-lettered",
            Class::DuplicateLog => "one send is stored once",
            Class::DuplicateDelivery => "one send is delivered once",
            Class::DuplicateEffect => "one send takes effect once",
            Class::Phantom => "nothing appears that was not sent",
            Class::Reordered => "order is kept",
            Class::PoisonLoop => "every message settles after a few deliveries",
            Class::Leak => "every copy is accounted for",
            Class::RedeliveredFlag => "a redelivery says that it is one",
            Class::PrefetchExceeded => "no consumer holds more than its prefetch",
            Class::ClosedChannel => "nothing is handed to a closed channel",
            Class::Unbounded => "load stays within the declared bounds",
            Class::LostToGroup => "no group passes over what it has not handled",
            Class::Skipped => "a group reads a partition without holes",
            Class::Rewound => "a group goes back only to what it committed, or when told",
            Class::DoubleOwner => "a partition has one owner in a group",
            Class::ZombieEffect => "whoever lost a partition causes no effects",
            Class::ZombieCommit => "only the owner of a partition commits its offset",
            Class::EarlyCommit => "no offset is committed before what it stands for is done",
            Class::TornTransaction => "a transaction is committed as a whole or not at all",
            Class::Diverged => "what was read at an offset stays there",
            Class::Stuck => "everything comes to an end",
        }
    }

    /// Whether it is about something that only AMQP's queues and channels have.
    pub const fn of_queues(self) -> bool {
        matches!(
            self,
            Class::DeadLetterLoss
                | Class::DeadLetterHeader
                | Class::RedeliveredFlag
                | Class::PrefetchExceeded
                | Class::ClosedChannel
        )
    }

    /// Whether it is about something that only Kafka's logs and groups have.
    pub const fn of_logs(self) -> bool {
        matches!(
            self,
            Class::LostToGroup
                | Class::Skipped
                | Class::Rewound
                | Class::DoubleOwner
                | Class::ZombieEffect
                | Class::ZombieCommit
                | Class::EarlyCommit
                | Class::TornTransaction
                | Class::Diverged
        )
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Classes(u32);

impl Classes {
    /// Every class.
    pub const ALL: Classes = Classes((1 << Class::ALL.len()) - 1);
    /// No class.
    pub const NONE: Classes = Classes(0);

    /// Whether `class` is in it.
    pub const fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }

    /// With `class`.
    #[must_use]
    pub const fn with(self, class: Class) -> Classes {
        Classes(self.0 | class.bit())
    }

    /// Without `class`.
    #[must_use]
    pub const fn without(self, class: Class) -> Classes {
        Classes(self.0 & !class.bit())
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Classes {
        classes.into_iter().fold(Classes::NONE, Classes::with)
    }
}

/// Where one looks. A guarantee may hold at one point and not at the next, which is what most
/// confusion about queues comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// What the producer was told.
    Ack,
    /// What queues store.
    Log,
    /// What consumers receive.
    Delivery,
    /// What happens in the world outside.
    Effect,
}

impl Point {
    /// All of them, along the way of a message.
    pub const ALL: [Point; 4] = [Point::Ack, Point::Log, Point::Delivery, Point::Effect];

    /// The name, as reports write it.
    pub const fn name(self) -> &'static str {
        match self {
            Point::Ack => "producer ack",
            Point::Log => "queue",
            Point::Delivery => "delivery",
            Point::Effect => "effect",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_found_by_its_name() {
        for class in Class::ALL {
            assert_eq!(Class::named(class.name()), Some(class));
            assert!(Classes::ALL.has(class));
            assert!(!Classes::ALL.without(class).has(class));
        }
        assert_eq!(Class::named("lost"), None);
    }
}
