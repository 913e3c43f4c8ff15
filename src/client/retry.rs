//! What a consumer does so that a failed message is tried again: the guide's delay queues, and the
//! repairs of each of their defects as switches.

use crate::kernel::Span;
use crate::talk::{Headers, Name, Rate, Settle};

/// How a failed message is tried again, and what happens when that has been enough.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Retry {
    /// How the process tells which attempt it is looking at.
    pub count: CountBy,
    /// After this many retries it is enough: a message is handled at most this often plus once.
    pub max_retries: u16,
    /// The way back into the queue.
    pub via: Via,
    /// What happens when it has been enough.
    pub exhausted: Exhausted,
    /// The header that counts: it carries the number of retries so far.
    pub header: Name,
    /// Copies are persistent.
    pub persistent: bool,
    /// The broker gives back copies that it cannot route.
    pub mandatory: bool,
    /// Wait for the confirm of a copy before what comes next; needs [`ChannelMode::Confirm`].
    ///
    /// [`ChannelMode::Confirm`]: super::ChannelMode::Confirm
    pub wait_for_confirm: bool,
    /// Publish the copy and acknowledge the original: in which order.
    pub order: AckOrder,
}

impl Retry {
    /// The guide's retry: a queue per delay that is declared before each publish, `delay =
    /// min(1000 ms * 2^attempt, 30 s)`, five retries, then the dead queue; no confirms.
    pub fn guide(queue: &str) -> Retry {
        let prefix = format!("{queue}.retry.");
        Retry {
            count: CountBy::Header,
            max_retries: 5,
            via: Via::DelayQueue {
                queue: queue.into(),
                prefix: prefix.into(),
                backoff: Backoff::default(),
                declare: Declare::BeforeEachPublish,
                expires: Some(200),
                arguments: Headers::new(),
            },
            exhausted: Exhausted::Publish(Destination {
                exchange: Name::default(),
                routing_key: format!("{queue}.dead").into(),
                header: Some("x-final-attempt".into()),
            }),
            header: "x-attempt".into(),
            persistent: true,
            mandatory: false,
            wait_for_confirm: false,
            order: AckOrder::PublishThenAck,
        }
    }

    /// A consumer of a dead-letter queue that tries three times and then sets the message aside in
    /// the queue `parking`; it counts in a header.
    pub fn three_attempts(queue: &str, parking: &str) -> Retry {
        Retry {
            max_retries: 2,
            via: Via::Republish {
                to: Destination { routing_key: queue.into(), ..Destination::default() },
            },
            exhausted: Exhausted::Publish(Destination {
                routing_key: parking.into(),
                ..Destination::default()
            }),
            ..Retry::guide(queue)
        }
    }
}

/// How a process tells which attempt it is looking at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountBy {
    /// By the header that it writes itself.
    Header,
    /// By `x-delivery-count`, which only quorum queues add.
    DeliveryCount,
    /// By the `redelivered` flag, which cannot count further than "again".
    Redelivered,
    /// By its own memory, which a crash empties and which other instances do not share.
    Memory,
    /// By the `count` of its `x-death` header.
    Deaths,
}

/// The way back into the queue.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// A copy is published to a queue of which it is dead-lettered back after a delay.
    DelayQueue {
        /// The queue that it comes back to: `x-dead-letter-routing-key`.
        queue: Name,
        /// The name of a delay queue is this and the delay in milliseconds.
        prefix: Name,
        /// The delay.
        backoff: Backoff,
        /// When a delay queue is declared.
        declare: Declare,
        /// `x-expires` in percent of the delay (the guide: 200); none keeps the queue for ever.
        expires: Option<u32>,
        /// Further arguments of a delay queue, such as `x-queue-type`.
        arguments: Headers,
    },
    /// A copy with an expiration of its own is published to one queue for all delays, of which it
    /// is dead-lettered back: it waits behind those that expire later.
    PerMessageTtl {
        /// The delay queue, which something else declares.
        queue: Name,
        /// The delay.
        backoff: Backoff,
    },
    /// A copy is published at once.
    Republish {
        /// Where to.
        to: Destination,
    },
    /// It is returned to the broker: `nack` or `reject` with requeue.
    Requeue(Settle),
}

/// How the delay grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Backoff {
    /// The first delay; whole milliseconds.
    pub base: Span,
    /// Each delay in percent of the one before.
    pub multiplier: u32,
    /// The longest delay.
    pub cap: Span,
    /// Each delay is drawn up to this much shorter or longer. With a queue per delay, each gets a
    /// queue of its own.
    pub jitter: Rate,
}

impl Default for Backoff {
    /// The guide's: `min(1000 ms * 2^attempt, 30 s)`, no jitter.
    fn default() -> Backoff {
        Backoff {
            base: Span::from_secs(1),
            multiplier: 200,
            cap: Span::from_secs(30),
            jitter: Rate::NEVER,
        }
    }
}

impl Backoff {
    /// The delay before retry `n`, counted from 0, without jitter, in milliseconds.
    pub fn millis(&self, n: u16) -> u64 {
        let cap = self.cap.as_millis();
        let mut delay = u128::from(self.base.as_millis());
        for _ in 0..n {
            if delay >= u128::from(cap) {
                break;
            }
            delay = delay * u128::from(self.multiplier) / 100;
        }
        u64::try_from(delay).unwrap_or(u64::MAX).min(cap)
    }
}

/// When a delay queue is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Declare {
    /// Before each publish, waiting for the answer.
    BeforeEachPublish,
    /// Once for each name in the life of a process.
    Once,
    /// Never: it exists already, or does not.
    Never,
}

/// Where a copy is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination {
    /// The exchange; empty is the default exchange.
    pub exchange: Name,
    /// The routing key.
    pub routing_key: Name,
    /// A header that gets the number of the attempt.
    pub header: Option<Name>,
}

/// What happens when a message was tried often enough.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Exhausted {
    /// It is published somewhere else and acknowledged here: a dead queue, a parking queue.
    Publish(Destination),
    /// It is settled so.
    Settle(Settle),
}

/// Publish the copy and acknowledge the original: in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AckOrder {
    /// A crash in between leaves both.
    PublishThenAck,
    /// A crash in between leaves neither.
    AckThenPublish,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cap_of_the_guide_is_never_reached_within_its_five_retries() {
        let delays: Vec<u64> = (0..7).map(|n| Backoff::default().millis(n)).collect();
        assert_eq!(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    }

    #[test]
    fn a_delay_never_overflows() {
        let steep = Backoff { multiplier: u32::MAX, cap: Span::MAX, ..Backoff::default() };
        assert_eq!(steep.millis(u16::MAX), Span::MAX.as_millis());
    }
}
