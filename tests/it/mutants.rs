//! Broken brokers, clients and services, each caught by the guarantee that names what it does.
//!
//! A mutant is a healthy node in a shell that changes what goes in and what comes out, so that the
//! models themselves carry no switches for it. Each is played in a scenario in which the healthy
//! system keeps the guarantee for all seeds, and the mutant must break it for some.

use redeliver::check::{Audit, Class, End, Outcome};
use redeliver::kernel::{
    Choose, Collected, Ctx, Dist, Effect, Input, Loss, Node, NodeId, Setup, Site, Span, Timeline,
};
use redeliver::scenario::Scenario;
use redeliver::system::Member;
use redeliver::talk::{
    Death, Frame, MessageId, Method, Mq, Msg, Name, Note, Publication, Reply, Request,
};

/// What a mutant does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wrong {
    /// Confirms what it throws away.
    ConfirmsWithoutStoring,
    /// Keeps in memory only what it confirmed as safe.
    ForgetsToWrite,
    /// Confirms what a full queue refused.
    ConfirmsRefused,
    /// Drops a message that a consumer gave back.
    LosesRequeue,
    /// Throws away what a consumer still holds, as if it had expired.
    ExpiresUnacked,
    /// Dead-letters without `x-death`.
    StripsDeathHeader,
    /// Stores a dead letter twice.
    DeadLettersTwice,
    /// Dead-letters what should go back into the queue.
    DeadLettersRequeue,
    /// Stores a publish twice.
    StoresTwice,
    /// Delivers again what was acknowledged.
    RedeliversAcked,
    /// Says of a redelivery that it is none.
    ForgetsRedelivered,
    /// Allows more than the prefetch count.
    ExceedsPrefetch,
    /// Finds a connection gone and goes on pushing.
    PushesToClosed,
    /// Stores every second pair of messages the wrong way round.
    Reorders,
    /// Stores a message that nobody sent.
    Invents,
    /// Takes a message off the queue and does not send it.
    Withholds,
    /// A consumer that does not ask for a prefetch limit.
    IgnoresPrefetch,
    /// A service that does everything twice.
    ServesTwice,
    /// Nothing: the node was built with a setting ignored.
    Misconfigured,
}

/// A node, healthy or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Lab {
    Healthy(Box<Member>),
    Mutant(Box<Mutant>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Mutant {
    inner: Member,
    wrong: Wrong,
    /// How many messages of the kind that it gets wrong it has seen.
    seen: u32,
    /// A publish that waits to be overtaken.
    kept: Option<(NodeId, Msg)>,
    /// Deliveries that were sent and may be sent again.
    sent: Vec<(NodeId, Reply)>,
}

/// Passes the choices of the inner node on.
struct Pass<'a, 'b>(&'a mut Ctx<'b, Mq>);

impl Choose for Pass<'_, '_> {
    fn choose(&mut self, site: Site, n: u32) -> u32 {
        self.0.choose(site, n)
    }
    fn span(&mut self, site: Site, dist: &Dist) -> Span {
        self.0.span(site, dist)
    }
}

impl Node for Lab {
    type Talk = Mq;

    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Healthy(node) => node.on(input, ctx),
            Lab::Mutant(mutant) => mutant.on(input, ctx),
        }
    }

    fn lose(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        match self {
            Lab::Healthy(node) => node.lose(loss, ctx),
            Lab::Mutant(mutant) => mutant.inner.lose(loss, ctx),
        }
    }
}

fn request(from: NodeId, channel: u16, method: Method) -> Input<Mq> {
    Input::Message { from, msg: Msg::Request(Request { channel, method }) }
}

impl Mutant {
    fn on(&mut self, input: Input<Mq>, ctx: &mut Ctx<'_, Mq>) {
        if let (Wrong::PushesToClosed, &Input::Closed(peer)) = (self.wrong, &input) {
            return ctx.note(Note::ConnectionClosed { peer, code: 0 });
        }
        for input in self.inputs(input) {
            let (me, now, slow) = (ctx.me, ctx.now, ctx.slow);
            let mut effects = Vec::new();
            {
                let mut pass = Pass(ctx);
                let mut out = Collected { effects: &mut effects, choose: &mut pass };
                let mut inner = Ctx::new(me, now, &mut out);
                inner.slow = slow;
                self.inner.on(input, &mut inner);
            }
            let mut more = Vec::new();
            for effect in effects {
                self.effect(effect, &mut more, ctx);
            }
            for input in more {
                // what the mutant adds of its own is not distorted again
                let mut effects = Vec::new();
                let mut pass = Pass(ctx);
                let mut out = Collected { effects: &mut effects, choose: &mut pass };
                self.inner.on(input, &mut Ctx::new(me, now, &mut out));
                for effect in effects {
                    if let Some(effect) = self.distorted(effect) {
                        emit(effect, ctx);
                    }
                }
            }
        }
    }

