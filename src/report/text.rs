//! A run as plain text.

use std::fmt::Write as _;

use super::explain::Explanation;
use super::judged::Judged;
use crate::check::{Class, Guarantee, Point, Reason, Verdict};
use crate::scenario::Met;

/// How much is said, and with which signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Only signs of ASCII.
    pub ascii: bool,
    /// Classes that hold are listed one by one, and all numbers are given.
    pub verbose: bool,
}

impl Style {
    fn mark(self, verdict: &str) -> &'static str {
        match (verdict, self.ascii) {
            ("holds", false) => "✓",
            ("violated", false) => "✗",
            ("holds", true) => "+",
            ("violated", true) => "x",
            _ => "?",
        }
    }

    fn met(self, met: Met) -> &'static str {
        self.mark(match met {
            Met::Yes => "holds",
            Met::No => "violated",
            Met::Undecided => "undecided",
        })
    }

    fn between(self) -> &'static str {
        if self.ascii { "-" } else { "·" }
    }

    fn because(self) -> &'static str {
        if self.ascii { "<-" } else { "←" }
    }
}

/// The report of one run.
pub fn report(judged: &Judged<'_>, style: Style) -> String {
    let mut text = String::new();
    let (scenario, outcome) = (judged.scenario, &judged.outcome);
    let dot = style.between();
    let _ = writeln!(
        text,
        "{}   {} {dot} seed {} {dot} {} simulated, {} steps",
        scenario.name(),
        scenario.profile(),
        judged.seed,
        outcome.end.at,
        outcome.end.step,
    );
    let _ = writeln!(text, "{}", scenario.title());
    let teach = scenario.teach();
    fill(&mut text, teach.question.unwrap_or_default());
    text.push('\n');
    classes(&mut text, judged, style);
    table(&mut text, judged, style);
    expectations(&mut text, judged, style);
    numbers(&mut text, judged, style);
    let _ = writeln!(text, "history {:016x}", judged.hash);
    if !teach.look_at.is_empty() {
        text.push('\n');
        fill(&mut text, &format!("look at: {}", teach.look_at.join("; ")));
    }
    for paragraph in paragraphs(teach.text.unwrap_or_default()) {
        text.push('\n');
        fill(&mut text, &paragraph);
    }
    // sentences about links have arrows
    if style.ascii { text.replace('→', "->") } else { text }
}

fn classes(text: &mut String, judged: &Judged<'_>, style: Style) {
    let verdicts = &judged.outcome.verdicts;
    let mut explained = verdicts.breaches().into_iter().zip(&judged.explanations);
    let explanations: Vec<_> = explained.by_ref().collect();
    let quiet = |verdict: &Verdict| match verdict {
        Verdict::Holds | Verdict::Undecided(Reason::NoBound) => !style.verbose,
        _ => false,
    };
    for it in verdicts.classes.iter().filter(|it| !quiet(&it.verdict)) {
        let _ = write!(text, "  {} {:22} ", style.mark(it.verdict.name()), it.class.name());
        match &it.verdict {
            Verdict::Holds => {
                let _ = writeln!(text, "{}", it.class.promise());
            }
            Verdict::Undecided(reason) => {
                let _ = writeln!(text, "{reason}");
            }
            Verdict::Violated(breach) => {
                let found = explanations.iter().find(|(its, _)| its.class == it.class);
                let what = found.map_or("", |(_, why)| why.event.as_str());
                let times = match breach.times {
                    0 | 1 => String::new(),
                    times => format!("   (first of {times})"),
                };
                let _ = writeln!(text, "{what}{times}");
                if let Some((_, why)) = found {
                    details(text, judged, why, breach.step, style);
                }
            }
        }
    }
    let kept: Vec<Class> = verdicts
        .classes
        .iter()
        .filter(|it| it.verdict == Verdict::Holds)
        .map(|it| it.class)
        .collect();
    if !kept.is_empty() && !style.verbose {
        let names: Vec<&str> = kept.iter().map(|class| class.name()).collect();
        wrap(text, &format!("  {} {} hold: ", style.mark("holds"), names.len()), &names);
    }
    text.push('\n');
}

fn details(text: &mut String, judged: &Judged<'_>, why: &Explanation, step: u64, style: Style) {
    for (index, link) in why.chain.iter().enumerate().skip(1) {
        let label = if index == 1 { "cause" } else { "" };
        let arrow = style.because();
        if link.skipped > 0 {
            let _ = writeln!(text, "              {arrow} ({} more)", link.skipped);
        }
        let _ =
            writeln!(text, "      {label:7} {arrow} {} {}  ev {}", link.at, link.what, link.step);
    }
    if let Some(setting) = &why.setting {
        let place = match (setting.place, &setting.line) {
            (Some((line, column)), _) => {
                format!("{}:{line}:{column}", judged.scenario.source().name)
            }
            (None, Some(_)) => String::new(),
            (None, None) => "the default".to_owned(),
        };
        let said = setting.line.as_deref().map_or(String::new(), |line| format!("   {line}"));
        let _ = writeln!(text, "      setting {}   {place}{said}", setting.path);
    }
    for (index, (who, what)) in why.knows.iter().enumerate() {
        let label = if index == 0 { "knows" } else { "" };
        let _ = writeln!(text, "      {label:7} {who}: {what}");
    }
    let (name, seed) = (judged.scenario.command(), judged.seed);
    let _ = writeln!(text, "      replay  redeliver play {name} --seed {seed} --at {step}");
}

