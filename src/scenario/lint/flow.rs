//! Where messages can get to: queues that nothing reaches or nobody empties, and dead letters that
//! nobody catches. All of it is legal, so all of it is a warning.

use std::collections::BTreeSet;

use crate::scenario::names::Names;
use crate::scenario::problem::{Problem, Problems, Spot};
use crate::scenario::tree::{Entry, Tree};

/// What the clients and the broker may publish to.
#[derive(Default)]
struct Flow<'a> {
    /// Exchanges that somebody publishes to.
    exchanges: BTreeSet<&'a str>,
    /// Routing keys that somebody uses with the default exchange.
    keys: BTreeSet<String>,
    /// A routing key that cannot be known beforehand is used with the default exchange.
    any_key: bool,
}

pub(super) fn check(tree: &Tree, names: &Names, problems: &mut Problems) {
    let Some(rabbit) = tree.table("rabbitmq") else { return };
    let mut flow = Flow::default();
    for (exchange, key, spot) in published(tree) {
        flow.publish(exchange, &key);
        let certain = exchange.is_empty() && !key.contains("{key}");
        if certain && !names.is_queue(&key) && !delay_queue(tree, &key) {
            let title =
                format!("no queue is called `{key}`: the broker drops what is published here");
            problems.push(
                Problem::warning(spot, title)
                    .help("a publish that cannot be routed is confirmed all the same; `mandatory` brings it back"),
            );
        }
    }
    for queue in rabbit.tables("queue") {
        dead_letters(queue, rabbit, names, &mut flow, problems);
    }
    for table in tree.tables("consumer").filter_map(|consumer| consumer.table("retry")) {
        let own = table.text("queue").map(str::to_owned);
        flow.keys.extend(own);
        flow.keys.extend(table.text("delay_queue").map(str::to_owned));
    }
    for consumer in tree.tables("consumer").filter(|consumer| consumer.has("retry")) {
        flow.keys.extend(consumer.text("queue").map(str::to_owned));
    }
    flow.follow(rabbit);
    for queue in rabbit.tables("queue") {
        let reached = flow.reaches(queue.name(), rabbit) || delay_queue(tree, queue.name());
        let consumed = tree.tables("consumer").any(|it| it.text("queue") == Some(queue.name()));
        ends(tree, queue, reached, consumed, problems);
    }
}

/// Everything that clients publish: exchange, routing key, and where that stands.
fn published(tree: &Tree) -> Vec<(&str, String, &Spot)> {
    fn target(table: &Tree) -> Option<(&str, String, &Spot)> {
        let key = table.text("routing_key")?.to_owned();
        Some((table.text("exchange")?, key, table.spot_of("routing_key")))
    }
    let publishes = tree.tables("producer").flat_map(|producer| producer.tables("publish"));
    let handlers = tree.tables("consumer").filter_map(|consumer| consumer.table("handler"));
    let forwards = handlers.flat_map(|handler| handler.tables("forward"));
    let retries = tree.tables("consumer").filter_map(|consumer| consumer.table("retry"));
    let copies = retries.flat_map(|retry| [retry.table("to"), retry.table("exhausted")]).flatten();
    let bridges = tree.table("kafka").into_iter().flat_map(|kafka| kafka.tables("consumer"));
    let bridged = bridges.flat_map(|bridge| bridge.tables("publish"));
    publishes.chain(forwards).chain(bridged).chain(copies).filter_map(target).collect()
}

/// Whether a retry makes queues with names that begin like this.
fn delay_queue(tree: &Tree, name: &str) -> bool {
    tree.tables("consumer").any(|consumer| {
        let own = format!("{}.retry.", consumer.text("queue").unwrap_or_default());
        consumer
            .table("retry")
            .is_some_and(|retry| name.starts_with(retry.text("prefix").unwrap_or(&own)))
    })
}

fn dead_letters<'a>(
    queue: &'a Tree,
    rabbit: &Tree,
    names: &Names,
    flow: &mut Flow<'a>,
    problems: &mut Problems,
) {
    let Some(arguments) = queue.table("arguments") else { return };
    let Some(exchange) = arguments.text("x-dead-letter-exchange") else { return };
    let key = arguments.text("x-dead-letter-routing-key");
    match key {
        Some(key) => flow.publish(exchange, key),
        None => {
            flow.exchanges.insert(exchange);
            flow.any_key |= exchange.is_empty();
        }
    }
    let spot = arguments.spot_of("x-dead-letter-exchange");
    let silently = "dead letters that cannot be routed are dropped without a word";
    let exchange_says = if !names.is_exchange(exchange) {
        Some(format!(
            "there is no exchange `{exchange}` for the dead letters of `{}`",
            queue.name()
        ))
    } else if exchange.is_empty() {
        let missing = key.filter(|key| !names.is_queue(key));
        missing.map(|key| {
            format!("no queue is called `{key}` for the dead letters of `{}`", queue.name())
        })
    } else {
        let bound = rabbit.tables("binding").any(|it| it.text("source") == Some(exchange));
        (!bound).then(|| {
            format!(
                "nothing is bound to `{exchange}`, where the dead letters of `{}` go",
                queue.name()
            )
        })
    };
    if let Some(title) = exchange_says {
        problems.push(Problem::warning(spot, title).help(silently));
    }
}