    /// True for every `n`th time.
    fn every(&mut self, n: u32) -> bool {
        self.seen += 1;
        self.seen.is_multiple_of(n)
    }

    /// What reaches the inner node.
    fn inputs(&mut self, input: Input<Mq>) -> Vec<Input<Mq>> {
        let (from, channel, method) = match input {
            Input::Message { from, msg: Msg::Request(Request { channel, method }) } => {
                (from, channel, method)
            }
            Input::Message { msg: Msg::Call { .. }, .. } if self.wrong == Wrong::ServesTwice => {
                return vec![input.clone(), input];
            }
            other => return vec![other],
        };
        match (self.wrong, method) {
            (Wrong::ConfirmsWithoutStoring, method @ Method::Publish { .. }) => {
                let lost = self.every(10);
                let method = if lost {
                    changed(method, |it| it.routing_key = "nowhere".into())
                } else {
                    method
                };
                vec![request(from, channel, method)]
            }
            (Wrong::ForgetsToWrite, method @ Method::Publish { .. }) => {
                let method = changed(method, |it| it.properties.persistent = false);
                vec![request(from, channel, method)]
            }
            (Wrong::Invents, Method::Publish { mandatory, mut message }) => {
                if self.every(10) {
                    message.id = MessageId(5_000);
                }
                vec![request(from, channel, Method::Publish { mandatory, message })]
            }
            (Wrong::StoresTwice, method @ Method::Publish { .. }) => {
                let copies = if self.every(10) { 2 } else { 1 };
                vec![request(from, channel, method); copies]
            }
            (Wrong::Reorders, method @ Method::Publish { .. }) => {
                let msg = Msg::Request(Request { channel, method });
                match self.kept.take() {
                    Some((before, kept)) => vec![
                        Input::Message { from, msg },
                        Input::Message { from: before, msg: kept },
                    ],
                    None if self.every(3) => {
                        self.kept = Some((from, msg));
                        Vec::new()
                    }
                    None => vec![Input::Message { from, msg }],
                }
            }
            (
                Wrong::LosesRequeue | Wrong::DeadLettersRequeue,
                Method::Nack { tag, multiple, requeue: true },
            ) => vec![request(from, channel, Method::Nack { tag, multiple, requeue: false })],
            (Wrong::ExceedsPrefetch, Method::Qos { prefetch_count, global }) => {
                let prefetch_count = prefetch_count + 1;
                vec![request(from, channel, Method::Qos { prefetch_count, global })]
            }
            (_, method) => vec![request(from, channel, method)],
        }
    }

    /// What leaves the inner node, and what the mutant adds.
    fn effect(&mut self, effect: Effect<Mq>, more: &mut Vec<Input<Mq>>, ctx: &mut Ctx<'_, Mq>) {
        match (self.wrong, &effect) {
            (Wrong::RedeliversAcked, Effect::Send { to, msg: Msg::Reply(reply) }) => {
                self.sent.push((*to, reply.clone()));
            }
            (Wrong::RedeliversAcked, Effect::Note(Note::Acked { msg, .. })) if self.every(10) => {
                let again = self.sent.iter().find(|(_, reply)| delivers(reply, *msg)).cloned();
                emit(effect, ctx);
                if let Some((to, reply)) = again {
                    ctx.send(to, Msg::Reply(reply));
                }
                return;
            }
            (Wrong::ExpiresUnacked, Effect::Send { to, msg: Msg::Reply(reply) }) => {
                if let Frame::Deliver { delivery, .. } = &reply.frame
                    && self.every(10)
                {
                    let nack = Method::Nack { tag: delivery.tag, multiple: false, requeue: false };
                    more.push(request(*to, reply.channel, nack));
                }
            }
            (
                Wrong::DeadLettersTwice,
                Effect::Note(Note::Enqueued { msg, copy, from: Some(_), .. }),
            ) => {
                let publication =
                    Publication { routing_key: "dead".into(), ..Publication::default() };
                let message = redeliver::talk::Message {
                    id: *msg,
                    copy: *copy,
                    publication: publication.into(),
                };
                // any open channel will do; that of the producer is the first client's
                more.push(request(PRODUCER, 1, Method::Publish { mandatory: false, message }));
            }
            (Wrong::Withholds, Effect::Send { msg: Msg::Reply(reply), .. })
                if matches!(reply.frame, Frame::Deliver { .. }) && self.every(10) =>
            {
                return;
            }
            _ => {}
        }
        if let Some(effect) = self.distorted(effect) {
            emit(effect, ctx);
        }
    }

