//! Exchanges and bindings: which queues a message goes to.
//!
//! The default exchange `""` is not here: it routes to the queue that the routing key names, which
//! only the broker can look up. It can be neither declared nor bound, and it does not serve as an
//! alternate exchange either (`rabbit_exchange:route1/4` finds no bindings of it).

mod headers;
mod ring;
mod route;
mod topic;

use std::fmt::{self, Display};

use super::arguments::{inequivalent, inequivalent_argument};
use super::error::ChannelError;
use super::profile::Profile;
use crate::talk::{Bind, ExchangeDeclare, Headers, Name, QueueId, Value};
use headers::Match;
use ring::Ring;
use topic::Pattern;

/// All exchanges of a virtual host but the default one, sorted by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exchanges {
    sorted: Vec<Exchange>,
}

/// One exchange and what is bound to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exchange {
    /// Its name.
    pub name: Name,
    /// How it routes.
    pub kind: Kind,
    /// It survives a restart.
    pub durable: bool,
    /// It goes with its last binding.
    pub auto_delete: bool,
    /// Clients may not publish to it.
    pub internal: bool,
    /// Where messages go that it routes nowhere (`alternate-exchange`).
    pub alternate: Option<Name>,
    arguments: Headers,
    /// Sorted by key, then destination, then arguments.
    bindings: Vec<Binding>,
    /// Used by [`Kind::ConsistentHash`] alone.
    ring: Ring,
}

/// How an exchange routes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// By equality of routing key and binding key.
    Direct,
    /// To everything that is bound.
    Fanout,
    /// By the words of the routing key.
    Topic,
    /// By the headers of the message.
    Headers,
    /// To one destination, chosen by a hash.
    ConsistentHash(HashOn),
}

/// What the consistent-hash exchange hashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashOn {
    /// The routing key.
    RoutingKey,
    /// `hash-header`: the header with this name.
    Header(Name),
    /// `hash-property: message_id`
    MessageId,
    /// `hash-property: correlation_id`
    CorrelationId,
}

/// What a binding leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// A queue.
    Queue(QueueId),
    /// Another exchange.
    Exchange(Name),
}

/// One binding of an exchange.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Binding {
    /// The binding key.
    pub key: Name,
    /// What it leads to.
    pub destination: Destination,
    /// Its arguments.
    pub arguments: Headers,
    rule: Rule,
}

/// What an exchange compares, prepared when the binding is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Rule {
    /// The key as it is, or nothing.
    Key,
    Topic(Pattern),
    Headers(Match),
    /// The number of buckets.
    Weight(u32),
}

/// The exchanges that every virtual host has (`rabbit_vhost`, `default_exchanges`).
const PREDECLARED: [(&str, Kind, bool); 6] = [
    ("amq.direct", Kind::Direct, false),
    ("amq.fanout", Kind::Fanout, false),
    ("amq.headers", Kind::Headers, false),
    ("amq.match", Kind::Headers, false),
    ("amq.rabbitmq.trace", Kind::Topic, true),
    ("amq.topic", Kind::Topic, false),
];

impl Default for Exchanges {
    fn default() -> Exchanges {
        let predeclared = |(name, kind, internal): (&str, Kind, bool)| Exchange {
            name: name.into(),
            kind,
            durable: true,
            auto_delete: false,
            internal,
            alternate: None,
            arguments: Headers::new(),
            bindings: Vec::new(),
            ring: Ring::default(),
        };
        // the list is in the order of the names
        Exchanges { sorted: PREDECLARED.into_iter().map(predeclared).collect() }
    }
}

