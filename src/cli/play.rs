//! `redeliver play`, and the picker that opens when no command is given.

use std::path::PathBuf;

use anyhow::anyhow;

use super::args::{PlayArgs, ScenarioArgs};
use super::{Outcome, memory, out, source};
use crate::report::judged;
use crate::scenario::{Scenario, embedded, size};
use crate::tui::{self, Charset, Entry, Opening, Place, Recording, View};

pub(super) fn play(args: &PlayArgs) -> anyhow::Result<Outcome> {
    let opening = Opening {
        at: args.at.as_deref().map(place).transpose()?,
        view: args.view.as_deref().map(view).transpose()?,
        no_mouse: args.no_mouse,
        charset: args.ascii.then_some(Charset::Ascii),
    };
    tui::require_terminal()?;
    let Some(scenario) = source::load(&args.scenario, 1)? else { return Ok(Outcome::Wrong) };
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

/// Bytes that a step of a recorded run takes, with its notes and what the player looks up.
const BYTES_A_STEP: u64 = 300;

fn record(scenario: Scenario, seed: Option<u64>, settings: &[String]) -> anyhow::Result<Recording> {
    let seed = seed.unwrap_or_else(|| scenario.seed());
    let room = memory::room();
    let too_much = |bytes: u64| {
        anyhow!(
            "a recorded run of {} would take about {}, and {} are free: lower `messages` or \
             `horizon`, or use `redeliver run`, which stores nothing",
            scenario.name(),
            size(bytes),
            size(room)
        )
    };
    let expected = scenario.estimate().recorded;
    if expected > room {
        return Err(too_much(expected));
    }
    // a message can come back for ever, so the steps are counted before they are stored
    let steps = judged::quick(&scenario, seed, tui::MOST_STEPS).outcome.end.step;
    let needed = steps.saturating_mul(BYTES_A_STEP);
    if needed > room {
        return Err(too_much(needed));
    }
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
