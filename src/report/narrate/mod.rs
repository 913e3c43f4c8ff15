//! Steps and notes as sentences.

mod kafka;

pub use kafka::{alike, is_own};

use crate::check::Cast;
use crate::kernel::run::Noted;
use crate::kernel::{Fault, History, NodeId, Step, StepNo, Taken};
use crate::talk::{
    ClientTimer, Death, Failure, Fate, Gone, Mq, Name, Note, Order, QueueId, RabbitTimer, Returned,
    Settle, Timer,
};

/// The names that sentences use: of nodes and services from the scenario, of queues from the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    cast: Cast,
    queues: Vec<Option<Name>>,
}

impl Names {
    /// The names for a recorded run.
    pub fn new(cast: Cast, history: &History<Mq>) -> Names {
        let mut names = Names { cast, queues: Vec::new() };
        for noted in history.notes() {
            names.learn(&noted.note);
        }
        names
    }

    /// Learns the name of a queue when a note tells it.
    pub fn learn(&mut self, note: &Note) {
        if let Note::QueueDeclared { queue, name } = note {
            if self.queues.len() <= queue.index() {
                self.queues.resize(queue.index() + 1, None);
            }
            self.queues[queue.index()] = Some(name.clone());
        }
    }

    /// Who is who.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> String {
        self.cast.name(node)
    }

    /// The name of a queue, or its number when it was never declared.
    pub fn queue(&self, queue: QueueId) -> String {
        match self.queues.get(queue.index()) {
            Some(Some(name)) => name.to_string(),
            _ => format!("queue {}", queue.0),
        }
    }

    /// The queue with this name.
    pub fn queue_named(&self, name: &str) -> Option<QueueId> {
        let at = self.queues.iter().position(|it| it.as_ref().is_some_and(|it| it == name))?;
        Some(QueueId(u16::try_from(at).ok()?))
    }
}

/// A note as a sentence, without its time: `worker-1 received m7 (redelivered)`.
pub fn note(names: &Names, noted: &Noted<Note>) -> String {
    format!("{} {}", names.node(noted.node), predicate(names, &noted.note))
}

/// What a note says of the node that made it: `received m7 (redelivered)`.
pub fn predicate(names: &Names, note: &Note) -> String {
    let queue = |id: QueueId| names.queue(id);
    let node = |id: NodeId| names.node(id);
    let service = |id: u16| names.cast.service(id);
    match *note {
        Note::Submitted { msg, key: 0 } => format!("submitted {msg}"),
        Note::Submitted { msg, key } => format!("submitted {msg} about key {key}"),
        Note::Published { msg, copy: 0 } => format!("published {msg}"),
        Note::Published { msg, copy } => format!("published {msg} again (copy {copy})"),
        Note::Confirmed { msg } => format!("was told that {msg} is safe (confirmed)"),
        Note::Refused { msg } => format!("was told that {msg} was refused (nack)"),
        Note::Returned { msg } => format!("got {msg} back: no queue for it"),
        Note::Unknown { msg } => format!("cannot know what became of {msg}"),
        Note::GaveUp { msg } => format!("gave up on {msg}"),
        Note::QueueDeclared { ref name, .. } => format!("has the queue {name}"),
        Note::QueueGone { queue: id, why } => format!("no longer has {}: {}", queue(id), gone(why)),
        Note::Unroutable { msg, .. } => format!("found no queue for {msg}"),
        Note::Enqueued { msg, queue: id, from: None, .. } => {
            format!("stored {msg} in {}", queue(id))
        }
        Note::Enqueued { msg, queue: id, from: Some(from), .. } => {
            format!("stored {msg} in {}, dead-lettered from {}", queue(id), queue(from))
        }
        Note::Overflowed { msg, queue: id } => format!("refused {msg}: {} is full", queue(id)),
        Note::Pushed { msg, queue: id, to, redelivered, no_ack } => format!(
            "pushed {msg} from {} to {}{}{}",
            queue(id),
            node(to),
            if redelivered { " (redelivered)" } else { "" },
            if no_ack { ", and let go of it" } else { "" },
        ),
        Note::Acked { msg, queue: id } => format!("removed {msg} from {}: acknowledged", queue(id)),
        Note::Requeued { msg, queue: id, why } => {
            format!("put {msg} back into {}: {}", queue(id), returned(why))
        }
        Note::Dying { msg, queue: id, why } => {
            format!("keeps {msg} of {} until it is dead-lettered: {}", queue(id), death(why))
        }
        Note::Discarded { msg, queue: id, why, then } => {
            format!("discarded {msg} from {}: {}, {}", queue(id), death(why), fate(then))
        }
        Note::Lost { msg, queue: id } => format!("lost {msg} of {}", queue(id)),
        Note::Recovered { msg, queue: id, resurrected: false } => {
            format!("has {msg} in {} again", queue(id))
        }
        Note::Recovered { msg, queue: id, resurrected: true } => {
            format!("has {msg} in {} again, although it was acknowledged", queue(id))
        }
        Note::Subscribed { peer, queue: id } => {
            format!("has {} as a consumer of {}", node(peer), queue(id))
        }
        Note::Unsubscribed { peer, queue: id } => {
            format!("no longer has {} as a consumer of {}", node(peer), queue(id))
        }
        Note::ChannelClosed { peer, code } => {
            format!("closed a channel of {} with {code}", node(peer))
        }
        Note::ConnectionClosed { peer, code: 0 } => {
            format!("found the connection of {} gone", node(peer))
        }
        Note::ConnectionClosed { peer, code } => {
            format!("closed the connection of {} with {code}", node(peer))
        }
        Note::Blocked { peer } => format!("blocked {}", node(peer)),
        Note::Unblocked { peer } => format!("unblocked {}", node(peer)),
        Note::Elected { queue: id, term } => format!("leads {} in term {term}", queue(id)),
        Note::Received { msg, redelivered, deaths } => match (redelivered, deaths) {
            (false, 0) => format!("received {msg}"),
            (true, 0) => format!("received {msg} (redelivered)"),
            (false, n) => format!("received {msg} (x-death {n})"),
            (true, n) => format!("received {msg} (redelivered, x-death {n})"),
        },
        Note::Started { msg, attempt } => format!("began to handle {msg}, attempt {attempt}"),
        Note::Failed { msg, attempt, why } => {
            format!("failed to handle {msg}, attempt {attempt}: {}", failure(why))
        }
        Note::Died { msg } => format!("died over {msg}"),
        Note::Called { msg, service: id } => format!("called {} for {msg}", service(id)),
        Note::Effect { msg, service: id } => format!("{} took effect at {}", msg, service(id)),
        Note::Deduplicated { msg, service: id } => {
            format!("recognised {msg} at {} as a repetition", service(id))
        }
        Note::CallFailed { msg, service: id } => {
            format!("failed a call of {} for {msg}", service(id))
        }
        Note::Settled { msg, how } => format!("sent {} for {msg}", settle(how)),
        Note::Retried { msg, attempt } => format!("published {msg} for attempt {attempt}"),
        Note::Parked { msg } => format!("parked {msg}"),
        Note::Replied { msg } => format!("sent the answer to {msg}"),
        Note::Answered { msg, late: false } => format!("got the answer to {msg}"),
        Note::Answered { msg, late: true } => {
            format!("got the answer to {msg} after it had stopped waiting")
        }
        Note::Connected { to } => format!("connected to {}", node(to)),
        Note::Disconnected { from } => format!("lost its connection to {}", node(from)),
        Note::Kafka(note) => kafka::predicate(names.cast(), note),
    }
}

