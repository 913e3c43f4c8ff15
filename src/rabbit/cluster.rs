//! A node as a member of a cluster: what the members say to each other, and what one of them knows.
//!
//! *Modelled:* quorum queues are replicated by Raft. Every member applies the same log, and carries
//! out what concerns the clients that are connected to it: a publish is confirmed by the node of its
//! channel, once a majority has synced it. A minority that is killed, loses its power, stands still
//! or is cut off costs no confirmed message; a part of the cluster without a majority confirms
//! nothing, and what is published there waits. A client may connect to any node, and stays when the
//! leader changes. What the consumers of a lost node held comes back. Exchanges, queues, bindings
//! and policies go through the same log (as in Khepri), so that they are the same on all nodes. A
//! classic queue lives on one node, and is down with it.
//!
//! What a node wants in the log is numbered, kept until it is applied, and sent again to every new
//! leader; repeats are ignored when they are applied. That is what `rabbit_fifo_client` and the
//! sequence numbers of enqueuers in `rabbit_fifo` do for each channel.
//!
//! *Simplified:* the quorum queues of a cluster share one log and therefore one leader (RabbitMQ
//! runs a group for each, but `queue-leader-locator = client-local` puts the leaders of queues that
//! were declared through one node on that node). A node that the others had given up, or may have,
//! ends its client connections when it hears of them again, as `pause_minority` does (earlier). The answer to deleting a classic
//! queue of another node does not say how many messages it had. Streams are not replicated: a
//! cluster has none.
//!
//! Sources: docs `quorum-queues`, "Leader election and failure handling"; rabbitmq/ra
//! `docs/internals/INTERNALS.md`; rabbitmq/aten (the failure detector); `rabbit_fifo_client.erl`.

use std::collections::{BTreeMap, VecDeque};

use super::broker::Image;
use super::queue::{Command, Effect, Origin, Session};
use crate::kernel::{NodeId, Span, Time};
use crate::raft::{Message, Raft, Term};
use crate::talk::{Gone, Method, Policy, QueueId};

/// How often members let each other know that they are there.
pub(crate) const TICK: Span = Span::from_secs(1);
/// After how many ticks without a word a member counts as lost. With [`TICK`] between 5 s and 6 s:
/// `aten` takes about that long with its default `poll_interval` of 5 s.
pub(crate) const PATIENCE: u8 = 6;
/// Whoever was out of touch for this long cannot know whether the others have given it up. It is
/// shorter than [`PATIENCE`] by more than the tick in which either side may have spoken last.
pub(crate) const IN_TOUCH: Span = Span::from_secs(3);
/// Between losing its leader and calling an election, a member waits this long (`ra_server_proc`:
/// `broadcast_time` of 100 ms, times 5, to twice that).
pub(crate) const ELECTION: (Span, Span) = (Span::from_millis(500), Span::from_millis(1_000));
/// A member keeps this many applied entries for members that lag behind, and up to twice as many;
/// those that lag further get a snapshot.
pub(crate) const KEPT: u64 = 4_096;

/// What members say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Word {
    /// It has just started, for the `life`th time: whatever was said to its former life is lost.
    Hello { life: u32 },
    /// It is there, and has a memory or disk alarm, or none.
    Ping { alarm: bool },
    /// About the log.
    Raft(Message<Stamped, Box<Image>>),
    /// The sender wants this in the log.
    Submit { life: u32, seq: u64, change: Change },
    /// The sender had given the receiver up, for the `nth` time: what the channels of one and the
    /// classic queues of the other knew of each other is void.
    Severed { nth: u32 },
    /// Both have forgotten it.
    Mended { nth: u32 },
    /// For a classic queue of the receiver, from a channel of this client; of nobody when a dead
    /// letter comes.
    Command { peer: Option<NodeId>, queue: QueueId, epoch: u32, command: Command },
    /// From a classic queue of the sender.
    Effect { queue: QueueId, epoch: u32, effect: Effect },
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamped {
    /// When the leader took it.
    pub(crate) at: Time,
    /// Who wanted it; the leader itself, when nobody.
    pub(crate) source: Option<Source>,
    pub(crate) change: Change,
}

