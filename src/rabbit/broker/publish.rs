//! From `basic.publish` to the queues, and back to the confirm.

use std::sync::Arc;

use super::Broker;
use crate::kernel::{Ctx, Span, Time};
use crate::rabbit::arguments;
use crate::rabbit::channel::{Mode, Transaction};
use crate::rabbit::dead_letter;
use crate::rabbit::error::ChannelError;
use crate::rabbit::queue::{Command, Effect, Incoming, Machine, Origin};
use crate::rabbit::routes::Route;
use crate::talk::{Done, Frame, Message, Mq, Name, Note, Publication, QueueId, Value};

impl Broker {
    pub(super) fn publish(
        &mut self,
        slot: u16,
        mandatory: bool,
        message: Message,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        ctx.work(self.profile.costs.publish);
        let route = self.route(slot, &message.publication)?;
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        if let Mode::Tx(tx) = &mut channel.mode {
            tx.publishes.push((mandatory, message));
            channel.routes.keep(route);
            return Ok(());
        }
        self.send_to_queues(slot, mandatory, message, &route, ctx);
        if let Some(channel) = &mut self.channels[usize::from(slot)] {
            channel.routes.keep(route);
        }
        Ok(())
    }

    /// Puts a message into the queues of its route.
    fn send_to_queues(
        &mut self,
        slot: u16,
        mandatory: bool,
        message: Message,
        route: &Route,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return };
        let (session, peer, number) = (channel.session, channel.peer, channel.number);
        let mut origin = Origin::Unconfirmed;
        if channel.mode != Mode::Plain {
            let seq = channel.confirms.publish(route.targets.len() as u16);
            origin = Origin::Channel { session, seq };
            if route.targets.is_empty() && !channel.listed {
                channel.listed = true;
                self.listed.push(slot);
            }
        }
        if route.targets.is_empty() {
            ctx.note(Note::Unroutable { msg: message.id, copy: message.copy });
            if mandatory {
                let text = Name::from("NO_ROUTE");
                self.send(peer, number, Frame::Return { code: 312, text, message }, ctx);
            }
            return;
        }
        let incoming =
            |message| Incoming { message, ttl: route.ttl, origin, from: None, inherited: 0 };
        let Some((last, others)) = route.targets.split_last() else { return };
        for &queue in others {
            self.enqueue(queue, incoming(message.clone()), ctx.now);
        }
        self.enqueue(*last, incoming(message), ctx.now);
    }

    /// Hands a message to one queue.
    pub(super) fn enqueue(&mut self, id: QueueId, incoming: Incoming, now: Time) {
        let channels = &mut self.channels;
        let Some(queue) = self.queues.get_mut(id.index()).and_then(|slot| slot.queue.as_mut())
        else {
            return;
        };
        match &mut queue.machine {
            Machine::Classic(queue) => {
                let (windows, out) = (&mut self.windows, &mut self.out);
                queue.publish(incoming, &mut crate::rabbit::queue::Moment { now, windows, out });
            }
            Machine::Quorum(queue) => {
                if let Origin::Channel { session, .. } = incoming.origin
                    && queue.machine.watches_publishers()
                {
                    if let Some(channel) = &mut channels[usize::from(session.slot)]
                        && !channel.publishes_to.contains(&id)
                    {
                        channel.publishes_to.push(id);
                    }
                    if !queue.machine.admits(session) {
                        let note = Note::Overflowed { msg: incoming.message.id, queue: id };
                        self.out.push(id, Effect::Note(note));
                        self.out.push(id, Effect::Refuse(incoming.origin));
                        return;
                    }
                }
                queue.append(Command::Enqueue(incoming), &mut self.out);
            }
            Machine::Remote(queue) => queue.append(Command::Enqueue(incoming), &mut self.out),
            Machine::Stream(queue) => queue.publish(incoming, &mut self.out),
        }
    }

    /// Where a publication goes; remembered by its channel.
    fn route(&mut self, slot: u16, publication: &Arc<Publication>) -> Result<Route, ChannelError> {
        let topology = self.topology;
        let Some(channel) = &mut self.channels[usize::from(slot)] else {
            return Ok(Route::default());
        };
        if let Some(route) = channel.routes.take(publication, topology) {
            return Ok(route);
        }
        // the size comes first, then whether there is such an exchange (observed)
        let most = self.profile.max_message_size;
        if publication.size > most {
            return Err(ChannelError::precondition_failed(format_args!(
                "message size {} is larger than configured max size {most}",
                publication.size
            )));
        }
        let mut targets = Vec::new();
        let mut keys = std::mem::take(&mut self.keys);
        dead_letter::keys(publication, &mut keys);
        let found = self.find_queues(&publication.exchange, publication, &keys, &mut targets);
        self.keys = keys;
        found?;
        let last = self.profile.checks_user_last;
        if !last {
            check_user(publication)?;
        }
        let ttl = expiration(publication)?;
        check_sender_selected(publication)?;
        if last {
            check_user(publication)?;
        }
        Ok(Route::new(publication, topology, targets, ttl))
    }

    /// The queues that an exchange routes to. The default exchange knows every queue by its name.
    fn find_queues(
        &self,
        exchange: &Name,
        publication: &Publication,
        keys: &[Name],
        into: &mut Vec<QueueId>,
    ) -> Result<(), ChannelError> {
        if !exchange.is_empty() {
            return self.exchanges.route(exchange, publication, keys, into);
        }
        self.find_by_name(keys, into);
        Ok(())
    }

    pub(super) fn find_by_name(&self, keys: &[Name], into: &mut Vec<QueueId>) {
        into.clear();
        into.extend(keys.iter().filter_map(|key| self.existing(key)));
        into.sort_unstable();
        into.dedup();
    }

    /// A queue has, or refuses, a publish.
    pub(super) fn answered(&mut self, origin: Origin, accepted: bool, ctx: &mut Ctx<'_, Mq>) {
        match origin {
            Origin::Unconfirmed => {}
            Origin::Channel { session, seq } => {
                let Some(channel) = self.channel_mut(session) else { return };
                match accepted {
                    true => channel.confirms.confirm(seq),
                    false => channel.confirms.refuse(seq),
                }
                if channel.confirms.has_news() && !channel.listed {
                    channel.listed = true;
                    self.listed.push(session.slot);
                }
            }
            Origin::DeadLetter { source, target, ticket } => {
                self.dead_letter_answered(source, target, ticket, accepted, ctx);
            }
        }
    }

    /// Sends confirms that have come together, and commits whose publishes are safe.
    pub(super) fn send_confirms(&mut self, ctx: &mut Ctx<'_, Mq>) {
        while let Some(slot) = self.listed.pop() {
            let Some(mut channel) = self.channels[usize::from(slot)].take() else { continue };
            channel.listed = false;
            let (peer, number) = (channel.peer, channel.number);
            let mut failed = false;
            match &mut channel.mode {
                Mode::Plain | Mode::Confirm => {
                    channel.confirms.send(|frame| self.send(peer, number, frame, ctx));
                }
                Mode::Tx(tx) => {
                    tx.refused |= channel.confirms.swallow();
                    if tx.committing && channel.confirms.unconfirmed() == 0 {
                        tx.committing = false;
                        failed = std::mem::take(&mut tx.refused);
                        if !failed {
                            self.send(peer, number, Frame::Ok(Done::TxCommit), ctx);
                        }
                    }
                }
            }
            self.channels[usize::from(slot)] = Some(channel);
            if failed {
                // source: `rabbit_channel:complete_tx/1`
                let text = format_args!("partial tx completion");
                self.fail(peer, number, &ChannelError::precondition_failed(text), ctx);
            }
        }
    }

    // ── confirm and tx ──

    pub(super) fn confirm_select(
        &mut self,
        slot: u16,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        if matches!(channel.mode, Mode::Tx(_)) {
            let text = format_args!("cannot switch from tx to confirm mode");
            return Err(ChannelError::precondition_failed(text));
        }
        channel.mode = Mode::Confirm;
        let session = channel.session;
        self.reply(session, Frame::Ok(Done::ConfirmSelect), ctx);
        Ok(())
    }

    pub(super) fn tx_select(
        &mut self,
        slot: u16,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let Some(channel) = &mut self.channels[usize::from(slot)] else { return Ok(()) };
        match channel.mode {
            Mode::Confirm => {
                let text = format_args!("cannot switch from confirm to tx mode");
                return Err(ChannelError::precondition_failed(text));
            }
            Mode::Plain => channel.mode = Mode::Tx(Box::default()),
            Mode::Tx(_) => {}
        }
        let session = channel.session;
        self.reply(session, Frame::Ok(Done::TxSelect), ctx);
        Ok(())
    }

    /// The transaction of a channel, and an empty one in its place.
    fn take_transaction(&mut self, slot: u16) -> Result<Transaction, ChannelError> {
        let channel = self.channels[usize::from(slot)].as_mut();
        match channel.map(|channel| &mut channel.mode) {
            Some(Mode::Tx(tx)) => Ok(std::mem::take(tx)),
            _ => {
                let text = format_args!("channel is not transactional");
                Err(ChannelError::precondition_failed(text))
            }
        }
    }

    /// `tx.commit`: the publishes, then the acknowledgements; answered once every queue has its
    /// messages. Not atomic, as in the real broker.
    pub(super) fn tx_commit(
        &mut self,
        slot: u16,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let transaction = self.take_transaction(slot)?;
        for (mandatory, message) in transaction.publishes {
            let route = self.route(slot, &message.publication)?;
            self.send_to_queues(slot, mandatory, message, &route, ctx);
        }
        for (unacked, how) in transaction.settled {
            self.taken.push(unacked);
            self.settle_taken(how, ctx.now);
        }
        if let Some(channel) = &mut self.channels[usize::from(slot)] {
            if let Mode::Tx(tx) = &mut channel.mode {
                tx.committing = true;
            }
            if !channel.listed {
                channel.listed = true;
                self.listed.push(slot);
            }
        }
        Ok(())
    }

    pub(super) fn tx_rollback(
        &mut self,
        slot: u16,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Result<(), ChannelError> {
        let transaction = self.take_transaction(slot)?;
        if let Some(channel) = &mut self.channels[usize::from(slot)] {
            channel.put_back(transaction.settled.into_iter().map(|(unacked, _)| unacked));
            let session = channel.session;
            self.reply(session, Frame::Ok(Done::TxRollback), ctx);
        }
        Ok(())
    }
}

