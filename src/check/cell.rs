//! What is known of one message for ever, in eight bytes.

/// The permanent facts of one message. While it is in play, the lower half says where its
/// [`Play`](super::book::Play) stands; when it has come to its end, what a late repetition is
/// measured against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Cell(u64);

/// Facts about a message, one bit each.
pub(super) mod fact {
    const fn bit(n: u32) -> u64 {
        1 << (32 + n)
    }
    pub(in crate::check) const SUBMITTED: u64 = bit(0);
    pub(in crate::check) const CONFIRMED: u64 = bit(1);
    pub(in crate::check) const REFUSED: u64 = bit(2);
    pub(in crate::check) const RETURNED: u64 = bit(3);
    pub(in crate::check) const GAVE_UP: u64 = bit(4);
    /// It was stored in some queue.
    pub(in crate::check) const STORED: u64 = bit(5);
    /// It reached some consumer.
    pub(in crate::check) const DELIVERED: u64 = bit(6);
    /// Some consumer acknowledged it and a queue let go of it.
    pub(in crate::check) const ACKED: u64 = bit(7);
    pub(in crate::check) const DEAD_LETTERED: u64 = bit(8);
    pub(in crate::check) const PARKED: u64 = bit(9);
    /// Somebody decided that it goes: a queue by its rules, or an operator.
    pub(in crate::check) const DROPPED: u64 = bit(10);
    /// A copy was lost.
    pub(in crate::check) const LOST: u64 = bit(11);
    /// It failed its handler by itself.
    pub(in crate::check) const UNHEALTHY: u64 = bit(12);
    /// A publish of it found no queue.
    pub(in crate::check) const UNROUTABLE: u64 = bit(13);
    /// What a consumer parked was stored.
    pub(in crate::check) const PARKED_SAFELY: u64 = bit(14);
    pub(super) const IN_PLAY: u64 = bit(15);
    pub(super) const FIRST_EFFECT: u32 = 32 + 16;
    pub(super) const FIRST_PRODUCER: u32 = 32 + 24;
}

/// Services with a number below this have a bit of their own in a cell.
pub(super) const SERVICES: u16 = 8;

/// What is kept of a message that has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rest {
    /// The queue that let go of it last; `None` when its number was too large to keep.
    pub(super) queue: Option<u16>,
    /// The first publish of it that was stored, at most 15.
    pub(super) first_copy: u16,
    /// How often it was delivered.
    pub(super) deliveries: u16,
}

impl Cell {
    pub(super) const fn has(self, fact: u64) -> bool {
        self.0 & fact != 0
    }

    pub(super) const fn set(&mut self, fact: u64) {
        self.0 |= fact;
    }

    /// Where its play stands, while it is in play.
    pub(super) const fn play(self) -> Option<u32> {
        if self.has(fact::IN_PLAY) { Some(self.0 as u32) } else { None }
    }

    /// What is kept of it, when it is not in play.
    pub(super) const fn rest(self) -> Rest {
        let low = self.0 as u32;
        let queue = (low & 0xFFF) as u16;
        Rest {
            queue: if queue == 0xFFF { None } else { Some(queue) },
            first_copy: (low >> 12 & 0xF) as u16,
            deliveries: (low >> 16) as u16,
        }
    }

    /// Counts a delivery of a message that is not in play.
    pub(super) fn delivered(&mut self) {
        let rest = self.rest();
        self.leave(Rest { deliveries: rest.deliveries.saturating_add(1), ..rest });
    }

    pub(super) const fn enter(&mut self, play: u32) {
        self.0 = self.0 & !0xFFFF_FFFF | fact::IN_PLAY | play as u64;
    }

    pub(super) fn leave(&mut self, rest: Rest) {
        let queue = u32::from(rest.queue.unwrap_or(0xFFF).min(0xFFF));
        let first_copy = u32::from(rest.first_copy.min(15));
        let low = queue | first_copy << 12 | u32::from(rest.deliveries) << 16;
        self.0 = self.0 & !0xFFFF_FFFF & !fact::IN_PLAY | u64::from(low);
    }

    /// Whether it took effect anywhere with a bit of its own.
    pub(super) const fn any_effect(self) -> bool {
        self.0 >> fact::FIRST_EFFECT & 0xFF != 0
    }

    /// Whether it took effect at `service` (below [`SERVICES`]).
    pub(super) const fn had_effect(self, service: u16) -> bool {
        self.0 >> (fact::FIRST_EFFECT + service as u32) & 1 != 0
    }

    /// Notes an effect at `service` (below [`SERVICES`]) and says whether it is the first there.
    pub(super) const fn effect(&mut self, service: u16) -> bool {
        let bit = 1 << (fact::FIRST_EFFECT + service as u32);
        let first = self.0 & bit == 0;
        self.0 |= bit;
        first
    }

    /// The slot of its producer, 0 for one that is not known.
    pub(super) const fn producer(self) -> u8 {
        (self.0 >> fact::FIRST_PRODUCER) as u8
    }

    pub(super) const fn set_producer(&mut self, slot: u8) {
        self.0 |= (slot as u64) << fact::FIRST_PRODUCER;
    }

    /// The facts without the place of the play, which depends on chance.
    pub(super) const fn facts(self) -> u64 {
        if self.has(fact::IN_PLAY) { self.0 & !0xFFFF_FFFF } else { self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_eight_bytes_and_mixes_nothing_up() {
        assert_eq!(size_of::<Cell>(), 8);
        let mut cell = Cell::default();
        cell.set(fact::SUBMITTED | fact::UNROUTABLE);
        cell.set_producer(200);
        assert!(cell.effect(7) && !cell.effect(7) && cell.effect(0));
        cell.enter(123_456);
        assert_eq!(cell.play(), Some(123_456));
        let rest = Rest { queue: Some(77), first_copy: 3, deliveries: 65_535 };
        cell.leave(rest);
        assert_eq!((cell.play(), cell.rest()), (None, rest));
        assert_eq!(cell.producer(), 200);
        assert!(cell.has(fact::SUBMITTED) && cell.has(fact::UNROUTABLE) && cell.any_effect());
        assert!(!cell.has(fact::CONFIRMED) && !cell.has(fact::STORED));
        cell.leave(Rest { queue: Some(9_999), ..rest });
        assert_eq!(cell.rest().queue, None);
    }
}
