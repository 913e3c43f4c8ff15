//! A histogram of whole numbers over their full range, with a bounded relative error.
//!
//! Numbers below 64 are counted one by one; above, each power of two is divided into 32 parts, so
//! that what is read differs from what was recorded by at most 1/32.

/// Counts numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
    max: u64,
}

/// Parts of a power of two, as a power of two.
const BITS: u32 = 5;

const fn bucket(value: u64) -> usize {
    if value < 2 << BITS {
        return value as usize;
    }
    let shift = value.ilog2() - BITS;
    ((shift as usize) << BITS) + (value >> shift) as usize
}

/// The largest number that is counted in a bucket.
const fn upper(bucket: usize) -> u64 {
    if bucket < 2 << BITS {
        return bucket as u64;
    }
    let shift = (bucket >> BITS) as u32 - 1;
    let part = (bucket - ((shift as usize) << BITS)) as u64;
    (part << shift) + ((1 << shift) - 1)
}

impl Histogram {
    /// Counts one number.
    pub fn add(&mut self, value: u64) {
        let at = bucket(value);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] = self.counts[at].saturating_add(1);
        self.total += 1;
        self.max = self.max.max(value);
    }

    /// How many numbers were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest one, exactly; 0 when there is none.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The smallest number that at least `per_mille` thousandths of all are not above; `None` when
    /// nothing was counted. 500 is the median.
    pub fn quantile(&self, per_mille: u32) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let wanted = u128::from(self.total) * u128::from(per_mille);
        let rank = wanted.div_ceil(1_000).max(1);
        let mut seen = 0_u128;
        for (at, &count) in self.counts.iter().enumerate() {
            seen += u128::from(count);
            if seen >= rank {
                return Some(upper(at).min(self.max));
            }
        }
        Some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_numbers_are_exact() {
        let mut histogram = Histogram::default();
        (1..=50).for_each(|value| histogram.add(value));
        assert_eq!(histogram.quantile(500), Some(25));
        assert_eq!(histogram.quantile(990), Some(50));
        assert_eq!(histogram.quantile(0), Some(1));
        assert_eq!(Histogram::default().quantile(500), None);
    }

    proptest! {
        #[test]
        fn a_quantile_is_at_most_one_part_in_32_too_large(
            mut values in prop::collection::vec(any::<u64>(), 1..200),
            per_mille in 0u32..=1_000,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.add(value));
            values.sort_unstable();
            let rank = (values.len() as u64 * u64::from(per_mille)).div_ceil(1_000).max(1);
            let exact = values[rank as usize - 1];
            let read = histogram.quantile(per_mille).expect("there are numbers");
            prop_assert!(read >= exact && read - exact <= exact / 32, "{read} {exact}");
            prop_assert_eq!(histogram.quantile(1_000), values.last().copied());
        }
    }
}
