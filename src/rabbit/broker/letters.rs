//! Dead letters on their way: at most once, and at least once.
//!
//! Source: `rabbit_dead_letter:publish/5`; `rabbit_fifo_dlx_worker.erl`.

use super::Broker;
use crate::kernel::{Ctx, Time};
use crate::rabbit::dead_letter::{self, Demise};
use crate::rabbit::queue::{Command, Incoming, Machine, Origin};
use crate::talk::{Death, Fate, Message, Mq, Name, Note, QueueId, RabbitTimer, Timer};

/// The worker that moves the dead letters of one quorum queue, at least once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    source: QueueId,
    pending: Vec<Pending>,
}

impl Worker {
    pub(super) fn source(&self) -> QueueId {
        self.source
    }
}

/// A dead letter that its targets have not all confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    ticket: u64,
    message: Message,
    why: Death,
    failed: u16,
    lettered: bool,
    /// When it was last published; never, when no target was found.
    published: Option<Time>,
    /// Where it was published and what has answered.
    waiting: Vec<QueueId>,
    settled: Vec<QueueId>,
    refused: bool,
}

/// Where a dead letter goes, and why nowhere if so.
struct Way {
    message: Message,
    targets: Vec<QueueId>,
    nowhere: Fate,
}

impl Broker {
    /// A queue let go of a message: dead-letters it, without waiting for a confirm.
    #[expect(clippy::too_many_arguments, reason = "the effect has these parts")]
    pub(super) fn discarded(
        &mut self,
        queue: QueueId,
        message: Message,
        why: Death,
        failed: u16,
        lettered: bool,
        stored: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let msg = message.id;
        let then = self.dead_letter(queue, message, why, failed, lettered, ctx);
        if stored {
            ctx.note(Note::Discarded { msg, queue, why, then });
        }
    }

