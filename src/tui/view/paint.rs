//! Writing into cells: the few strokes that all views are made of.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::tui::glyph::Glyphs;
use crate::tui::model::Ui;
use crate::tui::theme::{Role, Theme};

/// A buffer together with the styles and signs to draw with.
pub(super) struct Paint<'a> {
    /// The cells.
    pub(super) buf: &'a mut Buffer,
    /// The styles.
    pub(super) theme: &'a Theme,
    /// The signs.
    pub(super) glyphs: &'static Glyphs,
}

impl<'a> Paint<'a> {
    /// Draws into `buf` as `ui` says.
    pub(super) fn new(buf: &'a mut Buffer, ui: &'a Ui) -> Paint<'a> {
        Paint { buf, theme: &ui.theme, glyphs: ui.charset.glyphs() }
    }

    /// Writes `text` from (`x`, `y`) on, at most `width` cells, cut with an ellipsis. Returns the
    /// column after it.
    pub(super) fn text(&mut self, x: u16, y: u16, width: u16, text: &str, role: Role) -> u16 {
        self.styled(x, y, width, text, self.theme.of(role))
    }

    /// Writes a name, cut in its middle when it is too long.
    pub(super) fn name(&mut self, x: u16, y: u16, width: u16, name: &str, role: Role) -> u16 {
        let fitted = self.glyphs.fit_name(name, usize::from(width));
        self.text(x, y, width, &fitted, role)
    }

    /// As [`Paint::text`], in any style.
    pub(super) fn styled(&mut self, x: u16, y: u16, width: u16, text: &str, style: Style) -> u16 {
        let area = self.buf.area;
        if !(area.left()..area.right()).contains(&x) || !(area.top()..area.bottom()).contains(&y) {
            return x;
        }
        let fitted = self.glyphs.fit(&self.glyphs.spell(text), usize::from(width));
        self.buf.set_stringn(x, y, fitted, usize::from(width), style).0
    }

    /// Writes one sign.
    pub(super) fn sign(&mut self, x: u16, y: u16, sign: char, role: Role) {
        let style = self.theme.of(role);
        if let Some(cell) = self.buf.cell_mut((x, y)) {
            cell.set_char(sign).set_style(style);
        }
    }

    /// Writes text so that it ends before column `right`. Returns where it begins.
    pub(super) fn text_right(
        &mut self,
        right: u16,
        y: u16,
        width: u16,
        text: &str,
        role: Role,
    ) -> u16 {
        let fitted = self.glyphs.fit(text, usize::from(width));
        let x = right.saturating_sub(fitted.chars().count() as u16);
        self.text(x, y, width, &fitted, role);
        x
    }

    /// A horizontal rule.
    pub(super) fn rule(&mut self, area: Rect, y: u16) {
        for x in area.left()..area.right() {
            self.sign(x, y, self.glyphs.across, Role::Frame);
        }
    }

    /// A box with a title in its upper edge and perhaps one in its lower. Returns what is inside.
    pub(super) fn frame(&mut self, area: Rect, title: &str, below: &str) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let set = self.glyphs.border;
        let style = self.theme.of(Role::Frame);
        let (left, right, top, bottom) =
            (area.left(), area.right() - 1, area.top(), area.bottom() - 1);
        for x in left..=right {
            self.styled(x, top, 1, set.horizontal_top, style);
            self.styled(x, bottom, 1, set.horizontal_bottom, style);
        }
        for y in top..=bottom {
            self.styled(left, y, 1, set.vertical_left, style);
            self.styled(right, y, 1, set.vertical_right, style);
        }
        self.styled(left, top, 1, set.top_left, style);
        self.styled(right, top, 1, set.top_right, style);
        self.styled(left, bottom, 1, set.bottom_left, style);
        self.styled(right, bottom, 1, set.bottom_right, style);
        let room = usize::from(area.width.saturating_sub(4));
        for (y, title, role) in [(top, title, Role::Title), (bottom, below, Role::Dim)] {
            if !title.is_empty() {
                let title = format!(" {} ", self.glyphs.fit_name(title, room));
                let width = title.chars().count() as u16;
                // a narrow box gives the cell in front of the title away
                let x = left + if width + 3 <= area.width { 2 } else { 1 };
                self.text(x, y, width, &title, role);
            }
        }
        Rect { x: left + 1, y: top + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// Empties an area.
    pub(super) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.buf[(x, y)].reset();
                self.buf[(x, y)].set_style(self.theme.of(Role::Text));
            }
        }
    }

    /// Adds the style of the selected line to a stretch of cells.
    pub(super) fn select(&mut self, x: u16, y: u16, width: u16) {
        let area = Rect { x, y, width, height: 1 }.intersection(self.buf.area);
        self.buf.set_style(area, self.theme.of(Role::Selected));
    }

    /// Makes a stretch of cells faint.
    pub(super) fn faint(&mut self, x: u16, y: u16, width: u16) {
        let area = Rect { x, y, width, height: 1 }.intersection(self.buf.area);
        let style = self.theme.of(Role::Dim).remove_modifier(Modifier::BOLD);
        self.buf.set_style(area, style);
    }
}

/// Which rows of a list of `len` are seen in `height` lines, with row `at` among them, as far
/// from both edges as possible.
pub(super) fn window(len: usize, at: usize, height: usize) -> std::ops::Range<usize> {
    let first = at.saturating_sub(height * 2 / 3).min(len.saturating_sub(height));
    first..(first + height).min(len)
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn the_cursor_is_always_in_the_window() {
        for len in 0..30 {
            for at in 0..len {
                for height in 1..12 {
                    let seen = window(len, at, height);
                    assert!(seen.contains(&at), "{at} of {len} in {height}: {seen:?}");
                    assert_eq!(seen.len(), height.min(len));
                }
            }
        }
    }
}
