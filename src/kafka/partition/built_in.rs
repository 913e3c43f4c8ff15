//! The partitioner that is built into Java's producer (KIP-794), for records without a key.

use super::Partitions;

/// What the built-in partitioner remembers about one topic: where it is, how much it sent there, and
/// how long the queues of the partitions are.
///
/// Source: `BuiltInPartitioner` of Apache Kafka 4.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BuiltIn {
    current: Option<Current>,
    /// Running sums of weights and the partitions they belong to; empty when all are alike.
    load: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Current {
    partition: u32,
    /// In bytes.
    produced: u64,
}

impl BuiltIn {
    /// The partition for the next record.
    ///
    /// `pick` draws one of `0..n`.
    pub fn current(&mut self, topic: &Partitions<'_>, pick: &mut impl FnMut(u32) -> u32) -> u32 {
        match self.current {
            Some(current) => current.partition,
            None => self.switch(topic, pick),
        }
    }

    /// `bytes` were appended to the current partition: once it got `batch_size` bytes and all its
    /// batches are full, or twice that, another one is drawn.
    ///
    /// Java's producer also calls it with 0 bytes before it appends, if the batches of the partition
    /// are full by then.
    pub fn appended(
        &mut self,
        bytes: u32,
        batch_size: u32,
        batches_full: bool,
        topic: &Partitions<'_>,
        pick: &mut impl FnMut(u32) -> u32,
    ) {
        let Some(current) = &mut self.current else { return };
        current.produced += u64::from(bytes);
        let enough = u64::from(batch_size.max(1)); // as RecordAccumulator has it
        if current.produced >= enough && batches_full || current.produced >= 2 * enough {
            self.switch(topic, pick);
        }
    }

    /// How many batches wait for each partition that has a leader: `(partition, batches)`, without
    /// those that were left out because their broker does not keep up
    /// (`partitioner.availability.timeout.ms`). `count` is the number of all partitions.
    ///
    /// The more batches wait, the less likely a partition is: it weighs as much as it is shorter than
    /// the longest queue, plus one.
    pub fn loaded(&mut self, count: u32, queues: impl Iterator<Item = (u32, u32)> + Clone) {
        self.load.clear();
        let sizes = queues.clone().map(|(_, size)| size);
        let (Some(longest), Some(shortest)) = (sizes.clone().max(), sizes.clone().min()) else {
            return;
        };
        let none_left_out = sizes.count() == count as usize;
        if count < 2 || none_left_out && longest == shortest {
            return;
        }
        let mut sum: u32 = 0;
        self.load.extend(queues.map(|(partition, size)| {
            sum = sum.saturating_add((longest - size).saturating_add(1));
            (sum, partition)
        }));
    }

    /// The running sums of weights that [`loaded`](BuiltIn::loaded) left, each with its partition.
    pub fn load(&self) -> &[(u32, u32)] {
        &self.load
    }

    fn switch(&mut self, topic: &Partitions<'_>, pick: &mut impl FnMut(u32) -> u32) -> u32 {
        let partition = match self.load.last() {
            Some(&(sum, _)) => {
                let drawn = pick(sum);
                let at = self.load.partition_point(|&(sum, _)| sum <= drawn);
                // `drawn` is below the last sum
                self.load.get(at).map_or(0, |&(_, partition)| partition)
            }
            None => any(topic, pick),
        };
        self.current = Some(Current { partition, produced: 0 });
        partition
    }
}

/// Any available partition, or any at all if there is none.
pub(super) fn any(topic: &Partitions<'_>, pick: &mut impl FnMut(u32) -> u32) -> u32 {
    match topic.available {
        [] => pick(topic.count.get()),
        available => available[pick(available.len() as u32) as usize % available.len()],
    }
}
