//! A fast hash that is the same on every machine, and the running hash of a run.
//!
//! Used to tell worlds apart in a search, and to tell whether two runs were the same, step by step
//! and note by note. It is not a defence against anybody who wants collisions.

use std::hash::{Hash, Hasher};

use super::monitor::{Seen, Taken, Watch};
use super::node::Talk;

/// A hasher with fixed keys, fed in whole words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixer {
    state: u64,
}

const KEY: u64 = 0x9E37_79B9_7F4A_7C15;
const FACTOR: u64 = 0xD6E8_FEB8_6659_FD93;

impl Mixer {
    /// A hasher of a family: different keys give independent hashes.
    pub const fn keyed(key: u64) -> Mixer {
        Mixer { state: key ^ KEY }
    }

    /// The hash of one value.
    pub fn of(value: &impl Hash) -> u64 {
        let mut mixer = Mixer::default();
        value.hash(&mut mixer);
        mixer.finish()
    }
}

impl Default for Mixer {
    fn default() -> Mixer {
        Mixer::keyed(0)
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        super::chance::mix(self.state)
    }

    /// Folds the 128-bit product of state and factor, which spreads every bit of the word.
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(FACTOR);
        self.state = (product as u64 ^ (product >> 64) as u64).wrapping_add(KEY);
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }
    // The defaults of these go through native-endian bytes.
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n));
    }
    fn write_u16(&mut self, n: u16) {
        self.write_u64(u64::from(n));
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
    fn write_u128(&mut self, n: u128) {
        self.write_u64(n as u64);
        self.write_u64((n >> 64) as u64);
    }
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }
    fn write_i8(&mut self, n: i8) {
        self.write_u64(n as u64);
    }
    fn write_i16(&mut self, n: i16) {
        self.write_u64(n as u64);
    }
    fn write_i32(&mut self, n: i32) {
        self.write_u64(n as u64);
    }
    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }
    fn write_i128(&mut self, n: i128) {
        self.write_u128(n as u128);
    }
    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }
}

/// The running hash of a run: two runs with equal hashes took the same steps at the same times for
/// the same causes, and made the same notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunHash {
    mixer: Mixer,
}

impl RunHash {
    /// The hash so far. Reports print it in hexadecimal.
    pub fn value(&self) -> u64 {
        self.mixer.finish()
    }
}

impl<T: Talk> Watch<T> for RunHash {
    fn step(&mut self, taken: &Taken<T>) {
        // its number is implied by its place
        self.mixer.write_u64(taken.at.as_nanos());
        self.mixer.write_u64(taken.cause);
        taken.step.hash(&mut self.mixer);
    }
    fn note(&mut self, seen: Seen<'_, T::Note>) {
        self.mixer.write_u32(seen.node.0);
        seen.note.hash(&mut self.mixer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pinned: reports print run hashes, and they must be comparable between machines.
    #[test]
    fn hashes_are_the_same_everywhere() {
        assert_eq!(Mixer::of(&(1_u8, 2_u32, "three", -4_i64)), 11_858_243_355_723_073_736);
        assert_ne!(Mixer::of(&("ab", "c")), Mixer::of(&("a", "bc")));
        assert_ne!(Mixer::of(&0_u64), Mixer::of(&(0_u64, 0_u64)));
    }
}
