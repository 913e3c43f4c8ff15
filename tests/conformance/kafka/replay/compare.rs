//! What was recorded against what the model did.
//!
//! Both are lists of facts. What one participant does, or what happens to one partition, is a lane:
//! there the order is determined, and must be the same. Between lanes it must be the same where the
//! recording shows one thing clearly after the other; what is closer together raced. When a thing
//! happens may differ by the tolerance, counted from the beginning or, since differences add up, from
//! the thing before it in its lane.

use std::collections::BTreeMap;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// When, in seconds of the recording.
    pub at: f64,
    /// Whose order it belongs to.
    pub lane: String,
    /// What, with its outcome.
    pub what: String,
}

impl Fact {
    pub fn new(at: f64, lane: impl Into<String>, what: impl Into<String>) -> Fact {
        Fact { at, lane: lane.into(), what: what.into() }
    }
}

/// How exact times are, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// By how much times may differ.
    pub time: f64,
    /// And by which share of the time since the thing before it: what is drawn differs by more the
    /// longer it is.
    pub share: f64,
    /// Facts of different lanes that are closer together than this raced.
    pub race: f64,
    /// When the experiment ended: what is as near to it as the tolerance may be missing.
    pub end: f64,
}

impl Tolerance {
    fn of(&self, took: f64) -> f64 {
        self.time + self.share * took
    }
}

type Lanes<'a> = BTreeMap<&'a str, Vec<&'a Fact>>;

/// How many facts agree.
///
/// # Errors
/// The first difference.
pub fn compare(recorded: &[Fact], played: &[Fact], within: Tolerance) -> Result<usize, String> {
    let (wanted, got) = (lanes(recorded), lanes(played));
    let mut differences: Vec<(f64, String)> = Vec::new();
    let mut pairs = Vec::new();
    for lane in wanted.keys().chain(got.keys().filter(|lane| !wanted.contains_key(*lane))) {
        let none = Vec::new();
        let (wanted, got) = (wanted.get(lane).unwrap_or(&none), got.get(lane).unwrap_or(&none));
        match in_lane(lane, wanted, got, within) {
            Ok(same) => pairs.extend(same),
            Err(difference) => differences.push(difference),
        }
    }
    differences.extend(across(&mut pairs, within));
    match differences.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((at, what)) => Err(format!("at {at:.2} s {what}")),
        None => Ok(pairs.len()),
    }
}

fn lanes(facts: &[Fact]) -> Lanes<'_> {
    let mut lanes = Lanes::new();
    for fact in facts {
        lanes.entry(&fact.lane).or_default().push(fact);
    }
    lanes.values_mut().for_each(|lane| lane.sort_by(|a, b| a.at.total_cmp(&b.at)));
    lanes
}

type Pair<'a> = (&'a Fact, &'a Fact);

fn in_lane<'a>(
    lane: &str,
    wanted: &[&'a Fact],
    got: &[&'a Fact],
    within: Tolerance,
) -> Result<Vec<Pair<'a>>, (f64, String)> {
    let (mut before, mut pairs) = ((0.0, 0.0), Vec::new());
    for (wanted, got) in wanted.iter().zip(got) {
        if wanted.what != got.what {
            let (expected, happened) = (&wanted.what, &got.what);
            let at = got.at;
            return Err((
                wanted.at,
                format!("{lane}: expected {expected}; {happened} at {at:.2} s in the model"),
            ));
        }
        let (took, takes) = (wanted.at - before.0, got.at - before.1);
        let since = (took - takes).abs() > within.of(took);
        if since && (wanted.at - got.at).abs() > within.time {
            let what = &wanted.what;
            return Err((
                wanted.at,
                format!("{lane}: {what} after {took:.2} s, and after {takes:.2} s in the model"),
            ));
        }
        before = (wanted.at, got.at);
        pairs.push((*wanted, *got));
    }
    // what one of them does more may have been cut off by the end of the other
    let later = |it: &Fact, its: f64, other: f64| {
        let took = it.at - its;
        other + took + within.of(took) < within.end
    };
    if let Some(it) = wanted.get(got.len()).filter(|it| later(it, before.0, before.1)) {
        return Err((it.at, format!("{lane}: {} did not happen in the model", it.what)));
    }
    if let Some(it) = got.get(wanted.len()).filter(|it| later(it, before.1, before.0)) {
        return Err((it.at, format!("{lane}: {} happened in the model alone", it.what)));
    }
    Ok(pairs)
}

/// What is clearly after another thing in the recording, and before it in the model.
fn across(pairs: &mut [Pair<'_>], within: Tolerance) -> Option<(f64, String)> {
    pairs.sort_by(|a, b| a.0.at.total_cmp(&b.0.at));
    pairs.iter().enumerate().find_map(|(at, (wanted, got))| {
        let earlier = |it: &&Pair<'_>| it.0.at + within.race < wanted.at && it.1.at > got.at;
        let (other, _) = pairs[..at].iter().find(earlier)?;
        let (first, second) = (&other.what, &wanted.what);
        let (by, then) = (&other.lane, &wanted.lane);
        Some((wanted.at, format!("{by}: {first} came before {then}: {second}")))
    })
}
