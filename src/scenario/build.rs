//! From a checked document to a system.
//!
//! Nothing is wrong here any more: names lead somewhere, numbers are in their ranges. What could
//! still be refused is what a broker refuses to define, and that has been asked for beforehand.

use super::build_client::{Topology, consumer, producer, service};
use super::build_kafka;
use super::event::Event;
use super::incident::{Act, Incident, Moment};
use super::names::Names;
use super::problem::Spot;
use super::systems;
use super::tree::{Entry, Tree};
use crate::check::{Cast, ConsumerRule, Order, Part, QueueRule, Role, Rules, ServiceRule};
use crate::client::Target;
use crate::kernel::{Link, NodeId, Span};
use crate::rabbit::{Binding, Config, Destination, Profile, QuorumPriorities};
use crate::system::{BuildError, Fault, System, SystemBuilder};
use crate::talk::kafka::TopicPartition;
use crate::talk::{
    self, Cue, ExchangeDeclare, KafkaOrder, MessageId, Name, Policy, QueueDeclare, Value,
};

/// What a scenario becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Built {
    /// The system.
    pub system: System,
    /// What is judged.
    pub rules: Rules,
    /// Who is who.
    pub cast: Cast,
    /// Where the faults stand that wait for an event, in the order of the setup's triggers.
    pub triggers: Vec<Spot>,
}

/// Builds the system.
///
/// # Errors
/// What the broker refuses to define.
pub(super) fn build(
    tree: &Tree,
    names: &Names,
    incidents: &[Incident],
) -> Result<Built, BuildError> {
    let mut builder = SystemBuilder::new();
    let mut cast = Cast::default();
    let mut join = |name: &Name, group: &str, role| {
        cast.parts.push(Part { name: name.clone(), group: group.into(), role });
    };
    let mut config = broker(tree);
    let nodes = names.members("rabbit");
    let brokers: Vec<NodeId> = (0..nodes.len() as u32).map(NodeId).collect();
    if brokers.len() > 1 {
        config.members.clone_from(&brokers);
        config.member_names = nodes.iter().map(|&node| node.into()).collect();
        let queues = tree.table("rabbitmq").into_iter().flat_map(|it| it.tables("queue"));
        config.homes = queues
            .filter_map(|table| {
                let node = table.text("node")?;
                let place = nodes.iter().position(|name| *name == node)?;
                Some((table.name().into(), brokers[place]))
            })
            .collect();
    }
    for &node in &nodes {
        builder.broker(node, config.clone())?;
        join(&node.into(), "rabbitmq", Role::Broker);
    }
    let mut cluster = None;
    if let Some(kafka) = tree.table("kafka") {
        let (config, mut site) = build_kafka::cluster(tree, kafka)?;
        let controllers = names.members("controller");
        let members = names.members("kafka");
        builder.kafka(config, members.len() as u16, controllers.len() as u16)?;
        for node in controllers.iter().chain(&members) {
            join(&(*node).into(), "kafka", Role::Broker);
        }
        site.brokers = members.iter().filter_map(|name| builder.node(name)).collect();
        cluster = Some((kafka, site));
    }

    let mut services = Vec::new();
    for table in tree.tables("service") {
        let config = service(table);
        join(&config.name.clone(), table.name(), Role::Service);
        services.push((table.name().to_owned(), builder.service(config)?));
    }
    for name in local_effects(tree, names) {
        let target = builder.local_effect(&name)?;
        services.push((name, target));
    }

    let topology = Topology::of(tree);
    let server = tree.table("rabbitmq").and_then(|table| table.span("heartbeat"));
    let site = Site {
        nodes: nodes.iter().map(|&node| node.into()).collect(),
        brokers,
        heartbeat: server.unwrap_or_default(),
        topology,
        services,
    };
    let mut first = 1;
    for table in tree.tables("producer") {
        for name in names.members(table.name()) {
            let config = producer(table, name, MessageId(first), &site);
            first += config.messages;
            join(&config.name.clone(), table.name(), Role::Producer);
            builder.producer(config)?;
        }
    }
    let poison = super::build_client::poison(tree, names);
    for table in tree.tables("consumer") {
        for name in names.members(table.name()) {
            let config = consumer(table, name, &poison, &site);
            join(&config.name.clone(), table.name(), Role::Consumer);
            builder.consumer(config)?;
        }
    }

    if let Some((kafka, cluster)) = &cluster {
        for (table, name) in build_kafka::members(kafka, "producer", names) {
            let config = cluster.producer(table, name, MessageId(first));
            first += config.messages;
            join(&config.name.clone(), table.name(), Role::Producer);
            builder.kafka_producer(config)?;
        }
        for (table, name) in build_kafka::members(kafka, "consumer", names) {
            let config = cluster.consumer(table, name, &poison, &site);
            join(&config.name.clone(), table.name(), Role::Consumer);
            match build_kafka::publisher(table, &site) {
                Some(publisher) => builder.bridge(config, publisher)?,
                None => builder.kafka_consumer(config)?,
            };
        }
    }

    builder.horizon(tree.span("horizon").unwrap_or_default());
    builder.seed(tree.number("seed"));
    network(tree, names, &mut builder);
    for incident in incidents {
        plan(incident, &mut builder);
    }
    let mut system = builder.build();
    one_way_links(tree, names, &mut system);
    cast.services.clone_from(&system.services);
    cast.topics.clone_from(&system.topics);
    cast.groups.clone_from(&system.groups);
    cast.txns.clone_from(&system.txns);
    let mut rules = rules(tree, &system, names);
    if let Some((kafka, cluster)) = cluster {
        rules.groups = cluster.group_rules(kafka, &site);
        rules.topics = cluster.rules;
    }
    let waits = incidents.iter().filter(|it| matches!(it.moment, Moment::When(_)));
    let triggers = waits.map(|it| it.when.clone()).collect();
    Ok(Built { system, rules, cast, triggers })
}

