//! Everything that can happen: the moves of a world.

use super::node::Talk;
use super::time::Span;

/// A participant: an index into the nodes of a world.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index of this node.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One direction of a connection. It keeps order, as TCP does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who sends on it.
    pub from: NodeId,
    /// Who receives from it.
    pub to: NodeId,
}

/// One atomic move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Step<T: Talk> {
    /// The first packet of a link reaches its receiver.
    Deliver(Link),
    /// A timer of a node goes off.
    Fire(NodeId, T::Timer),
    /// Something that no node asked for.
    Fault(Fault<T>),
}

/// What goes wrong, is put right, or is done by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault<T: Talk> {
    /// The process dies at once (`kill -9`): memory is gone, the page cache is not, and the
    /// operating system closes its connections, so that peers notice.
    Kill(NodeId),
    /// The machine loses power: memory and page cache are gone and nobody is told.
    PowerLoss(NodeId),
    /// An orderly stop: the node is told first and saves what it wants to save.
    Stop(NodeId),
    /// A node that is down starts again from what survived.
    Restart(NodeId),
    /// The process stands still (a long collection, a frozen machine); what reaches it waits.
    Pause(NodeId),
    /// A paused node goes on.
    Resume(NodeId),
    /// Everything this node does takes `percent` of its usual time from now on (100 is normal).
    Slow(NodeId, u32),
    /// Nothing passes on this link any more; what is sent waits, as TCP retransmits.
    Cut(Link),
    /// The link carries packets again.
    Heal(Link),
    /// The connection between two nodes is reset: what is under way is lost, both are told.
    Break(NodeId, NodeId),
    /// An operator, or the world outside, tells a node something.
    Order(NodeId, T::Order),
}

/// How a node went down, hence what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loss {
    /// An orderly stop: only what exists in memory alone is lost.
    Graceful,
    /// The process was killed: what was written, even unsynced, survives.
    Process,
    /// The power went: only what was synced survives.
    Power,
}

/// Whether a node works, and if not, why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It works.
    #[default]
    Up,
    /// It stands still.
    Paused,
    /// Its process is dead, its machine refuses connections.
    Dead,
    /// Its machine is off and says nothing.
    Off,
}

/// A step that a setup plans: at a fixed time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Planned<T: Talk> {
    /// When, counted from the beginning.
    pub at: super::time::Time,
    /// What.
    pub fault: Fault<T>,
}

/// A step that a setup plans: when something has been seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Triggered<T: Talk> {
    /// What must have been seen.
    pub cue: T::Cue,
    /// How long after it.
    pub after: Span,
    /// What then happens; several faults happen in this order, each `after` its own delay.
    pub faults: Vec<(Span, Fault<T>)>,
}
