//! A replicated log: Raft as RabbitMQ's Ra runs it, as a part that a node holds.
//!
//! Modelled: terms, pre-vote, election, log matching, commitment by a majority that has *synced*,
//! truncation of what a former leader did not replicate, and snapshots for members that fell
//! behind. Left out: changes of membership and leadership transfer.
//!
//! Ra differs from the textbook in that a leader sends no periodic heartbeats: followers learn of
//! its end from the connection, or from a failure detector. So there is no heartbeat here either;
//! the owner reports a lost peer with [`Raft::peer_down`].
//! Sources: Ongaro, "Consensus: bridging theory and practice" (2014), figure 3.1 and section 9.6;
//! rabbitmq/ra, `docs/internals/INTERNALS.md`.

mod log;
#[cfg(test)]
mod tests;

pub use log::{Entry, Log};

use crate::kernel::NodeId;

/// A leadership period, counted from 1.
pub type Term = u32;
/// A place in the log, counted from 1; 0 is before the first entry.
pub type Index = u64;

/// What the members of a group say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message<C, S> {
    /// A candidate asks for a vote, or, before it disturbs anybody, whether it would get one.
    VoteRequest {
        /// Only asks whether: nothing changes by it.
        pre: bool,
        /// The term that the candidate wants to lead.
        term: Term,
        /// Term and place of its last entry.
        last: (Term, Index),
    },
    /// The answer.
    Vote {
        /// To which kind of request.
        pre: bool,
        /// The voter's term, or, when granted, the term asked for.
        term: Term,
        /// Whether.
        granted: bool,
    },
    /// A leader replicates entries, and says how far the log is committed.
    Append {
        /// Its term.
        term: Term,
        /// Term and place of the entry before `entries`.
        previous: (Term, Index),
        /// The entries.
        entries: Vec<Entry<C>>,
        /// The last committed place.
        commit: Index,
    },
    /// The answer, once the entries are synced.
    Appended {
        /// The member's term.
        term: Term,
        /// Whether the entry before them was there.
        ok: bool,
        /// Up to where it agrees with the leader; when not `ok`, where to try next.
        matched: Index,
    },
    /// A leader sends its state to a member whose missing entries it no longer has.
    Snapshot {
        /// Its term.
        term: Term,
        /// Term and place of the last entry that the state contains.
        last: (Term, Index),
        /// The state.
        state: S,
    },
}

/// What a member asks of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<C, S> {
    /// Send this.
    Send(NodeId, Message<C, S>),
    /// Sync the log, and report with [`Raft::synced`].
    Sync,
    /// This entry is committed and synced here: apply it to the state. `None` is a leader's empty
    /// first entry.
    Apply(Index, Option<C>),
    /// Replace the state by this one.
    Restore(S),
    /// Send a snapshot of the applied state with [`Raft::send_snapshot`].
    WantSnapshot(NodeId),
    /// This member leads from now on, in this term.
    Lead(Term),
    /// This member follows from now on; the leader, when it is known.
    Follow(Option<NodeId>),
    /// Start an election after a while of chance, unless a leader is heard of before.
    ArmElection,
    /// A leader was heard of.
    DisarmElection,
}

/// What a member is at present.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Follower {
        leader: Option<NodeId>,
    },
    /// It asks whether it would be elected: nobody's term has changed yet.
    PreCandidate {
        votes: Vec<NodeId>,
    },
    Candidate {
        votes: Vec<NodeId>,
    },
    Leader {
        peers: Vec<Peer>,
    },
}

/// What a leader knows of a follower.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Peer {
    node: NodeId,
    next: Index,
    matched: Index,
    up: bool,
}

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft<C> {
    me: NodeId,
    /// All members, this one included, in the same order everywhere.
    members: Vec<NodeId>,
    // durable
    term: Term,
    voted: Option<NodeId>,
    log: Log<C>,
    // volatile
    role: Role,
    commit: Index,
    applied: Index,
}

impl<C: Clone> Raft<C> {
    /// A member of a new group.
    pub fn new(me: NodeId, members: Vec<NodeId>) -> Raft<C> {
        Raft {
            me,
            members,
            term: 0,
            voted: None,
            log: Log::default(),
            role: Role::Follower { leader: None },
            commit: 0,
            applied: 0,
        }
    }

