//! `[kafka]`: settings that need or exclude each other, and what is legal but surprising.

use crate::kafka::clients::Contradiction;
use crate::kafka::settings::Owner;
use crate::kafka::{Profile, Version};
use crate::scenario::build_kafka;
use crate::scenario::names::has_rabbit;
use crate::scenario::problem::{Problem, Problems};
use crate::scenario::settings::{self, Book, Settings, Side};
use crate::scenario::systems;
use crate::scenario::tree::{Entry, Tree};

/// The version of Kafka that the brokers run.
fn version(tree: &Tree) -> Version {
    Profile::by_name(systems::profile(tree, "kafka")).copied().unwrap_or_default().version
}

/// Whose settings the `config` of a client holds.
pub(in crate::scenario) fn book(client: &Tree, side: Side) -> Book {
    let name = client.text("client").unwrap_or_default();
    match name.strip_prefix("java-").and_then(|version| version.parse().ok()) {
        Some(version) => {
            let owner = match side {
                Side::Producer => Owner::Producer,
                Side::Consumer => Owner::Consumer,
            };
            Book::Kafka(owner, version)
        }
        None if name.starts_with("librdkafka") => Book::Librdkafka(side),
        None => Book::KafkaJs(side),
    }
}

/// The replication factor of a topic: what it says, or as many as there are brokers, at most 3.
pub(in crate::scenario) fn replication(topic: &Tree, kafka: &Tree) -> u16 {
    let brokers: u16 = kafka.number("brokers");
    if topic.has("replication_factor") {
        topic.number("replication_factor")
    } else {
        brokers.min(3)
    }
}

/// `min.insync.replicas` of a topic: its own, or what the brokers say.
fn min_insync(topic: &Tree, version: Version, brokers: &Settings) -> u16 {
    let own = Settings::of(Book::Kafka(Owner::Topic, version), topic.table("config"));
    let given = own.given("min.insync.replicas").or(brokers.given("min.insync.replicas"));
    given.and_then(|text| text.parse().ok()).unwrap_or(1)
}

pub(super) fn check(tree: &Tree, problems: &mut Problems) {
    let Some(kafka) = tree.table("kafka") else { return };
    let version = version(tree);
    let brokers = Settings::of(Book::Kafka(Owner::Broker, version), kafka.table("config"));
    if let Some(config) = kafka.table("config") {
        settings::check(Book::Kafka(Owner::Broker, version), config, problems);
    }
    let controllers: u16 = kafka.number("controllers");
    if controllers.is_multiple_of(2) {
        let title = "an even number of controllers tolerates no more failures than one less";
        problems.push(Problem::error(kafka.spot_of("controllers"), title).help("write 1, 3 or 5"));
    }
    for topic in kafka.tables("topic") {
        of_topic(topic, kafka, version, &brokers, problems);
    }
    for producer in kafka.tables("producer") {
        of_producer(producer, kafka, version, &brokers, problems);
    }
    for consumer in kafka.tables("consumer") {
        of_consumer(consumer, kafka, tree, problems);
        of_bridge(consumer, tree, problems);
    }
}

fn of_topic(
    topic: &Tree,
    kafka: &Tree,
    version: Version,
    brokers: &Settings,
    problems: &mut Problems,
) {
    let book = Book::Kafka(Owner::Topic, version);
    if let Some(config) = topic.table("config") {
        settings::check(book, config, problems);
    }
    let (replicas, nodes): (u16, u16) = (replication(topic, kafka), kafka.number("brokers"));
    if replicas > nodes {
        let title = format!("a replication factor of {replicas} needs {replicas} brokers");
        problems.push(
            Problem::error(topic.spot_of("replication_factor"), title)
                .also(kafka.spot_of("brokers"), format!("there are {nodes}"))
                .help("lower it, or raise `brokers`"),
        );
    }
    let least = min_insync(topic, version, brokers);
    if least > replicas {
        let title = format!(
            "min.insync.replicas is {least} and `{}` has {replicas} replicas",
            topic.name()
        );
        // Partition.effectiveMinIsr, 4.1.1
        let help =
            "Kafka then takes the number of replicas: every write with acks=all needs them all";
        problems.push(Problem::warning(&topic.spot, title).help(help));
    }
    for entry in topic.list("assignment") {
        let members: Vec<i64> = entry.items().filter_map(Entry::as_whole).collect();
        if let Some(strange) = members.iter().find(|it| **it > i64::from(nodes)) {
            let title = format!("there is no broker {strange}");
            problems.push(
                Problem::error(&entry.spot, title)
                    .help(format!("brokers are numbered 1 to {nodes}")),
            );
        }
    }
    let (assigned, partitions) =
        (topic.list("assignment").len(), topic.number::<usize>("partitions"));
    if assigned > 0 && assigned != partitions {
        let title =
            format!("`assignment` is about {assigned} partitions, and there are {partitions}");
        problems.push(
            Problem::error(topic.spot_of("assignment"), title)
                .help("write one list of brokers for each partition"),
        );
    }
    let name = Some(topic.name());
    let written = kafka.tables("producer").any(|it| it.text("topic") == name)
        || kafka.tables("consumer").any(|it| {
            it.text("forward") == name
                || it.text("dead_letter") == name
                || it.list("retry_topics").iter().any(|it| it.as_text() == name)
        });
    if !written {
        let title = format!("nothing is ever produced to `{}`", topic.name());
        problems.push(Problem::warning(topic.spot_of("name"), title).help("leave it out"));
    }
}

