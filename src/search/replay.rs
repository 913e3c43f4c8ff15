//! Takes the steps of a schedule, without a clock.

use crate::kernel::{Node, Untimed, Watch, Words, World};

use super::Schedule;

/// What became of a replay.
#[derive(Clone, Debug)]
pub struct Replayed<N: Node> {
    /// The world at its end.
    pub world: World<N>,
    /// The places in the schedule of the steps that were possible.
    pub taken: Vec<usize>,
}

/// Takes the steps that are possible and leaves out the others, as shrinking wants it.
pub fn replay<N: Node>(
    nodes: &[N],
    schedule: &Schedule<N>,
    watch: &mut impl Watch<Words<N>>,
) -> Replayed<N> {
    let mut world = World::new(nodes.to_vec(), &mut Untimed::default(), watch);
    let mut taken = Vec::with_capacity(schedule.len());
    for (place, it) in schedule.iter().enumerate() {
        let mut pace = Untimed::deciding(it.decisions.clone());
        if world.apply(&it.step, &mut pace, watch) {
            taken.push(place);
        }
    }
    Replayed { world, taken }
}

/// Takes every step, or says which one is not possible: a saved schedule that the model no longer
/// follows.
///
/// # Errors
/// The place of the first step that is not possible.
pub fn replay_strictly<N: Node>(
    nodes: &[N],
    schedule: &Schedule<N>,
    watch: &mut impl Watch<Words<N>>,
) -> Result<World<N>, usize> {
    let mut world = World::new(nodes.to_vec(), &mut Untimed::default(), watch);
    for (place, it) in schedule.iter().enumerate() {
        let mut pace = Untimed::deciding(it.decisions.clone());
        if !world.apply(&it.step, &mut pace, watch) {
            return Err(place);
        }
    }
    Ok(world)
}
