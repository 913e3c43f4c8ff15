//! From tables to what applications are told.

use std::sync::Arc;

use super::build::{Site, queue};
use super::kind::Datum;
use super::names::Names;
use super::tree::{Entry, Tree};
use crate::client::{
    AckOrder, AckWhen, Again, Backoff, ChannelMode, ConnectionConfig, ConsumerConfig, CountBy,
    Declare, Destination, Exhausted, Forward, Keys, Mix, OnBlocked, OnCancel, OnFailure, Pacing,
    PoisonKind, ProducerConfig, Retry, Rpc, Script, Share, Via,
};
use crate::kernel::{Dist, NodeId, Span};
use crate::store::{Dedup, Outage, ServiceConfig};
use crate::talk::{
    Bind, MessageId, Method, Name, Properties, Publication, QueueDeclare, Rate, Settle,
};

/// What the queues of the file look like, for clients that declare them.
pub(super) struct Topology {
    queues: Vec<(QueueDeclare, Vec<Bind>)>,
}

impl Topology {
    pub(super) fn of(tree: &Tree) -> Topology {
        let Some(rabbit) = tree.table("rabbitmq") else { return Topology { queues: Vec::new() } };
        let bindings = |name: &str| {
            let mine =
                rabbit.tables("binding").filter(|table| table.text("destination") == Some(name));
            mine.map(|table| Bind {
                source: table.text("source").unwrap_or_default().into(),
                destination: name.into(),
                key: table.text("routing_key").unwrap_or_default().into(),
                arguments: table.table("arguments").map(Tree::headers).unwrap_or_default(),
            })
            .collect()
        };
        let queues = rabbit.tables("queue").map(|table| (queue(table), bindings(table.name())));
        Topology { queues: queues.collect() }
    }

    /// The methods that declare these queues, with their bindings if they are wanted.
    fn declare(&self, names: &[Entry], bind: bool) -> Vec<Method> {
        let mut methods = Vec::new();
        for name in names.iter().filter_map(Entry::as_text) {
            for (declare, bindings) in self.queues.iter().filter(|(queue, _)| queue.queue == *name)
            {
                methods.push(Method::QueueDeclare(Box::new(declare.clone())));
                if bind {
                    let bindings = bindings.iter().cloned();
                    methods.extend(bindings.map(|it| Method::QueueBind(Box::new(it))));
                }
            }
        }
        methods
    }
}

pub(super) fn connection(table: &Tree, site: &Site) -> ConnectionConfig {
    // the nodes in turn, from the one that it prefers
    let mut brokers = site.brokers.clone();
    let first = table.text("broker").and_then(|name| site.broker(name)).unwrap_or_default();
    brokers.rotate_left(first);
    ConnectionConfig {
        broker: brokers.first().copied().unwrap_or(NodeId(0)),
        others: brokers.into_iter().skip(1).collect(),
        heartbeat: negotiated(site.heartbeat, table.span("heartbeat").unwrap_or_default()),
        connect_timeout: table.span("connect_timeout").unwrap_or_default(),
        reconnect: table.dist("reconnect").unwrap_or_default(),
        topology: site.topology.declare(table.list("declares"), true),
        joined: table.flag("joined"),
    }
}

/// The shorter of both wishes; zero has none. (amqplib `lib/connection.js`, `negotiate`)
fn negotiated(server: Span, client: Span) -> Span {
    if server.is_zero() || client.is_zero() { server.max(client) } else { server.min(client) }
}

