//! From `[kafka]` to a cluster and its clients.

use std::sync::Arc;

use super::build::Site;
use super::build_client::{Ill, connection, keys, poisoned, properties, script};
use super::kind::Datum;
use super::lint::kafka::{book, replication};
use super::names::Names;
use super::settings::{Book, Settings, Side};
use super::systems;
use super::tree::{Entry, Tree};
use crate::check::{Done, GroupRule, TopicRule};
use crate::client::kafka::consumer::{
    CommitWhen, Each, GroupProtocol, InTransaction, KafkaConsumerConfig, OnFailure, Reset, Thrown,
    assignor,
};
use crate::client::kafka::link::LinkConfig;
use crate::client::kafka::{KafkaProducerConfig, OnFenced, Transactional};
use crate::client::{
    Again, Closed, DedupKey, Lookup, LookupWhen, Outgoing, Pacing, Produce, PublisherConfig, Role,
    Target,
};
use crate::kafka::Profile;
use crate::kafka::clients::{Backoff, Client, Configured, Family, Full, Why};
use crate::kafka::config::{ClusterConfig, ConfigError, TopicSpec};
use crate::kafka::partition::Partitioner;
use crate::kafka::settings::Owner;
use crate::kernel::{Dist, NodeId, Span};
use crate::talk::kafka::{Acks, GroupId, Isolation, TopicId, TxnId};
use crate::talk::{MessageId, Name, Publication, Rate};

/// What the clients of a cluster need to know of it.
pub(super) struct Cluster {
    profile: Profile,
    pub(super) brokers: Vec<NodeId>,
    topics: Vec<Name>,
    groups: Vec<Name>,
    txns: Vec<Name>,
    /// The texts of keys: records with equal keys of one text have equal bytes.
    patterns: Vec<Name>,
    /// What checks know of the topics.
    pub(super) rules: Vec<TopicRule>,
}

/// The cluster itself.
///
/// # Errors
/// A setting that Kafka refuses; those were reported before.
pub(super) fn cluster(tree: &Tree, kafka: &Tree) -> Result<(ClusterConfig, Cluster), ConfigError> {
    let profile = Profile::by_name(systems::profile(tree, "kafka")).copied().unwrap_or_default();
    let mut config = ClusterConfig::new(profile);
    let known = Settings::of(Book::Kafka(Owner::Broker, profile.version), kafka.table("config"));
    for (setting, value) in known.all() {
        config.set(setting, value)?;
    }
    if let Some(disk) = kafka.dist("disk") {
        config.costs.append = disk;
    }
    for table in kafka.tables("topic") {
        let mut topic = config.topic(table.name(), table.number("partitions"));
        topic.replication_factor = Some(replication(table, kafka));
        topic.assignment = table
            .list("assignment")
            .iter()
            .map(|entry| {
                let numbers = entry.items().filter_map(Entry::as_whole);
                numbers.filter_map(|n| u16::try_from(n).ok()).collect()
            })
            .collect();
        let own = Settings::of(Book::Kafka(Owner::Topic, profile.version), table.table("config"));
        for (setting, value) in own.all() {
            topic.set(setting, value, profile.version)?;
        }
        config.topics.push(topic);
    }
    let unique = |all: Vec<Name>| {
        let mut once: Vec<Name> = Vec::new();
        for name in all {
            if !once.contains(&name) {
                once.push(name);
            }
        }
        once
    };
    config.groups = unique(kafka.tables("consumer").map(group_of).collect());
    let producers = || kafka.tables("producer");
    let inside = kafka.tables("consumer").flat_map(transactional_ids);
    config.txns = unique(producers().filter_map(transactional_id).chain(inside).collect());
    let patterns = unique(producers().filter_map(|it| it.text("key").map(Name::from)).collect());
    let site = Cluster {
        profile,
        brokers: Vec::new(),
        topics: config.topics.iter().map(|topic| topic.name.clone()).collect(),
        groups: config.groups.clone(),
        txns: config.txns.clone(),
        patterns,
        rules: config
            .topics
            .iter()
            .zip(0..)
            .map(|(it, id)| rule(it, TopicId(id), keyed(kafka, it.name.as_str())))
            .collect(),
    };
    Ok((config, site))
}

