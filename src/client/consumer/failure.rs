//! What a consumer does about a handler that failed.

use std::sync::Arc;

use super::{ChannelMode, Consumer, OnFailure, Run, whom};
use crate::client::handler::{Handler, Outgoing, Role, Stage};
use crate::client::retry::{AckOrder, Backoff, Declare, Destination, Exhausted, Retry, Via};
use crate::kernel::{Ctx, Site};
use crate::talk::{
    Failure, Headers, Method, Mq, Name, Note, Publication, QueueDeclare, Rate, Settle, Value,
};

impl<H: Handler> Consumer<H> {
    pub(super) fn handler_failed(&mut self, slot: u16, why: Failure, ctx: &mut Ctx<'_, Mq>) {
        let Some(run) = self.runs.get(slot) else { return };
        let msg = run.msg();
        ctx.note(Note::Failed { msg, attempt: run.attempt, why });
        let failures = self.failures.entry(msg).or_insert(0);
        *failures = failures.saturating_add(1);
        let config = self.config.clone();
        let stages = match &config.on_failure {
            OnFailure::NackRequeue => vec![Stage::Settle(Settle::NackRequeue)],
            OnFailure::NackDiscard => vec![Stage::Settle(Settle::NackDiscard)],
            OnFailure::RejectRequeue => vec![Stage::Settle(Settle::RejectRequeue)],
            OnFailure::RejectDiscard => vec![Stage::Settle(Settle::RejectDiscard)],
            OnFailure::Ack => vec![Stage::Settle(Settle::Ack)],
            OnFailure::Nothing => Vec::new(),
            OnFailure::Crash => {
                ctx.note(Note::Died { msg });
                return self.die(ctx);
            }
            OnFailure::Retry(retry) => {
                let millis = backoff_of(retry).map(|backoff| drawn(backoff, run, ctx));
                let stages = retry_stages(retry, run, millis);
                self.without_declared(retry, stages)
            }
        };
        let commit = config.channel == ChannelMode::Tx;
        self.follow(slot, if commit { committed(stages) } else { stages }, ctx);
    }

    /// Leaves out the declaration of a queue that is to be declared once and has been.
    fn without_declared(&mut self, retry: &Retry, mut stages: Vec<Stage>) -> Vec<Stage> {
        if let Via::DelayQueue { declare: Declare::Once, .. } = retry.via {
            stages.retain(|stage| match stage {
                Stage::Declare(method) => match &**method {
                    Method::QueueDeclare(declare) => self.declared.insert(declare.queue.clone()),
                    _ => true,
                },
                _ => true,
            });
        }
        stages
    }
}

fn committed(mut stages: Vec<Stage>) -> Vec<Stage> {
    if !stages.is_empty() {
        stages.push(Stage::Commit);
    }
    stages
}

fn backoff_of(retry: &Retry) -> Option<&Backoff> {
    match &retry.via {
        Via::DelayQueue { backoff, .. } | Via::PerMessageTtl { backoff, .. } => Some(backoff),
        Via::Republish { .. } | Via::Requeue(_) => None,
    }
}

/// The delay before the next attempt in milliseconds, jitter included.
fn drawn(backoff: &Backoff, run: &Run, ctx: &mut Ctx<'_, Mq>) -> u64 {
    let delay = backoff.millis(run.attempt - 1);
    let spread = u128::from(delay) * u128::from(backoff.jitter.as_per_million());
    let spread = (spread / u128::from(Rate::OF)) as u64;
    let ways = u32::try_from(spread.saturating_mul(2).saturating_add(1)).unwrap_or(u32::MAX);
    if ways == 1 {
        return delay;
    }
    let site = Site::new("jitter", whom(ctx.me, run.msg())).nth(run.nth);
    (delay - spread).saturating_add(ctx.choose(site, ways).into())
}

