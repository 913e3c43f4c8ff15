//! The setting that allowed a guarantee to be broken.

mod kafka;

use crate::check::{Breach, By, Class, How, Role};
use crate::kernel::run::Noted;
use crate::kernel::{History, NodeId};
use crate::report::narrate::Names;
use crate::scenario::Scenario;
use crate::talk::{Death, Fate, Gone, MessageId, Mq, Note, QueueId, Returned};

/// A setting of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its path, such as `consumer.worker.on_failure`.
    pub path: String,
    /// Line and column, counted from 1; `None` when the file does not say it.
    pub place: Option<(usize, usize)>,
    /// The line of the file, or else the option (`--set …`) that says it; `None` when it is a default.
    pub line: Option<String>,
}

/// The consumer that handled the message last before the breach.
fn handler_of(history: &History<Mq>, breach: &Breach) -> Option<NodeId> {
    let handled = |noted: &&Noted<Note>| {
        matches!(
            noted.note,
            Note::Received { .. }
                | Note::Started { .. }
                | Note::Failed { .. }
                | Note::Settled { .. }
                | Note::Effect { .. }
        )
    };
    before(history, breach).find(handled).map(|noted| noted.node)
}

fn producer_of(history: &History<Mq>, msg: Option<MessageId>) -> Option<NodeId> {
    let submits = |noted: &&Noted<Note>| matches!(noted.note, Note::Submitted { msg: its, .. } if Some(its) == msg);
    history.notes().iter().find(submits).map(|noted| noted.node)
}

/// The setting that allowed a breach.
pub(super) fn setting(
    scenario: &Scenario,
    names: &Names,
    history: &History<Mq>,
    breach: &Breach,
) -> Option<Setting> {
    let cast = names.cast();
    let group = |node: NodeId, role: Role| {
        cast.part(node).filter(|part| part.role == role).map(|part| part.group.to_string())
    };
    let own = |role| breach.node.and_then(|node| group(node, role));
    let consumer = |key: &str| {
        let who =
            own(Role::Consumer).or_else(|| group(handler_of(history, breach)?, Role::Consumer))?;
        Some(format!("consumer.{who}.{key}"))
    };
    let producer = |key: &str| {
        let who = own(Role::Producer)
            .or_else(|| group(producer_of(history, breach.msg)?, Role::Producer))?;
        Some(format!("producer.{who}.{key}"))
    };
    let queue = |key: &str| queue_path(names, breach.queue?, key);
    let path = match breach.how {
        How::LetGoBeforeEffect => let_go(scenario, names, history, breach),
        How::Retried | How::Deliveries(_) | How::Overtaken(_, By::Retry | By::Requeue) => {
            consumer("on_failure")
        }
        How::Resent | How::Overtaken(_, By::Resend) => {
            let refused =
                before(history, breach).any(|noted| matches!(noted.note, Note::Refused { .. }));
            producer(if refused { "on_nack" } else { "on_unknown" })
        }
        How::Redelivered(Returned::Timeout) => Some("rabbitmq.consumer_timeout".to_owned()),
        How::Redelivered(_) | How::AfterRestart | How::Resurrected
            if breach.class == Class::DuplicateEffect =>
        {
            consumer("handler")
        }
        How::Redelivered(_) | How::Overtaken(_, By::Crash) | How::Held { .. } => {
            consumer("prefetch")
        }
        How::Overtaken(_, By::Competition) => consumer("instances"),
        How::Unroutable => producer("mandatory"),
        How::BrokerStopped => unsafe_copy(scenario, names, history, breach),
        How::Discarded(_, Fate::NoDeadLetterExchange) | How::DeadLetterVanished => {
            queue("arguments.x-dead-letter-exchange")
        }
        How::Discarded(Death::Expired, _) | How::HealthyDied(Death::Expired) => {
            queue("arguments.x-message-ttl")
        }
        How::Discarded(Death::Maxlen, _) | How::HealthyDied(Death::Maxlen) => {
            queue("arguments.x-max-length")
        }
        How::Discarded(Death::DeliveryLimit, _) | How::HealthyDied(Death::DeliveryLimit) => {
            queue("arguments.x-delivery-limit")
        }
        How::Discarded(Death::QueueExpired, _) | How::QueueGone(Gone::Expired) => {
            queue("arguments.x-expires")
                .filter(|path| scenario.place(path).is_some())
                .or_else(|| consumer("retry"))
        }
        How::Discarded(..) | How::HealthyDied(_) | How::HealthyParked => consumer("on_failure"),
        How::Depth { .. } => producer("rate"),
        How::Calls { .. } => consumer("on_failure"),
        _ => kafka::path(scenario, names, history, breach),
    }?;
    let place = scenario.place(&path);
    let line = match place {
        Some((line, _)) => {
            scenario.source().text.lines().nth(line - 1).map(|it| it.trim().to_owned())
        }
        None => scenario.option(&path).map(|option| format!("--set {option}")),
    };
    Some(Setting { path, place, line })
}