/// Where an entry comes from: the `seq`th that a member wanted in one of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    pub(crate) member: u8,
    pub(crate) life: u32,
    pub(crate) seq: u64,
}

/// What an entry changes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    /// A quorum queue, the one that had this number at that time.
    Queue { queue: QueueId, epoch: u32, command: Command },
    /// The topology, as a client asks for it.
    Ask { peer: NodeId, session: Session, method: Box<Method> },
    /// A queue goes by itself.
    Remove { queue: QueueId, epoch: u32, why: Gone },
    /// An operator sets a policy.
    Policy(Box<Policy>),
    /// A new leader begins.
    Takeover { term: Term },
    /// A member is gone, and with it the sessions of this life.
    Lost { member: u8, life: u32 },
}

/// How far the entries that a member wanted are applied. The same on all members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    life: u32,
    seq: u64,
    /// This life is over; entries of it that come late do not count.
    over: bool,
}

/// What is to be done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing: it was applied before, or comes too late or too early.
    Ignored,
    /// It is applied.
    Next,
    /// As [`Turn::Next`], after the sessions of the member's former life have ended.
    Reborn,
}

impl Stream {
    /// An entry of this member is there.
    pub(crate) fn take(&mut self, source: Source) -> Turn {
        let reborn = source.life > self.life;
        if reborn && source.seq == 1 {
            let ended = self.over || self.life == 0;
            *self = Stream { life: source.life, seq: 1, over: false };
            return if ended { Turn::Next } else { Turn::Reborn };
        }
        if source.life != self.life || self.over || source.seq != self.seq + 1 {
            return Turn::Ignored;
        }
        self.seq += 1;
        Turn::Next
    }

    /// This life of the member is over. Returns whether that is news.
    pub(crate) fn end(&mut self, life: u32) -> bool {
        let news = self.life == life && !self.over;
        self.over |= news;
        news
    }

    /// The life that it is in.
    pub(crate) fn life(&self) -> u32 {
        self.life
    }
}

/// A command that was sent here before this node knew of its queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Early {
    pub(crate) from: NodeId,
    pub(crate) peer: Option<NodeId>,
    pub(crate) queue: QueueId,
    pub(crate) epoch: u32,
    pub(crate) command: Command,
}

/// A node's part in its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    pub(crate) raft: Raft<Stamped>,
    /// Its place among the members.
    pub(crate) place: u8,
    /// It leads, and everything that its predecessors had committed is applied.
    pub(crate) leads: bool,
    /// For each member, ticks without a word; [`PATIENCE`] for those that are lost.
    silent: Vec<u8>,
    /// For each member, when it was last heard of.
    heard: Vec<Time>,
    /// Which leader was last heard of, in which term.
    led: Option<(NodeId, Term)>,
    /// For each member, whether it has an alarm.
    pub(crate) alarms: Vec<bool>,
    /// Up to which entry the sync covers that is under way.
    pub(crate) syncing: Option<(Term, crate::raft::Index)>,
    /// Elections that were waited for.
    pub(crate) elections: u64,
    /// How often it started, or was given up by the others without having stopped.
    pub(crate) life: u32,
    seq: u64,
    /// What it wants in the log and is not applied.
    pub(crate) outbox: VecDeque<(u64, Change)>,
    /// For each member. Changed by nothing but the log.
    pub(crate) streams: Vec<Stream>,
    /// For each member, how often it was given up.
    given_up: Vec<u32>,
    /// For each member, whether it does not know yet that it was.
    severed: Vec<bool>,
    /// For each member, how often it gave this one up.
    severed_by: Vec<u32>,
    /// Publishes to classic queues of other members without an answer.
    owed: VecDeque<(NodeId, Origin)>,
    /// Channels of other members that classic queues here serve, and their clients.
    guests: BTreeMap<Session, NodeId>,
    /// Commands for classic queues whose declaration is not applied here yet.
    pub(crate) early: Vec<Early>,
}

