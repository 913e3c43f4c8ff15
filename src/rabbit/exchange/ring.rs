//! The consistent-hash exchange (plugin `rabbitmq_consistent_hash_exchange`): every message goes
//! to exactly one destination, and equal keys go to equal destinations.
//!
//! The plugin numbers "buckets", as many per destination as its binding key says, in the order of
//! binding. A *jump* consistent hash picks one. Removing a destination moves the numbers of all
//! later buckets down, so that only the removal of the last one leaves the others' keys in place.
//! The hash is Erlang's own (`erlang:phash2/1` and the generator `exs1024`), so that a key goes to
//! the queue that it goes to on a real broker.

use super::Destination;

/// Destinations with their numbers of buckets, in the order of binding.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Ring {
    weights: Vec<(Destination, u32)>,
}

impl Ring {
    /// Adds a destination at the end; one that is there keeps its place and its weight.
    pub(super) fn add(&mut self, destination: &Destination, weight: u32) {
        if self.weights.iter().all(|(there, _)| there != destination) {
            self.weights.push((destination.clone(), weight));
        }
    }

    /// Removes a destination with all its buckets.
    pub(super) fn remove(&mut self, destination: &Destination) {
        self.weights.retain(|(there, _)| there != destination);
    }

    /// Where messages with this hash go; `None` when nothing is bound.
    pub(super) fn at(&self, hash: u64) -> Option<&Destination> {
        let buckets = self.weights.iter().map(|(_, weight)| u64::from(*weight)).sum();
        let mut bucket = jump(hash, buckets);
        for (destination, weight) in &self.weights {
            match bucket.checked_sub(u64::from(*weight)) {
                Some(rest) => bucket = rest,
                None => return Some(destination),
            }
        }
        None
    }
}

/// `jump_consistent_hash/2` of the plugin. Where Erlang divides by a random fraction of one, this
/// divides by the random number itself: `(b + 1) / (v / 2^64)`.
fn jump(key: u64, buckets: u64) -> u64 {
    if buckets <= 1 {
        return 0;
    }
    let mut random = Exs1024::seed(key);
    let (mut last, mut next) = (0, 0);
    while next < buckets {
        last = next;
        // Erlang would crash on a zero here; it does not come up within 2^64 draws
        let draw = u128::from(random.next().max(1));
        let far = ((u128::from(last) + 1) << 64) / draw;
        next = u64::try_from(far).unwrap_or(u64::MAX);
    }
    last
}

/// Xorshift1024*, as the module `rand` of Erlang/OTP implements and seeds it.
struct Exs1024 {
    words: [u64; 16],
    at: usize,
}

impl Exs1024 {
    /// `rand:seed_s(exs1024, {Key, Key, Key})`
    fn seed(key: u64) -> Exs1024 {
        const BITS_21: u64 = (1 << 21) - 1;
        let part = |prime: u64| ((key & BITS_21) + 1).wrapping_mul(prime) & BITS_21;
        let mut state =
            (part(2_097_131) << 43) | (part(2_097_133) << 22) | (part(2_097_143) << 1) | 1;
        let mut words = [0; 16];
        for word in words.iter_mut().rev() {
            state ^= state >> 12;
            state ^= state << 25;
            state ^= state >> 27;
            *word = state.wrapping_mul(2_685_821_657_736_338_717);
        }
        Exs1024 { words, at: 0 }
    }

    fn next(&mut self) -> u64 {
        // `at` stays below 16
        let s0 = self.words[self.at];
        self.at = (self.at + 1) % 16;
        let mut s1 = self.words[self.at];
        s1 ^= s1 << 31;
        s1 ^= s1 >> 11;
        let new = s0 ^ (s0 >> 30) ^ s1;
        self.words[self.at] = new;
        new.wrapping_mul(1_181_783_497_276_652_981)
    }
}

