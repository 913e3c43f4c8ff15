//! Randomness by name.
//!
//! Every nondeterministic decision is drawn for a [`Site`]: what is decided, for whom, and the
//! how-manyeth time. A draw depends on the seed and the site alone, so removing a producer or a
//! fault leaves every other draw as it was, and shrinking stays near the failure.
//!
//! The generator is ChaCha with 8 rounds, addressed by stream and word position; all arithmetic on
//! the draws is in integers, so a seed means the same run on every machine.

use std::fmt;
use std::hash::{Hash, Hasher};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::time::Span;

/// The name of one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// What is decided, such as `"handler outcome"`.
    pub what: &'static str,
    /// For whom: a node, a message, a link.
    pub whom: u64,
    /// The how-manyeth decision of this kind for this entity.
    pub nth: u64,
}

impl Site {
    /// The first decision `what` for the entity `whom`.
    pub const fn new(what: &'static str, whom: u64) -> Site {
        Site { what, whom, nth: 0 }
    }

    /// The `nth` decision of the same kind.
    pub const fn nth(self, nth: u64) -> Site {
        Site { nth, ..self }
    }

    fn stream_id(&self) -> u64 {
        mix(fnv(self.what) ^ mix(self.whom.wrapping_add(GOLDEN)))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} #{}", self.what, self.whom, self.nth)
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The SplitMix64 finaliser: spreads every bit of `x` over the whole word.
pub const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

const fn fnv(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0100_0000_01B3);
        i += 1;
    }
    hash
}

/// The source of all chance of one run: a seed, and nothing that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// Chance for the run with this seed.
    pub const fn new(seed: u64) -> Chance {
        Chance { seed }
    }

    /// The seed it was made from.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    fn generator(self, site: Site) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(site.stream_id());
        if site.nth > 0 {
            rng.set_word_pos(u128::from(site.nth) * 2);
        }
        rng
    }

    /// The 64 bits drawn for `site`; always the same ones.
    pub fn draw(self, site: Site) -> u64 {
        self.generator(site).next_u64()
    }

    /// The draws for `what` and `whom` one after the other, which is much faster than single ones.
    pub fn stream(self, what: &'static str, whom: u64) -> Stream {
        Stream { rng: self.generator(Site::new(what, whom)) }
    }
}

/// Consecutive draws for one kind of decision and one entity.
#[derive(Clone, Debug)]
pub struct Stream {
    rng: ChaCha8Rng,
}

impl Stream {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// A span drawn from `dist`.
    pub fn span(&mut self, dist: &Dist) -> Span {
        match dist {
            Dist::Fixed(span) => *span,
            _ => dist.at(self.bits()),
        }
    }
}

impl PartialEq for Stream {
    fn eq(&self, other: &Stream) -> bool {
        self.rng.get_stream() == other.rng.get_stream()
            && self.rng.get_word_pos() == other.rng.get_word_pos()
    }
}

impl Eq for Stream {}

impl Hash for Stream {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.rng.get_stream(), self.rng.get_word_pos()).hash(state);
    }
}

/// `draw` brought into `0..n` (0 when `n` is 0), without the bias of a remainder.
pub fn below(draw: u64, n: u64) -> u64 {
    ((u128::from(draw) * u128::from(n)) >> 64) as u64
}

/// A distribution of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dist {
    /// Always the same.
    Fixed(Span),
    /// Evenly between two spans, both included.
    Uniform(Span, Span),
    /// Exponential with this mean: the gaps of a Poisson process.
    Exponential(Span),
}

impl Dist {
    /// Where the 64 random bits `draw` fall in this distribution.
    pub fn at(&self, draw: u64) -> Span {
        match *self {
            Dist::Fixed(span) => span,
            Dist::Uniform(low, high) => {
                let width = high.as_nanos().saturating_sub(low.as_nanos()).saturating_add(1);
                low + Span::from_nanos(below(draw, width))
            }
            Dist::Exponential(mean) => {
                let scaled = u128::from(mean.as_nanos()) * u128::from(minus_ln(draw));
                Span::from_nanos((scaled >> 32) as u64)
            }
        }
    }

    /// The expected value.
    pub fn mean(&self) -> Span {
        match *self {
            Dist::Fixed(span) | Dist::Exponential(span) => span,
            Dist::Uniform(low, high) => {
                Span::from_nanos(low.as_nanos().midpoint(high.as_nanos().max(low.as_nanos())))
            }
        }
    }

