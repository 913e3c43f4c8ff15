//! `[[fault]]`: what goes wrong and when, and whether that makes sense.

use std::collections::BTreeMap;

use super::event::{self, Event};
use super::names::Names;
use super::problem::{Problem, Problems, Spot};
use super::tree::{Entry, Tree};
use crate::kernel::Span;
use crate::talk::SeekTo;

/// One `[[fault]]`, before names are numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Incident {
    /// When.
    pub moment: Moment,
    /// What, each so long after it.
    pub acts: Vec<(Span, Act)>,
    /// Where it says what happens.
    pub spot: Spot,
    /// Where it says when.
    pub when: Spot,
}

/// When an incident happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// At a time.
    At(Span),
    /// After an event.
    When(Event),
}

/// One thing that is done to one participant, link or service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Kill(String),
    PowerLoss(String),
    Stop(String),
    Restart(String),
    Pause(String),
    Resume(String),
    Slow(String, u32),
    Cut(String, String),
    Heal(String, String),
    Break(String, String),
    Outage(String, bool),
    Alarm(String, bool),
    Join(String),
    Leave(String),
    /// A topic and a partition.
    Unclean(String, u16),
    /// A topic and the number of its partitions.
    Grow(String, u16),
    /// A broker, a topic, a partition, and the first offset that stays.
    Delete(String, String, u16, Option<u64>),
    /// A consumer.
    Seek(String, SeekTo),
    /// A consumer, and whether it pauses.
    Fetching(String, bool),
}

/// Reads all faults, and reports what makes no sense.
pub(super) fn read(tree: &Tree, names: &Names, problems: &mut Problems) -> Vec<Incident> {
    let mut cuts = Vec::new();
    let mut incidents = Vec::new();
    for fault in tree.tables("fault") {
        if let Some(incident) = one(fault, names, &mut cuts, problems) {
            incidents.push(incident);
        }
    }
    check_times(tree, &incidents, problems);
    check_order(tree, &incidents, problems);
    incidents
}

type Pair = (String, String);

fn one(
    fault: &Tree,
    names: &Names,
    cuts: &mut Vec<Pair>,
    problems: &mut Problems,
) -> Option<Incident> {
    let moment = match (fault.entry("at"), fault.entry("when")) {
        (Some(_), None) => Some(Moment::At(fault.span("at")?)),
        (None, Some(when)) => event::read(when, names, problems).map(Moment::When),
        (Some(_), Some(when)) => {
            let title = "a fault has either `at` or `when`, not both";
            problems.push(
                Problem::error(&when.spot, title).also(fault.spot_of("at"), "the other one").help(
                    "for a time after an event write when = { event = \"…\", after = \"…\" }",
                ),
            );
            None
        }
        (None, None) => {
            // one that is there but wrong was reported already
            if !fault.says("at") && !fault.says("when") && fault.unknown.is_empty() {
                let title = "this fault does not say when it happens";
                let help = "write at = \"4s\", or when = \"m7 is delivered\"";
                problems.push(
                    Problem::error(&fault.spot, title)
                        .help(help)
                        .unless_hidden("at")
                        .unless_hidden("when"),
                );
            }
            None
        }
    };
    let deed = fault.table("do")?;
    let (key, entry) = deed.entries.iter().find(|(_, entry)| entry.given)?;
    let acts = acts(key, entry, names, cuts, problems)?;
    let undo = undo(fault, key, &acts, problems);
    let now = acts.into_iter().map(|act| (Span::ZERO, act));
    let when = if fault.has("at") { fault.spot_of("at") } else { fault.spot_of("when") };
    Some(Incident {
        moment: moment?,
        acts: now.chain(undo).collect(),
        spot: entry.spot.clone(),
        when: when.clone(),
    })
}

