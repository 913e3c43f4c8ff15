//! The replicated log under every fault that the engine has.

use proptest::prelude::*;

use super::*;
use crate::kernel::{
    Ctx, Dist, Fault, Input, Link, Loss, Monitor, Node, Planned, Run, Seen, Setup, Site, Span,
    Talk, Time, Verdict,
};
use crate::search::{Limits, Outcome, explore};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Group;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Alarm {
    Elect,
    Sync,
    Propose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Applied(Index, Option<u32>),
    Leads(Term),
}

impl Talk for Group {
    type Msg = Message<u32, Vec<u32>>;
    type Timer = Alarm;
    type Note = Told;
    type Order = ();
    type Cue = ();
    fn matches(_: &mut (), _: NodeId, _: &Told) -> bool {
        false
    }
}

/// A member that proposes `left` commands while it leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Member {
    raft: Raft<u32>,
    state: Vec<u32>,
    left: u32,
    /// Keeps this many applied entries.
    keep: u64,
    /// Counts a vote of its own before it has one: the mutant that two leaders come from.
    cheats: bool,
}

impl Member {
    fn carry_out(&mut self, out: Vec<Output<u32, Vec<u32>>>, ctx: &mut Ctx<'_, Group>) {
        for output in out {
            match output {
                Output::Send(to, message) => ctx.send(to, message),
                Output::Sync => ctx.arm(Alarm::Sync, Span::from_micros(500)),
                Output::Apply(index, command) => {
                    ctx.note(Told::Applied(index, command));
                    self.state.extend(command);
                    self.raft.compact(self.keep);
                }
                Output::Restore(state) => self.state = state,
                Output::WantSnapshot(to) => {
                    let mut more = Vec::new();
                    self.raft.send_snapshot(to, self.state.clone(), &mut more);
                    self.carry_out(more, ctx);
                }
                Output::Lead(term) => {
                    ctx.note(Told::Leads(term));
                    ctx.arm(Alarm::Propose, Span::from_millis(1));
                }
                Output::Follow(_) => ctx.disarm(Alarm::Propose),
                Output::ArmElection => {
                    let wait = Dist::Uniform(Span::from_millis(10), Span::from_millis(30));
                    let site = Site::new("election", u64::from(ctx.me.0)).nth(ctx.now.as_nanos());
                    let wait = ctx.span(site, &wait);
                    ctx.arm(Alarm::Elect, wait);
                }
                Output::DisarmElection => ctx.disarm(Alarm::Elect),
            }
        }
    }
}

impl Node for Member {
    type Talk = Group;
    fn on(&mut self, input: Input<Group>, ctx: &mut Ctx<'_, Group>) {
        let mut out = Vec::new();
        match input {
            Input::Start => self.raft.start(&mut out),
            Input::Message { from, msg } => {
                if let (true, &Message::VoteRequest { pre, term, .. }) = (self.cheats, &msg) {
                    // votes for whoever asks, however often, whatever it has in its log
                    out.push(Output::Send(from, Message::Vote { pre, term, granted: true }));
                    return self.carry_out(out, ctx);
                }
                self.raft.receive(from, msg, &mut out);
            }
            Input::Timer(Alarm::Elect) => self.raft.elect(&mut out),
            Input::Timer(Alarm::Sync) => {
                let last = self.raft.log().last().1;
                self.raft.synced(last, &mut out);
            }
            Input::Timer(Alarm::Propose) => {
                if self.left > 0 {
                    self.left -= 1;
                    let command = ctx.me.0 * 1_000 + self.left;
                    self.raft.propose(command, &mut out);
                    ctx.arm(Alarm::Propose, Span::from_millis(1));
                }
            }
            Input::Closed(peer) => {
                self.raft.peer_down(peer, &mut out);
                self.raft.peer_up(peer, &mut out);
            }
            Input::Order(()) | Input::Stop => {}
        }
        self.carry_out(out, ctx);
    }
    fn lose(&mut self, loss: Loss, _: &mut Ctx<'_, Group>) {
        self.raft.lose(loss == Loss::Power);
    }
}

fn group(members: u32, left: u32, keep: u64) -> Vec<Member> {
    let ids: Vec<NodeId> = (0..members).map(NodeId).collect();
    ids.iter()
        .map(|&me| Member {
            raft: Raft::new(me, ids.clone()),
            state: Vec::new(),
            left,
            keep,
            cheats: false,
        })
        .collect()
}

/// State machine safety: no two members apply different commands at one place; and no term has two
/// leaders.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Safety {
    applied: Vec<(Index, Option<u32>)>,
    leaders: Vec<(Term, NodeId)>,
    broken: bool,
}

