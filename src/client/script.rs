//! The handler that scenario files configure.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::handler::{
    Dedup, DedupKey, Delivered, Handler, HandlerCtx, Outcome, Outgoing, Plan, Produce, Stage,
};
use crate::kernel::{Dist, NodeId};
use crate::talk::{Constant, Failure, MessageId, Name, Rate, StoreCommand};

/// A handler that works for a while, has its effects, and fails as told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Script {
    rules: Constant<Rules>,
    /// How often this consumer has failed over a message that fails some times: a fact of the
    /// world, so no crash forgets it.
    failures: BTreeMap<MessageId, u16>,
}

/// What never changes about a script.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rules {
    takes: Dist,
    blocking: bool,
    effects: Vec<Target>,
    forward: Vec<Forward>,
    produce: Vec<Produce>,
    publish: Vec<Arc<Outgoing>>,
    dedup: Option<Lookup>,
    reply: bool,
    fails: Rate,
    fails_after_effect: Rate,
    poison: Vec<Poison>,
    /// The plan of a handler that meets with nothing unusual; made once, shared by all runs.
    usual: Arc<[Stage]>,
    /// The work alone, and the look-up before it: the plan of one that fails before its effect.
    work: Arc<[Stage]>,
}

/// Where an effect takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The place of the service in the list of the system.
    pub service: u16,
    /// Its node, which is called and can fail; without one the effect takes place in the handler
    /// itself.
    pub at: Option<NodeId>,
}

/// A copy for the next station of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forward {
    /// The exchange.
    pub exchange: Name,
    /// The routing key.
    pub routing_key: Name,
    /// The broker gives it back when it cannot route it.
    pub mandatory: bool,
    /// Wait for its confirm; needs a confirm channel.
    pub wait_for_confirm: bool,
}

/// How a handler recognises repetitions by what a store remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lookup {
    /// The place of the store in the list of the system.
    pub service: u16,
    /// The node of the store.
    pub at: NodeId,
    /// When it is asked.
    pub when: LookupWhen,
    /// What makes two messages the same.
    pub key: DedupKey,
}

/// When a handler asks its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LookupWhen {
    /// `SET … NX` before everything else: the guide's way. What then fails counts as handled.
    Before,
    /// `EXISTS` before everything else, `SET` after everything else.
    After,
    /// In one transaction with the effect, which the store then has: the first effect of the
    /// handler takes place there.
    WithEffect,
}

/// Messages with which something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Poison {
    /// Which, sorted.
    pub messages: Vec<MessageId>,
    /// What they do.
    pub kind: PoisonKind,
}

/// What a poison message does to a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PoisonKind {
    /// It fails every time.
    Always,
    /// It fails this many times at each consumer and then succeeds. The world counts, so neither a
    /// crash nor a lost header starts the count again.
    Times(u16),
    /// It fails while the process takes it for an attempt before this one, and only succeeds from
    /// there on.
    UntilAttempt(u16),
    /// It takes this long instead of the usual time.
    Takes(Dist),
    /// It kills the process, after the usual time.
    Kills,
    /// It kills the process this many times at each consumer and then succeeds; the world counts.
    KillsTimes(u16),
}

impl Script {
    /// A handler that takes this long and has no effect yet.
    pub fn takes(takes: Dist) -> Script {
        let rules = Rules {
            takes,
            blocking: false,
            effects: Vec::new(),
            forward: Vec::new(),
            produce: Vec::new(),
            publish: Vec::new(),
            dedup: None,
            reply: false,
            fails: Rate::NEVER,
            fails_after_effect: Rate::NEVER,
            poison: Vec::new(),
            usual: Arc::new([]),
            work: Arc::new([]),
        };
        Script { rules: Constant::new(rules), failures: BTreeMap::new() }.with(|_| {})
    }

    fn with(self, change: impl FnOnce(&mut Rules)) -> Script {
        let mut rules = self.rules.into_inner();
        change(&mut rules);
        rules.usual = rules.stages(rules.takes).into();
        let asks_first = |stage: &&Stage| matches!(stage, Stage::Dedup(_));
        let mut work = Vec::from_iter(rules.usual.first().filter(asks_first).cloned());
        work.push(rules.work_stage(rules.takes));
        rules.work = work.into();
        Script { rules: Constant::new(rules), ..self }
    }

    /// Its work keeps the whole process busy.
    #[must_use]
    pub fn blocking(self, blocking: bool) -> Script {
        self.with(|rules| rules.blocking = blocking)
    }

    /// It has another effect, after those it has already.
    #[must_use]
    pub fn effect(self, target: Target) -> Script {
        self.with(|rules| rules.effects.push(target))
    }

    /// It publishes a copy after its effects.
    #[must_use]
    pub fn forward(self, forward: Forward) -> Script {
        self.with(|rules| rules.forward.push(forward))
    }

    /// It produces a copy to a Kafka topic after its effects.
    #[must_use]
    pub fn produce(self, produce: Produce) -> Script {
        self.with(|rules| rules.produce.push(produce))
    }

    /// It publishes this after its effects: the handler of a [bridge](crate::client::Bridge).
    #[must_use]
    pub fn publish(self, outgoing: Outgoing) -> Script {
        self.with(|rules| rules.publish.push(Arc::new(outgoing)))
    }

    /// It recognises repetitions by what a store remembers.
    #[must_use]
    pub fn dedup(self, lookup: Lookup) -> Script {
        self.with(|rules| rules.dedup = Some(lookup))
    }