/// What the key of a `do` table does, one by one.
fn acts(
    key: &str,
    entry: &Entry,
    names: &Names,
    cuts: &mut Vec<Pair>,
    problems: &mut Problems,
) -> Option<Vec<Act>> {
    let each = |act: fn(String) -> Act| {
        let members = entry.items().filter_map(Entry::as_text).flat_map(|name| names.members(name));
        Some(members.map(|name| act(name.to_owned())).collect())
    };
    match key {
        "crash" | "kill" => each(Act::Kill),
        "power-loss" => each(Act::PowerLoss),
        "stop" => each(Act::Stop),
        "restart" => each(Act::Restart),
        "pause" => each(Act::Pause),
        "resume" => each(Act::Resume),
        "outage" => each(|name| Act::Outage(name, true)),
        "recover" => each(|name| Act::Outage(name, false)),
        "alarm" => each(|name| Act::Alarm(name, true)),
        "clear-alarm" => each(|name| Act::Alarm(name, false)),
        "join" => each(Act::Join),
        "leave" => each(Act::Leave),
        "slow" => {
            let slow = entry.as_table()?;
            let percent = slow.number("to");
            let members = names.members(slow.text("node")?);
            Some(members.into_iter().map(|name| Act::Slow(name.to_owned(), percent)).collect())
        }
        "cut" => {
            let pairs = pairs_of_table(entry.as_table()?, names);
            cuts.extend(pairs.iter().cloned());
            Some(pairs.into_iter().map(|(a, b)| Act::Cut(a, b)).collect())
        }
        "heal" => {
            let pairs = match entry.as_table() {
                Some(table) => pairs_of_table(table, names),
                None if entry.as_text() == Some("all") => cuts.clone(),
                None => {
                    let title = "`heal` is \"all\", or { from = \"…\", to = \"…\" }";
                    problems.push(Problem::error(&entry.spot, title).help("write heal = \"all\""));
                    return None;
                }
            };
            Some(pairs.into_iter().map(|(a, b)| Act::Heal(a, b)).collect())
        }
        "partition" => {
            let groups: Vec<Vec<&str>> = entry
                .items()
                .map(|group| {
                    let names_of = |item: &Entry| item.as_text().map(|name| names.members(name));
                    group.items().filter_map(names_of).flatten().collect()
                })
                .collect();
            if groups.len() < 2 {
                let title = "a partition has at least two sides";
                let help = "write partition = [[\"worker-1\"], [\"rabbit\"]]";
                problems.push(Problem::error(&entry.spot, title).help(help));
                return None;
            }
            let pairs = across(&groups);
            cuts.extend(pairs.iter().cloned());
            Some(pairs.into_iter().map(|(a, b)| Act::Cut(a, b)).collect())
        }
        "break" => {
            let ends: Vec<&str> = entry.items().filter_map(Entry::as_text).collect();
            let [a, b] = ends.as_slice() else {
                let title = "a connection has two ends";
                let help = "write break = [\"worker-1\", \"rabbit\"]";
                problems.push(Problem::error(&entry.spot, title).help(help));
                return None;
            };
            let pairs = all_pairs(&names.members(a), &names.members(b));
            Some(pairs.into_iter().map(|(a, b)| Act::Break(a, b)).collect())
        }
        "unclean-election" => {
            let (topic, partition) = partition(entry.as_table()?)?;
            Some(vec![Act::Unclean(topic, partition)])
        }
        "create-partitions" => {
            let table = entry.as_table()?;
            Some(vec![Act::Grow(table.text("topic")?.to_owned(), table.number("partitions"))])
        }
        "delete-records" => {
            let table = entry.as_table()?;
            let (topic, partition) = partition(table)?;
            let before = table.has("before").then(|| table.number("before"));
            // whoever leads the partition then does it
            let delete =
                |broker: &&str| Act::Delete((*broker).to_owned(), topic.clone(), partition, before);
            Some(names.members("kafka").iter().map(delete).collect())
        }
        "seek" => {
            let table = entry.as_table()?;
            let to = match table.text("to") {
                Some("beginning") => SeekTo::Beginning,
                Some(_) => SeekTo::End,
                None => SeekTo::Offset(table.number("to")),
            };
            let members = names.members(table.text("consumer")?);
            Some(members.into_iter().map(|name| Act::Seek(name.to_owned(), to)).collect())
        }
        "pause-fetching" => each(|name| Act::Fetching(name, true)),
        "resume-fetching" => each(|name| Act::Fetching(name, false)),
        _ => None, // the table of keys has no others
    }
}

/// A topic and a partition of it.
fn partition(table: &Tree) -> Option<(String, u16)> {
    Some((table.text("topic")?.to_owned(), table.number("partition")))
}

fn all_pairs(from: &[&str], to: &[&str]) -> Vec<Pair> {
    let pairs = from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b)));
    pairs.filter(|(a, b)| a != b).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

fn pairs_of_table(table: &Tree, names: &Names) -> Vec<Pair> {
    let end = |key| table.text(key).map(|name| names.members(name)).unwrap_or_default();
    let (from, to) = (end("from"), end("to"));
    let mut pairs = all_pairs(&from, &to);
    if table.flag("both") {
        pairs.extend(all_pairs(&to, &from));
    }
    pairs
}

fn across(groups: &[Vec<&str>]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (n, one) in groups.iter().enumerate() {
        for (m, other) in groups.iter().enumerate() {
            if n != m {
                pairs.extend(all_pairs(one, other));
            }
        }
    }
    pairs
}

