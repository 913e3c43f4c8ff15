//! What has crossed a bridge from a log into a queue.

use super::super::super::cell::fact;
use super::{Case, Ledger, known, span};
use crate::check::rules::Done;
use crate::talk::{MessageId, QueueId};

/// A set of messages, one bit for each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::check) struct Crossed(Vec<u64>);

impl Crossed {
    fn place(msg: MessageId) -> (usize, u64) {
        (msg.0 as usize / 64, 1 << (msg.0 % 64))
    }

    pub(in crate::check) fn has(&self, msg: MessageId) -> bool {
        let (at, bit) = Crossed::place(msg);
        self.0.get(at).is_some_and(|word| word & bit != 0)
    }

    fn set(&mut self, msg: MessageId, on: bool) {
        let (at, bit) = Crossed::place(msg);
        if on {
            *super::grown(&mut self.0, at) |= bit;
        } else if let Some(word) = self.0.get_mut(at) {
            *word &= !bit;
        }
    }
}

impl Ledger {
    /// A bridge publishes a record.
    pub(in crate::check::ledger) fn bridged(&mut self, case: Case, play: u32, copy: u16) {
        if self.node(case.node).group.is_some() {
            self.book.play_mut(play).bridged = copy.saturating_add(1);
        }
    }

    /// Whether a publish that is about to be stored is one of a bridge.
    pub(in crate::check) fn is_bridged(&self, play: u32, copy: u16) -> bool {
        self.book.play(play).bridged == copy.saturating_add(1)
    }

    /// The publish of a bridge is about to be stored. Says whether it repeats what was stored in this
    /// queue before.
    pub(in crate::check::ledger) fn crosses(
        &mut self,
        case: Case,
        msg: MessageId,
        play: u32,
        copy: u16,
        queue: QueueId,
    ) -> bool {
        let again = self.judge_crossed_again(case, msg, play, copy, queue);
        if self.streams.crossed.has(msg) && !again {
            let play = self.book.play_mut(play);
            play.roots = play.roots.saturating_add(1);
        }
        self.streams.crossed.set(msg, true);
        again
    }

    /// A copy that a bridge stored is lost. Says whether some bridge will still read its record, so
    /// that the copy in the log stands for it.
    pub(in crate::check) fn log_stands_in(&mut self, msg: MessageId) -> bool {
        let mark = self.streams.marked(msg);
        if !self.streams.crossed.has(msg) || mark.copies() == 0 || mark.has(known::PASSED) {
            return false;
        }
        let Some(at) = mark.place() else { return false };
        let Some(part) = self.streams.get(at) else { return false };
        let waits = |passed| {
            span(part.start().max(passed), part.end()).any(|offset| {
                part.slot(offset).is_some_and(|slot| slot.visible() && slot.msg == msg)
            })
        };
        let mut bridges = self.streams.groups().filter(|(_, it)| it.rule.done == Done::HandedOver);
        let stands = bridges.any(|(_, group)| group.get(at).is_some_and(|part| waits(part.passed)));
        drop(bridges);
        if stands {
            self.streams.crossed.set(msg, false);
        }
        stands && !self.book.get(msg).has(fact::DROPPED)
    }
}
