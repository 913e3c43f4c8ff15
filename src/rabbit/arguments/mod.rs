//! What a queue is declared with: its type, its properties and its `x-` arguments.
//!
//! Which arguments a type knows, in which order they are compared, and the texts of the errors are
//! those of `rabbit_amqqueue:check_declare_arguments/2`, `rabbit_misc:assert_args_equivalence/4`
//! and the `capabilities/0` of each queue type; they were the same from 3.10 to 4.3 except where a
//! row of the profile says otherwise.

mod check;
mod consumer;
mod text;

use super::QueueKind;
use super::error::ChannelError;
use super::profile::Profile;
use crate::kernel::Span;
use crate::talk::{Headers, Name, QueueDeclare, Value};

pub(super) use consumer::{check_consumer, check_offset};
pub(super) use text::{inequivalent, inequivalent_argument, kind_of, term};

/// The settings of a queue, checked and typed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueSpec {
    /// Its name.
    pub name: Name,
    /// `x-queue-type`
    pub kind: QueueKind,
    /// It survives a restart; never true of an exclusive queue.
    pub durable: bool,
    /// Only the declaring connection may use it, and it goes with that connection.
    pub exclusive: bool,
    /// It goes with its last consumer.
    pub auto_delete: bool,
    /// `x-message-ttl`
    pub message_ttl: Option<Span>,
    /// `x-expires`
    pub expires: Option<Span>,
    /// `x-max-length`: ready messages.
    pub max_length: Option<u64>,
    /// `x-max-length-bytes`: bytes of the bodies of ready messages; for a stream, of all.
    pub max_length_bytes: Option<u64>,
    /// `x-overflow`
    pub overflow: Overflow,
    /// `x-dead-letter-exchange`
    pub dead_letter_exchange: Option<Name>,
    /// `x-dead-letter-routing-key`
    pub dead_letter_routing_key: Option<Name>,
    /// `x-dead-letter-strategy` is `at-least-once`.
    pub at_least_once: bool,
    /// `x-max-priority`, 1 to 255; none also for the value 0, which means a queue without
    /// priorities.
    pub max_priority: Option<u8>,
    /// `x-single-active-consumer`
    pub single_active_consumer: bool,
    /// `x-delivery-limit` as it was given; what a negative one means depends on the version.
    pub delivery_limit: Option<i64>,
    /// `x-consumer-timeout`: the delivery acknowledgement timeout of this queue (since 3.12).
    pub consumer_timeout: Option<Span>,
    /// `x-queue-version: 2`, for classic queues before 4.0.
    pub version_2: bool,
    /// All arguments, as a redeclaration is compared with them.
    arguments: Headers,
}

/// `x-overflow`: what happens to a message for which there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Overflow {
    /// The oldest messages make room.
    #[default]
    DropHead,
    /// It is refused.
    RejectPublish,
    /// It is refused and dead-lettered.
    RejectPublishDlx,
}

impl QueueSpec {
    /// Reads and checks a declaration of a queue that does not exist yet.
    ///
    /// # Errors
    /// 406 for arguments that the type does not know or whose value is wrong, and for properties
    /// that the type cannot have; 403 for names that begin with `amq.`; 541 for what the server
    /// crashes on. Arguments that no type
    /// knows are accepted.
    pub fn parse(declare: &QueueDeclare, profile: &Profile) -> Result<QueueSpec, ChannelError> {
        let name = &declare.queue;
        if name.as_str().starts_with("amq.") && !name.as_str().starts_with("amq.gen-") {
            return Err(ChannelError::access_refused(format_args!(
                "queue name '{name}' contains reserved prefix 'amq.*'"
            )));
        }
        let kind = check::kind(declare)?;
        check::check(kind, declare, profile)?;
        let given = &declare.arguments;
        let number = |argument| given.get(argument).and_then(Value::as_int);
        let natural = |argument| number(argument).and_then(|n| u64::try_from(n).ok());
        let millis = |argument| natural(argument).map(Span::from_millis);
        let word = |argument| given.get(argument).and_then(Value::as_text);
        let is = |argument, wanted: &str| word(argument).is_some_and(|word| *word == *wanted);
        Ok(QueueSpec {
            name: name.clone(),
            kind,
            durable: declare.durable && !declare.exclusive,
            exclusive: declare.exclusive,
            auto_delete: declare.auto_delete,
            message_ttl: millis("x-message-ttl"),
            expires: millis("x-expires"),
            max_length: natural("x-max-length"),
            max_length_bytes: natural("x-max-length-bytes"),
            overflow: match word("x-overflow").map(Name::as_str) {
                Some("reject-publish") => Overflow::RejectPublish,
                Some("reject-publish-dlx") => Overflow::RejectPublishDlx,
                _ => Overflow::DropHead,
            },
            dead_letter_exchange: word("x-dead-letter-exchange").cloned(),
            dead_letter_routing_key: word("x-dead-letter-routing-key").cloned(),
            at_least_once: is("x-dead-letter-strategy", "at-least-once"),
            max_priority: number("x-max-priority")
                .and_then(|n| u8::try_from(n).ok())
                .filter(|n| *n > 0),
            single_active_consumer: given.get("x-single-active-consumer")
                == Some(&Value::Bool(true)),
            delivery_limit: number("x-delivery-limit"),
            consumer_timeout: millis("x-consumer-timeout"),
            version_2: number("x-queue-version") == Some(2),
            arguments: recorded(declare, profile),
        })
    }

    /// Whether a declaration of this queue, which exists, asks for the same. Arguments that its
    /// type does not know are not compared. Whether another connection owns it is the broker's
    /// question, to be asked before; `exclusive` itself is compared there, too.
    ///
    /// # Errors
    /// 406 with the first difference. (`rabbit_amqqueue:assert_equivalence/5`)
    pub fn equivalent(
        &self,
        declare: &QueueDeclare,
        profile: &Profile,
    ) -> Result<(), ChannelError> {
        let whose = format_args!("queue '{}' in vhost '/'", self.name);
        let durable = declare.durable && !declare.exclusive;
        if durable != self.durable {
            return Err(inequivalent("durable", whose, &durable, &self.durable));
        }
        if declare.auto_delete != self.auto_delete {
            return Err(inequivalent(
                "auto_delete",
                whose,
                &declare.auto_delete,
                &self.auto_delete,
            ));
        }
        let declared = recorded(declare, profile);
        for argument in check::known(self.kind) {
            let (received, current) = (declared.get(*argument), self.arguments.get(*argument));
            // a classic queue may or may not say that it is one
            let classic = Value::from("classic");
            if *argument == "x-queue-type"
                && received.unwrap_or(&classic) == &classic
                && current.unwrap_or(&classic) == &classic
            {
                continue;
            }
            inequivalent_argument(argument, whose, received, current)?;
        }
        Ok(())
    }

    /// All arguments that it was declared with.
    pub fn arguments(&self) -> &Headers {
        &self.arguments
    }
}

/// The arguments as the broker keeps them: since 4.0 with the type, also when none was given.
/// (`rabbit_amqqueue:augment_declare_args/5`)
fn recorded(declare: &QueueDeclare, profile: &Profile) -> Headers {
    let mut arguments = declare.arguments.clone();
    if profile.declares_queue_type {
        arguments.entry("x-queue-type".into()).or_insert_with(|| "classic".into());
    }
    arguments
}

#[cfg(test)]
mod tests;
