//! Where a consumer stands in each of its partitions.
//!
//! Sources: Apache Kafka 4.1.1 `SubscriptionState`, `OffsetFetcher`,
//! `OffsetsForLeaderEpochUtils`; KafkaJS 2.2.4 `src/consumer/offsetManager/index.js`.

use super::member::Ask;
use super::{KafkaConsumer, Reset};
use crate::client::handler::Handler;
use crate::client::kafka::link::Lane;
use crate::kernel::{Ctx, NodeId, Time};
use crate::talk::kafka::{Api, Code, Each, EpochEnd, ListOffset, Moved, Offset, TopicPartition};
use crate::talk::{KafkaNote, Mq, Note, SeekTo};

/// One partition of a consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Which partition.
    pub at: TopicPartition,
    /// It is not fetched, and what was fetched of it waits.
    pub paused: bool,
    /// The application has paused it until then, after seeking back.
    pub(super) rests_until: Option<Time>,
    /// Names the time since it was last moved.
    pub(super) moves: u32,
    pub(super) known: Known,
    /// The next offset to hand to the application.
    pub(super) position: Offset,
    /// The next offset to fetch.
    pub(super) fetches: Offset,
    /// What a commit would commit, unless that is committed: the position, what was handed over, or
    /// what was handled, as the client has it.
    pub(super) stored: Option<Offset>,
    /// What is committed, as far as it knows.
    pub(super) committed: Option<Offset>,
    /// The epoch of the last batch that was read.
    pub(super) read_epoch: Option<u32>,
    /// The epoch of the leader in which the position was last found to be in the log.
    pub(super) valid_in: u32,
}

/// How far the position of a partition is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Known {
    /// Not at all: what is committed must be asked for.
    Nothing,
    /// What is committed has been asked for.
    AskedCommitted,
    /// It must be reset: to where, and why.
    Reset(ListOffset, Moved),
    /// The leader has been asked where that is.
    AskedEnd(Moved),
    /// There is a new leader: it may not have what was read (KIP-320).
    Doubted,
    /// The leader has been asked about the epoch.
    AskedEpoch,
    /// The position is known.
    Here,
}

impl Place {
    pub(super) fn new(at: TopicPartition, moves: u32) -> Place {
        Place {
            at,
            paused: false,
            rests_until: None,
            moves,
            known: Known::Nothing,
            position: 0,
            fetches: 0,
            stored: None,
            committed: None,
            read_epoch: None,
            valid_in: 0,
        }
    }

    /// The next offset that the application gets, once it is known.
    pub fn position(&self) -> Option<Offset> {
        matches!(self.known, Known::Here | Known::Doubted | Known::AskedEpoch)
            .then_some(self.position)
    }

    /// What is committed, as far as the consumer knows.
    pub fn committed(&self) -> Option<Offset> {
        self.committed
    }

    /// Whether it is not fetched at present.
    pub fn is_paused(&self) -> bool {
        self.paused || self.rests_until.is_some()
    }

    fn stands(&mut self, offset: Offset) {
        self.position = offset;
        self.fetches = offset;
        self.known = Known::Here;
    }

    /// What was read up to here.
    pub(super) fn read(&mut self, position: Offset, epoch: Option<u32>) {
        self.position = position;
        self.read_epoch = epoch.or(self.read_epoch);
    }

    /// What a commit has to say.
    pub(super) fn uncommitted(&self) -> Option<(TopicPartition, Option<Offset>)> {
        (self.stored.is_some() && self.stored != self.committed).then_some((self.at, self.stored))
    }
}

impl<H: Handler> KafkaConsumer<H> {
    /// Moves a place, so that what was fetched for it before is not looked at any more.
    pub(super) fn move_to(
        &mut self,
        at: TopicPartition,
        offset: Offset,
        why: Moved,
        ctx: &mut Ctx<'_, Mq>,
    ) {
        self.moves = self.moves.wrapping_add(1);
        self.fetching.look = true;
        let (group, moves) = (self.config.group, self.moves);
        self.fetched.retain(|chunk| chunk.at != at);
        let Some(place) = self.place_mut(at) else { return };
        place.moves = moves;
        place.stands(offset);
        ctx.note(Note::Kafka(KafkaNote::PositionMoved { group, at, offset, why }));
    }