    /// Whether this member leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader { .. })
    }

    /// Who leads, as far as this member knows.
    pub fn leader(&self) -> Option<NodeId> {
        match self.role {
            Role::Leader { .. } => Some(self.me),
            Role::Follower { leader } => leader,
            _ => None,
        }
    }

    /// The term that this member is in.
    pub fn term(&self) -> Term {
        self.term
    }

    /// All members.
    pub fn members(&self) -> &[NodeId] {
        &self.members
    }

    /// Its log.
    pub fn log(&self) -> &Log<C> {
        &self.log
    }

    /// The last committed place it knows of.
    pub fn commit(&self) -> Index {
        self.commit
    }

    /// The last applied place.
    pub fn applied(&self) -> Index {
        self.applied
    }

    fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> {
        self.members.iter().copied().filter(|&node| node != self.me)
    }

    /// It starts, or starts again: it waits for a leader.
    pub fn start<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        self.role = Role::Follower { leader: None };
        out.push(Output::ArmElection);
    }

    /// The process went down: what was not durable is gone. `synced_only` after a loss of power.
    pub fn lose(&mut self, synced_only: bool) {
        if synced_only {
            self.log.forget_unsynced();
        }
        self.role = Role::Follower { leader: None };
        self.commit = self.applied;
    }

    /// Proposes a command. Only a leader can; `None` says that this member is not one.
    pub fn propose<S>(&mut self, command: C, out: &mut Vec<Output<C, S>>) -> Option<Index> {
        if !self.is_leader() {
            return None;
        }
        let index = self.log.push(Entry { term: self.term, command: Some(command) });
        out.push(Output::Sync);
        self.replicate(out);
        Some(index)
    }

    /// The log is on disk up to `index`.
    pub fn synced<S>(&mut self, index: Index, out: &mut Vec<Output<C, S>>) {
        self.log.mark_synced(index);
        match self.role {
            Role::Leader { .. } => self.advance(out),
            Role::Follower { leader: Some(leader) } => {
                let matched = self.log.synced();
                out.push(Output::Send(
                    leader,
                    Message::Appended { term: self.term, ok: true, matched },
                ));
                self.apply(out);
            }
            _ => {}
        }
    }

    /// The time of an election has come.
    pub fn elect<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        if self.is_leader() {
            return;
        }
        self.role = Role::PreCandidate { votes: vec![self.me] };
        self.canvass(out);
        out.push(Output::ArmElection);
    }

    fn canvass<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        let pre = matches!(self.role, Role::PreCandidate { .. });
        let term = if pre { self.term + 1 } else { self.term };
        let last = self.log.last();
        for peer in self.peers() {
            out.push(Output::Send(peer, Message::VoteRequest { pre, term, last }));
        }
        self.count(out);
    }

    /// A connection to a member is gone.
    pub fn peer_down<S>(&mut self, node: NodeId, out: &mut Vec<Output<C, S>>) {
        match &mut self.role {
            Role::Leader { peers } => {
                peers.iter_mut().filter(|peer| peer.node == node).for_each(|peer| peer.up = false);
            }
            Role::Follower { leader } if *leader == Some(node) => {
                *leader = None;
                out.push(Output::Follow(None));
                out.push(Output::ArmElection);
            }
            _ => {}
        }
    }

    /// A message from another member.
    pub fn receive<S>(
        &mut self,
        from: NodeId,
        message: Message<C, S>,
        out: &mut Vec<Output<C, S>>,
    ) {
        match message {
            Message::VoteRequest { pre, term, last } => self.vote(from, pre, term, last, out),
            Message::Vote { pre, term, granted } => self.voted(from, pre, term, granted, out),
            Message::Append { term, previous, entries, commit } => {
                self.append(from, term, previous, entries, commit, out);
            }
            Message::Appended { term, ok, matched } => self.appended(from, term, ok, matched, out),
            Message::Snapshot { term, last, state } => {
                if !self.hear(from, term, out) {
                    return;
                }
                if last.1 > self.applied {
                    self.log.restart_after(last);
                    (self.commit, self.applied) = (last.1, last.1);
                    out.push(Output::Restore(state));
                }
                // what is applied here the leader has committed; a snapshot is written at once
                let matched = self.applied;
                out.push(Output::Send(from, Message::Appended { term, ok: true, matched }));
            }
        }
    }

    fn vote<S>(
        &mut self,
        from: NodeId,
        pre: bool,
        term: Term,
        last: (Term, Index),
        out: &mut Vec<Output<C, S>>,
    ) {
        if !pre && term > self.term {
            self.step_down(term, None, out);
        }
        let up_to_date = last >= self.log.last();
        let granted = if pre {
            // who hears of a living leader disturbs nobody
            term > self.term && up_to_date && self.leader().is_none()
        } else {
            term == self.term && up_to_date && self.voted.is_none_or(|it| it == from)
        };
        if granted && !pre {
            self.voted = Some(from);
            out.push(Output::ArmElection);
        }
        let term = if granted { term } else { self.term };
        out.push(Output::Send(from, Message::Vote { pre, term, granted }));
    }

    fn voted<S>(
        &mut self,
        from: NodeId,
        pre: bool,
        term: Term,
        granted: bool,
        out: &mut Vec<Output<C, S>>,
    ) {
        if !granted {
            if term > self.term {
                self.step_down(term, None, out);
            }
            return;
        }
        match &mut self.role {
            Role::PreCandidate { votes } if pre && term == self.term + 1 => add(votes, from),
            Role::Candidate { votes } if !pre && term == self.term => add(votes, from),
            _ => return,
        }
        self.count(out);
    }

    fn count<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        match &self.role {
            Role::PreCandidate { votes } if votes.len() >= self.majority() => {
                self.term += 1;
                self.voted = Some(self.me);
                self.role = Role::Candidate { votes: vec![self.me] };
                self.canvass(out);
            }
            Role::Candidate { votes } if votes.len() >= self.majority() => self.lead(out),
            _ => {}
        }
    }

    fn lead<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        let next = self.log.last().1 + 1;
        let peers = self.peers().map(|node| Peer { node, next, matched: 0, up: true }).collect();
        self.role = Role::Leader { peers };
        out.push(Output::DisarmElection);
        out.push(Output::Lead(self.term));
        // an entry of its own term, without which it may not commit those before it
        self.log.push(Entry { term: self.term, command: None });
        out.push(Output::Sync);
        self.replicate(out);
    }

    fn step_down<S>(&mut self, term: Term, leader: Option<NodeId>, out: &mut Vec<Output<C, S>>) {
        // a leader of a new term may have lost what it was sent in an old one
        let news = term > self.term || self.leader() != leader || self.is_leader();
        if term > self.term {
            self.term = term;
            self.voted = None;
        }
        self.role = Role::Follower { leader };
        if news {
            out.push(Output::Follow(leader));
        }
        out.push(if leader.is_some() { Output::DisarmElection } else { Output::ArmElection });
    }

    /// Hears from a leader. Returns whether it is one that this member follows.
    fn hear<S>(&mut self, from: NodeId, term: Term, out: &mut Vec<Output<C, S>>) -> bool {
        if term < self.term {
            let matched = self.log.last().1;
            out.push(Output::Send(from, Message::Appended { term: self.term, ok: false, matched }));
            return false;
        }
        if term > self.term || self.leader() != Some(from) {
            self.step_down(term, Some(from), out);
        }
        true
    }

    fn append<S>(
        &mut self,
        from: NodeId,
        term: Term,
        previous: (Term, Index),
        entries: Vec<Entry<C>>,
        commit: Index,
        out: &mut Vec<Output<C, S>>,
    ) {
        if !self.hear(from, term, out) {
            return;
        }
        if !self.log.has(previous) {
            let matched = self.log.last().1.min(previous.1 - 1);
            out.push(Output::Send(from, Message::Appended { term, ok: false, matched }));
            return;
        }
        let agreed = previous.1 + entries.len() as u64;
        self.log.overwrite(previous.1, entries);
        self.commit = self.commit.max(commit.min(agreed));
        if self.log.synced() < agreed {
            out.push(Output::Sync);
        } else {
            out.push(Output::Send(from, Message::Appended { term, ok: true, matched: agreed }));
        }
        self.apply(out);
    }

    fn appended<S>(
        &mut self,
        from: NodeId,
        term: Term,
        ok: bool,
        matched: Index,
        out: &mut Vec<Output<C, S>>,
    ) {
        if term > self.term {
            self.step_down(term, None, out);
            return;
        }
        let Role::Leader { peers } = &mut self.role else { return };
        let Some(peer) = peers.iter_mut().find(|peer| peer.node == from) else { return };
        peer.up = true;
        if ok {
            peer.matched = peer.matched.max(matched);
            peer.next = peer.next.max(matched + 1);
        } else {
            peer.next = matched + 1;
        }
        self.advance(out);
        self.replicate(out);
    }

    /// Sends each member what it misses. What is under way is not sent twice: links are reliable.
    fn replicate<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        let last = self.log.last().1;
        let Role::Leader { peers } = &mut self.role else { return };
        for peer in peers.iter_mut().filter(|peer| peer.up && peer.next <= last) {
            match self.log.from(peer.next) {
                Some((previous, entries)) => {
                    out.push(Output::Send(
                        peer.node,
                        Message::Append { term: self.term, previous, entries, commit: self.commit },
                    ));
                    peer.next = last + 1;
                }
                None => {
                    peer.up = false; // until it answers
                    out.push(Output::WantSnapshot(peer.node));
                }
            }
        }
    }

    /// A member that was gone is back: it gets what it misses.
    pub fn peer_up<S>(&mut self, node: NodeId, out: &mut Vec<Output<C, S>>) {
        let last = self.log.last();
        let (term, commit) = (self.term, self.commit);
        let Role::Leader { peers } = &mut self.role else { return };
        if let Some(peer) = peers.iter_mut().find(|peer| peer.node == node) {
            peer.up = true;
            peer.next = last.1 + 1;
            let probe = Message::Append { term, previous: last, entries: Vec::new(), commit };
            out.push(Output::Send(node, probe));
        }
    }

    /// Sends `state`, which is the state after [`Raft::applied`].
    pub fn send_snapshot<S>(&mut self, to: NodeId, state: S, out: &mut Vec<Output<C, S>>) {
        let last = (self.log.term_at(self.applied).unwrap_or(self.term), self.applied);
        let term = self.term;
        let Role::Leader { peers } = &mut self.role else { return };
        if let Some(peer) = peers.iter_mut().find(|peer| peer.node == to) {
            peer.next = last.1 + 1;
            out.push(Output::Send(to, Message::Snapshot { term, last, state }));
        }
    }

    /// Commits what a majority has synced, if it is of this term (section 5.4.2 of the paper).
    fn advance<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        let Role::Leader { peers } = &self.role else { return };
        let mut synced: Vec<Index> = peers.iter().map(|peer| peer.matched).collect();
        synced.push(self.log.synced());
        synced.sort_unstable_by(|a, b| b.cmp(a));
        // nor more than it has synced itself, so that a follower never knows of more than its
        // leader has applied
        let majority = synced[self.majority() - 1].min(self.log.synced());
        if majority > self.commit && self.log.term_at(majority) == Some(self.term) {
            self.commit = majority;
            self.apply(out);
            let commit = self.commit;
            let previous = self.log.last();
            for peer in self.peers().collect::<Vec<_>>() {
                if self.is_caught_up(peer) {
                    let term = self.term;
                    let news = Message::Append { term, previous, entries: Vec::new(), commit };
                    out.push(Output::Send(peer, news));
                }
            }
        }
    }

    fn is_caught_up(&self, node: NodeId) -> bool {
        let last = self.log.last().1;
        matches!(&self.role, Role::Leader { peers }
            if peers.iter().any(|peer| peer.node == node && peer.up && peer.next == last + 1))
    }

    /// Applies what is committed and on this member's disk.
    fn apply<S>(&mut self, out: &mut Vec<Output<C, S>>) {
        let until = self.commit.min(self.log.synced());
        while self.applied < until {
            self.applied += 1;
            let command = self.log.get(self.applied).and_then(|entry| entry.command.clone());
            out.push(Output::Apply(self.applied, command));
        }
    }

    /// Forgets entries that are applied here, except for the last `keep`.
    pub fn compact(&mut self, keep: u64) {
        self.log.drop_before(self.applied.saturating_sub(keep));
    }
}

fn add(votes: &mut Vec<NodeId>, node: NodeId) {
    if !votes.contains(&node) {
        votes.push(node);
    }
}