/// `erlang:phash2/1` of a binary: Bob Jenkins' hash of 1996, cut to 27 bits.
pub(super) fn phash2(bytes: &[u8]) -> u64 {
    const GOLDEN: u32 = 0x9E37_79B9;
    const BINARY: u32 = 0x08D1_2E65; // thirteen times the golden ratio: the tag of binaries
    const BITS_27: u32 = (1 << 27) - 1;
    if bytes.is_empty() {
        return u64::from(BINARY & BITS_27);
    }
    let word =
        |bytes: &[u8]| bytes.iter().rev().fold(0, |word: u32, byte| (word << 8) | u32::from(*byte));
    let (mut a, mut b, mut c) = (GOLDEN, GOLDEN, BINARY);
    let mut blocks = bytes.chunks_exact(12);
    for block in &mut blocks {
        a = a.wrapping_add(word(&block[..4]));
        b = b.wrapping_add(word(&block[4..8]));
        c = c.wrapping_add(word(&block[8..]));
        mix(&mut a, &mut b, &mut c);
    }
    let rest = blocks.remainder();
    let part = |from: usize, to: usize| word(&rest[from.min(rest.len())..to.min(rest.len())]);
    a = a.wrapping_add(part(0, 4));
    b = b.wrapping_add(part(4, 8));
    // the lowest byte of c is reserved for the length
    c = c.wrapping_add(part(8, 11) << 8).wrapping_add(bytes.len() as u32);
    mix(&mut a, &mut b, &mut c);
    u64::from(c & BITS_27)
}

fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
    for (right, left, last) in [(13, 8, 13), (12, 16, 5), (3, 10, 15)] {
        *a = a.wrapping_sub(*b).wrapping_sub(*c) ^ (*c >> right);
        *b = b.wrapping_sub(*c).wrapping_sub(*a) ^ (*a << left);
        *c = c.wrapping_sub(*a).wrapping_sub(*b) ^ (*b >> last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talk::QueueId;

    fn queue(n: u16) -> Destination {
        Destination::Queue(QueueId(n))
    }

    fn ring(weights: [u32; 3]) -> Ring {
        let mut ring = Ring::default();
        for (n, weight) in weights.into_iter().enumerate() {
            ring.add(&queue(n as u16 + 1), weight);
        }
        ring
    }

    fn owner(ring: &Ring, n: u32) -> Destination {
        ring.at(phash2(format!("key-{n}").as_bytes())).unwrap().clone()
    }

    #[test]
    fn keys_go_where_they_go_on_a_real_broker() {
        // weights 1:1:2 and the keys key-0 … key-3999 on RabbitMQ 3.10.8 and 4.0.5
        let ring = ring([1, 1, 2]);
        let mut counts = [0; 3];
        for n in 0..4000 {
            match owner(&ring, n) {
                Destination::Queue(QueueId(at)) => counts[usize::from(at) - 1] += 1,
                Destination::Exchange(_) => unreachable!("only queues are bound"),
            }
        }
        assert_eq!(counts, [978, 1029, 1993]);
    }

    /// How many of 200 keys the removed queue held, how many moved, how many of those needlessly.
    fn removal(victim: u16) -> (usize, usize, usize) {
        let before = ring([1, 1, 2]);
        let mut after = before.clone();
        after.remove(&queue(victim));
        let moved = |n: &u32| owner(&before, *n) != owner(&after, *n);
        let held = |n: &u32| owner(&before, *n) == queue(victim);
        (
            (0..200).filter(held).count(),
            (0..200).filter(moved).count(),
            (0..200).filter(|n| moved(n) && !held(n)).count(),
        )
    }

    #[test]
    fn removing_the_last_destination_moves_only_its_own_keys() {
        assert_eq!(removal(3), (101, 101, 0));
    }

    #[test]
    fn removing_an_earlier_destination_renumbers_the_later_buckets() {
        assert_eq!(removal(1), (49, 111, 62));
    }

    #[test]
    fn a_second_binding_of_one_destination_adds_no_buckets() {
        let mut twice = ring([1, 1, 2]);
        twice.add(&queue(2), 50);
        assert_eq!(twice, ring([1, 1, 2]));
    }

    #[test]
    fn an_empty_ring_routes_nowhere() {
        assert_eq!(Ring::default().at(7), None);
    }
}
