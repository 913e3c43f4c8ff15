//! The first breach of each class at each point.

use super::class::{Class, Point};
use super::verdict::Breach;

/// At most one breach of each class at each point, sorted by both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Breaches(Vec<Breach>);

impl Breaches {
    /// Adds one, or counts it when there is an earlier one.
    pub(super) fn add(&mut self, breach: Breach) {
        let key = (breach.class, breach.point);
        match self.0.binary_search_by_key(&key, |it| (it.class, it.point)) {
            Ok(at) => {
                let times = self.0[at].times.saturating_add(breach.times);
                if breach.step < self.0[at].step {
                    self.0[at] = breach;
                }
                self.0[at].times = times;
            }
            Err(at) => self.0.insert(at, breach),
        }
    }

    pub(super) fn at(&self, class: Class, point: Point) -> Option<&Breach> {
        let at = self.0.binary_search_by_key(&(class, point), |it| (it.class, it.point)).ok()?;
        Some(&self.0[at])
    }

    pub(super) fn at_mut(&mut self, class: Class, point: Point) -> Option<&mut Breach> {
        let at = self.0.binary_search_by_key(&(class, point), |it| (it.class, it.point)).ok()?;
        Some(&mut self.0[at])
    }

    /// The first of a class, at whatever point.
    pub(super) fn first(&self, class: Class) -> Option<&Breach> {
        self.0.iter().filter(|it| it.class == class).min_by_key(|it| it.step)
    }

    pub(super) fn in_order(&self) -> Vec<&Breach> {
        let mut all: Vec<_> = self.0.iter().collect();
        all.sort_by_key(|breach| breach.step);
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
