//! Kafka's timers and orders as text, both ways.

use crate::kernel::{NodeId, Span, Time};
use crate::talk::kafka::{GroupId, TopicId, TopicPartition, TxnId};
use crate::talk::{KafkaClientTimer, KafkaOrder, KafkaTimer, Name, SeekTo, Timer};

/// What stands in the parentheses behind the word of a timer.
enum Argument {
    None,
    Node(NodeId),
    Numbers(Vec<u64>),
}

/// The text of a timer of a broker or controller.
pub(super) fn write_timer(timer: KafkaTimer, names: &[Name]) -> String {
    use Argument::{Node, None, Numbers};
    let partition = |at: TopicPartition| vec![at.topic.0.into(), at.partition.into()];
    let (word, argument) = match timer {
        KafkaTimer::Delayed(slot) => ("delayed", Numbers(vec![slot])),
        KafkaTimer::Fetch(leader) => ("fetch", Node(leader)),
        KafkaTimer::IsrScan => ("isr-scan", None),
        KafkaTimer::Retention => ("retention", None),
        KafkaTimer::Clean => ("clean", None),
        KafkaTimer::Flush(at) => ("flush-log", Numbers(partition(at))),
        KafkaTimer::BrokerHeartbeat => ("broker-heartbeat", None),
        KafkaTimer::BrokerSession(broker) => ("broker-session", Node(broker)),
        KafkaTimer::Imbalance => ("imbalance", None),
        KafkaTimer::Election => ("election", None),
        KafkaTimer::ControllerTick => ("controller-tick", None),
        KafkaTimer::ControllerSync => ("controller-sync", None),
        KafkaTimer::Join(group) => ("join-phase", Numbers(vec![group.0.into()])),
        KafkaTimer::Sync(group) => ("sync-phase", Numbers(vec![group.0.into()])),
        KafkaTimer::Session(group, member) => {
            ("session", Numbers(vec![group.0.into(), member.into()]))
        }
        KafkaTimer::Member(group, member) => {
            ("member", Numbers(vec![group.0.into(), member.into()]))
        }
        KafkaTimer::OffsetRetention => ("offset-retention", None),
        KafkaTimer::TxnScan => ("txn-scan", None),
        KafkaTimer::TxnMarkers(txn) => ("txn-markers", Numbers(vec![txn.0.into()])),
        KafkaTimer::Lock(group, at) => {
            let mut numbers = vec![group.0.into()];
            numbers.extend(partition(at));
            ("lock", Numbers(numbers))
        }
    };
    with_argument(word, argument, names)
}

/// The text of a timer of a client.
pub(super) fn write_client_timer(timer: KafkaClientTimer, names: &[Name]) -> String {
    use Argument::{Node, None, Numbers};
    let (word, argument) = match timer {
        KafkaClientTimer::Send => ("next-record", None),
        KafkaClientTimer::Ready => ("batch-ready", None),
        KafkaClientTimer::Request(number) => ("request-timeout", Numbers(vec![number])),
        KafkaClientTimer::Handler(slot) => ("record-handler", Numbers(vec![slot])),
        KafkaClientTimer::Heartbeat => ("group-heartbeat", None),
        KafkaClientTimer::Poll => ("poll", None),
        KafkaClientTimer::AutoCommit => ("auto-commit", None),
        KafkaClientTimer::MaxPoll => ("max-poll", None),
        KafkaClientTimer::Metadata => ("metadata", None),
        KafkaClientTimer::Fetch(broker) => ("fetcher", Node(broker)),
        KafkaClientTimer::Reconnect(broker) => ("connect", Node(broker)),
        KafkaClientTimer::Delivery => ("delivery-timeout", None),
        KafkaClientTimer::Respawn => ("start-again", None),
        KafkaClientTimer::Commit => ("commit", None),
    };
    with_argument(word, argument, names)
}

fn with_argument(word: &str, argument: Argument, names: &[Name]) -> String {
    match argument {
        Argument::None => word.to_owned(),
        Argument::Node(id) => {
            format!("{word}({})", names.get(id.index()).map_or("?", Name::as_str))
        }
        Argument::Numbers(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("{word}({})", numbers.join("."))
        }
    }
}

