//! Load: many messages at once, handlers that work through them, and activities that go on and on.

use redeliver::kernel::Span;
use redeliver::talk::{Bind, Method, QueueDeclare};

use super::{before, has, plain, subscription};
use crate::client::{What, Worker};
use crate::recording::{Recording, Step};
use crate::script::{Script, span, time};

pub(super) fn prepare(recording: &Recording, script: &mut Script) -> Result<(), String> {
    for step in recording.steps.iter().filter(|step| step.op == "publish") {
        if let Some(count) = step.number("n") {
            publish(recording, script, step, count)?;
        } else if !step.args.contains_key("sizes_MiB") {
            return Err("publish, but how many?".to_owned());
        }
    }
    consume(recording, script);
    if let Some(loop_) = recording
        .observed
        .iter()
        .find(|seen| has(seen, "summary", &["poison_deliveries", "ok_processed", "seconds"]))
    {
        poison(recording, script, loop_.at_ms, loop_.number("seconds").unwrap_or(1))?;
    }
    if recording.observed.iter().any(|seen| has(seen, "summary", &["makespan_ms", "done"])) {
        workers(recording, script)?;
    }
    if recording.observed.iter().any(|seen| seen.event == "queue-gone") {
        activities(recording, script)?;
    }
    Ok(())
}

/// `publish {n, bytes}`: numbered messages to the queue that the client had declared, one after the
/// other; done when the step was written down, or, where the recording says how long the work on
/// them took, begun that long before.
fn publish(
    recording: &Recording,
    script: &mut Script,
    step: &Step,
    count: u64,
) -> Result<(), String> {
    let actor = script.actor(&step.actor);
    let end = time(step.at_ms);
    let queue = script.declared(actor, end).ok_or("publish, but to which queue?")?;
    let bytes = u32::try_from(step.number("bytes").unwrap_or(10)).unwrap_or(u32::MAX);
    let makespan = recording
        .observed
        .iter()
        .find_map(|seen| seen.number("makespan_ms"))
        .map(|ms| before(end, Span::from_millis(ms)));
    let last = recording
        .steps
        .iter()
        .filter(|other| other.at_ms < step.at_ms && other.actor == step.actor)
        .map(|other| other.at_ms)
        .fold(0.0, f64::max);
    let begin = makespan.unwrap_or(time(last) + Span::from_millis(2));
    let gap = match makespan {
        Some(_) => Span::from_micros(10),
        None => Span::from_nanos(end.since(begin).as_nanos() / 2 / count.max(1)),
    };
    for n in 1..=count {
        let publication = plain(queue.as_str(), false, bytes);
        script.publish(actor, begin + gap.times(n - 1), 1, false, &n.to_string(), publication);
    }
    Ok(())
}

/// `basic.consume` without a queue: consumers of the queue that was filled, one right after the
/// other, a second before the harness looked at what they had; and the crash of one of them.
fn consume(recording: &Recording, script: &mut Script) {
    let told = recording
        .steps
        .iter()
        .filter(|step| step.op == "basic.consume" && step.text("queue").is_empty());
    let filled = recording.steps.iter().find(|step| step.op == "publish");
    let Some(filled) = filled else { return };
    let publisher = script.actor(&filled.actor);
    let Some(queue) = script.declared(publisher, time(filled.at_ms)) else { return };
    for (nth, step) in told.enumerate() {
        let actor = script.actor(&step.actor);
        let half = Span::from_nanos(time(step.at_ms).since(time(filled.at_ms)).as_nanos() / 2);
        let at = time(filled.at_ms) + half + Span::from_millis(5 * nth as u64);
        let method = subscription(queue.as_str(), &step.actor, step.flag("no_ack"));
        script.send(actor, at, 1, method);
        script.unscripted.push((actor, 1));
    }
    // The harness tells of the crash when it has seen what came of it.
    for step in recording.steps.iter().filter(|step| step.op == "tcp.drop") {
        let actor = script.actor(&step.actor);
        if script.unscripted.contains(&(actor, 1)) {
            for (_, act) in script.acts.iter_mut().filter(|(whose, _)| *whose == actor) {
                if act.what == What::Drop {
                    act.at = before(act.at, Span::from_millis(500));
                }
            }
        }
    }
    for seen in recording.observed.iter().filter(|seen| seen.event == "state") {
        script.looks.push(time(seen.at_ms));
    }
}

