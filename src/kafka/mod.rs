//! Apache Kafka, and what its clients agree on with it.
//!
//! Each rule stands next to its source, with the version it was read in.
//!
//! Documentation of the original: <https://kafka.apache.org/documentation/>.

pub mod assign;
mod broker;
pub mod clients;
pub mod config;
mod controller;
pub mod coordinate;
pub mod group;
pub mod log;
pub mod partition;
mod profile;
mod replica;
pub mod settings;
pub mod txn;
mod version;
mod view;

pub use broker::Broker;
pub use config::{ClusterConfig, TopicSpec};
pub use controller::Controller;
pub use profile::{Metadata, Offer, Profile};
pub use version::{Version, Versions};
pub use view::{GroupKind, GroupView, MemberView, ReplicaRole, ReplicaView, TxnView};
