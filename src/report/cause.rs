//! What a step is due to, where the engine only knows what moved it.
//!
//! The engine records what sent each packet and armed each timer. That is the mechanism and not
//! always the reason: a redelivery is due to whatever brought the message back and not to the
//! consumer that had room for it; a broker is fenced by a timer that its last sign of life armed,
//! and the reason is why no other came. These rules lead from such a step to the one behind it.

use crate::kernel::run::Noted;
use crate::kernel::{Fault, History, NodeId, Step, StepNo};
use crate::talk::kafka::{GroupId, Left, Moved, Offset, TopicPartition};
use crate::talk::{KafkaNote, MessageId, Mq, Note};

/// The nodes that a fault strikes.
pub fn struck(fault: &Fault<Mq>) -> Vec<NodeId> {
    match *fault {
        Fault::Kill(id)
        | Fault::PowerLoss(id)
        | Fault::Stop(id)
        | Fault::Restart(id)
        | Fault::Pause(id)
        | Fault::Resume(id)
        | Fault::Slow(id, _)
        | Fault::Order(id, _) => vec![id],
        Fault::Cut(link) | Fault::Heal(link) => vec![link.from, link.to],
        Fault::Break(a, b) => vec![a, b],
    }
}

/// The step behind step `no`, if it is another one than the engine's cause; 0 where nothing is. `msg`
/// is the message that the question is about.
pub fn behind(history: &History<Mq>, no: StepNo, msg: Option<MessageId>) -> Option<StepNo> {
    brought_back(history, no, msg).or_else(|| Kafka { history, no }.behind(msg))
}

/// For a step in which RabbitMQ pushed a message again: the step in which it came back.
fn brought_back(history: &History<Mq>, at: StepNo, about: Option<MessageId>) -> Option<StepNo> {
    let again = history.notes_of(at).iter().find_map(|noted| match noted.note {
        Note::Pushed { msg, queue, redelivered: true, .. }
            if about.is_none_or(|its| its == msg) =>
        {
            Some((msg, queue))
        }
        _ => None,
    });
    let (msg, queue) = again?;
    let before = history.notes().partition_point(|noted| noted.step < at);
    let back = |noted: &&Noted<Note>| match noted.note {
        Note::Requeued { msg: its, queue: of, .. }
        | Note::Recovered { msg: its, queue: of, .. } => (its, of) == (msg, queue),
        _ => false,
    };
    history.notes()[..before].iter().rev().find(back).map(|noted| noted.step)
}

/// A step of a run with Kafka in it.
struct Kafka<'a> {
    history: &'a History<Mq>,
    no: StepNo,
}

