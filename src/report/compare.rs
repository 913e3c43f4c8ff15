//! One workload twice: on two systems, or with two settings. The runs are aligned on the identity of
//! messages, so that "the same message" means the same.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::text::Style;
use crate::check::Outcome;
use crate::kernel::{RunHash, Seen, Span, Taken, Time, Watch};
use crate::scenario::Scenario;
use crate::talk::kafka::{KafkaNote, Offset, TopicPartition};
use crate::talk::{Mq, Note};

/// What became of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fate {
    submitted: Option<Time>,
    acknowledged: Option<Time>,
    /// When it first took effect.
    effect: Option<Time>,
    effects: u32,
    deliveries: u32,
}

/// How many copies the brokers keep.
#[derive(Clone, Debug, Default)]
struct Stock {
    now: u64,
    peak: u64,
    /// For each of Kafka's partitions where its log starts and ends.
    logs: Vec<(TopicPartition, Offset, Offset)>,
}

impl Stock {
    fn add(&mut self, n: u64) {
        self.now += n;
        self.peak = self.peak.max(self.now);
    }

    fn take(&mut self, n: u64) {
        self.now = self.now.saturating_sub(n);
    }

    fn log(&mut self, at: TopicPartition) -> &mut (TopicPartition, Offset, Offset) {
        let place = self.logs.iter().position(|(its, ..)| *its == at);
        let place = place.unwrap_or_else(|| {
            self.logs.push((at, 0, 0));
            self.logs.len() - 1
        });
        &mut self.logs[place] // found or pushed above
    }

    fn learn(&mut self, note: &Note) {
        match *note {
            Note::Enqueued { .. } => self.add(1),
            Note::Acked { .. } | Note::Discarded { .. } | Note::Lost { .. } => self.take(1),
            Note::Recovered { resurrected: true, .. } => self.add(1),
            Note::Pushed { no_ack: true, .. } => self.take(1),
            Note::Kafka(KafkaNote::Appended { at, offset, .. }) => {
                self.log(at).2 = offset + 1;
                self.add(1);
            }
            Note::Kafka(KafkaNote::CompactedAway { .. }) => self.take(1),
            Note::Kafka(KafkaNote::LogStart { at, offset }) => {
                let log = self.log(at);
                let gone = offset.saturating_sub(log.1);
                log.1 = log.1.max(offset);
                self.take(gone);
            }
            _ => {}
        }
    }
}

/// Watches what a comparison needs.
#[derive(Clone, Debug, Default)]
struct Tracker {
    messages: Vec<Fate>,
    stock: Stock,
    /// The longest time without an effect between the first and the last one.
    pause: Span,
    last_effect: Option<Time>,
    hash: RunHash,
}

impl Watch<Mq> for Tracker {
    fn step(&mut self, taken: &Taken<Mq>) {
        self.hash.step(taken);
    }

    fn note(&mut self, seen: Seen<'_, Note>) {
        Watch::<Mq>::note(&mut self.hash, seen);
        self.stock.learn(seen.note);
        let Some(msg) = seen.note.msg() else { return };
        let at = msg.0 as usize;
        if at >= self.messages.len() {
            self.messages.resize(at + 1, Fate::default());
        }
        let fate = &mut self.messages[at]; // grown above
        match seen.note {
            Note::Submitted { .. } => fate.submitted = fate.submitted.or(Some(seen.at)),
            Note::Confirmed { .. } => fate.acknowledged = fate.acknowledged.or(Some(seen.at)),
            Note::Received { .. } | Note::Kafka(KafkaNote::Polled { .. }) => fate.deliveries += 1,
            Note::Effect { .. } => {
                fate.effect = fate.effect.or(Some(seen.at));
                fate.effects += 1;
                if let Some(last) = self.last_effect {
                    self.pause = self.pause.max(seen.at.since(last));
                }
                self.last_effect = Some(seen.at);
            }
            _ => {}
        }
    }
}

/// One side of a comparison: a run.
#[derive(Clone, Debug)]
pub struct Side {
    scenario: String,
    title: String,
    profile: String,
    command: String,
    seed: u64,
    outcome: Outcome,
    hash: u64,
    messages: Vec<Fate>,
    stock: Stock,
    pause: Span,
}