fn of_producer(
    producer: &Tree,
    kafka: &Tree,
    version: Version,
    brokers: &Settings,
    problems: &mut Problems,
) {
    let book = book(producer, Side::Producer);
    if let Some(config) = producer.table("config") {
        settings::check(book, config, problems);
    }
    let own = Settings::of(book, producer.table("config"));
    let transactional = own.given("transactional.id").or(own.given("transactionalId")).is_some();
    if producer.has("transaction") && !transactional {
        let title = "a producer of transactions needs a transactional.id";
        problems.push(
            Problem::error(producer.spot_of("transaction"), title)
                .help("write config = { \"transactional.id\" = \"payments\" }"),
        );
    }
    if let Err(why) = build_kafka::client(producer).idempotence(&build_kafka::configured(&own)) {
        let title = format!("the client refuses this: {}", why.to_string().trim_end_matches('.'));
        let help = match why {
            Contradiction::Transactional => {
                "leave idempotence on, or leave the transactional.id out"
            }
            _ => "mend it, or write \"enable.idempotence\" = false",
        };
        problems.push(Problem::error(producer.spot_of("config"), title).help(help));
    }
    let js = matches!(book, Book::KafkaJs(_));
    if !js && producer.has("send_of") {
        let title = "`send_of` has no effect: only a call of KafkaJS holds several messages";
        problems.push(Problem::warning(producer.key_spot("send_of"), title).help("leave it out"));
    }
    if producer.text("pace") == Some("window") && producer.has("rate") {
        let title = "`rate` has no effect: with pace = \"window\" the window decides";
        problems.push(Problem::warning(producer.key_spot("rate"), title).help("leave it out"));
    }
    let topic = kafka.tables("topic").find(|it| Some(it.name()) == producer.text("topic"));
    if let Some(topic) = topic {
        if producer.has("partition")
            && producer.number::<u32>("partition") >= topic.number::<u32>("partitions")
        {
            let title = format!("`{}` has no such partition", topic.name());
            problems.push(
                Problem::error(producer.spot_of("partition"), title)
                    .also(topic.spot_of("partitions"), "so many there are, numbered from 0")
                    .help("name one of them, or leave it to the partitioner"),
            );
        }
        let said = own.given("acks");
        let all = said.is_some_and(|acks| acks == "all" || acks == "-1");
        if all && min_insync(topic, version, brokers) == 1 && replication(topic, kafka) > 1 {
            let title = "acks=all with min.insync.replicas=1: the leader alone may be \"all\"";
            problems.push(
                Problem::warning(producer.spot_of("config"), title)
                    .help("write config = { \"min.insync.replicas\" = 2 } for the topic"),
            );
        }
    }
    for poison in producer.tables("poison") {
        super::clients::ill(poison, producer, problems);
    }
}

