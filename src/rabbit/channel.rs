//! A channel: delivery tags, what its client has not acknowledged, its consumers, and how it
//! publishes.

use std::collections::VecDeque;

use super::confirms::Confirms;
use super::error::ChannelError;
use super::queue::{Handle, Session};
use super::routes::Routes;
use crate::kernel::{NodeId, Time};
use crate::talk::{ChannelNo, Message, Name, QueueId, Settle};

/// An open channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Channel {
    pub(crate) session: Session,
    pub(crate) peer: NodeId,
    pub(crate) number: ChannelNo,
    next_tag: u64,
    /// Deliveries without an answer, by tag.
    pub(crate) unacked: VecDeque<Unacked>,
    /// By the cookies that queues know.
    pub(crate) consumers: Vec<ChannelConsumer>,
    /// `basic.qos`: the window of consumers to come.
    pub(crate) prefetch: u16,
    pub(crate) mode: Mode,
    pub(crate) confirms: Confirms,
    /// It is on the broker's list of channels with confirms to send.
    pub(crate) listed: bool,
    pub(crate) routes: Routes,
    /// Quorum queues that know this channel as a publisher.
    pub(crate) publishes_to: Vec<QueueId>,
}

/// What a channel does with publishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Plain,
    /// `confirm.select`
    Confirm,
    /// `tx.select`
    Tx(Box<Transaction>),
}

/// What a transaction has collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Transaction {
    pub(crate) publishes: Vec<(bool, Message)>,
    pub(crate) settled: Vec<(Unacked, Settle)>,
    /// `tx.commit` waits until every queue has the publishes.
    pub(crate) committing: bool,
    pub(crate) refused: bool,
}

/// A delivery without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unacked {
    pub(crate) tag: u64,
    pub(crate) at: Time,
    pub(crate) handle: Handle,
    /// Which of the queues that ever had this number.
    pub(crate) epoch: u32,
    /// Which consumer; [`FETCHED`] for `basic.get`.
    pub(crate) cookie: u32,
    pub(crate) queue: QueueId,
}

/// The cookie of deliveries that were fetched with `basic.get`.
pub(crate) const FETCHED: u32 = u32::MAX;

/// A consumer, as its channel knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ChannelConsumer {
    pub(crate) tag: Name,
    pub(crate) queue: QueueId,
    /// It is gone, but may have left deliveries without an answer.
    cancelled: bool,
}

impl Channel {
    pub(crate) fn new(session: Session, peer: NodeId, number: ChannelNo) -> Channel {
        Channel {
            session,
            peer,
            number,
            next_tag: 1,
            unacked: VecDeque::new(),
            consumers: Vec::new(),
            prefetch: 0,
            mode: Mode::Plain,
            confirms: Confirms::default(),
            listed: false,
            routes: Routes::default(),
            publishes_to: Vec::new(),
        }
    }

    /// The next delivery tag.
    pub(crate) fn tag(&mut self) -> u64 {
        let tag = self.next_tag;
        self.next_tag += 1;
        tag
    }

    /// Takes the deliveries that an answer is for, oldest first, into `taken`.
    ///
    /// # Errors
    /// 406 when there is no such delivery. Source: `rabbit_channel:collect_acks/3`.
    pub(crate) fn take(
        &mut self,
        tag: u64,
        multiple: bool,
        taken: &mut Vec<Unacked>,
    ) -> Result<(), ChannelError> {
        if tag == 0 && multiple {
            taken.extend(self.unacked.drain(..));
            return Ok(());
        }
        let found = match self.unacked.front() {
            Some(first) if first.tag == tag => Ok(0),
            _ => self.unacked.binary_search_by_key(&tag, |unacked| unacked.tag),
        };
        let Ok(at) = found else {
            let text = format_args!("unknown delivery tag {tag}");
            return Err(ChannelError::precondition_failed(text));
        };
        if multiple {
            taken.extend(self.unacked.drain(..=at));
        } else {
            taken.extend(self.unacked.remove(at));
        }
        Ok(())
    }

    /// Puts deliveries back that a transaction had taken.
    pub(crate) fn put_back(&mut self, unacked: impl Iterator<Item = Unacked>) {
        self.unacked.extend(unacked);
        self.unacked.make_contiguous().sort_by_key(|unacked| unacked.tag);
    }

    /// The cookie of the consumer with this tag.
    pub(crate) fn cookie(&self, tag: &Name) -> Option<u32> {
        let has = |it: &ChannelConsumer| !it.cancelled && it.tag == *tag;
        self.consumers.iter().position(has).map(|at| at as u32)
    }

    /// A cookie for a new consumer. Cookies are not used again, so that a late delivery cannot
    /// reach the wrong one.
    pub(crate) fn add_consumer(&mut self, tag: Name, queue: QueueId) -> u32 {
        self.consumers.push(ChannelConsumer { tag, queue, cancelled: false });
        (self.consumers.len() - 1) as u32
    }

