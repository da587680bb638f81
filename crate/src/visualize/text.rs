//! Text in the fonts of the crate: its width and its line breaks.

use super::area::{DEVICE_SCALE, Point};
use super::colour::{Colour, MUTED, TEXT};
use super::font::{JAPANESE_FAMILIES, families, font};
use super::line_breaks::pieces;
use crate::language::{translate, translated};
use ab_glyph::Font as _;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, IntoFont as _, TextStyle};

/// Font sizes in CSS pixels.
pub(super) const TITLE: f64 = 16.0;
pub(super) const LABEL: f64 = 12.5;
pub(super) const SMALL: f64 = 11.5;

/// plotters divides the font size by this factor before it writes it into an SVG.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;
/// plotters lowers the text by this fraction of the font size if its anchor is at the top.
const PLOTTERS_TOP_TO_BASELINE: f64 = 0.76;

/// The height of a capital letter, as a fraction of the font size.
const CAP_HEIGHT: f64 = 0.72;

/// One line of text. It starts at its point, which is on the baseline.
pub(super) struct Text {
    pub(super) content: String,
    at: Point,
    size: f64,
    colour: Colour,
    is_bold: bool,
    horizontal: HPos,
    is_rotated: bool,
    is_vertically_centred: bool,
}

impl Text {
    pub(super) fn new(content: &str, at: Point, size: f64) -> Text {
        Text {
            content: printable(content),
            at,
            size,
            colour: TEXT,
            is_bold: false,
            horizontal: HPos::Left,
            is_rotated: false,
            is_vertically_centred: false,
        }
    }

    pub(super) fn colour(mut self, colour: Colour) -> Text {
        self.colour = colour;
        self
    }

    pub(super) fn muted(self) -> Text {
        self.colour(MUTED)
    }

    pub(super) fn bold(mut self, bold: bool) -> Text {
        self.is_bold = bold;
        self
    }

    pub(super) fn centred(mut self) -> Text {
        self.horizontal = HPos::Center;
        self
    }

    /// It ends at its point.
    pub(super) fn right_aligned(mut self) -> Text {
        self.horizontal = HPos::Right;
        self
    }

    /// The point is at half the height of capital letters.
    pub(super) fn vertically_centred(mut self) -> Text {
        self.is_vertically_centred = true;
        self
    }

    /// It is read from bottom to top.
    pub(super) fn rotated(mut self) -> Text {
        self.is_rotated = true;
        self
    }

    /// The style and the point for plotters.
    pub(super) fn style(&self) -> (TextStyle<'static>, Point) {
        let drop = if self.is_vertically_centred {
            CAP_HEIGHT / 2.0
        } else {
            0.0
        };
        let down = self.size * drop - self.size * PLOTTERS_TOP_TO_BASELINE;
        let (top, transform) = match self.is_rotated {
            true => ((self.at.0 + down, self.at.1), FontTransform::Rotate270),
            false => ((self.at.0, self.at.1 + down), FontTransform::None),
        };
        let weight = match self.is_bold {
            true => FontStyle::Bold,
            false => FontStyle::Normal,
        };
        let size = self.size * DEVICE_SCALE * PLOTTERS_FONT_FACTOR;
        let font = (families(&self.content), size).into_font().style(weight);
        let style = font.transform(transform).color(&self.colour);
        (style.pos(Pos::new(self.horizontal, VPos::Top)), top)
    }
}

/// The style of a chart's texts, which plotters places. It names the Japanese fonts for every text.
pub(super) fn style(size: f64, colour: Colour) -> TextStyle<'static> {
    let size = size * DEVICE_SCALE * PLOTTERS_FONT_FACTOR;
    (JAPANESE_FAMILIES, size).into_font().color(&colour)
}

/// The text with a space for each control character: neither a line of text nor XML may contain them.
pub(super) fn printable(text: &str) -> String {
    let is_unprintable =
        |character: char| character.is_control() || matches!(character, '\u{FFFE}' | '\u{FFFF}');
    text.replace(is_unprintable, " ")
}

/// The text as another sentence of an alt text, ` text.`; empty if the text is empty.
pub(super) fn sentence(text: &str) -> String {
    match in_one_line(text.trim().trim_end_matches(['.', '。'])) {
        text if text.is_empty() => text,
        text => translate!(" {text}.", "{text}。"),
    }
}

/// The lines of a text joined to one, for an alt text.
pub(super) fn in_one_line(text: &str) -> String {
    text.trim().replace('\n', translated(", ", "、"))
}

/// The text, or another one if it is empty.
pub(super) fn or_if_empty<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// The parts with commas between them.
pub(super) fn joined(parts: &[String]) -> String {
    parts.join(translated(", ", "、"))
}

/// The width of one line, in the unit of `size`.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let Some(font) = font(bold) else {
        return 0.6 * size * text.chars().count() as f64;
    };
    // A font size is the size of the em square, in CSS as well.
    let unit = size / f64::from(font.units_per_em().unwrap_or(2000.0));
    let mut previous = None;
    let advances = text.chars().map(|character| {
        let glyph = font.glyph_id(character);
        let before = previous.replace(glyph);
        let kern = before.map_or(0.0, |before| font.kern_unscaled(before, glyph));
        kern + font.h_advance_unscaled(glyph)
    });
    f64::from(advances.sum::<f32>()) * unit
}

