//! A connection: its channels, its heartbeats, and whether an alarm holds it back.

use std::collections::VecDeque;

use super::queue::Session;
use crate::kernel::Span;
use crate::talk::{ChannelNo, QueueId, Request};

/// The highest channel number (`channel_max`, 2047 by default).
pub(crate) const CHANNEL_MAX: ChannelNo = 2_047;

/// An open connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    /// Zero for none.
    pub(crate) heartbeat: Span,
    pub(crate) cancel_notify: bool,
    /// By number; number 0 is never used.
    channels: Vec<Slot>,
    /// Something was received since the last check.
    pub(crate) heard: bool,
    /// Checks, each half an interval after the one before.
    checks: u32,
    /// Checks for something received that found nothing, in a row.
    silent: u8,
    /// An alarm holds it back: frames wait here unread.
    pub(crate) blocked: Option<VecDeque<Request>>,
    /// A channel waits for the rest of the cluster: what its client says meanwhile waits here.
    pub(crate) asking: Option<Box<Asking>>,
}

/// A channel that waits for the rest of its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asking {
    pub(crate) session: Session,
    /// The queue whose node is asked; none when it is the cluster.
    pub(crate) queue: Option<QueueId>,
    /// What the client said meanwhile.
    pub(crate) held: VecDeque<Request>,
}

impl Asking {
    pub(crate) fn new(session: Session, queue: Option<QueueId>) -> Box<Asking> {
        Box::new(Asking { session, queue, held: VecDeque::new() })
    }
}

/// A channel number of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    /// It was never opened, or both sides know that it is closed.
    Unused,
    /// It is the broker's channel with this number.
    Open(u16),
    /// The broker closed it, and ignores what was sent before the client learnt that.
    Closed,
}

impl Connection {
    pub(crate) fn new(heartbeat: Span, cancel_notify: bool) -> Connection {
        Connection {
            heartbeat,
            cancel_notify,
            channels: Vec::new(),
            heard: true,
            checks: 0,
            silent: 0,
            blocked: None,
            asking: None,
        }
    }

    pub(crate) fn slot(&self, number: ChannelNo) -> Slot {
        self.channels.get(usize::from(number)).copied().unwrap_or(Slot::Unused)
    }

    pub(crate) fn set(&mut self, number: ChannelNo, slot: Slot) {
        let at = usize::from(number);
        if self.channels.len() <= at {
            self.channels.resize(at + 1, Slot::Unused);
        }
        self.channels[at] = slot;
    }

    /// The broker's numbers of its open channels, in the order of theirs.
    pub(crate) fn open(&self) -> impl Iterator<Item = u16> {
        self.channels.iter().filter_map(|slot| match slot {
            Slot::Open(session) => Some(*session),
            Slot::Unused | Slot::Closed => None,
        })
    }

    /// Looks whether the client is still there; to be asked every half interval, when a heartbeat is
    /// sent as well. Returns true when nothing was heard for two whole intervals. Source:
    /// `rabbit_heartbeat.erl`; observed.
    pub(crate) fn is_silent(&mut self) -> bool {
        self.checks += 1;
        // while the connection is blocked nothing is read, so nothing can be missed
        if self.checks.is_multiple_of(2) && self.blocked.is_none() {
            let heard = std::mem::take(&mut self.heard);
            self.silent = if heard { 0 } else { self.silent + 1 };
        }
        self.silent >= 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Observed: with a heartbeat of 2 s a silent client is given up after 6 s.
    #[test]
    fn a_silent_client_is_given_up_between_two_and_three_intervals() {
        let mut connection = Connection::new(Span::from_secs(2), true);
        let gone = (1..).find(|_| connection.is_silent());
        assert_eq!(gone, Some(6), "checks, each after half an interval");
    }

    #[test]
    fn a_blocked_client_is_not_given_up() {
        let mut connection = Connection::new(Span::from_secs(2), true);
        connection.blocked = Some(VecDeque::new());
        assert!(!(0..100).any(|_| connection.is_silent()));
    }
}
