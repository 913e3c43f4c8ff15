//! Where words go: results to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, Write};

use anyhow::Context;

/// Prints a result.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    printed.context("standard output cannot be written")
}

/// Prints a result that is long and comes line by line.
pub(super) struct Lines(BufWriter<io::StdoutLock<'static>>);

impl Lines {
    /// Nothing is printed yet.
    pub(super) fn new() -> Lines {
        Lines(BufWriter::with_capacity(1 << 16, io::stdout().lock()))
    }

    /// Prints some more, now or later.
    pub(super) fn print(&mut self, text: &str) -> anyhow::Result<()> {
        self.0.write_all(text.as_bytes()).context("standard output cannot be written")
    }

    /// Prints what was not printed yet.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.0.flush().context("standard output cannot be written")
    }
}

/// An error and its causes in one line, without the numbers of the operating system.
pub(super) fn words(error: &anyhow::Error) -> String {
    let words = format!("{error:#}");
    match words.rsplit_once(" (os error ") {
        Some((words, _)) => words.to_owned(),
        None => words,
    }
}

/// Prints a message for the person in front of the screen. Nobody is told when that fails.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
}

/// Whether messages may have colours: on a terminal, unless `NO_COLOR` is set to anything.
pub(super) fn colour() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether an error only says that nobody reads our output any more.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
