//! The messages in play and their copies: two arenas with free lists.

use std::hash::{Hash, Hasher};

use super::cell::{Cell, Rest, fact};
use super::verdict::How;
use crate::kernel::{StepNo, Time};
use crate::talk::{Death, MessageId};

/// No index.
pub(super) const NONE: u32 = u32::MAX;

/// One copy of a message in a queue or at a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    /// The node that holds it unacknowledged, or [`NONE`] when it is ready.
    pub(super) holder: u32,
    /// Its place in the order in which its queue stored copies.
    pub(super) place: u32,
    pub(super) queue: u16,
    pub(super) copy: u16,
    /// How often it was pushed.
    pub(super) deliveries: u16,
    /// In which session of its holder it was pushed.
    pub(super) session: u16,
    /// Bits of [`mark`].
    pub(super) marks: u16,
}

/// What else is known of a copy, one bit each.
pub(super) mod mark {
    /// It reached a consumer at some time.
    pub(in crate::check) const RECEIVED: u16 = 1;
    /// It has reached the consumer that holds it.
    pub(in crate::check) const ARRIVED: u16 = 1 << 1;
    /// The last time that it came back, its consumer wanted that.
    pub(in crate::check) const WILLED: u16 = 1 << 2;
    /// The producer sent it although another copy had been delivered from this queue.
    pub(in crate::check) const REPEATS: u16 = 1 << 3;
    /// It came by dead lettering.
    pub(in crate::check) const DEAD: u16 = 1 << 4;
    /// It was there again after a restart.
    pub(in crate::check) const RECOVERED: u16 = 1 << 5;
    /// And it had been acknowledged before.
    pub(in crate::check) const RESURRECTED: u16 = 1 << 6;
    /// Its consumer has answered.
    pub(in crate::check) const ANSWERED: u16 = 1 << 7;
    /// Its queue let go of it when it pushed it.
    pub(in crate::check) const NO_ACK: u16 = 1 << 8;
    /// It should not exist, but somebody pushed it.
    pub(in crate::check) const GHOST: u16 = 1 << 9;
    /// Why it came back last: the number of a `Returned`, from this bit on.
    pub(in crate::check) const RETURNED: u32 = 10;
    /// It is the answer to a request, and nobody's message.
    pub(in crate::check) const REPLY: u16 = 1 << 13;
    /// No consumer gets it any more: it waits to be dead-lettered.
    pub(in crate::check) const DYING: u16 = 1 << 14;
    /// Its queue had handed it out and took it back.
    pub(in crate::check) const CAME_BACK: u16 = 1 << 15;
}

impl Token {
    pub(super) const fn has(&self, mark: u16) -> bool {
        self.marks & mark != 0
    }

    pub(super) const fn ready(&self) -> bool {
        self.holder == NONE && !self.has(mark::DYING)
    }

    /// Whether some consumer holds it.
    pub(super) const fn held(&self) -> bool {
        self.holder != NONE
    }
}

/// What happened to a message in play that may make it late, one bit each.
pub(super) mod trail {
    pub(in crate::check) const RESENT: u8 = 1;
    pub(in crate::check) const RETRIED: u8 = 1 << 1;
    pub(in crate::check) const REQUEUED: u8 = 1 << 2;
    pub(in crate::check) const DEAD: u8 = 1 << 3;
    pub(in crate::check) const CRASHED: u8 = 1 << 4;
    pub(in crate::check) const RESTARTED: u8 = 1 << 5;
    /// An answer to it is on its way.
    pub(in crate::check) const REPLIED: u8 = 1 << 6;
}

/// A message that has not come to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Play {
    /// The slot of its order by key, or [`NONE`].
    pub(super) line: u32,
    /// Which publishes of it (the first 32) were made by consumers.
    pub(super) retries: u32,
    pub(super) deliveries: u16,
    /// The first publish of it that was stored.
    pub(super) first_copy: u16,
    /// The queue that let go of it last.
    pub(super) queue: Option<u16>,
    /// In how many queues the first publish was stored.
    pub(super) roots: u8,
    /// Dead letters that left one queue and have not arrived in another.
    pub(super) owed: u8,
    /// Dead letters that arrived before they left.
    pub(super) prepaid: u8,
    /// Bits of [`trail`].
    pub(super) trail: u8,
    /// The publish of it by a bridge, plus one; 0 when there was none.
    pub(super) bridged: u16,
    /// How it died last.
    pub(super) died: Option<Death>,
    /// How its last copy was lost.
    pub(super) lost: Option<How>,
    /// How it came to be delivered twice.
    pub(super) twice: Option<How>,
    /// The last step that concerned it, which is only evidence.
    pub(super) last: StepNo,
    /// When that was.
    pub(super) last_at: Time,
    head: u32,
}

