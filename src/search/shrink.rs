//! Drops steps from a failing schedule while it still fails in the same way.

use crate::kernel::Node;

use super::Schedule;

/// The shortest schedule that delta debugging finds: dropping any single step of it makes the
/// failure go away (it is 1-minimal). `fails` replays a schedule, leaving out what is not
/// possible, and returns the steps that were taken if the *same* failure came out.
///
/// Returns the schedule unchanged when it does not fail at all.
pub fn shrink<N: Node>(
    schedule: Schedule<N>,
    mut fails: impl FnMut(&Schedule<N>) -> Option<Vec<usize>>,
) -> Schedule<N> {
    let pick = |from: &Schedule<N>, places: &[usize]| -> Schedule<N> {
        places.iter().map(|&place| from[place].clone()).collect()
    };
    let Some(taken) = fails(&schedule) else { return schedule };
    let mut best = pick(&schedule, &taken);
    let mut chunk = best.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut from = 0;
        while from < best.len() {
            let to = (from + chunk).min(best.len());
            let mut candidate = best.clone();
            candidate.drain(from..to);
            match fails(&candidate) {
                Some(taken) => {
                    best = pick(&candidate, &taken);
                    shorter = true;
                }
                None => from = to,
            }
        }
        if chunk > 1 {
            chunk = chunk.div_ceil(2);
        } else if !shorter {
            return best;
        }
    }
}
