//! The journey of one message: every copy, delivery, answer and effect, with times.

use super::narrate::{self, Names};
use crate::kernel::{History, NodeId, Span, StepNo, Time};
use crate::talk::{MessageId, Mq};

/// One station of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// The step.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// How long after the station before.
    pub after: Span,
    /// Where.
    pub node: NodeId,
    /// What the note there says, without the name of the node.
    pub text: String,
}

/// All stations of a message, in order.
pub fn journey(names: &Names, history: &History<Mq>, msg: MessageId) -> Vec<Station> {
    let mut stations: Vec<Station> = Vec::new();
    for noted in history.notes().iter().filter(|noted| noted.note.msg() == Some(msg)) {
        let before = stations.last().map_or(noted.at, |station| station.at);
        stations.push(Station {
            step: noted.step,
            at: noted.at,
            after: noted.at - before,
            node: noted.node,
            text: narrate::predicate(names, &noted.note),
        });
    }
    stations
}

/// The stations as lines of text: time, step, node, what.
pub fn lines(names: &Names, stations: &[Station]) -> Vec<String> {
    let who: Vec<String> = stations.iter().map(|station| names.node(station.node)).collect();
    let width = who.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    stations
        .iter()
        .zip(who)
        .map(|(station, who)| {
            let Station { step, at, text, .. } = station;
            format!("{at:>10}  {step:>6}  {who:<width$}  {text}")
        })
        .collect()
}
