//! One row of the story as a diagram shows it: where it happens, where it came from, its sign and
//! a few words.

pub(super) mod kafka;

pub(super) use crate::report::cause::struck;

use crate::check::Role as Part;
use crate::kernel::run::Noted;
use crate::kernel::{Fault, History, NodeId, Step, StepNo};
use crate::talk::{Fate, MessageId, Mq, Note, RabbitTimer, Returned, Settle, Timer};
use crate::tui::glyph::State;
use crate::tui::index::{Index, Row};
use crate::tui::packets::Weight;
use crate::tui::stage::{Entity, Stage, queue_of};

/// One row of a diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    /// Where it happens.
    pub at: Entity,
    /// What it is there.
    pub state: State,
    /// Where what arrived came from, and what it was there.
    pub from: Option<(Entity, State)>,
    /// A few words, without the names of the places.
    pub label: String,
    /// What may be said besides, where there is room.
    pub tail: String,
    /// Which message it is about.
    pub msg: Option<MessageId>,
}

/// Draws a row. `None` for the beginning, where nothing has happened.
pub(super) fn sketch(
    history: &History<Mq>,
    index: &Index,
    stage: &Stage,
    row: Row,
) -> Option<Sketch> {
    match row.note() {
        Some(place) => of_note(history, index, stage, place),
        None => of_step(history, index, stage, row.step()),
    }
}

fn of_step(history: &History<Mq>, index: &Index, stage: &Stage, no: StepNo) -> Option<Sketch> {
    let taken = history.step(no)?;
    let plain = |at, state, label: String| Sketch {
        at,
        state,
        from: None,
        label,
        tail: String::new(),
        msg: None,
    };
    Some(match &taken.step {
        Step::Deliver(link) if let Some(packet) = index.packets().get(no) => {
            let state = if packet.code.is_some() { State::Notice } else { State::Step };
            let tail = match packet.at {
                Some((at, 0)) => stage.names().cast().partition(at),
                Some((at, more)) => format!("{} +{more}", stage.names().cast().partition(at)),
                None => String::new(),
            };
            Sketch {
                from: Some((stage.lane(link.from), State::Step)),
                tail,
                ..plain(stage.lane(link.to), state, packet.label())
            }
        }
        Step::Deliver(link) => Sketch {
            from: Some((stage.lane(link.from), State::Step)),
            ..plain(stage.lane(link.to), State::Step, "frame".to_owned())
        },
        Step::Fire(id, timer) => {
            plain(stage.lane(*id), State::Step, timer_words(*timer).to_owned())
        }
        Step::Fault(fault) => {
            let (state, words) = fault_words(fault, stage);
            let at = struck(fault).first().copied().unwrap_or_default();
            plain(stage.lane(at), state, words)
        }
    })
}

/// What a timer is for, in two words.
pub(super) const fn timer_words(timer: Timer) -> &'static str {
    use crate::talk::ClientTimer;
    match timer {
        Timer::Rabbit(RabbitTimer::Flush(_)) => "flush",
        Timer::Rabbit(RabbitTimer::Expire(_)) => "expiry",
        Timer::Rabbit(RabbitTimer::Lease(_)) => "queue lease",
        Timer::Rabbit(RabbitTimer::QuorumTick(_) | RabbitTimer::ChannelTick) => "tick",
        Timer::Rabbit(RabbitTimer::Heartbeat(_)) | Timer::Client(ClientTimer::Heartbeat) => {
            "heartbeat"
        }
        Timer::Rabbit(RabbitTimer::DeadLetterRetry(_)) => "dead letter retry",
        Timer::Client(ClientTimer::Send) => "send timer",
        Timer::Client(ClientTimer::ConfirmTimeout(_)) => "confirm timeout",
        Timer::Client(ClientTimer::Handler(_)) => "handler timer",
        Timer::Client(ClientTimer::Reconnect) => "reconnect timer",
        _ => "timer",
    }
}

