//! Scenarios: a TOML file says which system runs, what goes wrong in it, and what is expected.
//!
//! The text becomes [`raw`] values with their places, these are read against the one table of
//! [`keys`] into a [`tree`], which is then checked as a whole and becomes a system. Everything that
//! is wrong is a [`problem`], with its place and a mend, and all of them are reported together.

mod build;
mod build_client;
mod build_kafka;
pub mod claims;
pub mod embedded;
mod event;
pub mod expect;
mod incident;
pub mod keys;
pub mod kind;
mod lint;
mod names;
mod path;
pub mod problem;
pub mod raw;
mod run;
mod schema;
mod settings;
mod systems;
mod template;
pub mod tree;
mod value;

use std::sync::Arc;

pub use expect::{Expectation, Met, Want};
pub use problem::{Problem, Problems, Severity, Source, Spot};
pub use run::{Estimate, MOST_STEPS, size};
pub use schema::json_schema;
pub use template::template;

use crate::check::{Cast, Rules};
use crate::kernel::Span;
use crate::system::{BuildError, System};
use crate::talk::Cue;
use build::Built;
use names::Names;
use tree::Tree;

/// A scenario file may have at most so many bytes.
pub const LARGEST: usize = 1 << 20;

/// A scenario that was read and found possible.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    name: String,
    source: Arc<Source>,
    tree: Tree,
    built: Built,
    expectations: Vec<Expectation>,
    truths: Vec<Expectation>,
    settings: Vec<String>,
    shows: Option<Cue>,
}

/// What a scenario says to whoever learns from it: its `[teach]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Teach<'a> {
    /// What to guess before the run is played.
    pub question: Option<&'a str>,
    /// What there is to learn: paragraphs with an empty line between them.
    pub text: Option<&'a str>,
    /// Where to look: moments, messages or views.
    pub look_at: Vec<&'a str>,
}

impl Scenario {
    /// Reads a scenario. `name` is the path of its file, or the name of an embedded one;
    /// `overrides` are settings such as `consumer.worker.prefetch=1`, which win over the text.
    ///
    /// The second result holds the warnings.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, warnings included, in the order of the text.
    pub fn load(
        name: &str,
        text: &str,
        overrides: &[String],
    ) -> Result<(Scenario, Problems), Problems> {
        let source = Arc::new(Source::of_file(name, text));
        let mut problems = Problems::default();
        if let Some(problem) = refuse(&source) {
            problems.push(problem);
            return Err(problems);
        }
        let raw = raw::parse(&source, &mut problems);
        let read = raw.filter(|raw| problems.is_empty() || !raw.fields().is_empty());
        let Some(mut raw) = read else { return Err(problems.sorted()) };
        for (n, option) in overrides.iter().enumerate() {
            path::set(&mut raw, option, n, &mut problems);
        }
        systems::choose(&mut raw);
        let mut more = Problems::default();
        let tree = tree::read(&keys::SCENARIO, &raw, &mut more);
        let names = Names::collect(&tree, &mut more);
        names.check(&tree, &mut more);
        let incidents = incident::read(&tree, &names, &mut more);
        lint::check(&tree, &names, &mut more);
        problems.extend(more);
        if !problems.may_run() {
            expect::read(&tree, "expect", None, &mut problems);
            expect::read(&tree, "true_if", None, &mut problems);
            return Err(problems.sorted());
        }
        lint::follow(&tree, &names, &mut problems);
        let built = match build::build(&tree, &names, &incidents) {
            Ok(built) => built,
            Err(error) => {
                let kafka = matches!(error, BuildError::Kafka(_));
                let spot = tree.spot_of(if kafka { "kafka" } else { "rabbitmq" });
                problems.push(
                    Problem::error(spot, format!("the broker cannot start: {error}"))
                        .help("mend what it names; `redeliver new NAME` writes one that starts"),
                );
                return Err(problems.sorted());
            }
        };
        let facts = expect::facts(&built.rules, &built.cast);
        let expectations = expect::read(&tree, "expect", Some(&facts), &mut problems);
        let truths = expect::read(&tree, "true_if", Some(&facts), &mut problems);
        let shows = tree.entry("shows").and_then(|it| event::read(it, &names, &mut problems));
        let shows = shows.map(|event| build::cue(&event, |name| built.system.node(name)));
        if !problems.may_run() {
            return Err(problems.sorted());
        }
        let name = stem(name).to_owned();
        let settings = overrides.to_vec();
        let scenario =
            Scenario { name, source, tree, built, expectations, truths, settings, shows };
        Ok((scenario, problems.sorted()))
    }