/// A step as a sentence, without its time. What a packet said is told by the notes that it led to.
pub fn step(names: &Names, history: &History<Mq>, no: StepNo) -> String {
    let Some(taken) = history.step(no) else { return "the beginning".into() };
    let notes = kafka::telling(names.cast(), history.notes_of(no));
    let told = notes
        .iter()
        .take(3)
        .map(|(noted, more)| match more {
            0 => predicate(names, &noted.note),
            more => format!("{} (and {more} more)", predicate(names, &noted.note)),
        })
        .collect::<Vec<_>>()
        .join("; ");
    let more = match notes.len().saturating_sub(3) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let what = action(names, taken);
    if told.is_empty() { what } else { format!("{what}: {told}{more}") }
}

/// What moved in a step: `rabbit → worker-1`, `rabbit: a queue is flushed`, `kill worker-1`.
pub fn action(names: &Names, taken: &Taken<Mq>) -> String {
    match &taken.step {
        Step::Deliver(link) => format!("{} → {}", names.node(link.from), names.node(link.to)),
        Step::Fire(node, at) => format!("{}: {}", names.node(*node), timer(names, *at)),
        Step::Fault(what) => fault(names, what),
    }
}

/// A timer in words.
pub fn timer(names: &Names, timer: Timer) -> String {
    match timer {
        Timer::Rabbit(RabbitTimer::Flush(queue)) => format!("{} is flushed", names.queue(queue)),
        Timer::Rabbit(RabbitTimer::Expire(queue)) => {
            format!("the time to live of the head of {} is over", names.queue(queue))
        }
        Timer::Rabbit(RabbitTimer::Lease(queue)) => {
            format!("the lease of {} ends", names.queue(queue))
        }
        Timer::Rabbit(RabbitTimer::QuorumTick(queue)) => format!("tick of {}", names.queue(queue)),
        Timer::Rabbit(RabbitTimer::ChannelTick) => "tick of the channels".into(),
        Timer::Rabbit(RabbitTimer::ClusterSync) => "its log is synced".into(),
        Timer::Rabbit(RabbitTimer::ClusterElection) => "calls an election".into(),
        Timer::Rabbit(RabbitTimer::ClusterTick) => "tells the cluster that it is there".into(),
        Timer::Rabbit(RabbitTimer::Heartbeat(peer)) => format!("heartbeat of {}", names.node(peer)),
        Timer::Rabbit(RabbitTimer::DeadLetterRetry(queue)) => {
            format!("{} tries its dead letters again", names.queue(queue))
        }
        Timer::Client(ClientTimer::Send) => "the next message is due".into(),
        Timer::Client(ClientTimer::ConfirmTimeout(tag)) => format!("no answer for publish {tag}"),
        Timer::Client(ClientTimer::Handler(_)) => "its handler goes on".into(),
        Timer::Client(ClientTimer::Reconnect) => "connects again".into(),
        Timer::Client(ClientTimer::Resend) => "sends again what was refused or returned".into(),
        Timer::Client(ClientTimer::ReplyTimeout(request)) => {
            format!("no answer to request {request}")
        }
        Timer::Client(ClientTimer::ConnectTimeout) => "no answer from the broker".into(),
        Timer::Client(ClientTimer::Respawn) => "its supervisor starts it again".into(),
        Timer::Client(ClientTimer::Heartbeat) => "heartbeat".into(),
        Timer::Service(_) => "answers a call".into(),
        Timer::Kafka(timer) => kafka::timer(names.cast(), timer),
        Timer::KafkaClient(timer) => kafka::client_timer(names.cast(), timer),
    }
}

