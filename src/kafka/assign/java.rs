//! The orders of Java's collections, where an assignment depends on them.
//!
//! Source: OpenJDK, `String.compareTo`, `String.hashCode` and `HashMap`; the same since Java 8.

use std::cmp::Ordering;

/// The order of strings in Java and in JavaScript: by the units of UTF-16.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

/// The hash code of a string.
pub(super) fn hash_code(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(unit.into()))
}

/// The bucket where a key lies in a hash map (or set) of so many keys that began empty and only grew.
///
/// A map is walked bucket by bucket, and within a bucket in the order in which the keys came. It
/// begins with 16 buckets and doubles them when it is filled to more than three quarters.
pub(super) fn bucket(hash: u32, keys: usize) -> u32 {
    let buckets = (4..31).map(|power| 1_u32 << power).find(|it| keys <= *it as usize / 4 * 3);
    (hash ^ (hash >> 16)) & (buckets.unwrap_or(1 << 31) - 1)
}

#[cfg(test)]
mod tests {
    use super::{bucket, compare, hash_code};
    use std::cmp::Ordering;

    #[test]
    fn strings_hash_as_in_java() {
        assert_eq!(hash_code(""), 0);
        assert_eq!(hash_code("hello"), 99_162_322);
        assert_eq!(hash_code("polygenelubricants"), 0x8000_0000);
    }

    #[test]
    fn a_map_doubles_when_it_is_filled_to_more_than_three_quarters() {
        let hash = hash_code("c1"); // 0xc2e
        assert_eq!(bucket(hash, 12), 0xe);
        assert_eq!(bucket(hash, 13), 0x0e);
        assert_eq!(bucket(hash, 25), 0x2e);
        assert_eq!(bucket(1 << 16, 1), 1);
    }

    #[test]
    fn strings_compare_by_their_utf16_units() {
        assert_eq!(compare("\u{1f600}", "\u{ff21}"), Ordering::Less);
        assert_eq!(compare("a", "b"), Ordering::Less);
    }
}
