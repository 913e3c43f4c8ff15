//! `redeliver new`: a scenario to start from.

use std::fs::OpenOptions;
use std::io::{self, Write};

use anyhow::{Context, bail};

use super::args::NewArgs;
use super::{Outcome, out};
use crate::scenario::template;

pub(super) fn new(args: &NewArgs) -> anyhow::Result<Outcome> {
    let name = args.name.strip_suffix(".toml").unwrap_or(&args.name);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with(['.', '-']) || !name.chars().all(plain) {
        bail!("`{name}` is no name for a scenario: use letters, digits, `-`, `_` and `.`");
    }
    let file = format!("{name}.toml");
    // only a file that this call creates is written to
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut out) => out
            .write_all(template(name).as_bytes())
            .with_context(|| format!("{file} cannot be written"))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{file} is there already, and nothing was changed");
        }
        Err(error) => return Err(error).with_context(|| format!("{file} cannot be created")),
    }
    out::print(&format!(
        "{file} is written. Next: redeliver check {file}; redeliver run {file}; redeliver play {file}\n"
    ))?;
    Ok(Outcome::Held)
}