impl Side {
    /// Runs a scenario once.
    pub fn run(scenario: &Scenario, seed: u64, most: u64) -> Side {
        let mut tracker = Tracker::default();
        let outcome = scenario.judge_with(seed, most, &mut tracker);
        Side {
            scenario: scenario.name().to_owned(),
            title: scenario.title().to_owned(),
            profile: scenario.profile(),
            command: scenario.command(),
            seed,
            outcome,
            hash: tracker.hash.value(),
            messages: tracker.messages,
            stock: tracker.stock,
            pause: tracker.pause,
        }
    }

    fn count(&self, of: impl Fn(&Fate) -> bool) -> u64 {
        self.messages.iter().filter(|fate| of(fate)).count() as u64
    }

    fn fact(&self, name: &str) -> Option<u64> {
        self.outcome.facts.get(name)
    }

    fn violated(&self) -> String {
        let breaches = self.outcome.verdicts.breaches();
        let names: Vec<&str> = breaches.iter().map(|breach| breach.class.name()).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }
}

/// What one row of a comparison counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Number,
    Micros,
}

/// A row: its name, its unit, its values, and what to know about it.
struct Row {
    name: &'static str,
    unit: Unit,
    values: [Option<u64>; 2],
    note: &'static str,
}

/// Two runs, aligned on the identity of messages.
#[derive(Clone, Debug)]
pub struct Comparison {
    left: Side,
    right: Side,
}

impl Comparison {
    /// Compares these two.
    pub fn new(left: Side, right: Side) -> Comparison {
        Comparison { left, right }
    }

    fn rows(&self) -> Vec<Row> {
        let both = |of: &dyn Fn(&Side) -> Option<u64>| [of(&self.left), of(&self.right)];
        let count = |of: fn(&Fate) -> bool| both(&|side| Some(side.count(of)));
        let fact = |name: &'static str| both(&|side| side.fact(name));
        let row = |name, unit, values, note| Row { name, unit, values, note };
        use Unit::{Micros, Number};
        vec![
            row("submitted", Number, count(|it| it.submitted.is_some()), ""),
            row("acknowledged", Number, count(|it| it.acknowledged.is_some()), ""),
            row("took effect", Number, count(|it| it.effects > 0), ""),
            row(
                "more than once",
                Number,
                count(|it| it.effects > 1),
                "what an idempotent effect must catch",
            ),
            row("never", Number, count(|it| it.submitted.is_some() && it.effects == 0), ""),
            row(
                "deliveries",
                Number,
                both(&|side| Some(side.messages.iter().map(|it| u64::from(it.deliveries)).sum())),
                "",
            ),
            row(
                "effects per second",
                Number,
                fact("effects-per-second"),
                "from the first message to the last effect",
            ),
            row("latency p50", Micros, fact("latency.p50-us"), "from submission to effect"),
            row("latency p99", Micros, fact("latency.p99-us"), ""),
            row("latency max", Micros, fact("latency.max-us"), ""),
            row(
                "longest pause",
                Micros,
                both(&|side| Some(side.pause.as_nanos() / 1_000)),
                "without any effect: what the faults cost",
            ),
            row(
                "stored at most",
                Number,
                both(&|side| Some(side.stock.peak)),
                "messages that the brokers keep",
            ),
            row(
                "stored at the end",
                Number,
                both(&|side| Some(side.stock.now)),
                "what a consumer that comes later can read",
            ),
        ]
    }

    /// Messages that ended differently: by number, with how often each side had their effect.
    fn different(&self) -> Vec<(usize, u32, u32)> {
        let none = Fate::default();
        let most = self.left.messages.len().max(self.right.messages.len());
        let of = |side: &Side, n: usize| side.messages.get(n).unwrap_or(&none).effects;
        (0..most)
            .map(|n| (n, of(&self.left, n), of(&self.right, n)))
            .filter(|(_, left, right)| left != right)
            .collect()
    }

    /// The heads of the two columns: what tells the sides apart.
    fn heads(&self) -> [String; 2] {
        let (left, right) = (&self.left, &self.right);
        if left.profile != right.profile {
            [left.profile.clone(), right.profile.clone()]
        } else if left.scenario != right.scenario {
            [left.scenario.clone(), right.scenario.clone()]
        } else {
            ["left".to_owned(), "right".to_owned()]
        }
    }