impl Member {
    pub(crate) fn new(me: NodeId, members: Vec<NodeId>) -> Member {
        let count = members.len();
        let place = members.iter().position(|member| *member == me).unwrap_or_default();
        Member {
            raft: Raft::new(me, members),
            place: place as u8, // a cluster has a handful of members
            leads: false,
            silent: vec![0; count],
            heard: vec![Time::ZERO; count],
            led: None,
            alarms: vec![false; count],
            syncing: None,
            elections: 0,
            life: 0,
            seq: 0,
            outbox: VecDeque::new(),
            streams: vec![Stream::default(); count],
            given_up: vec![0; count],
            severed: vec![false; count],
            severed_by: vec![0; count],
            owed: VecDeque::new(),
            guests: BTreeMap::new(),
            early: Vec::new(),
        }
    }

    /// The place of a node among the members, if it is one.
    pub(crate) fn place_of(&self, node: NodeId) -> Option<usize> {
        self.raft.members().iter().position(|member| *member == node)
    }

    /// The member that this session's client is connected to.
    pub(crate) fn node_of(&self, session: Session) -> NodeId {
        let members = self.raft.members();
        members[usize::from(session.slot) % members.len()]
    }

    // ── who is there ──

    /// The member at this place said something. Returns whether it had been lost.
    pub(crate) fn hears(&mut self, place: usize, now: Time) -> bool {
        self.heard[place] = now;
        std::mem::take(&mut self.silent[place]) >= PATIENCE
    }

    /// The member at this place says something, with `term` when only a leader speaks so. Whether
    /// the others may have given this one up meanwhile: it was not in touch with a majority, or not
    /// with a leader that led all the time.
    pub(crate) fn may_be_given_up(&mut self, place: usize, term: Option<Term>, now: Time) -> bool {
        let speaker = self.raft.members()[place];
        let follows = !self.raft.is_leader() && self.raft.leader() == Some(speaker);
        let term = term.or(follows.then_some(self.raft.term()));
        let led = term.map(|term| (speaker, term));
        let long = led.is_some() && std::mem::replace(&mut self.led, led) == led;
        let mut heard = self.heard.clone();
        heard[usize::from(self.place)] = now;
        heard.sort_unstable_by(|one, other| other.cmp(one));
        let out_of_touch = |since: Time| now.since(since) >= IN_TOUCH;
        out_of_touch(heard[heard.len() / 2])
            || long && (self.silent[place] >= PATIENCE || out_of_touch(self.heard[place]))
    }

    /// It starts: whatever it heard before, it heard in another life.
    pub(crate) fn starts(&mut self, now: Time) {
        self.heard.fill(now);
        self.led = None;
        self.begin_life();
    }

    /// A member is lost. Returns whether that is news.
    pub(crate) fn gives_up(&mut self, node: NodeId) -> bool {
        let Some(place) = self.place_of(node) else { return false };
        self.alarms[place] = false;
        let news = std::mem::replace(&mut self.silent[place], PATIENCE) < PATIENCE;
        if news {
            self.given_up[place] += 1;
            self.severed[place] = true;
        }
        news
    }

    /// What the member at this place has to be told if it was given up, until it says that it knows.
    pub(crate) fn severs(&self, place: usize) -> Option<Word> {
        self.severed[place].then_some(Word::Severed { nth: self.given_up[place] })
    }

    /// The member at this place says that it had given this one up. Returns whether that is news.
    pub(crate) fn is_severed_by(&mut self, place: usize, nth: u32) -> bool {
        std::mem::replace(&mut self.severed_by[place], nth) != nth
    }

    /// The member at this place knows that it had been given up, or has forgotten everything.
    pub(crate) fn mends(&mut self, place: usize, nth: Option<u32>) {
        match nth {
            None => (self.severed[place], self.severed_by[place]) = (false, 0),
            Some(nth) if nth == self.given_up[place] => self.severed[place] = false,
            Some(_) => {}
        }
    }

    /// Whether a member is not lost, as far as both know.
    pub(crate) fn reaches(&self, node: NodeId) -> bool {
        self.place_of(node)
            .is_some_and(|place| self.silent[place] < PATIENCE && !self.severed[place])
    }

    /// A tick passes. Returns the members that have been silent for too long.
    pub(crate) fn tick(&mut self) -> Vec<NodeId> {
        let mut lost = Vec::new();
        for (place, &member) in self.raft.members().iter().enumerate() {
            if place == usize::from(self.place) || self.silent[place] >= PATIENCE {
                continue;
            }
            if self.silent[place] + 1 == PATIENCE {
                lost.push(member);
            } else {
                self.silent[place] += 1;
            }
        }
        lost
    }

