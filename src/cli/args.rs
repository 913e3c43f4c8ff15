//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand};

/// A flight simulator for message queues: run RabbitMQ under faults, see what is lost, repeated or
/// stuck, and why.
#[derive(Debug, Parser)]
#[command(name = "redeliver", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
}

const AFTER_HELP: &str = "\
A SCENARIO is a TOML file or the name of an embedded one (see `redeliver list`).

Examples:
  redeliver                              choose a scenario and play it
  redeliver check my-queue.toml          what is wrong with a scenario
  redeliver new my-queue                 write a scenario to start from

Exit codes: 0 everything expected held, 1 something expected did not, 2 the input was wrong,
3 undecided within the bounds.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the embedded scenarios.
    List,
    /// Say everything that is wrong with scenario files.
    Check(CheckArgs),
    /// Print the JSON Schema of scenario files, for editors.
    Schema,
    /// Write a commented scenario to start from: NAME.toml in this folder.
    New(NewArgs),
    /// Measure the simulator on this machine.
    Bench(BenchArgs),
}

#[derive(Debug, ClapArgs)]
pub(super) struct BenchArgs {
    /// A second or two instead of a minute: to see that it works.
    #[arg(long)]
    pub(super) quick: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CheckArgs {
    /// Scenario files, or names of embedded scenarios.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct NewArgs {
    /// Its name; the file is NAME.toml.
    #[arg(value_name = "NAME")]
    pub(super) name: String,
}
