//! Changes as they are made, before they are written.

use super::{Change, ConsumerGroup};
use crate::kafka::coordinate::{Client, Desk};
use crate::kafka::group::pen::{After, Pen};
use crate::kafka::group::record::Record;
use crate::talk::kafka::{Answer, ConsumerBeaten};

/// A group that is being changed: what it was before the first change, and what changed.
pub(super) struct Draft<'a> {
    pub(super) group: &'a mut ConsumerGroup,
    before: Option<Box<ConsumerGroup>>,
    changes: Vec<Change>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(group: &'a mut ConsumerGroup) -> Draft<'a> {
        Draft { group, before: None, changes: Vec::new() }
    }

    pub(super) fn change(&mut self, change: Change) {
        let before = || Box::new(self.group.clone());
        if self.before.is_none() {
            self.before = Some(before());
        }
        self.group.apply(&change);
        self.changes.push(change);
    }

    /// Writes what changed, if anything did, and answers when that is committed.
    pub(super) fn answer(
        self,
        client: Client,
        beaten: ConsumerBeaten,
        pen: &mut Pen,
        desk: &mut Desk<'_, '_>,
    ) {
        match self.before {
            None => desk.respond(client, Answer::ConsumerGroupHeartbeat(Box::new(beaten))),
            Some(before) => {
                let id = self.group.id;
                let after = After::Beaten(id, client, Box::new(beaten), before);
                pen.write(Record::Consumer(id, self.changes), after, desk);
            }
        }
    }

    /// Writes what changed, if anything did.
    pub(super) fn write(self, pen: &mut Pen, desk: &mut Desk<'_, '_>) {
        if let Some(before) = self.before {
            let id = self.group.id;
            pen.write(Record::Consumer(id, self.changes), After::Changed(id, before), desk);
        }
    }
}
