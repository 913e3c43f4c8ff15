//! From the books to verdicts: what is said at the end of a run.

use super::breaches::Breaches;
use super::class::{Class, Point};
use super::classes::Open;
use super::ledger::Ledger;
use super::verdict::{End, Guarantee, How, Judged, Reason, Verdict, Verdicts};
use crate::kernel::{Monitor, Seen, Time, Verdict as Kernel};
use crate::talk::Note;

impl Ledger {
    /// Judges a run that ended like this.
    pub fn verdicts(&self, end: &End) -> Verdicts {
        let mut found = self.breaches.clone();
        let open = self.judge_end(end, &mut found);
        if let Some(breach) = found.at_mut(Class::PoisonLoop, Point::Delivery)
            && let Some(msg) = breach.msg
        {
            breach.how = How::Deliveries(self.deliveries(msg));
        }
        let judged = Class::ALL.into_iter().filter(|&class| self.is_judged(class));
        let classes =
            judged.map(|class| Judged { class, verdict: self.say(class, &found, &open) }).collect();
        Verdicts { classes, table: self.table(&found, &open) }
    }

    /// Whether anything is said of a class: the rules want it, and there is what it is about.
    fn is_judged(&self, class: Class) -> bool {
        let logs = self.streams.any();
        let queues = !logs || !self.queues.is_empty();
        self.rules.judges(class) && (logs || !class.of_logs()) && (queues || !class.of_queues())
    }

    fn say(&self, class: Class, found: &Breaches, open: &Open) -> Verdict {
        match (found.first(class), class) {
            (Some(breach), _) => Verdict::Violated(*breach),
            (None, Class::Stuck) => open.reason().map_or(Verdict::Holds, Verdict::Undecided),
            (None, Class::LostAcknowledged) => safe(open),
            (None, Class::Unbounded) if !self.bounded() => Verdict::Undecided(Reason::NoBound),
            (None, _) => Verdict::Holds,
        }
    }

    /// What a class says at one point; `None` when it is not judged.
    fn at(&self, class: Class, point: Point, found: &Breaches) -> Option<Verdict> {
        let judged = self.is_judged(class);
        let verdict = || found.at(class, point).map_or(Verdict::Holds, |it| Verdict::Violated(*it));
        judged.then(verdict)
    }

    fn table(&self, found: &Breaches, open: &Open) -> [[Option<Verdict>; 4]; 4] {
        let mut table: [[Option<Verdict>; 4]; 4] = Default::default();
        let mut kept: Option<Verdict> = None;
        for point in Point::ALL {
            let at = point as usize;
            let repeated = match point {
                Point::Ack => None,
                Point::Log => self.at(Class::DuplicateLog, point, found),
                Point::Delivery => self.at(Class::DuplicateDelivery, point, found),
                Point::Effect => self.at(Class::DuplicateEffect, point, found),
            };
            // what is lost at one point is missing at all that follow
            let mut lost = [
                self.at(Class::LostAcknowledged, point, found),
                self.at(Class::DeadLetterLoss, point, found),
                self.at(Class::LostToGroup, point, found),
                (point == Point::Delivery && self.rules.judges(Class::LostAcknowledged))
                    .then(|| safe(open)),
                (point == Point::Effect && self.rules.judges(Class::Stuck))
                    .then(|| self.say(Class::Stuck, found, open)),
            ];
            let here = lost.iter_mut().filter_map(Option::take).reduce(Verdict::and);
            kept = both(kept, here);
            table[Guarantee::AtMostOnce as usize][at] = repeated.clone();
            table[Guarantee::AtLeastOnce as usize][at] = kept.clone();
            if let (Some(repeated), Some(kept)) = (repeated, kept.clone()) {
                table[Guarantee::ExactlyOnce as usize][at] = Some(repeated.and(kept));
            }
            if point != Point::Ack {
                table[Guarantee::Order as usize][at] = self.at(Class::Reordered, point, found);
            }
        }
        table
    }
}

fn safe(open: &Open) -> Verdict {
    match open.unsafe_one {
        Some(msg) => Verdict::Undecided(Reason::InFlight { messages: 1, msg }),
        None => Verdict::Holds,
    }
}

fn both(a: Option<Verdict>, b: Option<Verdict>) -> Option<Verdict> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.and(b)),
        (a, b) => a.or(b),
    }
}

/// For hunts and for exhaustive exploration: broken as soon as any judged class is.
impl Monitor<Note> for Ledger {
    fn observe(&mut self, seen: Seen<'_, Note>) {
        Ledger::observe(self, seen);
    }

    fn verdict(&self, settled: bool) -> Kernel {
        if let Some(first) = self.breaches().first() {
            return Kernel::Violated(first.step);
        }
        if !settled {
            return Kernel::Undecided;
        }
        let end = End { at: Time::MAX, healed: true, quiet: true, ..End::default() };
        let verdicts = self.verdicts(&end);
        match verdicts.breaches().first() {
            Some(breach) => Kernel::Violated(breach.step),
            None => Kernel::Holds,
        }
    }
}
