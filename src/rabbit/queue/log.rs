//! The log in front of a quorum queue on a single node: commands are appended, and applied
//! together once they are on the disk.

use std::collections::VecDeque;

use super::out::{Effect, Out};
use super::quorum::Quorum;
use super::settings::Settings;
use super::slab::Handle;
use super::{Incoming, Session, Subscription};
use crate::kernel::{Span, Time};
use crate::rabbit::profile::Profile;
use crate::talk::{Constant, Death, Note, QueueId, RabbitTimer, Returned};

/// A quorum queue with its log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Logged {
    id: QueueId,
    pub(crate) machine: Quorum,
    /// Appended, not yet on the disk, in order.
    pending: VecDeque<Command>,
    flush: Span,
    /// When the queue was declared.
    declared: Time,
    /// The queue has no leader: it exists, but answers nothing.
    pub(crate) leaderless: bool,
    /// Its log is the one that its cluster shares.
    pub(crate) shared: bool,
}

/// What is put into the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Command {
    Enqueue(Incoming),
    Settle(Handle),
    Discard(Handle),
    Return(Handle, Returned),
    /// As the ones above, for several deliveries at once.
    SettleAll(Vec<Handle>),
    DiscardAll(Vec<Handle>),
    ReturnAll(Vec<Handle>, Returned),
    Consume(Subscription),
    Cancel {
        session: Session,
        cookie: u32,
    },
    TimeOut {
        session: Session,
        cookie: u32,
    },
    Fetch {
        session: Session,
        no_ack: bool,
    },
    Purge {
        session: Session,
    },
    /// A declaration wants to know how many messages there are; of classic queues elsewhere.
    Count {
        session: Session,
    },
    /// A channel is gone, with what it held in the order in which that comes back.
    Down {
        session: Session,
        why: Returned,
        held: Vec<Handle>,
    },
    Expire,
    DeadLetterDone {
        ticket: u64,
    },
    Configure(Box<Settings>),
}

/// A quorum queue that was declared this long before a crash has no leader afterwards: `Ra` had not
/// yet saved its directory of names (`names.dets`, `auto_save` 500 ms). Observed.
const NAMES_SAVED_AFTER: Span = Span::from_millis(500);

impl Logged {
    pub(crate) fn new(
        id: QueueId,
        settings: Settings,
        profile: &Constant<Profile>,
        declared: Time,
        loaded: bool,
    ) -> Logged {
        let mut logged = Logged {
            id,
            machine: Quorum::new(id, settings, profile, declared),
            pending: VecDeque::new(),
            flush: profile.costs.quorum_flush,
            declared,
            leaderless: false,
            shared: false,
        };
        if loaded {
            logged.declared = Time::MAX;
        }
        logged
    }

    /// Appends a command. It is applied once it is on the disk.
    pub(crate) fn append(&mut self, command: Command, out: &mut Out) {
        if self.leaderless {
            return;
        }
        if self.shared {
            out.push(self.id, Effect::Propose(Box::new(command)));
            return;
        }
        if self.pending.is_empty() {
            out.push(self.id, Effect::Arm(RabbitTimer::Flush(self.id), self.flush));
        }
        self.pending.push_back(command);
    }

    /// What is pending is on the disk now, and is applied.
    pub(crate) fn apply_all(&mut self, now: Time, out: &mut Out) {
        let mut pending = std::mem::take(&mut self.pending);
        for command in pending.drain(..) {
            self.apply(command, now, out);
        }
        // effects are carried out later, so nothing was appended meanwhile
        self.pending = pending;
    }

    /// A command takes effect.
    pub(crate) fn apply(&mut self, command: Command, now: Time, out: &mut Out) {
        let queue = &mut self.machine;
        match command {
            Command::Enqueue(incoming) => queue.enqueue(incoming, now, out),
            Command::Settle(handle) => queue.settle(&[handle], now, out),
            Command::Discard(handle) => queue.discard(&[handle], now, out),
            Command::Return(handle, why) => queue.give_back(&[handle], why, now, out),
            Command::SettleAll(handles) => queue.settle(&handles, now, out),
            Command::DiscardAll(handles) => queue.discard(&handles, now, out),
            Command::ReturnAll(handles, why) => queue.give_back(&handles, why, now, out),
            Command::Consume(wanted) => queue.consume(&wanted, now, out),
            Command::Cancel { session, cookie } => queue.cancel(session, cookie, now, out),
            Command::TimeOut { session, cookie } => queue.time_out(session, cookie, now, out),
            Command::Fetch { session, no_ack } => queue.fetch(session, no_ack, now, out),
            Command::Purge { session } => {
                let messages = queue.purge(Death::Purged, now, out);
                out.push(self.id, Effect::Purged { session, messages });
            }
            Command::Down { session, why, held } => queue.down(session, why, &held, now, out),
            // a declaration asks the member at hand
            Command::Count { .. } => {}
            Command::Expire => queue.expire(now, out),
            Command::DeadLetterDone { ticket } => {
                if let Some((msg, why)) = queue.dead_letter_done(ticket, now, out) {
                    let then = crate::talk::Fate::DeadLettered;
                    let note = Note::Discarded { msg, queue: self.id, why, then };
                    out.push(self.id, Effect::Note(note));
                }
            }
            Command::Configure(settings) => queue.configure(*settings, now, out),
        }
    }

    /// Starts again, unless it lost its leader for good.
    pub(crate) fn recover(&mut self, now: Time, out: &mut Out) {
        if !self.leaderless {
            self.machine.recover(now, out);
        }
    }

    /// Goes down. `choose` decides how much of what was about to be written was; publishes and
    /// acknowledgements of that part count, without anybody being told.
    pub(crate) fn lose(
        &mut self,
        graceful: bool,
        now: Time,
        choose: &mut dyn FnMut(&'static str, u32) -> u32,
        note: &mut dyn FnMut(Note),
    ) {
        self.machine.lose_sessions();
        let mut pending = std::mem::take(&mut self.pending);
        let written = match pending.len() {
            0 => 0,
            all if graceful => all,
            all => choose("flush point", all as u32 + 1) as usize,
        };
        let mut out = Out::default();
        for command in pending.drain(..).take(written) {
            match command {
                Command::Enqueue(incoming) => self.machine.append(incoming, now, &mut out),
                Command::Settle(handle) => self.machine.settle(&[handle], now, &mut out),
                Command::SettleAll(handles) => self.machine.settle(&handles, now, &mut out),
                Command::DeadLetterDone { .. } => self.apply(command, now, &mut out),
                // the rest concerns sessions that are gone
                _ => {}
            }
        }
        while let Some((_, effect)) = out.pop() {
            match effect {
                Effect::Note(it) => note(it),
                // nobody is there to dead-letter it
                Effect::Discard { message, .. } => {
                    note(Note::Lost { msg: message.id, queue: self.id });
                }
                _ => {}
            }
        }
        self.leaderless |=
            !graceful && self.declared != Time::MAX && now.since(self.declared) < NAMES_SAVED_AFTER;
    }
}
