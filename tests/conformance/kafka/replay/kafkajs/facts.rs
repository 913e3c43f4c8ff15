//! What happened to records and members, in the same words for recordings and runs.

use redeliver::kernel::NodeId;
use redeliver::talk::kafka::Left;
use redeliver::talk::{KafkaNote, Note};

use super::super::compare::Fact;
use super::super::lab::{self, Noted};
use super::super::trace::Trace;
use super::experiment::{Told, assignment, commits, committed, told};

/// The lane of the member's life.
const MEMBER: &str = "member";

/// What a recording shows.
pub fn recorded(trace: &Trace) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut ids: Vec<String> = Vec::new();
    for event in &trace.events {
        let fact = |lane: String, what: String| Fact::new(event.at, lane, what);
        if let Some((partition, offset, told)) = told(event) {
            facts.push(fact(lane_of(partition), said(&told, offset)));
            continue;
        }
        for (partition, offset) in commits(event).into_iter().filter(|it| it.1 >= 0) {
            let (who, in_) = (event.text("c").unwrap_or("c"), event.number("generation"));
            let what = format!("{who} commits {offset} in generation {}", in_.unwrap_or(1));
            facts.push(fact(lane_of(partition), what));
        }
        if let Some(com) = committed(event) {
            facts.push(fact("committed".to_owned(), in_the_end(com)));
        }
        let who = event.text("c").unwrap_or("c");
        match event.kind.as_str() {
            "GROUP_JOIN" => {
                let given = assignment(event).unwrap_or_default();
                let leads = event.fields.get("isLeader").and_then(|it| it.as_bool());
                let leads = if leads == Some(false) { "follows" } else { "leads" };
                facts
                    .push(fact(MEMBER.to_owned(), format!("{who} joins, {leads}, gets {given:?}")));
            }
            "STOP" => facts.push(fact(MEMBER.to_owned(), format!("{who} leaves"))),
            "CRASH" => {
                let again = event.fields.get("restart").and_then(|it| it.as_bool());
                let then = if again == Some(true) { "starts again" } else { "is over" };
                let error = event.text("error").and_then(|it| it.split(':').next());
                let what = format!("{who} {then} after {}", error.unwrap_or("?"));
                facts.push(fact("crashes".to_owned(), what));
            }
            "describe" => {
                let mut members = Vec::new();
                for id in event.list("members").into_iter().flatten().filter_map(|it| it.as_str()) {
                    members.push(place_of(id, &mut ids));
                }
                let state = event.text("state").unwrap_or("?");
                facts.push(fact("group".to_owned(), format!("{state} {members:?}")));
            }
            _ => {}
        }
        if let Some(effects) = event.list("effects") {
            facts.push(fact("effects".to_owned(), format!("{}", effects.len())));
        }
    }
    facts
}

/// Which member an id belongs to: ids are drawn, and all that matters is whether it is the same.
pub fn place_of(id: &str, ids: &mut Vec<String>) -> usize {
    let known = ids.iter().position(|it| it == id);
    known.unwrap_or_else(|| {
        ids.push(id.to_owned());
        ids.len() - 1
    })
}

fn lane_of(partition: u16) -> String {
    format!("partition {partition}")
}

fn said(told: &Told, offset: u32) -> String {
    match told {
        Told::Begun => format!("begins {offset}"),
        Told::Done => format!("ends {offset}"),
        Told::Thrown => format!("throws at {offset}"),
        Told::Skipped => format!("skips {offset}"),
    }
}

pub fn in_the_end(mut com: Vec<(u16, i64)>) -> String {
    com.sort_unstable();
    format!("{com:?}")
}

