//! Without a clock: nothing takes time, and what is up to chance is decided by a script.

use super::chance::{Dist, Site};
use super::node::Choose;
use super::step::Link;
use super::time::Span;
use super::world::Pace;

/// A pace without a clock: everything may happen as soon as it is possible. Choices fall as a
/// script says, and the first way where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Untimed {
    script: Vec<u32>,
    made: Vec<(u32, u32)>,
}

impl Untimed {
    /// Decides as `script` says, one entry for each decision.
    pub fn deciding(script: Vec<u32>) -> Untimed {
        Untimed { script, made: Vec::new() }
    }

    /// The decisions that were made: which way, out of how many.
    pub fn made(&self) -> &[(u32, u32)] {
        &self.made
    }

    /// The next script in the order of an odometer, or `None` after the last.
    pub fn following(&self) -> Option<Vec<u32>> {
        let turn = self.made.iter().rposition(|(way, ways)| way + 1 < *ways)?;
        let mut script: Vec<u32> = self.made[..=turn].iter().map(|(way, _)| *way).collect();
        script[turn] += 1;
        Some(script)
    }
}

impl Choose for Untimed {
    fn choose(&mut self, _site: Site, n: u32) -> u32 {
        let way = self.script.get(self.made.len()).copied().unwrap_or(0).min(n.saturating_sub(1));
        self.made.push((way, n));
        way
    }

    fn span(&mut self, _site: Site, dist: &Dist) -> Span {
        dist.least()
    }
}

impl Pace for Untimed {
    fn latency(&mut self, _wire: usize, _link: Link) -> Span {
        Span::ZERO
    }
    fn work(&mut self, _span: Span) -> Span {
        Span::ZERO
    }
    fn timed(&self) -> bool {
        false
    }
}