/// What clients need to know of their surroundings.
pub(super) struct Site {
    /// The nodes of the cluster, in order.
    pub(super) brokers: Vec<NodeId>,
    /// Their names.
    pub(super) nodes: Vec<Name>,
    /// The heartbeat that the broker suggests.
    pub(super) heartbeat: Span,
    pub(super) topology: Topology,
    pub(super) services: Vec<(String, Target)>,
}

impl Site {
    /// The place of a node among the brokers.
    pub(super) fn broker(&self, name: &str) -> Option<usize> {
        self.nodes.iter().position(|node| *node == *name)
    }

    pub(super) fn target(&self, effect: &str) -> Option<Target> {
        self.services.iter().find(|(name, _)| name == effect).map(|(_, target)| *target)
    }
}

/// Effects that no service stands for: they take place inside of the handlers.
fn local_effects(tree: &Tree, names: &Names) -> Vec<String> {
    let mut local: Vec<String> = Vec::new();
    for handler in super::consumers(tree).filter_map(|consumer| consumer.table("handler")) {
        for effect in handler.list("effect").iter().filter_map(Entry::as_text) {
            if !names.is_service(effect) && !local.iter().any(|known| known == effect) {
                local.push(effect.to_owned());
            }
        }
    }
    local
}

/// The profile of a scenario.
pub(super) fn profile(tree: &Tree) -> Profile {
    Profile::by_name(systems::profile(tree, "rabbitmq")).copied().unwrap_or_default()
}

fn broker(tree: &Tree) -> Config {
    let mut config = Config::new(profile(tree));
    let Some(rabbit) = tree.table("rabbitmq") else { return config };
    let some = |key| rabbit.span(key).filter(|span| !span.is_zero());
    config.consumer_timeout = some("consumer_timeout");
    if let Some(tick) = some("channel_tick_interval") {
        config.channel_tick = tick;
    }
    if let Some(heartbeat) = rabbit.span("heartbeat") {
        config.heartbeat = heartbeat;
    }
    if let Some(timeout) = some("dead_letter_worker_publisher_confirm_timeout") {
        config.dead_letter_confirm_timeout = timeout;
    }
    config.exchanges = rabbit.tables("exchange").map(exchange).collect();
    let exists = |queue: &&Tree| queue.flag("exists");
    config.queues = rabbit.tables("queue").filter(exists).map(queue).collect();
    let queues: Vec<Name> = config.queues.iter().map(|queue| queue.queue.clone()).collect();
    let all: Vec<&str> = rabbit.tables("queue").map(Tree::name).collect();
    config.bindings = rabbit
        .tables("binding")
        .filter_map(|table| {
            let name = table.text("destination")?;
            let destination = if queues.iter().any(|queue| *queue == *name) {
                Destination::Queue(name.into())
            } else if all.contains(&name) {
                return None; // its queue comes later, and this binding with it
            } else {
                Destination::Exchange(name.into())
            };
            Some(Binding {
                source: table.text("source")?.into(),
                destination,
                key: table.text("routing_key")?.into(),
                arguments: table.table("arguments").map(Tree::headers).unwrap_or_default(),
            })
        })
        .collect();
    config.policies = rabbit
        .tables("policy")
        .map(|table| Policy {
            name: table.name().into(),
            pattern: table.text("pattern").unwrap_or_default().into(),
            definition: table.table("definition").map(Tree::headers).unwrap_or_default(),
        })
        .collect();
    config
}

