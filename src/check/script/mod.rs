//! Histories as text, for tests: one line, or one part between slashes, is one note in a step of
//! its own, a millisecond after the one before.
//!
//! `WHO VERB MESSAGE …`, where a message `m1+2` is the second resend of message 1.

mod kafka;

use super::audit::Audit;
use super::cast::{Cast, Part, Role};
use super::class::Class;
use super::rules::Rules;
use super::verdict::{End, How, Verdict, Verdicts};
use crate::kernel::run::Noted;
use crate::kernel::{NodeId, Seen, Span, Watch};
use crate::talk::{Death, Failure, Fate, Gone, MessageId, Note, QueueId, Returned, Settle};

/// The producer.
pub(crate) const PRODUCER: NodeId = NodeId(0);
/// The broker.
pub(crate) const BROKER: NodeId = NodeId(1);
/// The first consumer.
pub(crate) const C1: NodeId = NodeId(2);
/// The second consumer.
pub(crate) const C2: NodeId = NodeId(3);
/// The service.
pub(crate) const SERVICE: NodeId = NodeId(4);

/// Who plays in these histories.
pub(crate) fn cast() -> Cast {
    let part =
        |name: &str, group: &str, role| Part { name: name.into(), group: group.into(), role };
    Cast {
        parts: vec![
            part("producer", "producer", Role::Producer),
            part("broker", "broker", Role::Broker),
            part("c1", "c", Role::Consumer),
            part("c2", "c", Role::Consumer),
            part("service", "service", Role::Service),
        ],
        services: vec!["service".into()],
        ..Cast::default()
    }
}

/// A history that was played to an audit.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) audit: Audit,
    pub(crate) notes: Vec<Noted<Note>>,
    pub(crate) end: End,
}

/// The first block of text in the documentation on top of a file.
pub(crate) fn smallest(file: &str) -> String {
    let lines = file.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim);
    let block: Vec<String> = lines
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert!(!block.is_empty(), "the file begins with a history");
    block.join("\n")
}

fn history(text: &str) -> String {
    if text.contains("```text") { smallest(text) } else { text.into() }
}

/// The history breaks the class, and first in this way.
#[track_caller]
pub(crate) fn assert_breaks(text: &str, class: Class, how: How) {
    let verdict = Script::play(&history(text), Rules::default()).verdict(class);
    assert_eq!(verdict.breach().map(|breach| breach.how), Some(how), "{verdict:?}");
}

/// The history does not break the class.
#[track_caller]
pub(crate) fn assert_keeps(text: &str, class: Class) {
    let verdict = Script::play(&history(text), Rules::default()).verdict(class);
    assert_eq!(verdict, Verdict::Holds);
}

impl Script {
    /// Plays a history.
    pub(crate) fn play(text: &str, rules: Rules) -> Script {
        let mut script = Script {
            audit: Audit::new(rules),
            notes: Vec::new(),
            end: End { healed: true, quiet: true, ..End::default() },
        };
        let mut queues: Vec<String> = Vec::new();
        for line in text.split(['\n', '/']).map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["wait", span] => {
                    script.end.at += span.parse::<Span>().expect("a span");
                    script.end.quiet = false;
                }
                ["cut"] => script.end.quiet = false,
                [who, verb, ref rest @ ..] => {
                    let node = node(who);
                    let told = kafka::note(verb, rest).map(Note::Kafka);
                    let note = told.unwrap_or_else(|| note(verb, rest, &mut queues));
                    for (id, name) in queues.iter().enumerate().skip(script.declared()) {
                        let (queue, name) = (QueueId(id as u16), name.as_str().into());
                        script.add(BROKER, Note::QueueDeclared { queue, name });
                    }
                    script.end.step += 1;
                    script.end.at += Span::from_millis(1);
                    script.add(node, note);
                }
                _ => panic!("no such line: {line}"),
            }
        }
        script
    }

    fn declared(&self) -> usize {
        let declared = |it: &&Noted<Note>| matches!(it.note, Note::QueueDeclared { .. });
        self.notes.iter().filter(declared).count()
    }

    fn add(&mut self, node: NodeId, note: Note) {
        let End { at, step, .. } = self.end;
        self.audit.note(Seen { step, at, node, note: &note });
        self.notes.push(Noted { step, at, node, note });
    }

    pub(crate) fn verdicts(&self) -> Verdicts {
        self.audit.ledger().verdicts(&self.end)
    }

    pub(crate) fn verdict(&self, class: Class) -> Verdict {
        self.verdicts().of(class).expect("it is judged").clone()
    }
}

fn node(name: &str) -> NodeId {
    match name {
        "producer" => PRODUCER,
        "broker" | "b1" => BROKER,
        "c1" => C1,
        "c2" => C2,
        "service" => SERVICE,
        "b2" => NodeId(5),
        "ctl" => NodeId(6),
        "b3" => NodeId(7),
        _ => panic!("no such node: {name}"),
    }
}

