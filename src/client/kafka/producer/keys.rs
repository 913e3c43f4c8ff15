//! The bytes of keys, and the partitions that they belong to.

use std::num::NonZeroU32;

use crate::kafka::partition::Partitioner;
use crate::kernel::Time;
use crate::talk::Name;
use crate::talk::kafka::Record;

/// A text with at most one number in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyText {
    before: Box<[u8]>,
    number: Number,
    after: Box<[u8]>,
}

/// What the number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Number {
    None,
    Entity,
    Message,
    Second,
    Millisecond,
}

impl KeyText {
    pub(super) fn new(text: &Name) -> KeyText {
        let text = text.as_str();
        let places = [
            ("{key}", Number::Entity),
            ("{message}", Number::Message),
            ("{second}", Number::Second),
            ("{ms}", Number::Millisecond),
        ];
        for (place, number) in places {
            if let Some((before, after)) = text.split_once(place) {
                return KeyText {
                    before: before.as_bytes().into(),
                    number,
                    after: after.as_bytes().into(),
                };
            }
        }
        KeyText { before: text.as_bytes().into(), number: Number::None, after: [].into() }
    }

    /// The number of the key of this record.
    pub(super) fn number(&self, record: &Record, now: Time) -> u32 {
        match self.number {
            Number::None => 0,
            Number::Entity => record.entity,
            Number::Message => record.id.0,
            Number::Second => (now.as_millis() / 1_000) as u32,
            Number::Millisecond => now.as_millis() as u32,
        }
    }

    /// Whether there are so few keys that what follows from them is worth remembering.
    fn is_few(&self) -> bool {
        matches!(self.number, Number::None | Number::Entity)
    }

    fn write(&self, number: u32, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(&self.before);
        if self.number != Number::None {
            let start = into.len();
            let mut rest = number;
            loop {
                into.push(b'0' + (rest % 10) as u8);
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            into[start..].reverse();
        }
        into.extend_from_slice(&self.after);
    }
}

/// What keys come to for one partitioner.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Keyed {
    /// For how many partitions the rest holds.
    count: u32,
    /// The partition of each key by its number, plus one; 0 is not known yet.
    known: Vec<u32>,
    /// Room for the bytes of a key; empty between uses.
    bytes: Vec<u8>,
}

impl Keyed {
    /// The partition that a key belongs to, if the partitioner goes by keys.
    pub(super) fn partition(
        &mut self,
        text: &KeyText,
        number: u32,
        partitioner: Partitioner,
        count: NonZeroU32,
    ) -> Option<u32> {
        if self.count != count.get() {
            self.count = count.get();
            self.known.clear();
        }
        let few = text.is_few() && number < 1 << 20;
        if few
            && let Some(known) = self.known.get(number as usize)
            && *known > 0
        {
            return Some(known - 1);
        }
        text.write(number, &mut self.bytes);
        let partition = partitioner.by_key(Some(&self.bytes), count);
        self.bytes.clear();
        if few && let Some(partition) = partition {
            if self.known.len() <= number as usize {
                self.known.resize(number as usize + 1, 0);
            }
            // it was made long enough
            self.known[number as usize] = partition + 1;
        }
        partition
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_its_text_says() {
        let written = |text: &str, number| {
            let mut bytes = Vec::new();
            KeyText::new(&text.into()).write(number, &mut bytes);
            String::from_utf8(bytes).expect("text")
        };
        assert_eq!(written("order-{key}", 1002), "order-1002");
        assert_eq!(written("{ms}", 0), "0");
        assert_eq!(written("constant", 7), "constant");
        assert_eq!(written("a{message}b", 10), "a10b");
    }

    #[test]
    fn a_remembered_partition_is_the_one_that_the_hash_gives() {
        let (mut keyed, text) = (Keyed::default(), KeyText::new(&"order-{key}".into()));
        let six = NonZeroU32::new(6).expect("six");
        for number in [1, 1002, 1] {
            let key = format!("order-{number}");
            let right = Partitioner::BuiltIn.by_key(Some(key.as_bytes()), six);
            assert_eq!(keyed.partition(&text, number, Partitioner::BuiltIn, six), right);
            assert_eq!(keyed.partition(&text, number, Partitioner::BuiltIn, six), right);
        }
    }
}
