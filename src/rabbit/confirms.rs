//! Publisher confirms of one channel.
//!
//! Sequence numbers start at 1. A publish is confirmed once every queue it went to has it, so
//! confirms come out of order; what is known at the end of an input goes out together, with
//! `multiple` as far as nothing older is open. Source: `rabbit_channel:send_confirms_and_nacks/1`,
//! `coalesce_and_send/5`.

use std::collections::VecDeque;

use crate::talk::Frame;

/// What a channel knows of its publishes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Confirms {
    /// The sequence number of the first entry of `open`.
    first: u64,
    /// For each publish from `first` on: how many queues have not answered.
    open: VecDeque<u16>,
    unconfirmed: usize,
    /// Confirmed and refused since the last time that was sent.
    acked: Vec<u64>,
    nacked: Vec<u64>,
}

impl Default for Confirms {
    fn default() -> Confirms {
        Confirms {
            first: 1,
            open: VecDeque::new(),
            unconfirmed: 0,
            acked: Vec::new(),
            nacked: Vec::new(),
        }
    }
}

impl Confirms {
    /// Counts a publish that goes to so many queues, and returns its sequence number.
    pub(crate) fn publish(&mut self, queues: u16) -> u64 {
        let seq = self.first + self.open.len() as u64;
        self.open.push_back(queues);
        if queues == 0 {
            self.acked.push(seq);
        } else {
            self.unconfirmed += 1;
        }
        seq
    }

    /// One queue has it.
    pub(crate) fn confirm(&mut self, seq: u64) {
        let Some(open) = self.entry(seq) else { return };
        *open -= 1;
        if *open == 0 {
            self.unconfirmed -= 1;
            self.acked.push(seq);
        }
    }

    /// One queue refused it, which settles the matter.
    pub(crate) fn refuse(&mut self, seq: u64) {
        let Some(open) = self.entry(seq) else { return };
        *open = 0;
        self.unconfirmed -= 1;
        self.nacked.push(seq);
    }

    fn entry(&mut self, seq: u64) -> Option<&mut u16> {
        let at = seq.checked_sub(self.first)?;
        self.open.get_mut(at as usize).filter(|open| **open > 0)
    }

    /// How many publishes are open.
    pub(crate) fn unconfirmed(&self) -> usize {
        self.unconfirmed
    }

    /// Whether there is something to send.
    pub(crate) fn has_news(&self) -> bool {
        !self.acked.is_empty() || !self.nacked.is_empty()
    }

    /// Takes what happened to publishes without telling the client, as a transaction does. Returns
    /// whether one was refused.
    pub(crate) fn swallow(&mut self) -> bool {
        let refused = !self.nacked.is_empty();
        self.acked.clear();
        self.nacked.clear();
        self.forget();
        refused
    }

    /// Sends what is known: refusals first.
    pub(crate) fn send(&mut self, mut send: impl FnMut(Frame)) {
        self.forget();
        self.acked.sort_unstable();
        self.nacked.sort_unstable();
        let oldest = if self.unconfirmed == 0 { u64::MAX } else { self.first };
        let cutoff = self.acked.first().map_or(oldest, |&acked| oldest.min(acked));
        coalesce(&self.nacked, cutoff, |tag, multiple| send(Frame::ConfirmNack { tag, multiple }));
        if let [tag] = self.acked[..] {
            send(Frame::ConfirmAck { tag, multiple: false });
        } else {
            let cutoff = self.nacked.first().map_or(oldest, |&nacked| oldest.min(nacked));
            coalesce(&self.acked, cutoff, |tag, multiple| {
                send(Frame::ConfirmAck { tag, multiple });
            });
        }
        self.acked.clear();
        self.nacked.clear();
    }

    /// Lets go of the oldest publishes that are not open any more.
    fn forget(&mut self) {
        while self.open.front() == Some(&0) {
            self.open.pop_front();
            self.first += 1;
        }
    }
}

/// All below `cutoff` in one frame, the others one by one.
fn coalesce(seqs: &[u64], cutoff: u64, mut send: impl FnMut(u64, bool)) {
    let together = seqs.partition_point(|&seq| seq < cutoff);
    if let Some(&last) = seqs[..together].last() {
        send(last, true);
    }
    for &seq in &seqs[together..] {
        send(seq, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(confirms: &mut Confirms) -> Vec<(u64, bool, bool)> {
        let mut all = Vec::new();
        confirms.send(|frame| match frame {
            Frame::ConfirmAck { tag, multiple } => all.push((tag, multiple, true)),
            Frame::ConfirmNack { tag, multiple } => all.push((tag, multiple, false)),
            _ => unreachable!("confirms send nothing else"),
        });
        all
    }

    #[test]
    fn what_is_confirmed_together_is_one_frame_up_to_the_oldest_open_publish() {
        let mut confirms = Confirms::default();
        for _ in 0..6 {
            confirms.publish(1);
        }
        for seq in [2, 1, 3, 5] {
            confirms.confirm(seq);
        }
        assert_eq!(sent(&mut confirms), [(3, true, true), (5, false, true)]);
        confirms.confirm(4);
        assert_eq!(sent(&mut confirms), [(4, false, true)]);
        assert_eq!(confirms.unconfirmed(), 1);
    }

    #[test]
    fn a_publish_to_several_queues_is_confirmed_after_the_last_and_refused_by_the_first() {
        let mut confirms = Confirms::default();
        confirms.publish(2);
        confirms.publish(2);
        confirms.confirm(1);
        assert!(!confirms.has_news());
        confirms.refuse(2);
        confirms.confirm(2);
        confirms.confirm(1);
        assert_eq!(sent(&mut confirms), [(2, false, false), (1, false, true)]);
        assert_eq!(confirms.unconfirmed(), 0);
    }

    #[test]
    fn an_unroutable_publish_is_confirmed_at_once() {
        let mut confirms = Confirms::default();
        confirms.publish(1);
        confirms.publish(0);
        assert_eq!(sent(&mut confirms), [(2, false, true)]);
    }
}