/// What checks know of a topic.
fn rule(topic: &TopicSpec, id: TopicId, keyed: bool) -> TopicRule {
    let settings = &topic.settings;
    let replicas = topic.assignment.iter().map(Vec::len).max();
    let replicas = replicas.unwrap_or(topic.replication_factor.unwrap_or(1).into());
    let by_age = !settings.delete || settings.retention_bytes == u64::MAX;
    TopicRule {
        topic: id,
        replicas: u8::try_from(replicas).unwrap_or(u8::MAX),
        min_isr: u8::try_from(topic.min_insync(replicas)).unwrap_or(u8::MAX),
        retention: by_age.then_some(if settings.delete { settings.retention } else { Span::MAX }),
        compacts: settings.compact,
        keyed,
        tombstones: settings.delete_retention,
    }
}

/// Whether the keys in a topic name the entities and nothing else: all that write to it have one
/// text of keys, with the entity in it.
fn keyed(kafka: &Tree, topic: &str) -> bool {
    let mut texts = kafka
        .tables("producer")
        .filter(|it| it.text("topic") == Some(topic))
        .map(|it| it.text("key"));
    let Some(Some(first)) = texts.next() else { return false };
    let others = ["{message}", "{second}", "{ms}"];
    let names_it = first.contains("{key}") && !others.iter().any(|it| first.contains(it));
    names_it && texts.all(|it| it == Some(first))
}

fn group_of(consumer: &Tree) -> Name {
    consumer.text("group").unwrap_or(consumer.name()).into()
}

fn transactional_id(producer: &Tree) -> Option<Name> {
    let own = Settings::of(book(producer, Side::Producer), producer.table("config"));
    own.given("transactional.id").or(own.given("transactionalId")).map(Name::from)
}

/// The transactional ids of the instances of a consumer that commits in transactions.
fn transactional_ids(consumer: &Tree) -> Vec<Name> {
    let Some(id) = consumer.table("transaction").and_then(|it| it.text("id")) else {
        return Vec::new();
    };
    match consumer.number::<u32>("instances") {
        1 => vec![id.into()],
        n => (1..=n).map(|nth| format!("{id}-{nth}").into()).collect(),
    }
}

impl Cluster {
    /// What is expected of the groups: all that the tables of their consumers say.
    pub(super) fn group_rules(&self, kafka: &Tree, site: &Site) -> Vec<GroupRule> {
        let rule = |(name, id): (&Name, u16)| {
            let mut rule = GroupRule::new(GroupId(id));
            let members = || kafka.tables("consumer").filter(|it| group_of(it) == *name);
            rule.read_committed = members().all(reads_committed);
            let effects = members().flat_map(|it| it.table("handler")).flat_map(|handler| {
                let named = handler.list("effect").iter().filter_map(Entry::as_text);
                named.filter_map(|effect| site.target(effect)).map(|it| it.service).next_back()
            });
            let mut effects: Vec<u16> = effects.collect();
            effects.sort_unstable();
            effects.dedup();
            let bridges = members().any(|it| it.has("publish"));
            rule.done = match effects[..] {
                _ if bridges => Done::HandedOver,
                [] => Done::Delivery,
                [service] => Done::Effect(Some(service)),
                _ => Done::Effect(None),
            };
            rule
        };
        self.groups.iter().zip(0..).map(rule).collect()
    }

    fn topic(&self, name: &str) -> Option<TopicId> {
        let place = self.topics.iter().position(|its| *its == name)?;
        u16::try_from(place).ok().map(TopicId)
    }

    /// Sets what all clients have: how they speak to the cluster.
    fn link(&self, link: &mut LinkConfig, own: &Settings) {
        let some = |names: [&str; 2]| names.into_iter().find_map(|name| own.span(name));
        if let Some(span) = some(["metadata.max.age.ms", "metadataMaxAge"]) {
            link.metadata_max_age = span;
        }
        if let Some(span) = some(["request.timeout.ms", "requestTimeout"]) {
            link.request_timeout = span;
        }
        let setup = ["socket.connection.setup.timeout.ms", "connectionTimeout"];
        if let Some(span) = some(setup) {
            link.setup_timeout = span;
        }
        let in_flight = "max.in.flight.requests.per.connection";
        if let Some(n) = own.number(in_flight).or(own.number("maxInFlightRequests")) {
            link.max_in_flight = u32::try_from(n).ok();
        }
    }

