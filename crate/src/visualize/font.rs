//! The embedded fonts of the pictures: Latin letters of Lato, Japanese ones of Noto Sans JP (`fonts/README.md`).
//!
//! They are also registered with plotters, under the names that its documentation uses, so that a cell can draw text
//! on a machine without fonts.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, GlyphId};
use plotters::style::{FontStyle, register_font};

/// The fonts that an SVG viewer tries, in this order. The embedded font is a subset of Lato under another name.
const FAMILIES: &str = "Lato, Carlito, Arial, sans-serif";
/// The same with the Japanese fonts of the usual systems, for text that Lato cannot write.
pub(super) const JAPANESE_FAMILIES: &str = "Lato, Carlito, Arial, Noto Sans JP, Hiragino Sans, Yu Gothic, \
                               Meiryo, Noto Sans CJK JP, sans-serif";

/// The font names in plotters' examples.
#[rustfmt::skip]
const PLOTTERS_NAMES: [&str; 9] = [
    "sans-serif", "serif", "monospace", "Arial", "Calibri", "Helvetica", "Times New Roman", "Courier New", "Lato",
];

/// The family name in the font files.
pub(super) const EMBEDDED_FAMILY: &str = "Workshop Sans";

/// The bytes of the font file.
pub(super) fn file(bold: bool) -> &'static [u8] {
    if bold {
        include_bytes!("../../fonts/WorkshopSans-Bold.ttf")
    } else {
        include_bytes!("../../fonts/WorkshopSans-Regular.ttf")
    }
}

/// The font; `None` if it cannot be read.
pub(super) fn font(bold: bool) -> Option<&'static FontRef<'static>> {
    static FONTS: [OnceLock<Option<FontRef<'static>>>; 2] = [const { OnceLock::new() }; 2];
    FONTS[usize::from(bold)]
        .get_or_init(|| FontRef::try_from_slice(file(bold)).ok())
        .as_ref()
}

/// The characters of a text for which the font has no glyph; it draws an empty box for them.
pub(super) fn missing_characters(text: &str, bold: bool) -> Vec<char> {
    let is_missing =
        |character: &char| font(bold).is_some_and(|font| font.glyph_id(*character) == GlyphId(0));
    let mut missing: Vec<char> = text.chars().filter(is_missing).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// The value of `font-family` for a text.
pub(super) fn families(text: &str) -> &'static str {
    match text.chars().any(is_japanese) {
        true => JAPANESE_FAMILIES,
        false => FAMILIES,
    }
}

/// Whether a character needs the Japanese half of the font.
pub(super) fn is_japanese(character: char) -> bool {
    /// The first of the CJK radicals. Characters before it are in the Latin half, or in neither.
    const FIRST: char = '\u{2E80}';
    character >= FIRST
}

// SAFETY: this runs while the crate is loaded, when the standard library is ready. It writes into plotters' table of
// fonts, which has a lock.
#[ctor::ctor(unsafe)]
fn register() {
    for (bold, style) in [(false, FontStyle::Normal), (true, FontStyle::Bold)] {
        for name in (PLOTTERS_NAMES.into_iter()).chain([FAMILIES, JAPANESE_FAMILIES]) {
            // If this fails, plotters itself reports that there is no font.
            let _ = register_font(name, style, file(bold));
        }
    }
}

#[cfg(test)]
mod tests;
