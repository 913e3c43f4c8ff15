//! Finding scenarios: a file, or an embedded one by its name.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, anyhow};

use super::args::ScenarioArgs;
use super::{memory, out};
use crate::scenario::problem::nearest;
use crate::scenario::{LARGEST, Problem, Scenario, embedded};

/// The name that messages use and the bytes of a scenario.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Finds a scenario. A file of that name comes first; `name` may leave out the ending `.toml`.
pub(super) fn find(path: &Path) -> anyhow::Result<Found> {
    let name = path.to_string_lossy().into_owned();
    // a pipe or a device is as good as a file
    if path.exists() && !path.is_dir() {
        return read(path, name);
    }
    if let Some(found) = embedded::find(&name) {
        return Ok(Found { name: format!("{name}.toml"), bytes: found.text.as_bytes().to_vec() });
    }
    let with_ending = format!("{name}.toml");
    if Path::new(&with_ending).exists() {
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
    // a byte more than allowed is enough to know that it is too large
    file.take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    Ok(Found { name, bytes })
}

/// Reads a scenario, of which `copies` run at once. Warnings and problems go to standard error;
/// `None` when it cannot run.
pub(super) fn load(args: &ScenarioArgs, copies: u64) -> anyhow::Result<Option<Scenario>> {
    let found = find(&args.scenario)?;
    let (scenario, mut problems) = match Scenario::load_bytes(&found.name, &found.bytes, &args.set)
    {
        Ok((scenario, warnings)) => (Some(scenario), warnings),
        Err(problems) => (None, problems),
    };
    problems = problems.with(scenario.as_ref().and_then(|it| too_heavy(it, copies)));
    if !problems.is_empty() {
        out::complain(&problems.render(out::colour()));
    }
    Ok(scenario.filter(|_| problems.may_run()))
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

/// Why there is not enough memory here for so many runs of a scenario at once.
pub(super) fn too_heavy(scenario: &Scenario, copies: u64) -> Option<Problem> {
    scenario.too_heavy(scenario.estimate().judged.saturating_mul(copies), memory::room())
}
