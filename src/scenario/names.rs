//! Who is who in a scenario, and names that lead nowhere.

use std::collections::BTreeMap;

use super::keys::{SCENARIO, Table};
use super::kind::{Datum, Kind, Space};
use super::problem::{Problem, Problems, Spot, nearest};
use super::tree::{Entry, Tree};

/// The exchanges that every broker has.
/// Source: AMQP 0-9-1 specification, 3.1.3; docs exchanges.
const STANDARD_EXCHANGES: [&str; 6] =
    ["", "amq.direct", "amq.fanout", "amq.topic", "amq.headers", "amq.match"];

/// What one entry of the file stands for.
#[derive(Clone, Debug)]
struct Group {
    name: String,
    /// The participants: itself, or name-1, name-2 and so on.
    members: Vec<String>,
    what: What,
    spot: Spot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Broker,
    KafkaBroker,
    Controller,
    Producer,
    Consumer,
    KafkaProducer,
    KafkaConsumer,
    Service,
}

/// All names that a scenario declares.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    queues: Vec<String>,
    exchanges: Vec<String>,
    topics: Vec<String>,
    groups: Vec<Group>,
    /// The group of every name of a group or of one of its members.
    taken: BTreeMap<String, usize>,
}

impl Names {
    /// Collects them, and reports those that are there twice.
    pub(super) fn collect(tree: &Tree, problems: &mut Problems) -> Names {
        let mut names = Names::default();
        let Some(rabbit) = tree.table("rabbitmq") else { return names };
        names.queues = unique(rabbit.tables("queue"), "queue", problems);
        names.exchanges = unique(rabbit.tables("exchange"), "exchange", problems);
        unique(rabbit.tables("policy"), "policy", problems);
        for exchange in rabbit.tables("exchange") {
            if STANDARD_EXCHANGES.contains(&exchange.name()) {
                let title = format!("every broker has the exchange `{}` already", exchange.name());
                problems.push(
                    Problem::error(exchange.spot_of("name"), title)
                        .help("leave it out, or give it another name"),
                );
            }
        }
        if has_rabbit(tree) {
            let nodes = rabbit.number::<usize>("nodes").max(1);
            names.add(Group {
                name: "rabbit".to_owned(),
                members: numbered("rabbit", nodes),
                what: What::Broker,
                spot: rabbit.spot.clone(),
            });
        }
        if let Some(kafka) = tree.table("kafka") {
            names.topics = unique_in("kafka", kafka.tables("topic"), "topic", problems);
            let nodes = [
                ("kafka", "brokers", What::KafkaBroker),
                ("controller", "controllers", What::Controller),
            ];
            for (name, key, what) in nodes {
                let count = kafka.number::<usize>(key).max(1);
                // a broker has its number also where it is the only one
                let members = match what {
                    What::KafkaBroker => (1..=count).map(|n| format!("{name}-{n}")).collect(),
                    _ => numbered(name, count),
                };
                let spot = kafka.spot.clone();
                names.add(Group { name: name.to_owned(), members, what, spot });
            }
        }
        let kinds = [
            ("producer", What::Producer),
            ("consumer", What::Consumer),
            ("service", What::Service),
        ];
        for (key, what) in kinds {
            for table in tree.tables(key) {
                names.declare(table, what, problems);
            }
        }
        if let Some(kafka) = tree.table("kafka") {
            for (key, what) in
                [("producer", What::KafkaProducer), ("consumer", What::KafkaConsumer)]
            {
                for table in kafka.tables(key) {
                    names.declare(table, what, problems);
                }
            }
        }
        names
    }

    fn declare(&mut self, table: &Tree, what: What, problems: &mut Problems) {
        let (name, spot) = (table.name(), table.spot_of("name"));
        if name.is_empty() {
            return; // reported where it was read
        }
        let instances = if what == What::Service { 1 } else { table.number("instances") };
        let members = numbered(name, instances);
        let taken = std::iter::once(name)
            .chain(members.iter().map(String::as_str))
            .find_map(|name| Some((name, self.groups.get(*self.taken.get(name)?)?)));
        if let Some((taken, group)) = taken {
            let title = format!("two participants are called `{taken}`");
            let problem = Problem::error(spot, title).hides([name.to_owned()]);
            problems.push(match group.what {
                What::Broker | What::KafkaBroker => {
                    problem.help(format!("`{taken}` is the name of the broker"))
                }
                What::Controller => problem.help("`controller` is the name of Kafka's controller"),
                _ => problem.also(&group.spot, "the other one").help(
                    "give one of them another name; instances are called name-1, name-2 and so on",
                ),
            });
            return;
        }
        self.add(Group { name: name.to_owned(), members, what, spot: spot.clone() });
    }

