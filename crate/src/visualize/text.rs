//! Text in the embedded font: its width, line breaks, and its pixels.
//!
//! plotters 0.3.7 can draw text with ab_glyph too, but leaves out the space at the left of each
//! glyph, so that letters stand unevenly; hence bitmaps get their glyphs from here.

use super::colour::{Colour, INK};
use ab_glyph::{Font, FontRef, ScaleFont, point};
use std::sync::OnceLock;

/// What SVG viewers try in this order; the embedded font is a subset of Lato under another name.
pub(super) const FAMILY: &str = "Lato, Carlito, Arial, sans-serif";

/// The height of a capital letter, as a share of the font size.
const CAP_HEIGHT: f64 = 0.72;

/// Where a text stands relative to its point.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// One line of text; `at` is on its baseline, unless it is [`Text::middle`].
#[derive(Clone)]
pub(super) struct Text {
    pub(super) content: String,
    pub(super) at: (f64, f64),
    pub(super) size: f64,
    pub(super) colour: Colour,
    pub(super) bold: bool,
    pub(super) align: Align,
    pub(super) upward: bool,
    middle: bool,
}

impl Text {
    pub(super) fn new(content: &str, at: (f64, f64), size: f64) -> Text {
        Text {
            content: printable(content),
            at,
            size,
            colour: INK,
            bold: false,
            align: Align::Left,
            upward: false,
            middle: false,
        }
    }

    pub(super) fn colour(self, colour: Colour) -> Text {
        Text { colour, ..self }
    }

    pub(super) fn bold(self, bold: bool) -> Text {
        Text { bold, ..self }
    }

    pub(super) fn align(self, align: Align) -> Text {
        Text { align, ..self }
    }

    /// The point is at half the height of the capital letters.
    pub(super) fn middle(self) -> Text {
        Text {
            middle: true,
            ..self
        }
    }

    /// Read from bottom to top.
    pub(super) fn upward(self) -> Text {
        Text {
            upward: true,
            ..self
        }
    }

    /// The point on the baseline.
    pub(super) fn baseline(&self) -> (f64, f64) {
        let drop = if self.middle {
            self.size * CAP_HEIGHT / 2.0
        } else {
            0.0
        };
        if self.upward {
            (self.at.0 + drop, self.at.1)
        } else {
            (self.at.0, self.at.1 + drop)
        }
    }
}

/// Control characters, which neither a line of text nor XML can hold, become spaces.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|sign| {
            if sign.is_control() || matches!(sign, '\u{FFFE}' | '\u{FFFF}') {
                ' '
            } else {
                sign
            }
        })
        .collect()
}

/// ` text.` to follow another sentence of an alt text, or nothing if there is nothing to say.
pub(super) fn sentence(text: &str) -> String {
    match text.trim().trim_end_matches('.') {
        "" => String::new(),
        text => format!(" {}.", text.replace('\n', ", ")),
    }
}

/// The width of one line in the unit of `size`.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(font) = font(bold) else {
        return 0.6 * size * text.chars().count() as f64;
    };
    advances(font, text, size).1
}

/// The width of the widest of several lines.
pub(super) fn widest<'a>(lines: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    lines
        .into_iter()
        .map(|line| width(line, size, false))
        .fold(0.0, f64::max)
}

/// The text, shortened with an ellipsis if it is wider than `limit`.
pub(super) fn shortened(text: &str, size: f64, bold: bool, limit: f64) -> String {
    if width(text, size, bold) <= limit {
        return text.to_owned();
    }
    let mut signs: Vec<char> = text.chars().collect();
    while signs.pop().is_some() {
        let candidate = format!("{}…", signs.iter().collect::<String>().trim_end());
        if width(&candidate, size, bold) <= limit {
            return candidate;
        }
    }
    "…".to_owned()
}

/// The text in lines no wider than `limit`, broken at spaces, and at most `most` of them.
pub(super) fn wrapped(text: &str, size: f64, bold: bool, limit: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in text.split('\n') {
        let mut line = String::new();
        for word in part.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_owned()
            } else {
                format!("{line} {word}")
            };
            if line.is_empty() || width(&longer, size, bold) <= limit {
                line = longer;
            } else {
                lines.push(std::mem::replace(&mut line, word.to_owned()));
            }
        }
        lines.push(line);
    }
    if lines.len() > most {
        let rest = lines.split_off(most.max(1) - 1).join(" ");
        lines.push(rest);
    }
    lines
        .iter()
        .map(|line| shortened(line, size, bold, limit))
        .collect()
}