    /// It answers its message as a request, after everything else.
    #[must_use]
    pub fn reply(self, reply: bool) -> Script {
        self.with(|rules| rules.reply = reply)
    }

    /// It fails by chance, before its effect.
    #[must_use]
    pub fn fails(self, fails: Rate) -> Script {
        self.with(|rules| rules.fails = fails)
    }

    /// It fails by chance, after its effect.
    #[must_use]
    pub fn fails_after_effect(self, fails_after_effect: Rate) -> Script {
        self.with(|rules| rules.fails_after_effect = fails_after_effect)
    }

    /// These messages do this.
    #[must_use]
    pub fn poison(self, mut messages: Vec<MessageId>, kind: PoisonKind) -> Script {
        messages.sort_unstable();
        self.with(|rules| rules.poison.push(Poison { messages, kind }))
    }

    /// Counts a failure that the world wants `times` times. Returns false when there were enough.
    fn fails_again(&mut self, msg: MessageId, times: u16) -> bool {
        let failures = self.failures.entry(msg).or_insert(0);
        let again = *failures < times;
        *failures += u16::from(again);
        again
    }

    fn poisoned(&mut self, delivered: &Delivered<'_>, kind: PoisonKind) -> Option<Plan> {
        let msg = delivered.msg();
        let outcome = match kind {
            PoisonKind::Always => Outcome::Failed(Failure::Poison),
            PoisonKind::Times(times) if self.fails_again(msg, times) => {
                Outcome::Failed(Failure::Flaky)
            }
            PoisonKind::UntilAttempt(attempt) if delivered.attempt < attempt => {
                Outcome::Failed(Failure::Flaky)
            }
            PoisonKind::Kills => Outcome::Died,
            PoisonKind::KillsTimes(times) if self.fails_again(msg, times) => Outcome::Died,
            PoisonKind::Takes(takes) => {
                let mut stages = self.rules.stages(takes);
                self.rules.tail(&mut stages, delivered);
                return Some(Plan::of(stages));
            }
            PoisonKind::Times(_) | PoisonKind::UntilAttempt(_) | PoisonKind::KillsTimes(_) => {
                return None;
            }
        };
        Some(Plan { stages: self.rules.work.clone(), outcome })
    }
}

impl Rules {
    fn work_stage(&self, takes: Dist) -> Stage {
        if self.blocking { Stage::Compute(takes) } else { Stage::Work(takes) }
    }

    fn stages(&self, takes: Dist) -> Vec<Stage> {
        let effect = |target: &Target| match *target {
            Target { service, at: Some(at) } => Stage::Call { service, at },
            Target { service, at: None } => Stage::Effect { service },
        };
        let ask = |command| {
            self.dedup.map(|Lookup { service, at, key, .. }| {
                Stage::Dedup(Dedup { service, at, command, key })
            })
        };
        let (first, last, effects) = match self.dedup.map(|lookup| lookup.when) {
            None => (None, None, 0),
            Some(LookupWhen::Before) => (ask(StoreCommand::SetNx), None, 0),
            Some(LookupWhen::After) => (ask(StoreCommand::Exists), ask(StoreCommand::Set), 0),
            Some(LookupWhen::WithEffect) => (None, ask(StoreCommand::EffectOnce), 1),
        };
        let mut stages = Vec::from_iter(first);
        stages.push(self.work_stage(takes));
        stages.extend(self.effects.iter().skip(effects).map(effect));
        stages.extend(self.produce.iter().copied().map(Stage::Produce));
        stages.extend(self.publish.iter().cloned().map(Stage::Publish));
        stages.extend(last);
        stages
    }

    /// What follows the effects and depends on the message.
    fn tail(&self, stages: &mut Vec<Stage>, delivered: &Delivered<'_>) {
        if let Some(message) = delivered.message() {
            stages.extend(self.forward.iter().map(|forward| {
                let (exchange, key) = (forward.exchange.clone(), forward.routing_key.clone());
                Stage::Publish(Arc::new(Outgoing {
                    mandatory: forward.mandatory,
                    wait_for_confirm: forward.wait_for_confirm,
                    ..Outgoing::forward(message, exchange, key)
                }))
            }));
        }
        if self.reply {
            stages.push(Stage::Reply);
        }
    }

    fn poison_of(&self, msg: MessageId) -> Option<PoisonKind> {
        let holds = |poison: &&Poison| poison.messages.binary_search(&msg).is_ok();
        self.poison.iter().find(holds).map(|poison| poison.kind)
    }
}

impl Handler for Script {
    fn handle(&mut self, delivered: &Delivered<'_>, ctx: &mut HandlerCtx<'_, '_>) -> Plan {
        let poison = self.rules.poison_of(delivered.msg());
        if let Some(plan) = poison.and_then(|kind| self.poisoned(delivered, kind)) {
            return plan;
        }
        if ctx.happens("handler fails", self.rules.fails) {
            return Plan {
                stages: self.rules.work.clone(),
                outcome: Outcome::Failed(Failure::Flaky),
            };
        }
        let outcome =
            if ctx.happens("handler fails after its effect", self.rules.fails_after_effect) {
                Outcome::Failed(Failure::Flaky)
            } else {
                Outcome::Done
            };
        let mut stages = self.rules.usual.clone();
        if outcome == Outcome::Done && (self.rules.reply || !self.rules.forward.is_empty()) {
            let mut longer = stages.to_vec();
            self.rules.tail(&mut longer, delivered);
            stages = longer.into();
        }
        Plan { stages, outcome }
    }
}