    // ── what it wants in the log ──

    /// It wants this in the log. Returns its number.
    pub(crate) fn wants(&mut self, change: Change) -> u64 {
        self.seq += 1;
        self.outbox.push_back((self.seq, change));
        self.seq
    }

    /// An entry of its own is applied.
    pub(crate) fn has_got(&mut self, source: Source) {
        if usize::from(source.member) == usize::from(self.place) && source.life == self.life {
            while self.outbox.front().is_some_and(|(seq, _)| *seq <= source.seq) {
                self.outbox.pop_front();
            }
        }
    }

    pub(crate) fn source(&self, seq: u64) -> Source {
        Source { member: self.place, life: self.life, seq }
    }

    /// A new life begins: nothing of what the old one wanted is asked for any more.
    pub(crate) fn begin_life(&mut self) {
        self.life += 1;
        self.seq = 0;
        self.outbox.clear();
        self.owed.clear();
    }

    // ── publishes to classic queues of other members ──

    pub(crate) fn owes(&mut self, node: NodeId, origin: Origin) {
        self.owed.push_back((node, origin));
    }

    pub(crate) fn has_answered(&mut self, origin: Origin) {
        if let Some(at) = self.owed.iter().position(|(_, its)| *its == origin) {
            self.owed.remove(at);
        }
    }

    /// What a member that is lost will not answer any more.
    pub(crate) fn owed_by(&mut self, node: NodeId) -> Vec<Origin> {
        let owed = std::mem::take(&mut self.owed);
        let (lost, owed) = owed.into_iter().partition::<Vec<_>, _>(|(from, _)| *from == node);
        self.owed = owed.into();
        lost.into_iter().map(|(_, origin)| origin).collect()
    }

    /// A channel of another member is served here.
    pub(crate) fn welcomes(&mut self, guest: Session, peer: NodeId) {
        self.guests.insert(guest, peer);
    }

    /// Whose channel of another member that is.
    pub(crate) fn guest(&self, session: Session) -> Option<NodeId> {
        self.guests.get(&session).copied()
    }

    /// A channel of another member is gone.
    pub(crate) fn sees_off(&mut self, guest: Session) {
        self.guests.remove(&guest);
    }

    /// All channels of a member are gone.
    pub(crate) fn see_off_all(&mut self, node: NodeId) {
        let members = self.raft.members();
        let of = |session: &Session| members[usize::from(session.slot) % members.len()];
        self.guests.retain(|session, _| of(session) != node);
    }

    /// The process goes down.
    pub(crate) fn lose(&mut self, synced_only: bool) {
        self.raft.lose(synced_only);
        self.leads = false;
        self.syncing = None;
        self.silent.fill(0);
        self.alarms.fill(false);
        self.severed.fill(false);
        self.severed_by.fill(0);
        self.outbox.clear();
        self.owed.clear();
        self.guests.clear();
        self.early.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(life: u32, seq: u64) -> Source {
        Source { member: 0, life, seq }
    }

    #[test]
    fn what_a_member_wanted_is_applied_once_and_in_order() {
        let mut stream = Stream::default();
        assert_eq!(stream.take(source(1, 1)), Turn::Next);
        assert_eq!(stream.take(source(1, 1)), Turn::Ignored, "a repeat");
        assert_eq!(stream.take(source(1, 3)), Turn::Ignored, "one is missing before it");
        assert_eq!(stream.take(source(1, 2)), Turn::Next);
    }

    #[test]
    fn a_new_life_ends_the_old_one_unless_that_had_ended() {
        let mut stream = Stream::default();
        stream.take(source(1, 1));
        assert_eq!(stream.take(source(2, 1)), Turn::Reborn);
        assert_eq!(stream.take(source(1, 2)), Turn::Ignored, "too late");
        assert!(stream.end(2));
        assert!(!stream.end(2), "once");
        assert_eq!(stream.take(source(2, 2)), Turn::Ignored, "too late as well");
        assert_eq!(stream.take(source(3, 1)), Turn::Next);
        assert!(!stream.end(2), "that was another life");
    }
}