    /// The same scenario, built anew for another thread.
    ///
    /// Every message counts references to the names and publications that it mentions. A clone
    /// shares the counters, and two threads that play one system spend a third of their time on
    /// handing the counters to each other.
    #[must_use]
    pub fn apart(&self) -> Scenario {
        let again = Scenario::load(&self.source.name, &self.source.text, &self.settings);
        again.map_or_else(|_| self.clone(), |(scenario, _)| scenario)
    }

    /// As [`Scenario::load`], for the bytes of a file, which may be no text at all.
    ///
    /// # Errors
    ///
    /// As [`Scenario::load`].
    pub fn load_bytes(
        name: &str,
        bytes: &[u8],
        overrides: &[String],
    ) -> Result<(Scenario, Problems), Problems> {
        match std::str::from_utf8(bytes) {
            _ if bytes.len() > LARGEST => Err(Problems::from(too_large(name, bytes))),
            Ok(text) => Scenario::load(name, text, overrides),
            Err(error) => Err(Problems::from(no_text(name, bytes, error.valid_up_to()))),
        }
    }

    /// Its name: that of its file, without folder and ending.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a command line calls it: an embedded one by its name, another by its file, and the
    /// settings that it was read with.
    pub fn command(&self) -> String {
        let embedded = embedded::find(&self.name).is_some_and(|it| it.text == self.source.text);
        let address = if embedded { &self.name } else { &self.source.name };
        let settings = self.settings.iter().map(|setting| format!(" --set {}", quoted(setting)));
        quoted(address) + &settings.collect::<String>()
    }

    /// The line that says what it shows.
    pub fn title(&self) -> &str {
        self.tree.text("title").unwrap_or_default()
    }

    /// The claims of the guide that it examines.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        self.tree.list("claim").iter().filter_map(tree::Entry::as_text)
    }

    /// Whose rules and defaults the brokers follow, such as `rabbitmq-4.2`; with both systems
    /// `rabbitmq-4.2 + kafka-4.1`.
    pub fn profile(&self) -> String {
        let of = |system| systems::profile(&self.tree, system);
        let rabbit = names::has_rabbit(&self.tree).then(|| of("rabbitmq"));
        let kafka = self.tree.has("kafka").then(|| of("kafka"));
        rabbit.into_iter().chain(kafka).collect::<Vec<_>>().join(" + ")
    }

    /// How much time is simulated.
    pub fn horizon(&self) -> Span {
        self.tree.span("horizon").unwrap_or_default()
    }

    /// The seed that is used when nobody gives one.
    pub fn seed(&self) -> u64 {
        self.tree.number("seed")
    }

    /// How long messages may take after the last fault was put right before they count as stuck.
    pub fn settle(&self) -> Span {
        self.tree.span("settle").unwrap_or_default()
    }

    /// The system; its own seed is [`Scenario::seed`].
    pub fn system(&self) -> &System {
        &self.built.system
    }

    /// What is judged, and by which numbers.
    pub fn rules(&self) -> &Rules {
        &self.built.rules
    }

    /// Who is who.
    pub fn cast(&self) -> &Cast {
        &self.built.cast
    }

    /// What the run must show.
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The text that it was read from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Under which facts the claim that it examines is true in its run. Empty for a scenario that
    /// shows a remedy, a price, or something to compare with.
    pub fn truths(&self) -> &[Expectation] {
        &self.truths
    }

    /// Where the fault stands that waits for an event: the one with this place among all such.
    pub fn trigger(&self, place: u32) -> Option<&Spot> {
        self.built.triggers.get(place as usize)
    }

    /// The event to look at, when it says one.
    pub fn shows(&self) -> Option<&Cue> {
        self.shows.as_ref()
    }

    /// What sets it apart from the other scenarios of its claim; its title when it says nothing.
    pub fn case(&self) -> &str {
        self.tree.text("case").unwrap_or_else(|| self.title())
    }

    /// Its words for whoever learns from it.
    pub fn teach(&self) -> Teach<'_> {
        let Some(table) = self.tree.table("teach") else { return Teach::default() };
        Teach {
            question: table.text("question"),
            text: table.text("text"),
            look_at: table.list("look_at").iter().filter_map(tree::Entry::as_text).collect(),
        }
    }

    /// Everything it says, checked.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The line and the column of a setting such as `consumer.worker.on_failure`, counted from 1.
    /// `None` when the file does not say it, because it is a default or was set by an option.
    pub fn place(&self, path: &str) -> Option<(usize, usize)> {
        let spot = path::find(&self.tree, path)?;
        (spot.source == self.source).then(|| spot.line_column())
    }

    /// The option that set this, such as `consumer.worker.prefetch=1`; `None` when none did.
    pub fn option(&self, path: &str) -> Option<&str> {
        let source = &path::find(&self.tree, path)?.source;
        (source.option > 0).then_some(source.text.as_str())
    }
}