fn table(text: &mut String, judged: &Judged<'_>, style: Style) {
    let points = [
        ("ack", Point::Ack),
        ("queue", Point::Log),
        ("delivery", Point::Delivery),
        ("effect", Point::Effect),
    ];
    let _ = write!(text, "  {:16}", "seen at");
    for (name, _) in points {
        let _ = write!(text, "{name:>10}");
    }
    text.push('\n');
    for guarantee in Guarantee::ALL {
        let _ = write!(text, "  {:16}", guarantee.name());
        for (_, point) in points {
            let mark = match judged.outcome.verdicts.at(guarantee, point) {
                Some(verdict) => style.mark(verdict.name()),
                None => " ",
            };
            let _ = write!(text, "{mark:>10}");
        }
        text.push('\n');
    }
    text.push('\n');
}

fn expectations(text: &mut String, judged: &Judged<'_>, style: Style) {
    let outcome = &judged.outcome;
    for expected in judged.scenario.expectations() {
        let met = expected.met(outcome);
        let _ = write!(text, "  {} expected {} {}", style.met(met), expected.name, expected.want);
        let found = expected.found(outcome);
        if met == Met::Yes && found == expected.want.to_string() {
            text.push('\n');
            continue;
        }
        let _ = write!(text, ", found {found}");
        if met != Met::Yes {
            let (line, column) = expected.spot.line_column();
            let _ = write!(text, "   {}:{line}:{column}", judged.scenario.source().name);
        }
        text.push('\n');
    }
    let waiting = &outcome.end.waiting;
    for spot in waiting.iter().filter_map(|&place| judged.scenario.trigger(place)) {
        let (line, column) = spot.line_column();
        let name = &judged.scenario.source().name;
        let mark = style.mark("undecided");
        let _ = writeln!(
            text,
            "  {mark} a fault did not happen: what it waits for never came   {name}:{line}:{column}"
        );
    }
    if !judged.scenario.expectations().is_empty() || !waiting.is_empty() {
        text.push('\n');
    }
}

/// The numbers that nearly every reader wants.
const USUAL: [&str; 10] = [
    "submitted",
    "confirmed",
    "unknown",
    "delivered",
    "redelivered",
    "effects",
    "dead-lettered",
    "dropped",
    "lost",
    "parked",
];

fn numbers(text: &mut String, judged: &Judged<'_>, style: Style) {
    let facts = &judged.outcome.facts;
    let said: Vec<String> = if style.verbose {
        facts.iter().map(|(name, value)| format!("{name} {value}")).collect()
    } else {
        USUAL
            .iter()
            .filter_map(|name| {
                facts.get(name).filter(|value| *value > 0).map(|value| format!("{name} {value}"))
            })
            .collect()
    };
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    if !said.is_empty() {
        wrap(text, "numbers ", &said);
    }
}

/// The paragraphs of a text, each in one line.
pub(super) fn paragraphs(said: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in said.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Running words, in lines of at most 100 columns; a longer word has a line of its own.
fn fill(text: &mut String, said: &str) {
    let mut width = 0;
    for word in said.split_whitespace() {
        let length = word.chars().count();
        if width > 0 {
            let fits = width + 1 + length <= 100;
            text.push(if fits { ' ' } else { '\n' });
            width = if fits { width + 1 } else { 0 };
        }
        text.push_str(word);
        width += length;
    }
    if width > 0 {
        text.push('\n');
    }
}

/// Words after a head, in lines of at most 100 columns.
fn wrap(text: &mut String, head: &str, words: &[&str]) {
    let indent = head.chars().count();
    let mut width = indent;
    text.push_str(head);
    for (index, word) in words.iter().enumerate() {
        let comma = if index + 1 < words.len() { ", " } else { "" };
        let length = word.chars().count() + comma.len();
        if width + length > 100 && width > indent {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            width = indent;
        }
        text.push_str(word);
        text.push_str(comma);
        width += length;
    }
    // a line that ends in a comma would end in a blank
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    *text = lines.join("\n") + "\n";
}

#[cfg(test)]
mod tests {
    use super::{fill, paragraphs};

    #[test]
    fn running_words_keep_to_100_columns() {
        let mut text = String::new();
        fill(&mut text, &format!("{} {} {}", "a".repeat(60), "b".repeat(39), "c".repeat(120)));
        let widths: Vec<usize> = text.lines().map(|line| line.chars().count()).collect();
        assert_eq!(widths, [100, 120]);
        fill(&mut text, " ");
        assert!(text.ends_with("c\n"), "nothing said, nothing written");
    }

    #[test]
    fn an_empty_line_parts_paragraphs_and_a_line_break_does_not() {
        assert_eq!(paragraphs("\none\ntwo\n\n\nthree\n"), ["one two", "three"]);
        assert!(paragraphs(" \n").is_empty());
    }
}