fn fault_words(fault: &Fault<Mq>, stage: &Stage) -> (State, String) {
    use crate::talk::Order;
    let name = |id: NodeId| stage.name(Entity::Node(id)).to_owned();
    match fault {
        Fault::Kill(_) => (State::Crash, "CRASH".to_owned()),
        Fault::PowerLoss(_) => (State::Crash, "POWER LOSS".to_owned()),
        Fault::Stop(_) => (State::Crash, "stop".to_owned()),
        Fault::Restart(_) => (State::Step, "restart".to_owned()),
        Fault::Pause(_) => (State::Notice, "pause".to_owned()),
        Fault::Resume(_) => (State::Step, "resume".to_owned()),
        Fault::Slow(_, percent) if *percent <= 100 => (State::Step, "full speed".to_owned()),
        Fault::Slow(_, percent) => (State::Notice, format!("slow {percent} %")),
        Fault::Cut(link) => (State::Notice, format!("cut off {}", name(link.to))),
        Fault::Heal(link) => (State::Step, format!("link to {} up", name(link.to))),
        Fault::Break(_, b) => (State::Notice, format!("reset {}", name(*b))),
        Fault::Order(_, order) => match order {
            Order::Alarm(true) => (State::Notice, "alarm".to_owned()),
            Order::Alarm(false) => (State::Step, "alarm over".to_owned()),
            Order::Outage(true) => (State::Notice, "outage".to_owned()),
            Order::Outage(false) => (State::Step, "outage over".to_owned()),
            Order::Join => (State::Step, "join".to_owned()),
            Order::Leave => (State::Notice, "leave".to_owned()),
            Order::Kafka(order) => (State::Notice, kafka::order(*order).to_owned()),
            _ => (State::Notice, "order".to_owned()),
        },
    }
}

fn of_note(history: &History<Mq>, index: &Index, stage: &Stage, place: usize) -> Option<Sketch> {
    let noted = history.notes().get(place)?;
    let taken = history.step(noted.step);
    let msg = noted.note.msg();
    let at = stage.place(noted.node, &noted.note);
    if stage.is_kafka(noted.node) && !matches!(at, Entity::Service(_)) {
        return Some(of_kafka(history, index, stage, place, noted));
    }
    let (state, label) = words(history, index, stage, place);
    let sent = || match taken.map(|taken| (&taken.step, taken.cause)) {
        _ if matches!(at, Entity::Service(_)) => Some((Entity::Node(noted.node), State::Effect)),
        Some((Step::Deliver(link), cause)) if link.to == noted.node && arrives(&noted.note) => {
            Some(origin(history, stage, link.from, cause, &noted.note))
        }
        Some((Step::Fire(_, Timer::Service(_)), _)) => {
            call_of(history, noted.step).map(|(caller, _)| (stage.lane(caller), State::Effect))
        }
        _ => None,
    };
    let from = dead_letter(&noted.note)
        .or_else(|| if returned_by_loss(&noted.note) { None } else { sent() });
    let again = match noted.note {
        Note::Received { redelivered: true, .. } => "redelivered",
        Note::Started { msg, .. } if delivery_number(history, index, msg, place) > 1 => "again",
        _ => "",
    };
    let from = from.filter(|(from, _)| *from != at);
    Some(Sketch { at, state, from, label, tail: again.to_owned(), msg })
}

/// A note of one of Kafka's nodes. The first one of a step stands for the packet that arrived in it,
/// and has its arrow; a note that goes for several messages says so.
fn of_kafka(
    history: &History<Mq>,
    index: &Index,
    stage: &Stage,
    place: usize,
    noted: &Noted<Note>,
) -> Sketch {
    let at = stage.lane(noted.node);
    let msg = noted.note.msg();
    let (state, mut label, mut tail) = match &noted.note {
        Note::Kafka(note) => kafka::words(stage, note),
        Note::Started { msg, attempt } => {
            (State::Unacked, format!("handle {msg}"), again(*attempt))
        }
        Note::Confirmed { msg } => (State::Confirmed, format!("ack {msg}"), String::new()),
        Note::Unknown { msg } => (State::Unknown, format!("{msg} unknown"), String::new()),
        _ => {
            let (state, label) = words(history, index, stage, place);
            (state, label, String::new())
        }
    };
    let more = index.folded_after(place);
    if more > 0 {
        label.push_str(&format!(" +{more}"));
    }
    let packet = index.packets().get(noted.step);
    let arrived = index.begins_step(noted.step, place).then(|| history.step(noted.step)).flatten();
    let from = match arrived.map(|taken| &taken.step) {
        Some(Step::Deliver(link))
            if arrives(&noted.note) && kafka::is_told(&noted.note, packet) =>
        {
            Some(stage.lane(link.from))
        }
        _ => None,
    };
    if let (Some(_), Note::Kafka(note)) = (from, &noted.note)
        && kafka::wants_packet(note)
        && let Some(packet) = packet.filter(|it| it.weight == Weight::Telling)
    {
        tail = if tail.is_empty() { label } else { format!("{label}, {tail}") };
        label = packet.label();
    }
    if from.is_none() {
        // it came with an earlier packet
        label = label.replace("Produce ", "append ").replace("Fetch ", "poll ");
    }
    let sent = match noted.note {
        Note::Confirmed { .. } => State::Confirmed,
        _ => State::Step,
    };
    let from = from.filter(|from| *from != at).map(|from| (from, sent));
    Sketch { at, state, from, label, tail, msg }
}