    pub(super) fn producer(
        &self,
        table: &Tree,
        name: &str,
        first_id: MessageId,
    ) -> KafkaProducerConfig {
        let client = client(table);
        let own = Settings::of(book(table, Side::Producer), table.table("config"));
        let topic = table.text("topic").and_then(|name| self.topic(name)).unwrap_or_default();
        let mut config = KafkaProducerConfig::of(name, client, self.brokers.clone(), topic);
        config.joined = table.flag("joined");
        config.key = table.text("key").map(Name::from);
        let pattern = self.patterns.iter().position(|its| config.key.as_ref() == Some(its));
        config.pattern = pattern.map_or(0, |at| at as u16 + 1);
        config.keys = keys(table);
        config.partition = table.has("partition").then(|| table.number("partition"));
        config.size = table.number("size");
        config.tombstones = table.chance("tombstones").unwrap_or(Rate::NEVER);
        config.messages = table.number("messages");
        config.first_id = first_id;
        config.begins = table.span("begins").unwrap_or_default();
        if table.text("pace") == Some("window") {
            config.pacing = Pacing::Window;
            config.window = table.number::<u32>("window").max(1);
        } else {
            config.pacing = Pacing::Every(table.dist("rate").unwrap_or_default());
        }
        config.send_of = table.number("send_of");
        config.on_failure =
            if table.text("on_failure") == Some("resend") { Again::Resend } else { Again::GiveUp };
        config.again_after = table.span("again_after").unwrap_or_default();
        config.outbox = table.flag("outbox");
        self.link(&mut config.link, &own);
        self.sends(&mut config, client, &own);
        config.transaction = table.table("transaction").and_then(|transaction| {
            let id = transactional_id(table)?;
            let place = self.txns.iter().position(|its| *its == id)?;
            let timeout = own.span("transaction.timeout.ms").or(own.span("transactionTimeout"));
            Some(Transactional {
                id: TxnId(u16::try_from(place).ok()?),
                timeout: timeout.unwrap_or(client.producer.transaction_timeout),
                records: transaction.number("records"),
                takes: transaction.dist("takes").unwrap_or_default(),
                aborts: transaction.chance("aborts").unwrap_or(Rate::NEVER),
                version_2: client.producer.epoch_per_transaction
                    && self.profile.transaction_version >= 2,
                on_fenced: OnFenced::Die,
            })
        });
        config
    }

    /// Sets how the client of a producer sends.
    fn sends(&self, config: &mut KafkaProducerConfig, client: &Client, own: &Settings) {
        config.acks = acks(own).unwrap_or(client.producer.acks);
        if let Some(n) = own.number("batch.size") {
            config.batch_size = u32::try_from(n).unwrap_or(u32::MAX);
            config.placing.batch_size = config.batch_size;
        }
        if let Some(linger) = own.span("linger.ms") {
            config.linger = linger;
        }
        if let Some(n) = own.number("max.request.size") {
            config.max_request_size = u32::try_from(n).unwrap_or(u32::MAX);
        }
        match &mut config.room {
            Full::Blocks { bytes, most } => {
                *bytes = own.whole("buffer.memory", *bytes);
                *most = own.span("max.block.ms").unwrap_or(*most);
            }
            Full::Fails { messages } => {
                *messages = own.whole("queue.buffering.max.messages", *messages);
            }
            Full::Never => {}
        }
        let retries = own.number("retries").or(own.number("retry.retries"));
        config.retries = retries.and_then(|n| u32::try_from(n).ok()).unwrap_or(config.retries);
        backoff(&mut config.backoff, own);
        if let Some(span) =
            own.span("request.timeout.ms").or(own.span("requestTimeout")).or(own.span("timeout"))
        {
            config.request_timeout = span;
        }
        if let Some(n) = own.span("delivery.timeout.ms").or(own.span("message.timeout.ms")) {
            config.delivery_timeout = Some(n);
        }
        // contradictions were reported when the scenario was checked
        config.idempotence = matches!(client.idempotence(&configured(own)), Ok(Why::On));
        if let Some(partitioner) = partitioner(client, own) {
            config.partitioner = partitioner;
        }
        if let Some(adaptive) = own.flag("partitioner.adaptive.partitioning.enable") {
            config.placing.adaptive = adaptive;
        }
        if let Some(ignore) = own.flag("partitioner.ignore.keys") {
            config.placing.ignore_keys = ignore;
        }
        if let Some(span) = own.span("sticky.partitioning.linger.ms") {
            config.placing.sticky_linger = span;
        }
    }