/// Calls `paint(x, y, coverage)` for every pixel of the text; `size`, `x` and `y` are in pixels.
///
/// Returns false if the embedded font cannot be read.
pub(super) fn rasterise(text: &Text, scale: f64, mut paint: impl FnMut(i32, i32, f64)) -> bool {
    let Some(font) = font(text.bold) else {
        return false;
    };
    let size = text.size * scale;
    let (starts, length) = advances(font, &text.content, size);
    let shift = match text.align {
        Align::Left => 0.0,
        Align::Centre => -length / 2.0,
        Align::Right => -length,
    };
    let (x, y) = text.baseline();
    let (x, y) = (x * scale, y * scale);
    // A glyph between two pixel rows would be blurred; along the line fractions keep the spacing even.
    let (along, across) = if text.upward {
        (-y + shift, x.round() as i32)
    } else {
        (x + shift, y.round() as i32)
    };
    let font_scale = px_scale(font, size);
    for (sign, start) in text.content.chars().zip(starts) {
        let glyph = font
            .glyph_id(sign)
            .with_scale_and_position(font_scale, point((along + start) as f32, 0.0));
        let Some(outline) = font.outline_glyph(glyph) else {
            continue;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|column, row, coverage| {
            let column = corner.x as i32 + column as i32;
            let row = corner.y as i32 + row as i32;
            if text.upward {
                paint(across + row, -column, f64::from(coverage));
            } else {
                paint(column, across + row, f64::from(coverage));
            }
        });
    }
    true
}

/// Where each glyph starts, and the width of the whole line.
fn advances(font: &FontRef<'static>, text: &str, size: f64) -> (Vec<f64>, f64) {
    let scaled = font.as_scaled(px_scale(font, size));
    let mut starts = Vec::with_capacity(text.len());
    let mut end = 0.0;
    let mut previous = None;
    for sign in text.chars() {
        let glyph = font.glyph_id(sign);
        if let Some(previous) = previous {
            end += f64::from(scaled.kern(previous, glyph));
        }
        starts.push(end);
        end += f64::from(scaled.h_advance(glyph));
        previous = Some(glyph);
    }
    (starts, end)
}

/// ab_glyph measures a font by its ascent plus descent, CSS by its em square.
fn px_scale(font: &FontRef<'static>, size: f64) -> f32 {
    size as f32 * font.height_unscaled() / font.units_per_em().unwrap_or(2000.0)
}

/// Each cell of a notebook is a library of its own with its own statics, so the font is read on
/// first use in each.
fn font(bold: bool) -> Option<&'static FontRef<'static>> {
    static REGULAR: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    static BOLD: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    let (cell, bytes): (_, &'static [u8]) = if bold {
        (&BOLD, include_bytes!("../../fonts/WorkshopSans-Bold.ttf"))
    } else {
        (
            &REGULAR,
            include_bytes!("../../fonts/WorkshopSans-Regular.ttf"),
        )
    };
    cell.get_or_init(|| FontRef::try_from_slice(bytes).ok())
        .as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_is_proportional_to_size() {
        let small = width("Ankle boot", 10.0, false);
        assert!(small > 40.0 && small < 60.0, "{small}");
        assert!((width("Ankle boot", 20.0, false) - 2.0 * small).abs() < 0.01);
        assert!(width("Ankle boot", 10.0, true) > small);
    }

    #[test]
    fn digits_have_one_width() {
        assert_eq!(width("0000", 10.0, false), width("1739", 10.0, false));
    }

    #[test]
    fn every_sign_the_pictures_use_is_in_both_fonts() {
        for bold in [false, true] {
            let Some(font) = font(bold) else {
                panic!("the font cannot be read");
            };
            for sign in "−×±…–→←⁻⁰¹²³⁴⁵⁶⁷⁸⁹%,.éßŁαη“”".chars()
            {
                assert_ne!(font.glyph_id(sign).0, 0, "{sign} is missing");
            }
        }
    }

    #[test]
    fn long_text_is_shortened_to_fit() {
        let text = shortened("a very long class name", 12.0, false, 60.0);
        assert!(text.ends_with('…') && width(&text, 12.0, false) <= 60.0);
        assert_eq!(shortened("Bag", 12.0, false, 60.0), "Bag");
        assert_eq!(shortened("Bag", 12.0, false, 0.0), "…");
    }

    #[test]
    fn lines_break_at_spaces_and_the_last_one_is_shortened() {
        let lines = wrapped("true: Ankle boot, predicted: Sneaker", 12.0, false, 90.0, 9);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "true: Ankle boot, predicted: Sneaker");
        let two = wrapped("one\ntwo\nthree\nfour", 12.0, false, 30.0, 2);
        assert_eq!(two.len(), 2);
        assert!(two[1].ends_with('…'));
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop() {
        assert_eq!(sentence("enlarged\nbilinearly."), " enlarged, bilinearly.");
        assert_eq!(sentence("one"), " one.");
        assert_eq!(sentence(" "), "");
    }

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(printable("a\u{0}b\tc"), "a b c");
    }

    #[test]
    fn upward_text_covers_a_tall_box() {
        let text = Text::new("upward", (50.0, 100.0), 12.0).upward();
        let (mut left, mut right, mut top, mut bottom) = (i32::MAX, i32::MIN, i32::MAX, i32::MIN);
        assert!(rasterise(&text, 1.0, |x, y, _| {
            (left, right) = (left.min(x), right.max(x));
            (top, bottom) = (top.min(y), bottom.max(y));
        }));
        assert!(bottom - top > 2 * (right - left));
        assert!((40..=52).contains(&left) && (90..=100).contains(&bottom));
    }
}