    /// As plain text.
    pub fn text(&self, style: Style) -> String {
        let mut text = String::new();
        let dot = if style.ascii { "-" } else { "·" };
        let heads = self.heads();
        let _ = writeln!(text, "{}   seed {}", self.left.scenario, self.left.seed);
        let _ = writeln!(text, "{}\n", self.left.title);
        let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0).max(14) + 2;
        let _ = writeln!(text, "  {:20}{:>width$}{:>width$}", "", heads[0], heads[1]);
        for row in self.rows() {
            let [left, right] = row.values.map(|value| written(row.unit, value));
            let line = format!("  {:20}{left:>width$}{right:>width$}   {}", row.name, row.note);
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text);
        for (head, side) in heads.iter().zip([&self.left, &self.right]) {
            let _ = writeln!(text, "  violated on {head}: {}", side.violated());
        }
        let different = self.different();
        if different.is_empty() {
            let _ = writeln!(text, "\n  every message had its effect equally often on both sides");
        } else {
            let noun = if different.len() == 1 { "message" } else { "messages" };
            let _ = writeln!(text, "\n  {} {noun} ended differently:", different.len());
            for (n, left, right) in different.iter().take(5) {
                let _ = writeln!(
                    text,
                    "    m{n} had its effect {} {dot} {}",
                    times(*left, &heads[0]),
                    times(*right, &heads[1])
                );
            }
        }
        text.push('\n');
        for side in [&self.left, &self.right] {
            let _ =
                writeln!(text, "  replay  redeliver play {} --seed {}", side.command, side.seed);
        }
        text
    }

    /// As a JSON object.
    pub fn json(&self) -> Value {
        let side = |side: &Side, nth: usize| {
            let rows: Map<String, Value> =
                self.rows().into_iter().map(|row| (key(&row), json!(row.values[nth]))).collect();
            json!({
                "scenario": side.scenario,
                "profile": side.profile,
                "seed": side.seed,
                "history": format!("{:016x}", side.hash),
                "violated": side.outcome.verdicts.breaches().iter().map(|it| it.class.name()).collect::<Vec<_>>(),
                "numbers": rows,
            })
        };
        json!({
            "left": side(&self.left, 0),
            "right": side(&self.right, 1),
            "different": self.different().iter().map(|(n, left, right)| {
                json!({ "message": format!("m{n}"), "left": left, "right": right })
            }).collect::<Vec<_>>(),
        })
    }

    /// As a table for issues and slides.
    pub fn markdown(&self) -> String {
        let heads = self.heads();
        let mut text = format!("### {}\n\n", self.left.title);
        let _ = writeln!(text, "| | {} | {} |", heads[0], heads[1]);
        let _ = writeln!(text, "|---|---:|---:|");
        for row in self.rows() {
            let [left, right] = row.values.map(|value| written(row.unit, value));
            let _ = writeln!(text, "| {} | {left} | {right} |", row.name);
        }
        let _ =
            writeln!(text, "| violated | {} | {} |", self.left.violated(), self.right.violated());
        text
    }
}

fn times(n: u32, head: &str) -> String {
    match n {
        0 => format!("never on {head}"),
        1 => format!("once on {head}"),
        2 => format!("twice on {head}"),
        n => format!("{n} times on {head}"),
    }
}

fn key(row: &Row) -> String {
    let name = row.name.replace(' ', "_");
    if row.unit == Unit::Micros { format!("{name}_us") } else { name }
}

/// A number as people read it: with commas, and times in the unit that fits.
fn written(unit: Unit, value: Option<u64>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    match unit {
        Unit::Number => grouped(value),
        Unit::Micros if value < 1_000 => format!("{value} us"),
        Unit::Micros if value < 1_000_000 => {
            format!("{}.{} ms", value / 1_000, value % 1_000 / 100)
        }
        Unit::Micros => {
            format!("{}.{:02} s", grouped(value / 1_000_000), value % 1_000_000 / 10_000)
        }
    }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Unit, grouped, written};

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(written(Unit::Micros, Some(12)), "12 us");
        assert_eq!(written(Unit::Micros, Some(3_140)), "3.1 ms");
        assert_eq!(written(Unit::Micros, Some(4_056_000)), "4.05 s");
        assert_eq!(written(Unit::Number, None), "-");
    }
}
