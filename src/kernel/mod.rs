//! The engine: worlds, steps and time. It knows nothing of queues.
//!
//! A [`World`] is plain data: nodes, what is under way between them, and armed timers. It says
//! which [`Step`]s are possible and performs one. A [`Timeline`] is a world with a clock, and a
//! [`Run`] a timeline that was recorded so that one can walk about in it. Models implement
//! [`Node`]; whoever wants to know what happens implements [`Watch`].

mod agenda;
mod alarms;
pub mod chance;
mod ground;
pub mod hash;
pub mod monitor;
pub mod node;
pub mod run;
pub mod step;
pub mod time;
pub mod timeline;
mod untimed;
mod wires;
pub mod world;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod toy;

pub use chance::{Chance, Dist, Site, Stream, below, mix};
pub use hash::{Mixer, RunHash};
pub use monitor::{Monitor, Seen, StepNo, Taken, Verdict, Watch};
pub use node::{Choose, Collected, Ctx, Effect, Fact, Input, Node, Outlet, Talk};
pub use run::{History, Run};
pub use step::{Fault, Health, Link, Loss, NodeId, Planned, Step, Triggered};
pub use time::{Span, SpanError, Time};
pub use timeline::{Clock, Setup, Timeline};
pub use untimed::Untimed;
pub use world::{MsgOf, NoteOf, Pace, TimerOf, Words, World};