    /// Its consumers, cancelled ones apart.
    pub(crate) fn subscribed(&self) -> impl Iterator<Item = &ChannelConsumer> {
        self.consumers.iter().filter(|it| !it.cancelled)
    }

    pub(crate) fn consumer(&self, cookie: u32) -> Option<&ChannelConsumer> {
        self.consumers.get(cookie as usize).filter(|it| !it.cancelled)
    }

    /// The tag of a consumer, also of a cancelled one; none of what `basic.get` fetched.
    pub(crate) fn consumer_tag(&self, cookie: u32) -> Option<&Name> {
        self.consumers.get(cookie as usize).map(|it| &it.tag)
    }

    /// The cookies of the consumers of a queue.
    pub(crate) fn cookies_of(&self, queue: QueueId) -> Vec<u32> {
        let of_queue = |(cookie, it): (usize, &ChannelConsumer)| {
            (!it.cancelled && it.queue == queue).then_some(cookie as u32)
        };
        self.consumers.iter().enumerate().filter_map(of_queue).collect()
    }

    /// Forgets a consumer; returns its tag.
    pub(crate) fn remove_consumer(&mut self, cookie: u32) -> Option<Name> {
        let consumer = self.consumers.get_mut(cookie as usize).filter(|it| !it.cancelled)?;
        consumer.cancelled = true;
        Some(consumer.tag.clone())
    }

    /// What it holds of a queue, in the order in which a quorum queue takes it back: consumer by
    /// consumer, those by their tags or as they subscribed, and of each in the order of delivery.
    /// What `basic.get` fetched has a consumer of its own, whose tag is the delivery tag as text;
    /// where consumers do not go by tags those come last. Source: `rabbit_fifo:handle_down/3`,
    /// where the keys of a map are in order.
    pub(crate) fn held(&self, queue: QueueId, epoch: u32, by_tag: bool) -> Vec<Handle> {
        let mine = |it: &&Unacked| it.queue == queue && it.epoch == epoch;
        let mut held: Vec<&Unacked> = self.unacked.iter().filter(mine).collect();
        held.sort_by_cached_key(|it| {
            let tag = match self.consumer_tag(it.cookie) {
                Some(tag) if by_tag => tag.to_string(),
                Some(_) => String::new(),
                None => it.tag.to_string(),
            };
            (if by_tag { 0 } else { it.cookie }, tag, it.tag)
        });
        held.into_iter().map(|it| it.handle).collect()
    }

    /// The queues that know this channel, each once: those it consumes from, holds messages of, or
    /// publishes to.
    pub(crate) fn queues(&self) -> Vec<QueueId> {
        let consumed = self.subscribed().map(|it| it.queue);
        let held = self.unacked.iter().map(|unacked| unacked.queue);
        let settled = match &self.mode {
            Mode::Tx(tx) => &tx.settled[..],
            Mode::Plain | Mode::Confirm => &[],
        };
        let settled = settled.iter().map(|(unacked, _)| unacked.queue);
        let mut queues: Vec<QueueId> =
            consumed.chain(held).chain(settled).chain(self.publishes_to.iter().copied()).collect();
        queues.sort_unstable();
        queues.dedup();
        queues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(tags: impl IntoIterator<Item = u64>) -> Channel {
        let mut channel = Channel::new(Session::default(), NodeId(1), 1);
        channel.unacked.extend(tags.into_iter().map(|tag| Unacked {
            tag,
            at: Time::ZERO,
            handle: 0,
            epoch: 0,
            cookie: 0,
            queue: QueueId(0),
        }));
        channel
    }

    fn taken(channel: &mut Channel, tag: u64, multiple: bool) -> Option<Vec<u64>> {
        let mut taken = Vec::new();
        channel.take(tag, multiple, &mut taken).ok()?;
        Some(taken.iter().map(|unacked| unacked.tag).collect())
    }

    #[test]
    fn multiple_takes_everything_up_to_the_tag_and_tag_zero_takes_all() {
        let mut channel = holding(1..=6);
        assert_eq!(taken(&mut channel, 2, false), Some(vec![2]));
        assert_eq!(taken(&mut channel, 4, true), Some(vec![1, 3, 4]));
        assert_eq!(taken(&mut channel, 4, true), None);
        assert_eq!(taken(&mut channel, 0, true), Some(vec![5, 6]));
        assert_eq!(taken(&mut channel, 0, false), None);
    }

    #[test]
    fn an_unknown_delivery_tag_is_a_406() {
        let error = holding([1]).take(7, false, &mut Vec::new()).expect_err("no tag 7");
        assert_eq!(error.code, 406);
        assert_eq!(error.text, "PRECONDITION_FAILED - unknown delivery tag 7");
    }
}
