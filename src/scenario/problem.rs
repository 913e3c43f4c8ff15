//! What is wrong with a scenario, and how that is shown: the place, an excerpt and a mend.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A text that a scenario was read from: a file, an embedded scenario, or a `--set` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How messages call it.
    pub name: String,
    /// What it says.
    pub text: String,
    /// Which of the `--set` options it is, counted from 1; 0 for a file.
    pub option: usize,
}

impl Source {
    /// The text of a file, or of something like it.
    pub fn of_file(name: &str, text: &str) -> Source {
        Source { name: name.to_owned(), text: text.to_owned(), option: 0 }
    }
}

/// A stretch of a source, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// In which text.
    pub source: Arc<Source>,
    /// From where to where.
    pub range: Range<usize>,
}

impl Spot {
    /// The stretch `range` of `source`, cut down to what there is, and made whole characters.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Spot {
        let text = &source.text;
        let mut start = range.start.min(text.len());
        let mut end = range.end.clamp(start, text.len());
        while !text.is_char_boundary(start) {
            start -= 1; // ends at 0 at the latest, which is a boundary
        }
        while !text.is_char_boundary(end) {
            end += 1; // ends at the end of the text at the latest, which is a boundary
        }
        Spot { source: Arc::clone(source), range: start..end }
    }

    /// The line and the column (in characters) where it begins, both counted from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.source.text[..self.range.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

/// Whether a scenario can be run in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but probably does not do what its author believes.
    Warning,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a sentence without a full stop.
    pub title: String,
    /// Where.
    pub spot: Spot,
    /// What to say at that place.
    pub label: String,
    /// Another place that belongs to it.
    pub also: Option<(Spot, String)>,
    /// What to do about it.
    pub help: Vec<String>,
    /// Names and keys that nobody knows of because of it.
    pub hides: Vec<String>,
    /// It may be there only because one of these is hidden by something else.
    pub excuses: Vec<String>,
}

impl Problem {
    /// What a name that could not be read hides: it may be any name.
    pub const ANY_NAME: &str = "*";

    /// An error at a place.
    pub fn error(spot: &Spot, title: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            title: title.into(),
            spot: spot.clone(),
            label: String::new(),
            also: None,
            help: Vec::new(),
            hides: Vec::new(),
            excuses: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(spot: &Spot, title: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(spot, title) }
    }

    /// Says which names and keys nobody knows of because of it.
    #[must_use]
    pub fn hides(mut self, words: impl IntoIterator<Item = String>) -> Problem {
        self.hides.extend(words);
        self
    }

    /// Says that it may be there only because this name or key is hidden by something else.
    #[must_use]
    pub fn unless_hidden(mut self, word: &str) -> Problem {
        self.excuses.push(word.to_owned());
        self
    }

    /// Adds what to say at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    /// Adds another place that belongs to it.
    #[must_use]
    pub fn also(mut self, spot: &Spot, label: impl Into<String>) -> Problem {
        self.also = Some((spot.clone(), label.into()));
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Problem {
        self.help.push(help.into());
        self
    }

    /// The whole message: what, where, the excerpt and the mend; without a line end at its end.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = self.excerpt(&self.spot, level);
        for help in &self.help {
            group = group.element(Level::HELP.message(&**help));
        }
        renderer.render(&[group])
    }

    fn excerpt<'a>(&'a self, spot: &'a Spot, level: Level<'a>) -> Group<'a> {
        let note = (!self.label.is_empty()).then_some(&*self.label);
        let here = AnnotationKind::Primary.span(spot.range.clone()).label(note);
        let mut snippet =
            Snippet::source(&*spot.source.text).path(&*spot.source.name).annotation(here);
        let mut elsewhere = None;
        if let Some((other, label)) = &self.also {
            let there = AnnotationKind::Context.span(other.range.clone()).label(&**label);
            if other.source == spot.source {
                snippet = snippet.annotation(there);
            } else {
                let source = Snippet::source(&*other.source.text).path(&*other.source.name);
                elsewhere = Some(source.annotation(there));
            }
        }
        let group = Group::with_title(level.primary_title(&*self.title)).element(snippet);
        match elsewhere {
            Some(other) => group.element(other),
            None => group,
        }
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

/// At most so many messages are shown at once; a screen holds fewer.
const MOST_SHOWN: usize = 40;

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of `others`, without those that another problem accounts for.
    pub fn extend(&mut self, others: Problems) {
        let hidden: BTreeSet<String> =
            self.iter().chain(others.iter()).flat_map(|it| it.hides.iter().cloned()).collect();
        let excused = |problem: &Problem| problem.excuses.iter().any(|it| hidden.contains(it));
        self.0.extend(others.into_iter().filter(|problem| !excused(problem)));
    }

    /// With one more, in its place, if there is one.
    #[must_use]
    pub fn with(mut self, problem: Option<Problem>) -> Problems {
        self.0.extend(problem);
        self.sorted()
    }

    /// Whether there is no error among them.
    pub fn may_run(&self) -> bool {
        self.0.iter().all(|problem| problem.severity != Severity::Error)
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.0.iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.0.len() - self.errors()
    }

    /// Whether there are none at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// In the order of the file, `--set` options last, and each said once.
    #[must_use]
    pub fn sorted(mut self) -> Problems {
        self.0.sort_by_cached_key(|problem| {
            let (source, range) = (&problem.spot.source, &problem.spot.range);
            let option = source.option;
            (option, range.start, range.end, problem.severity, problem.title.clone())
        });
        self.0.dedup();
        self
    }

    /// The messages, separated by empty lines, with a line end at the end if there are any. When
    /// there are more than anybody reads, the last line says how many were left out.
    pub fn render(&self, colour: bool) -> String {
        let room = MOST_SHOWN.saturating_sub(self.errors());
        let (mut errors, mut warnings) = (MOST_SHOWN, room);
        let shown = self.iter().filter(|problem| {
            let left = match problem.severity {
                Severity::Error => &mut errors,
                Severity::Warning => &mut warnings,
            };
            let some = *left > 0;
            *left = left.saturating_sub(1);
            some
        });
        let mut texts: Vec<_> = shown.map(|problem| problem.render(colour) + "\n").collect();
        let more = self.0.len() - texts.len();
        if more > 0 {
            texts.push(format!("... and {more} more: mend these first\n"));
        }
        texts.join("\n")
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Problems {}

/// The one of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let word = plain(word);
    let distance = |other: &str| strsim::damerau_levenshtein(&word, &plain(other));
    let most = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|other| (distance(other), other))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, other)| other)
}

/// Words as a reader wants them: `a`, `a or b`, `a, b or c`.
pub fn either<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_ignores_case_and_the_kind_of_dash() {
        let known = ["prefetch", "on_failure", "queue"];
        assert_eq!(nearest("prefech", known), Some("prefetch"));
        assert_eq!(nearest("on-failure", known), Some("on_failure"));
        assert_eq!(nearest("Queue", known), Some("queue"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn alternatives_read_as_a_sentence() {
        assert_eq!(either(["a"]), "a");
        assert_eq!(either(["a", "b", "c"]), "a, b or c");
    }

    #[test]
    fn a_column_counts_characters() {
        let source = Arc::new(Source::of_file("x", "ä = 1\nöü = 2"));
        assert_eq!(Spot::new(&source, 7..9).line_column(), (2, 1));
        assert_eq!(Spot::new(&source, 12..13).line_column(), (2, 4));
        assert_eq!(Spot::new(&source, 900..901).line_column(), (2, 7));
        assert_eq!(Spot::new(&source, 1..2).line_column(), (1, 1), "in the middle of a character");
    }
}
