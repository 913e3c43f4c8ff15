//! The laboratory: the model's broker and scripted clients in one world.

use redeliver::kernel::{
    Ctx, Dist, Input, Loss, Node, NodeId, Planned, Seen, Setup, Span, Time, Timeline, Watch,
};
use redeliver::rabbit::{Broker, QueueView};
use redeliver::talk::{Mq, Name, Note};

use crate::client::Client;
use crate::script::Script;

/// How long a frame is under way: nothing to speak of, and always the same.
const LATENCY: Span = Span::from_micros(100);

/// How long after the last recorded event the model goes on.
const AFTERWARDS: Span = Span::from_millis(500);

/// A node of the laboratory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lab {
    Broker(Box<Broker>),
    Client(Box<Client>),
}

impl Node for Lab {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Broker(broker) => broker.on(input, ctx),
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

impl Run {
    /// Plays a script.
    pub fn play(script: &Script) -> Result<Run, String> {
        let broker = Broker::new(script.config.clone()).map_err(|error| error.to_string())?;
        let mut nodes = vec![Lab::Broker(Box::new(broker))];
        for actor in &script.actors {
            nodes.push(Lab::Client(Box::new(Client::new(BROKER, actor.acts.clone()))));
        }
        let plan = script
            .faults
            .iter()
            .map(|(at, fault)| Planned { at: *at, fault: fault.clone() })
            .collect();
        let setup = Setup { latency: Dist::Fixed(LATENCY), plan, ..Setup::of(nodes) };
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