/// What a run shows of the consumers with these names; `throws` if the recording tells when handlers
/// do.
pub fn played(notes: &[Noted], consumers: &[(NodeId, String)], throws: bool) -> Vec<Fact> {
    let placed = lab::placed(notes);
    let name = |node: NodeId| consumers.iter().find(|it| it.0 == node).map(|it| it.1.as_str());
    let mut facts: Vec<Fact> = Vec::new();
    for (at, noted) in notes.iter().enumerate() {
        let mut tell = |told: &Told| {
            let place = placed.iter().find(|it| Some(it.0) == noted.note.msg());
            if let Some((_, partition, offset)) = place {
                facts.push(Fact::new(noted.at, lane_of(*partition), said(told, *offset as u32)));
            }
        };
        match noted.note {
            Note::Kafka(KafkaNote::OffsetCommitted { at, offset, by, .. }) => {
                if let Some(who) = name(by) {
                    let in_ = generation(notes, by, noted.at);
                    let what = format!("{who} commits {offset} in generation {in_}");
                    facts.push(Fact::new(noted.at, lane_of(at.partition), what));
                }
                continue;
            }
            Note::Kafka(KafkaNote::MemberGone { peer, why: Left::Left, .. }) => {
                if let Some(who) = name(peer) {
                    facts.push(Fact::new(noted.at, MEMBER, format!("{who} leaves")));
                }
                continue;
            }
            _ if name(noted.node).is_none() => continue,
            // what turns out to be a repetition is not begun
            Note::Started { msg, .. } => {
                let end = notes[at + 1..].iter().find(|it| {
                    it.note.msg() == Some(msg)
                        && matches!(
                            it.note,
                            Note::Kafka(KafkaNote::Skipped { .. })
                                | Note::Effect { .. }
                                | Note::Failed { .. }
                                | Note::Started { .. }
                        )
                });
                let skips =
                    end.is_some_and(|it| matches!(it.note, Note::Kafka(KafkaNote::Skipped { .. })));
                if !skips {
                    tell(&Told::Begun);
                }
            }
            Note::Effect { .. } => tell(&Told::Done),
            Note::Failed { .. } if throws => tell(&Told::Thrown),
            Note::Kafka(KafkaNote::Skipped { .. }) => tell(&Told::Skipped),
            _ => {}
        }
    }
    facts.extend(joins(notes, &name));
    facts
}

/// The generation of which a node is a member at some time.
fn generation(notes: &[Noted], who: NodeId, at: f64) -> i32 {
    let given = notes.iter().filter(|it| it.node == who && it.at <= at);
    let mut generations = given.filter_map(|it| match it.note {
        Note::Kafka(KafkaNote::Assigned { generation, .. }) => Some(generation),
        _ => None,
    });
    generations.next_back().unwrap_or(-1)
}

/// All that was given at once.
fn joins<'a>(notes: &[Noted], name: &impl Fn(NodeId) -> Option<&'a str>) -> Vec<Fact> {
    let mut given: Vec<(f64, &str, Vec<u16>)> = Vec::new();
    for noted in notes {
        let Note::Kafka(KafkaNote::Assigned { at, .. }) = noted.note else { continue };
        let Some(who) = name(noted.node) else { continue };
        match given.last_mut().filter(|it| it.1 == who && noted.at - it.0 < 0.001) {
            Some((.., partitions)) => partitions.push(at.partition),
            None => given.push((noted.at, who, vec![at.partition])),
        }
    }
    let fact = |(at, who, partitions): (f64, &str, Vec<u16>)| {
        Fact::new(at, MEMBER, format!("{who} joins, leads, gets {partitions:?}"))
    };
    given.into_iter().map(fact).collect()
}

/// What is committed at some time: the last commit of each of so many partitions.
pub fn committed_at(notes: &[Noted], at: f64, partitions: u16) -> Vec<(u16, i64)> {
    let of = |partition: u16| {
        let mut commits = notes.iter().filter(|it| it.at <= at).filter_map(|it| match it.note {
            Note::Kafka(KafkaNote::OffsetCommitted { at, offset, .. }) => {
                (at.partition == partition).then_some(offset as i64)
            }
            _ => None,
        });
        (partition, commits.next_back().unwrap_or(-1))
    };
    (0..partitions).map(of).collect()
}

/// Partitions that are alike in every way: which of them comes first is a race. They are called by the
/// order in which they come, anew with every membership.
pub fn by_order(facts: &mut [Fact]) {
    facts.sort_by(|a, b| a.at.total_cmp(&b.at));
    let mut seen: Vec<String> = Vec::new();
    for fact in facts {
        if fact.lane == MEMBER {
            seen.clear();
        } else if fact.lane.starts_with("partition ") {
            let place = place_of(&fact.lane, &mut seen);
            fact.what = format!("{} of partition no. {place}", fact.what);
            "handlers".clone_into(&mut fact.lane);
        }
    }
}