/// The user that every connection is of.
const USER: &str = "guest";

/// The user that a message names must be the one who publishes it
/// (`rabbit_channel:check_user_id_header/2`; text observed).
fn check_user(publication: &Publication) -> Result<(), ChannelError> {
    match &publication.properties.user_id {
        Some(user) if *user != *USER => Err(ChannelError::precondition_failed(format_args!(
            "user_id property set to '{user}' but authenticated user was '{USER}'"
        ))),
        _ => Ok(()),
    }
}

/// `CC` and `BCC` are lists. Source: `rabbit_basic:header_routes/1`; texts observed.
fn check_sender_selected(publication: &Publication) -> Result<(), ChannelError> {
    for header in ["CC", "BCC"] {
        match publication.properties.headers.get(header) {
            None | Some(Value::List(_)) => {}
            Some(other) => {
                return Err(ChannelError::precondition_failed(format_args!(
                    "invalid message: {{unacceptable_type_in_header,\"{header}\",{}}}",
                    arguments::kind_of(other)
                )));
            }
        }
    }
    Ok(())
}

/// The time to live that a message brings along: the text of a whole number of milliseconds.
/// Source: `rabbit_basic:parse_expiration/1`; texts observed.
fn expiration(publication: &Publication) -> Result<Option<Span>, ChannelError> {
    let Some(text) = &publication.properties.expiration else { return Ok(None) };
    let digits = text.as_str().strip_prefix('-').unwrap_or(text.as_str());
    let whole = digits.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.as_str().split_at(text.as_str().len() - digits.len() + whole);
    let why = match number.parse::<i128>() {
        Err(_) => "no_integer".to_owned(),
        Ok(_) if !rest.is_empty() => format!("{{leftover_string,\"{rest}\"}}"),
        Ok(n) if n < 0 => format!("{{value_negative,{n}}}"),
        Ok(n) if n > MAX_EXPIRY_TIMER => format!("{{value_too_large,{n}}}"),
        Ok(n) => return Ok(Some(Span::from_millis(n as u64))),
    };
    let text = format_args!("invalid expiration '{text}': {why}");
    Err(ChannelError::precondition_failed(text))
}

/// The longest time to live in milliseconds (`rabbit.hrl`, `MAX_EXPIRY_TIMER`).
const MAX_EXPIRY_TIMER: i128 = 4_294_967_295;
