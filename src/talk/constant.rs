//! What a node was told and never changes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// A part of a node's state that stays as it is for the whole run: its configuration. Clones share
/// it, and hashing leaves it out, since states that an exhaustive search compares differ in what
/// changes. Equality still looks at it.
pub struct Constant<T: ?Sized>(Arc<T>);

impl<T> Constant<T> {
    /// Never changes again.
    pub fn new(value: T) -> Constant<T> {
        Constant(Arc::new(value))
    }

    /// The value itself, for building another one from it.
    pub fn into_inner(self) -> T
    where
        T: Clone,
    {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> From<Vec<T>> for Constant<[T]> {
    fn from(values: Vec<T>) -> Constant<[T]> {
        Constant(values.into())
    }
}

impl<T> FromIterator<T> for Constant<[T]> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Constant<[T]> {
        Constant(values.into_iter().collect())
    }
}

impl<T: ?Sized> Deref for Constant<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: ?Sized> Clone for Constant<T> {
    fn clone(&self) -> Constant<T> {
        Constant(self.0.clone())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Constant<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + PartialEq> PartialEq for Constant<T> {
    fn eq(&self, other: &Constant<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T: ?Sized + Eq> Eq for Constant<T> {}

impl<T: ?Sized> Hash for Constant<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}