impl Kafka<'_> {
    fn behind(&self, msg: Option<MessageId>) -> Option<StepNo> {
        let notes = self.history.notes_of(self.no);
        let about = |noted: &&Noted<Note>| msg.is_some() && noted.note.msg() == msg;
        // what is said of the message itself comes first
        let first = notes.iter().filter(about);
        let then = notes.iter().filter(|noted| !about(noted));
        first.chain(then).find_map(|noted| match &noted.note {
            Note::Kafka(note) => self.behind_note(noted.node, note, msg),
            _ => None,
        })
    }

    fn behind_note(
        &self,
        node: NodeId,
        note: &KafkaNote,
        about: Option<MessageId>,
    ) -> Option<StepNo> {
        match *note {
            // a follower has what its leader has
            KafkaNote::Truncated { at, .. } => self.election(at),
            KafkaNote::LeaderElected { at, leader, .. } => {
                let old = self.leader_before(at)?;
                if leader == Some(old) {
                    return None;
                }
                let fenced = self.last(|_, note| {
                    matches!(note, KafkaNote::Fenced { broker, fenced: true } if *broker == old)
                });
                fenced.max(self.fault(old))
            }
            KafkaNote::Fenced { broker, fenced: true } => self.fault(broker),
            // what is deleted was written too long ago; retention itself needs no reason
            KafkaNote::LogStart { at, offset } => {
                let written = self.last(|_, note| match *note {
                    KafkaNote::Appended { msg, at: its, offset: of, .. } => {
                        its == at && of < offset && about == Some(msg)
                    }
                    _ => false,
                });
                Some(written.unwrap_or(0))
            }
            KafkaNote::MemberGone { peer, why: Left::Session | Left::Rebalance, .. } => {
                self.fault(peer).or_else(|| self.last_handled(peer))
            }
            KafkaNote::Rebalanced { group, .. } => self.rebalance(group),
            KafkaNote::Assigned { group, .. } | KafkaNote::Revoked { group, .. } => {
                let generation = |_: NodeId, note: &KafkaNote| matches!(note, KafkaNote::Rebalanced { group: its, .. } if *its == group);
                match note {
                    KafkaNote::Assigned { .. } => self.last(generation),
                    _ => self.rebalance(group),
                }
            }
            KafkaNote::PositionMoved { at, why, .. } => match why {
                Moved::Committed | Moved::Nothing => self.last(|by, note| {
                    by == node && matches!(note, KafkaNote::Assigned { at: its, .. } if *its == at)
                }),
                Moved::OutOfRange => self.last(
                    |_, note| matches!(note, KafkaNote::LogStart { at: its, .. } if *its == at),
                ),
                Moved::Truncation => self.election(at),
                Moved::Seek => None,
            },
            KafkaNote::Polled { msg, group, at, offset } => {
                self.again(node, (msg, group), (at, offset))
            }
            _ => None,
        }
    }

    /// Why a group gets a message again: it was appended again, its reader moved back, or its handler
    /// failed.
    fn again(
        &self,
        node: NodeId,
        (msg, group): (MessageId, GroupId),
        (at, offset): (TopicPartition, Offset),
    ) -> Option<StepNo> {
        let before = self.last(|_, note| match *note {
            KafkaNote::Polled { msg: its, group: by, .. } => (its, by) == (msg, group),
            _ => false,
        })?;
        let same = self.history.notes_of(before).iter().any(|noted| match noted.note {
            Note::Kafka(KafkaNote::Polled { msg: its, at: place, offset: of, .. }) => {
                (its, place, of) == (msg, at, offset)
            }
            _ => false,
        });
        if !same {
            return self.last(|_, note| match *note {
                KafkaNote::Appended { msg: its, at: place, offset: of, .. } => {
                    (its, place, of) == (msg, at, offset)
                }
                _ => false,
            });
        }
        // a record that comes again is read from where its reader began
        let moved = self.last(|by, note| {
            by == node && matches!(note, KafkaNote::PositionMoved { at: its, .. } if *its == at)
        });
        moved.filter(|moved| *moved >= before).or_else(|| self.failed(node, msg, before))
    }

    /// Where a handler failed over a message, not before a step.
    fn failed(&self, node: NodeId, msg: MessageId, since: StepNo) -> Option<StepNo> {
        let notes = self.history.notes();
        let from = notes.partition_point(|noted| noted.step < since);
        let to = notes.partition_point(|noted| noted.step < self.no);
        let failed = |noted: &&Noted<Note>| match noted.note {
            Note::Failed { msg: its, .. } => noted.node == node && its == msg,
            _ => false,
        };
        notes[from..to].iter().rev().find(failed).map(|noted| noted.step)
    }

    /// The last step before this one in which a note like that was made.
    fn last(&self, fits: impl Fn(NodeId, &KafkaNote) -> bool) -> Option<StepNo> {
        let before = self.history.notes().partition_point(|noted| noted.step < self.no);
        let mut notes = self.history.notes()[..before].iter().rev();
        let found = notes.find(|noted| match &noted.note {
            Note::Kafka(note) => fits(noted.node, note),
            _ => false,
        });
        found.map(|noted| noted.step)
    }

    fn election(&self, at: TopicPartition) -> Option<StepNo> {
        self.last(|_, note| match *note {
            KafkaNote::LeaderElected { at: its, leader: Some(_), .. } => its == at,
            _ => false,
        })
    }

    /// Who led a partition before this step: who was elected last, or appended last.
    fn leader_before(&self, at: TopicPartition) -> Option<NodeId> {
        let before = self.history.notes().partition_point(|noted| noted.step < self.no);
        self.history.notes()[..before].iter().rev().find_map(|noted| match noted.note {
            Note::Kafka(KafkaNote::LeaderElected { at: its, leader: Some(it), .. })
                if its == at =>
            {
                Some(it)
            }
            Note::Kafka(KafkaNote::Appended { at: its, .. }) if its == at => Some(noted.node),
            _ => None,
        })
    }

    /// Why a group began to rebalance last: a member that is gone, or one that came.
    fn rebalance(&self, group: GroupId) -> Option<StepNo> {
        self.last(|_, note| match *note {
            KafkaNote::RebalanceBegan { group: its } | KafkaNote::MemberGone { group: its, .. } => {
                its == group
            }
            _ => false,
        })
    }

    /// What last went wrong with a node.
    fn fault(&self, node: NodeId) -> Option<StepNo> {
        let before = usize::try_from(self.no).ok()?.saturating_sub(1);
        let mut steps = self.history.steps().get(..before)?.iter().rev();
        let found = steps.find(|taken| match &taken.step {
            Step::Fault(
                fault @ (Fault::Kill(_)
                | Fault::PowerLoss(_)
                | Fault::Stop(_)
                | Fault::Pause(_)
                | Fault::Slow(..)
                | Fault::Cut(_)
                | Fault::Break(..)),
            ) => struck(fault).contains(&node),
            _ => false,
        });
        found.map(|taken| taken.no)
    }

    /// What a consumer was last at.
    fn last_handled(&self, consumer: NodeId) -> Option<StepNo> {
        let before = self.history.notes().partition_point(|noted| noted.step < self.no);
        let mut notes = self.history.notes()[..before].iter().rev();
        let found = notes
            .find(|noted| noted.node == consumer && matches!(noted.note, Note::Started { .. }));
        found.map(|noted| noted.step)
    }
}