/// What puts it right by itself: `for` and `restart_after`.
fn undo(fault: &Tree, key: &str, acts: &[Act], problems: &mut Problems) -> Vec<(Span, Act)> {
    let mut undone = Vec::new();
    if let Some(after) = fault.span("restart_after") {
        for act in acts {
            if let Act::Kill(name) | Act::PowerLoss(name) | Act::Stop(name) = act {
                undone.push((after, Act::Restart(name.clone())));
            }
        }
        if undone.is_empty() && !acts.is_empty() {
            let title = format!("`restart_after` means nothing for `{key}`: nothing goes down");
            problems.push(
                Problem::error(fault.key_spot("restart_after"), title)
                    .help("it goes with crash, power-loss and stop"),
            );
        }
    }
    if let Some(after) = fault.span("for") {
        let opposite = |act: &Act| match act {
            Act::Pause(name) => Some(Act::Resume(name.clone())),
            Act::Slow(name, _) => Some(Act::Slow(name.clone(), 100)),
            Act::Cut(a, b) => Some(Act::Heal(a.clone(), b.clone())),
            Act::Outage(name, true) => Some(Act::Outage(name.clone(), false)),
            Act::Alarm(name, true) => Some(Act::Alarm(name.clone(), false)),
            _ => None,
        };
        let back: Vec<_> = acts.iter().filter_map(opposite).map(|act| (after, act)).collect();
        if back.is_empty() && !acts.is_empty() {
            let problem = Problem::error(
                fault.key_spot("for"),
                format!("`for` means nothing for `{key}`: it does not go on"),
            );
            problems.push(match key {
                "crash" | "kill" | "power-loss" | "stop" => {
                    problem.help("a process starts again with `restart_after`")
                }
                _ => problem.help("it goes with pause, slow, cut, partition, outage and alarm"),
            });
        }
        undone.extend(back);
    }
    undone
}

fn check_times(tree: &Tree, incidents: &[Incident], problems: &mut Problems) {
    let Some(horizon) = tree.span("horizon") else { return };
    for incident in incidents {
        if let Moment::At(at) = incident.moment {
            if at > horizon {
                let title = format!("this fault at {at} lies beyond the horizon of {horizon}");
                problems.push(
                    Problem::error(&incident.when, title)
                        .also(tree.spot_of("horizon"), "the run ends here")
                        .help("let it happen earlier, or lengthen `horizon`"),
                );
            } else if let Some((after, _)) = incident.acts.iter().find(|(n, _)| at + *n > horizon) {
                let title = format!(
                    "this is put right at {}, beyond the horizon of {horizon}: the run never sees it",
                    at + *after
                );
                problems.push(
                    Problem::warning(&incident.spot, title)
                        .help("let it happen earlier, or lengthen `horizon`"),
                );
            }
        }
    }
}

/// Where a participant stands, since when, and the fault that put it there.
type Standing<'a> = (State, Option<(Span, &'a Spot)>);

/// Where a participant stands while the planned faults pass.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Up,
    Paused,
    Down,
    Away,
}

/// Goes through the faults in the order of time and reports those that contradict each other. What
/// an event brings about has no time, so whatever such a fault touches is left out.
fn check_order(tree: &Tree, incidents: &[Incident], problems: &mut Problems) {
    let mut planned = Vec::new();
    let mut moved: Vec<String> = Vec::new();
    for incident in incidents {
        for (after, act) in &incident.acts {
            match incident.moment {
                Moment::At(at) => planned.push((at + *after, act, &incident.spot)),
                Moment::When(_) => moved.push(act.whom()),
            }
        }
    }
    planned.sort_by_key(|(at, ..)| *at);
    moved.extend(mortal(tree));
    let mut states: BTreeMap<String, Standing<'_>> = BTreeMap::new();
    for client in super::producers(tree).chain(super::consumers(tree)) {
        if client.entry("joined").is_some() && !client.flag("joined") {
            let n = client.number::<usize>("instances");
            states.insert(client.name().to_owned(), (State::Away, None));
            for nth in 1..=n {
                states.insert(format!("{}-{nth}", client.name()), (State::Away, None));
            }
        }
    }
    let mut said = None;
    for (at, act, spot) in planned {
        let whom = act.whom();
        if moved.contains(&whom) {
            continue;
        }
        let entry = states.entry(whom.clone()).or_default();
        match step(act, entry.0) {
            Ok(Some(next)) => *entry = (next, Some((at, spot))),
            Ok(None) => {}
            // both directions of one link, or all instances of one group, are one mistake
            Err((why, _)) if said == Some((at, spot, why)) => {}
            Err((why, mend)) => {
                said = Some((at, spot, why));
                let problem = Problem::error(spot, format!("at {at}, `{whom}` {why}")).help(mend);
                problems.push(match entry.1 {
                    Some((since, other)) if other != spot => {
                        problem.also(other, format!("since this, at {since}"))
                    }
                    _ => problem,
                });
            }
        }
    }
}