    /// An operator, or the application, moves all places.
    pub(super) fn seek_all(&mut self, to: SeekTo, ctx: &mut Ctx<'_, Mq>) {
        let places: Vec<TopicPartition> = self.places.iter().map(|place| place.at).collect();
        for at in places {
            let to = match to {
                SeekTo::Offset(offset) => {
                    self.move_to(at, offset, Moved::Seek, ctx);
                    if let Some(place) = self.place_mut(at) {
                        place.stored = Some(offset);
                    }
                    continue;
                }
                SeekTo::Beginning => ListOffset::Earliest,
                SeekTo::End => ListOffset::Latest,
                SeekTo::Time(time) => ListOffset::At(time),
            };
            self.reset(at, to, Moved::Seek);
        }
    }

    fn reset(&mut self, at: TopicPartition, to: ListOffset, why: Moved) {
        self.moves = self.moves.wrapping_add(1);
        self.fetching.look = true;
        let moves = self.moves;
        self.fetched.retain(|chunk| chunk.at != at);
        if let Some(place) = self.place_mut(at) {
            place.moves = moves;
            place.known = Known::Reset(to, why);
        }
    }

    /// Goes by `auto.offset.reset`. Returns false when that is `none`, of which the application dies.
    pub(super) fn reset_by_policy(
        &mut self,
        at: TopicPartition,
        why: Moved,
        ctx: &mut Ctx<'_, Mq>,
    ) -> bool {
        match self.config.reset {
            Reset::Earliest => self.reset(at, ListOffset::Earliest, why),
            Reset::Latest => self.reset(at, ListOffset::Latest, why),
            Reset::None => {
                self.give_up(ctx);
                return false;
            }
        }
        true
    }

    /// Asks for every position that is not known. Returns whether all are.
    pub(super) fn locate(&mut self, ctx: &mut Ctx<'_, Mq>) -> bool {
        let mut all = true;
        let (mut committed, mut later) = (Vec::new(), false);
        for place in &mut self.places {
            if place.known == Known::Here
                && let Some((_, epoch)) = self.link.leader(place.at)
                && epoch != place.valid_in
            {
                // nothing was read so far, or KafkaJS: there is nothing to compare
                let compares = place.read_epoch.is_some_and(|read| read < epoch);
                place.valid_in = epoch;
                if compares && self.config.client.consumer.max_poll_interval.is_some() {
                    place.known = Known::Doubted;
                }
            }
            match place.known {
                Known::Here => {}
                Known::Nothing => {
                    committed.push(place.at);
                    all = false;
                }
                Known::Reset(..) | Known::Doubted => {
                    later = true;
                    all = false;
                }
                _ => all = false,
            }
        }
        if !committed.is_empty() {
            self.ask_committed(committed, ctx);
        }
        if later {
            self.ask_leaders(ctx);
        }
        all
    }

    fn ask_committed(&mut self, partitions: Vec<TopicPartition>, ctx: &mut Ctx<'_, Mq>) {
        let asked = partitions.clone();
        let require_stable = !self.is_kafkajs(); // which speaks versions 1 to 4
        let api = Api::OffsetFetch { group: self.config.group, require_stable, partitions };
        if self.ask_coordinator(Ask::Committed, api, ctx) {
            for place in self.places.iter_mut().filter(|place| asked.contains(&place.at)) {
                place.known = Known::AskedCommitted;
            }
        }
    }

    /// Asks the leaders where logs begin and end, and whether they have what was read.
    fn ask_leaders(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let mut leaders: Vec<NodeId> =
            self.places.iter().filter_map(|it| Some(self.link.leader(it.at)?.0)).collect();
        leaders.sort_unstable();
        leaders.dedup();
        let leaderless = self.places.iter().any(|it| self.link.leader(it.at).is_none());
        if leaderless {
            self.link.refresh(ctx);
        }
        for leader in leaders {
            let (mut ends, mut epochs) = (Vec::new(), Vec::new());
            for place in &mut self.places {
                if self.link.leader(place.at).is_none_or(|(node, _)| node != leader) {
                    continue;
                }
                match (place.known, place.read_epoch) {
                    (Known::Reset(to, why), _) => {
                        ends.push((place.at, to));
                        place.known = Known::AskedEnd(why);
                    }
                    (Known::Doubted, Some(epoch)) => {
                        epochs.push((place.at, epoch));
                        place.known = Known::AskedEpoch;
                    }
                    _ => {}
                }
            }
            if !ends.is_empty() {
                let isolation = self.config.isolation;
                let api = Api::ListOffsets { isolation, partitions: ends };
                self.link.send(leader, Lane::Main, Ask::Ends, api, None, ctx);
            }
            if !epochs.is_empty() {
                let api = Api::OffsetForLeaderEpoch(epochs);
                self.link.send(leader, Lane::Main, Ask::Epochs, api, None, ctx);
            }
        }
    }

