//! Running a scenario and judging what happened.

use super::expect::Met;
use super::{Problem, Scenario};
use crate::check::{Audit, End, Outcome};
use crate::kernel::{Health, Span, Watch};
use crate::system::{Fault, Timeline};
use crate::talk::Mq;

/// A run takes at most so many steps, unless somebody says otherwise.
pub const MOST_STEPS: u64 = 1_000_000_000;

/// How much memory a run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How many messages can be submitted until the horizon.
    pub messages: u64,
    /// Bytes for a run that is only judged.
    pub judged: u64,
    /// Bytes for a run that is recorded, as the player needs it.
    pub recorded: u64,
}

/// Bytes that a message costs while a run is judged: what the ledger knows of it, and its copies
/// in queues and clients.
const JUDGED: u64 = 300;
/// Bytes that a message costs in a recorded run: about 20 steps and notes.
const RECORDED: u64 = 2_000;

impl Scenario {
    /// How much memory a run needs at most, roughly.
    pub fn estimate(&self) -> Estimate {
        let horizon = self.horizon();
        let mut messages: u64 = 0;
        for producer in super::producers(self.tree()) {
            let instances = producer.number::<u64>("instances");
            let most = producer.number::<u64>("messages");
            let gap = producer.dist("rate").map(|dist| dist.mean()).filter(|gap| !gap.is_zero());
            let in_time = match gap {
                Some(gap) if producer.text("pace") == Some("rate") => fits(gap, horizon),
                _ => u64::MAX,
            };
            messages = messages.saturating_add(most.min(in_time).saturating_mul(instances));
        }
        Estimate {
            messages,
            judged: messages.saturating_mul(JUDGED),
            recorded: messages.saturating_mul(RECORDED),
        }
    }

    /// Why a run, or several at once, cannot be had: they need about `bytes` of memory, and there is
    /// only `room`. `None` when that is enough.
    pub fn too_heavy(&self, bytes: u64, room: u64) -> Option<Problem> {
        if bytes <= room {
            return None;
        }
        let producers = super::producers(self.tree());
        let largest = producers.max_by_key(|table| {
            table.number::<u64>("messages").saturating_mul(table.number("instances"))
        })?;
        let title =
            format!("this would take about {} of memory, and {} are free", size(bytes), size(room));
        Some(
            Problem::error(largest.spot_of("messages"), title)
                .label(format!("up to {} messages in a run", self.estimate().messages))
                .help("lower `messages` or `rate`, shorten `horizon`, or use fewer `--jobs`"),
        )
    }

    /// Runs once and judges, storing nothing. `watch` sees everything.
    pub fn judge_with(&self, seed: u64, most: u64, watch: &mut impl Watch<Mq>) -> Outcome {
        let mut audit = Audit::new(self.rules().clone());
        let system = self.system();
        let setup = system.seeded(seed);
        let mut both = (&mut audit, watch);
        let mut timeline = Timeline::new(&setup, &mut both);
        let taken = timeline.run(system.horizon, most, &mut both);
        let end = self.end(&timeline, taken == most);
        audit.finish(end, self.cast())
    }

    /// Runs once and judges, storing nothing.
    pub fn judge(&self, seed: u64) -> Outcome {
        self.judge_with(seed, MOST_STEPS, &mut ())
    }

    /// How a run ended that has come to `timeline`. `cut_off` says that the limit on steps ended it.
    pub fn end(&self, timeline: &Timeline, cut_off: bool) -> End {
        let system = self.system();
        let (world, until) = (timeline.world(), system.horizon);
        let quiet = timeline.next_due().is_none();
        let up = world.nodes().all(|(id, _)| world.health(id) == Health::Up);
        let whole = self.cuts().all(|link| !world.is_cut(link));
        let served = world
            .nodes()
            .all(|(_, node)| !node.as_service().is_some_and(|service| service.is_out()));
        let submitted = world.nodes().all(|(_, node)| {
            let rabbit = node.as_producer().map(|it| (it.submitted(), it.config().messages));
            let kafka = node.as_kafka_producer().map(|it| (it.submitted(), it.config().messages));
            rabbit.or(kafka).is_none_or(|(submitted, messages)| submitted >= messages)
        });
        End {
            at: if cut_off { world.now() } else { until },
            step: world.steps(),
            healed: !cut_off && up && whole && served && submitted,
            quiet: !cut_off && quiet,
            waiting: timeline.waiting().collect(),
        }
    }

    /// Links that some fault cuts.
    fn cuts(&self) -> impl Iterator<Item = crate::kernel::Link> {
        let setup = &self.system().setup;
        let planned = setup.plan.iter().map(|planned| &planned.fault);
        let triggered =
            setup.triggers.iter().flat_map(|it| it.faults.iter().map(|(_, fault)| fault));
        planned.chain(triggered).filter_map(|fault| match fault {
            Fault::Cut(link) => Some(*link),
            _ => None,
        })
    }

    /// Whether everything that is expected was met: `No` when one expectation was not, `Undecided`
    /// when the run does not say about one.
    pub fn met(&self, outcome: &Outcome) -> Met {
        let all = self.expectations().iter().map(|expected| expected.met(outcome));
        all.max().unwrap_or(Met::Yes)
    }
}

/// So many bytes in words: `279 GB`, `12 MB`.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{} MB", bytes.div_ceil(1_000_000)),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// How many gaps fit into `horizon`.
fn fits(gap: Span, horizon: Span) -> u64 {
    (horizon.as_nanos() / gap.as_nanos()).saturating_add(1)
}