/// What an act makes of a state, or why it makes no sense there and what to do about it.
fn step(act: &Act, state: State) -> Result<Option<State>, (&'static str, &'static str)> {
    use State::{Away, Down, Paused, Up};
    const UP_FIRST: &str =
        "let it come back first: `restart_after` with the fault that took it down, or a later `at`";
    const ONCE: &str = "leave this fault out, or let it happen after the other one is put right";
    const NOTHING: &str = "leave this fault out, or let it happen later than what it puts right";
    match (act, state) {
        (Act::Kill(_) | Act::PowerLoss(_), Up | Paused) | (Act::Stop(_), Up) => Ok(Some(Down)),
        (Act::Kill(_) | Act::PowerLoss(_) | Act::Stop(_), Down) => {
            Err(("is down already", UP_FIRST))
        }
        (Act::Stop(_), Paused) => Err(("is paused and cannot stop in an orderly way", ONCE)),
        (Act::Restart(_), Down) => Ok(Some(Up)),
        (Act::Restart(_), _) => Err(("is not down, so it cannot restart", NOTHING)),
        (Act::Pause(_), Up) => Ok(Some(Paused)),
        (Act::Pause(_), Paused) => Err(("is paused already", ONCE)),
        (Act::Pause(_), Down) => Err(("is down and cannot be paused", UP_FIRST)),
        (Act::Resume(_), Paused) => Ok(Some(Up)),
        (Act::Resume(_), _) => Err(("is not paused, so it cannot resume", NOTHING)),
        (Act::Cut(..), Up) => Ok(Some(Down)),
        (Act::Cut(..), _) => Err(("is cut already", ONCE)),
        (Act::Heal(..), Down) => Ok(Some(Up)),
        (Act::Heal(..), _) => Err(("is not cut, so it cannot heal", NOTHING)),
        (Act::Outage(_, true) | Act::Alarm(_, true), Up) => Ok(Some(Down)),
        (Act::Outage(_, true), _) => Err(("is out already", ONCE)),
        (Act::Alarm(_, true), _) => Err(("has an alarm already", ONCE)),
        (Act::Outage(_, false) | Act::Alarm(_, false), Down) => Ok(Some(Up)),
        (Act::Outage(_, false), _) => Err(("is not out, so it cannot recover", NOTHING)),
        (Act::Alarm(_, false), _) => Err(("has no alarm that could be cleared", NOTHING)),
        (Act::Join(_), Away) => Ok(Some(Up)),
        (Act::Join(_), _) => Err((
            "is there already, so it cannot join",
            "write joined = false where it is declared",
        )),
        (Act::Leave(_), Up | Paused) => Ok(Some(Away)),
        (Act::Leave(_), _) => Err(("is not there, so it cannot leave", NOTHING)),
        (_, Away) => Err(("has not joined yet", "let a fault with `join` come first")),
        (
            Act::Slow(..)
            | Act::Break(..)
            | Act::Unclean(..)
            | Act::Grow(..)
            | Act::Delete(..)
            | Act::Seek(..)
            | Act::Fetching(..),
            _,
        ) => Ok(None),
    }
}

/// Consumers that can go down by themselves.
fn mortal(tree: &Tree) -> Vec<String> {
    let kills = super::producers(tree)
        .any(|producer| producer.tables("poison").any(|poison| poison.has("kills")));
    let mut names = Vec::new();
    for consumer in super::consumers(tree) {
        let dies = consumer.text("on_failure") == Some("crash")
            || consumer.text("on_cancel") == Some("crash");
        if kills || dies {
            let n = consumer.number::<usize>("instances");
            names.push(consumer.name().to_owned());
            names.extend((1..=n).map(|nth| format!("{}-{nth}", consumer.name())));
        }
    }
    names
}

impl Act {
    /// Whom it is done to, for messages. Links, outages and alarms have a state of their own, next
    /// to that of the process.
    fn whom(&self) -> String {
        match self {
            Act::Cut(a, b) | Act::Heal(a, b) => format!("{a} -> {b}"),
            Act::Break(a, b) => format!("{a} - {b}"),
            Act::Outage(name, _) => format!("service {name}"),
            Act::Alarm(name, _) => format!("broker {name}"),
            Act::Kill(name)
            | Act::PowerLoss(name)
            | Act::Stop(name)
            | Act::Restart(name)
            | Act::Pause(name)
            | Act::Resume(name)
            | Act::Slow(name, _)
            | Act::Join(name)
            | Act::Leave(name)
            | Act::Seek(name, _)
            | Act::Fetching(name, _) => name.clone(),
            Act::Unclean(topic, partition) | Act::Delete(_, topic, partition, _) => {
                format!("partition {topic}-{partition}")
            }
            Act::Grow(topic, _) => format!("topic {topic}"),
        }
    }
}
