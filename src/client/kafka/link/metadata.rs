//! What a client knows of the cluster, and how it comes to know it.

use std::sync::Arc;

use super::peer::{Lane, Phase, Purpose};
use super::{Coordinated, Event, Link, backoff};
use crate::kernel::{Ctx, NodeId, Time};
use crate::talk::kafka::{Api, Code, Image};
use crate::talk::{KafkaClientTimer, Mq, Timer};

/// Metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Metadata {
    image: Option<Arc<Image>>,
    /// It is needed.
    wanted: bool,
    /// The question is under way.
    asked: bool,
    /// It is not asked for again before.
    not_before: Time,
    /// It is too old from then on.
    stale_at: Time,
    /// How often in a row it was asked for, and nobody had anything new to say.
    in_vain: u32,
}

impl Metadata {
    pub(super) fn image(&self) -> Option<&Arc<Image>> {
        self.image.as_ref()
    }
}

/// Looking for a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lookup {
    pub(super) of: Coordinated,
    pub(super) found: Option<NodeId>,
    wanted: bool,
    asked: bool,
    not_before: Time,
    in_vain: u32,
}

impl<T: Clone> Link<T> {
    /// Asks for metadata, and from now on keeps them fresh. They are asked for as soon as the
    /// back-off allows, and until somebody answers.
    pub fn refresh(&mut self, ctx: &mut Ctx<'_, Mq>) {
        if !self.metadata.wanted {
            self.metadata.wanted = true;
            self.inquire(ctx);
        }
    }

    /// Looks for a coordinator that is not known, until it is found.
    pub fn look_for(&mut self, of: Coordinated, ctx: &mut Ctx<'_, Mq>) {
        let at = self.lookup(of);
        let lookup = &mut self.lookups[at];
        if lookup.found.is_none() && !lookup.wanted {
            lookup.wanted = true;
            self.inquire(ctx);
        }
    }

    /// A coordinator turned out not to be it: it is not known any more.
    pub fn forget_coordinator(&mut self, of: Coordinated) {
        let at = self.lookup(of);
        self.lookups[at].found = None;
    }

    fn lookup(&mut self, of: Coordinated) -> usize {
        self.lookups.iter().position(|lookup| lookup.of == of).unwrap_or_else(|| {
            self.lookups.push(Lookup {
                of,
                found: None,
                wanted: false,
                asked: false,
                not_before: Time::ZERO,
                in_vain: 0,
            });
            self.lookups.len() - 1
        })
    }

    // ── asking ──

    /// Asks whatever is to be asked, if it is time and somebody can be asked.
    pub(super) fn inquire(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        let due =
            |wanted: bool, asked: bool, not_before: Time| wanted && !asked && not_before <= now;
        let Metadata { asked, not_before, stale_at, .. } = self.metadata;
        if self.metadata.image.is_some() && stale_at <= now {
            self.metadata.wanted = true;
        }
        if due(self.metadata.wanted, asked, not_before)
            && let Some(broker) = self.somebody(ctx)
        {
            self.metadata.asked = true;
            let timeout = self.config.request_timeout;
            self.submit(broker, Lane::Main, Purpose::Metadata, Api::Metadata, timeout, ctx);
        }
        for at in 0..self.lookups.len() {
            let Lookup { of, wanted, asked, not_before, .. } = self.lookups[at];
            if due(wanted, asked, not_before)
                && let Some(broker) = self.somebody(ctx)
            {
                self.lookups[at].asked = true;
                let api = match of {
                    Coordinated::Group(group) => Api::FindGroupCoordinator(group),
                    Coordinated::Txn(txn) => Api::FindTxnCoordinator(txn),
                };
                let timeout = self.config.request_timeout;
                self.submit(broker, Lane::Main, Purpose::Coordinator(of), api, timeout, ctx);
            }
        }
        self.wake_up(ctx);
    }

    /// Arms the timer for what is to be asked later.
    fn wake_up(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let now = ctx.now;
        let Metadata { image, wanted, asked, not_before, stale_at, .. } = &self.metadata;
        let stale = (image.is_some() && !wanted && !asked).then_some(*stale_at);
        let again = (*wanted && !asked).then_some(*not_before);
        let lookups = self.lookups.iter().filter(|it| it.wanted && !it.asked);
        let next = lookups.map(|it| it.not_before).chain(stale).chain(again);
        // What is due by now waits for a connection, not for the clock.
        if let Some(next) = next.filter(|next| *next > now).min() {
            ctx.arm(Timer::KafkaClient(KafkaClientTimer::Metadata), next.since(now));
        }
    }

    /// A broker that can be asked anything: connected, and the least busy of those. If there is no
    /// connection at all, one is made.
    ///
    /// Source: `NetworkClient.leastLoadedNode` of Apache Kafka 4.1.1, which begins its search at a
    /// random broker; KafkaJS takes any connected one (`findConnectedBroker`).
    fn somebody(&mut self, ctx: &mut Ctx<'_, Mq>) -> Option<NodeId> {
        let main = Lane::Main as usize;
        let up = self.peers.iter().filter(|peer| peer.lanes[main].phase == Phase::Up);
        let busy = |of: &super::Peer<T>| {
            if self.is_kafkajs() { 0 } else { of.lanes[main].in_flight.len() }
        };
        let least = up.clone().map(busy).min();
        let up: Vec<NodeId> =
            up.filter(|peer| Some(busy(peer)) == least).map(|peer| peer.node).collect();
        match up[..] {
            [] => {
                self.reach_out(ctx);
                None
            }
            [only] => Some(only),
            _ => {
                let site = self.site("broker to ask", ctx);
                up.get(ctx.choose(site, up.len() as u32) as usize).copied()
            }
        }
    }

