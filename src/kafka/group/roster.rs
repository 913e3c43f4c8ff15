//! The members of a group, each at a place that is its own as long as it stays.

use std::collections::BTreeMap;

use crate::talk::Name;

/// Members by id and by place. A place names the timers of its member; it is free again when the
/// member has left. Members are walked in the order of their places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Roster<M> {
    places: Vec<Option<M>>,
    by_id: BTreeMap<Name, u16>,
}

impl<M> Default for Roster<M> {
    fn default() -> Roster<M> {
        Roster { places: Vec::new(), by_id: BTreeMap::new() }
    }
}

impl<M> Roster<M> {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(super) fn place(&self, id: &Name) -> Option<u16> {
        self.by_id.get(id).copied()
    }

    pub(super) fn get(&self, id: &Name) -> Option<&M> {
        self.at(self.place(id)?)
    }

    pub(super) fn get_mut(&mut self, id: &Name) -> Option<&mut M> {
        let place = self.place(id)?;
        self.at_mut(place)
    }

    pub(super) fn at(&self, place: u16) -> Option<&M> {
        self.places.get(usize::from(place))?.as_ref()
    }

    pub(super) fn at_mut(&mut self, place: u16) -> Option<&mut M> {
        self.places.get_mut(usize::from(place))?.as_mut()
    }

    /// Adds a member at the first free place, or puts it in the place of the one with its id.
    pub(super) fn insert(&mut self, id: Name, member: M) -> u16 {
        let free = |places: &[Option<M>]| places.iter().position(Option::is_none);
        let known = self.place(&id).map(usize::from);
        let place = known.or_else(|| free(&self.places)).unwrap_or(self.places.len());
        if place == self.places.len() {
            self.places.push(None);
        }
        self.places[place] = Some(member);
        self.by_id.insert(id, place as u16);
        place as u16
    }

    pub(super) fn remove(&mut self, id: &Name) -> Option<(u16, M)> {
        let place = self.by_id.remove(id)?;
        Some((place, self.places.get_mut(usize::from(place))?.take()?))
    }

    /// Gives the member with the id `old` the id `new`. It keeps its place.
    pub(super) fn rename(&mut self, old: &Name, new: Name) {
        if let Some(place) = self.by_id.remove(old) {
            self.by_id.insert(new, place);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u16, &M)> {
        (0..).zip(&self.places).filter_map(|(place, member)| Some((place, member.as_ref()?)))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u16, &mut M)> {
        (0..).zip(&mut self.places).filter_map(|(place, member)| Some((place, member.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_member_has_left() {
        let mut roster = Roster::default();
        let places = ["a", "b", "c"].map(|id| roster.insert(id.into(), id));
        assert_eq!(places, [0, 1, 2]);
        assert_eq!(roster.remove(&"b".into()), Some((1, "b")));
        assert_eq!(roster.insert("d".into(), "d"), 1);
        roster.rename(&"d".into(), "e".into());
        assert_eq!((roster.get(&"d".into()), roster.place(&"e".into())), (None, Some(1)));
        assert_eq!(roster.iter().map(|(_, id)| *id).collect::<String>(), "adc");
    }
}