/// The width of the widest of several lines.
pub(super) fn max_width<S: AsRef<str>>(lines: impl IntoIterator<Item = S>, size: f64) -> f64 {
    let width = |line: S| width(line.as_ref(), size, false);
    lines.into_iter().map(width).fold(0.0, f64::max)
}

/// The text, cut and with an ellipsis if it is wider than `limit`.
pub(super) fn truncated(text: &str, size: f64, bold: bool, limit: f64) -> String {
    if width(text, size, bold) <= limit {
        return text.to_owned();
    }
    let ends = text.char_indices().rev().map(|(end, _)| end);
    let mut candidates = ends.map(|end| format!("{}…", text[..end].trim_end()));
    let fitting = candidates.find(|candidate| width(candidate, size, bold) <= limit);
    fitting.unwrap_or_else(|| "…".to_owned())
}

/// The text in at most `max_lines` lines that are no wider than `limit`; no lines for blank text. Latin text is broken at
/// spaces, Japanese between characters.
pub(super) fn wrapped(
    text: &str,
    size: f64,
    bold: bool,
    limit: f64,
    max_lines: usize,
) -> Vec<String> {
    let fits = |text: &str| width(text, size, bold) <= limit;
    let mut lines: Vec<String> = Vec::new();
    for part in text.split('\n') {
        let mut starts_line = true;
        for piece in pieces(part, fits) {
            let space = if piece.after_space { " " } else { "" };
            let is_last = lines.len() == max_lines;
            let longer = |line: &String| format!("{line}{space}{}", piece.text);
            let longer = lines.last().map(longer);
            match (lines.last_mut(), longer) {
                (Some(line), Some(longer)) if is_last || (!starts_line && fits(&longer)) => {
                    *line = longer;
                }
                _ => lines.push(piece.text.to_owned()),
            }
            starts_line = false;
        }
    }
    let truncate = |line: &String| truncated(line, size, bold, limit);
    lines.iter().map(truncate).collect()
}

#[cfg(test)]
mod tests {
    use super::super::font::missing_characters;
    use super::*;
    use crate::language::{Language, with_language};

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
    fn every_character_of_the_pictures_is_in_both_fonts() {
        for bold in [false, true] {
            let characters = "−×±…–→←⁻⁰¹²³⁴⁵⁶⁷⁸⁹%,.éßŁαη“”";
            for character in characters.chars() {
                assert_eq!(missing_characters(&character.to_string(), bold), []);
            }
        }
    }

    #[test]
    fn japanese_characters_are_as_wide_as_the_size_beside_latin_ones() {
        for bold in [false, true] {
            assert!((width("画像、", 12.0, bold) - 36.0).abs() < 0.01);
            let mixed = width("画像 12 枚", 12.0, bold);
            let latin = width(" 12 ", 12.0, bold);
            assert!((mixed - 36.0 - latin).abs() < 0.01, "{mixed}");
        }
        // Letters of the same font are kerned, also behind a Japanese character.
        let kerned = width("靴AV", 12.0, false) - 12.0;
        assert!((kerned - width("AV", 12.0, false)).abs() < 0.01);
        assert!(kerned < width("A", 12.0, false) + width("V", 12.0, false));
    }

    #[test]
    fn only_text_with_japanese_names_japanese_fonts_in_svg() {
        let family = families;
        assert_eq!(family("Bag"), "Lato, Carlito, Arial, sans-serif");
        assert!(family("靴 Bag").contains("Noto Sans JP, Hiragino Sans, Yu Gothic, Meiryo"));
    }

    #[test]
    fn long_text_is_shortened_to_fit() {
        let text = truncated("a very long class name", 12.0, false, 60.0);
        assert!(text.ends_with('…') && width(&text, 12.0, false) <= 60.0);
        assert_eq!(truncated("Bag", 12.0, false, 60.0), "Bag");
        assert_eq!(truncated("Bag", 12.0, false, 0.0), "…");
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
    fn japanese_lines_break_without_spaces() {
        let lines = |text: &str, limit| wrapped(text, 10.0, false, limit, 9);
        assert_eq!(
            lines("畳み込み層のフィルタ", 40.0),
            ["畳み込み", "層の", "フィルタ"]
        );
        // Neither the full stop nor the small kana may start a line, nor the bracket end it.
        assert_eq!(lines("層です。次は", 30.0), ["層で", "す。次", "は"]);
        assert_eq!(lines("あいチェック", 30.0), ["あい", "チェッ", "ク"]);
        assert_eq!(lines("層名「靴」", 30.0), ["層名", "「靴」"]);
        let spaced = lines("画像 12 枚の確率", 45.0);
        assert_eq!(spaced, ["画像 12", "枚の確率"]);
    }

    #[test]
    fn the_last_of_too_many_japanese_lines_has_no_spaces_between_them() {
        let lines = wrapped("畳み込み層のフィルタ", 10.0, false, 40.0, 2);
        assert_eq!(lines, ["畳み込み", "層のフ…"]);
        let lines = wrapped("画像 12 枚", 10.0, false, 30.0, 1);
        assert_eq!(lines, ["画像…"]);
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop() {
        assert_eq!(sentence("enlarged\nbilinearly."), " enlarged, bilinearly.");
        assert_eq!(sentence("one"), " one.");
        assert_eq!(sentence(" "), "");
        let japanese = with_language(Language::Japanese, || sentence("拡大\n補間なし。"));
        assert_eq!(japanese, "拡大、補間なし。");
    }

    #[test]
    fn control_characters_become_spaces() {
        assert_eq!(printable("a\u{0}b\tc"), "a b c");
    }
}
