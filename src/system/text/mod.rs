//! Steps as text, with the names of a system, both ways.
//!
//! ```text
//! deliver checkout -> rabbit        fire worker-1 handler(7)       kill worker-1
//! cut rabbit -> worker-1            break rabbit <-> worker-1      slow rabbit 300%
//! alarm rabbit on                   outage charge off              join worker-2
//! policy rabbit "ttl" "^order" {"message-ttl" = 60000}
//! ```
//!
//! A saved schedule is a list of such lines, so what is written here must be read back for ever.

mod kafka;

use std::fmt::Write;

use super::value::{Cursor, quote, write_table};
use super::{Fault, Step};
use crate::kernel::{Link, NodeId};
use crate::talk::{ClientTimer, KafkaOrder, Name, Order, Policy, QueueId, RabbitTimer, Timer};

/// Why a text is not a step of this system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// The first word is none that begins a step.
    #[error(
        "\"{0}\" begins no step: expected deliver, fire, kill, power-loss, stop, restart, pause, \
         resume, slow, cut, heal, break, alarm, outage, join, leave or policy"
    )]
    Verb(String),
    /// No node has this name.
    #[error("no node is called \"{0}\"")]
    Node(String),
    /// No timer has this name, or not with that in its parentheses.
    #[error("\"{0}\" is no timer")]
    Timer(String),
    /// Something else was expected.
    #[error("expected {expected} before \"{rest}\"")]
    Expected {
        /// What.
        expected: &'static str,
        /// What stands there.
        rest: String,
    },
}

// ── writing ──

/// The text of a step, with the names of the nodes of its system.
pub fn write(step: &Step, names: &[Name]) -> String {
    let name = |id: NodeId| names.get(id.index()).map_or("?", Name::as_str);
    let link = |link: Link| format!("{} -> {}", name(link.from), name(link.to));
    match step {
        Step::Deliver(its) => format!("deliver {}", link(*its)),
        Step::Fire(id, timer) => format!("fire {} {}", name(*id), write_timer(*timer, names)),
        Step::Fault(fault) => match fault {
            Fault::Kill(id) => format!("kill {}", name(*id)),
            Fault::PowerLoss(id) => format!("power-loss {}", name(*id)),
            Fault::Stop(id) => format!("stop {}", name(*id)),
            Fault::Restart(id) => format!("restart {}", name(*id)),
            Fault::Pause(id) => format!("pause {}", name(*id)),
            Fault::Resume(id) => format!("resume {}", name(*id)),
            Fault::Slow(id, percent) => format!("slow {} {percent}%", name(*id)),
            Fault::Cut(its) => format!("cut {}", link(*its)),
            Fault::Heal(its) => format!("heal {}", link(*its)),
            Fault::Break(a, b) => format!("break {} <-> {}", name(*a), name(*b)),
            Fault::Order(id, order) => write_order(name(*id), order),
        },
    }
}

fn write_order(name: &str, order: &Order) -> String {
    let switch = |on: bool| if on { "on" } else { "off" };
    match order {
        Order::Alarm(on) => format!("alarm {name} {}", switch(*on)),
        Order::Outage(on) => format!("outage {name} {}", switch(*on)),
        Order::Kafka(order) => {
            let (word, rest) = kafka::write_order(*order);
            format!("{word} {name} {rest}").trim_end().to_owned()
        }
        Order::Join => format!("join {name}"),
        Order::Leave => format!("leave {name}"),
        Order::Policy(policy) => {
            let mut text = format!("policy {name} ");
            quote(&mut text, policy.name.as_str());
            text.push(' ');
            quote(&mut text, policy.pattern.as_str());
            text.push(' ');
            write_table(&mut text, &policy.definition);
            text
        }
    }
}

