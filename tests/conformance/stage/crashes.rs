//! Thousands of publishes or acknowledgements, and the end of the broker right after them.

use redeliver::kernel::Span;
use redeliver::talk::{MessageId, Method};

use super::{before, plain, subscription};
use crate::client::{Act, What};
use crate::recording::Recording;
use crate::script::{Script, span, time};

/// How long before a kill what is sent does not arrive any more.
const IN_THE_SOCKET: Span = Span::from_micros(50);

pub(super) fn prepare(recording: &Recording, script: &mut Script) -> Result<(), String> {
    for (at, step) in recording.steps.iter().enumerate() {
        match step.op.as_str() {
            "published" => published(recording, script, at)?,
            "ack all" => ack_all(recording, script, at)?,
            "tcp.drop" => dropped(recording, script, at),
            _ => {}
        }
    }
    Ok(())
}

/// `published {n, bytes, took_ms}`: persistent messages, as fast as the client could write them,
/// to the queue that it had declared. How many of them the broker had read from the socket when it
/// was killed varies; the recording tells how many it had confirmed and how many came back, so
/// the script lets just as many arrive in time.
fn published(recording: &Recording, script: &mut Script, at: usize) -> Result<(), String> {
    let step = &recording.steps[at];
    let actor = script.actor(&step.actor);
    let end = time(step.at_ms);
    let queue = script.declared(actor, end).ok_or("published, but to which queue?")?;
    let count = step.number("n").ok_or("published, but how many?")?;
    let bytes = u32::try_from(step.number("bytes").unwrap_or(100)).unwrap_or(u32::MAX);
    let kill = recording.steps[at..].iter().find(|step| step.op.starts_with("kill"));
    let report = recording
        .observed
        .iter()
        .find(|seen| seen.event == "recovered" && seen.text("queue") == queue.as_str());
    let recovered = report.and_then(|seen| seen.number("recovered")).unwrap_or(count);
    let confirmed =
        report.and_then(|seen| seen.number("confirmed")).map_or(recovered, |it| it.min(recovered));
    let confirms = recording.steps[..at]
        .iter()
        .any(|step| step.op == "confirm.select" && step.actor == recording.steps[at].actor);
    let costs = script.config.profile.costs;
    let flush =
        if is_quorum(recording, queue.as_str()) { costs.quorum_flush } else { costs.classic_flush };
    // arrived, written, and its confirm on the way
    let just_written = flush + Span::from_micros(150);
    // nothing makes the broker write what needs no confirm before it is idle
    let long_written = if confirms {
        Span::from_millis(5)
    } else {
        costs.classic_idle_flush + Span::from_millis(10)
    };
    let took = span(step.args.get("took_ms").and_then(serde_json::Value::as_f64).unwrap_or(1e3));
    let begin = before(end, took);
    for n in 1..=count {
        let paced = begin + Span::from_nanos(took.as_nanos() / count.max(1) * (n - 1));
        let when = match kill {
            Some(kill) if n > recovered => before(time(kill.at_ms), IN_THE_SOCKET),
            Some(kill) if n > confirmed && confirms => before(time(kill.at_ms), just_written),
            Some(kill) => paced.min(before(time(kill.at_ms), long_written)),
            None => paced,
        };
        let publication = plain(queue.as_str(), true, bytes);
        script.publish(actor, when, 1, false, &n.to_string(), publication);
    }
    if let Some(report) = report {
        script.looks.push(time(report.at_ms - 1.0));
    }
    Ok(())
}

/// What was sent longer ago than this before a connection was reset had been read by the broker.
const UNREAD: Span = Span::from_millis(50);