/// How a consumer takes part in its group.
fn of_protocol(consumer: &Tree, own: &Settings, tree: &Tree, problems: &mut Problems) {
    let at = consumer.spot_of("config");
    for name in build_kafka::strange_assignors(own) {
        let title = format!("there is no assignor `{name}`");
        problems.push(Problem::error(at, title).help(
            "it is `range`, `roundrobin`, `sticky` or `cooperative-sticky`, or the name of its class",
        ));
    }
    let newest = own.given("group.protocol").is_some_and(|it| it.eq_ignore_ascii_case("consumer"));
    let profile = Profile::by_name(systems::profile(tree, "kafka")).copied().unwrap_or_default();
    if newest && !profile.consumer_protocol.is_ready() {
        let title = format!(
            "group.protocol=consumer needs brokers of 4.0, and these are {}",
            profile.version
        );
        problems.push(
            Problem::error(at, title)
                .help("choose another `profile`, or leave the protocol at `classic`"),
        );
    }
    // ConsumerConfig.checkUnsupportedConfigsPostProcess of 4.1.1
    let of_classic =
        ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"];
    for name in of_classic.into_iter().filter(|name| newest && own.given(name).is_some()) {
        let title = format!("{name} cannot be set when group.protocol=consumer");
        problems.push(
            Problem::error(at, title).help("leave it out: with this protocol the brokers decide"),
        );
    }
}

fn of_consumer(consumer: &Tree, kafka: &Tree, tree: &Tree, problems: &mut Problems) {
    let book = book(consumer, Side::Consumer);
    if let Some(config) = consumer.table("config") {
        settings::check(book, config, problems);
    }
    of_protocol(consumer, &Settings::of(book, consumer.table("config")), tree, problems);
    let js = matches!(book, Book::KafkaJs(_));
    if consumer.flag("static") && js {
        let title = "`static` has no effect: KafkaJS has no static membership";
        problems.push(
            Problem::warning(consumer.key_spot("static"), title)
                .help("leave it out, or choose another `client`"),
        );
    }
    if !js {
        for key in ["each", "error"] {
            if consumer.has(key) {
                let title = format!("`{key}` has no effect: it is about KafkaJS");
                problems.push(Problem::warning(consumer.key_spot(key), title).help("leave it out"));
            }
        }
    }
    let in_transactions = consumer.text("commit") == Some("transaction");
    if in_transactions && js {
        let title = "transactions of KafkaJS are not modelled";
        problems.push(
            Problem::error(consumer.spot_of("commit"), title).help("choose another `client`"),
        );
    }
    if in_transactions && !consumer.says("transaction") {
        let title = "commit = \"transaction\" needs a `transaction`";
        problems.push(
            Problem::error(consumer.spot_of("commit"), title)
                .help("write transaction = { id = \"copier\" }"),
        );
    }
    if !in_transactions && consumer.has("transaction") {
        let title = "`transaction` has no effect: offsets are not committed with it";
        problems.push(
            Problem::warning(consumer.key_spot("transaction"), title)
                .help("write commit = \"transaction\""),
        );
    }
    let needed: &[&str] = match consumer.text("on_failure") {
        Some("dead-letter") => &["dead_letter"],
        Some("retry-topic") => &["retry_topics", "dead_letter"],
        _ => &[],
    };
    for key in needed.iter().filter(|key| !consumer.says(key)) {
        let title = format!("on_failure needs `{key}`: where the message goes");
        problems.push(
            Problem::error(consumer.spot_of("on_failure"), title)
                .help(format!("write {key} = …"))
                .unless_hidden(key),
        );
    }
    let auto = consumer.text("commit") == Some("auto");
    let own = Settings::of(book, consumer.table("config"));
    let off = own.flag("enable.auto.commit").or(own.flag("autoCommit")) == Some(false);
    if auto && off {
        let title = "commit = \"auto\" with auto-commit switched off: nothing is ever committed";
        problems.push(
            Problem::warning(consumer.spot_of("config"), title)
                .help("write commit = \"each-message\" or \"each-batch\""),
        );
    }
    if auto && !off && !consumer.flag("awaited") {
        let title = "offsets are committed although nobody waits for the handler";
        problems.push(
            Problem::warning(consumer.spot_of("awaited"), title)
                .help("a crash loses what the handler had in hand"),
        );
    }
    for entry in consumer.list("topics") {
        let Some(topic) = entry.as_text() else { continue };
        let partitions = kafka
            .tables("topic")
            .find(|it| it.name() == topic)
            .map_or(u32::MAX, |it| it.number("partitions"));
        if consumer.number::<u32>("instances") > partitions {
            let title =
                format!("`{topic}` has {partitions} partitions: the other instances are idle");
            problems.push(
                Problem::warning(consumer.spot_of("instances"), title)
                    .help("more instances than partitions are only spares"),
            );
        }
    }
}