/// The text of a timer.
pub fn write_timer(timer: Timer, names: &[Name]) -> String {
    let mut text = String::new();
    let (word, argument) = match timer {
        Timer::Rabbit(timer) => match timer {
            RabbitTimer::Flush(queue) => ("flush", Some(u64::from(queue.0))),
            RabbitTimer::Expire(queue) => ("expire", Some(queue.0.into())),
            RabbitTimer::Lease(queue) => ("lease", Some(queue.0.into())),
            RabbitTimer::QuorumTick(queue) => ("quorum-tick", Some(queue.0.into())),
            RabbitTimer::DeadLetterRetry(queue) => ("dead-letter-retry", Some(queue.0.into())),
            RabbitTimer::ChannelTick => ("channel-tick", None),
            RabbitTimer::ClusterSync => ("cluster-sync", None),
            RabbitTimer::ClusterElection => ("cluster-election", None),
            RabbitTimer::ClusterTick => ("cluster-tick", None),
            RabbitTimer::Heartbeat(peer) => {
                let peer = names.get(peer.index()).map_or("?", Name::as_str);
                return format!("heartbeat({peer})");
            }
        },
        Timer::Client(timer) => match timer {
            ClientTimer::Send => ("send", None),
            ClientTimer::ConfirmTimeout(tag) => ("confirm-timeout", Some(tag)),
            ClientTimer::Handler(slot) => ("handler", Some(slot)),
            ClientTimer::Resend => ("resend", None),
            ClientTimer::ReplyTimeout(number) => ("reply-timeout", Some(number)),
            ClientTimer::ConnectTimeout => ("connect-timeout", None),
            ClientTimer::Reconnect => ("reconnect", None),
            ClientTimer::Respawn => ("respawn", None),
            ClientTimer::Heartbeat => ("heartbeat", None),
        },
        Timer::Service(slot) => ("served", Some(slot)),
        Timer::Kafka(timer) => return kafka::write_timer(timer, names),
        Timer::KafkaClient(timer) => return kafka::write_client_timer(timer, names),
    };
    text.push_str(word);
    if let Some(argument) = argument {
        // writing to a string cannot fail
        let _ = write!(text, "({argument})");
    }
    text
}

// ── reading ──

/// Reads a step of the system whose nodes have these names.
///
/// # Errors
/// The text is not the whole of one step, or names what the system does not have.
pub fn read(text: &str, names: &[Name]) -> Result<Step, StepError> {
    let mut reader = Reader { cursor: Cursor::new(text), names };
    let step = reader.step()?;
    reader.end()?;
    Ok(step)
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    names: &'a [Name],
}