    fn add(&mut self, group: Group) {
        let at = self.groups.len();
        for name in std::iter::once(&group.name).chain(&group.members) {
            self.taken.insert(name.clone(), at);
        }
        self.groups.push(group);
    }

    /// The participants that `name` stands for: one, or all instances of a group.
    pub(super) fn members(&self, name: &str) -> Vec<&str> {
        let group = |name: &str| self.taken.get(name).and_then(|at| self.groups.get(*at));
        match group(name) {
            Some(group) if group.name == name => group.members.iter().map(String::as_str).collect(),
            Some(group) => {
                group.members.iter().map(String::as_str).filter(|it| *it == name).collect()
            }
            // a single instance may be called by its number all the same, so that a change of
            // `instances` leaves the faults valid
            None => match name.strip_suffix("-1").and_then(group) {
                Some(group) if group.members.len() == 1 => vec![&group.members[0]], // there is one
                _ => Vec::new(),
            },
        }
    }

    /// Whether there is a service with this name.
    pub(super) fn is_service(&self, name: &str) -> bool {
        self.groups.iter().any(|group| group.what == What::Service && group.name == name)
    }

    /// The services.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        let services = self.groups.iter().filter(|group| group.what == What::Service);
        services.map(|group| group.name.as_str())
    }

    /// Whether there is a queue with this name.
    pub(super) fn is_queue(&self, name: &str) -> bool {
        self.queues.iter().any(|queue| queue == name)
    }

    /// Whether there is a topic with this name.
    pub(super) fn is_topic(&self, name: &str) -> bool {
        self.topics.iter().any(|topic| topic == name)
    }

    /// Whether there is an exchange with this name.
    pub(super) fn is_exchange(&self, name: &str) -> bool {
        STANDARD_EXCHANGES.contains(&name) || self.exchanges.iter().any(|known| known == name)
    }

    /// All names of a space.
    fn known(&self, space: Space) -> Vec<&str> {
        let queues = self.queues.iter().map(String::as_str);
        let exchanges = self.exchanges.iter().map(String::as_str);
        let groups = |wanted: &'static [What], members: bool| {
            let groups = self.groups.iter().filter(move |group| wanted.contains(&group.what));
            let names = groups.flat_map(move |group| {
                let more = members && group.members.len() > 1;
                let more: &[String] = if more { &group.members } else { &[] };
                std::iter::once(&group.name).chain(more)
            });
            names.map(String::as_str).collect()
        };
        match space {
            Space::Queue => queues.collect(),
            Space::Exchange => exchanges.collect(),
            Space::QueueOrExchange => queues.chain(exchanges).collect(),
            Space::Service => groups(&[What::Service], false),
            Space::Consumer => groups(&[What::Consumer, What::KafkaConsumer], false),
            Space::Broker => groups(&[What::Broker], true),
            Space::Topic => self.topics.iter().map(String::as_str).collect(),
            Space::Controller => groups(&[What::Controller], true),
            Space::Client => groups(
                &[What::Producer, What::Consumer, What::KafkaProducer, What::KafkaConsumer],
                true,
            ),
            Space::Node => groups(
                &[
                    What::Broker,
                    What::KafkaBroker,
                    What::Controller,
                    What::Producer,
                    What::Consumer,
                    What::KafkaProducer,
                    What::KafkaConsumer,
                    What::Service,
                ],
                true,
            ),
        }
    }

    fn has(&self, space: Space, name: &str) -> bool {
        match space {
            Space::Queue => self.is_queue(name),
            Space::Exchange => self.is_exchange(name),
            Space::Topic => self.is_topic(name),
            Space::QueueOrExchange => self.is_queue(name) || self.is_exchange(name),
            Space::Service | Space::Consumer => self.known(space).contains(&name),
            Space::Node | Space::Broker | Space::Client | Space::Controller => {
                let members = self.members(name);
                let known = self.known(space);
                let member = |group: &Group| {
                    group.members.iter().any(|member| members.contains(&member.as_str()))
                        && known.contains(&group.name.as_str())
                };
                self.groups.iter().any(member)
            }
        }
    }

    /// Reports every name in the document that leads nowhere.
    pub(super) fn check(&self, tree: &Tree, problems: &mut Problems) {
        self.check_table(&SCENARIO, tree, problems);
    }

    fn check_table(&self, table: &'static Table, tree: &Tree, problems: &mut Problems) {
        for (key, entry) in &tree.entries {
            let rest = || table.rest.as_ref().map(|rest| &rest.kind);
            if let Some(kind) = table.key(key).map(|key| &key.kind).or_else(rest) {
                self.check_entry(kind, key, entry, problems);
            }
        }
    }

    fn check_entry(&self, kind: &Kind, key: &str, entry: &Entry, problems: &mut Problems) {
        match (kind, &entry.value) {
            (Kind::Ref(space), Datum::Text(name)) if !self.has(*space, name) => {
                problems.push(self.dangling(*space, key, name, &entry.spot));
            }
            (Kind::List(inner) | Kind::Some(inner), Datum::List(items)) => {
                for item in items {
                    self.check_entry(inner, key, item, problems);
                }
            }
            (Kind::Tables(table), Datum::List(items)) => {
                for item in items.iter().filter_map(Entry::as_table) {
                    self.check_table(table, item, problems);
                }
            }
            (Kind::Table(table), Datum::Table(tree)) => self.check_table(table, tree, problems),
            (Kind::Either(kinds), _) => {
                for kind in *kinds {
                    self.check_entry(kind, key, entry, problems);
                }
            }
            _ => {}
        }
    }

    fn dangling(&self, space: Space, key: &str, name: &str, spot: &Spot) -> Problem {
        let noun = space.noun();
        let problem = Problem::error(spot, format!("there is no {noun} `{name}`"))
            .label(format!("`{key}` names {}", space.one()))
            .unless_hidden(Problem::ANY_NAME)
            .unless_hidden(name)
            .unless_hidden(group_of(name));
        let known = self.known(space);
        let group = self.members(group_of(name));
        if let ([first, .., last], true) = (group.as_slice(), known.contains(&group_of(name))) {
            return problem.help(format!("its instances are `{first}` to `{last}`"));
        }
        if let Some(near) = nearest(name, known.iter().copied()) {
            return problem.help(format!("did you mean `{near}`?"));
        }
        if matches!(space, Space::Node | Space::Client | Space::Service) && self.is_queue(name) {
            return problem.help(format!("`{name}` is a queue; a fault happens to a participant"));
        }
        match known.as_slice() {
            [] => problem.help(match declared_as(space) {
                Some(table) => {
                    format!("no {noun} is declared: write {table} with name = \"{name}\"")
                }
                None => format!("no {noun} is declared"),
            }),
            [only] => problem.help(format!("there is only `{only}`")),
            known => problem.help(format!("there are {}", known.join(", "))),
        }
    }
}