    /// An effect as others see it.
    fn distorted(&self, effect: Effect<Mq>) -> Option<Effect<Mq>> {
        let reply =
            |to, channel, frame| Effect::Send { to, msg: Msg::Reply(Reply { channel, frame }) };
        Some(match (self.wrong, effect) {
            (Wrong::ConfirmsWithoutStoring, Effect::Note(Note::Unroutable { .. }))
            | (Wrong::LosesRequeue, Effect::Note(Note::Discarded { .. })) => return None,
            (Wrong::ExpiresUnacked, Effect::Note(Note::Discarded { msg, queue, then, .. })) => {
                Effect::Note(Note::Discarded { msg, queue, why: Death::Expired, then })
            }
            (wrong, Effect::Send { to, msg: Msg::Reply(Reply { channel, frame }) }) => {
                match (wrong, frame) {
                    (Wrong::ConfirmsRefused, Frame::ConfirmNack { tag, multiple }) => {
                        reply(to, channel, Frame::ConfirmAck { tag, multiple })
                    }
                    (Wrong::ForgetsRedelivered, Frame::Deliver { consumer_tag, mut delivery }) => {
                        delivery.redelivered = false;
                        reply(to, channel, Frame::Deliver { consumer_tag, delivery })
                    }
                    (Wrong::StripsDeathHeader, Frame::Deliver { consumer_tag, mut delivery }) => {
                        let mut publication = (*delivery.message.publication).clone();
                        publication.properties.headers.remove("x-death");
                        delivery.message.publication = publication.into();
                        reply(to, channel, Frame::Deliver { consumer_tag, delivery })
                    }
                    (_, frame) => reply(to, channel, frame),
                }
            }
            (
                Wrong::IgnoresPrefetch,
                Effect::Send {
                    to,
                    msg: Msg::Request(Request { channel, method: Method::Qos { global, .. } }),
                },
            ) => {
                let method = Method::Qos { prefetch_count: 0, global };
                Effect::Send { to, msg: Msg::Request(Request { channel, method }) }
            }
            (_, effect) => effect,
        })
    }
}

fn delivers(reply: &Reply, msg: MessageId) -> bool {
    matches!(&reply.frame, Frame::Deliver { delivery, .. } if delivery.message.id == msg)
}

fn changed(method: Method, change: impl FnOnce(&mut Publication)) -> Method {
    let Method::Publish { mandatory, mut message } = method else { return method };
    let mut publication = (*message.publication).clone();
    change(&mut publication);
    message.publication = publication.into();
    Method::Publish { mandatory, message }
}

fn emit(effect: Effect<Mq>, ctx: &mut Ctx<'_, Mq>) {
    match effect {
        Effect::Send { to, msg } => ctx.send(to, msg),
        Effect::Arm { timer, after } => ctx.arm(timer, after),
        Effect::Disarm(timer) => ctx.disarm(timer),
        Effect::Close(peer) => ctx.close(peer),
        Effect::Note(note) => ctx.note(note),
        Effect::Fact(fact, note) => {
            let told = ctx.telling(Some(fact));
            ctx.note(note);
            ctx.telling(told);
        }
        Effect::Work(span) => ctx.work(span),
    }
}

// ── the scenarios ──

/// The nodes in the order in which a scenario makes them: broker, services, producers, consumers.
const BROKER: NodeId = NodeId(0);
const SERVICE: NodeId = NodeId(1);
const PRODUCER: NodeId = NodeId(2);
const CONSUMER: NodeId = NodeId(3);