    // ── answers ──

    /// What is committed. Returns the error, if it is one.
    pub(super) fn on_committed(
        &mut self,
        answer: Result<Each<Option<Offset>>, Code>,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Option<Code> {
        let each = match answer {
            Ok(each) => each,
            Err(code) => {
                self.forget_question(Known::AskedCommitted, Known::Nothing);
                if matches!(code, Code::NotCoordinator | Code::CoordinatorNotAvailable) {
                    self.link.forget_coordinator(self.group());
                }
                return Some(code);
            }
        };
        let mut error = None;
        for (at, committed) in each {
            let waits = |place: &Place| place.known == Known::AskedCommitted;
            if !self.place(at).is_some_and(waits) {
                continue;
            }
            match committed {
                Ok(Some(offset)) => {
                    self.move_to(at, offset, Moved::Committed, ctx);
                    if let Some(place) = self.place_mut(at) {
                        place.committed = Some(offset);
                        place.stored = Some(offset);
                    }
                }
                Ok(None) => {
                    if !self.reset_by_policy(at, Moved::Nothing, ctx) {
                        return None;
                    }
                }
                Err(code) => {
                    // UNSTABLE_OFFSET_COMMIT: a transaction has to end first (KIP-447)
                    if let Some(place) = self.place_mut(at) {
                        place.known = Known::Nothing;
                    }
                    error = Some(code);
                }
            }
        }
        error
    }

    pub(super) fn on_ends(
        &mut self,
        answer: Each<(Offset, u32)>,
        ctx: &mut Ctx<'_, Mq>,
    ) -> Option<Code> {
        let mut error = None;
        for (at, found) in answer {
            let Some(Known::AskedEnd(why)) = self.place(at).map(|place| place.known) else {
                continue;
            };
            match found {
                Ok((offset, _)) => {
                    self.move_to(at, offset, why, ctx);
                    let (kafkajs, stores) = (self.is_kafkajs(), self.config.auto_store);
                    if let Some(place) = self.place_mut(at) {
                        // KafkaJS takes it for committed; the others commit where they stand, unless
                        // it is the application that says what it has handled
                        place.stored = Some(offset).filter(|_| stores);
                        if kafkajs {
                            place.committed = Some(offset);
                        }
                    }
                }
                Err(code) => {
                    error = Some(code);
                    self.reset_by_policy(at, why, ctx);
                    self.link.refresh(ctx);
                }
            }
        }
        error
    }

    /// Whether the new leader has what was read. If its log ends before, the consumer goes back to
    /// where it ends for the epoch of what was read last.
    ///
    /// Source: `SubscriptionState.maybeCompleteValidation` of Apache Kafka 4.1.1.
    pub(super) fn on_epochs(&mut self, answer: Each<EpochEnd>, ctx: &mut Ctx<'_, Mq>) {
        for (at, end) in answer {
            let Some(place) = self.place_mut(at) else { continue };
            if place.known != Known::AskedEpoch {
                continue;
            }
            match end {
                Ok(EpochEnd { end, .. }) if end < place.position => {
                    place.stored = Some(end);
                    if self.config.reset == Reset::None {
                        return self.give_up(ctx); // LogTruncationException
                    }
                    self.move_to(at, end, Moved::Truncation, ctx);
                }
                Ok(_) => place.known = Known::Here,
                Err(_) => {
                    place.known = Known::Doubted;
                    self.link.refresh(ctx);
                }
            }
        }
    }

    /// There will be no answer: what was asked is to be asked again.
    pub(super) fn forget_question(&mut self, asked: Known, again: Known) {
        for place in self.places.iter_mut().filter(|place| place.known == asked) {
            place.known = again;
        }
    }

    /// No answer from leaders about ends and epochs.
    pub(super) fn leader_silent(&mut self, ctx: &mut Ctx<'_, Mq>) {
        let asked: Vec<(TopicPartition, Moved)> = self
            .places
            .iter()
            .filter_map(|place| match place.known {
                Known::AskedEnd(why) => Some((place.at, why)),
                _ => None,
            })
            .collect();
        for (at, why) in asked {
            self.reset_by_policy(at, why, ctx);
        }
        self.forget_question(Known::AskedEpoch, Known::Doubted);
        self.link.refresh(ctx);
    }
}
