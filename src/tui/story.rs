//! Sentences about the cursor: the event, what caused it, what is known of its message.

use super::facts::{self, kafka::Station};
use super::glyph::Glyphs;
use super::index::{Detail, Row};
use super::model::Model;
use super::recording::Recording;
use super::sketch::{Sketch, sketch};
use super::verdicts::Finding;
use crate::check::Verdict;
use crate::kernel::{Fault, Step, StepNo};
use crate::report::cause::behind;
use crate::report::narrate;
use crate::talk::{MessageId, Note};

/// A row as a diagram shows it.
pub(super) fn drawn(recording: &Recording, row: Row) -> Option<Sketch> {
    sketch(recording.history(), &recording.index, &recording.stage, row)
}

/// A row as a sentence about the one message that its note names.
pub(super) fn sentence_of_one(recording: &Recording, row: Row) -> String {
    match row.note().and_then(|place| recording.history().notes().get(place)) {
        Some(noted) => narrate::predicate(recording.stage.names(), &noted.note),
        None => sentence(recording, row),
    }
}

/// A row as a sentence, without its time. What happens to several messages at once is one.
pub(super) fn sentence(recording: &Recording, row: Row) -> String {
    let names = recording.stage.names();
    if row.note().is_none()
        && let Some(packet) = recording.index.packets().get(row.step())
        && let Some(Step::Deliver(link)) = recording.history().step(row.step()).map(|it| &it.step)
    {
        let verb = if packet.is_answer { "has the answer" } else { "is asked" };
        return format!("{verb}: {}, from {}", packet.label(), names.node(link.from));
    }
    match row.note().and_then(|place| recording.history().notes().get(place)) {
        Some(noted) => {
            let told = narrate::predicate(names, &noted.note);
            match row.note().map_or(0, |place| recording.index.folded_after(place)) {
                0 => told,
                more => format!("{told}, and the same of {more} more"),
            }
        }
        None => narrate::step(names, recording.history(), row.step()),
    }
}

/// A row as a sentence that also says whose doing it is.
pub(super) fn whole_sentence(recording: &Recording, row: Row) -> String {
    match row.note().and_then(|place| recording.history().notes().get(place)) {
        Some(noted) => {
            format!("{} {}", recording.stage.names().node(noted.node), sentence(recording, row))
        }
        None => sentence(recording, row),
    }
}

/// The rows of a message's journey: those that name it, and what happens to its records in Kafka's
/// logs because of where they lie.
pub(super) fn journey(recording: &Recording, msg: MessageId) -> Vec<Row> {
    let mut rows = recording.index.message(msg).to_vec();
    rows.extend(stations(recording, msg).iter().map(|(row, _)| *row));
    rows.sort_unstable();
    rows.dedup();
    rows
}

/// What happens to the records of a message in Kafka's logs, in the whole run.
pub(super) fn stations(recording: &Recording, msg: MessageId) -> Vec<(Row, Station)> {
    if !recording.stage.has_kafka() {
        return Vec::new();
    }
    let records = facts::kafka::records(recording, msg, Row::end_of_step(recording.len()));
    records.into_iter().flat_map(|record| record.stations).collect()
}

/// What the run says about a guarantee, in a sentence.
pub(super) fn verdict_sentence(finding: &Finding) -> String {
    match &finding.verdict {
        Verdict::Holds => finding.promise.to_owned(),
        Verdict::Undecided(reason) => reason.to_string(),
        Verdict::Violated(breach) => {
            let event = finding.why.as_ref().map_or("", |why| why.event.as_str());
            let times = match breach.times {
                0 | 1 => String::new(),
                times => format!(" ({times} times in this run)"),
            };
            format!("ev {}: {event}{times}", breach.step)
        }
    }
}

/// The steps that led to a step, nearest first, as far as they are of interest; the step itself
/// comes first.
pub(super) fn causes(
    recording: &Recording,
    no: StepNo,
    msg: Option<MessageId>,
    most: usize,
) -> Vec<StepNo> {
    /// How far up it is worth looking: a producer's timers form one chain through the whole run.
    const FAR: usize = 64;
    let mut chain = vec![no];
    let mut at = no;
    for _ in 0..FAR {
        let Some(taken) = recording.history().step(at) else { break };
        at = behind(recording.history(), at, msg).unwrap_or(taken.cause);
        if chain.len() == most || at == 0 {
            break;
        }
        let fault = matches!(
            recording.history().step(at).map(|taken| &taken.step),
            Some(Step::Fault(fault)) if !matches!(fault, Fault::Order(..))
        );
        let cast = recording.stage.names().cast();
        let own = |noted: &crate::kernel::run::Noted<Note>| narrate::is_own(cast, &noted.note);
        if fault || !recording.history().notes_of(at).iter().all(own) {
            chain.push(at);
        }
        // a message begins where it is submitted
        let begins =
            |noted: &crate::kernel::run::Noted<Note>| matches!(noted.note, Note::Submitted { .. });
        if recording.history().notes_of(at).iter().any(begins) {
            break;
        }
    }
    chain
}

/// The best row to show for a step: the one about `msg`, or the first; with as little detail as
/// there is one.
pub(super) fn row_of_step(recording: &Recording, no: StepNo, msg: Option<MessageId>) -> Row {
    let rows_at = |detail| {
        let rows = recording.index.rows(detail);
        let from = rows.partition_point(|row| *row < Row::of_step(no));
        rows[from..].iter().copied().take_while(move |row| row.step() == no)
    };
    let details = [Detail::Story, Detail::Notes, Detail::Steps];
    let about = |row: &Row| msg.is_some() && recording.message_of(*row) == msg;
    let best = details.into_iter().find_map(|detail| rows_at(detail).find(about));
    best.or_else(|| details.into_iter().find_map(|detail| rows_at(detail).next()))
        .unwrap_or(Row::of_step(no))
}

/// The causes of the event under the cursor: `78 ◀ 74 m7 d2 ◀ 71 requeue m7`.
pub(super) fn cause_chain(model: &Model, glyphs: &Glyphs) -> String {
    chain_of(&model.recording, model.cursor.at.step(), model.message(), glyphs)
}

/// The causes of a step, told by what happened to `msg` where there is a choice.
pub(super) fn chain_of(
    recording: &Recording,
    no: StepNo,
    msg: Option<MessageId>,
    glyphs: &Glyphs,
) -> String {
    if no == 0 {
        return "this is the beginning".to_owned();
    }
    let words = |no: &StepNo| {
        let row = row_of_step(recording, *no, msg);
        let label = drawn(recording, row).map_or_else(String::new, |sketch| sketch.label);
        format!("{no} {label}")
    };
    let chain = causes(recording, no, msg, 8);
    if chain.len() == 1 {
        return "nothing before it: planned, or there from the beginning".to_owned();
    }
    let mut parts: Vec<String> = chain.iter().map(words).collect();
    parts[0] = no.to_string();
    parts.join(&format!(" {} ", glyphs.because))
}