/// What differs from one scenario to the next.
#[derive(Clone, Copy, Debug)]
struct Case {
    wrong: Wrong,
    at: NodeId,
    class: Class,
    kind: &'static str,
    arguments: &'static str,
    producer: &'static str,
    consumer: &'static str,
    more: &'static str,
    /// What the mutant's node is built with instead of `arguments`.
    instead: Option<&'static str>,
}

const DLX: &str = "x-dead-letter-exchange = \"\", x-dead-letter-routing-key = \"dead\"";
const LIMIT: &str = "x-delivery-limit = 3, x-dead-letter-exchange = \"\", \
                     x-dead-letter-routing-key = \"dead\"";
const POISON: &str = "confirm = true\npoison = { every = 10 }";
const REQUEUE: &str = "prefetch = 5\non_failure = \"nack-requeue\"";
const DISCARD: &str = "prefetch = 5\non_failure = \"nack-discard\"";
const INSPECTOR: &str = "[[consumer]]\nname = \"inspector\"\nqueue = \"dead\"\n";

const fn case(wrong: Wrong, class: Class) -> Case {
    Case {
        wrong,
        at: BROKER,
        class,
        kind: "classic",
        arguments: "",
        producer: "confirm = true",
        consumer: "prefetch = 5",
        more: "",
        instead: None,
    }
}

/// The kill matrix.
const CASES: &[Case] = &[
    case(Wrong::ConfirmsWithoutStoring, Class::LostAcknowledged),
    Case {
        more: "[[fault]]\nat = \"120ms\"\ndo = { crash = \"rabbit\" }\nrestart_after = \"100ms\"\n",
        consumer: "joined = false",
        ..case(Wrong::ForgetsToWrite, Class::LostAcknowledged)
    },
    Case {
        arguments: "x-max-length = 3, x-overflow = \"reject-publish\"",
        consumer: "joined = false",
        ..case(Wrong::ConfirmsRefused, Class::LostAcknowledged)
    },
    Case {
        producer: "confirm = true\npoison = { every = 10, fails = 1 }",
        consumer: REQUEUE,
        ..case(Wrong::LosesRequeue, Class::Leak)
    },
    case(Wrong::ExpiresUnacked, Class::Leak),
    Case {
        arguments: DLX,
        producer: POISON,
        consumer: DISCARD,
        more: INSPECTOR,
        ..case(Wrong::StripsDeathHeader, Class::DeadLetterHeader)
    },
    Case {
        arguments: DLX,
        producer: "poison = { every = 10 }",
        consumer: DISCARD,
        ..case(Wrong::DeadLettersTwice, Class::DuplicateLog)
    },
    Case { producer: "", ..case(Wrong::StoresTwice, Class::DuplicateLog) },
    Case {
        arguments: DLX,
        consumer: REQUEUE,
        more: "[[fault]]\nat = \"100ms\"\ndo = { outage = \"charge\" }\nfor = \"50ms\"\n",
        ..case(Wrong::DeadLettersRequeue, Class::HealthyDeadLettered)
    },
    case(Wrong::RedeliversAcked, Class::DuplicateDelivery),
    Case {
        producer: "confirm = true\npoison = { every = 10, fails = 1 }",
        consumer: REQUEUE,
        ..case(Wrong::ForgetsRedelivered, Class::RedeliveredFlag)
    },
    case(Wrong::ExceedsPrefetch, Class::PrefetchExceeded),
    Case {
        consumer: "",
        more: "[[fault]]\nat = \"80ms\"\ndo = { crash = \"worker\" }\n",
        ..case(Wrong::PushesToClosed, Class::ClosedChannel)
    },
    case(Wrong::Reorders, Class::Reordered),
    case(Wrong::Invents, Class::Phantom),
    case(Wrong::Withholds, Class::Stuck),
    Case {
        at: CONSUMER,
        more: "[[judge.bound]]\nconsumer = \"worker\"\nunacked = 5\n",
        ..case(Wrong::IgnoresPrefetch, Class::Unbounded)
    },
    Case { at: SERVICE, ..case(Wrong::ServesTwice, Class::DuplicateEffect) },
    Case {
        kind: "quorum",
        arguments: LIMIT,
        instead: Some("x-delivery-limit = -1"),
        producer: POISON,
        consumer: REQUEUE,
        ..case(Wrong::Misconfigured, Class::PoisonLoop)
    },
    Case {
        arguments: DLX,
        instead: Some(""),
        producer: POISON,
        consumer: DISCARD,
        ..case(Wrong::Misconfigured, Class::DeadLetterLoss)
    },
];

