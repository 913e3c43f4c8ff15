//! Events that a fault can wait for: `when = "m7 is delivered to worker-1"`.

use super::names::Names;
use super::problem::{Problem, Problems, Spot, either, nearest};
use super::tree::{Entry, Tree};
use crate::kernel::Span;

/// An event, before names are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// What was noted: the name of a kind of [`crate::talk::Note`].
    pub kind: &'static str,
    /// About this message only.
    pub message: Option<u32>,
    /// By this participant only.
    pub by: Option<String>,
    /// The how-manyeth of them, counted from 1.
    pub nth: u32,
    /// How long after it.
    pub after: Span,
}

/// The words for events, and the kinds of notes that they mean.
const WORDS: &[(&str, &str)] = &[
    ("submitted", "submitted"),
    ("published", "published"),
    ("confirmed", "confirmed"),
    ("refused", "refused"),
    ("returned", "returned"),
    ("unknown", "unknown"),
    ("gave-up", "gave-up"),
    ("queue-declared", "queue-declared"),
    ("queue-gone", "queue-gone"),
    ("unroutable", "unroutable"),
    ("enqueued", "enqueued"),
    ("overflowed", "overflowed"),
    ("pushed", "pushed"),
    ("acked", "acked"),
    ("acknowledged", "acked"),
    ("requeued", "requeued"),
    ("discarded", "discarded"),
    ("lost", "lost"),
    ("recovered", "recovered"),
    ("subscribed", "subscribed"),
    ("unsubscribed", "unsubscribed"),
    ("channel-closed", "channel-closed"),
    ("connection-closed", "connection-closed"),
    ("blocked", "blocked"),
    ("unblocked", "unblocked"),
    ("elected", "elected"),
    ("received", "received"),
    ("delivered", "received"),
    ("started", "started"),
    ("failed", "failed"),
    ("died", "died"),
    ("called", "called"),
    ("effect", "effect"),
    ("effective", "effect"),
    ("deduplicated", "deduplicated"),
    ("call-failed", "call-failed"),
    ("dying", "dying"),
    ("settled", "settled"),
    ("retried", "retried"),
    ("parked", "parked"),
    ("connected", "connected"),
    ("disconnected", "disconnected"),
    ("replied", "replied"),
    ("answered", "answered"),
    ("partition-created", "partition-created"),
    ("appended", "appended"),
    ("sequence-known", "sequence-known"),
    ("produce-refused", "produce-refused"),
    ("replicated", "replicated"),
    ("high-watermark", "high-watermark"),
    ("truncated", "truncated"),
    ("log-start", "log-start"),
    ("compacted-away", "compacted-away"),
    ("leader-elected", "leader-elected"),
    ("isr-changed", "isr-changed"),
    ("fenced", "fenced"),
    ("controller-elected", "controller-elected"),
    ("rebalanced", "rebalanced"),
    ("rebalance-began", "rebalance-began"),
    ("member-gone", "member-gone"),
    ("assigned", "assigned"),
    ("revoked", "revoked"),
    ("offset-committed", "offset-committed"),
    ("member-refused", "member-refused"),
    ("position-moved", "position-moved"),
    ("polled", "polled"),
    ("skipped", "skipped"),
    ("txn", "txn"),
    ("txn-begun", "txn-begun"),
    ("txn-records", "txn-records"),
    ("txn-marker", "txn-marker"),
    ("acquired", "acquired"),
    ("released", "released"),
    ("committed", "offset-committed"),
];

/// Words without a meaning of their own.
const FILLERS: [&str; 14] = [
    "is", "was", "has", "been", "the", "a", "an", "message", "by", "to", "at", "for", "from",
    "time",
];

/// Reads an event. `None` when it is wrong, and then `problems` says why.
pub(super) fn read(entry: &Entry, names: &Names, problems: &mut Problems) -> Option<Event> {
    match entry.as_table() {
        Some(table) => from_table(table, names, problems),
        None => from_text(entry.as_text()?, &entry.spot, names, problems),
    }
}

fn from_table(table: &Tree, names: &Names, problems: &mut Problems) -> Option<Event> {
    let text = table.text("event")?;
    let mut event = from_text(text, table.spot_of("event"), names, problems)?;
    if table.has("message") {
        event.message = Some(table.number("message"));
    }
    if let Some(by) = table.text("by") {
        event.by = one(by, table.spot_of("by"), names, problems);
    }
    if table.has("nth") {
        event.nth = table.number("nth");
    }
    event.after = table.span("after").unwrap_or_default();
    Some(event)
}

