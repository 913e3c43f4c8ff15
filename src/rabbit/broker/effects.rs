//! What queues ask for, carried out.

use super::Broker;
use crate::kernel::Ctx;
use crate::rabbit::error::ChannelError;
use crate::rabbit::queue::{Effect, Session};
use crate::talk::{Done, Frame, Mq, Note, QueueId, Timer};

impl Broker {
    /// Carries out everything that queues asked for, including what follows from it.
    pub(super) fn carry_out(&mut self, ctx: &mut Ctx<'_, Mq>) {
        while let Some((queue, effect)) = self.out.pop() {
            self.carry(queue, effect, ctx);
        }
    }

    /// Carries out one thing that a queue asked for.
    pub(super) fn carry(&mut self, queue: QueueId, effect: Effect, ctx: &mut Ctx<'_, Mq>) {
        if self.cluster.is_some() && !self.keeps(queue, &effect, ctx) {
            return;
        }
        match effect {
            Effect::Note(note) => ctx.note(note),
            Effect::Propose(command) => self.pass_on(queue, *command, ctx),
            Effect::Deliver { session, cookie, handed } => {
                self.deliver(queue, session, cookie, handed, ctx);
            }
            Effect::Confirm(origin) => self.answered(origin, true, ctx),
            Effect::Refuse(origin) => self.answered(origin, false, ctx),
            Effect::Arm(timer, after) => ctx.arm(Timer::Rabbit(timer), after),
            Effect::Disarm(timer) => ctx.disarm(Timer::Rabbit(timer)),
            Effect::Fetched { session, handed, left } => {
                self.fetched(queue, session, handed, left, ctx);
            }
            Effect::Discard { message, why, failed, lettered, stored } => {
                self.discarded(queue, message, why, failed, lettered, stored, ctx);
            }
            Effect::DeadLetter { message, why, failed, lettered, ticket } => {
                self.move_dead_letter(queue, message, why, failed, lettered, ticket, ctx);
            }
            Effect::Consuming { session, cookie } => {
                if let Some(consumer) = self.channel(session).and_then(|it| it.consumer(cookie)) {
                    let consumer_tag = consumer.tag.clone();
                    // a queue that lives elsewhere has told the observer
                    let elsewhere = self.cluster.is_some() && self.is_elsewhere(queue);
                    let peer = self.channel(session).map(|channel| channel.peer);
                    if let Some(peer) = peer.filter(|_| !elsewhere) {
                        ctx.note(Note::Subscribed { peer, queue });
                    }
                    self.reply(session, Frame::ConsumeOk { consumer_tag }, ctx);
                }
            }
            Effect::Cancelled { session, cookie } => {
                let removed = self.channel_mut(session).and_then(|it| it.remove_consumer(cookie));
                if let Some(consumer_tag) = removed {
                    if let Some(peer) = self.channel(session).map(|channel| channel.peer) {
                        ctx.note(Note::Unsubscribed { peer, queue });
                    }
                    self.reply(session, Frame::CancelOk { consumer_tag }, ctx);
                }
            }
            Effect::InUse { session } => self.refuse_use(queue, session, ctx),
            Effect::NoFetch { session } => self.refuse_fetch(queue, session, ctx),
            Effect::Counted { session, ready, consumers } => {
                self.counted(queue, session, ready, consumers, ctx);
            }
            Effect::Purged { session, messages } => {
                self.reply(session, Frame::Removed { done: Done::QueuePurge, messages }, ctx);
            }
        }
    }

    fn refuse_use(&mut self, queue: QueueId, session: Session, ctx: &mut Ctx<'_, Mq>) {
        let error = ChannelError::access_refused(format_args!(
            "queue '{}' in vhost '/' in exclusive use",
            self.queues[queue.index()].name
        ));
        if let Some(channel) = self.channel_mut(session) {
            // the consumer that was refused is the last that came
            channel.consumers.pop();
            let (peer, number) = (channel.peer, channel.number);
            self.fail(peer, number, &error, ctx);
        }
    }

    fn refuse_fetch(&mut self, queue: QueueId, session: Session, ctx: &mut Ctx<'_, Mq>) {
        let error = ChannelError::resource_locked(format_args!(
            "cannot obtain access to locked queue '{}' in vhost '/'. basic.get operations are not \
             supported by quorum queues with single active consumer",
            self.queues[queue.index()].name
        ));
        if let Some(channel) = self.channel(session) {
            let (peer, number) = (channel.peer, channel.number);
            self.fail(peer, number, &error, ctx);
        }
    }
}
