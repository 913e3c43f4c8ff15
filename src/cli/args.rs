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
  redeliver play crash-before-ack        walk about in a run, forwards and backwards
  redeliver run crash-before-ack         run it once and say what held, what broke, and why
  redeliver run crash-before-ack --seed 1..1000 --jobs 2
  redeliver compare guide-orders --profile rabbitmq-4.2 --profile kafka-4.1
  redeliver guide R5                     a claim of the guide, and what the runs say
  redeliver check my-queue.toml          what is wrong with a scenario
  redeliver new my-queue                 write a scenario to start from

Exit codes: 0 everything expected held, 1 something expected did not, 2 the input was wrong,
3 undecided within the bounds.";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Play a scenario: walk about in its run, forwards and backwards.
    Play(PlayArgs),
    /// Run a scenario and report what held, what broke, and why.
    Run(RunArgs),
    /// Run one workload twice, on two systems or with two settings, and say what differs.
    Compare(CompareArgs),
    /// Print every claim of the guide with its verdict and the runs that show it.
    Guide(GuideArgs),
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
pub(super) struct ScenarioArgs {
    /// A scenario file, or the name of an embedded scenario.
    #[arg(value_name = "SCENARIO")]
    pub(super) scenario: PathBuf,
    /// Change a key: KEY=VALUE, such as consumer.worker.prefetch=1. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(super) struct PlayArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// The seed of the run; the scenario's own when it is not given.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Where to open it: an event such as 83, or a time such as 1.2s.
    #[arg(long, value_name = "EVENT|TIME")]
    pub(super) at: Option<String>,
    /// The view: topology, space-time, journey, verdicts or events.
    #[arg(long, value_name = "VIEW")]
    pub(super) view: Option<String>,
    /// Draw with the signs of ASCII only.
    #[arg(long)]
    pub(super) ascii: bool,
    /// Leave the mouse to the terminal.
    #[arg(long)]
    pub(super) no_mouse: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// One seed, or a range: A..B runs every seed from A to B, both included.
    #[arg(long, value_name = "N|A..B")]
    pub(super) seed: Option<String>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
    /// Runs at the same time, for a range of seeds. The result does not depend on it.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(super) jobs: u16,
    /// Say everything: guarantees that hold, and all numbers of the run.
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Write with the signs of ASCII only.
    #[arg(long)]
    pub(super) ascii: bool,
}

#[derive(Debug, ClapArgs)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    pub(super) scenario: ScenarioArgs,
    /// Another scenario to compare with, instead of the same one.
    #[arg(value_name = "OTHER")]
    pub(super) other: Option<PathBuf>,
    /// The system and version to run it on: once for each side, such as --profile rabbitmq-4.2
    /// --profile kafka-4.1.
    #[arg(long, value_name = "PROFILE")]
    pub(super) profile: Vec<String>,
    /// Change a key on the right side only: KEY=VALUE. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) right: Vec<String>,
    /// The seed of both runs; the left scenario's own when it is not given.
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = GuideFormat::Text)]
    pub(super) format: GuideFormat,
    /// Write with the signs of ASCII only.
    #[arg(long)]
    pub(super) ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// One JSON object.
    Json,
    /// The whole history, one step or note a line (one seed only).
    Jsonl,
    /// For issues and slides.
    Markdown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum GuideFormat {
    /// For people.
    Text,
    /// A JSON list, one object a claim.
    Json,
    /// For issues and slides.
    Markdown,
}

#[derive(Debug, ClapArgs)]
pub(super) struct GuideArgs {
    /// One claim, such as R5; all of them when none is given.
    #[arg(value_name = "ID")]
    pub(super) id: Option<String>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = GuideFormat::Text)]
    pub(super) format: GuideFormat,
    /// Write with the signs of ASCII only.
    #[arg(long)]
    pub(super) ascii: bool,
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
