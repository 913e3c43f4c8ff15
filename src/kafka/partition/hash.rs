//! The hashes of keys: pure functions of their bytes.

/// 32-bit `MurmurHash2` as Java's client computes it; [`to_positive`] of it, modulo the number of
/// partitions, is the partition of a key.
///
/// Source: `Utils.murmur2` of Apache Kafka 4.1.1. The default of KafkaJS from 2.0 and `murmur2` of
/// librdkafka give the same.
pub fn murmur2(key: &[u8]) -> i32 {
    let (blocks, rest) = key.as_chunks::<4>();
    let mut hash = SEED ^ key.len() as u32;
    for block in blocks {
        let mut k = u32::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        hash = (hash ^ little_endian(rest)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The hash of `LegacyPartitioner`, the default of KafkaJS before 2.0: meant to be [`murmur2`], with
/// two mistakes.
///
/// JavaScript multiplies in doubles, so that a product beyond 2⁵³ loses its lowest bits before it is
/// cut to 32; and `length / 4` is no whole number, so that the bytes of a last, partial block are
/// mixed in twice. Source: `src/producer/partitioners/legacy/murmur2.js` of KafkaJS 2.2.4.
pub fn kafkajs_legacy(key: &[u8]) -> i32 {
    let mut hash = SEED as i32 ^ key.len() as i32;
    for block in key.chunks(4) {
        let mut k = times_m_in_double(little_endian(block) as i32);
        k ^= ((k as u32) >> R) as i32;
        hash = times_m_in_double(hash) ^ times_m_in_double(k);
    }
    let (_, rest) = key.as_chunks::<4>();
    if !rest.is_empty() {
        hash = times_m_in_double(hash ^ little_endian(rest) as i32);
    }
    hash ^= ((hash as u32) >> 13) as i32;
    hash = times_m_in_double(hash);
    hash ^ ((hash as u32) >> 15) as i32
}

/// CRC-32 (the polynomial of zlib, reflected): `consistent` and `consistent_random` of librdkafka.
/// Source: `src/rdcrc32.h` of librdkafka 2.
pub fn crc32(key: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| (crc >> 8) ^ CRC[((crc ^ u32::from(*byte)) & 0xFF) as usize];
    !key.iter().fold(u32::MAX, step)
}

/// FNV-1a, and its absolute value as a signed number, as Sarama's default does. Source:
/// `src/rdfnv1a.c` of librdkafka 2.
pub fn fnv1a(key: &[u8]) -> u32 {
    let step = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    (key.iter().fold(0x811C_9DC5, step) as i32).unsigned_abs()
}

/// The lower 31 bits: not the absolute value. Source: `Utils.toPositive` of Apache Kafka.
pub const fn to_positive(number: i32) -> u32 {
    number as u32 & 0x7FFF_FFFF
}

const SEED: u32 = 0x9747_B28C;
const M: u32 = 0x5BD1_E995;
const R: u32 = 24;

/// `number * M` in doubles, and of that the lower 32 bits, as JavaScript's bit operators take them.
///
/// The exact product has up to 62 bits. To make a double of it rounds to the nearest, ties to even,
/// on every machine (IEEE 754), which is the one rounding that the multiplication does; what comes
/// out is an integer again.
fn times_m_in_double(number: i32) -> i32 {
    (i64::from(number) * i64::from(M)) as f64 as i64 as i32
}

/// Up to four bytes, the first one lowest.
fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u32::from(*byte))
}

/// What eight shifts make of each byte.
const CRC: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    /// `UtilsTest#testMurmur2` of Apache Kafka 4.1.1.
    #[test]
    fn murmur2_gives_what_java_gives() {
        assert_eq!(murmur2(b"21"), -973_932_308);
        assert_eq!(murmur2(b"foobar"), -790_332_482);
        assert_eq!(murmur2(b"a-little-bit-long-string"), -985_981_536);
        assert_eq!(murmur2(b"abc"), 479_470_107);
    }

    /// `legacy/murmur2.spec.js` of KafkaJS 2.2.4.
    #[test]
    fn the_legacy_hash_of_kafkajs_is_another_one() {
        assert_eq!(kafkajs_legacy(b"0"), 272_173_970);
        assert_eq!(kafkajs_legacy(b"128"), 2_053_105_854);
        assert_eq!(kafkajs_legacy(b"16384"), 204_404_061);
        assert_eq!(kafkajs_legacy(b"105413504"), -109_398_538);
        // what its code gives for bytes beyond ASCII, where products are rounded most
        assert_eq!(kafkajs_legacy(&[0xCF, 0xAD, 0x77, 0x33]), -1_508_457_937);
        assert_eq!(kafkajs_legacy(&[0x99, 0x1B, 0xC6, 0xE8, 0x27, 0xBC, 0x00]), -1_670_375_166);
        assert_ne!(kafkajs_legacy(b"abcd"), murmur2(b"abcd"), "also without a partial block");
    }

    #[test]
    fn crc32_has_its_check_value() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b""), 0);
    }

    /// `unittest_fnv1a` of librdkafka.
    #[test]
    fn fnv1a_gives_what_sarama_gives() {
        assert_eq!(fnv1a(b"kafka"), 0x0D33_C4E1);
        assert_eq!(fnv1a(b"1234"), 0x023B_DD03);
        assert_eq!(fnv1a(b""), 0x7EE3_623B);
    }

    #[test]
    fn the_lowest_number_becomes_zero_and_not_itself() {
        assert_eq!(to_positive(i32::MIN), 0);
        assert_eq!(to_positive(-1), i32::MAX as u32);
    }
}
