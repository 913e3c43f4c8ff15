//! What a client is told about its connections.

use crate::kafka::clients::{Backoff, Client, Family};
use crate::kernel::{NodeId, Span};

/// How a client speaks to its cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LinkConfig {
    /// Whose client it is.
    pub family: Family,
    /// `bootstrap.servers`, `brokers`: at least one.
    pub bootstrap: Vec<NodeId>,
    /// `request.timeout.ms`, `requestTimeout`, `socket.timeout.ms`: how long a request waits for its
    /// answer, unless it is sent with a time of its own.
    pub request_timeout: Span,
    /// `socket.connection.setup.timeout.ms`, `connectionTimeout`.
    pub setup_timeout: Span,
    /// `reconnect.backoff.ms` and `reconnect.backoff.max.ms`: how long a broker is left alone after a
    /// connection to it ended or could not be made. `None` for KafkaJS, which connects when it next
    /// has something to send.
    pub reconnect: Option<Backoff>,
    /// `retry.backoff.ms` and `retry.backoff.max.ms`, `retry`: before metadata, or a coordinator, are
    /// asked for again.
    pub retry: Backoff,
    /// `metadata.max.age.ms`, `metadataMaxAge`, `topic.metadata.refresh.interval.ms`.
    pub metadata_max_age: Span,
    /// `max.in.flight.requests.per.connection`, `maxInFlightRequests`; `None` for any number.
    pub max_in_flight: Option<u32>,
}

impl LinkConfig {
    /// The defaults of a client that finds the cluster through these brokers.
    ///
    /// Sources: `CommonClientConfigs` of Apache Kafka 4.1.1; KafkaJS 2.2.4 `src/index.js`; librdkafka
    /// 2 `CONFIGURATION.md`, whose reconnects spread a little further than said here.
    pub fn of(client: &Client, bootstrap: Vec<NodeId>) -> LinkConfig {
        let [setup_timeout, request_timeout] = match client.family {
            Family::Java => [Span::from_secs(10), Span::from_secs(30)],
            Family::KafkaJs => [Span::from_secs(1), Span::from_secs(30)],
            Family::Librdkafka => [Span::from_secs(30), Span::from_secs(60)],
        };
        let reconnect = |first, most, jitter| Backoff { first, most, factor: 2, jitter };
        LinkConfig {
            family: client.family,
            bootstrap,
            request_timeout,
            setup_timeout,
            reconnect: match client.family {
                Family::Java => Some(reconnect(Span::from_millis(50), Span::from_secs(1), 20)),
                Family::KafkaJs => None,
                Family::Librdkafka => {
                    Some(reconnect(Span::from_millis(100), Span::from_secs(10), 25))
                }
            },
            retry: client.producer.backoff,
            metadata_max_age: Span::from_secs(300),
            max_in_flight: None,
        }
    }
}