    fn dead_letter(
        &mut self,
        queue: QueueId,
        message: Message,
        why: Death,
        failed: u16,
        lettered: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Fate {
        let Some(way) = self.way(queue, message, why, lettered, ctx.now) else {
            return Fate::NoDeadLetterExchange;
        };
        let mut then = way.nowhere;
        for &target in &way.targets {
            if !self.refuses(target, &way.message) {
                then = Fate::DeadLettered;
            } else if then != Fate::DeadLettered {
                then = Fate::TargetFull;
            }
            let incoming = Incoming {
                message: way.message.clone(),
                ttl: None,
                origin: Origin::Unconfirmed,
                from: Some(queue),
                inherited: self.inherited(failed),
            };
            self.enqueue(target, incoming, ctx.now);
        }
        then
    }

    /// The delivery count that a dead letter takes along.
    fn inherited(&self, failed: u16) -> u16 {
        if self.profile.dead_letter_keeps_delivery_count { failed } else { 0 }
    }

    /// Whether a classic queue will refuse a message that nobody waits for.
    fn refuses(&self, target: QueueId, message: &Message) -> bool {
        match self.queues[target.index()].queue.as_ref().map(|queue| &queue.machine) {
            Some(Machine::Classic(queue)) => queue.refuses(u64::from(message.publication.size)),
            Some(Machine::Quorum(_) | Machine::Remote(_) | Machine::Stream(_)) | None => false,
        }
    }

    /// The letter that a message becomes, and the queues that it goes to. `None` when its queue
    /// has no dead-letter exchange, or this end is never dead-lettered.
    fn way(
        &mut self,
        queue: QueueId,
        message: Message,
        why: Death,
        lettered: bool,
        now: Time,
    ) -> Option<Way> {
        why.reason()?;
        let mut keys = std::mem::take(&mut self.keys);
        let found = self.find_way(queue, message, why, lettered, now, &mut keys);
        self.keys = keys;
        found
    }

    fn find_way(
        &self,
        queue: QueueId,
        message: Message,
        why: Death,
        lettered: bool,
        now: Time,
        keys: &mut Vec<Name>,
    ) -> Option<Way> {
        let settings = self.settings_of(queue)?;
        let exchange = settings.dead_letter_exchange.as_ref()?;
        let demise = Demise { queue: &self.queues[queue.index()].name, why, now, lettered };
        let profile = &self.profile;
        let letter = dead_letter::letter(&message.publication, &demise, settings, profile);
        let mut targets = Vec::new();
        if settings.dead_letter_routing_key.is_some() {
            keys.clear();
            keys.push(letter.routing_key.clone());
        } else {
            dead_letter::keys(&letter, keys);
        }
        if exchange.is_empty() {
            self.find_by_name(keys, &mut targets);
        } else {
            self.exchanges.route_dead_letter(exchange, &letter, keys, &mut targets);
        }
        let found = !targets.is_empty();
        targets.retain(|target| {
            !dead_letter::is_cycle(&letter, why, &self.queues[target.index()].name)
        });
        let nowhere = if found { Fate::Cycle } else { Fate::Unroutable };
        let message = Message { publication: letter, ..message };
        Some(Way { message, targets, nowhere })
    }

    // ── at least once ──

    fn worker(&mut self, source: QueueId) -> &mut Worker {
        let at = match self.workers.iter().position(|worker| worker.source == source) {
            Some(at) => at,
            None => {
                self.workers.push(Worker { source, pending: Vec::new() });
                self.workers.len() - 1
            }
        };
        &mut self.workers[at]
    }

    /// A quorum queue wants a dead letter moved and keeps it until that is done.
    #[expect(clippy::too_many_arguments, reason = "the effect has these parts")]
    pub(super) fn move_dead_letter(
        &mut self,
        queue: QueueId,
        message: Message,
        why: Death,
        failed: u16,
        lettered: bool,
        ticket: u64,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let worker = self.worker(queue);
        let idle = worker.pending.is_empty();
        worker.pending.push(Pending {
            ticket,
            message,
            why,
            failed,
            lettered,
            published: None,
            waiting: Vec::new(),
            settled: Vec::new(),
            refused: false,
        });
        if idle {
            self.arm_retry(queue, ctx);
        }
        self.try_dead_letter(queue, ticket, ctx);
    }

    fn arm_retry(&self, queue: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let timer = Timer::Rabbit(RabbitTimer::DeadLetterRetry(queue));
        ctx.arm(timer, self.config.dead_letter_confirm_timeout);
    }

    /// Publishes a dead letter to the targets that do not have it.
    fn try_dead_letter(&mut self, source: QueueId, ticket: u64, ctx: &mut Ctx<'_, Mq>) {
        let find = |it: &Pending| it.ticket == ticket;
        let Some(pending) = self.worker(source).pending.iter().find(|it| find(it)) else { return };
        let (message, why, lettered) = (pending.message.clone(), pending.why, pending.lettered);
        let failed = pending.failed;
        let Some(mut way) = self.way(source, message, why, lettered, ctx.now) else { return };
        let Some(pending) = self.worker(source).pending.iter_mut().find(|it| find(it)) else {
            return;
        };
        way.targets.retain(|target| !pending.settled.contains(target));
        pending.refused = false;
        pending.waiting.clone_from(&way.targets);
        if way.targets.is_empty() {
            return;
        }
        pending.published = Some(ctx.now);
        for target in way.targets {
            let incoming = Incoming {
                message: way.message.clone(),
                ttl: None,
                origin: Origin::DeadLetter { source, target, ticket },
                from: Some(source),
                inherited: self.inherited(failed),
            };
            self.enqueue(target, incoming, ctx.now);
        }
    }

    /// A target has, or refuses, a dead letter.
    pub(super) fn dead_letter_answered(
        &mut self,
        source: QueueId,
        target: QueueId,
        ticket: u64,
        accepted: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let worker = self.worker(source);
        let Some(at) = worker.pending.iter().position(|it| it.ticket == ticket) else { return };
        let pending = &mut worker.pending[at];
        let Some(was) = pending.waiting.iter().position(|it| *it == target) else { return };
        pending.waiting.swap_remove(was);
        if accepted {
            pending.settled.push(target);
        } else {
            pending.refused = true;
        }
        if pending.waiting.is_empty() && !pending.refused {
            worker.pending.remove(at);
            self.with_queue(source, ctx.now, |queue, at| {
                if let Machine::Quorum(queue) = &mut queue.machine {
                    queue.append(Command::DeadLetterDone { ticket }, at.out);
                }
            });
        }
    }

    /// Tries again what found no target, was refused, or was not confirmed in time.
    pub(super) fn retry_dead_letters(&mut self, source: QueueId, ctx: &mut Ctx<'_, Mq>) {
        let timeout = self.config.dead_letter_confirm_timeout;
        let due: Vec<u64> = self
            .worker(source)
            .pending
            .iter()
            .filter(|it| it.published.is_none_or(|at| at + timeout <= ctx.now))
            .map(|it| it.ticket)
            .collect();
        for ticket in due {
            self.try_dead_letter(source, ticket, ctx);
        }
        if !self.worker(source).pending.is_empty() {
            self.arm_retry(source, ctx);
        }
    }
}