    /// How the instance `name` of a consumer uses transactions, if it does.
    fn in_transaction(&self, table: &Tree, name: &str, client: &Client) -> Option<InTransaction> {
        let transaction = table.table("transaction")?;
        // the instance worker-2 has the transactional id of the consumer with -2 after it
        let nth = name.strip_prefix(table.name()).unwrap_or_default();
        let id = format!("{}{nth}", transaction.text("id")?);
        let place = self.txns.iter().position(|its| *its == *id)?;
        Some(InTransaction {
            id: TxnId(u16::try_from(place).ok()?),
            timeout: transaction.span("timeout").unwrap_or(client.producer.transaction_timeout),
            version_2: client.producer.epoch_per_transaction
                && self.profile.transaction_version >= 2,
        })
    }

    pub(super) fn consumer(
        &self,
        table: &Tree,
        name: &str,
        poison: &[Ill],
        site: &Site,
    ) -> KafkaConsumerConfig {
        let client = client(table);
        let own = Settings::of(book(table, Side::Consumer), table.table("config"));
        let topics = table.list("topics").iter().filter_map(Entry::as_text);
        let topics: Vec<TopicId> = topics.filter_map(|name| self.topic(name)).collect();
        let group = group_of(table);
        let group = self.groups.iter().position(|its| *its == group).unwrap_or_default();
        let handler = table.table("handler");
        let mut script = poisoned(script(handler, site), table.name(), poison);
        if let Some(lookup) = table.table("dedup").and_then(|dedup| lookup(dedup, site)) {
            script = script.dedup(lookup);
        }
        for publish in table.tables("publish") {
            script = script.publish(outgoing(publish));
        }
        if let Some(topic) = table.text("forward").and_then(|name| self.topic(name)) {
            script = script.produce(Produce { role: Role::Forward, topic, awaited: true });
        }
        let group = GroupId(group as u16);
        let brokers = self.brokers.clone();
        let mut config = KafkaConsumerConfig::of(client, name, brokers, group, topics, script);
        self.link(&mut config.link, &own);
        config.call_timeout = handler.and_then(|handler| handler.span("timeout"));
        config.instance = table
            .flag("static")
            .then(|| Name::from(name))
            .or(own.given("group.instance.id").map(Name::from));
        reads(&mut config, &own);
        config.commit = match table.text("commit") {
            Some("each-message") => CommitWhen::EachMessage,
            Some("each-message-async") => CommitWhen::EachMessageAsync,
            Some("each-batch") => CommitWhen::EachBatch,
            Some("never") => CommitWhen::Never,
            Some("transaction") => CommitWhen::Transaction,
            _ if own.flag("enable.auto.commit").or(own.flag("autoCommit")) == Some(false) => {
                CommitWhen::Never
            }
            _ => CommitWhen::Auto,
        };
        config.transaction = self.in_transaction(table, name, client);
        if table.text("each") == Some("batch") {
            let auto_resolve = own.flag("eachBatchAutoResolve").unwrap_or(true);
            let returns_after = table.has("returns_after").then(|| table.number("returns_after"));
            config.each = Each::Batch { auto_resolve, returns_after };
        }
        config.awaited = table.flag("awaited");
        config.error = match table.text("error") {
            Some("SyntaxError") => Thrown::SyntaxError,
            _ => Thrown::Error,
        };
        let dead_letter = || table.text("dead_letter").and_then(|name| self.topic(name));
        config.on_failure = match table.text("on_failure") {
            Some("skip") => OnFailure::Skip,
            Some("go-on") => OnFailure::GoOn,
            Some("dead-letter") => {
                OnFailure::Produce { retry: Vec::new(), dead_letter: dead_letter() }
            }
            Some("retry-topic") => {
                let topics = table.list("retry_topics").iter().filter_map(Entry::as_text);
                let retry = topics.filter_map(|name| self.topic(name)).collect();
                OnFailure::Produce { retry, dead_letter: dead_letter() }
            }
            Some("seek-back") => {
                OnFailure::SeekBack { pause: table.span("pause").unwrap_or(Span::from_secs(1)) }
            }
            _ => OnFailure::Throw,
        };
        config.respawn = match table.entry("respawn").map(|entry| &entry.value) {
            Some(Datum::Dist(dist)) => Some(*dist),
            Some(Datum::Bool(true)) => Some(Dist::Fixed(Span::from_secs(1))),
            _ => None,
        };
        config.joined = table.flag("joined");
        config.atomic = table.flag("atomic");
        config
    }
}

fn acks(own: &Settings) -> Option<Acks> {
    Some(match own.given("acks")? {
        "0" => Acks::None,
        "1" => Acks::Leader,
        _ => Acks::All,
    })
}