impl Exchanges {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.sorted.binary_search_by(|exchange| exchange.name.as_str().cmp(name))
    }

    /// The exchange with this name.
    pub fn get(&self, name: &str) -> Option<&Exchange> {
        self.place(name).ok().map(|at| &self.sorted[at])
    }

    /// All of them, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Exchange> {
        self.sorted.iter()
    }

    /// Fails with 404 when there is no such exchange. The default exchange always exists.
    pub fn require(&self, name: &Name) -> Result<(), ChannelError> {
        match self.get(name.as_str()) {
            None if !name.is_empty() => Err(ChannelError::no_exchange(name)),
            _ => Ok(()),
        }
    }

    /// `exchange.declare`: 403 for the default exchange and for new names that begin with `amq.`,
    /// 404 for a passive declaration of what is not there, 406 when it is there with other
    /// properties. Of the arguments only `alternate-exchange` is compared.
    /// (`rabbit_channel:handle_method/6`, `rabbit_exchange:assert_equivalence/6`)
    pub fn declare(
        &mut self,
        declare: &ExchangeDeclare,
        profile: &Profile,
    ) -> Result<(), ChannelError> {
        let name = &declare.exchange;
        if declare.passive {
            not_default(name)?;
            return self.require(name);
        }
        let Some(kind) = Kind::parse(declare.kind.as_str(), &declare.arguments)? else {
            let text = format_args!("unknown exchange type '{}'", declare.kind);
            return Err(match profile.unknown_exchange_closes_connection {
                true => ChannelError::command_invalid(text),
                false => ChannelError::precondition_failed(text),
            });
        };
        not_default(name)?;
        let place = match self.place(name.as_str()) {
            Ok(at) => return self.sorted[at].equivalent(declare),
            Err(place) => place,
        };
        if name.as_str().starts_with("amq.") {
            return Err(ChannelError::access_refused(format_args!(
                "exchange name '{name}' contains reserved prefix 'amq.*'"
            )));
        }
        let alternate = match declare.arguments.get("alternate-exchange") {
            None => None,
            Some(Value::Text(exchange)) => Some(exchange.clone()),
            Some(other) => {
                return Err(ChannelError::precondition_failed(format_args!(
                    "invalid type '{}' for arg 'alternate-exchange' in exchange '{name}' in vhost '/'",
                    super::arguments::kind_of(other)
                )));
            }
        };
        let exchange = Exchange {
            name: name.clone(),
            kind,
            durable: declare.durable,
            auto_delete: declare.auto_delete,
            internal: declare.internal,
            alternate,
            arguments: declare.arguments.clone(),
            bindings: Vec::new(),
            ring: Ring::default(),
        };
        self.sorted.insert(place, exchange);
        Ok(())
    }

    /// `exchange.delete`: 403 for the default exchange and `amq.*`, 406 when `if_unused` and
    /// something is bound to it. Deleting what is not there is fine.
    pub fn delete(&mut self, name: &Name, if_unused: bool) -> Result<(), ChannelError> {
        not_default(name)?;
        if name.as_str().starts_with("amq.") {
            return Err(ChannelError::access_refused(format_args!(
                "deletion of system exchange '{name}' in vhost '/' not allowed"
            )));
        }
        let Ok(at) = self.place(name.as_str()) else { return Ok(()) };
        if if_unused && !self.sorted[at].bindings.is_empty() {
            return Err(ChannelError::precondition_failed(format_args!(
                "exchange '{name}' in vhost '/' in use"
            )));
        }
        self.sorted.remove(at);
        self.gone(&Destination::Exchange(name.clone()));
        Ok(())
    }

    /// `queue.bind`. Binding again what is bound already changes nothing. Whether the queue exists
    /// and may be used is the caller's question, to be asked after [`Exchanges::require`].
    pub fn bind_queue(
        &mut self,
        source: &Name,
        queue: QueueId,
        key: &Name,
        arguments: &Headers,
    ) -> Result<(), ChannelError> {
        self.bind(source, Destination::Queue(queue), key, arguments)
    }

    /// `queue.unbind`. Removing a binding that is not there is fine.
    pub fn unbind_queue(
        &mut self,
        source: &Name,
        queue: QueueId,
        key: &Name,
        arguments: &Headers,
    ) -> Result<(), ChannelError> {
        self.unbind(source, &Destination::Queue(queue), key, arguments)
    }

    /// `exchange.bind`: 404 when one of the two is missing.
    pub fn bind_exchange(&mut self, bind: &Bind) -> Result<(), ChannelError> {
        let destination = self.other_end(bind)?;
        self.require(&bind.source)?;
        self.require(&bind.destination)?;
        self.bind(&bind.source, destination, &bind.key, &bind.arguments)
    }

    /// `exchange.unbind`: fine, too, when there is no such binding or exchange.
    pub fn unbind_exchange(&mut self, bind: &Bind) -> Result<(), ChannelError> {
        let destination = self.other_end(bind)?;
        self.unbind(&bind.source, &destination, &bind.key, &bind.arguments)
    }

    fn other_end(&self, bind: &Bind) -> Result<Destination, ChannelError> {
        not_default(&bind.destination)?;
        not_default(&bind.source)?;
        Ok(Destination::Exchange(bind.destination.clone()))
    }

    fn bind(
        &mut self,
        source: &Name,
        destination: Destination,
        key: &Name,
        arguments: &Headers,
    ) -> Result<(), ChannelError> {
        not_default(source)?;
        self.require(source)?;
        let Ok(at) = self.place(source.as_str()) else { return Ok(()) };
        let exchange = &mut self.sorted[at];
        let rule = Rule::new(&exchange.kind, key, arguments)?;
        let weight = if let Rule::Weight(weight) = rule { weight } else { 0 };
        let binding = Binding { key: key.clone(), destination, arguments: arguments.clone(), rule };
        if let Err(place) = exchange.bindings.binary_search(&binding) {
            if weight > 0 {
                exchange.ring.add(&binding.destination, weight);
            }
            exchange.bindings.insert(place, binding);
        }
        Ok(())
    }

    fn unbind(
        &mut self,
        source: &Name,
        destination: &Destination,
        key: &Name,
        arguments: &Headers,
    ) -> Result<(), ChannelError> {
        not_default(source)?;
        let Ok(at) = self.place(source.as_str()) else { return Ok(()) };
        let exchange = &mut self.sorted[at];
        let before = exchange.bindings.len();
        exchange.bindings.retain(|binding| {
            (&binding.key, &binding.destination, &binding.arguments)
                != (key, destination, arguments)
        });
        if exchange.bindings.len() < before {
            exchange.ring.remove(destination);
            if exchange.is_finished() {
                self.remove(at);
            }
        }
        Ok(())
    }

    /// A queue was deleted: its bindings go, and with their last ones auto-delete exchanges.
    pub fn queue_gone(&mut self, queue: QueueId) {
        self.gone(&Destination::Queue(queue));
    }

    fn remove(&mut self, at: usize) {
        let name = self.sorted.remove(at).name;
        self.gone(&Destination::Exchange(name));
    }

    /// Removes the bindings to `destination` and the auto-delete exchanges that lose their last
    /// one by it, one after the other, as the end of one may take the last of another.
    /// (`rabbit_binding:maybe_auto_delete/4`)
    fn gone(&mut self, destination: &Destination) {
        let mut finished = Vec::new();
        for exchange in &mut self.sorted {
            let before = exchange.bindings.len();
            exchange.bindings.retain(|binding| binding.destination != *destination);
            if exchange.bindings.len() < before {
                exchange.ring.remove(destination);
                if exchange.is_finished() {
                    finished.push(exchange.name.clone());
                }
            }
        }
        for name in finished {
            if let Ok(at) = self.place(name.as_str()) {
                self.remove(at);
            }
        }
    }

    /// The broker stopped and comes back: what is not durable is gone, and with it the bindings
    /// from it and to it. `survives` says so of queues. Bindings are recovered in the order of
    /// their keys, which renumbers the buckets of consistent-hash exchanges.
    /// (`rabbitmq_consistent_hash_exchange`, `recover_exchange_and_bindings/1`)
    pub fn restart(&mut self, survives: impl Fn(QueueId) -> bool) {
        self.sorted.retain(|exchange| exchange.durable);
        let durable: Vec<Name> = self.sorted.iter().map(|exchange| exchange.name.clone()).collect();
        for exchange in &mut self.sorted {
            exchange.bindings.retain(|binding| match &binding.destination {
                Destination::Queue(queue) => survives(*queue),
                Destination::Exchange(name) => durable.binary_search(name).is_ok(),
            });
            exchange.ring = Ring::default();
            for binding in &exchange.bindings {
                if let Rule::Weight(weight) = binding.rule {
                    exchange.ring.add(&binding.destination, weight);
                }
            }
        }
    }
}

