//! `redeliver compare`: one workload twice, side by side.

use anyhow::{anyhow, bail};

use super::args::{CompareArgs, GuideFormat, ScenarioArgs};
use super::{Outcome, out, source};
use crate::report::compare::{Comparison, Side};
use crate::report::text::Style;
use crate::scenario::MOST_STEPS;

pub(super) fn compare(args: &CompareArgs) -> anyhow::Result<Outcome> {
    let profiles = match args.profile.as_slice() {
        [] => [None, None],
        [left, right] => [Some(left), Some(right)],
        [_] => bail!("--profile is given once for each side, or not at all"),
        [..] => bail!("there are two sides: give --profile twice"),
    };
    if args.other.is_none() && args.profile.is_empty() && args.right.is_empty() {
        return Err(anyhow!(
            "nothing differs: name another scenario, or give --profile twice, or --right KEY=VALUE"
        ));
    }
    let mut sides = Vec::new();
    let mut seed = args.seed;
    for (nth, profile) in profiles.into_iter().enumerate() {
        let right = nth == 1;
        let scenario = args.other.as_ref().filter(|_| right).unwrap_or(&args.scenario.scenario);
        let mut set = args.scenario.set.clone();
        set.extend(profile.map(|profile| format!("profile=\"{profile}\"")));
        if right {
            set.extend(args.right.iter().cloned());
        }
        let side = ScenarioArgs { scenario: scenario.clone(), set };
        let Some(scenario) = source::load(&side, 1)? else { return Ok(Outcome::Wrong) };
        let seed = *seed.get_or_insert(scenario.seed());
        sides.push(Side::run(&scenario, seed, MOST_STEPS));
    }
    let [left, right] = <[Side; 2]>::try_from(sides).map_err(|_| anyhow!("there are two sides"))?;
    let comparison = Comparison::new(left, right);
    let style = Style { ascii: args.ascii, verbose: false };
    match args.format {
        GuideFormat::Text => out::print(&comparison.text(style))?,
        GuideFormat::Json => out::print(&format!("{:#}\n", comparison.json()))?,
        GuideFormat::Markdown => out::print(&comparison.markdown())?,
    }
    Ok(Outcome::Held)
}
