//! Routing: from an exchange and a message to queues.
//! (`rabbit_exchange:route/3`)

use super::ring::phash2;
use super::{Destination, Exchange, Exchanges, HashOn, Kind, Rule};
use crate::rabbit::error::ChannelError;
use crate::talk::{Name, Publication, QueueId, Value};

impl Exchanges {
    /// Where a client's publish goes: `into` is emptied and then holds every queue once, sorted.
    /// `keys` is the routing key, followed by those of the headers `CC` and `BCC`. `exchange` must
    /// not be the default exchange.
    ///
    /// # Errors
    /// 404 when the exchange does not exist, 403 when it is internal.
    pub fn route(
        &self,
        exchange: &Name,
        publication: &Publication,
        keys: &[Name],
        into: &mut Vec<QueueId>,
    ) -> Result<(), ChannelError> {
        into.clear();
        let from =
            self.get(exchange.as_str()).ok_or_else(|| ChannelError::no_exchange(exchange))?;
        if from.internal {
            return Err(ChannelError::access_refused(format_args!(
                "cannot publish to internal exchange '{exchange}' in vhost '/'"
            )));
        }
        self.follow(from, publication, keys, into);
        Ok(())
    }

    /// Where a dead letter goes: as [`Exchanges::route`], but an internal exchange may be used,
    /// and one that does not exist routes nowhere.
    pub fn route_dead_letter(
        &self,
        exchange: &Name,
        publication: &Publication,
        keys: &[Name],
        into: &mut Vec<QueueId>,
    ) {
        into.clear();
        if let Some(from) = self.get(exchange.as_str()) {
            self.follow(from, publication, keys, into);
        }
    }

    /// Goes from exchange to exchange, each of them once. The list of those that were visited is
    /// only made when there is more than one.
    fn follow<'a>(
        &'a self,
        from: &'a Exchange,
        publication: &Publication,
        keys: &[Name],
        into: &mut Vec<QueueId>,
    ) {
        let mut further: Vec<&'a Exchange> = Vec::new();
        let mut next = 0;
        let mut exchange = from;
        loop {
            let mut reached = false;
            let mut go_on = |name: &Name| {
                let found = self.get(name.as_str()).filter(|found| found.name != from.name);
                if let Some(found) = found
                    && further.iter().all(|seen| seen.name != found.name)
                {
                    further.push(found);
                }
            };
            exchange.destinations(publication, keys, &mut |destination| {
                reached = true;
                match destination {
                    Destination::Queue(queue) => into.push(*queue),
                    Destination::Exchange(name) => go_on(name),
                }
            });
            // a binding to another exchange counts, even when that one leads nowhere
            if let Some(alternate) = exchange.alternate.as_ref().filter(|_| !reached) {
                go_on(alternate);
            }
            let Some(following) = further.get(next) else { break };
            exchange = following;
            next += 1;
        }
        into.sort_unstable();
        into.dedup();
    }
}

impl Exchange {
    /// Calls `found` for everything that its own bindings lead to.
    fn destinations(
        &self,
        publication: &Publication,
        keys: &[Name],
        found: &mut impl FnMut(&Destination),
    ) {
        match &self.kind {
            Kind::Direct => {
                for key in keys {
                    let first = self.bindings.partition_point(|binding| binding.key < *key);
                    let same = self.bindings[first..].iter().take_while(|it| it.key == *key);
                    same.for_each(|binding| found(&binding.destination));
                }
            }
            Kind::Fanout => {
                self.bindings.iter().for_each(|binding| found(&binding.destination));
            }
            Kind::Topic | Kind::Headers => {
                for binding in &self.bindings {
                    let fits = match &binding.rule {
                        Rule::Topic(pattern) => {
                            keys.iter().any(|key| pattern.matches(key.as_str()))
                        }
                        Rule::Headers(wanted) => wanted.matches(&publication.properties.headers),
                        Rule::Key | Rule::Weight(_) => false,
                    };
                    if fits {
                        found(&binding.destination);
                    }
                }
            }
            Kind::ConsistentHash(on) => {
                if let Some(destination) = self.ring.at(on.hash(publication, keys)) {
                    found(destination);
                }
            }
        }
    }
}

impl HashOn {
    /// Text is hashed, a number is taken as it is; what is missing counts as a hash of its own.
    fn hash(&self, publication: &Publication, keys: &[Name]) -> u64 {
        let text = |text: Option<&Name>| phash2(text.map_or("", Name::as_str).as_bytes());
        let properties = &publication.properties;
        match self {
            HashOn::RoutingKey => text(keys.first()),
            HashOn::MessageId => text(properties.message_id.as_ref()),
            HashOn::CorrelationId => text(properties.correlation_id.as_ref()),
            HashOn::Header(name) => match properties.headers.get(name) {
                Some(Value::Int(number)) => number.unsigned_abs(),
                other => text(other.and_then(Value::as_text)),
            },
        }
    }
}
