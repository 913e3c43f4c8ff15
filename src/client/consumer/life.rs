//! How a process comes and goes: it starts, joins, leaves in an orderly way, or kills itself.

use super::{Awaits, Consumer};
use crate::client::connection::{CHANNEL, request};
use crate::client::handler::Handler;
use crate::client::outstanding::Outstanding;
use crate::kernel::{Ctx, Site};
use crate::talk::{ClientTimer, Method, Mq, Timer};

impl<H: Handler> Consumer<H> {
    pub(super) fn start(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.dead = false;
        self.lives = self.lives.saturating_add(1);
        if self.joined {
            self.session.connect(&self.config.connection, ctx);
        }
    }

    pub(super) fn join(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.joined = true;
        if !self.dead && !self.leaving {
            self.session.connect(&self.config.connection, ctx);
        }
    }

    /// Takes no more deliveries, finishes the handlers that have begun, and then closes the
    /// connection, which returns the rest to the queue.
    pub(super) fn leave(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.joined {
            return;
        }
        self.joined = false;
        self.leaving = true;
        self.waiting.clear();
        if self.session.is_up() {
            let consumer_tag = self.config.consumer_tag.clone();
            self.asked.push_back(None);
            ctx.send(
                self.session.broker(&self.config.connection),
                request(CHANNEL, Method::Cancel { consumer_tag }),
            );
        }
    }

    pub(super) fn leave_now(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.leaving = false;
        if !self.session.is_down() {
            let broker = self.session.broker(&self.config.connection);
            ctx.send(broker, request(0, Method::Close));
            ctx.close(broker);
        }
        self.session.leave(&self.config.connection, ctx);
        if self.joined {
            self.session.connect(&self.config.connection, ctx);
        }
    }

    /// The process kills itself. The operating system closes its connections.
    pub(super) fn die(&mut self, ctx: &mut Ctx<'_, Mq>) {
        for (slot, run) in self.runs.iter() {
            ctx.disarm(Timer::Client(ClientTimer::Handler(slot.into())));
            if run.awaits == Awaits::Call
                && let Some(at) = run.calls()
            {
                ctx.close(at);
            }
        }
        if !self.session.is_down() {
            ctx.close(self.session.broker(&self.config.connection));
        }
        self.session.vanish(ctx);
        self.forget();
        self.dead = true;
        if let Some(respawn) = self.config.respawn {
            let site = Site::new("respawn", u64::from(ctx.me.0)).nth(u64::from(self.lives));
            let after = ctx.span(site, &respawn);
            ctx.arm(Timer::Client(ClientTimer::Respawn), after);
        }
    }

    /// The memory of the process is gone.
    pub(super) fn forget(&mut self) {
        self.session.reset();
        self.handler.forget();
        self.waiting.clear();
        self.runs.clear();
        self.copies = Outstanding::default();
        self.asked.clear();
        self.failures.clear();
        self.redeliveries = 0;
        self.declared.clear();
        self.leaving = false;
    }
}
