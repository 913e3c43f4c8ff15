//! The stream: a log that consumers read at their own offsets. An acknowledgement is credit and
//! removes nothing.
//!
//! *Left out:* retention. It deletes whole segments of 500 MB (`x-stream-max-segment-size-bytes`),
//! which no run fills. Source: `rabbit_stream_queue.erl`; docs streams; observed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::consumers::{Consumers, State, Subscription};
use super::disk::Disk;
use super::out::{Effect, Handed, Out};
use super::slab::Handle;
use super::{Incoming, Origin, Session};
use crate::kernel::{Loss, Time};
use crate::rabbit::profile::{ClassicStorage, Profile};
use crate::talk::{Constant, Death, Fate, Message, Note, QueueId, RabbitTimer, Value};

/// Where a consumer starts (`x-stream-offset`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Offset {
    /// The oldest message.
    First,
    /// The beginning of the last chunk. Where chunks end is up to chance.
    Last,
    /// What is published from now on.
    #[default]
    Next,
    /// This message.
    At(u64),
}

impl Offset {
    /// The argument of `basic.consume`; points in time are left out.
    pub(crate) fn parse(argument: Option<&Value>) -> Offset {
        match argument {
            Some(Value::Int(at)) => Offset::At(u64::try_from(*at).unwrap_or(0)),
            Some(Value::Text(text)) if *text == "first" => Offset::First,
            Some(Value::Text(text)) if *text == "last" => Offset::Last,
            _ => Offset::Next,
        }
    }
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    id: QueueId,
    profile: Constant<Profile>,
    /// What was written; offsets count from 0.
    log: Vec<Message>,
    /// The offsets at which chunks begin: what was written together is one.
    chunks: Vec<u64>,
    /// Published, not yet written.
    pending: VecDeque<(Message, Origin)>,
    consumers: Consumers,
    /// By consumer slot: where it reads, and how many more messages it may be sent.
    readers: Vec<Reader>,
    disk: Disk,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Reader {
    next: u64,
    /// Negative when a whole chunk was more than it had.
    credit: i64,
}

impl Stream {
    pub(crate) fn new(id: QueueId, profile: &Constant<Profile>) -> Stream {
        Stream {
            id,
            profile: profile.clone(),
            log: Vec::new(),
            chunks: Vec::new(),
            pending: VecDeque::new(),
            consumers: Consumers::default(),
            readers: Vec::new(),
            disk: Disk::new(ClassicStorage::V2),
        }
    }

    /// A publish arrives. It is written, confirmed and shown to readers together with others.
    pub(crate) fn publish(&mut self, incoming: Incoming, out: &mut Out) {
        let Incoming { message, origin, from, .. } = incoming;
        let note = Note::Enqueued { msg: message.id, copy: message.copy, queue: self.id, from };
        out.push(self.id, Effect::Note(note));
        if self.pending.is_empty() {
            let after = self.profile.costs.stream_flush;
            out.push(self.id, Effect::Arm(RabbitTimer::Flush(self.id), after));
        }
        self.pending.push_back((message, origin));
    }

    /// How many messages wait to be written.
    pub(crate) fn pending(&self) -> u32 {
        self.pending.len() as u32
    }

    /// Writes what is pending: as one chunk, or as two with so many messages in the first, when the
    /// writer was quick.
    pub(crate) fn flush(&mut self, in_first: u32, now: Time, out: &mut Out) {
        let (start, in_first) = (self.log.len() as u64, u64::from(in_first));
        if !self.pending.is_empty() {
            self.chunks.push(start);
        }
        if in_first > 0 && in_first < self.pending.len() as u64 {
            self.chunks.push(start + in_first);
        }
        for (message, origin) in self.pending.drain(..) {
            self.log.push(message);
            if origin.waits() {
                out.push(self.id, Effect::Confirm(origin));
            }
        }
        self.disk.flushed(self.log.len() as u64, now, &self.profile.costs);
        for slot in self.slots() {
            self.read(slot, out);
        }
    }

    fn slots(&self) -> Vec<u32> {
        self.consumers.subscribed().into_iter().map(|(slot, _)| slot).collect()
    }