fn scenario(case: &Case, arguments: &str) -> Scenario {
    let Case { kind, producer, consumer, more, .. } = case;
    let text = format!(
        r#"
title   = "Where a mutant is found out"
profile = "rabbitmq-4.2"
horizon = "20s"

[[rabbitmq.queue]]
name = "orders"
type = "{kind}"
arguments = {{ {arguments} }}

[[rabbitmq.queue]]
name = "dead"

[[service]]
name = "charge"

[[producer]]
name = "checkout"
publish = {{ exchange = "", routing_key = "orders", persistent = true }}
messages = 60
rate = "400/s"
keys = 4
{producer}

[[consumer]]
name = "worker"
queue = "orders"
concurrency = 1
handler = {{ takes = {{ uniform = ["3ms", "9ms"] }}, effect = "charge" }}
{consumer}

{more}
"#
    );
    let loaded = Scenario::load("mutant", &text, &[]);
    loaded.unwrap_or_else(|problems| panic!("{:?}: {problems}", case.wrong)).0
}

/// Plays the scenario of a case, with its mutant or without.
fn play(case: &Case, mutant: bool, seed: u64) -> Outcome {
    let told = scenario(case, case.arguments);
    let built = scenario(case, case.instead.filter(|_| mutant).unwrap_or(case.arguments));
    let system = built.system();
    let setup = system.seeded(seed);
    let nodes = setup.nodes.into_iter().zip(0..).map(|(inner, id)| {
        if mutant && NodeId(id) == case.at {
            let wrong = case.wrong;
            Lab::Mutant(Box::new(Mutant { inner, wrong, seen: 0, kept: None, sent: Vec::new() }))
        } else {
            Lab::Healthy(Box::new(inner))
        }
    });
    let setup = Setup {
        nodes: nodes.collect(),
        latency: setup.latency,
        latencies: setup.latencies,
        plan: setup.plan,
        triggers: setup.triggers,
        seed: setup.seed,
    };
    let mut audit = Audit::new(told.rules().clone());
    let mut timeline = Timeline::new(&setup, &mut audit);
    timeline.run(system.horizon, 200_000, &mut audit);
    let end = End {
        at: system.horizon,
        step: timeline.world().steps(),
        healed: true,
        quiet: timeline.next_due().is_none(),
        waiting: timeline.waiting().collect(),
    };
    audit.finish(end, told.cast())
}

const SEEDS: std::ops::RangeInclusive<u64> = 1..=10;

#[test]
fn every_mutant_is_killed_by_the_class_that_names_it() {
    let mut survivors = Vec::new();
    for case in CASES {
        let killed = SEEDS.filter(|&seed| {
            play(case, true, seed).verdicts.breaches().iter().any(|it| it.class == case.class)
        });
        if killed.count() == 0 {
            let verdicts = play(case, true, 1).verdicts;
            let others: Vec<Name> =
                verdicts.breaches().iter().map(|it| it.class.name().into()).collect();
            survivors.push(format!(
                "{:?} is not killed by {}, only by {others:?}",
                case.wrong, case.class
            ));
        }
    }
    assert!(survivors.is_empty(), "{}", survivors.join("\n"));
}

#[test]
fn where_a_mutant_is_killed_the_healthy_system_keeps_the_guarantee() {
    let mut wrong = Vec::new();
    for case in CASES {
        for seed in SEEDS {
            let outcome = play(case, false, seed);
            let breaches = outcome.verdicts.breaches();
            wrong.extend(
                breaches
                    .iter()
                    .filter(|it| it.class == case.class)
                    .map(|it| format!("{:?}, seed {seed}: {it:?}", case.wrong)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A class that kills no mutant may never say anything.
#[test]
fn every_class_kills_a_mutant() {
    let idle: Vec<&str> = Class::ALL
        .iter()
        .filter(|class| !class.of_logs())
        .filter(|class| CASES.iter().all(|case| case.class != **class))
        .map(|class| class.name())
        .collect();
    assert!(idle.is_empty(), "{idle:?}");
}