/// The tables of all applications that send, on either system, in the order of their messages.
fn producers(tree: &Tree) -> impl Iterator<Item = &Tree> + Clone {
    tree.tables("producer")
        .chain(tree.table("kafka").into_iter().flat_map(|it| it.tables("producer")))
}

/// The tables of all applications that receive, on either system.
fn consumers(tree: &Tree) -> impl Iterator<Item = &Tree> + Clone {
    tree.tables("consumer")
        .chain(tree.table("kafka").into_iter().flat_map(|it| it.tables("consumer")))
}

/// What is no scenario at all.
fn refuse(source: &Arc<Source>) -> Option<Problem> {
    let (name, text) = (&source.name, &source.text);
    if text.len() > LARGEST {
        return Some(too_large(name, text.as_bytes()));
    }
    if let Some(at) = text.find('\0') {
        return Some(no_text(name, text.as_bytes(), at));
    }
    let says_something =
        text.lines().any(|line| !line.trim().is_empty() && !line.trim().starts_with('#'));
    (!says_something).then(|| {
        Problem::error(&Spot::new(source, 0..0), "this file says nothing")
            .help("`redeliver new NAME` writes a scenario to start from")
    })
}

/// Bytes that are no text, because of the one at `at`.
fn no_text(name: &str, bytes: &[u8], at: usize) -> Problem {
    let lossy = String::from_utf8_lossy(bytes);
    let source = Arc::new(Source::of_file(name, &lossy));
    let byte = bytes.get(at).copied().unwrap_or_default();
    let title = format!("this is not a text file: the byte 0x{byte:02x} is not UTF-8");
    let title =
        if byte == 0 { "this is not a text file: it has a byte 0".to_owned() } else { title };
    // what comes before is valid, so the place is the same in both
    Problem::error(&Spot::new(&source, at..at + 1), title).help(
        "a scenario is a TOML file in UTF-8: save it as one, or let `redeliver new NAME` write one",
    )
}

/// A file that is too large to be a scenario. Only its beginning is shown.
fn too_large(name: &str, bytes: &[u8]) -> Problem {
    let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    let line = beginning.lines().next().unwrap_or_default();
    let source = Arc::new(Source::of_file(name, line));
    let title = format!("this file is too large: a scenario has at most {LARGEST} bytes");
    Problem::error(&Spot::new(&source, 0..line.len()), title)
        .help("is it a scenario? `messages = 100000` says as much as a hundred thousand lines")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:%+,@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The last part of a path, without its ending.
fn stem(name: &str) -> &str {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    file.strip_suffix(".toml").unwrap_or(file)
}