/// Consumers that give one message back again and again and acknowledge all others. How many of
/// them, with which prefetch, the name of the recording says: `…-p1-c2`.
fn poison(
    recording: &Recording,
    script: &mut Script,
    end_ms: f64,
    seconds: u64,
) -> Result<(), String> {
    let (prefetch, consumers) = recording
        .name
        .rsplit_once("-p")
        .and_then(|(_, tail)| tail.split_once("-c"))
        .and_then(|(prefetch, consumers)| Some((prefetch.parse().ok()?, consumers.parse().ok()?)))
        .ok_or("a poison loop, but of how many consumers?")?;
    let consumers: u64 = consumers;
    let poison = script
        .sent
        .iter()
        .position(|sent| sent.body == "POISON")
        .ok_or("a poison loop, but which message?")?;
    let queue = script.sent[poison].publication.routing_key.clone();
    let message = redeliver::talk::MessageId(poison as u32 + 1);
    let look = recording.steps.iter().rev().find(|step| step.op == "queue.declare");
    let end = time(look.map_or(end_ms, |step| step.at_ms));
    let begin = before(end, Span::from_millis(1_000 * seconds));
    for nth in 0..consumers {
        let actor = script.actor(&format!("C{nth}"));
        script.unscripted.push((actor, 1));
        let at = before(begin, Span::from_millis(20 - nth.min(10)));
        let qos = Method::Qos { prefetch_count: prefetch, global: false };
        script.send(actor, at, 1, qos);
        let worker = Worker { takes: Span::from_micros(100), poison: vec![message] };
        script.act(actor, at, What::Work(Some(worker)));
        script.send(actor, at, 1, subscription(queue.as_str(), &format!("c{nth}"), false));
        script.act(actor, before(end, Span::from_micros(500)), What::Work(None));
    }
    Ok(())
}

/// `workers 5 ms and 50 ms`: the consumers handle what they get, one message after the other. On
/// the recorded machine a sleep took about a millisecond longer than asked for.
fn workers(recording: &Recording, script: &mut Script) -> Result<(), String> {
    let conclusion = recording.conclusion();
    let tail = conclusion.split_once("workers ").ok_or("workers, but how fast?")?.1;
    let mut takes = tail.split(|c: char| !c.is_ascii_digit()).filter_map(|it| it.parse().ok());
    for name in ["FAST", "SLOW"] {
        let actor = script.find(name).ok_or("workers, but who?")?;
        let millis: u64 = takes.next().ok_or("workers, but how fast?")?;
        let takes = Span::from_millis(millis) + Span::from_micros(1_100);
        script.unscripted.push((actor, 1));
        let worker = Worker { takes, poison: Vec::new() };
        script.act(actor, redeliver::kernel::Time::ZERO, What::Work(Some(worker)));
    }
    Ok(())
}

/// `activity every 500 ms until 6000 ms`: each queue is named after what is done to it, until it is
/// gone. One round takes a few milliseconds.
fn activities(recording: &Recording, script: &mut Script) -> Result<(), String> {
    let conclusion = recording.conclusion();
    let number = |after: &str| -> Option<f64> {
        let tail = conclusion.split_once(after)?.1;
        tail.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let every = number("activity every ").ok_or("activities, but how often?")?;
    let until = number(" until ").ok_or("activities, but until when?")?;
    let declares: Vec<&Step> = recording
        .steps
        .iter()
        .filter(|step| step.op == "queue.declare" && !step.flag("passive"))
        .collect();
    let first = declares.first().ok_or("activities, but where?")?;
    let actor = script.actor(&first.actor);
    for (nth, step) in declares.iter().enumerate() {
        let queue = step.text("queue");
        let gone = recording
            .observed
            .iter()
            .find(|seen| seen.event == "queue-gone" && seen.text("queue") == queue)
            .map_or(f64::MAX, |seen| seen.at_ms);
        script.unscripted.push((actor, ACTIVITIES + nth as u16));
        let mut round = 1.0;
        loop {
            let after = round * (every + 6.0);
            let at_ms = first.at_ms + after + 3.0 * nth as f64 + 6.0;
            if after >= until || at_ms >= gone {
                break;
            }
            let channel = ACTIVITIES + nth as u16;
            activity(script, (actor, channel), at_ms, step, queue);
            round += 1.0;
        }
    }
    Ok(())
}

/// The first channel of the activities, one for each; the recordings do not say which they were.
const ACTIVITIES: u16 = 20;

fn activity(
    script: &mut Script,
    (actor, channel): (usize, u16),
    at_ms: f64,
    step: &Step,
    queue: &str,
) {
    let at = time(at_ms);
    let declare = |passive, nowait| {
        Method::QueueDeclare(Box::new(QueueDeclare {
            queue: queue.into(),
            durable: step.flag("durable"),
            passive,
            nowait,
            arguments: crate::values::table_in(&step.args, "arguments"),
            ..QueueDeclare::default()
        }))
    };
    let method = match queue {
        "publish" => {
            script.publish(actor, at, channel, false, "x", plain(queue, false, 1));
            return;
        }
        "redeclare" => declare(false, false),
        "redeclare-nowait" => declare(false, true),
        "passive" => declare(true, false),
        "get" => Method::Get { queue: queue.into(), no_ack: true },
        "purge" => Method::QueuePurge { queue: queue.into() },
        "bind" => Method::QueueBind(Box::new(Bind {
            source: "amq.fanout".into(),
            destination: queue.into(),
            key: format!("k{}", span(at_ms).as_millis()).as_str().into(),
            ..Bind::default()
        })),
        _ => return, // idle, or with a consumer of its own
    };
    script.send(actor, at, channel, method);
}
