//! Whether a producer is idempotent: its settings may contradict each other, and what then happens
//! depends on which of them were written down.

use super::{Client, Family};
use crate::kafka::version::Version;
use crate::talk::kafka::Acks;

/// What a configuration says about idempotence; `None` where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Configured {
    /// `enable.idempotence`.
    pub idempotence: Option<bool>,
    /// `acks`.
    pub acks: Option<Acks>,
    /// `retries`.
    pub retries: Option<u32>,
    /// `max.in.flight.requests.per.connection`.
    pub max_in_flight: Option<u32>,
    /// Whether `transactional.id` is there.
    pub transactional: bool,
}

/// A configuration that a producer refuses, in the words of Java's `ConfigException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    /// `retries` is 0.
    #[error("Must set retries to non-zero when using the idempotent producer.")]
    Retries,
    /// `acks` is not all.
    #[error(
        "Must set acks to all in order to use the idempotent producer. Otherwise we cannot \
         guarantee idempotence."
    )]
    Acks,
    /// `max.in.flight.requests.per.connection` is above 5, of how many batches a broker remembers.
    #[error(
        "Must set max.in.flight.requests.per.connection to at most 5 to use the idempotent producer."
    )]
    InFlight,
    /// There is a `transactional.id`.
    #[error("Cannot set a transactional.id without also enabling idempotence.")]
    Transactional,
}

/// Why a producer is idempotent, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// It is: by default, or as it was told.
    On,
    /// It is not: by default, or as it was told.
    Off,
    /// It is not, without a word but in its log: another setting contradicts the default.
    Fallback,
}

impl Client {
    /// Whether a producer with these settings is idempotent.
    ///
    /// # Errors
    /// The producer does not start.
    ///
    /// Sources: `ProducerConfig.postProcessAndValidateIdempotenceConfigs` of Java 3.0.1 and later,
    /// `idempotenceEnabled` of 3.0.0 and before, upgrade notes 4.0.0; `rd_kafka_conf_finalize` of
    /// librdkafka 2; `src/producer/index.js` and `messageProducer.js` of KafkaJS 2.2.4, which knows no
    /// bound for what is in flight and makes every transaction idempotent.
    pub fn idempotence(&self, configured: &Configured) -> Result<Why, Contradiction> {
        let told = configured.idempotence;
        let by_default = self.producer.idempotent;
        if !told.unwrap_or(by_default || configured.transactional) {
            return match (configured.transactional, self.family) {
                (true, Family::KafkaJs) => Ok(Why::On),
                (true, _) => Err(Contradiction::Transactional),
                (false, _) => Ok(Why::Off),
            };
        }
        match contradiction(configured) {
            None => Ok(Why::On),
            Some(Contradiction::InFlight) if self.family == Family::KafkaJs => Ok(Why::On),
            Some(why) if told == Some(true) || !by_default => Err(why),
            Some(Contradiction::InFlight) if self.version >= Version::new(4, 0) => {
                Err(Contradiction::InFlight)
            }
            Some(_) if configured.transactional => Err(Contradiction::Transactional),
            Some(_) => Ok(Why::Fallback),
        }
    }
}

fn contradiction(configured: &Configured) -> Option<Contradiction> {
    if configured.retries == Some(0) {
        return Some(Contradiction::Retries);
    }
    if configured.acks.is_some_and(|acks| acks != Acks::All) {
        return Some(Contradiction::Acks);
    }
    configured.max_in_flight.is_some_and(|most| most > 5).then_some(Contradiction::InFlight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, configured: Configured) -> Result<Why, Contradiction> {
        Client::by_name(name).expect(name).idempotence(&configured)
    }

    #[test]
    fn java_is_idempotent_by_default_since_3_0_but_not_in_3_0_0() {
        let default = |name| of(name, Configured::default());
        assert_eq!(default("java-2.8"), Ok(Why::Off));
        assert_eq!(default("java-3.0.0"), Ok(Why::Off));
        assert_eq!(default("java-3.0"), Ok(Why::On));
        assert_eq!(default("kafkajs-2.2"), Ok(Why::Off));
        assert_eq!(default("librdkafka-2"), Ok(Why::Off));
    }

    #[test]
    fn acks_of_1_silently_ends_idempotence_unless_it_was_asked_for() {
        let acks = Configured { acks: Some(Acks::Leader), ..Configured::default() };
        assert_eq!(of("java-4.1", acks), Ok(Why::Fallback));
        let asked = Configured { idempotence: Some(true), ..acks };
        assert_eq!(of("java-4.1", asked), Err(Contradiction::Acks));
    }

    #[test]
    fn more_than_five_in_flight_silently_ended_idempotence_up_to_3_9() {
        let many = Configured { max_in_flight: Some(6), ..Configured::default() };
        assert_eq!(of("java-3.9", many), Ok(Why::Fallback));
        assert_eq!(of("java-4.0", many), Err(Contradiction::InFlight));
        let asked = Configured { idempotence: Some(true), ..many };
        assert_eq!(of("librdkafka-2", asked), Err(Contradiction::InFlight));
        assert_eq!(of("kafkajs-2.2", asked), Ok(Why::On));
    }

    #[test]
    fn transactions_need_idempotence_and_bring_it_along() {
        let transactional = Configured { transactional: true, ..Configured::default() };
        assert_eq!(of("java-2.8", transactional), Ok(Why::On));
        let off = Configured { idempotence: Some(false), ..transactional };
        assert_eq!(of("java-4.1", off), Err(Contradiction::Transactional));
    }
}
