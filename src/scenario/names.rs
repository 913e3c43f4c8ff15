//! Who is who in a scenario, and names that lead nowhere.

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
    Producer,
    Consumer,
    Service,
}

/// All names that a scenario declares.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    queues: Vec<String>,
    exchanges: Vec<String>,
    groups: Vec<Group>,
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
                problems.push(Problem::error(exchange.spot_of("name"), title));
            }
        }
        let nodes = rabbit.number::<usize>("nodes").max(1);
        names.groups.push(Group {
            name: "rabbit".to_owned(),
            members: numbered("rabbit", nodes),
            what: What::Broker,
            spot: rabbit.spot.clone(),
        });
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
        names
    }

    fn declare(&mut self, table: &Tree, what: What, problems: &mut Problems) {
        let (name, spot) = (table.name(), table.spot_of("name"));
        if name.is_empty() {
            return; // reported where it was read
        }
        let instances = if what == What::Service { 1 } else { table.number("instances") };
        let members = numbered(name, instances);
        let taken = self.groups.iter().find(|group| {
            group.name == name || members.iter().any(|member| group.members.contains(member))
        });
        if let Some(group) = taken {
            let title = format!("two participants are called `{name}`");
            let problem = Problem::error(spot, title);
            problems.push(match group.what {
                What::Broker => problem.help("`rabbit` is the name of the broker"),
                _ => problem.also(&group.spot, "the other one"),
            });
            return;
        }
        self.groups.push(Group { name: name.to_owned(), members, what, spot: spot.clone() });
    }

    /// The participants that `name` stands for: one, or all instances of a group.
    pub(super) fn members(&self, name: &str) -> Vec<&str> {
        for group in &self.groups {
            if group.name == name {
                return group.members.iter().map(String::as_str).collect();
            }
            if let Some(member) = group.members.iter().find(|member| *member == name) {
                return vec![member];
            }
            // a single instance may be called by its number all the same, so that a change of
            // `instances` leaves the faults valid
            if group.members.len() == 1 && name.strip_suffix("-1") == Some(&group.name) {
                return vec![&group.members[0]]; // there is one
            }
        }
        Vec::new()
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
            Space::Consumer => groups(&[What::Consumer], false),
            Space::Broker => groups(&[What::Broker], true),
            Space::Client => groups(&[What::Producer, What::Consumer], true),
            Space::Node => {
                groups(&[What::Broker, What::Producer, What::Consumer, What::Service], true)
            }
        }
    }

    fn has(&self, space: Space, name: &str) -> bool {
        match space {
            Space::Queue => self.is_queue(name),
            Space::Exchange => self.is_exchange(name),
            Space::QueueOrExchange => self.is_queue(name) || self.is_exchange(name),
            Space::Service | Space::Consumer => self.known(space).contains(&name),
            Space::Node | Space::Broker | Space::Client => {
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
            .label(format!("`{key}` names a {noun}"))
            .consequence();
        let known = self.known(space);
        if let Some(near) = nearest(name, known.iter().copied()) {
            return problem.help(format!("did you mean `{near}`?"));
        }
        if matches!(space, Space::Node | Space::Client | Space::Service) && self.is_queue(name) {
            return problem.help(format!("`{name}` is a queue; a fault happens to a participant"));
        }
        match known.as_slice() {
            [] => problem.help(format!("no {noun} is declared")),
            known => problem.help(format!("there are: {}", known.join(", "))),
        }
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
    let mut seen: Vec<(&str, &Spot)> = Vec::new();
    for table in tables {
        let (name, spot) = (table.name(), table.spot_of("name"));
        match seen.iter().find(|(other, _)| *other == name) {
            Some((_, other)) if !name.is_empty() => {
                let title = format!("two of [[rabbitmq.{what}]] are called `{name}`");
                problems.push(Problem::error(spot, title).also(other, "the other one"));
            }
            _ => seen.push((name, spot)),
        }
    }
    seen.into_iter().map(|(name, _)| name.to_owned()).collect()
}