impl Monitor<Told> for Safety {
    fn observe(&mut self, seen: Seen<'_, Told>) {
        match *seen.note {
            Told::Applied(index, command) => {
                match self.applied.iter().find(|(place, _)| *place == index) {
                    Some((_, other)) => self.broken |= *other != command,
                    None => self.applied.push((index, command)),
                }
                self.applied.sort_unstable();
            }
            Told::Leads(term) => {
                let other = self.leaders.iter().find(|(t, _)| *t == term);
                self.broken |= other.is_some_and(|(_, node)| *node != seen.node);
                self.leaders.push((term, seen.node));
                self.leaders.sort_unstable();
            }
        }
    }
    fn verdict(&self, settled: bool) -> Verdict {
        match (self.broken, settled) {
            (true, _) => Verdict::Violated(0),
            (false, true) => Verdict::Holds,
            (false, false) => Verdict::Undecided,
        }
    }
}

fn setup(nodes: Vec<Member>, plan: Vec<(u64, Fault<Group>)>, seed: u64) -> Setup<Member> {
    let plan = plan
        .into_iter()
        .map(|(at, fault)| Planned { at: Time::ZERO + Span::from_millis(at), fault })
        .collect();
    let latency = Dist::Uniform(Span::from_micros(100), Span::from_millis(1));
    Setup { plan, latency, seed, ..Setup::of(nodes) }
}

fn play(setup: Setup<Member>) -> (Run<Member>, Safety) {
    let mut watching = crate::search::Watching::new(Safety::default());
    let until = Time::ZERO + Span::from_secs(2);
    let run = Run::record_with(setup, until, 200_000, &mut watching);
    (run, watching.monitor)
}

#[test]
fn three_members_elect_one_leader_and_apply_the_same() {
    let (run, safety) = play(setup(group(3, 20, 1_000), Vec::new(), 1));
    assert!(!safety.broken);
    let states: Vec<_> = run.last().world().nodes().map(|(_, node)| node.state.clone()).collect();
    assert_eq!(states[0].len(), 20);
    assert!(states.iter().all(|state| *state == states[0]));
}

#[test]
fn a_single_member_leads_itself() {
    let (run, _) = play(setup(group(1, 5, 1_000), Vec::new(), 1));
    assert_eq!(run.last().world().node(NodeId(0)).state.len(), 5);
}

#[test]
fn a_minority_commits_nothing() {
    let plan = vec![(100, Fault::Kill(NodeId(1))), (100, Fault::Kill(NodeId(2)))];
    let (run, _) = play(setup(group(3, 1_000_000, 1_000), plan, 1));
    let late = Time::ZERO + Span::from_millis(150);
    assert!(!run.history().notes().iter().any(|noted| noted.at > late));
}

#[test]
fn a_member_that_fell_far_behind_gets_a_snapshot() {
    let plan = vec![(5, Fault::Kill(NodeId(2))), (300, Fault::Restart(NodeId(2)))];
    let (run, safety) = play(setup(group(3, 200, 10), plan, 3));
    assert!(!safety.broken);
    let states: Vec<_> = run.last().world().nodes().map(|(_, node)| node.state.clone()).collect();
    assert!(states[0].len() > 100 && states.iter().all(|state| *state == states[0]));
}

#[test]
fn whoever_votes_for_everyone_makes_two_leaders() {
    let mut nodes = group(3, 0, 1_000);
    for node in &mut nodes {
        node.cheats = true;
    }
    let caught = (0..200).any(|seed| play(setup(nodes.clone(), Vec::new(), seed)).1.broken);
    assert!(caught, "two members lead one term");
}

#[test]
fn no_interleaving_of_an_election_makes_two_leaders() {
    let limits =
        Limits { worlds: 20_000, depth: 14, faults: 1, menu: vec![Fault::Kill(NodeId(0))] };
    let outcome = explore(&group(3, 1, 1_000), &Safety::default(), &limits);
    assert!(!matches!(outcome, Outcome::Broken(_)), "{outcome:?}");
}

fn any_fault() -> impl Strategy<Value = Fault<Group>> {
    let node = (0u32..3).prop_map(NodeId);
    (node.clone(), node, 0..8).prop_map(|(a, b, kind)| match kind {
        0 => Fault::Kill(a),
        1 => Fault::PowerLoss(a),
        2 | 3 => Fault::Restart(a),
        4 => Fault::Cut(Link { from: a, to: b }),
        5 => Fault::Heal(Link { from: a, to: b }),
        6 => Fault::Pause(a),
        _ => Fault::Resume(a),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Whatever happens, members agree; and when it is over and all are back, they catch up.
    #[test]
    fn members_never_disagree(
        plan in prop::collection::vec((0u64..600, any_fault()), 0..25),
        seed: u64,
        keep in 1u64..50,
    ) {
        let (_, safety) = play(setup(group(3, 300, keep), plan, seed));
        prop_assert!(!safety.broken, "{safety:?}");
    }
}
