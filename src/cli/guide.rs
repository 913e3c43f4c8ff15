//! `redeliver guide`: the claims of the guide and what the runs say of them.

use anyhow::{anyhow, bail};

use super::args::{GuideArgs, GuideFormat};
use super::{Outcome, out};
use crate::report::Style;
use crate::report::guide::{self, Ruling};
use crate::scenario::{Met, Scenario, embedded};

pub(super) fn guide(args: &GuideArgs) -> anyhow::Result<Outcome> {
    let scenarios = scenarios()?;
    let all = guide::claims(&scenarios);
    let chosen: Vec<_> = match &args.id {
        None => all,
        Some(id) => {
            let found = all.iter().copied().find(|claim| claim.id.eq_ignore_ascii_case(id));
            match found {
                Some(claim) => vec![claim],
                None => {
                    let ids: Vec<&str> = all.iter().map(|claim| claim.id).collect();
                    bail!(
                        "no claim `{id}` is examined (those about Kafka are not yet); there are {}",
                        ids.join(", ")
                    );
                }
            }
        }
    };
    let style = Style { ascii: args.ascii, verbose: false };
    let mut outcome = Outcome::Held;
    let mut objects = Vec::new();
    for claim in chosen {
        let examined = guide::examine(claim, &scenarios);
        if examined.evidence.iter().any(|it| it.met == Met::No) {
            outcome = outcome.max(Outcome::Failed);
        } else if examined.ruling == Ruling::Undecided {
            outcome = outcome.max(Outcome::Undecided);
        }
        match args.format {
            GuideFormat::Json => objects.push(guide::json(&examined)),
            GuideFormat::Markdown => out::print(&format!("{}\n", guide::markdown(&examined)))?,
            GuideFormat::Text => out::print(&format!("{}\n", guide::text(&examined, style)))?,
        }
    }
    match args.format {
        GuideFormat::Json => out::print(&format!("{:#}\n", serde_json::Value::Array(objects)))?,
        GuideFormat::Text if args.id.is_none() => {
            out::print("The guide's claims about Kafka come with Kafka.\n")?;
        }
        _ => {}
    }
    Ok(outcome)
}

/// The embedded scenarios. One that cannot be read is a defect of this program.
fn scenarios() -> anyhow::Result<Vec<Scenario>> {
    embedded::ALL
        .iter()
        .map(|it| it.load().map_err(|problems| anyhow!("{}: {problems}", it.name)))
        .collect()
}
