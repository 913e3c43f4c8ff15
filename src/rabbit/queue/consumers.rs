//! Consumers of a queue, and the order in which they are served.

use std::collections::VecDeque;

use super::{Offset, Session};

/// What someone who subscribes asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Subscription {
    pub(crate) session: Session,
    /// What the session calls the consumer.
    pub(crate) cookie: u32,
    pub(crate) no_ack: bool,
    pub(crate) exclusive: bool,
    /// How many deliveries it may hold; 0 is unlimited.
    pub(crate) prefetch: u32,
    /// `x-priority`
    pub(crate) priority: i32,
    /// Where a reader of a stream starts.
    pub(crate) offset: Offset,
}

/// Someone who is served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Consumer {
    pub(crate) session: Session,
    pub(crate) cookie: u32,
    pub(crate) no_ack: bool,
    pub(crate) exclusive: bool,
    pub(crate) prefetch: u32,
    pub(crate) priority: i32,
    /// How many deliveries it holds.
    pub(crate) unacked: u32,
    pub(crate) state: State,
    /// When it subscribed, among all that ever did.
    pub(crate) since: u64,
    /// It stands in a ring.
    pub(crate) queued: bool,
    /// When it was found unable to take more, among all times that happened; 0 when it was not.
    pub(crate) blocked: u64,
}

/// How a consumer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It is served.
    Up,
    /// It waits behind a single active consumer.
    Waiting,
    /// It is the single active consumer, is served no more, and hands over once it has settled all.
    Quiescing,
    /// It was cancelled and still holds deliveries, or fetched one.
    Cancelled,
}

impl Consumer {
    /// Whether it is served: it does not wait behind a single active consumer.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self.state, State::Up | State::Quiescing)
    }

    /// Whether its own window has room.
    pub(crate) fn has_credit(&self) -> bool {
        self.no_ack || self.prefetch == 0 || self.unacked < self.prefetch
    }
}

/// Consumers by slot. A slot is used again when its consumer is gone and holds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Consumers {
    slots: Vec<Option<Consumer>>,
    counter: u64,
}

impl Consumers {
    pub(crate) fn insert(&mut self, subscription: &Subscription, state: State) -> u32 {
        self.counter += 1;
        let consumer = Consumer {
            session: subscription.session,
            cookie: subscription.cookie,
            no_ack: subscription.no_ack,
            exclusive: subscription.exclusive,
            prefetch: subscription.prefetch,
            priority: subscription.priority,
            unacked: 0,
            state,
            since: self.counter,
            queued: false,
            blocked: 0,
        };
        match self.slots.iter().position(Option::is_none) {
            Some(slot) => {
                self.slots[slot] = Some(consumer);
                slot as u32
            }
            None => {
                self.slots.push(Some(consumer));
                (self.slots.len() - 1) as u32
            }
        }
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Consumer> {
        self.slots.get(slot as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Consumer> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    /// The slot of the consumer that this session calls `cookie`, unless it was cancelled.
    pub(crate) fn find(&self, session: Session, cookie: u32) -> Option<u32> {
        let mine = |it: &Consumer| {
            it.session == session && it.cookie == cookie && it.state != State::Cancelled
        };
        self.iter().find(|(_, it)| mine(it)).map(|(slot, _)| slot)
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Consumer> {
        self.slots.get_mut(slot as usize)?.take()
    }

    pub(crate) fn clear(&mut self) {
        self.slots.clear();
    }

    /// With their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Consumer)> {
        self.slots.iter().enumerate().filter_map(|(slot, it)| Some((slot as u32, it.as_ref()?)))
    }

    /// Those that were not cancelled, in the order in which they subscribed.
    pub(crate) fn subscribed(&self) -> Vec<(u32, &Consumer)> {
        let mut all: Vec<_> =
            self.iter().filter(|(_, consumer)| consumer.state != State::Cancelled).collect();
        all.sort_by_key(|(_, consumer)| consumer.since);
        all
    }

    /// How many were not cancelled.
    pub(crate) fn count(&self) -> usize {
        self.iter().filter(|(_, consumer)| consumer.state != State::Cancelled).count()
    }

    /// The slots of a session's consumers, in the order in which they subscribed.
    pub(crate) fn of(&self, session: Session) -> Vec<u32> {
        let mut of: Vec<(u64, u32)> = self
            .iter()
            .filter(|(_, consumer)| consumer.session == session)
            .map(|(slot, consumer)| (consumer.since, slot))
            .collect();
        of.sort_unstable();
        of.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Marks a consumer as unable to take more.
    pub(crate) fn block(&mut self, slot: u32) {
        self.counter += 1;
        let now = self.counter;
        if let Some(consumer) = self.get_mut(slot) {
            consumer.blocked = now;
        }
    }
}

/// Rings of consumers by priority: the head of the highest ring is served next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Rings {
    /// Highest first. Rings stay when they are empty, so that nothing is allocated again.
    rings: Vec<(i32, VecDeque<u32>)>,
}

impl Rings {
    pub(crate) fn push_back(&mut self, priority: i32, slot: u32) {
        let at = self.rings.partition_point(|(other, _)| *other > priority);
        match self.rings.get_mut(at) {
            Some((other, ring)) if *other == priority => ring.push_back(slot),
            _ => self.rings.insert(at, (priority, VecDeque::from([slot]))),
        }
    }

    pub(crate) fn pop_front(&mut self) -> Option<u32> {
        self.rings.iter_mut().find_map(|(_, ring)| ring.pop_front())
    }

    pub(crate) fn remove(&mut self, slot: u32) {
        for (_, ring) in &mut self.rings {
            ring.retain(|&other| other != slot);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rings.clear();
    }
}

/// The windows that channels share among their consumers (`basic.qos` with `global`), by session
/// slot. Classic queues ask them before they deliver (`rabbit_limiter`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Windows {
    of: Vec<Window>,
}

/// How many deliveries a channel may hold, and how many it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    /// 0 is unlimited.
    pub(crate) limit: u32,
    pub(crate) used: u32,
}

impl Windows {
    pub(crate) fn get(&self, session: Session) -> Window {
        self.of.get(usize::from(session.slot)).copied().unwrap_or_default()
    }

    pub(crate) fn get_mut(&mut self, session: Session) -> &mut Window {
        let at = usize::from(session.slot);
        if self.of.len() <= at {
            self.of.resize(at + 1, Window::default());
        }
        &mut self.of[at]
    }

    pub(crate) fn has_room(&self, session: Session) -> bool {
        let window = self.get(session);
        window.limit == 0 || window.used < window.limit
    }

    pub(crate) fn clear(&mut self) {
        self.of.clear();
    }
}