/// Queues at which something ends that should not.
fn ends(tree: &Tree, queue: &Tree, reached: bool, consumed: bool, problems: &mut Problems) {
    let name = queue.name();
    let spot = queue.spot_of("name");
    let rpc = tree.tables("producer").filter_map(|producer| producer.table("rpc"));
    let reply = rpc.into_iter().any(|rpc| rpc.text("reply_queue") == Some(name));
    if !reached && !reply {
        problems.push(
            Problem::warning(spot, format!("nothing is ever published to the queue `{name}`"))
                .help("bind it to an exchange that a producer publishes to, or leave it out"),
        );
    }
    let arguments = queue.table("arguments");
    let has = |key| arguments.is_some_and(|arguments| arguments.has(key));
    let judge = tree.table("judge");
    let dead = judge.is_some_and(|judge| {
        judge.list("dead").iter().filter_map(Entry::as_text).any(|dead| dead == name)
    });
    let drains = has("x-message-ttl") || has("x-expires");
    if reached && !consumed && !drains && !dead && direct(tree, name) {
        problems.push(
            Problem::warning(spot, format!("nobody consumes the queue `{name}`"))
                .help("if messages are meant to rest there, say so: [judge] dead = [\"…\"]"),
        );
    }
    if consumed && has("x-message-ttl") {
        let arguments = arguments.map_or(&queue.spot, |it| it.spot_of("x-message-ttl"));
        let title =
            format!("a backlog longer than this time to live expires healthy messages of `{name}`");
        let dlx = if has("x-dead-letter-exchange") {
            "they are dead-lettered"
        } else {
            "they are dropped"
        };
        problems.push(Problem::warning(arguments, title).help(dlx));
    }
    let declared = || {
        let clients = tree.tables("producer").chain(tree.tables("consumer"));
        let mut lists = clients.flat_map(|client| {
            client.list("declares").iter().chain(client.list("declare_before_publish"))
        });
        lists.any(|entry| entry.as_text() == Some(name))
    };
    if !queue.flag("exists") && !declared() && !reply {
        let title = format!("nobody declares the queue `{name}`, so it never exists");
        problems.push(
            Problem::warning(queue.spot_of("exists"), title)
                .help(format!("say declares = [\"{name}\"] where the client is that declares it")),
        );
    }
}

/// Whether a producer publishes to this queue by its name.
fn direct(tree: &Tree, name: &str) -> bool {
    let publishes = tree.tables("producer").flat_map(|producer| producer.tables("publish"));
    publishes.into_iter().any(|publish| {
        publish.text("exchange") == Some("") && publish.text("routing_key") == Some(name)
    })
}

impl<'a> Flow<'a> {
    fn publish(&mut self, exchange: &'a str, key: &str) {
        self.exchanges.insert(exchange);
        if exchange.is_empty() {
            self.any_key |= key.contains("{key}");
            self.keys.insert(key.to_owned());
        }
    }

    /// Adds what exchanges lead to: bindings between them, and alternate exchanges.
    fn follow(&mut self, rabbit: &'a Tree) {
        loop {
            let before = self.exchanges.len();
            for binding in rabbit.tables("binding") {
                if let (Some(source), Some(destination)) =
                    (binding.text("source"), binding.text("destination"))
                    && self.exchanges.contains(source)
                {
                    self.exchanges.insert(destination);
                }
            }
            for exchange in rabbit.tables("exchange") {
                if self.exchanges.contains(exchange.name())
                    && let Some(arguments) = exchange.table("arguments")
                    && let Some(other) = arguments.text("alternate-exchange")
                {
                    self.exchanges.insert(other);
                }
            }
            if self.exchanges.len() == before {
                return;
            }
        }
    }

    fn reaches(&self, queue: &str, rabbit: &Tree) -> bool {
        let bound = || {
            rabbit.tables("binding").any(|binding| {
                binding.text("destination") == Some(queue)
                    && binding.text("source").is_some_and(|source| self.exchanges.contains(source))
            })
        };
        self.any_key || self.keys.contains(queue) || bound()
    }
}
