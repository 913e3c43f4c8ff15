//! The `redeliver` command.

fn main() -> std::process::ExitCode {
    redeliver::cli::main()
}
