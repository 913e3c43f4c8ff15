//! What a producer learns about what it published.

use super::{Pending, Producer};
use crate::kernel::Ctx;
use crate::talk::{ClientTimer, Message, MessageId, Mq, Note, Timer};

impl Producer {
    pub(super) fn confirmed(
        &mut self,
        tag: u64,
        multiple: bool,
        acked: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        while let Some((tag, pending)) = self.on_the_wire.next_answered(tag, multiple) {
            self.settle_publish(tag, pending, acked, ctx);
        }
        self.fill(ctx);
    }

    pub(super) fn settle_publish(
        &mut self,
        tag: u64,
        pending: Pending,
        acked: bool,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        if self.config.confirm_timeout.is_some() {
            ctx.disarm(Timer::Client(ClientTimer::ConfirmTimeout(tag)));
        }
        let msg = self.id(pending);
        if acked {
            ctx.note(Note::Confirmed { msg });
            if pending.returned {
                self.again(pending, self.config.on_return, false, ctx);
            }
        } else {
            ctx.note(Note::Refused { msg });
            self.again(pending, self.config.on_nack, false, ctx);
        }
    }

    pub(super) fn returned(&mut self, message: &Message, ctx: &mut Ctx<'_, Mq>) {
        ctx.note(Note::Returned { msg: message.id });
        let number = message.id.0.wrapping_sub(self.config.first_id.0);
        if self.config.confirm {
            // The confirm of a returned message follows, and decides.
            let mut all = self.on_the_wire.iter_mut();
            let its = all.find(|(_, it)| (it.number, it.copy) == (number, message.copy));
            if let Some((_, pending)) = its {
                pending.returned = true;
            }
        } else if let Some(at) = self.publications.iter().position(|it| *it == message.publication)
        {
            let (publication, copy) = (at as u32, message.copy);
            let pending = Pending { number, publication, copy, returned: true };
            self.again(pending, self.config.on_return, false, ctx);
        }
    }

    pub(super) fn answered(&mut self, msg: MessageId, ctx: &mut Ctx<'_, Mq>) {
        let number = msg.0.wrapping_sub(self.config.first_id.0);
        let at = self.unanswered.iter().position(|pending| pending.number == number);
        ctx.note(Note::Answered { msg, late: at.is_none() });
        if let Some(at) = at {
            self.unanswered.remove(at);
            ctx.disarm(Timer::Client(ClientTimer::ReplyTimeout(number.into())));
            self.fill(ctx);
        }
    }

    pub(super) fn no_answer(&mut self, number: u64, ctx: &mut Ctx<'_, Mq>) {
        let at = self.unanswered.iter().position(|pending| u64::from(pending.number) == number);
        if let (Some(at), Some(rpc)) = (at, &self.config.rpc) {
            let on_timeout = rpc.on_timeout;
            if let Some(pending) = self.unanswered.remove(at) {
                self.again(pending, on_timeout, true, ctx);
            }
            self.fill(ctx);
        }
    }
}