/// What the settings of a producer say about idempotence.
pub(super) fn configured(own: &Settings) -> Configured {
    let given = |name: &str| own.given(name).and_then(|text| text.parse::<u32>().ok());
    let told = own.given("enable.idempotence").or(own.given("idempotent"));
    Configured {
        idempotence: told.map(|text| text.trim().eq_ignore_ascii_case("true")),
        acks: acks(own),
        retries: given("retries").or(given("retry.retries")),
        max_in_flight: given("max.in.flight.requests.per.connection"),
        transactional: own.given("transactional.id").or(own.given("transactionalId")).is_some(),
    }
}

/// The assignors of a consumer that the model does not know.
pub(super) fn strange_assignors(own: &Settings) -> Vec<String> {
    let named = match own.given("partition.assignment.strategy") {
        Some(_) => own.list("partition.assignment.strategy"),
        None => Vec::new(),
    };
    let strange = named.into_iter().filter(|name| assignor(short(name)).is_none());
    strange.map(str::to_owned).collect()
}

/// Whether a consumer reads committed records only.
fn reads_committed(table: &Tree) -> bool {
    let own = Settings::of(book(table, Side::Consumer), table.table("config"));
    let otherwise = client(table).consumer.isolation;
    isolation(&own).unwrap_or(otherwise) == Isolation::ReadCommitted
}

fn isolation(own: &Settings) -> Option<Isolation> {
    let committed = match own.given("isolation.level") {
        Some(level) => level.eq_ignore_ascii_case("read_committed"),
        None => !own.flag("readUncommitted")?,
    };
    Some(if committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted })
}

/// Sets how the client of a consumer reads.
fn reads(config: &mut KafkaConsumerConfig, own: &Settings) {
    let span = |names: [&str; 2]| names.into_iter().find_map(|name| own.span(name));
    let number = |names: [&str; 2]| names.into_iter().find_map(|name| own.number(name));
    let bytes = |names, otherwise: u32| {
        number(names).and_then(|n| u32::try_from(n).ok()).unwrap_or(otherwise)
    };
    if own.get("group.protocol").is_some_and(|name| name.eq_ignore_ascii_case("consumer")) {
        config.protocol = GroupProtocol::Consumer;
    }
    let strategies = own.given("partition.assignment.strategy");
    if strategies.is_some() {
        let named = own.list("partition.assignment.strategy");
        config.assignors = named.iter().filter_map(|name| assignor(short(name))).collect();
    }
    let whole = |it: &mut Span, names| *it = span(names).unwrap_or(*it);
    whole(&mut config.session_timeout, ["session.timeout.ms", "sessionTimeout"]);
    whole(&mut config.heartbeat_interval, ["heartbeat.interval.ms", "heartbeatInterval"]);
    whole(&mut config.max_poll_interval, ["max.poll.interval.ms", "rebalanceTimeout"]);
    let fetch_wait = ["fetch.max.wait.ms", "fetch.wait.max.ms"];
    whole(&mut config.max_wait, fetch_wait);
    whole(&mut config.max_wait, ["maxWaitTimeInMs", "maxWaitTimeInMs"]);
    config.max_poll_records = own.whole("max.poll.records", config.max_poll_records);
    config.min_bytes = bytes(["fetch.min.bytes", "minBytes"], config.min_bytes);
    config.max_bytes = bytes(["fetch.max.bytes", "maxBytes"], config.max_bytes);
    let partition = ["max.partition.fetch.bytes", "maxBytesPerPartition"];
    config.max_partition_bytes = bytes(partition, config.max_partition_bytes);
    config.isolation = isolation(own).unwrap_or(config.isolation);
    config.reset = match own.get("auto.offset.reset") {
        Some("earliest" | "smallest" | "beginning") => Reset::Earliest,
        Some("none" | "error") => Reset::None,
        _ if own.flag("fromBeginning") == Some(true) => Reset::Earliest,
        _ => Reset::Latest,
    };
    let interval = span(["auto.commit.interval.ms", "autoCommitInterval"]);
    config.auto_commit_interval = interval.or(config.auto_commit_interval);
    config.auto_store = own.flag("enable.auto.offset.store").unwrap_or(config.auto_store);
    let threshold = own.number("autoCommitThreshold").and_then(|n| u64::try_from(n).ok());
    config.auto_commit_threshold = threshold;
    config.concurrency = own.whole("partitionsConsumedConcurrently", config.concurrency);
    config.retries = own.whole("retry.retries", config.retries);
    backoff(&mut config.backoff, own);
    config.restarts = own.flag("retry.restartOnFailure").unwrap_or(config.restarts);
}