/// Which attempt it is, unless it is the first.
fn again(attempt: u16) -> String {
    if attempt > 1 { format!("attempt {attempt}") } else { String::new() }
}

/// Who made the call that a service finishes in a step, and in which step.
pub(super) fn call_of(history: &History<Mq>, no: StepNo) -> Option<(NodeId, StepNo)> {
    let served = history.step(history.step(no)?.cause)?;
    match &served.step {
        Step::Deliver(link) => Some((link.from, served.cause)),
        _ => None,
    }
}

/// Whether a note tells of the very thing that was delivered in its step.
const fn arrives(note: &Note) -> bool {
    !matches!(
        note,
        Note::Pushed { .. }
            | Note::Submitted { .. }
            | Note::Published { .. }
            | Note::Settled { .. }
            | Note::Called { .. }
            | Note::Blocked { .. }
            | Note::Unblocked { .. }
            | Note::Connected { .. }
            | Note::QueueDeclared { .. }
    )
}

/// Where a packet came from: the queue that pushed or confirmed, or the node as a whole.
fn origin(
    history: &History<Mq>,
    stage: &Stage,
    node: NodeId,
    cause: StepNo,
    arrived: &Note,
) -> (Entity, State) {
    let node_lane = stage.lane(node);
    if stage.part(node) != Some(Part::Broker) {
        return (node_lane, State::Step);
    }
    let state = match arrived {
        Note::Received { .. } | Note::Started { .. } => State::Unacked,
        Note::Confirmed { .. } => State::Confirmed,
        _ => State::Step,
    };
    let about = |noted: &&Noted<Note>| {
        let pushed = matches!(noted.note, Note::Pushed { .. });
        noted.node == node
            && noted.note.msg() == arrived.msg()
            && pushed == (state == State::Unacked)
    };
    let told = history.notes_of(cause).iter().find(about);
    let told = told.and_then(|noted| Some((Entity::Queue(queue_of(&noted.note)?), state)));
    let flushed = || match history.step(cause).map(|taken| &taken.step) {
        Some(Step::Fire(_, Timer::Rabbit(RabbitTimer::Flush(queue)))) => {
            Some((Entity::Queue(*queue), state))
        }
        _ => None,
    };
    told.or_else(flushed).unwrap_or((node_lane, state))
}

/// Whether a message came back because something ended, and not because somebody sent it back.
const fn returned_by_loss(note: &Note) -> bool {
    matches!(
        note,
        Note::Requeued { why: Returned::Channel | Returned::Connection | Returned::Timeout, .. }
    )
}

/// A message that a queue dead-letters arrives in another queue in the same step.
fn dead_letter(note: &Note) -> Option<(Entity, State)> {
    match *note {
        Note::Enqueued { from: Some(from), .. } => Some((Entity::Queue(from), State::Discarded)),
        _ => None,
    }
}

/// How often a message was handed out up to a note.
pub(super) fn delivery_number(
    history: &History<Mq>,
    index: &Index,
    msg: MessageId,
    upto: usize,
) -> usize {
    let notes = history.notes();
    index
        .message(msg)
        .iter()
        .filter_map(|row| row.note())
        .take_while(|&place| place <= upto)
        .filter(|&place| matches!(notes[place].note, Note::Pushed { .. }))
        .count()
}