fn queue_path(names: &Names, queue: QueueId, key: &str) -> Option<String> {
    Some(format!("rabbitmq.queue.{}.{key}", names.queue(queue)))
}

/// The notes about the message of a breach up to then, latest first.
fn before<'a>(
    history: &'a History<Mq>,
    breach: &Breach,
) -> impl Iterator<Item = &'a Noted<Note>> + use<'a> {
    let (msg, upto) =
        (breach.msg, history.notes().partition_point(|noted| noted.step <= breach.step));
    history.notes()[..upto].iter().rev().filter(move |noted| noted.note.msg() == msg)
}

/// What made a consumer answer for a message that had not taken effect: a retry that acknowledges
/// first, or the way in which it acknowledges everything.
fn let_go(
    scenario: &Scenario,
    names: &Names,
    history: &History<Mq>,
    breach: &Breach,
) -> Option<String> {
    let handler = names.cast().part(handler_of(history, breach)?)?;
    let group = &handler.group;
    let retries = scenario.tree().tables("consumer").any(|consumer| {
        consumer.name() == group.as_str() && consumer.text("on_failure") == Some("retry")
    });
    let failed = before(history, breach).any(|noted| matches!(noted.note, Note::Failed { .. }));
    let key = if retries && failed { "retry.order" } else { "ack" };
    Some(format!("consumer.{group}.{key}"))
}

/// What left a copy where a broker could lose it: how it came into its queue, and what that queue
/// does for it.
fn unsafe_copy(
    scenario: &Scenario,
    names: &Names,
    history: &History<Mq>,
    breach: &Breach,
) -> Option<String> {
    let queue = breach.queue?;
    let (copy, from) = before(history, breach).find_map(|noted| match noted.note {
        Note::Enqueued { copy, queue: into, from, .. } if into == queue => Some((copy, from)),
        _ => None,
    })?;
    if let Some(source) = from {
        return queue_path(names, source, "arguments.x-dead-letter-strategy");
    }
    let publisher = before(history, breach).find_map(|noted| match noted.note {
        Note::Published { copy: its, .. } if its == copy => names.cast().part(noted.node),
        _ => None,
    })?;
    let group = &publisher.group;
    if scenario.place(&format!("kafka.consumer.{group}")).is_some() {
        return Some(format!("kafka.consumer.{group}.publish.wait_for_confirm"));
    }
    if publisher.role == Role::Consumer {
        return Some(format!("consumer.{group}.retry.wait_for_confirm"));
    }
    let tree = scenario.tree();
    let name = names.queue(queue);
    let mut queues = tree.table("rabbitmq").into_iter().flat_map(|it| it.tables("queue"));
    if queues.any(|table| table.name() == name && !table.flag("durable")) {
        return queue_path(names, queue, "durable");
    }
    let mut shares = tree
        .tables("producer")
        .filter(|producer| producer.name() == group.as_str())
        .flat_map(|producer| producer.tables("publish"));
    if shares.any(|share| !share.flag("persistent")) {
        return Some(format!("producer.{group}.publish.persistent"));
    }
    queue_path(names, queue, "type")
}
