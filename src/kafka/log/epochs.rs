//! Which leader epoch begins where (KIP-101).
//!
//! Source: `LeaderEpochFileCache` of 4.1.1.

use crate::talk::kafka::{EpochEnd, Offset};

/// The first offset of each leader epoch of a log, oldest first: epochs and offsets only grow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Epochs(Vec<(u32, Offset)>);

impl Epochs {
    /// The latest epoch.
    pub(super) fn latest(&self) -> Option<u32> {
        self.0.last().map(|(epoch, _)| *epoch)
    }

    /// The epoch begins at this offset, unless the log knows that already. What contradicts it, a
    /// later epoch or a later start, goes (`assign`).
    pub(super) fn assign(&mut self, epoch: u32, start: Offset) {
        match self.0.last() {
            Some(&(latest, begun)) if latest == epoch && start >= begun => return,
            _ => {}
        }
        self.0.retain(|&(other, begun)| other < epoch && begun < start);
        self.0.push((epoch, start));
    }

    /// Where the log ends for an epoch, or for the latest one before it; none for an epoch that is
    /// later than all (`endOffsetFor`). An epoch before all others ends where the first one begins.
    pub(super) fn end_of(&self, epoch: u32, log_end: Offset) -> Option<EpochEnd> {
        let later = self.0.partition_point(|(other, _)| *other <= epoch);
        let floor = later.checked_sub(1).map(|at| self.0[at].0); // `later` is at most the length
        match self.0.get(later) {
            None if floor == Some(epoch) => Some(EpochEnd { epoch, end: log_end }),
            None => None,
            Some(&(_, end)) => Some(EpochEnd { epoch: floor.unwrap_or(epoch), end }),
        }
    }

    /// The epoch of what is at this offset.
    pub(super) fn at(&self, offset: Offset) -> Option<u32> {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        after.checked_sub(1).map(|at| self.0[at].0)
    }

    /// The log ends here now: epochs that begin here or later are gone (`truncateFromEnd`).
    pub(super) fn truncate_end(&mut self, end: Offset) {
        self.0.retain(|(_, start)| *start < end);
    }

    /// The log starts here now: the epoch of this offset begins here (`truncateFromStart`).
    pub(super) fn truncate_start(&mut self, start: Offset) {
        let after = self.0.partition_point(|(_, begun)| *begun <= start);
        if after > 0 {
            self.0.drain(..after - 1);
            self.0[0].1 = start; // `after` is at least 1, so one is left
        }
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Epochs {
        let mut epochs = Epochs::default();
        for (epoch, start) in [(2, 0), (4, 10), (5, 20)] {
            epochs.assign(epoch, start);
        }
        epochs
    }

    fn end(epoch: u32, end: Offset) -> Option<EpochEnd> {
        Some(EpochEnd { epoch, end })
    }

    #[test]
    fn the_latest_epoch_ends_where_the_log_ends() {
        assert_eq!(epochs().end_of(5, 33), end(5, 33));
    }

    #[test]
    fn an_epoch_ends_where_the_next_one_begins() {
        assert_eq!(epochs().end_of(4, 33), end(4, 20));
    }

    #[test]
    fn an_epoch_that_the_log_skipped_is_answered_with_the_one_before_it() {
        assert_eq!(epochs().end_of(3, 33), end(2, 10));
    }

    #[test]
    fn an_epoch_later_than_all_is_not_known() {
        assert_eq!(epochs().end_of(6, 33), None);
        assert_eq!(Epochs::default().end_of(0, 0), None);
    }

    #[test]
    fn an_epoch_before_all_ends_where_the_first_one_begins() {
        assert_eq!(epochs().end_of(1, 33), end(1, 0));
    }

    #[test]
    fn an_epoch_that_begins_earlier_than_known_ones_replaces_them() {
        let mut epochs = epochs();
        epochs.assign(6, 10);
        assert_eq!(epochs, Epochs(vec![(2, 0), (6, 10)]));
    }

    #[test]
    fn an_epoch_keeps_its_first_offset() {
        let mut epochs = epochs();
        epochs.assign(5, 25);
        assert_eq!(epochs.end_of(4, 33), end(4, 20));
    }

    #[test]
    fn the_epoch_of_the_start_begins_at_the_start() {
        let mut epochs = epochs();
        epochs.truncate_start(15);
        assert_eq!(epochs, Epochs(vec![(4, 15), (5, 20)]));
        assert_eq!((epochs.at(14), epochs.at(15), epochs.at(99)), (None, Some(4), Some(5)));
    }

    #[test]
    fn epochs_beyond_the_end_go_with_what_was_truncated() {
        let mut epochs = epochs();
        epochs.truncate_end(20);
        assert_eq!(epochs.latest(), Some(4));
    }
}