impl Exchange {
    /// What is bound to it.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// To be asked when a binding was just removed.
    fn is_finished(&self) -> bool {
        self.auto_delete && self.bindings.is_empty()
    }

    fn equivalent(&self, declare: &ExchangeDeclare) -> Result<(), ChannelError> {
        let whose = format_args!("exchange '{}' in vhost '/'", self.name);
        let fields: [(&str, &dyn Display, &dyn Display, bool); 4] = [
            ("type", &declare.kind, &self.kind, declare.kind.as_str() == self.kind.as_str()),
            ("durable", &declare.durable, &self.durable, declare.durable == self.durable),
            (
                "auto_delete",
                &declare.auto_delete,
                &self.auto_delete,
                declare.auto_delete == self.auto_delete,
            ),
            ("internal", &declare.internal, &self.internal, declare.internal == self.internal),
        ];
        for (field, received, current, same) in fields {
            if !same {
                return Err(inequivalent(field, whose, received, current));
            }
        }
        let key = "alternate-exchange";
        inequivalent_argument(key, whose, declare.arguments.get(key), self.arguments.get(key))
    }
}

impl Kind {
    /// The name of the type, as `exchange.declare` gives it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Fanout => "fanout",
            Kind::Topic => "topic",
            Kind::Headers => "headers",
            Kind::ConsistentHash(_) => "x-consistent-hash",
        }
    }

    /// `None` for a type that there is not.
    fn parse(kind: &str, arguments: &Headers) -> Result<Option<Kind>, ChannelError> {
        Ok(Some(match kind {
            "direct" => Kind::Direct,
            "fanout" => Kind::Fanout,
            "topic" => Kind::Topic,
            "headers" => Kind::Headers,
            "x-consistent-hash" => Kind::ConsistentHash(HashOn::parse(arguments)?),
            _ => return Ok(None),
        }))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl HashOn {
    /// (`rabbit_exchange_type_consistent_hash:validate/1`; the property `timestamp` is not
    /// modelled)
    fn parse(arguments: &Headers) -> Result<HashOn, ChannelError> {
        let text = |name| arguments.get(name).and_then(Value::as_text);
        match (text("hash-header"), text("hash-property")) {
            (None, None) => Ok(HashOn::RoutingKey),
            (Some(header), None) => Ok(HashOn::Header(header.clone())),
            (None, Some(property)) => match property.as_str() {
                "message_id" => Ok(HashOn::MessageId),
                "correlation_id" => Ok(HashOn::CorrelationId),
                other => Err(ChannelError::precondition_failed(format_args!(
                    "Unsupported property: {other}"
                ))),
            },
            (Some(_), Some(_)) => Err(ChannelError::precondition_failed(format_args!(
                "hash-header and hash-property are mutually exclusive"
            ))),
        }
    }
}

impl Rule {
    fn new(kind: &Kind, key: &Name, arguments: &Headers) -> Result<Rule, ChannelError> {
        match kind {
            Kind::Direct | Kind::Fanout => Ok(Rule::Key),
            Kind::Topic => Ok(Rule::Topic(Pattern::new(key.as_str()))),
            Kind::Headers => Match::parse(arguments).map(Rule::Headers),
            Kind::ConsistentHash(_) => match key.as_str().parse::<i64>() {
                Ok(weight) if weight < 1 => Err(ChannelError::precondition_failed(format_args!(
                    "The binding key must be greater than 0"
                ))),
                Ok(weight) => Ok(Rule::Weight(u32::try_from(weight).unwrap_or(u32::MAX))),
                Err(_) => Err(ChannelError::precondition_failed(format_args!(
                    "The binding key must be an integer: <<\"{key}\">>"
                ))),
            },
        }
    }
}

fn not_default(name: &Name) -> Result<(), ChannelError> {
    if !name.is_empty() {
        return Ok(());
    }
    Err(ChannelError::access_refused(format_args!(
        "operation not permitted on the default exchange"
    )))
}

#[cfg(test)]
mod tests;
