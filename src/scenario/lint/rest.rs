//! Bounds, and the words of the guide.

use crate::scenario::claims;
use crate::scenario::problem::{Problem, Problems, nearest};
use crate::scenario::tree::Tree;

pub(super) fn check(tree: &Tree, problems: &mut Problems) {
    for entry in tree.list("claim") {
        let Some(id) = entry.as_text().filter(|id| claims::find(id).is_none()) else { continue };
        let known: Vec<&str> = claims::ALL.iter().map(|claim| claim.id).collect();
        let problem = Problem::error(&entry.spot, format!("the guide has no claim `{id}`"));
        problems.push(match nearest(id, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean \"{near}\"?")),
            None => problem.help(format!("there are {}", known.join(", "))),
        });
    }
    let bounds = tree.table("judge").into_iter().flat_map(|judge| judge.tables("bound"));
    for bound in bounds {
        let pairs = [("unacked", "consumer"), ("depth", "queue"), ("calls_per_second", "service")];
        let hidden = |problem: Problem| {
            pairs.iter().fold(problem, |problem, (key, _)| problem.unless_hidden(key))
        };
        let given: Vec<_> = pairs.into_iter().filter(|(key, _)| bound.says(key)).collect();
        let [(key, whose)] = given.as_slice() else {
            let title = "a bound has exactly one of `unacked`, `depth` and `calls_per_second`";
            if bound.unknown.is_empty() {
                let help = "write [[judge.bound]] once for each, with whose it is";
                problems.push(hidden(Problem::error(&bound.spot, title).help(help)));
            }
            continue;
        };
        if bound.unknown.is_empty() && !bound.says(whose) {
            let title = format!("a bound on `{key}` needs `{whose}`: whose it is");
            let help = format!("write {whose} = \"…\" with the name of the {whose}");
            problems.push(Problem::error(&bound.spot, title).help(help).unless_hidden(whose));
        }
    }
}