fn from_text(text: &str, spot: &Spot, names: &Names, problems: &mut Problems) -> Option<Event> {
    let mut event = Event { kind: "", message: None, by: None, nth: 1, after: Span::ZERO };
    for word in text.split_whitespace() {
        if FILLERS.contains(&word) {
            continue;
        }
        if let Some((_, kind)) = WORDS.iter().find(|(known, _)| *known == word) {
            event.kind = kind;
        } else if let Some(n) = message(word) {
            event.message = Some(n);
        } else if let Some(nth) = ordinal(word) {
            event.nth = nth;
        } else if !names.members(word).is_empty() {
            event.by = one(word, spot, names, problems);
        } else {
            problems.push(unknown(word, spot));
            return None;
        }
    }
    if event.kind.is_empty() {
        let title = format!("`when` does not say which event: \"{text}\"");
        problems.push(Problem::error(spot, title).help(known_events()));
        return None;
    }
    Some(event)
}

fn unknown(word: &str, spot: &Spot) -> Problem {
    let problem = Problem::error(spot, format!("`{word}` is no event, message or participant"));
    match nearest(word, WORDS.iter().map(|(word, _)| *word)) {
        Some(near) => problem.help(format!("did you mean \"{near}\"?")),
        None => problem
            .help("write for example \"m7 is delivered to worker-1\" or \"the 3rd confirmed\"")
            .help(known_events()),
    }
}

fn known_events() -> String {
    format!("events are {}", either(WORDS.iter().map(|(word, _)| *word)))
}

/// `m7`
fn message(word: &str) -> Option<u32> {
    word.strip_prefix('m')?.parse().ok()
}

/// `3rd`, `first`
fn ordinal(word: &str) -> Option<u32> {
    let words = ["first", "second", "third", "fourth", "fifth"];
    if let Some(at) = words.iter().position(|known| *known == word) {
        return u32::try_from(at + 1).ok();
    }
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &word[digits.len()..];
    let n = digits.parse().ok().filter(|n| *n > 0)?;
    ["st", "nd", "rd", "th"].contains(&suffix).then_some(n)
}

/// The one participant that a name stands for.
fn one(name: &str, spot: &Spot, names: &Names, problems: &mut Problems) -> Option<String> {
    match names.members(name).as_slice() {
        [] => None, // a dangling name, which is reported as such
        [member] => Some((*member).to_owned()),
        [first, ..] => {
            let title = format!("`{name}` has several instances");
            problems
                .push(Problem::error(spot, title).help(format!("say which, such as `{first}`")));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::scenario::problem::Source;

    fn event(text: &str) -> Result<Event, Problems> {
        let source = Arc::new(Source::of_file("test", text));
        let mut problems = Problems::default();
        let spot = Spot::new(&source, 0..text.len());
        from_text(text, &spot, &Names::default(), &mut problems).ok_or(problems)
    }

    #[test]
    fn events_read_as_sentences() {
        let base =
            Event { kind: "received", message: Some(7), by: None, nth: 1, after: Span::ZERO };
        assert_eq!(event("m7 is delivered"), Ok(base.clone()));
        assert_eq!(
            event("the 3rd confirmed"),
            Ok(Event { kind: "confirmed", message: None, nth: 3, ..base.clone() })
        );
        assert_eq!(event("m7 is delivered for the second time"), Ok(Event { nth: 2, ..base }));
        assert!(event("m7 is deliverd").unwrap_err().to_string().contains("\"delivered\""));
        assert!(event("m7").unwrap_err().to_string().contains("does not say which event"));
    }

    /// Compared with the source, since an enum cannot list its variants.
    #[test]
    fn every_kind_of_note_is_an_event() {
        let sources = [include_str!("../talk/note.rs"), include_str!("../talk/kafka/note.rs")];
        let lines = sources.iter().flat_map(|source| source.lines());
        let kinds = lines.filter_map(|line| {
            let line = line.trim();
            let note = line.strip_prefix("Note::").or(line.strip_prefix("KafkaNote::"))?;
            let (_, kind) = note.split_once("{ .. } => \"")?;
            kind.strip_suffix("\",")
        });
        let kinds: Vec<_> = kinds.collect();
        assert!(kinds.len() > 30, "{kinds:?}");
        for kind in &kinds {
            assert!(WORDS.iter().any(|(_, known)| known == kind), "{kind} is missing");
        }
        for (_, kind) in WORDS {
            assert!(kinds.contains(kind), "{kind} is no note");
        }
    }
}
