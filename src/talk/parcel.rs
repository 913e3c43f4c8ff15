//! A message whose contents only nodes of one kind can read.

use std::any::Any;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What can be put into a [`Parcel`]; every plain value can.
trait Contents: Any + Debug + Send + Sync {
    fn same(&self, other: &dyn Any) -> bool;
    fn digest(&self, into: &mut dyn Hasher);
    fn as_any(&self) -> &dyn Any;
}

impl<T: Any + Debug + Eq + Hash + Send + Sync> Contents for T {
    fn same(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>() == Some(self)
    }
    fn digest(&self, mut into: &mut dyn Hasher) {
        self.hash(&mut into);
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What the nodes of a cluster say among themselves. Their words belong to the model of the broker;
/// here they are only carried, compared and hashed.
#[derive(Clone, Debug)]
pub struct Parcel(Arc<dyn Contents>);

impl Parcel {
    /// A parcel with these contents.
    pub fn new<T: Any + Debug + Eq + Hash + Send + Sync>(contents: T) -> Parcel {
        Parcel(Arc::new(contents))
    }

    /// The contents, if they are of this type.
    pub fn open<T: Any>(&self) -> Option<&T> {
        self.0.as_ref().as_any().downcast_ref()
    }
}

impl PartialEq for Parcel {
    fn eq(&self, other: &Parcel) -> bool {
        self.0.as_ref().same(other.0.as_ref().as_any())
    }
}

impl Eq for Parcel {}

impl Hash for Parcel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ref().digest(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parcels_are_equal_when_their_contents_are() {
        assert_eq!(Parcel::new(7_u8), Parcel::new(7_u8));
        assert_ne!(Parcel::new(7_u8), Parcel::new(8_u8));
        assert_ne!(Parcel::new(7_u8), Parcel::new(7_u16));
    }

    #[test]
    fn a_parcel_opens_for_the_type_that_is_in_it() {
        let parcel = Parcel::new("word");
        assert_eq!(parcel.open::<&str>(), Some(&"word"));
        assert_eq!(parcel.open::<u8>(), None);
    }
}
