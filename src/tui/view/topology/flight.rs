//! What is under way between two nodes, in a word.

use crate::kernel::{NodeId, Time};
use crate::system::World;
use crate::talk::{Frame, MessageId, Method, Msg, StoreCommand, Stored};
use crate::tui::packets::{Weight, packet};

/// One packet that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flying {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    /// When it arrives, as far as one can say.
    pub(super) due: Time,
    /// What it is: the message, or the kind of answer.
    pub(super) word: String,
    pub(super) msg: Option<MessageId>,
}

/// What a packet is, and which message it carries; `None` for what is only there to keep the
/// connection alive.
fn word(msg: Option<&Msg>, to_broker: bool) -> Option<(String, Option<MessageId>)> {
    let plain = |word: &str| Some((word.to_owned(), None));
    let carries = |id: MessageId| Some((id.to_string(), Some(id)));
    match msg {
        None => plain("end"),
        Some(Msg::Request(request)) => match &request.method {
            Method::Publish { message, .. } => carries(message.id),
            Method::Ack { .. } => plain("ack"),
            Method::Nack { .. } => plain("nack"),
            Method::Reject { .. } => plain("reject"),
            Method::Heartbeat => None,
            _ => plain("set-up"),
        },
        Some(Msg::Reply(reply)) => match &reply.frame {
            Frame::Deliver { delivery, .. } | Frame::GetOk { delivery, .. } => {
                carries(delivery.message.id)
            }
            Frame::ConfirmAck { .. } => plain("confirm"),
            Frame::ConfirmNack { .. } => plain("nack"),
            Frame::Return { message, .. } => {
                Some((format!("return {}", message.id), Some(message.id)))
            }
            Frame::ChannelClosed { .. } | Frame::ConnectionClosed { .. } => plain("close"),
            Frame::Heartbeat => None,
            _ => plain("set-up"),
        },
        Some(Msg::Cluster(_)) => plain("cluster"),
        Some(Msg::KafkaRequest(_) | Msg::KafkaResponse(_)) => kafka(msg?, to_broker),
        Some(Msg::Call { msg, .. }) => carries(*msg),
        Some(Msg::Store(call)) => {
            Some((format!("{} {}", command(call.command), call.msg), Some(call.msg)))
        }
        Some(Msg::StoreDone { answer: Stored::New, .. }) => plain("new"),
        Some(Msg::StoreDone { answer: Stored::Known, .. }) => plain("known"),
        Some(Msg::StoreDone { answer: Stored::Failed, .. }) => plain("failed"),
        Some(Msg::CallDone { ok: true, .. }) => plain("ok"),
        Some(Msg::CallDone { ok: false, .. }) => plain("failed"),
    }
}

const fn command(command: StoreCommand) -> &'static str {
    match command {
        StoreCommand::SetNx => "SET NX",
        StoreCommand::Exists => "EXISTS",
        StoreCommand::Set => "SET",
        StoreCommand::EffectOnce => "once",
    }
}

/// A packet of Kafka; `None` for what only keeps a membership or a replica alive.
fn kafka(msg: &Msg, to_broker: bool) -> Option<(String, Option<MessageId>)> {
    let packet = packet(msg, to_broker).filter(|it| it.weight > Weight::Idle)?;
    Some((packet.label(), None))
}

/// Everything of interest that is under way, the next to arrive first.
pub(super) fn flying(world: &World) -> Vec<Flying> {
    let mut flying: Vec<Flying> = world
        .in_flight()
        .filter_map(|(link, due, msg)| {
            let to_broker = world.node(link.to).as_kafka_broker().is_some();
            let (word, msg) = word(msg, to_broker)?;
            Some(Flying { from: link.from, to: link.to, due, word, msg })
        })
        .collect();
    flying.sort_by_key(|packet| packet.due);
    flying
}
