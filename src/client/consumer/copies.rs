//! What becomes of the copies that handlers publish.

use super::{Awaits, Consumer};
use crate::client::handler::Handler;
use crate::client::run_ref::RunRef;
use crate::kernel::Ctx;
use crate::talk::{Failure, Message, MessageId, Mq, Note};

/// A copy on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Copied {
    pub(super) msg: MessageId,
    pub(super) copy: u16,
    /// The run that waits for its confirm, if it does.
    pub(super) by: Option<RunRef>,
    pub(super) returned: bool,
}

impl<H: Handler> Consumer<H> {
    pub(super) fn confirmed(
        &mut self,
        tag: u64,
        multiple: bool,
        acked: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        while let Some((_, copied)) = self.copies.next_answered(tag, multiple) {
            self.copy_answered(copied, acked, ctx);
        }
    }

    pub(super) fn copy_answered(&mut self, copied: Copied, acked: bool, ctx: &mut Ctx<'_, Mq>) {
        let msg = copied.msg;
        ctx.note(if acked { Note::Confirmed { msg } } else { Note::Refused { msg } });
        let Some(by) = copied.by else { return };
        if acked && !copied.returned {
            self.resume(by, Awaits::Confirm, ctx);
        } else if self.is_waiting(by) {
            self.stage_failed(by.slot, Failure::Downstream, ctx);
        }
    }

    pub(super) fn returned(&mut self, message: &Message, ctx: &mut Ctx<'_, Mq>) {
        ctx.note(Note::Returned { msg: message.id });
        let mut all = self.copies.iter_mut();
        let its = all.find(|(_, it)| (it.msg, it.copy) == (message.id, message.copy));
        if let Some((_, copied)) = its {
            copied.returned = true;
        }
    }
}