fn message(word: &str) -> (MessageId, u16) {
    let (id, copy) = word.split_once('+').unwrap_or((word, "0"));
    let id = id.strip_prefix('m').expect("a message begins with m");
    (MessageId(id.parse().expect("a number")), copy.parse().expect("a number"))
}

fn note(verb: &str, rest: &[&str], queues: &mut Vec<String>) -> Note {
    let mut queue = |name: &str| {
        let at = queues.iter().position(|it| it == name).unwrap_or_else(|| {
            queues.push(name.into());
            queues.len() - 1
        });
        QueueId(at as u16)
    };
    let flag = |name: &str| rest.contains(&name);
    let number = |name: &str| {
        let value = rest.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.map_or(0, |value| value.parse().expect("a number"))
    };
    let service = || rest.get(1).map_or(0, |word| word.parse().expect("a number"));
    match verb {
        "gone" => {
            let why = match rest[1] {
                "expired" => Gone::Expired,
                "restart" => Gone::Restart,
                _ => Gone::Deleted,
            };
            return Note::QueueGone { queue: queue(rest[0]), why };
        }
        "subscribed" => return Note::Subscribed { peer: node(rest[0]), queue: queue(rest[1]) },
        "closed" => return Note::ConnectionClosed { peer: node(rest[0]), code: 0 },
        "blocked" => return Note::Blocked { peer: node(rest[0]) },
        "connected" => return Note::Connected { to: BROKER },
        "disconnected" => return Note::Disconnected { from: BROKER },
        _ => {}
    }
    let (msg, copy) = message(rest[0]);
    match verb {
        "submit" => Note::Submitted { msg, key: number("key") },
        "published" => Note::Published { msg, copy },
        "confirmed" => Note::Confirmed { msg },
        "refused" => Note::Refused { msg },
        "returned" => Note::Returned { msg },
        "gave-up" => Note::GaveUp { msg },
        "unroutable" => Note::Unroutable { msg, copy },
        "store" => {
            let from = rest.iter().position(|word| *word == "from");
            let from = from.map(|at| queue(rest[at + 1]));
            Note::Enqueued { msg, copy, queue: queue(rest[1]), from }
        }
        "overflowed" => Note::Overflowed { msg, queue: queue(rest[1]) },
        "push" => Note::Pushed {
            msg,
            queue: queue(rest[1]),
            to: node(rest[2]),
            redelivered: flag("redelivered"),
            no_ack: flag("no-ack"),
        },
        "acked" => Note::Acked { msg, queue: queue(rest[1]) },
        "requeue" => {
            let why = match rest[2] {
                "nack" => Returned::Nack,
                "reject" => Returned::Reject,
                "channel" => Returned::Channel,
                "timeout" => Returned::Timeout,
                _ => Returned::Connection,
            };
            Note::Requeued { msg, queue: queue(rest[1]), why }
        }
        "discard" => {
            let why = match rest[2] {
                "rejected" => Death::Rejected,
                "expired" => Death::Expired,
                "maxlen" => Death::Maxlen,
                "delivery-limit" => Death::DeliveryLimit,
                "queue-expired" => Death::QueueExpired,
                "queue-deleted" => Death::QueueDeleted,
                _ => Death::Purged,
            };
            let then = match rest[3] {
                "dead" => Fate::DeadLettered,
                "unroutable" => Fate::Unroutable,
                "cycle" => Fate::Cycle,
                _ => Fate::NoDeadLetterExchange,
            };
            Note::Discarded { msg, queue: queue(rest[1]), why, then }
        }
        "lost" => Note::Lost { msg, queue: queue(rest[1]) },
        "recovered" => {
            Note::Recovered { msg, queue: queue(rest[1]), resurrected: flag("resurrected") }
        }
        "received" => {
            let deaths = number("deaths") as u16;
            Note::Received { msg, redelivered: flag("redelivered"), deaths }
        }
        "failed" => {
            let why = match rest.get(1) {
                Some(&"downstream") => Failure::Downstream,
                Some(&"flaky") => Failure::Flaky,
                _ => Failure::Poison,
            };
            Note::Failed { msg, attempt: 1, why }
        }
        "ack" => Note::Settled { msg, how: Settle::Ack },
        "nack" => Note::Settled { msg, how: Settle::NackRequeue },
        "called" => Note::Called { msg, service: service() },
        "effect" => Note::Effect { msg, service: service() },
        "deduplicated" => Note::Deduplicated { msg, service: service() },
        "retried" => Note::Retried { msg, attempt: 2 },
        "parked" => Note::Parked { msg },
        _ => panic!("no such verb: {verb}"),
    }
}
