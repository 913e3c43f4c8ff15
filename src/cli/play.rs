//! `redeliver play`, and the picker that opens when no command is given.

use std::path::PathBuf;

use anyhow::anyhow;

use super::args::{PlayArgs, ScenarioArgs};
use super::{Outcome, out, source};
use crate::scenario::{Scenario, embedded};
use crate::tui::{self, Charset, Entry, Opening, Place, Recording, View};

/// A recorded run may take so much memory.
const MOST_BYTES: u64 = 4 << 30;

pub(super) fn play(args: &PlayArgs) -> anyhow::Result<Outcome> {
    let Some(scenario) = source::load(&args.scenario)? else { return Ok(Outcome::Wrong) };
    let opening = Opening {
        at: args.at.as_deref().map(place).transpose()?,
        view: args.view.as_deref().map(view).transpose()?,
        no_mouse: args.no_mouse,
        charset: args.ascii.then_some(Charset::Ascii),
    };
    tui::require_terminal()?;
    let recording = record(scenario, args.seed, &args.scenario.set)?;
    let left = tui::play(recording, opening)?;
    out::print(&format!("{}\n", left.replay))?;
    Ok(Outcome::Held)
}

pub(super) fn pick() -> anyhow::Result<Outcome> {
    tui::require_terminal()?;
    let entries = embedded::ALL
        .iter()
        .map(|it| {
            let loaded = it.load().ok();
            let claims: Vec<String> = loaded
                .iter()
                .flat_map(|scenario| scenario.claims().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            Entry {
                name: it.name.to_owned(),
                title: loaded.as_ref().map_or(it.name, Scenario::title).to_owned(),
                claim: (!claims.is_empty()).then(|| claims.join(" ")),
                text: it.text.to_owned(),
            }
        })
        .collect();
    let open = |name: &str| {
        let args = ScenarioArgs { scenario: PathBuf::from(name), set: Vec::new() };
        match source::load_quietly(&args) {
            Ok(scenario) => record(scenario, None, &[]).map_err(|error| format!("{error:#}")),
            Err(error) => Err(format!("{error:#}")),
        }
    };
    if let Some(left) = tui::pick(entries, Opening::default(), open)? {
        out::print(&format!("{}\n", left.replay))?;
    }
    Ok(Outcome::Held)
}

fn record(scenario: Scenario, seed: Option<u64>, settings: &[String]) -> anyhow::Result<Recording> {
    let estimate = scenario.estimate();
    if estimate.recorded > MOST_BYTES {
        return Err(anyhow!(
            "a recorded run of {} has up to {} messages and would take about {} GB of memory: lower \
             `messages`, or use `redeliver run`, which stores nothing",
            scenario.name(),
            estimate.messages,
            estimate.recorded >> 30
        ));
    }
    let seed = seed.unwrap_or_else(|| scenario.seed());
    Ok(Recording::new(scenario, seed, settings.to_vec()))
}

fn place(text: &str) -> anyhow::Result<Place> {
    tui::parse_place(text).ok_or_else(|| {
        anyhow!("--at takes an event such as 83, or a time such as 1.2s, not `{text}`")
    })
}

fn view(text: &str) -> anyhow::Result<View> {
    View::named(text).ok_or_else(|| {
        let names: Vec<String> = View::ALL.iter().map(|view| view.name().to_lowercase()).collect();
        anyhow!("there is no view `{text}`: --view takes {}", names.join(", "))
    })
}