/// Whether a RabbitMQ cluster runs: unless there is only Kafka.
pub(super) fn has_rabbit(tree: &Tree) -> bool {
    let clients = ["producer", "consumer"].into_iter().any(|key| tree.tables(key).next().is_some());
    tree.has("rabbitmq") || clients || !tree.has("kafka")
}

/// `worker` for `worker-2`.
fn group_of(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((group, nth)) if nth.parse::<u32>().is_ok() => group,
        _ => name,
    }
}

/// Which tables declare names of a space.
fn declared_as(space: Space) -> Option<&'static str> {
    match space {
        Space::Queue => Some("[[rabbitmq.queue]]"),
        Space::Exchange => Some("[[rabbitmq.exchange]]"),
        Space::Service => Some("[[service]]"),
        Space::Consumer => Some("[[consumer]]"),
        Space::Topic => Some("[[kafka.topic]]"),
        Space::QueueOrExchange
        | Space::Node
        | Space::Broker
        | Space::Client
        | Space::Controller => None,
    }
}

/// The names of the instances of `name`.
fn numbered(name: &str, instances: usize) -> Vec<String> {
    match instances {
        0 | 1 => vec![name.to_owned()],
        n => (1..=n).map(|nth| format!("{name}-{nth}")).collect(),
    }
}

fn unique<'a>(
    tables: impl Iterator<Item = &'a Tree>,
    what: &str,
    problems: &mut Problems,
) -> Vec<String> {
    unique_in("rabbitmq", tables, what, problems)
}

fn unique_in<'a>(
    system: &str,
    tables: impl Iterator<Item = &'a Tree>,
    what: &str,
    problems: &mut Problems,
) -> Vec<String> {
    let mut seen: BTreeMap<&str, &Spot> = BTreeMap::new();
    let mut names = Vec::new();
    for table in tables {
        let (name, spot) = (table.name(), table.spot_of("name"));
        match seen.get(name) {
            Some(other) if !name.is_empty() => {
                let title = format!("two of [[{system}.{what}]] are called `{name}`");
                problems.push(
                    Problem::error(spot, title)
                        .also(other, "the other one")
                        .help("give one of them another name, or leave it out"),
                );
            }
            _ => {
                seen.insert(name, spot);
                names.push(name.to_owned());
            }
        }
    }
    names
}