fn exchange(table: &Tree) -> ExchangeDeclare {
    ExchangeDeclare {
        exchange: table.name().into(),
        kind: table.text("type").unwrap_or_default().into(),
        durable: table.flag("durable"),
        auto_delete: table.flag("auto_delete"),
        internal: table.flag("internal"),
        passive: false,
        arguments: table.table("arguments").map(Tree::headers).unwrap_or_default(),
    }
}

/// The declaration of a queue, as a client or a definitions file would write it.
pub(super) fn queue(table: &Tree) -> QueueDeclare {
    let mut arguments = table.table("arguments").map(Tree::headers).unwrap_or_default();
    let kind = table.text("type").unwrap_or_default();
    // a classic queue may or may not say that it is one, and most applications do not
    if kind != "classic" {
        arguments.insert("x-queue-type".into(), Value::from(kind));
    }
    QueueDeclare {
        queue: table.name().into(),
        durable: table.flag("durable"),
        exclusive: table.flag("exclusive"),
        auto_delete: table.flag("auto_delete"),
        passive: false,
        nowait: false,
        arguments,
    }
}

fn network(tree: &Tree, names: &Names, builder: &mut SystemBuilder) {
    let Some(network) = tree.table("network") else { return };
    builder.latency(network.dist("latency").unwrap_or_default());
    for link in network.tables("link").filter(|link| link.flag("both")) {
        for (a, b) in ends(link, names) {
            if let (Some(a), Some(b)) = (builder.node(&a), builder.node(&b)) {
                builder.link_latency(a, b, link.dist("latency").unwrap_or_default());
            }
        }
    }
}

fn one_way_links(tree: &Tree, names: &Names, system: &mut System) {
    let Some(network) = tree.table("network") else { return };
    for link in network.tables("link").filter(|link| !link.flag("both")) {
        for (a, b) in ends(link, names) {
            let (Some(from), Some(to)) = (system.node(&a), system.node(&b)) else { continue };
            let link_of = Link { from, to };
            system.setup.latencies.retain(|(its, _)| *its != link_of);
            system.setup.latencies.push((link_of, link.dist("latency").unwrap_or_default()));
        }
    }
}

fn ends(link: &Tree, names: &Names) -> Vec<(String, String)> {
    let end = |key| names.members(link.text(key).unwrap_or_default());
    let (from, to) = (end("from"), end("to"));
    from.iter().flat_map(|a| to.iter().map(|b| ((*a).to_owned(), (*b).to_owned()))).collect()
}

fn plan(incident: &Incident, builder: &mut SystemBuilder) {
    let faults: Vec<(Span, Fault)> = incident
        .acts
        .iter()
        .filter_map(|(after, act)| Some((*after, fault(act, builder)?)))
        .collect();
    match &incident.moment {
        Moment::At(at) => {
            for (after, fault) in faults {
                builder.at(*at + after, fault);
            }
        }
        Moment::When(event) => {
            let cue = cue(event, |name| builder.node(name));
            builder.when(cue, event.after, faults);
        }
    }
}

/// `node` finds a participant by its name.
pub(super) fn cue(event: &Event, node: impl Fn(&str) -> Option<NodeId>) -> Cue {
    Cue {
        node: event.by.as_deref().and_then(node),
        msg: event.message.map(MessageId),
        kind: event.kind,
        skip: event.nth.saturating_sub(1),
    }
}