/// What a retry does about the delivery of `run`.
fn retry_stages(retry: &Retry, run: &Run, millis: Option<u64>) -> Vec<Stage> {
    let retries = run.attempt - 1; // attempts count from 1
    if retries >= retry.max_retries {
        return match &retry.exhausted {
            Exhausted::Settle(how) => vec![Stage::Settle(*how)],
            Exhausted::Publish(to) => {
                let copy = copy(retry, run, to, retries);
                in_order(retry, Vec::new(), outgoing(retry, Role::Park, copy))
            }
        };
    }
    let role = Role::Retry(run.attempt.saturating_add(1));
    let next = retries.saturating_add(1);
    let millis = millis.unwrap_or(0);
    match &retry.via {
        Via::Requeue(how) => vec![Stage::Settle(*how)],
        Via::Republish { to } => {
            in_order(retry, Vec::new(), outgoing(retry, role, copy(retry, run, to, next)))
        }
        Via::PerMessageTtl { queue, .. } => {
            let to = Destination { routing_key: queue.clone(), ..Destination::default() };
            let mut copy = copy(retry, run, &to, next);
            copy.properties.expiration = Some(millis.to_string().into());
            in_order(retry, Vec::new(), outgoing(retry, role, copy))
        }
        Via::DelayQueue { queue, prefix, declare, expires, arguments, .. } => {
            let name: Name = format!("{prefix}{millis}").into();
            let to = Destination { routing_key: name.clone(), ..Destination::default() };
            let first = match declare {
                Declare::Never => Vec::new(),
                Declare::BeforeEachPublish | Declare::Once => {
                    let declare = delay_queue(name, queue, millis, *expires, arguments);
                    vec![Stage::Declare(Box::new(Method::QueueDeclare(Box::new(declare))))]
                }
            };
            in_order(retry, first, outgoing(retry, role, copy(retry, run, &to, next)))
        }
    }
}

/// A queue of the guide: what is in it for `millis` goes back to `queue`.
fn delay_queue(
    name: Name,
    queue: &Name,
    millis: u64,
    expires: Option<u32>,
    more: &Headers,
) -> QueueDeclare {
    let int = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
    let mut arguments = more.clone();
    arguments.insert("x-dead-letter-exchange".into(), "".into());
    arguments.insert("x-dead-letter-routing-key".into(), Value::Text(queue.clone()));
    arguments.insert("x-message-ttl".into(), int(millis));
    if let Some(percent) = expires {
        // a broker refuses a lease of 0
        let lease = (millis.saturating_mul(percent.into()) / 100).max(1);
        arguments.insert("x-expires".into(), int(lease));
    }
    QueueDeclare { queue: name, durable: true, arguments, ..QueueDeclare::default() }
}

/// The message as it came, headers included, with its count and for another place.
fn copy(retry: &Retry, run: &Run, to: &Destination, retries: u16) -> Publication {
    let mut copy = (*run.held.delivery.message.publication).clone();
    copy.exchange = to.exchange.clone();
    copy.routing_key = to.routing_key.clone();
    copy.properties.persistent = retry.persistent;
    let count = Value::Int(retries.into());
    copy.properties.headers.insert(retry.header.clone(), count.clone());
    if let Some(header) = &to.header {
        copy.properties.headers.insert(header.clone(), count);
    }
    copy
}

fn outgoing(retry: &Retry, role: Role, publication: Publication) -> Stage {
    Stage::Publish(Arc::new(Outgoing {
        role,
        publication: Arc::new(publication),
        mandatory: retry.mandatory,
        wait_for_confirm: retry.wait_for_confirm,
    }))
}

fn in_order(retry: &Retry, mut first: Vec<Stage>, publish: Stage) -> Vec<Stage> {
    let ack = Stage::Settle(Settle::Ack);
    match retry.order {
        AckOrder::PublishThenAck => first.extend([publish, ack]),
        AckOrder::AckThenPublish => first.extend([ack, publish]),
    }
    first
}