    /// Sends a reader what it has credit for; up to 3.13 the rest of the chunk as well.
    fn read(&mut self, slot: u32, out: &mut Out) {
        let Some(consumer) = self.consumers.get(slot) else { return };
        let (session, cookie) = (consumer.session, consumer.cookie);
        let Some(reader) = self.readers.get_mut(slot as usize) else { return };
        let mut rest_of_chunk = false;
        while let Some(message) = self.log.get(reader.next as usize)
            && (reader.credit > 0 || rest_of_chunk)
        {
            let mut message = message.clone();
            let headers = &mut Arc::make_mut(&mut message.publication).properties.headers;
            headers.insert("x-stream-offset".into(), Value::Int(reader.next as i64));
            reader.next += 1;
            reader.credit -= 1;
            rest_of_chunk = self.profile.streams_send_whole_chunks
                && self.chunks.binary_search(&reader.next).is_err();
            // the answer is for the reader, not for the message
            let handed =
                Handed { message, handle: slot, count: None, redelivered: false, no_ack: false };
            out.push(self.id, Effect::Deliver { session, cookie, handed });
        }
    }

    /// Deliveries were answered, which is credit for their readers.
    pub(crate) fn credit(&mut self, readers: &[Handle], out: &mut Out) {
        for &slot in readers {
            if let Some(reader) = self.readers.get_mut(slot as usize) {
                reader.credit += 1;
                self.read(slot, out);
            }
        }
    }

    /// `basic.consume`
    pub(crate) fn consume(&mut self, wanted: &Subscription, out: &mut Out) {
        let slot = self.consumers.insert(wanted, State::Up);
        let end = self.log.len() as u64;
        let next = match wanted.offset {
            Offset::First => 0,
            Offset::Last => self.chunks.last().copied().unwrap_or(end),
            Offset::Next => end,
            Offset::At(offset) => offset,
        };
        if self.readers.len() <= slot as usize {
            self.readers.resize(slot as usize + 1, Reader::default());
        }
        self.readers[slot as usize] = Reader { next, credit: i64::from(wanted.prefetch) };
        let (session, cookie) = (wanted.session, wanted.cookie);
        out.push(self.id, Effect::Consuming { session, cookie });
        self.read(slot, out);
    }

    /// `basic.cancel`
    pub(crate) fn cancel(&mut self, session: Session, cookie: u32, out: &mut Out) {
        if let Some(slot) = self.consumers.find(session, cookie) {
            self.consumers.remove(slot);
        }
        out.push(self.id, Effect::Cancelled { session, cookie });
    }

    /// A channel is gone, and with it its readers.
    pub(crate) fn down(&mut self, session: Session) {
        for slot in self.consumers.of(session) {
            self.consumers.remove(slot);
        }
    }

    /// The stream is deleted, with everything in it. Returns how many messages there were.
    pub(crate) fn delete(&mut self, why: Death, now: Time, out: &mut Out) -> u32 {
        self.flush(0, now, out);
        for message in &self.log {
            let then = Fate::NoDeadLetterExchange;
            let note = Note::Discarded { msg: message.id, queue: self.id, why, then };
            out.push(self.id, Effect::Note(note));
        }
        self.log.len() as u32
    }

    /// Goes down. What was written survives a kill; nothing of it was synced.
    pub(crate) fn lose(
        &mut self,
        loss: Loss,
        now: Time,
        choose: &mut dyn FnMut(&'static str, u32) -> u32,
        note: &mut dyn FnMut(Note),
    ) {
        let mut pending = std::mem::take(&mut self.pending);
        if loss != Loss::Graceful && !pending.is_empty() {
            let kept = choose("flush point", pending.len() as u32 + 1) as usize;
            self.log.extend(pending.drain(..kept).map(|(message, _)| message));
        }
        let synced = match loss {
            Loss::Power => self.disk.synced(now, &self.profile.costs).min(self.log.len() as u64),
            Loss::Graceful | Loss::Process => self.log.len() as u64,
        };
        let doubtful = self.log.len() as u64 - synced;
        let kept = if doubtful == 0 { 0 } else { choose("synced point", doubtful as u32 + 1) };
        let lost = self.log.drain((synced + u64::from(kept)) as usize..);
        for message in lost.chain(pending.into_iter().map(|(message, _)| message)) {
            note(Note::Lost { msg: message.id, queue: self.id });
        }
        let end = self.log.len() as u64;
        self.chunks.retain(|&chunk| chunk < end);
        self.consumers.clear();
        self.readers.clear();
    }

    /// Starts again from what is on the disk.
    pub(crate) fn recover(&mut self, out: &mut Out) {
        for message in &self.log {
            let note = Note::Recovered { msg: message.id, queue: self.id, resurrected: false };
            out.push(self.id, Effect::Note(note));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.log.len() + self.pending.len()
    }

    pub(crate) fn consumers(&self) -> &Consumers {
        &self.consumers
    }

    /// Everything in it, oldest first.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.log.iter().chain(self.pending.iter().map(|(message, _)| message))
    }
}
