//! Stops, crashes and restarts: what survives.
//!
//! | queue | orderly stop | kill |
//! |---|---|---|
//! | durable classic | written messages; those that were delivered are redelivered | all that were written, as redelivered; acknowledgements that were not |
//! | quorum | everything in the log; those that were delivered are redelivered | the same |
//! | stream | everything that was written | the same |
//! | transient or exclusive | gone | gone |
//!
//! Observed on 3.10.8 and 4.0.5.

use super::Broker;
use crate::kernel::{Ctx, Loss, NodeId, Site};
use crate::rabbit::error::ChannelError;
use crate::rabbit::queue::Machine;
use crate::talk::{Frame, Gone, Mq, Note, QueueId};

impl Broker {
    /// An orderly stop: clients are told, and everything is written. Text observed.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let error = ChannelError::forced();
        for index in 0..self.connections.len() {
            let peer = NodeId(index as u32);
            if self.connection_of(peer).is_some() {
                let (code, text) = (error.code, error.text.clone());
                self.send(peer, 0, Frame::ConnectionClosed { code, text }, ctx);
            }
        }
        for index in 0..self.queues.len() {
            self.with_queue(QueueId(index as u16), ctx.now, |queue, at| match &mut queue.machine {
                Machine::Classic(queue) => queue.flush(at),
                Machine::Quorum(queue) => queue.apply_all(at.now, at.out),
                Machine::Remote(_) => {}
                Machine::Stream(queue) => queue.flush(0, at.now, at.out),
            });
        }
    }

    pub(super) fn go_down(&mut self, loss: Loss, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        self.stopped = true;
        if let Some(member) = &mut self.cluster {
            member.lose(loss == Loss::Power);
        }
        self.connections.clear();
        self.channels.clear();
        self.generations.iter_mut().for_each(|generation| *generation = generation.wrapping_add(1));
        self.windows.clear();
        self.workers.clear();
        self.listed.clear();
        self.alarm = false;
        self.channel_tick_armed = false;
        for index in 0..self.queues.len() {
            let id = QueueId(index as u16);
            let Some(mut queue) = self.queues[index].queue.take() else { continue };
            let mut notes = Vec::new();
            let whom = u64::from(id.0) << 32 | u64::from(self.queues[index].epoch);
            let mut choose = |what, n| ctx.choose(Site::new(what, whom).nth(now.as_nanos()), n);
            match &mut queue.machine {
                Machine::Classic(queue) => {
                    queue.lose(loss, now, &mut choose, &mut |note| notes.push(note));
                }
                // its state is what the log that is left says, and another member may lead it
                Machine::Quorum(queue) if queue.shared => {}
                Machine::Remote(_) => {}
                Machine::Quorum(queue) => {
                    let graceful = loss == Loss::Graceful;
                    queue.lose(graceful, now, &mut choose, &mut |note| notes.push(note));
                }
                Machine::Stream(queue) => {
                    queue.lose(loss, now, &mut choose, &mut |note| notes.push(note));
                }
            }
            notes.into_iter().for_each(|note| ctx.note(note));
            // in a cluster it goes when the others learn that its node was down
            if queue.spec.durable || self.cluster.is_some() {
                queue.consumed = false;
                self.queues[index].queue = Some(queue);
            } else {
                ctx.note(Note::QueueGone { queue: id, why: Gone::Restart });
                self.forget_queue(id);
            }
        }
        let queues = &self.queues;
        self.exchanges.restart(|id| queues[id.index()].queue.is_some());
        self.topology = self.topology.wrapping_add(1);
    }

    /// Starts: for the first time with its definitions, later with what survived.
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let again = std::mem::take(&mut self.stopped);
        if !again {
            self.find_homes(ctx);
        }
        // Queues recover at the same time, each in a process of its own: which one first dead-letters
        // what expired meanwhile is up to chance (observed both ways).
        let backwards = again && self.queues.len() > 1 && {
            let site = Site::new("recovery order", 0).nth(ctx.now.as_nanos());
            ctx.choose(site, 2) == 1
        };
        for place in 0..self.queues.len() {
            let index = if backwards { self.queues.len() - 1 - place } else { place };
            let id = QueueId(index as u16);
            if self.queues[index].queue.is_none() {
                continue;
            }
            if !again {
                let name = self.queues[index].name.clone();
                // a quorum queue is one queue, wherever its members are; a classic one is its node's
                let here = match self.queues[index].queue.as_ref().map(|queue| &queue.machine) {
                    Some(Machine::Quorum(queue)) if queue.shared => {
                        self.config.members.first() == Some(&ctx.me)
                    }
                    Some(Machine::Remote(_)) => false,
                    _ => true,
                };
                if here {
                    ctx.note(Note::QueueDeclared { queue: id, name });
                }
                self.begin(id, ctx);
                continue;
            }
            self.with_queue(id, ctx.now, |queue, at| match &mut queue.machine {
                Machine::Classic(queue) => queue.recover(at),
                Machine::Quorum(queue) if queue.shared => {}
                Machine::Remote(_) => {}
                Machine::Quorum(queue) => queue.recover(at.now, at.out),
                Machine::Stream(queue) => queue.recover(at.out),
            });
            self.arm_quorum_tick(id, ctx);
        }
        self.join_cluster(ctx);
    }
}
