//! Finding scenarios: a file, or an embedded one by its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::args::ScenarioArgs;
use super::out;
use crate::scenario::problem::nearest;
use crate::scenario::{LARGEST, Scenario, embedded};

/// The name that messages use and the bytes of a scenario.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Finds a scenario. A file of that name comes first; `name` may leave out the ending `.toml`.
pub(super) fn find(path: &Path) -> anyhow::Result<Found> {
    let name = path.to_string_lossy().into_owned();
    if path.is_file() {
        return read(path, name);
    }
    if let Some(found) = embedded::find(&name) {
        return Ok(Found { name: format!("{name}.toml"), bytes: found.text.as_bytes().to_vec() });
    }
    let with_ending = format!("{name}.toml");
    if Path::new(&with_ending).is_file() {
        return read(Path::new(&with_ending), with_ending.clone());
    }
    if path.is_dir() {
        return Err(anyhow!("{name} is a folder: name a scenario file in it"));
    }
    let near = nearest(&name, embedded::ALL.iter().map(|embedded| embedded.name));
    Err(match near {
        Some(near) => anyhow!("there is no scenario `{name}`: did you mean `{near}`?"),
        None => anyhow!(
            "there is no file and no embedded scenario `{name}`; `redeliver list` lists those that \
             there are, `redeliver new` writes a file"
        ),
    })
}

fn read(path: &Path, name: String) -> anyhow::Result<Found> {
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
    let size = file.metadata().map(|meta| meta.len()).unwrap_or(0);
    // a byte more than allowed is enough to know that it is too large
    file.take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() > LARGEST {
        let size = size.max(bytes.len() as u64);
        return Err(anyhow!(
            "{name} has {size} bytes, and a scenario has at most {LARGEST}: is it one?"
        ));
    }
    Ok(Found { name, bytes })
}

/// Reads a scenario. Warnings and problems go to standard error; `None` when it cannot run.
pub(super) fn load(args: &ScenarioArgs) -> anyhow::Result<Option<Scenario>> {
    let found = find(&args.scenario)?;
    match Scenario::load_bytes(&found.name, &found.bytes, &args.set) {
        Ok((scenario, warnings)) => {
            if !warnings.is_empty() {
                out::complain(&warnings.render(out::colour()));
            }
            too_much(&scenario)?;
            Ok(Some(scenario))
        }
        Err(problems) => {
            out::complain(&problems.render(out::colour()));
            Ok(None)
        }
    }
}

/// As [`load`], for a screen that has no room for warnings.
#[cfg(feature = "tui")]
pub(super) fn load_quietly(args: &ScenarioArgs) -> anyhow::Result<Scenario> {
    let found = find(&args.scenario)?;
    match Scenario::load_bytes(&found.name, &found.bytes, &args.set) {
        Ok((scenario, _)) => Ok(scenario),
        Err(problems) => Err(anyhow!("{problems}")),
    }
}

/// A judged run may take so much memory.
const MOST_BYTES: u64 = 8 << 30;

fn too_much(scenario: &Scenario) -> anyhow::Result<()> {
    let estimate = scenario.estimate();
    if estimate.judged > MOST_BYTES {
        return Err(anyhow!(
            "a run of {} has up to {} messages and would take about {} GB of memory: lower \
             `messages` or the horizon",
            scenario.name(),
            estimate.messages,
            estimate.judged >> 30
        ));
    }
    Ok(())
}
