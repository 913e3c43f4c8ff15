//! The command line: the only code, next to the player, that reads files and prints.
//!
//! Every command is a function from its arguments to an `Outcome`; what went wrong outside of a
//! simulation is one message on standard error.

mod args;
mod bench;
mod check;
mod compare;
mod guide;
mod list;
mod memory;
mod new;
mod out;
#[cfg(feature = "tui")]
mod play;
mod run;
mod source;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// How a command ended, hence the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything expected held.
    Held = 0,
    /// A guarantee or an expectation failed.
    Failed = 1,
    /// The input was wrong.
    Wrong = 2,
    /// The bounds were reached before it could be decided.
    Undecided = 3,
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // help and version are no errors; where they cannot be printed, nothing can
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { Outcome::Wrong as u8 } else { 0 });
        }
    };
    match run(args) {
        Ok(outcome) => ExitCode::from(outcome as u8),
        // whoever read our output has heard enough
        Err(error) if out::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            out::complain(&format!("error: {}", out::words(&error)));
            ExitCode::from(Outcome::Wrong as u8)
        }
    }
}

fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.command {
        #[cfg(feature = "tui")]
        None => play::pick(),
        #[cfg(not(feature = "tui"))]
        None => list::greet(),
        #[cfg(feature = "tui")]
        Some(Command::Play(args)) => play::play(&args),
        #[cfg(not(feature = "tui"))]
        Some(Command::Play(_)) => {
            Err(anyhow::anyhow!("this build has no player: build it with the feature `tui`"))
        }
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Compare(args)) => compare::compare(&args),
        Some(Command::Guide(args)) => guide::guide(&args),
        Some(Command::List) => list::list(),
        Some(Command::Check(args)) => check::check(&args),
        Some(Command::Schema) => list::schema(),
        Some(Command::New(args)) => new::new(&args),
        Some(Command::Bench(args)) => bench::bench(&args),
    }
}