pub(super) fn producer(
    table: &Tree,
    name: &str,
    first_id: MessageId,
    site: &Site,
) -> ProducerConfig {
    let again = |key| if table.text(key) == Some("resend") { Again::Resend } else { Again::GiveUp };
    let declare_before_publish = site
        .topology
        .declare(table.list("declare_before_publish"), false)
        .into_iter()
        .map(|method| match method {
            Method::QueueDeclare(declare) => {
                Method::QueueDeclare(Box::new(QueueDeclare { nowait: true, ..*declare }))
            }
            other => other,
        })
        .collect();
    ProducerConfig {
        name: name.into(),
        connection: connection(table, site),
        publish: table.tables("publish").map(share).collect(),
        mix: if table.text("mix") == Some("drawn") { Mix::Drawn } else { Mix::InTurn },
        keys: keys(table),
        messages: table.number("messages"),
        first_id,
        begins: table.span("begins").unwrap_or_default(),
        pacing: if table.text("pace") == Some("window") {
            Pacing::Window
        } else {
            Pacing::Every(table.dist("rate").unwrap_or_default())
        },
        window: table.number("window"),
        confirm: table.flag("confirm"),
        mandatory: table.flag("mandatory"),
        declare_before_publish,
        on_unknown: again("on_unknown"),
        on_nack: again("on_nack"),
        on_return: again("on_return"),
        again_after: table.span("again_after").unwrap_or_default(),
        confirm_timeout: table.span("confirm_timeout"),
        on_blocked: if table.text("on_blocked") == Some("wait") {
            OnBlocked::Wait
        } else {
            OnBlocked::KeepWriting
        },
        outbox: table.flag("outbox"),
        rpc: table.table("rpc").map(|rpc| Rpc {
            reply_queue: rpc.text("reply_queue").unwrap_or_default().into(),
            timeout: rpc.span("timeout").unwrap_or_default(),
            on_timeout: if rpc.text("on_timeout") == Some("resend") {
                Again::Resend
            } else {
                Again::GiveUp
            },
        }),
    }
}

/// The properties of what a `publish` table says.
pub(super) fn properties(table: &Tree) -> Properties {
    Properties {
        persistent: table.flag("persistent"),
        priority: table.has("priority").then(|| table.number("priority")),
        expiration: table.text("expiration").map(Name::from),
        headers: table.table("headers").map(Tree::headers).unwrap_or_default(),
        ..Properties::default()
    }
}

fn share(table: &Tree) -> Share {
    Share {
        weight: table.number("weight"),
        publication: Publication {
            exchange: table.text("exchange").unwrap_or_default().into(),
            routing_key: table.text("routing_key").unwrap_or_default().into(),
            properties: properties(table),
            size: table.number("size"),
            key: 0,
        },
    }
}

pub(super) fn keys(table: &Tree) -> Keys {
    let Some(entry) = table.entry("keys") else { return Keys::None };
    let Some(keys) = entry.as_table() else { return Keys::InTurn(table.number("keys")) };
    let count = keys.number("count");
    match keys.text("pick") {
        Some("drawn") => Keys::Drawn(count),
        Some("skewed") => Keys::Skewed { keys: count, hot: keys.chance("hot").unwrap_or_default() },
        _ => Keys::InTurn(count),
    }
}

/// Messages with which something is wrong, and for which consumers (all, when there are none).
pub(super) struct Ill {
    messages: Vec<MessageId>,
    kind: PoisonKind,
    consumers: Vec<String>,
}

/// All poison, with the identities that messages get.
pub(super) fn poison(tree: &Tree, names: &Names) -> Vec<Ill> {
    let mut first: u32 = 1;
    let mut all = Vec::new();
    for producer in super::producers(tree) {
        let count: u32 = producer.number("messages");
        for _ in names.members(producer.name()) {
            for table in producer.tables("poison") {
                let numbers: Vec<u32> = if table.has("every") {
                    let every = table.number::<usize>("every").max(1);
                    (1..=count).skip(every - 1).step_by(every).collect()
                } else {
                    let items = table.list("messages").iter().filter_map(Entry::as_whole);
                    items.filter_map(|n| u32::try_from(n).ok()).collect()
                };
                let consumers = table.list("consumers").iter().filter_map(Entry::as_text);
                all.push(Ill {
                    messages: numbers.into_iter().map(|n| MessageId(first + n - 1)).collect(),
                    kind: poison_kind(table),
                    consumers: consumers.map(str::to_owned).collect(),
                });
            }
            first += count;
        }
    }
    all
}

