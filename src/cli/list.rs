//! `redeliver list`, `redeliver schema`, and what is said when no command is given.

use super::{Outcome, out};
use crate::scenario::{embedded, json_schema};

pub(super) fn list() -> anyhow::Result<Outcome> {
    let width = embedded::ALL.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut group = "";
    for one in embedded::ALL {
        if one.group != group {
            if !group.is_empty() {
                text.push('\n');
            }
            text += &format!("{}\n", one.group);
            group = one.group;
        }
        let title = match one.load() {
            Ok(scenario) => scenario.title().to_owned(),
            Err(problems) => format!("({} errors: see `redeliver check`)", problems.errors()),
        };
        text += &format!("  {:width$}  {title}\n", one.name);
    }
    out::print(&text)?;
    Ok(Outcome::Held)
}

pub(super) fn schema() -> anyhow::Result<Outcome> {
    out::print(&format!("{:#}\n", json_schema()))?;
    Ok(Outcome::Held)
}

#[cfg(not(feature = "tui"))]
pub(super) fn greet() -> anyhow::Result<Outcome> {
    out::print(
        "The player needs a terminal. `redeliver list` lists the scenarios, `redeliver run NAME` \
         runs one, `redeliver --help` says more.\n",
    )?;
    Ok(Outcome::Held)
}
