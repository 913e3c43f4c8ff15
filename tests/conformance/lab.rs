//! The laboratory: the model's broker and scripted clients in one world.

use redeliver::kernel::{
    Ctx, Dist, Input, Link, Loss, Node, NodeId, Planned, Seen, Setup, Span, Time, Timeline, Watch,
};
use redeliver::rabbit::{Broker, QueueView};
use redeliver::talk::{Mq, Name, Note};

use crate::client::{Client, What};
use crate::harness::{Harness, Word};
use crate::script::Script;

/// How long a frame is under way: nothing to speak of, and always the same.
const LATENCY: Span = Span::from_micros(100);

/// How long after the last recorded event the model goes on.
const AFTERWARDS: Span = Span::from_secs(3);

/// A node of the laboratory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lab {
    Broker(Box<Broker>),
    Harness(Harness),
    Client(Box<Client>),
}

impl Node for Lab {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Broker(broker) => broker.on(input, ctx),
            Lab::Harness(harness) => harness.on(input, ctx),
            Lab::Client(client) => client.on(input, ctx),
        }
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        if let Lab::Broker(broker) = self {
            broker.lose(loss, ctx);
        }
    }
}

/// What the model did.
pub struct Run {
    /// The clients, in the order of the script's actors.
    pub clients: Vec<Client>,
    /// What the broker noted, and when.
    pub notes: Vec<(Time, Note)>,
    /// What the broker looked like at the times that the script asked for.
    pub views: Vec<Vec<QueueView>>,
    /// The broker at the end.
    pub broker: Broker,
}

struct Notes(Vec<(Time, Note)>);

impl Watch<Mq> for Notes {
    fn note(&mut self, seen: Seen<'_, Note>) {
        if seen.node == BROKER {
            self.0.push((seen.at, seen.note.clone()));
        }
    }
}

/// The broker's place in the world.
pub const BROKER: NodeId = NodeId(0);

const HARNESS: NodeId = NodeId(1);

/// The first client's place.
const CLIENTS: NodeId = NodeId(2);

/// What varies from machine to machine, and from run to run: how late timers go off, and every
/// choice that the model leaves open.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub classic_lateness: Span,
    pub quorum_lateness: Span,
    pub tick_lateness: Span,
    pub seed: u64,
}

/// How many machines to try.
const TRIES: u64 = 48;

/// A usual one first, then a quick one, a busy one and so on, within what was measured: 2 to 4 ms
/// for classic queues, 3 to 21 ms for quorum queues, and 2 to 20 ms for their ticks.
pub fn machines() -> impl Iterator<Item = Machine> {
    const LATENESS: [(u64, u64); 4] =
        [(3_000, 4_000), (2_000, 2_000), (4_000, 20_000), (3_000, 7_000)];
    // one more than the others have, so that each meets each
    const TICK: [u64; 5] = [5_000, 2_000, 20_000, 15_000, 10_000];
    let late = LATENESS.iter().cycle().zip(TICK.iter().cycle());
    late.zip(0..TRIES).map(|((late, tick), seed)| Machine::new(*late, *tick, seed))
}

impl Machine {
    const fn new((classic, quorum): (u64, u64), tick: u64, seed: u64) -> Machine {
        Machine {
            classic_lateness: Span::from_micros(classic),
            quorum_lateness: Span::from_micros(quorum),
            tick_lateness: Span::from_micros(tick),
            seed,
        }
    }
}

impl Run {
    /// Plays a script.
    pub fn play(script: &Script, machine: Machine) -> Result<Run, String> {
        let mut config = script.config.clone();
        config.profile.costs.classic_expiry_lateness = machine.classic_lateness;
        config.profile.costs.quorum_expiry_lateness = machine.quorum_lateness;
        config.profile.costs.quorum_tick_lateness = machine.tick_lateness;
        let broker = Broker::new(config).map_err(|error| error.to_string())?;
        let mut acts: Vec<Vec<What>> = vec![Vec::new(); script.actors.len()];
        let mut words = Vec::new();
        for (actor, act) in script.in_order() {
            acts[actor].push(act.what.clone());
            words.push(Word {
                at: act.at,
                actor,
                after: script.awaited_by(actor, act.at),
                deliveries: act.deliveries,
                drains: matches!(act.what, What::Drain { .. }),
            });
        }
        let awaited = script.awaited.iter().map(|(_, actor)| *actor).collect();
        let harness = Harness::new(CLIENTS, acts.len(), words, awaited);
        let mut latencies = Vec::new();
        for client in 0..acts.len() {
            let client = NodeId(CLIENTS.0 + client as u32);
            for (from, to) in [(HARNESS, client), (client, HARNESS)] {
                latencies.push((Link { from, to }, Dist::Fixed(Span::ZERO)));
            }
        }
        let mut nodes = vec![Lab::Broker(Box::new(broker)), Lab::Harness(harness)];
        for acts in acts {
            nodes.push(Lab::Client(Box::new(Client::new(BROKER, HARNESS, acts))));
        }
        let plan = script
            .faults
            .iter()
            .map(|(at, fault)| Planned { at: *at, fault: fault.clone() })
            .collect();
        let setup = Setup {
            latency: Dist::Fixed(LATENCY),
            latencies,
            plan,
            seed: machine.seed,
            ..Setup::of(nodes)
        };
        let mut notes = Notes(Vec::new());
        let mut timeline = Timeline::new(&setup, &mut notes);
        let mut views = Vec::new();
        for look in &script.looks {
            timeline.run(*look, u64::MAX, &mut notes);
            let Lab::Broker(broker) = timeline.world().node(BROKER) else {
                return Err("node 0 is the broker".to_owned());
            };
            views.push(broker.queues().collect());
        }
        timeline.run(script.end + AFTERWARDS, u64::MAX, &mut notes);
        let mut clients = Vec::new();
        let mut last = None;
        for (_, node) in timeline.world().nodes() {
            match node {
                Lab::Client(client) => clients.push((**client).clone()),
                Lab::Broker(broker) => last = Some((**broker).clone()),
                Lab::Harness(_) => {}
            }
        }
        let broker = last.ok_or("there is no broker")?;
        Ok(Run { clients, notes: notes.0, views, broker })
    }

    /// The names of the queues that a message was stored in.
    pub fn stored(&self, wanted: redeliver::talk::MessageId) -> Vec<Name> {
        let queues = self.notes.iter().filter_map(|(_, note)| match note {
            Note::Enqueued { msg, queue, .. } if *msg == wanted => {
                self.broker.queue_name(*queue).cloned()
            }
            _ => None,
        });
        let mut names: Vec<Name> = queues.collect();
        names.sort();
        names.dedup();
        names
    }
}
