//! Why a guarantee was broken: the deciding event, the chain of causes behind it, the setting that
//! allowed it, and what each party could know.

use super::cause::behind;
use super::narrate::{self, Names};
pub use super::setting::Setting;
use super::setting::setting;
use crate::check::Breach;
use crate::kernel::run::Noted;
use crate::kernel::{History, NodeId, Step, StepNo, Time};
use crate::scenario::Scenario;
use crate::talk::{KafkaNote, MessageId, Mq, Note};

/// The explanation of one breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened in the deciding step, in words.
    pub event: String,
    /// The causes, latest first; the first one is the deciding step itself.
    pub chain: Vec<Link>,
    /// The setting that allowed it.
    pub setting: Option<Setting>,
    /// What each party knew of the message at that time.
    pub knows: Vec<(String, String)>,
    /// Class, way, and the shape of the chain: equal for equal failures of different runs.
    pub fingerprint: String,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The step.
    pub step: StepNo,
    /// When.
    pub at: Time,
    /// What happened, in words.
    pub what: String,
    /// How many causes between the link before and this one are left out.
    pub skipped: usize,
}

/// More links than this are cut out of the middle.
const LONGEST: usize = 8;

/// Explains `breach`, which happened in the run of `scenario` that `history` is of.
pub fn explain(
    scenario: &Scenario,
    names: &Names,
    history: &History<Mq>,
    breach: &Breach,
) -> Explanation {
    let chain = chain(names, history, breach);
    let shape: Vec<&str> =
        causes(names, history, breach).iter().filter_map(|&no| shape(history, no)).collect();
    let mut turns: Vec<&str> = Vec::new();
    for word in shape {
        if !turns.contains(&word) {
            turns.push(word);
        }
    }
    let how = format!("{:?}", breach.how);
    let how = how.split(['(', ' ']).next().unwrap_or_default();
    Explanation {
        event: chain.first().map_or_else(
            || {
                format!(
                    "event {} at {}, too far into the run to be explained",
                    breach.step, breach.at
                )
            },
            |link| link.what.clone(),
        ),
        setting: setting(scenario, names, history, breach),
        knows: knows(names, history, breach),
        fingerprint: format!("{} {how} {}", breach.class, turns.join(" < ")),
        chain,
    }
}

/// The steps that led to the breach, latest first.
///
/// The engine knows what sent each packet and armed each timer, and [`behind`] what is behind that.
/// Steps that say nothing about anything only carry the cause along, so they are left out.
fn causes(names: &Names, history: &History<Mq>, breach: &Breach) -> Vec<StepNo> {
    let mut steps = Vec::new();
    let mut at = breach.step;
    while let Some(taken) = history.step(at) {
        let fault = matches!(taken.step, Step::Fault(_));
        let own = |noted: &Noted<Note>| narrate::is_own(names.cast(), &noted.note);
        if steps.is_empty() || fault || !history.notes_of(at).iter().all(own) {
            steps.push(at);
        }
        if begins(history, at, breach) {
            break;
        }
        at = behind(history, at, breach.msg).unwrap_or(taken.cause);
    }
    steps
}

/// Whether the message of the breach begins in a step in which it is sent to Kafka: what led its
/// producer from one message to the next is no cause of what became of this one.
fn begins(history: &History<Mq>, no: StepNo, breach: &Breach) -> bool {
    let submitted = |noted: &Noted<Note>| match noted.note {
        Note::Submitted { msg, .. } => breach.msg == Some(msg),
        _ => false,
    };
    let in_a_log = || {
        let mut notes = history.notes().iter().filter(|noted| noted.note.msg() == breach.msg);
        notes.any(|noted| matches!(noted.note, Note::Kafka(KafkaNote::Appended { .. })))
    };
    history.notes_of(no).iter().any(submitted) && in_a_log()
}

fn chain(names: &Names, history: &History<Mq>, breach: &Breach) -> Vec<Link> {
    let steps = causes(names, history, breach);
    let left_out = steps.len().saturating_sub(LONGEST);
    let (last, resumed) = (LONGEST - 2, LONGEST - 2 + left_out);
    let told = |(index, no): (usize, StepNo)| {
        let at = history.step(no)?.at;
        let skipped = if index == resumed { left_out } else { 0 };
        Some(Link { step: no, at, what: told(names, history, no, breach.msg), skipped })
    };
    let shown = |(index, _): &(usize, StepNo)| *index < last || *index >= resumed;
    steps.into_iter().enumerate().filter(shown).filter_map(told).collect()
}

/// What a step did: its notes about the message if there are any, and the step itself otherwise.
fn told(names: &Names, history: &History<Mq>, no: StepNo, msg: Option<MessageId>) -> String {
    let about = |noted: &&Noted<Note>| msg.is_none() || noted.note.msg() == msg;
    let notes: Vec<String> = history
        .notes_of(no)
        .iter()
        .filter(about)
        .take(3)
        .map(|noted| narrate::note(names, noted))
        .collect();
    if notes.is_empty() { narrate::step(names, history, no) } else { notes.join("; ") }
}

/// A step as one word, for fingerprints.
fn shape(history: &History<Mq>, no: StepNo) -> Option<&'static str> {
    match &history.step(no)?.step {
        Step::Fault(_) => Some("fault"),
        _ => history.notes_of(no).first().map(|noted| noted.note.kind()),
    }
}

/// What each party had been told about the message by the time of the breach.
fn knows(names: &Names, history: &History<Mq>, breach: &Breach) -> Vec<(String, String)> {
    let Some(msg) = breach.msg else { return Vec::new() };
    let upto = history.notes().partition_point(|noted| noted.step <= breach.step);
    let mut known: Vec<(NodeId, String)> = Vec::new();
    let mut learn =
        |node: NodeId, what: String| match known.iter_mut().find(|(its, _)| *its == node) {
            Some((_, its)) => *its = what,
            None => known.push((node, what)),
        };
    for noted in history.notes()[..upto].iter().filter(|noted| noted.note.msg() == Some(msg)) {
        let at = noted.at;
        match noted.note {
            Note::Submitted { .. } => learn(noted.node, "no answer so far".to_owned()),
            Note::Confirmed { .. } => learn(noted.node, format!("confirmed at {at}")),
            Note::Refused { .. } => learn(noted.node, format!("refused at {at}")),
            Note::Returned { .. } => learn(noted.node, format!("returned as unroutable at {at}")),
            Note::Unknown { .. } => {
                learn(noted.node, format!("connection lost at {at}: cannot know"));
            }
            Note::Kafka(KafkaNote::Polled { at: partition, offset, .. }) => {
                let place = names.cast().partition(partition);
                learn(noted.node, format!("got it from {place} at offset {offset}, nothing else"));
            }
            Note::Received { redelivered, .. } => {
                learn(noted.node, format!("redelivered={redelivered}, nothing else"));
            }
            _ => {}
        }
    }
    known.sort_by_key(|(node, _)| *node);
    known.into_iter().map(|(node, what)| (names.node(node), what)).collect()
}