fn words(history: &History<Mq>, index: &Index, stage: &Stage, place: usize) -> (State, String) {
    let noted = &history.notes()[place];
    let name = |id: NodeId| stage.name(Entity::Node(id));
    let again = |copy: u16| if copy == 0 { "" } else { " again" };
    match &noted.note {
        Note::Submitted { msg, .. } => (State::Step, format!("submit {msg}")),
        Note::Published { msg, copy } => (State::Step, format!("publish {msg}{}", again(*copy))),
        Note::Confirmed { msg } => (State::Confirmed, format!("confirm {msg}")),
        Note::Refused { msg } => (State::Lost, format!("refuse {msg}")),
        Note::Returned { msg } => (State::Notice, format!("return {msg}")),
        Note::Unknown { msg } => (State::Unknown, format!("{msg} unknown")),
        Note::GaveUp { msg } => (State::Lost, format!("give up {msg}")),
        Note::QueueGone { .. } => (State::Lost, "queue gone".to_owned()),
        Note::Unroutable { msg, .. } => (State::Lost, format!("{msg} no route")),
        Note::Enqueued { msg, copy, .. } => (State::Ready, format!("{msg}{}", again(*copy))),
        Note::Overflowed { msg, .. } => (State::Lost, format!("{msg} refused")),
        Note::Pushed { msg, to, .. } => (State::Unacked, format!("{msg} to {}", name(*to))),
        Note::Acked { msg, .. } => (State::Acked, format!("ack {msg}")),
        Note::Requeued { msg, .. } => (State::Ready, format!("requeue {msg}")),
        Note::Discarded { msg, why, then, .. } => {
            let why = why.reason().unwrap_or("dropped").replace('_', " ");
            let state = if *then == Fate::DeadLettered { State::Discarded } else { State::Lost };
            (state, format!("{msg} {why}"))
        }
        Note::Lost { msg, .. } => (State::Lost, format!("lost {msg}")),
        Note::Recovered { msg, resurrected: false, .. } => (State::Ready, format!("{msg} back")),
        Note::Recovered { msg, resurrected: true, .. } => {
            (State::Ready, format!("{msg} back, ack lost"))
        }
        Note::ChannelClosed { code, .. } => (State::Notice, format!("channel closed {code}")),
        Note::ConnectionClosed { peer, .. } => (State::Notice, format!("closed {}", name(*peer))),
        Note::Blocked { peer } => (State::Notice, format!("block {}", name(*peer))),
        Note::Unblocked { peer } => (State::Step, format!("unblock {}", name(*peer))),
        Note::Received { msg, .. } | Note::Started { msg, .. } => {
            (State::Step, format!("{msg} d{}", delivery_number(history, index, *msg, place)))
        }
        Note::Failed { msg, .. } => (State::Notice, format!("{msg} failed")),
        Note::Died { msg } => (State::Crash, format!("{msg} kills it")),
        Note::Called { msg, .. } => (State::Effect, format!("call {msg}")),
        Note::Effect { msg, .. } => (State::Effect, format!("effect {msg}")),
        Note::Deduplicated { msg, .. } => (State::Step, format!("{msg} known")),
        Note::CallFailed { msg, .. } => (State::Notice, format!("{msg} call failed")),
        Note::Settled { msg, how } => {
            let how = match how {
                Settle::Ack => "ack",
                Settle::NackRequeue => "nack requeue",
                Settle::NackDiscard => "nack",
                Settle::RejectRequeue => "reject requeue",
                Settle::RejectDiscard => "reject",
            };
            (State::Step, format!("{how} {msg}"))
        }
        Note::Retried { msg, attempt } => (State::Step, format!("retry {msg} #{attempt}")),
        Note::Parked { msg } => (State::Notice, format!("park {msg}")),
        Note::Connected { to } => (State::Step, format!("connect {}", name(*to))),
        Note::Disconnected { from } => (State::Notice, format!("lost {}", name(*from))),
        // what is left says enough by its name
        other => (State::Step, other.kind().replace('-', " ")),
    }
}