/// A fault in words.
pub fn fault(names: &Names, fault: &Fault<Mq>) -> String {
    let node = |id: &NodeId| names.node(*id);
    match fault {
        Fault::Kill(id) => format!("{} is killed", node(id)),
        Fault::PowerLoss(id) => format!("{} loses power", node(id)),
        Fault::Stop(id) => format!("{} is stopped", node(id)),
        Fault::Restart(id) => format!("{} starts again", node(id)),
        Fault::Pause(id) => format!("{} stands still", node(id)),
        Fault::Resume(id) => format!("{} goes on", node(id)),
        Fault::Slow(id, 100) => format!("{} has its usual speed again", node(id)),
        Fault::Slow(id, percent) => format!("{} takes {percent} % of its usual time", node(id)),
        Fault::Cut(link) => {
            format!("nothing passes from {} to {}", node(&link.from), node(&link.to))
        }
        Fault::Heal(link) => {
            format!("packets pass from {} to {} again", node(&link.from), node(&link.to))
        }
        Fault::Break(a, b) => format!("the connection of {} and {} is reset", node(a), node(b)),
        Fault::Order(id, Order::Alarm(true)) => {
            format!("{} raises a memory or disk alarm", node(id))
        }
        Fault::Order(id, Order::Alarm(false)) => format!("{} clears its alarm", node(id)),
        Fault::Order(id, Order::Policy(policy)) => {
            format!("{} gets the policy {}", node(id), policy.name)
        }
        Fault::Order(id, Order::Outage(true)) => format!("{} is out", node(id)),
        Fault::Order(id, Order::Outage(false)) => format!("{} is back", node(id)),
        Fault::Order(id, Order::Kafka(order)) => kafka::order(names.cast(), *id, *order),
        Fault::Order(id, Order::Join) => format!("{} joins", node(id)),
        Fault::Order(id, Order::Leave) => format!("{} leaves", node(id)),
    }
}

/// How a queue ended, in words.
pub const fn gone(why: Gone) -> &'static str {
    match why {
        Gone::Deleted => "deleted",
        Gone::Expired => "unused for x-expires",
        Gone::Automatic => "nobody used it any more",
        Gone::Restart => "it was not durable",
    }
}

/// Why a message came back, in words.
pub const fn returned(why: Returned) -> &'static str {
    match why {
        Returned::Nack => "nack with requeue",
        Returned::Reject => "reject with requeue",
        Returned::Channel => "its channel was closed",
        Returned::Connection => "its connection was lost",
        Returned::Timeout => "the delivery acknowledgement timed out",
    }
}

/// Why a message left its queue, in words.
pub const fn death(why: Death) -> &'static str {
    match why {
        Death::Rejected => "rejected",
        Death::Expired => "expired",
        Death::Maxlen => "the queue was too long",
        Death::DeliveryLimit => "returned too often",
        Death::QueueDeleted => "the queue was deleted",
        Death::QueueExpired => "the queue was unused for x-expires",
        Death::Purged => "purged",
    }
}

/// What became of it then, in words.
pub const fn fate(then: Fate) -> &'static str {
    match then {
        Fate::DeadLettered => "dead-lettered",
        Fate::NoDeadLetterExchange => "no dead-letter exchange",
        Fate::Unroutable => "the dead-letter exchange has no queue for it",
        Fate::Cycle => "dead lettering would go round in a cycle",
        Fate::TargetFull => "the dead-letter queue is full",
    }
}

/// Why a handler failed, in words.
pub const fn failure(why: Failure) -> &'static str {
    match why {
        Failure::Poison => "poison",
        Failure::Flaky => "fails some times",
        Failure::Downstream => "the downstream service failed",
    }
}

/// What a consumer answered, by the protocol's name.
pub const fn settle(how: Settle) -> &'static str {
    match how {
        Settle::Ack => "ack",
        Settle::NackRequeue => "nack requeue=true",
        Settle::NackDiscard => "nack requeue=false",
        Settle::RejectRequeue => "reject requeue=true",
        Settle::RejectDiscard => "reject requeue=false",
    }
}