impl Reader<'_> {
    fn step(&mut self) -> Result<Step, StepError> {
        let fault = match self.cursor.word() {
            "deliver" => return Ok(Step::Deliver(self.link()?)),
            "fire" => {
                let id = self.node()?;
                let word = self.cursor.word();
                return Ok(Step::Fire(id, self.timer(word)?));
            }
            "kill" => Fault::Kill(self.node()?),
            "power-loss" => Fault::PowerLoss(self.node()?),
            "stop" => Fault::Stop(self.node()?),
            "restart" => Fault::Restart(self.node()?),
            "pause" => Fault::Pause(self.node()?),
            "resume" => Fault::Resume(self.node()?),
            "slow" => Fault::Slow(self.node()?, self.percent()?),
            "cut" => Fault::Cut(self.link()?),
            "heal" => Fault::Heal(self.link()?),
            "break" => {
                let a = self.node()?;
                self.expect("<->", "<->")?;
                Fault::Break(a, self.node()?)
            }
            "alarm" => Fault::Order(self.node()?, Order::Alarm(self.switch()?)),
            "outage" => Fault::Order(self.node()?, Order::Outage(self.switch()?)),
            "join" => Fault::Order(self.node()?, Order::Join),
            "leave" => Fault::Order(self.node()?, Order::Leave),
            "policy" => Fault::Order(self.node()?, Order::Policy(Box::new(self.policy()?))),
            word => match kafka::is_order(word) {
                Some(more) => Fault::Order(self.node()?, Order::Kafka(self.order(word, more)?)),
                None => return Err(StepError::Verb(word.to_owned())),
            },
        };
        Ok(Step::Fault(fault))
    }

    fn end(&self) -> Result<(), StepError> {
        if self.cursor.rest().is_empty() { Ok(()) } else { Err(self.expected("nothing more")) }
    }

    fn expected(&self, expected: &'static str) -> StepError {
        StepError::Expected { expected, rest: self.cursor.rest().to_owned() }
    }

    fn expect(&mut self, word: &str, expected: &'static str) -> Result<(), StepError> {
        let before = self.cursor.clone();
        if self.cursor.word() == word {
            return Ok(());
        }
        self.cursor = before;
        Err(self.expected(expected))
    }

    fn node(&mut self) -> Result<NodeId, StepError> {
        let word = self.cursor.word();
        self.named(word)
    }

    fn named(&self, name: &str) -> Result<NodeId, StepError> {
        let at = self.names.iter().position(|its| *its == name);
        let id = at.and_then(|at| u32::try_from(at).ok()).map(NodeId);
        id.ok_or_else(|| StepError::Node(name.to_owned()))
    }

    fn link(&mut self) -> Result<Link, StepError> {
        let from = self.node()?;
        self.expect("->", "->")?;
        Ok(Link { from, to: self.node()? })
    }

    fn switch(&mut self) -> Result<bool, StepError> {
        let before = self.cursor.clone();
        match self.cursor.word() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => {
                self.cursor = before;
                Err(self.expected("on or off"))
            }
        }
    }

    fn percent(&mut self) -> Result<u32, StepError> {
        let before = self.cursor.clone();
        let number = self.cursor.word().strip_suffix('%').and_then(|n| n.parse().ok());
        number.ok_or_else(|| {
            self.cursor = before;
            self.expected("a percentage")
        })
    }

    fn order(&mut self, word: &str, more: bool) -> Result<KafkaOrder, StepError> {
        let before = self.cursor.clone();
        let rest = if more { self.cursor.word() } else { "" };
        kafka::read_order(word, rest).ok_or_else(|| {
            self.cursor = before;
            self.expected("what the order says")
        })
    }

    fn policy(&mut self) -> Result<Policy, StepError> {
        let name = self.cursor.text().ok_or_else(|| self.expected("a name in quotes"))?.into();
        let pattern =
            self.cursor.text().ok_or_else(|| self.expected("a pattern in quotes"))?.into();
        let definition = self.cursor.table().ok_or_else(|| self.expected("a table"))?;
        Ok(Policy { name, pattern, definition })
    }

    fn timer(&self, word: &str) -> Result<Timer, StepError> {
        let unknown = || StepError::Timer(word.to_owned());
        let (name, argument) = match word.split_once('(') {
            Some((name, rest)) => (name, Some(rest.strip_suffix(')').ok_or_else(unknown)?)),
            None => (word, None),
        };
        let number = || argument.and_then(|text| text.parse::<u64>().ok()).ok_or_else(unknown);
        let queue = || argument.and_then(|text| text.parse().ok()).map(QueueId).ok_or_else(unknown);
        let client = |timer| Ok(Timer::Client(timer));
        let rabbit = |timer| Ok(Timer::Rabbit(timer));
        match (name, argument) {
            ("send", None) => client(ClientTimer::Send),
            ("confirm-timeout", _) => client(ClientTimer::ConfirmTimeout(number()?)),
            ("handler", _) => client(ClientTimer::Handler(number()?)),
            ("resend", None) => client(ClientTimer::Resend),
            ("reply-timeout", _) => client(ClientTimer::ReplyTimeout(number()?)),
            ("connect-timeout", None) => client(ClientTimer::ConnectTimeout),
            ("reconnect", None) => client(ClientTimer::Reconnect),
            ("respawn", None) => client(ClientTimer::Respawn),
            ("heartbeat", None) => client(ClientTimer::Heartbeat),
            ("heartbeat", Some(peer)) => rabbit(RabbitTimer::Heartbeat(self.named(peer)?)),
            ("flush", _) => rabbit(RabbitTimer::Flush(queue()?)),
            ("expire", _) => rabbit(RabbitTimer::Expire(queue()?)),
            ("lease", _) => rabbit(RabbitTimer::Lease(queue()?)),
            ("quorum-tick", _) => rabbit(RabbitTimer::QuorumTick(queue()?)),
            ("dead-letter-retry", _) => rabbit(RabbitTimer::DeadLetterRetry(queue()?)),
            ("channel-tick", None) => rabbit(RabbitTimer::ChannelTick),
            ("cluster-sync", None) => rabbit(RabbitTimer::ClusterSync),
            ("cluster-election", None) => rabbit(RabbitTimer::ClusterElection),
            ("cluster-tick", None) => rabbit(RabbitTimer::ClusterTick),
            ("served", _) => Ok(Timer::Service(number()?)),
            _ => {
                kafka::read_timer(name, argument, |name| self.named(name).ok()).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Span, Time};
    use crate::talk::kafka::{GroupId, TopicId, TopicPartition, TxnId};
    use crate::talk::{KafkaClientTimer, KafkaTimer, SeekTo, Value};

    fn names() -> Vec<Name> {
        ["rabbit", "checkout", "worker-1"].map(Name::from).into()
    }

    #[test]
    fn every_step_reads_back_as_it_was_written() {
        let (rabbit, worker) = (NodeId(0), NodeId(2));
        let link = Link { from: worker, to: rabbit };
        let queue = QueueId(3);
        let mut steps = vec![Step::Deliver(link)];
        let clients = [
            ClientTimer::Send,
            ClientTimer::ConfirmTimeout(4),
            ClientTimer::Handler(7),
            ClientTimer::Resend,
            ClientTimer::ReplyTimeout(5),
            ClientTimer::ConnectTimeout,
            ClientTimer::Reconnect,
            ClientTimer::Respawn,
            ClientTimer::Heartbeat,
        ];
        steps.extend(clients.map(|timer| Step::Fire(worker, Timer::Client(timer))));
        let brokers = [
            RabbitTimer::Flush(queue),
            RabbitTimer::Expire(queue),
            RabbitTimer::Lease(queue),
            RabbitTimer::QuorumTick(queue),
            RabbitTimer::ChannelTick,
            RabbitTimer::Heartbeat(worker),
            RabbitTimer::DeadLetterRetry(queue),
        ];
        steps.extend(brokers.map(|timer| Step::Fire(rabbit, Timer::Rabbit(timer))));
        steps.push(Step::Fire(worker, Timer::Service(9)));
        let at = TopicPartition::new(TopicId(1), 11);
        let (group, txn) = (GroupId(2), TxnId(3));
        let kafka = [
            KafkaTimer::Delayed(5),
            KafkaTimer::Fetch(worker),
            KafkaTimer::IsrScan,
            KafkaTimer::Retention,
            KafkaTimer::Clean,
            KafkaTimer::Flush(at),
            KafkaTimer::BrokerHeartbeat,
            KafkaTimer::BrokerSession(rabbit),
            KafkaTimer::Imbalance,
            KafkaTimer::Election,
            KafkaTimer::ControllerTick,
            KafkaTimer::ControllerSync,
            KafkaTimer::Join(group),
            KafkaTimer::Sync(group),
            KafkaTimer::Session(group, 4),
            KafkaTimer::Member(group, 5),
            KafkaTimer::OffsetRetention,
            KafkaTimer::TxnScan,
            KafkaTimer::TxnMarkers(txn),
            KafkaTimer::Lock(group, at),
        ];
        steps.extend(kafka.map(|timer| Step::Fire(rabbit, Timer::Kafka(timer))));
        let kafka = [
            KafkaClientTimer::Send,
            KafkaClientTimer::Ready,
            KafkaClientTimer::Request(6),
            KafkaClientTimer::Handler(7),
            KafkaClientTimer::Heartbeat,
            KafkaClientTimer::Poll,
            KafkaClientTimer::AutoCommit,
            KafkaClientTimer::MaxPoll,
            KafkaClientTimer::Metadata,
            KafkaClientTimer::Fetch(rabbit),
            KafkaClientTimer::Reconnect(rabbit),
            KafkaClientTimer::Delivery,
            KafkaClientTimer::Respawn,
            KafkaClientTimer::Commit,
        ];
        steps.extend(kafka.map(|timer| Step::Fire(worker, Timer::KafkaClient(timer))));
        let orders = [
            KafkaOrder::CreatePartitions { topic: TopicId(1), count: 12 },
            KafkaOrder::ElectUnclean(at),
            KafkaOrder::DeleteRecords { at, before: None },
            KafkaOrder::DeleteRecords { at, before: Some(70) },
            KafkaOrder::Seek(SeekTo::Beginning),
            KafkaOrder::Seek(SeekTo::End),
            KafkaOrder::Seek(SeekTo::Offset(9)),
            KafkaOrder::Seek(SeekTo::Time(Time::ZERO + Span::from_secs(3))),
            KafkaOrder::PauseFetching(true),
            KafkaOrder::PauseFetching(false),
        ];
        steps.extend(orders.map(|it| Step::Fault(Fault::Order(worker, Order::Kafka(it)))));
        let inner = [("on".into(), Value::Bool(true)), ("none".into(), Value::Void)];
        let definition = [
            ("message-ttl".into(), Value::Int(-60_000)),
            ("dead-letter-exchange".into(), "a \"quoted\" \\ name".into()),
            ("all".into(), Value::List(vec![Value::Double(7), Value::Timestamp(8)])),
            ("nested".into(), Value::Table(inner.into())),
        ];
        let policy = Policy {
            name: "two words".into(),
            pattern: "^order\\.".into(),
            definition: definition.into(),
        };
        let faults = [
            Fault::Kill(worker),
            Fault::PowerLoss(rabbit),
            Fault::Stop(rabbit),
            Fault::Restart(rabbit),
            Fault::Pause(worker),
            Fault::Resume(worker),
            Fault::Slow(worker, 250),
            Fault::Cut(link),
            Fault::Heal(link),
            Fault::Break(worker, rabbit),
            Fault::Order(rabbit, Order::Alarm(true)),
            Fault::Order(worker, Order::Outage(false)),
            Fault::Order(worker, Order::Join),
            Fault::Order(worker, Order::Leave),
            Fault::Order(rabbit, Order::Policy(Box::new(policy))),
        ];
        steps.extend(faults.map(Step::Fault));
        for step in steps {
            let text = write(&step, &names());
            assert_eq!(read(&text, &names()), Ok(step), "{text}");
        }
    }

    #[test]
    fn steps_look_as_people_say_them() {
        let link = Link { from: NodeId(1), to: NodeId(0) };
        assert_eq!(write(&Step::Deliver(link), &names()), "deliver checkout -> rabbit");
        let handler = Timer::Client(ClientTimer::Handler(7));
        assert_eq!(write(&Step::Fire(NodeId(2), handler), &names()), "fire worker-1 handler(7)");
        assert_eq!(write(&Step::Fault(Fault::Kill(NodeId(2))), &names()), "kill worker-1");
    }

    #[test]
    fn what_is_no_step_is_refused_with_a_reason() {
        let refused = |text: &str| match read(text, &names()) {
            Err(error) => error.to_string(),
            Ok(step) => panic!("{text} was read as {step:?}"),
        };
        assert!(refused("dilever rabbit").starts_with("\"dilever\" begins no step"));
        assert_eq!(refused("kill worker-9"), "no node is called \"worker-9\"");
        assert_eq!(refused("fire worker-1 handler"), "\"handler\" is no timer");
        assert_eq!(refused("fire worker-1 flush(70000)"), "\"flush(70000)\" is no timer");
        assert_eq!(refused("cut rabbit to worker-1"), "expected -> before \"to worker-1\"");
        assert_eq!(refused("slow rabbit 3"), "expected a percentage before \"3\"");
        assert_eq!(refused("alarm rabbit maybe"), "expected on or off before \"maybe\"");
        assert_eq!(refused("kill rabbit now"), "expected nothing more before \"now\"");
        assert_eq!(
            refused("policy rabbit \"a\" \"b"),
            "expected a pattern in quotes before \"\"b\""
        );
    }
}