fn backoff(backoff: &mut Backoff, own: &Settings) {
    if let Some(first) = own.span("retry.backoff.ms").or(own.span("retry.initialRetryTime")) {
        backoff.first = first;
    }
    if let Some(most) = own.span("retry.backoff.max.ms").or(own.span("retry.maxRetryTime")) {
        backoff.most = most;
    }
    backoff.factor = own.whole("retry.multiplier", backoff.factor);
}

/// `range` for `org.apache.kafka.clients.consumer.RangeAssignor`.
fn short(name: &str) -> &str {
    match name.rsplit('.').next().unwrap_or(name) {
        "RangeAssignor" => "range",
        "RoundRobinAssignor" => "roundrobin",
        "StickyAssignor" => "sticky",
        "CooperativeStickyAssignor" => "cooperative-sticky",
        other => other,
    }
}

/// The client library of a producer or consumer.
pub(super) fn client(table: &Tree) -> &'static Client {
    let named = table.text("client").and_then(Client::by_name);
    // the names of the table of keys are those of clients; a test compares them
    named.unwrap_or(&Client::all()[0])
}

fn partitioner(client: &Client, own: &Settings) -> Option<Partitioner> {
    let found = match client.family {
        Family::Java => Partitioner::java(Some(own.given("partitioner.class")?), client.version),
        Family::KafkaJs => Partitioner::kafkajs(Some(own.given("createPartitioner")?)),
        Family::Librdkafka => Partitioner::librdkafka(Some(own.given("partitioner")?)),
    };
    found.ok()
}

fn lookup(dedup: &Tree, site: &Site) -> Option<Lookup> {
    let Target { service, at } = site.target(dedup.text("store")?)?;
    Some(Lookup {
        service,
        at: at?,
        when: match dedup.text("when") {
            Some("after") => LookupWhen::After,
            Some("transaction") => LookupWhen::WithEffect,
            _ => LookupWhen::Before,
        },
        key: match dedup.text("key") {
            Some("id+offset") => DedupKey::IdAndOffset,
            Some("entity+offset") => DedupKey::EntityAndOffset,
            Some("partition+offset") => DedupKey::PartitionAndOffset,
            _ => DedupKey::Id,
        },
    })
}

/// What a bridge publishes.
fn outgoing(publish: &Tree) -> Outgoing {
    Outgoing {
        role: Role::Forward,
        publication: Arc::new(Publication {
            exchange: publish.text("exchange").unwrap_or_default().into(),
            routing_key: publish.text("routing_key").unwrap_or_default().into(),
            properties: properties(publish),
            ..Publication::default()
        }),
        mandatory: publish.flag("mandatory"),
        wait_for_confirm: publish.flag("wait_for_confirm"),
    }
}

/// The AMQP client of a bridge; `None` for a consumer that is none.
pub(super) fn publisher(table: &Tree, site: &Site) -> Option<PublisherConfig> {
    let amqp = table.table("amqp").filter(|_| table.has("publish"))?;
    Some(PublisherConfig {
        connection: connection(amqp, site),
        confirm: amqp.text("channel") == Some("confirm"),
        confirm_timeout: amqp.span("confirm_timeout"),
        closed: match amqp.text("on_closed") {
            Some("buffer") => Closed::Buffers,
            _ => Closed::Throws,
        },
    })
}

/// The members of all entries of a kind, with their tables.
pub(super) fn members<'a>(
    kafka: &'a Tree,
    key: &'static str,
    names: &'a Names,
) -> impl Iterator<Item = (&'a Tree, &'a str)> {
    kafka
        .tables(key)
        .flat_map(|table| names.members(table.name()).into_iter().map(move |it| (table, it)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rabbit;
    use crate::scenario::keys::{KAFKA_CLIENTS, PROFILES};

    #[test]
    fn every_client_and_profile_that_can_be_named_exists_and_the_other_way_round() {
        let named: Vec<&str> = KAFKA_CLIENTS.iter().map(|word| word.word).collect();
        for client in Client::all() {
            assert!(named.contains(&client.name), "{} cannot be named", client.name);
        }
        assert_eq!(named.len(), Client::all().len());
        for word in PROFILES {
            let known = rabbit::Profile::by_name(word.word).is_some()
                || Profile::by_name(word.word).is_some();
            assert!(known, "{} is no profile", word.word);
        }
    }
}