fn poison_kind(table: &Tree) -> PoisonKind {
    if table.has("fails") {
        PoisonKind::Times(table.number("fails"))
    } else if table.has("until_attempt") {
        PoisonKind::UntilAttempt(table.number("until_attempt"))
    } else if let Some(takes) = table.dist("takes") {
        PoisonKind::Takes(takes)
    } else if table.whole("kills").is_some() {
        PoisonKind::KillsTimes(table.number("kills"))
    } else if table.flag("kills") {
        PoisonKind::Kills
    } else {
        PoisonKind::Always
    }
}

pub(super) fn consumer(table: &Tree, name: &str, poison: &[Ill], site: &Site) -> ConsumerConfig {
    let handler = table.table("handler");
    let queue = table.text("queue").unwrap_or_default();
    let script = poisoned(script(handler, site), table.name(), poison);
    ConsumerConfig {
        connection: connection(table, site),
        prefetch: table.number("prefetch"),
        global: table.flag("global"),
        no_ack: table.flag("no_ack"),
        exclusive: table.flag("exclusive"),
        arguments: table.table("arguments").map(Tree::headers).unwrap_or_default(),
        concurrency: table.number("concurrency"),
        call_timeout: handler.and_then(|handler| handler.span("timeout")),
        count: count_by(table.text("count_by")),
        ack: match table.text("ack") {
            Some("before-effect") => AckWhen::BeforeEffect,
            Some("on-receipt") => AckWhen::OnReceipt,
            _ => AckWhen::AfterEffect,
        },
        on_failure: on_failure(table, queue),
        channel: match table.text("channel") {
            Some("confirm") => ChannelMode::Confirm,
            Some("tx") => ChannelMode::Tx,
            _ => ChannelMode::Plain,
        },
        stale_acks: table.flag("stale_acks"),
        on_cancel: match table.text("on_cancel") {
            Some("ignore") => OnCancel::Ignore,
            Some("crash") => OnCancel::Crash,
            _ => OnCancel::Reconnect,
        },
        respawn: match table.entry("respawn").map(|entry| &entry.value) {
            Some(Datum::Dist(dist)) => Some(*dist),
            Some(Datum::Bool(true)) => Some(Dist::Fixed(Span::from_secs(1))),
            _ => None,
        },
        atomic: table.flag("atomic"),
        ..ConsumerConfig::handling(name, NodeId(0), queue, script)
    }
}

/// The handler of this consumer with the messages that are poison to it.
pub(super) fn poisoned(mut script: Script, consumer: &str, poison: &[Ill]) -> Script {
    for ill in poison {
        if ill.consumers.is_empty() || ill.consumers.iter().any(|it| it == consumer) {
            script = script.poison(ill.messages.clone(), ill.kind);
        }
    }
    script
}

pub(super) fn script(handler: Option<&Tree>, site: &Site) -> Script {
    let Some(handler) = handler else { return Script::takes(Dist::default()) };
    let rate = |key| handler.chance(key).unwrap_or(Rate::NEVER);
    let mut script = Script::takes(handler.dist("takes").unwrap_or_default())
        .blocking(handler.flag("blocking"))
        .reply(handler.flag("reply"))
        .fails(rate("fails"))
        .fails_after_effect(rate("fails_after_effect"));
    for effect in handler.list("effect").iter().filter_map(Entry::as_text) {
        if let Some(target) = site.target(effect) {
            script = script.effect(target);
        }
    }
    for forward in handler.tables("forward") {
        script = script.forward(Forward {
            exchange: forward.text("exchange").unwrap_or_default().into(),
            routing_key: forward.text("routing_key").unwrap_or_default().into(),
            mandatory: forward.flag("mandatory"),
            wait_for_confirm: forward.flag("wait_for_confirm"),
        });
    }
    script
}

fn count_by(word: Option<&str>) -> CountBy {
    match word {
        Some("header") => CountBy::Header,
        Some("delivery-count") => CountBy::DeliveryCount,
        Some("redelivered") => CountBy::Redelivered,
        Some("x-death") => CountBy::Deaths,
        _ => CountBy::Memory,
    }
}

