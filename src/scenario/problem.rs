//! What is wrong with a scenario, and how that is shown: the place, an excerpt and a mend.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A text that a scenario was read from: a file, an embedded scenario, or a `--set` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How messages call it.
    pub name: String,
    /// What it says.
    pub text: String,
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
    /// The stretch `range` of `source`, cut down to what there is.
    pub fn new(source: &Arc<Source>, range: Range<usize>) -> Spot {
        let end = source.text.len();
        let range = range.start.min(end)..range.end.clamp(range.start.min(end), end);
        Spot { source: Arc::clone(source), range }
    }

    /// The line and the column (in characters) where it begins, both counted from 1.
    pub fn line_column(&self) -> (usize, usize) {
        let mut start = self.range.start;
        while !self.source.text.is_char_boundary(start) {
            start -= 1; // ends at 0 at the latest, which is a boundary
        }
        let before = &self.source.text[..start];
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
    /// Where; `None` when it concerns the file as a whole.
    pub spot: Option<Spot>,
    /// What to say at that place.
    pub label: String,
    /// Another place that belongs to it.
    pub also: Option<(Spot, String)>,
    /// What to do about it.
    pub help: Vec<String>,
    /// The file, for problems without a place in it.
    pub file: String,
    /// It may be there only because something else could not be read.
    pub consequence: bool,
}

impl Problem {
    /// An error at a place.
    pub fn error(spot: &Spot, title: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            title: title.into(),
            file: spot.source.name.clone(),
            spot: Some(spot.clone()),
            label: String::new(),
            also: None,
            help: Vec::new(),
            consequence: false,
        }
    }

    /// A warning at a place.
    pub fn warning(spot: &Spot, title: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(spot, title) }
    }

    /// An error that concerns the file as a whole.
    pub fn of_file(file: &str, title: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            title: title.into(),
            file: file.to_owned(),
            spot: None,
            label: String::new(),
            also: None,
            help: Vec::new(),
            consequence: false,
        }
    }

    /// Says that it may be there only because something else could not be read.
    #[must_use]
    pub fn consequence(mut self) -> Problem {
        self.consequence = true;
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
        let mut group = match &self.spot {
            None => Group::with_title(level.primary_title(&*self.title))
                .element(Origin::path(&*self.file)),
            Some(spot) => self.excerpt(spot, level),
        };
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

impl Problems {
    /// Adds one, unless the same was said already.
    pub fn push(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
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

    /// In the order of the file: what concerns all of it first, `--set` options last.
    #[must_use]
    pub fn sorted(mut self) -> Problems {
        self.0.sort_by_key(|problem| {
            let spot = problem.spot.as_ref();
            let option = spot.is_some_and(|spot| spot.source.name.starts_with("--set"));
            (option, spot.map(|spot| (spot.range.start, spot.range.end)), problem.severity)
        });
        self
    }

    /// All messages, separated by empty lines, with a line end at the end if there are any.
    pub fn render(&self, colour: bool) -> String {
        self.0.iter().map(|problem| problem.render(colour) + "\n").collect::<Vec<_>>().join("\n")
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
        let source = Arc::new(Source { name: "x".into(), text: "ä = 1\nöü = 2".into() });
        assert_eq!(Spot::new(&source, 7..9).line_column(), (2, 1));
        assert_eq!(Spot::new(&source, 12..13).line_column(), (2, 4));
        assert_eq!(Spot::new(&source, 900..901).line_column(), (2, 7));
        assert_eq!(Spot::new(&source, 1..2).line_column(), (1, 1), "in the middle of a character");
    }
}