/// Reads a timer from its word and what stands in parentheses behind it.
pub(super) fn read_timer(
    word: &str,
    argument: Option<&str>,
    node: impl Fn(&str) -> Option<NodeId>,
) -> Option<Timer> {
    let numbers: Option<Vec<u64>> =
        argument.map(|text| text.split('.').map(|n| n.parse().ok()).collect()).unwrap_or_default();
    let at = |place: usize| numbers.as_ref()?.get(place).copied();
    let small = |place: usize| u16::try_from(at(place)?).ok();
    let group = |place: usize| Some(GroupId(small(place)?));
    let partition =
        |place: usize| Some(TopicPartition::new(TopicId(small(place)?), small(place + 1)?));
    let peer = || node(argument?);
    let broker = |timer: KafkaTimer| Some(Timer::Kafka(timer));
    let client = |timer: KafkaClientTimer| Some(Timer::KafkaClient(timer));
    match word {
        "delayed" => broker(KafkaTimer::Delayed(at(0)?)),
        "fetch" => broker(KafkaTimer::Fetch(peer()?)),
        "isr-scan" => broker(KafkaTimer::IsrScan),
        "retention" => broker(KafkaTimer::Retention),
        "clean" => broker(KafkaTimer::Clean),
        "flush-log" => broker(KafkaTimer::Flush(partition(0)?)),
        "broker-heartbeat" => broker(KafkaTimer::BrokerHeartbeat),
        "broker-session" => broker(KafkaTimer::BrokerSession(peer()?)),
        "imbalance" => broker(KafkaTimer::Imbalance),
        "election" => broker(KafkaTimer::Election),
        "controller-tick" => broker(KafkaTimer::ControllerTick),
        "controller-sync" => broker(KafkaTimer::ControllerSync),
        "join-phase" => broker(KafkaTimer::Join(group(0)?)),
        "sync-phase" => broker(KafkaTimer::Sync(group(0)?)),
        "session" => broker(KafkaTimer::Session(group(0)?, small(1)?)),
        "member" => broker(KafkaTimer::Member(group(0)?, small(1)?)),
        "offset-retention" => broker(KafkaTimer::OffsetRetention),
        "txn-scan" => broker(KafkaTimer::TxnScan),
        "txn-markers" => broker(KafkaTimer::TxnMarkers(TxnId(small(0)?))),
        "lock" => broker(KafkaTimer::Lock(group(0)?, partition(1)?)),
        "next-record" => client(KafkaClientTimer::Send),
        "batch-ready" => client(KafkaClientTimer::Ready),
        "request-timeout" => client(KafkaClientTimer::Request(at(0)?)),
        "record-handler" => client(KafkaClientTimer::Handler(at(0)?)),
        "group-heartbeat" => client(KafkaClientTimer::Heartbeat),
        "poll" => client(KafkaClientTimer::Poll),
        "auto-commit" => client(KafkaClientTimer::AutoCommit),
        "max-poll" => client(KafkaClientTimer::MaxPoll),
        "metadata" => client(KafkaClientTimer::Metadata),
        "fetcher" => client(KafkaClientTimer::Fetch(peer()?)),
        "connect" => client(KafkaClientTimer::Reconnect(peer()?)),
        "delivery-timeout" => client(KafkaClientTimer::Delivery),
        "start-again" => client(KafkaClientTimer::Respawn),
        "commit" => client(KafkaClientTimer::Commit),
        _ => None,
    }
}

/// The text of an order: its word, and what follows the name of the node.
pub(super) fn write_order(order: KafkaOrder) -> (&'static str, String) {
    let partition = |at: TopicPartition| format!("{}.{}", at.topic.0, at.partition);
    match order {
        KafkaOrder::CreatePartitions { topic, count } => {
            ("create-partitions", format!("{}.{count}", topic.0))
        }
        KafkaOrder::ElectUnclean(at) => ("elect-unclean", partition(at)),
        KafkaOrder::DeleteRecords { at, before: None } => {
            ("delete-records", format!("{}.all", partition(at)))
        }
        KafkaOrder::DeleteRecords { at, before: Some(before) } => {
            ("delete-records", format!("{}.{before}", partition(at)))
        }
        KafkaOrder::Seek(to) => (
            "seek",
            match to {
                SeekTo::Beginning => "beginning".into(),
                SeekTo::End => "end".into(),
                SeekTo::Offset(offset) => offset.to_string(),
                SeekTo::Time(time) => format!("time:{}", time.as_nanos()),
            },
        ),
        KafkaOrder::PauseFetching(true) => ("pause-fetching", String::new()),
        KafkaOrder::PauseFetching(false) => ("resume-fetching", String::new()),
    }
}

/// Whether this word begins an order, and if so, whether something follows the node.
pub(super) fn is_order(word: &str) -> Option<bool> {
    match word {
        "create-partitions" | "elect-unclean" | "delete-records" | "seek" => Some(true),
        "pause-fetching" | "resume-fetching" => Some(false),
        _ => None,
    }
}

/// Reads an order from its word and what follows the name of the node.
pub(super) fn read_order(word: &str, rest: &str) -> Option<KafkaOrder> {
    let parts: Vec<&str> = rest.split('.').collect();
    let small = |place: usize| parts.get(place)?.parse::<u16>().ok();
    let partition = || Some(TopicPartition::new(TopicId(small(0)?), small(1)?));
    Some(match (word, parts.len()) {
        ("create-partitions", 2) => {
            KafkaOrder::CreatePartitions { topic: TopicId(small(0)?), count: small(1)? }
        }
        ("elect-unclean", 2) => KafkaOrder::ElectUnclean(partition()?),
        ("delete-records", 3) => {
            let before = match parts[2] {
                "all" => None,
                offset => Some(offset.parse().ok()?),
            };
            KafkaOrder::DeleteRecords { at: partition()?, before }
        }
        ("seek", 1) => KafkaOrder::Seek(match rest {
            "beginning" => SeekTo::Beginning,
            "end" => SeekTo::End,
            text => match text.strip_prefix("time:") {
                Some(nanos) => SeekTo::Time(Time::ZERO + Span::from_nanos(nanos.parse().ok()?)),
                None => SeekTo::Offset(text.parse().ok()?),
            },
        }),
        ("pause-fetching", _) => KafkaOrder::PauseFetching(true),
        ("resume-fetching", _) => KafkaOrder::PauseFetching(false),
        _ => return None,
    })
}
