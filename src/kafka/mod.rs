//! Apache Kafka, and what its clients agree on with it.
//!
//! Each rule stands next to its source, with the version it was read in.
//!
//! Documentation of the original: <https://kafka.apache.org/documentation/>.

pub mod assign;
pub mod clients;
pub mod partition;
mod profile;
pub mod settings;
mod version;

pub use profile::{Metadata, Offer, Profile};
pub use version::{Version, Versions};