    /// Begins to connect with some broker, unless that is under way.
    fn reach_out(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let main = Lane::Main as usize;
        if self.peers.iter().any(|peer| peer.lanes[main].phase == Phase::Opening) {
            return;
        }
        let mut known = self.config.bootstrap.clone();
        if let Some(image) = &self.metadata.image {
            let active = image.brokers.iter().filter(|broker| !broker.fenced);
            known.extend(active.map(|broker| broker.node));
            known.sort_unstable();
            known.dedup();
        }
        // those whose last attempts went wrong least often
        let failures = |link: &Link<T>, node: NodeId| match link.find(node) {
            Some(at) if link.peers[at].alone_until.is_some() => None,
            Some(at) => Some(link.peers[at].failures),
            None => Some(0),
        };
        let least = known.iter().filter_map(|node| failures(self, *node)).min();
        known.retain(|node| least.is_some() && failures(self, *node) == least);
        let at = match known.len() {
            0 => return,
            1 => 0,
            _ => {
                let site = self.site("broker to connect with", ctx);
                ctx.choose(site, known.len() as u32) as usize
            }
        };
        if let Some(node) = known.get(at) {
            let peer = self.peer(*node);
            self.open(peer, Lane::Main, ctx);
        }
    }

    // ── answers ──

    pub(super) fn learn(&mut self, image: Arc<Image>, ctx: &mut Ctx<'_, Mq>) {
        let known = self.metadata.image.as_ref().map(|image| image.version);
        let newer = known.is_none_or(|known| known < image.version);
        self.metadata.in_vain = if newer { 0 } else { self.metadata.in_vain.saturating_add(1) };
        // A broker that lags behind must not take back what is known: Java compares leader epochs.
        if newer {
            self.metadata.image = Some(image);
        }
        self.metadata.wanted = false;
        self.metadata.asked = false;
        self.metadata.stale_at = ctx.now + self.config.metadata_max_age;
        self.metadata_later(ctx);
        self.events.push_back(Event::Metadata);
        self.wake_up(ctx);
    }

    /// Not again at once. Java backs off further the more answers in a row tell nothing new
    /// (KIP-580); KafkaJS asks whenever a retry makes it, which backs off by itself.
    fn metadata_later(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.metadata.not_before = ctx.now;
        if !self.is_kafkajs() || self.metadata.wanted {
            let site = self.site("metadata back-off", ctx);
            let attempt = self.metadata.in_vain;
            self.metadata.not_before =
                ctx.now + backoff::exponential(&self.config.retry, attempt, site, ctx);
        }
    }

    pub(super) fn metadata_failed(&mut self, ctx: &mut Ctx<'_, Mq>) {
        self.metadata.asked = false;
        self.metadata.wanted = true;
        self.metadata_later(ctx);
        self.metadata.in_vain = self.metadata.in_vain.saturating_add(1);
        self.events.push_back(Event::MetadataFailed);
        self.wake_up(ctx);
    }

    /// An attempt to connect failed. Whoever waits for metadata has waited in vain if it was the only
    /// attempt.
    pub(super) fn nobody_there(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let main = Lane::Main as usize;
        let hope = self.peers.iter().any(|peer| peer.lanes[main].phase != Phase::Down);
        if self.metadata.wanted && !self.metadata.asked && !hope {
            self.metadata_failed(ctx);
        }
        let waits = |it: &Lookup| it.wanted && !it.asked && it.not_before <= ctx.now;
        let waiting: Vec<Coordinated> =
            self.lookups.iter().filter(|it| !hope && waits(it)).map(|it| it.of).collect();
        for of in waiting {
            self.lookup_failed(of, ctx);
        }
    }

    pub(super) fn coordinator_answered(
        &mut self,
        of: Coordinated,
        found: Result<NodeId, Code>,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        let at = self.lookup(of);
        let lookup = &mut self.lookups[at];
        lookup.asked = false;
        match found {
            Ok(broker) => {
                lookup.found = Some(broker);
                (lookup.wanted, lookup.in_vain) = (false, 0);
            }
            Err(code) if code.is_retriable() => self.lookup_failed(of, ctx),
            Err(_) => lookup.wanted = false,
        }
        self.events.push_back(Event::Coordinator { of, found });
    }

    pub(super) fn lookup_failed(&mut self, of: Coordinated, ctx: &mut Ctx<'_, Mq>) {
        let at = self.lookup(of);
        let attempt = self.lookups[at].in_vain;
        let site = self.site("coordinator back-off", ctx);
        let wait = backoff::exponential(&self.config.retry, attempt, site, ctx);
        let lookup = &mut self.lookups[at];
        lookup.asked = false;
        lookup.wanted = true;
        lookup.in_vain = attempt.saturating_add(1);
        lookup.not_before = ctx.now + wait;
        self.wake_up(ctx);
    }
}