/// Equal when the same can be said of both; when it happened does not matter.
impl Play {
    fn essence(&self) -> impl PartialEq + Hash {
        (
            (self.line, self.retries, self.deliveries, self.first_copy, self.queue),
            (
                self.roots,
                self.owed,
                self.prepaid,
                self.trail,
                self.bridged,
                self.died,
                self.lost,
                self.twice,
            ),
        )
    }
}

/// A token and the next one of the same message; free ones are chained the same way.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    token: Token,
}

/// All messages, by their numbers, which are dense.
#[derive(Clone, Debug)]
pub(super) struct Book {
    cells: Vec<Cell>,
    plays: Vec<Play>,
    /// Places in `plays` that are free.
    free: Vec<u32>,
    links: Vec<Link>,
    free_link: u32,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            cells: Vec::new(),
            plays: Vec::new(),
            free: Vec::new(),
            links: Vec::new(),
            free_link: NONE,
        }
    }
}

impl Book {
    /// The cell of a message, which is made when it is not there.
    pub(super) fn cell(&mut self, msg: MessageId) -> &mut Cell {
        let at = msg.0 as usize;
        if at >= self.cells.len() {
            self.grow(at);
        }
        &mut self.cells[at]
    }

    #[cold]
    fn grow(&mut self, at: usize) {
        let len = self.cells.len();
        if at >= self.cells.capacity() {
            // by an eighth and not twofold: eight bytes for each message are meant to be eight
            self.cells.reserve_exact((at + 1 - len).max(len / 8).max(16));
        }
        self.cells.resize((at + 1).max(self.cells.capacity()), Cell::default());
    }

    /// The cell of a message, empty when it was never heard of.
    pub(super) fn get(&self, msg: MessageId) -> Cell {
        self.cells.get(msg.0 as usize).copied().unwrap_or_default()
    }

    /// The place of its play, which begins (again) when it is not in play.
    pub(super) fn open(&mut self, msg: MessageId) -> u32 {
        match self.cell(msg).play() {
            Some(play) => play,
            None => self.begin(msg),
        }
    }

