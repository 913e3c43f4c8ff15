//! What applies to a queue: its arguments, its policy, and the defaults of the version.

use crate::kernel::Span;
use crate::rabbit::arguments::Overflow;
use crate::talk::Name;

/// The settings of a queue, all sources taken together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Settings {
    pub(crate) message_ttl: Option<Span>,
    pub(crate) expires: Option<Span>,
    pub(crate) max_length: Option<u64>,
    pub(crate) max_length_bytes: Option<u64>,
    pub(crate) overflow: Overflow,
    pub(crate) dead_letter_exchange: Option<Name>,
    pub(crate) dead_letter_routing_key: Option<Name>,
    /// Dead letters stay until the target has confirmed them.
    pub(crate) at_least_once: bool,
    /// How often a message may be returned; may be negative (`Profile::negative_limit_is_none`).
    pub(crate) delivery_limit: Option<i64>,
    pub(crate) single_active: bool,
}

impl Settings {
    /// When a message that arrives now expires: the shorter of the queue's time to live and its
    /// own. Source: `rabbit_amqqueue_process:calculate_msg_expiry/2`.
    pub(crate) fn ttl(&self, own: Option<Span>) -> Option<Span> {
        match (self.message_ttl, own) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether there is a limit of length at all.
    pub(crate) fn is_limited(&self) -> bool {
        self.max_length.is_some() || self.max_length_bytes.is_some()
    }

    /// Whether so many messages with so many bytes are too many.
    pub(crate) fn exceeded(&self, messages: u64, bytes: u64) -> bool {
        self.max_length.is_some_and(|limit| messages > limit)
            || self.max_length_bytes.is_some_and(|limit| bytes > limit)
    }
}