    /// The shortest span that can come out.
    pub fn least(&self) -> Span {
        match *self {
            Dist::Fixed(span) | Dist::Uniform(span, _) => span,
            Dist::Exponential(_) => Span::ZERO,
        }
    }
}

impl Default for Dist {
    fn default() -> Dist {
        Dist::Fixed(Span::ZERO)
    }
}

/// `log2(1 + i/256)` in units of 2^-32, by repeated squaring in integers.
const LOG2: [u64; 257] = {
    let mut table = [0; 257];
    let mut i = 0;
    while i <= 256 {
        // x in [1, 2] with 62 fractional bits
        let mut x = ((256 + i as u128) << 62) / 256;
        let mut log = 0_u64;
        let mut bit = 0;
        if i == 256 {
            log = 1 << 32;
        } else {
            while bit < 32 {
                x = (x * x) >> 62;
                log <<= 1;
                if x >= 2 << 62 {
                    x >>= 1;
                    log |= 1;
                }
                bit += 1;
            }
        }
        table[i] = log;
        i += 1;
    }
    table
};

/// `-ln((draw + 1) / 2^64)` in units of 2^-32. Integers only: the C library's `ln` differs
/// between platforms, and costs as much as a whole event.
fn minus_ln(draw: u64) -> u64 {
    const LN_2: u128 = 2_977_044_472; // ln 2 in units of 2^-32
    let x = draw.saturating_add(1);
    let power = x.ilog2();
    let mantissa = (x << (63 - power)) & (u64::MAX >> 1); // 63 fractional bits
    let (index, rest) = ((mantissa >> 55) as usize, (mantissa >> 23) & 0xFFFF_FFFF);
    let (low, high) = (LOG2[index], LOG2[index + 1]);
    let log2 = (u64::from(power) << 32) + low + (((high - low) * rest) >> 32);
    ((u128::from((64 << 32) - log2) * LN_2) >> 32) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_seed_and_site_only() {
        let chance = Chance::new(7);
        let site = Site::new("latency", 3).nth(5);
        assert_eq!(chance.draw(site), Chance::new(7).draw(site));
        assert_ne!(chance.draw(site), Chance::new(8).draw(site));
        assert_ne!(chance.draw(site), chance.draw(site.nth(6)));
        assert_ne!(chance.draw(site), chance.draw(Site::new("latency", 4).nth(5)));
        assert_ne!(chance.draw(site), chance.draw(Site::new("outcome", 3).nth(5)));
    }

    #[test]
    fn a_stream_is_the_single_draws_in_a_row() {
        let chance = Chance::new(42);
        let mut stream = chance.stream("gap", 9);
        for nth in 0..100 {
            assert_eq!(stream.bits(), chance.draw(Site::new("gap", 9).nth(nth)), "draw {nth}");
        }
    }

    /// Pinned: a seed printed in a report must mean the same run in every later version.
    #[test]
    fn the_draws_of_a_seed_never_change() {
        let draws: Vec<u64> =
            (0..3).map(|nth| Chance::new(1).draw(Site::new("pin", 0).nth(nth))).collect();
        assert_eq!(
            draws,
            [18_172_120_034_724_069_764, 16_674_047_279_923_709_630, 1_590_431_329_882_865_421]
        );
    }

    #[test]
    fn the_logarithm_agrees_with_the_real_one() {
        for draw in
            [0, 1, 255, 1 << 20, 1 << 40, u64::MAX / 3, u64::MAX / 2, u64::MAX - 1, u64::MAX]
        {
            let ours = minus_ln(draw) as f64 / 2f64.powi(32);
            let real = -(((draw as f64) + 1.0) / 2f64.powi(64)).ln();
            assert!((ours - real).abs() < 1e-5, "{draw}: {ours} {real}");
        }
    }

    #[test]
    fn distributions_have_their_mean() {
        let mean = Span::from_millis(10);
        for dist in [Dist::Exponential(mean), Dist::Uniform(Span::ZERO, Span::from_millis(20))] {
            let mut stream = Chance::new(3).stream("mean", 0);
            let sum: u64 = (0..100_000).map(|_| stream.span(&dist).as_nanos()).sum();
            let measured = sum as f64 / 100_000.0 / 1e6;
            assert!((measured - 10.0).abs() < 0.1, "{dist:?}: {measured} ms");
            assert_eq!(dist.mean(), mean);
        }
    }
}