    fn begin(&mut self, msg: MessageId) -> u32 {
        let cell = self.cell(msg);
        let known = cell.has(fact::STORED);
        let rest = cell.rest();
        let play = Play {
            line: NONE,
            retries: 0,
            deliveries: if known { rest.deliveries } else { 0 },
            first_copy: if known { rest.first_copy } else { 0 },
            queue: if known { rest.queue } else { None },
            roots: u8::from(known),
            owed: 0,
            prepaid: 0,
            trail: 0,
            bridged: 0,
            died: None,
            lost: None,
            twice: None,
            last: 0,
            last_at: Time::ZERO,
            head: NONE,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.plays[at as usize] = play;
                at
            }
            None => {
                self.plays.push(play);
                (self.plays.len() - 1) as u32
            }
        };
        self.cell(msg).enter(at);
        at
    }

    /// Counts a delivery.
    pub(super) fn delivered(&mut self, msg: MessageId) {
        match self.cell(msg).play() {
            Some(play) => {
                let play = &mut self.plays[play as usize];
                play.deliveries = play.deliveries.saturating_add(1);
            }
            None => self.cell(msg).delivered(),
        }
    }

    /// Ends a play that has no copies left.
    pub(super) fn close(&mut self, msg: MessageId, at: u32) {
        let play = &self.plays[at as usize];
        debug_assert_eq!(play.head, NONE, "a message with copies is in play");
        let rest =
            Rest { queue: play.queue, first_copy: play.first_copy, deliveries: play.deliveries };
        self.cells[msg.0 as usize].leave(rest);
        self.free.push(at);
    }

    pub(super) fn play(&self, at: u32) -> &Play {
        &self.plays[at as usize]
    }

    pub(super) fn play_mut(&mut self, at: u32) -> &mut Play {
        &mut self.plays[at as usize]
    }

    pub(super) fn token(&self, at: u32) -> &Token {
        &self.links[at as usize].token
    }

    pub(super) fn token_mut(&mut self, at: u32) -> &mut Token {
        &mut self.links[at as usize].token
    }

    /// The copies of a message in play, in the order in which they appeared.
    pub(super) fn tokens(&self, play: u32) -> Tokens<'_> {
        Tokens { book: self, at: self.plays[play as usize].head }
    }

    /// The first of its copies for which `fits` is true.
    pub(super) fn find(&self, play: u32, fits: impl Fn(&Token) -> bool) -> Option<u32> {
        self.tokens(play).find(|(_, token)| fits(token)).map(|(at, _)| at)
    }

    /// Whether it has no copy.
    pub(super) fn bare(&self, play: u32) -> bool {
        self.plays[play as usize].head == NONE
    }

    /// Adds a copy.
    pub(super) fn add(&mut self, play: u32, token: Token) -> u32 {
        let link = Link { next: NONE, token };
        let at = match self.free_link {
            NONE => {
                self.links.push(link);
                (self.links.len() - 1) as u32
            }
            at => {
                self.free_link = self.links[at as usize].next;
                self.links[at as usize] = link;
                at
            }
        };
        match self.tokens(play).last() {
            Some((last, _)) => self.links[last as usize].next = at,
            None => self.plays[play as usize].head = at,
        }
        at
    }

    /// Removes a copy.
    pub(super) fn remove(&mut self, play: u32, at: u32) -> Token {
        let Link { next, token } = self.links[at as usize];
        let head = &mut self.plays[play as usize].head;
        if *head == at {
            *head = next;
        } else {
            let before = self.find_link(play, at);
            self.links[before as usize].next = next;
        }
        self.links[at as usize].next = self.free_link;
        self.free_link = at;
        token
    }

    fn find_link(&self, play: u32, next: u32) -> u32 {
        let mut at = self.plays[play as usize].head;
        // it is in this chain, because callers got it from there
        while self.links[at as usize].next != next {
            at = self.links[at as usize].next;
        }
        at
    }

    /// All messages that were ever heard of, in order of their numbers.
    pub(super) fn messages(&self) -> impl Iterator<Item = (MessageId, Cell)> {
        let cells = self.cells.iter().enumerate();
        cells.filter(|(_, cell)| cell.facts() != 0).map(|(id, &cell)| (MessageId(id as u32), cell))
    }

    /// How much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.cells.capacity() * size_of::<Cell>()
            + self.plays.capacity() * size_of::<Play>()
            + self.free.capacity() * size_of::<u32>()
            + self.links.capacity() * size_of::<Link>()
    }
}

/// Walks over the copies of a message.
pub(super) struct Tokens<'a> {
    book: &'a Book,
    at: u32,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (u32, &'a Token);

    fn next(&mut self) -> Option<(u32, &'a Token)> {
        if self.at == NONE {
            return None;
        }
        let at = self.at;
        let link = &self.book.links[at as usize];
        self.at = link.next;
        Some((at, &link.token))
    }
}

/// Two books are equal when the same can be said of every message. Where something stands in an
/// arena depends on the order of unrelated events, and must not tell two worlds apart.
impl PartialEq for Book {
    fn eq(&self, other: &Book) -> bool {
        let mut ours = self.messages();
        let mut theirs = other.messages();
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some((a, x)), Some((b, y))) if a == b && x.facts() == y.facts() => {
                    if let (Some(x), Some(y)) = (x.play(), y.play()) {
                        let same = self.play(x).essence() == other.play(y).essence()
                            && self.tokens(x).map(|it| it.1).eq(other.tokens(y).map(|it| it.1));
                        if !same {
                            return false;
                        }
                    }
                }
                _ => return false,
            }
        }
    }
}

impl Eq for Book {}

impl Hash for Book {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (msg, cell) in self.messages() {
            (msg, cell.facts()).hash(state);
            if let Some(play) = cell.play() {
                self.play(play).essence().hash(state);
                for (_, token) in self.tokens(play) {
                    token.hash(state);
                }
            }
        }
    }
}