fn on_failure(table: &Tree, queue: &str) -> OnFailure {
    match (table.text("on_failure"), table.table("retry")) {
        (Some("retry"), Some(retry)) => OnFailure::Retry(Arc::new(retry_of(retry, queue))),
        (Some("nack-discard"), _) => OnFailure::NackDiscard,
        (Some("reject-requeue"), _) => OnFailure::RejectRequeue,
        (Some("reject-discard"), _) => OnFailure::RejectDiscard,
        (Some("ack"), _) => OnFailure::Ack,
        (Some("nothing"), _) => OnFailure::Nothing,
        (Some("crash"), _) => OnFailure::Crash,
        _ => OnFailure::NackRequeue,
    }
}

fn retry_of(table: &Tree, queue: &str) -> Retry {
    let to = |table: &Tree| Destination {
        exchange: table.text("exchange").unwrap_or_default().into(),
        routing_key: table.text("routing_key").unwrap_or_default().into(),
        header: table.text("header").map(Name::from),
    };
    let backoff = Backoff {
        base: table.span("base").unwrap_or_default(),
        multiplier: table.number("multiplier"),
        cap: table.span("cap").unwrap_or_default(),
        jitter: table.chance("jitter").unwrap_or_default(),
    };
    let via = match table.text("via") {
        Some("message-ttl") => {
            let queue = table.text("delay_queue").unwrap_or_default().into();
            Via::PerMessageTtl { queue, backoff }
        }
        Some("republish") => {
            let own = Destination { routing_key: queue.into(), ..Destination::default() };
            Via::Republish { to: table.table("to").map_or(own, to) }
        }
        Some("nack-requeue") => Via::Requeue(Settle::NackRequeue),
        Some("reject-requeue") => Via::Requeue(Settle::RejectRequeue),
        _ => {
            let back = table.text("queue").unwrap_or(queue);
            let prefix =
                table.text("prefix").map_or_else(|| format!("{queue}.retry."), str::to_owned);
            Via::DelayQueue {
                queue: back.into(),
                prefix: prefix.into(),
                backoff,
                declare: match table.text("declare") {
                    Some("once") => Declare::Once,
                    Some("never") => Declare::Never,
                    _ => Declare::BeforeEachPublish,
                },
                expires: match table.entry("expires").map(|entry| &entry.value) {
                    Some(Datum::Whole(percent)) => u32::try_from(*percent).ok(),
                    Some(Datum::Bool(true)) => Some(200),
                    _ => None,
                },
                arguments: table.table("arguments").map(Tree::headers).unwrap_or_default(),
            }
        }
    };
    Retry {
        count: count_by(table.text("count_by")),
        max_retries: table.number("max_retries"),
        via,
        exhausted: match (table.table("exhausted"), table.text("exhausted")) {
            (Some(table), _) => Exhausted::Publish(to(table)),
            (None, Some("reject-discard")) => Exhausted::Settle(Settle::RejectDiscard),
            (None, Some("nack-requeue")) => Exhausted::Settle(Settle::NackRequeue),
            (None, Some("ack")) => Exhausted::Settle(Settle::Ack),
            (None, _) => Exhausted::Settle(Settle::NackDiscard),
        },
        header: table.text("header").unwrap_or_default().into(),
        persistent: table.flag("persistent"),
        mandatory: table.flag("mandatory"),
        wait_for_confirm: table.flag("wait_for_confirm"),
        order: if table.text("order") == Some("ack-then-publish") {
            AckOrder::AckThenPublish
        } else {
            AckOrder::PublishThenAck
        },
    }
}

pub(super) fn service(table: &Tree) -> ServiceConfig {
    ServiceConfig {
        name: table.name().into(),
        index: 0, // the builder gives it its place
        takes: table.dist("takes").unwrap_or_default(),
        servers: table.number("servers"),
        fails: table.chance("fails").unwrap_or_default(),
        fails_after_effect: table.chance("fails_after_effect").unwrap_or_default(),
        outage: if table.text("outage") == Some("hangs") { Outage::Hangs } else { Outage::Refuses },
        forgets: table.span("forgets"),
        dedup: match (table.span("dedup_for"), table.flag("dedup")) {
            (Some(span), _) => Dedup::For(span),
            (None, true) => Dedup::Always,
            (None, false) => Dedup::Never,
        },
    }
}
