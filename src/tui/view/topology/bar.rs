//! A log as a bar: `[████C▓▓P░░░H··]`.
//!
//! The letters stand where the offsets are, in their order, so that what coincides stands side by
//! side. Between them lies what is read and committed, in hand, unread, part of an open
//! transaction, or not on all replicas in sync. However long a log is, nothing that is there is
//! left out: every stretch has a cell at least.

use crate::talk::kafka::Offset;
use crate::tui::cluster::Marks;
use crate::tui::glyph::Glyphs;
use crate::tui::theme::Role;

/// One cell: its sign and how it is drawn.
pub(super) type Cell = (char, Role);

/// What a stretch of a log is to the group that reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stretch {
    /// Deleted, truncated, or never there.
    Gone,
    Done,
    InHand,
    Unread,
    Unstable,
    Unreplicated,
}

impl Stretch {
    fn of(marks: &Marks, from: Offset) -> Stretch {
        let position = marks.position.or(marks.committed);
        let committed = marks.committed.or(marks.position);
        let read = position.zip(committed).map_or(0, |(a, b)| a.min(b));
        if from < marks.start || from >= marks.end {
            Stretch::Gone
        } else if from >= marks.high_watermark {
            Stretch::Unreplicated
        } else if from < read {
            Stretch::Done
        } else if committed.is_some_and(|it| from >= it) && position.is_some_and(|it| from < it) {
            Stretch::InHand
        } else if from >= marks.stable {
            Stretch::Unstable
        } else {
            Stretch::Unread
        }
    }

    const fn cell(self, glyphs: &Glyphs) -> Cell {
        match self {
            Stretch::Gone => (glyphs.gone, Role::Violated),
            Stretch::Done => (glyphs.done, Role::Acked),
            Stretch::InHand => (glyphs.in_hand, Role::Unacked),
            Stretch::Unread => (glyphs.unread, Role::Ready),
            Stretch::Unstable => (glyphs.unstable, Role::Flight),
            Stretch::Unreplicated => (glyphs.dot, Role::Dim),
        }
    }
}

/// The letters with their offsets, from left to right.
fn letters(marks: &Marks) -> Vec<(Offset, char)> {
    let mut letters = vec![(marks.start, '[')];
    letters.extend(marks.committed.map(|it| (it, 'C')));
    letters.extend(marks.position.map(|it| (it, 'P')));
    if marks.stable < marks.high_watermark {
        letters.push((marks.stable, 'S'));
    }
    letters.extend([(marks.high_watermark, 'H'), (marks.end, ']')]);
    letters.sort_by_key(|(offset, _)| *offset);
    letters
}

/// How many offsets a bar spans.
pub(super) fn span(marks: &Marks) -> Offset {
    let letters = letters(marks);
    match (letters.first(), letters.last()) {
        (Some(first), Some(last)) => last.0 - first.0,
        _ => 0,
    }
}

/// The cells of a bar, at most `width`. Bars that are drawn with the same `scale`, the largest span
/// among them, can be compared.
pub(super) fn bar(marks: &Marks, scale: Offset, width: u16, glyphs: &Glyphs) -> Vec<Cell> {
    let letters = letters(marks);
    let stretches = letters.windows(2).filter(|pair| pair[0].0 < pair[1].0).count();
    let room = usize::from(width).saturating_sub(letters.len());
    // what every stretch has for itself, and what is shared out by length
    let free = room.saturating_sub(stretches) as u64;
    let cells = |len: Offset| {
        let wanted = if scale <= room as u64 { len - 1 } else { len * free / scale.max(1) };
        1 + wanted.min(free) as usize
    };
    let mut bar: Vec<Cell> = Vec::with_capacity(usize::from(width));
    for (place, (offset, letter)) in letters.iter().enumerate() {
        bar.push((*letter, Role::Title));
        let next = letters.get(place + 1).map_or(*offset, |next| next.0);
        if next > *offset {
            let cell = Stretch::of(marks, *offset).cell(glyphs);
            bar.extend(std::iter::repeat_n(cell, cells(next - offset)));
        }
    }
    bar.truncate(usize::from(width));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyph::Charset;

    fn drawn(marks: &Marks, scale: Offset, width: u16) -> String {
        bar(marks, scale, width, Charset::Ascii.glyphs()).iter().map(|cell| cell.0).collect()
    }

    fn marks(start: Offset, committed: Option<Offset>, position: Option<Offset>) -> Marks {
        Marks { start, committed, position, stable: 10, high_watermark: 10, end: 12 }
    }

    #[test]
    fn a_short_log_has_a_cell_for_each_offset() {
        assert_eq!(drawn(&marks(0, Some(4), Some(6)), 12, 30), "[####C==P----H..]");
    }

    #[test]
    fn what_coincides_stands_side_by_side() {
        let caught_up = Marks { end: 10, ..marks(0, Some(10), Some(10)) };
        assert_eq!(drawn(&caught_up, 10, 30), "[##########CPH]");
        assert_eq!(drawn(&Marks::default(), 0, 30), "[H]");
    }

    #[test]
    fn a_long_log_fits_and_loses_nothing() {
        let long =
            Marks { committed: Some(999_990), position: Some(999_995), ..marks(0, None, None) };
        let long = Marks { stable: 999_997, high_watermark: 999_998, end: 1_000_000, ..long };
        let bar = drawn(&long, 1_000_000, 20);
        assert!(bar.chars().count() <= 20, "{bar}");
        for sign in "[#C=P-S~H.]".chars() {
            assert!(bar.contains(sign), "{sign} is missing in {bar}");
        }
    }

    #[test]
    fn a_reader_that_retention_overtook_stands_outside_of_the_log() {
        assert_eq!(drawn(&marks(6, Some(3), Some(3)), 12, 30), "CPxxx[----H..]");
    }
}
