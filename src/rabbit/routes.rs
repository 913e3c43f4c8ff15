//! Where the messages of a channel go, worked out once for each publication.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::kernel::Span;
use crate::talk::{Publication, QueueId};

/// How many routes a channel remembers.
const MOST: usize = 8;

/// Where the messages of one publication go. Messages of one producer mostly share their
/// publication, so that routing by name and pattern is not repeated for each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    /// As the client published it.
    publication: Option<Arc<Publication>>,
    /// The state of the topology that it holds for.
    topology: u32,
    pub(crate) targets: Vec<QueueId>,
    /// The message's own time to live.
    pub(crate) ttl: Option<Span>,
}

/// The routes that a channel remembers. What is remembered changes nothing but speed, so all are
/// equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    known: Vec<Route>,
    next: usize,
}

impl PartialEq for Routes {
    fn eq(&self, _: &Routes) -> bool {
        true
    }
}

impl Eq for Routes {}

impl Hash for Routes {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Routes {
    /// Takes the route of a publication out, if it is known; [`Routes::keep`] puts it back.
    pub(crate) fn take(&mut self, publication: &Arc<Publication>, topology: u32) -> Option<Route> {
        let known = |route: &Route| {
            route.topology == topology
                && route.publication.as_ref().is_some_and(|it| Arc::ptr_eq(it, publication))
        };
        let at = self.known.iter().position(known)?;
        Some(std::mem::take(&mut self.known[at]))
    }

    /// Remembers a route, in place of the one that was taken or of an old one.
    pub(crate) fn keep(&mut self, route: Route) {
        let free = self.known.iter().position(|route| route.publication.is_none());
        if let Some(at) = free {
            self.known[at] = route;
        } else if self.known.len() < MOST {
            self.known.push(route);
        } else {
            self.known[self.next] = route;
            self.next = (self.next + 1) % MOST;
        }
    }
}

impl Route {
    pub(crate) fn new(
        publication: &Arc<Publication>,
        topology: u32,
        targets: Vec<QueueId>,
        ttl: Option<Span>,
    ) -> Route {
        Route { publication: Some(publication.clone()), topology, targets, ttl }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_holds_for_its_publication_and_its_topology_only() {
        let publications: Vec<Arc<Publication>> = (0..10).map(|_| Arc::default()).collect();
        let mut routes = Routes::default();
        for (at, publication) in publications.iter().enumerate() {
            assert!(routes.take(publication, 1).is_none());
            routes.keep(Route::new(publication, 1, vec![QueueId(at as u16)], None));
        }
        assert!(routes.take(&publications[0], 1).is_none(), "the oldest was replaced");
        assert!(routes.take(&publications[9], 2).is_none());
        let route = routes.take(&publications[9], 1).expect("the newest is known");
        assert_eq!(route.targets, [QueueId(9)]);
    }
}