fn fault(act: &Act, builder: &SystemBuilder) -> Option<Fault> {
    let node = |name: &str| builder.node(name);
    let controller = || node("controller").or_else(|| node("controller-1"));
    let link = |a: &str, b: &str| Some(Link { from: node(a)?, to: node(b)? });
    Some(match act {
        Act::Kill(name) => Fault::Kill(node(name)?),
        Act::PowerLoss(name) => Fault::PowerLoss(node(name)?),
        Act::Stop(name) => Fault::Stop(node(name)?),
        Act::Restart(name) => Fault::Restart(node(name)?),
        Act::Pause(name) => Fault::Pause(node(name)?),
        Act::Resume(name) => Fault::Resume(node(name)?),
        Act::Slow(name, percent) => Fault::Slow(node(name)?, *percent),
        Act::Cut(a, b) => Fault::Cut(link(a, b)?),
        Act::Heal(a, b) => Fault::Heal(link(a, b)?),
        Act::Break(a, b) => Fault::Break(node(a)?, node(b)?),
        Act::Outage(name, out) => Fault::Order(node(name)?, talk::Order::Outage(*out)),
        Act::Alarm(name, on) => Fault::Order(node(name)?, talk::Order::Alarm(*on)),
        Act::Join(name) => Fault::Order(node(name)?, talk::Order::Join),
        Act::Leave(name) => Fault::Order(node(name)?, talk::Order::Leave),
        Act::Unclean(topic, partition) => {
            let at = TopicPartition::new(builder.topic(topic)?, *partition);
            kafka(controller()?, KafkaOrder::ElectUnclean(at))
        }
        Act::Grow(topic, count) => {
            let topic = builder.topic(topic)?;
            kafka(controller()?, KafkaOrder::CreatePartitions { topic, count: *count })
        }
        Act::Delete(broker, topic, partition, before) => {
            let at = TopicPartition::new(builder.topic(topic)?, *partition);
            kafka(node(broker)?, KafkaOrder::DeleteRecords { at, before: *before })
        }
        Act::Seek(name, to) => kafka(node(name)?, KafkaOrder::Seek(*to)),
        Act::Fetching(name, pause) => kafka(node(name)?, KafkaOrder::PauseFetching(*pause)),
    })
}

const fn kafka(node: NodeId, order: KafkaOrder) -> Fault {
    Fault::Order(node, talk::Order::Kafka(order))
}

fn rules(tree: &Tree, system: &System, names: &Names) -> Rules {
    let handlers = super::consumers(tree).filter_map(|consumer| consumer.table("handler"));
    let mut rules = Rules {
        effects: handlers.into_iter().any(|handler| !handler.list("effect").is_empty()),
        settle: tree.span("settle").unwrap_or_default(),
        ..Rules::default()
    };
    for table in tree.tables("consumer") {
        // several consumers of one process would add up; here each process has one
        let prefetch = Some(table.number("prefetch")).filter(|n| *n > 0 && !table.flag("no_ack"));
        for node in names.members(table.name()).iter().filter_map(|name| system.node(name)) {
            rules.consumers.push(ConsumerRule { node, prefetch, unacked: None });
        }
    }
    let queues = tree.table("rabbitmq").into_iter().flat_map(|rabbit| rabbit.tables("queue"));
    // where a quorum queue knows priorities, it needs no argument for them
    let mixed = profile(tree).quorum_priorities != QuorumPriorities::Ignored
        && tree
            .tables("producer")
            .flat_map(|producer| producer.tables("publish"))
            .any(|publish| publish.has("priority"));
    for table in queues {
        let levels = table.table("arguments").is_some_and(|args| args.has("x-max-priority"));
        let priority = levels || mixed && table.text("type") == Some("quorum");
        let name = table.name().into();
        rules.queues.push(QueueRule { name, priority, dead: None, depth: None });
    }
    rules.services = vec![ServiceRule::default(); system.services.len()];
    let Some(judge) = tree.table("judge") else { return rules };
    rules.poison_after = judge.number("poison_after");
    if judge.has("order") {
        rules.order = orders(judge);
    }
    for dead in judge.list("dead").iter().filter_map(Entry::as_text) {
        for rule in rules.queues.iter_mut().filter(|rule| rule.name == *dead) {
            rule.dead = Some(true);
        }
    }
    for bound in judge.tables("bound") {
        let consumers = names.members(bound.text("consumer").unwrap_or_default());
        for rule in &mut rules.consumers {
            if consumers.contains(&system.name(rule.node)) {
                rule.unacked = bound.has("unacked").then(|| bound.number("unacked"));
            }
        }
        for rule in &mut rules.queues {
            if bound.text("queue") == Some(rule.name.as_str()) {
                rule.depth = bound.has("depth").then(|| bound.number("depth"));
            }
        }
        let service = bound.text("service");
        let index = system.services.iter().position(|name| Some(name.as_str()) == service);
        if let Some(rule) = index.and_then(|index| rules.services.get_mut(index)) {
            rule.calls_per_second =
                bound.has("calls_per_second").then(|| bound.number("calls_per_second"));
        }
    }
    rules
}

fn orders(judge: &Tree) -> Order {
    let judged = |word: &str| {
        judge.list("order").iter().filter_map(Entry::as_text).any(|chosen| chosen == word)
    };
    Order {
        key_at_log: judged("key@queue"),
        key_at_delivery: judged("key@delivery"),
        key_at_effect: judged("key@effect"),
        producer_at_log: judged("producer@queue"),
        producer_at_delivery: judged("producer@delivery"),
        producer_at_effect: judged("producer@effect"),
        queue_at_delivery: judged("queue@delivery"),
    }
}