/// A client that published to one queue, read no confirm, and reset its connection right after. A
/// reset discards what the broker had not read from its socket, and how much that was varies (2 to
/// 50 of 50 arrived); a declaration that looked at the queue afterwards tells, if nobody took
/// anything out. The rest, always a suffix, is not published.
fn dropped(recording: &Recording, script: &mut Script, at: usize) {
    let step = &recording.steps[at];
    let Some(actor) = script.find(&step.actor) else { return };
    let end = time(step.at_ms);
    let mine: Vec<usize> = (0..script.sent.len())
        .filter(|n| script.sent[*n].actor == actor && script.sent[*n].at <= end)
        .collect();
    let Some(first) = mine.first() else { return };
    let to =
        |n: usize| (&script.sent[n].publication.exchange, &script.sent[n].publication.routing_key);
    let (exchange, queue) = to(*first);
    let confirmed = recording
        .observed
        .iter()
        .any(|seen| seen.actor == step.actor && seen.event.starts_with("confirm-"));
    if confirmed || !exchange.is_empty() || mine.iter().any(|n| to(*n) != (exchange, queue)) {
        return;
    }
    let look = recording.observed.iter().find(|seen| {
        seen.event == "declare-ok"
            && seen.at_ms > step.at_ms
            && seen.text("queue") == queue.as_str()
    });
    let Some(look) = look else { return };
    let taken = recording.observed.iter().any(|seen| {
        matches!(seen.event.as_str(), "deliver" | "get-ok")
            && seen.at_ms < look.at_ms
            && seen.text("routing_key") == queue.as_str()
    });
    let others = (0..script.sent.len())
        .filter(|n| !mine.contains(n) && script.sent[*n].at <= end && to(*n) == (exchange, queue))
        .count();
    let ready = look.number("ready").and_then(|it| usize::try_from(it).ok());
    let arrived = match ready {
        Some(ready) if !taken && ready >= others => ready - others,
        _ => return,
    };
    let lost: Vec<usize> = mine.into_iter().skip(arrived).collect();
    if lost.iter().any(|n| script.sent[*n].at < before(end, UNREAD)) {
        return;
    }
    let lost: Vec<MessageId> = lost.into_iter().map(|n| MessageId(n as u32 + 1)).collect();
    script.acts.retain(|(_, act)| match &act.what {
        What::Send(_, method) => {
            !matches!(&**method, Method::Publish { message, .. } if lost.contains(&message.id))
        }
        _ => true,
    });
}

/// Whether a queue was declared as a quorum queue.
fn is_quorum(recording: &Recording, queue: &str) -> bool {
    recording.steps.iter().any(|step| {
        step.op == "queue.declare"
            && step.text("queue") == queue
            && step.args.get("arguments").and_then(|it| it.get("x-queue-type"))
                == Some(&serde_json::Value::from("quorum"))
    })
}

/// `ack all {n}`: persistent messages published and confirmed, delivered, and acknowledged one by
/// one a few milliseconds before the broker was killed.
fn ack_all(recording: &Recording, script: &mut Script, at: usize) -> Result<(), String> {
    let step = &recording.steps[at];
    let count = step.number("n").ok_or("ack all, but how many?")?;
    let declared = recording.steps[..at].iter().rev().find(|step| step.op == "queue.declare");
    let queue = declared.ok_or("ack all, but from which queue?")?.text("queue").to_owned();
    let select = recording.steps[..at].iter().rev().find(|step| step.op == "confirm.select");
    let select = select.ok_or("ack all, but who published?")?;
    let publisher = script.actor(&select.actor);
    if script.sent.iter().all(|sent| sent.actor != publisher) {
        for n in 1..=count {
            let when = time(select.at_ms) + Span::from_micros(1_000 + 500 * n);
            let publication = plain(&queue, true, 100);
            script.publish(publisher, when, 1, false, &n.to_string(), publication);
        }
    }
    let consumer = script.actor(&step.actor);
    let begin = before(time(step.at_ms), Span::from_millis(500));
    script.send(consumer, begin, 1, subscription(&queue, "c", false));
    let acks = before(time(step.at_ms), Span::from_millis(1));
    script.acts.push((
        consumer,
        Act {
            at: acks,
            deliveries: usize::try_from(count).unwrap_or(usize::MAX),
            what: What::AckAll(1),
        },
    ));
    script.unscripted.push((consumer, 1));
    Ok(())
}