/// A consumer that publishes to RabbitMQ.
fn of_bridge(consumer: &Tree, tree: &Tree, problems: &mut Problems) {
    let Some(amqp) = consumer.table("amqp") else { return };
    if !consumer.has("publish") {
        if consumer.says("amqp") {
            let title = "`amqp` has no effect: this consumer publishes nothing";
            problems.push(
                Problem::warning(consumer.key_spot("amqp"), title)
                    .help("write publish = { routing_key = \"…\" }, or leave it out"),
            );
        }
        return;
    }
    if !has_rabbit(tree) {
        let title = "there is no RabbitMQ to publish to";
        problems.push(
            Problem::error(consumer.key_spot("publish"), title)
                .also(tree.spot_of("profile"), "the profile says which systems run")
                .help("write profile = [\"rabbitmq-4.2\", \"kafka-4.1\"] and [[rabbitmq.queue]]"),
        );
    }
    let confirm = amqp.text("channel") == Some("confirm");
    let waits = || consumer.tables("publish").filter(|it| it.flag("wait_for_confirm"));
    for publish in waits().filter(|_| !confirm) {
        let title = "`wait_for_confirm` needs a confirm channel, and this bridge has none";
        problems.push(
            Problem::error(publish.spot_of("wait_for_confirm"), title)
                .help("write amqp = { channel = \"confirm\" }"),
        );
    }
    for publish in consumer.tables("publish") {
        if let Some(text) = publish.text("expiration")
            && text.parse::<u64>().is_err()
        {
            let title = "`expiration` is a text of whole milliseconds; the broker closes the channel over anything else";
            problems
                .push(Problem::error(publish.spot_of("expiration"), title).help("write \"60000\""));
        }
    }
    if amqp.has("confirm_timeout") && waits().next().is_none() {
        let title = "`confirm_timeout` has no effect: no handler waits for a confirm";
        problems
            .push(Problem::warning(amqp.key_spot("confirm_timeout"), title).help("leave it out"));
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::Scenario;

    /// What is wrong with a bridge that says this, and whose scenario has this profile.
    fn wrong(profile: &str, bridge: &str) -> String {
        let text = format!(
            "title = \"t\"\nhorizon = \"9s\"\nprofile = {profile}\n\
             [[rabbitmq.queue]]\nname = \"q\"\n\
             [[consumer]]\nname = \"w\"\nqueue = \"q\"\n\
             [[kafka.topic]]\nname = \"t\"\n\
             [[kafka.producer]]\nname = \"p\"\ntopic = \"t\"\nmessages = 3\n\
             [[kafka.consumer]]\nname = \"b\"\ntopics = \"t\"\n{bridge}\n"
        );
        match Scenario::load("t", &text, &[]) {
            Ok((_, warnings)) => warnings.to_string(),
            Err(problems) => problems.to_string(),
        }
    }

    const BOTH: &str = "[\"rabbitmq-4.2\", \"kafka-4.1\"]";

    #[test]
    fn a_bridge_says_what_it_lacks() {
        let plain = "publish = { routing_key = \"q\" }";
        assert_eq!(wrong(BOTH, plain), "");
        assert!(wrong("\"kafka-4.1\"", plain).contains("there is no RabbitMQ to publish to"));
        let waits = "publish = { routing_key = \"q\", wait_for_confirm = true }";
        assert!(wrong(BOTH, waits).contains("`wait_for_confirm` needs a confirm channel"));
        let confirms = format!("{waits}\namqp = {{ channel = \"confirm\" }}");
        assert_eq!(wrong(BOTH, &confirms), "");
        let elsewhere = "publish = { routing_key = \"r\" }";
        assert!(wrong(BOTH, elsewhere).contains("no queue is called `r`"));
        let unknown = "publish = { exchange = \"x\" }";
        assert!(wrong(BOTH, unknown).contains("there is no exchange `x`"));
        let minutes = "publish = { routing_key = \"q\", expiration = \"1m\" }";
        assert!(wrong(BOTH, minutes).contains("whole milliseconds"));
        let idle = "amqp = { channel = \"confirm\" }";
        assert!(wrong(BOTH, idle).contains("`amqp` has no effect"));
    }
}
